"""Keeps a store as this code writes it, for the code to come: `python -m tests.store.golden`.

For each engine: as a file, and moved to PostgreSQL as the statements that make it there. That takes pg_dump on the
PATH, of no earlier release than the server.

Run it when the schema has taken its next number. What is there is never made again: it is what somebody has on a disk.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql import moving
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.mark import place_of
from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqlStore
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.builders import ISSUED_AT
from tests import postgres
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


class OnServer(Driver):
    """The office over a database of a server."""

    def __init__(self, folder: Path, *, url: str, **own: Any) -> None:
        self.url = url
        super().__init__(folder, **own)

    def open_store(self, env: Env) -> SqlStore:
        return PostgresStore(self.url, env, threaded=False, keys=self.keys, ledger_keys=self.ledger_keys)


def office(folder: Path, name: str, at: int = ISSUED_AT, *, url: str = "") -> Driver:
    """The office over a store, a file or a database at a URL, at a time in UTC seconds."""
    own: dict[str, Any] = {"name": f"{name}.sqlite3", "ledger_keys": LedgerKeys((LEDGER,)), **STORES[name]}
    made = OnServer(folder, url=url, **own) if url else Driver(folder, **own)
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


_OF_THE_SESSION = re.compile(r"^(SET \w+ = .*;|\\(un)?restrict .*)$\n", re.MULTILINE)
"""What other servers, and psycopg, do not know."""


def make_on_server(source: Path, target: Path) -> None:
    """Keep the stores of a zip as they are on PostgreSQL, as SQL."""
    with (
        tempfile.TemporaryDirectory() as name,
        zipfile.ZipFile(source) as files,
        zipfile.ZipFile(target, "x", zipfile.ZIP_LZMA) as kept,
    ):
        for store, own in STORES.items():
            file = files.extract(f"{store}.sqlite3", name)
            keys: dict[str, Any] = {"keys": own.get("keys"), "ledger_keys": LedgerKeys((LEDGER,))}
            with postgres.database(empty=True) as url:
                with (
                    moving.reading_file(choose_driver(), file, place_of(file, None)) as opened,
                    closing(PostgresStore(url, Env.system(), threaded=False, **keys)) as there,
                ):
                    assert moving.move(opened, there, lambda *_: None).differences == ()
                dump = [
                    "pg_dump",
                    "--inserts",
                    "--rows-per-insert=100",
                    "--no-owner",
                    "--no-privileges",
                    f"--dbname={url}",
                ]
                told = subprocess.run(dump, check=True, stdout=subprocess.PIPE, text=True).stdout
            kept.writestr(f"{store}.sql", _OF_THE_SESSION.sub("", told))
            kept.writestr(f"{store}.json", files.read(f"{store}.json"))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    if not (file := FOLDER / f"{HEAD}.zip").exists():
        make(file)
    make_on_server(file, FOLDER / f"{HEAD}.postgresql.zip")
