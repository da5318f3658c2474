"""Intake over HTTP: uvicorn (uvloop, httptools, one worker) on one core, wrk on the other."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.signature import Profile
from tests.benchmarks import samples
from tests.benchmarks.rows import Row, Size, compared, interleaved, pinned, skipped
from tests.waiting import PATIENCE_S, free_port

NAMES = ("http.unstored", "http.decided", "http.durable", "http.rfc9421", "http.memory")
CONNECTIONS = 64
ROOT = Path(__file__).resolve().parents[2]
Kind = Literal["bare", "unstored", "decided", "durable", "regulator"]


def run(size: Size) -> list[Row]:
    """All HTTP rows, from the same rounds, and the memory of the durable receiver."""
    if shutil.which("wrk") is None:
        return [skipped(name, "wrk is missing: apt-get install wrk") for name in NAMES]
    seconds = size.pick(1, 4)
    with ExitStack() as stack:
        folder = stack.enter_context(size.place())

        def start(kind: Kind, profile: Profile) -> Load:
            if kind == "durable":
                # As after every start but the first: the schema is there, and what migrates it stays unloaded.
                SqliteStore(folder / f"{kind}.{profile}.sqlite3", Env.system()).close()
            server = stack.enter_context(serving(kind, folder / f"{kind}.{profile}.sqlite3"))
            return Load(server, profile, seconds, folder)

        bare = start("bare", "standard-webhooks")
        unstored = start("unstored", "standard-webhooks")
        decided = start("decided", "standard-webhooks")
        durable = start("durable", "standard-webhooks")
        rfc9421 = start("durable", "rfc9421")
        loads = {"bare": bare, "unstored": unstored, "decided": decided, "durable": durable, "rfc9421": rfc9421}
        for load in loads.values():
            load.warm_up()
        idle = durable.server.resident_mib()
        found = interleaved({name: load.rate for name, load in loads.items()}, size.pick(2, 5))
        peak, after = durable.server.resident_mib("VmHWM"), durable.server.resident_mib()
        stored = durable.sent
    bare_says = "bare Starlette, HMAC and pydantic, nothing stored"
    unit = "notices/s"
    return [
        compared(NAMES[0], found, "unstored", "bare", unit=unit, against=bare_says, bar=0.9),
        compared(NAMES[1], found, "decided", "bare", unit=unit, against=bare_says, bar=None),
        compared(NAMES[2], found, "durable", "bare", unit=unit, against=bare_says, bar=0.4),
        compared(NAMES[3], found, "rfc9421", "durable", unit=unit, against="the HMAC profile, durable", bar=0.4),
        Row(
            NAMES[4],
            peak,
            "MiB",
            bar=88,
            sense="most",
            note=f"peak; {idle:.0f} MiB after the first requests, {after:.0f} MiB after {stored:,} notices",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Server:
    """A server process under load."""

    port: int
    pid: int
    stderr: Path

    def resident_mib(self, line: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"^{line}:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def serving(kind: Kind, store: Path, *, core: int = 0) -> Iterator[Server]:
    """A server on a core of its own, ready to answer."""
    port = free_port()
    command = [
        *pinned(core), sys.executable, "-m", "uvicorn", "--factory", "tests.benchmarks.apps:make",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--loop", "uvloop", "--http", "httptools",
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    env = {**os.environ, "KZ_BENCH_APP": kind, "KZ_BENCH_PORT": str(port), "KZ_BENCH_STORE": str(store)}
    errors = store.with_suffix(".stderr")
    with errors.open("wb") as stderr:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=stderr)
    try:
        _wait_for(port, process, errors)
        yield Server(port, process.pid, errors)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(port: int, process: subprocess.Popen[bytes], errors: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{errors.read_text(encoding='utf-8', errors='replace')[-2000:]}")


@dataclass(slots=True)
class Load:
    """wrk against one server. No notice is ever sent twice to it, and each is signed just before its round."""

    server: Server
    profile: Profile
    seconds: int
    folder: Path
    sent: int = 0
    expected: float = field(default=1_500.0)

    def warm_up(self) -> None:
        """A first short run, which also tells how many requests a round needs."""
        self.expected = max(1_000.0, self._run(1, warm=True))

    def rate(self) -> float:
        """Answers a second."""
        return self._run(self.seconds)

    def _run(self, seconds: int, *, warm: bool = False) -> float:
        count = int(self.expected * seconds * 2.5) + 500
        file = self.folder / f"{self.server.port}.requests"
        now = int(time.time())
        with file.open("wb") as out:
            for number in range(self.sent, self.sent + count):
                one = samples.request(number, self.profile, self.server.port, now)
                out.write(b"%d\n%b" % (len(one), one))
        script = str(Path(__file__).parent / "wrk.lua")
        url = f"http://127.0.0.1:{self.server.port}{samples.PATH}"
        said = subprocess.run(
            [*pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script, url],
            env={**os.environ, "REQUESTS": str(file)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        file.unlink()
        total = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if total is None or rate is None or "Non-2xx" in said:
            raise RuntimeError(f"wrk did not get answers of 202 only:\n{said}")
        self.sent += count
        if int(total[1]) + CONNECTIONS > count and not warm:
            self.expected *= 2  # they ran out, and repeats are cheaper: the round does not count
            return self._run(seconds)
        return float(rate[1])
