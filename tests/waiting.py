"""What keeps a test apart from the machine and the shell that it runs on: patience, ports, and signals."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 120.0
"""What comes at once on an idle machine comes within this on one that is far too busy."""

# Below what a kernel gives out by itself (Linux from 32768, BSD and macOS from 49152).
_PORTS: Final = range(20_000, 32_000)
_chance = random.Random(os.urandom(16))
_held: list[socket.socket] = []


def comes(what: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    """Ask until the answer is true, and return it. Raises AssertionError once the time is up."""
    until = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < until, f"it did not come within {within_s:g} s"
        time.sleep(0.01)
    return found


def heed_interrupts() -> None:
    """Let SIGINT end the process that is started with this as its `preexec_fn`.

    A shell without job control lets its background jobs ignore SIGINT, whoever they start inherits that, and Python
    then makes no KeyboardInterrupt of it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port() -> int:
    """A TCP port of the loopback for a process that this test starts.

    Between choosing it and its use nobody else can be given it: no kernel gives it out, and other runs of these tests
    see that its UDP twin is bound, for as long as this process lives.
    """
    for port in _chance.sample(_PORTS, len(_PORTS)):
        twin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            twin.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            twin.close()
            continue
        _held.append(twin)
        return port
    raise AssertionError("no port is free")
