"""The keys that a platform trusts, and those that it signs with.

Keys come from configuration and from nowhere else: no header, no address and no message can name one
that is not here. Each is pinned to one sender, to the authorities for which that sender may relay, and to
one platform, and is valid for a time. What a signature by one of them proves is a `Verified`, and nothing else is.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from kz_compliance_sdk.errors import ConfigError, NotAuthentic

Algorithm = Literal["ed25519", "hmac-sha256"]

MIN_SECRET: Final = 24
"""The shortest HMAC secret, in bytes."""

TEST_HMAC_SECRET: Final = b"kz-compliance published test secret"
TEST_ED25519_PRIVATE: Final = b"kz-compliance published test key"
TEST_ED25519_PUBLIC: Final = bytes.fromhex("f23e58754bc8472565a0789efe909defbd685f65e6993b0a0b615b899bc1f017")
# Whoever reads this package, or RFC 9421 (appendix B.1.4), can sign with these.
_PUBLISHED: Final = frozenset(
    {
        TEST_HMAC_SECRET,
        TEST_ED25519_PUBLIC,
        bytes.fromhex("26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb"),
        # Those of the conformance kit: Ed25519, then HMAC.
        bytes.fromhex("00f4bc6a0b490781694f1ddc7e922cb0f5f7feca363c7df2b6a052da2d8f441e"),
        bytes.fromhex("2d77ba5553432fa30fa5fe2d399a27c0b22e1c099c905c9e458c6880526cf827"),
        bytes.fromhex("b8d11773260336095a55ed45a51855d066d12a8aa08f5571e06a61cc64dee307"),
        bytes.fromhex("1288bbe09a85f80a1be19bab1fcb30e440e6eb56cacd111b2124b00d5c6f34d9"),
        bytes.fromhex("5dda7852021fa25d0b0abee98773dbe29b4c89187db3108adfc47a578645007a"),
        bytes.fromhex("a02291da4f1bf208bed849d0d35b7c7a1c22912af182ed75991fb6ab36515b8f"),
        bytes.fromhex("8ef4287f5ad54f41d9fd8747146b0e818bebd701b73b7c3ec0430d8de22931d0"),
        bytes.fromhex("fe1cdae029233f931311ef21a8b9003e0e83da6bd41f3d11f48d2bed251eba01"),
    }
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key that is trusted. Times are UTC seconds, all of them inclusive.

    `material` is a raw Ed25519 public key (32 bytes) or an HMAC secret. `authorities` are the ids for which
    the sender may speak. From `not_before` to `not_after` its signatures are good; others prove their origin and are
    marked. From `revoked_at` on, nothing that it signed is authentic.
    """

    key_id: str
    algorithm: Algorithm
    material: bytes = field(repr=False)
    sender: str
    authorities: frozenset[str]
    platform_id: str
    not_before: int
    not_after: int
    revoked_at: int | None = None

    def is_revoked(self, now: int) -> bool:
        return self.revoked_at is not None and self.revoked_at <= now

    def is_early(self, now: int) -> bool:
        return now < self.not_before

    def is_expired(self, now: int) -> bool:
        return now > self.not_after


class KeyRing:
    """The keys of one configuration, checked once.

    Raises ConfigError for a key that proves nothing: a short secret, an Ed25519 key that is no point of the
    curve or one of small order, a published test key (unless `allow_test_keys`), a key that appears twice.
    """

    def __init__(self, keys: Iterable[Key], *, allow_test_keys: bool = False) -> None:
        self._keys = tuple(keys)
        self._by_id: dict[str, Key] = {}
        self._public: dict[str, Ed25519PublicKey] = {}
        materials: set[bytes] = set()
        for key in self._keys:
            _check(key, allow_test_keys=allow_test_keys)
            if key.key_id in self._by_id:
                raise _bad(key.key_id, "two keys carry this id.", "Give each key its own id.")
            if key.material in materials:
                raise _bad(key.key_id, "another key holds the same material.", "Create a key for each sender.")
            materials.add(key.material)
            self._by_id[key.key_id] = key
            if key.algorithm == "ed25519":
                self._public[key.key_id] = Ed25519PublicKey.from_public_bytes(key.material)
        self._hmac = tuple(key for key in self._keys if key.algorithm == "hmac-sha256")
        self._ed25519 = tuple(key for key in self._keys if key.algorithm == "ed25519")

    @property
    def keys(self) -> tuple[Key, ...]:
        return self._keys

    @property
    def hmac_keys(self) -> tuple[Key, ...]:
        return self._hmac

    @property
    def ed25519_keys(self) -> tuple[Key, ...]:
        return self._ed25519

    def get(self, key_id: str) -> Key | None:
        """The key of that id, whatever its state; None if there is none."""
        return self._by_id.get(key_id)

    def public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """The Ed25519 key of that id; None if there is none or if it is of another kind."""
        return self._public.get(key_id)

    def of_platform(self, platform_id: str) -> KeyRing:
        """The ring with the keys of one platform: another's keys are then unknown, and tell nothing apart."""
        return KeyRing((key for key in self._keys if key.platform_id == platform_id), allow_test_keys=True)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that this side signs with. `material` is a raw Ed25519 private key (32 bytes) or an HMAC secret.

    Raises ConfigError if the material cannot be such a key.
    """

    key_id: str
    algorithm: Algorithm
    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.algorithm == "ed25519" and len(self.material) != 32:
            raise _bad(self.key_id, "an Ed25519 private key has 32 bytes.", "Give the raw key.")
        if self.algorithm == "hmac-sha256" and len(self.material) < MIN_SECRET:
            raise _short(self.key_id)

    def verification_material(self) -> bytes:
        """What the other side must hold: the public key, or the shared secret itself."""
        if self.algorithm == "hmac-sha256":
            return self.material
        return self.private_key().public_key().public_bytes_raw()

    def private_key(self) -> Ed25519PrivateKey:
        """Raises ConfigError if this is no Ed25519 key."""
        if self.algorithm != "ed25519":
            raise _bad(self.key_id, "this profile needs an Ed25519 key.", "Configure one.")
        return Ed25519PrivateKey.from_private_bytes(self.material)


def material_from_text(text: str, *, setting: str) -> bytes:
    """The bytes of a key or secret in base64, with or without a prefix `whsec_`, `whsk_` or `whpk_`.

    Raises ConfigError that names `setting` and repeats nothing of the text.
    """
    body = text.strip()
    for prefix in ("whsec_", "whsk_", "whpk_"):
        body = body.removeprefix(prefix)
    try:
        return base64.b64decode(body.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ConfigError("the key is not base64.", field=setting, remedy="Give its raw bytes in base64.") from None


def _check(key: Key, *, allow_test_keys: bool) -> None:
    if key.not_before > key.not_after:
        raise _bad(key.key_id, "the key ends before it begins.", "Set not_before before not_after.")
    if key.algorithm == "hmac-sha256":
        if len(key.material) < MIN_SECRET:
            raise _short(key.key_id)
    elif len(key.material) != 32:
        raise _bad(key.key_id, "an Ed25519 public key has 32 bytes.", "Give the raw key.")
    elif not _has_full_order(key.material):
        raise _bad(key.key_id, "anybody can sign for this Ed25519 key, or nobody.", "Ask the sender for its key.")
    if not allow_test_keys and any(hmac.compare_digest(key.material, known) for known in _PUBLISHED):
        raise _bad(key.key_id, "this is a published test key.", "Create a key of your own.")


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# The y coordinates of the eight points whose order divides 8: for them a signature can fit every message.
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_Y = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


def _has_full_order(material: bytes) -> bool:
    y = int.from_bytes(material, "little") & ((1 << 255) - 1)
    if y >= _P or y in _SMALL_Y:
        return False
    # On the curve -x² + y² = 1 + d·x²·y² the point exists if x² = (y² - 1) / (d·y² + 1) is a square.
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(square, (_P - 1) // 2, _P) == 1


def _short(key_id: str) -> ConfigError:
    return _bad(key_id, f"an HMAC secret needs {MIN_SECRET} bytes or more.", "Create 32 random bytes.")


def _bad(key_id: str, message: str, remedy: str) -> ConfigError:
    return ConfigError(message, field=f"keys.{key_id}", remedy=remedy)


Profile = Literal["rfc9421", "standard-webhooks"]
RefusalReason = Literal[
    "no_signature", "header_missing", "header_repeated", "header_malformed", "timestamp_malformed", "id_malformed",
    "too_many_signatures", "not_covered", "digest_wrong", "signature_wrong", "key_revoked", "internal",
]  # fmt: skip

WINDOW_S: Final = 300
"""How far a signature's time may be from now, either way, in seconds; the end is inside."""


class Verified(Struct, frozen=True, gc=False):
    """A proved origin, and nothing more: a signature says who sent it, never that it is lawful.

    `stale`: its time is more than 300 s from now. `key_expired`: the key's time is over, but nobody revoked it.
    `key_early`: it has not begun. All are proved all the same, and what becomes of such a message is for intake to say.
    `signed_at` is UTC seconds. `message_id` comes with standard-webhooks and `nonce` with rfc9421.
    """

    key_id: str
    sender: str
    authorities: frozenset[str]
    platform_id: str
    profile: Profile
    signed_at: int
    stale: bool
    key_expired: bool
    key_early: bool
    message_id: str | None
    nonce: str | None


def verified_by(
    key: Key, profile: Profile, *, signed_at: int, now: int, message_id: str | None = None, nonce: str | None = None
) -> Verified:
    """The verdict on a signature that fits `key`. Raises NotAuthentic if the key was revoked."""
    if key.is_revoked(now):
        raise refusal("key_revoked")
    return Verified(
        key_id=key.key_id,
        sender=key.sender,
        authorities=key.authorities,
        platform_id=key.platform_id,
        profile=profile,
        signed_at=signed_at,
        stale=abs(now - signed_at) > WINDOW_S,
        key_expired=key.is_expired(now),
        key_early=key.is_early(now),
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
            if value[:1].isspace() or value[-1:].isspace():
                raise refusal("header_malformed")
            found[name] = value
    if len(found) != len(names):
        raise refusal("header_missing")
    return [found[name] for name in names]


def refusal(reason: RefusalReason) -> NotAuthentic:
    """One message for every reason: the reason is for the counters of this side."""
    return NotAuthentic("the origin of the message is not proved", code=reason)


# -------------------------------------------------------------------------------------------------- standard webhooks
# The Standard Webhooks profile: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`) over id, time and body.
#
# The compatible profile. HMAC proves nothing to a third party, since both sides hold the secret. Method and address are
# not covered, so a key is only as good as its pinning to one platform.
#
# Written out because the reference library lets other exceptions than its own escape, holds one secret, reads its own
# clock, and accepts a header that is not what was signed (junk inside base64, a time with a fraction).


HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

MAX_SIGNATURES: Final = 32
# Each costs a curve operation for each key, and whoever sends it need not be anybody.
MAX_ED25519_SIGNATURES: Final = 4

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_VERSION = re.compile(r"[a-z0-9]{1,16}")
_SIZES = {"v1": 32, "v1a": 64}


def verify(ring: KeyRing, headers: Sequence[tuple[str, str]], body: bytes, now: int) -> Verified:
    """The sender of `body`. Header names are in lower case. Raises NotAuthentic."""
    message_id, timestamp, signatures = one_of_each(headers, HEADERS)
    if not _ID.fullmatch(message_id):
        raise refusal("id_malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise refusal("timestamp_malformed")
    signed = f"{message_id}.{timestamp}.".encode() + body
    key = _best(_fitting(ring, signed, signatures), now)
    return verified_by(key, "standard-webhooks", signed_at=int(timestamp), now=now, message_id=message_id)


def sign(key: SigningKey, body: bytes, now: int, message_id: str) -> list[tuple[str, str]]:
    """The three headers that sign `body` at `now`. Raises ValueError for an id that no verifier would take."""
    if not _ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 128 of A-Z a-z 0-9 . _ : -")
    signed = f"{message_id}.{now:010d}.".encode() + body
    if key.algorithm == "hmac-sha256":
        version, signature = "v1", hmac.digest(key.material, signed, "sha256")
    else:
        version, signature = "v1a", key.private_key().sign(signed)
    encoded = base64.b64encode(signature).decode("ascii")
    return list(zip(HEADERS, (message_id, f"{now:010d}", f"{version},{encoded}"), strict=True))


def _candidates(header: str) -> tuple[list[bytes], list[bytes]]:
    parts = header.split(" ", MAX_SIGNATURES)
    if len(parts) > MAX_SIGNATURES:
        raise refusal("too_many_signatures")
    macs: list[bytes] = []
    curve: list[bytes] = []
    for part in parts:
        version, comma, encoded = part.partition(",")
        if not comma or "," in encoded or not _VERSION.fullmatch(version):
            raise refusal("header_malformed")
        size = _SIZES.get(version)
        if size is not None:
            (macs if version == "v1" else curve).append(_decoded(encoded, size))
    if len(curve) > MAX_ED25519_SIGNATURES:
        raise refusal("too_many_signatures")
    return macs, curve


def _decoded(encoded: str, size: int) -> bytes:
    try:
        signature = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise refusal("header_malformed") from None
    # One signature has one text: the spare bits of the last letter must be zero.
    if len(signature) != size or base64.b64encode(signature).decode("ascii") != encoded:
        raise refusal("header_malformed")
    return signature


def _fitting(ring: KeyRing, signed: bytes, signatures: str) -> Iterator[Key]:
    macs = [(key, hmac.digest(key.material, signed, "sha256")) for key in ring.hmac_keys] if "v1," in signatures else []
    given = signatures.encode("utf-8", "replace")
    for key, expected in macs:
        # The usual form, one signature: text that is equal needs no reading.
        if hmac.compare_digest(b"v1," + binascii.b2a_base64(expected, newline=False), given):
            yield key
    candidates, curve = _candidates(signatures)
    for key, expected in macs:
        if any([hmac.compare_digest(expected, candidate) for candidate in candidates]):  # noqa: C419  # each is compared
            yield key
    if curve:
        for key in ring.ed25519_keys:
            public = ring.public_key(key.key_id)
            for candidate in curve:
                try:
                    if public is not None:
                        public.verify(candidate, signed)
                        yield key
                except InvalidSignature:
                    continue


def _best(fitting: Iterator[Key], now: int) -> Key:
    # A sender that rotates signs with the old key and with the new one: the better of them counts.
    found: Key | None = None
    for key in fitting:
        if not key.is_revoked(now):
            if not (key.is_expired(now) or key.is_early(now)):
                return key
            found = key
        elif found is None:
            found = key
    if found is None:
        raise refusal("signature_wrong")
    return found
