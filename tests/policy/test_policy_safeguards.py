"""Safeguards as policy data: a platform can add to them, and takes nothing away."""

from __future__ import annotations

from typing import get_args

import pytest

from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.notice import AuthorityType
from kz_compliance_sdk.domain.policy import Policy, kz_policy, tighten
from kz_compliance_sdk.domain.policy.tightening import packaged, parse_policy
from kz_compliance_sdk.errors import ConfigError

POLICY = kz_policy()


def tightened(rows: str) -> Policy:
    return tighten(POLICY, f"[safeguards]\n{rows}")


def test_the_packaged_safeguards_speak_of_what_there_is() -> None:
    guards = POLICY.safeguards
    assert guards.legal_review_flags <= FLAG_MEANINGS.keys()
    assert POLICY.four_eyes_flags <= FLAG_MEANINGS.keys()
    assert guards.official_types < set(get_args(AuthorityType))
    assert guards.official_categories <= POLICY.categories.keys()
    assert guards.approver_duty == ()


@pytest.mark.parametrize(
    ("rows", "name", "value"),
    [
        (
            'legal_review_flags = ["url_foreign"]',
            "legal_review_flags",
            POLICY.safeguards.legal_review_flags | {"url_foreign"},
        ),
        ("volume_notices = 20", "volume_notices", 20),
        ("volume_window_s = 7200", "volume_window_s", 7200),
        ("reasons_least_chars = 40", "reasons_least_chars", 40),
        ("approver_outside_always = true", "approver_outside_always", True),
        ('approver_outside_categories = ["fraud"]', "approver_outside_categories", {"fraud"}),
        ('official_types = ["court"]', "official_types", {"court"}),
        ('user_data_phrases = ["WHO IS"]', "user_data_phrases", POLICY.safeguards.user_data_phrases | {"who is"}),
    ],
)
def test_what_is_tighter_is_taken(rows: str, name: str, value: object) -> None:
    assert getattr(tightened(rows).safeguards, name) == value


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ("volume_notices = 301", "safeguards.volume_notices"),
        ("volume_window_s = 60", "safeguards.volume_window_s"),
        ("reasons_least_chars = 1", "safeguards.reasons_least_chars"),
        ('official_types = ["court", "other"]', "safeguards.official_types"),
        ('unheard_of = "x"', "safeguards.unheard_of"),
        ('legal_review_flags = ["url_whole_sight"]', "safeguards.legal_review_flags"),
        ('approver_outside_flags = ["alarm"]', "safeguards.approver_outside_flags"),
        ('approver_outside_categories = ["election_rule"]', "safeguards.approver_outside_categories"),
        ('official_categories = ["insult_of_oficial"]', "safeguards.official_categories"),
        ("volume_notices = 0", "safeguards.volume_notices"),
    ],
)
def test_what_is_looser_or_unknown_is_refused_by_its_key(rows: str, key: str) -> None:
    with pytest.raises(ConfigError) as error:
        tightened(rows)
    assert error.value.field == key


def test_a_flag_that_nothing_raises_brings_nobody_in_and_is_refused() -> None:
    """A safeguard that is misspelt would be none, and nobody would see it."""
    with pytest.raises(ConfigError) as refused:
        tighten(POLICY, 'four_eyes_flags = ["url_forein"]')
    assert refused.value.field == "four_eyes_flags"
    assert "url_forein" in str(refused.value)


def test_leaving_a_list_out_or_naming_less_takes_nothing_away() -> None:
    assert tightened('legal_review_flags = ["url_wildcard"]').safeguards.legal_review_flags == (
        POLICY.safeguards.legal_review_flags
    )
    assert tightened("").safeguards == POLICY.safeguards


def test_legal_review_cannot_be_switched_off_and_an_approver_abroad_neither() -> None:
    abroad = tightened("approver_outside_always = true")
    with pytest.raises(ConfigError):
        tighten(abroad, "[safeguards]\napprover_outside_always = false")
    with pytest.raises(ConfigError):
        tighten(POLICY, "[categories.cyberbullying_of_child]\nexpert_group = false")


def test_a_roster_is_a_platforms_own_and_one_is_enough() -> None:
    rows = '[[safeguards.approver_duty]]\ndays = [1]\nstarts = "09:00"\nends = "18:00"'
    own = tighten(POLICY, rows)
    assert [duty.approvers for duty in own.safeguards.approver_duty] == [1]
    assert tighten(own, rows).safeguards == own.safeguards
    with pytest.raises(ConfigError) as error:
        tighten(own, rows.replace("18:00", "19:00"))
    assert error.value.field == "safeguards.approver_duty"


def test_a_whole_policy_must_say_its_safeguards_and_no_rule_is_without_a_source() -> None:
    text = packaged("kz.toml")
    start, end = text.index("[safeguards]"), text.index("[[ladder]]")
    with pytest.raises(ConfigError) as error:
        parse_policy(text[:start] + text[end:])
    assert error.value.field == "safeguards"
    with pytest.raises(ConfigError) as error:
        parse_policy(text.replace('expert_group_source = "mass_media_40_1"\n', ""))
    assert error.value.field == "categories.cyberbullying_of_child.expert_group_source"
