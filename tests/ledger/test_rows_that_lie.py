# ruff: noqa: S608  every statement is made of names in this file, and of ids
"""A row that somebody edited by SQL changes nothing of what is decided; the sweep mends it and pages, and the
verification names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.fold import object_in
from kz_compliance_sdk.domain.holding import Objects, names_of
from kz_compliance_sdk.domain.proofs import Fault
from kz_compliance_sdk.errors import ComplianceError, NotAllowed, NotFound, StoreDamaged
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.services.sweep import EVERY_S, Sweep, Swept
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.driver import LEAD, Driver, Person
from tests.driver import M1 as MODERATOR
from tests.figures.tallies import tallies_of
from tests.ledger.otherwise import attack as lie
from tests.ledger.rows import of_objects
from tests.remedies.test_appeals import appealed, removed
from tests.review.test_one_account import BOX, FIRST, SECOND, STEPS, Second, refusal
from tests.scene import LEGAL, M1, M2, PLATFORM, Host, World
from tests.unguarded import unguard
from tests.variants import variants

pytestmark = pytest.mark.writes_by_itself
HOUR = 3600


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = opened(tmp_path)
    yield made
    made.store.close()


def opened(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


def edit(host: Host, sql: str) -> None:
    with closing(choose_driver().module.connect(host.world.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        assert raw.execute(sql).rowcount == 1


def pages(host: Host) -> list[str]:
    with closing(choose_driver().module.connect(host.world.path)) as raw:
        found = raw.execute("SELECT content FROM events WHERE kind = 'alerted'").fetchall()
    return [json.loads(content)["data"]["reason"] for (content,) in found]


def sweep(host: Host) -> Swept:
    return Sweep(host.store, PLATFORM, host.policy, host.respondent, host.world.clock).all()


def test_a_category_that_was_edited_takes_nobody_s_second_person_away(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(category="election_rules"), "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    edit(host, "UPDATE cases SET category = 'fraud'")
    proposed = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert str(proposed.case.state) == "in_approval"


LIES = {
    "category": "category = 'fraud'",
    "due_at": "due_at = due_at + 864000",
    "received_at": "received_at = received_at - 60",
    "authority_id": "authority_id = 'another'",
    "revision": "revision = 7",
    "urgent_at": "urgent_at = urgent_at + 864000",
    "lease_token": "lease_token = 9",
    "lease_owner": "lease_owner = 'm9', lease_expires_at = 9999999999, state = 'claimed'",
    "state": "state = 'closed', closed_at = 1",
    "flags": "flags = 'appealed'",
    "erased_at": "erased_at = 1",
    "notice_id": "notice_id = 'another'",
    "quarantine_no": "quarantine_no = 1",
}


@pytest.mark.parametrize("field", LIES)
def test_a_row_that_lies_is_named_mended_and_paged(tmp_path: Path, field: str) -> None:
    host = opened(tmp_path)
    host.push(a_notice(), "m-1")
    (case,) = host.cases()
    edit(host, f"UPDATE cases SET {LIES[field]}")
    named = [one.what for one in verify(host.store.queries(PLATFORM), PLATFORM).faults]
    assert any(f"another {field} than its chain" in what for what in named), named
    assert sweep(host).mended == (case.id,)
    assert "row_mended" in pages(host)
    assert sweep(host) == Swept(1)
    (mended,) = host.cases()
    assert mended.but(version=case.version) == case
    host.check_chains()


MOVED = {
    "to a number of none": "stream = 999",
    "to another id": "id = 'another'",
    "to another platform": "platform_id = 'another'",
}


@pytest.mark.parametrize("where", MOVED)
def test_a_row_that_was_moved_is_named_brought_back_and_paged(tmp_path: Path, where: str) -> None:
    host = opened(tmp_path)
    host.push(a_notice(seed=1), "m-1")
    host.push(a_notice(seed=2), "m-2")
    case = host.case(a_notice(seed=1).notice_id)
    edit(host, f"UPDATE cases SET {MOVED[where]} WHERE id = '{case.id}'")
    named = [(one.case_id, one.what) for one in verify(host.store.queries(PLATFORM), PLATFORM).faults]
    assert any(of == case.id and "the case is gone" in what for of, what in named), named
    assert sweep(host).mended == (case.id,)
    assert "row_mended" in pages(host)
    assert (sweep(host).mended, faults(host)) == ((), [])
    mended = host.case(a_notice(seed=1).notice_id)
    assert mended.but(watch_at=case.watch_at) == case


LINES = {
    "is late": "UPDATE watches SET watch_at = watch_at + 864000",
    "stopped": "UPDATE watches SET running_watch_at = 1",
    "is no time": "UPDATE watches SET watch_at = 'x'",
    "is gone": "DELETE FROM watches",
    "is of another": "UPDATE watches SET case_id = 'another'",
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_watch_that_lies_or_is_gone_is_named_mended_and_paged(tmp_path: Path, line: str) -> None:
    host = opened(tmp_path)
    host.push(a_notice(), "m-1")
    (case,) = host.cases()
    edit(host, LINES[line])
    named = [(one.case_id, one.what) for one in verify(host.store.queries(PLATFORM), PLATFORM).faults]
    if line != "is late":  # what policy makes of the chain, the sweep alone can tell
        assert any(of == case.id and "its line in watches" in what for of, what in named), named
    if line == "is of another":
        assert any(of == "another" and "watches" in what for of, what in named), named
    assert sweep(host) == Swept(1, ((case.id, ("watches",)),))
    assert "row_mended" in pages(host)
    assert sweep(host) == Swept(1)
    (mended,) = host.cases()
    assert mended.but(watch_at=case.watch_at) == case
    assert mended.watch_at is not None
    assert case.watch_at is not None
    assert mended.watch_at <= case.watch_at


@pytest.mark.parametrize("line", LINES)
def test_whatever_its_line_says_a_case_is_decided_and_an_ended_one_has_none(tmp_path: Path, line: str) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    lie(office, LINES[line])
    office.decide(case, by=FIRST)
    office.deliver()
    assert office.case(case)["state"] == "closed"
    lie(office, f"INSERT INTO watches SELECT stream, platform_id, id, 1, NULL FROM cases WHERE id = '{case}'")
    assert [what for what in office.faults() if "its line in watches" in what]
    office.watch()
    assert office.desk.sweep().lies == ((case, ("watches",)),)
    assert [what for what in office.faults() if case in what] == []


def test_a_row_that_was_deleted_with_all_else_is_named_paged_and_made_anew(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(seed=1), "m-1")
    host.push(a_notice(seed=2), "m-2")
    gone = host.case(a_notice(seed=1).notice_id)
    for table, of_case in (("cases", "id"), ("inbox", "case_id"), ("outbox", "case_id"), ("leases", "case_id")):
        edit(host, f"DELETE FROM {table} WHERE {of_case} = '{gone.id}'")
    named = [(one.case_id, one.what) for one in verify(host.store.queries(PLATFORM), PLATFORM).faults]
    assert any(case_id == gone.id and "streams" in what for case_id, what in named), named
    assert sweep(host) == Swept(2, ((gone.id, ("row", "inbox", "outbox", "leases")),))
    assert "row_mended" in pages(host)
    back = host.case(a_notice(seed=1).notice_id)
    of_first = {name: getattr(gone, name) for name in ("watch_at", "running_watch_at")}
    assert back.but(**of_first) == gone


def test_a_case_whose_term_stands_still_is_watched_no_later_than_its_suspension_lasts(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.suspend(FIRST, case)
    office.confirm_suspension(SECOND, case)
    host = office.desk
    lie(office, f"UPDATE watches SET watch_at = watch_at + {90 * 86_400} WHERE case_id = '{case}'")
    assert host.sweep().mended == (case,)
    assert host.sweep().mended == ()


def test_a_step_that_a_line_put_off_fires_once_the_line_is_mended(tmp_path: Path) -> None:
    pages: dict[str, list[str]] = {}
    for name in ("calm", "put off"):
        (tmp_path / name).mkdir()
        office = Driver(tmp_path / name)
        office.issue()
        if name == "put off":
            lie(office, "UPDATE watches SET watch_at = watch_at + 864000")
        office.wait(13 * HOUR)
        office.desk.sweep()
        office.watch()
        office.deliver()
        pages[name] = [reason for reason in office.pages() if reason != "row_mended"]
    assert pages["calm"]
    assert pages["put off"] == pages["calm"]


def test_a_step_that_fired_on_time_fires_no_second_time_once_the_line_is_mended(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    due = office.desk.store.queries(office.platform_id).case(case).watch_at
    assert due is not None
    office.wait(due - office.clock())
    office.watch()
    fired = [one["step"] for one in office.case(case)["escalations"]]
    assert fired
    lie(office, "UPDATE watches SET watch_at = watch_at + 864000")
    assert office.desk.sweep().mended == (case,)
    for _ in range(2):
        office.watch()
        office.wait(1)
    events = office.desk.store.queries(office.platform_id).records(case).stream.events
    assert [on.event.steps for on in events if on.kind == "escalated"] == [tuple(fired)]


def test_a_list_is_in_the_order_of_the_queue_whatever_is_watched_next(tmp_path: Path) -> None:
    host = opened(tmp_path)
    for seed in (1, 2):
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.world.clock.advance(60)
    first, second = (host.case(a_notice(seed=seed).notice_id).id for seed in (1, 2))
    host.taking.claim(M1, case_id=first).result()
    edit(host, f"UPDATE watches SET watch_at = watch_at + 864000 WHERE case_id = '{first}'")
    assert [case.id for case in host.store.queries(PLATFORM).cases().cases] == [first, second]


def test_a_case_that_was_hidden_comes_back_to_the_queue(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(), "m-1")
    edit(host, "UPDATE cases SET state = 'closed', closed_at = 1")
    assert host.taking.claim(M1).result() is None
    sweep(host)
    assert host.taking.claim(M1).result() is not None


def test_what_must_not_leave_yet_stays_although_its_row_says_that_it_may(tmp_path: Path) -> None:
    world = World(tmp_path / "desk.sqlite3")
    world.policy = world.policy.model_copy(update={"undo_window_s": HOUR})
    host = Host(world)
    host.push(a_notice(category="fraud"), "m-1")
    host.drain()
    host.decide(proposal(measure("1")))
    edit(host, "UPDATE leases SET next_at = 0 WHERE endpoint = 'enforcer'")
    host.drain()
    assert world.platform.calls == []
    assert "case_unreadable" in pages(host)
    world.clock.advance(HOUR)
    host.drain()
    assert [what for what, _, _ in world.platform.calls] == ["enforce"]
    host.store.close()


def test_a_message_that_nothing_owes_never_leaves(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(), "m-1")
    host.drain()
    sent = list(world_sends(host))
    case = host.case(a_notice().notice_id)
    (told,) = [one.id for one in host.records(case.id).messages if one.kind == "acknowledgement"]
    of, key = f"FROM cases WHERE id = '{case.id}'", f"stream, '{told}', platform_id, id"
    edit(host, f"INSERT INTO outbox SELECT {key}, 'acknowledgement', 'regulator', x'', 1, 9, 'queued', '', 0 {of}")
    edit(host, f"INSERT INTO leases SELECT {key}, 'regulator', 9, 0, 1, 0, NULL, 1, NULL {of}")
    host.drain()
    assert world_sends(host) == sent


def world_sends(host: Host) -> list[str]:
    return list(host.world.regulator.sends)


def test_an_event_that_was_changed_decides_nothing_and_hides_nothing(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(seed=1), "m-1")
    host.world.clock.advance(1)  # so that it is the one to be handed out first
    host.push(a_notice(seed=2), "m-2")
    bad = host.case(a_notice(seed=1).notice_id)
    edit(host, f"UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, '{bad.id}')")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    assert lease.case.id != bad.id, "the others go on"
    with pytest.raises(ComplianceError, match="event 1 of the stream is damaged"):
        host.taking.claim(M2, case_id=bad.id).result()
    assert sweep(host).broken == (bad.id,)
    assert pages(host).count("case_unreadable") == 1
    named = verify(host.store.queries(PLATFORM), PLATFORM).faults
    assert any(one.case_id == bad.id and "event 1 of the stream is damaged" in one.what for one in named)


def test_of_a_case_whose_chain_is_broken_people_are_paged_and_the_others_go_on(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(seed=1), "m-1")
    host.world.clock.advance(23 * HOUR)
    host.watch()
    host.push(a_notice(seed=2), "m-2")
    bad = host.case(a_notice(seed=1).notice_id)
    edit(host, f"UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, '{bad.id}')")
    host.drain()
    assert [one.case_reference for one in host.world.pager.alerts if one.case_reference == bad.id]
    kept = {one.id: one.kind for one in host.records(bad.id).messages}
    assert set(kept.values()) == {"page", "acknowledgement"}
    assert not kept.keys() & set(host.world.regulator.sends)
    good = host.case(a_notice(seed=2).notice_id)
    assert [one.state for one in host.records(good.id).messages] == ["done"]


def test_the_sweep_rests_between_its_steps_and_looks_once_an_hour(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(), "m-1")
    now = 0.0
    steps = Sweep(host.store, PLATFORM, host.policy, host.respondent, lambda: now)
    assert steps.step() == Swept(1)
    assert steps.step() == Swept()
    now = EVERY_S - 1.0
    assert steps.step() == Swept()
    now = EVERY_S + 0.0
    assert steps.step() == Swept(1)


def test_whoever_may_not_decide_may_not_because_of_a_row_either(tmp_path: Path) -> None:
    host = opened(tmp_path)
    host.push(a_notice(category="election_rules"), "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    digest = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1")))).digest
    edit(host, "UPDATE cases SET category = 'fraud'")
    with pytest.raises(NotAllowed):
        host.take(M1, lease.case.id, commands.Approve(digest))
    assert str(host.take(LEGAL, lease.case.id, commands.Approve(digest)).case.state) == "decided"


SAID_BY_ROWS = [
    STEPS[name]
    for name in (
        "approve",
        "uphold",
        "reverse",
        "withdraw",
        "appeal_against_an_approval",
        "appeal_against_a_second_decision",
        "confirm_suspension",
        "erase",
    )
]


@pytest.mark.parametrize("begin", SAID_BY_ROWS)
def test_an_account_that_was_edited_makes_nobody_another_person(
    tmp_path: Path, begin: Callable[[Driver, Person], Second]
) -> None:
    office = Driver(tmp_path)
    step = begin(office, FIRST.behind(BOX))
    assert refusal(step, SECOND.behind(BOX)) == "same_account"
    lie(office, f"UPDATE events SET people = CAST(replace(CAST(people AS TEXT), '{BOX}', 'box-9') AS BLOB)")
    with pytest.raises(StoreDamaged):
        step(SECOND.behind(BOX))


def faults(host: Host) -> list[Fault]:
    return list(verify(host.store.queries(PLATFORM), PLATFORM).faults)


def appeal_of_its_own(host: Host, name: str, seed: int) -> Appeal:
    return appealed(host, removed(host, name=name, seed=seed), reference=f"A-{seed}")


TO_ANOTHER = "stream = (SELECT stream FROM cases WHERE id = '{other}')"
APPEALS_LIE = {
    "decided": "UPDATE appeals SET state = 'upheld' WHERE appeal_id = '{}'",
    "due later": "UPDATE appeals SET due_at = due_at + 864000 WHERE appeal_id = '{}'",
    "received later": "UPDATE appeals SET received_at = 0 WHERE appeal_id = '{}'",
    "of another case": f"UPDATE appeals SET case_id = '{{other}}', {TO_ANOTHER} WHERE appeal_id = '{{}}'",
    "gone": "DELETE FROM appeals WHERE appeal_id = '{}'",
    "another one": "INSERT INTO appeals SELECT platform_id, 'made-up', stream, case_id, state, received_at, due_at "
    "FROM appeals WHERE appeal_id = '{}'",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", variants({name: name for name in APPEALS_LIE}, "decided", "gone", "another one"))
def test_a_row_of_an_appeal_that_lies_is_named_and_mended_and_never_believed(host: Host, how: str) -> None:
    one, other = (appeal_of_its_own(host, f"m-{seed}", seed) for seed in (1, 2))
    assert (faults(host), sweep(host).mended) == ([], ()), "the control: untouched"
    edit(host, APPEALS_LIE[how].format(one.appeal_id, other=other.case_id))
    said = faults(host)
    lying = {one.case_id, other.case_id} if how == "of another case" else {one.case_id}
    assert {fault.case_id for fault in said} == lying
    assert {fault.what for fault in said} == {"its rows in appeals are not those of its chain"}
    assert appealed(host, one.case_id, reference="A-1") == one, "the same number is the same appeal"
    assert set(sweep(host).mended) == lying
    assert "row_mended" in pages(host)
    assert (faults(host), sweep(host).mended) == ([], ())
    assert {held.appeal_id for held in host.appeals.list().appeals} == {one.appeal_id, other.appeal_id}
    assert (
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"),
        ).state
        == "upheld"
    )


TALLIES_LIE = {
    "late": "UPDATE tallies SET due_at = due_at - 1 WHERE case_id = '{}'",
    "quick": "UPDATE tallies SET decided_at = received_at + 1 WHERE case_id = '{}'",
    "never answered": "UPDATE tallies SET receipt_at = NULL WHERE case_id = '{}'",
    "another outcome": "UPDATE tallies SET facts = replace(facts, 'removed', 'refused') WHERE case_id = '{}'",
    "of another year": "UPDATE tallies SET received_at = received_at - 31536000 WHERE case_id = '{}'",
    "gone": "DELETE FROM tallies WHERE case_id = '{}'",
}


@pytest.mark.parametrize("how", variants({name: name for name in TALLIES_LIE}, "late", "another outcome", "gone"))
@pytest.mark.slow
def test_a_row_of_the_public_figures_that_lies_is_named_and_mended(host: Host, how: str) -> None:
    case_id, _ = (removed(host, name=f"m-{seed}", seed=seed) for seed in (1, 2))
    queries = host.store.queries(PLATFORM)
    true = tallies_of(queries)
    assert len(true) == 2
    assert (faults(host), sweep(host).mended) == ([], ()), "the control: untouched"
    edit(host, TALLIES_LIE[how].format(case_id))
    assert tallies_of(queries) != true
    (said,) = faults(host)
    assert (said.case_id, said.what) == (case_id, "its rows in tallies are not those of its chain")
    assert sweep(host).lies == ((case_id, ("tallies",)),)
    assert "row_mended" in pages(host)
    assert (faults(host), sweep(host).mended) == ([], ())
    assert tallies_of(queries) == true


def test_figures_of_a_case_that_has_not_ended_are_taken_out(host: Host) -> None:
    case_id = removed(host)
    host.push(a_notice(seed=9), "m-9")
    running = host.case(a_notice(seed=9).notice_id).id
    edit(
        host,
        "INSERT INTO tallies SELECT n, platform_id, substr(name, 6), received_at, issued_at, due_at, decided_at, "
        f"receipt_at, facts FROM tallies, streams WHERE name = 'case/{running}'",
    )
    assert [(one.case_id, one.what) for one in faults(host)] == [
        (running, "its rows in tallies are not those of its chain")
    ]
    assert sweep(host).lies == ((running, ("tallies",)),)
    assert [row.case_id for row in tallies_of(host.store.queries(PLATFORM))] == [case_id]


def test_an_appeal_that_was_given_to_another_case_is_decided_in_neither(host: Host) -> None:
    one, other = (appeal_of_its_own(host, f"m-{seed}", seed) for seed in (1, 2))
    edit(host, APPEALS_LIE["of another case"].format(one.appeal_id, other=other.case_id))
    with pytest.raises(StoreDamaged, match="does not know"):
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"),
        )
    with pytest.raises(StoreDamaged, match="does not know"):
        host.appeals.show(one.appeal_id)


def test_of_an_appeal_whose_chain_is_broken_its_row_still_tells(host: Host) -> None:
    one, other = (appeal_of_its_own(host, f"m-{seed}", seed) for seed in (1, 2))
    edit(
        host,
        f"UPDATE events SET at = at + 1 WHERE seq = 1 AND stream = (SELECT n FROM streams "
        f"WHERE name = 'case/{one.case_id}')",
    )
    listed = {held.appeal_id: held for held in host.appeals.list().appeals}
    assert listed[other.appeal_id] == other
    broken = listed[one.appeal_id]
    assert (broken.case_id, broken.due_at, broken.item_id) == (one.case_id, one.due_at, "")


def test_what_a_measure_in_force_rests_on_is_not_for_a_row_to_say(tmp_path: Path) -> None:
    office = Driver(tmp_path, undo_window_s=HOUR)
    case = office.issue()
    office.decide(case, by=FIRST)
    office.clock.advance(HOUR)
    office.deliver()
    office.reopen(LEAD, case)
    office.decide(case, by=SECOND)
    appeal = office.appeal(case)
    assert refusal(lambda by: office.uphold(by, appeal), FIRST) == "four_eyes"


def clarified(office: Driver) -> str:
    case = office.issue()
    question = office.ask(MODERATOR, case, office.claim(MODERATOR, case))
    office.deliver()
    notice = office.notice()
    office.clarify(notice["notice_id"], question, [{**notice["items"][0], "object_id": "post:other"}])
    return case


@pytest.mark.parametrize("told_of", ["inbox", "parts"])
def test_what_an_authority_answered_is_what_the_chain_holds_of_it(tmp_path: Path, told_of: str) -> None:
    office = Driver(tmp_path)
    case = clarified(office)
    lie(office, "DELETE FROM inbox")
    if told_of == "parts":
        answered = "(SELECT seq FROM events WHERE kind = 'answered')"
        lie(office, f"DELETE FROM parts WHERE name = 'message' AND seq = {answered}")
        with pytest.raises(StoreDamaged, match="its part message is missing"):
            office.decide(case, by=FIRST)
        return
    office.decide(case, by=FIRST)
    office.deliver()
    assert [key for _, key, _ in office.platform.calls] == ["object:post:other"]


def test_a_letter_that_nobody_typed_in_takes_no_effect(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case, other = office.issue(), office.issue(2)
    letter = office.enter_cancellation(FIRST, other)
    lie(office, f"UPDATE inbox SET case_id = '{case}' WHERE case_id = '{other}'")
    with pytest.raises(NotFound, match="no letter of this id waits in this case"):
        office.vouch(SECOND, case, letter)


ESCALATION_LIES = {
    "its level": "UPDATE events SET content = CAST(replace(content, '\"level\":', '\"level\":1') AS BLOB)",
    "its time": "UPDATE events SET at = at + 60",
    "who has seen it": "UPDATE events SET people = x''",
    "that it fired": "DELETE FROM events",
}


@pytest.mark.parametrize("lie_about", ESCALATION_LIES)
def test_a_lie_about_an_escalation_is_named_and_shown_to_nobody(tmp_path: Path, lie_about: str) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.clock.advance(23 * HOUR)
    office.watch()
    office.acknowledge(LEAD, case)
    assert office.case(case)["escalations"], "the control: while nobody lies, they are shown"
    kind = "escalation_seen" if lie_about == "who has seen it" else "escalated"
    assert office.faults() == []
    lie(office, f"{ESCALATION_LIES[lie_about]} WHERE kind = '{kind}'")
    with pytest.raises(ComplianceError, match="of the stream is damaged"):
        office.case(case)
    assert any("of the stream is damaged" in fault for fault in office.faults())


# ------------------------------------------------------------------------------------- objects, and their copies


def objects_of(host: Host) -> list[str]:
    with closing(choose_driver().module.connect(host.world.path)) as raw:
        found = raw.execute("SELECT name FROM streams WHERE name LIKE 'object/%' ORDER BY n").fetchall()
    return [name for (name,) in found]


COPIES_LIE = {
    "kept longer": "UPDATE preserved SET until = until + 864000 WHERE case_id = '{}'",
    "of another item": "UPDATE preserved SET item = 7 WHERE case_id = '{}'",
    "of another case": f"UPDATE preserved SET case_id = '{{other}}', {TO_ANOTHER}, item = 2 WHERE case_id = '{{}}'",
    "gone": "DELETE FROM preserved WHERE case_id = '{}'",
    "another one": "INSERT INTO preserved SELECT stream, object, 9, platform_id, case_id, until FROM preserved "
    "WHERE case_id = '{}'",
}


@pytest.mark.parametrize("how", variants({name: name for name in COPIES_LIE}, "kept longer", "gone", "another one"))
@pytest.mark.slow
def test_a_row_of_a_copy_that_lies_is_named_and_mended(host: Host, how: str) -> None:
    one, other = (removed(host, name=f"m-{seed}", seed=seed) for seed in (1, 2))
    assert (faults(host), sweep(host).mended) == ([], ()), "the control: untouched"
    edit(host, COPIES_LIE[how].format(one, other=other))
    lying = {one, other} if how == "of another case" else {one}
    said = faults(host)
    assert {fault.case_id for fault in said} == lying
    assert {fault.what for fault in said} == {"its rows in preserved are not those of its chain"}
    assert dict(sweep(host).lies) == dict.fromkeys(lying, ("preserved",))
    assert "row_mended" in pages(host)
    assert (faults(host), sweep(host).mended) == ([], ())


def test_a_row_says_of_no_copy_that_it_need_not_be_kept(host: Host) -> None:
    case = removed(host)
    edit(host, "UPDATE preserved SET until = 5")
    host.watch()
    assert host.history(case).count("preservation_ended") == 0, "the object's stream says until when"
    assert sweep(host).mended == (case,)
    host.world.clock.advance(181 * 24 * HOUR)
    host.watch()
    assert host.history(case).count("preservation_ended") == 1, "the control: its time is over"


def test_an_object_that_was_cut_is_named_with_its_cases_and_nothing_is_decided_on_it(host: Host) -> None:
    case, other = (removed(host, name=f"m-{seed}", seed=seed) for seed in (1, 2))
    name, _ = objects_of(host)
    edit(host, f"DELETE FROM events WHERE seq = 2 AND stream = (SELECT n FROM streams WHERE name = '{name}')")
    said = faults(host)
    assert any(fault.case_id == case and "event 2 of the stream is damaged" in fault.what for fault in said), said
    assert other not in {fault.case_id for fault in said}, "no other case is held up by it"
    assert sweep(host).broken == (case, "log"), "the log has an event that the stream lost"
    with pytest.raises(StoreDamaged, match="damaged"):
        host.push(builders.cancellation(a_notice(), "annulled"), "m-3")
    assert host.push(builders.cancellation(a_notice(seed=2), "annulled"), "m-4").status == 202, "the control"


def test_a_version_that_the_object_never_handed_out_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would come of a step that tells its case and not the object."""
    host = opened(tmp_path)
    told_all, versioned = Objects.versioned, []

    def told_another(self: Objects, case: Case, item: ItemState, stamp: Stamp) -> Happened:
        versioned.append(item.effect_version)
        return told_all(self, case, item.but(effect_version=item.effect_version + 7), stamp)

    monkeypatch.setattr(Objects, "versioned", told_another)
    host.push(a_notice(), "m-1")
    host.decide(proposal(measure("1")))
    monkeypatch.undo()
    assert versioned == [1]
    (case,) = host.cases()
    said = {fault.what for fault in faults(host) if fault.case_id == case.id}
    assert any("never handed out the version 1" in what for what in said), said
    assert sweep(host).broken == (case.id,)
    with pytest.raises(StoreDamaged, match="never handed out"):
        host.push(builders.cancellation(a_notice(), "annulled"), "m-2")
    host.store.close()


def test_another_key_of_the_objects_is_named(host: Host) -> None:
    case = removed(host)
    key = b"\0" + b"k" * 32
    with closing(choose_driver().module.connect(host.world.path, isolation_level=None)) as raw:
        was = raw.execute("SELECT key FROM platform_keys WHERE name = 'objects'").fetchone()[0]
    assert len(was) == len(key)
    edit(host, f"UPDATE platform_keys SET key = x'{key.hex()}' WHERE name = 'objects'")
    assert any(fault.case_id == case and "another object than its chain names" in fault.what for fault in faults(host))


def test_the_comparison_after_each_commit_sees_an_object_that_says_otherwise(host: Host) -> None:
    case = removed(host)
    chain = host.records(case).stream
    streams = host.store.submit(PLATFORM, lambda tx: ((), tx.streams(names_of(chain.case)))).result()
    objects = {name: object_in(stream) for name, stream in streams.items()}
    with closing(choose_driver().module.connect(host.world.path)) as raw:
        stored = raw.execute("SELECT * FROM preserved WHERE case_id = ?", (case,)).fetchall()
    assert (len(stored), list(of_objects(stored, chain, objects))) == (1, []), "the control: untouched"
    assert list(of_objects([], chain, objects)), "a row is gone"
    for held in objects.values():
        held.holds.clear()
    assert list(of_objects([], chain, objects)), "nothing holds the measure that is in force"
