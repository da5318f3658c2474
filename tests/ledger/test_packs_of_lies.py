"""A pack says what the chain says, also where a row that lies has lain there for less than an hour."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.driver import LEGAL, Driver
from tests.ledger.otherwise import attack, rewrite

pytestmark = pytest.mark.writes_by_itself


def removed(folder: Path) -> tuple[Driver, str]:
    office = Driver(folder)
    case = office.issue()
    office.decide(case, "restrict_access")
    office.deliver()
    return office, case


def shown(office: Driver, case: str) -> dict[str, Any]:
    """What a full pack says of the case, and the bytes of each message by its kind."""
    with ZipFile(BytesIO(office.evidence(LEGAL, case, full=True))) as pack:
        said = json.loads(pack.read("case.json"))
        for one in said["messages"]:
            one["bytes"] = pack.read(one["body"]["file"]) if one["body"]["file"] else b""
    return {**said, "made_at": "", "audit": None}


def test_a_pack_names_what_was_done_whatever_a_row_says(tmp_path: Path) -> None:
    office, case = removed(tmp_path)
    before = shown(office, case)
    rewrite(office, lambda said: said.replace(b'"KZ"', b'"RU"'))
    assert shown(office, case)["messages"] == before["messages"]
    assert shown(office, case) == before


ROWS = {
    "where it stands": "UPDATE outbox SET state = 'void' WHERE kind = 'enforce'",
    "when it was over": "UPDATE outbox SET settled_at = settled_at - 60 WHERE kind = 'enforce'",
    "what was acknowledged": "UPDATE outbox SET alert = CAST('{}' AS BLOB) WHERE kind = 'acknowledgement'",
    "no bytes at all": "UPDATE outbox SET alert = 'x' WHERE kind = 'acknowledgement'",
    "that it is there": "DELETE FROM outbox WHERE kind = 'acknowledgement'",
}


@pytest.mark.parametrize("what", ROWS)
def test_a_pack_says_what_left_whatever_a_row_says(tmp_path: Path, what: str) -> None:
    office, case = removed(tmp_path)
    before = [{**one, "attempts": []} for one in shown(office, case)["messages"]]
    attack(office, ROWS[what])
    assert [{**one, "attempts": []} for one in shown(office, case)["messages"]] == before
