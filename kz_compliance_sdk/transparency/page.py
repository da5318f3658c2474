"""A transparency report as one page: no script, nothing to fetch, every chart beside its table, fit for print."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.transparency.figures import Figure
from kz_compliance_sdk.transparency.report import PublishedFigure, PublishedTime, TransparencyReport, Value

__all__ = ["LANGUAGES", "Language", "definition", "page", "texts"]

Language = Literal["kk", "ru", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("kk", "ru", "en")

_BAR, _GAP, _NAMES, _WIDE = 22, 8, 260, 720
_MOST_BARS = 25


@cache
def texts(lang: Language) -> Mapping[str, Mapping[str, str]]:
    """The words of the page in one language: those of the `page`, the titles of each `figure` and, but in English, its
    `definition`, and the name of each `value`."""
    folder = files("kz_compliance_sdk.transparency")
    return tomllib.loads(folder.joinpath(f"text_{lang}.toml").read_text(encoding="utf-8"))


def definition(figure: Figure, lang: Language) -> str:
    """What a figure counts, in one language. The English words stand with the figures."""
    return figure.definition if lang == "en" else texts(lang)["definition"][figure.id]


def page(report: TransparencyReport, lang: Language) -> bytes:
    """The page in one language, as UTF-8: the same for the same report."""
    said = texts(lang)["page"]
    text = template("kz_compliance_sdk.transparency", "page.html").render(
        say=said,
        lang=lang,
        report=report,
        period=f"{local(report.period.start)[:10]} – {local(report.period.end - 1)[:10]} ({said['timezone']})",
        as_of=local(report.as_of),
        withheld=report.value("demands_not_told", "withheld").shown != "0",
        withheld_until=local(report.withheld_until)[:10],
        figures=[_figure(report, one, lang) for one in report.figures],
        times=[_time(report, one, lang) for one in report.times],
    )
    return text.encode()


def _figure(report: TransparencyReport, one: PublishedFigure, lang: Language) -> Mapping[str, Any]:
    rows = [(_name(value, report, lang), value) for value in one.values]
    return {
        "id": one.figure.id,
        "title": texts(lang)["figure"][one.figure.id],
        "definition": definition(one.figure, lang),
        "alone": one.values[0] if len(one.values) == 1 and not one.values[0].value else None,
        "rows": rows,
        "chart": _chart(rows),
    }


def _name(value: Value, report: TransparencyReport, lang: Language) -> str:
    parts = value.value.split(" / ")
    label = value.label or report.names.get(parts[0], {})
    found = [label.get(lang) or label.get("ru") or label.get("en") or _word(parts[0], lang)]
    return " / ".join([*found, *(_word(part, lang) for part in parts[1:])]) or texts(lang)["page"]["total"]


def _word(value: str, lang: Language) -> str:
    return texts(lang)["value"].get(value, value)


def _chart(rows: list[tuple[str, Value]]) -> Mapping[str, Any] | None:
    """Bars for the largest values. A hidden count has no bar, whose length would tell it."""
    largest = sorted(rows, key=lambda row: -(row[1].count or 0))[:_MOST_BARS]
    most = max((value.count or 0 for _, value in largest), default=0)
    if not most:
        return None
    bars = [
        {
            "y": number * (_BAR + _GAP),
            "label": label if len(label) <= 36 else f"{label[:35]}…",
            "width": round(value.count / most * (_WIDE - _NAMES - 90), 1) if value.count else None,
            "shown": value.shown,
        }
        for number, (label, value) in enumerate(largest)
    ]
    return {
        "wide": _WIDE,
        "height": len(largest) * (_BAR + _GAP),
        "left": _NAMES,
        "bar": _BAR,
        "bars": bars,
        "told": "; ".join(f"{label}: {value.shown}" for label, value in largest),
    }


def _time(report: TransparencyReport, one: PublishedTime, lang: Language) -> Mapping[str, str]:
    words = texts(lang)["page"]
    value = f": {_name(Value(one.value, 0, ''), report, lang)}" if one.value else ""
    return {
        "until": words[f"until_{one.of}"],
        "of": f"{words[f'by_{one.by}']}{value}",
        "median": _span(one.median_s, words),
        "p95": _span(one.p95_s, words),
    }


def _span(seconds: int, words: Mapping[str, str]) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} {words['hours']} {minutes:02} {words['minutes']}"
