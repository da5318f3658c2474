"""The store: a commit whose outcome is unknown, and files that somebody takes away while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver import LEAD, M1, Driver
from tests.promises.refusing import refused


def test_a_commit_that_landed_is_acknowledged_whatever_was_answered(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.commit_fails(lands=True)
    assert office.push("notice.issued", office.notice())["status"] == 202
    assert len(office.cases()) == 1


def test_a_commit_that_did_not_land_is_not_acknowledged_and_can_be_repeated(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.commit_fails(lands=False)
    assert office.push("notice.issued", office.notice())["status"] == 503
    assert office.cases() == []
    assert office.push("notice.issued", office.notice())["status"] == 202
    assert len(office.cases()) == 1


@pytest.mark.parametrize("lands", [True, False])
def test_what_nobody_knows_is_not_acknowledged(lands: bool, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.commit_fails(lands=lands, readable=False)
    assert office.push("notice.issued", office.notice())["status"] == 503
    assert office.push("notice.issued", office.notice())["status"] == (200 if lands else 202)
    assert len(office.cases()) == 1


@pytest.mark.writes_by_itself  # a commit whose outcome nobody told
@pytest.mark.parametrize("lands", [True, False])
def test_a_step_of_a_person_is_told_as_it_ended(lands: bool, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.commit_fails(lands=lands)
    if lands:
        office.claim(M1, case)
    else:
        with refused("commit_unknown"):
            office.claim(M1, case)
    assert office.case(case)["state"] == ("claimed" if lands else "queued")
    office.alarm(LEAD, case)
    assert office.faults() == []


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_nothing_is_acknowledged_into_a_file_that_is_gone(end: str, tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1)
    office.path.with_name(office.path.name + end).unlink()
    assert office.push("notice.issued", office.notice(2))["status"] == 503


def test_an_older_copy_in_the_place_of_the_store_is_not_opened(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue(1)
    office.stop()
    older = office.path.read_bytes()
    office.start()
    office.issue(2)
    office.stop()
    office.path.write_bytes(older)
    with refused("store_behind"):
        office.start()


def test_where_everybody_gets_a_lock_no_store_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    with refused("store_unusable"):
        Driver(tmp_path)


def test_two_platforms_see_and_change_only_their_own(tmp_path: Path) -> None:
    office, other = Driver(tmp_path), Driver(tmp_path, platform="another")
    case = office.issue()
    assert other.cases() == []
    with refused("not_found"):
        other.claim(M1, case)
