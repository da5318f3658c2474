"""The intake as an ASGI app: wherever it is mounted, what was signed is what is judged, and no body is read in vain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import django.conf
import pytest
from django.core.asgi import get_asgi_application
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from kz_compliance_sdk.faces.asgi import App
from tests.arrivals.bad_inputs.office import Answer, Office, Offices, called
from tests.arrivals.bad_inputs.requests import Request, curve_headers, envelope, serialised, signed

PREFIX = "/kz"
BODY = serialised(envelope())
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]


def curve(target: str) -> Request:
    """The base notice, signed with the profile that covers the address, for `target` below the origin."""
    return Request(curve_headers(BODY, target=target), BODY, target=target)


@pytest.fixture
def office(offices: Offices) -> Office:
    return offices.new(public_url=f"https://social.example{PREFIX}")


def _bare(app: App) -> App:
    return app


def _starlette(app: App) -> App:
    return Starlette(routes=[Mount(PREFIX, app=app)])


def _fastapi(app: App) -> App:
    host = FastAPI()
    host.mount(PREFIX, app)
    return host


def django_configured() -> None:
    """Django with no page of its own. Its settings are one per process."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"], USE_TZ=True
        )


urlpatterns: list[Any] = []


def _django(app: App) -> App:
    django_configured()
    host = get_asgi_application()

    async def dispatched(scope: Any, receive: Any, send: Any) -> None:
        await (app if scope["path"].startswith(f"{PREFIX}/") else host)(scope, receive, send)

    return dispatched


HOSTS = [_bare, _starlette, _fastapi, _django]


@pytest.mark.parametrize("mounted", HOSTS)
def test_it_receives_and_says_how_it_is_wherever_it_is_mounted(mounted: Callable[[App], App], office: Office) -> None:
    app = mounted(office.app)
    answer = asyncio.run(called(app, curve(f"{PREFIX}/notices")))
    assert answer.status == 202
    assert answer.document["due_at"] == "2026-03-03T09:00:00Z"
    assert asyncio.run(called(app, curve(f"{PREFIX}/notices"))).body == answer.body
    health = asyncio.run(called(app, Request([], b"", method="GET", target=f"{PREFIX}/notices/health")))
    assert health.status == 200
    assert "KZ-2026-0000123" not in health.body.decode()
    assert len(office.cases()) == 1


def test_a_host_keeps_its_other_paths(office: Office) -> None:
    async def home(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"home"})

    app = Starlette(routes=[Mount(PREFIX, app=office.app), Mount("/", app=home)])
    assert asyncio.run(called(app, Request([], b"", method="GET", target="/any"))).body == b"home"


def test_the_address_is_the_public_one_and_never_that_of_the_host_header(office: Office) -> None:
    """The control: a signature for what the Host header says holds nowhere."""
    liar = [("host", "evil.example"), ("x-forwarded-host", "evil.example")]
    request = curve(f"{PREFIX}/notices")
    assert office.push(replace(request, headers=[*request.headers, *liar])).status == 202
    elsewhere = replace(curve("/elsewhere/notices"), target=f"{PREFIX}/notices")
    assert office.push(elsewhere).status == 401


@pytest.mark.parametrize("path", ["/elsewhere/notices", f"/elsewhere{PREFIX}/notices", f"{PREFIX}/xnotices", "/health"])
def test_what_only_ends_like_the_intake_is_nothing(path: str, office: Office) -> None:
    assert office.push(curve(path)).status == 404
    assert asyncio.run(called(office.app, Request([], b"", method="GET", target=f"{path}/health"))).status == 404


def test_below_any_mount_its_own_path_counts(offices: Offices) -> None:
    office = offices.new(public_url="https://social.example/inner/outer")
    host = Starlette(routes=[Mount("/inner", app=Starlette(routes=[Mount("/outer", app=office.app)]))])
    assert asyncio.run(called(host, curve("/inner/outer/notices"))).status == 202
    assert asyncio.run(called(host, curve("/inner/outer/more/notices"))).status == 404


def test_a_store_that_cannot_be_read_is_said_on_the_health_route(office: Office) -> None:
    office.close()
    Path(office.desk.settings.store.path).unlink()
    answer = asyncio.run(called(office.app, Request([], b"", method="GET", target=f"{PREFIX}/notices/health")))
    assert answer.status == 503
    assert "retry-after" in dict(answer.headers)


def test_a_prefix_that_a_proxy_took_away_comes_back(office: Office) -> None:
    assert office.push(replace(curve(f"{PREFIX}/notices"), target="/notices")).status == 202


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("/kz/notices?a=1&b=%20", 202),
        ("/kz/notices?a=1&b=+", 401),
        ("/kz/notices?b=%20&a=1", 401),
        ("/kz/notices", 401),
    ],
)
def test_the_query_is_judged_as_it_came(sent: str, status: int, office: Office) -> None:
    assert office.push(replace(curve("/kz/notices?a=1&b=%20"), target=sent)).status == status


@pytest.mark.parametrize(("signed_for", "status"), [("/kz/no%74ices", 202), ("/kz/notices", 401)])
def test_the_path_is_judged_as_it_came_and_not_as_it_was_decoded(signed_for: str, status: int, office: Office) -> None:
    request = curve(signed_for)
    answer = asyncio.run(called(office.app, replace(request, target="/kz/notices"), raw_path=b"/kz/no%74ices"))
    assert answer.status == status


def test_a_server_without_the_raw_path_is_served_all_the_same(office: Office) -> None:
    assert asyncio.run(called(office.app, curve("/kz/notices"), raw_path=None)).status == 202


# -------------------------------------------------------------------------------------------------------- the body


async def _sent_by(app: App, scope: Event, receive: Receive) -> list[Event]:
    sent: list[Event] = []

    async def send(message: Event) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def _spoken_to(app: App, request: Request, receive: Receive, length: str | None) -> list[Event]:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    if length is not None:
        headers.append((b"content-length", length.encode()))
    scope = {"type": "http", "method": request.method, "path": request.target, "headers": headers}
    return await _sent_by(app, scope, receive)


async def _never() -> Event:
    raise AssertionError("the body was asked for")


@pytest.mark.parametrize("length", ["262145", "900000000000", "9" * 5_000, "-1", "1e3", "²"])
def test_a_length_that_is_too_large_or_none_is_refused_before_the_body_is_read(length: str, office: Office) -> None:
    start, body = asyncio.run(_spoken_to(office.app, signed(envelope()), _never, length))
    assert start["status"] == 413
    assert json.loads(body["body"])["code"] == "too_large"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"target": "/kz/other"}, 404),
    ],
)
def test_what_the_head_rules_out_is_refused_before_the_body_is_read(
    change: dict[str, Any], status: int, office: Office
) -> None:
    request = replace(curve("/kz/notices"), **change)
    start, _ = asyncio.run(_spoken_to(office.app, request, _never, "10"))
    assert start["status"] == status
    assert (b"allow" in dict(start["headers"])) == (status == 405)


@pytest.mark.parametrize("size", [1, 7, len(BODY) - 1, len(BODY)])
def test_a_body_may_come_in_pieces(size: int, office: Office) -> None:
    parts = [BODY[place : place + size] for place in range(0, len(BODY), size)]
    answer = asyncio.run(called(office.app, curve("/kz/notices"), parts=[*parts, b""]))
    assert answer.status == 202
    (row,) = office.inbox()
    assert row.body == BODY


def test_a_body_without_an_end_is_read_to_the_cap_and_no_further(office: Office) -> None:
    read = 0

    async def endless() -> dict[str, Any]:
        nonlocal read
        read += 1_024
        return {"type": "http.request", "body": b"A" * 1_024, "more_body": True}

    start, _ = asyncio.run(_spoken_to(office.app, signed(envelope()), endless, None))
    assert start["status"] == 413
    assert read <= 262_144 + 1_024


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.05, 60.0], ids=["drop by drop", "silence"])
def test_a_slow_body_is_given_up_at_one_deadline_for_all_of_it(pause: float, offices: Offices) -> None:
    office = offices.new(limits={"read_timeout_s": 1})

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": b"A", "more_body": True}

    async def timed() -> tuple[float, Event]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        start, body = await _spoken_to(office.app, signed(envelope()), slow, None)
        return loop.time() - started, {**start, **json.loads(body["body"])}

    took, answer = asyncio.run(timed())
    assert (answer["status"], answer["code"]) == (408, "timeout")
    # The deadline is one second. A deadline for each part would never come to its end drop by drop.
    assert 1 <= took < 20, "one deadline for all of it"


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_a_sender_that_goes_away_is_not_answered_and_not_counted(parts: int, office: Office) -> None:
    """A body cut in two verifies nothing, and must not page anybody as a forgery under a known key."""
    request = curve("/kz/notices")
    incoming = [{"type": "http.request", "body": request.body[:9], "more_body": True} for _ in range(parts)]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    assert asyncio.run(_spoken_to(office.app, request, receive, None)) == []
    office.clock.advance(61)
    assert office.desk.intake.refusals_to_flush() == ()


def _refused(office: Office) -> list[tuple[str, int]]:
    with office.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT code, count FROM refusals").fetchall()]


def test_what_was_refused_before_a_quiet_hour_is_written_down_by_whoever_looks(office: Office) -> None:
    request = curve("/kz/notices")
    for _ in range(3):
        assert office.push(replace(request, body=BODY[:9])).status == 401
    office.desk.watch()
    assert _refused(office) == []
    office.clock.advance(61)
    office.desk.watch()
    office.desk.store.submit(office.desk.platform_id, lambda _tx: ((), None)).result(10)
    assert [count for _, count in _refused(office)] == [3]
    assert office.push(replace(request, body=BODY[:9], now=office.clock())).status == 401
    office.clock.advance(61)
    asyncio.run(called(office.app, Request([], b"", method="GET", target="/kz/notices/health")))
    office.desk.store.submit(office.desk.platform_id, lambda _tx: ((), None)).result(10)
    assert [count for _, count in _refused(office)] == [4]


def test_what_was_refused_last_is_written_down_at_the_end(office: Office) -> None:
    assert office.push(replace(curve("/kz/notices"), body=BODY[:9])).status == 401
    office.desk.close()
    assert [count for _, count in _refused(office)] == [1]


def test_the_control_of_a_sender_that_goes_away_is_counted(office: Office) -> None:
    request = curve("/kz/notices")
    assert office.push(replace(request, body=request.body[:9])).status == 401
    office.clock.advance(61)
    assert office.desk.intake.refusals_to_flush() != ()


# ------------------------------------------------------------------------------------------------- other protocols


def test_a_server_that_speaks_lifespan_is_answered(office: Office) -> None:
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Event:
        return incoming.pop(0)

    sent = asyncio.run(_sent_by(office.app, {"type": "lifespan"}, receive))
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_websocket_is_closed(office: Office) -> None:
    sent = asyncio.run(_sent_by(office.app, {"type": "websocket", "path": "/kz/notices"}, _never))
    assert sent == [{"type": "websocket.close"}]


@pytest.mark.slow
def test_requests_that_are_in_flight_together_are_all_answered(office: Office) -> None:
    """Each with its own case: they share commits, and nothing else."""

    async def together() -> list[Answer]:
        requests = [signed({**envelope(f"KZ-{n}"), "id": f"msg_{n}"}) for n in range(200)]
        return await asyncio.gather(*(called(office.app, replace(one, target="/kz/notices")) for one in requests))

    answers = asyncio.run(together())
    assert {answer.status for answer in answers} == {202}
    assert len({answer.document["case_reference"] for answer in answers}) == 200


def test_one_desk_serves_one_loop_after_another(office: Office) -> None:
    for number in range(3):
        request = signed({**envelope(f"KZ-{number}"), "id": f"m{number}"})
        assert office.push(replace(request, target="/kz/notices")).status == 202
