"""A way to users that remembers."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.ports import TellResult, Told, UserNotice


class FakeMessenger:
    """A way to users that obeys the port: the same notice twice tells once. `faults` are played first."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.told: dict[str, tuple[UserNotice, int]] = {}
        self.calls: list[str] = []
        self.faults: list[Callable[[UserNotice], TellResult | None]] = []

    def tell(self, notice: UserNotice) -> TellResult:
        self.calls.append(notice.id)
        if self.faults:
            fault = self.faults.pop(0)(notice)
            if fault is not None:
                return fault
        return Told(self.told.setdefault(notice.id, (notice, self._clock()))[1])

    def kinds(self) -> list[tuple[str, str]]:
        """The item and the kind of each notice that a user got, in order."""
        return [(notice.item_id, notice.kind) for notice, _ in self.told.values()]
