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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kz_compliance_sdk.domain.decision import PROPOSAL, decision_digest
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.events.delivery import Receipt
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.fold import Case, fold
from kz_compliance_sdk.domain.ledger import Damage, Link, NewerRelease, Part, Roster, Stamped, opens, read
from kz_compliance_sdk.domain.merkle import leaf_hash, verify_inclusion
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import InvalidInput, NotAuthentic
from kz_compliance_sdk.evidence.dossier import CLEARED, differences, told
from kz_compliance_sdk.evidence.taking import FORMAT, MANIFEST, SIGNATURE, SIGNED
from kz_compliance_sdk.wire.signature import Key, KeyRing, verify

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
        except (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RecursionError):
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
    """What the documents say of each other, of the exact bytes, and of what the events tell."""

    def __init__(self, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
        self._files, self._manifest = files, manifest
        self._case: Any = json.loads(files["case.json"])
        self._lines: list[Any] = [json.loads(line) for line in files["events.jsonl"].splitlines()]
        self._roster = Roster()

    def problems(self) -> Iterator[Problem]:
        case, manifest = self._case, self._manifest
        if (case["case"]["id"], case["form"]) != (manifest["case_id"], manifest["form"]):
            yield Problem("other_case", "case.json", "it is of another case, or of another form")
        yield from self._exact()
        try:
            events = self._events()
        except (Damage, NewerRelease) as error:
            code = "chain" if isinstance(error, Damage) else error.code
            yield Problem(code, f"event {error.seq}", error.message)
            return
        last = events[-1].hash.hex() if events else ""
        if (last, len(events)) != (manifest["audit_head"], manifest["audit_length"]):
            yield Problem("head", "events.jsonl", "the chain ends elsewhere than the manifest says")
        yield from self._checkpoint(events)
        yield from self._parts(events)
        folded = fold(manifest["platform_id"], stream_of(manifest["case_id"]), events)
        for where in differences(told(events, folded, self._name), case):
            yield Problem("told", f"case.json: {where}", "the events tell it otherwise")
        yield from self._messages(events, folded)
        yield from self._decisions(folded)

    def _events(self) -> list[Stamped]:
        """The events of the chain, each checked against the hash before it. Raises Damage or NewerRelease."""
        platform, stream = self._manifest["platform_id"], stream_of(self._manifest["case_id"])
        links = [_link(line, platform, stream) for line in self._lines]
        return read(links, READERS, {}, platform=platform, stream=stream, roster=self._roster)

    def _name(self, person: int) -> str | None:
        if self._manifest["form"] == "full":
            return self._roster.names[person] or None
        return f"person-{person}" if person else None

    def _checkpoint(self, events: Sequence[Stamped]) -> Iterator[Problem]:
        """That the leaf speaks of this case and its chain, and that its path leads to the root (RFC 9162, 2.1.3.2)."""
        if (data := self._files.get(_CHECKPOINT)) is None:
            return
        proof = json.loads(data)
        checkpoint = proof["checkpoint"]
        if not _is_of(json.loads(proof["leaf"]), stream_of(self._manifest["case_id"]), events):
            yield Problem("checkpoint", _CHECKPOINT, "it speaks of another case, or of another chain")
        path = [bytes.fromhex(step) for step in proof["path"]]
        node, root = leaf_hash(proof["leaf"].encode()), bytes.fromhex(checkpoint["root"])
        if not verify_inclusion(node, proof["index"], checkpoint["size"], path, root):
            yield Problem("checkpoint", _CHECKPOINT, "the path does not lead to the root of the checkpoint")

    def _parts(self, events: Sequence[Stamped]) -> Iterator[Problem]:
        """Each part that is shown is the one that was hashed; a full pack has all but what was erased."""
        gone = erased_of(events)
        for on, line in zip(events, self._lines, strict=True):
            shown = line["parts"]
            for name in sorted(shown.keys() - on.event.parts.keys()):
                yield Problem("part", f"event {on.seq}", f"it has no part {name}")
            for name, sealed in on.event.parts.items():
                if name not in shown:
                    erased = sealed.cls == "erasable" and on.seq in gone
                    if self._manifest["form"] == "full" and not erased:
                        yield Problem("part", f"event {on.seq}", f"its part {name} is missing, and was not erased")
                    continue
                salt, path = bytes.fromhex(shown[name]["salt"]), shown[name]["file"]
                if path is not None and not opens(sealed, Part(name, sealed.cls, salt, self._files[path])):
                    yield Problem("part", path, f"it is not the {name} of event {on.seq}")

    def _exact(self) -> Iterator[Problem]:
        """Every digest that the case names is that of the file which it names."""
        for kept in _kept(self._case):
            if kept["file"] is not None and _sha256(self._files[kept["file"]]) != kept["sha256"]:
                yield Problem("bytes", kept["file"], "these bytes are not those whose digest the case holds")

    def _messages(self, events: Sequence[Stamped], case: Case) -> Iterator[Problem]:
        """What left, and what came in for it, is what the events hold of it."""
        shown, gone = {one["id"]: one for one in self._case["messages"]}, erased_of(events)
        for one in case.messages.values():
            if not one.at_seq:
                continue
            path, where = shown[one.id]["body"]["file"], f"event {one.at_seq}"
            missing = path is None and one.kind in CLEARED and one.at_seq not in gone
            if missing or path != self._file_of(one.at_seq, "body"):
                yield Problem(one.kind, where, f"the {one.kind} that it speaks of is not in the pack")
            elif path and one.kind == "report" and not _is_head(events, one.at_seq, _json(self._files[path])):
                yield Problem("report_head", where, "the report names another head of the chain")
        last = {on.event.message: on.seq for on in events if isinstance(on.event, Receipt)}
        for message, seq in last.items():
            yield from self._receipt(seq, shown[message])
        told: dict[str, list[int]] = {}
        for on, line in zip(events, self._lines, strict=True):
            if "message" in line["parts"]:
                told.setdefault(line["parts"]["message"]["file"], []).append(on.event.came.status)
        for one in self._case["received"]:
            if (path := one["body"]["file"]) is None:
                continue
            if path not in told:
                yield Problem("received", path, "no event speaks of this message")
            elif one["status"] not in told[path]:
                yield Problem("received", path, "no event says that it was answered like this")

    def _receipt(self, seq: int, message: Mapping[str, Any]) -> Iterator[Problem]:
        path = (message["receipt"] or {}).get("file")
        if path != self._file_of(seq, "receipt"):
            yield Problem("receipt", f"event {seq}", "the receipt that it speaks of is not in the pack")
        elif path is not None:
            said = json.loads(self._files[path])
            if message["body"]["file"] and said.get("body_sha256") not in (None, message["body"]["sha256"]):
                yield Problem("receipt", path, "the receipt is for other bytes than those that left")
            if said.get("subject_id") != message["id"]:
                yield Problem("receipt", path, "the receipt names another message")

    def _decisions(self, case: Case) -> Iterator[Problem]:
        for one, shown in zip(case.decisions.values(), self._case["decisions"], strict=True):
            path = shown["body"]["file"]
            if path is None:
                continue
            if path != self._file_of(one.at_seq, PROPOSAL) or decision_digest(self._files[path]) != shown["digest"]:
                yield Problem("decision", path, f"event {one.at_seq} speaks of another decision")

    def _file_of(self, seq: int, name: str) -> str | None:
        """The file that holds this part of an event."""
        path: str | None = self._lines[seq - 1]["parts"].get(name, {}).get("file")
        return path

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


def _link(line: Mapping[str, Any], platform: str, stream: str) -> Link:
    """An event as its line has it. Whether its MAC is good only who holds the ledger key can tell."""
    content, said = line["content"].encode(), json.loads(line["content"])
    people, redacted = line.get("people", "").encode(), bytes.fromhex(line.get("people_sha256", ""))
    seq, at, kind = said["seq"], said["at"], said["kind"]
    return Link(platform, stream, seq, at, kind, content, people, bytes.fromhex(line["hash"]), b"", b"", redacted)


def _is_of(leaf: Mapping[str, Any], stream: str, events: Sequence[Stamped]) -> bool:
    """Whether a leaf of a checkpoint, which is a line of the log, is of an event of this stream."""
    held = events[leaf["seq"] - 1] if 0 < leaf["seq"] <= len(events) else None
    return held is not None and (leaf["stream"], leaf["hash"]) == (stream, held.hash.hex())


def _is_head(events: Sequence[Stamped], report: int, said: Any) -> bool:
    """Whether a report, which this event holds, names the head that the chain had before the step that made it: behind
    that head stands nothing of another time."""
    heads: list[str] = []
    for on in reversed(events[: report - 1]):
        heads.append(on.hash.hex())
        if on.at != events[report - 1].at:
            break
    return isinstance(said, dict) and said.get("audit_head") in heads


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
