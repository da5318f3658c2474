"""What was seen is what is decided about and what is acted upon; content that changed goes back to people."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import proofs
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.decision import Proposal, Wording
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.errors import ConfigError, Conflict, IllegalMove, InvalidInput, LeaseLost, NotAllowed
from kz_compliance_sdk.ports import Effect, EffectResult, Failed, Pending, Reference, Resolved
from kz_compliance_sdk.services import looking
from kz_compliance_sdk.services.looking import Looking, Seen
from kz_compliance_sdk.services.review import Lease
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import naming
from tests.contract.conftest import raw
from tests.journey.scene import HEAD, LEAD, M1, M2, PLATFORM, Host, World
from tests.unit.case_makers import NOBODY, RU, a_notice, measure, proposal, refusal


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    yield made
    made.check_chains()
    made.store.close()


def _claimed(host: Host, *names: str, category: str = "illegal_gambling", seed: int = 1) -> Lease:
    items = tuple(Item(item_id=str(n), object_id=f"post:{name}") for n, name in enumerate(names or ("A",), 1))
    host.push(a_notice(seed=seed, category=category).model_copy(update={"items": items}), f"msg-{seed}")
    lease = host.review.claim(M1).result()
    assert lease is not None
    return lease


def _look(host: Host, lease: Lease) -> tuple[Seen, ...]:
    return host.looking.look(M1, lease.case.id, lease.token)


def _propose(host: Host, lease: Lease, chosen: Proposal | None = None) -> str:
    chosen = naming(chosen or proposal(measure("1")), _look(host, lease))
    return host.review.propose(M1, lease.case.id, lease.token, chosen).result().digest


def _case(host: Host, lease: Lease) -> Case:
    return host.store.queries(PLATFORM).case(lease.case.id)


def _pages(host: Host) -> list[str]:
    host.drain()
    return [alert.reason for alert in host.world.pager.alerts]


# -------------------------------------------------------------------------------------------------- looking


def test_a_look_shows_what_is_there_and_records_its_digest_but_never_its_text(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.world.content.write("post:A", "a very particular sentence")
    lease = _claimed(host, "A", "B")
    host.world.content.remove("post:B")
    first, second = _look(host, lease)
    assert (first.preview, first.available, first.object_id) == ("a very particular sentence", True, "post:A")
    assert (second.preview, second.available, second.digest) == (None, False, "")
    assert "particular" not in repr(first)
    event = host.store.queries(PLATFORM).audit(lease.case.id)[-1]
    data = json.loads(event.content)["data"]
    assert (event.kind, event.actor) == ("look", "m1")
    assert data["content"]["1"]["digest"] == first.digest
    rows = host.store.queries(PLATFORM).content_seen(lease.case.id)
    assert [(row.item_id, row.n, row.digest, row.seen_by) for row in rows] == [
        ("1", 1, first.digest, "m1"),
        ("2", 1, "", "m1"),
    ]
    host.drain()
    everything = host.world.path.read_bytes() + Path(f"{host.world.path}-wal").read_bytes()
    assert b"particular" not in everything, "a preview is shown, and kept nowhere"
    assert first.digest.encode() in everything, "the search would find it"
    assert "particular" not in caplog.text


def test_who_may_look_and_when(host: Host) -> None:
    lease = _claimed(host)
    host.looking.look(HEAD, lease.case.id)
    with pytest.raises(NotAllowed):
        host.looking.look(NOBODY, lease.case.id)
    with pytest.raises(LeaseLost):
        host.looking.look(M2, lease.case.id, lease.token)
    _propose(host, lease)
    with pytest.raises(IllegalMove, match="no open item to look at"):
        host.looking.look(M1, lease.case.id)


def test_without_a_port_there_is_nothing_to_look_with_and_nothing_pretends_that_there_is(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    lease = _claimed(host)
    with pytest.raises(ConfigError):
        _look(host, lease)
    claims = proposal(measure("1", content_sha256="a" * 64))
    with pytest.raises(InvalidInput, match="no Content port") as refused:
        host.review.propose(M1, lease.case.id, lease.token, claims).result()
    assert refused.value.field == "items[0].content_sha256"
    host.review.propose(M1, lease.case.id, lease.token, proposal(measure("1"))).result()
    assert host.drain()
    assert host.world.content.calls == []
    host.store.close()


def test_a_port_that_raises_is_recorded_and_told_once_and_a_second_person_can_decide(host: Host) -> None:
    lease = _claimed(host)
    host.world.content.fail_next(RuntimeError("down"), RuntimeError("down"), RuntimeError("down"))
    assert [seen.fault for seen in (*_look(host, lease), *_look(host, lease))] == ["RuntimeError"] * 2
    assert _pages(host).count("content_unresolved") == 1
    guess = proposal(measure("1", content_sha256="a" * 64))
    with pytest.raises(InvalidInput, match="the last look at it failed"):
        host.review.propose(M1, lease.case.id, lease.token, guess).result()
    decided = host.review.propose(M1, lease.case.id, lease.token, proposal(measure("1"))).result()
    assert decided.decision.needs_approval, "nobody has seen it: one person alone does not decide"
    host.review.approve(LEAD, lease.case.id, decided.digest).result()
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
    lease = _claimed(host)
    host.world.content.resolve = lambda _reference: answer  # type: ignore[method-assign,assignment]
    assert [seen.fault for seen in _look(host, lease)] == [fault]


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

    lease = _claimed(host, *map(str, range(30)))
    port = type("Port", (), {"resolve": staticmethod(hang)})()
    slow = Looking(
        host.store, PLATFORM, port, lambda: True, spawn=spawn, monotonic=time.monotonic, entropy=lambda n: bytes(n)
    )
    for _ in range(3):
        assert {seen.fault for seen in slow.look(M1, lease.case.id)} == {"timeout"}
    assert len(begun) <= 10
    gate.set()


# ------------------------------------------------------------------------------------------------- proposing


def test_a_measure_names_the_content_that_was_last_seen(host: Host) -> None:
    lease = _claimed(host)

    def refused(chosen: Proposal) -> InvalidInput:
        with pytest.raises(InvalidInput) as error:
            host.review.propose(M1, lease.case.id, lease.token, chosen).result()
        return error.value

    unseen = refused(proposal(measure("1", content_sha256="a" * 64)))
    assert (unseen.field, "Look at the case first" in unseen.remedy) == ("items[0].content_sha256", True)
    (old,) = _look(host, lease)
    assert "not said" in refused(proposal(measure("1"))).message
    host.world.content.write("post:A", "edited")
    (new,) = _look(host, lease)
    assert old.digest != new.digest
    assert "not the content" in refused(naming(proposal(measure("1")), (old,))).message
    host.review.propose(M1, lease.case.id, lease.token, naming(proposal(measure("1")), (new,))).result()
    assert _case(host, lease).state is CaseState.DECIDED


def test_a_refusal_needs_no_look(host: Host) -> None:
    lease = _claimed(host)
    host.review.propose(M1, lease.case.id, lease.token, proposal(refusal("1"))).result()
    assert _case(host, lease).state is CaseState.DECIDED


def test_nothing_is_done_to_what_is_gone(host: Host) -> None:
    lease = _claimed(host)
    host.world.content.remove("post:A")
    seen = _look(host, lease)
    with pytest.raises(InvalidInput, match="gone") as refused:
        host.review.propose(M1, lease.case.id, lease.token, naming(proposal(measure("1")), seen)).result()
    assert "already_unavailable" in refused.value.remedy
    gone = refusal("1", "already_unavailable", finding="not_assessed")
    host.review.propose(M1, lease.case.id, lease.token, proposal(gone, legal_check=None)).result()
    host.drain()
    assert [item["outcome"] for item in host.world.regulator.reports()[0]["items"]] == ["already_unavailable"]


def test_what_was_seen_of_another_object_under_the_same_id_does_not_count(host: Host) -> None:
    lease = _claimed(host, "A")
    seen = _look(host, lease)
    items = (Item(item_id="1", object_id="post:B"),)
    host.push(a_notice(revision=2).model_copy(update={"items": items}), "msg-2")
    again = host.review.claim(M1).result()
    assert again is not None
    with pytest.raises(InvalidInput, match="nobody has looked"):
        host.review.propose(M1, again.case.id, again.token, naming(proposal(measure("1")), seen)).result()


def test_a_case_that_somebody_has_looked_at_asks_for_it_also_where_there_is_no_port(host: Host) -> None:
    lease = _claimed(host)
    seen = _look(host, lease)
    host.world.can_look = False
    with pytest.raises(InvalidInput, match="not said"):
        host.review.propose(M1, lease.case.id, lease.token, proposal(measure("1"))).result()
    host.review.propose(M1, lease.case.id, lease.token, naming(proposal(measure("1")), seen)).result()


# ------------------------------------------------------------------------------------------------- approving


def test_an_approval_covers_what_was_seen(host: Host) -> None:
    lease = _claimed(host, category="election_rules")
    digest = _propose(host, lease)
    host.review.approve(LEAD, lease.case.id, digest).result()
    history = host.store.queries(PLATFORM).audit(lease.case.id)
    assert [event.kind for event in history][-3:] == ["propose", "look", "approve"]
    assert json.loads(history[-2].content)["data"]["for"] == "approval"
    assert history[-2].actor == "lead"


@pytest.mark.parametrize(("gone", "flag"), [(False, "content_changed:2"), (True, "content_gone:2")])
def test_content_that_changed_before_the_approval_goes_back_to_review(host: Host, gone: bool, flag: str) -> None:
    lease = _claimed(host, "A", "B", category="election_rules")
    digest = _propose(host, lease, proposal(measure("1"), measure("2")))
    if gone:
        host.world.content.remove("post:B")
    else:
        host.world.content.write("post:B", "edited")
    with pytest.raises(Conflict, match="'2'") as refused:
        host.review.approve(LEAD, lease.case.id, digest)
    assert refused.value.code == "content_changed"
    case = _case(host, lease)
    assert case.state is CaseState.QUEUED
    assert case.open_items == {"1", "2"}
    assert flag in case.flags
    assert "content_changed" in _pages(host)
    assert host.world.platform.calls == []


def test_a_port_that_fails_at_the_approval_does_not_hold_it_up_for_the_content_is_compared_once_more(
    host: Host,
) -> None:
    lease = _claimed(host, category="election_rules")
    digest = _propose(host, lease)
    host.world.content.fail_next(RuntimeError("down"))
    host.review.approve(LEAD, lease.case.id, digest).result()
    assert "content_unresolved" in _pages(host)
    host.world.content.write("post:A", "edited")  # too late: it was carried out
    assert host.world.platform.effects == {"object:post:A": "remove"}


def test_it_is_compared_once_more_also_when_the_look_at_the_approval_failed(host: Host) -> None:
    lease = _claimed(host, category="election_rules")
    digest = _propose(host, lease)
    host.world.content.fail_next(RuntimeError("down"))
    host.review.approve(LEAD, lease.case.id, digest).result()
    host.world.content.write("post:A", "edited")
    host.drain()
    assert host.world.platform.calls == []
    assert _case(host, lease).state is CaseState.QUEUED


def test_whoever_may_not_approve_moves_nothing(host: Host) -> None:
    lease = _claimed(host, category="election_rules")
    digest = _propose(host, lease)
    host.world.content.write("post:A", "edited")
    calls = len(host.world.content.calls)
    with pytest.raises(NotAllowed):
        host.review.approve(M2, lease.case.id, digest)
    with pytest.raises(Conflict, match="not the one that you saw"):
        host.review.approve(LEAD, lease.case.id, "f" * 64).result()
    assert _case(host, lease).state is CaseState.IN_APPROVAL
    assert len(host.world.content.calls) == calls


# ------------------------------------------------------------------------------------------------- enforcing


def test_the_platform_is_given_the_digest_the_object_and_the_time_to_keep_a_copy(host: Host) -> None:
    given: list[Effect] = []

    def look_at(effect: Effect) -> EffectResult | None:
        given.append(effect)
        return None

    host.world.platform.faults.append(look_at)
    lease = _claimed(host)
    _propose(host, lease)
    host.drain()
    (seen,) = host.store.queries(PLATFORM).content_seen(lease.case.id)
    assert [(one.content_sha256, one.object_id) for one in given] == [(seen.digest, "post:A")]
    assert given[0].preserve_until == seen.seen_at + host.policy.preservation_s


def test_the_object_that_an_address_leads_to_reaches_the_platform(host: Host) -> None:
    given: list[Effect] = []
    host.world.platform.faults.append(lambda effect: given.append(effect))
    plain = host.world.content.resolve
    host.world.content.resolve = lambda reference: plain(  # type: ignore[method-assign]
        Reference("", "post:77", "") if reference.url else reference
    )
    url = "https://social.example/p/77"
    host.push(a_notice().model_copy(update={"items": (Item(item_id="1", url=url),)}), "msg-1")
    lease = host.review.claim(M1).result()
    assert lease is not None
    _propose(host, lease)
    host.drain()
    assert [(one.object_key, one.object_id) for one in given] == [(f"url:{url}", "post:77")]


@pytest.mark.parametrize("gone", [False, True])
def test_content_that_changed_in_the_undo_window_is_not_acted_upon(host: Host, gone: bool) -> None:
    lease = _claimed(host, "A", "B")
    _propose(host, lease, proposal(measure("1"), measure("2")))
    if gone:
        host.world.content.remove("post:A")
    else:
        host.world.content.write("post:A", "edited")
    host.drain()
    assert host.world.platform.effects == {"object:post:B": "remove"}, "one item never holds up the others"
    case = _case(host, lease)
    assert case.state is CaseState.QUEUED
    assert case.open_items == {"1"}
    assert f"content_{'gone' if gone else 'changed'}:1" in case.flags
    assert "content_changed" in _pages(host)
    (attempt,) = [a for a in host.store.queries(PLATFORM).attempts(case.id) if a.result == "content_changed"]
    assert attempt.number == 1
    # People look again, and decide about what is there now.
    again = host.review.claim(M2).result()
    assert again is not None
    seen = host.looking.look(M2, case.id, again.token)
    chosen = proposal(refusal("1", "already_unavailable", finding="not_assessed") if gone else measure("1"))
    host.review.propose(M2, case.id, again.token, naming(chosen, seen)).result()
    host.drain()
    assert _case(host, lease).state is CaseState.CLOSED
    last = host.world.regulator.reports()[-1]["items"]
    assert [item["outcome"] for item in last] == ["already_unavailable" if gone else "removed", "removed"]


def test_without_the_look_the_edited_content_would_have_been_removed(tmp_path: Path) -> None:
    """The control of the tests above."""
    host = Host(World(tmp_path / "desk.sqlite3"))
    host.push(a_notice(), "msg-1")
    host.decide(proposal(measure("1")))
    for item in a_notice().items:
        host.world.content.write(item.object_id or "", "edited")
    host.drain()
    assert list(host.world.platform.effects.values()) == ["remove"]
    host.store.close()


def test_a_port_that_fails_as_it_is_to_be_enforced_is_tried_again_and_people_hear_of_it(host: Host) -> None:
    lease = _claimed(host)
    _propose(host, lease)
    host.world.content.fail_next(*[RuntimeError("down")] * 5)
    for _ in range(5):
        host.drain()
        assert host.world.platform.calls == []
        host.world.clock.advance(120)
    assert "enforce_stuck" in _pages(host)
    host.world.clock.advance(900)
    host.drain()
    assert host.world.platform.effects == {"object:post:A": "remove"}
    assert _case(host, lease).state is CaseState.CLOSED


@pytest.mark.parametrize("how", ["pending", "raises"])
def test_what_an_earlier_attempt_has_removed_is_not_taken_for_content_that_its_author_deleted(
    host: Host, how: str
) -> None:
    def first(effect: Effect) -> EffectResult:
        host.world.content.remove(effect.object_id)  # a port that does not keep to its rule
        if how == "raises":
            raise RuntimeError("the connection broke after the work was done")
        return Pending(host.world.clock() + 30)

    host.world.platform.faults.append(first)
    lease = _claimed(host)
    _propose(host, lease)
    host.drain()
    host.world.clock.advance(60)
    host.drain()
    assert _case(host, lease).state is CaseState.CLOSED
    assert host.world.platform.effects == {"object:post:A": "remove"}


def test_after_a_plain_failure_the_content_is_compared_again(host: Host) -> None:
    host.world.platform.faults.append(lambda _effect: Failed("busy"))
    lease = _claimed(host)
    _propose(host, lease)
    host.drain()
    host.world.content.write("post:A", "edited")
    host.world.clock.advance(60)
    host.drain()
    assert host.world.platform.effects == {}
    assert _case(host, lease).state is CaseState.QUEUED


def test_what_must_be_lifted_is_lifted_whatever_the_content_is(host: Host) -> None:
    lease = _claimed(host)
    _propose(host, lease)
    host.drain()
    host.world.content.write("post:A", "edited")
    host.push(builders.cancellation(a_notice(), "withdrawn"), "msg-2")
    host.drain()
    assert host.world.platform.effects == {"object:post:A": "restore"}


def test_a_worker_without_a_port_does_not_enforce_what_must_be_compared(host: Host) -> None:
    lease = _claimed(host)
    _propose(host, lease)
    host.world.can_look = False
    host.drain()
    assert host.world.platform.calls == []
    (tried,) = [a for a in host.store.queries(PLATFORM).attempts(lease.case.id) if a.result == "failed"]
    assert "no_content_port" in tried.detail


# -------------------------------------------------------------------------------------------------- the proof

_TAMPERED = {
    "another digest": "UPDATE content_seen SET digest = 'f' || substr(digest, 2)",
    "another person": "UPDATE content_seen SET seen_by = 'somebody'",
    "another time": "UPDATE content_seen SET seen_at = seen_at + 1",
    "said to be gone": "UPDATE content_seen SET available = 0",
    "a look taken away": "DELETE FROM content_seen WHERE item_id = '1'",
    "a look put in": "INSERT INTO content_seen SELECT platform_id, case_id, item_id, n + 1, reference, digest, "
    "object_id, available, fault, seen_by, seen_at FROM content_seen",
    "another answer": 'UPDATE legal_checks SET body = CAST(replace(CAST(body AS TEXT), \'"authority":"yes"\', '
    '\'"authority":"no"\') AS BLOB)',
    "answered by another": "UPDATE legal_checks SET answered_by = 'somebody'",
    "a check taken away": "DELETE FROM legal_checks",
    "a check put in": "INSERT INTO legal_checks SELECT platform_id, case_id, version + 1, revision, digest, body, "
    "answered_by, answered_at FROM legal_checks",
}


@pytest.mark.parametrize("how", _TAMPERED)
def test_rows_of_looks_and_legal_checks_are_held_against_the_chain(tmp_path: Path, how: str) -> None:
    host = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    lease = _claimed(host)
    _propose(host, lease)
    queries = host.store.queries(PLATFORM)
    assert proofs.check(queries.records(lease.case.id)) == (), "the control: untouched"
    raw(host.store, _TAMPERED[how])  # type: ignore[arg-type]
    faults = proofs.check(queries.records(lease.case.id))
    assert len(faults) == 1, faults
    host.store.close()


def test_wording_in_part_is_a_measure_and_is_looked_at_as_one(host: Host) -> None:
    lease = _claimed(host)
    part = measure("1", wording=Wording(outcome="partially_complied", statement_of_reasons=RU))
    with pytest.raises(InvalidInput, match="nobody has looked"):
        host.review.propose(M1, lease.case.id, lease.token, proposal(part)).result()
