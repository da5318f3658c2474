"""What is kept of a case for the public figures: one slim row, without a person, an address or a text in it.

It is written with the move that ends the case, and outlives the bodies that it was made from: when these are erased,
the figures of that year can still be told. A corrected answer overwrites what became of the items, so that a case is
counted once; when it was received and first answered stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.canonical import Json, encoded
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState
from kz_compliance_sdk.domain.change import Change, MessageVoided, Tally
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events.arrivals import Reminded
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.review import Asked, Reopened
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.notice import IssuingAuthority, LegalBasis, RequestedAction, UserNotice
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.values import Instant, Line, ValueModel

__all__ = ["STOPPED", "UNANSWERED", "Clarified", "Demanded", "Named", "basis_text", "outcome_of", "tally"]

STOPPED = "stopped"
"""The outcome of an item whose order fell before anybody had decided it. No report speaks of it."""

UNANSWERED = "unanswered"
"""The outcome of an item of a case that was closed without an answer, as a demand for user data is."""

_EVENTS: Mapping[type[Event], str] = {Asked: "request_clarification", Reminded: "remind", Reopened: "reopen"}
_EFFECTS = ("cancelled_withdrawn", "cancelled_annulled", "cancelled_remedied", "effect_missing")
_LONGEST = 200


class Named(ValueModel):
    """An item, as far as the figures say how it was named."""

    item_id: str
    url: str | None = None
    object_id: str | None = None
    account_ref: str | None = None


class Demanded(ValueModel):
    """A notice, as far as the figures need it: to read all of it again would take three times as long, and nothing is
    decided here."""

    issued_at: Instant
    issuing_authority: IssuingAuthority
    originating_body: Line | None = None
    legal_basis: Annotated[tuple[LegalBasis, ...], Field(strict=False)]
    requested_action: RequestedAction
    user_notice: UserNotice | None = None
    items: Annotated[tuple[Named, ...], Field(strict=False)]


class Clarified(ValueModel):
    """A clarification, as far as the figures need it."""

    items: Annotated[tuple[Named, ...], Field(strict=False)] | None = None


def tally(
    case: Case,
    notice: Demanded | None,
    decisions: Mapping[int, Decision],
    stream: Stream,
    change: Change = (),
) -> Tally:
    """The row of a case that ended, by its `stream` or by the `change` that is about to be written. Without a `notice`,
    for a message that nobody could use or whose bytes are erased, only what the case itself knows is kept."""
    assert case.state in ENDED  # noqa: S101  whoever calls has looked
    facts: dict[str, Json] = {
        "authority": case.authority_id,
        "category": case.category,
        "kind": case.kind,
        "channel": case.source,
        "authenticity": case.authenticity,
        "state": _state(case),
        "languages": sorted(case.languages),
        "items": _items(case, notice, decisions),
        "cancelled": [flag.removeprefix("cancelled_") for flag in _EFFECTS if flag in case.flags],
        "user_data": "user_data_demand" in {flag.split(":")[0] for flag in case.flags},
        "events": _counted(stream, change),
    }
    if notice is not None:
        facts |= _of_notice(notice)
    answered = _state(case) == "closed"
    return Tally(
        case.platform_id,
        case.id,
        case.received_at,
        notice.issued_at if notice is not None else 0,
        case.due_at,
        case.decided_at if answered else None,
        case.closed_at if answered else None,
        encoded(facts).decode(),
    )


def _counted(stream: Stream, change: Change) -> dict[str, Json]:
    """How often each of what the figures name happened. A question that was taken back before it left is none."""
    tells = (one for write in change if type(write) is AuditEvent for one in write.tells)
    told = (*(on.event for on in stream.events), *(one.event for one in tells if one.stream == stream.name))
    counts = Counter(_EVENTS[type(event)] for event in told if type(event) in _EVENTS)
    voided = {write.message_id for write in change if type(write) is MessageVoided}
    asked = [one for one in stream.case.messages.values() if one.kind == "clarification"]
    counts["request_clarification"] -= sum(
        one.state == "voided" or (one.id in voided and not one.settled) for one in asked
    )
    return {name: count for name, count in counts.items() if count}


def _state(case: Case) -> str:
    if not case.revision:
        return "unusable"
    if case.state is CaseState.CLOSED and not case.sequence:
        return "set_aside"
    return str(case.state)


def _of_notice(notice: Demanded) -> dict[str, Json]:
    authority, silence = notice.issuing_authority, notice.user_notice
    # What names no rule is no bar: who only asks for silence would keep the demand out of the figures.
    grounded = silence is not None and not silence.allowed and bool((silence.legal_basis or "").strip())
    name = authority.name
    return {
        "authority_name": {lang: said for lang in ("kk", "ru", "en") if (said := getattr(name, lang))},
        "authority_type": authority.type,
        "originating_body": (notice.originating_body or "")[:_LONGEST],
        "legal_basis": sorted({basis_text(basis) for basis in notice.legal_basis}),
        "requested": notice.requested_action,
        "barred": silence is not None and not silence.allowed,
        "barred_until": silence.delay_until if silence is not None and grounded else None,
    }


def basis_text(basis: LegalBasis) -> str:
    """A cited provision as the figures name it: the act, and the article if one is cited."""
    text = f"{basis.act}, {basis.article}" if basis.article else basis.act
    return " ".join(text.split())[:_LONGEST]


def _items(case: Case, notice: Demanded | None, decisions: Mapping[int, Decision]) -> list[list[Json]]:
    """How many items were named so, and ended so: `[named by, outcome, ground, refusal code, scope, how many]`."""
    named = {item.item_id: item for item in notice.items} if notice is not None else {}
    found: Counter[tuple[str, str, str, str, str]] = Counter()
    for item in _each_once(case):
        outcome, ground, code = outcome_of(item, decisions)
        worldwide = outcome not in (STOPPED, UNANSWERED, "refused") and item.scope != ("KZ",)
        scope = "beyond_kz" if item.decision_version and worldwide else "kz"
        found[_named_by(item, named.get(item.was or item.item_id)), outcome, ground, code, scope] += 1
    return [[*key, count] for key, count in sorted(found.items())]


def _each_once(case: Case) -> list[ItemState]:
    """Each item that the authority named, once, as the report has it: the object that an id names now goes before one
    that it named, and what was answered before what was stopped."""
    told = {item.item_id for item in case.items if item.status != "stopped"}
    found: dict[str, ItemState] = {}
    for item in case.items:
        name = item.was or item.item_id
        if item.was and name in told:
            continue
        if item.status == "stopped":
            found.setdefault(name, item)
        else:
            found[name] = item
    return list(found.values())


def _named_by(item: ItemState, noticed: Named | None) -> str:
    for one in (item, noticed):
        if one is not None:
            if one.account_ref and not (one.url or one.object_id):
                return "account"
            if one.url:
                return "url"
            if one.object_id:
                return "object"
    return "unknown"


def outcome_of(item: ItemState, decisions: Mapping[int, Decision]) -> tuple[str, str, str]:
    """What became of an item: the outcome that the regulator was told, its ground and its refusal code (empty where
    there is none)."""
    decision = decisions.get(item.decision_version)
    decided = decision.item(item.was or item.item_id) if decision is not None else None
    if item.status == "stopped":
        return STOPPED, "", ""
    if decided is None:
        return UNANSWERED, "", ""
    ground = item.ground or decided.ground or ""
    if item.status == "lifted":
        return "restored", ground, ""
    wording = decided.wording
    return wording.outcome, ground, wording.refusal_code or ""
