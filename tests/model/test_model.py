"""Model and library take the same steps and stand where the other stands; and each control sees that this can fail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.model import authority, cases, keeping, letters, machine, people
from tests.model.draw import Step
from tests.model.play import play, shrink

STEPS = 25
# What several hundred sequences must reach, and how many of 400 at least.
DEEP = {
    "decided by two": 150,
    "reported": 90,
    "undone": 50,
    "two steps at once": 50,
    "overdue": 30,
    "suspended while it ran": 30,
    "sent back": 30,
    "amended after its end": 25,
    "question answered": 20,
    "reported more than once": 20,
    "reopened": 20,
    "answered with items": 15,
    "amended after enforcement": 15,
    "lifted": 15,
    "receipt corrected": 15,
    "letter of ours delivered": 12,
    "appeal reversed": 12,
    "letter vouched for": 10,
    "withheld": 10,
    "lifted by a cancellation": 10,
    "fell, and stays": 8,
    "suspension ended by a person": 5,
    "appeal taken back": 4,
    "kept by what is under way": 4,
    "amended by a letter": 4,
    "erased at its end": 4,
    "erased in force": 4,
    "reopened though it fell": 3,
    "appeal upheld": 3,
    "appeal near its end": 3,
    "appeal overdue": 3,
    "answer vouched for": 3,
    "reported before the rest": 3,
    "a message about an erased case": 3,
    "amended after its erasure": 3,
    "asked whether it is still suspended": 2,
    "erased by two": 2,
    "kept by a contest": 2,
    "a copy need not be kept": 2,
    "kept by a hold": 1,
    "hold ended": 1,
    "contest settled": 1,
    "undone beside what fell": 1,
    "asked for in a decision, and answered": 1,
    "a decision reopened by an answer": 1,
}

YEAR = 365 * cases.DAY
DECIDED: list[Step] = [("issue", "A"), ("claim", "m1", "A"), ("propose", "m1", "A", "remove")]
IN_FORCE: list[Step] = [*DECIDED, ("wait", 61), ("deliver",)]
BY_ONE_ACCOUNT: list[Step] = [*DECIDED[:2], ("propose", "m1", "A", "abroad"), ("approve", "lead2", "A")]
ESCALATED: list[Step] = [("issue", "A"), ("wait", 46800), ("amend", "A", "same"), ("watch",), ("deliver",)]
WORKING: list[Step] = [("wait", 20 * cases.DAY), ("issue", "B")]  # three working days, of which one is a holiday
ENDED: list[Step] = [("issue", "A"), ("claim", "legal", "A"), ("propose", "legal", "A", "refuse"), ("wait", 61)]
ENDED += [("deliver",)]
HELD: list[Step] = [*ENDED, ("hold", "head", "A", 400), ("wait", YEAR), ("retention",)]
BY_ONE: list[Step] = [*ENDED, ("ask_erasure", "head", "A"), ("erase", "head", "A")]
ASKED: list[Step] = [*DECIDED[:2], ("ask", "m1", "A"), ("wait", 3600), ("clarify", "A", 0, ("1",))]
TYPED: list[Step] = [*IN_FORCE, ("enter_cancellation", "m1", "A", "withdrawn", None)]
PARTLY: list[Step] = [("issue", "A"), ("claim", "legal", "A"), ("propose", "legal", "A", "mixed"), ("wait", 61)]
PARTLY += [("report_interim", "lead", "A"), ("deliver",)]
APPEALED: list[Step] = [*IN_FORCE, ("appeal", None, "A", "1"), ("wait", 13 * cases.DAY), ("deliver",)]


def _play(seeds: range) -> Counter[str]:
    deep = Counter[str]()
    for seed in seeds:
        played = play(seed, STEPS)
        assert played.difference is None, str(shrink(played.difference, STEPS))
        deep.update(played.deep)
    return deep


@pytest.mark.slow
def test_some_sequences_end_alike() -> None:
    deep = _play(range(166, 173))
    assert {"decided by two", "undone", "reported", "lifted", "suspended while it ran"} <= set(deep)
    assert {"answered with items", "answer vouched for", "letter vouched for", "erased at its end"} <= set(deep)


@pytest.mark.slow(takes_s=60)
@pytest.mark.usefixtures("remembering")
def test_several_hundred_sequences_end_alike_and_reach_deep() -> None:
    deep = _play(range(1000, 1400))
    missed = {what: (deep[what], least) for what, least in DEEP.items() if deep[what] < least}
    assert not missed, f"reached too seldom (times, at least): {missed}"


@pytest.mark.parametrize("steps", [DECIDED, IN_FORCE, ESCALATED], ids=["decided", "in force", "escalated"])
def test_steps_of_the_controls_end_alike(steps: list[Step]) -> None:
    assert play(1, STEPS, steps).difference is None


def _clock_anew(office: cases.Office, case: cases.Case) -> None:
    case.due = office.now + cases.TERM_S


def _anybody(office: cases.Office, case: cases.Case, by: str) -> tuple[bool, str]:
    return case.state != "claimed", "LeaseLost"


def _other_id(by: str, *first: str) -> tuple[bool, str]:
    return by in first, "NotAllowed"


def _at_once(office: cases.Office, case: cases.Case, letter: cases.Letter) -> None:
    authority.cancel(office, case, letter.effect, letter.items)


LOOK: list[Step] = [("watch",), ("deliver",)]
WRONG_RULES: list[tuple[str, Any, str, Any, list[Step]]] = [
    ("an amendment restarts the clock", authority, "_plan_anew", _clock_anew, ESCALATED),
    ("an expired lease is honoured", people, "lease", _anybody, [*DECIDED[:2], ("wait", 901), DECIDED[2]]),
    ("nothing is withheld", people, "withhold", lambda *_: None, [*DECIDED, ("suspend", "head", "A", 0, None)]),
    ("two people behind one account are two persons", people, "other", _other_id, BY_ONE_ACCOUNT),
    ("nothing is lifted", authority, "_fall", lambda *_: "", [*IN_FORCE, ("cancel", "A", "withdrawn", None)]),
    ("a holiday is worked", cases, "HOLIDAYS", frozenset(), WORKING),
    ("working days count from the receipt", cases, "WORKING_DAYS", 2, WORKING),
    ("a hold holds nothing", keeping, "_is_held", lambda *_: False, HELD),
    ("one person erases", keeping, "other", lambda *_: (False, "NotAllowed"), BY_ONE),
    ("nothing is ever erased", keeping, "_destroy", lambda _: None, [*ENDED, ("wait", YEAR), ("retention",)]),
    ("an answer is a flag", authority, "answer", lambda *_: None, ASKED),
    ("a letter takes effect at once", letters, "_type_in", _at_once, TYPED),
    ("an interim report is final", people, "Report", lambda due, _, items: cases.Report(due, True, items), PARTLY),
    ("nobody minds an appeal", machine, "_alert_to_appeals", lambda _: None, APPEALED),
    ("copies are kept for ever", machine, "_tell_of_copies", lambda *_: None, [*IN_FORCE, ("wait", YEAR), *LOOK]),
]


@pytest.mark.parametrize(("name", "place", "rule", "wrong", "steps"), WRONG_RULES, ids=[one[0] for one in WRONG_RULES])
def test_control_a_model_that_is_wrong_in_one_rule_differs(
    monkeypatch: pytest.MonkeyPatch, name: str, place: Any, rule: str, wrong: Any, steps: list[Step]
) -> None:
    assert play(1, STEPS, steps).difference is None, name
    monkeypatch.setattr(place, rule, wrong)
    assert play(1, STEPS, steps).difference is not None, name


@pytest.mark.parametrize(
    ("policy", "steps"),
    [
        ({"lease_s": 1800}, [*DECIDED[:2], ("wait", 901), ("watch",)]),
        ({"undo_window_s": 0}, [*DECIDED, ("deliver",)]),
        ({"lift_term_s": 1800}, [*IN_FORCE, ("cancel", "A", "withdrawn", None)]),
        ({"preservation_s": 2 * YEAR}, [*IN_FORCE, ("wait", YEAR), *LOOK]),
    ],
    ids=["leases that last too long", "no undo window", "another time to lift", "another time for copies"],
)
def test_control_a_library_that_is_wrong_in_one_rule_differs(policy: dict[str, Any], steps: list[Step]) -> None:
    assert play(1, STEPS, steps).difference is None
    found = play(1, STEPS, steps, **policy).difference
    assert found is not None


@pytest.mark.slow
def test_a_difference_is_told_with_its_seed_and_few_steps() -> None:
    noise: list[Step] = [("remind", "A", 1), ("watch",), ("contest", "lead", "A")]
    found = play(1, STEPS, [*DECIDED[:2], *noise, ("wait", 901), DECIDED[2]]).difference
    assert found is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "lease", _anybody)
        found = play(1, STEPS, [*DECIDED[:2], *noise, ("wait", 901), DECIDED[2]]).difference
        assert found is not None
        short = shrink(found, STEPS)
    assert short.steps == [*DECIDED[:2], ("wait", 901), DECIDED[2]]
    assert str(short).startswith("seed 1, after 4 steps: propose: allowed or refused")
