"""What holds when an order is pressed on a person in a room: the alarm, what was said, and demands for user data.

What was said can be recorded by anybody, and the alarm raised, whatever the state of the case.
"""

from __future__ import annotations

from typing import Annotated

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import Command, Facts, Field, past, words
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.fold import OPEN
from kz_compliance_sdk.domain.message_states import tried
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.withholding import by_one_person, withhold
from kz_compliance_sdk.errors import IllegalMove

_PANEL = "Under pressure"


class RaiseAlarm(
    Command[Case], may="raise_alarm", name="alarm", panel=_PANEL, told="A lead and a lawyer are called to {name}."
):
    """Call a lead and a lawyer to a case, in whatever state it is. The page says only which case."""

    reason: Annotated[
        str,
        words(
            "Say what is wrong, for example: two officials are in the room and want it done now.",
            "What is wrong. Sealed in the ledger; the page does not say it.",
        ),
    ]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        return step(case, "raise_alarm", happened(case, office.AlarmRaised(), stamp, {"reason": self.reason}))


class RecordInstruction(
    Command[Case],
    may="record_instruction",
    name="instruction",
    panel=_PANEL,
    told="The instruction about {name} is recorded.",
):
    """Record what somebody told the office to do. A measure in this case then takes a second person.

    So does one that was decided by one and has not begun. All but the time is sealed: it is about people.
    """

    given_by: Annotated[
        str,
        Field(
            "Who gave it: a name, or the office and rank.",
            "--by",
            "Say who gave it: an office and a unit do if no name was given.",
        ),
    ]
    channel: Annotated[
        str,
        Field(
            "How it came: in person, by phone, in a chat.", needed="Say how it came: in person, by phone, in a chat."
        ),
    ]
    said: Annotated[
        str,
        Field(
            "What was said, as close to the words as you can.",
            needed="Write down what was said, as close to the words as you can.",
        ),
    ]
    given_at: Annotated[int, past("--at", "When:")]
    unit: Annotated[str, Field("The unit for which that person spoke.")] = ""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        texts = {"given_by": self.given_by, "unit": self.unit, "channel": self.channel, "said": self.said}
        said = {name: text for name, text in texts.items() if text.strip()}
        told = happened(case, office.Instructed(given_at=self.given_at), stamp, said)
        done = step(case, "record_instruction", told)
        return withhold(*done, by_one_person, facts, stamp)


class HandOver(
    Command[Case],
    may="hand_over",
    panel=_PANEL,
    told="{name} is handed over, and is not answered from here.",
):
    """Take a demand for user data out of here, as a lawyer. The case ends, and nothing is reported.

    Raises NotAllowed, also for a lawyer who heads the office, and IllegalMove for any other case or while an effect of
    an earlier decision is under way.
    """

    reasons: Annotated[str, words("Say who handles it now and where it is filed.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _check_demand(case)
        messages = facts.open_messages()
        # What an amendment took back can still be in flight, and would land in a case that has ended.
        if case.pending or any(message.kind in ("enforce", "restore") for message in messages):
            raise IllegalMove(
                "an effect of an earlier decision is still under way: wait until it ends.", reference=case.id
            )
        holds = facts.own_measures()
        undecided = (item for item in case.items if item.status in OPEN)
        # What an earlier decision put in force stays.
        stay = tuple(item.number for item in undecided if (item.object_key, item.number) in holds)
        told = happened(case, office.HandedOver(stay=stay), stamp, {"reasons": self.reasons})
        # A question that was asked before anybody saw what this is would be an answer too.
        return step(case, "hand_over", told, *tried(messages, ("clarification", "report"), stamp))


class RuleOutDemand(
    Command[Case],
    may="rule_out_demand",
    panel=_PANEL,
    told="{name} is decided like any other notice, by two persons.",
):
    """Record, as a lawyer, that what looked like a demand for user data is none."""

    reasons: Annotated[str, words("Say why it is no demand for data of a user.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _check_demand(case)
        return step(case, "rule_out_demand", happened(case, office.DemandRuledOut(), stamp, {"reasons": self.reasons}))


def _check_demand(case: Case) -> None:
    if USER_DATA_DEMAND not in case.flags:
        raise IllegalMove("nothing marks this case as a demand for user data.", reference=case.id)
