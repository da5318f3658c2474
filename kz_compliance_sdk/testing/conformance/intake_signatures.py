"""What proves an origin and what does not, under either profile; a refusal tells nothing and leaves nothing."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import promises, signing
from kz_compliance_sdk.testing.conformance.bad_inputs import GROUP_ORDER, serialised
from kz_compliance_sdk.testing.conformance.checks import PROFILES, Broken, Check, expect
from kz_compliance_sdk.testing.conformance.intake_scene import JSON, IntakeScene, expect_problem
from kz_compliance_sdk.testing.conformance.promises import Promise
from kz_compliance_sdk.testing.conformance.transport import Answer
from kz_compliance_sdk.testing.mock_regulator.exchange import Request
from kz_compliance_sdk.wire.signature import Profile

_RFC: Final[tuple[Profile, ...]] = ("rfc9421",)
_WEBHOOKS: Final[tuple[Profile, ...]] = ("standard-webhooks",)
Forged = Callable[[IntakeScene], Request]


# ------------------------------------------------------------------------------------------- forged, either profile


def _unsigned(scene: IntakeScene) -> Request:
    return Request("POST", scene.path, [JSON], serialised(scene.message()))


def _unsigned_noise(scene: IntakeScene) -> Request:
    return Request("POST", scene.path, [JSON], b"conformance: no JSON " + scene.new_id().encode())


def _wrong_key(scene: IntakeScene) -> Request:
    # Under the id of the right key, so that the signature alone gives it away.
    return scene.signed(scene.message(), key=replace(scene.stranger, key_id=scene.key("current").key_id))


def _unknown_key(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), key=scene.stranger)


def _revoked_key(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), key="revoked")


def _key_from_elsewhere(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), key="elsewhere")


def _tampered(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, body=request.body.replace(b"/p/1001", b"/p/1002", 1))


def _appended(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, body=request.body + b" ")


# ------------------------------------------------------------------------------------------- forged, RFC 9421


def _rfc(scene: IntakeScene, **changes: Any) -> Request:
    """A good message whose signature departs from the profile, made with the right key."""
    body = serialised(scene.message())
    given: dict[str, Any] = {"created": scene.clock(), "nonce": scene.new_id("nonce")} | changes
    headers = signing.rfc9421(given.pop("key", scene.key("current")), scene.target.url, body, **given)
    return Request("POST", scene.path, [JSON, *headers], body)


def _other_address(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), signed_for=f"{scene.target.url}/elsewhere")


def _other_query(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), target=f"{scene.path}?notice_id=OTHER")


def _digest_replaced(scene: IntakeScene) -> Request:
    request = _tampered(scene)
    changed = ("content-digest", signing.content_digest(request.body))
    return replace(request, headers=[changed if name == changed[0] else (name, v) for name, v in request.headers])


def _digest_missing(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, headers=[pair for pair in request.headers if pair[0] != "content-digest"])


def _two_signatures(scene: IntakeScene) -> Request:
    body, key = serialised(scene.message()), scene.key("current")
    made = [
        dict(signing.rfc9421(key, scene.target.url, body, created=scene.clock(), nonce=scene.new_id(), label=label))
        for label in ("one", "two")
    ]
    joined = [(name, ", ".join(each[name] for each in made)) for name in ("signature-input", "signature")]
    return Request("POST", scene.path, [JSON, ("content-digest", made[0]["content-digest"]), *joined], body)


def _junk_in_base64(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(
        request,
        headers=[(n, v.replace("=:", "=:!!!", 1) if n == "signature" else v) for n, v in request.headers],
    )


def _signature_changed(scene: IntakeScene, change: Callable[[bytes, bytes], bytes]) -> Request:
    """With another signature in place of the right one. `change` gets it, and what it covers."""
    body, key, nonce, now = serialised(scene.message()), scene.key("current"), scene.new_id("nonce"), scene.clock()
    headers = dict(signing.rfc9421(key, scene.target.url, body, created=now, nonce=nonce))
    parameters = headers["signature-input"].removeprefix("kz=")
    covered = (
        f'"@method": POST\n"@target-uri": {scene.target.url}\n"content-digest": {headers["content-digest"]}\n'
        f'"@signature-params": {parameters}'
    )
    right = base64.b64decode(headers["signature"].removeprefix("kz=:").removesuffix(":"))
    headers["signature"] = f"kz=:{base64.b64encode(change(right, covered.encode())).decode()}:"
    return Request("POST", scene.path, [JSON, *headers.items()], body)


def _malleable(scene: IntakeScene) -> Request:
    def shifted(right: bytes, _covered: bytes) -> bytes:
        return right[:32] + (int.from_bytes(right[32:], "little") + GROUP_ORDER).to_bytes(32, "little")

    return _signature_changed(scene, shifted)


def _hmac_with_the_public_key(scene: IntakeScene) -> Request:
    public = scene.key("current").verification_material()
    return _signature_changed(scene, lambda _right, covered: hmac.digest(public, covered, "sha256"))


def _weaker_beside(scene: IntakeScene) -> Request:
    body = serialised(scene.message())
    webhook = signing.webhook(
        published.regulator_signing_key("standard-webhooks"), body, message_id=scene.new_id(), at=scene.clock()
    )
    forged = signing.rfc9421(scene.stranger, scene.target.url, body, created=scene.clock())
    return Request("POST", scene.path, [JSON, *forged, *webhook], body)


_FORGED: Final[tuple[tuple[str, Promise, str, Forged, tuple[str, ...], tuple[Profile, ...]], ...]] = (
    ("unsigned", promises.REFUSED, "a good notice without a signature", _unsigned, (), PROFILES),
    ("unsigned_noise", promises.RAW, "bytes that are no JSON, without a signature", _unsigned_noise, (), PROFILES),
    ("wrong_key", promises.REFUSED, "a good notice, signed by a stranger under a trusted key's id", _wrong_key, (),
     PROFILES),
    ("unknown_key", promises.PINNED, "a good notice, signed by a stranger under a key id of its own", _unknown_key, (),
     _RFC),
    ("tampered_body", promises.RAW, "a signed notice with one digit of a URL changed", _tampered, (), PROFILES),
    ("appended_byte", promises.RAW, "a signed notice with a blank after its end", _appended, (), PROFILES),
    ("key_revoked", promises.PINNED, "a good notice, signed with a revoked key", _revoked_key, ("key revoked",),
     PROFILES),
    ("key_of_another_platform", promises.PINNED, "a good notice, signed with a key that is good for another platform",
     _key_from_elsewhere, ("key elsewhere",), PROFILES),
    ("another_address", promises.RFC9421, "a notice that was signed for another address", _other_address, (), _RFC),
    ("query_added", promises.RFC9421, "a signed notice, sent with a query that was not signed", _other_query, (), _RFC),
    ("another_method", promises.RFC9421, "a POST that was signed as a PUT",
     lambda scene: _rfc(scene, method="PUT"), (), _RFC),
    ("digest_replaced", promises.RFC9421, "a changed body with a Content-Digest that fits it, under the old signature",
     _digest_replaced, (), _RFC),
    ("digest_missing", promises.RFC9421, "a signed notice without its Content-Digest", _digest_missing, (), _RFC),
    ("digest_not_covered", promises.RFC9421, "a signature that does not cover the Content-Digest",
     lambda scene: _rfc(scene, covered=("@method", "@target-uri")), (), _RFC),
    ("address_not_covered", promises.RFC9421, "a signature that does not cover the target URI",
     lambda scene: _rfc(scene, covered=("@method", "content-digest")), (), _RFC),
    ("method_not_covered", promises.RFC9421, "a signature that does not cover the method",
     lambda scene: _rfc(scene, covered=("@target-uri", "content-digest")), (), _RFC),
    ("without_created", promises.EXACTLY, "a signature without `created`",
     lambda scene: _rfc(scene, created=None), (), _RFC),
    ("without_nonce", promises.EXACTLY, "a signature without `nonce`", lambda scene: _rfc(scene, nonce=None), (), _RFC),
    ("with_expires", promises.EXACTLY, "a signature with `expires`",
     lambda scene: _rfc(scene, expires=scene.clock() + 300), (), _RFC),
    ("another_tag", promises.EXACTLY, "a signature under another tag", lambda scene: _rfc(scene, tag="proxy"), (),
     _RFC),
    ("without_tag", promises.EXACTLY, "a signature without a tag", lambda scene: _rfc(scene, tag=None), (), _RFC),
    ("two_signatures", promises.EXACTLY, "two good signatures under the tag", _two_signatures, (), _RFC),
    ("key_id_is_a_path", promises.PINNED, "a stranger's signature under the key id ../../keys/test",
     lambda scene: _rfc(scene, key=scene.stranger, key_id="../../keys/test"), (), _RFC),
    ("junk_in_base64", promises.RFC9421, "a right signature with junk inside its base64", _junk_in_base64, (), _RFC),
    ("malleable", promises.RFC9421, "a right signature with the group order added to its second half", _malleable, (),
     _RFC),
    ("hmac_with_the_public_key", promises.RFC9421, "an HMAC that is made with the public key",
     _hmac_with_the_public_key, (), _RFC),
    ("weaker_one_beside", promises.JUDGED_ALONE, "a stranger's RFC 9421 signature beside a Standard Webhooks one",
     _weaker_beside, (), _RFC),
)  # fmt: skip


def _refused(forged: Forged) -> Callable[[IntakeScene], None]:
    return lambda scene: expect(scene.send(forged(scene)), 401)


# ------------------------------------------------------------------------------------------- good, and odd


def _proxy_beside(scene: IntakeScene) -> None:
    body = serialised(scene.message())
    own = dict(scene.proof(body))
    other = dict(
        signing.rfc9421(
            scene.stranger, scene.target.url, body, created=scene.clock(), tag="proxy", label="proxy", key_id="proxy"
        )
    )
    joined = [(name, f"{other[name]}, {own[name]}") for name in ("signature-input", "signature")]
    headers = [JSON, ("content-digest", own["content-digest"]), *joined]
    expect(scene.send(Request("POST", scene.path, headers, body)), 200, 202, what="with a proxy's signature beside")


def _rotation(scene: IntakeScene) -> None:
    message = scene.message()
    request, forged = (scene.signed(message, key=key) for key in (scene.key("current"), scene.stranger))
    both = f"{dict(forged.headers)['webhook-signature']} {dict(request.headers)['webhook-signature']}"
    headers = [(name, both if name == "webhook-signature" else value) for name, value in request.headers]
    expect(scene.send(replace(request, headers=headers)), 200, 202, what="to two signatures, one of them good")


def _webhook_id(scene: IntakeScene) -> None:
    answer = scene.send(scene.signed(scene.message(), message_id=scene.new_id("another")))
    expect_problem(answer, 422, "id_mismatch" if scene.target.exact_codes else None)


# ------------------------------------------------------------------------------------------- the refusal itself


def _causes(scene: IntakeScene) -> dict[str, Answer]:
    forged = {"unsigned": _unsigned, "wrong key": _wrong_key, "tampered": _tampered, "no JSON": _unsigned_noise}
    for role, make in (("revoked", _revoked_key), ("elsewhere", _key_from_elsewhere)):
        if scene.missing(f"key {role}") is None:
            forged[f"key {role}"] = make
    answers = {cause: scene.send(make(scene)) for cause, make in forged.items()}
    for cause, answer in answers.items():
        expect(answer, 401, what=f"({cause})")
    return answers


def _same_bytes(scene: IntakeScene) -> None:
    answers = _causes(scene)
    first = answers["unsigned"]
    other = [cause for cause, answer in answers.items() if answer.body != first.body]
    if other:
        raise Broken(f"another body for: {', '.join(other)}", "the same bytes for every cause")


def _same_headers(scene: IntakeScene) -> None:
    answers = _causes(scene)
    again = scene.send(_unsigned(scene))
    first = _values(answers["unsigned"])
    # What differs between two refusals for one cause, such as the date, tells no cause.
    passing = {name for name, values in _values(again).items() if first.get(name) != values} | {"date"}
    told = {
        name
        for answer in answers.values()
        for name in first.keys() ^ _values(answer).keys()
        | {name for name, values in _values(answer).items() if first.get(name) != values}
    }
    if told - passing:
        raise Broken(f"headers that differ by cause: {', '.join(sorted(told - passing))}", "the same headers")


def _values(answer: Answer) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in answer.headers:
        found.setdefault(name, []).append(value)
    return found


def _refusal_is_a_problem(scene: IntakeScene) -> None:
    answer = scene.send(_unsigned(scene))
    expect_problem(answer, 401)
    media_type = (answer.header("content-type") or "none").partition(";")[0].strip()
    if media_type != "application/problem+json":
        raise Broken(f"content-type {media_type}", "content-type application/problem+json")


def _leaves_nothing(scene: IntakeScene) -> None:
    for forged in (_unsigned, _wrong_key, _tampered):
        request = forged(scene)
        scene.send(request)
        if scene.inspector.messages(request.body):
            raise Broken(f"a forged message is held ({forged.__name__.strip('_')})", "nothing")


_REFUSE: Final = "Answer 401 to what is not proved authentic, before you read the body."

SIGNATURES: Final[tuple[Check[IntakeScene], ...]] = (
    *(
        Check(f"intake.signature.{name}", promise, sends, "401", _REFUSE, _refused(forged), needs, profiles)
        for name, promise, sends, forged, needs, profiles in _FORGED
    ),
    Check(
        "intake.signature.of_a_proxy_beside", promises.OTHER_TAGS,
        "a good signature beside that of a proxy under another tag", "202", "Look for the tag kz-compliance alone.",
        _proxy_beside, profiles=_RFC,
    ),
    Check(
        "intake.signature.rotation", promises.WEBHOOKS, "two signatures, of which one is good", "202",
        "Try each signature of the header.", _rotation, profiles=_WEBHOOKS,
    ),
    Check(
        "intake.signature.webhook_id", promises.WEBHOOK_ID, "a webhook-id that is not the envelope's id",
        "422 id_mismatch", "Compare the two ids.", _webhook_id, profiles=_WEBHOOKS,
    ),
    Check(
        "intake.refusal.same_bytes", promises.REFUSED, "what is not authentic, for several causes",
        "401, and the same body for each", "Answer with one constant body: a cause helps whoever forges.", _same_bytes,
    ),
    Check(
        "intake.refusal.same_headers", promises.REFUSED, "what is not authentic, for several causes",
        "401, and the same headers for each", "Send no header that depends on the cause.", _same_headers,
    ),
    Check(
        "intake.refusal.problem", promises.PROBLEMS, "a notice without a signature",
        "401 as application/problem+json with a code", "Answer as RFC 9457 writes it.", _refusal_is_a_problem,
    ),
    Check(
        "intake.refusal.leaves_nothing", promises.NOTHING_KEPT, "forged notices, then a look at what is held",
        "nothing", "Count refusals, and store nothing of them.", _leaves_nothing, ("inspection",),
    ),
)  # fmt: skip
