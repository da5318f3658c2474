"""The page of the metrics and the dashboard, made from what is measured."""

from __future__ import annotations

import json
from typing import Any

from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.metrics import (
    EVENTS,
    HAPPENING,
    OLDEST_DUE,
    OPERATIONS,
    STANDING,
    Metric,
)

_HEAD = """\
<!-- Made from what is measured by `python -m tests.generate`. Do not edit. -->

# Metrics

[Operations](../operations.md#metrics-and-spans) says how to switch them on. Each has the label `platform`, the
`platform_id` of the settings, beside those named here. A label has one of few values, all of which stand here; whatever
else comes in is told as `other`. No label holds a reference, a name, an address or a word of anybody.
"""

_SPANS = """\
## Spans

Of OpenTelemetry alone. The attributes are the labels of the span's metric, as `kz_compliance.` and the label. A
delivery has the reference of its case beside them (`kz_compliance.case`), which stands in alerts and logs too. There is
nothing else in them: no address, no text of an error.

| Span | Its metric | |
|---|---|---|
"""


def metrics_page() -> str:
    """Each metric under both names, with its unit and the values of its labels."""
    return "\n".join(
        [
            _HEAD,
            *_table("What happens", "Told by the process in which it happens: add the processes up.", HAPPENING),
            *_table("What stands", "Read from the store: every process tells the same, so take one of them.", STANDING),
            "## Values of labels\n",
            *_values(),
            _SPANS + "\n".join(_spans()),
            "",
        ]
    )


def _table(title: str, told: str, some: tuple[Metric, ...]) -> list[str]:
    head = "| OpenTelemetry | Prometheus | Kind, unit | Labels | |\n|---|---|---|---|---|"
    lines = [f"## {title}\n", f"{told}\n", head]
    for metric in some:
        labels, kind = ", ".join(f"`{name}`" for name in metric.labels), f"{metric.kind}, `{metric.unit}`"
        lines.append(f"| `{metric.name}` | `{metric.in_prometheus}` | {kind} | {labels} | {metric.told} |")
    return [*lines, ""]


def _values() -> list[str]:
    lines = []
    for metric in (*HAPPENING, *STANDING):
        for name, values in metric.labels.items():
            said = (
                f"every kind of event of [the ledger](../concepts/ledger.md), {len(KINDS)} of them"
                if metric is EVENTS
                else ", ".join(f"`{value}`" for value in sorted(values))
            )
            lines.append(f"- `{metric.name}`, `{name}`: {said}.")
    return [*lines, ""]


def _spans() -> list[str]:
    def told(within: bool, alone: bool) -> str:
        if not alone:
            return "only inside of a trace of the host, for by itself it tells no more than its metric"
        return "holds the spans of what is called in it" if within else "stands by itself"

    return [f"| `{one.name}` | `{one.metric.name}` | {told(one.within, one.alone)} |" for one in OPERATIONS]


# ------------------------------------------------------------------------------------------------------------ dashboard

_MINE = '{platform=~"$platform"}'
_RATE = "[$__rate_interval]"


def dashboard() -> str:
    """For Grafana: a panel for each metric, what stands first."""
    panels = [_panel(number, metric) for number, metric in enumerate((*STANDING, *HAPPENING))]
    document = {
        "title": "kz-compliance",
        "uid": "kz-compliance",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "platform",
                    "type": "query",
                    "datasource": {"type": "prometheus", "uid": "${datasource}"},
                    "query": "label_values(kz_compliance_cases_overdue, platform)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                },
            ]
        },
        "panels": panels,
    }
    return json.dumps(document, indent=1) + "\n"


def _panel(number: int, metric: Metric) -> dict[str, Any]:
    asked = _asks(metric)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": metric.name.removeprefix("kz_compliance."),
        "description": metric.told,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 7, "w": 8, "x": number % 3 * 8, "y": number // 3 * 7},
        "fieldConfig": {"defaults": {"unit": "s" if metric.unit == "s" else "short"}, "overrides": []},
        "targets": [
            {"refId": chr(65 + place), "expr": expr, "legendFormat": legend}
            for place, (expr, legend) in enumerate(asked)
        ],
    }


def _asks(metric: Metric) -> list[tuple[str, str]]:
    name, by = metric.in_prometheus, ", ".join(("platform", *metric.labels))
    legend = " ".join(f"{{{{{label}}}}}" for label in ("platform", *metric.labels))
    if metric.kind == "histogram":
        rate = f"sum by (le, platform) (rate({name}_bucket{_MINE}{_RATE}))"
        quantiles = [(f"histogram_quantile({q}, {rate})", f"p{q * 100:.0f} {{{{platform}}}}") for q in (0.5, 0.99)]
        return [*quantiles, (f"sum by ({by}) (rate({name}_count{_MINE}{_RATE}))", f"{legend} a second")]
    if metric.kind == "counter":
        happens = "sum" if metric in HAPPENING else "max"
        return [(f"{happens} by ({by}) (rate({name}{_MINE}{_RATE}))", legend)]
    if metric is OLDEST_DUE:
        return [(f"min by ({by}) ({name}{_MINE}) - time()", f"{legend} left")]
    if metric.unit == "s":
        return [(f"time() - max by ({by}) ({name}{_MINE})", f"{legend} ago")]
    return [(f"max by ({by}) ({name}{_MINE})", legend)]
