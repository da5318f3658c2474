"""The only file that speaks HTTP as a client.

No redirect is followed, no proxy is taken from the environment, and every call has one deadline for all of it. No error
of the client leaves this file.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpcore
import httpx

from kz_compliance_sdk.adapters.answers import Again, Reply
from kz_compliance_sdk.errors import ComplianceError, ConfigError
from kz_compliance_sdk.ports import Env

# ----------------------------------------------------------------------------------------------------------- deadline
# Sockets for httpcore whose every wait ends at the deadline of the call in hand.
#
# httpx's timeouts are for one read each: a server that sends a byte now and then keeps such a call alive for as long as
# it likes, and in the headers no caller can see it. Here the last read gets what is left of the whole call and no more.
# The name lookup alone keeps the resolver's own limits.


_SLICE = 65_536
_Option = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose connects, reads and writes respect the deadline that `until` set in their thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._inner = httpcore.SyncBackend()
        self._thread = threading.local()

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Within the block, this thread waits for no socket beyond `deadline` (a value of `monotonic`)."""
        self._thread.deadline = deadline
        try:
            yield
        finally:
            self._thread.deadline = None

    def left(self, timeout: float | None, error: type[Exception]) -> float | None:
        """The shorter of `timeout` and what the deadline leaves. Raises `error` if it leaves nothing."""
        deadline: float | None = getattr(self._thread, "deadline", None)
        if deadline is None:
            return timeout
        left = deadline - self._monotonic()
        if left <= 0:
            raise error("the deadline of the call has passed")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_Option] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the addresses of `host` in turn, all of them within the deadline."""
        options = list(socket_options or ())
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in dict.fromkeys(str(entry[4][0]) for entry in found):
            limit = self.left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(address, port, limit, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Stream(stream, self)
        raise failed


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._inner, self._backend = inner, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._backend.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In slices, because a peer that takes little at a time restarts the timeout with every send.
        for start in range(0, len(buffer), _SLICE):
            self._inner.write(buffer[start : start + _SLICE], self._backend.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = self._backend.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, limit), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


# -------------------------------------------------------------------------------------------------------- http client


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
        self._way: _Way
        if client is None:
            self._backend = DeadlineBackend(env.monotonic)
            self._way = _Pool(ssl_context, in_flight, self._backend)
        else:
            self._way = _Client(client)

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
            with self._until(deadline):
                answer = self._way.send(method, url, [*_COMMON, *headers], body, timeouts)
                try:
                    content, fault = self._body(answer, deadline, max_bytes)
                finally:
                    answer.close()
        except _NOT_SENT as error:
            return Again(_named(error))
        except _FAULTS as error:
            return Again(_named(error), maybe_sent=True)
        return Reply(answer.status, answer.headers, content, fault)

    def close(self) -> None:
        """Close the pool; a client that was handed in stays open."""
        self._way.close()

    def _until(self, deadline: float) -> AbstractContextManager[None]:
        return nullcontext() if self._backend is None else self._backend.until(deadline)

    def _body(self, answer: _Answer, deadline: float, max_bytes: int) -> tuple[bytes, str]:
        # What is compressed is not unpacked: a small answer could grow without end.
        encodings = [value for name, value in answer.headers if name == "content-encoding"]
        if ", ".join(encodings).strip().lower() not in ("", "identity"):
            return b"", "encoded"
        parts, size = [], 0
        try:
            for part in answer.parts:
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

    A call takes 10 seconds at most and is tried once. Plain http is for this machine's own addresses.
    """

    def __init__(self, env: Env) -> None:
        self._env = env
        self._caller = HttpCaller(
            env, connect_timeout=3.0, read_timeout=5.0, in_flight=4, ssl_context=None, client=None
        )

    def __call__(self, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> int:
        """The status of the answer; a redirect is not followed. No error repeats the address.

        Raises ConfigError for an address that is not safe and ComplianceError (`unreachable`) if nobody answered.
        """
        target = checked_url(url, setting="notifier.webhook_url", allow_insecure=False, query=True)
        deadline = self._env.monotonic() + 10.0
        reply = self._caller.exchange("POST", target, list(headers), body, deadline=deadline, max_bytes=MAX_ANSWER)
        if isinstance(reply, Again):
            raise ComplianceError(f"the address could not be reached: {reply.reason}", code="unreachable")
        return reply.status

    def close(self) -> None:
        self._caller.close()


@dataclass(slots=True)
class _Answer:
    """An answer whose body has not been read. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: Iterable[bytes]
    close: Callable[[], None]


class _Way(Protocol):
    """How one request leaves, and where its answer begins."""

    def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeouts: dict[str, float]
    ) -> _Answer: ...

    def close(self) -> None: ...


class _Pool:
    """httpcore's pool, without httpx around it: its transport has no place for a network backend, its client keeps
    cookies and logs every address, which may be a secret, and its requests cost as much as the pool itself."""

    def __init__(self, ssl_context: ssl.SSLContext | None, in_flight: int, backend: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=in_flight,
            max_keepalive_connections=in_flight,
            keepalive_expiry=15.0,
            network_backend=backend,
        )

    def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeouts: dict[str, float]
    ) -> _Answer:
        to = urlsplit(url)
        path = to.path or "/"
        target = f"{path}?{to.query}" if "?" in url else path
        own = [("Host", to.netloc)]
        if body or method == "POST":
            own.append(("Content-Length", str(len(body))))
        response = self._pool.handle_request(
            httpcore.Request(
                method,
                httpcore.URL(scheme=to.scheme, host=to.hostname or "", port=to.port, target=target),
                headers=[*own, *headers],
                content=body,
                extensions={"timeout": timeouts},
            )
        )
        return _Answer(response.status, _in_text(response.headers), response.iter_stream(), response.close)

    def close(self) -> None:
        self._pool.close()


class _Client:
    """A client that was handed in. Whoever made it closes it."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeouts: dict[str, float]
    ) -> _Answer:
        request = self._client.build_request(
            method, url, content=body, headers=headers, extensions={"timeout": timeouts}
        )
        response = self._client.send(request, stream=True, follow_redirects=False)
        headers_of = tuple(response.headers.multi_items())
        return _Answer(response.status_code, headers_of, response.iter_raw(), response.close)

    def close(self) -> None:
        return


def _in_text(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text, their names in lower case: in UTF-8 if all of them are, in Latin-1 otherwise."""
    try:
        return tuple((name.decode().lower(), value.decode()) for name, value in headers)
    except UnicodeDecodeError:
        return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


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
