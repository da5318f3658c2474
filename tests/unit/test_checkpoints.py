"""The lines that are kept elsewhere: what they say, whose they are, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kz_compliance_sdk import assembly
from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.checkpoints import Checkpoint, anchors, leaf, merged, signed
from kz_compliance_sdk.domain.merkle import EMPTY_ROOT, leaf_hash
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.signature import SigningKey

KEY = SigningKey("platform-key", "ed25519", bytes(range(32)))
OTHER = SigningKey("platform-key", "ed25519", bytes(32))
AT = 1_795_500_000
ROOT = EMPTY_ROOT.hex()


def _made(key: SigningKey | None = KEY, size: int = 4) -> Checkpoint:
    return signed("social", 2, size, ROOT, AT, complete=True, peaks=[bytes(32)], seal=assembly.seal(key))


def test_the_exact_bytes_of_a_leaf() -> None:
    made = leaf("social", 7, "case-1", 3, "f" * 64, AT, b"{}")
    assert made.content == (
        b'{"at":1795500000,"case":"case-1","head":"' + b"f" * 64 + b'","platform":"social",'
        b'"rows":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","seq":3,'
        b'"type":"kz-compliance/checkpoint-leaf/v1"}'
    )
    assert made.hash == leaf_hash(made.content).hex()


def test_the_exact_bytes_of_a_checkpoint() -> None:
    line = json.loads(_made().line)
    signature = line.pop("signature")
    assert canonical(line) == (
        b'{"at":1795500000,"complete":true,"left_out":0,"number":2,"platform":"social","root":"'
        + ROOT.encode()
        + b'","size":4,'
        b'"type":"kz-compliance/checkpoint/v1"}'
    )
    assert (signature["key_id"], signature["alg"]) == ("platform-key", "ed25519")


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


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"salt":"s","rows":[1],"gone":[]}', b"no"])
def test_a_manifest_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        merged(None, data)
