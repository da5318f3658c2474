"""Celery: the worker's passes as periodic tasks.

app = Celery("platform", broker="...")
install(app, lambda: ComplianceDesk(Settings.load(), enforcer=PlatformEnforcer()))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from celery import Celery
from celery.signals import worker_process_shutdown

from kz_compliance_sdk.contrib import Once
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.ports import Books


def watch(desk: ComplianceDesk) -> int:
    """Fire the escalation steps that are due. Health looks at when this last ran."""
    return desk.watch().fired


def deliver(desk: ComplianceDesk) -> int:
    """Carry out, report and alert what is due, until nothing is."""
    settled = 0
    while (done := desk.deliver()).leased:
        settled += done.settled
    return settled


def poll(desk: ComplianceDesk) -> int:
    """Read the regulator's feed to its end. Raises RegulatorError; the next pass then goes on where this one was."""
    messages, has_more = 0, desk.regulator is not None and desk.settings.regulator.feed_enabled
    while has_more:
        page = desk.poll()
        messages, has_more = messages + page.messages, page.has_more
    return messages


def checkpoint(desk: ComplianceDesk) -> None:
    """Make the checkpoint that is due, if one is."""
    if desk.settings.checkpoints.every_s:
        desk.proof.run()


def sweep(desk: ComplianceDesk) -> int:
    """Hold the row of every case against its chain."""
    return desk.sweep().cases


def reconcile(desk: ComplianceDesk) -> int:
    """Compare our books with the regulator's."""
    if not (isinstance(desk.regulator, Books) and desk.settings.regulator.reconcile_every_s):
        return 0
    return len(desk.reconcile().differences)


TASKS: Final[dict[Callable[[ComplianceDesk], Any], float]] = {
    watch: 15.0,
    deliver: 5.0,
    poll: 30.0,
    checkpoint: 60.0,
    sweep: 3_600.0,
    reconcile: 86_400.0,
}
"""How often each runs, in seconds."""


def install(app: Celery, make: Callable[[], ComplianceDesk]) -> Callable[[], ComplianceDesk]:
    """Register the tasks and their beat schedule. Gives what opens the desk of the process: `make` is called once, when
    the first task runs, so after the pool has forked."""
    desk = Once(make)

    def task(run: Callable[[ComplianceDesk], Any]) -> None:
        name, every_s = f"kz_compliance.{run.__name__}", TASKS[run]

        @app.task(name=name, shared=False)
        def pass_() -> Any:
            return run(desk())

        # A pass that waited for as long as it takes to the next one is no more use.
        entry = {"task": name, "schedule": every_s, "options": {"expires": every_s}}
        app.conf.beat_schedule = {**app.conf.beat_schedule, name: entry}

    for run in TASKS:
        task(run)

    def close(**_signal: Any) -> None:
        if desk.made is not None:
            desk.made.close()

    worker_process_shutdown.connect(close, weak=False)
    return desk
