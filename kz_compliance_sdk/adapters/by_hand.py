"""The way of letters: the answer as a page that a person signs, sends and records.

A letter says what the message that it carries says, item by item, in words that are data (the catalogues
`letters`), and names each item as the authority's own notice does. It knows nothing else, so it can name nobody
whom the notice does not. It is the same for the same message, and its foot holds the digest of the message, so that
paper and record can be held together.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, get_args

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.house import Entry
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.report import Acknowledgement, ClarificationRequest, Report, ReportItem, Statement
from kz_compliance_sdk.domain.words import Words
from kz_compliance_sdk.domain.words import words as words_of
from kz_compliance_sdk.errors import InvalidInput, RegulatorError, Unreadable
from kz_compliance_sdk.ports import ByPerson, Delivered, FeedPage, RetryAt, Sent
from kz_compliance_sdk.wire.strict_json import loads, validated

Lang = Literal["kk", "ru"]

_WIDTH = 78
_MAX_NODES = 1_000_000
_NO_ITEMS: Mapping[str, Item] = MappingProxyType({})
_CARRIED = ("acknowledgement", "clarification", "report")
_Content = Acknowledgement | ClarificationRequest | Report


@dataclass(frozen=True, slots=True)
class LetterHead:
    """What a letter takes from the office that sends it. What is empty is left blank, to be filled in by hand."""

    name: str
    address: str
    head_role: str
    head_name: str
    outgoing_number: str | None = None
    addressee: str = ""


@dataclass(frozen=True, slots=True)
class _Heading:
    text: str
    level: int


@dataclass(frozen=True, slots=True)
class _Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    value: str


_Block = _Heading | _Paragraph | _Row


class ByHand:
    """`ports.Regulator` by letter: what is sent waits for a person, who records how it was delivered."""

    name = "by_hand"

    def __init__(self, office: LetterHead) -> None:
        self._office = office

    def send(self, message: OutboxMessage) -> Sent:
        """Make sure that the letter can be written in both languages, and hand it to a person.

        Raises InvalidInput for a message that no letter carries.
        """
        if message.kind not in _CARRIED:
            raise InvalidInput(
                f"no letter carries a message of kind {message.kind}.", field="kind", remedy="Use its own way."
            )
        for lang in get_args(Lang):
            render_letter(message.body, lang, self._office)
        what = f"send the {message.kind} of case {message.case_id} as a letter"
        return ByPerson(f"{what}, then record its channel, outgoing number, time and proof")

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        """None: only a person can say that a letter arrived."""
        return None

    def fetch(self, after: str, limit: int) -> FeedPage:
        """Raises RegulatorError: letters have no feed, they are typed in."""
        raise RegulatorError("letters have no feed: type the notice in", maybe_sent=False, code="no_feed")


def render_letter(message_body: bytes, lang: str, office: LetterHead, items: Mapping[str, Item] = _NO_ITEMS) -> str:
    """The letter as plain text, at most 78 characters to a line where words allow it.

    `message_body` is the exact body of an acknowledgement, a clarification request or a report; `lang` is `kk` or
    `ru`; `items` are the notice's, by their id. Raises InvalidInput for any other message or language.
    """
    return _page(_blocks(message_body, lang, office, items))


def render_entry(entry: Entry, lang: str, office: LetterHead) -> str:
    """The letter by which a platform gives what the register is to hold of it, as `render_letter`. Raises InvalidInput
    for another language."""
    return _page(_of_entry(entry, lang, office))


def _page(blocks: Iterable[_Block]) -> str:
    lines: list[str] = []
    before: _Block | None = None
    for block in blocks:
        # Rows stand together; everything else stands apart.
        if before is not None and not (isinstance(block, _Row) and isinstance(before, _Row)):
            lines.append("")
        lines += _as_lines(block)
        before = block
    return "\n".join(lines) + "\n"


def render_html(message_body: bytes, lang: str, office: LetterHead, items: Mapping[str, Item] = _NO_ITEMS) -> str:
    """The letter as one HTML page to be printed on A4, without script or anything from outside. As `render_letter`."""
    blocks = _blocks(message_body, lang, office, items)
    return template("kz_compliance_sdk.adapters", "letter.html").render(lang=lang, name=office.name, blocks=blocks)


def _as_lines(block: _Block) -> Iterator[str]:
    match block:
        case _Heading(text, level):
            yield from _wrapped(text, "")
            if level > 1:
                yield "-" * min(len(text), _WIDTH)
        case _Paragraph(text):
            for line in text.splitlines():
                yield from _wrapped(line, "")
        case _Row(label, value):
            first, *rest = value.splitlines() or [""]
            yield from _wrapped(f"{label}: {first}", "    ")
            for line in rest:
                yield from _wrapped("    " + line, "    ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _time(words: Words, at: int) -> str:
    return _when(words, "time", at)


def _when(words: Words, form: str, at: int) -> str:
    local = datetime.fromtimestamp(at, almaty())
    offset = local.utcoffset()
    hours = 0 if offset is None else int(offset.total_seconds()) // 3_600
    return words(
        "form",
        form,
        day=local.day,
        month=words("month", str(local.month)),
        year=local.year,
        clock=f"{local:%H:%M}",
        zone=f"UTC{hours:+d}",
    )


def _language(words: Words, tag: str) -> str:
    name = tag.split("-")[0]
    known = words("language", name)
    return known if known != name else words("language", "unnamed", lang=tag)


def _blocks(body: bytes, lang: str, office: LetterHead, named: Mapping[str, Item]) -> Iterator[_Block]:
    content, words = _content(body), _letter_words(lang)
    title, written_at, items = _of(content, words, named)
    yield from _top(title, written_at, words, office)
    yield from _subject(content, words)
    revision = content.revision if isinstance(content, Acknowledgement) else 0
    yield _Paragraph(words("opening", title, revision=revision))
    yield from items
    yield from _foot(content, words, hashlib.sha256(body).hexdigest())
    yield _signed(words, office)


def _letter_words(lang: str) -> Words:
    if lang not in get_args(Lang):
        raise InvalidInput("letters are written in kk and ru.", field="lang", remedy="Choose one of them.")
    return words_of(lang, "letters", "cases")


def _top(title: str, written_at: int | None, words: Words, office: LetterHead) -> Iterator[_Block]:
    blank = words("form", "blank")
    yield _Paragraph(f"{office.name}\n{office.address}".strip())
    yield _Row(words("head", "outgoing"), office.outgoing_number or blank)
    yield _Row(words("head", "date"), blank if written_at is None else _when(words, "date", written_at))
    yield _Row(words("head", "addressee"), office.addressee or blank)
    yield _Heading(words("title", title), 1)


def _signed(words: Words, office: LetterHead) -> _Block:
    blank = words("form", "blank")
    return _Paragraph(" ".join((words("role", office.head_role), blank, office.head_name or blank)).strip())


def _of_entry(entry: Entry, lang: str, office: LetterHead) -> Iterator[_Block]:
    words = _letter_words(lang)
    yield from _top("registration", None, words, office)
    yield _Paragraph(words("opening", "registration"))
    for name, value in (
        ("owner", entry.owner),
        ("apps", "\n".join(entry.apps)),
        ("users_a_day", str(entry.users_a_day)),
        ("legal_representative", entry.legal_representative),
        ("office", entry.office),
        ("head", entry.head.name),
        ("citizenship", entry.head.citizenship or words("form", "blank")),
    ):
        yield _Row(words("register", name), value)
    yield _signed(words, office)


def _content(body: bytes) -> _Content:
    try:
        value = loads(body, max_nodes=_MAX_NODES)
        if "report_id" in value:
            return validated(Report, value)
        if "request_id" in value:
            return validated(ClarificationRequest, value)
        return validated(Acknowledgement, value)
    except Unreadable as error:
        raise InvalidInput(
            "this is no message that a letter carries.", field=error.field or "message", remedy=error.remedy
        ) from error


def _of(content: _Content, words: Words, named: Mapping[str, Item]) -> tuple[str, int | None, Iterable[_Block]]:
    """The name of its title, when it was written, and its items."""
    match content:
        case Report():
            title = "report_final" if content.final else "report_interim"
            return title, content.reported_at, _items(content, words, named)
        case ClarificationRequest():
            return "clarification", content.sent_at, _questions(content, words, named)
        case Acknowledgement():
            return "acknowledgement", None, ()


def _subject(content: _Content, words: Words) -> Iterator[_Block]:
    if isinstance(content, Report):
        yield _Row(words("head", "their_reference"), content.reference_number)
    yield _Row(words("head", "notice_id"), content.notice_id)
    yield _Row(words("head", "our_reference"), content.case_reference)
    if not isinstance(content, ClarificationRequest):
        yield _Row(words("head", "received_at"), _time(words, content.received_at))


def _named(item: Item | None, words: Words) -> Iterator[_Row]:
    """The item in the authority's own words, by which it finds it again."""
    if item is not None:
        for label, value in (("url", item.url), ("object_id", item.object_id), ("account_ref", item.account_ref)):
            if value:
                yield _Row(words("item", label), value)


def _questions(request: ClarificationRequest, words: Words, named: Mapping[str, Item]) -> Iterator[_Block]:
    for question in request.questions:
        yield _Heading(question.item_id or words("item", "whole"), 2)
        yield from _named(named.get(question.item_id or ""), words)
        yield from _statements(words("item", "question"), question.text, words)


def _items(report: Report, words: Words, named: Mapping[str, Item]) -> Iterator[_Block]:
    for number, item in enumerate(report.items, 1):
        title = words("item", "title", number=number, count=len(report.items), item_id=item.item_id)
        yield _Heading(title, 2)
        yield from _named(named.get(item.item_id), words)
        yield from _item(item, words)


def _item(item: ReportItem, words: Words) -> Iterator[_Block]:
    def row(label: str, value: str | None) -> Iterator[_Row]:
        if value:
            yield _Row(words("item", label), value)

    yield from row("outcome", words("outcome", item.outcome))
    if item.outcome == "pending":
        return
    yield from row("action", words("action", item.action))
    if item.action != "none":
        yield from row("scope", ", ".join(words("territory", code) for code in item.territorial_scope))
    yield from row("effective_at", None if item.effective_at is None else _time(words, item.effective_at))
    yield from row("ends_at", None if item.ends_at is None else _time(words, item.ends_at))
    yield from row("ground", None if item.ground is None else words("ground", item.ground))
    yield from row("legal_provision", item.legal_provision)
    yield from row("refusal", None if item.refusal_code is None else words("refusal_code", item.refusal_code))
    yield from _statements(words("item", "reasons"), item.statement_of_reasons, words)
    if item.cannot_comply is not None:
        yield from row("cannot_comply", words("cannot_comply", item.cannot_comply.reason))
        yield from row("details", item.cannot_comply.details)
    if item.contest is not None:
        yield from row("contest", item.contest.body)
        yield from row("contest_reference", item.contest.reference)
        filed_at = item.contest.filed_at
        yield from row("contest_filed_at", None if filed_at is None else _time(words, filed_at))
    yield from row("decided_by", words("decided_by", item.decided_by))
    yield from row("user_notified", None if item.user_notified is None else words("user_notified", item.user_notified))
    yield from row("appeal", words("appeal", "yes" if item.appeal_available else "no"))


def _statements(label: str, statements: tuple[Statement, ...], words: Words) -> Iterator[_Row]:
    """Those in the letter's language or, if there are none, all of them, each with its language."""
    own = [one for one in statements if one.lang.split("-")[0].lower() == words.lang]
    for one in own:
        yield _Row(label, one.text)
    if not own:
        for one in statements:
            yield _Row(f"{label} ({_language(words, one.lang)})", one.text)


def _foot(content: _Content, words: Words, digest: str) -> Iterator[_Block]:
    yield _Paragraph("* * *")
    if isinstance(content, Report):
        person = content.authorised_person
        yield _Row(
            words("foot", "answers_for"), ", ".join(part for part in (words("role", person.role), person.name) if part)
        )
        yield _Row(words("foot", "sequence"), str(content.sequence))
        yield _Row(words("foot", "message_id"), content.report_id)
        yield _Row(words("foot", "audit_head"), content.audit_head)
    elif isinstance(content, ClarificationRequest):
        yield _Row(words("foot", "message_id"), content.request_id)
    yield _Row(words("foot", "digest"), digest)
