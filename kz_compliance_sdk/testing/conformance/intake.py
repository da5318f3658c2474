"""All the checks of an intake, in the order in which they are made; the catalogue's inputs are written out here."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import bad_inputs, transport
from kz_compliance_sdk.testing.conformance.bad_inputs import BadInput, serialised
from kz_compliance_sdk.testing.conformance.checks import (
    PROFILES,
    PROMISES,
    WRITTEN,
    Broken,
    Check,
    Promise,
    Report,
    Skipped,
    chosen,
    expect,
    run,
    silent,
)
from kz_compliance_sdk.testing.conformance.inspection import Inspector
from kz_compliance_sdk.testing.conformance.intake_exits import EXITS
from kz_compliance_sdk.testing.conformance.keys import Role
from kz_compliance_sdk.testing.conformance.scenes import (
    GOOD,
    Act,
    IntakeScene,
    IntakeTarget,
    expect_problem,
    expect_problem_type,
    written,
)
from kz_compliance_sdk.testing.conformance.transport import Answer, Headers, NoAnswer, Transport, head_of
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request
from kz_compliance_sdk.wire.signature import Profile, SigningKey

# ----------------------------------------------------------------------------------------------------- intake transport
# What an intake refuses for its transport, what it must not be misled by, and who must not be kept waiting.


_FLOOD: Final = 200
_SENDERS: Final = 8
_SOON_S: Final = 5.0


def _get(scene: IntakeScene) -> None:
    answer = scene.send(Request("GET", scene.path))
    expect(answer, 405)
    if "POST" not in (answer.header("allow") or ""):
        raise Broken(f"allow: {answer.header('allow')}", "405 with allow: POST")


def _other_path(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    path, _, query = request.target.partition("?")
    return replace(request, target=f"{path.rstrip('/')}/conformance/no-such-path{'?' if query else ''}{query}")


def _with(*headers: tuple[str, str]) -> Callable[[IntakeScene], Request]:
    """A good notice with these headers in front of its own."""

    def make(scene: IntakeScene) -> Request:
        request = scene.signed(scene.message())
        return replace(request, headers=[*headers, *request.headers])

    return make


def _no_media_type(scene: IntakeScene) -> Request:
    request = scene.signed(scene.message())
    return replace(request, headers=[pair for pair in request.headers if pair != JSON])


def _compressed(scene: IntakeScene) -> Request:
    request = scene.signed(gzip.compress(serialised(scene.message())))
    return replace(request, headers=[*request.headers, ("content-encoding", "gzip")])


def _padded(scene: IntakeScene, more: int) -> Request:
    """A good notice of the largest size, and so many bytes."""
    message = scene.message()
    message["data"]["padding"] = ""
    message["data"]["padding"] = "A" * (scene.target.max_body + more - len(serialised(message)))
    return scene.signed(message)


def _query(scene: IntakeScene) -> Request:
    query = "?notice_id=OTHER"
    return scene.signed(scene.message(), target=scene.path + query, signed_for=scene.target.url + query)


def _framed(scene: IntakeScene, more: int = 0, *heads: str) -> Answer:
    """The answer to a good notice with a Content-Length that is so much more than its body has."""
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        line.send(head_of(request, *heads, authority=line.authority, length=len(request.body) + more), request.body)
        return line.answer()


def _endless(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    limit = 64 * max(scene.target.max_body, 65_536)
    with scene.transport.line() as line:
        line.send(head_of(request, "transfer-encoding: chunked", authority=line.authority, length=None))
        sent = 0
        while sent < limit and not line.has_answer() and line.send(b"4000\r\n", b"A" * 16_384, b"\r\n"):
            sent += 16_384
        if sent >= limit:
            raise Broken(f"{sent} bytes were taken without an answer", "413 or 411")
        expect(line.answer(), 413, 411, what="to a body without end")


def _expect_continue(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        line.send(head_of(request, "expect: 100-continue", authority=line.authority, length=900_000_000))
        if line.begins_with(12)[9:12] == b"100":
            raise Broken("100 Continue to 900 MB", "413 before anything is sent")
        expect(line.answer(), 413, what="to a body that is announced with 900 MB")


def _pipelined(scene: IntakeScene) -> None:
    request = scene.signed(scene.message())
    with scene.transport.line() as line:
        head = head_of(request, "connection: keep-alive", authority=line.authority)
        line.send(head, request.body, head, request.body)
        first = line.answer()
        expect(first, 202, what="to the first of two on one connection")
        if (first.header("connection") or "").lower() == "close":
            raise Skipped("the server keeps no connection open")
        try:
            second = line.answer()
        except NoAnswer:
            raise Skipped("the server keeps no connection open") from None
    expect(second, 200, what="to its repeat on the same connection")
    if first.document() != second.document():
        raise Broken("another answer to the repeat", "the first answer again")


def _flood(scene: IntakeScene) -> None:
    forged = [Request("POST", scene.path, [JSON], serialised(scene.message())) for _ in range(_FLOOD)]
    request = scene.signed(scene.message())
    with ThreadPoolExecutor(_SENDERS) as senders:
        flood = [senders.submit(scene.send, one) for one in forged]
        began = time.monotonic()
        answer = scene.send(request)
        took = time.monotonic() - began
        statuses = {one.result().status for one in flood}
    expect(answer, 200, 202, what="to a good notice among forged ones")
    if took > _SOON_S:
        raise Broken(f"an answer after {took:.1f} s", f"an answer within {_SOON_S:g} s")
    if statuses != {401}:
        raise Broken(f"statuses {sorted(statuses)} to {_FLOOD} forged notices", "401 to each")


TRANSPORT: Final[Mapping[str, Act[IntakeScene]]] = {
    "transport.method": _get,
    "transport.another_path": _other_path,
    "transport.no_media_type": _no_media_type,
    "transport.compressed": _compressed,
    "transport.body_too_large": lambda scene: _padded(scene, scene.target.max_body),
    "transport.largest_body": lambda scene: _padded(scene, 0),
    "transport.big_head": _with(("x-conformance", "a" * 65_000)),
    "transport.many_headers": _with(*((f"x-conformance-{number}", "1") for number in range(1_000))),
    "transport.host_is_not_read": _with(("host", "tenant-b.example")),
    "transport.query_is_signed": _query,
    "transport.two_framings": lambda scene: expect(_framed(scene, 0, "transfer-encoding: chunked"), 400),
    "transport.short_length": lambda scene: expect(_framed(scene, -20), 401, 400),
    "transport.body_does_not_come": lambda scene: expect(_framed(scene, 10), 408),
    "transport.endless_body": _endless,
    "transport.expect_continue": _expect_continue,
    "transport.pipelined": _pipelined,
    "transport.flood": _flood,
}


# ---------------------------------------------------------------------------------------------------- intake signatures
# What proves an origin and what does not, under either profile; a refusal tells nothing and leaves nothing.


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


# -------------------------------------------------------------------------------------------------------- the catalogue


_WEBHOOKS: Final[tuple[Profile, ...]] = ("standard-webhooks",)
_LAYERS: Final = ("http", "signature", "json", "schema", "semantic", "clock")

ELSEWHERE: Final[Mapping[str, str]] = WRITTEN["elsewhere"]
"""Cases of these layers that are other checks, or that nobody can drive from outside, with the reason."""

_ROLES: Final[Mapping[str, Role]] = {
    "old_key_expired": "expired",
    "revoked_key": "revoked",
    "other_tenant_key": "elsewhere",
    "old_key_in_grace": "current",
    "valid": "current",
}


def expected(case: BadInput) -> tuple[int, str | None]:
    """The status that the contract asks for and, for a refusal, the code of its problem."""
    difference = bad_inputs.DIFFERENCES.get((case.id, "pushed"))
    if difference is not None:
        codes = sorted(difference.codes or ())
        return difference.status, codes[0] if difference.status >= 300 and codes else None
    return case.http or 0, case.code if (case.http or 0) >= 300 else None


def _profiles(case: BadInput) -> tuple[Profile, ...]:
    """Which profile can carry it: what speaks of the headers of Standard Webhooks is for that one."""
    speaks = any(
        step["op"] in ("header_before", "sign", "drop_header", "header") and step.get("name") != "content-type"
        for step in case.recipe
    )
    return _WEBHOOKS if case.layer == "signature" or speaks else PROFILES


def request_of(case: BadInput, scene: IntakeScene) -> Request:
    """The request of a case, under fresh ids and at the present time. Raises Skipped."""
    own_id, notice_id = scene.new_id(), scene.new_id("notice")
    names = {
        bad_inputs.BASE["notice"]["notice_id"]: notice_id,
        "KZ-2026-0000124": f"{notice_id}-2",
        "KZ-NONE-1": f"{notice_id}-none",
        "mki-kz": scene.target.keys.authority,
        "pgo-kz": scene.target.keys.second_authority,
        "social.example": scene.target.host,
    }
    body = bad_inputs.body_of(case, scene.message(notice_id, message_id=own_id), names)
    now = scene.clock() - bad_inputs.skew_of(case)
    if scene.profile == "rfc9421":
        proof = scene.proof(scene.key("current"), "POST", scene.target.url, body, at=now)
    else:
        proof = _webhook_headers(case, scene, body, bad_inputs.webhook_id_of(case, own_id), now)
    headers, body = bad_inputs.changed(case, [JSON, *proof], body)
    return Request("POST", scene.path, headers, body)


def _webhook_headers(case: BadInput, scene: IntakeScene, body: bytes, message_id: str, now: int) -> Headers:
    mode = bad_inputs.mode_of(case)
    key = scene.key(_ROLES.get(mode, "current"))
    if mode == "empty_key":
        # HMAC fills a key up with zeros: with nothing but zeros it is the empty one.
        key = replace(key, algorithm="hmac-sha256", material=bytes(32))
    elif mode == "other_key":
        key = scene.stranger
    headers = transport.webhook(key, body, message_id=message_id, at=now)
    covered = f"{message_id}.{now}.".encode() + body
    if mode == "hex_digest":
        headers[-1] = ("webhook-signature", f"v1,{transport.signature(key, covered).hex()}")
    elif mode == "v1a_s_plus_l":
        curve = SigningKey("none", "ed25519", hashlib.sha256(key.material).digest())
        shifted = transport.malleable(transport.signature(curve, covered))
        headers[-1] = ("webhook-signature", f"v1a,{transport.in_base64(shifted)}")
    return headers


def _judged(case: BadInput) -> Callable[[IntakeScene], None]:
    status, code = expected(case)

    def run(scene: IntakeScene) -> None:
        request = request_of(case, scene)
        if _cannot_travel(request) and scene.transport.has_lines:
            raise Skipped("such a header cannot be sent over HTTP")
        answer = scene.send(request)
        if status < 300:
            expect(answer, *GOOD)
        elif status == 401:
            expect(answer, 401)
        else:
            expect_problem(answer, status, code if scene.target.exact_codes else None)

    return run


def _cannot_travel(request: Request) -> bool:
    return any(not letter.isprintable() for _, value in request.headers for letter in value)


def _every_quarantined(scene: IntakeScene) -> None:
    for case in _DRIVEN:
        if expected(case)[0] == 422 and scene.profile in _profiles(case):
            try:
                request = request_of(case, scene)
            except Skipped:
                continue
            scene.send(request)
            kept = scene.inside.messages(request.body)
            if not kept or kept[0].exit != "quarantined":
                raise Broken(f"{case.id} {case.name}: {kept[0].exit if kept else 'not held'}", "exit quarantined")


def _remedy(case: BadInput, status: int, code: str | None) -> str:
    if status < 300:
        return "It is odd, and usable: take it, and let a person decide."
    if status == 401:
        return "It proves no origin: answer 401, before you read the body."
    if status == 422:
        return f"It is authentic and unusable: answer 422 with the code {code}, and keep its bytes."
    return f"Refuse it for its transport, with {status}."


def _promise(case: BadInput, status: int) -> Promise:
    if status == 422:
        name = "late" if case.code in ("stale", "key_expired") else "unusable"
    elif status >= 300:
        name = "refused" if status == 401 else "transport"
    else:
        name = {"M042": "unknown_field", "M036": "unknown_category"}.get(case.id, "accepted")
    return PROMISES[name]


def _of_the_catalogue() -> Iterator[Check[IntakeScene]]:
    for case in _DRIVEN:
        status, code = expected(case)
        wants = f"{status} {code or ''}".strip() if status != 401 else "401"
        yield Check(
            f"intake.{case.layer}.{case.slug}",
            _promise(case, status),
            f"{case.id}: {case.name}",
            wants,
            _remedy(case, status, code),
            _judged(case),
            tuple(f"key {_ROLES[mode]}" for mode in (bad_inputs.mode_of(case),) if mode in _ROLES),
            _profiles(case),
        )


_DRIVEN: Final = tuple(case for case in bad_inputs.CASES.values() if case.layer in _LAYERS and case.id not in ELSEWHERE)

_ACTS: Final[Mapping[str, Act[IntakeScene]]] = {
    **EXITS,
    **SIGNATURES,
    **TRANSPORT,
    "quarantine.every_cause_is_kept": _every_quarantined,
}
INTAKE_CHECKS: Final[tuple[Check[IntakeScene], ...]] = (*written("intake", _ACTS), *_of_the_catalogue())
"""Each has a name of its own."""


def check_intake(
    transport: Transport,
    target: IntakeTarget,
    *,
    inspector: Inspector | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Callable[[str], None] = silent,
) -> Report:
    """Drive an intake: `report.all_hold`, and `print(report)` says what does not hold.

    Without an `inspector` the checks that look at what was stored are skipped. `only` and `skip` name checks as in
    `chosen`. Raises InvalidInput for a name that is none.
    """
    scene = IntakeScene(target, transport, inspector=inspector)
    checks = chosen(INTAKE_CHECKS, only=only, skip=skip, profile=target.profile)
    return run(checks, scene, subject=f"intake {target.url}", progress=progress)
