# ruff: noqa: S608  every statement is made of names in this file
"""What the verification says of streams, parts and rows that belong to no case."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.notice import Sanction
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.services.loading import sanctions_of
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice
from tests.scene import PLATFORM, Host, World
from tests.store.conftest import tamper
from tests.variants import variants


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A case, a sanction, and another that was announced twice, with other terms."""
    host = Host(World(tmp_path / "desk.sqlite3"))
    host.push(a_notice(seed=1), "msg-1")
    first = builders.sanction(1)
    for sanction, name in ((first, "msg-2"), (builders.sanction(2), "msg-3"), (_harder(first), "msg-4")):
        assert host.push(sanction, name).status == 202
        host.world.clock.advance(60)
    return host


def _harder(sanction: Sanction) -> Sanction:
    return sanction.model_copy(update={"level": "fine", "reference_number": "another"})


def _named(host: Host, *statements: str) -> list[str]:
    assert isinstance(host.store, SqliteStore)
    for statement in statements:
        tamper(host.store, statement)
    return [fault.what for fault in verify(host.store.queries(PLATFORM), PLATFORM).faults]


def test_a_sanction_is_what_its_stream_tells(host: Host) -> None:
    assert _named(host) == []
    noted = {one.sanction_id: one for one in sanctions_of(host.store.queries(PLATFORM))[0]}
    first = builders.sanction(1)
    told = noted[first.sanction_id]
    assert len(noted) == 2
    assert (told.level, told.reference_number) == ("fine", first.reference_number), "its terms change, its number stays"


STRAYS = {
    "an event of no stream": (
        "INSERT INTO events SELECT 99, seq, at, kind, content, people, hash, mac, key_id FROM events WHERE stream = 1",
        "something is in events of the stream 99, which is not there",
    ),
    "a part of no stream": (
        "INSERT INTO parts SELECT 99, seq, name, class, bytes FROM parts WHERE stream = 1",
        "something is in parts of the stream 99, which is not there",
    ),
    "a key of no stream": (
        "INSERT INTO keys SELECT 99, class, wrapped, master_key_id FROM keys WHERE stream = 1",
        "something is in keys of the stream 99, which is not there",
    ),
    "a part of which no event speaks": (
        "INSERT INTO parts SELECT stream, seq, 'more', class, bytes FROM parts WHERE stream = 1 LIMIT 1",
        "it does not speak of its part more",
    ),
    "a part of an event that is not there": (
        "INSERT INTO parts SELECT stream, 99, name, class, bytes FROM parts WHERE stream = 1 LIMIT 1",
        "event 99 of the stream is damaged: it does not speak of its part",
    ),
    "a stream in which nothing happened": (
        f"INSERT INTO streams VALUES (99, '{PLATFORM}', 'message/1')",
        "its row is missing, or holds what was never written [message/1]",
    ),
    "a stream of no name": (
        f"INSERT INTO streams VALUES (99, '{PLATFORM}', x'00ff')",
        "is there, and nothing ever happened in it",
    ),
    "a checkpoint that nobody made": (
        f"INSERT INTO streams VALUES (99, '{PLATFORM}', 'checkpoint/9999999999')",
        "its row is missing, or holds what was never written [checkpoint/9999999999]",
    ),
}


@pytest.mark.parametrize(
    "name", variants({name: name for name in STRAYS}, "an event of no stream", "a part of which no event speaks")
)
def test_what_lies_beside_every_stream_is_named(name: str, host: Host) -> None:
    statement, said = STRAYS[name]
    assert [what for what in _named(host, statement) if said in what]
