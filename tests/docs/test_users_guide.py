"""The guide for telling users: its messenger tells once, and its appeal brings the content back."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from kz_compliance_sdk import Actor, ComplianceDesk, Settings
from tests.docs.blocks import DOCS, write_files
from tests.docs.site import settings_file, signed_notice
from tests.docs.test_guides import MODERATOR, Platform, decision

LAWYER = Actor("daniyar", frozenset({"legal"}))


class Inbox:
    def __init__(self) -> None:
        self.is_down = True
        self.held: dict[str, str] = {}

    def put(self, _owner: object, key: str, text: str) -> None:
        self.held[key] = text


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    write_files(DOCS / "guides" / "users.md", tmp_path)
    yield tmp_path
    for name in ("messenger", "appealing"):
        sys.modules.pop(name, None)


def test_the_messenger_of_the_guide_tells_the_owner_once_and_an_appeal_restores(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, platform = Inbox(), Platform()
    mine = ModuleType("my_platform")
    vars(mine).update(inbox=inbox, owner_of=lambda _what: SimpleNamespace(language="kk"))
    monkeypatch.setitem(sys.modules, "my_platform", mine)
    messenger, appealing = importlib.import_module("messenger"), importlib.import_module("appealing")
    settings = Settings.load(settings_file(place), {}, store={"path": place / "cases.sqlite3"})
    with ComplianceDesk(settings, enforcer=platform, messenger=messenger.InboxMessenger()) as desk:
        headers, body = signed_notice()
        assert desk.receive("POST", "/kz/notices", list(headers.items()), body).status == 202
        lease = desk.claim(MODERATOR)
        assert lease is not None
        decided = desk.propose(MODERATOR, lease.case.id, lease.token, decision(desk, lease.case.id))
        if decided.decision.needs_approval:
            desk.approve(Actor("lead", frozenset({"lead"})), lease.case.id, decided.digest)
        _deliver(desk)
        assert inbox.held == {}
        inbox.is_down = False
        _until(desk, lambda: len(inbox.held) == len(desk.notice(lease.case.id).items))
        assert all("мемлекеттік орган" in text for text in inbox.held.values())

        item = desk.case(lease.case.id).items[0].item_id
        one = appealing.appeal(desk, lease.case.id, item, "TICKET-1", "Бұл сатира.")
        assert appealing.give_back(desk, LAWYER, one, "it is satire", "Это сатира.").state == "reversed"
        _until(desk, lambda: any(what == "restore" for what, _ in platform.done))


def _deliver(desk: ComplianceDesk) -> None:
    while desk.deliver().leased:
        pass


def _until(desk: ComplianceDesk, holds: object, within_s: float = 15) -> None:
    assert callable(holds)
    give_up = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up
        _deliver(desk)
        time.sleep(0.1)
