"""The tree of RFC 9162: the published vectors, an implementation of the RFC's own formulas, and false proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from kz_compliance_sdk.domain import merkle

# The vectors of the Certificate Transparency reference implementation, which the transparency-dev projects use too.
LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(0x60, 0x70)))
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}
CONSISTENCY = {
    (1, 8): INCLUSION[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def _inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    return merkle.inclusion_proof(lambda start, end: merkle.root(hashes[start:end]), len(hashes), index)


def _consistency(hashes: Sequence[bytes], first: int) -> list[bytes]:
    return merkle.consistency_proof(lambda start, end: merkle.root(hashes[start:end]), len(hashes), first)


def _hex(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(one.hex() for one in hashes)


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots(size: int) -> None:
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int) -> None:
    assert _hex(_inclusion(HASHES[:size], index)) == INCLUSION[index, size]


@pytest.mark.parametrize(("first", "size"), CONSISTENCY)
def test_the_published_consistency_proofs(first: int, size: int) -> None:
    assert _hex(_consistency(HASHES[:size], first)) == CONSISTENCY[first, size]


@pytest.mark.parametrize("size", range(9))
def test_of_no_leaves_and_of_all_there_is_nothing_to_prove(size: int) -> None:
    assert _consistency(HASHES[:size], 0) == _consistency(HASHES[:size], size) == []
    for never in (-1, size + 1):
        with pytest.raises(IndexError):
            _consistency(HASHES[:size], never)


# The formulas of RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word. They share nothing with the module.


def _mth(d: list[bytes]) -> bytes:
    n = len(d)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + d[0]).digest()
    k = _k(n)
    return hashlib.sha256(b"\x01" + _mth(d[:k]) + _mth(d[k:])).digest()


def _path(m: int, d: list[bytes]) -> list[bytes]:
    n = len(d)
    if n == 1:
        return []
    k = _k(n)
    return [*_path(m, d[:k]), _mth(d[k:])] if m < k else [*_path(m - k, d[k:]), _mth(d[:k])]


def _subproof(m: int, d: list[bytes], b: bool) -> list[bytes]:
    n = len(d)
    if m == n:
        return [] if b else [_mth(d)]
    k = _k(n)
    return [*_subproof(m, d[:k], b), _mth(d[k:])] if m <= k else [*_subproof(m - k, d[k:], False), _mth(d[:k])]


def _k(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


_MOST = 33
_DATA = [f"leaf {number}".encode() for number in range(_MOST)]
_OF_DATA = [merkle.leaf_hash(data) for data in _DATA]


@pytest.mark.parametrize("size", range(_MOST + 1))
def test_every_proof_of_every_small_tree_is_that_of_the_formulas(size: int) -> None:
    data, hashes = _DATA[:size], _OF_DATA[:size]
    whole = _mth(data)
    assert merkle.root(hashes) == whole
    for index in range(size):
        proof = _inclusion(hashes, index)
        assert proof == _path(index, data)
        assert merkle.verify_inclusion(hashes[index], index, size, proof, whole)
    for first in range(1, size + 1):
        proof = _consistency(hashes, first)
        assert proof == _subproof(first, data, True)
        assert merkle.verify_consistency(first, _mth(data[:first]), size, whole, proof)
    assert merkle.verify_consistency(0, merkle.EMPTY_ROOT, size, whole, [])


def test_a_tree_that_grows_from_what_was_kept_of_it_is_the_same_tree() -> None:
    tree = merkle.Frontier()
    for size, leaf in enumerate(_OF_DATA, start=1):
        tree = merkle.Frontier(tree.size, tree.peaks)
        tree.append(leaf)
        assert (tree.size, tree.root) == (size, _mth(_DATA[:size]))


class _Kept:
    """The kept levels of a tree that grew leaf by leaf, and how much of them was read."""

    def __init__(self, size: int) -> None:
        tree = merkle.Frontier()
        self.levels: dict[int, list[bytes]] = {0: [merkle.leaf_hash(b"%d" % n) for n in range(size)]}
        for leaf in self.levels[0]:
            tree.append(leaf)
        for level, n, node in tree.tiles:
            assert n == len(self.levels.setdefault(level, []))
            self.levels[level].append(node)
        self.size, self.root, self.read = size, tree.root, 0

    def nodes(self, level: int, first: int, many: int) -> Sequence[bytes]:
        self.read += many
        return self.levels[level][first : first + many]


LARGE = [65_536, *(pytest.param(size, marks=pytest.mark.slow) for size in (65_535, 66_000))]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 1_000, *LARGE])
def test_what_the_kept_levels_prove_is_what_all_leaves_prove(size: int) -> None:
    """And they are read instead of the leaves: 255 of each level at most, on the way of a proof and at its end."""
    kept = _Kept(size)
    roots = merkle.roots_of(kept.nodes)
    assert kept.levels.keys() == {level for level in range(3) if 256**level <= size}
    for index in {0, size // 3, size // 2, size - 1}:
        kept.read = 0
        path = merkle.inclusion_proof(roots, size, index)
        assert kept.read <= 2 * 256 * len(kept.levels)
        assert merkle.verify_inclusion(kept.levels[0][index], index, size, path, kept.root)
        kept.read = 0
        before, path = roots(0, index + 1), merkle.consistency_proof(roots, size, index + 1)
        assert kept.read <= 3 * 256 * len(kept.levels)
        assert before == merkle.root(kept.levels[0][: index + 1])
        assert merkle.verify_consistency(index + 1, before, size, kept.root, path)
    assert merkle.Frontier(size, merkle.peaks_of(kept.nodes, 0, size)).root == kept.root


def test_a_level_that_lacks_a_node_proves_nothing() -> None:
    kept = _Kept(1_000)
    kept.levels[1].pop()
    with pytest.raises(ValueError, match="does not have"):
        merkle.roots_of(kept.nodes)(0, 1_000)


def test_what_was_kept_must_fit_the_size() -> None:
    with pytest.raises(ValueError, match="tree of 3 leaves"):
        merkle.Frontier(3, [b"\0" * 32])


def _wrong(proof: list[bytes]) -> list[list[bytes]]:
    other = hashlib.sha256(b"another").digest()
    changed = [[*proof[:at], other, *proof[at + 1 :]] for at in range(len(proof))]
    swapped = [[*proof[:at], proof[at + 1], proof[at], *proof[at + 2 :]] for at in range(len(proof) - 1)]
    return [*changed, *swapped, [*proof, other], [other, *proof], *([proof[:-1], proof[1:]] if proof else [])]


def test_no_false_inclusion_is_accepted() -> None:
    refused = 0
    for size in range(1, 18):
        hashes, whole = _OF_DATA[:size], _mth(_DATA[:size])
        for index in range(size):
            proof = _inclusion(hashes, index)
            given = [(hashes[index], index, size, wrong, whole) for wrong in _wrong(proof)]
            given += [(hashes[index], at, size, proof, whole) for at in range(-1, size + 2) if at != index]
            given += [(_OF_DATA[-1], index, size, proof, whole), (hashes[index], index, size, proof, _mth(_DATA))]
            for one in given:
                assert not merkle.verify_inclusion(*one), (size, index)
                refused += 1
    assert refused > 2_000


def test_no_false_consistency_is_accepted() -> None:
    refused = 0
    other = hashlib.sha256(b"another").digest()
    for size in range(1, 18):
        hashes, whole = _OF_DATA[:size], _mth(_DATA[:size])
        for first in range(1, size + 1):
            before, proof = _mth(_DATA[:first]), _consistency(hashes, first)
            given = [(first, before, size, whole, wrong) for wrong in _wrong(proof)]
            given += [(first, other, size, whole, proof), (first, before, size, other, proof)]
            given += [(size + 1, before, size, whole, proof), (-1, before, size, whole, proof)]
            for one in given:
                assert not merkle.verify_consistency(*one), (size, first)
                refused += 1
    assert not merkle.verify_consistency(0, other, 4, _mth(_DATA[:4]), [])
    assert refused > 1_500


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(IndexError, match="no leaf 3"):
        _inclusion(_OF_DATA[:3], 3)
    with pytest.raises(IndexError, match="never had 4"):
        _consistency(_OF_DATA[:3], 4)
