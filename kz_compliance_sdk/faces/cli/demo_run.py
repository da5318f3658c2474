"""One run of the demonstration: start the processes, let the stories happen, hold the books against each other."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.demo_closing import Closing
from kz_compliance_sdk.faces.cli.demo_platform import SamplePlatform
from kz_compliance_sdk.faces.cli.demo_processes import UNDO_S, Place, Processes, Stuck, settings_of, toml_of
from kz_compliance_sdk.faces.cli.demo_regulator import ControlClient
from kz_compliance_sdk.faces.cli.demo_screen import Screen, show_checks, show_rows
from kz_compliance_sdk.faces.cli.demo_script import Play
from kz_compliance_sdk.faces.cli.demo_stories import stories
from kz_compliance_sdk.faces.cli.session import Session
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.agreement import Check
from kz_compliance_sdk.wire.signature import Profile

__all__ = ["Run"]

_ENFORCER: Final = "kz_compliance_sdk.faces.cli.demo_platform:enforcer"
_START_S: Final = 30.0
_STARTS: Final = 3


class Run:
    """One run in an empty directory. With `paced` it pauses where somebody watches."""

    def __init__(self, session: Session, directory: Path, profile: Profile, seed: int, *, paced: bool) -> None:
        self._session, self._env, self._directory = session, Env.system(), directory
        self._profile, self._seed = profile, seed
        self._told = stories(seed, self._env.clock())
        numbers = {story.notice.notice_id: number for number, story in enumerate(self._told, 1)}
        self._screen = Screen(numbers, self._env, stderr=session.json, paced=paced)
        self._platform = SamplePlatform(Place(directory, 0, 0).platform_file)

    def perform(self, *, serve: bool) -> bool:
        """Whether everything agrees. With `serve` it waits for Ctrl-C before it stops the processes.

        Raises Stuck if it cannot come to its end; what the processes said last is then shown.
        """
        self._platform.prepare({object_key(s.notice.items[0]): s.mood for s in self._told if s.mood is not None})
        self._screen.say(_PREFACE.format(undo_s=UNDO_S))
        with self._started() as (place, processes, regulator), ExitStack() as stack:
            desk = stack.enter_context(ComplianceDesk(Settings.load(place.settings_file, environ={})))
            self._wait_for_the_worker(desk, processes)
            with self._screen:
                play = Play(self._told, desk, regulator, processes, place, self._screen)
                play.perform()
                play.look_back()
            checks = self._close(desk, regulator, play)
            agrees = all(check.holds for check in checks)
            if serve:
                self._serve(place, processes)
        return agrees

    # --------------------------------------------------------------------------------------------- the start

    @contextmanager
    def _started(self) -> Iterator[tuple[Place, Processes, ControlClient]]:
        for left in reversed(range(_STARTS)):
            place = Place.in_directory(self._directory)
            settings = settings_of(place, self._profile, self._env.entropy(32))
            place.settings_file.write_text(toml_of(settings), encoding="utf-8")
            place.settings_file.chmod(0o600)
            with (
                Processes(place, self._env) as processes,
                closing(ControlClient(place.regulator_url, self._env)) as other,
            ):
                try:
                    self._start(place, processes, other)
                except Stuck:
                    # Somebody else may have taken a port between our looking and our listening.
                    if left:
                        continue
                    self._show_tails(processes)
                    raise
                try:
                    yield place, processes, other
                except ComplianceError:
                    self._show_tails(processes)
                    raise
            return

    def _start(self, place: Place, processes: Processes, regulator: ControlClient) -> None:
        seed, port = str(self._seed), str(place.regulator_port)
        processes.start("mock-regulator", "mock-regulator", "--port", port, "--seed", seed)
        processes.start("receiver", "serve", "--port", str(place.receiver_port))
        processes.start("worker", "worker", "--enforcer", _ENFORCER)
        deadline = self._env.monotonic() + _START_S
        for url in (f"{place.intake_url}/health", f"{place.regulator_url}/control/books"):
            while not regulator.is_up(url):
                processes.check()
                if self._env.monotonic() > deadline:
                    raise Stuck(f"nobody answers at {url}.")
                self._env.sleep(0.1)

    def _wait_for_the_worker(self, desk: ComplianceDesk, processes: Processes) -> None:
        deadline = self._env.monotonic() + _START_S
        while not any(beat.part == "worker" for beat in desk.health().heartbeats):
            processes.check()
            if self._env.monotonic() > deadline:
                raise Stuck("the worker gives no sign of life.")
            self._env.sleep(0.1)

    def _show_tails(self, processes: Processes) -> None:
        for name, tail in processes.tails():
            self._session.tell(f"--- the last words of the {name} ---\n{tail or '(none)'}")

    # ----------------------------------------------------------------------------------------------- the end

    def _close(self, desk: ComplianceDesk, regulator: ControlClient, play: Play) -> Sequence[Check]:
        end = Closing(
            self._told,
            desk,
            self._platform,
            regulator.books(desk.platform_id),
            settled_case_id=play.settled_case_id,
            sanction_id=play.sanction_id,
        )
        checks = [*end.checks(), *play.checks]
        rows, seconds = end.rows(), round(self._screen.seconds, 1)
        agrees = all(check.holds for check in checks)
        document = {
            "agrees": agrees,
            "profile": self._profile,
            "seed": self._seed,
            "seconds": seconds,
            "directory": str(self._directory),
            "notices": rows,
            "checks": [
                {"name": c.name, "holds": c.holds, "told": c.told, "differences": list(c.differences)} for c in checks
            ],
        }

        def people() -> None:
            show_rows(rows)
            show_checks(checks)
            verdict = "agree" if agrees else "do NOT agree"
            screen.say(f"{len(self._told)} notices in {seconds} s. The regulator's books and ours {verdict}.")

        self._session.answer(document, people)
        return checks

    def _serve(self, place: Place, processes: Processes) -> None:
        sys.stdout.flush()
        program = f"{_program()} --config {shlex.quote(str(place.settings_file))}"
        self._session.tell(_SERVING.format(place=place, program=program, first=self._told[0].notice.notice_id))
        try:
            while True:
                processes.check()
                self._env.sleep(0.5)
        except KeyboardInterrupt:
            self._session.tell("Stopping.")


def _program() -> str:
    """How this program was called, so that it can be called again from anywhere."""
    called = Path(sys.argv[0])
    if called.name == "kz-compliance" and called.is_file():
        return shlex.quote(str(called.absolute()))
    return f"{shlex.quote(sys.executable)} -m kz_compliance_sdk"


_PREFACE: Final = (
    "A mock regulator, the receiver and the worker run as three processes on this machine; nothing leaves it.\n"
    "A sandbox: the undo window is {undo_s} s, not the policy's; the regulator signs with a published test key;\n"
    "its notices are invented. The platform's key was made for this run."
)
_SERVING: Final = """
Everything keeps running. Ctrl-C stops it.
  the regulator's books   {place.regulator_url}/
  the receiver            {place.intake_url}  (health: {place.intake_url}/health)
  settings and files      {place.directory}
Try, in another terminal:
  {program} cases list
  {program} cases show {first}
  {program} audit verify
  {program} doctor
  curl -s {place.regulator_url}/control/issue -H 'content-type: application/json' -d '{{"sample": 7, "push": true}}'"""
