"""The way to what is driven: over sockets to an address, or in process to a handler or an ASGI application."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import io
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, Self, cast
from urllib.parse import urlsplit

import httpx

from kz_compliance_sdk.domain.values import canonical, document_in, instant_text
from kz_compliance_sdk.errors import ConfigError, InvalidInput
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Reply, Request, refuse, refuse_method
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from kz_compliance_sdk.wire.signature import Profile, SigningKey

MOST_BYTES: Final = 16 * 2**20
"""How much of an answer is read."""


class NoAnswer(Exception):
    """Nothing came back that is an answer. `reached` is whether anybody took the connection."""

    def __init__(self, why: str, *, reached: bool = True) -> None:
        super().__init__(why)
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header; None if it is not there."""
        return next((value for key, value in self.headers if key == name), None)

    def document(self) -> dict[str, Any]:
        """The JSON object of the body; empty if it is none."""
        return document_in(self.body)

    def __str__(self) -> str:
        code = self.document().get("code")
        return f"{self.status} {code}" if isinstance(code, str) else str(self.status)


class Transport(Protocol):
    """Sends one request and gives its answer. Raises NoAnswer. Used from several threads at once."""

    has_lines: bool

    def exchange(self, request: Request) -> Answer: ...

    def line(self) -> Line:
        """A connection of its own, for what is no whole request; only if `has_lines`."""


def target_of(url: str) -> str:
    """The target of the request line for an address."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class SocketTransport:
    """To an address, by http or https. Each request has a connection of its own. `patience_s` is how long it waits.

    Raises InvalidInput for what is no such address.
    """

    has_lines = True

    def __init__(self, url: str, *, patience_s: float = 15.0, field: str = "url") -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in ("http", "https") or host is None:
            raise InvalidInput(
                f"{url!r} is no address.",
                field=field,
                remedy="Give it whole, such as https://social.example/notices.",
            )
        self._host, self._port = host, port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.patience_s = patience_s

    def exchange(self, request: Request) -> Answer:
        with self.line() as line:
            line.send(head_of(request, authority=self._authority), request.body)
            return line.answer(request.method)

    def line(self) -> Line:
        try:
            plain = socket.create_connection((self._host, self._port), self.patience_s)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                plain = self._tls.wrap_socket(plain, server_hostname=self._host)
        except OSError as failed:
            raise NoAnswer(f"{self._host} port {self._port}: {failed}", reached=False) from None
        return Line(plain, self._authority)


class _Kept(io.BufferedReader):
    """A reader that outlives the answer that was read from it."""

    def close(self) -> None:
        return


class _Source:
    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader

    def makefile(self, *_: object) -> io.BufferedReader:
        return self._reader


class Line:
    """A connection: any bytes go out, answers come back."""

    def __init__(self, connected: socket.socket, authority: str = "localhost") -> None:
        self.authority = authority
        self._socket = connected
        self._raw = cast(io.RawIOBase, connected.makefile("rb", buffering=0))
        self._reader = _Kept(self._raw)

    def send(self, *parts: bytes) -> bool:
        """Whether the other side still listened."""
        try:
            self._socket.sendall(b"".join(parts))
        except OSError:
            return False
        return True

    def answer(self, method: str = "POST") -> Answer:
        """The next answer on this connection. Raises NoAnswer."""
        response = http.client.HTTPResponse(cast(socket.socket, _Source(self._reader)), method=method)
        try:
            response.begin()
            body = response.read(MOST_BYTES + 1)
        except TimeoutError:
            raise NoAnswer(f"nothing came for {self._socket.gettimeout():g} s") from None
        except http.client.HTTPException as wrong:
            raise NoAnswer(f"{type(wrong).__name__}: no answer of HTTP came") from None
        except (OSError, ValueError) as failed:
            raise NoAnswer(str(failed) or type(failed).__name__) from None
        finally:
            # The reader is the connection's: a response that is thrown away must neither flush nor close it.
            response.fp = None  # type: ignore[assignment]  # typeshed does not know that it ends as None
        if len(body) > MOST_BYTES:
            raise NoAnswer(f"the answer is larger than {MOST_BYTES} bytes")
        if response.length:
            raise NoAnswer(f"the answer ends {response.length} bytes before its Content-Length")
        headers = tuple((name.lower(), value.strip()) for name, value in response.getheaders())
        return Answer(response.status, headers, body)

    def begins_with(self, size: int) -> bytes:
        """The first bytes that come, left where they are. Raises NoAnswer."""
        try:
            return self._reader.peek(size)[:size]
        except OSError as failed:
            raise NoAnswer(str(failed) or type(failed).__name__) from None

    def has_answer(self) -> bool:
        """Whether something came, without waiting for it."""
        with selectors.DefaultSelector() as ready:  # `select` takes no descriptor from 1024 on
            ready.register(self._socket, selectors.EVENT_READ)
            return bool(ready.select(0))

    def close(self) -> None:
        self._raw.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def head_of(
    request: Request, *more: str, authority: str = "localhost", length: int | Literal["own"] | None = "own"
) -> bytes:
    """The head of a request as it goes over the line; `length` None leaves the Content-Length out."""
    given = {name for name, _ in request.headers}
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"host: {authority}")
    lines += more
    if length is not None and "content-length" not in given:
        lines.append(f"content-length: {len(request.body) if length == 'own' else length}")
    lines += [f"{name}: {value}" for name, value in request.headers]
    if "connection" not in given and length == "own" and not more:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


class _InProcess:
    has_lines = False

    def line(self) -> Line:
        raise NoAnswer("there is no socket in between")


class HandlerTransport(_InProcess):
    """To a function in this process, such as that of the mock regulator."""

    def __init__(self, handle: Callable[[Request], Reply]) -> None:
        self._handle = handle

    def exchange(self, request: Request) -> Answer:
        reply = self._handle(request)
        if reply.ending != "whole":
            raise NoAnswer("the connection was reset")
        return Answer(reply.status, reply.headers, reply.body)


class AsgiTransport(_InProcess):
    """To an ASGI application in this process: FastAPI, Starlette, Django, Litestar, or the one of this library."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def exchange(self, request: Request) -> Answer:
        return asyncio.run(self._exchange(request))

    async def _exchange(self, request: Request) -> Answer:
        headers = [(name.encode("utf-8"), value.encode("utf-8")) for name, value in request.headers]
        url = httpx.URL(scheme="http", host="localhost", raw_path=request.target.encode("utf-8"))
        sent = httpx.Request(request.method, url, headers=headers, content=request.body)
        try:
            reply = await httpx.ASGITransport(self._app, client=("127.0.0.1", 1)).handle_async_request(sent)
        except (ConnectionResetError, AssertionError):
            raise NoAnswer("the application ended without an answer") from None
        pairs = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in reply.headers.raw)
        return Answer(reply.status_code, tuple(pairs), await reply.aread())


# ----------------------------------------------------------------------------------------------------------- listener
# A platform's intake as far as pushes go: it writes down what comes, and refuses each message once with 503.


RETRY_AFTER_S: Final = 1
_MOST_PUSHES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pushed:
    """One push that came, and how it was answered."""

    request: Request
    status: int


class Listener:
    """Answers 503 with a Retry-After to the first push of each body, and 202 from then on."""

    def __init__(self) -> None:
        self._came: list[Pushed] = []
        self._news = threading.Condition()

    def take(self, request: Request) -> Reply:
        """The reply to one push; whatever else comes is none."""
        if request.method != "POST":
            return refuse_method(["POST"], "Use POST.").reply()
        with self._news:
            known = any(one.request.body == request.body for one in self._came)
            reply = _accepted() if known else _not_now()
            if len(self._came) < _MOST_PUSHES:
                self._came.append(Pushed(request, reply.status))
            self._news.notify_all()
        return reply

    def came(self) -> tuple[Pushed, ...]:
        """All that came so far, in their order."""
        with self._news:
            return tuple(self._came)

    def wait(self, pushes: int, timeout_s: float) -> tuple[Pushed, ...]:
        """All that came, once so many did or the time is over."""
        with self._news:
            self._news.wait_for(lambda: len(self._came) >= pushes, timeout_s)
        return self.came()


def _accepted() -> Reply:
    now = int(time.time())
    body = {"case_reference": "conformance", "received_at": instant_text(now), "due_at": instant_text(now + 86_400)}
    return Reply(202, (JSON,), canonical(body))


def _not_now() -> Reply:
    detail = "Nothing was stored. Send the same message again."
    return refuse(503, "store_full", detail, headers=(("retry-after", str(RETRY_AFTER_S)),)).reply()


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[tuple[Listener, int]]:
    """A listener on a port, as long as the block runs; 0 takes a free one. Raises ConfigError if it cannot be had."""
    listener = Listener()
    with contextlib.ExitStack() as stack:
        try:
            _, at = stack.enter_context(running(Server(listener.take), host, port))
        except OSError as error:
            raise ConfigError(
                # Not the error's own text, in which asyncio repeats the address.
                f"{host} port {port} cannot be listened on: {os.strerror(error.errno or 0)}.",
                field="--listen",
                remedy="Choose another port, or stop what listens there.",
            ) from None
        yield listener, at


# ------------------------------------------------------------------------------------------------------------ signing
# Signatures of both profiles, written out by hand.
#
# Not with `wire`: what is driven may be this library, and a mistake in `wire` would then excuse itself.


Headers = list[tuple[str, str]]
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the group of Ed25519."""
TAG: Final = "kz-compliance"
_COVERED: Final = ("@method", "@target-uri", "content-digest")


def content_digest(body: bytes) -> str:
    """The Content-Digest of RFC 9530 with SHA-256."""
    return f"sha-256=:{in_base64(hashlib.sha256(body).digest())}:"


def rfc9421(
    key: SigningKey,
    target_uri: str,
    body: bytes,
    *,
    created: int | None,
    nonce: str | None = "conformance",
    method: str = "POST",
    key_id: str | None = None,
    algorithm: str | None = "ed25519",
    tag: str | None = TAG,
    expires: int | None = None,
    covered: Sequence[str] = _COVERED,
    label: str = "kz",
    prove: Callable[[bytes], bytes] | None = None,
) -> Headers:
    """The three headers of RFC 9421. A parameter that is None is left out. `created` and `expires` are UTC seconds.
    `prove` makes another signature than the key would, of what is covered."""
    digest = content_digest(body)
    values = {"@method": method, "@target-uri": target_uri, "content-digest": digest}
    parameters = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    for name, value in (
        ("created", created),
        ("keyid", key.key_id if key_id is None else key_id),
        ("alg", algorithm),
        ("nonce", nonce),
        ("tag", tag),
        ("expires", expires),
    ):
        if value is not None:
            parameters += f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
    lines = [f'"{name}": {values[name]}' for name in covered] + [f'"@signature-params": {parameters}']
    covered_bytes = "\n".join(lines).encode()
    proof = in_base64(prove(covered_bytes) if prove is not None else signature(key, covered_bytes))
    return [
        ("content-digest", digest),
        ("signature-input", f"{label}={parameters}"),
        ("signature", f"{label}=:{proof}:"),
    ]


def webhook(key: SigningKey, body: bytes, *, message_id: str, at: int) -> Headers:
    """The three headers of Standard Webhooks, signed at `at` (UTC seconds)."""
    version = "v1" if key.algorithm == "hmac-sha256" else "v1a"
    proof = f"{version},{in_base64(signature(key, f'{message_id}.{at}.'.encode() + body))}"
    return [("webhook-id", message_id), ("webhook-timestamp", str(at)), ("webhook-signature", proof)]


def signed(
    profile: Profile, key: SigningKey, method: str, uri: str, body: bytes, *, at: int, message_id: str, nonce: str
) -> Headers:
    """The headers of a rightly signed request, under either profile."""
    if profile == "rfc9421":
        return rfc9421(key, uri, body, created=at, nonce=nonce, method=method)
    return webhook(key, body, message_id=message_id, at=at)


def signature(key: SigningKey, covered: bytes) -> bytes:
    """The Ed25519 signature, or the HMAC, over these bytes."""
    if key.algorithm == "hmac-sha256":
        return hmac.digest(key.material, covered, "sha256")
    return key.private_key().sign(covered)


def malleable(right: bytes) -> bytes:
    """An Ed25519 signature with the group's order added to its second half, which must not be taken."""
    return right[:32] + (int.from_bytes(right[32:], "little") + GROUP_ORDER).to_bytes(32, "little")


def in_base64(proof: bytes) -> str:
    return base64.b64encode(proof).decode()
