"""The page as a browser shows and prints it: readable by all (axe), and on few sheets."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.ports import Told
from tests.browser import violations
from tests.evidence.scene import HEAD, LEAD, Scene, full, opened, scene

pytestmark = pytest.mark.slow
MOST_SHEETS = 5
PX_OF_MM = 96 / 25.4
# Each word of a cell that stands on more than one line, but for what has no word in it: addresses and digests.
_BROKEN = """() => [...document.querySelectorAll("td,th")].flatMap(cell => {
  const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node; node = walk.nextNode();) for (const word of node.data.matchAll(/\\p{L}+/gu)) {
    if (node.parentElement.matches(".long,.hash")) continue;
    range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(word[0]);
  }
  return found;
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of a case of two items, sent back once, by form and language."""
    with scene(tmp_path_factory.mktemp("case")) as at:
        at.desk.on_tell_user(lambda _notice: Told(at.clock()))
        case_id = _case(at)
        packs = {f"redacted {lang}": at.desk.evidence(HEAD, case_id, lang=lang) for lang in LANGUAGES}
        packs |= {f"full {lang}": full(at, case_id, lang) for lang in LANGUAGES}
        return {name: opened(pack)["report.html"].decode() for name, pack in packs.items()}


def _case(at: Scene) -> str:
    case_id = at.case(decided=False)
    for back in (True, False):
        lease = at.desk.claim(HEAD, case_id=case_id)
        assert lease is not None
        made = at.desk.propose(HEAD, case_id, lease.token, at.office.proposal(at.desk.notice(case_id)))
        if back:
            at.desk.send_back(LEAD, case_id, made.digest, "say more of the second one")
        else:
            at.desk.approve(LEAD, case_id, made.digest)
    at.outbox.settle()
    return case_id


NAMES = [f"{form} {lang}" for form in ("redacted", "full") for lang in LANGUAGES]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1000, 400])
def test_axe_finds_nothing(browser: Browser, pages: dict[str, str], name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(pages[name])
    assert violations(page) == []
    page.close()


def test_axe_finds_what_is_wrong(browser: Browser, pages: dict[str, str]) -> None:
    """The control: a page in no language, and text that nobody can see."""
    page = browser.new_page()
    broken = pages["full en"].replace(' lang="en"', "", 1).replace("color:#111", "color:#ddd")
    page.set_content(broken)
    assert {"html-has-lang", "color-contrast"} <= set(violations(page))
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_two_items_print_on_few_sheets(browser: Browser, pages: dict[str, str], name: str) -> None:
    page = browser.new_page()
    page.set_content(pages[name])
    printed = page.pdf(prefer_css_page_size=True)
    sheets = max(
        int(count) for count in re.findall(rb"/Type */Pages[^>]*?/Count (\d+)|/Count (\d+)", printed)[0] if count
    )
    assert 1 < sheets <= MOST_SHEETS
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_story_fits_on_the_first_sheet_and_no_word_is_broken(
    browser: Browser, pages: dict[str, str], name: str
) -> None:
    page = browser.new_page(viewport={"width": round(182 * PX_OF_MM), "height": round(266 * PX_OF_MM)})
    page.emulate_media(media="print")
    page.set_content(pages[name])
    assert page.evaluate("document.getElementById('story').parentElement.getBoundingClientRect().bottom") <= (
        266 * PX_OF_MM
    )
    assert page.evaluate(_BROKEN) == []
    page.set_content(pages[name].replace("overflow-wrap:break-word", "overflow-wrap:anywhere"))
    assert ("full" not in name) or page.evaluate(_BROKEN), "the control"
    page.close()
