"""Who may decide an appeal beside the first decider, and in which words the regulator is told of a reversal."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import InvalidInput, NotAllowed
from tests.case_makers import a_notice, measure, proposal
from tests.remedies.test_appeals import LEGAL, SATIRE, appealed, removed
from tests.scene import Host, World


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


@pytest.mark.parametrize(
    "text", ["Write to dana@example.kz.", "Call +7 701 555 01 99.", "The account user_001 is satire."]
)
def test_a_reversal_says_nobodys_identity_to_the_regulator(host: Host, text: str) -> None:
    item = Item(item_id="1", url="https://social.example/p/1", account_ref="user_001")
    notice = a_notice(seed=10, items=1).model_copy(update={"items": (item,)})
    host.push(notice, "m-10")
    host.decide(proposal(measure("1")))
    host.drain()
    case_id = host.case(notice.notice_id).id
    one = appealed(host, case_id)
    said = Reversal("not_illegal", "protected_speech", (Statement(lang="ru", text=text),), text_checked=True)
    with pytest.raises(InvalidInput) as refused:
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", said),
        )
    assert (refused.value.code, refused.value.field) == ("identity", "reversal.statement[0].text")
    assert (
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        ).state
        == "reversed"
    )


@pytest.mark.parametrize("role", ["lead", "legal"])
def test_the_head_of_the_office_decides_no_appeal_alone_whatever_else_they_are(host: Host, role: str) -> None:
    one = appealed(host, removed(host))
    head = Actor("both", frozenset({"head", role}))
    for outcome, wording in (("uphold", None), ("reverse", SATIRE)):
        with pytest.raises(NotAllowed) as refused:
            host.take(
                head,
                host.appeals.case_of(one.appeal_id),
                commands.DecideAppeal(one.appeal_id, outcome, "I was asked to", wording),  # type: ignore[arg-type]
            )
        assert refused.value.code == "head"
    assert (
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "looked at anew")
        ).state
        == "upheld"
    )


def test_a_reversal_is_told_in_its_own_words_also_where_another_order_holds_the_object(host: Host) -> None:
    item = Item(item_id="1", url="https://social.example/p/1", object_id="post:1")
    first, second = (a_notice(seed=seed).model_copy(update={"items": (item,)}) for seed in (1, 2))
    for notice, name in ((first, "m-1"), (second, "m-2")):
        host.push(notice, name)
        host.decide(proposal(measure("1")))
        host.drain()
    one = appealed(host, host.case(first.notice_id).id)
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    host.drain()
    assert set(host.world.platform.effects.values()) == {"remove"}, "the control: the other order holds it"
    (told,) = host.world.regulator.reports(first.notice_id)[-1]["items"]
    assert (told["outcome"], told["refusal_code"]) == ("refused", "protected_speech")
    assert told["statement_of_reasons"] == [{"lang": "ru", "text": "Это сатира."}]
