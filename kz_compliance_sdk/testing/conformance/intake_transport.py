"""What an intake refuses for its transport, what it must not be misled by, and who must not be kept waiting."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, Skipped, expect
from kz_compliance_sdk.testing.conformance.scenes import Act, IntakeScene
from kz_compliance_sdk.testing.conformance.transport import Answer, NoAnswer, head_of
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request

_FLOOD: Final = 200
_SENDERS: Final = 8
_SOON_S: Final = 5.0


def _get(scene: IntakeScene) -> None:
    answer = scene.send(Request("GET", scene.path))
    expect(answer, 405)
    if "POST" not in (answer.header("allow") or ""):
        raise Broken(f"allow: {answer.header('allow')}", "405 with allow: POST")


def _other_path(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    path, _, query = request.target.partition("?")
    return replace(request, target=f"{path.rstrip('/')}/conformance/no-such-path{'?' if query else ''}{query}")


def _with(*headers: tuple[str, str]) -> Callable[[IntakeScene], Request]:
    """A good notice with these headers in front of its own."""

    def make(scene: IntakeScene) -> Request:
        request = scene.signed(scene.message())
        return replace(request, headers=[*headers, *request.headers])

    return make


def _no_media_type(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, headers=[pair for pair in request.headers if pair != JSON])


def _compressed(scene: IntakeScene) -> Request:
    request = scene.signed(gzip.compress(serialised(scene.message())))
    return replace(request, headers=[*request.headers, ("content-encoding", "gzip")])


def _padded(scene: IntakeScene, more: int) -> Request:
    """A good notice of the largest size, and so many bytes."""
    message = scene.message()
    message["data"]["padding"] = ""
    message["data"]["padding"] = "A" * (scene.target.max_body + more - len(serialised(message)))
    return scene.signed(message)


def _query(scene: IntakeScene) -> Request:
    query = "?notice_id=OTHER"
    return scene.signed(scene.message(), target=scene.path + query, signed_for=scene.target.url + query)


def _framed(scene: IntakeScene, more: int = 0, *heads: str) -> Answer:
    """The answer to a good notice with a Content-Length that is so much more than its body has."""
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        line.send(head_of(request, *heads, authority=line.authority, length=len(request.body) + more), request.body)
        return line.answer()


def _endless(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    limit = 64 * max(scene.target.max_body, 65_536)
    with scene.transport.line() as line:
        line.send(head_of(request, "transfer-encoding: chunked", authority=line.authority, length=None))
        sent = 0
        while sent < limit and not line.has_answer() and line.send(b"4000\r\n", b"A" * 16_384, b"\r\n"):
            sent += 16_384
        if sent >= limit:
            raise Broken(f"{sent} bytes were taken without an answer", "413 or 411")
        expect(line.answer(), 413, 411, what="to a body without end")


def _expect_continue(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        line.send(head_of(request, "expect: 100-continue", authority=line.authority, length=900_000_000))
        if line.begins_with(12)[9:12] == b"100":
            raise Broken("100 Continue to 900 MB", "413 before anything is sent")
        expect(line.answer(), 413, what="to a body that is announced with 900 MB")


def _pipelined(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        head = head_of(request, "connection: keep-alive", authority=line.authority)
        line.send(head, request.body, head, request.body)
        first = line.answer()
        expect(first, 202, what="to the first of two on one connection")
        if (first.header("connection") or "").lower() == "close":
            raise Skipped("the server keeps no connection open")
        try:
            second = line.answer()
        except NoAnswer:
            raise Skipped("the server keeps no connection open") from None
    expect(second, 200, what="to its repeat on the same connection")
    if first.document() != second.document():
        raise Broken("another answer to the repeat", "the first answer again")


def _flood(scene: IntakeScene) -> None:
    forged = [Request("POST", scene.path, [JSON], serialised(scene.message())) for _ in range(_FLOOD)]
    request = scene.signed(scene.message())
    with ThreadPoolExecutor(_SENDERS) as senders:
        flood = [senders.submit(scene.send, one) for one in forged]
        began = time.monotonic()
        answer = scene.send(request)
        took = time.monotonic() - began
        statuses = {one.result().status for one in flood}
    expect(answer, 200, 202, what="to a good notice among forged ones")
    if took > _SOON_S:
        raise Broken(f"an answer after {took:.1f} s", f"an answer within {_SOON_S:g} s")
    if statuses != {401}:
        raise Broken(f"statuses {sorted(statuses)} to {_FLOOD} forged notices", "401 to each")


TRANSPORT: Final[Mapping[str, Act[IntakeScene]]] = {
    "transport.method": _get,
    "transport.another_path": _other_path,
    "transport.no_media_type": _no_media_type,
    "transport.compressed": _compressed,
    "transport.body_too_large": lambda scene: _padded(scene, scene.target.max_body),
    "transport.largest_body": lambda scene: _padded(scene, 0),
    "transport.big_head": _with(("x-conformance", "a" * 65_000)),
    "transport.many_headers": _with(*((f"x-conformance-{number}", "1") for number in range(1_000))),
    "transport.host_is_not_read": _with(("host", "tenant-b.example")),
    "transport.query_is_signed": _query,
    "transport.two_framings": lambda scene: expect(_framed(scene, 0, "transfer-encoding: chunked"), 400),
    "transport.short_length": lambda scene: expect(_framed(scene, -20), 401, 400),
    "transport.body_does_not_come": lambda scene: expect(_framed(scene, 10), 408),
    "transport.endless_body": _endless,
    "transport.expect_continue": _expect_continue,
    "transport.pipelined": _pipelined,
    "transport.flood": _flood,
}
