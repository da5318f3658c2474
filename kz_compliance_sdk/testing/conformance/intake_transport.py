"""What an intake refuses for its transport, what it must not be misled by, and who must not be kept waiting."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from kz_compliance_sdk.testing.conformance import checks
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, Check, Skipped, expect
from kz_compliance_sdk.testing.conformance.scenes import GOOD, IntakeScene, exchange
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


_BOUND: Final = "Set a bound on heads in the server, and refuse what is larger with 431."

TRANSPORT: Final[tuple[Check[IntakeScene], ...]] = (
    Check("intake.transport.method", checks.TRANSPORT, "a GET", "405 with allow: POST",
          "Answer 405 to every method but POST.", _get),
    exchange("intake.transport.another_path", checks.TRANSPORT, "a good notice on a path below the intake's",
             "A signature gives no right on another path.", _other_path, 404),
    exchange("intake.transport.no_media_type", checks.TRANSPORT, "a good notice without a Content-Type",
             "Take application/json alone.", _no_media_type, 415),
    exchange("intake.transport.compressed", checks.TRANSPORT, "a compressed body with Content-Encoding",
             "Refuse every content encoding: nothing that is not proved is unpacked.", _compressed, 415),
    exchange("intake.transport.body_too_large", checks.TRANSPORT, "a signed notice above the largest size",
             "Refuse by Content-Length, and stop reading at the bound.",
             lambda scene: _padded(scene, scene.target.max_body), 413),
    exchange("intake.transport.largest_body", checks.TRANSPORT, "a signed notice of exactly the largest size",
             "Take what is not above the bound, or tell the kit with --max-body.", lambda scene: _padded(scene, 0),
             *GOOD),
    exchange("intake.transport.big_head", checks.TRANSPORT, "a header of 65,000 bytes", _BOUND,
             _with(("x-conformance", "a" * 65_000)), 431, 400),
    exchange("intake.transport.many_headers", checks.TRANSPORT, "1,000 headers", _BOUND,
             _with(*((f"x-conformance-{number}", "1") for number in range(1_000))), 431, 400),
    exchange("intake.transport.host_is_not_read", checks.HOST, "a good notice under another Host header",
             "Verify against the configured public address. If a proxy routes by Host, drive the service behind it.",
             _with(("host", "tenant-b.example")), *GOOD),
    exchange("intake.transport.query_is_signed", checks.RFC9421, "a good notice with a query, signed with it",
             "Verify against the raw target, query included.", _query, *GOOD),
    Check("intake.transport.two_framings", checks.TRANSPORT, "Content-Length and Transfer-Encoding at once", "400",
          "Refuse what can be read in two ways.",
          lambda scene: expect(_framed(scene, 0, "transfer-encoding: chunked"), 400), ("socket",)),
    Check("intake.transport.short_length", checks.TRANSPORT, "a Content-Length smaller than the body", "401 or 400",
          "Judge what was framed, no more.", lambda scene: expect(_framed(scene, -20), 401, 400), ("socket",)),
    Check("intake.transport.body_does_not_come", checks.TRANSPORT,
          "a Content-Length larger than the body, then silence", "408",
          "Give up on a slow body after a few seconds; the kit waits for --patience.",
          lambda scene: expect(_framed(scene, 10), 408), ("socket",)),
    Check("intake.transport.endless_body", checks.TRANSPORT, "chunks without end", "413 or 411",
          "Stop reading at the bound, however a body is framed.", _endless, ("socket",)),
    Check("intake.transport.expect_continue", checks.TRANSPORT, "Expect: 100-continue with 900 MB",
          "413, and no 100 before it", "Refuse by the head, before you ask for the body.", _expect_continue,
          ("socket",)),
    Check("intake.transport.pipelined", checks.REPEAT, "a notice and its repeat on one connection, without waiting",
          "202, then 200 with its answer", "Answer in order, each request by itself.", _pipelined, ("socket",)),
    Check("intake.transport.flood", checks.NOTHING_KEPT, f"{_FLOOD} forged notices, and a good one among them",
          f"401 to each; 202 within {_SOON_S:g} s", "Refuse forged messages cheaply, without a write.", _flood),
)  # fmt: skip
