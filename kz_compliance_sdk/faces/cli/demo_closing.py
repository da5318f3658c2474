"""The end of the demonstration: the rows of the closing table, and every check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.messages import BY_HAND
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.faces.cli.demo_platform import SamplePlatform
from kz_compliance_sdk.faces.cli.demo_stories import Story
from kz_compliance_sdk.testing import agreement
from kz_compliance_sdk.testing.agreement import Check, Sent

__all__ = ["Closing"]


class Closing:
    """What stands in the two sets of books and on the platform when everything is over."""

    def __init__(
        self,
        told: Sequence[Story],
        desk: ComplianceDesk,
        platform: SamplePlatform,
        books: Mapping[str, Any],
        *,
        settled_case_id: str,
        sanction_id: str,
    ) -> None:
        self._told, self._desk, self._platform, self._books = told, desk, platform, books
        self._settled, self._sanction = settled_case_id, sanction_id
        case_ids = list(desk.store.queries(desk.platform_id).case_ids())
        self._files = {case_id: desk.case_file(case_id) for case_id in case_ids}
        self._of_notice = {file.case.notice_id: file for file in self._files.values()}

    # ----------------------------------------------------------------------------------------------- rows

    def rows(self) -> list[dict[str, Any]]:
        """One row for each notice, and for what came and is none."""
        rows = [self._row(number, story) for number, story in enumerate(self._told, 1)]
        settled = self._files[self._settled]
        rows.append(_row(len(rows) + 1, "quarantine", "cut off: settled by a person", "pushed", settled, {}))
        forged = next(number for number, story in enumerate(self._told, 1) if story.key == "forged")
        told = f"three forgeries of #{forged}: refused with 401"
        rows.append(_row(len(rows) + 1, "forgery", told, "pushed", None, {}))
        rows.append(_row(len(rows) + 1, "sanction", f"the warning {self._sanction}: on the board", "pushed", None, {}))
        return rows

    def _row(self, number: int, story: Story) -> dict[str, Any]:
        file = self._of_notice[story.notice.notice_id]
        return _row(number, story.key, story.title, story.way, file, _outcomes(file))

    # --------------------------------------------------------------------------------------------- checks

    def checks(self) -> list[Check]:
        """Everything that must hold."""
        signed = [story for story in self._told if story.way != "typed in"]
        sent = [
            _sent(file, message) for file in self._files.values() for message in file.messages if _goes_out(message)
        ]
        revisions = {
            story.notice.notice_id: [1] if story.revised is None else [1, story.revised.revision] for story in signed
        }
        decided = {key: measure for story in self._told for key, measure in story.objects.items()}
        changes = [(call.key, call.version) for call in self._platform.calls() if call.changed]
        messages = [(m.id, m.kind, m.state) for file in self._files.values() for m in file.messages]
        health = self._desk.health()
        lost = (
            ()
            if not health.undelivered + health.parked
            else (f"{health.undelivered} undelivered, {health.parked} parked",)
        )
        outbox = agreement.outbox(messages)
        return [
            agreement.receipts("report", sent, self._books),
            agreement.receipts("acknowledgement", sent, self._books),
            agreement.receipts("clarification", sent, self._books),
            agreement.acknowledgements(revisions, self._books),
            agreement.outcomes({story.notice.notice_id: story.outcomes for story in signed}, self._books),
            self._letters(),
            agreement.effects(decided, self._platform.objects(), changes),
            Check(outbox.name, outbox.told, (*outbox.differences, *lost)),
            self._audit(),
            self._ended(),
            self._in_time(),
            self._quarantine(),
        ]

    def _letters(self) -> Check:
        found = []
        typed = [story for story in self._told if story.way == "typed in"]
        for story in typed:
            file = self._of_notice[story.notice.notice_id]
            reports = [m for m in file.messages if m.kind == "report" and m.endpoint == BY_HAND and m.state == "done"]
            if len(reports) != 1:
                found.append(f"{story.notice.notice_id}: {len(reports)} letters are recorded")
                continue
            proof = json.loads(reports[0].receipt)
            if proof["body_sha256"] != hashlib.sha256(reports[0].body).hexdigest() or not proof["proof"]:
                found.append(f"{story.notice.notice_id}: the proof does not speak of the letter")
            if _outcomes(file) != dict(story.outcomes):
                found.append(f"{story.notice.notice_id}: the letter says {_outcomes(file)}")
        return Check("every letter is answered, with its proof", f"{len(typed)} letters", tuple(found))

    def _audit(self) -> Check:
        verdict = self._desk.verify_audit()
        checked, faults = verdict.checked, verdict.faults
        events = sum(len(file.audit) for file in self._files.values())
        return Check(
            "the audit chain is whole", f"{events} events of {checked} cases", tuple(str(fault) for fault in faults)
        )

    def _ended(self) -> Check:
        found = [
            f"{story.notice.notice_id} ({story.key}) is {self._of_notice[story.notice.notice_id].case.state}"
            for story in self._told
            if self._of_notice[story.notice.notice_id].case.state != story.end
        ]
        known = {story.notice.notice_id for story in self._told}
        others = [
            name for name in self._of_notice if name not in known and self._of_notice[name].case.id != self._settled
        ]
        found += [f"{name}: nobody sent such a notice" for name in others]
        return Check("every notice has come to its end", f"{len(self._told)} notices", tuple(found))

    def _in_time(self) -> Check:
        late = tuple(f"{name} was late" for name, file in self._of_notice.items() if file.clock.late)
        return Check("nobody was late", f"{len(self._of_notice)} clocks", late)

    def _quarantine(self) -> Check:
        left = [
            f"{f.case.notice_id} is still in quarantine"
            for f in self._files.values()
            if f.case.state is CaseState.QUARANTINED
        ]
        settled = self._files[self._settled]
        events = [event.kind for event in settled.audit]
        if events[-1:] != ["settle_quarantine"]:
            left.append(f"the message that was cut off ended with {events}")
        return Check("the quarantine is empty", "one settled by a person, one admitted", tuple(left))


def _goes_out(message: OutboxMessage) -> bool:
    return (
        message.kind in ("acknowledgement", "clarification", "report")
        and message.endpoint != BY_HAND
        and message.state != "void"
    )


def _sent(file: CaseFile, message: OutboxMessage) -> Sent:
    kind: Any = message.kind
    receipt = json.loads(message.receipt)["receipt_id"] if message.receipt else ""
    return Sent(message.id, kind, file.case.notice_id, hashlib.sha256(message.body).hexdigest(), receipt)


def _last_report(file: CaseFile) -> OutboxMessage | None:
    reports = [message for message in file.messages if message.kind == "report" and message.state == "done"]
    return max(reports, key=lambda message: message.lane_seq, default=None)


def _outcomes(file: CaseFile) -> dict[str, str]:
    report = _last_report(file)
    if report is None:
        return {}
    return {item["item_id"]: item["outcome"] for item in json.loads(report.body)["items"]}


def _receipt_of(report: OutboxMessage | None) -> str | None:
    if report is None or not report.receipt:
        return None
    receipt = json.loads(report.receipt)
    return str(receipt.get("receipt_id") or f"{receipt['channel']} {receipt['outgoing_number']}")


def _row(
    number: int, key: str, title: str, way: str, file: CaseFile | None, outcomes: Mapping[str, str]
) -> dict[str, Any]:
    report = _last_report(file) if file is not None else None
    decided = file is not None and file.case.decided_at is not None
    return {
        "number": number,
        "story": key,
        "title": title,
        "came": way,
        "notice_id": file.case.notice_id if file is not None else None,
        "case": file.case.id if file is not None else None,
        "state": file.case.state.value if file is not None else None,
        "outcomes": dict(outcomes),
        "receipt_id": _receipt_of(report),
        "decided_with_left_s": file.clock.decide_left_s if file is not None and decided else None,
        "receipt_with_left_s": file.clock.receipt_left_s if file is not None and report is not None else None,
    }
