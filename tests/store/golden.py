"""Keeps a store as this code writes it, for the code to come: `python -m tests.store.golden`.

Run it when the schema has taken its next number. What is there is never made again: it is what somebody has on a disk.
"""

from __future__ import annotations

import json
import random
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.testing.builders import ISSUED_AT
from tests.driver import Driver
from tests.ledger.tampering.scenery import LEDGER, build, image
from tests.model.cases import Office
from tests.model.draw import draw, specs
from tests.model.play import Side, play_library, play_model

FOLDER = Path(__file__).with_name("golden")
STORES: dict[str, dict[str, Any]] = {
    "story": {},
    "sequence": {"keys": MasterKeys({"golden": b"\x01" * 32}, "golden"), "undo_window_s": 60},
}
"""The stores, and what their offices have of their own."""
SEED, STEPS = 1, 80
Said = dict[str, Any]
"""When it was, and what `cases show --json` prints of each case."""


def office(folder: Path, name: str, at: int = ISSUED_AT) -> Driver:
    """The office over a store, at a time in UTC seconds."""
    made = Driver(folder, name=f"{name}.sqlite3", ledger_keys=LedgerKeys((LEDGER,)), **STORES[name])
    made.wait(at - made.clock())
    return made


def said(of: Driver) -> Said:
    """What is read of an office."""
    ids = of.desk.store.queries(of.platform_id).case_ids()
    return {"at": of.clock(), "cases": {one: of.case(one) for one in ids}}


def _told(folder: Path) -> Said:
    """The story of the attacks: cases in every state, and what belongs to no case."""
    world = build(folder).world
    copy = folder / "story.sqlite3"
    copy.write_bytes(image(world.path))
    of = office(folder, "story", world.clock())
    found = said(of)
    of.stop()
    return found


def _played(folder: Path) -> Said:
    """A sequence of the model, in an office with a master key."""
    of, chance, notices = office(folder, "sequence"), random.Random(f"golden {SEED}"), specs(SEED)
    side, model = Side(of, notices), Office(of.clock())
    for _ in range(STEPS):
        step = draw(model, chance, notices)
        play_library(side, model, step)
        play_model(model, notices, step)
    found = said(of)
    of.stop()
    return found


def make(target: Path) -> None:
    """Keep both stores, and beside each what was read of it."""
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(target, "x", zipfile.ZIP_LZMA) as kept:
        folder = Path(name)
        for store, found in (("story", _told(folder)), ("sequence", _played(folder))):
            kept.write(folder / f"{store}.sqlite3", f"{store}.sqlite3")
            kept.writestr(f"{store}.json", json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    make(FOLDER / f"{HEAD}.zip")
