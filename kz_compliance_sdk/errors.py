"""Every error that this library raises on purpose.

    ComplianceError               code, retryable, reference
    ├── ConfigError               a setting is missing or wrong; names its key and the remedy
    ├── NotAuthentic              a message whose origin is not proved; the cause never leaves the process
    ├── Unreadable                an authentic message that cannot be used: code, field, remedy
    ├── NotFound                  no such case, message or decision on this platform
    ├── NotAllowed                this person may not do this (role, four-eyes, an unmapped account)
    ├── InvalidInput              a caller's argument is wrong: field, remedy
    ├── IllegalMove               the case is not in a state from which this step leads on
    ├── LeaseLost                 the lease ran out or went to somebody else; nothing was written
    ├── Conflict                  what was seen is no longer what is there; nothing was written
    ├── StoreError                the database refused or could not be reached
    │   ├── StoreFull             the writer's queue is full; nothing was written, try again
    │   ├── StoreUnusable         the file, its settings or its schema cannot be trusted
    │   │   └── StoreDamaged      one row is not what this library wrote; the others are
    │   └── CommitUnknown         the outcome of a commit could not be learnt
    └── RegulatorError            the regulator's endpoint; says whether the request may have been sent

`code` is stable and meant for programs, `str(error)` for people. `retryable` says whether the same
call can succeed later without anybody changing anything. `reference` is an id to search the logs for.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "CommitUnknown",
    "ComplianceError",
    "ConfigError",
    "Conflict",
    "IllegalMove",
    "InvalidInput",
    "LeaseLost",
    "NotAllowed",
    "NotAuthentic",
    "NotFound",
    "RegulatorError",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreUnusable",
    "Unreadable",
]


class ComplianceError(Exception):
    """The root of every error of this library."""

    code = "error"
    retryable = False

    def __init__(self, message: str, *, code: str | None = None, reference: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reference = reference
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} [{self.reference}]" if self.reference else self.message


class _FieldError(ComplianceError):
    more: tuple[_FieldError, ...] = ()
    """What else is wrong, where all of it is known; the text has one line for each."""

    def __init__(
        self,
        message: str,
        *,
        field: str,
        remedy: str,
        code: str | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(message, code=code, reference=reference)
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        own = f"{where}{super().__str__()} {self.remedy}".rstrip()
        return "\n".join([own, *map(str, self.more)])


class ConfigError(_FieldError):
    """A setting is missing or wrong. `field` is its key; `remedy` says what to put there, `more` what else is wrong."""

    code = "config"


class NotAuthentic(ComplianceError):
    """The origin of a message is not proved. `code` is for the counters; the sender sees one reply for all."""

    code = "not_authentic"


class Unreadable(_FieldError):
    """An authentic message that cannot be used as it stands. `field` is a JSON path, empty for the whole body."""

    code = "unreadable"


class NotFound(ComplianceError):
    """Nothing of that name on this platform."""

    code = "not_found"


class NotAllowed(ComplianceError):
    """This person may not take this step."""

    code = "not_allowed"


class InvalidInput(_FieldError):
    """An argument of the caller is wrong. Nothing was written. `more` are the other mistakes in it."""

    code = "invalid_input"

    @classmethod
    def together(cls, first: InvalidInput, *others: InvalidInput) -> InvalidInput:
        """The first of these mistakes, with the others as its `more`."""
        first.more = others
        return first

    @classmethod
    def tell(cls, found: Iterable[InvalidInput]) -> None:
        """Raise these mistakes together; nothing without any."""
        if all_of_them := [*found]:
            raise cls.together(*all_of_them)


class IllegalMove(ComplianceError):
    """The case is not in a state from which this step leads on. Nothing was written."""

    code = "illegal_move"


class LeaseLost(ComplianceError):
    """The lease ran out or somebody else holds the case now. Nothing was written: claim again."""

    code = "lease_lost"


class Conflict(ComplianceError):
    """What the caller saw is no longer what is there. Nothing was written: read again."""

    code = "conflict"


class StoreError(ComplianceError):
    """The database refused, or could not be reached. Nothing was acknowledged."""

    code = "store"
    retryable = True


class StoreFull(StoreError):
    """More writes wait than the queue holds. Nothing was written; try again shortly."""

    code = "store_full"


class StoreUnusable(StoreError):
    """The store cannot be trusted as it is: its place, its settings or its schema."""

    code = "store_unusable"
    retryable = False


class StoreDamaged(StoreUnusable):
    """A row that cannot be read: it was changed from outside, or the file is damaged. `reference` is its case. What is
    stored of other cases is not touched by it."""

    code = "store_damaged"


class CommitUnknown(StoreError):
    """A commit whose outcome could not be learnt. Ask again with the same message: nothing is decided twice."""

    code = "commit_unknown"


class RegulatorError(ComplianceError):
    """The regulator's endpoint failed. `maybe_sent` is true if the request may have arrived."""

    code = "regulator"
    retryable = True

    def __init__(self, message: str, *, maybe_sent: bool, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.maybe_sent = maybe_sent


def kind_and_place(error: BaseException) -> str:
    """Such as `ValidationError at report.py:92`."""
    trace = error.__traceback__
    if trace is None:
        return type(error).__name__
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"
