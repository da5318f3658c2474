"""Appeals of affected users: received as long as a measure stands, decided by somebody else, and able to restore.

What a user writes is a sealed part beside an event of the case, and lies nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.cancellations import Standing, lift_due_at, lift_watch, lifted_watch, with_held
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, Write
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.deciding import judged
from kz_compliance_sdk.domain.decision import Decision, Finding, ItemDecision, Proposal, Wording, Words
from kz_compliance_sdk.domain.events import remedies
from kz_compliance_sdk.domain.events.arrivals import Fallen
from kz_compliance_sdk.domain.events.remedies import APPEAL_REMINDERS
from kz_compliance_sdk.domain.fold import OPEN, Stream
from kz_compliance_sdk.domain.messages import step, tried, with_report, written
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.policy.values import UserPolicy
from kz_compliance_sdk.domain.proposal_checks import check_proposal, check_statement
from kz_compliance_sdk.domain.report import RefusalCode, Statement
from kz_compliance_sdk.domain.review_policy import check_another
from kz_compliance_sdk.domain.transitions import AppealState
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.domain.values import appeal_id_of, message_id, stream_of
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, StoreDamaged

AppealOutcome = Literal["uphold", "reverse"]
TEXT, REFERENCE = "text", "reference"
"""The parts that hold what the user wrote, and the platform's number of it."""
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LONGEST_TEXT = 20_000


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


def appeal_of(stream: Stream, case: Case, appeal_id: str, words: Words) -> Appeal:
    """The appeal of that id. Raises StoreDamaged where the chain of its case knows none, and Damage or NewerRelease."""
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

    Raises InvalidInput, and IllegalMove for an item without a measure and for a case that was erased.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"it is longer than {_LONGEST_TEXT} characters.", field="text", remedy="Shorten it.")
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
    change, _ = step(case, "appeal", happened(case, told, stamp, {TEXT: text, REFERENCE: reference}))
    return change, appeal


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
    item = check_decider(case, appeal, first, stamp)
    if not item.measure or item.status == "lifting":
        raise IllegalMove(
            "the measure was lifted meanwhile: nothing is left that could be upheld. Reverse it.", reference=case.id
        )
    event = happened(case, remedies.AppealUpheld(appeal=appeal.number), stamp, {"reasons": reasons})
    decided = replace(appeal, state="upheld", decided_by=stamp.actor.id, decided_at=stamp.at)
    return Settled(*step(case, "uphold", event), decided, item.item_id)


def withdraw(case: Case, appeal: Appeal, first: Iterable[Actor], *, stamp: Stamp) -> Settled:
    """The user takes the appeal back. Raises NotAllowed for whoever decided first, IllegalMove."""
    _check_open(appeal)
    if stamp.actor != SYSTEM:
        _check_other(case, first, stamp)
    event = happened(case, remedies.AppealWithdrawn(appeal=appeal.number), stamp)
    gone = replace(appeal, state="withdrawn", decided_at=stamp.at)
    return Settled(*step(case, "withdraw_appeal", event), gone, appeal.item_id)


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


def check_decider(case: Case, appeal: Appeal, first: Iterable[Actor], stamp: Stamp) -> ItemState:
    _check_open(appeal)
    item = about(case, appeal)
    _check_other(case, first, stamp)
    if item.status in OPEN or item.status == "decided":
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


def reminders_of(appeal: Appeal) -> frozenset[str]:
    """The ids of what people are told of an appeal by the clock."""
    stream = stream_of(appeal.case_id)
    return frozenset(message_id(stream, f"page/{reason}", 0, appeal.number, 0) for reason in APPEAL_REMINDERS)


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
    item = check_decider(case, appeal, first, stamp)
    texts = {"reasons": reasons}
    decided = replace(appeal, state="reversed", decided_by=stamp.actor.id, decided_at=stamp.at)
    if item.measure or item.status == "lifting":
        _check_undo_over(case, standing, stamp)
    if not item.measure or item.status == "lifting":
        event = happened(case, remedies.AppealReversed(appeal=appeal.number), stamp, texts)
        return Settled(*step(case, "reverse", event), decided, item.item_id)
    lifted = [one for one in case.items if one.object_key == item.object_key and one.measure and one.status in _STANDS]
    decision = _superseding(case, lifted, reasons, wording, policy, stamp)
    standing = with_held(standing, [one for one in case.items if one not in lifted])
    told = _reversed(case, appeal, decision, lifted, policy, standing, stamp)
    event = happened(case, told, stamp, {**texts, "proposal": decision.body})
    after = _watched(case, moved(case, "reverse", event), policy, stamp)
    writes: list[Write] = [event, *_restores(case, after, lifted, standing, stamp)]
    lifts = any(one.fate == "lifting" for one in told.lifted)
    if after.state is not case.state or (case.state is not CaseState.CLOSED and (lifts or not after.pending)):
        reports = tried(standing.messages, ("report",), stamp)
        after = moved(after, None, *reports)
        writes += reports
        if not after.pending:
            after, reported = with_report(
                after,
                {**standing.decisions, decision.version: decision},
                standing.respondent,
                stamp,
                notified=standing.notified,
            )
            writes.append(reported)
    return Settled(written(after, *writes), after, decided, item.item_id)


def _reversed(
    case: Case,
    appeal: Appeal,
    decision: Decision,
    lifted: list[ItemState],
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
) -> remedies.AppealReversed:
    """What the ledger says of it: the items that are `lifted` are about one object."""
    said = {one.item_id: one for one in decision.proposal.items}
    fallen = tuple(_fate(one, number, standing) for number, one in enumerate(lifted, 1))
    lifting = "lifting" in {*(one.fate for one in fallen), *(one.status for one in case.items)}
    return remedies.AppealReversed(
        appeal=appeal.number,
        decision=decision.version,
        items=tuple(judged(one.number, said[name_of(one)], stamp) for one in lifted),
        lifted=fallen,
        lift_due_at=lift_due_at(case, policy, stamp.at) if lifting else 0,
        reports=case.state is not CaseState.CLOSED or policy.users.report_reversals,
    )


def _fate(item: ItemState, number: int, standing: Standing) -> Fallen:
    """What becomes of the item that is lifted as the object's so manieth."""
    if item.object_key in standing.held_by_others:
        return Fallen(item=item.number, fate="kept", version=item.effect_version)
    return Fallen(item=item.number, fate="lifting", version=standing.versions.get(item.object_key, 0) + number)


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
    check_proposal(proposal, case.languages)
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


def _watched(case: Case, after: Case, policy: Policy, stamp: Stamp) -> Case:
    """The case `after` its reversal, watched by the clock that leads now."""
    if after.state is CaseState.LIFTING and any(item.status == "lifting" for item in after.items):
        return after.but(watch_at=lift_watch(case, policy, stamp))
    return after if after.state is case.state else after.but(watch_at=lifted_watch(case, policy, stamp))


def _restores(case: Case, after: Case, lifted: list[ItemState], standing: Standing, stamp: Stamp) -> Iterator[Write]:
    """What the objects of these items are told of the end of their measures."""
    items = {item.number: item for item in after.items}
    for item in lifted:
        yield from standing.objects.lifted(case, item, stamp)
        if (now := items[item.number]).status == "lifting":
            yield standing.objects.versioned(case, now, stamp)
