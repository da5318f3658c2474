"""A platform can ask more of itself than the policy does, and never less."""

from __future__ import annotations

import json

import pytest

from kz_compliance_sdk.domain.policy import (
    KINDS,
    CategoryFragment,
    Policy,
    PolicyFragment,
    kz_policy,
    tighten,
)
from kz_compliance_sdk.domain.policy.tightening import SafeguardsFragment, UserFragment
from kz_compliance_sdk.errors import ConfigError


def changed(fragment: str | PolicyFragment) -> set[str]:
    """The keys in which the tightened policy differs."""
    base, tighter = kz_policy(), tighten(kz_policy(), fragment)
    return {name for name in Policy.model_fields if getattr(base, name) != getattr(tighter, name)}


@pytest.mark.parametrize(
    ("fragment", "keys"),
    [
        ("", set()),
        ("lease_s = 900\nundo_window_s = 60\nlift_term_s = 3600\ninterim_before_s = 7200", set()),
        ("lease_s = 300", {"lease_s"}),
        ("undo_window_s = 120", {"undo_window_s"}),
        ("lift_term_s = 600", {"lift_term_s"}),
        ("[users]\nask_s = 86400\nreport_reversals = true", set()),
        ("[users]\nask_s = 0\nlongest_delay_s = 86400\nappeal_term_s = 604800\nappeal_near_s = 259200", {"users"}),
        ("preservation_s = 20000000", {"preservation_s"}),
        ("interim_before_s = 14400", {"interim_before_s"}),
        ("four_eyes_always = true", {"four_eyes_always"}),
        ("four_eyes_lifting = true", {"four_eyes_lifting"}),
        ('four_eyes_flags = ["url_foreign"]', {"four_eyes_flags"}),
        ('known_acts = { online_platforms = ["18-VIII"] }', {"known_acts"}),
        ('[authority_names.mki-kz]\nru = "Комитет"', {"authority_names"}),
        ('[authority_categories]\nmki-kz = ["fraud"]', {"authority_categories"}),
        ("[terms_by_kind.prescription]\nhours = 2", {"terms_by_kind"}),
        ("[terms_by_kind.recommendation]\nworking_days = 2", {"terms_by_kind"}),
        ("[terms_by_kind.recommendation]\nhours = 72", {"terms_by_kind"}),
        ("[default_term]\nhours = 12", {"default_term"}),
        ("[categories.fraud]\nfour_eyes = true", {"categories"}),
        ("[categories.fraud]\nlegal_review = true", {"categories"}),
        ("[categories.fraud]\npolitical_speech = true", {"categories"}),
        ("[categories.fraud.term]\nhours = 6", {"categories"}),
        ('[[ladder]]\nid = "half_way"\nwhen = { before_s = 43000 }\naudience = ["head"]\nseverity = 40', {"ladder"}),
        (
            '[[ladder]]\nid = "unclaimed_1h"\nwhen = { after_s = 600 }\naudience = ["moderator"]\nseverity = 10',
            {"ladder"},
        ),
        (
            '[[ladder]]\nid = "due"\nwhen = { before_s = 60 }\naudience = ["moderator", "lead", "head"]\nseverity = 90',
            {"ladder"},
        ),
        (
            (
                '[[ladder]]\nid = "overdue"\nwhen = { every_s = 900 }\n'
                'audience = ["moderator", "lead", "head"]\nseverity = 70'
            ),
            {"ladder"},
        ),
    ],
)
def test_what_is_tighter_is_taken_and_nothing_else_moves(fragment: str, keys: set[str]) -> None:
    assert changed(fragment) == keys | {"version"}


@pytest.mark.parametrize(
    ("fragment", "field"),
    [
        ("lease_s = 901", "lease_s"),
        ("undo_window_s = 59", "undo_window_s"),
        ("lift_term_s = 3601", "lift_term_s"),
        ("[users]\nask_s = 86401", "users.ask_s"),
        ("[users]\nlongest_delay_s = 3628801", "users.longest_delay_s"),
        ("[users]\nappeal_term_s = 1209601", "users.appeal_term_s"),
        ("[users]\nappeal_near_s = 172799", "users.appeal_near_s"),
        ("[users]\nreport_reversals = false", "users.report_reversals"),
        ("preservation_s = 15551999", "preservation_s"),
        ("interim_before_s = 7199", "interim_before_s"),
        ('known_acts = { online_platforms = ["18-VIII", "1-I"] }', "known_acts.online_platforms"),
        ('known_acts = { criminal_code = ["1-I"] }', "known_acts.criminal_code"),
        ("[terms_by_kind.request]\nhours = 25", "terms_by_kind.request.hours"),
        ("[terms_by_kind.request]\nworking_days = 1", "terms_by_kind.request"),
        ("[terms_by_kind.recommendation]\nworking_days = 4", "terms_by_kind.recommendation.working_days"),
        ("[terms_by_kind.recommendation]\nhours = 73", "terms_by_kind.recommendation.hours"),
        ("[default_term]\nhours = 48", "default_term.hours"),
        ("[categories.mass_riots]\nfour_eyes = false", "categories.mass_riots.four_eyes"),
        ("[categories.mass_riots]\nlegal_review = false", "categories.mass_riots.legal_review"),
        ("[categories.mass_riots]\npolitical_speech = false", "categories.mass_riots.political_speech"),
        ("[categories.fraud.term]\nhours = 25", "categories.fraud.term.hours"),
        ("[categories.fraud.term]\nhours = 12\n[terms_by_kind.submission]\nhours = 6", "categories.fraud.term.hours"),
        (
            (
                '[[ladder]]\nid = "before_6h"\nwhen = { before_s = 21599 }\n'
                'audience = ["moderator", "lead"]\nseverity = 30'
            ),
            "ladder[0].when",
        ),
        (
            '[[ladder]]\nid = "unclaimed_1h"\nwhen = { after_s = 3601 }\naudience = ["moderator"]\nseverity = 10',
            "ladder[0].when",
        ),
        (
            (
                '[[ladder]]\nid = "overdue"\nwhen = { every_s = 3601 }\n'
                'audience = ["moderator", "lead", "head"]\nseverity = 70'
            ),
            "ladder[0].when",
        ),
        (
            '[[ladder]]\nid = "before_6h"\nwhen = { after_s = 5 }\naudience = ["moderator", "lead"]\nseverity = 30',
            "ladder[0].when",
        ),
        (
            '[[ladder]]\nid = "before_6h"\nwhen = { before_s = 21600 }\naudience = ["moderator"]\nseverity = 30',
            "ladder[0].audience",
        ),
        (
            (
                '[[ladder]]\nid = "before_6h"\nwhen = { before_s = 21600 }\n'
                'audience = ["moderator", "lead"]\nseverity = 20'
            ),
            "ladder[0].severity",
        ),
        (
            (
                '[[ladder]]\nid = "before_6h"\nwhen = { before_s = 21600 }\nonly_if = "unclaimed"\n'
                'audience = ["moderator", "lead"]\nseverity = 30'
            ),
            "ladder[0].only_if",
        ),
    ],
)
def test_what_is_looser_is_refused_and_named(fragment: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tighten(kz_policy(), fragment)
    assert caught.value.field == field
    assert "looser than the policy" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("switch", ["four_eyes_always", "four_eyes_lifting"])
def test_a_switch_that_is_on_cannot_be_turned_off(switch: str) -> None:
    always = tighten(kz_policy(), f"{switch} = true")
    with pytest.raises(ConfigError, match="looser"):
        tighten(always, f"{switch} = false")


def test_a_mandate_can_only_be_narrowed() -> None:
    narrow = tighten(kz_policy(), '[authority_categories]\nmki-kz = ["fraud", "drugs"]')
    assert narrow.may_order("mki-kz", "drugs")
    assert not narrow.may_order("mki-kz", "mass_riots")
    assert narrow.may_order("another", "mass_riots")
    narrower = tighten(narrow, '[authority_categories]\nmki-kz = ["fraud"]')
    assert not narrower.may_order("mki-kz", "drugs")
    with pytest.raises(ConfigError) as caught:
        tighten(narrower, '[authority_categories]\nmki-kz = ["fraud", "drugs"]')
    assert caught.value.field == "authority_categories.mki-kz"


@pytest.mark.parametrize(
    ("fragment", "field"),
    [
        ("[categories.frod]\nfour_eyes = true", "categories.frod"),
        ("[terms_by_kind.requst]\nhours = 1", "terms_by_kind.requst"),
        ("[categories.fraud.term]\nhours = 1\nsource = 'x'", "categories.fraud.term.source"),
        ("[categories.fraud.term]\nhours = 1\nworking_days = 1", "categories.fraud.term"),
        ('[authority_categories]\nmki-kz = ["frod"]', "authority_categories.mki-kz"),
        ('country = "KZ"', "country"),
        ('lift_source = "x"', "lift_source"),
        ("lease_s = ", "fragment"),
        (
            '[[ladder]]\nid = "a"\nwhen = { after_s = 1 }\naudience = ["head"]\nseverity = 10\n' * 2,
            "ladder",
        ),
    ],
)
def test_a_mistake_in_a_fragment_names_its_key(fragment: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tighten(kz_policy(), fragment)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_shortened_term_is_never_shown_as_statutory() -> None:
    term = tighten(kz_policy(), "[terms_by_kind.request]\nhours = 12").term("request", "fraud")
    assert term.hours == 12
    assert not term.source.verified
    assert term.source.url is None
    assert term.source.act == "the platform's own rule"
    assert "24 h" in term.source.note
    assert "9(4)" in term.source.note


def test_a_categorys_own_term_runs_for_every_kind_and_the_unknown_gets_the_shortest() -> None:
    tighter = tighten(
        kz_policy(), "[categories.fraud.term]\nhours = 6\n[categories.drugs.term]\nhours = 8\n[default_term]\nhours = 9"
    )
    assert {tighter.term(kind, "fraud").hours for kind in KINDS} == {6}
    assert {tighter.term(kind, "unheard_of").hours for kind in KINDS} == {6}
    assert tighter.term("request", "violence").hours == 24
    assert "categories.fraud.term" in dict(tighter.sources())
    one_hour = tighten(kz_policy(), "[categories.fraud.term]\nhours = 1\n[terms_by_kind.prescription]\nhours = 1")
    assert one_hour.term("prescription", "unheard_of").hours == 1


def test_political_speech_brings_both_reviews_with_it() -> None:
    row = tighten(kz_policy(), "[categories.fraud]\npolitical_speech = true").category("fraud")
    assert (row.political_speech, row.legal_review, row.four_eyes) == (True, True, True)


def test_a_step_keeps_its_place_and_a_new_one_comes_last() -> None:
    ladder = tighten(
        kz_policy(),
        '[[ladder]]\nid = "new"\nwhen = { before_s = 60 }\naudience = ["head"]\nseverity = 60\n'
        '[[ladder]]\nid = "before_12h"\nwhen = { before_s = 50000 }\naudience = ["moderator", "lead"]\nseverity = 20',
    ).ladder
    assert [step.id for step in ladder] == [*(step.id for step in kz_policy().ladder), "new"]
    assert ladder[1].audience == ("moderator", "lead")


@pytest.mark.parametrize("version", ["", "by Ivan Ivanov", "редакция-2", "a" * 81, "line\n"])
def test_a_version_is_a_code_for_decisions_name_it(version: str) -> None:
    with pytest.raises(ConfigError) as error:
        tighten(kz_policy(), f"version = {json.dumps(version)}")
    assert (error.value.field, error.value.remedy) == (
        "version",
        "Use 1 to 80 letters, digits and _ . + : - alone.",
    )


def test_the_version_tells_a_tightened_policy_from_the_packaged_one() -> None:
    assert tighten(kz_policy(), "").version == f"{kz_policy().version}+own"
    assert tighten(kz_policy(), 'version = "acme-7"').version == "acme-7"


def test_a_fragment_can_be_a_value() -> None:
    fragment = PolicyFragment(categories={"fraud": CategoryFragment(four_eyes=True)})
    assert tighten(kz_policy(), fragment).category("fraud").four_eyes


def test_the_base_is_left_as_it_was() -> None:
    before = kz_policy().model_dump_json()
    tighten(kz_policy(), "four_eyes_always = true\n[categories.fraud]\nfour_eyes = true")
    assert kz_policy().model_dump_json() == before


def test_every_field_of_a_fragment_knows_which_direction_is_tighter() -> None:
    """But those whose direction takes more than the two values: a field without one would be read and left aside."""
    rest = set()
    for fragment in (PolicyFragment, CategoryFragment, UserFragment, SafeguardsFragment):
        rest |= {name for name, field in fragment.model_fields.items() if len(field.metadata) != 1}
    assert rest == {
        *("version", "terms_by_kind", "default_term", "categories", "ladder", "users"),
        *("safeguards", "term", "approver_duty"),
    }
