"""The worker's own loop: a delayed notice to a user wakes up by itself, and nobody has to remember it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer, RecordingMessenger
from tests.arrivals.bad_inputs.office import Feed, settings
from tests.arrivals.bad_inputs.requests import NOW, envelope, signed
from tests.conftest import FrozenClock
from tests.docs.test_guides import decision
from tests.waiting import PATIENCE_S, comes

LEAD, MODERATOR = Actor("lead", frozenset({"lead"})), Actor("m", frozenset({"moderator"}))
DAY = 86_400


@pytest.mark.slow
def test_the_loop_wakes_a_delayed_notice_at_its_time_and_not_before(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    messenger = RecordingMessenger(clock)
    given = settings(tmp_path / "desk.sqlite3", worker={"idle_s": 0.02, "watch_interval_s": 1, "heartbeat_s": 1})
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    told = envelope()
    until = "2027-01-01T00:00:00Z"
    told["data"]["user_notice"] = {"allowed": False, "delay_until": until, "legal_basis": "Law, art. 5"}
    with ComplianceDesk(
        given, enforcer=RecordingEnforcer(clock), messenger=messenger, regulator=Feed(), env=env, create=True
    ) as desk:
        request = signed(told, at=clock())
        assert desk.receive("POST", "/notices", request.headers, request.body).status == 202
        lease = desk.claim(MODERATOR)
        assert lease is not None
        case_id = lease.case.id
        decided = desk.propose(MODERATOR, case_id, lease.token, decision(desk, case_id))
        if decided.decision.needs_approval:
            desk.approve(LEAD, case_id, decided.digest)
        clock.advance(61)
        worker = Worker(desk, poll=False)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            comes(lambda: desk.case(case_id).state is CaseState.CLOSED)
            rows = desk.case_file(case_id).user_notices
            assert {row.state for row in rows} == {"delayed"}
            end = rows[0].delay_until
            assert end is not None
            clock.advance(end - 1 - clock())
            time.sleep(0.3)  # a dozen rounds of the loop
            assert messenger.told == []
            clock.advance(1)
            comes(lambda: len(messenger.told) == len(rows))
            comes(lambda: {row.state for row in desk.case_file(case_id).user_notices} == {"sent"})
        finally:
            worker.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
