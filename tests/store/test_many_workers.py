"""16 workers in four processes on one PostgreSQL: each case is claimed once, and always one of the most urgent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.ports import Env
from tests import postgres
from tests.case_makers import PLATFORM, stamp
from tests.store.conftest import opening
from tests.store.workers_beside import Claimed, beside, claims, claims_unguarded

pytestmark = [pytest.mark.postgres, pytest.mark.slow(takes_s=30), pytest.mark.writes_by_itself]
CASES, PROCESSES, THREADS = 400, 4, 4


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as one:
        chance, store = random.Random(3), PostgresStore(one, Env.system())
        due = [stamp().at - chance.randrange(200_000) for _ in range(CASES)]
        for future in [store.save(PLATFORM, opening(n, received_at=at)[0]) for n, at in enumerate(due)]:
            future.result(60)
        store.close()
        yield one


def claimed_by(what: Callable[..., Any], url: str) -> list[Claimed]:
    with beside(what, *((url, seed, THREADS) for seed in range(PROCESSES))) as told:
        got: list[list[Claimed]] = told()
    assert min(map(len, got)) > 0, "every process had its share"
    return [one for some in got for one in some]


def test_each_case_is_claimed_once_and_the_most_urgent_first(url: str) -> None:
    got = claimed_by(claims, url)
    assert len(got) == len({case_id for case_id, *_ in got}) == CASES
    # In the order in which the claims were written.
    order = "SELECT s.name FROM log l JOIN events e USING (stream, seq) JOIN streams s ON s.n = l.stream"
    rows = postgres.run(f"{order} WHERE e.kind = 'claimed' ORDER BY l.n", url=url)
    assert len(rows) == CASES
    urgent = {f"case/{case_id}": at for case_id, at, _ in got}
    came, due = [urgent[name] for (name,) in rows], sorted(urgent.values())
    # A batch takes at most a case for each of its workers, and those of other hosts have theirs in hand meanwhile.
    workers = PROCESSES * THREADS
    late = [n for n, at in enumerate(came) if at > due[min(CASES - 1, n + workers)]]
    assert late == []
    store = PostgresStore(url, Env.system())
    assert list(store.queries(PLATFORM).strays()) == []
    store.close()


def test_the_control_without_what_guards_them_cases_are_claimed_twice(url: str) -> None:
    postgres.run("ALTER TABLE events DROP CONSTRAINT events_pkey", "CREATE INDEX ON events (stream, seq)", url=url)
    got = claimed_by(claims_unguarded, url)
    assert len(got) > len({case_id for case_id, *_ in got})


def test_a_store_that_is_opened_by_four_at_once_is_made_once() -> None:
    with postgres.database(empty=True) as url:
        with beside(_made, *((url,) for _ in range(4))) as told:
            assert told() == [True] * 4
        assert postgres.run("SELECT count(*) FROM kz_compliance_schema", url=url) == [(1,)]


def _made(url: str) -> bool:
    PostgresStore(url, Env.system()).close()
    return True
