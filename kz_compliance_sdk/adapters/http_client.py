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
from email.utils import parsedate_to_datetime
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import httpcore
import httpx
from tenacity import RetryCallState, Retrying

from kz_compliance_sdk.domain.change import Kind, OutboxMessage
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import ComplianceError, ConfigError, NotAuthentic, RegulatorError, Unreadable
from kz_compliance_sdk.ports import Delivered, Env, FeedMessage, FeedPage, Held, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS, KeyRing, verify_response
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import (
    FeedEntry,
    HeldNotice,
    Sanctions,
    encode,
    read_feed_by_entry,
    read_problem,
    read_receipt,
)

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


# ------------------------------------------------------------------------------------------------ what an answer proves
# What a regulator's answer proves: a receipt for these very bytes, a refusal, or nothing that can be relied on.
#
# Knows bytes and headers and no HTTP client. Reasons are codes, for the record of attempts.


# ----------------------------------------------------------------------------------------------------------- retrying
# What may be tried again within one call, and when: seconds only. Hours belong to the outbox.


T = TypeVar("T")

LONGEST_WAIT_S = 5
"""The longest Retry-After that is waited for within one call, in seconds."""

LONGEST_ASKED_S = 3_600
"""What a longer Retry-After is cut to, in seconds: nobody's clock but the law's may run for longer."""

_SECONDS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Again:
    """A passing fault. `after` is how many seconds the other side asked for, None if it did not say.

    `maybe_sent` means that the request may have arrived, `hopeless` that trying again at once cannot help.
    """

    reason: str
    after: int | None = None
    maybe_sent: bool = False
    hopeless: bool = False


@dataclass(slots=True)
class Call(Generic[T]):
    """One call with all its tries. `deadline` is a value of `Env.monotonic`; `maybe_sent` is true of any try."""

    once: Callable[[], T | Again]
    deadline: float
    maybe_sent: bool = False


class Tries:
    """Repeats a call while its faults pass, within its deadline. Safe for many threads at once."""

    def __init__(self, env: Env, attempts: int) -> None:
        self._env, self._attempts = env, attempts
        self._retrying = Retrying(
            sleep=env.sleep,
            stop=self._is_enough,
            wait=self._wait,
            retry=lambda state: _is_passing(_result(state)),
            retry_error_callback=_result,
        )

    def run(self, call: Call[T]) -> T | Again:
        """The first result that is no passing fault, or the last fault."""
        return self._retrying(_try, call)

    def _wait(self, state: RetryCallState) -> float:
        asked: int | None = _result(state).after
        return 1.0 + self._env.random() if asked is None else float(asked)

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._attempts or state.upcoming_sleep > LONGEST_WAIT_S:
            return True
        deadline: float = state.args[0].deadline
        return self._env.monotonic() + state.upcoming_sleep >= deadline


def retry_after(value: str | None, now: int) -> int | None:
    """The seconds that a Retry-After header asks for, in either of its forms, at most an hour; None if it has neither.

    `now` is UTC seconds.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text), LONGEST_ASKED_S)
    try:
        # A date without a zone would be read in the zone of this machine.
        at = parsedate_to_datetime(text)
        seconds = int(at.timestamp()) - now if at.tzinfo is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if seconds is None else min(max(seconds, 0), LONGEST_ASKED_S)


def _try(call: Call[T]) -> T | Again:
    result = call.once()
    if isinstance(result, Again) and result.maybe_sent:
        call.maybe_sent = True
    return result


def _is_passing(result: object) -> bool:
    return isinstance(result, Again) and not result.hopeless


def _result(state: RetryCallState) -> Any:
    return None if state.outcome is None else state.outcome.result()


# ------------------------------------------------------------------------------------------------------------ answers


_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u0400-\u04ff]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are in lower case. `fault` says why `body` is empty though one was sent:
    `cut`, `deadline`, `too_large` or `encoded`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def retry_after(self, now: int) -> int | None:
        """For how many seconds the other side asks to be left alone. `now` is UTC seconds."""
        return retry_after(self.header("retry-after"), now)


Shown = TypeVar("Shown", HeldNotice, Receipt, Sanctions)


@dataclass(frozen=True, slots=True)
class Answers:
    """Judges the answers that one platform gets. `ring` holds the keys of the regulator and of nobody else."""

    ring: KeyRing
    platform_id: str

    def to_send(self, reply: Reply, message: OutboxMessage, now: int) -> Sent:
        """What became of a message that was posted. Passing faults (408, 425, 429, 5xx) are the caller's.

        Delivered only with a receipt that the regulator signed, that names the message and the digest of its bytes.
        """
        status = reply.status
        if status in (200, 201):
            receipt = self._receipt(reply, now)
            if isinstance(receipt, str):
                return Unknown(receipt)
            if not receipt.covers(message.id, message.body):
                return Unknown("receipt_mismatch")
            return _delivered(receipt, reply, message)
        if status < 300:
            return Unknown(f"no_receipt:{status}")
        if status < 400:
            return RetryAt("redirect")
        if status == 409:
            receipt = self._receipt(reply, now)
            if isinstance(receipt, Receipt):
                if receipt.subject_id == message.id:
                    return _delivered(receipt, reply, message)
                return Rejected("conflict", "the regulator holds another message in its place")
        code, reason = _problem(reply)
        return Rejected(code, reason, final=status == 422)

    def to_look_up(self, reply: Reply, message: OutboxMessage, now: int) -> Delivered | RetryAt | None:
        """What the regulator holds of a message: the receipt of a report, or those of the notice otherwise.

        Other bytes under that id were recorded before the store was restored from an older copy: they stand.
        """
        if reply.status == 404:
            return None
        try:
            if message.kind == "report":
                receipt = self._shown(Receipt, reply, now)
                return _delivered(receipt, reply, message) if receipt.subject_id == message.id else None
            held = self._shown(HeldNotice, reply, now)
        except RegulatorError as error:
            return RetryAt(error.code)
        for receipt in (*held.acknowledgements, *held.clarification_requests):
            if receipt.subject_id == message.id:
                otherwise = not receipt.covers(message.id, message.body)
                return Delivered(receipt.receipt_id, receipt.recorded_at, encode(receipt), otherwise=otherwise)
        return None

    def held(self, reply: Reply, now: int) -> Held | None:
        """What the regulator holds of a notice. Raises RegulatorError."""
        if reply.status == 404:
            return None
        shown = self._shown(HeldNotice, reply, now)
        kinds: tuple[tuple[Kind, tuple[Receipt, ...]], ...] = (
            ("acknowledgement", shown.acknowledgements),
            ("clarification", shown.clarification_requests),
            ("report", shown.reports),
        )
        return Held(shown.notice.revision, tuple((kind, receipt) for kind, receipts in kinds for receipt in receipts))

    def sanctions(self, reply: Reply, now: int) -> tuple[str, ...]:
        """The ids of the sanctions that were announced. Raises RegulatorError."""
        return tuple(one.sanction_id for one in self._shown(Sanctions, reply, now).data)

    def _shown(self, model: type[Shown], reply: Reply, now: int) -> Shown:
        """What is proved to stand in the regulator's books. Raises RegulatorError."""
        if reply.status != 200 or reply.fault:
            raise books_error(f"look_up_{reply.fault or reply.status}")
        doubt = self._doubt(reply, now)
        if doubt:
            raise books_error(doubt)
        try:
            return read(model, reply.body, max_nodes=100_000)
        except Unreadable as error:
            raise books_error(f"look_up_unreadable:{error.code}") from error

    def _receipt(self, reply: Reply, now: int) -> Receipt | str:
        """The proved receipt, or why there is none."""
        if reply.fault:
            return f"receipt_{reply.fault}"
        doubt = self._doubt(reply, now)
        if doubt:
            return doubt
        try:
            return read_receipt(reply.body)
        except Unreadable as error:
            return f"receipt_unreadable:{error.code}"

    def _doubt(self, reply: Reply, now: int) -> str:
        """Why the answer is not proved to be the regulator's word to this platform; empty if it is.

        Its age is no doubt: a receipt that was given once stays true, and it names what it is for.
        """
        try:
            verified = verify_response(self.ring, reply.status, reply.headers, reply.body, now)
        except NotAuthentic as error:
            return f"receipt_unproved:{error.code}"
        if verified.platform_id != self.platform_id:
            return "receipt_other_platform"
        if verified.key_early:
            return "receipt_key_not_yet_valid"
        return "receipt_key_expired" if verified.key_expired else ""


def feed_page(reply: Reply, after: str) -> FeedPage:
    """The page of the feed behind `after`. Raises RegulatorError. Each entry carries its own signature."""
    if reply.status == 400 and _problem(reply)[0] == "cursor_unknown":
        raise feed_error("cursor_unknown")
    if reply.status != 200 or reply.fault:
        raise feed_error(reply.fault or f"status_{reply.status}")
    try:
        page = read_feed_by_entry(reply.body)
    except Unreadable as error:
        raise feed_error(f"unreadable:{error.code}") from error
    if page.has_more and page.next_cursor in (None, after):
        raise feed_error("cursor_stands_still")
    return FeedPage(
        messages=_feed_messages(page.entries),
        next_cursor=page.next_cursor,
        has_more=page.has_more,
    )


_LOOK = "Look at regulator.url and its keys: kz-compliance doctor. Nothing is lost: it is read again."


def feed_error(reason: str) -> RegulatorError:
    """The error that leaves the cursor where it is."""
    told = f"the feed could not be read: {reason}. {_LOOK}"
    return RegulatorError(told, maybe_sent=False, code=reason.partition(":")[0])


def books_error(reason: str) -> RegulatorError:
    """What the regulator holds could not be seen, or is not proved to be its word."""
    return RegulatorError(f"the regulator's books could not be read: {reason}. {_LOOK}", maybe_sent=False, code=reason)


def _feed_messages(entries: Sequence[FeedEntry | None]) -> tuple[FeedMessage, ...]:
    """The entries as they are handed to intake. What cannot be read goes there as well: no signature fits it, so it is
    refused, counted and read again later, and the feed does not end here for good."""
    found: list[FeedMessage] = []
    # The place of one that cannot be read follows from the first that can, so that no gap is seen where none is.
    known = next((entry.sequence - at for at, entry in enumerate(entries) if entry is not None), None)
    for at, entry in enumerate(entries):
        if entry is None:
            found.append(FeedMessage(0 if known is None else max(0, known + at), "POST", (), b""))
            continue
        try:
            body = entry.exact_body()
        except Unreadable:
            body = entry.body.encode()
        found.append(FeedMessage(entry.sequence, entry.method, tuple(entry.header_list()), body))
    return tuple(found)


def _delivered(receipt: Receipt, reply: Reply, message: OutboxMessage) -> Delivered:
    signature = tuple((name.lower(), value) for name, value in reply.headers if name.lower() in SIGNATURE_HEADERS)
    otherwise = not receipt.covers(message.id, message.body)
    return Delivered(receipt.receipt_id, receipt.recorded_at, reply.body, signature, otherwise)


def _problem(reply: Reply) -> tuple[str, str]:
    problem = read_problem(reply.body)
    if problem is None:
        return f"status_{reply.status}", f"status {reply.status}"
    told = " ".join(part for part in (problem.title, problem.detail, problem.field) if part)
    return _plain(problem.code or f"status_{reply.status}", 64), _plain(f"{reply.status} {told}", 300)


def _plain(text: str, length: int) -> str:
    return _UNPRINTABLE.sub(" ", text)[:length].strip()
