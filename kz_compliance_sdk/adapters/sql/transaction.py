"""One transaction of the writer: works read in it, what they decide is staged, and one commit makes it durable.

Inserts are grouped by table; each guarded update stands alone, so that the rows which it hit can be counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Protocol

from kz_compliance_sdk.adapters.sql import derived, inbox
from kz_compliance_sdk.adapters.sql.keys import MasterKeys, PartKeys, PrivateRows
from kz_compliance_sdk.adapters.sql.lane import ChangeRefused, Job, Overtaken
from kz_compliance_sdk.adapters.sql.ledger import Appending, End, Ledger
from kz_compliance_sdk.adapters.sql.rows import came_row, case_row, lease_row, message_row
from kz_compliance_sdk.adapters.sql.statements import (
    OPERATIONS,
    Behind,
    Compiled,
    LineStatements,
    Shared,
    Statements,
)
from kz_compliance_sdk.adapters.sql.view import View
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.change import (
    Change,
    Happened,
    Leased,
    Operation,
    OutboxMessage,
    happenings,
)
from kz_compliance_sdk.domain.change import operations as operations_in
from kz_compliance_sdk.domain.events.arrivals import Lodged
from kz_compliance_sdk.domain.events.delivery import CopyFreed, InForce, Lifted
from kz_compliance_sdk.domain.events.office import Checkpointed
from kz_compliance_sdk.domain.events.privacy import Erased
from kz_compliance_sdk.domain.events.remedies import Appealed
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.domain.messages import as_owed
from kz_compliance_sdk.domain.metrics import COMMIT, EVENTS, WORKS
from kz_compliance_sdk.domain.values import MESSAGES, OWING, case_in, stream_of
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.ports.telemetry import Ended, Telemetry

_ROWS_AT_ONCE = 16


class Writer(Protocol):
    """The connection of whoever writes, to one kind of database. Its driver's errors come out as they are."""

    errors: type[Exception]
    is_alone: bool
    """Whether nobody else writes while this transaction is open."""

    @property
    def broken(self) -> type[Exception] | tuple[()]:
        """The errors of a read after which nothing of the transaction can go on."""

    def begin(self, *, alone: bool) -> None:
        """Begin, and see one moment until the end. Raises StoreError, Overtaken."""

    def commit(self, ends: Mapping[str, End], now: int) -> None:
        """Make durable what was written, up to these ends of the log. Raises StoreError, CommitUnknown if nobody can
        tell, Overtaken."""

    def rollback(self) -> None:
        """Take back what was written, whatever state the connection is in."""

    def ended(self) -> None:
        """What was written is durable: whatever is to be done behind it."""

    def refused(self, error: Exception) -> BaseException:
        """What is raised for an error of the driver before the commit."""

    def execute(self, sql: str, values: tuple[Any, ...]) -> int:
        """Run a statement; how many rows it hit."""

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        """Run a statement; its rows."""

    def later(self, sql: str, values: tuple[Any, ...]) -> Any:
        """Run a statement whenever it disturbs nobody, for nothing rests on it."""

    def overwriting(self) -> AbstractContextManager[None]:
        """Within it what goes is overwritten wherever it lay, as far as this database can."""

    def confirm(self, ends: Mapping[str, End], now: int) -> bool:
        """Whether what is found there after a commit of unknown outcome is as durable as any other."""

    def again(self, tries: int) -> bool:
        """Whether a batch that was overtaken so many times is run anew, having paused."""

    def look(self) -> None:
        """What is to be done now and then while nothing is written."""

    def close(self) -> None: ...


class SqlTransaction:
    """The writer's connection and what is staged on it."""

    def __init__(
        self,
        writer: Writer,
        statements: Statements,
        keys: MasterKeys,
        env: Env,
        ledger_keys: LedgerKeys,
        telemetry: Telemetry | None,
        appending: Callable[..., Appending] = Appending,
    ) -> None:
        self._writer, self._clock, self._telemetry = writer, env.clock, telemetry
        self.statements = statements
        self.private = PrivateRows(
            keys,
            env.entropy,
            lambda platform_id, case_id: self.ledger.erasable_key(platform_id, stream_of(case_id)),
            platform_key=self._platform_key,
            keep_platform_key=self._keep_platform_key,
        )
        part_keys = PartKeys(keys, env.entropy)
        self.ledger = appending(statements.ledger, part_keys, ledger_keys, self.all, env.entropy)
        self._alone = False
        self._staged: list[Change] = []
        self._cases: dict[tuple[str, str], Stream | None] = {}
        self._mended: set[tuple[str, str]] = set()
        self._indexed: set[tuple[str, str, str]] = set()
        self._preserved: set[tuple[str, str, str]] = set()
        self._lodged: set[tuple[str, str]] = set()
        self._came: dict[tuple[str, str, str, str], int] = {}
        self._messages = Messages()
        self._erased: set[tuple[str, str]] = set()
        self._written: list[Change] = []
        self._ended: Ended | None = None
        self._works = 0
        self._told: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.now = 0
        self.shared = Shared(self)

    # ------------------------------------------------------------------------------------- the lane's side

    def begin(self, jobs: Sequence[Job]) -> None:
        self._ended = self._telemetry.begin(COMMIT) if self._telemetry is not None else None
        self._works, self._told = len(jobs), Counter()
        self._staged, self._written, self.keys = [], [], set()
        self._cases.clear()
        self._mended.clear()
        self._indexed.clear()
        self._preserved.clear()
        self._lodged.clear()
        self._came.clear()
        self._messages.clear()
        self._erased.clear()
        self.private.begin()
        self.ledger.begin()
        self.shared.begin(len(jobs))
        alone, self._alone = self._alone, False
        self._writer.begin(alone=alone)
        self.now = self._clock()
        for platform_id in {one.platform_id for one in jobs}:
            self.shared.foresee(platform_id, [one.asks for one in jobs if one.platform_id == platform_id])

    def again(self, tries: int) -> bool:
        return self._writer.again(tries)

    def look(self) -> None:
        self._writer.look()

    def run(self, job: Job) -> Any:
        try:
            view = View(self, job.platform_id)
            change, value = job.work(view)
            keys = keys_of(change)
            if keys & self.keys:
                raise Behind
        except Behind:
            self.flush()
            view = View(self, job.platform_id)
            change, value = job.work(view)
            keys = keys_of(change)
        if happened := happenings(change):
            if not self._writer.is_alone and any(map(_waits, happened)):
                # The notice may be on its way to another host, and they would miss each other.
                self._alone = True
                raise Overtaken("A message waits for its notice, and is stored while nobody else writes.")
            names = {(one.platform_id, one.stream) for one in happened if one.stream.startswith(OWING)}
            before = [self.ledger.stream(*name) for name in names]
            told = {key for one in operations_in(change) if one.held_under is not None for key in one.speaks_of}
            seqs = self.ledger.append(happened)
            try:
                keys |= self._note(happened, seqs, before, told)
            except Exception as error:
                # Its events would be written with those of the others: the batch must be given up.
                raise ChangeRefused(error) from error
            self._told.update(one.event.called for one in happened)
        self.keys |= keys
        if change:
            self._staged.append(change)
            self._mend(job.platform_id, view.lying)
        return value

    def _mend(self, platform_id: str, lying: Iterable[str]) -> None:
        """Whatever rows are made of these streams are to be written, as if there were none."""
        for name in lying:
            if name.startswith(_CASES):
                case_id = name.removeprefix(_CASES)
                self._indexed |= {(platform_id, case_id, table.name) for table in derived.DERIVED}
                self._cases[platform_id, name] = None
                self._mended.add((platform_id, name))
            else:
                self._lodged.add((platform_id, name))

    def _note(self, happened: list[Happened], seqs: list[int], before: list[Stream], told: set[str]) -> set[str]:
        """What is to be written beside these events, and the keys of the messages that they changed."""
        self._note_came(happened, seqs)
        self.shared.volumes.add(happened)
        self._preserved |= {
            (one.platform_id, one.event.case, one.stream) for one in happened if isinstance(one.event, _HOLDING)
        }
        keys: set[str] = set()
        for stream in before:
            after = self.ledger.stream(stream.platform, stream.name)
            self._note_rows_of(stream, after)
            keys |= {f"m{message}" for message in self._messages.note(stream, after, told)}
        return keys

    def _note_rows_of(self, before: Stream, after: Stream) -> None:
        """Which rows beside that of the case are others since something was appended to its stream. What its objects
        make is noted with these, and what tells of a message that came with the message, what leaves with that."""
        was, case = before.case, after.case
        if after.name.startswith(_CASES):
            self._cases.setdefault((before.platform, before.name), before if before.seq else None)
        if case.appeals != was.appeals:
            self._indexed.add((before.platform, before.reference, derived.appeals.name))
        if case.tally != was.tally:
            self._indexed.add((before.platform, before.reference, derived.tallies.name))

    def _rows_of_cases(self) -> Iterator[tuple[Any, ...]]:
        """The rows of the cases that are others than before what was staged, or of which there may be none."""
        for key, before in self._cases.items():
            stream = self.ledger.stream(*key)
            row = case_row(stream)
            if stream.case.received_at if before is None else row != case_row(before):
                yield row

    def _bring_home(self, stream: Stream) -> None:
        """Give the row of a case its number back, whichever somebody gave it: nobody may delete it, and no other can be
        beside it."""
        number, platform, case_id, notice, authority, quarantine_no, *_ = case_row(stream)
        of_notice = platform, notice, authority, quarantine_no, case_id
        self._execute(self.statements.case_home.sql, (number, *of_notice))

    def _note_came(self, happened: list[Happened], seqs: list[int]) -> None:
        """Which rows are to be written of the messages that came, of which these events tell."""
        for one, seq in zip(happened, seqs, strict=True):
            if one.stream.startswith(MESSAGES):
                self._lodged.add((one.platform_id, one.stream))
            elif type(one.event) is Erased and one.stream.startswith(_CASES):
                self._erased.add((one.platform_id, one.stream.removeprefix(_CASES)))
            elif (came := getattr(one.event, "came", None)) is not None:
                self._came[one.platform_id, one.stream, came.key, came.body] = seq

    def flush(self) -> None:
        """Write what is staged, so that what is read next sees it. Raises ChangeRefused, StoreError."""
        if not self._staged:
            return
        staged, self._staged, self.keys = self._staged, [], set()
        self.shared.forget()
        self._written += staged
        try:
            # First, for who was overtaken by another host finds it out by them.
            self.ledger.write(self.statements.inserts, self._execute, self._execute_many, self._writer.overwriting)
            self._messages.write(self.ledger, self.statements, self._execute, self._execute_many)
            for key in self._mended:
                self._bring_home(self.ledger.stream(*key))
            self._mended.clear()
            self._execute_many(self.statements.inserts["cases"], [*self._rows_of_cases()])
            self._cases.clear()
            facts = operations_in(chain.from_iterable(staged))
            write_operations(facts, self._row_of, self.statements.operations, self._execute, self._execute_many)
            # What an attempt came to was written before what its events settle: its own message can be among these.
            self._messages.write_settled(self.statements, self._execute)
            for erased in sorted(self._erased):
                self._erase(*erased)
            self._erased.clear()
            self.shared.volumes.write(self.statements.volumes, self._writer.later, self._execute_many)
            if self._came:
                told = self._came.items()
                rows = [came_row(self.ledger.stream(*of), key, body, seq) for (*of, key, body), seq in told]
                self._execute_many(self.statements.inbox.put, rows)
                self._came.clear()
            if self._indexed:
                derived.write(self._indexed, self.ledger, self.statements.derived, self._execute, self._execute_many)
                self._indexed.clear()
            if self._preserved:
                derived.write_preserved(self._preserved, self.ledger, self.statements.derived, self._execute)
                self._preserved.clear()
            if self._lodged:
                derived.write_alerts(self._lodged, self.ledger, self.statements, self._execute)
                inbox.write(self._lodged, self.ledger, self.statements.inbox, self._execute)
                self._lodged.clear()
        except self._writer.errors as error:
            raise self._writer.refused(error) from error
        except ChangeRefused:
            raise
        except Exception as error:
            # Whoever made it write has nothing to do with it, and what was staged beside it is not written either: the
            # batch must be given up, and each of its works tried alone.
            raise ChangeRefused(error) from error

    def _row_of(self, fact: Operation) -> tuple[Any, ...]:
        lines = OPERATIONS[type(fact)]
        if lines.stream is None:
            return lines.row(self.private, fact)
        number = self.ledger.stream(*lines.stream(fact)).number
        return lines.row(number or self.statements.operations[type(fact)].number(self.all, fact), fact)

    def commit(self) -> None:
        self.flush()
        self._writer.commit(self.ledger.ends, self.now)
        self.ledger.committed()
        self._forget()
        self._end("done")
        self._tell()
        self._writer.ended()

    def rollback(self) -> None:
        try:
            self._writer.rollback()
        finally:
            self._forget()
            self._end("rolled_back")

    def _forget(self) -> None:
        """No word that was opened outlives its transaction."""
        self.ledger.forget()
        self.shared.forget()

    def landed(self, tries: int = 0) -> bool | None:
        """Whether the batch is in the file all the same: its last event is looked up. None if nobody can tell."""
        try:
            landed = self.ledger.landed() and self._writer.confirm(self.ledger.ends, self.now)
        except (self._writer.errors, StoreError, ChangeRefused, Overtaken):
            return self.landed(tries + 1) if self._writer.again(tries) else None
        if landed:
            self._tell()
        return landed

    def _end(self, outcome: str) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(outcome=outcome)

    def _tell(self) -> None:
        """What became durable, to whoever listens."""
        if self._telemetry is not None:
            self._telemetry.tell(WORKS, self._works)
            for kind, count in self._told.items():
                self._telemetry.tell(EVENTS, count, kind=kind)

    def close(self) -> None:
        self._writer.close()

    def _erase(self, platform_id: str, case_id: str) -> None:
        """Overwrite what the key of a case opened: free pages must not hold it either."""
        s = self.statements.private
        with self._writer.overwriting():
            self._execute(s.erase.sql, s.erase.bind({"k_platform_id": platform_id, "k_case_id": case_id}))

    def _execute(self, sql: str, values: tuple[Any, ...]) -> int:
        return self._writer.execute(sql, values)

    def _execute_many(self, statement: Compiled, values: list[tuple[Any, ...]]) -> None:
        for start in range(0, len(values), _ROWS_AT_ONCE):
            some = values[start : start + _ROWS_AT_ONCE]
            self._writer.execute(statement.of_rows(len(some)), tuple(chain.from_iterable(some)))

    # ---------------------------------------------------------------------------------------------- keys

    def _platform_key(self, platform_id: str, name: str) -> bytes | None:
        row = self.one(self.statements.private.platform_key, k_platform_id=platform_id, k_name=name)
        return None if row is None else row[0]

    def _keep_platform_key(self, platform_id: str, name: str, stored: bytes) -> None:
        try:
            self._execute(self.statements.private.keep_platform_key.sql, (platform_id, name, stored))
        except self._writer.broken as error:
            raise self._writer.refused(error) from error

    # ------------------------------------------------------------------------------------------- reading

    def one(self, statement: Compiled, **values: Any) -> Any:
        found = self.all(statement, **values)
        return found[0] if found else None

    def all(self, statement: Compiled, **values: Any) -> list[Any]:
        try:
            return self._writer.rows(statement.sql, statement.bind(values))
        except self._writer.broken as error:
            raise self._writer.refused(error) from error


_CASES = stream_of("")
_HOLDING = (InForce, Lifted, CopyFreed)
"""What changes until when something is kept of an object."""
_HELD = frozenset({"waiting", "parked"})
Execute = Callable[[str, tuple[Any, ...]], int]
ExecuteMany = Callable[[Compiled, list[tuple[Any, ...]]], None]
_Key = tuple[tuple[str, str], str]
"""A message: the platform and the name of its stream, and its id."""


def _of_event(event: Any) -> tuple[str, ...]:
    """What an event speaks of: the same message must not be taken for new again, and the notice must find what waits
    for it; a number of the platform belongs to one appeal; of checkpoints one follows the other."""
    if type(event) is Checkpointed:
        return ("checkpoint",)
    if type(event) is Appealed:
        return (f"a{event.reference}",)
    came = getattr(event, "came", None)
    if came is None:
        return ()
    return (f"i{came.key}", f"n{event.notice}") if type(event) is Lodged else (f"i{came.key}",)


def _waits(one: Happened) -> bool:
    """Whether this is a message that waits for its notice."""
    return type(one.event) is Lodged and bool(one.event.notice)


def keys_of(change: Change) -> set[str]:
    """What a change speaks of. Two works of one batch that share a key must see each other. An event needs none, unless
    it takes a number that no other case may take: the ledger keeps each stream of the batch as the works before have
    left it."""
    told = (key for one in happenings(change) for key in _of_event(one.event))
    return {*told, *(key for one in operations_in(change) for key in one.speaks_of)}


def write_operations(
    facts: Iterable[Operation],
    row_of: Callable[[Operation], tuple[Any, ...]],
    statements: Mapping[type[Operation], LineStatements],
    execute: Callable[[str, tuple[Any, ...]], int],
    execute_many: Callable[[Compiled, list[tuple[Any, ...]]], None],
) -> None:
    """Write facts: table by table, the last of each line alone; then those that must be held, one by one. Raises
    ChangeRefused for one that is not held any more."""
    lines: defaultdict[LineStatements, dict[tuple[Any, ...], tuple[Any, ...] | None]] = defaultdict(dict)
    held: list[tuple[LineStatements, tuple[Any, ...], int, bool]] = []
    for fact in facts:
        of = statements[type(fact)]
        row, is_over, token = row_of(fact), fact.is_over, fact.held_under
        if token is None:
            lines[of][row[: of.keys]] = None if is_over else row
        else:
            held.append((of, row, token, is_over))
    for of, known in lines.items():
        execute_many(of.put, [row for row in known.values() if row is not None])
        for key in (key for key, row in known.items() if row is None):
            execute(of.gone.sql, key)
    for of, row, token, is_over in held:
        of.move(row, token, execute, is_over=is_over)


class Messages:
    """What the events of a batch change of what leaves: the rows that are made of their streams, and the lines that
    come and go with these."""

    def __init__(self) -> None:
        self._changed: dict[_Key, fold.Message] = {}
        self._owed: set[_Key] = set()
        self._elsewhere: set[_Key] = set()
        self._settled: dict[tuple[int, str], bool] = {}

    def clear(self) -> None:
        """What was noted has been written, or thrown away."""
        self._changed.clear()
        self._owed.clear()
        self._elsewhere.clear()
        self._settled.clear()

    def note(self, before: Stream, after: Stream, told: Collection[str]) -> list[str]:
        """Note in what the messages of a stream are others than before. Gives the ids of those that are new, and of
        those that are settled; the lines of those that are `told` change by what is written with the events."""
        were, changed = before.case.messages, list[str]()
        for name, one in after.case.messages.items():
            was = were.get(name)
            if was is one or (was is not None and was.settled):
                continue
            if one.settled:
                self._settled[after.number, name] = f"m{name}" not in told
                changed.append(name)
                continue
            key = (after.platform, after.name), name
            if was is None:
                self._owed.add(key)
                changed.append(name)
            elif (was.endpoint, was.due_at) != (one.endpoint, one.due_at):
                self._elsewhere.add(key)
            elif not {was.state, one.state} & _HELD:
                continue
            self._changed[key] = one
        return changed

    def write(self, ledger: Ledger, statements: Statements, execute: Execute, execute_many: ExecuteMany) -> None:
        """Write the rows of what is owed, and its lines."""
        of = {key: ledger.stream(*key[0]) for key in self._changed}
        execute_many(statements.inserts["outbox"], [message_row(of[key], one) for key, one in self._changed.items()])

        def made(key: _Key) -> OutboxMessage:
            return as_owed(key[0][0], case_in(key[0][1]), self._changed[key])

        execute_many(statements.inserts["leases"], [lease_row(of[key].number, made(key)) for key in self._owed])
        for key in self._elsewhere - self._owed:
            one = made(key)
            where = of[key].number, one.id
            execute(statements.lease_elsewhere.sql, (one.endpoint, one.urgent_at, one.next_attempt_at, *where))
        self._changed.clear()
        self._owed.clear()
        self._elsewhere.clear()

    def write_settled(self, statements: Statements, execute: Execute) -> None:
        """Take away the rows of what is settled, and its lines."""
        for key, has_line in self._settled.items():
            execute(statements.message_settled.sql, key)
            if has_line:
                execute(statements.operations[Leased].gone.sql, key)
        self._settled.clear()
