"""The command line around the job: settings, schema, audit, doctor, help, errors and exit codes."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kz_compliance_sdk import errors
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces import cli
from kz_compliance_sdk.faces.cli import doctor, exits, screen, session
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.faces.cli.session import Session
from tests.cli import cli_pages
from tests.cli_office import SECRET, WEBHOOK, Office
from tests.unguarded import unguard


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(typer.Context(group)):
        command = group.commands[name]
        yield (*path, name)
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, typer.core.TyperGroup)
COMMANDS = sorted(commands(ROOT))


# --------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.testing._get_command", lambda _app: ROOT)  # built once, not for each command
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_commands_are_those_that_were_promised() -> None:
    promised = {
        ("serve",), ("worker",), ("mock-regulator",), ("doctor",), ("health",), ("sanctions",), ("audit", "verify"),
        ("config", "show"), ("db", "upgrade"), ("db", "status"), ("db", "sql"), ("notices", "enter"),
        *(
            ("cases", name)
            for name in (
                "list", "show", "claim", "renew", "release", "decide", "approve", "send-back", "undo", "reopen",
                "clarify", "recall", "authenticate", "settle", "acknowledge", "letter", "by-hand", "delivered", "retry",
            )
        ),
    }  # fmt: skip
    assert promised <= set(COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "too"), [(["--help"], {"kz_compliance_sdk.domain.policy"}), (["cases", "--help"], set())], ids=str
)
def test_help_loads_neither_a_database_nor_a_network_library(asked: list[str], too: set[str]) -> None:
    """The first help of all needs no rules of cases either."""
    heavy = {"sqlalchemy", "httpx", "uvicorn", "alembic", "cryptography", *too}
    code = (
        "import sys\nfrom kz_compliance_sdk.faces.cli import main\n"
        f"try:\n    main({asked!r})\nexcept SystemExit:\n    pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints(shell: str) -> None:
    environment = {**os.environ, "_KZ_COMPLIANCE_COMPLETE": f"source_{shell}"}
    out = subprocess.run(
        [sys.executable, "-m", "kz_compliance_sdk"], env=environment, capture_output=True, text=True, check=True
    )
    assert "_KZ_COMPLIANCE_COMPLETE" in out.stdout


@pytest.mark.slow
def test_the_version_and_the_module_are_the_command() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "kz_compliance_sdk", "--version"], capture_output=True, text=True, check=True
    )
    assert out.stdout.startswith("kz-compliance ")


# ------------------------------------------------------------------------------------------ errors and exit codes


def test_every_error_of_the_library_has_its_exit_code() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if kind is not ComplianceError:
            assert exits.exit_code(kind.__new__(kind)) not in (exits.OK, exits.UNEXPECTED, exits.USAGE), name
    assert exits.exit_code(RuntimeError()) == exits.UNEXPECTED
    assert exits.exit_code(errors.StoreUnusable("x")) == 3
    assert exits.exit_code(errors.StoreFull("x")) == 9


def test_exit_codes_are_told_apart() -> None:
    named = [exits.OK, exits.UNEXPECTED, exits.USAGE, exits.FOUND, exits.NOT_PROVABLE]
    named += [exits.INTERRUPTED, exits.NO_READER]
    of_errors = set(exits.CODE_OF.values())
    assert len({*named, *of_errors}) == len(named) + len(of_errors)
    assert cli_pages.EXITS.keys() == {*named, *of_errors}, "the page tells of each"


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit) as stopped:
        cli.main([])
    assert stopped.value.code == 3
    assert capsys.readouterr().err == "error: the command line needs an extra: pip install 'kz-compliance-sdk[cli]'\n"


def test_a_wrong_command_line_is_one_line_that_names_the_help(office: Office) -> None:
    line = office.refused(2, "cases", "lits")
    assert line == "error: No such command 'lits'. Did you mean 'list'? See: kz-compliance cases --help"
    office.refused(2, "cases", "list", "--limit", "0")
    office.refused(2, "cases", "list", "--state", "lost")
    office.refused(2, "notices", "enter")


def test_a_wrong_setting_is_one_line_that_names_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.configure("platfrom = 1")
    assert "platfrom" in office.refused(3, "cases", "list")
    monkeypatch.setenv("KZ_COMPLIANCE_STORE__CACHE_MIB", "much")
    office.configure()
    assert "KZ_COMPLIANCE_STORE__CACHE_MIB" in office.refused(3, "config", "show")
    assert "no-such" in office.refused(3, "--config", "no-such.toml", "config", "show")


def test_a_store_that_is_not_there_is_no_empty_queue(office: Office) -> None:
    line = office.refused(3, "cases", "list")
    assert "store.path" in line
    assert "db upgrade" in line
    assert not office.store.exists()


def test_an_error_is_a_document_too(office: Office) -> None:
    office.ok("db", "upgrade")
    document = office.document("cases", "show", "KZ-404", code=5)
    assert set(document["error"]) == {
        "code", "message", "more", "field", "remedy", "reference", "retryable", "exit_code"
    }  # fmt: skip
    assert (document["error"]["code"], document["error"]["reference"]) == ("not_found", "KZ-404")


def test_a_fault_of_the_program_shows_its_traceback_only_on_demand(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: Session) -> None:
        raise ZeroDivisionError("a secret in a message")

    monkeypatch.setattr(Session, "settings", broken)
    line = office.refused(1, "config", "show")
    assert "ZeroDivisionError" in line
    assert "--debug" in line
    assert "secret" not in line
    assert "Traceback" in office.run("--debug", "config", "show").stderr


# ------------------------------------------------------------------------------------------ schema and settings


def test_the_schema_is_made_once_and_looked_at_without_a_trace(office: Office) -> None:
    assert office.document("db", "status")["exists"] is False
    assert not office.store.exists()
    assert office.document("db", "upgrade")["upgraded"] is True
    again = office.document("db", "upgrade")
    assert (again["upgraded"], again["from"]) == (False, again["revision"])
    status = office.document("db", "status")
    assert (status["revision"], status["pending"]) == (status["head"], [])
    assert "up to date" in office.ok("db", "status")


def test_a_schema_of_a_later_release_is_left_alone(office: Office) -> None:
    office.ok("db", "upgrade")
    with closing(sqlite3.connect(office.store)) as raw, raw:
        raw.execute("UPDATE kz_compliance_schema SET version_num = '9999'")
    raw.close()
    for command in (("db", "status"), ("db", "upgrade"), ("cases", "list")):
        assert "9999" in office.refused(3, *command)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_schema_can_be_read_as_sql(office: Office, dialect: str) -> None:
    assert "CREATE TABLE cases" in office.ok("db", "sql", "--dialect", dialect)


@pytest.mark.slow
def test_an_upgrade_can_be_read_before_it_is_run_by_hand(office: Office) -> None:
    script = office.ok("db", "upgrade", "--sql")
    assert office.document("db", "upgrade", "--sql")["sql"] == script.rstrip("\n")
    assert not office.store.exists(), "nothing was changed"
    with closing(sqlite3.connect(office.store)) as typed:
        typed.executescript(script)
    assert office.document("db", "status")["pending"] == []
    assert office.ok("db", "upgrade", "--sql").startswith("-- Nothing to do")
    assert len(office.ok("db", "upgrade", "--sql").splitlines()) == 1
    office.entered(1)
    assert office.document("db", "check")["faults"] == []


def test_settings_are_shown_without_any_secret(office: Office) -> None:
    for shown in (office.ok("config", "show"), json.dumps(office.document("config", "show"))):
        assert "regulator-hmac" in shown
        assert "***" in shown
        assert SECRET not in shown
        assert WEBHOOK not in shown
        assert "very-secret-path" not in shown


# --------------------------------------------------------------------------------------------- looking after it


@pytest.mark.slow
def test_a_changed_audit_trail_is_found_and_named(office: Office) -> None:
    notice = office.entered()
    office.entered(2)
    told = office.ok("audit", "verify", notice.notice_id)
    assert told.startswith("1 case checked: every chain is whole.\nNot provable: that the store was not rewritten")
    with closing(sqlite3.connect(office.store)) as raw, raw:
        unguard(raw)
        raw.execute("UPDATE events SET at = at - 3600 WHERE seq = 1 AND stream = (SELECT max(n) FROM streams)")
    raw.close()
    document = office.document("audit", "verify", code=exits.FOUND)
    assert (document["checked"], document["intact"], len(document["faults"])) == (2, False, 1)
    result = office.run("audit", "verify")
    assert result.exit_code == exits.FOUND
    assert "1 fault in 1 of 2 cases" in result.stdout


@pytest.mark.slow
def test_health_says_when_the_machinery_is_silent(office: Office) -> None:
    office.ok("db", "upgrade")
    assert office.document("health", code=exits.FOUND)["attention"] == ["watcher_silent"]
    office.ok("worker", "--once")
    assert office.document("health")["status"] == "ok"
    assert re.search(r"watcher +\S+ \S+ \+05:00 Asia/Almaty \(\S+Z\)", office.ok("health"))


def test_no_sanction_is_said_so(office: Office) -> None:
    office.ok("db", "upgrade")
    assert office.ok("sanctions") == "No sanction was announced.\n"
    assert office.document("sanctions") == {"sanctions": []}


def checks(office: Office, code: int) -> dict[str, str]:
    document = office.document("doctor", code=code)
    assert all(set(check) == {"name", "status", "summary", "remedy", "details"} for check in document["checks"])
    assert all(check["remedy"] for check in document["checks"] if check["status"] == "fail")
    return {check["name"]: check["status"] for check in document["checks"]}


def test_the_doctor_finds_a_new_office_not_running(office: Office) -> None:
    assert checks(office, exits.FOUND)["store"] == "fail"
    office.ok("db", "upgrade")
    found = checks(office, exits.FOUND)
    assert (found["store"], found["schema"], found["watcher"], found["lane"]) == ("ok", "ok", "fail", "ok")
    assert found["law"] == "warn", "what nobody has verified must be said"


def test_the_doctor_finds_a_running_office_well(office: Office) -> None:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.change import Heartbeat

    office.ok("db", "upgrade")
    with ComplianceDesk(Settings.load(office.config)) as desk:
        desk.watch()
        beat = Heartbeat(desk.platform_id, "worker", desk.store.now())
        desk.store.submit(desk.platform_id, lambda _tx: ((beat,), None)).result()
    found = checks(office, exits.OK)
    assert (found["watcher"], found["worker"], found["deadlines"], found["parked"]) == ("ok", "ok", "ok", "ok")
    assert "fail" not in office.ok("doctor")


def test_the_doctor_finds_what_is_broken(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.entered(received="2026-11-01T00:00:00Z")
    office.ok("worker", "--once")
    office.config.write_text(office.config.read_text().replace("2099-01-01", "2026-01-01"))
    os.chmod(office.store, 0o604)  # noqa: PTH101
    office.config.chmod(0o644)
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**60)
    found = checks(office, exits.FOUND)
    assert (found["key regulator-hmac"], found["deadlines"], found["permissions"]) == ("fail", "fail", "warn")
    assert (found["disk"], found["secrets"]) == ("fail", "warn")


def test_the_doctor_sees_a_lock_that_is_never_given_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    office.entered()
    monkeypatch.setattr(doctor, "LANE_WAIT_S", 0.05)
    with Path(f"{office.store}.lane").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert doctor.lane(office.store).status == "fail"
    assert doctor.lane(office.store).status == "ok"


def test_the_doctor_reads_no_store_with_wrong_settings(office: Office) -> None:
    office.configure("platfrom = 1")
    found = checks(office, exits.FOUND)
    assert found["settings"] == "fail"
    assert found["sqlite"] in ("ok", "warn")


def test_a_damaged_file_is_no_traceback(office: Office) -> None:
    office.store.write_bytes(b"this is no database " * 500)
    assert checks(office, exits.FOUND)["store"] == "fail"
    office.refused(3, "cases", "list")


# ----------------------------------------------------------------------------------------------------- enforcer


def test_an_enforcer_is_an_object_a_class_or_a_factory(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.enforcer(monkeypatch)
    for name in ("takedown:made", "takedown:Carried"):
        assert callable(session.load("--enforcer", name).enforce)
    office.ok("db", "upgrade")
    for name, said in (
        ("takedown", "MODULE:NAME"),
        ("no_such_module_here:x", "cannot be imported"),
        ("takedown:gone", "has no gone"),
        ("takedown:nothing", "no Enforcer"),
        ("takedown:broken", "no Enforcer"),
    ):
        assert said in office.refused(3, "worker", "--once", "--enforcer", name)


# ------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (86_399, "23 h 59 min"),
        (3_600, "1 h 00 min"),
        (3_599, "59 min 59 s"),
        (7, "7 s"),
        (-7, "7 s late"),
        (-7_380, "2 h 03 min late"),
        (200_000, "2 d 07 h"),
        (100_000, "27 h 46 min"),
    ],
)
def test_the_time_that_is_left_is_told_in_two_units(seconds: int, told: str) -> None:
    assert screen.left(seconds) == told


def test_a_time_is_told_in_almaty_and_in_utc() -> None:
    assert screen.both(1_795_503_600) == "2026-11-24 12:00:00 +05:00 Asia/Almaty (2026-11-24T07:00:00Z)"


def test_control_characters_are_made_visible() -> None:
    assert screen.printable("a\x1b[31mb\tc\nd\u202e") == "a\\x1b[31mb\\x09c\nd\\x202e"


def test_an_account_of_any_name_is_among_the_settings(office: Office) -> None:
    """A name of the system's own begins with an underscore, as names do that are for people alone in our documents."""
    office.configure(more='[actors._www]\nid = "web"\nroles = []')
    assert set(office.document("config", "show")["actors"]) == {"_www", "aigerim", "daniyar"}
