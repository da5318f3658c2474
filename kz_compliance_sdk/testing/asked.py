"""What the options of pytest and the markers of a test ask of the plugin's fixtures.

As light as the plugin itself: pytest and the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator import Fault
    from kz_compliance_sdk.wire.signature import Profile

PROFILES: Final = ("rfc9421", "standard-webhooks")
_CLOCKS: Final = ("frozen", "system")


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
