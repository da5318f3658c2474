"""`kz-compliance transparency`: files, one document, and what it refuses."""

from __future__ import annotations

import base64
import csv
import json
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.ports import Env
from tests.cli_office import Office
from tests.tally_makers import START, random_tallies

KEY = base64.b64encode(b"a key for the pseudonyms of staff").decode()
FIRST, LAST = "2026-01-01", "2026-06-30"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(time, "time", lambda: START + 300 * 86_400.0)
    office = Office(tmp_path, monkeypatch)
    office.configure(f'[transparency]\nstaff_key = "{KEY}"\n')
    return office


def filled(office: Office, demands: int = 200) -> None:
    SqliteStore(office.store, Env.system()).close()
    rows = [msgspec.structs.astuple(one) for one in random_tallies(5, demands)]
    with closing(choose_driver().module.connect(office.store)) as db, db:
        db.executemany("INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def test_the_files_agree_with_the_document(office: Office) -> None:
    filled(office)
    document = office.document("transparency", "--from", FIRST, "--to", LAST, "--out", str(office.folder / "out"))
    out = office.folder / "out"

    assert sorted(file.name for file in out.iterdir()) == ["figures.csv", "lumen.jsonl", "report.html", "report.json"]
    assert json.loads((out / "report.json").read_bytes()) == document
    rows = list(csv.DictReader((out / "figures.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["status"] for row in rows} == {"final"}
    told = next(one for one in document["figures"] if one["figure"] == "demands_told")["values"][0]["count"]
    lines = (out / "lumen.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == told > 0
    assert {json.loads(line)["notice"]["type"] for line in lines} == {"GovernmentRequest"}
    assert '<html lang="ru">' in (out / "report.html").read_text(encoding="utf-8")


def test_the_same_command_writes_the_same_bytes(office: Office) -> None:
    filled(office)
    found = []
    for name in ("one", "two"):
        office.ok("transparency", "--from", FIRST, "--to", LAST, "--out", str(office.folder / name), "--lang", "kk")
        found.append({file.name: file.read_bytes() for file in (office.folder / name).iterdir()})
    assert found[0] == found[1]


def test_a_period_whose_embargo_runs_is_refused_and_a_draft_is_marked(office: Office) -> None:
    filled(office)
    today = local(int(time.time()))[:10]
    refused = office.run("transparency", "--from", FIRST, "--to", today)
    assert refused.exit_code == 7
    assert "--to: " in refused.stderr
    assert "30 days of embargo" in refused.stderr
    out = office.folder / "out"
    office.ok("transparency", "--from", FIRST, "--to", today, "--draft", "--out", str(out))
    assert json.loads((out / "report.json").read_bytes())["status"] == "draft"
    assert "ПРОЕКТ" in (out / "report.html").read_text(encoding="utf-8")
    assert {line.split(b",")[0] for line in (out / "figures.csv").read_bytes().splitlines()[1:]} == {b"draft"}
    lines = (out / "lumen.jsonl").read_bytes().splitlines()
    assert lines
    assert all(json.loads(line)["draft"] is True for line in lines)


def test_an_empty_period_says_so(office: Office) -> None:
    filled(office, 0)
    assert "no demand was received" in office.ok("transparency", "--from", FIRST, "--to", FIRST)


def test_staff_stay_without_names(office: Office) -> None:
    filled(office, 3)
    out = office.folder / "out"
    office.ok("transparency", "--from", FIRST, "--to", LAST, "--out", str(out), "--staff")
    assert (out / "staff-internal.csv").read_text(encoding="utf-8").startswith("pseudonym,proposed,approved")
    office.configure()
    refused = office.run("transparency", "--from", FIRST, "--to", LAST, "--out", str(out), "--staff")
    assert refused.exit_code == 3
    assert "transparency.staff_key" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "yesterday", "--to", LAST), "--from"),
        (("--from", LAST, "--to", FIRST), "--to"),
        (("--from", FIRST, "--to", "9999-12-31"), "--to"),
        (("--from", FIRST, "--to", LAST, "--staff"), "--out"),
        (("--from", FIRST, "--to", LAST, "--with-urls"), "--out"),
        (("--from", FIRST, "--to", LAST, "--out", "settings.toml"), "--out"),
    ],
)
def test_what_is_wrong_is_named(office: Office, arguments: tuple[str, ...], said: str) -> None:
    filled(office, 3)
    given = [str(office.folder / one) if one.endswith(".toml") else one for one in arguments]
    refused = office.run("transparency", *given)
    assert refused.exit_code == 7, refused.output
    assert said in refused.stderr
