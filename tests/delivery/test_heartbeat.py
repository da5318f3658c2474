"""Somebody outside hears that the ladder is watched, and hears nothing once it is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.health import SILENT_AFTER_S
from tests.arrivals.bad_inputs.office import settings
from tests.arrivals.bad_inputs.requests import NOW
from tests.conftest import FrozenClock
from tests.waiting import PATIENCE_S, comes


@contextmanager
def listening(status: int) -> Iterator[tuple[str, list[bytes]]]:
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ping/a-password", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def working(path: Path, url: str, clock: FrozenClock) -> Iterator[tuple[ComplianceDesk, Worker]]:
    env = replace(Env.system(), clock=clock, boot=clock.boot)
    with ComplianceDesk(settings(path, alerts={"heartbeat_url": url}), env=env, create=True) as desk:
        yield desk, Worker(desk, poll=False)


def test_it_is_heard_while_the_ladder_is_watched_and_no_longer(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    with listening(204) as (url, got), working(tmp_path / "s.sqlite3", url, clock) as (desk, worker):
        worker.beat_outside()
        assert got == []
        desk.watch()
        worker.beat_outside()
        assert got == [b""]
        clock.advance(SILENT_AFTER_S)
        worker.beat_outside()
        assert got == [b""]


def test_the_worker_tells_it_by_itself(tmp_path: Path) -> None:
    with listening(204) as (url, got), working(tmp_path / "s.sqlite3", url, FrozenClock(NOW)) as (desk, worker):
        desk.watch()
        works = threading.Thread(target=worker.run, daemon=True)
        works.start()
        comes(lambda: got)
        worker.stop()
        works.join(PATIENCE_S)


def test_one_that_is_not_taken_is_told_without_its_address(tmp_path: Path) -> None:
    with listening(500) as (url, got), working(tmp_path / "s.sqlite3", url, FrozenClock(NOW)) as (desk, worker):
        desk.watch()
        with pytest.raises(ComplianceError) as caught:
            worker.beat_outside()
    assert got == [b""]
    assert caught.value.code == "heartbeat_not_taken"
    assert "a-password" not in repr(caught.value)
    assert "a-password" not in desk.settings.model_dump_json()


def test_a_line_that_others_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="in the clear"):
        settings(tmp_path / "s.sqlite3", alerts={"heartbeat_url": "http://ping.example/a-password"})
