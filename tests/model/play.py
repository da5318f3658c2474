"""One sequence, played by the model and by the library side by side, and what differs."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kz_compliance_sdk.errors import ComplianceError
from tests import driver
from tests.driver import Driver, Person
from tests.model import authority, keeping, letters, machine, people
from tests.model.cases import DAY, ENDED, Case, Letter, Office, Spec
from tests.model.draw import Step, draw, drawn, specs

_MEMORY = Path("/dev/shm")  # files that need not outlive a sequence
FLAGS = frozenset(
    "amended clarified cancelled_withdrawn cancelled_annulled cancelled_remedied effect_missing cancels_unknown_item "
    "contested suspended suspension_unconfirmed cancellation_unverified instruction_recorded report_rejected "
    "withheld amendment_unverified answer_unverified erased_case".split()
)
NEEDS = {"outcome": "clarification_needed", "statement_of_reasons": [{"lang": "ru", "text": "Что именно?"}]}
PERSONS = {name: Person(name, role, people.ACCOUNTS[name]) for name, role in people.ROLES.items()}


@dataclass
class Difference:
    """Where the two went apart: after which step, and what each of them says."""

    seed: int
    steps: list[Step]
    where: str
    model: Any
    library: Any

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, after {len(self.steps)} steps: {self.where}"]
        lines += [f"    model:   {self.model}", f"    library: {self.library}"]
        return "\n".join([*lines, *(f"    {step!r}," for step in self.steps)])


def _issued_items(items: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"item_id": name, "account_ref": target.removeprefix("account:"), "content_type": "account"}
        if target.startswith("account:")
        else {
            "item_id": name,
            "url": f"https://social.example/p/{target.removeprefix('post:')}",
            "object_id": target,
            "content_type": "post",
        }
        for name, target in items.items()
    ]


def amended_items(office: Office, letter: str, how: str) -> dict[str, str]:
    """What the next revision names: the same, an item less, or another one beside it."""
    items = {name: item.target for name, item in office.cases[letter].items.items()}
    if how == "drop" and len(items) > 1:
        items.pop("2", None)
    if how == "add":
        items["3"] = "post:u"
    return items


def named_items(office: Office, letter: str, named: tuple[str, ...] | None) -> dict[str, str] | None:
    """What an answer names anew: items that are there, about the same objects, or another one beside them."""
    if named is None:
        return None
    case = office.cases[letter]
    return {name: case.items[name].target if name in case.items else "post:u" for name in named}


def _take_letter(office: Office, case: Case, one: Letter) -> None:
    if one.kind == "cancellation":
        authority.cancel(office, case, one.effect, one.items, one.at)
    else:
        authority.answer(office, case, one.question, named_items(office, case.spec.letter, one.items))


class NotAccepted(Exception):
    """The library did not take a message in."""


def accepted(answer: dict[str, Any]) -> None:
    """No message of an authority is ever refused that the contract allows."""
    if answer["status"] != 202:
        raise NotAccepted(f"{answer['status']} {answer.get('code')}")


@dataclass
class Side:
    """The library behind its driver, taking the same steps."""

    office: Driver
    notices: dict[str, Spec]
    cases: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)
    letters: dict[str, list[str]] = field(default_factory=dict)
    appeals: list[str] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def notice_id(self, letter: str) -> str:
        return str(self.bodies[letter]["notice_id"])

    def issue(self, letter: str) -> None:
        spec = self.notices[letter]
        deadline = {} if spec.asked_hours is None else {"deadline": {"hours": spec.asked_hours}}
        items = _issued_items(spec.items)
        given = {**self._said(letter), **deadline}
        self.bodies[letter] = self.office.notice(spec.number, items, **given)
        if spec.typed_in:
            self.cases[letter] = self.office.enter(PERSONS["m1"], spec.number, items=items, **given)
        else:
            self.cases[letter] = self.office.issue(spec.number, items, **given)
        self.questions[letter], self.letters[letter] = [], []

    def _said(self, letter: str) -> dict[str, Any]:
        spec = self.notices[letter]
        return {"category": spec.category, "kind": spec.kind, "issued_at": self.office.clock()}

    def claim(self, by: Person, letter: str | None) -> None:
        if letter is not None:
            self.tokens[letter] = self.office.claim(by, self.cases[letter])
            return
        token = self.office.claim(by)
        for name, row in self.standings().items():
            if row["lease"] and row["lease"]["owner"] == by.id and row["lease"]["token"] == token:
                self.tokens[name] = token

    def propose(self, by: Person, letter: str, way: str, said: dict[str, tuple[str, str]]) -> None:
        items: dict[str, dict[str, Any]] = {}
        for name, (action, ground) in said.items():
            items[name] = {"action": action, "reasons": f"what is true of item {name} alone"}
            if way == "needs":
                items[name] |= {"finding": "not_assessed", "wording": NEEDS}
            if action != "none":
                items[name] |= {"ground": ground, "scope": ("*",) if way == "abroad" else ("KZ",)}
        legal = {"unclear": {"clarity": "unclear"}, "contradiction": {"protected_speech": "yes"}}.get(way, {})
        token = self.tokens.get(letter, 0)
        self.digests[letter] = self.office.propose(by, self.cases[letter], token, items=items, legal=legal)

    def amend(self, letter: str, items: dict[str, str]) -> None:
        answer = self.office.amend(self.bodies[letter], items=_issued_items(items))
        accepted(answer)
        self.bodies[letter] = {
            **self.bodies[letter],
            "revision": self.bodies[letter]["revision"] + 1,
            "items": _issued_items(items),
        }

    def enter_amendment(self, by: Person, letter: str, items: dict[str, str]) -> None:
        case, before = self.cases[letter], self.waiting(self.cases[letter])
        given = {**self._said(letter), "revision": self.office.standing(case)["revision"] + 1}
        self.office.enter(by, self.notices[letter].number, items=_issued_items(items), **given)
        self.letters[letter] += [name for name in self.waiting(case) if name not in before]

    def waiting(self, case: str) -> list[str]:
        return [one.message_id for one in self.office.desk.letters_waiting(case)]

    def cancel(self, letter: str, effect: str | None, items: tuple[str, ...] | None) -> None:
        revision = self.bodies[letter]["revision"]
        accepted(self.office.cancel(self.notice_id(letter), effect, items, revision))

    def standings(self) -> dict[str, dict[str, Any]]:
        return {letter: self.office.standing(case) for letter, case in self.cases.items()}


def play_model(office: Office, notices: dict[str, Spec], step: Step) -> set[str]:
    """Take a step in the model; the classes of error with which the library may refuse it, none if it is allowed."""
    name, *given = step
    ended = {letter for letter, case in office.cases.items() if case.state in ENDED}
    try:
        _MODEL[name](office, notices, *given)
    except people.Refused as refused:
        return refused.reasons
    for letter, case in office.cases.items():
        if case.state in ENDED and letter not in ended:
            case.ended_at = office.now
    return set()


def _wait(office: Office, _: dict[str, Spec], seconds: int) -> None:
    office.now += seconds


def _plain(call: Callable[..., None]) -> Callable[..., None]:
    return lambda office, _notices, *given: call(office, *given)


_MODEL: dict[str, Callable[..., None]] = {
    "issue": lambda office, notices, letter: authority.issue(office, notices[letter]),
    "wait": _wait,
    "cancel": lambda office, _, letter, effect, items: authority.cancel(office, office.cases[letter], effect, items),
    "amend": lambda office, _, letter, how: authority.amend(office, letter, amended_items(office, letter, how)),
    "remind": _plain(authority.remind),
    "clarify": lambda office, _, letter, question, named: authority.clarify(
        office, letter, question, named_items(office, letter, named)
    ),
    "deliver": _plain(machine.deliver),
    "watch": _plain(machine.watch),
    "authenticate": lambda office, _, by, letter: letters.authenticate(
        office, by, letter, lambda one: authority.amend(office, letter, one.anew, one.at)
    ),
    "enter_amendment": lambda office, _, by, letter, how: letters.enter_amendment(
        office, by, letter, amended_items(office, letter, how), authority.amend
    ),
    "vouch": lambda office, _, by, letter, number: letters.vouch(
        office, by, letter, number, lambda case, one: _take_letter(office, case, one)
    ),
    "instruct": _plain(people.record_instruction),
    **{
        name: _plain(getattr(place, name))
        for place, names in (
            (people, "claim renew release propose approve send_back undo reopen report_interim ask recall"),
            (people, "correct_receipt contest settle_contest suspend confirm_suspension end_suspension"),
            (people, "appeal withdraw_appeal uphold reverse"),
            (letters, "enter_cancellation enter_answer dismiss record_delivery"),
            (keeping, "retention hold end_hold ask_erasure erase export"),
        )
        for name in names.split()
    },
}


def play_library(side: Side, model: Office, step: Step) -> str:
    """Take a step in the library; the class of error with which it is refused, empty if it is allowed."""
    name, *given = step
    try:
        _take(side, model, name, given)
    except ComplianceError as refused:
        return type(refused).__name__
    except NotAccepted as refused:
        return str(refused)
    return ""


def _take(side: Side, model: Office, name: str, given: list[Any]) -> None:
    desk = side.office
    match name, given:
        case "issue", [letter]:
            side.issue(letter)
        case "wait", [seconds]:
            desk.wait(seconds)
        case "deliver", []:
            desk.deliver()
        case "watch", []:
            desk.watch()
        case "cancel", [letter, effect, items]:
            side.cancel(letter, effect, items)
        case "amend", [letter, how]:
            side.amend(letter, amended_items(model, letter, how))
        case "remind", [letter, level]:
            desk.remind(side.notice_id(letter), level)
        case "retention", []:
            desk.retention()
        case "clarify", [letter, number, named]:
            items = named_items(model, letter, named)
            issued = None if items is None else _issued_items(items)
            accepted(desk.clarify(side.notice_id(letter), side.questions[letter][number], issued))
        case "appeal", [by, letter, item]:
            made = desk.appeal(side.cases[letter], item, PERSONS[by] if by else None)
            side.appeals.append(made)
        case "withdraw_appeal", [by, number]:
            desk.withdraw_appeal(side.appeals[number], PERSONS[by] if by else None)
        case (("uphold" | "reverse"), [by, number]):
            getattr(desk, name)(PERSONS[by], side.appeals[number])
        case _:
            _take_in_case(side, model, name, PERSONS[given[0]], given[1], given[2:])


def _take_in_case(side: Side, model: Office, name: str, by: Person, letter: str | None, more: list[Any]) -> None:
    desk = side.office
    if name == "claim":
        return side.claim(by, letter)
    assert letter is not None
    case, token = side.cases[letter], side.tokens.get(letter, 0)
    match name, more:
        case "propose", [way]:
            side.propose(by, letter, way, people.decisions_of(model.cases[letter], way))
        case (("approve" | "send_back"), []):
            getattr(desk, name)(by, case, side.digests.get(letter, "0" * 64))
        case "record_delivery", []:
            for letter_out in [one for one in desk.messages(case) if one["state"] == "waiting"]:
                desk.record_delivery(by, letter_out["message"])
        case (("renew" | "release"), []):
            getattr(desk, name)(by, case, token)
        case "ask", []:
            side.questions[letter].append(desk.ask(by, case, token))
        case "instruct", []:
            desk.record_instruction(by, case)
        case "enter_cancellation", [effect, items]:
            typed = desk.enter_cancellation(by, case, effect, items)
            side.letters[letter] += [typed] if typed else []
        case "correct_receipt", [ago]:
            desk.correct_receipt(by, case, desk.clock() - ago)
        case "enter_amendment", [how]:
            side.enter_amendment(by, letter, amended_items(model, letter, how))
        case "enter_answer", [question, named]:
            items = named_items(model, letter, named)
            issued = None if items is None else _issued_items(items)
            typed = desk.enter_answer(by, case, side.questions[letter][question], issued)
            side.letters[letter] += [typed] if typed else []
        case "hold", [days]:
            desk.hold(by, case, desk.clock() + days * DAY)
        case (("vouch" | "dismiss"), [number]):
            getattr(desk, name)(by, case, side.letters[letter][number])
        case "reopen", [named]:
            desk.reopen(by, case, named)
        case "suspend", [ago, lasts]:
            now = desk.clock()
            desk.suspend(by, case, now - ago, None if lasts is None else now + lasts)
        case _, _:
            getattr(desk, name)(by, case, *more)
    return None


# ------------------------------------------------------------------------------------------------------- comparing


def expected(office: Office) -> dict[str, Any]:
    """What the model says that the public reads show."""
    now, shown = office.now, {}
    for letter, case in office.cases.items():
        shown[letter] = {
            "state": case.state,
            "revision": case.revision,
            "level": case.level,
            "flags": sorted(case.flags & _flags_of(case.state)),
            "lease": case.owner,
            "due_at": case.due_at(now),
            "unpaused": case.due,
            "requested": case.asked_due,
            "paused": case.paused(now),
            "lift_due": case.lift_due,
            "items": {
                str(item.number) if case.erased else name: (item.status, item.measure)
                for name, item in sorted(case.items.items())
            },
            "erased": case.erased,
            "books": [] if case.spec.typed_in else office.books[letter],
        }
    return {**shown, "objects": office.objects, "told": dict(office.told), "pages": dict(office.pages)}


def _flags_of(state: str) -> frozenset[str]:
    """Nobody watches an ended case: it keeps the flag of a suspension until its next step."""
    return FLAGS - {"suspended"} if state in ENDED else FLAGS


def seen(side: Side) -> dict[str, Any]:
    """What the public reads of the library show."""
    desk, shown = side.office, {}
    letters = {case: letter for letter, case in side.cases.items()}
    for letter, row in side.standings().items():
        clock = row["clock"]
        shown[letter] = {
            "state": row["state"],
            "revision": row["revision"],
            "level": row["level"],
            "flags": sorted(_flags_of(row["state"]).intersection(row["flags"])),
            "lease": row["lease"]["owner"] if row["lease"] else "",
            "due_at": driver.seconds(clock["due_at"]),
            "unpaused": driver.seconds(clock["unpaused_due_at"]),
            "requested": driver.seconds(clock["requested_due_at"]),
            "paused": clock["paused"],
            "lift_due": driver.seconds(row["lift_due_at"]),
            "items": {one["item_id"]: (one["status"], one["measure"] or "") for one in row["item_states"]},
            "erased": row["erased"],
            "books": [
                (one["final"], {item["item_id"]: item["outcome"] for item in one["items"]})
                for one in desk.reports(side.notice_id(letter))
            ],
        }
    told = Counter((letters[one.case_id], one.item_id, one.kind) for one, _ in desk.messenger.told.values())
    pages = Counter((letters.get(one.case_reference, ""), one.reason) for one in desk.pager.alerts)
    for letter in shown:
        pages.pop(
            (letter, "interim_offered"), None
        )  # it is about deliveries that are stuck, of which the model knows nothing
    objects = {key.removeprefix("object:"): what for key, what in desk.platform.effects.items()}
    return {**shown, "objects": objects, "told": dict(told), "pages": dict(pages)}


def first_difference(model: Any, library: Any, where: str = "") -> tuple[str, Any, Any] | None:
    """The first place where the two differ, by name."""
    if model == library:
        return None
    if isinstance(model, dict) and isinstance(library, dict):
        for key in [*model, *(key for key in library if key not in model)]:
            found = first_difference(model.get(key), library.get(key), f"{where}.{key}")
            if found:
                return found
    return where, model, library


@dataclass
class Played:
    """How a sequence went: the steps that were taken, what they reached, and where the two differ, if they do."""

    steps: list[Step]
    deep: set[str]
    difference: Difference | None = None


def play(seed: int, length: int, steps: Sequence[Step] | None = None, **policy: Any) -> Played:
    """Play a sequence of this seed, or these steps. `policy` makes the library another than the model knows."""
    chance, notices = random.Random(f"steps {seed}"), specs(seed)
    wanted = {letter: notices[letter] for letter in drawn(seed)}
    with tempfile.TemporaryDirectory(prefix="model-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        side = Side(Driver(Path(folder), **{"undo_window_s": 60, **policy}), notices)
        office = Office(side.office.clock())
        taken: list[Step] = []
        try:
            for n in range(length if steps is None else len(steps)):
                step = draw(office, chance, wanted) if steps is None else steps[n]
                if not _can(office, step):
                    continue
                taken.append(step)
                found = _one(side, office, notices, step)
                if found:
                    return Played(taken, office.deep, Difference(seed, taken, *found))
        finally:
            side.office.stop()
        return Played(taken, office.deep)


def _can(office: Office, step: Step) -> bool:
    """Whether what a step names is there: in a shortened sequence it may be gone."""
    name, *given = step
    if name in ("uphold", "reverse", "withdraw_appeal"):
        return bool(given[1] < len(office.appeals))
    if name in ("deliver", "watch", "retention", "wait"):
        return True
    if name == "issue":
        return given[0] not in office.cases
    at = 0 if name in ("cancel", "amend", "remind", "clarify") else 1
    letter = given[at]
    if letter is None:
        return True
    if letter not in office.cases:
        return False
    case, last = office.cases[letter], given[at + 1] if len(given) > at + 1 else 0
    there: dict[str, Callable[[], bool]] = {
        "clarify": lambda: last < len(case.questions),
        "enter_answer": lambda: last < len(case.questions),
        "vouch": lambda: last < len(case.letters),
        "dismiss": lambda: last < len(case.letters),
        "confirm_suspension": lambda: last <= len(case.suspensions),
        "end_suspension": lambda: last <= len(case.suspensions),
        "settle_contest": lambda: last <= len(case.contests),
        "enter_amendment": lambda: case.spec.typed_in and not case.erased and not case.amendment_waits(),
        "propose": lambda: len(case.open_items()) > (last == "partial"),
        "record_delivery": lambda: any(one.state == "waiting" for one in case.reports),
        "appeal": lambda: last in case.items,
    }
    return name not in there or there[name]()


def _one(side: Side, office: Office, notices: dict[str, Spec], step: Step) -> tuple[str, Any, Any] | None:
    # The library goes first: what a step names is read from the model as it stands before it.
    came = play_library(side, office, step)
    wanted = play_model(office, notices, step)
    if came not in (wanted or {""}):
        return f"{step[0]}: allowed or refused", sorted(wanted) or "allowed", came or "allowed"
    return first_difference(expected(office), seen(side))


def shrink(found: Difference, length: int) -> Difference:
    """The same difference with fewer steps: drops one at a time for as long as something still differs."""
    best, again = found, True
    while again:
        again = False
        for n in reversed(range(len(best.steps))):
            played = play(best.seed, length, [*best.steps[:n], *best.steps[n + 1 :]])
            if played.difference and len(played.difference.steps) < len(best.steps):
                best, again = played.difference, True
                break
    return best
