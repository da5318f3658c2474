"""Checkpoints over the log: make one, hand it to those who keep it, and prove that a case is in it.

A run reads what the log has gained since the last one, outside any transaction, and appends one event. What it costs
depends on that alone. A proof reads the nodes of the tree that are kept (`tiles`), and is checked before it is given:
what was changed there is made anew from the log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from kz_compliance_sdk.domain import merkle
from kz_compliance_sdk.domain.change import Change, Happened, Tile
from kz_compliance_sdk.domain.checkpoints import (
    CHECKPOINTS,
    Checkpoint,
    LogLine,
    checkpoint_in,
    checkpointed,
    stream_name,
)
from kz_compliance_sdk.domain.events.base import AS_READ
from kz_compliance_sdk.domain.events.office import HandedOut
from kz_compliance_sdk.domain.report import ReportSignature
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound, StoreDamaged
from kz_compliance_sdk.ports import Queries, Store, Tx, Witness
from kz_compliance_sdk.services.loading import alerts

_LOG = "log"
"""By this people are told of a log that no checkpoint can be made of."""
_log = logging.getLogger("kz_compliance_sdk.checkpoint")


class Checkpoints:
    """The checkpoints of one platform. `every_s` is how many seconds lie between two, 0 to make none by itself."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        *,
        seal: Callable[[bytes], ReportSignature] | None,
        witnesses: Callable[[], Sequence[Witness]],
        every_s: int = 3600,
    ) -> None:
        self._store, self._platform, self._seal = store, platform_id, seal
        self._witnesses, self._every_s = witnesses, every_s

    def run(self) -> Checkpoint | None:
        """Make a checkpoint if the last one is old enough, and hand out what was not handed out yet. The worker calls
        this all the time. Raises StoreError, and ComplianceError if somebody did not keep it."""
        if not self._every_s:
            return None
        made = self._make(self._every_s)
        self._hand_out()
        return made

    def checkpoint(self) -> Checkpoint:
        """Make a checkpoint now, hand it out, and give it; the last one if nothing has happened since.

        Raises NotFound while there is nothing that one could be made of, StoreDamaged for a log that does not go on as
        the last one saw it, and ComplianceError if somebody did not keep it: it stands all the same, and is handed out
        again."""
        made = self._make()
        self._hand_out()
        made = made or self._queries.last_checkpoint()
        if made is None:
            raise NotFound("there is no case yet, and so nothing to make a checkpoint of.")
        return made

    def prove(self, case_id: str) -> dict[str, Any]:
        """What proves to anybody that the last checkpoint holds this case: the last line of the log that it covers of
        the case's chain, with the hash of its event; where that is (from 0), the path of RFC 9162 to the root (hex),
        and the checkpoint itself. Raises NotFound, and StoreDamaged for a log that is not the one it saw."""
        last = self._queries.last_checkpoint()
        lines = [] if last is None else [*self._queries.log_lines(0, last.size, stream=stream_of(case_id))]
        if last is None or not lines or (mine := lines[-1]) is None:
            self._queries.case(case_id)
            raise NotFound("no checkpoint holds this case yet: make one.", reference=case_id)
        index, root = mine.n - 1, bytes.fromhex(last.root)
        path = self._proof(
            last,
            lambda roots: merkle.inclusion_proof(roots, last.size, index),
            lambda path, _: merkle.verify_inclusion(merkle.leaf_hash(mine.leaf), index, last.size, path, root),
        )
        return {"leaf": mine.leaf.decode("utf-8"), "index": index, "path": path, "checkpoint": json.loads(last.line)}

    def prove_growth(self, size: int) -> dict[str, Any]:
        """What proves that the last checkpoint continues the one over `size` lines: the consistency proof of RFC 9162
        (hex). Raises NotFound, InvalidInput, and StoreDamaged for a log that is not the one it saw."""
        last = self._queries.last_checkpoint()
        if last is None:
            raise NotFound("there is no checkpoint yet: make one.")
        if not 0 < size <= last.size:
            raise InvalidInput(f"{size} is no size that the tree had.", field="since", remedy=f"Give 1 to {last.size}.")
        path = self._proof(
            last,
            lambda roots: merkle.consistency_proof(roots, last.size, size),
            lambda path, roots: merkle.verify_consistency(
                size, roots(0, size), last.size, bytes.fromhex(last.root), path
            ),
        )
        return {"since": size, "path": path, "checkpoint": json.loads(last.line)}

    # ------------------------------------------------------------------------------------------------- the tree

    @property
    def _queries(self) -> Queries:
        return self._store.queries(self._platform)

    def _nodes(self, level: int, first: int, many: int) -> Sequence[bytes]:
        """Some hashes of the tree; zeros where they cannot be read: what is missing proves as little as what was
        changed."""
        queries = self._queries
        if level:
            found = queries.tiles(level, first, many)
        else:
            lines = queries.log_lines(first, first + many)
            found = [bytes(32) if line is None else merkle.leaf_hash(line.leaf) for line in lines]
        return found if len(found) == many else [bytes(32)] * many

    def _proof(
        self,
        last: Checkpoint,
        make: Callable[[merkle.Roots], list[bytes]],
        holds: Callable[[list[bytes], merkle.Roots], bool],
    ) -> list[str]:
        """A proof that holds under the root of the last checkpoint, as hex."""
        roots = merkle.roots_of(self._nodes)
        path = make(roots)
        if not holds(path, roots):
            self._make_tiles_anew(last)
            path = make(roots)
        if not holds(path, roots):
            raise StoreDamaged("the log is not the one that the last checkpoint saw.", reference=_LOG)
        return [node.hex() for node in path]

    def _make_tiles_anew(self, last: Checkpoint) -> None:
        _log.error("the tiles of the log are not those of its checkpoint %s, and are made anew", last.number)
        tree = merkle.Frontier()
        _grow(tree, self._queries.log_lines(0, last.size))
        self._store.submit(self._platform, lambda _tx: (self._tiles(tree), None)).result()

    def _tiles(self, tree: merkle.Frontier) -> Change:
        return tuple(Tile(self._platform, *one) for one in tree.tiles)

    def _tree(self, last: Checkpoint) -> merkle.Frontier:
        """What the tree goes on growing from."""
        for _ in range(2):
            tree = merkle.Frontier(last.size, merkle.peaks_of(self._nodes, 0, last.size))
            if tree.root.hex() == last.root:
                return tree
            self._make_tiles_anew(last)
        raise StoreDamaged("the log is not the one that the last checkpoint saw.", reference=_LOG)

    # --------------------------------------------------------------------------------------------------- making

    def _make(self, least_s: int = 0) -> Checkpoint | None:
        """One checkpoint, None if nothing has happened since the last, or that is not so many seconds old."""
        # What was stored before this moment is seen by every read after it: the writer's works follow each other.
        at = self._store.submit(self._platform, lambda tx: ((), tx.now)).result()
        try:
            last = self._queries.last_checkpoint()
            # One that lies ahead was made on a clock that has been set back since.
            if last is not None and 0 <= at - last.at < least_s:
                return None
            tree = self._tree(last) if last is not None else merkle.Frontier()
            if not _grow(tree, self._queries.log_lines(tree.size)):
                return None
        except StoreDamaged as error:
            _log.error("no checkpoint can be made: %s", error)
            told = partial(alerts, platform_id=self._platform, also=(_LOG,))
            self._store.submit(self._platform, lambda tx: (told(tx), None)).result()
            raise
        return self._append(last, at, tree)

    def _append(self, last: Checkpoint | None, at: int, tree: merkle.Frontier) -> Checkpoint | None:
        number = last.number + 1 if last is not None else 1
        event = checkpointed(self._platform, number, tree.size, tree.root.hex(), at, self._seal)
        name = stream_name(number)

        def work(tx: Tx) -> tuple[Change, bool]:
            if tx.last_checkpoint() != last:
                return (), False  # another worker is at it: what it leaves is seen by the next run
            return (Happened(self._platform, name, event, tx.now, 0), *self._tiles(tree)), True

        made = self._store.submit(self._platform, work).result()
        return self._queries.last_checkpoint() if made else None

    # ----------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        last = self._queries.last_checkpoint()
        if last is None or last.handed_out_at is not None:
            return
        failed: ComplianceError | None = None
        for witness in self._witnesses():
            try:
                witness.keep(last)
            except ComplianceError as error:
                failed = error
        if failed is not None:
            raise failed
        self._store.submit(self._platform, partial(self._handed_out, number=last.number)).result()

    def _handed_out(self, tx: Tx, number: int) -> tuple[Change, None]:
        name = stream_name(number)
        if checkpoint_in(tx.streams([name])[name]).handed_out_at is not None:
            return (), None
        return (Happened(self._platform, name, HandedOut(), tx.now, AS_READ),), None


def _grow(tree: merkle.Frontier, lines: Iterable[LogLine | None]) -> bool:
    """Let the tree grow by these lines of the log, and say whether any is of something else than a checkpoint: none of
    these calls for the next. Raises StoreDamaged for one that is missing or cannot be read."""
    calls = False
    for line in lines:
        if line is None or line.n != tree.size + 1:
            what = f"line {tree.size + 1} of the log is missing, or cannot be read."
            raise StoreDamaged(what, reference=_LOG)
        tree.append(merkle.leaf_hash(line.leaf))
        calls = calls or not line.stream.startswith(CHECKPOINTS)
    return calls
