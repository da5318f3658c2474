"""Evidence on the command line: who looked, the pack, its key, its verification."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.faces.cli.exits import NOT_PROVABLE
from kz_compliance_sdk.testing import keys
from tests.cli_office import Office

_OURS = keys.platform_signing_key("rfc9421")
_SIGNING = f"""
[signing_key]
key_id = "{_OURS.key_id}"
secret = "{base64.b64encode(_OURS.material).decode()}"
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def views(office: Office, notice: str) -> list[Any]:
    return [event for event in office.document("cases", "show", notice)["audit"] if event["kind"] == "viewed"]


def with_key(office: Office) -> Path:
    """The public half of a key that the settings now have, in a file."""
    office.configure()
    office.config.write_text(office.config.read_text(encoding="utf-8") + _SIGNING, encoding="utf-8")
    file = office.folder / "platform-key.txt"
    file.write_text(office.ok("evidence", "key"), encoding="utf-8")
    return file


@pytest.mark.slow
def test_showing_a_case_records_who_looked(office: Office) -> None:
    """Once for each person; an account that is nobody may read, and is recorded as the account that it is."""
    notice = office.entered()
    office.ok("cases", "show", notice.notice_id)
    office.ok("cases", "show", notice.notice_id, user="stranger")
    seen = views(office, notice.notice_id)
    assert [event["actor"] for event in seen] == ["aigerim", "account:stranger"]
    assert [event["account"] for event in seen] == ["aigerim", "stranger"]
    office.ok("audit", "verify")


def test_a_store_that_takes_no_writes_keeps_nobody_from_reading(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is then said to be unrecorded."""
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.errors import StoreError

    notice = office.entered()

    def full_disk(*_: object) -> bool:
        raise StoreError("the disk is full.")

    monkeypatch.setattr(ComplianceDesk, "record_view", full_disk)
    result = office.run("cases", "show", notice.notice_id)
    assert result.exit_code == 0
    assert notice.notice_id in result.stdout
    assert "could not be recorded" in result.stderr


@pytest.mark.slow
def test_a_pack_is_made_verified_and_never_written_over_another(office: Office) -> None:
    notice, key = office.entered(), with_key(office)
    out = office.folder / "case.zip"
    told = office.document("cases", "evidence", notice.notice_id, "--lang", "kk", "--out", str(out))
    assert (told["form"], told["lang"], told["signed_by"]) == ("redacted", "kk", _OURS.key_id)
    found = office.document("evidence", "verify", str(out), "--key", str(key), code=NOT_PROVABLE)
    assert (found["intact"], found["signature"], found["problems"]) == (True, "good", [])
    assert (found["verdict"], found["proved_event"]) == ("not_provable", 0)
    assert "Not provable" in office.ok("evidence", "verify", str(out), "--key", str(key), code=NOT_PROVABLE)
    assert "No key was given" in office.ok("evidence", "verify", str(out), code=NOT_PROVABLE)
    assert out.stat().st_mode & 0o077 == 0
    before = out.read_bytes()
    assert "exists already" in office.refused(7, "cases", "evidence", notice.notice_id, "--out", str(out))
    assert out.read_bytes() == before
    kinds = [event["kind"] for event in office.document("cases", "show", notice.notice_id)["audit"]]
    assert kinds.count("disclosed") == 1


def test_only_what_is_proved_ends_as_done(office: Office) -> None:
    notice, key = office.entered(), with_key(office)
    kept, out = office.folder / "kept.jsonl", office.folder / "case.zip"
    kept.write_text(office.ok("audit", "checkpoint"), encoding="utf-8")
    office.ok("cases", "evidence", notice.notice_id, "--out", str(out))
    given = ("evidence", "verify", str(out), "--key", str(key))
    assert office.document(*given, "--checkpoint", str(kept))["verdict"] == "whole"
    assert "Not provable" in office.ok(*given, code=NOT_PROVABLE)


@pytest.mark.slow
def test_a_changed_pack_ends_with_what_was_found(office: Office) -> None:
    notice, out = office.entered(), office.folder / "case.zip"
    key = with_key(office)
    office.ok("cases", "evidence", notice.notice_id, "--out", str(out))
    out.write_bytes(out.read_bytes().replace(b'"queued"', b'"closed"'))
    found = office.document("evidence", "verify", str(out), "--key", str(key), code=4)
    assert not found["intact"]
    result = office.run("evidence", "verify", str(out), "--key", str(key))
    assert result.exit_code == 4


def test_a_full_pack_takes_a_role_and_a_reason(office: Office) -> None:
    notice, out = office.entered(), office.folder / "full.zip"
    arguments = ("cases", "evidence", notice.notice_id, "--full", "--out", str(out))
    assert "may not disclose" in office.refused(6, *arguments, "--reason", office.words("because"))
    assert "--reason" in office.refused(7, *arguments, user="daniyar")
    assert not out.exists()
    assert "nobody in the settings" in office.refused(6, *arguments, "--reason", office.words("x"), user="stranger")
    told = office.ok(*arguments, "--reason", office.words("the court of Almaty"), user="daniyar")
    assert "not signed" in told
    assert "aigerim" in out.read_bytes().decode("utf-8", "replace")


@pytest.mark.slow
def test_what_cannot_be_is_said_with_a_remedy(office: Office) -> None:
    notice = office.entered()
    out = str(office.folder / "x.zip")
    assert "no Ed25519 key" in office.refused(3, "evidence", "key")
    assert "kk, ru and en" in office.refused(7, "cases", "evidence", notice.notice_id, "--lang", "de", "--out", out)
    assert "cannot be read" in office.refused(7, "evidence", "verify", str(office.folder / "nothing.zip"))
    bad = office.folder / "bad.txt"
    bad.write_text("not a key", encoding="utf-8")
    office.ok("cases", "evidence", notice.notice_id, "--out", out)
    assert "no Ed25519 public key" in office.refused(7, "evidence", "verify", out, "--key", str(bad))
    assert "The pack is not signed" in office.ok("evidence", "verify", out, code=NOT_PROVABLE)
    nowhere = str(office.folder / "no" / "x.zip")
    assert "cannot be written" in office.refused(7, "cases", "evidence", notice.notice_id, "--out", nowhere)
    kinds = [event["kind"] for event in office.document("cases", "show", notice.notice_id)["audit"]]
    assert kinds.count("disclosed") == 1  # the one that was made
