"""The escalation ladder: every step fires once, in whatever pieces the watcher cuts the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.domain.clock import (
    After,
    Before,
    Ladder,
    Repeat,
    Step,
    StepDue,
    first_watch_at,
    merged,
    next_step_at,
    steps_due,
)
from kz_compliance_sdk.domain.policy import AUDIENCES, OnlyIf, kz_policy
from kz_compliance_sdk.errors import InvalidInput
from tests.chance import examples

H = 3600
RECEIVED = 1_772_442_000
DUE = RECEIVED + 24 * H
LADDER = kz_policy().ladder

SEEDED = settings(max_examples=examples(200))


def ids(steps: tuple[StepDue, ...]) -> list[str]:
    return [step.id for step in steps]


def due_between(since: int, now: int, *, unclaimed: bool = True, requested: int | None = None) -> list[str]:
    return ids(
        steps_due(
            LADDER,
            received_at=RECEIVED,
            due_at=DUE,
            requested_due_at=requested,
            since=since,
            now=now,
            unclaimed=unclaimed,
        )
    )


# ----------------------------------------------------------------------------------------- exact times


@pytest.mark.parametrize(
    ("at", "fires"),
    [
        (RECEIVED + 1 * H, "due.unclaimed_1h"),
        (DUE - 12 * H, "due.before_12h"),
        (DUE - 6 * H, "due.before_6h"),
        (DUE - 2 * H, "due.before_2h"),
        (DUE - 1800, "due.before_30m"),
        (DUE, "due.due"),
        (DUE + 1 * H, "due.overdue.1"),
        (DUE + 2 * H, "due.overdue.2"),
        (DUE + 1000 * H, "due.overdue.1000"),
    ],
)
def test_each_step_of_the_default_ladder_has_its_second(at: int, fires: str) -> None:
    assert due_between(at, at) == [fires]
    assert due_between(at - 1, at - 1) == []
    assert due_between(at + 1, at + 1) == []
    assert next_step_at(LADDER, received_at=RECEIVED, due_at=DUE, after=at - 1) == at
    assert next_step_at(LADDER, received_at=RECEIVED, due_at=DUE, after=at) > at


def test_the_default_ladder_widens_and_grows_louder() -> None:
    severities = [step.severity for step in LADDER]
    assert severities == sorted(set(severities))
    for earlier, later in pairwise(LADDER):
        assert set(earlier.audience) <= set(later.audience)
    assert LADDER[0].audience == ("moderator",)
    assert LADDER[-1].audience == AUDIENCES


def test_a_claimed_case_is_not_paged_as_unclaimed() -> None:
    assert due_between(RECEIVED, RECEIVED + 2 * H, unclaimed=True) == ["due.unclaimed_1h"]
    assert due_between(RECEIVED, RECEIVED + 2 * H, unclaimed=False) == []


def test_steps_that_are_past_become_one_page_to_the_widest_audience() -> None:
    page = merged(steps_due(LADDER, received_at=RECEIVED, due_at=DUE, since=RECEIVED, now=DUE - H, unclaimed=True))
    assert page is not None
    assert page.merged_ids == ("due.unclaimed_1h", "due.before_12h", "due.before_6h", "due.before_2h")
    assert (page.lead.id, page.severity, page.audience) == ("due.before_2h", 40, ("moderator", "lead"))


def test_the_audience_of_a_page_is_that_of_all_its_steps() -> None:
    ladder = (
        Step(id="loud", when=After(after_s=1), audience=("moderator",), severity=9),
        Step(id="wide", when=After(after_s=2), audience=("head", "lead"), severity=1),
        Step(id="on", when=Repeat(every_s=60), audience=("head",), severity=1),
    )
    page = merged(steps_due(ladder, received_at=0, due_at=100, since=0, now=50, unclaimed=False))
    assert page is not None
    assert (page.lead.id, page.severity, page.audience) == ("due.loud", 9, AUDIENCES)


def test_nothing_due_is_no_page() -> None:
    assert merged(()) is None


def test_a_watcher_that_was_away_for_a_week_pages_once_with_one_round_of_the_repeat() -> None:
    fired = due_between(RECEIVED, DUE + 7 * 24 * H + 5)
    assert fired[-1] == "due.overdue.168"
    assert sum("overdue" in name for name in fired) == 1


@pytest.mark.parametrize("term_h", [1, 3])
def test_a_term_shorter_than_the_ladder_pages_on_arrival(term_h: int) -> None:
    due = RECEIVED + term_h * H
    watch = first_watch_at(LADDER, received_at=RECEIVED, due_at=due)
    assert watch == due - 12 * H
    fired = ids(steps_due(LADDER, received_at=RECEIVED, due_at=due, since=watch, now=RECEIVED, unclaimed=True))
    assert fired == ["due.before_12h", "due.before_6h", "due.before_2h"][: 3 if term_h == 1 else 2]


def test_a_ladder_without_a_repeat_says_so() -> None:
    ladder = (Step(id="once", when=Before(before_s=0), audience=("lead",), severity=1),)
    with pytest.raises(InvalidInput, match="repeat"):
        next_step_at(ladder, received_at=0, due_at=10, after=10)


# ---------------------------------------------------------------------------------- the requested clock


def test_a_shorter_time_asked_for_has_its_own_steps_beside_the_statutory_ones() -> None:
    requested = RECEIVED + 10 * H
    assert due_between(RECEIVED, DUE, requested=requested) == [
        "due.unclaimed_1h",
        "requested.before_6h",
        "requested.before_2h",
        "requested.before_30m",
        "requested.due",
        "due.before_12h",
        "due.before_6h",
        "due.before_2h",
        "requested.overdue.13",
        "due.before_30m",
        "due.due",
    ]
    assert first_watch_at(LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested) == requested - 12 * H


def test_a_time_asked_for_that_is_past_on_arrival_pages_at_once() -> None:
    requested = RECEIVED - 60
    watch = first_watch_at(LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested)
    fired = steps_due(
        LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested, since=watch, now=RECEIVED, unclaimed=True
    )
    page = merged(fired)
    assert page is not None
    assert page.lead.id == "requested.due"
    assert page.audience == AUDIENCES


def test_only_the_statutory_clock_repeats_once_the_case_is_overdue() -> None:
    requested = DUE - 10 * H - 60
    assert due_between(DUE - 2 * H, DUE - 1, requested=requested)[-1] == "requested.overdue.10"
    assert due_between(DUE + 1, DUE + 5 * H, requested=requested) == ["due.overdue.5"]


def test_a_time_that_an_amendment_shortens_pages_for_what_is_past_on_the_new_clock() -> None:
    """The rule for amendments in the module's docstring."""
    now, requested = RECEIVED + 14 * H, RECEIVED + 15 * H
    watch = first_watch_at(LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested)
    steps = steps_due(
        LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested, since=watch, now=now, unclaimed=True
    )
    assert ids(tuple(step for step in steps if step.clock == "requested")) == [
        "requested.before_12h",
        "requested.before_6h",
        "requested.before_2h",
    ]
    assert next_step_at(LADDER, received_at=RECEIVED, due_at=DUE, requested_due_at=requested, after=now) == now + H // 2


@pytest.mark.parametrize("requested", [DUE, DUE + 1, DUE + 30 * 24 * H])
def test_a_time_asked_for_that_is_not_shorter_has_no_steps(requested: int) -> None:
    for since in range(RECEIVED, DUE + 48 * H, 1800):
        assert due_between(since, since + 1800, requested=requested) == due_between(since, since + 1800)


# -------------------------------------------------------------------------- every partition of the time


@dataclass(frozen=True)
class Run:
    """A case, and the moments at which somebody ran the watcher."""

    ladder: Ladder
    received_at: int
    due_at: int
    requested_due_at: int | None
    watches: tuple[int, ...]


@st.composite
def runs(draw: st.DrawFn) -> Run:
    whens = st.one_of(
        st.integers(0, 60).map(lambda s: After(after_s=s)),
        st.integers(0, 60).map(lambda s: Before(before_s=s)),
        st.integers(1, 25).map(lambda s: Repeat(every_s=s)),
    )
    drawn = [*draw(st.lists(whens, max_size=5)), Repeat(every_s=draw(st.integers(1, 25)))]
    only_if: OnlyIf = "open"
    ladder = tuple(
        Step(id=f"s{number}", when=when, only_if=only_if, audience=("lead",), severity=1 + number)
        for number, when in enumerate(drawn)
    )
    received = draw(st.integers(0, 50))
    due = received + draw(st.integers(1, 100))
    requested = draw(st.none() | st.integers(received - 40, due + 40))
    watches = draw(st.lists(st.integers(received, due + 120), min_size=1, max_size=25))
    return Run(ladder, received, due, requested, tuple(sorted(watches)))


def watched(run: Run, *, first: int | None = None, slip: int = 0, keep: bool = False) -> list[tuple[int, str]]:
    """What a watcher fires, as (when it ran, what fired). `slip` and `keep` break it for the controls."""
    clock = {"received_at": run.received_at, "due_at": run.due_at}
    watch_at = first_watch_at(run.ladder, requested_due_at=run.requested_due_at, **clock) if first is None else first
    fired: list[tuple[int, str]] = []
    for now in run.watches:
        if watch_at > now:
            continue
        steps = steps_due(
            run.ladder, requested_due_at=run.requested_due_at, since=watch_at + slip, now=now, unclaimed=True, **clock
        )
        fired += [(now, step.id) for step in steps]
        if not keep:
            watch_at = next_step_at(run.ladder, requested_due_at=run.requested_due_at, after=now, **clock)
    return fired


def listed(run: Run) -> list[tuple[int, str]]:
    """The same by brute force: every step of every clock written out, each given to the first watch that is late
    enough, and of a repeat's rounds in one watch only the last."""
    last = run.watches[-1]
    times: list[tuple[int, str, str]] = []
    for step in run.ladder:
        when = step.when
        if isinstance(when, After):
            times.append((run.received_at + when.after_s, f"due.{step.id}", ""))
        elif isinstance(when, Before):
            times.append((run.due_at - when.before_s, f"due.{step.id}", ""))
        else:
            times += [
                (run.due_at + number * when.every_s, f"due.{step.id}.{number}", f"due.{step.id}")
                for number in range(1, last + 2)
            ]
        if run.requested_due_at is None or run.requested_due_at >= run.due_at or isinstance(when, After):
            continue
        if isinstance(when, Before):
            times.append((run.requested_due_at - when.before_s, f"requested.{step.id}", ""))
        else:
            rounds = ((n, run.requested_due_at + n * when.every_s) for n in range(1, last + 100))
            times += [(at, f"requested.{step.id}.{n}", f"requested.{step.id}") for n, at in rounds if at < run.due_at]
    fired: dict[tuple[int, str], tuple[int, str]] = {}
    for at, name, repeat in sorted(times):
        now = next((now for now in run.watches if now >= at), None)
        if now is not None:
            fired[now, repeat or name] = (now, name)
    return list(fired.values())


def wrong(run: Run, watcher: Callable[[Run], list[tuple[int, str]]]) -> bool:
    return Counter(watcher(run)) != Counter(listed(run))


@pytest.mark.slow
@SEEDED
@given(run=runs())
def test_every_step_fires_once_in_the_first_watch_that_is_late_enough(run: Run) -> None:
    assert not wrong(run, watched)


@SEEDED
@given(run=runs())
@pytest.mark.slow
def test_nothing_fires_twice(run: Run) -> None:
    assert [name for name, times in Counter(name for _, name in watched(run)).items() if times > 1] == []


@SEEDED
@given(run=runs(), after=st.integers(-100, 400))
@pytest.mark.slow
def test_the_next_step_is_the_first_one_that_a_watch_each_second_would_find(run: Run, after: int) -> None:
    clock = {"received_at": run.received_at, "due_at": run.due_at}
    found = next_step_at(run.ladder, requested_due_at=run.requested_due_at, after=after, **clock)

    def some(second: int) -> bool:
        return bool(
            steps_due(
                run.ladder, requested_due_at=run.requested_due_at, since=second, now=second, unclaimed=True, **clock
            )
        )

    assert found == next(second for second in range(after + 1, after + 800) if some(second))


@pytest.mark.parametrize(
    "broken",
    [
        lambda run: watched(run, slip=1),  # the step at the very second of watch_at is lost
        lambda run: watched(run, slip=-1),  # a step that another watch has fired comes again
        lambda run: watched(run, keep=True),  # watch_at is not moved on
        lambda run: watched(run, first=run.received_at),  # what is past on arrival is lost
    ],
    ids=["late since", "early since", "since kept", "since receipt"],
)
def test_a_broken_watcher_is_found(broken: Callable[[Run], list[tuple[int, str]]]) -> None:
    """The control: were one of these not found, the tests above would prove nothing."""
    thorough = settings(SEEDED, max_examples=20_000, phases=[Phase.generate])
    example = find(runs(), lambda run: wrong(run, broken), settings=thorough, random=Random(5))
    assert not wrong(example, watched)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("held", "given_to_it"),
    [
        (test_every_step_fires_once_in_the_first_watch_that_is_late_enough, {"run": runs()}),
        (test_nothing_fires_twice, {"run": runs()}),
        (
            test_the_next_step_is_the_first_one_that_a_watch_each_second_would_find,
            {"run": runs(), "after": st.integers(-100, 400)},
        ),
    ],
    ids=["first watch", "once", "next step"],
)
def test_the_same_holds_for_many_more_runs(held: Any, given_to_it: dict[str, Any]) -> None:
    inner = held.hypothesis.inner_test
    settings(SEEDED, max_examples=1_000)(given(**given_to_it)(inner))()
