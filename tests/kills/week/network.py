"""The network between the two, in this process: it breaks as the mock says, and time passes on it.

The platform's own client stands on top of it, so that what it makes of a cut, a drip or a silence is its own doing. On
the other way lie the regulator's pushes: they are lost, or their answers are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx

from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.testing.mock_regulator import Answer, MockRegulator, Reply, Request, httpx_handler
from tests.conftest import FrozenClock

Receive = Callable[[str, str, list[tuple[str, str]], bytes], Response]


def to_regulator(regulator: MockRegulator, clock: FrozenClock) -> httpx.MockTransport:
    """Carries requests to the mock; waiting lets the clock go on. Each comes over a connection of its own."""

    def handle(request: Request) -> Reply:
        with regulator.locked():
            slow_ms = regulator.faults.of_connection()
        # A server that takes a connection up late finds the request there, though its sender may have given up.
        reply = regulator.handle(request)
        return replace(reply, delay_ms=reply.delay_ms + slow_ms)

    return httpx.MockTransport(httpx_handler(handle, sleep=clock.advance))


class ToPlatform:
    """Carries pushes to the desk's intake. `lost` counts what did not come through, by what was lost.

    `lossy` is how often something is: a push before it arrived, or the answer to one that did.
    """

    def __init__(self, chance: random.Random, lossy: float) -> None:
        self._chance, self._lossy = chance, lossy
        self.receive: Receive | None = None
        self.lost: Counter[str] = Counter()

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        assert self.receive is not None, "the desk is connected first"
        target = "/" + url.split("/", 3)[3]
        dice = self._chance.random()
        if dice < self._lossy / 2:
            self.lost["push"] += 1
            return Answer(None, error="ConnectError")
        response = self.receive("POST", target, [(name.lower(), value) for name, value in headers], body)
        if dice < self._lossy:
            self.lost["answer"] += 1
            return Answer(None, error="ReadError")
        return Answer(response.status, response.body)

    def close(self) -> None:
        """Nothing is open."""
