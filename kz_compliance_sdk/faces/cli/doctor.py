"""The checks of `doctor`. Each looks at one thing, says what it found, and what to do about it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import Session, system_user

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.domain.policy import Policy
    from kz_compliance_sdk.ports import Health
    from kz_compliance_sdk.wire.signature import Key

__all__ = ["Check", "examine"]

Status = Literal["ok", "warn", "fail"]

KEY_WARNING_S: Final = 30 * 86_400
LEAST_FREE: Final = 64 * 2**20
LOW_FREE: Final = 1024 * 2**20
MOST_SCANNED: Final = 256 * 2**20
LANE_WAIT_S: Final = 2.0
CLOCK_SLACK_S: Final = 60


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `remedy` is empty where there is nothing to do."""

    name: str
    status: Status
    summary: str
    remedy: str = ""
    details: tuple[str, ...] = ()


def examine(session: Session) -> tuple[Check, ...]:
    """Every check that can be made; where the settings cannot be read, those that need none."""
    now = int(time.time())
    checks = [sqlite_library(), zone_data(now), host_zone(now)]
    try:
        settings = session.settings()
    except ComplianceError as error:
        return refused("settings", error), *checks
    checks.insert(0, Check("settings", "ok", f"{settings.platform_id} at {settings.intake_url}"))
    checks += [sandbox(settings), *keys(settings.key_ring().keys, now), account(settings), answering(settings)]
    policy = settings.policy()
    checks += [law(policy), calendar(policy, now)]
    checks += [_tried("disk", lambda: disk(settings.store.path.absolute().parent))]
    checks += _of_store(settings, now)
    return tuple(checks)


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ComplianceError as error:
        return refused(name, error)
    except OSError as error:
        return Check(name, "fail", f"{error.strerror or error}", "Correct the path or its permissions.")


def refused(name: str, error: ComplianceError) -> Check:
    """A check that could not be made, with the remedy that the error names."""
    remedy = getattr(error, "remedy", "") or "Nothing can be received or answered before this is mended."
    field = getattr(error, "field", "")
    return Check(name, "fail", f"{field}: {error.message}" if field else error.message, remedy)


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
        return Check("zone data", "ok", "Asia/Almaty is at +05:00.")
    return Check("zone data", "fail", "Asia/Almaty is not at +05:00.", "Upgrade the package tzdata to 2024a or later.")


def host_zone(now: int) -> Check:
    """Whether other programs of this machine would show another hour."""
    from kz_compliance_sdk.domain.clock import system_zone_ok

    try:
        right = system_zone_ok(ZoneInfo("Asia/Almaty"), now)
    except ZoneInfoNotFoundError:
        right = True
    if right:
        return Check("host zone", "ok", "this machine's own zone data agrees.")
    return Check(
        "host zone",
        "warn",
        "this machine's zone data is older than 2024-03-01: its other programs are an hour off.",
        "Upgrade the system's tzdata. This library uses its own.",
    )


def disk(folder: Path) -> Check:
    """Whether the database can grow."""
    free = shutil.disk_usage(folder).free
    status: Status = "fail" if free < LEAST_FREE else "warn" if free < LOW_FREE else "ok"
    remedy = "" if status == "ok" else "Free some space: without it no notice can be accepted."
    return Check("disk", status, f"{free // 2**20} MiB free in {folder}.", remedy)


# -------------------------------------------------------------------------------------------- the settings


def sandbox(settings: Settings) -> Check:
    """Whether these are the settings of a sandbox."""
    if settings.allow_test_keys:
        return Check(
            "sandbox", "warn", "published test keys are believed.", "Never in production: drop allow_test_keys."
        )
    return Check("sandbox", "ok", "published test keys are refused.")


def keys(ring: tuple[Key, ...], now: int) -> Iterator[Check]:
    """Whether each trusted key is valid, and for how long."""
    if not ring:
        yield Check("keys", "warn", "no key is trusted, so nothing that is pushed is authentic.", "Add [[keys]].")
    for key in ring:
        name, left = f"key {key.key_id}", key.not_after - now
        if key.is_revoked(now):
            yield Check(name, "ok", f"revoked since {screen.both(key.revoked_at)}.")
        elif now < key.not_before:
            yield Check(name, "warn", f"not valid before {screen.both(key.not_before)}.")
        elif key.is_expired(now):
            yield Check(
                name,
                "fail",
                f"expired {screen.both(key.not_after)}: what it signs goes to quarantine.",
                f"Ask {key.sender} for its new key.",
            )
        elif left < KEY_WARNING_S:
            yield Check(name, "warn", f"expires in {screen.left(left)}.", f"Ask {key.sender} for its next key now.")
        else:
            yield Check(name, "ok", f"valid until {screen.both(key.not_after)}.")


def account(settings: Settings) -> Check:
    """Who the person at this terminal is."""
    try:
        user = system_user()
    except ComplianceError as error:
        return Check("account", "warn", str(error))
    actor = settings.actor_of(user)
    if actor is None:
        return Check("account", "ok", f"{user} can only read.", f"To act, it needs the table [actors.{user}].")
    return Check("account", "ok", f"{user} is {actor.id}: {', '.join(sorted(actor.roles)) or 'no role'}.")


def answering(settings: Settings) -> Check:
    """Whether an answer can be given in somebody's name."""
    if not settings.letterhead.name:
        return Check(
            "letters",
            "warn",
            "the letterhead has no name, and letters are the way out when the regulator's system is down.",
            "Set letterhead.name and letterhead.address.",
        )
    return Check("letters", "ok", f"letters go out as {settings.letterhead.name}.")


def law(policy: Policy) -> Check:
    """Which rules in force nobody has read in the law."""
    unread = tuple(
        f"{key}: {source.act} {source.article}".rstrip() for key, source in policy.sources() if not source.verified
    )
    if not unread:
        return Check("law", "ok", f"policy {policy.version}: every rule was read in its source.")
    return Check(
        "law",
        "warn",
        f"policy {policy.version}: {len(unread)} rules in force rest on sources that nobody has verified.",
        "Have a lawyer in Kazakhstan read them, and record it in policy_file. This is not legal advice.",
        unread,
    )


def calendar(policy: Policy, now: int) -> Check:
    """Whether working days can be counted this year and next."""
    year = datetime.fromtimestamp(now, UTC).year
    missing = [str(one) for one in (year, year + 1) if not policy.calendar.covers(one)]
    if not missing:
        return Check("calendar", "ok", f"holidays are known for {year} and {year + 1}.")
    return Check(
        "calendar",
        "warn",
        f"no holidays are known for {' and '.join(missing)}: every weekday there counts as a working day.",
        "Give a calendar_file once the government has published them.",
    )


# ----------------------------------------------------------------------------------------------- the store


def _of_store(settings: Settings, now: int) -> Iterator[Check]:
    path = settings.store.path.absolute()
    if not path.is_file():
        yield Check("store", "fail", f"there is no database at {path}.", "Create it: kz-compliance db upgrade")
        return
    opened = _tried("store", lambda: store(settings))
    yield opened
    yield _tried("permissions", lambda: permissions(path))
    yield _tried("lane", lambda: lane(path))
    schema = _tried("schema", lambda: schema_of(settings))
    yield schema
    if opened.status == "fail" or schema.status == "fail":
        return
    from kz_compliance_sdk.adapters.sql.queries import SqlQueries
    from kz_compliance_sdk.faces.cli.setup import connection

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
    from kz_compliance_sdk.faces.cli.setup import connection

    with connection(settings) as opened:
        mode, sync = (opened.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous"))
        # A look at every page takes minutes on a large file.
        small = settings.store.path.stat().st_size < MOST_SCANNED
        sound = opened.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() if small else "ok"
    full = "FULL" if sync == 2 else str(sync)
    scanned = "every page was looked at" if small else "its pages were not looked at, it is large"
    if sound != "ok":
        return Check("store", "fail", f"the file is damaged: {sound}.", "Stop everything and restore the last backup.")
    return Check(
        "store", "ok", f"{settings.store.path}: journal_mode {mode}, synchronous {full}, read back; {scanned}."
    )


def permissions(path: Path) -> Check:
    """Whether strangers on this machine can read the cases."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o007:
        return Check(
            "permissions", "warn", f"everybody here can read the cases ({mode:o}).", f"Run: chmod o-rwx {path}"
        )
    return Check("permissions", "ok", f"{mode:o}.")


def lane(path: Path) -> Check:
    """Whether the lock that writers queue for can be had."""
    try:
        import fcntl
    except ImportError:
        return Check("lane", "ok", "no lock is used on this system.")
    file = Path(f"{path}.lane")
    if not file.exists():
        return Check("lane", "ok", "nobody has written yet.")
    until = time.monotonic() + LANE_WAIT_S
    with file.open("rb") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    return Check(
                        "lane",
                        "fail",
                        f"another process has held the writers' lock for {LANE_WAIT_S:g} s.",
                        f"Find it: fuser {file}",
                    )
                time.sleep(0.02)
            else:
                fcntl.flock(held, fcntl.LOCK_UN)
                return Check("lane", "ok", "the writers' lock is free.")


def schema_of(settings: Settings) -> Check:
    """Whether the schema is this release's."""
    from kz_compliance_sdk.faces.cli.setup import schema_status

    found = schema_status(settings)
    if not found["pending"]:
        return Check("schema", "ok", f"revision {found['revision']}, up to date.")
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
        return Check(
            "clock",
            "fail",
            f"the clock says {screen.both(now)}, and a heartbeat was written {screen.left(last - now)} later.",
            "Set the clock by NTP: every deadline hangs on it.",
        )
    return Check("clock", "ok", f"{screen.both(now)}.")


def machinery(health: Health, now: int, *, polls: bool) -> Iterator[Check]:
    """Whether each part of the machinery has run lately."""
    from kz_compliance_sdk.services.health import SILENT_AFTER_S

    last = {beat.part: beat.at for beat in health.heartbeats}
    for part in ("watcher", "worker", *(("poller",) if polls else ())):
        at = last.get(part)
        if at is None:
            yield Check(part, "fail", "has never run.", "Start it: kz-compliance worker")
        elif now - at > SILENT_AFTER_S:
            yield Check(part, "fail", f"was last seen {screen.left(now - at)} ago.", "Start it: kz-compliance worker")
        else:
            yield Check(part, "ok", f"ran {screen.left(max(0, now - at))} ago.")
    for endpoint in health.endpoints:
        if endpoint.open_until > now:
            yield Check(
                f"way to {endpoint.endpoint}",
                "warn",
                f"{endpoint.failures} failures in a row, next try in {screen.left(endpoint.open_until - now)}.",
                f"The last one: {endpoint.last_failure}. Near a deadline: kz-compliance cases by-hand CASE",
            )


def work(health: Health, now: int) -> Iterator[Check]:
    """Whether anything waits for a person."""
    if health.overdue:
        yield Check(
            "deadlines",
            "fail",
            f"{health.overdue} cases are overdue.",
            "Look at them: kz-compliance cases list --overdue",
        )
    elif health.oldest_due_at is not None:
        yield Check("deadlines", "ok", f"the next one is in {screen.left(health.oldest_due_at - now)}.")
    else:
        yield Check("deadlines", "ok", "no case is open.")
    if health.parked:
        yield Check(
            "parked",
            "warn",
            f"{health.parked} messages wait for a person.",
            "Find them with kz-compliance cases show CASE, then: kz-compliance cases retry CASE",
        )
    else:
        yield Check("parked", "ok", f"no message is parked; {health.undelivered} are on their way.")
