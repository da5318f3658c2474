"""Every code that either side can answer with is in the one table, with its cause, its remedy and its statuses."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kz_compliance_sdk
from kz_compliance_sdk import errors
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, BadInput
from kz_compliance_sdk.wire.codes import CODES, Code, remedy_of
from tests.arrivals.bad_inputs.differences import DIFFERENCES
from tests.arrivals.bad_inputs.office import Offices
from tests.arrivals.bad_inputs.requests import made
from tests.arrivals.bad_inputs.trials import PUSHED
from tests.docs.blocks import DOCS
from tests.published.generator import regulator_document
from tests.published.generator.errors import errors_page
from tests.published.generator.schemas import BEYOND_SCHEMA

PACKAGE = Path(kz_compliance_sdk.__file__).parent
# What refuses, and the place of the code among its arguments.
REFUSING = {
    "refused": 0,
    "refuse": 1,
    "_refuse": 1,
    "_refused": 0,
    "of": 0,
    "PydanticCustomError": 0,
    "Unreadable": None,
    "UnreadableNotice": None,
    "StoreError": None,
}
SIDES = {
    "intake": (
        "wire services/intake.py services/admission.py faces/asgi.py faces/wsgi.py faces/cli/server.py "
        "desk.py aio.py "
        "adapters/sql domain/notice.py domain/report.py domain/values.py"
    ).split(),
    "regulator": ["testing/mock_regulator"],
}
# Told to the platform's own people when they read the feed: no answer to anybody.
NOT_SENT = frozenset({"feed_body"})


def codes_in(source: str) -> Iterator[str]:
    """Every code that is written down where something is refused, and each choice between two of them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "code" for t in node.targets):
            yield from _texts(node.value)
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in REFUSING:
            continue
        place = REFUSING[name]
        given = [each.value for each in node.keywords if each.arg == "code"]
        if place is not None:
            # `services.admission.refused` has the status first, `wire.strict_json.refused` has not.
            given += [each for each in node.args[place : place + 2] if _is_code(each)][:1]
        for each in given:
            yield from _texts(each)


def _is_code(node: ast.expr) -> bool:
    return any(re.fullmatch(r"[a-z][a-z0-9_]*", text) for text in _texts(node))


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _sources(side: str) -> Iterator[tuple[Path, str]]:
    for part in SIDES[side]:
        path = PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file, file.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("side", SIDES)
def test_every_code_in_the_sources_is_in_the_table(side: str) -> None:
    """A row in `wire/codes.py` is all that is missing when this fails."""
    found = [(file.name, code) for file, source in _sources(side) for code in codes_in(source)]
    assert len(found) > 20
    assert [each for each in found if each[1] not in CODES and each[1] not in NOT_SENT] == []


@pytest.mark.slow
def test_no_code_in_the_table_is_one_that_nobody_sends() -> None:
    """Store errors carry the codes of their classes; `_BY_PYDANTIC` and `_judged` hold the rest of a field's."""
    written = {code for side in SIDES for _, source in _sources(side) for code in codes_in(source)}
    reading = (PACKAGE / "wire" / "strict_json.py").read_text(encoding="utf-8")
    written |= set(re.findall(r'"((?:schema|json)_[a-z]+)"', reading))
    written |= {error.code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "code")}
    assert set(CODES) - written == set()


@pytest.mark.parametrize(
    "planted",
    [
        'refused(404, "brand_new", "No.")',
        'raise refuse(409, "brand_new", "No.", field="x")',
        'self._refuse(400, "brand_new", "No.")',
        'Problem.of("brand_new", 422, "No.")',
        'raise Unreadable("no.", field="", remedy="", code="brand_new")',
        'raise Unreadable("no.", field="", remedy="", code="stale" if late else "brand_new")',
        'code = "stale" if late else "brand_new"',
        'raise PydanticCustomError("brand_new", "no")',
        'raise StoreError("no", code="brand_new")',
    ],
)
def test_a_planted_code_is_found(planted: str) -> None:
    """The control."""
    assert "brand_new" in set(codes_in(planted))


@pytest.mark.parametrize("name", CODES)
def test_every_code_says_why_and_what_to_do_and_who_sends_it(name: str) -> None:
    code = CODES[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]+", name)
    assert code.cause.endswith(".")
    assert code.remedy
    assert code.intake or code.regulator
    assert all(400 <= status <= 599 for status in (*code.intake, *code.regulator))
    assert remedy_of(name) == code.remedy
    assert f"| `{name}` |" in errors_page()


def test_a_code_that_is_not_of_the_contract_has_no_remedy() -> None:
    assert remedy_of("brand_new") == ""


def test_the_published_list_is_the_table() -> None:
    listed = json.loads((DOCS / "contract" / "errors.json").read_text(encoding="utf-8"))["codes"]
    shape = {"code", "type", "intake", "regulator", "mock_only", "cause", "remedy"}
    assert all(set(each) == shape for each in listed)
    made = {
        each["code"]: Code(
            each["cause"], each["remedy"], tuple(each["intake"]), tuple(each["regulator"]), each["mock_only"]
        )
        for each in listed
    }
    assert made == CODES


def test_the_documents_name_the_codes_of_each_status() -> None:
    responses: dict[str, Any] = regulator_document()["components"]["responses"]
    for name, response in responses.items():
        side, status = re.fullmatch(r"(Intake|Regulator)(\d+)", name).groups()  # type: ignore[union-attr]  # each is
        for code in response["x-codes"]:
            assert int(status) in getattr(CODES[code], side.lower())
    assert "schema_missing" in responses["Intake422"]["x-codes"]
    assert "idempotency_key_reused" in responses["Regulator422"]["x-codes"]


def test_every_code_that_the_catalogue_asks_of_the_intake_is_in_the_table() -> None:
    """Of what is refused; differences are judged by what is answered here."""
    asked = set()
    for case in CASES.values():
        if (
            case.outcome in ("quarantine", "conflict", "reject_auth", "reject_http", "shed")
            and not case.is_live
            and case.http is not None
        ):
            difference = DIFFERENCES.get((case.id, "pushed"))
            asked |= (
                {case.code} if difference is None else set(difference.codes or ()) if difference.status > 299 else set()
            )
    assert asked
    assert asked - {name for name, code in CODES.items() if code.intake} == set()


@pytest.mark.slow
@pytest.mark.parametrize("case", PUSHED, ids=lambda case: f"{case.id} {case.name}")
def test_what_the_intake_answers_is_a_code_of_the_table_with_its_status(case: BadInput, offices: Offices) -> None:
    answer = offices.new().push(made(case))
    if answer.status >= 300:
        assert answer.status in CODES[answer.code].intake
        # What is told in the answer ends with what the table says to do, unless a limit of this platform is named.
        detail = str(answer.document["detail"])
        assert (
            answer.body == NOT_AUTHENTIC.body or CODES[answer.code].remedy in detail or answer.status in (405, 413, 431)
        )


def test_what_the_schemas_cannot_say_is_told_by_its_codes() -> None:
    assert {name for name in BEYOND_SCHEMA if not name.endswith("*")} <= set(CODES)
