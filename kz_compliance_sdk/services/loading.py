"""What a step needs beside the case, loaded inside the transaction that will write; and all that is held of a case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar, cast

import msgspec

from kz_compliance_sdk.domain import user_notices
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.arrivals import Arrival, Standing
from kz_compliance_sdk.domain.believed import folded
from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.change import (
    NOTHING,
    Attempt,
    Change,
    CursorMoved,
    Happened,
    InboxRow,
    OutboxMessage,
    Write,
    cases_after,
    happenings,
)
from kz_compliance_sdk.domain.clock import ClockView
from kz_compliance_sdk.domain.deciding import Context
from kz_compliance_sdk.domain.decision import (
    ContentSeen,
    Decision,
    RecordedCheck,
    checks_of,
    decisions_by_version,
    looks_of,
)
from kz_compliance_sdk.domain.events.arrivals import Admitted, Amended, Answered, Opened, Sanctioned
from kz_compliance_sdk.domain.events.base import AS_READ, Event, Source
from kz_compliance_sdk.domain.events.privacy import Counted, erasable, tally
from kz_compliance_sdk.domain.fold import Chain, Step, Stream, evolve
from kz_compliance_sdk.domain.holding import Answering, Objects, believed_objects
from kz_compliance_sdk.domain.ledger import FIRST, Sealed, Stamped
from kz_compliance_sdk.domain.letters_in import flags_of_letters
from kz_compliance_sdk.domain.messages import BY_HAND, Respondent, notify, object_key
from kz_compliance_sdk.domain.notice import (
    Cancellation,
    Clarification,
    Item,
    Notice,
    is_account,
)
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.received import SANCTIONS, SanctionNoted, messages_of, received_in, sanctions_in
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.running_time import clock_of, steps_of
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.user_notices import UserNoticeState, tellings
from kz_compliance_sdk.domain.values import (
    message_stream,
    object_stream,
    stream_of,
)
from kz_compliance_sdk.errors import NotFound, StoreDamaged, Unreadable
from kz_compliance_sdk.ports import Queries, Tx, Work
from kz_compliance_sdk.wire.v1 import MessageData, read_admitted, read_message


def stream_in(tx: Tx, case_id: str) -> Stream:
    """The chain of a case."""
    name = stream_of(case_id)
    return tx.streams([name])[name]


def decisions_in(tx: Tx, case_id: str) -> dict[int, Decision]:
    """The decisions of a case by their version, but for those that were erased."""
    return decisions_by_version(stream_in(tx, case_id), tx.words)


def seen_in(tx: Tx, case: Case) -> dict[int, ContentSeen]:
    """What was last seen of each item of a case, by its number; an item that nobody has looked at is left out."""
    return {look.number: look for look in looks_of(stream_in(tx, case.id), case, tx.words)}


def notice_of(tx: Tx, case: Case) -> Notice:
    """The notice of a case as it stands: its latest revision, with what the authority clarified. Raises as
    `latest_revision`."""
    data = latest_revision(tx, case)
    items = {item.item_id: item for item in data.items}
    if "clarified" in case.flags:
        for said in _answers(tx, case):
            items |= {item.item_id: item for item in said.items or ()}
        data = data.model_copy(update={"items": tuple(items.values())})
    return data


def latest_revision(tx: Tx, case: Case) -> Notice:
    """The notice of a case as its latest revision says it.

    Read from the bytes that its chain holds, so that nobody decides on a copy. Raises NotFound for a case in
    quarantine, and for one that was erased, StoreDamaged for bytes that are not there.
    """
    if case.revision == 0:
        raise NotFound("a quarantined message holds no usable notice.", reference=case.id)
    stream = stream_in(tx, case.id)
    (data,) = _said_in(tx, stream, [stream.case.notice_at])
    if data is None:
        raise NotFound("the notice was erased: its digest and its way through this office are left.", reference=case.id)
    if not isinstance(data, Notice):
        raise NotFound("the stored message holds no notice.", reference=case.id)
    return data


def _said_in(tx: Tx, stream: Stream, seqs: Iterable[int]) -> list[MessageData | None]:
    """What the messages behind these events say, None for one that was erased."""
    said = stream.read(tx.words, [(seq, "message") for seq in seqs], read_admitted)
    return [None if one is None else one.data for one in said]


def _answers(tx: Tx, case: Case) -> list[Clarification]:
    """What the authority said of the notice in force, in the order in which the case took it in. Times do not tell it:
    two messages come in one second, one comes before its notice, and a letter counts from when it was vouched for."""
    taken: list[int] = []
    stream = stream_in(tx, case.id)
    for on in stream.whole().events:
        if isinstance(on.event, Opened | Admitted | Amended):
            taken.clear()
        elif isinstance(on.event, Answered):
            taken.append(on.seq)
    return [one for one in _said_in(tx, stream, taken) if isinstance(one, Clarification)]


def items_named(tx: Tx, case: Case) -> dict[str, Item]:
    """Every item that the authority ever named in this case, as it named it last. For a letter, which may have to
    speak of an item that the latest revision left out."""
    items: dict[str, Item] = {}
    for body in messages_of(stream_in(tx, case.id), tx.words):
        try:
            said = read_message(body).data
        except Unreadable:
            continue
        if isinstance(said, Notice | Clarification):
            items |= {item.item_id: item for item in said.items or ()}
    return items


def authority_named(tx: Tx, case: Case, lang: str) -> str:
    """Whom an answer goes to: the authority's name in a language, and its unit; empty where its words are gone."""
    try:
        authority = latest_revision(tx, case).issuing_authority
    except (NotFound, StoreDamaged):
        return ""
    return ", ".join(filter(None, (authority.name.best(lang), authority.unit)))


def context_of(tx: Tx, case: Case, policy: Policy, respondent: Respondent, *, can_look: bool = False) -> Context:
    """What a decision needs. `can_look` says that there is a Content port."""
    notice = notice_of(tx, case)
    objects = objects_of(tx, case, notice.items)
    return Context(
        notice,
        policy,
        objects.versions,
        decisions_in(tx, case.id) if case.decision_version else {},
        with_checkpoint(tx, respondent),
        objects.own(case),
        checks_of(stream_in(tx, case.id), case.id),
        seen_in(tx, case),
        can_look,
        notified_of(tx, case),
        objects,
    )


def notified_of(tx: Tx, case: Case) -> dict[str, UserNotified]:
    """What is known of the telling of each item's user. Nothing is read of a case that never had a measure."""
    touched = any(item.effective_at for item in case.items)
    return user_notices.notified(tellings_of(tx, case), tx.now) if touched else {}


def tellings_of(tx: Tx, case: Case) -> list[UserNoticeState]:
    """Where the telling of each item's user stands."""
    return user_notices.tellings(case, stream_in(tx, case.id).case)


def objects_of(
    tx: Tx,
    case: Case,
    named: Iterable[Item] = (),
    before: Change = NOTHING,
    *,
    of: Iterable[ItemState] | None = None,
) -> Objects:
    """The objects that the items of a case are about (or those `of` some of them), and those that are `named` now, as
    the step that did all `before` leaves them. Raises StoreDamaged where the stream of one cannot be believed."""
    keyed = tx.stamp().keyed
    about = case.items if of is None else of
    keys = {object_key(item) for item in named} | {item.object_key for item in about if item.object_key}
    names = {key: object_stream(key, keyed) for key in keys}
    held = believed_objects(stream_in(tx, case.id).case, tx.streams(names.values()))
    for one in happenings(before):
        if one.stream in held:
            one.event.change(held[one.stream])
    return Objects({key: held[name] for key, name in names.items()})


def standing_of(tx: Tx, case: Case, respondent: Respondent, before: Change = NOTHING) -> Standing:
    """What an amendment needs."""
    objects = objects_of(tx, case, before=before)
    return Standing(
        messages=tx.open_messages(case.id),
        held_by_others=objects.held_by_others(case),
        holds=objects.own(case),
        versions=objects.versions,
        decisions=decisions_in(tx, case.id),
        respondent=with_checkpoint(tx, respondent),
        notified=notified_of(tx, case),
        objects=objects,
    )


def standing_before(
    tx: Tx, case: Case, said: Cancellation | Clarification, respondent: Respondent, before: Change = NOTHING
) -> Standing:
    """What a cancellation or an answer needs: of what was remedied also which items are accounts or services."""
    standing = standing_of(tx, case, respondent, before)
    if not isinstance(said, Cancellation) or said.effect != "remedied":
        return standing
    accounts = frozenset(name for name, item in items_named(tx, case).items() if is_account(item))
    return replace(standing, accounts=accounts)


def letters_waiting(tx: Tx, case: Case) -> list[InboxRow]:
    """The letters of a case that were typed in and that nobody has vouched for or dismissed, oldest first."""
    held = [row for row in received_in(stream_in(tx, case.id), tx.words) if row.exit == "waiting"]
    return sorted(held, key=lambda row: row.received_at)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was typed in and waits: the message id under which it is held, and what it says. `received_at` is
    when the office received it, UTC seconds."""

    message_id: str
    type: str
    entered_by: str
    received_at: int
    says: Cancellation | Clarification | Notice


def letters_of(tx: Tx, case: Case) -> tuple[Letter, ...]:
    """The letters about a case that nobody has vouched for or dismissed, oldest first."""
    return tuple(
        Letter(row.message_id, row.type, typist_in(tx, row).id, row.received_at, letter_says(row))
        for row in letters_waiting(tx, case)
    )


def letter_says(row: InboxRow) -> Cancellation | Clarification | Notice:
    """What a letter that was typed in says."""
    said = read_message(row.body).data
    assert isinstance(said, Cancellation | Clarification | Notice)  # noqa: S101  nothing else is typed in
    return said


def letter_in(tx: Tx, case: Case, message_id: str) -> tuple[Cancellation | Clarification | Notice, Arrival]:
    """What the letter of this id says that waits for a second person, and how it came. Raises NotFound."""
    row = next((one for one in letters_waiting(tx, case) if one.message_id == message_id), None)
    if row is None:
        raise NotFound("no letter of this id waits in this case.", reference=message_id)
    return letter_says(row), arrival_in(tx, row, BY_HAND)


def typist_in(tx: Tx, row: InboxRow) -> Actor:
    """Who typed in a letter that waits. Raises StoreDamaged for one of which its chain does not know."""
    stream = stream_in(tx, row.case_id)
    held = stream.case.letters.get(tx.stamp().keyed(row.body_sha256))
    if held is None:
        raise StoreDamaged("no event says that this letter was typed in and waits.", reference=row.case_id)
    return stream.roster.who(held.person, held.account)


def arrival_in(tx: Tx, row: InboxRow, channel: str) -> Arrival:
    """How a stored message came. One that was typed in counts by this only once somebody has vouched for it."""
    proof, at = json.loads(row.proof), row.received_at
    typed = row.source == "typed"
    typist = typist_in(tx, row) if typed else Actor("")
    return Arrival(
        row.platform_id,
        (row.sender, row.message_id, row.body_sha256),
        cast("Source", row.source),
        "verified" if typed else "signed",
        channel,
        at,
        at,
        entered_by=typist.id,
        account=typist.account,
        body=row.body,
        proof=row.proof,
        profile=proof.get("profile", ""),
        key_id=proof.get("key_id", ""),
        signed_at=proof.get("signed_at", 0),
    )


def typed_amendment(tx: Tx, case: Case) -> tuple[Notice, Arrival, tuple[str, ...]] | None:
    """The amendment that was typed in, is vouched for by nobody and comes first by its revision: a later one that was
    taken before it would shut it out. And the flags of the other letters that wait."""
    rows = letters_waiting(tx, case)
    found = [(data, row) for row in rows if isinstance(data := read_admitted(row.body).data, Notice)]
    later = [(data, row) for data, row in found if data.revision > case.revision]
    if not later:
        return None
    data, row = min(later, key=lambda one: one[0].revision)
    return data, arrival_in(tx, row, case.channel), flags_of_letters(other.type for other in rows if other is not row)


def messages_taken(tx: Tx, stream: Stream) -> list[Stream]:
    """The streams of the messages that a case took after they came, which hold something that can be erased. One that
    cannot be read is left: the sweep tells people of it."""
    names = {message_stream(key, body, tx.stamp().keyed) for key, body in stream.case.took}
    return [one for one in tx.streams(names).values() if one.fault is None and erasable(one.events)]


def answering_of(tx: Tx, case: Case, item: ItemState | None, respondent: Respondent) -> Answering:
    """What is needed when something becomes of an item."""
    reported = decisions_in(tx, case.id), with_checkpoint(tx, respondent), notified_of(tx, case)
    return Answering(*reported, objects_of(tx, case, of=() if item is None else (item,)))


def with_checkpoint(tx: Tx, respondent: Respondent) -> Respondent:
    """Who answers, with the last checkpoint that a report made now carries."""
    try:
        last = tx.last_checkpoint()
    except StoreDamaged:
        return respondent  # the verification says what is wrong
    return respondent if last is None else replace(respondent, checkpoint=last.head)


def sanctions_of(queries: Queries) -> tuple[list[SanctionNoted], list[str]]:
    """The sanctions that were announced, oldest first, and what is wrong with each stream that tells of none. One of
    another name began as a sanction all the same, and is damaged by it."""
    return sanctions_in(queries.streams_beside(SANCTIONS, Sanctioned.called))


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything that is held of one case: its `chain`, what that tells, and the rows beside it as they are stored."""

    case: Case
    clock: ClockView
    chain: Chain
    inbox: tuple[InboxRow, ...]
    legal_checks: tuple[RecordedCheck, ...]
    content: tuple[ContentSeen, ...]
    decisions: Mapping[int, Decision]
    messages: tuple[OutboxMessage, ...]
    attempts: Mapping[str, tuple[Attempt, ...]]
    escalations: tuple[Step, ...]
    user_notices: tuple[UserNoticeState, ...] = ()


def case_file_of(queries: Queries, case_id: str, now: int) -> CaseFile:
    """The file of a case, with its clocks at `now` (UTC seconds). Raises NotFound, and StoreDamaged where a part of it
    cannot be read."""
    held = queries.records(case_id)
    case, chain, stream = held.case, held.chain, held.stream
    told = folded(stream)
    if held.unreadable:
        what = f"{held.unreadable[0]}: it was changed from outside, or belongs to another row."
        raise StoreDamaged(what, reference=case_id)
    return CaseFile(
        case=case,
        clock=clock_of(case, held.messages, now),
        chain=chain,
        inbox=tuple(received_in(stream, chain.words, held.repeats)),
        legal_checks=tuple(checks_of(stream, case_id)),
        content=tuple(looks_of(stream, case, chain.words)),
        decisions=decisions_by_version(stream, chain.words),
        messages=tuple(held.messages),
        attempts={one.id: tuple(a for a in held.attempts if a.message_id == one.id) for one in held.messages},
        escalations=tuple(steps_of(told)),
        user_notices=tuple(tellings(case, told)),
    )


# --------------------------------------------------------------------------------------------------------- unreadable
# Telling people of cases that cannot be read: their clocks run on, and nothing of them is decided or sent.


_AGAIN_S = 3600


def is_until(until: str, now: int, most_s: int) -> bool:
    """Whether that time is still to come, and no more than `most_s` seconds from `now`: whatever else somebody has
    written there keeps nobody silent."""
    try:
        return now < int(until) <= now + most_s
    except ValueError:
        return False


def told_where_whole(tx: Tx, change: Iterable[Write]) -> Change:
    """The change without what it would append to a chain that is broken, or to that of a case which is gone: what pages
    people about its case leaves."""
    writes = tuple(change)
    streams = tx.streams({one.stream for one in writes if isinstance(one, Happened)})
    return tuple(one for one in writes if not isinstance(one, Happened) or _is_whole(streams[one.stream]))


def _is_whole(stream: Stream) -> bool:
    return stream.fault is None and (stream.seq > 0 or not stream.name.startswith(stream_of("")))


def alerts(tx: Tx, platform_id: str, also: Iterable[str] = ()) -> Change:
    """An alert for each case that this work met and could not read, and `also` for these, once an hour."""
    about = dict.fromkeys((*tx.unreadable, *also))
    return tuple(chain.from_iterable(paged_hourly(tx, platform_id, one, "case_unreadable", 60) for one in about))


def paged_hourly(tx: Tx, platform_id: str, about: str, reason: str, level: int) -> Change:
    """An alert to lead and head, unless they had the same within the hour."""
    told = f"{reason}.{about}"
    if is_until(tx.known(CursorMoved, told).cursor, tx.now, _AGAIN_S):
        return ()
    return (
        CursorMoved(platform_id, told, str(tx.now + _AGAIN_S), tx.now),
        notify(platform_id, about, reason, ("lead", "head"), level, tx.stamp()),
    )


# ----------------------------------------------------------------------------------------------------------- tallying
# A case that ends is counted: told with the move that ends it, in the same transaction.


T = TypeVar("T")


def with_tally(tx: Tx, change: Change) -> Change:
    """The change and, for each case that it leaves ended, that it is counted. Whatever ends a case, or changes an ended
    one, goes through here."""
    told = [_told(tx, case, change) for case in cases_after(change).values() if case.state in ENDED]
    return (*change, *(one for one in told if one is not None))


def counted(work: Work[T]) -> Work[T]:
    """The work, and that the cases which it leaves ended are counted."""

    def with_tallies(tx: Tx) -> tuple[Change, T]:
        change, value = work(tx)
        return with_tally(tx, change), value

    return with_tallies


def _told(tx: Tx, case: Case, change: Change) -> Happened | None:
    stream = stream_in(tx, case.id)
    if stream.fault is not None:
        return None
    told = [one for one in happenings(change) if one.stream == stream.name]
    now = [_stamped(one.event, one.words, seq, one.at) for seq, one in enumerate(told, stream.seq + 1)]
    after = evolve(stream.case, *now)
    if tally(after) == after.tally:
        return None
    return Happened(case.platform_id, stream.name, Counted(), tx.now, AS_READ)


def _stamped(event: Event, words: Iterable[str], seq: int, at: int) -> Stamped:
    """An event that is about to be appended, as far as a fold needs it: nobody and no digest is in it."""
    parts = {name: Sealed(event.words[name], "") for name in words}
    return Stamped(seq, at, 0, 0, None, event.called, msgspec.structs.replace(event, parts=parts), FIRST)
