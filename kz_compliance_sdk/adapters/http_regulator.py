# Over 350 lines because only one file may know the HTTP client, and what it sends and what it reads belong together.
"""The way to a regulator's HTTP interface, and the only file that speaks HTTP as a client.

Calls go to the configured origin and nowhere else: no redirect is followed, no proxy is taken from the
environment, and no address that a message carries is ever fetched. Every call has one deadline for all of
it. What came of it is said in the words of `ports`; no error or type of the client leaves this file.
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpcore
import httpx

from kz_compliance_sdk.adapters.answers import Answers, Reply, feed_error, feed_page
from kz_compliance_sdk.adapters.deadline import DeadlineBackend
from kz_compliance_sdk.adapters.retrying import Again, Call, Tries
from kz_compliance_sdk.domain.outbox import Kind, OutboxMessage
from kz_compliance_sdk.errors import ComplianceError, ConfigError, InvalidInput
from kz_compliance_sdk.ports import Delivered, Env, FeedPage, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, sign

__all__ = ["HttpCaller", "HttpPoster", "HttpRegulator"]

MAX_RECEIPT: Final = 65_536
MAX_PAGE: Final = 8 * 1_048_576

_PATHS: Mapping[Kind, str] = MappingProxyType(
    {"acknowledgement": "acknowledgements", "clarification": "clarification-requests", "report": "reports"}
)
_PASSING: Final = frozenset({408, 425, 429})
# Until one of these, nothing of the request has left.
_NOT_SENT: Final = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol,
    httpx.LocalProtocolError, httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout,
    httpcore.UnsupportedProtocol, httpcore.LocalProtocolError,
)  # fmt: skip
_FAULTS: Final = (
    httpx.TransportError, httpx.StreamError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)  # fmt: skip
_COMMON: Final = (("accept", "application/json"), ("accept-encoding", "identity"), ("user-agent", "kz-compliance-sdk"))


class HttpCaller:
    """One pool of connections, shared by all threads; one exchange at a time for each of them.

    `client` replaces the pool with a client of the caller's own. The deadline is then only looked at between
    two pieces of a body, and the caller answers for proxies, retries and limits.
    """

    def __init__(
        self,
        env: Env,
        *,
        connect_timeout: float,
        read_timeout: float,
        in_flight: int,
        ssl_context: ssl.SSLContext | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self._env = env
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._backend: DeadlineBackend | None = None
        self._build: Callable[..., httpx.Request] = httpx.Request
        if client is None:
            # Without a client around it: that one keeps cookies, and logs every address, which may be a secret.
            self._backend = DeadlineBackend(env.monotonic)
            transport = _Transport(ssl_context, in_flight, self._backend)
            self._send, self._close = transport.handle_request, transport.close
        else:
            self._build = client.build_request
            self._send, self._close = partial(client.send, stream=True, follow_redirects=False), _leave_open

    def exchange(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        deadline: float,
        max_bytes: int,
    ) -> Reply | Again:
        """Send one request and read its answer, until `deadline` (of `Env.monotonic`) and up to `max_bytes`.

        An answer whose status is known is a Reply, whatever became of its body.
        """
        left = deadline - self._env.monotonic()
        if left <= 0:
            return Again("deadline", hopeless=True)
        timeouts = {
            "connect": min(self._connect_timeout, left),
            "read": min(self._read_timeout, left),
            "write": min(self._read_timeout, left),
            "pool": left,
        }
        try:
            request = self._build(
                method, url, content=body, headers=[*_COMMON, *headers], extensions={"timeout": timeouts}
            )
            with self._until(deadline):
                response = self._send(request)
                try:
                    content, fault = self._body(response, deadline, max_bytes)
                finally:
                    response.close()
        except _NOT_SENT as error:
            return Again(_named(error))
        except _FAULTS as error:
            return Again(_named(error), maybe_sent=True)
        return Reply(response.status_code, tuple(response.headers.multi_items()), content, fault)

    def close(self) -> None:
        """Close the pool; a client that was handed in stays open."""
        self._close()

    def _until(self, deadline: float) -> AbstractContextManager[None]:
        return nullcontext() if self._backend is None else self._backend.until(deadline)

    def _body(self, response: httpx.Response, deadline: float, max_bytes: int) -> tuple[bytes, str]:
        # What is compressed is not unpacked: a small answer could grow without end.
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            return b"", "encoded"
        parts, size = [], 0
        try:
            for part in response.iter_raw():
                size += len(part)
                if size > max_bytes:
                    return b"", "too_large"
                parts.append(part)
                if self._backend is None and self._env.monotonic() >= deadline:
                    return b"", "deadline"
        except _FAULTS:
            return b"", "deadline" if self._env.monotonic() >= deadline else "cut"
        return b"".join(parts), ""


class HttpPoster:
    """Posts to addresses of this side's own configuration, such as a pager's webhook, and gives the status.

    A call takes `total_s` seconds at most and is tried once. Plain http is for this machine's own addresses
    unless `allow_insecure`.
    """

    def __init__(
        self,
        env: Env,
        *,
        connect_timeout: float = 3.0,
        read_timeout: float = 5.0,
        total_s: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure: bool = False,
        client: httpx.Client | None = None,
    ) -> None:
        self._env, self._total_s, self._allow_insecure = env, total_s, allow_insecure
        self._caller = HttpCaller(
            env,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            in_flight=4,
            ssl_context=ssl_context,
            client=client,
        )

    def __call__(self, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> int:
        """The status of the answer; a redirect is not followed. No error repeats the address.

        Raises ConfigError for an address that is not safe and ComplianceError (`unreachable`) if nobody answered.
        """
        target = _checked_url(url, setting="notifier.webhook_url", allow_insecure=self._allow_insecure, query=True)
        deadline = self._env.monotonic() + self._total_s
        reply = self._caller.exchange(
            "POST", str(target), list(headers), body, deadline=deadline, max_bytes=MAX_RECEIPT
        )
        if isinstance(reply, Again):
            raise ComplianceError(f"the address could not be reached: {reply.reason}", code="unreachable")
        return reply.status

    def close(self) -> None:
        """Close the connections; a client that was handed in stays open."""
        self._caller.close()


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
        client: httpx.Client | None = None,
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
        checked = _checked_url(base_url, setting="regulator.url", allow_insecure=allow_insecure)
        # In the client's own spelling, so that what is signed is what is sent.
        self._base = str(checked).rstrip("/")
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
        reply, maybe_sent = self._call("POST", url, headers, message.body, message.id, MAX_RECEIPT)
        if isinstance(reply, Again):
            return Unknown(reply.reason) if maybe_sent else self._later(reply)
        sent = self._answers.to_send(reply, message, self._env.clock())
        if maybe_sent and (isinstance(sent, RetryAt) or (isinstance(sent, Rejected) and not sent.final)):
            return Unknown(f"cut before, then {sent.reason}")
        return sent

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        """Ask for the receipt of a message whose fate is unknown; None if the regulator does not hold these bytes."""
        notice_id = _notice_id(message)
        if notice_id is None:
            return None
        is_report = message.kind == "report"
        path = f"reports/{quote(message.id, safe=':')}" if is_report else f"notices/{notice_id}"
        reply, _ = self._call("GET", f"{self._base}/v1/{path}", [], b"", None, MAX_RECEIPT if is_report else MAX_PAGE)
        if isinstance(reply, Again):
            return self._later(reply)
        return self._answers.to_look_up(reply, message, self._env.clock())

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
                self._signing_key, self._profile, method, url, body, env.clock(), message_id or nonce, nonce
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


class _Transport(httpx.BaseTransport):
    """httpx's own transport has no place for a network backend; httpcore's pool has."""

    def __init__(
        self, ssl_context: ssl.SSLContext | None, in_flight: int, backend: httpcore.NetworkBackend | None
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=in_flight,
            max_keepalive_connections=in_flight,
            keepalive_expiry=15.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _leave_open() -> None:
    """Whoever made a client closes it."""


def _named(error: Exception) -> str:
    """`ReadTimeout` as `read_timeout`: httpx and httpcore give the same names."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def _checked_url(url: str, *, setting: str, allow_insecure: bool, query: bool = False) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigError("this is no URL.", field=setting, remedy="Give an https URL.") from None
    if parsed.userinfo or parsed.fragment or (parsed.query and not query):
        raise ConfigError("credentials, query and fragment have no place in it.", field=setting, remedy="Remove them.")
    safe = parsed.scheme == "https" or (parsed.scheme == "http" and (allow_insecure or _is_loopback(parsed.host)))
    if not parsed.host or not safe:
        raise ConfigError("only https is safe, or http on this machine.", field=setting, remedy="Give an https URL.")
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _notice_id(message: OutboxMessage) -> str | None:
    """The notice that the message speaks of, as a path segment; None if no path can hold it."""
    if message.kind not in _PATHS:
        raise InvalidInput(
            f"a message of kind {message.kind} does not go to the regulator.", field="kind", remedy="Use its own way."
        )
    try:
        notice_id = json.loads(message.body)["notice_id"]
    except (ValueError, KeyError, TypeError):
        notice_id = None
    if not isinstance(notice_id, str) or not notice_id:
        raise InvalidInput(
            "the body names no notice.", field="body", remedy="Build it with domain.messages.", reference=message.id
        )
    # Both are identifiers that the contract allows, and steps in a path that every client takes.
    return None if notice_id in (".", "..") else quote(notice_id, safe=":")
