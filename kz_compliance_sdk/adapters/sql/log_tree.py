"""The log as the leaves of a tree, and the nodes of that tree that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, literal_column, not_, or_, select

from kz_compliance_sdk.adapters.sql.ledger import _raw, _whole, events, log, streams, tiles
from kz_compliance_sdk.adapters.sql.paging import AT_MOST
from kz_compliance_sdk.domain.checkpoints import LogLine
from kz_compliance_sdk.domain.references import stream_of

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.sql.statements import Compiled


_AT_ONCE: Final = 5_000
_LAST: Final = 2**63 - 1


class LogStatements:
    """Parameters are named `k_` for keys, `n` is how many rows there may be."""

    def __init__(self, compiled: Callable[[Any], Compiled], upsert: Callable[..., Compiled]) -> None:
        mine = log.c.platform == bindparam("k_platform"), log.c.n > bindparam("k_n"), log.c.n <= bindparam("k_last")
        named = log.outerjoin(streams, and_(streams.c.n == log.c.stream, streams.c.platform == log.c.platform))
        line = (_whole(log.c.n), _raw(streams.c.name), _whole(log.c.seq), _raw(log.c.hash))
        # Looking each event up takes six times as long as the line itself.
        told = named.outerjoin(events, and_(events.c.stream == log.c.stream, events.c.seq == log.c.seq))
        of_name = streams.c.platform == bindparam("k_platform"), streams.c.name == bindparam("k_name")
        here = log.c.stream == select(streams.c.n).where(*of_name).scalar_subquery()
        some = select(*line).select_from(named).where(*mine)
        self.lines = compiled(some.order_by(log.c.n).limit(AT_MOST))
        # By the index of the stream: a range of numbers would be read whole.
        n = log.c.n + literal_column("0")
        own = select(*line).select_from(named).where(here, n > bindparam("k_n"), n <= bindparam("k_last"))
        self.lines_of = compiled(own.order_by(log.c.seq).limit(AT_MOST))
        dated = select(*line, _whole(events.c.at)).select_from(told).where(*mine)
        self.dated_lines = compiled(dated.order_by(log.c.n).limit(AT_MOST))
        s = streams.c
        # Whatever somebody put in the place of a name.
        of_none = or_(s.name.is_(None), not_(and_(s.name > stream_of(""), s.name < stream_of("~"))))
        beside = s.platform == bindparam("k_platform"), s.n > bindparam("k_n"), of_none
        self.beside = compiled(select(s.n, _raw(s.name)).where(*beside).order_by(s.n).limit(AT_MOST))
        of_level = tiles.c.platform == bindparam("k_platform"), tiles.c.level == bindparam("k_level")
        run = tiles.c.n >= bindparam("k_first"), tiles.c.n < bindparam("k_end")
        self.tiles = compiled(select(_raw(tiles.c.hash)).where(*of_level, *run).order_by(tiles.c.n))
        self.put_tile = upsert(tiles, ("platform", "level", "n"), "hash")


def line_from(row: Any) -> LogLine | None:
    """A line of the log, None for one that cannot be read."""
    n, name, seq, hash_, *at = row
    if None in (n, name, seq, hash_) or len(hash_) != 32:
        return None
    return LogLine(n, name.decode("utf-8", "replace"), seq, hash_, *at)


def lines(read: Callable[..., list[Any]], after: int, until: int | None = None) -> Iterator[LogLine | None]:
    """The lines behind one number, up to another, read in short steps so that no reader holds the file back."""
    while found := read(k_n=after, k_last=_LAST if until is None else until, n=_AT_ONCE):
        yield from map(line_from, found)
        numbers = [row[0] for row in found if row[0] is not None]
        if not numbers:
            return
        after = numbers[-1]
