"""Why a message was refused is told on this side alone: in the log, at most once a minute, and by `health`."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kz_compliance_sdk import ComplianceDesk, Settings
from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.services.intake import FLUSH_EVERY_S
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.signed import NoticeFactory
from tests.cli_office import Office

LOGGER = "kz_compliance_sdk.intake"


def test_the_log_names_the_reason_of_each_401_and_the_sender_learns_none(
    kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong `public_url` looks like a wrong signature: the address that is believed stands beside it."""
    caplog.set_level(logging.WARNING, LOGGER)
    kz_clock.advance(FLUSH_EVERY_S)
    answers = {kz_notice.broken(how).send().body for how in ("other_target", "unsigned", "wrong_key")}
    assert len(answers) == 1
    assert len(caplog.messages) == 1, "the others wait for the next minute"
    kz_clock.advance(FLUSH_EVERY_S)
    kz_desk.watch()
    first, second = caplog.messages
    key = kz_desk.settings.keys[0].key_id
    assert f"1 by {key}: signature_wrong" in first
    assert "https://platform.test/" in first
    assert "public_url" in first
    assert "1 by no known key: no_signature" in second
    assert f"1 by {key}: signature_wrong" in second
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    told = "".join(caplog.messages)
    assert not any(answer.decode() in told for answer in answers)
    kz_desk.watch()
    assert len(caplog.messages) == 2, "nothing more was refused"


@pytest.mark.slow
def test_health_counts_refusals_by_reason_and_its_public_document_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends a message may ask for the document, and must not learn why it was refused."""
    office = Office(tmp_path, monkeypatch)
    office.ok("db", "upgrade")
    assert office.document("health", code=exits.FOUND)["refused"] == {}
    with ComplianceDesk(Settings.load(office.config, {})) as desk:
        for more in ([], [("signature-input", "t1=:AAAA:")]):
            headers = [("content-type", "application/json"), *more]
            assert desk.receive("POST", "/notices", headers, b"{}").status == 401
    told = office.document("health", code=exits.FOUND)["refused"]
    assert told.pop("no_signature") == 1
    assert sum(told.values()) == 1
    assert "401 no_signature" in office.run("health").stdout
    with ComplianceDesk(Settings.load(office.config, {})) as desk:
        assert "no_signature" not in str(desk.health_document())
