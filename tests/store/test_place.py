"""The file itself: made whole, read by one account, told from other programs' databases, and missed when it is gone."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import store
from kz_compliance_sdk.adapters.sql.files import State, state_of
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.sqlite import APPLICATION_ID, FileLock, choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.errors import StoreError, StoreUnusable
from tests.blank import put_blank
from tests.case_makers import PLATFORM
from tests.store.conftest import Gate, OpenStore, opening, raw, save, saved
from tests.waiting import comes

FILES = "kz_compliance_sdk.adapters.sql.files"
needs_posix = pytest.mark.skipif(os.name != "posix", reason="files that are open can be moved and deleted here")


def beside(path: Path, end: str) -> Path:
    return Path(f"{path}{end}")


def _delete(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        beside(path, end).unlink(missing_ok=True)


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.sqlite3"))


def _replace(path: Path) -> None:
    copy = path.with_name("copy.sqlite3")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def _delete_log(path: Path) -> None:
    beside(path, "-wal").unlink()


AWAY = {"deleted": _delete, "moved": _move, "replaced": _replace, "log deleted": _delete_log}


@needs_posix
@pytest.mark.parametrize("how", AWAY)
def test_nothing_is_acknowledged_into_a_file_that_is_gone(how: str, store: SqliteStore, path: Path, clock: Any) -> None:
    if how == "log deleted" and not store.driver.wal:
        pytest.skip("this SQLite keeps no log")
    saved(store, 1)
    assert store.queries(PLATFORM).health(0).fault == ""
    AWAY[how](path)
    clock.advance(1)
    for n in (2, 3):
        with pytest.raises(StoreError) as refused:
            save(store, opening(n)[0])
        assert refused.value.code == "store_moved"
    if how != "log deleted":
        assert store.fault == "store_moved"


@needs_posix
def test_control_without_the_look_it_would_be_acknowledged(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{FILES}.wrong_of", lambda *_: None)
    saved(store, 1)
    _delete(path)
    saved(store, 2)
    assert not path.exists()


@needs_posix
def test_a_batch_that_was_under_way_is_not_acknowledged_either(lane: SqliteStore, path: Path) -> None:
    saved(lane, 1)
    gate = Gate(lane)
    waiting = [lane.save(PLATFORM, opening(n)[0]) for n in (2, 3)]
    _delete(path)
    with pytest.raises(StoreError):
        gate.__exit__()  # it is a work too
    for future in waiting:
        with pytest.raises(StoreError, match="moved, replaced or deleted"):
            future.result(10)


@needs_posix
def test_a_file_that_comes_back_is_used_again(store: SqliteStore, path: Path) -> None:
    saved(store, 1)
    away = path.with_name("away")
    path.rename(away)
    with pytest.raises(StoreError):
        save(store, opening(2)[0])
    away.rename(path)
    saved(store, 3)


@needs_posix
@pytest.mark.slow
def test_one_look_at_the_files_before_and_after_each_commit(lane: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(lane, 1)
    looked: list[str] = []

    def look(path: str) -> State:
        if path.startswith(lane.path):  # a store that another test left open is looked after each second
            looked.append(path)
        return state_of(path)

    monkeypatch.setattr(f"{FILES}.state_of", look)
    with Gate(lane):
        futures = [lane.save(PLATFORM, opening(n)[0]) for n in range(2, 102)]
    for future in futures:
        future.result(10)
    beside = [f"{lane.path}{end}" for end in (("-wal", "-shm") if lane.driver.wal else ())]
    assert looked == [lane.path, *beside] * 4, "before and after: the gate's, and one for all hundred"


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal", ".lane"])
def test_a_store_is_not_made_where_one_has_gone(end: str, open_store: OpenStore, path: Path) -> None:
    open_store().close()
    path.unlink()
    lock = beside(path, ".lane")
    if end != ".lane":
        lock.unlink()
        beside(path, end).write_bytes(b"left behind")
    with pytest.raises(StoreUnusable, match="db upgrade --anew") as refused:
        open_store()
    assert refused.value.code == "store_missing"
    assert not path.exists()
    saved(open_store(anew=True), 1)
    if end != ".lane":
        assert beside(path, f"{end}.old").read_bytes() == b"left behind"


def test_without_leave_to_create_nothing_is_made(open_store: OpenStore, path: Path) -> None:
    with pytest.raises(StoreUnusable) as refused:
        open_store(create=False)
    assert refused.value.code == "store_missing"
    assert list(path.parent.iterdir()) == []
    open_store().close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, beside(path, ".lane").name}
    saved(open_store(create=False), 1)


@pytest.mark.parametrize("create", [True, False])
def test_an_empty_file_is_no_store(create: bool, open_store: OpenStore, path: Path) -> None:
    path.touch()
    beside(path, "-wal").write_bytes(b"the only copy of a commit")
    with pytest.raises(StoreUnusable) as refused:
        open_store(create=create)
    assert refused.value.code == "store_empty"
    assert path.read_bytes() == b""
    assert beside(path, "-wal").read_bytes() == b"the only copy of a commit"


@pytest.mark.parametrize("create", [True, False])
def test_the_database_of_another_program_is_left_as_it_is(create: bool, open_store: OpenStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(StoreUnusable) as refused:
        open_store(create=create)
    assert refused.value.code == "store_foreign"
    assert path.read_bytes() == before


def test_what_the_database_says_at_the_start_is_told_in_our_words(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(store: SqliteStore, **_: object) -> None:
        raise store.driver.module.OperationalError("disk I/O error")

    monkeypatch.setattr(SqliteStore, "_prepare", prepare)
    with pytest.raises(StoreError, match="disk I/O error"):
        open_store()


def test_what_is_no_database_at_all_is_refused(open_store: OpenStore, path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnusable, match="no database"):
        open_store()


def test_each_file_is_marked_as_ours_and_read_by_one_account(open_store: OpenStore, path: Path) -> None:
    opened = open_store()
    saved(opened, 1)
    assert raw(opened, "PRAGMA application_id") == [(APPLICATION_ID,)]
    if os.name == "posix":
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert len(modes) == (6 if opened.driver.wal else 4)


def test_a_start_that_is_broken_off_leaves_no_half_store(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("kz_compliance_sdk.adapters.sql.store.new_store", broken)
        with pytest.raises(KeyboardInterrupt):
            open_store()
    assert not path.exists()
    saved(open_store(), 1)


def test_who_waits_while_another_process_makes_the_store_is_not_refused(open_store: OpenStore, path: Path) -> None:
    """Its lock file is there already, and the store not yet: that is no store that has gone."""
    lock = FileLock(str(path))
    lock.acquire()
    store.create_file(choose_driver(), str(path), f"{path}.mark", MasterKeys(), anew=False)
    lock.close()
    saved(open_store(), 1)
    _delete(path)
    for end in (".lane", ".mark"):
        beside(path, end).unlink()
    FileLock(str(path)).close()
    saved(open_store(), 2)


def _waits_for_the_lock(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a writer, whose batch is complete by then, asks for the lock."""
    begun, acquire = threading.Event(), FileLock.acquire

    def noted(lock: FileLock) -> None:
        begun.set()
        acquire(lock)

    monkeypatch.setattr(FileLock, "acquire", noted)
    return begun


@needs_posix
def test_the_end_waits_for_no_other_process(path: Path, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the lock. What waits is told that it is not known to be stored; later all is as after a kill."""
    monkeypatch.setattr("kz_compliance_sdk.adapters.sql.lane.STUCK_S", 0.1)
    put_blank(path)
    with closing(FileLock(str(path))) as other:
        stuck = open_store()
        saved(stuck, 1)
        other.acquire()
        begun = _waits_for_the_lock(monkeypatch)
        waiting = [stuck.save(PLATFORM, opening(2)[0])]
        comes(begun.is_set)
        waiting.append(stuck.save(PLATFORM, opening(3)[0]))
        stuck.close()
        codes = []
        for future in waiting:
            with pytest.raises(StoreError) as told:
                future.result(0)
            codes.append(told.value.code)
    # The first was being written, and may be found once the other lets go; the second never began.
    assert codes == ["commit_unknown", "storage_busy"]
    assert [one.id for one in open_store().queries(PLATFORM).cases().cases][:1] == ["case-000001"]
