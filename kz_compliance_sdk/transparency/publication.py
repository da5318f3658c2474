"""Making the transparency report: read a period in one pass, count, and take out what must not be published."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import PROPOSAL
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.delivery import UserNoticeDelayed, UserNoticeOwed
from kz_compliance_sdk.domain.events.remedies import Appealed, AppealReversed
from kz_compliance_sdk.domain.events.review import Approved, Proposed
from kz_compliance_sdk.domain.fold import Stream, Tally
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.values import Json, instant_text
from kz_compliance_sdk.errors import ConfigError, InvalidInput
from kz_compliance_sdk.ports import Queries, Store
from kz_compliance_sdk.ports.store import Running
from kz_compliance_sdk.services.loading import sanctions_of
from kz_compliance_sdk.transparency.counting import Counting, Demand, demand_of
from kz_compliance_sdk.transparency.figures import FIGURES, OTHER, Figure
from kz_compliance_sdk.transparency.hiding import LEAST_THRESHOLD, Hidden, Key, hide

# ------------------------------------------------------------------------------------------------------------- report
# The transparency report: the public figures of a period, with what must not be published taken out.
#
# A report holds nothing but what may be published: whoever writes it down, as a table, a page or a document, writes the
# same numbers.


_COVERING = "*"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to `end`, which is the first second that no longer belongs to it. UTC seconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidInput("the period ends before it begins.", field="to", remedy="Give a later end.")

    def later(self, days: int) -> int:
        """So many days after the period, UTC seconds."""
        return self.end + days * _DAY_S

    def refuse_early(self, now: int, embargo_days: int) -> None:
        """Raises InvalidInput while the period or its embargo still runs."""
        open_at = self.later(embargo_days)
        if now < open_at:
            raise InvalidInput(
                f"the figures of this period may be published from {local(open_at)} Asia/Almaty on: it must be over, "
                f"and {embargo_days} days of embargo after it.",
                field="to",
                remedy="Wait, give an earlier period, or make a draft that is marked as one.",
            )


@dataclass(frozen=True, slots=True)
class Value:
    """One published count. `count` is None where it is hidden; `shown` is what stands in its place: `<5` for a small
    count, `*` for one of any size that would give a small count away. `label` names the value in each language that is
    known."""

    value: str
    count: int | None
    shown: str
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A figure and its values. A value that is not here counted nothing."""

    figure: Figure
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class PublishedTime:
    """How long it took, in seconds: `of` says until what, `by` and `value` for which demands. The median and the 95th
    percentile are times that occurred (nearest rank)."""

    of: Literal["decision", "receipt"]
    by: Literal["all", "category", "authority"]
    value: str
    median_s: int
    p95_s: int


@dataclass(frozen=True, slots=True)
class TransparencyReport:
    """What may be published about a period. `as_of` is when the store was read, UTC seconds. A draft is not to be
    published. From `withheld_until` on, UTC seconds, every ended demand of the period is told. `left_out` names the
    figures in which hardly any value could be shown."""

    platform_id: str
    period: Period
    as_of: int
    draft: bool
    threshold: int
    embargo_days: int
    withheld_until: int
    figures: tuple[PublishedFigure, ...]
    times: tuple[PublishedTime, ...]
    names: Mapping[str, Mapping[str, str]]
    left_out: tuple[str, ...] = ()

    def of(self, figure: str) -> tuple[Value, ...]:
        """The values of a figure."""
        return next((one.values for one in self.figures if one.figure.id == figure), ())

    def value(self, figure: str, value: str = "") -> Value:
        """A count by its names. What is not there counted nothing."""
        return next((one for one in self.of(figure) if one.value == value), Value(value, 0, "0"))


def published(
    counting: Counting,
    period: Period,
    *,
    platform_id: str,
    threshold: int,
    embargo_days: int,
    draft: bool,
) -> TransparencyReport:
    """The report of what was counted. Raises InvalidInput for a threshold that hides nothing."""
    if threshold < LEAST_THRESHOLD:
        raise InvalidInput(
            f"a threshold of {threshold} hides nothing.", field="threshold", remedy=f"Give {LEAST_THRESHOLD} or more."
        )
    counting.fold()
    counts = {one.id: Counter(counting.counts.get(one.id, {})) for one in FIGURES}
    _add_up_small(counts, threshold)
    hidden = hide(counts, counting.types, threshold)
    left_out = tuple(one.id for one in FIGURES if counting.counts.get(one.id) and not counts[one.id])
    return TransparencyReport(
        platform_id=platform_id,
        period=period,
        as_of=counting.now,
        draft=draft,
        threshold=threshold,
        embargo_days=embargo_days,
        withheld_until=counting.withheld_until,
        figures=tuple(_figure(one, counts[one.id], hidden, threshold, counting.names) for one in FIGURES),
        times=tuple(_times(counting, counts, hidden, threshold)),
        names={name: counting.names.get(name, {}) for name in sorted(counts["demands_by_authority"]) if name != OTHER},
        left_out=left_out,
    )


def _add_up_small(counts: dict[str, Counter[str]], threshold: int) -> None:
    """What stands in a free list came from outside, and a rare word could name somebody: rare ones are added up."""
    for one in FIGURES:
        if one.free:
            _merge(counts[one.id], {value for value, count in counts[one.id].items() if count < threshold})
    # The same authorities everywhere, so that no list names one that another leaves out.
    rare = {*counts["items_by_authority"], *_rows(counts["results_by_authority"])} - {*counts["demands_by_authority"]}
    _merge(counts["items_by_authority"], rare)
    results = counts["results_by_authority"]
    for value in list(results):
        authority, _, result = value.rpartition(" / ")
        if authority in rare:
            results[f"{OTHER} / {result}"] += results.pop(value)


def _rows(crossed: Counter[str]) -> set[str]:
    return {value.rpartition(" / ")[0] for value in crossed}


def _merge(values: Counter[str], rare: Collection[str]) -> None:
    found = [value for value in rare if value in values and value != OTHER]
    if found:
        values[OTHER] += sum(values.pop(value) for value in found)


def _figure(
    figure: Figure,
    counts: Counter[str],
    hidden: Mapping[Key, Hidden],
    threshold: int,
    names: Mapping[str, Mapping[str, str]],
) -> PublishedFigure:
    values = []
    of_authority = figure.id in ("demands_by_authority", "items_by_authority")
    for value, count in sorted(counts.items(), key=lambda one: (one[0] == OTHER, one[0])):
        why = hidden.get((figure.id, value))
        shown = str(count) if why is None else f"<{threshold}" if why == "small" else _COVERING
        label = names.get(value, {}) if of_authority else {}
        values.append(Value(value, count if why is None else None, shown, label))
    if not values and not figure.of and not figure.many and "_by_" not in figure.id:
        values.append(Value("", 0, "0"))
    return PublishedFigure(figure, tuple(values))


def _times(
    counting: Counting, counts: Mapping[str, Counter[str]], hidden: Mapping[Key, Hidden], threshold: int
) -> list[PublishedTime]:
    """Of groups that are large enough, and named above with their number."""
    found: list[PublishedTime] = []
    of: Literal["decision", "receipt"]
    for place, of in enumerate(("decision", "receipt")):  # type: ignore[assignment]
        groups: dict[tuple[str, str], array[int]] = {}
        for (category, authority), times in counting.times.items():
            known = authority if authority in counts["demands_by_authority"] else OTHER
            for key in (("all", ""), ("category", category), ("authority", known)):
                groups.setdefault(key, array("i")).extend(times[place])
        for (by, value), seconds in sorted(groups.items()):
            if len(seconds) < threshold or (f"demands_by_{by}", value) in hidden:
                continue
            ordered = sorted(seconds)
            found.append(PublishedTime(of, by, value, _rank(ordered, 0.5), _rank(ordered, 0.95)))  # type: ignore[arg-type]
    return found


def _rank(ordered: list[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


# -------------------------------------------------------------------------------------------------------------- lumen
# A demand as Lumen's `POST /notices` takes it (github.com/berkmancenter/lumendatabase), type GovernmentRequest: with a
# work and with who sent and received it, or it is refused, and with no field that Lumen does not know.
#
# No text of the demand is in a line: neither its reasons nor a name of a person. What the published report hides is
# generalised, so that nobody can count the lines instead: a line keeps its answer and loses whose it was. A line of a
# draft says so, in a place where Lumen does not take it.


ACTIONS: Final[Mapping[str, str]] = {
    "complied_fully": "Yes",
    "complied_partly": "Partial",
    "nothing_there": "No",
    "refused": "No",
    "clarification_needed": "No",
    "cannot_comply": "No",
    "contested": "No",
    "mixed": "No",
}
"""Lumen's `action_taken` for a result. What is not here is Unspecified: what the platform's own terms did, what was
reversed, and what the authority took back."""

_MOST = 8_000
_LONGEST = 255
_UNTOLD = "Unspecified"
_LANGUAGES: Final = ("ru", "en")
"""Languages of notices that Lumen knows. It knows no Kazakh."""


class LumenLines:
    """Demands of one published report, a line for each. What the report hides is in no line."""

    def __init__(self, report: TransparencyReport, categories: Collection[str]) -> None:
        self._report = report
        # Many demands differ in nothing but their times.
        self._known = lru_cache(_MOST)(lambda facts: self._of(demand_of(facts, categories)))
        self._shown = {
            (one.figure.id, value.value) for one in report.figures for value in one.values if value.count is not None
        }

    def _of(self, demand: Demand) -> tuple[bool, dict[str, Any]]:
        """Whether a demand is told, and what is told of it beside the case and its times."""
        return demand.usable and not demand.is_withheld(self._report.as_of), self._fields(demand)

    def may_tell(self, tally: Tally) -> bool:
        """Whether the demand is one of those that the report breaks down."""
        return self._known(tally.facts)[0]

    def line(self, tally: Tally, urls: Sequence[str]) -> bytes:
        """The demand as a line of JSON. `urls` are told only if the platform has decided so."""
        _, fields = self._known(tally.facts)
        work: dict[str, Json] = {"description": "Items named by the demand"}
        if urls:
            work["infringing_urls_attributes"] = [{"url": url} for url in urls]
        notice = {
            **fields,
            "case_id_number": tally.case_id,
            "date_received": instant_text(tally.received_at),
            "works_attributes": [work],
        }
        if tally.issued_at:
            notice["date_sent"] = instant_text(tally.issued_at)
        return encoded({"notice": notice, **({"draft": True} if self._report.draft else {})}) + b"\n"

    def _fields(self, demand: Demand) -> dict[str, Any]:
        authority = self._tells_with("authority", demand.authority, demand.result)
        category = self._tells_with("category", demand.category, demand.result)
        name = demand.authority_name.get("en") or demand.authority_name.get("ru") or demand.authority
        platform = self._report.platform_id
        return {
            "type": "GovernmentRequest",
            "title": f"Demand of a public authority of Kazakhstan to {platform}"[:_LONGEST],
            "subject": demand.category if category else "unspecified",
            "body": "The text of the demand is not published.",
            "language": next((one for one in _LANGUAGES if one in demand.languages), ""),
            "request_type": "Agency",
            "action_taken": self._action(demand.result),
            "jurisdiction_list": "KZ",
            "regulation_list": _listed(b for b in demand.legal_basis if self._tells("demands_by_legal_basis", b)),
            "tag_list": _listed(
                [demand.category] * category + [demand.kind] * self._tells("demands_by_kind", demand.kind)
            ),
            "entity_notice_roles_attributes": [
                _role("recipient", platform),
                _role("sender", name if authority else "Authority (not disclosed)"),
            ],
        }

    def _action(self, result: str) -> str:
        """A hidden result is told by its action only where that is the action of all that are hidden: how many these
        are together, the others tell."""
        hidden = {ACTIONS.get(one.value) for one in self._report.of("demands_by_result") if one.count is None}
        told = self._tells("demands_by_result", result) or len(hidden) == 1
        return ACTIONS.get(result, _UNTOLD) if told else _UNTOLD

    def _tells(self, figure: str, value: str) -> bool:
        return (figure, value) in self._shown

    def _tells_with(self, what: str, value: str, result: str) -> bool:
        """Whether lines with this value may be counted, also by what became of their demands."""
        return self._tells(f"demands_by_{what}", value) and self._tells(f"results_by_{what}", f"{value} / {result}")


def _listed(values: Iterable[str]) -> str:
    """A list as Lumen takes it apart: one that holds a comma stands in quotation marks."""
    return ", ".join('"{}"'.format(value.replace('"', "'")) for value in values)


def _role(name: str, entity: str) -> dict[str, Json]:
    return {"name": name, "entity_attributes": {"name": entity[:_LONGEST], "kind": "organization"}}


# -------------------------------------------------------------------------------------------------------- publication


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
