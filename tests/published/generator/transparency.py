"""The JSON Schema of a transparency report, as `docs/contract` publishes it."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.transparency.figures import FIGURES
from kz_compliance_sdk.transparency.report import SCHEMA_ID


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
        status={"enum": ["final", "draft", "revised"]},
        platform_id=text,
        period=closed(**{"from": instant, "until": instant}),
        as_of=instant,
        revision={"type": "integer", "minimum": 0},
        threshold={"type": "integer", "minimum": 3},
        embargo_days={"type": "integer", "minimum": 0},
        withheld_until=instant,
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
