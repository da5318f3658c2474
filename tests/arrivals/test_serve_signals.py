"""The receiver ends on a signal from the moment on at which it says that it receives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.cli_office import Office

TOO_LATE_S = 5.0
NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    monkeypatch.setattr("kz_compliance_sdk.faces.cli.machinery.collect_garbage_seldom", lambda: None)
    yield Office(tmp_path, monkeypatch)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_that_comes_before_the_server_listens_for_it_ends_it(
    number: signal.Signals, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = uvicorn.Server.run
    too_late = threading.Event()

    def signalled(server: uvicorn.Server, sockets: Any = None) -> None:
        def end() -> None:
            too_late.set()
            server.should_exit = True

        timer = threading.Timer(TOO_LATE_S, end)
        timer.start()
        signal.raise_signal(number)
        run(server, sockets=sockets)
        timer.cancel()

    monkeypatch.setattr(uvicorn.Server, "run", signalled)
    result = office.run("serve", "--create", "--port", "0")
    assert result.exit_code == 0, result.output
    assert "Receiving at" in result.stderr
    assert "everything that was acknowledged is stored" in result.stderr
    assert not too_late.is_set()
