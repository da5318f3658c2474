"""The rows that a step writes beside its case, held against what the fold says of the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kz_compliance_sdk.domain import change as old
from kz_compliance_sdk.domain.fold import Case

Pair = tuple[object, object]


def differences(writes: Iterable[Any], case: Case) -> Iterator[str]:
    """Where a row says something else than the fold."""
    rows = _Rows(case)
    for write in writes:
        of = _OF.get(type(write))
        theirs, ours = of(rows, write) if of is not None else (None, None)
        if theirs != ours:
            yield f"{type(write).__name__}: {theirs!r} was written, the fold says {ours!r}"


@dataclass(frozen=True, slots=True)
class _Rows:
    case: Case

    def appeal(self, write: old.AppealWrite) -> Pair:
        row, held = write.appeal, self.case.appeals[write.appeal.number]
        theirs = (row.state, row.received_at, row.due_at, row.decision_version)
        return theirs, (held.state, held.received_at, held.due_at, held.decision)

    def telling(self, row: old.UserNoticeState) -> Pair:
        held = self.case.tellings.get(row.message_id)
        if held is None:
            return (row.kind, row.state), None
        theirs = (row.kind, row.state, row.due_at, row.sent_at or 0, row.delay_until or 0, row.basis)
        return theirs, (held.kind, held.state, held.due_at, held.sent_at, held.delay_until, held.basis)


_OF: dict[type, Any] = {
    old.AppealWrite: _Rows.appeal,
    old.UserNoticeState: _Rows.telling,
}
