"""Copies of the store by the commands: taken while it is used, looked into without a trace, put in its place."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql import copies
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.assembly import master_keys
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.errors import StoreUnusable
from tests.cli_office import Office
from tests.unguarded import unguard


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def copied(office: Office, name: str = "copy.sqlite3") -> Path:
    copy = office.folder / name
    assert office.document("db", "backup", str(copy)) == {"path": str(copy), "bytes": copy.stat().st_size}
    return copy


def held(office: Office) -> list[str]:
    return sorted(case["notice_id"] for case in office.document("cases", "list")["cases"])


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.slow
def test_a_copy_of_a_store_in_use_is_whole_and_only_its_owner_can_read_it(office: Office) -> None:
    first = office.entered(1)
    with ComplianceDesk(Settings.load(office.config, environ={})) as desk:
        copy = copied(office)
        assert desk.health() is not None
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    office.entered(2)
    before = files(office.folder)
    found = office.document("db", "check", str(copy))
    assert (found["checked"], found["damaged"], found["faults"]) == (1, [], [])
    assert found["revision"] == found["newest"]
    assert f"{copy} is whole" in office.ok("db", "check", str(copy))
    assert files(office.folder) == before
    assert office.document("db", "check")["checked"] == 2
    assert first.notice_id in held(office)


def test_nothing_that_was_deleted_is_in_a_copy(office: Office) -> None:
    office.entered(1)
    secret = b"a word that was taken away"
    with closing(sqlite3.connect(office.store)) as raw:
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("CREATE TABLE scratch (a)")
        raw.execute("INSERT INTO scratch VALUES (?)", (secret * 100,))
        raw.commit()
        raw.execute("DROP TABLE scratch")
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret in office.store.read_bytes()
    assert secret not in copied(office).read_bytes()


@pytest.mark.parametrize("command", ["backup", "check"])
def test_a_mistyped_store_is_no_empty_copy(command: str, office: Office) -> None:
    target = [str(office.folder / "copy.sqlite3")] if command == "backup" else []
    assert "there is no database at" in office.refused(3, "db", command, *target)
    assert {file.name for file in office.folder.iterdir()} == {"settings.toml"}


def test_a_copy_is_written_over_nothing_and_into_no_missing_folder(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    before = copy.read_bytes()
    assert "is there already" in office.refused(3, "db", "backup", str(copy))
    assert copy.read_bytes() == before
    missing = office.folder / "nowhere" / "copy.sqlite3"
    assert "cannot be written" in office.refused(7, "db", "backup", str(missing))


def test_a_copy_that_was_broken_off_leaves_nothing(office: Office) -> None:
    office.entered(1)

    def interrupted(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    before = {file.name for file in office.folder.iterdir()}
    copies._INSTRUCTIONS, told = 1, copies._INSTRUCTIONS
    try:
        with pytest.raises(KeyboardInterrupt):
            copies.back_up(choose_driver(), str(office.store), str(office.folder / "copy"), interrupted)
    finally:
        copies._INSTRUCTIONS = told
    assert {file.name for file in office.folder.iterdir()} - before <= {"cases.sqlite3-wal", "cases.sqlite3-shm"}


def test_a_damaged_copy_another_programs_and_one_with_a_log_are_told_apart(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    whole = copy.read_bytes()
    log = Path(f"{copy}-wal")
    log.write_bytes(b"something")
    assert "is no whole copy: its log lies beside it" in office.refused(3, "db", "check", str(copy))
    log.unlink()
    copy.write_bytes(whole[: len(whole) // 2])
    assert office.run("db", "check", str(copy)).exit_code in (3, 4)
    assert "damaged" in office.run("db", "check", str(copy)).output
    copy.write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    assert "is damaged, or no database" in office.refused(3, "db", "check", str(copy))
    copy.unlink()
    with closing(sqlite3.connect(copy)) as other:
        other.execute("CREATE TABLE theirs (a)")
    assert "another program" in office.refused(3, "db", "check", str(copy))
    assert "there is no database at" in office.refused(3, "db", "check", str(office.folder / "mistyped"))


@pytest.mark.slow
def test_a_copy_whose_chain_was_changed_is_named(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    with closing(sqlite3.connect(copy)) as raw:
        unguard(raw)
        raw.execute("UPDATE events SET at = at + 1 WHERE seq = 1")
        raw.commit()
    assert office.document("db", "check", str(copy), code=4)["faults"]
    assert "not as they were written" in office.run("db", "check", str(copy)).output


@pytest.mark.slow
def test_a_copy_takes_the_place_of_the_store_and_what_was_there_is_put_aside(office: Office) -> None:
    first = office.entered(1)
    copy = copied(office)
    office.entered(2)
    before = office.store.read_bytes()
    done = office.document("db", "restore", str(copy), "--yes")
    assert held(office) == [first.notice_id]
    (missing,) = done["missing"]
    assert "its log ends with line" in missing
    assert done["put_aside"] == [f"{office.store}.old"]
    aside = Path(f"{office.store}.old")
    assert len(aside.read_bytes()) == len(before)
    assert stat.S_IMODE(office.store.stat().st_mode) == 0o600
    assert office.document("audit", "verify")["intact"] is True
    office.entered(3)
    # What was put aside is written over by no second one.
    assert "earlier restore" in office.refused(3, "db", "restore", str(copy), "--yes")
    assert len(held(office)) == 2


def test_a_lost_store_is_restored_and_nobody_is_asked(office: Office) -> None:
    first = office.entered(1)
    copy = copied(office)
    office.store.unlink()
    assert office.document("db", "restore", str(copy))["put_aside"] == []
    assert held(office) == [first.notice_id]


@pytest.mark.slow
def test_a_restore_waits_for_people_and_for_every_process(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    office.entered(2)
    assert "--yes" in office.refused(7, "db", "restore", str(copy))
    with ComplianceDesk(Settings.load(office.config, environ={})):
        assert "Stop every receiver and worker" in office.refused(3, "db", "restore", str(copy), "--yes")
    assert len(held(office)) == 2


def test_a_copy_that_is_damaged_or_locked_by_another_key_takes_no_place(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-8192])
    assert "damaged" in office.refused(3, "db", "restore", str(copy), "--yes")
    copy.write_bytes(whole)
    office.configure('privacy.master_key = { id = "other", secret = "' + "ab" * 32 + '" }')
    assert "privacy.master_key" in office.refused(3, "db", "restore", str(copy), "--yes")
    office.configure()
    assert len(held(office)) == 1


@pytest.mark.slow
def test_a_restore_that_was_broken_off_changed_nothing(office: Office) -> None:
    office.entered(1)
    copy = copied(office)
    office.entered(2)
    settings = Settings.load(office.config, environ={})

    def interrupted(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copies.restore(
            choose_driver(),
            str(copy),
            str(office.store),
            f"{office.store}.mark",
            master_keys(settings),
            settings.privacy.ledger_keys(),
            interrupted,
        )
    assert not Path(f"{office.store}.new").exists()
    assert len(held(office)) == 2
    with pytest.raises(StoreUnusable):
        copies.restore(
            choose_driver(),
            str(office.folder / "mistyped"),
            str(office.store),
            f"{office.store}.mark",
            master_keys(settings),
            settings.privacy.ledger_keys(),
            interrupted,
        )
