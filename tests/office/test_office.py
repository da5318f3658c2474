"""The office beside its cases: its entry in the register, its shifts, and what passes from one to the next."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.commands import OfficeCommand
from kz_compliance_sdk.domain.house import REMIND_DAYS, USERS_A_DAY, Entry, Named, Registration
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from tests.cli_office import Office
from tests.driver import DAY, Driver
from tests.scene import HEAD, LEAD, LEGAL, M1
from tests.unguarded import unguard

ENTRY = Entry(
    owner="A Company",
    apps=("app.example",),
    users_a_day=USERS_A_DAY + 1,
    legal_representative="A. Representative, Almaty",
    office="Abay 1, Almaty",
    head=Named(name="B. Head", citizenship="KZ"),
    deputies=(Named(name="C. Deputy"),),
)


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


def shift(driver: Driver, starts_in: int = 0, lasts: int = 12 * 3600, **given: Any) -> commands.PlanShift:
    begins = driver.clock() + starts_in
    return commands.PlanShift(**{"person": "m1", "from_at": begins, "until_at": begins + lasts, **given})


def given(driver: Driver, until: int | None = None) -> None:
    driver.desk.house.take(LEAD, commands.GiveRegistration(ENTRY))
    driver.desk.house.take(LEAD, commands.RecordStanding("registered", until, "seen on its page"))


# -------------------------------------------------------------------------------------------------------- who may


@pytest.mark.parametrize("kind", commands.OFFICE)
def test_each_command_of_the_office_takes_a_role(kind: type[OfficeCommand]) -> None:
    assert kind.may.names
    for role in STAFF.names:
        assert kind.may.allows(Actor(role, frozenset({role}))) == (role in kind.may.names)
    assert not kind.may.allows(Actor("nobody"))


def test_who_may_not_writes_nothing(driver: Driver) -> None:
    with pytest.raises(NotAllowed):
        driver.desk.house.take(M1, shift(driver))
    with pytest.raises(NotAllowed):
        driver.desk.house.take(LEGAL, shift(driver))
    assert driver.desk.house.duty(0, driver.clock() + DAY).shifts == ()


# ----------------------------------------------------------------------------------------------------- the register


def test_the_entry_is_what_was_given_last_and_where_it_stands(driver: Driver) -> None:
    assert driver.desk.house.registration() is None
    for early in (commands.RecordFiling("post", "7", driver.clock()), commands.RecordStanding("pending")):
        with pytest.raises(IllegalMove, match="nothing was given for the register yet"):
            driver.desk.house.take(LEAD, early)
    given(driver, driver.clock() + 365 * DAY)
    driver.desk.house.take(HEAD, commands.RecordFiling("the chancellery", "out-7", driver.clock()))
    held = driver.desk.house.registration()
    assert held is not None
    assert (held.entry, held.standing, held.number, held.given_by) == (ENTRY, "registered", "out-7", LEAD.id)
    assert held.entry.needs_representative
    fewer = ENTRY.model_copy(update={"users_a_day": USERS_A_DAY})
    driver.desk.house.take(LEGAL, commands.GiveRegistration(fewer))
    held = driver.desk.house.registration()
    assert held is not None
    assert not held.entry.needs_representative, "above, and not at, the threshold"
    assert (held.filed_at, held.standing) == (0, "registered"), "what is new must be handed in anew"


def test_an_end_that_is_past_is_none(driver: Driver) -> None:
    driver.desk.house.take(LEAD, commands.GiveRegistration(ENTRY))
    with pytest.raises(InvalidInput) as refused:
        driver.desk.house.take(LEAD, commands.RecordStanding("registered", driver.clock()))
    assert refused.value.field == "until"


def test_people_are_reminded_of_a_renewal_once_for_each_time(driver: Driver) -> None:
    given(driver, driver.clock() + 31 * DAY)

    def reminders() -> int:
        driver.desk.watch()
        driver.deliver()
        return sum(alert.reason == "registration_ends" for alert in driver.pager.alerts)

    assert reminders() == 0
    told = []
    for days in (1, 1, 22, 6, 1):
        driver.wait(days * DAY)
        told.append(reminders())
    assert told == [1, 1, 2, 3, 3]
    driver.desk.house.take(LEAD, commands.RecordStanding("registered", driver.clock() + 20 * DAY))
    driver.wait(60)
    assert reminders() == 4, "a renewed entry has an end of its own"


def test_who_was_away_is_reminded_once_and_not_for_each_time_that_passed() -> None:
    held = replace(Registration(ENTRY, 0, "lead"), until=100 * DAY)
    assert [held.due(day * DAY) for day in (69, 70, 93, 99, 200)] == [0, 30, 7, 1, 1]
    assert replace(held, reminded=frozenset({1})).due(200 * DAY) == 0
    assert replace(held, reminded=frozenset({30})).due(93 * DAY) == 7
    assert replace(held, until=0).due(200 * DAY) == 0
    assert sorted(REMIND_DAYS, reverse=True) == list(REMIND_DAYS)


def test_no_name_of_the_entry_lies_in_clear(driver: Driver) -> None:
    given(driver)
    driver.stop()
    stored = b"".join(path.read_bytes() for path in driver.path.parent.glob(f"{driver.path.name}*"))
    for name in (b"B. Head", b"C. Deputy", b"A. Representative", b"seen on its page"):
        assert name not in stored
    driver.start()
    assert driver.desk.verify_audit().intact


# ------------------------------------------------------------------------------------------------------------ shifts


def test_shifts_stand_until_they_are_dropped(driver: Driver) -> None:
    driver.desk.house.take(LEAD, shift(driver))
    driver.desk.house.take(LEAD, shift(driver, 12 * 3600, person="m2", zone="Europe/Berlin"))
    driver.desk.house.take(LEAD, shift(driver, 40 * DAY, person="later"))
    now = driver.clock()
    told = driver.desk.house.duty(now, now + 7 * DAY)
    assert [(one.person, one.zone) for one in told.shifts] == [("m1", "Asia/Almaty"), ("m2", "Europe/Berlin")]
    assert [one.person for one in told.at(now)] == ["m1"]
    assert [one.person for one in told.at(now + 12 * 3600)] == ["m2"], "an end is the beginning of the next one"
    driver.desk.house.take(HEAD, commands.DropShift(told.shifts[1].id))
    assert [one.person for one in driver.desk.house.duty(now, now + 60 * DAY).shifts] == ["m1", "later"]
    for gone in (told.shifts[1].id, "2026-12/99", "nonsense"):
        with pytest.raises(InvalidInput) as refused:
            driver.desk.house.take(LEAD, commands.DropShift(gone))
        assert refused.value.field == "shift"


def test_a_shift_that_began_last_month_is_told(driver: Driver) -> None:
    driver.desk.house.take(LEAD, shift(driver, lasts=14 * DAY))
    driver.wait(13 * DAY)
    now = driver.clock()
    assert [one.person for one in driver.desk.house.duty(now, now + DAY).at(now)] == ["m1"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"lasts": 0}, "until_at"),
        ({"lasts": 15 * DAY}, "until_at"),
        ({"starts_in": -2 * DAY}, "until_at"),
        ({"zone": "Asia/Nowhere"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"person": " "}, "person"),
        ({"person": "two\nlines"}, "person"),
    ],
)
def test_what_is_wrong_with_a_shift_is_named(driver: Driver, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        driver.desk.house.take(LEAD, shift(driver, **wrong))
    assert (refused.value.field, bool(refused.value.remedy)) == (field, True)


# --------------------------------------------------------------------------------------------------- command line


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path, monkeypatch)
    made.ok("db", "upgrade")
    return made


@pytest.mark.slow
def test_the_register_by_the_command_line(office: Office) -> None:
    assert office.ok("office", "registration").startswith("Nothing was given for the register yet.")
    assert office.document("office", "registration") == {"entry": None}
    assert "office register --template" in office.refused(5, "office", "letter")
    template = office.document("office", "register", "--template")
    told = office.refused(7, "office", "register", "--file", "-", stdin=json.dumps(template), user="daniyar")
    assert "standard input: owner" in told
    filled = {**template, **ENTRY.model_dump(mode="json")}
    assert template.keys() == filled.keys()
    office.refused(6, "office", "register", "--file", "-", stdin=json.dumps(filled))
    said = office.ok("office", "register", "--file", "-", stdin=json.dumps(filled), user="daniyar")
    assert "B. Head" in said
    assert "a legal representative is needed" in said
    letters = {lang: office.ok("office", "letter", "--lang", lang) for lang in ("kk", "ru")}
    assert "Пользователей в Казахстане в сутки: 100001" in letters["ru"]
    assert all("B. Head" in text and "C. Deputy" not in text for text in letters.values())
    assert len(set(letters.values())) == 2
    assert "--lang: letters are written in kk and ru." in office.refused(7, "office", "letter", "--lang", "en")
    filed = ("--at", "2026-01-10 10:00", "--channel", office.words("courier"), "--number", office.words("out-7"))
    assert office.ok("office", "filed", *filed, user="daniyar") == "It is recorded that the entry was handed in.\n"
    until = ("--until", "2098-01-01 00:00")
    office.ok("office", "standing", "--standing", "registered", *until, user="daniyar")
    shown = office.document("office", "registration")
    assert (shown["standing"], shown["number"], shown["until_at"]) == ("registered", "out-7", "2097-12-31T19:00:00Z")
    assert shown["entry"]["head"] == {"name": "B. Head", "citizenship": "KZ"}, "recorded, never judged"


@pytest.mark.slow
def test_the_roster_by_the_command_line(office: Office) -> None:
    assert office.ok("office", "duty").startswith("Nobody is on duty. Plan a shift: ")
    past = ("--from", "2020-01-01 09:00", "--until", "2020-01-01 21:00")
    late = office.refused(7, "office", "shift", "--person", "daniyar", *past, user="daniyar")
    assert "--until: it is past. Give an end that is still to come." in late
    now = datetime.now(UTC)
    times = ("--from", (now - timedelta(hours=1)).isoformat(), "--until", (now + timedelta(hours=9)).isoformat())
    office.ok("office", "shift", "--person", "daniyar", *times, "--zone", "Europe/Berlin", user="daniyar")
    document = office.document("office", "duty")
    (row,) = document["shifts"]
    assert (row["person"], row["zone"], row["on_duty"]) == ("daniyar", "Europe/Berlin", True)
    paged = {one["step"]: one for one in document["ladder"]}
    assert all(one["on_duty"] == (["daniyar"] if "lead" in one["audience"] else []) for one in paged.values())
    assert any("lead" in one["audience"] for one in paged.values())
    assert "Europe/Berlin" in office.ok("office", "duty")
    assert office.ok("office", "drop-shift", "--shift", row["shift"], user="daniyar") == (
        f"The shift {row['shift']} is dropped.\n"
    )


@pytest.mark.slow
def test_a_case_that_cannot_be_read_keeps_nothing_else_from_the_next_shift(office: Office) -> None:
    office.entered(1, received="2026-01-10 10:00"), office.entered(2, received="2026-01-10 10:00")
    with closing(sqlite3.connect(office.store)) as raw:
        unguard(raw)
        broken, whole = (row[0] for row in raw.execute("SELECT id FROM cases ORDER BY stream"))
        raw.execute("UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, ?)", (broken,))
        raw.commit()
    rows = office.document("office", "hand-over")["cases"]
    assert {row["case"] for row in rows} == {broken, whole}
    assert whole in office.ok("office", "hand-over")


@pytest.mark.slow
def test_a_note_to_the_next_shift_and_alerts_that_nobody_acknowledged(office: Office) -> None:
    said = office.ok("office", "note", "--text", office.words("the regulator's line is down until noon"))
    assert said == "Your note to the next shift is kept.\n"
    assert "the regulator's line is down until noon" in office.ok("office", "hand-over", user="daniyar")
    notice = office.entered(received="2026-01-10 10:00")
    office.ok("worker", "--once")
    (row,) = office.document("office", "hand-over")["cases"]
    assert row["unseen"]
    office.ok("cases", "acknowledge", notice.notice_id)
    (row,) = office.document("office", "hand-over")["cases"]
    assert row["unseen"] == []
