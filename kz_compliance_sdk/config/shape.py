"""What the settings look like, read off the models: every leaf with its name in the environment."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from kz_compliance_sdk.config.fields import Loc

PREFIX: Final = "KZ_COMPLIANCE_"
"""What the name of every environment variable begins with. Tables are parted by two underscores."""

FILE: Final = "_file"
"""`NAME_file` beside a secret `NAME` says where to read it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting that is not a table of others. `type` is what it holds, without `| None`."""

    path: tuple[str, ...]
    field: FieldInfo
    type: Any

    @property
    def is_secret(self) -> bool:
        return self.type is SecretStr


def plain(annotation: Any) -> Any:
    """The type behind Annotated and `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return plain(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        left = [part for part in get_args(annotation) if part is not type(None)]
        return plain(left[0]) if len(left) == 1 else annotation
    return annotation


def model_in(annotation: Any) -> tuple[type[BaseModel] | None, Any]:
    """The model that a field holds, and in what: None for itself, else `tuple` or `Mapping`. (None, None) if none."""
    kind = plain(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, None
    for part in get_args(kind):
        inner = plain(part)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, get_origin(kind)
    return None, None


def secret_of(model: type[BaseModel], key: str) -> str | None:
    """The secret that `key` names a file for, or None."""
    name = key.removesuffix(FILE)
    field = model.model_fields.get(name)
    is_secret = key.endswith(FILE) and field is not None and plain(field.annotation) is SecretStr
    return name if is_secret and key not in model.model_fields else None


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that the table at `loc` may hold."""
    here = model
    for part in loc:
        known = here.model_fields.get(str(part))
        inner = None if known is None else model_in(known.annotation)[0]
        # A place in a list, or the name of a row, is of the model that its list or mapping holds.
        here = inner or here
    names = here.model_fields
    return [*names, *(f"{name}{FILE}" for name in names if secret_of(here, f"{name}{FILE}"))]


def leaves(model: type[BaseModel], before: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every setting below a model, in the order of the models; a list or a mapping is one leaf."""
    for name, info in model.model_fields.items():
        inner, container = model_in(info.annotation)
        if inner is not None and container is None:
            yield from leaves(inner, (*before, name))
        else:
            yield Leaf((*before, name), info, plain(info.annotation))


def environment_name(path: tuple[str, ...]) -> str:
    """The environment variable of a setting."""
    return PREFIX + "__".join(path).upper()


def dotted(loc: Loc) -> str:
    """A place in the settings as TOML would name it."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path
