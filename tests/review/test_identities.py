"""Outgoing free text is read by a person, and holds no identity that a machine can see."""

from __future__ import annotations

from functools import partial

import pytest

from kz_compliance_sdk.domain import commands, deciding
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.events.review import Asked
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.proposal_checks import found_in, is_iin
from kz_compliance_sdk.domain.report import CannotComply, Question, Statement
from kz_compliance_sdk.errors import InvalidInput
from tests.case_makers import (
    M1,
    T0,
    a_notice,
    claimed,
    context,
    events,
    measure,
    opened,
    proposal,
    refusal,
    stamp,
    taken,
)

ITEMS = (Item(item_id="1", account_ref="Aigul.K_91", content_type="account"),)
IIN = "910405450014"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Пишите на someone@mail.example.", "e-mail"),
        ("Владелец: +7 701 123 45 67", "phone"),
        ("тел. 8 (701) 123-45-67", "phone"),
        ("тел. 87011234567", "phone"),
        ("тел. 77011234567", "phone"),
        ("тел. 7 701 123-45-67", "phone"),
        (f"ИИН {IIN}.", "identification"),
        (f"ИИН {IIN[:6]} {IIN[6:9]} {IIN[9:]}", "identification"),
        (f"ИИН {IIN[:6]}-{IIN[6:]}", "identification"),
        ("Запись пользователя aigul.k_91 удалена", "account"),
        ("@AIGUL.K_91", "account"),
    ],
)
def test_an_identity_is_found(text: str, what: str) -> None:
    found = found_in(text, ["Aigul.K_91"])
    assert found is not None
    assert what in found
    assert "91" not in found, "the complaint repeats nothing"


@pytest.mark.parametrize(
    "text",
    [
        "Материал рассмотрен, решение принято.",
        "Исх. № 12-3/45 от 24.11.2026, статья 41-1(1-1)",
        "Law 18-VIII of 10 July 2023, 562-НҚ",
        "2026-11-24T12:00:00+05:00",
        "БИН 000000000009",
        "Номер 123456789012",
        "aigul.k_912 is another one",
        "KZ-2026-0000001",
    ],
)
def test_what_is_no_identity_passes(text: str) -> None:
    assert found_in(text, ["Aigul.K_91"]) is None


OWN = ("https://social.example/@dana_91/post/7", "https://social.example/@kazakhstan", "https://social.example/p/@x")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("См. https://social.example/@aigerim", "address"),
        ("См. social.example/@aigerim/posts.", "address"),
        ("https://social.example/@dana_91/post/77", "address"),
        ("https://social.example/@dana_91", "address"),
        ("Запись @Dana_91 удалена", "account"),
        ("Запись dana_91 удалена", "account"),
        ("The account @kazakhstan is blocked", "account"),
    ],
)
def test_a_name_that_stands_in_an_address_only_is_found(text: str, what: str) -> None:
    found = found_in(text, (), OWN)
    assert found is not None
    assert what in found


@pytest.mark.parametrize(
    "text",
    [
        "https://social.example/@dana_91/post/7",
        "Удалено (https://social.example/@dana_91/post/7).",
        "HTTPS://social.example/@Dana_91/post/7/ и https://social.example/@kazakhstan, оба",
        "The law of Kazakhstan was applied.",
        "dana_911 is another one",
        "https://adilet.zan.kz/rus/docs/Z2300000018",
        "mail/@x",
    ],
)
def test_the_addresses_of_the_notice_and_plain_words_are_no_alarm(text: str) -> None:
    assert found_in(text, (), OWN) is None


def test_a_proposal_that_names_an_account_of_an_address_is_refused() -> None:
    url = "https://social.example/@dana_91/post/7"
    notice = a_notice().model_copy(update={"items": (Item(item_id="1", url=url),)})
    for text, refused in ((f"Удалено: {url}", False), ("Запись dana_91 удалена.", True)):
        wording = Wording(outcome="removed", statement_of_reasons=(Statement(lang="ru", text=text),))
        wanted = proposal(measure("1", wording=wording))
        call = partial(deciding.propose, claimed(opened(notice)), 1, wanted, context(notice), stamp=stamp(T0, M1))
        if refused:
            with pytest.raises(InvalidInput) as error:
                call()
            assert error.value.code == "identity"
        else:
            call()


@pytest.mark.parametrize("written", ["@Aigul.K_91", " @aigul.k_91 "])
def test_an_account_is_found_without_the_sign_before_it(written: str) -> None:
    assert found_in("Запись пользователя aigul.k_91 удалена", [written]) is not None
    assert found_in("Запись @aigul.k_91 удалена", [written]) is not None
    assert found_in("aigul.k_912 is another one", [written]) is None


def test_the_checksum_and_the_day_of_an_iin_count() -> None:
    assert is_iin(IIN)
    assert not is_iin(IIN[:-1] + str((int(IIN[-1]) + 1) % 10)), "the check digit"
    assert not is_iin("911305450015"), "the thirteenth month"
    assert sum(is_iin(f"91040545{n:03}{d}") for n in range(100) for d in range(10)) in range(90, 101)


def test_a_proposal_whose_text_names_an_account_is_refused_with_its_field() -> None:
    notice = a_notice(category="fraud").model_copy(update={"items": ITEMS})
    case = claimed(opened(notice))
    wording = Wording(
        outcome="account_restricted",
        statement_of_reasons=(
            Statement(lang="kk", text="Бұғатталды."),
            Statement(lang="ru", text="aigul.k_91 закрыт."),
        ),
    )
    with pytest.raises(InvalidInput) as error:
        deciding.propose(
            case, 1, proposal(measure("1", "suspend_account", wording=wording)), context(notice), stamp=stamp(T0, M1)
        )
    assert (error.value.code, error.value.field) == ("identity", "items[0].wording.statement_of_reasons[1].text")
    assert "aigul" not in str(error.value).lower()


def test_a_text_that_items_share_is_refused_where_it_stands_first() -> None:
    items = tuple(Item(item_id=name, url=f"https://video.example/{name}") for name in ("1", "2", "3"))
    notice = a_notice(category="fraud").model_copy(update={"items": items})
    texts = ("Отказано.", "Пишите на a@b.example.", "Пишите на a@b.example.")
    decided = (
        refusal(
            item.item_id,
            wording=Wording(
                outcome="refused",
                statement_of_reasons=(Statement(lang="ru", text=text),),
                refusal_code="not_illegal",
            ),
        )
        for item, text in zip(items, texts, strict=True)
    )
    with pytest.raises(InvalidInput) as error:
        deciding.propose(claimed(opened(notice)), 1, proposal(*decided), context(notice), stamp=stamp(T0, M1))
    assert (error.value.code, error.value.field) == ("identity", "items[1].wording.statement_of_reasons[0].text")


def test_details_of_why_not_are_read_too() -> None:
    notice = a_notice()
    wording = Wording(
        outcome="cannot_comply",
        statement_of_reasons=(Statement(lang="ru", text="Нет возможности."),),
        cannot_comply=CannotComply(reason="force_majeure", details="звоните +7 701 123 45 67"),
    )
    with pytest.raises(InvalidInput) as error:
        deciding.propose(
            claimed(opened(notice)), 1, proposal(refusal("1", wording=wording)), context(notice), stamp=stamp(T0, M1)
        )
    assert error.value.field == "items[0].wording.cannot_comply.details"


def test_questions_need_a_person_who_read_them_and_the_event_names_that_person() -> None:
    notice = a_notice()
    case = claimed(opened(notice))
    clean = (Question(text=(Statement(lang="ru", text="Что именно?"),)),)
    with pytest.raises(InvalidInput) as error:
        taken(case, commands.RequestClarification(1, clean, text_checked=False), stamp(T0, M1), told=context(notice))
    assert error.value.field == "text_checked"
    named = (Question(text=(Statement(lang="ru", text="Это аккаунт a@b.example?"),)),)
    with pytest.raises(InvalidInput) as error:
        taken(case, commands.RequestClarification(1, named, text_checked=True), stamp(T0, M1), told=context(notice))
    assert error.value.field == "questions[0].text[0].text"
    change, _ = taken(
        case, commands.RequestClarification(1, clean, text_checked=True), stamp(T0, M1), told=context(notice)
    )
    (event,) = events(change)
    assert (event.actor, event.event) == (M1, Asked(questions=1))
