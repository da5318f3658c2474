"""Which Retry-After is understood, and how long one call waits."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from kz_compliance_sdk.adapters.http_client import Again, Call, Tries, retry_after
from kz_compliance_sdk.ports import Env
from tests.conftest import NOON, FrozenClock


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("3600", 3600),
        ("9999999999", 3600),
        (formatdate(NOON + 30, usegmt=True), 30),
        (formatdate(NOON - 30, usegmt=True), 0),
        ("Tuesday, 24-Nov-26 07:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 12:00:30 +0500", 30),
    ],
)
def test_both_forms_are_understood_and_capped(value: str, seconds: int) -> None:
    assert retry_after(value, NOON) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None, "", "-1", "+1", "1.5", "1e3", "٣", "1_0", "99999999999", "soon", "Tue, 24 Nov",
        "Tue, 99 Nov 2026 99:99:99 GMT", "Tue, 24 Nov 2026 07:00:30 -0000", "24 Nov 99999999 00:00:00 GMT", "1;2",
    ],
)  # fmt: skip
def test_anything_else_says_nothing(value: str | None) -> None:
    assert retry_after(value, NOON) is None


def test_a_fault_that_cannot_pass_is_not_tried_again(env: Env, clock: FrozenClock) -> None:
    fault = Again("deadline", hopeless=True)
    assert Tries(env, 3).run(Call[str](lambda: fault, deadline=env.monotonic() + 60)) is fault
    assert clock() == NOON


def test_the_doubt_of_any_try_is_kept(env: Env) -> None:
    results = iter([Again("cut", maybe_sent=True), Again("connect_error"), "done"])
    call = Call[str](lambda: next(results), deadline=env.monotonic() + 60)  # type: ignore[arg-type,return-value]
    assert Tries(env, 3).run(call) == "done"
    assert call.maybe_sent


def test_waits_differ_so_that_many_hosts_do_not_knock_together(env: Env, clock: FrozenClock) -> None:
    waits = set()
    for _ in range(20):
        before = clock.monotonic()
        Tries(env, 2).run(Call[str](lambda: Again("status_503"), deadline=before + 60))
        waits.add(clock.monotonic() - before)
    assert len(waits) == 20
    assert all(1 <= wait < 2 for wait in waits)
