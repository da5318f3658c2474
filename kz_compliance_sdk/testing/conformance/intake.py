"""All the checks of an intake, in the order in which they are made; the catalogue's inputs are written out here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kz_compliance_sdk.testing.conformance import bad_inputs, transport
from kz_compliance_sdk.testing.conformance.bad_inputs import BadInput
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
from kz_compliance_sdk.testing.conformance.intake_signatures import SIGNATURES
from kz_compliance_sdk.testing.conformance.intake_transport import TRANSPORT
from kz_compliance_sdk.testing.conformance.keys import Role
from kz_compliance_sdk.testing.conformance.scenes import GOOD, Act, IntakeScene, IntakeTarget, expect_problem, written
from kz_compliance_sdk.testing.conformance.transport import Headers, Transport
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request
from kz_compliance_sdk.wire.signature import Profile, SigningKey

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
