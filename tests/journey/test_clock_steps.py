"""A clock that is set while cases run: every step of the ladder comes at its true time, and people are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.services import clock_steps
from tests.journey.stepped import H, Act, acts_of, faults, run


@pytest.mark.parametrize("seed", range(10))
def test_every_step_comes_at_its_true_time(tmp_path: Path, seed: int) -> None:
    assert list(faults(run(tmp_path, acts_of(seed)))) == []
