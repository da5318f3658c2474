"""A request and its reply as values: what every mount of the mock regulator hands in and gets back."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import httpx

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem, problem_bytes

RegistrationStatus = Literal["pending", "registered", "suspended"]
Ending = Literal["whole", "reset", "hang", "truncated", "garbage"]
"""How a reply ends: sent as it is; a connection reset in its place; silence until the client gives up; cut off in the
middle of its body; or bytes in its place that are no HTTP."""

GARBAGE: Final = b"\x15\x03\x03\x00\x02\x02\x46 HTTP/1.l 2OO 0K\r\n\r\n"
"""What is sent in place of a status line: a TLS alert that lost its way, and letters for digits."""

JSON: Final = ("content-type", "application/json")
_PROBLEM: Final = ("content-type", PROBLEM_MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `target` is the raw target of the request line; header names are in lower case.

    `peer` is the address that the connection came from, empty where the mount cannot tell.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    peer: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The value of a header that is there exactly once; None otherwise."""
        found = [value for key, value in self.headers if key == name]
        return found[0] if len(found) == 1 else None

    def needs_json(self) -> None:
        """Raises Refused unless the body is said to be JSON."""
        if (self.header("content-type") or "").partition(";")[0].strip().lower() != "application/json":
            raise refuse(415, "media_type", "Send application/json.")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, and what the network does to it: `delay_ms` of waiting first, then its `ending`. With `bytes_per_s`
    the body drips at that rate; 0 sends it at once."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay_ms: int = 0
    ending: Ending = "whole"
    bytes_per_s: int = 0

    def sent_body(self) -> bytes:
        """What of the body leaves: half of it where it is truncated, always less than was announced."""
        return self.body[: len(self.body) // 2] if self.ending == "truncated" else self.body

    def drops(self) -> list[tuple[float, bytes]]:
        """A dripping body in pieces, ten for each second of it, each with the seconds to wait before it."""
        body = self.sent_body()
        if not self.bytes_per_s:
            return [(0.0, body)] if body else []
        size = max(1, self.bytes_per_s // 10)
        return [(size / self.bytes_per_s, body[at : at + size]) for at in range(0, len(body), size)]

    def failure(self) -> OSError | None:
        """What a client in this process meets where there is no connection to break: None for a whole reply."""
        if self.ending == "whole":
            return None
        if self.ending == "hang":
            return TimeoutError("the mock regulator was told never to answer")
        return ConnectionResetError(f"the mock regulator was told to spoil this reply: {self.ending}")


class Refused(Exception):
    """The regulator does not do what was asked; `problem` says why."""

    def __init__(self, problem: Problem, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.headers = headers

    def reply(self) -> Reply:
        """The reply that says so."""
        return problem_reply(self.problem, self.headers)


def refuse(
    status: int, code: str, detail: str, *, field: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Refused:
    """The refusal that `code` names."""
    return Refused(Problem.of(code, status, detail, field=field), headers)


def refuse_method(allowed: Iterable[str], detail: str = "Use another method here.") -> Refused:
    """The refusal of a method, with those that are allowed."""
    return refuse(405, "method_not_allowed", detail, headers=(("allow", ", ".join(allowed)),))


def refuse_unreadable(wrong: Unreadable) -> Refused:
    """The refusal of what cannot be read, in the words that `wire` has for it."""
    return refuse(422, wrong.code, f"{wrong.message} {wrong.remedy}".rstrip(), field=wrong.field)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def problem_reply(problem: Problem, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """The reply that carries a problem."""
    return Reply(problem.status or 500, (_PROBLEM, *headers), problem_bytes(problem))


def json_reply(value: object) -> Reply:
    """A reply for people and scripts that drive the mock; nothing is hashed or signed here, so it is indented."""
    return Reply(200, (JSON,), json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


# ----------------------------------------------------------------------------------------------------------------- push
# The way to the platform: what goes to its intake address, and what it answers.


Headers = list[tuple[str, str]]
Forgery = Literal["unsigned", "wrong_key", "tampered", "other_target"]
"""How a forged push departs from a good one: no signature, a key nobody trusts, a body that was changed after signing,
a signature that was made for another address (which only rfc9421 covers)."""

_AGAIN: Final = frozenset({408, 425, 429})
WAITS_MS: Final = (100, 200, 500, 1_000, 2_000)
"""How long to wait after each try that was not answered for good; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform said to one try. `status` None: nothing came back, and `error` says why."""

    status: int | None
    body: bytes = b""
    error: str = ""

    @property
    def is_final(self) -> bool:
        """Whether trying the same again is no use: it was taken, or refused for what it is."""
        return self.status is not None and self.status < 500 and self.status not in _AGAIN


@dataclass(frozen=True, slots=True)
class Push:
    """One message on its way to the platform, with the answer to every try. `at` is UTC seconds.

    It has no answers where a fault held it back or lost it; `what` then says which.
    """

    platform_id: str
    message_id: str
    at: int
    what: str
    answers: tuple[Answer, ...]

    @property
    def status(self) -> int | None:
        """The last answer's status."""
        return self.answers[-1].status if self.answers else None

    @property
    def body(self) -> bytes:
        """The last answer's body."""
        return self.answers[-1].body if self.answers else b""

    @property
    def was_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender(Protocol):
    """Sends one request and says what came back; never raises for what the network does."""

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer: ...

    def close(self) -> None: ...


_TIMEOUT_S: Final = 10.0


class HttpxSender:
    """Sends with httpx, over connections that stay open. The environment's proxies are left alone."""

    def __init__(self) -> None:
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        with self._lock:
            client = self._client = self._client or httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        try:
            response = client.post(url, headers=list(headers), content=body)
        except httpx.TransportError as failed:
            return Answer(None, error=f"{type(failed).__name__}: {failed}")
        return Answer(response.status_code, response.content)

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
