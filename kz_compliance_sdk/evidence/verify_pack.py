"""Whether a pack is what a platform signed, and whether what is in it fits together. Nothing but the pack is needed,
and a key that comes from elsewhere.

The documentation holds an independent program for the same: neither shares a line with the other.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kz_compliance_sdk.domain.audit import GENESIS, event_hash, sealed_digest
from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.decision import decision_digest
from kz_compliance_sdk.domain.merkle import leaf_hash, verify_inclusion
from kz_compliance_sdk.errors import InvalidInput, NotAuthentic
from kz_compliance_sdk.evidence.pack import FORMAT, MANIFEST, SIGNATURE, SIGNED
from kz_compliance_sdk.wire.signature import Key, KeyRing, verify

__all__ = ["MAX_PACK", "Problem", "Verdict", "read_key", "verified"]

MAX_PACK: Final = 256 * 2**20
"""The largest pack that is read, in bytes."""

_CHECKPOINT: Final = "checkpoint.json"
_NEVER: Final = 2**40
_MAX_FILES: Final = 20_000
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold: a code, where, and in words."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Verdict:
    """What was found. `signature` is the platform's and `sender` that of each message which it received: `good`, `bad`,
    `none` where there is none to check, or `unchecked` where no key was given."""

    signature: str = "unchecked"
    sender: str = "unchecked"
    manifest: Mapping[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, where: str, what: str) -> None:
        self.problems.append(Problem(code, where, what))


def read_key(data: bytes) -> Ed25519PublicKey:
    """A public key as a platform publishes it: 32 bytes in base64, or PEM. Raises InvalidInput."""
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            key = load_pem_public_key(data)
            if isinstance(key, Ed25519PublicKey):
                return key
        else:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(data.strip(), validate=True))
    except ValueError:
        pass
    raise InvalidInput(
        "this is no Ed25519 public key.", field="key", remedy="Give its 32 bytes in base64, or a PEM file."
    )


def verified(pack: bytes, key: Ed25519PublicKey | None, sender_key: Ed25519PublicKey | None = None) -> Verdict:
    """Everything about a pack that does not hold. Never raises for what is in it.

    `key` is the platform's. `sender_key` is that of the authority's system, for the messages as it sent them; only a
    full pack holds these.
    """
    verdict = Verdict()
    files = _files(pack, verdict)
    if files is None:
        return verdict
    manifest = _json(files.get(MANIFEST, b""))
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("files"), list)
    ):
        verdict.add("manifest", MANIFEST, "it is missing, or it is no manifest of an evidence pack")
        return verdict
    verdict.manifest = manifest
    _check_signature(files, key, verdict)
    _check_files(files, manifest["files"], verdict)
    if not verdict.problems:
        try:
            inside = _Inside(files, manifest)
            verdict.problems += inside.problems()
            if sender_key is not None:
                found, count = inside.senders(sender_key)
                verdict.problems += found
                verdict.sender = "bad" if found else "good" if count else "none"
        except (TypeError, LookupError, ValueError, AttributeError, RecursionError):
            verdict.add("shape", "case.json", "the documents are not those of an evidence pack")
    return verdict


def _files(pack: bytes, verdict: Verdict) -> dict[str, bytes] | None:
    """The files of a zip that can do no harm: stored, small enough, each with a plain name of its own."""
    if len(pack) > MAX_PACK:
        verdict.add("too_big", "", f"it has more than {MAX_PACK} bytes")
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(pack)) as archive:
            entries = archive.infolist()
            names = Counter(entry.filename for entry in entries)
            if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > len(pack):
                verdict.add("too_big", "", "it says that it holds more than it can")
                return None
            for entry in entries:
                where = entry.filename[:100]
                if not _PATH.fullmatch(entry.filename):
                    verdict.add("name", where, "a file of a pack has no such name")
                elif names[entry.filename] > 1:
                    verdict.add("duplicate", where, "two files have this name")
                elif entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    verdict.add("compressed", where, "files of a pack are stored, neither compressed nor encrypted")
            return None if verdict.problems else {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError):
        verdict.add("not_a_zip", "", "it is damaged, or no zip")
        return None


def _check_signature(files: Mapping[str, bytes], key: Ed25519PublicKey | None, verdict: Verdict) -> None:
    signature = _json(files.get(SIGNATURE, b""))
    claimed = verdict.manifest.get("signed_by")
    if SIGNATURE not in files:
        verdict.signature = "none"
        if claimed is not None:
            verdict.add(
                "signature_missing", SIGNATURE, "the manifest says that it is signed, and no signature is there"
            )
        elif key is not None:
            verdict.add("unsigned", MANIFEST, "the pack is not signed: the key proves nothing about it")
        return
    if key is None:
        return
    verdict.signature = "bad"
    try:
        key.verify(base64.b64decode(signature["value"], validate=True), SIGNED + files[MANIFEST])
        verdict.signature = "good"
    except (InvalidSignature, ValueError, TypeError, LookupError):
        verdict.add("signature", SIGNATURE, "the manifest was changed, or another key has signed it")


def _check_files(files: Mapping[str, bytes], listed: list[Any], verdict: Verdict) -> None:
    told = {str(one.get("path")): one for one in listed if isinstance(one, dict)}
    for path in sorted(told.keys() - files.keys()):
        verdict.add("missing", path, "the manifest names it, and it is not there")
    for path in sorted(files.keys() - told.keys() - {MANIFEST, SIGNATURE}):
        verdict.add("added", path, "the manifest does not name it")
    for path in sorted(told.keys() & files.keys()):
        if told[path].get("size") != len(files[path]) or told[path].get("sha256") != _sha256(files[path]):
            verdict.add("digest", path, "it is not the file that the manifest names")


class _Inside:
    """What the documents say of each other, and of the exact bytes."""

    def __init__(self, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
        self._files, self._manifest = files, manifest
        self._case: Any = json.loads(files["case.json"])
        self._events: list[Any] = [json.loads(line) for line in files["events.jsonl"].splitlines()]
        erasures = (event["seq"] for event in self._events if event["kind"] == "erase")
        self._erased: int = max(erasures, default=0)

    def problems(self) -> Iterator[Problem]:
        yield from self._chain()
        yield from self._checkpoint()
        yield from self._exact()
        for event in self._events:
            where = f"event {event['seq']}"
            if "content" in event:
                yield from _content(event, where)
            yield from self._told(event, where)

    def _chain(self) -> Iterator[Problem]:
        case, manifest = self._case, self._manifest
        if (case["case"]["id"], case["form"]) != (manifest["case_id"], manifest["form"]):
            yield Problem("other_case", "case.json", "it is of another case, or of another form")
        before: str | None = GENESIS
        for number, event in enumerate(self._events, 1):
            if event["seq"] != number:
                yield Problem("order", f"event {event['seq']}", f"it stands in the place of event {number}")
            # Where a hash is withheld, the next event withholds what it follows.
            if event["prev"] != before:
                yield Problem("chain", f"event {event['seq']}", "it does not follow the event before it")
            before = event["hash"]
        if before != manifest["audit_head"] or len(self._events) != manifest["audit_length"]:
            yield Problem("head", "events.jsonl", "the chain ends elsewhere than the manifest says")

    def _checkpoint(self) -> Iterator[Problem]:
        """That the leaf speaks of this case and its chain, and that its path leads to the root (RFC 9162, 2.1.3.2)."""
        if (data := self._files.get(_CHECKPOINT)) is None:
            return
        proof = json.loads(data)
        leaf, checkpoint = json.loads(proof["leaf"]), proof["checkpoint"]
        held = self._events[leaf["seq"] - 1] if 0 < leaf["seq"] <= len(self._events) else {}
        if (leaf["case"], leaf["head"]) != (self._manifest["case_id"], held.get("hash")):
            yield Problem("checkpoint", _CHECKPOINT, "it speaks of another case, or of another chain")
        path = [bytes.fromhex(step) for step in proof["path"]]
        node, root = leaf_hash(proof["leaf"].encode()), bytes.fromhex(checkpoint["root"])
        if not verify_inclusion(node, proof["index"], checkpoint["size"], path, root):
            yield Problem("checkpoint", _CHECKPOINT, "the path does not lead to the root of the checkpoint")

    def _exact(self) -> Iterator[Problem]:
        """Every digest that the case names is that of the file which it names."""
        for kept in _kept(self._case):
            if kept["file"] is not None and _sha256(self._files[kept["file"]]) != kept["sha256"]:
                yield Problem("bytes", kept["file"], "these bytes are not those whose digest the case holds")
        for message in self._case["messages"]:
            receipt = message["receipt"]
            if receipt is None or receipt["file"] is None:
                continue
            said = json.loads(self._files[receipt["file"]])
            if said.get("body_sha256") not in (None, message["body"]["sha256"]):
                yield Problem("receipt", receipt["file"], "the receipt is for other bytes than those that left")
            if said.get("subject_id") != message["id"]:
                yield Problem("receipt", receipt["file"], "the receipt names another message")

    def _told(self, event: Mapping[str, Any], where: str) -> Iterator[Problem]:
        """What an event says of rows, against those rows."""
        facts, kind = event["facts"], event["kind"]
        message = next((one for one in self._case["messages"] if one["id"] == facts.get("message")), None)
        if kind == "report":
            held = message and message["body"]["sha256"]
            if message is None or (held != facts.get("sha256") and not self._emptied(event, held)):
                yield Problem("report", where, "the report that it speaks of is not in the pack")
            elif (body := message["body"]["file"]) and event["prev"] is not None:
                said = _json(self._files[body])
                if isinstance(said, dict) and said.get("audit_head") != event["prev"]:
                    yield Problem("report_head", where, "the report names another head of the chain")
        elif kind == "receipt" and facts.get("receipt_sha256") is not None:
            held = message and (message["receipt"] or {}).get("sha256")
            if message is None or (held != facts["receipt_sha256"] and not self._emptied(event, held)):
                yield Problem("receipt", where, "the receipt that it speaks of is not in the pack")
        elif kind in ("propose", "approve") and "digest" in facts:
            row = next((one for one in self._case["decisions"] if one["version"] == facts["decision"]), None)
            body = row and row["body"]["file"]
            if row is None or (body and decision_digest(self._files[body]) != facts["digest"]):
                yield Problem("decision", where, "the decision that it speaks of is not in the pack")
        if "sender" in facts and "sha256" in facts:
            held = {(one["sender"], one["message_id"], one["body"]["sha256"]) for one in self._case["received"]}
            if (facts["sender"], facts["message"], facts["sha256"]) not in held:
                yield Problem("received", where, "the message behind it is not in the pack")

    def _emptied(self, event: Mapping[str, Any], sha256: str | None) -> bool:
        """Whether what the event speaks of is gone because the case was erased after it."""
        return sha256 is None and event["seq"] < self._erased

    def senders(self, key: Ed25519PublicKey) -> tuple[list[Problem], int]:
        """Whether this key signed each message that came signed and lies here as it came, and how many these are."""
        found, count = [], 0
        for one in self._case["received"]:
            body, proof = one["body"]["file"], one["proof"]["file"]
            if one["source"] == "typed" or body is None or proof is None:
                continue
            count += 1
            said = json.loads(self._files[proof])
            given = Key(said["key_id"], "ed25519", key.public_bytes_raw(), "sender", frozenset(), "", 0, _NEVER)
            headers = [(str(name), str(value)) for name, value in said["headers"]]
            try:
                ring = KeyRing([given], allow_test_keys=True)
                target = str(one["verification"]["target"])
                verify(ring, "POST", target, headers, self._files[body], int(said["signed_at"]))
            except NotAuthentic as error:
                found.append(Problem("sender_signature", body, f"the sender's key did not sign it: {error.code}"))
        return found, count


def _content(event: Mapping[str, Any], where: str) -> Iterator[Problem]:
    content = event["content"].encode("utf-8", "surrogatepass")
    if event_hash(event["prev"], content) != event["hash"]:
        yield Problem("hash", where, "its content or its hash was changed")
        return
    said = json.loads(content)
    told = {name: value for name, value in said["data"].items() if name not in ("nonce", "sealed")}
    if (said["seq"], said["at"], said["kind"], said["actor"], told) != (
        event["seq"],
        event["at"],
        event["kind"],
        event["actor"],
        event["facts"],
    ):
        yield Problem("facts", where, "what is shown of it is not what was hashed")
    for text in event["sealed"]:
        wanted = canonical({text["name"]: sealed_digest(text["salt"], text["text"])})[1:-1]
        if wanted not in content:
            yield Problem("sealed", where, f"the sealed text {text['name']!r} is not the one that was hashed")


def _kept(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every place where exact bytes are named."""
    if isinstance(value, dict):
        if value.keys() == {"file", "size", "sha256"}:
            yield value
        else:
            for one in value.values():
                yield from _kept(one)
    elif isinstance(value, list):
        for one in value:
            yield from _kept(one)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
