"""The mock regulator as an ASGI application, for a test client or for a server that is already there.

ASGI cannot reset a connection, hang for ever, or send what is no HTTP. A fault that would is raised as `Reply.failure`
says (ConnectionResetError, TimeoutError), which a client that calls the application in its own process sees as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request

__all__ = ["asgi_app"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi_app(handle: Callable[[Request], Reply]) -> Callable[[_Scope, _Receive, _Send], Awaitable[None]]:
    """The application that answers with `handle`. Its signatures are checked against the regulator's `base_url`."""

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError("the mock regulator speaks HTTP alone")
        # In a thread: the control interface waits for the platform, which may be served by this very loop.
        reply = await asyncio.to_thread(handle, await _request(scope, receive))
        if reply.delay_ms:
            await asyncio.sleep(reply.delay_ms / 1000)
        failure = reply.failure()
        if failure is not None and reply.ending != "truncated":
            raise failure
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        for wait_s, piece in reply.drops():
            if wait_s:
                await asyncio.sleep(wait_s)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if failure is not None:
            raise failure
        await send({"type": "http.response.body", "body": b""})

    return app


async def _request(scope: _Scope, receive: _Receive) -> Request:
    body = bytearray()
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away before its request was whole")
        body += event.get("body", b"")
        more = event.get("more_body", False)
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    if scope.get("query_string"):
        target += "?" + scope["query_string"].decode("latin-1")
    client = scope.get("client")
    return Request(
        method=scope["method"],
        target=target,
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=bytes(body),
        peer=client[0] if client else "",
    )


async def _lifespan(receive: _Receive, send: _Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
