"""The office's two commands: a token, and the process that serves."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli_processes import process, stopped
from tests.cli_office import Office
from tests.waiting import PATIENCE_S


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)
    return Office(tmp_path, monkeypatch)


def ask(port: int, token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        connection.request(method, f"/api{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_token_is_shown_once(office: Office) -> None:
    made = office.document("api-token", "--actor", "aigerim", "--role", "moderator", "--role", "lead")
    assert (made["actor"], made["roles"]) == ("aigerim", ["lead", "moderator"])
    said = (office.folder / "tokens.toml").read_text(encoding="utf-8")
    assert made["token"] not in said
    assert made["expires_at"] in said
    second = office.document("api-token", "--actor", "daniyar", "--role", "legal", "--category", "fraud")
    assert second["token"] != made["token"]
    assert (office.folder / "tokens.toml").read_text(encoding="utf-8").startswith(said)


def test_what_is_wrong_with_a_token_is_named(office: Office) -> None:
    line = office.refused(7, "api-token", "--actor", "a", "--role", "boss")
    assert "--role" in line
    assert "moderator" in line
    (office.folder / "tokens.toml").write_text("[[tokens]]\nactor = 'a'\n", encoding="utf-8")
    assert "tokens.0.sha256" in office.refused(3, "api-token", "--actor", "a", "--role", "lead")
    missing = str(office.folder / "no" / "tokens.toml")
    assert "--tokens" in office.refused(3, "api-token", "--actor", "a", "--role", "lead", "--tokens", missing)


def test_without_a_file_of_tokens_nothing_is_served(office: Office) -> None:
    office.vouched()
    assert "api-token" in office.refused(3, "serve-office")


@pytest.mark.slow
def test_two_people_decide_over_http(office: Office) -> None:
    """A letter is claimed and decided by one, and the other sees it decided; the process ends when it is told to."""
    notice = office.vouched()
    tokens = [
        office.document("api-token", "--actor", actor, "--role", role)["token"]
        for actor, role in (("aigerim", "moderator"), ("daniyar", "legal"))
    ]
    with process(office, "serve-office", "--port", "0") as running:
        port = int(running.first_line.split("127.0.0.1:")[1].split(",")[0])
        status, taken = ask(port, tokens[0], "POST", "/claims", {})
        assert (status, taken["lease"]["case"]["notice_id"]) == (200, notice.notice_id)
        case = taken["lease"]["case"]["case"]
        proposal = json.loads(Path(office.proposal(notice.notice_id)).read_text(encoding="utf-8"))
        body = {"token": taken["lease"]["token"], "proposal": proposal}
        status, made = ask(port, tokens[0], "POST", f"/cases/{case}/decide", body)
        assert status == 200, made
        status, seen = ask(port, tokens[1], "GET", f"/cases/{case}")
        assert seen["decisions"][0]["proposed_by"] == "aigerim"
        assert ask(port, "", "GET", "/cases")[0] == 401
        code, told = stopped(running)
    assert (code, "Traceback" in told) == (0, False)
