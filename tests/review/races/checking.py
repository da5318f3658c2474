"""What must hold after a pair, read by plain SQL from the file: not one line of the library decides about it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.values import message_id
from tests.review.races.host import Came

_KINDS = {
    "propose_measure": "proposed", "propose_refusal": "proposed", "propose": "proposed", "claim": "claimed",
    "approve_what_is_there": "approved", "approve": "approved", "send_back": "sent_back", "undo": "undone",
    "renew": "renewed", "release": "released", "confirm": "suspension_confirmed", "end": "suspension_ended",
    "cancel": "cancelled", "amend": "amended",
}  # fmt: skip
_COUNTED = frozenset(_KINDS.values())
_EVENTS = "SELECT events.* FROM events JOIN streams ON stream = n WHERE name = ? ORDER BY seq"


@contextmanager
def asking(path: Path, url: str = "") -> Iterator[Callable[..., list[Any]]]:
    """What runs plain SQL on the file, or on the PostgreSQL database of this URL."""
    if url:
        import psycopg

        with psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            yield lambda sql, *values: connection.execute(sql.replace("?", "%s"), values).fetchall()
        return
    # The store's own build of SQLite: a second one in this process would drop the locks of the first.
    module = choose_driver().module
    with closing(module.connect(path)) as db:
        db.row_factory = module.Row
        yield lambda sql, *values: db.execute(sql, values).fetchall()


def violations(path: Path, case_id: str, came: Sequence[Came], since: int, url: str = "") -> list[str]:
    """Everything that does not hold for this case. `since` is how many events it had before the two acts."""
    with asking(path, url) as ask:
        events = ask(_EVENTS, f"case/{case_id}")
        messages = ask("SELECT * FROM outbox WHERE case_id = ?", case_id)
        attempts = ask("SELECT * FROM attempts WHERE case_id = ?", case_id)
    people: dict[int, str] = {0: "system"}
    told = [_told(event, people) for event in events]
    return [
        *_chain(events),
        *_leases(told),
        *_decisions(told),
        *_outcome(told[since:], came),
        *_effects(messages, attempts, told[since:], came),
    ]


@dataclass(frozen=True)
class Event:
    """An event in plain data: `actor` is who did it, by the people of the chain."""

    seq: int
    kind: str
    actor: str
    at: int
    data: dict[str, Any]


def _told(event: Any, people: dict[int, str]) -> Event:
    said = json.loads(event["content"])
    (person, _), who = said.get("by", (0, 0)), json.loads(event["people"] or b"{}")
    if "id" in who:
        people[person] = who["id"]
    return Event(said["seq"], said["kind"], people[person], said["at"], said["data"])


Told = Sequence[Event]


def _chain(events: Sequence[Any]) -> Iterator[str]:
    before = bytes(32)
    for number, event in enumerate(events, 1):
        digests = hashlib.sha256(event["content"]).digest() + hashlib.sha256(event["people"]).digest()
        hash_ = hashlib.sha256(b"kz-compliance/event/v2\n" + before + digests).digest()
        if event["seq"] != number or hash_ != event["hash"]:
            yield f"chain: event {event['seq']} does not follow the one before it"
        before = event["hash"]


def _leases(told: Told) -> Iterator[str]:
    """Who writes under a lease holds it: nobody writes under one that was lost."""
    holder, until, token = "", 0, 0
    for one in told:
        if one.kind == "claimed":
            if holder and one.at < until:
                yield f"leases: {one.actor} claimed what {holder} held"
            if one.data["token"] <= token:
                yield f"leases: the token {one.data['token']} was given out before"
            holder, until, token = one.actor, one.data["until"], one.data["token"]
        elif one.kind in ("renewed", "released", "asked", "proposed"):
            if one.actor != holder or one.at >= until:
                yield f"leases: {one.kind} by {one.actor} at {one.at}; {holder or 'nobody'} held it until {until}"
            until = one.data["until"] if one.kind == "renewed" else until
        ends = one.kind in ("released", "expired", "proposed", "amended", "answered")
        if ends or (one.kind == "cancelled" and one.data.get("named") is None):
            holder, until = "", 0


def _decisions(told: Told) -> Iterator[str]:
    """What the ledger says of proposals and approvals, held against each other."""
    effective = Counter(one.data["decision"] for one in told if one.kind == "decided")
    proposals, approvals = _by_version(told, "proposed"), _by_version(told, "approved")
    if sorted(proposals) != list(range(1, len(proposals) + 1)):
        yield "decisions: their versions have a gap"
    yield from (f"decisions: the version {v} took effect {n} times" for v, n in effective.items() if n > 1)
    for version, by in proposals.items():
        approved = approvals.get(version, [])
        if len(by) > 1 or len(approved) > 1:
            yield f"decisions: the version {version} was proposed or approved twice"
        if both := {one.actor for one in by} & {one.actor for one in approved}:
            yield f"decisions: {', '.join(sorted(both))} approved their own proposal"
        if any(one.data.get("four_eyes") for one in by) and effective[version] and not approved:
            yield f"decisions: the version {version} took effect without a second person"
        if approved and not effective[version]:
            yield f"decisions: the version {version} is approved and never took effect"
    for version in approvals.keys() - proposals.keys():
        yield f"decisions: the version {version} was approved and never proposed"


def _by_version(told: Told, kind: str) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = {}
    for one in told:
        if one.kind == kind:
            found.setdefault(one.data["decision"], []).append(one)
    return found


def _outcome(told: Told, came: Sequence[Came]) -> Iterator[str]:
    """Each act that was told it is done has its event, and no other has."""
    happened = Counter((one.kind, one.actor) for one in told if one.kind in _COUNTED)
    expected: Counter[tuple[str, str]] = Counter()
    for one in came:
        if one.done and one.act in _KINDS:
            expected[_KINDS[one.act], one.by or "system"] += 1
    if happened != expected:
        yield f"outcome: told {sorted(expected.items())}, written {sorted(happened.items())}"


def _effects(messages: Sequence[Any], attempts: Sequence[Any], told: Told, came: Sequence[Came]) -> Iterator[str]:
    calls = [call for one in came for call in one.calls if call[0] in ("enforce", "restore")]
    if any(n > 1 for n in Counter(calls).values()):
        yield f"effects: carried out twice: {calls}"
    undone = any(one.kind == "undone" for one in told)
    # What was undone has no row any more.
    enforcing = {
        message_id(f"case/{row['case_id']}", "enforce", 0, *about)
        for row in attempts
        for about in product(range(1, 9), range(1, 9))
    }
    tried = [row for row in attempts if row["message_id"] in enforcing]
    if undone and (calls or tried):
        yield f"effects: undone, and carried out all the same: {calls}"
    for message in messages:
        if undone and message["kind"] == "enforce":
            yield f"effects: undone, and the message is still {message['state']}"
