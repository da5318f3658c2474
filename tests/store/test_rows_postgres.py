"""Rows on PostgreSQL that somebody edited, and what retention erases there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change, CursorMoved
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Tx
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.services.sweep import Sweep
from tests import postgres
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.privacy.test_retention import DAY, PERIODS
from tests.scene import PLATFORM, Host, World
from tests.store.conftest import opening

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


def test_a_text_is_as_long_as_it_is_on_a_file(host: Host) -> None:
    """SQLite looks at no length, and nothing before it does at some: what is refused here would be refused for ever."""
    lengths = "SELECT table_name, column_name FROM information_schema.columns WHERE character_maximum_length > 0"
    of_alembic = [("kz_compliance_schema", "version_num")]
    assert postgres.run(f"{lengths} AND table_schema = 'public'", url=host.world.url) == of_alembic
    host.push(a_notice(seed=1), "m-1")
    assert host.taking.claim(Actor("a" * 150, frozenset({"moderator"}), account="b" * 300)).result() is not None
    told = CursorMoved(PLATFORM, "f" * 200, "c" * 4_000)
    host.store.submit(PLATFORM, lambda _tx: ((told,), None)).result()
    assert postgres.run("SELECT feed, cursor FROM cursors", url=host.world.url) == [(told.feed, told.cursor)]


def test_a_value_that_cannot_be_stored_fails_its_own_work_alone(host: Host) -> None:
    lane, began, goes_on = host.store, threading.Event(), threading.Event()
    assert isinstance(lane, PostgresStore)

    def waits(_tx: Tx) -> tuple[Change, None]:
        began.set()
        goes_on.wait(10)
        return (), None

    first = lane.submit(PLATFORM, waits)
    assert began.wait(10)
    bad = lane.submit(PLATFORM, lambda tx: ((), tx.claimable(lambda _case: True, category="\0")))
    good = lane.save(PLATFORM, opening(1)[0])
    goes_on.set()
    first.result(10)
    good.result(10)
    with pytest.raises(StoreError, match="NUL") as told:
        bad.result(10)
    assert told.value.code == "store"
    assert lane.fault == ""


def test_what_retention_erases_is_gone_and_its_pages_are_written_anew(host: Host) -> None:
    for seed, chosen in ((1, measure("1")), (2, refusal("1"))):
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.decide(proposal(chosen))
        host.drain()
    left = "SELECT count(*) FROM parts WHERE class = 'erasable' AND bytes IS NOT NULL"
    keys = (
        "SELECT count(*) FROM keys k JOIN streams s ON s.n = k.stream WHERE k.class = 'erasable' AND name LIKE 'case/%'"
    )
    assert postgres.run(left, url=host.world.url)[0][0] > 0
    wrapped = postgres.run("SELECT wrapped FROM keys WHERE class = 'erasable'", url=host.world.url)
    assert all(one in _bytes_of(host, "keys") for (one,) in wrapped)
    host.world.clock.advance(4_000 * DAY)
    run = Privacy(host.store, PLATFORM, PERIODS, host.store.truncate_log).retention()  # type: ignore[attr-defined]
    assert (len(run.cases), run.log_emptied) == (2, True)
    assert postgres.run(keys, url=host.world.url) == [(0,)]
    assert not any(one in _bytes_of(host, "keys") for (one,) in wrapped)
    host.check_chains()


def test_while_somebody_reads_who_came_before_it_says_so(host: Host) -> None:
    with psycopg.connect(host.world.url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM cases")
        assert host.store.truncate_log() is False  # type: ignore[attr-defined]
    assert host.store.truncate_log() is True  # type: ignore[attr-defined]


def _bytes_of(host: Host, table: str) -> bytes:
    """The file of a table as it lies on the disk."""
    asked = f"SELECT setting || '/' || pg_relation_filepath('{table}') FROM pg_settings WHERE name = 'data_directory'"  # noqa: S608
    ((path,),) = postgres.run("CHECKPOINT", asked, url=host.world.url)
    return Path(path).read_bytes()
