"""A transparency report for programs: one document (JSON) and a table (CSV)."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Final

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.transparency.report import TransparencyReport

SCHEMA_ID: Final = "https://kz-compliance.example/schemas/transparency-report-v1.json"


def document(report: TransparencyReport) -> dict[str, Any]:
    """The report as one document of plain JSON values."""
    return {
        "schema": SCHEMA_ID,
        "status": "draft" if report.draft else "final",
        "platform_id": report.platform_id,
        "period": {"from": instant_text(report.period.start), "until": instant_text(report.period.end)},
        "as_of": instant_text(report.as_of),
        "threshold": report.threshold,
        "embargo_days": report.embargo_days,
        "withheld_until": instant_text(report.withheld_until),
        "unrecorded": list(report.unrecorded),
        "left_out": list(report.left_out),
        "authorities": {name: dict(label) for name, label in report.names.items()},
        "figures": [
            {
                "figure": one.figure.id,
                "unit": one.figure.unit,
                "definition": one.figure.definition,
                "adds_up_to": one.figure.of or None,
                "counts_several_times": one.figure.many,
                "values": [{"value": v.value, "count": v.count, "shown": v.shown} for v in one.values],
            }
            for one in report.figures
        ],
        "times": [
            {"until": t.of, "by": t.by, "value": t.value, "median_s": t.median_s, "p95_s": t.p95_s}
            for t in report.times
        ],
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
