"""Figures and spans for whoever watches: through OpenTelemetry where the program uses it, and for Prometheus.

Neither is imported unless it is in use, because no command of the command line should wait for it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from weakref import WeakSet

from kz_compliance_sdk.domain.metrics import HAPPENING, PLATFORM, STANDING, Metric, Operation, Reading
from kz_compliance_sdk.errors import ConfigError, StoreError, kind_and_place
from kz_compliance_sdk.ports.telemetry import Ended

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from opentelemetry.trace import Tracer
    from prometheus_client import CollectorRegistry, Counter, Histogram

_NAME: Final = "kz_compliance_sdk"
_ANEW_S: Final = 1.0
"""For how long what was read from the store is told again: one look of a watcher asks for every metric by itself."""
_log = logging.getLogger("kz_compliance_sdk.telemetry")
Tells = Callable[[float], object]


class Sink(Protocol):
    """One way on which figures leave."""

    def of(self, metric: Metric, values: Sequence[str]) -> Tells:
        """What takes the figures of a metric with these values of its labels, the platform first."""


class Telemetry:
    """What one platform's desk does, told on every way that is open. Safe to share between threads."""

    def __init__(
        self, platform_id: str, monotonic: Callable[[], float], open_telemetry: OpenTelemetry | None = None
    ) -> None:
        self.platform_id, self._monotonic, self._otel = platform_id, monotonic, open_telemetry
        self._sinks: list[Sink] = []
        self._tells: dict[tuple[str, tuple[str, ...]], list[Tells]] = {}
        self._read: Callable[[], Sequence[Reading]] | None = None
        self._readings: tuple[float, Sequence[Reading]] | None = None
        self._reading, self._opening = Lock(), Lock()
        self._registry: CollectorRegistry | None = None
        self._has_failed = False
        if open_telemetry is not None:
            self._sinks.append(open_telemetry)
            open_telemetry.watched.add(self)

    def reads(self, read: Callable[[], Sequence[Reading]] | None) -> None:
        """Where the figures come from that stand in the store; None once it is closed."""
        self._read = read

    def standing(self) -> Sequence[Reading]:
        """The figures that stand in the store, read at most once a second; none while it cannot be read."""
        with self._reading:
            now = self._monotonic()
            if self._readings is None or not 0 <= now - self._readings[0] < _ANEW_S:
                self._readings = now, self._anew()
            return self._readings[1]

    def _anew(self) -> Sequence[Reading]:
        read = self._read
        if read is None:
            return ()
        try:
            return read()
        except StoreError as error:
            _log.warning("the figures of the store cannot be read: %s", error.code)
            return ()

    def begin(self, operation: Operation, case: str = "") -> Ended | None:
        """See the port."""
        if not self._sinks:
            return None
        started, monotonic, metric = self._monotonic(), self._monotonic, operation.metric
        leave = None
        try:
            leave = self._otel.enter(operation, case) if self._otel is not None else None
        except Exception as error:  # noqa: BLE001  a host's own processor of spans
            self._failed(error)

        def ended(**labels: str) -> None:
            values = metric.closed(labels)
            self._tell(metric, monotonic() - started, values)
            if leave is not None:
                try:
                    leave(values)
                except Exception as error:  # noqa: BLE001  as above
                    self._failed(error)

        return ended

    def tell(self, metric: Metric, value: float, **labels: str) -> None:
        """See the port."""
        if self._sinks:
            self._tell(metric, value, metric.closed(labels))

    def _tell(self, metric: Metric, value: float, values: tuple[str, ...]) -> None:
        try:
            tells = self._tells.get((metric.name, values))
            if tells is None:
                with self._opening:
                    tells = [sink.of(metric, (self.platform_id, *values)) for sink in self._sinks]
                    self._tells[metric.name, values] = tells
            for one in tells:
                one(value)
        except Exception as error:  # noqa: BLE001  nothing that is told of may fail by it
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.error("figures and spans cannot be told: %s", kind_and_place(error))

    def prometheus(self) -> CollectorRegistry:
        """A registry with every figure, those that happen from the first call on; the same at each. Raises
        ConfigError."""
        with self._opening:
            if self._registry is None:
                self._registry, sink = _prometheus(self)
                self._sinks.append(sink)
                self._tells.clear()
            return self._registry


# -------------------------------------------------------------------------------------------------------- OpenTelemetry


def open_telemetry() -> OpenTelemetry | None:
    """OpenTelemetry, if the program has imported it by now."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    try:
        return _global()
    except TypeError:  # its histograms take no buckets; nobody asked for it here, so nothing may fail for it
        _log.warning("opentelemetry-api is older than 1.30 and is not used: pip install 'kz-compliance-sdk[otel]'")
        return None


@cache
def _global() -> OpenTelemetry:
    from opentelemetry import metrics, trace

    return OpenTelemetry(trace.get_tracer(_NAME), metrics.get_meter(_NAME))


class OpenTelemetry:
    """The instruments of one meter, and the spans of one tracer. All desks of a process share them, for an instrument
    is made once."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        from opentelemetry import context, trace

        self._tracer, self._context, self._trace = tracer, context, trace
        self.watched: WeakSet[Telemetry] = WeakSet()
        self._instruments = {metric.name: _instrument(meter, metric) for metric in HAPPENING}
        for metric in STANDING:
            make = meter.create_observable_gauge if metric.kind == "gauge" else meter.create_observable_counter
            make(metric.name, [partial(self._observed, metric)], metric.unit, metric.told)

    def of(self, metric: Metric, values: Sequence[str]) -> Tells:
        labels = dict(zip((PLATFORM, *metric.labels), values, strict=True))
        return partial(self._instruments[metric.name], attributes=labels)

    def _observed(self, metric: Metric, _options: CallbackOptions) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation

        names = (PLATFORM, *metric.labels)
        for one in list(self.watched):
            for read, values, figure in one.standing():
                if read is metric:
                    yield Observation(figure, dict(zip(names, (one.platform_id, *values), strict=True)))

    def enter(self, operation: Operation, case: str) -> Callable[[tuple[str, ...]], None] | None:
        """Begin its span, if it has one; what is returned ends it."""
        if not (operation.alone or self._trace.get_current_span().is_recording()):
            return None
        span = self._tracer.start_span(operation.name, attributes={"kz_compliance.case": case} if case else None)
        # One that is not sampled is entered too, or what happens within it would begin traces of its own.
        if not span.get_span_context().is_valid:
            return None
        within = self._context.attach(self._trace.set_span_in_context(span)) if operation.within else None

        def leave(values: tuple[str, ...]) -> None:
            if within is not None:
                self._context.detach(within)
            span.set_attributes(dict(zip(operation.attributes, values, strict=True)))
            span.end()

        return leave


def _instrument(meter: Meter, metric: Metric) -> Callable[..., object]:
    if metric.kind == "counter":
        return meter.create_counter(metric.name, metric.unit, metric.told).add
    histogram = meter.create_histogram(
        metric.name, metric.unit, metric.told, explicit_bucket_boundaries_advisory=metric.bounds
    )
    return histogram.record


# ----------------------------------------------------------------------------------------------------------- Prometheus


def _prometheus(telemetry: Telemetry) -> tuple[CollectorRegistry, Sink]:
    try:
        from prometheus_client import CollectorRegistry, Counter, Histogram
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
        from prometheus_client.registry import Collector
    except ImportError:
        raise ConfigError(
            "prometheus_client is not installed.",
            field="extra",
            remedy="Run: pip install 'kz-compliance-sdk[prometheus]'",
        ) from None

    class Standing(Collector):
        def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
            readings = telemetry.standing()
            for metric in STANDING:
                family = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
                found = family(metric.in_prometheus, metric.told, labels=(PLATFORM, *metric.labels))
                for read, values, figure in readings:
                    if read is metric:
                        found.add_metric((telemetry.platform_id, *values), figure)
                yield found

        def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
            return ()  # without it the store would be read to learn the names

    registry = CollectorRegistry()
    registry.register(Standing())
    made: dict[str, Counter | Histogram] = {}
    for metric in HAPPENING:
        names = (PLATFORM, *metric.labels)
        if metric.kind == "counter":
            made[metric.name] = Counter(metric.in_prometheus, metric.told, names, registry=registry)
        else:
            made[metric.name] = Histogram(
                metric.in_prometheus, metric.told, names, registry=registry, buckets=metric.bounds
            )
    return registry, _Registered(made)


class _Registered:
    def __init__(self, made: dict[str, Counter | Histogram]) -> None:
        self._made = made

    def of(self, metric: Metric, values: Sequence[str]) -> Tells:
        child: Any = self._made[metric.name].labels(*values)
        return cast("Tells", child.inc if metric.kind == "counter" else child.observe)
