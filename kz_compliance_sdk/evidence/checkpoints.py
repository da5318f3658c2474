"""Checkpoints over all cases: make one, hand it to those who keep it, and prove that a case is in it.

A run reads what has changed since the last one, outside any transaction, and appends a leaf for each such case. What
it costs depends on what has changed and on how many cases are running, not on how many there are.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kz_compliance_sdk.domain import evidence, merkle, proofs
from kz_compliance_sdk.domain.audit import GENESIS, SYSTEM, Stamp
from kz_compliance_sdk.domain.change import Change, CursorMoved, Write
from kz_compliance_sdk.domain.checkpoints import (
    PLATFORM,
    CaseLooked,
    Checkpoint,
    CheckpointTold,
    Leaf,
    leaf,
    manifest,
    merged,
    signed,
)
from kz_compliance_sdk.domain.events.privacy import Erased
from kz_compliance_sdk.domain.evidence_rows import Row, Seen, Since
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.domain.report import ReportSignature
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound, StoreDamaged
from kz_compliance_sdk.ports import Queries, Store, Tx, Witness
from kz_compliance_sdk.services.faults import kind_and_place

_AT_ONCE = 200
_AGAIN_S = 86_400
_log = logging.getLogger("kz_compliance_sdk.checkpoint")


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at one case came to: a leaf to add, or the faults that keep it from being added. `erased` is how
    often the case had been erased."""

    case_id: str
    marks: int
    seq: int = 0
    head: str = GENESIS
    manifest: bytes = b""
    faults: tuple[str, ...] = ()
    erased: int = 0


class Checkpoints:
    """The checkpoints of one platform. `every_s` is how many seconds lie between two, 0 to make none by itself."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        *,
        seal: Callable[[bytes], ReportSignature] | None,
        entropy: Callable[[int], bytes],
        witnesses: Callable[[], Sequence[Witness]],
        every_s: int = 3600,
    ) -> None:
        self._store, self._platform, self._seal, self._entropy = store, platform_id, seal, entropy
        self._witnesses, self._every_s = witnesses, every_s

    def run(self) -> Checkpoint | None:
        """Make a checkpoint if the last one is old enough, and hand out what was not handed out yet. The worker calls
        this all the time. Raises StoreError, and ComplianceError if somebody did not keep it."""
        if not self._every_s:
            return None
        last = self._queries.last_checkpoint()
        made = None
        # One that lies ahead was made on a clock that has been set back since.
        if last is None or not last[0].complete or not 0 <= self._store.now() - last[0].at < self._every_s:
            made = self._make()
        self._hand_out()
        return made

    def checkpoint(self) -> Checkpoint:
        """Make a checkpoint now, hand it out, and give it; the last one if nothing has changed since.

        Raises NotFound while there is nothing that one could be made of, and ComplianceError if somebody did not keep
        it: it stands all the same, and is handed out again."""
        made = self._make()
        self._hand_out()
        if made is None:
            last = self._queries.last_checkpoint()
            if last is None:
                raise NotFound("there is no case yet, and so nothing to make a checkpoint of.")
            made = last[0]
        return made

    def prove(self, case_id: str) -> dict[str, Any]:
        """What proves to anybody that the last checkpoint holds this case: its last leaf in it, where that is, the
        path of RFC 9162 to the root (hex), and the checkpoint itself. Raises NotFound."""
        last = self._queries.last_checkpoint()
        leaves = self._queries.leaves_of(case_id)
        if last is None or not leaves:
            self._queries.case(case_id)
            raise NotFound("no checkpoint holds this case yet: make one.", reference=case_id)
        checkpoint, mine = last[0], leaves[-1]
        hashes = self._hashes(checkpoint.size)
        return {
            "leaf": mine.content.decode("utf-8"),
            "index": mine.index,
            "path": [node.hex() for node in merkle.inclusion_proof(hashes, mine.index)],
            "checkpoint": json.loads(checkpoint.line),
        }

    def prove_growth(self, size: int) -> dict[str, Any]:
        """What proves that the last checkpoint continues the one over `size` leaves: the consistency proof of RFC 9162
        (hex). Raises NotFound and InvalidInput."""
        last = self._queries.last_checkpoint()
        if last is None:
            raise NotFound("there is no checkpoint yet: make one.")
        if not 0 < size <= last[0].size:
            raise InvalidInput(
                f"{size} is no size that the tree had.", field="since", remedy=f"Give 1 to {last[0].size}."
            )
        path = merkle.consistency_proof(self._hashes(last[0].size), size)
        return {"since": size, "path": [node.hex() for node in path], "checkpoint": json.loads(last[0].line)}

    # ------------------------------------------------------------------------------------------------- making

    @property
    def _queries(self) -> Queries:
        return self._store.queries(self._platform)

    def _hashes(self, size: int) -> list[bytes]:
        return [bytes.fromhex(one) for one in self._queries.leaf_hashes(size)]

    def _make(self) -> Checkpoint | None:
        """One checkpoint for each _AT_ONCE cases that changed; the last of them is complete. None if nothing did."""
        # What was stored before this moment is seen by every read after it: the writer's works follow each other.
        at, last = self._store.submit(self._platform, _begun).result()
        due = self._queries.due_for_checkpoint()
        before = self._complete_at() if due else 0
        made, left_out = None, 0
        while due:
            some, due = due[:_AT_ONCE], due[_AT_ONCE:]
            looks = [look for case_id, marks in some if (look := self._look_at(case_id, marks, before)) is not None]
            left_out += sum(bool(look.faults) for look in looks)
            made = self._append(looks, at, last, complete=not due, left_out=left_out) or made
            last = made or last
        if made is None and last is not None and not last.complete:
            made = self._append([], at, last, complete=True, left_out=left_out)
        return made

    def _append(
        self, looks: Sequence[_Look], at: int, last: Checkpoint | None, *, complete: bool, left_out: int = 0
    ) -> Checkpoint | None:
        def work(tx: Tx) -> tuple[Change, Checkpoint | None]:
            if tx.checkpoint() != last:
                return (), None  # another worker is at it: what it leaves is seen by the next run
            # A manifest of what has been erased since the look would bring the digests back: another look will do.
            now = tx.streams(stream_of(look.case_id) for look in looks if look.manifest)
            still = [one for one in looks if not one.manifest or one.erased == _erasures(now[stream_of(one.case_id)])]
            change, made = self._leaves(
                still, at, last, complete=complete and len(still) == len(looks), left_out=left_out
            )
            return (*self._alerts(tx, looks), *change), made

        return self._store.submit(self._platform, work).result()

    def _leaves(
        self, looks: Sequence[_Look], at: int, last: Checkpoint | None, *, complete: bool, left_out: int
    ) -> tuple[Change, Checkpoint | None]:
        platform = self._platform
        peaks = [] if last is None else [last.peaks[i : i + 32] for i in range(0, len(last.peaks), 32)]
        tree = merkle.Frontier(0 if last is None else last.size, peaks)
        writes: list[Write] = []
        for look in looks:
            if not look.manifest:
                # What has a fault is looked at again: once it is as it should be, its newest belongs in the tree.
                if not look.faults:
                    writes.append(CaseLooked(platform, look.case_id, look.marks))
                continue
            added = leaf(platform, tree.size, look.case_id, look.seq, look.head, at, look.manifest, look.marks)
            writes.append(added)
            tree.append(bytes.fromhex(added.hash))
        if tree.size == (last.size if last else 0) and not (complete and last and not last.complete):
            return tuple(writes), None
        number = last.number + 1 if last else 1
        made = signed(
            platform,
            number,
            tree.size,
            tree.root.hex(),
            at,
            complete=complete,
            left_out=left_out,
            peaks=tree.peaks,
            seal=self._seal,
        )
        return (*writes, made), made

    def _alerts(self, tx: Tx, looks: Sequence[_Look]) -> Change:
        """An alert for each case with a fault, once a day."""
        writes: list[Write] = []
        for look in looks:
            told = f"audit_fault.{look.case_id}"
            if not look.faults or tx.now < int(tx.cursor(told) or "0"):
                continue
            reference, stamp = look.case_id or self._platform, Stamp(tx.now, SYSTEM)
            writes.append(CursorMoved(self._platform, told, str(tx.now + _AGAIN_S), tx.now))
            writes.append(notify(self._platform, reference, "audit_fault", ("lead", "head"), 60, stamp))
        return tuple(writes)

    def _look_at(self, case_id: str, marks: int, before: int) -> _Look | None:
        """What has to be added for one case. What should not have changed is told to people, and nothing is added: the
        verification goes on naming it."""
        try:
            seen, last = _seen(self._queries.leaves_of(case_id))
            rows, seq, head, since, erased = self._rows_of(case_id, seen, last, before)
        except NotFound:
            return _Look(case_id, marks, faults=("the case is gone",))
        except (StoreDamaged, ValueError, TypeError, LookupError) as error:
            _log.error("case %s: no checkpoint can hold it: %s", case_id or "-", kind_and_place(error))
            return _Look(case_id, marks, faults=("it cannot be read",))
        if seen is None:
            seen = Seen(self._entropy(16).hex())
        changed, gone, faults = evidence.grown(seen, rows, since)
        if faults:
            _log.error("case %s: %s of its rows are not as a checkpoint saw them", case_id or "-", len(faults))
            return _Look(case_id, marks, faults=tuple(faults))
        if not changed and not gone and last is not None and not since.moved:
            return _Look(case_id, marks)
        return _Look(case_id, marks, seq, head, manifest(seen.salt, changed, gone), erased=erased)

    def _rows_of(
        self, case_id: str, seen: Seen | None, last: tuple[int, int] | None, before: int
    ) -> tuple[Mapping[str, Sequence[Row]], int, str, Since, int]:
        if case_id == PLATFORM:
            loose, since = loose_since(self._queries, seen, last, before)
            return loose.rows, 0, GENESIS, since, 0
        erased = _erasures(self._queries.stream(case_id))
        records = self._queries.records(case_id)
        since = since_of(records, seen, last, before)
        return records.rows, records.case.audit_seq, records.case.audit_head, since, erased

    def _complete_at(self) -> int:
        last = [one.at for one, _ in self._queries.checkpoints() if one.complete]
        return last[-1] if last else 0

    # ----------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        last = self._queries.last_checkpoint()
        if last is None or last[1] is not None or not last[0].complete:
            return
        checkpoint = last[0]
        failed: ComplianceError | None = None
        for witness in self._witnesses():
            try:
                witness.keep(checkpoint)
            except ComplianceError as error:
                failed = error
        if failed is not None:
            raise failed
        told = CheckpointTold(self._platform, checkpoint.number, self._store.now())
        self._store.submit(self._platform, lambda _tx: ((told,), None)).result()


def _begun(tx: Tx) -> tuple[Change, tuple[int, Checkpoint | None]]:
    return (), (tx.now, tx.checkpoint())


def _seen(leaves: Sequence[Leaf]) -> tuple[Seen | None, tuple[int, int] | None]:
    """What the leaves of a case saw of its rows, and how far the last of them had come: seq and time."""
    seen, last = None, None
    for one in leaves:
        content = json.loads(one.content)
        last = int(content["seq"]), int(content["at"])
        if one.manifest:
            seen, _ = merged(seen, one.manifest)
    return seen, last


def _erasures(stream: Stream) -> int:
    """How often a case was erased; of no case never."""
    return sum(isinstance(on.event, Erased) for on in stream.events)


def since_of(records: proofs.Records, seen: Seen | None, last: tuple[int, int] | None, before: int) -> Since:
    """What happened to a case since its last leaf (`last`: its seq and time), or the last complete checkpoint. What its
    leaves have `seen` is None where it was erased."""
    if last is None:
        return Since(moved=True, at=0, first=True)
    following = [event for event in records.events if event.seq > last[0]]
    return Since(
        moved=records.case.audit_seq > last[0],
        at=max(last[1], before),
        erased=proofs.was_erased(following) > 0,
        named=frozenset(proofs.messages_behind(following)),
        first=seen is None,
        entered=proofs.entered(records.inbox),
        erased_elsewhere=records.erased_elsewhere,
    )


def loose_since(
    queries: Queries, seen: Seen | None, last: tuple[int, int] | None, before: int
) -> tuple[proofs.Loose, Since]:
    """What belongs to no case, and what happened to it since."""
    known = [key for name, key in seen.entries if name == "inbox"] if seen is not None else []
    loose = queries.loose_rows([(str(a), str(b), str(c)) for a, b, c in known])
    if last is None or seen is None:
        return loose, Since(moved=False, at=0, first=True)
    noted = any(
        row["exit"] == "noted" and ("inbox", (row["sender"], row["message_id"], row["body_sha256"])) not in seen.entries
        for row in loose.rows["inbox"]
    )
    return loose, Since(
        moved=False,
        at=max(last[1], before),
        noted=noted,
        entered=proofs.entered(loose.messages),
        erased_elsewhere=loose.erased_elsewhere,
    )
