"""Answers that a person carries."""

from __future__ import annotations

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, MessageWrite
from kz_compliance_sdk.domain.commands.base import Command, Facts
from kz_compliance_sdk.domain.events.office import AnsweredByHand
from kz_compliance_sdk.domain.messages import BY_HAND, step
from kz_compliance_sdk.errors import IllegalMove


class AnswerByHand(
    Command[Case],
    may="deliver_by_hand",
    name="by-hand",
    panel="Answer by letter",
    told="{name} is answered by letter.",
    asks="Answer it by letter for good? There is no way back to the regulator's interface.",
):
    """Answer a case by letter from now on: the way out when the regulator's system is down and the clock is not.

    There is no way back to the interface.
    """

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        kinds = ("report", "clarification")
        mine = [m for m in facts.open_messages() if m.kind in kinds and m.endpoint != BY_HAND]
        known = {message.id for message in mine}
        # What was refused goes by letter too, once somebody has it tried again.
        owed = [one for one in facts.stream.case.owed if one.kind in kinds and one.state == "parked"]
        mine += [facts.message(one.id) for one in owed if one.id not in known and one.endpoint != BY_HAND]
        if any(message.state == "leased" for message in mine):
            raise IllegalMove("a message is on its way to the regulator: try again in two minutes.", reference=case.id)
        change, switched = step(case, "deliver_by_hand", happened(case, AnsweredByHand(), stamp))
        # What can still be taken back is no letter yet.
        at = max(stamp.at, case.undo_until or 0)
        letters = (MessageWrite(m.but(endpoint=BY_HAND, next_attempt_at=at), m.lease_token) for m in mine)
        return (*change, *letters), switched
