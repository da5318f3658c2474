"""The installation: the database's schema and keys, the settings in force, and whether it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Option, command, config, db, root
from kz_compliance_sdk.faces.cli.doctor import examine, schema_status
from kz_compliance_sdk.faces.cli.documents import Document, fields
from kz_compliance_sdk.faces.cli.exits import FOUND, OK
from kz_compliance_sdk.faces.cli.screen import echo
from kz_compliance_sdk.faces.cli.session import Session

_TELL_EVERY = 10_000


@command(db, "upgrade")
def upgrade(
    session: Session,
    anew: Annotated[
        bool, Option("--anew", help="Create an empty store although files of an earlier one lie there.")
    ] = False,
) -> Answer:
    """Bring the schema up to date, all of it or nothing; create the database where there is none."""
    from kz_compliance_sdk.adapters.sql.store import SqliteStore
    from kz_compliance_sdk.assembly import master_keys
    from kz_compliance_sdk.ports import Env

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
    found, revision = before["revision"], after["revision"]
    word = "Nothing to do: the schema is" if found == revision else "The schema is now"
    document = Document({"path": after["path"], "from": found, "revision": revision, "upgraded": found != revision})
    return Answer(document, f"{word} {revision}.")


@command(db, "status")
def status(session: Session) -> Answer:
    """Say where the schema stands and what an upgrade would do. Changes nothing."""
    return Answer(Document(schema_status(session.settings())), views.schema)


@command(db, "sql", as_json=False)
def sql(
    session: Session,
    dialect: Annotated[
        Literal["sqlite", "postgresql"], Option(metavar="NAME", help="For which database: sqlite or postgresql.")
    ] = "sqlite",
) -> None:
    """Print the whole schema as SQL, for people who run it themselves."""
    from kz_compliance_sdk.adapters.sql import migrate

    echo(migrate.as_sql(dialect).rstrip())


def _progress(session: Session, of: str) -> Callable[[int], None]:
    return lambda count: session.tell(f"{count} {of} ...") if count % _TELL_EVERY == 0 else None


@command(db, "rewrap")
def rewrap(session: Session) -> Answer:
    """Wrap the key of every case with the present master key. Afterwards the earlier ones can be destroyed.

    Only then can backups that were made before no longer be read. Processes that write may go on meanwhile. A key that
    was damaged from outside is left as it is and named; the exit code is then 4.
    """
    from kz_compliance_sdk.adapters.sql import rewrapping
    from kz_compliance_sdk.assembly import master_keys

    keys = master_keys(session.settings())
    if not keys.current:
        raise ConfigError("there is no master key.", field="privacy.master_key", remedy="Set it, then run this again.")

    with session.desk() as desk:
        store: Any = desk.store
        done = rewrapping.rewrap(store.engine, store.path, keys, desk.env.entropy, _progress(session, "keys"))
    told = [f"{done.count} keys were wrapped with {keys.current}. No other master key is needed any more."]
    told += [
        f"The key of {one} was damaged from outside and opens with none: see audit verify." for one in done.damaged
    ]
    document = Document(rewrapped=done.count, master_key_id=keys.current, damaged=list(done.damaged))
    return Answer(document, "\n".join(told), FOUND if done.damaged else OK)


@command(db, "retire-keys")
def retire_keys(session: Session) -> Answer:
    """Say in the ledger that the ledger keys before the present one are retired: what comes under one is not believed.

    Run it once each process has the present key: one that has not appends nothing any more. A store that took its first
    ledger key needs it, for until then none of the events of before is believed. What was appended under a retired key
    stays proved by it: keep it in privacy.earlier_ledger_keys.
    """
    from kz_compliance_sdk.adapters.sql import rewrapping

    if session.settings().privacy.ledger_key is None:
        remedy = "Set it, then run this again."
        raise ConfigError("there is no ledger key.", field="privacy.ledger_key", remedy=remedy)
    with session.desk() as desk:
        store: Any = desk.store
        with store.engine.connect() as connection:
            retired = rewrapping.retire_ledger_keys(connection, desk.platform_id, store.ledger_keys, store.submit)
    told = [f"Retired: {f'the ledger key {key}' if key else 'the time without a ledger key'}." for key in retired]
    nothing = "There is no ledger key to retire but the present one, or each was retired before."
    return Answer(Document(retired=retired), "\n".join(told) or nothing)


@command(db, "rebuild")
def rebuild(session: Session) -> Answer:
    """Make the rows of the cases anew from the ledger, and name what was different in them.

    Lists, claims and the watch find a case by its row; what is decided rests on its chain. A row that was edited,
    cannot be read or is gone is made anew, 50 cases at a time, and others may write meanwhile. The row of a case whose
    chain is broken, or which a guard of the database holds, stays as it is: the case is named, and the exit code is 4.
    An index that does not hold what its table does is made anew first.
    """
    from kz_compliance_sdk.adapters.sql.schema import mend_indexes

    with session.desk() as desk:
        store: Any = desk.store
        indexes = mend_indexes(store.engine, store.path)
        swept = desk.sweep(_progress(session, "cases"))
    count, stay = len(swept.lies), len(swept.broken)
    told = [f"{swept.cases} cases: {count} rows were made anew, and {stay} stay as they are."]
    told += [f"The index {name} was made anew." for name in indexes]
    told += [f"The row of {case_id} was made anew: {', '.join(lies)}." for case_id, lies in swept.lies]
    stays = "its chain is broken, or a guard holds the row. See audit verify, and the log."
    told += [f"The row of {case_id} stays: {stays}" for case_id in swept.broken]
    mended = [Document(case_id=case_id, fields=list(lies)) for case_id, lies in swept.lies]
    document = Document(cases=swept.cases, mended=mended, indexes=indexes, broken=list(swept.broken))
    return Answer(document, "\n".join(told), FOUND if swept.broken else OK)


@command(config, "show")
def show(session: Session) -> Answer:
    """Show every setting in force; secrets are masked."""
    return Answer(Document(session.settings().redacted()), views.settings)


# ---------------------------------------------------------------------------------------- whether it runs


@command(root, "doctor")
def doctor(session: Session) -> Answer:
    """Examine this installation: each check with its remedy. Exit code 4 if one fails; a warning changes nothing."""
    checks = [fields(check, "name status summary remedy? details") for check in examine(session)]
    found = {check["status"] for check in checks}
    worst = next((word for word in ("fail", "warn") if word in found), "ok")
    return Answer(Document(status=worst, checks=checks), views.doctor, FOUND if worst == "fail" else OK)


@command(root, "health")
def health(session: Session) -> Answer:
    """Say whether the machinery runs: counts, times, endpoints. Exit code 4 if something needs attention."""
    with session.desk() as desk:
        document = Document(desk.health_document())
    return Answer(document, views.health, FOUND if document["attention"] else OK)


@command(root, "sanctions")
def sanctions(session: Session) -> Answer:
    """List every sanction that an authority announced, oldest first."""
    names = "sanction_id level notice_ids effective_at reference_number received_at"
    with session.desk() as desk:
        return Answer(Document(sanctions=[fields(one, names) for one in desk.sanctions()]), views.sanctions)
