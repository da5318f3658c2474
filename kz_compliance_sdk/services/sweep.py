"""The sweep: the rows are held against the chains, and a row that lies or is gone is made anew, logged and paged.

Lists, claims and the watch find a case by its row. What is decided rests on its chain, so a row that lies can hide a
case or put it off, until the walk that begins each hour has come to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.believed import planned_anew
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import (
    Change,
    Heartbeat,
    Leased,
    Watch,
    Write,
    count_in,
    happenings,
)
from kz_compliance_sdk.domain.messages import Respondent, notify
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.received import waits_for
from kz_compliance_sdk.domain.running_time import ladder_times, next_look, stands_still
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.values import ALERTS, MESSAGES
from kz_compliance_sdk.errors import Conflict
from kz_compliance_sdk.ports import Found, Store, Tx
from kz_compliance_sdk.services.admission import follow_late
from kz_compliance_sdk.services.loading import alerts

SWEEPER = "sweeper"
EVERY_S = 3_600
"""How often each case is looked at, in seconds."""
_AT_ONCE = 50
_PLAN = "watches"
_WAITED = "waited"
_LOG = "log"
"""By this people are told of what is wrong with the log, which belongs to no case."""
_SHARE = 0.05
"""How much of its time it works, at most."""
_AUDIENCE, _LEVEL = ("lead", "head"), 60
_log = logging.getLogger("kz_compliance_sdk.sweep")


@dataclass(frozen=True, slots=True)
class Swept:
    """What a step of the sweep came to: cases looked at; by case the fields in which its row lied, `row` for one that
    was gone or could not be read, `waited` for a message that a lie kept from its notice; and the cases whose chain is
    broken, or whose row nobody can mend."""

    cases: int = 0
    lies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    broken: tuple[str, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[Swept]) -> Swept:
        """What all these came to."""
        return cls(
            sum(step.cases for step in steps),
            tuple(one for step in steps for one in step.lies),
            tuple(one for step in steps for one in step.broken),
        )

    @property
    def mended(self) -> tuple[str, ...]:
        """The cases whose row was made anew."""
        return tuple(case_id for case_id, _ in self.lies)


class Sweep:
    """Walks over the cases of one platform, then over the alerts of none and the messages that no case took, then over
    its log, a few at each step."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        respondent: Respondent,
        monotonic: Callable[[], float],
    ) -> None:
        self._store, self._platform, self._policy, self._monotonic = store, platform_id, policy, monotonic
        self._respondent = respondent
        self._after = ""
        self._next_at = self._rest_until = 0.0

    def step(self) -> Swept:
        """Look at the next cases, if one is due and the sweep has rested enough. Raises StoreError."""
        now = self._monotonic()
        if now < self._rest_until or (not self._after and now < self._next_at):
            return Swept()
        if not self._after:
            self._next_at = now + EVERY_S
        swept, self._after = self._some(self._after)
        if not self._after:
            swept = Swept.of([swept, self._of_log()])
        ended = self._monotonic()
        self._rest_until = ended + (ended - now) * (1 / _SHARE - 1)
        return swept

    def all(self, progress: Callable[[int], None] | None = None) -> Swept:
        """Look at every case, without rest. `progress` is told how many cases were looked at. Raises StoreError."""
        after, steps, cases = "", list[Swept](), 0
        while after or not steps:
            swept, after = self._some(after)
            steps.append(swept)
            cases += swept.cases
            if progress is not None and swept.cases:
                progress(cases)
        return Swept.of([*steps, self._of_log()])

    def _of_log(self) -> Swept:
        """What the log comes to, and what belongs to no case. A stream that is gone or has another name, and a case
        whose row went with it, shows here alone."""
        # The walk has looked at whatever is about one case or message.
        faults = [what for about, what in self._store.queries(self._platform).strays() if not about]
        for one in faults:
            _log.error("the log of the chains, and what belongs to no case: %s", one)
        if not faults:
            return Swept()
        told = partial(alerts, platform_id=self._platform, also=(_LOG,))
        self._store.submit(self._platform, lambda tx: (told(tx), None)).result()
        return Swept(broken=(_LOG,))

    def _some(self, after: str) -> tuple[Swept, str]:
        """What the next cases and messages come to, and behind which one to go on; empty at the end. A row that the
        guards of the database let nobody mend holds up no other: each is looked at alone then, and people are told of
        that one."""
        try:
            return self._looked(after)
        except Conflict as error:
            _log.error("a sweep failed and takes each case alone: %s", error)
        found = self._store.submit(self._platform, lambda tx: ((), tx.found(after, _AT_ONCE))).result()
        steps: list[Swept] = []
        for one in found:
            steps.append(self._alone(one.about, after))
            after = one.place
        return Swept.of(steps), after if len(found) == _AT_ONCE else ""

    def _alone(self, about: str, after: str) -> Swept:
        try:
            return self._looked(after, 1)[0]
        except Conflict as error:
            _log.error("%s: its row cannot be mended: %s", about, error)
        told = partial(alerts, platform_id=self._platform, also=(about,))
        self._store.submit(self._platform, lambda tx: (told(tx), None)).result()
        return Swept(int(not about.startswith((ALERTS, MESSAGES))), (), (about,))

    def _looked(self, after: str, most: int = _AT_ONCE) -> tuple[Swept, str]:
        swept, after, waiting = self._store.submit(self._platform, partial(self._look, after=after, most=most)).result()
        if waiting:
            joined = self._store.submit(self._platform, partial(self._join, names=waiting)).result()
            swept = Swept.of([swept, joined])
        return swept, after

    def _look(self, tx: Tx, after: str, most: int) -> tuple[Change, tuple[Swept, str, list[str]]]:
        found = tx.found(after, most)
        writes: list[Write] = []
        lied: list[tuple[str, tuple[str, ...]]] = []
        for one in found:
            if one.fault:
                _log.error("%s: %s", one.about, one.fault)
            elif lies := self._mended(one, tx.now, writes):
                lied.append((one.about, lies))
        if lied:
            said = "; ".join(f"{about}: {', '.join(lies)}" for about, lies in lied)
            _log.error("rows said otherwise than their chains: %s", said)
        writes += (*self._told([about for about, _ in lied], tx), *alerts(tx, self._platform))
        looked_at = sum(not one.about.startswith((ALERTS, MESSAGES)) for one in found)
        after = found[-1].place if len(found) == most else ""
        came = tx.streams(one.about for one in found if one.about.startswith(MESSAGES))
        waiting = [name for name, stream in came.items() if waits_for(stream)]
        return tuple(writes), (Swept(looked_at, tuple(lied), tuple(tx.unreadable)), after, waiting)

    def _join(self, tx: Tx, names: Sequence[str]) -> tuple[Change, Swept]:
        """What a lie kept from its notice takes effect now. By then the rows are mended by which it is found."""
        late = follow_late(tx, names, self._policy, self._respondent)
        joined = sorted({one.stream for one in happenings(late)}.intersection(names))
        lies = tuple((name, (_WAITED,)) for name in joined)
        told = self._told(joined, tx) if joined else ()
        return (*late, *told, *alerts(tx, self._platform)), Swept(0, lies, tuple(tx.unreadable))

    def _mended(self, one: Found, now: int, writes: list[Write]) -> tuple[str, ...]:
        """What lies of one that was found. Its rows are made anew, and so is what is written beside them here."""
        astray = ("leases",) if one.messages else ()
        writes += map(Leased, one.messages)
        if one.true is None:
            return (*one.lies, *astray)
        true = self._planned(one.true, now)
        put_off = (_PLAN,) if true.watch_at != one.true.watch_at and _PLAN not in one.lies else ()
        lies = (*one.lies, *put_off, *astray)
        writes += [Watch(true)] if lies else []
        return lies

    def _told(self, mended: Sequence[str], tx: Tx) -> Change:
        """That it ran, and one alert for all that were mended at once: the log names each."""
        before = tx.known(Heartbeat, SWEEPER)
        # By how many it ever mended, two alerts of one second are told apart.
        count = len(mended) + count_in(before.detail)
        beat = Heartbeat(self._platform, SWEEPER, tx.now, str(count))
        if not mended:
            return (beat,)
        return beat, notify(self._platform, mended[0], "row_mended", _AUDIENCE, _LEVEL, tx.stamp(), key=str(count))

    def _planned(self, case: Case, now: int) -> Case:
        """The case watched no later than its ladder allows. One that was put off is watched at once: what of its ladder
        had not fired is due."""
        if case.state in ENDED:
            return case.but(watch_at=None)
        still = stands_still(case, now)
        ladder = self._policy.ladder
        latest = next_look(case, now) if still else clock.next_step_at(ladder, after=now, **ladder_times(case, now))
        if case.watch_at is not None and case.watch_at <= latest:
            return case
        return case.but(watch_at=latest if still else min(latest, planned_anew(case.chain)["watch_at"]))
