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
    POST   /control/alter             {how, name, platform_id}: keep other books on purpose
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
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_type_hints

from pydantic import ConfigDict, Field, create_model

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.agenda import (
    SCENARIOS,
    Conduct,
    Done,
    Fault,
    Outage,
    OutageKind,
    read_as,
    read_step,
    step_json,
)
from kz_compliance_sdk.testing.mock_regulator.books import (
    Alteration,
    Books,
    IssuedMessage,
    NoticeRecord,
    Recorded,
    Submission,
)
from kz_compliance_sdk.testing.mock_regulator.exchange import (
    Forgery,
    Push,
    Refused,
    RegistrationStatus,
    Reply,
    Request,
    is_loopback,
    json_reply,
    refuse,
    refuse_method,
    refuse_unreadable,
)
from kz_compliance_sdk.wire.signature import SigningKey
from kz_compliance_sdk.wire.strict_json import loads, validated
from kz_compliance_sdk.wire.v1 import API_VERSION, Message, read_message
from kz_compliance_sdk.wire.values import Instant, ValueModel, instant_text, json_of

if TYPE_CHECKING:
    from jinja2 import Template

    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

PREFIX: Final = "/control/"
_MOST_STEPS: Final = 10_000
_NEWEST: Final = 1_000
_ON_THE_PAGE: Final = 200
_YEAR_S: Final = 31_536_000

_PAGE_HEADERS: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)

_Answer = Mapping[str, Any] | None
_Copies = Annotated[int, Field(ge=1, le=100)]
_F = TypeVar("_F", bound=Callable[..., _Answer])


class _Body(ValueModel):
    """What a command carries. A field that is not known is a mistake, and is named."""

    model_config = ConfigDict(extra="forbid")


ROUTES: Final[dict[tuple[str, str], Callable[[Control, bytes], _Answer]]] = {}


def _command(method: str, name: str, whole: type | None = None) -> Callable[[_F], _F]:
    """Answer this method and name: the function's parameters are what the body carries, or its only one is what the
    body gives as a `whole`."""

    def enter(act: _F) -> _F:
        _, *parameters = inspect.signature(act).parameters.values()
        hints = get_type_hints(act, include_extras=True)
        fields: dict[str, Any] = {
            each.name: (hints[each.name], ... if each.default is each.empty else each.default) for each in parameters
        }
        model = create_model(act.__name__, __base__=_Body, **fields)

        def route(control: Control, body: bytes) -> _Answer:
            if whole is not None:
                return act(control, read_as(whole, loads(body)))
            return act(control, **dict(validated(model, loads(body)))) if fields else act(control)

        ROUTES[method, name] = route
        return act

    return enter


class Control:
    """Answers what is asked over the control interface. It may wait for the platform: call it from a thread."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator

    def handle(self, request: Request) -> Reply:
        """The reply to one request."""
        try:
            _is_from_here(request)
            if request.path == "/":
                return self._page(request.method)
            name = request.path.removeprefix(PREFIX)
            route = ROUTES.get((request.method, name))
            if route is None:
                raise _no_route(name)
            return json_reply(route(self, request.body) or {})
        except Refused as refused:
            return refused.reply()
        except Unreadable as wrong:
            return refuse_unreadable(wrong).reply()

    def _page(self, method: str) -> Reply:
        if method != "GET":
            raise refuse_method(["GET"], "Use GET.")
        regulator = self._regulator
        with regulator.locked():
            page = _template().render(
                regulator=regulator,
                now=regulator.now(),
                usual=dataclasses.asdict(Fault("status")),
                asdict=dataclasses.asdict,
                time=instant_text,
                newest=_ON_THE_PAGE,
            )
        return Reply(200, _PAGE_HEADERS, page.encode())

    @_command("GET", "books")
    def _books(self) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            every = {name: books_json(regulator.books_of(name), regulator.pushes) for name in regulator.platforms}
        return {"platforms": every}

    @_command("GET", "faults")
    def _faults(self) -> dict[str, Any]:
        with self._regulator.locked():
            plan = self._regulator.faults
            armed = [
                {"fault_id": name, "left": left, **dataclasses.asdict(fault)} for name, fault, left in plan.armed()
            ]
            return {"faults": armed, "outage": dataclasses.asdict(plan.outage) if plan.outage else None}

    @_command("GET", "requests")
    def _requests(self) -> dict[str, Any]:
        with self._regulator.locked():
            newest = list(self._regulator.seen)[-_NEWEST:]
        return {"data": [json_of(each, "at method path status ending faults") for each in newest]}

    @_command("POST", "issue")
    def _issue(
        self,
        type: str | None = None,  # noqa: A002 - a field of the body, as a message has it
        data: dict[str, Any] | None = None,
        sample: int | None = None,
        platform_id: str | None = None,
        push: bool = False,
        in_feed: bool = True,
        copies: _Copies = 1,
    ) -> dict[str, Any]:
        regulator = self._regulator
        to = self._known(platform_id) or regulator.books.platform_id
        if sample is not None:
            notice = builders.notice(sample, platform_id=to, issued_at=regulator.now())
            message = regulator.issue(notice, in_feed=in_feed)
        else:
            said = _said(type, data, to, instant_text(regulator.now()))
            to = self._known(said.platform_id, "data.platform_id") or to
            message = regulator.announce(said.type, said.data, in_feed=in_feed, platform_id=to)
        pushed = push_json(regulator.push(message, copies=copies)) if push else None
        return {**message_json(message), "push": pushed}

    @_command("POST", "push")
    def _push(self, message_id: str, copies: _Copies = 1) -> dict[str, Any]:
        return push_json(self._regulator.push(self._message(message_id), copies=copies))

    @_command("POST", "push-forged")
    def _push_forged(self, message_id: str, how: Forgery = "wrong_key") -> dict[str, Any]:
        try:
            return push_json(self._regulator.push_forged(self._message(message_id), how))
        except ValueError as wrong:
            raise refuse(422, "schema_value", f"{wrong}.", field="how") from None

    @_command("POST", "push-unreadable")
    def _push_unreadable(self, message_id: str | None = None, body: str | None = None) -> dict[str, Any]:
        if body is not None:
            return push_json(self._regulator.push_body(_bytes(body), what="unreadable"))
        if message_id is None:
            raise refuse(422, "schema_missing", "Name a message_id, or give a body in base64.", field="message_id")
        return push_json(self._regulator.push_unreadable(self._message(message_id)))

    @_command("POST", "faults", whole=Fault)
    def _fail(self, fault: Fault) -> dict[str, Any]:
        return {"fault_id": self._regulator.fail(fault)}

    @_command("DELETE", "faults")
    def _clear_faults(self) -> None:
        self._regulator.clear_faults()

    @_command("POST", "forget-keys")
    def _forget_keys(self) -> None:
        self._regulator.forget_keys()

    @_command("POST", "outage")
    def _outage(
        self,
        on: bool,
        how: OutageKind = "unavailable",
        retry_after_s: Annotated[int, Field(ge=0)] | None = None,
        until: Instant | None = None,
    ) -> dict[str, Any]:
        self._regulator.outage(on, Outage(how, retry_after_s, until))
        return {"on": on}

    @_command("POST", "skew")
    def _skew(self, seconds: Annotated[int, Field(ge=-_YEAR_S, le=_YEAR_S)]) -> dict[str, Any]:
        self._regulator.skew(seconds)
        return {"skew_s": seconds}

    @_command("GET", "keys")
    def _keys(self) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            used = {name: regulator.signing.of(name).key_id for name in regulator.platforms}
            return {"keys": [_key_json(key) for key in regulator.signing.known], "in_use": used}

    @_command("POST", "rotate")
    def _rotate(
        self, key_id: str | None = None, platform_id: str | None = None, authority_id: str | None = None
    ) -> dict[str, Any]:
        to = self._known(platform_id)
        try:
            return _key_json(self._regulator.rotate(key_id, platform_id=to, authority_id=authority_id))
        except KeyError as missing:
            raise refuse(404, "key_unknown", f"{missing.args[0]}.", field="key_id") from None

    @_command("POST", "registration")
    def _registration(self, status: RegistrationStatus, platform_id: str | None = None) -> dict[str, Any]:
        self._regulator.set_registration(status, self._known(platform_id))
        return {"status": status}

    @_command("POST", "alter")
    def _alter(self, how: Alteration, name: str, platform_id: str | None = None) -> dict[str, Any]:
        self._regulator.alter(how, name, self._known(platform_id))
        return {"altered": name}

    @_command("GET", "conduct")
    def _conduct(self) -> dict[str, Any]:
        return dataclasses.asdict(self._regulator.conduct)

    @_command("POST", "conduct", whole=Conduct)
    def _behave(self, conduct: Conduct) -> dict[str, Any]:
        self._regulator.behave(conduct)
        return dataclasses.asdict(conduct)

    @_command("GET", "scenarios")
    def _scenarios(self) -> dict[str, Any]:
        return {"scenarios": [json_of(each, "name told seconds notices") for each in SCENARIOS.values()]}

    @_command("POST", "play")
    def _play(
        self,
        scenario: str,
        seed: int = 1,
        notices: Annotated[int, Field(ge=0, le=9_999)] | None = None,
        pace: Annotated[int, Field(ge=1, le=86_400)] = 1,
    ) -> dict[str, Any]:
        try:
            steps = self._regulator.play(scenario, seed, notices=notices, pace=pace)
        except KeyError as missing:
            raise refuse(404, "scenario_unknown", f"{missing.args[0]}.", field="scenario") from None
        return {"planned": len(steps), "until": instant_text(max((step.at for step in steps), default=0))}

    @_command("GET", "agenda")
    def _agenda(self) -> dict[str, Any]:
        regulator = self._regulator
        return {
            "now": instant_text(regulator.now()),
            "agenda": [step_json(step) for step in regulator.agenda()],
            "history": [_done_json(done) for done in regulator.history()[-_NEWEST:]],
        }

    @_command("POST", "plan")
    def _plan(
        self, steps: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=_MOST_STEPS)]
    ) -> dict[str, Any]:
        planned = [read_step(value) for value in steps]
        for step in planned:
            self._known(step.platform_id)
        self._regulator.plan(*planned)
        return {"planned": len(planned)}

    @_command("POST", "advance")
    def _advance(self, seconds: Annotated[int, Field(ge=0, le=_YEAR_S)]) -> dict[str, Any]:
        try:
            taken = self._regulator.advance(seconds)
        except TypeError as wrong:
            raise refuse(409, "clock_runs", f"{wrong}.") from None
        return {"now": instant_text(self._regulator.now()), "taken": [_done_json(done) for done in taken]}

    def _message(self, message_id: str) -> IssuedMessage:
        message = self._regulator.message(message_id)
        if message is None:
            raise refuse(404, "message_unknown", "No message of this id was issued.", field="message_id")
        return message

    def _known(self, platform_id: str | None, field: str = "platform_id") -> str | None:
        if platform_id is not None and platform_id not in self._regulator.platforms:
            raise refuse(422, "platform_unknown", "No such platform is known here.", field=field)
        return platform_id


@cache
def _template() -> Template:
    # Most runs never look at the page, and loading Jinja2 takes some 50 ms.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("kz_compliance_sdk.testing.mock_regulator", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")


def _done_json(done: Done) -> dict[str, Any]:
    return {**step_json(done.step), "taken_at": instant_text(done.at), "outcome": done.outcome}


def _key_json(key: SigningKey) -> dict[str, Any]:
    """Of a shared secret only its id: a page that shows it would be the place to steal it."""
    told = json_of(key, "key_id algorithm")
    if key.algorithm == "ed25519":
        told["public_key"] = base64.b64encode(key.verification_material()).decode("ascii")
    return told


def _said(kind: str | None, data: dict[str, Any] | None, platform_id: str, now: str) -> Message:
    """The message that was asked for, judged as a platform would judge it."""
    envelope = {
        "id": "not-yet-issued",
        "type": kind,
        "api_version": API_VERSION,
        "sent_at": now,
        "platform_id": platform_id,
        "data": data,
    }
    return read_message(json.dumps(envelope, ensure_ascii=False).encode())


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise refuse(422, "schema_format", "The body is not base64.", field="body") from None


def _no_route(name: str) -> Refused:
    verbs = [verb for verb, known in ROUTES if known == name]
    return refuse_method(verbs) if verbs else refuse(404, "path_unknown", f"Nothing in {PREFIX} has this name.")


def _is_from_here(request: Request) -> None:
    host = request.header("host") or ""
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if not is_loopback(request.peer) or not is_loopback(host):
        raise refuse(403, "not_from_here", "The books are shown, and the mock is driven, from this machine alone.")
    if request.body:
        request.needs_json()
    if request.method not in ("GET", "HEAD") and request.header("origin") is not None:
        raise refuse(403, "not_from_here", "A page in a browser does not drive the mock.")


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
    names = "message_id:id type sequence notice_id issued_at body_sha256"
    return json_of(message, names, body_sha256=hashlib.sha256(message.body).hexdigest())


def push_json(push: Push) -> dict[str, Any]:
    """One push and the answer to every try."""
    body, tries = push.body.decode("utf-8", "replace"), [json_of(answer, "status error") for answer in push.answers]
    return json_of(push, "message_id what at status was_taken body tries", body=body, tries=tries)


def _notice_json(record: NoticeRecord) -> dict[str, Any]:
    kinds: tuple[Submission, ...] = ("acknowledgement", "clarification_request", "report")
    return {
        "notice": record.notice.model_dump(mode="json", exclude_none=True),
        "revision": record.notice.revision,
        **json_of(record, "due_at is_owed"),
        "messages": [message_json(message) for message in record.messages],
        **{f"{kind}s": [_recorded_json(each) for each in record.of_kind(kind)] for kind in kinds},
        "outcomes": record.outcomes(),
    }


def _recorded_json(recorded: Recorded) -> dict[str, Any]:
    body, receipt = (one.model_dump(mode="json", exclude_none=True) for one in (recorded.value, recorded.receipt))
    names = "idempotency_key:key body body_sha256 receipt"
    return json_of(recorded, names, body=body, body_sha256=recorded.receipt.body_sha256, receipt=receipt)
