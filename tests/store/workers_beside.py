"""Processes that work on one database side by side; what each of them does has a name, so that a fresh one finds it."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from kz_compliance_sdk.adapters.sql import postgres
from kz_compliance_sdk.adapters.sql.postgres import PostgresStore, PostgresWriter
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.take import Taking
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from tests.case_makers import M1, PLATFORM, POLICY, RESPONDENT

Claimed = tuple[str, int, int]
"""Which case, how urgent it is, and under which token it was claimed."""


def claims(url: str, seed: int, threads: int) -> list[Claimed]:
    """What a process with so many workers claims until nothing is free, in the order of each."""
    store = PostgresStore(url, _env(seed), create=False)
    review = Taking(store, PLATFORM, POLICY, RESPONDENT, Telling(POLICY.users))

    def work(_: int) -> list[Claimed]:
        got: list[Claimed] = []
        while (lease := review.claim(M1).result(60)) is not None:
            got.append((lease.case.id, lease.case.urgent_at, lease.token))
        return got

    try:
        with ThreadPoolExecutor(threads) as pool:
            return [one for got in pool.map(work, range(threads)) for one in got]
    finally:
        store.close()


def claims_unguarded(url: str, seed: int, threads: int) -> list[Claimed]:
    """The same where nobody finds out who was first: no moment that a batch sees, and no row that it locks."""
    for name in ("_TOGETHER", "_ALONE"):
        setattr(postgres, name, "BEGIN ISOLATION LEVEL READ COMMITTED")
    rows = PostgresWriter.rows

    def unlocked(self: PostgresWriter, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return rows(self, sql.partition("FOR UPDATE")[0], values)

    PostgresWriter.rows = unlocked  # type: ignore[method-assign]
    return claims(url, seed, threads)


def _env(seed: int) -> Env:
    return replace(frozen_env(FrozenClock(), seed), sleep=time.sleep, monotonic=time.monotonic, random=random.random)


def _begin(what: Callable[..., Any], given: tuple[Any, ...], tell: Connection, start: Barrier) -> None:
    start.wait(60)  # one that imported sooner would have done it all before the next began
    tell.send(what(*given))


@contextmanager
def beside(what: Callable[..., Any], *given: tuple[Any, ...]) -> Iterator[Callable[[], list[Any]]]:
    """Run this in a process for each tuple of arguments; what it yields gives what they came to."""
    context, ends = multiprocessing.get_context("spawn"), list[tuple[Any, Connection]]()
    start = context.Barrier(len(given))
    for one in given:
        hear, tell = context.Pipe(duplex=False)
        process = context.Process(target=_begin, args=(what, one, tell, start), daemon=True)
        process.start()
        tell.close()
        ends.append((process, hear))
    try:
        yield lambda: [hear.recv() for _, hear in ends]
    finally:
        for process, _ in ends:
            process.terminate()
            process.join(10)
