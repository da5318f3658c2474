"""What an evidence pack says, in its two forms: as values, without a file, a language or a signature.

All of it follows from the chain as far as it is handed on, and from the policy that the case rests on: whoever holds a
pack makes its documents again of its events, and holds them to that. The full form hands on every word beside the
chain; the redacted form no person, and of the words those that name nobody (`handed_on`). The readable page is made of
the same documents.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from msgspec import structs

from kz_compliance_sdk.domain.appeals import REFERENCE
from kz_compliance_sdk.domain.believed import as_far_as_told, as_told, read_case, wordless_case
from kz_compliance_sdk.domain.change import InboxRow, OutboxMessage
from kz_compliance_sdk.domain.decision import PROPOSAL, checks_of, decisions_of, looks_of
from kz_compliance_sdk.domain.events.delivery import Begun, Receipt, Reported
from kz_compliance_sdk.domain.events.office import Disclosed, Instructed
from kz_compliance_sdk.domain.events.privacy import Held, erased_of
from kz_compliance_sdk.domain.events.review import Asked, ContentChanged, Decided, Looked, SentBack, Undone
from kz_compliance_sdk.domain.fold import Case, Chain, Decision, Stream, apply
from kz_compliance_sdk.domain.ledger import Link, Part, Roster, Stamped
from kz_compliance_sdk.domain.messages import BY_HAND
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.proposal_checks import asked_for, in_words
from kz_compliance_sdk.domain.received import came_of, received_in
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.domain.running_time import clock_reported, steps_of
from kz_compliance_sdk.domain.user_notices import name_of
from kz_compliance_sdk.domain.values import (
    Json,
    document_in,
    fields_of,
    instant_text,
    is_time,
    parse_instant,
    stream_of,
)
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.v1 import read_message

# ---------------------------------------------------------------------------------------------------------- handed on
# What of a chain is handed on. What of the words of a case can be shown to somebody who must not learn who its people
# are goes by list, never by search: nothing is looked for and crossed out, and what a later release adds is withheld
# until somebody names it here. The open content of events needs no list: a test sees to it that no event could hold a
# word of anybody.


CLEARED = ("acknowledgement", "clarification", "report")
"""The messages whose fields can carry nobody's identity, and whose free text a person has read for it."""

WORDS = "parts/"
"""The folder of what somebody wrote and what is no document of its own."""

_SHOWN: Final[Mapping[type, str]] = {Reported: "body", Asked: "body"}

# A code, an id, a digest; whatever reads like words is none of them.
_TOKEN = re.compile(r"[A-Za-z0-9._:~*-]{1,160}")
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


def handed_on(chain: Chain, form: Form) -> Chain:
    """A chain with what a pack of this form holds of it. Of a message that is withheld the salt is told, so that who
    has it finds it in the chain; that part has no bytes."""
    if form == "full":
        return chain
    events = [structs.replace(on, who=None) for on in chain.events]
    links = [structs.replace(one, people=b"", redacted=one.redacted or _digest(one.people)) for one in chain.links]
    parts = {(on.seq, part.name): part for on in events for part in _shown_of(on, chain.parts)}
    stream = Stream(chain.stream.platform, chain.stream.name, chain.stream.number, events, Roster())
    return Chain(stream, links, parts)


def _shown_of(on: Stamped, parts: Mapping[tuple[int, str], Part]) -> Iterator[Part]:
    held = {name: part for name in on.event.parts if (part := parts.get((on.seq, name))) is not None}
    if (body := held.get(_SHOWN.get(type(on.event), ""))) is not None:
        yield body
    if (receipt := held.get("receipt")) is not None and is_plain_receipt(receipt.data):
        yield from held.values()
    if (message := held.get("message")) is not None:
        yield structs.replace(message, data=b"")


# --------------------------------------------------------------------------------------------------------------- told
# What the events of a case tell, in the shape of the documents of a pack. It is made of open content alone. `event` is
# the number of the event that tells of a row first.


Name = Callable[[int], str | None]
"""What a person is called in a pack, by the number in the case; None for the machine."""

_CASE: Final = (
    "platform_id:platform notice_id:notice authority_id:authority revision state kind category source authenticity "
    "channel level languages decision_version:decision received_at due_at requested_due_at decided_at closed_at "
    "lift_due_at policy"
)
_ITEM: Final = (
    "item:number status action ground scope measure effective_at decision_version:decision fell "
    "preserve_until:kept_until"
)
_DECISION: Final = (
    "event:at_seq version proposed_by:person proposed_at:at needs_approval:four_eyes approved_by approved_at revision"
)
_SAID: Final = "item finding action ground scope outcome refusal_code"
_CONTEST: Final = "event:at_seq number filed_at recorded_by:person result result_at"
_SUSPENSION: Final = "event:at_seq number from_at until_at ended_at recorded_by:person confirmed_by"
_USER_NOTICE: Final = "event:at_seq message item kind state decision_version:decision due_at sent_at delay_until basis"
_APPEAL: Final = "event:at_seq number item received_at due_at decision_version:decision state decided_by decided_at"
_MESSAGE: Final = "event:seq id kind endpoint state created_at:at due_at refused_at tries"
_NOTICE: Final = {
    "originating_body",
    "signatory",
    "statement_of_reasons",
    "territorial_scope",
    "addressee",
}
"""What the full form says of a notice as it says it itself; its bytes lie beside."""
_DEMANDED: Final = "authority_type legal_basis requested issued_at"


def told(events: Sequence[Stamped], case: Case, name: Name) -> dict[str, Any]:
    """What these events tell, of which `case` is the fold. Items are called by their numbers."""
    fields, since = partial(shown, name=name), _since(case, events)
    begun = {on.event.message: on.at for on in events if isinstance(on.event, Begun)}

    def decision(one: Decision) -> dict[str, Json]:
        check = case.checks.get(one.check)
        stood = (on for on in reversed(events) if isinstance(on.event, Decided) and on.event.decision == one.version)
        decided = next(stood, None)
        return {
            **fields(one, _DECISION),
            "decided_at": None if decided is None else instant_text(decided.at),
            "not_before": None if decided is None else instant_text(decided.event.not_before),
            **_turned_back(events, one.version, name),
            "second_person": asked_for(case, events, one.version),
            "legal_check": None if check is None else dict(check.answers),
            "items": [fields(said, _SAID) for said in one.items.values()],
        }

    return {
        "case": {
            "id": case.stream.removeprefix(stream_of("")),
            "entered_by": name(case.typist[0]),
            **fields(case, _CASE),
            "since": since["state"],
            "flags": list(case.flags),
        },
        "notice": None if case.demanded is None else fields(case.demanded, _DEMANDED),
        "items": [{**fields(item, _ITEM), "since": since[n]} for n, item in case.items.items() if not item.is_gone],
        "legal_checks": [
            {
                **fields(one, "event:at_seq version revision answered_by:person"),
                "answered_at": instant_text(events[one.at_seq - 1].at),
                "answers": dict(one.answers),
            }
            for _, one in sorted(case.checks.items())
        ],
        "content": [
            {**fields(seen, "item available fault"), "number": n, **fields(on, "event:seq seen_by:person seen_at:at")}
            for on, seen, n in _looks(events)
        ],
        "decisions": [decision(one) for _, one in sorted(case.decisions.items())],
        "contests": [fields(one, _CONTEST) for one in case.contests.values()],
        "suspensions": [fields(one, _SUSPENSION) for one in case.suspensions.values()],
        "instructions": [
            {**fields(on, "event:seq recorded_at:at recorded_by:person"), **fields(on.event, "given_at")}
            for on in events
            if isinstance(on.event, Instructed)
        ],
        "user_notices": [
            {**fields(one, _USER_NOTICE), "since": since["told", key]} for key, one in case.tellings.items()
        ],
        "appeals": [fields(one, _APPEAL) for one in case.appeals.values()],
        "holds": [
            {**fields(on, "event:seq held_at:at held_by:person"), **fields(on.event, "until")}
            for on in events
            if isinstance(on.event, Held)
        ],
        **fields(case, "held_until erased_at"),
        "messages": [
            {
                **fields(one, _MESSAGE),
                "since": since[one.id],
                "settled_at": instant_text(events[since[one.id] - 1].at) if one.settled else None,
                "item": one.item or None,
                "result": one.tried.result or None,
                "begun_at": instant_text(begun[one.id]) if one.id in begun else None,
            }
            for one in case.messages.values()
        ],
        "escalations": [fields(one, "step fired_at level audience") for one in steps_of(case)],
        "audit": {"head": case.head.hex(), "length": case.seq},
    }


def _since(case: Case, events: Sequence[Stamped]) -> dict[Any, int]:
    """Which event put the case (`state`), each item by its number, each message by its id, and the telling of each user
    (`told` and the id of its message) into the state in which they are."""
    known, since = Case(case.platform, case.stream), dict[Any, int]()
    states: dict[Any, Any] = {}
    for on in events:
        apply(known, on)
        now: dict[Any, Any] = {
            "state": (known.state, known.closed_at),
            **{n: item.status for n, item in known.items.items()},
        }
        now |= {name: one.state for name, one in known.messages.items()}
        now |= {("told", name): one.state for name, one in known.tellings.items()}
        since |= {what: on.seq for what, state in now.items() if states.get(what) != state}
        states = now
    return since


def _turned_back(events: Sequence[Stamped], version: int, name: Name) -> dict[str, Json]:
    """Who sent a version back, or took it back, and when."""
    found: dict[str, Json] = {}
    for verb, kind in (("sent_back", SentBack), ("undone", Undone)):
        on = next((on for on in events if isinstance(on.event, kind) and on.event.decision == version), None)
        found |= {f"{verb}_by": name(on.person) if on else None, f"{verb}_at": instant_text(on.at) if on else None}
    return found


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
    """Each place where a document says otherwise than it is told."""
    if isinstance(told, Mapping) and isinstance(shown, Mapping):
        for name in sorted(told.keys() | shown.keys()):
            yield from differences(told.get(name), shown.get(name), f"{where}.{name}".lstrip("."))
    elif isinstance(told, list) and isinstance(shown, list) and len(told) == len(shown):
        for number, pair in enumerate(zip(told, shown, strict=True), 1):
            yield from differences(*pair, f"{where} {number}")
    elif told != shown:
        yield where


# ----------------------------------------------------------------------------------------------------------- contents


Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Contents:
    """The documents of a pack, and the exact bytes of everything else in it by its path. `checkpoint` proves the case's
    place among all cases, where there is one; `targets` says under which address of the platform the raw targets of
    signed messages were signed, `policy` is the text of the policy that the case rests on."""

    form: Form
    case: Mapping[str, Json]
    events: tuple[Mapping[str, Json], ...]
    exact: Mapping[str, bytes]
    policy: Policy | None = None
    checkpoint: Json = None
    targets: Mapping[str, str] = field(default_factory=dict)


def contents(chain: Chain, form: Form, policy: Policy | None) -> Contents:
    """What the pack of this form says of a chain that was handed on. `policy` is the one of which the case speaks, None
    where it is not at hand."""
    return _Pack(chain, form, policy).contents()


class _Pack:
    def __init__(self, chain: Chain, form: Form, policy: Policy | None) -> None:
        self._chain, self._form, self._full, self._policy = chain, form, form == "full", policy
        self._stream, self._fold = chain.stream, chain.stream.case
        self._wordless = wordless_case(self._stream, None)
        self._case = read_case(self._stream, chain.opened, None) if self._full else self._wordless
        self._items = {item.number: item for item in self._case.items}
        self._paths: dict[bytes, str] = {}

    def contents(self) -> Contents:
        events: Sequence[Stamped] = self._chain.events
        taken = [on.at for on in events if isinstance(on.event, Disclosed)]
        made_at = taken[-1] if taken else 0
        document = told(events, self._fold, self._name)
        faults = list(self._faults())
        bodies = self._bodies(whole=not faults)
        document |= {
            "format": "kz-compliance/evidence-case/v2",
            "form": self._form,
            "made_at": instant_text(made_at),
            "clock": self._clock(document["messages"], made_at),
            "term": self._term(),
            "received": list(self._received()),
            "messages": [
                self._message(number, one, bodies.get(one["id"], b""))
                for number, one in enumerate(document["messages"], 1)
            ],
            "audit": {**document["audit"], "ledger_keys": self._ledger_keys(), "faults": faults},
        }
        if document["notice"] is not None:
            document["notice"] |= self._notice() or {"authority_name": self._authority_name()}
        document["case"]["reference_number"] = self._reference_number()
        for name in ("items", "content", "user_notices", "appeals"):
            document[name] = [self._with_name(one) for one in document[name]]
        for one in document["decisions"]:
            one["second_person"] = in_words(one["second_person"])
            one["items"] = [self._with_name(item) for item in one["items"]]
        if self._full:
            self._add_words(document)
        events_told = tuple(self._events())
        exact = {path: data for data, path in self._paths.items()}
        return Contents(self._form, document, events_told, exact, self._policy)

    def _ledger_keys(self) -> list[Json]:
        """The ids of the keys whose MACs the events have, each event in a store that always had one."""
        return list(dict.fromkeys(link.key_id.hex() for link in self._chain.links if link.key_id))

    def _faults(self) -> Iterator[Json]:
        """The words of a full form that were not erased, and are not there: somebody damaged them."""
        gone = erased_of(self._chain.events)
        for on in self._chain.events if self._full else ():
            for name, sealed in on.event.parts.items():
                if (on.seq, name) not in self._chain.parts and not (sealed.cls == "erasable" and on.seq in gone):
                    yield {"seq": on.seq, "what": name}

    def _name(self, person: int) -> str | None:
        if self._full:
            return self._stream.roster.names[person] or None
        return f"person-{person}" if person else None

    def _with_name(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """With the id under which the authority knew the item, where words say it."""
        item = self._items.get(one["item"]) if self._full else None
        return {"item_id": None if item is None else name_of(item), **one}

    def _keep(self, path: str, data: bytes) -> dict[str, Json]:
        """Where exact bytes lie in the pack, and their digest; neither if they are withheld, or were erased."""
        if not data:
            return {"file": None, "size": None, "sha256": None}
        return {"file": self._paths.setdefault(data, path), "size": len(data), "sha256": _digest(data).hex()}

    def _term(self) -> Json:
        """What the term of the notice rests on, and whether anybody has read it there."""
        policy, case = self._policy, self._fold
        if policy is None:
            return None
        term = policy.term(case.kind, case.category)
        source = term.source.model_dump(mode="json")
        return {"hours": term.hours, "working_days": term.working_days, "source": source}

    def _authority_name(self) -> Json:
        """What the policy calls the authority."""
        names = {} if self._policy is None else self._policy.authority_names
        return dict(names.get(self._fold.authority, {}))

    def _notice(self) -> dict[str, Any] | None:
        """What the notice says that the case rests on, in its own words, in the full form."""
        part = self._chain.parts.get((self._fold.notice_at, "message"))
        if not self._full or part is None:
            return None
        try:
            said = read_message(part.data).data
        except Unreadable:
            return None
        if not isinstance(said, Notice):
            return None
        told = said.model_dump(mode="json", exclude_none=True, include=_NOTICE)
        return {
            **told,
            "authority_name": structs.asdict(said.issuing_authority.name),
            "cited": [", ".join(filter(None, (one.act, one.article))) for one in said.legal_basis],
        }

    def _reference_number(self) -> Json:
        """As the notice says it; where that is withheld as the last report repeats it."""
        if self._full:
            return self._case.reference_number
        reports = [on.seq for on in self._chain.events if isinstance(on.event, Reported)]
        said = (document_in(self._part(seq, "body")).get("reference_number") for seq in reversed(reports))
        return next((number for number in said if isinstance(number, str)), None)

    # ------------------------------------------------------------------------------------------ rows and bytes

    def _received(self) -> Iterator[Json]:
        """The messages that came, in the order in which they did something first."""
        first, last = dict[Any, Stamped](), dict[Any, Stamped]()
        for on in self._chain.events:
            if (came := came_of(on)) is not None:
                first.setdefault((came.key, came.body), on)
                last[came.key, came.body] = on
        rows = received_in(self._stream, self._chain.opened)
        for number, (key, row) in enumerate(zip(first, rows, strict=True), 1):
            yield self._came(number, row, first[key], last[key])

    def _came(self, number: int, row: InboxRow, first: Stamped, last: Stamped) -> Json:
        came, path = last.event.came, f"received/{number:03}"
        told: dict[str, Json] = {
            "number": number,
            "event": last.seq,
            **shown(row, "type sender message_id source received_at exit status"),
            "body": self._keep(f"{path}.body", row.body),
            "proof": self._keep(f"{path}.proof", row.proof if self._full else b""),
            "reply": self._keep(f"{path}.reply", row.reply if self._full else b""),
            **shown(came, "key_id profile signed_at"),
        }
        if row.source == "typed":
            told |= {"entered_by": self._name(first.person), "entered_at": instant_text(first.at)}
        return told

    def _clock(self, reports: Rows, now: int) -> dict[str, Json]:
        """When the case is due, later by what was paused, and whether the last receipt came later, or is missing."""
        case = self._wordless
        over = [one for one in reports if one["kind"] == "report" and one["state"] == "done"]
        view = clock_reported(case, parse_instant(over[-1]["settled_at"]) if over else None, now)
        return {"due_at": instant_text(view.due_at), "late": view.late}

    def _bodies(self, *, whole: bool) -> dict[str, bytes]:
        """The bytes that left, by the ids of their messages. Of what an encoder makes of other words the redacted form
        has none, as it has not these words."""
        if not self._full:
            owed = self._fold.messages.values()
            return {one.id: self._part(one.at_seq, "body") for one in owed if one.at_seq}
        if whole:
            rows: Iterable[OutboxMessage] = as_told(self._stream, self._chain.all_words(), {})
        else:
            rows = as_far_as_told(self._stream, self._chain.opened, {})
        return {row.id: row.body for row in rows}

    def _message(self, number: int, one: Mapping[str, Any], body: bytes) -> Json:
        """What the case owed, and the bytes that left."""
        path, name = f"messages/{number:03}", one["id"]
        receipts = [on.seq for on in self._chain.events if isinstance(on.event, Receipt) and on.event.message == name]
        parts = ("receipt", BY_HAND, "signature")
        receipt, by_hand, proof = (self._part(receipts[-1], name) if receipts else b"" for name in parts)
        return {
            **self._with_name(one),
            "number": number,
            "body": self._keep(f"{path}.body", body),
            "receipt": self._keep(f"{path}.receipt", receipt or by_hand) if receipts else None,
            "receipt_proof": self._keep(f"{path}.receipt-proof", proof) if proof else None,
        }

    def _part(self, seq: int, name: str) -> bytes:
        part = self._chain.parts.get((seq, name))
        return b"" if part is None else part.data

    # ---------------------------------------------------------------------------------------- the full form

    def _add_words(self, document: dict[str, Any]) -> None:
        """What was written by anybody, beside what the events tell of it."""
        fold, opened = self._fold, self._chain.opened
        for one, check in zip(document["legal_checks"], checks_of(self._stream, self._case.id), strict=True):
            one["body"] = self._keep(f"legal_checks/{check.version:03}.json", check.body)
            one["digest"] = check.digest
        for one, made in zip(document["decisions"], decisions_of(self._stream, opened), strict=True):
            one["body"] = self._keep(f"decisions/{made.version:03}.json", made.body)
            one["digest"] = made.digest or None
        for one in document["items"]:
            one |= shown(self._items[one["item"]], "url object_id account_ref")
        for one, look in zip(document["content"], looks_of(self._stream, self._case, opened), strict=True):
            one |= shown(look, "item_id digest object_id")
        for one in document["decisions"]:
            seq = fold.decisions[one["version"]].at_seq
            said = document_in(self._part(seq, PROPOSAL)).get("proposal", {}).get("items", ())
            for decided, words in zip(one["items"], said, strict=False):
                decided |= words
            backs = [on.seq for on in self._chain.events if isinstance(on.event, SentBack)]
            told = [
                self._chain.said(seq) for seq in backs if self._chain.events[seq - 1].event.decision == one["version"]
            ]
            one["sent_back_because"] = told[0].get("reasons") if told else None
        for name, held in (("contests", fold.contests), ("suspensions", fold.suspensions)):
            for one, at_seq in zip(document[name], (filed.at_seq for filed in held.values()), strict=True):
                one["words"] = self._chain.said(at_seq)
        for name in ("instructions", "holds"):
            for one in document[name]:
                one["words"] = self._chain.said(one["event"])
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
        for on, link in zip(self._chain.events, self._chain.links, strict=True):
            yield _line(link, full=self._full) | {"parts": dict(self._parts(on))}

    def _parts(self, on: Stamped) -> Iterator[tuple[str, Json]]:
        """The salt of each part that is handed on: of no other, or trying would find it."""
        for name in on.event.parts:
            if (part := self._chain.parts.get((on.seq, name))) is not None:
                path = self._paths.setdefault(part.data, f"{WORDS}{on.seq:03}.{name}") if part.data else None
                yield name, {"salt": part.salt.hex(), "file": path}


def _line(link: Link, *, full: bool) -> dict[str, Json]:
    """An event with the text that was hashed: its UTF-8 bytes are the bytes of the chain."""
    people: dict[str, Json] = {"people": link.people.decode()} if full else {"people_sha256": link.redacted.hex()}
    return {
        "content": link.content.decode(),
        **people,
        "hash": link.hash.hex(),
        "mac": link.mac.hex(),
        "key_id": link.key_id.hex(),
    }


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
