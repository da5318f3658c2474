"""Which rows of the store are evidence, and what may still happen to them.

Table by table: which columns never change once they are written, which may until the row is final, and which are no
evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kz_compliance_sdk.domain.evidence_rows import Entry, Row, Seen, Since, row_digest

__all__ = ["CHAIN", "NO_EVIDENCE", "TABLES", "Table"]

_Excuse = Callable[[Row, Entry, Since], bool]
_New = Callable[[Row, Since, Seen], bool]
_Emptied = Callable[[Row, Since], bool]


def _never(_row: Row, *_: object) -> bool:
    return False


def _if_moved(_row: Row, _was: object, since: Since) -> bool:
    return since.moved


def _moved_and_later(column: str) -> _New:
    return lambda row, since, _seen: since.moved and since.is_later(row[column])


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of one table are held.

    `fixed` columns, and the key's, never change; `changing` ones may, with an `excuse`, until the row is `final`. `new`
    says whether a row that was not there before can be. `ends`: the case's own moves delete such rows. `emptied` says
    whether the bytes of a row went for good reason though its case was not erased. `ignored` says of the other columns
    why they are no evidence. `lock` is the column that holds the data key of the row's cells: it is another only where
    these were erased, and `opens_again` where something came afterwards.
    """

    key: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    final: Callable[[Row], bool] = _never
    mark: Callable[[Row, str], tuple[str | int | None, ...]] = lambda _row, _salt: ()
    excuse: _Excuse = _if_moved
    new: _New = lambda _row, since, _seen: since.moved
    emptied: _Emptied = lambda _row, _since: False
    ends: bool = False
    lock: str = ""
    opens_again: bool = False
    hidden: frozenset[str] = frozenset()
    """Columns of the key that may name a person's page: they stand in an entry as a digest."""


_SCHEDULE: Final = "when the next try is, which its attempts show"
_LEASE: Final = "who may write just now, which ends by itself"

_CASE_OPEN: Final = tuple(
    "notice_id authority_id quarantine_no revision state category received_at due_at urgent_at closed_at lease_token "
    "lease_owner lease_expires_at audit_seq audit_head doc".split()
)


def _case_moved(row: Row, was: Entry, since: Since) -> bool:
    if row["version"] == was.mark[0]:
        return False
    return since.moved or row_digest(str(was.mark[1]), "cases", row, _CASE_OPEN) == was.mark[2]


def _message_went_on(row: Row, was: Entry, since: Since) -> bool:
    state, attempts, lease = was.mark
    if since.moved or state == "leased" or row["lease_token"] > lease or row["attempts"] > attempts:
        return True
    if state == "parked" and row["state"] == "queued":
        return since.is_later(row["next_attempt_at"])
    return row["state"] == "void" and since.is_later(row["settled_at"])


def _message_can_be_new(row: Row, since: Since, _seen: Seen) -> bool:
    return since.is_later(row["created_at"]) and (since.moved or row["kind"] == "page")


def _attempt_can_be_new(row: Row, _since: Since, seen: Seen) -> bool:
    message = seen.entries.get(("outbox", (row["message_id"],)))
    if message is None:
        return True
    state, attempts, _lease = message.mark
    if row["number"] > attempts or (row["number"] == attempts and state == "leased"):
        return True
    following = seen.entries.get(("attempts", (row["message_id"], row["number"] + 1)))
    return following is not None and following.mark == ("unrecorded",)


def _message_was_applied(row: Row, was: Entry, since: Since) -> bool:
    # A message that waited, or was in quarantine, can be used in another case: an event of that one has to name it.
    return _message_key(row) in since.named or row["case_id"] not in ("", was.mark[0])


def _message_key(row: Row) -> tuple[str, ...]:
    return row["sender"], row["message_id"], row["body_sha256"]


_STAYS: Final = ("type", "notice_id", "status", "reply")
"""What stays of a message when its words go, beside what is fixed."""


def _message_mark(row: Row, salt: str) -> tuple[str | int | None, ...]:
    wordless = row["body"] == row["proof"] == row["data_key"] == b""
    return row["case_id"], int(wordless), row_digest(salt, "inbox", row, _STAYS)


def is_emptied(row: Row, since: Since) -> bool:
    """Whether a message was erased by its retention where no event of the case at hand says so: with another case that
    it went on to, or as one of no case."""
    if row["body"] != b"" or row["proof"] != b"":
        return False
    return row["case_id"] in since.erased_elsewhere or (row["case_id"] == "" and row["exit"] == "noted")


def _came_later(row: Row, since: Since, _seen: Seen) -> bool:
    if _message_key(row) in since.named:
        return True
    came = row["received_at"]
    if row["source"] == "typed":
        # The office says when it was received; when it was typed in, the proof of its origin says.
        return is_emptied(row, since) or since.is_later(since.entered.get(_message_key(row)))
    return since.is_later(came)


TABLES: Final[Mapping[str, Table]] = {
    "cases": Table(
        key=("id",),
        # Which objects it is about is encrypted anew with each change of the case.
        changing=(*_CASE_OPEN, "watch_at", "private"),
        ignored={"version": "a counter that keeps two writers apart"},
        lock="data_key",
        opens_again=True,
        mark=lambda row, salt: (row["version"], salt, row_digest(salt, "cases", row, _CASE_OPEN)),
        excuse=_case_moved,
    ),
    "sealed_texts": Table(key=("seq", "name"), fixed=("salt", "text")),
    "inbox": Table(
        key=("sender", "message_id", "body_sha256"),
        fixed=("source", "received_at"),
        # The bytes are held by their digest, which is in the key; they go when their time is over.
        changing=("body", "type", "proof", "case_id", "notice_id", "exit", "status", "reply"),
        ignored={"deliveries": "how often the sender sent the same again"},
        lock="data_key",
        final=lambda row: row["exit"] in ("accepted", "noted"),
        mark=_message_mark,
        excuse=_message_was_applied,
        new=_came_later,
        emptied=is_emptied,
    ),
    "outbox": Table(
        key=("id",),
        fixed=("kind", "body", "created_at", "lane", "lane_seq", "item_id"),
        changing=tuple(
            "endpoint deadline_at state attempts refusals refused_since maybe_arrived settled_at receipt "
            "receipt_proof".split()
        ),
        ignored={"next_attempt_at": _SCHEDULE, "lease_token": _LEASE, "lease_expires_at": _LEASE},
        final=lambda row: row["state"] in ("done", "void"),
        mark=lambda row, _salt: (row["state"], row["attempts"], row["lease_token"]),
        excuse=_message_went_on,
        new=_message_can_be_new,
    ),
    "attempts": Table(
        key=("message_id", "number"),
        fixed=("started_at",),
        changing=("ended_at", "result", "detail"),
        # One that was given up for lost may still come back with what became of it.
        final=lambda row: row["result"] != "lost",
        mark=lambda row, _salt: (row["result"],),
        excuse=lambda row, _was, _since: row["result"] != "lost",
        new=_attempt_can_be_new,
    ),
    "holds": Table(
        key=("object_key", "item_id"),
        changing=("action", "ground", "version", "preserve_until", "preservation_ended_at"),
        ends=True,
        hidden=frozenset({"object_key"}),
    ),
    "sanctions": Table(
        key=("sanction_id",),
        fixed=("received_at",),
        changing=("level", "notice_ids", "effective_at", "reference_number"),
        # The same sanction can be announced anew, with other terms, by another message.
        excuse=lambda _row, _was, since: since.noted,
        new=lambda row, since, _seen: since.is_later(row["received_at"]),
    ),
}
"""The tables whose rows each checkpoint holds, and how. The columns `platform_id` and `case_id` are in every key."""

CHAIN: Final = frozenset({"audit"})
"""The tables of which each checkpoint holds the head of a chain, and with it everything."""

NO_EVIDENCE: Final[Mapping[str, str]] = {
    "objects": "the highest version that was handed out for an object: it follows from the effects in `outbox`, and "
    "the verification says when it is lower",
    "platform_keys": "the keys of the platform itself, wrapped anew when a master key takes another's place: with "
    "another key the names of objects in `holds` and `objects` fit no case any more, and the verification says so",
    **dict.fromkeys(
        ("streams", "events", "parts", "keys", "log"),
        "the ledger proves itself: each event is hashed and proved by the ledger key, each part by its event, and "
        "the log leaves out no number",
    ),
    "appeals": "by what an appeal is found: it follows from the chain of its case, and the verification says where it "
    "does not",
    "tallies": "a case in the public figures: it follows from its chain, and the verification says where it does not",
    "volumes": "how many notices came within the last hour: what came of it is a flag, which stands in its case",
    "cursors": "how far a feed was read: the regulator's feed is the other copy",
    "endpoints": "whether a way out is left alone for a while; the attempts show what happened",
    "heartbeats": "when a part of the machinery last ran",
    "refusals": "how many messages were refused: counters kept in memory and written at intervals",
    "checkpoint_due": "which cases the next checkpoint must look at",
    "checkpoints": "held against the leaves, and against the checkpoint outside",
    "checkpoint_leaves": "held against the root of each checkpoint, inside and outside",
}
"""The tables whose rows no checkpoint holds, and why."""
