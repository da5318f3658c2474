"""What the adapters share: one table of steps, errors as people read them, and calls within a context."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, current_app

from kz_compliance_sdk import Actor, ComplianceDesk, Effect, InForce, Settings
from kz_compliance_sdk.contrib.flask import KzCompliance
from kz_compliance_sdk.contrib.moderation import ROUTES, answered, explained, read_form
from kz_compliance_sdk.errors import (
    ComplianceError,
    ConfigError,
    Conflict,
    IllegalMove,
    InvalidInput,
    LeaseLost,
    NotAllowed,
    NotFound,
    RegulatorError,
    StoreFull,
    Unreadable,
)
from kz_compliance_sdk.ports import Reference, Told, UserNotice
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.signed import NoticeFactory

BY_NAME = {route.name: route for route in ROUTES}
LEAD = Actor("serik", frozenset({"lead"}))


def asked(desk: ComplianceDesk, name: str, case_id: str = "", actor: Actor = LEAD, **fields: Any) -> tuple[int, Any]:
    route = BY_NAME[name]
    sent = json.dumps(fields).encode() if route.sent_in == "body" else fields
    answer = answered(route, desk, actor, case_id, lambda: read_form(route.form, sent))
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unreadable("x.", field="a", remedy="b"), 400),
        (NotAllowed("x."), 403),
        (NotFound("x."), 404),
        (LeaseLost("x."), 409),
        (Conflict("x."), 409),
        (IllegalMove("x."), 409),
        (InvalidInput("x.", field="a", remedy="b"), 422),
        (ConfigError("x.", field="a", remedy="b"), 500),
        (RegulatorError("x.", maybe_sent=False), 502),
        (StoreFull("x."), 503),
    ],
)
def test_an_error_has_its_status_and_says_what_mends_it(error: ComplianceError, status: int) -> None:
    answer = explained(error)
    told = {"code": error.code, "message": "x."}
    assert answer.status == status
    assert json.loads(answer.body) == (told | {"field": "a", "remedy": "b"} if hasattr(error, "field") else told)
    assert dict(answer.headers)["cache-control"] == "no-store"


def test_every_step_has_a_name_of_its_own_and_refuses_whoever_has_no_role(kz_desk: ComplianceDesk) -> None:
    assert len(BY_NAME) == len(ROUTES)
    for name in BY_NAME:
        assert asked(kz_desk, name, "none", Actor("guest", frozenset({"editor"})))[0] == 403, name


def test_the_steps_of_a_second_person(kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_office: Office) -> None:
    """Sent back, proposed once more, approved, taken back; each answers with where the case stands then."""
    kz_notice(category="false_information").send()
    decided = kz_office.propose("remove")
    case_id = decided.case.id
    back = asked(kz_desk, "send-back", case_id, digest=decided.digest, reasons="Look at the date once more.")
    assert (back[0], back[1]["state"]) == (200, "queued")
    again = kz_office.propose("remove")
    assert asked(kz_desk, "approve", case_id, digest="0" * 64)[1]["code"] == "conflict"
    legal = Actor("dana", frozenset({"legal"}))
    status, approved = asked(kz_desk, "approve", case_id, legal, digest=again.digest)
    assert (status, approved["state"]) == (200, "decided")
    assert asked(kz_desk, "acknowledge", case_id)[0] == 200


def test_a_case_is_given_back_and_its_content_looked_at(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    kz_notice().send()
    lease = asked(kz_desk, "claim")[1]
    assert asked(kz_desk, "look", lease["case"], token=lease["token"])[1]["code"] == "config"
    seen = SimpleNamespace(available=True, object_id="p", digest="0" * 64, preview="a casino")
    kz_desk.on_resolve(lambda _reference: seen)  # type: ignore[arg-type, return-value]  # told as a fault
    (item,) = asked(kz_desk, "look", lease["case"], token=lease["token"])[1]["items"]
    assert item["fault"]
    assert asked(kz_desk, "release", lease["case"], token=lease["token"])[1]["state"] == "queued"


def test_a_case_in_quarantine_is_shown_without_a_notice(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    kz_notice.broken("unknown_type").send()
    (row,) = asked(kz_desk, "list", state="quarantined")[1]["cases"]
    status, shown = asked(kz_desk, "show", row["case"])
    assert (status, shown["notice"], shown["decision"]) == (200, None, None)


@pytest.mark.parametrize(
    ("name", "sent", "field"),
    [
        ("claim", b"{", ""),
        ("claim", b'{"case_id": 7}', "case_id"),
        ("claim", b'{"casse_id": "x"}', "casse_id"),
        ("renew", b'{"token": true}', "token"),
        ("propose", b'{"token": 1, "proposal": {"items": "all"}}', "proposal.items"),
        ("list", {"limit": "many"}, "limit"),
    ],
)
def test_what_is_no_form_is_refused_by_field_and_not_repeated(
    kz_desk: ComplianceDesk, name: str, sent: Any, field: str
) -> None:
    route = BY_NAME[name]
    answer = answered(route, kz_desk, LEAD, "", lambda: read_form(route.form, sent))
    told = json.loads(answer.body)
    assert answer.status == 400
    assert told["field"].removeprefix("$.") == field
    assert told["remedy"]
    assert b"many" not in answer.body


class Calls:
    """A platform whose every call says how many contexts it came within."""

    def __init__(self) -> None:
        self.depth, self.seen = 0, list[tuple[str, int]]()

    @contextmanager
    def within(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def enforce(self, _effect: Effect) -> InForce:
        self.seen.append(("enforce", self.depth))
        raise RuntimeError

    def restore(self, _effect: Effect) -> InForce:
        self.seen.append(("restore", self.depth))
        return InForce(1)

    def resolve(self, _reference: Reference) -> Any:
        self.seen.append(("resolve", self.depth))

    def tell(self, _notice: UserNotice) -> Told:
        self.seen.append(("tell", self.depth))
        return Told(1)


@pytest.mark.parametrize("depth", [0, 1])
def test_the_platform_is_called_within_a_context_that_ends_with_the_call(kz_settings: Settings, depth: int) -> None:
    """Each of its parts, also where it raises; without one asked for there is none."""
    calls = Calls()
    with ComplianceDesk(kz_settings, enforcer=calls, content=calls, messenger=calls) as desk:
        if depth:
            desk.call_within(calls.within)
        with pytest.raises(RuntimeError):
            desk._enforcer.enforce(None)  # type: ignore[arg-type]
        desk._enforcer.restore(None)  # type: ignore[arg-type]
        desk._content.resolve(None)  # type: ignore[arg-type]
        desk._messenger.tell(None)  # type: ignore[arg-type]
    assert calls.seen == [(name, depth) for name in ("enforce", "restore", "resolve", "tell")]
    assert calls.depth == 0


def test_an_enforcer_has_flasks_application_around_it(
    kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_office: Office, kz_outbox: CapturedOutbox, kz_clock: Any
) -> None:
    names = list[str]()
    KzCompliance(Flask("photos"), kz_desk, actor=lambda: LEAD)

    @kz_desk.on_enforce
    def enforce(_effect: Effect) -> InForce:
        names.append(current_app.name)
        return InForce(kz_clock())

    kz_notice().send()
    kz_office.decide("remove")
    kz_outbox.settle()
    assert names == ["photos"]
