"""A request and its reply as values: what every mount of the mock regulator hands in and gets back."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem, problem_bytes

Ending = Literal["whole", "reset", "hang", "truncated", "garbage"]
"""How a reply ends: sent as it is; a connection reset in its place; silence until the client gives up; cut off in the
middle of its body; or bytes in its place that are no HTTP."""

GARBAGE: Final = b"\x15\x03\x03\x00\x02\x02\x46 HTTP/1.l 2OO 0K\r\n\r\n"
"""What is sent in place of a status line: a TLS alert that lost its way, and letters for digits."""

JSON: Final = ("content-type", "application/json")
_PROBLEM: Final = ("content-type", PROBLEM_MEDIA_TYPE)


def document_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; empty if it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


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
