"""The schema's history. It has its own version table, so that a host application's Alembic is left alone."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any, Final

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql.dialects import POSTGRESQL, SQLITE
from kz_compliance_sdk.adapters.sql.schema import HEAD, VERSION_TABLE, read_revision
from kz_compliance_sdk.adapters.sql.sqlite import APPLICATION_ID
from kz_compliance_sdk.errors import StoreUnusable


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "kz_compliance_sdk.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


_ALONE: Final = {SQLITE: "BEGIN IMMEDIATE", POSTGRESQL: "SELECT pg_advisory_xact_lock(7224510163350221)"}
"""What keeps a second upgrade waiting until the transaction is over."""


def pending(connection: Connection) -> list[str]:
    """What an upgrade would do, oldest first, as 'revision: summary'. Raises StoreUnusable for a schema
    of a later release, or of none."""
    script, current = _script(), read_revision(connection)
    known = {step.revision for step in script.walk_revisions()}
    if current is not None and current not in known:
        if current < HEAD:
            raise StoreUnusable(
                f"the database has schema {current}: an unreleased version made it, and no release can use it. "
                "Begin with an empty store: move its files away, then run: kz-compliance db upgrade"
            )
        raise StoreUnusable(
            f"the database has schema {current}, which this release does not know: a later release wrote it. "
            "Install that release or a newer one."
        )
    steps = script.iterate_revisions("head", current or "base")
    return [f"{step.revision}: {step.doc.splitlines()[0]}" for step in reversed(list(steps))]


def upgrade(connection: Connection, progress: Callable[[str], None] | None = None) -> list[str]:
    """Bring the schema to this release's revision, all of it or nothing. Returns what was done."""
    done = pending(connection)
    connection.rollback()
    if not done:
        return []
    connection.exec_driver_sql(_ALONE[connection.dialect.name])
    try:
        if done := pending(connection):
            context = MigrationContext.configure(connection, opts=_options())
            with Operations.context(context):
                for line in done:
                    if progress is not None:
                        progress(line)
                context.run_migrations()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return done


def prepare(connection: Connection, *, allowed: bool) -> None:
    """Create the schema, or bring it up to date if that is `allowed`. Raises StoreUnusable."""
    current = read_revision(connection)
    if current is not None and not allowed:
        pending(connection)
        raise StoreUnusable(
            f"the database has schema {current}, this release needs {HEAD}. Run: kz-compliance db upgrade"
        )
    upgrade(connection)


def upgrade_as_sql(dialect: str, current: str | None) -> str:
    """What an upgrade from revision `current` would do, None for a database without a store, as SQL for people who run
    it themselves: all of it or nothing. A comment alone where there is nothing to do."""
    if current == HEAD:
        return f"-- Nothing to do: the schema is {HEAD}."
    begin = ["BEGIN", _ALONE[POSTGRESQL]] if dialect == POSTGRESQL else [_ALONE[SQLITE]]
    if dialect == SQLITE and current is None:
        begin.append(f"PRAGMA application_id = {APPLICATION_ID}")
    begun = "".join(f"{statement};\n" for statement in begin)
    return f"-- The schema, from {current or 'nothing'} to {HEAD}.\n{begun}\n{as_sql(dialect, current)}COMMIT;"


def as_sql(dialect: str, since: str | None = None) -> str:
    """The schema as SQL for `dialect` ("sqlite" or "postgresql"), for people who run it themselves: the whole of it, or
    what has changed in it since a revision."""
    out = StringIO()
    context = MigrationContext.configure(
        dialect_name=dialect, opts={**_options(), "as_sql": True, "output_buffer": out, "starting_rev": since}
    )
    with Operations.context(context):
        context.run_migrations()
    return out.getvalue()


def _options() -> dict[str, Any]:
    script = _script()
    return {
        "version_table": VERSION_TABLE,
        "fn": lambda current, _context: script._upgrade_revs("head", current or "base"),
    }
