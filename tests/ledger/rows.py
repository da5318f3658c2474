"""The rows that are made of the chain of a case, held against what its fold says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import astuple

from kz_compliance_sdk.domain.fold import PlatformObject, Stream


def differences(stored: Iterable[Any], stream: Stream) -> Iterator[str]:
    """Where the rows of the appeals of a case, and its row in the public figures, say something else than the fold."""
    case, of = stream.case, (stream.number, stream.reference)
    held = {(case.platform, one.id, *of, one.state, one.received_at, one.due_at) for one in case.appeals.values()}
    if case.tally is not None:
        held.add((stream.number, *astuple(case.tally)))
    for row in sorted({tuple(row) for row in stored} ^ held, key=str):
        yield f"the row {row} is in one of the two alone, the store and the fold"


def of_objects(stored: Iterable[Any], stream: Stream, objects: Mapping[str, PlatformObject]) -> Iterator[str]:
    """Where the streams of a case's objects say something else than its fold, or than the rows by which the end of a
    preservation is found."""
    case, case_id = stream.case, stream.reference
    for item in case.items.values():
        held = objects[item.object]
        holds = (case_id, item.number) in held.holds
        if item.version and (item.version, case_id, item.number) not in held.handed_out:
            yield f"the item {item.number} has a version {item.version} that its object never handed out"
        if (item.status == "in_force" and not holds) or (holds and not item.measure):
            yield f"the item {item.number} is {item.status} with {item.measure or 'nothing'} in force, held: {holds}"
    kept = {
        (stream.number, name, number, case.platform, case_id, until)
        for name, held in objects.items()
        for (owner, number), until in held.holds.items()
        if owner == case_id and until
    }
    for row in sorted({tuple(row) for row in stored} ^ kept):
        yield f"the row {row} of a copy is in one of the two alone, the store and the streams of its objects"
