"""HTTP as `serve` speaks it: uvicorn's, with a bound on all that a stranger can hold open, so that it needs no proxy.

A connection is worth nothing until its request is whole. So each part of one has a deadline, connections are counted
before they are accepted, and where they are too many those that have kept us waiting longest make room. Descriptors are
held back for the store and the log, which must work whoever knocks.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import resource
import socket
from collections import deque
from collections.abc import Callable
from heapq import nsmallest
from http import HTTPStatus
from typing import Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.config.sections import LimitSettings
from kz_compliance_sdk.errors import ConfigError, StoreError
from kz_compliance_sdk.faces.asgi import App
from kz_compliance_sdk.services.admission import Response, refused, unavailable

GRACE_S: Final = 2
"""How long what is under way may take to end: a request when the server stops, an answer when a connection does."""
MOST_HEAD: Final = 65_536
"""Bytes of a head that has not ended. Of one that has the application says whether it is too big."""
RESERVE: Final = 32
"""Descriptors that no connection takes."""
_FEWEST: Final = 128
PAGE_S: Final = 60
"""How often to page while connections cannot be taken as they come."""
CALM_S: Final = 60
"""How long connections must have been taken as they came before the log says that all is well again."""
_PART: Final = "taking connections"
_MALFORMED: Final = refused(400, "http_malformed", "This is not HTTP/1.1.")
_HOST: Final = refused(400, "http_malformed", "A request of HTTP/1.1 has exactly one Host.")
_TUNNEL: Final = refused(400, "http_malformed", "Send no CONNECT: nothing is tunnelled here.")
_UPGRADE: Final = refused(400, "http_malformed", "Offer no upgrade before what was asked first is answered.")
_NO_LENGTH: Final = refused(411, "length_required", "Send a Content-Length.")
_HEAD: Final = refused(431, "headers", f"A head ends before {MOST_HEAD} bytes.")
_FULL: Final = unavailable(StoreError("too many connections are open.", code="too_many_connections"))
_LENGTHS: Final = frozenset((b"content-length", b"transfer-encoding"))
_NOWHERE: Final[deque[Any]] = deque(maxlen=0)


class Connection(HttpToolsProtocol):
    """A connection that is waited for so long and no longer; what is no proper request is refused with a problem."""

    since = 0.0
    """From when on it has been in its present state, in seconds of the loop's clock."""
    _in_head = _is_broken = False
    _head = 0
    _refusal = _MALFORMED

    @property
    def waits(self) -> bool:
        """Whether it is the peer's turn: to send something, or to read what it was sent."""
        return self.flow.write_paused or not self._is_answering

    @property
    def _is_answering(self) -> bool:
        return bool(self.pipeline) or (self._has_cycle and not self.cycle.response_complete and not self._in_body)

    @property
    def _in_body(self) -> bool:
        return self._has_cycle and not self._in_head and self.cycle.more_body

    @property
    def _has_cycle(self) -> bool:
        return self.cycle is not None  # which uvicorn's types leave out

    def look(self, now: float, allowed_s: float) -> None:
        """Hang up if it has been waited for too long. The body of a request is the application's to wait for."""
        waited = now - self.since
        if self.transport.is_closing() or self.flow.write_paused:
            if waited > allowed_s:
                self.transport.abort()
        elif self._is_answering or (self._in_body and not self.cycle.response_complete):
            return
        elif waited > (GRACE_S if self._in_body else allowed_s):
            self.hang_up(refused(408, "timeout", f"The head did not come within {allowed_s:g} seconds."))

    def hang_up(self, answer: Response) -> None:
        """End the connection, with an answer to the request that it is in the midst of, if it is."""
        if self.flow.write_paused:
            self.transport.abort()
        elif not self.transport.is_closing():
            if self._in_head or (self._in_body and not self.cycle.response_started):
                self.transport.write(_as_sent(answer))
            self._now()
            self.transport.close()

    def _now(self) -> None:
        self.since = self.loop.time()

    # ------------------------------------------------------------------------------------- uvicorn's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._now()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._now()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            self._ignore_upgrade(data[offered.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")
        if was_in_head and self._in_head:
            self._head += len(data)
            if self._head > MOST_HEAD:
                self._refusal = _HEAD
                self.send_400_response("")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """As RFC 9110 allows. The parser leaves the body to another protocol, so it begins anew without the offer."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _should_upgrade(self) -> bool:
        return True  # then uvicorn leaves such a head alone

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._now()

    def on_headers_complete(self) -> None:
        named = [name for name, _ in self.headers]
        if named.count(b"host") != 1 and self.parser.get_http_version() != "1.0":
            self._refusal = _HOST
        elif self.parser.get_method() == b"POST" and not _LENGTHS.intersection(named):
            self._refusal = _NO_LENGTH
        elif self.parser.get_method() == b"CONNECT":
            self._refusal = _TUNNEL
        elif self.parser.should_upgrade() and self._is_answering:
            # Or each of many in one piece would begin anew within the one before.
            self._refusal = _UPGRADE
        if self._refusal is not _MALFORMED:
            raise ValueError("the head says enough")
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        # What comes behind the body is no part of the head that was checked.
        self.headers = _NOWHERE  # type: ignore[assignment]
        self._in_head = False
        self._now()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no proper request. One before it is answered first, and what came between is left unread."""
        if self._is_answering:
            self._is_broken = True
            self.pipeline.clear()
            self.flow.pause_reading()
        else:
            self.hang_up(self._refusal)

    def on_response_complete(self) -> None:
        self._now()
        super().on_response_complete()
        if self._is_broken:
            self.transport.close()


def _as_sent(answer: Response) -> bytes:
    headers = [*answer.headers, ("content-length", str(len(answer.body))), ("connection", "close")]
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{name}: {of}" for name, of in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


# -------------------------------------------------------------------------------------------------------------- server


class Server(uvicorn.Server):
    """Serves an application on a socket that listens, until `should_exit`.

    It accepts by itself: what is under uvicorn resets every newcomer, and says nothing, once no descriptor is left.
    `page` is called when connections cannot be taken as they come, and again each minute that this lasts; the log says
    so once.
    """

    def __init__(
        self, app: App, listener: socket.socket, limits: LimitSettings, troubles: Troubles, page: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                log_config=None,
                # Its warnings are about what strangers send.
                log_level="error",
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._listener, self._limits, self._troubles, self._page = listener, limits, troubles, page
        self._under, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if self._under < _FEWEST:
            raise ConfigError(
                f"this process may open {self._under} files, and needs {_FEWEST}.",
                field="",
                remedy=f"Raise the limit, with `ulimit -n {_FEWEST}` or more where it is started.",
            )
        self._opening: set[asyncio.Task[Any]] = set()
        self._is_listening = False
        self._full_at: float | None = None
        self._paged_at = -math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        self._listen()

    async def on_tick(self, counter: int) -> bool:
        self._listen()
        if counter % 10 == 0:
            now = self._loop.time()
            for one in tuple(self.server_state.connections):
                one.look(now, self._limits.read_timeout_s)  # type: ignore[union-attr]  # all are ours
            if self._full_at is not None and now - self._full_at > CALM_S:
                self._full_at = None
                self._troubles.over(_PART)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._rest()
        self._listener.close()
        await super().shutdown()

    # ------------------------------------------------------------------------------------- accepting

    def _listen(self) -> None:
        if not self._is_listening:
            self._loop.add_reader(self._listener, self._accept)
            self._is_listening = True

    def _rest(self) -> None:
        """Leave newcomers where they are, in the kernel, until the next tick."""
        if self._is_listening:
            self._loop.remove_reader(self._listener)
            self._is_listening = False

    def _accept(self) -> None:
        if self._is_full():
            self._tell("too_many_connections")
            if not self._make_room():
                self._rest()
                return
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._tell(errno.errorcode.get(error.errno or 0, "OSError"))
            self._make_room()
            self._rest()
            return
        accepted.setblocking(False)
        opening = self._loop.create_task(self._loop.connect_accepted_socket(self._connection, accepted))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, {}, self._loop)

    def _is_full(self) -> bool:
        if len(self.server_state.connections) + len(self._opening) >= self._limits.max_connections:
            return True
        try:
            # The lowest that is free: all below it are in use.
            lowest = os.dup(self._listener.fileno())
        except OSError:
            return True
        os.close(lowest)
        return lowest >= self._under - RESERVE

    def _make_room(self) -> bool:
        """Hang up on those that have been waited for longest. False if nobody is waited for."""
        waiting: list[Any] = [one for one in self.server_state.connections if one.waits]  # type: ignore[union-attr]
        # Several at once: to look for one costs as much.
        for one in nsmallest(1 + len(waiting) // 16, waiting, key=lambda one: one.since):
            one.hang_up(_FULL)
        return bool(waiting)

    def _tell(self, cause: str) -> None:
        self._troubles.met(_PART, cause)
        self._full_at = self._loop.time()
        if self._full_at - self._paged_at >= PAGE_S:
            self._paged_at = self._full_at
            self._page()
