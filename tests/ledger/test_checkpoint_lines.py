"""The lines that are kept elsewhere: what they say, whose they are, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from kz_compliance_sdk import assembly
from kz_compliance_sdk.domain.checkpoints import Checkpoint, LogLine, anchors, checkpoint_in, checkpointed
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.office import HandedOut
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Damage, Stamped
from kz_compliance_sdk.domain.merkle import EMPTY_ROOT
from kz_compliance_sdk.domain.values import canonical
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.signature import SigningKey

KEY = SigningKey("platform-key", "ed25519", bytes(range(32)))
OTHER = SigningKey("platform-key", "ed25519", bytes(32))
AT = 1_795_500_000
ROOT = EMPTY_ROOT.hex()


def _made(key: SigningKey | None = KEY, size: int = 4) -> Checkpoint:
    event = checkpointed("social", 2, size, ROOT, AT, assembly.seal(key))
    return checkpoint_in(_stream("checkpoint/0000000002", event))


def _stream(name: str, *events: Event) -> Stream:
    told = [Stamped(n, AT + n, 0, 0, None, one.called, one, bytes(32)) for n, one in enumerate(events, start=1)]
    return Stream("social", name, 1, told)


def test_the_exact_bytes_of_a_leaf() -> None:
    assert LogLine(7, "case/1", 3, b"\xff" * 32, AT).leaf == (
        b'{"hash":"' + b"ff" * 32 + b'","n":7,"seq":3,"stream":"case/1"}'
    )


def test_the_exact_bytes_of_a_checkpoint() -> None:
    line = json.loads(_made().line)
    signature = line.pop("signature")
    assert canonical(line) == (
        b'{"at":1795500000,"number":2,"platform":"social","root":"' + ROOT.encode() + b'","size":4,'
        b'"type":"kz-compliance/checkpoint/v1"}'
    )
    assert (signature["key_id"], signature["alg"]) == ("platform-key", "ed25519")
    assert assembly.seal_check(KEY)(canonical(line), "platform-key", base64.b64decode(signature["value"]))  # type: ignore[misc]


def test_when_a_checkpoint_was_handed_out_is_told_by_its_stream() -> None:
    event = checkpointed("social", 2, 4, ROOT, AT, None)
    assert checkpoint_in(_stream("checkpoint/0000000002", event)).handed_out_at is None
    assert checkpoint_in(_stream("checkpoint/0000000002", event, HandedOut())).handed_out_at == AT + 2


STRANGE = {
    "nothing": ("checkpoint/0000000002",),
    "another number": ("checkpoint/0000000003", "made"),
    "no padding": ("checkpoint/2", "made"),
    "handed out before it was made": ("checkpoint/0000000002", "out", "made"),
    "made twice": ("checkpoint/0000000002", "made", "made"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_stream_that_is_no_checkpoint_is_damage(name: str) -> None:
    stream, *events = STRANGE[name]
    made = {"made": checkpointed("social", 2, 4, ROOT, AT, None), "out": HandedOut()}
    with pytest.raises(Damage):
        checkpoint_in(_stream(stream, *(made[one] for one in events)))


def test_what_was_kept_is_read_by_size_and_its_signature_is_checked() -> None:
    data = b"\n".join((_made(size=9).line, b"", _made(size=4).line))
    found, unchecked = anchors(data, "social", assembly.seal_check(KEY))
    assert [(one.size, one.root, one.at, one.where) for one in found] == [
        (4, ROOT, AT, "line 3"),
        (9, ROOT, AT, "line 1"),
    ]
    assert unchecked == []


def test_a_line_is_the_same_however_it_was_written_down() -> None:
    """A receiver of the webhook may write JSON in its own way, and an editor puts a mark before it."""
    whole = _made()
    spaced = json.dumps(dict(reversed(json.loads(whole.line).items())), indent=None).encode()
    assert spaced != whole.line
    found, unchecked = anchors(b"\xef\xbb\xbf" + spaced + b"\r\n", "social", assembly.seal_check(KEY))
    assert [one.line for one in found] == [whole.line]
    assert unchecked == []


def test_what_nobody_can_check_is_said() -> None:
    assert anchors(_made().line, "social", None)[1] == ["the signature by the key platform-key"]
    assert anchors(_made(None).line, "social", assembly.seal_check(KEY))[1] == ["an unsigned checkpoint"]


def test_a_report_that_carries_a_checkpoint_is_one_that_was_kept() -> None:
    report = builders.report(builders.notice(1), "report-1", checkpoint={"size": 4, "root": ROOT})
    found, _ = anchors(report.model_dump_json(exclude_none=True).encode(), "social")
    assert [(one.size, one.at) for one in found] == [(4, None)]


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"\n\n", "no checkpoint"),
    "no json": (lambda: b"{", "neither a checkpoint nor a report"),
    "a list": (lambda: b"[]", "neither"),
    "brackets without an end": (lambda: b"[" * 100_000, "neither"),
    "a fraction where the line has none": (lambda: _made(None).line.replace(b'"number":2', b'"number":2.5'), "neither"),
    "a number too long to read": (lambda: b"9" * 5_000, "neither"),
    "a report without one": (lambda: b'{"report_id":"r"}', "neither"),
    "another platform's": (lambda: _made().line.replace(b"social", b"video"), "of the platform 'video'"),
    "another key's": (lambda: _made(OTHER).line, "not that of the key platform-key"),
    "another root": (lambda: _made().line.replace(ROOT.encode(), b"0" * 64), "not that of the key"),
    "a size that is none": (lambda: _made().line.replace(b'"size":4', b'"size":"4"'), "neither"),
    "a root that is none": (lambda: _made().line.replace(ROOT.encode(), b"zz"), "neither"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_not_kept_as_it_was_made_is_refused(name: str) -> None:
    make, why = REFUSED[name]
    with pytest.raises(InvalidInput, match=why):
        anchors(make(), "social", assembly.seal_check(KEY))
