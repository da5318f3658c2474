"""Making the transparency report: read a period in one pass, count, and take out what must not be published."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from kz_compliance_sdk.domain.decision import PROPOSAL
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.delivery import UserNoticeDelayed, UserNoticeOwed
from kz_compliance_sdk.domain.events.remedies import Appealed, AppealReversed
from kz_compliance_sdk.domain.events.review import Approved, Proposed
from kz_compliance_sdk.domain.fold import Stream, Tally
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.ports import Queries, Store
from kz_compliance_sdk.ports.store import Running
from kz_compliance_sdk.services.loading import sanctions_of
from kz_compliance_sdk.transparency.counting import Counting
from kz_compliance_sdk.transparency.lumen import LumenLines
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, published

_TOLD_EVERY = 10_000
_log = logging.getLogger("kz_compliance_sdk.transparency")


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
        counting = self._counted(period, now, progress)
        return published(
            counting,
            period,
            platform_id=self._platform,
            threshold=self._policy.threshold,
            embargo_days=self._policy.embargo_days,
            draft=draft,
        )

    def _counted(self, period: Period, now: int, progress: Callable[[int], None] | None = None) -> Counting:
        """Everything that is counted, with nothing hidden yet."""
        queries = self._store.queries(self._platform)
        counting = Counting(now, self._categories, period.later(self._policy.withheld_days))
        for number, row in enumerate(self._ended(queries, period, counting), start=1):
            counting.add(row)
            if progress is not None and not number % _TOLD_EVERY:
                progress(number)
        for sanction in sanctions_of(queries)[0]:
            if period.start <= sanction.received_at < period.end:
                counting.sanction(sanction)
        counting.counts |= told_users(queries, period.start, period.end)
        counting.fold()
        return counting

    def _ended(
        self, queries: Queries, period: Period, counting: Counting | None = None, until: int | None = None
    ) -> Iterator[Tally]:
        """Every case of the period that has ended, once; with `until` (UTC seconds), not what was answered after it.
        What runs is counted first: what ends meanwhile runs in this report."""
        seen: set[str] = set()
        for row in queries.demands(period.start, period.end):
            if isinstance(row, Running):
                if counting is not None:
                    seen.add(row.case_id)
                    counting.run(row)
                continue
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
        proposed, approved = decided(self._store.queries(self._platform), period.start, period.end)
        rows = [
            Workload(hmac.new(key, who.encode(), hashlib.sha256).hexdigest()[:12], proposed[who], approved[who])
            for who in proposed | approved
        ]
        return sorted(rows, key=lambda row: (-row.proposed - row.approved, row.pseudonym))


def told_users(queries: Queries, start: int, end: int) -> dict[str, Counter[str]]:
    """`user_notices` and `appeals` of a time (UTC seconds), each by state."""
    notices, appeals = Counter[str](), Counter[str]()
    for stream in _telling(queries, (Appealed, UserNoticeDelayed, UserNoticeOwed), start, end):
        due = (one for one in stream.case.tellings.values() if one.kind == "measure" and start <= one.due_at < end)
        notices.update(one.state for one in due if one.state != "void")
        appeals.update(one.state for one in stream.case.appeals.values() if start <= one.received_at < end)
    return {"user_notices": notices, "appeals": appeals}


def decided(queries: Queries, start: int, end: int) -> tuple[Counter[str], Counter[str]]:
    """How many decisions each person proposed in a time (UTC seconds), and how many they approved."""
    proposed, approved = Counter[str](), Counter[str]()
    for stream in _telling(queries, (Proposed, AppealReversed, Approved), start, end):
        for on in stream.events:
            if on.who is None or not start <= on.at < end:
                continue
            if isinstance(on.event, Approved):
                approved[on.who.id] += 1
            elif PROPOSAL in on.event.parts:
                proposed[on.who.id] += 1
    return proposed, approved


def _telling(queries: Queries, kinds: Iterable[type[Event]], start: int, end: int) -> Iterator[Stream]:
    """One whose chain does not prove itself must not keep the others from being counted: it is logged, and left out."""
    for stream in queries.streams_telling([one.called for one in kinds], start, end):
        if stream.fault is None:
            yield stream
        else:
            _log.error("%s is left out of the figures: %s", stream.name, stream.fault)


def _urls(queries: Queries, case_id: str) -> tuple[str, ...]:
    return tuple(sorted({item.url for item in queries.case(case_id).items if item.url}))
