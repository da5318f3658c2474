"""The tables of the settings. What a default means and how the values hang together is said field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    model_validator,
)

from kz_compliance_sdk.config.layers import near_miss, read_bytes, refused
from kz_compliance_sdk.domain.actor import STAFF, SYSTEM, Actor
from kz_compliance_sdk.domain.change import LONGEST_PAUSE_S
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.domain.notice import check_link, host_of
from kz_compliance_sdk.domain.retention import Retention
from kz_compliance_sdk.domain.user_notices import Templates, packaged_templates, with_own
from kz_compliance_sdk.domain.values import Identifier, Instant, Line, Prose, says_something
from kz_compliance_sdk.domain.words import LANGUAGES, Lang
from kz_compliance_sdk.errors import ConfigError, InvalidInput
from kz_compliance_sdk.wire.signature.keyring import Algorithm, Key, SigningKey, material_from_text

# --------------------------------------------------------------------------------------------------------------- fields
# The kinds of values that settings are made of. No refusal repeats what was written: it may be a secret.


T = TypeVar("T")

_URL_ALPHABET = re.compile(r"[!-~]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Section(BaseModel):
    """One table of the settings. Frozen; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


def sentence(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named or not _URL_ALPHABET.fullmatch(text) or parts.scheme not in {"http", "https"}:
        raise refused("This is no address of the web.", "Give one such as https://host.example/path.")
    if "@" in parts.netloc:
        raise refused("An address must not carry credentials.", "Remove what stands before the @.")
    return parts


def _base_url(text: str) -> str:
    parts = _split(text)
    if "?" in text or "#" in text:
        raise refused("This address must end with its path.", "Remove the query and the fragment.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def check_secret_url(url: SecretStr) -> SecretStr:
    """Refuse what is no http or https URL. The path and the query of a webhook are often its password."""
    _split(url.get_secret_value())
    return url


def is_private_line(url: str) -> bool:
    """Whether what goes to this URL cannot be read on the way: https, or it never leaves this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(text: str) -> str:
    try:
        if any(mark in text for mark in "/:?#@"):
            raise InvalidInput("more than a name", field="", remedy="")
        return host_of(check_link(f"https://{text}/"))
    except InvalidInput:
        raise refused("This is no public host name.", "Give a name such as social.example, alone.") from None


def _url_path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise refused("This is no path of a URL.", "Begin it with / and end it without one.")
    return text


def _moment(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return (value - _EPOCH) // timedelta(seconds=1)
    if isinstance(value, date):
        raise refused("This time has no offset from UTC.", "Write it as 2026-01-31T00:00:00Z.")
    return value


def by_name(rows: Mapping[str, T]) -> Mapping[str, T]:
    """The same rows, and nobody can change them."""
    return MappingProxyType(dict(rows))


Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=1, le=2**31)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]
Wait = Annotated[float, Field(strict=True, gt=0, le=3_600, allow_inf_nan=False)]
"""How long to pause, in seconds. A length of time, never a point in it."""

Moment = Annotated[Instant, BeforeValidator(_moment)]
"""UTC seconds; written as RFC 3339 text, as a TOML date-time with an offset, or as the number itself."""

BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""An http or https URL without credentials, query, fragment and final slash."""

HostName = Annotated[str, AfterValidator(_host_name)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
PlaceOnDisk = Annotated[Path, PlainSerializer(str, return_type=str, when_used="json")]

Secret = Annotated[SecretStr, PlainSerializer(lambda _: "***", return_type=str, when_used="json")]
Names = Annotated[frozenset[Identifier], PlainSerializer(sorted, when_used="json")]

_line, _prose = (get_args(kind)[1] for kind in (Line, Prose))
LineOrNone = Annotated[str, StringConstraints(max_length=_line.max_length, pattern=_line.pattern)]
"""A `Line` that may be empty."""

ProseOrNone = Annotated[str, StringConstraints(max_length=_prose.max_length, pattern=_prose.pattern)]
"""A `Prose` that may be empty."""


def _refuse_at(make: Callable[[], object], *at: str) -> None:
    try:
        make()
    except ConfigError as error:
        wrong = refused(sentence(error.message), error.remedy, *at)
    else:
        return
    raise wrong


def _bytes(secret: SecretStr) -> bytes:
    return material_from_text(secret.get_secret_value(), setting="secret")


def _hmac(name: str, secret: SecretStr) -> SigningKey:
    return SigningKey(name, "hmac-sha256", _bytes(secret))


def _shared(secret: SecretStr) -> SecretStr:
    _refuse_at(lambda: _hmac("", secret))
    return secret


def _key_of_32(kind: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        try:
            key = _bytes(secret)
        except ConfigError:
            key = b""
        if len(key) != 32:
            raise refused(f"This is no {kind}.", "Give 32 random bytes in base64: openssl rand -base64 32")
        return secret

    return AfterValidator(check)


SharedSecret = Annotated[Secret, AfterValidator(_shared)]
"""An HMAC secret: 24 bytes or more, in base64."""

MasterKey = Annotated[Secret, _key_of_32("master key")]
ProvingKey = Annotated[Secret, _key_of_32("ledger key")]


_ALGORITHM = "ed25519, or hmac-sha256 with the profile standard-webhooks."


def without_password(url: str) -> str:
    """The address of a database, for people: whatever of it may be secret is left out."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


_HOST = r"(?:\[[^\]@]*\]|[^@:,\[\]]*)(?::\d+)?"


def _of_database(url: SecretStr) -> SecretStr:
    given = url.get_secret_value()
    try:
        parts = urlsplit(given)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("postgresql", "postgres"):
        raise refused("This is no address of a PostgreSQL database.", "Write it as postgresql://user@host/database.")
    # A password with one of these in it is read as something else, which is then shown.
    hosts = re.fullmatch(rf"(?:[^@]*@)?{_HOST}(?:,{_HOST})*", parts.netloc)
    if not hosts or "@" in parts.path or "#" in given or re.search("%(?![0-9A-Fa-f]{2})", given):
        raise refused("Its password, or its host, cannot be told from the rest.", "Percent-encode the password.")
    return url


class StoreSettings(Section):
    """Where the cases are kept."""

    url: Annotated[Secret, AfterValidator(_of_database)] | None = Field(
        default=None,
        description="The PostgreSQL database that many hosts share, such as postgresql://user@host/database. "
        "Where it is set no file is used. A password is better kept in a file of libpq's (~/.pgpass).",
    )
    pool_size: Annotated[Whole, Field(le=1000)] = Field(
        default=5, description="How many connections to PostgreSQL a process keeps for reading; one more writes."
    )
    pooler: Flag = Field(
        default=False,
        description="Whether a pooler in transaction mode stands before PostgreSQL: then no statement is prepared.",
    )
    path: PlaceOnDisk = Field(
        default=Path("kz-compliance.sqlite3"),
        description="The SQLite file. The default lies in the working directory: name a place of its own.",
    )
    mark: PlaceOnDisk | None = Field(
        default=None,
        description="The file that notes how far the store has committed: `path` and `.mark`, if none is named. On "
        "another disk it also tells of a whole folder that was put back to an older state.",
    )
    cache_mib: Annotated[Whole, Field(le=4096)] = Field(
        default=12, description="Page cache of each connection, in MiB."
    )
    max_waiting: Whole = Field(
        default=8192, description="How many writes may wait. When it is full, intake answers 503."
    )
    upgrade_on_start: Flag = Field(default=True, description="Whether a start brings the schema up to date.")

    @property
    def place(self) -> str:
        """Where that is, for people."""
        return str(self.path.absolute()) if self.url is None else without_password(self.url.get_secret_value())


class SigningKeySettings(Section):
    """The key that this platform signs with."""

    key_id: Identifier = Field(description="The id under which the regulator knows the key.")
    algorithm: Algorithm = Field(default="ed25519", description=_ALGORITHM)
    secret: Secret = Field(description="The raw Ed25519 private key (32 bytes) or the HMAC secret, in base64.")

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        _refuse_at(self.key, "secret")
        return self

    def key(self) -> SigningKey:
        """The key as the wire takes it."""
        return SigningKey(self.key_id, self.algorithm, _bytes(self.secret))


class TrustedKeySettings(Section):
    """A key whose signatures are believed, pinned to one sender."""

    key_id: Identifier = Field(description="The id that signatures name.")
    algorithm: Algorithm = Field(default="ed25519", description=_ALGORITHM)
    public_key: str | None = Field(default=None, description="The raw Ed25519 public key (32 bytes) in base64.")
    secret: Secret | None = Field(default=None, description="The shared HMAC secret (24 bytes or more) in base64.")
    sender: Identifier = Field(description="Who signs with it.")
    authorities: Names = Field(min_length=1, description="The ids of the authorities for which the sender may speak.")
    not_before: Moment = Field(description="From when on it is valid (RFC 3339 or UTC seconds).")
    not_after: Moment = Field(description="Until when it is valid, this second included.")
    revoked_at: Moment | None = Field(default=None, description="From when on nothing that it signed is authentic.")

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        wanted, other = ("public_key", "secret") if self.algorithm == "ed25519" else ("secret", "public_key")
        if getattr(self, other) is not None:
            raise refused(f"{self.algorithm} has no {other}.", f"Remove it and give {wanted}.", other)
        if getattr(self, wanted) is None:
            raise refused(f"{self.algorithm} needs {wanted}.", "Add it.", wanted)
        _refuse_at(lambda: self.key("any"), wanted)
        return self

    def key(self, platform_id: str) -> Key:
        """The key as the wire takes it, bound to a platform."""
        return Key(
            key_id=self.key_id,
            algorithm=self.algorithm,
            material=_bytes(self.secret or SecretStr(self.public_key or "")),
            sender=self.sender,
            authorities=self.authorities,
            platform_id=platform_id,
            not_before=self.not_before,
            not_after=self.not_after,
            revoked_at=self.revoked_at,
        )


def _channel_of(known: dict[str, Any]) -> Literal["regulator", "by_hand"]:
    return "regulator" if known.get("url") else "by_hand"


class RegulatorSettings(Section):
    """The way to the regulator's system, where there is one."""

    url: BaseUrl | None = Field(default=None, description="Where its interface begins: calls go to URL/v1/...")
    channel: Literal["regulator", "by_hand"] = Field(
        default_factory=_channel_of,
        description="How answers leave: over the interface, or as letters by hand. "
        "Without it: `regulator` if there is a `url`, else `by_hand`.",
    )
    sender: Identifier | None = Field(
        default=None,
        description="Whose keys may sign receipts; needed only if `keys` are of more than one sender.",
    )
    feed_enabled: Flag = Field(default=True, description="Whether the worker reads the regulator's feed (needs `url`).")
    poll_interval_s: Seconds = Field(default=30, description="Seconds between two readings of the feed.")
    reconcile_every_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = Field(
        default=86_400,
        description="Seconds between two comparisons with the regulator's books, looked for once an hour; 0 for none.",
    )
    # A delivery is leased for 120 seconds and may need two calls: a look-up, then the message.
    total_s: Annotated[Seconds, Field(le=50)] = Field(
        default=30, description="Seconds that one call may take in all, its retries included; at most 50."
    )
    attempts: Annotated[Whole, Field(le=10)] = Field(
        default=3, description="Tries within one call, for passing faults."
    )
    in_flight: Annotated[Whole, Field(le=64)] = Field(
        default=8, description="Calls under way at the same time to each of regulator, platform and notifier."
    )
    allow_insecure: Flag = Field(default=False, description="Whether `url` may be http and not on this machine.")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.channel == "regulator" and self.url is None:
            raise refused("The channel regulator needs an address.", "Set url, or the channel by_hand.", "url")
        if self.url is not None and not self.allow_insecure and not is_private_line(self.url):
            raise refused("Confirmations must not travel in the clear.", "Use https, or set allow_insecure.", "url")
        return self

    @property
    def polls(self) -> bool:
        """Whether there is a feed to read."""
        return self.url is not None and self.feed_enabled


class LimitSettings(Section):
    """How much of a message, and of time, intake accepts."""

    max_body: Annotated[Whole, Field(ge=1024, le=64 * 2**20)] = Field(
        default=262_144, description="The largest body in bytes; a larger one is answered with 413."
    )
    read_timeout_s: Seconds = Field(
        default=10, description="Seconds that a sender may take for the body; with `serve` as many for the head."
    )
    max_connections: Annotated[Whole, Field(ge=16, le=65_536)] = Field(
        default=512,
        description="How many connections `serve` holds; fewer where the process may not open as many files.",
    )
    commit_timeout_s: Seconds = Field(
        default=10, description="Seconds to wait for the commit before intake answers 503."
    )


class RespondentSettings(Section):
    """Who answers for the reports."""

    role: Line = Field(default="authorised person", description="The office of that person.")
    name: LineOrNone = Field(default="", description="The person's name, if reports are to give it.")


class LetterheadSettings(Section):
    """What stands at the head of an answer letter. `respondent` is who signs it."""

    name: LineOrNone = Field(default="", description="The legal name of the platform; without it, `platform_id`.")
    address: ProseOrNone = Field(default="", description="The postal address.")


class AddresseeSettings(Section):
    """To whom notices must be addressed. Empty: nobody compares it."""

    name: LineOrNone = Field(default="", description="The legal representative in Kazakhstan, as it is registered.")
    bin: Annotated[str, StringConstraints(pattern=r"^([0-9]{12})?$")] = Field(
        default="", description="Its business identification number (BIN): twelve digits."
    )


class NotifierSettings(Section):
    """Who is told when a clock runs out."""

    webhook_url: Annotated[Secret, AfterValidator(check_secret_url)] | None = Field(
        default=None, description="Where alerts are posted, signed. Kept secret: such an address is often a password."
    )
    webhook_secret: SharedSecret | None = Field(
        default=None, description="The HMAC secret (24 bytes or more, in base64) that signs the alerts."
    )
    log: Flag = Field(default=True, description="Whether alerts also go to the log.")
    collect_s: Annotated[int, Field(ge=0, le=LONGEST_PAUSE_S)] = Field(
        default=3600,
        description="For how many seconds what can wait is collected for the people whom it is for, at most an hour; "
        "with 0 nothing waits.",
    )

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.webhook_url is not None and self.webhook_secret is None:
            raise refused("Alerts are signed.", "Add webhook_secret: 32 random bytes in base64.", "webhook_secret")
        return self

    def webhook(self) -> tuple[str, SigningKey] | None:
        """Where alerts are posted and the key that signs them, or None."""
        if self.webhook_url is None or self.webhook_secret is None:
            return None
        return self.webhook_url.get_secret_value(), _hmac("alerts", self.webhook_secret)


def _posted_to(url: SecretStr) -> SecretStr:
    if not is_private_line(check_secret_url(url).get_secret_value()):
        raise refused("A heartbeat must not travel in the clear.", "Use https.")
    return url


class AlertSettings(Section):
    """Who outside is told that the ladder is watched."""

    heartbeat_url: Annotated[Secret, AfterValidator(_posted_to)] | None = Field(
        default=None,
        description="Where the worker posts that the ladder is watched. It alerts when it hears nothing.",
    )
    heartbeat_s: Seconds = Field(default=60, description="Seconds between two such posts.")


class CheckpointSettings(Section):
    """Checkpoints over all cases: how often, and who keeps them beside the log."""

    every_s: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=3600, description="Seconds between two checkpoints, at most a day; 0 makes none by itself."
    )
    file: PlaceOnDisk | None = Field(
        default=None,
        description="A file to which each checkpoint is added as one line. It proves most where nobody who can write "
        "to the store can write to it.",
    )
    webhook: Flag = Field(default=False, description="Whether each checkpoint also goes to `notifier.webhook_url`.")


class ActorSettings(Section):
    """A person, as the ledger names them."""

    id: Identifier = Field(description="The person's id in the ledger.")
    roles: Names = Field(default=frozenset(), description=f"What the person may do: {', '.join(sorted(STAFF.names))}.")
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = Field(
        default="",
        description="Where the person works, in two letters such as DE: policy can ask for an approver abroad.",
    )

    @model_validator(mode="after")
    def _is_a_person(self) -> Self:
        if self.id == SYSTEM.id:
            raise refused("This is the id of the machine.", "Give the person's own.", "id")
        if self.roles & SYSTEM.roles:
            raise refused("No person has the role of the machine.", "Remove it.", "roles")
        for role in sorted(self.roles - STAFF.names):
            meant = near_miss(role, sorted(STAFF.names))
            known = f"Roles are {', '.join(sorted(STAFF.names))}."
            raise refused("There is no such role.", f"Did you mean {meant}?" if meant else known, "roles")
        return self

    def actor(self) -> Actor:
        """The person as the domain takes them."""
        return Actor(self.id, self.roles, country=self.country)


class TransparencySettings(Section):
    """What is published about the demands."""

    threshold: Annotated[Whole, Field(ge=3, le=100)] = Field(
        default=5, description="The smallest count that a transparency report shows."
    )
    embargo_days: Annotated[int, Field(strict=True, ge=0, le=3660)] = Field(
        default=30, description="Days that must pass after the end of a period before its report may be made."
    )
    withheld_days: Annotated[int, Field(strict=True, ge=0, le=3660)] = Field(
        default=365,
        description="Days after the end of a period from which no rule that bars telling the user keeps a demand out "
        "of its figures any longer, however far its own day is. Our own choice, and no law.",
    )


class WorkerSettings(Section):
    """How often the worker looks."""

    idle_s: Wait = Field(default=1.0, description="Seconds to wait when there is nothing to deliver.")
    watch_interval_s: Seconds = Field(default=15, description="Seconds between two looks at the clocks.")
    heartbeat_s: Seconds = Field(default=30, description="Seconds between two signs of life.")


class UserNoticeSettings(Section):
    """How affected users are told. They are, unless a written legal basis says why not."""

    enabled: Flag = Field(
        default=True, description="Whether users are told. Switching it off takes a legal basis in `off_because`."
    )
    off_because: ProseOrNone = Field(
        default="", description="The legal basis for telling nobody: act, article, and who found so."
    )
    appeal_url: BaseUrl | None = Field(default=None, description="Where a user appeals; it stands in every notice.")
    kk_file: PlaceOnDisk | None = Field(
        default=None, description="Your own reviewed words in Kazakh, a gettext .mo file."
    )
    ru_file: PlaceOnDisk | None = Field(default=None, description="Your own reviewed words in Russian.")
    en_file: PlaceOnDisk | None = Field(default=None, description="Your own reviewed words in English.")

    @model_validator(mode="after")
    def _silence_has_a_basis(self) -> Self:
        if not self.enabled and not says_something(self.off_because):
            raise refused(
                "Users are not told only on a legal basis.",
                "Write it down in off_because, or enable it.",
                "off_because",
            )
        if self.enabled and says_something(self.off_because):
            raise refused("Users are told, so this says nothing.", "Remove it, or set enabled = false.", "off_because")
        return self

    def templates(self) -> Templates:
        """The words in force: the package's, and the platform's own in place of them.

        Raises ConfigError that names the file and the message, also for words of one's own that nobody has reviewed.
        """
        own: dict[Lang, tuple[bytes, str]] = {}
        for lang in LANGUAGES:
            path = getattr(self, f"{lang}_file")
            if path is not None:
                own[lang] = read_bytes(path, f"user_notice.{lang}_file", what="user notice"), str(path)
        return with_own(packaged_templates(), own)


# ------------------------------------------------------------------------------------------------------------ privacy
# How personal data is protected at rest, and how long it is kept.


_DAY_S = 86_400
Days = Annotated[int, Field(strict=True, ge=30, le=36_500)]


class MasterKeySettings(Section):
    """A master key that once wrapped data keys, and may still have to open some."""

    key_id: Identifier = Field(description="Its id: the one it had as `privacy.master_key_id`.")
    secret: MasterKey = Field(description="The key: 32 random bytes in base64.")


class LedgerKeySettings(Section):
    """A ledger key that once proved events, and proves them still."""

    secret: ProvingKey = Field(description="The key: 32 random bytes in base64.")


class PrivacySettings(Section):
    """The master key that the keys of the cases are wrapped with, and the ledger key that proves what has happened."""

    master_key: MasterKey | None = Field(
        default=None,
        description="32 random bytes in base64. Without it everything is encrypted all the same, and whoever has the "
        "store's file has the keys as well.",
    )
    master_key_id: Identifier = Field(
        default="master-1", description="The id of that key. A new key takes a new id: the store names it beside each."
    )
    earlier_keys: tuple[MasterKeySettings, ...] = Field(
        default=(), description="Master keys that it took the place of, until `kz-compliance db rewrap` is through."
    )

    ledger_key: ProvingKey | None = Field(
        default=None,
        description="32 random bytes in base64, by which every event of the ledger is proved. Without it whoever "
        "writes to the store's file can write a history.",
    )
    earlier_ledger_keys: tuple[LedgerKeySettings, ...] = Field(
        default=(), description="Ledger keys that it took the place of, the newest first. They are needed for ever."
    )

    @model_validator(mode="after")
    def _prove(self) -> Self:
        if self.ledger_key is None and self.earlier_ledger_keys:
            raise refused("There are earlier ledger keys and no present one.", "Add it.", "ledger_key")
        found = self.ledger_keys().keys
        if len({key.id for key in found}) < len(found):
            raise refused("A ledger key is given twice.", "Give each once.", "earlier_ledger_keys")
        return self

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if self.master_key is None:
            if self.earlier_keys:
                raise refused("There are earlier keys and no present one.", "Add it.", "master_key")
            return self
        ids = [self.master_key_id, *(key.key_id for key in self.earlier_keys)]
        for name in ids:
            if ids.count(name) > 1:
                raise refused("Two master keys have one id.", "Give each an id of its own.", "earlier_keys")
        return self

    def keys(self) -> dict[str, bytes]:
        """Every master key by its id, the one in use first; none if nothing is wrapped."""
        if self.master_key is None:
            return {}
        return {
            self.master_key_id: _bytes(self.master_key),
            **{one.key_id: _bytes(one.secret) for one in self.earlier_keys},
        }

    def ledger_keys(self) -> LedgerKeys:
        """The ledger keys, the newest first; none if nothing is proved."""
        if self.ledger_key is None:
            return LedgerKeys()
        given = (self.ledger_key, *(one.secret for one in self.earlier_ledger_keys))
        return LedgerKeys(tuple(LedgerKey(_bytes(key)) for key in given))


class RetentionSettings(Section):
    """How many days personal data is kept after a case has ended. The periods are our own choice: no Kazakh act that
    names one was found, and a lawyer in Kazakhstan must set them."""

    closed_days: Days = Field(
        default=365,
        description="After a case was closed and no measure of it stands. Regulation (EU) 2021/784 keeps what was "
        "removed for six months, for review and complaints; the other half is for what is late.",
    )
    in_force_days: Days = Field(
        default=1095,
        description="While a measure of it still stands: an order that is withdrawn later must find what it stopped.",
    )
    cancelled_days: Days = Field(default=365, description="After a notice was withdrawn before anything was done.")
    quarantined_days: Days = Field(default=180, description="After a message that could not be used was settled.")
    unmatched_days: Days = Field(
        default=180,
        description="After the receipt of a message that belongs to no case, such as one whose notice never came.",
    )
    sanctioned_days: Days = Field(
        default=1095, description="After a sanction that names the notice: its case is what answers the accusation."
    )

    def retention(self) -> Retention:
        """The same in seconds, as the domain takes it."""
        return Retention(**{name.replace("_days", "_s"): days * _DAY_S for name, days in self})
