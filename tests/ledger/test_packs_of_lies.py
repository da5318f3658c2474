"""A pack says what the chain says, also where a row that lies has lain there for less than an hour."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.driver import LEGAL, Driver
from tests.ledger.otherwise import attack

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
    return {**said, "made_at": ""}


_OWED = (
    "INSERT INTO outbox SELECT n, message_id, platform_id, case_id, '{}', 'enforcer', x'7b7d', 1, 9, 'queued', '', 0"
    " FROM attempts JOIN streams ON name = 'case/' || case_id"
    " WHERE message_id IN (SELECT message_id FROM attempts WHERE case_id <> '' LIMIT 1)"
)
ROWS = {
    "that it has to leave": _OWED.format("enforce"),
    "what it is": _OWED.format("report"),
    "how often it was tried": (
        "INSERT INTO leases SELECT n, message_id, platform_id, case_id, 'enforcer', 1, 0, 9, 9, 1, 9, 1"
        " FROM attempts JOIN streams ON name = 'case/' || case_id WHERE case_id <> '' LIMIT 1"
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_pack_says_what_left_whatever_a_row_says(tmp_path: Path, what: str) -> None:
    office, case = removed(tmp_path)
    before = [{**one, "attempts": []} for one in shown(office, case)["messages"]]
    attack(office, ROWS[what])
    assert [{**one, "attempts": []} for one in shown(office, case)["messages"]] == before
