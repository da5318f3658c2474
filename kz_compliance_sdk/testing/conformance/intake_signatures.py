"""What proves an origin and what does not, under either profile; a refusal tells nothing and leaves nothing."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import transport
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, expect
from kz_compliance_sdk.testing.conformance.keys import Role
from kz_compliance_sdk.testing.conformance.scenes import (
    Act,
    IntakeScene,
    expect_problem,
    expect_problem_type,
)
from kz_compliance_sdk.testing.conformance.transport import Answer
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request

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


SIGNATURES: Final[Mapping[str, Act[IntakeScene]]] = {
    "signature.unsigned": _unsigned,
    "signature.unsigned_noise": _noise,
    "signature.wrong_key": _wrong_key,
    "signature.unknown_key": _signed_by(),
    "signature.tampered_body": _tampered,
    "signature.appended_byte": _appended,
    "signature.another_address": _other_address,
    "signature.query_added": _other_query,
    "signature.another_method": _departs(method="PUT"),
    "signature.digest_replaced": _digest_replaced,
    "signature.digest_missing": _digest_missing,
    "signature.digest_not_covered": _departs(covered=("@method", "@target-uri")),
    "signature.address_not_covered": _departs(covered=("@method", "content-digest")),
    "signature.method_not_covered": _departs(covered=("@target-uri", "content-digest")),
    "signature.without_created": _departs(created=None),
    "signature.without_nonce": _departs(nonce=None),
    "signature.with_expires": _departs(expires=lambda scene: scene.clock() + 300),
    "signature.another_tag": _departs(tag="proxy"),
    "signature.without_tag": _departs(tag=None),
    "signature.two_signatures": _two_signatures,
    "signature.key_id_is_a_path": _departs(key=lambda scene: scene.stranger, key_id="../../keys/test"),
    "signature.junk_in_base64": _junk_in_base64,
    "signature.malleable": _departs(prove=_shifted),
    "signature.hmac_with_the_public_key": _departs(prove=_hmac),
    "signature.weaker_one_beside": _weaker_beside,
    "signature.key_revoked": _signed_by("revoked"),
    "signature.key_of_another_platform": _signed_by("elsewhere"),
    "signature.of_a_proxy_beside": _proxy_beside,
    "signature.rotation": _rotation,
    "signature.webhook_id": lambda scene: scene.signed(scene.message(), message_id=scene.new_id("another")),
    "refusal.same_bytes": _same_bytes,
    "refusal.same_headers": _same_headers,
    "refusal.problem": _refusal_is_a_problem,
    "refusal.leaves_nothing": _leaves_nothing,
}
