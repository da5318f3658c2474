"""What the office does with a case beside deciding it: under pressure, by letter, and with personal data."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from kz_compliance_sdk.domain import retention
from kz_compliance_sdk.domain.actor import STAFF, Stamp, roles
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.commands.base import Command, Facts, Outside, by_one_person, withhold
from kz_compliance_sdk.domain.events import office, privacy
from kz_compliance_sdk.domain.events.delivery import UserNoticeDelayed
from kz_compliance_sdk.domain.events.office import AnsweredByHand
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.fold import OPEN
from kz_compliance_sdk.domain.forms import Field, past, words
from kz_compliance_sdk.domain.messages import BY_HAND, step, tried
from kz_compliance_sdk.domain.received import erased
from kz_compliance_sdk.domain.retention import ErasureGround, holdings_of, is_contested, is_held
from kz_compliance_sdk.domain.review_policy import check_another
from kz_compliance_sdk.domain.user_notices import UNSENT, UserNoticeState
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

# ----------------------------------------------------------------------------------------------------------- pressure
# What holds when an order is pressed on a person in a room: the alarm, what was said, and demands for user data.
#
# What was said can be recorded by anybody, and the alarm raised, whatever the state of the case.


_PANEL = "Under pressure"


class RaiseAlarm(
    Command[Case], may=STAFF, name="alarm", panel=_PANEL, told="A lead and a lawyer are called to {name}."
):
    """Call a lead and a lawyer to a case, in whatever state it is. The page says only which case."""

    reason: Annotated[str, words("Say what is wrong, for example: two officials are in the room and want it done now.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        return step(case, "raise_alarm", happened(case, office.AlarmRaised(), stamp, {"reason": self.reason}))


class RecordInstruction(
    Command[Case],
    may=STAFF,
    name="instruction",
    panel=_PANEL,
    told="The instruction about {name} is recorded.",
):
    """Record what somebody told the office to do. A measure in this case then takes a second person.

    So does one that was decided by one and has not begun. All but the time is sealed: it is about people.
    """

    given_by: Annotated[str, words("Say who gave it: an office and a unit do if no name was given.", "--by")]
    channel: Annotated[str, words("Say how it came: in person, by phone, in a chat.")]
    said: Annotated[str, words("Write down what was said, as close to the words as you can.")]
    given_at: Annotated[int, past("--at", "Give the time at which it was said.")]
    unit: Annotated[str, Field("The unit for which that person spoke.", is_sealed=True)] = ""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        texts = {"given_by": self.given_by, "unit": self.unit, "channel": self.channel, "said": self.said}
        said = {name: text for name, text in texts.items() if text.strip()}
        told = happened(case, office.Instructed(given_at=self.given_at), stamp, said)
        done = step(case, "record_instruction", told)
        return withhold(*done, by_one_person, facts, stamp)


class ReferDemand(
    Command[Case],
    may=roles("legal", never_head=True),
    panel=_PANEL,
    told="{name} is referred, and is not answered from here.",
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
    may=roles("legal"),
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


# ------------------------------------------------------------------------------------------------------------ letters
# Answers that a person carries.


class AnswerByHand(
    Command[Case],
    may=STAFF,
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
        if any(message.state == "leased" for message in mine):
            raise IllegalMove("a message is on its way to the regulator: try again in two minutes.", reference=case.id)
        return step(case, "deliver_by_hand", happened(case, AnsweredByHand(), stamp))


# ------------------------------------------------------------------------------------------------------------ privacy
# Personal data: a legal hold, the end of the data before its time, and putting off what users are told.


_DATA = "Personal data"
_DAY_S = 86_400


class Hold(
    Command[Case], may=roles("lead", "legal", "head"), panel=_DATA, told="{name} is kept until {case.held_until:time}."
):
    """Keep a case whatever the retention says: a contest, an appeal, a court."""

    reasons: Annotated[str, words("Say what the case is kept for.")]
    until: Annotated[int, Field("Give the day until which the case must be kept.", is_time=True)]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if self.until <= stamp.at:
            raise InvalidInput("it is past.", field="until", remedy="Give the day until which the case must be kept.")
        if case.erased_at is not None:
            raise IllegalMove("its personal data was erased: there is nothing left to hold.", reference=case.id)
        if is_held(case, stamp.at) and self.until < (case.held_until or 0):
            raise InvalidInput(
                "a legal hold keeps this case for longer.",
                field="until",
                remedy="Give a later day, or end that hold first: it takes other roles, and reasons.",
            )
        held = happened(case, privacy.Held(until=self.until), stamp, {"reasons": self.reasons})
        return step(case, "hold", held)


class EndHold(Command[Case], may=roles("legal", "head"), panel=_DATA, told="No legal hold keeps {name} any more."):
    """End a legal hold before its time."""

    reasons: Annotated[str, words("Say why the case need not be kept any longer.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if not is_held(case, stamp.at):
            raise IllegalMove("no legal hold keeps this case.", reference=case.id)
        return step(case, "end_hold", happened(case, privacy.HoldEnded(), stamp, {"reasons": self.reasons}))


class AskErasure(
    Command[Case],
    may=roles("legal", "head"),
    panel=_DATA,
    told="Somebody else must agree: kz-compliance cases erase {case.id}",
):
    """Ask to destroy the personal data of an ended case before its time. Somebody else must agree.

    Raises IllegalMove while something needs the data.
    """

    ground: Annotated[ErasureGround, Field("Why it is asked for; words of your own would outlive what is erased.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _refuse_what_is_needed(case, stamp.at)
        return step(case, "ask_erasure", happened(case, privacy.ErasureAsked(ground=self.ground), stamp))


class Erase(
    Command[Case],
    may=roles("legal", "head"),
    panel=_DATA,
    told="The personal data of {name} is destroyed.",
    asks="Destroy the personal data of this case? Nothing brings it back.",
):
    """Agree to an erasure that somebody else asked for. It cannot be undone.

    The key is destroyed, and what it opened is overwritten. Raises NotAllowed for who asked, IllegalMove while
    something needs the data.
    """

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        stream = facts.stream
        if stream.case.erasure_asked is None:
            raise IllegalMove("nobody has asked for the erasure of this case.", reference=case.id)
        person, account, ground = stream.case.erasure_asked
        own = "who asked for an erasure cannot agree to it: it takes somebody else."
        check_another([stream.roster.who(person, account)], stamp.actor, own, case.id)
        _refuse_what_is_needed(case, stamp.at)
        change, after = retention.erase(case, holdings_of(stream), stream, ground, stamp=stamp)
        return (*change, *(erased(one, ground, stamp) for one in facts.taken())), after

    def after(self, outside: Outside) -> None:
        outside.empty_log()


class RecordCopyDeleted(
    Command[Case],
    may=roles("lead", "legal", "head"),
    name="copy-deleted",
    panel=_DATA,
    told="No copy of the item {item_id} of {name} is kept any more.",
):
    """Record that the platform deleted the sealed copy of an item, once its time is over. The measure stays."""

    item_id: Annotated[str, Field("The item whose copy is deleted.", "--item", "ID")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if case.erased_at is not None:
            raise IllegalMove("its personal data was erased, and no copy is known any more.", reference=case.id)
        item = case.item(self.item_id)
        if item is None:
            raise InvalidInput(
                f"the case has no item {self.item_id!r}.", field="item_id", remedy="Name one of its items."
            )
        if not 0 < item.preserve_until <= stamp.at:
            kept = f"is to be kept until {local(item.preserve_until)}" if item.preserve_until else "is not kept"
            raise IllegalMove(f"a copy of this item {kept}.", reference=case.id)
        return step(case, None, happened(case, office.CopyDeleted(item=item.number), stamp))


class DelayUserNotices(Command[tuple[UserNoticeState, ...]], may=roles("legal"), name="notify-later"):
    """Put off what the affected users of a case are told, with a legal basis and an end. It takes the role legal.

    It is at most as long as the policy allows, and then leaves by itself. Raises IllegalMove if nothing waits.
    """

    until: Annotated[int, Field("When the user is told after all.", is_time=True)]
    legal_basis: Annotated[
        str,
        words("Name the act and the article that forbid telling the user: without one the user is told."),
    ]
    reasons: Annotated[str, words("Say why the user must not know yet.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, tuple[UserNoticeState, ...]]:
        longest_s = facts.policy.users.longest_delay_s
        if not stamp.at < self.until <= stamp.at + longest_s:
            past = self.until <= stamp.at
            raise InvalidInput(
                "the end of the delay is past." if past else "the delay is longer than the policy's.",
                field="until",
                remedy=f"Give a time from now to at most {longest_s // _DAY_S} days ahead; "
                "a longer silence takes a new decision then.",
            )
        waiting = {message.id: message for message in facts.open_messages() if message.kind == "user_notice"}
        put_off: list[UserNoticeState] = []
        for held in facts.tellings():
            message = waiting.get(held.message_id)
            if held.state not in UNSENT or message is None or message.state != "queued":
                continue
            put_off.append(replace(held, state="delayed", due_at=self.until, delay_until=self.until, basis="person"))
        if not put_off:
            raise IllegalMove("nothing waits to be told to a user in this case.", reference=case.id)
        texts = {"legal_basis": self.legal_basis, "reasons": self.reasons}
        delayed = UserNoticeDelayed(messages=tuple(held.message_id for held in put_off), until=self.until)
        change, _ = step(case, "delay_user_notice", happened(case, delayed, stamp, texts))
        return change, tuple(put_off)


def _refuse_what_is_needed(case: Case, now: int) -> None:
    if case.erased_at is not None:
        raise IllegalMove("its personal data was erased already.", reference=case.id)
    if is_held(case, now):
        raise IllegalMove("a legal hold keeps this case: end it first, with reasons.", reference=case.id)
    if is_contested(case):
        raise IllegalMove("a contest of the order is still open.", reference=case.id)
    if any(item.measure for item in case.items):
        raise IllegalMove(
            "a measure of this case is in force, and could not be lifted without the name of its object.",
            reference=case.id,
        )
