"""A store that was restored from an older copy answers nothing a second time.

It reads the feed again, so it takes in anew what came after the copy, and decides it anew. Each id follows content:
what leaves has the key under which the regulator holds what left before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from kz_compliance_sdk.adapters.sql import copies
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.assembly import master_keys
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import values
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.ports import Alert
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.mock_regulator import InProcessSender, MockRegulator
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.signed import NoticeFactory
from kz_compliance_sdk.testing.wiring import http_client, http_regulator

pytestmark = pytest.mark.slow


class Scene:
    """One store that is copied, goes on, and is restored."""

    def __init__(
        self, settings: Settings, regulator: MockRegulator, pushes: InProcessSender, clock: FrozenClock
    ) -> None:
        self.settings, self.regulator, self.clock, self._pushes = settings, regulator, clock, pushes
        self.notices: list[str] = []
        self.told: list[Alert] = []
        self.desk: ComplianceDesk

    @contextmanager
    def running(self, seed: int) -> Iterator[CapturedOutbox]:
        """A process on the store, with chance of its own."""
        env = frozen_env(self.clock, seed)
        with (
            http_client(self.regulator, self.clock) as client,
            ComplianceDesk(
                self.settings,
                enforcer=RecordingEnforcer(self.clock),
                regulator=http_regulator(self.settings, env, client),
                env=env,
            ) as self.desk,
        ):
            self._pushes.to(self.desk.receive)
            self.desk.on_alert(self.told.append)
            yield CapturedOutbox(self.desk, self.clock)

    def push(self) -> str:
        """A new notice comes; the reference of its case."""
        order = NoticeFactory(self.regulator, self._pushes, len(self.notices) + 1)(items=2)
        assert order.send().status == 202
        self.notices.append(order.notice.notice_id)
        self.clock.advance(60)
        return self.of(order.notice.notice_id)

    def of(self, notice_id: str) -> str:
        (case,) = self.desk.cases(notice_id=notice_id).cases
        return case.id

    def states(self) -> set[CaseState]:
        queries = self.desk.store.queries(self.desk.platform_id)
        return {queries.case(case_id).state for case_id in queries.case_ids()}

    def books(self) -> dict[str, tuple[int, int]]:
        """How many acknowledgements and final reports the regulator holds of each notice."""
        found = {}
        for notice_id in self.notices:
            held = self.regulator.books.notices[notice_id]
            final = sum(report.final for report in held.reports())
            found[notice_id] = len(held.of_kind("acknowledgement")), final
        return found


@pytest.fixture
def scene(
    kz_settings: Settings, kz_regulator: MockRegulator, kz_pushes: InProcessSender, kz_clock: FrozenClock
) -> Scene:
    return Scene(kz_settings, kz_regulator, kz_pushes, kz_clock)


def _restored(scene: Scene, tmp_path: Path) -> tuple[list[str], list[str]]:
    """Copy the store, go on, restore the copy, read the feed again, decide whatever is open then. The references of the
    cases before it was restored and after."""
    path, copy = Path(scene.settings.store.path), tmp_path / "copy.sqlite3"
    with scene.running(seed=1) as outbox:
        reported, acknowledged = scene.push(), scene.push()
        Office(scene.desk).decide(case_id=reported)
        outbox.settle()
        copies.back_up(choose_driver(), str(path), str(copy), lambda _done, _of: None)
        for case_id in (acknowledged, scene.push(), scene.push()):
            Office(scene.desk).decide(case_id=case_id)
        scene.push()  # acknowledged alone
        outbox.settle()
        scene.push()  # nothing was told of this one
        before = [scene.of(one) for one in scene.notices]
    keys = master_keys(scene.settings), scene.settings.privacy.ledger_keys()
    copies.restore(choose_driver(), str(copy), str(path), f"{path}.mark", *keys, lambda _done, _of: None)
    scene.clock.advance(3_600)
    with scene.running(seed=2) as outbox:
        scene.desk.poll()
        outbox.settle()
        for case in scene.desk.cases(state="queued").cases:
            Office(scene.desk).decide(case_id=case.id)
        outbox.settle()
        assert scene.states() == {CaseState.CLOSED}
        return before, [scene.of(one) for one in scene.notices]


def test_a_restored_store_tells_the_regulator_nothing_twice(scene: Scene, tmp_path: Path) -> None:
    before, after = _restored(scene, tmp_path)
    assert after == before
    assert scene.books() == dict.fromkeys(scene.notices, (1, 1))
    # Of these the regulator held what the copy did not know: a person compares.
    _, *told_in_between, _ = before
    assert {line.case_reference for alert in scene.told for line in alert.lines if "recorded" in line.reason} == set(
        told_in_between
    )


def test_by_ids_of_chance_it_tells_them_again(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    monkeypatch.setattr(values, "reference_of", lambda *_: str(UUID(int=chance.getrandbits(128), version=4)))
    before, after = _restored(scene, tmp_path)
    assert after != before
    held = list(scene.books().values())
    assert held[:2] == [(1, 1), (1, 1)], "what the copy held keeps its reference"
    assert held[2:] == [(2, 2), (2, 2), (2, 1), (1, 1)]
