"""How long personal data is kept, what keeps it longer, and the steps that take it away.

The chain of a case holds no personal data, only digests of it: it stays whole when the data is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.appeals import count_open
from kz_compliance_sdk.domain.case import Case, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.decision import count_held, count_texts
from kz_compliance_sdk.domain.events import office, privacy
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.messages import step, written
from kz_compliance_sdk.domain.received import count_readable
from kz_compliance_sdk.domain.transitions import ENDED, CaseState
from kz_compliance_sdk.domain.user_notices import count_unsent
from kz_compliance_sdk.errors import IllegalMove

Class = Literal["closed", "in_force", "cancelled", "quarantined"]

ErasureGround = Literal["subject_request", "court", "unlawful"]
"""Why personal data is destroyed before its time: a person whose data it is asked for it, and the law gives them that
right; a court or an authority for data protection ordered it; it should never have been recorded here. A code and no
free text: it stays after what was erased is gone."""

AT_END: Final = "retention"
"""The ground of an erasure at the end of retention."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long personal data is kept after the end of its case, in seconds, by what became of the case. `unmatched`
    counts from the receipt of a message that belongs to no case, `sanctioned` from a sanction that names the notice."""

    closed_s: int
    in_force_s: int
    cancelled_s: int
    quarantined_s: int
    unmatched_s: int
    sanctioned_s: int

    @property
    def least_s(self) -> int:
        """No case is due before this time after its end."""
        return min(self.closed_s, self.in_force_s, self.cancelled_s, self.quarantined_s)

    def of(self, case: Case) -> int:
        """How long this case is kept after its end."""
        periods = {
            "closed": self.closed_s,
            "in_force": self.in_force_s,
            "cancelled": self.cancelled_s,
            "quarantined": self.quarantined_s,
        }
        return periods[class_of(case)]


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much that can be read is held of a case; `under_way` is what is not settled: messages, letters that wait,
    appeals, and what a user is still to be told."""

    messages: int = 0
    texts: int = 0
    decisions: int = 0
    outgoing: int = 0
    under_way: int = 0


def holdings_of(stream: Stream) -> Holdings:
    """How much personal data is held of a case, by its chain. Raises Damage or NewerRelease."""
    case = stream.case
    emptied = [on.seq for on in stream.events if isinstance(on.event, privacy.Erased)]
    return Holdings(
        messages=count_readable(stream),
        texts=count_texts(stream),
        decisions=count_held(stream),
        outgoing=sum(one.seq > max(emptied, default=0) for one in case.messages.values()),
        under_way=count_to_leave(case) + len(case.letters) + count_unsent(case) + count_open(case),
    )


def count_to_leave(case: fold.Case) -> int:
    """How many messages an erasure waits for. A page holds nothing of anybody, and leaves when somebody takes it."""
    return sum(one.state != "parked" and one.kind != "page" for one in case.owed)


def class_of(case: Case) -> Class:
    """What became of an ended case, as far as it matters for how long it is kept."""
    if not case.revision:
        return "quarantined"
    if any(item.measure for item in case.items):
        return "in_force"
    return "cancelled" if case.state is CaseState.CANCELLED else "closed"


def why_kept(case: Case, holdings: Holdings, retention: Retention, sanctioned_at: int | None, now: int) -> str:
    """A code for what keeps the data of a case; empty if its time has come. `sanctioned_at` is the receipt of the last
    sanction that names its notice. Times are UTC seconds."""
    if case.state not in ENDED or case.closed_at is None:
        return "running"
    if is_held(case, now):
        return "legal_hold"
    if is_contested(case):
        return "contest"
    if case.closed_at + retention.of(case) > now:
        return "not_yet"
    if sanctioned_at is not None and sanctioned_at + retention.sanctioned_s > now:
        return "sanction"
    return "under_way" if holdings.under_way else ""


def is_held(case: Case, now: int) -> bool:
    """Whether a legal hold keeps the case."""
    return case.held_until is not None and case.held_until > now


def is_contested(case: Case) -> bool:
    """Whether a contest of the order is still open."""
    return any(not contest.result for contest in case.contests)


def erase(case: Case, holdings: Holdings, stream: Stream, ground: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """Destroy the personal data of an ended case, and what people wrote in its `stream`. What happened, when, by whom
    and under which digests stays. Raises Damage or NewerRelease for a stream on which nothing may be decided."""
    if holdings.under_way:
        raise IllegalMove("a message, a letter, an appeal or a notice to a user is still under way.", reference=case.id)
    emptied = privacy.erasable(stream.whole().events)
    return step(case, "erase", happened(case, privacy.Erased(ground=ground, emptied=emptied), stamp))


def exported(case: Case, *, stamp: Stamp) -> Change:
    """That somebody took the personal data of a case out."""
    told = happened(case, office.Exported(), stamp)
    return written(moved(case, None, told), told)


def begin_anew(case: Case) -> Case:
    """An erased case whose notice comes again in a new revision: nothing of the earlier one is known any more."""
    return case if case.erased_at is None else case.but(items=(), erased_at=None)
