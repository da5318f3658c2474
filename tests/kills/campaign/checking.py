"""What must hold when the dust has settled. Every breach is one sentence that names the notice, case or message."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.testing.mock_regulator import Books, IssuedMessage
from tests.kills.campaign.hosts import Plan

BOOKED = ("acknowledgement", "report")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A message that the platform said it had taken: the first answer, and whether a try before it went unanswered."""

    message: IssuedMessage
    status: int
    answer: bytes
    cut_before: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run leaves behind: the files of `plan`, the regulator's books, what was issued, and what was answered.
    `faults` is what went wrong while it ran."""

    plan: Plan
    books: Books
    issued: tuple[IssuedMessage, ...]
    acknowledged: tuple[Acknowledged, ...]
    faults: tuple[str, ...]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every breach of a promise, and the figures that show what the run went through."""

    faults: tuple[str, ...]
    figures: Mapping[str, float]


def check(evidence: Evidence) -> Verdict:
    """Compare what was acknowledged, what is stored, what the platform did and what the regulator holds."""
    plan, books, acknowledged = evidence.plan, evidence.books, evidence.acknowledged
    files: list[CaseFile] = []
    unreadable: list[str] = []
    with ComplianceDesk(plan.settings(), env=plan.env()) as desk:
        for case_id in desk.store.queries(desk.platform_id).case_ids():
            try:
                files.append(desk.case_file(case_id))
            except StoreDamaged as error:
                unreadable.append(f"unreadable: {error}")
    faults = [
        *evidence.faults,
        *unreadable,
        *_unanswered(evidence),
        *_lost(files, acknowledged),
        *(fault for file in files for fault in _unfinished(file)),
        *_left(plan),
        *_booked(files, books),
        *_effects(files, plan, repeats_late=evidence.figures["workers_stopped"] > 0),
        *_told(files, plan),
        *_damaged(plan),
    ]
    messages = [message for file in files for message in file.messages]
    figures = {
        **evidence.figures,
        "cases": len(files),
        "inbox_rows": sum(len(file.inbox) for file in files),
        "events": sum(len(file.chain.events) for file in files),
        "reports_booked": sum(len(record.of_kind("report")) for record in books.notices.values()),
        "acknowledgements_booked": sum(len(record.of_kind("acknowledgement")) for record in books.notices.values()),
        "effects": sum(message.kind == "enforce" for message in messages),
        # What lay between a lease and the record of its attempt was cut off by a kill.
        "deliveries_cut": sum(a.result == "lost" for file in files for tries in file.attempts.values() for a in tries),
        # What came back to a worker whose lease had run out meanwhile.
        "came_back_late": sum(
            a.result != "lost" and a.ended_at - a.started_at >= LEASE_S
            for file in files
            for tries in file.attempts.values()
            for a in tries
        ),
        "replies_lost": sum(a.result == "unknown" for file in files for tries in file.attempts.values() for a in tries),
        "pushes_cut": sum(each.cut_before for each in acknowledged),
        # What lies in the feed as well may have been stored by the worker.
        "stored_but_unanswered": sum(
            each.cut_before and each.status == 200 and not each.message.sequence for each in acknowledged
        ),
        "users_told": sum(message.kind == "user_notice" and message.state == "done" for message in messages),
        "users_called_again": sum(calls > 1 for (calls,) in _rows(plan, "SELECT calls FROM told")),
        "effects_called_again": sum(verdict == "again" for *_, verdict in _calls(plan)),
    }
    return Verdict(tuple(faults), figures)


def _unanswered(evidence: Evidence) -> Iterator[str]:
    taken = {each.message.id for each in evidence.acknowledged}
    for message in evidence.issued:
        if message.id not in taken:
            yield f"never answered: {message.notice_id}"


def _lost(files: list[CaseFile], acknowledged: tuple[Acknowledged, ...]) -> Iterator[str]:
    rows = {row.message_id: (row, file) for file in files for row in file.inbox}
    for each in acknowledged:
        message = each.message
        stored = rows.get(message.id)
        if stored is None:
            yield f"lost: {message.notice_id} was answered with {each.status}, and {message.id} is not stored"
            continue
        row, file = stored
        if row.body != message.body or row.body_sha256 != hashlib.sha256(message.body).hexdigest():
            yield f"changed: the stored bytes of {message.id} are not those that came"
        if file.case.notice_id != message.notice_id:
            yield f"misfiled: {message.id} of {message.notice_id} lies in a case of {file.case.notice_id}"
        if each.answer != row.reply:
            yield f"answered otherwise: {message.id} got {each.answer!r}, and {row.reply!r} is stored"
    for notice_id, count in Counter(file.case.notice_id for file in files).items():
        if count != 1:
            yield f"doubled: {notice_id} has {count} cases"


def _unfinished(file: CaseFile) -> Iterator[str]:
    case = file.case
    if case.state != "closed":
        yield f"not closed: case {case.id} of {case.notice_id} is {case.state}"
    if case.lease_expires_at is not None:
        yield f"a lease is left: case {case.id}, held by {case.lease_owner}"
    kinds = [on.kind for on in file.chain.events]
    if kinds.count("opened") != 1:
        yield f"ledger: case {case.id} was not opened once: {kinds}"
    for message in file.messages:
        if message.state not in ("done", "void"):
            yield f"not delivered: {message.kind} {message.id} of case {case.id} is {message.state}"


def _left(plan: Plan) -> Iterator[str]:
    """No row says that something has to leave, and no line that somebody has it in hand."""
    with contextlib.closing(choose_driver().module.connect(str(plan.store))) as db:
        for kind, name, state in db.execute("SELECT kind, id, state FROM outbox WHERE case_id <> ''").fetchall():
            yield f"not delivered: {kind} {name} is {state}"
        for (name,) in db.execute("SELECT id FROM leases WHERE case_id <> ''").fetchall():
            yield f"a lease is left: message {name}"


def _booked(files: list[CaseFile], books: Books) -> Iterator[str]:
    """The regulator holds exactly what our outbox says was sent, each once and in the same bytes."""
    ours = {m.id: m for file in files for m in file.messages if m.kind in BOOKED and m.state == "done"}
    for file in files:
        case = file.case
        record = books.notices.get(case.notice_id)
        if record is None:
            yield f"invented: case {case.id} is about {case.notice_id}, which was never issued"
            continue
        for kind, what in (("acknowledgement", "acknowledgements"), ("report", "final reports")):
            found = [
                each for each in record.recorded if each.kind == kind and (kind != "report" or _is_final(each.body))
            ]
            if len(found) != 1:
                yield f"the books hold {len(found)} {what} of case {case.id}, and must hold 1"
    for key, recorded_one in books.recorded.items():
        message = ours.pop(key, None)
        if message is None:
            yield f"the books hold a {recorded_one.kind} {key} of {recorded_one.notice_id} that no outbox knows"
        elif message.body != recorded_one.body:
            yield f"the books hold other bytes of {key} than the outbox"
        elif json.loads(message.receipt or b"{}").get("receipt_id") != recorded_one.receipt.receipt_id:
            yield f"the receipt kept for {key} is not the one in the books"
    for message in ours.values():
        yield f"the outbox says that {message.kind} {message.id} was delivered, and the books do not hold it"


def _is_final(body: bytes) -> bool:
    return json.loads(body)["final"] is True


def _effects(files: list[CaseFile], plan: Plan, *, repeats_late: bool) -> Iterator[str]:
    """Each effect took hold once; what was called again was the same effect; none came late.

    A worker that is stopped before its call makes it once it goes on, and the platform refuses it by its version: such
    a repetition may come late, an effect that never took hold may not.
    """
    expected = {
        (item.object_key, item.effect_version): f"{file.case.id} {item.item_id}"
        for file in files
        for item in file.case.items
        if item.measure
    }
    calls = _calls(plan)
    standing = dict(_rows(plan, "SELECT key, version FROM objects"))
    took_hold = Counter((key, version) for key, version, _, verdict in calls if verdict == "first")
    items: dict[tuple[str, int], set[str]] = {}
    for key, version, item, verdict in calls:
        items.setdefault((key, version), set()).add(item)
        if verdict == "late" and not (repeats_late and took_hold[key, version]):
            yield f"effect {version} on {key} was called after a later one"
    for effect, item in expected.items():
        if took_hold[effect] != 1:
            yield f"effect {effect[1]} on {effect[0]} took hold {took_hold[effect]} times"
        elif items[effect] != {item}:
            yield f"effect {effect[1]} on {effect[0]} was called for {items[effect]}, decided for {item}"
    for key, version in took_hold.keys() - expected.keys():
        yield f"effect {version} on {key} was carried out, and nobody decided it"
    highest: dict[str, int] = {}
    for key, version in expected:
        highest[key] = max(version, highest.get(key, 0))
    for key, version in highest.items():
        if standing.get(key) != version:
            yield f"on {key} the effect {standing.get(key)} stands, and the last that was decided is {version}"


def _told(files: list[CaseFile], plan: Plan) -> Iterator[str]:
    """Each user was told exactly what our outbox says, under one id, which is what makes it once."""
    sent = {m.id: f"{file.case.id} {m.item_id}" for file in files for m in file.messages if m.kind == "user_notice"}
    told: dict[str, str] = dict(_rows(plan, "SELECT notice, item FROM told"))
    for file in files:
        measured = {item.item_id for item in file.case.items if item.measure}
        for item in sorted(measured - {m.item_id for m in file.messages if m.kind == "user_notice"}):
            yield f"not told: nothing tells the user of item {item} of case {file.case.id}"
    for name, item in sent.items():
        if told.get(name) != item:
            yield f"not told: the outbox says {name} about {item}, and the user was told of {told.get(name)}"
    for name in told.keys() - sent.keys():
        yield f"told unasked: {name} about {told[name]}"


def _calls(plan: Plan) -> list[tuple[str, int, str, str]]:
    return _rows(plan, "SELECT key, version, item, verdict FROM calls ORDER BY n")


def _rows(plan: Plan, statement: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(plan.platform)) as db:
        return db.execute(statement).fetchall()


def _damaged(plan: Plan) -> Iterator[str]:
    # The same library as the desk's: two of them in one process would drop each other's locks.
    connection = choose_driver().module.connect(str(plan.store))
    try:
        for (verdict,) in connection.execute("PRAGMA integrity_check").fetchall():
            if verdict != "ok":
                yield f"integrity: {verdict}"
    finally:
        connection.close()
    log = plan.log.read_text(encoding="utf-8", errors="replace") if plan.log.exists() else ""
    for line in log.splitlines():
        if line.startswith("Traceback") or "failed unexpectedly" in line:
            yield f"log: {line}; see {plan.log}"
