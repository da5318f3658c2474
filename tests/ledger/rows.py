"""The rows that a step writes beside its case, held against what the fold says of the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kz_compliance_sdk.domain import change as old
from kz_compliance_sdk.domain.case import Case as OldCase
from kz_compliance_sdk.domain.fold import Case

Pair = tuple[object, object]


def differences(writes: Iterable[Any], after: OldCase, case: Case, called: Mapping[int, str]) -> Iterator[str]:
    """Where a row says something else than the fold. `called` is the authority's id of the item of a number."""
    rows = _Rows(after, case, called)
    for write in writes:
        of = _OF.get(type(write))
        theirs, ours = of(rows, write) if of is not None else (None, None)
        if theirs != ours:
            yield f"{type(write).__name__}: {theirs!r} was written, the fold says {ours!r}"


@dataclass(frozen=True, slots=True)
class _Rows:
    after: OldCase
    case: Case
    called: Mapping[int, str]

    def appeal(self, write: old.AppealWrite) -> Pair:
        row, held = write.appeal, self.case.appeals[write.appeal.number]
        theirs = (row.state, row.received_at, row.due_at, row.decision_version)
        return theirs, (held.state, held.received_at, held.due_at, held.decision)


_OF: dict[type, Any] = {
    old.AppealWrite: _Rows.appeal,
}
