"""What a desk tells whoever watches it: each figure and span, and that no label holds what is somebody's own."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import pytest
from opentelemetry import metrics as metrics_api
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import generate_latest
from psycopg.errors import AdminShutdown, DiskFull, InsufficientPrivilege, OperationalError, SerializationFailure

from kz_compliance_sdk import assembly
from kz_compliance_sdk.adapters import telemetry as adapter
from kz_compliance_sdk.adapters.sql.engines import store_error
from kz_compliance_sdk.adapters.sql.files import CUT, MOVED
from kz_compliance_sdk.adapters.sql.mark import BEHIND
from kz_compliance_sdk.adapters.telemetry import OpenTelemetry, Telemetry
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain import metrics
from kz_compliance_sdk.domain.change import EndpointState, Heartbeat
from kz_compliance_sdk.domain.metrics import COMMAND, EVENTS, METRICS, OPERATIONS, RECEIVE, Metric
from kz_compliance_sdk.errors import ConfigError, NotAllowed, StoreError
from kz_compliance_sdk.faces.wsgi import wsgi_app
from kz_compliance_sdk.services import deadlines, health, outcomes
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.services.deadlines import STEPPED
from kz_compliance_sdk.services.reconcile import BOOKS
from kz_compliance_sdk.services.sweep import SWEEPER
from kz_compliance_sdk.wire.signature.keyring import RefusalReason
from kz_compliance_sdk.wire.v1 import MessageType
from tests.driver import CLERK, VISITOR, Driver
from tests.telemetry.watching import Watched, by


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.stop()


def a_day(d: Watched) -> str:
    """A notice from its arrival to the receipt; one that is of no use, one that is forged, and somebody who may not."""
    d.watch()
    case = d.issue(1)
    d.break_off(2)
    assert d.push_bytes(b"{}", "forged", forged=True)["status"] == 401
    with pytest.raises(NotAllowed):
        d.claim(VISITOR, case)
    d.decide(case)
    assert d.deliver() > 0
    return case


@pytest.mark.slow
def test_each_thing_that_happens_is_told_once_on_both_ways(watched: Watched) -> None:
    """Intake by message and answer, steps by outcome, attempts by result, events by kind: the same figures."""
    a_day(watched)
    told, shown = watched.told(), watched.shown()

    intake = told[RECEIVE.metric.name]
    assert intake == {
        by(message="notice.issued", status="202"): 1,
        by(message="unreadable", status="422"): 1,
        by(message="none", status="401"): 1,
    }
    assert shown["kz_compliance_intake_duration_seconds_count"] == intake
    steps = told[COMMAND.metric.name]
    assert steps[by(command="Claim", outcome="NotAllowed")] == 1
    assert steps[by(command="Claim", outcome="done")] == 1
    assert steps[by(command="Propose", outcome="done")] == 1
    assert shown["kz_compliance_command_duration_seconds_count"] == steps
    attempts = told["kz_compliance.delivery.duration"]
    assert attempts[by(endpoint="enforcer", result="in_force")] == 1
    assert attempts[by(endpoint="regulator", result="delivered")] >= 1
    assert shown["kz_compliance_delivery_duration_seconds_count"] == attempts
    events = told[EVENTS.name]
    assert (events[by(kind="opened")], events[by(kind="quarantined")]) == (1, 1)
    assert shown["kz_compliance_events_total"] == events
    commits = told["kz_compliance.commit.duration"]
    assert told["kz_compliance.commit.works"][by()] == commits[by(outcome="done")]
    assert shown["kz_compliance_commit_works_count"][by()] == commits[by(outcome="done")]


@pytest.mark.slow
def test_events_are_those_of_the_ledger(watched: Watched) -> None:
    """One source: as many events are told as the ledger has."""
    a_day(watched)
    with watched.desk.store.engine.connect() as connection:  # type: ignore[attr-defined]
        held = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
    assert sum(watched.told()[EVENTS.name].values()) == held > 0


def test_a_commit_that_fails_tells_no_event(watched: Watched) -> None:
    """What was rolled back did not happen."""
    watched.commit_fails(lands=False)
    before = watched.told()[EVENTS.name]
    assert watched.push("notice.issued", watched.notice(2))["status"] == 503
    told = watched.told()
    assert told["kz_compliance.commit.duration"][by(outcome="rolled_back")] >= 1
    assert told[EVENTS.name] == before
    assert told[RECEIVE.metric.name][by(message="notice.issued", status="503")] == 1


def test_a_commit_that_landed_in_spite_of_an_error_tells_its_events(watched: Watched) -> None:
    watched.commit_fails(lands=True)
    assert watched.push("notice.issued", watched.notice(1))["status"] == 202
    assert watched.told()[EVENTS.name][by(kind="opened")] == 1


@pytest.mark.slow
def test_what_stands_is_what_the_health_document_says(watched: Watched) -> None:
    """The same figures as health, on both ways: nothing is counted a second time."""
    a_day(watched)
    watched.enter(CLERK, 7)
    watched.regulator_refuses()
    watched.issue(8)
    watched.wait(90_000)
    watched.watch()
    watched.deliver()
    watched.wait(60)
    document, told, shown = watched.desk.health_document(), watched.told(), watched.shown()

    assert {dict(labels)["state"]: count for labels, count in told["kz_compliance.cases.open"].items()} == document[
        "open_cases"
    ]
    for name, key in (
        ("cases.overdue", "overdue"),
        ("cases.suspended", "suspended"),
        ("cases.withheld", "withheld"),
        ("messages.undelivered", "undelivered"),
        ("messages.parked", "parked"),
        ("users.not_told", "users_not_told"),
    ):
        assert told[f"kz_compliance.{name}"] == {by(): document[key]}, name
    assert document["overdue"] == 3
    attention = told["kz_compliance.attention"]
    assert {dict(labels)["reason"] for labels, holds in attention.items() if holds} == set(document["attention"])
    assert {dict(labels)["part"] for labels in told["kz_compliance.part.last_run_timestamp"]} == set(document["parts"])
    assert told["kz_compliance.intake.refusals"] == {by(code="signature_wrong"): 1}
    assert told["kz_compliance.cases.oldest_due_timestamp"][by()] < watched.clock()
    for metric in metrics.STANDING:
        assert shown.get(metric.in_prometheus, {}) == told.get(metric.name, {}), metric.name


def test_a_clock_that_was_set_and_a_step_of_the_ladder_are_told(watched: Watched) -> None:
    """Each case whose times moved, and each time that somebody was called."""
    for n in (1, 2):
        watched.issue(n)
    watched.watch()
    assert not {by(kind="escalated"), by(kind="clock_stepped")} & watched.told()[EVENTS.name].keys()
    watched.clock.step(-7_200)
    watched.watch()
    watched.wait(80_000)
    watched.watch()
    told = watched.told()[EVENTS.name]
    assert told[by(kind="clock_stepped")] == 2
    assert told[by(kind="escalated")] == 2


def test_spans_say_what_was_done_and_nest(watched: Watched) -> None:
    """A delivery holds whatever its call does; a message that came has a span where its host traces the request."""
    seen = []

    def calls_out(_message: object) -> None:
        with watched.tracer.start_as_current_span("the client's own"):
            seen.append(True)

    watched.regulator.faults.append(calls_out)
    with watched.tracer.start_as_current_span("a request of the host") as request:
        case = watched.issue(1)
    watched.decide(case)
    watched.deliver()

    (received,) = watched.named("receive")
    assert received.parent is not None
    assert received.parent.span_id == request.get_span_context().span_id
    assert received.attributes == {"kz_compliance.message": "notice.issued", "kz_compliance.status": "202"}
    inner = next(span for span in watched.spans.get_finished_spans() if span.name == "the client's own")
    delivered = {span.context.span_id: span for span in watched.named("deliver") if span.context is not None}
    assert seen
    assert inner.parent is not None
    assert delivered[inner.parent.span_id].attributes == {
        "kz_compliance.case": case,
        "kz_compliance.endpoint": "regulator",
        "kz_compliance.result": "delivered",
    }
    assert any((span.attributes or {})["kz_compliance.command"] == "Propose" for span in watched.named("command"))
    assert all((span.attributes or {})["kz_compliance.outcome"] == "done" for span in watched.named("commit"))


def test_what_happens_in_a_delivery_that_is_not_sampled_is_not_either(tmp_path: Path) -> None:
    """No trace begins in the midst of one that was left out."""
    kept = InMemorySpanExporter()
    traces = TracerProvider(sampler=ALWAYS_OFF)
    traces.add_span_processor(SimpleSpanProcessor(kept))
    listens, clients = OpenTelemetry(traces.get_tracer("t"), metrics_api.get_meter("t")), []

    def calls_out(_message: object) -> None:
        clients.append(trace.get_current_span().get_span_context())

    with mock.patch.object(assembly, "open_telemetry", return_value=listens):
        d = Driver(tmp_path)
    d.regulator.faults.append(calls_out)
    d.issue(1)
    d.deliver()
    d.stop()
    assert [one.is_valid for one in clients] == [True]
    assert kept.get_finished_spans() == ()


def test_a_message_by_itself_has_no_span(watched: Watched) -> None:
    watched.issue(1)
    assert list(watched.named("receive")) == []
    assert list(watched.named("commit")) != []


def test_what_is_refused_by_its_head_is_told(watched: Watched) -> None:
    """Before a body is read: a sender whose proxy mangles the head must be seen too."""
    app = wsgi_app(watched.desk)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/notices", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "0"}
    assert app(environ, lambda status, _headers: status)
    assert watched.told()[RECEIVE.metric.name] == {by(message="none", status="415"): 1}


# --------------------------------------------------------------------------------------------------------------- labels


def closed() -> dict[str, dict[str, frozenset[str]]]:
    return {metric.name: {**metric.labels} for metric in METRICS}


@pytest.mark.slow
def test_no_label_has_a_value_that_is_not_on_its_list(watched: Watched) -> None:
    """Over a run of every kind of operation; a span has one thing more, the reference of a case."""
    case = a_day(watched)
    lists = closed()
    for name, points in watched.told().items():
        for labels in points:
            assert {label for label, _ in labels} == lists[name].keys(), name
            assert all(value in lists[name][label] for label, value in labels), (name, labels)
    for span in watched.spans.get_finished_spans():
        (operation,) = [one for one in OPERATIONS if one.name == span.name]
        attributes = dict(span.attributes or {})
        assert attributes.pop("kz_compliance.case", case) in {case, *(c["case"] for c in watched.cases())}
        assert set(attributes) == set(operation.attributes)
        for name, value in attributes.items():
            assert value in operation.metric.labels[name.removeprefix("kz_compliance.")]
        assert (span.events, span.status.description) == ((), None)


def test_a_value_that_nobody_listed_is_told_as_other(watched: Watched) -> None:
    """The control: a name that comes into a label does not leave."""
    watched.desk.telemetry.tell(EVENTS, 1, kind="Айгерим Сапарова")
    assert watched.told()[EVENTS.name] == {by(kind="other"): 1}
    assert "Айгерим" not in str(watched.shown())


def test_what_nobody_listed_is_told_once(watched: Watched) -> None:
    """Two channels of the platform's own, parts of a release to come: Prometheus refuses what comes twice."""
    ways = [EndpointState(watched.platform_id, name, failures) for name, failures in (("post", 2), ("fax", 5))]
    beats = [Heartbeat(watched.platform_id, name, 5) for name in ("baker", "smith")]
    watched.desk.store.submit(watched.platform_id, lambda _tx: ((*ways, *beats), None)).result()
    shown, told = watched.shown(), watched.told()
    assert (
        shown["kz_compliance_endpoint_failures"] == told["kz_compliance.endpoint.failures"] == {by(endpoint="other"): 5}
    )
    lines = generate_latest(watched.registry).decode().splitlines()
    assert len(lines) == len({line.rpartition(" ")[0] for line in lines})


def test_no_list_can_hold_what_somebody_wrote() -> None:
    """Every value is a word of the code."""
    for metric in METRICS:
        assert len(metric.labels) <= 2, metric.name
        for name, values in metric.labels.items():
            assert name.isidentifier()
            assert all(value.replace(".", "_").isidentifier() or value.isdecimal() for value in values), metric.name


def test_the_lists_are_those_of_the_code() -> None:
    """What the domain cannot import is written down, and held to where it comes from."""
    assert RECEIVE.metric.labels["message"] == {*get_args(MessageType), "unreadable", "none"}
    assert metrics.REFUSALS.labels["code"] == set(get_args(RefusalReason))
    results = {line.split('"')[1] for line in inspect.getsource(outcomes.told).splitlines() if 'return "' in line}
    assert metrics.DELIVER.metric.labels["result"] == results
    reasons = set(re.findall(r'^ +\("(\w+)", ', inspect.getsource(health._attention), re.MULTILINE))
    reasons |= {STEPPED, health.FEED_FAILS}
    assert metrics.LAST_RUN.labels["part"] == {"worker", "poller", deadlines.WATCHER, SWEEPER, BOOKS}
    faults = {store_error(OSError(text)).code for text in ("full", "busy", "other")} | {MOVED, CUT, BEHIND}
    states = (DiskFull, SerializationFailure, AdminShutdown, InsufficientPrivilege, OperationalError)
    faults |= {store_error(state()).code for state in states}
    told = {"commit_unknown", "mark_unwritable", "storage_not_replicated"}
    assert metrics.ATTENTION.labels["reason"] == reasons | faults | told


# ------------------------------------------------------------------------------------------------------- nobody listens


def test_without_a_listener_nothing_is_made_up(tmp_path: Path) -> None:
    """The API without an SDK, as any program has that imports a framework with it: nothing is kept, nothing fails."""
    d = Driver(tmp_path)
    assert trace.get_current_span().is_recording() is False
    d.decide(d.issue(1))
    assert d.deliver() > 0
    with mock.patch.object(assembly, "open_telemetry", return_value=None):
        d.start()
    assert d.desk.telemetry.begin(RECEIVE) is None
    d.decide(d.issue(2))
    assert d.deliver() > 0
    d.stop()


@pytest.mark.slow
def test_an_import_of_the_desk_loads_neither() -> None:
    """It must stay fast; and a desk whose program does not use OpenTelemetry does not load it either."""
    code = (
        "import sys, tempfile; from kz_compliance_sdk import ComplianceDesk;"
        "from kz_compliance_sdk.adapters.telemetry import open_telemetry; assert open_telemetry() is None;"
        "assert not {'opentelemetry', 'prometheus_client'} & set(sys.modules);"
        "import opentelemetry.trace; assert open_telemetry() is open_telemetry() is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_api_that_is_too_old_is_named_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A program may have it for reasons of its own."""

    def create_histogram(_self: object, _name: str, _unit: str, _told: str) -> None: ...

    adapter._global.cache_clear()
    with mock.patch.object(metrics_api._internal._ProxyMeter, "create_histogram", create_histogram):
        assert adapter.open_telemetry() is None
    assert "older than 1.30" in caplog.text
    assert adapter.open_telemetry() is not None


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_what_is_told_of_an_answer_is_what_the_sender_got(
    watched: Watched, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write takes too long, and lands when nobody waits for it any more."""
    late: Future[Response] = Future()
    monkeypatch.setattr(watched.desk.store, "submit", lambda *_: late)
    settings = watched.desk.settings
    limits = settings.limits.model_copy(update={"commit_timeout_s": 0.01})
    monkeypatch.setattr(watched.desk, "settings", settings.model_copy(update={"limits": limits}))
    if awaited:
        desk = AsyncComplianceDesk(settings, store=watched.desk.store, env=watched.desk.env)
        monkeypatch.setattr(desk, "blocking", watched.desk)
        monkeypatch.setattr(watched.desk, "receive", lambda *given: asyncio.run(desk.receive(*given)))
    assert watched.push("notice.issued", watched.notice(1))["status"] == 503
    wanted = {by(message="notice.issued", status="503"): 1}
    assert watched.told()[RECEIVE.metric.name] == wanted
    late.set_result(Response(202, (), b""))
    assert watched.told()[RECEIVE.metric.name] == wanted


def test_a_missing_extra_is_named() -> None:
    with mock.patch.dict(sys.modules, {"prometheus_client": None}), pytest.raises(ConfigError, match="prometheus") as e:
        Telemetry("social", time.monotonic).prometheus()
    assert "kz-compliance-sdk[prometheus]" in str(e.value)


def test_whoever_asks_twice_for_the_registry_gets_the_same(watched: Watched) -> None:
    assert watched.desk.metrics() is watched.registry


class Broken(SpanProcessor):
    """A host's own processor of spans, with a fault."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("begins")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("ends")


def test_a_listener_that_raises_fails_nothing_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path, processor=Broken())
    try:
        case = a_day(watched)
        assert watched.case(case)["state"] == "closed"
    finally:
        watched.stop()
    assert caplog.text.count("figures and spans cannot be told: RuntimeError") == 1


def test_a_store_that_cannot_be_read_takes_only_its_own_figures_away(watched: Watched) -> None:
    """What happens in the process is told all the same, and the store is asked again."""
    watched.issue(1)
    with mock.patch.object(type(watched.desk), "_health", side_effect=StoreError("it cannot be read.")):
        told = watched.told()
        assert RECEIVE.metric.name in told
        assert metrics.OVERDUE.name not in told
    assert metrics.OVERDUE.name in watched.told()


def test_a_desk_that_is_closed_reads_nothing(tmp_path: Path) -> None:
    """A look after the end opens no file anew."""
    d = Watched(tmp_path)
    d.issue(1)
    d.stop()
    assert metrics.OVERDUE.name not in d.told()


def test_a_store_is_read_once_for_a_look(watched: Watched) -> None:
    """However many metrics one look asks for."""
    watched.wait(2)
    with mock.patch.object(watched.desk.telemetry, "_anew", wraps=watched.desk.telemetry._anew) as read:
        watched.told()
        assert read.call_count == 1


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_says_what_it_is_in_which_unit(metric: Metric) -> None:
    assert metric.name.startswith("kz_compliance.")
    assert metric.unit == "s" or (metric.unit[0], metric.unit[-1]) == ("{", "}")
    assert metric.told.endswith(".")
    assert bool(metric.bounds) == (metric.kind == "histogram")
