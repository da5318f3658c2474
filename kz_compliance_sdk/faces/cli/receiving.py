"""Around the receiver's app: its log says when messages cannot be stored, and a sandbox shows what was stored."""

from __future__ import annotations

import gc
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.errors import ConfigError

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk

__all__ = ["collect_garbage_seldom", "with_inspection", "with_outages_told"]

_PART = "storing what is sent"
_STORED = frozenset({200, 202, 409, 422})

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


def collect_garbage_seldom() -> None:
    """For a process that only receives: what the program itself consists of is never looked through again, and what a
    message leaves behind is nearly all freed without the collector. It was a fifth of the receiver's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 1_000)


def with_outages_told(app: App, troubles: Troubles) -> App:
    """The app; what it answers with 503 is told in the log, once for as long as it lasts."""

    async def watched(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status == 503:
                troubles.met(_PART, _cause(message.get("body", b"")))
            elif status in _STORED and scope["method"] == "POST":
                troubles.over(_PART)
            await send(message)

        await app(scope, receive, sending)

    return watched


def _cause(body: bytes) -> str:
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def with_inspection(app: App, desk: ComplianceDesk, host: str) -> App:
    """The app with the inspection interface beside it. Raises ConfigError where it must not be."""
    from ipaddress import ip_address

    from kz_compliance_sdk.testing.conformance.inspection import inspect_handler
    from kz_compliance_sdk.testing.mock_regulator.server import asgi_app as asgi_of

    try:
        is_here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise ConfigError(
            f"what was stored is not shown on {host}.",
            field="--inspect",
            remedy="Listen on 127.0.0.1, or leave it out.",
        )
    shown = asgi_of(inspect_handler(desk))

    async def both(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        is_inspection = scope["type"] == "http" and scope["path"].startswith("/inspect/")
        await (shown if is_inspection else app)(scope, receive, send)

    return both
