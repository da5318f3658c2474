"""A measure is taken back because its user was right: what is lifted, and what the regulator is told of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.appeals import Appeal, Reversal, Settled, check_decider, silenced
from kz_compliance_sdk.domain.cancellations import Standing, holding, lift_due_at, lift_watch, lifted_watch, void
from kz_compliance_sdk.domain.case import NO_LEASE, Case, CaseState, ItemState, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Write
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.deciding import judged
from kz_compliance_sdk.domain.decision import Decision, ItemDecision, Proposal, Wording
from kz_compliance_sdk.domain.events import remedies
from kz_compliance_sdk.domain.events.arrivals import Fallen
from kz_compliance_sdk.domain.identities import check_statement
from kz_compliance_sdk.domain.messages import effect, with_report
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.proposal_checks import check_proposal
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.errors import IllegalMove

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
        tells = [happened(case, remedies.AppealReversed(appeal=appeal.number), stamp, texts)]
        moved = move(case, "reverse", case.state)
        return Settled((CaseWrite(moved), *tells, *settled), moved, decided, item.item_id)
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
    tells = [happened(case, told, stamp, {**texts, "proposal": body})]
    moved = move(case, "reverse", target, **fields)
    writes = [*tells, *writes, *settled]
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
