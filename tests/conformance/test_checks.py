"""Checks as values: how they are chosen, run, and told; and that each has its line of the contract."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES
from kz_compliance_sdk.testing.conformance.checks import (
    PROMISES,
    Broken,
    Check,
    Promise,
    Report,
    Skipped,
    chosen,
    junit,
    report_document,
    run,
    skip_reasons,
)
from kz_compliance_sdk.testing.conformance.intake import ELSEWHERE, INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.selftest import CONTROLS
from kz_compliance_sdk.testing.conformance.transport import NoAnswer
from kz_compliance_sdk.wire.signature import Profile

DOCS = Path(__file__).resolve().parents[2] / "docs"
ALL: list[Check[Any]] = [*INTAKE_CHECKS, *REGULATOR_CHECKS]


class Nowhere:
    """A scene with nothing in it."""

    profile: Profile = "rfc9421"

    def missing(self, need: str) -> str | None:
        return f"there is no {need}"


def _raises(error: Exception) -> Callable[[Nowhere], None]:
    def run(_scene: Nowhere) -> None:
        raise error

    return run


def _check(name: str, run: Callable[[Nowhere], None], *needs: str) -> Check[Nowhere]:
    return Check(name, PROMISES["accepted"], "a", "b", "do c", run, needs)


MADE = (
    _check("a.one", lambda _scene: None),
    _check("a.two", _raises(Broken("came \x00 <x>", "wanted"))),
    _check("a.three", _raises(Skipped("not here"))),
    _check("b.four", _raises(NoAnswer("reset"))),
    _check("b.five", lambda _scene: None, "inspection"),
)


def _report(checks: tuple[Check[Nowhere], ...] = MADE) -> Report:
    return run(checks, Nowhere(), subject="nobody", clock=iter(range(100)).__next__)


def test_each_verdict_says_what_it_must() -> None:
    results = {result.name: result for result in _report().results}
    assert {name: result.verdict for name, result in results.items()} == {
        "a.one": "held",
        "a.two": "broken",
        "a.three": "skipped",
        "b.four": "broken",
        "b.five": "skipped",
    }
    assert (results["a.two"].came, results["a.two"].wanted) == ("came \x00 <x>", "wanted")
    assert (results["b.four"].came, results["b.four"].wanted) == ("no answer: reset", "b")
    assert (results["a.three"].why, results["b.five"].why) == ("not here", "there is no inspection")
    assert {result.seconds for result in results.values()} == {1}


def test_a_run_that_only_skipped_has_shown_nothing() -> None:
    assert _report(MADE[:1]).all_hold
    assert not _report(MADE[:2]).all_hold
    assert not _report(MADE[2:3]).all_hold


def test_progress_is_told_each_name_before_it_is_made() -> None:
    told: list[str] = []
    run(MADE, Nowhere(), subject="nobody", progress=told.append)
    assert told == [check.name for check in MADE]


def test_a_fault_of_the_kit_is_no_verdict_about_others() -> None:
    with pytest.raises(ZeroDivisionError):
        _report((_check("a.kit", _raises(ZeroDivisionError())),))


@pytest.mark.parametrize(
    ("only", "skip", "names"),
    [
        ((), (), "a.one a.two a.three b.four b.five"),
        (("a",), (), "a.one a.two a.three"),
        (("b.four",), (), "b.four"),
        (("*.t*",), (), "a.two a.three"),
        ((), ("a", "b.five"), "b.four"),
        (("a", "b"), ("a.one",), "a.two a.three b.four b.five"),
    ],
)
def test_checks_are_chosen_by_name_group_and_pattern(only: tuple[str, ...], skip: tuple[str, ...], names: str) -> None:
    assert " ".join(check.name for check in chosen(MADE, only=only, skip=skip)) == names


@pytest.mark.parametrize(("only", "skip", "field"), [("a.on", "a", "--only"), ("a", "c", "--skip")])
def test_a_name_that_is_none_is_refused(only: str, skip: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        chosen(MADE, only=[only], skip=[skip])
    assert (refused.value.field, refused.value.remedy) == (field, "See --list.")


def test_the_profile_leaves_out_what_the_other_one_carries() -> None:
    of = {profile: {check.name for check in chosen(INTAKE_CHECKS, profile=profile)} for profile in _profiles()}
    assert "intake.signature.malleable" in of["rfc9421"] - of["standard-webhooks"]
    assert "intake.signature.hex_instead_of_base64" in of["standard-webhooks"] - of["rfc9421"]
    assert "intake.signature.tampered_body" in of["rfc9421"] & of["standard-webhooks"]


def _profiles() -> tuple[Profile, ...]:
    return ("rfc9421", "standard-webhooks")


# ------------------------------------------------------------------------------------------------------- for machines


def test_junit_holds_every_verdict_and_survives_what_xml_cannot_hold() -> None:
    suite = ET.fromstring(junit(_report()))[0]  # noqa: S314  our own document
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "5",
        "failures": "2",
        "skipped": "2",
        "errors": "0",
    }
    cases = {(case.get("classname"), case.get("name")): case for case in suite}
    failure = cases["a", "two"].find("failure")
    assert failure is not None
    assert failure.get("message") == "came: came ? <x>"
    for part in ("wanted: wanted", "remedy: do c", "docs/contract/index.md#three-exits: 202 with"):
        assert part in (failure.text or "")
    assert cases["a", "one"].find("failure") is None
    skipped = cases["b", "five"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "there is no inspection"


def test_the_document_gives_reason_remedy_and_line_of_what_is_broken() -> None:
    document = json.loads(json.dumps(report_document(_report())))
    assert (document["held"], document["broken"], document["skipped"], document["all_hold"]) == (1, 2, 2, False)
    row = document["checks"][1]
    assert (row["verdict"], row["came"], row["remedy"]) == ("broken", "came \x00 <x>", "do c")
    assert row["contract"]["page"] == "docs/contract/index.md#three-exits"
    assert document["checks"][0]["came"] is None


def test_reasons_of_skips_are_counted() -> None:
    assert list(skip_reasons(_report())) == [("not here", 1), ("there is no inspection", 1)]


def test_the_text_of_a_report_names_what_is_broken() -> None:
    lines = str(_report()).splitlines()
    assert lines[0] == "nobody (rfc9421): 1 hold, 2 do not, 2 skipped"
    assert lines[2] == "b.four: no answer: reset; wanted: b"


# ------------------------------------------------------------------------------------------------ the checks themselves


def test_every_check_has_a_name_of_its_own_and_says_everything() -> None:
    names = [check.name for check in ALL]
    assert len(names) == len(set(names))
    for check in ALL:
        assert re.fullmatch(r"(intake|regulator)\.[a-z_]+\.[a-z0-9_]+", check.name), check.name
        assert check.sends, check.name
        assert check.wants, check.name
        assert check.remedy.endswith("."), check.name


QUOTED: list[Promise] = sorted({check.promise for check in ALL}, key=str)


def _sections(page: str) -> dict[str, str]:
    """The text under each heading of a page, by anchor, with its lines joined."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found: dict[str, str] = {}
    anchor = ""
    for line in text.splitlines():
        if heading := re.match(r"#+ (.+)", line):
            anchor = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")
        found[anchor] = f"{found.get(anchor, '')} {line}"
    return {name: " ".join(section.split()) for name, section in found.items()}


@pytest.mark.parametrize("promise", QUOTED, ids=str)
def test_the_contract_says_what_a_check_quotes(promise: Promise) -> None:
    """Where the page was reworded, reword `checks.toml`, and look whether the check still holds what it says."""
    assert promise.quote in _sections(promise.page)[promise.section]


def test_a_quote_that_is_not_on_the_page_is_seen() -> None:
    """The control of the check above."""
    assert "401, another body for every cause" not in _sections("contract/index.md")["three-exits"]


def test_every_case_of_the_catalogue_is_a_check_or_says_why_not() -> None:
    """Of the layers that one request can carry; sequences are checks of their own."""
    named = {check.sends.partition(":")[0] for check in INTAKE_CHECKS}
    driven = {name for name in CASES if name in named}
    cases = {case.id for case in CASES.values() if case.layer != "sequence"}
    assert driven | ELSEWHERE.keys() == cases
    assert not driven & ELSEWHERE.keys()
    known = {check.name for check in INTAKE_CHECKS}
    for case_id, where in ELSEWHERE.items():
        assert where.startswith("not driven: ") or where.partition(",")[0] in known, case_id


def test_every_control_names_checks_that_there_are() -> None:
    known = {check.name for check in ALL}
    names = [control.name for control in CONTROLS]
    assert len(names) == len(set(names))
    for control in CONTROLS:
        assert control.must_break <= known, control.name
        assert bool(control.must_break) != (".honest." in control.name), control.name


def test_there_are_faults_enough_on_either_side() -> None:
    broken = [control.name.partition(".")[0] for control in CONTROLS if control.must_break]
    assert min(broken.count(side) for side in ("platform", "regulator")) >= 15
