"""JSON that two parsers could read differently is refused, with the code that says why."""

from __future__ import annotations

import json
import random

import pytest

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire import strict_json
from kz_compliance_sdk.wire.strict_json import MAX_DEPTH, MAX_DIGITS, MAX_NODES, loads

REFUSED = {
    "empty": (b"", "json_empty"),
    "J010 white space": (b" \n\t ", "json_empty"),
    "J001 not JSON": (b"hello", "json_syntax"),
    "J002 truncated": (b'{"notice_id":"KZ-1"', "json_syntax"),
    "J003 two documents": (b"{}{}", "json_syntax"),
    "J004 trailing comma": (b'{"notice_id":"KZ-1",}', "json_syntax"),
    "J005 comment": (b'{/*x*/"notice_id":"KZ-1"}', "json_syntax"),
    "raw control character": (b'{"a":"\x00"}', "json_syntax"),
    "leading zero": (b'{"a":01}', "json_syntax"),
    "J007 array": (b"[]", "json_not_object"),
    "J008 string": (b'"KZ-1"', "json_not_object"),
    "J009 null": (b"null", "json_not_object"),
    "J011 NaN": (b'{"a":NaN}', "json_number"),
    "Infinity": (b'{"a":-Infinity}', "json_number"),
    "J013 1e400": (b'{"a":1e400}', "json_number"),
    "J014 5,000 digits": (b'{"a":' + b"9" * 5_000 + b"}", "json_number"),
    "301 digits": (b'{"a":' + b"9" * 301 + b"}", "json_number"),
    "a long fraction": (b'{"a":0.' + b"1" * 400 + b"}", "json_number"),
    "J021 repeated key": (b'{"notice_id":"1","notice_id":"2"}', "json_duplicate_key"),
    "repeated key, same value": (b'{"a":{"b":1,"b":1}}', "json_duplicate_key"),
    "repeated key through an escape": (b'{"a":1,"\\u0061":2}', "json_duplicate_key"),
    "J025 high surrogate": (b'{"a":"\\ud800"}', "json_unicode"),
    "J026 low surrogate": (b'{"a":"KZ-\\udfaa"}', "json_unicode"),
    "J027 wrong order": (b'{"a":"\\udd1e\\ud834"}', "json_unicode"),
    "surrogate in a key": (b'{"\\ud800":1}', "json_unicode"),
    "surrogate deep inside": (b'{"a":[{"b":["\\ud800"]}]}', "json_unicode"),
    "J028 raw surrogate": (bytes.fromhex("7b226e6f746963655f6964223a22eda080227d"), "json_utf8"),
    "J029 invalid UTF-8": (bytes.fromhex("7b226e6f746963655f6964223a22ff227d"), "json_utf8"),
    "overlong UTF-8": (b'{"a":"\xc0\xaf"}', "json_utf8"),
    "J031 byte order mark": (b'\xef\xbb\xbf{"notice_id":"KZ-1"}', "json_utf8"),
    "J033 UTF-32": ('{"a":1}'.encode("utf-32-le"), "json_syntax"),
    "UTF-16 with its mark": ('{"a":1}'.encode("utf-16"), "json_utf8"),
    "J038 40,000 nested objects": (b'{"a":' * 40_000, "json_depth"),
    "100,000 nested arrays": (b"[" * 100_000, "json_depth"),
    "deep after a text with brackets": (b'{"a":"]]]]\\"]","b":' + b"[" * 40 + b"]" * 40 + b"}", "json_depth"),
}


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_what_reads_in_two_ways_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        loads(body)
    assert refused.value.code == code
    assert refused.value.field == ""


ACCEPTED = {
    "J017 negative zero": (b'{"a":-0}', {"a": 0}),
    "a pair of surrogates": (b'{"a":"\\ud834\\udd1e"}', {"a": "𝄞"}),
    "white space around": (b' \r\n{"a":[]}\t', {"a": []}),
    "300 digits": (b'{"a":' + b"9" * 300 + b"}", {"a": int("9" * 300)}),
    "brackets inside a text": (b'{"a":"' + b"[{" * 5_000 + b'"}', {"a": "[{" * 5_000}),
    "a text of backslashes": (b'{"a":"' + b"\\\\" * 40 + b"[" * 40 + b'"}', {"a": "\\" * 40 + "[" * 40}),
    "a quote in a text of brackets": (b'{"a":"\\"' + b"[" * 40 + b'"}', {"a": '"' + "[" * 40}),
}


@pytest.mark.parametrize(("body", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_reads_in_one_way_is_read(body: bytes, value: dict[str, object]) -> None:
    assert loads(body) == value


def _nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_depth_is_bounded_at_exactly_its_bound() -> None:
    loads(_nested(MAX_DEPTH))
    with pytest.raises(Unreadable) as refused:
        loads(_nested(MAX_DEPTH + 1))
    assert refused.value.code == "json_depth"


@pytest.mark.parametrize("unit", [b"1", b'"x"', b"[]", b"{}", b"null"])
def test_nodes_are_bounded_at_exactly_their_bound(unit: bytes) -> None:
    # The object and the array are nodes too.
    loads(b'{"a":[' + b",".join([unit] * (MAX_NODES - 2)) + b"]}")
    with pytest.raises(Unreadable) as refused:
        loads(b'{"a":[' + b",".join([unit] * (MAX_NODES - 1)) + b"]}")
    assert refused.value.code == "json_nodes"


def test_many_commas_in_a_text_are_not_many_nodes() -> None:
    assert loads(b'{"a":"' + b"," * 10_000 + b'"}') == {"a": "," * 10_000}


def test_no_mutation_of_a_body_raises_anything_else() -> None:
    rng = random.Random(20_261_124)
    body = json.dumps({"a": ["ж\ud834\udd1e", 1.5, -0, None, {"b": "\\u0041\\"}], "c": True}).encode()
    outcomes = set()
    for _ in range(5_000):
        mutant = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            mutant[rng.randrange(len(mutant))] = rng.choice(b'{}[]",:\\u0e9-.\xff\xed\x00d8')
        try:
            loads(bytes(mutant))
            outcomes.add("ok")
        except Unreadable as refused:
            outcomes.add(refused.code)
    assert {"ok", "json_syntax", "json_utf8"} <= outcomes


def _outcome(body: bytes) -> object:
    try:
        return repr(loads(body))
    except Unreadable as refused:
        return refused.code


@pytest.mark.slow
def test_the_fast_reader_lets_nothing_through_that_the_strict_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(20_261_201)
    said = {"a": ["ж𝄞\x7f", 1.5, -0.0, 10**40, None, {"b": "A\\\u0001"}], "b": True, "c": 1e16}
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode().replace(b"e+", b"e")
    bodies = [body, *(one for one, _ in REFUSED.values()), *(one for one, _ in ACCEPTED.values())]
    for _ in range(10_000):
        mutant = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            mutant[rng.randrange(len(mutant))] = rng.choice(b'{}[]",:\\u0e9-.\xff\xed\x00d8abc')
        bodies.append(bytes(mutant))
    fast = [strict_json._plain(one) is not None for one in bodies]
    found = [_outcome(one) for one in bodies]
    monkeypatch.setattr(strict_json, "_plain", lambda _body: None)
    assert found == [_outcome(one) for one in bodies]
    assert 50 < sum(fast) < len(bodies) / 2


@pytest.mark.parametrize("digits", [MAX_DIGITS, MAX_DIGITS + 1])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_sign_is_no_digit_whichever_reader_counts(digits: int, sign: str) -> None:
    number = sign + "9" * digits
    for body in (f'{{"a":{number}}}', f'{{"a": {number}}}'):
        if digits > MAX_DIGITS:
            with pytest.raises(Unreadable):
                loads(body.encode())
        else:
            assert loads(body.encode()) == {"a": int(number)}
