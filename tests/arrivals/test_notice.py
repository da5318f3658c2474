"""A notice: the flags that a person must see, and what is derived from it."""

from __future__ import annotations

from typing import Any

import pytest

from kz_compliance_sdk.domain.flags import Flag, flags
from kz_compliance_sdk.domain.notice import Notice, languages_of, requested_due_at
from tests.wire.golden import make

NOW = make.NOW


# Flags


def _flags(raw: dict[str, Any], **changes: Any) -> set[str]:
    settings: dict[str, Any] = {
        "raw": raw,
        "now": NOW,
        "hosts": frozenset({"social.example"}),
        "known_categories": frozenset({"illegal_gambling", "fraud"}),
    }
    return {flag.code for flag in flags(Notice.model_validate(raw), **{**settings, **changes})}


def _with(**changes: Any) -> dict[str, Any]:
    return {**make.notice(), **changes}


def _item(url: str) -> list[dict[str, Any]]:
    return [{"item_id": "1", "url": url}]


def test_an_ordinary_notice_has_no_flag() -> None:
    assert _flags(make.notice()) == set()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"category": "Illegal_Gambling"}, "category_unknown"),
        ({"legal_basis": [{"act": "118-VII", "reference": "<script>alert(1)</script>"}]}, "text_markup"),
        ({"legal_basis": [{"act": "118-VII", "reference": "[ok](javascript:alert(1))"}]}, "text_markup"),
        ({"urgency_reason": "JavaScript:alert(1)"}, "text_markup"),
        ({"statement_of_reasons": [{"lang": "ru", "text": "</p>"}]}, "text_markup"),
        ({"items": _item("https://other.example/p/1")}, "url_foreign"),
        ({"items": _item("https://social.example.evil.example/p/1")}, "url_foreign"),
        ({"items": _item("https://evilsocial.example/p/1")}, "url_foreign"),
        ({"items": _item("https://203.0.113.9/p/1")}, "url_foreign"),
        ({"items": _item("https://evil.example#@social.example/p/1")}, "url_foreign"),
        ({"items": _item("https://SOCIAL.EXAMPLE/p/1001")}, "url_normalised"),
        ({"items": _item("https://social.example/p/../p/1001")}, "url_normalised"),
        ({"issued_at": "2026-03-02T14:55:00+06:00"}, "offset_unusual"),
        ({"issued_at": "2026-03-02T11:00:00Z"}, "issued_future"),
        ({"deadline": {"due_at": "2026-03-02T08:59:00Z"}}, "deadline_past"),
        ({"deadline": {"due_at": "2026-03-02T09:10:00Z"}}, "deadline_short"),
        ({"deadline": {"due_at": "2026-04-01T09:00:00Z"}}, "deadline_long"),
        ({"deadline": {"hours": 25}}, "deadline_long"),
        ({"deadline": {"due_at": "9999-12-31T23:59:59-05:00"}}, "deadline_long"),
        ({"deadline": {"due_at": "0001-01-01T00:00:00+05:00"}}, "deadline_past"),
        ({"deadline": None}, "deadline_defaulted"),
        ({"reporter": {"ref": "r-77", "name": "A. Person", "iin": "900101300123"}}, "reporter_pii"),
        ({"complainant_phone": "+77010000000"}, "reporter_pii"),
        ({"territorial_scope": ["KZ", "RU"]}, "scope_beyond_kz"),
        ({"territorial_scope": ["*"]}, "scope_beyond_kz"),
        ({"user_notice": {"allowed": False}}, "user_notice_barred"),
        ({"user_notice": {"allowed": False, "legal_basis": "18-VIII, 9"}}, "user_notice_barred"),
    ],
)
def test_what_a_person_must_see_is_flagged(changes: dict[str, Any], code: str) -> None:
    assert code in _flags(_with(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"issued_at": "2026-03-02T13:55:00+05:00"},
        {"issued_at": "2026-03-02T09:05:00Z"},
        {"deadline": {"hours": 24}},
        {"deadline": {"hours": 1}},
        {"items": _item("https://m.social.example/p/1")},
        {"urgency_reason": "1 < 2 және [1] (2): сценарий"},
        {"reporter": {"ref": "r-77"}},
        {"reporter": None},
        {"extra": {"a": 1}},
        {"user_notice": {"allowed": True}},
    ],
)
def test_what_is_ordinary_is_not_flagged(changes: dict[str, Any]) -> None:
    assert _flags(_with(**changes)) == set()


def test_a_list_that_is_not_kept_flags_nothing() -> None:
    assert _flags(_with(items=_item("https://other.example/p/1")), hosts=frozenset()) == set()


def test_flags_of_items_name_the_item_and_nothing_comes_twice() -> None:
    notice = Notice.model_validate(
        _with(
            items=[
                {"item_id": "a", "url": "https://social.example/p/1"},
                {"item_id": "b", "url": "https://other.example/p/1"},
                {"item_id": "c", "url": "https://SOCIAL.example/p/1"},
            ]
        )
    )
    found = flags(
        notice,
        raw=make.notice(),
        now=NOW,
        hosts=frozenset({"social.example"}),
        known_categories=frozenset({"illegal_gambling"}),
    )
    assert found == (Flag("url_foreign", "b"), Flag("url_normalised", "c"), Flag("item_repeated", "c"))


# What is derived


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        (None, None),
        ({"hours": 3}, NOW + 10_800),
        ({"hours": 0}, NOW),
        ({"due_at": "2026-03-02T10:00:00Z"}, NOW + 3_600),
    ],
)
def test_the_time_asked_for_counts_hours_from_receipt(deadline: dict[str, Any] | None, expected: int | None) -> None:
    assert requested_due_at(Notice.model_validate(_with(deadline=deadline)), NOW) == expected


def test_a_notice_is_answered_in_its_own_languages() -> None:
    assert languages_of(Notice.model_validate(_with(languages=["kk-Cyrl-KZ", "RU", "kk"]))) == ("kk", "ru")
    assert languages_of(Notice.model_validate(_with(languages=[]))) == ("kk", "ru")


def test_a_notice_cannot_be_changed() -> None:
    notice = Notice.model_validate(make.notice())
    with pytest.raises(AttributeError):
        notice.revision = 2  # type: ignore[misc]


def test_a_notice_is_the_same_after_its_published_shape() -> None:
    notice = Notice.model_validate(make.notice())
    assert Notice.model_validate(notice.model_dump(mode="json")) == notice
    assert notice.model_dump(mode="json", exclude_none=True) == make.notice()
