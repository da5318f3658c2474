"""What the commands say and do when something that they need is broken: a feed, a file, a disk, a pipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.cli_office import Office, over_http

NOBODY = 9
"""The port `discard`, on which nothing listens."""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


# ------------------------------------------------------------------------------------------------- the feed


def test_a_feed_that_is_down_keeps_no_clock_from_being_watched(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    over_http(office, NOBODY, NOBODY)
    monkeypatch.setenv("KZ_COMPLIANCE_REGULATOR__ATTEMPTS", "1")
    office.entered(received="2026-11-01T00:00:00Z")
    document = office.document("worker", "--once", code=9)
    assert (document["polled"], document["poll_error"]["code"]) == (0, "connect_error")
    assert document["fired"] > 0
    assert document["delivered"] > 0, "the escalation goes to the log, which is up"
    assert office.document("health", code=4)["watcher_last_ran"] is not None
    assert "the feed was not read" in office.refused(9, "worker", "--once")


def test_a_feed_that_is_not_there_is_no_error(office: Office) -> None:
    office.entered()
    assert office.document("worker", "--once")["poll_error"] is None


# ------------------------------------------------------------------------------- the command line, the settings


@pytest.mark.parametrize("path", [(), ("cases",), ("db",)])
def test_a_command_that_is_missing_is_said_so(office: Office, path: tuple[str, ...]) -> None:
    line = office.refused(2, *path)
    assert line == f"error: Missing command. See: {' '.join(('kz-compliance', *path))} --help"


def test_all_wrong_settings_are_shown_at_once(office: Office) -> None:
    office.configure("platfrom = 1\nprofil = 2")
    result = office.run("cases", "list")
    told = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert (result.exit_code, told) == (3, ["error", "   and"])
    assert "profil" in office.document("cases", "list", code=3)["error"]["more"][0]
    settings = office.document("doctor", code=4)["checks"][0]
    assert (settings["name"], len(settings["details"])) == ("settings", 1)
