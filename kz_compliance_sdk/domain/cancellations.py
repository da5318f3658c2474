"""What becomes of a case when its order no longer stands, in whole or in part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage, Write, happenings
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events.arrivals import Came, Cancelled, Fallen, Fate, Named, Way
from kz_compliance_sdk.domain.events.base import Authenticity, Event, Happened, Source
from kz_compliance_sdk.domain.fold import Changeable
from kz_compliance_sdk.domain.holding import Objects
from kz_compliance_sdk.domain.messages import Respondent, object_key, tried, with_report, written
from kz_compliance_sdk.domain.notice import Cancellation, Item
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.running_time import replanned, term_times, woken
from kz_compliance_sdk.domain.values import canonical, instant_text, message_id, object_stream, stream_of

# ----------------------------------------------------------------------------------------------------- arrival events
# How a message came, and what the ledger says of it: of what it carried, of the items that it names or lets fall.


class Arrival(Changeable, frozen=True):
    """How a message came. `received_at` starts the clock; `published_at` is when the sender says it was sent; both are
    UTC seconds. `message` names the stored bytes: sender, message id, SHA-256. `authorities` are those for which the
    sender speaks. `entered_by` typed it in, come in by `account`, and says `how` it came; `by` is that person, where
    the machine takes the message in. `body` are the exact bytes, whose origin `proof` shows: signed at `signed_at` by
    the profile `profile` with the key `key_id`. Before a new notice `volume` others had come from its authority, or
    under its key, and `volume_limit` are usual."""

    platform_id: str
    message: tuple[str, str, str]
    source: Source
    authenticity: Authenticity
    channel: str
    received_at: int
    published_at: int
    flags: tuple[str, ...] = ()
    entered_by: str = ""
    account: str = ""
    how: str = ""
    volume: int = 0
    volume_limit: int = 0
    by: Actor | None = None
    body: bytes = b""
    proof: bytes = b""
    profile: str = ""
    key_id: str = ""
    signed_at: int = 0
    authorities: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        # Whoever prints or logs it tells nothing of what was written.
        return f"Arrival({self.sender!r}, {self.source!r})"

    @property
    def sender(self) -> str:
        return self.message[0]

    @property
    def message_id(self) -> str:
        return self.message[1]

    @property
    def body_sha256(self) -> str:
        return self.message[2]


def accepted_body(reference: str, due_at: int, received_at: int) -> bytes:
    """The answer to a message that a case has taken: when its clock started and when it is due, UTC seconds."""
    # A UUID and two times need no escaping; the keys stand in canonical order.
    due, received = instant_text(due_at), instant_text(received_at)
    return f'{{"case_reference":"{reference}","due_at":"{due}","received_at":"{received}"}}'.encode("ascii")


def noted_body(subject: str, received_at: int) -> bytes:
    """The answer to a message that no case takes, such as one about a notice that has not come yet."""
    # With its null: a sender that looks for a case must find that there is none.
    return canonical({"case_reference": None, "received_at": instant_text(received_at), "subject_id": subject})


def came(arrival: Arrival, stamp: Stamp) -> Came:
    """How the message came. It was simply accepted, until `answered` says otherwise."""
    sender, message_id, sha256 = arrival.message
    return Came(
        key=stamp.keyed(sender, message_id),
        body=stamp.keyed(sha256),
        source=arrival.source,
        sender=sender,
        channel="by_hand" if arrival.channel == "by_hand" else "regulator",
        profile=arrival.profile,
        key_id=arrival.key_id or None,
        # A right signature can name any time: the exact one stands in the proof.
        signed_at=max(0, arrival.signed_at),
        volume=arrival.volume,
        volume_limit=arrival.volume_limit,
    )


def carried(arrival: Arrival, event: Event, texts: Mapping[str, str] | None = None) -> dict[str, str | bytes]:
    """The words of the event that a message makes: its bytes, what proves them, how it came, and these `texts`. Of a
    letter who typed it in, and when, is the event's own."""
    proof = b"" if arrival.source == "typed" else arrival.proof
    words: dict[str, str | bytes] = {
        "message": arrival.body,
        "proof": proof,
        "how_it_came": arrival.how,
        **(texts or {}),
    }
    return {name: said for name, said in words.items() if said and name in event.words}


def happened_with(
    arrival: Arrival, case: Case, event: Event, stamp: Stamp, texts: Mapping[str, str] | None = None
) -> Happened:
    """The event that a message makes of a case, with its words."""
    return happened(case, event, stamp, carried(arrival, event, texts), by=arrival.by)


def answered(change: Change, status: int, reply: bytes) -> Change:
    """The change that a message made, with the exact answer to it: a repeat gets these bytes again."""
    return tuple(_answered(write, status, reply) if isinstance(write, Happened) else write for write in change)


def _answered(told: Happened, status: int, reply: bytes) -> Happened:
    how = getattr(told.event, "came", None)
    if not isinstance(how, Came):
        return told
    event = structs.replace(told.event, came=structs.replace(how, status=status))
    return structs.replace(told, event=event, words={**told.words, "reply": reply})


def flags_told(flags: Iterable[str], items: Iterable[ItemState]) -> tuple[str, ...]:
    """Flags with the number of the item that each speaks of; without one, where the case has no such item."""
    number = {item.item_id: item.number for item in items}
    parted = [flag.partition(":") for flag in flags]
    return tuple(f"{code}:{number[item]}" if item in number else code for code, _, item in parted)


def named_told(
    before: Iterable[ItemState], after: Iterable[ItemState], noticed: Mapping[str, Item], stamp: Stamp
) -> tuple[Named, ...]:
    """The items that a message names, with the numbers that the case gives them."""
    was, now = ({item.item_id: item for item in items} for items in (before, after))
    return tuple(_named(was.get(name), now[name], item, stamp) for name, item in noticed.items())


def _named(was: ItemState | None, now: ItemState, item: Item, stamp: Stamp) -> Named:
    stream, way = object_stream(object_key(item), stamp.keyed), way_of(item)
    if was is None or was.number != now.number:
        return Named(number=now.number, object=stream, way=way, instead_of=0 if was is None else was.number)
    return Named(number=now.number, object=stream, way=way, begun=not was.measure and bool(now.measure))


def way_of(item: Item) -> Way:
    """By what an item is named."""
    return "url" if item.url else "object" if item.object_id else "account"


def fallen_told(before: Iterable[ItemState], after: Iterable[ItemState]) -> tuple[Fallen, ...]:
    """What becomes of these items, whose order no longer stands: each as it was `before`. One of which nothing was ever
    done is not among those `after` it once its id names another object."""
    now = {item.number: item for item in after}
    return tuple(_fallen(was, now.get(was.number)) for was in before)


def _fallen(was: ItemState, now: ItemState | None) -> Fallen:
    if now is None:
        return Fallen(item=was.number, fate="stopped", order=True)
    order = bool(now.fell) and not was.fell
    stood = was.status, was.effect_version, was.action, was.measure
    fate = _FATES.get(now.status, "stays")
    if fate == "stays" or stood == (now.status, now.effect_version, now.action, now.measure):
        return Fallen(item=was.number, fate="stays", order=order)
    version = now.effect_version if now.effect_version != was.effect_version else 0
    return Fallen(item=was.number, fate=fate, version=version, held=bool(now.measure), order=order)


_FATES: Mapping[str, Fate] = {"stopped": "stopped", "lifting": "lifting", "kept": "kept"}


# ------------------------------------------------------------------------------------------------------ cancellations


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known around a case when a message changes it: its unsettled outbox messages, the objects that something
    else still holds, its own holds (the object and the item's number of each), the versions of its objects, its
    decisions, who answers for its reports, what is known of the telling of each item's user, and which items are
    accounts or services; and its objects as they were read."""

    messages: Sequence[OutboxMessage]
    held_by_others: Collection[str]
    holds: Collection[tuple[str, int]]
    versions: Mapping[str, int]
    decisions: Mapping[int, Decision]
    respondent: Respondent
    notified: Mapping[str, UserNotified] = field(default_factory=dict)
    accounts: Collection[str] = ()
    objects: Objects = field(default_factory=Objects)


def cancel(
    case: Case,
    cancellation: Cancellation,
    arrival: Arrival,
    policy: Policy,
    standing: Standing,
    stamp: Stamp,
    texts: Mapping[str, str] | None = None,
) -> tuple[Change, Case]:
    """The order no longer stands, in whole or in part, and its effect says what that lifts (docs/concepts/overview.md).

    Without an effect nothing in force is touched: a person is paged to ask.
    """
    named = cancellation.item_ids
    about = [item for item in case.items if named is None or item.item_id in named]
    if named is not None:
        standing = with_held(standing, (item for item in case.items if item.item_id not in named))
    # What is lifted is lifted at once: that time runs from the receipt, also of what a second person had to vouch for.
    due = lift_due_at(case, policy, arrival.received_at)
    stopped: list[ItemState] = []
    writes: list[Write] = []
    for item in about:
        changed, more = stop(case.but(lift_due_at=due), item, cancellation.effect, standing, policy, stamp)
        standing = with_version(standing, changed)
        stopped.append(changed)
        writes += more
    lifts = any(item.status == "lifting" for item in (*case.items, *stopped))
    said = Cancelled(
        came=came(arrival, stamp),
        revision=cancellation.revision,
        effect=cancellation.effect,
        named=None if named is None else tuple(item.number for item in about),
        fallen=fallen_told(about, stopped),
        lift_due_at=due if lifts else 0,
    )
    told = happened_with(arrival, case, said, stamp, texts)
    after = moved(case, "cancel", told, *happenings(writes))
    touched = any(one.fate != "stays" for one in said.fallen)
    if touched and (after.state is CaseState.LIFTED or (lifts and after.state is CaseState.LIFTING)):
        watched = after.but(watch_at=lifted_watch(after, policy, stamp))
        after = watched if case.watch_at or watched.lift_due_at else replanned(watched, policy, stamp.at)
    news = touched or after.state is not case.state
    settles = news and after.state in (CaseState.LIFTED, CaseState.ENFORCED)
    gone = [] if after.open_items else tried(standing.messages, ("clarification",), stamp)
    if settles or (news and after.state in (CaseState.LIFTING, CaseState.CANCELLED)):
        gone += tried(standing.messages, ("report",), stamp)
    after = moved(after, None, *gone)
    if settles:
        after, reported = with_report(
            after,
            standing.decisions,
            standing.respondent,
            stamp,
            final=not after.open_items,
            notified=standing.notified,
        )
        gone.append(reported)
    return written(after, told, *writes, *gone), after


def lift_watch(case: Case, policy: Policy, stamp: Stamp) -> int:
    """When the clock of a lift first looks, UTC seconds: at once if its time is over, for a letter took its time."""
    due = lift_due_at(case, policy, stamp.at) + case.clock_shift_s
    step_at = clock.next_step_at(policy.ladder, received_at=stamp.at, due_at=due, after=min(stamp.at, due - 1))
    return woken(case, step_at, stamp.at)


def lifted_watch(case: Case, policy: Policy, stamp: Stamp) -> int:
    """When the watch first looks at a case in which nothing is left to lift: without a lift the term leads, UTC
    seconds. What it has not come to yet of a term that runs is not put off."""
    if case.lift_due_at is not None:
        return lift_watch(case, policy, stamp)
    step_at = case.watch_at or clock.next_step_at(policy.ladder, after=stamp.at, **term_times(case))
    return woken(case, step_at, stamp.at)


def lift_due_at(case: Case, policy: Policy, at: int) -> int:
    """Until when what falls at `at` must be lifted, as the case counts its times."""
    return case.lift_due_at or at + policy.lift_term_s - case.clock_shift_s


def stop(
    case: Case, item: ItemState, effect_of: str | None, standing: Standing, policy: Policy, stamp: Stamp
) -> tuple[ItemState, list[Write]]:
    """One item whose order no longer stands: what becomes of it, and the writes that go with it."""
    stopped, writes = _stop(case, item, effect_of, standing, policy, stamp)
    fell = item.fell or (effect_of if effect_of is not None and _falls(effect_of, item, standing) else "")
    return stopped.but(fell=fell), writes


def _falls(effect_of: str, item: ItemState, standing: Standing) -> bool:
    """Whether no measure can rest on the order any more. Of what was remedied that holds for accounts and services."""
    return effect_of != "remedied" or item.item_id in standing.accounts or _lifts(effect_of, item)


def _stop(
    case: Case, item: ItemState, effect_of: str | None, standing: Standing, policy: Policy, stamp: Stamp
) -> tuple[ItemState, list[Write]]:
    own_terms = item.ground == "terms_of_service"
    if item.status == "lifting" and item.action == "none" and _lifts(effect_of, item):
        # People who take their decision back do not take this back: the order fell as well.
        return item.but(action=item.measure), []
    if item.status in ("stopped", "lifted", "gone", "lifting") or (item.status == "decided" and own_terms):
        return item, []
    if item.status == "kept" and (own_terms or not item.measure or not _lifts(effect_of, item)):
        return item, []
    begun = has_begun(item, standing.messages)
    writes: list[Write] = [] if begun else [*tried(enforcing(item, standing.messages), ("enforce",), stamp)]
    if not item.measure and not begun:
        settled = item.status == "settled"
        return (item, []) if settled else (item.but(status="stopped"), writes)
    if effect_of is None:
        return item, []
    if own_terms or not _lifts(effect_of, item):
        if begun:
            return item, []
        # It holds on, so that it still stands when another order about the same object falls. (The hold may have ended
        # with a restore that was not carried out; and a measure that only may have come into force holds nothing.)
        ended = item.effective_at and not is_held(item, standing)
        holds = [standing.objects.in_force(case, item, stamp)] if ended else []
        return item.but(status="kept"), [*writes, *holds]
    writes += standing.objects.lifted(case, item, stamp)
    if item.object_key in standing.held_by_others and not begun:
        return item.but(status="kept", measure=""), writes
    version = standing.versions.get(item.object_key, 0) + 1
    lifted = item.but(status="lifting", effect_version=version, measure=item.measure or item.action)
    writes.append(standing.objects.versioned(case, lifted, stamp))
    return lifted, writes


def _lifts(effect_of: str | None, item: ItemState) -> bool:
    """What was remedied leaves a measure as it is, but for an account that was suspended until then."""
    if effect_of == "remedied":
        return (item.measure or item.action) == "suspend_account"
    return effect_of is not None


def with_held(standing: Standing, items: Iterable[ItemState]) -> Standing:
    """What is known once these items of the case keep their measures: none of their objects may be lifted."""
    held = {item.object_key for item in items if is_held(item, standing) and item.status != "lifting"}
    return replace(standing, held_by_others={*standing.held_by_others, *held})


def on_its_way_falls(item: ItemState, standing: Standing) -> ItemState:
    """An item that an authority names no longer, as `stop` is to see it: the platform's own terms keep what is in
    force, not what is only on its way."""
    return item if is_held(item, standing) and item.status != "decided" else item.but(ground="")


def is_held(item: ItemState, standing: Standing) -> bool:
    """Whether a measure that the case decided for this item is in force."""
    return (item.object_key, item.number) in standing.holds


def with_version(standing: Standing, item: ItemState) -> Standing:
    """What is known once an effect was decided for an item: the next one on the same object gets a later version."""
    # An item for which nothing was decided now may know of an older effect than the object has seen.
    latest = max(standing.versions.get(item.object_key, 0), item.effect_version)
    return replace(standing, versions={**standing.versions, item.object_key: latest})


def has_begun(item: ItemState, messages: Iterable[OutboxMessage]) -> bool:
    """Whether somebody may be carrying out the item's measure now, or has tried to: it can still come into force."""
    return any(message.state != "queued" or message.attempts > 0 for message in enforcing(item, messages))


def enforcing(item: ItemState, messages: Iterable[OutboxMessage]) -> list[OutboxMessage]:
    """The unsettled message that is to put the item's measure in force, if there is one."""
    about = item.effect_version, item.number
    return [m for m in messages if m.id == message_id(stream_of(m.case_id), "enforce", 0, *about)]
