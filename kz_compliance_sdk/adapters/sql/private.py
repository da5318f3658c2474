"""The one border where personal data is encrypted: rows as they are stored, from values as the domain knows them.

Everything above sees plain values. docs/concepts/privacy.md lists every column and what protects it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from kz_compliance_sdk.adapters.sql import rows
from kz_compliance_sdk.adapters.sql.keys import DESTROYED, DataKey, MasterKeys
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.outbox import Attempt
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


NO_CASE: Final = object()
"""There is no such case, so it can have no key."""

_NONCE = 12
_APART = "\x1f"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

StoredKey = Callable[[str, str], Any]
"""What stands as data key of (platform, case): bytes, NO_CASE, or whatever else somebody put there."""


class PrivateRows:
    """Rows of one moment, such as a transaction: data keys are looked up once and remembered until `begin`.

    A cell that does not open raises StoreDamaged. Where a list of what is `unreadable` is given, it is named there
    instead and its bytes are left as they are, so that the rest can be checked as well.
    """

    def __init__(
        self,
        keys: MasterKeys,
        entropy: Callable[[int], bytes],
        stored_key: StoredKey,
        *,
        chain_key: Callable[[str, str], bytes | None] = lambda _platform, _case: None,
        renew: Callable[[str, str, bytes], None] | None = None,
        platform_key: PlatformKey | None = None,
        keep_platform_key: KeepPlatformKey | None = None,
        unreadable: list[str] | None = None,
    ) -> None:
        self._keys, self._entropy, self._stored_key = keys, entropy, stored_key
        self._chain_key, self._renew = chain_key, renew
        self._stored: dict[tuple[str, str], Any] = {}
        self._open: dict[tuple[str, str], DataKey] = {}
        self._names = ObjectNames(keys, entropy, platform_key, keep_platform_key)
        self._unreadable = unreadable

    def begin(self) -> None:
        """Look every key up anew: another process may have destroyed one."""
        self._stored.clear()
        self._open.clear()
        self._names.begin()

    # -------------------------------------------------------------------------------------------------- keys

    def open_case(self, case: Case) -> bytes:
        """Make the key of a new row. Gives what is stored of it: of a case that was erased, and to which nothing came
        since, that there is none."""
        name = case.platform_id, case.id
        if case.erased_at is not None and self._chain_key(*name) is None:
            self._stored[name] = DESTROYED
            return DESTROYED
        return self._new_key(name, self._chain_key(*name))

    def _new_key(self, name: tuple[str, str], key: bytes | None = None) -> bytes:
        """That of a case is the key of its chain, so that a row that is lost takes no key with it."""
        stored, self._open[name] = self._keys.new(*name, self._entropy, key)
        self._stored[name] = stored
        return stored

    def destroyed(self, platform_id: str, case_id: str) -> None:
        """The key of a case was destroyed in this transaction."""
        name = platform_id, case_id
        self._stored[name] = DESTROYED
        self._open.pop(name, None)
        self._keys.forget(case_id)

    def _stored_of(self, name: tuple[str, str]) -> Any:
        if name not in self._stored:
            self._stored[name] = self._stored_key(*name)
        return self._stored[name]

    def _opened(self, name: tuple[str, str], stored: bytes) -> DataKey:
        key = self._open.get(name)
        if key is None:
            key = self._open[name] = self._keys.open(*name, stored)
        return key

    def _key_of(self, name: tuple[str, str]) -> None:
        """Raises StoreDamaged if what is written of this case cannot be encrypted."""
        stored = self._stored_of(name)
        if stored is not NO_CASE and stored != DESTROYED:
            self._opened(name, stored)

    def _seal(self, name: tuple[str, str], plain: bytes, table: str, column: str, row: object) -> bytes:
        if not plain:
            return plain
        key = self._open.get(name)
        if key is None:
            stored = self._stored_of(name)
            if stored is NO_CASE:
                return plain
            if stored == DESTROYED:
                # What comes to a case after its erasure is erased in its turn, with a key of its own.
                stored = self._new_key(name, self._chain_key(*name))
                if self._renew is not None:
                    self._renew(*name, stored)
            key = self._opened(name, stored)
        return key.encrypt(plain, _context(name, table, column, row), self._entropy(_NONCE))

    def _plain(self, name: tuple[str, str], data: Any, table: str, column: str, row: object) -> Any:
        if not data or type(data) is not bytes:
            return data
        stored = self._stored_of(name)
        if stored is NO_CASE:
            return data
        if stored == DESTROYED:
            raise StoreDamaged(f"the key of {table}.{column} was destroyed.", code="data_key", reference=name[1])
        try:
            return self._opened(name, stored).decrypt(data, _context(name, table, column, row))
        except InvalidTag:
            pass
        what = f"{table}.{column} is not as it was written"
        if self._unreadable is None:
            raise StoreDamaged(f"{what}: it was changed from outside, or belongs to another row.", reference=name[1])
        self._unreadable.append(what)
        return data

    # -------------------------------------------------------------------------------------------------- cases

    def mend_key(self, row: Sequence[Any], *, erased: bool) -> bool:
        """Make a key of a case that opens nothing anew, from that of its chain; whether it was. Raises StoreDamaged
        where that is not there either."""
        name = row[0], row[1]
        self._stored[name] = stored = row[rows.DATA_KEY]
        try:
            self._key_of(name)
            if not erased and stored == DESTROYED:
                raise StoreDamaged("its data key is gone.", code="data_key", reference=name[1])
            return False
        except StoreDamaged:
            key = self._chain_key(*name)
            if key is None:
                raise
            if self._renew is not None:
                self._renew(*name, self._new_key(name, key))
            return True

    # ------------------------------------------------------------------------------------------------ attempts

    def attempt_row(self, attempt: Attempt) -> tuple[Any, ...]:
        plain, detail = rows.attempt_row(attempt), attempt.detail.encode()
        if attempt.case_id:
            key = attempt.message_id, attempt.number
            try:
                detail = self._seal((attempt.platform_id, attempt.case_id), detail, "attempts", "detail", key)
            except StoreDamaged:
                detail = b""  # that it was made must be kept, and what was said of it must not stand in the clear
        return (*plain[:7], detail)

    def attempt_from(self, row: Sequence[Any]) -> Attempt:
        detail = row[7]
        if row[1]:
            detail = self._plain((row[0], row[1]), detail, "attempts", "detail", (row[2], row[3]))
        return replace(rows.attempt_from(row[:7]), detail=_text(detail))

    # ------------------------------------------------------------------------------------------ names of objects

    def object_name(self, platform_id: str, object_key: str) -> str:
        """What stands in the store for the name of an object."""
        return self._names.of(platform_id, object_key)


def _context(name: tuple[str, str], table: str, column: str, row: object) -> bytes:
    return f"{name[0]}{_APART}{name[1]}{_APART}{table}{_APART}{column}{_APART}{row}".encode()


def _text(data: Any) -> Any:
    """Whatever stands where a text was written; what is no text is left for whoever checks it."""
    if type(data) is not bytes:
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
