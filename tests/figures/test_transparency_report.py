"""What is published, in every form: the same numbers, and none from which a small one follows."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from markupsafe import escape

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.words import LANGUAGES, Lang
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.transparency.figures import FIGURES
from kz_compliance_sdk.transparency.lumen import LumenLines
from kz_compliance_sdk.transparency.page import page
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, figures_csv, report_json
from tests.catalogues import tables
from tests.published.generator.transparency import document_schema
from tests.tally_makers import CATEGORIES, DAY, END, NOW, START, TYPES, a_report, a_tally, random_tallies

Cell = tuple[str, str]


class Tables(HTMLParser):
    """The rows of every table of a page, by the section that it stands in."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = defaultdict(list)
        self.tags: Counter[str] = Counter()
        self.section = ""
        self.cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        named = dict(attrs)
        if tag == "section":
            self.section = named.get("id") or ""
        elif tag == "tr":
            self.rows[self.section].append([])
        elif tag in ("td", "th") or (tag == "p" and named.get("class") == "one"):
            self.cell = []
            if tag == "p":
                self.rows[self.section].append([])

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "p") and self.cell is not None:
            self.rows[self.section][-1].append("".join(self.cell))
            self.cell = None


def read_csv(report: TransparencyReport) -> dict[Cell, str]:
    rows = list(csv.DictReader(io.StringIO(figures_csv(report).decode(), newline="")))
    found = {}
    for row in rows:
        name = f"{row['figure']}_by_{row['dimension']}" if row["dimension"] else row["figure"]
        if not row["figure"].startswith("seconds_"):
            found[name, row["value"].removeprefix("'")] = row["count"]
    return found


def read_json(report: TransparencyReport) -> dict[Cell, str]:
    document = json.loads(report_json(report))
    return {(one["figure"], value["value"]): value["shown"] for one in document["figures"] for value in one["values"]}


@pytest.mark.parametrize("seed", range(6))
def test_every_form_holds_the_same_numbers(seed: int) -> None:
    report = a_report(random_tallies(seed, 120))
    told = read_json(report)
    tables = Tables()
    tables.feed(page(report, "en").decode())

    assert read_csv(report) == told
    of_page = Counter(
        (section, rows[-1]) for section, table in tables.rows.items() if section != "times" for rows in table if rows
    )
    of_page = Counter({key: count for key, count in of_page.items() if key[1] != "Count"})
    assert of_page == Counter((figure, shown) for (figure, _), shown in told.items())


def test_the_table_names_each_time_after_what_it_is() -> None:
    report = a_report(random_tallies(1, 120))
    rows = list(csv.DictReader(io.StringIO(figures_csv(report).decode(), newline="")))
    times = {row["figure"] for row in rows if row["figure"].startswith("seconds_")}
    assert times == {f"seconds_to_{end}_{part}" for end in ("decision", "receipt") for part in ("median", "p95")}


@pytest.mark.parametrize("seed", range(12))
def test_no_small_count_is_shown_or_follows_from_what_is(seed: int) -> None:
    """A reader solves the linear equations of everything that adds up; no hidden count has a single solution."""
    tallies = random_tallies(seed, 30 + 25 * seed)
    report = a_report(tallies)
    told = read_json(report) | read_csv(report)

    assert not [cell for cell, shown in told.items() if shown in ("1", "2", "3", "4") and cell[0] not in PUBLIC]
    hidden = {cell for cell, shown in told.items() if not shown.isdigit()}
    assert hidden, "the sample hides nothing, and proves nothing"
    assert determined(equations(told), told) == set()


PUBLIC = {one.id for one in FIGURES if one.public}


def equations(told: dict[Cell, str]) -> list[dict[Cell, int]]:
    """What a reader knows to add up to nothing: the parts of each total, less it."""
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in told:
        cells[cell[0]].append(cell)
    found = []

    def less(parts: list[Cell], total: Cell) -> None:
        if parts and total in told:
            found.append({**dict.fromkeys(parts, 1), total: -1})

    for one in FIGURES:
        if one.of and not one.many:
            figure, _, value = one.of.partition("/")
            less(cells[one.id], (figure, value))
    ended = [("demands_by_progress", value) for value in ("answered", "cancelled", "set_aside")]
    less([cell for cell in ended if cell in told], ("demands_told", ""))
    for crossed, rows in (("results_by_category", "category"), ("results_by_authority", "authority")):
        for figure, place in ((f"demands_by_{rows}", 0), ("demands_by_result", 2)):
            for total in cells[figure]:
                less([cell for cell in cells[crossed] if cell[1].rpartition(" / ")[place] == total[1]], total)
    cancelled = ("demands_by_progress", "cancelled")
    for same in (("demands_by_result", "cancelled"), ("demands_by_decision_time", "undecided")):
        less([same] if same in told else [], cancelled)
    less([("demands_by_receipt_time", "none")] if ("demands_by_receipt_time", "none") in told else [], cancelled)
    recommended = ("demands_by_kind", "recommendation")
    less([("demands_unofficial", "recommendation")] if recommended in told else [], recommended)
    for unit, parts in (
        ("items", [(by, one) for by in ("items_by_outcome", "items_own_terms") for one in ("removed", "restricted")]),
        ("demands", [("demands_by_result", one) for one in ("complied_fully", "complied_partly", "own_terms_only")]),
    ):
        if all(cells[figure] for figure, _ in parts):  # what is left out is not zero
            less([part for part in parts if part in told], (f"{unit}_by_consequence", "acted_on"))
    if ("demands_by_authority", "other") not in told:
        for kind in ("authorised_body", "court", "prosecutor"):
            shown = [cell for cell in cells["demands_by_authority"] if TYPES.get(cell[1]) == kind]
            less(shown, ("demands_by_authority_type", kind))
    return found


def determined(found: list[dict[Cell, int]], told: dict[Cell, str]) -> set[Cell]:
    """The hidden counts that linear algebra alone gives away: elimination over exact fractions."""
    rows = []
    for equation in found:
        row: dict[Cell, Fraction] = {
            cell: Fraction(times) for cell, times in equation.items() if not told[cell].isdigit()
        }
        if row:
            rows.append(row)
    solved: list[tuple[Cell, dict[Cell, Fraction]]] = []
    while rows:
        row = rows.pop()
        for pivot, known in solved:
            if pivot in row:
                row = _less(row, known, row[pivot] / known[pivot])
        if not row:
            continue
        pivot = min(row)
        solved = [
            (name, _less(known, row, known[pivot] / row[pivot]) if pivot in known else known) for name, known in solved
        ]
        solved.append((pivot, row))
    return {name for name, row in solved if len(row) == 1}


def _less(row: dict[Cell, Fraction], other: dict[Cell, Fraction], times: Fraction) -> dict[Cell, Fraction]:
    found = {cell: row.get(cell, Fraction(0)) - times * other.get(cell, Fraction(0)) for cell in row | other}
    return {cell: value for cell, value in found.items() if value}


def test_a_count_that_follows_is_noticed() -> None:
    """The control: with one cover taken off, elimination finds a hidden count."""
    report = a_report(random_tallies(3, 120))
    told = read_json(report)
    total = next(v.shown for f in report.figures if f.figure.id == "demands_told" for v in f.values)
    assert total.isdigit()
    plain = {**told, **{cell: "7" for cell, shown in told.items() if shown == "*"}}
    assert determined(equations(plain), plain)


@pytest.mark.slow
def test_the_document_is_what_its_schema_says() -> None:
    Draft202012Validator.check_schema(document_schema())
    checker = Draft202012Validator(document_schema())
    for report in (a_report(random_tallies(1, 90)), a_report([]), a_report([a_tally()], draft=True)):
        checker.validate(json.loads(report_json(report)))


@pytest.mark.slow
def test_the_control_what_is_no_such_document_is_refused_by_its_schema() -> None:
    checker = Draft202012Validator(document_schema())
    right = json.loads(report_json(a_report(random_tallies(1, 90))))
    assert checker.is_valid(right)
    for name in right:
        assert not checker.is_valid({**right, name: 7.5}), name
        assert not checker.is_valid({other: value for other, value in right.items() if other != name}), name
        assert not checker.is_valid({**right, "more": name})
    for inside in ("figures", "times"):
        for name in right[inside][0]:
            assert not checker.is_valid({**right, inside: [{**right[inside][0], name: 7.5}]}), name
    figure = right["figures"][0]
    for name in figure["values"][0]:
        wrong = {**figure, "values": [{**figure["values"][0], name: 7.5}]}
        assert not checker.is_valid({**right, "figures": [wrong]}), name
    wrong_names: list[Any] = [[], {"body-1": "Body"}, {"body-1": {"en": 1}}]
    for names in wrong_names:
        assert not checker.is_valid({**right, "authorities": names}), names


@pytest.mark.slow
def test_the_same_records_give_the_same_bytes_in_any_order() -> None:
    tallies = random_tallies(2, 80)
    one, other = a_report(tallies), a_report(tallies[::-1])
    assert report_json(one) == report_json(other)
    assert figures_csv(one) == figures_csv(other)
    for lang in LANGUAGES:
        assert page(one, lang) == page(other, lang)


def test_a_rare_word_from_outside_is_not_published() -> None:
    """A legal basis that hardly anybody cites can hold anything; a common one can begin like a formula."""
    tallies = [a_tally(n) for n in range(30)]
    tallies += [a_tally(100 + n, legal_basis=["the case of Somebody Rare"]) for n in range(2)]
    tallies += [a_tally(200 + n, legal_basis=["=cmd()"]) for n in range(9)]
    report = a_report(tallies)
    everything = report_json(report) + figures_csv(report)
    everything += b"".join(page(report, lang) for lang in LANGUAGES)
    writer = LumenLines(report, CATEGORIES)
    everything += b"".join(writer.line(one, ()) for one in tallies)
    assert b"Rare" not in everything
    assert report.value("demands_by_legal_basis", "other").shown == "<5"
    assert b",'=cmd()," in figures_csv(report)


def test_the_page_needs_nothing_and_says_everything_in_words() -> None:
    report = a_report(random_tallies(4, 150), draft=True)
    for lang in LANGUAGES:
        text = page(report, lang).decode()
        outline = Tables()
        outline.feed(text)
        assert not {"script", "link", "img", "iframe", "object"} & outline.tags.keys()
        assert "http" not in text.replace("http-equiv", "")
        assert f'<html lang="{lang}">' in text
        assert 3 < outline.tags["figure"] == text.count('role="img"') <= 6
        assert outline.tags["caption"] == outline.tags["table"]
        assert tables(lang, "transparency")["page"]["draft"] in text
        assert "@media print" in text


@pytest.mark.slow
def test_headlines_come_first_labels_are_whole_and_codes_are_words() -> None:
    long = "Закон «" + "об очень длинном названии " * 8 + "», статья 9"
    tallies = [*random_tallies(4, 400), *(a_tally(900 + n, legal_basis=[long]) for n in range(90))]
    report = a_report(tallies)
    acted = report.value("demands_by_consequence", "acted_on").shown
    for lang in LANGUAGES:
        text = page(report, lang).decode()
        said = tables(lang, "transparency")
        headline = str(escape(said["figure"]["demands_by_consequence"]))
        places = [text.index(one) for one in (headline, "<figure", "<table")]
        assert places == sorted(places)
        assert f"<dd>{acted}</dd>" in text
        assert text.count(str(escape(long))) == 1
        assert "…" not in text
        visible = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)
        assert re.findall(r"\b[a-z]+_[a-z_]+\b", visible) == []
    assert "наркотики" in page(report, "ru").decode()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_category_of_the_policy_has_a_word(lang: Lang) -> None:
    assert kz_policy().categories.keys() - tables(lang, "cases")["category"].keys() == set()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="prints with the system's chromium")
@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_year_is_printed_on_at_most_eight_pages(lang: Lang, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page(a_report(random_tallies(1, 2000)), lang))
    asked = ("--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    subprocess.run(
        ["chromium", *asked, f"file://{tmp_path / 'page.html'}"], check=True, capture_output=True, timeout=90
    )
    assert 0 < len(re.findall(rb"/Type\s*/Page[^s]", (tmp_path / "page.pdf").read_bytes())) <= 8


def test_every_word_of_the_page_is_there_in_three_languages() -> None:
    kk, ru, en = (tables(lang, "transparency") for lang in LANGUAGES)
    assert kk.keys() == ru.keys() == en.keys()
    for said in (kk, ru, en):
        assert said["page"].keys() == en["page"].keys()
        assert said["value"].keys() == en["value"].keys()
        assert said["figure"].keys() == said["definition"].keys() == {one.id for one in FIGURES}
    named = {word for one in FIGURES if not one.free for word in _closed_values(one.definition)}
    assert named - en["value"].keys() == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_is_defined_in_the_language_of_the_page(lang: Lang) -> None:
    """In words of its own, and by the names that its values have on that page."""
    report = a_report(random_tallies(4, 150))
    text = page(report, lang).decode()
    said = tables(lang, "transparency")
    for one in FIGURES:
        told = said["definition"][one.id]
        words = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda code: {**said["value"], **said["figure"]}[code[0]], told)
        assert f"<p>{escape(words)}</p>" in text
        if lang != "en":
            assert [name for name in _closed_values(one.definition) if f"«{said['value'][name]}»" not in told] == []
            assert escape(one.definition) not in text
            assert not re.search("[A-Za-z]{2}", told), told
    assert (said["page"]["unreviewed"] in text) is (lang != "en")


def _closed_values(definition: str) -> set[str]:
    """The values that a definition explains: the words before a colon."""
    found = set()
    for sentence in definition.replace(": ", ":\n").replace(". ", ".\n").split("\n"):
        if sentence.endswith(":") and " " not in sentence.replace(", ", ""):
            found |= set(sentence[:-1].split(", "))
    return found - {"account", "object", "url"} - {""}


def test_what_is_held_back_is_told_from_which_day_on() -> None:
    barred = [a_tally(n, barred=True, barred_until=NOW + DAY) for n in range(9)]
    report = a_report(barred, withheld_until=NOW + 9 * DAY)
    told = tables("en", "transparency")["page"]["withheld"].replace("{day}", local(NOW + 9 * DAY).split(" ")[0])
    assert str(escape(told)) in page(report, "en").decode()


def test_a_demand_counts_by_when_it_was_decided_and_answered() -> None:
    stopped = [["url", "stopped", "", "", "kz", 1]]
    tallies = [a_tally(n) for n in range(7)] + [a_tally(10 + n, took=2 * DAY) for n in range(8)]
    report = a_report([*tallies, *(a_tally(20 + n, state="cancelled", items=stopped) for n in range(9))], threshold=3)
    assert {
        name: {value.value: value.count for one in report.figures if one.figure.id == name for value in one.values}
        for name in ("demands_by_decision_time", "demands_by_receipt_time")
    } == {
        "demands_by_decision_time": {"in_time": 7, "late": 8, "undecided": 9},
        "demands_by_receipt_time": {"in_time": 7, "late": 8, "none": 9},
    }


def test_what_is_held_back_takes_the_number_of_all_demands_and_nothing_else() -> None:
    """Else a few demands that a rule keeps secret would take the whole report with them."""
    barred = [a_tally(100 + n, barred=True, barred_until=NOW + DAY) for n in range(2)]
    report = a_report([*(a_tally(n) for n in range(30)), *barred])
    hidden = {(one.figure.id, value.value) for one in report.figures for value in one.values if value.count is None}
    assert hidden == {
        ("demands", ""), ("demands_by_progress", "open_or_withheld"), ("demands_not_told", "withheld"),
    }  # fmt: skip


@pytest.mark.slow
def test_a_few_demands_and_a_secret_one_show_what_they_can_and_no_more() -> None:
    report = a_report([*random_tallies(1, 12), a_tally(100, barred=True, barred_until=NOW + DAY)], threshold=3)
    assert report.value("demands_told", "").count == 12, "it can be kept, so no other cover is tried"
    assert report.value("demands_by_receipt_time", "late").count is None, "beside it a hidden count would be bounded"


def test_the_authorities_that_are_told_apart_are_named() -> None:
    tallies = [a_tally(n) for n in range(9)] + [a_tally(20 + n, authority=f"rare-{n}") for n in range(9)]
    named = {"body-1": {"kk": "Орган", "ru": "Орган власти", "en": "Authority"}}
    report = a_report(tallies, names={**named, "rare-1": {"en": "A rare one"}})
    assert report.value("demands_by_authority", "other").count == 9
    assert report.names == named


def test_what_several_alike_demands_came_to_is_counted_for_each() -> None:
    report = a_report([a_tally(n, events={"remind": 2}) for n in range(9)])
    assert report.value("reminders", "").count == 18


@pytest.mark.slow
def test_times_are_the_median_and_the_95th_percentile() -> None:
    report = a_report([a_tally(n, took=100 * (n + 1)) for n in range(100)])
    whole = next(t for t in report.times if (t.of, t.by) == ("decision", "all"))
    assert (whole.median_s, whole.p95_s) == (5000, 9500)
    few = a_report([a_tally(n) for n in range(4)])
    assert few.times == ()


def test_a_demand_counts_as_what_its_items_came_to() -> None:
    def result(*items: list[Any]) -> str:
        report = a_report([a_tally(n, items=[list(item) for item in items]) for n in range(9)])
        (found,) = [v.value for f in report.figures if f.figure.id == "demands_by_result" for v in f.values]
        return found

    removed, refused = ["url", "removed", "local_law", "", "kz", 1], ["url", "refused", "", "overbroad", "kz", 1]
    own, gone = ["url", "removed", "terms_of_service", "", "kz", 1], ["url", "not_found", "", "", "kz", 1]
    lifted, stopped = ["url", "restored", "local_law", "", "kz", 1], ["url", "stopped", "", "", "kz", 1]
    unable = ["url", "cannot_comply", "", "", "kz", 1]
    assert result(removed, gone, stopped) == "complied_fully"
    assert result(removed, refused) == result(removed, own) == "complied_partly"
    assert result(own, refused) == "own_terms_only"
    assert result(lifted, refused) == result(lifted) == "reversed"
    assert result(gone) == result(gone, stopped) == "nothing_there"
    assert result(stopped) == "cancelled"
    assert result(refused, gone) == "refused"
    assert result(refused, unable) == "mixed"


def test_a_period_is_not_published_before_its_embargo_is_over() -> None:
    period = Period(START, END)
    with pytest.raises(InvalidInput, match="30 days of embargo"):
        period.refuse_early(END + 30 * 86_400 - 1, 30)
    period.refuse_early(END + 30 * 86_400, 30)
    with pytest.raises(InvalidInput, match="ends before"):
        Period(END, START)
    with pytest.raises(InvalidInput, match="hides nothing"):
        a_report([], threshold=2)


def test_an_empty_period_says_so() -> None:
    report = a_report([])
    assert report.value("demands").shown == "0"
    assert "No demand was received" in page(report, "en").decode()
    assert figures_csv(report).startswith(b"status,figure,dimension,value,count\r\nfinal,demands,,,0\r\n")
