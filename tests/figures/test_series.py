"""The registered series: each month is published once, what is corrected is marked, and no two reports tell more."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.errors import Conflict, InvalidInput, NotAllowed
from kz_compliance_sdk.transparency.figures import FIGURES
from kz_compliance_sdk.transparency.page import page
from kz_compliance_sdk.transparency.publication import Transparency, TransparencyPolicy
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, read_report, report_json
from tests.figures.reader import Reader
from tests.figures.test_published_together import lines_of
from tests.figures.test_transparency_report import Cell, read_csv, read_json
from tests.scene import LEAD, M1, PLATFORM, World
from tests.tally_makers import CATEGORIES, DAY, START, TYPES, a_report, a_tally, random_tallies

JANUARY, FEBRUARY = Period(START, START + 31 * DAY), Period(START + 31 * DAY, START + 59 * DAY)
BOTH = Period(START, FEBRUARY.end)
THRESHOLD = 5


class Series:
    """A platform that publishes: what the store holds is what it is told to hold."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "desk.sqlite3")
        self.store = self.world.open_store()
        self.world.clock.step(FEBRUARY.end + 60 * DAY - self.world.clock())
        policy = TransparencyPolicy(threshold=THRESHOLD, embargo_days=30, withheld_days=365)
        self.figures = Transparency(self.store, PLATFORM, policy, CATEGORIES)

    def hold(self, tallies: Iterable[Tally]) -> None:
        own = (msgspec.structs.replace(one, platform_id=PLATFORM) for one in tallies)
        rows = [(n, *msgspec.structs.astuple(one)) for n, one in enumerate(own)]
        with closing(choose_driver().module.connect(self.world.path)) as db, db:
            db.execute("DELETE FROM tallies")
            db.executemany("INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def publish(self, period: Period = JANUARY, *, revise: bool = False) -> TransparencyReport:
        return self.figures.publish(LEAD, period, revise=revise)


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path)


pytestmark = pytest.mark.writes_by_itself


def test_a_period_is_published_once_and_is_the_same_ever_after(series: Series) -> None:
    series.hold(random_tallies(1, 200))
    first = series.publish()
    series.hold(random_tallies(2, 300))
    series.world.clock.advance(DAY)
    assert report_json(series.publish()) == report_json(first)
    assert series.figures.published(JANUARY) == first
    assert series.figures.published(FEBRUARY) is None


def test_periods_do_not_overlap(tmp_path: Path) -> None:
    """Two periods that differ by one demand would tell all of it."""
    series = Series(tmp_path)
    series.publish(JANUARY)
    for overlapping in (BOTH, Period(START - 31 * DAY, JANUARY.end)):
        with pytest.raises(Conflict, match=r"2026-01 .*already published"):
            series.publish(overlapping)
    series.publish(FEBRUARY)
    with pytest.raises(Conflict, match="already published"):
        series.publish(BOTH, revise=True)


@pytest.mark.parametrize(
    "odd",
    [(START, START + DAY), (START + 1, JANUARY.end), (START, JANUARY.end - 1), (START - DAY, JANUARY.end)],
)
@pytest.mark.slow
def test_a_period_is_whole_months(series: Series, odd: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="whole months"):
        series.publish(Period(*odd))


def test_publishing_takes_a_lead_a_lawyer_or_the_head_and_the_embargo(series: Series) -> None:
    with pytest.raises(NotAllowed):
        series.figures.publish(M1, JANUARY)
    with pytest.raises(InvalidInput, match="nothing of this period was published"):
        series.publish(revise=True)
    series.world.clock.step(JANUARY.end + 30 * DAY - 1 - series.world.clock())
    with pytest.raises(InvalidInput, match="30 days of embargo"):
        series.publish()


def test_a_draft_registers_nothing(series: Series) -> None:
    series.figures.draft(Period(START, START + DAY))
    series.figures.draft(BOTH)
    assert series.figures.published(JANUARY) is None


def test_what_was_published_is_in_the_chain(series: Series) -> None:
    report = series.publish(BOTH)
    chains = list(series.store.queries(PLATFORM).streams_beside("publication/"))
    assert [chain.stream.name for chain in chains] == ["publication/2026-01", "publication/2026-02"]
    said = [chain.stream.events[0] for chain in chains]
    assert [(on.kind, on.event.start, on.event.end) for on in said] == [("published", BOTH.start, BOTH.end)] * 2
    assert chains[0].words(chains[0].stream, [(1, "report")]) == {(1, "report"): report_json(report)}


@pytest.mark.slow
def test_a_report_is_read_back_from_its_document() -> None:
    for report in (a_report(random_tallies(1, 90)), a_report([]), a_report([a_tally()], draft=True)):
        assert read_report(report_json(report)) == report


def corrected(tallies: list[Tally], many: int, **given: Any) -> list[Tally]:
    """The last ones of these with other facts."""
    rest, last = tallies[:-many], tallies[-many:]
    return [*rest, *(msgspec.structs.replace(one, facts=a_tally(**given).facts) for one in last)]


@pytest.mark.slow
def test_a_correction_is_a_marked_revision_with_the_same_cells_hidden(series: Series) -> None:
    tallies = random_tallies(1, 400)
    series.hold(tallies)
    first = series.publish()
    series.world.clock.advance(DAY)
    series.hold(corrected(tallies, 40))
    second = series.publish(revise=True)
    assert (first.revision, second.revision) == (0, 1)
    was, now = read_json(first), read_json(second)
    assert was != now
    gone = set(second.left_out)
    assert [
        cell for cell, shown in was.items() if not shown.isdigit() and cell[0] not in gone and now[cell].isdigit()
    ] == []
    assert json.loads(report_json(second))["status"] == "revised"
    assert "REVISION 1" in page(second, "en").decode()
    assert report_json(series.publish()) == report_json(second), "the last one is the one that holds"


@pytest.mark.slow
def test_lines_for_lumen_tell_no_change_that_no_revision_told(series: Series) -> None:
    tallies = random_tallies(1, 400)
    series.hold(tallies)
    first = series.publish()
    lines = list(series.figures.lumen(LEAD, first))
    assert len(lines) > 300
    assert list(series.figures.lumen(LEAD, series.publish())) == lines, "the control: nothing has changed"
    series.hold(corrected(tallies, 1, category="fraud"))
    with pytest.raises(Conflict, match="have changed since"):
        list(series.figures.lumen(LEAD, first))


@pytest.mark.slow
def test_lines_of_one_version_of_a_period_leave_and_of_no_other(tmp_path: Path) -> None:
    """Two lines of one demand, told apart by its case, would show what changed about it: of a category whose count of
    refusals changed by two, and is hidden for that, which these two are."""
    tallies = random_tallies(1, 400)
    series = Series(tmp_path)
    series.hold(tallies)
    first = series.publish()
    series.hold(corrected(tallies, 40))
    second = series.publish(revise=True)
    with pytest.raises(Conflict, match="have changed since"):
        list(series.figures.lumen(LEAD, first))
    with pytest.raises(Conflict, match="not the report that was published last"):
        list(series.figures.lumen(LEAD, replace(second, embargo_days=1)))
    lines = list(series.figures.lumen(LEAD, second))
    assert len(lines) > 300, "none of the first one were taken"
    assert list(series.figures.lumen(LEAD, series.publish())) == lines
    series.hold(corrected(tallies, 80, category="fraud"))
    third = series.publish(revise=True)
    with pytest.raises(Conflict, match="taken with an earlier report"):
        list(series.figures.lumen(LEAD, third))
    with pytest.raises(NotAllowed):
        list(series.figures.lumen(M1, second))


@pytest.mark.slow
def test_the_control_lines_of_two_versions_tell_what_changed_of_few(series: Series) -> None:
    tallies = random_tallies(0, 400)
    later = corrected(tallies, 40)
    told: list[dict[str, Any]] = []
    for held in (tallies, later):
        series.hold(held)
        lines = map(json.loads, lines_of(series.publish(revise=bool(told)), held))
        told.append({one["notice"]["case_id_number"]: one["notice"] for one in lines})
    was, now = told
    changed = [
        (one["subject"], one["action_taken"], now[case]["action_taken"])
        for case, one in was.items()
        if now[case]["action_taken"] != one["action_taken"]
    ]
    assert any(count < THRESHOLD for (subject, *_), count in Counter(changed).items() if subject in CATEGORIES)


def test_lines_wait_where_a_bar_outlasts_the_day_from_which_all_is_told(tmp_path: Path) -> None:
    """The report counts it then, and its line must not be told: one line too few would say which demand is barred."""
    series = Series(tmp_path)
    barred = a_tally(900, barred=True, barred_until=START + 900 * DAY)
    series.hold([*random_tallies(1, 200), barred])
    series.world.clock.step(JANUARY.end + 366 * DAY - series.world.clock())
    report = series.publish()
    with pytest.raises(Conflict, match="no user may be told yet"):
        list(series.figures.lumen(LEAD, report))


@pytest.mark.slow
def test_the_ledger_says_who_took_lines_and_exact_figures(series: Series) -> None:
    series.hold(random_tallies(1, 200))
    list(series.figures.lumen(LEAD, series.figures.draft(JANUARY)))
    assert list(series.store.queries(PLATFORM).streams_beside()) == [], "a draft registers nothing"
    report = series.publish()
    for _ in range(2):
        list(series.figures.lumen(LEAD, report))
        series.figures.own(LEAD, FEBRUARY)
    with pytest.raises(NotAllowed):
        series.figures.own(M1, FEBRUARY)
    chains = list(series.store.queries(PLATFORM).streams_beside())
    told = {
        chain.stream.name: [(on.kind, on.who.id if on.who else "") for on in chain.stream.events] for chain in chains
    }
    assert told == {
        "publication/2026-01": [("published", LEAD.id), ("lines_taken", LEAD.id)],
        "figures/2026-04": [("figures_taken", LEAD.id)] * 2,
    }
    (taken, _) = next(chain.stream.events for chain in chains if chain.stream.name.startswith("figures/"))
    assert (taken.event.start, taken.event.end) == (FEBRUARY.start, FEBRUARY.end)


def changes(was: dict[Cell, str], now: dict[Cell, str]) -> dict[Cell, int]:
    """What a reader knows to have changed, and by how much."""
    known = [cell for cell in was | now if was.get(cell, "0").isdigit() and now.get(cell, "0").isdigit()]
    return {cell: int(now.get(cell, "0")) - int(was.get(cell, "0")) for cell in known}


@pytest.mark.parametrize("many", [1, 2, 4])
def test_a_revision_that_a_few_demands_make_tells_nothing_of_them(series: Series, many: int) -> None:
    """One demand that was withheld is told now: every figure would be one more, and together they would name it."""
    tallies = [a_tally(n) for n in range(40)] + [a_tally(100 + n, category="fraud", kind="request") for n in range(20)]
    late = [a_tally(200 + n, category="fraud", authority="body-2") for n in range(many)]
    series.hold(tallies)
    series.publish()
    series.hold([*tallies, *late])
    with pytest.raises(InvalidInput, match="fewer than 5"):
        series.publish(revise=True)


def test_two_reports_of_a_period_tell_no_small_change(tmp_path: Path) -> None:
    series = Series(tmp_path)
    tallies = random_tallies(3, 400)
    late = [
        a_tally(900 + n, category="fraud" if n < 2 else "drugs", authority="court-1", authority_type="court")
        for n in range(9)
    ]
    series.hold(tallies)
    first = series.publish()
    was = read_json(first)
    series.hold([*tallies, *late])
    second = series.publish(revise=True)
    now = {cell: shown for cell, shown in read_json(second).items() if cell[0] not in second.left_out}
    was = {cell: shown for cell, shown in was.items() if cell[0] not in second.left_out}
    found = changes(was, now)
    small = {cell: by for cell, by in found.items() if 0 < abs(by) < THRESHOLD}
    assert small == {}
    assert any(found.values()), "the control: something is told"
    reader = Reader(TYPES)
    reader.reads([first, second])
    assert reader.recovers() == set()


@pytest.mark.parametrize(
    ("seed", "demands", "months"),
    [(0, 400, 3), *(pytest.param(seed, 2_000, months, marks=pytest.mark.slow) for seed in (0, 1) for months in (1, 3))],
)
@pytest.mark.slow
def test_all_that_is_published_of_a_year_recovers_no_hidden_count(
    tmp_path: Path, seed: int, demands: int, months: int
) -> None:
    """A year, published by month or by quarter, each revised twice: what was withheld is told, answers are corrected.
    One linear programme has every sum of each report and of each two of a period, and the lines for Lumen."""
    series, chance = Series(tmp_path), random.Random(seed)
    year = enumerate(random_tallies(seed, demands))
    tallies = [msgspec.structs.replace(one, received_at=START + n * 365 * DAY // demands) for n, one in year]
    series.world.clock.step(START + 500 * DAY - series.world.clock())
    firsts = list(accumulate((days * DAY for days in _MONTHS), initial=START))
    periods = [Period(*ends) for ends in pairwise(firsts[::months])]
    made: dict[Period, list[TransparencyReport]] = {period: [] for period in periods}
    lines: dict[Period, list[bytes]] = {}
    for share in (0.0, 0.03, 0.1):
        tallies = [anew(one) if chance.random() < share else one for one in tallies]
        series.hold(tallies)
        for period in periods:
            try:
                report = series.publish(period, revise=share > 0)
            except InvalidInput:  # fewer than five have changed
                continue
            if made[period]:
                found = changes(told(made[period][-1], report.left_out), told(report))
                assert {cell: by for cell, by in found.items() if 0 < abs(by) < THRESHOLD} == {}
            else:
                lines[period] = list(series.figures.lumen(LEAD, report))
            made[period].append(report)
    reader = Reader(TYPES)
    for period, reports in made.items():
        assert all(read_csv(one) == read_json(one) for one in reports)
        reader.reads(reports, {0: lines[period]} if lines[period] else {})
    assert sum(map(len, made.values())) > len(periods) + 1, "the control: some were revised"
    assert any(lines.values())
    assert reader.hides > 20 * len(periods)
    assert reader.recovers() == set()


_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def told(report: TransparencyReport, left_out: Collection[str] = ()) -> dict[Cell, str]:
    """What a report shows of the figures that can point to a person, and that are not left out."""
    gone = {one.id for one in FIGURES if one.public}.union(left_out)
    return {cell: shown for cell, shown in read_json(report).items() if cell[0] not in gone}


def anew(tally: Tally) -> Tally:
    """A demand whose bar is over, or whose answer was corrected."""
    facts = json.loads(tally.facts)
    if facts["barred_until"]:
        facts["barred_until"] = None
    elif facts["state"] == "closed":
        facts["items"] = [["url", "refused", "", "not_illegal", "kz", 1]]
        facts["events"] = {"reopen": 1}
    return msgspec.structs.replace(tally, facts=json.dumps(facts, ensure_ascii=False, sort_keys=True))
