"""What the people of the office do over HTTP, the same under every framework: addresses, forms and documents.

An adapter says who acts, reads what was sent as the step's `form`, and hands out what `answered` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.commands.review import Decided, Lease
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.words import Lang
from kz_compliance_sdk.errors import (
    ComplianceError,
    ConfigError,
    InvalidInput,
    NotAllowed,
    NotFound,
    RegulatorError,
    StoreError,
    Unreadable,
)
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.wire import strict_json

F = TypeVar("F", bound="Form")

STATUS: Final[dict[type[ComplianceError], int]] = {
    Unreadable: 400,
    NotAllowed: 403,
    NotFound: 404,
    InvalidInput: 422,
    ConfigError: 500,
    RegulatorError: 502,
    StoreError: 503,
}
"""The HTTP status of each error. What is not here is a state that has moved on, 409: LeaseLost, Conflict, IllegalMove.
"""


class Form(BaseModel):
    """What a step is given beside its case. A field that is not known is a mistake, and is named."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ListForm(Form):
    """Which cases, and from where on."""

    state: str | None = None
    category: str | None = None
    authority_id: str | None = None
    notice_id: str | None = None
    overdue: bool = False
    cursor: str | None = None
    limit: int = 50


class ClaimForm(Form):
    """Which case; without one the most urgent."""

    category: str | None = None
    case_id: str | None = None


class TokenForm(Form):
    """The token of the lease."""

    token: Annotated[int, Field(strict=True)]


class ProposalForm(TokenForm):
    """The decision that is proposed, under the token of the lease."""

    proposal: Proposal


class DigestForm(Form):
    """The digest of the proposal that was seen."""

    digest: str


class SendBackForm(DigestForm):
    """The proposal that goes back, and why."""

    reasons: str


class PackForm(Form):
    """In which language people read the pack."""

    lang: Lang = "ru"


@dataclass(frozen=True, slots=True)
class Route:
    """One step: `path` below the prefix, with `{case_id}` where it is of one case; where its `form` is sent; and what
    is done with that and the id of the case, which is empty where it is of none."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    form: type[Form]
    sent_in: Literal["query", "body"]
    take: Callable[[ComplianceDesk, Actor, str, Any], Response | dict[str, Any]]


def read_form(form: type[F], sent: bytes | Mapping[str, str]) -> F:
    """The form from a JSON body, an empty one being `{}`, or from a query. Raises Unreadable: field and remedy, never
    what was sent."""
    try:
        return form.model_validate(strict_json.loads(sent or b"{}") if isinstance(sent, bytes) else sent)
    except ValidationError as wrong:
        raise next(strict_json.mistakes(wrong)) from None


def answered(route: Route, desk: ComplianceDesk, actor: Actor, case_id: str, form: Callable[[], Form]) -> Response:
    """What a step comes to, an error as the document that explains it. Only people of the office see anything."""
    try:
        STAFF.check(actor, "work on cases")
        taken = route.take(desk, actor, case_id, form())
    except ComplianceError as error:
        return explained(error)
    return taken if isinstance(taken, Response) else document(200, taken)


def explained(error: ComplianceError) -> Response:
    """An error as people and programs read it: `code`, `message`, and `field` and `remedy` where there are any."""
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 409)
    told = {name: getattr(error, name) for name in ("code", "message", "field", "remedy") if hasattr(error, name)}
    return document(status, told)


def document(status: int, told: dict[str, Any]) -> Response:
    """A JSON document that no cache keeps."""
    headers = (("content-type", "application/json"), ("cache-control", "no-store"))
    return Response(status, headers, json.dumps(told, ensure_ascii=False).encode())


def case_document(case: Case) -> dict[str, Any]:
    """A case as lists show it, without what an authority wrote. Times are UTC seconds."""
    names = "notice_id authority_id category state received_at due_at urgent_at flags"
    return {"case": case.id, **{name: getattr(case, name) for name in names.split()}}


def _list(desk: ComplianceDesk, _actor: Actor, _case_id: str, form: ListForm) -> dict[str, Any]:
    page = desk.cases(**form.model_dump())
    return {"cases": [case_document(case) for case in page.cases], "next_cursor": page.next_cursor}


def _show(desk: ComplianceDesk, actor: Actor, case_id: str, _form: Form) -> dict[str, Any]:
    file = desk.case_file(case_id)
    desk.record_view(actor, case_id)
    is_unread = file.case.state is CaseState.QUARANTINED
    decision = file.decisions.get(file.case.decision_version)
    return {
        **case_document(file.case),
        "notice": None if is_unread else desk.notice(case_id).model_dump(mode="json"),
        "decision": None if decision is None else decision.model_dump(mode="json"),
    }


def _leased(desk: ComplianceDesk, lease: Lease) -> dict[str, Any]:
    notice = desk.notice(lease.case.id).model_dump(mode="json")
    return {**case_document(lease.case), "token": lease.token, "expires_at": lease.expires_at, "notice": notice}


def _claim(desk: ComplianceDesk, actor: Actor, _case_id: str, form: ClaimForm) -> dict[str, Any]:
    lease = desk.claim(actor, category=form.category, case_id=form.case_id)
    return {"case": None} if lease is None else _leased(desk, lease)


def _look(desk: ComplianceDesk, actor: Actor, case_id: str, form: TokenForm) -> dict[str, Any]:
    names = "item_id object_id digest available at fault preview"
    seen = desk.look(actor, case_id, form.token)
    return {"case": case_id, "items": [{name: getattr(one, name) for name in names.split()} for one in seen]}


def _decided(decided: Decided) -> dict[str, Any]:
    needs = decided.decision.needs_approval
    return {**case_document(decided.case), "digest": decided.digest, "needs_approval": needs}


def _propose(desk: ComplianceDesk, actor: Actor, case_id: str, form: ProposalForm) -> dict[str, Any]:
    return _decided(desk.propose(actor, case_id, form.token, form.proposal))


def _send_back(desk: ComplianceDesk, actor: Actor, case_id: str, form: SendBackForm) -> dict[str, Any]:
    return case_document(desk.send_back(actor, case_id, form.digest, form.reasons))


def _pack(desk: ComplianceDesk, actor: Actor, case_id: str, form: PackForm) -> Response:
    pack = desk.evidence(actor, case_id, lang=form.lang)
    headers = (
        ("content-type", "application/zip"),
        ("content-disposition", f'attachment; filename="{case_id}.zip"'),
        ("cache-control", "no-store"),
    )
    return Response(200, headers, pack)


_OF_A_CASE: Final[tuple[tuple[str, type[Form], Callable[[ComplianceDesk, Actor, str, Any], dict[str, Any]]], ...]] = (
    ("renew", TokenForm, lambda desk, actor, case, form: _leased(desk, desk.renew(actor, case, form.token))),
    ("release", TokenForm, lambda desk, actor, case, form: case_document(desk.release(actor, case, form.token))),
    ("look", TokenForm, _look),
    ("propose", ProposalForm, _propose),
    ("approve", DigestForm, lambda desk, actor, case, form: _decided(desk.approve(actor, case, form.digest))),
    ("send-back", SendBackForm, _send_back),
    ("undo", Form, lambda desk, actor, case, _form: case_document(desk.undo(actor, case))),
    ("acknowledge", Form, lambda desk, actor, case, _form: case_document(desk.acknowledge(actor, case))),
)

ROUTES: Final = (
    Route("list", "GET", "cases", ListForm, "query", _list),
    Route("claim", "POST", "claim", ClaimForm, "body", _claim),
    Route("show", "GET", "cases/{case_id}", Form, "query", _show),
    *(Route(name, "POST", f"cases/{{case_id}}/{name}", form, "body", take) for name, form, take in _OF_A_CASE),
    Route("evidence", "POST", "cases/{case_id}/evidence", PackForm, "query", _pack),
)
