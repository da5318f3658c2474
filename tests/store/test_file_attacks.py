"""Somebody deletes, moves, cuts off or replaces a file of the store while receivers run: no notice that was
acknowledged is lost in silence."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import sign
from tests.cli_office import Office, over_http
from tests.kills.campaign import hosts

__all__ = ["hosts"]
"""Loads all that a receiver needs, so that a start costs little."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="files that are open can be moved and deleted here"),
    pytest.mark.skipif(not choose_driver().wal, reason="this SQLite keeps no log"),
]
PUBLIC = "http://127.0.0.1:8000"
WITHIN_S = 60.0
ENDS = ("", "-wal", "-shm")
LOST_FOR_GOOD = {("deleted", ""), ("cut", ""), ("cut in half", ""), ("cut", "-wal"), ("cut in half", "-wal")}
"""What these held is nowhere any more: they can only be refused and named."""


def _replace(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copyfile(file, copy)
    copy.replace(file)


ATTACKS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "moved": lambda file: file.rename(f"{file}.away"),
    "cut": lambda file: os.truncate(file, 0),
    "cut in half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "replaced": _replace,
}


def _command(config: str, folder: str, log: str, arguments: tuple[str, ...]) -> None:
    """What `kz-compliance` does, in a process that has its modules loaded already."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(folder)
    app(["--config", config, *arguments])


class Command:
    """A `kz-compliance` of its own, and what it says."""

    def __init__(self, office: Office, name: str, *arguments: str) -> None:
        self._log = office.folder / f"{name}.log"
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        given = str(office.config), str(office.folder), str(self._log), arguments
        self.process = context.Process(target=_command, args=given, daemon=True)
        self.process.start()

    def wait(self) -> int | None:
        """Its exit code; None if it does not end."""
        self.process.join(WITHIN_S)
        return self.process.exitcode

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


class Receiver(Command):
    """A `kz-compliance serve`."""

    port = 0

    def wait_ready(self) -> Receiver:
        until = time.monotonic() + WITHIN_S
        while not (found := re.search(r"Receiving at http://127\.0\.0\.1:(\d+)/", self.said)):
            assert self.process.is_alive(), self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.02)
        self.port = int(found[1])
        return self

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Any = ()) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def end(self, number: int = signal.SIGTERM) -> int | None:
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        return self.wait()


class Scene:
    """Receivers over one store, and the notices that they acknowledged."""

    def __init__(self, office: Office) -> None:
        self.office, self.acknowledged = office, set[str]()
        self._numbers = itertools.count(1)
        self.receivers: list[Receiver] = []

    @property
    def store(self) -> Path:
        return self.office.store

    def start(self) -> Receiver:
        receiver = Receiver(self.office, f"receiver-{len(self.receivers)}", "serve", "--create", "--port", "0")
        self.receivers.append(receiver)
        return receiver

    def push(self, receiver: Receiver) -> tuple[int, str]:
        """The status, and the code of a refusal."""
        number = next(self._numbers)
        notice = builders.notice(number)
        now, name = int(time.time()), f"message-{number}"
        body = builders.message_bytes(notice, message_id=name, sent_at=now)
        url = f"{PUBLIC}/notices"
        signed = sign(regulator_signing_key(), "rfc9421", "POST", url, body, now, name, f"nonce-{number}")
        status, answer = receiver.ask("POST", "/notices", body, [("content-type", "application/json"), *signed])
        if status in (200, 202):
            self.acknowledged.add(notice.notice_id)
        return status, answer.get("code", "")

    def push_until_refused(self, receiver: Receiver) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while self.push(receiver)[0] == 202:
                pass

    def stored(self) -> set[str]:
        """What the store holds once nobody runs any more."""
        with contextlib.closing(choose_driver().module.connect(str(self.store))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return {notice for (notice,) in db.execute("SELECT notice_id FROM cases").fetchall()}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    office = Office(tmp_path, monkeypatch)
    over_http(office, 8000, 9)
    office.config.write_text(
        office.config.read_text().replace("[regulator]", "[regulator]\nfeed_enabled = false"), encoding="utf-8"
    )
    monkeypatch.undo()
    one = Scene(office)
    yield one
    for receiver in one.receivers:
        receiver.process.kill()
        receiver.process.join()


def _put_back(scene: Scene, how: str, end: str) -> None:
    """What the refusal says."""
    if (how, end) == ("moved", ""):
        Path(f"{scene.store}.away").rename(scene.store)


@pytest.mark.parametrize(
    ("processes", "ending"), [(1, "SIGTERM"), (1, "SIGKILL"), (2, "SIGTERM"), (2, "SIGKILL"), (4, "SIGKILL")]
)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("how", ATTACKS)
def test_what_was_acknowledged_is_there_or_its_loss_is_named(
    how: str, end: str, processes: int, ending: str, scene: Scene
) -> None:
    running = [scene.start().wait_ready() for _ in range(processes)]
    pushing = [threading.Thread(target=scene.push_until_refused, args=(receiver,)) for receiver in running]
    for thread in pushing:
        thread.start()
    until = time.monotonic() + WITHIN_S
    while len(scene.acknowledged) < 20:
        assert time.monotonic() < until
        time.sleep(0.005)
    ATTACKS[how](Path(f"{scene.store}{end}"))
    for thread in pushing:
        thread.join(WITHIN_S)
        assert not thread.is_alive(), "it is acknowledged all the same"

    alive = [receiver for receiver in running if receiver.process.is_alive() or not _ended_by_its_index(receiver)]
    for receiver in alive:
        _refuses(scene, receiver, how, end)
    if how.startswith("cut") and end == "-shm":
        # Whoever touches it later is ended by it later: who joins then is alone, and may.
        _refused_or_alone(scene, alive)
    elif alive:
        assert _refused(scene.start())
        assert Command(scene.office, "health", "health").wait() == 3
    may_end = {0 if ending == "SIGTERM" else -signal.SIGKILL}
    if how.startswith("cut") and end == "-shm":
        may_end.add(-signal.SIGBUS)
    for receiver in alive:
        assert receiver.end(getattr(signal, ending)) in may_end, receiver.said
    _put_back(scene, how, end)
    if (how, end) in LOST_FOR_GOOD:
        _assert_named_after_the_restart(scene, end)
        return
    again = scene.start().wait_ready()
    assert scene.push(again)[0] == 202
    assert again.end() == 0
    assert scene.acknowledged <= scene.stored()


def _refused(joining: Receiver) -> bool:
    """Whether who joins is refused; if not, it receives."""
    until = time.monotonic() + WITHIN_S
    while joining.process.is_alive() and "Receiving at" not in joining.said:
        assert time.monotonic() < until, joining.said
        time.sleep(0.02)
    if joining.process.is_alive():
        return False
    assert joining.wait() == 3, joining.said
    assert re.search("Nothing is acknowledged any more|there is no store at", joining.said), joining.said
    return True


def _refused_or_alone(scene: Scene, others: list[Receiver]) -> None:
    joining = scene.start()
    if not _refused(joining):
        assert all(_ended_by_its_index(receiver) for receiver in others), "it joined others that run"
        assert joining.end() == 0


def _ended_by_its_index(receiver: Receiver) -> bool:
    """Whoever touches an index that was cut off is ended by the machine. That is no silence, and nothing is lost."""
    return receiver.wait() == -signal.SIGBUS


def _refuses(scene: Scene, receiver: Receiver, how: str, end: str) -> None:
    before = len(scene.acknowledged)
    code = "store_cut" if how.startswith("cut") else "store_moved"
    try:
        answers = [scene.push(receiver) for _ in range(2)]
        status, health = receiver.ask("GET", "/notices/health")
    except (OSError, http.client.HTTPException):
        assert (code, end) == ("store_cut", "-shm")
        assert _ended_by_its_index(receiver)
        return
    assert answers == [(503, code)] * 2
    assert len(scene.acknowledged) == before
    assert status == 503 or code in health["attention"]
    assert f"CRITICAL kz_compliance_sdk.store: the store's file {scene.store}{end} was" in receiver.said


def _assert_named_after_the_restart(scene: Scene, end: str) -> None:
    again = scene.start()
    assert again.wait() == 3, again.said
    if end == "":
        assert "backup" in again.said
        return
    assert "lacks what was acknowledged" in again.said
    assert Command(scene.office, "accept", "db", "accept", "--yes").wait() == 0
    assert scene.push(scene.start().wait_ready())[0] == 202


def test_a_kill_within_the_same_second_names_what_the_deleted_log_held(scene: Scene) -> None:
    running = scene.start().wait_ready()
    assert scene.push(running)[0] == 202
    Path(f"{scene.store}-wal").unlink()
    running.end(signal.SIGKILL)
    again = scene.start()
    assert again.wait() == 3
    assert "1 lines of its log are missing" in again.said


def test_health_says_that_nothing_can_be_written(scene: Scene) -> None:
    """As on a full disk: no file of the receiver's may grow any more. Once they may, it is over by itself."""
    running = scene.start().wait_ready()
    assert scene.push(running)[0] == 202
    pid, least = running.process.pid or 0, Path(f"{scene.store}-wal").stat().st_size
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE, (least, resource.RLIM_INFINITY))
    status, code = scene.push(running)
    assert status == 503
    _, health = running.ask("GET", "/notices/health")
    assert code in health["attention"]
    found = Command(scene.office, "health", "health", "--json")
    assert (found.wait(), code in json.loads(found.said)["attention"]) == (4, True)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    assert scene.push(running)[0] == 202
    assert code not in running.ask("GET", "/notices/health")[1]["attention"]
    assert running.end() == 0
    assert scene.acknowledged <= scene.stored()


@pytest.mark.parametrize("delay_ms", range(0, 100, 10))
def test_a_signal_right_after_the_first_line_ends_the_receiver(delay_ms: int, scene: Scene) -> None:
    running = scene.start().wait_ready()
    time.sleep(delay_ms / 1000)
    assert running.end() == 0
    assert "everything that was acknowledged is stored" in running.said
