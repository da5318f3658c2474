"""The mock regulator served: as an ASGI application, or on a socket of its own, where connections really break.

HTTP is uvicorn's. No ASGI application can reset a connection in place of a reply, and that fault is the one that
matters most: the regulator has recorded the report, and the platform does not know. So on a socket of its own it gets
hold of the connection as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from kz_compliance_sdk.testing.mock_regulator.exchange import GARBAGE, Reply, Request, problem_reply
from kz_compliance_sdk.wire.v1 import Problem

Handler = Callable[[Request], Reply]
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

MAX_BODY: Final = 8 * 1024 * 1024
MAX_HEAD: Final = 64 * 1024
_THREADS: Final = 16
_CLOSING_S: Final = 5
_KEEP_S: Final = 3_600
# With no time to linger, closing sends RST and drops what was not sent.
_RESET: Final = struct.pack("ii", 1, 0)

_log = logging.getLogger("kz_compliance_sdk.testing.mock_regulator")


def asgi_app(handle: Handler) -> _App:
    """The application that answers with `handle`. Its signatures are checked against the regulator's `base_url`.

    ASGI cannot reset a connection, hang for ever, or send what is no HTTP. A fault that would is raised as
    `Reply.failure` says (ConnectionResetError, TimeoutError), which a client in the same process sees as such.
    """
    # In a thread: the control interface waits for the platform, which may be served by this very loop.
    return _application(lambda request: asyncio.to_thread(handle, request))


def _application(call: Callable[[Request], Awaitable[Reply]]) -> _App:
    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError("the mock regulator speaks HTTP alone")
        transport = scope.get("state", {}).get(_TRANSPORT)
        request = await _request(scope, receive)
        reply = request if isinstance(request, Reply) else await call(request)
        await asyncio.sleep(reply.delay_ms / 1000)
        failure = reply.failure()
        if failure is not None and reply.ending != "truncated":
            if transport is None:
                raise failure
            await _break_off(transport, reply, receive)
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
        if scope["method"] == "HEAD" or isinstance(request, Reply):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        for wait_s, piece in reply.drops():
            await asyncio.sleep(wait_s)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if failure is None:
            await send({"type": "http.response.body", "body": b""})
        elif transport is None:
            raise failure
        else:
            transport.close()
            await _gone(receive)

    return app


async def _break_off(transport: asyncio.Transport, reply: Reply, receive: _Receive) -> None:
    """End the connection, or never answer, as the reply has it; until the client is gone."""
    if reply.ending == "reset":
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    elif reply.ending == "garbage":
        transport.write(GARBAGE)
        transport.close()
    await _gone(receive)


async def _gone(receive: _Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _request(scope: _Scope, receive: _Receive) -> Request | Reply:
    """The request, or the refusal of one that is too large."""
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
        return _refused(431, "head_too_large", f"A request's head has at most {MAX_HEAD} bytes.")
    body = bytearray()
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away before its request was whole")
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > MAX_BODY:
            return _refused(413, "body_too_large", f"A body has at most {MAX_BODY} bytes.")
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    if scope.get("query_string"):
        target += "?" + scope["query_string"].decode("latin-1")
    client = scope.get("client")
    return Request(
        method=scope["method"],
        target=target,
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=bytes(body),
        peer=client[0] if client else "",
    )


def _refused(status: int, code: str, detail: str) -> Reply:
    return problem_reply(Problem.of(code, status, detail))


async def _lifespan(receive: _Receive, send: _Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


_TRANSPORT: Final = "kz_compliance_sdk.transport"
"""Where in the state of its scope the application finds the connection that a request came by."""


class _Connection(HttpToolsProtocol):
    """A connection that its requests can get hold of, and that is read from after `delay_ms`."""

    def __init__(self, config: uvicorn.Config, state: ServerState, delay_ms: int) -> None:
        super().__init__(config, state, {})
        # Here and not in the settings, which would silence every other server of this process.
        self.access_log = False
        self._delay_ms = delay_ms

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state[_TRANSPORT] = transport
        # The kernel has shaken hands already; what a slow server leaves undone is everything after that.
        if self._delay_ms:
            transport.pause_reading()
            self.loop.call_later(self._delay_ms / 1000, self._read_on)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP as a problem, too."""
        reply = _refused(400, "http_malformed", "This is not HTTP/1.1.")
        headers = [*reply.headers, ("content-length", str(len(reply.body))), ("connection", "close")]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n".encode("latin-1") + reply.body)
        self.transport.close()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


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
        self._handle, self._blocking, self._accepting = handle, blocking, accepting
        self._state = ServerState()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="mock-regulator-call")
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address. Raises OSError."""
        config = uvicorn.Config(
            _quiet(_application(self._answer)),
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_S,
        )
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(config, self._state, self._accepting()), host, port, backlog=512
        )
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._state.connections):
            connection.transport.abort()
        for task in tuple(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        # A call that still waits for the platform ends by itself; whoever stops us need not wait for it.
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), _CLOSING_S)

    async def _answer(self, request: Request) -> Reply:
        try:
            if self._blocking(request):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._handle, request)
            return self._handle(request)
        except Exception:  # noqa: BLE001 - whatever it is, the peer gets an answer and the log gets the rest
            _log.exception("the mock regulator failed at %s %s", request.method, request.path)
            return _refused(500, "mock_failed", "The mock regulator has a fault of its own; see its log.")


def _quiet(app: _App) -> _App:
    """Without a word in the log about a client that went away, or a server that stops."""

    async def quiet(scope: _Scope, receive: _Receive, send: _Send) -> None:
        with contextlib.suppress(asyncio.CancelledError, ConnectionResetError):
            await app(scope, receive, send)

    return quiet


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
