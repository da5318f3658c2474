"""Data keys, one for each class of each stream, and the master keys that they are wrapped with.

What is encrypted with a data key can be read as long as the key is there. So to destroy the key is to erase all of it,
in every copy that does not hold the key as well.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, insert, select, update

from kz_compliance_sdk.adapters.sql import rows, tables
from kz_compliance_sdk.domain.change import Attempt
from kz_compliance_sdk.domain.ledger import SALT_BYTES, Part, PartClass, Sealed, opens
from kz_compliance_sdk.errors import StoreDamaged

KEY_SIZE = 32
"""Bytes of a data key and of a master key: AES-256."""

DESTROYED = b""
"""What stands in the place of a data key that was emptied."""

_NONCE = 12
_SUM = 8
_WRAPPED = b"kz-compliance/data-key/v1\n"
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


def _mark(key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, b"kz-compliance store", "sha256")[:4]) >> 1 or 1


class MasterKeys:
    """The keys that wrap data keys, by id; the one called `current` wraps what is new. With none of them a data key is
    stored as it is, and whoever has the file has the keys. With one, a key that is not wrapped opens nothing: anybody
    can put it there.

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
        self.marks = {name: _mark(key) for name, key in given.items()}
        self._opened: dict[tuple[str, str, bytes], DataKey] = {}

    @property
    def mark(self) -> int:
        """What a store keeps of the master key that it is made or wrapped with; 0 without one. It tells another key,
        and nothing of this one."""
        return self.marks.get(self.current, 0)

    def wrap(self, platform_id: str, owner: str, key: bytes, entropy: Entropy) -> bytes:
        """The form in which the data key of `owner` (a case, a stream and its class, a purpose) is stored."""
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
        if isinstance(stored, bytes) and is_bare(stored):
            if self.current:
                raise _unusable(
                    "it is not wrapped, and there is a master key. If that is new to this store run `kz-compliance db "
                    "rewrap`; else it was put there from outside.",
                    owner,
                )
            return bare(stored)
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

    def forget(self, owner: str) -> None:
        """Close what is open of an owner whose key was destroyed."""
        for name in [name for name in list(self._opened) if name[1] == owner]:
            self._opened.pop(name, None)


def is_bare(stored: bytes) -> bool:
    """Whether this is a data key as a store without a master key holds it."""
    return len(stored) == 1 + KEY_SIZE and not stored[0]


def bare(stored: bytes) -> bytes:
    """The data key of a store without a master key."""
    return stored[1:]


def _context(platform_id: str, owner: str) -> bytes:
    return _WRAPPED + f"{platform_id}\n{owner}".encode()


def _sum(platform_id: str, owner: str, wrapped: bytes) -> bytes:
    return hashlib.sha256(_SUMMED + f"{platform_id}\n{owner}\n".encode() + wrapped).digest()[:_SUM]


def _unusable(what: str, owner: str) -> StoreDamaged:
    return StoreDamaged(f"the data key cannot be opened: {what}", code="data_key", reference=owner)


def key_owner(stream: str, cls: str) -> str:
    """What a wrapped key of a stream is bound to: it opens for no other stream and no other class."""
    return f"{stream}/{cls}"


class PartKeys:
    """The keys of the streams' parts, by (platform, stream, class), until `begin`."""

    def __init__(self, keys: MasterKeys, entropy: Callable[[int], bytes]) -> None:
        self._keys, self._entropy = keys, entropy
        self._stored: dict[tuple[str, str, str], bytes] = {}
        self._open: dict[tuple[str, str, str], DataKey] = {}

    def begin(self) -> None:
        """Forget every key: another process may have destroyed or rewrapped one."""
        self._stored.clear()
        self._open.clear()

    def stored(self, platform: str, stream: str, cls: PartClass, wrapped: bytes) -> None:
        """Note a key as it lies in the database."""
        if (platform, stream, cls) not in self._open:
            self._stored[platform, stream, cls] = wrapped

    def destroyed(self, platform: str, stream: str) -> None:
        """The key of what was erasable in this stream is no more."""
        self._stored.pop((platform, stream, "erasable"), None)
        self._open.pop((platform, stream, "erasable"), None)
        self._keys.forget(key_owner(stream, "erasable"))

    def holds(self, platform: str, stream: str, cls: PartClass) -> bool:
        """Whether a key of this class lies in the database, whether it opens or not."""
        return (platform, stream, cls) in self._stored

    def check(self, platform: str, stream: str, cls: PartClass) -> None:
        """Open the key of a class if the stream has one. Raises StoreDamaged if it does not open."""
        name = platform, stream, cls
        if name in self._stored and name not in self._open:
            self._open[name] = self._keys.open(platform, key_owner(stream, cls), self._stored[name])

    def made(self, platform: str, stream: str, cls: PartClass) -> bytes | None:
        """Make the key of a class where the stream has none, and give it as it is to be stored."""
        if (platform, stream, cls) in self._open:
            return None
        stored, self._open[platform, stream, cls] = self._keys.new(platform, key_owner(stream, cls), self._entropy)
        self._stored[platform, stream, cls] = stored
        return stored

    def erasable(self, platform: str, stream: str) -> DataKey | None:
        """The key of what is erasable in a stream, None if it has none. Raises StoreDamaged if it does not open."""
        self.check(platform, stream, "erasable")
        return self._open.get((platform, stream, "erasable"))

    @property
    def master_key_id(self) -> str:
        """Which master key wraps what is new; empty where there is none."""
        return self._keys.current

    def seal(self, platform: str, stream: str, seq: int, part: Part) -> bytes:
        """A part as it is stored. `check` and `made` were called for its class before."""
        key = self._open[platform, stream, part.cls]
        return key.encrypt(
            part.salt + part.data, _bound(platform, stream, seq, part.name, part.cls), self._entropy(_NONCE)
        )

    def open(self, platform: str, stream: str, seq: int, name: str, said: Sealed, data: bytes) -> Part | None:
        """A part, None if it is not the one of which its event speaks, or opens with no key."""
        try:
            self.check(platform, stream, said.cls)
            bound = _bound(platform, stream, seq, name, said.cls)
            plain = self._open[platform, stream, said.cls].decrypt(data, bound)
        except (InvalidTag, KeyError, StoreDamaged):
            return None
        found = Part(name, said.cls, plain[:SALT_BYTES], plain[SALT_BYTES:])
        return found if opens(said, found) else None


def _bound(platform: str, stream: str, seq: int, name: str, cls: str) -> bytes:
    return f"kz-compliance/part/v1\n{platform}\n{stream}\n{seq}\n{name}\n{cls}".encode()


# -------------------------------------------------------------------------------------------- what is personal in a row
# The border where what is personal in a row is encrypted: what was said of an attempt, and names of objects.
#
# Everything above sees plain values. docs/concepts/privacy.md lists every column and what protects it.


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
        return (
            b"" if key is None else key.encrypt(detail, _context_of(rows.attempt_row(attempt)), self._entropy(_NONCE))
        )

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
                return key.decrypt(detail, _context_of(row))
        what = "attempts.detail is not as it was written"
        if self._unreadable is None:
            raise StoreDamaged(f"{what}: it was changed from outside, or belongs to another row.", reference=row[1])
        self._unreadable.append(what)
        return detail

    # ------------------------------------------------------------------------------------------ names of objects

    def keyed(self, platform_id: str, *what: object) -> str:
        """The digest of something under the platform's object key, 32 hex digits."""
        return self._names.of(platform_id, "\x1f".join(map(str, what)))[:32]


def _context_of(attempt: Sequence[Any]) -> bytes:
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


class PrivateStatements:
    """Parameters of each are named `k_` for keys and `v_` for values; the order is that of `names`."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        held, tried = tables.platform_keys.c, tables.attempts.c
        named = held.platform_id == bindparam("k_platform_id"), held.name == bindparam("k_name")
        self.platform_key = compiled(select(held.key).where(*named))
        self.keep_platform_key = compiled(insert(tables.platform_keys))
        of_case = tried.platform_id == bindparam("k_platform_id"), tried.case_id == bindparam("k_case_id")
        self.erase = compiled(update(tables.attempts).where(*of_case).values(detail=b""))
