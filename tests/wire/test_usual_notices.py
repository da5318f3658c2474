"""A notice is read in one of two ways, and both say the same: of what they take, and of what is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire import v1
from tests.chance import examples
from tests.wire.golden import make

_LONG = "https://social.example/" + "a" * 2_040
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 2**40, 10**30, "", " ", "#", "a", "kk", "KZ", "*", "kk\n", "KZ\n#", "a\nb",
    "a\n#\nkk", "a\tb", "a\rb", "a\r\nb", "a\x0bb", "a\x00b", "a\x7fb", "a\x85b", "a\xa0b", "a\u2028b", "a\u202eb",
    "a\u2066b", "a\u200bb", "ё" * 40, "a" * 36, "a" * 64, "a" * 65, "a" * 128, "a" * 129, "a" * 1_000, "a" * 1_001,
    "a" * 100_001, "1" * 12, "0" * 64, "0" * 63 + "\n", "2026-11-24T07:00:00Z", "2026-11-24T07:00:00.5+05:00",
    "2026-13-24T07:00:00Z", "1969-01-01T00:00:00Z", "2026-11-24", "2026-11-31", "2026-00-10", "remove", "post",
    "court_order", "https://social.example/p/1", "http://localhost/x", "https://social.example/",
    "https://social.example/p/*", "HTTPS://Social.example:443/a/../b", "https://u@social.example/p",
    "ftp://social.example/p", _LONG[:2_048], _LONG[:2_049], [], {}, [None], [1], ["kk"], ["kk", "x"], [{}],
    {"until": 1}, {"hours": 1}, {"hours": 1, "due_at": "2026-11-24T07:00:00Z"}, {"due_at": 1},
    {"due_at": None, "hours": 2}, {"ru": "a"}, {"ru": None},
)  # fmt: skip


def whole() -> dict[str, Any]:
    """A notice that says everything that one can say, in its envelope."""
    body = builders.message_bytes(builders.notice(1, items=2), message_id="m-1", sent_at=make.NOW)
    message: dict[str, Any] = json.loads(body)
    data = message["data"]
    data |= {
        "supersedes": "KZ-2026-000",
        "originating_body": "Прокуратура",
        "deadline": {"hours": 5, "legal_source": "9"},
        "urgency_reason": "Срочно.\nОчень.",
        "expert_group_decision": {"number": "7", "decided_on": "2026-11-01"},
        "user_notice": {"allowed": False, "delay_until": "2026-12-24T07:00:00+05:00", "legal_basis": "10"},
        "preservation": {"until": "2027-11-24T07:00:00Z"},
        "redress": {"body": "Суд", "deadline": "3 ай", "url": "https://court.example/a"},
        "attachments": [{"name": "a.pdf", "media_type": "application/pdf", "sha256": "a" * 64, "url": "https://gov.example/a"}],
        "territorial_scope": ["KZ", "*"],
    }  # fmt: skip
    data["contact"] = {"name": "Кеңсе", "email": "o@example.kz", "phone": "+7"}
    data["legal_basis"] = [{"act": "18-VIII", "article": "9", "reference": "п. 2", "url": "https://law.example/9"}]
    data["items"][0] |= {"account_ref": "@a", "locator": "00:10", "description": "Пост", "evidence_sha256": "B" * 64}
    return message


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for step, inner in pairs:
        yield from _places(inner, (*path, step))


def _with(message: dict[str, Any], path: tuple[Any, ...], value: Any) -> bytes:
    changed = json.loads(json.dumps(message))
    within = changed
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = value
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()


def _outcome(body: bytes) -> object:
    try:
        return v1.read_message(body)
    except Unreadable as refused:
        return refused.code, refused.field, refused.message, refused.remedy


def _bodies() -> list[bytes]:
    message = whole()
    bodies = [_with(message, path, value) for path in _places(message) for value in VALUES]
    bodies += [_with(message, (*path, "more"), 1) for path in ((), ("data",), ("data", "contact"))]
    same = json.loads(json.dumps(message))
    same["data"]["items"][1]["item_id"] = same["data"]["items"][0]["item_id"]
    bodies.append(_with(same, ("id",), "m-2"))
    rng, usual = random.Random(20_261_202), _with(message, ("id",), "m-3")
    for _ in range(2_000):
        mutant = bytearray(usual)
        for _ in range(rng.randint(1, 3)):
            mutant[rng.randrange(len(mutant))] = rng.choice(b'{}[]",:\\u0e9-.\xff\xed\x00d8abc\n#*')
        bodies.append(bytes(mutant))
    return rng.sample(bodies, examples(len(bodies)))


def test_the_usual_notice_is_read_without_the_strict_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(v1, "validated")
    message = v1.read_message(_with(whole(), ("id",), "m-3"))
    assert message.id == "m-3"
    for seed in range(5):
        v1.read_message(builders.message_bytes(builders.notice(seed), message_id=f"m-{seed}", sent_at=make.NOW))


@pytest.mark.slow
def test_both_readers_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = _bodies()
    found = [_outcome(one) for one in bodies]
    monkeypatch.setattr(v1, "_usual", lambda _form, _value: None)
    for body, was in zip(bodies, found, strict=True):
        assert _outcome(body) == was, body
    taken = sum(isinstance(one, v1.Message) for one in found)
    assert len(bodies) / 50 < taken < len(bodies) / 2


@pytest.mark.slow
def test_the_control_that_looks_at_no_text_says_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = _bodies()
    monkeypatch.setattr(v1, "is_usual", lambda _notice, *_ids: True)
    found = [_outcome(one) for one in bodies]
    monkeypatch.setattr(v1, "_usual", lambda _form, _value: None)
    differ = [was for body, was in zip(bodies, found, strict=True) if _outcome(body) != was]
    assert len(differ) > len(bodies) / 20
