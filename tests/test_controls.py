"""Each promise that is broken on purpose is noticed, by the test that is named beside it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.controls import CONTROLS, SLOW, Control

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.writes_by_itself  # broken code does what no event tells
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_broken_promise_turns_its_test_red(control: Control, request: pytest.FixtureRequest) -> None:
    test, arguments = _named(control.test, request)
    with pytest.MonkeyPatch.context() as patch:
        control.breaks(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
            test(**arguments)
    assert "Timeout" not in str(caught.value), "what hangs has noticed nothing"


def test_every_control_has_a_name_of_its_own_and_a_page() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
    pages = {control.page for control in CONTROLS} | {control.page for control in SLOW}
    assert [page for page in pages if not (DOCS / page).is_file()] == []


def test_every_page_that_promises_has_a_control() -> None:
    promising = {"reliability.md", *(f"concepts/{page.name}" for page in (DOCS / "concepts").glob("*.md"))}
    assert promising - {control.page for control in CONTROLS} == set()


def test_controls_stand_in_the_part_that_they_are_said_to_stand_in() -> None:
    assert [one.test for one in CONTROLS if _is_slow(one.test)] == []
    assert [one.test for one in SLOW if not _is_slow(one.test)] == []


def test_a_control_that_breaks_nothing_fails(request: pytest.FixtureRequest) -> None:
    idle = replace(CONTROLS[0], breaks=lambda _patch: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_broken_promise_turns_its_test_red(idle, request)


def _found(node: str) -> tuple[Any, Any, str]:
    """The module of a node id, its test, and the text of its parameter."""
    path, _, called = node.partition("::")
    name, _, value = called.removesuffix("]").partition("[")
    module = import_module(path.removesuffix(".py").replace("/", "."))
    return module, getattr(module, name), value


def _is_slow(node: str) -> bool:
    module, test, _ = _found(node)
    of_module = getattr(module, "pytestmark", [])
    marks = [*(of_module if isinstance(of_module, list) else [of_module]), *getattr(test, "pytestmark", [])]
    return any(mark.name == "slow" for mark in marks)


def _named(node: str, request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """The test of a node id, and its arguments: its own parameter by the text of the value, the others as fixtures."""
    _, test, value = _found(node)
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    own = {mark.args[0]: _values(mark)[value] for mark in marks}
    others = [one for one in inspect.signature(test).parameters if one not in own]
    return test, {**own, **{one: request.getfixturevalue(one) for one in others}}


def _values(mark: pytest.Mark) -> dict[str, Any]:
    """The values of a parameter by their texts."""
    values = mark.args[1]
    if all(hasattr(one, "marks") for one in values):
        return {one.id: one.values[0] for one in values}
    return dict(zip(mark.kwargs.get("ids", map(str, values)), values, strict=True))
