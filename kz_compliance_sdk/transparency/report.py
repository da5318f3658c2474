"""The transparency report of a period: what was counted, with what must not be published taken out, and its forms.

A report holds nothing but what may be published: whoever writes it down, as a table, a page or a document, writes the
same numbers.
"""

from __future__ import annotations

import csv
import io
import json
import math
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final, Literal

from kz_compliance_sdk.domain.clock import almaty, local
from kz_compliance_sdk.domain.fold import NOTHING
from kz_compliance_sdk.domain.values import instant_text, json_of, parse_instant
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.transparency.counting import Counting
from kz_compliance_sdk.transparency.figures import FIGURES, OTHER, Figure
from kz_compliance_sdk.transparency.hiding import LEAST_THRESHOLD, Before, Hidden, Key, hide

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

    @property
    def months(self) -> list[str]:
        """The months of Almaty that it consists of, such as `2026-01`. Raises InvalidInput unless they are whole."""
        found = []
        at = datetime.fromtimestamp(self.start, almaty())
        while at.day == 1 and at.time() == time() and at.timestamp() < self.end:
            found.append(f"{at:%Y-%m}")
            at = (at + timedelta(days=32)).replace(day=1)
        if at.timestamp() != self.end:
            raise InvalidInput(
                "only whole months are published, so that no two periods overlap by a part of one.",
                field="to",
                remedy="Begin on the first day of a month and end on the last one, or make a draft.",
            )
        return found

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
    count, `*` for one of any size that would give a small count away."""

    value: str
    count: int | None
    shown: str


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
    published. `revision` counts the corrections of a report, 0 for the first. From `withheld_until` on, UTC seconds,
    every ended demand of the period is told. `left_out` names the figures in which hardly any value could be shown."""

    platform_id: str
    period: Period
    as_of: int
    draft: bool
    revision: int
    threshold: int
    embargo_days: int
    withheld_until: int
    figures: tuple[PublishedFigure, ...]
    times: tuple[PublishedTime, ...]
    names: Mapping[str, Mapping[str, str]]
    left_out: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return "draft" if self.draft else "revised" if self.revision else "final"

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
    last: TransparencyReport | None = None,
    names: Mapping[str, Mapping[str, str]] = NOTHING,
) -> TransparencyReport:
    """The report of what was counted; beside the `last` one of the period it is a revision. `names` says what
    authorities are called, by id and language. Raises InvalidInput for a
    threshold that hides nothing, and for a revision that few demands make."""
    if threshold < LEAST_THRESHOLD:
        raise InvalidInput(
            f"a threshold of {threshold} hides nothing.", field="threshold", remedy=f"Give {LEAST_THRESHOLD} or more."
        )
    counting.fold()
    counts = {one.id: Counter(counting.counts.get(one.id, {})) for one in FIGURES}
    _add_up_rare(counts, threshold, last)
    before = None if last is None else _before(last)
    if before is not None and _most_moved(before, counts) < threshold:
        raise InvalidInput(
            f"fewer than {threshold} demands have changed since it was published: a revision would point to them.",
            field="revise",
            remedy="Wait until more have changed.",
        )
    hidden, untold = hide(counts, counting.types, threshold, before)
    return TransparencyReport(
        platform_id=platform_id,
        period=period,
        as_of=counting.now,
        draft=draft,
        revision=0 if last is None else last.revision + 1,
        threshold=threshold,
        embargo_days=embargo_days,
        withheld_until=counting.withheld_until,
        figures=tuple(
            PublishedFigure(one, ()) if one.id in untold else _figure(one, counts[one.id], hidden, threshold)
            for one in FIGURES
        ),
        times=tuple(_times(counting, counts, hidden, untold, threshold)),
        names={name: names.get(name, {}) for name in sorted(counts["demands_by_authority"]) if name != OTHER},
        left_out=tuple(one.id for one in FIGURES if one.id in untold),
    )


def _before(last: TransparencyReport) -> Before:
    counts = {(one.figure.id, value.value): value.count for one in last.figures for value in one.values}
    return Before(counts, last.left_out)


def _most_moved(before: Before, counts: Mapping[str, Counter[str]]) -> int:
    return max(before.moved(one.id, counts) for one in FIGURES if one.unit == "demands")


def _add_up_rare(counts: dict[str, Counter[str]], threshold: int, last: TransparencyReport | None) -> None:
    """What stands in a free list came from outside, and a rare word could name somebody: rare ones are added up. A
    revision names what the last report named, whatever became of it, and nothing else."""
    for one in FIGURES:
        if last is not None:
            counts[one.id].update({value.value: 0 for value in last.of(one.id)})
        if one.free:
            named = {value for value, count in counts[one.id].items() if count >= threshold}
            named = named if last is None else {value.value for value in last.of(one.id)}
            _merge(counts[one.id], counts[one.id].keys() - named)
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
) -> PublishedFigure:
    values = []
    for value, count in sorted(counts.items(), key=lambda one: (one[0] == OTHER, one[0])):
        why = hidden.get((figure.id, value))
        shown = str(count) if why is None else f"<{threshold}" if why == "small" else _COVERING
        values.append(Value(value, count if why is None else None, shown))
    if not values and not figure.of and not figure.many and "_by_" not in figure.id:
        values.append(Value("", 0, "0"))
    return PublishedFigure(figure, tuple(values))


def _times(
    counting: Counting,
    counts: Mapping[str, Counter[str]],
    hidden: Mapping[Key, Hidden],
    untold: Collection[str],
    threshold: int,
) -> list[PublishedTime]:
    """Of groups of which what is shown above says already that enough have one: that it is told must tell nothing."""
    found: list[PublishedTime] = []
    of: Literal["decision", "receipt"]
    for place, of in enumerate(("decision", "receipt")):  # type: ignore[assignment]
        groups: dict[tuple[str, str], array[int]] = {}
        for (category, authority), times in counting.times.items():
            known = authority if authority in counts["demands_by_authority"] else OTHER
            for key in (("all", ""), ("category", category), ("authority", known)):
                groups.setdefault(key, array("i")).extend(times[place])
        for (by, value), seconds in sorted(groups.items()):
            if min(len(seconds), _timed(by, value, counts, hidden, untold, threshold)) < threshold:
                continue
            ordered = sorted(seconds)
            found.append(PublishedTime(of, by, value, _rank(ordered, 0.5), _rank(ordered, 0.95)))  # type: ignore[arg-type]
    return found


_ANY: Final = 2**53
"""What nobody can tell may be any count."""


def _timed(
    by: str,
    value: str,
    counts: Mapping[str, Counter[str]],
    hidden: Mapping[Key, Hidden],
    untold: Collection[str],
    threshold: int,
) -> int:
    """How many of a group have a time at least, as far as what is shown says so."""

    def most(figure: str, of: str) -> int:
        why = "covering" if figure in untold else hidden.get((figure, of))
        return counts[figure][of] if why is None else threshold - 1 if why == "small" else _ANY

    group = ("demands_told", "") if by == "all" else (f"demands_by_{by}", value)
    left = counts[group[0]][group[1]]
    if group in hidden or group[0] in untold:
        return 0
    for result in ("cancelled", "unanswered"):
        without = most("demands_by_result", result)
        left -= without if by == "all" else min(without, most(f"results_by_{by}", f"{value} / {result}"))
    return left


def _rank(ordered: list[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


# -------------------------------------------------------------------------------------------------------------- forms
# A transparency report for programs: one document (JSON) and a table (CSV).


SCHEMA_ID: Final = "https://kz-compliance.example/schemas/transparency-report-v1.json"


def document(report: TransparencyReport) -> dict[str, Any]:
    """The report as one document of plain JSON values."""
    return {
        "schema": SCHEMA_ID,
        "status": report.status,
        "platform_id": report.platform_id,
        "period": {"from": instant_text(report.period.start), "until": instant_text(report.period.end)},
        "as_of": instant_text(report.as_of),
        **json_of(report, "revision threshold embargo_days withheld_until left_out"),
        "authorities": {name: dict(label) for name, label in report.names.items()},
        "figures": [
            {
                **json_of(one.figure, "figure:id unit definition adds_up_to:of? counts_several_times:many"),
                "values": [json_of(value, "value count shown") for value in one.values],
            }
            for one in report.figures
        ],
        "times": [json_of(time, "until:of by value median_s p95_s") for time in report.times],
    }


def report_json(report: TransparencyReport) -> bytes:
    """The document as bytes: the same for the same report."""
    return json.dumps(document(report), ensure_ascii=False, indent=2).encode() + b"\n"


def read_report(body: bytes) -> TransparencyReport:
    """The report whose document this is."""
    told = json.loads(body)
    known = {one.id: one for one in FIGURES}
    return TransparencyReport(
        platform_id=told["platform_id"],
        period=Period(*(parse_instant(told["period"][name]) for name in ("from", "until"))),
        as_of=parse_instant(told["as_of"]),
        draft=told["status"] == "draft",
        withheld_until=parse_instant(told["withheld_until"]),
        figures=tuple(
            PublishedFigure(known[one["figure"]], tuple(Value(**value) for value in one["values"]))
            for one in told["figures"]
            if one["figure"] in known
        ),
        times=tuple(PublishedTime(of=one.pop("until"), **one) for one in told["times"]),
        names=told["authorities"],
        left_out=tuple(told["left_out"]),
        **{name: told[name] for name in ("revision", "threshold", "embargo_days")},
    )


_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEAD = ("status", "figure", "dimension", "value", "count")


def figures_csv(report: TransparencyReport) -> bytes:
    """One count to a row, in UTF-8: `status, figure, dimension, value, count`. A hidden count has its sign (`<5`, `*`).
    Times are rows of `seconds_to_decision` and `seconds_to_receipt`, in seconds."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_HEAD)
    for one in report.figures:
        figure, _, dimension = one.figure.id.partition("_by_")
        rows.writerows((report.status, figure, dimension, harmless(value.value), value.shown) for value in one.values)
    for t in report.times:
        value = harmless(t.value)
        for name, seconds in (("median", t.median_s), ("p95", t.p95_s)):
            rows.writerow((report.status, f"seconds_to_{t.of}_{name}", "" if t.by == "all" else t.by, value, seconds))
    return out.getvalue().encode()


def harmless(value: str) -> str:
    """A value came from outside, and a spreadsheet must not take it for a formula."""
    return f"'{value}" if value.startswith(_BEGINS_A_FORMULA) else value
