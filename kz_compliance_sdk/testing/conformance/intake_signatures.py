"""What proves an origin and what does not, under either profile; a refusal tells nothing and leaves nothing."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import checks, transport
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import PROFILES, Broken, Check, Promise, expect
from kz_compliance_sdk.testing.conformance.keys import Role
from kz_compliance_sdk.testing.conformance.scenes import (
    GOOD,
    IntakeScene,
    exchange,
    expect_problem,
    expect_problem_type,
)
from kz_compliance_sdk.testing.conformance.transport import Answer
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request
from kz_compliance_sdk.wire.signature import Profile

_RFC: Final[tuple[Profile, ...]] = ("rfc9421",)
_WEBHOOKS: Final[tuple[Profile, ...]] = ("standard-webhooks",)
Forged = Callable[[IntakeScene], Request]


# ------------------------------------------------------------------------------------------- forged, either profile


def _unsigned(scene: IntakeScene) -> Request:
    return Request("POST", scene.path, [JSON], serialised(scene.message()))


def _noise(scene: IntakeScene) -> Request:
    return Request("POST", scene.path, [JSON], b"conformance: no JSON " + scene.new_id().encode())


def _signed_by(key: Role | None = None) -> Forged:
    """A good notice, signed with the key of that role; without one by a stranger."""
    return lambda scene: scene.signed(scene.message(), key=key or scene.stranger)


def _wrong_key(scene: IntakeScene) -> Request:
    # Under the id of the right key, so that the signature alone gives it away.
    return scene.signed(scene.message(), key=replace(scene.stranger, key_id=scene.key("current").key_id))


def _tampered(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, body=request.body.replace(b"/p/1001", b"/p/1002", 1))


def _appended(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, body=request.body + b" ")


# ------------------------------------------------------------------------------------------- forged, RFC 9421


def _departs(**changes: Any) -> Forged:
    """A good message whose signature departs from the profile, made with the right key. A change that is a function
    is asked of the scene."""

    def make(scene: IntakeScene) -> Request:
        body = serialised(scene.message())
        given: dict[str, Any] = {"created": scene.clock(), "nonce": scene.new_id("nonce"), "key": scene.key("current")}
        given |= {name: change(scene) if callable(change) else change for name, change in changes.items()}
        headers = transport.rfc9421(given.pop("key"), scene.target.url, body, **given)
        return Request("POST", scene.path, [JSON, *headers], body)

    return make


def _other_address(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), signed_for=f"{scene.target.url}/elsewhere")


def _other_query(scene: IntakeScene) -> Request:
    return scene.signed(scene.message(), target=f"{scene.path}?notice_id=OTHER")


def _with_header(request: Request, name: str, change: Callable[[str], str | None]) -> Request:
    """The request with another value of a header, or without it."""
    changed = [(key, change(value) if key == name else value) for key, value in request.headers]
    return replace(request, headers=[(key, value) for key, value in changed if value is not None])


def _digest_replaced(scene: IntakeScene) -> Request:
    request = _tampered(scene)
    return _with_header(request, "content-digest", lambda _old: transport.content_digest(request.body))


def _digest_missing(scene: IntakeScene) -> Request:
    return _with_header(scene.signed(scene.message()), "content-digest", lambda _old: None)


def _junk_in_base64(scene: IntakeScene) -> Request:
    return _with_header(scene.signed(scene.message()), "signature", lambda value: value.replace("=:", "=:!!!", 1))


def _two_signatures(scene: IntakeScene) -> Request:
    body, key = serialised(scene.message()), scene.key("current")
    made = [
        dict(transport.rfc9421(key, scene.target.url, body, created=scene.clock(), nonce=scene.new_id(), label=label))
        for label in ("one", "two")
    ]
    joined = [(name, ", ".join(each[name] for each in made)) for name in ("signature-input", "signature")]
    return Request("POST", scene.path, [JSON, ("content-digest", made[0]["content-digest"]), *joined], body)


def _shifted(scene: IntakeScene) -> Callable[[bytes], bytes]:
    key = scene.key("current")
    return lambda covered: transport.malleable(transport.signature(key, covered))


def _hmac(scene: IntakeScene) -> Callable[[bytes], bytes]:
    public = scene.key("current").verification_material()
    return lambda covered: hmac.digest(public, covered, "sha256")


def _weaker_beside(scene: IntakeScene) -> Request:
    body = serialised(scene.message())
    key = published.regulator_signing_key("standard-webhooks")
    webhook = transport.webhook(key, body, message_id=scene.new_id(), at=scene.clock())
    forged = transport.rfc9421(scene.stranger, scene.target.url, body, created=scene.clock())
    return Request("POST", scene.path, [JSON, *forged, *webhook], body)


# ------------------------------------------------------------------------------------------- good, and odd


def _proxy_beside(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    other = dict(
        transport.rfc9421(
            scene.stranger,
            scene.target.url,
            request.body,
            created=scene.clock(),
            tag="proxy",
            label="proxy",
            key_id="proxy",
        )
    )
    for name in ("signature-input", "signature"):
        request = _with_header(request, name, f"{other[name]}, {{}}".format)
    return request


def _rotation(scene: IntakeScene) -> Request:
    message = scene.message()
    forged = dict(scene.signed(message, key=scene.stranger).headers)["webhook-signature"]
    return _with_header(scene.signed(message), "webhook-signature", f"{forged} {{}}".format)


# ------------------------------------------------------------------------------------------- the refusal itself


def _causes(scene: IntakeScene) -> dict[str, Answer]:
    forged: dict[str, Forged] = {
        "unsigned": _unsigned,
        "wrong key": _wrong_key,
        "tampered": _tampered,
        "no JSON": _noise,
    }
    roles: tuple[Role, ...] = ("revoked", "elsewhere")
    forged |= {f"key {role}": _signed_by(role) for role in roles if scene.missing(f"key {role}") is None}
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
    expect_problem_type(answer)


def _leaves_nothing(scene: IntakeScene) -> None:
    for forged in (_unsigned, _wrong_key, _tampered):
        request = forged(scene)
        scene.send(request)
        if scene.inside.messages(request.body):
            raise Broken(f"a forged message is held ({forged.__name__.strip('_')})", "nothing")


_REFUSE: Final = "Answer 401 to what is not proved authentic, before you read the body."


_FORGED: Final[tuple[tuple[str, Promise, str, Forged, tuple[Profile, ...]], ...]] = (
    ("unsigned", checks.REFUSED, "a good notice without a signature", _unsigned, PROFILES),
    ("unsigned_noise", checks.RAW, "bytes that are no JSON, without a signature", _noise, PROFILES),
    ("wrong_key", checks.REFUSED, "a good notice, signed by a stranger under a trusted key's id", _wrong_key,
     PROFILES),
    ("unknown_key", checks.PINNED, "a good notice, signed by a stranger under a key id of its own", _signed_by(),
     _RFC),
    ("tampered_body", checks.RAW, "a signed notice with one digit of a URL changed", _tampered, PROFILES),
    ("appended_byte", checks.RAW, "a signed notice with a blank after its end", _appended, PROFILES),
    ("another_address", checks.RFC9421, "a notice that was signed for another address", _other_address, _RFC),
    ("query_added", checks.RFC9421, "a signed notice, sent with a query that was not signed", _other_query, _RFC),
    ("another_method", checks.RFC9421, "a POST that was signed as a PUT", _departs(method="PUT"), _RFC),
    ("digest_replaced", checks.RFC9421,
     "a changed body with a Content-Digest that fits it, under the old signature", _digest_replaced, _RFC),
    ("digest_missing", checks.RFC9421, "a signed notice without its Content-Digest", _digest_missing, _RFC),
    ("digest_not_covered", checks.RFC9421, "a signature that does not cover the Content-Digest",
     _departs(covered=("@method", "@target-uri")), _RFC),
    ("address_not_covered", checks.RFC9421, "a signature that does not cover the target URI",
     _departs(covered=("@method", "content-digest")), _RFC),
    ("method_not_covered", checks.RFC9421, "a signature that does not cover the method",
     _departs(covered=("@target-uri", "content-digest")), _RFC),
    ("without_created", checks.EXACTLY, "a signature without `created`", _departs(created=None), _RFC),
    ("without_nonce", checks.EXACTLY, "a signature without `nonce`", _departs(nonce=None), _RFC),
    ("with_expires", checks.EXACTLY, "a signature with `expires`",
     _departs(expires=lambda scene: scene.clock() + 300), _RFC),
    ("another_tag", checks.EXACTLY, "a signature under another tag", _departs(tag="proxy"), _RFC),
    ("without_tag", checks.EXACTLY, "a signature without a tag", _departs(tag=None), _RFC),
    ("two_signatures", checks.EXACTLY, "two good signatures under the tag", _two_signatures, _RFC),
    ("key_id_is_a_path", checks.PINNED, "a stranger's signature under the key id ../../keys/test",
     _departs(key=lambda scene: scene.stranger, key_id="../../keys/test"), _RFC),
    ("junk_in_base64", checks.RFC9421, "a right signature with junk inside its base64", _junk_in_base64, _RFC),
    ("malleable", checks.RFC9421, "a right signature with the group order added to its second half",
     _departs(prove=_shifted), _RFC),
    ("hmac_with_the_public_key", checks.RFC9421, "an HMAC that is made with the public key", _departs(prove=_hmac),
     _RFC),
    ("weaker_one_beside", checks.JUDGED_ALONE, "a stranger's RFC 9421 signature beside a Standard Webhooks one",
     _weaker_beside, _RFC),
)  # fmt: skip
"""What is not proved authentic: the name of its check, the promise, what is sent, how it is made, and with which
profiles."""


SIGNATURES: Final[tuple[Check[IntakeScene], ...]] = (
    *(exchange(f"intake.signature.{name}", promise, sends, _REFUSE, make, 401, profiles=profiles)
      for name, promise, sends, make, profiles in _FORGED),
    exchange("intake.signature.key_revoked", checks.PINNED, "a good notice, signed with a revoked key", _REFUSE,
             _signed_by("revoked"), 401, needs=("key revoked",)),
    exchange("intake.signature.key_of_another_platform", checks.PINNED,
             "a good notice, signed with a key that is good for another platform", _REFUSE, _signed_by("elsewhere"),
             401, needs=("key elsewhere",)),
    exchange("intake.signature.of_a_proxy_beside", checks.OTHER_TAGS,
             "a good signature beside that of a proxy under another tag", "Look for the tag kz-compliance alone.",
             _proxy_beside, *GOOD, profiles=_RFC),
    exchange("intake.signature.rotation", checks.WEBHOOKS, "two signatures, of which one is good",
             "Try each signature of the header.", _rotation, *GOOD, profiles=_WEBHOOKS),
    exchange("intake.signature.webhook_id", checks.WEBHOOK_ID, "a webhook-id that is not the envelope's id",
             "Compare the two ids.", lambda scene: scene.signed(scene.message(), message_id=scene.new_id("another")),
             422, code="id_mismatch", profiles=_WEBHOOKS),
    Check("intake.refusal.same_bytes", checks.REFUSED, "what is not authentic, for several causes",
          "401, and the same body for each", "Answer with one constant body: a cause helps whoever forges.",
          _same_bytes),
    Check("intake.refusal.same_headers", checks.REFUSED, "what is not authentic, for several causes",
          "401, and the same headers for each", "Send no header that depends on the cause.", _same_headers),
    Check("intake.refusal.problem", checks.PROBLEMS, "a notice without a signature",
          "401 as application/problem+json with a code", "Answer as RFC 9457 writes it.", _refusal_is_a_problem),
    Check("intake.refusal.leaves_nothing", checks.NOTHING_KEPT, "forged notices, then a look at what is held",
          "nothing", "Count refusals, and store nothing of them.", _leaves_nothing, ("inspection",)),
)  # fmt: skip
