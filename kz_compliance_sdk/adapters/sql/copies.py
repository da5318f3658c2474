"""Copies of the store's file: taken while others write, looked into without a trace, and put in the store's place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import migrate
from kz_compliance_sdk.adapters.sql.dialects import SQLITE
from kz_compliance_sdk.adapters.sql.files import USERS, Record, held, in_use, refuse_other_files
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.mark import Mark, ends_of
from kz_compliance_sdk.adapters.sql.place import refuse_place
from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys
from kz_compliance_sdk.adapters.sql.sqlite import (
    APPLICATION_ID,
    OLD,
    Driver,
    FileLock,
    left_behind,
    new_file,
    open_connection,
    store_error,
)
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.errors import StoreUnusable

Progress = Callable[[int, int], None]
"""Told of long work: how many bytes are done, and of how many."""

_STEP, _INSTRUCTIONS = 4 * 1024 * 1024, 100_000
_MOST_FAULTS: Final = 100


def back_up(driver: Driver, path: str, target: str, progress: Progress) -> int:
    """Copy one moment of the store to a new file, while others write; how many bytes it has.

    It holds nothing that was deleted, has the mode of the store's files, and lies at its path once it is complete and
    on the disk. Raises StoreUnusable for a source that is no store and a target that is there, and StoreError.
    """
    _refuse_missing(path)
    if os.path.lexists(target):
        raise StoreUnusable(f"{target} is there already. Name a new file.", code="copy_exists")
    refuse_place(path)
    refuse_other_files(path, wal=driver.wal)
    with new_file(target) as new:
        of = sum(Path(one).stat().st_size for one in (path, f"{path}-wal") if Path(one).exists())
        try:
            with closing(open_connection(driver, path)) as connection:
                connection.set_progress_handler(lambda: progress(Path(new).stat().st_size, of), _INSTRUCTIONS)
                connection.execute("VACUUM INTO ?", (new,))
        except driver.module.Error as error:
            if str(error) == "interrupted":  # by Ctrl-C, while it told of its progress
                raise KeyboardInterrupt from error
            raise store_error(error, path) from error
        return Path(new).stat().st_size


@contextmanager
def opened(driver: Driver, path: str) -> Iterator[Connection]:
    """A copy to be read and not touched: nothing is written, nothing is made beside it. Raises StoreUnusable if it is
    none, or has a log, which it would need."""
    _refuse_missing(path)
    if Path(f"{path}-wal").exists() and Path(f"{path}-wal").stat().st_size:
        raise StoreUnusable(
            f"{path} is no whole copy: its log lies beside it, {path}-wal. Make a copy with: kz-compliance db backup",
            code="copy_with_log",
        )

    def connect() -> Any:
        uri = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
        connection = driver.module.connect(uri, uri=True, check_same_thread=False)
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return connection

    engine = create_engine("sqlite://", module=driver.module, paramstyle="qmark", creator=connect, poolclass=NullPool)
    try:
        with _errors_told(driver, path), engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA application_id").scalar()
            if found != APPLICATION_ID:
                raise StoreUnusable(f"{path} is the database of another program. Name a copy.", code="store_foreign")
            migrate.pending(connection)
            yield connection
    finally:
        engine.dispose()


def faults_of_file(connection: Connection) -> list[str]:
    """What SQLite finds damaged in a file, each in its words; of very many the first hundred. Where it cannot look any
    further, that is one."""
    if connection.dialect.name != SQLITE:
        return []  # of a server's files its own tools tell
    try:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_FAULTS})").scalars().all()
    except DBAPIError as error:
        return [str(error.orig)]
    return [one for one in found if one != "ok"]


def restore(
    driver: Driver, copy: str, path: str, mark: str, keys: MasterKeys, ledger_keys: LedgerKeys, progress: Progress
) -> tuple[list[str], list[str]]:
    """Put a copy in the store's place; the names under which the files of before lie now, and what the copy lacks of
    what was acknowledged, a sentence each. The copy stays as it is.

    Raises StoreUnusable, and nothing was changed, while a process has the store open, if the copy is damaged or the
    keys do not open it, and if files that were put aside before lie in the way.
    """
    refuse_place(path, mark)
    with opened(driver, copy) as connection:
        if faults := faults_of_file(connection):
            raise StoreUnusable(f"{copy} is damaged: {faults[0]}. Take an earlier copy.", code="store_damaged")
        check_master_keys(connection, keys)
        check_ledger_keys(connection, ledger_keys)
        ends, missing = ends_of(connection), Mark(mark).missing(connection)
    with held(path) as lock, closing(FileLock(path, USERS)) as users:
        if not users.try_alone():
            raise in_use(path)
        beside = [name for name in left_behind(path, mark) if name not in (mark, f"{path}.lane")]
        aside = [name for name in (path, *beside) if os.path.lexists(name)]
        if there := [name for name in aside if os.path.lexists(f"{name}{OLD}")]:
            raise StoreUnusable(
                f"{there[0]}{OLD} lies there from an earlier restore. Move it away or delete it: it is personal data.",
                code="old_in_the_way",
            )
        with new_file(path, *aside) as new, Path(copy).open("rb") as source, Path(new).open("wb") as stream:
            of = Path(copy).stat().st_size
            while step := source.read(_STEP):
                stream.write(step)
                progress(stream.tell(), of)
        Mark(mark).reset(ends, 0)
        Record.forget(lock)
        users.remove()
    return [f"{name}{OLD}" for name in aside], missing


def _refuse_missing(path: str) -> None:
    if not Path(path).is_file():
        raise StoreUnusable(f"there is no database at {path}. Correct the path.", code="store_missing")


@contextmanager
def _errors_told(driver: Driver, path: str) -> Iterator[None]:
    """Say of a file what the driver refuses. Raises StoreUnusable."""
    try:
        yield
    except Exception as error:
        of_driver = getattr(error, "orig", error)
        if not isinstance(of_driver, driver.module.Error | sqlite3.Error):
            raise
        raise StoreUnusable(f"{path} is damaged, or no database: {of_driver}.", code="store_damaged") from error
