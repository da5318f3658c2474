"""The verification of the store: the log against the checkpoints that were made of it, each chain, and the rows
against what they are made of.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kz_compliance_sdk.domain import proofs
from kz_compliance_sdk.domain.change import names_of
from kz_compliance_sdk.domain.checkpoints import (
    CHECKPOINTS,
    Anchor,
    Check,
    Checkpoint,
    LogLine,
    anchors,
    checkpoint_in,
    whose,
)
from kz_compliance_sdk.domain.events.arrivals import Opened
from kz_compliance_sdk.domain.ledger import Damage
from kz_compliance_sdk.domain.merkle import Frontier, leaf_hash
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.proofs import Fault, Records
from kz_compliance_sdk.domain.values import MESSAGES, stream_of
from kz_compliance_sdk.errors import NotFound, StoreDamaged, kind_and_place
from kz_compliance_sdk.ports import Queries

NO_CASE: Final = ""
"""In the place of a case: what belongs to none."""
CLOCK_TOLERANCE_S: Final = 5
"""How far the store's clock may be set back, in seconds, before what came after a checkpoint looks older than it."""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a verification came to: how many cases were checked, every fault found, and, in words, what nothing that was
    given can prove. No faults means only that there are none in what can be proved. `erased` says how many of the cases
    have no personal data any more."""

    checked: int
    faults: tuple[Fault, ...]
    not_provable: tuple[str, ...] = ()
    erased: int = 0

    @property
    def intact(self) -> bool:
        return not self.faults


@dataclass(slots=True)
class LogRead:
    """What the walk over the log came to. `size` is how many lines it has, `ends` the last of them that is of no
    checkpoint, `proved` how many an outside root covers. `begun` are the cases in the order in which they began,
    `later` those that went on behind the last checkpoint, `late` the events that are older than a checkpoint which had
    not seen them: a case and the number of its event."""

    faults: list[Fault] = field(default_factory=list)
    not_provable: list[str] = field(default_factory=list)
    size: int = 0
    ends: int = 0
    proved: int = 0
    begun: list[str] = field(default_factory=list)
    later: set[str] = field(default_factory=set)
    late: list[tuple[str, int]] = field(default_factory=list)
    tiles: list[tuple[int, int, bytes]] = field(default_factory=list)

    def found(self, what: str) -> None:
        """Note a fault that is of no case."""
        self.faults.append(Fault(NO_CASE, 0, what))


def check_log(
    lines: Iterable[LogLine | None], inside: Sequence[Checkpoint], outside: Sequence[Anchor], check: Check | None = None
) -> LogRead:
    """Grow the tree again from the lines of the log, and hold every root against it that was given `inside` or
    `outside`."""
    read = LogRead()
    made = {one.size: one.at for one in sorted(inside, key=lambda one: one.at)}
    seen_until = {one.size: one.at for one in outside if one.at is not None} | made
    covered = max(made, default=0)
    roots: dict[int, str] = {}
    wanted = made.keys() | {one.size for one in outside}
    tree, oldest = Frontier(), 0
    for line in lines:
        tree.append(bytes(32) if line is None else leaf_hash(line.leaf))
        if line is not None:
            _note(line, read, oldest - CLOCK_TOLERANCE_S, covered)
        if tree.size in wanted:
            roots[tree.size] = tree.root.hex()
            oldest = max(oldest, seen_until.get(tree.size, 0))
    read.size, read.tiles = tree.size, tree.tiles
    _hold_inside(inside, roots, read, check)
    _hold_outside(inside, outside, roots, read)
    return read


def _note(line: LogLine, read: LogRead, oldest: int, covered: int) -> None:
    """What one line says of what happened when."""
    if line.stream.startswith(CHECKPOINTS):
        return
    read.ends = line.n
    if not line.stream.startswith(stream_of("")):
        return
    case_id = line.stream.removeprefix(stream_of(""))
    if line.seq == 1:
        read.begun.append(case_id)
    if line.n > covered:
        read.later.add(case_id)
    if line.at is None or line.at >= oldest:
        return
    if line.n > covered:
        what = "it is older than the last checkpoint, and no checkpoint ever saw it"
        read.faults.append(Fault(case_id, line.seq, what))
    else:
        read.late.append((case_id, line.seq))


def _hold_inside(checkpoints: Sequence[Checkpoint], roots: dict[int, str], read: LogRead, check: Check | None) -> None:
    unknown, number = False, 0
    for one in checkpoints:
        name, number = f"the checkpoint {one.number}", number + 1
        while number < one.number:
            read.found(f"the checkpoint {number} is gone")
            number += 1
        signer, holds = whose(json.loads(one.line), check)
        if holds is False:
            read.found(f"{name} is not signed by the key {signer}, as it says")
        unknown = unknown or (holds is None and bool(signer))
        if one.size not in roots:
            what = f"{name} counts {one.size} lines of the log, and {read.size} are there: cut"
            read.found(what)
        elif one.root != roots[one.size]:
            read.found(f"{name} has another root than the first {one.size} lines of the log")
    if unknown:
        read.not_provable.append("who signed some of the checkpoints inside the store: their key is not known here")


def _hold_outside(
    checkpoints: Sequence[Checkpoint], outside: Sequence[Anchor], roots: dict[int, str], read: LogRead
) -> None:
    inside = {one.size for one in checkpoints}
    lines = {one.line for one in checkpoints}
    for one in outside:
        if one.size > read.size:
            what = (
                f"the store is older than the checkpoint held outside ({one.where}): that one counts {one.size} lines "
                f"of the log, the store {read.size}. It is an old backup, or its end was cut off"
            )
            read.found(what)
        elif one.size and roots[one.size] != one.root.lower():
            what = (
                f"the store is not the one that the checkpoint held outside ({one.where}) saw: something in the first "
                f"{one.size} lines of its log after line {read.proved} was rewritten"
            )
            read.found(what)
            return
        else:
            read.proved = max(read.proved, one.size)
            if one.size and one.size not in inside:
                what = f"the checkpoint over {one.size} lines, held outside ({one.where}), is gone from the store"
                read.found(what)
            elif one.line and one.line not in lines:
                what = f"the checkpoint over {one.size} lines is not the one that is held outside ({one.where})"
                read.found(what)


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
    policy: Policy | None = None,
) -> AuditVerdict:
    """Check one case or all, against what was `kept` of the checkpoints elsewhere and, what rested on this version of
    the `policy`, against that. A row that cannot be read is a fault
    of its case, and the next is checked. Raises InvalidInput if what was kept holds no checkpoint."""
    outside, unchecked = anchors(kept, platform_id, check) if kept is not None else ([], [])
    inside, faults = _beside(queries)
    log = check_log(queries.log_lines(dated=True), inside, outside, check)
    faults += log.faults
    checked = erased = 0
    openings: dict[str, _Opening] = {}
    for one in [case_id] if case_id is not None else queries.case_ids():
        try:
            found, records = _of_case(queries, one, policy)
            faults += found
            if records is not None:
                erased += records.erased
                openings |= _opening(one, records)
        except NotFound:
            if case_id is not None:
                raise
            faults.append(Fault(one, 0, "nothing can be found by what its row is called"))
        checked += 1
        if progress is not None:
            progress(checked)
    if case_id is None:
        if policy is not None:
            faults += _miscounted(log.begun, openings, policy, queries.unseen_s)
        faults += [Fault(NO_CASE, 0, what) for what in _wrong_tiles(queries, log)]
        faults += [Fault(NO_CASE if of.startswith(MESSAGES) else of, 0, what) for of, what in queries.strays()]
    said = [*_not_provable(log, outside, unchecked, case_id), *_told_late(log.late)]
    return AuditVerdict(checked, tuple(faults), tuple(said), erased)


def _of_case(queries: Queries, case_id: str, policy: Policy | None) -> tuple[Sequence[Fault], Records | None]:
    """The faults of a case, and what is held of it, None where that cannot be read."""
    try:
        records = queries.records(case_id)
        return proofs.check(records, policy), records
    except StoreDamaged as error:
        return [Fault(case_id, 0, error.message)], None
    except _ODD as error:
        return [Fault(case_id, 0, f"something of it is not as it was written: {kind_and_place(error)}")], None


class _Opening(NamedTuple):
    """How a notice came: when (UTC seconds), what it counts under, how many were told to have come before it, how many
    are usual, and by which version of the policy."""

    at: int
    names: tuple[str, ...]
    told: int
    usual: int
    policy: str


def _opening(case_id: str, records: Records) -> dict[str, _Opening]:
    for on in records.stream.events[:1]:
        if isinstance(event := on.event, Opened):
            came = event.came
            names = names_of(event.authority, came.key_id or "")
            return {case_id: _Opening(on.at, names, came.volume, came.volume_limit, event.policy)}
    return {}


def _miscounted(
    begun: Iterable[str], openings: Mapping[str, _Opening], policy: Policy, unseen_s: int
) -> Iterator[Fault]:
    """The notices that were told of fewer before them than came: their count is a row, and asks for a second person.
    What came under another policy, or before the clock was set back, may have been let go by then; and what came to
    another host in the last `unseen_s` seconds nobody could see."""
    came: defaultdict[str, deque[int]] = defaultdict(deque)
    unseen: defaultdict[str, deque[int]] = defaultdict(deque)
    last = 0
    for case_id in begun:
        one = openings.get(case_id)
        if one is None:
            continue
        if one.at < last - unseen_s or one.policy != policy.version:
            came.clear()
            unseen.clear()
            last = 0
        last = max(last, one.at)
        for name in one.names:
            while unseen[name] and unseen[name][0] <= one.at - unseen_s:
                came[name].append(unseen[name].popleft())
            while came[name] and came[name][0] <= one.at - policy.safeguards.volume_window_s:
                came[name].popleft()
        before = max(len(came[name]) for name in one.names)
        if one.told < min(before, one.usual):
            what = f"it says that {one.told} notices came before it, and {before} did: their count was edited"
            yield Fault(case_id, 1, what)
        for name in one.names if one.policy == policy.version else ():
            unseen[name].append(one.at)


def _beside(queries: Queries) -> tuple[list[Checkpoint], list[Fault]]:
    """The checkpoints by number, and what is wrong with any stream that is of no case."""
    made: list[Checkpoint] = []
    faults: list[Fault] = []
    for chain in queries.streams_beside():
        stream, wrong = chain.stream, chain.faults
        if stream.fault is None and not stream.events:
            wrong = [f"the stream {stream.name} is there, and nothing ever happened in it"]
        elif stream.fault is None and stream.name.startswith(CHECKPOINTS):
            try:
                made.append(checkpoint_in(stream))
            except Damage as damage:
                wrong = [*wrong, str(damage)]
        faults += [Fault(NO_CASE, 0, what) for what in wrong]
    return sorted(made, key=lambda one: one.number), faults


def _wrong_tiles(queries: Queries, log: LogRead) -> Iterator[str]:
    """The kept nodes of the tree that are not those of the log. Those behind the last checkpoint come with the next."""
    levels: dict[int, list[bytes]] = {}
    for level, _, node in log.tiles:
        levels.setdefault(level, []).append(node)
    for level, nodes in levels.items():
        held = queries.tiles(level, 0, len(nodes))
        if held != nodes[: len(held)]:
            yield f"the tiles of level {level} are not those of the log. The next checkpoint or proof makes them anew"


def _told_late(late: Sequence[tuple[str, int]]) -> list[str]:
    if not late:
        return []
    (case_id, first), cases = late[0], len({case_id for case_id, _ in late})
    many = f"{len(late)} event{'s' * (len(late) > 1)} of {cases} case{'s' * (cases > 1)}"
    where = f"the first of them event {first} of {case_id}"
    return [f"when {many} happened, {where}: older than a checkpoint that had not seen them"]


def _not_provable(log: LogRead, outside: Sequence[Anchor], unchecked: Sequence[str], case_id: str | None) -> list[str]:
    said = list(log.not_provable)
    if not outside:
        said.append(
            "that the store was not rewritten as a whole, or replaced by an old backup: no checkpoint held elsewhere "
            "was given, and whoever can write to the database can rewrite what it says of itself"
        )
    elif any("held outside" in fault.what for fault in log.faults):
        pass
    elif log.ends <= log.proved:
        said.append(
            f"that nothing came after the last checkpoint held outside ({outside[-1].where}) and was taken away again: "
            "a store that was put back to exactly that moment looks like this"
        )
    else:
        said.append(
            f"what came after the last checkpoint held outside: it covers {log.proved} of the {log.size} lines of the "
            "store's log"
        )
    if later := log.later if case_id is None else log.later & {case_id}:
        said.append(f"the latest events of {len(later)} cases: they came after the last checkpoint")
    said += [f"who made a checkpoint held outside: {one} could not be checked here" for one in unchecked]
    return said
