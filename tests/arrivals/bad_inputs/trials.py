"""Sending one request by either way, and writing down all that came of it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final, TypeVar

import pytest

from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, BadInput, Channel
from tests.arrivals.bad_inputs.differences import DIFFERENCES
from tests.arrivals.bad_inputs.office import Office
from tests.arrivals.bad_inputs.outcome import Trial, as_expected, check_invariants, of_answer, of_rows
from tests.arrivals.bad_inputs.requests import Request, made

T = TypeVar("T")

OWN_TEST = frozenset({"S038", "S041"})
"""One wants a configuration, the other another path."""

LIVE = frozenset("H010 H011 H013 H014 H015 H016 H017 H018 H020 H022 H026 H028 H029 H030 H031 H032".split())
"""Run in `test_bad_inputs_live.py`, over real sockets or against a store that fails."""

SEQUENCES = frozenset("H033 H034 K048 Q001 Q004 Q005 Q006 Q007 Q008 Q009 Q011 Q017 Q043 Q055".split())
"""Run in `test_bad_input_sequences.py`."""

PUSHED = [case for case in CASES.values() if not case.is_live and case.id not in OWN_TEST]
POLLED = [case for case in PUSHED if case.layer != "http"]
"""A feed entry has no transport of its own."""


_AUTHENTIC: Final = frozenset({"accept", "accept_flag", "quarantine", "conflict", "duplicate"})
"""The outcomes of what is authentic: it must never be without a row."""


def pushed(office: Office, request: Request, *, authentic: bool, logs: pytest.LogCaptureFixture) -> Trial:
    """Push it over ASGI, then send out what it set off, so that the alerts are logged."""
    before, held = office.counts(), len(office.inbox())
    answer, cpu_s = _measured(lambda: office.push(request))
    after, rows = office.counts(), office.inbox()
    came = of_answer(office, answer)
    office.desk.deliver()
    return Trial(request, authentic, came, answer.body, before, after, rows[held:], list(logs.records), cpu_s)


def polled(office: Office, request: Request, *, authentic: bool, logs: pytest.LogCaptureFixture) -> Trial:
    """Let the feed give it, and poll."""
    before = office.counts()
    rows, cpu_s = _measured(lambda: office.poll(request))
    after, came = office.counts(), of_rows(office, rows)
    office.desk.deliver()
    return Trial(
        request, authentic, came, rows[0].reply if rows else b"", before, after, rows, list(logs.records), cpu_s
    )


def _measured(what: Callable[[], T]) -> tuple[T, float]:
    """What came of it, and its seconds of CPU. The collector waits: the garbage is that of the tests before."""
    gc.disable()
    try:
        started = time.process_time()
        result = what()
        return result, time.process_time() - started
    finally:
        gc.enable()


def curve_too(case: BadInput) -> bool:
    """Whether the case says nothing of Standard Webhooks headers, so that the default profile can carry it."""
    return case.layer in ("json", "schema", "semantic") or case.recipe[0]["op"] == "set"


def run(case: BadInput, channel: Channel, office: Office, logs: pytest.LogCaptureFixture) -> Trial:
    """Run a case and check everything about it. Raises AssertionError."""
    send = pushed if channel == "pushed" else polled
    difference = DIFFERENCES.get((case.id, channel))
    authentic = case.outcome in _AUTHENTIC if difference is None else difference.status < 300
    trial = send(office, made(case, curve=channel == "polled" and curve_too(case)), authentic=authentic, logs=logs)
    check_invariants(trial)
    if difference is None:
        assert as_expected(case, trial.came), f"{case.outcome} {case.http} {case.code} was asked for; came {trial.came}"
    else:
        assert not as_expected(case, trial.came), "the difference is no longer one: take its row away"
        assert (trial.came.status, trial.came.codes) == (difference.status, difference.codes)
    if trial.came.status == 401 and channel == "pushed":
        assert trial.reply == NOT_AUTHENTIC.body
    return trial
