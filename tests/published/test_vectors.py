"""The worked vectors of the documentation, made again by other hands: bases by the text of the RFCs, signatures by
`cryptography` and `standardwebhooks`. Nothing of `wire` is used but where it is what is tested."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Mapping

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook

from kz_compliance_sdk.testing.keys import platform_key, regulator_key
from kz_compliance_sdk.wire.signature import KeyRing, verify, verify_response
from tests.docs.blocks import DOCS, blocks

PAGE = DOCS / "contract" / "signatures.md"
VECTORS: Mapping[str, str] = {block.title: block.text.removesuffix("\n") for block in blocks(PAGE) if block.title}
NOW = 1_795_503_600
RECORDED = 1_795_507_301
TARGET = "https://social.example/kz/notices"
RING = KeyRing([regulator_key(), regulator_key("standard-webhooks")], allow_test_keys=True)


def headers(title: str) -> dict[str, str]:
    """The headers of a block, with names in lower case."""
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in VECTORS[title].splitlines())}


def content_digest(body: bytes) -> str:
    """RFC 9530, section 2."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signature_base(components: Mapping[str, str], created: int, nonce: str) -> str:
    """RFC 9421, section 2.5, for the components and parameters of this profile."""
    names = " ".join(f'"{name}"' for name in components)
    key = 'keyid="sample-regulator-ed25519";alg="ed25519"'
    parameters = f'({names});created={created};{key};nonce="{nonce}";tag="kz-compliance"'
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def _private(title: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS[title]))


def test_the_keys_belong_together() -> None:
    for name in ("ed25519", "report"):
        public = _private(f"{name}.private").public_key().public_bytes_raw()
        assert public.hex() == VECTORS[f"{name}.public"]
    assert regulator_key().material.hex() == VECTORS["ed25519.public"]
    assert platform_key().material.hex() == VECTORS["report.public"]


@pytest.mark.parametrize(
    ("name", "components", "created", "nonce"),
    [
        ("push", {"@method": "POST", "@target-uri": TARGET}, NOW, "nonce-02"),
        ("receipt", {"@status": "201"}, RECORDED, "nonce-03"),
    ],
)
def test_a_vector_of_rfc9421_is_what_the_rfcs_say(
    name: str, components: Mapping[str, str], created: int, nonce: str
) -> None:
    body, given = VECTORS[f"{name}.body"].encode(), headers(f"{name}.headers")
    digest = content_digest(body)
    base = signature_base({**components, "content-digest": digest}, created, nonce)
    assert base == VECTORS[f"{name}.base"]
    assert given["content-digest"] == digest
    assert given["signature-input"] == "kz=" + base.rpartition('"@signature-params": ')[2]
    # Ed25519 is deterministic: there is one signature, and this is it.
    made = base64.b64encode(_private("ed25519.private").sign(base.encode())).decode()
    assert given["signature"] == f"kz=:{made}:"


@pytest.mark.parametrize("name", ["push", "receipt"])
def test_a_vector_that_was_changed_does_not_verify(name: str) -> None:
    """The control: one letter of the base, and the signature of the page is wrong."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["ed25519.public"]))
    signature = base64.b64decode(headers(f"{name}.headers")["signature"][4:-1])
    public.verify(signature, VECTORS[f"{name}.base"].encode())
    with pytest.raises(InvalidSignature):
        public.verify(signature, VECTORS[f"{name}.base"].replace("created=1", "created=2").encode())


def test_the_vector_of_standard_webhooks_is_what_its_own_library_makes() -> None:
    given = headers("webhook-v1.headers")
    body = VECTORS["push.body"]
    at = datetime.datetime.fromtimestamp(int(given["webhook-timestamp"]), datetime.UTC)
    assert Webhook(VECTORS["webhook.secret"]).sign(given["webhook-id"], at, body) == given["webhook-signature"]
    assert VECTORS["webhook.signed"] == f"{given['webhook-id']}.{given['webhook-timestamp']}.{body}"


def test_the_vector_of_ed25519_webhooks_is_a_signature_over_the_same() -> None:
    given = headers("webhook-v1a.headers")
    signature = base64.b64encode(_private("ed25519.private").sign(VECTORS["webhook.signed"].encode())).decode()
    assert given["webhook-signature"] == f"v1a,{signature}"


def test_this_library_takes_every_vector() -> None:
    body = VECTORS["push.body"].encode()
    for title, profile in (
        ("push.headers", "rfc9421"),
        ("webhook-v1.headers", "standard-webhooks"),
        ("webhook-v1a.headers", "standard-webhooks"),
    ):
        verified = verify(RING, "POST", TARGET, list(headers(title).items()), body, NOW)
        assert (verified.profile, verified.stale) == (profile, False)
    receipt = VECTORS["receipt.body"].encode()
    assert not verify_response(RING, 201, list(headers("receipt.headers").items()), receipt, RECORDED).stale


def test_the_vector_of_a_report_is_over_the_example_without_its_signature() -> None:
    example = json.loads((DOCS / "contract" / "examples" / "report.interim.json").read_text(encoding="utf-8"))
    signature = example.pop("signature")
    plain = json.dumps(example, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(plain).hexdigest() == VECTORS["report.sha256"]
    assert f"has {len(plain)} bytes" in " ".join(PAGE.read_text(encoding="utf-8").split())
    assert signature["value"] == VECTORS["report.signature"]
    assert base64.b64encode(_private("report.private").sign(plain)).decode() == signature["value"]


def test_the_example_of_the_feed_is_signed_as_a_push() -> None:
    """Whoever implements the feed can check their verifier with the published page."""
    page = json.loads((DOCS / "contract" / "examples" / "feed-page.complete.json").read_text(encoding="utf-8"))
    (entry,) = page["data"]
    pairs = [(name.lower(), value) for name, value in entry["headers"].items()]
    verified = verify(RING, entry["method"], TARGET, pairs, base64.b64decode(entry["body"]), NOW)
    assert not verified.stale


def test_every_vector_of_the_page_is_looked_at_here() -> None:
    """A block that nobody checks would be a claim."""
    source = (DOCS.parent / "tests" / "published" / "test_vectors.py").read_text(encoding="utf-8")
    stems = {title.rpartition(".")[0] for title in VECTORS}
    assert stems == {"ed25519", "push", "receipt", "webhook", "webhook-v1", "webhook-v1a", "report"}
    assert all(f'"{stem}' in source for stem in stems)
