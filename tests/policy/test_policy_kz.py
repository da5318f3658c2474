"""The packaged policy: every row has a source, and nothing claims to be verified that was not read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.domain.policy import KINDS, Policy, kz_calendar, kz_policy
from tests.waiting import PATIENCE_S

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "law-and-policy.md"

CATEGORIES = {
    "cyberbullying_of_child",
    "child_sexual_exploitation",
    "terrorism_extremism",
    "suicide_promotion",
    "drugs",
    "illegal_gambling",
    "fraud",
    "fake_account",
    "violence",
    "personal_data",
    "pornography",
    "false_information",
    "election_rules",
    "mass_riots",
    "unsanctioned_assembly",
    "insult_of_official",
    "other",
}
POLITICAL = {
    "terrorism_extremism",
    "false_information",
    "election_rules",
    "mass_riots",
    "unsanctioned_assembly",
    "insult_of_official",
    "other",
}
# The articles that somebody on this project has read, with the site on which the text stood. A row of the policy is
# verified by one of these or not at all.
READ = {
    ("Online Platforms and Online Advertising", "9(4)"): "https://zakonpravo.kz/en/article-9-",
    ("Communications", "41-1(1)"): "https://zakonpravo.kz/en/article-41-1-",
    ("Communications", "41-1(5)-(6)"): "https://continent-online.com/document/?doc_id=1049207",
}
VERIFIED = {
    "terms_by_kind.request": "9(4)",
    "lift_term_s": "41-1(5)-(6)",
    "categories.cyberbullying_of_child": "41-1(1)",
    "categories.child_sexual_exploitation": "41-1(1)",
    "categories.terrorism_extremism": "41-1(1)",
    "categories.illegal_gambling": "41-1(1)",
    "categories.election_rules": "41-1(1)",
    "categories.mass_riots": "41-1(1)",
    "categories.unsanctioned_assembly": "41-1(1)",
}


@pytest.fixture
def policy() -> Policy:
    return kz_policy()


def test_every_category_of_the_contract_is_a_row_and_no_other(policy: Policy) -> None:
    assert set(policy.categories) == CATEGORIES


def test_every_term_and_category_names_its_source(policy: Policy) -> None:
    sources = dict(policy.sources())
    assert {f"categories.{name}" for name in CATEGORIES} <= set(sources)
    assert {f"terms_by_kind.{kind}" for kind in KINDS} <= set(sources)
    assert {"default_term", "lift_term_s", "calendar"} <= set(sources)
    for key, source in sources.items():
        assert source.act, key
        assert source.note, key


def test_exactly_the_rows_whose_text_was_read_are_verified(policy: Policy) -> None:
    verified = {key: source.article for key, source in policy.sources() if source.verified}
    assert verified == VERIFIED


def test_what_is_verified_cites_an_article_that_was_read_and_says_that_it_is_no_advice(policy: Policy) -> None:
    for key, source in policy.sources():
        if source.verified:
            (url,) = (url for (act, article), url in READ.items() if act in source.act and article == source.article)
            assert str(source.url).startswith(url), key
            assert source.note.startswith("verified: text read"), key
            assert "not legal advice" in source.note, key
            assert source.verified_by, key
            assert source.verified_on is not None, key
            assert source.verified_on <= date(2026, 11, 24), key
        else:
            assert source.note.startswith("unverified: "), key


def test_the_terms_are_those_that_the_page_on_the_law_states(policy: Policy) -> None:
    terms = {kind: (term.hours, term.working_days) for kind, term in policy.terms_by_kind.items()}
    assert terms == {kind: (24, None) for kind in KINDS if kind != "recommendation"} | {"recommendation": (None, 3)}
    assert (policy.default_term.hours, policy.lift_term_s) == (24, 3600)
    assert (policy.undo_window_s, policy.lease_s, policy.interim_before_s) == (60, 900, 7200)
    assert (policy.country, policy.zone, policy.four_eyes_always) == ("KZ", "Asia/Almaty", False)


@pytest.mark.parametrize("name", sorted(CATEGORIES))
def test_political_speech_always_has_legal_review_and_four_eyes(policy: Policy, name: str) -> None:
    row = policy.category(name)
    assert row.political_speech is (name in POLITICAL)
    if row.political_speech:
        assert row.legal_review
        assert policy.needs_four_eyes(name, worldwide=False, flags=frozenset())


@pytest.mark.parametrize("name", ["", "unheard_of", "Fraud", "x" * 500, "__class__", "default_term", "алкоголь"])
def test_a_category_without_a_row_gets_the_strictest(policy: Policy, name: str) -> None:
    row = policy.category(name)
    assert (row.legal_review, row.four_eyes, row.political_speech) == (True, True, True)
    assert policy.needs_four_eyes(name, worldwide=False, flags=frozenset())
    assert policy.term("request", name).hours == 24
    assert not row.source.verified


def test_a_kind_without_a_row_gets_the_default_term(policy: Policy) -> None:
    assert policy.term("decree", "fraud") == policy.default_term


@pytest.mark.parametrize(
    ("category", "worldwide", "flags", "needed"),
    [
        ("fraud", False, set(), False),
        ("fraud", False, {"url_foreign", "deadline_short"}, False),
        ("fraud", True, set(), True),
        ("fraud", False, {"url_foreign", "basis_unknown"}, True),
        ("fraud", False, {"category_not_mandated"}, True),
        ("fraud", False, {"category_unknown"}, True),
        ("mass_riots", False, set(), True),
    ],
)
def test_when_a_second_person_is_needed(
    policy: Policy, category: str, worldwide: bool, flags: set[str], needed: bool
) -> None:
    assert policy.needs_four_eyes(category, worldwide=worldwide, flags=frozenset(flags)) is needed
    always = policy.model_copy(update={"four_eyes_always": True})
    assert always.needs_four_eyes(category, worldwide=worldwide, flags=frozenset(flags))


def test_a_policy_cannot_be_changed_in_place(policy: Policy) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        policy.undo_window_s = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        policy.categories["fraud"] = policy.categories["drugs"]  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item assignment"):
        policy.terms_by_kind["request"] = policy.default_term  # type: ignore[index]


def test_a_policy_survives_being_written_down(policy: Policy) -> None:
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert Policy.model_validate(policy.model_dump()) == policy


def test_the_packaged_files_are_read_once() -> None:
    assert kz_policy() is kz_policy()
    assert kz_policy().calendar is kz_calendar()


def test_the_calendar_is_marked_unverified_and_covers_the_years_it_says() -> None:
    calendar = kz_calendar()
    assert calendar.source is not None
    assert not calendar.source.verified
    assert [year for year in range(2020, 2035) if calendar.covers(year)] == [2026, 2027]
    assert not calendar.is_working(date(2026, 3, 9))
    assert calendar.is_working(date(2026, 3, 10))
    assert not calendar.is_working(date(2027, 3, 15))
    assert calendar.is_working(date(2026, 8, 31))  # Constitution Day has moved to 15 March


def test_the_days_of_the_calendar_are_on_the_page() -> None:
    rows = re.findall(r"^  \| (\d{4}) \| ([\d -]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {date.fromisoformat(f"{year}-{day}") for year, days in rows for day in days.split()}
    assert told == kz_calendar().holidays


@pytest.mark.slow
def test_reading_the_policy_loads_pydantic_and_msgspec_and_nothing_else_from_outside() -> None:
    program = (
        # What the interpreter's own start has loaded is the distribution's business.
        "import sys, json; before = set(sys.modules); import kz_compliance_sdk.domain.clock as clock; clock.almaty();"
        "from kz_compliance_sdk.domain.policy import kz_policy; kz_policy();"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(json.dumps(sorted(loaded - set(sys.stdlib_module_names))))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(PAGE.parents[2])!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    allowed = {
        "__main__",
        "__mp_main__",
        "kz_compliance_sdk",
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "msgspec",
        "typing_extensions",
        "typing_inspection",
        "tzdata",
    }
    loaded = {name for name in json.loads(done.stdout) if not name.startswith("_")}
    assert loaded <= allowed


# ---------------------------------------------------------------------------------------- the documentation


def rows() -> dict[str, list[str]]:
    lines = re.findall(r"^\| `([a-z0-9_.]+)` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {key: [cell.strip() for cell in rest.split("|")] for key, rest in lines}


def test_the_page_on_the_law_says_of_every_row_whether_it_is_verified(policy: Policy) -> None:
    table = rows()
    stated = {key: cells[-1] for key, cells in table.items() if cells[-1] in {"**verified**", "not verified"}}
    assert stated == {key: "**verified**" if source.verified else "not verified" for key, source in policy.sources()}
    for key, source in policy.sources():
        if source.verified:
            assert source.article in table[key][1]


def test_the_page_on_the_law_states_the_terms_and_reviews_of_the_policy(policy: Policy) -> None:
    table = rows()
    for kind, term in policy.terms_by_kind.items():
        assert table[f"terms_by_kind.{kind}"][0] == str(term)
    for name, row in policy.categories.items():
        asks = [word for word, on in (("legal review", row.legal_review), ("four eyes", row.four_eyes)) if on]
        assert table[f"categories.{name}"][0] == (", ".join(asks) or "one moderator")
    for step in policy.ladder:
        only = "yes" if step.only_if == "unclaimed" else ""
        assert table[step.id][1:] == [only, ", ".join(step.audience)]


def test_the_examples_on_the_page_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
