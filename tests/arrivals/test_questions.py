"""What the office asks an authority: a question that says something, about what the notice names."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import InvalidInput
from tests.case_makers import M1, T0, a_notice, claimed, context, opened, stamp, taken

ASKED = Statement(lang="ru", text="Какая часть имеется в виду?")


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (Question(text=(Statement(lang="ru", text=" \n"),)), "questions[0].text[0].text"),
        (Question(text=(ASKED, Statement(lang="kk", text=" "))), "questions[0].text[1].text"),
        (Question(item_id="99", text=(ASKED,)), "questions[0].item_id"),
    ],
)
def test_a_question_that_nobody_could_answer_is_refused(question: Question, field: str) -> None:
    notice = a_notice(items=2)
    case = claimed(opened(notice))
    with pytest.raises(InvalidInput) as refused:
        taken(
            case, commands.RequestClarification(1, (question,), text_checked=True), stamp(T0, M1), told=context(notice)
        )
    assert refused.value.field == field


@pytest.mark.parametrize("item_id", [None, "1", "2"])
def test_a_question_about_the_notice_or_one_of_its_items_is_asked(item_id: str | None) -> None:
    notice = a_notice(items=2)
    case = claimed(opened(notice))
    question = Question(item_id=item_id, text=(ASKED,))
    _, asked = taken(
        case, commands.RequestClarification(1, (question,), text_checked=True), stamp(T0, M1), told=context(notice)
    )
    assert asked.state == "awaiting_answer"
