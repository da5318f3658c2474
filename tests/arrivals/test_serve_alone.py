"""`serve` without a proxy: nothing that a stranger does on a socket keeps a notice waiting, and nothing is silent."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.config.sections import LimitSettings
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import machinery, server
from kz_compliance_sdk.faces.cli.server import Server
from tests.arrivals import siege
from tests.arrivals.bad_inputs.office import Office, Offices
from tests.arrivals.bad_inputs.requests import Request, envelope, signed
from tests.arrivals.bad_inputs.sockets import Line, asked, head, listening, served, served_alone
from tests.arrivals.siege import besieged
from tests.waiting import comes, free_port

READ_S: Final = 1
MOST: Final = 16
HALF: Final = b"POST /notices HTTP/1.1\r\nhost: s"
GET: Final = b"GET /notices/health HTTP/1.1\r\n"
LOG: Final = "kz_compliance_sdk.test_serve_alone"


def message(number: int = 1) -> Request:
    return signed({**envelope(f"KZ-{number}"), "id": f"msg_{number}"})


@pytest.fixture
def office(offices: Offices) -> Office:
    return offices.new(limits={"read_timeout_s": READ_S})


@pytest.fixture
def pages() -> list[str]:
    return []


@pytest.fixture
def port(office: Office) -> Iterator[int]:
    with served_alone(office.app, read_timeout_s=READ_S, max_connections=MOST) as port:
        yield port


@pytest.fixture
def patient(offices: Offices, pages: list[str]) -> Iterator[int]:
    """The port of one that nobody outstays."""
    app = offices.new(limits={"read_timeout_s": 600}).app
    full = partial(pages.append, "full")
    with served_alone(app, full, log=LOG, read_timeout_s=600, max_connections=MOST) as port:
        yield port


def chunked(*parts: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


# ------------------------------------------------------------------------------------------------------- deadlines


@pytest.mark.slow
@pytest.mark.parametrize("begun", [HALF, HALF[:1], head(message())[:-2]])
def test_a_head_that_does_not_end_is_given_up(begun: bytes, port: int) -> None:
    with Line(port) as line:
        line.send(begun)
        assert (line.answer().status, line.is_closed()) == (408, True)


@pytest.mark.slow
def test_a_head_that_comes_byte_by_byte_is_given_up_as_well(port: int) -> None:
    with Line(port) as line:
        line.send(HALF)
        while not line.has_answer():
            line.send(b"a")
            time.sleep(0.05)
        assert line.answer().code == "timeout"


@pytest.mark.slow
def test_a_second_head_on_the_same_line_has_its_deadline_too(port: int) -> None:
    request = message()
    with Line(port) as line:
        line.send(head(request), request.body)
        assert line.answer().status == 202
        line.send(HALF)
        assert line.answer().status == 408


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_who_says_nothing_is_hung_up_on_without_a_word(sent: bytes, port: int) -> None:
    with Line(port) as line:
        line.send(sent)
        assert line.is_closed()


@pytest.mark.slow
def test_who_drips_on_after_the_answer_is_hung_up_on(port: int) -> None:
    request = message()
    with Line(port) as line:
        line.send(head(request), request.body[:1])
        assert line.answer().status == 408
        # Each byte puts uvicorn's own clock back.
        while line.send(b" "):
            time.sleep(0.05)


@pytest.mark.slow
def test_control_uvicorn_alone_waits_for_a_head_and_lets_drip_on(office: Office) -> None:
    with served(office.app, "httptools") as port, Line(port) as line, Line(port) as dripping:
        line.send(HALF)
        dripping.send(head(message()), b"{")
        assert dripping.answer().status == 408
        for _ in range(3 * 20):
            assert dripping.send(b" ")
            time.sleep(0.05)
        assert not line.has_answer()


@pytest.mark.slow
def test_who_does_not_read_its_answers_is_cut_off(port: int) -> None:
    with Line(port) as line:
        asks = GET + b"host: s\r\n\r\n"
        # Until both ends of the line are full, and then until it is cut.
        while line.send(asks * 1_000):
            pass


# ------------------------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize("hosts", ["", "host: a\r\nhost: a\r\n", "host: a\r\nhost: b\r\n"])
def test_http_1_1_has_exactly_one_host(hosts: str, port: int) -> None:
    with Line(port) as line:
        line.send(GET, hosts.encode(), b"\r\n")
        answer = line.answer()
        assert (answer.status, answer.code, line.is_closed()) == (400, "http_malformed", True)


def test_http_1_0_needs_none(port: int) -> None:
    with Line(port) as line:
        line.send(b"GET /notices/health HTTP/1.0\r\n\r\n")
        assert line.answer().status == 200


def test_a_message_without_a_length_is_refused(port: int, office: Office) -> None:
    with Line(port) as line:
        line.send(head(message(), length=None))
        answer = line.answer()
        assert (answer.status, answer.code, line.is_closed()) == (411, "length_required", True)
    assert office.inbox() == []


def test_a_message_in_chunks_has_one(port: int) -> None:
    request = message()
    with Line(port) as line:
        line.send(head(request, "transfer-encoding: chunked", length=None), chunked(request.body))
        assert line.answer().status == 202


def test_what_comes_behind_a_body_is_no_header(port: int, office: Office) -> None:
    """Neither of this request nor of the next."""
    with Line(port) as line:
        line.send(*_signed_behind())
        assert line.answer().status == 401
        line.send(GET, b"host: s\r\n\r\n")
        assert line.answer().status == 200
    assert office.inbox() == []


def test_control_uvicorn_alone_takes_it_for_one(office: Office) -> None:
    with served(office.app, "httptools") as port, Line(port) as line:
        line.send(*_signed_behind())
        assert line.answer().status == 202


def _signed_behind() -> tuple[bytes, bytes]:
    """A message whose signature comes as a trailer."""
    request = message()
    before = [(name, value) for name, value in request.headers if name.lower() != "webhook-signature"]
    (signature,) = [value for name, value in request.headers if name.lower() == "webhook-signature"]
    bare = Request(before, request.body)
    trailer = f"webhook-signature: {signature}\r\n".encode()
    return head(bare, "transfer-encoding: chunked", length=None), chunked(request.body, trailers=trailer)


def test_a_head_without_an_end_is_cut(port: int) -> None:
    with Line(port) as line:
        line.send(HALF)
        comes(lambda: line.has_answer() or not line.send(b"a" * 8_192))
        assert line.answer().code == "headers"


@pytest.mark.parametrize("behind", [b"\0\1\2garbage\r\n\r\n", GET + b"\r\n"])
def test_what_is_no_request_takes_no_answer_from_the_one_before(behind: bytes, port: int, office: Office) -> None:
    request = message()
    with Line(port) as line:
        line.send(head(request), request.body, behind)
        assert line.answer().status == 202
        assert line.is_closed()
    assert len(office.inbox()) == 1


def test_garbage_is_a_problem_and_no_line_of_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with Line(port) as line:
        line.send(b"\0\1\2\r\n\r\n")
        assert line.answer().code == "http_malformed"
    assert caplog.records == []


@pytest.mark.parametrize("to", ["h2c", "websocket"])
def test_an_upgrade_that_is_offered_is_ignored(to: str, port: int, caplog: pytest.LogCaptureFixture) -> None:
    offer = ("connection: upgrade", f"upgrade: {to}")
    request, other = message(1), message(2)
    start = head(other, *offer, "transfer-encoding: chunked", length=None)
    with Line(port) as line:
        line.send(head(request, *offer), request.body, start[:-30])
        assert line.answer().status == 202
        line.send(start[-30:], chunked(other.body))
        assert line.answer().status == 202
        line.send(GET, "\r\n".join(("host: s", *offer, "", "")).encode())
        assert line.answer().status == 200
    assert caplog.records == []


def test_behind_an_upgrade_no_message_hides(port: int, office: Office) -> None:
    """An offer makes no body of a coding that has no end."""
    hidden = message()
    offered = "host: s\r\nconnection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: gzip\r\n\r\n"
    with Line(port) as line:
        line.send(b"POST /notices HTTP/1.1\r\n", offered.encode(), head(hidden), hidden.body)
        assert (line.answer().code, line.is_closed()) == ("http_malformed", True)
    assert office.inbox() == []


def test_offers_that_do_not_wait_for_an_answer_end_the_line(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with Line(port) as line:
        line.send((GET + b"host: s\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n") * 2_000)
        assert line.answer().status == 200
        assert line.is_closed()
    assert caplog.records == []


def test_a_tunnel_is_refused(port: int) -> None:
    with Line(port) as line:
        line.send(b"CONNECT s:443 HTTP/1.1\r\nhost: s\r\n\r\n")
        answer = line.answer()
        assert (answer.status, answer.code, line.is_closed()) == (400, "http_malformed", True)


# ------------------------------------------------------------------------------------------------------- too many


def test_who_waited_longest_makes_room(patient: int, pages: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as open_lines, caplog.at_level(logging.INFO, LOG):
        first = open_lines.enter_context(Line(patient))
        first.send(HALF)
        assert asked(patient, message(1)).status == 202
        for _ in range(MOST):
            open_lines.enter_context(Line(patient)).send(HALF)
        for number in range(2, 6):
            assert asked(patient, message(number)).status == 202
        pushed_out = first.answer()
    assert (pushed_out.status, pushed_out.code) == (503, "too_many_connections")
    assert dict(pushed_out.headers)["retry-after"]
    assert pages == ["full"], "once, however many make room"
    assert [record.getMessage() for record in caplog.records if record.name == LOG] == [
        "taking connections fails and is tried again: too_many_connections"
    ]


def test_slow_bodies_and_idle_lines_make_room_as_well(patient: int) -> None:
    slow = message(2)
    with ExitStack() as open_lines:
        for number in range(2 * MOST):
            line = open_lines.enter_context(Line(patient))
            line.send(head(slow), slow.body[: number % 2])
            if number % 4 == 0:
                line.send(slow.body[number % 2 :])
        assert asked(patient, message()).status == 202


@pytest.mark.slow
def test_control_without_room_a_notice_waits_for_the_deadline(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "_make_room", lambda _server: False)
    request = message()
    with ExitStack() as open_lines:
        lines = [open_lines.enter_context(Line(port)) for _ in range(MOST)]
        for line in lines:
            line.send(HALF)
        with Line(port) as late:
            late.send(head(request), request.body)
            assert not late.has_answer()
            assert lines[0].answer().status == 408
            assert late.answer().status == 202


@pytest.mark.slow
@pytest.mark.parametrize("call", ["os.dup", "socket.socket.accept"])
def test_without_a_descriptor_it_says_so_and_goes_on(
    call: str, patient: int, pages: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where something else than connections took them all, the reserve too."""
    failures = [OSError(errno.EMFILE, "none left") for _ in range(3)]
    module, _, name = call.rpartition(".")
    of = os if module == "os" else socket.socket
    real = getattr(of, name)

    def none_left(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*args)

    with caplog.at_level(logging.INFO, LOG), Line(patient) as early:
        early.send(GET, b"host: s\r\n\r\n", GET)
        assert early.answer().status == 200
        monkeypatch.setattr(of, name, none_left)
        monkeypatch.setattr(server, "CALM_S", 0)
        assert asked(patient, message()).status == 202
        assert early.answer().status == 503
        comes(lambda: "taking connections works again" in caplog.text)
    assert pages == ["full"]


def test_people_are_told_once_an_hour(office: Office) -> None:
    for _ in range(2):
        machinery._page_full(office.desk)
    office.desk.store.submit("social", lambda _tx: ((), None)).result()
    office.desk.deliver()
    assert office.alerts == ["connections_full"]


def test_while_it_is_full_people_are_to_be_told_each_minute(office: Office, pages: list[str]) -> None:
    """The one time may be the one at which the store could open no file."""
    now = [0.0]
    troubles = Troubles(logging.getLogger(LOG), lambda: now[0])
    with listening() as listener:
        full = Server(office.app, listener, LimitSettings(), troubles, lambda: pages.append("full"))
        full._loop = SimpleNamespace(time=lambda: now[0])  # type: ignore[assignment]
        for now[0] in range(0, 10 * 60, 20):
            full._tell("EMFILE")
    assert len(pages) == 10


@pytest.mark.slow
def test_idle_sockets_at_the_metrics_take_no_descriptor_of_intake(tmp_path: Path) -> None:
    metrics = free_port()
    few = 128
    with (
        siege.served(tmp_path, few, "--metrics-port", str(metrics)) as (port, _),
        ExitStack() as open_lines,
    ):
        for _ in range(few):
            open_lines.enter_context(Line(metrics))
        assert asyncio.run(siege.tried(port, 1)) == "202"
        with Line(metrics) as scrape:
            scrape.send(b"GET /metrics HTTP/1.1\r\nhost: s\r\n\r\n")
            assert scrape.answer().status == 200


@pytest.mark.slow(takes_s=30)
@pytest.mark.parametrize("attack", ["half-open", "slow-bodies"])
def test_a_process_with_few_descriptors_takes_every_notice(attack: str, tmp_path: Path) -> None:
    """300 sockets against 256 descriptors. How long it takes is measured by `python -m tests.arrivals.siege`."""
    seen = besieged(attack, tmp_path, 50)
    assert seen.stored == 50
    assert "taking connections fails and is tried again: too_many_connections" in seen.said


def test_too_few_descriptors_to_begin_with_are_an_error(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 100))
    with pytest.raises(ConfigError, match=r"may open 100 files.*ulimit -n"), served_alone(office.app):
        pass
