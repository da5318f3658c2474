"""The intake behind a real server, uvicorn's or ours, and raw bytes sent to it."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.config.sections import LimitSettings
from kz_compliance_sdk.faces.cli.server import Server
from tests.arrivals.bad_inputs.office import Answer, App
from tests.arrivals.bad_inputs.requests import Request
from tests.waiting import PATIENCE_S, comes

Parser = Literal["h11", "httptools"]


@contextmanager
def served(app: App, parser: Parser) -> Iterator[int]:
    """Serve the app on a port of the loopback with uvicorn, as a host application may."""
    config = uvicorn.Config(
        app,
        http=parser,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        ws="none",
        timeout_keep_alive=1,
    )
    with listening() as listener, _running(uvicorn.Server(config), listener) as port:
        yield port


@contextmanager
def served_alone(
    app: App, page: Callable[[], None] = lambda: None, *, log: str = "kz_compliance_sdk", **limits: int
) -> Iterator[int]:
    """Serve the app as `kz-compliance serve` does."""
    troubles = Troubles(logging.getLogger(log), time.monotonic)
    with (
        listening() as listener,
        _running(Server(app, listener, LimitSettings(**limits), troubles, page), listener) as port,
    ):
        yield port


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        yield listener


@contextmanager
def _running(server: uvicorn.Server, listener: socket.socket) -> Iterator[int]:
    """The server on a thread of its own; gives its port."""
    port = int(listener.getsockname()[1])
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        comes(lambda: server.started or not thread.is_alive())
        assert server.started, "the server did not start"
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the server did not stop"


class Line:
    """A connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._read = b""

    def send(self, *parts: bytes) -> bool:
        """Whether the other side still listened."""
        try:
            self._socket.sendall(b"".join(parts))
        except OSError:
            return False
        return True

    def answer(self) -> Answer:
        """The next answer on this connection. Raises TimeoutError if none comes."""
        head, rest = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = dict(headers).get("content-length")
        self._read = rest
        if length is None:
            body, self._read = self._to_the_end(), b""
        else:
            while len(self._read) < int(length):
                self._read += self._more()
            body, self._read = self._read[: int(length)], self._read[int(length) :]
        return Answer(int(first.split(" ")[1]), headers, body)

    def has_answer(self) -> bool:
        """Whether something came, without waiting for it."""
        self._socket.settimeout(0)
        try:
            self._read += self._socket.recv(65_536)
        except (BlockingIOError, OSError):
            return bool(self._read)
        finally:
            self._socket.settimeout(PATIENCE_S)
        return True

    def is_closed(self) -> bool:
        """Whether the other side closes it. Waits for that."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._socket.close()

    def _until(self, mark: bytes) -> tuple[bytes, bytes]:
        while mark not in self._read:
            self._read += self._more()
        head, _, rest = self._read.partition(mark)
        return head, rest

    def _more(self) -> bytes:
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionError("closed without an answer")
        return part

    def _to_the_end(self) -> bytes:
        body = self._read
        while part := self._socket.recv(65_536):
            body += part
        return body

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def head(request: Request, *more: str, length: int | Literal["own"] | None = "own") -> bytes:
    """The head of a request as it goes over the line; `length` None leaves the Content-Length out."""
    lines = [f"{request.method} {request.target} HTTP/1.1", "host: social.example", *more]
    if length is not None:
        lines.append(f"content-length: {len(request.body) if length == 'own' else length}")
    lines += [f"{name}: {value}" for name, value in request.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def asked(port: int, request: Request, *more: str) -> Answer:
    """One request on a connection of its own."""
    with Line(port) as line:
        line.send(head(request, *more), request.body)
        return line.answer()
