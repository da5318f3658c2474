"""`audit` on the command line: a checkpoint that was kept elsewhere, and what it shows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.faces.cli import exits
from tests.cli_office import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_checkpoint_that_was_kept_elsewhere_shows_what_nothing_else_can(office: Office, tmp_path: Path) -> None:
    first = office.entered()
    old = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(office.store)) as raw, raw, closing(sqlite3.connect(old)) as copy, copy:
        raw.backup(copy)
    raw.close()
    copy.close()
    office.entered(2)
    kept = tmp_path / "kept.jsonl"
    kept.write_text(office.ok("audit", "checkpoint"), encoding="utf-8")
    assert json.loads(kept.read_text(encoding="utf-8"))["size"] == 2
    document = office.document("audit", "verify", "--checkpoint", str(kept))
    assert (document["intact"], document["checked"]) == (True, 2)
    assert office.document("audit", "prove", first.notice_id)["index"] in (0, 1)
    assert office.document("audit", "prove", "--since", "1")["checkpoint"]["size"] == 2
    with closing(sqlite3.connect(old)) as copy, copy, closing(sqlite3.connect(office.store)) as raw, raw:
        copy.backup(raw)
    raw.close()
    copy.close()
    Path(f"{office.store}.mark").unlink()  # whoever writes the store can write beside it
    assert office.document("audit", "verify")["intact"] is True
    found = office.document("audit", "verify", "--checkpoint", str(kept), code=exits.FOUND)
    assert "older than the checkpoint held outside" in found["faults"][0]["what"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("audit", "verify", "--checkpoint", "/nowhere/at/all"), "cannot be read"),
        (("audit", "verify", "--checkpoint", "/dev/null"), "it holds no checkpoint"),
        (("audit", "prove"), "either a case or --since"),
        (("audit", "prove", "--since", "5"), "no checkpoint yet"),
        (("audit", "checkpoint"), "no case yet"),
    ],
)
def test_what_cannot_be_proved_is_refused_in_one_line(office: Office, arguments: tuple[str, ...], named: str) -> None:
    office.ok("db", "upgrade")
    result = office.run(*arguments)
    assert result.exit_code in (5, 7)
    assert named in result.stderr
    assert result.stderr.count("\n") == 1
