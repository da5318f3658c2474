"""The verification of the audit trail: chains, rows, the tree of checkpoints, and what is held of it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from kz_compliance_sdk.domain import proofs
from kz_compliance_sdk.domain.audit import Fault
from kz_compliance_sdk.domain.audit_log import AuditVerdict, TreeRead, check_case, check_tree, seen_by, told_late
from kz_compliance_sdk.domain.checkpoints import PLATFORM, Anchor, Check, Leaf, anchors
from kz_compliance_sdk.domain.evidence_rows import CLOCK_TOLERANCE_S
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Queries
from kz_compliance_sdk.services.checkpoints import loose_since, since_of
from kz_compliance_sdk.services.faults import kind_and_place

_ODD: Final = (TypeError, ValueError, LookupError, AttributeError)
"""What comes of a value of another type than was written. It must not keep the other cases from being checked."""


def verify(
    queries: Queries,
    platform_id: str,
    case_id: str | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    kept: bytes | None = None,
    check: Check | None = None,
) -> AuditVerdict:
    """Check one case or all, against what was `kept` of the checkpoints elsewhere. A row that cannot be read is a fault
    of its case, and the next is checked. Raises InvalidInput if what was kept holds no checkpoint."""
    outside, unchecked = anchors(kept, platform_id, check) if kept is not None else ([], [])
    tree = check_tree(platform_id, queries.leaves(), [one for one, _ in queries.checkpoints()], outside, check)
    faults = list(tree.faults)
    found: set[str] = set()
    late: list[tuple[str, list[int]]] = []
    later = emptied = 0
    for one in [case_id] if case_id is not None else queries.case_ids():
        leaves = queries.leaves_of(one)
        try:
            records = queries.records(one)
            faults += proofs.check(records)
            seen = seen_by(one, leaves, erased=proofs.was_erased(records.events))
            since = since_of(records, seen[0], _last(leaves), tree.complete_at)
            faults += check_case(one, leaves, records.events, records.rows, since, tree.complete_at, seen)
            later += since.moved
            if back := told_late(leaves, records.events, tree.complete):
                late.append((one, back))
        except StoreDamaged as error:
            faults.append(Fault(one, 0, error.message))
        except _ODD as error:
            faults.append(Fault(one, 0, f"something of it is not as it was written: {kind_and_place(error)}"))
        found.add(one)
        if progress is not None:
            progress(len(found))
    if case_id is None:
        try:
            of_platform, emptied = _of_platform(queries, tree)
            faults += of_platform
        except StoreDamaged as error:
            faults.append(Fault(PLATFORM, 0, f"the rows of no case cannot be read: {error.message}"))
        except _ODD as error:
            faults.append(Fault(PLATFORM, 0, f"the rows of no case cannot be read: {kind_and_place(error)}"))
        faults += [Fault(PLATFORM, 0, what) for what in queries.strange_doings()]
        faults += _of_no_case(queries, tree.cases - found - {PLATFORM})
    said = [*_not_provable(tree, outside, unchecked, later, emptied), *_told_late(late)]
    return AuditVerdict(len(found), tuple(faults), tuple(said))


def _of_platform(queries: Queries, tree: TreeRead) -> tuple[list[Fault], int]:
    """The faults of what belongs to no case, and how many messages of it have been emptied."""
    leaves = queries.leaves_of(PLATFORM)
    seen = seen_by(PLATFORM, leaves, erased=0)
    loose, since = loose_since(queries, seen[0], _last(leaves), tree.complete_at)
    rows = loose.rows
    faults = [*check_case(PLATFORM, leaves, (), rows, since, tree.complete_at, seen), *proofs.of_loose(loose)]
    made = {row["id"]: row["attempts"] for row in rows["outbox"]}
    faults += [
        Fault(PLATFORM, 0, f"the attempt {row['number']} of the message {row['message_id']} was never made")
        for row in rows["attempts"]
        if row["message_id"] not in made or not 0 < row["number"] <= made[row["message_id"]]
    ]
    if seen[0] is None and tree.complete_at:
        oldest = tree.complete_at - CLOCK_TOLERANCE_S
        faults += [
            Fault(PLATFORM, 0, f"a row of {name} is older than the last checkpoint, and no checkpoint ever saw it")
            for name, held in rows.items()
            for row in held
            if (row.get("received_at") or row.get("created_at") or row.get("ended_at") or 0) < oldest
        ]
    return faults, sum(proofs.is_emptied(row) for row in loose.messages)


def _of_no_case(queries: Queries, in_leaves: set[str]) -> list[Fault]:
    """What is there of cases that are not, or of none where nothing may be."""
    left: dict[str, list[str]] = {one: ["the checkpoints"] for one in in_leaves}
    for case_id, table in queries.orphans():
        left.setdefault(str(case_id), []).append(table)
    return [
        Fault(
            one,
            0,
            f"the case is gone, and something of it is still there, in {', '.join(sorted(where))}"
            if one
            else f"something is there that belongs to no case, in {', '.join(sorted(where))}",
        )
        for one, where in sorted(left.items())
    ]


def _told_late(late: Sequence[tuple[str, list[int]]]) -> list[str]:
    if not late:
        return []
    (case_id, (first, *_)), events = late[0], sum(len(numbers) for _, numbers in late)
    many = f"{events} event{'s' * (events > 1)} of {len(late)} case{'s' * (len(late) > 1)}"
    where = f"the first of them event {first} of {case_id}"
    return [f"when {many} happened, {where}: older than a checkpoint that had not seen them"]


def _last(leaves: Sequence[Leaf]) -> tuple[int, int] | None:
    for one in reversed(leaves):
        try:
            content = json.loads(one.content)
            return int(content["seq"]), int(content["at"])
        except (ValueError, TypeError, LookupError):
            continue
    return None


def _not_provable(
    tree: TreeRead, outside: Sequence[Anchor], unchecked: Sequence[str], later: int, emptied: int
) -> list[str]:
    said = list(tree.not_provable)
    if not outside:
        said.append(
            "that the store was not rewritten as a whole, or replaced by an old backup: no checkpoint held elsewhere "
            "was given, and whoever can write to the database can rewrite what it says of itself"
        )
    elif any("held outside" in fault.what for fault in tree.faults):
        pass
    elif tree.size == tree.proved:
        said.append(
            f"that nothing came after the last checkpoint held outside ({outside[-1].where}) and was taken away again: "
            "a store that was put back to exactly that moment looks like this"
        )
    else:
        said.append(
            f"what came after the last checkpoint held outside: it covers {tree.proved} of the store's {tree.size} "
            "leaves"
        )
    if later:
        said.append(f"the latest events of {later} cases: they came after the last checkpoint, or none was made yet")
    if emptied:
        said.append(f"what {emptied} messages of no case said: their time was over, or somebody emptied them like that")
    said += [f"who made a checkpoint held outside: {one} could not be checked here" for one in unchecked]
    return said
