"""Measures: where they apply, how long they rest, how many calls they take, and how long a copy is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.notice import Item, Preservation
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from kz_compliance_sdk.ports import Due
from kz_compliance_sdk.services import deadlines
from kz_compliance_sdk.services.loading import case_file_of
from kz_compliance_sdk.services.take import Taking
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import naming
from tests.case_makers import RU, YES, a_notice, measure, proposal, refusal
from tests.objects import object_of
from tests.scene import LEAD, LEGAL, M1, PLATFORM, Host, R, World
from tests.walks.rare_scenes import appealed, reverse

DAY = 86_400


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


# ------------------------------------------------------------------------------------------ the shortest path


class Counted:
    """Counts the calls that people make."""

    def __init__(self, taking: Taking) -> None:
        self._taking, self.calls = taking, 0

    def claim(self, actor: Actor) -> Lease:
        self.calls += 1
        lease = self._taking.claim(actor).result()
        assert lease is not None
        return lease

    def take(self, actor: Actor, case_id: str, command: Command[R]) -> R:
        self.calls += 1
        return self._taking.take(actor, case_id, command).result()


@pytest.mark.parametrize("can_look", [False, True])
def test_the_shortest_lawful_path_is_three_calls(tmp_path: Path, can_look: bool) -> None:
    """Claim, propose with the answered check, approve. With a Content port the moderator looks as well, and has three
    calls of their own: where no second person is asked for, these are all."""
    host = Host(World(tmp_path / "desk.sqlite3", can_look=can_look))
    for seed, category in ((1, "illegal_gambling"), (2, "election_rules")):
        host.push(a_notice(seed=seed, category=category), f"msg-{seed}")
        people, looks = Counted(host.taking), 0
        lease = people.claim(M1)
        chosen = proposal(measure("1"))
        if can_look:
            chosen, looks = naming(chosen, host.looking.look(M1, lease.case.id, lease.token)), 1
        decided = people.take(M1, lease.case.id, commands.Propose(lease.token, chosen))
        assert people.calls + looks <= 3, "the moderator's own"
        if decided.decision.needs_approval:
            decided = people.take(LEGAL, lease.case.id, commands.Approve(decided.digest))
            assert people.calls == 3
        assert decided.case.state is CaseState.DECIDED
    host.store.close()


def test_a_lawyers_check_is_named_by_its_number(host: Host) -> None:
    host.push(a_notice(), "msg-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    row = host.take(LEGAL, lease.case.id, commands.RecordLegalCheck(YES))
    chosen = proposal(measure("1"), legal_check=row.version)
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, chosen))
    assert decided.decision.legal_check is not None
    assert decided.decision.legal_check.digest == row.digest
    assert host.take(M1, lease.case.id, commands.Propose(lease.token, chosen)).digest == decided.digest, "said twice"
    checks = case_file_of(host.store.queries(PLATFORM), lease.case.id, 0).legal_checks
    assert [(one.version, one.answered_by) for one in checks] == [(1, "legal")]


def test_answers_about_an_earlier_revision_are_not_answers_about_this_one(host: Host) -> None:
    host.push(a_notice(), "msg-1")
    (case,) = host.cases()
    host.take(LEGAL, case.id, commands.RecordLegalCheck(YES))
    host.push(a_notice(revision=2), "msg-2")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    with pytest.raises(InvalidInput, match="revision 1"):
        host.take(M1, case.id, commands.Propose(lease.token, proposal(measure("1"), legal_check=1)))
    decided = host.take(M1, case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.decision.legal_check is not None
    assert decided.decision.legal_check.version == 2


# ------------------------------------------------------------------------------------------------------ where


@pytest.mark.parametrize("scope", [("*",), ("KZ", "RU"), ("RU",), ("KZ", "KG", "UZ")])
def test_beyond_kazakhstan_takes_own_terms_and_a_second_person(host: Host, scope: tuple[str, ...]) -> None:
    host.push(a_notice(), "msg-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    with pytest.raises(InvalidInput, match="cannot rest on Kazakhstan's law"):
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1", scope=scope))))
    own = proposal(measure("1", scope=scope, ground="terms_of_service", finding="not_illegal"))
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, own))
    assert decided.decision.needs_approval
    with pytest.raises(NotAllowed):
        host.take(M1, lease.case.id, commands.Approve(decided.digest))
    host.take(LEGAL, lease.case.id, commands.Approve(decided.digest))
    host.drain()
    (report,) = host.world.regulator.reports()
    assert tuple(report["items"][0]["territorial_scope"]) == scope


def test_a_measure_that_applies_nowhere_is_refused(host: Host) -> None:
    host.push(a_notice(), "msg-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    nowhere = measure("1", scope=(), ground="terms_of_service")
    with pytest.raises(InvalidInput) as refused:
        host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(nowhere)))
    assert refused.value.field == "items[0].scope"


# ------------------------------------------------------------------------------------------ a copy, with an end


def _preserving(tmp_path: Path, seconds: int = 10 * DAY) -> Host:
    policy = kz_policy().model_copy(update={"undo_window_s": 0, "preservation_s": seconds})
    return Host(World(tmp_path / "desk.sqlite3", policy=policy))


def test_the_packaged_time_is_half_a_year_and_says_that_nobody_verified_it() -> None:
    policy = kz_policy()
    assert policy.preservation_s == 180 * DAY
    assert not policy.preservation_source.verified


@pytest.mark.parametrize(("asked_days", "kept_days"), [(None, 10), (5, 10), (30, 30)])
def test_a_notice_can_ask_for_a_longer_time_and_never_for_a_shorter(
    tmp_path: Path, asked_days: int | None, kept_days: int
) -> None:
    host = _preserving(tmp_path)
    now = host.world.clock()
    asked = Preservation(until=now + asked_days * DAY) if asked_days else None
    host.push(a_notice().model_copy(update={"preservation": asked}), "msg-1")
    host.decide(proposal(measure("1")))
    host.drain()
    (case,) = host.cases()
    assert case.items[0].preserve_until == now + kept_days * DAY
    held = object_of(host.store, case.items[0].object_key)
    assert held.holds == {(case.id, 1): now + kept_days * DAY}
    host.store.close()


def test_that_a_copy_is_deleted_is_recorded_once_and_not_before_its_time(tmp_path: Path) -> None:
    host = _preserving(tmp_path)
    host.push(a_notice(items=2), "msg-1")
    host.decide(proposal(measure("1"), refusal("2")))
    host.drain()
    (case,) = host.cases()

    def refused(wrong: type[Exception], item_id: str = "1", by: Actor = LEAD) -> str:
        with pytest.raises(wrong) as error:
            host.take(by, case.id, commands.RecordCopyDeleted(item_id))
        return str(error.value)

    assert "is to be kept until" in refused(IllegalMove)
    host.world.clock.advance(10 * DAY)
    assert "is not kept" in refused(IllegalMove, "2")
    assert "no item '3'" in refused(InvalidInput, "3")
    refused(NotAllowed, by=M1)
    after = host.take(LEAD, case.id, commands.RecordCopyDeleted("1"))
    assert (after.items[0].measure, after.items[0].preserve_until) == ("remove", 0)
    assert host.history(case.id)[-1] == "copy_deleted"
    assert "is not kept" in refused(IllegalMove)
    host.store.close()


@pytest.mark.slow
def test_at_its_end_people_are_told_once_and_nothing_is_lifted(tmp_path: Path) -> None:
    host = _preserving(tmp_path)
    for seed in (1, 2):
        host.push(a_notice(seed=seed, items=2), f"msg-{seed}")
        host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(a_notice(seed=2, items=2), "withdrawn"), "msg-3")
    host.drain()
    host.world.clock.advance(10 * DAY - 1)
    host.watch()
    host.drain()
    assert "preservation_ended" not in [alert.reason for alert in host.world.pager.alerts]
    host.world.clock.advance(1)
    calls = list(host.world.platform.calls)
    for _ in range(3):
        host.watch()
        host.drain()
        host.world.clock.advance(3600)
    assert [alert.reason for alert in host.world.pager.alerts].count("preservation_ended") == 1
    assert host.world.platform.calls == calls
    first, second = sorted(host.cases(), key=lambda case: case.notice_id)
    assert host.history(first.id).count("preservation_ended") == 1
    assert host.history(second.id).count("preservation_ended") == 0, "it was lifted before: nothing is kept for it"
    assert first.state is CaseState.CLOSED
    assert {item.status for item in first.items} == {"in_force"}
    host.check_chains()
    host.store.close()


def _copies_over(host: Host, now: int) -> list[str]:
    return [case.id for case in host.store.submit(PLATFORM, lambda tx: ((), tx.due_cases(Due.COPY, now, 10))).result()]


def test_two_watches_at_once_tell_it_once(tmp_path: Path) -> None:
    host = _preserving(tmp_path)
    host.push(a_notice(), "msg-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.world.clock.advance(11 * DAY)
    now = host.world.clock()
    (case,) = host.cases()
    assert _copies_over(host, now) == [case.id]
    told = [host.store.submit(PLATFORM, lambda tx: deadlines._tell_ended(tx, case.id, now)).result() for _ in range(2)]
    assert told == [True, False]
    assert _copies_over(host, now) == []
    assert host.history(case.id).count("preservation_ended") == 1
    host.store.close()


def test_a_measure_that_only_preserves_is_reported_with_its_end(tmp_path: Path) -> None:
    host = _preserving(tmp_path)
    now = host.world.clock()
    items = (Item(item_id="1", object_id="post:A"), Item(item_id="2", object_id="post:B"))
    host.push(a_notice().model_copy(update={"items": items}), "msg-1")
    kept = measure("1", "preserve_only", wording=Wording(outcome="preserved", statement_of_reasons=RU))
    host.decide(proposal(kept, measure("2")))
    host.drain()
    (report,) = host.world.regulator.reports()
    ends = [item.get("ends_at") for item in report["items"]]
    assert ends[1] is None, "a removal has no end of its own"
    assert ends[0] == instant_text(now + 10 * DAY)
    host.store.close()


def test_what_is_reported_once_its_copy_is_deleted_has_the_same_end(tmp_path: Path) -> None:
    """Without one the authority would read that it is kept for ever."""
    host = _preserving(tmp_path)
    items = (Item(item_id="1", object_id="post:A"), Item(item_id="2", object_id="post:B"))
    host.push(a_notice().model_copy(update={"items": items}), "msg-1")
    kept = measure("1", "preserve_only", wording=Wording(outcome="preserved", statement_of_reasons=RU))
    host.decide(proposal(kept, measure("2")))
    host.drain()
    (case,) = host.cases()
    host.world.clock.advance(10 * DAY)
    host.take(LEAD, case.id, commands.RecordCopyDeleted("1"))
    reverse(host, appealed(host, "2"))
    host.drain()
    first, last = ([item.get("ends_at") for item in report["items"]] for report in host.world.regulator.reports())
    assert first[0] is not None
    assert last == first
    host.store.close()
