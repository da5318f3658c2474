"""Puts a change into code that is loaded: each function that holds the old code object gets the new one."""

from __future__ import annotations

import functools
import gc
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

from tests.mutation.mutants import Mutant, mutated

Functions = dict[str, list[FunctionType]]


class NothingToSwap(Exception):
    """No function that is loaded holds the code that was changed."""


def loaded(package: Path) -> Functions:
    """Return the functions of the package that are loaded, by file."""
    inside = f"{package}/"
    found: Functions = defaultdict(list)
    for thing in _everything():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(inside):
            found[thing.__code__.co_filename].append(thing)
    return found


def caches(*packages: str) -> list[functools._lru_cache_wrapper[object]]:
    """Return the functions of these packages that remember: what one test left there hides what the next one runs."""
    wrappers = [thing for thing in _everything() if type(thing) is functools._lru_cache_wrapper]
    return [one for one in wrappers if str(one.__module__).split(".")[0] in packages]


def _everything() -> list[object]:
    """All that the collector knows. What was frozen it would keep to itself: nearly all that is loaded, once the tests
    are collected."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    found = gc.get_objects()
    if frozen:
        gc.freeze()
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def swap(root: Path, functions: Functions, mutant: Mutant) -> None:
    """Change the code of this process. Raises NothingToSwap."""
    path = root / mutant.path
    tree = mutated(path.read_text(encoding="utf-8"), mutant)
    changed = {
        (code.co_qualname, code.co_firstlineno): code for code in _codes(compile(tree, str(path), "exec", 0, True))
    }
    swapped = 0
    for function in functions.get(str(path), []):
        old = function.__code__
        new = changed.get((old.co_qualname, old.co_firstlineno))
        if new is not None and new != old and new.co_freevars == old.co_freevars:
            function.__code__ = new
            swapped += 1
    if not swapped:
        raise NothingToSwap(mutant.key)
