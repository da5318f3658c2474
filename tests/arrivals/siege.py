"""An honest sender beside attackers, before a real `serve` with few descriptors: `python -m tests.arrivals.siege`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.testing import builders, keys
from tests.benchmarks import samples
from tests.waiting import PATIENCE_S, comes, free_port

DESCRIPTORS: Final = 256
PROFILE: Final = "standard-webhooks"


@dataclass
class Seen:
    """What became of the notices of the honest sender."""

    took_ms: list[float] = field(default_factory=list)
    """Until the 202, tries included."""
    tries: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    said: str = ""

    def within_ms(self, of: float) -> float:
        """How long the quickest part `of` took at most."""
        return sorted(self.took_ms)[int((len(self.took_ms) - 1) * of)]

    def told(self) -> str:
        tries = ", ".join(f"{name} {count}" for name, count in sorted(self.tries.items()))
        return (
            f"{len(self.took_ms)} sent, {self.stored} stored, p50 {self.within_ms(0.5):.0f} ms, "
            f"p99 {self.within_ms(0.99):.0f} ms, at most {self.within_ms(1):.0f} ms; {tries}"
        )


@contextlib.contextmanager
def served(folder: Path, descriptors: int, *options: str) -> Iterator[tuple[int, Seen]]:
    """`kz-compliance serve` as a process that may open so many files; its port, and what is found out when it ends."""
    port, seen = free_port(), Seen()
    key = keys.regulator_key(PROFILE)
    config = folder / "settings.toml"
    config.write_text(
        f"""\
platform_id = "{samples.PLATFORM}"
public_url = "http://127.0.0.1:{port}"
hosts = ["{builders.HOST.removeprefix("https://")}"]
allow_test_keys = true

[store]
path = "{folder / "cases.sqlite3"}"

[[keys]]
key_id = "{key.key_id}"
algorithm = "hmac-sha256"
secret = "{base64.b64encode(key.material).decode()}"
sender = "{key.sender}"
authorities = {json.dumps(sorted(key.authorities))}
not_before = 2020-01-01T00:00:00Z
not_after = 2099-01-01T00:00:00Z
""",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "kz_compliance_sdk",
        "--config",
        str(config),
        "serve",
        "--create",
        "--port",
        str(port),
        *options,
    ]

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    log = folder / "log"
    with log.open("w") as out, subprocess.Popen(command, stderr=out, preexec_fn=few) as process:
        try:
            comes(lambda: "Receiving at" in log.read_text() or process.poll() is not None)
            yield port, seen
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    seen.said = log.read_text()
    with contextlib.closing(sqlite3.connect(folder / "cases.sqlite3")) as store:
        (seen.stored,) = store.execute("SELECT count(*) FROM cases").fetchone()


# ------------------------------------------------------------------------------------------------------- attackers
# Each holds one socket, and takes another as soon as it is hung up on.


async def half_open(port: int) -> None:
    """Send half a head, and wait."""
    await _and_wait(port, b"POST /notices HTTP/1.1\r\nhost: s")


async def dripping(port: int) -> None:
    """Send a head byte by byte."""
    await _and_wait(port, b"POST /notices HTTP/1.1\r\nx-a: ", every_s=0.5)


async def slow_body(port: int) -> None:
    """Send a good head, and its body byte by byte."""
    head, _, body = samples.request(0, PROFILE, port, int(time.time())).partition(b"\r\n\r\n")
    await _and_wait(port, head + b"\r\n\r\n" + body[:1], every_s=0.5)


async def idle(port: int) -> None:
    """Send nothing."""
    await _and_wait(port, b"")


async def _and_wait(port: int, sent: bytes, every_s: float | None = None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        while True:
            try:
                async with asyncio.timeout(every_s):
                    await reader.read(65_536)
                return
            except TimeoutError:
                writer.write(b"a")
    finally:
        writer.transport.abort()


async def forging(port: int, pause_s: float, *, anew: bool) -> None:
    """Send forged messages, each by a connection of its own or all by one, so many seconds from one to the next."""
    good = samples.request(0, PROFILE, port, int(time.time()))
    forged = re.sub(rb"v1,[^\r]{8}", b"v1,AAAAAAAA", good)
    assert forged != good
    due = time.monotonic()
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for _ in range(1 if anew else 1_000):
                await asyncio.sleep(due - time.monotonic())
                due = max(due + pause_s, time.monotonic() - 1)
                writer.write(forged)
                await _answer(reader)
        finally:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    return head.split(" ")[1]


Attack = tuple[int, Callable[[int], Coroutine[Any, Any, None]]]
"""How many at once, and what each does with the port."""
FLOOD: Final = 2_000
"""Forged messages a second."""

ATTACKS: Final[Mapping[str, Attack]] = {
    "nobody": (0, idle),
    "idle": (300, idle),
    "half-open": (300, half_open),
    "dripping": (300, dripping),
    "slow-bodies": (300, slow_body),
    "forged": (64, partial(forging, pause_s=64 / FLOOD, anew=False)),
    "forged-anew": (64, partial(forging, pause_s=64 / FLOOD, anew=True)),
}


async def attack(name: str, port: int) -> None:
    """Attack without an end."""
    count, act = ATTACKS[name]

    async def again() -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                await act(port)
            await asyncio.sleep(0.01)

    await asyncio.gather(asyncio.Event().wait(), *(again() for _ in range(count)))


# ---------------------------------------------------------------------------------------------------------- siege


async def honest(port: int, count: int, every_s: float, seen: Seen) -> None:
    """Send notices one after the other, each by a connection of its own, and again until it is taken."""
    due = time.monotonic()
    for number in range(1, count + 1):
        await asyncio.sleep(due - time.monotonic())
        due += every_s
        began = time.monotonic()
        while (came := await tried(port, number)) not in ("200", "202"):
            seen.tries[came] += 1
            await asyncio.sleep(0.02)
        seen.tries[came] += 1
        seen.took_ms.append(1_000 * (time.monotonic() - began))


async def tried(port: int, number: int) -> str:
    """The status of an honest notice, or the name of what became of it."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(samples.request(number, PROFILE, port, int(time.time())))
                return await _answer(reader)
            finally:
                writer.transport.abort()
    except (OSError, EOFError) as error:
        return type(error).__name__


def besieged(name: str, folder: Path, count: int, every_s: float = 0.02, descriptors: int = DESCRIPTORS) -> Seen:
    """What becomes of so many honest notices under an attack, which comes from a process of its own."""
    with served(folder, descriptors) as (port, seen):
        command = [sys.executable, "-m", "tests.arrivals.siege", "--attack", name, "--port", str(port)]
        with subprocess.Popen(command) as attackers:
            try:
                time.sleep(3)
                asyncio.run(honest(port, count, every_s, seen))
                assert attackers.poll() is None, "the attack broke off"
            finally:
                attackers.kill()
    return seen


def main(argv: list[str] | None = None) -> int:
    """The exit code: 1 if a notice was lost."""
    reader = argparse.ArgumentParser(prog="python -m tests.arrivals.siege", description=__doc__)
    reader.add_argument("--attack", choices=ATTACKS, help="only attack, without an end")
    reader.add_argument("--port", type=int, help="where to attack")
    reader.add_argument("--only", choices=ATTACKS, help="one siege")
    reader.add_argument("--notices", type=int, default=1_000, help="of the honest sender, 50 a second (1000)")
    given = reader.parse_args(argv)
    if given.attack:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(attack(given.attack, given.port))
        return 0
    lost = 0
    for name in [given.only] if given.only else ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            seen = besieged(name, Path(folder), given.notices)
        lost += given.notices - seen.stored
        print(f"{name:<12} {seen.told()}", flush=True)
        print("".join(f"             {line}\n" for line in seen.said.splitlines() if " WARNING " in line), end="")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
