"""Intake through the app itself, called in process by 64 callers: CPU a notice, with neither server nor network.

It needs no `wrk`, and CPU hardly moves when others use the machine. `asgi.watched` is `asgi.durable` with an SDK of
OpenTelemetry that takes every span and figure, and exports none; the two take short turns, for it is about a twentieth.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from kz_compliance_sdk import assembly
from kz_compliance_sdk.adapters.telemetry import OpenTelemetry
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.faces.asgi import App, asgi_app
from tests.benchmarks import apps, samples
from tests.benchmarks.bare import bare
from tests.benchmarks.rows import Row, Size, collecting_seldom, compared, interleaved

NAMES = ("asgi.unstored", "asgi.decided", "asgi.durable")
WATCHED = "asgi.watched"
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

    rows = [row(name, kind) for name, kind in zip(NAMES, kinds[1:], strict=True)]
    with size.place() as folder, collecting_seldom():
        return [*rows, asyncio.run(_watched(folder, size.pick(16, 80)))]


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


_TURN = 256


async def _watched(folder: Path, turns: int) -> Row:
    """What an intake takes more of CPU where somebody listens, at most a twentieth."""
    apps_of, spent = dict[str, App](), defaultdict[str, float](float)
    async with AsyncExitStack() as stack:
        for kind, listens in (("watched", listening()), ("alone", None)):
            with mock.patch.object(assembly, "open_telemetry", return_value=listens):
                desk = AsyncComplianceDesk(apps.settings(_PORT, str(folder / kind)), create=True)
            apps_of[kind] = asgi_app(await stack.enter_async_context(desk))
        for turn in range(turns + 1):
            now = int(time.time())
            numbers = range(turn * _TURN, (turn + 1) * _TURN)
            requests = [Request(samples.request(number, "standard-webhooks", _PORT, now)) for number in numbers]
            for kind in sorted(apps_of, reverse=bool(turn % 2)):
                started = time.process_time()
                await _all(apps_of[kind], requests)
                # In the first turn is made what is made once.
                spent[kind] += time.process_time() - started if turn else 0.0
    mine, alone = (spent[kind] / turns / _TURN * 1e6 for kind in ("watched", "alone"))
    return Row(
        *(WATCHED, mine, "us of CPU a notice", "itself with nobody listening", alone, mine / alone),
        bar=1.05,
        sense="most",
        note=f"{turns} turns of {_TURN} notices each",
    )


async def _all(app: App, requests: Sequence[Request]) -> None:
    """Send them all, by so many callers at once."""
    left = iter(requests)

    async def caller() -> None:
        for request in left:
            await request.sent_to(app)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def listening() -> OpenTelemetry:
    """An SDK as a program sets it up, without exporters."""
    return OpenTelemetry(
        TracerProvider().get_tracer("benchmark"), MeterProvider([InMemoryMetricReader()]).get_meter("benchmark")
    )


async def _spent(kind: str, path: str, requests: Sequence[Request]) -> float:
    """The CPU seconds of taking all of them in, of every thread."""
    desk: AsyncComplianceDesk | None = None
    if kind == "bare":
        app: Any = bare()
    else:
        store: Any = {"unstored": apps.BeginsNothing, "decided": apps.KeepsNothing}.get(kind, lambda: None)()
        desk = AsyncComplianceDesk(apps.settings(_PORT, path), store=store, create=True)
        app = asgi_app(desk)
    await requests[0].sent_to(app)  # what is made once is made
    started = time.process_time()
    await _all(app, requests)
    took = time.process_time() - started
    if desk is not None:
        await desk.close()
    return took
