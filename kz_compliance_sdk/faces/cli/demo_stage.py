"""Where the stories happen: what a performance holds, and how it waits for what it has caused and looks at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.faces.cli.demo_processes import Place, Processes, Stuck
from kz_compliance_sdk.faces.cli.demo_regulator import ControlClient
from kz_compliance_sdk.faces.cli.demo_screen import Screen
from kz_compliance_sdk.faces.cli.demo_stories import Story
from kz_compliance_sdk.testing.agreement import Check
from kz_compliance_sdk.wire.v1 import write_message

__all__ = ["Stage"]

_PATIENCE_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1


class Stage:
    """The stories, both sides, the processes and the screen. `checks` holds what was seen on the way."""

    def __init__(
        self,
        told: Sequence[Story],
        desk: ComplianceDesk,
        regulator: ControlClient,
        processes: Processes,
        place: Place,
        screen: Screen,
    ) -> None:
        self._stories = {story.key: story for story in told}
        self._of_notice = {story.notice.notice_id: story for story in told}
        self._number = {story.key: number for number, story in enumerate(told, 1)}
        self._desk, self._regulator, self._processes = desk, regulator, processes
        self._place, self._screen, self._env = place, screen, desk.env
        self._case_ids: dict[str, str] = {}
        self._turns: Counter[str] = Counter()
        self.checks: list[Check] = []
        self.settled_case_id = ""
        self.sanction_id = ""

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = self._env.monotonic() + _PATIENCE_S
        while True:
            self._processes.check()
            done = happened()
            self._show()
            if done:
                return
            if self._env.monotonic() > deadline:
                late = ", ".join(self._late())
                raise Stuck(f"waited {_PATIENCE_S:.0f} s for {what}. Not where they should be: {late or 'none'}.")
            self._env.sleep(_LOOK_EVERY_S)

    def _late(self) -> Iterable[str]:
        for story in self._stories.values():
            case = self._find(story)
            if case is None or case.state != story.end:
                yield f"{story.notice.notice_id} ({story.key}) is {case.state if case else 'nowhere'}"

    def _show(self) -> None:
        found = {story.notice.notice_id: self._find(story) for story in self._stories.values()}
        self._screen.states({name: case.state.value for name, case in found.items() if case is not None})

    # ------------------------------------------------------------------------------------------- looking

    def _find(self, story: Story) -> Case | None:
        if story.key not in self._case_ids:
            found = self._desk.cases(notice_id=story.notice.notice_id).cases
            if not found:
                return None
            self._case_ids[story.key] = found[0].id
        return self._desk.case(self._case_ids[story.key])

    def _case(self, story: Story) -> Case:
        case = self._find(story)
        if case is None:
            raise Stuck(f"{story.notice.notice_id} has no case.")
        return case

    def _messages(self, story: Story, kind: str) -> list[OutboxMessage]:
        queries = self._desk.store.queries(self._desk.platform_id)
        return [message for message in queries.messages(self._case(story).id) if message.kind == kind]

    def _attempts(self, story: Story, kind: str) -> list[tuple[str, str]]:
        queries = self._desk.store.queries(self._desk.platform_id)
        wanted = {message.id for message in self._messages(story, kind)}
        attempts = queries.attempts(self._case(story).id)
        return [(attempt.result, attempt.detail) for attempt in attempts if attempt.message_id in wanted]

    def _expect(self, story: Story, push: dict[str, Any], status: int) -> None:
        if push["status"] != status:
            tries = [one["status"] or one["error"] for one in push["tries"]]
            raise Stuck(f"{story.notice.notice_id} ({story.key}) was answered with {tries} and not with {status}.")

    def _bytes_of(self, notice: Notice, message_id: str) -> bytes:
        now = self._desk.store.now()
        return write_message(
            "notice.issued", notice, message_id=message_id, sent_at=now, platform_id=self._desk.platform_id
        )

    def _step(self, text: str, *about: Story) -> None:
        numbers = [f"#{self._number[story.key]}" for story in about]
        if text.count("{}") == len(numbers):
            self._screen.step(text.format(*numbers))
        else:
            self._screen.step(text.format(" ".join(numbers)))
