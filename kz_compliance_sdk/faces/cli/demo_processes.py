"""The three processes of the demonstration: their settings, their start, and their certain end."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli.demo_platform import FILE_VARIABLE
from kz_compliance_sdk.faces.cli.session import system_user
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import keys
from kz_compliance_sdk.testing.builders import AUTHORITIES, PLATFORM_ID
from kz_compliance_sdk.wire.signature import Profile

__all__ = ["UNDO_S", "Place", "Processes", "Stuck", "settings_of", "toml_of"]

UNDO_S: Final = 2
"""The undo window of the demonstration, in seconds. The policy's is longer, and only a sandbox may shorten it."""

_STOP_S: Final = 8.0
_TAIL_LINES: Final = 15
_PR_SET_PDEATHSIG: Final = 1


class Stuck(ComplianceError):
    """The demonstration cannot go on: a process ended, or what must happen does not."""

    code = "demo_stuck"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run keeps its files, and the ports that it uses."""

    directory: Path
    receiver_port: int
    regulator_port: int

    @property
    def settings_file(self) -> Path:
        return self.directory / "kz-compliance.toml"

    @property
    def platform_file(self) -> Path:
        return self.directory / "platform.sqlite3"

    @property
    def store_file(self) -> Path:
        return self.directory / "cases.sqlite3"

    @property
    def intake_url(self) -> str:
        return f"http://127.0.0.1:{self.receiver_port}/notices"

    @property
    def regulator_url(self) -> str:
        return f"http://127.0.0.1:{self.regulator_port}"

    @classmethod
    def in_directory(cls, directory: Path) -> Self:
        """With two ports that are free now."""
        with contextlib.ExitStack() as stack:
            ports = []
            for _ in range(2):
                free = stack.enter_context(socket.socket())
                free.bind(("127.0.0.1", 0))
                ports.append(free.getsockname()[1])
        return cls(directory, *ports)


def settings_of(place: Place, profile: Profile, material: bytes) -> dict[str, Any]:
    """The settings of the run. `material` is what the platform's fresh signing key is made from (32 bytes)."""
    theirs = keys.regulator_key(profile)
    kind = "public_key" if theirs.algorithm == "ed25519" else "secret"
    return {
        "platform_id": PLATFORM_ID,
        "public_url": f"http://127.0.0.1:{place.receiver_port}",
        "hosts": ["social.example"],
        "profile": profile,
        "allow_test_keys": True,
        "undo_window_s": UNDO_S,
        "store": {"path": str(place.store_file)},
        "regulator": {"url": place.regulator_url, "poll_interval_s": 1, "total_s": 10, "attempts": 2},
        "worker": {"idle_s": 0.1, "watch_interval_s": 1, "heartbeat_s": 1},
        "respondent": {"role": "head of the office", "name": "Үлгі Б. С."},
        "letterhead": {"name": "ТОО «Образец»", "address": "Астана, Үлгі көшесі, 1"},
        "signing_key": {
            "key_id": f"{PLATFORM_ID}-demo",
            "algorithm": theirs.algorithm,
            "secret": _base64(material),
        },
        "keys": [
            {
                "key_id": theirs.key_id,
                "algorithm": theirs.algorithm,
                kind: _base64(theirs.material),
                "sender": theirs.sender,
                "authorities": sorted(AUTHORITIES),
                "not_before": theirs.not_before,
                "not_after": theirs.not_after,
            }
        ],
        "actors": {system_user(): {"id": "visitor", "roles": ["lead", "moderator"]}},
    }


def toml_of(settings: Mapping[str, Any]) -> str:
    """Settings as TOML: plain values, tables of them, and lists of tables."""
    lines = [f"{_key(name)} = {_value(value)}" for name, value in settings.items() if not _is_table(value)]
    for name, value in settings.items():
        if isinstance(value, Mapping):
            nested = {key: inner for key, inner in value.items() if isinstance(inner, Mapping)}
            if plain := {key: inner for key, inner in value.items() if key not in nested}:
                lines += ["", f"[{_key(name)}]", toml_of(plain).rstrip()]
            for key, inner in nested.items():
                lines += ["", f"[{_key(name)}.{_key(key)}]", toml_of(inner).rstrip()]
        elif _is_table(value):
            for table in value:
                lines += ["", f"[[{_key(name)}]]", toml_of(table).rstrip()]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    # A string, a number, a truth value and a list of strings are written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class Processes:
    """Children that end with this block, however it ends. Their output goes to files in the run's directory."""

    def __init__(self, place: Place, env: Env) -> None:
        self._place, self._env = place, env
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Start `kz-compliance` with these arguments as a process of its own."""
        command = [sys.executable, "-m", "kz_compliance_sdk", "--config", str(self._place.settings_file), *arguments]
        # What is set for another installation on this machine must not reach into the demonstration.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("KZ_COMPLIANCE_")}
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  our own interpreter and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._place.directory,
                env={**environ, FILE_VARIABLE: str(self._place.platform_file)},
                # A Ctrl-C at the terminal is for this process, which then stops the others in their order.
                start_new_session=True,
                preexec_fn=_end_with_parent() if sys.platform == "linux" else None,
            )

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._place.directory / f"{name}.log"

    def check(self) -> None:
        """Raises Stuck if one of them has ended."""
        for name, child in self._running.items():
            if child.poll() is not None:
                raise Stuck(f"the {name} ended with exit code {child.returncode}.")

    def tails(self) -> Iterator[tuple[str, str]]:
        """The end of what each has said."""
        for name in self._running:
            lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            yield name, "\n".join(lines[-_TAIL_LINES:])

    def stop(self) -> None:
        """Ask them to end, in the reverse order of their start, and do not take no for an answer."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _end_with_parent() -> Callable[[], None]:
    """Have the kernel end a child whose parent was killed and could stop nothing any more."""
    prctl = ctypes.CDLL(None).prctl  # loaded here: a child between fork and exec must load nothing
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
