"""What the adapters share: the operations of the API, errors as problems, and calls within a context."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import pytest
from celery import Celery
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask, current_app

from kz_compliance_sdk import Actor, AsyncComplianceDesk, ComplianceDesk, Effect, InForce, Settings, errors
from kz_compliance_sdk.contrib.celery import install
from kz_compliance_sdk.contrib.fastapi import router
from kz_compliance_sdk.contrib.flask import KzCompliance
from kz_compliance_sdk.errors import ComplianceError, NotFound, StoreDamaged, StoreFull, StoreUnusable
from kz_compliance_sdk.faces.operations import ROUTES, answered, explained
from kz_compliance_sdk.ports import Reference, Resolved, Told, UserNotice
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.signed import NoticeFactory
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE

BY_NAME = {route.name: route for route in ROUTES}
JSON = {"content-type": "application/json; charset=utf-8"}
LEAD = Actor("serik", frozenset({"lead"}))


def asked(desk: ComplianceDesk, name: str, case_id: str = "", actor: Actor = LEAD, **fields: Any) -> tuple[int, Any]:
    route = BY_NAME[name]
    query, body = (fields, b"") if route.sent == "query" else ({}, json.dumps(fields).encode())
    answer = answered(route, desk, actor, case_id, query, JSON, body)
    return answer.status, json.loads(answer.body or b"{}")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotAllowed("x."), 403),
        (errors.NotFound("x."), 404),
        (errors.LeaseLost("x."), 409),
        (errors.Conflict("x."), 409),
        (errors.IllegalMove("x."), 409),
        (errors.InvalidInput("x.", field="a", remedy="Do b."), 422),
        (errors.ConfigError("x.", field="a", remedy="Do b."), 501),
        (errors.StoreFull("x."), 503),
        (errors.StoreUnusable("x."), 503),
        (errors.StoreDamaged("x."), 500),
    ],
)
def test_an_error_is_a_problem_that_says_what_mends_it(error: ComplianceError, status: int) -> None:
    answer = explained(error)
    told = json.loads(answer.body)
    assert (answer.status, told["status"], told["code"], told["detail"]) == (status, status, error.code, str(error))
    assert told.get("field") == getattr(error, "field", None)
    headers = {"content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store"}
    assert {**dict(answer.headers), **headers} == dict(answer.headers)


def test_every_operation_has_a_name_of_its_own_and_refuses_whoever_has_no_role(kz_desk: ComplianceDesk) -> None:
    assert len(BY_NAME) == len(ROUTES)
    for name in BY_NAME:
        assert asked(kz_desk, name, "none", Actor("guest", frozenset({"editor"})))[0] == 403, name


def test_the_steps_of_a_second_person(kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_office: Office) -> None:
    """Sent back, proposed once more, approved, seen; each answers with where the case stands then."""
    kz_notice(category="false_information").send()
    decided = kz_office.propose("remove")
    case_id = decided.case.id
    back = asked(kz_desk, "SendBack", case_id, digest=decided.digest, reasons="Look at the date once more.")
    assert (back[0], back[1]["case"]["state"]) == (200, "queued")
    again = kz_office.propose("remove")
    assert asked(kz_desk, "Approve", case_id, digest="0" * 64)[1]["code"] == "conflict"
    legal = Actor("dana", frozenset({"legal"}))
    status, approved = asked(kz_desk, "Approve", case_id, legal, digest=again.digest)
    assert (status, approved["case"]["state"], approved["approved_by"]) == (200, "decided", "dana")
    assert asked(kz_desk, "Acknowledge", case_id)[0] == 200


def test_a_case_is_given_back_and_its_content_looked_at(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    kz_notice().send()
    lease = asked(kz_desk, "claim")[1]["lease"]
    case_id, token = lease["case"]["case"], lease["token"]
    assert asked(kz_desk, "look", case_id, token=token)[1]["code"] == "config"
    kz_desk.on_resolve(lambda _reference: Resolved("p", "0" * 64, available=True, at=kz_desk.store.now()))
    (item,) = asked(kz_desk, "look", case_id, token=token)[1]["items"]
    assert (item["object_id"], item["digest"], item["available"]) == ("p", "0" * 64, True)
    assert asked(kz_desk, "Release", case_id, token=token)[1]["case"]["state"] == "queued"


def test_a_case_in_quarantine_is_shown_without_a_notice(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    kz_notice.broken("unknown_type").send()
    (row,) = asked(kz_desk, "cases", state="quarantined")[1]["cases"]
    status, shown = asked(kz_desk, "case", row["case"])
    assert (status, shown["notice"], shown["gaps"]) == (200, None, [])


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("claim", b"{", ""),
        ("claim", b'{"case": 7}', "case"),
        ("claim", b'{"casse": "secret"}', "casse"),
        ("Renew", b'{"token": true}', "token"),
        ("Renew", b"{}", "token"),
        ("look", b'{"token": "secret"}', "token"),
        ("Propose", b'{"token": 1, "proposal": {"items": "secret"}}', "proposal.items"),
        ("Hold", b'{"reasons": "x", "until": "secret"}', "until"),
    ],
)
def test_what_is_no_form_is_told_by_field_and_not_repeated(
    kz_desk: ComplianceDesk, name: str, body: bytes, field: str
) -> None:
    answer = answered(BY_NAME[name], kz_desk, LEAD, "", {}, JSON, body)
    told = json.loads(answer.body)
    assert (answer.status, told["status"], told.get("field") or "") == (422, 422, field)
    assert b"secret" not in answer.body


def test_a_filter_or_a_word_that_there_is_not_is_refused(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    kz_notice().send()
    assert asked(kz_desk, "cases", stat="queued")[1]["field"] == "stat"
    assert asked(kz_desk, "cases", stat="queued")[0] == 422
    assert asked(kz_desk, "cases", state="quued")[0] == 422
    assert asked(kz_desk, "evidence", kz_desk.cases().cases[0].id, lang="xx")[0] == 422


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


@pytest.mark.slow
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


def test_the_receiver_leaves_flask_what_is_not_below_its_public_address(kz_settings: Settings) -> None:
    app = Flask("photos")
    app.add_url_rule("/notices", "own", lambda: "of the platform")
    app.add_url_rule("/notices/health", "well", lambda: "well")
    at = {"public_url": "https://social.example/kz", "intake_path": "/notices"}
    with ComplianceDesk(kz_settings.model_copy(update=at)) as desk:
        KzCompliance(app, desk, actor=lambda: LEAD)
        client = app.test_client()
        assert [client.get(path).text for path in ("/notices", "/notices/health")] == ["of the platform", "well"]
        assert client.get("/kz/notices/health").get_json()["status"]
        assert client.post("/kz/notices", json={}).status_code == 401


def test_two_threads_that_ask_first_get_one_desk(kz_desk: ComplianceDesk) -> None:
    made, both, found = list[int](), Barrier(2), list[ComplianceDesk]()

    def make() -> ComplianceDesk:
        made.append(1)
        with suppress(BrokenBarrierError):
            both.wait(0.5)  # for the other one, who is not to come here
        return kz_desk

    asked = install(Celery("platform"), make)
    threads = [Thread(target=lambda: found.append(asked())) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (made, found) == ([1], [kz_desk, kz_desk])


@pytest.mark.parametrize(
    ("error", "again"),
    [(StoreFull("x."), True), (StoreUnusable("x."), False), (StoreDamaged("x."), False), (NotFound("x."), False)],
)
def test_only_what_may_pass_is_to_be_asked_for_again(error: ComplianceError, again: bool) -> None:
    assert ("retry-after" in dict(explained(error).headers)) == again


@pytest.mark.slow
def test_another_site_sends_nothing_in_a_persons_name(kz_desk: ComplianceDesk, kz_notice: NoticeFactory) -> None:
    """A form there can send the person's cookie with a text that is JSON, or without any."""
    kz_notice().send()
    case_id = kz_desk.cases().cases[0].id
    app = FastAPI()
    app.include_router(router(AsyncComplianceDesk(kz_desk.settings, store=kz_desk.store), lambda: LEAD))
    client, note, pack = TestClient(app), f"/cases/{case_id}/note", f"/cases/{case_id}/evidence"
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(note, content=b'{"text": "a=b"}', headers={"content-type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type")
    answer = client.post(pack, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert len(kz_desk.case_file(case_id).chain.events) == 1
    assert client.post(note, json={"text": "a=b"}).status_code == 200
    assert client.post(pack, headers={"sec-fetch-site": "same-origin"}).status_code == 200
