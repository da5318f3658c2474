"""The sockets below the HTTP client: every address of a name is tried, and nothing waits beyond the deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpcore
import pytest

from kz_compliance_sdk.adapters.http_client import DeadlineBackend
from tests.waiting import PATIENCE_S


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: found if host == "regulator.example" else real(host, *rest, **more),
    )


def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch, listener: socket.socket) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    backend = DeadlineBackend(time.monotonic)
    with backend.until(time.monotonic() + PATIENCE_S):
        stream = backend.connect_tcp("regulator.example", listener.getsockname()[1], timeout=PATIENCE_S)
    stream.close()


def test_a_name_without_an_address_that_answers_is_a_connection_that_failed(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    backend = DeadlineBackend(time.monotonic)
    port = listener.getsockname()[1]
    for addresses in ((), ("127.0.0.2",), ("127.0.0.2", "127.0.0.3")):
        resolving(monkeypatch, *addresses)
        with pytest.raises(httpcore.ConnectError):
            backend.connect_tcp("regulator.example", port, timeout=PATIENCE_S)


def test_once_the_deadline_has_passed_nothing_begins(listener: socket.socket) -> None:
    backend = DeadlineBackend(time.monotonic)
    host, port = listener.getsockname()
    with backend.until(time.monotonic() + PATIENCE_S):
        stream = backend.connect_tcp(host, port, timeout=PATIENCE_S)
    with backend.until(time.monotonic() - 1):
        with pytest.raises(httpcore.ConnectTimeout):
            backend.connect_tcp(host, port, timeout=PATIENCE_S)
        with pytest.raises(httpcore.ReadTimeout):
            stream.read(1, timeout=PATIENCE_S)
        with pytest.raises(httpcore.WriteTimeout):
            stream.write(b"x", timeout=PATIENCE_S)
    stream.close()


def test_a_peer_that_takes_nothing_is_left_at_the_deadline(listener: socket.socket) -> None:
    backend = DeadlineBackend(time.monotonic)
    stream = backend.connect_tcp("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE_S)
    begun = time.monotonic()
    with backend.until(begun + 0.3), pytest.raises(httpcore.WriteTimeout):
        stream.write(b"x" * 50_000_000, timeout=PATIENCE_S)
    assert time.monotonic() - begun < PATIENCE_S / 2
    stream.close()


def test_the_deadline_of_one_thread_is_no_other_threads(listener: socket.socket) -> None:
    backend = DeadlineBackend(time.monotonic)
    seen: list[float | None] = []
    with backend.until(time.monotonic() - 1):
        thread = threading.Thread(target=lambda: seen.append(backend.left(7.0, RuntimeError)))
        thread.start()
        thread.join()
    assert seen == [7.0]
    assert backend.left(7.0, RuntimeError) == 7.0
