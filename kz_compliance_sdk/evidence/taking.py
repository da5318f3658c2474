"""Looking at a case and taking it out of the office: what was seen or taken is on the chain before it leaves."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from kz_compliance_sdk.domain import review_policy
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.fold import Chain
from kz_compliance_sdk.domain.policy import Policy, policy_text
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.domain.values import Json, canonical, document_in
from kz_compliance_sdk.domain.words import LANGUAGES, Words, words
from kz_compliance_sdk.errors import InvalidInput, NotFound
from kz_compliance_sdk.evidence.dossier import FORMAT, Contents, contents, handed_on
from kz_compliance_sdk.evidence.page import rendered
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.wire.signature import SigningKey


class Evidence:
    """The views and the evidence packs of one platform's cases.

    `prove` gives what shows a case's place in a checkpoint: its `leaf` as text, the leaf's `index`, the `path` to the
    root (hex), and the `checkpoint`. It raises NotFound while there is none. `target_uri` turns the raw target of a
    request into the address that its sender signed.
    """

    def __init__(
        self,
        store: Store,
        platform_id: str,
        policy: Policy,
        *,
        target_uri: Callable[[str], str],
        prove: Callable[[str], Mapping[str, Json]] | None = None,
    ) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._target_uri, self._prove = target_uri, prove

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
        """What a pack of this form holds. That it was taken is one of its events.

        Raises NotFound, NotAllowed, and InvalidInput for a full pack without a reason.
        """

        def work(tx: Tx, stamp: Stamp) -> tuple[Change, Case]:
            return review_policy.disclose(tx.case(case_id), form, lang, reason, stamp=stamp)

        self._write(actor, work)
        chain = handed_on(self._store.queries(self._platform).records(case_id).chain, form)
        policy = self._policy if self._policy.version == chain.stream.case.policy else None
        made = contents(chain, form, policy)
        return replace(made, checkpoint=self._checkpoint(case_id), targets=self._targets(chain))

    def _write(self, actor: Actor, step: Callable[[Tx, Stamp], tuple[Change, Case]]) -> None:
        def work(tx: Tx) -> tuple[Change, None]:
            change, _ = step(tx, tx.stamp(actor))
            return change, None

        self._store.submit(self._platform, work).result()

    def _checkpoint(self, case_id: str) -> Mapping[str, Json] | None:
        """What proves the case's place among all cases; None while no checkpoint holds it."""
        try:
            return None if self._prove is None else self._prove(case_id)
        except NotFound:
            return None

    def _targets(self, chain: Chain) -> dict[str, str]:
        """The addresses that the senders of signed messages signed, by the raw targets that their proofs name."""
        proofs = (document_in(part.data) for (_, name), part in sorted(chain.parts.items()) if name == "proof")
        return {str(said["target"]): self._target_uri(str(said["target"])) for said in proofs if "target" in said}


# --------------------------------------------------------------------------------------------------------------- pack
# The pack as one file: a zip whose manifest names every other file, and the signature of that manifest.
#
# The same contents give the same bytes on every machine: files are stored and not compressed, in order, with one time.


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
    files = documents(contents, lang, key.key_id if key is not None else None)
    files[MANIFEST] = manifest(contents, lang, signed_by(key), f"kz-compliance-sdk {_version()}", files)
    if key is not None:
        value = base64.b64encode(key.private_key().sign(SIGNED + files[MANIFEST])).decode("ascii")
        files[SIGNATURE] = canonical({"key_id": key.key_id, "alg": "ed25519", "value": value})
    return zipped(files)


def documents(contents: Contents, lang: str, key_id: str | None) -> dict[str, bytes]:
    """Every file that a manifest names. It follows from the contents, the language and the id of the key alone, so that
    whoever holds a pack makes it again."""
    say = words(lang, *SUBJECTS)
    files: dict[str, bytes] = dict(contents.exact)
    files["case.json"] = _document(contents.case, indent=1)
    files["events.jsonl"] = b"".join(_document(event) + b"\n" for event in contents.events)
    if contents.policy is not None:
        files["policy.json"] = policy_text(contents.policy)
    if contents.checkpoint is not None:
        files["checkpoint.json"] = _document(contents.checkpoint, indent=1)
    files["report.html"] = rendered(contents, say).encode("utf-8", "replace")
    files["README.txt"] = _readme(contents, say, key_id).encode("utf-8", "replace")
    return files


def signed_by(key: SigningKey | None) -> Json:
    """What a manifest says of the key that signs it."""
    if key is None:
        return None
    public = hashlib.sha256(key.verification_material()).hexdigest()
    return {"key_id": key.key_id, "alg": "ed25519", "public_key_sha256": public}


def manifest(contents: Contents, lang: str, signed_by: Json, software: str, files: Mapping[str, bytes]) -> bytes:
    """The list of these files, and what the pack says of itself."""
    case: Any = contents.case
    return canonical(
        {
            "format": FORMAT,
            "form": contents.form,
            "lang": lang,
            **{name: case[name] for name in ("platform_id", "case_id", "made_at", "audit_head", "audit_length")},
            "software": software,
            "signed_by": signed_by,
            "targets": dict(contents.targets),
            "files": [
                {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for path, data in sorted(files.items())
            ],
        }
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """These files in one zip, the manifest first, then by path. There is no other zip of them that is a pack: between,
    before and behind its entries stands nothing, and nothing of an entry can be chosen."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files, key=lambda path: (path not in (MANIFEST, SIGNATURE), path)):
            entry = zipfile.ZipInfo(path, _MOMENT)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return out.getvalue()


def _readme(contents: Contents, say: Words, key_id: str | None) -> str:
    case: Any = contents.case
    signed = say("readme", "unsigned") if key_id is None else say("readme", "signed", key=key_id)
    return say(
        "readme",
        "text",
        platform=case["platform_id"],
        case=case["case_id"],
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
