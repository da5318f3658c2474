"""The parts that a desk is put together from, as the settings say. What sends is imported when it is first needed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.store import SqliteStore, SqlStore
from kz_compliance_sdk.adapters.telemetry import Telemetry, open_telemetry
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.checkpoints import Check
from kz_compliance_sdk.domain.flags import Recipient
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import ReportSignature
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.ports import (
    Alert,
    Content,
    Effect,
    EffectResult,
    Enforcer,
    Env,
    Failed,
    Messenger,
    Notifier,
    Reference,
    Regulator,
    Resolved,
    Store,
    TellResult,
    UserNotice,
    Witness,
)
from kz_compliance_sdk.services.looking import Looking
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.transparency.publication import Transparency, TransparencyPolicy
from kz_compliance_sdk.wire.signature import KeyRing, SigningKey

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.by_hand import LetterHead
    from kz_compliance_sdk.domain.house import Entry
    from kz_compliance_sdk.evidence.taking import Evidence


class Registered:
    """What calls the platform, each time within a context that is made for the call."""

    within: Callable[[], AbstractContextManager[object]] = staticmethod(nullcontext)


class RegisteredEnforcer(Registered):
    """The platform's enforcer, whole or as two functions."""

    def __init__(self, enforcer: Enforcer | None) -> None:
        self.enforce_call: Callable[[Effect], EffectResult] | None = enforcer.enforce if enforcer else None
        self.restore_call: Callable[[Effect], EffectResult] | None = enforcer.restore if enforcer else None

    def is_ready(self) -> bool:
        return self.enforce_call is not None and self.restore_call is not None

    def enforce(self, effect: Effect) -> EffectResult:
        if self.enforce_call is None:
            return Failed("this process has no enforcer: register one with on_enforce")
        with self.within():
            return self.enforce_call(effect)

    def restore(self, effect: Effect) -> EffectResult:
        if self.restore_call is None:
            return Failed("this process has no enforcer: register one with on_restore")
        with self.within():
            return self.restore_call(effect)


class RegisteredMessenger(Registered):
    """The platform's way to its users, whole or as one function."""

    def __init__(self, messenger: Messenger | None) -> None:
        self.call: Callable[[UserNotice], TellResult] | None = messenger.tell if messenger else None

    def is_ready(self) -> bool:
        return self.call is not None

    def tell(self, notice: UserNotice) -> TellResult:
        if self.call is None:
            return Failed("this process has no messenger: register one with on_tell_user")
        with self.within():
            return self.call(notice)


def telling(settings: Settings) -> Telling:
    """How users are told. Raises ConfigError for words that cannot be used."""
    own = settings.user_notice
    return Telling(settings.policy().users, own.templates(), own.off_because.strip(), own.appeal_url or "")


class RegisteredContent(Registered):
    """The platform's view of its content, as a port or as a function."""

    def __init__(self, content: Content | None) -> None:
        self.resolve_call: Callable[[Reference], Resolved] | None = content.resolve if content else None

    def is_ready(self) -> bool:
        return self.resolve_call is not None

    def resolve(self, reference: Reference) -> Resolved:
        if self.resolve_call is None:
            raise LookupError("this process has no Content port: register one with on_resolve")
        with self.within():
            return self.resolve_call(reference)


def transparency(settings: Settings, store: Store, policy: Policy) -> Transparency:
    """What makes transparency reports, and writes the lines of demands as Lumen takes them."""
    given = settings.transparency
    publishing = TransparencyPolicy(
        given.threshold, given.embargo_days, given.withheld_days, names=policy.authority_names
    )
    return Transparency(store, settings.platform_id, publishing, policy.categories)


def looking(store: Store, platform_id: str, content: RegisteredContent, env: Env) -> Looking:
    """What looks at content, through the port that is registered when it does."""
    return Looking(
        store,
        platform_id,
        content,
        content.is_ready,
        spawn=env.spawn,
        monotonic=env.monotonic,
    )


class Alerting:
    """The configured notifier, and the functions that the platform registered beside it."""

    def __init__(self, notifier: Notifier, calls: Sequence[Callable[[Alert], None]]) -> None:
        self._notifier, self._calls = notifier, calls

    def notify(self, alert: Alert) -> None:
        self._notifier.notify(alert)
        for call in self._calls:
            call(alert)


def master_keys(settings: Settings) -> MasterKeys:
    """The keys that wrap the data keys of the cases."""
    keys = settings.privacy.keys()
    return MasterKeys(keys, next(iter(keys), ""))


def new_store(
    settings: Settings,
    env: Env,
    telemetry: Telemetry | None = None,
    *,
    create: bool = True,
    upgrade: bool = True,
    anew: bool = False,
    accept: bool = False,
) -> SqlStore:
    """The store that is configured, open. Raises ConfigError, StoreUnusable, StoreError."""
    given, keys = settings.store, (master_keys(settings), settings.privacy.ledger_keys())
    common: dict[str, Any] = {
        "most_waiting": given.max_waiting,
        "upgrade": upgrade,
        "create": create,
        "keys": keys[0],
        "ledger_keys": keys[1],
        "telemetry": telemetry,
    }
    if given.url is None:
        of_file: dict[str, Any] = {"cache_mib": given.cache_mib, "mark": given.mark, "anew": anew, "accept": accept}
        return SqliteStore(given.path, env, **of_file, **common)
    from kz_compliance_sdk.adapters.sql.postgres import PostgresStore

    return PostgresStore(given.url.get_secret_value(), env, pool_size=given.pool_size, pooler=given.pooler, **common)


def open_store(
    settings: Settings, env: Env, telemetry: Telemetry | None = None, *, create: bool, accept: bool = False
) -> SqlStore:
    """The store that is configured; with `accept` also one that lacks what was acknowledged, and somebody is paged.
    Raises ConfigError, StoreUnusable, StoreError."""
    upgrade = settings.store.upgrade_on_start
    store = new_store(settings, env, telemetry, create=create, upgrade=upgrade, accept=accept)
    if store.missing:
        alert = notify(settings.platform_id, "store", "log_lost", ("lead", "head"), 60, Stamp(store.now(), SYSTEM))
        store.submit(settings.platform_id, lambda _tx: ((alert,), None)).result()
    return store


def telemetry(settings: Settings, env: Env) -> Telemetry:
    """What is told of the platform's desk, if anybody listens."""
    return Telemetry(settings.platform_id, env.monotonic, open_telemetry())


def privacy(settings: Settings, store: Store) -> Privacy:
    """How long personal data is kept in a store, and its end."""
    return Privacy(store, settings.platform_id, settings.retention.retention(), empties_log(store))


def empties_log(store: Store) -> Callable[[], bool]:
    """What overwrites in the store's log what was destroyed; whether it could, now."""
    empties: Callable[[], bool] = getattr(store, "truncate_log", lambda: True)
    return empties


def recipient(settings: Settings) -> Recipient:
    """To whom a notice must be addressed."""
    return Recipient(settings.addressee.name, settings.addressee.bin)


def seal(key: SigningKey | None) -> Callable[[bytes], ReportSignature] | None:
    """How a report signs itself, so that it stays evidence once it is out of its request."""
    if key is None or key.algorithm != "ed25519":
        return None
    private = key.private_key()

    def sealed(data: bytes) -> ReportSignature:
        value = base64.b64encode(private.sign(data)).decode("ascii")
        return ReportSignature(key_id=key.key_id, alg="ed25519", value=value)

    return sealed


def seal_check(key: SigningKey | None) -> Check | None:
    """Whether a signature is by the platform's own key; other keys are unknown here."""
    if key is None or key.algorithm != "ed25519":
        return None
    public, key_id = key.private_key().public_key(), key.key_id

    def check(data: bytes, signer: str, value: bytes) -> bool | None:
        from cryptography.exceptions import InvalidSignature

        if signer != key_id:
            return None
        try:
            public.verify(value, data)
        except InvalidSignature:
            return False
        return True

    return check


def checkpoints(
    settings: Settings, store: Store, env: Env, seal: Callable[[bytes], ReportSignature] | None
) -> Checkpoints:
    """What makes checkpoints over all cases of the platform, as often as the settings say."""
    return Checkpoints(
        store,
        settings.platform_id,
        seal=seal,
        witnesses=lambda: witnesses(settings, env),
        every_s=settings.checkpoints.every_s,
    )


def witnesses(settings: Settings, env: Env) -> list[Witness]:
    """Who keeps the checkpoints: the file and the webhook that are configured, and the log."""
    from kz_compliance_sdk.adapters.notifiers import FileWitness, LogWitness, WebhookWitness

    kept: list[Witness] = [LogWitness()]
    if settings.checkpoints.file is not None:
        kept.append(FileWitness(settings.checkpoints.file))
    webhook = settings.notifier.webhook() if settings.checkpoints.webhook else None
    if webhook is not None:
        from kz_compliance_sdk.adapters.http_client import HttpPoster

        url, key = webhook
        kept.append(WebhookWitness(url, key, env, HttpPoster(env)))
    return kept


def http_regulator(settings: Settings, env: Env) -> Regulator | None:
    """The way to the regulator's system, if it has one. Raises ConfigError if nobody is named to believe."""
    configured = settings.regulator
    signing = settings.signing()
    if configured.url is None or signing is None:
        return None
    from kz_compliance_sdk.adapters.http_regulator import HttpRegulator

    return HttpRegulator(
        configured.url,
        platform_id=settings.platform_id,
        ring=_regulators_keys(settings),
        signing_key=signing,
        profile=settings.profile,
        env=env,
        total_s=configured.total_s,
        attempts=configured.attempts,
        in_flight=configured.in_flight,
        allow_insecure=configured.allow_insecure,
    )


def _regulators_keys(settings: Settings) -> KeyRing:
    """The keys that may sign a receipt: those of one sender, for a receipt ends a case."""
    ring = settings.key_ring()
    senders = sorted({key.sender for key in ring.keys})
    sender = settings.regulator.sender or (senders[0] if len(senders) == 1 else None)
    if sender is None or sender not in senders:
        raise ConfigError(
            "it is not said whose receipts are believed.",
            field="regulator.sender",
            remedy=f"Name the sender that answers at regulator.url, one of: {', '.join(senders)}.",
        )
    return KeyRing((key for key in ring.keys if key.sender == sender), allow_test_keys=settings.allow_test_keys)


def notifier(settings: Settings, env: Env) -> Notifier:
    """The log, the webhook, or both."""
    from kz_compliance_sdk.adapters.notifiers import Fanout, LogNotifier, WebhookNotifier

    ways: list[Notifier] = [LogNotifier()] if settings.notifier.log else []
    webhook = settings.notifier.webhook()
    if webhook is not None:
        from kz_compliance_sdk.adapters.http_client import HttpPoster

        url, key = webhook
        ways.append(WebhookNotifier(url, key, env, HttpPoster(env)))
    return Fanout(ways)


def by_hand(settings: Settings) -> Regulator:
    """Answers as letters."""
    from kz_compliance_sdk.adapters.by_hand import ByHand

    return ByHand(_letterhead(settings))


def letter(settings: Settings, body: bytes, lang: str, items: Mapping[str, Item], addressee: str) -> str:
    """The letter to `addressee` that carries a message about these items of the notice. Raises InvalidInput."""
    from kz_compliance_sdk.adapters.by_hand import render_letter

    return render_letter(body, lang, replace(_letterhead(settings), addressee=addressee), items)


def entry_letter(settings: Settings, entry: Entry, lang: str) -> str:
    """The letter by which a person hands in what the register is to hold. Raises InvalidInput."""
    from kz_compliance_sdk.adapters.by_hand import render_entry

    return render_entry(entry, lang, _letterhead(settings))


def evidence(
    settings: Settings, taken_by: Evidence, actor: Actor, case_id: str, lang: str, *, full: bool, reason: str
) -> bytes:
    """The evidence pack of a case. Raises InvalidInput for another language before anything is recorded."""
    from kz_compliance_sdk.evidence.taking import check_lang, packed

    check_lang(lang)
    contents = taken_by.take(actor, case_id, "full" if full else "redacted", lang, reason)
    key = settings.signing()
    return packed(contents, lang, key if key is not None and key.algorithm == "ed25519" else None)


def _letterhead(settings: Settings) -> LetterHead:
    from kz_compliance_sdk.adapters.by_hand import LetterHead

    head = settings.letterhead
    return LetterHead(
        name=head.name or settings.platform_id,
        address=head.address,
        head_role=settings.respondent.role,
        head_name=settings.respondent.name,
    )
