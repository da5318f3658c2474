"""Claim and decide, against the same statements on the bare driver: one commit a step, and one for sixteen."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.statements import Compiled
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.adapters.sql.transaction import SqliteTransaction
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState, happened_to
from kz_compliance_sdk.domain.change import Change, cases_after
from kz_compliance_sdk.domain.commands.review import Decided, Lease
from kz_compliance_sdk.domain.decision import ItemDecision, LegalCheck, Proposal, Wording
from kz_compliance_sdk.domain.events.delivery import Done
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.domain.report import ReportSignature, Statement
from kz_compliance_sdk.domain.user_notices import Telling
from kz_compliance_sdk.ports import Env, Tx
from kz_compliance_sdk.services.take import Taking
from tests.benchmarks import samples
from tests.benchmarks.rows import Row, Size, compared, interleaved

NAMES = ("decide.1", "decide.16")
TOGETHER = 16
_WAITING = 4_096
"""As many works wait at once as a store lets wait, or fewer."""
MODERATOR = Actor("moderator-1", frozenset({"moderator"}))
Statements = list[tuple[str, tuple[Any, ...] | list[tuple[Any, ...]]]]


def run(size: Size) -> list[Row]:
    """Both rows, from the same rounds: each measure begins on a copy of the same file of open cases."""
    count = size.pick(96, 1_600)
    with size.place() as folder:
        base = folder / "base.sqlite3"
        filled(base, count)
        steps = recorded(_copy(base, "recorded"), count)

        def timed(measure: Callable[[Path], float]) -> float:
            return count / measure(_copy(base, "round"))

        found = interleaved(
            {
                "1": lambda: timed(lambda path: decide(path, count, 1)),
                "raw 1": lambda: timed(lambda path: replay(path, steps, 1)),
                "16": lambda: timed(lambda path: decide(path, count, TOGETHER)),
                "raw 16": lambda: timed(lambda path: replay(path, steps, TOGETHER)),
            },
            size.pick(2, 5),
        )
    unit, note = "cases/s", "claim, then a decision with a measure on each of 3 items"
    one, many = "the same statements, a commit for each step", "the same statements, a commit for 16 steps"
    return [
        compared(NAMES[0], found, "1", "raw 1", unit=unit, against=one, bar=0.5, note=note),
        compared(NAMES[1], found, "16", "raw 16", unit=unit, against=many, bar=0.45, note=note),
    ]


def filled(path: Path, count: int, *, acknowledged: bool = False, items: int = 3) -> None:
    """A file with so many open cases; with their acknowledgements delivered if nothing else is to be."""
    store = SqliteStore(path, Env.system())

    def opened(tx: Tx, number: int) -> tuple[Change, None]:
        (ready,) = samples.ready(number, 1, keyed=tx.stamp().keyed, items=items)
        (case,) = cases_after(ready.change).values()
        told = [happened_to(samples.PLATFORM, case.id, Done(message=one), tx.stamp()) for one in case.chain.messages]
        return (*ready.change, *(told if acknowledged else ())), None

    for start in range(0, count, _WAITING):
        some = range(start, min(start + _WAITING, count))
        for future in [store.submit(samples.PLATFORM, partial(opened, number=number)) for number in some]:
            future.result()
    store.close()


def _copy(base: Path, name: str) -> Path:
    """A fresh copy under one name, so that the disk's cache treats every round alike."""
    path = base.with_name(f"{name}.sqlite3")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
        assert not base.with_name(base.name + suffix).exists(), "the base file was not closed properly"
    shutil.copyfile(base, path)
    return path


def sandbox_policy() -> Policy:
    """The packaged policy with no undo window, so that reports are due at once."""
    return kz_policy().model_copy(update={"undo_window_s": 0})


def review_of(store: Any, seal: Callable[[bytes], ReportSignature] | None = None) -> Taking:
    respondent = Respondent("head of office", "Үлгі Б. С.", seal)
    policy = sandbox_policy()
    return Taking(store, samples.PLATFORM, policy, respondent, Telling(policy.users))


def proposal(*, measure: bool, items: int = 3) -> Proposal:
    """A decision on the items of the sample notice: all removed, or all refused."""
    text = (Statement(lang="ru", text="Материал рассмотрен, решение принято."),)
    wording = (
        Wording(outcome="removed", statement_of_reasons=text)
        if measure
        else Wording(outcome="refused", statement_of_reasons=text, refusal_code="not_illegal")
    )
    return Proposal(
        items=tuple(
            ItemDecision(
                item_id=str(number),
                finding="illegal" if measure else "not_illegal",
                reasons="Seen and weighed.",
                action="remove" if measure else "none",
                ground="local_law" if measure else None,
                wording=wording,
            )
            for number in range(1, items + 1)
        ),
        legal_check=LegalCheck(
            authority="yes",
            legal_basis="yes",
            clarity="yes",
            content_matches="yes",
            protected_speech="no",
            proportionate="yes",
            narrowest="yes",
        ),
        text_checked=True,
    )


def decide(path: Path, count: int, together: int) -> float:
    """Seconds to claim and decide every case, so many at a time."""
    store = SqliteStore(path, Env.system())
    review, what = review_of(store), proposal(measure=True)
    started = time.perf_counter()
    decide_in(review, count, together, what)
    elapsed = time.perf_counter() - started
    store.close()
    return elapsed


def decide_in(review: Taking, count: int, together: int, what: Proposal) -> None:
    """Claim so many, wait, decide them, wait, until `count` are decided."""
    for _ in range(count // together):
        claims: list[Future[Lease | None]] = [review.claim(MODERATOR) for _ in range(together)]
        leases = [taken(claim.result()) for claim in claims]
        decided: list[Future[Decided]] = [
            review.take(MODERATOR, lease.case.id, commands.Propose(lease.token, what)) for lease in leases
        ]
        for future in decided:
            assert future.result().case.state is CaseState.DECIDED


def taken(lease: Lease | None) -> Lease:
    assert lease is not None, "the cases ran out"
    return lease


def recorded(path: Path, count: int) -> list[Statements]:
    """What claiming and deciding writes: for each case the claim's statements, then the decision's."""
    steps: list[Statements] = []
    one, many, commit = (getattr(SqliteTransaction, name) for name in ("_execute", "_execute_many", "commit"))

    def noted(of: SqliteTransaction, sql: str, values: tuple[Any, ...]) -> int:
        steps[-1].append((sql, values))
        return int(one(of, sql, values))

    def noted_many(of: SqliteTransaction, statement: Compiled, values: list[tuple[Any, ...]]) -> None:
        steps[-1].append((statement.sql, values))
        many(of, statement, values)

    def committed(of: SqliteTransaction) -> None:
        steps.append([])
        commit(of)

    store = SqliteStore(path, Env.system(), threaded=False)
    with ExitStack() as seams:
        for name, seam in {"_execute": noted, "_execute_many": noted_many, "commit": committed}.items():
            seams.enter_context(mock.patch.object(SqliteTransaction, name, seam))
        decide_in(review_of(store), count, 1, proposal(measure=True))
    store.close()
    assert len(steps) == 2 * count
    return steps


def replay(path: Path, steps: Sequence[Statements], together: int) -> float:
    """Seconds for the same writes on the bare driver, which reads nothing and decides nothing."""
    claims, decisions = steps[0::2], steps[1::2]
    connection = open_connection(choose_driver(), str(path))
    cursor = connection.cursor()
    started = time.perf_counter()
    for start in range(0, len(claims), together):
        for group in (claims[start : start + together], decisions[start : start + together]):
            cursor.execute("BEGIN IMMEDIATE")
            for statements in group:
                for sql, values in statements:
                    if isinstance(values, list):
                        cursor.executemany(sql, values)
                    else:
                        cursor.execute(sql, values)
            cursor.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return elapsed
