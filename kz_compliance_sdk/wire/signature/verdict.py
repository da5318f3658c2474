"""What verification gives: a verified origin, or one refusal whose reason stays inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.wire.signature.keyring import Key

__all__ = ["WINDOW_S", "Profile", "RefusalReason", "Verified", "one_of_each", "refusal", "verified_by"]

Profile = Literal["rfc9421", "standard-webhooks"]
RefusalReason = Literal[
    "no_signature", "header_missing", "header_repeated", "header_malformed", "timestamp_malformed", "id_malformed",
    "too_many_signatures", "not_covered", "digest_wrong", "signature_wrong", "key_not_yet_valid", "key_revoked",
    "internal",
]  # fmt: skip

WINDOW_S: Final = 300
"""How far a signature's time may be from now, either way, in seconds; the end is inside."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A proved origin, and nothing more: a signature says who sent it, never that it is lawful.

    `stale`: its time is more than 300 s from now. `key_expired`: the key's time is over, but nobody revoked it.
    Both are proved all the same, and what becomes of such a message is for intake to say. `signed_at` is
    UTC seconds. `message_id` comes with standard-webhooks and `nonce` with rfc9421.
    """

    key_id: str
    sender: str
    authorities: frozenset[str]
    platform_id: str
    profile: Profile
    signed_at: int
    stale: bool
    key_expired: bool
    message_id: str | None
    nonce: str | None


def verified_by(
    key: Key, profile: Profile, *, signed_at: int, now: int, message_id: str | None = None, nonce: str | None = None
) -> Verified:
    """The verdict on a signature that fits `key`. Raises NotAuthentic if the key was revoked or is not valid yet."""
    if key.is_revoked(now):
        raise refusal("key_revoked")
    if not key.is_usable(now):
        raise refusal("key_not_yet_valid")
    return Verified(
        key_id=key.key_id,
        sender=key.sender,
        authorities=key.authorities,
        platform_id=key.platform_id,
        profile=profile,
        signed_at=signed_at,
        stale=abs(now - signed_at) > WINDOW_S,
        key_expired=key.is_expired(now),
        message_id=message_id,
        nonce=nonce,
    )


def one_of_each(headers: Iterable[tuple[str, str]], names: Sequence[str]) -> list[str]:
    """The value of each named header, in that order.

    Raises NotAuthentic unless each is there exactly once, without blanks around it: a server strips them.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name in names:
            if name in found:
                raise refusal("header_repeated")
            if value != value.strip():
                raise refusal("header_malformed")
            found[name] = value
    if len(found) != len(names):
        raise refusal("header_missing")
    return [found[name] for name in names]


def refusal(reason: RefusalReason) -> NotAuthentic:
    """One message for every reason: the reason is for the counters of this side."""
    return NotAuthentic("the origin of the message is not proved", code=reason)
