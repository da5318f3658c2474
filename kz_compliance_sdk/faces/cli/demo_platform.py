"""The platform of the demonstration: its objects in a file of their own, and the Enforcer over them.

The worker loads `enforcer`; the demonstration reads the same file to see what was really carried out.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kz_compliance_sdk.ports import Effect, EffectResult, Failed, InForce, Pending

__all__ = ["FILE_VARIABLE", "Call", "Mood", "SamplePlatform", "enforcer"]

FILE_VARIABLE: Final = "KZ_DEMO_PLATFORM_FILE"
"""The environment variable that names the file."""

Mood = Literal["slow", "flaky"]
"""How an object answers the first time: `slow` says that it is under way, `flaky` fails."""

_SCHEMA: Final = """
CREATE TABLE objects (key TEXT PRIMARY KEY, version INTEGER NOT NULL, measure TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE moods (key TEXT PRIMARY KEY, mood TEXT NOT NULL);
CREATE TABLE calls (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL,
    measure TEXT NOT NULL, answer TEXT NOT NULL, changed INTEGER NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the worker. `changed`: whether it changed the object."""

    key: str
    version: int
    kind: Literal["enforce", "restore"]
    measure: str
    answer: str
    changed: bool


class SamplePlatform:
    """Keeps for each object the measure in force and the highest version seen, in one transaction with the change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self, moods: Mapping[str, Mood]) -> None:
        """Make the file, with the objects that will answer in a way of their own."""
        with self._open() as file:
            file.executescript(_SCHEMA)
            file.executemany("INSERT INTO moods VALUES (?, ?)", moods.items())

    def enforce(self, effect: Effect) -> EffectResult:
        """Put a measure in force."""
        return self._apply(effect, "enforce", effect.action)

    def restore(self, effect: Effect) -> EffectResult:
        """Lift whatever measure is in force."""
        return self._apply(effect, "restore", "")

    def objects(self) -> dict[str, str]:
        """Each object that was ever touched, with the measure in force; empty for none."""
        with self._open() as file:
            return dict(file.execute("SELECT key, measure FROM objects ORDER BY key").fetchall())

    def calls(self) -> list[Call]:
        """Every call, in the order in which they came."""
        with self._open() as file:
            rows = file.execute("SELECT key, version, kind, measure, answer, changed FROM calls ORDER BY number")
            return [
                Call(key, version, kind, measure, answer, bool(changed))
                for key, version, kind, measure, answer, changed in rows.fetchall()
            ]

    def _apply(self, effect: Effect, kind: Literal["enforce", "restore"], measure: str) -> EffectResult:
        with self._open() as file:
            file.execute("BEGIN IMMEDIATE")
            result, changed = self._result(file, effect, measure)
            answer = type(result).__name__.lower()
            row = (effect.object_key, effect.version, kind, measure, answer, changed)
            file.execute(
                "INSERT INTO calls (key, version, kind, measure, answer, changed) VALUES (?, ?, ?, ?, ?, ?)", row
            )
            file.execute("COMMIT")
        return result

    def _result(self, file: sqlite3.Connection, effect: Effect, measure: str) -> tuple[EffectResult, bool]:
        key, now = effect.object_key, int(time.time())
        held = file.execute("SELECT version, measure, at FROM objects WHERE key = ?", (key,)).fetchone()
        if held is not None and effect.version < held[0]:
            return Failed("a later decision about this object was carried out", permanent=True), False
        if held is not None and effect.version == held[0] and measure == held[1]:
            return InForce(held[2]), False
        mood = file.execute("SELECT mood FROM moods WHERE key = ?", (key,)).fetchone()
        if mood is not None:
            file.execute("DELETE FROM moods WHERE key = ?", (key,))
            return (Pending(now + 1) if mood[0] == "slow" else Failed("the storage node does not answer")), False
        file.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "version = excluded.version, measure = excluded.measure, at = excluded.at",
            (key, effect.version, measure, now),
        )
        return InForce(now), True

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # Whoever fails inside a transaction leaves it, and closing rolls it back.
        file = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            yield file
        finally:
            file.close()


def enforcer() -> SamplePlatform:
    """What `kz-compliance worker --enforcer kz_compliance_sdk.faces.cli.demo_platform:enforcer` loads."""
    return SamplePlatform(Path(os.environ[FILE_VARIABLE]))
