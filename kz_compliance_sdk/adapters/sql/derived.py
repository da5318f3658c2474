"""The rows that are made of a case's chain and of the streams of its objects, and of nothing else.

By them lists and schedules find a case. Whatever changes what they are made of writes those of its case anew, in the
same transaction; the verification names one that lies, and the sweep mends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import json
from msgspec.structs import astuple
from sqlalchemy import (
    BindParameter,
    Column,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
)

from kz_compliance_sdk.adapters.sql import inbox
from kz_compliance_sdk.adapters.sql.dialects import in_numbers
from kz_compliance_sdk.adapters.sql.ledger import Ledger, streams
from kz_compliance_sdk.adapters.sql.rows import message_row
from kz_compliance_sdk.adapters.sql.tables import (
    Time,
    cases,
    new_table,
    of_platform,
    of_stream,
    outbox,
)
from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.fold import PlatformObject, Stream, object_in
from kz_compliance_sdk.domain.holding import names_of
from kz_compliance_sdk.domain.values import ALERTS, stream_of

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.sql.statements import Compiled, Statements


_Row = tuple[Any, ...]

appeals = new_table(
    "appeals",
    "rows",
    "By what an appeal is found: made of the chain of its case.",
    of_platform(),
    Column("appeal_id", String(36), primary_key=True, comment="made of a digest of your number"),
    of_stream(in_key=False),
    Column("case_id", String(36), nullable=False, comment="in which case"),
    Column("state", String(12), nullable=False, comment="open, upheld, reversed, withdrawn"),
    Column("received_at", Time, nullable=False, comment="when it came"),
    Column("due_at", Time, nullable=False, comment="when it is to be decided"),
)
Index("appeals_due", appeals.c.platform_id, appeals.c.state, appeals.c.due_at, appeals.c.appeal_id)
Index("appeals_stream", appeals.c.stream)
preserved = new_table(
    "preserved",
    "rows",
    "A sealed copy that is kept: made of the streams of the objects of its case.",
    of_stream(),
    Column("object", String(64), primary_key=True, comment="the stream of the object"),
    Column("item", Integer, primary_key=True, comment="the number of the item"),
    of_platform(in_key=False),
    Column("case_id", String(36), nullable=False, comment="whose measure"),
    Column("until", Time, nullable=False, comment="until when it is kept"),
)
Index("preserved_until", preserved.c.platform_id, preserved.c.until)
tallies = new_table(
    "tallies",
    "rows",
    "A case in the public figures: made of its chain. It outlives the erasure.",
    of_stream(),
    of_platform(in_key=False),
    Column("case_id", String(36), nullable=False, comment="which case"),
    Column("received_at", Time, nullable=False, comment="when it came"),
    Column("issued_at", Time, nullable=False, comment="when the notice was issued"),
    Column("due_at", Time, nullable=False, comment="when it was due"),
    Column("decided_at", Time, comment="when it was decided"),
    Column("receipt_at", Time, comment="when the receipt for its final report came"),
    Column("facts", Text, nullable=False, comment="what is counted, as JSON"),
)
Index("tallies_received", tallies.c.platform_id, tallies.c.received_at)


def _appeals_of(stream: Stream, _objects: object) -> list[_Row]:
    """By what the appeals of a case are found: no word lies in it."""
    held_in = stream.number, stream.reference
    return [
        (stream.platform, held.id, *held_in, held.state, held.received_at, held.due_at)
        for held in stream.case.appeals.values()
    ]


def _preserved_of(stream: Stream, objects: Iterable[PlatformObject]) -> list[_Row]:
    """By what it is found that a sealed copy need not be kept any longer: a row for each that still is."""
    platform, case_id = stream.platform, stream.reference
    return [
        (stream.number, held.stream, number, platform, case_id, until)
        for held in objects
        for (owner, number), until in held.holds.items()
        if owner == case_id and until
    ]


def _tallies_of(stream: Stream, _objects: object) -> list[_Row]:
    """The row of a case that has ended, with what it counted for then."""
    tally = stream.case.tally
    return [] if tally is None else [(stream.number, *astuple(tally))]


def messages_of(stream: Stream, _objects: object = ()) -> list[_Row]:
    """What a case, or the stream of an alert, still owes."""
    return [message_row(stream, one) for one in stream.case.owed]


DERIVED: Final[Mapping[Table, Callable[[Stream, Collection[PlatformObject]], Iterable[_Row]]]] = {
    appeals: _appeals_of,
    preserved: _preserved_of,
    tallies: _tallies_of,
    inbox.inbox: inbox.rows_of,
    outbox: messages_of,
}
_BY_NAME: Final = {table.name: table for table in DERIVED}


def lost_cases(platform: BindParameter[str]) -> Select[Any]:
    """The cases whose chain is there, and whose row is not."""
    s, case_id = streams.c, func.substr(streams.c.name, len(stream_of("")) + 1)
    lies = exists().where(cases.c.stream == s.n, cases.c.platform_id == platform, cases.c.id == case_id)
    # By its ends, so that the index of names serves it.
    of_case = s.name > stream_of(""), s.name < stream_of("~")
    return select(case_id.label("case_id")).where(s.platform == platform, *of_case, ~lies)


class DerivedStatements:
    """By the name of each table; parameters are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Compiled], upsert: Callable[..., Compiled]) -> None:
        a = appeals.c
        asked = a.platform_id == bindparam("k_platform_id"), a.appeal_id == bindparam("k_appeal_id")
        self.case_of_appeal = compiled(select(a.case_id).where(*asked))
        self.between: dict[str, Compiled] = {}
        self.clear: dict[str, Compiled] = {}
        self.put: dict[str, Compiled] = {}
        for table in DERIVED:
            c = table.c
            mine = c.platform_id == bindparam("k_platform_id")
            some = c.stream > bindparam("k_after"), c.stream <= bindparam("k_last")
            self.between[table.name] = compiled(select(table).where(mine, *some))
            self.clear[table.name] = compiled(delete(table).where(mine, c.stream.in_(in_numbers("k_streams"))))
            keys = tuple(column.name for column in table.primary_key)
            rest = [column.name for column in table.columns if column.name not in keys]
            # What somebody gave to another case comes back to its own, whichever of the two is mended first.
            self.put[table.name] = upsert(table, keys, *rest)
        p = preserved.c
        own = (getattr(p, name) == bindparam(f"k_{name}") for name in ("stream", "object"))
        self.clear_object = compiled(delete(preserved).where(*own))


def found_between(
    read: Callable[..., list[Any]], statements: DerivedStatements, platform: str, after: int, last: int
) -> Mapping[int, Mapping[str, list[Any]]]:
    """The stored rows of the streams that follow `after` until `last`: by stream, and by the name of their table."""
    found: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for table in DERIVED:
        at = list(table.columns).index(table.c.stream)
        for row in read(statements.between[table.name], k_platform_id=platform, k_after=after, k_last=last):
            found[row[at]][table.name].append(row)
    return found


def lies_of(
    stored: Mapping[str, Iterable[Any]], stream: Stream, objects: Collection[PlatformObject]
) -> tuple[str, ...]:
    """The names of the tables in which these are not the rows of a case."""
    return tuple(
        table.name
        for table, rows_of in DERIVED.items()
        if {tuple(row) for row in stored.get(table.name, ())} != set(rows_of(stream, objects))
    )


def write(
    of: Collection[tuple[str, str, str]],
    ledger: Ledger,
    statements: DerivedStatements,
    execute: Callable[[str, _Row], Any],
    execute_many: Callable[[Compiled, list[_Row]], None],
) -> None:
    """Write rows of cases anew: of each, named by its platform and its id, those in the table of this name."""
    cases: dict[tuple[str, str], list[Stream]] = defaultdict(list)
    for platform, case_id, name in sorted(of):
        cases[platform, name].append(ledger.stream(platform, stream_of(case_id)))
    for (platform, name), chains in cases.items():
        execute(statements.clear[name].sql, (platform, json.encode([one.number for one in chains]).decode()))
        made = _made(_BY_NAME[name], chains, ledger)
        execute_many(statements.put[name], list(made))


def _made(table: Table, chains: Iterable[Stream], ledger: Ledger) -> Iterator[_Row]:
    for chain in chains:
        yield from DERIVED[table](chain, _objects_of(ledger, chain.case) if table is preserved else ())


def write_preserved(
    of: Collection[tuple[str, str, str]],
    ledger: Ledger,
    statements: DerivedStatements,
    execute: Callable[[str, _Row], Any],
) -> None:
    """Write anew what is kept of an object for a case: each named by platform, case and the stream of the object."""
    for platform, case_id, name in sorted(of):
        chain, held = (ledger.stream(platform, one) for one in (stream_of(case_id), name))
        execute(statements.clear_object.sql, (chain.number, name))
        for row in _preserved_of(chain, [object_in(held)]):
            execute(statements.put[preserved.name].sql, row)


def _objects_of(ledger: Ledger, chain: fold.Case) -> list[PlatformObject]:
    """The objects of a case, but for one that cannot be read: of that people are told."""
    streams = ledger.streams(chain.platform, names_of(chain)).values()
    return [object_in(stream) for stream in streams if stream.fault is None]


def alerts_between(
    read: Callable[..., list[Any]], statements: Statements, platform: str, after: str, limit: int
) -> dict[str, tuple[list[_Row], list[_Row]]]:
    """The next streams of alerts behind the stream `after`, those that are gone among them, each with the rows and the
    lines that are there of it."""
    own = {"k_platform_id": platform}
    named = read(statements.inbox.streams, after=max(after, ALERTS), until=f"{ALERTS}~", n=limit, **own)
    names = [name for (name,) in named]
    last = names[-1].removeprefix(ALERTS) if len(names) == limit else "~"
    found: dict[str, tuple[list[_Row], list[_Row]]] = {name: ([], []) for name in names}
    for place, table in enumerate((outbox.name, "leases")):
        for row in read(statements.of_none[table], k_after=after.removeprefix(ALERTS), k_last=last, **own):
            found.setdefault(f"{ALERTS}{row[1]}", ([], []))[place].append(row)
    return dict(sorted(found.items()))


def write_alerts(
    of: Collection[tuple[str, str]], ledger: Ledger, statements: Statements, execute: Callable[[str, _Row], Any]
) -> None:
    """Write the rows of these alerts anew, each named by its platform and its stream."""
    for platform, name in sorted(of):
        if name.startswith(ALERTS):
            execute(statements.alert_gone.sql, (platform, name.removeprefix(ALERTS)))
            for row in messages_of(ledger.streams(platform, [name])[name]):
                execute(statements.inserts[outbox.name].sql, row)
