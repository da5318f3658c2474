"""Model and library take the same steps and stand where the other stands; and each control sees that this can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.model import authority, cases, people
from tests.model.draw import Step
from tests.model.play import play, shrink

STEPS = 25
# What several hundred sequences must reach, and how many of 400 at least.
DEEP = {
    "decided by two": 120,
    "reported": 90,
    "undone": 50,
    "sent back": 30,
    "suspended while it ran": 30,
    "two steps at once": 30,
    "amended after its end": 20,
    "reported more than once": 20,
    "amended after enforcement": 15,
    "lifted": 15,
    "withheld": 20,
    "appeal reversed": 12,
    "letter vouched for": 10,
    "reopened": 10,
    "lifted by a cancellation": 10,
    "fell, and stays": 8,
    "question answered": 6,
    "appeal taken back": 4,
    "letter of ours delivered": 4,
    "overdue": 4,
    "undone beside what fell": 3,
    "reopened though it fell": 3,
    "appeal upheld": 3,
    "suspension ended by a person": 3,
}

DECIDED: list[Step] = [("issue", "A"), ("claim", "m1", "A"), ("propose", "m1", "A", "remove")]
IN_FORCE: list[Step] = [*DECIDED, ("wait", 61), ("deliver",)]
BY_ONE_ACCOUNT: list[Step] = [*DECIDED[:2], ("propose", "m1", "A", "abroad"), ("approve", "lead2", "A")]
ESCALATED: list[Step] = [("issue", "A"), ("wait", 46800), ("amend", "A", "same"), ("watch",), ("deliver",)]


def _play(seeds: range) -> Counter[str]:
    deep = Counter[str]()
    for seed in seeds:
        played = play(seed, STEPS)
        assert played.difference is None, str(shrink(played.difference, STEPS))
        deep.update(played.deep)
    return deep


def test_some_sequences_end_alike() -> None:
    deep = _play(range(1, 8))
    assert {"decided by two", "undone", "reported", "lifted", "suspended while it ran"} <= set(deep)


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


WRONG_RULES: list[tuple[str, Any, str, Callable[..., Any], list[Step]]] = [
    ("an amendment restarts the clock", authority, "_plan_anew", _clock_anew, ESCALATED),
    ("an expired lease is honoured", people, "lease", _anybody, [*DECIDED[:2], ("wait", 901), DECIDED[2]]),
    ("nothing is withheld", people, "withhold", lambda *_: None, [*DECIDED, ("suspend", "head", "A", 0, None)]),
    ("two people behind one account are two persons", people, "other", _other_id, BY_ONE_ACCOUNT),
    ("nothing is lifted", authority, "_fall", lambda *_: "", [*IN_FORCE, ("cancel", "A", "withdrawn", None)]),
]


@pytest.mark.parametrize(("name", "place", "rule", "wrong", "steps"), WRONG_RULES, ids=[one[0] for one in WRONG_RULES])
def test_control_a_model_that_is_wrong_in_one_rule_differs(
    monkeypatch: pytest.MonkeyPatch, name: str, place: Any, rule: str, wrong: Callable[..., Any], steps: list[Step]
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
    ],
    ids=["leases that last too long", "no undo window", "another time to lift"],
)
def test_control_a_library_that_is_wrong_in_one_rule_differs(policy: dict[str, Any], steps: list[Step]) -> None:
    assert play(1, STEPS, steps).difference is None
    found = play(1, STEPS, steps, **policy).difference
    assert found is not None


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
