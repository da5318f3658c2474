"""The writes about affected users: where their notices stand, and their appeals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UserNoticeKind = Literal["measure", "restored", "appeal_decided"]
UserNoticeStatus = Literal["due", "delayed", "sent", "failed", "void", "off"]
AppealState = Literal["open", "upheld", "reversed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class UserNoticeState:
    """Where the notice to the affected user of one item stands. Times are UTC seconds.

    `due_at` is when it leaves, and `delay_until` when a delay ends, None if there is none. `basis` says whose legal
    basis keeps the user from being told: the `notice`'s, that of a `person` of the platform, the `platform`'s own for
    telling nobody, or empty. The words of that basis lie in the notice, or sealed in the case's audit trail.
    """

    platform_id: str
    case_id: str
    message_id: str
    item_id: str
    lane: str
    decision_version: int
    kind: UserNoticeKind
    state: UserNoticeStatus
    due_at: int
    sent_at: int | None = None
    delay_until: int | None = None
    basis: Literal["", "notice", "person", "platform"] = ""


@dataclass(frozen=True, slots=True)
class Appeal:
    """A user's appeal against the measure on one item. Times are UTC seconds; `due_at` is when it should be decided.

    `reference` is the platform's own number for it. `lane` names the object that the measure is on: an amendment can
    give the item's id to another one. `decision_version` names the decision that it speaks of, and the database refuses
    a `decided_by` who proposed or approved that one. `number` is its own in the case.
    """

    platform_id: str
    appeal_id: str
    case_id: str
    item_id: str
    lane: str
    reference: str
    received_at: int
    due_at: int
    decision_version: int
    proposed_by: str
    approved_by: str
    number: int
    state: AppealState = "open"
    decided_by: str = ""
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class AppealWrite:
    """An appeal that came, or (`expected`) one that is still in that state and changes."""

    appeal: Appeal
    expected: AppealState | None = None
