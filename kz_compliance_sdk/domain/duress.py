"""What holds when an order is pressed on a person in a room.

Nobody who can be reached by the pressure decides alone: the head of the office never approves and never decides
without a second person, a lawyer is among those who decide where policy says so, and an approver can be required from
outside the country. What was said can be recorded by anybody, and the alarm raised, whatever the state of the case.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND, codes
from kz_compliance_sdk.domain.fold import OPEN
from kz_compliance_sdk.domain.message_states import tried
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import check_answerable, need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed

LEGAL = "legal"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What somebody told the office to do: who, for which unit, on which channel, when (UTC seconds), in which words.

    All but the time is sealed: it is about people.
    """

    given_by: str
    unit: str
    channel: str
    given_at: int
    said: str


# ------------------------------------------------------------------------------------------ who may decide


def check_approver(case: Case, decision: Decision, policy: Policy, actor: Actor) -> None:
    """Refuse an approver who may not be the second person of this decision. Raises NotAllowed with the code
    `legal_review`, `approver_inside` or `user_data_demand`."""
    check_answerable(case)
    if not any(item.is_measure for item in decision.proposal.items):
        return
    marks = codes(case.flags)
    if policy.needs_legal_review(case.category, marks) and not decision.by_legal and LEGAL not in actor.roles:
        raise NotAllowed(
            "this case has legal review: a measure takes somebody with the role legal among those who decide. Ask a "
            "lawyer to approve it, or send it back and let a lawyer propose.",
            code="legal_review",
            reference=case.id,
        )
    if policy.safeguards.needs_outside(case.category, marks) and not is_outside(actor, policy):
        raise NotAllowed(
            "this measure needs an approver outside the country, and your account says no such place.",
            code="approver_inside",
            reference=case.id,
        )


def is_outside(actor: Actor, policy: Policy) -> bool:
    """Whether the actor is known to be outside the policy's country."""
    return actor.country not in ("", policy.country)


# ------------------------------------------------------------------------------------- what anybody can do


def raise_alarm(case: Case, reason: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """Call a lead and a lawyer to a case, in whatever state. The reason is sealed; the page says only which case."""
    REVIEW_POLICY.check(stamp.actor, "raise_alarm")
    need(reason, "reason", "Say what is wrong, for example: two officials are in the room and want it done now.")
    return step(case, "raise_alarm", happened(case, office.AlarmRaised(), stamp, {"reason": reason}))


def record_instruction(case: Case, instruction: Instruction, *, stamp: Stamp) -> tuple[Change, Case]:
    """Record what somebody told the office to do. From then on a measure in this case takes a second person."""
    REVIEW_POLICY.check(stamp.actor, "record_instruction")
    texts = {
        "given_by": instruction.given_by,
        "unit": instruction.unit,
        "channel": instruction.channel,
        "said": instruction.said,
    }
    need(instruction.given_by, "given_by", "Say who gave it: an office and a unit do if no name was given.")
    need(instruction.channel, "channel", "Say how it came: in person, by phone, in a chat.")
    need(instruction.said, "said", "Write down what was said, as close to the words as you can.")
    if instruction.given_at > stamp.at:
        raise InvalidInput("it lies in the future.", field="given_at", remedy="Give the time at which it was said.")
    said = {name: text for name, text in texts.items() if text.strip()}
    instructed = office.Instructed(given_at=instruction.given_at)
    return step(case, "record_instruction", happened(case, instructed, stamp, said))


# --------------------------------------------------------------------------------- demands for user data


def hand_over(
    case: Case,
    reasons: str,
    messages: Sequence[OutboxMessage],
    holds: Collection[tuple[str, int]],
    *,
    stamp: Stamp,
) -> tuple[Change, Case]:
    """A lawyer takes a demand for user data out of here: the case ends, and nothing is reported. `messages` are the
    case's unsettled ones, `holds` its measures in force (the object and the item's number of each).

    Raises NotAllowed, also for a lawyer who heads the office, and IllegalMove for any other case or while an effect of
    an earlier decision is under way.
    """
    REVIEW_POLICY.check(stamp.actor, "hand_over")
    _check_demand(case)
    need(reasons, "reasons", "Say who handles it now and where it is filed.")
    # What an amendment took back can still be in flight, and would land in a case that has ended.
    if case.pending or any(message.kind in ("enforce", "restore") for message in messages):
        raise IllegalMove("an effect of an earlier decision is still under way: wait until it ends.", reference=case.id)
    undecided = (item for item in case.items if item.status in OPEN)
    # What an earlier decision put in force stays.
    stay = tuple(item.number for item in undecided if (item.object_key, item.number) in holds)
    told = happened(case, office.HandedOver(stay=stay), stamp, {"reasons": reasons})
    # A question that was asked before anybody saw what this is would be an answer too.
    tells = told, *tried(messages, ("clarification", "report"), stamp)
    return step(case, "hand_over", *tells)


def rule_out_demand(case: Case, reasons: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """A lawyer records that what looked like a demand for user data is none: the case is decided like any other, by
    two persons. Raises NotAllowed, and IllegalMove for a case without that flag."""
    REVIEW_POLICY.check(stamp.actor, "rule_out_demand")
    _check_demand(case)
    need(reasons, "reasons", "Say why it is no demand for data of a user.")
    return step(case, "rule_out_demand", happened(case, office.DemandRuledOut(), stamp, {"reasons": reasons}))


def _check_demand(case: Case) -> None:
    if USER_DATA_DEMAND not in case.flags:
        raise IllegalMove("nothing marks this case as a demand for user data.", reference=case.id)
