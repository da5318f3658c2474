"""The values of a notice: an instant, a URL, the flags that a person must see."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.flags import Flag, cancellation_flags, flags
from kz_compliance_sdk.domain.notice import Cancellation, Notice, languages_of, requested_due_at
from kz_compliance_sdk.domain.url import MAX_URL, check_link, check_url, host_of
from kz_compliance_sdk.domain.values import Instant, instant_text, parse_instant, utc_offset_minutes
from kz_compliance_sdk.errors import InvalidInput
from tests.unit.golden import make

NOW = make.NOW


# Instants


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-02T09:00:00Z", NOW),
        ("2026-03-02T14:00:00+05:00", NOW),
        ("2026-03-02T15:00:00+06:00", NOW),
        ("2026-03-02T03:30:00-05:30", NOW),
        ("2026-03-02T09:00:00-00:00", NOW),
        ("2026-03-02T09:00:00.999999Z", NOW),
        ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("2199-12-31T23:59:59Z", 7_258_118_399),
    ],
)
def test_rfc_3339_text_is_an_instant(text: str, seconds: int) -> None:
    assert parse_instant(text) == seconds


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "time_format"),
        ("2026-03-02T08:55:00", "time_format"),
        ("20260302T085500Z", "time_format"),
        ("2026-03-02T08:55:00.1234567890Z", "time_format"),
        ("2026-03-02T08:55:00.Z", "time_format"),
        ("2026-03-02T08:54:60Z", "time_format"),
        ("2026-03-02T24:00:00Z", "time_format"),
        ("2026-02-30T08:00:00Z", "time_format"),
        ("2025-02-29T08:00:00Z", "time_format"),
        ("0000-01-01T00:00:00Z", "time_format"),
        ("1772441700", "time_format"),
        ("2026-03-02 08:55:00Z", "time_format"),
        ("2026-03-02t08:55:00z", "time_format"),
        ("2026-03-02T08:55:00+5:00", "time_format"),
        ("2026-03-02T08:55:00+24:00", "time_format"),
        ("2026-03-02T08:55:00Z\n", "time_format"),
        ("٢٠٢٦-03-02T08:55:00Z", "time_format"),
        ("9999-12-31T23:59:59-05:00", "time_range"),
        ("1969-12-31T23:59:59Z", "time_range"),
        ("1970-01-01T00:00:00+05:00", "time_range"),
        ("2200-01-01T00:00:00Z", "time_range"),
    ],
)
def test_other_text_is_no_instant(text: str, code: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_instant(text)
    assert refused.value.type == code


def test_an_instant_survives_its_text() -> None:
    rng = random.Random(20_261_124)
    for seconds in [0, 951_782_400, *(rng.randrange(7_258_118_400) for _ in range(2_000))]:
        assert parse_instant(instant_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("2026-03-02T09:00:00Z", 0), ("2026-03-02T14:00:00+05:00", 300), ("2026-03-02T09:00:00-00:30", -30), ("x", None)],
)
def test_the_offset_of_a_time_is_told(text: str, minutes: int | None) -> None:
    assert utc_offset_minutes(text) == minutes


@pytest.mark.parametrize("value", [True, 5.0, None, -1, 7_258_118_400, b"2026-03-02T09:00:00Z"])
def test_our_own_code_gives_an_instant_as_an_int_in_range(value: object) -> None:
    adapter: TypeAdapter[int] = TypeAdapter(Instant)
    assert adapter.validate_python(NOW) == NOW
    with pytest.raises(ValidationError):
        adapter.validate_python(value)


# URLs

OURS = "https://social.example"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("java\tscript:alert(1)", "url_control"),
        ("https://social.example\\@evil.example/p/1", "url_control"),
        ("https://social.example/p/1\r\nSet-Cookie: a=b", "url_control"),
        ("https://social.example/p/\u202e1001", "url_control"),
        ("https://social.example/p/\u200b1001", "url_control"),
        (" https://social.example/p/1", "url_control"),
        ("data:text/html,<script>1</script>", "url_scheme"),
        ("javascript:alert(1)", "url_scheme"),
        ("ftp://social.example/p/1", "url_scheme"),
        ("//social.example/p/1", "url_scheme"),
        ("social.example/p/1", "url_scheme"),
        ("https://user:pw@social.example/p/1", "url_userinfo"),
        ("https://@social.example/p/1", "url_userinfo"),
        ("https://social.example:99999/p/1", "url_host"),
        ("https://social.example:x/p/1", "url_host"),
        ("https://[social.example/p/1", "url_host"),
        ("https://[v1.a:b]/p/1", "url_host"),
        ("https://[fe80::1%25eth0]/p/1", "url_host"),
        ("https://social.example\u2100evil.example/p/1", "url_host"),
        ("https:///p/1", "url_host"),
        ("https:/p/1", "url_host"),
        ("https://a..b/p/1", "url_host"),
        ("https://-a.kz/p/1", "url_host"),
        ("https://" + "a" * 64 + ".kz/p/1", "url_host"),
        ("https://" + "a." * 130 + "kz/p/1", "url_host"),
        ("https://09.1.1.1/p/1", "url_host"),
        ("https://1.2.3.4.5/p/1", "url_host"),
        ("https://256.1.1.1/p/1", "url_host"),
        ("http://169.254.169.254/latest/meta-data", "url_internal"),
        ("http://2852039166/", "url_internal"),
        ("http://0xa9fea9fe/p", "url_internal"),
        ("http://0251.0376.0251.0376/p", "url_internal"),
        ("http://127.1/p", "url_internal"),
        ("http://\uff11\uff12\uff17.0.0.1/p", "url_internal"),
        ("http://[::1]/p/1", "url_internal"),
        ("http://[::]/p/1", "url_internal"),
        ("http://[::ffff:169.254.169.254]/", "url_internal"),
        ("http://[::169.254.169.254]/p", "url_internal"),
        ("http://[64:ff9b::a9fe:a9fe]/p", "url_internal"),
        ("http://[2002:a9fe:a9fe::1]/p", "url_internal"),
        ("http://[fd00::1]/p", "url_internal"),
        ("http://localhost/p/1", "url_internal"),
        ("http://localhost./p/1", "url_internal"),
        ("http://db.internal/p/1", "url_internal"),
        ("http://intranet/p/1", "url_internal"),
        (OURS + "/p/" + "a" * MAX_URL, "url_length"),
        (OURS, "scope_too_wide"),
        (OURS + "/", "scope_too_wide"),
        (OURS + "//", "scope_too_wide"),
        (OURS + "/.", "scope_too_wide"),
        (OURS + "/a/..", "scope_too_wide"),
        (OURS + "/?", "scope_too_wide"),
        (OURS + "/#", "scope_too_wide"),
        (OURS + "/*", "scope_too_wide"),
        (OURS + "/u/*", "scope_too_wide"),
    ],
)
def test_a_url_that_reads_in_two_ways_or_names_no_item_is_refused(url: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(url)
    assert refused.value.code == code
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        (OURS + "/p/1001", OURS + "/p/1001"),
        ("https://SOCIAL.EXAMPLE/p/1001", OURS + "/p/1001"),
        ("HTTPS://social.example:443/p/1001", OURS + "/p/1001"),
        ("https://social.example./p/1001", OURS + "/p/1001"),
        (OURS + "/p/../p/./1001", OURS + "/p/1001"),
        (OURS + "/p/%2e%2E/p/1001", OURS + "/p/1001"),
        (OURS + "/../../p", OURS + "/p"),
        (OURS + "/p/1001?", OURS + "/p/1001"),
        (OURS + "/p/1001#", OURS + "/p/1001"),
        (OURS + "/?id=1001", OURS + "/?id=1001"),
        (OURS + "/#/p/1001", OURS + "/#/p/1001"),
        (OURS + "/P/1001", OURS + "/P/1001"),
        (OURS + ":8443/p", OURS + ":8443/p"),
        ("https://қаз.example/p", "https://xn--80ao21a.example/p"),
        ("https://203.0.113.9/p/1", "https://203.0.113.9/p/1"),
        ("https://[2a00:1450::8a]/p", "https://[2a00:1450::8a]/p"),
        ("https://evil.example#@social.example/p/1", "https://evil.example/#@social.example/p/1"),
    ],
)
def test_a_url_has_one_normal_form(url: str, normal: str) -> None:
    assert check_url(url) == normal
    assert check_url(normal) == normal


def test_a_link_may_name_a_home_page() -> None:
    assert check_link("https://sud.gov.kz/") == "https://sud.gov.kz/"


def test_the_host_of_a_url_is_told_without_its_port() -> None:
    assert host_of("https://social.example:8443/p") == "social.example"
    assert host_of("https://[2a00:1450::8a]:8443/p") == "[2a00:1450::8a]"


def test_no_mutation_of_a_url_raises_anything_else() -> None:
    rng = random.Random(20_261_124)
    alphabet = "htps:/[]@#?%.\\ \t\u202e\u2100\uff0e\u3002\ud800\u00df0x7F-_ж*"
    seeds = [OURS + "/p/1001", "http://[::ffff:1.2.3.4]:80/", "https://0x7f.1/a?b#c", "https://қаз.example/"]
    outcomes = set()
    for _ in range(20_000):
        letters = list(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            letters[rng.randrange(len(letters))] = rng.choice(alphabet) * rng.choice((0, 1, 1, 2))
        try:
            normal = check_url("".join(letters))
            assert check_url(normal) == normal
            outcomes.add("ok")
        except InvalidInput as refused:
            outcomes.add(refused.code)
    assert {"ok", "url_control", "url_host", "url_scheme", "url_userinfo", "scope_too_wide"} <= outcomes


# Flags


def _flags(raw: dict[str, Any], **changes: Any) -> set[str]:
    settings: dict[str, Any] = {
        "raw": raw,
        "now": NOW,
        "hosts": frozenset({"social.example"}),
        "known_categories": frozenset({"illegal_gambling", "fraud"}),
        "mandated": frozenset({"illegal_gambling"}),
        "known_acts": frozenset({"18-VIII/9", "118-VII"}),
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
        ({"category": "fraud"}, "category_not_mandated"),
        ({"legal_basis": [{"act": "18-VIII", "article": "999"}]}, "basis_unknown"),
        ({"legal_basis": [{"act": "118-VII"}, {"act": "1-I"}]}, "basis_unknown"),
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
        ({"deadline": None}, "deadline_defaulted"),
        ({"reporter": {"ref": "r-77", "name": "A. Person", "iin": "900101300123"}}, "reporter_pii"),
        ({"complainant_phone": "+77010000000"}, "reporter_pii"),
        ({"addressee": None}, "addressee_missing"),
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
    odd = _with(legal_basis=[{"act": "1-I"}], items=_item("https://other.example/p/1"), category="fraud")
    assert _flags(odd, mandated=None, known_acts=None, hosts=frozenset()) == set()


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


def test_a_cancellation_without_its_effect_is_flagged() -> None:
    cancelled = {"notice_id": "n", "revision": 1, "issued_at": NOW}
    assert cancellation_flags(Cancellation.model_validate(cancelled)) == (Flag("effect_missing"),)
    assert cancellation_flags(Cancellation.model_validate({**cancelled, "effect": "remedied"})) == ()


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
    with pytest.raises(ValidationError):
        notice.revision = 2


def test_a_notice_is_the_same_after_its_published_shape() -> None:
    notice = Notice.model_validate(make.notice())
    assert Notice.model_validate(notice.model_dump(mode="json")) == notice
    assert notice.model_dump(mode="json", exclude_none=True) == make.notice()
