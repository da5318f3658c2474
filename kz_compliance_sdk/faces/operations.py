"""What the people of the office do over HTTP: every operation on cases, whoever serves it.

The API, and each adapter for a framework, registers each route in its own way, says who acts and which cases they see,
and hands out what `answered` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.commands import KINDS, Command
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotAllowed, NotFound
from kz_compliance_sdk.faces import documents, steps
from kz_compliance_sdk.faces.documents import Document
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem, problem_bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what: the `actor` sees those cases alone which `sees` lets through."""

    desk: ComplianceDesk
    actor: Actor
    case_id: str
    sees: Callable[[Case], bool]

    def check(self) -> None:
        """Raises NotFound for a case that is not there, or not for them."""
        if not self.sees(self.desk.case(self.case_id)):
            raise NotFound("there is no such case on this platform.", reference=self.case_id)


Done = Callable[[Asking], Document | Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its `path` has `{case_id}` where it is of one case. `read` makes of what was sent, in the query or
    as JSON, what is done then; it raises InvalidInput for what is no form. `kind` is the command that it takes, if it
    takes one."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    sent: Literal["query", "json"]
    read: Callable[[Mapping[str, Any]], Done]
    kind: type[Command[Any]] | None = None

    @property
    def roles(self) -> frozenset[str]:
        """Who has none of them is refused."""
        return STAFF.names if self.kind is None or self.kind.may is LEASE else self.kind.may.names

    @property
    def text(self) -> str:
        """What it does."""
        return " ".join(((self.kind or self.read).__doc__ or self.name).split())


def every(_case: Case) -> bool:
    """Lets every case through."""
    return True


def answered(
    route: Route,
    desk: ComplianceDesk,
    actor: Actor,
    case_id: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    sees: Callable[[Case], bool] = every,
) -> Response:
    """What an operation comes to; an error is a problem. Only people of the office see anything. The names of `headers`
    are in lower case, or are looked up in any. Who may not take a step learns nothing of what is there, nor who sent
    what is no form."""
    try:
        STAFF.check(actor, "work on cases")
        if route.kind is not None and route.kind.may is not LEASE:
            route.kind.may.check(actor, route.kind.step)
        # A form on another site can send the user's cookie, and no JSON.
        if route.sent == "json" and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _problem(415, Problem.of("media_type", 415, "The body is no JSON. Send application/json."))
        if route.method == "POST" and route.sent == "query" and headers.get("sec-fetch-site") == "cross-site":
            raise NotAllowed("this came from a page of another site.", code="cross_site")
        done = route.read(query if route.sent == "query" else steps.object_of(body))
        asking = Asking(desk, actor, case_id, sees)
        if "{case_id}" in route.path:
            asking.check()
        made = done(asking)
    except ComplianceError as error:
        return explained(error)
    return made if isinstance(made, Response) else _answer(200, "application/json", documents.rendered(made))


def explained(error: ComplianceError) -> Response:
    """An error as a problem (RFC 9457): its code, what is wrong with which field, and what mends it."""
    return _problem(*steps.problem_of(error), *([("retry-after", "1")] if error.retryable else []))


def _problem(status: int, problem: Problem, *more: tuple[str, str]) -> Response:
    return _answer(status, PROBLEM_MEDIA_TYPE, problem_bytes(problem), *more)


def _answer(status: int, media_type: str, told: Any, *more: tuple[str, str]) -> Response:
    body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
    return Response(status, (("content-type", media_type), ("cache-control", "no-store"), *more), body)


def _list(given: Mapping[str, Any]) -> Done:
    """A page of cases, most urgent first. Where a person sees a part of them a page may be short of `limit`."""
    which = steps.filters_of(given)

    def done(by: Asking) -> Document:
        page, now = by.desk.cases(**which), by.desk.store.now()
        shown = [documents.listed(case, now) for case in page.cases if by.sees(case)]
        return Document(cases=shown, next_cursor=page.next_cursor)

    return done


def _show(_given: Mapping[str, Any]) -> Done:
    """The whole of a case. That this person looked at it is recorded."""

    def done(by: Asking) -> Document:
        by.desk.record_view(by.actor, by.case_id)
        return steps.file_of(by.desk, by.case_id)

    return done


def _claim(given: Mapping[str, Any]) -> Done:
    """Take the most urgent free case, or the one named; 204 if nothing is free."""
    wanted, category = steps.claim_of(given)

    def done(by: Asking) -> Document | Response:
        lease = by.desk.claim(by.actor, category=category, case_id=wanted, may_see=by.sees)
        return Response(204, (), b"") if lease is None else documents.lease(lease, by.desk.store.now())

    return done


def _take(kind: type[Command[Any]], given: Mapping[str, Any]) -> Done:
    command = steps.made(kind, dict(given))
    return lambda by: steps.outcome_of(by.desk, by.case_id, by.desk.take(by.actor, by.case_id, command))


def _look(given: Mapping[str, Any]) -> Done:
    """Look at the content of every open item as it is now. What was seen is recorded."""
    token = given.get("token")
    if type(token) is not int:
        raise InvalidInput("it is no number.", field="token", remedy="Give the token of the lease.")
    names = "item_id object_id digest available at fault? preview?"
    return lambda by: Document(
        items=[documents.fields(one, names) for one in by.desk.look(by.actor, by.case_id, token)]
    )


def _evidence(given: Mapping[str, Any]) -> Done:
    """The evidence pack of a case, without the names of people. That it was made is recorded."""

    def done(by: Asking) -> Response:
        pack = by.desk.evidence(by.actor, by.case_id, lang=given.get("lang", "ru"))
        named = ("content-disposition", f'attachment; filename="{by.case_id}.zip"')
        return Response(200, (("content-type", "application/zip"), named, ("cache-control", "no-store")), pack)

    return done


ROUTES: Final = (
    Route("cases", "GET", "cases", "query", _list),
    Route("case", "GET", "cases/{case_id}", "query", _show),
    Route("claim", "POST", "claims", "json", _claim),
    Route("look", "POST", "cases/{case_id}/look", "json", _look),
    Route("evidence", "POST", "cases/{case_id}/evidence", "query", _evidence),
    *(
        Route(kind.__name__, "POST", f"cases/{{case_id}}/{steps.path_of(kind)}", "json", partial(_take, kind), kind)
        for kind in KINDS
    ),
)
