"""The pages in a real browser: readable by all (axe), worked by keys alone, and up to date by themselves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.faces.dashboard import Sessions, Tokens, pages_app
from kz_compliance_sdk.faces.dashboard.looks import looks_of
from tests.browser import violations
from tests.driver import M1
from tests.pages.payloads import MARK, PAYLOADS
from tests.pages.site import Site
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_S * 1_000)


class Served(Site):
    """A site that a browser reaches, over a store that takes several people at once."""

    def __init__(self, folder: Path, **of: Any) -> None:
        super().__init__(folder, **of)
        office = self.office
        settings, env = office.desk.settings, office.desk.env
        office.desk.close()
        self.desk = AsyncComplianceDesk(
            settings,
            enforcer=office.platform,
            messenger=office.messenger,
            notifier=office.pager,
            regulator=office.regulator,
            store=SqliteStore(settings.store.path, env, keys=office.keys, ledger_keys=office.ledger_keys),
            env=env,
        )
        office.desk = self.desk.blocking
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.sessions = Sessions(Tokens(self.file, office.clock), office.clock, self.bytes, is_secure=False)
        app = pages_app(self.desk, self.sessions, origin=self.url)
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        self.office.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path)
    yield one
    one.stop()


class Person:
    """Somebody at a browser of their own. Whatever the console says against the page is kept."""

    def __init__(self, browser: Browser, served: Served, actor: str, *roles: str, **how: Any) -> None:
        self.context: BrowserContext = browser.new_context(base_url=served.url, **how)
        self.context.set_default_timeout(PATIENCE_S * 1_000)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda one: self.said.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda one: self.said.append(str(one)))
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.goto("/")
        expect(self.page.locator("#sign_in_token")).to_be_focused()
        self.page.keyboard.type(served.token(actor, *roles))
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#live")).to_be_visible()

    def tab_to(self, target: str) -> None:
        """Press Tab until the element has the focus."""
        for _ in range(200):
            if self.page.locator(target).first.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {target}")

    def press_on(self, target: str, key: str = "Enter") -> None:
        self.tab_to(target)
        self.page.keyboard.press(key)

    def type_into(self, target: str, text: str) -> None:
        self.tab_to(target)
        self.page.keyboard.type(text)

    def choose(self, target: str, value: str) -> None:
        """Press the arrow down until the value is chosen, in a list or among radio buttons."""
        self.tab_to(target)
        for _ in range(30):
            if self.page.evaluate("document.activeElement.value") == value:
                break
            self.page.keyboard.press("ArrowDown")
        if self.page.evaluate("document.activeElement.checked") is False:
            self.page.keyboard.press("Space")
        assert self.page.evaluate("document.activeElement.value") == value


def named(name: str) -> str:
    return f'[name="{name}"]'


def picture(served: Served) -> dict[str, str]:
    """A case in each of several states, and the address of each page."""
    office = served.office
    proposed, held = office.issue(1, category="election_rules"), office.issue(2, items=2)
    office.break_off(3)
    (unread,) = office.cases(state="quarantined")
    office.propose(M1, proposed, office.claim(M1, proposed))
    office.note(M1, held)
    return {
        "approve": f"/cases/{proposed}/approve",
        "proposed": f"/cases/{proposed}",
        "unread": f"/cases/{unread['case']}",
        "board": "/",
        "empty": "/?state=lifted",
        "case": f"/cases/{held}",
        "letter": "/letters",
        "note": f"/cases/{held}/note",
        "check": f"/cases/{held}/check",
        "clarify": f"/cases/{held}/clarify",
        "decide": f"/cases/{held}/decide",
        "missing": "/nothing",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_axe_finds_nothing(browser: Browser, served: Served, lang: str, theme: Any) -> None:
    paths = picture(served)
    who = Person(browser, served, "p", "lead", "moderator", "legal", color_scheme=theme, locale=lang)
    found = []
    for width in (1280, 360):
        who.page.set_viewport_size({"width": width, "height": 900})
        for name, path in paths.items():
            who.page.goto(path)
            assert who.page.locator("html").get_attribute("lang") == lang
            found += [(name, width, one) for one in violations(who.page)]
            if who.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((name, width, "wider than the screen"))
    assert found == []
    who.page.goto(paths["note"])
    who.page.locator("form.step button").click()
    assert violations(who.page) == []
    who.context.clear_cookies()
    who.page.goto("/sign-in")
    assert violations(who.page) == []
    assert {address.split("/")[2] for address in who.asked} == {served.url.split("/")[2]}
    assert [one for one in who.said if "404" not in one and "422" not in one] == []
    who.context.close()


def test_axe_finds_what_is_wrong(browser: Browser, served: Served) -> None:
    """The control: a page in no language, and a field without a label."""
    who = Person(browser, served, "p", "lead")
    who.page.evaluate("document.documentElement.removeAttribute('lang')")
    who.page.evaluate(
        "document.querySelector('.filters input').parentElement.replaceWith(document.createElement('input'))"
    )
    assert {"html-has-lang", "label"} <= set(violations(who.page))
    who.context.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_case_is_decided_by_keys_alone(browser: Browser, served: Served, lang: str) -> None:
    """Open the most urgent, refuse one item of two and remove the other, approve as another person, see it closed."""
    case = served.office.issue(1, items=2, category="election_rules")
    one = Person(browser, served, "aigerim", "moderator", locale=lang)
    one.press_on('form[action="/claims"] button')
    expect(one.page).to_have_url(f"{served.url}/cases/{case}?done=claim")
    one.press_on(f'a[href="/cases/{case}/decide"]')
    for n, (way, finding) in enumerate((("refused", "not_illegal"), ("remove", "illegal"))):
        place = f"proposal.items.{n}."
        one.choose(named(f"{place}finding"), finding)
        one.choose(named(f"{place}wording.outcome"), way)
        one.type_into(named(f"{place}reasons"), f"What was seen of item {n}.")
        if way == "refused":
            one.choose(named(f"{place}wording.refusal_code"), "not_illegal")
        else:
            one.choose(named(f"{place}ground"), "local_law")
            one.type_into(named(f"{place}wording.legal_provision"), "art. 1")
        one.type_into(named(f"{place}wording.statement_of_reasons.0.text"), "Мәтін.")
    for question in QUESTIONS:
        answer = "no" if question.bars == "yes" else "yes"
        one.choose(named(f"proposal.legal_check.{question.name}"), answer)
    one.press_on(named("proposal.text_checked"), "Space")
    one.press_on("form.step .actions button")
    expect(one.page).to_have_url(f"{served.url}/cases/{case}?done=decide")
    other = Person(browser, served, "daniyar", "legal", locale=lang)
    other.press_on("#count-second_person")
    expect(other.page).to_have_url(f"{served.url}/?waits_for=second_person")
    other.press_on(f"#open-{case}")
    expect(other.page).to_have_url(f"{served.url}/cases/{case}")
    other.press_on(f'a[href="/cases/{case}/approve"]')
    expect(other.page.locator("pre").first).to_contain_text('"outcome": "refused"')
    other.press_on("form.step .actions button")
    expect(other.page).to_have_url(f"{served.url}/cases/{case}?done=approve")
    served.office.deliver()
    other.page.reload()
    expect(other.page.locator("h1")).to_contain_text(looks_of(lang).say("state", "closed"))
    assert one.said == other.said == []
    assert served.office.faults() == []
    for who in (one, other):
        who.context.close()


def test_what_one_does_another_sees_where_they_are(browser: Browser, served: Served) -> None:
    first, second = served.office.issue(1), served.office.issue(2)
    watching, working = Person(browser, served, "lead", "lead"), Person(browser, served, "aigerim", "moderator")
    row = watching.page.locator(f"#row-{first}")
    expect(row).not_to_contain_text("aigerim")
    watching.tab_to(f"#open-{second}")
    before = watching.page.locator(f"#open-{second}").bounding_box()
    working.page.goto(f"/cases/{first}")
    working.page.locator('form[action="/claims"] button').click()
    expect(row).to_contain_text("aigerim")
    working.page.goto(f"/cases/{first}/release")
    working.page.locator("form.step .actions button").click()
    expect(row).not_to_contain_text("aigerim")
    assert watching.page.evaluate("document.activeElement.id") == f"open-{second}", "the focus stays"
    assert watching.page.locator(f"#open-{second}").bounding_box() == before, "nothing moves"
    assert watching.said == []
    for who in (watching, working):
        who.context.close()


def test_no_payload_runs(browser: Browser, served: Served) -> None:
    who = Person(browser, served, "p", "lead")
    who.page.add_init_script(f"window.ran = []; window.{MARK} = () => window.ran.push(1)")
    items = [
        {"item_id": str(n), "object_id": payload.replace("\u2028", ""), "account_ref": payload.replace("\u2028", "")}
        for n, payload in enumerate(PAYLOADS)
    ]
    case = served.office.issue(1, items, reference_number=PAYLOADS[6])
    for payload in PAYLOADS:
        served.office.desk.take(M1.actor, case, commands.Note(payload))
    who.page.goto(f"/cases/{case}")
    assert who.page.evaluate("window.ran") == []
    for payload in PAYLOADS[:20]:
        who.page.goto("/")
        who.page.goto(f"/cases/{case}/note")
        who.page.locator("textarea").fill(payload)
        who.page.locator("form.step button").click()
        assert who.page.evaluate("window.ran") == []
    who.page.evaluate(f"{MARK}()")
    assert who.page.evaluate("window.ran") == [1], "the control"
    assert who.said == []
    who.context.close()
