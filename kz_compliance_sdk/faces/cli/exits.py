"""The exit codes, in one table, which error ends in which, and what the machine refuses, in the words of this library.

Files, disks, the database's driver and a pipe refuse every day: that is no fault of this program.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.errors import (
    ComplianceError,
    ConfigError,
    Conflict,
    IllegalMove,
    InvalidInput,
    LeaseLost,
    NotAllowed,
    NotAuthentic,
    NotFound,
    RegulatorError,
    StoreError,
    StoreUnusable,
    Unreadable,
)

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Exit:
    """One exit code: what it says, what to do, and the errors that end in it."""

    code: int
    meaning: str
    remedy: str
    errors: tuple[type[ComplianceError], ...] = ()


OK: Final = 0
UNEXPECTED: Final = 1
USAGE: Final = 2
FOUND: Final = 4
INTERRUPTED: Final = 130
NO_READER: Final = 141

EXITS: Final = (
    Exit(OK, "done", "nothing"),
    Exit(UNEXPECTED, "a fault of this program", "run it again with `--debug` before the command, and report it"),
    Exit(USAGE, "the command line is wrong", "read the `--help` of the command"),
    Exit(
        3,
        "the configuration or the installation is wrong, or the store cannot be trusted as it is",
        "do what the message says",
        (ConfigError, StoreUnusable),
    ),
    Exit(
        FOUND,
        "a check found something: `audit verify`, `conformance`, `db rebuild`, `db rewrap`, `demo`, `doctor`, "
        "`evidence verify`, `health`",
        "read what it found",
    ),
    Exit(5, "there is no such case or message", "check the reference", (NotFound,)),
    Exit(6, "this person may not do this", "somebody else must, or `actors` must say who you are", (NotAllowed,)),
    Exit(
        7,
        "refused: what was given is wrong, or the case is in another state; nothing was written",
        "do what the message says",
        (InvalidInput, IllegalMove, Unreadable, NotAuthentic),
    ),
    Exit(
        8,
        "somebody was faster: the lease ran out or the case has changed; nothing was written",
        "read the case again",
        (LeaseLost, Conflict),
    ),
    Exit(
        9,
        "the store or the regulator's system does not answer now, or there is no room to write",
        "do what the message says, or try again; nothing is lost",
        (StoreError, RegulatorError),
    ),
    Exit(INTERRUPTED, "interrupted", "nothing"),
    Exit(NO_READER, "whoever read the answer went away before its end, such as `head`", "nothing"),
)


def exit_code(error: BaseException) -> int:
    """The code that an error ends in: that of the closest class which the table names, else UNEXPECTED."""
    named = {kind: row.code for row in EXITS for kind in row.errors}
    return next((named[kind] for kind in type(error).__mro__ if kind in named), UNEXPECTED)


def known(error: Exception) -> ComplianceError | None:
    """The error of this library that says the same, or None if it is none of the machine's."""
    driver = getattr(error, "orig", error)  # SQLAlchemy keeps the driver's error there
    if isinstance(driver, OSError):
        return _of_file(driver)
    if any(kind.__name__ == "DatabaseError" and "sqlite3" in kind.__module__ for kind in type(driver).__mro__):
        return _of_database(driver)
    return None


def _of_file(error: OSError) -> ComplianceError:
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
    why = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return StoreError(f"{where} cannot be written: the disk is full. Free some space.", code="storage_full")
    remedy = "Correct the path or its permissions."
    # The locks lie beside the database.
    store = where.endswith((".lane", ".open"))
    if store:
        from kz_compliance_sdk.adapters.sql.sqlite import SHARING

        folder = os.path.dirname(where)  # noqa: PTH120  it is text
        remedy = f"Give this account the right to write in {folder}, or choose another place. {SHARING}"
    return ConfigError(f"{where} cannot be used: {why}.", field="store.path" if store else "file", remedy=remedy)


def _of_database(error: Exception) -> ComplianceError:
    text = str(error)
    from kz_compliance_sdk.adapters.sql.sqlite import SHARING, store_error

    if "unable to open" in text or "readonly" in text:
        return ConfigError(
            f"the database cannot be used: {text}.",
            field="store.path",
            remedy=f"Name a file in a folder in which this account may write. {SHARING}",
        )
    return store_error(error)


def is_of_output(error: Exception) -> bool:
    """Whether standard output or error is what could not be written: such a fault names no file."""
    return isinstance(error, BrokenPipeError) or (
        isinstance(error, OSError) and error.filename is None and error.errno in (*_FULL, errno.EIO)
    )


def let_go_of_output() -> None:
    """Point standard output to nowhere, so that what is left of the answer does not fail again at the very end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
