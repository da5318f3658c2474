"""What somebody does to a case, as a value: its fields are the form, its class says who may, `decide` is the rule.

The desk, the command line and whatever else asks people take them all alike.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import TypeAdapter, ValidationError

from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival, Standing
from kz_compliance_sdk.domain.cancellations import enforcing, has_begun
from kz_compliance_sdk.domain.case import Case, ItemState, happened, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage
from kz_compliance_sdk.domain.deciding import Context
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.events import review
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.holding import Answering
from kz_compliance_sdk.domain.messages import Respondent, written
from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import UserNotified
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY, need
from kz_compliance_sdk.domain.reviewed import Words
from kz_compliance_sdk.domain.running_time import on_the_term_again, replanned
from kz_compliance_sdk.domain.user_notices import Telling, UserNoticeState
from kz_compliance_sdk.domain.values import Line
from kz_compliance_sdk.errors import InvalidInput

R = TypeVar("R")
_LATEST = 253_402_300_799
"""The last second of the year 9999, UTC: what a document can write down."""
LEASE = "lease"
_LINE: TypeAdapter[str] = TypeAdapter(Line)
_LINE_REMEDY = "Give one line of at most 1,000 characters, without control characters."


@dataclass(frozen=True, slots=True)
class Field:
    """How people are asked for a field of a command: the `help` text, and `option` where the command line calls it
    otherwise. `needed` is the remedy for a text that says nothing; where it is empty, the text may be. A time is UTC
    seconds; one that `is_past` is refused while it is still to come. What `is_line` is a name or a number: one line."""

    help: str = ""
    option: str = ""
    needed: str = ""
    is_time: bool = False
    is_past: bool = False
    is_line: bool = False


def words(needed: str = "", help: str = "Why. Sealed in the ledger; never leaves the platform.") -> Field:  # noqa: A002
    """What a person writes. It is sealed."""
    return Field(help, needed=needed)


def past(option: str, help: str = "", needed: str = "") -> Field:  # noqa: A002
    """A time that has come, in UTC seconds; `needed` is the remedy for one that is still to come."""
    return Field(help, option, needed, is_time=True, is_past=True)


How = Annotated[
    str,
    Field(
        "How it was checked, such as: called back on the number in the register.",
        needed="Say how it was checked, for example: called back on the number in the register.",
    ),
]


class Facts(Protocol):
    """What a command can ask beside the case: all as it is in the transaction that will write."""

    @property
    def policy(self) -> Policy: ...

    @property
    def telling(self) -> Telling:
        """How the platform tells its users."""

    @property
    def stream(self) -> Stream:
        """The chain of the case."""

    @property
    def words(self) -> Words:
        """The words of its chain, by sequence and name."""

    def notice(self) -> Notice:
        """The notice as it stands. Raises NotFound."""

    def context(self) -> Context:
        """What a decision needs."""

    def decisions(self) -> dict[int, Decision]:
        """The decisions by their version, but for those that were erased."""

    def standing(self, said: Cancellation | Clarification | None = None) -> Standing:
        """What an amendment needs, or a cancellation or an answer that says this."""

    def answering(self, item: ItemState | None) -> Answering:
        """What is needed when something becomes of an item."""

    def respondent(self) -> Respondent:
        """Who answers, with the last checkpoint."""

    def notified(self) -> Mapping[str, UserNotified]:
        """What is known of the telling of each item's user."""

    def tellings(self) -> Sequence[UserNoticeState]:
        """Where the telling of each item's user stands."""

    def own_measures(self) -> frozenset[tuple[str, int]]:
        """The measures of the case that are in force: the object and the item's number of each."""

    def open_messages(self) -> Sequence[OutboxMessage]:
        """The messages of the case that are not settled."""

    def message(self, message_id: str) -> OutboxMessage:
        """A message that is parked or waits for a person. Raises NotFound."""

    def letter(self, message_id: str) -> tuple[Cancellation | Clarification | Notice, Arrival]:
        """What a letter says that waits for a second person, and how it came. Raises NotFound."""

    def amendment(self) -> tuple[Notice, Arrival, tuple[str, ...]] | None:
        """The amendment that was typed in and waits for a second person, and the flags of the other letters that do."""

    def letter_bytes(self, said: Cancellation | Clarification, message_id: str, sent_at: int) -> bytes:
        """The message that a letter makes, sent at `sent_at` (UTC seconds)."""

    def taken(self) -> Sequence[Stream]:
        """The streams of the messages that the case took after they came, which hold something that can be erased."""

    def case_of_appeal(self, appeal_id: str) -> str:
        """The id of the case in which an appeal was made. Raises NotFound."""


def _is_line(value: Any) -> bool:
    try:
        _LINE.validate_python(value)
    except ValidationError:
        return False
    return True


def _check_kind(value: Any, kind: Any, name: str) -> None:
    """Raises InvalidInput for what is no text or no number where one is asked for, or no word of a closed list."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if value is None and NoneType in get_args(kind):
        return
    for one in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        if get_origin(one) is Literal and value not in get_args(one):
            remedy = f"Use one of: {', '.join(get_args(one))}."
            raise InvalidInput("no such word is allowed here.", field=name, remedy=remedy)
        if one is str and not isinstance(value, str):
            raise InvalidInput("it is no text.", field=name, remedy="Give a text.")
        if one is int and (not isinstance(value, int) or isinstance(value, bool)):
            raise InvalidInput("it is no whole number.", field=name, remedy="Give one; a time is in UTC seconds.")


@dataclass_transform(frozen_default=True)
class Command(ABC, Generic[R]):
    """A step on one case, whose outcome is an `R`.

    `may` names the row of the review policy that says who may take it: without one nobody may. Where it is `LEASE`,
    who holds the lease may, and `decide` checks that. `name`, `panel` and `told` are for the command line: what it is
    called there, where it stands, and what it came to, with `{name}` for what people call the case, `{case...}` for
    what it is then and the fields by their names (`:time` and `:count` say how). One that `asks` is confirmed first.
    """

    may: ClassVar[str] = ""
    name: ClassVar[str] = ""
    panel: ClassVar[str] = ""
    told: ClassVar[str] = ""
    asks: ClassVar[str] = ""

    def __init_subclass__(
        cls,
        *,
        may: str = "",
        name: str = "",
        panel: str = "Office",
        told: str = "",
        asks: str = "",
    ) -> None:
        super().__init_subclass__()
        dataclass(frozen=True)(cls)
        cls.may, cls.name, cls.panel, cls.told, cls.asks = may, name, panel, told, asks

    @classmethod
    def called(cls) -> str:
        """What it is called at the command line."""
        return cls.name or re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    @cache
    def form(cls) -> Mapping[str, tuple[Any, Field, Any]]:
        """Of each field that people are asked for: its type, how, and what it is otherwise (MISSING: nothing)."""
        held = {one.name: one.default for one in fields(cls)}  # type: ignore[arg-type]
        hints = get_type_hints(cls, include_extras=True)
        asked = {name: [one for one in get_args(hints[name]) if isinstance(one, Field)] for name in held}
        return {name: (hints[name], how[0], held[name]) for name, how in asked.items() if how}

    def admit(self, stamp: Stamp) -> None:
        """Raises NotAllowed for somebody who may not take it, and InvalidInput for a form that is not filled in."""
        self.allow(stamp.actor)
        for name, (kind, field, _) in self.form().items():
            value = getattr(self, name)
            _check_kind(value, kind, name)
            if field.needed and not field.is_time:
                need(value, name, field.needed)
            if field.is_line and not _is_line(value):
                raise InvalidInput("it is no line of text.", field=name, remedy=_LINE_REMEDY)
            if field.is_time and value is not None and not 0 <= value <= _LATEST:
                raise InvalidInput("no clock shows this time.", field=name, remedy="Give UTC seconds.")
            if field.is_past and value > stamp.at:
                raise InvalidInput(
                    "it lies in the future.", field=name, remedy=field.needed or "Record it once it has come."
                )

    def allow(self, actor: Actor) -> None:
        """Raises NotAllowed for somebody who may not take it."""
        if self.may != LEASE:
            REVIEW_POLICY.check(actor, self.may)

    @abstractmethod
    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, R]:
        """What it changes, and what it comes to. Raises what a person can mend."""


class OrBySystem(Command[R]):
    """A command that the platform's own system may take as well."""

    def allow(self, actor: Actor) -> None:
        if actor != SYSTEM:
            super().allow(actor)


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
