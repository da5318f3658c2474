"""Notices as they reach a platform: issued in the regulator's books, signed for the platform's address, or broken."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.broken import BROKEN, Recipe, names
from kz_compliance_sdk.testing.mock_regulator import Answer, InProcessSender, IssuedMessage, MockRegulator

_HOUR: Final = 3_600

Items = int | Sequence[Item | Mapping[str, Any]]
"""How many items a notice has, or which: each as an Item, or in its published shape."""


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """One request to the platform's intake. `expected` is the status that the contract answers.

    `message` is the notice as the regulator issued it, to be pushed by `MockRegulator.push`; `send` sends these very
    bytes, broken as they may be.
    """

    notice: Notice
    message: IssuedMessage
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    expected: int
    sender: InProcessSender

    @property
    def target(self) -> str:
        """The raw target of the request line."""
        return urlsplit(self.url).path

    @property
    def request(self) -> tuple[str, str, list[tuple[str, str]], bytes]:
        """What `ComplianceDesk.receive` takes: `desk.receive(*signed.request)`."""
        return self.method, self.target, list(self.headers), self.body

    def send(self) -> Answer:
        """Send it to the platform in this process. Raises LookupError if no platform was named."""
        return self.sender.request(self.method, self.url, self.headers, self.body)


class NoticeFactory:
    """Makes notices of a regulator. Each call makes another one; a `seed` makes that one, once."""

    def __init__(self, regulator: MockRegulator, sender: InProcessSender, seed: int = 1) -> None:
        self._regulator, self._sender = regulator, sender
        self._seeds = itertools.count(seed)

    def __call__(self, seed: int | None = None, *, items: Items = 1, **overrides: Any) -> SignedNotice:
        """A valid notice with so many items, or with these, signed and not yet sent. `overrides` replace its fields.

        `seed` chooses its category, its authority and its languages. Raises pydantic's ValidationError for an
        override that the contract does not allow, and Refused if this notice was issued before.
        """
        return self._signed(self._issued(seed, items, overrides), None)

    def value(self, seed: int | None = None, *, items: Items = 1, **overrides: Any) -> Notice:
        """The notice alone, not issued: for `MockRegulator.issue`, of whichever regulator. Raises ValidationError."""
        given = {"platform_id": self._regulator.books.platform_id, "issued_at": self._regulator.now(), **overrides}
        return builders.notice(next(self._seeds) if seed is None else seed, items=items, **given)

    def broken(self, how: str, seed: int | None = None, *, items: Items = 1, **overrides: Any) -> SignedNotice:
        """A notice that must not be taken as one, broken in the way `how` of `testing.broken`.

        Raises ValueError for a way that is unknown, or that the regulator's profile does not have.
        """
        known = names(self._regulator.profile)
        if how not in known:
            raise ValueError(f"how: {how!r} is no way to break a notice here; use one of: {', '.join(known)}")
        return self._signed(self._issued(seed, items, overrides), how)

    def _issued(self, seed: int | None, items: Items, overrides: dict[str, Any]) -> IssuedMessage:
        return self._regulator.issue(self.value(seed, items=items, **overrides))

    def _signed(self, message: IssuedMessage, how: str | None) -> SignedNotice:
        recipe = Recipe(202, None, "") if how is None else BROKEN[how]
        sent, flaw = recipe.change(message.body), recipe.flaw
        headers = [("content-type", "text/plain" if flaw == "media_type" else "application/json")]
        headers += self._regulator.signature(
            message.platform_id,
            message.id,
            message.body if flaw == "tampered" else sent,
            authority_id=message.authority_id,
            how=flaw if flaw in ("unsigned", "wrong_key", "tampered", "other_target") else None,
            before_s=_HOUR if flaw == "stale" else 0,
        )
        assert isinstance(message.data, Notice)  # noqa: S101 - for the type checker: `issue` issues nothing else
        return SignedNotice(
            notice=message.data,
            message=message,
            method="GET" if flaw == "method" else "POST",
            url=self._regulator.platforms[message.platform_id].intake_url,
            headers=tuple(headers),
            body=sent,
            expected=recipe.status,
            sender=self._sender,
        )
