"""The test double for time and chance does what tests rely on."""

from __future__ import annotations

import uuid

import pytest

from kz_compliance_sdk.ports import Env
from tests.conftest import NOON, FrozenClock


def test_time_stands_still_until_somebody_sleeps_or_advances_it(env: Env, clock: FrozenClock) -> None:
    assert (env.clock(), env.monotonic()) == (NOON, float(NOON))
    env.sleep(0.25)
    assert (env.clock(), env.monotonic()) == (NOON, NOON + 0.25)
    clock.advance(3600)
    assert env.clock() == NOON + 3600


def test_ids_are_of_version_7_and_grow_while_time_stands_still(env: Env) -> None:
    ids = [env.ids() for _ in range(100)]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(each).version for each in ids} == {7}


def test_a_spawned_call_has_ended_when_spawn_returns_and_keeps_its_error(env: Env) -> None:
    assert env.spawn(lambda: 7).result(timeout=0) == 7
    with pytest.raises(ZeroDivisionError):
        env.spawn(lambda: 1 // 0).result(timeout=0)
