"""Bad inputs that need a socket, with both of uvicorn's parsers, or a store that fails for real."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import sqlite
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES
from tests.arrivals.bad_inputs.differences import DIFFERENCES
from tests.arrivals.bad_inputs.office import Answer, Office, Offices
from tests.arrivals.bad_inputs.requests import Request, envelope, signed
from tests.arrivals.bad_inputs.sockets import Line, Parser, asked, head, served
from tests.waiting import PATIENCE_S

READ_S = 1
LONG_S = 20
"""Far less than a hundred slow senders take one after the other, and far more than a loaded machine needs."""
MAX_BODY = 65_536


def message(number: int = 1) -> Request:
    return signed({**envelope(f"KZ-{number}"), "id": f"msg_{number}"})


@pytest.fixture
def office(offices: Offices) -> Office:
    return offices.new(limits={"read_timeout_s": READ_S, "max_body": MAX_BODY})


@pytest.fixture(params=[pytest.param("h11", marks=pytest.mark.slow), "httptools"])
def parser(request: pytest.FixtureRequest) -> Parser:
    chosen: Parser = request.param
    return chosen


@pytest.fixture
def port(office: Office, parser: Parser) -> Iterator[int]:
    with served(office.app, parser) as port:
        yield port


def came(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def wanted(case_id: str) -> tuple[int | None, str]:
    case = CASES[case_id]
    return case.http, case.code


@pytest.mark.slow
def test_a_length_that_promises_too_much_is_given_up_at_the_deadline(port: int, office: Office) -> None:
    """H010: and the connection is closed, so that nothing is kept for it."""
    request = message()
    with Line(port) as line:
        started = time.monotonic()
        line.send(head(request, length=len(request.body) + 10), request.body)
        assert came(line.answer()) == wanted("H010")
        assert time.monotonic() - started < PATIENCE_S / 2
        assert line.is_closed()
    assert office.inbox() == []


def test_a_length_that_promises_too_little_cuts_the_message_and_proves_nothing(
    port: int, office: Office, parser: Parser
) -> None:
    """H011: with httptools the server refuses the rest, and with it the message (a documented difference)."""
    request = message()
    with Line(port) as line:
        line.send(head(request, length=len(request.body) - 20), request.body)
        answer = line.answer()
    if parser == "httptools":
        assert answer.status == DIFFERENCES["H011", "live"].status != CASES["H011"].http
    else:
        assert came(answer) == wanted("H011")
        assert answer.body == NOT_AUTHENTIC.body
    assert office.inbox() == []


def test_two_framings_are_refused(port: int, office: Office, parser: Parser) -> None:
    """H013. With httptools the server writes this answer, so it has no code of ours."""
    request = message()
    with Line(port) as line:
        line.send(head(request, "transfer-encoding: chunked"), request.body)
        answer = line.answer()
    assert answer.status == CASES["H013"].http
    assert parser == "httptools" or answer.code == CASES["H013"].code
    assert office.inbox() == []


def test_an_endless_body_is_cut_at_the_cap(port: int, office: Office) -> None:
    """H014."""
    with Line(port) as line:
        line.send(head(message(), "transfer-encoding: chunked", length=None))
        sent = 0
        while sent < 64 * MAX_BODY and line.send(b"400\r\n", b"A" * 1024, b"\r\n") and not line.has_answer():
            sent += 1024
        assert came(line.answer()) == wanted("H014")
    assert office.inbox() == []


@pytest.mark.slow
def test_slow_bodies_are_given_up_and_keep_no_notice_waiting(port: int, office: Office) -> None:
    """H015, with 100 sockets."""
    slow = message(2)
    lines = [Line(port) for _ in range(100)]
    try:
        for line in lines:
            line.send(head(slow), slow.body[:1])
        started = time.monotonic()
        assert asked(port, message()).status == 202
        assert time.monotonic() - started < LONG_S
        for place in range(1, 4):
            for line in lines:
                line.send(slow.body[place : place + 1])
            time.sleep(READ_S / 10)
        assert {came(line.answer()) for line in lines} == {wanted("H015")}
    finally:
        for line in lines:
            line.close()
    assert len(office.inbox()) == 1


@pytest.mark.slow
def test_slow_heads_keep_no_notice_waiting(port: int) -> None:
    """H016, a documented difference, with 100 sockets."""
    lines = [Line(port) for _ in range(100)]
    try:
        for line in lines:
            line.send(b"POST /notices HTTP/1.1\r\nhost: s")
        started = time.monotonic()
        assert asked(port, message()).status == DIFFERENCES["H016", "live"].status
        assert time.monotonic() - started < LONG_S
        time.sleep(READ_S + 0.5)
        assert not any(line.has_answer() for line in lines), "the server has a deadline by now: take the row away"
    finally:
        for line in lines:
            line.close()


def test_a_head_that_is_too_big_is_refused(port: int, office: Office) -> None:
    """H017."""
    assert came(asked(port, message(), f"x-a: {'a' * 60_000}")) == wanted("H017")
    assert office.inbox() == []


@pytest.mark.parametrize("parser", ["h11"], indirect=True)
def test_a_head_that_does_not_end_is_refused_by_the_server(port: int) -> None:
    """H017, a documented difference: with h11 the app never sees it."""
    with Line(port) as line:
        line.send(b"POST /notices HTTP/1.1\r\nx-a: ", b"a" * 70_000)
        assert line.answer().status == DIFFERENCES["H017", "live"].status != CASES["H017"].http


def test_a_thousand_headers_are_refused(port: int, office: Office) -> None:
    """H018."""
    assert came(asked(port, message(), *(f"x-{number}: 1" for number in range(1_000)))) == wanted("H018")
    assert office.inbox() == []


def test_what_is_compressed_is_not_unpacked(port: int, office: Office) -> None:
    """H020."""
    bomb = replace(message(), body=gzip.compress(bytes(10 * 2**20)))
    assert came(asked(port, bomb, "content-encoding: gzip")) == wanted("H020")
    assert office.inbox() == []


def test_cleartext_is_for_the_proxy_to_refuse(port: int) -> None:
    """H022, a documented difference."""
    assert asked(port, message()).status == DIFFERENCES["H022", "live"].status != CASES["H022"].http


def test_a_query_changes_nothing_and_the_body_decides(port: int, office: Office) -> None:
    """H026."""
    assert asked(port, replace(message(), target="/notices?notice_id=OTHER")).status == CASES["H026"].http
    assert [case.notice_id for case in office.cases()] == ["KZ-1"]


def test_a_pipelined_repeat_gets_the_same_answer_and_opens_no_second_case(port: int, office: Office) -> None:
    """H028."""
    request = message()
    with Line(port) as line:
        line.send(head(request), request.body, head(request), request.body)
        first, second = line.answer(), line.answer()
    assert (first.status, second.status) == (CASES["H028"].http, 200)
    assert first.body == second.body
    assert len(office.cases()) == 1


def test_a_body_that_is_announced_as_too_large_is_never_asked_for(port: int) -> None:
    """H029: no 100 Continue comes before the refusal."""
    with Line(port) as line:
        line.send(head(message(), "expect: 100-continue", length=900_000_000))
        assert came(line.answer()) == wanted("H029")


@pytest.mark.slow
def test_a_flood_of_the_unsigned_keeps_no_notice_waiting(port: int, office: Office) -> None:
    """H030, with 400 requests of eight senders, and more for as long as the notice waits."""
    forged = replace(message(), headers=[("content-type", "application/json")])
    before = office.counts()
    served = threading.Event()

    def sends() -> list[Answer]:
        answers: list[Answer] = []
        while len(answers) < 50 or not served.is_set():
            answers.append(asked(port, forged))
        return answers

    with ThreadPoolExecutor(8) as senders:
        flood = [senders.submit(sends) for _ in range(8)]
        try:
            assert asked(port, message()).status == 202
        finally:
            served.set()
        answers = [answer for one in flood for answer in one.result()]
    assert {came(answer) for answer in answers} == {wanted("H030")}
    assert {answer.body for answer in answers} == {NOT_AUTHENTIC.body}
    after = office.counts()
    assert (after["inbox"], after["refusals"]) == (before["inbox"] + 1, before["refusals"])


def test_a_sender_that_goes_away_is_neither_answered_nor_counted_as_a_forger(port: int, office: Office) -> None:
    request = message()
    with Line(port) as line:
        line.send(head(request), request.body[:100])
    assert asked(port, request).status == 202
    office.clock.advance(61)
    assert asked(port, replace(request, headers=[("content-type", "application/json")])).status == 401
    office.desk.store.submit("social", lambda _tx: ((), None)).result()
    refusals = office.desk.health().refusals
    assert sum(one.count for one in refusals) == 1


# ----------------------------------------------------------------------------------------------- a store that fails


def test_a_full_disk_acknowledges_nothing_and_leaves_reading_alone(
    offices: Offices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """H031: SQLite itself refuses to let the file grow."""
    writers: list[Any] = []
    opened: Callable[..., Any] = sqlite.open_connection

    def small(*args: Any) -> Any:
        connection = opened(*args)
        connection.execute("PRAGMA max_page_count = 1").fetchall()  # SQLite takes the size that the file has
        writers.append(connection)
        return connection

    monkeypatch.setattr("kz_compliance_sdk.adapters.sql.sqlite.open_connection", small)
    office = offices.new()
    answers: list[Answer] = []
    for number in range(1, 400):
        answers.append(office.push(message(number)))
        if answers[-1].status != 202:
            break
    refused = answers[-1]
    assert (refused.status, refused.code) == (CASES["H031"].http, "storage_full")
    assert "retry-after" in dict(refused.headers)
    held = len(answers) - 1
    assert len(office.inbox()) == held, "what was acknowledged is there, and nothing else"
    assert len(office.desk.cases(limit=500).cases) == held
    assert office.desk.health().by_state.get("queued", 0) == held
    assert not [record for record in caplog.records if record.exc_info]
    for writer in writers:
        writer.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert office.push(message(len(answers))).status == 202


_HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
held.execute("ROLLBACK")
held.close()
"""


@pytest.mark.slow
def test_a_file_that_another_process_holds_acknowledges_nothing(
    offices: Offices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """H032: longer than the busy timeout, which is short here."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 200)
    office = offices.new()
    path = str(office.desk.settings.store.path)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        answer = office.push(message())
        assert (answer.status, answer.code) == wanted("H032")
        assert "retry-after" in dict(answer.headers)
        assert not [record for record in caplog.records if record.exc_info]
    finally:
        holder.communicate("")
    assert office.inbox() == []
    assert office.push(message()).status == 202
