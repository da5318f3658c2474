"""`kill -9` of receiver and worker at random points: nothing acknowledged is lost, every confirmation is booked once.

Beside the run that must hold there are the controls that must not: a receiver that answers before its commit, a worker
that forgets under which id it sent something, and every check of the checker against evidence that was tampered with.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import queries, rows, view
from kz_compliance_sdk.domain.believed import true_case
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.fold import Opens, Stream
from kz_compliance_sdk.testing.mock_regulator import Recorded
from tests.kills.campaign.checking import Evidence, check
from tests.kills.campaign.run import Campaign, fight, run
from tests.unguarded import unguard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.slow(takes_s=60)
def test_100_kills_during_500_notices_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    verdict = run(Campaign(kills=100, notices=500, seed=1), tmp_path)
    assert verdict.faults == ()
    figures = verdict.figures
    assert figures["acknowledged"] == figures["cases"] == figures["reports_booked"] == 500
    # A run that hit nothing would have proved nothing.
    assert min(figures["receivers_killed"], figures["workers_killed"]) >= 50
    assert figures["replies_dropped"] >= 75
    for hit in ("pushes_cut", "deliveries_cut", "replies_lost", "effects_called_again", "users_told"):
        assert figures[hit] > 0, hit


def test_the_same_holds_under_ed25519_signatures(tmp_path: Path) -> None:
    verdict = run(Campaign(kills=20, notices=100, seed=2, profile="rfc9421"), tmp_path)
    assert verdict.faults == ()
    assert verdict.figures["reports_booked"] == 100


@pytest.mark.slow(takes_s=60)
def test_two_of_each_with_the_real_receiver_lose_nothing_when_workers_are_stopped_beyond_their_leases(
    tmp_path: Path,
) -> None:
    """`kz-compliance serve` twice on one port, two workers on one store; a stopped worker goes on with what another has
    done meanwhile."""
    came_back_late = 0.0
    for seed in (6, 7, 8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        campaign = Campaign(kills=15, notices=120, seed=seed, receivers=2, workers=2, stops=5, serve=True)
        verdict = run(campaign, folder)
        assert verdict.faults == ()
        figures = verdict.figures
        assert figures["acknowledged"] == figures["cases"] == figures["reports_booked"] == 120
        assert figures["workers_stopped"] == 5
        assert min(figures["receivers_killed"], figures["workers_killed"]) >= 5
        started = (folder / "hosts.log").read_text(encoding="utf-8", errors="replace").count("Receiving at")
        # One that is killed before it says so leaves no line.
        assert 2 < started <= 2 + figures["receivers_killed"]
        # On a machine with nothing else to do, a stopped worker may hold no message.
        came_back_late += figures["came_back_late"]
        if came_back_late:
            break
    assert came_back_late > 0


def test_control_a_worker_that_comes_back_under_a_new_id_doubles_confirmations(tmp_path: Path) -> None:
    """Nobody is killed and no reply is lost: being stopped alone makes another send again."""
    doubled: list[str] = []
    for seed in (7, 8, 9):
        folder = tmp_path / str(seed)
        folder.mkdir()
        stopped = Campaign(kills=0, notices=60, seed=seed, variant="fresh_ids", workers=2, stops=5, lost_replies=0)
        doubled += [fault for fault in run(stopped, folder).faults if fault.startswith("the books hold 2 ")]
        # As above: a stopped worker may hold no message.
        if doubled:
            break
    assert doubled


def test_control_an_answer_that_leaves_before_its_commit_loses_notices_under_kills(tmp_path: Path) -> None:
    campaign = Campaign(kills=20, notices=60, seed=3, variant="answers_early", targets=("receiver",))
    assert [fault for fault in run(campaign, tmp_path).faults if fault.startswith("lost: ")]


def test_control_without_kills_the_early_answer_loses_nothing(tmp_path: Path) -> None:
    campaign = Campaign(kills=0, notices=20, seed=3, variant="answers_early")
    assert not [fault for fault in run(campaign, tmp_path).faults if fault.startswith("lost: ")]


def test_control_a_worker_that_sends_again_under_a_new_id_doubles_confirmations(tmp_path: Path) -> None:
    faults = run(Campaign(kills=10, notices=120, seed=4, variant="fresh_ids"), tmp_path).faults
    doubled = [fault for fault in faults if fault.startswith("the books hold 2 ")]
    assert [fault for fault in doubled if "final reports" in fault]
    assert [fault for fault in doubled if "acknowledgements" in fault]


# --------------------------------------------------------------------------------------- the checker must see it all


@dataclass(frozen=True, slots=True)
class Tampering:
    """One thing that is changed in good evidence, and how the complaint about it begins."""

    name: str
    complaint: str
    change: Callable[[Evidence], Evidence]


def _in_store(*statements: str) -> Callable[[Evidence], Evidence]:
    return lambda evidence: _executed(evidence, evidence.plan.store, statements)


def _in_platform(*statements: str) -> Callable[[Evidence], Evidence]:
    return lambda evidence: _executed(evidence, evidence.plan.platform, statements)


def _executed(evidence: Evidence, file: Path, statements: tuple[str, ...]) -> Evidence:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        unguard(db)
        changed = [db.execute(statement).rowcount for statement in statements]
    assert changed[-1] == 1, "a tampering that changes nothing tests nothing"
    return evidence


def _report(evidence: Evidence) -> Recorded:
    return next(each for each in evidence.books.recorded.values() if each.kind == "report")


def _unbooked(evidence: Evidence) -> Evidence:
    report = _report(evidence)
    evidence.books.notices[report.notice_id].recorded.remove(report)
    del evidence.books.recorded[report.key]
    return evidence


def _booked_twice(evidence: Evidence) -> Evidence:
    second = replace(_report(evidence), key="another")
    evidence.books.notices[second.notice_id].recorded.append(second)
    evidence.books.recorded["another"] = second
    return evidence


def _booked_in_other_bytes(evidence: Evidence) -> Evidence:
    report = _report(evidence)
    evidence.books.recorded[report.key] = replace(report, body=report.body + b" ")
    return evidence


def _booked_under_another_receipt(evidence: Evidence) -> Evidence:
    report = _report(evidence)
    evidence.books.recorded[report.key] = replace(
        report, receipt=report.receipt.model_copy(update={"receipt_id": "other"})
    )
    return evidence


def _came_otherwise(evidence: Evidence) -> Evidence:
    first, *rest = evidence.acknowledged
    other = replace(first, message=replace(first.message, body=first.message.body + b" "))
    return replace(evidence, acknowledged=(other, *rest))


def _never_stored(evidence: Evidence) -> Evidence:
    first, *rest = evidence.acknowledged
    return replace(evidence, acknowledged=(replace(first, message=replace(first.message, id="other")), *rest))


def _answered_otherwise(evidence: Evidence) -> Evidence:
    first, *rest = evidence.acknowledged
    return replace(evidence, acknowledged=(replace(first, answer=b"{}"), *rest))


def _unanswered(evidence: Evidence) -> Evidence:
    return replace(evidence, acknowledged=evidence.acknowledged[1:])


def _logged(evidence: Evidence) -> Evidence:
    with evidence.plan.log.open("a") as log:
        log.write("Traceback (most recent call last):\n")
    return evidence


_TRIED = (
    "INSERT INTO {} SELECT cases.stream, message_id, attempts.platform_id, case_id, {} FROM attempts"
    " JOIN cases ON cases.id = case_id LIMIT 1"
)
_ONE_CALL = (
    "INSERT INTO calls (key, version, what, item, verdict) SELECT key, {}, what, item, {} FROM calls WHERE n = 1"
)
TAMPERINGS = (
    Tampering("not_stored", "lost: ", _never_stored),
    Tampering("came_otherwise", "changed: ", _came_otherwise),
    Tampering(
        "other_bytes",
        "unreadable: ",
        _in_store(
            "UPDATE parts SET bytes = cast(bytes || ' ' AS blob) WHERE name = 'message' AND stream ="
            " (SELECT min(stream) FROM parts WHERE name = 'message')"
        ),
    ),
    Tampering(
        "other_notice",
        "misfiled: ",
        _in_store("UPDATE cases SET notice_id = 'other' WHERE id = (SELECT min(id) FROM cases)"),
    ),
    Tampering(
        "never_issued",
        "invented: ",
        _in_store("UPDATE cases SET notice_id = 'other' WHERE id = (SELECT min(id) FROM cases)"),
    ),
    Tampering(
        "two_cases",
        "doubled: ",
        _in_store(
            "UPDATE cases SET authority_id = 'other', notice_id = (SELECT max(notice_id) FROM cases)"
            " WHERE notice_id = (SELECT min(notice_id) FROM cases)"
        ),
    ),
    Tampering("booked_under_another_receipt", "the receipt kept for ", _booked_under_another_receipt),
    Tampering(
        "other_receipt",
        "the receipt kept for ",
        _in_store(
            "UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE name = 'receipt'"
            " AND (stream, seq) = (SELECT stream, max(seq) FROM events WHERE kind = 'receipt' GROUP BY stream LIMIT 1)"
        ),
    ),
    Tampering("other_answer", "answered otherwise: ", _answered_otherwise),
    Tampering("no_answer", "never answered: ", _unanswered),
    Tampering(
        "open_case",
        "not closed: ",
        _in_store("UPDATE cases SET state = 'enforced' WHERE id = (SELECT min(id) FROM cases)"),
    ),
    Tampering(
        "case_leased",
        "a lease is left: case",
        _in_store("UPDATE cases SET lease_expires_at = 1 WHERE id = (SELECT min(id) FROM cases)"),
    ),
    Tampering(
        "message_leased",
        "a lease is left: message",
        _in_store(_TRIED.format("leases", "'regulator', 1, 1, 1, 0, NULL, 1, 1")),
    ),
    Tampering(
        "message_parked",
        "not delivered: report",
        _in_store(_TRIED.format("outbox", "'report', 'regulator', x'', 1, 1, 'parked', '', 0")),
    ),
    Tampering(
        "chain_cut",
        "unreadable: event ",
        _in_store(
            "DELETE FROM events WHERE seq = 2 AND stream = (SELECT min(n) FROM streams WHERE name LIKE 'case/%')"
        ),
    ),
    Tampering(
        "proposed_by_another",
        "unreadable: event ",
        _in_store(
            "UPDATE events SET people = cast(people || ' ' AS blob)"
            " WHERE (stream, seq) = (SELECT stream, seq FROM events WHERE kind = 'proposed' LIMIT 1)",
        ),
    ),
    Tampering(
        "text_for_bytes",
        "integrity: ",
        _in_store(
            "PRAGMA ignore_check_constraints = ON",
            _TRIED.format("outbox", "'report', 'regulator', '', 1, 1, 'queued', '', 0"),
        ),
    ),
    Tampering("not_booked", "the outbox says ", _unbooked),
    Tampering("booked_never", "the books hold 0 final reports", _unbooked),
    Tampering("booked_twice", "the books hold 2 final reports", _booked_twice),
    Tampering("booked_unknown", "the books hold a report another", _booked_twice),
    Tampering("booked_otherwise", "the books hold other bytes", _booked_in_other_bytes),
    Tampering("effect_twice", "effect ", _in_platform(_ONE_CALL.format("version", "'first'"))),
    Tampering("effect_undecided", "effect 99 ", _in_platform(_ONE_CALL.format("99", "'first'"))),
    Tampering("effect_late", "effect 0 ", _in_platform(_ONE_CALL.format("0", "'late'"))),
    Tampering("effect_gone", "on ", _in_platform("DELETE FROM objects WHERE key = (SELECT min(key) FROM objects)")),
    Tampering(
        "user_not_told", "not told: ", _in_platform("DELETE FROM told WHERE notice = (SELECT min(notice) FROM told)")
    ),
    Tampering("user_told_unasked", "told unasked: ", _in_platform("INSERT INTO told VALUES ('another', '', 0, 1)")),
    Tampering("traceback", "log: Traceback", _logged),
)


OF_ROWS = {"open_case", "case_leased", "never_issued", "other_notice", "two_cases", "message_parked"}
_OF_ROW = (
    *("notice_id", "authority_id", "quarantine_no", "revision", "state", "category", "received_at", "due_at"),
    *("urgent_at", "closed_at", "lease_token", "lease_owner", "lease_expires_at"),
)


def _said_by(row: Sequence[Any]) -> dict[str, Any]:
    said = dict(zip(_OF_ROW, row[3:], strict=False))
    return {**said, "state": CaseState(said["state"]), "watch_at": row[-2]}


def _of_row(stream: Stream, opens: Opens, said: Mapping[str, Any]) -> Case:
    return true_case(stream, opens, said).but(**said)


ROWS_ALONE: tuple[tuple[object, str, Callable[..., object]], ...] = (
    (rows, "plan_of", _said_by),
    (view, "plan_of", _said_by),
    (view, "read_case", _of_row),
    (queries, "read_case", _of_row),
    (queries, "as_told", lambda _stream, _words, stored: tuple(stored)),
)
"""A case and its messages as their rows have them, whatever their chain says."""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A run in which nobody is killed."""
    return fight(Campaign(kills=0, notices=20, seed=5, lost_replies=0), tmp_path_factory.mktemp("calm"))


def test_a_calm_run_has_nothing_to_complain_of(calm: Evidence) -> None:
    verdict = check(calm)
    assert verdict.faults == ()
    assert verdict.figures["reports_booked"] == 20


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name)
def test_the_checker_sees(
    tampering: Tampering, calm: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tampering.name in OF_ROWS:
        # What the checker is to see must be so: a case is what its chain says, whatever its row is made to say.
        for where, name, row_alone in ROWS_ALONE:
            monkeypatch.setattr(where, name, row_alone)
    folder = tmp_path / "evidence"
    shutil.copytree(calm.plan.folder, folder)
    copied = replace(calm, plan=replace(calm.plan, folder=folder), books=copy.deepcopy(calm.books))
    faults = check(tampering.change(copied)).faults
    assert [fault for fault in faults if fault.startswith(tampering.complaint)], faults
