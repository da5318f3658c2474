"""`kz-compliance reconcile` names each difference and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.services.reconcile import REMEDIES, Difference, Reconciled
from tests.cli_office import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def found(monkeypatch: pytest.MonkeyPatch, *differences: Difference) -> None:
    monkeypatch.setattr(ComplianceDesk, "reconcile", lambda *_: Reconciled(7, 5, differences))


def test_differences_are_a_table_with_a_remedy_of_each_kind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.entered(1)
    case = office.document("cases", "list")["cases"][0]["case"]
    held = Difference("not_recorded_there", "N-1", "rep-1", "report", case, runs=True)
    found(monkeypatch, held, Difference("sanction_not_here", about="S-1", what="sanction", runs=True))
    shown = office.run("reconcile")
    assert shown.exit_code == 4
    for word in ("N-1", "rep-1", "S-1", REMEDIES["not_recorded_there"].split()[0], "2 differences"):
        assert word in shown.output
    document = office.document("reconcile", code=4)
    assert (document["messages"], document["notices"]) == (7, 5)
    assert [one["code"] for one in document["differences"]] == ["not_recorded_there", "sanction_not_here"]
    assert document["differences"][0] == {
        "code": "not_recorded_there",
        "notice": "N-1",
        "about": "rep-1",
        "what": "report",
        "case": case,
        "runs": True,
        "remedy": REMEDIES["not_recorded_there"],
    }


def test_alike_books_are_said_to_be(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.entered(1)
    found(monkeypatch)
    assert "the books of 5 notices were compared: no difference." in office.ok("reconcile")


def test_without_a_regulator_it_says_what_to_set(office: Office) -> None:
    office.entered(1)
    shown = office.run("reconcile")
    assert shown.exit_code == 3
    assert "regulator.url" in shown.output
