"""The case store: what is known inside a transaction that writes, and the reads for lists, pages and reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.appeals import Appeal
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    Attempt,
    Change,
    CursorMoved,
    EndpointState,
    Heartbeat,
    Leased,
    OutboxMessage,
    RefusalsCounted,
)
from kz_compliance_sdk.domain.checkpoints import Checkpoint, LogLine
from kz_compliance_sdk.domain.fold import Chain, Stream, Tally
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.transitions import Waiting

T = TypeVar("T")
Noted = TypeVar("Noted", EndpointState, Heartbeat, CursorMoved)
Fact = TypeVar("Fact", EndpointState, Heartbeat, Leased, Attempt)


@dataclass(frozen=True, slots=True)
class Found:
    """A case, an alert of none, or a message that no case took when it came; `about` is its id, or the name of its
    stream, and `place` says where what follows it is found. `true` is the case as its chain has it. `fault` says why a
    chain tells nothing; then there is no `true`.
    `lies` names the columns in which a row, and the tables in which the rows beside it, are not those of the chain;
    `messages` are those whose line in the leases lies or is gone, as the chain has them."""

    about: str
    place: str = ""
    true: Case | None = None
    fault: str = ""
    lies: tuple[str, ...] = ()
    messages: tuple[OutboxMessage, ...] = ()


class Due(Enum):
    """What becomes due in a case as time passes."""

    LEASE = "a lease runs out"
    STEP = "its next step of the ladder"
    COPY = "a sealed copy behind a measure need not be kept any longer, and people were not told of it yet"


@dataclass(frozen=True, slots=True)
class SentAs:
    """The messages that came from a sender under an id."""

    sender: str
    message_id: str


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """The messages that came before the notice they speak of, and wait for it."""

    notice_id: str


class Known(Protocol):
    """What is asked alike by whoever will write and beside the writer. Bound to one platform."""

    def case(self, case_id: str) -> Case:
        """A case as its chain has it. Raises NotFound, and StoreDamaged for a chain that does not prove itself."""

    def case_of_appeal(self, appeal_id: str) -> str:
        """The id of the case in which an appeal was made. Raises NotFound."""

    def last_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint over all cases. Raises StoreDamaged or NewerRelease where its stream cannot be read."""


class Tx(Known, Protocol):
    """What is known, read inside the transaction that will write."""

    @property
    def now(self) -> int:
        """The store's clock, UTC seconds: one clock for all hosts."""

    def stamp(self, actor: Actor = SYSTEM) -> Stamp:
        """What is done now, and by whom."""

    @property
    def unreadable(self) -> list[str]:
        """The cases, and the streams of messages, that this work was not given because they cannot be read: they must
        hold up no other. Whoever cannot read the words of another adds it."""

    def streams(self, names: Iterable[str]) -> dict[str, Stream]:
        """These streams of the ledger by name, as the works before in this transaction have left them. One that is
        damaged has a `fault`; one of which nothing is stored is empty."""

    def words(self, stream: Stream, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], bytes | None]:
        """The bytes of a stream's parts by sequence and name, None for one that was erased. Raises Damage."""

    def cases_of_notice(self, notice_id: str) -> list[Case]:
        """Every case of that notice id: of each authority, and quarantined bodies that seem to speak of it."""

    def claimable(self, may_take: Callable[[Case], bool], *, category: str | None = None) -> Case | None:
        """The most urgent free case that nobody else in this transaction has been given, of those that the asker
        `may_take`."""

    def found(self, after: str, limit: int) -> list[Found]:
        """The cases in the order in which they came, and then the alerts of none and the messages that no case took by
        their streams, those behind the place `after`, held against their chains. `unreadable` has those whose chain
        tells nothing. Rows that lie are made anew with whatever this work writes."""

    def due_cases(self, what: Due, now: int, limit: int) -> list[Case]:
        """Cases of which something is due at `now` (UTC seconds), by their rows."""

    def came(self, asked: SentAs | WaitsFor) -> list[tuple[Stream, int]]:
        """The streams that tell of the messages asked for, in the order in which they began, each with the event that
        does. `unreadable` has those of which a row alone says so, or that are damaged."""

    def notices_counted(self, name: str, over: int, most: int) -> int:
        """How many notices were counted under a name after `over` (UTC seconds), those of earlier works of the same
        batch among them. What is more than `most` need not be told."""

    def message(self, message_id: str) -> OutboxMessage:
        """A message that is parked or waits for a person. Raises NotFound, also for any other."""

    def open_messages(self, case_id: str) -> list[OutboxMessage]:
        """The case's messages that are queued, leased or waiting for a person, and those that are parked since their
        answer could not be used."""

    def noted(self, kind: type[Fact], *key: str, after: int | None = None) -> list[Fact]:
        """The facts of daily work of this kind: all of them, or those of a key that follow `after` in its last column.
        What nobody can read is left out; a try of which that is so raises StoreDamaged, and what was said of tries is
        not in them."""

    def due_messages(self, endpoint: str, now: int, limit: int) -> list[OutboxMessage]:
        """Messages to one endpoint whose time has come and whose lane is free, most urgent first. What a work has
        changed that shares this one's commit, or whose case, is left out."""

    def next_deadline(self, endpoint: str, now: int) -> int | None:
        """The first deadline after `now` of what is still to leave for an endpoint."""

    def known(self, kind: type[Noted], name: str) -> Noted:
        """What the machinery last noted of the endpoint, the part of itself or the feed of this name; where that is
        nothing, one as it is before the first."""


Work = Callable[[Tx], tuple[Change, T]]
"""Load what is known, decide, and return what to write and what to answer. It may run more than once."""


class Asks(Struct, frozen=True, gc=False):
    """What a work will ask for, as far as that is known before its turn: for all works of a batch it is read at once.
    `message` is a sender and a message id, `case_id` a case to which something is done, or with `objects` also to what
    it is about. What is not named here is read when the work asks for it."""

    streams: tuple[str, ...] = ()
    message: tuple[str, str] | None = None
    notice_id: str = ""
    case_id: str = ""
    objects: bool = False


ASKS_NOTHING: Final = Asks()


class Store(Protocol):
    """The case store. A future that `submit` returns resolves only after its change is durable."""

    def now(self) -> int:
        """The store's clock, UTC seconds."""

    def submit(self, platform_id: str, work: Work[T], asks: Asks = ASKS_NOTHING) -> Future[T]:
        """Queue a piece of work for the writer. Raises StoreFull; the future raises what the work raises."""

    def queries(self, platform_id: str) -> Queries: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page of cases; `next_cursor` is None on the last."""

    cases: tuple[Case, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class AppealPage:
    """One page of appeals; `next_cursor` is None on the last."""

    appeals: tuple[Appeal, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """What an operator must know at a glance. Times are UTC seconds. `untold` counts the users who should have been
    told by now; `undelivered` is everything else. `fault` is a code for what is wrong with the store itself, empty if
    nothing is. `suspended` counts the running cases whose term is longer by a suspension; what is overdue is counted
    with it. `withheld` counts the decisions that news sent back to a second person. What is 10,000 may be more: every
    count ends there, that of the cases in hand with the most urgent of them."""

    by_state: Mapping[str, int]
    overdue: int
    oldest_due_at: int | None
    undelivered: int
    parked: int
    heartbeats: tuple[Heartbeat, ...]
    endpoints: tuple[EndpointState, ...]
    refusals: tuple[RefusalsCounted, ...]
    fault: str = ""
    suspended: int = 0
    untold: int = 0
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A case that has not ended. Times are UTC seconds."""

    case_id: str
    due_at: int
    usable: bool


class FigureSource(Protocol):
    """Where the figures are read from. Times are UTC seconds; a period ends before `end`."""

    def demands(self, start: int, end: int) -> Iterator[Running | Tally]:
        """The cases received from `start` up to `end`: those that have never ended, and then, by receipt, those
        that have, or had before they were reopened. One that ends meanwhile may come twice. Read in
        steps: never all at once."""

    def streams_telling(self, kinds: Collection[str], start: int, end: int) -> Iterator[Stream]:
        """The streams in which an event of one of these kinds happened in that time, or tells a time in it, each once,
        a damaged one with its `fault`. No index serves it."""


class Queries(Known, FigureSource, Protocol):
    """Reads for lists, pages and reports. What one host has done in the last `unseen_s` seconds another may not have
    seen as it decided: none where one writes at a time."""

    unseen_s: int

    def cases(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        notice_id: str | None = None,
        body_sha256: str | None = None,
        overdue_at: int | None = None,
        person: str | None = None,
        waits_for: Waiting | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Running cases, most urgent first; for the state of an ended one, those that ended last first; all of a notice
        at once. Of a `person` are the cases that they hold or that are assigned to them. `body_sha256` is that of a
        message of the case: no index serves it."""

    def case_ids(self, *, ended_by: int | None = None) -> Iterable[str]:
        """The ids of all cases; or of those with personal data that ended by then (UTC seconds), the first ones first.
        Read in steps: never all at once."""

    def records(self, case_id: str) -> Records:
        """All that is held of a case, at one moment, and what is wrong with it. Raises NotFound."""

    def strays(self) -> Iterator[tuple[str, str]]:
        """What is wrong with what belongs to no case that is there, in words: with the order of the ledger, with
        sanctions, what is left of cases and streams that are gone, and what the database does by itself that this
        release did not tell it to, such as a trigger. Behind the id of the case, or the name of the
        stream of a message that no case took, where it is about one."""

    def streams_beside(self, named: str = "", began: str = "") -> Iterable[Chain]:
        """The streams that are of no case, in the order in which they began; or only those whose name begins so, and
        whatever began with an event of this kind."""

    def log_lines(
        self, after: int = 0, until: int | None = None, *, stream: str | None = None, dated: bool = False
    ) -> Iterable[LogLine | None]:
        """The lines of the log behind one number, up to another, of all streams or of one; None for one that cannot be
        read. Those of all can be `dated`: each with the time of its event, which takes six times as long."""

    def tiles(self, level: int, first: int, many: int) -> list[bytes]:
        """The kept nodes of a level of the tree over the log, as many of these as there are."""

    def appeals(self, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """The appeals in a state, those first that are due first; of one whose chain cannot be read its times and its
        state alone. Raises InvalidInput."""

    def health(self, now: int) -> Health: ...
