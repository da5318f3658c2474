"""The kit driven against its own controls: an honest platform and regulator, and every broken one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.testing.conformance.broken_platforms import PLATFORM_FAULTS, PlatformFault, Site
from kz_compliance_sdk.testing.conformance.broken_regulators import REGULATOR_FAULTS, URL, RegulatorFault
from kz_compliance_sdk.testing.conformance.checks import Report, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, Inspector, sandbox_platform
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.keys import published_keys
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.scenes import IntakeScene, IntakeTarget, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import HandlerTransport, Listener
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.mock_regulator import InProcessSender, MockRegulator, Platform, Request
from kz_compliance_sdk.wire.signature import KeyRing

_INTAKE: Final = "http://127.0.0.1:8000/notices"


@dataclass(frozen=True, slots=True)
class Control:
    """Something to drive, and the checks that must be broken by it: none by what is honest."""

    name: str
    what: str
    must_break: frozenset[str]
    drive: Callable[[], Report]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kit found in one control."""

    control: Control
    report: Report

    @property
    def missed(self) -> tuple[str, ...]:
        """The checks that ought to have found it and did not."""
        return tuple(sorted(self.control.must_break - set(self.report.broken)))

    @property
    def blamed(self) -> tuple[str, ...]:
        """The checks that found something that is not wrong."""
        return tuple(name for name in self.report.broken if name not in self.control.must_break)

    @property
    def is_right(self) -> bool:
        return not self.missed and not self.blamed and bool(self.report.of("held"))


def drive_platform(fault: PlatformFault) -> Report:
    """Drive a platform of this library in process, broken or honest."""
    clock, profile = FrozenClock(), fault.profile
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    with contextlib.ExitStack() as stack:
        good, scratch = (stack.enter_context(sandbox_platform(profile, env, **fault.settings())) for _ in range(2))
        transport = HandlerTransport(fault.make(Site(good, scratch, clock, profile)))
        scene = IntakeScene(
            IntakeTarget(INTAKE_URL, profile, keys=published_keys(profile)),
            transport,
            inspector=Inspector(transport, "/inspect"),
            clock=clock,
            sleep=clock.advance,
            run_id="selftest",
        )
        return run(chosen(INTAKE_CHECKS, profile=profile), scene, subject=fault.name)


def drive_regulator(fault: RegulatorFault) -> Report:
    """Drive the mock regulator in process, broken or as it is."""
    clock, listener, pushes, profile = FrozenClock(), Listener(), InProcessSender(), fault.profile
    pushes.to(lambda method, target, headers, body: listener.take(Request(method, target, fault.pushes(headers), body)))
    regulator = MockRegulator(
        [Platform(PLATFORM_ID, _INTAKE, (published.platform_key(profile),))],
        signing_key=published.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=1,
        base_url=URL,
        sender=pushes,
        sleep=clock.advance,
        push_tries=fault.push_tries,
    )
    for seed in range(1, 6):
        regulator.issue(builders.notice(seed))
    regulator.push(regulator.issue(builders.notice(6)))
    target = RegulatorTarget(
        URL,
        published.platform_signing_key(profile),
        KeyRing([published.regulator_key(profile)], allow_test_keys=True),
        profile=profile,
        intake_url=_INTAKE,
        listen_s=0,
    )
    transport = HandlerTransport(fault.make(regulator))
    scene = RegulatorScene(target, transport, listener=listener, clock=clock, sleep=clock.advance, run_id="selftest")
    return run(chosen(REGULATOR_CHECKS, profile=profile), scene, subject=fault.name)


CONTROLS: Final[tuple[Control, ...]] = (
    *(
        Control(f"platform.{one.name}", one.what, one.caught_by, partial(drive_platform, one))
        for one in PLATFORM_FAULTS
    ),
    *(
        Control(f"regulator.{one.name}", one.what, one.caught_by, partial(drive_regulator, one))
        for one in REGULATOR_FAULTS
    ),
)


def selftest(progress: Callable[[str], None] = lambda _name: None) -> Iterator[Outcome]:
    """Drive every control, one after another."""
    for control in CONTROLS:
        progress(control.name)
        yield Outcome(control, control.drive())
