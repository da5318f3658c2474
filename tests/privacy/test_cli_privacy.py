"""Personal data on the command line: its end, what keeps it, who takes it out, and the master keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.ledger import LedgerKey
from kz_compliance_sdk.testing import builders
from tests.cli_office import Office
from tests.conftest import FrozenClock
from tests.scene import PLATFORM, Host, World

NOTICE = builders.notice(1)
TWO_YEARS_S = 2 * 365 * 86_400

ONE = base64.b64encode(b"1" * 32).decode()
TWO = base64.b64encode(b"2" * 32).decode()
PEOPLE = """
[actors.legal]
id = "legal"
roles = ["legal"]

[actors.head]
id = "head"
roles = ["head"]
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def case(office: Office) -> str:
    """A notice that was typed in two years ago."""
    office.configure(PEOPLE)
    host = long_ago(office)
    work, _ = host.intake.typed(NOTICE, host.world.clock(), "letter", Actor("aigerim", frozenset({"moderator"})))
    host.store.submit(PLATFORM, work).result()
    found = host.case(NOTICE.notice_id).id
    host.store.close()
    return found


def long_ago(office: Office) -> Host:
    """The office over the same file, two years ago."""
    return Host(World(office.store, clock=FrozenClock(builders.ISSUED_AT - TWO_YEARS_S)))


def ended(office: Office) -> None:
    """Its order was withdrawn on the same day, and everybody was told."""
    host = long_ago(office)
    assert host.push(builders.cancellation(NOTICE), "msg-1").status == 202
    host.drain()
    host.store.close()


@pytest.mark.slow
def test_a_run_says_what_would_go_and_then_it_goes(office: Office, case: str) -> None:
    assert office.document("retention", "run", "--dry-run")["cases"] == []
    ended(office)
    would = office.document("retention", "run", "--dry-run")
    assert (would["cases"], would["dry_run"], would["went"]["messages"]) == ([case], True, 2)
    assert "would go" in office.ok("retention", "run", "--dry-run")
    went = office.document("retention", "run")
    assert went == {**would, "dry_run": False, "at": went["at"]}
    assert "0 cases" in office.ok("retention", "run")
    assert office.document("cases", "show", case)["case"] == case
    office.ok("cases", "show", case)


@pytest.mark.slow
def test_a_hold_keeps_it_and_takes_a_time_and_reasons(office: Office, case: str) -> None:
    ended(office)
    until = "2099-01-01T00:00:00Z"
    assert "moderator" not in office.refused(
        6, "cases", "hold", case, "--until", until, "--reasons", office.words("an appeal")
    )
    assert "--until" in office.refused(
        7, "cases", "hold", case, "--until", "2020-01-01T00:00:00Z", "--reasons", office.words("x"), user="legal"
    )
    assert "2099" in office.ok(
        "cases", "hold", case, "--until", until, "--reasons", office.words("an appeal"), user="legal"
    )
    assert office.document("retention", "run")["kept"] == {"legal_hold": 1}
    assert "a legal hold" in office.ok("retention", "run")
    office.ok("cases", "end-hold", case, "--reasons", office.words("it was withdrawn"), user="head")
    assert office.document("retention", "run")["cases"] == [case]


@pytest.mark.slow
def test_an_early_erasure_takes_two_accounts_and_a_yes(office: Office, case: str) -> None:
    ended(office)
    assert "--ground" in office.refused(2, "cases", "ask-erasure", case, "--ground", "Dana asked", user="legal")
    office.ok("cases", "ask-erasure", case, "--ground", "subject_request", user="legal")
    assert "--yes" in office.refused(7, "cases", "erase", case, user="head")
    assert "somebody else" in office.refused(6, "cases", "erase", case, "--yes", user="legal")
    text = office.config.read_text(encoding="utf-8")
    office.config.write_text(text.replace('id = "legal"', 'id = "somebody"'), encoding="utf-8")
    assert "second person" in office.refused(6, "cases", "erase", case, "--yes", user="legal")
    office.config.write_text(text, encoding="utf-8")
    assert "destroyed" in office.ok("cases", "erase", case, "--yes", user="head")
    said = office.document("audit", "verify")
    assert (said["checked"], said["intact"], said["erased"], said["faults"]) == (1, True, 1, [])
    assert "was erased on" in office.ok("audit", "verify", case)


def test_an_export_goes_to_a_new_file_that_strangers_cannot_read(office: Office, case: str) -> None:
    out = office.folder / "export.json"
    assert "legal" in office.refused(6, "cases", "export", case, "--out", str(out))
    assert not out.exists()
    office.ok("cases", "export", case, "--out", str(out), user="legal")
    assert (out.stat().st_mode & 0o077, json.loads(out.read_text())["case_reference"]) == (0, case)
    assert "aigerim" not in out.read_text()
    assert "already" in office.refused(7, "cases", "export", case, "--out", str(out), user="legal")
    assert office.document("audit", "verify", case)["intact"]


def _with_key(office: Office, name: str, key: str, *earlier: tuple[str, str]) -> None:
    more = "".join(f'[[privacy.earlier_keys]]\nkey_id = "{one}"\nsecret = "{secret}"\n' for one, secret in earlier)
    office.configure(f'{PEOPLE}\n[privacy]\nmaster_key = "{key}"\nmaster_key_id = "{name}"\n{more}')


def test_a_master_key_takes_the_place_of_another(office: Office, case: str) -> None:
    assert "privacy.master_key" in office.refused(3, "db", "rewrap")
    _with_key(office, "one", ONE)
    assert office.document("db", "rewrap")["rewrapped"] == 2, "the stream's and the platform's own"
    _with_key(office, "two", TWO)
    assert "'one'" in office.refused(3, "cases", "show", case)
    _with_key(office, "two", TWO, ("one", ONE))
    assert "two" in office.ok("db", "rewrap")
    _with_key(office, "two", TWO)
    assert office.document("audit", "verify")["intact"]
    _with_key(office, "two", ONE)
    assert "another key" in office.refused(3, "cases", "show", case)


@pytest.mark.slow
def test_a_store_takes_a_ledger_key_and_then_another(office: Office, case: str) -> None:
    def with_keys(key: str, *earlier: str) -> None:
        more = "".join(f'[[privacy.earlier_ledger_keys]]\nsecret = "{one}"\n' for one in earlier)
        office.configure(f'{PEOPLE}\n[privacy]\nledger_key = "{key}"\n{more}')

    def doctors_remedy() -> str:
        checks = json.loads(office.run("doctor", "--json").stdout)["checks"]
        return next((check["remedy"] for check in checks if check["name"] == "master keys"), "")

    assert "privacy.ledger_key" in office.refused(3, "db", "retire-keys")
    with_keys(ONE)
    assert "db retire-keys" in doctors_remedy()
    faults = json.loads(office.run("audit", "verify", "--json").stdout)["faults"]
    assert "db retire-keys" in str(faults), "what is not proved is not believed, and it is said what to do"
    assert office.document("db", "retire-keys")["retired"] == [""]
    assert not doctors_remedy()
    assert office.document("audit", "verify")["intact"]
    assert office.ok("cases", "show", case)
    with_keys(TWO, ONE)
    assert office.document("audit", "verify")["intact"]
    assert office.document("db", "retire-keys")["retired"] == [LedgerKey(base64.b64decode(ONE)).id.hex()]
    assert office.document("db", "retire-keys")["retired"] == []
    assert "no ledger key to retire" in office.ok("db", "retire-keys")
    assert office.document("audit", "verify")["intact"]


@pytest.mark.slow
def test_the_doctor_says_whose_the_keys_are(office: Office, case: str) -> None:
    def checks() -> dict[str, Any]:
        result = office.run("doctor", "--json")
        return {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    assert checks()["master key"]["status"] == "warn"
    _with_key(office, "one", ONE)
    office.ok("db", "rewrap")
    assert (checks()["master key"]["status"], "master keys" in checks()) == ("ok", False)
    _with_key(office, "one", TWO)
    assert checks()["master keys"]["status"] == "fail"
    assert ONE not in json.dumps(checks())


def test_the_doctor_says_whether_what_happened_is_proved(office: Office) -> None:
    def found() -> dict[str, Any]:
        checks = json.loads(office.run("doctor", "--json").stdout)["checks"]
        return dict(next(check for check in checks if check["name"] == "ledger key"))

    assert found()["status"] == "warn"
    assert "openssl rand -base64 32" in found()["remedy"]
    office.configure(f'{PEOPLE}\n[privacy]\nledger_key = "{ONE}"\n')
    assert (found()["status"], ONE in str(found())) == ("ok", False)
    earlier = f'[[privacy.earlier_ledger_keys]]\nsecret = "{ONE}"\n'
    office.configure(f'{PEOPLE}\n[privacy]\nledger_key = "{TWO}"\n{earlier}')
    assert "1 earlier ones prove" in found()["summary"]


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ('ledger_key = "c2hvcnQ="', "privacy.ledger_key", "no ledger key"),
        (f'[[privacy.earlier_ledger_keys]]\nsecret = "{ONE}"', "privacy.ledger_key", "no present one"),
        (
            f'ledger_key = "{ONE}"\n[[privacy.earlier_ledger_keys]]\nsecret = "{ONE}"',
            "privacy.earlier_ledger_keys",
            "given twice",
        ),
        (
            f'ledger_key = "{ONE}"\n[[privacy.earlier_ledger_keys]]\nsecret = "c2hvcnQ="',
            "privacy.earlier_ledger_keys[0].secret",
            "no ledger key",
        ),
    ],
)
def test_a_ledger_key_that_is_none_is_refused_without_repeating_it(
    office: Office, settings: str, field: str, said: str
) -> None:
    office.configure(f"{PEOPLE}\n[privacy]\n{settings}\n")
    refused = office.refused(3, "health")
    assert field in refused
    assert said in refused
    assert "c2hvcnQ" not in refused
    assert ONE not in refused


def test_a_master_key_that_is_none_is_refused_without_repeating_it(office: Office) -> None:
    _with_key(office, "one", "c2hvcnQ=")
    said = office.refused(3, "health")
    assert "privacy.master_key" in said
    assert "c2hvcnQ" not in said
