"""A pack is what somebody sent: nothing in it may harm who looks whether it is whole."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from kz_compliance_sdk.evidence.taking import MANIFEST
from tests.evidence.scene import codes, opened, signed_anew


def _raw(*entries: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def _claims_to_be_huge() -> bytes:
    pack = bytearray(_raw(("a", b"x" * 50)))
    place = pack.index(b"PK\x01\x02")
    pack[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
    return bytes(pack)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("pack", "code"),
    [
        (_raw(("../escape", b"x")), "name"),
        (_raw(("/etc/passwd", b"x")), "name"),
        (_raw(("a\\b", b"x")), "name"),
        (_raw(("a/../b", b"x")), "name"),
        (_raw(("a/b/c", b"x")), "name"),
        (_raw((".hidden", b"x")), "name"),
        (_raw(("folder/", b"")), "name"),
        (_raw(("x" * 300, b"x")), "name"),
        (_raw(("a", b"\0" * 10_000_000), how=zipfile.ZIP_DEFLATED), "too_big"),
        (_raw(("a", b"abcabcabc"), how=zipfile.ZIP_DEFLATED), "compressed"),
        (_claims_to_be_huge(), "too_big"),
        (_raw(("other.json", b"{}")), "manifest"),
        (_raw((MANIFEST, b"[]")), "manifest"),
        (_raw((MANIFEST, b"[" * 100_000)), "manifest"),
        (b"", "not_a_zip"),
        (b"no zip at all", "not_a_zip"),
        (_raw(("a", b"x" * 500))[:300], "not_a_zip"),
    ],
)
def test_a_hostile_zip_does_no_harm(pack: bytes, code: str, independent: Any) -> None:
    assert code in codes(pack)
    assert independent(pack)[0][0] == 1


def test_two_files_of_one_name_are_refused(packs: Mapping[str, bytes], independent: Any) -> None:
    """Which of them a reader sees is its own affair."""
    out = io.BytesIO(packs["redacted"])
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr("case.json", b"{}")
    assert set(codes(out.getvalue())) == {"duplicate"}
    assert "two files of one name" in independent(out.getvalue())[0][1]


@pytest.mark.slow
def test_a_flipped_byte_anywhere_never_raises(packs: Mapping[str, bytes]) -> None:
    """In the zip's own structures too. Whatever is not read, such as a time, changes nothing in what is shown."""
    pack, clean = packs["redacted"], opened(packs["redacted"])
    for place in range(0, len(pack), 97):
        flipped = pack[:place] + bytes([pack[place] ^ 0x41]) + pack[place + 1 :]
        if not codes(flipped):
            assert opened(flipped) == clean


@pytest.mark.parametrize("path", ["case.json", "events.jsonl"])
@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null\n", b'{"seq":1}\n', b'{"case":{"id":1},"form":2}', b"\xff"])
def test_documents_of_another_shape_are_no_traceback(packs: Mapping[str, bytes], path: str, data: bytes) -> None:
    assert codes(signed_anew({**opened(packs["full"]), path: data}))
