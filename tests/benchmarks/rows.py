"""A row of the result, and how a ratio is taken: both sides in the same round, rounds interleaved, the median told."""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kz_compliance_sdk.faces.cli.machinery import collect_garbage_seldom

Verdict = Literal["pass", "below", "report", "skipped"]
Sense = Literal["least", "most"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `ratio` is figure over baseline; `bar` is what it must reach (`least`) or must not pass (`most`).

    Where there is no baseline, `bar` is about the figure itself. A row without a bar only reports.
    """

    name: str
    figure: float | None
    unit: str
    against: str = ""
    baseline: float | None = None
    ratio: float | None = None
    bar: float | None = None
    sense: Sense = "least"
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.figure is None:
            return "skipped"
        if self.bar is None:
            return "report"
        value = self.figure if self.ratio is None else self.ratio
        reached = value >= self.bar if self.sense == "least" else value <= self.bar
        return "pass" if reached else "below"

    def as_dict(self) -> dict[str, object]:
        """The row for `--json`."""
        return {
            "name": self.name,
            "figure": self.figure,
            "unit": self.unit,
            "against": self.against,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "bar": self.bar,
            "sense": self.sense,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does: `quick` for a look, `full` for figures that are quoted."""

    quick: bool
    folder: Path

    def pick(self, quick: int, full: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def place(self) -> Iterator[Path]:
        """An empty folder on the disk under test."""
        where = Path(tempfile.mkdtemp(prefix="kz-bench-", dir=self.folder))
        try:
            yield where
        finally:
            shutil.rmtree(where, ignore_errors=True)


Rounds = Mapping[str, Sequence[float]]


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> Rounds:
    """Run every measure once a round, in turn, so that a machine that drifts drifts under all of them alike."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        # Every other round goes backwards, so that no measure always follows the same neighbour.
        names = list(measures)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            found[name].append(measures[name]())
    return found


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Garbage is collected as in `serve`: what was prepared for a measure is no garbage of either side."""
    before = gc.get_threshold()
    collect_garbage_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def compared(
    name: str,
    found: Rounds,
    mine: str,
    theirs: str,
    *,
    unit: str,
    against: str,
    bar: float | None,
    sense: Sense = "least",
    note: str = "",
) -> Row:
    """The row that sets one measure against another: medians, and the median of the rounds' own ratios."""
    pairs = [a / b for a, b in zip(found[mine], found[theirs], strict=True)]
    spread = (max(pairs) - min(pairs)) / 2
    said = f"ratio ±{spread:.2f} over {len(pairs)} rounds" + (f"; {note}" if note else "")
    return Row(
        name,
        statistics.median(found[mine]),
        unit,
        against,
        statistics.median(found[theirs]),
        statistics.median(pairs),
        bar,
        sense,
        said,
    )


def skipped(name: str, why: str) -> Row:
    """A row that could not be measured here, and what would change that."""
    return Row(name, None, "", note=why)


def table(rows: Sequence[Row]) -> str:
    """All rows for a reader."""
    head = ("what", "figure", "against", "baseline", "ratio", "bar", "verdict")
    lines = [head]
    for row in rows:
        sign = "" if row.bar is None else "≥ " if row.sense == "least" else "≤ "
        lines.append(
            (
                row.name,
                "-" if row.figure is None else f"{_number(row.figure)} {row.unit}".rstrip(),
                row.against or "-",
                "-" if row.baseline is None else _number(row.baseline),
                "-" if row.ratio is None else f"{row.ratio:.2f}",
                "-" if row.bar is None else f"{sign}{_number(row.bar)}",
                row.verdict,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    out = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    out.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"  {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*out, "", *notes])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def pinned(core: int) -> list[str]:
    """What to put before a command so that it stays on one core; nothing where that is not possible."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        return []
    return ["taskset", "-c", str(core)]
