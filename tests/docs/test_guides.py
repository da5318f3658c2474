"""The guides' code runs as it stands on the page: a signed notice comes in through the framework and becomes a case."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any
from zipfile import ZipFile

import pytest
from celery.signals import worker_process_shutdown
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from kz_compliance_sdk import (
    Actor,
    AsyncComplianceDesk,
    CaseState,
    ComplianceDesk,
    ComplianceError,
    Effect,
    InForce,
    ItemDecision,
    LegalCheck,
    Proposal,
    Settings,
    Statement,
    Wording,
)
from kz_compliance_sdk.contrib.celery import poll, reconcile
from kz_compliance_sdk.contrib.fastapi import desk_of, lifespan, on_error
from kz_compliance_sdk.contrib.flask import desk_of as flask_desk
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.testing.mock_regulator import MockRegulator
from kz_compliance_sdk.testing.signed import SignedNotice
from tests.docs.blocks import DOCS, ROOT, write_files
from tests.docs.first_integration import People, a_regulator, own_lines, own_settings
from tests.docs.site import INTAKE_PATH, settings_file, signed_notice
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


FRAMEWORKS = ("django", "fastapi", "flask", "celery")


@pytest.mark.parametrize("guide", FRAMEWORKS)
def test_a_first_integration_is_forty_lines_and_ten_settings(guide: str) -> None:
    """Every line of Python that the guide has its reader write, and every setting; the tests below run them to the end
    of a case."""
    page = GUIDES / f"{guide}.md"
    assert 10 < own_lines(page) <= 40
    assert 0 < own_settings(page) <= 10


def test_lines_and_settings_of_a_guide_are_counted(tmp_path: Path) -> None:
    """The control: blank lines and other files are left out, tables and lists of tables are looked into."""
    page = tmp_path / "page.md"
    toml = "a = 1\nb.c = [1, 2]\n[[keys]]\nx = 1\ny = 2\n[[keys]]\nx = 1\n"
    site = 'INSTALLED_APPS += ["x"]\n\nKZ_COMPLIANCE = {"enforcer": "x", "actor": "y"}\n'
    head = '```toml title="kz-compliance.toml"', '```python title="site_settings.py"', "```python"
    page.write_text("\n".join(f"{kind}\n{text}```\n" for kind, text in zip(head, (toml, site, "x = 1\n"), strict=True)))
    assert own_lines(page) == 2
    assert own_settings(page) == 5 + 2


@pytest.fixture
def first(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MockRegulator, SignedNotice]]:
    environ: dict[str, str] = {}
    with a_regulator(place, environ) as made:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield made


def reported(regulator: MockRegulator, notice: SignedNotice) -> dict[str, str]:
    """What the regulator's own books say of each item."""
    return regulator.books.notices[notice.notice.notice_id].outcomes()


@pytest.mark.slow
def test_fastapi_from_the_notice_to_the_receipt(
    first: tuple[MockRegulator, SignedNotice], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushed, claimed, decided over nothing but HTTP; carried out and reported by the worker in the lifespan."""
    regulator, notice = first
    who = SimpleNamespace(name="aigerim", roles=["moderator"])
    stand_in(monkeypatch, "my_auth", User=SimpleNamespace, signed_in=lambda: who)
    app = loaded("fastapi", place, "compliance").create_app()
    with TestClient(app, base_url="https://elsewhere.example") as client:

        def raw(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
            answer = client.request(method, path, headers=headers, content=body)
            return answer.status_code, answer.content

        people = People(raw, "/moderation")
        case_id = people.push(notice)
        people.decide(case_id)
        comes(lambda: people.state(case_id) == "closed")
        assert reported(regulator, notice) == {"1": "removed"}
        assert {"report.html", "manifest.json"} <= set(ZipFile(BytesIO(people.pack(case_id))).namelist())
        assert client.get(f"{INTAKE_PATH}/health").json()["watcher_last_ran"] is not None
        described = client.get("/openapi.json").json()
        decide = described["paths"]["/moderation/cases/{case_id}/decide"]["post"]
        form = decide["requestBody"]["content"]["application/json"]["schema"]
        assert form["properties"]["proposal"]["properties"]["items"]["items"]["properties"]["action"]
        assert "$ref" not in json.dumps(form)
        who.roles = ["editor"]
        assert people.ask("GET", "cases")[0] == 403


def test_fastapi_gives_the_desk_to_endpoints_of_ones_own(place: Path, kz_settings: Settings) -> None:
    """By the dependency, under the lifespan; what they raise explains itself."""
    desk = AsyncComplianceDesk(kz_settings)
    app = FastAPI(lifespan=lifespan(desk, worker=False))
    app.add_exception_handler(ComplianceError, on_error)

    @app.get("/state/{case_id}")
    async def state(own: Annotated[AsyncComplianceDesk, Depends(desk_of)], case_id: str) -> str:
        return (await own.case(case_id)).state

    with TestClient(app) as client:
        answer = client.get("/state/none")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert not [thread for thread in threading.enumerate() if thread.name == "kz-compliance-worker"]
    without = FastAPI()
    without.add_exception_handler(ComplianceError, on_error)
    without.add_api_route("/desk", lambda own: None, dependencies=[Depends(desk_of)])
    assert TestClient(without).get("/desk?own=1").json()["field"] == "lifespan"


@pytest.mark.slow
def test_django_from_the_notice_to_the_receipt(place: Path) -> None:
    """The same through Django's test client: users and groups, commands, checks and admin, in a fresh process."""
    write_files(GUIDES / "django.md", place)
    (place / "moderation" / "__init__.py").touch()
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
        "checks": {
            "as the guide has it": [],
            "no settings": ["kz_compliance.E001"],
            "a key that there is not": ["kz_compliance.E001"],
            "no such enforcer": ["kz_compliance.E001"],
            "an enforcer without methods": ["kz_compliance.E002"],
            "another address": ["kz_compliance.E003"],
            "too small": ["kz_compliance.E004"],
            "no enforcer": ["kz_compliance.W001"],
        },
        "migrations": "No changes detected",
        "anonymous": 302,
        "no group": [403, "not_allowed"],
        "closed": {"1": "removed"},
        "hidden": 1,
        "csrf": [403, 403, 401],
        "evidence": "PK",
        "health": "ok",
        "admin": {"list": [False, True], "case": True, "add": 403, "nobody": 404, "none": 404, "wrong cursor": 404},
        "viewed": True,
        "dumped": 2,
        "asgi": [200, 404],
    }


@pytest.mark.slow
def test_flask_from_the_notice_to_the_receipt(
    first: tuple[MockRegulator, SignedNotice], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over Flask's own client; the worker is its command, told to end by a signal."""
    regulator, notice = first
    who = SimpleNamespace(name="aigerim", roles=["moderator"])
    stand_in(monkeypatch, "my_auth", signed_in=lambda: who)
    app = loaded("flask", place, "site_wsgi").create_app()
    app.add_url_rule("/", "own", lambda: f"of {flask_desk().platform_id}")
    app.add_url_rule("/lost", "lost", lambda: flask_desk().case("none").id)
    client = app.test_client()

    def raw(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        answer = client.open(path, method=method, headers=dict(headers), data=body)
        return answer.status_code, answer.data

    people = People(raw, "/moderation")
    case_id = people.push(notice)
    people.decide(case_id)
    assert people.pack(case_id)[:2] == b"PK"
    assert raw("POST", f"/moderation/cases/{case_id}/undo", {"content-type": "text/plain"}, b"{}")[0] == 415
    assert raw("GET", "/", {}, b"") == (200, b"of social")
    assert json.loads(raw("GET", "/lost", {}, b"")[1])["code"] == "not_found"
    who.roles = []
    assert people.ask("GET", "cases")[0] == 403
    who.roles = ["head"]

    def stop_when_closed() -> None:
        comes(lambda: people.state(case_id) == "closed")
        signal.raise_signal(signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    watching = threading.Thread(target=stop_when_closed)
    watching.start()
    ended = app.test_cli_runner().invoke(args=["kz-worker"])
    for number, handler in before.items():
        signal.signal(number, handler)
    watching.join()
    assert ended.exit_code == 0, ended.output
    assert reported(regulator, notice) == {"1": "removed"}


@pytest.mark.slow
def test_celery_from_the_notice_to_the_receipt(first: tuple[MockRegulator, SignedNotice], place: Path) -> None:
    """The tasks of the schedule, run as Celery runs them, carry a decision out until its receipt is in hand."""
    regulator, notice = first
    tasks = loaded("celery", place, "compliance_tasks")
    app, schedule = tasks.app, tasks.app.conf.beat_schedule
    assert {entry["task"] for entry in schedule.values()} == {name for name in app.tasks if name.startswith("kz_")}
    assert all(entry["options"]["expires"] == entry["schedule"] for entry in schedule.values())

    def ran(name: str) -> Any:
        return app.tasks[f"kz_compliance.{name}"].apply(throw=True).get()

    assert ran("poll") == 1  # the regulator's feed has it as well
    desk = tasks.desk()
    assert desk is tasks.desk()
    assert desk.receive(*notice.request).status == 200
    (case,) = desk.cases().cases
    lease = desk.claim(MODERATOR)
    desk.propose(MODERATOR, case.id, lease.token, decision(desk, case.id))
    assert ran("watch") == 0

    def closed() -> bool:
        ran("deliver")
        return bool(desk.case(case.id).state == "closed")

    comes(closed)
    assert reported(regulator, notice) == {"1": "removed"}
    assert (ran("sweep"), ran("reconcile"), ran("checkpoint")) == (1, 0, None)
    assert desk.health_document()["watcher_last_ran"] is not None
    worker_process_shutdown.send(None)
    with pytest.raises(StoreError):
        desk.claim(MODERATOR)


def test_celery_polls_nothing_where_there_is_no_feed(kz_settings: Settings) -> None:
    """Nor are there books to compare: answers leave by hand."""
    by_hand = kz_settings.model_copy(update={"regulator": type(kz_settings.regulator)()})
    with ComplianceDesk(by_hand) as desk:
        assert (poll(desk), reconcile(desk)) == (0, 0)


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
