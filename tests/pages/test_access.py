"""Who sees and does what on the pages: every route for every role, a case of one's own, of another and of none; signing
in; and what no other site can have people do."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from kz_compliance_sdk import ComplianceDesk, Settings
from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.faces.dashboard.pages import PAGES, Page
from kz_compliance_sdk.faces.dashboard.sessions import IDLE_S, LIFE_S, MOST_TRIES, TRIES_S
from tests.docs.blocks import DOCS, write_files
from tests.docs.site import settings_file
from tests.driver import DAY
from tests.pages.site import ORIGIN, OWN, Seen, Site, Somebody

ROLES = sorted(STAFF.names)
NO_CASE = "KZC-0000-0000"
BESIDE = {"/sign-in": "GET POST", "/sign-out": "POST", "/language": "POST"}


def asked(who: Somebody, page: Page, case: str) -> int:
    path = page.path.replace("{case}", case).replace("{number:int}", "1")
    answer = who.get(path) if page.method == "GET" else who.post(path, {})
    assert "Traceback" not in answer.text
    return int(answer.status_code)


def may(page: Page, role: str) -> bool:
    """Whether the matrix lets this role ask for a page at all."""
    if role not in STAFF.names:
        return False
    if page.kind is None or page.kind.may is LEASE:
        return True
    return role in page.kind.may.names and not (page.kind.may.never_head and role == "head")


def test_every_route_stands_in_the_matrix(site: Site) -> None:
    found: dict[str, set[str]] = {}
    for route in site.app.routes:
        if isinstance(route, Route):
            found.setdefault(route.path, set()).update((route.methods or set()) - {"HEAD"})
        else:
            assert isinstance(route, Mount)
            assert route.path == "/static"
    known: dict[str, set[str]] = {path: set(methods.split()) for path, methods in BESIDE.items()}
    for page in PAGES:
        known.setdefault(page.path, set()).add(page.method)
    assert found == known


@pytest.mark.parametrize("role", [*(pytest.param(role, marks=pytest.mark.slow) for role in ROLES), ""])
@pytest.mark.slow
def test_each_page_is_for_its_roles(site: Site, role: str) -> None:
    own, other = site.office.issue(1), site.office.issue(2, category="election_rules")
    who = site.person("p", *([role] if role else []), categories=("illegal_gambling",))
    for page in PAGES:
        if "{case}" not in page.path:
            assert (asked(who, page, "") == 403) == (not may(page, role)), page
            continue
        statuses = [asked(who, page, case) for case in (own, other, NO_CASE)]
        if not may(page, role):
            assert statuses == [403] * 3, (page, statuses)
        else:
            assert statuses[1:] == [404, 404], (page, statuses)
            # An appeal or a letter that the form does not name is not there, whoever asks.
            fits = (200, 303, 403, 409, 422, 501, *([404] if page.method == "POST" else []))
            assert statuses[0] in fits, (page, statuses)


@pytest.mark.slow
def test_a_case_of_another_platform_is_not_there(site: Site, tmp_path: Path) -> None:
    case = site.office.issue()
    other = Site(tmp_path, platform="another")
    who = other.person("p", *ROLES)
    for page in PAGES:
        if "{case}" in page.path and not (page.kind and page.kind.may.never_head):
            assert asked(who, page, case) == 404, page
    assert case not in who.see("/").text
    other.office.stop()


@pytest.mark.slow
def test_whoever_is_not_signed_in_is_asked_to_and_told_nothing(site: Site) -> None:
    case = site.office.issue()
    notice = site.office.case(case)["notice_id"]
    who = site.stranger()
    for page in PAGES:
        path = page.path.replace("{case}", case).replace("{number:int}", "1")
        answer = who.get(path) if page.method == "GET" else who.post(path, {})
        assert answer.status_code in (200, 401), page
        assert notice not in answer.text
        assert Seen(answer.text).has_form("/sign-in")
    assert who.get("/rows", **{"hx-request": "true"}).headers["hx-refresh"] == "true"


# ---------------------------------------------------------------------------------------------------------- signing in


def test_a_session_ends_with_its_token(site: Site) -> None:
    kept = site.file.read_text(encoding="utf-8")
    who = site.person("p", "lead")
    assert who.get("/").text.count("p</span>") == 1
    site.file.write_text(kept, encoding="utf-8")
    assert Seen(who.get("/").text).has_form("/sign-in")


@pytest.mark.slow
def test_a_session_ends_when_nothing_is_asked_for_an_hour_and_the_board_asks_nothing(site: Site) -> None:
    who = site.person("p", "lead")
    site.office.wait(IDLE_S - 1)
    assert who.see("/").has_form("/claims")
    site.office.wait(IDLE_S - 1)
    assert who.get("/rows", **{"hx-request": "true"}).status_code == 200
    site.office.wait(1)
    assert Seen(who.get("/").text).has_form("/sign-in")


@pytest.mark.slow
def test_a_session_ends_with_the_shift(site: Site) -> None:
    who = site.person("p", "lead")
    for _ in range(LIFE_S // (IDLE_S - 1)):
        site.office.wait(IDLE_S - 1)
        assert who.see("/").has_form("/claims")
    site.office.wait(LIFE_S)
    assert Seen(who.get("/").text).has_form("/sign-in")


def test_a_session_ends_when_somebody_signs_out_also_for_who_copied_the_cookie(site: Site) -> None:
    who = site.person("p", "lead")
    value = who.client.cookies["__Host-office"]
    assert re.fullmatch("[0-9a-f]{64}", value)
    assert who.post("/sign-out", {}).status_code == 303
    thief = site.stranger()
    assert Seen(thief.get("/", cookie=f"__Host-office={value}").text).has_form("/sign-in")


def test_the_cookie_is_out_of_reach_of_scripts_and_of_plain_http(site: Site) -> None:
    answer = site.stranger().post("/sign-in", {"sign_in_token": site.token("p", "lead"), "sign_in_to": "/"})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-office=")
    assert all(said in cookie for said in ("httponly", "samesite=lax", "secure", "path=/"))
    assert "domain" not in cookie


def test_tokens_are_not_guessed_one_after_the_other(site: Site) -> None:
    who, token = site.stranger(), site.token("p", "lead")
    for n in range(MOST_TRIES):
        assert who.post("/sign-in", {"sign_in_token": f"kzc_{n}"}).status_code == 401
    assert who.post("/sign-in", {"sign_in_token": token}).status_code == 401
    site.office.wait(TRIES_S)
    assert who.post("/sign-in", {"sign_in_token": token}).status_code == 303


def test_a_token_that_has_ended_lets_nobody_in(site: Site) -> None:
    token = site.token("p", "lead")
    site.office.wait(30 * DAY)
    assert site.stranger().post("/sign-in", {"sign_in_token": token}).status_code == 401


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nset-cookie: x=1", "x"]
)
def test_nobody_is_led_elsewhere(site: Site, to: str) -> None:
    who = site.stranger()
    answer = who.post("/sign-in", {"sign_in_token": site.token("p", "lead"), "sign_in_to": to})
    assert answer.headers["location"] == "/"
    assert who.post("/language", {"lang": "kk", "to": to}).headers["location"] == "/"


@pytest.mark.slow
def test_what_was_typed_is_shown_again_behind_the_sign_in(site: Site) -> None:
    case, who = site.office.issue(), site.person("p", "lead")
    path = f"/cases/{case}/note"
    form = who.see(path).form(path)
    site.office.wait(IDLE_S)
    answer = who.post(path, {**form.fields, "text": "all that I typed"})
    assert answer.status_code == 401
    asked_for = Seen(answer.text).form("/sign-in")
    assert asked_for.fields["text"] == "all that I typed"
    answer = who.post("/sign-in", {**asked_for.fields, "sign_in_token": site.token("p", "lead")})
    kept = Seen(answer.text).form(path)
    answer = who.post(path, kept.fields)
    assert (answer.status_code, Seen(answer.text).form(path).fields["text"]) == (200, "all that I typed")
    assert "note_kept" not in site.office.history(case)
    assert who.post(path, Seen(answer.text).form(path).fields).status_code == 303


@pytest.mark.slow
def test_the_guide_mounts_them_in_an_app_that_knows_its_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_CONFIG", str(settings_file(tmp_path)))
    monkeypatch.syspath_prepend(tmp_path)
    write_files(DOCS / "guides" / "dashboard.md", tmp_path)
    ComplianceDesk(Settings.load(), create=True).close()
    pages = importlib.import_module("pages")
    try:
        client = TestClient(pages.app, base_url="https://platform.example")
        assert client.get("/office/").status_code == 401
        known = {"x-signed-in-as": "aigerim"}
        page = client.get("/office/", headers=known)
        assert page.status_code == 200
        links = {said["href"] for _, said in Seen(page.text).elements if "href" in said} - {"#main"}
        assert all(link.startswith("/office/") for link in links)
        assert client.get("/office/static/office.css").status_code == 200
        assert client.get("/office/sign-in").status_code == 404
        told = client.post(
            "/office/language", data={"lang": "kk", "to": "/letters"}, headers=OWN, follow_redirects=False
        )
        assert told.headers["location"] == "/office/letters"
        assert client.post("/office/claims", headers={**known, **OWN}).status_code == 200
        assert client.post("/office/claims", headers=known).status_code == 403
    finally:
        pages.desk.blocking.close()
        sys.modules.pop("pages")


# -------------------------------------------------------------------------------------------------------- other sites

FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.slow
def test_no_other_site_has_people_change_anything(site: Site, headers: dict[str, str]) -> None:
    case, who = site.office.issue(), site.person("p", *ROLES)
    before = site.office.history(case)
    for page in PAGES:
        if page.method == "POST":
            assert who.post(page.path.replace("{case}", case), {"text": "x"}, headers).status_code == 403, page
    for path in BESIDE:
        assert who.post(path, {"lang": "kk"}, headers).status_code == 403
    assert site.office.history(case) == before
    assert who.see("/").has_form("/claims")


@pytest.mark.parametrize("headers", [OWN, {"origin": ORIGIN}], ids=str)
def test_the_control_our_own_pages_do(site: Site, headers: dict[str, str]) -> None:
    case, who = site.office.issue(), site.person("p", "lead")
    assert who.post(f"/cases/{case}/note", {"text": "x"}, headers).status_code == 303


@pytest.mark.slow
def test_nothing_is_changed_by_looking(site: Site) -> None:
    case, who = site.office.issue(), site.person("p", *ROLES)
    before = site.office.history(case)
    for page in PAGES:
        if page.method == "GET":
            who.get(page.path.replace("{case}", case).replace("{number:int}", "1") + "?token=1&text=x&case=" + case)
    assert site.office.history(case) == [*before, "viewed"]


# ------------------------------------------------------------------------------------------------------------ headers


@pytest.mark.slow
def test_every_answer_says_what_a_browser_must_keep_from_it(site: Site) -> None:
    case, who = site.office.issue(), site.person("p", "lead")
    paths = ["/", "/sign-in", f"/cases/{case}", f"/cases/{case}/note", f"/cases/{case}/received/1", "/nothing"]
    for path in [*paths, "/static/office.css", "/static/vendor/htmx.min.js"]:
        answer = who.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert who.get("/").headers["cache-control"] == "no-store"


def test_what_came_is_a_file_that_no_browser_shows(site: Site) -> None:
    case, who = site.office.issue(), site.person("p", "lead")
    answer = who.get(f"/cases/{case}/received/1")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert b"illegal_gambling" in answer.content
    assert who.get(f"/cases/{case}/received/2").status_code == 404
