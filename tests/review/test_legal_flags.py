"""The flags that call for a lawyer: what raises them, and what must not."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.domain.flags import codes, is_pattern, is_whole_site, legal_flags
from kz_compliance_sdk.domain.policy import Policy, kz_policy, tighten
from kz_compliance_sdk.testing import builders

POLICY = kz_policy()


def flagged(policy: Policy = POLICY, raw: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    notice = builders.notice(1, **changes)
    told = {**notice.model_dump(mode="json"), **(raw or {})}
    return [flag.code for flag in legal_flags(notice, raw=told, safeguards=policy.safeguards)]


def test_the_sample_notices_call_for_no_lawyer() -> None:
    for seed in range(1, 9):
        notice = builders.notice(seed, items=3)
        assert legal_flags(notice, raw=notice.model_dump(mode="json"), safeguards=POLICY.safeguards) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://social.example/?lang=ru",
        "https://social.example?utm_source=x",
        "https://social.example/index.html",
        "https://social.example/RU/",
        "https://social.example/./#top",
        "https://social.example/ru/index.html",
        "https://social.example/kk-KZ/home?ref=mail",
        "https://social.example//en_US/",
    ],
)
def test_a_front_page_is_a_whole_site(url: str) -> None:
    assert is_whole_site(url)
    assert flagged(items=[{"item_id": "1", "url": url}]) == ["url_whole_site"]


@pytest.mark.parametrize(
    "url",
    [
        "https://social.example/p/1",
        "https://social.example/?p=123",
        "https://social.example/#/post/1",
        "https://social.example/#!post",
        "https://social.example/index.php?id=5",
        "https://social.example/ru/post/1",
        "https://social.example/ruslan",
        "https://social.example/en/index.html/7",
        "https://social.example/home/17",
    ],
)
def test_an_item_behind_a_front_page_is_none(url: str) -> None:
    assert not is_whole_site(url)
    assert flagged(items=[{"item_id": "1", "url": url}]) == []


def test_a_wildcard_is_seen_encoded_or_not_and_in_every_name() -> None:
    assert is_pattern("https://social.example/%2A/x")
    for named in ({"url": "https://social.example/u/*/p"}, {"object_id": "post:*"}, {"account_ref": "user-*"}):
        assert flagged(items=[{"item_id": "1", **named}]) == ["url_wildcard"]


def test_an_official_is_offended_by_category_by_law_or_by_the_senders_own_word() -> None:
    assert flagged(category="insult_of_official") == ["official_offended"]
    assert flagged(raw={"offended_official": "an akim"}) == ["official_offended"]
    assert flagged(raw={"offended_official": False}) == []
    law = tighten(POLICY, '[safeguards]\nofficial_acts = ["Code X/1"]')
    assert flagged(law, legal_basis=[{"act": "Code X", "article": "1"}]) == ["official_offended"]
    assert flagged(law, legal_basis=[{"act": "Code X", "article": "2"}]) == []


def test_a_demand_for_user_data_is_seen_by_its_fields_and_by_its_words() -> None:
    assert flagged(raw={"requested_data": ["ip", "phone"]}) == ["user_data_demand"]
    assert flagged(raw={"requested_data": []}) == []
    item = {**builders.notice(1).items[0].model_dump(mode="json"), "user_data": "all of it"}
    assert flagged(raw={"items": [item]}) == ["user_data_demand"]
    words = [{"lang": "ru", "text": "Предоставить  Регистрационные\nданные автора."}]
    assert flagged(requested_action="other", statement_of_reasons=words) == ["user_data_demand"]
    assert flagged(requested_action="remove", statement_of_reasons=words) == [], "the words alone are no demand"


def test_the_codes_of_flags_leave_the_items_out() -> None:
    assert codes(("url_wildcard:1", "url_wildcard:2", "amended")) == {"url_wildcard", "amended"}


# ------------------------------------------------------------------------------------------- policy


def test_what_calls_for_a_lawyer_calls_for_two() -> None:
    assert POLICY.safeguards.legal_review_flags <= POLICY.four_eyes_flags
    for flag in POLICY.safeguards.legal_review_flags:
        assert POLICY.needs_legal_review("fraud", frozenset({flag}))
        assert POLICY.needs_four_eyes("fraud", worldwide=False, flags=frozenset({flag}))
    assert not POLICY.needs_legal_review("fraud", frozenset({"url_foreign"}))
