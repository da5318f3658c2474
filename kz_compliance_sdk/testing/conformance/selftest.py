"""The kit driven against its own controls: an honest platform and regulator, and every broken one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from kz_compliance_sdk.domain.values import canonical, document_in, fields_of, instant_text, written
from kz_compliance_sdk.errors import ComplianceError, NotAuthentic
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.testing.conformance import transport
from kz_compliance_sdk.testing.conformance.checks import Report, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, Inspector, SandboxPlatform, sandbox_platform
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.keys import published_keys, trusted
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.scenes import IntakeScene, IntakeTarget, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import HandlerTransport, Listener
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.mock_regulator import InProcessSender, MockRegulator, Platform
from kz_compliance_sdk.testing.mock_regulator.agenda import Fault, FaultKind
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Reply, Request, json_reply, refuse
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, sign_response, verify
from kz_compliance_sdk.wire.strict_json import loads

# ---------------------------------------------------------------------------------------------------- broken regulators
# Regulators that are broken on purpose, each in one way: `controls.toml` says how, and which checks must find it.


Handle = Callable[[Request], Reply]
Headers = Sequence[tuple[str, str]]
URL: Final = "http://regulator.test"


def _armed(kind: FaultKind) -> Callable[[MockRegulator], Handle]:
    def make(regulator: MockRegulator) -> Handle:
        regulator.fail(Fault(kind, times=None))
        return regulator.handle

    return make


def _answers(change: Callable[[MockRegulator, Request, Reply], Reply]) -> Callable[[MockRegulator], Handle]:
    """Says something else than it does."""
    return lambda regulator: lambda request: change(regulator, request, regulator.handle(request))


def _takes(change: Callable[[MockRegulator, Request], Request]) -> Callable[[MockRegulator], Handle]:
    """Reads something else than was sent."""
    return lambda regulator: lambda request: regulator.handle(change(regulator, request))


def _as_platform(regulator: MockRegulator, request: Request, target: str | None = None) -> Request:
    """The request as if the platform had signed it now, for `target`."""
    asked = target or request.target
    key, method = published.platform_signing_key(), request.method
    proof = transport.rfc9421(key, URL + asked, request.body, created=regulator.now(), method=method)
    return replace(request, target=asked, headers=[*bare(request.headers), *proof])


def _receipt(regulator: MockRegulator, status: int, **fields: Any) -> Reply:
    body = canonical(fields)
    proof = sign_response(published.regulator_signing_key(), "rfc9421", status, body, regulator.now(), "broken")
    return Reply(status, (JSON, *proof), body)


def _second_receipt(regulator: MockRegulator) -> Handle:
    seen: dict[str, int] = {}

    def handle(request: Request) -> Reply:
        reply = regulator.handle(request)
        key = request.header("idempotency-key")
        if key is None or reply.status != 201:
            return reply
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            return reply
        return _receipt(regulator, 201, **json.loads(reply.body) | {"receipt_id": f"rcpt-again-{seen[key]}"})

    return handle


def _records(what: Callable[[Reply, dict[str, Any]], bool]) -> Callable[[MockRegulator], Handle]:
    """Gives a receipt where this says so of the reply and its document, and records nothing."""
    return _answers(
        lambda regulator, request, reply: (
            _new_receipt(regulator, request) if what(reply, document_in(reply.body)) else reply
        )
    )


def _says(status: int, code: str, below: str, instead_of: int) -> Callable[[MockRegulator], Handle]:
    """Refuses with another problem, there."""
    refused = refuse(status, code, "It is broken.").reply()
    return _answers(
        lambda _regulator, request, reply: (
            refused if request.path.startswith(below) and reply.status == instead_of else reply
        )
    )


def _new_receipt(regulator: MockRegulator, request: Request) -> Reply:
    return _receipt(
        regulator,
        201,
        receipt_id="rcpt-other",
        subject_id=request.header("idempotency-key"),
        body_sha256=hashlib.sha256(request.body).hexdigest(),
        recorded_at=instant_text(regulator.now()),
    )


def _is_feed(request: Request) -> bool:
    return request.method == "GET" and request.path == "/v1/notices"


def _skips(regulator: MockRegulator, request: Request, reply: Reply) -> Reply:
    if not _is_feed(request) or "after=" not in request.target or reply.status != 200:
        return reply
    page = json.loads(reply.body)
    if not page["has_more"]:
        return reply
    return regulator.handle(_as_platform(regulator, request, f"/v1/notices?limit=1&after={page['next_cursor']}"))


def _repeats(regulator: MockRegulator, request: Request) -> Request:
    if _is_feed(request) and "after=" in request.target and "never-given-out" not in request.target:
        return _as_platform(regulator, request, request.target.partition("&after=")[0])
    return request


def _ignores_limit(regulator: MockRegulator, request: Request) -> Request:
    if _is_feed(request) and "limit=1&" not in request.target + "&":
        return request
    if _is_feed(request) and regulator.handle(request).status != 401:
        return _as_platform(regulator, request, request.target.replace("limit=1", "limit=100", 1))
    return request


def _without_type(_regulator: MockRegulator, _request: Request, reply: Reply) -> Reply:
    told = {name: value for name, value in document_in(reply.body).items() if name != "type"}
    return replace(reply, body=canonical(told)) if reply.status >= 400 else reply


def _asks_nobody(regulator: MockRegulator, request: Request) -> Request:
    signed = any(name in _PROOF for name, _ in request.headers)
    return request if signed else _as_platform(regulator, request)


def _never_late(regulator: MockRegulator, request: Request) -> Request:
    created = (request.header("signature-input") or "").partition("created=")[2].partition(";")[0]
    late = created.isdigit() and regulator.now() - int(created) > 300
    return _as_platform(regulator, request) if late else request


def _unproved_entries(_regulator: MockRegulator, request: Request, reply: Reply) -> Reply:
    if not _is_feed(request) or reply.status != 200:
        return reply
    page = json.loads(reply.body)
    for entry in page["data"]:
        entry["headers"]["signature"] = entry["headers"]["signature"].swapcase()
    return replace(reply, body=canonical(page))


def _makes_a_key(regulator: MockRegulator, request: Request) -> Request:
    if request.method != "POST" or request.header("idempotency-key") is not None:
        return request
    name = json.loads(request.body).get("report_id", "none")
    return replace(request, headers=[*request.headers, ("idempotency-key", name)])


def bare(headers: Headers) -> Headers:
    return [pair for pair in headers if pair[0] not in _PROOF]


MAKES: Final[Mapping[str, Callable[[MockRegulator], Handle]]] = {
    "wrong_digest": _armed("wrong_digest"),
    "wrong_subject": _armed("wrong_subject"),
    "unsigned_receipts": _armed("unsigned"),
    "badly_signed_receipts": _armed("bad_signature"),
    "second_receipt": _second_receipt,
    "takes_other_bytes": _records(lambda _reply, told: told.get("code") == "idempotency_key_reused"),
    "makes_up_a_key": _takes(_makes_a_key),
    "takes_a_second_report": _records(lambda reply, _told: reply.status == 409),
    "takes_any_item": _records(lambda _reply, told: str(told.get("field")).endswith("item_id")),
    "feed_skips": _answers(_skips),
    "cursor_stands_still": _takes(_repeats),
    "ignores_the_limit": _takes(_ignores_limit),
    "unproved_entries": _answers(_unproved_entries),
    "forgets_reports": _says(404, "report_unknown", "/v1/reports/", 200),
    "problem_without_type": _answers(_without_type),
    "fails_on_the_unknown": _says(500, "internal", "/v1/notices/", 404),
    "asks_nobody": _takes(_asks_nobody),
    "takes_the_stale": _takes(_never_late),
}


# ----------------------------------------------------------------------------------------------------- broken platforms
# Platforms that are broken on purpose, each in one way: `controls.toml` says how, and which checks must find it.


@dataclass(frozen=True, slots=True)
class Site:
    """What a broken platform is made of: a good one, another that is thrown away, the time (UTC seconds), and what it
    remembers of its own."""

    good: SandboxPlatform
    scratch: SandboxPlatform
    clock: Callable[[], int]
    profile: Profile
    memory: dict[str, Any] = field(default_factory=dict)

    def authentic(self, request: Request) -> str | None:
        """Why the origin of a request is not proved; None if it is."""
        ring = KeyRing(trusted(published_keys(self.profile)), allow_test_keys=True)
        try:
            verify(ring, request.method, INTAKE_URL, request.headers, request.body, self.clock())
        except NotAuthentic as error:
            return error.code
        return None

    def signed_anew(self, request: Request, body: bytes | None = None) -> Request:
        """The request as if the regulator had signed it, now."""
        held = request.body if body is None else body
        key: SigningKey = published.regulator_signing_key(self.profile)
        others = [pair for pair in request.headers if pair[0] not in _PROOF]
        name = id_of(held) or "msg_none"
        proof = transport.signed(
            self.profile, key, "POST", INTAKE_URL, held, at=self.clock(), message_id=name, nonce="conformance"
        )
        return replace(request, headers=[*others, *proof], body=held)


_UNPROVED: Final = Reply(NOT_AUTHENTIC.status, NOT_AUTHENTIC.headers, NOT_AUTHENTIC.body)
_PROOF: Final = frozenset(
    ("content-digest", "signature-input", "signature", "webhook-id", "webhook-timestamp", "webhook-signature")
)


Act = Callable[[Site, Request], Reply]
"""How a platform answers one request."""


def id_of(body: bytes) -> str | None:
    """The message id that a body states."""
    name = document_in(body).get("id")
    return name if isinstance(name, str) else None


def is_push(request: Request) -> bool:
    """Whether it is a delivery, and no look at what is held."""
    return request.method == "POST" and request.path == "/notices"


def answers(change: Callable[[Site, Request, Reply], Reply]) -> Act:
    """One that says something else than it does."""

    def act(site: Site, request: Request) -> Reply:
        reply = site.good.handle(request)
        return change(site, request, reply) if is_push(request) else reply

    return act


def takes(change: Callable[[Site, Request], Request]) -> Act:
    """One that reads something else than was sent."""
    return lambda site, request: site.good.handle(change(site, request) if is_push(request) else request)


def drops(is_dropped: Callable[[Reply], bool], then: Reply | None = None) -> Act:
    """One that forgets what it has answered in some way."""

    def act(site: Site, request: Request) -> Reply:
        if not is_push(request):
            return site.good.handle(request)
        tried = site.scratch.handle(request)
        return (then or tried) if is_dropped(tried) else site.good.handle(request)

    return act


def restates(statuses: Mapping[int, int]) -> Act:
    """One that answers with other statuses."""
    return answers(lambda _site, _request, reply: replace(reply, status=statuses.get(reply.status, reply.status)))


def _saying(reply: Reply, **fields: Any) -> Reply:
    return replace(reply, body=json.dumps(document_in(reply.body) | fields).encode())


# ------------------------------------------------------------------------------------------- one function, one fault


def _stores_later(site: Site, request: Request) -> Reply:
    reply = site.good.handle(request)
    if is_push(request):
        site.memory["unwritten"] = hashlib.sha256(request.body).hexdigest() if reply.status == 202 else ""
        return reply
    if reply.status != 200 or not request.path.startswith("/inspect/"):
        return reply
    digest = site.memory.get("unwritten", "")
    cases = {row.case_id for row in site.good.held(digest)}
    kept = {
        name: [row for row in rows if row.get("body_sha256") != digest and row["case_reference"] not in cases]
        for name, rows in document_in(reply.body).items()
    }
    return replace(reply, body=json.dumps(kept).encode())


def _varied(site: Site, request: Request, reply: Reply) -> Reply:
    if reply.status != 401:
        return reply
    return _saying(reply, detail=f"Refused: {site.authentic(request)}.")


def _leaking(site: Site, request: Request, reply: Reply) -> Reply:
    if reply.status != 401:
        return reply
    return replace(reply, headers=(*reply.headers, ("x-reason", str(site.authentic(request)))))


def _believes_the_digest(site: Site, request: Request) -> Request:
    return site.signed_anew(request) if site.authentic(request) == "digest_wrong" else request


def _covers_no_address(site: Site, request: Request) -> Request:
    stated = request.header("signature-input") or '"@target-uri"'
    return request if '"@target-uri"' in stated else site.signed_anew(request)


def _two_cases(site: Site, request: Request) -> Reply:
    if request.path == "/inspect/cases":
        first, second = (document_in(one.handle(request).body)["cases"] for one in (site.good, site.scratch))
        return json_reply({"cases": first + second})
    if not is_push(request) or site.authentic(request) is not None:
        return site.good.handle(request)
    seen: set[bytes] = site.memory.setdefault("seen", set())
    if request.body not in seen:
        seen.add(request.body)
        return site.good.handle(request)
    reply = site.scratch.handle(request)
    # Two desks give one notice the same reference: who opens a case for each delivery cannot.
    return _saying(reply, case_reference="another")


def _last_key(site: Site, request: Request) -> Request:
    if site.authentic(request) is not None:
        return request
    try:
        loads(request.body)
    except ComplianceError as error:
        if error.code == "json_duplicate_key":
            return site.signed_anew(request, json.dumps(document_in(request.body)).encode())
    return request


def _falls_over_nan(site: Site, request: Request) -> Reply:
    if is_push(request) and b"NaN" in request.body and site.authentic(request) is None:
        return Reply(500, (("content-type", "text/plain"),), b"Internal Server Error")
    return site.good.handle(request)


def _trusts_host(_site: Site, request: Request, reply: Reply) -> Reply:
    return reply if request.header("host") in (None, "social.example") else _UNPROVED


def _any_type(_site: Site, request: Request) -> Request:
    others = [pair for pair in request.headers if pair[0] != "content-type"]
    return replace(request, headers=[("content-type", "application/json"), *others])


def _keeps_what_it_parsed(site: Site, request: Request) -> Reply:
    held = site.good.held(request.target.rpartition("=")[2]) if request.path == "/inspect/messages" else ()
    # What it writes has its keys sorted, so nothing is held under the digest of what was signed.
    if any(document_in(row.body) for row in held):
        return json_reply({"messages": []})
    return site.good.handle(request)


def _reads_first(_site: Site, request: Request, reply: Reply) -> Reply:
    return replace(reply, status=400) if reply.status == 401 and not document_in(request.body) else reply


def _by_message_id(site: Site, request: Request) -> Reply:
    name = id_of(request.body) if is_push(request) and site.authentic(request) is None else None
    if name is None:
        return site.good.handle(request)
    answered: dict[str, tuple[bytes, Reply]] = site.memory
    if name in answered and answered[name][0] != request.body:
        return replace(answered[name][1], status=200)
    reply = site.good.handle(request)
    answered.setdefault(name, (request.body, reply))
    return reply


def _refuses_early(_site: Site, request: Request, reply: Reply) -> Reply:
    is_early = reply.status == 202 and document_in(reply.body).get("case_reference", "") is None
    if not is_early or document_in(request.body).get("type") != "notice.cancelled":
        return reply
    return refuse(404, "notice_unknown", "No such notice is known.").reply()


def _restarts_the_clock(site: Site, _request: Request, reply: Reply) -> Reply:
    told = document_in(reply.body)
    if reply.status != 202 or not told.get("case_reference"):
        return reply
    return _saying(reply, received_at=instant_text(site.clock()))


def _lenient_time(site: Site, request: Request) -> Request:
    time = request.header("webhook-timestamp") or ""
    return site.signed_anew(request) if time.partition(".")[2].isdigit() and time.isascii() else request


def _ignores_the_id(site: Site, request: Request) -> Request:
    name = request.header("webhook-id")
    differs = name is not None and id_of(request.body) not in (None, name)
    return site.signed_anew(request) if differs and site.authentic(request) is None else request


def _keys_and_elsewhere() -> Mapping[str, Any]:
    found = trusted(published_keys("rfc9421"), elsewhere=PLATFORM_ID)
    return {"keys": [published.key_settings(key) for key in found]}


def _keys_never_revoked() -> Mapping[str, Any]:
    found = trusted(published_keys("rfc9421"))
    return {"keys": [published.key_settings(replace(key, revoked_at=None)) for key in found]}


def _large() -> Mapping[str, Any]:
    return {"limits": {"max_body": 16 * 2**20}}


ACTS: Final[Mapping[str, Act]] = {
    "acknowledges_before_storing": _stores_later,
    "different_401_bodies": answers(_varied),
    "reason_in_a_401_header": answers(_leaking),
    "accepts_a_tampered_body": takes(_believes_the_digest),
    "address_need_not_be_covered": takes(_covers_no_address),
    "duplicates_are_two_cases": _two_cases,
    "takes_the_last_duplicate_key": takes(_last_key),
    "500_to_nan": _falls_over_nan,
    "200_instead_of_202": restates({202: 200}),
    "forgets_quarantine": drops(lambda reply: reply.status == 422),
    "trusts_the_host_header": answers(_trusts_host),
    "stale_is_not_authentic": drops(lambda reply: document_in(reply.body).get("code") == "stale", _UNPROVED),
    "no_409_on_conflict": restates({409: 200}),
    "drops_the_second_of_a_conflict": drops(lambda reply: reply.status == 409),
    "ignores_the_content_type": takes(_any_type),
    "keeps_what_it_parsed": _keeps_what_it_parsed,
    "parses_before_it_verifies": answers(_reads_first),
    "knows_messages_by_id_alone": _by_message_id,
    "refuses_what_comes_early": answers(_refuses_early),
    "restarts_the_clock": answers(_restarts_the_clock),
    "lenient_timestamp": takes(_lenient_time),
    "ignores_the_webhook_id": takes(_ignores_the_id),
}
SETTINGS: Final[Mapping[str, Callable[[], Mapping[str, Any]]]] = {
    "unbounded_body": _large,
    "believes_a_key_of_another_platform": _keys_and_elsewhere,
    "ignores_revocation": _keys_never_revoked,
}


_INTAKE: Final = "http://127.0.0.1:8000/notices"


# --------------------------------------------------------------------------------------------------------- driving them


@dataclass(frozen=True, slots=True)
class Control:
    """Something to drive, and the checks that must be broken by it: none by what is honest."""

    name: str
    what: str
    must_break: frozenset[str]
    drive: Callable[[], Report]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kit found in one control."""

    control: Control
    report: Report

    @property
    def caught_by(self) -> tuple[str, ...]:
        """The checks that found it, as they ought."""
        return tuple(sorted(set(self.report.broken) & self.control.must_break))

    @property
    def missed(self) -> tuple[str, ...]:
        """The checks that ought to have found it and did not."""
        return tuple(sorted(self.control.must_break - set(self.report.broken)))

    @property
    def blamed(self) -> tuple[str, ...]:
        """The checks that found something that is not wrong."""
        return tuple(name for name in self.report.broken if name not in self.control.must_break)

    @property
    def is_right(self) -> bool:
        return not self.missed and not self.blamed and bool(self.report.of("held"))


def drive_platform(name: str, profile: Profile) -> Report:
    """Drive a platform of this library in process, broken or honest."""
    clock, settings = FrozenClock(), SETTINGS.get(name, dict)
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    with contextlib.ExitStack() as stack:
        good, scratch = (stack.enter_context(sandbox_platform(profile, env, **settings())) for _ in range(2))
        site = Site(good, scratch, clock, profile)
        transport = HandlerTransport(partial(ACTS[name], site) if name in ACTS else good.handle)
        scene = IntakeScene(
            IntakeTarget(INTAKE_URL, profile, keys=published_keys(profile)),
            transport,
            inspector=Inspector(transport, "/inspect"),
            clock=clock,
            sleep=clock.advance,
            run_id="selftest",
        )
        return run(chosen(INTAKE_CHECKS, profile=profile), scene, subject=name)


def drive_regulator(name: str, profile: Profile) -> Report:
    """Drive the mock regulator in process, broken or as it is."""
    clock, listener, pushes = FrozenClock(), Listener(), InProcessSender()
    sent = bare if name == "unsigned_pushes" else list
    pushes.to(lambda method, target, headers, body: listener.take(Request(method, target, sent(headers), body)))
    regulator = MockRegulator(
        [Platform(PLATFORM_ID, _INTAKE, (published.platform_key(profile),))],
        signing_key=published.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=1,
        base_url=URL,
        sender=pushes,
        sleep=clock.advance,
        push_tries=1 if name == "pushes_once" else 5,
    )
    for seed in range(1, 6):
        regulator.issue(builders.notice(seed))
    regulator.push(regulator.issue(builders.notice(6)))
    target = RegulatorTarget(
        URL,
        published.platform_signing_key(profile),
        KeyRing([published.regulator_key(profile)], allow_test_keys=True),
        profile=profile,
        intake_url=_INTAKE,
        listen_s=0,
    )
    transport = HandlerTransport(MAKES[name](regulator) if name in MAKES else regulator.handle)
    scene = RegulatorScene(target, transport, listener=listener, clock=clock, sleep=clock.advance, run_id="selftest")
    return run(chosen(REGULATOR_CHECKS, profile=profile), scene, subject=name)


_WRITTEN: Final[Mapping[str, Any]] = written("kz_compliance_sdk.testing.conformance", "controls.toml")
CONTROLS: Final = tuple(
    Control(
        f"{side}.{row['name']}",
        row["what"],
        frozenset(f"{driven}.{name}" for name in row["caught_by"]),
        partial(drive, row["name"], row.get("profile", "rfc9421")),
    )
    for side, driven, drive in (("platform", "intake", drive_platform), ("regulator", "regulator", drive_regulator))
    for row in _WRITTEN[side]
)


def selftest(progress: Callable[[str], None] = lambda _name: None) -> Iterator[Outcome]:
    """Drive every control, one after another."""
    for control in CONTROLS:
        progress(control.name)
        yield Outcome(control, control.drive())


def selftest_document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What the kit found in its own controls, as one JSON document."""
    return {
        "all_right": all(outcome.is_right for outcome in outcomes),
        "controls": [
            {
                **fields_of(outcome.control, "name what"),
                **fields_of(outcome, "is_right caught_by missed blamed"),
            }
            for outcome in outcomes
        ],
    }
