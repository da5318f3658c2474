"""The checks of `doctor`. Each looks at one thing, says what it found, and what to do about it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kz_compliance_sdk.domain.values import written
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import Session, refuse_directory, refuse_missing, system_user

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

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


@cache
def _words() -> Mapping[str, Any]:
    # Reading them takes some milliseconds, and every command loads this module.
    return written("kz_compliance_sdk.faces.cli", "doctor.toml")


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `remedy` is empty where there is nothing to do."""

    name: str
    status: Status
    summary: str
    remedy: str = ""
    details: tuple[str, ...] = ()


def said(check: str, what: str, details: Sequence[str] = (), /, *, called: str = "", **filled: object) -> Check:
    """What `doctor.toml` has for a check that found this; `called` is its name where several speak alike."""
    words = _words()[check][what]
    summary, remedy = (words.get(part, "").format(**filled) for part in ("summary", "remedy"))
    return Check(called or check, words.get("status", "ok"), summary, remedy, tuple(details))


def refused(name: str, error: ComplianceError) -> Check:
    """A check that could not be made, with the remedy that the error names."""
    remedy = getattr(error, "remedy", "") or "Nothing can be received or answered before this is mended."
    field = getattr(error, "field", "")
    more = tuple(str(one) for one in getattr(error, "more", ()))
    return Check(name, "fail", f"{field}: {error.message}" if field else error.message, remedy, more)


def examine(session: Session) -> tuple[Check, ...]:
    """Every check that can be made; where the settings cannot be read, those that need none."""
    now = int(time.time())
    checks = [zone_data(now), host_zone(now)]
    try:
        settings = session.settings()
    except ComplianceError as error:
        return refused("settings", error), sqlite_library(), *checks
    if settings.store.url is None:
        checks.insert(0, sqlite_library())
    checks.insert(0, Check("settings", "ok", f"{settings.platform_id} at {settings.intake_url}"))
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
    if settings.store.url is None:
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


# --------------------------------------------------------------------------------------- settings and law


def sandbox(settings: Settings) -> Check:
    """Whether these are the settings of a sandbox."""
    return said("sandbox", "believed" if settings.allow_test_keys else "refused")


def keys(ring: tuple[Key, ...], now: int) -> Iterator[Check]:
    """Whether each trusted key is valid, and for how long."""
    if not ring:
        yield said("keys", "none")
    for key in ring:
        if key.is_revoked(now):
            what = "revoked"
        elif now < key.not_before:
            what = "early"
        elif key.is_expired(now):
            what = "expired"
        else:
            what = "ending" if key.not_after - now < KEY_WARNING_S else "valid"
        times = {name: screen.both(getattr(key, name)) for name in ("not_before", "not_after", "revoked_at")}
        left = screen.left(key.not_after - now)
        yield said("key", what, called=f"key {key.key_id}", sender=key.sender, left=left, **times)


def account(settings: Settings) -> Check:
    """Who the person at this terminal is."""
    try:
        user = system_user()
    except ComplianceError as error:
        return said("account", "unknown", why=error)
    actor = settings.actor_of(user)
    if actor is None:
        return said("account", "reads", user=user)
    return said("account", "acts", user=user, actor=actor.id, roles=", ".join(sorted(actor.roles)) or "no role")


def settings_file(path: Path | None) -> Check:
    """Whether the account that asks could make somebody else of itself: write the settings, or replace their file."""
    if path is None:
        return said("settings file", "none")
    is_open = any(os.access(place, os.W_OK) for place in (path, path.absolute().parent))
    return said("settings file", "open" if is_open else "kept", path=path)


def answering(settings: Settings) -> Check:
    """Whether an answer can be given in somebody's name."""
    return said("letters", "named" if settings.letterhead.name else "nameless", name=settings.letterhead.name)


def deciders(settings: Settings, policy: Policy) -> Check:
    """Whether the accounts of the settings can take every decision that the policy asks several people for."""
    from kz_compliance_sdk.domain.commands import Approve
    from kz_compliance_sdk.domain.review_policy import is_outside

    actors = [actor for name in settings.actors if (actor := settings.actor_of(name))]
    approvers = [one for one in actors if Approve.may.allows(one)]
    guards = policy.safeguards
    outside = guards.approver_outside_always or guards.approver_outside_categories or guards.approver_outside_flags
    missing = []
    if not any("legal" in one.roles for one in actors):
        missing.append("nobody has the role legal: no measure in a case with legal review, no demand for user data")
    if not approvers:
        missing.append("nobody can approve: no decision that takes a second person")
    if outside and not any(is_outside(one, policy) for one in approvers):
        missing.append("no approver is outside the country, and the policy asks for one")
    return said("deciders", "missing" if missing else "enough", missing, approvers=len(approvers), actors=len(actors))


def addressee(settings: Settings) -> Check:
    """Whether it can be seen that a notice is addressed to somebody else."""
    return said("addressee", "compared" if settings.addressee.name or settings.addressee.bin else "unknown")


def user_notices(settings: Settings) -> Check:
    """Whether users are told, and in words that somebody has reviewed."""
    own, templates = settings.user_notice, settings.user_notice.templates()
    if not own.enabled:
        return said("user notices", "silence", why=own.off_because)
    if templates.unreviewed:
        return said("user notices", "unreviewed", languages=", ".join(templates.unreviewed))
    if own.appeal_url is None:
        return said("user notices", "no_appeal")
    by = sorted({template.reviewed_by for template in templates.by_lang.values()})
    return said("user notices", "reviewed", by=", ".join(by))


def law(policy: Policy) -> Check:
    """Which rules in force nobody has read in the law."""
    sources = [(key, source) for key, source in policy.sources() if not source.verified]
    unread = [f"{key}: {source.act} {source.article}".rstrip() for key, source in sources]
    return said("law", "unread" if unread else "read", unread, version=policy.version, count=len(unread))


def master_key(settings: Settings) -> Check:
    """Whether the keys of the cases are wrapped."""
    privacy = settings.privacy
    what = "none" if privacy.master_key is None else "after" if privacy.earlier_keys else "alone"
    return said("master key", what, name=privacy.master_key_id, earlier=len(privacy.earlier_keys))


def ledger_key(settings: Settings) -> Check:
    """Whether what has happened is proved by a key outside the store."""
    keys = settings.privacy.ledger_keys()
    if keys.current is None:
        return said("ledger key", "none")
    earlier = len(keys.keys) - 1
    return said("ledger key", "after" if earlier else "alone", name=keys.current.id.hex(), earlier=earlier)


def calendar(policy: Policy, now: int) -> Check:
    """Whether working days can be counted this year and next."""
    year = datetime.fromtimestamp(now, UTC).year
    missing = [str(one) for one in (year, year + 1) if not policy.calendar.covers(one)]
    what = "unknown" if missing else "known"
    return said("calendar", what, years=" and ".join(missing), year=year, next=year + 1)


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

    return said("zone data", "right" if almaty_ok(now) else "old")


def host_zone(now: int) -> Check:
    """Whether other programs of this machine would show another hour."""
    from kz_compliance_sdk.domain.clock import system_zone_ok

    try:
        right = system_zone_ok(ZoneInfo("Asia/Almaty"), now)
    except ZoneInfoNotFoundError:
        right = True
    return said("host zone", "right" if right else "old")


def disk(folder: Path) -> Check:
    """Whether the database can grow."""
    free = shutil.disk_usage(folder).free
    what = "full" if free < LEAST_FREE else "low" if free < LOW_FREE else "room"
    return said("disk", what, free=free // 2**20, folder=folder)


# ----------------------------------------------------------------------------------------------- the store


@contextmanager
def connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the database as it is: nothing is created and nothing upgraded.

    Raises ConfigError if there is no file, or no driver, StoreUnusable if its place or its settings cannot be trusted,
    StoreError if it refuses.
    """
    from sqlalchemy.exc import DBAPIError

    from kz_compliance_sdk.adapters.sql.engines import store_error

    engine = _engine(settings)
    try:
        with engine.connect() as opened:
            yield opened
    except DBAPIError as error:
        raise store_error(error.orig or error) from error
    finally:
        engine.dispose()


def mark_of(settings: Settings) -> str:
    """The file that notes how far the store has committed."""
    from kz_compliance_sdk.adapters.sql.mark import place_of

    return place_of(settings.store.path, settings.store.mark)


def _engine(settings: Settings) -> Engine:
    if settings.store.url is not None:
        from kz_compliance_sdk.adapters.sql import postgres

        return postgres.open_engine(settings.store.url.get_secret_value(), pooler=True, pool_size=1)
    from kz_compliance_sdk.adapters.sql.files import refuse_other_files
    from kz_compliance_sdk.adapters.sql.place import refuse_place
    from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
    from kz_compliance_sdk.adapters.sql.store import open_engine

    refuse_missing(settings)
    path = settings.store.path.absolute()
    refuse_place(str(path))
    driver = choose_driver()
    refuse_other_files(str(path), wal=driver.wal)
    return open_engine(driver, str(path))


def schema_status(settings: Settings) -> dict[str, Any]:
    """Where the schema stands. Raises as `connection`, and StoreUnusable for a schema of a later release."""
    from kz_compliance_sdk.adapters.sql import migrate
    from kz_compliance_sdk.adapters.sql.schema import HEAD, read_revision

    refuse_directory(settings)
    on_server = settings.store.url is not None
    is_there = on_server or settings.store.path.is_file()
    status: dict[str, Any] = {
        "path": settings.store.place,
        "exists": is_there,
        "revision": None,
        "head": HEAD,
        "pending": [],
    }
    if is_there:
        with connection(settings) as opened:
            revision = read_revision(opened)
            # A file is there before its schema is whole; a database of a server may be there for anything.
            exists = not on_server or revision is not None
            status |= {"exists": exists, "revision": revision, "pending": migrate.pending(opened)}
    return status


def _of_store(settings: Settings, now: int) -> Iterator[Check]:
    opened = yield from _of_server(settings) if settings.store.url is not None else _of_file(settings)
    if opened is None:
        return
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


def _of_server(settings: Settings) -> Generator[Check, None, Check | None]:
    opened = _tried("store", lambda: server(settings))
    yield opened
    if opened.status == "fail":
        return None
    yield _tried("server clock", lambda: server_clock(settings))
    return opened


def _of_file(settings: Settings) -> Generator[Check, None, Check | None]:
    from kz_compliance_sdk.adapters.sql.place import BESIDE

    path = settings.store.path.absolute()
    if not path.is_file():
        yield said("store", "missing", path=path)
        return None
    opened = _tried("store", lambda: store(settings))
    yield opened
    beside = [Path(f"{path}{end}") for end in BESIDE]
    kept = [path, *(one for one in (*beside, Path(mark_of(settings))) if one.exists())]
    yield _tried("permissions", lambda: half_shared(kept) or permissions("the cases", kept))
    yield _tried("lane", lambda: lane(path))
    return opened


def server(settings: Settings) -> Check:
    """Whether the server keeps what was acknowledged, and whether another has it as well."""
    from kz_compliance_sdk.adapters.sql.postgres import check_rights

    with connection(settings) as opened:
        names = ("server_version", "synchronous_commit", "fsync", "full_page_writes", "synchronous_standby_names")
        version, commit, fsync, pages, standby = (
            opened.exec_driver_sql("SELECT current_setting(%s)", (name,)).scalar_one() for name in names
        )
        if schema_status(settings)["revision"]:
            check_rights(opened)
    lost = fsync == "off" or pages == "off"
    what = "unsafe" if lost else "alone" if not standby or commit == "local" else "twofold"
    return said("server", what, called="store", place=settings.store.place, version=version, commit=commit)


def server_clock(settings: Settings) -> Check:
    """How far the clocks of server and host are apart."""
    with connection(settings) as opened:
        before = time.time()
        theirs = float(opened.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
        skew = theirs - (before + time.time()) / 2
    what = "apart" if abs(skew) > CLOCK_SLACK_S else "together"
    return said("server clock", what, skew=f"{skew:+.1f}")


def store(settings: Settings) -> Check:
    """Whether the settings that acknowledged notices depend on took, read back on a connection of its own."""

    from kz_compliance_sdk.adapters.sql.mark import Mark, behind

    with connection(settings) as opened:
        if missing := Mark(mark_of(settings)).missing(opened):
            raise behind(str(settings.store.path), mark_of(settings), missing)
        mode, sync = (opened.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous"))
        # A look at every page takes minutes on a large file.
        small = settings.store.path.stat().st_size < MOST_SCANNED
        sound = opened.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() if small else "ok"
    full = "FULL" if sync == 2 else str(sync)
    scanned = "every page was looked at" if small else "its pages were not looked at, it is large"
    what = "sound" if sound == "ok" else "damaged"
    return said("store", what, path=settings.store.path, mode=mode, sync=full, scanned=scanned, sound=sound)


def guards(settings: Settings) -> Check:
    """Whether the database guards what it should, and does nothing else by itself."""
    from kz_compliance_sdk.adapters.sql.schema import lost_guards, wrong_schema

    with connection(settings) as opened:
        found = [*wrong_schema(opened), *(f"the guard {name} is gone" for name in lost_guards(opened))]
    return said("guards", "changed" if found else "whole", found)


def permissions(what: str, files: Sequence[Path], name: str = "permissions") -> Check:
    """Whether strangers on this machine can read one of the files."""
    open_to_all = [file for file in files if file.stat().st_mode & 0o007]
    if open_to_all:
        modes = ", ".join(f"{file} ({file.stat().st_mode & 0o777:o})" for file in open_to_all)
        named = " ".join(map(str, open_to_all))
        return said("permissions", "open", called=name, what=what, modes=modes, files=named)
    modes = ", ".join(sorted({f"{file.stat().st_mode & 0o777:o}" for file in files}))
    return said("permissions", "kept", called=name, modes=modes, count=len(files), s="s" * (len(files) > 1))


def half_shared(files: Sequence[Path]) -> Check | None:
    """What is wrong if a group can use some of the store's files and not the others; nothing otherwise."""
    kept = [file for file in files if file.stat().st_mode & 0o060 != 0o060]
    if not kept or len(kept) == len(files):
        return None
    groups = ", ".join(sorted({_group(file) for file in files if file not in kept}))
    named = [str(file) for file in kept]
    return said("permissions", "half", groups=groups, named=", ".join(named), files=" ".join(named))


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
        return said("lane", "none")
    file = Path(f"{path}.lane")
    if not file.exists():
        return said("lane", "unused")
    until = time.monotonic() + LANE_WAIT_S
    with file.open("rb") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    return said("lane", "held", wait=LANE_WAIT_S, file=file)
                time.sleep(0.02)
            else:
                fcntl.flock(held, fcntl.LOCK_UN)
                return said("lane", "free")


def master_keys_of(settings: Settings) -> Check:
    """Whether the master keys and the ledger keys of the settings are those of the store."""
    from kz_compliance_sdk.adapters.sql.rewrapping import check_ledger_keys, check_master_keys, is_unproved
    from kz_compliance_sdk.assembly import master_keys

    with connection(settings) as opened:
        check_master_keys(opened, master_keys(settings))
        check_ledger_keys(opened, ledger_keys := settings.privacy.ledger_keys())
        if is_unproved(opened, settings.platform_id, ledger_keys):
            return said("master keys", "unproved")
    return said("master keys", "fit")


def schema_of(settings: Settings) -> Check:
    """Whether the schema is this release's."""
    found = schema_status(settings)
    upgrades = settings.store.upgrade_on_start and found["revision"]
    what = "current" if not found["pending"] else "behind" if upgrades else "old"
    return said("schema", what, found["pending"], revision=found["revision"] or "none", head=found["head"])


def clock(health: Health, now: int) -> Check:
    """Whether this machine's clock has gone back behind what was written."""
    last = max((beat.at for beat in health.heartbeats), default=0)
    what = "back" if last > now + CLOCK_SLACK_S else "right"
    return said("clock", what, now=screen.both(now), left=screen.left(last - now))


def machinery(health: Health, now: int, *, polls: bool) -> Iterator[Check]:
    """Whether each part of the machinery has run lately."""
    from kz_compliance_sdk.services.health import SILENT_AFTER_S

    last = {beat.part: beat.at for beat in health.heartbeats}
    for part in ("watcher", "worker", *(("poller",) if polls else ())):
        at = last.get(part)
        what = "never" if at is None else "silent" if now - at > SILENT_AFTER_S else "runs"
        yield said("part", what, called=part, ago=screen.left(max(0, now - (at or now))))
    for one in health.endpoints:
        if one.open_until > now:
            left = screen.left(one.open_until - now)
            name, last_one = f"way to {one.endpoint}", one.last_failure
            yield said("way", "shut", called=name, failures=one.failures, left=left, last=last_one)


def work(health: Health, now: int) -> Iterator[Check]:
    """Whether anything waits for a person."""
    due_at = health.oldest_due_at
    what = "overdue" if health.overdue else "none" if due_at is None else "next"
    yield said("deadlines", what, count=health.overdue, left=screen.left((due_at or now) - now))
    yield said("users", "waiting" if health.untold else "told", count=health.untold)
    yield said("parked", "some" if health.parked else "none", count=health.parked or health.undelivered)
