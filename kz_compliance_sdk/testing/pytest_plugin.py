"""The pytest plugin: a mock regulator, a desk and signed notices as fixtures, all of them called `kz_...`.

Every project that has this package installed loads this module, so it imports pytest and the standard library alone;
what a fixture needs is imported when a test asks for it.

Everything goes by one clock, `kz_clock`. Nothing but `kz_regulator_server` opens a socket.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.ports import Alert, Enforcer, Env, Messenger
    from kz_compliance_sdk.testing.frozen import FrozenClock
    from kz_compliance_sdk.testing.mock_regulator import Fault, InProcessSender, MockRegulator
    from kz_compliance_sdk.testing.office import Office
    from kz_compliance_sdk.testing.outbox import CapturedOutbox
    from kz_compliance_sdk.testing.signed import NoticeFactory, SignedNotice
    from kz_compliance_sdk.wire.signature import Profile

PROFILES: Final = ("rfc9421", "standard-webhooks")
_CLOCKS: Final = ("frozen", "system")
_MARKER: Final = (
    "kz(profile=..., seed=..., clock='frozen' or 'system', faults=[...], settings={...}): "
    "how the kz_ fixtures are set up for a test. A fault is a Fault, the name of its kind, or a dict of its fields."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("kz-compliance", "kz-compliance: a platform's tests against a mock regulator")
    group.addoption(
        "--kz-seed",
        type=_seed,
        default=1,
        metavar="N",
        help="what the kz_ fixtures draw their notices, ids and chance from: a number, or 'random' (default: 1)",
    )
    group.addoption(
        "--kz-profile",
        choices=PROFILES,
        default=PROFILES[0],
        help=f"how messages are signed in the kz_ fixtures (default: {PROFILES[0]})",
    )


def _seed(text: str) -> int:
    if text == "random":
        return random.SystemRandom().randrange(1, 1_000_000)
    if not (text.isascii() and text.isdigit()) or not 1 <= len(text) <= 9 or int(text) == 0:
        raise ValueError  # argparse names the option and the value
    return int(text)


_seed.__name__ = "number of 1 to 9 digits, or 'random'"  # what argparse calls it when it refuses one


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)
    workerinput = getattr(config, "workerinput", {})
    config.option.kz_seed = workerinput.get("kz_seed", config.option.kz_seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker of pytest-xdist the seed: they read the command line again, and would draw others."""
    node.workerinput["kz_seed"] = node.config.option.kz_seed


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say with what a run can be repeated, where it is not what everybody has."""
    seed, profile = config.getoption("--kz-seed"), config.getoption("--kz-profile")
    return [] if (seed, profile) == (1, PROFILES[0]) else [f"kz-compliance: --kz-seed={seed} --kz-profile={profile}"]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    """Say it again where something failed: a quiet run has no header."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        for line in pytest_report_header(config):
            terminalreporter.write_line(f"{line} repeats this run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `kz_broken_notice` once for each way to break a notice."""
    if "kz_broken_notice" in metafunc.fixturenames:
        from kz_compliance_sdk.testing.broken import names

        asked = asked_of(metafunc.definition, metafunc.config)
        metafunc.parametrize("kz_broken_notice", names(asked.profile), indirect=True)


@dataclass(frozen=True)
class Asked:
    """`clock` is `frozen` or `system`; `faults` are as the marker has them; `settings` replace those of the desk."""

    profile: Profile
    seed: int
    clock: str
    faults: tuple[Any, ...]
    settings: dict[str, Any]


def asked_of(node: pytest.Item, config: pytest.Config) -> Asked:
    """What is asked for a test. Fails it, in one line, for a marker that is wrong."""
    given: dict[str, Any] = {
        "profile": config.getoption("--kz-profile"),
        "seed": config.getoption("--kz-seed"),
        "clock": _CLOCKS[0],
        "faults": (),
        "settings": {},
    }
    # From the farthest marker to the nearest, which has the last word.
    for marker in reversed(list(node.iter_markers("kz"))):
        if marker.args:
            refuse("it takes keywords alone", "write faults=[...]")
        for name, value in marker.kwargs.items():
            if name not in given:
                refuse(f"it has no {name!r}", f"use: {', '.join(given)}")
            given[name] = value
    if given["profile"] not in PROFILES:
        refuse(f"profile {given['profile']!r} is none", f"use: {', '.join(PROFILES)}")
    if given["clock"] not in _CLOCKS:
        refuse(f"clock {given['clock']!r} is none", f"use: {', '.join(_CLOCKS)}")
    if type(given["seed"]) is not int or given["seed"] < 1:
        refuse(f"seed {given['seed']!r} is no number from 1", "give one, such as seed=7")
    if isinstance(given["faults"], str) or not isinstance(given["faults"], list | tuple):
        refuse("faults is no list", "write faults=[...], also for one")
    if not isinstance(given["settings"], dict):
        refuse("settings is no dict", "write settings={...}, with tables as dicts inside")
    return Asked(**{**given, "faults": tuple(given["faults"])})


def refuse(what: str, remedy: str) -> NoReturn:
    """Fail the test that is being set up, in one line."""
    pytest.fail(f"the marker kz: {what}; {remedy}.", pytrace=False)


def faults_of(asked: Asked) -> list[Fault]:
    """The faults that the regulator begins with. Fails the test, in one line, for one that cannot be."""
    from kz_compliance_sdk.testing.wiring import fault_from

    found = []
    for number, fault in enumerate(asked.faults):
        try:
            found.append(fault_from(fault))
        except ValueError as wrong:
            refuse(f"faults[{number}]: {wrong}", "kinds and fields are those of mock_regulator.Fault")
    return found


@pytest.fixture
def kz_asked(request: pytest.FixtureRequest) -> Asked:
    """What the options and the marker `kz` ask for: profile, seed, clock, faults, settings."""
    return asked_of(request.node, request.config)


@pytest.fixture
def kz_clock(kz_asked: Asked) -> FrozenClock:
    """The time of everything here, in UTC seconds: `kz_clock()` tells it, `kz_clock.advance(seconds)` lets it pass.

    It stands still at noon of 2026-11-24 in Almaty. With the marker kz(clock="system") it is the machine's own.
    """
    from kz_compliance_sdk.testing.frozen import FrozenClock, SystemClock

    return SystemClock() if kz_asked.clock == "system" else FrozenClock()


@pytest.fixture
def kz_env(kz_clock: FrozenClock, kz_asked: Asked) -> Env:
    """What a desk takes time, ids and chance from: `kz_clock`, and a generator that starts at --kz-seed."""
    from kz_compliance_sdk.testing.frozen import frozen_env

    return frozen_env(kz_clock, kz_asked.seed)


@pytest.fixture
def kz_intake_url() -> str:
    """Where the regulator pushes to. Override it to test an intake that has another address."""
    return "https://platform.test/kz/notices"


@pytest.fixture
def kz_pushes() -> InProcessSender:
    """Where pushes of `kz_regulator` go. `kz_desk` sets it to itself.

    For an application: `kz_pushes.through(TestClient(app))`, or `kz_pushes.to(function)` for a function with the
    arguments of `ComplianceDesk.receive`.
    """
    from kz_compliance_sdk.testing.mock_regulator import InProcessSender

    return InProcessSender()


@pytest.fixture
def kz_regulator(
    kz_clock: FrozenClock, kz_asked: Asked, kz_intake_url: str, kz_pushes: InProcessSender
) -> MockRegulator:
    """A mock regulator in this process, without a network; its books are the truth.

    `issue`, `push`, `cancel`, `remind`, `fail(Fault(...))`, `outage(True)`; `books` is what it issued and received.
    What it pushes goes to `kz_desk`, or to where `kz_pushes` was told. `handle(request)` answers one request.
    """
    from kz_compliance_sdk.testing.wiring import mock_regulator

    return mock_regulator(
        kz_clock,
        profile=kz_asked.profile,
        seed=kz_asked.seed,
        intake_url=kz_intake_url,
        sender=kz_pushes,
        faults=faults_of(kz_asked),
    )


@pytest.fixture
def kz_regulator_server(kz_clock: FrozenClock, kz_asked: Asked, kz_intake_url: str) -> Iterator[MockRegulator]:
    """A mock regulator on a loopback port, `kz_regulator_server.url`; it pushes over the network to `kz_intake_url`.

    Connections really break here. A platform in another process needs the marker kz(clock="system").
    """
    from kz_compliance_sdk.testing.wiring import mock_regulator

    regulator = mock_regulator(
        kz_clock,
        profile=kz_asked.profile,
        seed=kz_asked.seed,
        intake_url=kz_intake_url,
        sleep=time.sleep,
        faults=faults_of(kz_asked),
    )
    with regulator.running():
        yield regulator


@pytest.fixture(scope="session")
def kz_empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's file with its schema and nothing in it: copying it is faster than making it."""
    from kz_compliance_sdk.adapters.sql.store import SqliteStore
    from kz_compliance_sdk.ports import Env

    path: Path = tmp_path_factory.mktemp("kz-store") / "empty.sqlite3"
    SqliteStore(path, Env.system(), threaded=False).close()
    return path


@pytest.fixture
def kz_store_path(kz_empty_store: Path, tmp_path: Path) -> Path:
    """The file of this test's store."""
    path = tmp_path / "kz-compliance.sqlite3"
    shutil.copyfile(kz_empty_store, path)
    return path


@pytest.fixture
def kz_settings(kz_store_path: Path, kz_asked: Asked, kz_intake_url: str) -> Settings:
    """Settings that trust `kz_regulator`: test keys, a temporary store, no undo window.

    The marker kz(settings={...}) replaces some of them.
    """
    from kz_compliance_sdk.errors import ConfigError
    from kz_compliance_sdk.testing.wiring import sandbox_settings

    try:
        return sandbox_settings(
            kz_store_path, profile=kz_asked.profile, intake_url=kz_intake_url, overrides=kz_asked.settings
        )
    except ConfigError as wrong:
        refuse(f"settings: {wrong.field}: {wrong.message.rstrip('.')}", wrong.remedy.rstrip("."))


@pytest.fixture
def kz_server_settings(kz_settings: Settings, kz_regulator_server: MockRegulator) -> Settings:
    """`kz_settings` with the address of `kz_regulator_server`: for a desk that really goes over the network."""
    regulator = kz_settings.regulator.model_copy(update={"url": kz_regulator_server.url})
    return kz_settings.model_copy(update={"regulator": regulator})


@pytest.fixture
def kz_http_regulator(
    kz_settings: Settings, kz_env: Env, kz_regulator: MockRegulator, kz_clock: FrozenClock
) -> Iterator[HttpRegulator]:
    """The library's own HTTP client, which reaches `kz_regulator` without a network.

    It is the argument `regulator` of a desk.
    """
    from kz_compliance_sdk.testing.wiring import http_client, http_regulator

    with http_client(kz_regulator, kz_clock) as client:
        yield http_regulator(kz_settings, kz_env, client)


@pytest.fixture
def kz_enforcer(kz_clock: FrozenClock) -> Enforcer:
    """The platform's own calls, as a recorder: `calls`, `standing`, `answer_next(Failed("..."))`.

    Override it to give `kz_desk` your platform's enforcer.
    """
    from kz_compliance_sdk.testing.enforcer import RecordingEnforcer

    return RecordingEnforcer(kz_clock)


@pytest.fixture
def kz_messenger(kz_clock: FrozenClock) -> Messenger:
    """The platform's way to its users, as a recorder: `told`, `calls`, `answer_next(Failed("..."))`."""
    from kz_compliance_sdk.testing.enforcer import RecordingMessenger

    return RecordingMessenger(kz_clock)


@pytest.fixture
def kz_desk(
    kz_settings: Settings,
    kz_env: Env,
    kz_http_regulator: HttpRegulator,
    kz_enforcer: Enforcer,
    kz_messenger: Messenger,
    kz_pushes: InProcessSender,
) -> Iterator[ComplianceDesk]:
    """A desk on a temporary store: it receives what `kz_regulator` pushes, and answers to it.

    Override it to hand your application's own desk to `kz_office`, `kz_outbox` and `kz_alerts`.
    """
    from kz_compliance_sdk.desk import ComplianceDesk

    with ComplianceDesk(
        kz_settings, enforcer=kz_enforcer, messenger=kz_messenger, regulator=kz_http_regulator, env=kz_env
    ) as desk:
        kz_pushes.to(desk.receive)
        yield desk


@pytest.fixture
def kz_alerts(kz_desk: ComplianceDesk) -> list[Alert]:
    """The alerts that `kz_desk` gives to people, as they come."""
    alerts: list[Alert] = []
    kz_desk.on_alert(alerts.append)
    return alerts


@pytest.fixture
def kz_office(kz_desk: ComplianceDesk) -> Office:
    """People who decide by a script: `kz_office.decide("remove")` claims, proposes and, where it must be, approves."""
    from kz_compliance_sdk.testing.office import Office

    return Office(kz_desk)


@pytest.fixture
def kz_outbox(kz_desk: ComplianceDesk, kz_clock: FrozenClock) -> CapturedOutbox:
    """What `kz_desk` sends: iterate over it, or read `bodies("report")`.

    `deliver_due()` delivers what is due; `settle()` lets time pass until nothing is on its way.
    """
    from kz_compliance_sdk.testing.outbox import CapturedOutbox

    return CapturedOutbox(kz_desk, kz_clock)


@pytest.fixture
def kz_notice(kz_regulator: MockRegulator, kz_pushes: InProcessSender, kz_asked: Asked) -> NoticeFactory:
    """Signed notices of `kz_regulator`: `kz_notice()`, `kz_notice(items=3)`, `kz_notice.broken("tampered")`.

    Each has `headers`, `body`, the status that the contract answers as `expected`, and `send()`.
    """
    from kz_compliance_sdk.testing.signed import NoticeFactory

    return NoticeFactory(kz_regulator, kz_pushes, kz_asked.seed)


@pytest.fixture
def kz_broken_notice(request: pytest.FixtureRequest, kz_notice: NoticeFactory) -> SignedNotice:
    """A notice that must not be taken as one. A test that asks for it runs once for each way to break one."""
    return kz_notice.broken(request.param)
