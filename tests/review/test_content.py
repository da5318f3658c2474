"""What was seen is what is decided about and approved; content that changed goes back to people."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands, proofs
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.decision import Proposal, Wording
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.errors import ConfigError, Conflict, IllegalMove, InvalidInput, LeaseLost, NotAllowed
from kz_compliance_sdk.ports import Reference, Resolved
from kz_compliance_sdk.services import looking
from kz_compliance_sdk.services.loading import case_file_of
from kz_compliance_sdk.services.looking import Looking
from kz_compliance_sdk.testing.content import naming
from tests.case_makers import NOBODY, RU, a_notice, measure, proposal, refusal
from tests.review.content_scene import case_of, claimed, look, pages, propose
from tests.scene import HEAD, LEGAL, M1, M2, PLATFORM, Host, World
from tests.store.conftest import tamper


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    yield made
    made.check_chains()
    made.store.close()


# -------------------------------------------------------------------------------------------------- looking


def test_a_look_shows_what_is_there_and_records_its_digest_but_never_its_text(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.world.content.write("post:A", "a very particular sentence")
    lease = claimed(host, "A", "B")
    host.world.content.remove("post:B")
    first, second = look(host, lease)
    assert (first.preview, first.available, first.object_id) == ("a very particular sentence", True, "post:A")
    assert (second.preview, second.available, second.digest) == (None, False, "")
    assert "particular" not in repr(first)
    told = host.records(lease.case.id).stream.events[-1]
    assert (told.kind, told.who and told.who.id) == ("looked", "m1")
    rows = case_file_of(host.store.queries(PLATFORM), lease.case.id, 0).content
    assert [(row.item_id, row.n, row.digest, row.seen_by) for row in rows] == [
        ("1", 1, first.digest, "m1"),
        ("2", 1, "", "m1"),
    ]
    host.drain()
    everything = host.world.path.read_bytes() + Path(f"{host.world.path}-wal").read_bytes()
    assert b"particular" not in everything, "a preview is shown, and kept nowhere"
    assert lease.case.id.encode() in everything, "the search would find it"
    assert first.digest.encode() not in everything
    assert "particular" not in caplog.text


def test_who_may_look_and_when(host: Host) -> None:
    lease = claimed(host)
    host.looking.look(HEAD, lease.case.id)
    with pytest.raises(NotAllowed):
        host.looking.look(NOBODY, lease.case.id)
    with pytest.raises(LeaseLost):
        host.looking.look(M2, lease.case.id, lease.token)
    propose(host, lease)
    with pytest.raises(IllegalMove, match="no open item to look at"):
        host.looking.look(M1, lease.case.id)


def test_without_a_port_there_is_nothing_to_look_with_and_nothing_pretends_that_there_is(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    lease = claimed(host)
    with pytest.raises(ConfigError):
        look(host, lease)
    claims = proposal(measure("1", content_sha256="a" * 64))
    with pytest.raises(InvalidInput, match="no Content port") as refused:
        host.take(M1, lease.case.id, commands.Propose(lease.token, claims))
    assert refused.value.field == "items[0].content_sha256"
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert host.drain()
    assert host.world.content.calls == []
    host.store.close()


def test_a_port_that_raises_is_recorded_and_told_once_and_a_second_person_can_decide(host: Host) -> None:
    lease = claimed(host)
    host.world.content.fail_next(RuntimeError("down"), RuntimeError("down"), RuntimeError("down"))
    assert [seen.fault for seen in (*look(host, lease), *look(host, lease))] == ["RuntimeError"] * 2
    assert pages(host).count("content_unresolved") == 1
    guess = proposal(measure("1", content_sha256="a" * 64))
    with pytest.raises(InvalidInput, match="the last look at it failed"):
        host.take(M1, lease.case.id, commands.Propose(lease.token, guess))
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.decision.needs_approval, "nobody has seen it: one person alone does not decide"
    host.take(LEGAL, lease.case.id, commands.Approve(decided.digest))
    host.drain()
    assert host.world.platform.effects == {"object:post:A": "remove"}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, "no_answer"),
        (Resolved("post:A", "abc", available=True, at=1), "unusable_answer"),
        (Resolved("x" * 1001, "a" * 64, available=True, at=1), "unusable_answer"),
        (Resolved("post:A", "A" * 64, available=True, at=1), "unusable_answer"),
    ],
)
def test_an_answer_that_the_port_does_not_allow_is_a_fault(host: Host, answer: Any, fault: str) -> None:
    lease = claimed(host)
    host.world.content.resolve = lambda _reference: answer  # type: ignore[method-assign,assignment]
    assert [seen.fault for seen in look(host, lease)] == [fault]


def test_a_port_that_hangs_costs_one_deadline_and_its_threads_are_bounded(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "TOTAL_S", 0.05)
    monkeypatch.setattr(looking, "_MOST_HANGING", 10)
    gate, begun = threading.Event(), []

    def hang(reference: Reference) -> Resolved:
        begun.append(reference)
        gate.wait(30)
        raise AssertionError

    def spawn(call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  the future is how the caller learns of it
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    lease = claimed(host, *map(str, range(30)))
    port = type("Port", (), {"resolve": staticmethod(hang)})()
    slow = Looking(host.store, PLATFORM, port, lambda: True, spawn=spawn, monotonic=time.monotonic)
    for _ in range(3):
        assert {seen.fault for seen in slow.look(M1, lease.case.id)} == {"timeout"}
    assert len(begun) <= 10
    gate.set()


# ------------------------------------------------------------------------------------------------- proposing


def test_a_measure_names_the_content_that_was_last_seen(host: Host) -> None:
    lease = claimed(host)

    def refused(chosen: Proposal) -> InvalidInput:
        with pytest.raises(InvalidInput) as error:
            host.take(M1, lease.case.id, commands.Propose(lease.token, chosen))
        return error.value

    unseen = refused(proposal(measure("1", content_sha256="a" * 64)))
    assert (unseen.field, "Look at the case first" in unseen.remedy) == ("items[0].content_sha256", True)
    (old,) = look(host, lease)
    assert "not said" in refused(proposal(measure("1"))).message
    host.world.content.write("post:A", "edited")
    (new,) = look(host, lease)
    assert old.digest != new.digest
    assert "not the content" in refused(naming(proposal(measure("1")), (old,))).message
    host.take(M1, lease.case.id, commands.Propose(lease.token, naming(proposal(measure("1")), (new,))))
    assert case_of(host, lease).state is CaseState.DECIDED


def test_a_refusal_needs_nolook(host: Host) -> None:
    lease = claimed(host)
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(refusal("1"))))
    assert case_of(host, lease).state is CaseState.DECIDED


def test_nothing_is_done_to_what_is_gone(host: Host) -> None:
    lease = claimed(host)
    host.world.content.remove("post:A")
    seen = look(host, lease)
    with pytest.raises(InvalidInput, match="gone") as refused:
        host.take(M1, lease.case.id, commands.Propose(lease.token, naming(proposal(measure("1")), seen)))
    assert "already_unavailable" in refused.value.remedy
    gone = refusal("1", "already_unavailable", finding="not_assessed")
    host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(gone, legal_check=None)))
    host.drain()
    assert [item["outcome"] for item in host.world.regulator.reports()[0]["items"]] == ["already_unavailable"]


def test_what_was_seen_of_another_object_under_the_same_id_does_not_count(host: Host) -> None:
    lease = claimed(host, "A")
    seen = look(host, lease)
    items = (Item(item_id="1", object_id="post:B"),)
    host.push(a_notice(revision=2).model_copy(update={"items": items}), "msg-2")
    again = host.taking.claim(M1).result()
    assert again is not None
    with pytest.raises(InvalidInput, match="nobody has looked"):
        host.take(M1, again.case.id, commands.Propose(again.token, naming(proposal(measure("1")), seen)))


def test_a_case_that_somebody_has_looked_at_asks_for_it_also_where_there_is_no_port(host: Host) -> None:
    lease = claimed(host)
    seen = look(host, lease)
    host.world.can_look = False
    with pytest.raises(InvalidInput, match="not said"):
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    host.take(M1, lease.case.id, commands.Propose(lease.token, naming(proposal(measure("1")), seen)))


# ------------------------------------------------------------------------------------------------- approving


def test_an_approval_covers_what_was_seen(host: Host) -> None:
    lease = claimed(host, category="election_rules")
    digest = propose(host, lease)
    host.take(LEGAL, lease.case.id, commands.Approve(digest))
    history = host.records(lease.case.id).stream.events
    assert [on.kind for on in history][-4:] == ["proposed", "looked", "approved", "decided"]
    assert history[-3].event.approval
    assert history[-3].who == LEGAL


@pytest.mark.parametrize(("gone", "flag"), [(False, "content_changed:2"), (True, "content_gone:2")])
def test_content_that_changed_before_the_approval_goes_back_to_review(host: Host, gone: bool, flag: str) -> None:
    lease = claimed(host, "A", "B", category="election_rules")
    digest = propose(host, lease, proposal(measure("1"), measure("2")))
    if gone:
        host.world.content.remove("post:B")
    else:
        host.world.content.write("post:B", "edited")
    with pytest.raises(Conflict, match="'2'") as refused:
        host.taking.take(LEGAL, lease.case.id, commands.Approve(digest))
    assert refused.value.code == "content_changed"
    case = case_of(host, lease)
    assert case.state is CaseState.QUEUED
    assert case.open_items == {"1", "2"}
    assert flag in case.flags
    assert "content_changed" in pages(host)
    assert host.world.platform.calls == []


def test_a_port_that_fails_at_the_approval_does_not_hold_it_up_for_the_content_is_compared_once_more(
    host: Host,
) -> None:
    lease = claimed(host, category="election_rules")
    digest = propose(host, lease)
    host.world.content.fail_next(RuntimeError("down"))
    host.take(LEGAL, lease.case.id, commands.Approve(digest))
    assert "content_unresolved" in pages(host)
    host.world.content.write("post:A", "edited")  # too late: it was carried out
    assert host.world.platform.effects == {"object:post:A": "remove"}


def test_it_is_compared_once_more_also_when_the_look_at_the_approval_failed(host: Host) -> None:
    lease = claimed(host, category="election_rules")
    digest = propose(host, lease)
    host.world.content.fail_next(RuntimeError("down"))
    host.take(LEGAL, lease.case.id, commands.Approve(digest))
    host.world.content.write("post:A", "edited")
    host.drain()
    assert host.world.platform.calls == []
    assert case_of(host, lease).state is CaseState.QUEUED


@pytest.mark.slow
def test_a_look_that_fails_after_what_changed_was_seen_is_told_anew(host: Host) -> None:
    lease = claimed(host, category="election_rules")
    digest = propose(host, lease)
    host.world.content.fail_next(RuntimeError("down"))
    host.take(LEGAL, lease.case.id, commands.Approve(digest))
    host.world.content.write("post:A", "edited")
    assert pages(host).count("content_unresolved") == 1
    again = host.taking.claim(M1).result()
    assert again is not None
    for _ in range(2):
        host.world.content.fail_next(RuntimeError("down"))
        look(host, again)
    assert pages(host).count("content_unresolved") == 2, "once more, and once only"


def test_whoever_may_not_approve_moves_nothing(host: Host) -> None:
    lease = claimed(host, category="election_rules")
    digest = propose(host, lease)
    host.world.content.write("post:A", "edited")
    calls = len(host.world.content.calls)
    with pytest.raises(NotAllowed):
        host.taking.take(M2, lease.case.id, commands.Approve(digest))
    with pytest.raises(Conflict, match="not the one that you saw"):
        host.take(LEGAL, lease.case.id, commands.Approve("f" * 64))
    assert case_of(host, lease).state is CaseState.IN_APPROVAL
    assert len(host.world.content.calls) == calls


# -------------------------------------------------------------------------------------------------- the proof

_EDITED = {
    "another answer": 'UPDATE events SET content = CAST(replace(CAST(content AS TEXT), \'"authority":"yes"\', '
    "'\"authority\":\"no\"') AS BLOB) WHERE kind = 'legally_checked'",
    "answered by another": "UPDATE events SET people = CAST(replace(CAST(people AS TEXT), 'm1', 'm9') AS BLOB) "
    "WHERE kind = 'legally_checked'",
    "a check taken away": "DELETE FROM events WHERE kind = 'legally_checked'",
    "a check put in": "INSERT INTO events SELECT stream, 99, at, kind, content, people, hash, mac, key_id FROM events "
    "WHERE kind = 'legally_checked'",
    "another digest or object": "UPDATE parts SET bytes = CAST(bytes || ' ' AS BLOB) WHERE name = 'objects'",
    "what was seen taken away": "DELETE FROM parts WHERE name = 'objects'",
    "what was seen emptied": "UPDATE parts SET bytes = NULL WHERE name = 'objects'",
    "another keyed digest": 'UPDATE events SET content = CAST(replace(CAST(content AS TEXT), \'"content":"\', '
    "'\"content\":\"0') AS BLOB) WHERE kind = 'looked'",
    "seen by another": "UPDATE events SET people = CAST(replace(CAST(people AS TEXT), 'm1', 'm9') AS BLOB) "
    "WHERE kind = 'looked'",
    "seen at another time": "UPDATE events SET at = at + 1 WHERE kind = 'looked'",
    "said to be gone": "UPDATE events SET content = CAST(replace(CAST(content AS TEXT), '\"available\":true', "
    "'\"available\":false') AS BLOB) WHERE kind = 'looked'",
    "a look taken away": "DELETE FROM events WHERE kind = 'looked'",
    "a look put in": "INSERT INTO events SELECT stream, 99, at, kind, content, people, hash, mac, key_id FROM events "
    "WHERE kind = 'looked'",
}


@pytest.mark.parametrize("how", _EDITED)
def test_what_is_edited_in_the_ledger_is_found(tmp_path: Path, how: str) -> None:
    host = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    lease = claimed(host)
    propose(host, lease)
    queries = host.store.queries(PLATFORM)
    assert proofs.check(queries.records(lease.case.id)) == (), "the control: untouched"
    tamper(host.store, _EDITED[how])  # type: ignore[arg-type]
    (fault,) = proofs.check(queries.records(lease.case.id))
    assert "of the stream is damaged" in fault.what
    host.store.close()


def test_wording_in_part_is_a_measure_and_is_looked_at_as_one(host: Host) -> None:
    lease = claimed(host)
    part = measure("1", wording=Wording(outcome="partially_complied", statement_of_reasons=RU))
    with pytest.raises(InvalidInput, match="nobody has looked"):
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(part)))
