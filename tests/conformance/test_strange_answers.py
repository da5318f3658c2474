"""Whatever the other side answers, a run ends with verdicts: no answer is a fault of the kit."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.conformance import (
    INTAKE_CHECKS,
    REGULATOR_CHECKS,
    HandlerTransport,
    Inspector,
    IntakeScene,
    IntakeTarget,
    Listener,
    RegulatorScene,
    RegulatorTarget,
    chosen,
    published_keys,
    run,
)
from kz_compliance_sdk.testing.conformance.checks import PROFILES
from kz_compliance_sdk.testing.mock_regulator import Reply, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile

VALUES: list[Any] = [None, 0, -1, 1e300, True, "", "x", "2026-03-02T08:55:00Z", [], {}, [1], {"a": 1}]
STATUSES = [0, 100, 200, 201, 202, 301, 400, 401, 404, 405, 409, 413, 415, 422, 429, 500, 503, 999]
FIELDS = (
    "case_reference received_at due_at code type status title detail field messages cases data next_cursor has_more "
    "receipt_id subject_id body_sha256 recorded_at notice acknowledgements reports notice_id"
).split()
HEADERS = [
    ("retry-after", "0"),
    ("retry-after", "Mon, 01 Jan 0000 00:00:00 GMT"),
    ("content-type", "application/problem+json"),
    ("allow", "POST"),
]


def _page(chance: random.Random) -> dict[str, Any]:
    """A page of the feed that is nearly one."""
    notice = builders.notice(1).model_dump(mode="json", exclude_none=True)
    body = chance.choice(["!", "e30=", "bm9uZQ=="])
    entry = {
        "sequence": chance.randrange(3),
        "body": body,
        "headers": chance.choice([{}, {"signature-input": "kz=()"}]),
    }
    return {"data": [entry] * chance.randrange(3), "next_cursor": chance.choice(["c", "d"]), "has_more": True} | (
        {"notice": notice} if chance.random() < 0.5 else {}
    )


def _reply(chance: random.Random) -> Reply:
    kind = chance.randrange(7)
    if kind == 0:
        body = chance.randbytes(chance.randrange(50))
    elif kind == 1:
        body = b"[" * 100_000
    elif kind == 2:
        body = json.dumps(chance.choice(VALUES)).encode()
    elif kind == 3:
        return Reply(200, (), json.dumps(_page(chance)).encode())
    else:
        chosen_fields = chance.sample(FIELDS, chance.randrange(len(FIELDS)))
        body = json.dumps({name: chance.choice(VALUES) for name in chosen_fields}).encode()
    ending = "reset" if chance.random() < 0.1 else "whole"
    headers = tuple(chance.sample(HEADERS, chance.randrange(3)))
    return Reply(chance.choice(STATUSES), headers, body, ending="reset" if ending == "reset" else "whole")


def _no_wait(_seconds: float) -> None:
    return


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
@pytest.mark.slow
def test_a_run_against_nonsense_ends_with_verdicts(seed: int, profile: Profile) -> None:
    chance = random.Random(f"{seed} {profile}")

    def handle(_request: Request) -> Reply:
        return _reply(chance)

    transport = HandlerTransport(handle)
    intake = IntakeScene(
        IntakeTarget("http://x/n", profile, keys=published_keys(profile)),
        transport,
        inspector=Inspector(transport),
        sleep=_no_wait,
    )
    checks = chosen(INTAKE_CHECKS, skip=["intake.transport.flood"], profile=profile)
    report = run(checks, intake, subject="nonsense")
    assert len(report.results) == len(checks)
    assert len(report.broken) > len(checks) / 2
    ring = KeyRing([keys.regulator_key(profile)], allow_test_keys=True)
    regulator = RegulatorScene(
        RegulatorTarget(
            "http://x",
            keys.platform_signing_key(profile),
            ring,
            profile=profile,
            notice_id=chance.choice([None, "KZ-2026-0000001"]),
            listen_s=0,
        ),
        transport,
        listener=Listener(),
        control=chance.random() < 0.5,
        sleep=_no_wait,
    )
    told = run(chosen(REGULATOR_CHECKS, profile=profile), regulator, subject="nonsense")
    assert told.broken
    assert "regulator.receipt.is_signed" not in {result.name for result in told.of("held")}
