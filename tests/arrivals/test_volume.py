"""Unusually many notices of one authority, or under one key: counted in the store, for all who receive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival, open_case
from kz_compliance_sdk.domain.case import happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.events.review import Expired
from kz_compliance_sdk.domain.policy import kz_policy, of_own_content, tighten
from kz_compliance_sdk.errors import Conflict
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Tx, Work
from kz_compliance_sdk.services.admission import with_volume
from kz_compliance_sdk.services.intake import Pending
from tests.case_makers import a_notice, arrival, carrying
from tests.ledger.tampering.scenery import DRIVER
from tests.scene import PLATFORM, Host, World, signed

FLAG = "volume_unusual"
_SEEDS = count(100)
POLICY = tighten(kz_policy(), "[safeguards]\nvolume_notices = 3\nvolume_window_s = 3600")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "desk.sqlite3", policy=POLICY)


@pytest.fixture
def host(world: World) -> Iterator[Host]:
    host = Host(world)
    yield host
    host.store.close()


def push(host: Host, *seeds: int) -> list[bool]:
    """Push new notices; which of them are flagged."""
    for seed in seeds:
        assert host.push(a_notice(seed=seed), f"m-{seed}").status == 202
    return [FLAG in host.case(a_notice(seed=seed).notice_id).flags for seed in seeds]


def rows(world: World) -> list[tuple[str, int, int]]:
    with closing(DRIVER.module.connect(world.path)) as raw:
        return list(raw.execute("SELECT name, at, notices FROM volumes ORDER BY name, at").fetchall())


def test_one_more_than_usual_within_the_window_is_flagged(host: Host) -> None:
    assert push(host, 1, 2, 3, 4, 5) == [False, False, False, True, True]
    host.world.clock.advance(3599)
    assert push(host, 6) == [True]
    host.world.clock.advance(1)
    assert push(host, 7) == [False], "those of the first second count no more"


def test_the_chain_holds_the_count_and_the_limit_that_were_seen_unusual_or_not(host: Host) -> None:
    push(host, 1, 2, 3, 4)
    seen = []
    for seed in (1, 2, 3, 4):
        case = host.case(a_notice(seed=seed).notice_id)
        came = host.records(case.id).stream.events[0].event.came
        seen.append((came.volume, came.volume_limit))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_window_slides_by_the_second(host: Host) -> None:
    for seed in (1, 2, 3):
        assert push(host, seed) == [False]
        host.world.clock.advance(1000)
    host.world.clock.advance(599)
    assert push(host, 4) == [True], "the first came 3599 seconds ago"
    host.world.clock.advance(1001)
    assert push(host, 5) == [False], "two are left, and the one of just now"


def test_a_repeat_counts_once(host: Host) -> None:
    assert push(host, 1, 2) == [False, False]
    for _ in range(5):
        assert host.push(a_notice(seed=1), "m-1").status == 200
        host.push(a_notice(seed=1), "again")
    assert push(host, 3, 4) == [False, True]


def test_two_receivers_on_one_store_see_the_sum(host: Host, world: World) -> None:
    other = Host(world)
    assert [*push(host, 1), *push(other, 2), *push(host, 3)] == [False, False, False]
    assert [*push(other, 4), *push(host, 5)] == [True, True]
    other.store.close()


def test_a_restart_forgets_nothing(host: Host, world: World) -> None:
    assert push(host, 1, 2, 3) == [False, False, False]
    again = Host(world)
    assert push(again, 4) == [True]
    again.store.close()


def asked(host: Host, authority_id: str, key_id: str) -> bool:
    """Whether a new notice from this authority under this key is flagged; without a key it was typed in."""
    seed = next(_SEEDS)
    notice = a_notice(seed=seed)
    notice = notice.model_copy(
        update={"issuing_authority": notice.issuing_authority.model_copy(update={"id": authority_id})}
    )
    how = {"key_id": key_id} if key_id else {"source": "typed", "authenticity": "unverified", "channel": "by_hand"}

    def work(tx: Tx) -> tuple[Change, Arrival]:
        came = carrying(arrival(tx.now, f"{seed}", **how), notice)
        marked = with_volume(tx, came, authority_id, POLICY.safeguards)
        return open_case(f"case-{seed}", notice, marked, POLICY, tx.stamp())[0], marked

    return FLAG in host.store.submit(PLATFORM, work).result().flags


def test_each_authority_and_each_key_has_a_window_of_its_own(host: Host) -> None:
    assert [asked(host, f"authority-{n}", f"key-{n}") for n in range(10)] == [False] * 10
    assert [asked(host, f"authority-{n}", "one-key") for n in range(10, 15)] == [False] * 3 + [True] * 2
    assert [asked(host, "one-authority", f"key-{n}") for n in range(20, 25)] == [False] * 3 + [True] * 2
    assert [asked(host, "typed", "") for _ in range(4)] == [False] * 3 + [True], "what was typed in has no key"
    assert not asked(host, "one-key", "one-authority"), "a key is no authority"


@pytest.mark.slow
def test_what_counts_no_more_is_let_go(host: Host, world: World) -> None:
    for seed in range(1, 30):
        push(host, seed)
        host.world.clock.advance(600)
    now, left = host.world.clock(), rows(world)
    assert [at for name, at, _ in left if name.startswith("key ")] == [now - 600 * n for n in (6, 5, 4, 3, 2, 1)]
    assert sum(notices for name, _, notices in left if name.startswith("authority ")) < 29


def uncounted(host: Host) -> list[str]:
    """The notices of which a verification says that they were told of too few before them."""
    found = verify(host.store.queries(PLATFORM), PLATFORM, policy=POLICY).faults
    assert all("notices came before it" in one.what for one in found), found
    known = {case.id: case.notice_id for case in host.cases()}
    return [known[one.case_id] for one in found]


@pytest.mark.parametrize("edit", ["DELETE FROM volumes", "UPDATE volumes SET notices = -100"])
def test_a_count_that_was_taken_away_is_named_with_the_notice_that_it_let_through(tmp_path: Path, edit: str) -> None:
    """The count is a row, and it asks for a second person: the chains of the others know better."""
    host = Host(World(tmp_path / "desk.sqlite3", policy=POLICY))
    assert push(host, 1, 2, 3, 4) == [False, False, False, True]
    assert uncounted(host) == [], "the control"
    with closing(DRIVER.module.connect(host.world.path)) as raw:
        raw.execute(edit)
        raw.commit()
    assert push(host, 5) == [False]
    assert uncounted(host) == [a_notice(seed=5).notice_id]
    host.store.close()


def test_a_clock_that_was_set_takes_counts_away_and_nobody_is_to_blame(host: Host) -> None:
    push(host, 1, 2, 3)
    host.world.clock.advance(24 * 3600)
    push(host, 4)
    host.world.clock.advance(-24 * 3600)
    assert push(host, 5) == [False], "those of today were let go when tomorrow's came"
    assert uncounted(host) == []


def test_under_another_policy_nothing_is_held_against_a_count(host: Host, world: World) -> None:
    push(host, 1, 2, 3)
    with closing(DRIVER.module.connect(world.path)) as raw:
        raw.execute("DELETE FROM volumes")
        raw.commit()
    world.policy = of_own_content(tighten(kz_policy(), "[safeguards]\nvolume_notices = 2"))
    other = Host(world)
    assert push(other, 4) == [False]
    assert push(host, 5) == [False], "either may count other times, and let go of what the other counts"
    assert uncounted(host) == []
    other.store.close()


def in_one_batch(host: Host, *works: Work[Any]) -> list[Future[Any]]:
    """The first work holds the writer until all others wait for it."""
    held, go = threading.Event(), threading.Event()

    def hold(_tx: Tx) -> tuple[Change, None]:
        held.set()
        assert go.wait(30)
        return (), None

    first = host.store.submit(PLATFORM, hold)
    assert held.wait(30)
    waiting = [host.store.submit(PLATFORM, work) for work in works]
    go.set()
    first.result()
    wait(waiting, 30)
    return waiting


def pushed(host: Host, seed: int) -> Work[Any]:
    answer = host.intake.receive("POST", "/notices", *signed(host.world, a_notice(seed=seed), f"m-{seed}"))
    assert isinstance(answer, Pending)
    return answer.work


def test_works_of_one_batch_see_each_other_and_write_one_row(world: World) -> None:
    host = Host(world, world.open_store(threaded=True))
    answers = in_one_batch(host, *(pushed(host, seed) for seed in range(1, 21)))
    assert {one.result().status for one in answers} == {202}
    flagged = [FLAG in host.case(a_notice(seed=seed).notice_id).flags for seed in range(1, 21)]
    assert flagged == [False] * 3 + [True] * 17
    counts = {name: notices for name, _, notices in rows(world)}
    (of_the_key,) = (name for name in counts if name.startswith("key "))
    assert (counts.pop(of_the_key), sum(counts.values())) == (20, 20)
    host.store.close()


def test_a_batch_that_is_refused_and_run_again_counts_nothing_twice(world: World) -> None:
    host = Host(world, world.open_store(threaded=True))
    assert push(host, 1) == [False]
    case = host.case(a_notice(seed=1).notice_id)

    def refused(_tx: Tx) -> tuple[Change, None]:
        return (happened(case.but(version=98), Expired(), Stamp(0, SYSTEM)),), None

    *answers, wrong = in_one_batch(host, *(pushed(host, seed) for seed in (2, 3, 4)), refused)
    assert {one.result().status for one in answers} == {202}
    assert isinstance(wrong.exception(), Conflict)
    assert push(host, 5) == [True]
    flagged = [FLAG in host.case(a_notice(seed=seed).notice_id).flags for seed in (2, 3, 4)]
    assert flagged == [False, False, True]
    assert sum(notices for _, _, notices in rows(world)) == 2 * 5
    host.store.close()
