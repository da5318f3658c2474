"""Rows on PostgreSQL that somebody edited, and what retention erases there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.services.sweep import Sweep
from tests import postgres
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.privacy.test_retention import DAY, PERIODS
from tests.scene import PLATFORM, Host, World

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
MADE = ("cases", "watches", "inbox", "tallies", "preserved", "appeals")
ROWS = (*MADE, "outbox", "leases")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with postgres.database() as url:
        one = Host(World(tmp_path / "no file", url=url))
        yield one
        one.store.close()


def rows(host: Host) -> dict[str, list[str]]:
    return {
        table: [row[0] for row in postgres.run(f"SELECT t::text FROM {table} t ORDER BY 1", url=host.world.url)]  # noqa: S608
        for table in ROWS
    }


@pytest.mark.writes_by_itself
@pytest.mark.parametrize(
    ("lie", "named"),
    [
        ("UPDATE cases SET urgent_at = urgent_at + 9999, state = 'closed'", True),
        ("UPDATE inbox SET message = 'x', case_id = ''", True),
        ("DELETE FROM inbox", True),
        ("DELETE FROM outbox", True),
        ("UPDATE leases SET next_at = next_at + 99999999", True),
        ("DELETE FROM watches", True),
        ("SELECT 1", False),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_row_that_was_edited_is_named_and_made_anew_from_its_chain(host: Host, lie: str, named: bool) -> None:
    """The last of them is the control: of rows that tell the truth nothing is said."""
    for seed in (1, 2):
        host.push(a_notice(seed=seed), f"m-{seed}")
    true = rows(host)
    postgres.run(lie, url=host.world.url)
    swept = Sweep(host.store, PLATFORM, host.policy, host.respondent, host.world.env().monotonic).all()
    assert bool(swept.lies) is named, swept
    after = rows(host)
    # Beside them there are the alerts that say so; and when a case is looked at next may be sooner than it was.
    assert [row for table in true if table != "watches" for row in true[table] if row not in after[table]] == []
    assert [len(after[table]) for table in MADE] == [len(true[table]) for table in MADE]
    host.check_chains()


def test_what_retention_erases_is_gone_and_its_pages_are_overwritten(host: Host) -> None:
    for seed, chosen in ((1, measure("1")), (2, refusal("1"))):
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.decide(proposal(chosen))
        host.drain()
    left = "SELECT count(*) FROM parts WHERE class = 'erasable' AND bytes IS NOT NULL"
    keys = (
        "SELECT count(*) FROM keys k JOIN streams s ON s.n = k.stream WHERE k.class = 'erasable' AND name LIKE 'case/%'"
    )
    assert postgres.run(left, url=host.world.url)[0][0] > 0
    host.world.clock.advance(4_000 * DAY)
    run = Privacy(host.store, PLATFORM, PERIODS, host.store.truncate_log).retention()  # type: ignore[attr-defined]
    assert (len(run.cases), run.log_emptied) == (2, True)
    assert postgres.run(keys, url=host.world.url) == [(0,)]
    dead = "SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relname IN ('parts', 'keys', 'attempts')"
    postgres.run("SELECT pg_stat_force_next_flush()", url=host.world.url)
    assert postgres.run(dead, url=host.world.url) == [(0,)]
    host.check_chains()
