# Over 700 lines because every kind of today's events is told on this one page.
"""What each event of today's core is in the ledger. It goes with that core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json import loads
from typing import Any

from kz_compliance_sdk.domain import change as old
from kz_compliance_sdk.domain.audit import SYSTEM, AuditEvent
from kz_compliance_sdk.domain.case import Case as OldCase
from kz_compliance_sdk.domain.decision import Decision as OldDecision
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.events import arrivals, delivery, office, privacy, remedies, review, users
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.messages import lane_of
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.references import message_id
from tests.ledger.shadow import Shadow, keyed, sealed


@dataclass
class Step:
    """One write of a case: what it was, what it is, and what was written with it."""

    shadow: Shadow
    before: OldCase | None
    after: OldCase
    writes: list[Any]
    event: AuditEvent
    data: dict[str, Any]

    @property
    def actor(self) -> str:
        """Who did it; of what was typed in, who typed it in."""
        typist: str = self.data.get("entered_by", "")
        return typist if typist and self.event.actor == SYSTEM.id else self.event.actor

    def of(self, kind: type) -> list[Any]:
        return [write for write in self.writes if type(write) is kind]

    def messages(self, *kinds: str) -> list[OutboxMessage]:
        return [one for one in self.of(OutboxMessage) if one.kind in kinds]

    def paged(self, reason: str) -> bool:
        return any(loads(one.body)["reason"] == reason for one in self.messages("page"))

    def appeal(self) -> int:
        """The number of the appeal that is written."""
        (write,) = self.of(old.AppealWrite)
        return int(write.appeal.number)

    def lifted_by(self) -> int:
        """Until when what falls with this step must be lifted, 0 if nothing is."""
        return next((one.deadline_at or 0 for one in self.messages("restore")), 0)

    def item(self, name: str) -> int:
        found = self.after.item(name) or (self.before.item(name) if self.before is not None else None)
        assert found is not None
        return found.number


# -------------------------------------------------------------------------------------------------------- review


def judged(number: int, one: ItemDecision) -> review.Judged:
    return review.Judged(
        item=number,
        finding=one.finding,
        action=one.action,
        outcome=one.wording.outcome,
        ground=one.ground or "",
        scope=one.scope,
        refusal_code=one.wording.refusal_code or "",
        appeal=one.wording.appeal_available,
        content=keyed(one.content_sha256) if one.content_sha256 else "",
    )


# -------------------------------------------------------------------------------------------------------- office


def _plain(make: Callable[[], Event]) -> Callable[[Step], list[Event]]:
    return lambda _step: [make()]


def _corrected(s: Step) -> list[Event]:
    return [office.ReceiptCorrected(received_at=s.after.received_at, due_at=s.after.due_at)]


def _handed_over(s: Step) -> list[Event]:
    assert s.before is not None
    opened = s.before.open_items
    stay = tuple(s.item(i.item_id) for i in s.after.items if i.item_id in opened and i.status == "in_force")
    return [office.HandedOver(stay=stay)]


def _over(s: Step) -> list[Event]:
    """A suspension that had ended by its own time before this step."""
    return [office.SuspensionWatched(over=True)] if s.paged("suspension_over") else []


def _escalated(s: Step) -> list[Event]:
    fired = s.of(old.EscalationFired)
    steps = [one.step for one in fired]
    told = [loads(one.body)["reason"].removeprefix("unsure.").removeprefix("again.") for one in s.messages("page")]
    lead = next(one for one in told if one in steps)
    return [
        *_over(s),
        office.Escalated(
            steps=tuple(steps),
            lead=lead,
            audience=fired[0].audience,
            level=fired[0].level,
            unsure=s.data.get("unsure", False),
            again=tuple(s.data.get("again", ())),
        ),
    ]


def _stepped(s: Step) -> list[Event]:
    assert s.before is not None
    shift = s.after.clock_shift_s
    moved = s.after.lease_expires_at if s.after.lease_expires_at != s.before.lease_expires_at else 0
    unsure = tuple(one for one in s.after.unsure_steps if one not in s.before.unsure_steps)
    return [office.ClockStepped(shift_s=abs(shift), earlier=shift < 0, lease_until=moved or 0, unsure=unsure)]


def _preserved(s: Step) -> list[Event]:
    return [office.PreservationEnded(items=tuple(s.item(name) for name in s.data["preserved_until"]))]


# ------------------------------------------------------------------------------------------------------ delivery


def _reported(s: Step) -> list[Event]:
    (message,) = [one for one in s.messages("report") if one.id == s.data["message"]]
    later = message.next_attempt_at if message.next_attempt_at != s.event.at else 0
    return [
        delivery.Reported(
            sequence=s.data["sequence"], final=s.data["final"], not_before=later, parts=sealed(body=message.body)
        )
    ]


def _effect(s: Step, kind: str) -> str:
    """The message that carries the effect of which an event speaks."""
    return message_id(s.shadow.stream, kind, 0, s.data["version"], s.item(s.data["item"]))


def _in_force(s: Step) -> list[Event]:
    item, at = s.item(s.data["item"]), s.data["effective_at"]
    return [delivery.MeasureInForce(message=_effect(s, "enforce"), item=item, at_platform=at)]


def _lifted(s: Step) -> list[Event]:
    at, kept = s.data["at"], s.data["kept"]
    message = _effect(s, "restore")
    return [delivery.MeasureLifted(message=message, item=s.item(s.data["item"]), at_platform=at, kept=kept)]


def _failed(s: Step) -> list[Event]:
    kind = s.data["effect"]
    if s.paged("answer_unusable"):
        return [delivery.AnswerUnusable(message=_effect(s, kind))]
    parked = any(w.message.state == "parked" for w in s.of(old.MessageWrite))
    return [delivery.MeasureFailed(message=_effect(s, kind), item=s.item(s.data["item"]), final=parked)]


def _receipt(s: Step) -> list[Event]:
    return [delivery.Receipt(message=s.data["message"])]


def _rejected(s: Step) -> list[Event]:
    return [delivery.Rejected(message=s.data["message"], code=_code(s.data["code"]))]


def _code(text: str) -> str:
    return text if text.replace("_", "").replace(".", "").isalnum() and text.isascii() else "other"


# --------------------------------------------------------------------------------------------- remedies and users


def _contested(s: Step) -> list[Event]:
    return [remedies.ContestRecorded(contest=s.data["contest"], filed_at=s.data["filed_at"])]


def _contest_settled(s: Step) -> list[Event]:
    return [remedies.ContestSettled(contest=s.data["contest"], result=s.data["result"], result_at=s.data["result_at"])]


def _suspended(s: Step) -> list[Event]:
    until = s.data["until_at"] or 0
    return [remedies.Suspended(suspension=s.data["suspension"], from_at=s.data["from_at"], until_at=until)]


def _suspension_ended(s: Step) -> list[Event]:
    return [remedies.SuspensionEnded(suspension=s.data["suspension"], ended_at=s.data["ended_at"])]


def _appealed(s: Step) -> list[Event]:
    (write,) = s.of(old.AppealWrite)
    appeal = write.appeal
    item = next(
        s.item(one.item_id)
        for one in sorted(s.after.items, key=lambda one: not one.measure)
        if (one.was or one.item_id) == appeal.item_id and lane_of(one.object_key) == appeal.lane
    )
    return [
        remedies.Appealed(
            appeal=appeal.number,
            reference=keyed(appeal.reference),
            item=item,
            received_at=appeal.received_at,
            near_at=next(
                one.next_attempt_at for one in s.messages("page") if loads(one.body)["reason"] == "appeal_near"
            ),
            due_at=appeal.due_at,
            decision=appeal.decision_version,
        )
    ]


def _reversed(s: Step) -> list[Event]:
    assert s.before is not None
    number = s.appeal()
    if "decision" not in s.data:
        return [remedies.AppealReversed(appeal=number)]
    (row,) = s.of(old.DecisionRow)
    decision = OldDecision.model_validate_json(row.body)
    s.shadow.decisions[decision.version] = decision
    lifted = []
    items = []
    for name in s.data["lifts"]:
        now = s.after.item(name)
        assert now is not None
        fate: Any = now.status
        lifted.append(arrivals.Fallen(item=s.item(name), fate=fate, version=now.effect_version))
        said = decision.item(now.was or now.item_id)
        assert said is not None
        items.append(judged(s.item(name), said))
    closed = s.before.state == "closed" and s.after.state == "closed"
    return [
        remedies.AppealReversed(
            appeal=number,
            decision=decision.version,
            items=tuple(items),
            lifted=tuple(lifted),
            lift_due_at=s.lifted_by() or s.after.lift_due_at or 0,
            reports=not closed,
            parts=sealed(proposal=row.body),
        )
    ]


def _user_notice(s: Step) -> list[Event]:
    row = next(one for one in s.of(old.UserNoticeState) if one.message_id == s.data["message"])
    item = next(
        one
        for one in sorted(s.after.items, key=lambda one: one.decision_version != row.decision_version)
        if (one.was or one.item_id) == row.item_id and lane_of(one.object_key) == row.lane
    )
    void = tuple(
        one.message_id
        for one in s.of(old.UserNoticeState)
        if one.state == "void" and one.message_id in s.shadow.rows and s.shadow.rows[one.message_id].state != "void"
    )
    for one in s.of(old.UserNoticeState):
        s.shadow.rows[one.message_id] = one
    gone: list[Event] = [users.UserNoticeVoided(messages=void)] if void else []
    appeal = 0
    if row.kind == "appeal_decided":
        appeal = s.appeal()
    mine = [loads(one.body)["reason"] for one in s.messages("page")]
    return [
        *gone,
        users.UserNoticeOwed(
            item=s.item(item.item_id),
            notice=row.kind,
            appeal=appeal,
            effect=item.effect_version,
            state=row.state,
            due_at=row.due_at,
            basis=row.basis,
            asks="user_notice_barred" in mine,
            words_missing="user_notice_words" in mine,
        ),
    ]


def _told(s: Step) -> list[Event]:
    name = s.data["message"]
    for one in s.of(old.UserNoticeState):
        s.shadow.rows[one.message_id] = one
    if s.data["state"] == "sent":
        return [users.UserTold(message=name, at_platform=s.data["sent_at"])]
    return [users.UserNeverTold(message=name)]


def _delayed(s: Step) -> list[Event]:
    for one in s.of(old.UserNoticeState):
        s.shadow.rows[one.message_id] = one
    return [users.UserNoticeDelayed(messages=tuple(s.data["messages"]), until=s.data["until"])]


def _erasure_asked(s: Step) -> list[Event]:
    return [privacy.ErasureAsked(ground=s.data["ground"])]


TOLD: dict[str, Callable[[Step], list[Event]]] = {
    "reopen": lambda s: [review.Reopened(named=tuple(s.item(name) for name in s.data.get("items", ())))],
    "clock_stepped": _stepped,
    "authenticate": _plain(office.Authenticated),
    "correct_receipt": _corrected,
    "settle_quarantine": _plain(office.QuarantineSettled),
    "record_undoable": lambda s: [office.UndoableRecorded(item=s.item(s.data["item"]))],
    "deliver_by_hand": _plain(office.AnsweredByHand),
    "view": _plain(office.Viewed),
    "disclose": lambda s: [office.Disclosed(form=s.data["form"], language=s.data["lang"])],
    "export": _plain(office.Exported),
    "raise_alarm": _plain(office.AlarmRaised),
    "record_instruction": lambda s: [office.Instructed(given_at=s.data["given_at"])],
    "hand_over": _handed_over,
    "rule_out_demand": _plain(office.DemandRuledOut),
    "report_interim": _plain(office.InterimAsked),
    "escalate": _escalated,
    "acknowledge": _plain(office.EscalationSeen),
    "preservation_ended": _preserved,
    "report": _reported,
    "measure_in_force": _in_force,
    "measure_lifted": _lifted,
    "measure_failed": _failed,
    "receipt": _receipt,
    "reject": _rejected,
    "offer_interim": _plain(delivery.InterimOffered),
    "contest": _contested,
    "settle_contest": _contest_settled,
    "suspend": _suspended,
    "confirm_suspension": lambda s: [*_over(s), remedies.SuspensionConfirmed(suspension=s.data["suspension"])],
    "end_suspension": _suspension_ended,
    "appeal": _appealed,
    "uphold": lambda s: [remedies.AppealUpheld(appeal=s.appeal())],
    "withdraw_appeal": lambda s: [remedies.AppealWithdrawn(appeal=s.appeal())],
    "reverse": _reversed,
    "user_notice": _user_notice,
    "tell_user": _told,
    "delay_user_notice": _delayed,
    "hold": lambda s: [privacy.Held(until=s.data["until"])],
    "end_hold": _plain(privacy.HoldEnded),
    "ask_erasure": _erasure_asked,
    "erase": lambda s: [privacy.Erased(ground=s.data["ground"])],
}
