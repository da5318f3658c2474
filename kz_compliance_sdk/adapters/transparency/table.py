"""A transparency report as a table for programs (CSV)."""

from __future__ import annotations

import csv
import io

from kz_compliance_sdk.domain.transparency import TransparencyReport

__all__ = ["figures_csv"]

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
