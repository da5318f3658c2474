"""The books as JSON, for a program that compares them with its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.wire.values import instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, NoticeRecord, Recorded
    from kz_compliance_sdk.testing.mock_regulator.push import Push

__all__ = ["books_json", "message_json", "push_json"]


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
