"""What is asked of a case over HTTP, whoever serves it: a body as a command, an outcome as a document, an error as a
problem. Addresses, fields and documents are the same in the API and in each adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from kz_compliance_sdk import errors
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.commands.review import Decided, Lease
from kz_compliance_sdk.domain.transitions import Waiting
from kz_compliance_sdk.domain.values import parse_instant
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.documents import Document
from kz_compliance_sdk.wire.v1 import Problem

STATUS: Final[Mapping[type[ComplianceError], int]] = {
    errors.NotFound: 404,
    errors.NotAllowed: 403,
    errors.InvalidInput: 422,
    errors.IllegalMove: 409,
    errors.LeaseLost: 409,
    errors.Conflict: 409,
    errors.ConfigError: 501,
    errors.StoreError: 503,
    errors.StoreDamaged: 500,
}
"""The HTTP status of each error; of any other 500."""
FILTERS: Final = ("state", "category", "authority", "notice", "person", "waits_for", "cursor")


def problem_of(error: ComplianceError) -> tuple[int, Problem]:
    """The status of an error, and the problem (RFC 9457) that it is."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    field = getattr(error, "field", None)
    return status, Problem.of(error.code, status, str(error), field=field, instance=error.reference)


def object_of(body: bytes) -> dict[str, Any]:
    """What a body holds, an empty one nothing. Raises InvalidInput."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInput("the body is no JSON object.", field="", remedy="Send an object, also an empty one.")
    return given


def filters_of(query: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `desk.cases` that a query says. Raises InvalidInput naming the field."""
    if unknown := sorted(set(query) - {*FILTERS, "overdue", "limit"}):
        raise InvalidInput("there is no such filter.", field=unknown[0], remedy=f"Use: {', '.join(FILTERS)}, overdue.")
    state, category, authority, notice, person, waits_for, cursor = (query.get(name) for name in FILTERS)
    if waits_for not in (None, *get_args(Waiting)):
        told = f"Use one of: {', '.join(get_args(Waiting))}."
        raise InvalidInput("nothing waits for that.", field="waits_for", remedy=told)
    limit, overdue = query.get("limit", "50"), query.get("overdue", "false")
    if overdue not in ("true", "false"):
        raise InvalidInput("it is neither true nor false.", field="overdue", remedy="Use true, or leave it out.")
    return {
        "state": state,
        "category": category,
        "authority_id": authority,
        "notice_id": notice,
        "overdue": overdue == "true",
        "person": person,
        "waits_for": waits_for,
        "cursor": cursor,
        "limit": int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 4 else 0,
    }


def claim_of(given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The case and the category that a claim names. Raises InvalidInput naming the field."""
    if unknown := sorted(set(given) - {"case", "category"}):
        raise InvalidInput("there is no such field.", field=unknown[0], remedy="Use: case, category.")
    for name, value in given.items():
        if value is not None and not (isinstance(value, str) and value.isprintable()):
            raise InvalidInput("it is no word.", field=name, remedy="Give a word, or leave it out.")
    return given.get("case"), given.get("category")


def path_of(kind: type[Command[Any]]) -> str:
    """The address of a command below its case."""
    return kind.name if kind.group == "cases" else f"{kind.group}/{kind.name}"


@cache
def form_of(kind: type[Command[Any]]) -> TypeAdapter[Command[Any]]:
    """What reads a command."""
    return TypeAdapter(kind)


def made(kind: type[Command[Any]], given: dict[str, Any], *, hint: str = "See /openapi.json.") -> Command[Any]:
    """The command that a body says. A time is RFC 3339 text. Raises InvalidInput naming the field; the `hint` says
    where to read what belongs there."""
    form = kind.form()
    known = set(schema_of(kind)[0].get("properties", {}))
    if unknown := sorted(set(given) - known):
        allowed = ", ".join(sorted(known)) or "none"
        raise InvalidInput("there is no such field.", field=unknown[0], remedy=f"The fields are: {allowed}.")
    held = dict(given)
    for name, value in given.items():
        if name in form and form[name][1].is_time and value is not None:
            held[name] = time_of(name, value)
    try:
        return form_of(kind).validate_json(json.dumps(held), strict=True)
    except ValidationError as error:
        raise refused(error, hint) from None


def refused(error: ValidationError, hint: str) -> InvalidInput:
    """What pydantic found, each mistake by its place."""
    told = error.errors(include_input=False, include_url=False)
    places = [one["loc"] for one in told]
    found = [
        InvalidInput(f"{one['msg']}.", field=".".join(map(str, one["loc"])), remedy=hint)
        for one in told
        # What of a list could not be read is missing in it as well.
        if one["type"] != "too_short" or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]
    return InvalidInput.together(*found)


def time_of(name: str, value: Any) -> int:
    """A time in UTC seconds, from RFC 3339 text. Raises InvalidInput."""
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except PydanticCustomError:
        raise InvalidInput("it is no time.", field=name, remedy="Give RFC 3339 text: 2026-11-24T07:00:00Z.") from None


@cache
def schema_of(kind: type[Command[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form of a command as JSON Schema, and what it refers to."""
    schema = form_of(kind).json_schema(ref_template="#/components/schemas/{model}")
    shared = schema.pop("$defs", {})
    form = kind.form()
    for name, told in schema.get("properties", {}).items():
        if name not in form:
            continue
        if form[name][1].is_time:
            optional = "anyOf" in told
            told.clear()
            told |= {"type": ["string", "null"] if optional else "string", "format": "date-time"}
        told["description"] = form[name][1].help
    schema["additionalProperties"] = False
    return schema, shared


def outcome_of(desk: ComplianceDesk, case_id: str, outcome: object) -> Document:
    """What a command returned, as a document."""
    now = desk.store.now()
    if isinstance(outcome, Decided):
        return documents.decided(outcome, desk.case_file(case_id), desk.policy.undo_window_s)
    if isinstance(outcome, Lease):
        return documents.lease(outcome, now)
    return Document(case=documents.listed(outcome if isinstance(outcome, Case) else desk.case(case_id), now))


def file_of(desk: ComplianceDesk, case_id: str) -> Document:
    """The whole of a case."""
    file = desk.case_file(case_id)
    try:
        notice, gaps = desk.notice(case_id), documents.gaps(desk.care.gaps(case_id))
    except NotFound:
        notice, gaps = None, []
    return Document(documents.case_document(file, notice), gaps=gaps)
