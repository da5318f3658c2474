"""What a desk is made of: where services and adapters meet."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from kz_compliance_sdk import assembly
from kz_compliance_sdk.assembly import RegisteredContent, RegisteredEnforcer, RegisteredMessenger
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.messages import BY_HAND, REGULATOR, Respondent
from kz_compliance_sdk.ports import (
    Alert,
    Content,
    Effect,
    EffectResult,
    Enforcer,
    Env,
    Messenger,
    Notifier,
    Reference,
    Regulator,
    Resolved,
    Store,
    TellResult,
    UserNotice,
)
from kz_compliance_sdk.services.admission import Admission
from kz_compliance_sdk.services.delivery import Delivery, Ways
from kz_compliance_sdk.services.intake import Intake
from kz_compliance_sdk.services.letters import Letters
from kz_compliance_sdk.services.review import Review


class Parts:
    """The parts of one platform's desk, as its settings and whoever makes it ask for them, and the functions that the
    platform registers."""

    def __init__(
        self,
        settings: Settings,
        *,
        enforcer: Enforcer | None = None,
        content: Content | None = None,
        messenger: Messenger | None = None,
        notifier: Notifier | None = None,
        regulator: Regulator | None = None,
        store: Store | None = None,
        env: Env | None = None,
        create: bool = True,
    ) -> None:
        self.settings = settings
        self.platform_id = settings.platform_id
        self.env = env or Env.system()
        self.policy = settings.policy()
        self.respondent = Respondent(
            settings.respondent.role, settings.respondent.name, assembly.seal(settings.signing())
        )
        self.store: Store = store or assembly.open_store(settings, self.env, create=create)
        self._given_regulator = regulator
        self._given_notifier = notifier
        self._enforcer = RegisteredEnforcer(enforcer)
        self._messenger = RegisteredMessenger(messenger)
        self._telling = assembly.telling(settings)
        self._alert_calls: list[Callable[[Alert], None]] = []
        self.intake = Intake(
            Admission.under(self.platform_id, self.policy, self.respondent, frozenset(settings.hosts)),
            settings.key_ring(),
            target_uri=settings.intake_target,
            clock=self.store.now,
            ids=self.env.ids,
            channel=REGULATOR if regulator is not None else settings.regulator.channel,
            max_body=settings.limits.max_body,
        )
        self._content = RegisteredContent(content)
        self._looking = assembly.looking(self.store, self.platform_id, self._content, self.env)
        self._review = Review(
            self.store, self.platform_id, self.policy, self.respondent, self.env.entropy, self._looking
        )
        self._letters = Letters(self.store, self.platform_id, self.env.entropy)

    def on_enforce(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """Register the function that carries a measure out. Usable as a decorator."""
        self._enforcer.enforce_call = call
        return call

    def on_restore(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """Register the function that lifts a measure. Usable as a decorator."""
        self._enforcer.restore_call = call
        return call

    def on_resolve(self, call: Callable[[Reference], Resolved]) -> Callable[[Reference], Resolved]:
        """Register the function that says what a piece of content is now. Usable as a decorator."""
        self._content.resolve_call = call
        return call

    def on_tell_user(self, call: Callable[[UserNotice], TellResult]) -> Callable[[UserNotice], TellResult]:
        """Register the function that tells an affected user. Usable as a decorator."""
        self._messenger.call = call
        return call

    def on_alert(self, call: Callable[[Alert], None]) -> Callable[[Alert], None]:
        """Register a function that alerts people, beside the log. Usable as a decorator."""
        self._alert_calls.append(call)
        return call

    # A process that only receives never sends: the ways out are made when they are first used.

    @cached_property
    def regulator(self) -> Regulator | None:
        """The way to the regulator's system; None if it has none, and answers leave by hand."""
        return self._given_regulator or assembly.http_regulator(self.settings, self.env)

    @cached_property
    def delivery(self) -> Delivery:
        """What carries out, reports and alerts; the worker drives it."""
        regulators = {BY_HAND: assembly.by_hand(self.settings)}
        if self.regulator is not None:
            regulators[REGULATOR] = self.regulator
        notifier = assembly.Alerting(
            self._given_notifier or assembly.notifier(self.settings, self.env), self._alert_calls
        )
        return Delivery(
            self.store,
            self.platform_id,
            self.policy,
            self.respondent,
            Ways(
                *(regulators, self._enforcer, self._enforcer.is_ready, notifier, self._link, self._looking.at_last),
                *(self._messenger, self._messenger.is_ready),
            ),
            clock=self.store.now,
            random=self.env.random,
            entropy=self.env.entropy,
            spawn=self.env.spawn,
            in_flight=self.settings.regulator.in_flight,
            telling=self._telling,
        )

    def _link(self, reference: str) -> str:
        base = self.settings.dashboard_url
        return f"{base.rstrip('/')}/cases/{reference}" if base else ""
