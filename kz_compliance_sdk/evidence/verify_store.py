"""The verification of the audit trail: the growing tree first, then each case against what its leaves saw, and
chains and rows against what is held of them elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kz_compliance_sdk.domain import evidence, proofs
from kz_compliance_sdk.domain.audit import AuditEvent, Fault
from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.checkpoints import PLATFORM, Anchor, Check, Checkpoint, Leaf, anchors, merged, whose
from kz_compliance_sdk.domain.evidence import overridden
from kz_compliance_sdk.domain.evidence_rows import CLOCK_TOLERANCE_S, Row, Seen, Since
from kz_compliance_sdk.domain.merkle import Frontier, leaf_hash
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.evidence.checkpoints import loose_since, since_of
from kz_compliance_sdk.ports import Queries
from kz_compliance_sdk.services.faults import kind_and_place

__all__ = ["AuditVerdict", "TreeRead", "check_case", "check_tree", "seen_by", "told_late"]


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a verification came to: how many cases were checked, every fault found, and, in words, what nothing that was
    given can prove. No faults means only that there are none in what can be proved."""

    checked: int
    faults: tuple[Fault, ...]
    not_provable: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.faults


@dataclass(slots=True)
class TreeRead:
    """What the walk over the tree came to. `complete` says when each checkpoint was made that holds everything before
    it (UTC seconds, ascending), `cases` has a leaf, `proved` is how many leaves an outside root covers."""

    faults: list[Fault] = field(default_factory=list)
    not_provable: list[str] = field(default_factory=list)
    cases: set[str] = field(default_factory=set)
    size: int = 0
    proved: int = 0
    complete: tuple[int, ...] = ()

    @property
    def complete_at(self) -> int:
        """When the last of these was made; 0 if there is none."""
        return self.complete[-1] if self.complete else 0


def check_tree(
    platform_id: str,
    leaves: Iterable[Leaf],
    checkpoints: Sequence[Checkpoint],
    outside: Sequence[Anchor],
    check: Check | None = None,
) -> TreeRead:
    """Grow the tree again from its leaves, and hold every root against it that was given inside or `outside`."""
    read = TreeRead()
    roots: dict[int, tuple[str, bytes]] = {}
    wanted = {one.size for one in checkpoints} | {one.size for one in outside}
    tree = Frontier()
    for one in leaves:
        if one.index != tree.size:
            read.faults.append(
                Fault(one.case_id, 0, f"leaf {tree.size} of the checkpoints is missing, and leaf {one.index} follows")
            )
        tree.append(_checked_leaf(platform_id, one, read))
        read.cases.add(one.case_id)
        if tree.size in wanted:
            roots[tree.size] = tree.root.hex(), b"".join(tree.peaks)
    read.size = tree.size
    _hold_inside(checkpoints, roots, read, check)
    _hold_outside(checkpoints, outside, roots, read)
    complete = [one.at for one in checkpoints if one.complete is True and _is(one.at, int)]
    complete += [one.at for one in outside if one.at is not None and one.size <= read.size]
    read.complete = tuple(sorted(complete))
    return read


def _checked_leaf(platform_id: str, one: Leaf, read: TreeRead) -> bytes:
    if not _is(one.content, bytes):
        read.faults.append(Fault(one.case_id, 0, f"leaf {one.index} of the checkpoints cannot be read"))
        return b"\0" * 32
    hashed = leaf_hash(one.content)
    named = _content(one)
    if hashed.hex() != one.hash or (named.get("platform"), named.get("case")) != (platform_id, one.case_id):
        read.faults.append(Fault(one.case_id, 0, f"leaf {one.index} of the checkpoints was changed"))
    return hashed


def _hold_inside(
    checkpoints: Sequence[Checkpoint], roots: Mapping[int, tuple[str, bytes]], read: TreeRead, check: Check | None
) -> None:
    unknown, left_out = False, 0
    for number, one in enumerate(checkpoints, start=1):
        name = f"the checkpoint {one.number}"
        if one.number != number:
            read.faults.append(Fault(PLATFORM, 0, f"the checkpoint {number} is gone"))
        try:
            said = json.loads(one.line)
            said = {key: said[key] for key in ("platform", "number", "size", "root", "at", "complete", "left_out")}
            signer, holds = whose(json.loads(one.line), check)
            if canonical(json.loads(one.line)) != one.line:
                raise ValueError(name)
        except (ValueError, TypeError, LookupError):
            read.faults.append(Fault(PLATFORM, 0, f"{name} cannot be read"))
            continue
        held = {"platform": one.platform_id, "number": one.number, "size": one.size, "root": one.root}
        if said != held | {"at": one.at, "complete": one.complete, "left_out": one.left_out}:
            read.faults.append(Fault(PLATFORM, 0, f"{name} is not what its line says"))
        if one.complete is True and _is(one.left_out, int):
            left_out = one.left_out
        if holds is False:
            read.faults.append(Fault(PLATFORM, 0, f"{name} is not signed by the key {signer}, as it says"))
        unknown = unknown or (holds is None and bool(signer))
        if one.size not in roots:
            read.faults.append(Fault(PLATFORM, 0, f"{name} counts {one.size} leaves, and {read.size} are there: cut"))
        elif (one.root, one.peaks) != roots[one.size]:
            read.faults.append(Fault(PLATFORM, 0, f"{name} has another root than its {one.size} leaves"))
    last = checkpoints[-1].size if checkpoints else 0
    if _is(last, int) and read.size > last:
        what = f"leaf {last} and what follows it is there, and the checkpoint over it is gone, or never was made"
        read.faults.append(Fault(PLATFORM, 0, what))
    if left_out:
        cases = f"{left_out} case{'s' * (left_out > 1)}"
        read.not_provable.append(
            f"the newest of {cases}: the last checkpoint left it out, since they could not be read or were not as an "
            "earlier one saw them"
        )
    if unknown:
        read.not_provable.append("who signed some of the checkpoints inside the store: their key is not known here")


def _hold_outside(
    checkpoints: Sequence[Checkpoint], outside: Sequence[Anchor], roots: Mapping[int, tuple[str, bytes]], read: TreeRead
) -> None:
    inside = {one.size for one in checkpoints}
    lines = {one.line for one in checkpoints}
    for one in outside:
        if one.size > read.size:
            what = (
                f"the store is older than the checkpoint held outside ({one.where}): that one counts {one.size} "
                f"leaves, the store {read.size}. It is an old backup, or its end was cut off"
            )
            read.faults.append(Fault(PLATFORM, 0, what))
        elif one.size and roots[one.size][0] != one.root.lower():
            what = (
                f"the store is not the one that the checkpoint held outside ({one.where}) saw: something in its first "
                f"{one.size} leaves after leaf {read.proved} was rewritten"
            )
            read.faults.append(Fault(PLATFORM, 0, what))
            return
        else:
            read.proved = max(read.proved, one.size)
            if one.size and one.size not in inside:
                what = f"the checkpoint over {one.size} leaves, held outside ({one.where}), is gone from the store"
                read.faults.append(Fault(PLATFORM, 0, what))
            elif one.line and one.line not in lines:
                what = f"the checkpoint over {one.size} leaves is not the one that is held outside ({one.where})"
                read.faults.append(Fault(PLATFORM, 0, what))


def seen_by(case_id: str, leaves: Sequence[Leaf], *, erased: int) -> tuple[Seen | None, list[Fault]]:
    """What the leaves of one case saw of its rows, and where these contradict each other. `erased` is the seq of the
    event that says that the case was erased last: the manifests before it went with it."""
    seen: Seen | None = None
    faults: list[Fault] = []
    for one in leaves:
        what = f"the manifest of leaf {one.index} was changed"
        seq = _content(one).get("seq")
        if type(seq) is int and seq < erased:
            if one.manifest != b"":
                faults.append(Fault(case_id, erased, f"the manifest of leaf {one.index} should have been erased"))
            continue
        if not _is(one.manifest, bytes) or hashlib.sha256(one.manifest).hexdigest() != _content(one).get("rows"):
            faults.append(Fault(case_id, 0, what))
            continue
        try:
            seen, again = merged(seen, one.manifest)
        except (ValueError, TypeError, LookupError):
            faults.append(Fault(case_id, 0, what))
            continue
        faults += [
            Fault(case_id, 0, f"leaf {one.index} contradicts an earlier one about {evidence.named(now)}")
            for was, now in again
            if overridden(was, now)
        ]
    return seen, faults


def check_case(
    case_id: str,
    leaves: Sequence[Leaf],
    events: Sequence[AuditEvent],
    rows: Mapping[str, Sequence[Row]],
    since: Since,
    complete_at: int,
    seen: tuple[Seen | None, list[Fault]],
) -> list[Fault]:
    """One case against its leaves: each head that they saw must still be in the chain, each row must be as it was or
    have gone on as it may, and nothing older than the last complete checkpoint may be missing in it."""
    known, faults = seen[0], list(seen[1])
    hashes = {event.seq: event.hash for event in events}
    last = 0
    for one in leaves:
        content = _content(one)
        seq, head = content.get("seq"), content.get("head")
        if not isinstance(seq, int):
            continue
        last = max(last, seq)
        if seq and seq not in hashes:
            faults.append(Fault(case_id, seq, f"the chain was cut: a checkpoint (leaf {one.index}) saw event {seq}"))
        elif seq and hashes[seq] != head:
            faults.append(
                Fault(case_id, seq, f"the chain was rewritten: a checkpoint (leaf {one.index}) saw another event {seq}")
            )
    for event in events:
        older = _is(event.at, int) and event.at < complete_at - CLOCK_TOLERANCE_S
        if older and event.seq > last:
            faults.append(
                Fault(case_id, event.seq, "it is older than the last checkpoint, and no checkpoint ever saw it")
            )
    if known is not None:
        faults += [Fault(case_id, 0, what) for what in evidence.grown(known, rows, since)[2]]
    return faults


def told_late(leaves: Sequence[Leaf], events: Sequence[AuditEvent], complete: Sequence[int]) -> list[int]:
    """The numbers of a case's events that are older than a complete checkpoint which had not seen them, although a
    later leaf did: they were written later than they say, the clock was set back, or the case could not be read then.
    """
    late: list[int] = []
    seen = 0
    for one in leaves:
        content = _content(one)
        seq, at = content.get("seq"), content.get("at")
        if not (isinstance(seq, int) and isinstance(at, int)):
            continue
        before = complete[: bisect_left(complete, at)]
        oldest = before[-1] - CLOCK_TOLERANCE_S if before else 0
        late += [event.seq for event in events if seen < event.seq <= seq and _is(event.at, int) and event.at < oldest]
        seen = max(seen, seq)
    return late


def _is(value: object, kind: type) -> bool:
    """The database can hold anything where something else was written."""
    return type(value) is kind


def _content(one: Leaf) -> dict[str, Any]:
    try:
        content = json.loads(one.content)
    except (ValueError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}


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
            faults += dict.fromkeys((*proofs.check(records), *(Fault(one, 0, what) for what in queries.lies(one))))
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
        faults += [Fault(PLATFORM, 0, what) for what in (*queries.strange_doings(), *queries.log_faults())]
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
