"""What an authority writes by letter about a case that runs: a cancellation, or an answer to a question of ours.

Whoever can send a letter could lift a measure or change what is decided. So it is typed in, people are told, and
nothing changes until a second person has vouched for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.arrivals import amend, answer
from kz_compliance_sdk.domain.cancellations import Arrival, Standing, came, cancel, flags_told, happened_with
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.events.arrivals import Flagged, LetterDismissed, LetterEntered
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.review_policy import check_another
from kz_compliance_sdk.errors import IllegalMove

_FLAG = {"notice.cancelled": "cancellation_unverified", "notice.clarified": "answer_unverified"}
_AMENDMENT = "amendment_unverified"
_UNVERIFIED = (_AMENDMENT, *_FLAG.values())


def flags_of_letters(types: Iterable[str]) -> tuple[str, ...]:
    """The flags of letters of these message types that nobody has vouched for."""
    return tuple(_FLAG.get(one, _AMENDMENT) for one in types)


def enter_letter(
    case: Case, letter: Cancellation | Clarification, arrival: Arrival, stamp: Stamp
) -> tuple[Change, Case]:
    """A letter about the case was typed in. It changes nothing yet; people are told that it is there. Raises
    IllegalMove for a case that was erased."""
    if case.erased_at is not None:
        raise IllegalMove(
            f"the case was erased on {local(case.erased_at)}: nothing here says any more which objects it is about. Do "
            "outside this library what the letter asks for.",
            reference=case.id,
        )
    kind: Literal["cancellation", "answer"] = "cancellation" if isinstance(letter, Cancellation) else "answer"
    told = LetterEntered(came=came(arrival, stamp), kind=kind, received_at=arrival.received_at)
    return step(case, "flag", happened_with(arrival, case, told, stamp))


def enter_amendment(case: Case, arrival: Arrival, stamp: Stamp) -> tuple[Change, Case]:
    """An amendment was typed in of a notice whose own origin is proved. It changes nothing yet; people are told."""
    told = LetterEntered(came=came(arrival, stamp), kind="amendment", received_at=arrival.received_at)
    tells = [happened_with(arrival, case, told, stamp)]
    if arrival.flags:
        marks = Flagged(flags=flags_told(arrival.flags, case.items), alert=False)
        tells.append(happened(case, marks, stamp, by=arrival.by))
    return step(case, "flag", *tells)


def vouch_for_letter(
    case: Case,
    letter: Cancellation | Clarification,
    arrival: Arrival,
    how: str,
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
) -> tuple[Change, Case]:
    """A second person says `how` the letter's authenticity was checked: now it does what it says. Never by
    its typist: raises NotAllowed."""
    check_voucher(case, Actor(arrival.entered_by, account=arrival.account), stamp)
    if isinstance(letter, Clarification):
        return answer(case, letter, arrival, policy, standing, stamp, {"how": how})
    if letter.revision != case.revision:
        raise IllegalMove(
            f"the letter speaks of revision {letter.revision}, the case stands at {case.revision}: dismiss it, and ask "
            "the authority which revision it means.",
            reference=case.id,
        )
    return cancel(case, letter, arrival, policy, standing, stamp, {"how": how})


def check_voucher(case: Case, typist: Actor, stamp: Stamp) -> None:
    """Whether this person may vouch for what was typed in: never its typist. Raises NotAllowed."""
    check_another([typist], stamp.actor, "the typist cannot vouch for what they typed in.", case.id)


def letter_known(stream: Stream, key: str) -> Literal["waits", "dismissed", "vouched"] | None:
    """What became of a letter that was typed in, by the keyed digest of its sender and id; None for a new one."""
    bodies = [body for of_key, body in stream.case.took if of_key == key]
    if not bodies:
        return None
    if any(body in stream.case.letters for body in bodies):
        return "waits"
    gone = {on.event.letter for on in stream.events if isinstance(on.event, LetterDismissed)}
    return "dismissed" if gone & set(bodies) else "vouched"


def check_not_dismissed(stream: Stream, body: str) -> None:
    """Whether a letter of these bytes may be typed in again. Raises IllegalMove for one that was dismissed: its first
    answer would say that it waits for somebody."""
    if any(isinstance(on.event, LetterDismissed) and on.event.letter == body for on in stream.events):
        raise IllegalMove("this letter was dismissed before.", reference=stream.reference)


def without(case: Case, others: tuple[str, ...]) -> tuple[str, ...]:
    """The flags of the case once a letter waits no more; `others` are those of the letters that still do."""
    return tuple(flag for flag in case.flags if flag not in _UNVERIFIED or flag in others)


def vouch_for_amendment(
    case: Case,
    notice: Notice,
    arrival: Arrival,
    others: tuple[str, ...],
    how: str,
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
) -> tuple[Change, Case]:
    """Record how the authenticity of a typed-in amendment was checked; only then does it amend a notice whose own
    origin is proved. `others` are the flags of letters that still wait. Never by its typist: raises NotAllowed."""
    check_voucher(case, Actor(arrival.entered_by, account=arrival.account), stamp)
    return amend(case.but(flags=without(case, others)), notice, arrival, policy, standing, stamp, {"how": how})
