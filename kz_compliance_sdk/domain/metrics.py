"""What is measured: each metric with its unit and its labels, and the few values that each label can have.

A label tells of the machinery: never of a case, of content or of anybody. What is no known value is told as `other`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from kz_compliance_sdk import errors
from kz_compliance_sdk.domain import commands, events
from kz_compliance_sdk.domain.messages import BY_HAND, ENFORCER, NOTIFIER, REGULATOR
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.user_notices import MESSENGER

PLATFORM: Final = "platform"
"""The label that every metric has: `platform_id` of the settings."""
OTHER: Final = "other"


class Metric(Struct, frozen=True):
    """A series of figures. `name` is as OpenTelemetry has it, `unit` as UCUM writes it; `labels` are those beside
    PLATFORM with their values, `bounds` the upper ends of a histogram's buckets."""

    name: str
    kind: Literal["histogram", "counter", "gauge"]
    unit: str
    told: str
    labels: Mapping[str, frozenset[str]] = {}
    bounds: tuple[float, ...] = ()

    def closed(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The values of its labels in their order."""
        return tuple(labels[name] if labels[name] in known else OTHER for name, known in self.labels.items())

    @property
    def in_prometheus(self) -> str:
        """Its name there, by OpenTelemetry's own rules: what collects it on either way finds one name."""
        name = "_".join((self.name.replace(".", "_"), *(("seconds",) if self.unit == "s" else ())))
        return f"{name}_total" if self.kind == "counter" else name


class Operation(Struct, frozen=True):
    """Something that takes time: a span of this name, and a metric of how long it took. What happens `within` it on its
    thread, such as a call over HTTP, is told as a part of it.

    What never stands `alone` has a span only inside of what a host traces: nothing happens within it, and a span by
    itself would tell no more than the metric, for twice its cost."""

    name: str
    metric: Metric
    within: bool = False
    alone: bool = True

    @property
    def attributes(self) -> tuple[str, ...]:
        """What the labels are called on its span."""
        return tuple(f"kz_compliance.{name}" for name in self.metric.labels)


def _among(*names: str) -> frozenset[str]:
    return frozenset(names)


_DONE: Final = "done"
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ENDPOINTS: Final = _among(REGULATOR, BY_HAND, ENFORCER, MESSENGER, NOTIFIER)
_OUTCOMES: Final = _among(
    _DONE,
    *(
        name
        for name, one in vars(errors).items()
        if name[0] != "_" and isinstance(one, type) and issubclass(one, errors.ComplianceError)
    ),
)

# ---------------------------------------------------------------------------------------------------------- operations

NO_MESSAGE: Final = "none"
"""The label of what was refused before it was read."""
UNREADABLE: Final = "unreadable"

RECEIVE: Final = Operation(
    "kz_compliance.receive",
    Metric(
        "kz_compliance.intake.duration",
        "histogram",
        "s",
        "How long a pushed message waited for its answer, which leaves once what it says is durable.",
        {
            "message": _among(
                *"notice.issued notice.amended notice.clarified notice.cancelled notice.reminded".split(),
                *("sanction.announced", UNREADABLE, NO_MESSAGE),
            ),
            "status": _among(*"200 202 400 401 405 409 413 415 422 431 503".split()),
        },
        _FAST,
    ),
    alone=False,
)
COMMIT: Final = Operation(
    "kz_compliance.commit",
    Metric(
        "kz_compliance.commit.duration",
        "histogram",
        "s",
        "How long the writer took for the works that it took together, from the lock to the durable commit.",
        {"outcome": _among(_DONE, "rolled_back")},
        _FAST,
    ),
)
DELIVER: Final = Operation(
    "kz_compliance.deliver",
    Metric(
        "kz_compliance.delivery.duration",
        "histogram",
        "s",
        "How long an attempt took to carry out, report, tell or alert: its call, without what is stored of it.",
        {
            "endpoint": _ENDPOINTS,
            "result": _among(
                *"delivered retry unknown rejected by_person in_force pending failed told".split(),
                *"content_changed unusable superseded".split(),
            ),
        },
        _SLOW,
    ),
    within=True,
)
COMMAND: Final = Operation(
    "kz_compliance.command",
    Metric(
        "kz_compliance.command.duration",
        "histogram",
        "s",
        "How long a step of a person took, until it was durable or refused; the outcome is `done` or an error's class.",
        {"command": _among("Claim", *(kind.__name__ for kind in commands.KINDS)), "outcome": _OUTCOMES},
        _FAST,
    ),
    within=True,
)

# ------------------------------------------------------------------------------------------------------ from the writer

WORKS: Final = Metric(
    "kz_compliance.commit.works",
    "histogram",
    "{work}",
    "How many works one commit made durable.",
    bounds=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
EVENTS: Final = Metric(
    "kz_compliance.events",
    "counter",
    "{event}",
    "Events of the ledger that this process appended: `escalated` are steps of the ladder, `clock_stepped` cases whose "
    "clock was set, `quarantined` messages that cannot be used, `alerted` pages.",
    {"kind": frozenset(events.KINDS)},
)

# ------------------------------------------------------------------------------------------------------ from the health

OPEN: Final = Metric(
    "kz_compliance.cases.open",
    "gauge",
    "{case}",
    "Cases that have not ended, by state; of those in hand at most the 10,000 most urgent.",
    {"state": frozenset(CaseState)},
)
OVERDUE: Final = Metric("kz_compliance.cases.overdue", "gauge", "{case}", "Open cases whose term has passed.")
SUSPENDED: Final = Metric(
    "kz_compliance.cases.suspended", "gauge", "{case}", "Running cases whose term is longer by a suspension."
)
WITHHELD: Final = Metric(
    "kz_compliance.cases.withheld", "gauge", "{case}", "Decisions that news sent back to a second person."
)
OLDEST_DUE: Final = Metric(
    "kz_compliance.cases.oldest_due_timestamp",
    "gauge",
    "s",
    "When the most urgent open case is due, in seconds since 1970; absent where none is open.",
)
UNDELIVERED: Final = Metric(
    "kz_compliance.messages.undelivered", "gauge", "{message}", "Reports, measures, letters and alerts still to leave."
)
PARKED: Final = Metric(
    "kz_compliance.messages.parked", "gauge", "{message}", "Messages that nobody delivers before a person sees to it."
)
NOT_TOLD: Final = Metric(
    "kz_compliance.users.not_told", "gauge", "{user}", "Users who should have been told by now, and were not."
)
LAST_RUN: Final = Metric(
    "kz_compliance.part.last_run_timestamp",
    "gauge",
    "s",
    "When a part of the machinery last ran, in seconds since 1970; absent if it never did.",
    {"part": _among("worker", "watcher", "poller", "sweeper", "books")},
)
ENDPOINT_FAILURES: Final = Metric(
    "kz_compliance.endpoint.failures", "gauge", "{failure}", "Failures in a row of a way out.", {"endpoint": _ENDPOINTS}
)
ATTENTION: Final = Metric(
    "kz_compliance.attention",
    "gauge",
    "{reason}",
    "1 for each reason for which the health document says `attention`, else 0.",
    {
        "reason": _among(
            *"watcher_silent clock_stepped overdue_cases parked_messages endpoint_down hung_calls".split(),
            *"feed_unreadable store store_moved store_cut store_behind mark_unwritable".split(),
            *"storage_full storage_busy storage_unreachable storage_not_replicated store_unusable".split(),
            "commit_unknown",
        )
    },
)
REFUSALS: Final = Metric(
    "kz_compliance.intake.refusals",
    "counter",
    "{message}",
    "Messages whose origin was not proved, counted in the store and written at most once a minute.",
    {
        "code": _among(
            *"no_signature header_missing header_repeated header_malformed timestamp_malformed id_malformed".split(),
            *"too_many_signatures not_covered digest_wrong signature_wrong key_revoked internal".split(),
        )
    },
)
MENDED: Final = Metric(
    "kz_compliance.sweep.mended", "counter", "{row}", "Rows that said otherwise than their chains, and were made anew."
)

Reading = tuple[Metric, tuple[str, ...], float]
"""A figure as it stands: its metric, the values of its labels, and what it is."""

OPERATIONS: Final = (RECEIVE, COMMIT, DELIVER, COMMAND)
HAPPENING: Final = (*(one.metric for one in OPERATIONS), WORKS, EVENTS)
"""What is told when it happens, by the process in which it does."""
STANDING: Final = (
    *(OPEN, OVERDUE, SUSPENDED, WITHHELD, OLDEST_DUE, UNDELIVERED, PARKED, NOT_TOLD),
    *(LAST_RUN, ENDPOINT_FAILURES, ATTENTION, REFUSALS, MENDED),
)
"""What is read from the store when it is asked for: every process tells the same."""
METRICS: Final = HAPPENING + STANDING
