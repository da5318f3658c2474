"""One notice from socket to receipt, and nothing else: what it opens of the package is what a reader has to follow.

The platform is this process, with its ASGI app on a loopback port; the regulator is a process of its own. What is
prepared before the notice arrives is prepared by names that the package exports.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from kz_compliance_sdk import (
    Actor,
    ComplianceDesk,
    Effect,
    InForce,
    ItemDecision,
    LegalCheck,
    Proposal,
    Settings,
    Statement,
    Wording,
    asgi_app,
)
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.testing import builders, keys
from tests.waiting import PATIENCE_S, comes

pytestmark = pytest.mark.slow
MODERATOR = Actor("m1", frozenset({"moderator"}))


def settings(store: dict[str, Any], port: int, regulator: str) -> Settings:
    theirs, ours = keys.regulator_key("standard-webhooks"), keys.platform_signing_key("standard-webhooks")
    given: dict[str, Any] = {
        "platform_id": builders.PLATFORM_ID,
        "public_url": f"http://127.0.0.1:{port}",
        "hosts": ["social.example"],
        "allow_test_keys": True,
        "undo_window_s": 0,
        "profile": "standard-webhooks",
        "store": store,
        "regulator": {"url": regulator},
        "respondent": {"role": "head_of_office", "name": "Үлгі Б. С."},
        "signing_key": {
            "key_id": ours.key_id,
            "algorithm": ours.algorithm,
            "secret": base64.b64encode(ours.material).decode(),
        },
        "keys": [
            {
                "key_id": theirs.key_id,
                "algorithm": theirs.algorithm,
                "secret": base64.b64encode(theirs.material).decode(),
                "sender": theirs.sender,
                "authorities": sorted(theirs.authorities),
                "not_before": theirs.not_before,
                "not_after": theirs.not_after,
            }
        ],
    }
    return Settings.model_validate(given)


class Platform:
    """Carries out whatever it is asked to."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def enforce(self, effect: Effect) -> InForce:
        self.done.append(effect.action)
        return InForce(int(time.time()))

    def restore(self, effect: Effect) -> InForce:
        return InForce(int(time.time()))


@pytest.fixture
def regulator(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start the regulator once it is known where it pushes; returns its address."""
    processes: list[subprocess.Popen[str]] = []

    def start(intake: str) -> str:
        config = tmp_path / "regulator.toml"
        config.write_text(_toml(tmp_path))
        command = [sys.executable, "-m", "kz_compliance_sdk", "-c", str(config)]
        command += ["mock-regulator", "--port", "0", "--intake-url", intake]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes.append(process)
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"is at (http://\S+)", said)
        assert found is not None, said
        return found[1]

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _toml(folder: Path) -> str:
    theirs, ours = keys.regulator_key("standard-webhooks"), keys.platform_signing_key("standard-webhooks")
    return f"""
platform_id = "{builders.PLATFORM_ID}"
public_url = "http://127.0.0.1:1"
allow_test_keys = true
profile = "standard-webhooks"
[store]
path = "{folder / "unused.sqlite3"}"
[signing_key]
key_id = "{ours.key_id}"
algorithm = "{ours.algorithm}"
secret = "{base64.b64encode(ours.material).decode()}"
[[keys]]
key_id = "{theirs.key_id}"
algorithm = "{theirs.algorithm}"
secret = "{base64.b64encode(theirs.material).decode()}"
sender = "{theirs.sender}"
authorities = {json.dumps(sorted(theirs.authorities))}
not_before = 2026-01-01T00:00:00Z
not_after = 2099-12-31T00:00:00Z
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The settings of the store: all that is another where many hosts share one."""
    if request.param == "sqlite":
        yield {"path": tmp_path / "cases.sqlite3"}
        return
    from tests.postgres import database

    with database(empty=True) as url:
        yield {"url": url}


def test_one_notice(store: dict[str, Any], regulator: Callable[[str], str]) -> None:
    """Pushed, claimed, proposed, acknowledged, enforced, reported, and the receipt in hand."""
    config = uvicorn.Config("unset:app", port=0, lifespan="off", log_level="error")
    socket = config.bind_socket()
    port = socket.getsockname()[1]
    address = regulator(f"http://127.0.0.1:{port}/notices")
    platform = Platform()
    desk = AsyncComplianceDesk(settings(store, port, address), enforcer=platform, create=True)
    config.app = asgi_app(desk)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        _one_notice(desk.blocking, address)
    finally:
        server.should_exit = True
        thread.join(20)
        socket.close()
        desk.blocking.close()
    assert platform.done == ["remove"]


def _one_notice(desk: ComplianceDesk, address: str) -> None:
    notice = builders.notice(1, items=1, languages=("kk", "ru"), issued_at=int(time.time())).model_dump(
        mode="json", exclude_none=True
    )
    issued = {"type": "notice.issued", "data": notice, "push": True}
    pushed = httpx.post(f"{address}/control/issue", json=issued, timeout=20)
    assert pushed.status_code < 300, pushed.text
    lease = comes(lambda: desk.claim(MODERATOR))
    assert lease is not None
    desk.propose(MODERATOR, lease.case.id, lease.token, _proposal())
    comes(lambda: desk.deliver().leased == 0 and desk.case(lease.case.id).state == "closed")
    books = httpx.get(f"{address}/control/books", timeout=20).text
    assert books.count('"outcome": "removed"') == 1, books


def _proposal() -> Proposal:
    yes = dict.fromkeys(("authority", "legal_basis", "clarity", "content_matches", "proportionate", "narrowest"), "yes")
    said = (Statement(lang="ru", text="Рассмотрено."),)
    item = ItemDecision(
        item_id="1",
        finding="illegal",
        reasons="as the notice says",
        action="remove",
        ground="local_law",
        wording=Wording(outcome="removed", statement_of_reasons=said),
    )
    check = LegalCheck.model_validate({**yes, "protected_speech": "no"})
    return Proposal(items=(item,), legal_check=check, text_checked=True)
