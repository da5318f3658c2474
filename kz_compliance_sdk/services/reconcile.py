"""Comparing our books with the regulator's: what arrived, what was acknowledged, what was reported, which sanctions
stand. What arrived there and not here is taken in at once; everything else is named, and a person compares."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from kz_compliance_sdk.domain.change import Change, CursorMoved, Heartbeat, OutboxMessage, Write, count_in, happenings
from kz_compliance_sdk.domain.messages import BY_HAND, notify
from kz_compliance_sdk.domain.received import SANCTIONS, sanctions_in
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Books, Held, Queries, Store, Tx
from kz_compliance_sdk.services.intake import Intake, Pending
from kz_compliance_sdk.services.polling import SEQUENCE, fetched, stored

BOOKS: Final = "books"
LOOKBACK_S: Final = 90 * 86_400
"""How long after its end a case is still compared, in seconds: as far back as the contract lets a platform read."""

Code = Literal[
    "not_received",
    "notice_not_there",
    "revision_not_here",
    "revision_not_there",
    "not_recorded_there",
    "not_recorded_here",
    "not_sent_by_us",
    "recorded_otherwise",
    "sanction_not_here",
    "sanction_not_there",
]
REMEDIES: Final[Mapping[Code, str]] = MappingProxyType(
    {
        "not_received": "It was taken in now, and its clock runs from now. Find out why it did not come.",
        "notice_not_there": "Ask the authority whether the order is theirs, before anything more is done about it.",
        "revision_not_here": "Ask the regulator to send the newest revision again: it is not in the feed.",
        "revision_not_there": "Ask the authority which revision stands.",
        "not_recorded_there": "Send the authority the signed receipt that is held here (cases show, evidence export).",
        "not_recorded_here": "Nothing is to be done: the next try takes its receipt over. If it is void, compare.",
        "not_sent_by_us": "This store was restored from an older copy, or another one answered. Compare, and decide "
        "again where the case is open: the same decision goes out under the same id.",
        "recorded_otherwise": "Compare what was sent with what the regulator recorded, and report anew.",
        "sanction_not_here": "Tell the head of the office, and ask the regulator to announce it again.",
        "sanction_not_there": "Ask the authority whether the sanction stands.",
    }
)
"""What to do about each difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the books differ: about which notice (empty for a sanction), and about which message, revision or sanction;
    `what` says of which kind that is. `case_id` is the case here, empty where there is none; `runs` says whether a
    clock of it runs."""

    code: Code
    notice_id: str = ""
    about: str = ""
    what: str = ""
    case_id: str = field(default="", compare=False)
    runs: bool = field(default=False, compare=False)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was compared, and where the books differ."""

    messages: int
    notices: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Ours:
    """What is held here of a case: its revision, 0 where that is not known, and what it has sent or is to send."""

    case_id: str
    revision: int
    by_interface: bool
    runs: bool
    messages: Mapping[str, OutboxMessage]


class Reconciler:
    """Compares for one platform. `signed_for` is the raw target of the platform's intake."""

    def __init__(self, store: Store, intake: Intake, books: Books, platform_id: str, signed_for: str) -> None:
        self._store, self._intake, self._books = store, intake, books
        self._platform, self._signed_for = platform_id, signed_for

    def run(self, progress: Callable[[int, int], None] = lambda _n, _of: None) -> Reconciled:
        """Read the whole feed, take in what is missing, compare, and alert people where a clock runs on a difference
        that they were not told of. `progress` is told how many notices of how many were compared, 0 of 0 for each page
        of the feed; what it raises ends the comparison, and nobody is told of anything.

        Raises RegulatorError, StoreError."""
        messages, missing = self._feed(progress)
        queries, now = self._store.queries(self._platform), self._store.now()
        ours = _by_notice(queries, queries.case_ids(), now)
        found = list(missing)
        for n, (notice_id, cases) in enumerate(ours.items(), 1):
            found += self._of_notice(queries, notice_id, cases, now)
            progress(n, len(ours))
        found += self._of_sanctions(queries)
        differences = tuple(sorted(found, key=lambda one: (one.code, one.notice_id, one.about)))
        self._store.submit(self._platform, lambda tx: (self._told(tx, differences), None)).result()
        return Reconciled(messages, len(ours), differences)

    # ------------------------------------------------------------------------------------------------------- the feed

    def _feed(self, progress: Callable[[int, int], None]) -> tuple[int, list[Difference]]:
        """How many messages the feed holds, and those that had not come here although it was read further."""

        def read_so_far(tx: Tx) -> tuple[Change, int]:
            return (), count_in(tx.known(CursorMoved, SEQUENCE).cursor)

        until = self._store.submit(self._platform, read_so_far).result()
        after, many, missing = "", 0, list[Difference]()
        while True:
            page = fetched(self._books, after, 100)
            for entry in page.messages:
                pending = self._intake.fetched(entry, self._signed_for)
                is_new = pending is not None and self._taken(pending)
                many += 1
                if is_new and entry.sequence <= until:
                    missing.append(_missing(entry.body))
            if not page.has_more or page.next_cursor in (None, after):
                return many, missing
            progress(0, 0)
            after = page.next_cursor or ""

    def _taken(self, pending: Pending) -> bool:
        """Whether a message of the feed was new here; it is taken in then. That one came again is not counted: nobody
        sent it."""

        def take(tx: Tx) -> tuple[Change, bool]:
            try:
                change, _ = pending.work(tx)
            except StoreDamaged:  # about a case that cannot be read: whether it came, nobody can say
                return (), False
            is_new = bool(happenings(change))
            return change if is_new else (), is_new

        future = self._store.submit(self._platform, take, pending.asks)
        return stored(self._store, self._platform, pending, future) is not False

    # ----------------------------------------------------------------------------------------------------- the notices

    def _of_notice(self, queries: Queries, notice_id: str, cases: list[_Ours], now: int) -> list[Difference]:
        """Looked at twice where there is a difference: what is under way between the two is none."""
        first = _compared(notice_id, cases, self._books.held(notice_id))
        if not first:
            return []
        again = _by_notice(queries, (one.case_id for one in cases), now).get(notice_id, [])
        return [one for one in _compared(notice_id, again, self._books.held(notice_id)) if one in first]

    def _of_sanctions(self, queries: Queries) -> Iterator[Difference]:
        theirs = set(self._books.sanctions())
        ours = {one.sanction_id for one in sanctions_in(queries.streams_beside(SANCTIONS))[0]}
        for sanction in theirs - ours:
            yield Difference("sanction_not_here", about=sanction, what="sanction", runs=True)
        for sanction in ours - theirs:
            yield Difference("sanction_not_there", about=sanction, what="sanction")

    def _told(self, tx: Tx, differences: Iterable[Difference]) -> Change:
        running = sorted(_digest(one) for one in differences if one.runs)
        known = tx.known(CursorMoved, BOOKS).cursor.split()
        writes: list[Write] = [Heartbeat(self._platform, BOOKS, tx.now)]
        if running != known:
            writes.append(CursorMoved(self._platform, BOOKS, " ".join(running), tx.now))
        if not set(running) <= set(known):
            key = " ".join(running)
            writes.append(notify(self._platform, BOOKS, "books_differ", ("lead", "head"), 60, tx.stamp(), key=key))
        return tuple(writes)


def _digest(one: Difference) -> str:
    return hashlib.sha256(f"{one.code}\n{one.notice_id}\n{one.about}".encode()).hexdigest()[:16]


def _missing(body: bytes) -> Difference:
    """Named by what it says of itself, as far as that can be read: it may be one that cannot be used."""
    try:
        said = json.loads(body)
        data = said["data"] if isinstance(said["data"], dict) else {}
        notice_id, about, what = data.get("notice_id"), said.get("id"), said.get("type")
    except (ValueError, KeyError, TypeError, RecursionError):
        notice_id = about = what = None
    read = [one if isinstance(one, str) else "" for one in (notice_id, about, what)]
    return Difference("not_received", read[0], read[1] or hashlib.sha256(body).hexdigest(), read[2], runs=True)


def _by_notice(queries: Queries, case_ids: Iterable[str], now: int) -> dict[str, list[_Ours]]:
    """Our side of the books: the cases of each notice, but those that ended long ago or whose words are erased."""
    found: defaultdict[str, list[_Ours]] = defaultdict(list)
    for case_id in case_ids:
        try:
            case = queries.case(case_id)
            ended = case.closed_at is not None and case.closed_at < now - LOOKBACK_S
            if ended or case.erased_at is not None or case.notice_id.startswith("~"):
                continue
            held = queries.records(case_id)
        except StoreDamaged:  # the audit names it, and people are told: it says nothing that could be compared
            continue
        told = {one.id: one for one in held.messages if one.kind in _TOLD and one.endpoint != BY_HAND}
        by_interface = case.source != "typed" and not case.quarantine_no
        revision = case.revision if by_interface else 0
        found[case.notice_id].append(_Ours(case_id, revision, by_interface, case.closed_at is None, told))
    return dict(found)


_TOLD: Final = ("acknowledgement", "clarification", "report")


def _compared(notice_id: str, cases: list[_Ours], held: Held | None) -> list[Difference]:
    """Where the two sides differ about a notice."""
    case = next((one for one in cases if one.by_interface), cases[0])
    runs = any(one.runs for one in cases)

    def differs(code: Code, about: str = "", what: str = "") -> Difference:
        return Difference(code, notice_id, about, what, case.case_id, runs)

    if held is None:
        return [differs("notice_not_there")] if case.by_interface else []
    found: list[Difference] = []
    if case.revision and held.revision != case.revision:
        code: Code = "revision_not_here" if held.revision > case.revision else "revision_not_there"
        found.append(differs(code, str(max(held.revision, case.revision)), "revision"))
    ours = {name: message for one in cases for name, message in one.messages.items()}
    theirs = {receipt.subject_id: (kind, receipt) for kind, receipt in held.receipts}
    for name, (kind, receipt) in theirs.items():
        message = ours.get(name)
        if message is None:
            found.append(differs("not_sent_by_us", name, kind))
        elif message.state != "done" and message.state != "leased":
            found.append(differs("not_recorded_here", name, kind))
        elif message.state == "done" and not _is_of(receipt, message):
            found.append(differs("recorded_otherwise", name, kind))
    for name, message in ours.items():
        if message.state == "done" and name not in theirs:
            found.append(differs("not_recorded_there", name, message.kind))
    return found


def _is_of(receipt: Receipt, message: OutboxMessage) -> bool:
    """Whether it is the receipt in hand, for the bytes that were sent. What a regulator of one's own gave may be no
    document: then the bytes alone are compared."""
    try:
        in_hand = json.loads(message.receipt)
    except ValueError:
        in_hand = None
    is_ours = not isinstance(in_hand, dict) or in_hand.get("receipt_id") == receipt.receipt_id
    return is_ours and receipt.covers(message.id, message.body)
