"""Making the transparency report: read a period in one pass, count, and take out what must not be published."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.ports import Queries, Store
from kz_compliance_sdk.transparency.counting import Counting
from kz_compliance_sdk.transparency.lumen import LumenLines
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, published

_TOLD_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class TransparencyPolicy:
    """What a platform has decided about publishing: the smallest count that is shown, the days that must have passed
    since the end of a period, those after it for which a bar on telling the user can keep a demand out of the figures,
    and the key under which staff get their pseudonyms (empty: there are none)."""

    threshold: int
    embargo_days: int
    withheld_days: int
    staff_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Workload:
    """What one person of the staff did in a period. For use inside the platform only."""

    pseudonym: str
    proposed: int
    approved: int


class Transparency:
    """The public figures of one platform. Reads only."""

    def __init__(self, store: Store, platform_id: str, policy: TransparencyPolicy, categories: Collection[str]) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._categories = frozenset(categories)

    def report(
        self, period: Period, *, draft: bool = False, progress: Callable[[int], None] | None = None
    ) -> TransparencyReport:
        """The report of a period; `progress` is told now and then how many cases were counted. A draft is marked as
        one, and has no embargo. Raises InvalidInput before the embargo is over."""
        now = self._store.now()
        if not draft:
            period.refuse_early(now, self._policy.embargo_days)
        counting, unrecorded = self._counted(period, now, progress)
        return published(
            counting,
            period,
            platform_id=self._platform,
            threshold=self._policy.threshold,
            embargo_days=self._policy.embargo_days,
            draft=draft,
            unrecorded=unrecorded,
        )

    def _counted(
        self, period: Period, now: int, progress: Callable[[int], None] | None = None
    ) -> tuple[Counting, list[str]]:
        """Everything that is counted, with nothing hidden yet, and the figures of which there are no records."""
        queries = self._store.queries(self._platform)
        counting = Counting(now, self._categories, period.later(self._policy.withheld_days))
        for number, row in enumerate(self._ended(queries, period, counting), start=1):
            counting.add(row)
            if progress is not None and not number % _TOLD_EVERY:
                progress(number)
        for sanction in queries.sanctions()[0]:
            if period.start <= sanction.received_at < period.end:
                counting.sanction(sanction)
        of_users = queries.user_figures(period.start, period.end)
        for figure, values in of_users.items():
            counting.counts[figure] = Counter(values)
        counting.fold()
        return counting, [name for name in ("appeals", "user_notices") if name not in of_users]

    def _ended(
        self, queries: Queries, period: Period, counting: Counting | None = None, until: int | None = None
    ) -> Iterator[Tally]:
        """Every case of the period that has ended, once; with `until` (UTC seconds), not what was answered after it.
        What runs is counted first: what ends meanwhile runs in this report."""
        seen: set[str] = set()
        if counting is not None:
            for running in queries.running(period.start, period.end):
                seen.add(running.case_id)
                counting.run(running)
        for row in queries.tallies(period.start, period.end):
            answered = row.receipt_at
            if until is not None and answered is not None and answered > until:
                continue
            # Only what ended since the count began can have been counted as running.
            is_settled = counting is not None and answered is not None and answered < counting.now
            if is_settled or row.case_id not in seen:
                yield row

    def lumen(self, report: TransparencyReport, *, with_urls: bool = False) -> Iterator[bytes]:
        """A line for each ended demand that nothing keeps back, as Lumen takes it. A value that the report hides is
        not told here either; no line at all while the number of demands is hidden."""
        if report.value("demands_told").count is None:
            return
        queries = self._store.queries(self._platform)
        lines = LumenLines(report, self._categories)
        for row in self._ended(queries, report.period, until=report.as_of):
            if lines.may_tell(row):
                yield lines.line(row, _urls(queries, row.case_id) if with_urls else ())

    def workloads(self, period: Period) -> list[Workload]:
        """What each person of the staff did, under pseudonyms, busiest first. Never part of a report.

        Raises ConfigError without a key for the pseudonyms."""
        key = self._policy.staff_key
        if not key:
            raise ConfigError(
                "there is no key for the pseudonyms of staff.",
                field="transparency.staff_key",
                remedy="Set it: 32 random bytes in base64.",
            )
        found = self._store.queries(self._platform).workloads(period.start, period.end)
        rows = [
            Workload(hmac.new(key, who.encode(), hashlib.sha256).hexdigest()[:12], proposed, approved)
            for who, (proposed, approved) in found.items()
        ]
        return sorted(rows, key=lambda row: (-row.proposed - row.approved, row.pseudonym))


def _urls(queries: Queries, case_id: str) -> tuple[str, ...]:
    return tuple(sorted({item.url for item in queries.case(case_id).items if item.url}))
