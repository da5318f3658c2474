"""The processes that are killed or stopped: receivers, and workers with a platform that remembers its effects.

They are started through multiprocessing's fork server, which has this module loaded already and no thread and no file
open, so that a restart costs milliseconds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import httptools
import uvicorn
import uvloop

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.values import canonical
from kz_compliance_sdk.faces.asgi import asgi_app
from kz_compliance_sdk.faces.cli import machinery
from kz_compliance_sdk.faces.cli import main as command_line
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.ports import Boot, Effect, EffectResult, Env, Failed, InForce, Sent, TellResult, Told, UserNotice
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.services.intake import Headers, Pending
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.wire.signature import Profile
from tests.waiting import PATIENCE_S

# uvicorn loads both by name; loaded here, they cost a restart nothing.
__all__ = [
    "READY_WITHIN_S",
    "FastClock",
    "Host",
    "Plan",
    "Platform",
    "Role",
    "Variant",
    "httptools",
    "reserved_port",
    "uvloop",
]

Role = Literal["receiver", "worker"]
Variant = Literal["as_it_ships", "answers_early", "fresh_ids"]
"""The two that are wrong on purpose: a receiver that answers before its commit, and a worker that gives each further
attempt an id of its own."""

READY_WITHIN_S = PATIENCE_S
_system = Env.system
_COMMIT_LATE_S = 0.05


@dataclass(frozen=True, slots=True)
class FastClock:
    """UTC seconds that run `speed` times as fast, the same in every process: a lease of two minutes is over in
    seconds, and no rule of the product is changed for the test."""

    origin: int
    monotonic_origin: float
    speed: int

    @classmethod
    def from_now(cls, speed: int) -> FastClock:
        return cls(int(time.time()), time.monotonic(), speed)

    def __call__(self) -> int:
        return self.origin + int(self.boot().seconds)

    def boot(self) -> Boot:
        return Boot("", (time.monotonic() - self.monotonic_origin) * self.speed)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process must know to take part in a run."""

    folder: Path
    port: int
    regulator_url: str
    profile: Profile
    clock: FastClock
    variant: Variant = "as_it_ships"
    serve: bool = False
    """Whether the receivers are the command `serve` rather than the library in a host of its own."""

    @property
    def config(self) -> Path:
        return self.folder / "kz-compliance.toml"

    @property
    def store(self) -> Path:
        return self.folder / "desk.sqlite3"

    @property
    def platform(self) -> Path:
        return self.folder / "platform.sqlite3"

    @property
    def log(self) -> Path:
        return self.folder / "hosts.log"

    @property
    def intake_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notices"

    def env(self) -> Env:
        return replace(_system(), clock=self.clock, boot=self.clock.boot)

    def settings(self, attempts: int = 3) -> Settings:
        return Settings.model_validate(self._settings(attempts))

    def write_config(self) -> None:
        """The settings as the command line reads them."""
        lines = (f"{name} = {_toml(value)}\n" for name, value in self._settings(attempts=3).items())
        self.config.write_text("".join(lines), encoding="utf-8")

    def _settings(self, attempts: int) -> dict[str, Any]:
        trusted, own = keys.regulator_key(self.profile), keys.platform_signing_key(self.profile)
        return {
            "platform_id": builders.PLATFORM_ID,
            "public_url": f"http://127.0.0.1:{self.port}",
            "hosts": [builders.HOST.removeprefix("https://")],
            "allow_test_keys": True,
            "profile": self.profile,
            "keys": [
                {
                    "key_id": trusted.key_id,
                    "algorithm": trusted.algorithm,
                    "public_key" if trusted.algorithm == "ed25519" else "secret": _text(trusted.material),
                    "sender": trusted.sender,
                    "authorities": sorted(trusted.authorities),
                    "not_before": trusted.not_before,
                    "not_after": trusted.not_after,
                }
            ],
            "signing_key": {"key_id": own.key_id, "algorithm": own.algorithm, "secret": _text(own.material)},
            "regulator": {"url": self.regulator_url, "poll_interval_s": 1, "attempts": attempts},
            "store": {"path": str(self.store)},
            "worker": {"idle_s": 0.05, "watch_interval_s": 1, "heartbeat_s": 1},
            "undo_window_s": 0,
        }


def _text(material: bytes) -> str:
    return base64.b64encode(material).decode("ascii")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


class Host:
    """One process that can be killed and started again."""

    def __init__(self, role: Role, plan: Plan) -> None:
        self.role, self._plan = role, plan
        self._process: ForkServerProcess | None = None
        self._ready: Connection | None = None
        self._is_ready = False
        self.starts = 0
        self.died_by_itself = 0

    def start(self) -> None:
        """Start it. The number of the start seeds what chance it has of its own."""
        self._ready, theirs = multiprocessing.Pipe(duplex=False)
        self._is_ready = False
        self.starts += 1
        receive = _serve if self._plan.serve else _receive
        self._process = _context().Process(
            target=receive if self.role == "receiver" else _work, args=(self._plan, theirs, self.starts), daemon=True
        )
        self._process.start()
        theirs.close()

    def wait_ready(self) -> None:
        """Until it serves or works. Raises TimeoutError with what it logged."""
        assert self._ready is not None
        if self._is_ready:
            return
        with contextlib.suppress(EOFError):
            if self._ready.poll(READY_WITHIN_S) and self._ready.recv() == "ready":
                self._is_ready = True
                return
        raise TimeoutError(f"the {self.role} did not start: {self._plan.log.read_text(errors='replace')[-3000:]}")

    def stop(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so long: it finds that its leases are another's, and knows nothing of it."""
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """SIGKILL, or another signal that ends it, and wait until nothing is left of it."""
        process, ready, self._process, self._ready = self._process, self._ready, None, None
        if process is not None:
            self.died_by_itself += not process.is_alive()
            if process.is_alive():
                os.kill(process.pid or 0, number)
            process.join()
            process.close()
        if ready is not None:
            ready.close()


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else can be given meanwhile. It is bound and not listened on: while no receiver lives,
    connections are refused."""
    with _bound(0) as held:
        yield held.getsockname()[1]


def _bound(port: int) -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", port))
    return held


# --------------------------------------------------------------------------------------- what runs in the processes


def _receive(plan: Plan, ready: Connection, _start: int) -> None:
    _log_to(plan.log)
    kind = _AnswersEarly if plan.variant == "answers_early" else AsyncComplianceDesk
    server = _Server(uvicorn.Config(asgi_app(kind(plan.settings(), env=plan.env())), log_level="warning"))
    server.ready = ready
    server.run(sockets=[_bound(plan.port)])


def _serve(plan: Plan, ready: Connection, _start: int) -> None:
    """The command itself. Of another kind are its clock, which is the run's, and its port, which receivers share."""
    _log_to(plan.log)

    def listening(_host: str, port: int) -> socket.socket:
        listener = _bound(port)
        listener.listen(2048)
        ready.send("ready")
        return listener

    with mock.patch.object(Env, "system", plan.env), mock.patch.object(machinery, "_listening", listening):
        command_line(["--config", str(plan.config), "serve", "--port", str(plan.port)])


class _Server(uvicorn.Server):
    ready: Connection

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.send("ready")


class _AnswersEarly(AsyncComplianceDesk):
    """What must not be: the acknowledgement leaves, the commit comes a moment later."""

    async def receive(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        pending = self.blocking.intake.receive(method, target, headers, body)
        if not isinstance(pending, Pending):
            return pending
        loop = asyncio.get_running_loop()
        loop.call_later(_COMMIT_LATE_S, self.blocking.store.submit, self.blocking.platform_id, pending.work)
        return Response(202, (("content-type", "application/json"),), b"{}")


def _work(plan: Plan, ready: Connection, start: int) -> None:
    _log_to(plan.log)
    # Every other life sends each report once and then asks what became of it; the others try again at once.
    settings = plan.settings(attempts=1 if start % 2 else 3)
    platform = Platform(plan.platform, plan.clock, random.Random(start))
    desk = ComplianceDesk(settings, enforcer=platform, messenger=platform, env=plan.env())
    if plan.variant == "fresh_ids":
        _make_forgetful(desk)
    worker = Worker(desk)
    ready.send("ready")
    worker.run()


def _make_forgetful(desk: ComplianceDesk) -> None:
    """What must not be: a further attempt is a message of its own, and nothing is looked up."""
    regulator = desk.regulator
    assert isinstance(regulator, HttpRegulator)
    send = regulator.send

    def send_anew(message: OutboxMessage) -> Sent:
        if message.attempts == 1:
            return send(message)
        fresh, body = str(uuid.uuid4()), json.loads(message.body)
        if message.kind == "report":
            body |= {"report_id": fresh, "sequence": message.lane_seq + message.attempts}
        else:
            body |= {"case_reference": fresh}  # the same bytes get one receipt, whatever their key
        return send(message.but(id=fresh, body=canonical(body)))

    regulator.send = send_anew  # type: ignore[method-assign]
    regulator.look_up = lambda message: None  # type: ignore[method-assign]


class Platform:
    """The platform's own side: a table of objects, of what its users were told, and every call that was made. An
    enforcer as the port asks for it: the same effect again changes nothing, one with a lower version is refused. And a
    messenger: the same notice again tells nobody anything."""

    def __init__(self, path: Path, clock: FastClock, chance: random.Random) -> None:
        self._clock, self._chance = clock, chance
        self._lock = threading.Lock()
        # Another worker may be stopped while it holds the lock, for longer than its lease.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)

    @staticmethod
    def make(path: Path) -> None:
        """Make the file, before any host runs: two that make it at once refuse each other, without waiting."""
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL").fetchall()
            db.execute("CREATE TABLE objects (key PRIMARY KEY, version, what, since)")
            db.execute("CREATE TABLE calls (n INTEGER PRIMARY KEY AUTOINCREMENT, key, version, what, item, verdict)")
            db.execute("CREATE TABLE told (notice PRIMARY KEY, item, at, calls)")

    def enforce(self, effect: Effect) -> EffectResult:
        return self._do(effect.action, effect)

    def restore(self, effect: Effect) -> EffectResult:
        return self._do("restored", effect)

    def _do(self, what: str, effect: Effect) -> EffectResult:
        key, version = effect.object_key, effect.version
        with self._lock:
            self._pause()
            self._db.execute("BEGIN IMMEDIATE")
            held = self._db.execute("SELECT version, since FROM objects WHERE key = ?", (key,)).fetchone()
            verdict = "first" if held is None or held[0] < version else "again" if held[0] == version else "late"
            since = held[1] if held is not None and verdict == "again" else self._clock()
            if verdict == "first":
                self._db.execute("REPLACE INTO objects VALUES (?, ?, ?, ?)", (key, version, what, since))
            item = f"{effect.case_id} {effect.item_id}"
            self._db.execute(
                "INSERT INTO calls (key, version, what, item, verdict) VALUES (?, ?, ?, ?, ?)",
                (key, version, what, item, verdict),
            )
            self._db.execute("COMMIT")
            self._pause()
        return InForce(since) if verdict != "late" else Failed("a later effect stands already", permanent=True)

    def tell(self, notice: UserNotice) -> TellResult:
        item = f"{notice.case_id} {notice.item_id}"
        with self._lock:
            self._pause()
            ((at,),) = self._db.execute(
                "INSERT INTO told VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1 RETURNING at",
                (notice.id, item, self._clock()),
            ).fetchall()
            self._pause()
        return Told(at)

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0, 0.003))


def _log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {os.getpid()} %(name)s %(levelname)s %(message)s")
