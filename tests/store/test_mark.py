"""The mark outside the database: whoever opens a store that lacks what was acknowledged is told what, and refused."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.ledger import End
from kz_compliance_sdk.adapters.sql.mark import Mark
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.errors import CommitUnknown, StoreError, StoreUnusable
from tests.case_makers import PLATFORM
from tests.store.conftest import Gate, OpenStore, opening, raw, save, saved, tamper

needs_log = pytest.mark.skipif(not choose_driver().wal, reason="this SQLite keeps no log")
BEHIND = (
    r"lacks what was acknowledged\. .*: its log ends with line 1 of .*Z, and 2 lines up to line 3 of .*Z are missing"
)


def mark_beside(path: Path) -> Path:
    return Path(f"{path}.mark")


def keep_aside(path: Path, to: str) -> Path:
    """The files of a store as they lie there, as a process that was killed leaves them."""
    folder = path.parent / to
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, folder)
    return folder / path.name


def put_back(path: Path, older: Path, *ends: str) -> None:
    for end in ends:
        there, now = Path(f"{older}{end}"), Path(f"{path}{end}")
        if there.exists():
            shutil.copy(there, now)
        else:
            now.unlink(missing_ok=True)


@pytest.fixture
def three(path: Path, open_store: OpenStore) -> tuple[Path, Path]:
    """The files of a killed process that acknowledged three, and those of when it was one."""
    running = open_store(threaded=False)
    saved(running, 1)
    older = keep_aside(path, "older")
    saved(running, 2)
    saved(running, 3)
    newer = keep_aside(path, "newer")
    running.close()
    return newer, older


def _older(path: Path, older: Path) -> None:
    put_back(path, older, "", "-wal", "-shm")


def _closed_and_older(path: Path, older: Path) -> None:
    for one in (path, older):
        SqliteStore(one, _env(), threaded=False).close()
    shutil.copy(older, path)
    Path(f"{path}.lane").unlink()


def _older_log(path: Path, older: Path) -> None:
    put_back(path, older, "-wal")


def _log_cut(path: Path, older: Path) -> None:
    os.truncate(f"{path}-wal", Path(f"{older}-wal").stat().st_size)


def _bit_of_the_log(path: Path, older: Path) -> None:
    at = Path(f"{older}-wal").stat().st_size + 100
    with Path(f"{path}-wal").open("r+b") as log:
        log.seek(at)
        (byte,) = log.read(1)
        log.seek(at)
        log.write(bytes([byte ^ 1]))


def _env() -> Any:
    from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env

    return frozen_env(FrozenClock())


LOSSES: dict[str, Callable[[Path, Path], None]] = {
    "all files older": _older,
    "closed, and an older copy": _closed_and_older,
    "older log": _older_log,
    "log cut off": _log_cut,
    "a bit of the log": _bit_of_the_log,
}


@needs_log
@pytest.mark.parametrize("how", LOSSES)
def test_a_store_that_lacks_what_was_acknowledged_is_refused_until_somebody_accepts(
    how: str, three: tuple[Path, Path]
) -> None:
    path, older = three
    LOSSES[how](path, older)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=BEHIND) as refused:
            SqliteStore(path, _env(), threaded=False)
        assert refused.value.code == "store_behind"
        for word in (str(mark_beside(path)), "db accept", "reconcile", "restore a later backup"):
            assert word in refused.value.message
    accepted = SqliteStore(path, _env(), threaded=False, accept=True)
    assert len(accepted.missing) == 1
    assert [case.id for case in accepted.queries(PLATFORM).cases().cases] == ["case-000001"]
    saved(accepted, 4)
    accepted.close()
    again = SqliteStore(path, _env(), threaded=False)
    assert again.missing == []
    again.close()


@needs_log
@pytest.mark.parametrize("how", LOSSES)
def test_control_without_the_mark_it_is_lost_in_silence(how: str, three: tuple[Path, Path]) -> None:
    path, older = three
    LOSSES[how](path, older)
    mark_beside(path).unlink()
    opened = SqliteStore(path, _env(), threaded=False)
    assert [case.id for case in opened.queries(PLATFORM).cases().cases] == ["case-000001"]
    opened.close()


@needs_log
@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_log_that_is_gone_is_missed_if_anything_was_in_it(
    checkpointed: bool, path: Path, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    running = open_store(threaded=False)
    saved(running, 1)
    if checkpointed:
        assert running.truncate_log()
    killed = keep_aside(path, "killed")
    Path(f"{killed}-wal").unlink()
    if checkpointed:
        SqliteStore(killed, _env(), threaded=False).close()
        assert caplog.text == ""
        return
    with pytest.raises(StoreUnusable, match="1 lines of its log are missing, all up to line 1"):
        SqliteStore(killed, _env(), threaded=False)


@needs_log
def test_a_log_that_comes_back_after_the_refusal_gives_everything_back(three: tuple[Path, Path]) -> None:
    path, _ = three
    log = Path(f"{path}-wal")
    away = log.rename(path.with_name("away"))
    with pytest.raises(StoreUnusable, match=r"all up to line 3|lines up to line 3"):
        SqliteStore(path, _env(), threaded=False)
    away.rename(log)
    opened = SqliteStore(path, _env(), threaded=False)
    assert len(opened.queries(PLATFORM).cases().cases) == 3
    opened.close()


@needs_log
def test_what_sqlite_does_not_take_of_a_log_is_kept(three: tuple[Path, Path]) -> None:
    path, older = three
    _bit_of_the_log(path, older)
    before = Path(f"{path}-wal").read_bytes()
    with pytest.raises(StoreUnusable):
        SqliteStore(path, _env(), threaded=False)
    assert Path(f"{path}-wal.old").read_bytes() == before
    assert Path(f"{path}-wal.old").stat().st_mode & 0o777 == 0o600


def test_a_store_as_it_was_left_is_opened_and_nothing_is_said(
    path: Path, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    for n in (1, 2):
        store = open_store()
        saved(store, n)
        store.close()
    assert open_store().missing == []
    assert caplog.text == ""


def test_another_store_of_the_same_platform_is_not_taken_for_this_one(
    path: Path, open_store: OpenStore, tmp_path: Path
) -> None:
    mine = open_store()
    saved(mine, 1)
    mine.close()
    other = SqliteStore(tmp_path / "other.sqlite3", _env(), threaded=False)
    for n in (5, 6):
        saved(other, n)
    other.close()
    shutil.copy(tmp_path / "other.sqlite3", path)
    with pytest.raises(StoreUnusable, match=r"line 1 of .* is another one than was acknowledged"):
        open_store(accept=False)
    open_store(accept=True)


def test_a_row_that_was_edited_stops_no_start(path: Path, open_store: OpenStore) -> None:
    """The verification names it; what happened is still there."""
    store = open_store()
    saved(store, 1)
    tamper(store, "UPDATE log SET hash = x'00'")
    store.close()
    store = open_store()
    tamper(store, "DELETE FROM log")
    store.close()
    open_store()


def test_a_tail_that_was_deleted_is_missing(path: Path, open_store: OpenStore) -> None:
    store = open_store()
    saved(store, 1), saved(store, 2)
    tamper(store, "DELETE FROM log WHERE n = 2")
    tamper(store, "DELETE FROM events WHERE stream = 2")
    store.close()
    with pytest.raises(StoreUnusable, match=r"ends with line 1 of .*, and 1 lines up to line 2"):
        open_store()


def test_nobody_accepts_beside_others(open_store: OpenStore) -> None:
    saved(open_store(), 1)
    with pytest.raises(StoreUnusable) as refused:
        open_store(accept=True)
    assert refused.value.code == "store_in_use"


def test_a_process_that_sees_less_than_others_acknowledged_acknowledges_nothing(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved(store, 1)
    (end,) = Mark(str(mark_beside(path))).read().values()
    Mark(str(mark_beside(path))).keep({PLATFORM: end._replace(n=7)}, 0)
    with pytest.raises(StoreUnusable, match="is not in the store that this process has open") as refused:
        save(store, opening(2)[0])
    assert refused.value.code == "store_behind"
    assert store.fault == "store_behind"
    assert {record.levelno for record in caplog.records} == {logging.CRITICAL}
    assert raw(store, "SELECT count(*) FROM cases") == [(1,)]


# ------------------------------------------------------------------------------------------------ how it is written


def test_it_is_written_once_for_a_batch_before_anybody_is_answered(
    lane: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(lane, 1)
    written: list[int] = []
    keep = Mark.keep

    def watched(mark: Mark, ends: Any, now: int) -> None:
        assert not any(future.done() for future in futures)
        keep(mark, ends, now)
        written.append(ends[PLATFORM].n)

    futures: list[Any] = []
    monkeypatch.setattr(Mark, "keep", watched)
    with Gate(lane):
        futures += [lane.save(PLATFORM, opening(n)[0]) for n in range(2, 52)]
    for future in futures:
        future.result(10)
    assert written == [51]
    assert Mark(str(mark_beside(path))).read()[PLATFORM].n == 51


def test_it_reaches_the_disk_once_a_second_at_most_and_within_one(
    store: SqliteStore, path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def watched(fd: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    name = mark_beside(path).name
    for n in (1, 2, 3):
        saved(store, n)
    assert flushed.count(name) == 1
    clock.advance(1)
    saved(store, 4)
    assert flushed.count(name) == 2
    saved(store, 5)
    store.close()
    assert flushed.count(name) == 3


def test_it_reaches_the_disk_while_nothing_is_written(
    lane: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(lane, 1)
    mark = lane._files.mark
    mark.keep(mark.read(), mark._flushed_at)
    monkeypatch.setattr("kz_compliance_sdk.adapters.sql.lane.LOOK_EVERY_S", 0.01)
    assert not mark._is_flushed
    transaction = lane._open_transaction()
    transaction.look()
    transaction.close()
    assert mark._is_flushed


def test_each_platform_has_its_line_and_each_process_adds_its_own(open_store: OpenStore, path: Path) -> None:
    one, other = open_store(threaded=False), open_store(threaded=False)
    saved(one, 1)
    saved(other, 2, platform_id="video")
    saved(one, 3)
    found = Mark(str(mark_beside(path))).read()
    assert {name: end.n for name, end in found.items()} == {PLATFORM: 2, "video": 1}
    assert [end.hash for end in found.values()] == [
        raw(one, "SELECT hash FROM log WHERE platform = ? ORDER BY n DESC LIMIT 1", name)[0][0] for name in found
    ]
    lines = mark_beside(path).read_bytes().splitlines(keepends=True)
    assert {len(line) for line in lines} == {512}


def test_a_line_that_was_damaged_leaves_no_older_one_behind(path: Path) -> None:
    mark = Mark(str(mark_beside(path)))
    end = End(1, 1, 1, bytes(32), 1_795_500_000)
    mark.keep({"a": end, "b": end, "c": end}, 0)
    with mark_beside(path).open("r+b") as file:
        file.write(b"damaged")
    mark.keep({"c": end._replace(n=2)}, 0)
    assert {name: one.n for name, one in mark.read().items()} == {"b": 1, "c": 2}


def test_it_lies_where_it_should(open_store: OpenStore, path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other disk" / "mark"
    elsewhere.parent.mkdir()
    saved(open_store(mark=elsewhere), 1)
    assert elsewhere.exists()
    assert not mark_beside(path).exists()
    if os.name == "posix":
        assert elsewhere.stat().st_mode & 0o777 == 0o600


def test_a_commit_whose_outcome_was_unknown_and_that_stands_is_noted(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(store, 1)
    acknowledge = store._files.acknowledge

    def unknown(*_: Any) -> None:
        monkeypatch.setattr(store._files, "acknowledge", acknowledge)
        raise CommitUnknown("the outcome of a commit is not known")

    monkeypatch.setattr(store._files, "acknowledge", unknown)
    saved(store, 2)
    assert Mark(str(mark_beside(path))).read()[PLATFORM].n == 2


# ------------------------------------------------------------------------------------------ the mark itself is attacked


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [Path.unlink, _flip, lambda file: os.truncate(file, 100)], ids=["gone", "bit", "cut"])
def test_a_mark_that_is_gone_or_damaged_is_told_and_made_anew(
    harm: Callable[[Path], object], path: Path, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    saved(store, 1)
    store.close()
    before = mark_beside(path).read_bytes()
    harm(mark_beside(path))
    again = open_store()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{mark_beside(path)} is new, or does not say all" in caplog.text
    assert mark_beside(path).read_bytes() == before
    mark_beside(path).unlink()
    saved(again, 2)
    assert Mark(str(mark_beside(path))).read()[PLATFORM].n == 2, "it is made anew with the next commit as well"


def test_a_mark_that_cannot_be_written_is_told_and_stops_nothing(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved(store, 1)
    mark_beside(path).unlink()
    mark_beside(path).mkdir()
    saved(store, 2), saved(store, 3)
    assert store.fault == "mark_unwritable"
    (told,) = caplog.records
    assert f"{mark_beside(path)} cannot be written" in told.getMessage()
    mark_beside(path).rmdir()
    saved(store, 4)
    assert store.fault == ""


def test_a_mark_without_its_store_is_what_is_left_of_one(path: Path, open_store: OpenStore) -> None:
    store = open_store()
    saved(store, 1)
    store.close()
    path.unlink()
    Path(f"{path}.lane").unlink()
    with pytest.raises(StoreError, match="files of one lie beside it") as refused:
        open_store()
    assert str(mark_beside(path)) in refused.value.message
    saved(open_store(anew=True), 1)
    assert Path(f"{mark_beside(path)}.old").exists()


def test_nothing_is_upgraded_in_a_store_that_lacks_something(
    path: Path, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    older = path.read_bytes()
    saved(store, 1)
    store.close()
    path.write_bytes(older)
    monkeypatch.setattr("kz_compliance_sdk.adapters.sql.schema.read_revision", lambda _connection: "0000")
    with pytest.raises(StoreUnusable, match="lacks what was acknowledged"):
        open_store()
    assert path.read_bytes() == older
