# Over 350 lines because every port of the house is on this one page.
"""What the services need from outside: a store, a regulator, the platform's own calls, a way to alert, and `Env`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future as Future
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from kz_compliance_sdk.domain.audit import AuditEvent
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    Appeal,
    Change,
    ContentSeen,
    EndpointState,
    EscalationFired,
    Heartbeat,
    Hold,
    InboxRow,
    LegalCheckRow,
    MessageErased,
    RefusalsCounted,
    SanctionNoted,
    UserNoticeState,
)
from kz_compliance_sdk.domain.checkpoints import Checkpoint, Leaf
from kz_compliance_sdk.domain.content import Reference as Reference
from kz_compliance_sdk.domain.counting import FigureSource
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.outbox import Attempt, OutboxMessage
from kz_compliance_sdk.domain.proofs import Loose, Records
from kz_compliance_sdk.domain.retention import Ended, Holdings
from kz_compliance_sdk.domain.user_notice import UserNotice as UserNotice
from kz_compliance_sdk.ports.env import Env as Env
from kz_compliance_sdk.ports.env import Uuid7 as Uuid7
from kz_compliance_sdk.ports.transparency import DemandLines as DemandLines

T = TypeVar("T")


class Tx(Protocol):
    """What is known, read inside the transaction that will write. Bound to one platform."""

    @property
    def now(self) -> int:
        """The store's clock, UTC seconds: one clock for all hosts."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The cases of what this work was not given, because it cannot be read: it must hold up no other."""

    def case(self, case_id: str) -> Case:
        """Raises NotFound."""

    def cases_of_notice(self, notice_id: str) -> list[Case]:
        """Every case of that notice id: of each authority, and quarantined bodies that seem to speak of it."""

    def claimable(
        self, *, category: str | None = None, case_id: str | None = None, without_flag: str = ""
    ) -> Case | None:
        """The most urgent free case that nobody else in this transaction has been given, and that has not this flag."""

    def expired_leases(self, limit: int) -> list[Case]: ...

    def cases_to_watch(self, now: int, limit: int) -> list[Case]:
        """Cases whose next escalation step is due."""

    def inbox_row(self, sender: str, message_id: str, body_sha256: str) -> InboxRow:
        """Raises NotFound."""

    def inbox_rows(self, sender: str, message_id: str) -> list[InboxRow]:
        """Every body that came under this message id."""

    def inbox_of_case(self, case_id: str) -> list[InboxRow]: ...

    def waiting_for(self, notice_id: str) -> list[InboxRow]:
        """Messages that came before the notice they speak of."""

    def decisions(self, case_id: str) -> dict[int, Decision]: ...

    def event_kinds(self, case_id: str) -> dict[str, int]:
        """How many audit events of each kind a case has."""

    def legal_checks(self, case_id: str) -> list[LegalCheckRow]:
        """Every version of the case's legal check, oldest first."""

    def content_seen(self, case_id: str) -> dict[str, ContentSeen]:
        """What was last seen of each item of the case; an item that nobody has looked at is left out."""

    def preservation_over(self, now: int, limit: int) -> list[Hold]:
        """Measures in force whose sealed copy need not be kept any longer, and of which people were not told yet."""

    def object_versions(self, keys: Iterable[str]) -> dict[str, int]: ...

    def holds(self, keys: Iterable[str]) -> list[Hold]: ...

    def message(self, message_id: str) -> OutboxMessage:
        """A message that is parked or waits for a person. Raises NotFound, also for any other."""

    def open_messages(self, case_id: str) -> list[OutboxMessage]:
        """The case's messages that are queued, leased or waiting for a person."""

    def due_messages(self, endpoint: str, now: int, limit: int) -> list[OutboxMessage]:
        """Messages to one endpoint whose time has come and whose lane is free, most urgent first."""

    def next_deadline(self, endpoint: str, now: int) -> int | None:
        """The first deadline after `now` of what is still to leave for an endpoint."""

    def is_waited_for(self, lane: str, lane_seq: int, now: int) -> bool:
        """Whether a later message of this lane is due, and waits until the one of this number is settled."""

    def user_notices(self, case_id: str) -> list[UserNoticeState]: ...

    def appeal(self, appeal_id: str) -> Appeal:
        """Raises NotFound."""

    def endpoint(self, name: str) -> EndpointState: ...

    def holdings(self, case_id: str) -> Holdings:
        """How much personal data is held of a case."""

    def cursor(self, feed: str) -> str: ...

    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint over all cases."""


Work = Callable[[Tx], tuple[Change, T]]
"""Load what is known, decide, and return what to write and what to answer. It may run more than once."""


class Store(Protocol):
    """The case store. A future that `submit` returns resolves only after its change is durable."""

    def now(self) -> int:
        """The store's clock, UTC seconds."""

    def submit(self, platform_id: str, work: Work[T]) -> Future[T]:
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
    with it."""

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


class Queries(FigureSource, Protocol):
    """Reads for lists, pages and reports. Bound to one platform."""

    def case(self, case_id: str) -> Case: ...

    def cases(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        notice_id: str | None = None,
        overdue_at: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page: ...

    def audit(self, case_id: str) -> list[AuditEvent]: ...

    def case_ids(self) -> Iterable[str]: ...

    def records(self, case_id: str) -> Records:
        """All of a case at one moment. Raises NotFound, and StoreDamaged for a row that cannot be read."""

    def orphans(self) -> list[str]:
        """The ids of cases that are gone while something of them is still there."""

    def due_for_checkpoint(self) -> list[tuple[str, int]]:
        """The cases that changed since their last leaf, with their marks, and the running ones that have none."""

    def checkpoints(self) -> list[tuple[Checkpoint, int | None]]:
        """Every checkpoint by number, and when (UTC seconds) those who keep checkpoints had it."""

    def last_checkpoint(self) -> tuple[Checkpoint, int | None] | None: ...

    def leaves(self) -> Iterable[Leaf]:
        """Every leaf in order, without its manifest."""

    def leaf_hashes(self, size: int) -> list[str]: ...

    def leaves_of(self, case_id: str) -> list[Leaf]:
        """The leaves of one case in order, with their manifests."""

    def loose_rows(self, known: Sequence[tuple[str, str, str]]) -> Loose:
        """What belongs to no case, and the messages of the keys `known`, wherever they belong now."""

    def decisions(self, case_id: str) -> dict[int, Decision]: ...

    def legal_checks(self, case_id: str) -> list[LegalCheckRow]: ...

    def content_seen(self, case_id: str) -> list[ContentSeen]:
        """Every look at every item of a case, in their order."""

    def inbox(self, case_id: str) -> list[InboxRow]: ...

    def received(self, body_sha256: str) -> list[InboxRow]:
        """What came with exactly these bytes. No index serves it: it is for sandboxes."""

    def messages(self, case_id: str) -> list[OutboxMessage]: ...

    def attempts(self, case_id: str) -> list[Attempt]:
        """Every try of every message of a case."""

    def escalations(self, case_id: str) -> list[EscalationFired]: ...

    def sanctions(self) -> list[SanctionNoted]: ...

    def user_notices(self, case_id: str) -> list[UserNoticeState]: ...

    def appeal(self, appeal_id: str) -> Appeal:
        """Raises NotFound."""

    def appeals(self, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """The appeals in a state, those first that are due first. Raises InvalidInput."""

    def ended_before(self, at: int, after: tuple[int, str], limit: int) -> list[Ended]:
        """Cases with personal data that ended at `at` (UTC seconds) or before, the first ones first; those that follow
        `after`, which is when a case ended, and its id."""

    def unmatched_before(self, at: int, limit: int) -> list[MessageErased]:
        """The messages of no case that came at `at` (UTC seconds) or before: each as the write that empties it."""

    def count_erased(self) -> int:
        """How many cases have no personal data any more."""

    def health(self, now: int) -> Health: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """The regulator's receipt, checked against what was sent: `body` is the receipt as it came, `signature` the headers
    that prove it to a third party (empty where it was found among others)."""

    receipt_id: str
    recorded_at: int
    body: bytes
    signature: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RetryAt:
    """A passing fault. `at` (UTC seconds) is when the other side asked to be tried again, None if it did not say."""

    reason: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The regulator refuses this message. `final`: for good, sending the same bytes again cannot help."""

    code: str
    reason: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have arrived and no receipt is in hand: look it up before sending again."""

    reason: str


@dataclass(frozen=True, slots=True)
class ByPerson:
    """A person has to deliver this and to record how."""

    what: str


Sent = Delivered | RetryAt | Rejected | Unknown | ByPerson


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One entry of the regulator's feed: the exact bytes and the signature that was made for pushing them."""

    sequence: int
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of the feed, oldest first. `next_cursor` is None where the feed ends and names no place to go on from: its
    last page is then read again."""

    messages: tuple[FeedMessage, ...]
    next_cursor: str | None
    has_more: bool


class Regulator(Protocol):
    """The way to one authority's system. Methods return what happened; they raise only for faults of this program."""

    name: str

    def send(self, message: OutboxMessage) -> Sent: ...

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        """The receipt of a message whose fate is unknown; None if the regulator does not hold it."""

    def fetch(self, after: str, limit: int) -> FeedPage:
        """Raises RegulatorError."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the platform is asked to do to one object. `version` grows for each object: refuse one that is lower than
    the highest you have seen for `object_key`. Doing the same effect twice must change nothing.

    `content_sha256` is the content that was decided about, empty if nobody looked at it: compare it once more as you
    act, and answer `Failed(..., permanent=True)` if it is another. Keep a sealed copy until `preserve_until` (UTC
    seconds), so that `restore` can bring it back.
    """

    object_key: str
    version: int
    action: str
    scope: tuple[str, ...]
    case_id: str
    item_id: str
    url: str
    object_id: str
    account_ref: str
    content_sha256: str = ""
    preserve_until: int | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """Done. `effective_at` is UTC seconds."""

    effective_at: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Begun; ask again at `check_at` (UTC seconds)."""

    check_at: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Not done. `permanent` means that trying the same again cannot help: the item goes back to review."""

    reason: str
    permanent: bool = False


EffectResult = InForce | Pending | Failed


@dataclass(frozen=True, slots=True)
class Resolved:
    """A piece of content as it is `at` this time (UTC seconds). `digest` is its SHA-256 in lower-case hex, `preview` a
    short text for the person who decides: it is shown and never kept. `available` is False where the content is gone;
    then `digest` says nothing."""

    object_id: str
    digest: str
    available: bool
    at: int
    preview: str | None = field(default=None, repr=False)


class Content(Protocol):
    """The platform's own view of its content. Blocking; called from worker threads. It may raise.

    The digest is of the content itself: a measure must not change it, and content that a measure hides is still
    available. Anything else that can be seen of it, such as counters, does not belong into the digest.
    """

    def resolve(self, reference: Reference) -> Resolved: ...


class Enforcer(Protocol):
    """The platform's own calls. Blocking; called from worker threads; must be idempotent.

    To lift what is gone is nothing to do: answer InForce.
    """

    def enforce(self, effect: Effect) -> EffectResult: ...

    def restore(self, effect: Effect) -> EffectResult: ...


@dataclass(frozen=True, slots=True)
class Told:
    """The platform has told the user, or holds the message for them, since `told_at` (UTC seconds)."""

    told_at: int


TellResult = Told | RetryAt | Failed


class Messenger(Protocol):
    """The platform's own way to its users. Blocking; called from worker threads; idempotent by the notice's `id`.

    A user who is gone is `Failed(..., permanent=True)`: it is recorded, and holds up nothing else.
    """

    def tell(self, notice: UserNotice) -> TellResult: ...


@dataclass(frozen=True, slots=True)
class Alert:
    """What a pager is told, and nothing else: no content, no names. `due_at` is UTC seconds.

    `level` lies on one scale, 1 to 100, for the steps of the ladder and for everything else that people are told: about
    20 is something to read, 30 to 40 something to look at soon, and from 50 on it is for now.
    """

    case_reference: str
    reason: str
    due_at: int
    audience: tuple[str, ...]
    level: int
    link: str


class Notifier(Protocol):
    """A way to alert people. Raises if the alert was not delivered; it is then tried again."""

    def notify(self, alert: Alert) -> None: ...


class Witness(Protocol):
    """Somebody outside the store who keeps checkpoints. Raises if this one is not kept; it is then handed out again."""

    def keep(self, checkpoint: Checkpoint) -> None: ...
