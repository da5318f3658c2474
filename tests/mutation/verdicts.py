"""What became of each change, one line of JSON each, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Verdict:
    """A change and the test that failed for it, `died` or `late` if the test did not come to its end, or None."""

    key: str
    tests: str
    part: str
    killed_by: str | None
    how: str
    ran: int
    seconds: float

    @property
    def survived(self) -> bool:
        return self.killed_by is None


class Verdicts:
    """The verdicts of this tree; of another one, which test to try first."""

    def __init__(self, path: Path, tests: str) -> None:
        self._path = path
        self._tests = tests
        self._of: dict[tuple[str, str], Verdict] = {}
        self._killers: dict[str, str] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._take(Verdict(**json.loads(line)))

    def _take(self, verdict: Verdict) -> None:
        if verdict.tests == self._tests:
            self._of[verdict.key, verdict.part] = verdict
        if verdict.killed_by is not None:
            self._killers[verdict.key] = verdict.killed_by

    def add(self, verdict: Verdict) -> None:
        self._take(verdict)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(verdict), ensure_ascii=False) + "\n")

    def of(self, mutant: Mutant, part: str) -> Verdict | None:
        return self._of.get((mutant.key, part))

    def last(self, mutant: Mutant) -> Verdict | None:
        """Return what is known by now: a slow test has the last word."""
        return self.of(mutant, "slow") or self.of(mutant, "quick")

    def likely_first(self, mutant: Mutant, ids: Iterable[str]) -> list[str]:
        """Return the tests, the one that failed for this change in an earlier tree before the others."""
        killer = self._killers.get(mutant.key)
        return sorted(ids, key=lambda test: test != killer)
