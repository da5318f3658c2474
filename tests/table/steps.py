"""The table: each step that a person takes, who may, from where it leads on, and why it is refused.

It is written from `docs/concepts` and says what must be, whatever the code does. `tests/table/walk.py` walks all of it,
and `docs/reference/roles.md` is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.driver import DAY, Driver, Person
from tests.table.scenes import Scene, Standing

ROLES = ("", "moderator", "lead", "legal", "head", "head lead", "head legal")
LEASES = ("none", "own", "another's", "expired")
PERSONS = ("another", "same id", "same account")

UNDECIDED = ("queued", "claimed", "in_approval", "awaiting_answer")
DELIVERED = ("decided", "enforced", "lifting", "lifted")
ENDED = ("closed", "cancelled")
USABLE = (*UNDECIDED, *DELIVERED, *ENDED)
EVERY = ("quarantined", *USABLE)


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


REVIEWERS = _set("moderator lead legal")
OFFICE = REVIEWERS | {"head"}
SECOND = _set("lead legal")
SENIOR = _set("lead legal head")
PRIVACY = _set("legal head")
LAWYER = _set("legal")
LAWYER_NEEDED = "a lawyer needed"


def stays(*states: str) -> Mapping[str, str]:
    return {state: state for state in states}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: who stands where with what in hand. `role` holds the roles, with a space between them."""

    step: str
    scene: str
    role: str
    lease: str
    person: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a step: refused with `code`, or the case's `state` afterwards and the events that it appends."""

    code: str = ""
    state: str = ""
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `may` is None where it takes no role; `moves` leads from each state that allows it to the one after it.

    `needs` is what has to be there, each with the code of its refusal; `other_than` is what the person must not have
    done in the case themselves; `barred` is what stands against it, each with its code, and `for_lawyers` what does
    unless the person is one. With any of `second`, of the case or among the person's roles, a decision waits for a
    second person; what `withholds` lets one that was decided without wait for it too, if it has not begun. Where it
    `overtakes` a report that was tried, that is told too.
    """

    name: str
    says: str
    take: Callable[[Driver, Person, Standing, int], object]
    may: frozenset[str] | None
    moves: Mapping[str, str]
    events: tuple[str, ...]
    never_head: bool = False
    needs: tuple[tuple[str, str], ...] = ()
    lease: Literal["", "needed", "optional"] = ""
    seen: bool = True
    other_than: str = ""
    barred: Mapping[str, str] = field(default_factory=dict)
    for_lawyers: Mapping[str, str] = field(default_factory=dict)
    second: frozenset[str] = frozenset()
    withholds: bool = False
    overtakes: frozenset[str] = frozenset()

    @property
    def is_about_the_head(self) -> bool:
        return self.never_head or "head" in self.second

    def outcome(self, scene: Scene, role: str, lease: str, person: str) -> Outcome:
        """What must become of it. The first reason that holds is the one that the person is told: `ORDER`."""
        roles = frozenset(role.split())
        if self.may is not None and not roles & self.may:
            return Outcome("not_allowed")
        if self.never_head and "head" in roles:
            return Outcome("head")
        for thing, code in self.needs:
            if thing not in scene.has:
                return Outcome(code)
        names_one = self.lease == "needed" or (self.lease == "optional" and lease != "none")
        if names_one and (scene.state != "claimed" or lease != "own"):
            return Outcome("lease_lost")
        if not self.seen:
            return Outcome("conflict")
        if self.other_than in scene.did and person != "another":
            return Outcome("four_eyes" if person == "same id" else "same_account")
        lawyer = "legal" in roles
        for thing, code in {**self.barred, **({} if lawyer else self.for_lawyers)}.items():
            if thing in scene.has:
                return Outcome(code)
        state, events = scene.state, self.events
        if self.name == "claim" and state == "claimed" and lease == "expired":
            state, events = "queued", ("expired", *events)
        if state not in self.moves:
            return Outcome("illegal_move")
        if self.second & (scene.has | roles) - ({LAWYER_NEEDED} if lawyer else set()):
            return Outcome(state="in_approval", events=events[: events.index("proposed") + 1])
        if self.withholds and "undo" in scene.has:
            return Outcome(state="in_approval", events=(*events, "withheld"))
        after = self.moves[state]
        events = (*events, "voided") if state in self.overtakes else events
        ends = after in ("closed", "cancelled") and after != state
        return Outcome(state=after, events=(*events, "counted") if ends else events)


ORDER = (
    ("the role", "`not_allowed`", "none of the person's roles may take the step"),
    ("the head of the office", "`head`", "the step is never taken by the head, whatever other roles that person has"),
    (
        "what it is about",
        "`not_found`, `invalid_input`, `illegal_move`",
        "there is no such letter, appeal, suspension or message, or it waits no more",
    ),
    ("the lease", "`lease_lost`", "the lease ran out, is somebody else's, or the case has moved on"),
    ("what was seen", "`conflict`", "the proposal is another than the one whose digest was seen"),
    ("the same person", "`four_eyes`, `same_account`", "it takes somebody else than who did the first part of it"),
    (
        "what stands against it",
        "`legal_review`, `user_data_demand`, `unverified`, `illegal_move`",
        "it takes a lawyer, it is a demand for user data, nobody has vouched for it, or what the table names beside",
    ),
    ("where the case stands", "`illegal_move`", "the case is in no state from which the step leads on"),
)
"""Why a step is refused, in the order in which the reasons are looked at."""

_GONE = {"erased": "illegal_move"}
_DEMAND = {"demand": "user_data_demand"}
_KEPT = dict.fromkeys(("erased", "hold", "contest", "measure"), "illegal_move")
_WAITS = {"decided anew": "illegal_move", "undo": "illegal_move"}
_NOTICE = (("notice", "not_found"),)
_PROPOSAL = (("proposal", "illegal_move"),)
_LETTER = (("letter", "not_found"),)
_APPEAL = (("appeal", "not_found"),)
_ITEM = ("item", "invalid_input")
_LIFTS = dict.fromkeys(("enforced", "lifting", "closed"), "lifting")
_TOMORROW = DAY

STEPS: tuple[Step, ...] = (
    # ------------------------------------------------------------------------------------------------ review
    Step(
        "claim",
        "take a case",
        lambda o, by, at, token: o.claim(by, at.case),
        OFFICE,
        {"queued": "claimed"},
        ("claimed",),
        for_lawyers=_DEMAND,
    ),
    Step(
        "renew",
        "keep it for another lease time",
        lambda o, by, at, token: o.renew(by, at.case, token),
        None,
        stays("claimed"),
        ("renewed",),
        lease="needed",
    ),
    Step(
        "release",
        "give it back",
        lambda o, by, at, token: o.release(by, at.case, token),
        None,
        {"claimed": "queued"},
        ("released",),
        lease="needed",
    ),
    Step(
        "take_over",
        "take a case out of a colleague's hand",
        lambda o, by, at, token: o.take_over(by, at.case),
        SECOND,
        stays("claimed"),
        ("taken_over",),
        for_lawyers=_DEMAND,
    ),
    Step(
        "assign",
        "say who is to take care of a case",
        lambda o, by, at, token: o.assign(by, at.case),
        SECOND,
        stays("quarantined", *UNDECIDED, *DELIVERED),
        ("assigned",),
    ),
    Step(
        "look",
        "look at the content",
        lambda o, by, at, token: o.look(by, at.case, token or None),
        OFFICE,
        stays(*UNDECIDED),
        ("looked",),
        lease="optional",
    ),
    Step(
        "check_law",
        "answer the legal check",
        lambda o, by, at, token: o.check_law(by, at.case),
        REVIEWERS,
        stays("queued", "claimed", "awaiting_answer"),
        ("legally_checked",),
        needs=(_ITEM,),
    ),
    Step(
        "refuse",
        "propose to refuse",
        lambda o, by, at, token: o.propose(by, at.case, token, "none", items={"1": {}}),
        OFFICE,
        {"claimed": "decided"},
        ("legally_checked", "proposed", "decided", "reported"),
        needs=_NOTICE,
        lease="needed",
        barred=_DEMAND,
        second=_set("head instruction suspension"),
    ),
    Step(
        "propose",
        "propose a measure",
        lambda o, by, at, token: o.propose(by, at.case, token, items={"1": {}}),
        OFFICE,
        {"claimed": "decided"},
        ("legally_checked", "proposed", "decided"),
        needs=_NOTICE,
        lease="needed",
        barred={**_DEMAND, "unverified": "unverified"},
        second=frozenset({"head", LAWYER_NEEDED, "instruction", "suspension"}),
    ),
    Step(
        "approve",
        "approve a proposal",
        lambda o, by, at, token: o.approve(by, at.case, at.digest),
        SECOND,
        {"in_approval": "decided"},
        ("approved", "decided"),
        never_head=True,
        needs=(*_NOTICE, *_PROPOSAL),
        other_than="proposed",
        for_lawyers={LAWYER_NEEDED: "legal_review"},
    ),
    Step(
        "approve_unseen",
        "approve another proposal than the one that was seen",
        lambda o, by, at, token: o.approve(by, at.case, "0" * 64),
        SECOND,
        {},
        (),
        never_head=True,
        needs=(*_NOTICE, *_PROPOSAL),
        seen=False,
    ),
    Step(
        "send_back",
        "send a proposal back",
        lambda o, by, at, token: o.send_back(by, at.case, at.digest),
        SECOND,
        {"in_approval": "queued"},
        ("sent_back",),
        needs=_PROPOSAL,
    ),
    Step(
        "send_back_unseen",
        "send another proposal back than the one that was seen",
        lambda o, by, at, token: o.send_back(by, at.case, "0" * 64),
        SECOND,
        {},
        (),
        needs=_PROPOSAL,
        seen=False,
    ),
    Step(
        "undo",
        "take a decision back inside the undo window",
        lambda o, by, at, token: o.undo(by, at.case),
        REVIEWERS,
        {"decided": "queued", "lifting": "queued"},
        ("undone",),
        needs=(("undo", "illegal_move"),),
    ),
    Step(
        "reopen",
        "supersede the decision of an ended case",
        lambda o, by, at, token: o.reopen(by, at.case),
        SECOND,
        dict.fromkeys(ENDED, "queued"),
        ("reopened",),
        needs=(("item", "illegal_move"),),
        barred={**_GONE, "fallen": "illegal_move"},
    ),
    Step(
        "reopen_item",
        "name an item whose order fell, to decide it anew on the platform's own terms",
        lambda o, by, at, token: o.reopen(by, at.case, ["1"]),
        SECOND,
        dict.fromkeys(ENDED, "queued"),
        ("reopened",),
        needs=(("item", "illegal_move"),),
        barred=_GONE,
    ),
    Step(
        "ask",
        "ask the authority what is missing",
        lambda o, by, at, token: o.ask(by, at.case, token),
        REVIEWERS,
        {"claimed": "awaiting_answer"},
        ("asked",),
        needs=_NOTICE,
        lease="needed",
        barred=_DEMAND,
    ),
    Step(
        "recall",
        "decide without waiting for the answer",
        lambda o, by, at, token: o.recall(by, at.case),
        REVIEWERS,
        {"awaiting_answer": "queued"},
        ("recalled",),
    ),
    Step(
        "report_interim",
        "have what is settled reported before the rest",
        lambda o, by, at, token: o.report_interim(by, at.case),
        SECOND,
        stays("decided", "lifting"),
        ("interim_asked", "reported"),
        needs=(("settled in part", "illegal_move"),),
    ),
    Step(
        "record_undoable",
        "record that a measure can never be lifted",
        lambda o, by, at, token: o.record_undoable(by, at.case),
        SECOND,
        {**stays(*UNDECIDED), "decided": "enforced", "lifting": "lifted"},
        ("undoable_recorded", "reported"),
        needs=(_ITEM, ("a lifting that failed", "illegal_move")),
    ),
    Step(
        "acknowledge",
        "say that the alerts were seen",
        lambda o, by, at, token: o.acknowledge(by, at.case),
        OFFICE,
        stays(*EVERY),
        ("escalation_seen",),
    ),
    Step(
        "note",
        "keep a note",
        lambda o, by, at, token: o.note(by, at.case),
        OFFICE,
        stays(*EVERY),
        ("note_kept",),
        barred=_GONE,
    ),
    Step(
        "view",
        "look at a case",
        lambda o, by, at, token: o.view(by, at.case),
        None,
        stays(*EVERY),
        ("viewed",),
    ),
    # --------------------------------------------------------------------------------------- what was typed in
    Step(
        "enter",
        "type in a notice",
        lambda o, by, at, token: o.enter(by, 77),
        OFFICE,
        stays(*EVERY),
        (),
    ),
    Step(
        "authenticate",
        "vouch for a notice that was typed in",
        lambda o, by, at, token: o.authenticate(by, at.case),
        OFFICE,
        stays(*UNDECIDED),
        ("authenticated",),
        needs=(("unverified", "illegal_move"),),
        other_than="typed it in",
    ),
    Step(
        "correct_receipt",
        "correct the receipt of a notice that was typed in",
        lambda o, by, at, token: o.correct_receipt(by, at.case, o.clock() - 120),
        SENIOR,
        stays(*UNDECIDED),
        ("receipt_corrected",),
        needs=(("typed in", "illegal_move"),),
        other_than="typed it in",
    ),
    Step(
        "settle_quarantine",
        "settle a quarantined message",
        lambda o, by, at, token: o.settle_quarantine(by, at.case),
        SECOND,
        {"quarantined": "closed"},
        ("quarantine_settled",),
        never_head=True,
    ),
    Step(
        "enter_cancellation",
        "type in a letter that cancels",
        lambda o, by, at, token: o.enter_cancellation(by, at.case),
        OFFICE,
        stays(*USABLE),
        ("letter_entered",),
        barred=_GONE,
    ),
    Step(
        "enter_answer",
        "type in a letter that answers",
        lambda o, by, at, token: o.enter_answer(by, at.case, at.question),
        OFFICE,
        stays(*USABLE),
        ("letter_entered",),
        barred=_GONE,
    ),
    Step(
        "vouch",
        "vouch for a letter about a case",
        lambda o, by, at, token: o.vouch(by, at.case, at.letter),
        OFFICE,
        {**dict.fromkeys((*UNDECIDED, "decided", "cancelled"), "cancelled"), **_LIFTS, "lifted": "lifted"},
        ("cancelled",),
        needs=_LETTER,
        other_than="typed the letter in",
        overtakes=frozenset({"enforced"}),
    ),
    Step(
        "dismiss",
        "record that a letter is not what it seemed",
        lambda o, by, at, token: o.dismiss(by, at.case, at.letter),
        OFFICE,
        stays(*USABLE),
        ("letter_dismissed",),
        needs=_LETTER,
    ),
    # ------------------------------------------------------------------------------------------------- letters
    Step(
        "answer_by_hand",
        "answer a case by letter from now on",
        lambda o, by, at, token: o.answer_by_hand(by, at.case),
        OFFICE,
        stays(*UNDECIDED, *DELIVERED, "closed"),
        ("answered_by_hand",),
    ),
    Step(
        "record_delivery",
        "record that a letter was delivered",
        lambda o, by, at, token: o.record_delivery(by, at.message),
        OFFICE,
        {**stays(*USABLE), "decided": "closed", "enforced": "closed", "lifted": "closed"},
        ("tried", "receipt"),
        needs=(("message", "not_found"), ("to deliver", "illegal_move")),
    ),
    Step(
        "retry",
        "try a parked message again",
        lambda o, by, at, token: o.retry(by, at.message),
        OFFICE,
        stays(*USABLE),
        ("retried",),
        needs=(("message", "not_found"), ("parked", "illegal_move")),
    ),
    # ------------------------------------------------------------------------------------------- under pressure
    Step(
        "alarm",
        "raise the alarm",
        lambda o, by, at, token: o.alarm(by, at.case),
        OFFICE,
        stays(*EVERY),
        ("alarm_raised",),
    ),
    Step(
        "record_instruction",
        "record what somebody told the office to do",
        lambda o, by, at, token: o.record_instruction(by, at.case),
        OFFICE,
        stays(*EVERY),
        ("instructed",),
        withholds=True,
    ),
    Step(
        "refer_demand",
        "hand a demand for user data over",
        lambda o, by, at, token: o.refer_demand(by, at.case),
        LAWYER,
        dict.fromkeys(UNDECIDED, "closed"),
        ("handed_over",),
        never_head=True,
        needs=(("demand", "illegal_move"),),
    ),
    Step(
        "rule_out_demand",
        "rule out a demand for user data",
        lambda o, by, at, token: o.rule_out_demand(by, at.case),
        LAWYER,
        stays(*UNDECIDED),
        ("demand_ruled_out",),
        needs=(("demand", "illegal_move"),),
    ),
    # ----------------------------------------------------------------------------------- contest and suspension
    Step(
        "contest",
        "record that the order is contested",
        lambda o, by, at, token: o.contest(by, at.case),
        SENIOR,
        stays(*USABLE),
        ("contest_recorded",),
    ),
    Step(
        "settle_contest",
        "record how a contest ended",
        lambda o, by, at, token: o.settle_contest(by, at.case),
        SENIOR,
        stays(*USABLE),
        ("contest_settled",),
        needs=(("contest", "invalid_input"),),
    ),
    Step(
        "suspend",
        "record an order that suspends",
        lambda o, by, at, token: o.suspend(by, at.case),
        SENIOR,
        stays(*USABLE),
        ("suspended",),
        withholds=True,
    ),
    Step(
        "confirm_suspension",
        "confirm a suspension",
        lambda o, by, at, token: o.confirm_suspension(by, at.case),
        SECOND,
        stays(*USABLE),
        ("suspension_confirmed",),
        needs=(("suspension", "invalid_input"), ("unconfirmed", "illegal_move")),
        other_than="recorded the suspension",
    ),
    Step(
        "end_suspension",
        "record that a suspension ended",
        lambda o, by, at, token: o.end_suspension(by, at.case),
        SENIOR,
        stays(*USABLE),
        ("suspension_ended",),
        needs=(("suspension", "invalid_input"),),
    ),
    # ------------------------------------------------------------------------------------------------ the user
    Step(
        "delay_user_notice",
        "put off what a user is told",
        lambda o, by, at, token: o.delay_user_notice(by, at.case, o.clock() + _TOMORROW),
        LAWYER,
        stays(*UNDECIDED, *DELIVERED, "closed"),
        ("user_notice_delayed",),
        needs=(("untold", "illegal_move"),),
    ),
    Step(
        "appeal",
        "write down a user's appeal",
        lambda o, by, at, token: o.appeal(at.case, by=by, reference="a-new-one"),
        OFFICE,
        stays(*UNDECIDED, *DELIVERED, "closed"),
        ("appealed",),
        needs=(_ITEM, ("measure", "illegal_move")),
    ),
    Step(
        "uphold",
        "leave the measure that a user appealed against",
        lambda o, by, at, token: o.uphold(by, at.appeal),
        SECOND,
        stays(*DELIVERED, "closed"),
        ("appeal_upheld", "user_notice_owed"),
        never_head=True,
        needs=(*_APPEAL, ("open appeal", "illegal_move")),
        other_than="decided first",
        barred={"decided anew": "illegal_move"},
    ),
    Step(
        "reverse",
        "lift the measure that a user appealed against",
        lambda o, by, at, token: o.reverse(by, at.appeal),
        SECOND,
        {**dict.fromkeys((*DELIVERED, "closed"), "lifting")},
        ("appeal_reversed", "user_notice_owed"),
        never_head=True,
        needs=(*_APPEAL, ("open appeal", "illegal_move")),
        other_than="decided first",
        barred=_WAITS,
    ),
    Step(
        "withdraw_appeal",
        "write down that a user took an appeal back",
        lambda o, by, at, token: o.withdraw_appeal(at.appeal, by),
        REVIEWERS,
        stays(*USABLE),
        ("appeal_withdrawn",),
        never_head=True,
        needs=(*_APPEAL, ("open appeal", "illegal_move")),
        other_than="decided first",
    ),
    # ----------------------------------------------------------------------------------------- personal data
    Step(
        "hold",
        "keep a case by a legal hold",
        lambda o, by, at, token: o.hold(by, at.case),
        SENIOR,
        stays(*EVERY),
        ("held",),
        barred=_GONE,
    ),
    Step(
        "end_hold",
        "end a legal hold",
        lambda o, by, at, token: o.end_hold(by, at.case),
        PRIVACY,
        stays(*EVERY),
        ("hold_ended",),
        needs=(("hold", "illegal_move"),),
    ),
    Step(
        "record_copy_deleted",
        "record that the copy of an item is deleted",
        lambda o, by, at, token: o.record_copy_deleted(by, at.case),
        SENIOR,
        stays(*EVERY),
        ("copy_deleted",),
        needs=(_ITEM, ("copy", "illegal_move")),
    ),
    Step(
        "ask_erasure",
        "ask to erase the personal data of a case",
        lambda o, by, at, token: o.ask_erasure(by, at.case),
        PRIVACY,
        stays(*ENDED),
        ("erasure_asked",),
        barred=_KEPT,
    ),
    Step(
        "erase",
        "agree to an erasure",
        lambda o, by, at, token: o.erase(by, at.case),
        PRIVACY,
        stays(*ENDED),
        ("erased",),
        needs=(("erasure asked", "illegal_move"),),
        other_than="asked for the erasure",
        barred={**_KEPT, "under way": "illegal_move"},
    ),
    Step(
        "export",
        "take the personal data of a case out",
        lambda o, by, at, token: o.export(by, at.case),
        PRIVACY,
        stays(*EVERY),
        ("exported",),
        barred=_GONE,
    ),
    Step(
        "evidence",
        "make an evidence pack",
        lambda o, by, at, token: o.evidence(by, at.case),
        OFFICE,
        stays(*EVERY),
        ("disclosed",),
    ),
    Step(
        "evidence_full",
        "make an evidence pack with names",
        lambda o, by, at, token: o.evidence(by, at.case, full=True),
        SENIOR,
        stays(*EVERY),
        ("disclosed",),
    ),
)
