"""An office that receives what the catalogue sends: a desk on a real SQLite file, reached over ASGI and by the feed."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import InboxRow, OutboxMessage
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.faces.asgi import asgi_app
from kz_compliance_sdk.ports import Delivered, Env, FeedMessage, FeedPage, RetryAt
from kz_compliance_sdk.testing.conformance.bad_inputs import BASE
from tests.arrivals.bad_inputs.requests import ED25519, NOW, ORIGIN, PLATFORM, SECRETS, Request
from tests.conftest import FrozenClock
from tests.scene import lodged

HOUR: Final = 3_600
App = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def code(self) -> str:
        return str(self.document["code"])


class CatalogueSettings(Settings):
    """Settings with the policy that the catalogue takes for granted: one article is known, and each authority has a
    mandate."""

    def policy(self) -> Policy:
        mandates = {name: frozenset(row["categories"]) for name, row in BASE["authorities"].items()}
        acts = {"law": frozenset({"18-VIII/9"})}
        return kz_policy().model_copy(update={"known_acts": acts, "authority_categories": mandates})


def settings(path: Path, **overrides: Any) -> Settings:
    """The settings of the catalogue's platform, with its keys in every state that a key can have."""
    key = {"algorithm": "hmac-sha256", "sender": "mki-kz", "authorities": ["mki-kz"], "not_before": 0}
    day = 24 * HOUR

    def hmac_key(name: str, **more: Any) -> dict[str, Any]:
        return {
            **key,
            "key_id": name,
            "secret": base64.b64encode(SECRETS[name]).decode(),
            "not_after": NOW + day,
        } | more

    curve = base64.b64encode(ED25519.public_key().public_bytes_raw()).decode()
    for_ever = NOW + 1_000 * day
    given: dict[str, Any] = {
        "platform_id": PLATFORM,
        "public_url": ORIGIN,
        "hosts": BASE["platform_hosts"],
        "notifier": {"collect_s": 0},
        "keys": [
            hmac_key("valid", not_after=for_ever),
            hmac_key("old_key_in_grace", not_after=NOW + 23 * HOUR),
            hmac_key("old_key_expired", not_after=NOW - HOUR),
            hmac_key("revoked_key", revoked_at=NOW - HOUR),
            hmac_key("pgo-kz", sender="pgo-kz", authorities=["pgo-kz"], not_after=for_ever),
            {
                **key,
                "key_id": "mki-curve",
                "algorithm": "ed25519",
                "public_key": curve,
                "not_after": for_ever,
            },
        ],
        "store": {"path": path},
    }
    return CatalogueSettings.model_validate(given | overrides)


class Feed:
    """A regulator whose feed holds what a test puts there, and which takes every answer."""

    name = "regulator"

    def __init__(self) -> None:
        self.pages: list[FeedPage] = []
        self.sent: list[OutboxMessage] = []

    def offer(self, *requests: Request, cursor: str | None = "1", sequences: Iterable[int] = ()) -> None:
        """One more page."""
        numbers = list(sequences) or list(range(1, len(requests) + 1))
        entries = (
            FeedMessage(number, one.method, tuple(one.headers), one.body)
            for number, one in zip(numbers, requests, strict=True)
        )
        self.pages.append(FeedPage(tuple(entries), cursor, has_more=False))

    def fetch(self, after: str, limit: int) -> FeedPage:
        return self.pages.pop(0) if self.pages else FeedPage((), after, has_more=False)

    def send(self, message: OutboxMessage) -> Delivered:
        self.sent.append(message)
        return Delivered(f"r-{message.id}", NOW, b'{"receipt":1}')

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        return None


class Office:
    """A desk with a clock that stands still, and its intake as an ASGI app."""

    def __init__(self, path: Path, **overrides: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.feed = Feed()
        env = replace(Env.system(), clock=self.clock, monotonic=self.clock.monotonic, boot=self.clock.boot)
        self.alerts: list[str] = []
        self.aio = AsyncComplianceDesk(settings(path, **overrides), regulator=self.feed, env=env, create=True)
        self.desk = self.aio.blocking
        self.desk.on_alert(lambda alert: self.alerts.extend(line.reason for line in alert.lines))
        self.app = asgi_app(self.aio)

    def push(self, request: Request) -> Answer:
        """Send a request to the ASGI app, in process."""
        self.clock.advance(request.now - self.clock())
        return asyncio.run(called(self.app, request))

    def poll(self, *requests: Request) -> list[InboxRow]:
        """Let the feed give these, and poll it: the rows that they left."""
        self.clock.advance(requests[-1].now - self.clock())
        self.feed.offer(*requests, cursor=f"after {self.clock()} {len(self.feed.pages)} {requests[-1].body[:20]!r}")
        before = {row.body_sha256 for row in self.inbox()}
        self.desk.poll()
        return [row for row in self.inbox() if row.body_sha256 not in before]

    def inbox(self) -> list[InboxRow]:
        """Every message that is held, in the order of the key."""
        queries = self.desk.store.queries(self.desk.platform_id)
        rows = [row for case_id in queries.case_ids() for row in queries.records(case_id).inbox]
        rows += lodged(self.desk.store, self.desk.platform_id)
        found = {(row.sender, row.message_id, row.body_sha256): row for row in rows}
        return [found[key] for key in sorted(found)]

    @property
    def engine(self) -> Any:
        return getattr(self.desk.store, "engine")  # noqa: B009  the port does not have it

    def counts(self) -> Mapping[str, int]:
        """How many rows each table has."""
        with self.engine.connect() as connection:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
            each = (f"SELECT '{name}', count(*) FROM \"{name}\"" for name in sorted(names))  # noqa: S608
            return {str(name): int(count) for name, count in connection.exec_driver_sql(" UNION ALL ".join(each))}

    def cases(self) -> tuple[Case, ...]:
        return self.desk.cases(limit=100).cases

    def close(self) -> None:
        self.desk.close()


class Offices:
    """Offices on files of their own. The schema is made once and copied."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, 0
        self._blank = folder / "blank.sqlite3"
        Office(self._blank).close()
        self._open: list[Office] = []

    def new(self, **overrides: Any) -> Office:
        self._made += 1
        path = self._folder / f"{self._made}.sqlite3"
        shutil.copy(self._blank, path)
        office = Office(path, **overrides)
        self._open.append(office)
        return office

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


async def called(app: App, request: Request, *, parts: list[bytes] | None = None, **scope: Any) -> Answer:
    """Call an ASGI app with a request; `parts` are the pieces in which its body arrives."""
    path, _, query = request.target.partition("?")
    pieces = [request.body] if parts is None else parts
    incoming = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    if parts is None:
        headers.append((b"content-length", str(len(request.body)).encode()))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
    }
    await app(given | scope, receive, send)
    start, body = sent
    return Answer(
        start["status"],
        tuple((name.decode(), value.decode()) for name, value in start["headers"]),
        body["body"],
    )
