"""A transparency report as one page: no script, nothing to fetch, every chart beside its table, fit for print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.values import instant_text, json_of
from kz_compliance_sdk.domain.words import Lang, Words, words
from kz_compliance_sdk.transparency.publication import TransparencyReport, Value

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


def _name(value: str, label: Mapping[str, str] | None = None, *, report: TransparencyReport, say: Words) -> str:
    parts = value.split(" / ")
    known = label or report.names.get(parts[0], {})
    found = [known.get(say.lang) or known.get("ru") or known.get("en") or say("value", parts[0])]
    return " / ".join([*found, *(say("value", part) for part in parts[1:])]) or say("page", "total")


def _largest(values: Sequence[Value]) -> list[Value]:
    """Those of which a chart has bars, the largest first."""
    return sorted(values, key=lambda value: -(value.count or 0))[:_MOST_BARS]


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
        **json_of(report, "threshold embargo_days withheld_until left_out"),
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
