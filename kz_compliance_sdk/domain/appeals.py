"""Appeals of affected users: received as long as a measure stands, decided by somebody else, and able to restore.

What a user writes is a sealed part beside an event of the case, and lies nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.cancellations import Standing, holding, lift_due_at, lift_watch, lifted_watch, void
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.case import NO_LEASE, OPEN_ITEM, Case, CaseState, ItemState, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change, MessageVoided, Write
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.deciding import judged
from kz_compliance_sdk.domain.decision import Decision, Finding, ItemDecision, Proposal, Wording
from kz_compliance_sdk.domain.events import remedies
from kz_compliance_sdk.domain.events.arrivals import Fallen
from kz_compliance_sdk.domain.fold import AppealState, Stream
from kz_compliance_sdk.domain.identities import check_statement
from kz_compliance_sdk.domain.messages import NOTIFIER, effect, page, with_report
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.policy.values import UserPolicy
from kz_compliance_sdk.domain.proposal_checks import check_proposal
from kz_compliance_sdk.domain.references import appeal_id_of, message_id, stream_of
from kz_compliance_sdk.domain.report import RefusalCode, Statement
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, check_another
from kz_compliance_sdk.domain.reviewed import Words
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, StoreDamaged

AppealOutcome = Literal["uphold", "reverse"]
TEXT, REFERENCE = "text", "reference"
"""The parts that hold what the user wrote, and the platform's number of it."""
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LONGEST_TEXT = 20_000
_AUDIENCE = ("moderator", "lead", "head")


@dataclass(frozen=True, slots=True)
class Appeal:
    """A user's appeal against the measure on one item, as the chain of its case tells it. Times are UTC seconds;
    `due_at` is when it should be decided.

    `reference` is the platform's own number for it, empty once the case was erased. `item` is the number of the item
    and `item_id` what the authority calls it: an amendment can give that id to another object, and it is empty where
    the case does not know it any more. `decision_version` names the decision that it speaks of; nobody who proposed or
    approved that one is `decided_by`. `number` is its own in the case.
    """

    platform_id: str
    appeal_id: str
    case_id: str
    item: int
    item_id: str
    reference: str
    received_at: int
    due_at: int
    decision_version: int
    proposed_by: str
    approved_by: str
    number: int
    state: AppealState = "open"
    decided_by: str = ""
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class AppealFile:
    """An appeal and what the user wrote; `text` is empty once that was erased."""

    appeal: Appeal
    text: str


def appeals_of(stream: Stream, case: Case, words: Words) -> list[Appeal]:
    """Every appeal of a case by its `stream`, in the order in which they came. Raises Damage or NewerRelease."""
    return [_told(stream, case, held, words) for held in stream.case.appeals.values()]


def appeal_of(stream: Stream, case: Case, appeal_id: str, words: Words) -> Appeal:
    """The appeal of that id. Raises StoreDamaged where the chain of its case knows none, and as `appeals_of`."""
    return _told(stream, case, _held(stream, appeal_id, case), words)


def file_of(stream: Stream, case: Case, appeal_id: str, words: Words) -> AppealFile:
    """As `appeal_of`, with what the user wrote."""
    held = _held(stream, appeal_id, case)
    text = words(stream, [(held.at_seq, TEXT)])[held.at_seq, TEXT]
    return AppealFile(_told(stream, case, held, words), (text or b"").decode())


def _held(stream: Stream, appeal_id: str, case: Case) -> fold.Appeal:
    for held in stream.case.appeals.values():
        if held.id == appeal_id:
            return held
    raise StoreDamaged("its row names an appeal of which its chain does not know.", reference=case.id)


def _told(stream: Stream, case: Case, held: fold.Appeal, words: Words) -> Appeal:
    decision, persons = stream.case.decisions[held.decision], stream.roster.names
    reference = words(stream, [(held.at_seq, REFERENCE)])[held.at_seq, REFERENCE]
    return Appeal(
        platform_id=stream.platform,
        appeal_id=held.id,
        case_id=case.id,
        item=held.item,
        item_id=next((name_of(item) for item in case.items if item.number == held.item), ""),
        reference=(reference or b"").decode(),
        received_at=held.received_at,
        due_at=held.due_at,
        decision_version=held.decision,
        proposed_by=persons[decision.person],
        approved_by=persons[decision.approved_by],
        number=held.number,
        state=held.state,
        decided_by=persons[held.decided_by],
        decided_at=held.decided_at or None,
    )


def count_open(chain: fold.Case) -> int:
    """How many appeals of a case nobody has decided yet."""
    return sum(held.state == "open" for held in chain.appeals.values())


@dataclass(frozen=True, slots=True)
class Reversal:
    """What a person who reverses a measure says of it: what the law says, and what the regulator is told.

    `statement` is in at least one language of the notice; `text_checked` says that a person has read it and found no
    identity of a user or reporter in it.
    """

    finding: Finding
    refusal_code: RefusalCode
    statement: tuple[Statement, ...]
    text_checked: bool = False


def receive(
    case: Case,
    item_id: str,
    text: str,
    received_at: int,
    reference: str,
    decisions: Mapping[int, Decision],
    rests_on: Mapping[int, int],
    policy: UserPolicy,
    *,
    stamp: Stamp,
) -> tuple[Change, Appeal]:
    """Record a user's appeal against a measure that stands. Its own clock runs from `received_at` (UTC seconds).
    `rests_on` says by which decision the measure of an item, by number, came into force.

    Raises NotAllowed, InvalidInput, and IllegalMove for an item without a measure and for a case that was erased.
    """
    if stamp.actor != SYSTEM:
        REVIEW_POLICY.check(stamp.actor, "receive_appeal")
    need(text, "text", "Give what the user wrote.")
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"it is longer than {_LONGEST_TEXT} characters.", field="text", remedy="Shorten it.")
    check_reference(reference)
    if case.erased_at is not None:
        raise IllegalMove(
            f"the case was erased on {local(case.erased_at)}: its ledger and its tally are left, and neither says "
            "which object a measure is on. Decide it outside this library: only the platform itself can lift it now.",
            reference=case.id,
        )
    item = _item_of(case, item_id)
    # Also while a later decision about the item is on its way.
    decision = decisions.get(rests_on.get(item.number) or item.decision_version)
    if not item.measure or decision is None:
        raise IllegalMove(f"no measure on the item {item_id!r} is in force: there is nothing to appeal against.")
    if not _stands_since(item, decisions) <= received_at <= stamp.at:
        raise InvalidInput(
            "the appeal is not between the measure and now.", field="received_at", remedy="Give when it was received."
        )
    appeal = Appeal(
        platform_id=case.platform_id,
        appeal_id=appeal_id_of(case.platform_id, stamp.keyed(reference)),
        case_id=case.id,
        item=item.number,
        item_id=name_of(item),
        reference=reference,
        received_at=received_at,
        due_at=received_at + policy.appeal_term_s,
        decision_version=decision.version,
        proposed_by=decision.proposed_by,
        approved_by=decision.approved_by,
        number=case.appeals + 1,
    )
    told = remedies.Appealed(
        appeal=appeal.number,
        reference=stamp.keyed(reference),
        item=item.number,
        received_at=received_at,
        near_at=appeal.due_at - policy.appeal_near_s,
        due_at=appeal.due_at,
        decision=appeal.decision_version,
    )
    moved = move(case, "appeal", case.state)
    moved, news = page(moved.but(appeals=appeal.number), "appeal_received", ("moderator", "lead"), 30, stamp)
    pages = tuple(_reminder(appeal, *row, stamp) for row in _reminders(appeal, policy))
    moved = moved.but(pages=moved.pages + len(pages))
    return (CaseWrite(moved), happened(case, told, stamp, {TEXT: text, REFERENCE: reference}), news, *pages), appeal


def _stands_since(item: ItemState, decisions: Mapping[int, Decision]) -> int:
    """From when there was a measure to appeal against, UTC seconds: a later one takes the place of an earlier."""
    name = name_of(item)
    earlier = [one for one in decisions.values() if one.version < item.decision_version]
    measures = [one.proposed_at for one in earlier if (said := one.item(name)) is not None and said.is_measure]
    return min([item.effective_at, *measures])


def check_reference(reference: str) -> None:
    """Raises InvalidInput for a reference that is no plain number: nobody's name belongs into it."""
    if not _REFERENCE.fullmatch(reference):
        raise InvalidInput(
            "this is no reference.",
            field="reference",
            remedy="Give the platform's own number of the appeal: letters, digits and . _ : - only, at most 128.",
        )


def uphold(case: Case, appeal: Appeal, reasons: str, first: Iterable[Actor], *, stamp: Stamp) -> Settled:
    """The measure stays. Raises NotAllowed for whoever decided first, and IllegalMove if it was lifted meanwhile or the
    item is being decided anew."""
    item = check_decider(case, appeal, reasons, first, stamp)
    if not item.measure or item.status == "lifting":
        raise IllegalMove(
            "the measure was lifted meanwhile: nothing is left that could be upheld. Reverse it.", reference=case.id
        )
    texts = {"reasons": reasons}
    event = happened(case, remedies.AppealUpheld(appeal=appeal.number), stamp, texts)
    moved = move(case, "uphold", case.state)
    decided = replace(appeal, state="upheld", decided_by=stamp.actor.id, decided_at=stamp.at)
    change = (CaseWrite(moved), event, *silenced(appeal, stamp))
    return Settled(change, moved, decided, item.item_id)


def withdraw(case: Case, appeal: Appeal, first: Iterable[Actor], *, stamp: Stamp) -> Settled:
    """The user takes the appeal back. Raises NotAllowed for whoever decided first, IllegalMove."""
    _check_open(appeal)
    if stamp.actor != SYSTEM:
        REVIEW_POLICY.check(stamp.actor, "withdraw_appeal")
        _check_other(case, first, stamp)
    event = happened(case, remedies.AppealWithdrawn(appeal=appeal.number), stamp)
    moved = move(case, "withdraw_appeal", case.state)
    gone = replace(appeal, state="withdrawn", decided_at=stamp.at)
    change = (CaseWrite(moved), event, *silenced(appeal, stamp))
    return Settled(change, moved, gone, appeal.item_id)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an appeal: what is written, the case and the appeal after it, and the id of the case's item."""

    change: Change
    case: Case
    appeal: Appeal
    item_id: str


def is_about(appeal: Appeal, case: Case, item_id: str) -> bool:
    """Whether this appeal is about what an item of the case is called, or was when the appeal came. Once nobody knows
    that any more, its reference alone says so."""
    exact = case.item(item_id)
    return appeal.item_id in ("", item_id) or (exact is not None and exact in _of_object(case, appeal))


def about(case: Case, appeal: Appeal) -> ItemState:
    """The item of the object that an appeal is about, whatever its id names now. Raises IllegalMove if the case holds
    nothing of it."""
    items = _of_object(case, appeal)
    if not items:
        raise IllegalMove(
            "the case holds nothing of the object that this appeal is about: run `kz-compliance audit verify`.",
            reference=case.id,
        )
    return next((item for item in items if item.measure), items[0])


def _of_object(case: Case, appeal: Appeal) -> list[ItemState]:
    about = next((one for one in case.items if one.number == appeal.item), None)
    if about is None:
        return []
    # Named anew, the same object is another item.
    named = name_of(about), about.object_key
    return [one for one in case.items if (name_of(one), one.object_key) == named]


def _item_of(case: Case, item_id: str) -> ItemState:
    named = [item for item in case.items if item_id in (item.item_id, item.was)]
    if not named:
        raise InvalidInput(f"the case has no item {item_id!r}.", field="item_id", remedy="Name one of its items.")
    return next((item for item in named if item.measure), named[0])


def check_decider(case: Case, appeal: Appeal, reasons: str, first: Iterable[Actor], stamp: Stamp) -> ItemState:
    REVIEW_POLICY.check(stamp.actor, "decide_appeal")
    need(reasons, "reasons", "Say what you found when you looked at it anew.")
    _check_open(appeal)
    item = about(case, appeal)
    _check_other(case, first, stamp)
    if item.status in OPEN_ITEM or item.status == "decided":
        raise IllegalMove(
            "a later decision about this item is under way: decide the appeal when it has come to its end.",
            reference=case.id,
        )
    return item


def _check_other(case: Case, first: Iterable[Actor], stamp: Stamp) -> None:
    """Refuse whoever decided first."""
    check_another(first, stamp.actor, "nobody ends an appeal against their own decision.", case.id)


def _check_open(appeal: Appeal) -> None:
    if appeal.state != "open":
        raise IllegalMove(f"this appeal is {appeal.state}.", reference=appeal.appeal_id)


def _reminders(appeal: Appeal, policy: UserPolicy) -> tuple[tuple[str, int, int], ...]:
    """What people are told by the clock, when, and how loudly: queued at once, and void when the appeal is decided."""
    return ("appeal_near", appeal.due_at - policy.appeal_near_s, 40), ("appeal_overdue", appeal.due_at, 60)


def _reminder(appeal: Appeal, reason: str, at: int, level: int, stamp: Stamp) -> OutboxMessage:
    body = encoded(
        {
            "case_reference": appeal.case_id,
            "reason": reason,
            "due_at": appeal.due_at,
            "audience": list(_AUDIENCE),
            "level": level,
        }
    )
    key = _reminder_id(appeal, reason)
    return OutboxMessage(key, appeal.platform_id, appeal.case_id, "page", NOTIFIER, body, stamp.at, at, at)


def _reminder_id(appeal: Appeal, reason: str) -> str:
    return message_id(stream_of(appeal.case_id), f"page/{reason}", 0, appeal.number, 0)


def silenced(appeal: Appeal, stamp: Stamp) -> tuple[Write, ...]:
    return tuple(
        MessageVoided(appeal.platform_id, appeal.case_id, _reminder_id(appeal, reason), stamp.at)
        for reason in ("appeal_near", "appeal_overdue")
    )


_STANDS = ("in_force", "kept")


def reverse(
    case: Case,
    appeal: Appeal,
    reasons: str,
    wording: Reversal,
    policy: Policy,
    standing: Standing,
    first: Iterable[Actor],
    *,
    stamp: Stamp,
) -> Settled:
    """The user was right: a superseding decision lifts the measure, and the regulator gets a corrected report.

    What another order holds as well stays. Raises NotAllowed for whoever decided first, InvalidInput naming the field,
    and IllegalMove while the item is being decided anew, or the undo window of another decision of the case runs.
    """
    item = check_decider(case, appeal, reasons, first, stamp)
    texts = {"reasons": reasons}
    decided = replace(appeal, state="reversed", decided_by=stamp.actor.id, decided_at=stamp.at)
    settled = silenced(appeal, stamp)
    if item.status == "lifting":
        _check_undo_over(case, standing, stamp)
    if not item.measure or item.status == "lifting":
        event = happened(case, remedies.AppealReversed(appeal=appeal.number), stamp, texts)
        moved = move(case, "reverse", case.state)
        return Settled((CaseWrite(moved), event, *settled), moved, decided, item.item_id)
    _check_undo_over(case, standing, stamp)
    lifted = [one for one in case.items if one.object_key == item.object_key and one.measure and one.status in _STANDS]
    decision = _superseding(case, lifted, reasons, wording, policy, stamp)
    body = decision.body
    standing = holding(standing, [one for one in case.items if one not in lifted])
    items, writes = _lift(case, lifted, decision.version, policy, standing, stamp)
    target, changes = _after(case, items, policy, stamp)
    fields: dict[str, Any] = {
        "items": items,
        "decision_version": decision.version,
        "decided_at": stamp.at,
        # It is carried out at once, and never has a window.
        "undo_until": None,
        **changes,
    }
    told = _reversed(case, appeal, decision, items, target, policy, stamp)
    moved = move(case, "reverse", target, **fields)
    writes = [happened(case, told, stamp, {**texts, "proposal": body}), *writes, *settled]
    if target is not case.state or (case.state is not CaseState.CLOSED and not moved.pending):
        writes += void(standing.messages, stamp, kinds=("report",))
        if not moved.pending:
            moved, more = with_report(
                moved,
                {**standing.decisions, decision.version: decision},
                standing.respondent,
                stamp,
                notified=standing.notified,
            )
            writes += more
    return Settled((CaseWrite(moved), *writes), moved, decided, item.item_id)


def _reversed(
    case: Case,
    appeal: Appeal,
    decision: Decision,
    items: tuple[ItemState, ...],
    target: CaseState,
    policy: Policy,
    stamp: Stamp,
) -> remedies.AppealReversed:
    """What the ledger says of it. `items` are the case's after it, `target` is its state."""
    lifted = [item for item in items if item.decision_version == decision.version]
    said = {one.item_id: one for one in decision.proposal.items}
    lifting = any(item.status == "lifting" for item in items)
    return remedies.AppealReversed(
        appeal=appeal.number,
        decision=decision.version,
        items=tuple(judged(item.number, said[name_of(item)], stamp) for item in lifted),
        lifted=tuple(Fallen(item=item.number, fate=_fate(item), version=item.effect_version) for item in lifted),
        lift_due_at=lift_due_at(case, policy, stamp.at) if lifting else 0,
        reports=target is not CaseState.CLOSED,
    )


def _fate(item: ItemState) -> Literal["lifting", "kept"]:
    return "lifting" if item.status == "lifting" else "kept"


def _check_undo_over(case: Case, standing: Standing, stamp: Stamp) -> None:
    """Raises IllegalMove while people can take back what was decided before: only the latest decision of a case can be
    undone, and a reversal becomes the latest."""
    kinds = ("enforce", "restore", "report")
    for message in standing.messages:
        if message.kind in kinds and not message.attempts and message.next_attempt_at > stamp.at:
            raise IllegalMove(
                "another decision of the case can still be taken back: reverse once its undo window is over, at "
                f"{local(message.next_attempt_at)}.",
                reference=case.id,
            )


def _superseding(
    case: Case, lifted: list[ItemState], reasons: str, wording: Reversal, policy: Policy, stamp: Stamp
) -> Decision:
    """The decision in which somebody else comes to another end: no measure, and a refusal with its reasons."""
    told = Wording(outcome="refused", statement_of_reasons=wording.statement, refusal_code=wording.refusal_code)
    names = list(dict.fromkeys(name_of(one) for one in lifted))
    items = tuple(
        ItemDecision(item_id=name, finding=wording.finding, reasons=reasons[:5000], action="none", wording=told)
        for name in names
    )
    proposal = Proposal(items=items, text_checked=wording.text_checked)
    check_proposal(proposal, frozenset(names), case.languages)
    check_statement(case, wording.statement, "reversal.statement")
    return Decision(
        case_id=case.id,
        version=case.decision_version + 1,
        revision=case.revision,
        notice_sha256=case.message[2],
        proposal=proposal,
        proposed_by=stamp.actor.id,
        proposed_at=stamp.at,
        policy=policy.version,
        category=case.category,
    )


def _lift(
    case: Case, lifted: list[ItemState], version: int, policy: Policy, standing: Standing, stamp: Stamp
) -> tuple[tuple[ItemState, ...], list[Write]]:
    versions, items, writes = dict(standing.versions), list[ItemState](), list[Write]()
    on_lift_clock = case.but(lift_due_at=lift_due_at(case, policy, stamp.at))
    for item in case.items:
        if item not in lifted:
            items.append(item)
            continue
        writes += standing.objects.lifted(case, item, stamp)
        decided = item.but(decision_version=version, action="none", ground="")
        if item.object_key in standing.held_by_others:
            items.append(decided.but(status="kept", measure=""))
            continue
        number = versions[item.object_key] = versions.get(item.object_key, 0) + 1
        decided = decided.but(status="lifting", effect_version=number)
        writes.append(effect(on_lift_clock, decided, "restore", stamp.at, stamp))
        writes.append(standing.objects.versioned(case, decided, stamp))
        items.append(decided)
    return tuple(items), writes


def _after(case: Case, items: tuple[ItemState, ...], policy: Policy, stamp: Stamp) -> tuple[CaseState, dict[str, Any]]:
    if case.state is CaseState.CLOSED and not policy.users.report_reversals:
        return case.state, {}
    if any(item.status == "lifting" for item in items):
        return CaseState.LIFTING, {
            **NO_LEASE,
            "closed_at": None,
            "lift_due_at": lift_due_at(case, policy, stamp.at),
            "watch_at": lift_watch(case, policy, stamp),
        }
    if case.state in (CaseState.ENFORCED, CaseState.CLOSED):
        return CaseState.LIFTED, {"closed_at": None, "watch_at": lifted_watch(case, policy, stamp)}
    return case.state, {}
