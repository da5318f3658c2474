"""Data keys, one for each case, and the master keys that they are wrapped with.

What is encrypted with a data key can be read as long as the key is there. So to destroy the key is to erase all of it,
in every copy that does not hold the key as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kz_compliance_sdk.errors import StoreDamaged

__all__ = ["DESTROYED", "KEY_SIZE", "DataKey", "MasterKeys"]

KEY_SIZE = 32
"""Bytes of a data key and of a master key: AES-256."""

DESTROYED = b""
"""What stands in the place of a data key that was destroyed."""

_NONCE = 12
_SUM = 8
_WRAPPED = b"kz-compliance/data-key/v1\n"
_PRINT = b"kz-compliance/data-key-print/v1\n"
_SUMMED = b"kz-compliance/data-key-sum/v1\n"
_MOST_OPENED = 4096

Entropy = Callable[[int], bytes]


class DataKey:
    """AES-256-GCM under one data key. `context` says which cell the bytes belong in: they open in no other."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, plain: bytes, context: bytes, nonce: bytes) -> bytes:
        """`nonce` is 12 fresh random bytes: a case has far fewer cells than make two of them alike."""
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """Raises InvalidTag for bytes that were changed, or that belong in another cell."""
        if len(data) <= _NONCE:
            raise InvalidTag
        return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], context)


class MasterKeys:
    """The keys that wrap data keys, by id; the one called `current` wraps what is new. With none of them a data key is
    stored as it is, and whoever has the file has the keys.

    A wrapped key says which master key opens it, so that several can be in use while one takes another's place. It ends
    in a checksum that takes no key, so that a damaged one is told from one of a master key that is not at hand.
    """

    def __init__(self, keys: Mapping[str, bytes] | None = None, current: str = "") -> None:
        given = dict(keys or {})
        if current not in given and (current or given):
            raise ValueError("the current master key must be one of the keys")
        for name, key in given.items():
            if len(key) != KEY_SIZE or not 0 < len(name.encode()) < 128:
                raise ValueError("a master key has 32 bytes and an id")
        self._ciphers = {name: AESGCM(key) for name, key in given.items()}
        self.current = current
        self._opened: dict[tuple[str, str, bytes], DataKey] = {}

    def wrap(self, platform_id: str, owner: str, key: bytes, entropy: Entropy) -> bytes:
        """The form in which the data key of `owner` (a case, a message, a purpose) is stored."""
        if not self.current:
            return b"\x00" + key
        nonce, name = entropy(_NONCE), self.current.encode()
        sealed = self._ciphers[self.current].encrypt(nonce, key, _context(platform_id, owner))
        wrapped = bytes((len(name),)) + name + nonce + sealed
        return wrapped + _sum(platform_id, owner, wrapped)

    def wrapped_by(self, stored: bytes) -> str:
        """The id of the master key that opens this, empty if none is needed."""
        return stored[1 : 1 + stored[0]].decode("utf-8", "replace")

    def is_wrapped(self, platform_id: str, owner: str, stored: object) -> bool:
        """Whether this is a key as a master key wrapped it for this owner: then it opens, unless that master key is
        missing or another one."""
        if not isinstance(stored, bytes) or not stored or not stored[0]:
            return False
        return stored[-_SUM:] == _sum(platform_id, owner, stored[:-_SUM])

    def unwrap(self, platform_id: str, owner: str, stored: object) -> bytes:
        """The data key. Raises StoreDamaged (`data_key`), naming the master key that is missing or is another one."""
        if stored == DESTROYED:
            raise _unusable("it was destroyed, or emptied from outside.", owner)
        if isinstance(stored, bytes) and not stored[0] and len(stored) == 1 + KEY_SIZE:
            return stored[1:]
        if not isinstance(stored, bytes) or not self.is_wrapped(platform_id, owner, stored):
            raise _unusable("it is not as it was written: it was changed from outside.", owner)
        name, rest = self.wrapped_by(stored), stored[1 + stored[0] : -_SUM]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise _unusable(f"it is wrapped with the master key {name!r}, and no key of that id is configured.", owner)
        try:
            return cipher.decrypt(rest[:_NONCE], rest[_NONCE:], _context(platform_id, owner))
        except (InvalidTag, ValueError):
            raise _unusable(
                f"the master key {name!r} does not open it: that is another key than the one it was wrapped with.",
                owner,
            ) from None

    def open(self, platform_id: str, owner: str, stored: bytes) -> DataKey:
        """The data key, ready for use. Those used last are kept open. Raises StoreDamaged (`data_key`)."""
        name = (platform_id, owner, stored)
        known = self._opened.get(name)
        if known is None:
            known = DataKey(self.unwrap(platform_id, owner, stored))
            if len(self._opened) >= _MOST_OPENED:
                self._opened.clear()
            self._opened[name] = known
        return known

    def new(self, platform_id: str, owner: str, entropy: Entropy, key: bytes | None = None) -> tuple[bytes, DataKey]:
        """A data key, a fresh one unless it is given: as it is stored, and ready for use."""
        key = key or entropy(KEY_SIZE)
        return self.wrap(platform_id, owner, key, entropy), DataKey(key)

    def print_of(self, platform_id: str, owner: str, stored: bytes) -> bytes:
        """What stands for the data key where keys are compared: the same under each master key, and no help to open
        anything. Raises StoreDamaged (`data_key`)."""
        return hashlib.sha256(_PRINT + self.unwrap(platform_id, owner, stored)).digest()

    def forget(self, owner: str) -> None:
        """Close what is open of an owner whose key was destroyed."""
        for name in [name for name in list(self._opened) if name[1] == owner]:
            self._opened.pop(name, None)


def _context(platform_id: str, owner: str) -> bytes:
    return _WRAPPED + f"{platform_id}\n{owner}".encode()


def _sum(platform_id: str, owner: str, wrapped: bytes) -> bytes:
    return hashlib.sha256(_SUMMED + f"{platform_id}\n{owner}\n".encode() + wrapped).digest()[:_SUM]


def _unusable(what: str, owner: str) -> StoreDamaged:
    return StoreDamaged(f"the data key cannot be opened: {what}", code="data_key", reference=owner)
