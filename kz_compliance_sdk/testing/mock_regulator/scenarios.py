"""Scripts as data: a name and a seed give the same steps, with the same ids, at the same times, in the same order."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.agenda import STRICT, Act, Rotation, Step
from kz_compliance_sdk.testing.mock_regulator.faults import (
    PUSHES,
    Fault,
    FaultKind,
    Outage,
    OutageKind,
    RetryAfterForm,
    Route,
)
from kz_compliance_sdk.wire.v1 import MessageData
from kz_compliance_sdk.wire.values import Effect, LocalText, Notice

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
# Notice numbers of two scripts must not meet, or the second could not be issued.
_NUMBERS: Final = 10_000
_POSTS: Final[tuple[Route, ...]] = ("report", "acknowledgement", "clarification_request")
_STATUSES: Final = (500, 500, 502, 503, 503, 429, 429, 409, 422)


@dataclass(slots=True)
class _Script:
    """What a scenario writes into. Times are seconds since its start."""

    chance: random.Random
    start: int
    platform_ids: Sequence[str]
    number: int
    notices: int
    pace: int = 1
    steps: list[Step] = field(default_factory=list)

    def moment(self, at: float) -> int:
        """In UTC seconds, and whole ones, as everything that a notice says about time."""
        return self.start + int(at / self.pace)

    def add(self, at: float, act: Act, data: object = None, **more: Any) -> None:
        self.steps.append(Step(self.moment(at), act, data, **more))

    def say(self, at: float, act: Act, data: MessageData, platform_id: str) -> None:
        """A message, pushed or left to the feed. All are in the feed: a push may be lost."""
        name = f"msg_{self.chance.getrandbits(96):024x}"
        self.add(at, act, data, platform_id=platform_id, message_id=name, push=self.chance.random() < 0.75)

    def notice(self, at: float) -> Notice:
        """Issue one more notice."""
        self.number += 1
        platform_id = self.chance.choice(self.platform_ids)
        notice = builders.notice(
            self.number, items=self.chance.choices((1, 2, 3), (6, 3, 1))[0], platform_id=platform_id,
            issued_at=self.moment(at),
        )  # fmt: skip
        self.say(at, "issue", notice, platform_id)
        return notice

    def amend(self, at: float, notice: Notice) -> Notice:
        """Issue its next revision: other reasons, and one item fewer where there are several."""
        kept = notice.items[: max(1, len(notice.items) - 1)]
        reasons = tuple(
            LocalText(lang=reason.lang, text=f"{reason.text} (2)") for reason in notice.statement_of_reasons
        )
        changed = {"revision": notice.revision + 1, "items": kept, "statement_of_reasons": reasons}
        amended = notice.model_copy(update={**changed, "issued_at": self.moment(at)})
        self.say(at, "amend", amended, notice.platform_id)
        return amended

    def cancel(self, at: float, notice: Notice) -> None:
        """Cancel all of it, or its first item where there are several."""
        effect: Effect = self.chance.choice(get_args(Effect))
        items = [notice.items[0].item_id] if len(notice.items) > 1 and self.chance.random() < 0.5 else None
        cancelled = builders.cancellation(notice, effect, items, issued_at=self.moment(at))
        self.say(at, "cancel", cancelled, notice.platform_id)

    def fault(self, at: float, kind: FaultKind) -> None:
        """Arm one fault of a kind, for a few strikes."""
        chance = self.chance
        fault = Fault(kind, times=chance.randint(1, 3))
        if kind == "status":
            status = chance.choice(_STATUSES)
            asked = chance.choice((None, 2, 30, 120)) if status in (429, 503) else None
            form: RetryAfterForm = chance.choice(("seconds", "date"))
            # A burst of errors; but a refusal strikes once, since it is about one message and not about the weather.
            times = 1 if status in (409, 422) else chance.randint(2, 8)
            on = chance.choice(_POSTS) if status in (409, 422) else None
            fault = replace(fault, status=status, retry_after_s=asked, retry_after_form=form, times=times, on=on)
        elif kind in ("latency", "slow_accept"):
            fault = replace(fault, latency_ms=chance.choice((200, 2_000, 15_000)))
        elif kind == "dripping":
            fault = replace(fault, bytes_per_s=chance.choice((5, 50, 2_000)))
        elif kind in PUSHES:
            fault = replace(fault, delay_s=max(1, chance.randint(1, 90) * _MINUTE // self.pace))
        elif kind in ("wrong_digest", "wrong_subject", "reset_after", "hang_after"):
            fault = replace(fault, on=chance.choice(("report", "report", "acknowledgement")))
        self.add(at, "fail", fault)

    def spread(self, begin: float, end: float, count: int) -> list[float]:
        """So many moments between two, in order."""
        return sorted(self.chance.uniform(begin, end) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script by its name. `seconds` is how long it lasts, `notices` how many it issues unless told otherwise."""

    name: str
    told: str
    seconds: int
    notices: int
    write: Callable[[_Script], None]


def _traffic(script: _Script, begin: float, end: float, count: int) -> None:
    """Notices, of which a few are amended, cancelled or asked about again."""
    chance = script.chance
    for at in script.spread(begin, end, count):
        notice = script.notice(at)
        fate = chance.random()
        # After minutes or after hours: before it was looked at, and after it was answered.
        later = at + chance.choice((chance.uniform(30, 600), chance.uniform(1, 10) * _HOUR))
        if fate < 0.12:
            notice = script.amend(later, notice)
            if fate < 0.03:
                script.cancel(later + chance.uniform(_MINUTE, 5 * _HOUR), notice)
        elif fate < 0.26:
            script.cancel(later, notice)


def _weather(script: _Script, begin: float, end: float, rounds: int) -> None:
    """Every kind of fault, so many times, and all that is not a fault of one request."""
    kinds = list(get_args(FaultKind)) * rounds
    script.chance.shuffle(kinds)
    for at, kind in zip(script.spread(begin, end, len(kinds)), kinds, strict=True):
        script.fault(at, kind)
    for at in script.spread(begin, end, rounds):
        script.add(at, "forget_keys")
    for at in script.spread(begin, end - _HOUR, rounds):
        # Inside the window that a receiver allows, and outside of it.
        script.add(at, "skew", script.chance.choice((-280, -20, 45, 290, 900, -1_200)))
        script.add(at + script.chance.uniform(600, 3_000), "skew", 0)


def _outage(script: _Script, at: float, seconds: float) -> None:
    how: OutageKind = script.chance.choice(("unavailable", "unreachable"))
    asked = script.chance.choice((None, 60, 600)) if how == "unavailable" else None
    script.add(at, "outage", Outage(how, asked, script.moment(at + seconds)))


def _quiet_day(script: _Script) -> None:
    script.add(0, "conduct", STRICT)
    _traffic(script, 0, _DAY - 2 * _HOUR, script.notices)


def _bad_day(script: _Script) -> None:
    script.add(0, "conduct", STRICT)
    _traffic(script, 0, _DAY - 2 * _HOUR, script.notices)
    _weather(script, 0, _DAY - 2 * _HOUR, 1)
    _outage(script, script.chance.uniform(6, 10) * _HOUR, 2 * _HOUR)
    script.add(script.chance.uniform(11, 20) * _HOUR, "rotate", Rotation())


def _week(script: _Script) -> None:
    script.add(0, "conduct", STRICT)
    _traffic(script, 0, 7 * _DAY - 4 * _HOUR, script.notices)
    _weather(script, 0, 7 * _DAY - 4 * _HOUR, 8)
    for day in (1, 3, 5):
        _outage(script, (day + script.chance.random() * 0.5) * _DAY, script.chance.uniform(0.5, 5) * _HOUR)
    script.add(script.chance.uniform(2, 5) * _DAY, "rotate", Rotation())


def _long_outage(script: _Script) -> None:
    script.add(0, "conduct", STRICT)
    _traffic(script, 0, 6 * _HOUR, script.notices)
    _outage(script, 3 * _HOUR, 72 * _HOUR)


def _rush(script: _Script) -> None:
    _traffic(script, 0, _HOUR, script.notices)


def _key_change(script: _Script) -> None:
    """The key of one authority first, then the one for everything; a clock that is wrong comes with it."""
    _traffic(script, 0, 12 * _HOUR, script.notices)
    script.add(4 * _HOUR, "rotate", Rotation(authority_id="sample-prosecutor"))
    script.add(8 * _HOUR, "rotate", Rotation())
    script.add(9 * _HOUR, "skew", 900)
    script.add(10 * _HOUR, "skew", 0)


_ALL: Final = (
    Scenario(
        "quiet_day", "24 hours: notices, a few amended or cancelled, and nothing goes wrong", _DAY, 12, _quiet_day
    ),
    Scenario("bad_day", "24 hours: every kind of fault once, an outage of 2 hours, another key", _DAY, 30, _bad_day),
    Scenario("week", "7 days: every kind of fault eight times, three outages, another key", 7 * _DAY, 150, _week),
    Scenario("long_outage", "the regulator is down for 72 hours while answers are due", 78 * _HOUR, 20, _long_outage),
    Scenario("rush", "two hundred notices within one hour", _HOUR, 200, _rush),
    Scenario(
        "key_change", "one authority's key changes, then all, then the clock is wrong", 12 * _HOUR, 20, _key_change
    ),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}
"""Every scenario, by its name."""


def plan_of(
    name: str, seed: int, start: int, platform_ids: Sequence[str], notices: int | None = None, pace: int = 1
) -> list[Step]:
    """The steps of a scenario that begins at `start` (UTC seconds), in order. With a `pace` of 60 an hour of it takes a
    minute; deadlines and what the conduct does stay as they are.

    They are planned before anything happens: a step that then makes no sense, such as a rotation without a spare key,
    is noted as such and changes nothing. Raises KeyError for a name unknown, ValueError for a number of notices below 0
    or above 9,999 and for a pace below 1.
    """
    if name not in SCENARIOS:
        raise KeyError(f"there is no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    scenario = SCENARIOS[name]
    count = scenario.notices if notices is None else notices
    if not 0 <= count < _NUMBERS:
        raise ValueError(f"a scenario has from 0 to {_NUMBERS - 1:,} notices")
    if pace < 1:
        raise ValueError("a pace is 1 or more")
    script = _Script(random.Random(f"{name} {seed}"), start, platform_ids, seed * _NUMBERS, count, pace)
    scenario.write(script)
    return sorted(script.steps, key=lambda step: step.at)
