"""A case on the pages, from the board to its receipt, and what is kept of what was typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.faces.dashboard.looks import looks_of
from tests.driver import M1
from tests.pages.site import Seen, Site, Somebody

ITEM = "proposal.items.0."


def claimed(site: Site, who: Somebody) -> str:
    answer = who.post("/claims", {})
    assert answer.status_code == 303
    return str(answer.headers["location"]).partition("?")[0]


def refusal(place: str = ITEM) -> dict[str, str]:
    return {
        f"{place}finding": "not_illegal",
        f"{place}wording.outcome": "refused",
        f"{place}reasons": "A photograph of a horse race.",
        f"{place}wording.refusal_code": "not_illegal",
        f"{place}wording.statement_of_reasons.0.text": "Мазмұны заңсыз емес.",
        "proposal.text_checked": "yes",
    }


def test_a_case_is_refused_by_one_person(site: Site) -> None:
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    assert claimed(site, one) == f"/cases/{case}"
    form = one.see(f"/cases/{case}/decide").form(f"/cases/{case}/decide")
    assert [form.fields.get(f"{ITEM}{name}") for name in ("finding", "wording.outcome")] == [None, None]
    answer = one.post(f"/cases/{case}/decide", {**form.fields, **refusal()})
    assert answer.status_code == 303, Seen(answer.text).text
    site.office.deliver()
    assert site.office.case(case)["state"] == "closed"
    shown = one.see(f"/cases/{case}").text
    assert "A photograph of a horse race." in shown
    assert "Мазмұны заңсыз емес." in shown
    assert site.office.faults() == []


@pytest.mark.slow
def test_a_measure_takes_two_and_the_second_sees_what_leaves(site: Site) -> None:
    case = site.office.issue(category="election_rules")
    one, other = site.person("aigerim", "moderator"), site.person("daniyar", "legal")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    typed = {**one.see(path).form(path).fields, **measure()}
    seen = one.post(path, {**typed, "preview": "yes"})
    assert seen.status_code == 200
    assert '"outcome": "removed"' in Seen(seen.text).text
    assert site.office.case(case)["state"] == "claimed"
    assert one.post(path, typed).status_code == 303
    own = Somebody(site, site.token("aigerim", "legal"))
    assert own.fill(f"/cases/{case}/approve").status_code == 403
    page = other.see(f"/cases/{case}/approve")
    assert '"outcome": "removed"' in page.text
    assert other.fill(f"/cases/{case}/approve").status_code == 303
    site.office.deliver()
    assert site.office.case(case)["state"] == "closed"
    assert site.office.faults() == []


def measure(place: str = ITEM) -> dict[str, str]:
    """Remove it on the ground of the law, with a check that bars nothing."""
    checked = {f"proposal.legal_check.{one.name}": "no" if one.bars == "yes" else "yes" for one in QUESTIONS}
    said = {
        "finding": "illegal",
        "ground": "local_law",
        "wording.outcome": "remove",
        "wording.legal_provision": "art. 1",
    }
    return {**refusal(place), **{f"{place}{name}": value for name, value in said.items()}, **checked}


@pytest.mark.slow
def test_a_measure_names_the_content_that_was_seen(tmp_path: Path) -> None:
    site = Site(tmp_path, can_look=True)
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    blind = one.fill(path, **measure())
    assert blind.status_code == 422
    seen = one.post(f"/cases/{case}/look", {})
    assert seen.status_code == 200
    assert "the content of" in Seen(seen.text).text
    assert "the content of" not in one.see(f"/cases/{case}").text, "a preview is stored nowhere"
    kept = {**Seen(blind.text).form(path).fields, **measure()}
    again = one.post(path, {**kept, "again": "yes"})
    answer = one.post(path, {**Seen(again.text).form(path).fields, **measure()})
    assert answer.status_code == 303, Seen(answer.text).text
    site.office.deliver()
    assert site.office.case(case)["state"] == "closed"
    assert site.office.faults() == []
    site.office.stop()


def test_who_cannot_look_is_not_offered_it(site: Site) -> None:
    case, one = site.office.issue(), site.person("aigerim", "moderator")
    claimed(site, one)
    assert not one.see(f"/cases/{case}").has_form(f"/cases/{case}/look")
    assert one.post(f"/cases/{case}/look", {}).status_code == 501


def test_why_a_second_person_decides_is_told_in_words(site: Site) -> None:
    case, one = site.office.issue(category="election_rules"), site.person("aigerim", "moderator")
    site.office.propose(M1, case, site.office.claim(M1, case))
    say = looks_of("kk").say
    assert say("rule", "category", category=say("category", "election_rules")) in one.see(f"/cases/{case}").text


def test_what_was_typed_is_kept_with_the_mistake_at_its_field(site: Site) -> None:
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    typed = {**one.see(path).form(path).fields, **refusal(), "proposal.text_checked": ""}
    typed |= {f"{ITEM}reasons": "<b>bold</b>\r\n line"}
    answer = one.post(path, typed)
    assert answer.status_code == 422
    page = Seen(answer.text)
    kept = page.form(path).fields
    assert kept[f"{ITEM}reasons"] == "<b>bold</b>\n line"
    assert kept[f"{ITEM}wording.outcome"] == "refused"
    assert "#proposal.text_checked" in [said.get("href") for tag, said in page.elements if tag == "a"]
    marked = [said["id"] for _, said in page.elements if said.get("aria-invalid")]
    assert marked == ["proposal.text_checked"]


def test_an_empty_form_names_each_field_that_is_missing(site: Site) -> None:
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    answer = one.fill(path)
    assert answer.status_code == 422
    marked = {said["id"] for _, said in Seen(answer.text).elements if said.get("aria-invalid")}
    assert {f"{ITEM}finding", f"{ITEM}wording.outcome", f"{ITEM}reasons"} <= marked


@pytest.mark.slow
def test_a_lost_lease_says_so_and_loses_no_word(site: Site) -> None:
    case = site.office.issue()
    one, lead = site.person("aigerim", "moderator"), site.person("lead", "lead")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    typed = {**one.see(path).form(path).fields, **refusal()}
    assert lead.fill(f"/cases/{case}/take-over", reasons="they went home").status_code == 303
    answer = one.post(path, typed)
    assert answer.status_code == 409
    form = Seen(answer.text).form(path)
    assert form.fields[f"{ITEM}reasons"] == typed[f"{ITEM}reasons"]
    assert ("claim_again", "yes") in form.buttons
    assert lead.fill(f"/cases/{case}/release").status_code == 303
    assert one.post(path, {**form.fields, "claim_again": "yes"}).status_code == 303
    site.office.deliver()
    assert site.office.case(case)["state"] == "closed"


def test_items_are_decided_alike_or_one_by_one(site: Site) -> None:
    case = site.office.issue(items=3)
    one = site.person("aigerim", "moderator")
    claimed(site, one)
    path = f"/cases/{case}/decide"
    each = one.see(path).form(path).fields
    assert [each[f"proposal.items.{n}.item_id"] for n in range(3)] == ["1", "2", "3"]
    answer = one.post(path, {**each, "proposal.items.2.reasons": "of the third", "alike": "yes", "again": "yes"})
    page = Seen(answer.text)
    alike = page.form(path).fields
    areas = [said["name"] for tag, said in page.elements if tag == "textarea" and ".reasons" in said["name"]]
    assert areas == ["proposal.items.0.reasons"]
    assert alike["proposal.items.2.reasons"] == "of the third"
    assert one.post(path, {**alike, **refusal()}).status_code == 303
    site.office.deliver()
    assert {one["outcome"] for one in site.office.reports()[-1]["items"]} == {"refused"}


@pytest.mark.slow
def test_a_decision_is_undone_while_it_can_be(tmp_path: Path) -> None:
    site = Site(tmp_path, undo_window_s=60)
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    claimed(site, one)
    one.fill(f"/cases/{case}/decide", **refusal())
    assert site.office.case(case)["state"] == "decided"
    assert f"/cases/{case}/undo" in [said.get("href") for _, said in one.see(f"/cases/{case}").elements]
    assert one.fill(f"/cases/{case}/undo").status_code == 303
    assert site.office.case(case)["state"] == "queued"
    late = one.fill(f"/cases/{case}/undo")
    assert late.status_code == 409
    assert Seen(late.text).has_form(f"/cases/{case}/undo")
    site.office.stop()


def test_a_note_is_kept_and_an_empty_one_is_not(site: Site) -> None:
    case = site.office.issue()
    one = site.person("aigerim", "moderator")
    assert one.fill(f"/cases/{case}/note", text="Called the office.").status_code == 303
    assert "Called the office." in one.see(f"/cases/{case}").text
    assert one.fill(f"/cases/{case}/note", text=" ").status_code == 422
