"""What the works of one batch ask once, and share: most of them ask the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol, cast

from kz_compliance_sdk.adapters.sql.ledger import Ledger
from kz_compliance_sdk.adapters.sql.paging import first_that_open
from kz_compliance_sdk.adapters.sql.private import PrivateRows
from kz_compliance_sdk.adapters.sql.rows import noted_from, plan_of
from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements, VolumeStatements
from kz_compliance_sdk.domain.believed import read_case
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import names_of
from kz_compliance_sdk.domain.checkpoints import CHECKPOINTS, Checkpoint, checkpoint_in
from kz_compliance_sdk.domain.events.arrivals import Opened
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports.store import Noted

_HANDED_OUT_AT_ONCE = 64


class Behind(BaseException):
    """What a work has read may be older than what an earlier one of its batch has staged: it has to be run again once
    that is written. No work may catch it."""


class Batch(Protocol):
    """The open transaction, as far as it is needed here. `keys` are what its staged changes speak of."""

    now: int
    statements: Statements
    private: PrivateRows

    @property
    def ledger(self) -> Ledger: ...

    @property
    def keys(self) -> AbstractSet[str]: ...

    def one(self, statement: Compiled, **values: Any) -> Any: ...

    def all(self, statement: Compiled, **values: Any) -> list[Any]: ...

    def flush(self) -> None: ...


@dataclass(slots=True)
class _Free:
    """Free cases, the most urgent last; `were_all` if there were no more."""

    cases: list[Case]
    were_all: bool


class Shared:
    """Reads that hold until the next flush; `begin` says that a batch of so many works begins."""

    def __init__(self, batch: Batch) -> None:
        self._tx, self._s = batch, batch.statements
        self.volumes = Volumes()
        self._kept_checkpoint: tuple[tuple[str, str], Checkpoint | None] = ("", ""), None
        self.begin(1)

    def begin(self, waiting: int) -> None:
        self._waiting = waiting
        self._none_expired: set[tuple[str, int]] = set()
        self.volumes.forget()
        self.forget()

    def forget(self) -> None:
        """What was staged has been written, or thrown away: the next read is from the database."""
        self._free: dict[tuple[str, str | None], _Free] = {}
        self._any_waiting: dict[str, bool] = {}
        self._checkpoints: dict[str, Checkpoint | None] = {}
        self._noted: dict[tuple[type, str, str], object] = {}

    def check_written(self, *keys: str) -> None:
        """Raise Behind if an earlier work of the batch has staged something about this: rows would be older than their
        chains."""
        if not self._tx.keys.isdisjoint(keys):
            raise Behind

    def cases_from(self, platform_id: str, found: Sequence[Any]) -> list[Case]:
        """The cases of these rows, each as its chain has it. Raises StoreDamaged."""
        self._tx.ledger.streams(platform_id, [stream_of(row[1]) for row in found])
        return [self.case_from(row) for row in found]

    def case_from(self, row: Any) -> Case:
        """The case of a row, as its chain has it. Raises StoreDamaged."""
        self.check_written(f"c{row[1]}")
        plan, name = plan_of(row), stream_of(row[1])
        return read_case(self._tx.ledger.streams(row[0], [name])[name], self._tx.ledger.words, plan)

    def expired_leases(self, platform_id: str, now: int, limit: int, unreadable: list[str]) -> list[Case]:
        """If there are none at the time of the batch, there are none for the whole of it: its clock stands still."""
        if (platform_id, now) in self._none_expired:
            return []

        def fetch(n: int) -> list[Any]:
            return self._tx.all(self._s.expired, k_platform_id=platform_id, now=now, n=n)

        def opened(row: Any) -> Case:
            case = self.case_from(row)
            if case.lease_expires_at is None or case.lease_expires_at > now:
                raise _lies(case)
            return case

        found, _ = first_that_open(fetch, opened, limit, unreadable)
        if not found:
            self._none_expired.add((platform_id, now))
        return found

    def any_waiting(self, platform_id: str) -> bool:
        """Whether any message waits for its notice."""
        known = self._any_waiting.get(platform_id)
        if known is None:
            found = self._tx.one(self._s.inbox.any_waits, k_platform_id=platform_id)
            known = self._any_waiting[platform_id] = found is not None
        return known

    def last_checkpoint(self, platform_id: str) -> Checkpoint | None:
        if platform_id not in self._checkpoints:
            name = self._tx.ledger.last_named(platform_id, CHECKPOINTS)
            self._checkpoints[platform_id] = self._checkpoint_named(platform_id, name) if name else None
        return self._checkpoints[platform_id]

    def _checkpoint_named(self, platform_id: str, name: str) -> Checkpoint | None:
        """One that was read is kept: nothing of it changes but when it was handed out."""
        known, kept = self._kept_checkpoint
        if known != (platform_id, name):
            kept = checkpoint_in(self._tx.ledger.streams(platform_id, [name])[name])
            self._kept_checkpoint = (platform_id, name), kept
        return kept

    def known(self, kind: type[Noted], platform_id: str, name: str) -> Noted:
        """What was last noted. Every delivery of the batch asks for its endpoint; who changes one makes the next read
        it anew."""
        key = kind, platform_id, name
        if key not in self._noted:
            row = self._tx.one(self._s.noted[kind], k_platform_id=platform_id, k_name=name)
            self._noted[key] = noted_from(kind, row) or kind(platform_id, name)
        return cast("Noted", self._noted[key])

    def notices_counted(self, platform_id: str, name: str, over: int, most: int) -> int:
        """How many notices came under a name after `over`, those of this batch among them."""

        def read() -> int:
            given = {"k_platform_id": platform_id, "k_name": name, "k_at": over, "n": most}
            return int(self._tx.one(self._s.volumes.counted, **given)[0])

        return self.volumes.counted(platform_id, name, over, most, read)

    def next_free(
        self, platform_id: str, category: str | None, without_flag: str, unreadable: list[str]
    ) -> Case | None:
        """The most urgent free case that no work of this batch has changed. One SELECT serves all claimers: it fetches
        as many as may be asked for, and more where the claimer may take none of these."""
        key, least = (platform_id, category), 1
        while True:
            free = self._free.get(key)
            if free is None:
                self._tx.flush()
                free = self._free[key] = self._fetch_free(platform_id, category, least, unreadable)
            while free.cases and f"c{free.cases[-1].id}" in self._tx.keys:
                free.cases.pop()
            for one in reversed(free.cases):
                if without_flag not in one.flags and f"c{one.id}" not in self._tx.keys:
                    return one
            if free.were_all:
                return None
            least = 2 * len(free.cases)
            del self._free[key]

    def _fetch_free(self, platform_id: str, category: str | None, least: int, unreadable: list[str]) -> _Free:
        def fetch(n: int) -> list[Any]:
            if category is None:
                return self._tx.all(self._s.claimable, k_platform_id=platform_id, n=n)
            return self._tx.all(self._s.claimable_of, k_platform_id=platform_id, k_category=category, n=n)

        most = max(least, min(self._waiting, _HANDED_OUT_AT_ONCE))

        def opened(row: Any) -> Case:
            case = self.case_from(row)
            if case.state is not CaseState.QUEUED or category not in (None, case.category):
                raise _lies(case)
            return case

        found, were_all = first_that_open(fetch, opened, most, unreadable)
        return _Free(found[::-1], were_all)


def _lies(case: Case) -> StoreDamaged:
    return StoreDamaged(f"its row is not what its chain says: it is {case.state}.", reference=case.id)


class Volumes:
    """What one batch of works knows: read once between two flushes, and what came with the works since."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str, int, int], int] = {}
        self._since: Counter[tuple[str, str]] = Counter()
        self._came: Counter[tuple[str, str, int]] = Counter()

    def forget(self) -> None:
        """The next read is from the database: what came with earlier works has been written, or thrown away."""
        self._before.clear()
        self._since.clear()
        self._came.clear()

    def add(self, happened: Iterable[Happened]) -> None:
        """Count each notice that is new."""
        for one in happened:
            if type(one.event) is Opened:
                for name in names_of(one.event.authority, one.event.came.key_id or ""):
                    self._since[one.platform_id, name] += 1
                    self._came[one.platform_id, name, one.at] += 1

    def counted(self, platform_id: str, name: str, over: int, most: int, read: Callable[[], int]) -> int:
        """How many notices came under a name after `over`; if they are more than `most`, perhaps only so many."""
        key = platform_id, name, over, most
        before = self._before.get(key)
        if before is None:
            before = self._before[key] = read()
        return before + self._since[platform_id, name]

    def write(
        self,
        statements: VolumeStatements,
        execute: Callable[[str, tuple[Any, ...]], Any],
        execute_many: Callable[[Any, list[tuple[Any, ...]]], None],
    ) -> None:
        """Add what came, and let go of what counted no more where it was asked for."""
        if self._came:
            execute_many(statements.add, [(*key, notices) for key, notices in self._came.items()])
            for platform_id, name, over, _ in self._before:
                if (platform_id, name) in self._since:
                    given = {"k_platform_id": platform_id, "k_name": name, "k_at": over}
                    execute(statements.over.sql, statements.over.bind(given))
        self.forget()
