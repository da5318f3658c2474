"""The checks of `doctor`. Each looks at one thing, says what it found, and what to do about it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import diagnosis
from kz_compliance_sdk.faces.cli.diagnosis import Check, Status, fail, ok, refused, warn
from kz_compliance_sdk.faces.cli.session import Session, refuse_directory, refuse_missing

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kz_compliance_sdk.config import Settings

__all__ = ["Check", "examine", "schema_status"]

LEAST_FREE: Final = 64 * 2**20
LOW_FREE: Final = 1024 * 2**20
MOST_SCANNED: Final = 256 * 2**20
LANE_WAIT_S: Final = 2.0


@contextmanager
def connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the database as it is: nothing is created and nothing upgraded.

    Raises ConfigError if there is no file, StoreUnusable if its place or its settings cannot be trusted,
    StoreError if it refuses.
    """
    from sqlalchemy.exc import DBAPIError

    from kz_compliance_sdk.adapters.sql.engine import open_engine
    from kz_compliance_sdk.adapters.sql.files import refuse_other_files
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, refuse_network_file_system, store_error

    refuse_missing(settings)
    path = settings.store.path.absolute()
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
            status |= {"revision": read_revision(opened), "pending": migrate.pending(opened)}
    return status


def examine(session: Session) -> tuple[Check, ...]:
    """Every check that can be made; where the settings cannot be read, those that need none."""
    now = int(time.time())
    checks = [sqlite_library(), zone_data(now), host_zone(now)]
    try:
        settings = session.settings()
    except ComplianceError as error:
        return refused("settings", error), *checks
    checks.insert(0, ok("settings", f"{settings.platform_id} at {settings.intake_url}"))
    checks += [
        diagnosis.sandbox(settings),
        *diagnosis.keys(settings.key_ring().keys, now),
        diagnosis.account(settings),
        _tried("settings file", lambda: settings_file(session.settings_file())),
        diagnosis.answering(settings),
        _tried("user notices", lambda: diagnosis.user_notices(settings)),
        diagnosis.master_key(settings),
        diagnosis.ledger_key(settings),
    ]
    policy = settings.policy()
    checks += [diagnosis.addressee(settings), diagnosis.deciders(settings, policy)]
    checks += [diagnosis.law(policy), diagnosis.calendar(policy, now)]
    if settings.secret_files:
        checks += [_tried("secrets", lambda: permissions("secrets", settings.secret_files, "secrets"))]
    checks += [_tried("disk", lambda: disk(settings.store.path.absolute().parent))]
    checks += _of_store(settings, now)
    return tuple(checks)


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ComplianceError as error:
        return refused(name, error)
    except OSError as error:
        return fail(name, f"{error.strerror or error}", "Correct the path or its permissions.")


# ------------------------------------------------------------------------------------------ this machine


def sqlite_library() -> Check:
    """Which SQLite is in use, and whether its WAL can be trusted."""
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver

    driver = choose_driver()
    what, _, remedy = driver.explanation.partition(". ")
    return Check("sqlite", "ok" if driver.wal else "warn", f"{what.rstrip('.')}.", remedy)


def zone_data(now: int) -> Check:
    """Whether the zone data that deadlines are shown with knows today's offset of Kazakhstan."""
    from kz_compliance_sdk.domain.clock import almaty_ok

    if almaty_ok(now):
        return ok("zone data", "Asia/Almaty is at +05:00.")
    return fail("zone data", "Asia/Almaty is not at +05:00.", "Upgrade the package tzdata to 2024a or later.")


def host_zone(now: int) -> Check:
    """Whether other programs of this machine would show another hour."""
    from kz_compliance_sdk.domain.clock import system_zone_ok

    try:
        right = system_zone_ok(ZoneInfo("Asia/Almaty"), now)
    except ZoneInfoNotFoundError:
        right = True
    if right:
        return ok("host zone", "this machine's own zone data agrees.")
    return warn(
        "host zone",
        "this machine's zone data is older than 2024-03-01: its other programs are an hour off.",
        "Upgrade the system's tzdata. This library uses its own.",
    )


def settings_file(path: Path | None) -> Check:
    """Whether whoever runs this can write the settings, or put another file in their place."""
    writable = path is not None and any(os.access(place, os.W_OK) for place in (path, path.absolute().parent))
    return diagnosis.settings_file(path, writable=writable)


def disk(folder: Path) -> Check:
    """Whether the database can grow."""
    free = shutil.disk_usage(folder).free
    status: Status = "fail" if free < LEAST_FREE else "warn" if free < LOW_FREE else "ok"
    remedy = "" if status == "ok" else "Free some space: without it no notice can be accepted."
    return Check("disk", status, f"{free // 2**20} MiB free in {folder}.", remedy)


# ----------------------------------------------------------------------------------------------- the store


def _of_store(settings: Settings, now: int) -> Iterator[Check]:
    path = settings.store.path.absolute()
    if not path.is_file():
        yield fail("store", f"there is no database at {path}.", "Create it: kz-compliance db upgrade")
        return
    opened = _tried("store", lambda: store(settings))
    yield opened
    beside = [Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal", ".lane", ".open")]
    files = [path, *(one for one in beside if one.exists())]
    yield _tried("permissions", lambda: half_shared(files) or permissions("the cases", files))
    yield _tried("lane", lambda: lane(path))
    schema = _tried("schema", lambda: schema_of(settings))
    yield schema
    if opened.status == "fail" or schema.status == "fail":
        return
    if (own := _tried("guards", lambda: guards(settings))).status == "fail":
        yield own
    if (keys := _tried("master keys", lambda: master_keys_of(settings))).status == "fail":
        yield keys
    from kz_compliance_sdk.adapters.sql.queries import SqlQueries

    try:
        with connection(settings) as reading:
            health = SqlQueries(reading.engine, settings.platform_id).health(now)
    except ComplianceError as error:
        yield refused("cases", error)
        return
    yield diagnosis.clock(health, now)
    yield from diagnosis.machinery(health, now, polls=settings.regulator.polls)
    yield from diagnosis.work(health, now)


def store(settings: Settings) -> Check:
    """Whether the settings that acknowledged notices depend on took, read back on a connection of its own."""

    with connection(settings) as opened:
        mode, sync = (opened.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous"))
        # A look at every page takes minutes on a large file.
        small = settings.store.path.stat().st_size < MOST_SCANNED
        sound = opened.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() if small else "ok"
    full = "FULL" if sync == 2 else str(sync)
    scanned = "every page was looked at" if small else "its pages were not looked at, it is large"
    if sound != "ok":
        return fail("store", f"the file is damaged: {sound}.", "Stop everything and restore the last backup.")
    return ok("store", f"{settings.store.path}: journal_mode {mode}, synchronous {full}, read back; {scanned}.")


def guards(settings: Settings) -> Check:
    """Whether the database guards what it should, and does nothing else by itself."""
    from kz_compliance_sdk.adapters.sql.guards import lost_guards, strange_doings

    with connection(settings) as opened:
        found = [*strange_doings(opened), *(f"the guard {name} is gone" for name in lost_guards(opened))]
    if not found:
        return ok("guards", "the database has its guards, and no trigger of anybody else.")
    remedy = "Somebody changed the database. Hold it against a checkpoint kept elsewhere: kz-compliance audit verify"
    return fail("guards", "the database is not as this release made it.", remedy, tuple(found))


def permissions(what: str, files: Sequence[Path], name: str = "permissions") -> Check:
    """Whether strangers on this machine can read one of the files."""
    open_to_all = [file for file in files if file.stat().st_mode & 0o007]
    if open_to_all:
        modes = ", ".join(f"{file} ({file.stat().st_mode & 0o777:o})" for file in open_to_all)
        remedy = f"Run: chmod o-rwx {' '.join(map(str, open_to_all))}"
        return warn(name, f"everybody here can read {what}: {modes}.", remedy)
    modes = ", ".join(sorted({f"{file.stat().st_mode & 0o777:o}" for file in files}))
    return ok(name, f"{modes} ({len(files)} file{'s' * (len(files) > 1)}).")


def half_shared(files: Sequence[Path]) -> Check | None:
    """What is wrong if a group can use some of the store's files and not the others; nothing otherwise."""
    kept = [file for file in files if file.stat().st_mode & 0o060 != 0o060]
    if not kept or len(kept) == len(files):
        return None
    groups = ", ".join(sorted({_group(file) for file in files if file not in kept}))
    named = ", ".join(map(str, kept))
    summary = f"the group {groups} can use some files of the store, and not {named}: its accounts are refused."
    return warn("permissions", summary, f"Run: chmod g+rw {' '.join(map(str, kept))}")


def _group(file: Path) -> str:
    try:
        return file.group()
    except KeyError:
        return str(file.stat().st_gid)


def lane(path: Path) -> Check:
    """Whether the lock that writers queue for can be had."""
    try:
        import fcntl
    except ImportError:
        return ok("lane", "no lock is used on this system.")
    file = Path(f"{path}.lane")
    if not file.exists():
        return ok("lane", "nobody has written yet.")
    until = time.monotonic() + LANE_WAIT_S
    with file.open("rb") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    return fail(
                        "lane",
                        f"another process has held the writers' lock for {LANE_WAIT_S:g} s.",
                        f"Find it: fuser {file}",
                    )
                time.sleep(0.02)
            else:
                fcntl.flock(held, fcntl.LOCK_UN)
                return ok("lane", "the writers' lock is free.")


def master_keys_of(settings: Settings) -> Check:
    """Whether the master keys and the ledger keys of the settings are those of the store."""
    from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys, is_unproved
    from kz_compliance_sdk.assembly import master_keys

    with connection(settings) as opened:
        check_master_keys(opened, master_keys(settings))
        check_ledger_keys(opened, ledger_keys := settings.privacy.ledger_keys())
        if is_unproved(opened, settings.platform_id, ledger_keys):
            told = "the store has its first ledger key: until somebody says so nothing that came before is believed."
            return fail("master keys", told, "Stop every process, then run: kz-compliance db retire-keys")
    return ok("master keys", "they open the newest case.")


def schema_of(settings: Settings) -> Check:
    """Whether the schema is this release's."""

    found = schema_status(settings)
    if not found["pending"]:
        return ok("schema", f"revision {found['revision']}, up to date.")
    status: Status = "warn" if settings.store.upgrade_on_start and found["revision"] else "fail"
    return Check(
        "schema",
        status,
        f"revision {found['revision'] or 'none'}, and this release needs {found['head']}.",
        "Back the file up, then run: kz-compliance db upgrade",
        tuple(found["pending"]),
    )
