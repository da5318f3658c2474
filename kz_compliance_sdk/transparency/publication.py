"""Publishing: read a period in one pass, count, and register in the ledger what leaves the house."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change, Happened
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.events.base import AS_READ, Event
from kz_compliance_sdk.domain.events.delivery import UserNoticeDelayed, UserNoticeOwed
from kz_compliance_sdk.domain.events.office import FiguresTaken, LinesTaken, Published
from kz_compliance_sdk.domain.events.remedies import Appealed
from kz_compliance_sdk.domain.fold import Stream, Tally
from kz_compliance_sdk.errors import Conflict, InvalidInput
from kz_compliance_sdk.ports import Queries, Store, Tx
from kz_compliance_sdk.ports.store import Running
from kz_compliance_sdk.services.loading import sanctions_of
from kz_compliance_sdk.transparency.counting import Counting, demand_of
from kz_compliance_sdk.transparency.figures import OTHER
from kz_compliance_sdk.transparency.lumen import COUNTED, LumenLines
from kz_compliance_sdk.transparency.own import (
    DECIDING,
    OwnFigures,
    Place,
    month_of,
    of_demand,
    of_people,
    own_figures,
)
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, published, read_report, report_json

_TOLD_EVERY = 10_000
_log = logging.getLogger("kz_compliance_sdk.transparency")


@dataclass(frozen=True, slots=True)
class TransparencyPolicy:
    """What a platform has decided about publishing: the smallest count that is shown, the days that must have passed
    since the end of a period, and those after it for which a bar on telling the user can keep a demand out of the
    figures. `names` says what authorities are called, by id and language."""

    threshold: int
    embargo_days: int
    withheld_days: int
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


PUBLICATIONS: Final = "publication/"
"""How the stream of each month begins whose figures were published; the month follows."""
TAKEN: Final = "figures/"
"""How the stream of each month begins in which somebody took the office's own figures out; the month follows."""


class Transparency:
    """The public figures of one platform, and the series in which they are published."""

    def __init__(self, store: Store, platform_id: str, policy: TransparencyPolicy, categories: Collection[str]) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._categories = frozenset(categories)

    def draft(self, period: Period, *, progress: Callable[[int], None] | None = None) -> TransparencyReport:
        """The report of a period as it stands, marked as one that is not to be published: it has no embargo. `progress`
        is told now and then how many cases were counted."""
        return self._made(period, self._store.now(), None, progress, draft=True)

    def published(self, period: Period) -> TransparencyReport | None:
        """The report of a period that was published, with its last revision; None if none was. Raises Conflict where
        a part of it was published with another period, InvalidInput for a period of other than whole months."""
        months = period.months
        held = self._store.submit(self._platform, lambda tx: ((), _series(tx, period, months).report)).result()
        return None if held is None else read_report(held)

    def publish(
        self,
        actor: Actor,
        period: Period,
        *,
        revise: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> TransparencyReport:
        """Publish the report of a period, once: from then on this is what is given. With `revise` it is counted anew,
        and published as a revision that shows no more than the one before and no change that few demands make.

        Raises NotAllowed; InvalidInput before the embargo is over, for a period of other than whole months, and for a
        revision of nothing or by few demands; Conflict where a part of it was published with another period."""
        Published.may.check(actor, "publish the figures")
        now = self._store.now()
        period.refuse_early(now, self._policy.embargo_days)
        last = self.published(period)
        if last is not None and not revise:
            return last
        if last is None and revise:
            raise InvalidInput(
                "nothing of this period was published yet.", field="revise", remedy="Publish it without that."
            )
        report = self._made(period, now, last, progress)
        self._store.submit(self._platform, partial(self._register, report=report, last=last, actor=actor)).result()
        return report

    def _register(
        self, tx: Tx, report: TransparencyReport, last: TransparencyReport | None, actor: Actor
    ) -> tuple[Change, None]:
        period, body = report.period, report_json(report)
        series = _series(tx, period, period.months)
        if series.report != (None if last is None else report_json(last)):
            raise Conflict("somebody published this period meanwhile.", reference=period.months[0])
        event = Published(start=period.start, end=period.end, revision=report.revision)
        first, *others = (f"{PUBLICATIONS}{month}" for month in period.months)
        holds = Happened(self._platform, first, event, tx.now, AS_READ, actor, {"report": body})
        return (holds, *(Happened(self._platform, one, event, tx.now, AS_READ, actor) for one in others)), None

    def _made(
        self,
        period: Period,
        now: int,
        last: TransparencyReport | None,
        progress: Callable[[int], None] | None,
        *,
        draft: bool = False,
    ) -> TransparencyReport:
        return published(
            self._counted(period, now, progress),
            period,
            platform_id=self._platform,
            threshold=self._policy.threshold if last is None else last.threshold,
            embargo_days=self._policy.embargo_days,
            draft=draft,
            last=last,
            names=self._policy.names,
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

    def lumen(self, actor: Actor, report: TransparencyReport, *, with_urls: bool = False) -> Iterator[bytes]:
        """A line for each ended demand that nothing keeps back, as Lumen takes it. A value that the report hides is
        not told here either; no line at all while the number of demands is hidden. That the lines of a published report
        were taken is recorded.

        Raises NotAllowed; Conflict where the lines would tell what the report does not: the records have changed since
        it was published, lines of another revision were taken, or a bar on telling a user outlasts what it hides."""
        if report.value("demands_told").count is None:
            return
        queries, lines = self._store.queries(self._platform), LumenLines(report, self._categories)
        if not report.draft:
            LinesTaken.may.check(actor, "take the lines for Lumen")
            self._refuse_lines(queries, report, lines)
            self._store.submit(self._platform, partial(self._take_lines, report=report, actor=actor)).result()
        for row in self._ended(queries, report.period, until=report.as_of):
            if lines.may_tell(row):
                yield lines.line(row, _urls(queries, row.case_id) if with_urls else ())

    def _take_lines(self, tx: Tx, report: TransparencyReport, actor: Actor) -> tuple[Change, None]:
        month, *_ = months = report.period.months
        series = _series(tx, report.period, months)
        if series.report != report_json(report):
            raise Conflict("this is not the report that was published last.", reference=month)
        if series.lines is None:
            event = LinesTaken(revision=report.revision)
            return (Happened(self._platform, f"{PUBLICATIONS}{month}", event, tx.now, AS_READ, actor),), None
        if series.lines != report.revision:
            raise Conflict(
                "lines were taken with an earlier report of this period, and these would tell what changed about a "
                "demand.",
                reference=month,
            )
        return (), None

    def _refuse_lines(self, queries: Queries, report: TransparencyReport, lines: LumenLines) -> None:
        """Raises Conflict if what a report shows of the demands in its lines is not what is held of them now, or some
        of these have no line."""
        counting, told = Counting(report.as_of, self._categories, report.withheld_until), 0
        for row in self._ended(queries, report.period, until=report.as_of):
            counting.add(row)
            told += lines.may_tell(row)
        counting.fold()
        if any(
            value.count != counting.counts[figure][value.value]
            for figure in COUNTED
            for value in report.of(figure)
            if value.count is not None and not value.value.startswith(OTHER)
        ):
            raise Conflict(
                "the records have changed since the report was published, and its lines would tell what did: publish a "
                "revision first.",
                reference=report.period.months[0],
            )
        if told != counting.counts["demands_told"][""]:
            raise Conflict(
                "of some demands that the report counts no user may be told yet, and what has no line would be these.",
                reference=report.period.months[0],
            )

    def own(self, actor: Actor, period: Period) -> OwnFigures:
        """The office's own figures, exact and by person: never part of a report. It is recorded who took them. Raises
        NotAllowed."""
        FiguresTaken.may.check(actor, "read the office's own figures")
        queries, now = self._store.queries(self._platform), self._store.now()
        counts: Counter[Place] = Counter()
        running: list[str] = []
        for row in queries.demands(period.start, period.end):
            if isinstance(row, Running):
                running.append(row.case_id)
                continue
            for place, count in of_demand(row, demand_of(row.facts, self._categories)):
                counts[place] += count
        for case_id in running:
            case = queries.case(case_id)
            for figure in ("received", "open"):
                counts[month_of(case.received_at), case.authority_id, case.category, "", figure] += 1
        for place, count in of_people(_telling(queries, DECIDING, period.start, period.end), period):
            counts[place] += count
        event = FiguresTaken(start=period.start, end=period.end)
        taken = Happened(self._platform, f"{TAKEN}{month_of(now)}", event, now, AS_READ, actor)
        self._store.submit(self._platform, lambda _tx: ((taken,), None)).result()
        return own_figures(self._platform, period, now, counts)


@dataclass(frozen=True, slots=True)
class _Series:
    """What left of a period: the `report` that was published last, and the revision of which `lines` were taken."""

    report: bytes | None = None
    lines: int | None = None


def _series(tx: Tx, period: Period, months: Sequence[str]) -> _Series:
    """Raises Conflict where one of the months was published with another period."""
    streams = list(tx.streams(f"{PUBLICATIONS}{month}" for month in months).values())
    for stream in streams:
        told = [on.event for on in stream.whole().events if isinstance(on.event, Published)]
        if told and (told[-1].start, told[-1].end) != (period.start, period.end):
            days = f"{local(told[-1].start)[:10]} to {local(told[-1].end - 1)[:10]}"
            month = stream.name.removeprefix(PUBLICATIONS)
            raise Conflict(f"{month} is already published, in the report of {days}.", reference=month)
    seq = max((on.seq for on in streams[0].events if isinstance(on.event, Published)), default=0)
    lines = [on.event.revision for on in streams[0].events if isinstance(on.event, LinesTaken)]
    report = tx.words(streams[0], [(seq, "report")])[seq, "report"] if seq else None
    return _Series(report, lines[-1] if lines else None)


def told_users(queries: Queries, start: int, end: int) -> dict[str, Counter[str]]:
    """`user_notices` and `appeals` of a time (UTC seconds), each by state."""
    notices, appeals = Counter[str](), Counter[str]()
    for stream in _telling(queries, (Appealed, UserNoticeDelayed, UserNoticeOwed), start, end):
        due = (one for one in stream.case.tellings.values() if one.kind == "measure" and start <= one.due_at < end)
        notices.update(one.state for one in due if one.state != "void")
        appeals.update(one.state for one in stream.case.appeals.values() if start <= one.received_at < end)
    return {"user_notices": notices, "appeals": appeals}


def _telling(queries: Queries, kinds: Iterable[type[Event]], start: int, end: int) -> Iterator[Stream]:
    """One whose chain does not prove itself must not keep the others from being counted: it is logged, and left out."""
    for stream in queries.streams_telling([one.called for one in kinds], start, end):
        if stream.fault is None:
            yield stream
        else:
            _log.error("%s is left out of the figures: %s", stream.name, stream.fault)


def _urls(queries: Queries, case_id: str) -> tuple[str, ...]:
    return tuple(sorted({item.url for item in queries.case(case_id).items if item.url}))
