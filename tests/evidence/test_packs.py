"""What is in a pack: everything in the full form, no name in the redacted one, the same bytes for the same case."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.ledger import LedgerKey
from kz_compliance_sdk.domain.values import canonical, object_stream
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.evidence.dossier import is_plain_receipt
from kz_compliance_sdk.evidence.verify_pack import verified
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from tests.catalogues import tables
from tests.evidence.scene import (
    HEAD,
    HOSTILE,
    LEAD,
    MODERATOR,
    OFFICE_PEOPLE,
    Scene,
    codes,
    document,
    events,
    facts,
    full,
    opened,
    scene,
    signed_anew,
    written,
)
from tests.unguarded import unguard

PLANTED = (*OFFICE_PEOPLE, "Planted", "planted", "insulted", "evil.example")


# ------------------------------------------------------------------------------------------------ what is in it


@pytest.mark.slow
def test_the_full_form_holds_every_byte_of_the_case(at: Scene) -> None:
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    files = opened(full(at, case_id))
    held = at.desk.store.queries(at.desk.platform_id).records(case_id)
    kept = set(files.values())
    assert {row.body for row in held.inbox} | {row.proof for row in held.inbox} <= kept
    assert {message.body for message in held.messages if message.kind != "page"} <= kept
    assert {message.receipt for message in held.messages if message.receipt} <= kept
    lines = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [(line["content"].encode(), line["people"].encode(), line["hash"]) for line in lines] == [
        (link.content, link.people, link.hash.hex()) for link in held.chain.links
    ]
    told = {(n, name): part for n, line in enumerate(lines, 1) for name, part in line["parts"].items()}
    assert {one: (part.salt.hex(), part.data) for one, part in held.chain.parts.items()} == {
        one: (part["salt"], files[part["file"]]) for one, part in told.items()
    }
    assert {"message", "proposal", "body", "receipt", "signature", "reason"} <= {name for _, name in told}
    case = json.loads(files["case.json"])
    assert {message["state"] for message in case["messages"]} == {"done", "owed"}
    assert case["events"][0]["data"]["came"]["profile"] == "rfc9421"
    assert {"viewed", "disclosed"} <= {on["kind"] for on in case["events"]}


@pytest.mark.slow
def test_the_redacted_form_names_nobody(at: Scene) -> None:
    """Names stand in the notice, the decision, the chain, the effects and the sealed texts. The control is the full
    form, in which each of them is found."""
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    redacted, whole = at.desk.evidence(HEAD, case_id), full(at, case_id)
    for name in PLANTED:
        assert name.encode() not in redacted
        assert name.encode() in whole


@pytest.mark.slow
def test_a_letter_names_neither_its_typist_nor_its_carrier_in_the_redacted_form(folder: Path) -> None:
    """Typed in by one, checked by another, answered by a letter that a third delivered."""
    with scene(folder, regulator={"channel": "by_hand"}, signing_key=None) as at:
        notice = builders.notice(3, issued_at=at.clock(), category="illegal_gambling")
        case = at.desk.enter(MODERATOR, notice, at.clock(), "brought by Planted Courier")
        at.desk.take(LEAD, case.id, commands.Authenticate("called Planted Clerk"))
        at.office.decide("remove", case_id=case.id, by=MODERATOR, approved_by=LEAD)
        at.desk.deliver()
        at.desk.deliver()
        (waiting,) = [one for one in at.desk.case_file(case.id).messages if one.state == "waiting"]
        at.desk.record_delivery(HEAD, waiting.id, Proof("courier", "12 Planted", at.clock(), "Planted Stamp"))
        redacted, whole = at.desk.evidence(HEAD, case.id), full(at, case.id)
        for name in (*OFFICE_PEOPLE[:1], LEAD.id, HEAD.id, "Planted"):
            assert name.encode() not in redacted
            assert name.encode() in whole
        (letter,) = facts(redacted, "receipt")
        assert letter["words"] == {"by_hand": None}
        (receipt,) = [one.receipt for one in at.desk.case_file(case.id).messages if one.receipt]
        assert hashlib.sha256(receipt).hexdigest().encode() not in redacted
        assert verified(whole, None).problems == []
        assert facts(redacted, "opened")[0]["by"] == "person-1"
        assert verified(redacted, None).problems == []


@pytest.mark.slow
def test_a_person_has_one_number_in_a_pack(at: Scene) -> None:
    case_id = at.case()
    at.desk.record_view(LEAD, case_id)
    at.desk.record_view(MODERATOR, case_id)
    pack = at.desk.evidence(HEAD, case_id)
    who = {(event["kind"], event["by"][0]) for event in events(pack)}
    assert {("claimed", 1), ("proposed", 1), ("viewed", 1), ("viewed", 2), ("disclosed", 3)} <= who
    page = opened(pack)["report.html"].decode()
    assert [f"<td>лицо {number}</td>" in page for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert facts(pack, "proposed")[0]["by"] == "person-1"


def test_a_quarantined_message_makes_a_pack(at: Scene) -> None:
    """Authentic, and no notice: there is nothing to read, and the bytes are there."""
    push = at.regulator.push_body(b'{"planted": "' + HOSTILE.encode().replace(b'"', b"") + b'"}')
    assert push.answers
    (case,) = at.desk.cases(state="quarantined").cases
    files = opened(full(at, case.id))
    assert b"planted" in files["parts/001.message"]
    assert json.loads(files["case.json"])["items"] == []
    assert b"planted" not in at.desk.evidence(HEAD, case.id)


def _tampered(at: Scene, sql: str) -> Path:
    """The folder of a store in which somebody has run this."""
    at.desk.store.close()
    path = Path(at.desk.settings.store.path)
    with closing(sqlite3.connect(path)) as connection, connection:
        unguard(connection)
        assert connection.execute(sql).rowcount == 1
    return path.parent


@pytest.mark.slow
def test_a_store_that_was_tampered_with_says_so_in_the_pack(at: Scene) -> None:
    """A pack of a damaged case is evidence of the damage."""
    case_id = at.case()
    folder = _tampered(at, "UPDATE parts SET bytes = zeroblob(60) WHERE name = 'proposal'")
    with scene(folder) as again:
        pack = full(again, case_id, "en")
        (proposed,) = facts(pack, "proposed")
        assert proposed["words"] == {"proposal": None}
        assert f"{proposed['event']}: proposal" in opened(pack)["report.html"].decode()
        assert [problem.code for problem in verified(pack, None).problems] == ["part"]
        assert ": proposal<" not in opened(again.desk.evidence(HEAD, case_id, lang="en"))["report.html"].decode()


def test_a_pack_says_whether_a_ledger_key_proves_its_events(at: Scene, tmp_path: Path) -> None:
    bare = full(at, at.case(decided=False), "en")
    secret = bytes(range(32))
    (tmp_path / "keyed").mkdir()
    with scene(tmp_path / "keyed", privacy={"ledger_key": base64.b64encode(secret).decode()}) as keyed:
        whole = full(keyed, keyed.case(decided=False), "en")
    key = LedgerKey(secret)
    assert [key.id.hex() in opened(pack)["report.html"].decode() for pack in (bare, whole)] == [False, True]
    assert [(line["mac"], line["key_id"]) for line in events(whole)] == [
        (key.mac(bytes.fromhex(line["hash"])).hex(), key.id.hex()) for line in events(whole)
    ]
    said = tables("en", "evidence")["page"]["no_ledger_key"]
    assert [said in opened(pack)["report.html"].decode() for pack in (bare, whole)] == [True, False]
    assert [verified(pack, None).problems for pack in (bare, whole)] == [[], []]


def test_what_said_nothing_new_is_in_the_pack_as_it_was_answered(at: Scene) -> None:
    """The same notice in another envelope. The control says that it said something."""
    case_id = at.case(decided=False)
    (row,) = at.desk.case_file(case_id).inbox
    at.clock.advance(1)
    assert at.regulator.push_body(json.dumps({**json.loads(row.body), "id": "again"}).encode()).answers
    pack = full(at, case_id)
    case = document(pack, "case.json")
    came = [on["data"]["came"] for on in case["events"] if "came" in on["data"]]
    assert [one.get("status", 202) for one in came] == [202, 200]
    assert codes(pack) == []
    came[1]["status"] = 202
    assert codes(signed_anew({**opened(pack), "case.json": written(case)})) == ["told"]


def test_of_a_broken_chain_there_is_no_pack(at: Scene) -> None:
    """That it was made could not be recorded."""
    case_id = at.case()
    with scene(_tampered(at, "UPDATE events SET kind = 'undone' WHERE seq = 3")) as again:
        for make in (lambda: again.desk.evidence(HEAD, case_id), lambda: again.desk.case_file(case_id)):
            with pytest.raises(StoreDamaged, match="event 3 of the stream is damaged"):
                make()


# ------------------------------------------------------------------------------- what a digest could give away


@pytest.mark.slow
def test_who_acted_cannot_be_found_by_trying_all_colleagues(at: Scene) -> None:
    """The redacted form gives everything of an event but its people. The control knows what hides them."""
    case_id = at.case()
    pack = at.desk.evidence(HEAD, case_id)
    lines = {event["seq"]: event for event in events(pack)}
    links = at.desk.case_file(case_id).chain.links
    assert len(lines) == len(links)
    assert not any("people" in line for line in lines.values())

    def guessed(seq: int, salt: str) -> list[str]:
        hashed = lines[seq]["people_sha256"]
        tried = {one.id: _people(one, salt) for one in (MODERATOR, LEAD, HEAD)}
        return [name for name, people in tried.items() if hashlib.sha256(people).hexdigest() == hashed]

    for link in links:
        if link.people:
            said = json.loads(link.people)
            assert guessed(link.seq, said["salt"]) == [said["id"]]
            assert not any(guessed(link.seq, salt) for salt in ("0" * 32, lines[1]["hash"][:32], ""))
            assert said["salt"].encode() not in pack


def _people(actor: Actor, salt: str) -> bytes:
    said: dict[str, Any] = {"account": actor.account, "id": actor.id, "roles": sorted(actor.roles), "salt": salt}
    return canonical(said)


def test_what_is_withheld_cannot_be_found_by_trying(at: Scene) -> None:
    """Neither what somebody wrote nor which object an item is about. The controls know the salt, and the key."""
    case_id = at.case()
    redacted, file = at.desk.evidence(HEAD, case_id), at.desk.case_file(case_id)
    lines = {event["seq"]: event for event in events(redacted)}
    inside = set(opened(redacted).values())
    for (seq, name), part in file.chain.parts.items():
        sealed = lines[seq]["data"]["parts"][name]["mac"]
        assert hmac.new(part.salt, part.data, "sha256").hexdigest() == sealed
        came = name == "message"
        assert (part.salt.hex().encode() in redacted) is (part.data in inside or came), (seq, name)
        if not came:
            assert (hashlib.sha256(part.data).hexdigest().encode() in redacted) is (part.data in inside)
    names = [one["object"] for one in lines[1]["data"]["items"]]
    keyed = at.desk.store.submit(at.desk.platform_id, lambda tx: ((), tx.stamp().keyed)).result()
    about = [item.object_key for item in file.case.items]
    assert [object_stream(one, keyed) for one in about] == names
    for tried in (hashlib.sha256, lambda said: hmac.new(b"", said, "sha256")):
        assert not {f"object/{tried(one.encode()).hexdigest()[:32]}" for one in about} & {*names}


def test_the_salt_of_a_message_lets_who_has_it_find_it_in_the_chain(at: Scene) -> None:
    """Its SHA-256 is told already. The control is another message."""
    case_id = at.case()
    (row,) = at.desk.case_file(case_id).inbox
    first = events(at.desk.evidence(HEAD, case_id))[0]
    assert first["parts"]["message"]["file"] is None
    salt, mac = bytes.fromhex(first["parts"]["message"]["salt"]), first["data"]["parts"]["message"]["mac"]
    assert hmac.new(salt, row.body, "sha256").hexdigest() == mac
    assert hmac.new(salt, row.body + b" ", "sha256").hexdigest() != mac


def test_two_persons_are_two_numbers_in_the_redacted_form(at: Scene) -> None:
    case_id = at.case(decided=False)
    at.office.decide(case_id=case_id, by=HEAD, approved_by=LEAD)
    pack = at.desk.evidence(MODERATOR, case_id)
    told = {event["kind"]: event["by"] for event in events(pack)}
    assert (told["proposed"], told["approved"]) == ([1, 1], [2, 2])
    assert [one["by"] for one in facts(pack, "proposed", "approved")] == ["person-1", "person-2"]
    assert verified(pack, None).problems == []


@pytest.mark.slow
def test_a_pack_says_of_the_case_what_the_store_says_of_it(at: Scene) -> None:
    case_id = at.case()
    pack = full(at, case_id)
    told, held = document(pack, "case.json"), at.desk.case_file(case_id)
    assert (told["platform_id"], told["case_id"], told["state"]) == (held.case.platform_id, case_id, held.case.state)
    assert (told["events"][told["since"] - 1]["kind"], held.case.state) == ("receipt", "closed")
    (opened_,), (proposed,), (decided,) = (facts(pack, kind) for kind in ("opened", "proposed", "decided"))
    assert (opened_["received_at"], opened_["due_at"]) == (held.case.received_at, held.case.due_at)
    assert (opened_["authority"], opened_["notice"]) == (held.case.authority_id, held.case.notice_id)
    assert (opened_["policy"], decided["at"]) == (at.desk.policy.version, held.case.decided_at)
    for shown, item in zip(told["items"], held.case.items, strict=True):
        assert (shown["item"], shown["state"], shown["decision"]) == (item.number, item.status, item.decision_version)
        (in_force,) = [on for on in facts(pack, "measure_in_force") if on["item"] == item.number]
        assert (shown["since"], in_force["at_platform"]) == (in_force["event"], item.effective_at)
    (row,), came = held.inbox, opened_["came"]
    proof = json.loads(row.proof)
    assert (came["sender"], came["source"], came["profile"]) == (row.sender, row.source, "rfc9421")
    assert (came["key_id"], came["signed_at"]) == (proof["key_id"], proof["signed_at"])
    (decision,), (check,) = held.decisions.values(), held.legal_checks
    assert (proposed["decision"], proposed["by"], proposed["at"]) == (1, decision.proposed_by, decision.proposed_at)
    assert opened(pack)[proposed["words"]["proposal"]["file"]] == decision.body
    assert facts(pack, "legally_checked")[0]["answers"] == check.answers


@pytest.mark.slow
def test_a_pack_says_of_each_message_what_the_case_holds_of_it(at: Scene) -> None:
    case_id = at.case()
    held = {message.id: message for message in at.desk.case_file(case_id).messages if message.kind != "page"}
    pack = full(at, case_id)
    files, told = opened(pack), document(pack, "case.json")["messages"]
    assert len(told) == len(held) > 3
    receipts = {on["message"]: on["words"] for on in facts(pack, "receipt")}
    assert len(receipts) > 1
    for one in told:
        message = held[one["message"]]
        assert (one["kind"], one["state"]) == (message.kind, {"queued": "owed"}.get(message.state, message.state))
        assert (files[one["body"]["file"]], one["body"]["size"]) == (message.body, len(message.body))
        assert one["body"]["sha256"] == hashlib.sha256(message.body).hexdigest()
        assert str(one["item"] or "") == message.item_id
        if message.receipt:
            kept = receipts[one["message"]]
            assert files[kept["receipt"]["file"]] == message.receipt
            assert files[kept["signature"]["file"]] == message.receipt_proof
        tried = at.desk.case_file(case_id).attempts.get(message.id, ())
        begun = [on["at"] for on in facts(pack, "begun") if on["message"] == message.id]
        assert begun == [tries.started_at for tries in tried]
    assert {one["item"] for one in told} == {0, 1, 2}


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
    assert len(case["items"]) == len(facts(pack, "proposed")[0]["items"]) == 50
    assert len([one for one in case["messages"] if one["kind"] == "enforce"]) == 50
    assert case["audit_length"] >= 200
    assert opened(pack)["report.html"].count(b"<tr>") > 350
    assert verified(pack, None).problems == []
