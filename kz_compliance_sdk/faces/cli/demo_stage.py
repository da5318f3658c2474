"""Where the demonstration happens: its processes, the way to the regulator, the platform, and what people see.

The worker is a process of its own and loads `enforcer` from here; what it did is read from the platform's file.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

from rich.text import Text

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import system_user
from kz_compliance_sdk.faces.cli.views import table
from kz_compliance_sdk.faces.dashboard.access import add_token
from kz_compliance_sdk.ports import Effect, EffectResult, Env, Failed, Pending
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from kz_compliance_sdk.testing.wiring import sandbox_fields
from kz_compliance_sdk.wire.signature import Profile

_PLATFORM_FILE: Final = "KZ_DEMO_PLATFORM_FILE"
_PR_SET_PDEATHSIG: Final = 1
_STOP_S: Final = 8.0
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.35
_TOKEN_S: Final = 7 * 86_400
UNDO_S: Final = 2
"""The undo window of the demonstration, in seconds. The policy's is longer, and only a sandbox may shorten it."""


class Stuck(ComplianceError):
    """The demonstration cannot go on: a process ended, or what must happen does not."""

    code = "demo_stuck"


class Stage:
    """Processes that end with this block, however it ends, on ports that are free now, and what people see.
    Every file of the run is in `directory`; with `paced` a watched run pauses at each step.

    A first SIGINT or SIGTERM ends the block where it looks: at each step and at each wait. Raised wherever it came, it
    could leave a lock taken for which the end would wait. A second one is raised at once."""

    def __init__(self, directory: Path, env: Env, *, stderr: bool, paced: bool) -> None:
        self._env, self._began = env, env.monotonic()
        self._console, self._states = screen.console(stderr=stderr), dict[str, str]()
        self._pause_s = _PAUSE_S if paced and self._console.is_terminal else 0.0
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended, self._signals = False, dict[signal.Signals, Any]()
        self.directory, self.settings_file = directory, directory / "kz-compliance.toml"
        self.platform_file = directory / "platform.jsonl"
        with socket.socket() as one, socket.socket() as other:
            for free in (one, other):
                free.bind(("127.0.0.1", 0))
            self.receiver_port, self.regulator_port = one.getsockname()[1], other.getsockname()[1]
        self.public_url = f"http://127.0.0.1:{self.receiver_port}"
        self.intake_url = f"{self.public_url}/notices"
        self.regulator_url = f"http://127.0.0.1:{self.regulator_port}"

    def begin(self, profile: Profile, seed: int) -> None:
        """Write the settings of the sandbox, with a signing key that is made for this run, and start all three."""
        store, regulator = self.directory / "cases.sqlite3", self.regulator_url
        settings = sandbox_fields(store, profile=profile, intake_url=self.intake_url, regulator_url=regulator) | {
            "undo_window_s": UNDO_S,
            "regulator": {"url": regulator, "poll_interval_s": 1, "total_s": 10, "attempts": 2},
            "worker": {"idle_s": 0.1, "watch_interval_s": 1, "heartbeat_s": 1},
            "respondent": {"role": "head of the office", "name": "Үлгі Б. С."},
            "letterhead": {"name": "ТОО «Образец»", "address": "Астана, Үлгі көшесі, 1"},
            "actors": {system_user(): {"id": "visitor", "roles": ["lead", "moderator"]}},
        }
        settings["signing_key"] |= {"key_id": "social-demo", "secret": b64encode(self._env.entropy(32)).decode()}
        self.settings_file.touch(0o600)
        text = "".join(f"{name} = {_toml(value)}\n" for name, value in settings.items())
        self.settings_file.write_text(text, encoding="utf-8")
        self._start("mock-regulator", "mock-regulator", "--port", str(self.regulator_port), "--seed", str(seed))
        self._start("receiver", "serve", "--create", "--port", str(self.receiver_port))
        self._start("worker", "worker", "--create", "--enforcer", f"{__name__}:enforcer")
        for port in (self.receiver_port, self.regulator_port):
            self.await_(f"an answer at port {port}", lambda: _listens(port))  # noqa: B023

    def open_office(self, *people: Actor) -> list[tuple[str, str]]:
        """Serve the pages, and return the token of each of these people beside their id."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.office_url, tokens = f"http://127.0.0.1:{port}", self.directory / "tokens.toml"
        until = self._env.clock() + _TOKEN_S
        made = [(one.id, add_token(tokens, one.id, [*one.roles], until, entropy=self._env.entropy)) for one in people]
        self._start("office", "serve-office", "--tokens", str(tokens), "--port", str(port))
        self.await_(f"an answer at port {port}", lambda: _listens(port))
        return made

    def _start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "kz_compliance_sdk", "--config", str(self.settings_file), *arguments]
        # What is set for another installation on this machine must not reach into the demonstration.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("KZ_COMPLIANCE_")}
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  our own interpreter and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**environ, _PLATFORM_FILE: str(self.platform_file)},
                # A Ctrl-C at the terminal is for this process, which then stops the others in their order.
                start_new_session=True,
                preexec_fn=_end_with_parent() if sys.platform == "linux" else None,
            )

    def check(self) -> None:
        """Raises Stuck if one of them has ended, KeyboardInterrupt if somebody wants all of it to end."""
        if self._ended:
            raise KeyboardInterrupt
        for name, child in self._running.items():
            if child.poll() is not None:
                raise Stuck(f"the {name} ended with exit code {child.returncode}.")

    def await_(self, what: str, happened: Callable[[], bool], late: Callable[[], str] = str) -> None:
        """Wait until it happened. Raises Stuck, with what is `late`, when a process ended or patience did."""
        deadline = self._env.monotonic() + _PATIENCE_S
        while not happened():
            self.check()
            if self._env.monotonic() > deadline:
                raise Stuck(f"waited {_PATIENCE_S:.0f} s for {what}. Not where they should be: {late() or 'none'}.")
            self._env.sleep(0.1)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return self._env.monotonic() - self._began

    def step(self, text: str) -> None:
        """Say what happens now. Raises as `check` does."""
        self.check()
        self._console.print(Text(f"{self.seconds:5.1f} s  ", "dim").append(screen.printable(text), "default"))
        self._env.sleep(self._pause_s)

    def show_states(self, states: Mapping[str, str]) -> None:
        """Say which notices, by their numbers, have come to another state."""
        changed = {name: state for name, state in states.items() if self._states.get(name) != state}
        self._states |= changed
        for state in dict.fromkeys(changed.values()):
            named = " ".join(name for name, now in changed.items() if now == state)
            self._console.print(Text(f"         {state.replace('_', ' ')}: {named}"))

    def stay(self) -> None:
        """Keep everything running until Ctrl-C. Raises Stuck if one of them ends."""
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                self.check()
                self._env.sleep(0.5)

    def changes(self) -> list[tuple[str, int, str]]:
        """What the platform carried out, in its order: object, version, and the measure then in force."""
        if not self.platform_file.exists():
            return []
        return [(*json.loads(line),) for line in self.platform_file.read_text(encoding="utf-8").splitlines()]

    def last_words(self) -> Iterator[str]:
        """The end of what each has said."""
        for name in self._running:
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            yield f"--- the last words of the {name} ---\n" + ("\n".join(lines[-15:]) or "(none)")

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _end(self, _number: int, _frame: Any) -> None:
        if self._ended:
            raise KeyboardInterrupt
        self._ended = True

    def __enter__(self) -> Self:
        heeded = (one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN)
        self._signals = {one: signal.signal(one, self._end) for one in heeded}
        return self

    def __exit__(self, *_error: object) -> None:
        """Ask them to end, in the reverse order of their start, and do not take no for an answer."""
        try:
            self._stop()
        finally:
            for one, before in self._signals.items():
                signal.signal(one, before)

    def _stop(self) -> None:
        for child in reversed(self._running.values()):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = self._env.monotonic() + _STOP_S
        for child in reversed(self._running.values()):
            try:
                child.wait(max(0.1, deadline - self._env.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A string, a number and a truth value are written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def _end_with_parent() -> Callable[[], None]:
    """Have the kernel end a child whose parent was killed and could stop nothing any more."""
    prctl = ctypes.CDLL(None).prctl  # loaded here: a child between fork and exec must load nothing
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class SamplePlatform(RecordingEnforcer):
    """The recorder, with a line in a file for each call. Objects named `slow` and `flaky` answer so the first time."""

    def __init__(self, path: Path) -> None:
        super().__init__(lambda: int(time.time()))
        self._path, self._one_by_one, self._touched = path, threading.Lock(), set[str]()

    def _apply(self, verb: Literal["enforce", "restore"], effect: Effect, measure: str) -> EffectResult:
        with self._one_by_one, self._path.open("a", encoding="utf-8") as file:
            if effect.object_key not in self._touched and "slow" in effect.object_key:
                self.answer_next(Pending(self._clock() + 1))
            if effect.object_key not in self._touched and "flaky" in effect.object_key:
                self.answer_next(Failed("the storage node does not answer"))
            self._touched.add(effect.object_key)
            result = super()._apply(verb, effect, measure)
            if self.calls[-1].changed:
                file.write(json.dumps([effect.object_key, effect.version, measure]) + "\n")
        return result


def enforcer() -> SamplePlatform:
    """What `kz-compliance worker --enforcer kz_compliance_sdk.faces.cli.demo_stage:enforcer` loads."""
    return SamplePlatform(Path(os.environ[_PLATFORM_FILE]))


_WIDE = 120
_IDS = ("notice", "came", "receipt")


def show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each notice: how it came, what became of it, its receipt, and what was left of its clock at the receipt."""
    # On a narrow screen what happened matters more than the ids.
    wide = screen.console().width >= _WIDE
    told = [{name: cell for name, cell in _closing(row).items() if wide or name not in _IDS} for row in rows]
    table(told, "#", ("notice", "came", "receipt", "time left"))
    if not wide:
        screen.say("Notice ids and receipts: on a wider screen, or with --json.")


def _closing(row: Mapping[str, Any]) -> dict[str, str | Text]:
    left, outcomes = row["receipt_with_left_s"], [f"{item} {outcome}" for item, outcome in row["outcomes"].items()]
    return {
        "#": str(row["number"]),
        "notice": _shortened(row["notice_id"] or "", 15),
        "came": row["came"],
        "what is special": row["title"],
        "outcome": ", ".join(outcomes) or row["state"] or "",
        "receipt": _shortened(row["receipt_id"] or "", 14),
        "time left": "" if left is None else Text(screen.left(left), style=screen.urgency(left)),
    }


def _shortened(text: str, most: int) -> str:
    """An id that nobody types: in full it stands in `--json` and in `cases show`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def show_end(document: Mapping[str, Any]) -> None:
    """Every notice, what was held against what with each difference, and the verdict."""
    show_rows(document["notices"])
    out = screen.console()
    for check in document["checks"]:
        mark = Text("✓ ", style="green") if check["holds"] else Text("✗ ", style="bold red")
        out.print(mark.append(check["name"], style="default").append(f"  ({check['told']})", style="dim"))
        for difference in check["differences"]:
            out.print(Text(f"    {screen.printable(difference)}", style="red"))
    screen.say(document["_verdict"])
