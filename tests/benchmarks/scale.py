"""What a million open cases cost: the claim, the lists, the document of health and the watch, on files built by one
statement."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from kz_compliance_sdk.adapters.sql import rows as as_rows
from kz_compliance_sdk.adapters.sql import tables
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.change import happenings
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import FIRST, Roster, Stamped, link
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services import deadlines
from kz_compliance_sdk.services.health import health_document
from tests.benchmarks import deciding, samples
from tests.benchmarks.rows import Row, Size, compared, interleaved

NAMES = ("claim.open", "claim.leased", "watch.idle")
SCALED = {
    "scale.claim": "a claim of a category of which none is free",
    "scale.category": "a list of the cases of a category that none has",
    "scale.authority": "a list of the cases of an authority that sent none",
    "scale.health": "the document of health",
}
FEW = 10_000


def run(size: Size) -> list[Row]:
    """All rows, on three files: few open cases, few beside as many leased ones, and many."""
    many, open_ = size.pick(200_000, 5_000_000), size.pick(40_000, 1_000_000)
    claims = size.pick(100, 400)
    with size.place() as folder, ExitStack() as stack:

        def store(name: str, cases: int, queued: int, leased: int = 0) -> SqliteStore:
            path = folder / f"{name}.sqlite3"
            build(path, cases, queued, leased)
            opened = SqliteStore(path, Env.system())
            stack.callback(opened.close)
            return opened

        few = store("few", FEW, FEW)
        leased = store("leased", 2 * FEW, FEW, FEW)
        large = store("many", many, open_)
        # A heartbeat that says the same second again would not be written at all.
        seconds = count(int(time.time()))
        watched = SqliteStore(large.path, replace(Env.system(), clock=lambda: next(seconds)))
        stack.callback(watched.close)
        measures: dict[str, Callable[[], float]] = {
            "few": partial(claim_ms, few, claims),
            "leased": partial(claim_ms, leased, claims),
            "many": partial(claim_ms, large, claims),
            "watch": partial(watch_ms, watched, size.pick(20, 50)),
        }
        measures |= {
            f"{name} {of}": partial(asked_ms, one, name)
            for name in SCALED
            for of, one in (("few", few), ("many", large))
        }
        for measure in measures.values():
            measure()
        found = interleaved(measures, size.pick(2, 5))
    scaled = f"{many:,} rows, {open_:,} of them open"
    return [
        compared(
            NAMES[0], found, "many", "few", unit="ms", against=f"itself at {FEW:,} open", bar=1.5, sense="most",
            note=f"median of one durable claim; {scaled}",
        ),
        compared(
            NAMES[1], found, "leased", "few", unit="ms", against="itself with none leased", bar=2.0, sense="most",
            note=f"median of one durable claim; {FEW:,} open, {FEW:,} leased",
        ),
        *(
            compared(
                name, found, f"{name} many", f"{name} few", unit="ms", against=f"itself at {FEW:,} open", bar=1.5,
                sense="most", note=f"median of {what}; {scaled}",
            )
            for name, what in SCALED.items()
        ),
        Row(
            NAMES[2], statistics.median(found["watch"]), "ms", bar=2.0, sense="most",
            note=f"nothing due, the heartbeat's durable commit included; {scaled}",
        ),
    ]  # fmt: skip


def build(path: Path, cases: int, queued: int, leased: int) -> None:
    """A file of slim cases: so many queued, so many leased, the rest closed, in mixed order of urgency."""
    SqliteStore(path, Env.system()).close()
    sample = next(samples.ready(0, 1))
    (told,) = happenings(sample.change)
    now = int(time.time())
    columns = [column.name for column in tables.cases.columns]
    row = dict(zip(columns, as_rows.case_row(_stream(told)), strict=True))
    # Every fifth case is open, say, and the urgent ones lie anywhere: as after years of work.
    step = max(1, cases // (queued + leased))
    state = (
        f"CASE WHEN n % {step} <> 0 OR n / {step} >= {queued + leased} THEN 'closed' "
        f"WHEN n / {step} < {leased} THEN 'claimed' ELSE 'queued' END"
    )
    due = f"{now + 7_200} + (n * 7919) % 500000"
    values: dict[str, str] = {
        "stream": "n + 1",
        "id": "printf('%08x-0000-7000-8000-%012x', n / 1000, n)",
        "notice_id": "'KZ-' || printf('%09d', n)",
        "state": "s",
        "due_at": due,
        "urgent_at": due,
        "closed_at": f"iif(s = 'closed', {now}, NULL)",
        "lease_token": "iif(s = 'claimed', 1, 0)",
        "lease_owner": "iif(s = 'claimed', 'moderator-2', '')",
        "lease_expires_at": f"iif(s = 'claimed', {now + 86_400}, NULL)",
    }
    given = [name for name in columns if name not in values]
    select = ", ".join(values.get(name, f":{name}") for name in columns)
    connection = open_connection(choose_driver(), str(path), cache_mib=256)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        f"WITH RECURSIVE numbered(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbered WHERE n + 1 < {cases}), "
        f"stated(n, s) AS (SELECT n, {state} FROM numbered) "
        f"INSERT INTO cases ({', '.join(columns)}) SELECT {select} FROM stated",
        {name: row[name] for name in given},
    )
    connection.execute(
        "INSERT INTO watches SELECT stream, platform_id, id, ? + stream % 1000, NULL FROM cases "
        "WHERE state <> 'closed'",
        (now + 3_600,),
    )
    open_cases = connection.execute("SELECT stream, id, notice_id, due_at FROM cases WHERE state = 'queued'").fetchall()
    _chains(connection, open_cases, told)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("ANALYZE")
    connection.close()


def _stream(told: Happened) -> Stream:
    """The chain that a first event makes."""
    first = Stamped(1, told.at, 0, 0, None, told.event.called, told.event, FIRST)
    return Stream(samples.PLATFORM, told.stream, 1, [first])


def _chains(connection: Any, cases: list[Any], told: Happened) -> None:
    """The chain of each case that can be claimed: one event. The others are never read."""
    streams, events, log = [], [], []
    for number, (n, case_id, notice_id, due_at) in enumerate(cases, 1):
        kind, name = told.event.called, stream_of(case_id)
        event = msgspec.structs.replace(told.event, notice=notice_id, due_at=due_at)
        given: dict[str, Any] = {
            "kind": kind,
            "version": told.event.v,
            "before": FIRST,
            "roster": Roster(),
            "key": None,
        }
        made = link(samples.PLATFORM, name, 1, told.at, event, **given)
        streams.append((n, samples.PLATFORM, name))
        events.append((n, 1, made.at, kind, made.content, made.people, made.hash, made.mac, made.key_id))
        log.append((samples.PLATFORM, number, n, 1, made.hash))
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO streams (n, platform, name) VALUES (?, ?, ?)", streams)
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", events)
    connection.executemany("INSERT INTO log (platform, n, stream, seq, hash) VALUES (?, ?, ?, ?, ?)", log)
    connection.execute("COMMIT")


def claim_ms(store: SqliteStore, claims: int) -> float:
    """The median time of one claim by one caller, until it is durable."""
    review = deciding.review_of(store)
    times = []
    for _ in range(claims):
        started = time.perf_counter()
        lease = review.claim(deciding.MODERATOR).result()
        times.append(time.perf_counter() - started)
        assert lease is not None, "the cases ran out"
    return statistics.median(times) * 1000


def watch_ms(store: SqliteStore, passes: int) -> float:
    """The median time of one look at the clocks, when nothing is due."""
    policy = deciding.sandbox_policy()
    times = []
    for _ in range(passes):
        started = time.perf_counter()
        watched = deadlines.watch(store, samples.PLATFORM, policy)
        times.append(time.perf_counter() - started)
        assert watched.cases == 0, "something was due"
    return statistics.median(times) * 1000


def asked_ms(store: SqliteStore, name: str, times: int = 20) -> float:
    """The median time of what tells little, however many cases there are."""
    review, queries = deciding.review_of(store), store.queries(samples.PLATFORM)
    asked: dict[str, Callable[[], Any]] = {
        "scale.claim": lambda: review.claim(deciding.MODERATOR, category="none").result(),
        "scale.category": lambda: queries.cases(category="none").cases or None,
        "scale.authority": lambda: queries.cases(authority_id="none").cases or None,
        "scale.health": lambda: None if health_document(queries.health(now := int(time.time())), now) else 1,
    }
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        found = asked[name]()
        taken.append(time.perf_counter() - started)
        assert found is None, "something was found"
    return statistics.median(taken) * 1000
