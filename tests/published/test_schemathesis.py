"""Both sides answer as the published documents say, whatever they are sent: signed, and not signed."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.faces.asgi import App, asgi_app
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import platform_key, regulator_key, regulator_signing_key
from kz_compliance_sdk.testing.mock_regulator import MockRegulator, Platform
from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request
from kz_compliance_sdk.wire.signature import Profile
from kz_compliance_sdk.wire.v1 import ENVELOPES
from tests.conftest import NOON, FrozenClock
from tests.published.contract import validator
from tests.published.fuzzing import EDGES, Case, Run, platform_signer, published, regulator_signer
from tests.published.generator.schemas import BEYOND_SCHEMA

pytestmark = pytest.mark.slow

ORIGIN = "https://social.example"
PUSH = "POST /notices"
EXAMPLES = 8
_NUMBERS = itertools.count(1)
PROFILES: tuple[Profile, ...] = ("rfc9421", "standard-webhooks")


# ------------------------------------------------------------------------------------------- the platform's intake


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[App]:
    """The intake of a desk on a temporary SQLite file, which trusts the sample regulator in both profiles."""
    keys = [
        {
            "key_id": key.key_id,
            "algorithm": key.algorithm,
            "public_key" if key.algorithm == "ed25519" else "secret": base64.b64encode(key.material).decode(),
            "sender": key.sender,
            "authorities": sorted(key.authorities),
            "not_before": 0,
            "not_after": key.not_after,
        }
        for key in map(regulator_key, PROFILES)
    ]
    given = {
        "platform_id": builders.PLATFORM_ID,
        "public_url": f"{ORIGIN}/kz",
        "allow_test_keys": True,
        "keys": keys,
        "store": {"path": tmp_path / "cases.sqlite3"},
    }
    clock = FrozenClock()
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    desk = AsyncComplianceDesk(Settings.model_validate(given), env=env, create=True)
    yield asgi_app(desk)
    desk.blocking.close()


def _signed(profile: Profile = "rfc9421") -> requests.Session:
    session = requests.Session()
    session.auth = regulator_signer(ORIGIN, lambda: NOON, profile)
    return session


def _for_this_platform(case: Case) -> None:
    """Chance names no platform that is there, and no authority whose key this is."""
    body: Any = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("platform_id"), str):
        body["platform_id"] = builders.PLATFORM_ID
    data = body.get("data")
    if isinstance(data, dict) and isinstance(data.get("platform_id"), str):
        data["platform_id"] = builders.PLATFORM_ID
    if isinstance(data, dict) and isinstance(data.get("issuing_authority"), dict):
        data["issuing_authority"]["id"] = next(iter(builders.AUTHORITIES))


def _schema_agrees(_case: Case, response: Response) -> None:
    """What was taken fits the published schema; what fits it and was refused, was so for what no schema can say."""
    raw: Any = response.request.body
    try:
        value = json.loads(raw or b"")
    except ValueError:
        return
    if not isinstance(value, dict) or value.get("type") not in tuple(ENVELOPES):
        return
    valid = validator(value["type"]).is_valid(value)
    if response.status_code in (200, 202, 409):
        assert valid, "the intake took what the published schema refuses"
    elif response.status_code == 422 and valid:
        code = response.json()["code"]
        beyond = {*BEYOND_SCHEMA, "id_mismatch", "authority_key_mismatch"}
        assert code in beyond or code.startswith("json_"), f"the schema takes it, and the intake says {code}"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_intake_answers_what_is_signed_as_published(intake: App, profile: Profile) -> None:
    run = Run(_signed(profile), f"{ORIGIN}/kz", app=intake, on_answer=_schema_agrees)
    examples, edges = (EXAMPLES, EDGES) if profile == "rfc9421" else (2, 4)
    run.over(published("intake.openapi.json", signed=True), examples=examples, edges=edges)
    assert {202, 422} <= run.statuses(PUSH), "it passed authentication, both ways"
    assert 401 not in run.statuses(PUSH)


def test_the_intake_answers_what_is_signed_and_meant_for_it_as_published(intake: App) -> None:
    """Most of it is admitted, so that everything behind the reader is reached as well."""
    run = Run(_signed(), f"{ORIGIN}/kz", app=intake, aim=_for_this_platform, on_answer=_schema_agrees)
    run.over(published("intake.openapi.json", signed=True), examples=2 * EXAMPLES)
    assert sum(count for (_, status, _), count in run.seen.items() if status == 202) > EXAMPLES / 2


def test_the_intake_answers_what_is_not_signed_as_published(intake: App) -> None:
    run = Run(requests.Session(), f"{ORIGIN}/kz", app=intake)
    run.over(published("intake.openapi.json", signed=False), examples=2, edges=4)
    assert 401 in run.statuses(PUSH)
    assert not run.statuses(PUSH) & {200, 202, 409, 422}, "nothing that is not signed is ever read"


# ----------------------------------------------------------------------------------------------- the mock regulator


@pytest.fixture
def regulator() -> Iterator[MockRegulator]:
    """The mock regulator on a socket, with the notices of the examples in its books."""
    platform = Platform(builders.PLATFORM_ID, f"{ORIGIN}/kz/notices", tuple(map(platform_key, PROFILES)))
    mock = MockRegulator([platform], signing_key=regulator_signing_key(), clock=FrozenClock(), seed=1)
    for seed in (1, 2):
        mock.issue(builders.notice(seed, items=6))
    mock.announce_sanction(builders.sanction())
    with mock.running():
        yield mock


def _for_what_is_there(case: Case) -> None:
    """Chance names no notice that was issued, and no key that is the message's own id."""
    path: dict[str, Any] = case.path_parameters or {}
    body: Any = case.body
    if "notice_id" in path:
        path["notice_id"] = "KZ-2026-0000002"
    if "platform_id" in path:
        path["platform_id"] = builders.PLATFORM_ID
    if case.headers.get("Idempotency-Key"):
        # Schemathesis likes one key for everything.
        case.headers["Idempotency-Key"] = f"key-{next(_NUMBERS)}"
    if not isinstance(body, dict):
        return
    for name in ("received_at", "reported_at", "sent_at"):
        if isinstance(body.get(name), str) and re.match("[0-9]{4}-", body[name]):
            body[name] = instant_text(NOON)
    if "notice_id" in path and isinstance(body.get("notice_id"), str):
        body["notice_id"] = path["notice_id"]
    if isinstance(body.get("reference_number"), str):
        body["reference_number"] = builders.notice(2, items=6).reference_number
    if isinstance(body.get("revision"), int):
        body["revision"] = 1
    for name in ("report_id", "request_id"):
        if isinstance(body.get(name), str) and case.headers.get("Idempotency-Key"):
            body[name] = case.headers["Idempotency-Key"]
    for name in ("items", "questions"):
        parts = body.get(name)
        if isinstance(parts, list) and len(parts) <= 6:
            for number, part in enumerate(parts, start=1):
                if isinstance(part, dict) and isinstance(part.get("item_id"), str):
                    part["item_id"] = str(number)


def _platform(mock: MockRegulator, profile: Profile = "rfc9421") -> requests.Session:
    session = requests.Session()
    session.auth = platform_signer(mock.url, mock.now, profile)
    return session


@pytest.mark.parametrize("profile", PROFILES)
def test_the_mock_answers_what_is_signed_as_published(regulator: MockRegulator, profile: Profile) -> None:
    schema = published("openapi.json", signed=True)
    examples, edges = (EXAMPLES // 2, EDGES) if profile == "rfc9421" else (1, 2)
    run = Run(_platform(regulator, profile), regulator.url).over(schema, examples=examples, edges=edges)
    assert run.statuses("GET /v1/notices") >= {200, 400}
    assert run.statuses("PUT /v1/platforms/{platform_id}/registration") >= {404}
    assert not any(status == 401 for _, status, _ in run.seen)


def test_the_mock_answers_what_is_signed_and_fits_its_books_as_published(regulator: MockRegulator) -> None:
    schema = published("openapi.json", signed=True)
    run = Run(_platform(regulator), regulator.url, aim=_for_what_is_there).over(schema, examples=EXAMPLES)
    for route in ("acknowledgements", "clarification-requests", "reports"):
        assert run.statuses(f"POST /v1/notices/{{notice_id}}/{route}") >= {201, 422}
    assert run.statuses("PUT /v1/platforms/{platform_id}/registration") >= {200, 201, 422}
    assert run.statuses("GET /v1/notices/{notice_id}") - {405} == {200}


def test_the_mock_answers_what_is_not_signed_as_published(regulator: MockRegulator) -> None:
    schema = published("openapi.json", signed=False)
    run = Run(requests.Session(), regulator.url).over(schema, examples=2, edges=4)
    for label in {label for label, _, _ in run.seen}:
        assert 401 in run.statuses(label)
        assert run.statuses(label) <= {400, 401, 404, 405}


# ----------------------------------------------------------------------------------------------------- the controls


def _planted(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


_NO_STORE = (b"cache-control", b"no-store")
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (_planted(500, [_PROBLEM], b"{}"), "Server error"),
        (_planted(418, [_PROBLEM], b"{}"), "Undocumented status"),
        (_planted(202, [_JSON, _NO_STORE], b'{"case_reference":"1"}'), "Response violates schema"),
        (_planted(401, [(b"content-type", b"text/html"), _NO_STORE], b"no"), "Undocumented Content-Type"),
        (_planted(401, [_PROBLEM], b"{}"), "Missing required response headers"),
        (_planted(422, [_PROBLEM, _NO_STORE], b'{"code":"brand_new"}'), "not among the codes"),
        (
            _planted(
                202,
                [_JSON, _NO_STORE],
                b'{"case_reference":null,"subject_id":"1","received_at":"2026-11-24T07:00:00Z"}',
            ),
            "accepted schema-violating|violates schema|rejected",
        ),
    ],
    ids=["500", "undocumented-status", "schema", "content-type", "header", "code", "takes-everything"],
)
def test_a_planted_intake_that_breaks_the_contract_is_found(app: App, said: str) -> None:
    with pytest.raises((FailureGroup, AssertionError)) as found:
        Run(_signed(), f"{ORIGIN}/kz", app=app).over(published("intake.openapi.json", signed=True), examples=EXAMPLES)
    text = "\n".join(str(each) for each in getattr(found.value, "exceptions", [found.value]))
    assert any(part.lower() in text.lower() for part in said.split("|")), text


def test_a_planted_intake_that_is_narrower_than_its_schema_is_found(intake: App) -> None:
    """The check that the schema agrees is one: here the intake refuses every notice for a reason of its own."""
    narrow = _planted(422, [_PROBLEM, _NO_STORE], b'{"code":"schema_format"}')
    with pytest.raises(AssertionError, match="the schema takes it"):
        Run(_signed(), f"{ORIGIN}/kz", app=narrow, on_answer=_schema_agrees).over(
            published("intake.openapi.json", signed=True), examples=EXAMPLES
        )


def test_a_planted_regulator_that_forgets_a_field_of_its_receipt_is_found(
    regulator: MockRegulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = regulator.handle

    def without_digest(request: Request) -> Reply:
        reply = whole(request)
        if reply.status == 201 and b"body_sha256" in reply.body:
            value = {key: each for key, each in json.loads(reply.body).items() if key != "body_sha256"}
            return replace(reply, body=json.dumps(value).encode())
        return reply

    forgetful = MockRegulator(
        list(regulator.platforms.values()), signing_key=regulator_signing_key(), clock=FrozenClock(), seed=1
    )
    whole = forgetful.handle
    forgetful.issue(builders.notice(2, items=6))
    monkeypatch.setattr(forgetful, "handle", without_digest)
    with forgetful.running(), pytest.raises((FailureGroup, AssertionError)) as found:
        Run(_platform(forgetful), forgetful.url, aim=_for_what_is_there).over(
            published("openapi.json", signed=True), examples=EXAMPLES
        )
    assert "body_sha256" in "\n".join(str(each) for each in getattr(found.value, "exceptions", [found.value]))
