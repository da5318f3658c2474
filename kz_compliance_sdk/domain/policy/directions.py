"""Which way is tighter: each gives the tighter of two values, and refuses the looser one."""

from __future__ import annotations

from collections.abc import Collection

from kz_compliance_sdk.errors import ConfigError


def looser(key: str, message: str, remedy: str) -> ConfigError:
    """What to raise for a step in the wrong direction."""
    return ConfigError(f"This is looser than the policy: {message}.", field=key, remedy=remedy)


def at_most(key: str, base: int, asked: int | None) -> int:
    """The smaller of the two; raises ConfigError for more than the policy has."""
    if asked is not None and asked > base:
        raise looser(key, f"{asked} is more than {base}", f"Give {base} or less.")
    return base if asked is None else asked


def at_least(key: str, base: int, asked: int | None) -> int:
    """The larger of the two; raises ConfigError for less than the policy has."""
    if asked is not None and asked < base:
        raise looser(key, f"{asked} is less than {base}", f"Give {base} or more.")
    return base if asked is None else asked


def only_on(key: str, base: bool, asked: bool | None) -> bool:
    """On where either says so; raises ConfigError for switching off."""
    if asked is False and base:
        raise looser(key, "it is already true", "Remove the key.")
    return base if asked is None else asked


def among(key: str, asked: frozenset[str], known: Collection[str]) -> frozenset[str]:
    """Names out of those that there are. A safeguard with a misspelt name would be none, and nobody would see it."""
    unknown = sorted(asked - set(known))
    if unknown:
        raise ConfigError(f"There is no {unknown[0]!r}.", field=key, remedy="Correct its spelling.")
    return asked


def within(key: str, base: frozenset[str] | None, asked: frozenset[str] | None) -> frozenset[str]:
    """A choice out of what the policy has; a policy without a row (`None`) has everything."""
    if asked is None:
        return base or frozenset()
    more = sorted(asked - base) if base is not None else []
    if more:
        raise looser(key, f"it adds {more[0]!r}", "Remove that entry.")
    return asked
