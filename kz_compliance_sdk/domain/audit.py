"""The audit trail of a case: a chain of events in which each hash covers the one before it.

What a person wrote (reasons, notes) enters the chain only as a salted digest. The text and its salt are
kept beside the chain, so that erasing them later leaves every hash as it was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kz_compliance_sdk.domain.canonical import Json, canonical, encoded
from kz_compliance_sdk.domain.happened import Happened

GENESIS = "0" * 64
_EVENT = b"kz-compliance/audit-event/v1\n"
_SEALED = b"kz-compliance/sealed-text/v1\n"
_NONCE = b"kz-compliance/event-nonce/v1\n"
_KINDS = {"seq": int, "at": int, "kind": str, "actor": str, "content": bytes, "prev": str, "hash": str}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an id that the host's authentication vouches for, and that person's roles.

    `account` is the account that the person came in by, where the host knows it. It gives no right; every event that
    the person causes names it, and whoever comes in by the account of the first person is no second one
    (`persons.py`). `country` is where the host's
    authentication says that the person is (two letters, such as `DE`; empty: it does not say); policy can ask for an
    approver outside Kazakhstan.
    """

    id: str
    roles: frozenset[str] = frozenset()
    account: str = ""
    country: str = ""


SYSTEM = Actor("system", frozenset({"system"}))


def _no_key(*_what: object) -> str:
    raise ValueError("this stamp has no key: a digest without one could be guessed from")


@dataclass(frozen=True, slots=True)
class Stamp:
    """When (UTC seconds) and by whom; `salt` is fresh randomness for the texts that this act seals, and for the nonce
    that keeps the name in an event from being guessed out of its hash. `keyed` gives the digest of something under the
    platform's object key, 32 hex digits: the transaction's, which alone has that key."""

    at: int
    actor: Actor
    salt: bytes = b""
    keyed: Callable[..., str] = field(default=_no_key, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SealedText:
    """A text behind a digest in the chain. Erasing `text` and `salt` leaves the chain whole."""

    name: str
    salt: str
    text: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One link: `content` holds the exact bytes that were hashed. `tells` is the same in the events of the ledger."""

    platform_id: str
    case_id: str
    seq: int
    at: int
    kind: str
    actor: str
    content: bytes
    prev: str
    hash: str
    sealed: tuple[SealedText, ...] = ()
    tells: tuple[Happened, ...] = field(default=(), compare=False)


def event_hash(prev: str, content: bytes) -> str:
    """The hash of an event: lower-case hex SHA-256 over the domain, the hash before it, and its bytes."""
    return hashlib.sha256(_EVENT + prev.encode() + b"\n" + content).hexdigest()


def sealed_digest(salt: str, text: str) -> str:
    """The digest that stands in the chain for a sealed text."""
    return hashlib.sha256(_SEALED + salt.encode() + b"\n" + text.encode()).hexdigest()


def next_event(
    platform_id: str,
    case_id: str,
    seq: int,
    prev: str,
    stamp: Stamp,
    kind: str,
    data: Mapping[str, Json],
    texts: Mapping[str, str] | None = None,
    tells: Sequence[Happened] = (),
) -> AuditEvent:
    """The event that follows `prev`. Raises ValueError if there are texts to seal and the stamp has no salt."""
    sealed: list[SealedText] = []
    if texts:
        if len(stamp.salt) < 16:
            raise ValueError("a stamp that seals texts needs 16 bytes of salt")
        for name, text in texts.items():
            salt = hmac.digest(stamp.salt, name.encode(), "sha256").hex()
            sealed.append(SealedText(name, salt, text))
        data = {**data, "sealed": {s.name: sealed_digest(s.salt, s.text) for s in sealed}}
    if stamp.actor.account:
        data = {**data, "account": stamp.actor.account}
    if stamp.salt:
        # Whoever holds an event's hash and all of it but the name could otherwise try one colleague after the other.
        place = f"{case_id}\n{seq}".encode()
        data = {**data, "nonce": hmac.digest(stamp.salt, _NONCE + place, "sha256").hex()[:32]}
    content = encoded(
        {
            "platform": platform_id,
            "case": case_id,
            "seq": seq,
            "at": stamp.at,
            "kind": kind,
            "actor": stamp.actor.id,
            "data": data,
        }
    )
    return AuditEvent(
        platform_id,
        case_id,
        seq,
        stamp.at,
        kind,
        stamp.actor.id,
        content,
        prev,
        event_hash(prev, content),
        tuple(sealed),
        tuple(tells),
    )


def told(events: Sequence[AuditEvent]) -> Iterator[tuple[AuditEvent, Mapping[str, Any]]]:
    """Each event with the facts that it holds; one that cannot be read is left out, the chain names it."""
    for event in events:
        try:
            data = json.loads(event.content)["data"]
        except (ValueError, TypeError, LookupError):
            continue
        if isinstance(data, dict):
            yield event, data


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the chain does not hold."""

    case_id: str
    seq: int
    what: str


def verify_chain(
    case_id: str, events: Iterable[AuditEvent], *, head: str | None = None, length: int | None = None
) -> tuple[Fault, ...]:
    """Every fault of one case's chain, in order. `head` and `length` are what the case says of its own chain;
    with neither, a cut tail cannot be seen."""
    faults: list[Fault] = []
    prev, expected, last = GENESIS, 1, GENESIS
    for event in events:
        if odd := _odd_columns(event):
            faults.append(
                Fault(case_id, expected, f"cannot be read: {', '.join(odd)} of another type than was written")
            )
            prev, expected, last = event.hash, expected + 1, event.hash
            continue
        if event.seq != expected:
            faults.append(Fault(case_id, event.seq, f"event {expected} is missing, or events are out of order"))
        if event.prev != prev:
            faults.append(Fault(case_id, event.seq, "does not follow the event before it"))
        if event_hash(event.prev, event.content) != event.hash:
            faults.append(Fault(case_id, event.seq, "its content or its hash was changed"))
        if not _columns_match(event):
            faults.append(Fault(case_id, event.seq, "its columns disagree with the bytes that were hashed"))
        faults.extend(_sealed_faults(event))
        prev, expected, last = event.hash, event.seq + 1, event.hash
    if head is not None and head != last:
        faults.append(Fault(case_id, expected - 1, "the chain ends elsewhere than the case says: cut, or rewritten"))
    if length is not None and length != expected - 1:
        faults.append(Fault(case_id, expected - 1, f"the case counts {length} events, the chain {expected - 1}"))
    return tuple(faults)


def _odd_columns(event: AuditEvent) -> list[str]:
    """A database that is typed row by row gives back whatever somebody has put there."""
    return [name for name, kind in _KINDS.items() if type(getattr(event, name)) is not kind]


def _columns_match(event: AuditEvent) -> bool:
    start = canonical({"actor": event.actor, "at": event.at, "case": event.case_id})[:-1]
    rest = canonical({"kind": event.kind, "platform": event.platform_id, "seq": event.seq})[1:]
    return event.content.startswith(start) and event.content.endswith(rest)


def _sealed_faults(event: AuditEvent) -> list[Fault]:
    faults = []
    for text in event.sealed:
        if not (type(text.name) is type(text.salt) is type(text.text) is str):
            faults.append(Fault(event.case_id, event.seq, f"the sealed text {text.name!r} cannot be read"))
            continue
        wanted = canonical({text.name: sealed_digest(text.salt, text.text)})[1:-1]
        if wanted not in event.content:
            faults.append(Fault(event.case_id, event.seq, f"the sealed text {text.name!r} is not the one hashed"))
    return faults
