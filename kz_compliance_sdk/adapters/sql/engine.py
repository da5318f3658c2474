"""SQLAlchemy's engine over one SQLite file, and how such a file comes to be."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, QueuePool, create_engine, event

from kz_compliance_sdk.adapters.sql.schema import new_store
from kz_compliance_sdk.adapters.sql.sqlite import (
    APPLICATION_ID,
    Driver,
    configure,
    connect,
    left_behind,
    make_file,
    open_connection,
    store_error,
)
from kz_compliance_sdk.errors import StoreUnusable

_CACHE_MIB = 2


def open_engine(driver: Driver, path: str, check: Callable[[], None] = lambda: None) -> Engine:
    """An engine whose connections have every setting made and read back. It creates no file. `check` comes before each
    connection, and raises if there must be none."""

    def opened() -> Any:
        check()
        return connect(driver, path)

    engine = create_engine(
        "sqlite://",
        module=driver.module,
        paramstyle="qmark",
        creator=opened,
        poolclass=QueuePool,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        configure(driver, connection, _CACHE_MIB)
        # One text that is none must not hold up what is read beside it: it shows as another than was written.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")

    return engine


def create_file(driver: Driver, path: str, *, anew: bool) -> None:
    """Create the store's file with its whole schema, for this account, or the group that shares its folder. Whoever
    calls holds its lock.

    It appears at its path when it is complete. Raises StoreUnusable if files of an earlier store lie beside the path:
    with `anew` these are put aside under the ending `.old`.
    """
    left = left_behind(path)
    if left and not anew:
        raise StoreUnusable(
            f"there is no store at {path}, and files of one lie beside it: {', '.join(left)}. It was moved or deleted. "
            "Put it back, or restore a backup. To begin with an empty one: kz-compliance db upgrade --anew",
            code="store_missing",
        )
    new = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108  a start that was broken off
    # SQLite gives -wal and -shm the mode of the database.
    os.close(make_file(new))
    try:
        with closing(driver.module.connect(new, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        with closing(open_connection(driver, new)) as connection:
            connection.executescript(f"BEGIN IMMEDIATE;\n{new_store()}COMMIT;")
    except driver.module.Error as error:
        raise store_error(error) from error
    for name in left_behind(path):
        if not name.endswith(".lane"):
            os.replace(name, f"{name}.old")  # noqa: PTH105
    os.replace(new, path)  # noqa: PTH105
    if os.name == "posix":
        folder = os.open(Path(path).parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
