"""One value has one sequence of bytes, and a digest of one kind of thing is never that of another."""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from typing import Any

import pytest

from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.values import Json, canonical, digest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [None, True, False]}, b'{"a":[null,true,false],"b":1}'),
        ({"ж": "қаз", "a": "\n\u2028\x7f"}, '{"a":"\\n\u2028\x7f","ж":"қаз"}'.encode()),
        ((1, (2, [3])), b"[1,[2,[3]]]"),
        (2**70, b"1180591620717411303424"),
        ({}, b"{}"),
    ],
)
def test_a_value_has_these_bytes(value: Any, expected: bytes) -> None:
    assert canonical(value) == encoded(value) == expected


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize("value", [1.0, {"a": [1.5]}, {"a": {1: 2}}, {1, 2}, b"x", Colour.RED, {None: 1}])
def test_what_has_more_than_one_form_has_no_bytes(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, float("nan"), float("inf")])
def test_what_is_no_text_or_no_number_has_no_bytes(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical(value)


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        canonical(loop)


def test_a_digest_is_separated_by_its_domain() -> None:
    assert digest("kz-compliance/report/v1", b"x") == hashlib.sha256(b"kz-compliance/report/v1\nx").hexdigest()
    assert digest("a", b"b\nc") != digest("a\\nb", b"c")
    with pytest.raises(ValueError, match="one line"):
        digest("a\nb", b"c")


@pytest.mark.slow
def test_the_bytes_are_those_of_the_standard_encoder() -> None:
    """What was hashed once must be hashed so for ever, whichever encoder writes it."""
    every = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF)
    keys = {every[at : at + 3]: at for at in range(0, len(every), 997)}
    values: tuple[Json, ...] = (every, keys, {"a": [every, {"b": (-(2**63), 2**64, None, True)}]})
    for value in values:
        told = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        assert canonical(value) == encoded(value) == told.encode()
