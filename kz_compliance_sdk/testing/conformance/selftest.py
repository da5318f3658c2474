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
from kz_compliance_sdk.testing.conformance.broken_regulators import (
    REGULATOR_FAULTS,
    URL,
    ListenerSender,
    RegulatorFault,
)
from kz_compliance_sdk.testing.conformance.checks import PROFILES, Report, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, Inspector, sandbox_platform
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.keys import published_keys
from kz_compliance_sdk.testing.conformance.listener import Listener
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.scenes import IntakeScene, IntakeTarget, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import HandlerTransport
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request
from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator, Platform
from kz_compliance_sdk.wire.signature import KeyRing, Profile

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


def drive_platform(fault: PlatformFault | None, profile: Profile = "rfc9421") -> Report:
    """Drive a platform in process: a broken one, or an honest one of this library."""
    clock = FrozenClock()
    used = profile if fault is None else fault.profile
    settings = {} if fault is None else fault.settings()
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    with contextlib.ExitStack() as stack:
        good, scratch = (stack.enter_context(sandbox_platform(used, env, **settings)) for _ in range(2))
        handle: Callable[[Request], Reply] = good.handle
        if fault is not None:
            handle = fault.make(Site(good, scratch, clock, used))
        transport = HandlerTransport(handle)
        scene = IntakeScene(
            IntakeTarget(INTAKE_URL, used, keys=published_keys(used)),
            transport,
            inspector=Inspector(transport, "/inspect"),
            clock=clock,
            sleep=clock.advance,
            run_id="selftest",
        )
        subject = "an honest platform" if fault is None else fault.name
        return run(chosen(INTAKE_CHECKS, profile=used), scene, subject=subject)


def drive_regulator(fault: RegulatorFault | None, profile: Profile = "rfc9421") -> Report:
    """Drive the mock regulator in process, broken or as it is."""
    clock = FrozenClock()
    listener = Listener()
    change = (lambda headers: headers) if fault is None else fault.pushes
    regulator = MockRegulator(
        [Platform(PLATFORM_ID, _INTAKE, (published.platform_key(profile),))],
        signing_key=published.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=1,
        base_url=URL,
        sender=ListenerSender(listener, change),
        sleep=clock.advance,
        push_tries=5 if fault is None else fault.push_tries,
    )
    for seed in range(1, 6):
        regulator.issue(builders.notice(seed))
    regulator.push(regulator.issue(builders.notice(6)))
    scene = RegulatorScene(
        RegulatorTarget(
            URL,
            published.platform_signing_key(profile),
            KeyRing([published.regulator_key(profile)], allow_test_keys=True),
            profile=profile,
            intake_url=_INTAKE,
            listen_s=0,
        ),
        HandlerTransport(regulator.handle if fault is None else fault.make(regulator)),
        listener=listener,
        clock=clock,
        sleep=clock.advance,
        run_id="selftest",
    )
    subject = "the mock regulator" if fault is None else fault.name
    return run(chosen(REGULATOR_CHECKS, profile=profile), scene, subject=subject)


def _controls() -> Iterator[Control]:
    for profile in PROFILES:
        what = f"an honest platform, {profile}"
        yield Control(f"platform.honest.{profile}", what, frozenset(), partial(drive_platform, None, profile))
    for fault in PLATFORM_FAULTS:
        yield Control(f"platform.{fault.name}", fault.what, fault.caught_by, partial(drive_platform, fault))
    for profile in PROFILES:
        what = f"the mock regulator, {profile}"
        yield Control(f"regulator.honest.{profile}", what, frozenset(), partial(drive_regulator, None, profile))
    for broken in REGULATOR_FAULTS:
        yield Control(f"regulator.{broken.name}", broken.what, broken.caught_by, partial(drive_regulator, broken))


CONTROLS: Final[tuple[Control, ...]] = tuple(_controls())


def selftest(progress: Callable[[str], None] = lambda _name: None) -> Iterator[Outcome]:
    """Drive every control, one after another."""
    for control in CONTROLS:
        progress(control.name)
        yield Outcome(control, control.drive())
