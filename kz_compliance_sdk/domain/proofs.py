"""What the audit trail says, held against the rows that it speaks of.

The chain proves that its events fit together. Here the digests, names, times and states in them are compared with what
is stored beside them, so that a row that was changed, added or taken away is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kz_compliance_sdk.domain import proofs_outgoing, proofs_review, proofs_users
from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.audit import AuditEvent, Fault, told, verify_chain
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.contest import Suspension
from kz_compliance_sdk.domain.evidence_rows import Row
from kz_compliance_sdk.domain.legal_check import RecordedCheck
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.proofs_outgoing import sha256
from kz_compliance_sdk.domain.reviewed import ContentSeen, ToldDecision
from kz_compliance_sdk.domain.suspensions import remedies_told
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.user_notices import UserNoticeState

MessageKey = tuple[str, str, str]
"""Sender, message id, SHA-256 of the body."""


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that is stored of one case at one moment, as it is stored. `inbox` holds the messages that its events
    name, and those that name the case; `unreadable` says which cells do not open with the key of the case, `damage`
    what is wrong with its stream of the ledger and the parts of it, `erased_elsewhere` which other cases, that a
    message named here went on to, were erased."""

    case: Case
    events: Sequence[AuditEvent]
    decisions: Sequence[ToldDecision]
    inbox: Sequence[InboxRow]
    messages: Sequence[OutboxMessage]
    attempts: Sequence[Attempt]
    checks: Sequence[RecordedCheck] = ()
    seen: Sequence[ContentSeen] = ()
    appeals: Sequence[Appeal] = ()
    user_notices: Sequence[UserNoticeState] = ()
    unreadable: Sequence[str] = ()
    damage: Sequence[str] = ()
    erased_elsewhere: frozenset[str] = frozenset()
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Its rows in every table of `evidence_tables.TABLES`, column by column."""
    held: frozenset[int] | None = None
    """The numbers of the items that hold their object, by the streams of these; None where one cannot be believed."""


@dataclass(frozen=True, slots=True)
class Loose:
    """What is held that belongs to no case: the rows as they are stored, the messages among them, `unreadable`, which
    of these do not open with the key that they have, and which cases that they went on to were erased."""

    rows: Mapping[str, Sequence[Row]]
    messages: Sequence[InboxRow]
    unreadable: Sequence[str]
    erased_elsewhere: frozenset[str]


def messages_behind(events: Sequence[AuditEvent]) -> list[MessageKey]:
    """The messages that the events say were received."""
    return [key for _, data in told(events) if (key := _message_behind(data)) is not None]


def check(records: Records) -> tuple[Fault, ...]:
    """Every fault of one case: of its chain, then of the rows that the chain speaks of."""
    case, events = records.case, list(told(records.events))
    erased = next(((event.seq, event.at) for event, _ in reversed(events) if event.kind == "erase"), (0, 0))
    return (
        *verify_chain(case.id, records.events, head=case.audit_head, length=case.audit_seq),
        *_of_case(case, events),
        *_of_orders(case, events),
        *_of_remedies(case, events),
        *_of_key(records, erased),
        *_of_texts(case.id, events, erased),
        *_of_inbox(records, events, erased),
        *proofs_outgoing.of_messages(case.id, records.messages, events, erased[0]),
        *proofs_outgoing.of_attempts(case.id, records.messages, records.attempts),
        *(() if records.held is None else proofs_outgoing.of_holds(case, records.held)),
        *(() if records.damage else _of_chain(records, events, erased=erased[0] > 0)),
        *proofs_users.of_told(case.id, records.messages, events, erased[0]),
        *(
            Fault(case.id, 0, f"{what}: it was changed from outside, or belongs to another row")
            for what in records.unreadable
        ),
        *(Fault(case.id, 0, what) for what in records.damage),
    )


def was_erased(events: Sequence[AuditEvent]) -> int:
    """The seq of the last event that says that the case was erased, as the law asks; 0 if none does."""
    return max((event.seq for event in events if event.kind == "erase"), default=0)


def entered(messages: Sequence[InboxRow]) -> dict[tuple[str, ...], int]:
    """When (UTC seconds) each of these that was typed in was, by its own proof."""
    found: dict[tuple[str, ...], int] = {}
    for row in messages:
        if row.source == "typed":
            try:
                found[row.sender, row.message_id, row.body_sha256] = json.loads(row.proof)["entered_at"]
            except (ValueError, TypeError, LookupError):
                continue
    return found


def of_loose(loose: Loose) -> Iterator[Fault]:
    """Every fault of what belongs to no case: bytes that are not those received."""
    for what in loose.unreadable:
        yield Fault("", 0, what)
    for row in loose.messages:
        erased = row.body == b"" and (row.case_id in loose.erased_elsewhere or is_emptied(row))
        if not erased and sha256(row.body) != row.body_sha256:
            yield Fault("", 0, f"the bytes of the message {row.message_id} are not those received")


def is_emptied(row: InboxRow) -> bool:
    """Whether a message of no case looks as the end of its retention leaves it."""
    return row.case_id == "" and row.exit == "noted" and row.body == b"" and row.proof == b""


_Told = list[tuple[AuditEvent, Mapping[str, Any]]]
_Erased = tuple[int, int]
"""The last event that says that the case was erased: its place in the chain and its time; zeros if none does."""


_Act = tuple[object, bool, str, int]
"""The version of a decision, whether it was approved and not proposed, by whom and when (UTC seconds)."""

_ONLY_TOLD = frozenset({"flag", "take_in"})
"""Events that name a message on which the case does not rest."""


def _message_behind(data: Mapping[str, Any]) -> MessageKey | None:
    key = data.get("sender"), data.get("message"), data.get("sha256")
    return key if all(isinstance(part, str) for part in key) else None  # type: ignore[return-value]  # checked here


def _of_case(case: Case, events: _Told) -> Iterator[Fault]:
    said: dict[str, tuple[int, Any]] = {}
    sources, typists, vouched = set(), set(), False
    for event, data in events:
        if "to" in data:
            said["state"] = event.seq, data["to"]
        if "due_at" in data:
            said["due_at"] = event.seq, data["due_at"]
        if "not_before" in data:
            said["undo_until"] = event.seq, data["not_before"]
        elif event.kind == "reverse" and "decision" in data:
            said["undo_until"] = event.seq, None
        if (received := _receipt(event.kind, data)) is not None:
            said["received_at"] = event.seq, received
        if _message_behind(data) is not None and event.kind not in _ONLY_TOLD:
            sources.add(data.get("source"))
            typists.add(data.get("entered_by", ""))
        vouched = vouched or event.kind == "authenticate" or (event.kind == "amend" and "how" in data.get("sealed", ()))
    for name, (seq, value) in said.items():
        if getattr(case, name) != value:
            yield Fault(case.id, seq, f"the case's {name} is {getattr(case, name)}, the event says {value}")
    signed = sources & {"pushed", "polled"}
    if (case.authenticity == "signed" and not signed) or (case.authenticity == "verified" and not vouched):
        yield Fault(case.id, 0, f"the case is said to be {case.authenticity}, and no event says so")
    last = next((event.at for event, _ in reversed(events) if event.kind == "erase"), None)
    if case.erased_at is not None and case.erased_at != last:
        yield Fault(case.id, 0, "the case is said to be erased, and no event says so")
    if case.entered_by not in typists:
        yield Fault(case.id, 0, f"the case's typist is {case.entered_by or 'nobody'}, and no event says so")


def _of_orders(case: Case, events: _Told) -> Iterator[Fault]:
    """Which items have an order that stands must be what the authority's messages left. Of an erased case the trail
    cannot be compared: its items have no names any more."""
    if case.erased_at is not None:
        return
    try:
        fallen = orders_told(events)
    except (LookupError, TypeError):
        yield Fault(case.id, 0, "the orders that fell are told in another shape than was written")
        return
    for item in case.items:
        if item.fell != fallen.get(item.item_id, ""):
            was = fallen.get(item.item_id) or "nothing"
            yield Fault(
                case.id,
                0,
                f"the order about the item {item.item_id} fell by {item.fell or 'nothing'}, its events say {was}",
            )


def orders_told(events: _Told) -> dict[str, str]:
    """By what the order about each item fell, as the events of a case tell it."""
    fallen: dict[str, str] = {}
    erased = False
    for event, data in events:
        erased = erased or event.kind == "erase"
        if erased and event.kind == "amend":
            # Nothing of the earlier revisions was known any more.
            fallen, erased = {}, False
        fallen |= {name: fallen.get(was, "") for name, was in data.get("fell_before", {}).items()}
        fallen |= dict.fromkeys(data.get("fell", ()), data.get("effect", "withdrawn"))
        fallen |= dict.fromkeys(data.get("stands", ()), "")
    return fallen


def _of_key(records: Records, erased: _Erased) -> Iterator[Fault]:
    """The key of a case goes with its erasure; only what comes afterwards brings another."""
    last = erased[0] == records.case.audit_seq and not any(one.ended_at >= erased[1] for one in records.attempts)
    if erased[0] and last and any(row["data_key"] != b"" for row in records.rows.get("cases", ())):
        yield _still_there(records.case.id, "its data key", erased)


def _of_remedies(case: Case, events: _Told) -> Iterator[Fault]:
    """What pauses a term must be what people recorded and confirmed."""
    try:
        contests, suspensions = remedies_told(events)
    except (LookupError, TypeError):
        yield Fault(case.id, 0, "its contests or suspensions are told in another shape than was written")
        return
    if contests != list(case.contests):
        yield Fault(case.id, 0, "the case's contests are not those that its events tell")
    if _erased_alike(case, suspensions) != _erased_alike(case, case.suspensions):
        yield Fault(case.id, 0, "the case's suspensions are not those that its events tell")


def _erased_alike(case: Case, suspensions: Iterable[Suspension]) -> list[Suspension]:
    """These suspensions; of an erased case without what proves them, which goes with the other words."""
    return [one if case.erased_at is None else replace(one, proof_sha256="") for one in suspensions]


def _of_texts(case_id: str, events: _Told, erased: _Erased) -> Iterator[Fault]:
    for event, data in events:
        if event.seq < erased[0]:
            if event.sealed:
                yield _still_there(case_id, f"the sealed text {event.sealed[0].name!r}", erased)
            continue
        named = data.get("sealed")
        for name in sorted(set(named if isinstance(named, dict) else ()) - {text.name for text in event.sealed}):
            yield Fault(case_id, event.seq, f"the sealed text {name!r} is gone, and no event says that it was erased")


def _receipt(kind: str, data: Mapping[str, Any]) -> Any:
    """The receipt from which an event makes the clock run; None if it makes none run."""
    if kind in ("open", "quarantine") or (kind == "amend" and data.get("from") in ENDED):
        return data.get("received_at")
    return data.get({"admit": "inherits", "correct_receipt": "is"}.get(kind, ""))


def _of_inbox(records: Records, events: _Told, erased: _Erased) -> Iterator[Fault]:
    held = {(row.sender, row.message_id, row.body_sha256): row for row in records.inbox}
    behind = {key: event.seq for event, data in events if (key := _message_behind(data)) is not None}
    for key, seq in behind.items():
        if key not in held:
            yield Fault(records.case.id, seq, f"the message {key[1]} behind it is gone")
    for key, row in held.items():
        before = behind.get(key, 0) < erased[0] and row.received_at <= erased[1]
        if row.body == b"" and (before or row.case_id in records.erased_elsewhere):
            continue
        if before and row.received_at < erased[1] and row.case_id == records.case.id:
            yield _still_there(records.case.id, f"the message {row.message_id}", erased)
        elif sha256(row.body) != row.body_sha256:
            yield Fault(
                records.case.id, behind.get(key, 0), f"the bytes of the message {row.message_id} are not those received"
            )


def _of_chain(records: Records, events: _Told, *, erased: bool) -> Iterator[Fault]:
    """What the ledger says must be what the trail says, whose head the checkpoints hold outside."""
    yield from _of_decisions(records, events)
    yield from proofs_review.of_checks(records.case.id, records.checks, events)
    yield from proofs_review.of_content(records.case.id, records.seen, events, erased=erased)
    yield from proofs_users.of_appeals(records.case.id, records.appeals, events)
    yield from proofs_users.of_user_notices(records.case.id, records.user_notices, events)


def _of_decisions(records: Records, events: _Told) -> Iterator[Fault]:
    told, digests = set[_Act](), dict[object, object]()
    for event, data in events:
        if event.kind in ("propose", "approve", "reverse") and "decision" in data:
            told.add((data["decision"], event.kind == "approve", event.actor, event.at))
            digests[data["decision"]] = data.get("digest")
    held = {(one.version, False, one.proposed_by, one.proposed_at) for one in records.decisions}
    held |= {(one.version, True, one.approved_by, one.approved_at) for one in records.decisions if one.approved_by}
    for version, approves, who, _ in sorted(told ^ held, key=str):
        what = "approved" if approves else "proposed"
        yield Fault(records.case.id, 0, f"that {who} {what} the decision {version} is not in both chains")
    for one in records.decisions:
        if one.body and one.digest != digests.get(one.version):
            yield Fault(records.case.id, 0, f"the decision {one.version} is not the one whose digest the trail holds")


def _still_there(case_id: str, what: str, erased: _Erased) -> Fault:
    return Fault(case_id, erased[0], f"{what} should have been erased, and is there")
