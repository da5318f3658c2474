"""The undo window under a worker that really runs, on a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import IllegalMove
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from tests.arrivals.bad_inputs.office import Feed, settings
from tests.arrivals.bad_inputs.requests import NOW, envelope, signed
from tests.case_makers import measure, proposal
from tests.conftest import FrozenClock
from tests.waiting import PATIENCE_S, comes

LEAD, MODERATOR = Actor("lead", frozenset({"lead", "legal"})), Actor("m", frozenset({"moderator"}))
_NOBODY: Mapping[str, int] = {}


class Running:
    """A desk and its worker. `rounds` counts how often the worker has asked for what is due."""

    def __init__(self, path: Path, **policy: Any) -> None:
        self.clock, self.rounds = FrozenClock(NOW), 0
        self.enforcer = RecordingEnforcer(self.clock)
        given = settings(path, worker={"idle_s": 0.01, "watch_interval_s": 1, "heartbeat_s": 1}, **policy)
        env = replace(Env.system(), clock=self.clock, monotonic=self.clock.monotonic, boot=self.clock.boot)
        self.desk = ComplianceDesk(given, enforcer=self.enforcer, regulator=Feed(), env=env, create=True)
        delivery, lease = self.desk.delivery, self.desk.delivery.lease

        def counted(limit: int, busy: Mapping[str, int] = _NOBODY) -> list[OutboxMessage]:
            found = lease(limit, busy)
            self.rounds += 1
            return found

        delivery.lease = counted  # type: ignore[method-assign]
        self.worker = Worker(self.desk, poll=False)
        self._thread = threading.Thread(target=self.worker.run)
        self._thread.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop()
        self._thread.join(PATIENCE_S)
        self.desk.close()

    def decided(self, name: str) -> str:
        told = envelope()
        told["id"], told["data"]["notice_id"] = f"msg_{name}", name
        for item in told["data"]["items"]:
            item["url"] += f"-{name}"
        request = signed(told, at=self.clock())
        assert self.desk.receive("POST", "/notices", request.headers, request.body).status == 202
        lease = self.desk.claim(MODERATOR)
        assert lease is not None
        said = Wording(
            outcome="removed", statement_of_reasons=(Statement(lang=lease.case.languages[0], text="Рассмотрено."),)
        )
        items = [measure(item_id, wording=said) for item_id in sorted(lease.case.open_items)]
        decided = self.desk.propose(MODERATOR, lease.case.id, lease.token, proposal(*items))
        if decided.decision.needs_approval:
            self.desk.approve(LEAD, lease.case.id, decided.digest)
        return lease.case.id

    def a_few_rounds(self) -> None:
        seen = self.rounds
        comes(lambda: self.rounds >= seen + 5)


@pytest.mark.slow
def test_nothing_is_carried_out_before_its_end_and_until_then_it_can_be_taken_back(tmp_path: Path) -> None:
    with Running(tmp_path / "desk.sqlite3") as running:
        window = running.desk.policy.undo_window_s
        kept, taken_back = running.decided("N-1"), running.decided("N-2")
        running.a_few_rounds()
        running.clock.advance(window - 1)
        running.a_few_rounds()
        assert running.enforcer.calls == []
        assert running.desk.undo(MODERATOR, taken_back).state is CaseState.QUEUED
        running.clock.advance(1)
        items = len(running.desk.case(kept).items)
        comes(lambda: len(running.enforcer.calls) == items)
        with pytest.raises(IllegalMove, match="the undo window is over"):
            running.desk.undo(MODERATOR, kept)
        running.clock.advance(3600)
        running.a_few_rounds()
        assert {call.effect.case_id for call in running.enforcer.calls} == {kept}
