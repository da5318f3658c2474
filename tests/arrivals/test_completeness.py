"""What a notice lacks is shown and asked about. Nothing is rejected by a machine."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kz_compliance_sdk.domain.flags import FLAG_MEANINGS, GAP_CODES, Flag, Recipient, draft, gaps
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.policy import kz_policy, tighten
from kz_compliance_sdk.domain.words import words
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing import builders
from tests.catalogues import source_of, tables

POLICY = kz_policy()
NOBODY = Recipient()


def found(policy: Any = POLICY, recipient: Recipient = NOBODY, **changes: Any) -> list[tuple[str, str | None]]:
    notice = builders.notice(1, **{"category": "illegal_gambling", **changes})
    return [(gap.code, gap.item_id) for gap in gaps(notice, policy, recipient)]


def test_the_sample_notices_lack_nothing() -> None:
    for seed in range(1, 9):
        assert gaps(builders.notice(seed, items=3), POLICY, NOBODY) == ()


AUTHORITY = builders.AUTHORITIES["sample-authorised-body"]
_ONE: dict[str, tuple[dict[str, Any], tuple[str, str | None]]] = {
    "no official agency": ({"issuing_authority": {**AUTHORITY, "type": "other"}}, ("authority_not_official", None)),
    "an act without its article": ({"legal_basis": [{"act": "18-VIII"}]}, ("law_not_cited", None)),
    "an act that nobody knows": ({"legal_basis": [{"act": "77-X", "article": "1"}]}, ("basis_unknown", None)),
    "reasons that say nothing": (
        {"statement_of_reasons": [{"lang": "ru", "text": "  Нарушение. \n  "}]},
        ("reasons_missing", None),
    ),
    "no decision of the expert group": (
        {"category": "cyberbullying_of_child", "expert_group_decision": None},
        ("expert_group_missing", None),
    ),
    "a court order of a ministry": ({"kind": "court_order"}, ("kind_not_entitled", None)),
    "a submission of no prosecutor": (
        {"kind": "submission", "issuing_authority": {**AUTHORITY, "type": "national_security"}},
        ("kind_not_entitled", None),
    ),
    "reasons that nobody sees": (
        {"statement_of_reasons": [{"lang": "ru", "text": "\u200b" * 40}]},
        ("reasons_missing", None),
    ),
    "a law of another article": (
        {"legal_basis": [{"act": "118-VII", "article": "1"}, {"act": "1-I", "article": "1"}]},
        ("basis_unknown", None),
    ),
    "no addressee": ({"addressee": None}, ("addressee_missing", None)),
    "a front page": (
        {"items": [{"item_id": "7", "url": "https://social.example/?lang=ru"}]},
        ("content_not_identified", "7"),
    ),
    "a wildcard": (
        {"items": [{"item_id": "7", "url": "https://social.example/u/*/posts"}]},
        ("content_not_identified", "7"),
    ),
    "an account, where a post is meant": (
        {"items": [{"item_id": "7", "account_ref": "user-1", "content_type": "post"}]},
        ("content_not_identified", "7"),
    ),
}


@pytest.mark.parametrize("name", _ONE)
def test_each_gap_is_found_and_no_other(name: str) -> None:
    changes, expected = _ONE[name]
    assert found(**changes) == [expected]


def test_an_authority_without_a_mandate_for_the_category() -> None:
    narrow = tighten(POLICY, '[authority_categories]\nsample-authorised-body = ["fraud"]')
    assert found(narrow) == [("category_not_mandated", None)]
    assert found(narrow, category="fraud") == []


@pytest.mark.parametrize("name", [{"url": "https://social.example/p/7"}, {"object_id": "post-7"}])
def test_an_address_or_an_object_identifies_by_itself(name: dict[str, str]) -> None:
    assert found(items=[{"item_id": "7", "content_type": "post", **name}]) == []


def test_a_whole_account_is_identified_where_an_account_is_meant() -> None:
    account = {"item_id": "1", "account_ref": "user-1"}
    assert found(items=[{**account, "content_type": "channel"}]) == []
    assert found(items=[{**account, "content_type": "post"}], requested_action="suspend_account") == []


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        (Recipient(), []),
        (Recipient("ТОО Образец", "000000000009"), []),
        (Recipient("тоо  «образец»"), []),
        (Recipient("another", "000000000009"), []),
        (Recipient("ТОО «Образец»", "000000000008"), [("addressee_other", None)]),
        (Recipient("another"), [("addressee_other", None)]),
    ],
)
def test_the_addressee_is_compared_with_what_the_platform_says(recipient: Recipient, expected: list[Any]) -> None:
    assert found(recipient=recipient) == expected


@pytest.mark.parametrize(("kind", "sender"), [("court_order", "court"), ("submission", "prosecutor")])
def test_a_body_is_entitled_to_its_own_kind_of_order(kind: str, sender: str) -> None:
    assert found(kind=kind, issuing_authority={**AUTHORITY, "type": sender}) == []


def test_a_platform_can_narrow_who_may_send_a_kind_and_never_widen_it() -> None:
    own = tighten(POLICY, '[safeguards.kind_senders]\nprescription = ["prosecutor"]')
    assert found(own, kind="prescription") == [("kind_not_entitled", None)]
    assert found(own, kind="court_order") == [("kind_not_entitled", None)], "what the policy limits stays limited"
    with pytest.raises(ConfigError, match="looser"):
        tighten(POLICY, '[safeguards.kind_senders]\ncourt_order = ["court", "prosecutor"]')


def test_an_article_of_a_known_act_is_known_by_itself_where_the_policy_says_so() -> None:
    narrow = POLICY.model_copy(update={"known_acts": {"law": frozenset({"118-VII/41-1"})}})
    assert found(narrow, legal_basis=[{"act": "118-VII", "article": "41-1"}]) == []
    assert found(narrow, legal_basis=[{"act": "118-VII", "article": "40"}]) == [("basis_unknown", None)]


def test_without_a_policy_only_what_follows_from_the_notice_is_told() -> None:
    odd = builders.notice(1, addressee=None, legal_basis=[{"act": "77-X"}])
    assert gaps(odd, None, NOBODY) == (Flag("addressee_missing"),)


def test_an_expert_group_is_asked_for_by_policy_alone() -> None:
    assert found(category="fraud") == []
    own = tighten(POLICY, "[categories.fraud]\nexpert_group = true")
    assert found(own, category="fraud") == [("expert_group_missing", None)]
    row = own.category("fraud")
    assert row.expert_group_source is not None
    assert not row.expert_group_source.verified


# ------------------------------------------------------------------------------------------- drafts


def test_every_gap_has_its_meaning_and_a_question_in_three_languages() -> None:
    asked = {lang: tables(lang, "gaps")["question"] for lang in ("kk", "ru", "en")}
    for code in GAP_CODES:
        assert FLAG_MEANINGS[code].endswith(".")
        (question,) = draft([Flag(code)], ("kk", "ru", "en"))
        told = {said.lang: said.text for said in question.text}
        assert told == {lang: texts[code].replace("{item}", "") for lang, texts in asked.items()}
        assert "{" not in "".join(told.values()), code
        assert re.search("[а-я]", told["ru"]), code
        assert re.search("[әғқңөұүһі]", told["kk"]), code
        assert told["en"].isascii(), code
    assert all(texts.keys() == set(GAP_CODES) for texts in asked.values())


def test_the_drafts_are_marked_as_reviewed_by_nobody() -> None:
    """In the file that a lawyer would open: the questions themselves leave only as a person has confirmed them."""
    for lang, lawyer in (("kk", "заңгер"), ("ru", "юрист"), ("en", "lawyer")):
        assert words(lang, "gaps").is_draft
        assert lawyer in source_of(lang, "gaps").split("msgid")[0]


def test_the_draft_speaks_the_languages_of_the_notice() -> None:
    one = [Flag("addressee_missing")]
    assert [said.lang for said in draft(one, ("ru",))[0].text] == ["ru"]
    assert [said.lang for said in draft(one, ("en", "kk"))[0].text] == ["kk", "en"]
    assert [said.lang for said in draft(one, ("de",))[0].text] == ["kk", "ru"]


def test_a_question_about_an_item_names_it() -> None:
    (question,) = draft([Flag("content_not_identified", "7")], ("ru", "en"))
    assert question.item_id == "7"
    assert all("7" in said.text for said in question.text)


def test_a_gap_has_its_meaning_for_the_moderator() -> None:
    assert FLAG_MEANINGS["law_not_cited"] == "A legal basis names an act without its article."
    assert gaps(builders.notice(1, addressee=None), POLICY, NOBODY) == (Flag("addressee_missing"),)


def test_an_item_with_an_address_and_a_wildcard_object_is_not_identified() -> None:
    item = Item(item_id="1", object_id="post:*")
    notice = builders.notice(1).model_copy(update={"items": (item,)})
    assert gaps(notice, POLICY, NOBODY) == (Flag("content_not_identified", "1"),)
