"""Two people of one machine on one store: a folder that hands its group on, and modes that let the group write."""

from __future__ import annotations

import json
import multiprocessing
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from tests.cli_office import Office, moments_ago

GROUP = 61_000
ACCOUNTS = {"aigerim": 61_001, "daniyar": 61_002}
"""Two accounts of one group, which the machine need not know by name."""
ROOT = os.name == "posix" and os.geteuid() == 0
_forking = multiprocessing.get_context("fork")


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in sorted(folder.glob("cases.sqlite3*"))}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office in a folder that its group shares. pytest's own folders are closed to other accounts."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="kz-shared-"))
    try:
        office = Office(folder, monkeypatch)
        office.config.chmod(0o640)
        if ROOT:
            for path in (folder, office.config):
                os.chown(path, ACCOUNTS["aigerim"], GROUP)
        folder.chmod(0o2770)
        yield office
    finally:
        shutil.rmtree(folder)


# ------------------------------------------------------------------------------------------- the modes


@pytest.mark.parametrize("umask", [0o022, 0o077, 0])
def test_in_a_folder_that_hands_its_group_on_every_file_is_the_groups(shared: Office, umask: int) -> None:
    was = os.umask(umask)
    try:
        shared.ok("db", "upgrade")
        shared.vouched()
    finally:
        os.umask(was)
    assert {0o660} == set(modes(shared.folder).values())
    assert {file.stat().st_gid for file in shared.folder.glob("cases.sqlite3*")} == {shared.folder.stat().st_gid}


@pytest.mark.parametrize("mode", [0o700, 0o770, 0o2750, 0o2777])
def test_in_any_other_folder_every_file_is_its_owners_alone(shared: Office, mode: int) -> None:
    shared.folder.chmod(mode)
    shared.ok("db", "upgrade")
    assert {0o600} == set(modes(shared.folder).values())


def test_doctor_says_which_file_the_group_cannot_use(shared: Office) -> None:
    shared.ok("db", "upgrade")
    assert _check(shared, "permissions")["status"] == "ok"
    (shared.folder / "cases.sqlite3.lane").chmod(0o600)
    told = _check(shared, "permissions")
    assert told["status"] == "warn"
    assert "chmod" in told["remedy"]
    assert "cases.sqlite3.lane" in told["remedy"]


def _check(office: Office, name: str) -> Any:
    result = office.run("doctor", "--json")
    return next(check for check in json.loads(result.stdout)["checks"] if check["name"] == name)


# ------------------------------------------------------------------------------------------- two accounts


def _become(person: str) -> None:
    if ROOT:
        os.setgroups([GROUP])
        os.setgid(ACCOUNTS[person])
        os.setuid(ACCOUNTS[person])
    os.umask(0o077)


def _command(told: Any, config: Path, person: str, arguments: tuple[str, ...]) -> None:
    _become(person)
    result = CliRunner().invoke(app, ["--config", str(config), *arguments])
    told.send((result.exit_code, result.output))


def by(office: Office, person: str, *arguments: str) -> tuple[int, str]:
    """A command by an account of this machine, in a process of its own: its exit code, and what it said."""
    office.user = person
    answer, told = _forking.Pipe(duplex=False)
    process = _forking.Process(target=_command, args=(told, office.config, person, arguments))
    process.start()
    told.close()
    try:
        found: tuple[int, str] = answer.recv() if answer.poll(60) else (-1, "no answer in time")
    except EOFError:
        found = -1, "it died"
    process.join(10)
    return found


def _hold(told: Any, go_on: Any, store: Path, person: str) -> None:
    _become(person)
    held = SqliteStore(store, frozen_env(FrozenClock()), threaded=False)
    held.queries("social").health(0)
    told.send(True)
    go_on.poll(120)
    held.close()


@contextmanager
def holding(office: Office, person: str) -> Iterator[None]:
    """A process of this person that has the store open, as a worker has."""
    opened, told = _forking.Pipe(duplex=False)
    go_on, done = _forking.Pipe(duplex=False)
    process = _forking.Process(target=_hold, args=(told, go_on, office.store, person))
    process.start()
    try:
        assert opened.poll(60), "the store was not opened in time"
        yield
    finally:
        done.send(True)
        process.join(60)


def decided_by_two(office: Office, step: Callable[..., object]) -> None:
    """A letter, typed in by one and vouched for by the other; a decision that one proposes and the other approves."""
    notice = builders.notice(13)
    file = office.write("letter.json", notice.model_dump(mode="json", exclude_none=True))
    name = notice.notice_id
    entering = ("--file", file, "--received-at", moments_ago(), "--how", office.words("letter"), "--yes")
    step("aigerim", "notices", "enter", *entering)
    step("daniyar", "cases", "authenticate", name, "--how", office.words("called back"))
    step("aigerim", "cases", "claim", name)
    step("aigerim", "cases", "decide", name, "--file", office.proposal(name), "--yes")
    digest = office.document("cases", "show", name)["decisions"][-1]["digest"]
    step("daniyar", "cases", "approve", name, "--digest", digest)


@pytest.mark.slow
def test_two_accounts_of_one_group_decide_with_four_eyes(
    tmp_path: Path, shared: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(person: str, *arguments: str) -> None:
        code, said = by(shared, person, *arguments)
        assert code == 0, (person, arguments, said)

    # An account that may not read this interpreter's own files needs every module to be there already.
    practice = Office(tmp_path, monkeypatch)
    practice.ok("db", "upgrade")
    decided_by_two(practice, lambda person, *arguments: practice.ok(*arguments, user=person))
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_name=shared.user))
    step("aigerim", "db", "upgrade")
    with holding(shared, "daniyar"):
        decided_by_two(shared, step)
        found = modes(shared.folder)
        assert set(found.values()) == {0o660}
        assert len(found) == (6 if choose_driver().wal else 4)
    assert shared.document("cases", "list", "--state", "decided")["cases"]
    assert shared.document("audit", "verify")["intact"] is True
    if ROOT:
        owners = {file.stat().st_uid for file in shared.folder.glob("cases.sqlite3*")}
        assert owners <= {ACCOUNTS["aigerim"]}, "the control: the other account owns nothing of it"


@pytest.mark.slow
def test_an_account_that_is_kept_out_is_told_what_lets_it_in(shared: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.folder.chmod(0o770)
    refused = (("cases", "list"), ("cases", "claim"), ("db", "status"))
    # The first run loads every module: another account may not read this interpreter's own files.
    for arguments in (("db", "upgrade"), *refused):
        shared.run(*arguments)
    if ROOT:
        for file in shared.folder.glob("cases.sqlite3*"):
            os.chown(file, ACCOUNTS["aigerim"], ACCOUNTS["aigerim"])
    code, said = by(shared, "aigerim", "cases", "list")
    assert code == 0, said
    if not ROOT:
        for file in shared.folder.glob("cases.sqlite3*"):
            file.chmod(0)
    for arguments in refused:
        code, said = by(shared, "daniyar", *arguments)
        assert code == 3, said
        for word in ("store.path", "chmod 2770", "chmod 660"):
            assert word in said
