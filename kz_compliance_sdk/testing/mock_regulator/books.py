"""The regulator's books, with the rules by which it records; and its interface over them, without I/O.

The books are pure state: no clock, no chance, no I/O. Nothing of the platform's own code is in here but `wire` and the
values that it speaks, so that a mistake in the desk cannot excuse itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, unquote

from msgspec import structs
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.errors import NotAuthentic, Unreadable
from kz_compliance_sdk.testing.mock_regulator.agenda import Fault, Route, down, failing, spoilt
from kz_compliance_sdk.testing.mock_regulator.exchange import (
    JSON,
    Refused,
    RegistrationStatus,
    Reply,
    Request,
    refuse,
    refuse_method,
    refuse_unreadable,
)
from kz_compliance_sdk.wire.signature import SigningKey, sign_response, verify
from kz_compliance_sdk.wire.strict_json import loads, read
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage, HeldNotice, MessageData, MessageType, Problem, encode
from kz_compliance_sdk.wire.values import (
    Acknowledgement,
    Cancellation,
    Clarification,
    ClarificationRequest,
    Notice,
    Receipt,
    Report,
    Sanction,
    canonical,
    instant_text,
    parse_instant,
)

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

Alteration = Literal[
    "forget_notice",
    "earlier_revision",
    "next_revision",
    "forget_record",
    "invent_record",
    "other_bytes",
    "other_receipt",
    "forget_sanction",
    "invent_sanction",
]
Submission = Literal["acknowledgement", "clarification_request", "report"]
Submitted = Acknowledgement | ClarificationRequest | Report

_MODELS: Final[Mapping[Submission, type[Submitted]]] = {
    "acknowledgement": Acknowledgement,
    "clarification_request": ClarificationRequest,
    "report": Report,
}
# 500 items of a report with every field that an item can have.
_MAX_NODES: Final = 50_000
_REGISTRATION: Final = ("owner", "apps", "users_a_day", "legal_representative", "office", "head")


@dataclass(frozen=True, slots=True)
class IssuedMessage:
    """One message as it was issued. `sequence` is its place in the feed, 0 if it was kept out of it. `authority_id` is
    the authority that speaks; None where the regulator itself does."""

    platform_id: str
    sequence: int
    id: str
    type: MessageType
    notice_id: str | None
    issued_at: int
    body: bytes
    data: MessageData
    authority_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One thing that the platform sent, in its exact bytes. `key`: its Idempotency-Key and its receipt's subject."""

    kind: Submission
    notice_id: str
    key: str
    body: bytes
    value: Submitted
    receipt: Receipt


class AlreadyRecorded(Exception):
    """Something else is recorded in its place; `recorded` is what."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded.key)
        self.recorded = recorded


@dataclass(frozen=True, slots=True)
class Registration:
    """The platform's entry in the register, as it was sent. Times are UTC seconds."""

    value: Mapping[str, Any]
    registered_at: int
    updated_at: int
    status: RegistrationStatus = "registered"


@dataclass(slots=True)
class NoticeRecord:
    """All that is held of one notice."""

    revisions: dict[int, Notice] = field(default_factory=dict)
    item_ids: set[str] = field(default_factory=set)
    messages: list[IssuedMessage] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    newest_report: dict[str, Recorded] = field(default_factory=dict)
    """By case reference: the report with the highest sequence."""
    due_at: int | None = None
    """When the regulator expects the final report, in UTC seconds."""
    is_answered: bool = False
    """Whether a final report was recorded since the newest revision was issued."""
    is_withdrawn: bool = False
    """Whether all of it was cancelled."""

    @property
    def notice(self) -> Notice:
        """Its newest revision."""
        return self.revisions[max(self.revisions)]

    def is_late(self, now: int) -> bool:
        """Whether a final report is owed at `now` (UTC seconds) and was due before."""
        return self.is_owed and self.due_at is not None and self.due_at < now

    @property
    def is_owed(self) -> bool:
        """Whether the platform still has to answer."""
        return not self.is_answered and not self.is_withdrawn

    def of_kind(self, kind: Submission) -> list[Recorded]:
        """What was recorded of one kind, oldest first."""
        return [each for each in self.recorded if each.kind == kind]

    def reports(self) -> list[Report]:
        """The reports, oldest first."""
        return [each.value for each in self.recorded if isinstance(each.value, Report)]

    def outcomes(self) -> dict[str, str]:
        """What was last reported of each item."""
        return {item.item_id: item.outcome for report in self.reports() for item in report.items}


class Books:
    """The books that are kept about one platform. `ids` makes the ids of messages and receipts."""

    def __init__(self, platform_id: str, ids: Callable[[], str]) -> None:
        self.platform_id = platform_id
        self.id = ids()
        self._ids = ids
        self.messages: dict[str, IssuedMessage] = {}
        self.feed: list[IssuedMessage] = []
        self.notices: dict[str, NoticeRecord] = {}
        self.recorded: dict[str, Recorded] = {}
        self.sanctions: list[Sanction] = []
        self.registration: Registration | None = None
        self._keys: dict[str, tuple[bytes, Recorded]] = {}

    def enter(self, message: IssuedMessage) -> None:
        """Enter what was issued. Raises Refused if it does not fit what is held."""
        data = message.data
        if message.id in self.messages:
            raise refuse(409, "message_id_taken", "A message of this id was already issued.", field="message_id")
        if isinstance(data, Sanction):
            self.sanctions.append(data)
        else:
            record = self.notices.get(data.notice_id)
            if isinstance(data, Notice):
                record = record or NoticeRecord()
                if data.revision in record.revisions:
                    raise refuse(409, "revision_taken", "This revision was already issued.", field="data.revision")
                record.revisions[data.revision] = data
                record.is_answered = record.is_withdrawn = False
                self.notices[data.notice_id] = record
            elif record is None:
                raise refuse(404, "notice_unknown", "No such notice was issued.", field="data.notice_id")
            elif isinstance(data, Cancellation) and data.item_ids is None:
                record.is_withdrawn = True
            if isinstance(data, Notice | Clarification):
                record.item_ids.update(item.item_id for item in data.items or ())
            record.messages.append(message)
        self.messages[message.id] = message
        if message.sequence:
            self.feed.append(message)

    def record(self, kind: Submission, notice_id: str, key: str, body: bytes, now: int) -> Recorded:
        """Record what the platform sent, once. A repeat gives what was recorded the first time.

        Raises Refused, and AlreadyRecorded if something else is recorded in its place.
        """
        sent = hashlib.sha256(f"{kind}\n{notice_id}\n".encode() + body).digest()
        if key in self._keys:
            first, recorded = self._keys[key]
            if first != sent:
                raise refuse(422, "idempotency_key_reused", "This Idempotency-Key was used for something else.")
            return recorded
        record = self.notices.get(notice_id)
        if record is None:
            raise refuse(404, "notice_unknown", "No such notice was issued to this platform.")
        value = _read(kind, body)
        if value.notice_id != notice_id:
            raise _wrong("notice_id", "The body names another notice than the path.")
        _CHECKS[kind](record, value, key)
        # Keys may be forgotten; what they stood for is not.
        if key in self.recorded:
            raise AlreadyRecorded(self.recorded[key])
        if isinstance(value, Report):
            standing = _standing(record, value)
        else:
            # A sender of 1.0 need not prove its key: whoever repeats its bytes under another gets no second receipt.
            standing = next((each for each in record.recorded if each.body == body), None)
        if standing is not None:
            raise AlreadyRecorded(standing)
        receipt = Receipt(
            receipt_id=f"rcpt_{self._ids()}",
            subject_id=key,
            body_sha256=hashlib.sha256(body).hexdigest(),
            recorded_at=now,
        )
        recorded = Recorded(kind, notice_id, key, body, value, receipt)
        record.recorded.append(recorded)
        if isinstance(value, Report):
            record.newest_report[value.case_reference] = recorded
            record.is_answered = record.is_answered or value.final
        self.recorded[key] = recorded
        self._keys[key] = (sent, recorded)
        return recorded

    def forget_keys(self) -> None:
        """Forget every Idempotency-Key, as a service does that keeps them for a day."""
        self._keys.clear()

    def held(self, notice_id: str) -> HeldNotice:
        """What is held of a notice. Raises Refused."""
        record = self.notices.get(notice_id)
        if record is None:
            raise refuse(404, "notice_unknown", "No such notice was issued to this platform.")
        return HeldNotice(
            notice=record.notice,
            acknowledgements=tuple(each.receipt for each in record.of_kind("acknowledgement")),
            clarification_requests=tuple(each.receipt for each in record.of_kind("clarification_request")),
            reports=tuple(each.receipt for each in record.of_kind("report")),
        )

    def report(self, report_id: str) -> Recorded:
        """The report of that id. Raises Refused."""
        recorded = self.recorded.get(report_id)
        if recorded is None or recorded.kind != "report":
            raise refuse(404, "report_unknown", "No such report was recorded.")
        return recorded

    def alter(self, how: Alteration, name: str) -> None:
        """Keep other books on purpose: about a notice, or what was recorded under a key, or a sanction, of this `name`.
        Raises Refused where there is none of that name."""
        notice, recorded = self.notices.get(name), self.recorded.get(name)
        if how == "forget_notice" and notice is not None:
            del self.notices[name]
            self.feed = [message for message in self.feed if message.notice_id != name]
        elif how == "earlier_revision" and notice is not None and len(notice.revisions) > 1:
            del notice.revisions[max(notice.revisions)]
        elif how == "next_revision" and notice is not None:
            newest = notice.notice
            notice.revisions[newest.revision + 1] = structs.replace(newest, revision=newest.revision + 1)
        elif how == "invent_record" and notice is not None and notice.recorded:
            model = notice.recorded[-1]
            receipt = model.receipt.model_copy(update={"subject_id": self._ids(), "receipt_id": self._ids()})
            notice.recorded.append(replace(model, key=receipt.subject_id, receipt=receipt))
        elif how == "forget_record" and recorded is not None:
            self.notices[recorded.notice_id].recorded.remove(recorded)
            del self.recorded[name]
        elif how in ("other_bytes", "other_receipt") and recorded is not None:
            other = {"body_sha256": "0" * 64} if how == "other_bytes" else {"receipt_id": self._ids()}
            altered = replace(recorded, receipt=recorded.receipt.model_copy(update=other))
            entries = self.notices[recorded.notice_id].recorded
            entries[entries.index(recorded)] = self.recorded[name] = altered
        elif how == "forget_sanction" and any(one.sanction_id == name for one in self.sanctions):
            self.sanctions = [one for one in self.sanctions if one.sanction_id != name]
        elif how == "invent_sanction":
            self.sanctions.append(Sanction(sanction_id=name, level="warning", effective_at=0, reference_number=name))
        else:
            raise refuse(
                404, "notice_unknown", f"There is nothing of this name to {how.replace('_', ' ')}.", field="name"
            )

    def register(self, body: bytes, now: int) -> bool:
        """Enter the platform in the register, or change its entry; whether it is new. Raises Refused.

        The parts of an entry are kept as they were sent.
        """
        try:
            value = loads(body)
        except Unreadable as wrong:
            raise refuse_unreadable(wrong) from None
        for name in _REGISTRATION:
            if value.get(name) in (None, "", [], {}):
                raise refuse(422, "schema_missing", "A required field is missing.", field=name)
        if type(value["users_a_day"]) is not int or value["users_a_day"] < 0:
            raise refuse(422, "schema_type", "A whole number is needed.", field="users_a_day")
        known = self.registration
        status: RegistrationStatus = known.status if known else "registered"
        self.registration = Registration(value, known.registered_at if known else now, now, status)
        return known is None

    def set_registration(self, status: RegistrationStatus) -> None:
        """Change the state of the platform's entry. Raises Refused if there is none."""
        if self.registration is None:
            raise refuse(404, "registration_unknown", "The platform is not in the register.")
        self.registration = replace(self.registration, status=status)


def _read(kind: Submission, body: bytes) -> Submitted:
    try:
        return read(_MODELS[kind], body, max_nodes=_MAX_NODES)
    except Unreadable as wrong:
        raise refuse_unreadable(wrong) from None


def _check_acknowledgement(record: NoticeRecord, value: Any, _key: str) -> None:
    if value.revision not in record.revisions:
        raise _wrong("revision", "This revision was never issued.")


def _check_clarification_request(record: NoticeRecord, value: Any, key: str) -> None:
    if value.request_id != key:
        raise _wrong("request_id", "It must be the Idempotency-Key as well.")
    for place, question in enumerate(value.questions):
        if question.item_id is not None and question.item_id not in record.item_ids:
            raise _wrong(f"questions[{place}].item_id", "The notice has no such item.")


def _check_report(record: NoticeRecord, value: Any, key: str) -> None:
    if value.report_id != key:
        raise _wrong("report_id", "It must be the Idempotency-Key as well.")
    if all(value.reference_number != notice.reference_number for notice in record.revisions.values()):
        raise _wrong("reference_number", "The notice has another one.")
    spoken = {lang for notice in record.revisions.values() for lang in _spoken(notice)}
    for place, item in enumerate(value.items):
        if item.item_id not in record.item_ids:
            raise _wrong(f"items[{place}].item_id", "The notice has no such item.")
        given = {statement.lang.partition("-")[0].lower() for statement in item.statement_of_reasons}
        # Nobody has to answer in a language that is none of the country's or of this interface.
        if given and spoken & {"kk", "ru", "en"} and not given & spoken:
            raise _wrong(f"items[{place}].statement_of_reasons", "Use at least one language of the notice.")


_CHECKS: Final[Mapping[Submission, Callable[[NoticeRecord, Any, str], None]]] = {
    "acknowledgement": _check_acknowledgement,
    "clarification_request": _check_clarification_request,
    "report": _check_report,
}


def _standing(record: NoticeRecord, report: Report) -> Recorded | None:
    """The recorded report that leaves no place for this one: sequences of a case grow, and may have gaps."""
    newest = record.newest_report.get(report.case_reference)
    if newest is None or not isinstance(newest.value, Report) or newest.value.sequence < report.sequence:
        return None
    place = report.case_reference, report.sequence
    reports = ((each, each.value) for each in record.recorded if isinstance(each.value, Report))
    return next((each for each, value in reports if (value.case_reference, value.sequence) == place), newest)


def _wrong(where: str, detail: str) -> Refused:
    return refuse(422, "schema_value", detail, field=where)


def _spoken(notice: Notice) -> set[str]:
    """The languages of a notice, or of its reasons, without their regions."""
    tags = notice.languages or tuple(reason.lang for reason in notice.statement_of_reasons)
    return {tag.partition("-")[0].lower() for tag in tags}


# ------------------------------------------------------------------------------------------------------------ interface
# The regulator's interface without I/O: one request in, one reply out. The mount does not matter: a socket, an ASGI
# server, or a test that calls `handle` itself.


MAX_LIMIT: Final = 1_000
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Where a page ends even if fewer entries than its limit are in it; one entry always fits."""
SINCE_S: Final = 90 * 86_400
"""How far `since` reaches back, in seconds."""

_CURSOR = re.compile(r"([A-Za-z0-9_-]{1,64})/([0-9]{1,15})", re.ASCII)
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)


def write_cursor(books_id: str, sequence: int) -> str:
    """The cursor after the entry `sequence`."""
    return base64.urlsafe_b64encode(f"{books_id}/{sequence}".encode("ascii")).decode("ascii").rstrip("=")


def read_cursor(books_id: str, text: str, last: int) -> int:
    """The sequence that a cursor stands after. Raises Refused (`cursor_unknown`) unless these books gave it out."""
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        plain = ""
    found = _CURSOR.fullmatch(plain)
    # One place has one text, so that writing it again also tells whether it names these books.
    if found is None or int(found[2]) > last or write_cursor(books_id, int(found[2])) != text:
        raise refuse(
            400,
            "cursor_unknown",
            "This cursor was not given out here. Begin without one, or with since.",
            field="after",
        )
    return int(found[2])


def read_limit(text: str) -> int:
    """How many entries a page may hold. Raises Refused."""
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise refuse(400, "limit_invalid", f"limit is a number from 1 to {MAX_LIMIT}.", field="limit")
    return int(text)


class SigningKeys:
    """The key in use for each purpose, and the spare ones that a rotation can name."""

    def __init__(self, key: SigningKey, spare: Iterable[SigningKey] = ()) -> None:
        self._known = {each.key_id: each for each in (key, *spare)}
        self._used: dict[tuple[str | None, str | None], SigningKey] = {(None, None): key}

    @property
    def known(self) -> tuple[SigningKey, ...]:
        """Every key, in the order in which they became known."""
        return tuple(self._known.values())

    def of(self, platform_id: str, authority_id: str | None = None) -> SigningKey:
        """The key that signs what an authority says to a platform; without an authority, what the regulator says."""
        used = self._used
        for purpose in ((platform_id, authority_id), (platform_id, None), (None, authority_id)):
            if purpose in used and purpose != (None, None):
                return used[purpose]
        return used[None, None]

    def rotate(
        self, key_id: str | None = None, *, platform_id: str | None = None, authority_id: str | None = None
    ) -> SigningKey:
        """Sign with another key from now on, for one platform, one authority, or everything that has no key of its own.

        Without `key_id` it is the known key that comes after the one in use. Raises KeyError.
        """
        if key_id is None:
            at = self._used.get((platform_id, authority_id), self._used[None, None])
            names = list(self._known)
            following = names[names.index(at.key_id) + 1 :]
            if not following:
                raise KeyError("there is no key left to rotate to: give spare_keys")
            key_id = following[0]
        if key_id not in self._known:
            raise KeyError(f"no key {key_id!r} is known: give it in spare_keys")
        self._used[platform_id, authority_id] = self._known[key_id]
        return self._known[key_id]


_ID = r"([^/]{1,400})"
_ROUTES: Final[tuple[tuple[str, re.Pattern[str], Route], ...]] = (
    ("POST", re.compile(rf"/v1/notices/{_ID}/reports"), "report"),
    ("POST", re.compile(rf"/v1/notices/{_ID}/acknowledgements"), "acknowledgement"),
    ("POST", re.compile(rf"/v1/notices/{_ID}/clarification-requests"), "clarification_request"),
    ("GET", re.compile(r"/v1/notices"), "feed"),
    ("GET", re.compile(rf"/v1/notices/{_ID}"), "notice"),
    ("GET", re.compile(rf"/v1/reports/{_ID}"), "report_look_up"),
    ("GET", re.compile(rf"/v1/platforms/{_ID}/registration"), "registration"),
    ("PUT", re.compile(rf"/v1/platforms/{_ID}/registration"), "registration"),
    ("GET", re.compile(rf"/v1/platforms/{_ID}/sanctions"), "sanctions"),
)
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# A feed entry's signature is renewed when it is this old: well inside the window in which it must arrive.
_RESIGN_S: Final = 60
_NOT_AUTHENTIC: Final = Problem.of("not_authentic", 401, "The origin of the request is not proved.")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the interface. `status` is what was meant to be answered; `ending` what became of it;
    `faults` are the kinds that struck it."""

    at: int
    method: str
    path: str
    status: int
    ending: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a route says before it is signed. `receipt` is given where the body is one."""

    platform_id: str
    status: int
    body: bytes
    receipt: Receipt | None = None


class Interface:
    """The endpoints of the contract over the regulator's books. Requests are judged by the right time; what is
    answered is dated by the time that the regulator writes."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator
        self._entries: dict[tuple[str, str], tuple[int, str, FeedEntry]] = {}

    def handle(self, request: Request) -> Reply:
        """The reply to one request. Never raises for what is in it."""
        now = self._regulator.now()
        reply, faults = self._handle(request, now)
        self._regulator.seen.append(Seen(now, request.method, request.path, reply.status, reply.ending, faults))
        return reply

    def _handle(self, request: Request, now: int) -> tuple[Reply, tuple[str, ...]]:
        path, plan, dated = request.path, self._regulator.faults, self._regulator.dated()
        outage = plan.outage_at(now)
        if outage is not None:
            plan.struck[outage.how] += 1
            return down(outage, dated), (outage.how,)
        route, argument = _route(path, request.method)
        early = plan.before(route, path)
        delay = sum(fault.latency_ms for fault in early if fault.kind == "latency")
        struck = tuple(fault.kind for fault in early)
        if early and early[-1].kind != "latency":
            return replace(failing(early[-1], dated), delay_ms=delay), struck
        try:
            answer = self._answer(request, route, argument, now)
        except Refused as refused:
            reply = refused.reply()
            late = plan.after(route, path, receipt=False, proved=False)
        else:
            late = plan.after(route, path, receipt=answer.receipt is not None, proved=True)
            reply = self._signed(answer, late)
        struck += tuple(fault.kind for fault in late)
        return replace(spoilt(reply, late), delay_ms=delay), struck

    def _answer(self, request: Request, route: Route | None, argument: str, now: int) -> _Answer:
        if route is None:
            raise _no_route(request.path)
        try:
            uri = self._regulator.url + request.target
            verified = verify(self._regulator.ring, request.method, uri, request.headers, request.body, now)
        except NotAuthentic:
            raise Refused(_NOT_AUTHENTIC) from None
        # What is authentic but late has a third exit at the platform, for there it is an order. Here it is not.
        untimely = verified.stale or verified.key_expired or verified.key_early
        if untimely or verified.platform_id not in self._regulator.platforms:
            raise Refused(_NOT_AUTHENTIC)
        platform_id = verified.platform_id
        books = self._regulator.books_of(platform_id)
        if route in ("report", "acknowledgement", "clarification_request"):
            return self._submission(books, route, argument, request)
        if route == "feed":
            return _Answer(platform_id, 200, self._feed(books, request.target.partition("?")[2]))
        if route == "notice":
            return _Answer(platform_id, 200, encode(books.held(argument)))
        if route == "report_look_up":
            receipt = books.report(argument).receipt
            return _Answer(platform_id, 200, encode(receipt), receipt)
        if argument != platform_id:
            raise refuse(404, "platform_unknown", "No such platform is known to this key.")
        if route == "sanctions":
            announced = [each.model_dump(mode="json", exclude_none=True) for each in books.sanctions]
            return _Answer(platform_id, 200, canonical({"data": announced}))
        return self._registration(books, request)

    def _submission(self, books: Books, kind: Submission, notice_id: str, request: Request) -> _Answer:
        request.needs_json()
        key = request.header("idempotency-key")
        if key is None or not _KEY.fullmatch(key):
            raise refuse(
                400, "idempotency_key_missing", "Send one Idempotency-Key of 1 to 128 of A-Z a-z 0-9 . _ : - ."
            )
        count = len(books.recorded)
        try:
            recorded, status = books.record(kind, notice_id, key, request.body, self._regulator.dated()), 201
        except AlreadyRecorded as standing:
            recorded, status = standing.recorded, 409
        if len(books.recorded) > count:
            self._regulator.recorded(books, recorded)
        return _Answer(books.platform_id, status, encode(recorded.receipt), recorded.receipt)

    def _registration(self, books: Books, request: Request) -> _Answer:
        if request.method == "PUT":
            request.needs_json()
            status = 201 if books.register(request.body, self._regulator.dated()) else 200
            if status == 201:
                self._regulator.registered(books)
        else:
            status = 200
        entry = books.registration
        if entry is None:
            raise refuse(404, "registration_unknown", "The platform is not in the register.")
        value = {
            "registration": entry.value,
            "status": entry.status,
            "registered_at": instant_text(entry.registered_at),
            "updated_at": instant_text(entry.updated_at),
        }
        # Its parts are the platform's own: they may hold a fraction, which has no canonical form.
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return _Answer(books.platform_id, status, body)

    def _feed(self, books: Books, query: str) -> bytes:
        now = self._regulator.dated()
        asked = dict(parse_qsl(query, keep_blank_values=True))
        limit = read_limit(asked.get("limit", "100"))
        if "after" in asked and "since" in asked:
            raise refuse(400, "query_invalid", "Use after or since.", field="since")
        if "since" in asked:
            since = _since(asked["since"], now)
            start = next((at for at, each in enumerate(books.feed) if each.issued_at >= since), len(books.feed))
        else:
            start = read_cursor(books.id, asked["after"], len(books.feed)) if asked.get("after") else 0
        entries: list[FeedEntry] = []
        size = 0
        for message in books.feed[start : start + limit]:
            entry = self._entry(message, now)
            size += len(entry.body)
            if entries and size > MAX_PAGE_BYTES:
                break
            entries.append(entry)
        end = start + len(entries)
        page = FeedPage(data=tuple(entries), next_cursor=write_cursor(books.id, end), has_more=end < len(books.feed))
        return encode(page)

    def _entry(self, message: IssuedMessage, now: int) -> FeedEntry:
        regulator, place = self._regulator, (message.platform_id, message.id)
        key = regulator.signing.of(message.platform_id, message.authority_id)
        signed_at, key_id, entry = self._entries.get(place, (0, "", None))
        if entry is None or key_id != key.key_id or not 0 <= now - signed_at <= _RESIGN_S:
            # As it is signed for a push.
            headers = regulator.signature(
                message.platform_id, message.id, message.body, authority_id=message.authority_id
            )
            body = base64.b64encode(message.body).decode("ascii")
            entry = FeedEntry(sequence=message.sequence, body=body, headers=dict(headers))
            self._entries[place] = (now, key.key_id, entry)
        return entry

    def _signed(self, answer: _Answer, late: list[Fault]) -> Reply:
        kinds = {fault.kind for fault in late}
        body = answer.body
        if answer.receipt is not None and kinds & {"wrong_digest", "wrong_subject"}:
            changed = {"body_sha256": "0" * 64} if "wrong_digest" in kinds else {"subject_id": "another-message"}
            body = encode(answer.receipt.model_copy(update=changed))
        if "unsigned" in kinds:
            return Reply(answer.status, (JSON,), body)
        # A signature that is well formed and covers something else.
        covered = body + b" " if "bad_signature" in kinds else body
        regulator = self._regulator
        key = regulator.signing.of(answer.platform_id)
        headers = sign_response(key, regulator.profile, answer.status, covered, regulator.dated(), regulator.nonce())
        return Reply(answer.status, (JSON, *headers), body)


def _route(path: str, method: str) -> tuple[Route | None, str]:
    for verb, pattern, route in _ROUTES:
        if verb == method and (found := pattern.fullmatch(path)):
            return route, unquote(found[1]) if found.re.groups else ""
    return None, ""


def _no_route(path: str) -> Refused:
    verbs = sorted({verb for verb, pattern, _ in _ROUTES if pattern.fullmatch(path)})
    return refuse_method(verbs) if verbs else refuse(404, "path_unknown", "There is nothing here.")


def _since(text: str, now: int) -> int:
    try:
        since = parse_instant(text)
    except PydanticCustomError as wrong:
        raise refuse(400, wrong.type, wrong.message(), field="since") from None
    if since < now - SINCE_S:
        raise refuse(400, "since_too_old", "The feed reaches back 90 days.", field="since")
    return since
