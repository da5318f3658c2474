"""A platform's first integration, driven from outside: a mock regulator on a real socket, a signed push, and people."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kz_compliance_sdk.testing.frozen import SystemClock
from kz_compliance_sdk.testing.mock_regulator import InProcessSender, MockRegulator
from kz_compliance_sdk.testing.signed import NoticeFactory, SignedNotice
from kz_compliance_sdk.testing.wiring import mock_regulator
from tests.blank import put_blank
from tests.docs.blocks import blocks
from tests.docs.site import INTAKE_PATH, proposal

JSON = {"content-type": "application/json"}
Raw = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]
"""Asks an application: method, path, headers and body to status and body."""


def own_lines(page: Path) -> int:
    """How many lines of Python a guide has its reader write: all but the blank ones."""
    files = [block.text for block in blocks(page) if block.title.endswith(".py")]
    return sum(bool(line.strip()) for text in files for line in text.splitlines())


def own_settings(page: Path) -> int:
    """How many settings a guide has its reader make: each key of the file, and each of Django's own setting."""
    (text,) = (block.text for block in blocks(page) if block.title == "kz-compliance.toml")
    site = {"INSTALLED_APPS": list[str](), "KZ_COMPLIANCE": dict[str, Any]()}
    for block in blocks(page):
        if block.title == "site_settings.py":
            exec(block.text, site)  # noqa: S102  our own page
    return _leaves(tomllib.loads(text)) + len(site["KZ_COMPLIANCE"])


def _leaves(table: Any) -> int:
    if isinstance(table, dict):
        return sum(map(_leaves, table.values()))
    return sum(map(_leaves, table)) if isinstance(table, list) and table and isinstance(table[0], dict) else 1


@contextmanager
def a_regulator(place: Path, environ: MutableMapping[str, str]) -> Iterator[tuple[MockRegulator, SignedNotice]]:
    """The mock regulator on a port, a notice that it has issued, and what a guide's own settings find in `place`.
    The port, an undo window that no test waits for and a worker that looks often come from the environment."""
    pushes = InProcessSender()
    url = f"http://127.0.0.1:8000{INTAKE_PATH}"
    made = mock_regulator(SystemClock(), profile="rfc9421", seed=1, intake_url=url, sender=pushes, sleep=time.sleep)
    put_blank(place / "cases.sqlite3")
    with made.running():
        environ["KZ_COMPLIANCE_CONFIG"] = str(place / "kz-compliance.toml")
        environ["KZ_COMPLIANCE_REGULATOR__URL"] = made.url
        environ["KZ_COMPLIANCE_UNDO_WINDOW_S"] = "0"
        environ["KZ_COMPLIANCE_WORKER__IDLE_S"] = "0.05"
        yield made, NoticeFactory(made, pushes)()


class People:
    """Whoever asks an application over HTTP: the regulator, and moderators below a prefix."""

    def __init__(self, raw: Raw, prefix: str) -> None:
        self._raw, self._prefix = raw, prefix

    def push(self, notice: SignedNotice) -> str:
        """Push a notice, once unsigned, once signed, once more: refused, taken, known. Returns the case."""
        _, path, headers, body = notice.request
        assert self._raw("POST", path, JSON, body)[0] == 401
        status, answer = self._raw("POST", path, dict(headers), body)
        assert status == 202
        assert self._raw("POST", path, dict(headers), body) == (200, answer)
        found: str = json.loads(answer)["case_reference"]
        return found

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        status, answer = self._raw(method, f"{self._prefix}/{path}", JSON if body is not None else {}, sent)
        return status, json.loads(answer or b"{}")

    def decide(self, case_id: str) -> None:
        """Claim and decide, and meet each refusal on the way."""
        assert [row["case"] for row in self.ask("GET", "cases?state=queued")[1]["cases"]] == [case_id]
        lease = self.ask("POST", "claims", {})[1]["lease"]
        assert lease["case"]["case"] == case_id
        assert self.ask("POST", "claims", {})[0] == 204
        of, token = f"cases/{case_id}", lease["token"]
        decided = {"token": token, "proposal": proposal(self.ask("GET", of)[1]["notice"])}
        assert self.ask("POST", f"{of}/renew", {"token": token})[1]["lease"]["token"] == token
        for wrong in (b"no JSON", b"[]", {"token": token}, {**decided, "proposal": {"items": 7}}, {**decided, "to": 1}):
            status, told = self.ask("POST", f"{of}/decide", wrong)
            assert (status, told["code"]) == (422, "invalid_input"), wrong
        lost = self.ask("POST", f"{of}/decide", {**decided, "token": token + 1})
        assert (lost[0], lost[1]["code"]) == (409, "lease_lost")
        unread = {**decided["proposal"], "text_checked": False}
        status, told = self.ask("POST", f"{of}/decide", {**decided, "proposal": unread})
        assert (status, told["code"], told["field"]) == (422, "invalid_input", "text_checked")
        status, answer = self.ask("POST", f"{of}/decide", decided)
        assert (status, answer["case"]["state"]) == (200, "decided")
        assert self.ask("GET", f"cases/{uuid4()}")[0] == 404
        assert self.ask("POST", f"{of}/approve", {"digest": answer["digest"]})[0] == 403

    def pack(self, case_id: str) -> bytes:
        """The evidence, by one click."""
        path = f"{self._prefix}/cases/{case_id}/evidence?lang=kk"
        assert self._raw("GET", path, {}, b"")[0] == 405
        status, body = self._raw("POST", path, {}, b"")
        assert status == 200
        return body

    def state(self, case_id: str) -> str:
        found: str = self.ask("GET", f"cases/{case_id}")[1]["state"]
        return found
