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


def refused(name: str, error: ComplianceError) -> Check:
    """A check that could not be made, with the remedy that the error names."""
    remedy = getattr(error, "remedy", "") or "Nothing can be received or answered before this is mended."
    field = getattr(error, "field", "")
    more = tuple(str(one) for one in getattr(error, "more", ()))
    return Check(name, "fail", f"{field}: {error.message}" if field else error.message, remedy, more)


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


def settings_file(path: Path | None, *, writable: bool) -> Check:
    """Whether the account that asks could make somebody else of itself."""
    if path is None:
        return Check("settings file", "ok", "there is none.")
    if writable:
        return Check(
            "settings file",
            "warn",
            f"this account can write {path}, and with it who is who.",
            "Where people act by this account: let another own the file and its folder, and take the right to write.",
        )
    return Check("settings file", "ok", f"this account cannot write {path}.")


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


def deciders(settings: Settings, policy: Policy) -> Check:
    """Whether the accounts of the settings can take every decision that the policy asks several people for."""
    actors = [settings.actor_of(name) for name in settings.actors]
    approvers = [one for one in actors if one and one.roles & {"lead", "legal"} and "head" not in one.roles]
    guards = policy.safeguards
    outside = guards.approver_outside_always or guards.approver_outside_categories or guards.approver_outside_flags
    missing = []
    if not any("legal" in one.roles for one in actors if one):
        missing.append("nobody has the role legal: no measure in a case with legal review, no demand for user data")
    if not approvers:
        missing.append("nobody can approve: no decision that takes a second person")
    if outside and not any(one.country not in ("", policy.country) for one in approvers):
        missing.append("no approver is outside the country, and the policy asks for one")
    if not missing:
        return Check("deciders", "ok", f"{len(approvers)} of {len(actors)} accounts can be a second person.")
    return Check(
        "deciders",
        "warn",
        "the accounts of the settings cannot take every decision.",
        "Add them under [actors], with roles and country, unless your own system supplies these people.",
        tuple(missing),
    )


def addressee(settings: Settings) -> Check:
    """Whether it can be seen that a notice is addressed to somebody else."""
    if settings.addressee.name or settings.addressee.bin:
        return Check("addressee", "ok", "notices are compared with the registered legal representative.")
    return Check(
        "addressee",
        "warn",
        "nobody compares to whom notices are addressed.",
        "Set addressee.name and addressee.bin as they are registered.",
    )


def user_notices(settings: Settings) -> Check:
    """Whether users are told, and in words that somebody has reviewed."""
    own = settings.user_notice
    unreviewed = own.templates().unreviewed
    if not own.enabled:
        return Check("user notices", "warn", f"users are told nothing: {own.off_because}", "Have counsel confirm that.")
    if unreviewed:
        return Check(
            "user notices",
            "warn",
            f"nobody has reviewed what users are told in {', '.join(unreviewed)}.",
            "Have them reviewed, and name your own files in user_notice.kk_file, ru_file, en_file.",
        )
    if own.appeal_url is None:
        return Check("user notices", "warn", "users are not told where to appeal.", "Set user_notice.appeal_url.")
    by = sorted({template.reviewed_by for template in own.templates().by_lang.values()})
    return Check("user notices", "ok", f"the words were reviewed by {', '.join(by)}.")


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


def master_key(settings: Settings) -> Check:
    """Whether the keys of the cases are wrapped."""
    if settings.privacy.master_key is not None:
        earlier = len(settings.privacy.earlier_keys)
        more = f"; {earlier} earlier ones can still open: kz-compliance db rewrap ends that" if earlier else ""
        return Check("master key", "ok", f"{settings.privacy.master_key_id} wraps the keys of the cases{more}.")
    return Check(
        "master key",
        "warn",
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
        return Check("calendar", "ok", f"holidays are known for {year} and {year + 1}.")
    return Check(
        "calendar",
        "warn",
        f"no holidays are known for {' and '.join(missing)}: every weekday there counts as a working day.",
        "Give a calendar_file once the government has published them.",
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
    if health.untold:
        yield Check(
            "users",
            "warn",
            f"{health.untold} users are not told yet of what was done with their content.",
            "Register a messenger: kz-compliance worker --messenger MODULE:NAME, or on_tell_user.",
        )
    else:
        yield Check("users", "ok", "nobody waits to be told.")
    if health.parked:
        yield Check(
            "parked",
            "warn",
            f"{health.parked} messages wait for a person.",
            "Find them with kz-compliance cases show CASE, then: kz-compliance cases retry CASE",
        )
    else:
        yield Check("parked", "ok", f"no message is parked; {health.undelivered} are on their way.")
