"""Alerting people: what is to be told to one audience leaves as one alert, and what can wait leaves once an hour.

Each page stays a message of its own, with tries of its own; together they are leased, told in one call, and recorded.
The first alert to an audience leaves at once and opens an hour. What becomes due in it waits for its end, unless people
must see to it now. When an hour was opened is a fact of daily work: to lose it costs an alert.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from msgspec.structs import asdict

from kz_compliance_sdk.domain import change
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import LEASE_S, Change, CursorMoved, EndpointState, Leased, OutboxMessage, Write
from kz_compliance_sdk.domain.events import delivery, office
from kz_compliance_sdk.domain.messages import FOR_NOW, NOTIFIER, alert_in, moved
from kz_compliance_sdk.domain.metrics import DELIVER
from kz_compliance_sdk.domain.transitions import UNDECIDED
from kz_compliance_sdk.domain.values import stream_of_message
from kz_compliance_sdk.errors import kind_and_place
from kz_compliance_sdk.ports import Alert, AlertLine, Asks, Delivered, Notifier, Store, Tx
from kz_compliance_sdk.ports.telemetry import Telemetry
from kz_compliance_sdk.services.loading import alerts, is_until, stream_in, told_where_whole
from kz_compliance_sdk.services.outcomes import Outcomes, Result, fault, told

AT_ONCE = 256
"""How many alerts are taken in hand, and recorded, in one commit."""

_WAITS_FOR_PEOPLE = frozenset({CaseState.QUARANTINED, *UNDECIDED})
_OF_MACHINERY = (
    office.Escalated,
    delivery.Stuck,
    delivery.MeasureFailed,
    delivery.InterimOffered,
)
"""What is told of a case because something in it is late or fails. One outage does that to all cases at once."""
_log = logging.getLogger("kz_compliance_sdk.paging")

Pages = tuple[OutboxMessage, ...]
Audience = tuple[str, ...]


class Paging:
    """Alerts the people of one platform. `collect_s` is how long an hour is, in seconds: what can wait leaves once in
    so many; with 0 each round tells what is due. `record_one` records what came of a call for one message."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        notifier: Notifier,
        link: Callable[[str], str],
        outcomes: Outcomes,
        record_one: Callable[[OutboxMessage, Result, int, OutboxMessage], tuple[bool, object]],
        *,
        clock: Callable[[], int],
        collect_s: int,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._store, self._platform, self._notifier, self._link = store, platform_id, notifier, link
        self._outcomes, self._record_one, self._clock, self._collect_s = outcomes, record_one, clock, collect_s
        self._telemetry = telemetry

    # -------------------------------------------------------------------------------------------------- leasing

    def lease(self, places: int) -> list[Pages]:
        """Take what is to be told now for LEASE_S seconds, and put off what can wait. Each group is for one audience
        and leaves as one; there are no more than `places`. An open breaker lets one through as its probe."""
        groups: dict[Audience, list[OutboxMessage]] = {}
        goes_on = places > 0
        while goes_on:
            work = partial(self._lease, places=places, told=groups.keys())
            goes_on, leased = self._store.submit(self._platform, work).result()
            for audience, page in leased:
                groups.setdefault(audience, []).append(page)
        return [tuple(pages) for pages in groups.values()]

    def _lease(
        self, tx: Tx, places: int, told: Collection[Audience]
    ) -> tuple[Change, tuple[bool, list[tuple[Audience, OutboxMessage]]]]:
        """What one commit takes in hand behind others that took what is `told`, and whether more is due."""
        now = tx.now
        state = tx.known(EndpointState, NOTIFIER)
        probes = state.failures >= change.OPENS_AFTER
        if probes and change.is_open(state, now):
            return (), (False, [])
        due: dict[Audience, list[OutboxMessage]] = {}
        found = tx.due_messages(NOTIFIER, now, AT_ONCE)
        # The one that was tried least: what is wrong with a single alert must not speak for the endpoint.
        for page in sorted(found, key=lambda one: one.attempts) if probes else found:
            due.setdefault(alert_in(page).audience, []).append(page)
        writes, leased, free = (
            list[Write](),
            list[tuple[Audience, OutboxMessage]](),
            1 if probes else places - len(told),
        )
        for audience, pages in due.items():
            hour = self._hour(tx, audience)
            if all(self._can_wait(tx, page, hour) for page in pages):
                writes += [Leased(page.but(next_attempt_at=int(hour.cursor)), page.lease_token) for page in pages]
            elif audience in told or free > 0:
                free -= audience not in told
                writes += self._opened(hour, now)
                for page in pages:
                    writes += self._outcomes.lost(tx, page, LEASE_S) if page.state == "leased" else ()
                    leased.append((audience, page.in_hand(now)))
                    writes += moved(page, leased[-1][1], tx.stamp())
        if probes and leased:
            writes.append(change.probing(state, now + LEASE_S))
        goes_on = len(found) == AT_ONCE and bool(writes) and not probes
        return (*told_where_whole(tx, writes), *alerts(tx, self._platform)), (goes_on, leased)

    def _hour(self, tx: Tx, audience: Audience) -> CursorMoved:
        """The hour that was opened last for an audience: when, and until when; at 0 if it is over."""
        hour = tx.known(CursorMoved, f"alerted.{'.'.join(audience)}")
        return hour if is_until(hour.cursor, tx.now, self._collect_s) else replace(hour, at=0)

    def _opened(self, hour: CursorMoved, now: int) -> Change:
        opens = self._collect_s and not hour.at
        return (CursorMoved(self._platform, hour.feed, str(now + self._collect_s), now),) if opens else ()

    def _can_wait(self, tx: Tx, page: OutboxMessage, hour: CursorMoved) -> bool:
        """Whether it can wait for the end of the hour. What was due when that began belongs to its first alert, however
        many commits and workers take it in hand."""
        if not hour.at or page.next_attempt_at <= hour.at or page.attempts:
            return False
        return not self._is_urgent(tx, page)

    def _is_urgent(self, tx: Tx, page: OutboxMessage) -> bool:
        """Whether people must see to it now. A case of which all is decided, and nothing waits for a person to deliver
        it or to try it again, can wait: only the machinery or the regulator is late."""
        said = alert_in(page)
        if said.level < FOR_NOW or not page.case_id:
            return said.level >= FOR_NOW
        chain = stream_in(tx, page.case_id)
        owed = chain.case.messages.get(page.id) if chain.fault is None else None
        if owed is None or chain.case.state in _WAITS_FOR_PEOPLE:
            return True
        if any(one.state in ("waiting", "parked") for one in chain.case.messages.values()):
            return True
        return not isinstance(chain.at(owed.seq).event, _OF_MACHINERY)

    # -------------------------------------------------------------------------------------------------- telling

    def tell(self, pages: Pages) -> int:
        """Tell people, and record it; how many are settled. Nothing is raised: faults are results too."""
        started = self._clock()
        ended = self._telemetry.begin(DELIVER) if self._telemetry is not None else None
        result: Result
        try:
            self._notifier.notify(self._alert(pages))
            result = Delivered("notified", self._clock(), b"")
        except Exception as error:  # noqa: BLE001  a notifier may be anybody's code: recorded, tried again
            _log.warning("a call to the %s failed: %s", NOTIFIER, kind_and_place(error))
            result = fault(NOTIFIER, type(error).__name__)
        if ended is not None:
            ended(endpoint=NOTIFIER, result=told(result)[0])
        again_at = self._outcomes.again_at(min(pages, key=lambda one: one.attempts), self._clock())
        some = [pages[at : at + AT_ONCE] for at in range(0, len(pages), AT_ONCE)]
        return sum(self._recorded(one, result, started, again_at, of_call=one is some[0]) for one in some)

    def _recorded(
        self, pages: Sequence[OutboxMessage], result: Result, started: int, again_at: int, *, of_call: bool
    ) -> int:
        def record(tx: Tx) -> tuple[Change, int]:
            return self._outcomes.alerted(tx, pages, result, started, again_at, of_call=of_call)

        asks = Asks(tuple(stream_of_message(one.case_id, one.id) for one in pages))
        try:
            return self._store.submit(self._platform, record, asks).result()
        except Exception as error:  # noqa: BLE001  one that somebody else took over must not hold up the others
            _log.warning("%d alerts are recorded one by one: %s", len(pages), kind_and_place(error))
        return sum(self._record_one(one, result, started, one)[0] for one in pages)

    def _alert(self, pages: Pages) -> Alert:
        said = sorted(map(self._line, pages), key=lambda line: -line.level)
        return Alert(alert_in(pages[0]).audience, said[0].level, tuple(said))

    def _line(self, page: OutboxMessage) -> AlertLine:
        said = asdict(alert_in(page))
        del said["audience"]
        return AlertLine(**said, link=self._link(said["case_reference"]) if page.case_id else "")
