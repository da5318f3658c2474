"""Moving a store from one database into another: what is told in its ledger and its daily work, row by row.

Each table is walked in the order of its key on both sides at once, some rows in a transaction. What is there already is
held against the source and skipped, so a move that was cut anywhere is begun again and goes on, and a target that holds
anything else is refused. The rows of the cases are made anew there, as by `db rebuild`; the end is a second walk, over
every table, that writes nothing and names whatever is not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select, tuple_
from sqlalchemy.exc import DBAPIError

from kz_compliance_sdk.adapters.sql import derived, migrate, schema
from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.engines import store_error
from kz_compliance_sdk.adapters.sql.files import USERS, held, in_use
from kz_compliance_sdk.adapters.sql.ledger import events, keys, log, parts, streams, tiles
from kz_compliance_sdk.adapters.sql.mark import Mark, behind, platforms
from kz_compliance_sdk.adapters.sql.place import refuse_place
from kz_compliance_sdk.adapters.sql.sqlite import Driver, FileLock
from kz_compliance_sdk.adapters.sql.store import SqlStore, open_engine
from kz_compliance_sdk.config.sections import without_password
from kz_compliance_sdk.domain.change import Change, Heartbeat, Leased, Watch
from kz_compliance_sdk.errors import StoreUnusable
from kz_compliance_sdk.ports import Env, Found, Tx

Progress = Callable[[str, int, int], None]
"""Told of long work: what is done, how many of it, and of how many."""

AT_ONCE = 500
_CASES_AT_ONCE: Final = 50
_MOST_TOLD: Final = 100
# What points at a row comes behind it, and the log behind all: by it whoever opens a store learns how far it came.
_COPIED: Final = (t.platform_keys, streams, events, parts, keys, log, tiles, t.attempts)
_ROWS: Final = (t.cases, *derived.DERIVED)
_REPLACED: Final = tuple(
    table for table in t.metadata.sorted_tables if table.info["kind"] == "operations" and table is not t.attempts
)
"""What changes all day, and what making the rows writes beside them: taken from the source as it is, at the end."""
_ALL: Final = (*_COPIED, *_ROWS, *_REPLACED)


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows of each table lie in the target, and in words whatever is not as in the source; of very much the
    first hundred."""

    rows: dict[str, int]
    differences: tuple[str, ...]


# ----------------------------------------------------------------------------------------------------------- the source


@contextmanager
def reading_file(driver: Driver, path: str, mark: str) -> Iterator[Connection]:
    """A store's file that nobody else has open, and nobody opens meanwhile. Raises StoreUnusable if a process has it,
    if it lacks what was acknowledged, or if its place cannot be trusted; StoreError."""
    refuse_place(path, mark)
    with held(path), closing(FileLock(path, USERS)) as users:
        if not users.try_alone():
            raise in_use(path)
        engine = open_engine(driver, path)
        try:
            with engine.connect() as connection:
                # A text that is none would be another one on the other side.
                connection.connection.driver_connection.text_factory = str  # type: ignore[union-attr]
                if missing := Mark(mark).missing(connection):
                    raise behind(path, mark, missing)
                yield connection
        except (DBAPIError, driver.module.Error) as error:
            raise store_error(getattr(error, "orig", None) or error) from error
        finally:
            engine.dispose()
            users.remove()


_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name = 'kz-compliance'"
)
_HELD: Final = "55P03"
"""Somebody has the lock."""


@contextmanager
def reading_server(url: str, env: Env) -> Iterator[Connection]:
    """A store on PostgreSQL, as it was at one moment; whoever would write to it waits, and gives up. Raises
    StoreUnusable while a process has it open, StoreError."""
    from kz_compliance_sdk.adapters.sql.postgres import PostgresWriter, connect, driver, open_plain

    engine = open_plain(url)
    try:
        with engine.connect() as connection:
            is_used = connection.exec_driver_sql(_OTHERS).scalar()
        if not is_used:
            PostgresWriter(lambda: connect(url, pooler=True, autocommit=True), env, 0.0).close()
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            # Each who writes begins with this lock in a lesser mode. It comes before the first look at the data, which
            # says what moment is seen.
            connection.exec_driver_sql("LOCK TABLE inbox IN EXCLUSIVE MODE NOWAIT")
            if is_used or connection.exec_driver_sql("SELECT count(*) FROM unplaced").scalar():
                raise in_use(without_password(url))
            yield connection
    except (DBAPIError, driver().Error) as error:
        of_driver = getattr(error, "orig", None) or error
        is_held = getattr(of_driver, "sqlstate", None) == _HELD
        raise in_use(without_password(url)) if is_held else store_error(of_driver) from error
    finally:
        engine.dispose()


# ------------------------------------------------------------------------------------------------------------- the move


def move(source: Connection, target: SqlStore, progress: Progress) -> Moved:
    """Bring all that a store holds into another, and compare both in the end.

    Keys stay as they are, wrapped by the same master key. Cut off anywhere it is begun again and goes on. Raises
    StoreUnusable, and nothing was written, for a target that holds anything that the source does not; StoreError.
    """
    if migrate.pending(source):
        raise StoreUnusable(
            f"the store to be moved has schema {schema.read_revision(source)}, this release needs {schema.HEAD}. "
            "Upgrade it where it is: kz-compliance db upgrade"
        )
    with target.engine.connect() as there:
        others = (_named(there, table, row) for table in _COPIED for row, _ in _differing(there, source, table))
        if other := next(others, None):
            raise StoreUnusable(
                f"{target.path} holds something else: {other}. Name an empty database, or a file that is not there.",
                code="target_not_empty",
            )
    with target.writing() as there:
        target.take_over(there)  # here as well: what the role lacks for it is told before hours of copying
    for table in _COPIED:
        _copy(source, target, table, progress)
    _make_rows(source, target, progress)
    with target.writing() as there:
        for table in _REPLACED:
            there.execute(delete(table))
            for rows in _pages(source, table):
                there.execute(insert(table), [dict(row._mapping) for row in rows])
        target.take_over(there)
    with target.engine.connect() as there:
        others = (one for table in _ALL for one in _differences(source, there, table, progress))
        told = tuple(islice(others, _MOST_TOLD))
        return Moved({table.name: _count(there, table) for table in _ALL}, told)


def _copy(source: Connection, target: SqlStore, table: Table, progress: Progress) -> None:
    done, of = 0, _count(source, table)
    for rows in _pages(source, table):
        with target.writing() as there:
            if new := [dict(row._mapping) for row, found in _unlike(rows, there, table) if found is None]:
                there.execute(insert(table), new)
        done += len(rows)
        progress(f"copying {table.name}", done, of)


def _make_rows(source: Connection, target: SqlStore, progress: Progress) -> None:
    """Make the rows as the sweep does where they lie or are gone; here nobody is to be told of it."""
    done, of = 0, _count(source, t.cases)
    for platform in platforms(source):
        after: str | None = ""
        while after is not None:
            found = target.submit(platform, partial(_rows_behind, platform=platform, after=after)).result()
            after = found[-1].place if len(found) == _CASES_AT_ONCE else None
            done += len(found)
            progress("making the rows", done, max(done, of))


def _rows_behind(tx: Tx, platform: str, after: str) -> tuple[Change, list[Found]]:
    found = tx.found(after, _CASES_AT_ONCE)
    lines = [Leased(message) for one in found for message in one.messages]
    plans = [Watch(one.true) for one in found if one.true is not None and one.lies]
    # Rows that lie are made anew beside what is written: that there always is.
    return (*lines, *plans, Heartbeat(platform, "mover", tx.now)), found


# ------------------------------------------------------------------------------------------------------- the comparison


def _differences(source: Connection, there: Connection, table: Table, progress: Progress) -> Iterator[str]:
    """Whatever of a table is not the same on both sides, in words."""
    progress(f"comparing {table.name}", 0, _count(source, table))
    for row, found in _differing(source, there, table):
        yield f"{_named(source, table, row)} {'did not come' if found is None else 'is another than in the source'}"
    for row, found in _differing(there, source, table):
        if found is None:
            yield f"{_named(there, table, row)} is not in the source"


def _differing(one: Connection, other: Connection, table: Table) -> Iterator[tuple[Row[Any], Row[Any] | None]]:
    return (pair for rows in _pages(one, table) for pair in _unlike(rows, other, table))


def _select(table: Table) -> Select[Any]:
    if table is not t.volumes:
        return select(table)
    # Several hosts count beside each other, and a file has one line for all of them.
    *key, count = table.columns
    return select(*key, func.sum(count).label(count.name)).group_by(*key)


def _pages(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """All rows of a table in the order of its key, some at a time."""
    key = table.primary_key.columns
    some = _select(table).order_by(*key).limit(AT_ONCE)
    rows = connection.execute(some).fetchall()
    while rows:
        yield rows
        rows = connection.execute(some.where(tuple_(*key) > _key_of(table, rows[-1]))).fetchall()


def _unlike(rows: Sequence[Row[Any]], other: Connection, table: Table) -> Iterator[tuple[Row[Any], Row[Any] | None]]:
    """The rows that another database has otherwise, each with that which it has under the same key, if it has one."""
    key = tuple_(*table.primary_key.columns)
    between = key >= _key_of(table, rows[0]), key <= _key_of(table, rows[-1])
    there = {_key_of(table, row): row for row in other.execute(_select(table).where(*between))}
    for row in rows:
        found = there.get(_key_of(table, row))
        if found is None or tuple(found) != tuple(row):
            yield row, found


def _key_of(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column.name] for column in table.primary_key.columns)


def _named(connection: Connection, table: Table, row: Row[Any]) -> str:
    """A row by its table and its key, a stream in it by its name."""
    said = dict(zip(table.primary_key.columns.keys(), _key_of(table, row), strict=True))
    if "stream" in said:
        said["stream"] = (
            connection.scalar(select(streams.c.name).where(streams.c.n == said["stream"])) or said["stream"]
        )
    return f"{table.name} ({', '.join(f'{name} {value}' for name, value in said.items())})"


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(_select(table).subquery())) or 0
