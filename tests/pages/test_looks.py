"""What the pages say and show: every word in three languages, what is vendored, what a browser gets of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain.commands import KINDS
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.faces import steps
from kz_compliance_sdk.faces.dashboard import deciding, pages
from kz_compliance_sdk.faces.dashboard.api import HEAD_S
from kz_compliance_sdk.faces.dashboard.forms import Control, form_of
from kz_compliance_sdk.faces.dashboard.looks import TABLES, language_of, looks_of
from tests.catalogues import tables
from tests.pages.site import Seen, Site
from tests.pages.test_work import claimed

DASHBOARD = Path(str(files("kz_compliance_sdk.faces.dashboard")))
TEMPLATES = sorted((DASHBOARD / "templates").glob("*.html"))
SOURCES = [*TEMPLATES, *sorted(DASHBOARD.glob("*.py"))]
_SAID = re.compile(r"""say\(["'](\w+)["'], ["']([\w-]+)["']""")
_TAGS = re.compile(r"\{#.*?#\}|\saria-\w+=\"[^\"]*\"|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)


def controls() -> Iterator[Control]:
    """Every field of every form, as it is when nothing was typed."""
    forms = [form_of(steps.schema_of(kind), {}, hidden=pages.KNOWN) for kind in KINDS]
    for form in (*forms, deciding.form({}), form_of(pages.letter_schema(), {}, hidden=pages.KNOWN)):
        yield from (one for one in form.each() if one.kind != "hidden")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_that_is_asked_for_is_there(lang: str) -> None:
    """In the code and the templates by name; of each command its step, its fields, their help and their choices."""
    held, looks = tables(lang, "office", "evidence", "cases", "transparency"), looks_of(lang)
    asked = {found for source in SOURCES for found in _SAID.findall(source.read_text(encoding="utf-8"))}
    assert len(asked) > 80
    assert [one for one in sorted(asked) if one[1] not in held.get(one[0], {})] == []
    assert [steps.path_of(kind) for kind in KINDS if steps.path_of(kind) not in held["step"]] == []
    helps = {asked.help for kind in KINDS for _, asked, _ in kind.form().values()}
    assert helps <= set(held["help"])
    every = list(controls())
    assert {one.word for one in every if looks.label(one) == one.word} <= {"id"}
    words = {(one.word, choice) for one in every for choice in one.choices}
    assert len(words) > 60
    assert [one for one in sorted(words) if not any(one[1] in held.get(table, {}) for table in (one[0], *TABLES))] == []


def test_no_word_stands_in_a_catalogue_that_nobody_asks_for() -> None:
    text = "".join(source.read_text(encoding="utf-8") for source in SOURCES)
    held = tables("en", "office")
    helps = {asked.help for kind in KINDS for _, asked, _ in kind.form().values()}
    assert set(held["help"]) == helps
    assert set(held["step"]) == {*map(steps.path_of, KINDS), "claim", "look"}
    for table in ("nav", "case", "form", "decide"):
        unused = [name for name in held[table] if f'"{table}", "{name}"' not in text and f'"{name}"' not in text]
        assert unused == [], table


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_no_word_stands_in_a_template(template: Path) -> None:
    text = _TAGS.sub(" ", template.read_text(encoding="utf-8"))
    assert set(re.findall(r"[^\W\d_]{2,}", text)) <= {"UTC", "SHA"}, template.name
    assert not re.search(r"https?://|<style|\sstyle=|\son[a-z]+=", template.read_text(encoding="utf-8"))


def test_the_control_a_word_in_a_template_is_seen() -> None:
    assert re.findall(r"[^\W\d_]{2,}", _TAGS.sub(" ", '<p class="x">{{ say("a", "b") }} left</p>')) == ["left"]


def test_what_is_vendored_is_what_was_published() -> None:
    vendor = DASHBOARD / "static" / "vendor"
    lines = (vendor / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert {one.name for one in vendor.iterdir()} == {*sums, "SHA256SUMS"}
    for name, digest in sums.items():
        assert sha256((vendor / name).read_bytes()).hexdigest() == digest, name


def test_the_style_sheet_fetches_nothing() -> None:
    text = (DASHBOARD / "static" / "office.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|//", text)


@pytest.mark.slow
def test_a_first_load_is_light(site: Site) -> None:
    for n in range(1, 51):
        site.office.issue(n)
    who = site.person("p", "lead")
    page = who.get("/")
    weight = len(page.content)
    for tag, said in Seen(page.text).elements:
        if tag in ("script", "link"):
            address = said.get("src") or said["href"]
            assert address.startswith("/static/")
            weight += len(who.get(address).content)
    assert weight < 150_000
    assert page.text.count("<tr") == 51


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_person_reads_their_language(site: Site, lang: str) -> None:
    who, say = site.person("p", "lead"), looks_of(lang).say
    assert who.post("/language", {"lang": lang, "to": "/letters"}).headers["location"] == "/letters"
    page = who.get("/letters")
    assert f'<html lang="{lang}">' in page.text
    assert say("form", "letter") in page.text
    assert (say("nav", "draft") in page.text) == (lang != "en")


def test_a_language_is_taken_from_the_browser_until_one_is_chosen() -> None:
    assert language_of({"accept-language": "de-DE,ru;q=0.8,en;q=0.5"}, "") == "ru"
    assert language_of({"accept-language": "de-DE,ru;q=0.8"}, "en") == "en"
    assert language_of({}, "xx") == "kk"


def test_time_left_is_told_in_words() -> None:
    looks = looks_of("en")
    assert [looks.left(one) for one in (59, 3_599, 3_600, 172_799, 172_800, -60)] == [
        "0 min",
        "59 min",
        "1 h 0 min",
        "47 h 59 min",
        "2 d 0 h",
        "1 min late",
    ]
    assert looks.when(0) == looks_of("kk").when(0)
    assert (looks.when(1_764_633_600).local, looks.when(1_764_633_600).utc) == ("2025-12-02 05:00", "00:00")


# ---------------------------------------------------------------------------------------------------------- the board


def cases_on(page: Seen) -> list[str]:
    return [said["id"].removeprefix("open-") for _, said in page.elements if said.get("id", "").startswith("open-")]


@pytest.mark.slow
def test_the_board_has_the_most_urgent_case_first_and_goes_on(site: Site) -> None:
    names = [site.office.issue(n) for n in range(1, 4)]
    who = site.person("p", "lead")
    assert cases_on(who.see("/")) == [one["case"] for one in site.office.cases()]
    first = who.see("/?limit=2")
    following = next(said["href"] for tag, said in first.elements if "cursor" in said.get("href", ""))
    assert sorted(cases_on(first) + cases_on(who.see(following))) == sorted(names)


@pytest.mark.slow
def test_filters_are_addresses(site: Site) -> None:
    one, two = site.office.issue(1), site.office.issue(2, category="election_rules")
    three = site.office.break_off(3)
    who = site.person("p", "moderator")
    who.post("/claims", {"case": one})
    for query, found in {
        "category=election_rules": [two],
        "person=p": [one],
        "state=claimed": [one],
        "state=quarantined": [three],
        "waits_for=second_person": [],
        "state=&category=election_rules&person=&waits_for=": [two],
    }.items():
        assert cases_on(who.see(f"/?{query}")) == found, query
    assert who.get("/?state=nowhere").status_code == 422
    assert who.get("/?waits_for=nobody").status_code == 422
    assert looks_of("kk").say("board", "no_fit") in who.see("/?waits_for=second_person").text


def test_an_empty_board_says_so(site: Site) -> None:
    assert looks_of("kk").say("board", "empty") in site.person("p", "lead").see("/").text


def test_news_are_asked_for_so_often_that_a_second_is_enough() -> None:
    asked = re.search(r"every (\d+)ms", (DASHBOARD / "templates" / "rows.html").read_text(encoding="utf-8"))
    assert asked
    assert int(asked[1]) + HEAD_S * 1_000 <= 800, "what is left is for the way there and back"


@pytest.mark.slow
def test_the_rows_come_anew_when_something_happened_and_not_before(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.HEAD_S", 0.0)
    case, who, other = site.office.issue(1), site.person("p", "lead"), site.person("other", "moderator")

    def poll(page: Seen) -> str:
        return next(said["hx-get"] for _, said in page.elements if "hx-get" in said)

    address = poll(who.see("/?category=illegal_gambling"))
    assert who.get(address).status_code == 204
    claimed(site, other)
    seen = who.get(address)
    assert seen.status_code == 200
    assert "other" in Seen(seen.text).text
    assert case in seen.text
    again = poll(Seen(seen.text))
    assert who.get(again).status_code == 204
    site.office.wait(60)
    assert who.get(again).status_code == 200, "the time that is left"


@pytest.mark.slow
def test_a_letter_is_typed_in_and_what_is_wrong_with_it_is_named(site: Site) -> None:
    who = site.person("p", "moderator")
    form = who.see("/letters").form("/letters")
    assert form.fields["kind"] == ""
    said = site.office.notice(1)
    typed: dict[str, Any] = {
        "notice_id": "letter-1",
        "kind": said["kind"],
        "reference_number": "12-34",
        "issuing_authority.id": said["issuing_authority"]["id"],
        "issuing_authority.name.ru": "Орган",
        "issuing_authority.type": "authorised_body",
        "issued_at": "2026-01-01T10:00",
        "legal_basis.0.act": "Law",
        "category": "illegal_gambling",
        "statement_of_reasons.0.lang": "ru",
        "statement_of_reasons.0.text": "Запрещено.\r\nСовсем.",
        "items.0.item_id": "1",
        "items.0.url": "https://social.example/p/1",
        "items.0.content_type": "post",
        "requested_action": "remove",
        "received_at": "2026-01-01T10:05",
        "how": "letter",
    }
    wrong = who.post("/letters", {**form.fields, **typed, "items.0.url": "ftp://x"})
    assert wrong.status_code == 422
    page = Seen(wrong.text)
    assert [one["id"] for _, one in page.elements if one.get("aria-invalid")] == ["items.0.url"]
    assert page.form("/letters").fields["statement_of_reasons.0.text"] == "Запрещено.\nСовсем."
    more = who.post("/letters", {**page.form("/letters").fields, "add": "items"})
    assert "items.1.url" in Seen(more.text).form("/letters").fields
    done = who.post("/letters", {**form.fields, **typed})
    assert done.status_code == 303, Seen(done.text).text
    case = site.office.cases(notice_id="letter-1")[0]
    assert (case["authenticity"], case["source"]) == ("unverified", "typed")
    shown = who.see(done.headers["location"])
    assert looks_of("kk").say("authenticity", "unverified") in shown.text
    assert f"/cases/{case['case']}/authenticate" in [one.get("href") for _, one in shown.elements]
