"""A pytest that collects its tests and runs none: for each change a child is forked that runs those which cover it."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.children import ChildFailed, Ended, in_children, run_until_one_fails
from tests.mutation.covering import Covering, Kept, Tree, covering
from tests.mutation.mutants import Mutant, draw, of_packages
from tests.mutation.swap import Functions, caches, loaded, swap
from tests.mutation.verdicts import Verdict, Verdicts

MARKS = {"quick": "not slow", "slow": "slow"}
# About a fifth survives and runs all of its tests; most others fail in one of the first.
_SURVIVING, _SOON_S, _FORK_S = 0.2, 2.0, 0.3
_TIMES = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is asked to do."""

    packages: Sequence[str]
    seed: int
    count: int
    jobs: int
    part: str
    patience_s: float
    keys: Sequence[str] = ()
    tests: Sequence[str] = ()


@dataclass(slots=True)
class Outcome:
    """The changes that were drawn and what is known of each; tests that cannot tell; how many lines are covered."""

    verdicts: dict[Mutant, Verdict] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)
    covered: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    """Tests to run, with the change, or without one as a control."""

    mutant: Mutant | None
    tests: list[str]


class Run:
    """The plugin: pytest hands it what was collected."""

    def __init__(self, tree: Tree, state: Path, wish: Wish, say: Callable[[str], None]) -> None:
        self._tree, self._state, self._wish, self._say = tree, state, wish, say
        self._items: dict[str, pytest.Item] = {}
        self._functions: Functions = {}
        self._caches: list[Any] = []
        self._sound: dict[str, bool] = {}
        self._room = state
        self._digest = " ".join((tree.digest(), *wish.tests))
        self.outcome: Outcome | None = None
        self.fault = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            self.fault = "a file of tests could not be collected"
            return True
        self._items = {item.nodeid: item for item in session.items}
        self._functions = loaded(self._tree.code)
        self._caches = caches(self._tree.package, self._tree.tests)
        with tempfile.TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"), prefix="mutation-") as room:
            self._room = Path(room)
            try:
                self.outcome = self._run()
            except ChildFailed as fault:
                self.fault = str(fault)
        return True

    def _run(self) -> Outcome:
        known = self._covering()
        drawn, outcome = self._draw(known)
        verdicts = Verdicts(self._state / "verdicts.jsonl", self._digest)
        asked = drawn
        if self._wish.part == "slow":
            quick = [verdicts.of(one, "quick") for one in drawn]
            if None in quick or not drawn:
                raise ChildFailed("the slow tests try what survives the quick ones: run without --slow first")
            asked = [one for one, verdict in zip(drawn, quick, strict=True) if verdict and verdict.survived]
        waiting = [one for one in asked if verdicts.of(one, self._wish.part) is None]
        self._say(f"{len(drawn)} changes, {len(waiting)} to try, {len(asked) - len(waiting)} known from an earlier run")
        tasks = [_Task(one, verdicts.likely_first(one, known.of(one.path, one.line))) for one in waiting]
        for verdict in self._try(tasks, known):
            verdicts.add(verdict)
        outcome.verdicts = {one: found for one in drawn if (found := verdicts.last(one)) is not None}
        outcome.unfit = [*known.unfit, *(test for test, sound in self._sound.items() if not sound)]
        return outcome

    def _kept(self, part: str) -> Path:
        return self._state / f"covering-{part}.json"

    def _covering(self) -> Covering:
        return covering(
            self._tree,
            list(self._items.values()),
            self._kept(self._wish.part),
            jobs=self._wish.jobs,
            room=self._room,
            say=self._say,
        )

    def _draw(self, known: Covering) -> tuple[list[Mutant], Outcome]:
        """Draw among the lines that the quick part covers, whichever part is run."""
        covered = (
            known if self._wish.part == "quick" else Kept(self._kept("quick"), self._tree.root).covering()
        ).lines()
        candidates = of_packages(self._tree.code, self._wish.packages)
        reached = [one for one in candidates if covered.get(one.path, 0) >> one.line & 1]
        outcome = Outcome(covered=len({one.where for one in reached}), lines=len({one.where for one in candidates}))
        if self._wish.keys:
            return [one for one in reached if one.key in self._wish.keys], outcome
        return draw(reached, self._wish.seed, self._wish.count), outcome

    def _try(self, tasks: Sequence[_Task], known: Covering) -> Iterator[Verdict]:
        seconds = {name: test.seconds for name, test in known.passed.items()}
        patience = self._wish.patience_s
        for name, took in seconds.items():
            self._items[name].add_marker(pytest.mark.timeout(patience + _TIMES * took), append=False)

        def limited(task: _Task) -> tuple[_Task, float]:
            # Each test has a limit of its own; this one is for what no signal stops.
            return task, 3 * patience + _TIMES * sum(seconds[test] for test in task.tests)

        self._foretell([sum(seconds[test] for test in task.tests) for task in tasks])
        waiting = deque(map(limited, tasks))
        started, tried = time.monotonic(), 0
        for ended in self._children(waiting, self._wish.jobs):
            verdict = self._verdict(ended)
            if verdict.killed_by is not None and not self._is_sound(limited(_Task(None, [verdict.killed_by]))):
                others = [test for test in ended.task.tests if test != verdict.killed_by]
                waiting.append(limited(_Task(ended.task.mutant, others)))
                continue
            tried += 1
            left = (time.monotonic() - started) / tried * (len(tasks) - tried)
            self._say(f"[{tried}/{len(tasks)}, {_clock(left)} left] {line(ended.task.mutant, verdict)}")
            yield verdict

    def _foretell(self, totals: Sequence[float]) -> None:
        likely = sum(_FORK_S + _SURVIVING * total + (1 - _SURVIVING) * min(total, _SOON_S) for total in totals)
        jobs = self._wish.jobs
        self._say(f"about {_clock(likely / jobs)}; {_clock(sum(totals) / jobs)} if all survive")

    def _is_sound(self, control: tuple[_Task, float]) -> bool:
        """Does the test that failed pass alone, without a change?"""
        (test,) = control[0].tests
        if test not in self._sound:
            (ended,) = self._children(deque([control]), 1)
            self._sound[test] = self._verdict(ended).killed_by is None
        return self._sound[test]

    def _children(self, tasks: deque[tuple[_Task, float]], jobs: int) -> Iterator[Ended[_Task]]:
        return in_children(tasks, self._work, jobs=jobs, room=self._room)

    def _work(self, task: _Task, tell: Callable[[int], None]) -> Any:
        if task.mutant is not None:
            swap(self._tree.root, self._functions, task.mutant)
        for wrapper in self._caches:
            wrapper.cache_clear()
        return {"killed_by": run_until_one_fails([self._items[test] for test in task.tests], tell)}

    def _verdict(self, ended: Ended[_Task]) -> Verdict:
        tests = ended.task.tests
        how, killed_by = ("late" if ended.late else "died"), tests[ended.at]
        if ended.result is not None:
            killed_by = ended.result["killed_by"]
            how = "failed" if killed_by else ""
        key = ended.task.mutant.key if ended.task.mutant else ""
        return Verdict(key, self._digest, self._wish.part, killed_by, how, ended.at + 1, round(ended.seconds, 2))


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)} min" if seconds >= 120 else f"{int(seconds)} s"


def line(mutant: Mutant | None, verdict: Verdict) -> str:
    """Return one line that says what became of a change."""
    if mutant is None:
        return verdict.how
    told = f"{mutant.where} {mutant.operator}: {mutant.change}"
    if verdict.survived:
        return f"{told}\n    SURVIVED {verdict.ran} tests, {mutant.key}"
    return f"{told}\n    killed by {verdict.killed_by}{'' if verdict.how == 'failed' else f' ({verdict.how})'}"
