"""A line for Lumen is one that Lumen takes, and tells what became of the demand."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kz_compliance_sdk.transparency.counting import demand_of
from kz_compliance_sdk.transparency.lumen import ACTIONS, LumenLines
from kz_compliance_sdk.transparency.report import TransparencyReport
from tests.figures.test_transparency_report import read_json
from tests.tally_makers import CATEGORIES, a_report, a_tally, random_tallies

# What Lumen's own code demands of `POST /notices` (github.com/berkmancenter/lumendatabase: the models notice,
# government_request, entity_notice_role, infringing_url, and what the controller of notices permits).
_PERMITTED = frozenset(
    "type title subject body date_sent date_received source tag_list jurisdiction_list regulation_list language "
    "action_taken request_type case_id_number entity_notice_roles_attributes works_attributes".split()
)
_TEXTS = _PERMITTED - {"entity_notice_roles_attributes", "works_attributes"}
_ACTIONS = {"Yes", "No", "Partial", "Unspecified"}
_REQUESTS = {"Agency", "Civil Subpoena", "Email", "Records Preservation", "Subpoena", "Warrant"}
_ROLES = {"principal", "agent", "recipient", "sender", "submitter", "target"}
_LANGUAGES = {"en", "ru", "uk", "tr", "de", "fr"}
_URL = re.compile(r"\A([a-z]{3,5}:)?//.+", re.IGNORECASE)
_LONGEST = 255


def refused(notice: Mapping[str, Any]) -> list[str]:
    """Why Lumen would not take a notice, or would take less than it says."""
    wrong = [f"{name} is no field" for name in notice.keys() - _PERMITTED]
    wrong += [f"{name} is no text" for name in notice.keys() & _TEXTS if not isinstance(notice[name], str)]
    wrong += [f"{name} is too long" for name in ("title", "subject") if len(notice.get(name, "")) > _LONGEST]
    wrong += ["it has no title"] if not notice.get("title") else []
    wrong += [] if notice.get("type") == "GovernmentRequest" else ["its type is none of Lumen's"]
    wrong += [] if notice.get("action_taken", "") in {*_ACTIONS, ""} else ["its action is none of Lumen's"]
    wrong += [] if notice.get("request_type", "") in {*_REQUESTS, ""} else ["its request is none of Lumen's"]
    wrong += [] if notice.get("language", "") in {*_LANGUAGES, ""} else ["its language is none of Lumen's"]
    works, roles = notice.get("works_attributes") or [], notice.get("entity_notice_roles_attributes") or []
    wrong += ["it has no work"] if not works else []
    for work in works:
        wrong += [
            f"{name} is no field of a work"
            for name in work.keys() - {"description", "kind", "infringing_urls_attributes"}
        ]
        wrong += ["an address is none"] * sum(
            not _URL.match(u["url"]) for u in work.get("infringing_urls_attributes", ())
        )
    wrong += [] if {"recipient", "sender"} <= {role["name"] for role in roles} else ["nobody sent or received it"]
    for role in roles:
        name = role["entity_attributes"]["name"]
        wrong += [] if role["name"] in _ROLES and 0 < len(name) <= _LONGEST else ["an entity is none"]
        wrong += [] if role["entity_attributes"].get("kind") in ("organization", "individual") else ["it is of no kind"]
    return wrong


def lines_of(report: TransparencyReport, tallies: Sequence[Any], urls: Sequence[str] = ()) -> list[dict[str, Any]]:
    writer = LumenLines(report, CATEGORIES)
    return [json.loads(writer.line(one, urls))["notice"] for one in tallies if writer.may_tell(one)]


def listed(text: str) -> list[str]:
    """What a list in a line holds, as Lumen takes it apart."""
    return next(csv.reader([text], skipinitialspace=True), [])


@pytest.mark.parametrize("urls", [(), ("https://social.example/p/1", "https://social.example/p/2")])
def test_lumen_takes_every_line(urls: Sequence[str]) -> None:
    tallies = [*random_tallies(3, 200), a_tally(900, languages=["kk", "ru"])]
    lines = lines_of(a_report(tallies, names={"body-1": {"en": "N" * 900}}), tallies, urls)
    assert len(lines) > 150
    assert [why for line in lines for why in refused(line)] == []
    assert all(bool(line["works_attributes"][0].get("infringing_urls_attributes")) == bool(urls) for line in lines)


def test_an_authority_is_called_in_english_in_russian_or_by_its_id() -> None:
    names = {"b1": {"en": "Body", "ru": "Орган"}, "b2": {"ru": "Орган", "kk": "Уәкілетті"}, "b3": {"kk": "Уәкілетті"}}
    tallies = [a_tally(n, authority=authority) for n, authority in enumerate([*names, "b4"] * 6)]
    senders = {
        role["entity_attributes"]["name"]
        for line in lines_of(a_report(tallies, names=names), tallies)
        for role in line["entity_notice_roles_attributes"]
        if role["name"] == "sender"
    }
    assert senders == {"Body", "Орган", "b3", "b4"}


def test_the_control_what_lumen_does_not_take_is_refused() -> None:
    tallies = random_tallies(3, 200)
    right = lines_of(a_report(tallies), tallies)[0]
    assert refused(right) == []
    changes: list[dict[str, Any]] = [
        {"works_attributes": []}, {"entity_notice_roles_attributes": []}, {"action_taken": "Gone"}, {"language": "kk"},
        {"tag_list": ["drugs"]}, {"topics": ["drugs"]}, {"request_type": "Order"}, {"type": "Order"}, {"title": ""},
        {"title": "t" * 256}, {"works_attributes": [{"description": "d", "infringing_urls": []}]},
        {"works_attributes": [{"infringing_urls_attributes": [{"url": "post:1"}]}]},
    ]  # fmt: skip
    assert [change for change in changes if not refused({**right, **change})] == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.slow
def test_what_became_of_a_demand_is_told_though_who_asked_is_not(seed: int) -> None:
    """What is rare is generalised: a line loses its authority or category before it loses its answer."""
    tallies = random_tallies(seed, 400)
    lines = lines_of(a_report(tallies), tallies)
    known = sum(demand_of(one.facts, CATEGORIES).result in ACTIONS for one in tallies if not withheld(one))
    told = sum(line["action_taken"] != "Unspecified" for line in lines)
    assert told >= 0.9 * known


def withheld(tally: Any) -> bool:
    return json.loads(tally.facts)["barred_until"] is not None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_counting_lines_tells_no_count_that_the_report_hides(seed: int) -> None:
    tallies = [one for one in random_tallies(seed, 400) if not withheld(one)]
    report = a_report(tallies)
    told, lines = read_json(report), lines_of(report, tallies)
    assert len(lines) == int(told["demands_told", ""])
    hidden = {ACTIONS.get(value) for (figure, value), shown in told.items() if is_hidden_result(figure, shown)}
    results: Counter[tuple[str, str]] = Counter()
    for (figure, value), shown in told.items():
        if figure in ("results_by_category", "results_by_authority") and shown.isdigit():
            of, _, result = value.rpartition(" / ")
            is_told = told["demands_by_result", result].isdigit() or len(hidden) == 1
            if is_told and told[_BY[figure], of].isdigit():
                results[of, ACTIONS.get(result, "Unspecified")] += int(shown)
    for place, values in (("tag_list", CATEGORIES), ("sender", AUTHORITIES)):
        counted = Counter((of, line["action_taken"]) for line in lines for of in named(line, place) if of in values)
        for (of, action), count in counted.items():
            if action != "Unspecified":
                assert count == results[of.removeprefix("Name of "), action], (place, of, action)
    for action, count in Counter(line["action_taken"] for line in lines).items():
        known = [told.get(("demands_by_result", result), "0") for result, one in ACTIONS.items() if one == action]
        if action != "Unspecified" and hidden != {action}:
            assert count == sum(int(one) for one in known if one.isdigit())


def is_hidden_result(figure: str, shown: str) -> bool:
    return figure == "demands_by_result" and not shown.isdigit()


AUTHORITIES = {"Name of body-1", "Name of body-2", "Name of court-1"}
_BY = {"results_by_category": "demands_by_category", "results_by_authority": "demands_by_authority"}


def named(line: Mapping[str, Any], place: str) -> list[str]:
    if place == "sender":
        return [
            role["entity_attributes"]["name"]
            for role in line["entity_notice_roles_attributes"]
            if role["name"] == "sender"
        ]
    return listed(line[place])
