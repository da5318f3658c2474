"""What is kept of a case beyond its life, and what is destroyed of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """One case in the figures. Times are UTC seconds; `decided_at` and `receipt_at` are None for what was cancelled or
    settled without a decision, `issued_at` is 0 for a message that could not be used. `facts` is canonical JSON, the
    same text for all cases that differ in nothing but their times."""

    platform_id: str
    case_id: str
    received_at: int
    issued_at: int
    due_at: int
    decided_at: int | None
    receipt_at: int | None
    facts: str


@dataclass(frozen=True, slots=True)
class CaseErased:
    """The personal data of a case is destroyed: its key, the messages, texts, decisions and answers that it opens."""

    platform_id: str
    case_id: str


@dataclass(frozen=True, slots=True)
class MessageErased:
    """A message that never belonged to a case is emptied; that it came, and what it was answered, stays."""

    platform_id: str
    sender: str
    message_id: str
    body_sha256: str
