"""The intake as an ASGI app that mounts anywhere: `POST` a message, `GET` the health beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from functools import lru_cache, partial
from types import coroutine
from typing import Any, TypeVar, cast

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.services.admission import Response, Routes, refused, unreadable
from kz_compliance_sdk.services.intake import declared_length

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi_app(desk: AsyncComplianceDesk) -> App:
    """The app: `POST <intake path>` and `GET <intake path>/health`, below the prefix that it is mounted under and
    below the path of `public_url`; anything else is 404.

    It has no lifespan: a mounted app never gets one. Start the worker, and close the desk, where the host starts and
    ends.
    """
    settings = desk.blocking.settings
    limit, routes = settings.limits.max_body, Routes(settings.public_url, settings.intake_path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        route = routes.route(scope.get("root_path", ""), scope["path"])
        if route == "health" and scope["method"] == "GET":
            await _answer(send, await _health(desk))
        elif route == "intake":
            answer = await _intake(desk, scope, receive, limit)
            if answer is not None:
                await _answer(send, answer)
        else:
            await _answer(send, refused(404, "not_found", "There is nothing here."))

    return app


async def _health(desk: AsyncComplianceDesk) -> Response:
    try:
        body = json.dumps(await desk.health_document()).encode()
    except StoreError as error:
        return unreadable(error)
    return Response(200, (("content-type", "application/json"),), body)


async def _intake(desk: AsyncComplianceDesk, scope: Scope, receive: Receive, limit: int) -> Response | None:
    """The answer; None if the sender went away before its message was whole."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    declared = next((value for name, value in headers if name == "content-length"), "0")
    early = desk.blocking.refuse_early(scope["method"], headers, declared_length(declared, limit + 1))
    if early is not None:
        return early
    # Nearly every body is there with its head. A timeout costs as much as a signature: it is for what must be awaited.
    reading = _body(receive, limit).__await__()
    try:
        waits_for = next(reading)
    except StopIteration as read:
        body = read.value
    else:
        deadline_s = desk.blocking.settings.limits.read_timeout_s
        try:
            async with asyncio.timeout(deadline_s):
                body = await _rest(reading, waits_for)
        except TimeoutError:
            return refused(408, "timeout", f"The body did not come within {deadline_s:g} seconds.")
    if body is None:
        return None
    raw_path = scope.get("raw_path") or scope["path"].encode()
    target = raw_path.decode("latin-1")
    if query := scope.get("query_string"):
        target = f"{target}?{query.decode('latin-1')}"
    return await desk.receive(scope["method"], target, headers, body)


@coroutine
def _rest(begun: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """What a coroutine comes to that was begun by hand, and waits now."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001  it is the coroutine's to handle
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, sent)
        try:
            waits_for = step()
        except StopIteration as done:
            return cast("T", done.value)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None if the sender went away, which must not count as
    a refusal under its key."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return first
    parts, size = [first], len(first)
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def _answer(send: Send, response: Response) -> None:
    headers = [*_raw(response.headers), (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


@lru_cache(maxsize=64)
def _raw(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    """The headers as ASGI has them. There are few sets of them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
