"""Two orders about one object, decided on two hosts over one file: whatever the interleaving, the measure stays exactly
as long as an order holds it.

A step that reads and writes in one transaction cannot be overtaken. Here each is taken apart, as on a database that
lets several write: it reads and decides, the other host goes on, then it writes what it has decided. Where the object
went on meanwhile, nothing is written and the step is decided anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.change import Change, happenings
from kz_compliance_sdk.domain.events.base import AS_READ, Happened, ObjectEvent
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.errors import Conflict
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Work
from kz_compliance_sdk.services.intake import Pending
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.objects import object_of
from tests.remedies.test_appeals import SATIRE, appealed
from tests.scene import LEGAL, M1, PLATFORM, Host, World, signed

ITEMS = (Item(item_id="1", object_id="post:1"),)
FIRST, SECOND, THIRD = 1, 2, 3
GAPS = 3


class _Taken(BaseException):
    """Instead of being run, a step is handed over."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work


class _Taking:
    """A store that hands over the next work that is submitted to it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.takes = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def submit(self, platform_id: str, work: Work[Any], asks: Asks = ASKS_NOTHING) -> Any:
        if self.takes:
            raise _Taken(work)
        return self._store.submit(platform_id, work, asks)


@dataclass
class Office:
    """One of the hosts, and how it takes a step apart. With `heedless` it does not look how far an object had been read
    when it decided."""

    host: Host
    taking: _Taking
    heedless: bool

    @classmethod
    def on(cls, world: World, *, heedless: bool) -> Office:
        taking = _Taking(world.open_store())
        return cls(Host(world, taking), taking, heedless)

    def step(self, call: Callable[[Host], Any]) -> Iterator[None]:
        """Read and decide; then, when it is asked again, write. Where it was overtaken it is decided anew at once."""
        work = self._work_of(call)
        change = self._decided(work)
        yield
        while True:
            try:
                self.taking.save(PLATFORM, change).result()
            except Conflict:
                change = self._decided(work)
                continue
            return

    def _work_of(self, call: Callable[[Host], Any]) -> Work[Any]:
        self.taking.takes = True
        try:
            given = call(self.host)
        except _Taken as taken:
            return taken.work
        finally:
            self.taking.takes = False
        assert isinstance(given, Pending)
        return given.work

    def _decided(self, work: Work[Any]) -> Change:
        change: Change = self.taking.submit(PLATFORM, lambda tx: ((), work(tx)[0])).result()
        return tuple(map(_not_looking, change)) if self.heedless else change


def _not_looking(write: Any) -> Any:
    return (
        structs.replace(write, read=AS_READ)
        if type(write) is Happened and isinstance(write.event, ObjectEvent)
        else write
    )


def annul(seed: int) -> Callable[[Host], Any]:
    def call(host: Host) -> Any:
        told = builders.cancellation(a_notice(seed=seed), "annulled")
        return host.intake.receive("POST", "/notices", *signed(host.world, told, f"annulled-{seed}"))

    return call


def reverse(host: Host) -> Any:
    (appeal,) = host.appeals.list().appeals
    return host.take(
        LEGAL,
        host.appeals.case_of(appeal.appeal_id),
        commands.DecideAppeal(appeal.appeal_id, "reverse", "it is satire", SATIRE),
    )


def remove(host: Host) -> Any:
    case = host.case(a_notice(seed=THIRD).notice_id)
    return host.taking.take(M1, case.id, commands.Propose(case.lease_token, proposal(measure("1"))))


STEPS = {
    "annulled": annul(FIRST),
    "also annulled": annul(SECOND),
    "reversed": reverse,
    "removed again": remove,
}
"""What ends the first order, the second order and the first again, and what a third order begins."""
PAIRS = [("annulled", "also annulled"), ("reversed", "also annulled"), ("annulled", "removed again")]
LEFT = {
    ("annulled", "also annulled"): (),
    ("reversed", "also annulled"): (),
    ("annulled", "removed again"): (SECOND, THIRD),
}
"""Whose order holds the object in the end."""


def scene(path: Path, *, heedless: bool) -> tuple[Office, Office]:
    """Two orders hold the object, its user has appealed against the first, and somebody has a third in hand."""
    world = World(path)
    offices = Office.on(world, heedless=heedless), Office.on(world, heedless=heedless)
    host = offices[0].host
    for seed in (FIRST, SECOND):
        host.push(a_notice(seed=seed).model_copy(update={"items": ITEMS}), f"m-{seed}")
        host.decide(proposal(measure("1")))
        host.drain()
    appealed(host, host.case(a_notice(seed=FIRST).notice_id).id)
    host.push(a_notice(seed=THIRD).model_copy(update={"items": ITEMS}), f"m-{THIRD}")
    assert host.taking.claim(M1).result() is not None
    host.drain()
    return offices


def orders() -> list[tuple[int, ...]]:
    """In which order two steps read and write: the number of each stands twice, at its reading and at its writing."""
    return sorted(set(permutations((0, 0, 1, 1))))


def walked(
    path: Path, pair: tuple[str, str], order: tuple[int, ...], delivers: tuple[bool, ...], heedless: bool
) -> str:
    """What is wrong after this interleaving, empty if nothing is. In the gaps that are named the other host delivers
    what is due."""
    offices = scene(path, heedless=heedless)
    steps = [office.step(STEPS[name]) for office, name in zip(offices, pair, strict=True)]
    for n, which in enumerate(order):
        next(steps[which], None)
        if n < GAPS and delivers[n]:
            offices[1 - which].host.drain()
    for office in offices:
        office.host.drain()
    try:
        return wrong(offices[0].host, LEFT[pair])
    finally:
        for office in offices:
            office.host.store.close()


def wrong(host: Host, left: tuple[int, ...]) -> str:
    key = "object:post:1"
    held = object_of(host.store, key)
    cases = {seed: host.case(a_notice(seed=seed).notice_id) for seed in (FIRST, SECOND, THIRD)}
    stands = host.world.platform.effects[key] != "restore"
    by = sorted(seed for seed, case in cases.items() if (case.id, 1) in held.holds)
    measured = sorted(seed for seed, case in cases.items() if case.items[0].measure)
    if stands != bool(left):
        return f"the measure {'stays' if stands else 'is lifted'}, and it is held by {left or 'no order'}"
    if not by == measured == [*left]:
        return f"held by {by}, in force for {measured}, and it should be {left}"
    versions = [version for version, *_ in sorted(held.handed_out)]
    if len(set(versions)) != len(versions) or host.world.platform.refused_versions:
        return f"versions: {versions}, refused: {host.world.platform.refused_versions}"
    host.check_chains()
    return ""


def every_interleaving() -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    return product(orders(), product((False, True), repeat=GAPS))


@pytest.mark.slow
@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_a_measure_stays_exactly_as_long_as_an_order_holds_it(pair: tuple[str, str], tmp_path: Path) -> None:
    for n, (order, delivers) in enumerate(every_interleaving()):
        found = walked(tmp_path / f"{n}.sqlite3", pair, order, delivers, heedless=False)
        assert found == "", (order, delivers)


def test_both_read_before_either_writes(tmp_path: Path) -> None:
    assert walked(tmp_path / "desk.sqlite3", PAIRS[0], (0, 1, 0, 1), (False,) * GAPS, heedless=False) == ""


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS[:2], ids=" and ".join)
def test_the_control_hosts_that_do_not_heed_how_far_they_read_leave_it_to_each_other(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    found = walked(tmp_path / "desk.sqlite3", pair, (0, 1, 0, 1), (False,) * GAPS, heedless=True)
    assert found == "the measure stays, and it is held by no order"


def test_what_a_step_says_of_an_object_follows_what_it_read(tmp_path: Path) -> None:
    office, other = scene(tmp_path / "desk.sqlite3", heedless=False)
    change = office._decided(office._work_of(STEPS["annulled"]))
    seen = object_of(office.host.store, "object:post:1").seq
    said = [one.read for one in happenings(change) if isinstance(one.event, ObjectEvent)]
    assert said == [seen]
    for one in (office, other):
        one.host.store.close()
