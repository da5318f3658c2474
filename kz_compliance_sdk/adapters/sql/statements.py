"""Every statement of the hot path, built once with SQLAlchemy and compiled once for the driver's own connection.

SQLAlchemy's cost is per statement: grouped it vanishes, one by one it is three times the statement itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Dialect,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from kz_compliance_sdk.adapters.sql import tables as t
from kz_compliance_sdk.adapters.sql.derived import DerivedStatements, preserved
from kz_compliance_sdk.adapters.sql.inbox import InboxStatements
from kz_compliance_sdk.adapters.sql.ledger import LedgerStatements, lost_cases, streams
from kz_compliance_sdk.adapters.sql.log_tree import LogStatements
from kz_compliance_sdk.adapters.sql.paging import AT_MOST, ONLY_ONE
from kz_compliance_sdk.domain.change import (
    ClockSet,
    CursorMoved,
    EndpointState,
    Heartbeat,
    RefusalsCounted,
)


class Compiled:
    """SQL text in the driver's own style, and the names of its parameters in their order."""

    __slots__ = ("_defaults", "_rows", "names", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._defaults: dict[str, Any] = dict(compiled.params)
        self._rows: dict[int, str] = {}

    def of_rows(self, count: int) -> str:
        """The text of an INSERT for so many rows at once. Each run of a statement lets go of the interpreter's lock and
        gets it back only when another thread gives it up: one run for many rows is a fraction of the waiting."""
        text = self._rows.get(count)
        if text is None:
            head, values, row = self.sql.partition(" VALUES ")
            one, conflict, rest = row.partition(" ON CONFLICT ")
            text = self._rows[count] = f"{head}{values}{', '.join([one] * count)}{conflict}{rest}"
        return text

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """The parameters in their order; what the dialect added by itself keeps its own value."""
        defaults = self._defaults
        return tuple([values[name] if name in values else defaults[name] for name in self.names])


def _key(table: Table, *names: str) -> Any:
    return and_(*(table.c[name] == bindparam(f"k_{name}") for name in names))


_prior = t.outbox.alias("prior")
# What is parked unsettled may have been carried out: its answer could not be used.
_NOT_IN_FLIGHT = text("(state IN ('queued', 'waiting') OR (state = 'parked' AND settled_at IS NULL))")
_LANE_IS_FREE = or_(
    t.outbox.c.lane == literal_column("''"),
    ~exists().where(
        _prior.c.platform_id == t.outbox.c.platform_id,
        _prior.c.lane == t.outbox.c.lane,
        _prior.c.lane_seq < t.outbox.c.lane_seq,
        text("prior.state IN ('queued', 'leased') AND prior.lane <> ''"),
    ),
)


FIXED: Mapping[str, tuple[str, ...]] = MappingProxyType({"outbox": ("kind", "alert", "created_at", "lane", "lane_seq")})
"""Columns that never change once they are written: an update leaves them out."""


def moving(table: Table, keys: tuple[str, ...]) -> tuple[int, ...]:
    """Where in a row of the table the columns stand that an update sets."""
    fixed = (*keys, *FIXED.get(table.name, ()))
    return tuple(at for at, column in enumerate(table.columns) if column.name not in fixed)


def _bound(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"v_{name}") for name in names}


def _update_all(table: Table, keys: tuple[str, ...], guard: Any) -> Any:
    fixed = (*keys, *FIXED.get(table.name, ()))
    values = _bound(*(column.name for column in table.columns if column.name not in fixed))
    return update(table).where(_key(table, *keys), guard).values(values)


class Statements:
    """The statements for one dialect. Parameter order is `names`; see `store.py` for who passes what."""

    def __init__(self, dialect: Dialect) -> None:
        def compiled(statement: Any) -> Compiled:
            return Compiled(statement, dialect)

        def upsert(table: Table, keys: tuple[str, ...], *given: str, **values: Any) -> Compiled:
            """Insert a row; where its key is there already, set what is `given` from the new row, and `values`."""
            new: Any = (postgresql if dialect.name == "postgresql" else sqlite).insert(table)
            changed = {name: new.excluded[name] for name in given} | values
            return compiled(new.on_conflict_do_update(index_elements=list(keys), set_=changed))

        self.inserts = {table.name: compiled(insert(table)) for table in t.metadata.sorted_tables}
        # An attempt that was given up for lost may still come back with what became of it.
        of_attempt = ("platform_id", "case_id", "message_id", "number")
        self.inserts["attempts"] = upsert(t.attempts, of_attempt, "ended_at", "result", "detail")
        case_key = ("platform_id", "id")
        said = (column.name for column in t.cases.columns if column.name not in case_key)
        self.inserts["cases"] = upsert(t.cases, case_key, *said)
        self.message_update = compiled(_update_all(t.outbox, ("platform_id", "case_id", "id"), text("1 = 1")))
        self.message_update_leased = compiled(
            _update_all(
                t.outbox,
                ("platform_id", "case_id", "id"),
                # What was voided or settled meanwhile must not come back to life.
                and_(t.outbox.c.lease_token == bindparam("was_token"), text("state NOT IN ('done', 'void')")),
            )
        )
        self.message_void = compiled(
            update(t.outbox)
            .where(_key(t.outbox, "platform_id", "case_id", "id"), text("state NOT IN ('done', 'void')"))
            .values(state=literal_column("'void'"), settled_at=bindparam("v_settled_at"))
        )
        self.case = compiled(select(t.cases).where(_key(t.cases, "platform_id", "id")))
        of_notice = select(t.cases).where(_key(t.cases, "platform_id", "notice_id"))
        self.cases_of_notice = compiled(of_notice)
        claimable = select(t.cases).where(_key(t.cases, "platform_id"), text("state = 'queued'"))
        in_order = (t.cases.c.urgent_at, t.cases.c.id)
        self.claimable = compiled(claimable.order_by(*in_order).limit(AT_MOST))
        self.claimable_of = compiled(claimable.where(_key(t.cases, "category")).order_by(*in_order).limit(AT_MOST))
        expired = select(t.cases).where(
            _key(t.cases, "platform_id"),
            text("lease_expires_at IS NOT NULL"),
            t.cases.c.lease_expires_at <= bindparam("now"),
        )
        expired = expired.order_by(t.cases.c.lease_expires_at).limit(AT_MOST)
        self.expired = compiled(expired)
        later = select(t.cases).where(_key(t.cases, "platform_id"), t.cases.c.id > bindparam("after"))
        later = later.where(func.typeof(t.cases.c.id) == literal_column("'text'"))  # any other is the id of none
        self.found = compiled(later.order_by(t.cases.c.id).limit(AT_MOST))
        between = streams.c.name > bindparam("after"), streams.c.name < bindparam("until")
        lost = lost_cases(bindparam("k_platform_id")).where(*between)
        self.lost = compiled(lost.order_by(streams.c.name).limit(AT_MOST))
        watched = select(t.cases).where(
            _key(t.cases, "platform_id"), text("watch_at IS NOT NULL"), t.cases.c.watch_at <= bindparam("now")
        )
        watched = watched.order_by(t.cases.c.watch_at).limit(AT_MOST)
        self.watched = compiled(watched)
        p = preserved.c
        over = select(p.case_id).where(p.platform_id == bindparam("k_platform_id"), p.until <= bindparam("now"))
        copies = select(t.cases).where(_key(t.cases, "platform_id"), t.cases.c.id.in_(over))
        self.copies_over = compiled(copies.order_by(t.cases.c.id).limit(AT_MOST))
        held = text("state IN ('waiting', 'parked')")
        self.held_message = compiled(select(t.outbox).where(_key(t.outbox, "platform_id", "id"), held))
        in_range = t.outbox.c.case_id > bindparam("k_after"), t.outbox.c.case_id <= bindparam("k_last")
        self.messages_between = compiled(select(t.outbox).where(_key(t.outbox, "platform_id"), *in_range))
        unsettled = or_(_NOT_IN_FLIGHT, text("state = 'leased'"))
        open_messages = select(t.outbox).where(_key(t.outbox, "platform_id", "case_id"), unsettled)
        self.open_messages = compiled(open_messages)
        told = (column for column in t.attempts.columns if column.name != "detail")
        of_message = (
            _key(t.attempts, "platform_id", "case_id", "message_id"),
            t.attempts.c.number > bindparam("after"),
        )
        self.attempts = compiled(select(*told).where(*of_message).order_by(t.attempts.c.number))
        due = select(t.outbox).where(
            _key(t.outbox, "platform_id", "endpoint"),
            text("state IN ('queued', 'leased')"),
            t.outbox.c.next_attempt_at <= bindparam("now"),
            _LANE_IS_FREE,
        )
        due = due.order_by(t.outbox_urgency, t.outbox.c.next_attempt_at).limit(AT_MOST)
        self.due_messages = compiled(due)
        unsent = (_key(t.outbox, "platform_id", "endpoint"), text("state IN ('queued', 'leased')"))
        following = select(t.outbox_urgency).where(*unsent, t.outbox_urgency > bindparam("now"))
        self.next_deadline = compiled(following.order_by(t.outbox_urgency).limit(ONLY_ONE))
        behind: Any = (
            select(literal_column("1"))
            .select_from(t.outbox)
            .where(
                _key(t.outbox, "platform_id", "lane"),
                t.outbox.c.lane_seq > bindparam("lane_seq"),
                text("state = 'queued' AND lane <> ''"),
                t.outbox.c.next_attempt_at <= bindparam("now"),
            )
        )
        self.waits_behind = compiled(behind.limit(ONLY_ONE))
        self.derived = DerivedStatements(compiled, upsert)
        self.inbox = InboxStatements(compiled, upsert)
        self.private = PrivateStatements(compiled)
        noted = {
            EndpointState: (t.endpoints, t.endpoints.c.endpoint),
            Heartbeat: (t.heartbeats, t.heartbeats.c.part),
            CursorMoved: (t.cursors, t.cursors.c.feed),
        }
        self.noted: dict[type, Compiled] = {
            kind: compiled(select(table).where(_key(table, "platform_id"), name == bindparam("k_name")))
            for kind, (table, name) in noted.items()
        }
        self.clock_set = ClockStatements(compiled)
        outcome = ("failures", "open_until", "last_success_at", "last_failure")
        counted = t.refusals.c.count + literal_column("excluded.count")
        self.upserts: dict[type, Compiled] = {
            CursorMoved: upsert(t.cursors, ("platform_id", "feed"), "cursor", "at"),
            EndpointState: upsert(t.endpoints, ("platform_id", "endpoint"), *outcome),
            Heartbeat: upsert(t.heartbeats, ("platform_id", "part"), "at", "detail"),
            RefusalsCounted: upsert(t.refusals, ("platform_id", "key_id", "code"), "last_at", count=counted),
        }
        self.volumes = VolumeStatements(compiled, upsert)
        self.ledger = LedgerStatements(compiled)
        self.log = LogStatements(compiled, upsert)


@cache
def sqlite_statements() -> Statements:
    """Those for SQLite. A process compiles them once: that takes longer than to open a file."""
    return Statements(sqlite.dialect(paramstyle="qmark"))


class PrivateStatements:
    """Parameters of each are named `k_` for keys and `v_` for values; the order is that of `names`."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        self.platform_key = compiled(select(t.platform_keys.c.key).where(_key(t.platform_keys, "platform_id", "name")))
        self.keep_platform_key = compiled(insert(t.platform_keys))
        of_case = ("platform_id", "case_id")
        # What the platform or the regulator would not take can never be sent again without its words.
        not_parked = case((t.outbox.c.state == text("'parked'"), text("'void'")), else_=t.outbox.c.state)
        self.erase: tuple[Any, ...] = (
            compiled(update(t.outbox).where(_key(t.outbox, *of_case)).values(state=not_parked)),
            compiled(update(t.attempts).where(_key(t.attempts, *of_case)).values(detail=b"")),
        )


class ClockStatements:
    """One set for a clock that went forward, one for a clock that went back. Each takes `k_platform_id`, `by_s`,
    `since` and `now`."""

    def __init__(self, compiled: Callable[[Any], Compiled]) -> None:
        by_s: Any = bindparam("by_s")
        since: Any = bindparam("since")
        now: Any = bindparam("now")
        o, e, h = t.outbox.c, t.endpoints.c, t.heartbeats.c
        mine = (o.platform_id == bindparam("k_platform_id"), text("state IN ('queued', 'leased')"))
        lease = {"lease_expires_at": o.lease_expires_at + by_s}
        sooner, untried = o.next_attempt_at + by_s, o.attempts == 0
        # What was jumped over, and what was planned before. A day until which a user must not be told is a date, not a
        # length of time.
        jumped_over = o.next_attempt_at < since + by_s
        older = untried & (o.created_at <= since) & (o.kind != "user_notice")
        ahead = update(t.outbox).where(*mine, o.next_attempt_at > since, or_(jumped_over, older))
        self.forward = (compiled(ahead.values(next_attempt_at=sooner, **lease)),)
        # What was planned since stays where it is.
        newer = untried & (o.created_at > since + by_s) & (o.created_at <= now)
        day = case(((o.kind == "user_notice") & (o.next_attempt_at >= o.deadline_at), o.deadline_at), else_=sooner)
        behind = update(t.outbox).where(*mine, o.next_attempt_at > now, ~newer)
        paused = update(t.endpoints).where(e.platform_id == bindparam("k_platform_id"), e.open_until > now)
        seen = update(t.heartbeats).where(h.platform_id == bindparam("k_platform_id"), h.at > now)
        self.back = (
            compiled(behind.values(next_attempt_at=func.max(sooner, day), **lease)),
            compiled(paused.values(open_until=e.open_until + by_s)),
            compiled(seen.values(at=h.at + by_s)),
        )


def set_clock(write: ClockSet, statements: ClockStatements, execute: Callable[[str, tuple[Any, ...]], int]) -> None:
    """Move what waits."""
    given = {"k_platform_id": write.platform_id, "by_s": write.by_s, "since": write.since, "now": write.now}
    for statement in statements.forward if write.by_s > 0 else statements.back:
        execute(statement.sql, statement.bind(given))


class VolumeStatements:
    """Parameters of each are named `k_` for keys."""

    def __init__(self, compiled: Callable[[Any], Any], upsert: Callable[..., Any]) -> None:
        v = t.volumes.c
        mine = v.platform_id == bindparam("k_platform_id"), v.name == bindparam("k_name")
        # The newest first, and no more than there have to be: a row counts one notice at least.
        newest = select(v.notices).where(*mine, v.at > bindparam("k_at")).order_by(v.at.desc()).limit(AT_MOST)
        self.counted = compiled(select(func.coalesce(func.sum(newest.subquery().c.notices), literal_column("0"))))
        self.add = upsert(
            t.volumes, ("platform_id", "name", "at"), notices=v.notices + literal_column("excluded.notices")
        )
        self.over = compiled(delete(t.volumes).where(*mine, v.at <= bindparam("k_at")))
