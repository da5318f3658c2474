"""The states of a case, and the table of every legal move. Nothing moves a case that has no row here.

The diagram in the documentation is drawn from `TRANSITIONS`. There is no state for "overdue": that is computed
from the deadline, and passing it changes nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

AppealState = Literal["open", "upheld", "reversed", "withdrawn"]


class CaseState(StrEnum):
    """Where a case stands."""

    QUARANTINED = "quarantined"
    QUEUED = "queued"
    CLAIMED = "claimed"
    IN_APPROVAL = "in_approval"
    AWAITING_ANSWER = "awaiting_answer"
    DECIDED = "decided"
    ENFORCED = "enforced"
    LIFTING = "lifting"
    LIFTED = "lifted"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal move. `source` is None where the move opens the case."""

    source: CaseState | None
    verb: str
    target: CaseState
    why: str


_S = CaseState
UNDECIDED = (_S.QUEUED, _S.CLAIMED, _S.IN_APPROVAL, _S.AWAITING_ANSWER)
_DELIVERED = (_S.DECIDED, _S.ENFORCED, _S.LIFTING, _S.LIFTED)
_RUNNING = (_S.QUARANTINED, *UNDECIDED, *_DELIVERED)
_AFTER_DECISION = (*_DELIVERED, _S.CLOSED)
_SEEN = (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED)
_ALL = (*_RUNNING, _S.CLOSED, _S.CANCELLED)


def _each(sources: tuple[CaseState, ...], verb: str, target: CaseState | None, why: str) -> tuple[Transition, ...]:
    return tuple(Transition(source, verb, target or source, why) for source in sources)


TRANSITIONS: tuple[Transition, ...] = (
    Transition(None, "open", _S.QUEUED, "an authentic, usable notice was stored"),
    Transition(None, "quarantine", _S.QUARANTINED, "an authentic message cannot be used as it stands"),
    Transition(_S.QUARANTINED, "admit", _S.QUEUED, "a usable message for the same notice came; the clock is kept"),
    Transition(_S.QUARANTINED, "settle_quarantine", _S.CLOSED, "a person settled it, with reasons"),
    Transition(_S.QUEUED, "claim", _S.CLAIMED, "a moderator took the most urgent free case"),
    Transition(_S.CLAIMED, "renew", _S.CLAIMED, "the moderator is still at it"),
    Transition(_S.CLAIMED, "take_over", _S.CLAIMED, "a lead or a lawyer took it out of a colleague's hand"),
    Transition(_S.CLAIMED, "release", _S.QUEUED, "the moderator gave it back"),
    Transition(_S.CLAIMED, "expire", _S.QUEUED, "the lease ran out"),
    *_each(UNDECIDED, "look", None, "what the content is now was recorded"),
    *_each(
        (_S.IN_APPROVAL, _S.DECIDED, _S.LIFTING),
        "content_changed",
        _S.QUEUED,
        "the content is not what was seen; back to review, and nothing was carried out",
    ),
    *_each(
        (_S.QUEUED, _S.CLAIMED, _S.AWAITING_ANSWER),
        "content_changed",
        None,
        "the content of an item whose measure was still to come is not what was seen; it is open again",
    ),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION),
        "preservation_ended",
        None,
        "the time is over for which a copy of what a measure hides was to be kept",
    ),
    *_each(
        (_S.QUEUED, _S.CLAIMED, _S.AWAITING_ANSWER),
        "record_legal_check",
        None,
        "a named person answered the questions of the legal check",
    ),
    Transition(_S.CLAIMED, "propose", _S.DECIDED, "policy asks for no second person"),
    Transition(_S.CLAIMED, "propose", _S.IN_APPROVAL, "policy asks for a second person"),
    Transition(_S.CLAIMED, "request_clarification", _S.AWAITING_ANSWER, "something is missing or contradictory"),
    Transition(_S.IN_APPROVAL, "approve", _S.DECIDED, "a second person approved exactly what was proposed"),
    Transition(_S.IN_APPROVAL, "send_back", _S.QUEUED, "the second person did not agree"),
    Transition(_S.AWAITING_ANSWER, "recall", _S.QUEUED, "a person decides without waiting for the answer"),
    Transition(_S.AWAITING_ANSWER, "answer", _S.QUEUED, "the authority answered"),
    *_each((_S.QUEUED, _S.CLAIMED, _S.IN_APPROVAL), "answer", _S.QUEUED, "the authority said more than had been seen"),
    *_each((_S.DECIDED, _S.ENFORCED, _S.CLOSED), "answer", _S.QUEUED, "an answer to what was decided"),
    *_each(
        (_S.DECIDED, _S.LIFTING, _S.ENFORCED, _S.LIFTED),
        "undo",
        _S.QUEUED,
        "taken back inside the undo window; nothing had been carried out",
    ),
    *_each(
        (_S.DECIDED, _S.LIFTING),
        "withhold",
        _S.IN_APPROVAL,
        "the order was suspended, or an instruction recorded: what has not begun waits for a second person",
    ),
    *_each(
        (_S.DECIDED, _S.LIFTING, _S.IN_APPROVAL),
        "withhold",
        _S.QUEUED,
        "what has not begun is of an earlier decision, or two had decided: it is decided anew, by two",
    ),
    *_each(
        (_S.QUEUED, _S.CLAIMED, _S.AWAITING_ANSWER),
        "withhold",
        None,
        "what has not begun of an earlier decision is open again beside the rest",
    ),
    *_each((_S.DECIDED, _S.LIFTING, *UNDECIDED), "measure_in_force", None, "one measure is in force; others are not"),
    Transition(_S.DECIDED, "measure_in_force", _S.ENFORCED, "the last measure is in force"),
    Transition(_S.LIFTING, "measure_in_force", _S.LIFTED, "the last effect that was still under way ended"),
    *_each(
        (_S.DECIDED, _S.LIFTING, _S.IN_APPROVAL),
        "measure_failed",
        _S.QUEUED,
        "the platform cannot carry a measure out; back to review",
    ),
    *_each(
        (*UNDECIDED, _S.DECIDED, _S.LIFTING),
        "measure_failed",
        None,
        "an effect failed; a person is paged and it stays parked",
    ),
    *_each((_S.LIFTING, _S.DECIDED, *UNDECIDED), "measure_lifted", None, "one measure is lifted; others are not"),
    Transition(_S.LIFTING, "measure_lifted", _S.LIFTED, "the last measure is lifted"),
    Transition(_S.DECIDED, "measure_lifted", _S.ENFORCED, "a superseding decision took its last effect"),
    *_each((_S.DECIDED, _S.LIFTING), "offer_interim", None, "some items are stuck, and the deadline is near"),
    *_each((_S.DECIDED, _S.LIFTING), "report_interim", None, "a person has the settled items reported meanwhile"),
    *_each((*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED), "receipt", None, "the regulator holds one of our messages"),
    *_each((_S.DECIDED, _S.ENFORCED, _S.LIFTED), "receipt", _S.CLOSED, "the receipt for the final report is in hand"),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED),
        "reject",
        None,
        "the regulator refuses a message; it stays parked and a person is paged",
    ),
    *_each((_S.DECIDED, _S.ENFORCED, _S.LIFTED), "reject", _S.QUEUED, "the final report is refused; back to review"),
    Transition(_S.CLOSED, "reopen", _S.QUEUED, "a person supersedes the decision"),
    Transition(_S.CANCELLED, "reopen", _S.QUEUED, "a person supersedes the decision"),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED),
        "amend",
        _S.QUEUED,
        "a new revision supersedes the notice",
    ),
    *_each(
        (_S.QUARANTINED, *UNDECIDED, _S.DECIDED),
        "cancel",
        _S.CANCELLED,
        "everything undecided stops, nothing is in force",
    ),
    *_each(UNDECIDED, "cancel", _S.QUEUED, "some items stop; what was proposed must be seen again"),
    *_each(UNDECIDED, "cancel", _S.DECIDED, "nothing is left to decide; a measure is still under way"),
    *_each((_S.DECIDED, *UNDECIDED), "cancel", _S.ENFORCED, "what is left was carried out already, and is reported"),
    *_each(UNDECIDED, "cancel", _S.LIFTING, "measures of an earlier decision are lifted at once"),
    *_each(UNDECIDED, "cancel", _S.LIFTED, "measures of an earlier decision stay, and it is reported why"),
    *_each(_AFTER_DECISION, "cancel", _S.LIFTING, "measures whose only ground it was are lifted at once"),
    *_each(_AFTER_DECISION, "cancel", _S.LIFTED, "nothing to lift: what stays, and why, is reported"),
    *_each(
        (_S.CLAIMED, _S.IN_APPROVAL, _S.AWAITING_ANSWER),
        "cancel",
        None,
        "it names only what was stopped or settled before; what is open stays in hand",
    ),
    *_each((_S.DECIDED, _S.ENFORCED, _S.CLOSED, _S.CANCELLED), "cancel", None, "it changes nothing that stands"),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED), "remind", None, "a reminder raises the level, never the clock"
    ),
    *_each(_RUNNING, "escalate", None, "a step of the ladder was due"),
    *_each(_RUNNING, "clock_stepped", None, "the host's clock was set: what was planned keeps its distance"),
    *_each((*_RUNNING, _S.CLOSED, _S.CANCELLED), "acknowledge", None, "a person has seen the escalation"),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED), "flag", None, "something that the moderator must see was learnt"
    ),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED),
        "confirm",
        None,
        "the authority's signed message confirms what was typed in",
    ),
    *_each(_ALL, "raise_alarm", None, "a person calls a lead and a lawyer to it"),
    *_each(_ALL, "record_instruction", None, "a person recorded what somebody told the office to do"),
    *_each(UNDECIDED, "hand_over", _S.CLOSED, "a lawyer took a demand for user data out of here; it is not answered"),
    *_each(UNDECIDED, "rule_out_demand", None, "a lawyer found that it is no demand for user data"),
    *_each(UNDECIDED, "authenticate", None, "a second person recorded how authenticity was checked"),
    *_each(UNDECIDED, "correct_receipt", None, "a second person corrected the receipt of a typed-in notice"),
    *_each(_SEEN, "dismiss_letter", None, "a letter that was typed in is not what it seemed"),
    *_each(_SEEN, "contest", None, "the order is contested; the clock runs on"),
    *_each(_SEEN, "settle_contest", None, "the contest ended; what follows from that a person decides"),
    *_each(_SEEN, "suspend", None, "a suspension order was recorded; it waits for a second person"),
    *_each(_SEEN, "confirm_suspension", None, "a second person confirmed it: the term stands still"),
    *_each(_SEEN, "end_suspension", None, "the suspension ended: what is left of the term runs on"),
    *_each((*UNDECIDED, _S.DECIDED, _S.LIFTING), "record_undoable", None, "one measure can never be lifted"),
    Transition(_S.LIFTING, "record_undoable", _S.LIFTED, "the last measure can never be lifted, which is reported"),
    Transition(_S.DECIDED, "record_undoable", _S.ENFORCED, "the last effect can never be carried out"),
    *_each((*_DELIVERED, *UNDECIDED, _S.CLOSED), "deliver_by_hand", None, "a person answers by letter"),
    *_each((*_RUNNING, _S.CLOSED, _S.CANCELLED), "view", None, "a person looked at the case"),
    *_each((*_RUNNING, _S.CLOSED, _S.CANCELLED), "disclose", None, "a person took an evidence pack of the case out"),
    *_each(
        (*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED), "tell_user", None, "the affected user was told, or never can be"
    ),
    *_each((*UNDECIDED, *_AFTER_DECISION), "delay_user_notice", None, "a person put off telling the user, until a day"),
    *_each((*UNDECIDED, *_AFTER_DECISION), "appeal", None, "the affected user appeals against a measure in force"),
    *_each((*UNDECIDED, *_AFTER_DECISION, _S.CANCELLED), "withdraw_appeal", None, "the user takes the appeal back"),
    *_each(_AFTER_DECISION, "uphold", None, "somebody else than the first decider leaves the measure in force"),
    *_each(_AFTER_DECISION, "reverse", _S.LIFTING, "an appeal succeeded: the measure is lifted at once"),
    *_each((_S.ENFORCED, _S.CLOSED), "reverse", _S.LIFTED, "an appeal succeeded; another order holds the object"),
    *_each(
        (_S.DECIDED, _S.ENFORCED, _S.LIFTED, _S.CLOSED, _S.CANCELLED),
        "reverse",
        None,
        "an appeal succeeded: nothing is left to lift, or other measures are under way, or no reversal is reported",
    ),
    Transition(_S.CLOSED, "measure_failed", _S.CLOSED, "a measure could not be lifted yet; a person is paged"),
    *_each((*_RUNNING, _S.CLOSED, _S.CANCELLED), "hold", None, "a legal hold: its personal data is kept, with reasons"),
    *_each((*_RUNNING, _S.CLOSED, _S.CANCELLED), "end_hold", None, "the legal hold ends before its time"),
    *_each((_S.CLOSED, _S.CANCELLED), "ask_erasure", None, "a person asks to destroy its personal data early"),
    *_each((_S.CLOSED, _S.CANCELLED), "erase", None, "its personal data is destroyed: the time came, or two agreed"),
)

_MOVES = frozenset((row.source, row.verb, row.target) for row in TRANSITIONS)
Waiting = Literal["second_person", "authority"]
"""For whom a case waits: for somebody else to approve what was proposed or to vouch for what was recorded, or for the
authority's answer or receipt."""
ENDED = frozenset({_S.CLOSED, _S.CANCELLED})


def is_legal(source: CaseState | None, verb: str, target: CaseState) -> bool:
    """Whether the table has this move."""
    return (source, verb, target) in _MOVES


def _by_verb() -> MappingProxyType[str, frozenset[CaseState | None]]:
    sources: dict[str, set[CaseState | None]] = {}
    for row in TRANSITIONS:
        sources.setdefault(row.verb, set()).add(row.source)
    return MappingProxyType({verb: frozenset(states) for verb, states in sources.items()})


SOURCES = _by_verb()
