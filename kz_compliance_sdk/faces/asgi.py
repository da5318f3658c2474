"""The intake as an ASGI app that mounts anywhere: `POST` a message, `GET` the health beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.services.intake import declared_length
from kz_compliance_sdk.services.response import Response, refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi_app(desk: AsyncComplianceDesk) -> App:
    """The app. It answers `POST <intake path>` and `GET <intake path>/health`, wherever it is mounted.

    It has no lifespan: a mounted app never gets one. Start the worker, and close the desk, where the host starts and
    ends.
    """
    settings = desk.blocking.settings
    limit, deadline_s, path = settings.limits.max_body, settings.limits.read_timeout_s, settings.intake_path.rstrip("/")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        where = scope["path"]
        if where.endswith(path + "/health") and scope["method"] == "GET":
            body = json.dumps(await desk.health_document()).encode()
            await _answer(send, Response(200, (("content-type", "application/json"),), body))
        elif where.rstrip("/").endswith(path):
            answer = await _intake(desk, scope, receive, limit, deadline_s)
            if answer is not None:
                await _answer(send, answer)
        else:
            await _answer(send, refused(404, "not_found", "There is nothing here."))

    return app


async def _intake(
    desk: AsyncComplianceDesk, scope: Scope, receive: Receive, limit: int, deadline_s: float
) -> Response | None:
    """The answer; None if the sender went away before its message was whole."""
    try:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        declared = next((value for name, value in headers if name == "content-length"), "0")
        early = desk.blocking.intake.check_transport(scope["method"], headers, declared_length(declared, limit + 1))
        if early is not None:
            return early
        async with asyncio.timeout(deadline_s):
            body = await _body(receive, limit)
            if body is None:
                return None
    except TimeoutError:
        return refused(408, "timeout", f"The body did not come within {deadline_s:g} seconds.")
    raw_path = scope.get("raw_path") or scope["path"].encode()
    target = raw_path.decode("latin-1")
    if query := scope.get("query_string"):
        target = f"{target}?{query.decode('latin-1')}"
    return await desk.receive(scope["method"], target, headers, body)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None if the sender went away, which must not count as
    a refusal under its key."""
    parts: list[bytes] = []
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if not message.get("more_body", False):
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(send: Send, response: Response) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
