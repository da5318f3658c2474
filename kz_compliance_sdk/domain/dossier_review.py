"""What an evidence pack tells of a review: the answers of the legal check, and the looks at the content.

In the redacted form the answers are shown and their digests are not: with all else known, trying every colleague would
find who answered. What the content is stays withheld with its digest and its object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.change import ContentSeen, LegalCheckRow
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.values import instant_text

Name = Callable[[str | None], str | None]
Keep = Callable[[str, bytes], dict[str, Json]]


def review_of(records: Records, name: Name, keep: Keep, *, full: bool) -> dict[str, Json]:
    """Every version of the legal check, and every look, each in its order."""
    return {
        "legal_checks": [_legal_check(row, name, keep, full=full) for row in records.checks],
        "content": [_look(row, name, full=full) for row in records.seen],
    }


def _legal_check(row: LegalCheckRow, name: Name, keep: Keep, *, full: bool) -> Mapping[str, Json]:
    return {
        "version": row.version,
        "revision": row.revision,
        "digest": row.digest if full else None,
        "body": keep(f"legal_checks/{row.version:03}.json", row.body),
        "answered_by": name(row.answered_by),
        "answered_at": instant_text(row.answered_at),
        "answers": _answers(row.body),
    }


def _look(row: ContentSeen, name: Name, *, full: bool) -> Mapping[str, Json]:
    return {
        "item_id": row.item_id,
        "number": row.n,
        "available": row.available,
        "fault": row.fault or None,
        "seen_by": name(row.seen_by),
        "seen_at": instant_text(row.seen_at),
        **({"digest": row.digest or None, "object_id": row.object_id or None} if full else {}),
    }


def _answers(body: bytes) -> dict[str, Json]:
    """The answers alone, none if the row was changed from outside."""
    try:
        answers = json.loads(body)["answers"]
    except (ValueError, TypeError, LookupError):
        return {}
    if not isinstance(answers, dict):
        return {}
    return {str(name): word for name, word in answers.items() if word in ("yes", "no", "unclear")}
