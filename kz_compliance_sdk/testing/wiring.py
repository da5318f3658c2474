"""The parts of a platform's test put together: a regulator without a network, and settings that trust it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.frozen import FrozenClock
from kz_compliance_sdk.testing.mock_regulator import Fault, MockRegulator, Platform, httpx_handler
from kz_compliance_sdk.testing.mock_regulator.exchange import Sender
from kz_compliance_sdk.wire.signature import Profile

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
    from kz_compliance_sdk.ports import Env

REGULATOR_URL: Final = "https://regulator.test"
"""Where the regulator is when there is no network. The name is reserved and resolves nowhere (RFC 6761)."""

_FAULT: Final = TypeAdapter(Fault)


def fault_from(given: Fault | str | Mapping[str, Any]) -> Fault:
    """A fault, from one, from its kind, or from its fields. Raises ValueError that names the field."""
    if isinstance(given, Fault):
        return given
    fields = {"kind": given} if isinstance(given, str) else dict(given)
    known = Fault.__dataclass_fields__
    for name in fields:
        if name not in known:
            raise ValueError(f"a fault has no field {name!r}; use: {', '.join(known)}")
    try:
        return _FAULT.validate_python(fields)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "fault"
        raise ValueError(f"{where}: {first['msg']}, and {first['input']!r} was given") from None


def mock_regulator(
    clock: FrozenClock,
    *,
    profile: Profile,
    seed: int,
    intake_url: str,
    sender: Sender | None = None,
    sleep: Callable[[float], None] | None = None,
    faults: Iterable[Fault] = (),
) -> MockRegulator:
    """A regulator that knows the sample platform and signs with the published test key.

    Without a `sender` it pushes over the network. `sleep` takes the seconds between two tries of a push; without it
    they pass on the clock. `seed` makes the regulator's ids.
    """
    regulator = MockRegulator(
        [Platform(builders.PLATFORM_ID, intake_url, (keys.platform_key(profile),))],
        signing_key=keys.regulator_signing_key(profile),
        profile=profile,
        clock=clock,
        seed=seed,
        base_url=REGULATOR_URL,
        sender=sender,
        sleep=sleep or clock.advance,
    )
    for fault in faults:
        regulator.fail(fault)
    return regulator


def sandbox_settings(
    store: Path,
    *,
    profile: Profile,
    intake_url: str,
    regulator_url: str = REGULATOR_URL,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings of the sample platform: the test keys of both sides, a store at `store`, no undo window.

    `overrides` replace them, a table as a whole. Raises ConfigError for an override that is wrong.
    """
    given = sandbox_fields(store, profile=profile, intake_url=intake_url, regulator_url=regulator_url)
    return Settings.load(environ={}, **{**given, **(overrides or {})})


def sandbox_fields(store: Path, *, profile: Profile, intake_url: str, regulator_url: str) -> dict[str, Any]:
    """The settings of `sandbox_settings` as plain values, as a file would have them."""
    at = urlsplit(intake_url)
    own, regulator = keys.platform_signing_key(profile), keys.regulator_key(profile)
    return {
        "platform_id": builders.PLATFORM_ID,
        "public_url": f"{at.scheme}://{at.netloc}",
        "intake_path": at.path,
        "hosts": [urlsplit(builders.HOST).hostname],
        "profile": profile,
        "allow_test_keys": True,
        "undo_window_s": 0,
        "store": {"path": str(store)},
        "notifier": {"collect_s": 0},
        "regulator": {"url": regulator_url},
        "signing_key": {"key_id": own.key_id, "algorithm": own.algorithm, "secret": _text(own.material)},
        "keys": [keys.key_settings(regulator)],
    }


def http_client(regulator: MockRegulator, clock: FrozenClock) -> httpx.Client:
    """A client of httpx whose every request is answered by the regulator in this process."""
    return httpx.Client(transport=httpx.MockTransport(httpx_handler(regulator.handle, sleep=clock.advance)))


def http_regulator(settings: Settings, env: Env, client: httpx.Client) -> HttpRegulator:
    """The library's own way to the regulator, over a client of the caller's. Raises ConfigError."""
    from kz_compliance_sdk.adapters.http_regulator import HttpRegulator

    signing = settings.signing()
    assert signing is not None and settings.regulator.url is not None  # noqa: S101, PT018 - sandbox_settings has both
    return HttpRegulator(
        settings.regulator.url,
        platform_id=settings.platform_id,
        ring=settings.key_ring(),
        signing_key=signing,
        profile=settings.profile,
        env=env,
        client=client,
        total_s=settings.regulator.total_s,
        attempts=settings.regulator.attempts,
    )


def _text(material: bytes) -> str:
    return base64.b64encode(material).decode("ascii")
