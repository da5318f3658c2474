"""The database's schema, and the settings as they are in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.rewrapping import rewrap
from kz_compliance_sdk.faces.cli.session import Json, Session, refuse_directory

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kz_compliance_sdk.config import Settings

__all__ = ["connection", "register", "schema_status"]


def register(app: typer.Typer) -> None:
    """Add `db` and `config` to the root."""
    db = typer.Typer(help="The database: its schema, and the keys in it.", no_args_is_help=True)
    db.command("upgrade")(upgrade)
    db.command("status")(status)
    db.command("sql")(sql)
    db.command("rewrap")(rewrap)
    app.add_typer(db, name="db")
    config = typer.Typer(help="The settings.", no_args_is_help=True)
    config.callback()(_group)
    config.command("show")(show)
    app.add_typer(config, name="config")


def _group() -> None:
    """The settings."""


@contextmanager
def connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the database as it is: nothing is created and nothing upgraded.

    Raises ConfigError if there is no file, StoreUnusable if its place or its settings cannot be trusted,
    StoreError if it refuses.
    """
    from sqlalchemy.exc import DBAPIError

    from kz_compliance_sdk.adapters.sql.engine import open_engine
    from kz_compliance_sdk.adapters.sql.file_states import refuse_other_files
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, refuse_network_file_system, store_error

    path = settings.store.path.absolute()
    if not path.is_file():
        raise ConfigError(
            f"there is no database at {path}.",
            field="store.path",
            remedy="Correct the path, or create it: kz-compliance db upgrade",
        )
    refuse_network_file_system(path)
    driver = choose_driver()
    refuse_other_files(str(path), wal=driver.wal)
    engine = open_engine(driver, str(path))
    try:
        with engine.connect() as opened:
            yield opened
    except DBAPIError as error:
        raise store_error(error.orig or error) from error
    finally:
        engine.dispose()


def schema_status(settings: Settings) -> dict[str, Any]:
    """Where the schema stands. Raises as `connection`, and StoreUnusable for a schema of a later release."""
    from kz_compliance_sdk.adapters.sql import migrate
    from kz_compliance_sdk.adapters.sql.schema import HEAD, read_revision

    refuse_directory(settings)
    path = settings.store.path.absolute()
    status: dict[str, Any] = {
        "path": str(path),
        "exists": path.is_file(),
        "revision": None,
        "head": HEAD,
        "pending": [],
    }
    if path.is_file():
        with connection(settings) as opened:
            status["revision"] = read_revision(opened)
            status["pending"] = migrate.pending(opened)
    return status


def upgrade(
    ctx: typer.Context,
    anew: Annotated[
        bool, typer.Option("--anew", help="Create an empty store although files of an earlier one lie there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the schema up to date, all of it or nothing; create the database where there is none."""
    from kz_compliance_sdk.adapters.sql.store import SqliteStore
    from kz_compliance_sdk.assembly import master_keys
    from kz_compliance_sdk.ports import Env

    session = Session.of(ctx)
    settings = session.settings()
    before = schema_status(settings)
    if before["pending"] or not before["exists"]:
        session.tell(f"Upgrading {before['path']} from {before['revision'] or 'nothing'} to {before['head']} ...")
        SqliteStore(
            settings.store.path,
            Env.system(),
            upgrade=True,
            anew=anew,
            keys=master_keys(settings),
            ledger_keys=settings.privacy.ledger_keys(),
        ).close()
    after = schema_status(settings)
    done = after["revision"] != before["revision"]
    word = "The schema is now" if done else "Nothing to do: the schema is"
    session.answer(
        {"path": after["path"], "from": before["revision"], "revision": after["revision"], "upgraded": done},
        lambda: screen.say(f"{word} {after['revision']}."),
    )


def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Say where the schema stands and what an upgrade would do. Changes nothing."""
    session = Session.of(ctx)
    found = schema_status(session.settings())

    def people() -> None:
        if not found["exists"]:
            screen.say(f"There is no database at {found['path']} yet. Create it: kz-compliance db upgrade")
            return
        ahead = found["pending"] or ["nothing, it is up to date"]
        fields = [("file", found["path"]), ("revision", found["revision"] or "none"), ("newest", found["head"])]
        screen.show_fields("Schema", [*fields, *(("to do", line) for line in ahead)])

    session.answer(found, people)


def sql(
    dialect: Annotated[
        Literal["sqlite", "postgresql"], typer.Option(metavar="NAME", help="For which database: sqlite or postgresql.")
    ] = "sqlite",
) -> None:
    """Print the whole schema as SQL, for people who run it themselves."""
    from kz_compliance_sdk.adapters.sql import migrate

    typer.echo(migrate.as_sql(dialect).rstrip())


def show(ctx: typer.Context, as_json: Json = False) -> None:
    """Show every setting in force; secrets are masked."""
    session = Session.of(ctx)
    settings = session.settings()
    document = settings.redacted()

    def people() -> None:
        for name, value in _flat("", document):
            screen.say(f"{name} = {value}")

    session.answer(document, people)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield from _flat(f"{name}[{number}]", inner)
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) or "none"
    else:
        shown = {None: "none", True: "true", False: "false", "": "none"}
        yield name, shown[value] if isinstance(value, bool | None) or value == "" else str(value or value)
