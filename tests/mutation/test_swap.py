"""A change reaches the functions that are there, whoever holds them."""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.swap import NothingToSwap, caches, loaded, swap

pytestmark = pytest.mark.slow
SOURCE = """
from functools import cache, wraps

def twice(function):
    @wraps(function)
    def call(x):
        return function(x) * 2
    return call

@twice
def wrapped(x):
    return x + 1

@cache
def kept(x):
    return x + 1

class Base:
    def name(self):
        return "base"

class Named(Base):
    def name(self):
        return super().name()
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "swapped" / "plain.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("swapped.plain", path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules["swapped.plain"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["swapped.plain"]


def _change(function: str, operator: str) -> Mutant:
    found = mutants(SOURCE, "swapped/plain.py", "plain")
    return next(one for one in found if (one.function, one.operator) == (function, operator))


def test_what_a_decorator_holds_is_changed(tmp_path: Path, module: ModuleType) -> None:
    assert module.wrapped(3) == 8
    swap(tmp_path, loaded(tmp_path / "swapped"), _change("wrapped", "arithmetic"))
    assert module.wrapped(3) == 4


def test_a_closure_that_was_made_before_is_changed(tmp_path: Path, module: ModuleType) -> None:
    swap(tmp_path, loaded(tmp_path / "swapped"), _change("twice.<locals>.call", "constant"))
    assert module.wrapped(3) == 12


def test_a_removed_call_of_super_keeps_its_cell(tmp_path: Path, module: ModuleType) -> None:
    swap(tmp_path, loaded(tmp_path / "swapped"), _change("Named.name", "none returned"))
    assert module.Named().name() is None


def test_what_a_function_remembers_can_be_forgotten(tmp_path: Path, module: ModuleType) -> None:
    assert module.kept(3) == 4
    swap(tmp_path, loaded(tmp_path / "swapped"), _change("kept", "arithmetic"))
    assert module.kept(3) == 4
    for wrapper in caches("swapped"):
        wrapper.cache_clear()
    assert module.kept(3) == 2


def test_what_is_frozen_is_changed_and_forgotten_as_well(tmp_path: Path, module: ModuleType) -> None:
    frozen = gc.get_freeze_count()
    gc.freeze()
    try:
        functions, remembering = loaded(tmp_path / "swapped"), caches("swapped")
        assert gc.get_freeze_count() > 0
    finally:
        if not frozen:
            gc.unfreeze()
    assert module.kept in remembering
    swap(tmp_path, functions, _change("wrapped", "arithmetic"))
    assert module.wrapped(3) == 4


def test_a_change_that_reaches_nothing_is_an_error(tmp_path: Path, module: ModuleType) -> None:
    with pytest.raises(NothingToSwap, match=r"plain:wrapped:arithmetic:"):
        swap(tmp_path, {}, _change("wrapped", "arithmetic"))
