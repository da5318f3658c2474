"""The border where what is personal in a row is encrypted: what was said of an attempt, and names of objects.

Everything above sees plain values. docs/concepts/privacy.md lists every column and what protects it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from kz_compliance_sdk.adapters.sql import rows
from kz_compliance_sdk.adapters.sql.keys import DataKey, MasterKeys
from kz_compliance_sdk.domain.change import Attempt
from kz_compliance_sdk.errors import StoreDamaged

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


_NONCE = 12
_APART = "\x1f"

CaseKey = Callable[[str, str], DataKey | None]
"""The key of what is erasable of (platform, case), None if there is none. Raises StoreDamaged if it does not open."""


class PrivateRows:
    """Rows of one moment, such as a transaction.

    A cell that does not open raises StoreDamaged. Where a list of what is `unreadable` is given, it is named there
    instead and its bytes are left as they are, so that the rest can be checked as well.
    """

    def __init__(
        self,
        keys: MasterKeys,
        entropy: Callable[[int], bytes],
        case_key: CaseKey,
        *,
        platform_key: PlatformKey | None = None,
        keep_platform_key: KeepPlatformKey | None = None,
        unreadable: list[str] | None = None,
    ) -> None:
        self._entropy, self._case_key, self._unreadable = entropy, case_key, unreadable
        self._names = ObjectNames(keys, entropy, platform_key, keep_platform_key)

    def begin(self) -> None:
        """Look every key up anew: another process may have destroyed one."""
        self._names.begin()

    # ------------------------------------------------------------------------------------------------ attempts

    def attempt_row(self, attempt: Attempt) -> tuple[Any, ...]:
        plain, detail = rows.attempt_row(attempt), attempt.detail.encode()
        if attempt.case_id and detail:
            detail = self._sealed(attempt, detail)
        return (*plain[:7], detail)

    def _sealed(self, attempt: Attempt, detail: bytes) -> bytes:
        """That it was made must be kept, and what was said of it must not stand in the clear: without a key it goes."""
        try:
            key = self._case_key(attempt.platform_id, attempt.case_id)
        except StoreDamaged:
            return b""
        return b"" if key is None else key.encrypt(detail, _context(rows.attempt_row(attempt)), self._entropy(_NONCE))

    def attempt_from(self, row: Sequence[Any]) -> Attempt:
        detail = self._plain(row) if row[1] else row[7]
        return replace(rows.attempt_from(row[:7]), detail=_text(detail))

    def _plain(self, row: Sequence[Any]) -> Any:
        detail = row[7]
        if not detail or type(detail) is not bytes:
            return detail
        with suppress(InvalidTag, StoreDamaged):
            key = self._case_key(row[0], row[1])
            if key is not None:
                return key.decrypt(detail, _context(row))
        what = "attempts.detail is not as it was written"
        if self._unreadable is None:
            raise StoreDamaged(f"{what}: it was changed from outside, or belongs to another row.", reference=row[1])
        self._unreadable.append(what)
        return detail

    # ------------------------------------------------------------------------------------------ names of objects

    def keyed(self, platform_id: str, *what: object) -> str:
        """The digest of something under the platform's object key, 32 hex digits."""
        return self._names.of(platform_id, "\x1f".join(map(str, what)))[:32]


def _context(attempt: Sequence[Any]) -> bytes:
    """In which cell the detail of an attempt opens: no other has these four."""
    return _APART.join(("attempts", "detail", *map(str, attempt[:4]))).encode()


def _text(data: Any) -> Any:
    """Whatever stands where a text was written; what is no text is left for whoever checks it."""
    if type(data) is not bytes:
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
