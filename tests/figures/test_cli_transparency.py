"""`kz-compliance transparency`: files, one document, and what it refuses."""

from __future__ import annotations

import csv
import json
import stat
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

FIRST, LAST = "2026-01-01", "2026-06-30"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(time, "time", lambda: START + 300 * 86_400.0)
    return Office(tmp_path, monkeypatch)


def filled(office: Office, demands: int = 200) -> None:
    SqliteStore(office.store, Env.system()).close()
    rows = [(n, *msgspec.structs.astuple(one)) for n, one in enumerate(random_tallies(5, demands))]
    with closing(choose_driver().module.connect(office.store)) as db, db:
        db.executemany("INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


@pytest.mark.slow
def test_the_files_agree_with_the_document(office: Office) -> None:
    filled(office)
    asked = ("transparency", "--from", FIRST, "--to", LAST, "--out", str(office.folder / "out"))
    document = office.document(*asked, user="daniyar")
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


@pytest.mark.slow
def test_the_same_command_writes_the_same_bytes(office: Office) -> None:
    filled(office)
    found = []
    for name in ("one", "two"):
        asked = ("--from", FIRST, "--to", LAST, "--out", str(office.folder / name), "--lang", "kk")
        office.ok("transparency", *asked, user="daniyar")
        found.append({file.name: file.read_bytes() for file in (office.folder / name).iterdir()})
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_period_whose_embargo_runs_is_refused_and_a_draft_is_marked(office: Office) -> None:
    filled(office)
    today = local(int(time.time()))[:10]
    refused = office.run("transparency", "--from", FIRST, "--to", today, user="daniyar")
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
    assert "no demand was received" in office.ok("transparency", "--from", FIRST, "--to", FIRST, "--draft")


@pytest.mark.slow
def test_a_published_period_is_given_again_and_revised_by_whoever_may(office: Office) -> None:
    filled(office)
    asked = ("transparency", "--from", FIRST, "--to", LAST)
    assert office.run(*asked, user="aigerim").exit_code == 6
    first = office.document(*asked, user="daniyar")
    assert (first["status"], first["revision"]) == ("final", 0)
    refused = office.run("transparency", "--from", "2026-06-01", "--to", "2026-07-31", user="daniyar")
    assert refused.exit_code == 8
    assert "already published, in the report of 2026-01-01 to 2026-06-30" in refused.stderr
    assert "fewer than 5 demands have changed" in office.run(*asked, "--revise", user="daniyar").stderr
    with closing(choose_driver().module.connect(office.store)) as db, db:
        db.execute("DELETE FROM tallies WHERE received_at % 2")
    out = office.folder / "again"
    assert "lumen.jsonl was not written: " in office.run(*asked, "--out", str(out), user="daniyar").stderr
    assert sorted(file.name for file in out.iterdir()) == ["figures.csv", "report.html", "report.json"]
    revised = office.document(*asked, "--revise", user="daniyar")
    assert (revised["status"], revised["revision"]) == ("revised", 1)
    assert office.document(*asked, user="daniyar") == revised


def test_lines_for_lumen_are_left_out_with_the_reason(office: Office) -> None:
    filled(office, 3)
    out = office.folder / "out"
    result = office.run("transparency", "--from", FIRST, "--to", LAST, "--draft", "--out", str(out))
    assert "lumen.jsonl is empty: the report hides how many" in result.stderr
    assert (out / "lumen.jsonl").read_bytes() == b""


@pytest.mark.slow
def test_the_offices_own_figures_are_exact_and_never_lie_beside_a_report(office: Office) -> None:
    filled(office)
    out, asked = office.folder / "own", ("internal-figures", "--from", FIRST, "--to", LAST)
    assert office.run(*asked, user="aigerim").exit_code == 6
    document = office.document(*asked, "--out", str(out), user="daniyar")
    assert sorted(file.name for file in out.iterdir()) == ["INTERNAL-figures.csv", "INTERNAL-figures.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}
    assert json.loads((out / "INTERNAL-figures.json").read_bytes()) == document
    rows = list(csv.DictReader((out / "INTERNAL-figures.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["status"] for row in rows} == {"internal"}
    assert sum(int(row["count"]) for row in rows if row["figure"] == "received") == 200
    assert any(0 < int(row["count"]) < 5 for row in rows)
    assert {row["month"] for row in rows} == {"2026-01"}
    refused = office.run("transparency", "--from", FIRST, "--to", LAST, "--draft", "--out", str(out))
    assert refused.exit_code == 7
    assert "never lie together" in refused.stderr
    office.ok("transparency", "--from", FIRST, "--to", LAST, "--draft", "--out", str(office.folder / "public"))
    assert office.run(*asked, "--out", str(office.folder / "public"), user="daniyar").exit_code == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "yesterday", "--to", LAST), "--from"),
        (("--from", LAST, "--to", FIRST), "--to"),
        (("--from", FIRST, "--to", "9999-12-31"), "--to"),
        (("--from", FIRST, "--to", FIRST), "--to"),
        (("--from", FIRST, "--to", LAST, "--draft", "--revise"), "--revise"),
        (("--from", FIRST, "--to", LAST, "--with-urls"), "--out"),
        (("--from", FIRST, "--to", LAST, "--out", "settings.toml"), "--out"),
    ],
)
def test_what_is_wrong_is_named(office: Office, arguments: tuple[str, ...], said: str) -> None:
    filled(office, 3)
    given = [str(office.folder / one) if one.endswith(".toml") else one for one in arguments]
    refused = office.run("transparency", *given, user="daniyar")
    assert refused.exit_code == 7, refused.output
    assert said in refused.stderr
