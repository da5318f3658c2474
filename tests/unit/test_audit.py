"""The audit chain: whatever is edited, swapped, deleted, inserted or cut is found; an erased text breaks nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.domain.audit import (
    GENESIS,
    Actor,
    AuditEvent,
    SealedText,
    Stamp,
    event_hash,
    next_event,
    sealed_digest,
    verify_chain,
)
from tests.chance import examples

CASE = "case-1"
SALT = b"0123456789abcdef0123456789abcdef"


def _chain(length: int, case_id: str = CASE) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for seq in range(1, length + 1):
        prev = events[-1].hash if events else GENESIS
        texts = {"reasons": f"себептер {seq}"} if seq % 3 == 0 else None
        stamp = Stamp(1_795_503_600 + seq, Actor("m1"), SALT)
        events.append(next_event("social", case_id, seq, prev, stamp, "propose", {"n": seq}, texts))
    return events


def _faults(events: list[AuditEvent], of: list[AuditEvent]) -> tuple[object, ...]:
    """What verification says of `events` when the case still names the head and the length of the chain `of`."""
    return verify_chain(CASE, events, head=of[-1].hash, length=len(of))


def test_a_whole_chain_has_no_fault() -> None:
    for length in (1, 2, 12):
        events = _chain(length)
        assert _faults(events, events) == ()
    assert verify_chain(CASE, [], head=GENESIS, length=0) == ()


def test_the_first_event_follows_the_genesis_and_each_the_one_before_it() -> None:
    events = _chain(3)
    assert events[0].prev == GENESIS
    assert [e.prev for e in events[1:]] == [e.hash for e in events[:-1]]
    assert [e.hash for e in events] == [event_hash(e.prev, e.content) for e in events]


_EDITS = {
    "content": lambda e: replace(e, content=e.content.replace(b'"n":', b'"m":')),
    "hash": lambda e: replace(e, hash="f" * 64),
    "prev": lambda e: replace(e, prev="f" * 64),
    "at": lambda e: replace(e, at=e.at + 1),
    "kind": lambda e: replace(e, kind="approve"),
    "actor": lambda e: replace(e, actor="m2"),
    "seq": lambda e: replace(e, seq=e.seq + 100),
    "case": lambda e: replace(e, case_id="case-2"),
    "platform": lambda e: replace(e, platform_id="other"),
    "content and hash": lambda e: replace(
        e, content=e.content + b" ", hash=event_hash(e.prev, e.content + b" "), sealed=()
    ),
}


@pytest.mark.parametrize("edit", _EDITS)
@pytest.mark.parametrize("at", [0, 2, 5])
def test_an_edit_of_any_column_is_found(edit: str, at: int) -> None:
    events = _chain(6)
    edited = [*events]
    edited[at] = _EDITS[edit](events[at])
    assert _faults(edited, events)


@given(st.data())
@settings(max_examples=examples(300))
def test_whatever_is_done_to_a_chain_is_found(data: st.DataObject) -> None:
    """Random edits, swaps, deletes, inserts and cuts, several at a time: found unless the chain is as it was."""
    events = _chain(data.draw(st.integers(2, 9)))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    broken = [*events]
    for _ in range(data.draw(st.integers(1, 3))):
        at = chance.randrange(len(broken)) if broken else 0
        match data.draw(st.sampled_from(("edit", "swap", "delete", "insert", "cut", "repeat"))):
            case "edit" if broken:
                content = bytearray(broken[at].content)
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
                broken[at] = replace(broken[at], content=bytes(content))
            case "swap" if len(broken) > 1:
                other = chance.randrange(len(broken))
                broken[at], broken[other] = broken[other], broken[at]
            case "delete" if broken:
                del broken[at]
            case "insert":
                broken.insert(at, _chain(9)[chance.randrange(9)])
            case "cut":
                del broken[at:]
            case "repeat" if broken:
                broken.insert(at, broken[at])
    assert bool(_faults(broken, events)) == (broken != events)


def test_a_cut_tail_is_found_by_the_head_alone_and_by_the_length_alone() -> None:
    events = _chain(6)
    cut = events[:4]
    assert verify_chain(CASE, cut, head=events[-1].hash)
    assert verify_chain(CASE, cut, length=6)
    assert not verify_chain(CASE, cut), "with neither it cannot be seen: that is why the case keeps both"


def test_a_rewritten_chain_is_found_by_its_head() -> None:
    """Somebody who can write can compute every hash anew; the head that others hold gives it away."""
    events = _chain(5)
    rewritten: list[AuditEvent] = []
    for event in events:
        content = event.content.replace(b'"n":3', b'"n":4')
        prev = rewritten[-1].hash if rewritten else GENESIS
        rewritten.append(replace(event, content=content, prev=prev, hash=event_hash(prev, content)))
    assert not verify_chain(CASE, rewritten)
    assert verify_chain(CASE, rewritten, head=events[-1].hash)


def test_the_events_of_another_case_do_not_pass_for_this_ones() -> None:
    events, others = _chain(4), _chain(4, "case-2")
    assert _faults(others, events)


def test_erasing_a_sealed_text_leaves_the_chain_whole() -> None:
    events = _chain(6)
    erased = [replace(event, sealed=()) for event in events]
    assert any(event.sealed for event in events)
    assert _faults(erased, events) == ()


def test_an_exchanged_text_is_found() -> None:
    events = _chain(3)
    (sealed,) = events[2].sealed
    for other in (
        replace(sealed, text="another reason"),
        replace(sealed, salt="0" * 64),
        replace(sealed, name="items.2.reasons"),
    ):
        assert _faults([*events[:2], replace(events[2], sealed=(other,))], events)


def test_a_text_that_was_never_sealed_is_found() -> None:
    events = _chain(2)
    slipped_in = SealedText("note", "0" * 64, "approved by the minister")
    assert _faults([events[0], replace(events[1], sealed=(slipped_in,))], events)


def test_the_text_itself_is_not_in_the_hashed_bytes() -> None:
    """Otherwise it could not be erased; and without its salt a short text could be guessed from the digest."""
    (event,) = [e for e in _chain(3) if e.sealed]
    (sealed,) = event.sealed
    assert sealed.text.encode() not in event.content
    assert sealed.salt.encode() not in event.content
    assert sealed_digest(sealed.salt, sealed.text).encode() in event.content


def test_two_texts_of_one_act_have_different_salts() -> None:
    event = next_event(
        "social", CASE, 1, GENESIS, Stamp(1, Actor("m1"), SALT), "propose", {}, {"a": "same", "b": "same"}
    )
    assert len({text.salt for text in event.sealed}) == 2


def test_sealing_without_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="salt"):
        next_event("social", CASE, 1, GENESIS, Stamp(1, Actor("m1"), b"short"), "propose", {}, {"a": "text"})
