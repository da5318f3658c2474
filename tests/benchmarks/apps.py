"""The apps that the HTTP rows serve, each in a process of its own: `uvicorn --factory tests.benchmarks.apps:make`.

KZ_BENCH_APP chooses: `bare` is Starlette doing what anybody must do (HMAC, a pydantic model) and storing nothing;
`unstored` is this library without storing: a message is verified and read, and its work, which loads, decides and
writes, is not begun. `decided` begins it over a store that knows nothing and keeps nothing. `durable` is the library as
it ships.
`regulator` gives a signed receipt for whatever is posted, and verifies nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TypeVar, cast

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.faces.asgi import App, Receive, Scope, Send, asgi_app
from kz_compliance_sdk.faces.cli.machinery import collect_garbage_seldom
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Queries, Tx, Work
from kz_compliance_sdk.services.admission import noted
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.wire.signature import sign_response
from kz_compliance_sdk.wire.v1 import encode
from tests.benchmarks.samples import PATH, PLATFORM

T = TypeVar("T")


def settings(port: int, store: str, regulator_port: int | None = None) -> Settings:
    """A platform that trusts the sample regulator's two keys, and reports to the port given, signing with HMAC."""
    own = keys.platform_signing_key("standard-webhooks")
    trusted = [keys.regulator_key("rfc9421"), keys.regulator_key("standard-webhooks")]
    return Settings.model_validate(
        {
            "platform_id": PLATFORM,
            "public_url": f"http://127.0.0.1:{port}",
            "hosts": [builders.HOST.removeprefix("https://")],
            "allow_test_keys": True,
            "intake_path": PATH,
            "store": {"path": store},
            "profile": "standard-webhooks",
            "signing_key": {
                "key_id": own.key_id,
                "algorithm": own.algorithm,
                "secret": base64.b64encode(own.material).decode(),
            },
            "regulator": {} if regulator_port is None else {"url": f"http://127.0.0.1:{regulator_port}"},
            "undo_window_s": 0,
            "letterhead": {"name": "Sample", "address": "Sample"},
            "keys": [
                {
                    "key_id": key.key_id,
                    "algorithm": key.algorithm,
                    ("public_key" if key.algorithm == "ed25519" else "secret"): base64.b64encode(key.material).decode(),
                    "sender": key.sender,
                    "authorities": sorted(key.authorities),
                    "not_before": key.not_before,
                    "not_after": key.not_after,
                }
                for key in trusted
            ],
        }
    )


def make() -> App:
    """The app that the environment names. Each, the baseline too, collects garbage as `serve` does."""
    app = _make()
    collect_garbage_seldom()
    return app


def _make() -> App:
    kind, port = os.environ["KZ_BENCH_APP"], int(os.environ["KZ_BENCH_PORT"])
    if kind == "bare":
        from tests.benchmarks.bare import bare  # here, since no receiver of ours holds Starlette in memory

        return cast(App, bare())
    if kind == "regulator":
        return regulator
    configured = settings(port, os.environ["KZ_BENCH_STORE"])
    if kind == "unstored":
        return asgi_app(AsyncComplianceDesk(configured, store=BeginsNothing()))
    if kind == "decided":
        return asgi_app(AsyncComplianceDesk(configured, store=KeepsNothing()))
    return asgi_app(AsyncComplianceDesk(configured, create=True))


class BeginsNothing:
    """A store that answers every work at once, and runs none."""

    _ANSWER = noted("nothing", 0)

    def now(self) -> int:
        return int(time.time())

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(self._result(work))
        return future

    def _result(self, _work: Work[T]) -> T:
        return self._ANSWER  # type: ignore[return-value]  # every work of an intake answers with a Response

    def queries(self, platform_id: str) -> Queries:
        raise NotImplementedError(f"nothing is kept for {platform_id}")

    def close(self) -> None:
        return


class KeepsNothing(BeginsNothing):
    """A store whose works run and resolve at once, and whose changes go nowhere."""

    def _result(self, work: Work[T]) -> T:
        return work(cast(Tx, KnowsNothing(self.now())))[1]


def keyed(*what: object) -> str:
    """As a store makes it."""
    return hmac.new(b"k" * 32, "\x1f".join(map(str, what)).encode(), "sha256").hexdigest()[:32]


class KnowsNothing:
    """What a transaction on an empty store says to an intake."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.unreadable: list[str] = []

    def stamp(self, actor: Actor = SYSTEM) -> Stamp:
        return Stamp(self.now, actor, keyed)

    def came(self, _asked: object) -> list[tuple[Stream, int]]:
        return []

    def cases_of_notice(self, _notice_id: str) -> list[Case]:
        return []

    def case(self, _case_id: str) -> Case:
        raise NotFound("it keeps nothing.")

    def streams(self, names: Iterable[str]) -> dict[str, Stream]:
        return {name: Stream(PLATFORM, name) for name in names}

    def notices_counted(self, _name: str, _over: int, _most: int) -> int:
        return 0


async def regulator(scope: Scope, receive: Receive, send: Send) -> None:
    """A receipt for the bytes that came, signed as the sample regulator signs."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    subject = next((value.decode() for name, value in scope["headers"] if name == b"idempotency-key"), "nobody")
    now = int(time.time())
    receipt = Receipt(
        receipt_id=f"receipt-{subject}",
        subject_id=subject,
        body_sha256=hashlib.sha256(body).hexdigest(),
        recorded_at=now,
    )
    answer = encode(receipt)
    key = keys.regulator_signing_key("standard-webhooks")
    signed = sign_response(key, "standard-webhooks", 201, answer, now, receipt.receipt_id)
    headers = [(name.encode(), value.encode()) for name, value in signed]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
