"""The messages of the contract, version 1, between bytes and values.

Knows no role: the platform reads what the regulator writes, and the mock regulator uses the same file.
The bytes of what arrives are kept elsewhere as they came; `Message` is what they mean.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from msgspec import Struct, convert
from pydantic import Field, StringConstraints
from pydantic_core import from_json

from kz_compliance_sdk.domain.notice import (
    Cancellation,
    Clarification,
    Notice,
    Reminder,
    Sanction,
    UnreadableNotice,
    is_usual,
)
from kz_compliance_sdk.domain.report import OutboundModel, Receipt
from kz_compliance_sdk.domain.values import Identifier, Instant, Line, ValueModel, WireValue, canonical, parse_instant
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.strict_json import loads, read, refused, validated

API_VERSION: Final = "1"

MessageType = Literal[
    "notice.issued", "notice.amended", "notice.clarified", "notice.cancelled", "notice.reminded", "sanction.announced"
]
MessageData = Notice | Clarification | Cancellation | Reminder | Sanction


class Envelope(WireValue, frozen=True, kw_only=True):
    """What every message of the regulator is wrapped in. A repeat has the same `id` and the same body."""

    id: Identifier
    api_version: Literal["1"]
    sent_at: Instant
    platform_id: Identifier


class NoticeIssued(Envelope, frozen=True, kw_only=True):
    """Opens a case; its clock starts at receipt."""

    type: Literal["notice.issued"]
    data: Notice


class NoticeAmended(Envelope, frozen=True, kw_only=True):
    """Supersedes the revision before it."""

    type: Literal["notice.amended"]
    data: Notice


class NoticeClarified(Envelope, frozen=True, kw_only=True):
    """Answers a clarification request."""

    type: Literal["notice.clarified"]
    data: Clarification


class NoticeCancelled(Envelope, frozen=True, kw_only=True):
    """Withdraws a notice or some of its items."""

    type: Literal["notice.cancelled"]
    data: Cancellation


class NoticeReminded(Envelope, frozen=True, kw_only=True):
    """Raises the escalation level and leaves the clock alone."""

    type: Literal["notice.reminded"]
    data: Reminder


class SanctionAnnounced(Envelope, frozen=True, kw_only=True):
    """Opens a sanction on the office's board."""

    type: Literal["sanction.announced"]
    data: Sanction


ENVELOPES: Final[Mapping[str, type[Envelope]]] = {
    "notice.issued": NoticeIssued,
    "notice.amended": NoticeAmended,
    "notice.clarified": NoticeClarified,
    "notice.cancelled": NoticeCancelled,
    "notice.reminded": NoticeReminded,
    "sanction.announced": SanctionAnnounced,
}


class Message(Struct, frozen=True):
    """One message of the regulator. `raw` is `data` as it came, before anything was left out of it."""

    id: str
    type: MessageType
    sent_at: int
    platform_id: str
    data: MessageData
    raw: Mapping[str, Any]


def read_message(body: bytes) -> Message:
    """What an authentic body says.

    Raises Unreadable and nothing else: the codes of `strict_json.loads` and of `strict_json.FIELD_CODES`.
    """
    return _message(loads(body))


def read_admitted(body: bytes) -> Message:
    """As `read_message`, for bytes that it has read before they were stored: that no key is there twice, and whatever
    else only a stranger's JSON can hold, is not looked for again."""
    try:
        value = from_json(body)
    except ValueError:
        value = None
    return _message(value if type(value) is dict else loads(body))


def _usual(form: type[Envelope], value: dict[str, Any]) -> NoticeIssued | NoticeAmended | None:
    """A message as nearly all are: a notice whose times are texts and whose other texts have their usual form. None for
    what only the strict reader can judge, whatever comes of it there."""
    if form is not NoticeIssued and form is not NoticeAmended:
        return None
    try:
        data = value["data"]
        timed = {**data, "issued_at": parse_instant(data["issued_at"])}
        for name, at in _TIMES:
            if (part := timed.get(name)) is not None and (said := part.get(at)) is not None:
                timed[name] = {**part, at: parse_instant(said)}
        read: Any = convert({**value, "sent_at": parse_instant(value["sent_at"]), "data": timed}, form)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return read if is_usual(read.data, read.id, read.platform_id) else None


_TIMES: Final = (("deadline", "due_at"), ("user_notice", "delay_until"), ("preservation", "until"))


def _message(value: dict[str, Any]) -> Message:
    form = _envelope_of(value)
    envelope = _usual(form, value) or validated(form, value)
    data: MessageData = envelope.data  # type: ignore[attr-defined]  # each row of ENVELOPES has it
    kind: MessageType = value["type"]
    if isinstance(data, Notice):
        if data.platform_id != envelope.platform_id:
            raise refused(
                "platform_mismatch", "the envelope and the notice name two platforms", field="data.platform_id"
            )
        if kind == "notice.amended" and data.revision == 1:
            raise refused("amendment_target", "revision 1 amends nothing", field="data.revision")
    return Message(envelope.id, kind, envelope.sent_at, envelope.platform_id, data, value["data"])


def write_message(kind: MessageType, data: MessageData, *, message_id: str, sent_at: int, platform_id: str) -> bytes:
    """The body of one message. `sent_at` is UTC seconds.

    Raises pydantic's ValidationError if an argument is not what the contract allows.
    """
    value = {"id": message_id, "type": kind, "api_version": API_VERSION, "sent_at": sent_at, "platform_id": platform_id}
    return encode(ENVELOPES[kind].model_validate({**value, "data": data}))


def unreadable(body: bytes, error: Unreadable) -> UnreadableNotice:
    """What can still be told of an authentic body that `read_message` refused with `error`.

    An id that the body gives in two ways is not told: nobody may act on a guess.
    """
    notice_id, authority_id = _ids(body)
    return UnreadableNotice(
        code=error.code,
        field=error.field,
        reason=f"{error.message} {error.remedy}".rstrip(),
        notice_id=notice_id,
        authority_id=authority_id,
    )


class Accepted(ValueModel):
    """The answer to a message that was admitted: only sent after it is durable."""

    case_reference: Line
    received_at: Instant
    due_at: Instant


class Noted(ValueModel):
    """The answer to a message that is durable and that no case takes: it waits for its notice, or is a sanction."""

    case_reference: None = None
    subject_id: Identifier
    received_at: Instant


class FeedEntry(ValueModel):
    """One message of the feed: the exact bytes and the headers that sign them, as if it had been pushed.

    The signature is made for `method` and the platform's own intake address.
    """

    sequence: Annotated[int, Field(ge=0)]
    body: str
    method: Literal["POST"] = "POST"
    headers: dict[str, str]

    def exact_body(self) -> bytes:
        """The bytes that were signed. Raises Unreadable (`feed_body`) if they are not in base64."""
        try:
            return base64.b64decode(self.body.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise Unreadable(
                "the entry's body is not base64.", field="body", remedy="Encode the exact bytes.", code="feed_body"
            ) from None

    def header_list(self) -> list[tuple[str, str]]:
        """The headers as `signature.verify` takes them."""
        return [(name.lower(), value) for name, value in self.headers.items()]


class FeedPage(ValueModel):
    """A page of the feed, oldest first. `next_cursor` is where the next page begins and never skips."""

    data: Annotated[tuple[FeedEntry, ...], Field(strict=False, max_length=1_000)]
    next_cursor: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    has_more: bool


class HeldNotice(ValueModel):
    """What the regulator holds of one notice: its newest revision and the receipt of everything recorded for it."""

    notice: Notice
    acknowledgements: Annotated[tuple[Receipt, ...], Field(strict=False)] = ()
    clarification_requests: Annotated[tuple[Receipt, ...], Field(strict=False)] = ()
    reports: Annotated[tuple[Receipt, ...], Field(strict=False)] = ()


class Sanctions(ValueModel):
    """What was announced to the platform, oldest first."""

    data: Annotated[tuple[Sanction, ...], Field(strict=False)]


_Encodable = TypeVar("_Encodable", Accepted, Envelope, FeedPage, HeldNotice, OutboundModel, Receipt)


def encode(value: _Encodable) -> bytes:
    """The body that says `value`: canonical JSON, times as text, nulls left out."""
    return canonical(value.model_dump(mode="json", exclude_none=True))


def read_receipt(body: bytes) -> Receipt:
    """The receipt that the regulator answered with. Raises Unreadable and nothing else."""
    return read(Receipt, body)


def read_feed(body: bytes) -> FeedPage:
    """A page of the feed. Raises Unreadable and nothing else; the entries' bodies are not looked into."""
    return read(FeedPage, body, max_nodes=100_000)


def _envelope_of(value: Mapping[str, Any]) -> type[Envelope]:
    # Before the rest is judged: what another version or another type requires is not known here.
    for name in ("api_version", "type"):
        if value.get(name) is None:
            raise refused("schema_missing", "a required field is missing", field=name)
        if type(value[name]) is not str:
            raise refused("schema_type", "the value has another type than the contract gives", field=name)
    if value["api_version"] != API_VERSION:
        raise refused("schema_version", "this version of the interface is not spoken here", field="api_version")
    envelope = ENVELOPES.get(value["type"])
    if envelope is None:
        raise refused("type_unsupported", "this type of message is not known here", field="type")
    return envelope


_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NOTICE_ID = re.compile(rb'"notice_id"\s*:\s*"([A-Za-z0-9._:-]{1,128})"')
_AUTHORITY_ID = re.compile(rb'"issuing_authority"\s*:\s*\{\s*"id"\s*:\s*"([A-Za-z0-9._:-]{1,128})"')


def _ids(body: bytes) -> tuple[str | None, str | None]:
    try:
        data = loads(body).get("data")
    except Unreadable:
        return _only(_NOTICE_ID, body), _only(_AUTHORITY_ID, body)
    if type(data) is not dict:
        return None, None
    authority = data.get("issuing_authority")
    return _id(data.get("notice_id")), _id(authority.get("id") if type(authority) is dict else authority)


def _id(value: object) -> str | None:
    return value if type(value) is str and _ID.fullmatch(value) else None


def _only(pattern: re.Pattern[bytes], body: bytes) -> str | None:
    found = set(pattern.findall(body))
    return found.pop().decode("ascii") if len(found) == 1 else None


class _AnyPage(FeedPage):
    data: Annotated[tuple[Any, ...], Field(strict=False, max_length=1_000)]


@dataclass(frozen=True, slots=True)
class FeedRead:
    """A page of the feed, entry by entry; None stands for one that is not what the contract says."""

    entries: tuple[FeedEntry | None, ...]
    next_cursor: str | None
    has_more: bool


def read_feed_by_entry(body: bytes) -> FeedRead:
    """As `read_feed`, but an entry that cannot be read hides no other. Raises Unreadable for what is no page at all."""
    page = read(_AnyPage, body, max_nodes=100_000)
    return FeedRead(tuple(_entry(value) for value in page.data), page.next_cursor, page.has_more)


def _entry(value: Any) -> FeedEntry | None:
    try:
        return validated(FeedEntry, value)
    except Unreadable:
        return None


# ------------------------------------------------------------------------------------------------------------ problem
# Problems as RFC 9457 writes them: what every refusal says on the wire.


PROBLEM_BASE: Final = "https://kz-compliance.example/problems/"
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class Problem(ValueModel):
    """Why a request was not done. `code` is for programs; `field` is a JSON path into what was sent.

    RFC 9457 makes every member optional, and an intermediary may answer in our peer's place.
    """

    type: str = "about:blank"
    title: str | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    detail: str | None = None
    instance: str | None = None
    code: str | None = None
    field: str | None = None

    @classmethod
    def of(cls, code: str, status: int, detail: str, *, field: str | None = None, instance: str | None = None) -> Self:
        """The problem that `code` names. `instance` is a reference to search the logs for."""
        return cls(
            type=PROBLEM_BASE + code,
            title=code.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            instance=instance,
            code=code,
            field=field or None,
        )


def problem_bytes(problem: Problem) -> bytes:
    """The body of an answer of type PROBLEM_MEDIA_TYPE; equal problems give equal bytes."""
    return canonical(problem.model_dump(mode="json", exclude_none=True))


def read_problem(body: bytes) -> Problem | None:
    """The problem that a peer answered with; None if it answered with something else."""
    try:
        return read(Problem, body)
    except Unreadable:
        return None
