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
from kz_compliance_sdk.domain.decision import Action, Finding
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.arrivals import Joined, Lodged, Sanctioned
from kz_compliance_sdk.domain.events.base import Authenticity, HouseEvent, ObjectEvent, Source
from kz_compliance_sdk.domain.events.office import (
    Alerted,
    Checkpointed,
    ClockSeen,
    FiguresTaken,
    HandedOut,
    LedgerKeyRetired,
    LinesTaken,
    Published,
)
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.fold import (
    ItemStatus,
    MessageKind,
    MessageState,
    UserNoticeKind,
    UserNoticeStatus,
)
from kz_compliance_sdk.domain.notice import AuthorityType, NoticeKind, RequestedAction
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.domain.report import Ground, Outcome, RefusalCode
from kz_compliance_sdk.domain.transitions import AppealState, CaseState
from kz_compliance_sdk.domain.words import LANGUAGES, Lang, provision, words
from kz_compliance_sdk.evidence.taking import SUBJECTS, packed
from kz_compliance_sdk.ports import Told
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.v1 import MessageType
from tests.catalogues import SOURCES, tables
from tests.evidence.scene import (
    HEAD,
    LEAD,
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
@pytest.mark.slow
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
        assert (names.count("h1"), names.count("h2"), names.count("section")) == (1, 4, 4)
        assert all(attrs.get("scope") in ("col", "row") for tag, attrs in outline.tags if tag == "th")
        assert "@page{size:A4" in page
        assert "thead{display:table-header-group}" in page
        places = [page.index(f'id="{name}"') for name in ("story", "items", "timeline", "annex")]
        assert places == sorted(places)
        assert "\u200b" not in page
        assert case_id in page


@pytest.mark.slow
def test_every_heading_and_label_is_a_word_of_the_catalogue(at: Scene) -> None:
    """A name that the catalogue does not have would stand there as a code."""
    case_id = at.case()
    at.desk.record_view(HEAD, case_id)
    said = tables("ru", "evidence")
    outline = _Outline()
    outline.feed(opened(full(at, case_id, "ru"))["report.html"].decode())
    told = {tag: [text for of, text in outline.texts if of == tag and text.strip()] for tag in ("h2", "dt", "th")}
    assert told["h2"] == [said["section"][name] for name in ("story", "items", "timeline", "annex")]
    assert {*told["dt"]} <= {*said["asked"].values()}
    questions = tables("ru", "cases")["question"].values()
    assert [text for text in told["th"] if text not in {*said["label"].values(), *questions}] == []


@pytest.mark.slow
def test_each_event_stands_there_with_its_time_in_almaty(at: Scene) -> None:
    case_id = at.case()
    at.clock.advance(5 * 3600)
    at.desk.record_view(HEAD, case_id)
    viewed = at.clock()
    at.clock.advance(3600)
    shown = local(viewed).removesuffix(" +05:00")
    assert opened(full(at, case_id))["report.html"].decode().count(f"<td>{shown}</td>") == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_event_has_words(lang: str) -> None:
    """What is missing would be shown as a code. Tests of the catalogues hold the languages against each other."""
    of_office = (
        Alerted | ClockSeen | LedgerKeyRetired | Checkpointed | HandedOut | Published | LinesTaken | FiguresTaken
    )
    beside = ObjectEvent | HouseEvent | Sanctioned | Lodged | Joined | of_office
    kinds = [kind for kind in KINDS.values() if not issubclass(kind, beside)]
    assert {kind.called for kind in kinds} == tables(lang, "evidence")["verb"].keys()


@pytest.mark.slow
def test_the_readme_says_what_the_form_proves(at: Scene) -> None:
    case_id = at.case()
    redacted, whole = (
        opened(pack)["README.txt"].decode() for pack in (at.desk.evidence(HEAD, case_id), full(at, case_id))
    )
    assert words("ru", *SUBJECTS)("readme", "redacted").strip() in redacted
    assert words("ru", *SUBJECTS)("readme", "full").strip() in whole
    assert "manifest.json" in redacted
    assert key().key_id in redacted


@pytest.mark.slow
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
@pytest.mark.slow
def test_what_an_item_came_to_is_told_in_the_language_of_the_page(at: Scene, lang: Lang) -> None:
    say = words(lang, *SUBJECTS)
    page = opened(at.desk.evidence(HEAD, at.case(), lang=lang))["report.html"].decode()
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)
    assert {say("action", "remove"), say("ground", "local_law")} <= {cell.strip() for cell in cells}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.slow
def test_the_words_are_marked_as_unreviewed(at: Scene, lang: str) -> None:
    """In the files that a lawyer would open, and on what leaves."""
    marked = tables(lang, "evidence")["page"]["unreviewed"]
    source = next(one for one in SOURCES if one.parts[-3:] == (lang, "LC_MESSAGES", "evidence.po"))
    head = source.read_text(encoding="utf-8").splitlines()[0]
    files = opened(at.desk.evidence(HEAD, at.case(), lang=lang))
    unreviewed = lang != "en"
    assert bool(re.search("юрист|заңгер", head)) is unreviewed
    assert (marked in files["report.html"].decode()) is (marked in files["README.txt"].decode()) is unreviewed


def test_each_word_of_an_event_has_a_line_of_its_own_behind_what_happened(at: Scene) -> None:
    timeline = opened(full(at, at.case(), "en"))["report.html"].decode().partition('id="timeline"')[2]
    told = re.findall(r"<td>([^<]*\n[^<]*)</td>", timeline.partition("</section>")[0])
    assert "evidence pack taken out: full form\n«the court asked»" in told
    for what in told:
        assert all(re.fullmatch("«.*»", line) for line in what.split("\n")[1:]), what


@pytest.mark.parametrize(("lang", "kind"), [("kk", "нұсқама"), ("ru", "предписание"), ("en", "prescription")])
@pytest.mark.slow
def test_the_first_page_tells_the_case_in_words(at: Scene, lang: Lang, kind: str) -> None:
    """The words for a kind of demand are those of the public figures. No code stands before the annex."""
    at.desk.on_tell_user(lambda _notice: Told(at.clock()))
    case_id = at.case()
    law = provision("online_platforms/9", words(lang, "cases"))
    assert "{" not in law != "online_platforms/9"
    for pack, own in ((at.desk.evidence(HEAD, case_id, lang=lang), False), (full(at, case_id, lang), True)):
        page = opened(pack)["report.html"].decode()
        said = tables(lang, "evidence")
        assert tables(lang, "transparency")["value"]["prescription"] == kind
        story, _, rest = page.partition('id="items"')
        assert kind in story
        assert str(escape(law)) in story
        assert ("18-VIII, 9" in story) is own, "as the authority cites it"
        assert all(named in story.partition("<main>")[0] for named in ("social", case_id))
        assert "37-2/1" in story
        asked = {str(escape(text)) for name, text in said["asked"].items() if name != "remedies"}
        assert asked == set(re.findall("<dt>(.*)</dt>", story))
        words_alone = rest.partition('id="annex"')[0]
        for code in ("cyberbullying_of_child", "not_illegal", "in_force", "deadline_defaulted", "86400", "{", "_"):
            assert code not in re.sub("<style>.*</style>|<[^>]*>", "", story + words_alone, flags=re.DOTALL), code


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_redacted_form_names_law_and_authority_before_anything_is_decided(tmp_path: Path, lang: Lang) -> None:
    """The law by the policy's code of it; who issued it by what the policy calls them, else by type and id."""
    own = tmp_path / "policy.toml"
    own.write_text(
        '[authority_names.sample-authorised-body]\nkk = "Ұйым"\nru = "Ведомство"\nen = "The body"\n', encoding="utf-8"
    )
    called = {"kk": "Ұйым", "ru": "Ведомство", "en": "The body"}[lang]
    for given, said in (({"policy_file": own}, called), ({}, "sample-authorised-body")):
        (tmp_path / said).mkdir()
        with scene(tmp_path / said, **given) as at:
            pack = opened(at.desk.evidence(HEAD, at.case(decided=False), lang=lang))
            story = pack["report.html"].decode().partition('id="items"')[0]
            assert str(escape(provision("online_platforms/9", words(lang, "cases")))) in story
            assert said in story
            first = json.loads(pack["case.json"])["events"][0]
            assert first["data"]["demanded"]["legal_basis"] == ["online_platforms/9"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_a_message_that_is_no_notice_the_page_says_so(at: Scene, lang: Lang) -> None:
    """And that its term rests on no law, instead of a source that is called none."""
    at.regulator.push_unreadable(at.regulator.issue(builders.notice(3, issued_at=at.clock())))
    (case,) = at.desk.cases(state="quarantined").cases
    story = opened(at.desk.evidence(HEAD, case.id, lang=lang))["report.html"].decode().partition('id="items"')[0]
    said = tables(lang, "evidence")["story"]
    assert str(escape(said["unusable"].format(authority=case.authority_id))) in story
    assert str(escape(said["term_own"].rpartition("). ")[2])) in story
    assert "«none»" not in story


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.slow
def test_a_term_that_nobody_has_verified_is_not_called_one_by_law(at: Scene, lang: str) -> None:
    """The control is a kind of demand whose term was read in the law."""
    case_id = at.case()
    story = tables(lang, "evidence")["story"]
    texts = (story[name].partition(":")[0] for name in ("term_unverified", "term_verified"))
    unverified, verified_ = (str(escape(text)) for text in texts)
    pack = opened(at.desk.evidence(HEAD, case_id, lang=lang))
    policy, first = Policy.model_validate_json(pack["policy.json"]), json.loads(pack["case.json"])["events"][0]["data"]
    source = policy.term(first["kind"], first["category"]).source.model_dump()
    assert not source["verified"]
    page = pack["report.html"].decode()
    assert f"<p>{unverified}:" in page
    assert f"<p>{verified_}:" not in page
    act = str(escape(words(lang, "cases")("act", "communications")))
    assert (source["act"] in page, page.count(act)) == (False, 2), "in the language of the page"
    assert str(escape(source["note"])) in page
    notice = builders.notice(5, kind="request", issued_at=at.clock())
    at.regulator.push(at.regulator.issue(notice))
    other = at.desk.cases(notice_id=notice.notice_id).cases[0].id
    assert f"<p>{verified_}:" in opened(at.desk.evidence(HEAD, other, lang=lang))["report.html"].decode()


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_case_that_has_not_ended_is_pending_until_it_is_due_or_since(at: Scene, lang: Lang) -> None:
    """The control is one that has ended."""
    at.desk.on_tell_user(lambda _notice: Told(at.clock()))
    running, ended = at.case(seed=1, decided=False), at.case(seed=2)
    at.outbox.settle()
    said = tables(lang, "evidence")["story"]

    def told(case_id: str) -> list[bool]:
        story = opened(at.desk.evidence(HEAD, case_id, lang=lang))["report.html"].decode().partition('id="items"')[0]
        names = ("nothing", "running", "overdue")
        return [str(escape(said[name].partition("{")[0])) in story for name in names]

    assert (told(running), told(ended)) == ([False, True, False], [True, False, False])
    at.clock.advance(2 * 86_400)
    assert (told(running), told(ended)) == ([False, False, True], [True, False, False])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.slow
def test_of_a_case_without_a_report_no_page_says_when_one_was_receipted(at: Scene, lang: Lang) -> None:
    """The control is one that was decided and reported."""
    cancelled, reported = at.case(seed=1, decided=False), at.case(seed=2)
    notice = at.desk.notice(cancelled)
    at.regulator.push(at.regulator.cancel(builders.cancellation(notice, issued_at=at.clock())))
    assert at.desk.case(cancelled).state == "cancelled"
    at.outbox.settle()
    said = tables(lang, "evidence")["story"]

    def told(case_id: str) -> list[bool]:
        story = opened(at.desk.evidence(HEAD, case_id, lang=lang))["report.html"].decode().partition('id="items"')[0]
        return [str(escape(said[name])) in story for name in ("in_time", "late")]

    assert told(reported) == [True, False]
    assert told(cancelled) == [False, False]
    at.clock.advance(60 * 86_400)
    assert told(cancelled) == [False, False]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_version_that_was_sent_back_says_so(at: Scene, lang: str) -> None:
    case_id = at.case(decided=False)
    lease = at.desk.claim(HEAD, case_id=case_id)
    assert lease is not None
    made = at.desk.propose(HEAD, case_id, lease.token, at.office.proposal(at.desk.notice(case_id)))
    at.desk.send_back(LEAD, case_id, made.digest, "look at the second one again")
    for pack, person in ((at.desk.evidence(HEAD, case_id, lang=lang), "2"), (full(at, case_id, lang), LEAD.id)):
        story = opened(pack)["report.html"].decode().partition('id="items"')[0]
        who = words(lang, *SUBJECTS)("page", "person", number=person) if person == "2" else person
        told = words(lang, *SUBJECTS)("story", "sent_back", version=1, person=who, at="@").partition("@")[0]
        assert told in story
        assert ("look at the second one again" in story) is (person != "2")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_code_has_its_words(lang: str) -> None:
    said = tables(lang, "evidence", "cases", "transparency")
    policy = kz_policy()
    assert FLAG_MEANINGS.keys() <= said["flag"].keys()
    assert {*policy.categories, "unknown"} <= said["category"].keys()
    assert {step.id for step in policy.ladder} <= said["step"].keys()
    assert {str(state) for state in CaseState} <= said["state"].keys()
    for table, codes in (
        ("status", ItemStatus),
        ("kind", MessageKind),
        ("message", MessageState),
        ("telling", UserNoticeKind),
        ("remedy_state", UserNoticeStatus),
        ("remedy_state", AppealState),
        ("authority_type", AuthorityType),
        ("action", Action),
        ("action", RequestedAction),
        ("outcome", Outcome),
        ("finding", Finding),
        ("ground", Ground),
        ("refusal_code", RefusalCode),
        ("source", Source),
        ("authenticity", Authenticity),
        ("arrival", MessageType),
    ):
        assert {*get_args(codes)} - said[table].keys() == set(), table


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_demand_has_words(lang: str) -> None:
    assert {str(kind) for kind in get_args(NoticeKind)} <= tables(lang, "transparency")["value"].keys()
