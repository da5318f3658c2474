"""A store moved from a file to PostgreSQL and back: all of it, cut off anywhere, and never on top of anything else."""

from __future__ import annotations

import os
import signal
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from kz_compliance_sdk.adapters.sql import moving
from kz_compliance_sdk.adapters.sql.mark import place_of
from kz_compliance_sdk.adapters.sql.moving import Moved, Progress
from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.adapters.sql.schema import HEAD
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore, SqlStore
from kz_compliance_sdk.domain.ledger import LedgerKeys
from kz_compliance_sdk.errors import InvalidInput, StoreUnusable
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.ports import Env
from tests import postgres
from tests.cli_office import Office
from tests.ledger.tampering.scenery import LEDGER
from tests.scene import PLATFORM
from tests.store import golden
from tests.store.conftest import raw, saved
from tests.unguarded import unguard
from tests.waiting import comes

ON_POSTGRES = [pytest.mark.postgres, pytest.mark.slow]
PASSWORD = "never-to-be-shown"
ENV = Env.system()


def kept(folder: Path, name: str = "story") -> Path:
    """A file with cases in every state."""
    with zipfile.ZipFile(golden.FOLDER / f"{HEAD}.zip") as archive:
        archive.extract(f"{name}.sqlite3", folder)
    return folder / f"{name}.sqlite3"


def open_at(place: Path | str, name: str = "story") -> SqlStore:
    own: dict[str, Any] = {"keys": golden.STORES[name].get("keys"), "ledger_keys": LedgerKeys((LEDGER,))}
    if isinstance(place, Path):
        return SqliteStore(place, ENV, threaded=False, **own)
    return PostgresStore(place, ENV, threaded=False, **own)


def reading(place: Path | str) -> AbstractContextManager[Connection]:
    if isinstance(place, Path):
        return moving.reading_file(choose_driver(), str(place), place_of(place, None))
    return moving.reading_server(place, ENV)


def move(source: Path | str, target: Path | str, name: str = "story", progress: Progress = lambda *_: None) -> Moved:
    with reading(source) as opened, closing(open_at(target, name)) as store:
        return moving.move(opened, store, progress)


@pytest.fixture(params=["file", pytest.param("postgresql", marks=ON_POSTGRES)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where nothing is yet."""
    if request.param == "file":
        yield tmp_path / "moved.sqlite3"
        return
    with postgres.database(empty=True) as url:
        yield url


def everything(file: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(file)) as one:
        return {table.name: sorted(one.execute(f"SELECT * FROM {table.name}"), key=repr) for table in moving._ALL}  # noqa: S608


@pytest.mark.parametrize("name", golden.STORES)
@pytest.mark.slow
def test_there_and_back_it_is_the_same_store(name: str, target: Path | str, tmp_path: Path) -> None:
    file, back = kept(tmp_path, name), tmp_path / "back.sqlite3"
    before = everything(file)
    there = move(file, target, name)
    assert there.differences == ()
    assert there.rows == {table: len(rows) for table, rows in before.items()}
    assert min(there.rows[one] for one in ("events", "parts", "keys", "log", "cases", "outbox", "attempts")) > 0
    with closing(open_at(target, name)) as store:
        assert verify(store.queries(PLATFORM), PLATFORM).intact
    assert move(target, back, name).differences == ()
    assert everything(back) == before


@pytest.mark.slow
def test_what_was_moved_is_gone_on_with(target: Path | str, tmp_path: Path) -> None:
    file = kept(tmp_path)
    move(file, target)
    with closing(open_at(target)) as store:
        highest = raw(store, "SELECT max(n) FROM streams")[0][0]
        case = saved(store, 700, received_at=2_000_000_000)
        assert store.queries(PLATFORM).case(case.id) == case
        assert raw(store, "SELECT n FROM streams WHERE name = ?", f"case/{case.id}")[0][0] > highest
        store.place_all()
        # Its message is made up, and that is all that is wrong.
        assert {one.case_id for one in verify(store.queries(PLATFORM), PLATFORM).faults} == {case.id}


def cut(source: Path, target: Path | str, after: int) -> bool:
    """Kill a process that moves the store once it has told of its progress so often; False if it came to its end."""
    if pid := os.fork():
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    told = iter(range(after))

    def tell(_doing: str, _done: int, _of: int) -> None:
        if next(told, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        move(source, target, progress=tell)
    finally:
        os._exit(0)


@pytest.mark.slow
def test_cut_off_anywhere_it_goes_on(target: Path | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "AT_ONCE", 40)
    file, told = kept(tmp_path), list[str]()
    move(file, tmp_path / "counted.sqlite3", progress=lambda doing, *_: told.append(doing))
    places = [
        told.index("copying events") + 2,
        told.index("copying parts") + 1,
        told.index("making the rows"),
        len(told) - 3,
    ]
    assert places == sorted(places)
    for place in places:
        assert cut(file, target, place)
        _left(target)
    again = list[str]()
    assert move(file, target, progress=lambda doing, *_: again.append(doing)).differences == ()
    assert again == told
    assert not cut(file, target, len(told) + 1), "the control: it comes to its end"


def _left(target: Path | str) -> None:
    """Wait until the server has noticed that a process is gone."""
    if isinstance(target, str):
        comes(lambda: not postgres.run(moving._OTHERS, url=target)[0][0])


@pytest.mark.slow
def test_a_store_that_went_on_between_two_tries_is_brought_up_to_date(target: Path | str, tmp_path: Path) -> None:
    file = kept(tmp_path)
    move(file, target)
    with closing(open_at(file)) as store:
        case = saved(store, 700)
    assert move(file, target).differences == ()
    with closing(open_at(target)) as store:
        assert store.queries(PLATFORM).case(case.id) == case


def test_a_target_that_holds_something_else_is_left_alone(target: Path | str, tmp_path: Path) -> None:
    file = kept(tmp_path)
    with closing(open_at(target)) as store:
        saved(store, 700)
        before = raw(store, "SELECT count(*) FROM events"), raw(store, "SELECT count(*) FROM streams")
    with pytest.raises(StoreUnusable, match=r"holds something else: (platform_keys|streams) ") as refused:
        move(file, target)
    assert refused.value.code == "target_not_empty"
    with closing(open_at(target)) as store:
        assert (raw(store, "SELECT count(*) FROM events"), raw(store, "SELECT count(*) FROM streams")) == before


@pytest.mark.slow
def test_where_something_was_erased_between_two_tries_the_target_is_refused(target: Path | str, tmp_path: Path) -> None:
    file = kept(tmp_path)
    move(file, target)
    with closing(choose_driver().module.connect(file, isolation_level=None)) as source:
        unguard(source)
        source.execute("DELETE FROM keys WHERE class = 'erasable'")
    with pytest.raises(StoreUnusable, match=r"holds something else: keys \(stream case/"):
        move(file, target)


@pytest.mark.postgres
@pytest.mark.slow
def test_what_several_hosts_counted_in_one_second_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "moved.sqlite3"
    with postgres.database() as url:
        line = f"INSERT INTO volumes VALUES ('{PLATFORM}', 'an authority', 7, 2)"  # noqa: S608
        postgres.run(line, line.replace("7, 2", "7, 3"), line.replace("7, 2", "8, 1"), url=url)
        assert move(url, file).differences == ()
    assert [row[-2:] for row in everything(file)["volumes"]] == [(7, 5), (8, 1)]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_role_that_may_not_go_on_from_it_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    with postgres.database() as url:
        role = f"desk_{url.partition('?')[0][-16:]}"
        grants = (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON SEQUENCE stream_numbers TO {role}",
        )
        postgres.run(*grants, url=url)
        try:
            with pytest.raises(StoreUnusable, match="stream_numbers"):
                move(kept(tmp_path), url.replace("//postgres:@", f"//{role}@"))
            assert postgres.run("SELECT count(*) FROM streams", url=url) == [(0,)]
        finally:
            postgres.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}", url=url)


def test_a_store_that_is_in_use_is_not_moved(target: Path | str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite3"
    with closing(open_at(target)) as store:
        saved(store, 700)
        with pytest.raises(StoreUnusable, match="Stop every receiver") as refused:
            move(target, elsewhere)
    assert refused.value.code == "store_in_use"
    assert not elsewhere.exists()
    _left(target)
    assert move(target, elsewhere).differences == (), "the control"


@pytest.mark.postgres
@pytest.mark.slow
def test_who_writes_by_another_name_is_met_at_the_lock(tmp_path: Path) -> None:
    import psycopg

    with postgres.database() as url, psycopg.connect(url) as other:
        other.execute("LOCK TABLE inbox IN ROW EXCLUSIVE MODE")
        with pytest.raises(StoreUnusable, match="Stop every receiver"):
            move(url, tmp_path / "elsewhere.sqlite3")


CHANGES: dict[str, str] = {
    "UPDATE events SET at = at + 1 WHERE seq = 2": "is another than in the source",
    "DELETE FROM parts WHERE seq = 1": "did not come",
    "UPDATE cases SET urgent_at = urgent_at + 1": "is another than in the source",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.slow
def test_a_row_that_was_changed_on_the_way_is_named(change: str, target: Path | str, tmp_path: Path) -> None:
    def tamper(doing: str, done: int, _of: int) -> None:
        if doing == "comparing platform_keys" and not done:
            _unguarded(target, change)

    told = move(kept(tmp_path), target, progress=tamper).differences
    table = change.replace("DELETE FROM", "UPDATE").split()[1]
    assert told
    assert all(one.startswith(f"{table} (stream ") for one in told)
    assert any(one.startswith(f"{table} (stream case/") for one in told)
    assert all(one.endswith(CHANGES[change]) for one in told)


def _unguarded(target: Path | str, statement: str) -> None:
    if isinstance(target, Path):
        with closing(choose_driver().module.connect(target, isolation_level=None)) as file:
            unguard(file)
            file.execute(statement)
    else:
        tables = ("events", "parts", "cases")
        postgres.run(*(f"ALTER TABLE {one} DISABLE TRIGGER USER" for one in tables), statement, url=target)


# ------------------------------------------------------------------------------------------------- by the command line


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.mark.postgres
@pytest.mark.slow
def test_an_office_moves_to_a_server(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = office.entered(1)
    with postgres.database(empty=True) as url:
        command = ("db", "move", "--from", f"sqlite:///{office.store}", "--to", url)
        moved = office.document(*command)
        assert (moved["differences"], moved["rows"]["cases"]) == ([], 1)
        assert "Next: set store.url" in office.ok(*command)
        monkeypatch.setenv("KZ_COMPLIANCE_STORE__URL", url)
        assert office.document("cases", "show", notice.notice_id)["state"] == "queued"
        assert office.document("db", "rebuild")["mended"] == []
        assert office.ok("audit", "verify").startswith("1 case checked: every chain is whole.")
        office.entered(2)


def test_what_cannot_be_moved_is_told_by_the_option(office: Office) -> None:
    there = f"sqlite:///{office.folder / 'there.sqlite3'}"
    assert "no database at" in office.refused(3, "db", "move", "--from", f"sqlite:///{office.store}", "--to", there)
    office.entered(1)
    here = f"sqlite:///{office.store}"
    assert "--to: it is the store" in office.refused(
        exits.CODE_OF[InvalidInput], "db", "move", "--from", here, "--to", here
    )
    for wrong in (f"mysql://desk:{PASSWORD}@db.example/desk", "sqlite:///", f"postgresql://desk:{PASSWORD}#1@db/desk"):
        said = office.refused(exits.CODE_OF[InvalidInput], "db", "move", "--from", here, "--to", wrong)
        assert "--to: it is no address of a store" in said
        assert PASSWORD not in said


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_named_without_the_password(office: Office) -> None:
    office.entered(1)
    url, here = f"postgresql://desk:{PASSWORD}@127.0.0.1:1/desk", f"sqlite:///{office.store}"
    for command in (("--from", here, "--to", url), ("--from", url, "--to", f"{here}.new")):
        said = office.refused(3, "db", "move", *command)
        assert "cannot be reached" in said
        assert PASSWORD not in said
