"""The small values of a notice: what is an instant, what is a URL, and what is neither."""

from __future__ import annotations

import random

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.notice import MAX_URL, check_link, check_url, host_of
from kz_compliance_sdk.domain.values import Instant, instant_text, parse_instant, utc_offset_minutes
from kz_compliance_sdk.errors import InvalidInput
from tests.chance import examples
from tests.wire.golden import make

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
    for _ in range(examples(20_000)):
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
