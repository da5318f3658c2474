"""Each state of a case, and what can wait in it, made by the driver: once, and copied for each who starts there.

FIRST did the first part of everything: typed in, proposed, recorded, asked. What takes somebody else is refused to
them.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tests.driver import DAY, Driver, Person

FIRST = Person("first", "moderator", "first@office")
THIRD, FOURTH = Person("third", "moderator", "third@office"), Person("fourth", "legal", "fourth@office")
WINDOW_S = 600
LEASE_OVER_S = 901
_AS_LEGAL = replace(FIRST, role="legal")
_AS_LEAD = replace(FIRST, role="lead")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person finds: the case, when it is (UTC seconds), how many events it has, what is stored as a digest, and
    the names of what waits."""

    case: str
    at: int = 0
    events: int = 0
    fingerprint: str = ""
    token: int = 1
    digest: str = "0" * 64
    question: str = "no-question"
    letter: str = "no-letter"
    message: str = "no-message"
    appeal: str = "no-appeal"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a case stands: its state, what is there (`has`), and what FIRST did (`did`). `make` brings it about, with
    the person who holds the lease if anybody does."""

    name: str
    state: str
    make: Callable[[Driver, Person], Standing]
    has: frozenset[str] = frozenset()
    did: frozenset[str] = frozenset()


def _decided(office: Driver, case: str, *, by: Person = FIRST, **given: Any) -> None:
    """Decided so that nobody's later proposal is the same one again."""
    office.decide(case, by=by, **{"reasons": "at first", "approved_by": FOURTH, **given})


def _closed(office: Driver, *, items: int = 1, **given: Any) -> str:
    case = office.issue(1, items)
    _decided(office, case, **given)
    _carry_out(office)
    return case


def _carry_out(office: Driver) -> None:
    office.wait(WINDOW_S + 1)
    office.deliver()


def _no_regulator(office: Driver) -> None:
    """Acknowledge first, then hear nothing more of it."""
    office.deliver()
    office.regulator_is_down()


def _quarantined(office: Driver, _holder: Person) -> Standing:
    return Standing(office.break_off(1))


def _settled(office: Driver, holder: Person) -> Standing:
    at = _quarantined(office, holder)
    office.settle_quarantine(FOURTH, at.case)
    return at


def _queued(office: Driver, _holder: Person) -> Standing:
    return Standing(office.issue())


def _typed(office: Driver, _holder: Person) -> Standing:
    return Standing(office.enter(FIRST, 1))


def _claimed_typed(office: Driver, holder: Person) -> Standing:
    at = _typed(office, holder)
    return replace(at, token=office.claim(holder, at.case))


def _claimed(office: Driver, holder: Person) -> Standing:
    case = office.issue()
    return Standing(case, token=office.claim(holder, case))


def _claimed_for_lawyers(office: Driver, holder: Person) -> Standing:
    case = office.issue(1, category="fake_account")
    return Standing(case, token=office.claim(holder, case))


def _instructed(office: Driver, holder: Person) -> Standing:
    at = _claimed(office, holder)
    office.record_instruction(THIRD, at.case)
    return at


def _proposed(office: Driver, _holder: Person) -> Standing:
    case = office.issue()
    token = office.claim(FIRST, case)
    digest = office.propose(FIRST, case, token, reasons="at first", legal={"clarity": "unclear"})
    return Standing(case, token=token, digest=digest)


def _proposed_for_lawyers(office: Driver, _holder: Person) -> Standing:
    case = office.issue(1, category="fake_account")
    token = office.claim(FIRST, case)
    return Standing(case, token=token, digest=office.propose(FIRST, case, token, reasons="at first"))


def _asked(office: Driver, _holder: Person) -> Standing:
    case = office.issue()
    token = office.claim(FIRST, case)
    return Standing(case, token=token, question=office.ask(FIRST, case, token))


def _in_the_window(office: Driver, _holder: Person) -> Standing:
    case = office.issue()
    _decided(office, case)
    return Standing(case)


def _stuck(office: Driver, _holder: Person) -> Standing:
    case = office.issue(1, 2)
    _decided(office, case)
    office.platform_fails("2")
    _carry_out(office)
    return Standing(case)


def _enforced(office: Driver, _holder: Person) -> Standing:
    case = office.issue()
    _no_regulator(office)
    _decided(office, case)
    _carry_out(office)
    return Standing(case)


def _with_a_measure(office: Driver, _holder: Person) -> Standing:
    return Standing(_closed(office))


def _copy_over(office: Driver, holder: Person) -> Standing:
    at = _with_a_measure(office, holder)
    office.wait(181 * DAY)
    return at


def _refused(office: Driver, _holder: Person) -> Standing:
    return Standing(_closed(office, action="none"))


def _lifting(office: Driver, _holder: Person) -> Standing:
    case = _closed(office)
    office.cancel(office.notice()["notice_id"])
    return Standing(case)


def _lifting_fails(office: Driver, holder: Person) -> Standing:
    at = _lifting(office, holder)
    office.platform_fails("1")
    office.deliver()
    return at


def _lifted(office: Driver, holder: Person) -> Standing:
    at = _lifting(office, holder)
    office.regulator_is_down()
    office.deliver()
    return at


def _cancelled(office: Driver, _holder: Person) -> Standing:
    case = office.issue()
    office.cancel(office.notice()["notice_id"])
    return Standing(case)


def _remedied(office: Driver, holder: Person) -> Standing:
    at = _queued(office, holder)
    office.cancel(office.notice()["notice_id"], "remedied")
    return at


def _reopened(office: Driver, holder: Person) -> Standing:
    at = _appealed(office, holder)
    office.reopen(FOURTH, at.case)
    return at


def _appealed(office: Driver, _holder: Person) -> Standing:
    case = _closed(office)
    return Standing(case, appeal=office.appeal(case))


def _appealed_to_approver(office: Driver, _holder: Person) -> Standing:
    case = _closed(office, by=THIRD, approved_by=_AS_LEAD, legal={"clarity": "unclear"})
    return Standing(case, appeal=office.appeal(case))


def _upheld(office: Driver, holder: Person) -> Standing:
    at = _appealed(office, holder)
    office.uphold(FOURTH, at.appeal)
    office.deliver()
    return at


def _erasure_asked(office: Driver, holder: Person) -> Standing:
    at = _refused(office, holder)
    office.ask_erasure(_AS_LEGAL, at.case)
    return at


def _alarmed(office: Driver, holder: Person) -> Standing:
    """An alert has not reached anybody yet: it keeps nothing from being erased."""
    at = _erasure_asked(office, holder)
    office.alarm(_AS_LEAD, at.case)
    return at


def _letter_waits(office: Driver, holder: Person) -> Standing:
    """A letter that cancels the order waits for a second person."""
    at = _erasure_asked(office, holder)
    office.enter_cancellation(_AS_LEAD, at.case)
    return at


def _erased(office: Driver, holder: Person) -> Standing:
    at = _erasure_asked(office, holder)
    office.erase(FOURTH, at.case)
    return at


def _suspension_recorded(office: Driver, holder: Person) -> Standing:
    at = _queued(office, holder)
    office.suspend(_AS_LEAD, at.case)
    return at


def _suspended(office: Driver, holder: Person) -> Standing:
    at = _suspension_recorded(office, holder)
    office.confirm_suspension(FOURTH, at.case)
    return at


def _contested(office: Driver, holder: Person) -> Standing:
    at = _refused(office, holder)
    office.contest(_AS_LEAD, at.case)
    return at


def _held(office: Driver, holder: Person) -> Standing:
    at = _refused(office, holder)
    office.hold(_AS_LEGAL, at.case)
    return at


def _letter(office: Driver, holder: Person) -> Standing:
    at = _queued(office, holder)
    return replace(at, letter=office.enter_cancellation(FIRST, at.case))


def _letter_afterwards(office: Driver, holder: Person) -> Standing:
    at = _with_a_measure(office, holder)
    return replace(at, letter=office.enter_cancellation(FIRST, at.case))


def _demand(office: Driver, _holder: Person) -> Standing:
    told = office.push("notice.issued", {**office.notice(), "user_data_request": "who wrote this"})
    return Standing(told["case_reference"])


def _claimed_demand(office: Driver, holder: Person) -> Standing:
    at = _demand(office, holder)
    return replace(at, token=office.claim(replace(holder, role="legal"), at.case))


def _parked(office: Driver, holder: Person) -> Standing:
    office.regulator_refuses()
    at = _queued(office, holder)
    office.deliver()
    return replace(at, message=office.messages(at.case, "acknowledgement")[0]["message"])


def _by_hand(office: Driver, _holder: Person) -> Standing:
    case = office.enter(FIRST, 1)
    office.authenticate(FOURTH, case)
    _decided(office, case)
    _carry_out(office)
    return Standing(case, message=office.messages(case, "report")[0]["message"])


def _asked_by_hand(office: Driver, holder: Person) -> Standing:
    at = _claimed_typed(office, FIRST)
    question = office.ask(FIRST, at.case, at.token)
    office.deliver()
    return replace(at, message=question, question=question)


def _beset(make: Callable[[Driver, Person], Standing]) -> Callable[[Driver, Person], Standing]:
    """What can be beside a case in any state, all at once: an order that suspends, a contest, a hold, a letter."""

    def made(office: Driver, holder: Person) -> Standing:
        at = make(office, holder)
        office.suspend(_AS_LEAD, at.case)
        office.contest(_AS_LEAD, at.case)
        office.hold(_AS_LEGAL, at.case)
        return replace(at, letter=office.enter_cancellation(FIRST, at.case))

    return made


def _withheld(office: Driver, holder: Person) -> Standing:
    """What was decided alone, and has not begun, waits for a second person once the order is suspended."""
    at = _beset(_in_the_window)(office, holder)
    return replace(at, digest=office.digest(at.case))


def _untold(office: Driver, _holder: Person) -> Standing:
    office.users_are_out_of_reach()
    return Standing(_closed(office))


def _row(name: str, state: str, make: Callable[[Driver, Person], Standing], has: str = "", did: str = "") -> Scene:
    """`has` and `did` are lists with commas. What is usable has items, until an erasure a notice as well."""
    things = set(filter(None, has.split(", ")))
    if state != "quarantined" and "unusable" not in things:
        things |= {"item"} if "erased" in things else {"item", "notice"}
    return Scene(name, state, make, frozenset(things), frozenset(filter(None, did.split(", "))))


_TYPED = "typed in, unverified"
_BESET = "suspension, unconfirmed, contest, hold, letter"
_DID = "recorded the suspension, typed the letter in"
SCENES: Mapping[str, Scene] = {
    scene.name: scene
    for scene in (
        _row("quarantined", "quarantined", _quarantined),
        _row("quarantine settled", "closed", _settled, "unusable"),
        _row("queued", "queued", _queued),
        _row("typed in", "queued", _typed, "typed in, unverified", "typed it in"),
        _row("typed in, claimed", "claimed", _claimed_typed, "typed in, unverified", "typed it in"),
        _row("claimed", "claimed", _claimed),
        _row("claimed, for lawyers", "claimed", _claimed_for_lawyers, "a lawyer needed"),
        _row("claimed, instructed", "claimed", _instructed, "instruction"),
        _row("in approval", "in_approval", _proposed, "proposal", "proposed"),
        _row("in approval, for lawyers", "in_approval", _proposed_for_lawyers, "proposal, a lawyer needed", "proposed"),
        _row("awaiting an answer", "awaiting_answer", _asked),
        _row("in the undo window", "decided", _in_the_window, "undo"),
        _row("stuck", "decided", _stuck, "measure, settled in part"),
        _row("enforced", "enforced", _enforced, "measure"),
        _row("closed", "closed", _with_a_measure, "measure"),
        _row("closed, copy over", "closed", _copy_over, "measure, copy"),
        _row("closed, refused", "closed", _refused),
        _row("lifting", "lifting", _lifting, "measure"),
        _row("lifting fails", "lifting", _lifting_fails, "measure, a lifting that failed"),
        _row("lifted", "lifted", _lifted),
        _row("cancelled", "cancelled", _cancelled, "fallen"),
        _row("cancelled, remedied", "cancelled", _remedied),
        _row("appealed", "closed", _appealed, "measure, appeal, open appeal", "decided first"),
        _row("appealed, approver", "closed", _appealed_to_approver, "measure, appeal, open appeal", "decided first"),
        _row("upheld", "closed", _upheld, "measure, appeal", "decided first"),
        _row(
            "reopened, appealed",
            "queued",
            _reopened,
            "measure, appeal, open appeal, decided anew",
            "decided first",
        ),
        _row("erasure asked", "closed", _erasure_asked, "erasure asked", "asked for the erasure"),
        _row("erasure asked, alarm", "closed", _alarmed, "erasure asked", "asked for the erasure"),
        _row("erasure asked, letter", "closed", _letter_waits, "erasure asked, under way", "asked for the erasure"),
        _row("erased", "closed", _erased, "erased"),
        _row(
            "suspension recorded",
            "queued",
            _suspension_recorded,
            "suspension, unconfirmed",
            "recorded the suspension",
        ),
        _row("suspended", "queued", _suspended, "suspension", "recorded the suspension"),
        _row("contested", "closed", _contested, "contest"),
        _row("held", "closed", _held, "hold"),
        _row("letter", "queued", _letter, "letter", "typed the letter in"),
        _row("letter afterwards", "closed", _letter_afterwards, "measure, letter", "typed the letter in"),
        _row("demand", "queued", _demand, "demand"),
        _row("demand, claimed", "claimed", _claimed_demand, "demand"),
        _row("parked", "queued", _parked, "message, parked"),
        _row("by hand", "enforced", _by_hand, "typed in, measure, message, to deliver", "typed it in"),
        _row("untold", "closed", _untold, "measure, untold"),
        _row("asked by hand", "awaiting_answer", _asked_by_hand, f"{_TYPED}, message, to deliver", "typed it in"),
        _row("claimed, beset", "claimed", _beset(_claimed), _BESET, _DID),
        _row("in approval, beset", "in_approval", _beset(_proposed), f"{_BESET}, proposal", f"{_DID}, proposed"),
        _row("awaiting an answer, beset", "awaiting_answer", _beset(_asked), _BESET, _DID),
        _row("withheld, beset", "in_approval", _withheld, f"{_BESET}, proposal", f"{_DID}, proposed"),
        _row("enforced, beset", "enforced", _beset(_enforced), f"{_BESET}, measure", _DID),
        _row("lifting, beset", "lifting", _beset(_lifting), f"{_BESET}, measure", _DID),
        _row("lifted, beset", "lifted", _beset(_lifted), _BESET, _DID),
        _row("closed, beset", "closed", _beset(_with_a_measure), f"{_BESET}, measure", _DID),
        _row("cancelled, beset", "cancelled", _beset(_cancelled), f"{_BESET}, fallen", _DID),
    )
}


class Shelf:
    """The files of the scenes, each made when it is first asked for, by whichever process of a run that is: `made` is
    the folder of all of them, `folder` that of this one's copies."""

    def __init__(self, folder: Path, made: Path) -> None:
        self.folder, self.made = folder, made
        self._copies = 0

    def open(self, name: str, holder: Person, *, can_look: bool = False, late: bool = False) -> tuple[Driver, Standing]:
        """A desk over a copy of a scene of its own, a minute after it was made; `late`: when any lease is over."""
        source, at = self._scene(name, holder)
        self._copies += 1
        copy = self.folder / f"{self._copies}.sqlite3"
        shutil.copy(source, copy)
        office = Driver(self.folder, name=copy.name, can_look=can_look, undo_window_s=WINDOW_S)
        office.wait(at.at - office.clock() + (LEASE_OVER_S if late else 60))
        return office, at

    def _scene(self, name: str, holder: Person) -> tuple[Path, Standing]:
        """The file of a scene, and what a person finds in it."""
        called = f"{name} {holder.id if SCENES[name].state == 'claimed' else ''}".strip()
        source, told = self.made / f"{called}.sqlite3", self.made / f"{called}.json"
        with (self.made / f"{called}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not told.exists():
                told.write_bytes(msgspec.json.encode(self._make(name, holder, source.name)))
        return source, msgspec.json.decode(told.read_bytes(), type=Standing)

    def _begun(self) -> Path:
        """An office that has decided something: none is as new as that. Whoever calls holds a lock of its own scene, so
        that two may make it at once: the one that comes later stays."""
        begun = self.made / "begun.sqlite3"
        if not begun.exists():
            office = Driver(self.folder, name=begun.name, undo_window_s=WINDOW_S)
            # Another start and another message than those of the scenes, whose ids would be the same.
            office.stop()
            office.start()
            told = office.push("notice.issued", office.notice(900), "msg-begun")
            office.decide(told["case_reference"], "none", by=FOURTH)
            office.deliver()
            office.stop()
            office.path.replace(begun)
        return begun

    def _make(self, name: str, holder: Person, file: str) -> Standing:
        shutil.copy(self._begun(), self.made / file)
        office = Driver(self.made, name=file, undo_window_s=WINDOW_S)
        at = SCENES[name].make(office, holder)
        at = replace(at, at=office.clock(), events=len(office.history(at.case)), fingerprint=office.fingerprint())
        office.stop()
        return at

    def close(self, office: Driver) -> None:
        """End it and throw its files away."""
        office.stop()
        for file in self.folder.glob(f"{office.path.name}*"):
            file.unlink()
