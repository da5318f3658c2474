"""What the people of the office do over HTTP in the platform's own application: the operations of the API.

An adapter registers each route as its framework does, says who acts, and hands out what `answered` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.commands import KINDS, Command
from kz_compliance_sdk.errors import ComplianceError, InvalidInput
from kz_compliance_sdk.faces import documents, steps
from kz_compliance_sdk.faces.documents import Document
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, problem_bytes

Asked = Callable[[ComplianceDesk, Actor, str], Document | Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its `path` has `{case_id}` where it is of one case. `read` makes of what was sent, in the query or
    as JSON, what is done then with the desk, by whom, and with which case; it raises InvalidInput for what is no form.
    `kind` is the command that it takes, if it takes one."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    sent: Literal["query", "json"]
    read: Callable[[Mapping[str, Any]], Asked]
    kind: type[Command[Any]] | None = None


def answered(
    route: Route, desk: ComplianceDesk, actor: Actor, case_id: str, query: Mapping[str, str], body: bytes
) -> Response:
    """What an operation comes to; an error is a problem, 400 for a query or a body that is no form. Only people of the
    office see anything."""
    try:
        STAFF.check(actor, "work on cases")
        try:
            asked = route.read(query if route.sent == "query" else steps.object_of(body))
        except InvalidInput as malformed:
            return explained(malformed, 400)
        made = asked(desk, actor, case_id)
    except ComplianceError as error:
        return explained(error)
    return made if isinstance(made, Response) else _answer(200, "application/json", documents.rendered(made))


def explained(error: ComplianceError, status: int | None = None) -> Response:
    """An error as a problem (RFC 9457): its code, what is wrong with which field, and what mends it."""
    usual, problem = steps.problem_of(error)
    given = status or usual
    body = problem_bytes(problem.model_copy(update={"status": given}))
    return _answer(given, PROBLEM_MEDIA_TYPE, body, *([("retry-after", "1")] if error.retryable else []))


def _answer(status: int, media_type: str, told: Any, *more: tuple[str, str]) -> Response:
    body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
    return Response(status, (("content-type", media_type), ("cache-control", "no-store"), *more), body)


def _list(given: Mapping[str, Any]) -> Asked:
    which = steps.filters_of(given)

    def asked(desk: ComplianceDesk, _actor: Actor, _case_id: str) -> Document:
        page, now = desk.cases(**which), desk.store.now()
        return Document(cases=[documents.listed(case, now) for case in page.cases], next_cursor=page.next_cursor)

    return asked


def _show(_given: Mapping[str, Any]) -> Asked:
    def asked(desk: ComplianceDesk, actor: Actor, case_id: str) -> Document:
        desk.record_view(actor, case_id)
        return steps.file_of(desk, case_id)

    return asked


def _claim(given: Mapping[str, Any]) -> Asked:
    wanted, category = steps.claim_of(given)

    def asked(desk: ComplianceDesk, actor: Actor, _case_id: str) -> Document | Response:
        lease = desk.claim(actor, category=category, case_id=wanted)
        return Response(204, (), b"") if lease is None else documents.lease(lease, desk.store.now())

    return asked


def _take(kind: type[Command[Any]], given: Mapping[str, Any]) -> Asked:
    command = steps.made(kind, dict(given))
    return lambda desk, actor, case_id: steps.outcome_of(desk, case_id, desk.take(actor, case_id, command))


def _look(given: Mapping[str, Any]) -> Asked:
    token = given.get("token")
    if type(token) is not int:
        raise InvalidInput("it is no number.", field="token", remedy="Give the token of the lease.")
    names = "item_id object_id digest available at fault? preview?"

    def asked(desk: ComplianceDesk, actor: Actor, case_id: str) -> Document:
        return Document(items=[documents.fields(one, names) for one in desk.look(actor, case_id, token)])

    return asked


def _evidence(given: Mapping[str, Any]) -> Asked:
    def asked(desk: ComplianceDesk, actor: Actor, case_id: str) -> Response:
        pack = desk.evidence(actor, case_id, lang=given.get("lang", "ru"))
        named = ("content-disposition", f'attachment; filename="{case_id}.zip"')
        return Response(200, (("content-type", "application/zip"), named, ("cache-control", "no-store")), pack)

    return asked


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
