"""Intake through the app itself, called in process by 64 callers: CPU a notice, with neither server nor network.

It needs no `wrk`, and CPU hardly moves when others use the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.faces.asgi import App, asgi_app
from tests.benchmarks import apps, samples
from tests.benchmarks.bare import bare
from tests.benchmarks.rows import Row, Size, collecting_seldom, compared, interleaved

NAMES = ("asgi.unstored", "asgi.decided", "asgi.durable")
CALLERS = 64
_PORT = 9


def run(size: Size) -> list[Row]:
    """All rows, from the same rounds."""
    count = size.pick(2_048, 16_384)
    spent: defaultdict[str, list[float]] = defaultdict(list)

    def called(kind: str) -> float:
        now = int(time.time())
        requests = [Request(samples.request(number, "standard-webhooks", _PORT, now)) for number in range(count)]
        with size.place() as folder:
            cpu = asyncio.run(_spent(kind, str(folder / "store.sqlite3"), requests))
        spent[kind].append(cpu / count * 1e6)
        return count / cpu

    kinds = ("bare", *(name.removeprefix("asgi.") for name in NAMES))
    with collecting_seldom():
        found = interleaved({kind: lambda kind=kind: called(kind) for kind in kinds}, size.pick(2, 5))  # type: ignore[misc]
    base = min(spent["bare"])

    def row(name: str, kind: str) -> Row:
        note = f"{min(spent[kind]):.0f} us of CPU a notice against {base:.0f}"
        against = "bare Starlette, HMAC and pydantic, nothing stored"
        return compared(name, found, kind, "bare", unit="notices/s of CPU", against=against, bar=None, note=note)

    return [row(name, kind) for name, kind in zip(NAMES, kinds[1:], strict=True)]


class Request:
    """A request as a server hands it on."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": samples.PATH,
            "raw_path": samples.PATH.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name, value) for name, value in lines],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", _PORT),
        }

    async def sent_to(self, app: App) -> None:
        status = 0

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        await app(dict(self.scope), receive, send)
        assert status in (200, 202), status


async def _spent(kind: str, path: str, requests: Sequence[Request]) -> float:
    """The CPU seconds of taking all of them in, of every thread."""
    desk: AsyncComplianceDesk | None = None
    if kind == "bare":
        app: Any = bare()
    else:
        store: Any = {"unstored": apps.BeginsNothing, "decided": apps.KeepsNothing}.get(kind, lambda: None)()
        desk = AsyncComplianceDesk(apps.settings(_PORT, path), store=store)
        app = asgi_app(desk)
    left = iter(requests)

    async def caller() -> None:
        for request in left:
            await request.sent_to(app)

    await requests[0].sent_to(app)  # what is made once is made
    started = time.process_time()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    took = time.process_time() - started
    if desk is not None:
        await desk.close()
    return took
