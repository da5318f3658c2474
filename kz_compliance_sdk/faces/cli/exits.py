"""The exit codes, in one table, and which error ends in which."""

from __future__ import annotations

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

__all__ = ["EXITS", "FOUND", "INTERRUPTED", "NO_READER", "OK", "UNEXPECTED", "USAGE", "Exit", "exit_code"]


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
        "a check found something: `audit verify`, `conformance`, `db rewrap`, `demo`, `doctor`, `evidence verify`, "
        "`health`",
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
