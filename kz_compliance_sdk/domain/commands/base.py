"""What somebody does to a case, as a value: its fields are the form, its class says who may, `decide` is the rule.

The desk, the command line and whatever else asks people take them all alike.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from string import Formatter
from typing import Any, ClassVar, Generic, Protocol, TypeVar, dataclass_transform, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from kz_compliance_sdk.domain.actor import Actor, Roles, Stamp, roles
from kz_compliance_sdk.domain.arrivals import Arrival, Standing
from kz_compliance_sdk.domain.cancellations import enforcing, has_begun
from kz_compliance_sdk.domain.case import Case, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage
from kz_compliance_sdk.domain.deciding import Context
from kz_compliance_sdk.domain.decision import Decision, Words
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.fold import Opens, Stream
from kz_compliance_sdk.domain.forms import Field, check_of
from kz_compliance_sdk.domain.holding import Answering
from kz_compliance_sdk.domain.messages import Respondent, written
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.review_policy import need
from kz_compliance_sdk.domain.running_time import on_the_term_again, replanned
from kz_compliance_sdk.domain.user_notices import Telling, UserNoticeState
from kz_compliance_sdk.domain.values import Line
from kz_compliance_sdk.errors import InvalidInput

R = TypeVar("R")
_LATEST = 253_402_300_799
"""The last second of the year 9999, UTC: what a document can write down."""
LEASE = roles()
"""Who holds the lease may take it, and `decide` checks that."""
_LINE: TypeAdapter[str] = TypeAdapter(Line)
_LINE_REMEDY = "Give one line of at most 1,000 characters, without control characters."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a command can ask beside the case: all as it is in the transaction that will write. What has to be read is a
    function: each command needs other things."""

    policy: Policy
    telling: Telling
    """How the platform tells its users."""
    stream: Stream
    """The chain of the case."""
    words: Words
    """The words of its chain, by sequence and name."""
    notice: Callable[[], Notice]
    """The notice as it stands. Raises NotFound."""
    context: Callable[[], Context]
    """What a decision needs."""
    decisions: Callable[[], Mapping[int, Decision]]
    """The decisions by their version, but for those that were erased."""
    standing: Callable[[], Standing]
    """What an amendment or an appeal needs."""
    standing_before: Callable[[Cancellation | Clarification], Standing]
    """What a cancellation or an answer needs that says this."""
    answering: Callable[[ItemState | None], Answering]
    """What is needed when something becomes of an item."""
    respondent: Callable[[], Respondent]
    """Who answers, with the last checkpoint."""
    notified: Callable[[], Mapping[str, UserNotified]]
    """What is known of the telling of each item's user."""
    tellings: Callable[[], Sequence[UserNoticeState]]
    """Where the telling of each item's user stands."""
    own_measures: Callable[[], frozenset[tuple[str, int]]]
    """The measures of the case that are in force: the object and the item's number of each."""
    open_messages: Callable[[], Sequence[OutboxMessage]]
    """The messages of the case that are not settled."""
    message: Callable[[str], OutboxMessage]
    """A message of this id that is parked or waits for a person. Raises NotFound."""
    letter: Callable[[str], tuple[Cancellation | Clarification | Notice, Arrival]]
    """What the letter of this id says that waits for a second person, and how it came. Raises NotFound."""
    amendment: Callable[[], tuple[Notice, Arrival, tuple[str, ...]] | None]
    """The amendment that was typed in and waits for a second person, and the flags of the other letters that do."""
    letter_bytes: Callable[[Cancellation | Clarification, str, int], bytes]
    """The message that a letter makes, by its id and when it was sent (UTC seconds)."""
    taken: Callable[[], Sequence[Stream]]
    """The streams of the messages that the case took after they came, which hold something that can be erased."""
    case_of_appeal: Callable[[str], str]
    """The id of the case in which the appeal of this id was made. Raises NotFound."""


class Outside(Protocol):
    """What a command can have done before or after the transaction that writes it."""

    def compare_content(self, actor: Actor, case_id: str, digest: str) -> None:
        """Look whether the content is what was proposed about. Raises Conflict if it is not."""

    def empty_log(self) -> object:
        """Overwrite what was destroyed where the database still holds it."""


@dataclass_transform(frozen_default=True)
class Form:
    """What people fill in, and who may.

    `may` says who may take it: without it nobody. `group` and `name` are what the command line calls it, `panel` is
    where it stands there. One that says what it `told` is made a command of the command line by that alone: `{name}` is
    what people call the case, `{case...}` what it is then, and the fields stand there by their names (`:time` and
    `:count` say how). One that `asks` is confirmed first. `step` is its class in words.
    """

    may: ClassVar[Roles] = roles()
    group: ClassVar[str] = "cases"
    name: ClassVar[str] = ""
    panel: ClassVar[str] = ""
    told: ClassVar[str] = ""
    asks: ClassVar[str] = ""
    step: ClassVar[str] = ""

    def __init_subclass__(
        cls,
        *,
        may: Roles = roles(),  # noqa: B008  a value
        group: str = "cases",
        name: str = "",
        panel: str = "Office",
        told: str = "",
        asks: str = "",
    ) -> None:
        super().__init_subclass__()
        dataclass(frozen=True)(cls)
        cls.step = re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).lower()
        cls.may, cls.group, cls.name = may, group, name or cls.step.replace(" ", "-")
        cls.panel, cls.told, cls.asks = panel, told, asks
        for one in fields(cls):  # type: ignore[arg-type]  # it was just made one
            if one.name in _TAKEN or any(hasattr(base, one.name) for base in cls.__bases__):
                raise TypeError(f"{cls.__name__}.{one.name} means something else already: call the field otherwise.")
        known = {"case", "name", *(one.name for one in fields(cls))}  # type: ignore[arg-type]
        for _, place, _, _ in Formatter().parse(told):
            if place is not None and re.split(r"[.\[]", place)[0] not in known:
                raise TypeError(f"{cls.__name__} tells {{{place}}}, which names no field of it.")

    @classmethod
    @cache
    def form(cls) -> Mapping[str, tuple[Any, Field, Any]]:
        """Of each field that people are asked for: its type, how, and what it is otherwise (MISSING: nothing)."""
        return {name: of for name, of in cls._fields().items() if of[1] != Field()}

    @classmethod
    def _fields(cls) -> Mapping[str, tuple[Any, Field, Any]]:
        hints = get_type_hints(cls, include_extras=True)
        held = {one.name: one.default for one in fields(cls)}  # type: ignore[arg-type]
        asked = {name: [one for one in get_args(hints[name]) if isinstance(one, Field)] for name in held}
        return {name: (hints[name], [*how, Field()][0], held[name]) for name, how in asked.items()}

    @classmethod
    @cache
    def _checks(cls) -> tuple[tuple[str, Callable[[Any, str], None], Field], ...]:
        return tuple((name, check_of(kind), field) for name, (kind, field, _) in cls._fields().items())

    def admit(self, stamp: Stamp) -> None:
        """Raises InvalidInput for a form that is not filled in."""
        for name, check, field in self._checks():
            value = getattr(self, name)
            check(value, name)
            if field.is_needed:
                need(value, name, field.help)
            if field.is_line and value and not _is_line(value):
                raise InvalidInput("it is no line of text.", field=name, remedy=_LINE_REMEDY)
            if field.is_time and value is not None and not 0 <= value <= _LATEST:
                raise InvalidInput("no clock shows this time.", field=name, remedy="Give UTC seconds.")
            if field.is_past and value > stamp.at:
                raise InvalidInput("it lies in the future.", field=name, remedy=field.help)

    def allow(self, actor: Actor) -> None:
        """Raises NotAllowed for somebody who may not take it."""
        if self.may is not LEASE:
            self.may.check(actor, self.step)


class Command(Form, ABC, Generic[R]):
    """A step on one case, whose outcome is an `R`. The command line knows it as `Form` says. What decides about items
    `weighs` their objects too."""

    weighs: ClassVar[bool] = False

    def before(self, outside: Outside, actor: Actor, case_id: str) -> None:
        """What comes before the transaction; nothing, unless the command says otherwise."""

    def after(self, outside: Outside) -> None:
        """What comes once it is durable; nothing, unless the command says otherwise."""

    @abstractmethod
    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, R]:
        """What it changes, and what it comes to. Raises what a person can mend."""


Told = tuple[Event, Mapping[str, str]]
"""What happened, and what was written in it by the names of its parts."""


class OfficeCommand(Form, ABC, group="office"):
    """A step in a stream of the office's own, beside every case."""

    def __init_subclass__(cls, *, name: str = "", **how: Any) -> None:
        super().__init_subclass__(group="office", name=name, **how)

    @abstractmethod
    def stream(self, stamp: Stamp) -> str:
        """The name of the stream in which it happens. Raises InvalidInput."""

    @abstractmethod
    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        """What happens, by what that stream tells. Raises what a person can mend."""


_TAKEN = frozenset({"case", "on", "session", "ctx", "yes", "as_json"})
"""What the command line passes beside the fields of a command."""


def _is_line(value: Any) -> bool:
    try:
        _LINE.validate_python(value)
    except ValidationError:
        return False
    return True


# -------------------------------------------------------------------------------------------------------- withholding
# What people learn of an order after it was decided: that it is suspended, or that somebody presses for it.
#
# An effect that has begun goes on. One that has not is taken off its way, and a second person decides about it.


def rests_on_order(item: ItemState, _decision: Decision) -> bool:
    """What a suspension of the order bears on, whoever decided it."""
    return item.ground == "local_law"


def by_one_person(_item: ItemState, decision: Decision) -> bool:
    """What an instruction bears on: a measure that nobody else has approved."""
    return not decision.approved_by


def withhold(
    change: Change, case: Case, bears_on: Callable[[ItemState, Decision], bool], facts: Facts, stamp: Stamp
) -> tuple[Change, Case]:
    """Take the case's measures that have not begun off their way, as far as the news `bears_on` them: `change` brought
    it, and what is given back goes on from there.

    The latest decision goes back to approval, if only one person has decided it: a second person approves its digest,
    or sends it back. Whatever else is withheld is decided anew.
    """
    if not case.pending:
        return change, case
    messages, decisions, policy = facts.open_messages(), facts.decisions(), facts.policy
    held = [
        item
        for item in case.items
        if item.status == "decided"
        and enforcing(item, messages)
        and not has_begun(item, messages)
        and bears_on(item, decisions[item.decision_version])
    ]
    if not held:
        return change, case
    times = on_the_term_again(case, policy, stamp.at)
    told = happened(case, review.Withheld(items=tuple(item.number for item in held)), stamp)
    after = moved(case, "withhold", told, **times)
    after = replanned(after, policy, stamp.at) if times else after
    return (*change, *written(after, told)), after
