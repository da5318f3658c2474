"""What stands in the logs of the worker and of the receiver."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import EndpointState
from kz_compliance_sdk.errors import StoreFull
from kz_compliance_sdk.faces.cli.machinery import with_outages_told
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.services.admission import Response, unavailable
from tests.cli.test_cli_faults import NOBODY
from tests.cli_office import Office, over_http
from tests.waiting import PATIENCE_S, comes


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def worked(desk: ComplianceDesk, caplog: pytest.LogCaptureFixture, enough: Callable[[], bool]) -> list[str]:
    """What a worker logs until it is enough."""
    worker = Worker(desk)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        comes(enough)
    finally:
        worker.stop()
        running.join(PATIENCE_S)
    assert not running.is_alive()
    return [record.getMessage() for record in caplog.records if record.name == "kz_compliance_sdk.worker"]


@pytest.mark.slow
def test_a_regulator_that_is_down_and_comes_back_is_told_by_its_cause(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kz_compliance_sdk.worker")
    over_http(office, NOBODY, NOBODY)
    monkeypatch.setenv("KZ_COMPLIANCE_REGULATOR__ATTEMPTS", "1")
    monkeypatch.setenv("KZ_COMPLIANCE_WORKER__HEARTBEAT_S", "1")
    with ComplianceDesk(Settings.load(office.config), create=True) as desk:
        down = EndpointState(desk.platform_id, "regulator", 3, 0, 0, "connect_error")
        desk.store.submit(desk.platform_id, lambda _tx: ((down,), None)).result()
        told = worked(desk, caplog, lambda: "poll fails" in caplog.text and "the way to" in caplog.text)
        assert told.count("poll fails and is tried again: connect_error") == 1
        assert "the way to regulator fails and is tried again: connect_error" in told


@pytest.mark.slow
def test_a_store_that_refuses_is_told_once_with_its_words(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_WORKER__IDLE_S", "0.05")
    with ComplianceDesk(Settings.load(office.config), create=True) as desk:
        calls: list[int] = []

        def full(_limit: int, *_more: Any) -> Any:
            calls.append(1)
            raise StoreFull("8 writes wait already.")

        monkeypatch.setattr(desk.delivery, "lease", full)
        told = worked(desk, caplog, lambda: len(calls) > 3)
    assert told == ["reading the outbox fails and is tried again: store_full: 8 writes wait already."]


def test_the_receiver_tells_that_it_cannot_store_and_when_it_can_again(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("kz_compliance_sdk.test_receiver")
    caplog.set_level(logging.INFO, log.name)
    answers = [
        unavailable(StoreFull("x")),
        unavailable(StoreFull("x")),
        Response(401, (), b"{}"),
        Response(202, (), b"{}"),
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        answer = answers.pop(0)
        await send({"type": "http.response.start", "status": answer.status, "headers": []})
        await send({"type": "http.response.body", "body": answer.body})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    watched = with_outages_told(app, Troubles(log, lambda: 5.0))

    async def ask_four_times() -> None:
        for _ in range(4):
            await watched({"type": "http", "method": "POST"}, receive, send)

    asyncio.run(ask_four_times())
    assert [message["status"] for message in sent[::2]] == [503, 503, 401, 202], "the answers are as they were"
    assert caplog.messages == [
        "storing what is sent fails and is tried again: store_full",
        "storing what is sent works again, after 2 failures in 0 s",
    ]
