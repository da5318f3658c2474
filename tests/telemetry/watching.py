"""A desk that somebody watches: an SDK of OpenTelemetry that keeps what it is told, and Prometheus beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kz_compliance_sdk import assembly
from kz_compliance_sdk.adapters.telemetry import OpenTelemetry
from tests.driver import Driver

Labels = frozenset[tuple[str, str]]


class Watched(Driver):
    """A driver whose desk is watched on both ways. The platform is in every label, and left out here."""

    def __init__(self, folder: Path, processor: SpanProcessor | None = None, **policy: Any) -> None:
        self.spans, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        traces = TracerProvider()
        traces.add_span_processor(processor or SimpleSpanProcessor(self.spans))
        self.tracer = traces.get_tracer("test")
        self._meters = MeterProvider([self.reader])
        super().__init__(folder, **policy)

    def start(self) -> None:
        listens = OpenTelemetry(self.tracer, self._meters.get_meter("test"))
        with mock.patch.object(assembly, "open_telemetry", return_value=listens):
            super().start()
        self.desk.store.telemetry = self.desk.telemetry  # type: ignore[attr-defined]  # the driver's own store
        self.registry = self.desk.metrics()

    def told(self) -> dict[str, dict[Labels, float]]:
        """What OpenTelemetry was told: by name and labels the figure, of a histogram how many there were."""
        self.wait(2)
        found: dict[str, dict[Labels, float]] = {}
        data = self.reader.get_metrics_data()
        for metric in (m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics) if data else ():
            for point in metric.data.data_points:
                labels = _labels(self.platform_id, dict(point.attributes or {}))
                figure = point.value if isinstance(point, NumberDataPoint) else point.count
                found.setdefault(metric.name, {})[labels] = figure
        return found

    def shown(self) -> dict[str, dict[Labels, float]]:
        """What Prometheus reads: by the name of the sample and its labels the figure."""
        self.wait(2)
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(generate_latest(self.registry).decode()):
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    found.setdefault(sample.name, {})[_labels(self.platform_id, sample.labels)] = sample.value
        return found

    def named(self, name: str) -> Iterator[ReadableSpan]:
        """The spans of one operation that have ended."""
        return (span for span in self.spans.get_finished_spans() if span.name == f"kz_compliance.{name}")


def _labels(platform: str, labels: Mapping[str, Any]) -> Labels:
    assert labels["platform"] == platform
    return frozenset((name, value) for name, value in labels.items() if name != "platform")


def by(**labels: str) -> Labels:
    return frozenset(labels.items())
