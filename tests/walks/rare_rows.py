"""Rows of the table that a walk takes in one of thirty at best, taken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.scene import Host, World
from tests.walks.rare_appeals import APPEALED
from tests.walks.rare_falls import FALLS
from tests.walks.rare_in_hand import WHILE_IN_HAND
from tests.walks.rare_scenes import SLOW
from tests.walks.remedies_recorded import IN_HAND


def rare_rows(folder: Path) -> Iterator[Host]:
    """A host for each of the ways, with the way behind it."""
    for name, way in _ways().items():
        host = Host(World(folder / f"rare{name}.sqlite3", policy=SLOW, can_look=name.startswith("look")))
        try:
            way(host)
        except Exception as error:
            error.add_note(f"the way {name}")
            raise
        host.check_chains()
        yield host


def _ways() -> Mapping[str, Callable[[Host], None]]:
    in_hand: dict[str, Callable[[Host], None]] = {
        f"{step.__name__}{number}": partial(step, way) for step in WHILE_IN_HAND for number, way in enumerate(IN_HAND)
    }
    return in_hand | {way.__name__: way for way in (*FALLS, *APPEALED)}
