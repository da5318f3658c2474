"""Hosts that are wrong on purpose: the controls of the campaign."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from msgspec import structs

from kz_compliance_sdk.adapters.sql import sqlite as sqlite_adapter
from kz_compliance_sdk.adapters.sql.ledger import Appending
from kz_compliance_sdk.domain import deciding
from kz_compliance_sdk.domain.commands import review
from kz_compliance_sdk.domain.events.base import AS_READ, Happened
from tests.unguarded import unguard

Weakness = Literal["version", "lease", "four_eyes", "in_flight"]
"""`version`: nobody asks how far the chain had been read. `lease`: no check of the lease. `four_eyes`: nobody looks who
approves. `in_flight`: what is being carried out can be undone."""


def weaken(path: Path, weakness: Weakness, stack: ExitStack) -> None:
    """Take a check away, of the file and of this process, until the stack is closed."""
    with closing(sqlite_adapter.choose_driver().module.connect(path, isolation_level=None)) as raw:
        unguard(raw)
    if weakness == "version":
        _unchecked(stack)
    elif weakness == "lease":
        stack.enter_context(mock.patch.object(review, "check_lease", _anybody))
        stack.enter_context(mock.patch.object(deciding, "check_lease", _anybody))
        _unchecked(stack)
    elif weakness == "four_eyes":
        stack.enter_context(mock.patch.object(deciding, "check_no_proposer", _anybody))
    else:
        stack.enter_context(mock.patch.object(deciding, "undo", _undo_anything))


def _anybody(*_: object) -> None:
    """In the place of a check."""


def _unchecked(stack: ExitStack) -> None:
    """Nobody asks how far the chain had been read."""
    linked = Appending._linked

    def blindly(self: Appending, grown: Any, one: Happened) -> Any:
        return linked(self, grown, structs.replace(one, read=AS_READ))

    stack.enter_context(mock.patch.object(Appending, "_linked", blindly))


_undo = deciding.undo


def _undo_anything(case: Any, messages: Any, policy: Any, *, stamp: Any) -> Any:
    idle = [message.but(state="queued", attempts=0) for message in messages]
    items = tuple(item.but(status="decided") if item.status == "in_force" else item for item in case.items)
    return _undo(case.but(items=items), idle, policy, stamp=stamp)
