"""The installation: the database's schema and keys, the settings in force, and whether it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Argument, Option, command, config, db, root
from kz_compliance_sdk.faces.cli.doctor import connection, examine, mark_of, schema_status
from kz_compliance_sdk.faces.cli.exits import FOUND, OK
from kz_compliance_sdk.faces.cli.screen import counting, echo, working
from kz_compliance_sdk.faces.cli.session import Session, at_file, refuse_directory, refuse_missing, refuse_server, wrong
from kz_compliance_sdk.faces.documents import Document, fields

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kz_compliance_sdk.config import Settings

_TELL_EVERY = 10_000


@command(db, "upgrade")
def upgrade(
    session: Session,
    anew: Annotated[
        bool, Option("--anew", help="Create an empty store although files of an earlier one lie there.")
    ] = False,
    sql: Annotated[bool, Option("--sql", help="Print what would be done, for whoever runs it by hand.")] = False,
) -> Answer:
    """Bring the schema up to date, all of it or nothing; create the database where there is none.

    With --sql nothing is changed: what would be done is printed, one transaction, and a comment alone where there is
    nothing to do.
    """
    from kz_compliance_sdk.assembly import new_store
    from kz_compliance_sdk.ports import Env

    settings = session.settings()
    before = schema_status(settings)
    if sql:
        from kz_compliance_sdk.adapters.sql import migrate

        engine = "sqlite" if settings.store.url is None else "postgresql"
        script = migrate.upgrade_as_sql(engine, before["revision"])
        return Answer(Document(path=before["path"], sql=script), lambda document: echo(document["sql"]))
    if before["pending"] or not before["exists"]:
        session.tell(f"Upgrading {before['path']} from {before['revision'] or 'nothing'} to {before['head']} ...")
        new_store(settings, Env.system(), anew=anew).close()
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
        done = rewrapping.rewrap(store.writing, keys, desk.env.entropy, _progress(session, "keys"))
        store.truncate_log()
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
        store.place_all()
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
        indexes = mend_indexes(store.engine, store.path) if desk.settings.store.url is None else []
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


@command(db, "backup")
def backup(session: Session, target: Annotated[Path, Argument(metavar="FILE", help="The copy: a new file.")]) -> Answer:
    """Copy one moment of the store to a new file while others write. Only those who can read the store can read it.

    It takes as much space as what the store holds, and nothing that was deleted is in it. It holds personal data, and
    the wrapped keys of the cases: keep the master key elsewhere. Look into it with db check.
    """
    from kz_compliance_sdk.adapters.sql.copies import back_up
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver

    settings = session.settings()
    refuse_server(settings, "pg_dump, or a base backup with its WAL")
    refuse_directory(settings)
    refuse_missing(settings)
    with _megabytes("copying") as progress, at_file("FILE", target, "written", "Name a new file in a folder of yours."):
        size = back_up(choose_driver(), str(settings.store.path.absolute()), str(target), progress)
    said = f"{target} holds the store as of now: {size:,} bytes. Look into it: kz-compliance db check {target}"
    return Answer(Document(path=str(target.absolute()), bytes=size), said)


@command(db, "check")
def check(
    session: Session,
    copy: Annotated[Path | None, Argument(metavar="[FILE]", help="A copy; without it, the store itself.")] = None,
) -> Answer:
    """Look whether a copy, or the store, is whole: its file, the keys that open it, and every chain of its ledger.
    Of the store also whether it holds all that its mark notes.

    A copy is read and not touched: nothing is made beside it, and nothing upgraded. Exit code 4 if anything is wrong.
    """
    from kz_compliance_sdk.adapters.sql import copies, migrate
    from kz_compliance_sdk.adapters.sql.mark import Mark
    from kz_compliance_sdk.adapters.sql.queries import SqlQueries
    from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys
    from kz_compliance_sdk.adapters.sql.schema import HEAD, read_revision
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
    from kz_compliance_sdk.assembly import master_keys, seal_check
    from kz_compliance_sdk.domain.proofs import Fault
    from kz_compliance_sdk.evidence.verify_store import NO_CASE, verify

    settings = session.settings()
    where = settings.store.place if copy is None else str(copy.absolute())
    keys, ledger_keys = master_keys(settings), settings.privacy.ledger_keys()
    reading = connection(settings) if copy is None else copies.opened(choose_driver(), where)
    document = Document(path=where, newest=HEAD, checked=0, faults=[])
    with reading as opened:
        document |= {"revision": read_revision(opened), "damaged": copies.faults_of_file(opened)}
        if not document["damaged"]:
            check_master_keys(opened, keys)
            check_ledger_keys(opened, ledger_keys)
        # What an earlier release wrote is upgraded before it can be read.
        if not document["damaged"] and not migrate.pending(opened):
            queries = SqlQueries(opened.engine, settings.platform_id, str, keys, lambda: None, ledger_keys)
            with counting() as progress:
                verdict = verify(
                    queries, settings.platform_id, None, progress,
                    kept=None, check=seal_check(settings.signing()), policy=settings.policy(),
                )  # fmt: skip
            of_file = copy is None and settings.store.url is None
            lacks = Mark(mark_of(settings)).missing(opened) if of_file else []
            faults = [*(Fault(NO_CASE, 0, what) for what in lacks), *verdict.faults]
            told = [fields(fault, "case:case_id seq what") for fault in faults]
            document |= {"checked": verdict.checked, "faults": told}
    return Answer(document, views.checked_file, FOUND if document["damaged"] or document["faults"] else OK)


@command(db, "restore")
def restore(
    session: Session,
    copy: Annotated[Path, Argument(metavar="FILE", help="The copy, made by db backup. It stays as it is.")],
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
) -> Answer:
    """Put a copy in the place of the store. Stop every receiver and worker first.

    The files of before are put aside under the ending .old: delete them once they are not needed, for they hold
    personal data. Nothing is changed if the copy is damaged, if its keys are not configured, or while a process has the
    store open. What came and was decided since the copy is not in it: the regulator's feed gives the notices again.
    """
    from kz_compliance_sdk.adapters.sql import copies
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
    from kz_compliance_sdk.assembly import master_keys

    settings = session.settings()
    refuse_server(settings, "pg_restore, or a base backup with its WAL")
    refuse_directory(settings)
    path = settings.store.path.absolute()
    if path.exists():
        session.confirm(f"Put {copy} in the place of {path}, which is put aside?", yes=yes)
    with _megabytes("copying") as progress:
        keys = master_keys(settings), settings.privacy.ledger_keys()
        aside, missing = copies.restore(choose_driver(), str(copy), str(path), mark_of(settings), *keys, progress)
    told = [f"{path} is now the copy {copy}.", *missing]
    told += [f"Put aside: {', '.join(aside)}. It holds personal data: delete it once it is not needed."] * bool(aside)
    told.append(
        "Next: kz-compliance audit verify, then start the receiver and the worker (docs/operations.md, Restore)."
    )
    return Answer(Document(path=str(path), put_aside=aside, missing=missing), "\n".join(told))


@command(db, "accept")
def accept(session: Session, yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False) -> Answer:
    """Go on with a store that lacks what was acknowledged, or is smaller than it was. Stop every process first.

    For after a loss that nothing mends, and a copy that was put in the store's place by hand. What is missing is named
    once more and people are alerted (log_lost). Afterwards kz-compliance reconcile says what the regulator holds beyond
    the store; its feed gives the notices again.
    """
    from kz_compliance_sdk.assembly import open_store
    from kz_compliance_sdk.ports import Env

    settings = session.settings()
    refuse_server(settings, "a look at kz-compliance reconcile after each restore")
    refuse_missing(settings)
    session.confirm(f"Go on with {settings.store.path.absolute()} as it is, without what it lacks?", yes=yes)
    with closing(open_store(settings, Env.system(), create=False, accept=True)) as store:
        missing = store.missing
    told = [*missing, "Accepted. Next: kz-compliance audit verify, start receiver and worker, kz-compliance reconcile."]
    return Answer(Document(missing=missing), "\n".join(told) if missing else "Nothing is missing that its mark notes.")


@command(db, "move")
def move(
    session: Session,
    source: Annotated[str, Option("--from", metavar="URL", help="The store: sqlite:///PATH or postgresql://...")],
    target: Annotated[str, Option("--to", metavar="URL", help="Where it is to lie: an empty database, or a new file.")],
) -> Answer:
    """Move a store from a file to PostgreSQL, or back. Stop every process first; the store itself stays as it is.

    Ledger and daily work are copied, the rows of the cases made anew there, and both compared row by row: exit code 4
    names what is not the same. Cut off anywhere, run it again: it goes on. Keys are the same here and there, so the
    settings that open the one open the other. Name the new place in them at the end. Keep passwords of a server in
    ~/.pgpass: the list of processes shows what is typed here.
    """
    from kz_compliance_sdk.adapters.sql import moving, rewrapping
    from kz_compliance_sdk.assembly import master_keys, new_store
    from kz_compliance_sdk.ports import Env

    settings = session.settings()
    here, there = (_at(settings, name, url) for name, url in (("--from", source), ("--to", target)))
    if here.store.place == there.store.place:
        raise wrong("--to", "it is the store that is to be moved.", "Name another place.")
    refuse_directory(there)
    with _to_be_moved(here) as opened, working() as tell:
        rewrapping.check_master_keys(opened, master_keys(settings))
        rewrapping.check_ledger_keys(opened, settings.privacy.ledger_keys())
        with closing(new_store(there, Env.system())) as store:
            moved = moving.move(opened, store, lambda doing, n, of: tell(f"{doing} ... {n:,} of {of:,}"))
    document = Document({"from": here.store.place, "to": there.store.place}, rows=moved.rows)
    document["differences"] = list(moved.differences)
    said = f"{moved.rows['events']:,} events of {moved.rows['streams']:,} streams lie in {there.store.place}"
    if moved.differences:
        return Answer(document, "\n".join((*moved.differences, f"{said}, and they are not the same.")), FOUND)
    key = "store.path" if there.store.url is None else "store.url"
    told = f"{said}, the same as in {here.store.place}. Next: set {key}, run kz-compliance audit verify, and start."
    return Answer(document, f"{told} What lies in the old place is personal data: delete it once it is not needed.")


_FILE = "sqlite:///"


def _at(settings: Settings, option: str, url: str) -> Settings:
    """The settings with the store at another place."""
    own = settings.store
    place = own.model_dump(exclude={"path", "url", "mark"}, exclude_unset=True)
    if not url.startswith(_FILE) or url == _FILE:
        place["url"] = url
    else:
        place["path"] = url.removeprefix(_FILE)
        if own.url is None and Path(place["path"]).absolute() == own.path.absolute():
            place["mark"] = own.mark
    try:
        return settings.model_copy(update={"store": type(own).model_validate(place)})
    except ValueError:
        remedy = (
            "Write sqlite:///PATH or postgresql://user@host/database, what is special in a password percent-encoded."
        )
        raise wrong(option, "it is no address of a store.", remedy) from None


@contextmanager
def _to_be_moved(settings: Settings) -> Iterator[Connection]:
    """A store that nobody uses meanwhile. Raises StoreUnusable."""
    from kz_compliance_sdk.adapters.sql import moving
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
    from kz_compliance_sdk.ports import Env

    if settings.store.url is None:
        refuse_directory(settings)
        refuse_missing(settings)
        with moving.reading_file(choose_driver(), str(settings.store.path.absolute()), mark_of(settings)) as opened:
            yield opened
        return

    with moving.reading_server(settings.store.url.get_secret_value(), Env.system()) as opened:
        yield opened


@contextmanager
def _megabytes(doing: str) -> Iterator[Callable[[int, int], None]]:
    """What the copying of a file tells."""
    with working() as tell:
        yield lambda done, of: tell(f"{doing} ... {done / 1e6:,.0f} of {of / 1e6:,.0f} MB")


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
    """Say whether the machinery runs: counts, times, endpoints, and why messages were not authentic. Exit code 4 if
    something needs attention."""
    from kz_compliance_sdk.services.health import refusals_by_reason

    with session.desk() as desk:
        document = Document(desk.health_document(), refused=refusals_by_reason(desk.health()))
    return Answer(document, views.health, FOUND if document["attention"] else OK)


@command(root, "reconcile")
def reconcile(session: Session) -> Answer:
    """Compare our books with the regulator's, and name every difference. Exit code 4 if there is one.

    What arrived, was acknowledged and was reported, and which sanctions stand. A message of the feed that never came is
    taken in. The worker does this once a day (`regulator.reconcile_every_s`), and alerts people where a clock runs.
    """
    with session.desk() as desk, working() as tell:
        found = desk.reconcile(
            lambda n, of: tell(f"comparing ... {n:,} of {of:,} notices") if n and n % 100 == 0 else None
        )
    rows = [fields(one, "code notice:notice_id about what case:case_id runs remedy") for one in found.differences]
    document = Document(fields(found, "messages notices"), differences=rows)
    return Answer(document, views.reconciled, FOUND if rows else OK)


@command(root, "sanctions")
def sanctions(session: Session) -> Answer:
    """List every sanction that an authority announced, oldest first."""
    names = "sanction_id level notice_ids effective_at reference_number received_at"
    with session.desk() as desk:
        return Answer(Document(sanctions=[fields(one, names) for one in desk.sanctions()]), views.sanctions)
