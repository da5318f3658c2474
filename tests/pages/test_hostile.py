"""Sixty payloads in the texts of a notice and of forms: each stands on the pages as the text that it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pages.payloads import PAYLOADS
from tests.pages.site import Seen, Site, Somebody
from tests.pages.test_work import ITEM, claimed, refusal

ALLOWED = frozenset(
    "html head meta title link script body a header nav form input button div span main h1 h2 h3 p strong small br "
    "time section ul ol li dl dt dd details summary pre table caption thead tbody tr th td fieldset legend label "
    "select option textarea footer".split()
)
LINE_BREAK = "\u2028"


ATTRIBUTES = frozenset(
    "lang charset name content rel href src defer class id tabindex method action type value role autofocus datetime "
    "scope for rows checked selected autocomplete inputmode formnovalidate open".split()
)
OWN_META = frozenset({"", "viewport", "color-scheme", "htmx-config"})


def harmless(text: str) -> list[str]:
    """What on a page is none of its own: an element or an attribute that it has not, a script that is not htmx, an
    address elsewhere."""
    found = []
    for tag, said in Seen(text).elements:
        own = ATTRIBUTES | ({"hx-get", "hx-trigger", "hx-swap"} if said.get("id") == "live" else set())
        if tag not in ALLOWED or (tag == "script" and said.get("src") != "/static/vendor/htmx.min.js"):
            found.append(f"<{tag}>")
        found += [f"{tag} {name}" for name in said if name not in own and not name.startswith(("aria-", "data-label"))]
        for name in ("href", "src", "action"):
            address = said.get(name, "/")
            if address[:1] not in ("/", "#") or address[:2] == "//":
                found.append(f"{tag} {name}={address}")
    return found


def is_seen(payload: str) -> bool:
    try:
        return bool(harmless(f'<p><a href="/" class="{payload}">x</a>{payload}</p>'))
    except AssertionError:
        return True  # elements that do not end


def test_the_control_payloads_that_are_not_escaped_are_seen() -> None:
    quiet = [one for one in PAYLOADS if not is_seen(one)]
    # What is for another kind of template, what is escaped already, and what this parser takes for a comment.
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 60
    assert len(quiet) <= 7, quiet


def shown(who: Somebody, paths: list[str]) -> str:
    texts = []
    for path in paths:
        answer = who.get(path)
        assert answer.status_code == 200, path
        assert harmless(answer.text) == [], path
        texts.append(Seen(answer.text).text)
    return " ".join(texts)


@pytest.mark.slow
def test_a_notice_stands_there_as_text(site: Site) -> None:
    who = site.person("p", "lead")
    for n, payload in enumerate((one.replace(LINE_BREAK, "") for one in PAYLOADS), 1):
        authority = site.office.notice(n)["issuing_authority"]
        fields: dict[str, Any] = {
            "statement_of_reasons": [{"lang": "ru", "text": payload}],
            "reference_number": f"1 {payload}",
            "legal_basis": [{"act": f"2 {payload}", "article": f"3 {payload}"}],
            "issuing_authority": {**authority, "name": {"ru": f"4 {payload}", "en": f"5 {payload}"}},
        }
        items = [{"item_id": "1", "object_id": f"6 {payload}", "account_ref": f"7 {payload}"}]
        text = shown(who, [f"/cases/{site.office.issue(n, items, **fields)}"])
        for place in ("", *map("{} ".format, range(1, 8))):
            assert " ".join(f"{place}{payload}".split()) in text, payload
    shown(who, ["/", "/rows"])


@pytest.mark.slow
def test_a_message_that_cannot_be_read_stands_there_as_text(site: Site) -> None:
    who = site.person("p", "lead")
    for n, payload in enumerate(PAYLOADS[:20], 1):
        answer = site.office.push_bytes(payload.encode(), f"m-{n}")
        assert answer
    cases = [one["case"] for one in site.office.cases(state="quarantined")]
    assert len(cases) == 20
    text = shown(who, ["/?state=quarantined", *(f"/cases/{case}" for case in cases)])
    assert all(" ".join(payload.split()) in text for payload in PAYLOADS[:20])


@pytest.mark.slow
def test_what_people_type_stands_there_as_text(site: Site) -> None:
    case, who = site.office.issue(), site.person("p", "moderator")
    claimed(site, who)
    path = f"/cases/{case}/decide"
    fields = who.see(path).form(path).fields
    texts = [
        name for name in fields if name.rpartition(".")[2] in ("reasons", "text", "legal_provision", "note", "body")
    ]
    assert len(texts) > 4
    for payload in PAYLOADS:
        answer = who.post(path, {**fields, **dict.fromkeys(texts, payload), "alike": payload, payload: payload})
        assert answer.status_code == 422
        assert harmless(answer.text) == [], payload
        kept = Seen(answer.text).form(path).fields
        assert {kept[name] for name in texts} == {payload}
        note = who.fill(f"/cases/{case}/note", text=payload)
        assert note.status_code == 303
    text = shown(who, [f"/cases/{case}"])
    assert all(" ".join(payload.split()) in text for payload in PAYLOADS)
    decided = {f"{ITEM}reasons": PAYLOADS[5], f"{ITEM}wording.statement_of_reasons.0.text": PAYLOADS[6]}
    assert who.post(path, {**fields, **refusal(), **decided}).status_code == 303
    assert PAYLOADS[5] in shown(who, [f"/cases/{case}"])


@pytest.mark.slow
def test_what_stands_in_an_address_is_text(site: Site) -> None:
    who = site.person("p", "lead")
    for payload in PAYLOADS:
        for path, query in (("/", {"person": payload}), ("/", {payload: payload}), ("/rows", {"category": payload})):
            answer = who.client.get(path, params=query)
            assert answer.status_code == (422 if payload in query else 200), (path, query)
            assert harmless(answer.text) == [], (path, query)
        answer = who.client.get(f"/cases/{payload.replace('/', '')}")
        assert answer.status_code == 404
        assert harmless(answer.text) == []
