"""The network between the two, in this process: it breaks as the mock says, and time passes on it.

The platform's own client stands on top of it, so that what it makes of a cut, a drip or a silence is its own doing. On
the other way lie the regulator's pushes: they are lost, or their answers are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import httpx

from kz_compliance_sdk.services.response import Response
from kz_compliance_sdk.testing.mock_regulator import Answer, MockRegulator, Reply, Request
from tests.conftest import FrozenClock

Receive = Callable[[str, str, list[tuple[str, str]], bytes], Response]


class ToRegulator(httpx.BaseTransport):
    """Carries requests to the mock. Each comes over a connection of its own."""

    def __init__(self, regulator: MockRegulator, clock: FrozenClock) -> None:
        self._regulator, self._clock = regulator, clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeout: dict[str, float] = request.extensions["timeout"]
        asked = Request(
            request.method,
            request.url.raw_path.decode("ascii"),
            [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw],
            request.read(),
        )
        with self._regulator.locked():
            slow_s = self._regulator.faults.of_connection() / 1000
        # A server that takes a connection up late finds the request there, though its sender has given up.
        reply = self._regulator.handle(asked)
        self._wait(slow_s + reply.delay_ms / 1000, timeout["read"], request)
        if reply.ending == "hang":
            self._wait(float("inf"), timeout["read"], request)
        if reply.ending == "reset":
            raise httpx.ReadError("connection reset by peer", request=request)
        if reply.ending == "garbage":
            raise httpx.RemoteProtocolError("illegal status line", request=request)
        length = ("content-length", str(len(reply.body)))
        return httpx.Response(
            reply.status, headers=[*reply.headers, length], stream=_Body(reply, self._wait, timeout["read"], request)
        )

    def _wait(self, seconds: float, read_timeout: float, request: httpx.Request) -> None:
        if seconds > read_timeout:
            self._clock.advance(read_timeout)
            raise httpx.ReadTimeout("the server says nothing", request=request)
        self._clock.advance(seconds)


class _Body(httpx.SyncByteStream):
    def __init__(
        self,
        reply: Reply,
        wait: Callable[[float, float, httpx.Request], None],
        read_timeout: float,
        request: httpx.Request,
    ) -> None:
        self._reply, self._wait, self._read_timeout, self._request = reply, wait, read_timeout, request

    def __iter__(self) -> Iterator[bytes]:
        for wait_s, piece in self._reply.drops():
            self._wait(wait_s, self._read_timeout, self._request)
            yield piece
        if self._reply.ending == "truncated":
            raise httpx.RemoteProtocolError("the body ends before its length", request=self._request)


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
