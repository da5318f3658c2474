"""The only file that speaks HTTP as a client.

No redirect is followed, no proxy is taken from the environment, and every call has one deadline for all of it. No error
of the client leaves this file.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

import httpcore
import httpx

from kz_compliance_sdk.adapters.answers import Reply
from kz_compliance_sdk.adapters.deadline import DeadlineBackend
from kz_compliance_sdk.adapters.retrying import Again
from kz_compliance_sdk.errors import ComplianceError, ConfigError
from kz_compliance_sdk.ports import Env

__all__ = ["MAX_ANSWER", "HttpCaller", "HttpClient", "HttpPoster", "checked_url"]

HttpClient = httpx.Client
"""A client of the caller's own, in place of the pool."""

MAX_ANSWER: Final = 65_536
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
        client: HttpClient | None = None,
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
        client: HttpClient | None = None,
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
        target = checked_url(url, setting="notifier.webhook_url", allow_insecure=self._allow_insecure, query=True)
        deadline = self._env.monotonic() + self._total_s
        reply = self._caller.exchange("POST", target, list(headers), body, deadline=deadline, max_bytes=MAX_ANSWER)
        if isinstance(reply, Again):
            raise ComplianceError(f"the address could not be reached: {reply.reason}", code="unreachable")
        return reply.status

    def close(self) -> None:
        """Close the connections; a client that was handed in stays open."""
        self._caller.close()


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


def checked_url(url: str, *, setting: str, allow_insecure: bool, query: bool = False) -> str:
    """The address in the client's own spelling, so that what is signed is what is sent. Raises ConfigError for one that
    is not safe, naming the setting."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigError("this is no URL.", field=setting, remedy="Give an https URL.") from None
    if parsed.userinfo or parsed.fragment or (parsed.query and not query):
        raise ConfigError("credentials, query and fragment have no place in it.", field=setting, remedy="Remove them.")
    safe = parsed.scheme == "https" or (parsed.scheme == "http" and (allow_insecure or _is_loopback(parsed.host)))
    if not parsed.host or not safe:
        raise ConfigError("only https is safe, or http on this machine.", field=setting, remedy="Give an https URL.")
    return str(parsed)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
