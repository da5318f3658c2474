"""Alerts carry what they may and nothing else, and an alert that reached nobody is never taken for delivered."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from kz_compliance_sdk.adapters.notifiers import LOGGER_NAME, Fanout, LogNotifier, WebhookNotifier, alert_bytes
from kz_compliance_sdk.domain.arrivals import flag, quarantine
from kz_compliance_sdk.domain.notice import UnreadableNotice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import ComplianceError, ConfigError
from kz_compliance_sdk.ports import Alert, AlertLine, Env
from kz_compliance_sdk.wire.signature import Key, KeyRing, SigningKey, verify
from tests.case_makers import POLICY, arrival, messages, opened, stamp
from tests.conftest import NOON

SECRET = SigningKey("pager", "hmac-sha256", b"a secret that both sides hold: 32+ bytes")
URL = "https://pager.example/hook"
LINE = AlertLine("case-1", "unclaimed", NOON + 3600, 2, "https://desk.example/cases/case-1")
ALERT = Alert(("moderator", "lead"), 2, (LINE,))


class Pager:
    """An address that answers with `status` and keeps what it got."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[tuple[bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> int:
        assert url == URL
        self.got.append((body, dict(headers)))
        return self.status


class Told:
    def __init__(self, error: Exception | None = None) -> None:
        self.alerts: list[Alert] = []
        self._error = error

    def notify(self, alert: Alert) -> None:
        if self._error is not None:
            raise self._error
        self.alerts.append(alert)


def test_the_body_holds_exactly_the_fields_of_an_alert() -> None:
    body = json.loads(alert_bytes(replace(ALERT, lines=(LINE, replace(LINE, case_reference="case-2")))))
    assert set(body) == {field.name for field in fields(Alert)}
    assert body["audience"] == ["moderator", "lead"]
    assert [set(line) for line in body["lines"]] == [{field.name for field in fields(AlertLine)}] * 2
    assert [line["case_reference"] for line in body["lines"]] == ["case-1", "case-2"]
    assert body["lines"][0]["due_at"] == "2026-11-24T08:00:00Z"


def test_the_log_gets_one_line_that_grows_louder_with_the_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    LogNotifier().notify(ALERT)
    LogNotifier(critical_from=2).notify(ALERT)
    assert [record.levelname for record in caplog.records] == ["WARNING", "CRITICAL"]
    assert caplog.records[0].getMessage() == (
        "alert case_reference=case-1 reason=unclaimed due_at=2026-11-24T08:00:00Z audience=moderator,lead level=2 "
        "link=https://desk.example/cases/case-1 waiting=0"
    )


def test_the_log_calls_critical_what_is_for_now_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The ladder and the other alerts share one scale: otherwise the lesser one is always shouted down."""
    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    ladder = {step.id: step.severity for step in kz_policy().ladder}
    change, case = quarantine(
        "case-1",
        UnreadableNotice(code="schema", field="", reason="x", notice_id=None, authority_id=None),
        arrival(),
        1,
        POLICY,
        stamp(),
    )
    admitted = opened()
    flagged, _ = flag(admitted, ("late_revision",), stamp(), arrival())
    told = {
        json.loads(m.body)["reason"]: json.loads(m.body)["level"]
        for m in (*messages(change), *messages(flagged))
        if m.kind == "page"
    }
    assert case.state == "quarantined"
    for level in (ladder | told).values():
        LogNotifier().notify(replace(ALERT, lines=(replace(LINE, level=level),)))
    loud = {name for name, record in zip(ladder | told, caplog.records, strict=True) if record.levelname == "CRITICAL"}
    assert loud == {"before_30m", "due", "overdue", "quarantine.schema"}


def test_a_webhook_is_signed_so_that_this_library_and_the_reference_library_verify_it(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager = Pager()
    WebhookNotifier(URL, SECRET, env, pager).notify(ALERT)
    ((body, headers),) = pager.got
    assert body == alert_bytes(ALERT)
    ring = KeyRing([Key("pager", "hmac-sha256", SECRET.material, "us", frozenset(), "p", 0, NOON + 1)])
    assert not verify(ring, "POST", "", list(headers.items()), body, NOON).stale
    # The reference library reads the wall clock; its window is not what is tested here.
    reference = Webhook(SECRET.material)
    monkeypatch.setattr(reference, "_Webhook__verify_timestamp", lambda stamp: datetime.fromtimestamp(int(stamp), UTC))
    assert reference.verify(body, headers) == json.loads(body)


def test_the_same_alert_raised_again_is_no_repeat_to_its_receiver(env: Env) -> None:
    pager = Pager()
    notifier = WebhookNotifier(URL, SECRET, env, pager)
    notifier.notify(ALERT)
    notifier.notify(ALERT)
    assert pager.got[0][1]["webhook-id"] != pager.got[1][1]["webhook-id"]


@pytest.mark.parametrize("status", [199, 301, 404, 429, 500])
def test_an_answer_that_is_no_success_is_raised(env: Env, status: int) -> None:
    with pytest.raises(ComplianceError) as caught:
        WebhookNotifier(URL, SECRET, env, Pager(status)).notify(ALERT)
    assert (caught.value.code, caught.value.reference) == ("alert_not_delivered", "case-1")


def test_all_are_told_and_one_failure_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    first, last = Told(), Told()
    Fanout([first, Told(RuntimeError("Ivanov does not answer")), last]).notify(ALERT)
    assert first.alerts == last.alerts == [ALERT]
    (record,) = caplog.records
    assert record.getMessage() == ("alert_not_delivered case_reference=case-1 kind=Told error=RuntimeError code=-")


def test_an_alert_that_only_a_log_has_seen_is_not_delivered() -> None:
    with pytest.raises(ComplianceError) as caught:
        Fanout([LogNotifier(), Told(ComplianceError("down", code="unreachable"))]).notify(ALERT)
    assert caught.value.code == "alert_not_delivered"
    assert isinstance(caught.value.__cause__, ComplianceError)


def test_where_there_is_nothing_but_the_log_the_log_counts() -> None:
    Fanout([LogNotifier()]).notify(ALERT)


def test_nobody_at_all_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError):
        Fanout([])
