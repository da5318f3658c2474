"""What goes wrong in the platform's own service: it is down, slow, or has no such object for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kz_compliance_sdk.ports import Effect, EffectResult, Failed, Pending
from tests.conftest import FrozenClock

Fault = Callable[[Effect], EffectResult | None]


def _is_down(_clock: FrozenClock) -> Fault:
    def fault(_effect: Effect) -> EffectResult | None:
        raise ConnectionError("the platform's own service is down")

    return fault


def _is_slow(clock: FrozenClock) -> Fault:
    return lambda _effect: Pending(clock() + 900)


def _fails(_clock: FrozenClock) -> Fault:
    return lambda _effect: Failed("no such object")


FAULTS: Final = (_is_down, _is_slow, _fails)
