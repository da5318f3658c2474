"""The outbox messages that a case gives rise to. Each carries the exact bytes that will leave."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Literal

from msgspec import DecodeError, Struct, json

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.canonical import encoded
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened
from kz_compliance_sdk.domain.change import CaseWrite, Change, Write
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import delivery
from kz_compliance_sdk.domain.events.base import Audience
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.outbox import Kind, OutboxMessage
from kz_compliance_sdk.domain.references import alert_id, message_id, stream_of
from kz_compliance_sdk.domain.report import (
    AuthorisedPerson,
    CannotComply,
    CheckpointHead,
    ClarificationRequest,
    Question,
    Report,
    ReportItem,
    ReportSignature,
    Statement,
    UserNotified,
    outbound_bytes,
    unsigned_bytes,
)
from kz_compliance_sdk.domain.transitions import UNDECIDED
from kz_compliance_sdk.domain.url import check_url
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.domain.words import LANGUAGES, words
from kz_compliance_sdk.errors import StoreDamaged

ENFORCER = "enforcer"
NOTIFIER = "notifier"
REGULATOR = "regulator"
BY_HAND = "by_hand"

_NOBODY: Mapping[str, UserNotified] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Respondent:
    """Who answers for the platform's reports, and how they are signed (None where the platform has no signing key).
    `checkpoint` is the last one over all cases."""

    role: str
    name: str
    seal: Callable[[bytes], ReportSignature] | None = None
    checkpoint: CheckpointHead | None = None


def object_key(item: Item) -> str:
    """The name under which effects on the same object of the platform are serialised, across all cases."""
    if item.object_id:
        return f"object:{item.object_id}"
    if item.account_ref and not item.url:
        return f"account:{item.account_ref}"
    return f"url:{check_url(item.url or '')}"


def named_by(item: Item) -> dict[str, str]:
    """How the notice names the object of an item, as the case keeps it."""
    return {
        "object_key": object_key(item),
        "url": item.url or "",
        "object_id": item.object_id or "",
        "account_ref": item.account_ref or "",
    }


def id_of(case: Case, kind: str, *, decision: int = 0, number: int = 0, item: int = 0) -> str:
    """The id of a message of the case: it says what the message is about, and nothing that a view moves."""
    return message_id(stream_of(case.id), kind, decision, number, item)


def _message(
    case: Case,
    kind: Kind,
    key: str,
    body: bytes,
    stamp: Stamp,
    *,
    endpoint: str,
    not_before: int | None = None,
    lane: str = "",
    lane_seq: int = 0,
    item_id: str = "",
) -> OutboxMessage:
    return OutboxMessage.of(
        id=key,
        platform_id=case.platform_id,
        case_id=case.id,
        kind=kind,
        endpoint=endpoint,
        body=body,
        created_at=stamp.at,
        next_attempt_at=stamp.at if not_before is None else not_before,
        deadline_at=case.lift_due_at if case.lift_due_at is not None else case.due_at,
        lane=lane,
        lane_seq=lane_seq,
        item_id=item_id,
    )


def acknowledgement(case: Case, stamp: Stamp) -> OutboxMessage:
    """Tell the regulator that this revision was received."""
    key = id_of(case, "acknowledgement", number=case.revision)
    # The shape of report.Acknowledgement, written out: every value was checked when the notice was read, and none of
    # them needs escaping.
    body = (
        f'{{"case_reference":"{case.id}","message_id":"{case.message[1]}","notice_id":"{case.notice_id}",'
        f'"received_at":"{instant_text(case.received_at)}","revision":{case.revision}}}'
    ).encode("ascii")
    return _message(case, "acknowledgement", key, body, stamp, endpoint=case.channel)


def clarification(case: Case, questions: tuple[Question, ...], stamp: Stamp) -> OutboxMessage:
    """Ask what is missing: the latest question of the case. A person worded the questions."""
    key = id_of(case, "clarification", decision=case.decision_version, number=case.questions)
    request = ClarificationRequest(
        request_id=key,
        notice_id=case.notice_id,
        case_reference=case.id,
        questions=questions,
        sent_at=stamp.at,
    )
    return _message(case, "clarification", key, outbound_bytes(request), stamp, endpoint=case.channel)


def question_of(case: Case, in_reply_to: str) -> str:
    """The id of the question of ours that a message of the authority answers, `unknown` if we never asked it."""
    asked = product(range(case.decision_version + 1), range(1, case.questions + 1))
    ours = (id_of(case, "clarification", decision=decision, number=number) for decision, number in asked)
    return in_reply_to if in_reply_to in ours else "unknown"


def effect(
    case: Case,
    item: ItemState,
    kind: Literal["enforce", "restore"],
    not_before: int,
    stamp: Stamp,
    *,
    content_sha256: str = "",
    resolved: str = "",
) -> OutboxMessage:
    """Ask the platform to carry out, or to lift, one measure on one object. `content_sha256` is the content that was
    decided about, `resolved` the object that it was found to be."""
    body = encoded(
        {
            "object_key": item.object_key,
            "version": item.effect_version,
            "action": item.action if kind == "enforce" else item.measure or item.action,
            "scope": list(item.scope),
            "case_id": case.id,
            "item_id": item.item_id,
            "url": item.url,
            "object_id": item.object_id or resolved,
            "account_ref": item.account_ref,
            **({"content_sha256": content_sha256} if content_sha256 and kind == "enforce" else {}),
            **({"preserve_until": item.preserve_until} if item.preserve_until else {}),
        }
    )
    lane = lane_of(item.object_key)
    key = id_of(case, kind, number=item.effect_version, item=item.number)
    return _message(
        case,
        kind,
        key,
        body,
        stamp,
        endpoint=ENFORCER,
        not_before=not_before,
        lane=lane,
        lane_seq=item.effect_version,
        item_id=item.item_id,
    )


def lane_of(object_key: str) -> str:
    """The lane in which the effects on one object wait for each other."""
    return f"object:{hashlib.sha256(object_key.encode()).hexdigest()}"


def report_lane(case_id: str) -> str:
    """The lane in which the reports of a case wait for each other."""
    return f"report:{case_id}"


def item_of(case: Case, message: OutboxMessage) -> ItemState | None:
    """The item for which an effect was decided, if the effect is still its latest."""
    return next(
        (i for i in case.items if i.effect_version == message.lane_seq and lane_of(i.object_key) == message.lane), None
    )


def page(case: Case, reason: str, audience: tuple[str, ...], level: int, stamp: Stamp) -> tuple[Case, OutboxMessage]:
    """Alert people: the case, which has counted the alert, and the alert. It carries the case reference, a reason code
    and the time; no content and no names."""
    body = encoded(
        {
            "case_reference": case.id,
            "reason": reason,
            "due_at": case.lift_due_at or case.urgent_at,
            "audience": list(audience),
            "level": level,
        }
    )
    counted = case.but(pages=case.pages + 1)
    name = id_of(case, f"page/{reason}", number=counted.pages)
    return counted, _message(case, "page", name, body, stamp, endpoint=NOTIFIER)


def with_page(change: Change, case: Case, reason: str, audience: tuple[str, ...], level: int, stamp: Stamp) -> Change:
    """The change of a case with an alert about what it leaves; `case` is the one before it."""
    at = max((n for n, write in enumerate(change) if type(write) is CaseWrite), default=None)
    if at is None:
        counted, alert = page(case, reason, audience, level, stamp)
        return (*change, CaseWrite(counted), alert)
    last = change[at]
    assert type(last) is CaseWrite  # noqa: S101  for the type checker
    counted, alert = page(last.case, reason, audience, level, stamp)
    return (*change[:at], replace(last, case=counted), *change[at + 1 :], alert)


def stuck(
    change: Change, case: Case, reason: str, audience: Audience, level: int, stamp: Stamp, *, message: str | None = None
) -> Change:
    """As `with_page`, of what goes on being tried: nothing else would tell the ledger of the alert. `message` is the id
    of the one that cannot be delivered."""
    told = delivery.Stuck(message=message, reason=reason, level=level, audience=audience)
    return (*with_page(change, case, reason, audience, level, stamp), happened(case, told, stamp))


class Alerting(Struct, frozen=True):
    """What an alert says: its body."""

    case_reference: str
    reason: str
    due_at: int
    audience: tuple[str, ...]
    level: int


_read_alert = json.Decoder(Alerting).decode


def alert_in(message: OutboxMessage) -> Alerting:
    """What an alert says. Raises StoreDamaged for a body that is none: its way out is not to blame for it."""
    try:
        return _read_alert(message.body)
    except DecodeError as error:
        reference = message.case_id or message.id
        raise StoreDamaged("a row of outbox would alert people to nothing.", reference=reference) from error


def notify(
    platform_id: str, reference: str, reason: str, audience: tuple[str, ...], level: int, stamp: Stamp, *, key: str = ""
) -> OutboxMessage:
    """An alert that belongs to no case, such as a sanction or a message whose notice has not come yet. `key` tells two
    alerts of the same second apart."""
    body = encoded(
        {"case_reference": reference, "reason": reason, "due_at": stamp.at, "audience": list(audience), "level": level}
    )
    name = alert_id(platform_id, reference, reason, stamp.at, key)
    return OutboxMessage(name, platform_id, "", "page", NOTIFIER, body, stamp.at, stamp.at)


def with_report(
    case: Case,
    decisions: Mapping[int, Decision],
    respondent: Respondent,
    stamp: Stamp,
    *,
    final: bool = True,
    notified: Mapping[str, UserNotified] = _NOBODY,
) -> tuple[Case, tuple[Write, ...]]:
    """The case with its next report queued. The report carries the head that the chain had before this step. `notified`
    is what it says of the affected user of each item."""
    message = report(case, decisions, respondent, stamp, final=final, notified=notified)
    later = message.next_attempt_at if message.next_attempt_at != stamp.at else 0
    reported = delivery.Reported(sequence=message.lane_seq, final=final, not_before=later)
    event = happened(case, reported, stamp, {"body": message.body})
    case = case.but(sequence=message.lane_seq)
    return case, (message, event)


def report(
    case: Case,
    decisions: Mapping[int, Decision],
    respondent: Respondent,
    stamp: Stamp,
    *,
    final: bool,
    notified: Mapping[str, UserNotified] = _NOBODY,
) -> OutboxMessage:
    """The confirmation, or an interim report while some items are pending."""
    sequence = case.sequence + 1
    key = id_of(case, "report", decision=case.decision_version, number=sequence)
    document = Report(
        report_id=key,
        notice_id=case.notice_id,
        reference_number=case.reference_number,
        case_reference=case.id,
        sequence=sequence,
        final=final,
        received_at=case.received_at,
        reported_at=stamp.at,
        items=tuple(_notified(_item(item, decisions, case), notified) for item in _reported(case)),
        authorised_person=AuthorisedPerson(role=respondent.role, name=respondent.name or None),
        audit_head=case.head,
        checkpoint=respondent.checkpoint,
    )
    if respondent.seal is not None:
        document = document.model_copy(update={"signature": respondent.seal(unsigned_bytes(document))})
    return _message(
        case,
        "report",
        key,
        outbound_bytes(document),
        stamp,
        endpoint=case.channel,
        not_before=case.told_from(stamp.at),
        lane=report_lane(case.id),
        lane_seq=sequence,
    )


def _notified(item: ReportItem, notified: Mapping[str, UserNotified]) -> ReportItem:
    said = notified.get(item.item_id)
    return item if said is None else item.model_copy(update={"user_notified": said})


def _reported(case: Case) -> list[ItemState]:
    """Each item that the authority named, once: the object that an id names now goes before one that it named."""
    told = [item for item in case.items if item.status != "stopped"]
    now = {item.item_id for item in told}
    return list({item.was or item.item_id: item for item in told if item.was not in now}.values())


def _item(item: ItemState, decisions: Mapping[int, Decision], case: Case) -> ReportItem:
    decision = decisions.get(item.decision_version)
    name = item.was or item.item_id
    decided = decision.item(name) if decision is not None else None
    if decided is None or item.status in ("open", "failed", "decided", "lifting"):
        return ReportItem(item_id=name, outcome="pending", action=decided.action if decided else "none")
    wording = decided.wording
    if item.status == "gone":
        return _gone(name, item, case)
    if item.status == "lifted":
        superseded = not decided.is_measure and item.action == "none"
        return ReportItem(
            item_id=name,
            outcome="restored",
            action="restore",
            territorial_scope=item.scope,
            effective_at=item.effective_at,
            statement_of_reasons=wording.statement_of_reasons if superseded else _fixed("lifted", case),
            appeal_available=wording.appeal_available,
        )
    return decided.reported(
        effective_at=item.effective_at if decided.is_measure else None,
        ends_at=item.preserve_until or None if decided.action == "preserve_only" else None,
        # Who came to another end has said why; that something else holds the object is not their reason.
        statement=_fixed("kept", case) if item.status == "kept" and decided.is_measure else None,
    )


def _gone(name: str, item: ItemState, case: Case) -> ReportItem:
    """A measure that can never be lifted: what the platform would do, and cannot."""
    return ReportItem(
        item_id=name,
        outcome="cannot_comply",
        action="none",
        territorial_scope=item.scope,
        statement_of_reasons=_fixed("gone", case),
        cannot_comply=CannotComply(reason="technical_or_operational"),
    )


def _fixed(name: Literal["lifted", "kept", "gone"], case: Case) -> tuple[Statement, ...]:
    """A statement that no person words: it tells what an authority's own message led to, and nothing about content."""
    languages = [lang.split("-")[0] for lang in case.languages]
    chosen = [lang for lang in LANGUAGES if lang in languages] or ["kk", "ru"]
    return tuple(Statement(lang=lang, text=words(lang, "cases")("statement", name)) for lang in chosen)


_NOTHING_TO_REPORT = frozenset({*UNDECIDED, CaseState.CANCELLED})


def is_superseded(case: Case, message: OutboxMessage) -> bool:
    """Whether a later report has taken the place of this one, or it is final and its case is being decided or carried
    out anew. Only reports are superseded like this; effects carry a version."""
    if message.kind != "report":
        return False
    if message.lane_seq < case.sequence:
        return True
    anew = case.state in _NOTHING_TO_REPORT or case.pending
    return anew and bool(json.decode(message.body)["final"])
