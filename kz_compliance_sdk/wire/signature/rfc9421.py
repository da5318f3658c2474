"""HTTP Message Signatures (RFC 9421) with Ed25519 and a Content-Digest (RFC 9530): the default profile.

One signature with the tag `kz-compliance`. It covers the method, the target URI and the digest of a
request, or the status and the digest of a response, and carries `created`, `nonce` and `keyid`. Signatures
with other tags, such as those of a proxy, are left alone.

The library parses and builds the signature base. The window is ours: the library's reads the wall clock and
refuses, where a message that is authentic but late must be told apart from one that is not.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from kz_compliance_sdk.wire.signature.keyring import KeyRing, SigningKey, Verified, one_of_each, refusal, verified_by

HEADERS: Final = ("signature-input", "signature", "content-digest")
TAG: Final = "kz-compliance"
TAGGED: Final = f';tag="{TAG}"'

_LABEL = "kz"
_REQUEST = ("@method", "@target-uri", "content-digest")
_RESPONSE = ("@status", "content-digest")
_LABELS = re.compile(r"(?:^|,\s*)([a-z*][a-z0-9_.*-]*)=\(")
_PARAMETERS = '"@signature-params"'
_NONCE = re.compile(r"[!-~]{1,128}")
_KEY_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class _Headers(dict[str, str]):
    """What the library asks of headers, for field lines that were found to be there once."""


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: _Headers = field(default_factory=_Headers)


@dataclass(slots=True)
class _Response:
    status_code: int
    headers: _Headers = field(default_factory=_Headers)
    request: None = None


class _TrustedKeys(HTTPSignatureKeyResolver):
    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._ring.public_key(key_id)


class _OwnKey(HTTPSignatureKeyResolver):
    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._key.private_key()


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Leaves the window to the caller, who has the clock, and insists on what it needs."""
        if type(sig_input.params.get("created")) is not int:
            raise InvalidSignature("created is missing")
        # A lifetime would be a second window beside the one that the contract gives.
        if "expires" in sig_input.params:
            raise InvalidSignature("expires has no place in this profile")


def verify(
    ring: KeyRing, method: str, target_uri: str, headers: Sequence[tuple[str, str]], body: bytes, now: int
) -> Verified:
    """The sender of a request. Header names are in lower case. Raises NotAuthentic."""
    return _verify(ring, _Request(method, target_uri), _REQUEST, headers, body, now)


def verify_response(ring: KeyRing, status: int, headers: Sequence[tuple[str, str]], body: bytes, now: int) -> Verified:
    """The sender of a response. Header names are in lower case. Raises NotAuthentic."""
    return _verify(ring, _Response(status), _RESPONSE, headers, body, now)


def sign(
    key: SigningKey,
    method: str,
    target_uri: str,
    body: bytes,
    now: int,
    nonce: str,
    idempotency_key: str | None = None,
) -> list[tuple[str, str]]:
    """The three headers that sign a request at `now`, and its idempotency key if it has one. Raises ValueError for
    arguments that cannot be signed."""
    request = _Request(method, target_uri)
    if idempotency_key is None:
        return _sign(key, request, _REQUEST, body, now, nonce)
    request.headers["idempotency-key"] = idempotency_key
    return _sign(key, request, (*_REQUEST, "idempotency-key"), body, now, nonce)


def sign_response(key: SigningKey, status: int, body: bytes, now: int, nonce: str) -> list[tuple[str, str]]:
    """The three headers that sign a response at `now`. Raises ValueError for arguments that cannot be signed."""
    return _sign(key, _Response(status), _RESPONSE, body, now, nonce)


def _verify(
    ring: KeyRing,
    message: _Request | _Response,
    covered: tuple[str, ...],
    headers: Sequence[tuple[str, str]],
    body: bytes,
    now: int,
) -> Verified:
    headers = _without_proxies(headers)
    signature_input, signature, _ = one_of_each(headers, HEADERS)
    message.headers.update(_joined(headers))
    verifier = _Verifier(signature_algorithm=ED25519, key_resolver=_TrustedKeys(ring))
    try:
        results = verifier.verify(message, max_age=None, expect_tag=TAG, require_components=covered)
    except HTTPMessageSignaturesException:
        raise refusal("signature_wrong") from None
    if len(results) != 1:
        raise refusal("too_many_signatures")
    try:
        verifier.verify_body(message, results, body)
    except HTTPMessageSignaturesException:
        raise refusal("digest_wrong") from None
    result = results[0]
    if isinstance(message, _Request) and result.covered_components['"@target-uri"'] != message.url:
        # The library leaves out a fragment or credentials, which no signature then covers.
        raise refusal("not_covered")
    if not _is_as_signed(result, signature_input, signature):
        raise refusal("header_malformed")
    parameters = result.parameters
    key = ring.get(str(parameters["keyid"]))
    nonce, created = parameters.get("nonce"), parameters["created"]
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce) or not isinstance(created, int):
        raise refusal("not_covered")
    if key is None:
        raise refusal("internal")
    return verified_by(key, "rfc9421", signed_at=created, now=now, nonce=nonce)


def _sign(
    key: SigningKey, message: _Request | _Response, covered: tuple[str, ...], body: bytes, now: int, nonce: str
) -> list[tuple[str, str]]:
    if not _NONCE.fullmatch(nonce) or not _KEY_ID.fullmatch(key.key_id):
        raise ValueError("a nonce is 1 to 128 printable ASCII characters, a key id 1 to 128 of A-Z a-z 0-9 . _ : -")
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_OwnKey(key))
    try:
        signer.sign(
            message,
            key_id=key.key_id,
            created=datetime.datetime.fromtimestamp(now, datetime.UTC),
            nonce=nonce,
            label=_LABEL,
            tag=TAG,
            covered_component_ids=covered,
            body=body,
        )
    except HTTPMessageSignaturesException as wrong:
        raise ValueError(str(wrong)) from None
    lower = {name.lower(): value for name, value in message.headers.items()}
    return [(name, lower[name]) for name in HEADERS]


def _without_proxies(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the lines of `Signature-Input` that have neither our tag nor a label beside it, and those of `Signature`
    with no such label. One of its labels in a second line stays: which of the two is meant nobody can say."""
    inputs = [value for name, value in headers if name == "signature-input" and TAGGED in value]
    labels = {label for value in inputs for label in _LABELS.findall(value)}
    of_ours = re.compile("|".join(rf"(?:^|,)\s*{re.escape(one)}(?![a-z0-9_.*-])" for one in labels) or "(?!)")
    return [
        (name, value)
        for name, value in headers
        if (name != "signature-input" or TAGGED in value or of_ours.search(value))
        and (name != "signature" or any(f"{one}=:" in value for one in labels))
    ]


def _is_as_signed(result: VerifyResult, signature_input: str, signature: str) -> bool:
    # Structured fields can be written in several ways; here only the way that was signed is right.
    value = re.search(rf"(?:^|, ){re.escape(result.label)}=:([A-Za-z0-9+/=]*):(?=$|,)", signature)
    return (
        value is not None
        and base64.b64encode(base64.b64decode(value[1])).decode("ascii") == value[1]
        and f"{result.label}={result.covered_components[_PARAMETERS]}" in signature_input.split(", ")
    )


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    # A signature may cover other fields too; RFC 9421 section 2.1 joins the lines of a field like this.
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value.strip()}" if name in joined else value.strip()
    return joined
