"""A change as SQL: inserts grouped by table, each guarded update on its own so that the rows it hit can be counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.clock_statements import set_clock
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.adapters.sql.rows import DATA_KEY, PRIVATE, sanction_row
from kz_compliance_sdk.adapters.sql.sqlite import OVERWRITE_ALL, OVERWRITE_IN_PLACE
from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements, moving
from kz_compliance_sdk.adapters.sql.volumes import write_volumes
from kz_compliance_sdk.domain.change import (
    CaseErased,
    CaseWrite,
    Change,
    ClockSet,
    CursorMoved,
    EndpointState,
    Happened,
    Heartbeat,
    LodgedAnew,
    MessageVoided,
    MessageWrite,
    NoticeCounted,
    RefusalsCounted,
    ReportsOvertaken,
    SanctionNoted,
)
from kz_compliance_sdk.domain.checkpoints import TilesMade
from kz_compliance_sdk.domain.events.checkpoints import Checkpointed
from kz_compliance_sdk.domain.events.remedies import Appealed
from kz_compliance_sdk.domain.events.waiting import Lodged
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.errors import Conflict, LeaseLost

_MOVING = moving(t.outbox, ("platform_id", "case_id", "id"))
Execute = Callable[[str, tuple[Any, ...]], int]
ExecuteMany = Callable[[Compiled, list[tuple[Any, ...]]], None]


def keys_of(write: Any) -> tuple[str, ...]:
    """What a write speaks of. Two works of one batch that share a key must see each other. An event needs none, unless
    it takes a number that no other case may take: the ledger keeps each stream of the batch as the works before have
    left it."""
    kind = type(write)
    if kind is CaseWrite:
        case = write.case
        return (f"c{case.id}", f"n{case.notice_id}") if write.opens else (f"c{case.id}",)
    if kind is CaseErased:
        return (f"c{write.case_id}",)
    if kind is OutboxMessage:
        return (f"m{write.id}",)
    if kind is MessageWrite:
        return (f"m{write.message.id}",)
    if kind is MessageVoided:
        return (f"m{write.message_id}",)
    if kind is EndpointState:
        return (f"e{write.endpoint}",)
    if kind is CursorMoved:
        return (f"f{write.feed}",)
    if kind is Happened and type(write.event) is Appealed:
        return (f"a{write.event.reference}",)
    if kind is LodgedAnew:
        return (write.stream,)
    if kind is Happened:
        return _of_event(write.event)
    return ()


def _of_event(event: Any) -> tuple[str, ...]:
    """What an event speaks of: the same message must not be taken for new again, and the notice must find what waits
    for it; of checkpoints one follows the other."""
    if type(event) is Checkpointed:
        return ("checkpoint",)
    came = getattr(event, "came", None)
    if came is None:
        return ()
    return (f"i{came.key}", f"n{event.notice}") if type(event) is Lodged else (f"i{came.key}",)


class Writer:
    """Stages changes and writes them. Raises ChangeRefused for an update that found its row changed."""

    def __init__(self, statements: Statements) -> None:
        self._s = statements

    def write(self, changes: list[Change], rows: PrivateRows, execute: Execute, execute_many: ExecuteMany) -> None:
        """Write staged changes: inserts of all of them table by table, then the updates one by one. `rows` encrypts."""
        inserts: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        updates: list[Any] = []
        counted: list[NoticeCounted] = []
        write: Any
        for change in changes:
            # Its key comes before anything else of a case.
            for write in change:
                if type(write) is CaseWrite and write.opens:
                    inserts["cases"].append(rows.case_row(write.case, rows.open_case(write.case)))
            for write in change:
                kind = type(write)
                if kind is OutboxMessage:
                    inserts["outbox"].append(rows.message_row(write))
                elif kind is Attempt:
                    inserts["attempts"].append(rows.attempt_row(write))
                elif kind is NoticeCounted:
                    counted.append(write)
                elif kind in (Happened, LodgedAnew) or (kind is CaseWrite and write.opens):
                    pass  # linked when its work was run, stored by the ledger below, and the rows made of it
                else:
                    updates.append(write)
        for table, values in inserts.items():
            statement = self._s.inserts[table]
            if len(values) == 1:
                execute(statement.sql, values[0])
            else:
                execute_many(statement, values)
        if counted:
            write_volumes(counted, self._s.volumes, execute, execute_many)
        for write in updates:
            self._update(write, rows, execute)

    def _update(self, write: Any, rows: PrivateRows, execute: Execute) -> None:
        s = self._s
        kind = type(write)
        if kind is CaseWrite:
            self._update_case(write, rows, execute)
        elif kind is MessageWrite:
            row = rows.moved_message_row(write.message)
            statement = s.message_update if write.lease_token is None else s.message_update_leased
            guard = () if write.lease_token is None else (write.lease_token,)
            if execute(statement.sql, (*(row[at] for at in _MOVING), row[0], row[1], row[2], *guard)) != 1:
                raise ChangeRefused(
                    LeaseLost("another worker took this message over; its result stands.", reference=row[2])
                )
        elif kind is MessageVoided:
            hit = execute(s.message_void.sql, (write.at, write.platform_id, write.case_id, write.message_id))
            if write.must and hit != 1:
                raise ChangeRefused(
                    Conflict("it is being carried out. Nothing was written; read it again.", reference=write.case_id)
                )
        elif kind is ReportsOvertaken:
            execute(s.reports_overtaken.sql, (write.at, write.platform_id, write.case_id, write.sequence))
        elif kind is TilesMade:
            for tile in write.tiles:
                execute(s.log.put_tile.sql, (write.platform_id, *tile))
        elif kind is CaseErased:
            self._erase(write, rows, execute)
        elif kind is ClockSet:
            set_clock(write, s.clock_set, execute)
        else:
            execute(s.upserts[kind].sql, _fact_row(write))

    def _erase(self, write: CaseErased, rows: PrivateRows, execute: Execute) -> None:
        """Destroy the key, and overwrite what it opened: free pages must not hold it either."""
        s = self._s.private
        execute(OVERWRITE_ALL, ())
        for statement in s.erase:
            given = {"k_platform_id": write.platform_id, "k_case_id": write.case_id}
            execute(statement.sql, statement.bind(given))
        execute(s.destroy_key.sql, s.destroy_key.bind({"k_platform_id": write.platform_id, "k_id": write.case_id}))
        execute(OVERWRITE_IN_PLACE, ())
        rows.destroyed(write.platform_id, write.case_id)

    def _update_case(self, write: CaseWrite, rows: PrivateRows, execute: Execute) -> None:
        row = rows.case_row(write.case)
        if execute(self._s.case_update.sql, (*row[2:DATA_KEY], row[PRIVATE], row[0], row[1])) != 1:
            gone = Conflict("the row of the case is gone: run `kz-compliance db rebuild`.", reference=row[1])
            raise ChangeRefused(gone)


def _fact_row(write: Any) -> tuple[Any, ...]:
    kind = type(write)
    if kind is CursorMoved:
        return write.platform_id, write.feed, write.cursor, write.at
    if kind is EndpointState:
        return (*astuple(write)[:-1], write.last_failure[:200])
    if kind is Heartbeat:
        return write.platform_id, write.part, write.at, write.detail[:200]
    if kind is RefusalsCounted:
        return write.platform_id, write.key_id, write.code, write.count, write.last_at
    if kind is SanctionNoted:
        return sanction_row(write)
    raise TypeError(f"{kind.__name__} is not a write")
