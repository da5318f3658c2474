"""What may be tried again within one call, and when: seconds only. Hours belong to the outbox."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from tenacity import RetryCallState, Retrying

from kz_compliance_sdk.ports import Env

T = TypeVar("T")

LONGEST_WAIT_S = 5
"""The longest Retry-After that is waited for within one call, in seconds."""

LONGEST_ASKED_S = 3_600
"""What a longer Retry-After is cut to, in seconds: nobody's clock but the law's may run for longer."""

_SECONDS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Again:
    """A passing fault. `after` is how many seconds the other side asked for, None if it did not say.

    `maybe_sent` means that the request may have arrived, `hopeless` that trying again at once cannot help.
    """

    reason: str
    after: int | None = None
    maybe_sent: bool = False
    hopeless: bool = False


@dataclass(slots=True)
class Call(Generic[T]):
    """One call with all its tries. `deadline` is a value of `Env.monotonic`; `maybe_sent` is true of any try."""

    once: Callable[[], T | Again]
    deadline: float
    maybe_sent: bool = False


class Tries:
    """Repeats a call while its faults pass, within its deadline. Safe for many threads at once."""

    def __init__(self, env: Env, attempts: int) -> None:
        self._env, self._attempts = env, attempts
        self._retrying = Retrying(
            sleep=env.sleep,
            stop=self._is_enough,
            wait=self._wait,
            retry=lambda state: _is_passing(_result(state)),
            retry_error_callback=_result,
        )

    def run(self, call: Call[T]) -> T | Again:
        """The first result that is no passing fault, or the last fault."""
        return self._retrying(_try, call)

    def _wait(self, state: RetryCallState) -> float:
        asked: int | None = _result(state).after
        return 1.0 + self._env.random() if asked is None else float(asked)

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._attempts or state.upcoming_sleep > LONGEST_WAIT_S:
            return True
        deadline: float = state.args[0].deadline
        return self._env.monotonic() + state.upcoming_sleep >= deadline


def retry_after(value: str | None, now: int) -> int | None:
    """The seconds that a Retry-After header asks for, in either of its forms, at most an hour; None if it has neither.

    `now` is UTC seconds.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text), LONGEST_ASKED_S)
    try:
        # A date without a zone would be read in the zone of this machine.
        at = parsedate_to_datetime(text)
        seconds = int(at.timestamp()) - now if at.tzinfo is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if seconds is None else min(max(seconds, 0), LONGEST_ASKED_S)


def _try(call: Call[T]) -> T | Again:
    result = call.once()
    if isinstance(result, Again) and result.maybe_sent:
        call.maybe_sent = True
    return result


def _is_passing(result: object) -> bool:
    return isinstance(result, Again) and not result.hopeless


def _result(state: RetryCallState) -> Any:
    return None if state.outcome is None else state.outcome.result()
