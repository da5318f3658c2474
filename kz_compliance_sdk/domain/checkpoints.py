"""Checkpoints over all cases: the leaves of one growing tree, and its root at a moment, as one signed line.

A leaf says how far one case had come when it was looked at: the head of its chain, and a digest of the manifest of its
rows. A case that has changed gets another leaf; none is ever changed or taken away. So the tree only grows, and whoever
holds an old root can be shown that today's tree still begins with it.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import Json, canonical
from kz_compliance_sdk.domain.evidence import iterate
from kz_compliance_sdk.domain.evidence_rows import Entry, Seen
from kz_compliance_sdk.domain.merkle import leaf_hash
from kz_compliance_sdk.domain.report import CheckpointHead, ReportSignature
from kz_compliance_sdk.errors import InvalidInput

__all__ = ["Anchor", "Checkpoint", "CheckpointTold", "Leaf", "anchors", "leaf", "merged", "signed", "whose"]

PLATFORM: Final = ""
"""In the place of a case: the platform's own rows, which belong to no case."""

_LEAF: Final = "kz-compliance/checkpoint-leaf/v1"
_LINE: Final = "kz-compliance/checkpoint/v1"


@dataclass(frozen=True, slots=True)
class Leaf:
    """The leaf at `index` (from 0): `content` is exactly what is hashed into the tree, `manifest` what its `rows`
    covers. `taken` is how often the case had been marked for a look when it was read."""

    platform_id: str
    index: int
    case_id: str
    hash: str
    content: bytes
    manifest: bytes
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root over the first `size` leaves. `number` counts the checkpoints of a platform from 1, `at` is UTC seconds.
    `complete`: the tree holds everything that was stored before `at`, but for the newest of `left_out` cases that could
    not be read or were not as an earlier leaf saw them. `peaks` is what the tree goes on growing from, `line` the exact
    bytes that are kept elsewhere."""

    platform_id: str
    number: int
    size: int
    root: str
    at: int
    complete: bool
    peaks: bytes
    line: bytes
    left_out: int = 0

    @property
    def head(self) -> CheckpointHead:
        """What a report carries of it."""
        return CheckpointHead(size=self.size, root=self.root)


@dataclass(frozen=True, slots=True)
class CheckpointTold:
    """All who keep checkpoints have this one and those before it."""

    platform_id: str
    number: int
    at: int


@dataclass(frozen=True, slots=True)
class CaseLooked:
    """A case was looked at, and there is nothing to add to the tree."""

    platform_id: str
    case_id: str
    taken: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """A root that is held outside the store: in a checkpoint that was kept, or in a report that was sent. `at` (UTC
    seconds) is None where it is not said that everything before is in it. `line` is the whole checkpoint, empty if
    it stands in a report."""

    size: int
    root: str
    at: int | None
    where: str
    line: bytes = b""


def leaf(
    platform_id: str, index: int, case_id: str, seq: int, head: str, at: int, manifest: bytes, taken: int = 0
) -> Leaf:
    """The leaf for a case whose chain has `seq` events and ends in `head`, at `at` (UTC seconds)."""
    content = canonical(
        {
            "type": _LEAF,
            "platform": platform_id,
            "case": case_id,
            "seq": seq,
            "head": head,
            "at": at,
            "rows": hashlib.sha256(manifest).hexdigest(),
        }
    )
    return Leaf(platform_id, index, case_id, leaf_hash(content).hex(), content, manifest, taken)


def manifest(salt: str, changed: Iterable[Entry], gone: Iterable[Iterable[str]]) -> bytes:
    """The bytes of a leaf's manifest: what it adds to those of the earlier leaves of the same case."""
    document: dict[str, Json] = {
        "salt": salt,
        "rows": [entry.document() for entry in changed],
        "gone": [list(name) for name in gone],
    }
    return canonical(document)


def merged(seen: Seen | None, data: bytes) -> tuple[Seen, list[tuple[Entry, Entry]]]:
    """What the leaves of a case saw, with one more manifest; and each entry that it gives another sense.

    Raises ValueError and TypeError for what is no manifest."""
    document = json.loads(data)
    if not isinstance(document, dict):
        raise TypeError("a manifest is an object")
    seen = seen or Seen(str(document["salt"]))
    again = []
    for entry in iterate(document["rows"]):
        was = seen.entries.get(entry.name)
        if was is not None:
            again.append((was, entry))
        seen.entries[entry.name] = entry
    for name in document["gone"]:
        for key in [key for key in seen.entries if (key[0], *map(str, key[1])) == tuple(name)]:
            del seen.entries[key]
    return seen, again


def signed(
    platform_id: str,
    number: int,
    size: int,
    root: str,
    at: int,
    *,
    complete: bool,
    left_out: int = 0,
    peaks: Iterable[bytes],
    seal: Callable[[bytes], ReportSignature] | None,
) -> Checkpoint:
    """The checkpoint over `size` leaves, signed where the platform has an Ed25519 key."""
    document: dict[str, Json] = {
        "type": _LINE,
        "platform": platform_id,
        "number": number,
        "size": size,
        "root": root,
        "at": at,
        "complete": complete,
        "left_out": left_out,
    }
    if seal is not None:
        document["signature"] = seal(canonical(document)).model_dump(mode="json")
    return Checkpoint(platform_id, number, size, root, at, complete, b"".join(peaks), canonical(document), left_out)


Check = Callable[[bytes, str, bytes], "bool | None"]
"""Whether a signature over these bytes is by the key of this id; None if that key is not known."""


def anchors(data: bytes, platform_id: str, check: Check | None = None) -> tuple[list[Anchor], list[str]]:
    """The roots that a file of kept checkpoints holds, by size: one JSON document a line, a checkpoint or a report that
    carries one. And what could not be checked of them. Raises InvalidInput that names the line."""
    found: list[Anchor] = []
    unknown: set[str] = set()
    for number, text in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if not text.strip():
            continue
        where = f"line {number}"
        try:
            document = json.loads(text)
            if not isinstance(document, dict):
                raise TypeError(where)
            found.append(_anchor(document, platform_id, where))
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(
                "it holds neither a checkpoint nor a report that carries one.",
                field=where,
                remedy="Give the lines as they were kept: one JSON document on each.",
            ) from None
        signer, holds = whose(document, check)
        if holds is False:
            raise InvalidInput(
                f"the signature is not that of the key {signer}.",
                field=where,
                remedy="Somebody changed this line, or it is another platform's: take it from where it was kept.",
            )
        if holds is None:
            unknown.add(f"the signature by the key {signer}" if signer else "an unsigned checkpoint")
    if not found:
        raise InvalidInput("it holds no checkpoint.", field="checkpoint", remedy="Give a file that does.")
    return sorted(found, key=lambda one: one.size), sorted(unknown)


def _anchor(document: Any, platform_id: str, where: str) -> Anchor:
    if document.get("type") == _LINE:
        if document["platform"] != platform_id:
            raise InvalidInput(
                f"the checkpoint is of the platform {document['platform']!r}.",
                field=where,
                remedy=f"This store holds the cases of {platform_id!r}.",
            )
        # Its exact bytes follow from what it says: who kept it may have written that down in another way.
        line = canonical(document)
        return _whole(document, document["at"] if document["complete"] is True else None, where, line)
    return _whole(document["checkpoint"], None, where)


def _whole(document: Mapping[str, Any], at: Any, where: str, line: bytes = b"") -> Anchor:
    size, root = document["size"], document["root"]
    if type(size) is not int or size < 0 or len(bytes.fromhex(root)) != 32 or type(at) not in (int, type(None)):
        raise ValueError(where)
    return Anchor(size, root.lower(), at, where, line)


def whose(document: Mapping[str, Any], check: Check | None) -> tuple[str, bool | None]:
    """The id of the key that a checkpoint or report names as its signer, and whether it signed; None if unknown."""
    signature = document.get("signature")
    if not isinstance(signature, dict):
        return "", None
    signer = str(signature.get("key_id"))
    if check is None:
        return signer, None
    unsigned = canonical({name: value for name, value in document.items() if name != "signature"})
    try:
        value = base64.b64decode(str(signature.get("value")), validate=True)
    except ValueError:
        return signer, False
    return signer, check(unsigned, signer, value)
