"""Looking at a case and taking it out of the office: what was seen or taken is on the chain before it leaves."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from kz_compliance_sdk.domain import proofs, review_policy
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, InboxRow
from kz_compliance_sdk.domain.notice import Sanction
from kz_compliance_sdk.domain.received import received_in
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.domain.running_time import clock_of
from kz_compliance_sdk.domain.values import Json, canonical, instant_text
from kz_compliance_sdk.domain.words import LANGUAGES, Words, words
from kz_compliance_sdk.errors import InvalidInput, NotAuthentic, NotFound, Unreadable
from kz_compliance_sdk.evidence.dossier import Contents, Dossier, Received, Said, contents
from kz_compliance_sdk.evidence.page import rendered
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.wire.signature import KeyRing, SigningKey, verify
from kz_compliance_sdk.wire.v1 import read_message


class Evidence:
    """The views and the evidence packs of one platform's cases.

    `prove` gives what shows a case's place in a checkpoint: its `leaf` as text, the leaf's `index`, the `path` to the
    root (hex), and the `checkpoint`. It raises NotFound while there is none.
    """

    def __init__(
        self,
        store: Store,
        platform_id: str,
        ring: KeyRing,
        *,
        target_uri: Callable[[str], str],
        entropy: Callable[[int], bytes],
        prove: Callable[[str], Mapping[str, Json]] | None = None,
    ) -> None:
        self._store, self._platform, self._ring = store, platform_id, ring
        self._target_uri, self._entropy, self._prove = target_uri, entropy, prove

    def record_view(self, actor: Actor, case_id: str) -> bool:
        """Record that a person looked at a case; False if a view of theirs from a moment ago stands for this one too.

        Raises NotFound.
        """
        events = self._store.queries(self._platform).records(case_id).stream.events
        if review_policy.is_seen(events, actor, self._store.now()):
            return False
        self._write(actor, lambda tx, stamp: review_policy.view(tx.case(case_id), stamp=stamp))
        return True

    def take(self, actor: Actor, case_id: str, form: Form, lang: str, reason: str) -> Contents:
        """What a pack of this form holds. That it was taken is its last event.

        Raises NotFound, NotAllowed, and InvalidInput for a full pack without a reason.
        """

        def work(tx: Tx, stamp: Stamp) -> tuple[Change, Case]:
            return review_policy.disclose(tx.case(case_id), form, lang, reason, stamp=stamp)

        made_at = self._write(actor, work)
        records = self._store.queries(self._platform).records(case_id)
        came = received_in(records.stream, records.chain.words, records.repeats)
        return contents(
            Dossier(
                records=records,
                received=tuple(self._received(row, made_at) for row in sorted(came, key=_in_order)),
                clock=clock_of(records.case, records.messages, made_at),
                faults=proofs.check(records),
                made_at=made_at,
                checkpoint=self._checkpoint(case_id),
            ),
            form,
        )

    def _write(self, actor: Actor, step: Callable[[Tx, Stamp], tuple[Change, Case]]) -> int:
        """The time of the step, UTC seconds."""

        def work(tx: Tx) -> tuple[Change, int]:
            change, _ = step(tx, tx.stamp(actor))
            return change, tx.now

        return self._store.submit(self._platform, work).result()

    def _checkpoint(self, case_id: str) -> Mapping[str, Json] | None:
        """What proves the case's place among all cases; None while no checkpoint holds it."""
        try:
            return None if self._prove is None else self._prove(case_id)
        except NotFound:
            return None

    def _received(self, row: InboxRow, now: int) -> Received:
        said: Said | None
        try:
            data = read_message(row.body).data
            said = None if isinstance(data, Sanction) else data
        except Unreadable:
            said = None
        return Received(row, said, self._verification(row, now))

    def _verification(self, row: InboxRow, now: int) -> dict[str, Json]:
        """What the signature comes to with the keys of today. Intake has judged it once, with those of its day."""
        if row.source == "typed":
            return {"result": "typed"}
        if not row.body:
            return {"result": "erased"}
        try:
            proof = json.loads(row.proof)
            headers = [(str(name), str(value)) for name, value in proof["headers"]]
            target = self._target_uri(str(proof["target"]))
            verified = verify(self._ring, "POST", target, headers, row.body, now)
        except NotAuthentic as error:
            return {"result": "not_proved", "reason": error.code}
        except (ValueError, TypeError, LookupError):
            return {"result": "not_proved", "reason": "proof_unreadable"}
        key = self._ring.get(verified.key_id)
        public = base64.b64encode(key.material).decode("ascii") if key and key.algorithm == "ed25519" else None
        return {
            "result": "proved",
            "key_id": verified.key_id,
            "public_key": public,
            "sender": verified.sender,
            "profile": verified.profile,
            "signed_at": instant_text(verified.signed_at),
            "target": target,
            "key_expired": verified.key_expired,
        }


def _in_order(row: InboxRow) -> tuple[int, str, str]:
    return row.received_at, row.message_id, row.body_sha256


# --------------------------------------------------------------------------------------------------------------- pack
# The pack as one file: a zip whose manifest names every other file, and the signature of that manifest.
#
# The same contents give the same bytes on every machine: files are stored and not compressed, in order, with one time.


FORMAT: Final = "kz-compliance/evidence/v1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig.json"
SIGNED: Final = b"kz-compliance/evidence-manifest/v1\n"
"""What stands before the manifest in the bytes that are signed: no other signature of the key can pass for it."""

SUBJECTS: Final = ("evidence", "cases", "transparency")
"""Whose words a pack speaks in: its own, those of the codes of cases, and those of the public figures for the kinds of
demands."""

_MOMENT = (1980, 1, 1, 0, 0, 0)


def check_lang(lang: str) -> None:
    """Raises InvalidInput for a language in which there is no pack."""
    if lang not in LANGUAGES:
        raise InvalidInput("packs are written in kk, ru and en.", field="lang", remedy="Choose one of them.")


def packed(contents: Contents, lang: str, key: SigningKey | None) -> bytes:
    """The zip, in a language that `check_lang` lets pass. `key` is the platform's Ed25519 key; without one the pack
    says that it is not signed."""
    say = words(lang, *SUBJECTS)
    files: dict[str, bytes] = dict(contents.exact)
    files["case.json"] = _document(contents.case, indent=1)
    files["events.jsonl"] = b"".join(_document(event) + b"\n" for event in contents.events)
    if contents.checkpoint is not None:
        files["checkpoint.json"] = _document(contents.checkpoint, indent=1)
    files["report.html"] = rendered(contents, say).encode("utf-8", "replace")
    files["README.txt"] = _readme(contents, say, key).encode("utf-8", "replace")
    manifest = canonical(_manifest(contents, lang, key, files))
    files[MANIFEST] = manifest
    if key is not None:
        value = base64.b64encode(key.private_key().sign(SIGNED + manifest)).decode("ascii")
        files[SIGNATURE] = canonical({"key_id": key.key_id, "alg": "ed25519", "value": value})
    return zipped(files)


def _manifest(contents: Contents, lang: str, key: SigningKey | None, files: Mapping[str, bytes]) -> Json:
    case: Any = contents.case
    return {
        "format": FORMAT,
        "form": contents.form,
        "lang": lang,
        "platform_id": case["case"]["platform_id"],
        "case_id": case["case"]["id"],
        "made_at": case["made_at"],
        "audit_head": case["audit"]["head"],
        "audit_length": case["audit"]["length"],
        "software": f"kz-compliance-sdk {_version()}",
        "signed_by": None
        if key is None
        else {
            "key_id": key.key_id,
            "alg": "ed25519",
            "public_key_sha256": hashlib.sha256(key.verification_material()).hexdigest(),
        },
        "files": [
            {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in sorted(files.items())
        ],
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """These files in one zip: the manifest first, then by path."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files, key=lambda path: (path not in (MANIFEST, SIGNATURE), path)):
            entry = zipfile.ZipInfo(path, _MOMENT)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return out.getvalue()


def _readme(contents: Contents, say: Words, key: SigningKey | None) -> str:
    case: Any = contents.case
    signed = say("readme", "unsigned") if key is None else say("readme", "signed", key=key.key_id)
    return say(
        "readme",
        "text",
        platform=case["case"]["platform_id"],
        case=case["case"]["id"],
        made_at=case["made_at"],
        form=say("page", contents.form),
        proves=say("readme", contents.form).strip(),
        unsigned=signed,
    ).lstrip()


def _document(value: Json, indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else (",", ": ")
    # Bytes that do not open stand where a text was.
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, default=_readable)
    # Half a character that somebody put into the store has an escape in JSON and no bytes in UTF-8.
    return text.encode("utf-8", "backslashreplace")


def _version() -> str:
    try:
        return version("kz-compliance-sdk")
    except PackageNotFoundError:
        return "unknown"


def _readable(held: bytes) -> str:
    return held.decode("utf-8", "replace")
