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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import structs

from kz_compliance_sdk.domain.believed import as_far_as_told, as_told
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.events.delivery import Reported
from kz_compliance_sdk.domain.events.office import Disclosed
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.events.review import Asked
from kz_compliance_sdk.domain.fold import Case, Chain, Stream, apply
from kz_compliance_sdk.domain.ledger import Link, Part, Roster, Stamped
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.domain.values import Json, fields_of, instant_text

# ---------------------------------------------------------------------------------------------------------- handed on
# What of a chain is handed on. What of the words of a case can be shown to somebody who must not learn who its people
# are goes by list, never by search: nothing is looked for and crossed out, and what a later release adds is withheld
# until somebody names it here. The open content of events needs no list: a test sees to it that no event could hold a
# word of anybody.


CLEARED = ("acknowledgement", "clarification", "report")
"""The messages whose fields can carry nobody's identity, and whose free text a person has read for it."""
FORMAT: Final = "kz-compliance/evidence/v3"

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


# ----------------------------------------------------------------------------------------------------------- contents


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
    where it is not at hand.

    The document of the case is what happened, each event as the chain has it, with the name of who acted and the place
    of its words; and what that comes to: the states of the case, of its items and of what it owed, each with the event
    `since` which it has been so. The rest of what the page says follows from these.
    """
    case, events, since = chain.stream.case, chain.events, _since(chain)
    made_at = max((on.at for on in events if isinstance(on.event, Disclosed)), default=0)
    bodies = {} if form == "redacted" else {f"messages/{name}": body for name, body in _encoded(chain)}
    files = bodies | {_path(*place): part.data for place, part in chain.parts.items() if part.data}
    document: dict[str, Json] = {
        "format": FORMAT,
        "form": form,
        "platform_id": case.platform,
        "case_id": chain.stream.reference,
        "made_at": instant_text(made_at),
        "audit_head": case.head.hex(),
        "audit_length": case.seq,
        **since[()],
        "items": [{**fields_of(one, "item:number decision"), **since[one.number,]} for one in case.items.values()],
        "messages": [
            {
                **fields_of(one, "message:id event:seq kind item"),
                **since[one.id,],
                "body": _kept(_path(one.at_seq, "body") if one.at_seq else f"messages/{one.id}", files),
            }
            for one in case.messages.values()
            if one.kind != "page"
        ],
        "events": [_fact(on, link, chain, files, form) for on, link in zip(events, chain.links, strict=True)],
    }
    lines = tuple(_line(on, link, chain, form) for on, link in zip(events, chain.links, strict=True))
    return Contents(form, document, lines, files, policy)


def _since(chain: Chain) -> dict[tuple[Any, ...], dict[str, Json]]:
    """The states of the case (under nothing), of each item by its number and of each message by its id, each with the
    event that put it there."""
    known, since = Case(chain.stream.platform, chain.stream.name), dict[tuple[Any, ...], dict[str, Json]]()
    for on in chain.events:
        apply(known, on)
        now: dict[tuple[Any, ...], str] = {(n,): item.status for n, item in known.items.items()}
        now |= {(name,): one.state for name, one in known.messages.items()} | {(): str(known.state)}
        for what, state in now.items():
            if what not in since or since[what]["state"] != state:
                since[what] = {"state": state, "since": on.seq}
    return since


def _path(seq: int, name: str) -> str:
    """Where what was written in an event lies in the pack."""
    return f"parts/{seq:03}.{name}"


def _kept(path: str, files: Mapping[str, bytes]) -> Json:
    """Where exact bytes lie, and their digest; None where they are withheld, or were erased."""
    if path not in files:
        return None
    return {"file": path, "size": len(files[path]), "sha256": hashlib.sha256(files[path]).hexdigest()}


def _encoded(chain: Chain) -> Iterator[tuple[str, bytes]]:
    """The bytes of each message that an encoder makes of the words of the case, by the id of the message."""
    events, gone = chain.events, erased_of(chain.events)
    sealed = (
        (on.seq, name)
        for on in events
        for name, one in on.event.parts.items()
        if one.cls == "kept" or on.seq not in gone
    )
    rows: Iterable[OutboxMessage] = (
        as_told(chain.stream, chain.all_words(), {})
        if chain.parts.keys() >= {*sealed}
        else as_far_as_told(chain.stream, chain.opened, {})
    )
    made = {one.id for one in chain.stream.case.messages.values() if not one.at_seq and one.kind != "page"}
    return ((row.id, row.body) for row in rows if row.id in made and row.body)


def _fact(on: Stamped, link: Link, chain: Chain, files: Mapping[str, bytes], form: Form) -> Json:
    """An event as its content has it: times are UTC seconds, and what has its default is left out."""
    said = json.loads(link.content)
    data, roster = said["data"], chain.stream.roster
    words = {name: _kept(_path(on.seq, name), files) for name in data.pop("parts", {})}
    by = roster.name(on.person) if form == "full" else f"person-{on.person}" if on.person else ""
    return {"event": on.seq, "kind": on.kind, "at": on.at, "by": by or None, "data": data, "words": words}


def _line(on: Stamped, link: Link, chain: Chain, form: Form) -> dict[str, Json]:
    """An event with the text that was hashed: its UTF-8 bytes are the bytes of the chain. Of each part that is handed
    on it has the salt: of no other, or trying would find it."""
    people = {"people": link.people.decode()} if form == "full" else {"people_sha256": link.redacted.hex()}
    held = {name: part for name in on.event.parts if (part := chain.parts.get((on.seq, name))) is not None}
    return {
        "content": link.content.decode(),
        **people,
        "hash": link.hash.hex(),
        "mac": link.mac.hex(),
        "key_id": link.key_id.hex(),
        "parts": {
            name: {"salt": part.salt.hex(), "file": _path(on.seq, name) if part.data else None}
            for name, part in held.items()
        },
    }


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


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
