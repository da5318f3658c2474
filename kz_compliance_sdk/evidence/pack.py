"""The pack as one file: a zip whose manifest names every other file, and the signature of that manifest.

The same contents give the same bytes on every machine: files are stored and not compressed, in order, with one time.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import Json, canonical
from kz_compliance_sdk.domain.words import LANGUAGES, Words, words
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.evidence.dossier import Contents
from kz_compliance_sdk.evidence.page import rendered
from kz_compliance_sdk.wire.signature import SigningKey

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
