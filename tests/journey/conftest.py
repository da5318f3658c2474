"""What the journeys share: a desk on a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.scene import Host, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    one = Host(World(tmp_path / "host.sqlite3"))
    yield one
    one.store.close()
