"""What was typed in: who vouches for it, when it came, and letters about a case that runs.

Whoever can send a letter could lift a measure or change what is decided. So it is typed in, people are told, and
nothing changes until a second person has vouched for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import STAFF, Stamp, roles
from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import Command, Facts
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.events.arrivals import LetterDismissed
from kz_compliance_sdk.domain.forms import CAME, HOW, RECEIVED, Field, words
from kz_compliance_sdk.domain.letters_in import (
    check_voucher,
    enter_letter,
    letter_known,
    vouch_for_amendment,
    vouch_for_letter,
)
from kz_compliance_sdk.domain.messages import BY_HAND, step, written
from kz_compliance_sdk.domain.notice import Answer, Cancellation, Clarification, Effect, Item, Notice
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.domain.review_policy import check_another, who_typed
from kz_compliance_sdk.domain.running_time import ladder_stopped_at, next_stop, planned
from kz_compliance_sdk.domain.values import WireValue
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

M = TypeVar("M", bound=BaseModel | WireValue)
_OFFICE = "office"
Came = Annotated[str, CAME]
How = Annotated[str, HOW]
Received = Annotated[int, RECEIVED]
Letter = Annotated[str, Field("The letter: see `cases letters`.", "--letter", "ID")]


class Authenticate(Command[Case], may=STAFF, told="{name} is {case.authenticity}."):
    """Record how the authenticity of a typed-in notice was checked. Never by its typist.

    An amendment that was typed in waits for this as well, and then takes effect.
    """

    how: How

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        amendment = facts.amendment()
        if amendment is not None:
            return vouch_for_amendment(case, *amendment, self.how, facts.policy, facts.standing(), stamp)
        if case.authenticity != "unverified":
            raise IllegalMove(
                f"the authenticity of this notice is already settled: {case.authenticity}.", reference=case.id
            )
        check_voucher(case, who_typed(facts.stream), stamp)
        return step(case, "authenticate", happened(case, office.Authenticated(), stamp, {"how": self.how}))


class CorrectReceipt(
    Command[Case],
    may=roles("lead", "legal", "head"),
    told="{name} was received {case.received_at:time}.",
):
    """Correct the receipt of a typed-in notice, by a second person. The clock follows."""

    received_at: Received
    reasons: Annotated[str, words("Say what shows the right time.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if case.source != "typed":
            raise IllegalMove("only the receipt of a typed-in notice can be corrected.", reference=case.id)
        own = "the typist cannot correct the receipt: it takes somebody else."
        check_another([who_typed(facts.stream)], stamp.actor, own, case.id)
        policy = facts.policy
        due = clock.due_at(self.received_at, policy.term(case.kind, case.category), policy.calendar)
        event = office.ReceiptCorrected(received_at=self.received_at, due_at=due)
        told = happened(case, event, stamp, {"reasons": self.reasons})
        corrected = moved(case, "correct_receipt", told)
        stop = next_stop(corrected, policy, stamp.at)
        # What was still to come on the old clock and is past on the new one fires at once. The term in working days can
        # end when it did, while what counts from the receipt moves.
        if (stopped := ladder_stopped_at(case, stamp.at)) is not None:
            moved_s = due - case.due_at
            if clock.counts_from_receipt(policy.ladder, stopped - case.escalates_from):
                moved_s = min(moved_s, self.received_at - case.received_at)
            stop = min(stop, stopped + moved_s)
        corrected = planned(corrected, stop, stamp.at)
        return written(corrected, told), corrected


class SettleQuarantine(
    Command[Case], may=roles("lead", "legal", never_head=True), name="settle", told="{name} is settled."
):
    """Close a message in quarantine that was dealt with otherwise."""

    reasons: Annotated[str, words("Say how it was dealt with, for example: the sender was called and sends it again.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        told = happened(case, office.QuarantineSettled(), stamp, {"reasons": self.reasons})
        return step(case, "settle_quarantine", told)


# ------------------------------------------------------------------------------- letters about a case that runs


class EnterCancellation(
    Command[Case],
    may=STAFF,
    name="cancel-by-letter",
    panel="Letters about a case",
    told="The letter about {name} waits for a second person.",
):
    """Type in a letter that cancels the order or a part of it. Nothing changes until somebody else vouches for it."""

    reference: Annotated[str, words("Give the letter's own number.", "--number")]
    issued_at: Annotated[int, Field("Its date:", is_time=True)]
    received_at: Received
    how: Came
    effect: Annotated[Effect | None, Field("What it says of its effect; leave it out if it says nothing.")] = None
    item_ids: Annotated[
        Sequence[str] | None, Field("An item that falls; may be repeated. Without it, all.", "--item", "ID")
    ] = None
    reasons: Sequence[Statement] = ()

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        known = {item.item_id for item in case.items}
        for item_id in self.item_ids or ():
            if item_id not in known:
                raise InvalidInput(
                    f"the case has no item {item_id!r}.", field="item_ids", remedy="Name its items, or none for all."
                )
        said = as_given(
            Cancellation,
            notice_id=case.notice_id,
            revision=max(case.revision, 1),
            item_ids=None if self.item_ids is None else tuple(self.item_ids),
            effect=self.effect,
            reference_number=self.reference,
            issued_at=self.issued_at,
            reasons=tuple(self.reasons),
        )
        return _enter(case, said, self.received_at, self.how, facts, stamp)


class EnterAnswer(Command[Case], may=STAFF, name="answer-by-letter"):
    """Type in a letter that answers a question of ours: `in_reply_to` is the id of its message, `items` replace those
    of the same id. It changes nothing until somebody else vouches for it."""

    in_reply_to: Annotated[str, Field("The id of the question's message.")]
    answers: Annotated[Sequence[Answer], Field("What it says.")]
    received_at: Received
    how: Came
    items: Annotated[Sequence[Item] | None, Field("The items that it names anew.")] = None

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        said = as_given(
            Clarification,
            notice_id=case.notice_id,
            in_reply_to=self.in_reply_to,
            answers=tuple(self.answers),
            items=None if self.items is None else tuple(self.items),
        )
        return _enter(case, said, self.received_at, self.how, facts, stamp)


def as_given(kind: type[M], **fields: Any) -> M:
    """What a letter says. Raises InvalidInput for what the contract does not allow."""
    try:
        return cast("M", kind.model_validate(fields))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{first['msg'].lower()}.", field=field, remedy="Give it as the letter has it.") from None


def _enter(
    case: Case, said: Cancellation | Clarification, received_at: int, how: str, facts: Facts, stamp: Stamp
) -> tuple[Change, Case]:
    """The same letter again changes nothing. Raises IllegalMove for one that was dismissed before."""
    name = f"{case.authority_id}\x1f{case.id}\x1f{said.model_dump_json()}"
    message_id = f"typed:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
    known = letter_known(facts.stream, stamp.keyed(_OFFICE, message_id))
    if known == "dismissed":
        raise IllegalMove("this letter was dismissed before.", reference=case.id)
    if known is not None:
        return (), case
    body = facts.letter_bytes(said, message_id, received_at)
    arrival = Arrival(
        case.platform_id,
        (_OFFICE, message_id, hashlib.sha256(body).hexdigest()),
        "typed",
        "unverified",
        BY_HAND,
        received_at,
        received_at,
        entered_by=stamp.actor.id,
        account=stamp.actor.account,
        how=how,
        body=body,
    )
    return enter_letter(case, said, arrival, stamp)


class Vouch(
    Command[Case],
    may=STAFF,
    panel="Letters about a case",
    told="The letter about {name} has taken effect.",
):
    """Record how a letter's authenticity was checked: it then does what it says. Never by its typist."""

    message_id: Letter
    how: How

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        says, arrival = facts.letter(self.message_id)
        if isinstance(says, Notice):
            raise IllegalMove("this letter is an amendment: call authenticate.", reference=case.id)
        return vouch_for_letter(case, says, arrival, self.how, facts.policy, facts.standing_before(says), stamp)


class Dismiss(Command[Case], may=STAFF, panel="Letters about a case", told="The letter about {name} is dismissed."):
    """Record that a letter is not what it seemed, such as a forgery or a slip of the typist: it never takes effect."""

    message_id: Letter
    reasons: Annotated[str, words("Say what is wrong with it.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        _, arrival = facts.letter(self.message_id)
        told = LetterDismissed(letter=stamp.keyed(arrival.body_sha256))
        return step(case, "dismiss_letter", happened(case, told, stamp, {"reasons": self.reasons}))
