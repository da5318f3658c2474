"""What people learn of an order after it was decided: that it is suspended, or that somebody presses for it.

An effect that has begun goes on. One that has not is taken off its way, and a second person decides about it.
"""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.cancellations import enforcing, has_begun
from kz_compliance_sdk.domain.case import Case, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import Facts
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.messages import written
from kz_compliance_sdk.domain.running_time import on_the_term_again, replanned


def rests_on_order(item: ItemState, _decision: Decision) -> bool:
    """What a suspension of the order bears on, whoever decided it."""
    return item.ground == "local_law"


def by_one_person(_item: ItemState, decision: Decision) -> bool:
    """What an instruction bears on: a measure that nobody else has approved."""
    return not decision.approved_by


def withhold(
    change: Change, case: Case, bears_on: Callable[[ItemState, Decision], bool], facts: Facts, stamp: Stamp
) -> tuple[Change, Case]:
    """Take the case's measures that have not begun off their way, as far as the news `bears_on` them: `change` brought
    it, and what is given back goes on from there.

    The latest decision goes back to approval, if only one person has decided it: a second person approves its digest,
    or sends it back. Whatever else is withheld is decided anew.
    """
    if not case.pending:
        return change, case
    messages, decisions, policy = facts.open_messages(), facts.decisions(), facts.policy
    held = [
        item
        for item in case.items
        if item.status == "decided"
        and enforcing(item, messages)
        and not has_begun(item, messages)
        and bears_on(item, decisions[item.decision_version])
    ]
    if not held:
        return change, case
    times = on_the_term_again(case, policy, stamp.at)
    told = happened(case, review.Withheld(items=tuple(item.number for item in held)), stamp)
    after = moved(case, "withhold", told, **times)
    after = replanned(after, policy, stamp.at) if times else after
    return (*change, *written(after, told)), after
