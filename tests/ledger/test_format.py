"""The ledger's bytes: what is hashed, what proves it, and what is found when anything of it is changed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.office import AlarmRaised, Viewed
from kz_compliance_sdk.domain.events.review import Claimed, Released
from kz_compliance_sdk.domain.ledger import (
    FIRST,
    Damage,
    LedgerKey,
    LedgerKeys,
    Link,
    NewerRelease,
    Part,
    Roster,
    Stamped,
    check_order,
    hash_of,
    link,
    opens,
    read,
    seal,
)

PLATFORM, STREAM = "social", "case/1"
KEY, OTHER = LedgerKey(b"k" * 32), LedgerKey(b"o" * 32)
M1 = Actor("m1", frozenset({"moderator", "lead"}), account="a-1", country="KZ")
M2 = Actor("m2", frozenset({"moderator"}), account="a-1")
SALT = b"0123456789abcdef"
STEPS: tuple[tuple[Event, Actor | None], ...] = (
    (Claimed(token=1, until=2_000), M1),
    (Released(), M1),
    (Viewed(), M2),
    (Claimed(token=2, until=3_000), M2),
    (Released(), None),
)


def chain(key: LedgerKey | None = KEY, steps: tuple[tuple[Event, Actor | None], ...] = STEPS) -> list[Link]:
    links: list[Link] = []
    roster = Roster()
    for seq, (event, actor) in enumerate(steps, 1):
        salt = SALT if actor is not None else b""
        before = links[-1].hash if links else FIRST
        told = {"kind": event.called, "version": event.v, "before": before, "roster": roster, "key": key}
        links.append(link(PLATFORM, STREAM, seq, 1_000 + seq, event, **told, actor=actor, salt=salt))  # type: ignore[arg-type]
    return links


def reads(links: list[Link], keys: tuple[LedgerKey, ...] = (KEY,), **more: Any) -> list[Stamped]:
    return read(links, READERS, {key.id: key for key in keys}, platform=PLATFORM, stream=STREAM, **more)


def test_the_bytes_are_those_of_the_page() -> None:
    """Worked out here from the page alone, with nothing of the package."""
    one = chain()[0]
    assert one.content == (
        b'{"at":1001,"by":[1,1],"data":{"token":1,"until":2000},"kind":"claimed","platform":"social","seq":1,'
        b'"stream":"case/1","v":1}'
    )
    assert json.loads(one.people) == {
        "id": "m1", "salt": SALT.hex(), "account": "a-1", "country": "KZ", "roles": ["lead", "moderator"],
    }  # fmt: skip
    inner = hashlib.sha256(one.content).digest() + hashlib.sha256(one.people).digest()
    assert one.hash == hashlib.sha256(b"kz-compliance/event/v2\n" + bytes(32) + inner).digest()
    assert one.mac == hmac.new(b"k" * 32, b"kz-compliance/mac/v1\n" + one.hash, "sha256").digest()
    assert one.key_id == hashlib.sha256(b"k" * 32).digest()[:8]


def test_a_stream_says_who_did_what_when() -> None:
    read_ = reads(chain())
    assert [one.event for one in read_] == [event for event, _ in STEPS]
    assert [(one.person, one.account) for one in read_] == [(1, 1), (1, 1), (2, 1), (2, 1), (0, 0)]
    assert [one.who for one in read_] == [M1, M1, M2, M2, None]
    assert [one.at for one in read_] == [1_001, 1_002, 1_003, 1_004, 1_005]


def test_a_copy_without_its_people_proves_the_chain_and_that_two_persons_acted() -> None:
    handed = [replace(one, people=b"", redacted=hashlib.sha256(one.people).digest()) for one in chain()]
    read_ = reads(handed)
    assert [one.person for one in read_] == [1, 1, 2, 2, 0]
    assert [one.who for one in read_] == [None] * 5


Change = Callable[[list[Link]], list[Link]]


def _swap(links: list[Link]) -> list[Link]:
    return [links[0], links[2], links[1], *links[3:]]


def _at(place: int, **fields: Any) -> Change:
    return lambda links: [replace(one, **fields) if n == place else one for n, one in enumerate(links)]


def _forged(links: list[Link]) -> list[Link]:
    """A whole new tail with right hashes, by somebody who has the database and not the key."""
    forged = links[:2]
    for one in links[2:]:
        body = {**json.loads(one.content), "at": one.at + 1}
        raw = msgspec.json.encode(body, order="sorted")
        forged.append(replace(one, at=one.at + 1, content=raw, hash=hash_of(forged[-1].hash, raw, one.people)))
    return forged


CHANGES: dict[str, tuple[Change, str]] = {
    "an event is gone": (lambda links: [links[0], *links[2:]], "missing, added or out of order"),
    "the first is gone": (lambda links: links[1:], "missing, added or out of order"),
    "two change places": (_swap, "missing, added or out of order"),
    "one stands twice": (lambda links: [links[0], links[0], *links[1:]], "missing, added or out of order"),
    "its content": (_at(1, content=b"{}"), "not those that were hashed"),
    "its people": (_at(1, people=b"{}"), "not those that were hashed"),
    "its hash": (_at(1, hash=bytes(32)), "not those that were hashed"),
    "its MAC": (_at(1, mac=bytes(32)), "MAC"),
    "its MAC is gone": (_at(1, mac=b"", key_id=b""), "MAC"),
    "its key's name": (_at(1, key_id=OTHER.id), "MAC"),
    "its kind": (_at(1, kind="approved"), "columns"),
    "its time": (_at(1, at=999), "columns"),
    "its stream": (_at(1, stream="case/2"), "missing, added or out of order"),
    "its platform": (_at(1, platform="other"), "missing, added or out of order"),
    "a forged tail with right hashes": (_forged, "MAC"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_is_changed_is_found_and_named(name: str) -> None:
    change, said = CHANGES[name]
    with pytest.raises(Damage, match=rf"event \d+ of the stream is damaged: .*{said}") as found:
        reads(change(chain()))
    assert found.value.reference == found.value.stream == STREAM


def test_the_control_an_untouched_stream_is_whole() -> None:
    assert len(reads(chain())) == len(STEPS)


def test_a_store_without_a_ledger_key_reads_its_chain_and_refuses_a_key_from_nowhere() -> None:
    assert len(reads(chain(None), keys=())) == len(STEPS)
    with pytest.raises(Damage, match="MAC"):
        reads(chain(None), keys=(KEY,))
    with pytest.raises(Damage, match="MAC"):
        reads(chain(OTHER), keys=(KEY,))
    assert len(reads(chain(OTHER), keys=(KEY, OTHER))) == len(STEPS)


def test_an_older_key_never_goes_on_with_what_a_newer_one_has_come_to() -> None:
    keys = LedgerKeys((KEY, OTHER))
    old, new = chain(OTHER), chain(KEY)
    assert check_order([*old[:2], *new[2:]], keys) == {OTHER.id: 2, KEY.id: 5}
    assert check_order([*chain(None)[:1], *old[1:2], *new[2:]], keys) == {b"": 1, OTHER.id: 2, KEY.id: 5}
    for wrong in ([*new[:2], *old[2:]], [*old[:2], *chain(None)[2:]]):
        with pytest.raises(Damage, match=r"event 3 .*its MAC is of an older ledger key"):
            check_order(wrong, keys)


def test_before_the_first_key_there_was_none_where_that_is_said() -> None:
    assert len(read(chain(None), READERS, {KEY.id: KEY, b"": None}, platform=PLATFORM, stream=STREAM)) == len(STEPS)
    with pytest.raises(Damage, match="MAC"):
        read([replace(chain()[0], key_id=b"")], READERS, {KEY.id: KEY, b"": None}, platform=PLATFORM, stream=STREAM)


def test_a_kept_fold_goes_on_from_its_verified_head_and_sees_a_cut_tail() -> None:
    links, roster = chain(), Roster()
    reads(links[:3], roster=roster)
    assert len(reads(links[3:], after=(3, links[2].hash), roster=roster)) == 2
    with pytest.raises(Damage, match="hashed"):
        reads(links[3:], after=(3, links[1].hash), roster=roster)


def test_a_number_stands_for_one_person_and_one_account() -> None:
    links = chain()
    swapped = json.loads(links[2].people) | {"id": "m1"}
    people = msgspec.json.encode(swapped, order="sorted")
    hash_ = hash_of(links[1].hash, links[2].content, people)
    forged = replace(links[2], people=people, hash=hash_, mac=KEY.mac(hash_))
    with pytest.raises(Damage, match="two persons"):
        reads([*links[:2], forged])


def test_what_a_newer_release_wrote_is_no_damage() -> None:
    links = chain()
    body = json.loads(links[4].content) | {"v": 2}
    content = msgspec.json.encode(body, order="sorted")
    hash_ = hash_of(links[3].hash, content, b"")
    newer = replace(links[4], content=content, hash=hash_, mac=KEY.mac(hash_))
    with pytest.raises(NewerRelease, match="released of version 2"):
        reads([*links[:4], newer])


def test_a_field_that_no_kind_has_is_damage() -> None:
    links = chain()
    body = json.loads(links[4].content) | {"data": {"more": 1}}
    content = msgspec.json.encode(body, order="sorted")
    hash_ = hash_of(links[3].hash, content, b"")
    odd = replace(links[4], content=content, hash=hash_, mac=KEY.mac(hash_))
    with pytest.raises(Damage, match="no released"):
        reads([*links[:4], odd])


def test_a_part_is_bound_to_its_event_and_can_go_without_it() -> None:
    words = Part("reason", "erasable", SALT, b"two officials are in the room")
    event = AlarmRaised(parts={"reason": seal(words)})
    links = chain(steps=((event, M1),))
    (said,) = reads(links)
    assert opens(said.event.parts["reason"], words)
    assert not opens(said.event.parts["reason"], replace(words, data=b"nobody is"))
    assert not opens(said.event.parts["reason"], replace(words, salt=b"f" * 16))
    assert not opens(said.event.parts["reason"], replace(words, cls="kept"))
    assert b"officials" not in links[0].content + links[0].people


def test_nothing_is_sealed_or_signed_without_randomness() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        seal(Part("reason", "erasable", b"short", b"words"))
    told = {"kind": "released", "version": 1, "before": FIRST, "roster": Roster(), "key": KEY}
    with pytest.raises(ValueError, match="16 bytes"):
        link(PLATFORM, STREAM, 1, 1, Released(), **told, actor=M1)  # type: ignore[arg-type]
