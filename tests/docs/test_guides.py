"""The guides' code runs as it stands on the page: a signed notice comes in through the framework and becomes a case."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from fastapi.testclient import TestClient

from kz_compliance_sdk import (
    Actor,
    CaseState,
    ComplianceDesk,
    Effect,
    InForce,
    ItemDecision,
    LegalCheck,
    Proposal,
    Statement,
    Wording,
)
from tests.docs.blocks import DOCS, ROOT, write_files
from tests.docs.site import INTAKE_PATH, proposal, settings_file, signed_notice
from tests.waiting import PATIENCE_S, comes

GUIDES = DOCS / "guides"
MODERATOR = Actor("aigerim", frozenset({"moderator"}))


class Platform:
    """The platform's own calls, as a guide imports them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def enforce(self, effect: Effect) -> InForce:
        self.done.append(("enforce", effect.object_key))
        return InForce(int(time.time()))

    def restore(self, effect: Effect) -> InForce:
        self.done.append(("restore", effect.object_key))
        return InForce(int(time.time()))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which modules can be imported, and whose settings are in force; its modules are forgotten after."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KZ_COMPLIANCE_CONFIG", str(settings_file(tmp_path)))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
    """Put a module in place of one that is the reader's own, or is not installed here."""
    module = ModuleType(name)
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, name, module)


def loaded(guide: str, place: Path, module: str) -> ModuleType:
    """The module that a guide's blocks make."""
    write_files(GUIDES / f"{guide}.md", place)
    return importlib.import_module(module)


def decision(desk: ComplianceDesk, case_id: str) -> Proposal:
    """A removal of every item of a case."""
    notice = desk.notice(case_id)
    wording = Wording(outcome="removed", statement_of_reasons=(Statement(lang=notice.languages[0], text="Қаралды."),))
    return Proposal(
        items=tuple(
            ItemDecision(
                item_id=item.item_id,
                finding="illegal",
                reasons="It is an advertisement for a casino without a licence.",
                action="remove",
                ground="local_law",
                wording=wording,
            )
            for item in notice.items
        ),
        legal_check=LegalCheck(
            authority="yes",
            legal_basis="yes",
            clarity="yes",
            content_matches="yes",
            protected_speech="no",
            proportionate="yes",
            narrowest="yes",
        ),
        text_checked=True,
    )


def test_fastapi_receives_decides_and_carries_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushed, claimed, decided and carried out by the worker in the lifespan, over nothing but HTTP."""
    who = SimpleNamespace(name="aigerim", roles=["moderator"])
    stand_in(monkeypatch, "my_auth", User=SimpleNamespace, signed_in=lambda: who)
    app = loaded("fastapi", place, "compliance").create_app()
    headers, body = signed_notice()
    with TestClient(app, base_url="https://elsewhere.example") as client:
        unsigned = {"content-type": "application/json"}
        assert client.post(INTAKE_PATH, content=body, headers=unsigned).status_code == 401
        first = client.post(INTAKE_PATH, content=body, headers=headers)
        assert first.status_code == 202
        case_id = first.json()["case_reference"]
        assert client.post(INTAKE_PATH, content=body, headers=headers).status_code == 200

        assert [row["case"] for row in client.get("/moderation/cases").json()["cases"]] == [case_id]
        lease = client.post("/moderation/claim").json()
        assert lease["case"] == case_id
        assert client.post("/moderation/claim").json() is None

        path, decided = f"/moderation/cases/{case_id}/proposal", proposal(lease["notice"])
        lost = client.post(path, params={"token": lease["token"] + 1}, json=decided)
        assert (lost.status_code, lost.json()["code"]) == (409, "lease_lost")
        unread = client.post(path, params={"token": lease["token"]}, json={**decided, "text_checked": False})
        assert (unread.status_code, unread.json()["code"]) == (422, "invalid_input")
        answer = client.post(path, params={"token": lease["token"]}, json=decided)
        assert (answer.status_code, answer.json()["state"]) == (200, "decided")
        clicked = client.post(f"/moderation/cases/{case_id}/evidence", params={"lang": "kk"})
        assert (clicked.status_code, clicked.headers["content-type"]) == (200, "application/zip")
        assert clicked.headers["content-disposition"] == f'attachment; filename="{case_id}.zip"'
        assert {"report.html", "manifest.json"} <= set(ZipFile(BytesIO(clicked.content)).namelist())
        assert client.get(f"/moderation/cases/{case_id}/evidence").status_code == 405
        assert client.post(f"/moderation/cases/{uuid4()}/evidence").status_code == 404
        who.roles = []
        assert client.post("/moderation/claim").status_code == 403
        assert client.post(f"/moderation/cases/{case_id}/evidence").status_code == 403

        comes(lambda: app.state.enforcer.hidden)
        assert len(app.state.enforcer.hidden) == 1
        health = client.get(f"{INTAKE_PATH}/health").json()
        assert health["watcher_last_ran"] is not None


@pytest.mark.slow
def test_django_receives_decides_and_carries_out(place: Path) -> None:
    """The same through Django's test client, its users and groups, and the management command, in a fresh process."""
    write_files(GUIDES / "django.md", place)
    for package in ("moderation", "moderation/management", "moderation/management/commands"):
        (place / package / "__init__.py").touch()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.drive_django", str(place)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "refused": 401,
        "pushed": 202,
        "again": 200,
        "claimed": True,
        "no_group": "not_allowed",
        "state": "decided",
        "evidence": ["application/zip", "PK"],
        "hidden": 1,
        "health": "ok",
        "asgi": [200, 404],
    }


class FakeFlask:
    """As much of Flask as the guide uses."""

    def __init__(self, name: str) -> None:
        self.name, self.extensions = name, dict[str, Any]()

    def wsgi_app(self, _environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"the application itself"]


def test_flask_puts_the_receiver_before_the_application(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice goes to the receiver and becomes a case; every other request goes to the application."""
    stand_in(monkeypatch, "flask", Flask=FakeFlask)
    stand_in(monkeypatch, "my_platform", enforcer=Platform())
    app = loaded("flask", place, "site_wsgi").create_app()
    headers, body = signed_notice()

    def call(method: str, path: str, body: bytes = b"") -> tuple[str, bytes]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        status: list[str] = []
        answer = b"".join(app.wsgi_app(environ, lambda line, _headers: status.append(line)))
        return status[0], answer

    with app.extensions["kz_compliance"] as desk:
        status, answer = call("POST", INTAKE_PATH, body)
        assert status == "202 Accepted"
        assert desk.case(json.loads(answer)["case_reference"]).state is CaseState.QUEUED
        assert call("GET", "/") == ("200 OK", b"the application itself")


class FakeCelery:
    """As much of Celery as the guide uses: tasks are called as the functions that they are."""

    def __init__(self, name: str) -> None:
        self.name, self.conf, self.tasks = name, SimpleNamespace(), dict[str, Any]()

    def task(self, name: str) -> Any:
        return lambda call: self.tasks.setdefault(name, call)


def test_celery_tasks_do_what_the_worker_does(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task of the schedule exists; together they watch, and carry a decision out."""
    platform = Platform()
    stand_in(monkeypatch, "celery", Celery=FakeCelery)
    stand_in(monkeypatch, "my_platform", enforcer=platform)
    tasks = loaded("celery", place, "compliance_tasks")
    assert {entry["task"] for entry in tasks.app.conf.beat_schedule.values()} == set(tasks.app.tasks)
    headers, body = signed_notice()
    with tasks.desk() as desk:
        assert desk.receive("POST", INTAKE_PATH, list(headers.items()), body).status == 202
        lease = desk.claim(MODERATOR)
        assert lease is not None
        desk.propose(MODERATOR, lease.case.id, lease.token, decision(desk, lease.case.id))
        assert tasks.watch() == 0
        # The measure is carried out; acknowledgement and report wait for a person, as there is no regulator.
        assert tasks.deliver() == 3
        assert tasks.poll() == 0
        assert [verb for verb, _ in platform.done] == ["enforce"]
        assert desk.health_document()["watcher_last_ran"] is not None


class Portal:
    """An authority's portal: it records, and can drop its answer or be down."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.posts: list[str] = []
        self.drop_next = False

    def __call__(self, method: str, path: str, document: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            found = self.held.get(path.rpartition("/")[2])
            return (404, {}) if found is None else (200, found)
        assert document is not None
        self.posts.append(document["kind"])
        receipt = {"key": document["key"], "number": f"P-{len(self.held) + 1}", "recorded_at": int(time.time())}
        self.held.setdefault(document["key"], receipt)
        if self.drop_next:
            self.drop_next = False
            raise TimeoutError
        return 201, self.held[document["key"]]


@pytest.mark.slow
def test_a_regulator_of_ones_own_closes_a_case_and_is_asked_before_a_second_send(place: Path) -> None:
    """Acknowledgement and report go through it; the one whose answer was lost is looked up and not sent again."""
    portal, platform = Portal(), Platform()
    headers, body = signed_notice()
    with loaded("custom-regulator", place, "portal").open_desk(portal, platform) as desk:
        portal.drop_next = True
        assert desk.receive("POST", INTAKE_PATH, list(headers.items()), body).status == 202
        assert desk.deliver().retried == 1
        lease = desk.claim(MODERATOR)
        assert lease is not None
        desk.propose(MODERATOR, lease.case.id, lease.token, decision(desk, lease.case.id))
        give_up = time.monotonic() + PATIENCE_S
        while desk.case(lease.case.id).state is not CaseState.CLOSED and time.monotonic() < give_up:
            if not desk.deliver().leased:
                time.sleep(0.1)
        give_up = time.monotonic() + PATIENCE_S
        while desk.health().undelivered and time.monotonic() < give_up:
            desk.deliver()
            time.sleep(0.1)
        file = desk.case_file(lease.case.id)
    assert file.case.state is CaseState.CLOSED
    assert portal.posts == ["acknowledgement", "report"]
    assert {message.kind for message in file.messages if message.state == "done"} >= {"acknowledgement", "report"}
