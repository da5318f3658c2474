"""What a newer release wrote, on a host that has not got it yet: its streams are left alone, and hold up no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql import ledger
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.events import KINDS, READERS
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.services.sweep import Sweep
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.scene import PLATFORM, Host, World

pytestmark = pytest.mark.writes_by_itself


@contextmanager
def host_of(path: Path, newer: str = "") -> Iterator[Host]:
    """A host; of a release that has a second version of the `newer` kind of event, if one is named."""
    with pytest.MonkeyPatch.context() as patch:
        if newer:
            patch.setattr(KINDS[newer], "v", 2)
            patch.setattr(ledger, "READERS", {**READERS, (newer, 2): READERS[newer, 1]})
        host = Host(World(path))
        yield host
        host.store.close()


def written(path: Path) -> list[tuple[object, ...]]:
    """What the streams hold but for alerts, and the rows of the cases."""
    with closing(choose_driver().module.connect(path)) as raw:
        events = raw.execute("SELECT stream, hash FROM events WHERE kind NOT IN ('alerted') ORDER BY stream, seq")
        return [*events.fetchall(), *raw.execute("SELECT * FROM cases ORDER BY id").fetchall()]


@pytest.mark.parametrize("kind", ["decided", "versioned"])
def test_a_stream_of_a_newer_release_is_left_alone_and_holds_up_no_other(tmp_path: Path, kind: str) -> None:
    path, first, second = tmp_path / "desk.sqlite3", a_notice(seed=1), a_notice(seed=2)
    with host_of(path, kind) as host:
        host.push(first, "m-1")
        host.decide(proposal(measure("1")))
        case_id = host.case(first.notice_id).id
        was = written(path)
    with host_of(path) as host:
        swept = Sweep(host.store, PLATFORM, host.policy, host.respondent, host.world.clock).all()
        assert (swept.cases, swept.lies) == (1, ())
        assert case_id in swept.broken
        said = {fault.what for fault in verify(host.store.queries(PLATFORM), PLATFORM).faults}
        assert all("was written by a newer release" in what for what in said), said
        with pytest.raises(StoreDamaged, match="newer release") as refused:
            host.push(builders.cancellation(first, "annulled"), "m-2")
        assert refused.value.code == "newer_release"
        assert written(path) == was, "nothing of it was touched"
        host.push(second, "m-3")
        host.decide(proposal(measure("1")))
        host.drain()
        assert host.case(second.notice_id).state is CaseState.CLOSED, "another case goes on"
        assert ("case_unreadable", case_id) in {(one.reason, one.case_reference) for one in host.world.pager.alerts}
    with host_of(path, kind) as host:
        host.world.clock.advance(3_600)
        host.drain()
        assert host.case(first.notice_id).state is CaseState.CLOSED, "and so does this one, once it is installed"
