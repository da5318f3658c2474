"""What an authority wrote reaches the affected user only where it holds nobody's identity."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.domain.notice import LocalName, Redress, Signatory
from kz_compliance_sdk.ports.platform import UserNotice
from tests.case_makers import a_notice, measure, proposal
from tests.scene import Host

NOTICE = a_notice().model_copy(update={"signatory": Signatory(name="Ахметов А. С."), "contact": None})
AUTHORITY = NOTICE.issuing_authority
COURT = Redress(body="Суд города Астаны", deadline="три месяца", url="https://sud.gov.kz/rus")


def told(host: Host, **changes: Any) -> UserNotice:
    """What the user of a removed item is told under this notice."""
    notice = NOTICE.model_copy(update=changes)
    host.push(notice, "m-1")
    host.decide(proposal(*(measure(item.item_id) for item in notice.items)))
    host.drain()
    ((found, _),) = host.world.messenger.told.values()
    return found


def alerts(host: Host) -> int:
    return [alert.reason for alert in host.world.pager.alerts].count("user_notice_words")


def test_words_that_name_nobody_are_told_and_nobody_is_alerted(host: Host) -> None:
    unit = AUTHORITY.model_copy(update={"unit": "Отдел № 3, каб. 1204"})
    notice = told(host, issuing_authority=unit, redress=COURT)
    for words in ("Отдел № 3, каб. 1204", "Суд города Астаны, три месяца, https://sud.gov.kz/rus"):
        assert words in notice.texts["ru"]
    assert alerts(host) == 0


@pytest.mark.parametrize(("sender", "word"), [("authorised_body", "91"), ("court", "суд")])
def test_a_demand_that_names_no_way_to_contest_it_is_told_with_one(host: Host, sender: str, word: str) -> None:
    texts = told(host, issuing_authority=AUTHORITY.model_copy(update={"type": sender})).texts
    for lang, contest in (("kk", "дау айта аласыз"), ("ru", "Вы можете оспорить"), ("en", "contest the demand")):
        (way,) = [line.partition(": ")[2] for line in texts[lang].splitlines() if contest in line]
        assert way
        assert lang != "ru" or word in way


@pytest.mark.parametrize(
    ("changes", "gone", "stays"),
    [
        ({"issuing_authority": {"unit": "Отдел, исп. Ахметов А. С."}}, "Ахметов", AUTHORITY.name.best("ru")),
        ({"issuing_authority": {"unit": "dana@gov.kz"}}, "dana@", AUTHORITY.name.best("ru")),
        ({"redress": {"deadline": "звоните +7 701 555 01 99"}}, "701 555", "Суд города Астаны, https://sud.gov.kz/rus"),
        ({"redress": {"url": "https://social.example/@dana_91"}}, "dana_91", "Суд города Астаны, три месяца"),
        ({"reference_number": "по жалобе 910405450014"}, "910405450014", AUTHORITY.name.best("ru")),
        ({"issuing_authority": {"name": "Министерство, Ахметов А. С."}}, "Ахметов", "уполномоченный орган"),
    ],
    ids=["signatory", "address", "phone", "account", "number", "the name itself"],
)
def test_words_that_name_somebody_are_left_out_and_people_are_alerted(
    host: Host, changes: dict[str, Any], gone: str, stays: str
) -> None:
    wanted: dict[str, Any] = {"redress": COURT}
    for name, change in changes.items():
        if name == "issuing_authority":
            change = {**change, **({"name": LocalName(ru=change["name"])} if "name" in change else {})}
            wanted[name] = AUTHORITY.model_copy(update=change)
        else:
            wanted[name] = COURT.model_copy(update=change) if name == "redress" else change
    notice = told(host, **wanted)
    assert gone not in str(notice)
    for text in notice.texts.values():
        assert text.count("\n") > 10
    assert stays in notice.texts["ru"]
    assert alerts(host) == 1
    host.check_chains()


def test_people_are_alerted_once_for_a_decision(host: Host) -> None:
    notice = a_notice(items=3)
    unit = notice.issuing_authority.model_copy(update={"unit": "dana@gov.kz"})
    host.push(notice.model_copy(update={"issuing_authority": unit}), "m-1")
    host.decide(proposal(*(measure(item.item_id) for item in notice.items)))
    host.drain()
    assert len(host.world.messenger.told) == 3
    assert alerts(host) == 1
