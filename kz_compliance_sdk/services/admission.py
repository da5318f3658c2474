"""What an authentic message does, decided inside the transaction that stores it: the one end of all three ways in."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, cast
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from kz_compliance_sdk.domain import arrivals, letters_in, received
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.cancellations import accepted_body, answered, noted_body
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import (
    NOTHING,
    Change,
    CursorMoved,
    Happened,
    InboxRow,
    Write,
    case_after,
    count_in,
    names_of,
)
from kz_compliance_sdk.domain.events.arrivals import Lodged, LodgedKind, Quarantined
from kz_compliance_sdk.domain.flags import Flag, Recipient, flags, flags_of_answer, gaps, legal_flags
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.messages import Respondent, notify, stuck
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice, Reminder, Sanction, UnreadableNotice
from kz_compliance_sdk.domain.policy import Policy, Safeguards
from kz_compliance_sdk.domain.received import SanctionNoted, answer_to, is_wordless, repeats_of, sanctioned
from kz_compliance_sdk.domain.values import free_reference, reference_of, stream_of
from kz_compliance_sdk.errors import StoreDamaged, StoreError, Unreadable, kind_and_place
from kz_compliance_sdk.ports import Asks, SentAs, Tx, WaitsFor
from kz_compliance_sdk.services.loading import (
    alerts,
    arrival_in,
    latest_revision,
    notice_of,
    standing_before,
    standing_of,
    with_tally,
)
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Message, Problem, problem_bytes, read_message


@dataclass(frozen=True, slots=True)
class Admission:
    """Decides what becomes of authentic messages under one policy."""

    platform_id: str
    policy: Policy
    respondent: Respondent
    hosts: frozenset[str]
    recipient: Recipient
    categories: frozenset[str]

    @classmethod
    def under(
        cls,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        hosts: frozenset[str],
        recipient: Recipient,
    ) -> Admission:
        return cls(platform_id, policy, respondent, hosts, recipient, frozenset(policy.categories))

    def asks(self, sender: str, message: Message) -> Asks:
        """What admitting this message of a sender will ask for."""
        data, seen = message.data, (sender, message.id)
        if isinstance(data, Sanction):
            return Asks(message=seen)
        if not isinstance(data, Notice):
            return Asks(message=seen, notice_id=data.notice_id)
        reference = reference_of(self.platform_id, data.issuing_authority.id, data.notice_id)
        return Asks((stream_of(reference),), seen, data.notice_id)

    def admit(self, tx: Tx, arrival: Arrival, message: Message) -> tuple[Change, Response]:
        """A usable message: a repeat gets its first answer, everything else its effect on a case."""
        stamp = tx.stamp()
        same, reused = _earlier(tx, arrival, stamp)
        if same is not None and not same.is_unused:
            if arrival.source == "typed":
                letters_in.check_not_dismissed(same.stream, stamp.keyed(arrival.body_sha256))
            return same.repeated(tx)
        if same is not None and is_wordless(same.stream, same.on):
            # Its bytes were erased since. What was received is never written anew: it has to come as another message.
            change, response = same.repeated(tx)
            return (*change, self._page(arrival, arrival.message_id, "erased_message", 30, stamp)), response
        if reused:
            arrival = arrival.but(flags=(*arrival.flags, "message_id_reused"))
        data = message.data
        if isinstance(data, Notice):
            change, response = self._notice(tx, arrival, message, data, stamp)
        elif isinstance(data, Sanction):
            change, response = self._sanction(tx, arrival, message, data, stamp)
        else:
            change, response = self._following(tx, arrival, message, data, stamp)
        if reused:
            change = (*change, self._page(arrival, arrival.message_id, "message_id_reused", 30, stamp))
        if tx.unreadable:
            change = (*change, *alerts(tx, self.platform_id))
        return with_tally(tx, change), response

    def _page(self, arrival: Arrival, about: str, reason: str, severity: int, stamp: Stamp) -> Happened:
        to = ("moderator", "lead")
        return notify(self.platform_id, about, reason, to, severity, stamp, key=arrival.body_sha256)

    def quarantine(self, tx: Tx, arrival: Arrival, unusable: UnreadableNotice) -> tuple[Change, Response]:
        """An authentic message that cannot be used as it stands: kept, on the clock, and somebody is paged."""
        same, _ = _earlier(tx, arrival, tx.stamp())
        if same is not None:
            return same.repeated(tx)
        change, response = self._quarantine(tx, arrival, unusable, 422)
        return (*change, *alerts(tx, self.platform_id)), response

    def _quarantine(self, tx: Tx, arrival: Arrival, unusable: UnreadableNotice, status: int) -> tuple[Change, Response]:
        notice_id = unusable.notice_id or f"~{arrival.body_sha256[:32]}"
        authority = unusable.authority_id or arrival.sender
        try:
            taken = [c.quarantine_no for c in tx.cases_of_notice(notice_id) if c.authority_id == authority]
        except StoreDamaged as error:  # it is a case of its own, for nothing can be said of that of its notice
            tx.unreadable.append(error.reference or notice_id)
            unusable, taken = replace(unusable, notice_id=""), []
        stamp = tx.stamp()
        arrival = arrival.but(received_at=_clock(arrival, tx))
        # The same bytes under two message ids are two messages.
        case_id, _ = free_reference(self.platform_id, authority, f"~{arrival.body_sha256}", _is_taken(tx))
        change, case = arrivals.quarantine(case_id, unusable, arrival, max(taken, default=0) + 1, self.policy, stamp)
        response = refused(status, unusable.code, unusable.reason, field=unusable.field, instance=case.id)
        return answered(change, response.status, response.body), response

    def _notice(
        self, tx: Tx, arrival: Arrival, message: Message, notice: Notice, stamp: Stamp
    ) -> tuple[Change, Response]:
        change: Change
        known = tx.cases_of_notice(notice.notice_id)
        authority = notice.issuing_authority.id
        unmarked, arrival = arrival, self._marked(tx, arrival, message, notice)
        current = next((c for c in known if c.quarantine_no == 0 and c.authority_id == authority), None)
        if current is not None and notice.revision <= current.revision:
            return self._again(tx, notice, unmarked, arrival, current, stamp)
        if current is not None and arrival.authenticity == "unverified" and current.authenticity != "unverified":
            change, case = letters_in.enter_amendment(current, arrival, stamp)
            return change, accepted(202, case)
        unusable = [c for c in known if c.quarantine_no and c.authority_id in (authority, arrival.sender, "unknown")]
        quarantined = [c for c in unusable if c.state is CaseState.QUARANTINED]
        ordinal = 0
        if unusable and not quarantined:
            # Its clock may have to run from an earlier receipt: a person looks.
            arrival = arrival.but(flags=(*arrival.flags, "quarantined_before"))
        if current is not None:
            change, case = arrivals.amend(
                current, notice, arrival, self.policy, standing_of(tx, current, self.respondent), stamp
            )
        elif quarantined:
            first = min(quarantined, key=lambda c: c.received_at)
            change, case = arrivals.admit(first, notice, arrival, self.policy, stamp)
        else:
            arrival = with_volume(tx, arrival, authority, self.policy.safeguards)
            case_id, ordinal = free_reference(self.platform_id, authority, notice.notice_id, _is_taken(tx))
            change, case = arrivals.open_case(case_id, notice, arrival, self.policy, stamp)
        if ordinal:
            # No other notice has this reference: a row was changed from outside.
            change = stuck(change, case, "reference_taken", ("lead", "head"), 60, stamp)
            case = case_after(case, change)
        change, case = follow_waiting(tx, case, change, self.policy, self.respondent, stamp)
        return change, accepted(202, case)

    def _again(
        self,
        tx: Tx,
        notice: Notice,
        unmarked: Arrival,
        arrival: Arrival,
        case: Case,
        stamp: Stamp,
    ) -> tuple[Change, Response]:
        """The notice's revision is known already: a repeat in another envelope, an older one, the signed form of what
        was typed in, or a contradiction."""
        change: Change
        if case.erased_at is not None:
            # What was held of it is gone, so nobody can say whether this is the same.
            change, case = arrivals.flag(case, ("erased_case",), stamp, arrival)
        elif notice.revision < case.revision:
            change, case = arrivals.flag(case, ("late_revision",), stamp, arrival, alert=False)
        elif case.source == "typed" and arrival.authenticity == "signed":
            typed, standing = notice_of(tx, case), standing_of(tx, case, self.respondent)
            change, case = arrivals.confirm(case, typed, notice, arrival, self.policy, standing, stamp)
        elif _same_notice(tx, case, notice):
            change, case = arrivals.take_in(case, arrival, stamp)
        else:
            conflict = UnreadableNotice(
                code="conflict",
                field="data",
                reason="this revision of the notice is held already with another content; a person looks at both.",
                notice_id=notice.notice_id,
                authority_id=case.authority_id,
            )
            return self._quarantine(tx, unmarked, conflict, 409)
        response = accepted(200, case)
        return answered(change, response.status, response.body), response

    def _following(
        self, tx: Tx, arrival: Arrival, message: Message, data: Following, stamp: Stamp
    ) -> tuple[Change, Response]:
        """A message about a notice: applied to its case, or kept until the notice comes."""
        known = tx.cases_of_notice(data.notice_id)
        mine = [c for c in known if c.authority_id in arrival.authorities]
        case = next((c for c in mine if c.quarantine_no == 0), None)
        if case is None and isinstance(data, Cancellation) and data.item_ids is None:
            case = next((c for c in mine if c.state is CaseState.QUARANTINED), None)
        early = case is not None and isinstance(data, Cancellation) and case.revision and data.revision > case.revision
        if case is None or early:
            response = noted(data.notice_id, stamp.at)
            why = "waits_for_its_notice", 20
            if known and not mine and isinstance(data, Cancellation):
                # It may be about a notice of its own under the same id: it waits as well.
                why = "cancelled_by_another_authority", 60
            waiting = self._page(arrival, data.notice_id, *why, stamp)
            return self._lodge(tx, arrival, message, data.notice_id, response, (waiting,), stamp)
        # What cancels a notice that could not be used must meet the usable one as well.
        waits = case.state is CaseState.QUARANTINED
        arrival = marked_answer(arrival, message, self.policy)
        change, case = follow(tx, arrival, case, data, self.policy, self.respondent, stamp)
        response = accepted(202, case)
        if waits:
            return self._lodge(tx, arrival, message, data.notice_id, response, change, stamp)
        return change, response

    def _sanction(
        self, tx: Tx, arrival: Arrival, message: Message, sanction: Sanction, stamp: Stamp
    ) -> tuple[Change, Response]:
        response = noted(sanction.sanction_id, stamp.at)
        fact = SanctionNoted(
            self.platform_id,
            sanction.sanction_id,
            sanction.level,
            sanction.notice_ids,
            sanction.effective_at,
            sanction.reference_number,
            stamp.at,
        )
        alert = notify(
            self.platform_id,
            sanction.sanction_id,
            f"sanction.{sanction.level}",
            ("head",),
            90,
            stamp,
            key=arrival.body_sha256,
        )
        return self._lodge(tx, arrival, message, "", response, (sanctioned(fact, stamp), alert), stamp)

    def _lodge(
        self,
        tx: Tx,
        arrival: Arrival,
        message: Message,
        notice_id: str,
        response: Response,
        more: Change,
        stamp: Stamp,
    ) -> tuple[Change, Response]:
        """A message that no case takes gets a stream of its own. Where that has it already its row alone was gone."""
        kind = cast("LodgedKind", message.type)  # a notice opens a case
        told = received.lodged(arrival, kind, notice_id, response.body, stamp)
        stream = tx.streams([told.stream])[told.stream]
        if stream.fault is not None:
            return alerts(tx, self.platform_id, (stream.name,)), response
        if stream.events:
            return _Earlier(stream, stream.events[0], self.platform_id).repeated(tx)
        return (*more, told), response

    def _marked(self, tx: Tx, arrival: Arrival, message: Message, notice: Notice) -> Arrival:
        now = _clock(arrival, tx)
        found = (
            *flags(
                notice,
                raw=message.raw,
                now=now,
                hosts=self.hosts,
                known_categories=self.categories,
                term_s=self.policy.term(notice.kind, notice.category).least_hours * 3600,
            ),
            *gaps(notice, self.policy, self.recipient),
            *legal_flags(notice, raw=message.raw, safeguards=self.policy.safeguards),
        )
        return arrival.but(received_at=now, flags=(*arrival.flags, *_written(found)))


def _clock(arrival: Arrival, tx: Tx) -> int:
    """Receipt is when the message is stored; a typed-in one was received when the office says."""
    return arrival.received_at if arrival.source == "typed" else tx.now


def _is_taken(tx: Tx) -> Callable[[str], bool]:
    def is_taken(reference: str) -> bool:
        name = stream_of(reference)
        stream = tx.streams([name])[name]
        return stream.seq > 0 or stream.fault is not None

    return is_taken


def _same_notice(tx: Tx, case: Case, notice: Notice) -> bool:
    try:
        return latest_revision(tx, case) == notice
    except Unreadable:
        return False


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The same bytes from the same sender under the same id, and the event that tells of them."""

    stream: Stream
    on: Stamped
    platform_id: str

    @property
    def is_unused(self) -> bool:
        """Whether they could not be used when they came, for a reason that may have passed."""
        return isinstance(self.on.event, Quarantined) and self.on.event.came.status != 409

    def repeated(self, tx: Tx) -> tuple[Change, Response]:
        """Their first answer, and nothing but a counter changes."""
        status, reply = answer_to(self.stream, self.on.seq, tx.words)
        how = self.on.event.came
        counter = repeats_of(how.key, how.body)
        count = CursorMoved(self.platform_id, counter, str(count_in(tx.known(CursorMoved, counter).cursor) + 1), tx.now)
        return (count,), Response.stored(200 if status < 300 else status, reply)


def _earlier(tx: Tx, arrival: Arrival, stamp: Stamp) -> tuple[_Earlier | None, bool]:
    """The same message as it came before, and whether another one came under its id. Where several events tell of it:
    the one that it waited or is noted by, else the last by which it could be used."""
    found = [
        _Earlier(stream, stream.events[seq - 1], arrival.platform_id)
        for stream, seq in tx.came(SentAs(arrival.sender, arrival.message_id))
    ]
    body = stamp.keyed(arrival.body_sha256)
    same = [one for one in found if one.on.event.came.body == body]
    same.sort(key=lambda one: (isinstance(one.on.event, Lodged), not isinstance(one.on.event, Quarantined), one.on.at))
    return same[-1] if same else None, len(same) < len(found) and arrival.source != "typed"


def with_volume(tx: Tx, arrival: Arrival, authority_id: str, usual: Safeguards) -> Arrival:
    """A new notice, flagged if as many as are usual came before it within the window."""
    over, limit = tx.now - usual.volume_window_s, usual.volume_notices
    before = max(tx.notices_counted(name, over, limit) for name in names_of(authority_id, arrival.key_id))
    arrival = arrival.but(volume=before, volume_limit=limit)
    if before >= limit:
        arrival = arrival.but(flags=(*arrival.flags, "volume_unusual"))
    return arrival


def marked_answer(arrival: Arrival, message: Message, policy: Policy) -> Arrival:
    """The arrival of an authority's answer, with what a lawyer must see in it; any other message as it is."""
    if not isinstance(message.data, Clarification):
        return arrival
    found = flags_of_answer(message.data, raw=message.raw, safeguards=policy.safeguards)
    return arrival.but(flags=(*arrival.flags, *_written(found))) if found else arrival


def _written(found: Iterable[Flag]) -> tuple[str, ...]:
    return tuple(f"{flag.code}:{flag.item_id}" if flag.item_id else flag.code for flag in found)


Following = Clarification | Cancellation | Reminder


def follow(
    tx: Tx,
    arrival: Arrival,
    case: Case,
    data: Following,
    policy: Policy,
    respondent: Respondent,
    stamp: Stamp,
    before: Change = NOTHING,
) -> tuple[Change, Case]:
    """Apply a message to the case that it is about; what the same step did `before` is not stored yet."""
    if case.erased_at is not None:
        return arrivals.flag(case, ("erased_case",), stamp, arrival)
    if isinstance(data, Reminder):
        return arrivals.remind(case, data, arrival, stamp)
    if isinstance(data, Clarification):
        standing = standing_before(tx, case, data, respondent, before)
        return arrivals.answer(case, data, arrival, policy, standing, stamp)
    if data.revision < case.revision:
        return arrivals.flag(case, ("cancels_older_revision",), stamp, arrival)
    flagged: Change = ()
    named = data.item_ids or ()
    unknown = set(named) - {item.item_id for item in case.items}
    if unknown and unknown.issuperset(named):
        return arrivals.flag(case, ("cancels_unknown_item",), stamp, arrival)
    if unknown:
        # The message itself lies beside the event of the cancellation.
        flagged, case = arrivals.flag(case, ("cancels_unknown_item",), stamp)
    standing = standing_before(tx, case, data, respondent, before)
    change, case = arrivals.cancel(case, data, arrival, policy, standing, stamp)
    return (*flagged, *change), case


def follow_waiting(
    tx: Tx, case: Case, change: Change, policy: Policy, respondent: Respondent, stamp: Stamp
) -> tuple[Change, Case]:
    """What came before its notice takes effect now, in the order in which it came."""
    return _joined(tx, _waiting_for(tx, case.notice_id), case, change, policy, respondent, stamp)


def follow_late(tx: Tx, names: Iterable[str], policy: Policy, respondent: Respondent) -> Change:
    """Of the messages that wait in these streams those whose notice is here take effect now: a row of either lied when
    the later of the two came. `unreadable` has those that cannot be read."""
    of_notice: dict[str, list[Stream]] = {}
    for stream in sorted(tx.streams(names).values(), key=lambda one: one.number):
        if notice_id := received.waits_for(stream):
            of_notice.setdefault(notice_id, []).append(stream)
    writes: list[Write] = []
    for notice_id, streams in of_notice.items():
        try:
            usable = [case for case in tx.cases_of_notice(notice_id) if case.quarantine_no == 0]
            rows = _read(tx, streams) if usable else []
            joined = (_joined(tx, rows, case, (), policy, respondent, tx.stamp()) for case in usable)
            writes += [one for change, _ in joined for one in change]
        except StoreDamaged as error:
            tx.unreadable.append(error.reference or notice_id)
    return with_tally(tx, tuple(writes))


def _joined(
    tx: Tx,
    rows: Iterable[InboxRow],
    case: Case,
    change: Change,
    policy: Policy,
    respondent: Respondent,
    stamp: Stamp,
) -> tuple[Change, Case]:
    """What of these waits for the notice of a case, and may speak of it, takes effect behind this change."""
    writes: list[Write] = list(change)
    for row in rows:
        if case.authority_id not in json.loads(row.proof)["authorities"]:
            continue
        message = read_message(row.body)
        data = message.data
        if isinstance(data, Notice | Sanction):
            continue
        if isinstance(data, Cancellation) and data.revision > case.revision:
            continue
        arrival = marked_answer(arrival_in(tx, row, case.channel), message, policy)
        more, case = follow(tx, arrival, case, data, policy, respondent, stamp, tuple(writes))
        writes += more
        writes.append(received.joined(row, case.id, stamp))
    return tuple(writes), case


def _waiting_for(tx: Tx, notice_id: str) -> list[InboxRow]:
    """What waits for a notice, in the order in which it came."""
    return _read(tx, (stream for stream, _ in tx.came(WaitsFor(notice_id))))


def _read(tx: Tx, streams: Iterable[Stream]) -> list[InboxRow]:
    """The messages of these streams; `unreadable` has those that cannot be read."""
    rows: list[InboxRow] = []
    for stream in streams:
        try:
            rows += received.received_in(stream, tx.words)
        except StoreDamaged:
            tx.unreadable.append(stream.name)
    return rows


# -------------------------------------------------------------------------------------------------------------- answers
# What intake answers, and at which addresses: a status, headers and a body, whatever server carries them.


_log = logging.getLogger("kz_compliance_sdk.intake")
_JSON: Final = (("content-type", "application/json"), ("cache-control", "no-store"))
_PROBLEM: Final = (("content-type", PROBLEM_MEDIA_TYPE), ("cache-control", "no-store"))


class Response(Struct, frozen=True, gc=False):
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def stored(cls, status: int, body: bytes) -> Response:
        """The answer that a repeat gets: the bytes of the first one."""
        return cls(status, _JSON if status < 300 else _PROBLEM, body)


def accepted(status: int, case: Case) -> Response:
    """The message is durable: when its clock started and when it is due."""
    return Response(status, _JSON, accepted_body(case.id, case.due_at, case.received_at))


def noted(subject: str, received_at: int) -> Response:
    """The message is durable, and no case takes it yet."""
    return Response(202, _JSON, noted_body(subject, received_at))


def refused(status: int, code: str, detail: str, *, field: str = "", instance: str | None = None) -> Response:
    """A problem as RFC 9457 writes it."""
    problem = Problem.of(code, status, detail, field=field, instance=instance and f"urn:uuid:{instance}")
    return Response(status, _PROBLEM, problem_bytes(problem))


NOT_AUTHENTIC: Final = refused(401, "not_authentic", "The origin of the message is not proved.")
"""The one refusal of what is not authentic: the same bytes for every cause."""


def unavailable(error: Exception) -> Response:
    """A message is not known to be stored: nothing is acknowledged, and the sender must try again. It may be there all
    the same; sent again, it then gets the answer that is due to it. What is no fault of the store is one of this
    program, and is logged: nobody else learns of it."""
    if not isinstance(error, StoreError):
        _log.error("a message could not be taken in: %s", kind_and_place(error))
    return _later(error, "The message is not known to be stored. Send the same message again.")


def unreadable(error: StoreError) -> Response:
    """The store does not say how it is."""
    return _later(error, "The store cannot be read.")


def _later(error: Exception, detail: str) -> Response:
    answer = refused(503, error.code if isinstance(error, StoreError) else StoreError.code, detail)
    return Response(503, (*answer.headers, ("retry-after", "5")), answer.body)


Route = Literal["intake", "health", "nothing"]


class Routes:
    """The addresses below `public_url`. A path is right if it is the whole public one, or `intake_path` behind whatever
    prefix the host has mounted the app under; a slash at its end is allowed."""

    def __init__(self, public_url: str, intake_path: str) -> None:
        path = unquote(intake_path).rstrip("/")
        self._below: dict[str, Route] = {path: "intake", f"{path}/health": "health"}
        prefix = unquote(urlsplit(public_url).path).rstrip("/")
        self._public: dict[str, Route] = {f"{prefix}{below}": route for below, route in self._below.items()}

    def route(self, mounted_at: str, path: str) -> Route:
        """`path` is decoded, and may or may not begin with `mounted_at`: servers differ."""
        path = path.removesuffix("/")
        root = mounted_at.rstrip("/")
        below = path[len(root) :] if path == root or path.startswith(f"{root}/") else path
        return self._below.get(below) or self._public.get(f"{root}{below}", "nothing")

    def is_public(self, mounted_at: str, path: str) -> bool:
        """Whether the whole of a path is the public one: below any other a host may have pages of its own."""
        path = path.removesuffix("/")
        return path in self._public or f"{mounted_at.rstrip('/')}{path}" in self._public
