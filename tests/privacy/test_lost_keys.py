"""A data key that is gone or another, and no erasure says so: the audit names its row, whatever the key still opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.rewrapping import rewrap
from kz_compliance_sdk.domain.proofs import Fault
from kz_compliance_sdk.evidence.verify_store import verify
from tests.case_makers import proposal, refusal
from tests.ledger.tampering.scenery import DRIVER, Scenery, build
from tests.privacy.test_retention import Desk, fill, notice, sql
from tests.scene import PLATFORM
from tests.unguarded import unguard

FORMS = {
    "emptied": b"",
    "another": b"\0" + bytes(range(32)),
    "cut": b"\0\1",
    "under a master key that never was": b"\5other" + bytes(60),
    "a text": "\0" + "k" * 32,
    "an empty text": "",
    "a number": 0,
}


@pytest.fixture(scope="module")
def scenery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenery]:
    scenery = build(tmp_path_factory.mktemp("lost_keys"))
    yield scenery
    scenery.host.store.close()


def of(case_id: str) -> str:
    """Where the key of a case lies."""
    return f"class = 'erasable' AND stream = (SELECT n FROM streams WHERE name = 'case/{case_id}')"  # noqa: S608


def _with(scenery: Scenery, case_id: str, *keys: object) -> list[list[Fault]]:
    """What is found where each of these stands as the data key of a case."""
    path, found, where = scenery.world.path, list[list[Fault]](), of(case_id)
    with closing(DRIVER.module.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        unguard(raw)
        (was,) = raw.execute(f"SELECT wrapped FROM keys WHERE {where}").fetchone()  # noqa: S608
        for key in keys:
            assert raw.execute(f"UPDATE keys SET wrapped = ? WHERE {where}", (key,)).rowcount == 1  # noqa: S608
            found.append(list(scenery.verify().faults))
        raw.execute(f"UPDATE keys SET wrapped = ? WHERE {where}", (was,))  # noqa: S608
    assert scenery.verify().intact
    return found


def _keys(scenery: Scenery) -> dict[str, bytes]:
    """The data key of each case that has one."""
    with closing(DRIVER.module.connect(scenery.world.path)) as raw:
        of_cases = "SELECT substr(name, 6), wrapped FROM keys JOIN streams ON n = stream WHERE name LIKE 'case/%'"
        return dict(raw.execute(f"{of_cases} AND class = 'erasable'").fetchall())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_key_of_a_case_is_missed_in_every_state(form: str, scenery: Scenery) -> None:
    keys = _keys(scenery)
    assert len(keys) > 12
    for case_id in keys:
        (faults,) = _with(scenery, case_id, FORMS[form])
        assert case_id in {fault.case_id for fault in faults}, f"{form}: {faults}"


@pytest.mark.slow
def test_the_keys_of_two_cases_are_missed_in_each_others_place(scenery: Scenery) -> None:
    keys = _keys(scenery)
    for case_id, key in keys.items():
        other = next(one for one in keys.values() if one != key)
        (faults,) = _with(scenery, case_id, other)
        assert case_id in {fault.case_id for fault in faults}


@pytest.mark.slow
def test_a_row_that_is_gone_with_its_key_is_missed(scenery: Scenery) -> None:
    with closing(DRIVER.module.connect(scenery.world.path, isolation_level=None)) as raw:
        unguard(raw)
        for case_id in _keys(scenery):
            raw.execute("BEGIN")
            raw.execute("CREATE TEMP TABLE kept AS SELECT * FROM cases WHERE id = ?", (case_id,))
            raw.execute("DELETE FROM cases WHERE id = ?", (case_id,))
            raw.execute("COMMIT")
            assert case_id in {fault.case_id for fault in scenery.verify().faults}
            raw.execute("INSERT INTO cases SELECT * FROM temp.kept")
            raw.execute("DROP TABLE temp.kept")
    assert scenery.verify().intact


def _erased(desk: Desk) -> tuple[str, str]:
    """A case that was erased, and the key that it had, as hex."""
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    (case,) = desk.host.cases()
    desk.host.proof.checkpoint()
    with closing(DRIVER.module.connect(desk.world.path)) as raw:
        (key,) = raw.execute(f"SELECT wrapped FROM keys WHERE {of(case.id)}").fetchone()  # noqa: S608
    desk.later(400)
    assert desk.privacy.retention().cases == (case.id,)
    return case.id, key.hex()


def _told(desk: Desk) -> str:
    kept = b"\n".join(desk.world.witness.lines)
    return "; ".join(one.what for one in verify(desk.store.queries(PLATFORM), PLATFORM, kept=kept).faults)


@pytest.mark.parametrize("seen", [False, True], ids=["before the next checkpoint", "after it"])
def test_a_key_that_an_old_backup_brings_back_is_named(seen: bool, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.sqlite3")
    case, key = _erased(desk)
    if seen:
        desk.later(1)
        desk.host.proof.checkpoint()
    assert _told(desk) == ""
    of_case = f"SELECT n, 'erasable', x'{key}', '' FROM streams WHERE name = 'case/{case}'"  # noqa: S608
    sql(desk.world.path, f"INSERT INTO keys {of_case}")
    assert "the key of what it erased is there" in _told(desk)
    desk.store.close()


@pytest.mark.slow
def test_a_wrap_of_an_old_backup_is_named_once_its_master_key_is_gone(tmp_path: Path) -> None:
    """While that is still among the settings the same key lies in it, and nothing is lost."""
    one, both, new = {"a": b"a" * 32}, {"a": b"a" * 32, "b": b"b" * 32}, {"b": b"b" * 32}
    desk = Desk(tmp_path / "desk.sqlite3", keys=MasterKeys(one, "a"))
    case_id = min(fill(desk), key=lambda case: (case.received_at, case.id)).id
    desk.host.proof.checkpoint()
    with closing(DRIVER.module.connect(desk.world.path)) as raw:
        (old,) = raw.execute(f"SELECT wrapped FROM keys WHERE {of(case_id)}").fetchone()  # noqa: S608
    rewrap(desk.store.writing, MasterKeys(both, "b"), desk.world.env().entropy)
    sql(desk.world.path, f"UPDATE keys SET wrapped = x'{old.hex()}' WHERE {of(case_id)}")  # noqa: S608
    desk.store.close()
    desk.open(MasterKeys(both, "b"))
    assert _told(desk) == ""
    desk.store.close()
    desk.open(MasterKeys(new, "b"))
    assert "does not open" in _told(desk)
    desk.store.close()
