"""What is still to happen, and when: steps that are data, in an order that is the same in every run.

The conduct says what the regulator does without being told. It only decides, on what the books hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from kz_compliance_sdk.testing.mock_regulator.books import RegistrationStatus
from kz_compliance_sdk.testing.mock_regulator.exchange import refuse
from kz_compliance_sdk.testing.mock_regulator.faults import READ_WHOLE, Fault, Outage
from kz_compliance_sdk.wire.codes import FIELD_CODES
from kz_compliance_sdk.wire.v1 import MessageType
from kz_compliance_sdk.wire.values import (
    FROM_WIRE,
    Cancellation,
    Clarification,
    Identifier,
    Instant,
    Notice,
    Reminder,
    Sanction,
    SanctionLevel,
    ValueModel,
    instant_text,
)

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
    if isinstance(data, ValueModel):
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
