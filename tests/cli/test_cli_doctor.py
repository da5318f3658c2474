"""What the doctor says of each thing it looks at, and a few things that only an odd state shows."""

from __future__ import annotations

import base64
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.change import EndpointState, Heartbeat
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.faces.cli import doctor
from kz_compliance_sdk.ports import Health
from kz_compliance_sdk.testing import builders, keys
from tests.cli_office import SECRET, Office, moments_ago
from tests.delivery.regulator_server import serving
from tests.review.test_cli_review import pushed, state
from tests.users.test_statement_templates import reviewed_words

NOW = builders.ISSUED_AT
DAY = 86_400


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def health(**changed: Any) -> Health:
    beats = tuple(Heartbeat("social", part, NOW - 10) for part in ("watcher", "worker", "poller"))
    return replace(Health({}, 0, None, 0, 0, beats, (), ()), **changed)


def statuses(checks: Any) -> dict[str, str]:
    return {check.name: check.status for check in checks}


@pytest.mark.parametrize(
    ("first", "last", "revoked", "status", "remedy"),
    [
        (0, NOW + 31 * DAY, None, "ok", False),
        (0, NOW + 29 * DAY, None, "warn", True),
        (0, NOW, None, "warn", True),
        (0, NOW - 1, None, "fail", True),
        (NOW + 1, NOW + 99 * DAY, None, "warn", False),
        (0, NOW - 1, NOW - DAY, "ok", False),
    ],
)
def test_a_key_is_called_early_enough(first: int, last: int, revoked: int | None, status: str, remedy: bool) -> None:
    key = replace(keys.regulator_key(), not_before=first, not_after=last, revoked_at=revoked)
    (check,) = doctor.keys((key,), NOW)
    assert (check.status, bool(check.remedy)) == (status, remedy)


def test_an_account_that_can_write_the_settings_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    for writable in ({file}, {tmp_path}, set()):
        monkeypatch.setattr(os, "access", lambda path, _mode, may=writable: path in may)
        assert doctor.settings_file(file).status == ("warn" if writable else "ok")
    assert doctor.settings_file(None).status == "ok"


def test_no_key_at_all_is_said() -> None:
    assert [check.status for check in doctor.keys((), NOW)] == ["warn"]


def test_parts_that_run_are_well_and_those_that_do_not_are_named() -> None:
    assert statuses(doctor.machinery(health(), NOW, polls=True)) == {"watcher": "ok", "worker": "ok", "poller": "ok"}
    late = tuple(Heartbeat("social", part, NOW - 301) for part in ("watcher", "worker"))
    found = statuses(doctor.machinery(health(heartbeats=late), NOW, polls=True))
    assert found == {"watcher": "fail", "worker": "fail", "poller": "fail"}
    assert "poller" not in statuses(doctor.machinery(health(heartbeats=late), NOW, polls=False))


def test_a_way_that_is_left_alone_is_named_with_its_last_fault() -> None:
    down = EndpointState("social", "regulator", 7, NOW + 90, 0, "timeout")
    found = {check.name: check for check in doctor.machinery(health(endpoints=(down,)), NOW, polls=False)}
    assert found["way to regulator"].status == "warn"
    assert "timeout" in found["way to regulator"].remedy


def test_a_clock_that_went_back_is_a_fault() -> None:
    assert doctor.clock(health(), NOW).status == "ok"
    assert doctor.clock(health(), NOW - 3600).status == "fail"


def test_what_waits_for_a_person_is_counted() -> None:
    assert statuses(doctor.work(health(), NOW)) == {"deadlines": "ok", "users": "ok", "parked": "ok"}
    waiting = health(overdue=2, oldest_due_at=NOW - 5, parked=1, untold=3)
    assert statuses(doctor.work(waiting, NOW)) == {"deadlines": "fail", "users": "warn", "parked": "warn"}
    (users,) = (check for check in doctor.work(waiting, NOW) if check.name == "users")
    assert "3 users are not told" in users.summary


def test_words_that_nobody_reviewed_and_silence_are_shown(tmp_path: Path) -> None:
    def settings(**given: Any) -> Settings:
        return Settings.load(None, {}, platform_id="p", public_url="https://p.example", user_notice=given)

    check = doctor.user_notices(settings())
    assert check.status == "warn"
    assert "kk, ru, en" in check.summary
    own = reviewed_words(tmp_path)
    assert doctor.user_notices(settings(**own)).status == "warn", "nobody says where to appeal"
    assert doctor.user_notices(settings(**own, appeal_url="https://p.example/a")).status == "ok"
    check = doctor.user_notices(settings(enabled=False, off_because="Law on State Secrets, art. 14"))
    assert check.status == "warn"
    assert "State Secrets" in check.summary


def test_people_whom_the_policy_asks_for_and_nobody_is_are_named() -> None:
    def found(policy: Any = None, **actors: dict[str, Any]) -> Any:
        of = {name: {"id": name, **one} for name, one in actors.items()}
        settings = Settings.load(None, {}, platform_id="p", public_url="https://p.example", actors=of)
        return doctor.deciders(settings, policy or kz_policy())

    assert found().status == "warn"
    assert len(found(m={"roles": ["moderator"]}).details) == 2
    assert len(found(both={"roles": ["head", "legal"]}).details) == 1, "the head approves nothing"
    lawyer = {"roles": ["legal"]}
    assert found(z=lawyer).status == "ok"
    usual = kz_policy()
    strict = usual.model_copy(
        update={"safeguards": usual.safeguards.model_copy(update={"approver_outside_always": True})}
    )
    assert "outside" in found(strict, z=lawyer).details[0]
    assert found(strict, z={**lawyer, "country": "KZ"}).status == "warn"
    assert found(strict, z={**lawyer, "country": "IE"}).status == "ok"


def test_an_addressee_that_nobody_compares_is_said() -> None:
    def settings(**given: Any) -> Settings:
        return Settings.load(None, {}, platform_id="p", public_url="https://p.example", addressee=given)

    assert doctor.addressee(settings()).status == "warn"
    assert doctor.addressee(settings(bin="010140000000")).status == "ok"


def test_the_calendar_is_asked_for_before_the_year_begins() -> None:
    policy = kz_policy()
    assert doctor.calendar(policy, NOW).status == "ok"
    assert doctor.calendar(policy, NOW + 20 * 366 * DAY).status == "warn"


def test_every_rule_that_nobody_verified_is_listed() -> None:
    policy = kz_policy()
    unread = [key for key, source in policy.sources() if not source.verified]
    check = doctor.law(policy)
    assert check.status == "warn"
    assert [detail.partition(": ")[0] for detail in check.details] == unread


# ------------------------------------------------------------------------------------------------- odd states


@pytest.mark.slow
def test_one_pass_of_a_timer_shows_as_a_worker_that_runs(office: Office) -> None:
    """As all it does: the feed, the clocks, the outbox, and the checkpoint that is due."""
    office.ok("db", "upgrade")
    office.entered()
    office.ok("worker", "--once")
    found = {check["name"]: check["status"] for check in office.document("doctor")["checks"]}
    assert (found["watcher"], found["worker"]) == ("ok", "ok")
    with closing(sqlite3.connect(office.store)) as raw:
        assert raw.execute("SELECT count(*) FROM events WHERE kind = 'checkpointed'").fetchone() == (1,)


@pytest.mark.slow
def test_a_parked_message_is_tried_again(office: Office) -> None:
    office.ok("db", "upgrade")
    notice = builders.notice(1)
    with serving(lambda exchange: exchange.reply(422 if exchange.request.method == "POST" else 404)) as regulator:
        own = keys.platform_signing_key()
        secret = base64.b64encode(own.material).decode()
        with office.config.open("a", encoding="utf-8") as config:
            config.write(f'\n[regulator]\nurl = "{regulator.url}"\nfeed_enabled = false\n')
            config.write(
                f'\n[signing_key]\nkey_id = "{own.key_id}"\nalgorithm = "{own.algorithm}"\nsecret = "{secret}"\n'
            )
        assert pushed(office, builders.message_bytes(notice, message_id="msg_1"), "msg_1") == 202
        office.ok("worker", "--once")
    found = {check["name"]: check["status"] for check in office.document("doctor")["checks"]}
    assert (found["parked"], found["worker"]) == ("warn", "ok")
    again = office.document("cases", "retry", notice.notice_id)
    assert (again["message"]["kind"], again["message"]["state"]) == ("acknowledgement", "queued")
    assert state(office, notice) == "queued"


def test_a_sanction_is_listed(office: Office) -> None:
    office.ok("db", "upgrade")
    notice = builders.notice(1)
    assert pushed(office, builders.message_bytes(notice, message_id="msg_1"), "msg_1") == 202
    body = builders.message_bytes(builders.sanction(1, [notice.notice_id]), message_id="msg_2")
    assert pushed(office, body, "msg_2") == 202
    (sanction,) = office.document("sanctions")["sanctions"]
    assert (sanction["sanction_id"], sanction["notice_ids"]) == ("S-1", [notice.notice_id])
    assert "warning" in office.ok("sanctions")


def test_one_notice_id_of_two_authorities_is_not_guessed(office: Office) -> None:
    office.entered()
    other = builders.notice(1, issuing_authority=builders.AUTHORITIES["sample-court"])
    file = office.write("other.json", other.model_dump(mode="json", exclude_none=True))
    office.ok(
        "notices", "enter", "--file", file, "--received-at", moments_ago(), "--how", office.words("letter"), "--yes"
    )
    line = office.refused(7, "cases", "show", other.notice_id)
    references = [case["case"] for case in office.document("cases", "list")["cases"]]
    assert len(references) == 2
    assert all(reference in line for reference in references)
    office.ok("cases", "show", references[0])


def test_the_doctor_looks_at_each_file_that_holds_cases_or_secrets(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.entered()
    office.config.chmod(0o600)
    found = {check["name"]: check["status"] for check in office.document("doctor", code=4)["checks"]}
    assert (found["permissions"], found["secrets"]) == ("ok", "ok")
    secret = office.folder / "signing.key"
    secret.write_text(SECRET)
    secret.chmod(0o604)
    monkeypatch.setenv("KZ_COMPLIANCE_NOTIFIER__WEBHOOK_SECRET_FILE", str(secret))
    lane = Path(f"{office.store}.lane")
    lane.chmod(0o606)
    shown = {check["name"]: check for check in office.document("doctor", code=4)["checks"]}
    assert str(secret) in shown["secrets"]["remedy"]
    assert str(office.config) not in shown["secrets"]["remedy"]
    assert (shown["permissions"]["status"], shown["permissions"]["remedy"]) == ("warn", f"Run: chmod o-rwx {lane}")


def test_the_doctor_names_a_trigger_of_somebody_else_and_a_guard_that_is_gone(office: Office) -> None:
    office.entered()
    assert "guards" not in {check["name"] for check in office.document("doctor", code=4)["checks"]}
    with closing(sqlite3.connect(office.store)) as raw, raw:
        raw.execute("CREATE TRIGGER quiet AFTER INSERT ON cases BEGIN DELETE FROM cases WHERE id = NEW.id; END")
        raw.execute("DROP TRIGGER events_never_change")
    raw.close()
    (shown,) = (check for check in office.document("doctor", code=4)["checks"] if check["name"] == "guards")
    assert shown["status"] == "fail"
    assert "a trigger quiet that this release did not make" in shown["details"][0]
    assert shown["details"][1] == "the guard events_never_change is gone"
