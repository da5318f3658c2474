"""The kit driven against its own controls: an honest platform and regulator, and every broken one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from kz_compliance_sdk.domain.words import written
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.testing.conformance.broken_platforms import ACTS, SETTINGS, Site
from kz_compliance_sdk.testing.conformance.broken_regulators import MAKES, URL, bare
from kz_compliance_sdk.testing.conformance.checks import Report, chosen, run
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, Inspector, sandbox_platform
from kz_compliance_sdk.testing.conformance.intake import INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.keys import published_keys
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.scenes import IntakeScene, IntakeTarget, RegulatorScene, RegulatorTarget
from kz_compliance_sdk.testing.conformance.transport import HandlerTransport, Listener
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.mock_regulator import InProcessSender, MockRegulator, Platform, Request
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


def drive_platform(name: str, profile: Profile) -> Report:
    """Drive a platform of this library in process, broken or honest."""
    clock, settings = FrozenClock(), SETTINGS.get(name, dict)
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    with contextlib.ExitStack() as stack:
        good, scratch = (stack.enter_context(sandbox_platform(profile, env, **settings())) for _ in range(2))
        site = Site(good, scratch, clock, profile)
        transport = HandlerTransport(partial(ACTS[name], site) if name in ACTS else good.handle)
        scene = IntakeScene(
            IntakeTarget(INTAKE_URL, profile, keys=published_keys(profile)),
            transport,
            inspector=Inspector(transport, "/inspect"),
            clock=clock,
            sleep=clock.advance,
            run_id="selftest",
        )
        return run(chosen(INTAKE_CHECKS, profile=profile), scene, subject=name)


def drive_regulator(name: str, profile: Profile) -> Report:
    """Drive the mock regulator in process, broken or as it is."""
    clock, listener, pushes = FrozenClock(), Listener(), InProcessSender()
    sent = bare if name == "unsigned_pushes" else list
    pushes.to(lambda method, target, headers, body: listener.take(Request(method, target, sent(headers), body)))
    regulator = MockRegulator(
        [Platform(PLATFORM_ID, _INTAKE, (published.platform_key(profile),))],
        signing_key=published.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=1,
        base_url=URL,
        sender=pushes,
        sleep=clock.advance,
        push_tries=1 if name == "pushes_once" else 5,
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
    transport = HandlerTransport(MAKES[name](regulator) if name in MAKES else regulator.handle)
    scene = RegulatorScene(target, transport, listener=listener, clock=clock, sleep=clock.advance, run_id="selftest")
    return run(chosen(REGULATOR_CHECKS, profile=profile), scene, subject=name)


_WRITTEN: Final[Mapping[str, Any]] = written("kz_compliance_sdk.testing.conformance", "controls.toml")
CONTROLS: Final = tuple(
    Control(
        f"{side}.{row['name']}",
        row["what"],
        frozenset(f"{driven}.{name}" for name in row["caught_by"]),
        partial(drive, row["name"], row.get("profile", "rfc9421")),
    )
    for side, driven, drive in (("platform", "intake", drive_platform), ("regulator", "regulator", drive_regulator))
    for row in _WRITTEN[side]
)


def selftest(progress: Callable[[str], None] = lambda _name: None) -> Iterator[Outcome]:
    """Drive every control, one after another."""
    for control in CONTROLS:
        progress(control.name)
        yield Outcome(control, control.drive())
