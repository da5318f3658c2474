"""Holding two sets of books against each other: what this side sent and believes, and what the regulator recorded.

Plain values in, differences in words out; nothing here talks to anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from kz_compliance_sdk.domain.change import OutboxMessage

Kind = Literal["acknowledgement", "clarification", "report"]
_SHELVES: Final[Mapping[Kind, str]] = {
    "report": "reports",
    "acknowledgement": "acknowledgements",
    "clarification": "clarification_requests",
}
KINDS: Final = tuple(_SHELVES)
"""What goes to the regulator and is answered with a receipt."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, with every difference that was found. `told` says what was looked at."""

    name: str
    told: str
    differences: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of our outbox for the regulator. `receipt_id` is empty where no receipt is in hand."""

    id: str
    kind: Kind
    notice_id: str
    body_sha256: str
    receipt_id: str = ""

    @classmethod
    def of(cls, notice_id: str, message: OutboxMessage) -> Self:
        """A message of a desk's outbox, about a notice. Raises ValueError for one of another kind."""
        kind = next((each for each in KINDS if each == message.kind), None)
        if kind is None:
            raise ValueError(f"a {message.kind} does not go to the regulator")
        receipt = json.loads(message.receipt)["receipt_id"] if message.receipt else ""
        return cls(message.id, kind, notice_id, hashlib.sha256(message.body).hexdigest(), receipt)


def receipts(kind: Kind, sent: Iterable[Sent], books: Mapping[str, Any]) -> Check:
    """Every message of a kind is recorded exactly once, with our bytes and under the receipt that we hold; and nothing
    is recorded that we did not send."""
    ours = {message.id: message for message in sent if message.kind == kind}
    theirs = [
        (notice_id, recorded) for notice_id, notice in books["notices"].items() for recorded in notice[_SHELVES[kind]]
    ]
    found: list[str] = []
    for key, times in Counter(recorded["idempotency_key"] for _, recorded in theirs).items():
        if times > 1:
            found.append(f"{kind} {key} is recorded {times} times")
        if key not in ours:
            found.append(f"{kind} {key} is in the regulator's books and not in ours")
    recorded_of = {recorded["idempotency_key"]: (notice_id, recorded) for notice_id, recorded in theirs}
    for message in ours.values():
        if message.id not in recorded_of:
            found.append(f"{kind} {message.id} about {message.notice_id} is in our books and not in the regulator's")
            continue
        notice_id, recorded = recorded_of[message.id]
        for what, our, their in (
            ("notice", message.notice_id, notice_id),
            ("SHA-256", message.body_sha256, recorded["body_sha256"]),
            ("receipt", message.receipt_id or "none", recorded["receipt"]["receipt_id"]),
        ):
            if our != their:
                found.append(f"{kind} {message.id} about {message.notice_id}: {what} {our} here, {their} there")
    return Check(f"{_SHELVES[kind].replace('_', ' ')} agree", f"{len(ours)} here, {len(theirs)} there", tuple(found))


def acknowledgements(revisions: Mapping[str, Iterable[int]], books: Mapping[str, Any]) -> Check:
    """Every revision that reached us is acknowledged in the regulator's books, once."""
    expected = {(notice_id, revision) for notice_id, each in revisions.items() for revision in each}
    held = Counter(
        (notice_id, recorded["body"]["revision"])
        for notice_id, notice in books["notices"].items()
        for recorded in notice["acknowledgements"]
    )
    found = [f"{notice_id} revision {no} is not acknowledged" for notice_id, no in sorted(expected - set(held))]
    found += [f"{notice_id} revision {no} never reached us" for notice_id, no in sorted(set(held) - expected)]
    found += [f"{key[0]} revision {key[1]} is acknowledged {n} times" for key, n in sorted(held.items()) if n > 1]
    return Check("no acknowledgement is missing", f"{len(expected)} revisions", tuple(found))


def outcomes(decided: Mapping[str, Mapping[str, str]], books: Mapping[str, Any]) -> Check:
    """What the regulator holds of each item is what was decided about it. `decided` is by notice and item."""
    found = []
    for notice_id, expected in decided.items():
        notice = books["notices"].get(notice_id)
        held = notice["outcomes"] if notice is not None else {}
        for item_id in sorted({*expected, *held}):
            ours, theirs = expected.get(item_id, "nothing"), held.get(item_id, "nothing")
            if ours != theirs:
                found.append(f"{notice_id} item {item_id}: {ours} was decided, the regulator holds {theirs}")
        reports = notice["reports"] if notice is not None else []
        if expected and not (reports and reports[-1]["body"]["final"]):
            found.append(f"{notice_id}: the last report is not final")
    items = sum(len(each) for each in decided.values())
    return Check("the regulator holds what was decided", f"{items} items of {len(decided)} notices", tuple(found))


def effects(decided: Mapping[str, str], platform: Mapping[str, str], changes: Sequence[tuple[str, int]]) -> Check:
    """The platform's objects are as decided, and no effect changed an object twice. `changes` are the object and the
    version of each change, in their order."""
    found = []
    for key in sorted({*decided, *platform}):
        ours, theirs = decided.get(key), platform.get(key)
        if ours != theirs:
            words = ["untouched" if value is None else value or "nothing in force" for value in (ours, theirs)]
            found.append(f"{key}: {words[0]} was decided, {words[1]} is there")
    found += [f"{key} version {no} was carried out {n} times" for (key, no), n in Counter(changes).items() if n > 1]
    highest: dict[str, int] = {}
    for key, version in changes:
        if version < highest.get(key, 0):
            found.append(f"{key}: version {version} was carried out after version {highest[key]}")
        highest[key] = max(version, highest.get(key, 0))
    return Check("the platform's objects are as decided", f"{len(decided)} objects", tuple(found))


def outbox(states: Iterable[tuple[str, str, str]]) -> Check:
    """Nothing is left to be sent, but to users: a platform may have no way to them. Each state is that of a message:
    its id, its kind, its state."""
    every = [one for one in states if one[1] != "user_notice"]
    left = tuple(f"{kind} {name} is {state}" for name, kind, state in every if state not in ("done", "void"))
    return Check("the outbox is empty", f"{len(every)} messages, all settled" if not left else "not all settled", left)
