"""What a desk has sent, will send and tried: its outbox, read out and driven."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import Attempt, Kind, OutboxMessage
from kz_compliance_sdk.testing.frozen import FrozenClock

_PASSES: Final = 1_000
_OPEN: Final = ("queued", "leased")


class NotSettled(AssertionError):
    """Messages are still on their way when the time that a test gave them is over."""


class CapturedOutbox:
    """Every message of a desk, oldest first, and a hand on the clock to have them delivered."""

    def __init__(self, desk: ComplianceDesk, clock: FrozenClock) -> None:
        self._desk, self._clock = desk, clock

    def __iter__(self) -> Iterator[OutboxMessage]:
        queries = self._desk.store.queries(self._desk.platform_id)
        found = [message for case_id in queries.case_ids() for message in queries.records(case_id).messages]
        return iter(sorted(found, key=lambda message: (message.created_at, message.case_id, message.lane_seq)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of_kind(self, kind: Kind) -> list[OutboxMessage]:
        """The messages of one kind, such as `report`."""
        return [message for message in self if message.kind == kind]

    def bodies(self, kind: Kind) -> list[dict[str, Any]]:
        """What the messages of one kind say."""
        return [json.loads(message.body) for message in self.of_kind(kind)]

    def attempts(self, kind: Kind) -> list[Attempt]:
        """Every try of the messages of one kind."""
        queries = self._desk.store.queries(self._desk.platform_id)
        wanted = {message.id: message.case_id for message in self.of_kind(kind)}
        cases = dict.fromkeys(wanted.values())
        return [each for case_id in cases for each in queries.records(case_id).attempts if each.message_id in wanted]

    def deliver_due(self) -> int:
        """Deliver what is due now, and what falls due by it. How many messages were settled."""
        settled = 0
        for _ in range(_PASSES):
            drained = self._desk.deliver()
            if not drained.leased:
                return settled
            settled += drained.settled
        raise NotSettled(f"the outbox was not empty after {_PASSES} passes")

    def settle(self, within_s: int = 3_600) -> int:
        """Deliver, and let time pass to the next try, until nothing is on its way. How many messages were settled.

        What users are to be told waits if the desk has no messenger, and so does what has its time later than that.
        Moves the frozen clock by at most `within_s` seconds. Raises NotSettled, naming what is left and why.
        """
        last = self._clock() + within_s
        settled = self.deliver_due()
        while waiting := [message for message in self if message.state in _OPEN and not self._rests(message, last)]:
            at = self._next_at(waiting)
            if at > last:
                raise NotSettled(f"after {within_s} s there are on their way: {', '.join(map(self._told, waiting))}")
            self._clock.advance(at - self._clock())
            settled += self.deliver_due()
        return settled

    def _rests(self, message: OutboxMessage, last: int) -> bool:
        """Whether a message is not on its way: it has its time later, or nobody here can deliver it."""
        if message.kind == "user_notice" and not self._desk.delivery.can_tell_users():
            return True
        return message.kind in ("user_notice", "page") and not message.attempts and message.next_attempt_at > last

    def _next_at(self, waiting: list[OutboxMessage]) -> int:
        """When something can happen again: a message is due, or an endpoint is tried again after its failures."""
        now = self._clock()
        times = [message.next_attempt_at for message in waiting]
        times += [endpoint.open_until for endpoint in self._desk.health().endpoints]
        return min((at for at in times if at > now), default=now + 1)

    def _told(self, message: OutboxMessage) -> str:
        queries = self._desk.store.queries(self._desk.platform_id)
        tries = [each for each in queries.records(message.case_id).attempts if each.message_id == message.id]
        last = f", last: {tries[-1].result} {tries[-1].detail}" if tries else ""
        return f"{message.kind} of case {message.case_id} ({message.attempts} tries{last})"
