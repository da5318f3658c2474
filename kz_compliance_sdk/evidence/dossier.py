"""What an evidence pack of a case holds, in its two forms: as values, without a file, a language or a signature.

What the events tell is in both, with the events themselves. The full form holds every byte beside it that the case
rests on; the redacted form the digest of who acted in the place of who it was, and the words that `said_of` lets
through. The readable page is made from the same documents, so that it can show nothing that the form withholds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

from msgspec import structs

from kz_compliance_sdk.domain.appeals import REFERENCE
from kz_compliance_sdk.domain.change import Attempt, InboxRow
from kz_compliance_sdk.domain.clock import ClockView, local
from kz_compliance_sdk.domain.decision import PROPOSAL, checks_of, decisions_of, looks_of
from kz_compliance_sdk.domain.events.delivery import Receipt
from kz_compliance_sdk.domain.events.office import Instructed
from kz_compliance_sdk.domain.events.privacy import Held
from kz_compliance_sdk.domain.events.review import ContentChanged, Looked
from kz_compliance_sdk.domain.fold import Case, Decision
from kz_compliance_sdk.domain.ledger import Link, Stamped
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Item, Notice, Reminder
from kz_compliance_sdk.domain.proofs import Fault, Records
from kz_compliance_sdk.domain.proposal_checks import asked_for, in_words
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.domain.running_time import steps_of
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.domain.values import Json, document_in, fields_of, instant_text, is_time, stream_of

# --------------------------------------------------------------------------------------------------------------- told
# What the events of a case tell, in the shape of the documents of a pack.
#
# It is made of open content alone: whoever holds a pack makes it again of the events, and holds the documents to it.


Name = Callable[[int], str | None]
"""What a person is called in a pack, by the number in the case; None for the machine."""

_CASE: Final = (
    "platform_id:platform notice_id:notice authority_id:authority revision state kind category source authenticity "
    "channel level languages decision_version:decision received_at due_at requested_due_at decided_at closed_at "
    "lift_due_at"
)
_ITEM: Final = "item:number status action ground scope measure effective_at decision_version:decision"
_DECISION: Final = "version proposed_by:person proposed_at:at needs_approval:four_eyes approved_by approved_at revision"
_SAID: Final = "item finding action ground scope outcome refusal_code"
_CONTEST: Final = "number filed_at recorded_by:person result result_at"
_SUSPENSION: Final = "number from_at until_at ended_at recorded_by:person confirmed_by"
_USER_NOTICE: Final = "item kind state decision_version:decision due_at sent_at delay_until basis"
_APPEAL: Final = "item received_at due_at decision_version:decision state decided_by decided_at"


def told(events: Sequence[Stamped], case: Case, name: Name) -> dict[str, Json]:
    """What these events tell, of which `case` is the fold. Items are called by their numbers."""
    fields = partial(shown, name=name)

    def decision(one: Decision) -> dict[str, Json]:
        check = case.checks.get(one.check)
        return {
            **fields(one, _DECISION),
            "second_person": asked_for(case, events, one.version),
            "legal_check": None if check is None else dict(check.answers),
            "items": [fields(said, _SAID) for said in one.items.values()],
        }

    return {
        "case": {
            "id": case.stream.removeprefix(stream_of("")),
            "entered_by": name(case.typist[0]),
            **fields(case, _CASE),
        },
        "items": [fields(item, _ITEM) for item in case.items.values() if not item.is_gone],
        "legal_checks": [
            {
                **fields(one, "version revision answered_by:person"),
                "answered_at": instant_text(events[one.at_seq - 1].at),
                "answers": dict(one.answers),
            }
            for _, one in sorted(case.checks.items())
        ],
        "content": [
            {**fields(seen, "item available fault"), "number": n, **fields(on, "seen_by:person seen_at:at")}
            for on, seen, n in _looks(events)
        ],
        "decisions": [decision(one) for _, one in sorted(case.decisions.items())],
        "contests": [fields(one, _CONTEST) for one in case.contests.values()],
        "suspensions": [fields(one, _SUSPENSION) for one in case.suspensions.values()],
        "instructions": [
            {**fields(on, "recorded_at:at recorded_by:person"), **fields(on.event, "given_at")}
            for on in events
            if isinstance(on.event, Instructed)
        ],
        "user_notices": [fields(one, _USER_NOTICE) for one in case.tellings.values()],
        "appeals": [fields(one, _APPEAL) for one in case.appeals.values()],
        "holds": [
            {**fields(on, "held_at:at held_by:person"), **fields(on.event, "until")}
            for on in events
            if isinstance(on.event, Held)
        ],
        **fields(case, "held_until erased_at"),
        "messages": [{**fields(one, "id kind endpoint"), "item": one.item or None} for one in case.messages.values()],
        "escalations": [fields(one, "step fired_at level audience") for one in steps_of(case)],
        "audit": {"head": case.head.hex(), "length": case.seq},
    }


def shown(value: Any, names: str, name: Name = str) -> dict[str, Json]:
    """What a value holds under these names, as the documents have it; `name:field` renames a field."""
    found = fields_of(value, names)
    return {field: name(held) if field.endswith("_by") else _shown(field, held) for field, held in found.items()}


def _shown(field: str, held: Any) -> Json:
    if is_time(field):
        return instant_text(held) if held else None
    if isinstance(held, str):
        return str(held) or None
    return list(held) if isinstance(held, tuple) else held


def _looks(events: Sequence[Stamped]) -> Iterator[tuple[Stamped, Any, int]]:
    """Each look at an item, and how many there were by then."""
    counts = Counter[int]()
    for on in events:
        if isinstance(on.event, Looked | ContentChanged):
            for seen in on.event.seen:
                counts[seen.item] += 1
                yield on, seen, counts[seen.item]


def differences(told: Json, shown: Json, where: str = "") -> Iterator[str]:
    """Each place where a document says otherwise than it is told. It may say more."""
    if isinstance(told, Mapping) and isinstance(shown, Mapping):
        for name, value in told.items():
            yield from differences(value, shown.get(name), f"{where}.{name}".lstrip("."))
    elif isinstance(told, list) and isinstance(shown, list) and len(told) == len(shown):
        for number, pair in enumerate(zip(told, shown, strict=True), 1):
            yield from differences(*pair, f"{where} {number}")
    elif told != shown:
        yield where


# ------------------------------------------------------------------------------------------------------------ dossier


CLEARED = ("acknowledgement", "clarification", "report")
"""The messages whose fields can carry nobody's identity, and whose free text a person has read for it."""

WORDS = "parts/"
"""The folder of what somebody wrote and what is no document of its own."""

Rows = list[dict[str, Any]]

# What of the words of a case can be shown to somebody who must not learn who its people are goes by list, never by
# search: nothing is looked for and crossed out, and whatever a later release adds is withheld until somebody names it
# here. The open content of events needs no list: a test sees to it that no event could hold a word of anybody.
Said = Notice | Clarification | Cancellation | Reminder

# A code, an id, a digest; whatever reads like words is none of them.
_TOKEN = re.compile(r"[A-Za-z0-9._:~*-]{1,160}")


_SHOWN: Mapping[type[Said], Mapping[str, Any]] = {
    Notice: {
        **dict.fromkeys(
            "notice_id revision kind reference_number supersedes platform_id issued_at languages category "
            "requested_action territorial_scope".split(),
            True,
        ),
        "issuing_authority": {"id", "name", "type", "bin"},
        "deadline": {"hours", "due_at"},
        "legal_basis": {"__all__": {"act", "article"}},
        "expert_group_decision": {"number", "decided_on"},
        "user_notice": {"allowed", "delay_until"},
        "preservation": {"until"},
    },
    Clarification: {"notice_id": True},
    Cancellation: dict.fromkeys("notice_id revision effect item_ids reference_number issued_at".split(), True),
    Reminder: dict.fromkeys(("notice_id", "escalation_level"), True),
}
"""The fields of a message that name no person and are nobody's free text."""


def said_of(said: Said, *, full: bool) -> dict[str, Json]:
    """What a message of the authority says: all of it, or what names no person and is nobody's free text.

    The authority's own name, its numbers, and the acts and articles that it cites are shown as it wrote them.
    """
    include: Any = None if full else _SHOWN[type(said)]
    told: dict[str, Json] = said.model_dump(mode="json", exclude_none=True, include=include)
    if not full and isinstance(said, Notice | Clarification):
        told["items"] = [_item(item) for item in said.items or ()]
    if not full and isinstance(said, Clarification):
        told["answers"] = len(said.answers)
    return told


def _item(item: Item) -> dict[str, Json]:
    """An item without what it points at: an address or an account often is a name."""
    named_by = [name for name in ("url", "object_id", "account_ref") if getattr(item, name)]
    return {"item_id": item.item_id, "content_type": item.content_type, "named_by": named_by}


_RECEIPT = frozenset({"receipt_id", "subject_id", "body_sha256", "recorded_at"})


def is_plain_receipt(receipt: bytes) -> bool:
    """Whether a receipt holds the fields of the contract and no other, and nothing that reads like words."""
    try:
        said = json.loads(receipt)
    except ValueError:
        return False
    return (
        isinstance(said, dict)
        and set(said) <= _RECEIPT
        and all(isinstance(one, str) and _TOKEN.fullmatch(one) for one in said.values())
    )


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came, what it says (None if it cannot be read), and what its signature came to when it was looked
    at again."""

    row: InboxRow
    said: Said | None
    verification: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that is held of a case at `made_at` (UTC seconds), as it is stored, with every fault that was found in
    it. `checkpoint` proves the case's place among all cases, where there is one."""

    records: Records
    received: tuple[Received, ...]
    clock: ClockView
    faults: tuple[Fault, ...]
    made_at: int
    checkpoint: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The documents of a pack, and the exact bytes of everything else in it by its path."""

    form: Form
    case: Mapping[str, Json]
    events: tuple[Mapping[str, Json], ...]
    exact: Mapping[str, bytes]
    checkpoint: Json = None


def contents(dossier: Dossier, form: Form) -> Contents:
    """What the pack of this form holds."""
    return _Pack(dossier, form).contents()


class _Pack:
    def __init__(self, dossier: Dossier, form: Form) -> None:
        self._dossier, self._form, self._full = dossier, form, form == "full"
        self._case, self._chain = dossier.records.case, dossier.records.chain
        self._stream, self._fold = self._chain.stream, self._chain.stream.case
        self._items = {item.number: item for item in self._case.items}
        self._paths: dict[bytes, str] = {}

    def contents(self) -> Contents:
        events: Sequence[Stamped] = self._chain.events
        if not self._full:
            events = [structs.replace(on, who=None) for on in events]
        document: dict[str, Any] = told(events, self._fold, self._name)
        document |= {
            "format": "kz-compliance/evidence-case/v1",
            "form": self._form,
            "made_at": instant_text(self._dossier.made_at),
            "case": {
                **document["case"],
                "reference_number": self._case.reference_number,
                "flags": list(self._case.flags),
            },
            "clock": _clock(self._dossier.clock),
            "received": [self._received(number, one) for number, one in enumerate(self._dossier.received, 1)],
            "messages": list(self._messages(document["messages"])),
            "audit": {**document["audit"], "ledger_keys": self._ledger_keys(), "faults": self._faults()},
        }
        document["items"] = [{"item_id": self._items[one["item"]].item_id, **one} for one in document["items"]]
        for name in ("content", "user_notices", "appeals"):
            document[name] = [self._with_name(one) for one in document[name]]
        for one, check in zip(document["legal_checks"], checks_of(self._stream, self._case.id), strict=True):
            one["body"] = self._keep(f"legal_checks/{check.version:03}.json", check.body)
            one["digest"] = check.digest if self._full else None
        for one, made in zip(document["decisions"], decisions_of(self._stream, self._chain.opened), strict=True):
            one["body"] = self._keep(f"decisions/{made.version:03}.json", made.body)
            one["digest"] = (made.digest or None) if self._full else None
            one["second_person"] = in_words(one["second_person"])
            one["items"] = [self._with_name(item) for item in one["items"]]
        if self._full:
            self._add_words(document)
        events_told = tuple(self._events())
        exact = {path: data for data, path in self._paths.items()}
        return Contents(self._form, document, events_told, exact, self._dossier.checkpoint)

    def _ledger_keys(self) -> list[Json]:
        """The ids of the keys whose MACs the events have, each event in a store that always had one."""
        return list(dict.fromkeys(link.key_id.hex() for link in self._chain.links if link.key_id))

    def _faults(self) -> list[Json]:
        return [{"seq": fault.seq, "what": fault.what if self._full else ""} for fault in self._dossier.faults]

    def _name(self, person: int) -> str | None:
        if self._full:
            return self._stream.roster.names[person] or None
        return f"person-{person}" if person else None

    def _with_name(self, one: Mapping[str, Any]) -> dict[str, Any]:
        item = self._items.get(one["item"])
        return {"item_id": None if item is None else name_of(item), **one}

    def _keep(self, path: str, data: bytes, *, show: bool = False) -> dict[str, Json]:
        """Where exact bytes lie in the pack, and their digest; neither if they are not to be shown, or were erased."""
        if not data or not (show or self._full):
            return {"file": None, "size": None, "sha256": None}
        return {"file": self._paths.setdefault(data, path), "size": len(data), "sha256": _sha256(data)}

    # ------------------------------------------------------------------------------------------ rows and bytes

    def _received(self, number: int, one: Received) -> Json:
        row = one.row
        proof = document_in(row.proof)
        told: dict[str, Json] = {
            "number": number,
            **shown(row, "type sender message_id source received_at exit status deliveries"),
            "body": self._keep(f"received/{number:03}.body", row.body) | {"sha256": row.body_sha256},
            "proof": self._keep(f"received/{number:03}.proof", row.proof),
            "reply": self._keep(f"received/{number:03}.reply", row.reply),
            "at_receipt": _at_receipt(proof),
            "verification": dict(one.verification),
            "said": None if one.said is None else said_of(one.said, full=self._full),
        }
        if row.source == "typed":
            typist = self._stream.roster.persons.get(str(proof.get("entered_by")), 0)
            entered_at = proof.get("entered_at")
            told["entered_by"] = self._name(typist)
            told["entered_at"] = instant_text(entered_at) if isinstance(entered_at, int) else None
        return told

    def _messages(self, owed: Rows) -> Iterator[dict[str, Json]]:
        """What the case owed, each with the row of it: what left is told by the chain, where it holds it."""
        rows = {row.id: row for row in self._dossier.records.messages}
        receipts = {on.event.message: on.seq for on in self._chain.events if isinstance(on.event, Receipt)}
        attempts: dict[str, list[Attempt]] = {}
        for attempt in sorted(self._dossier.records.attempts, key=attrgetter("number")):
            attempts.setdefault(attempt.message_id, []).append(attempt)
        for number, one in enumerate(owed, 1):
            row, at_seq, path = rows.get(one["id"]), self._fold.messages[one["id"]].at_seq, f"messages/{number:03}"
            body = self._part(at_seq, "body") if at_seq else row.body if row is not None else b""
            receipt = self._part(receipts.get(one["id"], 0), "receipt")
            proof, plain = self._part(receipts.get(one["id"], 0), "signature"), is_plain_receipt(receipt)
            yield {
                **self._with_name(one),
                "number": number,
                "state": None if row is None else row.state,
                "created_at": instant_text(self._fold.messages[one["id"]].at),
                "settled_at": None if row is None or row.settled_at is None else instant_text(row.settled_at),
                "body": self._keep(f"{path}.body", body, show=one["kind"] in CLEARED),
                "receipt": self._keep(f"{path}.receipt", receipt, show=plain) if receipt else None,
                "receipt_proof": self._keep(f"{path}.receipt-proof", proof, show=plain) if proof else None,
                "attempts": [self._attempt(tried) for tried in attempts.get(one["id"], ())],
            }

    def _attempt(self, attempt: Attempt) -> Json:
        """What a program or a person said of it may name anybody."""
        told = shown(attempt, "number started_at ended_at result")
        return told | {"detail": attempt.detail} if self._full else told

    def _part(self, seq: int, name: str) -> bytes:
        part = self._chain.parts.get((seq, name))
        return b"" if part is None else part.data

    # ---------------------------------------------------------------------------------------- the full form

    def _add_words(self, document: dict[str, Any]) -> None:
        """What was written by anybody, beside what the events tell of it."""
        fold = self._fold
        for one in document["items"]:
            one |= shown(self._items[one["item"]], "url object_id account_ref")
        for one, look in zip(document["content"], looks_of(self._stream, self._case, self._chain.opened), strict=True):
            one |= shown(look, "item_id digest object_id")
        for one in document["decisions"]:
            seq = self._fold.decisions[one["version"]].at_seq
            said = document_in(self._part(seq, PROPOSAL)).get("proposal", {}).get("items", ())
            for decided, words in zip(one["items"], said, strict=False):
                decided |= words
        for name, held in (("contests", fold.contests), ("suspensions", fold.suspensions)):
            for one, at_seq in zip(document[name], (filed.at_seq for filed in held.values()), strict=True):
                one["words"] = self._chain.said(at_seq)
        for name, kind in (("instructions", Instructed), ("holds", Held)):
            seqs = (on.seq for on in self._chain.events if isinstance(on.event, kind))
            for one, seq in zip(document[name], seqs, strict=True):
                one["words"] = self._chain.said(seq)
        for one, appeal in zip(document["appeals"], fold.appeals.values(), strict=True):
            about = (on for on in self._chain.events if on.kind.startswith("appeal"))
            of_it = (on for on in about if on.event.appeal == appeal.number)
            words = {f"{on.kind}.{name}": text for on in of_it for name, text in self._chain.said(on.seq).items()}
            reference = words.pop(f"appealed.{REFERENCE}", "")
            words.pop(f"appeal_reversed.{PROPOSAL}", None)
            one |= {"appeal_id": appeal.id, "reference": reference, "words": words}

    # ------------------------------------------------------------------------------------------- the events

    def _events(self) -> Iterator[Mapping[str, Json]]:
        """The events, when all else is in its place: a part is told by the file that holds its bytes."""
        digests = {one.row.body_sha256 for one in self._dossier.received}
        for on, link in zip(self._chain.events, self._chain.links, strict=True):
            yield _line(link, full=self._full) | {"parts": dict(self._parts(on, digests))}

    def _parts(self, on: Stamped, digests: set[str]) -> Iterator[tuple[str, Json]]:
        """The salt of each part whose bytes, or whose digest, is in the pack: of no other, or trying would find it."""
        for name in on.event.parts:
            if (part := self._chain.parts.get((on.seq, name))) is None:
                continue
            path = self._paths.get(part.data)
            if path is None and self._full:
                path = self._paths.setdefault(part.data, f"{WORDS}{on.seq:03}.{name}")
            if path is not None or _sha256(part.data) in digests:
                yield name, {"salt": part.salt.hex(), "file": path}


def _line(link: Link, *, full: bool) -> dict[str, Json]:
    """An event with the text that was hashed: its UTF-8 bytes are the bytes of the chain."""
    people: dict[str, Json] = {"people": link.people.decode()} if full else {"people_sha256": _sha256(link.people)}
    return {
        "content": link.content.decode(),
        **people,
        "hash": link.hash.hex(),
        "mac": link.mac.hex(),
        "key_id": link.key_id.hex(),
    }


def _at_receipt(proof: Mapping[str, Any]) -> dict[str, Json]:
    """What intake found, with the keys of its day."""
    signed_at = proof.get("signed_at")
    told: dict[str, Json] = {name: proof[name] for name in ("key_id", "profile") if name in proof}
    return told | {"signed_at": instant_text(signed_at)} if isinstance(signed_at, int) else told


def _clock(view: ClockView) -> dict[str, Json]:
    times = ("received_at", "due_at", "requested_due_at", "unpaused_due_at")
    return {
        **{name: _both(getattr(view, name)) for name in times},
        "decide_left_s": view.decide_left_s,
        "receipt_left_s": view.receipt_left_s,
        "late": view.late,
        "paused": view.paused,
    }


def _both(at: int | None) -> Json:
    return None if at is None else {"utc": instant_text(at), "almaty": local(at)}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
