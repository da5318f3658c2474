"""What pydantic finds wrong, as a ConfigError in the words of whoever wrote the setting."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kz_compliance_sdk.config.fields import RULE, Loc
from kz_compliance_sdk.config.layers import Layer, near_miss
from kz_compliance_sdk.config.shape import dotted, environment_name, keys_at, leaves
from kz_compliance_sdk.errors import ConfigError


def source_of(loc: Loc, layers: Sequence[Layer]) -> Layer | None:
    """The layer that says most of the way to `loc`, of two the stronger; None if no layer speaks of it at all."""
    best = max(layers, key=lambda layer: layer.depth(loc), default=None)
    return best if best is not None and best.depth(loc) else None


def explained(model: type[BaseModel], error: ValidationError, layers: Sequence[Layer]) -> ConfigError:
    """Every complaint, the one to mend first at the head and the others in its `more`. Repeats no value."""
    # A default that follows from a wrong value is no complaint of its own: nobody wrote it.
    found = [
        one
        for one in error.errors(include_url=False, include_input=False)
        if one["type"] != "default_factory_not_called"
    ]
    # What is misspelt is missing as well: the misspelling comes first and the gap last.
    found.sort(key=lambda one: one["type"] == "missing")
    first, *more = (_complaint(model, details, layers) for details in found)
    first.more = tuple(more)
    return first


def _complaint(model: type[BaseModel], details: ErrorDetails, layers: Sequence[Layer]) -> ConfigError:
    loc: Loc = tuple(part for part in details["loc"] if part != "[key]")
    if details["type"] == RULE:
        loc = (*loc, *details["ctx"]["at"])
    layer = source_of(loc, layers)
    message, remedy = _words(model, details, loc, layer)
    if layer is None:
        return ConfigError(message, field=dotted(loc), remedy=remedy)
    return layer.error(loc, message, remedy)


def _words(model: type[BaseModel], details: ErrorDetails, loc: Loc, layer: Layer | None) -> tuple[str, str]:
    if details["type"] == RULE:
        return details["ctx"]["message"], details["ctx"]["remedy"]
    if details["type"] == "missing":
        leaf = next((leaf for leaf in leaves(model) if leaf.path == loc), None)
        if leaf is not None:
            variable = environment_name(leaf.path)
            return "This setting is missing.", f"Set {variable}, or {dotted(loc)} in the settings file."
        return "This setting is missing.", "Add it."
    if details["type"] == "extra_forbidden":
        meant = near_miss(str(loc[-1]), keys_at(model, loc[:-1]))
        if meant is None:
            return "There is no such setting.", "Remove it."
        right = (*loc[:-1], meant)
        return "There is no such setting.", f"Did you mean {dotted(right) if layer is None else layer.name(right)}?"
    return f"{details['msg'].removeprefix('Value error, ')}.", "Correct this value."
