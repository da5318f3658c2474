"""The intake as a WSGI app: the same answers, from whatever server and below whatever host."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from django.core.wsgi import get_wsgi_application

from kz_compliance_sdk.faces.wsgi import wsgi_app
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC, Admission
from tests.arrivals.bad_inputs.office import Answer, Office, Offices
from tests.arrivals.bad_inputs.requests import Request, curve_headers, envelope, serialised, signed
from tests.arrivals.bad_inputs.sockets import Line, asked, head
from tests.arrivals.test_asgi import django_configured

BODY = serialised(envelope())
App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def curve(target: str) -> Request:
    return Request(curve_headers(BODY, target=target), BODY, target=target)


@pytest.fixture
def office(offices: Offices) -> Office:
    return offices.new(public_url="https://social.example/kz")


@pytest.fixture
def app(office: Office) -> App:
    return wsgi_app(office.desk)


def environ_of(request: Request, **more: Any) -> dict[str, Any]:
    """The environment that a server makes of a request; None takes a name out."""
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    setup_testing_defaults(environ)
    return {name: value for name, value in (environ | more).items() if value is not None}


def called(app: App, request: Request, **more: Any) -> Answer:
    """Call a WSGI app, which must keep to PEP 3333."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        heads.append((status, headers))
        return lambda _part: None

    parts = app(environ_of(request, **more), start_response)
    body = b"".join(parts)
    if close := getattr(parts, "close", None):
        close()
    ((status, headers),) = heads
    return Answer(int(status[:3]), tuple((name.lower(), value) for name, value in headers), body)


def _bare(app: App) -> App:
    return app


def _validated(app: App) -> App:
    checked = validator(app)

    def strict(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return checked(environ, start_response)

    return strict


def _django(app: App) -> App:
    django_configured()
    host = get_wsgi_application()

    def dispatched(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen: App = app if environ["PATH_INFO"].startswith("/kz/") else host
        return chosen(environ, start_response)

    return dispatched


def _below_a_prefix(app: App) -> App:
    """As a dispatcher does it: the prefix moves to SCRIPT_NAME."""

    def dispatched(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        rest = environ["PATH_INFO"].removeprefix("/kz")
        return app(environ | {"SCRIPT_NAME": "/kz", "PATH_INFO": rest}, start_response)

    return dispatched


@pytest.mark.parametrize("mounted", [_bare, _validated, _django, _below_a_prefix])
def test_it_receives_and_says_how_it_is_wherever_it_is_mounted(
    mounted: Callable[[App], App], app: App, office: Office
) -> None:
    host = mounted(app)
    answer = called(host, curve("/kz/notices"))
    assert answer.status == 202
    assert called(host, curve("/kz/notices")).body == answer.body
    health = called(host, Request([], b"", method="GET", target="/kz/notices/health"))
    assert health.status == 200
    assert "KZ-2026-0000123" not in health.body.decode()
    assert len(office.cases()) == 1


def test_it_answers_byte_for_byte_as_the_asgi_app_does(app: App, office: Office) -> None:
    requests = [
        curve("/kz/notices"),
        curve("/kz/notices"),
        Request([("content-type", "application/json")], BODY, target="/kz/notices"),
        Request([("content-type", "text/plain")], BODY, target="/kz/notices"),
        Request([], b"", method="GET", target="/kz/notices"),
        Request([], b"", target="/kz/nothing"),
    ]
    first = [called(app, request) for request in requests]
    second = [office.push(request) for request in requests]
    assert [answer.status for answer in first] == [202, 200, 401, 415, 405, 404]
    assert [answer.body for answer in first] == [answer.body for answer in second]
    assert first[2].body == NOT_AUTHENTIC.body


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(("raw", "status"), [("/kz/no%74ices?a=%20", 202), ("/kz/notices?a=%20", 401)])
def test_the_target_is_judged_as_it_came_where_the_server_tells(name: str, raw: str, status: int, app: App) -> None:
    answer = called(app, curve("/kz/no%74ices?a=%20"), PATH_INFO="/kz/notices", **{name: raw})
    assert answer.status == status


@pytest.mark.parametrize(("sent", "status"), [("/kz/notices?a=1", 202), ("/kz/notices?a=2", 401)])
def test_where_the_server_does_not_tell_the_target_is_put_together_again(sent: str, status: int, app: App) -> None:
    path, _, query = sent.partition("?")
    assert called(app, curve("/kz/notices?a=1"), PATH_INFO=path, QUERY_STRING=query).status == status


def test_a_path_that_was_decoded_is_encoded_again(offices: Offices) -> None:
    office = offices.new(public_url="https://social.example/%D2%9B")
    decoded = "/қ/notices".encode().decode("latin-1")  # as PEP 3333 has it
    assert called(wsgi_app(office.desk), curve("/%D2%9B/notices"), PATH_INFO=decoded).status == 202


def test_the_host_header_says_nothing(app: App) -> None:
    assert called(app, curve("/kz/notices"), HTTP_HOST="evil.example", SERVER_NAME="evil.example").status == 202


# -------------------------------------------------------------------------------------------------------- the body


class _Unread(io.RawIOBase):
    def read(self, _size: int = -1) -> bytes:
        raise AssertionError("the body was asked for")


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("262145", 413, "too_large"),
        ("9" * 5_000, 413, "too_large"),
        (None, 411, "length_required"),
        ("", 411, "length_required"),
        ("-1", 411, "length_required"),
        ("²", 411, "length_required"),
    ],
)
def test_a_length_that_is_too_large_or_none_is_refused_before_the_body_is_read(
    length: str | None, status: int, code: str, app: App
) -> None:
    answer = called(
        app, signed(envelope()), **{"CONTENT_LENGTH": length, "PATH_INFO": "/kz/notices", "wsgi.input": _Unread()}
    )
    assert (answer.status, answer.code) == (status, code)


def test_a_chunked_body_is_refused_before_it_is_read(app: App) -> None:
    """A WSGI server need not undo chunks; a Content-Length beside them is two framings."""
    more = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": _Unread()}
    assert called(app, curve("/kz/notices"), CONTENT_LENGTH=None, **more).status == 411
    assert called(app, curve("/kz/notices"), **more).code == "framing"


def test_a_sender_that_goes_away_is_not_counted_as_a_forger(app: App, office: Office) -> None:
    answer = called(app, curve("/kz/notices"), **{"wsgi.input": io.BytesIO(BODY[:9])})
    assert (answer.status, answer.code) == (400, "incomplete")
    office.clock.advance(61)
    assert office.desk.intake.refusals_to_flush() == ()
    assert office.inbox() == []


def test_a_message_with_which_this_program_fails_is_answered_and_logged(
    app: App, office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Admission, "admit", fails)
        answer = called(app, curve("/kz/notices"))
        assert office.push(curve("/kz/notices")).status == answer.status == 503
        assert "retry-after" in dict(answer.headers)
        assert caplog.text.count("ValueError at test_wsgi.py") == 2
        assert "a text of the notice" not in caplog.text
        patched.setattr(office.desk.intake, "receive", fails)
        assert office.push(curve("/kz/notices")).status == called(app, curve("/kz/notices")).status == 503
    assert office.inbox() == []
    assert called(app, curve("/kz/notices")).status == 202


def fails(*_: Any) -> Any:
    raise ValueError("a text of the notice")


def test_a_store_that_is_closed_acknowledges_nothing(app: App, office: Office) -> None:
    office.close()
    answer = called(app, curve("/kz/notices"))
    assert answer.status == 503
    assert "retry-after" in dict(answer.headers)


# ---------------------------------------------------------------------------------------------------- over a socket


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class calls it so
        """Nothing: this server writes to the screen."""


@contextmanager
def served(app: App) -> Iterator[int]:
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(20)


def test_it_receives_behind_a_real_server(app: App, office: Office) -> None:
    request = curve("/kz/notices")
    with served(app) as port:
        first = asked(port, request)
        again = asked(port, request)
        health = asked(port, Request([], b"", method="GET", target="/kz/notices/health"))
        with Line(port) as line:
            line.send(head(request, length=900_000_000))
            too_large = line.answer()
    assert (first.status, again.status, health.status, too_large.status) == (202, 200, 200, 413)
    assert json.loads(first.body)["case_reference"] == office.cases()[0].id
