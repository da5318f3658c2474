"""What stands in the store for the names of the platform's objects."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from kz_compliance_sdk.adapters.sql.keys import MasterKeys

__all__ = ["ObjectNames"]

OBJECTS: Final = "objects"
"""The platform's key under which names of objects are compared without being stored."""

PlatformKey = Callable[[str, str], bytes | None]
KeepPlatformKey = Callable[[str, str, bytes], None]


class ObjectNames:
    """Names of objects are only ever compared, so a digest under the platform's key does, and nobody finds an account
    by trying names. Keys and digests are remembered until `begin`."""

    def __init__(
        self,
        keys: MasterKeys,
        entropy: Callable[[int], bytes],
        stored: PlatformKey | None,
        keep: KeepPlatformKey | None,
    ) -> None:
        self._keys, self._entropy, self._stored, self._keep = keys, entropy, stored, keep
        self._opened: dict[str, hmac.HMAC | None] = {}
        self._known: dict[tuple[str, str], str] = {}

    def begin(self) -> None:
        """Look the key up anew."""
        self._opened.clear()
        self._known.clear()

    def of(self, platform_id: str, object_key: str) -> str:
        """What stands for the name of an object. A store that has no key yet makes one."""
        # A decision asks for each name when it reads, and again when it writes.
        known = self._known.get((platform_id, object_key))
        if known is not None:
            return known
        if platform_id not in self._opened:
            self._opened[platform_id] = self._open(platform_id)
        keyed = self._opened[platform_id]
        if keyed is None:
            return object_key
        name = self._known[platform_id, object_key] = _digest(keyed, object_key)
        return name

    def _open(self, platform_id: str) -> hmac.HMAC | None:
        stored = None if self._stored is None else self._stored(platform_id, OBJECTS)
        if stored is None and self._keep is not None:
            key = self._entropy(32)
            stored = self._keys.wrap(platform_id, OBJECTS, key, self._entropy)
            self._keep(platform_id, OBJECTS, stored)
        if stored is None:
            return None
        return hmac.new(self._keys.unwrap(platform_id, OBJECTS, stored), digestmod="sha256")


def _digest(keyed: hmac.HMAC, object_key: str) -> str:
    # Of all that a keyed digest takes, taking the key in is the most, and that is done once.
    digest = keyed.copy()
    digest.update(object_key.encode())
    return digest.hexdigest()
