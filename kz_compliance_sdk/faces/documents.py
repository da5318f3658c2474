"""What the commands have to show, as plain values, and how JSON has them.

The shape is stable: a field may be added, none changes or goes. Here a time is in UTC seconds, and what begins with an
underscore is for people alone. In JSON a time is RFC 3339 text in UTC. A field that ends in `_s` is in seconds.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.domain.values import document_in, fields_of, instant_text, is_time

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import CaseFile
    from kz_compliance_sdk.domain import fold
    from kz_compliance_sdk.domain.appeals import Appeal
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.change import Attempt, OutboxMessage
    from kz_compliance_sdk.domain.clock import ClockView, FiledContest, Suspension
    from kz_compliance_sdk.domain.commands.review import Decided, Lease
    from kz_compliance_sdk.domain.decision import Decision
    from kz_compliance_sdk.domain.flags import Flag
    from kz_compliance_sdk.domain.fold import Chain
    from kz_compliance_sdk.domain.house import Duty, HandedOn, Registration
    from kz_compliance_sdk.domain.ledger import Stamped
    from kz_compliance_sdk.domain.notice import Notice
    from kz_compliance_sdk.domain.policy import Policy
    from kz_compliance_sdk.domain.user_notices import UserNoticeState

_CASE = (
    "case:id notice_id revision authority_id reference_number state kind category source authenticity channel level "
    "flags items open_items assigned_to? lease clock closed_at _decided"
)
_ITEM = "item_id status object_key action ground? scope measure? effective_at? preserve_until? order_fell:fell?"
_CONTEST = "contest:number filed_at recorded_by result? result_at _said"
_SUSPENSION = (
    "suspension:number from_at until_at ended_at recorded_by confirmed_by? proof_sha256 _ends_at:ends_at _said"
)
_RECEIVED = "message_id type sender source received_at exit status deliveries body_sha256 body_base64 _detail"


class Document(dict[str, Any]):
    """A document, or a part of one, whose names are ours. Whatever else is in it JSON has as it is."""


def rendered(value: Any) -> Any:
    """A document as JSON has it."""
    if isinstance(value, Document):
        return {
            name: instant_text(held) if type(held) is int and is_time(name) else rendered(held)
            for name, held in value.items()
            if not name.startswith("_")
        }
    if isinstance(value, Mapping):
        return {name: rendered(held) for name, held in value.items()}
    return [rendered(one) for one in value] if isinstance(value, list | tuple) else value


def fields(value: object, names: str, **more: Any) -> Document:
    """A part of a document: as `fields_of`, and its names are ours."""
    return Document(fields_of(value, names, **more))


def gaps(found: Iterable[Flag]) -> list[Document]:
    """What a notice lacks, and what that means."""
    from kz_compliance_sdk.domain.flags import FLAG_MEANINGS

    return [fields(gap, "code item_id meaning", meaning=FLAG_MEANINGS[gap.code]) for gap in found]


def listed(case: Case, now: int) -> Document:
    """A case as the lists show it, at `now` (UTC seconds)."""
    from kz_compliance_sdk.domain.running_time import clock_in_lists

    return case_row(case, clock_in_lists(case, now))


def case_row(case: Case, clock: ClockView) -> Document:
    """A case beside its two clocks."""
    held = fields(case, "owner:lease_owner token:lease_token expires_at:lease_expires_at")
    return fields(
        case,
        _CASE,
        state=str(case.state),
        items=len(case.items),
        open_items=len(case.open_items),
        lease=held if case.lease_owner else None,
        clock=fields(
            clock, "received_at due_at requested_due_at decide_left_s receipt_left_s late paused unpaused_due_at"
        ),
        _decided=case.decided_at is not None,
    )


def case_document(file: CaseFile, notice: Notice | None) -> Document:
    """Everything that is held of a case. Message bodies are text; what was received is in base64, as it came."""
    case = file.case
    return Document(
        case_row(case, file.clock),
        **fields(case, "version decision_version entered_by? lift_due_at"),
        item_states=[fields(item, _ITEM) for item in case.items],
        notice=None if notice is None else notice.model_dump(mode="json", exclude_none=True),
        received=[
            fields(
                row,
                _RECEIVED,
                body_base64=base64.b64encode(row.body).decode("ascii"),
                _detail=str(document_in(row.reply).get("detail", "")),
            )
            for row in file.inbox
        ],
        legal_checks=_legal_checks(file),
        content=[fields(row, "item_id n object_id? digest? available fault? seen_by seen_at") for row in file.content],
        decisions=[decision(one, file) for _, one in sorted(file.decisions.items())],
        messages=[message(one, file.attempts.get(one.id, ())) for one in file.messages],
        contests=_remedies(file, case.contests, file.chain.stream.case.contests, _CONTEST),
        suspensions=_remedies(file, case.suspensions, file.chain.stream.case.suspensions, _SUSPENSION),
        notes=notes(file),
        escalations=[fields(fired, "step fired_at level audience") for fired in file.escalations],
        user_notices=[user_notice(row) for row in file.user_notices],
        audit=[_event(file.chain, on) for on in file.chain.events],
        audit_head=file.chain.stream.head.hex(),
    )


def notes(file: CaseFile) -> list[Document]:
    """What people left for whoever works on the case next, as far as it was not erased."""
    from kz_compliance_sdk.domain.events.office import NoteKept

    kept = ((on, file.chain.said(on.seq).get("text")) for on in file.chain.events if isinstance(on.event, NoteKept))
    return [fields(on, "at by text", by=on.who.id if on.who else "", text=text) for on, text in kept if text]


def handed_on(
    found: Iterable[tuple[Case, CaseFile | None, str | None]], left: Iterable[HandedOn], now: int
) -> Document:
    """What the next shift must know of these cases, each with its file where that can be read, and for whom it waits,
    if it does; and what was `left` for it."""
    rows = [
        Document(
            listed(case, now), waits_for=waits, unseen=_unseen(file) if file else [], notes=notes(file) if file else []
        )
        for case, file, waits in found
    ]
    return Document(at=now, notes=[fields(one, "at by text") for one in left], cases=rows)


def _unseen(file: CaseFile) -> list[str]:
    """The steps of the ladder that fired since somebody acknowledged the alerts of a case last."""
    from kz_compliance_sdk.domain.events.office import EscalationSeen

    seen = max((on.at for on in file.chain.events if isinstance(on.event, EscalationSeen)), default=-1)
    return [one.step for one in file.escalations if one.fired_at > seen]


def registration(held: Registration) -> Document:
    """The platform's entry in the register, and where it stands."""
    names = "given_at given_by filed_at? channel? number? standing? stood_at? until_at? note?"
    times = {name: getattr(held, name) or None for name in ("filed_at", "stood_at")}
    entry = held.entry.model_dump(mode="json")
    needed = {"needs_representative": held.entry.needs_representative}
    return Document(fields(held, names, **times, until_at=held.until or None), **needed, entry=entry)


def duty(told: Duty, policy: Policy, roles: Mapping[str, frozenset[str]], now: int) -> Document:
    """The roster, and whom each step of the ladder pages: the roles, and those on duty who have one."""
    names = "shift:id person from_at until_at zone planned_by on_duty"
    here = told.at(now)
    steps = [
        Document(
            step=step.id,
            audience=list(step.audience),
            on_duty=sorted({one.person for one in here if roles.get(one.person, frozenset()) & {*step.audience}}),
        )
        for step in policy.ladder
    ]
    return Document(at=now, shifts=[fields(one, names, on_duty=one in here) for one in told.shifts], ladder=steps)


def _remedies(
    file: CaseFile,
    held: Iterable[FiledContest | Suspension],
    filed: Mapping[int, fold.Contest] | Mapping[int, fold.Suspension],
    names: str,
) -> list[Document]:
    """Each with what was written of it; nothing once that is erased."""
    found = []
    for one in held:
        said = file.chain.said(filed[one.number].at_seq)
        said.pop("proof_sha256", None)  # which the suspension itself has
        found.append(Document(fields(one, names, _said=said), **said))
    return found


def _legal_checks(file: CaseFile) -> list[Document]:
    from kz_compliance_sdk.domain.decision import barring

    return [
        fields(
            row,
            "version revision digest answered_by answered_at answers _bars",
            answers=dict(row.answers),
            _bars=barring(row.check),
        )
        for row in file.legal_checks
    ]


def decision(made: Decision, file: CaseFile) -> Document:
    """A decision with the proposal that it is about, and what asked for a second person."""
    check = made.legal_check
    return fields(
        made,
        "version digest proposed_by proposed_at needs_approval second_person approved_by? approved_at? legal_check "
        "proposal",
        second_person=_second_person(file, made.version),
        legal_check=None if check is None else check.model_dump(),
        proposal=made.proposal.model_dump(mode="json"),
    )


def message(sent: OutboxMessage, attempts: Iterable[Attempt]) -> Document:
    """An outbox message with what came of it."""
    return fields(
        sent,
        "message:id case:case_id? kind endpoint item_id? state created_at next_attempt_at settled_at body receipt? "
        "attempts",
        next_attempt_at=sent.next_attempt_at if sent.state in ("queued", "leased") else None,
        body=sent.body.decode("utf-8", "replace"),
        receipt=sent.receipt.decode("utf-8", "replace"),
        attempts=[fields(one, "number started_at ended_at result detail?") for one in attempts],
    )


def user_notice(row: UserNoticeState) -> Document:
    """Where the telling of one item's user stands."""
    return fields(row, "message:message_id item_id kind state due_at sent_at delay_until basis?")


def appeal_row(appeal: Appeal) -> Document:
    """An appeal without what the user wrote."""
    return fields(
        appeal,
        "appeal:appeal_id reference case:case_id item_id state received_at due_at decision_version decided_by? "
        "decided_at _proposed_by:proposed_by _approved_by:approved_by",
    )


def lease(held: Lease, now: int) -> Document:
    """A case that somebody holds from now on."""
    return Document(lease=Document(case=listed(held.case, now), **fields(held, "token expires_at")))


def decided(made: Decided, file: CaseFile, undo_window_s: int) -> Document:
    """A case with the decision that was proposed or approved, and what asked for a second person."""
    return Document(
        case=case_row(made.case, file.clock),
        digest=made.digest,
        **fields(made.decision, "needs_approval approved_by?"),
        second_person=_second_person(file, made.decision.version),
        undo_window_s=undo_window_s,
    )


def _second_person(file: CaseFile, version: int) -> dict[str, Any]:
    from kz_compliance_sdk.domain.proposal_checks import asked_for, in_words

    return in_words(asked_for(file.chain.stream.case, file.chain.events, version))


def _event(chain: Chain, on: Stamped) -> Document:
    """An event with what somebody wrote in it; what is a document of its own is shown where it belongs."""
    from kz_compliance_sdk.domain.actor import SYSTEM
    from kz_compliance_sdk.domain.events import texts_in

    who = on.who or SYSTEM
    said = chain.said(on.seq)
    return fields(
        on,
        "seq at kind actor account? content hash texts",
        actor=who.id,
        content=chain.links[on.seq - 1].content.decode("utf-8", "replace"),
        hash=on.hash.hex(),
        texts={name: said[name] for name in texts_in(on) if name in said},
        account=who.account,
    )
