"""What the log says of trouble that lasts: its first line, a change of its cause, a reminder, and its end.

A fault that is met again every second would otherwise bury everything else, and its end would not be seen.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.errors import ComplianceError, StoreError

REMIND_S: Final = 300
"""After how many seconds the same trouble is told again."""


def cause_of(error: BaseException) -> str:
    """An error's code; of the store's errors the words as well, which come from this machine and name nobody."""
    if isinstance(error, StoreError):
        return f"{error.code}: {' '.join(error.message.split())}"
    return error.code if isinstance(error, ComplianceError) else type(error).__name__


@dataclass(slots=True)
class _Trouble:
    cause: str
    since: float
    told_at: float
    times: int


class Troubles:
    """The troubles of one process, each under the name of the part that has it. Safe to share between threads.

    `monotonic` gives seconds and never goes back.
    """

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._log, self._monotonic = log, monotonic
        self._open: dict[str, _Trouble] = {}
        self._lock = threading.Lock()

    def met(self, part: str, cause: str, *, level: int = logging.WARNING) -> None:
        """A part failed, and it is tried again."""
        now = self._monotonic()
        with self._lock:
            known = self._open.get(part)
            if known is None or known.cause != cause:
                since = now if known is None else known.since
                self._open[part] = _Trouble(cause, since, now, 1 if known is None else known.times + 1)
                line = f"{part} fails and is tried again: {cause}"
            else:
                known.times += 1
                if now - known.told_at < REMIND_S:
                    return
                known.told_at = now
                line = f"{part} still fails, {known.times} times in {int(now - known.since)} s: {cause}"
        self._log.log(level, line, extra={"code": cause.partition(":")[0]})

    def over(self, part: str) -> None:
        """A part did what it should."""
        with self._lock:
            known = self._open.pop(part, None)
        if known is not None:
            lasted = int(self._monotonic() - known.since)
            self._log.info("%s works again, after %d failures in %d s", part, known.times, lasted)
