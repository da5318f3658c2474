"""The alert rules and the dashboard that are shipped: whatever they ask for is told, under that name and label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

import kz_compliance_sdk
from kz_compliance_sdk.domain.metrics import ATTENTION, METRICS, OTHER, PLATFORM, Metric

FOLDER = Path(kz_compliance_sdk.__file__).parent / "monitoring"
_SAMPLES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
KNOWN: dict[str, Metric] = {f"{m.in_prometheus}{end}": m for m in METRICS for end in _SAMPLES[m.kind]}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked_by_the_dashboard() -> list[str]:
    panels = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]


def selectors(node: Any) -> Iterator[Any]:
    """Every series that an expression asks for."""
    if type(node).__name__ == "VectorSelector":
        yield node
    parts = (getattr(node, name, None) for name in ("lhs", "rhs", "expr", "args", "param", "vector_selector", "vs"))
    for part in parts:
        for one in part if isinstance(part, list) else (part,):
            if one is not None and not isinstance(one, str | float):
                yield from selectors(one)


def wrong_in(expr: str) -> list[str]:
    """What an expression asks for that nothing tells."""
    found, wrong = list(selectors(promql_parser.parse(expr))), []
    if not found:
        wrong.append(f"{expr} asks for nothing")
    for one in found:
        metric = KNOWN.get(one.name)
        if metric is None:
            wrong.append(f"no metric {one.name}")
            continue
        for matcher in one.matchers.matchers:
            if matcher.name == PLATFORM:
                continue
            values = metric.labels.get(matcher.name)
            if values is None:
                wrong.append(f"{one.name} has no label {matcher.name}")
            else:
                wanted = str(matcher.value).split("|") if "Re" in str(matcher.op) else [str(matcher.value)]
                wrong += [f"{one.name}: no {matcher.name} {it}" for it in wanted if it not in {*values, OTHER}]
    grouped = re.findall(r"by \(([^)]*)\)", expr)
    labels = {label for one in found if one.name in KNOWN for label in (*KNOWN[one.name].labels, PLATFORM, "le")}
    return wrong + [f"no label {it}" for by in grouped for it in re.split(r",\s*", by) if it not in labels]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_told(rule: dict[str, Any]) -> None:
    """Its expression parses, and its texts name no label that its result has not."""
    assert wrong_in(rule["expr"]) == []
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "action"}
    assert re.fullmatch(r"\d+[smhd]", rule.get("for", "5m"))
    named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    kept = {label for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in by.split(", ")}
    assert named <= kept


def test_every_panel_asks_for_what_is_told() -> None:
    asked = asked_by_the_dashboard()
    assert [wrong for expr in asked for wrong in wrong_in(expr)] == []
    shown = {KNOWN[one.name].name for expr in asked for one in selectors(promql_parser.parse(expr))}
    assert shown == {metric.name for metric in METRICS}


def test_every_fault_of_the_store_calls_somebody() -> None:
    """Each reason of the health document for which nothing else is asked is in a rule."""
    reasons = {
        one for rule in rules() for it in re.findall(r'reason=~?"([^"]*)"', rule["expr"]) for one in it.split("|")
    }
    by_other_figures = {"watcher_silent", "overdue_cases", "parked_messages"}
    assert reasons - {OTHER} == ATTENTION.labels["reason"] - by_other_figures


def test_what_nothing_tells_is_found() -> None:
    """The control of the checks above."""
    assert wrong_in("kz_compliance_cases_late > 0") == ["no metric kz_compliance_cases_late"]
    assert wrong_in('kz_compliance_attention{reason="tired"} > 0') == ["kz_compliance_attention: no reason tired"]
    assert wrong_in('kz_compliance_cases_overdue{case="1"}') == ["kz_compliance_cases_overdue has no label case"]
    assert wrong_in("max by (case) (kz_compliance_cases_overdue)") == ["no label case"]
    assert wrong_in("time() > bool 0") == ["time() > bool 0 asks for nothing"]
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        wrong_in("max by (")
