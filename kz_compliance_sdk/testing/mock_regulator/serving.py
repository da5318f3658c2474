"""The mock regulator as a process of its own: `serve` runs it until it is told to stop, a `ControlClient` drives it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.testing.mock_regulator.agenda import PASSIVE, Conduct
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator, Platform
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey

TICK_S = 0.2
"""How often the agenda is looked at, in seconds."""
_PUSHES = 8
_CALL_S: Final = 20.0

_log = logging.getLogger("kz_compliance_sdk.testing.mock_regulator")


@dataclass(frozen=True, slots=True)
class MockSettings:
    """What one process needs. `port` 0 takes a free one; with a `seed` ids are the same in every run.

    `intake_url` is where messages are pushed to; `signing_key` is the regulator's, `spare_keys` are those that it may
    rotate to, `platform_keys` are what verifies the platform's requests. `scenario` is played from the start, with
    the seed, or with 1, and `pace` times as fast as it is written.
    """

    intake_url: str
    platform_id: str
    signing_key: SigningKey
    platform_keys: tuple[Key, ...]
    profile: Profile = "rfc9421"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int | None = None
    spare_keys: tuple[SigningKey, ...] = ()
    conduct: Conduct = PASSIVE
    scenario: str | None = None
    pace: int = 1


def serve(settings: MockSettings, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called once with the address, when it can be used.

    Raises OSError if the address cannot be had, ConfigError for keys that prove nothing, KeyError for a scenario
    unknown.
    """
    regulator = MockRegulator(
        [Platform(settings.platform_id, settings.intake_url, settings.platform_keys)],
        signing_key=settings.signing_key,
        profile=settings.profile,
        clock=lambda: int(time.time()),
        seed=settings.seed,
        spare_keys=settings.spare_keys,
        conduct=settings.conduct,
        spawn=_in_background(),
    )
    with contextlib.closing(regulator), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(regulator, settings, ready))


def _in_background() -> Callable[[Callable[[], object]], object]:
    """Starts calls in threads of its own: a platform that is silent must hold up neither the agenda nor the end of this
    process, as threads of a pool would."""
    calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            call = calls.get()
            try:
                call()
            except Exception:  # noqa: BLE001 - whatever it is, the next push goes out all the same
                _log.exception("a push failed otherwise than by the network")

    for number in range(_PUSHES):
        threading.Thread(target=work, name=f"mock-regulator-push-{number}", daemon=True).start()
    return calls.put


async def _serve(regulator: MockRegulator, settings: MockSettings, ready: Callable[[str], None] | None) -> None:
    stopped = asyncio.Event()
    # Elsewhere than in the main thread there are no signals to take.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = regulator.server()
    host, port = await server.start(settings.host, settings.port)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    regulator.reached_at(url)
    if settings.scenario is not None:
        regulator.play(settings.scenario, 1 if settings.seed is None else settings.seed, pace=settings.pace)
    living = asyncio.create_task(_live(regulator))
    try:
        if ready is not None:
            ready(url)
        await stopped.wait()
    finally:
        living.cancel()
        await server.stop()


async def _live(regulator: MockRegulator) -> None:
    """Take the steps whose time has come, in a thread: a push waits for the platform."""
    while True:
        due = regulator.next_at()
        if due is not None and due <= regulator.now():
            await asyncio.to_thread(regulator.tick)
        await asyncio.sleep(TICK_S)


class ControlClient:
    """Drives the mock regulator at `url` over its control interface. Raises RegulatorError for what it does not do."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_CALL_S, trust_env=False)

    def books(self, platform_id: str) -> dict[str, Any]:
        """The regulator's own books about a platform."""
        books: dict[str, Any] = self.get("books")["platforms"][platform_id]
        return books

    def get(self, name: str) -> dict[str, Any]:
        """What is told under this name, such as `requests`."""
        return self._call("GET", name)

    def do(self, name: str, **fields: Any) -> dict[str, Any]:
        """Give a command, such as `issue` or `faults`."""
        return self._call("POST", name, json=fields)

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, name: str, **sent: Any) -> dict[str, Any]:
        try:
            reply = self._client.request(method, f"/control/{name}", **sent)
            told = f"{reply.status_code} {reply.text[:500]}" if reply.status_code != 200 else ""
        except httpx.HTTPError as failed:
            told = str(failed) or type(failed).__name__
        if told:
            raise RegulatorError(f"the mock regulator does not {name}: {told}", maybe_sent=True, code="control")
        answer: dict[str, Any] = reply.json()
        return answer
