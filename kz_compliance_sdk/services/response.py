"""What intake answers, and at which addresses: a status, headers and a body, whatever server carries them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from kz_compliance_sdk.domain.cancellations import accepted_body, noted_body
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.errors import StoreError, kind_and_place
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem, problem_bytes

_log = logging.getLogger("kz_compliance_sdk.intake")
_JSON: Final = (("content-type", "application/json"), ("cache-control", "no-store"))
_PROBLEM: Final = (("content-type", PROBLEM_MEDIA_TYPE), ("cache-control", "no-store"))


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def stored(cls, status: int, body: bytes) -> Response:
        """The answer that a repeat gets: the bytes of the first one."""
        return cls(status, _JSON if status < 300 else _PROBLEM, body)


def accepted(status: int, case: Case) -> Response:
    """The message is durable: when its clock started and when it is due."""
    return Response(status, _JSON, accepted_body(case.id, case.due_at, case.received_at))


def noted(subject: str, received_at: int) -> Response:
    """The message is durable, and no case takes it yet."""
    return Response(202, _JSON, noted_body(subject, received_at))


def refused(status: int, code: str, detail: str, *, field: str = "", instance: str | None = None) -> Response:
    """A problem as RFC 9457 writes it."""
    problem = Problem.of(code, status, detail, field=field, instance=instance and f"urn:uuid:{instance}")
    return Response(status, _PROBLEM, problem_bytes(problem))


NOT_AUTHENTIC: Final = refused(401, "not_authentic", "The origin of the message is not proved.")
"""The one refusal of what is not authentic: the same bytes for every cause."""


def unavailable(error: Exception) -> Response:
    """A message is not known to be stored: nothing is acknowledged, and the sender must try again. It may be there all
    the same; sent again, it then gets the answer that is due to it. What is no fault of the store is one of this
    program, and is logged: nobody else learns of it."""
    if not isinstance(error, StoreError):
        _log.error("a message could not be taken in: %s", kind_and_place(error))
    return _later(error, "The message is not known to be stored. Send the same message again.")


def unreadable(error: StoreError) -> Response:
    """The store does not say how it is."""
    return _later(error, "The store cannot be read.")


def _later(error: Exception, detail: str) -> Response:
    answer = refused(503, error.code if isinstance(error, StoreError) else StoreError.code, detail)
    return Response(503, (*answer.headers, ("retry-after", "5")), answer.body)


Route = Literal["intake", "health", "nothing"]


class Routes:
    """The addresses below `public_url`. A path is right if it is the whole public one, or `intake_path` behind whatever
    prefix the host has mounted the app under; a slash at its end is allowed."""

    def __init__(self, public_url: str, intake_path: str) -> None:
        path = unquote(intake_path).rstrip("/")
        self._below: dict[str, Route] = {path: "intake", f"{path}/health": "health"}
        prefix = unquote(urlsplit(public_url).path).rstrip("/")
        self._public: dict[str, Route] = {f"{prefix}{below}": route for below, route in self._below.items()}

    def route(self, mounted_at: str, path: str) -> Route:
        """`path` is decoded, and may or may not begin with `mounted_at`: servers differ."""
        path = path.removesuffix("/")
        root = mounted_at.rstrip("/")
        below = path[len(root) :] if path == root or path.startswith(f"{root}/") else path
        return self._below.get(below) or self._public.get(f"{root}{below}", "nothing")
