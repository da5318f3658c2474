"""Somebody who has all that was ever published of a platform, knows how it is counted, and owns a computer.

What they know is one linear programme: every hidden count of every report is an unknown, and so is what the lines for
Lumen leave open. Each sum, each inequality that the definitions make sure of, each sign that stands for a count, each
time that is told of a group, each line, and what can only have grown between two reports of a period is a row of it. A
count is recovered if all that solves the programme leaves it one whole number.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
from scipy.optimize import linprog  # type: ignore[import-untyped]
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from kz_compliance_sdk.transparency.figures import FIGURES
from kz_compliance_sdk.transparency.lumen import ACTIONS
from kz_compliance_sdk.transparency.report import TransparencyReport

Cell = tuple[str, str]
Unknown = tuple[Any, ...]
Row = dict[Unknown, int]

_MANY = 1e5
"""More than any count."""
_LOOKS = 12
_FIXED = ("authority", "authority_type", "category", "kind", "channel", "originating_body")
"""What a demand keeps: these counts of what is told only grow."""
_MEASURES = ("removed", "restricted", "account_restricted", "age_restricted", "labelled", "preserved")


class Reader:
    """All reports of one platform, and at most one file of lines for each period. `types` are those of the authorities
    whose type everybody knows."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._equal: list[tuple[Row, int]] = []
        self._least: list[tuple[Row, int]] = []
        self._bounds: dict[Unknown, tuple[float, float]] = {}
        self._hidden: set[Unknown] = set()
        self._numbers = 0

    # ------------------------------------------------------------------------------------------------ what is read

    def reads(self, reports: Sequence[TransparencyReport], lines: Mapping[int, Sequence[bytes]] | None = None) -> None:
        """The reports of one period, the first one and its revisions in their order; and the `lines` that were given
        with the one of a number."""
        told = [Told(report, self._number()) for report in reports]
        for one in told:
            self._of_one(one)
        for before, after in pairwise(told):
            self._between(before, after)
        for number, given in (lines or {}).items():
            self._of_lines(told[number], [json.loads(line)["notice"] for line in given])

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _of_one(self, told: Told) -> None:
        least = 1 if not told.revision else 0  # a revision can hide a count that became none
        for cell, shown in told.shown.items():
            if not shown.isdigit():
                name = (told.number, *cell)
                self._hidden.add(name)
                self._bounds[name] = (1, int(shown[1:]) - 1) if shown.startswith("<") else (least, _MANY)
        for total, parts in told.sums(self._types):
            self._row(self._equal, told, {total: -1}, dict.fromkeys(parts, 1))
        for smaller, larger in told.at_most(self._types):
            self._row(self._least, told, dict.fromkeys(larger, 1), dict.fromkeys(smaller, -1))
        for total, parts in told.times():
            # Of so many the time is known, and these have none.
            self._row(self._least, told, {total: 1}, dict.fromkeys(parts, -1), less=told.threshold)

    def _row(self, rows: list[tuple[Row, int]], told: Told, *counted: Mapping[Cell, int], less: int = 0) -> None:
        """Counts that add up to `less` (or to more). A figure that is left out makes a row worth nothing."""
        row: Row = {}
        for cells in counted:
            for cell, times in cells.items():
                if cell[0] in told.left_out:
                    return
                shown = told.shown.get(cell, "0")
                if shown.isdigit():
                    less -= times * int(shown)
                else:
                    row[(told.number, *cell)] = row.get((told.number, *cell), 0) + times
        if row:
            rows.append((row, less))

    def _between(self, before: Told, after: Told) -> None:
        """What was told once is told ever after, by whatever does not change about it."""
        cells = [("demands", ""), ("demands_told", "")]
        cells += [
            cell
            for cell in after.shown
            if cell[0].startswith("demands_by_") and cell[0].removeprefix("demands_by_") in _FIXED
        ]
        for cell in cells:
            if {cell[0]} & (before.left_out | after.left_out):
                continue
            row: Row = {}
            rest = 0
            for told, times in ((after, 1), (before, -1)):
                shown = told.shown.get(cell, "0")
                if shown.isdigit():
                    rest -= times * int(shown)
                else:
                    row[(told.number, *cell)] = times
            if row:
                self._least.append((row, rest))

    def _of_lines(self, told: Told, notices: Sequence[Mapping[str, Any]]) -> None:
        """Each line is one demand. What it does not say is something that the report hides; how often each answer to
        that is right is unknown."""
        groups = Counter(told.line(one) for one in notices)
        counted: dict[Cell, Row] = defaultdict(dict)
        shown: Counter[Cell] = Counter()
        for group, many in groups.items():
            possible = list(told.possible(group))
            assert possible, f"no demand can have the line {group}"
            names = [(told.number, "line", group, one) for one in possible]
            for name, cells in zip(names, possible, strict=True):
                if len(names) == 1:
                    shown.update(dict.fromkeys(cells, many))
                    continue
                self._bounds[name] = (0, many)
                for cell in cells:
                    counted[cell][name] = -1
            if len(names) > 1:
                self._equal.append((dict.fromkeys(names, 1), many))
        for cell in counted.keys() | shown.keys():
            row, less = dict(counted[cell]), shown[cell]
            of = told.shown.get(cell, "0")
            if of.isdigit():
                less -= int(of)
            else:
                row[(told.number, *cell)] = 1
            if row:
                self._equal.append((row, less))
            else:
                assert not less, f"the lines and the report differ in {cell}"
        for cell in told.shown.keys() - counted.keys() - shown.keys():
            if cell[0] in _IN_LINES and not told.shown[cell].isdigit():
                self._equal.append(({(told.number, *cell): 1}, 0))
        without = sum(not one["regulation_list"] for one in notices)
        unsaid = [cell for cell, count in told.shown.items() if cell[0] == _LAW and not count.isdigit()]
        if unsaid and any(one["regulation_list"] for one in notices):
            self._least.append(({(told.number, *cell): 1 for cell in unsaid}, without))

    # ------------------------------------------------------------------------------------------------- what follows

    def recovers(self) -> set[Cell]:
        """The hidden counts that can only be one whole number."""
        found: set[Cell] = set()
        for unknowns in self._apart():
            found |= self._recovered(unknowns)
        return found

    @property
    def hides(self) -> int:
        """How many counts are hidden."""
        return len(self._hidden)

    def _apart(self) -> Iterator[set[Unknown]]:
        """Unknowns that no row holds together tell nothing of each other: the programme falls into parts."""
        known: dict[Unknown, set[Unknown]] = {name: {name} for name in self._bounds}
        for row, _ in (*self._equal, *self._least):
            parts = {id(known[name]): known[name] for name in row}
            whole = max(parts.values(), key=len)
            for part in parts.values():
                if part is not whole:
                    whole |= part
                    for name in part:
                        known[name] = whole
        yield from {id(part): part for part in known.values()}.values()

    def _recovered(self, unknowns: set[Unknown]) -> set[Cell]:
        names = sorted(unknowns, key=repr)
        place = {name: number for number, name in enumerate(names)}
        equal = [one for one in self._equal if next(iter(one[0])) in unknowns]
        least = [one for one in self._least if next(iter(one[0])) in unknowns]
        known = {
            "A_eq": _matrix(equal, place),
            "b_eq": np.array([rest for _, rest in equal]) if equal else None,
            "A_ub": _matrix(least, place, -1),
            "b_ub": np.array([-rest for _, rest in least]) if least else None,
            "bounds": [self._bounds[name] for name in names],
        }
        open_yet = {name for name in names if name in self._hidden}
        lowest, highest = dict.fromkeys(open_yet, math.inf), dict.fromkeys(open_yet, -math.inf)

        def look(wanted: np.ndarray[Any, Any]) -> None:
            found = linprog(wanted, **known)
            assert found.status == 0, f"what is published does not fit together: {found.message}"
            for name in list(open_yet):
                value = found.x[place[name]]
                lowest[name], highest[name] = min(lowest[name], value), max(highest[name], value)
                if math.floor(highest[name] + 1e-6) > math.ceil(lowest[name] - 1e-6):
                    open_yet.discard(name)

        chance = np.random.default_rng(1)
        for _ in range(_LOOKS):
            if open_yet:
                wanted = np.zeros(len(names))
                for name in sorted(open_yet, key=repr):
                    wanted[place[name]] = chance.choice((-1, 1))
                look(wanted)
                look(-wanted)
        found = set()
        for name in sorted(open_yet, key=repr):
            wanted = np.zeros(len(names))
            wanted[place[name]] = 1
            look(wanted)
            if name in open_yet:
                look(-wanted)
            if name in open_yet:
                found.add(name)
        return found


def _matrix(rows: Sequence[tuple[Row, int]], place: Mapping[Unknown, int], times: int = 1) -> Any:
    if not rows:
        return None
    cells = [(number, place[name], times * by) for number, (row, _) in enumerate(rows) for name, by in row.items()]
    where = [number for number, _, _ in cells], [number for _, number, _ in cells]
    return csr_matrix(([by for _, _, by in cells], where), shape=(len(rows), len(place)))


_LAW = "demands_by_legal_basis"
_CROSSED = {"results_by_category": "demands_by_category", "results_by_authority": "demands_by_authority"}
_IN_LINES = {"demands_by_authority", "demands_by_category", "demands_by_kind", "demands_by_result", *_CROSSED}


class Told:
    """What one report shows, and what its definitions make sure of."""

    def __init__(self, report: TransparencyReport, number: int) -> None:
        self.number, self.threshold, self.revision = number, report.threshold, report.revision
        self.left_out = frozenset(report.left_out)
        self._report = report
        public = {one.id for one in FIGURES if one.public}
        self.shown: dict[Cell, str] = {
            (one.figure.id, value.value): value.shown
            for one in report.figures
            if one.figure.id not in public | self.left_out
            for value in one.values
        }
        self._of: dict[str, list[Cell]] = defaultdict(list)
        for cell in self.shown:
            self._of[cell[0]].append(cell)

    def _cells(self, figure: str, values: Iterable[str]) -> list[Cell]:
        return [(figure, value) for value in values]

    def sums(self, types: Mapping[str, str]) -> Iterator[tuple[Cell, list[Cell]]]:
        """A total and its parts."""
        for one in FIGURES:
            if one.of and not one.many and one.id not in self.left_out:
                figure, _, value = one.of.partition("/")
                if self._of[one.id]:
                    yield (figure, value), self._of[one.id]
        yield ("demands_told", ""), self._cells("demands_by_progress", ("answered", "cancelled", "set_aside"))
        for crossed, rows in _CROSSED.items():
            if crossed in self.left_out or not self._of[crossed]:
                continue
            for figure, place in ((rows, 0), ("demands_by_result", 2)):
                for total in self._of[figure]:
                    yield total, [cell for cell in self._of[crossed] if cell[1].rpartition(" / ")[place] == total[1]]
        yield ("demands_by_kind", "recommendation"), [("demands_unofficial", "recommendation")]
        acted = ("demands_by_consequence", "acted_on")
        yield acted, self._cells("demands_by_result", ("complied_fully", "complied_partly", "own_terms_only"))
        measures = [*_MEASURES[:-1], "partially_complied"]
        yield (
            ("items_by_consequence", "acted_on"),
            [cell for figure in ("items_by_outcome", "items_own_terms") for cell in self._cells(figure, measures)],
        )
        if ("demands_by_authority", "other") not in self.shown:
            for kind in set(types.values()) - {"other"}:
                named = [cell for cell in self._of["demands_by_authority"] if types.get(cell[1]) == kind]
                if named:
                    yield ("demands_by_authority_type", kind), named
        progress = self._cells("demands_by_progress", ("cancelled", "set_aside"))
        yield ("demands_by_receipt_time", "none"), progress

    def at_most(self, types: Mapping[str, str]) -> Iterator[tuple[list[Cell], list[Cell]]]:
        """Counts that are together never more than others: a demand has an item, and came to what one of them did."""
        yield [("demands_told", "")], [("items", "")]
        for by in ("authority", "category", "consequence"):
            for figure, value in self._of[f"demands_by_{by}"]:
                yield [(figure, value)], [(f"items_by_{by}", value)]
        for result in ("refused", "cannot_comply", "contested", "clarification_needed"):
            yield [("demands_by_result", result)], [("items_by_outcome", result)]
        complied = self._cells("demands_by_result", ("complied_fully", "complied_partly"))
        yield complied, self._cells("items_by_outcome", (*_MEASURES, "partially_complied"))
        yield [("demands_by_result", "own_terms_only")], [("items_by_ground", "own_terms")]
        gone = self._cells("items_by_outcome", ("already_unavailable", "not_found"))
        yield [("demands_by_result", "nothing_there")], gone
        yield [("demands_by_result", "clarification_needed")], [("demands_by_clarification", "asked")]
        yield [("demands_by_receipt_time", "in_time")], [("demands_by_decision_time", "in_time")]
        yield [("demands_by_decision_time", "undecided")], [("demands_by_receipt_time", "none")]
        yield [("demands_by_progress", "cancelled")], self._of["demands_by_cancellation"]
        for code in ("no_authority", "no_legal_basis", "not_authentic"):
            yield [("demands_unofficial", code)], [("items_refused", code)]
        for one in FIGURES:
            if one.of and one.many and self._of[one.id]:
                figure, _, value = one.of.partition("/")
                yield [(figure, value)], self._of[one.id]
                for cell in self._of[one.id]:
                    yield [cell], [(figure, value)]
        for kind in set(types.values()) - {"other"}:
            named = [cell for cell in self._of["demands_by_authority"] if types.get(cell[1]) == kind]
            if named:
                yield named, [("demands_by_authority_type", kind)]
        yield [("demands_running_overdue", "")], [("demands_not_told", "open")]

    def times(self) -> Iterator[tuple[Cell, list[Cell]]]:
        """Groups of which a time is told, and the counts of those of them that have none."""
        for time in self._report.times:
            if time.by != "all":
                without = [(f"results_by_{time.by}", f"{time.value} / {result}") for result in ("cancelled",)]
                yield (f"demands_by_{time.by}", time.value), without

    # --------------------------------------------------------------------------------------------------- its lines

    def line(self, notice: Mapping[str, Any]) -> tuple[str, str, str, str]:
        """Who sent it, the category, the kind and the action; empty where it does not say."""
        names = {label.get("en") or label.get("ru") or name: name for name, label in self._report.names.items()}
        (sender,) = [
            one["entity_attributes"]["name"]
            for one in notice["entity_notice_roles_attributes"]
            if one["name"] == "sender"
        ]
        category = "" if notice["subject"] == "unspecified" else notice["subject"]
        tags = [one for one in notice["tag_list"].replace('"', "").split(", ") if one and one != category]
        return names.get(sender, ""), category, tags[0] if tags else "", notice["action_taken"]

    def possible(self, group: tuple[str, str, str, str]) -> Iterator[tuple[Cell, ...]]:
        """The counts that a demand with such a line can stand in."""
        asked = ("result", "kind", "category", "authority")
        chosen = [[value for _, value in self._of[f"demands_by_{one}"]] or [""] for one in asked]
        for result, kind, category, authority in product(*chosen):
            cells = [("demands_by_result", result), ("demands_by_kind", kind)]
            for by, value in (("authority", authority), ("category", category)):
                cells += [(f"demands_by_{by}", value), (f"results_by_{by}", f"{value} / {result}")]
            cells = [cell for cell in cells if cell[0] not in self.left_out]
            if all(cell in self.shown for cell in cells) and self._said(result, kind, category, authority) == group:
                yield tuple(cells)

    def _said(self, result: str, kind: str, category: str, authority: str) -> tuple[str, str, str, str]:
        """The line of such a demand."""
        said = (
            authority * (authority != "other" and self._tells_with("authority", authority, result)),
            category * self._tells_with("category", category, result),
            kind * self._tells("demands_by_kind", kind),
        )
        return (*said, self._action(result))

    def _tells_with(self, by: str, value: str, result: str) -> bool:
        asked = (f"demands_by_{by}", value), (f"results_by_{by}", f"{value} / {result}"), ("demands_by_result", result)
        return all(self._tells(*one) for one in asked)

    def _action(self, result: str) -> str:
        hidden = {ACTIONS.get(v) for f, v in self._of["demands_by_result"] if not self._tells(f, v)}
        told = self._tells("demands_by_result", result) or len(hidden) == 1
        return ACTIONS.get(result, "Unspecified") if told else "Unspecified"

    def _tells(self, figure: str, value: str) -> bool:
        return self.shown.get((figure, value), "").isdigit()
