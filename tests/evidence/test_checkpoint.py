"""A checkpoint over all cases in a pack: checked by the path to its root."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.evidence.verify_pack import verified
from tests.evidence.scene import (
    HEAD,
    Scene,
    document,
    opened,
    signed_anew,
    written,
)


def _proved(at: Scene, case_id: str, seq: int, leaves: int = 7, index: int = 4) -> dict[str, Any]:
    """What proves that the case is a leaf of a tree: made here from the formulas of RFC 9162."""
    head = at.desk.case_file(case_id).chain.events[seq - 1].hash.hex()
    leaf = json.dumps({"n": index + 1, "stream": f"case/{case_id}", "seq": seq, "hash": head})
    hashes = [hashlib.sha256(b"\0" + (leaf if n == index else f"leaf {n}").encode()).digest() for n in range(leaves)]

    def root(some: list[bytes]) -> bytes:
        if len(some) == 1:
            return some[0]
        k = 1 << (len(some) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + root(some[:k]) + root(some[k:])).digest()

    def path(m: int, some: list[bytes]) -> list[bytes]:
        if len(some) == 1:
            return []
        k = 1 << (len(some) - 1).bit_length() - 1
        return [*path(m, some[:k]), root(some[k:])] if m < k else [*path(m - k, some[k:]), root(some[:k])]

    steps = [step.hex() for step in path(index, hashes)]
    return {
        "leaf": leaf,
        "index": index,
        "path": steps,
        "checkpoint": {"size": leaves, "root": root(hashes).hex(), "platform": "social"},
    }


@pytest.mark.parametrize(("leaves", "index"), [(1, 0), (2, 1), (7, 4), (7, 6), (8, 7), (13, 12), (1000, 511)])
def test_a_checkpoint_lies_in_the_pack_where_there_is_one(at: Scene, leaves: int, index: int) -> None:
    """And it is checked: the control is a root of another tree, and a leaf of another chain."""
    case_id = at.case(decided=False)
    proof = _proved(at, case_id, 1, leaves, index)
    at.desk._evidence._prove = lambda _case_id: proof
    pack = at.desk.evidence(HEAD, case_id)
    assert document(pack, "checkpoint.json") == proof
    assert verified(pack, None).problems == []
    for change in (
        {"checkpoint": {**proof["checkpoint"], "root": "0" * 64}},
        {"checkpoint": {**proof["checkpoint"], "platform": "another"}},
        {"leaf": proof["leaf"].replace('"seq": 1', '"seq": 2')},
        {"leaf": proof["leaf"].replace("case/", "case/0")},
    ):
        wrong = signed_anew({**opened(pack), "checkpoint.json": written({**proof, **change})})
        assert {problem.code for problem in verified(wrong, None).problems} == {"checkpoint"}


@pytest.mark.parametrize(
    ("leaves", "index", "said", "size"), [(2, 1, 0, 1), (4, 3, 1, 2), (4, 3, 3, 5), (7, 6, 2, 7), (8, 7, -1, 8)]
)
def test_a_leaf_in_another_place_than_it_says_is_no_proof(
    at: Scene, leaves: int, index: int, said: int, size: int
) -> None:
    """A path that is right for one place leads to the root from no other, whatever size the checkpoint is said to be
    of."""
    case_id = at.case(decided=False)
    proof = _proved(at, case_id, 1, leaves, index)
    at.desk._evidence._prove = lambda _case_id: proof
    pack = at.desk.evidence(HEAD, case_id)
    moved = {**proof, "index": said, "checkpoint": {**proof["checkpoint"], "size": size}}
    wrong = signed_anew({**opened(pack), "checkpoint.json": written(moved)})
    assert {problem.code for problem in verified(wrong, None).problems} == {"checkpoint"}


def test_a_case_in_no_checkpoint_has_a_pack_without_one(at: Scene) -> None:
    def prove(case_id: str) -> dict[str, Any]:
        raise NotFound("no checkpoint holds this case yet.", reference=case_id)

    at.desk._evidence._prove = prove
    pack = at.desk.evidence(HEAD, at.case(decided=False))
    assert "checkpoint.json" not in opened(pack)
