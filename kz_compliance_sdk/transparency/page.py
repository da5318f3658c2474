"""A transparency report as one page: no script, nothing to fetch, every chart beside its table, fit for print."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.words import Lang, Words, words
from kz_compliance_sdk.transparency.report import TransparencyReport, Value

_MOST_BARS = 25


def page(report: TransparencyReport, lang: Lang) -> bytes:
    """The page in one language, as UTF-8: the same for the same report."""
    say = words(lang, "transparency")
    text = template("kz_compliance_sdk.transparency", "page.html").render(
        say=say,
        report=report,
        period=f"{local(report.period.start)[:10]} – {local(report.period.end - 1)[:10]} ({say('page', 'timezone')})",
        as_of=local(report.as_of),
        withheld=report.value("demands_not_told", "withheld").shown != "0",
        withheld_until=local(report.withheld_until)[:10],
        named=partial(_name, report=report, say=say),
        largest_of=_largest,
    )
    return text.encode()


def _name(value: str, *, report: TransparencyReport, say: Words) -> str:
    parts = value.split(" / ")
    known = report.names.get(parts[0], {})
    found = [known.get(say.lang) or known.get("ru") or known.get("en") or say("value", parts[0])]
    return " / ".join([*found, *(say("value", part) for part in parts[1:])]) or say("page", "total")


def _largest(values: Sequence[Value]) -> list[Value]:
    """Those of which a chart has bars, the largest first."""
    return sorted(values, key=lambda value: -(value.count or 0))[:_MOST_BARS]
