"""Hosts that are wrong on purpose: the controls of the campaign."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from kz_compliance_sdk.adapters.sql import sqlite as sqlite_adapter
from kz_compliance_sdk.adapters.sql.statements import Compiled, sqlite_statements
from kz_compliance_sdk.domain import deciding, steps
from kz_compliance_sdk.domain.change import MessageVoided
from tests.unguarded import unguard

Weakness = Literal["version", "lease", "four_eyes", "in_flight", "one_layer"]
"""`version`: no check of versions at all. `lease`: no check of the lease. `four_eyes`: nobody looks who approves.
`in_flight`: what is being carried out can be undone. `one_layer`: only the version is not checked; the key of the trail
and the guards are there, and nothing may be found."""


def weaken(path: Path, weakness: Weakness, stack: ExitStack) -> None:
    """Take a check away, of the file and of this process, until the stack is closed."""
    if weakness != "one_layer":
        with closing(sqlite_adapter.choose_driver().module.connect(path, isolation_level=None)) as raw:
            unguard(raw)
    if weakness in ("version", "one_layer"):
        _unchecked(stack, replacing=weakness == "version")
    elif weakness == "lease":
        stack.enter_context(mock.patch.object(steps, "check_lease", _anybody))
        stack.enter_context(mock.patch.object(deciding, "check_lease", _anybody))
        _unchecked(stack, replacing=False, only_lease=True)
    elif weakness == "four_eyes":
        stack.enter_context(mock.patch.object(deciding, "check_no_proposer", _anybody))
    else:
        stack.enter_context(mock.patch.object(deciding, "undo", _undo_anything))


def _anybody(*_: object) -> None:
    """In the place of a check."""


def _unchecked(stack: ExitStack, *, replacing: bool, only_lease: bool = False) -> None:
    s = sqlite_statements()
    always = "(? IS NOT NULL OR 1)"

    def without(statement: Compiled, *parts: str) -> Any:
        sql = statement.sql
        for part in parts:
            assert part in sql, (part, sql)
            sql = sql.replace(part, always if "?" in part else "1 = 1")
        return mock.patch.object(statement, "sql", sql)

    lease = ("state = 'claimed'", "cases.lease_token = ?")
    stack.enter_context(without(s.case_update_leased, *(lease if only_lease else ("cases.version = ?", *lease))))
    if not only_lease:
        stack.enter_context(without(s.case_update, "cases.version = ?"))
    if replacing:
        for table in ("audit", "outbox", "inbox", "sealed_texts"):
            insert = s.inserts[table]
            sql = insert.sql.replace("INSERT INTO", "INSERT OR REPLACE INTO")
            stack.enter_context(mock.patch.object(insert, "sql", sql))


_undo = deciding.undo


def _undo_anything(case: Any, messages: Any, policy: Any, *, stamp: Any) -> Any:
    idle = [replace(message, state="queued", attempts=0) for message in messages]
    items = tuple(replace(item, status="decided") if item.status == "in_force" else item for item in case.items)
    change, after = _undo(replace(case, items=items), idle, policy, stamp=stamp)
    return tuple(replace(one, must=False) if isinstance(one, MessageVoided) else one for one in change), after
