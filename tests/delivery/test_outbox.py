"""When a message is tried again, and what it is called."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.domain.change import EndpointState, hastened, next_attempt_at, opens_until
from tests.chance import examples

NOW = 1_795_503_600
DAY = 86_400
jitters = st.floats(0, 1, exclude_max=True)
attempts = st.integers(0, 10_000)


@given(attempts, st.none() | st.integers(-400 * DAY, 400 * DAY), jitters)
@settings(max_examples=examples(500))
def test_there_is_always_a_next_attempt_and_it_is_never_far(tries: int, left: int | None, jitter: float) -> None:
    """It never gives up: at least a second on, at most a quarter of an hour, whole seconds."""
    at = next_attempt_at(NOW, tries, None if left is None else NOW + left, jitter)
    assert type(at) is int
    assert 1 <= at - NOW <= 900


@given(attempts, st.integers(1, 400 * DAY), jitters)
@settings(max_examples=examples(500))
def test_a_wait_never_jumps_over_the_deadline(tries: int, left: int, jitter: float) -> None:
    """Somebody tries at the latest in the last second in which it is still in time."""
    assert next_attempt_at(NOW, tries, NOW + left, jitter) <= NOW + left


@given(attempts, st.integers(41, 400 * DAY), jitters)
@settings(max_examples=examples(500))
def test_a_wait_takes_an_eighth_of_the_time_left_at_most(tries: int, left: int, jitter: float) -> None:
    assert next_attempt_at(NOW, tries, NOW + left, jitter) - NOW <= max(5, left // 8)


@given(st.integers(0, 400 * DAY), attempts, jitters)
@settings(max_examples=examples(200))
def test_past_the_deadline_it_goes_on_every_few_minutes(past: int, tries: int, jitter: float) -> None:
    wait = next_attempt_at(NOW, tries, NOW - past, jitter) - NOW
    assert wait <= 180
    if tries >= 7:
        assert wait >= 90


@given(st.integers(60, 3 * DAY), attempts, jitters, jitters)
@settings(max_examples=examples(300))
def test_attempts_become_denser_as_the_deadline_nears(left: int, tries: int, one: float, two: float) -> None:
    """With the same jitter: the nearer the deadline, the shorter the wait."""
    waits = [next_attempt_at(NOW, tries, NOW + near, one) - NOW for near in (left, left // 2, left // 4)]
    assert waits == sorted(waits, reverse=True)
    low, high = sorted((one, two))
    assert next_attempt_at(NOW, tries, NOW + left, high) <= next_attempt_at(NOW, tries, NOW + left, low)


@given(jitters)
@settings(max_examples=examples(100))
def test_the_wait_doubles_from_two_seconds_and_is_capped(jitter: float) -> None:
    full = [next_attempt_at(NOW, tries, None, 0.0) - NOW for tries in range(14)]
    assert full == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]
    for tries, wait in enumerate(full):
        assert wait // 2 <= next_attempt_at(NOW, tries, None, jitter) - NOW <= wait


@pytest.mark.parametrize("term", [3600, 3 * 3600, 24 * 3600])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_a_regulator_that_is_down_until_the_last_minute_is_still_told_in_time(term: int, jitter: float) -> None:
    """It comes back a minute before the deadline: an attempt falls into that minute, and none of the waits grows."""
    now, tries, seen = NOW, 0, [NOW]
    while now < NOW + term:
        now = next_attempt_at(now, tries, NOW + term, jitter)
        tries += 1
        seen.append(now)
    assert [at for at in seen if NOW + term - 60 <= at <= NOW + term]
    gaps = [later - earlier for earlier, later in pairwise(at for at in seen if at >= NOW + term // 2)]
    assert gaps == sorted(gaps, reverse=True)
    assert tries < 300, "denser, and yet no flood"


def test_a_regulator_that_is_down_for_a_month_is_still_tried() -> None:
    now, tries = NOW, 0
    while now < NOW + 30 * DAY:
        later = next_attempt_at(now, tries, NOW + DAY, 0.5)
        assert now < later <= now + 900
        now, tries = later, tries + 1
    assert tries > 30 * DAY / 180


@given(st.integers(0, 1000), st.integers(-DAY, DAY))
@settings(max_examples=examples(200))
def test_a_breaker_always_closes_again(failures: int, left: int) -> None:
    assert NOW < opens_until(NOW, failures, NOW + left) <= NOW + 900


def test_an_open_breaker_is_only_ever_hastened() -> None:
    state = EndpointState("social", "regulator", 12, 1256, 0, "")
    assert hastened(state, 1000, None) is state
    assert hastened(state, 1000, 1000 + 24 * 3600) is state
    assert hastened(state, 1000, 1400).open_until == 1050
    assert hastened(state, 1300, 1310) is state, "it is closed already"
