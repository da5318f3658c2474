"""Whether a pack is what a platform signed, and whether what is in it is what its events tell. Nothing but the pack is
needed, a key that comes from elsewhere, and a checkpoint that is kept elsewhere.

Nothing in a pack is believed that is not made again: each document, the page and the zip itself are made of the events
and the words that are in it, and compared byte by byte. So whoever has the platform's key can sign no page that
contradicts its events. A history that was invented whole contradicts nothing: only what another house holds shows that.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import structs

from kz_compliance_sdk.domain.checkpoints import Anchor, Check, anchors, whose
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.events.delivery import Receipt, Reported
from kz_compliance_sdk.domain.events.privacy import erased_of
from kz_compliance_sdk.domain.fold import Chain, Stream
from kz_compliance_sdk.domain.lawfulness import Known, broken
from kz_compliance_sdk.domain.ledger import Damage, Link, NewerRelease, Part, Roster, Stamped, opens, read
from kz_compliance_sdk.domain.merkle import leaf_hash, verify_inclusion
from kz_compliance_sdk.domain.messages import BY_HAND
from kz_compliance_sdk.domain.policy import Policy, is_of_its_version
from kz_compliance_sdk.domain.values import canonical, stream_of
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotAuthentic
from kz_compliance_sdk.evidence.dossier import CLEARED, FORMAT, contents, differences, handed_on
from kz_compliance_sdk.evidence.taking import MANIFEST, SIGNATURE, SIGNED, documents, manifest, zipped
from kz_compliance_sdk.wire.signature import Key, KeyRing, verify, verify_response

MAX_PACK: Final = 256 * 2**20
"""The largest pack that is read, in bytes."""

_CHECKPOINT: Final = "checkpoint.json"
_POLICY: Final = "policy.json"
_NEVER: Final = 2**40
_MAX_FILES: Final = 20_000
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
_STATUSES: Final = (201, 200, 202)
"""With which of these a receipt was answered its event does not say, and its signature covers."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold: a code, where, and in words."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Verdict:
    """What was found. `signature` is the platform's and `sender` that of each message and receipt which it received:
    `good`, `bad`, `none` where there is none to check, or `unchecked` where no key was given. `proved_event` is the
    last event that a checkpoint which is held outside has seen."""

    signature: str = "unchecked"
    sender: str = "unchecked"
    manifest: Mapping[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    proved_event: int = 0

    @property
    def verdict(self) -> Literal["broken", "whole", "not_provable"]:
        """`whole` only where the platform's key and a checkpoint from outside prove it; what contradicts nothing can
        still be invented from its first event on, by whoever has that key."""
        if self.problems:
            return "broken"
        return "whole" if self.signature == "good" and self.proved_event else "not_provable"

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


def verified(
    pack: bytes,
    key: Ed25519PublicKey | None,
    sender_key: Ed25519PublicKey | None = None,
    held: bytes | None = None,
) -> Verdict:
    """Everything about a pack that does not hold. Never raises for what is in it.

    `key` is the platform's. `sender_key` is that of the authority's system, for the messages as it sent them, which
    only a full pack holds, and for its receipts. `held` are checkpoints of the platform that were kept elsewhere, one a
    line; raises InvalidInput if it holds none.
    """
    verdict = Verdict()
    files = _files(pack, verdict)
    if files is None:
        return verdict
    said = _json(files.get(MANIFEST, b""))
    if not isinstance(said, dict) or said.get("format") != FORMAT or not isinstance(said.get("files"), list):
        verdict.add("manifest", MANIFEST, "it is missing, or it is no manifest of an evidence pack")
        return verdict
    verdict.manifest = said
    _check_signature(files, key, verdict)
    _check_files(files, said["files"], verdict)
    kept = [] if held is None else anchors(held, str(said.get("platform_id")), _check_of(key))[0]
    if not verdict.problems:
        try:
            inside = _Inside(files, said, key)
            verdict.problems += inside.problems()
            if held is not None:
                verdict.problems += inside.outside(kept)
                verdict.proved_event = 0 if verdict.problems else inside.seen
            if sender_key is not None:
                found, count = inside.senders(sender_key)
                verdict.problems += found
                verdict.sender = "bad" if found else "good" if count else "none"
        except (ComplianceError, TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RecursionError):
            verdict.add("shape", "case.json", "the documents are not those of an evidence pack")
    return verdict


def _files(pack: bytes, verdict: Verdict) -> dict[str, bytes] | None:
    """The files of a zip that can do no harm and hides nothing: it is the one zip of these files that is a pack."""
    if len(pack) > MAX_PACK:
        verdict.add("too_big", "", f"it has more than {MAX_PACK} bytes")
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(pack)) as archive:
            entries = archive.infolist()
            names = Counter(entry.filename.casefold() for entry in entries)
            if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > len(pack):
                verdict.add("too_big", "", "it says that it holds more than it can")
                return None
            for entry in entries:
                where = entry.filename[:100]
                if not _PATH.fullmatch(entry.filename):
                    verdict.add("name", where, "a file of a pack has no such name")
                elif names[entry.filename.casefold()] > 1:
                    verdict.add("duplicate", where, "two files have this name")
                elif entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    verdict.add("compressed", where, "files of a pack are stored, neither compressed nor encrypted")
            files = None if verdict.problems else {one.filename: archive.read(one.filename) for one in entries}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError):
        verdict.add("not_a_zip", "", "it is damaged, or no zip")
        return None
    if files is not None and zipped(files) != pack:
        verdict.add("zip", "", "it holds bytes that are of none of its files: another reader may see other files")
    return files


def _check_of(key: Ed25519PublicKey | None) -> Check | None:
    """Whether a signature is by the platform's key, whatever it is called."""
    if key is None:
        return None

    def check(data: bytes, _signer: str, value: bytes) -> bool:
        try:
            key.verify(value, data)
        except InvalidSignature:
            return False
        return True

    return check


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
        public = hashlib.sha256(key.public_bytes_raw()).hexdigest()
        by = {"key_id": signature["key_id"], "alg": "ed25519", "public_key_sha256": public}
        if claimed == by and files[SIGNATURE] == canonical({**signature, "alg": "ed25519"}) and len(signature) == 3:
            verdict.signature = "good"
            return
    except (InvalidSignature, ValueError, TypeError, LookupError):
        pass
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
    """What the documents of a pack say, against what its events and the words beside them tell."""

    def __init__(self, files: Mapping[str, bytes], said: Mapping[str, Any], key: Ed25519PublicKey | None) -> None:
        self._files, self._manifest, self._key = files, said, key
        self._stream = stream_of(said["case_id"])
        self._lines: list[Any] = [json.loads(line) for line in files["events.jsonl"].splitlines()]
        self._proof: Any = json.loads(files[_CHECKPOINT]) if _CHECKPOINT in files else None

    def problems(self) -> Iterator[Problem]:
        try:
            events, chain = self._events, self._chain
        except (Damage, NewerRelease) as error:
            code = "chain" if isinstance(error, Damage) else error.code
            yield Problem(code, f"event {error.seq}", error.message)
            return
        yield from self._parts(events)
        yield from self._checkpoint(events)
        policy = self._policy()
        if policy is not None and not (policy.version == chain.stream.case.policy and is_of_its_version(policy)):
            yield Problem("policy", _POLICY, "it is not the policy of which the case speaks")
            policy = None
        yield from self._made_again(policy)
        yield from self._laws(events, policy)
        yield from self._messages(events)

    @cached_property
    def _events(self) -> list[Stamped]:
        """The events of the chain, each checked against the hash before it. Raises Damage or NewerRelease."""
        self._roster = Roster()
        # Whether a MAC is good only who holds the ledger key can tell.
        links = [structs.replace(one, mac=b"", key_id=b"") for one in self._links]
        platform = self._manifest["platform_id"]
        return read(links, READERS, {}, platform=platform, stream=self._stream, roster=self._roster)

    @cached_property
    def _links(self) -> list[Link]:
        return [_link(line, self._manifest["platform_id"], self._stream) for line in self._lines]

    @cached_property
    def _chain(self) -> Chain:
        """The chain with the words that are in the pack, as far as a pack of this form may hold them."""
        events, parts = self._events, {}
        for on, line in zip(events, self._lines, strict=True):
            for name, shown in line["parts"].items():
                if (sealed := on.event.parts.get(name)) is not None:
                    data = self._files[shown["file"]] if shown["file"] is not None else b""
                    parts[on.seq, name] = Part(name, sealed.cls, bytes.fromhex(shown["salt"]), data)
        stream = Stream(self._manifest["platform_id"], self._stream, 0, events, self._roster)
        return handed_on(Chain(stream, self._links, parts), self._manifest["form"])

    def _policy(self) -> Policy | None:
        return Policy.model_validate_json(self._files[_POLICY]) if _POLICY in self._files else None

    def _made_again(self, policy: Policy | None) -> Iterator[Problem]:
        """Each file is the one that follows from the events. Pages that another release wrote are its own to make."""
        said = self._manifest
        made = contents(self._chain, said["form"], policy)
        made = replace(made, checkpoint=self._proof, targets=said["targets"])
        by = said["signed_by"]
        files = documents(made, said["lang"], by["key_id"] if by is not None else None)
        listed = {path: data for path, data in self._files.items() if path not in (MANIFEST, SIGNATURE)}
        for path in sorted(files.keys() | listed.keys()):
            if files.get(path) == listed.get(path):
                continue
            if path == "case.json":
                where = next(differences(json.loads(files[path]), json.loads(listed[path])), "")
                yield Problem("told", f"case.json: {where}".rstrip(": "), "the events tell it otherwise")
            elif path in ("report.html", "README.txt"):
                what = f"it is not what the events tell, as this release words it; {said['software']} made it"
                yield Problem("page", path, what)
            else:
                yield Problem("file", path, "it is not what the events tell")
        if files == listed and manifest(made, said["lang"], by, said["software"], files) != self._files[MANIFEST]:
            yield Problem("head", MANIFEST, "it is not the manifest of these files")

    def _laws(self, events: Sequence[Stamped], policy: Policy | None) -> Iterator[Problem]:
        """The history could have come about, as far as it is shown."""
        policies = {} if policy is None else {policy.version: policy}
        words = {at: part.data or None for at, part in self._chain.parts.items()}
        for one in broken(self._manifest["platform_id"], self._stream, events, Known(words, None, policies)):
            yield Problem("unlawful", f"event {one.seq}", f"{one.law}: {one.what}")

    def _checkpoint(self, events: Sequence[Stamped]) -> Iterator[Problem]:
        """That the platform signed the checkpoint, that the leaf speaks of this case and its chain, and that its path
        leads to the root (RFC 9162, 2.1.3.2)."""
        if self._proof is None:
            return
        proof, checkpoint = self._proof, self._proof["checkpoint"]
        leaf = json.loads(proof["leaf"])
        if not _is_of(leaf, self._stream, events) or checkpoint["platform"] != self._manifest["platform_id"]:
            yield Problem("checkpoint", _CHECKPOINT, "it speaks of another case, or of another chain")
        path = [bytes.fromhex(step) for step in proof["path"]]
        node, root = leaf_hash(proof["leaf"].encode()), bytes.fromhex(checkpoint["root"])
        if leaf["n"] != proof["index"] + 1 or not verify_inclusion(
            node, proof["index"], checkpoint["size"], path, root
        ):
            yield Problem("checkpoint", _CHECKPOINT, "the path does not lead to the root of the checkpoint")
        if self._key is not None and whose(checkpoint, _check_of(self._key))[1] is not True:
            yield Problem("checkpoint_signature", _CHECKPOINT, "the platform's key did not sign the checkpoint")

    def outside(self, kept: Sequence[Anchor]) -> Iterator[Problem]:
        """The checkpoint against those that are held outside."""
        if self._proof is None:
            yield Problem("checkpoint_missing", _CHECKPOINT, "no checkpoint in it holds the case")
            return
        size, root = self._proof["checkpoint"]["size"], self._proof["checkpoint"]["root"]
        if (size, root) not in {(one.size, one.root) for one in kept}:
            yield Problem("checkpoint_foreign", _CHECKPOINT, "it is none of those that are held outside")

    @property
    def seen(self) -> int:
        """The last event that the checkpoint has seen."""
        return int(json.loads(self._proof["leaf"])["seq"])

    def _parts(self, events: Sequence[Stamped]) -> Iterator[Problem]:
        """Each part that is shown is the one that was hashed; a full pack has all but what was erased."""
        gone, full = erased_of(events), self._manifest["form"] == "full"
        for on, line in zip(events, self._lines, strict=True):
            shown = line["parts"]
            for name in sorted(shown.keys() - on.event.parts.keys()):
                yield Problem("part", f"event {on.seq}", f"it has no part {name}")
            for name, sealed in on.event.parts.items():
                if name not in shown:
                    if full and not (sealed.cls == "erasable" and on.seq in gone):
                        yield Problem("part", f"event {on.seq}", f"its part {name} is missing, and was not erased")
                    continue
                salt, path = bytes.fromhex(shown[name]["salt"]), shown[name]["file"]
                data = self._files[path] if path is not None else b""
                if (full or path is not None) and not opens(sealed, Part(name, sealed.cls, salt, data)):
                    yield Problem("part", path or f"event {on.seq}", f"it is not the {name} of event {on.seq}")

    def _messages(self, events: Sequence[Stamped]) -> Iterator[Problem]:
        """What left is in the pack, says what it rests on, and is what came in for it."""
        chain, gone = self._chain, erased_of(events)
        said = {at: part.data for at, part in chain.parts.items()}
        for one in chain.stream.case.messages.values():
            if one.at_seq and one.kind in CLEARED and one.at_seq not in gone and not said.get((one.at_seq, "body")):
                yield Problem(one.kind, f"event {one.at_seq}", f"the {one.kind} that it speaks of is not in the pack")
        for on in events:
            body = said.get((on.seq, "body"))
            if isinstance(on.event, Reported) and body:
                report = _json(body)
                if not _is_head(events, on.seq, report):
                    yield Problem("report_head", f"event {on.seq}", "the report names another head of the chain")
                signer, holds = whose(report, _check_of(self._key)) if isinstance(report, dict) else ("", None)
                if signer and holds is False:
                    yield Problem("report_signature", f"event {on.seq}", "the platform's key did not sign the report")
            if isinstance(on.event, Receipt):
                yield from self._receipt(on, said)

    def _receipt(self, on: Stamped, said: Mapping[tuple[int, str], bytes]) -> Iterator[Problem]:
        """A receipt is for the message of which its event speaks, and for its bytes."""
        came = said.get((on.seq, "receipt")) or said.get((on.seq, BY_HAND), b"")
        receipt, owed = _json(came), self._chain.stream.case.messages[on.event.message]
        if not isinstance(receipt, dict):
            return
        body = said.get((owed.at_seq, "body"))
        if body and receipt.get("body_sha256") not in (None, _sha256(body)):
            yield Problem("receipt", f"event {on.seq}", "the receipt is for other bytes than those that left")
        if receipt.get("subject_id") not in (None, owed.id):
            yield Problem("receipt", f"event {on.seq}", "the receipt names another message")

    def senders(self, key: Ed25519PublicKey) -> tuple[list[Problem], int]:
        """Whether this key signed each message that came signed and lies here as it came, and each receipt; and how
        many these are."""
        found, count, parts = [], 0, self._chain.parts
        for (seq, name), part in parts.items():
            body = parts.get((seq, _SIGNS.get(name, "")))
            headers = _headers_of(part.data)
            if body is None or not body.data or headers is None:
                continue
            count += 1
            if not self._is_by(key, headers, body.data, _json(part.data)):
                found.append(
                    Problem("sender_signature", f"event {seq}", f"the sender's key did not sign its {body.name}")
                )
        return found, count

    def _is_by(self, key: Ed25519PublicKey, headers: Headers, body: bytes, said: Any) -> bool:
        signed = dict(headers).get("signature-input", "")
        named = {name: found[1] for name, made in _NAMED.items() if (found := made.search(signed))}
        if isinstance(said, dict):
            named |= {"keyid": said["key_id"], "created": said["signed_at"]}
        given = Key(named["keyid"], "ed25519", key.public_bytes_raw(), "sender", frozenset(), "", 0, _NEVER)
        ring, at = KeyRing([given], allow_test_keys=True), int(named["created"])
        if isinstance(said, dict):
            target = self._manifest["targets"][said["target"]]
            return _holds(lambda: verify(ring, "POST", target, headers, body, at))
        return any(_holds(partial(verify_response, ring, status, headers, body, at)) for status in _STATUSES)


Headers = list[tuple[str, str]]
_SIGNS: Final = {"proof": "message", "signature": "receipt"}
"""Which part of an event signs which."""
_NAMED: Final = {"keyid": re.compile(r'keyid="([^"]+)"'), "created": re.compile(r"created=([0-9]{1,12})")}


def _headers_of(proof: bytes) -> Headers | None:
    """The headers that sign a message or a receipt; None where it came otherwise, by letter."""
    said = _json(proof)
    headers = said.get("headers") if isinstance(said, dict) else said
    return [(str(name), str(value)) for name, value in headers] if isinstance(headers, list) else None


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except NotAuthentic:
        return False
    return True


def _link(line: Mapping[str, Any], platform: str, stream: str) -> Link:
    """An event as its line has it."""
    content, said = line["content"].encode(), json.loads(line["content"])
    people, redacted = line.get("people", "").encode(), bytes.fromhex(line.get("people_sha256", ""))
    seq, at, kind, hash_ = said["seq"], said["at"], said["kind"], bytes.fromhex(line["hash"])
    mac, key_id = bytes.fromhex(line["mac"]), bytes.fromhex(line["key_id"])
    return Link(platform, stream, seq, at, kind, content, people, hash_, mac, key_id, redacted)


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


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
