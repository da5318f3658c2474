"""A mistake in a policy file names its key and its remedy."""

from __future__ import annotations

from importlib.resources import files

import pytest

from kz_compliance_sdk.domain.policy import kz_calendar, kz_policy, parse_calendar, parse_policy
from kz_compliance_sdk.errors import ConfigError

KZ = files("kz_compliance_sdk.domain.policy").joinpath("kz.toml").read_text(encoding="utf-8")
OWN_DEFAULT = '[default_term]\nhours = 24\nsource = "own_default"\n'


def edited(old: str, new: str) -> str:
    assert old in KZ, f"{old!r} is not in kz.toml: the test would break nothing"
    return KZ.replace(old, new, 1)


def test_the_packaged_text_parses_to_the_packaged_policy() -> None:
    assert parse_policy(KZ, calendar=kz_calendar()) == kz_policy()


@pytest.mark.parametrize(
    ("old", "new", "field", "remedy"),
    [
        ('country = "KZ"', "country = ", "policy", "Correct that line."),
        ('country = "KZ"\n', "", "country", "Add it."),
        ('country = "KZ"', 'country = "EU"', "country", "Correct this value."),
        ('zone = "Asia/Almaty"', 'zone = "Asia/Qostanay"', "zone", "Correct this value."),
        ("undo_window_s = 60", "undo_window = 60", "undo_window", "Correct its spelling or remove it."),
        ("undo_window_s = 60", 'undo_window_s = "60"', "undo_window_s", "Correct this value."),
        ("undo_window_s = 60", "undo_window_s = 60.0", "undo_window_s", "Correct this value."),
        ("undo_window_s = 60", "undo_window_s = true", "undo_window_s", "Correct this value."),
        ("undo_window_s = 60", "undo_window_s = -1", "undo_window_s", "Correct this value."),
        ("lease_s = 900", "lease_s = 0", "lease_s", "Correct this value."),
        ("four_eyes_always = false", "four_eyes_always = 0", "four_eyes_always", "Correct this value."),
        (OWN_DEFAULT, "[default_term]\nhours = 24\n", "default_term.source", "Add it."),
        (OWN_DEFAULT, '[default_term]\nsource = "own_default"\n', "default_term", "Give either hours or working_days."),
        (
            OWN_DEFAULT,
            '[default_term]\nhours = 24\nworking_days = 1\nsource = "own_default"\n',
            "default_term",
            "Give either hours or working_days.",
        ),
        (
            OWN_DEFAULT,
            '[default_term]\nhours = 0\nsource = "own_default"\n',
            "default_term.hours",
            "Correct this value.",
        ),
        (OWN_DEFAULT, '[default_term]\nhours = 24\nsource = "x"\n', "default_term.source", "Define [sources.x]"),
        ('lift_source = "communications_41_1_5"\n', "", "lift_source", "Add it."),
        (
            'request = { hours = 24, source = "platforms_9_4" }',
            "request = { hours = 24 }",
            "terms_by_kind.request.source",
            "Add it.",
        ),
        ('request = { hours = 24, source = "platforms_9_4" }\n', "", "terms_by_kind.request", "Add it."),
        ("request = { hours", "requst = { hours", "terms_by_kind.requst", "Correct its spelling or remove it."),
        ("[categories.drugs]", "[categories.Drugs]", "categories.Drugs", "Correct its spelling or remove it."),
        (
            "[categories.drugs]\nlegal_review = false",
            "[categories.drugs]",
            "categories.drugs.legal_review",
            "Add it.",
        ),
        ("[categories.drugs]", '[categories.drugs]\ncategory = "fraud"', "categories.drugs", "Rename one."),
        (
            "[categories.mass_riots]\nlegal_review = true\nfour_eyes = true",
            "[categories.mass_riots]\nlegal_review = true\nfour_eyes = false",
            "categories.mass_riots",
            "Set legal_review = true and four_eyes = true.",
        ),
        (
            '[sources.platforms_6]\nact = "Law of',
            '[sources.platforms_6]\nverified_by = "me"\nact = "Law of',
            "terms_by_kind.recommendation.source",
            "Remove verified_by and verified_on.",
        ),
        ('id = "before_6h"', 'id = "before_2h"', "ladder", "Give each step an id of its own."),
        ("when = { every_s = 3600 }", "when = { after_s = 3600 }", "ladder", "Add a step with when = { every_s = N }"),
        (
            "when = { every_s = 3600 }",
            'when = { every_s = 3600 }\nonly_if = "unclaimed"',
            "ladder",
            "Add a step with when = { every_s = N }",
        ),
        ("when = { every_s = 3600 }", "when = { every_s = 0 }", "ladder[6].when.every_s", "Correct this value."),
        (
            "when = { every_s = 3600 }",
            "when = { every_s = 60, before_s = 1 }",
            "ladder[6].when.every_s",
            "Correct its spelling or remove it.",
        ),
        ("when = { every_s = 3600 }", "when = { daily = 1 }", "ladder[6].when", "Correct this value."),
        ('audience = ["moderator"]', "audience = []", "ladder[0].audience", "Correct this value."),
        ('audience = ["moderator"]', 'audience = ["boss"]', "ladder[0].audience[0]", "Correct this value."),
        ('["118-VII"]', "118", "known_acts.law_118_vii", "Correct this value."),
        ('["118-VII"]', '["18-VIII"]', "known_acts.law_118_vii", "Leave it in one row."),
        ("[default_term]", '[authority_names.b1]\nde = "Amt"\n\n[default_term]', "authority_names.b1.de", "Correct"),
        (
            "[default_term]",
            '[authority_categories]\nmki-kz = ["fraud", "nonsense"]\n\n[default_term]',
            "authority_categories.mki-kz",
            "Correct its spelling or remove it.",
        ),
        ("[default_term]", "[calendar]\nholidays = []\n\n[default_term]", "calendar", "Put it into a file of its own"),
    ],
)
def test_a_mistake_names_its_key_and_its_remedy(old: str, new: str, field: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(edited(old, new))
    assert caught.value.field.startswith(field)
    assert caught.value.remedy.startswith(remedy)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("key", ["article", "url", "verified_by", "verified_on", "note"])
def test_a_verified_source_without_who_when_and_where_is_refused(key: str) -> None:
    head, mark, body = KZ.partition("[sources.platforms_9_4]\n")
    lines = [line for line in body.split("\n\n", 1)[0].splitlines() if not line.startswith(f"{key} ")]
    with pytest.raises(ConfigError) as caught:
        parse_policy(head + mark + "\n".join(lines) + "\n\n" + body.split("\n\n", 1)[1])
    assert caught.value.field == f"terms_by_kind.request.source.{key}"
    assert caught.value.remedy.startswith("Add it, or say verified = false.")


def test_sources_that_are_no_table_are_refused() -> None:
    with pytest.raises(ConfigError, match="Write each source as"):
        parse_policy("sources = 3")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("holidays = [", "calendar"),
        ("holidays = [2026-02-30]", "calendar"),
        ('holidays = ["tomorrow"]', "holidays[0]"),
        ("holidays = [2026-01-01]\nworked = [2026-01-01]", "worked"),
        ("feast = [2026-01-01]", "feast"),
    ],
)
def test_a_mistake_in_a_calendar_names_its_key(text: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_calendar(text)
    assert caught.value.field == field


def test_a_policy_without_a_calendar_works_every_weekday() -> None:
    assert not parse_policy(KZ).calendar.holidays
    assert "calendar" not in dict(parse_policy(KZ).sources())
