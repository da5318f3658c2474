"""Each promise that is broken on purpose is noticed, by the test that is named beside it."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.controls import CONTROLS, Control

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_broken_promise_turns_its_test_red(control: Control, request: pytest.FixtureRequest) -> None:
    test, arguments = _named(control.test, request)
    with pytest.MonkeyPatch.context() as patch:
        control.breaks(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test(**arguments)


def test_every_control_has_a_name_of_its_own_and_a_page() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
    assert [control.page for control in CONTROLS if not (DOCS / control.page).is_file()] == []


def _named(node: str, request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """The test of a node id, and its arguments: its own parameter by the text of the value, the others as fixtures."""
    path, _, called = node.partition("::")
    name, _, value = called.removesuffix("]").partition("[")
    test = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    marks = [mark.args for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    own = {parameter: next(one for one in values if str(one) == value) for parameter, values in marks}
    others = [one for one in inspect.signature(test).parameters if one not in own]
    return test, {**own, **{one: request.getfixturevalue(one) for one in others}}
