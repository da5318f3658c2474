"""Master keys: a store opens with its own alone, and one takes the place of another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.rewrapping import Rewrapped, rewrap
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.errors import StoreDamaged, StoreUnusable
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.services.loading import case_file_of
from tests.ledger.tampering.scenery import DRIVER
from tests.privacy.test_lost_keys import of
from tests.privacy.test_retention import Desk, fill, notice, sql
from tests.scene import PLATFORM, World, lodged
from tests.unguarded import unguard
from tests.variants import variants

ONE, TWO = MasterKeys({"m1": b"1" * 32}, "m1"), MasterKeys({"m2": b"2" * 32}, "m2")
BOTH = MasterKeys({"m2": b"2" * 32, "m1": b"1" * 32}, "m2")


@pytest.mark.slow
def test_a_store_opens_with_its_master_key_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    fill(desk)
    desk.store.close()
    for wrong, named in (
        (None, "no key of that id"),
        (TWO, "no key of that id"),
        (MasterKeys({"m1": b"x" * 32}, "m1"), "another key"),
    ):
        with pytest.raises(StoreUnusable, match=named) as refused:
            desk.open(wrong)
        assert refused.value.code == "master_key"
    desk.open(ONE)
    desk.check()
    desk.store.close()


@pytest.mark.slow
def test_a_new_master_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    cases = fill(desk)
    desk.store.close()
    desk.open(BOTH)
    desk.check()
    env = desk.world.env()
    # Of the case that came and was answered by letter nothing is kept, so it has one key.
    assert rewrap(desk.store.writing, BOTH, env.entropy) == Rewrapped(2 * len(cases) - 1 + 4)
    assert rewrap(desk.store.writing, BOTH, env.entropy) == Rewrapped(0)
    assert b"m1" + b"1" * 32 not in desk.bytes
    desk.store.close()
    desk.open(TWO)
    desk.check()
    assert [row.message_id for row in lodged(desk.store) if row.body] == ["msg-stray"]
    desk.store.close()
    with pytest.raises(StoreUnusable):
        desk.open(ONE)


def test_an_empty_store_opens_with_the_master_key_that_made_it_alone(tmp_path: Path) -> None:
    world = World(tmp_path / "desk.sqlite3")
    world.path.unlink()

    def opened(keys: MasterKeys | None, **more: Any) -> SqliteStore:
        return SqliteStore(world.path, world.env(), threaded=False, keys=keys, **more)

    opened(ONE).close()
    for wrong in (None, TWO, MasterKeys({"m1": b"x" * 32}, "m1")):
        with pytest.raises(StoreUnusable, match=r"made with a master key.*privacy\.earlier_keys") as refused:
            opened(wrong)
        assert refused.value.code == "master_key"
    with closing(opened(BOTH)) as store:
        rewrap(store.writing, BOTH, world.env().entropy)
    opened(TWO).close()
    with pytest.raises(StoreUnusable):
        opened(ONE)


def test_control_of_an_empty_store_that_was_made_without_one_nothing_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "desk.sqlite3")
    world.path.unlink()
    for keys in (None, ONE):
        SqliteStore(world.path, world.env(), threaded=False, keys=keys).close()


def test_a_damaged_key_keeps_no_old_master_key_for_the_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    cases = fill(desk)
    hurt = sorted(desk.store.queries(PLATFORM).case_ids())[0]
    desk.store.close()
    desk.open(BOTH)
    with desk.store.engine.connect() as connection:
        connection.exec_driver_sql(f"UPDATE keys SET wrapped = x'026d310000' WHERE {of(hurt)}")  # noqa: S608
        connection.commit()
    done = rewrap(desk.store.writing, BOTH, desk.world.env().entropy)
    assert done == Rewrapped(2 * len(cases) - 1 + 3, (f"case/{hurt}/erasable",))
    desk.store.close()
    desk.open(TWO)
    assert desk.store.queries(PLATFORM).case_ids()
    desk.store.close()


def test_a_key_whose_master_key_is_missing_is_no_damage(tmp_path: Path) -> None:
    """The control: it opens with the right settings, so nobody may go on and destroy what it needs."""
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    fill(desk)
    with pytest.raises(StoreDamaged, match="no key of that id"):
        rewrap(desk.store.writing, TWO, desk.world.env().entropy)


@pytest.mark.slow
def test_a_store_without_a_master_key_takes_one_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3")
    fill(desk)
    with desk.store.engine.connect() as connection:
        bare = [bytes(one)[1:] for one in connection.exec_driver_sql("SELECT wrapped FROM keys").scalars().all()]
    rewrap(desk.store.writing, ONE, desk.world.env().entropy)
    desk.store.truncate_log()
    assert [key for key in bare if key in desk.bytes] == []
    desk.store.close()
    desk.open(ONE)
    desk.check()
    desk.store.close()


class _BrokenOff(Exception):
    pass


def _break_off(_done: int) -> None:
    raise _BrokenOff


def test_a_case_whose_key_is_of_another_master_key_fails_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    desk.host.push(notice(1), "msg-1")
    desk.store.close()
    desk.open(BOTH)
    desk.world.clock.advance(1)
    desk.host.push(notice(2), "msg-2")
    with pytest.raises(_BrokenOff):
        # The platform's own key comes first: every message needs it.
        rewrap(desk.store.writing, BOTH, desk.world.env().entropy, _break_off)
    desk.store.close()
    desk.open(TWO)  # its newest key opens
    first, second = (case.id for case in desk.host.cases())
    with pytest.raises(StoreDamaged, match="its part message does not open") as refused:
        case_file_of(desk.store.queries(PLATFORM), first, desk.store.now())
    assert refused.value.reference == f"case/{first}"
    assert desk.store.queries(PLATFORM).records(second).inbox[0].body


def test_without_the_key_of_the_objects_no_message_is_acknowledged(tmp_path: Path) -> None:
    """What its case is about could not be told: the sender comes again, and the feed stays where it is."""
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    assert desk.host.push(notice(1), "msg-1").status == 202
    desk.store.close()
    sql(desk.world.path, "UPDATE platform_keys SET key = x'026d31fefdfc'")
    desk.open(ONE)
    with pytest.raises(StoreDamaged) as refused:
        desk.host.push(notice(2), "msg-2")
    assert refused.value.code == "data_key"
    assert len(desk.host.cases()) == 1
    desk.store.close()


def _flipped(key: bytes, at: int) -> bytes:
    return key[:at] + bytes((key[at] ^ 1,)) + key[at + 1 :]


@dataclass(frozen=True)
class _Text:
    data: bytes


DAMAGE: dict[str, Callable[[bytes], object]] = {
    "noise": lambda _key: bytes(range(80)),
    "noise of its length": lambda key: bytes(len(key)),
    "the size of the id": lambda key: _flipped(key, 0),
    "the id": lambda key: _flipped(key, 1),
    "the nonce": lambda key: _flipped(key, 5),
    "the sealed key": lambda key: _flipped(key, -30),
    "its last byte": lambda key: _flipped(key, -1),
    "cut": lambda key: key[:-4],
    "under a master key that never was": lambda _key: b"\5other" + bytes(60),
    "a text": lambda _key: "\0" + "k" * 32,
    "a text that is none": _Text,
    "a number": lambda _key: 7,
}


@pytest.mark.parametrize("only", [True, False], ids=["the only case", "the newest case"])
@pytest.mark.parametrize(
    "form",
    variants(
        {form: form for form in DAMAGE},
        "noise",
        "the id",
        "the sealed key",
        "under a master key that never was",
        "a text",
        "a number",
    ),
)
def test_a_store_opens_although_the_key_of_a_case_is_damaged_and_the_case_is_named(
    form: str, only: bool, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    desk.host.push(notice(1), "msg-1")
    if not only:
        desk.later(1)
        desk.host.push(notice(2), "msg-2")
    desk.store.close()
    with closing(DRIVER.module.connect(desk.world.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        unguard(raw)
        (case_id,) = raw.execute("SELECT id FROM cases ORDER BY received_at DESC LIMIT 1").fetchone()
        newest = of(case_id)
        (key,) = raw.execute(f"SELECT wrapped FROM keys WHERE {newest}").fetchone()  # noqa: S608
        damaged = DAMAGE[form](bytes(key))
        if isinstance(damaged, _Text):
            raw.execute(f"UPDATE keys SET wrapped = CAST(? AS TEXT) WHERE {newest}", (damaged.data,))  # noqa: S608
        else:
            raw.execute(f"UPDATE keys SET wrapped = ? WHERE {newest}", (damaged,))  # noqa: S608
    desk.open(ONE)
    found = verify(desk.store.queries(PLATFORM), PLATFORM)
    # A text of the same bytes opens what they open.
    assert {fault.case_id for fault in found.faults} >= (set() if isinstance(damaged, _Text) else {case_id})
    desk.store.close()
    if not only:
        for wrong in (MasterKeys(), TWO, MasterKeys({"m1": b"x" * 32}, "m1")):
            with pytest.raises(StoreUnusable) as refused:
                desk.open(wrong)
            assert refused.value.code == "master_key"


def test_the_key_of_another_case_in_its_place_says_nothing_of_the_master_key(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    desk.host.push(notice(1), "msg-1")
    desk.later(1)
    desk.host.push(notice(2), "msg-2")
    desk.store.close()
    sql(
        desk.world.path,
        "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE class = 'erasable' ORDER BY stream LIMIT 1)",
    )
    desk.open(ONE)
    desk.store.close()
    with pytest.raises(StoreUnusable, match="'m1'"):
        desk.open(TWO)


def test_keys_that_were_emptied_or_laid_bare_do_not_hide_that_the_master_key_is_another(tmp_path: Path) -> None:
    for number, key in enumerate(("x''", f"x'{bytes(33).hex()}'")):
        desk = Desk(tmp_path / f"{number}.sqlite3", keys=ONE)
        desk.host.push(notice(1), "msg-1")
        desk.later(1)
        desk.host.push(notice(2), "msg-2")
        desk.store.close()
        sql(desk.world.path, f"UPDATE keys SET wrapped = {key} WHERE stream = (SELECT max(stream) FROM keys)")  # noqa: S608
        with pytest.raises(StoreUnusable, match="'m1'"):
            desk.open(TWO)
        desk.open(ONE)
        desk.store.close()


@pytest.mark.slow
def test_a_damaged_key_of_the_platform_keeps_nothing_from_opening(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3", keys=ONE)
    fill(desk)
    desk.store.close()
    for damage in ("x'026d31' || x'fefdfc'", "CAST(x'026d31' || randomblob(60) AS BLOB)"):
        sql(desk.world.path, f"UPDATE platform_keys SET key = {damage}")  # noqa: S608
        desk.open(ONE)
        assert verify(desk.store.queries(PLATFORM), PLATFORM).faults
        desk.store.close()
    with pytest.raises(StoreUnusable):
        desk.open(TWO)


def test_a_key_that_nothing_wraps_opens_nothing_where_there_is_a_master_key(tmp_path: Path) -> None:
    """Whoever writes to the database could put one there, and what it seals."""
    bare = b"\x00" + b"k" * 32
    assert MasterKeys().unwrap(PLATFORM, "a case", bare) == b"k" * 32, "the control: where there is none"
    with pytest.raises(StoreDamaged, match="it is not wrapped, and there is a master key"):
        ONE.unwrap(PLATFORM, "a case", bare)
