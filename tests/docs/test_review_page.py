"""What the pages about review and measures say is true of the code, and their examples run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from kz_compliance_sdk import ComplianceDesk, Effect, Failed, Settings
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, QUESTIONS
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.office import Office
from tests.docs.blocks import DOCS, ROOT, write_files
from tests.docs.site import INTAKE_PATH, settings_file, signed_notice
from tests.waiting import PATIENCE_S


def test_the_questions_of_the_legal_check_are_those_of_the_code() -> None:
    page = (DOCS / "concepts" / "review.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (yes|no) \|$", page, re.MULTILINE)
    assert rows == [(question.name, question.text["en"], question.bars) for question in QUESTIONS]


# ------------------------------------------------------------------------------------------- the guide to measures


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    write_files(DOCS / "guides" / "measures.md", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("blocked", "posts", "view_starlette", "view_django")
    for name in names:
        sys.modules.pop(name, None)
    yield tmp_path
    for name in names:
        sys.modules.pop(name, None)


def _a_post() -> Any:
    blocked = import_module("blocked").blocked(builders.notice(1), ("KZ",))
    return import_module("posts").Post("a post", block=blocked)


def _check_451(status: int, headers: Any, body: str) -> None:
    notice = builders.notice(1)
    assert status == 451
    assert headers["Link"] == '<https://social.example/about/blocking>; rel="blocked-by"'
    assert headers["Cache-Control"] == "no-store"
    assert notice.reference_number in body
    assert notice.issuing_authority.name.ru is not None
    assert notice.issuing_authority.name.ru in body
    assert "18-VIII 9" in body
    assert "a post" not in body


@pytest.mark.usefixtures("guide")
def test_a_restricted_post_is_451_in_its_country_and_there_alone() -> None:
    app = Starlette(routes=[Route("/p/{name}", import_module("view_starlette").post_view)])
    app.state.posts = {"1": _a_post()}
    client = TestClient(app)
    there = client.get("/p/1", headers={"x-country": "KZ"})
    _check_451(there.status_code, there.headers, there.text)
    assert [client.get("/p/1", headers=h).status_code for h in ({"x-country": "KG"}, {})] == [200, 200]


@pytest.mark.slow
def test_the_same_in_django(guide: Path) -> None:
    script = """
import json, sys
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"])
import django; django.setup()
from django.test import RequestFactory
import blocked, posts, view_django
from kz_compliance_sdk.testing import builders
view_django.POSTS["1"] = posts.Post("a post", block=blocked.blocked(builders.notice(1), ("KZ",)))
there = view_django.post_view(RequestFactory().get("/p/1", headers={"x-country": "KZ"}), "1")
elsewhere = view_django.post_view(RequestFactory().get("/p/1"), "1")
print(json.dumps([there.status_code, dict(there.headers), there.content.decode(), elsewhere.status_code]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(guide)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    status, headers, body, elsewhere = json.loads(run.stdout)
    _check_451(status, headers, body)
    assert elsewhere == 200


def test_the_platform_of_the_guide_removes_what_was_seen_and_brings_it_back(guide: Path, tmp_path: Path) -> None:
    posts = import_module("posts").Posts()
    name = str(builders.notice(1).items[0].object_id)
    posts.posts[name] = import_module("posts").Post("an advertisement")
    clock = FrozenClock(int(time.time()))
    env = frozen_env(clock, 1)
    settings = Settings.load(settings_file(tmp_path))
    with ComplianceDesk(settings, content=posts, enforcer=posts, env=env, create=True) as desk:
        headers, body = signed_notice(1)
        assert desk.receive("POST", INTAKE_PATH, list(headers.items()), body).status == 202
        office = Office(desk)
        decided = office.decide()
        posts.posts[name].likes += 100
        clock.advance(61)
        desk.deliver()
        assert (posts.posts[name].text, posts.posts[name].sealed) == ("", "an advertisement")
        (item,) = desk.case(decided.case.id).items
        at = decided.decision.proposed_at + desk.policy.undo_window_s + desk.policy.preservation_s
        assert posts.posts[name].sealed_until == item.preserve_until == at
        assert item.status == "in_force"
        effect = Effect(item.object_key, 9, "remove", ("KZ",), "", "1", "", name, "")
        posts.restore(effect)
        assert (posts.posts[name].text, posts.posts[name].sealed) == ("an advertisement", None)
        edited = Effect(item.object_key, 10, "remove", ("KZ",), "", "1", "", name, "", content_sha256="0" * 64)
        assert posts.enforce(edited) == Failed("the post was edited", permanent=True)


def test_the_guide_tells_every_measure_with_its_outcome() -> None:
    page = (DOCS / "guides" / "measures.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page, re.MULTILINE)
    assert {action: outcome for outcome, action in rows} == dict(OUTCOME_OF_ACTION)
