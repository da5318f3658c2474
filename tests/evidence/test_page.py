"""The readable page and the file: it stands alone, in three languages, the same bytes for the same case."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from markupsafe import escape

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.arrivals import Joined, Lodged, Sanctioned
from kz_compliance_sdk.domain.events.base import ObjectEvent
from kz_compliance_sdk.domain.events.office import Alerted, Checkpointed, HandedOut, LedgerKeyRetired, Published
from kz_compliance_sdk.domain.notice import NoticeKind
from kz_compliance_sdk.domain.words import LANGUAGES, Lang, words
from kz_compliance_sdk.evidence.taking import SUBJECTS, packed
from tests.catalogues import SOURCES, tables
from tests.evidence.scene import (
    HEAD,
    Scene,
    full,
    key,
    opened,
    scene,
)


class _Outline(HTMLParser):
    """What a browser would load or run, and how the page is built."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.tags[-1][0] if self.tags else "", data))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_stands_alone_and_is_readable(at: Scene, lang: str) -> None:
    """No script, nothing from outside, whatever a notice says; a language, one h1, heads for every table."""
    case_id = at.case()
    for pack in (at.desk.evidence(HEAD, case_id, lang=lang), full(at, case_id, lang)):
        page = opened(pack)["report.html"].decode()
        outline = _Outline()
        outline.feed(page)
        names = [tag for tag, _ in outline.tags]
        assert {"script", "link", "img", "iframe", "object", "form", "a", "base"}.isdisjoint(names)
        assert not any(name in attrs for _, attrs in outline.tags for name in ("src", "href", "onerror", "style"))
        assert "url(" not in page
        assert "@import" not in page
        assert ("html", {"lang": lang}) in outline.tags
        assert (names.count("h1"), names.count("h2"), names.count("section")) == (1, 12, 12)
        assert all(attrs.get("scope") in ("col", "row") for tag, attrs in outline.tags if tag == "th")
        assert "@page{size:A4" in page
        assert "thead{display:table-header-group}" in page
        assert "\u200b" not in page
        assert case_id in page


def test_every_heading_and_label_is_a_word_of_the_catalogue(at: Scene) -> None:
    """A name that the catalogue does not have would stand there as a code."""
    case_id = at.case()
    at.desk.record_view(HEAD, case_id)
    said = tables("ru", "evidence")
    outline = _Outline()
    outline.feed(opened(full(at, case_id, "ru"))["report.html"].decode())
    told = {tag: [text for of, text in outline.texts if of == tag and text.strip()] for tag in ("h2", "th")}
    assert told["h2"] == list(said["section"].values())
    assert [text for text in told["th"] if text not in {*said["label"].values(), *said["page"].values()}] == []


def test_each_event_stands_there_with_its_time_in_almaty(at: Scene) -> None:
    case_id = at.case()
    at.clock.advance(5 * 3600)
    at.desk.record_view(HEAD, case_id)
    viewed = at.clock()
    at.clock.advance(3600)
    assert opened(full(at, case_id))["report.html"].decode().count(f"<td>{local(viewed)}</td>") == 2


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_event_has_words(lang: str) -> None:
    """What is missing would be shown as a code. Tests of the catalogues hold the languages against each other."""
    beside = (
        ObjectEvent | Alerted | LedgerKeyRetired | Checkpointed | HandedOut | Sanctioned | Lodged | Joined | Published
    )
    kinds = [kind for kind in KINDS.values() if not issubclass(kind, beside)]
    assert {kind.called for kind in kinds} == tables(lang, "evidence")["verb"].keys()


def test_the_readme_says_what_the_form_proves(at: Scene) -> None:
    case_id = at.case()
    redacted, whole = (
        opened(pack)["README.txt"].decode() for pack in (at.desk.evidence(HEAD, case_id), full(at, case_id))
    )
    assert words("ru", *SUBJECTS)("readme", "redacted").strip() in redacted
    assert words("ru", *SUBJECTS)("readme", "full").strip() in whole
    assert "manifest.json" in redacted
    assert key().key_id in redacted


def test_the_same_contents_give_the_same_bytes(at: Scene) -> None:
    """In order, with one time, nothing compressed: no machine and no library version shows."""
    case_id = at.case()
    contents = at.desk._evidence.take(HEAD, case_id, "full", "ru", "the court asked")
    pack = packed(contents, "ru", key())
    at.clock.advance(3600)
    assert packed(contents, "ru", key()) == pack
    assert packed(contents, "kk", key()) != pack
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    names = [entry.filename for entry in entries]
    assert names[:2] == ["manifest.json", "manifest.sig.json"]
    assert names[2:] == sorted(names[2:])


def test_a_platform_without_a_key_says_that_the_pack_is_not_signed(folder: Path) -> None:
    with scene(folder, regulator={"channel": "by_hand"}, signing_key=None) as at:
        case_id = at.case(decided=False)
        files = opened(at.desk.evidence(HEAD, case_id, lang="en"))
        assert "manifest.sig.json" not in files
        assert json.loads(files["manifest.json"])["signed_by"] is None
        assert "NOT SIGNED" in files["README.txt"].decode()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_words_are_marked_as_unreviewed(at: Scene, lang: str) -> None:
    """In the files that a lawyer would open, and on what leaves."""
    marked = tables(lang, "evidence")["page"]["unreviewed"]
    source = next(one for one in SOURCES if one.parts[-3:] == (lang, "LC_MESSAGES", "evidence.po"))
    head = source.read_text(encoding="utf-8").splitlines()[0]
    files = opened(at.desk.evidence(HEAD, at.case(), lang=lang))
    unreviewed = lang != "en"
    assert bool(re.search("юрист|заңгер", head)) is unreviewed
    assert (marked in files["report.html"].decode()) is (marked in files["README.txt"].decode()) is unreviewed


def test_each_word_of_an_event_has_a_line_of_its_own_behind_its_facts(at: Scene) -> None:
    _, page = opened(full(at, at.case()))["report.html"].decode().split("</style>")
    told = re.findall(r"\{[^<]*\n[^<]*(?=<)", page)
    assert any("\nmessage: " in facts for facts in told)
    for facts in told:
        assert all(re.match(r"[a-z_0-9]+: ", line) for line in facts.split("\n")[1:]), facts


@pytest.mark.parametrize(("lang", "kind"), [("kk", "нұсқама"), ("ru", "предписание"), ("en", "prescription")])
def test_the_facts_of_the_case_are_told_in_words_with_the_code_beside(at: Scene, lang: Lang, kind: str) -> None:
    """The words for a kind of demand are those of the public figures."""
    page = opened(at.desk.evidence(HEAD, at.case(), lang=lang))["report.html"].decode()
    said = words(lang, *SUBJECTS)
    assert tables(lang, "transparency")["value"]["prescription"] == kind
    shown = kind if lang == "en" else f"{kind} (prescription)"
    assert f'<th scope="row">{said("label", "kind")}</th><td>{shown}</td>' in page
    assert f"<td>{escape(said('source', 'pushed'))} (pushed)</td>" in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_demand_has_words(lang: str) -> None:
    assert {str(kind) for kind in get_args(NoticeKind)} <= tables(lang, "transparency")["value"].keys()
