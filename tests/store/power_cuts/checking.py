"""What a store must hold that is opened after a power cut."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.adapters.sql.files import Record, held, state_of
from kz_compliance_sdk.adapters.sql.mark import BEHIND
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.events.delivery import Begun
from kz_compliance_sdk.errors import StoreUnusable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.testing.mock_regulator import IssuedMessage
from kz_compliance_sdk.wire.signature import sign
from tests.kills.campaign.hosts import Plan
from tests.store.power_cuts.office import Day
from tests.store.power_cuts.rebuilding import State
from tests.store.power_cuts.recording import Step, Told

_ACKNOWLEDGED: Final = re.compile(rb'\{"case_reference":"([0-9a-f-]{36})","due_at":')
_ID: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}")
LOST: Final = "of the log is lost"
_INDEX_SIZE: Final = 32_768
_LOG: Final = "SELECT n, stream, seq, hash FROM log ORDER BY n"
_LEDGER: Final = {
    "events": "SELECT stream, seq, at, kind, content, people, hash, mac, key_id FROM events",
    "parts": "SELECT stream, seq, name, class, bytes FROM parts",
}
_KEYS: Final = "SELECT stream, class, wrapped FROM keys"


@dataclass(frozen=True)
class Whole:
    """The store as it was in the end: nothing is taken away from its ledger, so what a cut leaves is a beginning of it.
    `told` says at which step somebody learned of a line of its log."""

    plan: Plan
    issued: dict[str, IssuedMessage]
    log: list[Any]
    ledger: dict[str, dict[tuple[int, int], set[Any]]]
    keys: set[Any]
    told: list[tuple[int, int]]

    @classmethod
    def of(cls, day: Day, steps: Sequence[Step]) -> Whole:
        """Read it, and verify its audit. Raises AssertionError if that is not whole, or something was not told."""
        plan, issued = day
        with ComplianceDesk(plan.settings(), env=plan.env()) as desk:
            assert not desk.verify_audit().faults
            queries = desk.store.queries(desk.platform_id)
            streams = {case_id: queries.records(case_id).stream for case_id in queries.case_ids()}
            held = {name: _rows(desk, asked) for name, asked in (*_LEDGER.items(), ("log", _LOG), ("keys", _KEYS))}
        lines = {(stream, seq): n for n, stream, seq, _ in held["log"]}
        said = {case_id: lines[stream.number, 1] for case_id, stream in streams.items()}
        left = {
            on.event.message: lines[stream.number, on.seq]
            for stream in streams.values()
            for on in reversed(stream.events)
            if isinstance(on.event, Begun)
        }
        told = _told(steps, said, left)
        assert len(said) == len(issued) == len({n for _, n in told} & set(said.values())), "not all was acknowledged"
        ledger: dict[str, dict[tuple[int, int], set[Any]]] = {name: {} for name in _LEDGER}
        for name, by_event in ledger.items():
            for row in held[name]:
                by_event.setdefault(tuple(row[:2]), set()).add(row)
        return cls(plan, {one.id: one for one in issued}, held["log"], ledger, set(held["keys"]), told)

    def must(self, place: int) -> int:
        """The last line of the log that anybody knew of before a step."""
        return max((n for at, n in self.told if at < place), default=0)


def _told(steps: Sequence[Step], said: dict[str, int], left: dict[str, int]) -> list[tuple[int, int]]:
    """What was acknowledged, and what left for the regulator: at which step, and the line that it rests on."""
    told: list[tuple[int, int]] = []
    for place, step in enumerate(steps):
        if isinstance(step, Told):
            told += [(place, said[found.decode()]) for found in _ACKNOWLEDGED.findall(step.data)]
            told += [(place, left[name]) for name in map(bytes.decode, _ID.findall(step.data)) if name in left]
    return told


def _rows(desk: ComplianceDesk, asked: str) -> list[Any]:
    store = desk.store
    assert isinstance(store, SqliteStore)
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(asked)]


def lay(state: State, store: Path) -> None:
    """Put a state where a store lies, with an index that holds anything."""
    for old in store.parent.iterdir():
        old.unlink()
    for end, content in state.files.items():
        Path(f"{store}{end}").write_bytes(content)
    if state.files.get("-wal"):
        Path(f"{store}-shm").write_bytes(os.urandom(_INDEX_SIZE))
    _renumber(state, str(store))


def _renumber(state: State, store: str) -> None:
    """The lock file notes the numbers of files: they are others here, and would be the same after a cut."""
    if ".lane" not in state.files:
        return
    with held(store) as lock:
        record = Record.of(lock)
        if record is None or not record.trouble.isascii():  # nothing is noted, or what lay on the disk before
            return
        same_database, same_log, untouched = state.noted
        database, log, index = record.states
        if same_database:
            if untouched:
                os.utime(store, ns=(database.written_at, database.written_at))
            database = state_of(store)._replace(size=database.size, written_at=database.written_at)
        if same_log:
            log = state_of(f"{store}-wal")._replace(size=log.size)
        Record((database, log, index), record.trouble).keep(lock)


def faults(whole: Whole, folder: Path, must: int) -> list[str]:
    """What is wrong with the store that was laid in a folder, where somebody knew of so many lines of its log."""
    plan = replace(whole.plan, folder=folder)
    try:
        with closing(SqliteStore(plan.store, plan.env(), threaded=False, create=not must)) as store:
            return _compared(whole, store, must)
    except StoreUnusable as error:
        return [f"what it says itself {LOST}: {error}" if error.code == BEHIND else f"StoreUnusable: {error}"]
    except Exception as error:  # noqa: BLE001  whatever it is, the store cannot be used
        return [f"{type(error).__name__}: {error}"]


def _compared(whole: Whole, store: SqliteStore, must: int) -> list[str]:
    with store.engine.connect() as connection:

        def asked(statement: str) -> list[Any]:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

        if (integrity := asked("PRAGMA integrity_check")) != [("ok",)]:
            return [f"not whole: {integrity[:3]}"]
        log = asked(_LOG)
        found = {name: asked(statement) for name, statement in _LEDGER.items()}
        keys = asked(_KEYS)
    if len(log) < must:
        return [f"{must - len(log)} lines: what somebody knew {LOST}"]
    if log != whole.log[: len(log)]:
        at = next(
            (n for n, pair in enumerate(zip(log, whole.log, strict=False), 1) if pair[0] != pair[1]), len(whole.log)
        )
        return [f"the log tells another story from line {at} of {len(log)} on"]
    lines = [(stream, seq) for _, stream, seq, _ in log]
    for name, by_event in whole.ledger.items():
        if set(found[name]) != {row for line in lines for row in by_event.get(line, ())}:
            return [f"{name} are others than were written"]
    streams = {stream for stream, _ in lines}
    if set(keys) != {row for row in whole.keys if row[0] in streams}:
        return ["keys are others than were written"]
    return []


def faults_of_desk(whole: Whole, folder: Path) -> list[str]:
    """The same, asked of the desk: its audit, the bytes of what it holds, and whether it goes on."""
    plan = replace(whole.plan, folder=folder)
    try:
        with ComplianceDesk(plan.settings(), env=plan.env()) as desk:
            found = [str(fault) for fault in desk.verify_audit().faults]
            for case_id in desk.store.queries(desk.platform_id).case_ids():
                rows = desk.case_file(case_id).inbox
                other = [row.message_id for row in rows if row.body != whole.issued[row.message_id].body]
                found += [f"other bytes of {name} than came" for name in other]
            found += _goes_on(desk, plan)
            return found
    except Exception as error:  # noqa: BLE001  whatever it is, the store cannot be used
        return [f"{type(error).__name__}: {error}"]


def _goes_on(desk: ComplianceDesk, plan: Plan) -> list[str]:
    now = plan.clock()
    body = builders.message_bytes(builders.notice(999_999), message_id="afterwards", sent_at=now)
    signed = sign(
        regulator_signing_key("standard-webhooks"),
        "standard-webhooks",
        "POST",
        plan.intake_url,
        body,
        now,
        "afterwards",
        "1",
    )
    answer = desk.receive("POST", "/notices", [("content-type", "application/json"), *signed], body)
    return [] if answer.status == 202 else [f"it goes on with {answer.status}: {answer.body!r}"]
