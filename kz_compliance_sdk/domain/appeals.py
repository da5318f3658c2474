"""Appeals of affected users: received as long as a measure stands, decided by somebody else, and able to restore.

What a user writes enters the case only as a sealed text of its audit trail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kz_compliance_sdk.domain.audit import SYSTEM, Stamp
from kz_compliance_sdk.domain.cancellations import Standing, holding, lift_watch, void
from kz_compliance_sdk.domain.canonical import Json, encoded
from kz_compliance_sdk.domain.case import NO_LEASE, Case, CaseState, ItemState, move
from kz_compliance_sdk.domain.change import (
    Appeal,
    AppealWrite,
    CaseWrite,
    Change,
    DecisionRow,
    HoldEnded,
    MessageVoided,
    ObjectVersion,
    Write,
)
from kz_compliance_sdk.domain.decision import Decision, Finding, ItemDecision, Proposal, Wording, decision_digest
from kz_compliance_sdk.domain.messages import NOTIFIER, effect, page, with_report
from kz_compliance_sdk.domain.outbox import OutboxMessage, message_id
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.policy.users import UserPolicy
from kz_compliance_sdk.domain.proposal_checks import check_proposal
from kz_compliance_sdk.domain.report import RefusalCode, Statement
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed

AppealOutcome = Literal["uphold", "reverse"]
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LONGEST_TEXT = 20_000
_STANDS = ("in_force", "kept")
_AUDIENCE = ("moderator", "lead", "head")


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


def appeal_id_of(platform_id: str, reference: str) -> str:
    """The id of an appeal: the same reference of the platform always yields the same."""
    return message_id(platform_id, "", "appeal", 0, 0, reference)


def receive(
    case: Case,
    item_id: str,
    text: str,
    received_at: int,
    reference: str,
    decisions: Mapping[int, Decision],
    policy: UserPolicy,
    *,
    stamp: Stamp,
) -> tuple[Change, Appeal]:
    """Record a user's appeal against a measure that stands. Its own clock runs from `received_at` (UTC seconds).

    Raises NotAllowed, InvalidInput, and IllegalMove for an item without a measure.
    """
    if stamp.actor != SYSTEM:
        REVIEW_POLICY.check(stamp.actor, "receive_appeal")
    need(text, "text", "Give what the user wrote.")
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"it is longer than {_LONGEST_TEXT} characters.", field="text", remedy="Shorten it.")
    check_reference(reference)
    item = _item_of(case, item_id)
    decision = decisions.get(item.decision_version)
    if not item.measure or decision is None:
        raise IllegalMove(f"no measure on the item {item_id!r} is in force: there is nothing to appeal against.")
    if not item.effective_at <= received_at <= stamp.at:
        raise InvalidInput(
            "the appeal is not between the measure and now.", field="received_at", remedy="Give when it was received."
        )
    appeal = Appeal(
        platform_id=case.platform_id,
        appeal_id=appeal_id_of(case.platform_id, reference),
        case_id=case.id,
        item_id=name_of(item),
        reference=reference,
        received_at=received_at,
        due_at=received_at + policy.appeal_term_s,
        decision_version=item.decision_version,
        proposed_by=decision.proposed_by,
        approved_by=decision.approved_by,
    )
    data: dict[str, Json] = {**_facts(appeal), "answer_by": appeal.due_at, "decision": appeal.decision_version}
    moved, event = move(case, "appeal", case.state, stamp, data, {"text": text})
    news = page(moved, "appeal_received", ("moderator", "lead"), 30, stamp, key=appeal.appeal_id)
    pages = tuple(_reminder(appeal, *row, stamp) for row in _reminders(appeal, policy))
    return (CaseWrite(moved, case.version), event, AppealWrite(appeal), news, *pages), appeal


def check_reference(reference: str) -> None:
    """Raises InvalidInput for a reference that is no plain number: nobody's name belongs into it."""
    if not _REFERENCE.fullmatch(reference):
        raise InvalidInput(
            "this is no reference.",
            field="reference",
            remedy="Give the platform's own number of the appeal: letters, digits and . _ : - only, at most 128.",
        )


def uphold(case: Case, appeal: Appeal, reasons: str, decisions: Mapping[int, Decision], *, stamp: Stamp) -> Settled:
    """The measure stays. Raises NotAllowed for whoever decided first, IllegalMove if it was lifted meanwhile."""
    item = _check_decider(case, appeal, reasons, decisions, stamp)
    if not item.measure or item.status == "lifting":
        raise IllegalMove(
            "the measure was lifted meanwhile: nothing is left that could be upheld. Reverse it.", reference=case.id
        )
    moved, event = move(case, "uphold", case.state, stamp, _facts(appeal), {"reasons": reasons})
    decided = replace(appeal, state="upheld", decided_by=stamp.actor.id, decided_at=stamp.at)
    change = (CaseWrite(moved, case.version), event, AppealWrite(decided, "open"), *_silenced(appeal, stamp))
    return Settled(change, moved, decided, item.item_id)


def withdraw(case: Case, appeal: Appeal, *, stamp: Stamp) -> Settled:
    """The user takes the appeal back. Raises NotAllowed, IllegalMove."""
    if stamp.actor != SYSTEM:
        REVIEW_POLICY.check(stamp.actor, "withdraw_appeal")
    _check_open(appeal)
    moved, event = move(case, "withdraw_appeal", case.state, stamp, _facts(appeal))
    gone = replace(appeal, state="withdrawn", decided_at=stamp.at)
    change = (CaseWrite(moved, case.version), event, AppealWrite(gone, "open"), *_silenced(appeal, stamp))
    return Settled(change, moved, gone, appeal.item_id)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an appeal: what is written, the case and the appeal after it, and the id of the case's item."""

    change: Change
    case: Case
    appeal: Appeal
    item_id: str


def reverse(
    case: Case, appeal: Appeal, reasons: str, wording: Reversal, policy: Policy, standing: Standing, *, stamp: Stamp
) -> Settled:
    """The user was right: a superseding decision lifts the measure, and the regulator gets a corrected report.

    What another order holds as well stays. Raises NotAllowed for whoever decided first, InvalidInput naming the field,
    and IllegalMove while the item is being decided anew.
    """
    item = _check_decider(case, appeal, reasons, standing.decisions, stamp)
    texts = {"reasons": reasons}
    decided = replace(appeal, state="reversed", decided_by=stamp.actor.id, decided_at=stamp.at)
    settled: list[Write] = [AppealWrite(decided, "open"), *_silenced(appeal, stamp)]
    if not item.measure or item.status == "lifting":
        moved, event = move(case, "reverse", case.state, stamp, {**_facts(appeal), "lifts": []}, texts)
        return Settled((CaseWrite(moved, case.version), event, *settled), moved, decided, item.item_id)
    lifted = [one for one in case.items if one.object_key == item.object_key and one.measure and one.status in _STANDS]
    if item not in lifted:
        raise IllegalMove(
            "a later decision about this item is under way: decide the appeal when it has come to its end.",
            reference=case.id,
        )
    decision = _superseding(case, lifted, reasons, wording, stamp)
    standing = holding(standing, [one for one in case.items if one not in lifted])
    items, writes = _lift(case, lifted, decision.version, policy, standing, stamp)
    target, changes = _after(case, items, policy, stamp)
    data: dict[str, Json] = {
        **_facts(appeal),
        "lifts": [one.item_id for one in lifted],
        "decision": decision.version,
        "digest": decision.digest,
        "four_eyes": False,
    }
    fields: dict[str, Any] = {"items": items, "decision_version": decision.version, "decided_at": stamp.at, **changes}
    moved, event = move(case, "reverse", target, stamp, data, texts, **fields)
    writes = [_row(decision, case), event, *writes, *settled]
    if target is not case.state or (case.state is not CaseState.CLOSED and not moved.pending):
        writes += void(standing.messages, stamp, kinds=("report",))
        if not moved.pending:
            moved, more = with_report(
                moved,
                {**standing.decisions, decision.version: decision},
                standing.respondent,
                stamp,
                not_before=stamp.at,
                notified=standing.notified,
            )
            writes += more
    return Settled((CaseWrite(moved, case.version), *writes), moved, decided, item.item_id)


def _superseding(case: Case, lifted: list[ItemState], reasons: str, wording: Reversal, stamp: Stamp) -> Decision:
    """The decision in which somebody else comes to another end: no measure, and a refusal with its reasons."""
    told = Wording(outcome="refused", statement_of_reasons=wording.statement, refusal_code=wording.refusal_code)
    names = list(dict.fromkeys(name_of(one) for one in lifted))
    items = tuple(
        ItemDecision(item_id=name, finding=wording.finding, reasons=reasons[:5000], action="none", wording=told)
        for name in names
    )
    proposal = Proposal(items=items, text_checked=wording.text_checked)
    check_proposal(proposal, frozenset(names), case.languages)
    return Decision(
        case_id=case.id,
        version=case.decision_version + 1,
        revision=case.revision,
        notice_sha256=case.message[2],
        proposal=proposal,
        proposed_by=stamp.actor.id,
        proposed_at=stamp.at,
        needs_approval=False,
    )


def _row(decision: Decision, case: Case) -> DecisionRow:
    body = decision.body
    return DecisionRow(
        case.platform_id,
        case.id,
        decision.version,
        decision_digest(body),
        body,
        decision.proposed_by,
        decision.proposed_at,
        needs_approval=False,
    )


def _lift(
    case: Case, lifted: list[ItemState], version: int, policy: Policy, standing: Standing, stamp: Stamp
) -> tuple[tuple[ItemState, ...], list[Write]]:
    versions, items, writes = dict(standing.versions), list[ItemState](), list[Write]()
    on_lift_clock = replace(case, lift_due_at=stamp.at + policy.lift_term_s)
    for item in case.items:
        if item not in lifted:
            items.append(item)
            continue
        writes.append(HoldEnded(case.platform_id, item.object_key, case.id, item.item_id))
        decided = replace(item, decision_version=version, action="none", ground="")
        if item.object_key in standing.held_by_others:
            items.append(replace(decided, status="kept", measure=""))
            continue
        number = versions[item.object_key] = versions.get(item.object_key, 0) + 1
        decided = replace(decided, status="lifting", effect_version=number)
        writes.append(effect(on_lift_clock, decided, "restore", stamp.at, stamp))
        writes.append(ObjectVersion(case.platform_id, item.object_key, number))
        items.append(decided)
    return tuple(items), writes


def _after(case: Case, items: tuple[ItemState, ...], policy: Policy, stamp: Stamp) -> tuple[CaseState, dict[str, Any]]:
    if case.state is CaseState.CLOSED and not policy.users.report_reversals:
        return case.state, {}
    if any(item.status == "lifting" for item in items):
        return CaseState.LIFTING, {
            **NO_LEASE,
            "closed_at": None,
            "lift_due_at": case.lift_due_at or stamp.at + policy.lift_term_s,
            "watch_at": lift_watch(case, policy, stamp),
        }
    if case.state in (CaseState.ENFORCED, CaseState.CLOSED):
        return CaseState.LIFTED, {"closed_at": None, "watch_at": lift_watch(case, policy, stamp)}
    return case.state, {}


def _item_of(case: Case, item_id: str) -> ItemState:
    named = [item for item in case.items if item_id in (item.item_id, item.was)]
    if not named:
        raise InvalidInput(f"the case has no item {item_id!r}.", field="item_id", remedy="Name one of its items.")
    return next((item for item in named if item.measure), named[0])


def _check_decider(
    case: Case, appeal: Appeal, reasons: str, decisions: Mapping[int, Decision], stamp: Stamp
) -> ItemState:
    REVIEW_POLICY.check(stamp.actor, "decide_appeal")
    need(reasons, "reasons", "Say what you found when you looked at it anew.")
    _check_open(appeal)
    item = _item_of(case, appeal.item_id)
    decision = decisions.get(item.decision_version)
    first = {appeal.proposed_by, appeal.approved_by}
    if decision is not None:
        first |= {decision.proposed_by, decision.approved_by}
    if stamp.actor.id in first:
        raise NotAllowed("nobody decides on an appeal against their own decision.", code="four_eyes", reference=case.id)
    return item


def _check_open(appeal: Appeal) -> None:
    if appeal.state != "open":
        raise IllegalMove(f"this appeal is {appeal.state}.", reference=appeal.appeal_id)


def _facts(appeal: Appeal) -> dict[str, Json]:
    return {"appeal": appeal.appeal_id, "item": appeal.item_id, "reference": appeal.reference}


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
    return message_id(appeal.platform_id, appeal.case_id, "page", 0, 0, f"{reason} {appeal.appeal_id}")


def _silenced(appeal: Appeal, stamp: Stamp) -> tuple[Write, ...]:
    return tuple(
        MessageVoided(appeal.platform_id, appeal.case_id, _reminder_id(appeal, reason), stamp.at)
        for reason in ("appeal_near", "appeal_overdue")
    )
