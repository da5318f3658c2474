"""No change breaks whoever was built against the contract of the last release, unless the version says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.wire.v1 import API_VERSION
from tests.published.generator import VERSION, breaking_changes, regulator_document
from tests.variants import variants

BASELINE = Path(__file__).resolve().parents[1] / "data" / "contract-v1.json"
OLD: dict[str, Any] = json.loads(BASELINE.read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any]], None]


def test_nothing_breaks_a_user_of_the_last_release() -> None:
    """If this fails, make the change compatible or make a version 2: docs/contract/versioning.md says what each is."""
    assert breaking_changes(OLD, regulator_document()) == []


def test_the_version_of_the_contract_is_that_of_its_messages() -> None:
    assert VERSION.split(".")[0] == API_VERSION
    assert OLD["info"]["version"].split(".")[0] == API_VERSION


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]
    return found


def _optional(schema: dict[str, Any], name: str) -> None:
    schema["properties"][name] = {"type": "string"}


def _required(schema: dict[str, Any], name: str) -> None:
    _optional(schema, name)
    schema["required"].append(name)


# Each of them removes, narrows or widens one thing. The text is a part of what must be said of it.
BREAKING: dict[str, tuple[Change, str]] = {
    "a path is removed": (lambda d: d["paths"].pop("/v1/reports/{report_id}"), "GET /v1/reports/{report_id}: removed"),
    "a method is removed": (
        lambda d: d["paths"]["/v1/platforms/{platform_id}/registration"].pop("put"),
        "PUT /v1/platforms/{platform_id}/registration: removed",
    ),
    "a push is removed": (lambda d: d["webhooks"].pop("notice.reminded"), "POST notice.reminded: removed"),
    "a push is new": (
        lambda d: d["webhooks"].update({"notice.suspended": d["webhooks"]["notice.issued"]}),
        "notice.suspended: new type of message",
    ),
    "a status is removed": (
        lambda d: d["paths"]["/v1/notices/{notice_id}/reports"]["post"]["responses"].pop("409"),
        "reports 409: status removed",
    ),
    "a media type is removed": (
        lambda d: d["components"]["responses"]["Intake422"].update(content={}),
        "application/problem+json removed",
    ),
    "a header is removed": (
        lambda d: d["components"]["responses"]["Intake503"]["headers"].pop("Retry-After"),
        "header Retry-After removed",
    ),
    "a header is no longer promised": (
        lambda d: d["components"]["headers"]["Allow"].pop("required"),
        "header Allow is no longer promised",
    ),
    "a parameter is required now": (
        lambda d: d["components"]["parameters"]["Limit"].update(required=True),
        "parameter limit is required now",
    ),
    "a required parameter is new": (
        lambda d: d["paths"]["/v1/notices"]["get"]["parameters"].append(
            {"name": "region", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        "new required parameter region",
    ),
    "a parameter is removed": (
        lambda d: d["paths"]["/v1/notices"]["get"]["parameters"].pop(0),
        "parameter after removed",
    ),
    "a limit is lower": (
        lambda d: d["components"]["parameters"]["Limit"]["schema"].update(maximum=100),
        "parameter limit: maximum is 100 instead of 1000",
    ),
    "a proof is no longer taken": (lambda d: d.update(security=[{"rfc9421": []}]), "standard-webhooks is no longer"),
    "a property is removed": (
        lambda d: _schemas(d)["Notice"]["properties"].pop("deadline"),
        "Notice.deadline: property removed",
    ),
    "an answer's property is removed": (
        lambda d: _schemas(d)["Accepted"]["properties"].pop("due_at"),
        "Accepted.due_at: property removed",
    ),
    "a property is required now": (
        lambda d: _schemas(d)["Notice"]["required"].append("languages"),
        "Notice.languages: required now",
    ),
    "a new property is required": (
        lambda d: _required(_schemas(d)["Notice"], "court"),
        "Notice.court: required now",
    ),
    "a property is no longer promised": (
        lambda d: _schemas(d)["Receipt"]["required"].remove("recorded_at"),
        "Receipt.recorded_at: no longer promised",
    ),
    "a closed object has a new property": (
        lambda d: _optional(_schemas(d)["Report"], "remarks"),
        "Report.remarks: new property, which an old reader",
    ),
    "an open object is closed": (
        lambda d: _schemas(d)["Notice"].update(additionalProperties=False),
        "Notice: unknown properties are refused now",
    ),
    "a closed object is open": (
        lambda d: _schemas(d)["Report"].pop("additionalProperties"),
        "Report: unknown properties are taken now",
    ),
    "a type is another": (
        lambda d: _schemas(d)["Notice"]["properties"]["revision"].update(type="string"),
        "Notice.revision: integer is no longer taken",
    ),
    "a value is no longer taken": (
        lambda d: _schemas(d)["Notice"]["properties"]["kind"]["enum"].remove("submission"),
        "Notice.kind: 'submission' is no longer taken",
    ),
    "a closed set is wider": (
        lambda d: _schemas(d)["ReportItem"]["properties"]["outcome"]["enum"].append("hidden"),
        "ReportItem.outcome: 'hidden' is new to an old reader",
    ),
    "a constant is another": (
        lambda d: _schemas(d)["NoticeIssued"]["properties"]["api_version"].update(const="2"),
        "NoticeIssued.api_version: '1' is no longer taken",
    ),
    "a pattern is narrower": (
        lambda d: _schemas(d)["Notice"]["properties"]["notice_id"].update(pattern="^KZ-"),
        "Notice.notice_id: pattern is '^KZ-'",
    ),
    "a list is shorter": (
        lambda d: _schemas(d)["Notice"]["properties"]["items"].update(maxItems=100),
        "Notice.items: maxItems is 100 instead of 500",
    ),
    "null is no longer taken": (
        lambda d: _schemas(d)["Notice"]["properties"]["contact"]["anyOf"].pop(),
        "Notice.contact: anyOf has 1 alternatives instead of 2",
    ),
    "a default is another": (
        lambda d: _schemas(d)["Item"]["properties"]["content_type"].update(default="post"),
        "Item.content_type: default is 'post' instead of 'other'",
    ),
    "a rule is new": (
        lambda d: _schemas(d)["Cancellation"].update(anyOf=[{"required": ["effect"]}]),
        "Cancellation: anyOf has 1 alternatives instead of 0",
    ),
    "a condition is another": (
        lambda d: _schemas(d)["Report"].update(then={"required": ["signature"]}),
        "Report: then is",
    ),
}

COMPATIBLE: dict[str, Change] = {
    "nothing": lambda d: None,
    "a new path": lambda d: d["paths"].update({"/v1/appeals": d["paths"]["/v1/notices"]}),
    "a new method": lambda d: d["paths"]["/v1/notices"].update(put=d["paths"]["/v1/notices"]["get"]),
    "a new status": lambda d: d["paths"]["/v1/notices"]["get"]["responses"].update({"429": {"description": "Later"}}),
    "a new header": lambda d: d["components"]["responses"]["Intake503"]["headers"].update(Age={"schema": {}}),
    "a new optional parameter": lambda d: d["paths"]["/v1/notices"]["get"]["parameters"].append(
        {"name": "region", "in": "query", "schema": {"type": "string"}}
    ),
    "a new optional field of an open message": lambda d: _optional(_schemas(d)["Notice"], "court"),
    "a new optional field of an answer": lambda d: _optional(_schemas(d)["Accepted"], "queue"),
    "a new value of an open set": lambda d: _schemas(d)["RegisterEntry"]["properties"]["status"]["enum"].append(
        "struck"
    ),
    "a new code": lambda d: d["components"]["responses"]["Intake422"]["x-codes"].append("brand_new"),
    "other words": lambda d: _schemas(d)["Notice"].update(description="A demand."),
    "a new example": lambda d: _schemas(d)["Notice"].update(examples=[{}]),
    "another order": lambda d: _schemas(d)["Notice"]["properties"].update(
        notice_id=_schemas(d)["Notice"]["properties"].pop("notice_id")
    ),
    "a second proof": lambda d: d["security"].append({"mutual": []}),
}


def _changed(change: Change) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    change(new)
    return new


@pytest.mark.parametrize("name", BREAKING)
def test_a_planted_break_is_found_and_named(name: str) -> None:
    """The control of the test at the top: each of them must fail it."""
    change, said = BREAKING[name]
    found = breaking_changes(OLD, _changed(change))
    assert any(said in each for each in found), found
    assert len(found) <= 15, "one change is one break, named where it is, and not once for each place that refers to it"


@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_compatible_change_passes(name: str) -> None:
    assert breaking_changes(OLD, _changed(COMPATIBLE[name])) == []


@pytest.mark.parametrize("name", variants({name: name for name in BREAKING}, *list(BREAKING)[::6]))
def test_another_version_stands_beside_the_old_one(name: str) -> None:
    """The same change under version 2 breaks nobody; a second number alone excuses nothing."""
    new = _changed(BREAKING[name][0])
    new["info"]["version"] = "2.0"
    assert breaking_changes(OLD, new) == []
    new["info"]["version"] = "1.7"
    assert breaking_changes(OLD, new)
