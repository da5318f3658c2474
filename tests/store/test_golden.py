"""What landed code wrote is read by this code, and gone on with: a store changes by migration alone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from tests import postgres
from tests.driver import LEAD, M1, Driver
from tests.store import golden
from tests.unguarded import unguard

KEPT = sorted(golden.FOLDER.glob("*.zip"))
ON_SERVER, _MARKS = ".postgresql", [pytest.mark.postgres, pytest.mark.slow]
ALL = [
    pytest.param((kept, name), id=f"{kept.stem} {name}", marks=_MARKS if kept.stem.endswith(ON_SERVER) else [])
    for kept in KEPT
    for name in golden.STORES
]


@pytest.fixture(params=ALL)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Driver, golden.Said]]:
    """The office over a copy of a store that was kept, at the time when it was; and what was read of it then."""
    archive, name = request.param
    on_server = archive.stem.endswith(ON_SERVER)
    with zipfile.ZipFile(archive) as held, postgres.database(empty=True) if on_server else nullcontext("") as url:
        said = json.loads(held.read(f"{name}.json"))
        if on_server:
            postgres.run(held.read(f"{name}.sql").decode(), url=url)
        else:
            held.extract(f"{name}.sqlite3", tmp_path)
        made = golden.office(tmp_path, name, said["at"], url=url)
        yield made, said
        made.stop()


def missing(was: Any, now: Any, where: str = "") -> list[str]:
    """Where what was read then is not read now; what is told beside it is new."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return [one for key in was for one in missing(was[key], now.get(key), f"{where}.{key}")]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [one for n, pair in enumerate(zip(was, now, strict=True)) for one in missing(*pair, f"{where}[{n}]")]
    return [] if was == now else [where]


def test_the_schema_of_today_has_a_store_that_was_kept() -> None:
    assert [one.stem for one in KEPT[-2:]] == [f"{HEAD}{ON_SERVER}", HEAD], "run: python -m tests.store.golden"


def test_the_same_is_read_of_it(kept: tuple[Driver, golden.Said]) -> None:
    office, was = kept
    now = golden.said(office)
    assert now["cases"].keys() == was["cases"].keys()
    assert missing(was, now) == []
    changed = json.loads(json.dumps(was).replace('"state": "closed"', '"state": "lifted"'))
    assert missing(changed, now), "the control"


@pytest.mark.slow
def test_its_chains_are_proved_and_its_rows_are_what_they_say(kept: tuple[Driver, golden.Said]) -> None:
    office, was = kept
    assert office.faults() == []
    assert office.desk.sweep().lies == ()
    case = next(iter(was["cases"]))
    office.stop()
    of_case = f"WHERE stream = (SELECT n FROM streams WHERE name = 'case/{case}') AND seq = 1"  # noqa: S608
    if isinstance(office, golden.OnServer):
        other = "convert_to(replace(convert_from(content, 'UTF8'), 'opened', 'closed'), 'UTF8')"
        unguarded = "ALTER TABLE events DISABLE TRIGGER USER"
        postgres.run(unguarded, f"UPDATE events SET content = {other} {of_case}", url=office.url)  # noqa: S608
    else:
        with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
            unguard(raw)
            other = "CAST(replace(CAST(content AS TEXT), 'opened', 'closed') AS BLOB)"
            raw.execute(f"UPDATE events SET content = {other} {of_case}")  # noqa: S608
    office.start()
    assert office.faults() != [], "the control"


@pytest.mark.slow
def test_people_and_the_regulator_go_on_with_it(kept: tuple[Driver, golden.Said]) -> None:
    office, was = kept
    office.wait(60)
    office.watch()
    office.deliver()
    before = len(office.reports())
    for case, said in was["cases"].items():
        if said["state"] == "queued" and office.case(case)["state"] == "queued":
            office.propose(LEAD, case, office.claim(LEAD, case), "none")
    new = office.issue(900)
    office.decide(new, by=M1)
    office.wait(120)
    office.deliver()
    assert office.case(new)["state"] == "closed"
    assert len(office.reports()) > before
    assert office.faults() == []
    assert office.desk.sweep().lies == ()
