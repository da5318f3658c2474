"""What every command's form refuses, whatever its rule says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from typing import Any, cast, get_args, get_type_hints

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.review_policy import ROLES
from kz_compliance_sdk.errors import InvalidInput, NotAllowed
from tests.unit.case_makers import T0, stamp

ANYBODY = Actor("boss", ROLES - {"head"})
KINDS: list[type[Command[Any]]] = [getattr(commands, name) for name in commands.__all__ if name != "Command"]


def filled_in(kind: type[Command[Any]]) -> Command[Any]:
    """A command whose texts say something, whose times are past and whose closed words are known; what else it takes
    its rule judges."""
    hints = get_type_hints(kind)
    plain: dict[Any, Any] = {str: "x", int: T0 - 60, bool: True}
    needed = [one.name for one in fields(kind) if one.default is MISSING]  # type: ignore[arg-type]
    return kind(**{name: plain.get(hints[name], next(iter(get_args(hints[name])), None)) for name in needed})


def times_of(kind: type[Command[Any]]) -> list[str]:
    return [name for name, (_, field, _) in kind.form().items() if field.is_time]


def wrong_fields() -> Iterator[tuple[type[Command[Any]], str, Any]]:
    for kind in KINDS:
        hints = get_type_hints(kind)
        for name in kind.form():
            closed = all(isinstance(word, str) for word in get_args(hints[name])) and get_args(hints[name])
            if hints[name] in (str, int):
                yield from ((kind, name, wrong) for wrong in (None, b"x", 1.5))
            elif closed:
                yield from ((kind, name, wrong) for wrong in (None, "no such word"))


@pytest.mark.parametrize(("kind", "name", "wrong"), list(wrong_fields()))
def test_a_field_that_holds_something_else_is_named(kind: type[Command[Any]], name: str, wrong: Any) -> None:
    good: Any = filled_in(kind)
    good.admit(stamp(T0, ANYBODY))
    changed: Any = replace(good, **{name: wrong})
    with pytest.raises(InvalidInput) as refused:
        changed.admit(stamp(T0, ANYBODY))
    assert (refused.value.field, bool(refused.value.remedy)) == (name, True)


@pytest.mark.parametrize("at", [-1, 10**12])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in times_of(kind)])
def test_a_time_that_no_clock_shows_is_named(kind: type[Command[Any]], name: str, at: int) -> None:
    changed: Any = replace(cast("Any", filled_in(kind)), **{name: at})
    with pytest.raises(InvalidInput) as refused:
        changed.admit(stamp(T0, ANYBODY))
    assert refused.value.field == name


@pytest.mark.parametrize("wrong", ["two\nlines", "\u202ea court", "x" * 1001])
@pytest.mark.parametrize("name", ["body", "reference"])
def test_a_contest_s_court_and_number_are_one_line_each(name: str, wrong: str) -> None:
    changed: Any = replace(commands.RecordContest("a court", "1", T0, "annul it"), **{name: wrong})  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        changed.admit(stamp(T0, ANYBODY))
    assert refused.value.field == name


def test_a_command_that_says_nobody_is_nobodys() -> None:
    class Open(Command[None]):
        def decide(self, case: Any, facts: Any, stamp: Any) -> Any:
            return (), None

    with pytest.raises(NotAllowed, match="nobody"):
        Open().admit(stamp(T0, ANYBODY))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.may != "lease"])
def test_nobody_takes_a_command_without_a_role(kind: type[Command[Any]]) -> None:
    with pytest.raises(NotAllowed):
        filled_in(kind).admit(stamp(T0, Actor("nobody")))


def test_the_platform_s_own_system_takes_what_its_users_ask_for_and_nothing_else() -> None:
    own = []
    for kind in KINDS:
        try:
            filled_in(kind).admit(stamp(T0, SYSTEM))
        except NotAllowed:
            continue
        own.append(kind.__name__)
    assert own == ["ReceiveAppeal", "Release", "Renew", "WithdrawAppeal"], "the lease says who renews and releases"
