"""Looking at content through the platform's Content port: outside any transaction, side by side, under one deadline.

What was found is then recorded in one change. A call that raises, hangs or gives no answer is a finding too: it is
recorded and people are paged, and it keeps nobody from deciding.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from kz_compliance_sdk.domain import appeals, content, flags, proposal_checks
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.appeals import Appeal, AppealFile
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.content import Looked, Reference
from kz_compliance_sdk.domain.decision import ItemDecision, LegalCheck, Proposal
from kz_compliance_sdk.domain.flags import Flag, Recipient
from kz_compliance_sdk.domain.notice import languages_of
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.domain.review_policy import check_lease, check_no_proposer, who_decided
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import ConfigError, Conflict, kind_and_place
from kz_compliance_sdk.ports import (
    AppealPage,
    Content,
    Delivered,
    Future,
    InForce,
    Pending,
    Resolved,
    RetryAt,
    Store,
    Told,
    Tx,
)
from kz_compliance_sdk.services.loading import decisions_in, notice_of, seen_in, stream_in

# --------------------------------------------------------------------------------------------------------------- care
# What helps people to be careful: the gaps of a notice, drafted questions, a proposal for items that are alike.


T = TypeVar("T")


class Care:
    """What people are helped with before they decide, for one platform."""

    def __init__(self, store: Store, platform_id: str, policy: Policy, recipient: Recipient) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._recipient = recipient

    def gaps(self, case_id: str) -> tuple[Flag, ...]:
        """What the notice of a case lacks, as it stands now. Raises NotFound, also for a case in quarantine."""
        return self._read(lambda tx: self._gaps(tx, case_id))

    def draft(self, case_id: str) -> tuple[Question, ...]:
        """A drafted question for each gap, in the languages of the notice; a person must read and confirm it.

        Raises NotFound, also for a case in quarantine.
        """

        def read(tx: Tx) -> tuple[Question, ...]:
            notice = notice_of(tx, tx.case(case_id))
            return flags.draft(self._gaps(tx, case_id), languages_of(notice))

        return self._read(read)

    def alike(
        self, case_id: str, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
    ) -> Proposal:
        """A proposal that decides every open item as `decided` says. Raises NotAllowed (`bulk_off`) where the case has
        legal review and more than one open item; NotFound."""

        def read(tx: Tx) -> Proposal:
            case = tx.case(case_id)
            return proposal_checks.alike(
                case, self._policy, decided, legal_check=legal_check, text_checked=text_checked
            )

        return self._read(read)

    def _gaps(self, tx: Tx, case_id: str) -> tuple[Flag, ...]:
        return flags.gaps(notice_of(tx, tx.case(case_id)), self._policy, self._recipient)

    def _read(self, read: Callable[[Tx], T]) -> T:
        return self._store.submit(self._platform, lambda tx: ((), read(tx))).result()


# ------------------------------------------------------------------------------------------------------------ appeals
# The appeals of affected users, as people look at them.


class Appeals:
    """The appeals against one platform's measures."""

    def __init__(self, store: Store, platform_id: str) -> None:
        self._store, self._platform = store, platform_id

    def list(self, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """A page of the appeals in a state (`open`, `upheld`, `reversed`, `withdrawn`), those first that are due first.

        Raises InvalidInput.
        """
        return self._store.queries(self._platform).appeals(state=state, cursor=cursor, limit=limit)

    def each(self, state: str = "open") -> Iterator[Appeal]:
        """Each appeal of `list`, page by page, as long as somebody asks. Raises InvalidInput."""
        page = self.list(state)
        yield from page.appeals
        while page.next_cursor is not None:
            page = self.list(state, page.next_cursor)
            yield from page.appeals

    def case_of(self, appeal_id: str) -> str:
        """The id of the case in which an appeal was made. Raises NotFound."""
        return self._store.queries(self._platform).case_of_appeal(appeal_id)

    def show(self, appeal_id: str) -> AppealFile:
        """An appeal with what the user wrote. Raises NotFound, and StoreDamaged for one that cannot be read."""
        held = self._store.queries(self._platform).records(self.case_of(appeal_id))
        return appeals.file_of(held.stream, held.case, appeal_id, held.chain.words)


# ----------------------------------------------------------------------------------------------------- answered times
# The times that the platform's own code and an adapter give: each is looked at before anything is made of it.


SKEW_S = 600
"""By how much the platform's clock may differ from this one's, in seconds. An hour is no skew but a local time."""

LONGEST_PENDING_S = 30 * 86_400
"""How far ahead the platform may ask to be asked again, in seconds."""

_2020, _2100 = 1_577_836_800, 4_102_444_800
_FIELDS = {
    InForce: "effective_at",
    Pending: "check_at",
    Told: "told_at",
    Delivered: "recorded_at",
    Resolved: "at",
    RetryAt: "at",
}


def wrong_time(answer: object, decided_at: int, now: int) -> str:
    """What is wrong with the time in an answer, and what to do: empty if nothing is. `decided_at` is when what was
    asked for was decided, UTC seconds."""
    name, field = next(
        ((kind.__name__, found) for kind, found in _FIELDS.items() if isinstance(answer, kind)), ("", "")
    )
    at = getattr(answer, field, None)
    if not field or (isinstance(answer, RetryAt) and at is None):
        return ""
    first = min(decided_at, now) - SKEW_S
    match answer:
        case InForce() | Told():
            last = now + SKEW_S
        case Pending():
            last = now + LONGEST_PENDING_S
        case _:
            # Another's clock, or a cache: it need not agree with ours. It need be a time.
            first, last = _2020, _2100
    if type(at) is int and (first <= at <= last or isinstance(answer, RetryAt)):
        return ""
    return (
        f"{name}.{field} is {_shown(at)}: it must be a whole number of UTC seconds between "
        f"{instant_text(first)} and {instant_text(last)}, such as int(time.time())"
    )


def _shown(at: object) -> str:
    """The value, unless it is no number: that may be a text about somebody."""
    if isinstance(at, int) and abs(at) >= 10**30:
        return "of more than 30 digits"
    return str(at) if at is None or isinstance(at, int | float) else f"of the type {type(at).__name__}"


# ------------------------------------------------------------------------------------------------------------ looking


TOTAL_S = 10.0
"""How long one look may take, for all items of a case together."""

_SIDE_BY_SIDE = 8
_MOST_HANGING = 64
_PREVIEW = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger("kz_compliance_sdk.content")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person is shown of one item. `digest` is the SHA-256 that a measure on it must name. `fault` is the kind
    of what went wrong, empty if nothing did; then the rest says nothing. `preview` is stored nowhere."""

    item_id: str
    object_id: str
    digest: str
    available: bool
    at: int
    fault: str = ""
    preview: str | None = field(default=None, repr=False)


class Looking:
    """Looks at the content of one platform's cases."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        port: Content,
        is_ready: Callable[[], bool],
        *,
        spawn: Callable[[Callable[[], Any]], Future[Any]],
        monotonic: Callable[[], float],
    ) -> None:
        self._store, self._platform, self._port, self.is_ready = store, platform_id, port, is_ready
        self._spawn, self._monotonic = spawn, monotonic
        self._hanging: list[Future[Any]] = []

    def look(self, actor: Actor, case_id: str, token: int | None = None) -> tuple[Seen, ...]:
        """Resolve every open item, record what was found, and show it. Raises ConfigError without a Content port,
        NotAllowed, IllegalMove, LeaseLost, and Conflict if the case changed meanwhile."""
        STAFF.check(actor, "look")
        if not self.is_ready():
            raise ConfigError(
                "this desk has no Content port.",
                field="content",
                remedy="Give the desk one, or register a function with on_resolve.",
            )

        def begin(tx: Tx) -> tuple[Change, Mapping[str, Reference]]:
            case = tx.case(case_id)
            if token is not None:
                check_lease(case, token, tx.stamp(actor))
            content.need_open(case)
            return (), content.references(case, notice_of(tx, case))

        asked = self._store.submit(self._platform, begin).result()
        if not asked:
            return ()  # a later revision has left every open item out: there is nothing to act upon
        found = self._resolve(asked)

        def record(tx: Tx) -> tuple[Change, tuple[Seen, ...]]:
            case = tx.case(case_id)
            named = content.references(case, notice_of(tx, case))
            still = {item_id: found[item_id][0] for item_id in named if asked.get(item_id) == named[item_id]}
            if not still:
                raise Conflict("the case changed while its content was looked at. Look again.", reference=case_id)
            stamp = tx.stamp(actor)
            change, _, rows = content.look(case, still, named, seen_in(tx, case), token=token, stamp=stamp)
            return change, tuple(
                Seen(
                    row.item_id, row.object_id, row.digest, row.available, row.seen_at, row.fault, found[row.item_id][1]
                )
                for row in rows
            )

        return self._store.submit(self._platform, record).result()

    def before_approval(self, actor: Actor, case_id: str, digest: str) -> None:
        """Compare the content with what was proposed about, before anybody approves. Raises Conflict naming the item if
        it is another; then the case is back in the queue."""
        if not self.is_ready():
            return

        def begin(tx: Tx) -> tuple[Change, Mapping[str, Reference]]:
            case = tx.case(case_id)
            decision = decisions_in(tx, case_id).get(case.decision_version)
            if case.state is not CaseState.IN_APPROVAL or decision is None or decision.digest != digest:
                return (), {}  # approving says what is wrong
            check_no_proposer(who_decided(stream_in(tx, case_id), decision.version), actor, case_id)
            seen = {item.item_id for item in decision.proposal.items if item.content_sha256 is not None}
            named = content.references(case, notice_of(tx, case))
            return (), {item_id: reference for item_id, reference in named.items() if item_id in seen}

        asked = self._store.submit(self._platform, begin).result()
        if not asked:
            return
        found = self._resolve(asked)

        def record(tx: Tx) -> tuple[Change, tuple[str, ...]]:
            case = tx.case(case_id)
            decision = decisions_in(tx, case_id).get(case.decision_version)
            if case.state is not CaseState.IN_APPROVAL or decision is None or decision.digest != digest:
                return (), ()
            looked = {item_id: looked for item_id, (looked, _) in found.items()}
            stamp = tx.stamp(actor)
            return content.approval_looked(case, decision, looked, asked, seen_in(tx, case), stamp)

        changed = self._store.submit(self._platform, record).result()
        if changed:
            items = ", ".join(repr(item_id) for item_id in changed)
            raise Conflict(
                f"the content of the item {items} is not what was proposed about. Nothing was approved; the case is "
                "back in the queue.",
                code="content_changed",
                reference=case_id,
            )

    def at_last(self, reference: Reference) -> Looked:
        """What one item's content is now, for whoever is about to act on it. It is called in the caller's thread."""
        if not self.is_ready():
            return Looked(fault="no_content_port")
        try:
            return _checked(self._port.resolve(reference))[0]
        except Exception as error:  # noqa: BLE001  the platform's own code failed: it is tried again
            _log.warning("the content could not be resolved: %s", kind_and_place(error))
            return Looked(fault=type(error).__name__[:64])

    def _resolve(self, asked: Mapping[str, Reference]) -> dict[str, tuple[Looked, str | None]]:
        """Every item's finding and preview. What has not come back at the deadline is a timeout; its thread is left
        alone, and while too many of them hang nothing more is asked."""
        end = self._monotonic() + TOTAL_S
        self._hanging = [future for future in self._hanging if not future.done()]
        found: dict[str, tuple[Looked, str | None]] = {}
        left = deque(asked.items())
        running: deque[tuple[str, Future[Any]]] = deque()
        while left or running:
            while left and len(running) < _SIDE_BY_SIDE:
                item_id, reference = left.popleft()
                if self._monotonic() >= end or len(self._hanging) + len(running) >= _MOST_HANGING:
                    found[item_id] = Looked(fault="timeout"), None
                else:
                    running.append((item_id, self._spawn(partial(self._port.resolve, reference))))
            if running:
                item_id, future = running.popleft()
                found[item_id] = self._taken(future, end - self._monotonic())
        return {item_id: found[item_id] for item_id in asked}

    def _taken(self, future: Future[Any], left: float) -> tuple[Looked, str | None]:
        try:
            return _checked(future.result(max(0.0, left)))
        except TimeoutError:
            if not future.done():
                self._hanging.append(future)
            return Looked(fault="timeout"), None
        except Exception as error:  # noqa: BLE001  the platform's own code failed: recorded, and told
            _log.warning("the content could not be resolved: %s", kind_and_place(error))
            return Looked(fault=type(error).__name__[:64]), None


def _checked(answer: object) -> tuple[Looked, str | None]:
    """What the port gave, if it is what the port allows; else a fault of the platform's own code."""
    if not isinstance(answer, Resolved):
        return Looked(fault="no_answer"), None
    digest: Any = answer.digest
    name: Any = answer.object_id
    there: Any = answer.available
    if not isinstance(name, str) or len(name) > 1000 or not isinstance(there, bool):
        return Looked(fault="unusable_answer"), None
    if there and not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        return Looked(fault="unusable_answer"), None
    if wrong := wrong_time(answer, 0, 0):
        _log.error("the content could not be resolved: %s", wrong)
        return Looked(fault="unusable_answer"), None
    preview: Any = answer.preview
    shown = preview[:_PREVIEW] if isinstance(preview, str) else None
    return Looked(digest if there else "", name, available=there), shown
