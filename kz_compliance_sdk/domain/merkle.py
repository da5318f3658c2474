"""A Merkle tree over an append-only list, as RFC 9162 (section 2.1) and RFC 6962 define it, with SHA-256.

Hashes are 32 bytes. A tree of n leaves has the same root here as in every program that follows these RFCs, and its
proofs are lists in the order of the RFCs, so that others can check them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

TILE_HEIGHT: Final = 8
"""Of every so many levels of the tree one is kept: a node there stands for 256 of the level that was kept below."""

Tile = tuple[int, int, bytes]
"""A node that is kept: its level (1 for one over 256 leaves, 2 for one over 65,536), its number there, its hash."""

Nodes = Callable[[int, int, int], Sequence[bytes]]
"""Some hashes of a kept level: the level (0 for the leaves), the number of the first, how many."""

Roots = Callable[[int, int], bytes]
"""The root over the leaves from one number up to another, as far as a proof asks for it."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """What has to be kept of a tree so that it can grow: its size, and the roots of its perfect subtrees from the
    largest to the smallest, one for each bit that is set in the size. `tiles` are the nodes of kept levels that were
    finished since.

    Raises ValueError if the number of `peaks` does not fit the size.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        self.tiles: list[Tile] = []
        if size < 0 or len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(self.peaks)} perfect subtrees")

    def append(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        complete, node, height = self.size, leaf, 0
        while complete & 1:
            node = node_hash(self.peaks.pop(), node)
            complete, height = complete >> 1, height + 1
            if height % TILE_HEIGHT == 0:
                self.tiles.append((height // TILE_HEIGHT, self.size >> height, node))
        self.peaks.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root


def peaks_of(nodes: Nodes, start: int, end: int) -> list[bytes]:
    """The perfect subtrees over the leaves from `start` up to `end`, the largest first, read from as few `nodes` as
    there can be. At `start` a subtree of that many leaves may begin."""
    level, found = (max(end - start, 1).bit_length() - 1) // TILE_HEIGHT, list[bytes]()
    while start < end:
        height = level * TILE_HEIGHT
        many = (end - start) >> height
        some = Frontier()
        for node in nodes(level, start >> height, many) if many else ():
            some.append(node)
        found += some.peaks
        start, level = start + (many << height), level - 1
    return found


def roots_of(nodes: Nodes) -> Roots:
    """The roots that proofs ask for, made of `nodes`. Raises ValueError where some are missing."""
    return lambda start, end: Frontier(end - start, peaks_of(nodes, start, end)).root


def inclusion_proof(roots: Roots, size: int, index: int) -> list[bytes]:
    """What proves that the leaf at `index` (from 0) is in the tree of `size` leaves. Raises IndexError."""
    if not 0 <= index < size:
        raise IndexError(f"there is no leaf {index} in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(roots(middle, end))
            end = middle
        else:
            path.append(roots(start, middle))
            start = middle
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` (a leaf hash) is at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def consistency_proof(roots: Roots, size: int, first: int) -> list[bytes]:
    """What proves that the tree of the first `first` leaves is the beginning of the tree of `size` leaves. It is empty
    where there is nothing to prove: for no leaves, and for all. Raises IndexError."""
    if not 0 <= first <= size:
        raise IndexError(f"a tree of {size} leaves never had {first}")
    if first in (0, size):
        return []
    start, end, path, known = 0, size, [], True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(roots(middle, end))
            end = middle
        else:
            path.append(roots(start, middle))
            start, known = middle, False
    if not known:
        path.append(roots(start, end))
    return path[::-1]


def verify_consistency(first: int, first_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `first` leaves with `first_root` is the beginning of the tree of `size`
    leaves with `root`."""
    if not 0 <= first <= size:
        return False
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if first == size:
        return not proof and first_root == root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
