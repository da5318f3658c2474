"""Which key the regulator signs with: one for everything, or one of its own for a platform or an authority.

A key is pinned to one platform on the other side, and to the authorities for which its holder may speak, so a regulator
with several of either has several keys, and changes each of them some day.
"""

from __future__ import annotations

from collections.abc import Iterable

from kz_compliance_sdk.wire.signature import SigningKey

__all__ = ["SigningKeys"]


class SigningKeys:
    """The key in use for each purpose, and the spare ones that a rotation can name."""

    def __init__(self, key: SigningKey, spare: Iterable[SigningKey] = ()) -> None:
        self._known = {each.key_id: each for each in (key, *spare)}
        self._used: dict[tuple[str | None, str | None], SigningKey] = {(None, None): key}

    @property
    def known(self) -> tuple[SigningKey, ...]:
        """Every key, in the order in which they became known."""
        return tuple(self._known.values())

    def of(self, platform_id: str, authority_id: str | None = None) -> SigningKey:
        """The key that signs what an authority says to a platform; without an authority, what the regulator says."""
        used = self._used
        for purpose in ((platform_id, authority_id), (platform_id, None), (None, authority_id)):
            if purpose in used and purpose != (None, None):
                return used[purpose]
        return used[None, None]

    def rotate(
        self, key_id: str | None = None, *, platform_id: str | None = None, authority_id: str | None = None
    ) -> SigningKey:
        """Sign with another key from now on, for one platform, one authority, or everything that has no key of its own.

        Without `key_id` it is the known key that comes after the one in use. Raises KeyError.
        """
        if key_id is None:
            at = self._used.get((platform_id, authority_id), self._used[None, None])
            names = list(self._known)
            following = names[names.index(at.key_id) + 1 :]
            if not following:
                raise KeyError("there is no key left to rotate to: give spare_keys")
            key_id = following[0]
        if key_id not in self._known:
            raise KeyError(f"no key {key_id!r} is known: give it in spare_keys")
        self._used[platform_id, authority_id] = self._known[key_id]
        return self._known[key_id]
