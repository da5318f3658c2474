"""What must hold after a pair, read by plain SQL from the file: not one line of the library decides about it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.transitions import TRANSITIONS
from tests.journey.races.host import Came

ROWS = {(str(r.source) if r.source else None, r.verb, str(r.target)) for r in TRANSITIONS}
_KINDS = {
    "propose_measure": "propose", "propose_refusal": "propose", "approve_what_is_there": "approve",
    "confirm": "confirm_suspension", "end": "end_suspension",
}  # fmt: skip
_COUNTED = ("claim", "propose", "approve", "send_back", "undo", "renew", "release", "confirm_suspension",
            "end_suspension", "cancel", "amend")  # fmt: skip

_REVIEWED = (
    "SELECT kind, content, people FROM events JOIN streams ON stream = n WHERE name = ? AND kind IN ('proposed',"
    " 'approved') ORDER BY seq"
)


def violations(path: Path, case_id: str, came: Sequence[Came], since: int) -> list[str]:
    """Everything that does not hold for this case. `since` is how many events it had before the two acts."""
    # The store's own build of SQLite: a second one in this process would drop the locks of the first.
    module = choose_driver().module
    with closing(module.connect(path)) as db:
        db.row_factory = module.Row
        case = db.execute("SELECT * FROM cases WHERE id = ?", (case_id,)).fetchone()
        events = db.execute("SELECT * FROM audit WHERE case_id = ? ORDER BY seq", (case_id,)).fetchall()
        reviewed = db.execute(_REVIEWED, (f"case/{case_id}",)).fetchall()
        messages = db.execute("SELECT * FROM outbox WHERE case_id = ?", (case_id,)).fetchall()
        attempts = db.execute("SELECT * FROM attempts WHERE case_id = ?", (case_id,)).fetchall()
    told = [(event, json.loads(event["content"])["data"]) for event in events]
    return [
        *_chain(case, events),
        *_moves(case, told),
        *_leases(told),
        *_decisions(reviewed, told),
        *_outcome(told[since:], came),
        *_effects(messages, attempts, told[since:], came),
    ]


Told = Sequence[tuple[Any, dict[str, Any]]]


def _chain(case: Any, events: Sequence[Any]) -> Iterator[str]:
    prev = "0" * 64
    for number, event in enumerate(events, 1):
        text = b"kz-compliance/audit-event/v1\n" + event["prev"].encode() + b"\n" + event["content"]
        if event["seq"] != number or event["prev"] != prev or hashlib.sha256(text).hexdigest() != event["hash"]:
            yield f"chain: event {event['seq']} does not follow the one before it"
        prev = event["hash"]
    if (case["audit_seq"], case["audit_head"]) != (len(events), prev):
        yield "chain: the case names another head"


def _moves(case: Any, told: Told) -> Iterator[str]:
    state = None
    for event, data in told:
        if "to" not in data:
            continue
        if data["from"] != state or (data["from"], event["kind"], data["to"]) not in ROWS:
            yield f"moves: {event['kind']} from {data['from']} to {data['to']} while the case was {state}"
        state = data["to"]
    if case["state"] != state:
        yield f"moves: the case is {case['state']}, its events end in {state}"


def _leases(told: Told) -> Iterator[str]:
    """Who writes under a lease holds it: nobody writes under one that was lost."""
    holder, until, token = "", 0, 0
    for event, data in told:
        kind, actor, at = event["kind"], event["actor"], event["at"]
        if kind == "claim":
            if holder and at < until:
                yield f"leases: {actor} claimed what {holder} held"
            if data["token"] <= token:
                yield f"leases: the token {data['token']} was given out before"
            holder, until, token = actor, data["until"], data["token"]
        elif kind in ("renew", "release", "request_clarification") or kind == "propose":
            if actor != holder or at >= until or data.get("token", token) != token:
                yield f"leases: {kind} by {actor} at {at}; {holder or 'nobody'} held it until {until}"
            until = data["until"] if kind == "renew" else until
        if kind in ("release", "expire", "propose", "cancel", "amend", "answer") and data.get("to") != "claimed":
            holder, until = "", 0


def _decisions(reviewed: Sequence[Any], told: Told) -> Iterator[str]:
    """What the ledger says of proposals and approvals, held against each other and against the audit trail."""
    proposals, approvals = _by_version(reviewed, "proposed"), _by_version(reviewed, "approved")
    if sorted(proposals) != list(range(1, len(proposals) + 1)):
        yield "decisions: their versions have a gap"
    effective: Counter[int] = Counter()
    proposer: dict[int, str] = {}
    for event, data in told:
        if event["kind"] not in ("propose", "approve"):
            continue
        version = data["decision"]
        if event["actor"] not in (proposals if event["kind"] == "propose" else approvals).get(version, {}):
            yield f"decisions: the event {event['seq']} speaks of a decision that is not there"
        if event["kind"] == "propose":
            if version in proposer:
                yield f"decisions: the version {version} was proposed twice"
            proposer[version] = event["actor"]
        elif proposer.get(version) == event["actor"]:
            yield f"decisions: {event['actor']} approved their own proposal"
        effective[version] += data["to"] == "decided"
    yield from (f"decisions: the version {v} took effect {n} times" for v, n in effective.items() if n > 1)
    for version, by in proposals.items():
        approved_by = approvals.get(version, {})
        if len(by) > 1 or len(approved_by) > 1:
            yield f"decisions: the version {version} was proposed or approved twice"
        if by.keys() & approved_by.keys():
            yield f"decisions: {', '.join(by)} stands as proposer and approver"
        if any(said["data"].get("four_eyes") for said in by.values()) and effective[version] and not approved_by:
            yield f"decisions: the version {version} took effect without a second person"
        if approved_by and not effective[version]:
            yield f"decisions: the version {version} is approved and never took effect"


def _by_version(reviewed: Sequence[Any], kind: str) -> dict[int, dict[str, Any]]:
    """The contents of the events of this kind, by the decision that they speak of and by who acted."""
    found: dict[int, dict[str, Any]] = {}
    for event in reviewed:
        if event["kind"] == kind:
            said = json.loads(event["content"])
            found.setdefault(said["data"]["decision"], {})[json.loads(event["people"])["id"]] = said
    return found


def _outcome(told: Told, came: Sequence[Came]) -> Iterator[str]:
    """Each act that was told it is done has its event, and no other has."""
    happened = Counter((event["kind"], event["actor"]) for event, _ in told if event["kind"] in _COUNTED)
    expected: Counter[tuple[str, str]] = Counter()
    for one in came:
        kind = _KINDS.get(one.act, one.act)
        if one.done and kind in _COUNTED:
            expected[kind, one.by or "system"] += 1
    if happened != expected:
        yield f"outcome: told {sorted(expected.items())}, written {sorted(happened.items())}"
    digests = [data["digest"] for event, data in told if event["kind"] in ("propose", "approve")]
    if sorted(digests) != sorted(one.digest for one in came if one.done and one.digest):
        yield "outcome: another decision was written than the one that was told"


def _effects(messages: Sequence[Any], attempts: Sequence[Any], told: Told, came: Sequence[Came]) -> Iterator[str]:
    calls = [call for one in came for call in one.calls if call[0] in ("enforce", "restore")]
    if any(n > 1 for n in Counter(calls).values()):
        yield f"effects: carried out twice: {calls}"
    undone = any(event["kind"] == "undo" for event, _ in told)
    tried = [row for row in attempts if row["message_id"] in {m["id"] for m in messages if m["kind"] == "enforce"}]
    if undone and (calls or tried):
        yield f"effects: undone, and carried out all the same: {calls}"
    for message in messages:
        if undone and message["kind"] == "enforce" and message["state"] != "void":
            yield f"effects: undone, and the message is still {message['state']}"
