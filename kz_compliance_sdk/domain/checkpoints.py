"""Checkpoints: the root of one growing tree over the log of the ledger, at a moment, as one signed line.

The log is the list of leaves: its line n is leaf n-1. Nothing in it is ever changed or taken away, so the tree only
grows, and whoever holds an old root can be shown that today's tree still begins with it.
"""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import Struct

from kz_compliance_sdk.domain.events.office import Checkpointed, HandedOut, Signed
from kz_compliance_sdk.domain.fold import Stream
from kz_compliance_sdk.domain.ledger import Damage
from kz_compliance_sdk.domain.report import CheckpointHead, ReportSignature
from kz_compliance_sdk.domain.values import Json, canonical
from kz_compliance_sdk.errors import InvalidInput

CHECKPOINTS: Final = "checkpoint/"
"""How the stream of each checkpoint begins; its number follows."""
_LINE: Final = "kz-compliance/checkpoint/v1"
_encode = msgspec.json.Encoder(order="sorted").encode


class LogLine(Struct, frozen=True):
    """The line `n` of the log: which event of which stream was appended there, and its hash. `at` is when that event
    says it happened (UTC seconds), None where that was not asked for, or there is none."""

    n: int
    stream: str
    seq: int
    hash: bytes
    at: int | None = None

    @property
    def leaf(self) -> bytes:
        """Exactly what is hashed into the tree."""
        return _encode({"hash": self.hash.hex(), "n": self.n, "seq": self.seq, "stream": self.stream})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root over the first `size` lines of the log. `number` counts the checkpoints of a platform from 1, `at` is
    when the log had so many lines (UTC seconds), `line` the exact bytes that are kept elsewhere. `handed_out_at` is
    when (UTC seconds) all had it who keep checkpoints."""

    platform_id: str
    number: int
    size: int
    root: str
    at: int
    line: bytes
    handed_out_at: int | None = field(default=None, compare=False)

    @property
    def head(self) -> CheckpointHead:
        """What a report carries of it."""
        return CheckpointHead(size=self.size, root=self.root)


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


def stream_name(number: int) -> str:
    """The stream of a checkpoint. By their names they are in their order."""
    return f"{CHECKPOINTS}{number:010}"


def checkpointed(
    platform_id: str, number: int, size: int, root: str, at: int, seal: Callable[[bytes], ReportSignature] | None
) -> Checkpointed:
    """A checkpoint over `size` lines, signed where the platform has an Ed25519 key."""
    made = Checkpointed(number=number, size=size, root=root, made_at=at)
    if seal is None:
        return made
    signature = seal(_line_of(platform_id, made))
    signed = Signed(key_id=signature.key_id, alg=signature.alg, value=signature.value)
    return Checkpointed(number=number, size=size, root=root, made_at=at, signature=signed)


def checkpoint_in(stream: Stream) -> Checkpoint:
    """The checkpoint of a stream. Raises Damage for one that tells of none, NewerRelease for one that this release
    cannot read."""
    first, *rest = [on.event for on in stream.whole().events] or [None]
    if not isinstance(first, Checkpointed) or stream.name != stream_name(first.number):
        raise Damage(stream.name, 1, "it is no checkpoint, or that of another number")
    told = [on.at for on in stream.events if isinstance(on.event, HandedOut)]
    if len(rest) != len(told):
        raise Damage(stream.name, 2, "it goes on as no checkpoint does")
    line = _line_of(stream.platform, first)
    return Checkpoint(
        stream.platform, first.number, first.size, first.root, first.made_at, line, told[0] if told else None
    )


def _line_of(platform_id: str, made: Checkpointed) -> bytes:
    document: dict[str, Json] = {
        "type": _LINE,
        "platform": platform_id,
        "number": made.number,
        "size": made.size,
        "root": made.root,
        "at": made.made_at,
    }
    if made.signature is not None:
        signature = made.signature
        document["signature"] = {"key_id": signature.key_id, "alg": signature.alg, "value": signature.value}
    return canonical(document)


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
        return _whole(document, document["at"], where, line)
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
