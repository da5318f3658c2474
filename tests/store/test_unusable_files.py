"""Files of the store that this account cannot use, and places in which locks do not hold: refused by name."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import store as module
from kz_compliance_sdk.adapters.sql.place import refuse_without_locks
from kz_compliance_sdk.adapters.sql.sqlite import FileLock, choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.errors import StoreError, StoreUnusable
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from tests.no_locks import ALL_GRANTED, NONE_GRANTED, POSSIBLE, without_locks
from tests.store.conftest import saved

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and locks as POSIX has them")
ACCOUNT = 61_003
"""An account that owns nothing else here, and which the machine need not know by name."""
ENDS = ("", "-wal", "-shm", ".lane", ".open", "/")
_forking = multiprocessing.get_context("fork")
WITHIN_S = 60


def in_a_process(call: Callable[[], object]) -> str:
    """What a call in a process of its own is refused for; empty if it is not."""

    def run(told: Any) -> None:
        try:
            call()
        except StoreError as error:
            told.send(f"{error.code}: {error.message}")
        except BaseException as error:  # noqa: BLE001  it must not be told by silence
            told.send(f"raised {error!r}")
        else:
            told.send("")
        os._exit(0)

    answer, told = _forking.Pipe(duplex=False)
    process = _forking.Process(target=run, args=(told,))
    process.start()
    told.close()
    assert answer.poll(WITHIN_S), "it hangs"
    found = str(answer.recv())
    process.join(WITHIN_S)
    return found


@pytest.fixture
def left() -> Iterator[Path]:
    """The store of a process that was killed, all of whose files are another account's. pytest's own folders are closed
    to other accounts."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="kz-left-"))
    try:
        path = folder / "cases.sqlite3"
        source = folder / "running"
        source.mkdir()
        running = SqliteStore(source / path.name, frozen_env(FrozenClock()), threaded=False)
        saved(running)
        for file in source.iterdir():
            shutil.copy(file, folder)
        running.close()
        shutil.rmtree(source)
        for one in (folder, *folder.iterdir()):
            if os.geteuid() == 0:
                os.chown(one, ACCOUNT, ACCOUNT)
        yield path
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def opened(path: Path) -> str:
    def call() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(ACCOUNT)
            os.setuid(ACCOUNT)
        with closing(SqliteStore(path, frozen_env(FrozenClock()), threaded=False)) as store:
            saved(store, 2)

    return in_a_process(call)


@pytest.mark.slow
def test_control_files_as_they_should_be_are_used(left: Path) -> None:
    if choose_driver().wal:
        assert {f"{left}{end}" for end in ENDS[1:5]} <= {str(file) for file in left.parent.iterdir()}
    assert opened(left) == ""


@pytest.mark.parametrize("mode", [0o400, 0o200, 0])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.slow
def test_a_file_that_this_account_cannot_use_is_named(end: str, mode: int, left: Path) -> None:
    if end in ("-wal", "-shm") and not choose_driver().wal:
        pytest.skip("this SQLite keeps no log")
    file = left.parent if end == "/" else Path(f"{left}{end}")
    file.chmod(mode)
    told = opened(left)
    what = "folder" if end == "/" else "file"
    assert told.startswith(f"store_unusable: store.path: the store's {what} {file}"), told
    if (end, mode) != ("/", 0):
        assert f"mode {mode:04o}" in told
        assert str(file.stat().st_uid) in told or "root" in told
        assert f"chmod u+rw{'x' * (end == '/')} {file}" in told
    assert "chmod 2770" in told
    assert ("never remove it" in told) == (end == "-wal")
    assert ("made anew" in told) == (end in ("-shm", ".lane", ".open"))


@pytest.mark.parametrize("end", ["", "-wal", "-shm", ".lane", ".open"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_in_the_place_of_one_is_named_and_nothing_hangs(
    make: Callable[[Path], object], end: str, left: Path
) -> None:
    file = Path(f"{left}{end}")
    file.unlink(missing_ok=True)
    make(file)
    assert f"the store's file {file} is no regular file" in opened(left)


@pytest.mark.slow
def test_what_the_driver_cannot_open_later_is_named_too(left: Path) -> None:
    def call() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(ACCOUNT)
            os.setuid(ACCOUNT)
        with closing(SqliteStore(left, frozen_env(FrozenClock()), threaded=False)) as store:
            left.chmod(0o400)
            store.queries("social").health(0)
            saved(store, 2)

    assert f"the store's file {left} has the mode 0400" in in_a_process(call)


# ------------------------------------------------------------------------------------------------------------- locks


def opened_without_locks(path: Path, answer: int, *, flock: bool, ranges: bool) -> str:
    def call() -> None:
        without_locks(answer, flock=flock, ranges=ranges)
        SqliteStore(path, frozen_env(FrozenClock()), threaded=False)

    return in_a_process(call)


needs_filter = pytest.mark.skipif(not POSSIBLE, reason="the kernel's filter of system calls is Linux's")


@needs_filter
@pytest.mark.parametrize(("flock", "ranges"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("answer", [ALL_GRANTED, NONE_GRANTED])
def test_a_place_without_locks_is_refused(answer: int, flock: bool, ranges: bool, path: Path) -> None:
    told = opened_without_locks(path, answer, flock=flock, ranges=ranges)
    why = "two got the same one at once" if answer == ALL_GRANTED else os.strerror(NONE_GRANTED)
    assert told.startswith(f"store_unusable: locks do not hold where the store lies: {why}"), told
    assert not path.exists()


@needs_filter
def test_control_unasked_two_processes_hold_the_writers_lock_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "refuse_without_locks", lambda _file: None)
    with closing(FileLock(str(path))) as mine:
        mine.acquire()
        assert opened_without_locks(path, ALL_GRANTED, flock=True, ranges=True) == ""
    assert path.exists(), "it made the store under a lock that this process holds"


def test_locks_that_another_process_holds_are_locks(path: Path) -> None:
    with closing(FileLock(str(path))) as mine:
        mine.acquire()
        refuse_without_locks(f"{path}.lane")
    refuse_without_locks(f"{path}.lane")
    assert stat.S_ISREG(Path(f"{path}.lane").stat().st_mode)


@pytest.mark.parametrize("kind", ["nfs4", "9p", "fuse.sshfs", "fuse.rclone"])
def test_a_network_file_system_is_refused(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        pytest.skip("this system does not tell what is mounted")
    line = f"\n99 1 0:99 / {path.resolve().parent} rw - {kind} somewhere rw\n"
    told = mounts.read_text() + line
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda file, *a, **k: told if file == mounts else read(file, *a, **k))
    with pytest.raises(StoreUnusable, match=rf"network file system \({kind} at "):
        SqliteStore(path, frozen_env(FrozenClock()), threaded=False)
