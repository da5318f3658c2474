"""What an evidence pack of a case holds, in its two forms: as values, without a file, a language or a signature.

The full form holds every byte that the case rests on. The redacted form holds what `redaction` lists; of remedies,
states and times; of legal checks, the answers without their digests, for with all else known, trying every colleague
would find who answered. The readable page is made from the same documents, so that it can show nothing that the form
withholds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.change import (
    InboxRow,
)
from kz_compliance_sdk.domain.clock import ClockView, local
from kz_compliance_sdk.domain.disclosure import Form
from kz_compliance_sdk.domain.fold import Step
from kz_compliance_sdk.domain.legal_check import RecordedCheck
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.reviewed import ContentSeen, ToldDecision
from kz_compliance_sdk.domain.second_person import OF_THE_PROPOSER, asked_for
from kz_compliance_sdk.domain.suspensions import recorded
from kz_compliance_sdk.domain.user_notices import UserNoticeState
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.evidence.redaction import (
    People,
    Said,
    data_of,
    decision_of,
    facts,
    is_plain_receipt,
    provable,
    said_of,
)

Name = Callable[[str | None], str | None]
Keep = Callable[[str, bytes], dict[str, Json]]

_CLEARED = ("acknowledgement", "clarification", "report")
"""The messages whose fields can carry nobody's identity, and whose free text a person has read for it."""

_OF_OBJECTS = ("enforce", "restore", "user_notice")
"""The messages whose ids are made of the name of an object: whoever guesses that name could check it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came, what it says (None if it cannot be read), and what its signature came to when it was looked
    at again."""

    row: InboxRow
    said: Said | None
    verification: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that is held of a case at `made_at` (UTC seconds), as it is stored, with every fault that was found in
    it. `checkpoint` proves the case's place among all cases, where there is one."""

    records: Records
    received: tuple[Received, ...]
    escalations: tuple[Step, ...]
    clock: ClockView
    faults: tuple[Fault, ...]
    made_at: int
    checkpoint: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The documents of a pack, and the exact bytes of everything else in it by its path."""

    form: Form
    case: Mapping[str, Json]
    events: tuple[Mapping[str, Json], ...]
    exact: Mapping[str, bytes]
    checkpoint: Json = None


def contents(dossier: Dossier, form: Form) -> Contents:
    """What the pack of this form holds."""
    return _Pack(dossier, form).contents()


class _Pack:
    def __init__(self, dossier: Dossier, form: Form) -> None:
        self._dossier, self._records = dossier, dossier.records
        self._form, self._full = form, form == "full"
        self._people = People(self._records.events)
        self._safe = provable(self._records.events)
        self._exact: dict[str, bytes] = {}

    def contents(self) -> Contents:
        records, dossier, safe = self._records, self._dossier, self._safe
        document: dict[str, Json] = {
            "format": "kz-compliance/evidence-case/v1",
            "form": self._form,
            "made_at": instant_text(dossier.made_at),
            "case": self._case(),
            "clock": _clock(dossier.clock),
            "items": self._items(),
            "received": [self._received(number, one) for number, one in enumerate(dossier.received, 1)],
            **review_of(records, self._name, partial(self._keep, show=False), full=self._full),
            "decisions": [self._decision(row) for row in records.decisions],
            **remedies_of(records, self._name, full=self._full),
            "messages": self._messages(),
            "escalations": [
                {
                    "step": fired.step,
                    "fired_at": instant_text(fired.fired_at),
                    "level": fired.level,
                    "audience": list(fired.audience),
                }
                for fired in dossier.escalations
            ],
            "audit": {
                "head": records.case.audit_head if self._full or safe[-1:] != [False] else None,
                "length": records.case.audit_seq,
                "faults": [{"seq": fault.seq, "what": fault.what if self._full else ""} for fault in dossier.faults],
            },
        }
        return Contents(self._form, document, self._events(), self._exact, self._checkpoint())

    def _checkpoint(self) -> Json:
        """Not in the redacted form if the hash in it is one that could give a name away."""
        checkpoint = self._dossier.checkpoint
        if checkpoint is None or self._full:
            return checkpoint
        seq = _object(str(checkpoint.get("leaf")).encode()).get("seq")
        shown = isinstance(seq, int) and 0 < seq <= len(self._safe) and self._safe[seq - 1]
        return checkpoint if shown else None

    def _name(self, actor: str | None) -> str | None:
        if not actor:
            return None
        return actor if self._full else self._people(actor)

    def _keep(self, path: str, data: bytes, *, show: bool) -> dict[str, Json]:
        """Where exact bytes lie in the pack, and their digest; neither if they are not to be shown, or were erased."""
        if not data or not (show or self._full):
            return {"file": None, "size": None, "sha256": None}
        self._exact[path] = data
        return {"file": path, "size": len(data), "sha256": _sha256(data)}

    def _case(self) -> dict[str, Json]:
        case = self._records.case
        times = ("received_at", "due_at", "requested_due_at", "decided_at", "closed_at", "lift_due_at")
        return {
            "id": case.id,
            "platform_id": case.platform_id,
            "notice_id": case.notice_id,
            "authority_id": case.authority_id,
            "reference_number": case.reference_number,
            "revision": case.revision,
            "state": str(case.state),
            "kind": case.kind,
            "category": case.category,
            "source": case.source,
            "authenticity": case.authenticity,
            "channel": case.channel,
            "level": case.level,
            "flags": list(case.flags),
            "languages": list(case.languages),
            "decision_version": case.decision_version,
            "entered_by": self._name(case.entered_by),
            **{name: _instant(getattr(case, name)) for name in times},
        }

    def _items(self) -> list[Json]:
        shown: list[Json] = []
        for item in self._records.case.items:
            told: dict[str, Json] = {
                "item_id": item.item_id,
                "status": item.status,
                "action": item.action,
                "ground": item.ground or None,
                "scope": list(item.scope),
                "measure": item.measure or None,
                "effective_at": _instant(item.effective_at or None),
                "decision_version": item.decision_version,
            }
            if self._full:
                told |= {name: getattr(item, name) or None for name in ("url", "object_id", "account_ref")}
            shown.append(told)
        return shown

    def _received(self, number: int, one: Received) -> Json:
        row = one.row
        proof = _object(row.proof)
        told: dict[str, Json] = {
            "number": number,
            "type": row.type,
            "sender": row.sender,
            "message_id": row.message_id,
            "source": row.source,
            "received_at": instant_text(row.received_at),
            "exit": row.exit,
            "status": row.status,
            "deliveries": row.deliveries,
            "body": self._keep(f"received/{number:03}.body", row.body, show=False) | {"sha256": row.body_sha256},
            "proof": self._keep(f"received/{number:03}.proof", row.proof, show=False),
            "reply": self._keep(f"received/{number:03}.reply", row.reply, show=False),
            "at_receipt": _at_receipt(proof),
            "verification": dict(one.verification),
            "said": None if one.said is None else said_of(one.said, full=self._full),
        }
        if row.source == "typed":
            entered_at = proof.get("entered_at")
            told["entered_by"] = self._name(str(proof.get("entered_by", "")))
            told["entered_at"] = instant_text(entered_at) if isinstance(entered_at, int) else None
        return told

    def _decision(self, row: ToldDecision) -> Json:
        body = _object(row.body)
        path = f"decisions/{row.version:03}.json"
        without = frozenset() if self._full else OF_THE_PROPOSER
        return {
            "version": row.version,
            "digest": row.digest or None if self._full else None,
            "body": self._keep(path, row.body, show=False),
            "proposed_by": self._name(row.proposed_by),
            "proposed_at": instant_text(row.proposed_at),
            "needs_approval": row.needs_approval,
            "second_person": asked_for(self._records.events, row.version, without),
            "approved_by": self._name(row.approved_by),
            "approved_at": _instant(row.approved_at or None),
            "revision": body.get("revision") if isinstance(body.get("revision"), int) else None,
            **(_proposed(body) if self._full else decision_of(body)),
        }

    def _messages(self) -> list[Json]:
        attempts: dict[str, list[Attempt]] = {}
        for attempt in self._records.attempts:
            attempts.setdefault(attempt.message_id, []).append(attempt)
        ordered = sorted(self._records.messages, key=lambda message: (message.created_at, message.lane_seq, message.id))
        return [self._message(number, one, attempts.get(one.id, [])) for number, one in enumerate(ordered, 1)]

    def _message(self, number: int, message: OutboxMessage, attempts: list[Attempt]) -> Json:
        path = f"messages/{number:03}"
        told: dict[str, Json] = {
            "number": number,
            "id": message.id if self._full or message.kind not in _OF_OBJECTS else None,
            "kind": message.kind,
            "endpoint": message.endpoint,
            "item_id": message.item_id or None,
            "state": message.state,
            "created_at": instant_text(message.created_at),
            "settled_at": _instant(message.settled_at),
            "body": self._keep(f"{path}.body", message.body, show=message.kind in _CLEARED),
            "receipt": None,
            "receipt_proof": None,
            "attempts": [self._attempt(one) for one in sorted(attempts, key=lambda one: one.number)],
        }
        if message.receipt:
            plain = is_plain_receipt(message.receipt)
            told["receipt"] = self._keep(f"{path}.receipt", message.receipt, show=plain)
            if message.receipt_proof:
                told["receipt_proof"] = self._keep(f"{path}.receipt-proof", message.receipt_proof, show=plain)
        return told

    def _attempt(self, attempt: Attempt) -> Json:
        """What a program or a person said of it may name anybody."""
        told: dict[str, Json] = {
            "number": attempt.number,
            "started_at": instant_text(attempt.started_at),
            "ended_at": instant_text(attempt.ended_at),
            "result": attempt.result,
        }
        return told | {"detail": attempt.detail} if self._full else told

    def _events(self) -> tuple[Mapping[str, Json], ...]:
        events = self._records.events
        if self._full:
            return tuple(_whole(event) for event in events)
        shown = frozenset(_sha256(data) for data in self._exact.values())
        safe = self._safe
        lines: list[Mapping[str, Json]] = []
        for number, event in enumerate(events):
            told, withheld = facts(event, self._people, shown)
            before = safe[number - 1] if number else True
            lines.append(
                {
                    "seq": event.seq,
                    "at": event.at,
                    "kind": event.kind,
                    "actor": self._people(event.actor),
                    "facts": told,
                    "withheld": withheld,
                    "prev": event.prev if before else None,
                    "hash": event.hash if safe[number] else None,
                }
            )
        return tuple(lines)


def _whole(event: AuditEvent) -> Mapping[str, Json]:
    """An event with the text that was hashed: its UTF-8 bytes are the bytes of the chain."""
    return {
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "actor": event.actor,
        "content": event.content.decode("utf-8", "replace"),
        "sealed": [{"name": one.name, "salt": one.salt, "text": one.text} for one in event.sealed if one.salt],
        "facts": {name: value for name, value in data_of(event).items() if name not in ("nonce", "sealed")},
        "prev": event.prev,
        "hash": event.hash,
    }


def _proposed(body: Mapping[str, Any]) -> dict[str, Json]:
    proposal = body.get("proposal")
    proposal = proposal if isinstance(proposal, dict) else {}
    return {"legal_check": proposal.get("legal_check"), "items": proposal.get("items") or []}


def _at_receipt(proof: Mapping[str, Any]) -> dict[str, Json]:
    """What intake found, with the keys of its day."""
    signed_at = proof.get("signed_at")
    told: dict[str, Json] = {name: proof[name] for name in ("key_id", "profile") if name in proof}
    return told | {"signed_at": instant_text(signed_at)} if isinstance(signed_at, int) else told


def _clock(view: ClockView) -> dict[str, Json]:
    times = ("received_at", "due_at", "requested_due_at", "unpaused_due_at")
    return {
        **{name: _both(getattr(view, name)) for name in times},
        "decide_left_s": view.decide_left_s,
        "receipt_left_s": view.receipt_left_s,
        "late": view.late,
        "paused": view.paused,
    }


def _both(at: int | None) -> Json:
    return None if at is None else {"utc": instant_text(at), "almaty": local(at)}


def _instant(at: int | None) -> str | None:
    return None if at is None else instant_text(at)


def _object(body: bytes) -> Mapping[str, Any]:
    """One of our own documents; empty if it was erased or cannot be read."""
    try:
        value = json.loads(body)
    except (ValueError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def review_of(records: Records, name: Name, keep: Keep, *, full: bool) -> dict[str, Json]:
    """Every version of the legal check, and every look, each in its order."""
    return {
        "legal_checks": [_legal_check(row, name, keep, full=full) for row in records.checks],
        "content": [_look(row, name, full=full) for row in records.seen],
    }


def _legal_check(row: RecordedCheck, name: Name, keep: Keep, *, full: bool) -> Mapping[str, Json]:
    return {
        "version": row.version,
        "revision": row.revision,
        "digest": row.digest if full else None,
        "body": keep(f"legal_checks/{row.version:03}.json", row.body),
        "answered_by": name(row.answered_by),
        "answered_at": instant_text(row.answered_at),
        "answers": dict(row.answers),
    }


def _look(row: ContentSeen, name: Name, *, full: bool) -> Mapping[str, Json]:
    return {
        "item_id": row.item_id,
        "number": row.n,
        "available": row.available,
        "fault": row.fault or None,
        "seen_by": name(row.seen_by),
        "seen_at": instant_text(row.seen_at),
        **({"digest": row.digest or None, "object_id": row.object_id or None} if full else {}),
    }


def remedies_of(records: Records, name: Name, *, full: bool) -> dict[str, Json]:
    """Each of them in its order."""
    case, events = records.case, records.events
    contests, suspensions = (recorded(events, kind) for kind in ("contest", "suspend"))
    return {
        "contests": [
            {
                "number": one.number,
                "filed_at": instant_text(one.filed_at),
                "recorded_by": name(one.recorded_by),
                "result": one.result or None,
                "result_at": _instant(one.result_at),
                **_sealed_words(contests.get(one.number), full=full),
            }
            for one in case.contests
        ],
        "suspensions": [
            {
                "number": one.number,
                "from_at": instant_text(one.from_at),
                "until_at": _instant(one.until_at),
                "ended_at": _instant(one.ended_at),
                "recorded_by": name(one.recorded_by),
                "confirmed_by": name(one.confirmed_by),
                **({"proof_sha256": one.proof_sha256} if full else {}),
                **_sealed_words(suspensions.get(one.number), full=full),
            }
            for one in case.suspensions
        ],
        "instructions": [
            {"recorded_at": instant_text(event.at), "recorded_by": name(event.actor), **told}
            for event, told in _of_events(events, "record_instruction", "given_at", full=full)
        ],
        "user_notices": [_user_notice(row) for row in sorted(records.user_notices, key=_by_time)],
        "appeals": [
            _appeal(row, events, name, full=full)
            for row in sorted(records.appeals, key=lambda row: (row.received_at, row.appeal_id))
        ],
        "holds": [
            {"held_at": instant_text(event.at), "held_by": name(event.actor), **told}
            for event, told in _of_events(events, "hold", "until", full=full)
        ],
        "held_until": _instant(case.held_until),
        "erased_at": _instant(case.erased_at),
    }


def _user_notice(row: UserNoticeState) -> Mapping[str, Json]:
    """The message itself is among the messages of the pack."""
    return {
        "item_id": row.item_id,
        "kind": row.kind,
        "state": row.state,
        "decision_version": row.decision_version,
        "due_at": instant_text(row.due_at),
        "sent_at": _instant(row.sent_at),
        "delay_until": _instant(row.delay_until),
        "basis": row.basis or None,
    }


def _appeal(row: Appeal, events: Sequence[AuditEvent], name: Name, *, full: bool) -> Mapping[str, Json]:
    told: dict[str, Json] = {
        "item_id": row.item_id,
        "received_at": instant_text(row.received_at),
        "due_at": instant_text(row.due_at),
        "decision_version": row.decision_version,
        "state": row.state,
        "decided_by": name(row.decided_by),
        "decided_at": _instant(row.decided_at),
    }
    if not full:
        return told
    of_it = [event for event in events if data_of(event).get("appeal") == row.appeal_id]
    words = {f"{event.kind}.{one.name}": one.text for event in of_it for one in event.sealed if one.salt}
    return told | {"appeal_id": row.appeal_id, "reference": row.reference, "words": dict(words)}


def _of_events(
    events: Sequence[AuditEvent], kind: str, when: str, *, full: bool
) -> Iterator[tuple[AuditEvent, dict[str, Json]]]:
    for event in events:
        if event.kind == kind:
            at = data_of(event).get(when)
            yield event, {when: instant_text(at) if type(at) is int else None, **_sealed_words(event, full=full)}


def _sealed_words(event: AuditEvent | None, *, full: bool) -> dict[str, Json]:
    if event is None or not full:
        return {}
    return {"words": {one.name: one.text for one in event.sealed if one.salt}}


def _by_time(row: UserNoticeState) -> tuple[int, str, str]:
    return row.due_at, row.item_id, row.message_id
