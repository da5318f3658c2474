"""The books as JSON and as a page: for people, and for a program that compares them with its own."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from kz_compliance_sdk.domain.values import instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, NoticeRecord, Recorded
    from kz_compliance_sdk.testing.mock_regulator.push import Push

__all__ = ["books_json", "books_page", "message_json", "push_json"]


def books_json(books: Books, pushes: Iterable[Push]) -> dict[str, Any]:
    """All that is held about one platform. Bodies that came from outside stand there parsed, with their digests."""
    entry = books.registration
    return {
        "platform_id": books.platform_id,
        "notices": {notice_id: _notice_json(record) for notice_id, record in books.notices.items()},
        "sanctions": [sanction.model_dump(mode="json", exclude_none=True) for sanction in books.sanctions],
        "registration": dict(entry.value) if entry else None,
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


_STYLE: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;margin:.5rem 0 2rem}caption{text-align:left;font-weight:600;padding:.25rem 0}"
    "th,td{border:1px solid #c8cdd3;padding:.25rem .6rem;text-align:left;vertical-align:top}th{background:#f2f4f6}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181b}th,td{border-color:#454c54}th{background:#22272c}}"
)


def books_page(all_books: Iterable[Books], pushes: Iterable[Push], weather: str) -> str:
    """A page that shows the books. Every text is escaped: what is in there came from outside."""
    sent = list(pushes)
    parts = [f"<p>{html.escape(weather)}</p>"]
    for books in all_books:
        parts.append(f"<h2>{html.escape(books.platform_id)}</h2>")
        parts.append(
            _table(
                "Notices",
                ("notice", "revision", "messages", "acknowledgements", "clarification requests", "reports", "outcomes"),
                (_notice_row(notice_id, record) for notice_id, record in books.notices.items()),
            )
        )
        parts.append(
            _table(
                "Sanctions",
                ("sanction", "level", "effective at"),
                ((each.sanction_id, each.level, instant_text(each.effective_at)) for each in books.sanctions),
            )
        )
        own = [push for push in sent if push.platform_id == books.platform_id]
        parts.append(
            _table(
                "Pushes, newest first",
                ("message", "what", "at", "answers"),
                (
                    (push.message_id, push.what, instant_text(push.at), ", ".join(_said(push)))
                    for push in reversed(own[-200:])
                ),
            )
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mock regulator</title>'
        f"<style>{_STYLE}</style></head><body><h1>Mock regulator</h1>{''.join(parts)}</body></html>"
    )


def _said(push: Push) -> list[str]:
    return [str(answer.status) if answer.status is not None else answer.error for answer in push.answers]


def _notice_row(notice_id: str, record: NoticeRecord) -> tuple[str, ...]:
    return (
        notice_id,
        str(record.notice.revision),
        ", ".join(message.type for message in record.messages),
        str(len(record.of_kind("acknowledgement"))),
        str(len(record.of_kind("clarification_request"))),
        ", ".join(f"{report.sequence}{' final' if report.final else ''}" for report in record.reports()),
        ", ".join(f"{item_id}: {outcome}" for item_id, outcome in record.outcomes().items()),
    )


def _table(caption: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
