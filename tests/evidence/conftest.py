"""A scene for each test, over a copy of an empty store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evidence.scene import Scene, scene


@pytest.fixture
def folder(tmp_path: Path, kz_empty_store: Path) -> Path:
    """A folder with an empty store in it."""
    shutil.copyfile(kz_empty_store, tmp_path / "cases.sqlite3")
    return tmp_path


@pytest.fixture
def at(folder: Path) -> Iterator[Scene]:
    with scene(folder) as made:
        yield made
