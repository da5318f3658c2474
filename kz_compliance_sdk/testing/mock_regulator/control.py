"""The control interface: another process drives the mock by JSON over loopback.

    GET    /                          a page that shows the books
    GET    /control/books             the books of every platform
    GET    /control/faults            what is armed, and the outage
    GET    /control/requests          the requests that reached the interface, newest 1,000
    POST   /control/issue             {type, data} or {sample: seed}, with {push, in_feed, copies, platform_id}
    POST   /control/push              {message_id, copies}: push what was issued once more
    POST   /control/push-forged       {message_id, how}
    POST   /control/push-unreadable   {message_id}, or {body} in base64
    POST   /control/faults            the fields of a Fault
    DELETE /control/faults            disarm all, end an outage
    POST   /control/outage            {on, how, retry_after_s, until}
    POST   /control/forget-keys       forget every Idempotency-Key
    POST   /control/skew              {seconds}: by how much what it writes is dated wrong
    GET    /control/keys              the keys that it signs with, and which is in use where
    POST   /control/rotate            {key_id, platform_id, authority_id}: sign with another key from now on
    POST   /control/registration      {status, platform_id}
    GET    /control/conduct           what it does by itself
    POST   /control/conduct           the fields of a Conduct
    GET    /control/scenarios         the scenarios, by name
    POST   /control/play              {scenario, seed, notices, pace}: put a scenario on the agenda
    GET    /control/agenda            what is still to happen, and the newest 1,000 steps that were taken
    POST   /control/plan              {steps}: put steps on the agenda
    POST   /control/advance           {seconds}: let a clock that stands still go on

Times are RFC 3339 text. A page in a browser must not be able to drive it: a body needs application/json, and the Host
has to be this machine's.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.books import IssuedMessage
from kz_compliance_sdk.testing.mock_regulator.dump import books_json, message_json, push_json
from kz_compliance_sdk.testing.mock_regulator.exchange import (
    Refused,
    Reply,
    Request,
    json_reply,
    problem_reply,
    refuse,
)
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, Outage, OutageKind
from kz_compliance_sdk.testing.mock_regulator.page import regulator_page
from kz_compliance_sdk.testing.mock_regulator.push import Forgery
from kz_compliance_sdk.testing.mock_regulator.timetable import Body, Timetable, asked_for, record_of
from kz_compliance_sdk.wire.problem import Problem
from kz_compliance_sdk.wire.v1 import API_VERSION, Message, read_message
from kz_compliance_sdk.wire.values import Instant, instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

__all__ = ["PREFIX", "Control"]

PREFIX: Final = "/control/"

_PAGE_HEADERS: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)


class _Issue(Body):
    type: str | None = None
    data: dict[str, Any] | None = None
    sample: int | None = None
    platform_id: str | None = None
    push: bool = False
    in_feed: bool = True
    copies: int = Field(default=1, ge=1, le=100)


class _Push(Body):
    message_id: str
    copies: int = Field(default=1, ge=1, le=100)


class _Forge(Body):
    message_id: str
    how: Forgery = "wrong_key"


class _Unreadable(Body):
    message_id: str | None = None
    body: str | None = None


class _OutageAsked(Body):
    on: bool
    how: OutageKind = "unavailable"
    retry_after_s: int | None = Field(default=None, ge=0)
    until: Instant | None = None


class Control:
    """Answers what is asked over the control interface. It may wait for the platform: call it from a thread."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator
        self._routes: Mapping[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", "books"): self._books,
            ("GET", "faults"): self._faults,
            ("GET", "requests"): self._requests,
            ("POST", "issue"): self._issue,
            ("POST", "push"): self._push,
            ("POST", "push-forged"): self._push_forged,
            ("POST", "push-unreadable"): self._push_unreadable,
            ("POST", "faults"): self._fail,
            ("DELETE", "faults"): self._clear,
            ("POST", "outage"): self._outage,
            ("POST", "forget-keys"): self._forget_keys,
            **Timetable(regulator).routes(),
        }

    def handle(self, request: Request) -> Reply:
        """The reply to one request."""
        try:
            _is_from_here(request)
            if request.path == "/":
                return self._page(request.method)
            name = request.path.removeprefix(PREFIX)
            route = self._routes.get((request.method, name))
            if route is None:
                raise _no_route(name, [verb for verb, known in self._routes if known == name])
            return json_reply(route(request.body))
        except Refused as refused:
            return problem_reply(refused.problem, refused.headers)
        except Unreadable as wrong:
            return problem_reply(Problem.of(wrong.code, 422, f"{wrong.message} {wrong.remedy}", field=wrong.field))

    def _page(self, method: str) -> Reply:
        if method != "GET":
            raise refuse(405, "method_not_allowed", "Use GET.", headers=(("allow", "GET"),))
        regulator = self._regulator
        with regulator.locked():
            page = regulator_page(regulator)
        return Reply(200, _PAGE_HEADERS, page.encode())

    def _books(self, _body: bytes) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            every = {name: books_json(regulator.books_of(name), regulator.pushes) for name in regulator.platforms}
        return {"platforms": every}

    def _faults(self, _body: bytes) -> dict[str, Any]:
        with self._regulator.locked():
            plan = self._regulator.faults
            armed = [
                {"fault_id": name, "left": left, **dataclasses.asdict(fault)} for name, fault, left in plan.armed()
            ]
            outage = plan.outage
        return {"faults": armed, "outage": dataclasses.asdict(outage) if outage else None}

    def _requests(self, _body: bytes) -> dict[str, Any]:
        with self._regulator.locked():
            newest = list(self._regulator.seen)[-1_000:]
        return {"data": [{**dataclasses.asdict(each), "at": instant_text(each.at)} for each in newest]}

    def _issue(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Issue, body)
        regulator = self._regulator
        platform_id = asked.platform_id or regulator.books.platform_id
        if platform_id not in regulator.platforms:
            raise _platform_unknown("platform_id")
        if asked.sample is not None:
            sample = builders.notice(asked.sample, platform_id=platform_id, issued_at=regulator.now())
            message = regulator.issue(sample, in_feed=asked.in_feed)
        else:
            said = _said(asked, platform_id, instant_text(regulator.now()))
            if said.platform_id not in regulator.platforms:
                raise _platform_unknown("data.platform_id")
            message = regulator.announce(said.type, said.data, in_feed=asked.in_feed, platform_id=said.platform_id)
        push = regulator.push(message, copies=asked.copies) if asked.push else None
        return {**message_json(message), "push": push_json(push) if push else None}

    def _push(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Push, body)
        return push_json(self._regulator.push(self._message(asked.message_id), copies=asked.copies))

    def _push_forged(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Forge, body)
        message = self._message(asked.message_id)
        try:
            return push_json(self._regulator.push_forged(message, asked.how))
        except ValueError as wrong:
            raise refuse(422, "schema_value", f"{wrong}.", field="how") from None

    def _push_unreadable(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Unreadable, body)
        if asked.body is not None:
            return push_json(self._regulator.push_body(_bytes(asked.body), what="unreadable"))
        if asked.message_id is None:
            raise refuse(422, "schema_missing", "Name a message_id, or give a body in base64.", field="message_id")
        return push_json(self._regulator.push_unreadable(self._message(asked.message_id)))

    def _fail(self, body: bytes) -> dict[str, Any]:
        return {"fault_id": self._regulator.fail(record_of(Fault, body))}

    def _clear(self, _body: bytes) -> dict[str, Any]:
        self._regulator.clear_faults()
        return {}

    def _outage(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_OutageAsked, body)
        self._regulator.outage(asked.on, Outage(asked.how, asked.retry_after_s, asked.until))
        return {"on": asked.on}

    def _forget_keys(self, _body: bytes) -> dict[str, Any]:
        self._regulator.forget_keys()
        return {}

    def _message(self, message_id: str) -> IssuedMessage:
        message = self._regulator.message(message_id)
        if message is None:
            raise refuse(404, "message_unknown", "No message of this id was issued.", field="message_id")
        return message


def _said(asked: _Issue, platform_id: str, now: str) -> Message:
    """The message that was asked for, judged as a platform would judge it."""
    envelope = {
        "id": "not-yet-issued",
        "type": asked.type,
        "api_version": API_VERSION,
        "sent_at": now,
        "platform_id": platform_id,
        "data": asked.data,
    }
    return read_message(json.dumps(envelope, ensure_ascii=False).encode())


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise refuse(422, "schema_format", "The body is not base64.", field="body") from None


def _platform_unknown(field: str) -> Refused:
    return refuse(422, "platform_unknown", "No such platform is known here.", field=field)


def _no_route(name: str, verbs: list[str]) -> Refused:
    if verbs:
        return refuse(405, "method_not_allowed", "Use another method here.", headers=(("allow", ", ".join(verbs)),))
    return refuse(404, "path_unknown", f"Nothing in {PREFIX} has this name.")


def _is_from_here(request: Request) -> None:
    if not _is_loopback(request.peer) or not _is_loopback(_host(request.header("host") or "")):
        raise refuse(403, "not_from_here", "The books are shown, and the mock is driven, from this machine alone.")
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if request.body and media_type != "application/json":
        raise refuse(415, "media_type", "Send application/json.")
    if request.method not in ("GET", "HEAD") and request.header("origin") is not None:
        raise refuse(403, "not_from_here", "A page in a browser does not drive the mock.")


def _host(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
