"""Packs of cases that went many ways: none is called false, and of none can `case.json` say anything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.events import KINDS, arrivals, office
from kz_compliance_sdk.domain.events.base import HouseEvent, ObjectEvent
from kz_compliance_sdk.domain.fold import Chain
from kz_compliance_sdk.evidence.verify_pack import read_key, verified
from kz_compliance_sdk.ports import Failed, InForce, Told
from tests.driver import DAY, HEAD, LEAD, M1, Driver
from tests.evidence.scene import FORMS, opened, public_text, signed_anew
from tests.evidence.test_forged_packs import changed, places
from tests.evidence.varied import left_behind, packs_of
from tests.model.play import play
from tests.walks.test_every_move import detours, walk

# What happens in streams that are not of a case.
ELSEWHERE = {
    *(arrivals.Sanctioned, arrivals.Lodged, arrivals.Joined, office.ClockSeen, office.LedgerKeyRetired),
    *(office.Published, office.LinesTaken, office.FiguresTaken, office.Alerted, office.Checkpointed, office.HandedOut),
}


def _rarely(folder: Path) -> None:
    """What neither a walk nor a model comes to in few steps."""
    desk = Driver(folder, name="rarely.sqlite3", preservation_s=DAY)
    busy, never = (lambda _notice: Failed("busy")), (lambda _notice: Failed("no such user", permanent=True))
    for told in (lambda _notice: Told(0), busy, never):
        case = desk.issue(len(desk.messenger.calls) + 1)
        desk.note(M1, case)
        desk.decide(case, "remove")
        desk.messenger.faults = [told]
        for _ in range(2):
            desk.desk.deliver()
        desk.cancel(desk.case(case)["notice_id"], "withdrawn")
        desk.wait(2 * DAY)
        desk.deliver()
        desk.record_copy_deleted(LEAD, case)
        desk.view(HEAD, case)
    case = desk.issue(8)
    desk.claim(M1, case)
    desk.assign(LEAD, case)
    desk.take_over(LEAD, case)
    case = desk.issue(9)
    desk.platform.faults = [lambda _effect: InForce(0)]
    desk.decide(case, "remove")
    desk.deliver()
    desk.stop()


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Chain]:
    folder = tmp_path_factory.mktemp("varied")
    with left_behind() as found:
        _rarely(folder)
        detours(folder)
        for seed in (100, 103):
            walk(folder, seed)
        for seed in range(1000, 1040):
            play(seed, 25)
    return found


@pytest.mark.slow(takes_s=120)
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("remembering")
def test_no_true_pack_is_called_false(chains: Sequence[Chain], independent: Any) -> None:
    """In no form, by neither; among the cases is every kind of event that a case can have."""
    kinds = {
        name for name, kind in KINDS.items() if not issubclass(kind, ObjectEvent | HouseEvent) and kind not in ELSEWHERE
    }
    assert kinds - {on.kind for chain in chains for on in chain.events} == set()
    assert len(chains) > 120
    public = read_key(public_text().encode())
    packs = [pack for chain in chains for pack in packs_of(chain)]
    found = zip(packs, independent(*packs), strict=True)
    false = [(said, verified(pack, public).problems) for pack, (code, said) in found if code]
    assert false == []
    assert [problems for pack in packs[::10] if (problems := verified(pack, public).problems)] == []


@pytest.mark.slow(takes_s=180)
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("remembering")
def test_each_value_of_the_case_is_held_whatever_happened_in_it(chains: Sequence[Chain], independent: Any) -> None:
    """As in `test_forged_packs`: each kind of value of each kind of event, twice in each form."""
    passed, tried = [], Counter[tuple[str, ...]]()
    for n, chain in enumerate(sorted(chains, key=lambda chain: len(chain.events))):
        files = opened(packs_of(chain)[n % 2])
        events = json.loads(files["case.json"])["events"]
        where = []
        for path in places(files):
            of = events[path[1]]["kind"] if path[0] == "events" else ""
            what = (FORMS[n % 2], of, *(str(step) for step in path if isinstance(step, str)))
            tried[what] += 1
            where += [path] * (tried[what] <= 2)
        if where:
            found = independent(*(signed_anew(changed(files, path)) for path in where))
            passed += [(path, said) for path, (code, said) in zip(where, found, strict=True) if code == 0]
    assert passed == []
    assert len(tried) > 700
