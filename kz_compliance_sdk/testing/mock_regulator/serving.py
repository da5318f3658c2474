"""The mock regulator as a process of its own: `serve` runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator, Platform
from kz_compliance_sdk.wire.signature import Key, Profile, SigningKey

__all__ = ["MockSettings", "serve"]


@dataclass(frozen=True, slots=True)
class MockSettings:
    """What one process needs. `port` 0 takes a free one; with a `seed` ids are the same in every run.

    `intake_url` is where messages are pushed to; `signing_key` is the regulator's, `platform_keys` are what verifies
    the platform's requests.
    """

    intake_url: str
    platform_id: str
    signing_key: SigningKey
    platform_keys: tuple[Key, ...]
    profile: Profile = "rfc9421"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int | None = None


def serve(settings: MockSettings, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called once with the address, when it can be used.

    Raises OSError if the address cannot be had, ConfigError for keys that prove nothing.
    """
    regulator = MockRegulator(
        [Platform(settings.platform_id, settings.intake_url, settings.platform_keys)],
        signing_key=settings.signing_key,
        profile=settings.profile,
        clock=lambda: int(time.time()),
        seed=settings.seed,
    )
    with contextlib.closing(regulator), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(regulator, settings, ready))


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
    try:
        if ready is not None:
            ready(url)
        await stopped.wait()
    finally:
        await server.stop()
