"""The vocabulary of the office: what a field may be, golden bytes of every kind, and that nothing secret is open."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kz_compliance_sdk.domain.events import KINDS, READERS
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, Roster, Sealed, link
from tests.ledger.samples import alphabet, hints, meaning, sample

GOLDEN = Path(__file__).parent / "golden" / "events.json"
OPEN = {"time", "number", "code", "flag", "name", "digest", "stream", "list", "yes or no", "group", "root", "signature"}
KEPT = {
    "proof": "proofs of origin",
    "reply": "answers that were given",
    "receipt.receipt": "receipts",
    "receipt.signature": "receipts with their signatures",
    "published.report": "published reports",
    "alerted.body": "alerts that belong to no case",
    "sanctioned.sanction_id": "the id of a sanction",
    "sanctioned.reference_number": "the number of a sanction",
}
"""Whatever outlives every erasure beside the open content: by the part, or by the kind and its part."""


def fields_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Every field of a kind, those of its groups too."""
    found: dict[str, Any] = {}
    for name, hint in hints(kind).items():
        if name == "parts":
            continue
        found[name] = hint
        for one in alphabet(hint):
            if meaning(one) == "group":
                found |= {f"{name}.{inner}": held for inner, held in fields_of(one).items()}
    return found


@pytest.mark.parametrize("name", KINDS)
def test_each_field_is_of_a_type_that_can_hold_nothing_that_anybody_wrote(name: str) -> None:
    for field, hint in fields_of(KINDS[name]).items():
        for one in alphabet(hint):
            assert meaning(one) in OPEN, f"{name}.{field} is of no type of the alphabet: {one}"


def test_the_control_a_text_is_of_no_type_that_a_field_may_have() -> None:
    assert meaning(str) == ""
    assert meaning(float) == ""
    assert meaning(dict) == ""


def test_nothing_else_than_what_the_page_names_is_kept_for_ever() -> None:
    parts = ((name, part) for name, kind in KINDS.items() for part, cls in kind.words.items() if cls == "kept")
    assert {part if part in KEPT else f"{name}.{part}" for name, part in parts} == KEPT.keys()


@pytest.mark.parametrize("name", KINDS)
def test_no_name_of_a_person_is_a_field(name: str) -> None:
    said = [field for field in fields_of(KINDS[name]) if re.search(r"(^|\.)(actor|by|user|typist|owner)($|_)", field)]
    assert said == [], f"{name}: who acted stands in the envelope"


@pytest.mark.parametrize("name", KINDS)
def test_golden_bytes(name: str) -> None:
    """What stands in the chain can never change: a new form of a kind is a new version of it."""
    golden = json.loads(GOLDEN.read_text())
    kind = KINDS[name]
    assert f"{name}/{kind.v}" in golden, "a new kind: python -m tests.ledger.golden"
    assert bytes_of(sample(kind)).decode() == golden[f"{name}/{kind.v}"]


def test_each_golden_event_can_still_be_read() -> None:
    golden = json.loads(GOLDEN.read_text())
    for key, text in golden.items():
        name, _, version = key.partition("/")
        event = READERS[name, int(version)](msgspec.json.encode(json.loads(text)["data"]))
        assert isinstance(event, KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_what_is_left_out_is_the_default_and_what_is_unknown_is_refused(name: str) -> None:
    event = sample(KINDS[name])
    assert all(one.__struct_config__.omit_defaults for one in groups_of(KINDS[name]))
    data = msgspec.json.encode(event, order="sorted")
    assert READERS[name, event.v](data) == event
    assert b" " not in data
    with pytest.raises(msgspec.ValidationError):
        READERS[name, event.v](msgspec.json.encode({**json.loads(data), "unknown": 1}))


def groups_of(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """A kind, and the values that its fields hold."""
    held = [one for hint in hints(kind).values() for one in alphabet(hint) if meaning(one) == "group"]
    return [kind, *(one for group in held if group is not Sealed for one in groups_of(group))]


def bytes_of(event: Event) -> bytes:
    """The content of the first event of a stream, without anybody."""

    told = link(
        "social",
        "case/golden",
        1,
        1_795_503_600,
        event,
        kind=event.called,
        version=event.v,
        before=FIRST,
        roster=Roster(),
        key=LedgerKey(b"k" * 32),
    )
    return told.content
