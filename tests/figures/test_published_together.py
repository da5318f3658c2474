"""What all that is published leaves open, for a reader who solves all of it as one linear programme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.transparency.lumen import LumenLines
from kz_compliance_sdk.transparency.report import PublishedFigure, TransparencyReport, Value
from tests.figures.reader import Reader, Told
from tests.figures.test_transparency_report import read_csv, read_json
from tests.tally_makers import CATEGORIES, TYPES, a_report, a_tally, random_tallies


def lines_of(report: TransparencyReport, tallies: Sequence[Tally]) -> list[bytes]:
    writer = LumenLines(report, CATEGORIES)
    return [writer.line(one, ()) for one in tallies if writer.may_tell(one)]


def read(report: TransparencyReport, lines: Sequence[bytes] | None = None) -> Reader:
    """Somebody who has the report in each of its forms, and the lines."""
    assert read_json(report) == read_csv(report), "one form tells what another does not"
    reader = Reader(TYPES)
    reader.reads([report], {} if lines is None else {0: lines})
    return reader


@pytest.mark.parametrize("demands", [120, 400, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2000, 2004))])
def test_a_linear_programme_recovers_no_hidden_count(demands: int) -> None:
    tallies = random_tallies(demands % 8, demands)
    report = a_report(tallies)
    reader = read(report, lines_of(report, tallies))
    assert reader.hides, "the sample hides nothing, and proves nothing"
    assert reader.recovers() == set()


@pytest.mark.parametrize(
    ("seed", "demands"),
    [(25, 60), (27, 90), (29, 60), *(pytest.param(4 + n, 300 - 9 * n, marks=pytest.mark.slow) for n in range(24))],
)
@pytest.mark.slow
def test_a_small_report_and_its_lines_give_nothing_away(seed: int, demands: int) -> None:
    """Of these samples the times once told how few had been cancelled, and the lines what else a refusal was."""
    tallies = random_tallies(seed, demands)
    report = a_report(tallies)
    lines = lines_of(report, tallies) if report.value("demands_told").count is not None else None
    assert read(report, lines).recovers() == set()


def test_that_a_time_is_told_of_a_group_tells_nothing() -> None:
    """Six of seven have a time. That five have one would tell that one or two were cancelled."""
    stopped = [["url", "stopped", "", "", "kz", 1]]
    many = [a_tally(n) for n in range(40)] + [
        a_tally(50 + n, state="cancelled", items=stopped, cancelled=["withdrawn"]) for n in range(8)
    ]
    few = [a_tally(100 + n, category="fraud") for n in range(6)]
    few.append(a_tally(120, category="fraud", state="cancelled", items=stopped, cancelled=["withdrawn"]))
    report = a_report([*many, *few])
    assert report.value("demands_by_category", "fraud").count == 7
    assert report.value("results_by_category", "fraud / cancelled").shown == "<5"
    assert [one.of for one in report.times if one.value == "drugs"] == ["decision", "receipt"]
    assert [one.of for one in report.times if one.value == "fraud"] == []


def test_lines_without_a_law_are_not_those_of_a_law_that_is_hidden() -> None:
    tallies = [a_tally(n) for n in range(30)]
    assert all(b'"regulation_list":"\\"online_platforms/9\\""' in one for one in lines_of(a_report(tallies), tallies))
    tallies += [a_tally(100 + n, legal_basis=[f"rare {n}"]) for n in range(4)]
    report = a_report(tallies)
    assert report.value("demands_by_legal_basis", "other").shown == "<5"
    assert all(b'"regulation_list":""' in one for one in lines_of(report, tallies))


def test_a_line_whose_answer_is_hidden_says_neither_who_asked_nor_why() -> None:
    tallies = random_tallies(4, 300)
    report = a_report(tallies)
    assert [report.value("demands_by_result", one).shown for one in ("refused", "cannot_comply")] == ["*", "<5"]
    lines = [line for line in lines_of(report, tallies) if b'"action_taken":"No"' in line]
    assert len(lines) > 20
    assert [line for line in lines if b"Authority (not disclosed)" not in line] == []
    assert [line for line in lines if b'"subject":"unspecified"' not in line] == []


def shown_again(report: TransparencyReport, figure: str, value: str, count: int) -> TransparencyReport:
    def of(one: PublishedFigure) -> PublishedFigure:
        values = tuple(
            Value(value, count, str(count)) if (one.figure.id, known.value) == (figure, value) else known
            for known in one.values
        )
        return replace(one, values=values)

    return replace(report, figures=tuple(map(of, report.figures)))


@pytest.mark.slow
def test_the_control_a_count_that_is_shown_again_gives_others_away() -> None:
    tallies = random_tallies(0, 400)
    report, plain = a_report(tallies), read_json(a_report(tallies, threshold=3))
    again = [
        shown_again(report, *cell, int(plain[cell]))
        for cell, shown in read_json(report).items()
        if shown == "*" and plain.get(cell, "").isdigit()
    ]
    assert any(read(one).recovers() for one in again)


@pytest.mark.slow
def test_the_control_lines_that_say_more_than_they_may_give_counts_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hidden answer they say who asked, and why, where only the answer is hidden."""

    def tells_with(self: Any, what: str, value: str, result: str) -> bool:
        crossed = f"results_by_{what}", f"{value} / {result}"
        return bool(self._tells(f"demands_by_{what}", value) and self._tells(*crossed))

    tallies = random_tallies(4, 300)
    report = a_report(tallies)
    for owner in (LumenLines, Told):
        monkeypatch.setattr(owner, "_tells_with", tells_with)
    assert read(report, lines_of(report, tallies)).recovers()
