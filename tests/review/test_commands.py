"""What every command's form refuses, whatever its rule says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_type_hints

import pytest
import typer

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import STAFF, SYSTEM, Actor
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.commands import KINDS, Command
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.domain.decision import LegalCheck, Proposal
from kz_compliance_sdk.domain.forms import Field, check_of
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import InvalidInput, NotAllowed
from kz_compliance_sdk.faces.cli.app import app
from tests.case_makers import T0, YES, measure, proposal, stamp
from tests.command_pages import command_names, commands_page
from tests.scene import Host, World

ANYBODY = Actor("boss", STAFF.names - {"head"})
HALF = "a \ud800 half"
"""What no text holds: half of a pair of UTF-16, as a terminal or a file name gives it that is no UTF-8."""


class Undo:
    """What looks like a command and is none."""


def filled_in(kind: type[Command[Any]]) -> Command[Any]:
    """A command whose texts say something, whose times are past and whose closed words are known; what else it takes
    its rule judges."""
    hints = get_type_hints(kind)
    plain: dict[Any, Any] = {str: "x", int: T0 - 60, bool: True, LegalCheck: YES, Proposal: proposal(measure("1"))}
    needed = [one.name for one in fields(kind) if one.default is MISSING]
    return kind(**{name: plain[hints[name]] if hints[name] in plain else _one_of(hints[name]) for name in needed})


def _one_of(hint: Any) -> Any:
    """A word of a closed list; of a sequence none."""
    words = [one for one in get_args(hint) if isinstance(one, str)]
    return words[0] if words else ()


_Several = str | int | Sequence[str] | None


def times_of(kind: type[Command[Any]]) -> list[str]:
    return [name for name, (_, field, _) in kind.form().items() if field.is_time]


_SORTS: tuple[Any, ...] = (None, b"x", 1.5, True, 7, "no such word", HALF, [None], object(), {}, LegalCheck)


def wrong_fields() -> Iterator[tuple[type[Command[Any]], str, Any]]:
    """For each field of each command, values of every sort that its type does not allow."""
    for kind in KINDS:
        for name, hint in get_type_hints(kind).items():
            if name in {one.name for one in fields(kind)}:
                yield from ((kind, name, wrong) for wrong in _SORTS if not _may_hold(hint, wrong))


def _may_hold(hint: Any, value: Any) -> bool:
    if value is None or isinstance(value, str) or type(value) in (bool, int):
        either = [hint, *get_args(hint)]
        if value is HALF:
            return False
        return type(value) in either or (isinstance(value, str) and str in either[:1])
    return False


@pytest.mark.parametrize(("kind", "name", "wrong"), list(wrong_fields()))
def test_a_field_that_holds_something_else_is_named(kind: type[Command[Any]], name: str, wrong: Any) -> None:
    good: Any = filled_in(kind)
    good.admit(stamp(T0, ANYBODY))
    changed: Any = replace(good, **{name: wrong})
    with pytest.raises(InvalidInput) as refused:
        changed.admit(stamp(T0, ANYBODY))
    assert (refused.value.field.split("[")[0], bool(refused.value.remedy)) == (name, True)


def test_a_text_is_no_list_of_its_letters() -> None:
    told: Any = commands.EnterCancellation("1", T0, T0, "post", item_ids="12")
    with pytest.raises(InvalidInput, match="it is no list") as refused:
        told.admit(stamp(T0, ANYBODY))
    assert (refused.value.field, refused.value.remedy) == ("item_ids", "Give a list or a tuple, also of one.")


def test_a_wrong_one_in_a_list_is_named_by_its_place() -> None:
    asked = Question(item_id=None, text=(Statement(lang="en", text="Which?"),))
    told: Any = commands.RequestClarification(1, [asked, "Which one?"])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="it is no Question") as refused:
        told.admit(stamp(T0, ANYBODY))
    assert refused.value.field == "questions[1]"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("finding", "perhaps"), ("refusal_code", None), ("statement", "Lifted."), ("text_checked", "yes")],
)
def test_what_a_reversal_says_is_held_to_its_types(field: str, wrong: Any) -> None:
    said = Reversal("not_illegal", "not_illegal", (Statement(lang="en", text="It is satire."),), text_checked=True)
    commands.DecideAppeal("a", "reverse", "x", said).admit(stamp(T0, ANYBODY))
    changed: Any = replace(said, **{field: wrong})
    with pytest.raises(InvalidInput) as refused:
        commands.DecideAppeal("a", "reverse", "x", changed).admit(stamp(T0, ANYBODY))
    assert refused.value.field == f"reversal.{field}"


@pytest.mark.parametrize("right", ["1", 2, None, ["a", "b"], ()])
def test_a_field_of_several_types_takes_each_of_them(right: Any) -> None:
    check_of(Annotated[_Several, Field()])(right, "field")


@pytest.mark.parametrize("wrong", [1.5, b"1", [1], HALF, True])
def test_a_field_of_several_types_takes_nothing_else(wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_of(_Several)(wrong, "field")
    assert refused.value.field == "field"
    assert " Or: " in refused.value.remedy


def test_a_type_that_no_field_can_be_held_to_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        check_of(dict[str, str])
    check_of(Literal["a"])("a", "the control")


@pytest.mark.parametrize("name", ["case", "name", "may", "decide", "on", "session", "yes"])
def test_a_field_that_means_something_else_already_is_refused_when_the_class_is_made(name: str) -> None:
    """`told` says `{name}` and `{case}`, and the command line passes the others."""
    body = {"__annotations__": {name: "str"}, "__module__": __name__}
    with pytest.raises(TypeError, match=f"Open.{name} means something else"):
        type("Open", (Command,), body)
    type("Open", (Command,), {**body, "__annotations__": {"other": "str"}})


@pytest.mark.parametrize("told", ["{whose}", "{case.id} {nobody:time}"])
def test_a_line_that_names_no_field_is_refused_when_the_class_is_made(told: str) -> None:
    with pytest.raises(TypeError, match="names no field"):
        type("Open", (Command,), {"__module__": __name__}, told=told)


@pytest.mark.parametrize("wrong", ["undo", commands.Undo, None, Undo()])
def test_what_is_no_command_is_said_to_be_none(wrong: Any, tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    with pytest.raises(InvalidInput, match="it is no command") as refused:
        host.take(ANYBODY, "no such case", wrong)
    host.store.close()
    assert (refused.value.field, "commands.Undo()" in refused.value.remedy) == ("command", True)


@pytest.mark.slow
def test_every_command_is_one_of_the_command_line() -> None:
    root: Any = typer.main.get_command(app)
    on_line = {(group, name) for group in ("cases", "appeals") for name in root.commands[group].list_commands(None)}
    assert {(kind.group, kind.name) for kind in KINDS} <= on_line
    assert all(f"`{kind.group} {kind.name}`" in commands_page() for kind in KINDS)


def test_the_command_line_asks_for_what_is_needed_before_what_may_be_left_out_and_for_sealed_words_last() -> None:
    root: Any = typer.main.get_command(app)
    root.commands["cases"].list_commands(None)
    held = root.commands["cases"].commands
    assert [one.opts[0] for one in held["hold"].params][:3] == ["case", "--until", "--reasons"]
    assert [(one.opts[0], one.metavar) for one in held["reopen"].params][1:3] == [
        ("--reasons", "FILE"),
        ("--item", "ID"),
    ]
    assert {one.opts[0]: one.metavar for one in held["suspend"].params}["--proof"] == "SHA256"


def test_the_names_of_the_package_are_those_of_its_classes() -> None:
    made = command_names({"base": "class Command: ...", "review": "class Look(Command[Case], may=STAFF): ...\nX = 1"})
    assert "from kz_compliance_sdk.domain.commands.review import (\n    Look,\n)" in made
    assert '__all__ = [\n    "KINDS",\n    "OFFICE",\n    "Command",\n    "Look",\n    "OfficeCommand",\n]' in made


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
        Open().allow(ANYBODY)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.may is not LEASE])
def test_nobody_takes_a_command_without_a_role(kind: type[Command[Any]]) -> None:
    with pytest.raises(NotAllowed):
        filled_in(kind).allow(Actor("nobody"))


def test_the_platform_s_own_system_takes_what_its_users_ask_for_and_nothing_else() -> None:
    own = []
    for kind in sorted(KINDS, key=lambda kind: kind.__name__):
        try:
            filled_in(kind).allow(SYSTEM)
        except NotAllowed:
            continue
        own.append(kind.__name__)
    assert own == ["ReceiveAppeal", "Release", "Renew", "WithdrawAppeal"], "the lease says who renews and releases"
