"""The public figures, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import islice

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.transparency.publication import Transparency, Workload
from kz_compliance_sdk.transparency.report import Period, TransparencyReport

__all__ = ["AsyncTransparency"]

_AT_ONCE = 1000


class AsyncTransparency(Awaited[Transparency]):
    """Transparency for event loops: the same names and arguments, awaited."""

    async def report(
        self, period: Period, *, draft: bool = False, progress: Callable[[int], None] | None = None
    ) -> TransparencyReport:
        """See Transparency. `progress` is called on a thread."""
        return await self._hop(self.blocking.report, period, draft=draft, progress=progress)

    async def lumen(self, report: TransparencyReport, *, with_urls: bool = False) -> AsyncIterator[bytes]:
        """See Transparency."""
        lines = self.blocking.lumen(report, with_urls=with_urls)
        while found := await self._hop(list, islice(lines, _AT_ONCE)):
            for line in found:
                yield line

    async def workloads(self, period: Period) -> list[Workload]:
        """See Transparency."""
        return await self._hop(self.blocking.workloads, period)
