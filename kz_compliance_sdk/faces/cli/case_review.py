"""What `cases show` tells of a review: who answered the legal check, and what was seen of the content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.faces.cli import screen

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import CaseFile

__all__ = ["review_documents", "show_review"]


def review_documents(file: CaseFile) -> dict[str, Any]:
    """The versions of the legal check, and every look at the content."""
    from kz_compliance_sdk.domain.legal_check import answers_of

    return {
        "legal_checks": [
            {
                "version": row.version,
                "revision": row.revision,
                "digest": row.digest,
                "answered_by": row.answered_by,
                "answered_at": screen.at(row.answered_at),
                "answers": answers_of(row).answers,
            }
            for row in file.legal_checks
        ],
        "content": [
            {
                "item_id": row.item_id,
                "n": row.n,
                "object_id": row.object_id or None,
                "digest": row.digest or None,
                "available": row.available,
                "fault": row.fault or None,
                "seen_by": row.seen_by,
                "seen_at": screen.at(row.seen_at),
            }
            for row in file.content
        ],
    }


def show_review(file: CaseFile) -> None:
    """The same for people."""
    from kz_compliance_sdk.domain.legal_check import answers_of, barring

    if file.legal_checks:
        told = []
        for row in file.legal_checks:
            check = answers_of(row)
            unclear = [name for name, answer in check.answers.items() if answer == "unclear"]
            parts = [f"{screen.both(row.answered_at)} by {row.answered_by}, on revision {row.revision}"]
            parts += [f"bars local law: {', '.join(barring(check))}"] if barring(check) else []
            parts += [f"unclear: {', '.join(unclear)}"] if unclear else []
            told.append((f"version {row.version}", "; ".join(parts)))
        screen.show_fields("Legal checks", told)
    last = {row.item_id: row for row in file.content}
    if last:
        screen.show_table(
            ("item", "content when last seen", "object", "seen", "by"),
            [
                (
                    row.item_id,
                    row.digest or (f"nobody could look: {row.fault}" if row.fault else "gone"),
                    row.object_id or "unknown",
                    screen.both(row.seen_at),
                    row.seen_by,
                )
                for row in last.values()
            ],
            whole=("item", "content when last seen"),
            lead=("item", "content when last seen"),
        )
