"""What is destroyed of a case and of messages."""

from __future__ import annotations

from dataclasses import dataclass


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
