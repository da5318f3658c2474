"""The outbox messages that a case gives rise to. Each carries the exact bytes that will leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from msgspec import DecodeError, Struct, json

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened
from kz_compliance_sdk.domain.case import moved as case_moved
from kz_compliance_sdk.domain.change import (
    LONGEST_PAUSE_S,
    Change,
    Kind,
    Leased,
    OutboxMessage,
    Watch,
    Write,
    case_after,
)
from kz_compliance_sdk.domain.change import MessageState as RowState
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import delivery, office
from kz_compliance_sdk.domain.events.base import AS_READ, Audience, Event, Happened, code_or_other
from kz_compliance_sdk.domain.fold import MessageState
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.notice import check_url
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
from kz_compliance_sdk.domain.values import (
    ALERTS,
    alert_id,
    case_in,
    instant_text,
    message_id,
    stream_of,
    stream_of_message,
)
from kz_compliance_sdk.domain.words import LANGUAGES, words
from kz_compliance_sdk.errors import StoreDamaged

ENFORCER = "enforcer"
NOTIFIER = "notifier"
REGULATOR = "regulator"
BY_HAND = "by_hand"

FOR_NOW: Final = 50
"""The level from which on an alert is for now: half an hour before a deadline and later, a message in quarantine, a
measure that cannot be carried out, a report that is refused, a sanction."""

_NOBODY: Mapping[str, UserNotified] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Respondent:
    """Who answers for the platform's reports, and how they are signed (None where the platform has no signing key).
    `checkpoint` is the last one over all cases."""

    role: str
    name: str
    seal: Callable[[bytes], ReportSignature] | None = None
    checkpoint: CheckpointHead | None = None


class Referring(Protocol):
    """What names an object of the platform."""

    @property
    def url(self) -> str | None: ...

    @property
    def object_id(self) -> str | None: ...

    @property
    def account_ref(self) -> str | None: ...


def object_key(item: Referring) -> str:
    """The name under which effects on the same object of the platform are serialised, across all cases."""
    if item.object_id:
        return f"object:{item.object_id}"
    if item.account_ref and not item.url:
        return f"account:{item.account_ref}"
    return f"url:{check_url(item.url or '')}"


NAMED_BY: Final = ("object_key", "url", "object_id", "account_ref")


def named_by(item: Referring) -> dict[str, Any]:
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


def clarification(case: Case, questions: tuple[Question, ...], stamp: Stamp) -> bytes:
    """Ask what is missing: the bytes of the case's next question. A person worded them."""
    request = ClarificationRequest(
        request_id=id_of(case, "clarification", decision=case.decision_version, number=case.questions + 1),
        notice_id=case.notice_id,
        case_reference=case.id,
        questions=questions,
        sent_at=stamp.at,
    )
    return outbound_bytes(request)


def question_of(case: Case, in_reply_to: str) -> str:
    """The id of the question of ours that a message of the authority answers, `unknown` if we never asked it."""
    asked = product(range(case.decision_version + 1), range(1, case.questions + 1))
    ours = (id_of(case, "clarification", decision=decision, number=number) for decision, number in asked)
    return in_reply_to if in_reply_to in ours else "unknown"


def report_lane(case_id: str) -> str:
    """The lane in which the reports of a case wait for each other."""
    return f"report:{case_id}"


def item_of(case: Case, message: OutboxMessage) -> ItemState | None:
    """The item for which an effect was decided, if the effect is still its latest."""
    owed = case.chain.messages.get(message.id)
    if owed is None or not owed.item:
        return None
    of_it = (item for item in case.items if (item.number, item.effect_version) == (owed.item, message.lane_seq))
    return next(of_it, None)


def written(after: Case, *writes: Write) -> Change:
    """What a step writes that made `after` of a case: when that is looked at next, and whatever is given."""
    return (Watch(after), *writes)


def step(case: Case, verb: str | None, *tells: Happened, **how: Any) -> tuple[Change, Case]:
    """What a step writes that tells these events, and the case after it. `how` is as in `case.moved`. Raises
    IllegalMove."""
    after = case_moved(case, verb, *tells, **how)
    return written(after, *tells), after


def then(change: Change, case: Case, tells: Sequence[Happened]) -> Change:
    """A change that left the `case` like this, with these events after it."""
    return (*change, *written(case_moved(case, None, *tells), *tells)) if tells else change


_ROW_STATES: Mapping[str, RowState] = MappingProxyType(
    {"waiting": "waiting", "parked": "parked", "voided": "void", "done": "done"}
)


def lane_of(reference: str, owed: fold.Message) -> tuple[str, int]:
    """In which lane a message waits for others, and its place there; empty where it waits for none."""
    lane = report_lane(reference) if owed.kind == "report" else owed.object
    return lane, owed.number if lane else 0


def alert_of(reference: str, owed: fold.Message) -> bytes:
    """The bytes of an alert of a case; empty for whatever else leaves."""
    own = owed.kind == "page" and not owed.at_seq
    return alert_body(reference, owed.reason, owed.about_at, owed.audience, owed.level) if own else b""


def as_owed(platform_id: str, reference: str, owed: fold.Message) -> OutboxMessage:
    """A message as its chain has it, before its first try. It carries bytes if it is an alert of a case: what else
    leaves is made of the chain when it does. `reference` is empty for an alert of none."""
    lane, lane_seq = lane_of(reference, owed)
    return OutboxMessage(
        id=owed.id,
        platform_id=platform_id,
        case_id=reference,
        kind=owed.kind,
        endpoint=owed.endpoint,
        body=alert_of(reference, owed),
        created_at=owed.at,
        next_attempt_at=owed.not_before,
        deadline_at=owed.due_at or None,
        state=_ROW_STATES.get(owed.state, "queued"),
        # Of one whose answer could not be used nobody knows.
        maybe_arrived=owed.state == "unknown" or (owed.state == "parked" and not owed.refused_at),
        lane=lane,
        lane_seq=lane_seq,
        settled_at=owed.refused_at or None,
    )


def acknowledgement_body(case: fold.Case, reference: str, message_id: str) -> bytes:
    """Tell the regulator that this revision was received."""
    # The shape of report.Acknowledgement, written out: every value was checked when the notice was read, and none of
    # them needs escaping.
    return (
        f'{{"case_reference":"{reference}","message_id":"{message_id}","notice_id":"{case.notice}",'
        f'"received_at":"{instant_text(case.received_at)}","revision":{case.revision}}}'
    ).encode("ascii")


def effect_body(
    reference: str,
    owed: fold.Message,
    item: fold.Item,
    named: Mapping[str, str],
    item_id: str,
    content_sha256: str = "",
    resolved: str = "",
) -> bytes:
    """Ask the platform to carry out, or to lift, one measure on one object, which is `named` as by `named_by`.
    `content_sha256` is the content that was decided about, `resolved` the object that it was found to be."""
    measure = owed.kind == "enforce"
    return encoded(
        {
            **named,
            "version": owed.number,
            "action": item.action if measure else item.measure or item.action,
            "scope": list(item.scope),
            "case_id": reference,
            "item_id": item_id,
            "object_id": named["object_id"] or resolved,
            **({"content_sha256": content_sha256} if content_sha256 and measure else {}),
            **({"preserve_until": item.kept_until} if item.kept_until else {}),
        }
    )


def alert_body(
    reference: str, reason: str, due_at: int, audience: Sequence[str], level: int, waiting: int = 0
) -> bytes:
    """Alert people: what about, a reason code and a time; no content and no names."""
    more = {"waiting": waiting} if waiting else {}
    return encoded(
        {
            "case_reference": reference,
            "reason": reason,
            "due_at": due_at,
            "audience": [*audience],
            "level": level,
            **more,
        }
    )


def stuck(
    change: Change, case: Case, reason: str, audience: Audience, level: int, stamp: Stamp, *, message: str | None = None
) -> Change:
    """The change of a case with an alert about what goes on being tried; `case` is the one before it. `message` is the
    id of the one that cannot be delivered."""
    told = happened(case, delivery.Stuck(message=message, reason=reason, level=level, audience=audience), stamp)
    return then(change, case_after(case, change), [told])


class Alerting(Struct, frozen=True):
    """What an alert says: its body."""

    case_reference: str
    reason: str
    due_at: int
    audience: tuple[str, ...]
    level: int
    waiting: int = 0


_read_alert = json.Decoder(Alerting).decode


def alert_in(message: OutboxMessage) -> Alerting:
    """What an alert says. Raises StoreDamaged for a body that is none: its way out is not to blame for it."""
    try:
        return _read_alert(message.body)
    except DecodeError as error:
        reference = message.case_id or message.id
        raise StoreDamaged("a row of outbox would alert people to nothing.", reference=reference) from error


def notify(
    platform_id: str,
    reference: str,
    reason: str,
    audience: tuple[str, ...],
    level: int,
    stamp: Stamp,
    *,
    key: str = "",
    since: int = 0,
    waiting: int = 0,
) -> Happened:
    """What is told where people are to be alerted of what belongs to no case, such as a sanction or a message whose
    notice has not come yet. `key` tells two alerts of the same second apart. It names the time `since` (UTC seconds)
    where that is not now, and how many reports are `waiting`."""
    stream = f"{ALERTS}{alert_id(platform_id, reference, reason, stamp.at, key)}"
    body = alert_body(reference, reason, since or stamp.at, audience, level, waiting)
    return Happened(
        platform_id, stream, office.Alerted(reason=code_or_other(reason)), stamp.at, 0, None, {"body": body}
    )


def with_report(
    case: Case,
    decisions: Mapping[int, Decision],
    respondent: Respondent,
    stamp: Stamp,
    *,
    final: bool = True,
    notified: Mapping[str, UserNotified] = _NOBODY,
) -> tuple[Case, Happened]:
    """The case that owes its next report, and what is told of it. The report carries the head that the chain had before
    this step. `notified` is what it says of the affected user of each item."""
    later = case.told_from(stamp.at)
    reported = delivery.Reported(sequence=case.sequence + 1, final=final, not_before=later if later != stamp.at else 0)
    body = _report(case, decisions, respondent, stamp, final=final, notified=notified)
    told = happened(case, reported, stamp, {"body": body})
    return case_moved(case, None, told), told


def _report(
    case: Case,
    decisions: Mapping[int, Decision],
    respondent: Respondent,
    stamp: Stamp,
    *,
    final: bool,
    notified: Mapping[str, UserNotified],
) -> bytes:
    """The confirmation, or an interim report while some items are pending."""
    sequence = case.sequence + 1
    document = Report(
        report_id=id_of(case, "report", decision=case.decision_version, number=sequence),
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
    return outbound_bytes(document)


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
        ends_at=case.chain.items[item.number].preserve_until or None if decided.action == "preserve_only" else None,
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


def is_superseded(case: fold.Case, message: OutboxMessage) -> bool:
    """Whether a later report has taken the place of this one, or it is final and its case is being decided or carried
    out anew. Only reports are superseded like this; effects carry a version."""
    if message.kind != "report":
        return False
    if message.lane_seq < case.sequence:
        return True
    anew = case.state in _NOTHING_TO_REPORT or case.pending
    owed = case.messages.get(message.id)
    return anew and owed is not None and owed.final


# --------------------------------------------------------------------------------------------------------------- states
# Where a message stands, and what the ledger is told when it moves on.


_STATES: Final = MappingProxyType[str, MessageState](
    {"waiting": "waiting", "parked": "parked", "void": "voided", "done": "done"}
)
_OF_LINE: Final = ("attempts", "refusals", "refused_since", "lease_token")
_OF_WAITING: Final = ("state", "next_attempt_at", "lease_expires_at")
_ENDS: Final = frozenset[MessageState]({"parked", "voided", "done"})
_EVENTS: Final = MappingProxyType[str, Callable[..., Event]](
    {
        "begun": delivery.Begun,
        "unknown": delivery.OutcomeUnknown,
        "waiting": delivery.Waiting,
        "parked": delivery.Parked,
        "voided": delivery.Voided,
        "done": delivery.Done,
    }
)


def state_of(message: OutboxMessage) -> MessageState:
    """Where a message stands in the ledger, which knows of no lease."""
    if message.state in _STATES:
        return _STATES[message.state]
    if message.maybe_arrived:
        return "unknown"
    return "begun" if message.attempts else "owed"


def as_all_owed(chain: fold.Case, messages: Iterable[fold.Message]) -> dict[str, OutboxMessage]:
    """These messages of a stream, each as it has it, by their ids."""
    reference = case_in(chain.stream)
    return {one.id: as_owed(chain.platform, reference, one) for one in messages}


def astray(
    held: Mapping[str, OutboxMessage], owed: Mapping[str, OutboxMessage], chain: fold.Case, now: int
) -> list[OutboxMessage]:
    """The messages of a stream whose lines say otherwise than it, or are gone, each as it has it: `held` are the lines
    that are there, `owed` what is owed, by the ids of their messages. What is owed by nothing is void. Times are UTC
    seconds."""
    true = [in_truth(held.get(name), one, chain, now) for name, one in owed.items()]
    void = [one.but(state="void") for name, one in held.items() if name not in owed]
    return [one for one in true if held.get(one.id) != one] + void


def in_truth(line: OutboxMessage | None, owed: OutboxMessage, chain: fold.Case, now: int) -> OutboxMessage:
    """A message by its line, where that says what it can say at `now` (UTC seconds). What is to leave waits no longer
    than anything ever does."""
    if line is None:
        return owed
    said = {name: getattr(line, name) for name in _OF_LINE}
    if owed.state == "queued":
        at = owed.next_attempt_at + max(0, chain.clock_shift)
        leaves = line.state != "parked" and line.endpoint == owed.endpoint
        if leaves and line.next_attempt_at <= max(at, now + LONGEST_PAUSE_S):
            said |= {name: getattr(line, name) for name in _OF_WAITING}
        else:
            said["next_attempt_at"] = max(at, now)
    return owed.but(**said)


def moved(before: OutboxMessage, after: OutboxMessage, stamp: Stamp, change: Change = ()) -> Change:
    """The lease of a message that moves on, if the lease of `before` still holds, and what the ledger is told of it:
    nothing where an event of `change`, which is written with it, says what became of the message."""
    return (Leased(after, before.lease_token), *_told(before, after, stamp, change))


def _told(before: OutboxMessage, after: OutboxMessage, stamp: Stamp, change: Change) -> Iterator[Happened]:
    was, now = state_of(before), state_of(after)
    if was == now or (now in _ENDS and _is_settled(before, change)):
        return
    if was == "parked":
        yield _happened(after, delivery.Retried(message=after.id), stamp)
        if now == "begun":
            return
    yield _happened(after, _EVENTS[now](message=after.id), stamp)


def _is_settled(message: OutboxMessage, change: Change) -> bool:
    """Whether an event of a change says what became of a message."""
    events = [write.event for write in change if isinstance(write, Happened)]
    return any(_settles(event, message) for event in events)


def _settles(event: Event, message: OutboxMessage) -> bool:
    if isinstance(event, delivery.UserNoticeVoided):
        return message.id in event.messages and state_of(message) == "owed"
    return getattr(event, "message", "") == message.id and not isinstance(event, delivery.Stuck)


def tried(messages: Iterable[OutboxMessage], kinds: tuple[Kind, ...], stamp: Stamp) -> list[Happened]:
    """What the ledger is told of messages of these kinds that leave no more although they were tried: the events which
    void those that had not begun cannot know that nobody has these in hand. What the regulator or the platform may have
    got is followed up.
    """
    return [
        _happened(one, delivery.Voided(message=one.id), stamp)
        for one in messages
        if one.kind in kinds
        and one.attempts
        and one.is_at_rest
        and (one.kind == "user_notice" or not one.maybe_arrived)
    ]


def _happened(message: OutboxMessage, event: Event, stamp: Stamp) -> Happened:
    stream = stream_of_message(message.case_id, message.id)
    return Happened(message.platform_id, stream, event, stamp.at, AS_READ, stamp.actor)
