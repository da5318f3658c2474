"""Claim and decide, against a script of statements of its own: one commit a step, and one for sixteen."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver, open_connection
from kz_compliance_sdk.adapters.sql.store import SqliteStore
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
from tests.benchmarks.rows import Row, Size, collecting_seldom, compared, interleaved
from tests.benchmarks.storing import NONCE, Rows, Took, encrypted, hashed, timed

NAMES = ("decide.1", "decide.16")
TOGETHER = 16
_WAITING = 4_096
"""As many works wait at once as a store lets wait, or fewer."""
MODERATOR = Actor("moderator-1", frozenset({"moderator"}))


def run(size: Size) -> list[Row]:
    """Both rows, from the same rounds: each measure begins on a copy of the same file of open cases."""
    count = size.pick(96, 1_600)
    with size.place() as folder, collecting_seldom():
        base = folder / "base.sqlite3"
        filled(base, count)
        steps = prepared(_copy(base, "prepared"), count)

        spent: defaultdict[str, list[float]] = defaultdict(list)

        def timed(name: str, measure: Callable[[Path], Took]) -> float:
            took = measure(_copy(base, "round"))
            spent[name].append(took.cpu / count * 1e6)
            return count / took.seconds

        found = interleaved(
            {
                "1": lambda: timed("1", lambda path: decide(path, count, 1)),
                "raw 1": lambda: timed("raw 1", lambda path: raw(path, steps, 1)),
                "16": lambda: timed("16", lambda path: decide(path, count, TOGETHER)),
                "raw 16": lambda: timed("raw 16", lambda path: raw(path, steps, TOGETHER)),
            },
            size.pick(2, 5),
        )
    same = "raw driver, the same rows, hashed and encrypted, the notice decrypted"

    def row(name: str, mine: str, bar: float, commits: str) -> Row:
        cpu, base = min(spent[mine]), min(spent[f"raw {mine}"])
        note = f"3 items, a measure on each; by CPU {base / cpu:.2f}, {cpu:.0f} us a case against {base:.0f}"
        against = f"{same}, a commit for {commits}"
        return compared(name, found, mine, f"raw {mine}", unit="cases/s", against=against, bar=bar, note=note)

    return [row(NAMES[0], "1", 0.45, "each step"), row(NAMES[1], "16", 0.32, "16 steps")]


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
    path.with_name(f"{path.name}.mark").unlink(missing_ok=True)
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


def decide(path: Path, count: int, together: int) -> Took:
    """How long it takes to claim and decide every case, so many at a time."""
    store = SqliteStore(path, Env.system())
    review, what = review_of(store), proposal(measure=True)
    try:
        return timed(lambda: decide_in(review, count, together, what))
    finally:
        store.close()


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


Step = dict[str, Rows]
"""The rows that a claim or a decision of one case comes to, by table, made beforehand."""

COLUMNS = {
    "streams": "n, platform, name",
    "events": "stream, seq, at, kind, content, people, hash, mac, key_id",
    "parts": "stream, seq, name, class, bytes",
    "log": "platform, n, stream, seq, hash",
    "outbox": "stream, id, platform_id, case_id, kind, endpoint, alert, created_at, deadline_at, state, lane, lane_seq",
    "leases": "stream, id, platform_id, case_id, endpoint, urgent_at, next_at, attempts, refusals, refused_since,"
    " token, expires_at",
    "cases": "state, urgent_at, lease_token, lease_owner, lease_expires_at, flags, stream",
    "watches": "watch_at, running_watch_at, stream",
}
WRITES = {
    table: f"UPDATE {table} SET {columns.removesuffix(', stream').replace(',', ' = ?,')} = ? WHERE stream = ?"
    if columns.endswith(", stream")
    else f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(columns.split(', ')))})"
    for table, columns in COLUMNS.items()
}
NEXT = "SELECT stream FROM cases WHERE platform_id = ? AND state = 'queued' ORDER BY urgent_at, id LIMIT 1"
KEY = "SELECT wrapped FROM keys WHERE stream = ? AND class = 'erasable'"
NOTICE = "SELECT bytes FROM parts WHERE stream = ? AND seq = 1 AND name = 'message'"
_OF_A_CLAIM, _OF_A_DECISION = 1, 6
"""Events of each, the three of the objects included."""


def prepared(path: Path, count: int) -> tuple[list[Step], list[Step]]:
    """What claiming and what deciding stores, case by case."""
    store = SqliteStore(path, Env.system(), threaded=False)
    review, what, found = review_of(store), proposal(measure=True), [_stored(path)]
    leases = [taken(review.claim(MODERATOR).result()) for _ in range(count)]
    found.append(_stored(path))
    for lease in leases:
        review.take(MODERATOR, lease.case.id, commands.Propose(lease.token, what)).result()
    found.append(_stored(path))
    store.close()
    opened, claimed, decided = found
    return _steps(opened, claimed, _OF_A_CLAIM), _steps(claimed, decided, _OF_A_DECISION)


def _stored(path: Path) -> Step:
    with closing(open_connection(choose_driver(), str(path))) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM {table}").fetchall() for table, columns in COLUMNS.items()
        }


def _steps(before: Step, after: Step, each: int) -> list[Step]:
    """What was added or changed, in the order of the log, of which each step has so many lines."""
    by_stream: dict[str, defaultdict[int, Rows]] = {table: defaultdict(list) for table in COLUMNS}
    for table, columns in COLUMNS.items():
        place = 0 if table == "streams" else columns.split(", ").index("stream")
        for row in set(after[table]) - set(before[table]):
            by_stream[table][row[place]].append(row)
    lines = sorted((row for rows in by_stream["log"].values() for row in rows), key=lambda row: row[1])
    of_steps = [dict.fromkeys(row[2] for row in lines[start : start + each]) for start in range(0, len(lines), each)]
    return [
        {table: [row for one in streams for row in held[one]] for table, held in by_stream.items()}
        for streams in of_steps
    ]


def raw(path: Path, steps: tuple[list[Step], list[Step]], together: int) -> Took:
    """How long it takes to claim and decide the same cases by statements written here: which is next, its notice
    decrypted, the rows made beforehand but for what is hashed and encrypted. It reads no chain and decides nothing."""
    claims, decisions = steps
    with closing(open_connection(choose_driver(), str(path))) as connection:
        cursor = connection.cursor()

        def all_steps() -> None:
            for start in range(0, len(claims), together):
                cursor.execute("BEGIN IMMEDIATE")
                for step in claims[start : start + together]:
                    cursor.execute(NEXT, (samples.PLATFORM,)).fetchone()
                    _write(cursor, step, {})
                cursor.execute("COMMIT")
                cursor.execute("BEGIN IMMEDIATE")
                for step in decisions[start : start + together]:
                    stream, _, _, case, *_ = step["outbox"][0]
                    (notice,) = cursor.execute(NOTICE, (stream,)).fetchone()
                    (key,) = cursor.execute(KEY, (stream,)).fetchone()
                    cipher = AESGCM(key[1:])
                    bound = f"kz-compliance/part/v1\n{samples.PLATFORM}\ncase/{case}\n1\nmessage\nerasable"
                    cipher.decrypt(notice[:NONCE], notice[NONCE:], bound.encode())
                    _write(cursor, step, {(stream, "erasable"): cipher})
                cursor.execute("COMMIT")

        return timed(all_steps)


def _write(cursor: Any, step: Step, ciphers: Mapping[tuple[int, str], AESGCM]) -> None:
    events, hashes = hashed(step["events"])
    made = {
        "events": events,
        "parts": encrypted(step["parts"], ciphers),
        "log": [(platform, n, stream, seq, hashes[stream, seq]) for platform, n, stream, seq, _ in step["log"]],
    }
    for table, rows in (step | made).items():
        if rows:
            cursor.executemany(WRITES[table], rows)
