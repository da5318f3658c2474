"""The command line on PostgreSQL: the same commands with another setting, and what is said where something is amiss."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.adapters.sql import postgres as adapter
from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.config.sections import StoreSettings
from kz_compliance_sdk.errors import ConfigError, StoreUnusable
from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.ports import Env
from tests import postgres
from tests.cli_office import Office

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
PASSWORD = "never-to-be-shown"
CONFIG = exits.CODE_OF[ConfigError]


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(empty=True) as one:
        yield one


@pytest.fixture
def office(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    one = Office(tmp_path, monkeypatch)
    monkeypatch.setenv("KZ_COMPLIANCE_STORE__URL", url)
    return one


def checks(office: Office, code: int) -> dict[str, Any]:
    return {one["name"]: one for one in office.document("doctor", code=code)["checks"]}


def test_a_day_at_the_office_is_the_same(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert office.document("db", "status")["exists"] is False
    assert "Create it: kz-compliance db upgrade" in office.ok("db", "status")
    assert office.document("db", "upgrade")["upgraded"] is True
    assert office.document("db", "upgrade")["upgraded"] is False
    carried = office.enforcer(monkeypatch)
    notice = office.decided(1, "remove")
    office.ok("worker", "--once", "--enforcer", "takedown:made")
    assert carried.read_text().startswith("remove ")
    assert office.document("cases", "show", notice.notice_id)["state"] == "enforced"
    assert office.ok("audit", "verify").startswith("1 case checked: every chain is whole.")
    assert office.document("db", "check")["faults"] == []
    assert office.document("db", "rebuild")["mended"] == []
    found = checks_by_name(office)
    assert "PostgreSQL 1" in found["store"]["summary"]
    assert found["schema"]["status"] == found["server clock"]["status"] == "ok"
    assert not {"sqlite", "lane", "disk", "permissions", "guards"} & found.keys()


def _document(office: Office) -> Any:
    return json.loads(office.run("doctor", "--json").stdout)


def test_what_is_about_files_says_what_takes_its_place(office: Office, tmp_path: Path) -> None:
    assert "pg_dump" in office.refused(CONFIG, "db", "backup", str(tmp_path / "copy"))
    assert "pg_restore" in office.refused(CONFIG, "db", "restore", str(tmp_path / "copy"), "--yes")


def test_a_store_that_is_not_there_is_no_empty_queue(office: Office) -> None:
    assert "db upgrade" in office.refused(3, "cases", "list")


def test_a_server_that_is_not_there_is_named_without_the_password(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_STORE__URL", f"postgresql://desk:{PASSWORD}@127.0.0.1:1/desk")
    for command in (("db", "status"), ("db", "upgrade"), ("cases", "list"), ("audit", "verify")):
        said = office.refused(3, *command)
        assert "cannot be reached" in said
        assert PASSWORD not in said
    shown = office.run("doctor").output + office.ok("config", "show")
    assert "cannot be reached" in shown
    assert PASSWORD not in shown


def test_another_address_is_no_address_of_postgresql(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_STORE__URL", f"mysql://desk:{PASSWORD}@127.0.0.1/desk")
    said = office.refused(CONFIG, "db", "status")
    assert "STORE__URL" in said
    assert "postgresql://" in said
    assert PASSWORD not in said


def test_without_the_driver_one_line_says_what_to_install(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter.driver.cache_clear()
    monkeypatch.setitem(sys.modules, "psycopg", None)
    try:
        assert "pip install 'kz-compliance-sdk[postgres]'" in office.refused(CONFIG, "cases", "list")
    finally:
        adapter.driver.cache_clear()


def test_a_schema_of_a_later_or_an_earlier_release_is_left_alone(office: Office, url: str) -> None:
    office.ok("db", "upgrade")
    for revision, said in (("9999", "a later release wrote it"), ("0009", "an unreleased version made it")):
        postgres.run(f"UPDATE kz_compliance_schema SET version_num = '{revision}'", url=url)  # noqa: S608
        for command in (("db", "status"), ("db", "upgrade"), ("cases", "list")):
            assert said in office.refused(3, *command)


def test_where_a_commit_waits_for_no_disk_nothing_is_acknowledged(office: Office, url: str) -> None:
    office.ok("db", "upgrade")
    name = urlsplit(url).path[1:]
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off", url=url)
    assert "synchronous_commit is off" in office.refused(3, "cases", "list")
    assert checks(office, exits.FOUND)["store"]["status"] == "fail"


def test_a_role_that_may_not_do_what_it_must_is_told_what_it_lacks(office: Office, url: str) -> None:
    office.ok("db", "upgrade")
    role = f"desk_{urlsplit(url).path[4:]}"
    grants = [
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON SEQUENCE stream_numbers TO {role}",
        f"REVOKE UPDATE, DELETE ON events, log, streams FROM {role}",
        f"REVOKE DELETE ON parts, attempts, cases FROM {role}",
    ]
    postgres.run(*grants, url=url)
    theirs = url.replace("//postgres:@", f"//{role}@")
    try:
        PostgresStore(theirs, Env.system(), create=False).close()
        postgres.run(f"REVOKE INSERT ON events FROM {role}", f"REVOKE UPDATE ON cases FROM {role}", url=url)
        with pytest.raises(StoreUnusable, match="lacks UPDATE on cases, INSERT on events") as refused:
            PostgresStore(theirs, Env.system(), create=False)
        assert refused.value.code == "store_rights"
    finally:
        postgres.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}", url=url)


def test_what_somebody_did_to_the_schema_is_named(office: Office, url: str) -> None:
    office.ok("db", "upgrade")
    assert "guards" not in checks_by_name(office)
    postgres.run(
        "ALTER TABLE events DISABLE TRIGGER events_never_change",
        "DROP INDEX cases_leased",
        "CREATE RULE swallowed AS ON INSERT TO inbox DO INSTEAD NOTHING",
        "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallows BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION own()",
        url=url,
    )
    told = "\n".join(checks_by_name(office)["guards"]["details"])
    for what in ("events_never_change is gone", "index cases_leased", "rule swallowed", "trigger swallows"):
        assert what in told, told


def checks_by_name(office: Office) -> dict[str, Any]:
    return {one["name"]: one for one in _document(office)["checks"]}


def test_an_empty_store_opens_with_the_master_key_that_made_it_alone(url: str) -> None:
    one, other = (MasterKeys({"m": key * 32}, "m") for key in (b"1", b"2"))
    PostgresStore(url, Env.system(), keys=one).close()
    with pytest.raises(StoreUnusable, match="made with a master key"):
        PostgresStore(url, Env.system(), keys=other)
    PostgresStore(url, Env.system(), keys=one).close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://desk:se%cret@db.example/desk",
        "postgresql://desk:se/cret@db.example/desk",
        "postgresql://desk:se#cret@db.example/desk",
        "postgresql://desk:s@cret@db.example/desk",
        "postgresql://desk:se[cret@db.example/desk",
        "postgresql://desk:1/2@db.example/desk",
    ],
)
def test_a_password_that_would_be_read_as_something_else_is_refused_and_never_shown(url: str) -> None:
    given: Any = {"url": url}
    with pytest.raises(ValidationError) as told:
        StoreSettings.model_validate(given)
    assert "cannot be told from the rest" in str(told.value) or "no address" in str(told.value)
    assert "cret" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://desk:se%25c%40ret@[::1]:5433,db-2.example:5434/desk?target_session_attrs=read-write",
        "postgres:///desk?host=/run/postgresql",
        "postgresql://db.example/desk",
        "postgresql://desk@/desk",
    ],
)
def test_what_libpq_reads_as_it_was_meant_is_taken(url: str) -> None:
    given: Any = {"url": url}
    assert StoreSettings.model_validate(given).place.startswith("postgresql://")


def test_what_libpq_cannot_read_is_told_without_its_words() -> None:
    with pytest.raises(StoreUnusable, match="Percent-encode") as told:
        adapter.connect("postgresql://desk:se%cret@127.0.0.1/desk")
    assert "cret" not in str(told.value)


def test_a_place_is_shown_without_what_may_be_secret() -> None:
    given: Any = {"url": f"postgresql://desk:{PASSWORD}@db.example:5433/desk?password={PASSWORD}"}
    assert StoreSettings.model_validate(given).place == "postgresql://db.example:5433/desk"
