"""A platform's content that obeys the port, and does what a test tells it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable

from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.ports import Reference, Resolved
from kz_compliance_sdk.services.looking import Seen


class FakeContent:
    """Whatever is asked for exists, under the name that the notice gives it, until a test says otherwise.

    `calls` is every reference that was asked for, in its order. `clock` gives UTC seconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._texts: dict[str, str | None] = {}
        self._faults: deque[Exception] = deque()
        self.calls: list[Reference] = []

    def write(self, name: str, text: str) -> None:
        """Change the content: its digest becomes another."""
        self._texts[name] = text

    def remove(self, name: str) -> None:
        """The content is gone, as when its author deletes it."""
        self._texts[name] = None

    def fail_next(self, *faults: Exception) -> None:
        """Raise these in the next calls."""
        self._faults.extend(faults)

    def resolve(self, reference: Reference) -> Resolved:
        """What the content is now. Its name is the object's id, the account or the address, the first that is given."""
        self.calls.append(reference)
        if self._faults:
            raise self._faults.popleft()
        name = reference.object_id or reference.account_ref or reference.url
        text = self._texts.get(name, f"the content of {name}")
        if text is None:
            return Resolved(name, "", available=False, at=self._clock())
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Resolved(name, digest, available=True, at=self._clock(), preview=text[:80])


def naming(proposal: Proposal, seen: Iterable[Seen]) -> Proposal:
    """The proposal with the digest that was seen of each item."""
    digests = {one.item_id: one.digest or None for one in seen}
    items = tuple(
        item.model_copy(update={"content_sha256": digests.get(item.item_id)}) if item.is_measure else item
        for item in proposal.items
    )
    return proposal.model_copy(update={"items": items})
