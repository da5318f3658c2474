"""A transparency report as one document (JSON), and the schema of the document."""

from __future__ import annotations

import json
from typing import Any, Final

from kz_compliance_sdk.domain.figures import FIGURES
from kz_compliance_sdk.domain.transparency import TransparencyReport
from kz_compliance_sdk.domain.values import instant_text

__all__ = ["SCHEMA_ID", "document", "document_schema", "report_json"]

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


def document_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""

    def closed(**properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    text, instant = {"type": "string"}, {"type": "string", "format": "date-time"}
    count = {"type": ["integer", "null"], "minimum": 0, "description": "null where the count is hidden"}
    shown = {"type": "string", "pattern": r"^([0-9]+|<[0-9]+|\*)$"}
    seconds = {"type": "integer", "minimum": 0}
    name = {"enum": [one.id for one in FIGURES]}
    value = closed(value=text, count=count, shown=shown)
    figure = closed(
        figure=name,
        unit={"enum": sorted({one.unit for one in FIGURES})},
        definition=text,
        adds_up_to={"type": ["string", "null"]},
        counts_several_times={"type": "boolean"},
        values={"type": "array", "items": value},
    )
    time = closed(
        until={"enum": ["decision", "receipt"]},
        by={"enum": ["all", "category", "authority"]},
        value=text,
        median_s=seconds,
        p95_s=seconds,
    )
    names = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": text}}
    whole = closed(
        schema={"const": SCHEMA_ID},
        status={"enum": ["final", "draft"]},
        platform_id=text,
        period=closed(**{"from": instant, "until": instant}),
        as_of=instant,
        threshold={"type": "integer", "minimum": 3},
        embargo_days={"type": "integer", "minimum": 0},
        withheld_until=instant,
        unrecorded={"type": "array", "items": name},
        left_out={"type": "array", "items": name},
        authorities=names,
        figures={"type": "array", "items": figure},
        times={"type": "array", "items": time},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Transparency report",
        **whole,
    }
