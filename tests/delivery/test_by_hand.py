"""The answer letter: it says in two languages what the message says, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any, get_args

import pytest

from kz_compliance_sdk.adapters.by_hand import ByHand, Lang, LetterHead, render_html, render_letter
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.report import (
    Acknowledgement,
    ActionTaken,
    AuthorisedPerson,
    CannotComply,
    CannotComplyReason,
    ClarificationRequest,
    Contest,
    Ground,
    Outcome,
    Question,
    RefusalCode,
    Report,
    ReportItem,
    Statement,
    UserNotified,
    outbound_bytes,
)
from kz_compliance_sdk.errors import InvalidInput, RegulatorError
from kz_compliance_sdk.ports import ByPerson
from tests.catalogues import tables
from tests.conftest import NOON

LANGS = get_args(Lang)
OFFICE = LetterHead(
    "ТОО «Пример»", "010000, Астана\nул. Примерная, 1", "Руководитель", "А. Б. Примеров", "77-1", "Министерство"
)
BLANK = LetterHead("ТОО «Пример»", "Астана", "Руководитель", "")
TABLES: dict[str, object] = {
    "outcome": Outcome,
    "action": ActionTaken,
    "refusal_code": RefusalCode,
    "cannot_comply": CannotComplyReason,
    "ground": Ground,
    "user_notified": UserNotified,
}


def words(lang: str) -> Mapping[str, Mapping[str, str]]:
    return tables(lang, "letters", "cases")


def item(**fields: Any) -> ReportItem:
    return ReportItem.model_validate({"item_id": "i1", "outcome": "removed", "action": "remove", **fields})


def report(*items: ReportItem, **fields: Any) -> bytes:
    return outbound_bytes(
        Report.model_validate(
            {
                "report_id": "rep-1",
                "notice_id": "n-1",
                "reference_number": "12-34/567",
                "case_reference": "case-1",
                "sequence": 3,
                "final": True,
                "received_at": NOON - 3_600,
                "reported_at": NOON,
                "items": items or (item(),),
                "authorised_person": AuthorisedPerson(role="глава офиса", name="В. Г. Образцова"),
                "audit_head": "a" * 64,
                **fields,
            }
        )
    )


CLARIFICATION = outbound_bytes(
    ClarificationRequest(
        request_id="q-1",
        notice_id="n-1",
        case_reference="case-1",
        questions=(
            Question(text=(Statement(lang="ru", text="Какая статья?"), Statement(lang="kk", text="Қай бап?"))),
            Question(item_id="i2", text=(Statement(lang="ru", text="Какой адрес?"),)),
        ),
        sent_at=NOON,
    )
)
ACKNOWLEDGEMENT = outbound_bytes(
    Acknowledgement(notice_id="n-1", revision=2, received_at=NOON, case_reference="case-1", message_id="m-1")
)
BODIES = {"report": report(), "clarification": CLARIFICATION, "acknowledgement": ACKNOWLEDGEMENT}


def flat(text: str) -> str:
    return " ".join(text.split())


# Words.


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("table", TABLES)
def test_every_value_that_a_report_can_hold_has_its_own_words(lang: str, table: str) -> None:
    values = get_args(TABLES[table])
    given = words(lang)[table]
    assert set(given) == set(values)
    assert len(set(given.values())) == len(values)


def test_both_languages_have_words_for_the_same_things_with_the_same_places_to_fill() -> None:
    def places(lang: str) -> dict[tuple[str, str], list[str]]:
        return {
            (table, name): sorted(re.findall(r"{(\w+)}", str(text)))
            for table, rows in words(lang).items()
            for name, text in rows.items()
        }

    assert places("kk") == places("ru")
    assert all(len(set(words(lang)["month"].values())) == 12 for lang in LANGS)


@pytest.mark.parametrize("lang", LANGS)
def test_kazakh_words_are_kazakh_and_russian_words_are_russian(lang: str) -> None:
    letters = set("".join(str(text) for rows in words(lang).values() for text in rows.values()))
    assert bool(letters & set("әғқңөұүһі")) == (lang == "kk")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_every_outcome_is_said_in_words(lang: str, outcome: Outcome) -> None:
    one = item(
        outcome=outcome,
        action="none",
        refusal_code="overbroad" if outcome == "refused" else None,
        cannot_comply=CannotComply(reason="force_majeure") if outcome == "cannot_comply" else None,
        contest=Contest(body="Суд") if outcome == "contested" else None,
    )
    text = flat(render_letter(report(one, final=outcome != "pending"), lang, OFFICE))
    assert words(lang)["outcome"][outcome] in text
    assert outcome not in text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("action", get_args(ActionTaken))
def test_every_action_is_said_in_words(lang: str, action: ActionTaken) -> None:
    text = flat(render_letter(report(item(action=action)), lang, OFFICE))
    assert words(lang)["action"][action] in text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("code", get_args(RefusalCode))
def test_every_refusal_is_said_in_words(lang: str, code: RefusalCode) -> None:
    refused = item(outcome="refused", action="none", refusal_code=code)
    text = flat(render_letter(report(refused), lang, OFFICE))
    assert words(lang)["refusal_code"][code] in text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("reason", get_args(CannotComplyReason))
def test_every_impossibility_is_said_in_words(lang: str, reason: CannotComplyReason) -> None:
    cannot = item(
        outcome="cannot_comply", action="none", cannot_comply=CannotComply(reason=reason, details="Сбой хранилища")
    )
    text = flat(render_letter(report(cannot), lang, OFFICE))
    assert words(lang)["cannot_comply"][reason] in text
    assert "Сбой хранилища" in text


# The whole letter.


def test_the_russian_letter_reads_as_a_whole() -> None:
    body = report(
        item(
            effective_at=NOON - 60,
            ground="local_law",
            legal_provision="Закон 18-VIII, статья 9",
            statement_of_reasons=(
                Statement(lang="kk", text="Заң бұзылған."),
                Statement(lang="ru", text="Нарушен закон.\nСм. приложение."),
            ),
            user_notified="yes",
        ),
        item(
            item_id="i2",
            outcome="contested",
            action="none",
            contest=Contest(body="Суд г. Астаны", reference="A-9", filed_at=NOON - 120),
            appeal_available=False,
        ),
    )
    assert (
        render_letter(body, "ru", OFFICE)
        == f"""\
ТОО «Пример»
010000, Астана
ул. Примерная, 1

Исх. №: 77-1
Дата: 24 ноября 2026 года
Кому: Министерство

ОТВЕТ о результатах рассмотрения требования

Номер требования: 12-34/567
Идентификатор требования: n-1
Номер дела у платформы: case-1
Получено платформой: 24 ноября 2026 года, 11:00 (время Астаны, UTC+5)

По результатам рассмотрения вышеуказанного требования сообщаем следующее.

Материал 1 из 2: i1
-------------------

Результат: материал удалён
Принятая мера: удаление материала
Территория действия: Республика Казахстан
Действует с: 24 ноября 2026 года, 11:59 (время Астаны, UTC+5)
Основание меры: законодательство Республики Казахстан
Правовая норма: Закон 18-VIII, статья 9
Обоснование: Нарушен закон.
    См. приложение.
Решение принял: человек
Уведомление пользователя: пользователь уведомлён
Обжалование пользователем: доступно

Материал 2 из 2: i2
-------------------

Результат: требование оспаривается
Принятая мера: мера не применялась
Оспаривается в органе: Суд г. Астаны
Номер обращения: A-9
Подано: 24 ноября 2026 года, 11:58 (время Астаны, UTC+5)
Решение принял: человек
Обжалование пользователем: недоступно

* * *

За ответ платформы отвечает: глава офиса, В. Г. Образцова
Порядковый номер ответа по делу: 3
Идентификатор сообщения: rep-1
Контрольная сумма журнала дела:
    {"a" * 64}
Контрольная сумма (SHA-256) электронной записи этого письма:
    {hashlib.sha256(body).hexdigest()}

Руководитель ____________________ А. Б. Примеров
"""
    )


def test_the_kazakh_letter_writes_dates_as_kazakh_does() -> None:
    text = flat(render_letter(report(), "kk", OFFICE))
    assert "Күні: 2026 жылғы 24 қараша" in text
    assert "2026 жылғы 24 қараша, сағат 11:00 (Астана уақыты, UTC+5)" in text


def test_the_day_is_the_day_in_kazakhstan() -> None:
    last_hour_of_the_day_in_utc = NOON + 12 * 3_600  # 19:00 UTC, midnight in Asia/Almaty
    assert "Дата: 25 ноября 2026 года" in render_letter(report(reported_at=last_hour_of_the_day_in_utc), "ru", OFFICE)


def test_before_march_2024_the_zone_was_another_one() -> None:
    text = flat(render_letter(report(received_at=1_709_208_000), "ru", OFFICE))  # 2024-02-29T12:00:00Z
    assert "29 февраля 2024 года, 18:00 (время Астаны, UTC+6)" in text


@pytest.mark.parametrize("render", [render_letter, render_html])
def test_an_item_is_named_as_the_notice_named_it(render: Any) -> None:
    address = "https://social.example/p/1?a=1"
    items = {
        "i1": Item(item_id="i1", url=address, object_id="post-1"),
        "i2": Item(item_id="i2", account_ref="user-7"),
        "i9": Item(item_id="i9", url="https://social.example/p/9"),
    }
    letter = render(report(item(), item(item_id="i2")), "ru", OFFICE, items)
    for word in (f"{address}", "post-1", "user-7"):
        assert word in letter
    assert "/p/9" not in letter, "the message does not speak of it"
    assert "Аккаунты: user-7" in flat(render_letter(report(item(item_id="i2")), "kk", OFFICE, items))
    question = flat(render_letter(CLARIFICATION, "ru", OFFICE, items))
    assert "Аккаунт: user-7 Вопрос: Какой адрес?" in question
    assert address not in question


def test_an_interim_report_says_so_and_tells_nothing_of_what_is_pending() -> None:
    pending = item(item_id="i2", outcome="pending", action="remove")
    text = flat(render_letter(report(item(), pending, final=False), "ru", OFFICE))
    assert "ПРОМЕЖУТОЧНЫЙ ОТВЕТ" in text
    assert text.count("Принятая мера") == 1


def test_a_measure_beyond_kazakhstan_names_where() -> None:
    assert "Республика Казахстан, KG" in render_letter(report(item(territorial_scope=("KZ", "KG"))), "ru", OFFICE)
    assert "барлық елдер" in render_letter(report(item(territorial_scope=("*",))), "kk", OFFICE)


def test_reasons_in_another_language_are_given_and_named_when_there_are_no_others() -> None:
    body = report(item(statement_of_reasons=(Statement(lang="ru-KZ", text="Нарушен закон."),)))
    assert "Негіздеме (орыс тілінде): Нарушен закон." in flat(render_letter(body, "kk", OFFICE))
    assert "Обоснование: Нарушен закон." in flat(render_letter(body, "ru", OFFICE))
    strange = report(item(statement_of_reasons=(Statement(lang="de", text="Verstoß."),)))
    assert "Обоснование (на языке de): Verstoß." in flat(render_letter(strange, "ru", OFFICE))


def test_a_clarification_asks_each_question_once_in_the_language_of_the_letter() -> None:
    text = flat(render_letter(CLARIFICATION, "kk", OFFICE))
    assert "Сұрақ: Қай бап?" in text
    assert "Какая статья?" not in text
    assert "i2" in text
    assert "Сұрақ (орыс тілінде): Какой адрес?" in text


def test_an_acknowledgement_names_the_revision_and_leaves_its_date_to_whoever_signs() -> None:
    text = flat(render_letter(ACKNOWLEDGEMENT, "ru", BLANK))
    assert "(редакция 2)" in text
    assert "Дата: ____" in text
    assert "Исх. №: ____" in text
    assert text.endswith("Руководитель ____________________ ____________________")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", BODIES)
def test_the_same_message_gives_the_same_letter_which_names_its_digest(lang: str, kind: str) -> None:
    first, second = (render_letter(BODIES[kind], lang, OFFICE) for _ in range(2))
    assert first == second
    assert hashlib.sha256(BODIES[kind]).hexdigest() in first
    assert max(map(len, first.splitlines())) <= 78


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", BODIES)
def test_the_page_says_what_the_letter_says(lang: str, kind: str) -> None:
    class Text(HTMLParser):
        seen = ""
        inside = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.inside = tag

        def handle_data(self, data: str) -> None:
            if self.inside not in ("style", "title"):
                self.seen += data

    page = Text()
    page.feed(render_html(BODIES[kind], lang, OFFICE))
    letter = re.sub(r"^-+$", "", render_letter(BODIES[kind], lang, OFFICE), flags=re.MULTILINE)
    assert "".join(page.seen.split()) == "".join(letter.split())


def test_nothing_that_is_written_in_a_message_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    body = report(
        item(
            statement_of_reasons=(Statement(lang="ru", text=evil),),
            legal_provision=evil,
            contest=Contest(body=evil),
        ),
        reference_number=evil,
    )
    page = render_html(body, "ru", replace(OFFICE, name=evil, address=evil, addressee=evil, head_name=evil))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == page.count("alert(1)") == 9
    assert "{" not in re.sub(r"<style>.*?</style>", "", page)


def test_braces_in_a_message_are_letters() -> None:
    body = report(item(legal_provision="{0} {item_id} %s"))
    assert "{0} {item_id} %s" in render_letter(body, "ru", OFFICE)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"report_id":"x"}', b'{"request_id":"x"}', b"\xff"])
def test_what_no_letter_carries_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        render_letter(body, "ru", OFFICE)


@pytest.mark.parametrize("lang", ["en", "", "KK", "../letter_ru"])
def test_letters_are_written_in_two_languages(lang: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render_letter(report(), lang, OFFICE)
    assert caught.value.field == "lang"


# The way of letters.


def outbox(kind: Any, body: bytes) -> OutboxMessage:
    return OutboxMessage(
        id="m-1",
        platform_id="p",
        case_id="case-1",
        kind=kind,
        endpoint="by_hand",
        body=body,
        created_at=NOON,
        next_attempt_at=NOON,
    )


@pytest.mark.parametrize("kind", BODIES)
def test_a_letter_waits_for_a_person(kind: str) -> None:
    sent = ByHand(BLANK).send(outbox(kind, BODIES[kind]))
    assert isinstance(sent, ByPerson)
    assert "case-1" in sent.what


def test_a_letter_that_cannot_be_written_is_not_given_to_a_person() -> None:
    with pytest.raises(InvalidInput):
        ByHand(BLANK).send(outbox("report", b"{}"))
    with pytest.raises(InvalidInput):
        ByHand(BLANK).send(outbox("enforce", report()))


def test_only_a_person_knows_whether_a_letter_arrived_and_letters_have_no_feed() -> None:
    way = ByHand(BLANK)
    assert way.look_up(outbox("report", report())) is None
    with pytest.raises(RegulatorError):
        way.fetch("", 10)
