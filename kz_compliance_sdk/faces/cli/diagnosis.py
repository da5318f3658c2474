"""What the doctor says of what it was told: settings, law, and the state of the work. None of these looks anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import system_user

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.domain.policy import Policy
    from kz_compliance_sdk.ports import Health
    from kz_compliance_sdk.wire.signature import Key

Status = Literal["ok", "warn", "fail"]

KEY_WARNING_S: Final = 30 * 86_400
CLOCK_SLACK_S: Final = 60


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


def settings_file(path: Path | None, *, writable: bool) -> Check:
    """Whether the account that asks could make somebody else of itself."""
    if path is None:
        return ok("settings file", "there is none.")
    if writable:
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
    from kz_compliance_sdk.domain.duress import is_outside
    from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY

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
