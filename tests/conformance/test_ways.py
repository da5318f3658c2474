"""The ways to what is driven: real sockets that misbehave, ASGI applications in process, and a handler."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces.asgi import asgi_app
from kz_compliance_sdk.testing import keys
from kz_compliance_sdk.testing.conformance import (
    AsgiTransport,
    HandlerTransport,
    IntakeTarget,
    NoAnswer,
    RegulatorTarget,
    SocketTransport,
    check_intake,
    check_regulator,
    own_keys,
    published_keys,
)
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, settings_values
from kz_compliance_sdk.testing.conformance.transport import head_of
from kz_compliance_sdk.testing.mock_regulator import MockRegulator, Platform, Reply, Request
from kz_compliance_sdk.testing.mock_regulator import asgi_app as regulator_app
from kz_compliance_sdk.wire.signature import KeyRing
from tests.docs.blocks import DOCS, blocks
from tests.waiting import comes

GUIDE = DOCS / "guides" / "conformance.md"


@contextmanager
def answering(*parts: bytes, then: Callable[[socket.socket], object] = lambda _line: None) -> Iterator[str]:
    """Whoever connects once gets these bytes, whatever was asked."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            line.recv(65_536)
            line.sendall(b"".join(parts))
            then(line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


GET = Request("GET", "/")


def test_an_answer_in_chunks_is_read_whole() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nX-A:  b \r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") as url:
        answer = SocketTransport(url).exchange(GET)
    assert (answer.status, answer.header("x-a"), answer.document(), answer.body) == (200, "b", {}, b"{}")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", ""),
        (b"no http at all\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "95 bytes before its Content-Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no answer of HTTP"),
    ],
)
def test_what_is_no_answer_is_none(sent: bytes, says: str) -> None:
    with answering(sent) as url, pytest.raises(NoAnswer) as silent:
        SocketTransport(url).exchange(GET)
    assert silent.value.reached
    assert says in str(silent.value)


def test_silence_is_given_up_after_the_patience() -> None:
    done = threading.Event()
    with answering(then=lambda _line: done.wait(5)) as url:
        with pytest.raises(NoAnswer, match=r"nothing came for 0\.2 s"):
            SocketTransport(url, patience_s=0.2).exchange(GET)
        done.set()


def test_nobody_there_is_told_apart_from_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer) as silent:
        SocketTransport(f"http://127.0.0.1:{port}").exchange(GET)
    assert not silent.value.reached


@pytest.mark.parametrize("url", ["", "notices", "ftp://social.example/", "http://", "http://[::1", "http://h:99999/"])
def test_what_is_no_address_is_refused_with_the_field(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SocketTransport(url, field="--url")
    assert refused.value.field == "--url"


def test_two_answers_on_one_line_stay_apart() -> None:
    one, two = (b"HTTP/1.1 202 A\r\nContent-Length: 1\r\n\r\n" + body for body in (b"1", b"2"))
    with answering(one, two) as url, SocketTransport(url).line() as line:
        line.send(head_of(GET))
        assert line.begins_with(12) == b"HTTP/1.1 202"
        assert [line.answer().body for _ in range(2)] == [b"1", b"2"]


@pytest.mark.skipif(os.name != "posix", reason="files are counted otherwise")
def test_an_answer_is_seen_by_a_process_that_has_many_files_open() -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 4096), limits[1]))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]
    try:
        with answering(b"HTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n") as url, SocketTransport(url).line() as line:
            assert not line.has_answer()
            line.send(head_of(GET))
            assert comes(line.has_answer)
            assert line.answer().status == 202
    finally:
        for one in opened:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_reset_that_a_handler_asks_for_is_no_answer() -> None:
    with pytest.raises(NoAnswer):
        HandlerTransport(lambda _request: Reply(503, ending="reset")).exchange(GET)


# --------------------------------------------------------------------------------------------------------- in process


@pytest.mark.slow
def test_an_asgi_app_is_driven_without_a_socket(tmp_path: Path) -> None:
    """As a platform would in its own tests: replies alone, for there is no inspection interface."""
    values = settings_values(published_keys("rfc9421"), store={"path": tmp_path / "x.sqlite3"})
    desk = AsyncComplianceDesk(Settings.model_validate(values), create=True)
    with desk.blocking:
        report = check_intake(
            AsgiTransport(asgi_app(desk)),
            IntakeTarget(INTAKE_URL),
            only=["intake.accepted", "intake.signature", "intake.refusal", "intake.transport.method"],
        )
    assert report.all_hold, report
    skipped = {result.name for result in report.of("skipped")}
    assert skipped == {
        "intake.accepted.is_stored_before_the_reply",
        "intake.accepted.opens_one_case",
        "intake.accepted.every_type_is_stored",
        "intake.refusal.leaves_nothing",
    }


@pytest.mark.slow
def test_the_test_of_the_guide_is_one_that_passes(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(GUIDE) if block.language == "python")
    values = settings_values(published_keys("rfc9421"), store={"path": tmp_path / "x.sqlite3"})
    desk = AsyncComplianceDesk(Settings.model_validate(values), create=True)
    names: dict[str, Any] = {}
    exec(compile(block.text, "conformance.md", "exec"), names)  # noqa: S102  our own page
    # All but the catalogue, which takes seconds.
    driven = names["check_intake"]
    names["check_intake"] = lambda *given, skip: driven(*given, skip=[*skip, *_CATALOGUE])
    with desk.blocking:
        names["test_our_intake_keeps_the_contract"](asgi_app(desk))


_CATALOGUE = [f"intake.{layer}" for layer in ("http", "json", "schema", "semantic", "clock", "late", "quarantine")]


def test_the_keys_of_the_guide_are_read(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(GUIDE) if block.title == "keys.json")
    file = tmp_path / "keys.json"
    file.write_text(block.text, encoding="utf-8")
    assert own_keys(file, "rfc9421").current.material == keys.regulator_signing_key().material


@pytest.mark.slow
def test_a_regulator_as_an_asgi_app_is_driven_without_a_socket() -> None:
    url = "http://regulator.test"
    mock = MockRegulator(
        [Platform("social", "http://127.0.0.1:8000/notices", (keys.platform_key(),))],
        signing_key=keys.regulator_signing_key(),
        base_url=url,
    )
    ring = KeyRing([keys.regulator_key()], allow_test_keys=True)
    target = RegulatorTarget(url, keys.platform_signing_key(), ring)
    report = check_regulator(AsgiTransport(regulator_app(mock.handle)), target)
    assert report.all_hold, report
    assert "regulator.report.recorded" in {result.name for result in report.of("skipped")}, "its feed holds no notice"


def test_an_app_that_ends_without_an_answer_gives_none() -> None:
    async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    with pytest.raises(NoAnswer):
        AsgiTransport(silent).exchange(GET)
