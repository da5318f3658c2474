"""The checks of `doctor`. Each looks at one thing, says what it found, and what to do about it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import Session, refuse_directory, refuse_missing, system_user

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.domain.policy import Policy
    from kz_compliance_sdk.ports import Health
    from kz_compliance_sdk.wire.signature import Key

Status = Literal["ok", "warn", "fail"]

KEY_WARNING_S: Final = 30 * 86_400
CLOCK_SLACK_S: Final = 60
LEAST_FREE: Final = 64 * 2**20
LOW_FREE: Final = 1024 * 2**20
MOST_SCANNED: Final = 256 * 2**20
LANE_WAIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `remedy` is empty where there is nothing to do."""

    name: str
    status: Status
    summary: str
    remedy: str = ""
    details: tuple[str, ...] = ()


def ok(name: str, summary: str, remedy: str = "") -> Check:
    """What is as it should be."""
    return Check(name, "ok", summary, remedy)


def warn(name: str, summary: str, remedy: str = "", details: tuple[str, ...] = ()) -> Check:
    """What somebody should look at."""
    return Check(name, "warn", summary, remedy, details)


def fail(name: str, summary: str, remedy: str = "", details: tuple[str, ...] = ()) -> Check:
    """What keeps notices from being received or answered."""
    return Check(name, "fail", summary, remedy, details)


def refused(name: str, error: ComplianceError) -> Check:
    """A check that could not be made, with the remedy that the error names."""
    remedy = getattr(error, "remedy", "") or "Nothing can be received or answered before this is mended."
    field = getattr(error, "field", "")
    more = tuple(str(one) for one in getattr(error, "more", ()))
    return fail(name, f"{field}: {error.message}" if field else error.message, remedy, more)


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
        sandbox(settings),
        *keys(settings.key_ring().keys, now),
        account(settings),
        _tried("settings file", lambda: settings_file(session.settings_file())),
        answering(settings),
        _tried("user notices", lambda: user_notices(settings)),
        master_key(settings),
        ledger_key(settings),
    ]
    policy = settings.policy()
    checks += [addressee(settings), deciders(settings, policy)]
    checks += [law(policy), calendar(policy, now)]
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


# --------------------------------------------------------------------------------------- settings and law


def sandbox(settings: Settings) -> Check:
    """Whether these are the settings of a sandbox."""
    if settings.allow_test_keys:
        return warn("sandbox", "published test keys are believed.", "Never in production: drop allow_test_keys.")
    return ok("sandbox", "published test keys are refused.")


def keys(ring: tuple[Key, ...], now: int) -> Iterator[Check]:
    """Whether each trusted key is valid, and for how long."""
    if not ring:
        yield warn("keys", "no key is trusted, so nothing that is pushed is authentic.", "Add [[keys]].")
    for key in ring:
        name, left = f"key {key.key_id}", key.not_after - now
        if key.is_revoked(now):
            yield ok(name, f"revoked since {screen.both(key.revoked_at)}.")
        elif now < key.not_before:
            yield warn(name, f"not valid before {screen.both(key.not_before)}.")
        elif key.is_expired(now):
            yield fail(
                name,
                f"expired {screen.both(key.not_after)}: what it signs goes to quarantine.",
                f"Ask {key.sender} for its new key.",
            )
        elif left < KEY_WARNING_S:
            yield warn(name, f"expires in {screen.left(left)}.", f"Ask {key.sender} for its next key now.")
        else:
            yield ok(name, f"valid until {screen.both(key.not_after)}.")


def account(settings: Settings) -> Check:
    """Who the person at this terminal is."""
    try:
        user = system_user()
    except ComplianceError as error:
        return warn("account", str(error))
    actor = settings.actor_of(user)
    if actor is None:
        return ok("account", f"{user} can only read.", f"To act, it needs the table [actors.{user}].")
    return ok("account", f"{user} is {actor.id}: {', '.join(sorted(actor.roles)) or 'no role'}.")


def settings_file(path: Path | None) -> Check:
    """Whether the account that asks could make somebody else of itself: write the settings, or replace their file."""
    if path is None:
        return ok("settings file", "there is none.")
    if any(os.access(place, os.W_OK) for place in (path, path.absolute().parent)):
        return warn(
            "settings file",
            f"this account can write {path}, and with it who is who.",
            "Where people act by this account: let another own the file and its folder, and take the right to write.",
        )
    return ok("settings file", f"this account cannot write {path}.")


def answering(settings: Settings) -> Check:
    """Whether an answer can be given in somebody's name."""
    if not settings.letterhead.name:
        return warn(
            "letters",
            "the letterhead has no name, and letters are the way out when the regulator's system is down.",
            "Set letterhead.name and letterhead.address.",
        )
    return ok("letters", f"letters go out as {settings.letterhead.name}.")


def deciders(settings: Settings, policy: Policy) -> Check:
    """Whether the accounts of the settings can take every decision that the policy asks several people for."""
    from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, is_outside

    actors = [actor for name in settings.actors if (actor := settings.actor_of(name))]
    approvers = [one for one in actors if REVIEW_POLICY.allows(one, "approve")]
    guards = policy.safeguards
    outside = guards.approver_outside_always or guards.approver_outside_categories or guards.approver_outside_flags
    missing = []
    if not any("legal" in one.roles for one in actors):
        missing.append("nobody has the role legal: no measure in a case with legal review, no demand for user data")
    if not approvers:
        missing.append("nobody can approve: no decision that takes a second person")
    if outside and not any(is_outside(one, policy) for one in approvers):
        missing.append("no approver is outside the country, and the policy asks for one")
    if not missing:
        return ok("deciders", f"{len(approvers)} of {len(actors)} accounts can be a second person.")
    return warn(
        "deciders",
        "the accounts of the settings cannot take every decision.",
        "Add them under [actors], with roles and country, unless your own system supplies these people.",
        tuple(missing),
    )


def addressee(settings: Settings) -> Check:
    """Whether it can be seen that a notice is addressed to somebody else."""
    if settings.addressee.name or settings.addressee.bin:
        return ok("addressee", "notices are compared with the registered legal representative.")
    return warn(
        "addressee",
        "nobody compares to whom notices are addressed.",
        "Set addressee.name and addressee.bin as they are registered.",
    )


def user_notices(settings: Settings) -> Check:
    """Whether users are told, and in words that somebody has reviewed."""
    own = settings.user_notice
    unreviewed = own.templates().unreviewed
    if not own.enabled:
        return warn("user notices", f"users are told nothing: {own.off_because}", "Have counsel confirm that.")
    if unreviewed:
        return warn(
            "user notices",
            f"nobody has reviewed what users are told in {', '.join(unreviewed)}.",
            "Have them reviewed, and name your own files in user_notice.kk_file, ru_file, en_file.",
        )
    if own.appeal_url is None:
        return warn("user notices", "users are not told where to appeal.", "Set user_notice.appeal_url.")
    by = sorted({template.reviewed_by for template in own.templates().by_lang.values()})
    return ok("user notices", f"the words were reviewed by {', '.join(by)}.")


def law(policy: Policy) -> Check:
    """Which rules in force nobody has read in the law."""
    unread = tuple(
        f"{key}: {source.act} {source.article}".rstrip() for key, source in policy.sources() if not source.verified
    )
    if not unread:
        return ok("law", f"policy {policy.version}: every rule was read in its source.")
    return warn(
        "law",
        f"policy {policy.version}: {len(unread)} rules in force rest on sources that nobody has verified.",
        "Have a lawyer in Kazakhstan read them, and record it in policy_file. This is not legal advice.",
        unread,
    )


def master_key(settings: Settings) -> Check:
    """Whether the keys of the cases are wrapped."""
    if settings.privacy.master_key is not None:
        earlier = len(settings.privacy.earlier_keys)
        more = f"; {earlier} earlier ones can still open: kz-compliance db rewrap ends that" if earlier else ""
        return ok("master key", f"{settings.privacy.master_key_id} wraps the keys of the cases{more}.")
    return warn(
        "master key",
        "there is none: whoever has the store's file, or a backup of it, has the keys of the cases as well.",
        "Set privacy.master_key (KZ_COMPLIANCE_PRIVACY__MASTER_KEY_FILE): openssl rand -base64 32",
    )


def ledger_key(settings: Settings) -> Check:
    """Whether what has happened is proved by a key outside the store."""
    keys = settings.privacy.ledger_keys()
    if keys.current is not None:
        earlier = len(keys.keys) - 1
        more = f"; {earlier} earlier ones prove what was appended before it" if earlier else ""
        return Check("ledger key", "ok", f"{keys.current.id.hex()} proves what is appended to the ledger{more}.")
    return Check(
        "ledger key",
        "warn",
        "there is none: whoever can write to the store's file can write a history that nothing tells from a true one.",
        "Set privacy.ledger_key (KZ_COMPLIANCE_PRIVACY__LEDGER_KEY_FILE): openssl rand -base64 32",
    )


def calendar(policy: Policy, now: int) -> Check:
    """Whether working days can be counted this year and next."""
    year = datetime.fromtimestamp(now, UTC).year
    missing = [str(one) for one in (year, year + 1) if not policy.calendar.covers(one)]
    if not missing:
        return ok("calendar", f"holidays are known for {year} and {year + 1}.")
    return warn(
        "calendar",
        f"no holidays are known for {' and '.join(missing)}: every weekday there counts as a working day.",
        "Give a calendar_file once the government has published them.",
    )


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


def disk(folder: Path) -> Check:
    """Whether the database can grow."""
    free = shutil.disk_usage(folder).free
    status: Status = "fail" if free < LEAST_FREE else "warn" if free < LOW_FREE else "ok"
    remedy = "" if status == "ok" else "Free some space: without it no notice can be accepted."
    return Check("disk", status, f"{free // 2**20} MiB free in {folder}.", remedy)


# ----------------------------------------------------------------------------------------------- the store


@contextmanager
def connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the database as it is: nothing is created and nothing upgraded.

    Raises ConfigError if there is no file, StoreUnusable if its place or its settings cannot be trusted,
    StoreError if it refuses.
    """
    from sqlalchemy.exc import DBAPIError

    from kz_compliance_sdk.adapters.sql.files import refuse_other_files
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, refuse_network_file_system, store_error
    from kz_compliance_sdk.adapters.sql.store import open_engine

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
    yield clock(health, now)
    yield from machinery(health, now, polls=settings.regulator.polls)
    yield from work(health, now)


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


def clock(health: Health, now: int) -> Check:
    """Whether this machine's clock has gone back behind what was written."""
    last = max((beat.at for beat in health.heartbeats), default=0)
    if last > now + CLOCK_SLACK_S:
        return fail(
            "clock",
            f"the clock says {screen.both(now)}, and a heartbeat was written {screen.left(last - now)} later.",
            "Set the clock by NTP: every deadline hangs on it.",
        )
    return ok("clock", f"{screen.both(now)}.")


def machinery(health: Health, now: int, *, polls: bool) -> Iterator[Check]:
    """Whether each part of the machinery has run lately."""
    from kz_compliance_sdk.services.health import SILENT_AFTER_S

    last = {beat.part: beat.at for beat in health.heartbeats}
    for part in ("watcher", "worker", *(("poller",) if polls else ())):
        at = last.get(part)
        if at is None:
            yield fail(part, "has never run.", "Start it: kz-compliance worker")
        elif now - at > SILENT_AFTER_S:
            yield fail(part, f"was last seen {screen.left(now - at)} ago.", "Start it: kz-compliance worker")
        else:
            yield ok(part, f"ran {screen.left(max(0, now - at))} ago.")
    for endpoint in health.endpoints:
        if endpoint.open_until > now:
            yield warn(
                f"way to {endpoint.endpoint}",
                f"{endpoint.failures} failures in a row, next try in {screen.left(endpoint.open_until - now)}.",
                f"The last one: {endpoint.last_failure}. Near a deadline: kz-compliance cases by-hand CASE",
            )


def work(health: Health, now: int) -> Iterator[Check]:
    """Whether anything waits for a person."""
    if health.overdue:
        yield fail(
            "deadlines", f"{health.overdue} cases are overdue.", "Look at them: kz-compliance cases list --overdue"
        )
    elif health.oldest_due_at is not None:
        yield ok("deadlines", f"the next one is in {screen.left(health.oldest_due_at - now)}.")
    else:
        yield ok("deadlines", "no case is open.")
    if health.untold:
        yield warn(
            "users",
            f"{health.untold} users are not told yet of what was done with their content.",
            "Register a messenger: kz-compliance worker --messenger MODULE:NAME, or on_tell_user.",
        )
    else:
        yield ok("users", "nobody waits to be told.")
    if health.parked:
        yield warn(
            "parked",
            f"{health.parked} messages wait for a person.",
            "Find them with kz-compliance cases show CASE, then: kz-compliance cases retry CASE",
        )
    else:
        yield ok("parked", f"no message is parked; {health.undelivered} are on their way.")
