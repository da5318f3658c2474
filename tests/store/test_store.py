"""What every store promises: durable before it says so, all of a change or nothing, and nobody overwrites anybody."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import Driver, FileLock
from kz_compliance_sdk.adapters.sql.store import SqlStore
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain import arrivals, commands, deciding, review_policy
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, happened
from kz_compliance_sdk.domain.change import Change, Heartbeat, RefusalsCounted, Watch
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.errors import Conflict, IllegalMove, LeaseLost, NotAllowed, NotFound, StoreError, StoreFull
from kz_compliance_sdk.ports import Tx
from kz_compliance_sdk.services.loading import decisions_in
from kz_compliance_sdk.services.take import Taking
from tests.case_makers import (
    LEAD,
    LEGAL,
    M1,
    M2,
    PLATFORM,
    POLICY,
    RESPONDENT,
    a_notice,
    arrival,
    carrying,
    claimed,
    context,
    measure,
    messages,
    proposal,
    stamp,
    taken,
)
from tests.store.conftest import Gate, OpenStore, every_lane, every_store, opening, raw, save, saved
from tests.waiting import PATIENCE_S

SALT = bytes(32)
LAWYER = Actor("lawyer", frozenset({"legal"}))
pytestmark = pytest.mark.writes_by_itself
store, lane = every_store, every_lane


def _review(store: SqlStore) -> Taking:
    return Taking(store, PLATFORM, POLICY, RESPONDENT, Telling(POLICY.users))


def _count(store: SqlStore, table: str) -> int:
    (row,) = raw(store, f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of this file
    return int(row[0])


# --------------------------------------------------------------------------------- durable, whole, or not at all


def test_a_future_resolves_only_after_its_change_is_visible_to_others(store: SqlStore) -> None:
    change, _ = opening()
    seen: dict[str, int] = {}
    reported = threading.Event()

    def work(_tx: Tx) -> tuple[Change, None]:
        seen["inside"] = _count(store, "cases")
        return change, None

    def resolved(_future: Future[None]) -> None:
        seen["resolved"] = _count(store, "cases")
        reported.set()

    future = store.submit(PLATFORM, work)
    future.add_done_callback(resolved)
    future.result(10)
    assert reported.wait(10)
    assert seen == {"inside": 0, "resolved": 1}


@pytest.mark.slow
def test_what_was_saved_is_read_as_it_was(store: SqlStore) -> None:
    notice = a_notice(3)
    opening_, _ = arrivals.open_case(
        "case-1", notice, carrying(arrival(flags=("basis_unknown:1", "late_revision")), notice), POLICY, stamp()
    )
    save(store, opening_)
    save(store, review_policy.claim(store.queries(PLATFORM).case("case-1"), lease_s=900, stamp=stamp(actor=M1))[0])
    held = store.queries(PLATFORM).case("case-1")
    removal = proposal(*(measure(item.item_id) for item in notice.items))
    change, expected, decision = deciding.propose(
        held, held.lease_token, removal, context(notice), stamp=stamp(actor=M1)
    )
    save(store, change)
    case, queries = expected, store.queries(PLATFORM)
    left = [*messages(opening_), *messages(change)]
    assert queries.case(case.id) == expected
    assert sorted(queries.records(case.id).messages, key=lambda m: m.id) == sorted(left, key=lambda m: m.id)
    inside = store.submit(PLATFORM, lambda tx: ((), (tx.case(case.id), decisions_in(tx, case.id)))).result(10)
    assert inside == (expected, {1: decision})


def test_a_change_is_written_whole_or_not_at_all(store: SqlStore) -> None:
    case = saved(store)
    change, claimed_case = review_policy.claim(case, lease_s=900, stamp=stamp(actor=M1))
    stale = happened(case.but(version=8), review.Released(), stamp(actor=M1))
    other, _ = opening(2)
    before = [_count(store, table) for table in ("cases", "events", "outbox")]
    with pytest.raises(Conflict):
        save(store, (*other, Watch(claimed_case), *change[1:], stale))
    assert [_count(store, table) for table in ("cases", "events", "outbox")] == before
    assert store.queries(PLATFORM).case(case.id) == case


def test_what_a_work_raises_comes_back_and_writes_nothing(store: SqlStore) -> None:
    def work(_tx: Tx) -> tuple[Change, None]:
        raise NotAllowed("not you")

    with pytest.raises(NotAllowed):
        store.submit(PLATFORM, work).result(10)
    with pytest.raises(ZeroDivisionError):
        store.submit(PLATFORM, lambda _tx: ((), 1 // 0)).result(10)
    assert saved(store) == store.queries(PLATFORM).case("case-000001")


def test_a_platform_sees_and_changes_only_its_own(store: SqlStore) -> None:
    case = saved(store)
    saved(store, platform_id="other")
    queries = store.queries("third")
    with pytest.raises(NotFound):
        queries.case(case.id)
    assert list(queries.case_ids()) == []
    with pytest.raises(NotFound):
        queries.records(case.id)
    with pytest.raises(NotFound):
        store.submit("third", lambda tx: ((), tx.case(case.id))).result(10)
    assert store.submit("third", lambda tx: ((), tx.claimable(lambda _one: True))).result(10) is None
    assert store.queries("other").case(case.id).platform_id == "other"


def test_the_stores_clock_is_the_one_it_was_given(store: SqlStore, clock: Any) -> None:
    clock.advance(123)
    assert store.now() == clock()
    assert store.submit(PLATFORM, lambda tx: ((), tx.now)).result(10) == clock()


# ------------------------------------------------------------------------------------------------ refusals in SQL


def test_two_cases_of_one_notice_are_refused_by_the_database(store: SqlStore) -> None:
    saved(store)
    twin, _ = opening(case_id="case-twin")
    with pytest.raises(Conflict, match=r"(?i)unique"):
        save(store, twin)
    assert _count(store, "cases") == 1


def test_what_was_decided_on_a_chain_that_has_gone_on_is_refused(store: SqlStore) -> None:
    case = store.queries(PLATFORM).case(saved(store).id)
    change, taken = review_policy.claim(case, lease_s=900, stamp=stamp(actor=M1))
    save(store, change)
    with pytest.raises(Conflict, match="read it again"):
        save(store, review_policy.claim(case, lease_s=900, stamp=stamp(actor=M2))[0])
    assert store.queries(PLATFORM).case(case.id) == taken


def test_whoever_still_believes_in_an_old_lease_writes_nothing(store: SqlStore, clock: Any) -> None:
    case = saved(store)
    review = _review(store)
    first = review.claim(M1).result(10)
    assert first is not None
    clock.advance(POLICY.lease_s)
    second = review.claim(M2).result(10)
    assert second is not None
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        review.take(M1, case.id, commands.Renew(first.token)).result(10)
    with pytest.raises(Conflict):
        save(store, taken(first.case, commands.Renew(first.token), stamp(actor=M1))[0])
    released = review.take(M2, case.id, commands.Release(second.token)).result(10)
    with pytest.raises(LeaseLost):
        review.take(M2, case.id, commands.Renew(second.token)).result(10)
    assert store.queries(PLATFORM).case(case.id) == released


def test_nobody_approves_their_own_proposal_or_another_or_a_second_time(store: SqlStore) -> None:
    notice = a_notice(category="election_rules")
    save(store, arrivals.open_case("case-1", notice, arrival(), POLICY, stamp())[0])
    save(store, review_policy.claim(store.queries(PLATFORM).case("case-1"), lease_s=900, stamp=stamp(actor=LEAD))[0])
    held = store.queries(PLATFORM).case("case-1")
    change, _, decision = deciding.propose(
        held, held.lease_token, proposal(measure("1")), context(notice), stamp=stamp(actor=LEAD)
    )
    save(store, change)
    case = store.queries(PLATFORM).case("case-1")

    def approved(by: Actor, digest: str, seen: Case) -> Change:
        given = context(notice, decisions={1: decision})
        return deciding.approve(seen, digest, decision, given, (LEAD,), stamp=stamp(actor=by))[0]

    with pytest.raises(NotAllowed, match="nobody approves their own proposal"):
        approved(LEAD, decision.digest, case)
    with pytest.raises(Conflict, match="not the one that you saw"):
        approved(LEGAL, "0" * 64, case)
    save(store, approved(LEGAL, decision.digest, case))
    now = store.queries(PLATFORM)
    with pytest.raises(IllegalMove):
        approved(LAWYER, decision.digest, now.case("case-1"))
    with pytest.raises((Conflict, LeaseLost)):
        save(store, approved(LAWYER, decision.digest, case))
    stands = store.submit(PLATFORM, lambda tx: ((), decisions_in(tx, "case-1"))).result(10)[1]
    assert stands.approved_by == LEGAL.id


def test_an_opening_is_written_once(store: SqlStore) -> None:
    change, case = opening()
    save(store, change)
    with pytest.raises(Conflict):
        save(store, change[1:2])
    assert len(store.queries(PLATFORM).records(case.id).stream.events) == 1


def test_the_tries_of_a_case_that_is_gone_are_named_also_beside_those_of_one_that_is_there(store: SqlStore) -> None:
    """They were not: the look-up took the first try that it found for the one that it asked about."""
    case = saved(store)
    for of in (case.id, "case-gone"):
        raw(store, "INSERT INTO attempts VALUES (?, ?, 'm-1', 1, 1, 1, 'lost', ?)", PLATFORM, of, b"")
    found = [one for one in store.queries(PLATFORM).strays() if one[0] != case.id]
    assert found == [("case-gone", "the case is gone, and something of it is still there, in attempts")]


# ------------------------------------------------------------------------------------------------------ batches


@pytest.mark.slow
def test_what_waits_together_shares_one_commit(lane: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(lane, 1)
    commits: list[int] = []
    commit = SqlTransaction.commit

    def counted(self: Any) -> None:
        commits.append(1)
        commit(self)

    monkeypatch.setattr(SqlTransaction, "commit", counted)
    with Gate(lane):
        futures = [lane.save(PLATFORM, opening(n)[0]) for n in range(2, 102)]
    for future in futures:
        future.result(10)
    assert _count(lane, "cases") == 101
    assert len(commits) == 2, "the gate's, and one for all hundred"


def test_one_bad_change_fails_alone(lane: SqlStore) -> None:
    saved(lane, 1)
    twin, _ = opening(1, case_id="case-twin")
    with Gate(lane):
        good = [lane.save(PLATFORM, opening(n)[0]) for n in (2, 3)]
        bad = lane.save(PLATFORM, twin)
        broken = lane.submit(PLATFORM, lambda tx: ((), tx.case("nowhere")))
        good += [lane.save(PLATFORM, opening(n)[0]) for n in (4, 5)]
    for future in good:
        future.result(10)
    with pytest.raises(Conflict):
        bad.result(10)
    with pytest.raises(NotFound):
        broken.result(10)
    assert _count(lane, "cases") == 5


def test_two_works_of_one_batch_about_one_case_see_each_other(lane: SqlStore) -> None:
    case = saved(lane)

    def page(tx: Tx) -> tuple[Change, int]:
        change, paged = arrivals.flag(tx.case(case.id), ("late_revision",), tx.stamp())
        return change, paged.pages

    with Gate(lane):
        futures = [lane.submit(PLATFORM, page) for _ in range(20)]
    assert [future.result(10) for future in futures] == list(range(1, 21))


def test_what_a_work_read_before_its_case_is_read_again_with_it(lane: SqlStore) -> None:
    """Of one case in one batch: the messages are read first, and then the case, which an earlier work has changed."""
    case = saved(lane)

    def told(tx: Tx) -> tuple[Change, tuple[int, int]]:
        pages = sum(message.kind == "page" for message in tx.open_messages(case.id))
        return (), (pages, tx.case(case.id).pages)

    with Gate(lane):
        flagged = lane.submit(PLATFORM, lambda tx: arrivals.flag(tx.case(case.id), ("late_revision",), tx.stamp()))
        found = lane.submit(PLATFORM, told)
    flagged.result(10)
    assert found.result(10) == (1, 1)


def test_claims_of_one_batch_get_different_cases_the_most_urgent_first(lane: SqlStore) -> None:
    for n in range(1, 6):
        saved(lane, n, received_at=stamp().at - n * 60)
    with Gate(lane):
        futures = [_review(lane).claim(M1) for _ in range(7)]
    leases = [future.result(10) for future in futures]
    assert [lease.case.id if lease else None for lease in leases] == [
        *(f"case-{n:06d}" for n in (5, 4, 3, 2, 1)),
        None,
        None,
    ]


@pytest.mark.slow
def test_many_claims_of_one_batch_all_get_a_case(lane: SqlStore) -> None:
    for n in range(1, 131):
        saved(lane, n)
    with Gate(lane):
        futures = [_review(lane).claim(M1) for _ in range(120)]
    leases = [future.result(10) for future in futures]
    assert len({lease.case.id for lease in leases if lease is not None}) == 120


def test_a_claim_that_is_refused_leaves_its_case_to_the_next(lane: SqlStore) -> None:
    saved(lane)

    def refuse(tx: Tx) -> tuple[Change, None]:
        case = tx.claimable(lambda _one: True)
        assert case is not None
        raise NotAllowed("nobody may.")

    with Gate(lane):
        refused = lane.submit(PLATFORM, refuse)
        taken = _review(lane).claim(M1)
    with pytest.raises(NotAllowed):
        refused.result(10)
    lease = taken.result(10)
    assert lease is not None
    assert lease.case.id == "case-000001"


def test_a_claim_takes_no_case_that_the_same_batch_has_changed(lane: SqlStore) -> None:
    cases = [saved(lane, n) for n in (1, 2, 3)]
    with Gate(lane):
        first = _review(lane).claim(M1)
        named = _review(lane).claim(M2, case_id=cases[1].id)
        third = _review(lane).claim(M1)
    taken = [lease.case.id for lease in (first.result(10), named.result(10), third.result(10)) if lease]
    assert taken == [case.id for case in cases]


# -------------------------------------------------------------------------------------------- bounds and the end


def test_a_full_queue_refuses_and_evicts_nothing(open_store: OpenStore) -> None:
    store = open_store(most_waiting=3)
    with Gate(store):
        waiting = [store.save(PLATFORM, opening(n)[0]) for n in (1, 2, 3)]
        with pytest.raises(StoreFull) as full:
            store.save(PLATFORM, opening(4)[0])
        assert full.value.retryable
        assert store.waiting == 3
    for future in waiting:
        future.result(10)
    assert _count(store, "cases") == 3
    save(store, opening(4)[0])


def test_close_finishes_what_was_queued(open_store: OpenStore, path: Any) -> None:
    store = open_store()
    with Gate(store):
        futures = [store.save(PLATFORM, opening(n)[0]) for n in range(1, 51)]
        closing = threading.Thread(target=store.close)
        closing.start()
    closing.join(10)
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreError) as closed:
        store.save(PLATFORM, opening(99)[0])
    assert closed.value.code == "store_closed"
    assert len(list(open_store().queries(PLATFORM).case_ids())) == 50


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control: nothing holds close back"])
def test_a_work_that_comes_while_the_store_closes_is_done_or_refused(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Between its look at the store and its place in the queue, the store closes: nobody may wait for ever."""
    store = open_store()
    save(store, opening(1)[0])
    lane = store._lane
    closing = threading.Thread(target=store.close)

    class Meanwhile:
        def __init__(self, jobs: Any) -> None:
            self._jobs = jobs

        def put(self, job: Any) -> None:
            if job is not None:
                closing.start()
                # The control lets it close; otherwise it is held back until this work has its place.
                closing.join(0.3 if guarded else PATIENCE_S)
            self._jobs.put(job)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._jobs, name)

    monkeypatch.setattr(lane, "_jobs", Meanwhile(lane._jobs))
    if not guarded:
        monkeypatch.setattr(lane, "_gate", nullcontext())
    future = store.save(PLATFORM, opening(2)[0])
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert future.done() is guarded


def test_one_can_read_while_a_write_is_under_way(lane: SqlStore) -> None:
    case = saved(lane)
    with Gate(lane):
        waiting = lane.save(PLATFORM, (Heartbeat(PLATFORM, "test", 1),))
        assert lane.queries(PLATFORM).case(case.id) == case
        assert len(lane.queries(PLATFORM).records(case.id).stream.events) == 1
        assert not waiting.done()
    waiting.result(10)


def test_a_reader_holds_no_writer_up(lane: SqlStore) -> None:
    for n in range(1, 4):
        saved(lane, n)
    ids = iter(lane.queries(PLATFORM).case_ids())
    first = next(ids)
    saved(lane, 4)
    assert [first, *ids][:3] == [f"case-{n:06d}" for n in (1, 2, 3)]


# -------------------------------------------------------------------------------------------------------- races


@pytest.mark.slow
def test_what_an_earlier_batch_read_is_read_anew(lane: SqlStore, open_store: OpenStore) -> None:
    """Another process may have written meanwhile, also where the batch before wrote nothing."""
    other = open_store(threaded=True)

    def seen_at() -> int:
        return lane.submit(PLATFORM, lambda tx: ((), tx.known(Heartbeat, "watch").at)).result(10)

    assert seen_at() == 0
    save(other, (Heartbeat(PLATFORM, "watch", at=5),))
    assert seen_at() == 5


def test_refusals_of_one_second_add_up(lane: SqlStore) -> None:
    """Also where nothing else of the line is another."""
    for _ in range(2):
        save(lane, (RefusalsCounted(PLATFORM, "k-1", "expired", 2, last_at=5),))
    assert raw(lane, "SELECT count, last_at FROM refusals") == [(4, 5)]


def test_the_library_in_use_is_named_with_its_version() -> None:
    named = Driver(ModuleType("pysqlite3.dbapi2"), (3, 51, 3), wal=True).explanation
    assert named == "SQLite 3.51.3 (pysqlite3): WAL with synchronous=FULL."


def test_a_look_at_the_files_holds_up_no_other_writer(path: Path, open_store: OpenStore) -> None:
    looking = open_store()._open_transaction()
    try:
        looking.look()
        other = FileLock(str(path))
        assert other.try_alone()
        other.release()
    finally:
        looking.close()


@pytest.mark.slow
def test_of_two_who_decide_one_case_at_once_one_wins(lane: SqlStore) -> None:
    """500 pairs with one lease between them, from two threads: never two decisions, never none."""
    notices = {n: a_notice(seed=n, category="election_rules") for n in range(1, 501)}
    cases: dict[int, Case] = {}
    for n in notices:
        change, case = opening(n)
        case = claimed(case)
        save(lane, (Watch(case), *change[1:2]))
        save(lane, review_policy.claim(lane.queries(PLATFORM).case(case.id), lease_s=900, stamp=stamp(actor=M1))[0])
        cases[n] = lane.queries(PLATFORM).case(case.id)
    start = threading.Barrier(2)
    won: dict[int, list[str]] = {n: [] for n in cases}
    lost: dict[int, int] = dict.fromkeys(cases, 0)

    def moderator(name: str) -> None:
        for n, case in cases.items():
            start.wait(30)
            removal = proposal(*(measure(item.item_id) for item in notices[n].items))
            change, _, _ = deciding.propose(case, case.lease_token, removal, context(notices[n]), stamp=stamp(actor=M1))
            try:
                save(lane, change)
                won[n].append(name)
            except (Conflict, LeaseLost):
                lost[n] += 1

    threads = [threading.Thread(target=moderator, args=(name,)) for name in ("a", "bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {len(names) for names in won.values()} == {1}
    assert set(lost.values()) == {1}
    assert _count(lane, "events WHERE kind = 'proposed'") == 500


@pytest.mark.slow
def test_every_claim_is_the_earliest_free_deadline(lane: SqlStore, clock: Any) -> None:
    """2,000 cases with random deadlines, three moderators who take, give back, and let leases run out."""
    chance = random.Random(7)
    for start in range(0, 2000, 200):
        futures = [
            lane.save(PLATFORM, opening(n, received_at=stamp().at - chance.randrange(200_000))[0])
            for n in range(start + 1, start + 201)
        ]
        for future in futures:
            future.result(30)
    review = _review(lane)
    free = set(raw(lane, "SELECT id, urgent_at FROM cases"))
    came = dict(raw(lane, "SELECT id, stream FROM cases"))
    held: dict[str, tuple[Lease, Actor, int]] = {}
    actors = [Actor(f"m{k}", frozenset({"moderator"})) for k in range(3)]
    for _ in range(2600):
        actor = chance.choice(actors)
        found = review.claim(actor).result(10)
        for case_id, (lease, _holder, urgent) in list(held.items()):
            if lease.expires_at <= clock():
                free.add((case_id, urgent))
                del held[case_id]
        if found is None:
            assert not free
            break
        expected = min(free, key=lambda row: (row[1], came[row[0]]))
        assert (found.case.id, found.case.urgent_at) == expected
        free.remove(expected)
        held[found.case.id] = (found, actor, found.case.urgent_at)
        clock.advance(chance.choice((0, 0, 1, 30)))
        if chance.random() < 0.2 and held:
            case_id = chance.choice(sorted(held))
            lease, holder, urgent = held[case_id]
            if lease.expires_at > clock():
                review.take(holder, case_id, commands.Release(lease.token)).result(10)
                free.add((case_id, urgent))
                del held[case_id]
