"""The store's three files while a process runs: whichever is deleted, moved, cut off or replaced, nothing more is
acknowledged, and it is said which file it was and what to do."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.files import CUT, MOVED, Files, held
from kz_compliance_sdk.adapters.sql.mark import Mark
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.errors import StoreError, StoreUnusable
from kz_compliance_sdk.ports import Env, Tx
from kz_compliance_sdk.services.health import health_document
from tests.blank import put_blank
from tests.case_makers import PLATFORM
from tests.store.conftest import OpenStore, opening, raw, save, saved

FILES = "kz_compliance_sdk.adapters.sql.files"
ENDS = ("", "-wal", "-shm")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="files that are open can be moved and deleted here"),
    pytest.mark.skipif(not choose_driver().wal, reason="this SQLite keeps no log"),
]


def _delete(file: Path) -> None:
    file.unlink()


def _move(file: Path) -> None:
    file.rename(f"{file}.away")


def _cut(file: Path) -> None:
    os.truncate(file, 0)


def _cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _replace(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copyfile(file, copy)
    copy.replace(file)


ATTACKS: dict[str, Callable[[Path], None]] = {
    "deleted": _delete,
    "moved": _move,
    "cut": _cut,
    "cut in half": _cut_in_half,
    "replaced": _replace,
}
# SQLite itself touches what is cut off of an index, and the process ends.
FATAL = [(how, "-shm") for how in ATTACKS if how.startswith("cut")]


def attack(how: str, path: Path, end: str) -> Path:
    file = Path(f"{path}{end}")
    ATTACKS[how](file)
    return file


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("how", ATTACKS)
def test_nothing_is_acknowledged_and_nobody_joins(
    how: str, end: str, store: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    saved(store, 1)
    code = CUT if how.startswith("cut") else MOVED
    file = attack(how, path, end)
    for n in (2, 3):
        with pytest.raises(StoreUnusable, match=r"Nothing is acknowledged any more\. .*Stop every process") as refused:
            save(store, opening(n)[0])
        assert refused.value.code == code
        assert f"{file} was" in refused.value.message
    assert store.fault == code
    with pytest.raises(StoreUnusable) as refused:
        open_store()
    assert refused.value.code == code


def test_a_process_that_has_written_nothing_yet_acknowledges_nothing_either(
    store: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    saved(store, 1)
    second = open_store()
    attack("replaced", path, "")
    with pytest.raises(StoreUnusable, match="Nothing is acknowledged any more"):
        saved(second, 2)


@pytest.mark.parametrize(("how", "end"), [one for one in product(ATTACKS, ENDS) if one not in FATAL])
def test_control_without_the_watch_it_would_be_acknowledged(
    how: str, end: str, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{FILES}.wrong_of", lambda *_: None)
    monkeypatch.setattr(f"{FILES}.Files._wrong", lambda *_: None)
    saved(store, 1)
    attack(how, path, end)
    saved(store, 2)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_what_was_acknowledged_before_is_there_after_a_restart(
    how: str, end: str, lane: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    case = saved(lane, 1)
    attack(how, path, end)
    with pytest.raises(StoreError):
        save(lane, opening(2)[0])
    lane.close()
    if end == "" and how != "replaced":
        with pytest.raises(StoreUnusable) as refused:
            open_store()
        assert refused.value.code == "store_missing"
        if how == "deleted":
            return
        Path(f"{path}.away").rename(path)
    again = open_store()
    assert again.queries(PLATFORM).case(case.id).id == case.id
    saved(again, 3)


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_log_that_is_cut_off_in_the_midst_of_a_commit_is_seen_by_its_hole(
    left: float, store: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    saved(store, 1)
    log = Path(f"{path}-wal")

    def work(_tx: Tx) -> tuple[Change, None]:
        os.truncate(log, int(log.stat().st_size * left))
        return opening(2)[0], None

    with pytest.raises(StoreUnusable, match=r"-wal was cut off") as refused:
        store.submit(PLATFORM, work).result(10)
    assert refused.value.code == CUT
    for again in (lambda: save(store, opening(3)[0]), open_store):
        with pytest.raises(StoreUnusable, match=r"-wal was cut off"):
            again()


def test_a_torn_end_of_the_log_is_no_hole(store: SqliteStore, path: Path) -> None:
    """As after a write for which there was no room."""
    saved(store, 1)
    with Path(f"{path}-wal").open("ab") as log:
        log.write(60 * (24 * b"\1" + bytes(4096)) + bytes(100))
    for n in (2, 3, 4):
        saved(store, n)
    assert store.fault == ""


def test_a_log_that_the_store_cuts_off_itself_is_no_attack(
    store: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    other = open_store()
    for n in (1, 3, 5):
        saved(store, n)
        saved(other, n + 1)
        assert (other if n == 3 else store).truncate_log()
        assert Path(f"{path}-wal").stat().st_size == 0
    saved(store, 7)
    assert (store.fault, other.fault) == ("", "")


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_what_a_lost_log_held_is_brought_into_the_database_within_a_second(
    how: str,
    lane: SqliteStore,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody writes meanwhile, and the process may be killed right after."""
    monkeypatch.setattr("kz_compliance_sdk.adapters.sql.lane.LOOK_EVERY_S", 0.01)
    case = saved(lane, 1)
    log = attack(how, path, "-wal")
    until = time.monotonic() + 10
    while "nothing is missing" not in caplog.text:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not log.exists(), "an older log must not lie where the next start looks for one"
    copy = path.with_name("as after a kill")
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as left:
        assert left.execute("SELECT id FROM cases").fetchall() == [(case.id,)]
    told = [record for record in caplog.records if record.name == "kz_compliance_sdk.store"]
    assert {record.levelno for record in told} == {logging.CRITICAL}
    assert f"{log} was moved, replaced or deleted" in told[0].getMessage()


def test_a_file_that_was_cut_off_is_not_read_either(store: SqliteStore, path: Path) -> None:
    """To touch an index that was cut off ends the process."""
    saved(store, 1)
    attack("cut", path, "-shm")
    with pytest.raises(StoreUnusable) as refused:
        store.queries(PLATFORM).health(0)
    assert refused.value.code == CUT


@pytest.mark.slow
def test_a_store_that_was_closed_may_be_put_back_from_a_backup_if_somebody_accepts(
    store: SqliteStore, path: Path, open_store: OpenStore
) -> None:
    store.close()
    backup = path.read_bytes()
    grown = open_store()
    for n in range(1, 40):
        saved(grown, n)
    assert grown.truncate_log()
    grown.close()
    assert path.stat().st_size > len(backup)
    path.write_bytes(backup)
    with pytest.raises(StoreUnusable, match="39 lines of its log are missing"):
        open_store()
    saved(open_store(accept=True), 1)


# ------------------------------------------------------------------------------------- after those who were killed


def _killed(store: SqliteStore) -> None:
    """As if its process had ended without a word: nobody shares the store any more, and its files lie there."""
    users = store._files._users
    assert users is not None
    users.close()


def _enter(path: Path, *, accept: bool = False) -> None:
    with held(str(path)) as lock:
        Files(choose_driver(), str(path), Mark(f"{path}.mark")).enter(lock, accept=accept)


@pytest.mark.parametrize("accept", [True, False])
def test_a_database_that_was_cut_off_after_a_kill_is_not_opened_until_somebody_accepts(
    accept: bool, lane: SqliteStore, path: Path
) -> None:
    saved(lane, 1)
    _killed(lane)
    attack("cut in half", path, "")
    if accept:
        _enter(path, accept=True)
        return
    with pytest.raises(StoreUnusable, match=r"Restore a backup.*db accept") as refused:
        _enter(path)
    assert refused.value.code == CUT


@pytest.mark.parametrize("taken", ["what the log holds", "more than that"])
@pytest.mark.slow
def test_a_power_cut_may_take_what_a_checkpoint_wrote_that_a_reader_held_up(taken: str, path: Path, env: Env) -> None:
    put_blank(path)
    size = path.stat().st_size
    child = os.fork()
    if not child:
        with suppress(BaseException):  # no test goes on in this process
            os._exit(_died_after_a_checkpoint(path, env))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.stat().st_size > size
    os.truncate(path, size if taken == "what the log holds" else size // 2)
    if taken == "more than that":
        with pytest.raises(StoreUnusable, match="Restore a backup"):
            _enter(path)
        return
    with closing(SqliteStore(path, env)) as again:
        assert len(list(again.queries(PLATFORM).case_ids())) == 21
        assert raw(again, "PRAGMA integrity_check") == [("ok",)]


def _died_after_a_checkpoint(path: Path, env: Env) -> int:
    """SQLite syncs the database only once a checkpoint got to the end of the log."""
    store = SqliteStore(path, env, threaded=False)
    for n in range(1, 20):
        saved(store, n)
    with closing(choose_driver().module.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM cases").fetchall()
        saved(store, 20)
        ((_, frames, done),) = raw(store, "PRAGMA wal_checkpoint(PASSIVE)")
        saved(store, 21)
        return 0 if 0 < done < frames else 1


# ------------------------------------------------------------------------------------------------------ health


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_the_health_says_that_the_log_is_gone(how: str, store: SqliteStore, path: Path, env: Env) -> None:
    saved(store, 1)
    attack(how, path, "-wal")
    document = health_document(store.queries(PLATFORM).health(0), env.clock())
    assert (document["status"], "store_moved" in document["attention"]) == ("attention", True)


def test_the_health_of_every_process_says_that_the_disk_is_full_until_a_write_succeeds(
    path: Path, open_store: OpenStore, env: Env
) -> None:
    writing, asked = open_store(threaded=False), open_store()
    saved(writing, 1)
    inline: Any = writing._lane._inline
    (pages,) = inline._writer._connection.execute("PRAGMA page_count").fetchone()
    inline._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as refused:
        [saved(writing, n) for n in range(2, 200)]
    assert refused.value.code == "storage_full"
    for store in (writing, asked):
        document = health_document(store.queries(PLATFORM).health(0), env.clock())
        assert "storage_full" in document["attention"]
    inline._writer._connection.execute("PRAGMA max_page_count = 1000000")
    saved(writing, 300)
    for store in (writing, asked):
        assert store.queries(PLATFORM).health(0).fault == ""
