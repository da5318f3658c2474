"""The public figures, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import islice
from typing import Any

from kz_compliance_sdk.domain.transparency import Period, TransparencyReport
from kz_compliance_sdk.services.transparency import Transparency, Workload

__all__ = ["AsyncTransparency"]

_AT_ONCE = 1000


class AsyncTransparency:
    """Transparency for event loops: the same names and arguments, awaited."""

    def __init__(
        self, hop: Callable[[Callable[[], Any]], Awaitable[Any]], blocking: Callable[[], Transparency]
    ) -> None:
        self._hop, self._blocking = hop, blocking

    async def report(
        self, period: Period, *, draft: bool = False, progress: Callable[[int], None] | None = None
    ) -> TransparencyReport:
        """See Transparency. `progress` is called on a thread."""
        found: TransparencyReport = await self._hop(
            partial(self._blocking().report, period, draft=draft, progress=progress)
        )
        return found

    async def lumen(self, report: TransparencyReport, *, with_urls: bool = False) -> AsyncIterator[bytes]:
        """See Transparency."""
        lines = self._blocking().lumen(report, with_urls=with_urls)
        while found := await self._hop(lambda: list(islice(lines, _AT_ONCE))):
            for line in found:
                yield line

    async def workloads(self, period: Period) -> list[Workload]:
        """See Transparency."""
        found: list[Workload] = await self._hop(partial(self._blocking().workloads, period))
        return found
