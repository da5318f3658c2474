"""What the commands say and do when something that they need is broken: a feed, a file, a disk, a pipe."""

from __future__ import annotations

import errno
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import sqlite, store
from kz_compliance_sdk.adapters.sql.sqlite import configure
from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.faces.cli.exits import exit_code
from tests.cli_office import Office, over_http

NOBODY = 9
"""The port `discard`, on which nothing listens."""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


# ------------------------------------------------------------------------------------------------- the feed


def test_a_feed_that_is_down_keeps_no_clock_from_being_watched(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    over_http(office, NOBODY, NOBODY)
    monkeypatch.setenv("KZ_COMPLIANCE_REGULATOR__ATTEMPTS", "1")
    office.entered(received="2026-11-01T00:00:00Z")
    document = office.document("worker", "--once", code=9)
    assert (document["polled"], document["poll_error"]["code"]) == (0, "connect_error")
    assert document["fired"] > 0
    assert document["delivered"] > 0, "the escalation goes to the log, which is up"
    assert office.document("health", code=4)["watcher_last_ran"] is not None
    assert "the feed was not read" in office.refused(9, "worker", "--once")


def test_a_feed_that_is_not_there_is_no_error(office: Office) -> None:
    office.entered()
    assert office.document("worker", "--once")["poll_error"] is None


# --------------------------------------------------------------------------------------------- files and disks


def test_a_lock_file_that_cannot_be_opened_is_named(office: Office) -> None:
    Path(f"{office.store}.lane").mkdir()
    for command in (("db", "upgrade"), ("worker", "--once", "--create")):
        line = office.refused(3, *command)
        assert line.startswith("error: store.path: ")
        assert f"{office.store}.lane" in line


def test_a_directory_in_place_of_the_store_is_said_so(office: Office) -> None:
    office.store.mkdir()
    for command in (("cases", "list"), ("db", "status"), ("db", "upgrade"), ("worker", "--once"), ("serve",)):
        assert "is a directory" in office.refused(3, *command)


def test_a_disk_that_is_full_at_the_start_is_called_full(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(driver: Any, connection: Any, cache_mib: int) -> None:
        configure(driver, connection, cache_mib)
        connection.execute("PRAGMA max_page_count = 4").fetchall()

    monkeypatch.setattr(sqlite, "configure", small)
    assert "the disk is full" in office.refused(9, "db", "upgrade")
    monkeypatch.undo()


def test_a_store_that_this_account_may_not_write_to_is_said_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not `try again`: only the owner of the file can mend it. Root may write everywhere, so the driver refuses."""
    office.run("db", "upgrade")

    def read_only(driver: Any, path: str) -> Any:
        return driver.module.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)

    monkeypatch.setattr(store, "connect", read_only)
    with closing(sqlite.choose_driver().module.connect(office.store)) as backup:
        backup.execute("PRAGMA journal_mode = DELETE").fetchall()  # as a copy by VACUUM INTO is
    for command in (("db", "status"), ("db", "upgrade"), ("cases", "list")):
        line = office.refused(3, *command)
        assert "readonly" in line or "unable to open" in line
        assert "store.path" in line


def test_a_folder_of_the_demonstration_that_cannot_be_made_is_named(office: Office) -> None:
    (office.folder / "file").write_text("")
    assert "--keep" in office.refused(7, "demo", "--keep", str(office.folder / "file" / "below"))


@pytest.mark.parametrize("name", ["json:dumps", "takedown:broken", "unsound:made"])
def test_what_is_no_enforcer_is_refused_by_name(office: Office, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    office.enforcer(monkeypatch)
    (office.folder / "unsound.py").write_text("made = 1 / 0")
    assert "--enforcer" in office.refused(3, "worker", "--once", "--enforcer", name)


def test_what_the_machine_refuses_is_told_apart_from_a_fault_of_ours() -> None:
    assert exits.known(ZeroDivisionError()) is None
    assert exit_code(exits.known(sqlite3.OperationalError("database is locked")) or OSError()) == 9
    assert exit_code(exits.known(sqlite3.OperationalError("attempt to write a readonly database")) or OSError()) == 3
    assert exit_code(exits.known(OSError(errno.ENOSPC, "No space", "/x")) or OSError()) == 9
    assert exit_code(exits.known(PermissionError(errno.EACCES, "denied", "/x")) or OSError()) == 3


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_one_line(office: Office) -> None:
    office.entered()
    command = shlex.join([sys.executable, "-m", "kz_compliance_sdk", "--config", str(office.config)])
    for arguments in ("cases list", "cases list --json", "config show", "cases list --help"):
        found = subprocess.run(
            ["sh", "-c", f"{command} {arguments} >/dev/full"], capture_output=True, text=True, check=False
        )
        assert found.returncode == 9
        assert found.stderr == "error: the answer could not be written: No space left on device.\n"
        script = f"{command} {arguments} | head -c 0; echo ${{PIPESTATUS[0]}}"
        found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        assert found.stdout.strip() in ("0", "141")
        assert found.stderr == ""


# ------------------------------------------------------------------------------- the command line, the settings


@pytest.mark.parametrize("path", [(), ("cases",), ("db",)])
def test_a_command_that_is_missing_is_said_so(office: Office, path: tuple[str, ...]) -> None:
    line = office.refused(2, *path)
    assert line == f"error: Missing command. See: {' '.join(('kz-compliance', *path))} --help"


def test_all_wrong_settings_are_shown_at_once(office: Office) -> None:
    office.configure("platfrom = 1\nprofil = 2")
    result = office.run("cases", "list")
    told = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert (result.exit_code, told) == (3, ["error", "   and"])
    assert "profil" in office.document("cases", "list", code=3)["error"]["more"][0]
    settings = office.document("doctor", code=4)["checks"][0]
    assert (settings["name"], len(settings["details"])) == ("settings", 1)
