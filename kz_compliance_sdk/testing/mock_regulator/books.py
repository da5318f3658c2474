"""The regulator's books: what it issued, what it received, and the rules by which it records.

Pure state: no clock, no chance, no I/O. Nothing of the platform's own code is in here but `wire` and the values that it
speaks, so that a mistake in the desk cannot excuse itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused, refuse, refuse_unreadable
from kz_compliance_sdk.wire.strict_json import loads, read
from kz_compliance_sdk.wire.v1 import HeldNotice, MessageData, MessageType
from kz_compliance_sdk.wire.values import (
    Acknowledgement,
    Cancellation,
    Clarification,
    ClarificationRequest,
    Notice,
    Receipt,
    Report,
    Sanction,
)

Submission = Literal["acknowledgement", "clarification_request", "report"]
RegistrationStatus = Literal["pending", "registered", "suspended"]
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
