"""What the regulator does without being told: it answers questions, asks again, and announces sanctions.

Only a rule decides here, on what the books hold; when it is looked at is the agenda's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from kz_compliance_sdk.wire.values import Notice, SanctionLevel

__all__ = ["PASSIVE", "STRICT", "Conduct"]

_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Conduct:
    """All times are seconds. The defaults do nothing: every message is then somebody's command.

    `term_s`: how long after its issue a notice is due that names no deadline; the regulator's own reckoning, which
    starts before the platform's. `answer_after_s`: when a clarification request is answered, None for never.
    `register_after_s`: how long a registration is `pending`. `reminders_s`: how long after the deadline each reminder
    goes out, the first with escalation level 1, the second with 2. `sanctions`: likewise, with the level of each. Both
    stop with a final report, or when the whole notice is cancelled.

    Raises ValueError for times that are negative or do not grow.
    """

    term_s: int = 24 * _HOUR
    answer_after_s: int | None = None
    register_after_s: int = 0
    reminders_s: tuple[int, ...] = ()
    sanctions: tuple[tuple[int, SanctionLevel], ...] = ()

    def __post_init__(self) -> None:
        if self.term_s < 1 or self.register_after_s < 0 or (self.answer_after_s or 0) < 0:
            raise ValueError("term_s is 1 or more; answer_after_s and register_after_s are not negative")
        for name, times in (("reminders_s", self.reminders_s), ("sanctions", [after for after, _ in self.sanctions])):
            if any(after < 0 for after in times) or list(times) != sorted(set(times)):
                raise ValueError(f"the times of {name} are not negative, and each is later than the one before")
        if any(level not in get_args(SanctionLevel) for _, level in self.sanctions):
            raise ValueError(f"a sanction is one of {', '.join(get_args(SanctionLevel))}")

    def due_at(self, notice: Notice, issued_at: int) -> int:
        """When the regulator expects the final report, in UTC seconds."""
        asked = notice.deadline
        if asked is None:
            return issued_at + self.term_s
        return issued_at + asked.hours * _HOUR if asked.hours is not None else asked.due_at or issued_at

    def steps(self) -> list[tuple[int, int | SanctionLevel]]:
        """What happens to a notice that is not answered: seconds after its deadline, and the level of the reminder or
        of the sanction. In order of time."""
        found: list[tuple[int, int | SanctionLevel]] = [(after, no) for no, after in enumerate(self.reminders_s, 1)]
        found += self.sanctions
        return sorted(found, key=lambda step: (step[0], isinstance(step[1], str)))


PASSIVE: Final = Conduct()
"""Does nothing by itself."""
STRICT: Final = Conduct(
    answer_after_s=_HOUR // 2,
    register_after_s=_HOUR,
    reminders_s=(0, _HOUR, 6 * _HOUR),
    sanctions=((24 * _HOUR, "warning"), (72 * _HOUR, "fine"), (168 * _HOUR, "slowdown")),
)
"""Answers within half an hour, reminds three times, and goes from a warning to a fine to a slowdown."""
