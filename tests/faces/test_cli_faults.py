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
