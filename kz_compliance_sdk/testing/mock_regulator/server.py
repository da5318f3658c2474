"""HTTP/1.1 over real sockets, small and fast, and able to break off as a network does.

uvicorn cannot reset a connection in place of a reply, and that fault is the one that matters most: the regulator has
recorded the report, and the platform does not know. Parsing is httptools', as in uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httptools

from kz_compliance_sdk.testing.mock_regulator.exchange import GARBAGE, Reply, Request, problem_reply
from kz_compliance_sdk.wire.problem import Problem

__all__ = ["Handler", "Server", "running"]

Handler = Callable[[Request], Reply]

MAX_BODY: Final = 8 * 1024 * 1024
MAX_HEAD: Final = 64 * 1024
_MAX_WAITING: Final = 64
_THREADS: Final = 16
_CLOSING_S: Final = 5
# With no time to linger, closing sends RST and drops what was not sent.
_RESET: Final = struct.pack("ii", 1, 0)

_log = logging.getLogger("kz_compliance_sdk.testing.mock_regulator")


class Server:
    """Serves `handle` on one event loop, once. `blocking` names the requests that do I/O: they go to a thread.

    `accepting` is asked for each new connection how many milliseconds it is left waiting before anything is read.
    """

    def __init__(
        self,
        handle: Handler,
        blocking: Callable[[Request], bool] = lambda _request: False,
        accepting: Callable[[], int] = lambda: 0,
    ) -> None:
        self.handle = handle
        self.blocking = blocking
        self.accepting = accepting
        self.connections: set[_Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="mock-regulator-call")
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, loop), host, port, backlog=512)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.drop()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        # A call that still waits for the platform ends by itself; whoever stops us need not wait for it.
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), _CLOSING_S)


class _Connection(asyncio.Protocol):
    """One connection. Requests are answered in order, each when the one before it is done."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._closing = False
        self._peer = ""
        self._transport: asyncio.Transport
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        self._server.connections.add(self)
        # The kernel has shaken hands already; what a slow server leaves undone is everything after that.
        delay_ms = self._server.accepting()
        if delay_ms:
            transport.pause_reading()
            self._loop.call_later(delay_ms / 1000, self._accept)

    def _accept(self) -> None:
        if not self._closing:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request itself was handed on; this server speaks nothing else, so the connection ends with its reply.
            pass
        except httptools.HttpParserError:
            self._refuse(400, "http_malformed", "This is not HTTP/1.1.")

    def drop(self) -> None:
        """Close without a word."""
        self._closing = True
        self._transport.abort()

    # The parser calls these.

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._grow_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        self._grow_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if any(name == "expect" and value.lower() == "100-continue" for name, value in self._headers):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self._refuse(413, "body_too_large", f"A body has at most {MAX_BODY} bytes.")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._closing:
            return
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            peer=self._peer,
        )
        # No route answers HEAD, and a problem's body must not be taken for the start of the next reply.
        keep = self._parser.should_keep_alive() and not self._parser.should_upgrade() and request.method != "HEAD"
        self._waiting.append((request, keep))
        if len(self._waiting) > _MAX_WAITING:
            self._transport.pause_reading()
        self._next()

    # Answering.

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head = 0

    def _grow_head(self, by: int) -> None:
        self._head += by
        if self._head > MAX_HEAD:
            self._refuse(431, "head_too_large", f"A request's head has at most {MAX_HEAD} bytes.")

    def _next(self) -> None:
        while self._waiting and not self._busy and not self._closing:
            request, keep = self._waiting.popleft()
            if self._server.blocking(request):
                self._later(self._in_thread(request, keep))
                return
            reply = self._handled(request)
            if reply.delay_ms or reply.bytes_per_s or reply.ending == "hang":
                self._later(self._delayed(reply, keep))
                return
            self._answer(reply, keep)
        if not self._closing:
            self._transport.resume_reading()

    def _later(self, work: Any) -> None:
        self._busy = True
        task = self._loop.create_task(work)
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    async def _in_thread(self, request: Request, keep: bool) -> None:
        reply = await self._loop.run_in_executor(self._server.pool, self._handled, request)
        await self._delayed(reply, keep)

    async def _delayed(self, reply: Reply, keep: bool) -> None:
        await asyncio.sleep(reply.delay_ms / 1000)
        if reply.ending == "hang":
            # Busy for good: the connection ends when the client closes it, or when the server stops.
            return
        if reply.bytes_per_s and reply.ending in ("whole", "truncated"):
            await self._drip(reply, keep)
        elif not self._closing:
            self._answer(reply, keep)
        self._busy = False
        if not self._closing:
            self._next()

    async def _drip(self, reply: Reply, keep: bool) -> None:
        if not self._closing:
            self._transport.write(_head_of(reply, keep))
        for wait_s, piece in reply.drops():
            await asyncio.sleep(wait_s)
            if self._closing:
                return
            self._transport.write(piece)
        self._finish(keep and reply.ending == "whole")

    def _handled(self, request: Request) -> Reply:
        try:
            return self._server.handle(request)
        except Exception:  # noqa: BLE001 - whatever it is, the peer gets an answer and the log gets the rest
            _log.exception("the mock regulator failed at %s %s", request.method, request.path)
            return problem_reply(
                Problem.of("mock_failed", 500, "The mock regulator has a fault of its own; see its log.")
            )

    def _answer(self, reply: Reply, keep: bool) -> None:
        if reply.ending == "reset":
            self._closing = True
            raw: socket.socket | None = self._transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
            return
        if reply.ending == "garbage":
            self._transport.write(GARBAGE)
        else:
            self._transport.write(_head_of(reply, keep) + reply.sent_body())
        self._finish(keep and reply.ending == "whole")

    def _finish(self, keep: bool) -> None:
        if not keep and not self._closing:
            self._closing = True
            self._transport.close()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        if not self._closing:
            reply = problem_reply(Problem.of(code, status, detail))
            self._transport.write(_head_of(reply, keep=False) + reply.body)
            self._closing = True
            self._transport.close()


_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in http.HTTPStatus
}


def _head_of(reply: Reply, keep: bool) -> bytes:
    head = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
    end = f"content-length: {len(reply.body)}\r\n{'' if keep else 'connection: close'}"
    line = _STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} Unknown\r\n".encode("ascii")
    return line + f"{head}{end}{'' if keep else chr(13) + chr(10)}\r\n".encode("latin-1")


@contextlib.contextmanager
def running(server: Server, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve in a thread for as long as the block runs; gives the address. Raises OSError if it cannot be had."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mock-regulator", daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(host, port), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
