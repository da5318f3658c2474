"""What happens in time: steps that fall due, pushes that faults hold back, and what the regulator does by itself."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.agenda import MESSAGES, PASSIVE, Agenda, Chase, Conduct, Done, Step
from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage, Recorded
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused
from kz_compliance_sdk.testing.mock_regulator.faults import Fault
from kz_compliance_sdk.wire.values import ClarificationRequest, Notice, Sanction

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

_REMEMBERED: Final = 100_000


class Life:
    """The regulator's agenda and conduct. Its caller holds the regulator's lock, but for `perform`, which waits for
    platforms."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator
        self.agenda = Agenda()
        self.history: deque[Done] = deque(maxlen=_REMEMBERED)
        self._conduct = PASSIVE
        self._held: dict[str, list[Step]] = {}

    @property
    def conduct(self) -> Conduct:
        return self._conduct

    def behave(self, conduct: Conduct) -> None:
        """Follow another conduct from now on; what is owed is looked at again by its rules."""
        self._conduct = conduct
        self.agenda.remove_where(lambda step: step.act == "chase")
        now = self._regulator.now()
        for name in self._regulator.platforms:
            for record in self._regulator.books_of(name).notices.values():
                if record.is_owed and record.due_at is not None:
                    numbers = [no for no, (after, _) in enumerate(conduct.steps()) if record.due_at + after > now]
                    if numbers:
                        self._plan_chase(name, record.notice, record.due_at, numbers[0])

    # What the books have learnt.

    def issued(self, message: IssuedMessage, at: int) -> None:
        """Note when an answer to a notice is due. `at` is UTC seconds, by the right clock."""
        if isinstance(message.data, Notice):
            notice = message.data
            record = self._regulator.books_of(message.platform_id).notices[notice.notice_id]
            record.due_at = self._conduct.due_at(notice, at)
            self._plan_chase(message.platform_id, notice, record.due_at, 0)

    def recorded(self, books: Books, recorded: Recorded) -> None:
        """Plan the answer to a question."""
        value, after = recorded.value, self._conduct.answer_after_s
        if isinstance(value, ClarificationRequest) and after is not None:
            answer = builders.clarification(books.notices[value.notice_id].notice, value.request_id)
            self.agenda.add(Step(self._regulator.now() + after, "clarify", answer, books.platform_id))

    def registered(self, books: Books) -> None:
        """Hold a new registration back for as long as the conduct says."""
        after = self._conduct.register_after_s
        if after:
            books.set_registration("pending")
            self.agenda.add(Step(self._regulator.now() + after, "registration", "registered", books.platform_id))

    # Pushes that faults hold back.

    def hold(self, message: IssuedMessage, fault: Fault) -> None:
        """Send a message later: at a time, and if it is to be overtaken, as soon as it was."""
        step = Step(self._regulator.now() + fault.delay_s, "push", message.id, message.platform_id)
        self.agenda.add(step)
        if fault.kind == "push_reordered":
            self._held.setdefault(message.platform_id, []).append(step)

    def overtaken(self, platform_id: str) -> list[str]:
        """The ids of the messages that have been overtaken by now, and are to be sent."""
        held = self._held.pop(platform_id, [])
        waiting = [step for step in held if any(step is each for each in self.agenda.steps())]
        for step in waiting:
            self.agenda.remove(step)
        return [str(step.data) for step in waiting]

    # Taking steps.

    def perform(self, step: Step) -> Done:
        """Take a step. What the regulator refuses of itself is noted, and raises nothing."""
        try:
            outcome = self._take(step)
        except Refused as refused:
            outcome = refused.problem.code or "refused"
        except KeyError as missing:
            outcome = f"unknown: {missing.args[0]}"
        except ValueError as wrong:
            # A step that Python made need not have gone through `read_step`.
            outcome = f"invalid: {type(wrong).__name__}"
        done = Done(step, self._regulator.now(), outcome)
        self.history.append(done)
        return done

    def _take(self, step: Step) -> str:
        # What a step carries follows from its act: `read_step` holds what comes from outside to it.
        regulator, data = self._regulator, _of(step)
        match step.act:
            case "push":
                message = regulator.message(data)
                if message is None:
                    return "message_unknown"
                regulator.spawn(lambda: regulator.push_as_it_is(message))
            case "chase":
                return self._chase(step)
            case "fail":
                regulator.fail(data)
            case "disarm":
                regulator.clear_faults()
            case "outage":
                regulator.outage(True, data)
            case "recover":
                regulator.outage(False)
            case "forget_keys":
                regulator.forget_keys()
            case "skew":
                regulator.skew(data)
            case "rotate":
                regulator.rotate(data.key_id, platform_id=data.platform_id, authority_id=data.authority_id)
            case "registration":
                regulator.set_registration(data, step.platform_id)
            case "conduct":
                regulator.behave(data)
            case _:
                self._say(step)
        return "done"

    def _say(self, step: Step) -> None:
        regulator = self._regulator
        message = regulator.announce(
            MESSAGES[step.act],
            _of(step),
            in_feed=step.in_feed,
            platform_id=step.platform_id,
            message_id=step.message_id,
            at=step.at,
        )
        if step.push:
            regulator.spawn(lambda: regulator.push(message))

    def _chase(self, step: Step) -> str:
        regulator, chase = self._regulator, _of(step)
        with regulator.locked():
            record = regulator.books_of(step.platform_id or regulator.books.platform_id).notices.get(chase.notice_id)
            steps = self._conduct.steps()
            if record is None or record.notice.revision != chase.revision or chase.number >= len(steps):
                return "superseded"
            if not record.is_owed:
                return "not_owed"
            notice, due_at, (_, level) = record.notice, record.due_at or step.at, steps[chase.number]
            self._plan_chase(notice.platform_id, notice, due_at, chase.number + 1)
        if isinstance(level, int):
            self._say(Step(step.at, "remind", builders.reminder(notice, level), notice.platform_id))
            return f"reminder {level}"
        sanction = Sanction(
            sanction_id=f"S-{notice.notice_id}-{chase.revision}-{level}",
            level=level,
            notice_ids=(notice.notice_id,),
            effective_at=step.at,
            reference_number=f"S/{notice.reference_number}"[:200],
        )
        self._say(Step(step.at, "sanction", sanction, notice.platform_id))
        return f"sanction {level}"

    def _plan_chase(self, platform_id: str, notice: Notice, due_at: int, number: int) -> None:
        steps = self._conduct.steps()
        if number < len(steps):
            chase = Chase(notice.notice_id, notice.revision, number)
            self.agenda.add(Step(due_at + steps[number][0], "chase", chase, platform_id))


def _of(step: Step) -> Any:
    return step.data
