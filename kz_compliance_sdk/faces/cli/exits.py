"""The exit codes, in one table, which error ends in which, and what the machine refuses, in the words of this library.

Files, disks, the database's driver and a pipe refuse every day: that is no fault of this program.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping
from typing import Final

from kz_compliance_sdk import errors
from kz_compliance_sdk.errors import ComplianceError, ConfigError, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)


OK: Final = 0
UNEXPECTED: Final = 1
USAGE: Final = 2
FOUND: Final = 4
NOT_PROVABLE: Final = 10
INTERRUPTED: Final = 130
NO_READER: Final = 141

CODE_OF: Final[Mapping[type[ComplianceError], int]] = {
    errors.ConfigError: 3,
    errors.StoreUnusable: 3,
    errors.NotFound: 5,
    errors.NotAllowed: 6,
    errors.InvalidInput: 7,
    errors.IllegalMove: 7,
    errors.Unreadable: 7,
    errors.NotAuthentic: 7,
    errors.LeaseLost: 8,
    errors.Conflict: 8,
    errors.StoreError: 9,
    errors.RegulatorError: 9,
}
"""The code that a kind of error ends in."""


def exit_code(error: BaseException) -> int:
    """The code that an error ends in: that of the closest class which the table names, else UNEXPECTED."""
    return next((CODE_OF[kind] for kind in type(error).__mro__ if kind in CODE_OF), UNEXPECTED)


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
    return ConfigError(f"{where} cannot be used: {why}.", field="file", remedy="Correct the path or its permissions.")


def _of_database(error: Exception) -> ComplianceError:
    text = str(error)
    from kz_compliance_sdk.adapters.sql.place import SHARING
    from kz_compliance_sdk.adapters.sql.sqlite import store_error

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
