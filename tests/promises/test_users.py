"""The affected user is told, at once and by name of the authority; a silence has a basis and an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.driver import DAY, LEAD, LEGAL, M1, Driver, Person
from tests.promises.refusing import refused


def _in_force(office: Driver, **fields: Any) -> str:
    case = office.issue(**fields)
    office.decide(case)
    office.deliver()
    return case


def test_the_user_is_told_at_once_and_by_name_of_the_authority(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    _in_force(office)
    assert office.messenger.kinds() == [("1", "measure")]
    ((told, at),) = office.messenger.told.values()
    named = office.notice()["issuing_authority"]["name"]
    assert at == office.clock()
    assert all(text in repr(told) for text in (named["ru"], office.notice()["reference_number"]))
    assert "m1" not in repr(told).split(), "no moderator is named"


def test_what_an_authority_wrote_about_a_person_is_left_out(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    basis = [{"act": "Закон о связи, писать a.b@office.example", "article": "41-1"}]
    _in_force(office, legal_basis=basis)
    ((told, _),) = office.messenger.told.values()
    assert "a.b@office.example" not in repr(told)
    assert "user_notice_words" in office.pages()


def test_a_silence_without_a_basis_ends_after_a_day(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    _in_force(office, user_notice={"allowed": False})
    assert office.messenger.kinds() == []
    assert "user_notice_barred" in office.pages()
    office.wait(DAY)
    office.deliver()
    assert office.messenger.kinds() == [("1", "measure")]


def test_a_delay_has_an_end_and_a_lawyer(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.users_are_out_of_reach()
    case = _in_force(office)
    with refused("not_allowed"):
        office.delay_user_notice(LEAD, case, office.clock() + DAY)
    with refused("invalid_input"):
        office.delay_user_notice(LEGAL, case, office.clock() + 43 * DAY)
    office.delay_user_notice(LEGAL, case, office.clock() + DAY)
    office.messenger.faults.clear()
    office.deliver()
    assert office.messenger.kinds() == []
    office.wait(DAY)
    office.deliver()
    assert office.messenger.kinds() == [("1", "measure")]


def test_the_same_appeal_twice_is_one(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = _in_force(office)
    assert office.appeal(case, reference="A-1") == office.appeal(case, reference="A-1")
    assert len(office.appeals()) == 1


def test_the_head_ends_no_appeal(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    appeal = office.appeal(_in_force(office))
    with refused("head"):
        office.uphold(Person("boss", "head lead"), appeal)
    office.uphold(LEAD, appeal)
    office.deliver()
    assert ("1", "appeal_decided") in office.messenger.kinds()
    assert M1.id not in {one["decided_by"] for one in office.appeals("upheld")}
