"""A store of the release before gets the tables of the review, and what it holds stays as it was."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from kz_compliance_sdk.adapters.sql import migrate
from tests.contract.conftest import OpenStore, raw, saved
from tests.unit.case_makers import PLATFORM

OLD_HOLD = "INSERT INTO holds VALUES ('social', 'post:1', 'case-000001', '1', 'remove', 'local_law', 1)"


def _back_to_the_first_schema(store: object) -> None:
    for sql in (
        "DROP TABLE tallies",
        "DROP TABLE legal_checks",
        "DROP TABLE content_seen",
        "DROP TABLE user_notices",
        "DROP TABLE appeals",
        "DROP TABLE checkpoints",
        "DROP TABLE checkpoint_leaves",
        "DROP TABLE checkpoint_due",
        "DROP INDEX holds_case",
        "DROP INDEX holds_preserved",
        "ALTER TABLE holds DROP COLUMN preserve_until",
        "ALTER TABLE holds DROP COLUMN preservation_ended_at",
        "DELETE FROM sqlite_stat1 WHERE tbl IN ('legal_checks', 'content_seen', 'user_notices', 'appeals', 'holds')",
        "DELETE FROM sqlite_stat1 WHERE tbl IN ('tallies', 'checkpoints', 'checkpoint_leaves', 'checkpoint_due')",
        "DROP TABLE platform_keys",
        "ALTER TABLE cases DROP COLUMN data_key",
        "ALTER TABLE cases DROP COLUMN private",
        "ALTER TABLE inbox DROP COLUMN data_key",
        "UPDATE kz_compliance_schema SET version_num = '0001'",
        OLD_HOLD,
    ):
        raw(store, sql)  # type: ignore[arg-type]


def test_an_older_store_is_upgraded_and_keeps_its_holds(open_store: OpenStore, path: Path) -> None:
    store = open_store()
    case = saved(store)
    _back_to_the_first_schema(store)
    store.close()
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with closing(engine.connect()) as connection:
        done = [line.partition(":")[0] for line in migrate.upgrade(connection)]
    assert done == ["0002", "0003", "0005", "0006", "0008", "0009"]
    upgraded = open_store()
    assert upgraded.queries(PLATFORM).case(case.id) == case
    assert upgraded.queries(PLATFORM).legal_checks(case.id) == []
    (hold,) = upgraded.submit(PLATFORM, lambda tx: ((), tx.holds(["post:1"]))).result(10)
    assert hold.object_key == "post:1"
    assert raw(upgraded, "SELECT count(*) FROM holds WHERE object_key = 'post:1'") == [(0,)], "its name is a digest now"
    assert (hold.preserve_until, hold.preservation_ended_at) == (None, None)
    assert upgraded.submit(PLATFORM, lambda tx: ((), tx.preservation_over(2**40, 10))).result(10) == []
    told = raw(upgraded, "SELECT idx FROM sqlite_stat1 WHERE idx = 'holds_preserved'")
    assert len(told) == 1, "the planner is told about the new index"
    plan = " ".join(
        str(row[3])
        for row in raw(
            upgraded,
            "EXPLAIN QUERY PLAN SELECT * FROM holds WHERE platform_id = 'social' AND preserve_until IS NOT NULL "
            "AND preservation_ended_at IS NULL AND preserve_until <= 5 ORDER BY preserve_until",
        )
    )
    assert "holds_preserved" in plan
