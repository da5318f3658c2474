"""Cases on a host whose clock is set while they run, and what their ladders must come to in true time.

The truth is a seed's own time: the time that passes on the frozen clock. The host sees its wall clock, which is set
forward and back, and the time since it started; when it starts anew, what it saw last. What the ladder must do is
written down here from the documentation, not taken from the library.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.ports import Due
from kz_compliance_sdk.services.deadlines import follow_clock
from tests.case_makers import a_notice
from tests.scene import PLATFORM, Host, World

H = 3600
TERM_S = 24 * H
ENDS_S = 40 * H
WITHIN_S = 60
_LOOK_S = 15
_ROUGHLY_S = 2 * H
LADDER = {
    "due.unclaimed_1h": H,
    "due.before_12h": TERM_S - 12 * H,
    "due.before_6h": TERM_S - 6 * H,
    "due.before_2h": TERM_S - 2 * H,
    "due.before_30m": TERM_S - H // 2,
    "due.due": TERM_S,
    **{f"due.overdue.{n}": TERM_S + n * H for n in range(1, 12)},
}
"""When each step comes, in seconds after receipt."""


@dataclass(frozen=True)
class Act:
    """What happens to the host at a true time: its clock is set `by` so many seconds, it is `down` for so many, as a
    process or (`anew`) the whole host; or a notice comes."""

    at: int
    by: int = 0
    down: int = 0
    anew: bool = False
    notice: int = 0


@dataclass(frozen=True)
class Fired:
    """One page of a case's ladder, at a true time."""

    at: int
    steps: tuple[str, ...]
    unsure: bool
    again: tuple[str, ...]


@dataclass
class Run:
    """What came of a seed."""

    acts: list[Act]
    received: dict[str, int] = field(default_factory=dict)
    fired: dict[str, list[Fired]] = field(default_factory=dict)
    alerts: list[tuple[int, str]] = field(default_factory=list)


def acts_of(seed: int) -> list[Act]:
    """Two cases; the clock is set wrong and right again once to three times; some processes and hosts start anew."""
    chance = random.Random(seed)
    acts = [Act(0, notice=1)]
    acts.append(Act(chance.randrange(600, 20 * H), notice=2))
    at = 0
    for _ in range(chance.choice((1, 1, 2, 3))):
        at += chance.randrange(600, 9 * H)
        by = chance.choice((-1, 1)) * chance.choice((chance.randrange(60, H), chance.randrange(H, 25 * H), 10 * 24 * H))
        # A host that starts anew with its clock set forward, or back by less than it was down, cannot know it.
        anew = by < -600 and chance.random() < 0.2
        down = chance.randrange(60, 300) if anew or chance.random() < 0.2 else 0
        acts.append(Act(at, by=by, down=down, anew=anew))
        at += chance.choice((600, chance.randrange(300, 6 * H)))
        if chance.random() < 0.2:
            acts.append(Act(at, down=chance.randrange(20, 200), anew=abs(by) > 600 and chance.random() < 0.3))
            at += 600
        anew = by > 600 and chance.random() < 0.2
        down = chance.randrange(60, 300) if anew or chance.random() < 0.2 else 0
        acts.append(Act(at, by=-by, down=down, anew=anew))
        at += 600
    return sorted(acts, key=lambda act: act.at)


def run(folder: Path, acts: list[Act]) -> Run:
    """Live through it with a real store and real watches."""
    world = World(folder / "desk.sqlite3")
    start, clock, came = world.clock.monotonic(), world.clock, Run(acts)
    host = Host(world)
    cases: list[Case] = []
    for act in (*acts, Act(ENDS_S)):
        while (now := round(clock.monotonic() - start)) < act.at:
            clock.advance(min(_until_next(cases, clock()), act.at - now))
            cases = _look(host, came, start)
        clock.step(act.by)
        if act.down:
            host.store.close()
            clock.advance(act.down)
            if act.anew:
                clock.restart()
            host = Host(world)
        if act.notice:
            case_id = _push(host, act.notice)
            # A host that is down takes nothing: a notice that came meanwhile comes again.
            came.received[case_id], came.fired[case_id] = round(clock.monotonic() - start), []
        clock.advance(1 + act.at % (_LOOK_S - 1) if act.by else 0)
        cases = _look(host, came, start)
    host.check_chains()
    host.store.close()
    return came


def _push(host: Host, number: int) -> str:
    notice = a_notice(seed=number)
    host.push(notice, f"m-{number}")
    return host.case(notice.notice_id).id


def _until_next(cases: list[Case], now: int) -> int:
    """A look at every time for which one is planned, and some between: of the others nothing would come."""
    planned = [case.watch_at for case in cases if case.watch_at is not None]
    return max(1, min([_ROUGHLY_S, *(at - now for at in planned if at > now)]))


def _look(host: Host, came: Run, start: float) -> list[Case]:
    """One look of the worker, and what came of it. Gives the cases as they are then."""
    follow_clock(host.store, PLATFORM, host.policy, host.world.env())
    host.watch()
    host.drain()
    at = round(host.world.clock.monotonic() - start)
    pager = host.world.pager
    came.alerts += [(at, alert.reason) for alert in pager.alerts]
    told = {alert.case_reference for alert in pager.alerts}
    pager.alerts.clear()
    for case_id in told & came.received.keys():
        known = came.fired[case_id]
        events = [e for e in host.records(case_id).stream.events if e.kind == "escalated"]
        for event in events[len(known) :]:
            fired = event.event
            known.append(Fired(at, fired.steps, fired.unsure, fired.again))
    return host.store.submit(PLATFORM, lambda tx: ((), tx.due_cases(Due.STEP, 1 << 60, 100))).result()


# ------------------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class Spans:
    """When the clock was right and the host up, in true time."""

    wrong: tuple[tuple[int, int], ...]
    down: tuple[tuple[int, int], ...]
    set_at: tuple[int, ...]

    @classmethod
    def of(cls, acts: list[Act]) -> Spans:
        wrong, since, off = [], 0, 0
        for act in acts:
            if act.by and not off:
                since = act.at
            elif act.by and not off + act.by:
                wrong.append((since, act.at + act.down))
            off += act.by
        down = tuple((act.at, act.at + act.down) for act in acts if act.down)
        return cls(tuple(wrong), down, tuple(act.at for act in acts if act.by))

    def latest(self, at: int) -> int:
        """Until when what is due at `at` must have come: within a minute of it, or of when the clock is right again."""
        for _ in range(2):
            at = next((end for start, end in (*self.down, *self.wrong) if start <= at < end), at)
        return at + WITHIN_S


def faults(came: Run) -> Iterator[str]:
    """What a run lacks, and what it has too much of. The page of a step counts if it does not call itself unsure."""
    spans = Spans.of(came.acts)
    for case_id, received in came.received.items():
        fired = came.fired[case_id]
        times = {step: received + after for step, after in LADDER.items() if received + after < ENDS_S - 2 * H}
        for step, at in times.items():
            if not any(at <= one.at <= spans.latest(at) and step in one.steps and not one.unsure for one in fired):
                if _is_round(step) and any(
                    at <= one.at <= spans.latest(at) and any(map(_is_round, one.steps)) and not one.unsure
                    for one in fired
                ):
                    continue
                yield f"{case_id}: {step} did not come at {at} ({[(one.at, one.steps) for one in fired]})"
        early = [one for one in fired if any(received + _after(step) > one.at for step in one.steps)]
        for since, until in zip((0, *spans.set_at), (*spans.set_at, ENDS_S + H), strict=True):
            false = [one for one in early if since <= one.at < until]
            if len(false) > bool(since):
                yield f"{case_id}: {len(false)} false pages between {since} and {until}: {false}"
        for one in fired:
            was = {step for before in early if before.at < one.at for step in before.steps}
            if one not in early and not was & set(one.steps) <= set(one.again):
                yield f"{case_id}: the page at {one.at} does not say what was told before its time: {one}"
    told = [at for at, reason in came.alerts if reason == "clock_stepped"]
    if len(told) != len(spans.set_at):
        yield f"the clock was set {len(spans.set_at)} times, and people were told {len(told)} times"
    pages = sum(len(one) for one in came.fired.values())
    if pages != (alerts := sum("due." in reason for _, reason in came.alerts)):
        yield f"{pages} steps of the ladder fired, and {alerts} alerts left"


def _is_round(step: str) -> bool:
    return step.startswith("due.overdue.")


def _after(step: str) -> int:
    return LADDER[step] if step in LADDER else TERM_S + int(step.rpartition(".")[2]) * H
