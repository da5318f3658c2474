"""The mock regulator without a socket: as a handler of httpx, as routes of respx, and with pushes that are calls.

Nothing in here opens a connection. What a fault would do to one is raised as the error that httpx would raise.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from kz_compliance_sdk.testing.mock_regulator.exchange import Answer, Reply, Request
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

if TYPE_CHECKING:
    import respx

# The mount is this process, so that is where its requests come from.
_PEER: Final = "127.0.0.1"


def httpx_handler(
    handle: Callable[[Request], Reply], *, sleep: Callable[[float], None] = time.sleep
) -> Callable[[httpx.Request], httpx.Response]:
    """Answer requests of httpx with `handle`: for `httpx.MockTransport`, for a route of respx, or for a direct call.

    A delay and the drops of a dripping body pass on `sleep` (seconds). What a connection would do is raised as a client
    of httpx meets it: a reset is a ReadError, a wait beyond the client's read timeout a ReadTimeout, and so is a hang,
    even for a client that waits for ever. Garbage and a body that ends too early are a RemoteProtocolError.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        reply = handle(_request(request))
        wait = partial(_wait, sleep, request)
        wait(inf if reply.ending == "hang" else reply.delay_ms / 1000)
        if reply.ending == "reset":
            raise httpx.ReadError("the mock regulator was told to reset this connection", request=request)
        if reply.ending == "garbage":
            raise httpx.RemoteProtocolError("the mock regulator was told to send what is no HTTP", request=request)
        headers = [*reply.headers, ("content-length", str(len(reply.body)))]
        return httpx.Response(reply.status, headers=headers, stream=_Body(reply, wait, request), request=request)

    return answer


def _wait(sleep: Callable[[float], None], request: httpx.Request, seconds: float) -> None:
    patience = request.extensions.get("timeout", {}).get("read")
    if seconds == inf or (patience is not None and seconds > patience):
        sleep(patience or 0)
        raise httpx.ReadTimeout("the mock regulator takes longer than this client waits", request=request)
    if seconds:
        sleep(seconds)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """What comes piece by piece: httpx counts a body that it makes of bytes as read, and nobody could stream it."""

    def __init__(self, reply: Reply, wait: Callable[[float], None], request: httpx.Request) -> None:
        self._reply, self._wait, self._request = reply, wait, request

    def __iter__(self) -> Iterator[bytes]:
        for seconds, piece in self._reply.drops():
            self._wait(seconds)
            yield piece
        if self._reply.ending == "truncated":
            raise httpx.RemoteProtocolError("the body ended before its announced length", request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def respx_routes(
    regulator: MockRegulator, router: respx.Router, *, sleep: Callable[[float], None] = time.sleep
) -> respx.Route:
    """Let the regulator answer whatever the router sees going to `regulator.url`; gives its route, `kz_regulator`.

    Every other address stays the router's own business. For a client of an event loop, a delay holds the loop up
    unless `sleep` takes no time.
    """
    at = urlsplit(regulator.url)
    where: dict[str, Any] = {"scheme": at.scheme, "host": at.hostname}
    if at.port is not None:
        where["port"] = at.port
    route = router.route(name="kz_regulator", **where)
    route.side_effect = httpx_handler(regulator.handle, sleep=sleep)
    return route


def _request(request: httpx.Request) -> Request:
    return Request(
        method=request.method,
        target=request.url.raw_path.decode("ascii"),
        headers=request.headers.multi_items(),
        body=request.content,
        peer=_PEER,
    )


class Received(Protocol):
    """What a platform answers: a status and a body."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


Receive = Callable[[str, str, list[tuple[str, str]], bytes], Received]
"""Takes method, raw target, headers (names in lower case) and body: the shape of `ComplianceDesk.receive`."""


class InProcessSender:
    """Where pushes go when there is no network: to a function, or through a test client.

    Until it is told where, a push raises LookupError. What the platform raises is raised to the test.
    """

    def __init__(self) -> None:
        self._call: Callable[[str, str, list[tuple[str, str]], bytes], Answer] | None = None

    def to(self, receive: Receive) -> None:
        """Push to a function such as `desk.receive`."""

        def call(method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
            at = urlsplit(url)
            target = f"{at.path}?{at.query}" if at.query else at.path
            given = receive(method, target, [(name.lower(), value) for name, value in headers], body)
            return Answer(given.status, given.body)

        self._call = call

    def through(self, client: Any) -> None:
        """Push through a client of httpx's shape, such as Starlette's or FastAPI's TestClient around an application."""

        def call(method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
            given = client.request(method, url, headers=headers, content=body)
            return Answer(given.status_code, given.content)

        self._call = call

    def request(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        """Send one request and give the platform's answer. Raises LookupError if nobody was named to take it."""
        if self._call is None:
            raise LookupError(
                "nobody takes pushes in this test: ask for the fixture kz_desk, or name the receiver with "
                "kz_pushes.to(desk.receive) or kz_pushes.through(test_client)"
            )
        return self._call(method, url, list(headers), body)

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        return self.request("POST", url, headers, body)

    def close(self) -> None:
        """Forget the receiver."""
        self._call = None
