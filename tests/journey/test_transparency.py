"""The public figures of a random office are what its stored bytes say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.transparency import Period
from kz_compliance_sdk.services.transparency import Transparency, TransparencyPolicy
from tests.journey.scene import PLATFORM
from tests.journey.transparency_office import Figures, RandomOffice, recounted

CATEGORIES = frozenset(kz_policy().categories)
POLICY = TransparencyPolicy(threshold=3, embargo_days=0)


def counted(office: RandomOffice) -> tuple[Figures, int]:
    now = office.world.clock()
    figures = Transparency(office.store, PLATFORM, POLICY, CATEGORIES)
    counting, unrecorded = figures._counted(Period(office.start - 3600, now + 1), now)
    assert unrecorded == ["appeals", "user_notices"]
    found: Figures = {name: +values for name, values in counting.counts.items() if +values}
    for name, place in (("~decision", 0), ("~receipt", 1)):
        found[name] = Counter(str(seconds) for times in counting.times.values() for seconds in times[place])
    return found, now


@pytest.mark.parametrize(
    ("seed", "demands"),
    [(1, 12), pytest.param(2, 150, marks=pytest.mark.slow), pytest.param(3, 150, marks=pytest.mark.slow)],
)
def test_every_figure_is_what_the_stored_bytes_say(tmp_path: Path, seed: int, demands: int) -> None:
    office = RandomOffice(tmp_path, seed)
    office.live(demands)

    found, now = counted(office)
    wanted = recounted(office.world.path, now, CATEGORIES)

    assert {name: dict(found.get(name, {})) for name in wanted} == {
        name: dict(values) for name, values in wanted.items()
    }
    assert found.keys() == wanted.keys()
