"""What a program may rely on: the names that are public, and what it costs to import them."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cached_property
from typing import get_args, get_type_hints

import pytest

import kz_compliance_sdk
from kz_compliance_sdk.aio import AsyncGroups
from kz_compliance_sdk.desk import Groups
from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.policy import kz_policy
from tests.test_architecture import ROOT

HEAVY = (
    "alembic",
    "cryptography",
    "httpx",
    "pydantic",
    "rich",
    "sqlalchemy",
    "starlette",
    "structlog",
    "typer",
    "uvicorn",
)

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(kz_compliance_sdk.__path__, f"{kz_compliance_sdk.__name__}.")
)


def _loaded_after(statement: str) -> set[str]:
    """Return which heavy dependencies a fresh interpreter has loaded after the statement."""
    script = f"{statement}\nimport sys\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import kz_compliance_sdk", "import kz_compliance_sdk.errors"])
def test_importing_the_package_loads_no_dependency(statement: str) -> None:
    assert _loaded_after(statement) == set()


def test_a_planted_dependency_is_seen() -> None:
    assert _loaded_after("import kz_compliance_sdk, pydantic") == {"pydantic"}


def differences(blocking: type, awaited: type) -> list[str]:
    """Return how the public methods of the two classes differ, other than by being awaited."""
    ours, theirs = _methods(blocking), _methods(awaited)
    found = [f"only in {blocking.__name__}: {name}" for name in ours.keys() - theirs.keys()]
    found += [f"only in {awaited.__name__}: {name}" for name in theirs.keys() - ours.keys()]
    for name in ours.keys() & theirs.keys():
        wanted, given = _shape(ours[name]), _shape(theirs[name])
        if wanted != given.replace("AsyncIterator[", "Iterator[").replace(awaited.__name__, blocking.__name__):
            found.append(f"{name}: {wanted} but awaited {given}")
        # A method that hands back a decorator only registers something: there is nothing to wait for.
        decorator = "-> 'Callable[" in wanted
        if not (decorator or inspect.iscoroutinefunction(theirs[name]) or inspect.isasyncgenfunction(theirs[name])):
            found.append(f"{name}: is not awaited")
    return sorted(found)


def _methods(owner: type) -> dict[str, Callable[..., object]]:
    return {name: method for name, method in inspect.getmembers(owner, inspect.isfunction) if not name.startswith("_")}


def _shape(method: Callable[..., object]) -> str:
    return str(inspect.signature(method))


class _Desk:
    def claim(self, limit: int = 1) -> str: ...  # type: ignore[empty-body]
    def cases(self) -> Iterator[str]: ...  # type: ignore[empty-body]
    def enforcer(self) -> Callable[[str], str]: ...  # type: ignore[empty-body]


class _Same:
    async def claim(self, limit: int = 1) -> str: ...  # type: ignore[empty-body]
    async def cases(self) -> AsyncIterator[str]:
        yield "case"

    def enforcer(self) -> Callable[[str], str]: ...  # type: ignore[empty-body]


class _Drifted:
    async def claim(self, limit: int = 2) -> str: ...  # type: ignore[empty-body]
    def cases(self) -> Iterator[str]: ...  # type: ignore[empty-body]
    async def renew(self) -> None: ...


def test_a_facade_that_drifted_from_its_desk_is_seen() -> None:
    """The control of the signature test: a default, a missing name, a new name and a call that blocks."""
    assert differences(_Desk, _Same) == []
    assert [line.split(": ")[0] for line in differences(_Desk, _Drifted)] == [
        "cases",
        "claim",
        "only in _Desk",
        "only in _Drifted",
    ]


def test_the_awaited_desk_has_every_step_of_the_blocking_one() -> None:
    found = differences(kz_compliance_sdk.ComplianceDesk, kz_compliance_sdk.AsyncComplianceDesk)
    # What the awaited desk waits for in its own `receive`, what an app asks before it reads a body, and what is around
    # a call on a worker's thread: none of them waits.
    assert found == [f"only in ComplianceDesk: {name}" for name in ("call_within", "receiving", "refuse_early")]


def groups_of(desk: type) -> dict[str, type]:
    """Return the groups of steps that are declared in a class, by name."""
    return {
        name: get_type_hints(member.func)["return"]
        for name, member in vars(desk).items()
        if isinstance(member, cached_property)
    }


def test_the_awaited_desk_has_every_group_with_every_step() -> None:
    ours, theirs = groups_of(Groups), groups_of(AsyncGroups)
    assert ours.keys() == {"appeals", "care", "house", "privacy", "proof", "transparency"}
    assert ours.keys() == theirs.keys()
    assert {name: found for name in ours if (found := differences(ours[name], theirs[name]))} == {}


def test_public_names_are_sorted_typed_and_there() -> None:
    """The same names for a program, for a type checker and for whoever asks `dir`."""
    public = kz_compliance_sdk.__all__
    assert public == sorted(public)
    assert typed_names(inspect.getsource(kz_compliance_sdk)) == set(public)
    assert set(public) <= set(dir(kz_compliance_sdk))
    # A closed list of words is a type that can hold no docstring; its words say what they are.
    told = [name for name in public if not hasattr(getattr(kz_compliance_sdk, name), "__args__")]
    assert [name for name in told if not getattr(getattr(kz_compliance_sdk, name), "__doc__", "")] == []
    with pytest.raises(AttributeError, match="no attribute 'Delete'"):
        _ = kz_compliance_sdk.Delete


def test_closed_words_are_types_that_hold_every_word() -> None:
    """A type checker sees a word that is misspelt; the lists are those by which the code goes."""
    assert get_args(kz_compliance_sdk.Role) == tuple(sorted(STAFF.names, key=get_args(kz_compliance_sdk.Role).index))
    assert set(get_args(kz_compliance_sdk.Category)) == kz_policy().categories.keys()
    hints = get_type_hints(ItemDecision)
    assert (hints["action"], hints["finding"]) == (kz_compliance_sdk.Action, kz_compliance_sdk.Finding)
    wording = get_type_hints(kz_compliance_sdk.Wording)
    assert (wording["outcome"], wording["refusal_code"]) == (
        kz_compliance_sdk.Outcome,
        kz_compliance_sdk.RefusalCode | None,
    )


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert kz_compliance_sdk.__version__ == project["version"]


def typed_names(source: str) -> set[str]:
    """Return the names that a lazy `__init__` imports for the type checker alone, under `if TYPE_CHECKING`."""
    return {
        name.asname or name.name
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }


def test_the_typed_names_of_a_lazy_module_are_found() -> None:
    source = "from a import b\nif TYPE_CHECKING:\n    from c import d\n    from e import f as g\n"
    assert typed_names(source) == {"d", "g"}


LOADED_BY_OTHERS = re.compile(r"\.migrations|\.__main__$|\.contrib\.django\.(models|admin)$")
"""What Alembic, Python and a configured Django load, and nobody else can."""


@pytest.mark.parametrize("name", [name for name in MODULES if not LOADED_BY_OTHERS.search(name)])
def test_what_a_module_declares_public_exists(name: str) -> None:
    """Every module can be imported alone, and every name of its `__all__` is there, once. (Ruff keeps them sorted.)"""
    module = importlib.import_module(name)
    public = list(getattr(module, "__all__", []))
    assert len(public) == len(set(public))
    assert [missing for missing in public if not hasattr(module, missing)] == []
