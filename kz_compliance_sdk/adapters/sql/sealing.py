"""The parts of the ledger as they are stored: each encrypted under the key of its stream and class.

    part  = nonce (12 bytes) || AES-256-GCM(key, salt (16 bytes) || bytes, bound)
    bound = "kz-compliance/part/v1\\n" || platform || "\\n" || stream || "\\n" || seq || "\\n" || name || "\\n" || class

To destroy the key of a class is to erase all of that class, in every copy that does not hold the key as well.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag

from kz_compliance_sdk.adapters.sql.keys import DataKey, MasterKeys
from kz_compliance_sdk.domain.ledger import SALT_BYTES, Part, PartClass, Sealed, opens
from kz_compliance_sdk.errors import StoreDamaged

__all__ = ["PartKeys", "key_owner"]

_NONCE = 12


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

    def erasable(self, platform: str, stream: str) -> bytes | None:
        """The key of what is erasable in a stream, None if it has none. Raises StoreDamaged if it does not open."""
        stored = self._stored.get((platform, stream, "erasable"))
        return None if stored is None else self._keys.unwrap(platform, key_owner(stream, "erasable"), stored)

    @property
    def master_key_id(self) -> str:
        """Which master key wraps what is new; empty where there is none."""
        return self._keys.current

    def seal(self, platform: str, stream: str, seq: int, part: Part) -> bytes:
        """A part as it is stored. `check` and `made` were called for its class before."""
        key = self._open[platform, stream, part.cls]
        return key.encrypt(part.salt + part.data, _bound(platform, stream, seq, part), self._entropy(_NONCE))

    def open(self, platform: str, stream: str, seq: int, name: str, said: Sealed, data: bytes) -> bytes | None:
        """The bytes of a part, None if they are not those of which its event speaks, or open with no key."""
        try:
            self.check(platform, stream, said.cls)
            bound = _bound(platform, stream, seq, Part(name, said.cls, b"", b""))
            plain = self._open[platform, stream, said.cls].decrypt(data, bound)
        except (InvalidTag, KeyError, StoreDamaged):
            return None
        found = Part(name, said.cls, plain[:SALT_BYTES], plain[SALT_BYTES:])
        return found.data if opens(said, found) else None


def _bound(platform: str, stream: str, seq: int, part: Part) -> bytes:
    return f"kz-compliance/part/v1\n{platform}\n{stream}\n{seq}\n{part.name}\n{part.cls}".encode()
