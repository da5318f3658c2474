"""What was put there by direct SQL and fits nothing: rows of no case, which can hold a measure up or swell a figure,
figures that were changed, and values of another type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.view import CASE_TABLES
from kz_compliance_sdk.domain.proofs import Fault
from kz_compliance_sdk.evidence.verify_store import verify
from tests.figures.tallies import tallies_of
from tests.ledger.tampering.scenery import DRIVER, Scenery, build
from tests.scene import PLATFORM
from tests.unguarded import unguard
from tests.variants import variants

LOOSE = ("outbox", "leases", "attempts")
"""Tables in which something of no case may be; each row of these is held by itself."""
HELD = ("appeals", "preserved", "tallies", *(name for name, _ in CASE_TABLES if name not in LOOSE))


@pytest.fixture(scope="module")
def scenery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenery]:
    scenery = build(tmp_path_factory.mktemp("of_no_case"))
    yield scenery
    scenery.host.store.close()


def _after(scenery: Scenery, statement: str, undo: str) -> list[Fault]:
    with closing(DRIVER.module.connect(scenery.world.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        unguard(raw)
        kept = raw.execute("SELECT * FROM tallies").fetchall()
        assert raw.execute(statement).rowcount > 0
        faults = list(scenery.verify().faults)
        if undo:
            raw.execute(undo)
        else:
            raw.execute("DELETE FROM tallies")
            raw.executemany(f"INSERT INTO tallies VALUES ({', '.join('?' * len(kept[0]))})", kept)  # noqa: S608
    assert scenery.verify().intact
    return faults


@pytest.mark.parametrize("case_id", ["", pytest.param("gone", marks=pytest.mark.slow)])
@pytest.mark.parametrize("table", variants({name: name for name in HELD}, "appeals", "tallies"))
@pytest.mark.slow
def test_a_row_of_no_case_is_named(table: str, case_id: str, scenery: Scenery) -> None:
    with closing(DRIVER.module.connect(scenery.world.path)) as raw:
        names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})").fetchall()]
    given = {"platform_id": f"'{PLATFORM}'", "case_id": f"'{case_id}'", "stream": "999999"}
    values = ", ".join(given.get(name, "1") for name in names)
    put = f"INSERT INTO {table} VALUES ({values})"  # noqa: S608
    faults = _after(scenery, put, f"DELETE FROM {table} WHERE case_id = '{case_id}'")  # noqa: S608
    assert any(fault.case_id == case_id and f"in {table}" in fault.what for fault in faults), faults


@pytest.mark.slow
def test_an_attempt_that_no_message_of_no_case_made_is_named(scenery: Scenery) -> None:
    values = f"'{PLATFORM}', '', 'm-none', 1, 1, 1, 'retry', ''"
    columns = "platform_id, case_id, message_id, number, started_at, ended_at, result, detail"
    put = f"INSERT INTO attempts ({columns}) VALUES ({values})"  # noqa: S608
    faults = _after(scenery, put, "DELETE FROM attempts WHERE message_id = 'm-none'")
    said = [
        fault.case_id for fault in faults if "something was tried of a message m-none that is not there" in fault.what
    ]
    assert said == [""], faults


FIGURES = {
    "late": "UPDATE tallies SET due_at = due_at - 1 WHERE case_id = '{}'",
    "quick": "UPDATE tallies SET decided_at = coalesce(decided_at, received_at) + 1 WHERE case_id = '{}'",
    "another authority": "UPDATE tallies SET facts = replace(facts, 'sample-', 'simple-') WHERE case_id = '{}'",
    "of another year": "UPDATE tallies SET received_at = received_at - 31536000 WHERE case_id = '{}'",
    "gone": "DELETE FROM tallies WHERE case_id = '{}'",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_public_figure_that_was_changed_is_named(name: str, scenery: Scenery) -> None:
    queries = scenery.host.store.queries(PLATFORM)
    tallies = [row.case_id for row in tallies_of(queries)]
    assert len(tallies) >= 4
    for case_id in tallies:
        faults = _after(scenery, FIGURES[name].format(case_id), "")
        assert any(fault.case_id == case_id and "tallies" in fault.what for fault in faults), faults


@pytest.mark.slow
def test_a_store_put_back_to_the_last_checkpoint_is_not_called_fine(scenery: Scenery) -> None:
    """It is whole, and nothing in it can show what came later: the verdict says so."""
    verdict = scenery.verify()
    assert verdict.intact
    assert any("was taken away again" in what for what in verdict.not_provable)
    older = b"\n".join(scenery.outside.splitlines()[:-1])
    (said,) = (
        what
        for what in verify(scenery.host.store.queries(PLATFORM), PLATFORM, kept=older).not_provable
        if "held outside" in what and "could not be checked" not in what
    )
    assert "what came after the last checkpoint held outside" in said


OTHER_TYPES = {
    "when it was opened": (
        "UPDATE events SET at = '{}' WHERE seq = 1 AND stream = (SELECT n FROM streams WHERE name = 'case/{}')"
    ),
    "how often it was tried": "UPDATE attempts SET number = '{}' WHERE case_id = '{}'",
}


_LONGEST = "SELECT name FROM streams JOIN events ON stream = n WHERE name LIKE 'case/%' ORDER BY seq DESC LIMIT 1"


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_TYPES)
def test_a_value_of_another_type_is_a_fault_of_its_case_alone(name: str, tmp_path: Path) -> None:
    scenery = build(tmp_path)
    with closing(DRIVER.module.connect(scenery.world.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        unguard(raw)
        longest = raw.execute(_LONGEST).fetchone()[0].removeprefix("case/")
        assert raw.execute(OTHER_TYPES[name].format("x", longest)).rowcount > 0
    assert {fault.case_id for fault in scenery.verify().faults} == {longest}, "no other case is left out or blamed"
    scenery.host.store.close()


DOINGS = {
    "a trigger": "CREATE TRIGGER quiet AFTER INSERT ON cases BEGIN DELETE FROM cases WHERE id = NEW.id; END",
    "a guard that guards nothing": "CREATE TRIGGER inbox_never_changes BEFORE UPDATE ON inbox BEGIN SELECT 1; END",
    "a view": "CREATE VIEW quiet AS SELECT * FROM cases",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", variants(DOINGS, "a trigger"))
def test_what_the_database_would_do_by_itself_is_named(what: str, scenery: Scenery) -> None:
    """Such as a trigger that lets a notice vanish before any checkpoint sees it."""
    with closing(DRIVER.module.connect(scenery.world.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute(what)
        (fault,) = scenery.verify().faults
        _, kind, name, *_ = what.split()
        raw.execute(f"DROP {kind} {name}")
    assert f"a {kind.lower()} {name} that" in fault.what
    assert scenery.verify().intact
