"""What goes wrong on command, what is still to happen and when, and the scripts that plan it: all of it data.

Steps come in an order that is the same in every run. The conduct says what the regulator does without being told. It
only decides, on what the books hold.
"""

from __future__ import annotations

import dataclasses
import email.utils
import fnmatch
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.exchange import Ending, RegistrationStatus, Reply, problem_reply, refuse
from kz_compliance_sdk.wire.codes import FIELD_CODES
from kz_compliance_sdk.wire.v1 import MessageData, MessageType, Problem
from kz_compliance_sdk.wire.values import (
    FROM_WIRE,
    Cancellation,
    Clarification,
    Effect,
    Identifier,
    Instant,
    LocalText,
    Notice,
    Reminder,
    Sanction,
    SanctionLevel,
    WireValue,
    instant_text,
)

# --------------------------------------------------------------------------------------------------------------- faults
# Faults on command: what they hit, how often, and what they make of a reply. A fault decides and never acts: what
# becomes of a connection is the server's business, and when a push leaves the regulator's.


Route = Literal[
    "feed", "notice", "acknowledgement", "clarification_request", "report", "report_look_up", "registration",
    "sanctions",
]  # fmt: skip
FaultKind = Literal[
    "status", "latency", "reset_before", "hang_before", "reset_after", "hang_after", "truncated", "dripping", "garbage",
    "wrong_digest", "wrong_subject", "unsigned", "bad_signature", "slow_accept", "push_duplicated", "push_delayed",
    "push_reordered", "push_lost",
]  # fmt: skip
RetryAfterForm = Literal["seconds", "date"]
OutageKind = Literal["unavailable", "unreachable"]

BEFORE: Final = frozenset({"status", "latency", "reset_before", "hang_before"})
"""The kinds that strike before anything was processed."""
ENDINGS: Final = frozenset({"reset_after", "hang_after", "truncated", "dripping", "garbage"})
"""The kinds that strike any reply, after the request was processed."""
PUSHES: Final = frozenset({"push_duplicated", "push_delayed", "push_reordered", "push_lost"})
"""The kinds that strike a message on its way to the platform."""

READ_WHOLE: Final = ConfigDict(extra="forbid")
"""How pydantic reads a dataclass of the mock from JSON: a field that it does not have is a mistake."""

_ON_RECEIPTS: Final = frozenset({"wrong_digest", "wrong_subject"})
_NO_REQUEST: Final = PUSHES | {"slow_accept"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Without `on` and `path` it hits every request of the interface.

    Before anything is processed: `status` answers with `status`, a problem like a real one, and `retry_after_s` in the
    form `retry_after_form` if it is given. `latency` waits `latency_ms`, then goes on. `reset_before` resets the
    connection. `hang_before` never answers.

    Processed and recorded, and then: `reset_after` resets the connection, `hang_after` never answers, `truncated` ends
    in the middle of the body, `dripping` sends the body at `bytes_per_s`, `garbage` sends what is no HTTP.
    `wrong_digest`, `wrong_subject`: a receipt, rightly signed, that names other bytes or another message. `unsigned`,
    `bad_signature`: the right answer, not proved.

    To a connection: `slow_accept` leaves it waiting for `latency_ms` before anything is read.

    To a push: `push_duplicated` sends it twice, `push_delayed` sends it `delay_s` seconds later, `push_reordered` after
    the next one to the same platform or `delay_s` seconds later, `push_lost` never.

    `path` is a shell pattern over the request's path. `skip` lets that many matching requests through first; `times`
    None means for ever: with 5 and status 500 it is a burst.
    """

    __pydantic_config__ = READ_WHOLE

    kind: FaultKind
    on: Route | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 503
    retry_after_s: int | None = None
    retry_after_form: RetryAfterForm = "seconds"
    latency_ms: int = 0
    bytes_per_s: int = 100
    delay_s: int = 60

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"a fault is one of {', '.join(get_args(FaultKind))}")
        if not 400 <= self.status <= 599:
            raise ValueError("a fault answers with a status from 400 to 599")
        if min(self.skip, self.latency_ms, self.retry_after_s or 0, self.times or 0) < 0 or self.times == 0:
            raise ValueError("times is 1 or more, or None; skip, latency_ms and retry_after_s are not negative")
        if self.bytes_per_s < 1 or self.delay_s < 1:
            raise ValueError("a fault has bytes_per_s and delay_s of 1 or more")
        if self.kind in _NO_REQUEST and (self.on or self.path):
            raise ValueError(f"the fault {self.kind} hits no request: it takes neither on nor path")

    def hits(self, route: Route | None, path: str) -> bool:
        """Whether it is about such a request."""
        return (
            self.kind not in _NO_REQUEST
            and (self.on is None or self.on == route)
            and (self.path is None or fnmatch.fnmatchcase(path, self.path))
        )


@dataclass(frozen=True, slots=True)
class Outage:
    """The regulator is down: `unavailable` answers 503, `unreachable` resets each connection. It ends at `until`
    (UTC seconds; None: when it is told to)."""

    __pydantic_config__ = READ_WHOLE

    how: OutageKind = "unavailable"
    retry_after_s: int | None = None
    until: Instant | None = None


@dataclass(slots=True)
class _Armed:
    name: int
    fault: Fault
    skip: int
    left: int | None


class FaultPlan:
    """The faults that are still to come, in the order in which they were added.

    `struck` counts how often each kind has struck; an outage counts under `unavailable` or `unreachable`.
    """

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._count = 0
        self.outage: Outage | None = None
        self.struck: Counter[str] = Counter()

    def add(self, fault: Fault) -> int:
        """Arm `fault`. The number that comes back is for `remove`."""
        self._count += 1
        self._armed.append(_Armed(self._count, fault, fault.skip, fault.times))
        return self._count

    def remove(self, name: int) -> None:
        """Disarm one; nothing happens if it is already spent."""
        self._armed = [armed for armed in self._armed if armed.name != name]

    def clear(self) -> None:
        """Disarm all, and end an outage."""
        self._armed.clear()
        self.outage = None

    def armed(self) -> list[tuple[int, Fault, int | None]]:
        """Each fault with its number and how often it will still strike (None: for ever)."""
        return [(armed.name, armed.fault, armed.left) for armed in self._armed]

    def outage_at(self, now: int) -> Outage | None:
        """The outage that is under way at `now` (UTC seconds)."""
        outage = self.outage
        if outage is not None and outage.until is not None and now >= outage.until:
            self.outage = outage = None
        return outage

    def before(self, route: Route | None, path: str) -> list[Fault]:
        """Spend what strikes this request before it is processed. At most one of these ends it."""
        struck: list[Fault] = []
        for fault in self._struck_by(lambda fault: fault.kind in BEFORE and fault.hits(route, path)):
            struck.append(fault)
            if fault.kind != "latency":
                break
        return struck

    def after(self, route: Route | None, path: str, *, receipt: bool, proved: bool) -> list[Fault]:
        """Spend what strikes the reply. `receipt`: it carries one. `proved`: it carries a signature."""
        return [
            *self._struck_by(
                lambda fault: (
                    fault.kind not in BEFORE
                    and fault.hits(route, path)
                    and (receipt or fault.kind not in _ON_RECEIPTS)
                    and (proved or fault.kind in ENDINGS)
                )
            )
        ]

    def of_push(self) -> list[Fault]:
        """Spend what strikes one push."""
        return [*self._struck_by(lambda fault: fault.kind in PUSHES)]

    def of_connection(self) -> int:
        """Spend what strikes a new connection: for how many milliseconds nothing is read from it."""
        return sum(fault.latency_ms for fault in self._struck_by(lambda fault: fault.kind == "slow_accept"))

    def _struck_by(self, is_meant: Callable[[Fault], bool]) -> Iterator[Fault]:
        for armed in tuple(self._armed):
            if is_meant(armed.fault) and self._spend(armed):
                yield armed.fault

    def _spend(self, armed: _Armed) -> bool:
        if armed.skip:
            armed.skip -= 1
            return False
        self.struck[armed.fault.kind] += 1
        if armed.left is not None:
            armed.left -= 1
            if armed.left == 0:
                self._armed.remove(armed)
        return True


def retry_after_value(seconds: int, form: RetryAfterForm, now: int) -> str:
    """Both forms of RFC 9110 section 10.2.3: a number of seconds, or the date that they lead to."""
    return str(seconds) if form == "seconds" else email.utils.formatdate(now + seconds, usegmt=True)


def down(outage: Outage, now: int) -> Reply:
    """What an outage answers."""
    if outage.how == "unreachable":
        return Reply(503, ending="reset")
    return _unavailable(503, outage.retry_after_s, "seconds", now)


def failing(fault: Fault, now: int) -> Reply:
    """What a fault answers that strikes before anything is processed. `now` is UTC seconds."""
    if fault.kind == "status":
        return _unavailable(fault.status, fault.retry_after_s, fault.retry_after_form, now)
    return Reply(503, ending="reset" if fault.kind == "reset_before" else "hang")


_ENDINGS: Final[Mapping[str, Ending]] = {
    "reset_after": "reset",
    "hang_after": "hang",
    "garbage": "garbage",
    "truncated": "truncated",
}


def spoilt(reply: Reply, late: list[Fault]) -> Reply:
    """The reply as the network lets it through; of several endings the first is its end."""
    ending = next((_ENDINGS[fault.kind] for fault in late if fault.kind in _ENDINGS), reply.ending)
    rate = next((fault.bytes_per_s for fault in late if fault.kind == "dripping"), 0)
    return replace(reply, ending=ending, bytes_per_s=rate)


# What a real one would say: whoever reads these must not be able to tell that somebody asked for them.
_PROBLEMS: Final[Mapping[int, Problem]] = {
    409: Problem.of("conflict", 409, "Another message is recorded in its place."),
    422: Problem.of("schema_value", 422, "The value is outside what the contract allows.", field="items[0].outcome"),
    429: Problem.of("too_many_requests", 429, "Too many requests."),
    503: Problem.of("unavailable", 503, "The service is not available at the moment."),
}


def _problem(status: int) -> Problem:
    if status in _PROBLEMS:
        return _PROBLEMS[status]
    if status >= 500:
        return Problem.of("internal_error", status, "An error occurred here.")
    return Problem.of("query_invalid", status, "The request cannot be read.")


def _unavailable(status: int, retry_after_s: int | None, form: RetryAfterForm, now: int) -> Reply:
    headers = () if retry_after_s is None else (("retry-after", retry_after_value(retry_after_s, form, now)),)
    return problem_reply(_problem(status), headers)


# ---------------------------------------------------------------------------------------------------------------- steps


_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Conduct:
    """All times are seconds. The defaults do nothing: every message is then somebody's command.

    `term_s`: how long after its issue a notice is due that names no deadline; the regulator's own reckoning, which
    starts before the platform's. `answer_after_s`: when a clarification request is answered, None for never.
    `register_after_s`: how long a registration is `pending`. `reminders_s`: how long after the deadline each reminder
    goes out, the first with escalation level 1, the second with 2. `sanctions`: likewise, with the level of each. Both
    stop with a final report, or when the whole notice is cancelled.

    Raises ValueError for times that are negative or do not grow.
    """

    __pydantic_config__ = READ_WHOLE

    term_s: int = 24 * _HOUR
    answer_after_s: int | None = None
    register_after_s: int = 0
    reminders_s: tuple[int, ...] = ()
    sanctions: tuple[tuple[int, SanctionLevel], ...] = ()

    def __post_init__(self) -> None:
        if self.term_s < 1 or self.register_after_s < 0 or (self.answer_after_s or 0) < 0:
            raise ValueError("term_s is 1 or more; answer_after_s and register_after_s are not negative")
        for name, times in (("reminders_s", self.reminders_s), ("sanctions", [after for after, _ in self.sanctions])):
            if any(after < 0 for after in times) or list(times) != sorted(set(times)):
                raise ValueError(f"the times of {name} are not negative, and each is later than the one before")
        if any(level not in get_args(SanctionLevel) for _, level in self.sanctions):
            raise ValueError(f"a sanction is one of {', '.join(get_args(SanctionLevel))}")

    def due_at(self, notice: Notice, issued_at: int) -> int:
        """When the regulator expects the final report, in UTC seconds."""
        asked = notice.deadline
        if asked is None:
            return issued_at + self.term_s
        return issued_at + asked.hours * _HOUR if asked.hours is not None else asked.due_at or issued_at

    def steps(self) -> list[tuple[int, int | SanctionLevel]]:
        """What happens to a notice that is not answered: seconds after its deadline, and the level of the reminder or
        of the sanction. In order of time."""
        found: list[tuple[int, int | SanctionLevel]] = [(after, no) for no, after in enumerate(self.reminders_s, 1)]
        found += self.sanctions
        return sorted(found, key=lambda step: (step[0], isinstance(step[1], str)))


PASSIVE: Final = Conduct()
"""Does nothing by itself."""
STRICT: Final = Conduct(
    answer_after_s=_HOUR // 2,
    register_after_s=_HOUR,
    reminders_s=(0, _HOUR, 6 * _HOUR),
    sanctions=((24 * _HOUR, "warning"), (72 * _HOUR, "fine"), (168 * _HOUR, "slowdown")),
)
"""Answers within half an hour, reminds three times, and goes from a warning to a fine to a slowdown."""


Act = Literal[
    "issue", "amend", "clarify", "cancel", "remind", "sanction", "push", "chase", "fail", "disarm", "outage", "recover",
    "forget_keys", "skew", "rotate", "registration", "conduct",
]  # fmt: skip

MESSAGES: Final[Mapping[Act, MessageType]] = {
    "issue": "notice.issued",
    "amend": "notice.amended",
    "clarify": "notice.clarified",
    "cancel": "notice.cancelled",
    "remind": "notice.reminded",
    "sanction": "sanction.announced",
}
"""The acts that issue a message, and its type."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """From now on another key signs: `key_id`, or without it the next spare one. See `SigningKeys.rotate`."""

    __pydantic_config__ = READ_WHOLE

    key_id: str | None = None
    platform_id: str | None = None
    authority_id: str | None = None


@dataclass(frozen=True, slots=True)
class Chase:
    """Look whether revision `revision` of a notice is answered; if not, take step `number` of the conduct."""

    __pydantic_config__ = READ_WHOLE

    notice_id: str
    revision: int
    number: int


_DATA: Final[Mapping[Act, Any]] = {
    "issue": Notice,
    "amend": Notice,
    "clarify": Clarification,
    "cancel": Cancellation,
    "remind": Reminder,
    "sanction": Sanction,
    "push": str,
    "chase": Chase,
    "fail": Fault,
    "outage": Outage,
    "skew": int,
    "rotate": Rotation,
    "registration": RegistrationStatus,
    "conduct": Conduct,
}
"""What each act needs; those that are not here need nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens at `at` (UTC seconds). What `data` is follows from `act`:

    `issue`, `amend`, `clarify`, `cancel`, `remind`, `sanction`: the message, pushed if `push`, and in the feed if
    `in_feed`; `message_id` None takes the next id. `push`: the id of a message that was issued. `fail`: a Fault.
    `outage`: an Outage. `skew`: seconds. `rotate`: a Rotation. `registration`: its status. `conduct`: a Conduct.
    `chase` is the regulator's own. `disarm`, `recover` and `forget_keys` need none.

    `platform_id` None means the one that a notice names, or the first.
    """

    __pydantic_config__ = READ_WHOLE

    at: Instant
    act: Act
    data: Any = None
    platform_id: Identifier | None = None
    message_id: Identifier | None = None
    push: bool = True
    in_feed: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken, at `at`. `outcome` is `done`, or the code that says why nothing came of it."""

    step: Step
    at: int
    outcome: str


def step_json(step: Step) -> dict[str, Any]:
    """A step as JSON values; `read_step` reads it again. Times of the step are RFC 3339 text."""
    data: Any = step.data
    if isinstance(data, WireValue):
        data = data.model_dump(mode="json", exclude_none=True)
    elif dataclasses.is_dataclass(data) and not isinstance(data, type):
        data = dataclasses.asdict(data)
        if isinstance(step.data, Outage) and step.data.until is not None:
            data["until"] = instant_text(step.data.until)
    written = {"at": instant_text(step.at), "act": step.act, "data": data, "platform_id": step.platform_id}
    told = {**written, "message_id": step.message_id, "push": step.push, "in_feed": step.in_feed}
    return {name: value for name, value in told.items() if value is not None}


def read_step(value: Mapping[str, Any]) -> Step:
    """The step that JSON values give. Raises Refused: what is wrong, and where."""
    step: Step = read_as(Step, value)
    wanted = _DATA.get(step.act)
    if wanted is not None:
        return dataclasses.replace(step, data=read_as(wanted, step.data, "data"))
    if step.data is not None:
        raise refuse(422, "schema_value", f"The act {step.act} takes no data.", field="data")
    return step


def read_as(wanted: Any, value: object, at: str = "") -> Any:
    """What JSON values give as a value of the type `wanted`. Raises Refused, which names the field; `at` is where they
    stand."""
    try:
        return TypeAdapter(wanted).validate_python(value, context=FROM_WIRE)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        unknown = next((each for each in errors if each["type"] == "unexpected_keyword_argument"), None)
        first = unknown or errors[0]
        where = ".".join(str(part) for part in (at, *first["loc"]) if part != "")
        code = first["type"] if first["type"] in FIELD_CODES else "schema_value"
        raise refuse(422, code, "There is no such field." if unknown else f"{first['msg']}.", field=where) from None


# ------------------------------------------------------------------------------------------------------------ scenarios
# Scripts as data: a name and a seed give the same steps, with the same ids, at the same times, in the same order.


_MINUTE: Final = 60
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
