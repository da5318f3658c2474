"""Settings: all that a deployment decides, in one frozen value."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kz_compliance_sdk.config.layers import (
    CONFIG_VARIABLE,
    Layer,
    arguments,
    environment,
    explained,
    merged,
    read_text,
    refused,
    source_of,
    toml_file,
)
from kz_compliance_sdk.config.sections import (
    ActorSettings,
    AddresseeSettings,
    AlertSettings,
    BaseUrl,
    CheckpointSettings,
    Flag,
    HostName,
    LetterheadSettings,
    LimitSettings,
    NotifierSettings,
    PlaceOnDisk,
    PrivacySettings,
    RegulatorSettings,
    RespondentSettings,
    RetentionSettings,
    SigningKeySettings,
    StoreSettings,
    TransparencySettings,
    TrustedKeySettings,
    UrlPath,
    UserNoticeSettings,
    WorkerSettings,
    by_name,
    is_private_line,
    sentence,
)
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.decision import Wordings
from kz_compliance_sdk.domain.policy import Policy, PolicyFragment, kz_policy, of_own_content, parse_calendar, tighten
from kz_compliance_sdk.domain.policy.tightening import build, load_toml
from kz_compliance_sdk.domain.policy.values import UndoWindow
from kz_compliance_sdk.domain.values import Identifier
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.wire.signature import published
from kz_compliance_sdk.wire.signature.keyring import Key, KeyRing, Profile, SigningKey


class Settings(BaseSettings):
    """The settings of one platform. Frozen, and checked as a whole when they are made.

    `load` reads them from arguments, the environment and a TOML file and is what a program calls. The class itself,
    called with values, reads nothing else; it raises pydantic's ValidationError where `load` raises ConfigError.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, case_sensitive=True)

    platform_id: Identifier = Field(description="The name under which the regulator knows this platform.")
    public_url: BaseUrl = Field(
        description="How the outside reaches the service that intake is part of: origin and prefix, such as "
        "https://social.example/kz. Signatures are checked against it, never against the Host header."
    )
    intake_path: UrlPath = Field(default="/notices", description="Where below `public_url` messages are received.")
    hosts: Annotated[frozenset[HostName], PlainSerializer(sorted, when_used="json")] = Field(
        default=frozenset(),
        description="The platform's own host names, subdomains included. Items elsewhere are flagged; empty: none is.",
    )
    keys: tuple[TrustedKeySettings, ...] = Field(default=(), description="The keys whose signatures are believed.")
    signing_key: SigningKeySettings | None = Field(default=None, description="The key that this platform signs with.")
    profile: Profile = Field(default="rfc9421", description="How this platform signs. What arrives may use either.")
    allow_test_keys: Flag = Field(
        default=False,
        description="Marks a sandbox: published test keys, plain http and an undo window below the policy's are "
        "accepted, and where it names a regulator and no keys, it takes those of the mock. Never in production.",
    )
    store: StoreSettings = Field(default=StoreSettings(), description="Where the cases are kept.")
    regulator: RegulatorSettings = Field(default=RegulatorSettings(), description="The way to the regulator's system.")
    limits: LimitSettings = Field(default=LimitSettings(), description="What intake accepts.")
    policy_file: PlaceOnDisk | None = Field(
        default=None,
        description="A TOML file that asks more of this platform than the packaged policy does, never less.",
    )
    calendar_file: PlaceOnDisk | None = Field(
        default=None,
        description="A TOML file with the days off and the worked weekend days, in place of the packaged one.",
    )
    undo_window_s: UndoWindow | None = Field(
        default=None, description="Seconds between a decision and its measure, if longer than the policy's."
    )
    respondent: RespondentSettings = Field(default=RespondentSettings(), description="Who answers for the reports.")
    addressee: AddresseeSettings = Field(default=AddresseeSettings(), description="To whom notices must be addressed.")
    letterhead: LetterheadSettings = Field(default=LetterheadSettings(), description="The head of an answer letter.")
    wording_file: PlaceOnDisk | None = Field(
        default=None,
        description="A TOML file with your own words for refusals and measures, `[CATEGORY.refuse]` or "
        "`[CATEGORY.ACTION]`: what `cases decide --template --as` fills in.",
    )
    user_notice: UserNoticeSettings = Field(
        default=UserNoticeSettings(), description="How the users are told whose content a measure meets."
    )
    notifier: NotifierSettings = Field(default=NotifierSettings(), description="Who is told when a clock runs out.")
    alerts: AlertSettings = Field(default=AlertSettings(), description="Who outside hears that the ladder is watched.")
    dashboard_url: BaseUrl | None = Field(default=None, description="What the links in alerts begin with.")
    actors: Annotated[Mapping[str, ActorSettings], AfterValidator(by_name), PlainSerializer(dict)] = Field(
        default={},
        description="Who the users of this machine are. On the command line one who is not here can only read, and "
        "only the settings file is asked.",
    )
    checkpoints: CheckpointSettings = Field(
        default=CheckpointSettings(), description="Checkpoints over all cases: how often, and who keeps them."
    )
    transparency: TransparencySettings = Field(
        default=TransparencySettings(), description="What is published about the demands."
    )
    privacy: PrivacySettings = Field(default=PrivacySettings(), description="How personal data is protected at rest.")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long personal data is kept.")
    worker: WorkerSettings = Field(default=WorkerSettings(), description="How often the worker looks.")

    _policy: tuple[object, Policy] | None = PrivateAttr(None)
    _secret_files: tuple[Path, ...] = PrivateAttr(())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed. Override it to add a source of pydantic-settings, such as a secret manager."""
        return (init_settings,)

    @classmethod
    def load(cls, file: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """Read the settings: `overrides` before the environment before a TOML file.

        The file is `file`, else the one that KZ_COMPLIANCE_CONFIG names, else none. `environ` stands in for the
        process's environment. Variables are called KZ_COMPLIANCE_ and the setting, with two underscores between a
        table and its key; lists and mappings are JSON. Beside each secret NAME stands NAME_file (in the environment
        NAME_FILE), which names a file to read it from.

        Raises ConfigError that names the setting as it was written and says what to do; it never repeats a value.
        """
        variables = os.environ if environ is None else environ
        layers = [arguments(cls, overrides), environment(cls, variables)]
        if file is not None:
            layers.append(toml_file(cls, file, named_by="file"))
        elif variables.get(CONFIG_VARIABLE):
            layers.append(toml_file(cls, Path(variables[CONFIG_VARIABLE]), named_by=CONFIG_VARIABLE))
        try:
            settings = cls(**merged(layers))
        except ValidationError as error:
            wrong = explained(cls, error, layers)
        else:
            _check_policy(settings, layers)
            settings._secret_files = tuple(path for layer in layers for path in layer.secret_files)
            return settings
        # Raised out here, so that no context keeps pydantic's error, which holds what was given.
        raise wrong

    @model_validator(mode="before")
    @classmethod
    def _speak_to_the_mock(cls, given: Any) -> Any:
        """Without keys of its own a sandbox that names a regulator takes the published ones, as the mock does."""
        if not isinstance(given, dict) or given.get("allow_test_keys") is not True:
            return given
        regulator, platform_id = given.get("regulator"), given.get("platform_id")
        url = regulator.get("url") if isinstance(regulator, dict) else getattr(regulator, "url", None)
        profile = given.get("profile", "rfc9421")
        if not url or not isinstance(platform_id, str) or profile not in published.ENDS:
            return given
        theirs, own = (
            published.regulator_key(profile, platform_id),
            published.platform_signing_key(profile, platform_id),
        )
        secret = b64encode(own.material).decode()
        signing_key = {"key_id": own.key_id, "algorithm": own.algorithm, "secret": secret}
        return {"keys": (published.key_settings(theirs),), "signing_key": signing_key, **given}

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        self._check_keys()
        prefix = urlsplit(self.public_url).path
        if prefix and f"{self.intake_path}/".startswith(f"{prefix}/"):
            # A target that begins with it could then mean two addresses.
            raise refused(
                "This begins with the path of public_url.", "Give what comes below public_url alone.", "intake_path"
            )
        lines = [("public_url", self.public_url)]
        if self.notifier.webhook_url is not None:
            lines.append(("notifier.webhook_url", self.notifier.webhook_url.get_secret_value()))
        for name, url in lines:
            if not self.allow_test_keys and not is_private_line(url):
                raise refused("This must not travel in the clear.", "Use https.", *name.split("."))
        if self.regulator.url is not None:
            if self.signing_key is None:
                raise refused("Messages to the regulator are signed.", "Add a key of this platform.", "signing_key")
            if not self.keys:
                raise refused("Without a key no receipt can be checked.", "Add the regulator's key.", "keys")
        return self

    def _check_keys(self) -> None:
        names = [f"keys.{given.key_id}" for given in self.keys]
        try:
            self.key_ring()
        except ConfigError as error:
            # Of two keys that are alike the ring names the later one.
            index = max(place for place, name in enumerate(names) if name == error.field)
            raise refused(sentence(error.message), error.remedy, "keys", index) from None
        if self.signing_key is None:
            return
        if self.profile == "rfc9421" and self.signing_key.algorithm != "ed25519":
            raise refused(
                "The profile rfc9421 signs with ed25519.",
                "Give such a key, or choose the profile standard-webhooks.",
                "signing_key",
                "algorithm",
            )
        own = self.signing_key.key()
        other_side = Key(
            own.key_id, own.algorithm, own.verification_material(), "self", frozenset(), self.platform_id, 0, 0
        )
        try:
            KeyRing([other_side], allow_test_keys=self.allow_test_keys)
        except ConfigError as error:
            raise refused(sentence(error.message), error.remedy, "signing_key", "secret") from None

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that `load` read a secret from, the settings file among them if one stands in it."""
        return self._secret_files

    @property
    def intake_url(self) -> str:
        """Where the regulator sends its messages."""
        return self.public_url + self.intake_path

    def intake_target(self, raw_target: str) -> str:
        """The URI that a sender signed, from the raw target of the request line (path and query, as they came).

        The configured origin with that target; a prefix of `public_url` that a proxy took away comes back. Never
        raises: what is no path is put behind the origin, and no signature covers that.
        """
        origin, prefix = _origin(self.public_url)
        if not raw_target.startswith("/"):
            return f"{origin}/{raw_target}"
        rest = raw_target.removeprefix(prefix)
        kept = bool(prefix) and rest != raw_target and rest[:1] in {"", "/", "?"}
        return f"{origin}{raw_target if kept else prefix + raw_target}"

    def key_ring(self) -> KeyRing:
        """The keys whose signatures are believed, bound to this platform."""
        return KeyRing((given.key(self.platform_id) for given in self.keys), allow_test_keys=self.allow_test_keys)

    def signing(self) -> SigningKey | None:
        """The key that this platform signs with, or None."""
        return None if self.signing_key is None else self.signing_key.key()

    def actor_of(self, user: str) -> Actor | None:
        """Who the operating system's user is, or None if these settings do not say."""
        known = self.actors.get(user)
        return None if known is None else known.actor()

    def policy(self) -> Policy:
        """The packaged policy for Kazakhstan with what this platform asks of itself in addition. Read once.

        Raises ConfigError; `load` has called it, so that a wrong file is found at the start.
        """
        key = (self.policy_file, self.calendar_file, self.undo_window_s, self.allow_test_keys)
        if self._policy is None or self._policy[0] != key:
            made = self._make_policy()
            self._policy = (key, made if made is kz_policy() else of_own_content(made))
        return self._policy[1]

    def _make_policy(self) -> Policy:
        policy = kz_policy()
        if self.calendar_file is not None:
            text = read_text(self.calendar_file, "calendar_file", what="calendar")
            with _within(self.calendar_file):
                policy = policy.model_copy(update={"calendar": parse_calendar(text)})
        if self.policy_file is not None:
            text = read_text(self.policy_file, "policy_file", what="policy")
            with _within(self.policy_file):
                policy = tighten(policy, text)
        if self.undo_window_s is None:
            return policy
        if self.undo_window_s >= policy.undo_window_s:
            return tighten(policy, PolicyFragment(undo_window_s=self.undo_window_s))
        if not self.allow_test_keys:
            raise ConfigError(
                f"This is shorter than the policy's undo window of {policy.undo_window_s} s.",
                field="undo_window_s",
                remedy=f"Give {policy.undo_window_s} or more; only a sandbox (allow_test_keys) may have less.",
            )
        return policy.model_copy(update={"undo_window_s": self.undo_window_s, "version": f"{policy.version}+sandbox"})

    def wordings(self) -> Wordings:
        """The platform's own words for refusals and measures. Raises ConfigError that names the file and the key."""
        if self.wording_file is None:
            return Wordings(rows={})
        text = read_text(self.wording_file, "wording_file", what="wording")
        with _within(self.wording_file):
            return build(Wordings, {"rows": load_toml(text, "wording_file")})

    def redacted(self) -> dict[str, Any]:
        """All settings as plain JSON values, with `***` for each secret: safe to print."""
        return self.model_dump(mode="json")


@lru_cache(maxsize=8)
def _origin(url: str) -> tuple[str, str]:
    """The origin of a URL, and the path behind it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _check_policy(settings: Settings, layers: Sequence[Layer]) -> None:
    try:
        settings.policy()
    except ConfigError as error:
        layer = source_of((error.field,), layers)
        if layer is None:
            raise
        raise layer.error((error.field,), error.message, error.remedy) from None


@contextmanager
def _within(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(error.message, field=f"{path}: {error.field}", remedy=error.remedy) from None
