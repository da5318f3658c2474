"""A transparency report as one page: what matters first, no script, nothing to fetch, fit for print.

On the first screen stand the headline figures and a few charts of the largest values; the tables of all figures, each
with its definition, follow. A label is never cut, and no code stands where there is a word for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.words import Lang, Words, provision, words
from kz_compliance_sdk.transparency.report import TransparencyReport, Value

_HEADLINES: Final = (
    ("demands", ""),
    ("demands_told", ""),
    ("demands_by_consequence", "acted_on"),
    ("demands_by_result", "refused"),
    ("items", ""),
    ("items_by_consequence", "acted_on"),
)
_CHARTS: Final = (
    "demands_by_result",
    "demands_by_category",
    "demands_by_authority",
    "demands_by_process",
    "items_by_outcome",
    "demands_by_decision_time",
)
_MOST_BARS = 6
_TABLES: Final = ("value", "category", "figure")
_CODE: Final = re.compile(r"\b[a-z]+(_[a-z]+)+\b")


def page(report: TransparencyReport, lang: Lang) -> bytes:
    """The page in one language, as UTF-8: the same for the same report."""
    say = words(lang, "transparency", "cases")
    text = template("kz_compliance_sdk.transparency", "page.html").render(
        say=say,
        report=report,
        period=f"{local(report.period.start)[:10]} – {local(report.period.end - 1)[:10]} ({say('page', 'timezone')})",
        as_of=local(report.as_of),
        withheld=report.value("demands_not_told", "withheld").shown != "0",
        withheld_until=local(report.withheld_until)[:10],
        named=partial(_name, report=report, say=say),
        defined=lambda figure: _CODE.sub(lambda code: _word(code[0], say), say("definition", figure)),
        headlines=[(_headline(*one, say), report.value(*one)) for one in _HEADLINES],
        charts=[(one, found) for one in _CHARTS if (found := _largest(report.of(one)))],
    )
    return text.encode()


def _name(value: str, *, report: TransparencyReport, say: Words) -> str:
    if not value:
        return say("page", "total")
    first, *rest = value.split(" / ")
    known = report.names.get(first, {})
    name = known.get(say.lang) or known.get("ru") or known.get("en") or _word(first, say)
    return " / ".join([name, *(_word(one, say) for one in rest)])


def _word(code: str, say: Words) -> str:
    """What a code is called: of a value, of a category, of a figure or of a cited provision."""
    return next((found for table in _TABLES if (found := say(table, code)) != code), provision(code, say))


def _headline(figure: str, value: str, say: Words) -> str:
    title = say("figure", figure)
    # What these two are called says already which of their values counts.
    return title if not value or figure.endswith("_by_consequence") else f"{title}: {say('value', value)}"


def _largest(values: Sequence[Value]) -> list[Value]:
    """Those of which a chart has bars, the largest first; none if there is nothing to compare."""
    found = sorted(values, key=lambda value: -(value.count or 0))[:_MOST_BARS]
    return found if found and found[0].count else []
