"""TOML text to policy values, and every mistake in it to a `ConfigError` that names the key and the remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kz_compliance_sdk.domain.policy.values import Calendar, Policy
from kz_compliance_sdk.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
_SOURCE_KEYS = frozenset({"source", "lift_source", "preservation_source", "expert_group_source"})


def parse_policy(text: str, *, calendar: Calendar | None = None) -> Policy:
    """Read a whole policy from TOML. The calendar is a file of its own: without one every weekday is a working day.

    Raises `ConfigError` that names the key and says what to put there.
    """
    raw = load_toml(text, "policy")
    if "calendar" in raw:
        raise ConfigError(
            "A policy holds no calendar.", field="calendar", remedy="Put it into a file of its own and pass that."
        )
    categories = raw.get("categories")
    if isinstance(categories, dict):
        raw["categories"] = {
            name: {**row, "category": name} if isinstance(row, dict) and "category" not in row else row
            for name, row in categories.items()
        }
    if calendar is not None:
        raw["calendar"] = calendar
    return build(Policy, raw)


def parse_calendar(text: str) -> Calendar:
    """Read a calendar of holidays and worked weekend days from TOML. Raises `ConfigError`."""
    return build(Calendar, load_toml(text, "calendar"))


@cache
def kz_policy() -> Policy:
    """The policy for Kazakhstan that comes with this package, with its calendar. Read once."""
    return parse_policy(packaged("kz.toml"), calendar=kz_calendar())


@cache
def kz_calendar() -> Calendar:
    """The working days of Kazakhstan as far as this package knows them (unverified). Read once."""
    return parse_calendar(packaged("kz_calendar.toml"))


def packaged(name: str) -> str:
    """The text of a data file that lies beside this module."""
    return files("kz_compliance_sdk.domain.policy").joinpath(name).read_text(encoding="utf-8")


def load_toml(text: str, what: str) -> dict[str, Any]:
    """TOML to plain values, with every `source = "name"` replaced by the row `[sources.name]`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"This is not TOML: {error}.", field=what, remedy="Correct that line.") from None
    sources = raw.pop("sources", {})
    if not isinstance(sources, dict):
        raise ConfigError("This is not a table.", field="sources", remedy="Write each source as [sources.NAME].")
    return {key: _with_sources(value, sources, key) for key, value in raw.items()}


def _with_sources(value: Any, sources: Mapping[str, Any], path: str) -> Any:
    if isinstance(value, list):
        return [_with_sources(item, sources, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        if path.rpartition(".")[2] in _SOURCE_KEYS and isinstance(value, str):
            if value not in sources:
                remedy = f"Define [sources.{value}] or correct the name."
                raise ConfigError(f"There is no source {value!r}.", field=path, remedy=remedy)
            return sources[value]
        return value
    return {key: _with_sources(item, sources, f"{path}.{key}") for key, item in value.items()}


def build(model: type[M], raw: Mapping[str, Any]) -> M:
    """Validate, and translate the first complaint into a `ConfigError`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _config_error(model, error) from None


def _config_error(model: type[BaseModel], error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    key, kind, message = _key(first["loc"]), first["type"], first["msg"]
    if kind == "policy_rule":
        rule = first["ctx"]
        key, remedy = ".".join(filter(None, (key, rule["key"]))), rule["remedy"]
    elif kind == "missing":
        message, remedy = "This key is missing.", "Add it."
    elif kind == "extra_forbidden" or first["loc"][-1:] == ("[key]",):
        message, remedy = "This key is not known.", "Correct its spelling or remove it."
    else:
        message, remedy = f"{message}.", "Correct this value."
    more = error.error_count() - 1
    return ConfigError(
        message,
        field=key or model.__name__.lower(),
        remedy=f"{remedy} ({more} more after this one.)" if more else remedy,
    )


def _key(loc: tuple[int | str, ...]) -> str:
    path, before = "", None
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        # pydantic puts the tag of the union after "when", and "[key]" after a key that is itself wrong.
        elif before != "when" and part != "[key]":
            path += f".{part}" if path else part
        before = part if before != "when" else None
    return path
