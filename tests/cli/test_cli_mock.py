"""`mock issue` drives a mock regulator that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.testing.mock_regulator import MockRegulator
from tests.cli_office import Office
from tests.waiting import free_port


@pytest.fixture
def kz_intake_url() -> str:
    return f"http://127.0.0.1:{free_port()}/notices"  # where nobody listens


@pytest.mark.slow
def test_a_sample_is_issued_once_and_where_nobody_takes_it_that_is_said(
    kz_regulator_server: MockRegulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, url = Office(tmp_path, monkeypatch), kz_regulator_server.url
    told = office.document("mock", "issue", "3", "--no-push", "--url", url)
    assert (told["notice_id"], told["push"]) == ("KZ-2026-0000003", None)
    assert list(kz_regulator_server.books.notices) == ["KZ-2026-0000003"]
    pushed = office.document("mock", "issue", "4", "--url", url, code=exits.FOUND)
    assert pushed["push"]["was_taken"] is False
    assert "KZ-2026-0000005 was issued; the feed has it." in office.ok("mock", "issue", "5", "--no-push", "--url", url)
    assert office.run("mock", "issue", "3", "--url", url).exit_code not in (0, exits.FOUND)
    assert "connect" in office.run("mock", "issue", "6", "--url", "http://127.0.0.1:1").output.lower()
