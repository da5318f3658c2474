"""What must hold when the week is over: two sets of books, item by item, and what came in between."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kz_compliance_sdk.desk import CaseFile
from kz_compliance_sdk.domain.case import CaseState, ItemState
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.ports import Unknown
from kz_compliance_sdk.testing import agreement
from kz_compliance_sdk.testing.agreement import Check, Sent
from kz_compliance_sdk.testing.mock_regulator.control import books_json
from tests.kills.week.office import is_superseded
from tests.kills.week.run import Evidence, Outcome, Week, live
from tests.scene import lodged


def run(week: Week, folder: Path) -> Outcome:
    """Live through a week and judge it. `folder` is empty, and keeps the desk's file."""
    (outcome,) = [judged(evidence) for evidence in live(week, folder)]
    return outcome


def judged(evidence: Evidence) -> Outcome:
    """Every difference between the two sets of books, and every promise that was not kept."""
    desk = evidence.desk
    files = [desk.case_file(case_id) for case_id in desk.store.queries(desk.platform_id).case_ids()]
    cases = [file for file in files if file.case.quarantine_no == 0]
    with evidence.regulator.locked():
        books = books_json(evidence.regulator.books, evidence.regulator.pushes)
    _leave_out_what_was_stopped(books, cases)
    sent = [
        Sent.of(f.case.notice_id, m)
        for f in cases
        for m in f.messages
        if m.kind in agreement.KINDS and m.state == "done"
    ]
    decided = {file.case.notice_id: _outcomes(file) for file in cases}
    standing = {item.object_key: item.measure for file in cases for item in file.case.items if item.object_key}
    changes = list(evidence.platform.done)
    objects = {key: "" if verb == "restore" else verb for key, verb in evidence.platform.effects.items()}
    superseded = {m.id for file in files for m in file.messages if m.state == "parked" and is_superseded(m, file.case)}
    states = [(m.id, m.kind, m.state) for file in files for m in file.messages if m.id not in superseded]
    checks = [
        *(agreement.receipts(kind, sent, books) for kind in agreement.KINDS),
        agreement.acknowledgements({file.case.notice_id: _acknowledged(file) for file in cases}, books),
        agreement.outcomes(decided, books),
        agreement.effects(
            {key: measure for key, measure in standing.items() if key in objects or measure}, objects, changes
        ),
        agreement.outbox(states),
        Check("everything that was issued is held", "", tuple(_missing(evidence, files))),
        Check("every notice has one case, and it has ended", "", tuple(_unended(evidence, files))),
        Check("the regulator waits for nothing", "", tuple(_owed(evidence))),
        Check("an unknown outcome is looked up before it is sent again", "", tuple(_not_looked_up(evidence))),
        Check("the ledger is whole", "", tuple(map(str, desk.verify_audit().faults))),
        Check("sanctions agree", "", tuple(_sanctions(evidence))),
        Check("no forgery was taken", "", tuple(evidence.forged)),
        Check("it grew quiet", "", () if evidence.quiet else ("after a day without faults something is still open",)),
    ]
    figures = {
        **evidence.figures,
        "cases": len(cases),
        "items": sum(len(each) for each in decided.values()),
        "reports_recorded": sum(message.kind == "report" for message in sent),
        "reports_superseded_while_parked": len(superseded),
        "events": sum(len(file.chain.events) for file in files),
        "late_cases": sum(file.clock.late for file in cases),
    }
    faults = tuple(f"{check.name}: {difference}" for check in checks for difference in check.differences)
    return Outcome(faults, figures)


def _outcomes(file: CaseFile) -> dict[str, str]:
    """What the regulator must hold, worked out from the state of each item and the decision behind it."""
    found = {}
    for item in file.case.items:
        outcome = _outcome(item, file.decisions)
        if outcome is not None:
            found[item.item_id] = outcome
    return found


def _outcome(item: ItemState, decisions: Mapping[int, Decision]) -> str | None:
    if item.status == "stopped":
        return None
    if item.status == "lifted":
        return "restored"
    if item.status not in ("in_force", "settled", "kept"):
        return f"({item.status})"
    decided = decisions[item.decision_version].item(item.item_id)
    return decided.wording.outcome if decided is not None else "(undecided)"


def _leave_out_what_was_stopped(books: dict[str, Any], cases: list[CaseFile]) -> None:
    """What was told about an item before its order fell, and nothing came of it, is no claim about today."""
    for file in cases:
        held = books["notices"].get(file.case.notice_id)
        for item in file.case.items:
            if held is not None and item.status == "stopped":
                held["outcomes"].pop(item.item_id, None)


def _acknowledged(file: CaseFile) -> list[int]:
    """The revisions that were admitted when they came."""
    issued = ("notice.issued", "notice.amended")
    return [json.loads(row.body)["data"]["revision"] for row in file.inbox if row.type in issued and row.status == 202]


def _missing(evidence: Evidence, files: list[CaseFile]) -> Iterator[str]:
    held = [row for file in files for row in file.inbox] + lodged(evidence.desk.store, evidence.desk.platform_id)
    # What could not be used lies in the case of that as well, once it could.
    rows = {row.message_id: row for row in sorted(held, key=lambda row: row.exit != "quarantined")}
    for message in evidence.regulator.books.feed:
        row = rows.get(message.id)
        if row is None:
            yield f"{message.type} {message.id} of {message.notice_id} is not stored"
        elif row.body != message.body:
            yield f"{message.type} {message.id} of {message.notice_id} is stored with other bytes"
        elif row.exit not in ("accepted", "noted"):
            yield f"{message.type} {message.id} of {message.notice_id} had no effect: it is {row.exit}"


def _unended(evidence: Evidence, files: list[CaseFile]) -> Iterator[str]:
    counts = Counter(file.case.notice_id for file in files if file.case.quarantine_no == 0)
    for notice_id in evidence.regulator.books.notices:
        if counts[notice_id] != 1:
            yield f"{notice_id} has {counts[notice_id]} cases"
    for file in files:
        case = file.case
        if case.state not in (CaseState.CLOSED, CaseState.CANCELLED):
            yield f"case {case.id} of {case.notice_id} is {case.state}, with {[item.status for item in case.items]}"
        if case.lease_expires_at is not None:
            yield f"case {case.id} is still held by {case.lease_owner}"


def _owed(evidence: Evidence) -> Iterator[str]:
    for notice_id, record in evidence.regulator.books.notices.items():
        if record.is_owed:
            yield f"{notice_id} has no final report"


def _not_looked_up(evidence: Evidence) -> Iterator[str]:
    unknown: set[str] = set()
    for call in evidence.client.calls:
        if call.name == "look_up":
            unknown.discard(call.message_id)
        elif call.name == "send" and call.message_id in unknown:
            yield f"{call.message_id} was sent again, though it may have arrived"
            unknown.discard(call.message_id)
        if call.name == "send" and isinstance(call.result, Unknown):
            unknown.add(call.message_id)


def _sanctions(evidence: Evidence) -> Iterator[str]:
    ours = Counter((each.sanction_id, each.level) for each in evidence.desk.sanctions())
    theirs = Counter((each.sanction_id, str(each.level)) for each in evidence.regulator.books.sanctions)
    for sanction in sorted((ours - theirs) + (theirs - ours)):
        yield f"{sanction}: {ours[sanction]} here, {theirs[sanction]} there"
