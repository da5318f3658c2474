"""A platform's enforcer, and its way to its users, that obey their ports and remember what they were asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kz_compliance_sdk.ports import Effect, EffectResult, Failed, InForce, TellResult, Told, UserNotice


@dataclass(frozen=True, slots=True)
class Carried:
    """One call and its answer. `changed`: whether the object is another one after it."""

    verb: Literal["enforce", "restore"]
    effect: Effect
    result: EffectResult
    changed: bool


class RecordingEnforcer:
    """Doing the same effect twice changes nothing, and a version lower than the highest seen is refused.

    `calls` is every call in its order, `standing` the measure in force on each object. `clock` gives UTC seconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._answers: deque[EffectResult] = deque()
        self._held: dict[str, tuple[int, str, int]] = {}
        self.calls: list[Carried] = []

    def answer_next(self, *results: EffectResult) -> None:
        """Give these answers to the next calls, and carry nothing out: a `Failed`, or a `Pending`."""
        self._answers.extend(results)

    @property
    def standing(self) -> dict[str, str]:
        """The measure in force on each object, by its key."""
        return {key: measure for key, (_, measure, _) in self._held.items() if measure}

    def enforce(self, effect: Effect) -> EffectResult:
        """Put a measure in force."""
        return self._apply("enforce", effect, effect.action)

    def restore(self, effect: Effect) -> EffectResult:
        """Lift whatever measure is in force."""
        return self._apply("restore", effect, "")

    def _apply(self, verb: Literal["enforce", "restore"], effect: Effect, measure: str) -> EffectResult:
        version, held, at = self._held.get(effect.object_key, (-1, "", 0))
        result: EffectResult
        changed = False
        if self._answers:
            result = self._answers.popleft()
        elif effect.version < version:
            result = Failed("a later decision about this object was carried out", permanent=True)
        elif effect.version == version and measure == held:
            result = InForce(at)
        else:
            result, changed = InForce(self._clock()), True
            self._held[effect.object_key] = (effect.version, measure, result.effective_at)
        self.calls.append(Carried(verb, effect, result, changed))
        return result


class RecordingMessenger:
    """Telling the same notice twice tells the user once. `told` is what users got, `calls` the id of each try.

    `clock` gives UTC seconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._answers: deque[TellResult] = deque()
        self._at: dict[str, int] = {}
        self.calls: list[str] = []
        self.told: list[UserNotice] = []

    def answer_next(self, *results: TellResult) -> None:
        """Give these answers to the next calls, and tell nobody: a `Failed`, or a `RetryAt`."""
        self._answers.extend(results)

    def tell(self, notice: UserNotice) -> TellResult:
        """Tell the user, once."""
        self.calls.append(notice.id)
        if self._answers:
            return self._answers.popleft()
        if notice.id not in self._at:
            self._at[notice.id] = self._clock()
            self.told.append(notice)
        return Told(self._at[notice.id])
