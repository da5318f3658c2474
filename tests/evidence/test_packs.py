"""What is in a pack: everything in the full form, no name in the redacted one, the same bytes for the same case."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.audit import GENESIS, SYSTEM, Actor, AuditEvent, Stamp, event_hash, next_event
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.evidence.redaction import People, facts, is_plain_receipt, provable, said_of
from kz_compliance_sdk.evidence.verify_pack import read_key, verified
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from tests.evidence.scene import (
    HEAD,
    HOSTILE,
    LEAD,
    MODERATOR,
    OFFICE_PEOPLE,
    URL,
    Scene,
    document,
    full,
    opened,
    scene,
)
from tests.unguarded import unguard

AT = 1_795_503_600
PLANTED = (*OFFICE_PEOPLE, "Planted", "planted", "insulted", "evil.example")


# ------------------------------------------------------------------------------------------------ what is in it


def test_the_full_form_holds_every_byte_of_the_case(at: Scene) -> None:
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    files = opened(full(at, case_id))
    held = at.desk.store.queries(at.desk.platform_id).records(case_id)
    kept = set(files.values())
    assert {row.body for row in held.inbox} | {row.proof for row in held.inbox} <= kept
    assert {row.body for row in held.decisions} <= kept
    assert {message.body for message in held.messages} <= kept
    assert {message.receipt for message in held.messages if message.receipt} <= kept
    lines = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [line["content"].encode() for line in lines] == [event.content for event in held.events]
    assert {text["text"] for line in lines for text in line["sealed"]} == {
        text.text for event in held.events for text in event.sealed
    }
    case = json.loads(files["case.json"])
    assert sum(len(message["attempts"]) for message in case["messages"]) == len(held.attempts) > 0
    assert case["received"][0]["verification"]["result"] == "proved"
    assert {"view", "disclose"} <= {line["kind"] for line in lines}
    assert case["clock"]["due_at"]["almaty"].endswith("+05:00")


def test_the_redacted_form_names_nobody(at: Scene) -> None:
    """Names stand in the notice, the decision, the chain, the effects and the sealed texts. The control is the full
    form, in which each of them is found."""
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    redacted, whole = at.desk.evidence(HEAD, case_id), full(at, case_id)
    for name in PLANTED:
        assert name.encode() not in redacted
        assert name.encode() in whole
    assert document(redacted, "case.json")["received"][0]["body"]["sha256"] in redacted.decode("utf-8", "replace")


def test_a_letter_names_neither_its_typist_nor_its_carrier_in_the_redacted_form(folder: Path) -> None:
    """Typed in by one, checked by another, answered by a letter that a third delivered."""
    with scene(folder, regulator={"channel": "by_hand"}, signing_key=None) as at:
        notice = builders.notice(3, issued_at=at.clock(), category="illegal_gambling")
        case = at.desk.enter(MODERATOR, notice, at.clock(), "brought by Planted Courier")
        at.desk.authenticate(LEAD, case.id, "called Planted Clerk")
        at.office.decide("remove", case_id=case.id, by=MODERATOR, approved_by=LEAD)
        at.desk.deliver()
        at.desk.deliver()
        (waiting,) = [one for one in at.desk.case_file(case.id).messages if one.state == "waiting"]
        at.desk.record_delivery(HEAD, waiting.id, Proof("courier", "12 Planted", at.clock(), "Planted Stamp"))
        redacted, whole = at.desk.evidence(HEAD, case.id), full(at, case.id)
        for name in (*OFFICE_PEOPLE[:1], LEAD.id, HEAD.id, "Planted"):
            assert name.encode() not in redacted
            assert name.encode() in whole
        told = document(redacted, "case.json")
        (letter,) = [one for one in told["messages"] if one["kind"] == "report"]
        assert letter["receipt"] == {"file": None, "size": None, "sha256": None}
        receipt = hashlib.sha256(at.desk.case_file(case.id).messages[-1].receipt).hexdigest()
        assert receipt.encode() not in redacted
        assert told["received"][0]["entered_by"] == "person-1"
        assert verified(redacted, None).problems == []


def test_a_person_has_one_number_in_a_pack(at: Scene) -> None:
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    at.desk.record_view(MODERATOR, case_id)
    pack = at.desk.evidence(HEAD, case_id)
    lines = [json.loads(line) for line in opened(pack)["events.jsonl"].splitlines()]
    who = {(line["kind"], line["actor"]) for line in lines}
    assert {("claim", "person-1"), ("propose", "person-1"), ("view", "person-1"), ("view", "person-2")} <= who
    assert ("disclose", "person-3") in who
    assert document(pack, "case.json")["decisions"][0]["proposed_by"] == "person-1"


def test_a_quarantined_message_makes_a_pack(at: Scene) -> None:
    """Authentic, and no notice: there is nothing to read, and the bytes are there."""
    push = at.regulator.push_body(b'{"planted": "' + HOSTILE.encode().replace(b'"', b"") + b'"}')
    assert push.answers
    (case,) = at.desk.cases(state="quarantined").cases
    files = opened(full(at, case.id))
    assert b"planted" in files["received/001.body"]
    assert json.loads(files["case.json"])["received"][0]["said"] is None
    assert b"planted" not in at.desk.evidence(HEAD, case.id)


def test_a_store_that_was_tampered_with_says_so_in_the_pack(at: Scene) -> None:
    """A pack of a damaged case is evidence of the damage."""
    case_id = at.case()
    at.desk.store.close()
    import sqlite3

    with closing(sqlite3.connect(at.desk.settings.store.path)) as connection, connection:
        unguard(connection)
        connection.execute("UPDATE audit SET kind = 'undo' WHERE seq = 3")
    connection.close()
    with scene(at.desk.settings.store.path.parent) as again:
        pack = full(again, case_id, "en")
        faults = document(pack, "case.json")["audit"]["faults"]
        assert any(fault["seq"] == 3 for fault in faults)
        assert "its columns disagree" in opened(pack)["report.html"].decode()
        assert [problem.code for problem in verified(pack, None).problems] == ["facts"]
        assert {
            fault["what"] for fault in document(again.desk.evidence(HEAD, case_id), "case.json")["audit"]["faults"]
        } == {""}


# --------------------------------------------------------------------------------- what a hash could give away


def _event(actor: Actor, salt: bytes = b"", **data: Any) -> AuditEvent:
    return next_event("social", "case-1", 2, GENESIS, Stamp(AT, actor, salt), "claim", data)


def test_the_name_in_an_event_cannot_be_found_by_trying_all_colleagues() -> None:
    """The redacted form gives everything of an event but its people. With a nonce no colleague's name fits; the control
    is an event without one, where the right name is found at once, and whose hash is therefore withheld."""

    def guess(event: AuditEvent) -> str | None:
        told, _ = facts(event, People([event]), frozenset())
        for name in ("m1", "m2", "m3"):
            said: dict[str, Any] = {
                "platform": "social",
                "case": "case-1",
                "seq": 2,
                "at": event.at,
                "kind": "claim",
                "actor": name,
            }
            if event_hash(event.prev, encoded({**said, "data": told})) == event.hash:
                return name
        return None

    bare, salted = _event(Actor("m2"), token=1), _event(Actor("m2"), b"32 bytes that nobody else has ..", token=1)
    assert guess(bare) == "m2"
    assert guess(salted) is None
    assert provable([bare]) == [False]
    assert provable([salted]) == [True]


def test_a_withheld_hash_takes_those_after_it_along_up_to_the_next_nonce() -> None:
    """Each hash covers the one before: a later one would confirm a guess as well."""
    machine, person = _event(SYSTEM, items=1), _event(Actor("m1"), b"s" * 32)
    named = _event(SYSTEM, holder="m1")
    assert provable([machine, person, named, machine, person, machine]) == [True, True, False, False, True, True]
    assert provable([_event(Actor("m1", account="boss"))]) == [False]


def test_a_claim_that_ran_out_is_shown_without_a_hash_and_the_pack_verifies(at: Scene) -> None:
    """The watch frees it, with no chance at hand to make a nonce from."""
    case_id = at.case(decided=False)
    at.desk.claim(MODERATOR, case_id=case_id)
    at.clock.advance(3600)
    at.desk.watch()
    pack = at.desk.evidence(HEAD, case_id)
    lines = [json.loads(line) for line in opened(pack)["events.jsonl"].splitlines()]
    number = next(line["seq"] for line in lines if line["kind"] == "expire")
    assert lines[number - 1]["hash"] is lines[number]["prev"] is None
    assert lines[number - 1]["facts"]["holder"] == "person-1"
    assert lines[-1]["hash"] == document(pack, "manifest.json")["audit_head"]
    hidden = at.desk.case_file(case_id).audit[number - 1].hash
    assert hidden.encode() not in pack
    assert verified(pack, None).problems == []


def test_facts_are_shown_by_list() -> None:
    """A fact that nobody has listed, and a listed one that reads like words, are withheld by their names."""
    event = _event(
        Actor("m1"), b"s" * 32, token=1, novelty="x", receipt="courier 12", flags=["a", "two words"], item="1"
    )
    told, withheld = facts(event, People([event]), frozenset())
    assert told == {"token": 1, "item": "1"}
    assert withheld == ["flags", "nonce", "novelty", "receipt"]


def test_what_is_made_of_an_objects_name_is_withheld_by_its_name() -> None:
    event = next_event(
        "social", "case-1", 2, GENESIS, Stamp(AT, SYSTEM), "tell_user", {"message": "m-1", "receipt_sha256": "00"}
    )
    assert facts(event, People([event]), frozenset()) == ({}, ["message", "receipt_sha256"])
    assert facts(event, People([event]), frozenset({"00"})) == ({"receipt_sha256": "00"}, ["message"])


NOT_SHOWN = {
    "originating_body",
    "signatory",
    "addressee",
    "urgency_reason",
    "statement_of_reasons",
    "redress",
    "contact",
}


def test_the_redacted_form_says_what_the_notice_says_but_for_people_and_free_text() -> None:
    """As the full form says it, from a notice that leaves nothing out."""
    until = "2026-12-24T07:00:00Z"
    notice = builders.notice(
        1,
        supersedes="KZ-2026-0000009",
        originating_body="A body",
        deadline={"hours": 12, "legal_source": "an article"},
        urgency_reason="it spreads",
        expert_group_decision={"number": "7", "decided_on": "2026-11-20"},
        user_notice={"allowed": False, "delay_until": until, "legal_basis": "an article"},
        preservation={"until": until},
        redress={"body": "a court"},
    )
    whole: Any = said_of(notice, full=True)
    shown = said_of(notice, full=False)
    named_by = [name for name in ("url", "object_id", "account_ref") if name in whole["items"][0]]
    assert whole.keys() - shown.keys() == NOT_SHOWN | {"attachments"}
    assert shown["items"] == [{"item_id": "1", "content_type": notice.items[0].content_type, "named_by": named_by}]
    assert shown == _part_of(shown, {**whole, "items": shown["items"], "deadline": {"hours": 12, "due_at": None}})


def _part_of(shown: Any, whole: Any) -> Any:
    """The whole, with no other fields than what is shown has."""
    if isinstance(shown, dict):
        return {name: _part_of(value, whole[name]) for name, value in shown.items()}
    if isinstance(shown, list):
        return [_part_of(*pair) for pair in zip(shown, whole, strict=True)]
    return whole


def _as_told(value: Any) -> Any:
    """What a pack says of a value that stands in the store."""
    return value or None if isinstance(value, str) else list(value) if isinstance(value, tuple) else value


def test_a_pack_says_of_the_case_what_the_store_says_of_it(at: Scene) -> None:
    case_id = at.case()
    told, held = document(full(at, case_id), "case.json"), at.desk.store.queries(at.desk.platform_id).records(case_id)
    times = {"received_at", "due_at", "requested_due_at", "decided_at", "closed_at", "lift_due_at"}
    for name, value in told["case"].items():
        stored = getattr(held.case, name)
        assert value == (stored and instant_text(stored) if name in times else _as_told(stored)), name
    for shown, item in zip(told["items"], held.case.items, strict=True):
        at_text = instant_text(item.effective_at)
        for name, value in shown.items():
            assert value == (at_text if name == "effective_at" else _as_told(getattr(item, name))), name
    (shown,), (row,) = told["received"], held.inbox
    for name in ("type", "sender", "message_id", "source", "exit", "status", "deliveries"):
        assert shown[name] == getattr(row, name)
    assert shown["received_at"] == instant_text(row.received_at)
    proof = json.loads(row.proof)
    verified_now = dict(shown["verification"])
    assert read_key(verified_now.pop("public_key").encode()).public_bytes_raw()
    assert verified_now == {
        "result": "proved", "key_id": proof["key_id"], "sender": row.sender, "profile": "rfc9421",
        "signed_at": instant_text(proof["signed_at"]), "target": URL, "key_expired": False,
    }  # fmt: skip
    assert shown["at_receipt"] == {name: verified_now[name] for name in ("key_id", "profile", "signed_at")}
    (shown,), (decision,) = told["decisions"], held.decisions
    for name in ("version", "digest", "proposed_by", "approved_by"):
        assert shown[name] == (getattr(decision, name) or None)
    proposed = json.loads(decision.body)["proposal"]
    assert (shown["items"], shown["legal_check"]) == (proposed["items"], proposed["legal_check"])
    assert (shown["proposed_at"], shown["revision"]) == (instant_text(decision.proposed_at), held.case.revision)


EXACT = ("body", "receipt", "receipt_proof")


def test_a_pack_says_of_each_message_what_the_case_holds_of_it(at: Scene) -> None:
    case_id = at.case()
    held = {message.id: message for message in at.desk.case_file(case_id).messages}
    files = opened(full(at, case_id))
    told = json.loads(files["case.json"])["messages"]
    assert len(told) == len(held) > 3
    assert all(one.keys() == told[0].keys() for one in told)
    assert {name for message in held.values() for name in EXACT if getattr(message, name)} == set(EXACT)
    for number, one in enumerate(told, start=1):
        message = held[one["id"]]
        assert (one["number"], one["kind"], one["endpoint"], one["state"]) == (
            number, message.kind, message.endpoint, message.state,
        )  # fmt: skip
        for name in EXACT:
            data = getattr(message, name)
            if data:
                assert files[one[name]["file"]] == data
                assert (one[name]["size"], one[name]["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert one["item_id"] == (message.item_id or None)
        assert one["created_at"] == instant_text(message.created_at)
        tried = at.desk.case_file(case_id).attempts.get(message.id, ())
        assert [(a["number"], a["started_at"], a["ended_at"], a["result"], a["detail"]) for a in one["attempts"]] == [
            (a.number, instant_text(a.started_at), instant_text(a.ended_at), a.result, a.detail) for a in tried
        ]
        assert one["settled_at"] == (instant_text(message.settled_at) if message.settled_at else None)
    assert {one["item_id"] for one in told} == {None, "1", "2"}


@pytest.mark.parametrize(
    ("receipt", "plain"),
    [
        (b'{"receipt_id":"r-1","subject_id":"m-1","body_sha256":"00","recorded_at":"2026-11-24T07:00:00Z"}', True),
        (b'{"receipt_id":"r-1","subject_id":"m-1","officer":"A. B."}', False),
        (b'{"receipt_id":"by A. B."}', False),
        (b'{"receipt_id":["A"]}', False),
        (b"[]", False),
        (b"no json", False),
    ],
)
def test_a_receipt_is_shown_only_if_it_holds_nothing_else(receipt: bytes, plain: bool) -> None:
    assert is_plain_receipt(receipt) is plain


@pytest.mark.slow
def test_a_pack_of_fifty_items_and_two_hundred_events_holds_everything(at: Scene) -> None:
    case_id = at.case(items=50)
    at.looked_at(case_id, until=199)
    pack = full(at, case_id)
    case = document(pack, "case.json")
    assert len(case["items"]) == len(case["decisions"][0]["items"]) == 50
    assert len([one for one in case["messages"] if one["kind"] == "enforce"]) == 50
    assert case["audit"]["length"] >= 200
    assert opened(pack)["report.html"].count(b"<tr>") > 350
    assert verified(pack, None).problems == []
