"""The way to a regulator's HTTP interface.

Calls go to the configured origin and nowhere else: no address that a message carries is ever fetched. What came of a
call is said in the words of `ports`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import quote

from pydantic_core import from_json

from kz_compliance_sdk.adapters.http_client import (
    MAX_ANSWER,
    Again,
    Answers,
    Call,
    HttpCaller,
    HttpClient,
    Reply,
    Tries,
    books_error,
    checked_url,
    feed_error,
    feed_page,
)
from kz_compliance_sdk.domain.change import Kind, OutboxMessage
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.ports import Delivered, Env, FeedPage, Held, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, sign

MAX_PAGE: Final = 8 * 1_048_576

_PATHS: Mapping[Kind, str] = MappingProxyType(
    {"acknowledgement": "acknowledgements", "clarification": "clarification-requests", "report": "reports"}
)
_NO_SEGMENT: Final = (".", "..")
_PASSING: Final = frozenset({408, 425, 429})


class HttpRegulator:
    """`ports.Regulator` over version 1 of the contract. Safe for many threads; at most `in_flight` calls at once.

    `ring` holds the keys of the regulator and of nobody else: whoever signs with one of them can give receipts.
    A call takes `total_s` seconds at most, all of its `attempts` included. Plain http is for this machine's
    own addresses unless `allow_insecure`.

    Raises ConfigError for a base URL or a key that cannot be used.
    """

    name = "regulator"

    def __init__(
        self,
        base_url: str,
        *,
        platform_id: str,
        ring: KeyRing,
        signing_key: SigningKey,
        env: Env,
        profile: Profile = "rfc9421",
        client: HttpClient | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        total_s: float = 30.0,
        attempts: int = 3,
        in_flight: int = 8,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure: bool = False,
    ) -> None:
        if profile == "rfc9421":
            signing_key.private_key()
        self._base = checked_url(base_url, setting="regulator.url", allow_insecure=allow_insecure).rstrip("/")
        self._answers = Answers(ring, platform_id)
        self._signing_key, self._profile = signing_key, profile
        self._env, self._total_s = env, total_s
        self._tries = Tries(env, attempts)
        self._caller = HttpCaller(
            env,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            in_flight=in_flight,
            ssl_context=ssl_context,
            client=client,
        )

    def send(self, message: OutboxMessage) -> Sent:
        """Post an acknowledgement, a clarification request or a report.

        Delivered only with a receipt that the regulator signed for these very bytes. Once a try may have
        arrived, nothing but a receipt or a final refusal ends the doubt.
        """
        notice_id = _notice_id(message)
        if notice_id is None:
            return Rejected("notice_id_in_path", "the notice id cannot stand in an address")
        url = f"{self._base}/v1/notices/{notice_id}/{_PATHS[message.kind]}"
        headers = [("content-type", "application/json"), ("idempotency-key", message.id)]
        reply, maybe_sent = self._call("POST", url, headers, message.body, message.id, MAX_ANSWER)
        if isinstance(reply, Again):
            return Unknown(reply.reason) if maybe_sent else self._later(reply)
        sent = self._answers.to_send(reply, message, self._env.clock())
        if maybe_sent and (isinstance(sent, RetryAt) or (isinstance(sent, Rejected) and not sent.final)):
            return Unknown(f"cut before, then {sent.reason}")
        return sent

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        """Ask for the receipt of a message whose fate is unknown, or that was refused; None if the regulator holds none
        of its id."""
        notice_id = _notice_id(message)
        if notice_id is None:
            return None
        is_report = message.kind == "report"
        path = f"reports/{quote(message.id, safe=':')}" if is_report else f"notices/{notice_id}"
        reply, _ = self._call("GET", f"{self._base}/v1/{path}", [], b"", None, MAX_ANSWER if is_report else MAX_PAGE)
        if isinstance(reply, Again):
            return self._later(reply)
        return self._answers.to_look_up(reply, message, self._env.clock())

    def held(self, notice_id: str) -> Held | None:
        """What the regulator holds of a notice; None if it knows none of that id. Raises RegulatorError."""
        if notice_id in _NO_SEGMENT:
            return None
        return self._answers.held(self._shown(f"notices/{quote(notice_id, safe=':')}"), self._env.clock())

    def sanctions(self) -> tuple[str, ...]:
        """The ids of the sanctions that were announced to the platform. Raises RegulatorError."""
        path = f"platforms/{quote(self._answers.platform_id, safe=':')}/sanctions"
        return self._answers.sanctions(self._shown(path), self._env.clock())

    def _shown(self, path: str) -> Reply:
        reply, _ = self._call("GET", f"{self._base}/v1/{path}", [], b"", None, MAX_PAGE)
        if isinstance(reply, Again):
            raise books_error(reply.reason)
        return reply

    def fetch(self, after: str, limit: int) -> FeedPage:
        """The page of the feed behind the cursor `after` (empty: from the beginning).

        Raises RegulatorError; the cursor must then stay where it is.
        """
        start = f"after={quote(after, safe='')}&" if after else ""
        url = f"{self._base}/v1/notices?{start}limit={limit:d}"
        reply, _ = self._call("GET", url, [], b"", None, MAX_PAGE)
        if isinstance(reply, Again):
            raise feed_error(reply.reason)
        return feed_page(reply, after)

    def close(self) -> None:
        """Close the connections; a client that was handed in stays open."""
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes,
        message_id: str | None,
        max_bytes: int,
    ) -> tuple[Reply | Again, bool]:
        env = self._env
        deadline = env.monotonic() + self._total_s

        def once() -> Reply | Again:
            nonce = env.ids()
            signature = sign(
                self._signing_key,
                self._profile,
                method,
                url,
                body,
                env.clock(),
                message_id or nonce,
                nonce,
                idempotency_key=message_id,
            )
            reply = self._caller.exchange(
                method, url, headers + signature, body, deadline=deadline, max_bytes=max_bytes
            )
            if isinstance(reply, Again):
                return reply
            if reply.status in _PASSING or reply.status >= 500:
                return Again(f"status_{reply.status}", reply.retry_after(env.clock()))
            if reply.fault in ("cut", "deadline") and reply.status < 300:
                return Again(reply.fault, maybe_sent=True)
            return reply

        call = Call(once, deadline)
        return self._tries.run(call), call.maybe_sent

    def _later(self, fault: Again) -> RetryAt:
        return RetryAt(fault.reason, None if fault.after is None else self._env.clock() + fault.after)


def _notice_id(message: OutboxMessage) -> str | None:
    """The notice that the message speaks of, as a path segment; None if no path can hold it."""
    if message.kind not in _PATHS:
        raise InvalidInput(
            f"a message of kind {message.kind} does not go to the regulator.", field="kind", remedy="Use its own way."
        )
    try:
        notice_id = from_json(message.body)["notice_id"]
    except (ValueError, KeyError, TypeError):
        notice_id = None
    if not isinstance(notice_id, str) or not notice_id:
        raise InvalidInput(
            "the body names no notice.", field="body", remedy="Build it with domain.messages.", reference=message.id
        )
    # Both are identifiers that the contract allows, and steps in a path that every client takes.
    return None if notice_id in _NO_SEGMENT else quote(notice_id, safe=":")
