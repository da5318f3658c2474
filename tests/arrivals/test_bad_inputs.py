"""Every bad, hostile or odd input of the catalogue that one request can carry comes to what the catalogue asks for, or
to a difference that is written down with its reason; and whatever came of it, nothing authentic is lost."""

from __future__ import annotations

import base64
import logging
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.domain.change import NOTHING
from kz_compliance_sdk.services import intake
from kz_compliance_sdk.services.admission import Admission, Response, refused
from kz_compliance_sdk.services.intake import Pending
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, BadInput
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS, Verified
from kz_compliance_sdk.wire.signature.keyring import TEST_HMAC_SECRET
from tests.arrivals.bad_inputs.differences import DIFFERENCES, ELSEWHERE, page
from tests.arrivals.bad_inputs.office import Offices, settings
from tests.arrivals.bad_inputs.outcome import check_invariants, of_answer
from tests.arrivals.bad_inputs.requests import (
    NOW,
    PLATFORM,
    SECRETS,
    Request,
    curve_headers,
    envelope,
    hmac_headers,
    made,
    serialised,
)
from tests.arrivals.bad_inputs.trials import LIVE, OWN_TEST, POLLED, PUSHED, SEQUENCES, pushed, run
from tests.variants import variants

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contract" / "bad-inputs.md"


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", "kz_compliance_sdk")
    return caplog


def _name(case: BadInput) -> str:
    return f"{case.id} {case.name}"


def _of_each_kind(cases: list[BadInput]) -> list[object]:
    """All of them, and in the quick part one of each kind."""
    kinds = {(case.layer, case.outcome, case.code): _name(case) for case in reversed(cases)}
    return variants({_name(case): case for case in cases}, *kinds.values())


@pytest.mark.parametrize("case", _of_each_kind(PUSHED))
def test_a_pushed_input_comes_to_what_the_catalogue_asks_for(
    case: BadInput, offices: Offices, logs: pytest.LogCaptureFixture
) -> None:
    run(case, "pushed", offices.new(), logs)


@pytest.mark.parametrize("case", _of_each_kind(POLLED))
def test_a_polled_input_comes_to_what_the_catalogue_asks_for(
    case: BadInput, offices: Offices, logs: pytest.LogCaptureFixture
) -> None:
    run(case, "polled", offices.new(), logs)


def test_what_is_in_quarantine_is_on_the_clock_and_somebody_is_paged(offices: Offices) -> None:
    office = offices.new()
    office.push(made(CASES["J001"]))
    (case,) = office.cases()
    assert (case.state, case.received_at, case.due_at) == ("quarantined", NOW, NOW + 86_400)
    office.desk.deliver()
    assert office.alerts == ["quarantine.json_syntax"]


def test_an_ed25519_key_of_small_order_is_refused_when_it_is_loaded(offices: Offices, tmp_path: Path) -> None:
    """S038. And without it nothing that such a key could have signed is authentic."""
    (step,) = CASES["S038"].recipe
    text = base64.b64encode(bytes.fromhex(step["pubkey_hex"])).decode()
    key = {"key_id": "zero", "public_key": text, "sender": "s", "authorities": ["s"], "not_before": 0, "not_after": 1}
    with pytest.raises(ValidationError, match="Anybody can sign"):
        settings(tmp_path / "x", keys=[key])
    body = serialised(envelope())
    signature = base64.b64encode(bytes(64)).decode()
    headers = [*hmac_headers(body)[:-1], ("webhook-signature", f"v1a,{signature}")]
    assert offices.new().push(Request(headers, body)).status == CASES["S038"].http


def test_a_signed_message_gives_no_right_on_another_path(offices: Offices) -> None:
    """S041, a documented difference; in the default profile the signature does not even hold there."""
    office, expected = offices.new(), DIFFERENCES["S041", "pushed"]
    before = office.counts()
    request = replace(made(CASES["S041"]), target="/api/decisions")
    came = of_answer(office, office.push(request))
    assert (came.status, came.codes) == (expected.status, expected.codes)
    elsewhere = Request(curve_headers(request.body, target="/api/decisions"), request.body)
    assert office.push(elsewhere).status == 401
    assert office.counts() == before


def test_the_published_test_key_cannot_be_configured(tmp_path: Path) -> None:
    """S022: production refuses to start with it."""
    text = base64.b64encode(TEST_HMAC_SECRET).decode()
    key = {"key_id": "test", "algorithm": "hmac-sha256", "secret": text, "sender": "s", "authorities": ["s"]}
    with pytest.raises(ValidationError, match="published test key"):
        settings(tmp_path / "x", keys=[{**key, "not_before": 0, "not_after": 1}])


def test_the_key_of_another_platform_is_good_there_and_unknown_here(offices: Offices) -> None:
    """The control of S021: the request is refused for its key alone."""
    request = made(CASES["S021"])
    assert offices.new().push(request).status == 401
    text = base64.b64encode(SECRETS["other_tenant_key"]).decode()
    key = {"key_id": "b", "algorithm": "hmac-sha256", "secret": text, "sender": "mki-kz", "authorities": ["mki-kz"]}
    there = offices.new(keys=[{**key, "not_before": 0, "not_after": NOW + 1}])
    assert there.push(request).status == 202


# ---------------------------------------------------------------------------------------------------- the controls


def test_the_control_that_verifies_nothing_is_found_out(
    offices: Offices, logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    believed = Verified(
        "valid", "mki-kz", frozenset({"mki-kz"}), PLATFORM, "standard-webhooks", NOW, False, False, False, None, None
    )
    monkeypatch.setattr(intake, "verify", lambda *_: believed)
    with pytest.raises(AssertionError, match="leaves no message"):
        run(CASES["S019"], "pushed", offices.new(), logs)


def test_the_control_that_drops_what_it_cannot_read_is_found_out(
    offices: Offices, logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admission, "quarantine", lambda *_: (NOTHING, refused(422, "json_syntax", "no.")))
    with pytest.raises(AssertionError, match="is kept, byte for byte"):
        run(CASES["J001"], "pushed", offices.new(), logs)


def test_the_control_that_tells_why_it_refuses_is_found_out(
    offices: Offices, logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "NOT_AUTHENTIC", refused(401, "not_authentic", "The timestamp is malformed."))
    with pytest.raises(AssertionError, match="byte for byte"):
        run(CASES["K013"], "pushed", offices.new(), logs)


def test_the_control_that_logs_a_signature_is_found_out(
    offices: Offices, logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = made(CASES["M042"])
    trial = pushed(offices.new(), request, authentic=True, logs=logs)
    check_invariants(trial)
    record = logging.LogRecord("x", logging.DEBUG, "x", 1, "signed by %s", (request.headers[-1][1],), None)
    with pytest.raises(AssertionError, match="a key, a signature or a person"):
        check_invariants(replace(trial, logs=[record]))


# ------------------------------------------------------------------------------------------------------- mutations


def _edited(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    letter = chr(rng.choice([rng.randrange(32, 127), rng.randrange(0, 0x250), 0x661]))
    return rng.choice([text[:place] + text[place + 1 :], text[:place] + letter + text[place:], text[:place], text * 2])


def _edited_bytes(rng: random.Random, body: bytes) -> bytes:
    place, end = sorted(rng.randrange(len(body) + 1) for _ in range(2))
    alien = rng.choice(
        [b"", rng.randbytes(1), b'"', b"{", b"[" * 40, b"\\ud800", b"9" * 400, b"null", b"\xff", b",", b"-"]
    )
    return rng.choice(
        [body[:place] + alien + body[place + 1 :], body[:place] + alien + body[end:], body[:place] + alien]
    )


def _mutant(rng: random.Random, request: Request) -> Request:
    headers = list(request.headers)
    place = rng.randrange(len(headers))
    name, value = headers[place]
    match rng.randrange(7):
        case 0:
            return replace(request, body=_edited_bytes(rng, request.body))
        case 1:
            headers[place] = (name, _edited(rng, value))
        case 2:
            headers[place] = (_edited(rng, name), value)
        case 3:
            del headers[place]
        case 4:
            headers.append((name, rng.choice([value, _edited(rng, value)])))
        case 5:
            return replace(request, target=_edited(rng, request.target))
        case _:
            return replace(request, method=rng.choice(["GET", "PUT", "post", "", _edited(rng, "POST")]))
    return replace(request, headers=headers)


def _signed_part(request: Request) -> tuple[object, ...]:
    """Without what has no label of ours: so a proxy may sign as well."""
    ours = (one for one in request.headers if one[0] not in ("signature-input", "signature") or "kz=" in one[1])
    return sorted(pair for pair in ours if pair[0] in SIGNATURE_HEADERS), request.body


@pytest.mark.parametrize("count", [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_mutation_of_a_signed_request_is_taken_or_provokes_a_fault(count: int, offices: Offices) -> None:
    rng, office = random.Random(f"requests {count}"), offices.new()
    body = serialised(envelope())
    originals = [Request(hmac_headers(body), body), Request(curve_headers(body), body)]
    taken = 0
    for _ in range(count):
        original = rng.choice(originals)
        mutant = _mutant(rng, original)
        answer = office.desk.intake.receive(mutant.method, mutant.target, mutant.headers, mutant.body)
        if isinstance(answer, Pending):
            # What no signature covers, such as a media type that is written in another way.
            assert _signed_part(mutant) == _signed_part(original), mutant
            taken += 1
        else:
            assert 400 <= answer.status < 500, (answer, mutant)
    assert taken < count / 4
    assert office.inbox() == []


@pytest.mark.parametrize(
    "count",
    [60, pytest.param(600, marks=pytest.mark.slow), pytest.param(6_000, marks=pytest.mark.slow(takes_s=60))],
)
@pytest.mark.slow
def test_a_mutation_that_is_signed_is_kept_whatever_it_says(count: int, offices: Offices) -> None:
    rng, original = random.Random(f"bodies {count}"), serialised(envelope())
    for _ in range(max(count // 200, 1)):
        office, bodies = offices.new(), set()
        for _ in range(min(count, 200)):
            body = original
            for _ in range(rng.choice([1, 1, 1, 3])):
                body = _edited_bytes(rng, body)
            answer: Response = office.desk.receive("POST", "/notices", hmac_headers(body), body)
            assert answer.status in (200, 202, 409, 422), (answer, body)
            bodies.add(body)
        assert {row.body for row in office.inbox()} == bodies
        offices.close()


# -------------------------------------------------------------------------------------------------- the documentation


def test_every_case_of_the_catalogue_has_its_place() -> None:
    """Run here, in the tests of sequences or of sockets, or named as another part's; and nothing twice."""
    here = {case.id for case in PUSHED} | OWN_TEST
    apart = [here, LIVE, SEQUENCES, set(ELSEWHERE)]
    assert set().union(*apart) == CASES.keys()
    assert sum(map(len, apart)) == len(CASES)


def test_every_difference_is_about_a_case_that_is_run() -> None:
    run_here = {case.id for case in PUSHED} | OWN_TEST | LIVE | SEQUENCES
    assert {case_id for case_id, _ in DIFFERENCES} <= run_here


def test_the_page_says_what_the_tests_hold() -> None:
    """`python -m tests.arrivals.bad_inputs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
