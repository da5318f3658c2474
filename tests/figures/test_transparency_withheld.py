"""What a bar on telling the user keeps out of the public figures: how much is told, and it ends."""

from __future__ import annotations

import json

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.transparency.lumen import LumenLines
from kz_compliance_sdk.transparency.page import page
from kz_compliance_sdk.transparency.report import report_json
from tests.tally_makers import CATEGORIES, DAY, NOW, a_report, a_tally


def test_what_runs_or_is_barred_is_counted_in_one_place_only() -> None:
    told = [a_tally(n) for n in range(20)]
    barred = [a_tally(100 + n, barred=True, barred_until=NOW + 1, category="fraud") for n in range(6)]
    report = a_report([*told, *barred])
    assert report.value("demands").shown == "26"
    assert report.value("demands_by_progress", "open_or_withheld").shown == "6"
    assert report.value("demands_not_told", "withheld").shown == "6"
    assert report.value("demands_told").shown == "20"
    assert report.value("demands_by_category", "fraud").shown == "0"
    over = a_report([*told, *(a_tally(200 + n, barred=True, barred_until=NOW) for n in range(6))])
    assert over.value("demands_told").shown == "26"


def test_a_bar_without_a_near_end_keeps_nothing_out_of_the_figures_for_ever() -> None:
    told = [a_tally(n) for n in range(20)]
    barred = [a_tally(100 + n, barred=True, barred_until=NOW + 27_000 * DAY, category="fraud") for n in range(6)]
    held = a_report([*told, *barred], withheld_until=NOW + 1)
    assert held.value("demands_not_told", "withheld").shown == "6"
    assert json.loads(report_json(held))["withheld_until"] == instant_text(NOW + 1)
    for lang in LANGUAGES:
        assert local(NOW + 1)[:10] in page(held, lang).decode()
    over = a_report([*told, *barred], withheld_until=NOW)
    assert over.value("demands_told").shown == "26"
    assert over.value("demands_not_told", "withheld").shown == "0"
    assert over.value("demands_by_category", "fraud").shown == "6"
    assert over.value("demands_by_secrecy", "barred").shown == "6"
    # A line of its own would tell what the bar forbids to tell.
    lines = LumenLines(over, CATEGORIES)
    assert [lines.may_tell(one) for one in (told[0], barred[0])] == [True, False]


def test_how_many_are_withheld_is_hidden_where_it_is_small() -> None:
    told = [a_tally(n) for n in range(20)]
    barred = [a_tally(100 + n, barred=True, barred_until=NOW + DAY) for n in range(2)]
    report = a_report([*told, *barred], withheld_until=NOW + DAY)
    assert report.value("demands_not_told", "withheld").shown == "<5"
    assert report.value("demands").shown == "*"
