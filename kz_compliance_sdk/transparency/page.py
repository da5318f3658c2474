"""A transparency report as one page: no script, nothing to fetch, every chart beside its table, fit for print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.values import instant_text, json_of
from kz_compliance_sdk.domain.words import Lang, Words, words
from kz_compliance_sdk.transparency.publication import PublishedFigure, PublishedTime, TransparencyReport, Value

_BAR, _GAP, _NAMES, _WIDE = 22, 8, 260, 720
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
        figures=[_figure(report, one, say) for one in report.figures],
        times=[_time(report, one, say) for one in report.times],
    )
    return text.encode()


def _figure(report: TransparencyReport, one: PublishedFigure, say: Words) -> Mapping[str, Any]:
    rows = [(_name(value, report, say), value) for value in one.values]
    return {
        "id": one.figure.id,
        "title": say("figure", one.figure.id),
        "definition": say("definition", one.figure.id),
        "alone": one.values[0] if len(one.values) == 1 and not one.values[0].value else None,
        "rows": rows,
        "chart": _chart(rows),
    }


def _name(value: Value, report: TransparencyReport, say: Words) -> str:
    parts = value.value.split(" / ")
    label = value.label or report.names.get(parts[0], {})
    found = [label.get(say.lang) or label.get("ru") or label.get("en") or say("value", parts[0])]
    return " / ".join([*found, *(say("value", part) for part in parts[1:])]) or say("page", "total")


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
            "width": round(value.count / most * (_WIDE - _NAMES - 90)) if value.count else None,
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


def _time(report: TransparencyReport, one: PublishedTime, say: Words) -> Mapping[str, str]:
    value = f": {_name(Value(one.value, 0, ''), report, say)}" if one.value else ""
    return {
        "until": say("page", f"until_{one.of}"),
        "of": f"{say('page', f'by_{one.by}')}{value}",
        "median": _span(one.median_s, say),
        "p95": _span(one.p95_s, say),
    }


def _span(seconds: int, say: Words) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} {say('page', 'hours')} {minutes:02} {say('page', 'minutes')}"


# -------------------------------------------------------------------------------------------------------------- forms
# A transparency report for programs: one document (JSON) and a table (CSV).


SCHEMA_ID: Final = "https://kz-compliance.example/schemas/transparency-report-v1.json"


def document(report: TransparencyReport) -> dict[str, Any]:
    """The report as one document of plain JSON values."""
    return {
        "schema": SCHEMA_ID,
        "status": "draft" if report.draft else "final",
        "platform_id": report.platform_id,
        "period": {"from": instant_text(report.period.start), "until": instant_text(report.period.end)},
        "as_of": instant_text(report.as_of),
        **json_of(report, "threshold embargo_days withheld_until unrecorded left_out"),
        "authorities": {name: dict(label) for name, label in report.names.items()},
        "figures": [
            {
                **json_of(one.figure, "figure:id unit definition adds_up_to:of? counts_several_times:many"),
                "values": [json_of(value, "value count shown") for value in one.values],
            }
            for one in report.figures
        ],
        "times": [json_of(time, "until:of by value median_s p95_s") for time in report.times],
    }


def report_json(report: TransparencyReport) -> bytes:
    """The document as bytes: the same for the same report."""
    return json.dumps(document(report), ensure_ascii=False, indent=2).encode() + b"\n"


_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEAD = ("status", "figure", "dimension", "value", "count")


def figures_csv(report: TransparencyReport) -> bytes:
    """One count to a row, in UTF-8: `status, figure, dimension, value, count`. A hidden count has its sign (`<5`, `*`).
    Times are rows of `seconds_to_decision` and `seconds_to_receipt`, in seconds."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_HEAD)
    status = "draft" if report.draft else "final"
    for one in report.figures:
        figure, _, dimension = one.figure.id.partition("_by_")
        rows.writerows((status, figure, dimension, _harmless(value.value), value.shown) for value in one.values)
    for t in report.times:
        value = _harmless(t.value)
        for name, seconds in (("median", t.median_s), ("p95", t.p95_s)):
            rows.writerow((status, f"seconds_to_{t.of}_{name}", "" if t.by == "all" else t.by, value, seconds))
    return out.getvalue().encode()


def _harmless(value: str) -> str:
    """A value came from outside, and a spreadsheet must not take it for a formula."""
    return f"'{value}" if value.startswith(_BEGINS_A_FORMULA) else value
