"""A power cut at any step of a day leaves a store that opens, is whole, and holds what anybody was told."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from tests.store.power_cuts.checking import LOST, faults, lay
from tests.store.power_cuts.rebuilding import SECTOR, Disk, State
from tests.store.power_cuts.recording import STRACE, Cut, Named, Synced, Wrote
from tests.store.power_cuts.run import Recording, opened, recorded
from tests.unguarded import unguard

needs_strace = pytest.mark.skipif(
    STRACE is None or not choose_driver().wal, reason="strace records what is written (apt install strace), to a log"
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recorded(tmp_path_factory.mktemp("recorded"), 1)


@pytest.mark.slow(takes_s=60)
@needs_strace
def test_whatever_a_cut_leaves_holds_what_anybody_was_told(recording: Recording) -> None:
    found = opened(recording, 300, seed=1)
    assert not found.faults
    assert (found.states, found.by_desk) == (300, 3)


@pytest.mark.slow(takes_s=60)
@needs_strace
@pytest.mark.parametrize("lying", ["-wal", ""], ids=["the log", "the database"])
def test_control_a_disk_that_does_not_sync_what_it_says_it_did_loses_some(lying: str, recording: Recording) -> None:
    found = opened(recording, 100, seed=1, lying=frozenset([lying]))
    assert found.lost or not lying
    assert len(found.faults) > found.lost


_SECOND_PAGE = 4096
"""Where SQLite's second page begins: the head of a table, of which no byte is free."""
ALTERED = {
    "a line that somebody knew of": ("DELETE FROM log WHERE n = (SELECT max(n) FROM log)", LOST),
    "another story": ("UPDATE log SET seq = seq + 1000 WHERE n = 1", "another story"),
    "an event": ("UPDATE events SET content = x'00' WHERE seq = 2", "events are others"),
    "a part": ("DELETE FROM parts WHERE seq = 1 AND stream = (SELECT max(stream) FROM parts)", "parts are others"),
    "a key": ("UPDATE keys SET wrapped = x'00'", "keys are others"),
}


@pytest.mark.slow(takes_s=60)
@needs_strace
@pytest.mark.parametrize("what", [*ALTERED, "a sector"])
def test_control_what_is_not_as_it_was_written_is_seen(what: str, recording: Recording, tmp_path: Path) -> None:
    whole = recording.whole
    written = whole.plan.store.read_bytes()
    lay(State({"": written}, (True, True, True)), store := tmp_path / whole.plan.store.name)
    assert not faults(whole, tmp_path, len(whole.log))
    if what == "a sector":
        store.write_bytes(written[:_SECOND_PAGE] + b"\xff" * SECTOR + written[_SECOND_PAGE + SECTOR :])
        assert faults(whole, tmp_path, len(whole.log))
        return
    statement, named = ALTERED[what]
    with closing(choose_driver().module.connect(store, isolation_level=None)) as raw:
        unguard(raw)
        assert raw.execute(statement).rowcount
    (fault,) = faults(whole, tmp_path, len(whole.log))
    assert named in fault


OLD, NEW = b"o" * 2 * SECTOR, b"n" * 2 * SECTOR


def left(*steps: Named | Wrote | Cut | Synced, lying: str = "-") -> set[tuple[tuple[str, bytes], ...]]:
    """What cuts behind these steps leave."""
    disk, chance = Disk(frozenset([lying])), random.Random(1)
    for place, step in enumerate(steps):
        disk.take(place, step)
    return {tuple(sorted(disk.cut(chance).files.items())) for _ in range(400)}


NAMED, WROTE = Named((("", 1),)), Wrote(1, 0, OLD)


def test_what_was_synced_is_left_and_of_what_was_written_since_any_sectors() -> None:
    found = left(NAMED, Synced(None, 1), WROTE, Synced(1, 3), Wrote(1, 0, NEW))
    halves = (OLD[:SECTOR], NEW[:SECTOR])
    assert found == {(("", one + other),) for one in halves for other in halves}


def test_what_was_not_synced_is_left_or_not() -> None:
    found = left(NAMED, WROTE)
    assert {(), (("", b""),), (("", OLD),), (("", OLD[:SECTOR]),)} <= found
    assert left(NAMED, Synced(None, 1), WROTE, Synced(1, 3), lying="") == left(NAMED, Synced(None, 1), WROTE)


def test_a_sync_reaches_what_was_written_before_it_began() -> None:
    found = left(NAMED, Synced(None, 1), WROTE, Cut(1, SECTOR), Synced(1, 3))
    assert found == {(("", OLD),), (("", OLD[:SECTOR]),)}


def test_a_rename_is_left_as_a_whole_or_not_at_all() -> None:
    made = (NAMED, Named(((".new", 2),)), Synced(None, 2), WROTE, Synced(1, 4), Wrote(2, 0, NEW), Synced(2, 6))
    before, after = (("", OLD), (".new", NEW)), (("", NEW),)
    renamed = Named(((".new", None), ("", 2)))
    assert left(*made, renamed) == {before, after}
    assert left(*made, renamed, Synced(None, 8)) == {after}
