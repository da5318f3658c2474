"""Master keys: a store opens with its own alone, and one takes the place of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.rewrapping import rewrap
from kz_compliance_sdk.errors import StoreDamaged, StoreUnusable
from tests.journey.scene import PLATFORM
from tests.journey.test_retention import Desk, fill, notice

ONE, TWO = MasterKeys({"m1": b"1" * 32}, "m1"), MasterKeys({"m2": b"2" * 32}, "m2")
BOTH = MasterKeys({"m2": b"2" * 32, "m1": b"1" * 32}, "m2")


def test_a_store_opens_with_its_master_key_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    fill(desk)
    desk.store.close()
    for wrong, named in ((None, "lacks"), (TWO, "lacks"), (MasterKeys({"m1": b"x" * 32}, "m1"), "another key")):
        with pytest.raises(StoreUnusable, match=named) as refused:
            desk.open(wrong)
        assert refused.value.code == "master_key"
    desk.open(ONE)
    desk.check()
    desk.store.close()


def test_a_new_master_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    cases = fill(desk)
    desk.open(BOTH)
    desk.check()
    env = desk.world.env()
    assert rewrap(desk.store.engine, str(desk.world.path), BOTH, env.entropy) == len(cases) + 2
    assert rewrap(desk.store.engine, str(desk.world.path), BOTH, env.entropy) == 0
    assert b"m1" + b"1" * 32 not in desk.bytes
    desk.store.close()
    desk.open(TWO)
    desk.check()
    assert [row.message_id for row in desk.store.queries(PLATFORM).inbox("") if row.body] == ["msg-stray"]
    desk.store.close()
    with pytest.raises(StoreUnusable):
        desk.open(ONE)


def test_a_store_without_a_master_key_takes_one_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3")
    fill(desk)
    with desk.store.engine.connect() as connection:
        bare = [bytes(one)[1:] for one in connection.exec_driver_sql("SELECT data_key FROM cases").scalars().all()]
    rewrap(desk.store.engine, str(desk.world.path), ONE, desk.world.env().entropy)
    assert [key for key in bare if key in desk.bytes] == []
    desk.store.close()
    desk.open(ONE)
    desk.check()
    desk.store.close()


def test_a_case_whose_key_is_of_another_master_key_fails_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    desk.host.push(notice(1), "msg-1")
    desk.open(BOTH)
    desk.host.push(notice(2), "msg-2")
    desk.open(TWO)  # its newest key opens
    first, second = sorted(desk.store.queries(PLATFORM).case_ids())
    with pytest.raises(StoreDamaged, match="'m1'") as refused:
        desk.store.queries(PLATFORM).inbox(first)
    assert (refused.value.code, refused.value.reference) == ("data_key", first)
    assert desk.store.queries(PLATFORM).inbox(second)[0].body
