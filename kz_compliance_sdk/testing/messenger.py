"""A platform's way to its users that obeys the port and remembers what it was handed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kz_compliance_sdk.ports import TellResult, Told, UserNotice


class RecordingMessenger:
    """Telling the same notice twice tells the user once. `told` is what users got, `calls` the id of each try.

    `clock` gives UTC seconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._answers: deque[TellResult] = deque()
        self._at: dict[str, int] = {}
        self.calls: list[str] = []
        self.told: list[UserNotice] = []

    def answer_next(self, *results: TellResult) -> None:
        """Give these answers to the next calls, and tell nobody: a `Failed`, or a `RetryAt`."""
        self._answers.extend(results)

    def tell(self, notice: UserNotice) -> TellResult:
        """Tell the user, once."""
        self.calls.append(notice.id)
        if self._answers:
            return self._answers.popleft()
        if notice.id not in self._at:
            self._at[notice.id] = self._clock()
            self.told.append(notice)
        return Told(self._at[notice.id])
