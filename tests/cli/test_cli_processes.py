"""The command line's processes as they really run: receiver, worker and mock regulator, signals and exit codes."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import http.client
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.faces.cli.machinery import collect_garbage_seldom
from tests.cli_office import Office, over_http
from tests.waiting import PATIENCE_S, comes, free_port

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "kz_compliance_sdk")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@dataclass
class Running:
    """A process, and the first line that it said."""

    popen: subprocess.Popen[str]
    first_line: str


@contextlib.contextmanager
def process(office: Office, *arguments: str) -> Iterator[Running]:
    """A process of the command line, ready once it has said its first line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(office.folder)])}
    command = [*COMMAND, "--config", str(office.config), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=office.folder
    ) as running:
        assert running.stderr is not None
        try:
            yield Running(running, running.stderr.readline())
        finally:
            if running.poll() is None:
                running.kill()


def stopped(running: Running, number: int = signal.SIGTERM) -> tuple[int, str]:
    running.popen.send_signal(number)
    _, stderr = running.popen.communicate(timeout=PATIENCE_S)
    return running.popen.returncode, stderr


def ask(port: int, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return json.loads(answer.read())


def test_a_pushed_notice_is_decided_carried_out_and_confirmed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = office.enforcer(monkeypatch)
    intake, regulator = free_port(), free_port()
    over_http(office, intake, regulator)
    with (
        process(office, "mock-regulator", "--port", str(regulator), "--seed", "7") as mock,
        process(office, "serve", "--create", "--port", str(intake)) as receiver,
        process(office, "worker", "--create", "--enforcer", "takedown:made") as worker,
    ):
        assert f"127.0.0.1:{regulator}" in mock.first_line
        assert f"127.0.0.1:{intake}/notices" in receiver.first_line
        ask(regulator, "POST", "/control/issue", {"sample": 1, "push": True, "in_feed": False})
        (row,) = comes(lambda: office.document("cases", "list")["cases"])
        assert row["source"] == "pushed"

        office.ok("cases", "claim")
        notice = row["notice_id"]

        file = office.proposal(notice, "remove")
        office.ok("cases", "decide", notice, "--file", file, "--yes")
        comes(lambda: office.document("cases", "show", notice)["state"] == "closed")
        assert carried.read_text().startswith("remove ")
        story = office.document("cases", "show", notice)
        (report,) = [message for message in story["messages"] if message["kind"] == "report"]
        receipt = json.loads(report["receipt"])["receipt_id"]
        assert receipt in json.dumps(ask(regulator, "GET", "/control/books"))
        assert receipt in office.ok("cases", "show", notice)
        assert ask(intake, "GET", "/notices/health")["status"] == "ok"
        assert office.document("health")["status"] == "ok"

        assert stopped(worker, signal.SIGINT)[0] == 0
        code, said = stopped(receiver)
        assert (code, "everything that was acknowledged is stored" in said) == (0, True)
        assert stopped(mock)[0] == 0
    assert office.document("audit", "verify")["intact"] is True


def test_a_port_that_is_taken_is_one_line(office: Office) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in (("serve", "--create"), ("mock-regulator",)):
            with process(office, *command, "--port", port) as running:
                assert running.popen.wait(PATIENCE_S) == 3
                assert running.first_line.startswith("error: --port: ")
                assert running.first_line.count(port) == running.first_line.lower().count("in use") == 1


@contextlib.contextmanager
def lock_held(office: Office) -> Iterator[None]:
    """The lock that writers of the store take, held as by a process that was stopped in the midst of a commit."""
    with Path(f"{office.store}.lane").open("r+b") as lane:
        fcntl.flock(lane, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("what", ["serve", "worker"])
def test_a_process_ends_while_another_one_holds_the_stores_lock(what: str, office: Office) -> None:
    intake, regulator = free_port(), free_port()
    over_http(office, intake, regulator)
    office.entered()
    arguments = ("--port", str(intake)) if what == "serve" else ()
    with (
        process(office, "mock-regulator", "--port", str(regulator)) as mock,
        process(office, what, *arguments) as running,
    ):
        assert running.first_line
        assert mock.first_line
        if what == "worker":
            comes(lambda: json.loads(office.run("health", "--json").stdout)["watcher_last_ran"])
        with lock_held(office):
            if what == "serve":
                assert ask(regulator, "POST", "/control/issue", {"sample": 1, "push": True, "in_feed": False})
            time.sleep(2)  # until all that writes waits for it
            code, said = stopped(running)
            assert (code, "Stopped" in said) == (0, True), said
    assert office.document("audit", "verify")["intact"] is True


def test_the_account_of_the_process_decides_who_acts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.vouched()
    monkeypatch.undo()
    environment = {**os.environ, "USER": "aigerim", "LOGNAME": "aigerim"}
    command = [*COMMAND, "--config", str(office.config), "cases", "claim", "--json"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    user = pwd.getpwuid(os.getuid()).pw_name
    assert found.returncode == 6
    assert user in found.stderr
    assert json.loads(found.stdout)["error"]["code"] == "actor_unknown"


def test_a_reader_that_goes_away_is_no_traceback(office: Office) -> None:
    command = " ".join([*COMMAND, "cases", "list", "--help"])
    found = subprocess.run(["sh", "-c", f"{command} | head -1"], capture_output=True, text=True, check=True)
    assert "Traceback" not in found.stderr


def test_colour_only_where_somebody_watches(office: Office) -> None:
    import pty

    office.entered()
    command = [*COMMAND, "--config", str(office.config), "cases", "list"]

    def watched(environment: dict[str, str]) -> str:
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, stdout=theirs, env=environment) as running:
            os.close(theirs)
            seen = b""
            with contextlib.suppress(OSError):
                while part := os.read(ours, 4096):
                    seen += part
            assert running.wait(PATIENCE_S) == 0
        os.close(ours)
        return seen.decode()

    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    plain["TERM"] = "xterm-256color"
    assert "\x1b[3" in watched(plain)
    assert "\x1b[3" not in watched({**plain, "NO_COLOR": "1"})
    assert "\x1b" not in subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout


def test_a_receiver_looks_for_garbage_seldom_and_spares_itself() -> None:
    """The process of `serve` alone: a library leaves its host's collector as it is."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        collect_garbage_seldom()
        assert gc.isenabled()
        assert gc.get_threshold() == (10_000, 50, 1_000)
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def shown(port: int) -> str:
    """What Prometheus reads on a port; nothing before somebody listens there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection), contextlib.suppress(ConnectionRefusedError):
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    return ""


def test_receiver_and_worker_show_their_figures_on_ports_of_their_own(office: Office) -> None:
    """The receiver what was refused by its head, the worker its commits, both the same of the store; a port that is
    taken is named, and the end is as quick as without."""
    intake, regulator, ours, theirs = (free_port() for _ in range(4))
    over_http(office, intake, regulator)
    with (
        process(office, "serve", "--create", "--port", str(intake), "--metrics-port", str(ours)) as receiver,
        process(office, "worker", "--create", "--metrics-port", str(theirs)) as worker,
    ):
        assert receiver.first_line == f"Metrics at http://127.0.0.1:{ours}/metrics\n"
        assert receiver.popen.stderr is not None
        assert receiver.popen.stderr.readline().startswith("Receiving")
        assert ask(intake, "GET", "/notices")["status"] == 405
        refused = 'kz_compliance_intake_duration_seconds_count{message="none",platform="social",status="405"} 1.0'
        assert refused in shown(ours)
        runs = 'kz_compliance_part_last_run_timestamp_seconds{part="watcher",platform="social"}'
        comes(lambda: runs in shown(theirs))
        comes(lambda: runs in shown(ours))
        assert 'kz_compliance_commit_duration_seconds_count{outcome="done"' in shown(theirs)
        again = subprocess.run(
            [
                *COMMAND,
                "--config",
                str(office.config),
                "serve",
                "--create",
                "--port",
                "0",
                "--metrics-port",
                str(theirs),
            ],
            cwd=office.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 3
        assert "--metrics-port" in again.stderr
        elsewhere = [*again.args[:-1], "0", "--metrics-host", "192.0.2.1"]  # no machine has this address
        again = subprocess.run(elsewhere, cwd=office.folder, capture_output=True, text=True, check=False)
        assert again.returncode == 3
        assert "--metrics-host" in again.stderr
        assert stopped(receiver)[0] == stopped(worker)[0] == 0
