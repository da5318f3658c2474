"""Driving the mock regulator of the demonstration over its control interface."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from kz_compliance_sdk.adapters.answers import Reply
from kz_compliance_sdk.adapters.http_client import HttpCaller
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.v1 import MessageData, MessageType

__all__ = ["ControlClient"]

_MOST_BYTES: Final = 32 * 2**20
_TOTAL_S: Final = 20.0


class ControlClient:
    """The other side's hand: it issues, pushes, forges and fails when it is told to. Raises RegulatorError."""

    def __init__(self, url: str, env: Env) -> None:
        self.url = url
        self._env = env
        self._caller = HttpCaller(env, connect_timeout=3.0, read_timeout=_TOTAL_S, in_flight=2)

    def is_up(self, url: str) -> bool:
        """Whether somebody answers there with 200."""
        reply = self._exchange("GET", url, b"")
        return reply is not None and reply.status == 200

    def books(self, platform_id: str) -> dict[str, Any]:
        """The regulator's own books about the platform."""
        books: dict[str, Any] = self._call("GET", "books")["platforms"][platform_id]
        return books

    def requests(self) -> list[dict[str, Any]]:
        """The requests that reached its interface."""
        requests: list[dict[str, Any]] = self._call("GET", "requests")["data"]
        return requests

    def issue(
        self,
        data: MessageData,
        kind: MessageType = "notice.issued",
        *,
        push: bool,
        in_feed: bool = False,
        copies: int = 1,
    ) -> dict[str, Any]:
        """Issue a message and, if it is to be pushed, push it so many times over."""
        return self._call(
            "POST",
            "issue",
            {
                "type": kind,
                "data": data.model_dump(mode="json", exclude_none=True),
                "platform_id": data.platform_id if isinstance(data, Notice) else None,
                "push": push,
                "in_feed": in_feed,
                "copies": copies,
            },
        )

    def push(self, message_id: str) -> dict[str, Any]:
        """Push a message that was issued before."""
        return self._call("POST", "push", {"message_id": message_id})

    def push_forged(self, message_id: str, how: str) -> dict[str, Any]:
        """Push it as somebody would who is not the regulator."""
        return self._call("POST", "push-forged", {"message_id": message_id, "how": how})

    def push_body(self, body: bytes) -> dict[str, Any]:
        """Push any bytes, rightly signed."""
        return self._call("POST", "push-unreadable", {"body": base64.b64encode(body).decode("ascii")})

    def fail(self, kind: str, **fields: Any) -> None:
        """Arm a fault."""
        self._call("POST", "faults", {"kind": kind, **fields})

    def outage(self, on: bool, retry_after_s: int | None = None) -> None:
        """Begin an outage that answers 503, or end it."""
        self._call("POST", "outage", {"on": on, "retry_after_s": retry_after_s} if on else {"on": on})

    def close(self) -> None:
        self._caller.close()

    def _call(self, method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        sent = b"" if body is None else json.dumps({k: v for k, v in body.items() if v is not None}).encode()
        reply = self._exchange(method, f"{self.url}/control/{name}", sent)
        if reply is None or reply.status != 200:
            told = "no answer" if reply is None else f"{reply.status} {reply.body[:500].decode('utf-8', 'replace')}"
            raise RegulatorError(f"the mock regulator does not {name}: {told}", maybe_sent=True, code="control")
        answer: dict[str, Any] = json.loads(reply.body)
        return answer

    def _exchange(self, method: str, url: str, body: bytes) -> Reply | None:
        headers = [("content-type", "application/json")] if body else []
        deadline = self._env.monotonic() + _TOTAL_S
        reply = self._caller.exchange(method, url, headers, body, deadline=deadline, max_bytes=_MOST_BYTES)
        return reply if isinstance(reply, Reply) else None
