"""Which changes are made, and that a draw stays what it was."""

from __future__ import annotations

import ast
import inspect
from types import CodeType

import pytest

from tests.mutation.mutants import Mutant, draw, mutants, mutated

TEXT = '''
"""A module."""
LIMIT = 3

class Box:
    size: int = 4

    def fits(self, count: int = 2) -> bool:
        """Does it fit?"""
        hint: "Box | None" = None
        return count < 9
'''


def _of(source: str) -> list[Mutant]:
    return list(mutants(source, "p/m.py", "m"))


def _body(*lines: str) -> str:
    return "\n".join(["def f(x, y):", *(f"    {line}" for line in lines)])


@pytest.mark.parametrize(
    ("line", "operator", "changes"),
    [
        ("return x < y", "compare", {"return x <= y", "return x >= y"}),
        ("return x == y", "compare", {"return x != y"}),
        ("return x is y", "compare", {"return x is not y"}),
        ("return x in y", "compare", {"return x not in y"}),
        ("return x and y", "boolean", {"return x or y"}),
        ("return not x", "boolean", {"return not not x"}),
        ("return x + y", "arithmetic", {"return x - y"}),
        ("x += y", "arithmetic", {"x -= y"}),
        ("return 7", "constant", {"return 8"}),
        ("return True", "constant", {"return False"}),
        ("return 'due'", "constant", {"return 'due~'"}),
        ("return b'due'", "constant", {"return b'due~'"}),
        ("return f'{x + 1} a'", "constant", {"return f'{x + 2} a'"}),
        ("return y if x else 0", "condition negated", {"return y if not x else 0"}),
        ("return [z for z in x if z]", "condition negated", {"return [z for z in x if not z]"}),
        ("x.append(y)", "statement removed", {"if False:\n        x.append(y)"}),
        ("raise x", "raise removed", {"if False:\n        raise x"}),
        ("return x", "none returned", {"if False:\n        return x\n    return None"}),
    ],
)
def test_each_kind_of_change(line: str, operator: str, changes: set[str]) -> None:
    source = _body(line)
    made = {ast.unparse(mutated(source, one)) for one in _of(source) if one.operator == operator}
    assert made == {ast.unparse(ast.parse(_body(*change.split("\n    ")))) for change in changes}


@pytest.mark.parametrize("line", ["'''What it is.'''", "return None", "return", "z: int", "pass", "return x"])
def test_what_says_nothing_or_is_for_people_has_no_other_constant(line: str) -> None:
    assert [one.change for one in _of(_body(line)) if one.operator in ("constant", "statement removed")] == []


def test_text_for_people_is_left_alone() -> None:
    changes = [one.change for one in _of(_body("raise x('no such case', 'key', f'it is {y}')"))]
    assert changes == ["without: raise x('no such case', 'key', f'it is {y}')", "'key' -> 'key~'"]


def test_only_the_bodies_of_functions_are_changed() -> None:
    assert {(one.function, one.line, one.operator) for one in _of(TEXT)} == {
        ("Box.fits", 10, "statement removed"),
        ("Box.fits", 11, "compare"),
        ("Box.fits", 11, "constant"),
        ("Box.fits", 11, "none returned"),
    }


def test_what_is_removed_stays_a_local_and_a_generator() -> None:
    source = _body("yield x", "z = y")
    for one in _of(source):
        (code,) = (part for part in compile(mutated(source, one), "m", "exec").co_consts if isinstance(part, CodeType))
        assert code.co_varnames == ("x", "y", "z")
        assert code.co_flags & inspect.CO_GENERATOR


def test_a_key_outlives_changes_elsewhere_and_twins_have_keys_of_their_own() -> None:
    before = [one.key for one in _of(_body("x += 1", "x += 1", "return x"))]
    after = [one.key for one in _of("import os\n\ndef g():\n    return 1\n\n" + _body("x += 1", "x += 1", "return x"))]
    assert len(set(before)) == len(before)
    assert set(before) < set(after)


def _many(count: int) -> str:
    return "\n".join(f"def f{number}(x):\n    return x + {number} < 7" for number in range(count))


def test_every_line_has_its_turn_before_one_has_a_second() -> None:
    candidates = _of(_many(30))
    assert sorted(one.line for one in draw(candidates, 1, 30)) == [2 * number + 2 for number in range(30)]
    assert len({one.key for one in draw(candidates, 1, 60)}) == 60
    assert len(draw(candidates, 1, 10_000)) == len(candidates)


def test_the_seed_chooses_and_a_line_that_comes_new_moves_no_other() -> None:
    few, more = (_of(_many(count)) for count in (30, 31))
    drawn = [one.key for one in draw(few, 1, 10)]
    assert drawn == [one.key for one in draw(few, 1, 10)]
    assert drawn != [one.key for one in draw(few, 2, 10)]
    new = {one.key for one in more} - {one.key for one in few}
    assert [one.key for one in draw(more, 1, 11) if one.key not in new][:10] == drawn
