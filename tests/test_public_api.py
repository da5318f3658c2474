"""What a program may rely on: the names that are public, and what it costs to import them."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import kz_compliance_sdk

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


@pytest.mark.parametrize(
    "name", [name for name in MODULES if ".migrations" not in name and not name.endswith("__main__")]
)
def test_what_a_module_declares_public_exists(name: str) -> None:
    """Every module can be imported alone, and every name of its `__all__` is there, once. (Ruff keeps them sorted.)"""
    module = importlib.import_module(name)
    public = list(getattr(module, "__all__", []))
    assert len(public) == len(set(public))
    assert [missing for missing in public if not hasattr(module, missing)] == []
