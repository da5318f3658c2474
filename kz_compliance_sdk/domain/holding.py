"""What a step knows of the objects that its case is about, and what it tells of them.

Whatever rests on an object is told in its stream too, behind what was read there: two orders about one object that fall
at the same moment on two hosts would both leave the measure to the other.

A measure must stay reversible: an appeal can succeed, an order can be annulled. So a sealed copy of what it hides is
kept, and people are told when that time is over; nothing is deleted here, and no measure ends by itself.

Behind that stands what comes back to a case, and rests on its objects or may: from the platform, the regulator and the
clock, its ladder too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kz_compliance_sdk.domain import clock, fold, running_time
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import delivery, office
from kz_compliance_sdk.domain.events.base import Audience, Happened, ObjectEvent, code_or_other
from kz_compliance_sdk.domain.fold import PlatformObject, Stream, object_in
from kz_compliance_sdk.domain.ledger import Damage
from kz_compliance_sdk.domain.messages import BY_HAND, Respondent, item_of, step, stuck, with_report, written
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.running_time import resumed
from kz_compliance_sdk.domain.transitions import ENDED, is_legal
from kz_compliance_sdk.domain.values import object_stream, stream_of


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects by their keys, each as its stream was read."""

    known: Mapping[str, PlatformObject] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, int]:
        """The latest version that was handed out for each object."""
        return {key: held.version for key, held in self.known.items()}

    def own(self, case: Case) -> frozenset[tuple[str, int]]:
        """The measures of a case that are in force: the object and the item's number of each."""
        return frozenset((key, n) for key, held in self.known.items() for owner, n in held.holds if owner == case.id)

    def held_by_others(self, case: Case) -> frozenset[str]:
        """The objects that another case holds."""
        return frozenset(key for key, held in self.known.items() if any(owner != case.id for owner, _ in held.holds))

    def held_beside(self, case: Case, key: str, number: int) -> bool:
        """Whether anything but this item of a case holds an object."""
        left_behind = self._left_behind(case, key)
        return any(owner != (case.id, number) and owner not in left_behind for owner in self.known[key].holds)

    def kept_until(self, case: Case, item: ItemState) -> int:
        """Until when (UTC seconds) the copy behind an item's measure is kept; 0 if none need be."""
        held = self.known.get(item.object_key)
        return held.holds.get((case.id, item.number), 0) if held is not None else 0

    # ------------------------------------------------------------------------------------------ what is told

    def versioned(self, case: Case, item: ItemState, stamp: Stamp) -> Happened:
        """That an effect was decided for an item, under the version that the item has now."""
        event = delivery.Versioned(case=case.id, item=item.number, version=item.effect_version)
        return self._happened(case, item.object_key, event, stamp)

    def in_force(self, case: Case, item: ItemState, stamp: Stamp) -> Happened:
        """That an item's measure holds its object: while it stands, nobody else's restore may lift it."""
        event = delivery.InForce(case=case.id, item=item.number, until=item.preserve_until)
        return self._happened(case, item.object_key, event, stamp)

    def lifted(self, case: Case, item: ItemState, stamp: Stamp) -> list[Happened]:
        """That an item holds its object no more; and with it none that the case knew before its erasure."""
        if not item.object_key:
            return []  # its name was erased: nothing of it can be lifted
        numbers = [item.number, *(n for _, n in sorted(self._left_behind(case, item.object_key)))]
        events = [delivery.Lifted(case=case.id, item=number) for number in numbers]
        return [self._happened(case, item.object_key, event, stamp) for event in events]

    def copies_freed(self, case: Case, items: Iterable[ItemState], stamp: Stamp) -> list[Happened]:
        """That the copies behind the measures of these items need not be kept any longer."""
        events = [(one.object_key, delivery.CopyFreed(case=case.id, item=one.number)) for one in items]
        return [self._happened(case, key, event, stamp) for key, event in events]

    def _left_behind(self, case: Case, key: str) -> set[tuple[str, int]]:
        """The measures of a case on an object whose items it knows no more, since it was erased and came again."""
        numbers = {item.number for item in case.items}
        held = self.known.get(key)
        return {one for one in held.holds if one[0] == case.id and one[1] not in numbers} if held is not None else set()

    def _happened(self, case: Case, key: str, event: ObjectEvent, stamp: Stamp) -> Happened:
        held = self.known.get(key)
        stream = object_stream(key, stamp.keyed) if held is None else held.stream
        return Happened(case.platform_id, stream, event, stamp.at, held.seq if held is not None else 0, stamp.actor)


def names_of(case: fold.Case) -> list[str]:
    """The streams of the objects that a case is about."""
    return list(dict.fromkeys(item.object for item in case.items.values()))


def believed_objects(case: fold.Case, streams: Mapping[str, Stream]) -> dict[str, PlatformObject]:
    """Each of these objects by the name of its stream. Raises Damage for one that lacks a version which the chain of
    the case names, Damage or NewerRelease for one on which nothing may be decided."""
    held = {name: object_in(stream) for name, stream in streams.items()}
    reference = case.stream.removeprefix(stream_of(""))
    for item in case.items.values():
        known = held.get(item.object)
        if known is not None and item.version and (item.version, reference, item.number) not in known.handed_out:
            what = f"it never handed out the version {item.version} that the item {item.number} of {case.stream} has"
            raise Damage(known.stream, known.seq + 1, what)
    return held


def preserve_until(policy: Policy, notice: Notice, start: int) -> int:
    """Until when the copy is kept, in UTC seconds: the policy's time from `start`, or longer if the notice asks so."""
    asked = notice.preservation.until if notice.preservation is not None else 0
    return max(start + policy.preservation_s, asked)


def preservation_ended(case: Case, items: Sequence[ItemState], objects: Objects, stamp: Stamp) -> Change:
    """Tell people, once, that the copies behind the measures of these items need not be kept any longer."""
    told = office.PreservationEnded(items=tuple(item.number for item in items))
    change, _ = step(case, "preservation_ended", happened(case, told, stamp))
    return (*change, *objects.copies_freed(case, items, stamp))


# ------------------------------------------------------------------------------------------------------------ results
# What the platform, the regulator and the clock bring back to a case.


UNUSABLE: tuple[str, Audience, int] = "answer_unusable", ("moderator", "lead"), 50
"""What people are told of an answer that cannot be used, who is, and how loudly."""


@dataclass(frozen=True, slots=True)
class Answering:
    """What is needed of a case beside it when something becomes of an item. A report is made from its decisions, who
    answers for it, and what is known of the telling of each item's user."""

    decisions: Mapping[int, Decision]
    respondent: Respondent
    notified: Mapping[str, UserNotified] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)


def settle(case: Case, verb: str | None, told: Happened, answering: Answering, stamp: Stamp) -> tuple[Change, Case]:
    """Take the move that an item's result leads to, as it is `told`; the last pending one queues the report."""
    after, tells = moved(case, verb, told), [told]
    if after.state is not case.state:
        after, reported = with_report(
            after,
            answering.decisions,
            answering.respondent,
            stamp,
            final=not after.open_items,
            notified=answering.notified,
        )
        tells.append(reported)
    return written(after, *tells), after


def is_current(case: fold.Case, message: OutboxMessage) -> bool:
    """Whether an effect is still the latest that was decided for its item. A superseded one must not be carried out."""
    owed = case.messages.get(message.id)
    item = case.items.get(owed.item) if owed is not None else None
    if item is None or item.is_gone or item.version != message.lane_seq:
        return False
    return message.kind == "restore" or item.status == "decided"


def measure_in_force(
    case: Case, message: OutboxMessage, effective_at: int, answering: Answering, stamp: Stamp
) -> Change:
    """The platform says that a measure is in force. The last one of a decision queues the report."""
    item = item_of(case, message)
    if item is None:
        return ()
    landed = delivery.MeasureInForce(message=message.id, item=item.number, at_platform=effective_at)
    change, after = settle(case, "measure_in_force", happened(case, landed, stamp), answering, stamp)
    held = next(one for one in after.items if one.number == item.number)
    return (*change, answering.objects.in_force(case, held, stamp))


def measure_lifted(
    case: Case, message: OutboxMessage, effective_at: int, answering: Answering, stamp: Stamp, *, kept: bool = False
) -> Change:
    """A measure is lifted; or, with `kept`, it was found at the last moment that something else still holds it."""
    item = item_of(case, message)
    if item is None:
        return ()
    lifted = delivery.MeasureLifted(message=message.id, item=item.number, at_platform=effective_at, kept=kept)
    # In a case that has ended, the item was decided otherwise while its restore waited behind another effect.
    verb = None if case.state in ENDED else "measure_lifted"
    change, _ = settle(case, verb, happened(case, lifted, stamp), answering, stamp)
    return (*change, *answering.objects.lifted(case, item, stamp))


def measure_failed(case: Case, message: OutboxMessage, reason: str, stamp: Stamp, *, permanent: bool = True) -> Change:
    """The platform cannot carry an effect out. A measure that can never be carried out goes back to review, any other
    effect goes on being tried; a person is paged in either case."""
    item = item_of(case, message)
    if item is None:
        return ()
    never = permanent and message.kind == "enforce"
    told = delivery.MeasureFailed(message=message.id, item=item.number, final=never)
    return step(case, "measure_failed", happened(case, told, stamp, {"reason": reason}))[0]


def answer_unusable(case: Case, message: OutboxMessage, what: str, stamp: Stamp) -> Change:
    """The platform answered to an effect with a time that cannot be: it may be in force, and nobody knows since when.
    The item stays as it is until a person has it asked again."""
    item = item_of(case, message)
    if item is None or not is_legal(case.state, "measure_failed", case.state):
        return stuck((), case, *UNUSABLE, stamp, message=message.id)
    event = happened(case, delivery.AnswerUnusable(message=message.id), stamp, {"reason": what})
    return step(case, "measure_failed", event)[0]


def interim_due(case: Case, policy: Policy, now: int) -> bool:
    """Whether a report of the settled items should be offered now although others are stuck: the deadline is near, and
    there is something to tell that was not offered yet."""
    deadline = (case.lift_due_at or running_time.shown_due_at(case, now)) + case.clock_shift_s
    near = now >= deadline - policy.interim_before_s
    return near and can_report_interim(case) and case.settled_items > case.interim_items


def can_report_interim(case: Case) -> bool:
    """Whether some items are settled while others are under way."""
    return case.state in (CaseState.DECIDED, CaseState.LIFTING) and case.pending and case.settled_items > 0


def offer_interim(case: Case, stamp: Stamp) -> Change:
    """Ask people whether the regulator is to hear of the settled items now. Nothing leaves before they say so."""
    return step(case, "offer_interim", happened(case, delivery.InterimOffered(), stamp))[0]


def receipt(case: Case, message: OutboxMessage, stamp: Stamp) -> Change:
    """The regulator holds one of our messages, which has its receipt. That for the final report ends the case."""
    if not is_legal(case.state, "receipt", case.state):
        return ()
    carried = message.endpoint == BY_HAND
    words = {BY_HAND if carried else "receipt": message.receipt, "signature": message.receipt_proof}
    held = {name: said for name, said in words.items() if said}
    return step(case, "receipt", happened(case, delivery.Receipt(message=message.id), stamp, held))[0]


def reject(case: Case, message: OutboxMessage, code: str, reason: str, stamp: Stamp) -> Change:
    """The regulator refuses a message for good. A refused final report sends the case back to review, unless it told
    only of objects that the notice no longer names, or of items whose order fell: about these nothing is decided any
    more."""
    if not is_legal(case.state, "reject", case.state):
        return ()
    told = delivery.Rejected(message=message.id, code=code_or_other(code))
    return step(case, "reject", happened(case, told, stamp, {"reason": reason} if reason else None))[0]


def escalate(case: Case, policy: Policy, stamp: Stamp) -> Change:
    """Fire the steps of the ladder that are due, once and as one page, and set when the watch must look next."""
    if case.watch_at is None or case.watch_at > stamp.at:
        return ()
    if running_time.stands_still(case, stamp.at) and not running_time.is_lifting(case):
        return _look_again(case, stamp)
    now, over = resumed(case, stamp)
    times = running_time.ladder_times(now, stamp.at)
    steps = clock.steps_due(
        policy.ladder,
        since=stamp.at if now.watch_at is None else now.watch_at,
        now=stamp.at,
        unclaimed=is_untouched(case),
        **times,
    )
    following = running_time.woken(now, clock.next_step_at(policy.ladder, after=stamp.at, **times), stamp.at)
    due = clock.merged(steps)
    if due is None:
        return written(now.but(watch_at=following), *over)
    told = _escalated(now, due, policy, stamp)
    return written(moved(now, "escalate", told, watch_at=following), *over, told)


def is_untouched(case: Case) -> bool:
    """Whether nobody ever took the case in hand."""
    return not case.was_claimed and not case.decision_version


def escalated(
    case: Case, fired: clock.Escalation, policy: Policy, stamp: Stamp, *, unsure: bool = False
) -> tuple[Change, Case]:
    """The steps of the ladder as fired, and their page. With `unsure` they are so only if a clock that was just set is
    right: they count as not fired, and fire again at their time, which says so."""
    return step(case, "escalate", _escalated(case, fired, policy, stamp, unsure=unsure))


def _escalated(case: Case, fired: clock.Escalation, policy: Policy, stamp: Stamp, *, unsure: bool = False) -> Happened:
    told = office.Escalated(
        policy=policy.version,
        steps=fired.merged_ids,
        lead=fired.lead.id,
        audience=fired.audience,
        level=fired.severity,
        unsure=unsure,
        again=() if unsure else tuple(one for one in fired.merged_ids if one in case.unsure_steps),
    )
    return happened(case, told, stamp)


def _look_again(case: Case, stamp: Stamp) -> Change:
    """The term stands still, and no end of that is known: people are asked whether the suspension still stands."""
    looked = running_time.planned(case, running_time.ladder_stopped_at(case, stamp.at), stamp.at)
    told = happened(case, office.SuspensionWatched(), stamp)
    return written(moved(looked, None, told), told)


def steps_past(case: Case, requested_due_at: int | None, policy: Policy, stamp: Stamp) -> clock.Escalation | None:
    """What an amendment fires at once before it plans the ladder of a running case anew: of the term what the watch had
    not come to yet, and all that is over already of a time asked for that it sets."""
    if running_time.stands_still(case, stamp.at):
        return None  # it goes on where it stopped
    times = running_time.ladder_times(case.but(requested_due_at=requested_due_at, lift_due_at=None), stamp.at)
    since = clock.first_watch_at(policy.ladder, **times)
    reached = case.watch_at if case.watch_at is not None and case.lift_due_at is None else stamp.at + 1
    is_set = requested_due_at != case.requested_due_at
    steps = clock.steps_due(policy.ladder, since=since, now=stamp.at, unclaimed=is_untouched(case), **times)
    return clock.merged([step for step in steps if step.at >= reached or (is_set and step.clock == "requested")])
