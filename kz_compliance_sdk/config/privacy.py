"""How personal data is protected at rest, and how long it is kept."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from kz_compliance_sdk.config.fields import Secret, Section, refused
from kz_compliance_sdk.domain.ledger import LedgerKey, LedgerKeys
from kz_compliance_sdk.domain.retention import Retention
from kz_compliance_sdk.domain.values import Identifier
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.wire.signature.keyring import material_from_text

_DAY_S = 86_400
_SIZE = 32

Days = Annotated[int, Field(strict=True, ge=30, le=36_500)]


class MasterKeySettings(Section):
    """A master key that once wrapped data keys, and may still have to open some."""

    key_id: Identifier = Field(description="Its id: the one it had as `privacy.master_key_id`.")
    secret: Secret = Field(description="The key: 32 random bytes in base64.")

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        _key(self.secret.get_secret_value(), "secret")
        return self


class LedgerKeySettings(Section):
    """A ledger key that once proved events, and proves them still."""

    secret: Secret = Field(description="The key: 32 random bytes in base64.")

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        _key(self.secret.get_secret_value(), "secret", kind="ledger key")
        return self


class PrivacySettings(Section):
    """The master key that the keys of the cases are wrapped with, and the ledger key that proves what has happened."""

    master_key: Secret | None = Field(
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

    ledger_key: Secret | None = Field(
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
        _key(self.master_key.get_secret_value(), "master_key")
        ids = [self.master_key_id, *(key.key_id for key in self.earlier_keys)]
        for name in ids:
            if ids.count(name) > 1:
                raise refused("Two master keys have one id.", "Give each an id of its own.", "earlier_keys")
        return self

    def keys(self) -> dict[str, bytes]:
        """Every master key by its id, the one in use first; none if nothing is wrapped."""
        if self.master_key is None:
            return {}
        earlier = {key.key_id: _key(key.secret.get_secret_value(), "secret") for key in self.earlier_keys}
        return {self.master_key_id: _key(self.master_key.get_secret_value(), "master_key"), **earlier}

    def ledger_keys(self) -> LedgerKeys:
        """The ledger keys, the newest first; none if nothing is proved."""
        if self.ledger_key is None:
            return LedgerKeys()
        given = [self.ledger_key, *(key.secret for key in self.earlier_ledger_keys)]
        return LedgerKeys(
            tuple(LedgerKey(_key(key.get_secret_value(), "ledger_key", kind="ledger key")) for key in given)
        )


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
        return Retention(
            closed_s=self.closed_days * _DAY_S,
            in_force_s=self.in_force_days * _DAY_S,
            cancelled_s=self.cancelled_days * _DAY_S,
            quarantined_s=self.quarantined_days * _DAY_S,
            unmatched_s=self.unmatched_days * _DAY_S,
            sanctioned_s=self.sanctioned_days * _DAY_S,
        )


def _key(text: str, *at: str, kind: str = "master key") -> bytes:
    try:
        key = material_from_text(text, setting=f"privacy.{at[0]}")
    except ConfigError:
        key = b""
    if len(key) != _SIZE:
        raise refused(f"This is no {kind}.", "Give 32 random bytes in base64: openssl rand -base64 32", *at)
    return key
