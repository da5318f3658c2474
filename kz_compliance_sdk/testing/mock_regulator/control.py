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

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.wire.values import instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, NoticeRecord, Recorded
    from kz_compliance_sdk.testing.mock_regulator.push import Push

import base64
import binascii
import dataclasses
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ConfigDict, Field

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.agenda import Conduct, Done, read_record, read_step, step_json
from kz_compliance_sdk.testing.mock_regulator.books import IssuedMessage, RegistrationStatus
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused, Reply, Request, json_reply, problem_reply, refuse
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, Outage, OutageKind
from kz_compliance_sdk.testing.mock_regulator.page import regulator_page
from kz_compliance_sdk.testing.mock_regulator.push import Forgery
from kz_compliance_sdk.testing.mock_regulator.scenarios import SCENARIOS
from kz_compliance_sdk.wire.problem import Problem
from kz_compliance_sdk.wire.signature import SigningKey
from kz_compliance_sdk.wire.strict_json import loads, validated
from kz_compliance_sdk.wire.v1 import API_VERSION, Message, read_message
from kz_compliance_sdk.wire.values import Instant, ValueModel

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

PREFIX: Final = "/control/"
_MOST_STEPS: Final = 10_000
_NEWEST: Final = 1_000
_YEAR_S: Final = 31_536_000

_PAGE_HEADERS: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)


class _Body(ValueModel):
    """What a command carries. A field that is not known is a mistake, and is named."""

    model_config = ConfigDict(extra="forbid")


class _Issue(_Body):
    type: str | None = None
    data: dict[str, Any] | None = None
    sample: int | None = None
    platform_id: str | None = None
    push: bool = False
    in_feed: bool = True
    copies: int = Field(default=1, ge=1, le=100)


class _Push(_Body):
    message_id: str
    copies: int = Field(default=1, ge=1, le=100)


class _Forge(_Body):
    message_id: str
    how: Forgery = "wrong_key"


class _Unreadable(_Body):
    message_id: str | None = None
    body: str | None = None


class _OutageAsked(_Body):
    on: bool
    how: OutageKind = "unavailable"
    retry_after_s: int | None = Field(default=None, ge=0)
    until: Instant | None = None


class _Skew(_Body):
    seconds: int = Field(ge=-_YEAR_S, le=_YEAR_S)


class _Rotate(_Body):
    key_id: str | None = None
    platform_id: str | None = None
    authority_id: str | None = None


class _Registration(_Body):
    status: RegistrationStatus
    platform_id: str | None = None


class _Play(_Body):
    scenario: str
    seed: int = 1
    notices: int | None = Field(default=None, ge=0, le=9_999)
    pace: int = Field(default=1, ge=1, le=86_400)


class _Plan(_Body):
    steps: list[dict[str, Any]] = Field(min_length=1, max_length=_MOST_STEPS)


class _Advance(_Body):
    seconds: int = Field(ge=0, le=_YEAR_S)


_B = TypeVar("_B", bound=_Body)
_Route = Callable[[bytes], Mapping[str, Any]]


def _asked(model: type[_B], answer: Callable[[_B], Mapping[str, Any]]) -> _Route:
    """A command whose body is read as `model`."""
    return lambda body: answer(validated(model, loads(body)))


def _told(answer: Callable[[], Mapping[str, Any]]) -> _Route:
    """A command that carries nothing."""
    return lambda _body: answer()


def _done(act: Callable[[], None]) -> _Route:
    def route(_body: bytes) -> Mapping[str, Any]:
        act()
        return {}

    return route


class Control:
    """Answers what is asked over the control interface. It may wait for the platform: call it from a thread."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator
        self._routes: Mapping[tuple[str, str], _Route] = {
            ("GET", "books"): _told(self._books),
            ("GET", "faults"): _told(self._faults),
            ("GET", "requests"): _told(self._requests),
            ("POST", "issue"): _asked(_Issue, self._issue),
            ("POST", "push"): _asked(_Push, self._push),
            ("POST", "push-forged"): _asked(_Forge, self._push_forged),
            ("POST", "push-unreadable"): _asked(_Unreadable, self._push_unreadable),
            ("POST", "faults"): lambda body: {"fault_id": regulator.fail(read_record(Fault, loads(body)))},
            ("DELETE", "faults"): _done(lambda: regulator.clear_faults()),
            ("POST", "outage"): _asked(_OutageAsked, self._outage),
            ("POST", "forget-keys"): _done(lambda: regulator.forget_keys()),
            ("POST", "skew"): _asked(_Skew, self._skew),
            ("GET", "keys"): _told(self._keys),
            ("POST", "rotate"): _asked(_Rotate, self._rotate),
            ("POST", "registration"): _asked(_Registration, self._registration),
            ("GET", "conduct"): _told(lambda: dataclasses.asdict(regulator.conduct)),
            ("POST", "conduct"): self._behave,
            ("GET", "scenarios"): _told(_scenarios),
            ("POST", "play"): _asked(_Play, self._play),
            ("GET", "agenda"): _told(self._agenda),
            ("POST", "plan"): _asked(_Plan, self._plan),
            ("POST", "advance"): _asked(_Advance, self._advance),
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
        with self._regulator.locked():
            page = regulator_page(self._regulator)
        return Reply(200, _PAGE_HEADERS, page.encode())

    def _books(self) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            every = {name: books_json(regulator.books_of(name), regulator.pushes) for name in regulator.platforms}
        return {"platforms": every}

    def _faults(self) -> dict[str, Any]:
        with self._regulator.locked():
            plan = self._regulator.faults
            armed = [
                {"fault_id": name, "left": left, **dataclasses.asdict(fault)} for name, fault, left in plan.armed()
            ]
            return {"faults": armed, "outage": dataclasses.asdict(plan.outage) if plan.outage else None}

    def _requests(self) -> dict[str, Any]:
        with self._regulator.locked():
            newest = list(self._regulator.seen)[-_NEWEST:]
        return {"data": [{**dataclasses.asdict(each), "at": instant_text(each.at)} for each in newest]}

    def _issue(self, asked: _Issue) -> dict[str, Any]:
        regulator = self._regulator
        platform_id = self._known(asked.platform_id or regulator.books.platform_id)
        if asked.sample is not None:
            sample = builders.notice(asked.sample, platform_id=platform_id, issued_at=regulator.now())
            message = regulator.issue(sample, in_feed=asked.in_feed)
        else:
            said = _said(asked, platform_id, instant_text(regulator.now()))
            to = self._known(said.platform_id, "data.platform_id")
            message = regulator.announce(said.type, said.data, in_feed=asked.in_feed, platform_id=to)
        push = regulator.push(message, copies=asked.copies) if asked.push else None
        return {**message_json(message), "push": push_json(push) if push else None}

    def _push(self, asked: _Push) -> dict[str, Any]:
        return push_json(self._regulator.push(self._message(asked.message_id), copies=asked.copies))

    def _push_forged(self, asked: _Forge) -> dict[str, Any]:
        message = self._message(asked.message_id)
        try:
            return push_json(self._regulator.push_forged(message, asked.how))
        except ValueError as wrong:
            raise refuse(422, "schema_value", f"{wrong}.", field="how") from None

    def _push_unreadable(self, asked: _Unreadable) -> dict[str, Any]:
        if asked.body is not None:
            return push_json(self._regulator.push_body(_bytes(asked.body), what="unreadable"))
        if asked.message_id is None:
            raise refuse(422, "schema_missing", "Name a message_id, or give a body in base64.", field="message_id")
        return push_json(self._regulator.push_unreadable(self._message(asked.message_id)))

    def _outage(self, asked: _OutageAsked) -> dict[str, Any]:
        self._regulator.outage(asked.on, Outage(asked.how, asked.retry_after_s, asked.until))
        return {"on": asked.on}

    def _skew(self, asked: _Skew) -> dict[str, Any]:
        self._regulator.skew(asked.seconds)
        return {"skew_s": asked.seconds}

    def _keys(self) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            used = {name: regulator.signing.of(name).key_id for name in regulator.platforms}
            return {"keys": [_key_json(key) for key in regulator.signing.known], "in_use": used}

    def _rotate(self, asked: _Rotate) -> dict[str, Any]:
        platform_id = None if asked.platform_id is None else self._known(asked.platform_id)
        try:
            key = self._regulator.rotate(asked.key_id, platform_id=platform_id, authority_id=asked.authority_id)
        except KeyError as missing:
            raise refuse(404, "key_unknown", f"{missing.args[0]}.", field="key_id") from None
        return _key_json(key)

    def _registration(self, asked: _Registration) -> dict[str, Any]:
        platform_id = None if asked.platform_id is None else self._known(asked.platform_id)
        self._regulator.set_registration(asked.status, platform_id)
        return {"status": asked.status}

    def _behave(self, body: bytes) -> dict[str, Any]:
        self._regulator.behave(read_record(Conduct, loads(body)))
        return dataclasses.asdict(self._regulator.conduct)

    def _play(self, asked: _Play) -> dict[str, Any]:
        try:
            steps = self._regulator.play(asked.scenario, asked.seed, notices=asked.notices, pace=asked.pace)
        except KeyError as missing:
            raise refuse(404, "scenario_unknown", f"{missing.args[0]}.", field="scenario") from None
        return {"planned": len(steps), "until": instant_text(max((step.at for step in steps), default=0))}

    def _agenda(self) -> dict[str, Any]:
        regulator = self._regulator
        return {
            "now": instant_text(regulator.now()),
            "agenda": [step_json(step) for step in regulator.agenda()],
            "history": [_done_json(done) for done in regulator.history()[-_NEWEST:]],
        }

    def _plan(self, asked: _Plan) -> dict[str, Any]:
        steps = [read_step(value) for value in asked.steps]
        for step in steps:
            if step.platform_id is not None:
                self._known(step.platform_id)
        self._regulator.plan(*steps)
        return {"planned": len(steps)}

    def _advance(self, asked: _Advance) -> dict[str, Any]:
        try:
            taken = self._regulator.advance(asked.seconds)
        except TypeError as wrong:
            raise refuse(409, "clock_runs", f"{wrong}.") from None
        return {"now": instant_text(self._regulator.now()), "taken": [_done_json(done) for done in taken]}

    def _message(self, message_id: str) -> IssuedMessage:
        message = self._regulator.message(message_id)
        if message is None:
            raise refuse(404, "message_unknown", "No message of this id was issued.", field="message_id")
        return message

    def _known(self, platform_id: str, field: str = "platform_id") -> str:
        if platform_id not in self._regulator.platforms:
            raise refuse(422, "platform_unknown", "No such platform is known here.", field=field)
        return platform_id


def _scenarios() -> dict[str, Any]:
    every = [
        {"name": each.name, "told": each.told, "seconds": each.seconds, "notices": each.notices}
        for each in SCENARIOS.values()
    ]
    return {"scenarios": every}


def _done_json(done: Done) -> dict[str, Any]:
    return {**step_json(done.step), "taken_at": instant_text(done.at), "outcome": done.outcome}


def _key_json(key: SigningKey) -> dict[str, Any]:
    """Of a shared secret only its id: a page that shows it would be the place to steal it."""
    told = {"key_id": key.key_id, "algorithm": key.algorithm}
    if key.algorithm == "ed25519":
        told["public_key"] = base64.b64encode(key.verification_material()).decode("ascii")
    return told


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


def books_json(books: Books, pushes: Iterable[Push]) -> dict[str, Any]:
    """All that is held about one platform. Bodies that came from outside stand there parsed, with their digests."""
    entry = books.registration
    return {
        "platform_id": books.platform_id,
        "notices": {notice_id: _notice_json(record) for notice_id, record in books.notices.items()},
        "sanctions": [sanction.model_dump(mode="json", exclude_none=True) for sanction in books.sanctions],
        "registration": dict(entry.value) if entry else None,
        "registration_status": entry.status if entry else None,
        "feed_length": len(books.feed),
        "pushes": [push_json(push) for push in pushes if push.platform_id == books.platform_id],
    }


def message_json(message: IssuedMessage) -> dict[str, Any]:
    """One message as it was issued, without its body."""
    return {
        "message_id": message.id,
        "type": message.type,
        "sequence": message.sequence,
        "notice_id": message.notice_id,
        "issued_at": instant_text(message.issued_at),
        "body_sha256": hashlib.sha256(message.body).hexdigest(),
    }


def push_json(push: Push) -> dict[str, Any]:
    """One push and the answer to every try."""
    return {
        "message_id": push.message_id,
        "what": push.what,
        "at": instant_text(push.at),
        "status": push.status,
        "was_taken": push.was_taken,
        "body": push.body.decode("utf-8", "replace"),
        "tries": [{"status": answer.status, "error": answer.error} for answer in push.answers],
    }


def _notice_json(record: NoticeRecord) -> dict[str, Any]:
    return {
        "notice": record.notice.model_dump(mode="json", exclude_none=True),
        "revision": record.notice.revision,
        "due_at": instant_text(record.due_at) if record.due_at is not None else None,
        "is_owed": record.is_owed,
        "messages": [message_json(message) for message in record.messages],
        "acknowledgements": [_recorded_json(each) for each in record.of_kind("acknowledgement")],
        "clarification_requests": [_recorded_json(each) for each in record.of_kind("clarification_request")],
        "reports": [_recorded_json(each) for each in record.of_kind("report")],
        "outcomes": record.outcomes(),
    }


def _recorded_json(recorded: Recorded) -> dict[str, Any]:
    return {
        "idempotency_key": recorded.key,
        "body": recorded.value.model_dump(mode="json", exclude_none=True),
        "body_sha256": recorded.receipt.body_sha256,
        "receipt": recorded.receipt.model_dump(mode="json", exclude_none=True),
    }
