"""What the receiver's log says: that messages cannot be stored, why, and when they can again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kz_compliance_sdk.adapters.troubles import Troubles

__all__ = ["with_outages_told"]

_PART = "storing what is sent"
_STORED = frozenset({200, 202, 409, 422})

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


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
