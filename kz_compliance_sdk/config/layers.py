"""Where settings come from, layer by layer, and what each value is called in the words of whoever wrote it."""

from __future__ import annotations

import json
import re
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from kz_compliance_sdk.errors import ConfigError

# -------------------------------------------------------------------------------------------------------------- shape
# What the settings look like, read off the models: every leaf with its name in the environment.


PREFIX: Final = "KZ_COMPLIANCE_"
"""What the name of every environment variable begins with. Tables are parted by two underscores."""

FILE: Final = "_file"
"""`NAME_file` beside a secret `NAME` says where to read it."""


Loc = tuple[int | str, ...]
"""Where a value stands in the settings: names of tables and settings, and places in lists."""

RULE: Final = "setting_rule"
"""The type of the pydantic errors that `refused` makes."""


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


# ------------------------------------------------------------------------------------------------------------- layers


CONFIG_VARIABLE: Final = "KZ_COMPLIANCE_CONFIG"
"""Names the TOML file."""

MAX_SECRET_FILE: Final = 65_536

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_IN_TOML = re.compile(r"\(at (line [0-9]+, column [0-9]+|end of document)\)$")

# Not settings: what tests are told, and what Kubernetes sets for a service that is called kz-compliance.
_NOT_OURS = re.compile(
    r"KZ_COMPLIANCE_(?:CONFIG|TEST_\w+|SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?)?)"
)


@dataclass(slots=True)
class Layer:
    """What one source says, and how it calls each place.

    `origins` are the environment variables by the place that they fill, `from_files` the secrets that were read from
    the file that stands beside them, and `suffix` ends every message about this layer. `secret_files` are all files
    that a secret was read from.
    """

    values: dict[str, Any]
    suffix: str = ""
    origins: dict[Loc, str] = field(default_factory=dict)
    from_files: set[Loc] = field(default_factory=set)
    in_environment: bool = False
    holds_secrets: bool = False
    secret_files: list[Path] = field(default_factory=list)

    def depth(self, loc: Loc) -> int:
        """How many steps of the way to `loc` this layer has."""
        here: Any = self.values
        for steps, part in enumerate(loc):
            try:
                here = here[part]
            except (KeyError, IndexError, TypeError):
                return steps
        return len(loc)

    def name(self, loc: Loc) -> str:
        """The place as its author would name it: an environment variable, or a path of TOML."""
        if loc in self.from_files:
            loc = (*loc[:-1], f"{loc[-1]}{FILE}")
        if not self.in_environment:
            return dotted(loc)
        for end in range(len(loc), 0, -1):
            if loc[:end] in self.origins:
                rest = dotted(loc[end:])
                return self.origins[loc[:end]] + (f".{rest}" if rest and rest[0] != "[" else rest)
        return environment_name(tuple(str(part) for part in loc))

    def error(self, loc: Loc, message: str, remedy: str) -> ConfigError:
        """A ConfigError about that place."""
        return ConfigError(message + self.suffix, field=self.name(loc), remedy=remedy)


def arguments(model: type[BaseModel], values: Mapping[str, Any]) -> Layer:
    """What a program passes. Relative paths start at the working directory."""
    layer = Layer(dict(values))
    layer.values = _settled(layer, model, layer.values, (), Path.cwd())
    return layer


def toml_file(model: type[BaseModel], path: Path, *, named_by: str) -> Layer:
    """What a TOML file says. Relative paths start at its folder. `named_by` is the setting that names the file."""
    path = _absolute(Path.cwd(), path)
    text = read_text(path, named_by, what="settings file")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The rest of the message may quote the line, and the line may be a secret.
        found = _IN_TOML.search(str(error))
        where = f": look at {found[1]}" if found else ""
        wrong = ConfigError(f"{path} is not TOML{where}.", field=named_by, remedy="Correct that line.")
    else:
        layer = Layer(values, suffix=f" (In {path}.)")
        layer.values = _settled(layer, model, values, (), path.parent)
        if layer.holds_secrets:
            layer.secret_files.append(path)
        return layer
    raise wrong


def environment(model: type[BaseModel], environ: Mapping[str, str]) -> Layer:
    """What the environment says. An empty variable counts as not set; relative paths start at the working directory."""
    layer = Layer({}, in_environment=True)
    # A table that is given whole comes before what refines it.
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if not name.upper().startswith(PREFIX) or _NOT_OURS.fullmatch(name) or not environ[name]:
            continue
        path, annotation = _place(model, name)
        layer.origins[path] = name
        _put(layer, path, _value(layer, path, annotation, environ[name]))
    layer.values = _settled(layer, model, layer.values, (), Path.cwd())
    return layer


def merged(layers: Iterable[Layer]) -> dict[str, Any]:
    """One set of values; of two layers the earlier wins, table by table. Lists are taken whole."""
    result: dict[str, Any] = {}
    for layer in reversed(list(layers)):
        result = _over(result, layer.values)
    return result


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one was probably meant to be."""
    return next(iter(get_close_matches(name.lower(), list(known), n=1, cutoff=0.7)), None)


def _over(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        result[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _place(model: type[BaseModel], name: str) -> tuple[tuple[str, ...], Any]:
    here: type[BaseModel] | None = model
    path: tuple[str, ...] = ()
    annotation: Any = None
    for segment in name.removeprefix(PREFIX).lower().split("__"):
        if here is None:
            kind = get_origin(plain(annotation))
            if kind is None or kind is Literal:
                raise _unknown_variable(model, name)
            whole = environment_name(path)
            raise ConfigError(
                "A list cannot be given in parts.", field=name, remedy=f"Put all of it, as JSON, in {whole}."
            )
        if segment in here.model_fields:
            annotation = here.model_fields[segment].annotation
        elif secret_of(here, segment):
            annotation = str
        else:
            raise _unknown_variable(model, name)
        path = (*path, segment)
        inner, container = model_in(annotation)
        here = inner if container is None else None
    if name != name.upper():
        raise _unknown_variable(model, name)
    return path, annotation


def _unknown_variable(model: type[BaseModel], name: str) -> ConfigError:
    known: dict[str, str] = {}
    for leaf in leaves(model):
        for path in (leaf.path, (*leaf.path[:-1], f"{leaf.path[-1]}{FILE}"))[: 1 + leaf.is_secret]:
            known["__".join(path)] = environment_name(path)
    meant = near_miss(name[len(PREFIX) :], known)
    remedy = f"Did you mean {known[meant]}?" if meant else "Remove it."
    return ConfigError("There is no such setting.", field=name, remedy=remedy)


def _value(layer: Layer, path: tuple[str, ...], annotation: Any, text: str) -> Any:
    kind = plain(annotation)
    inner, container = model_in(annotation)
    if inner is not None or (get_origin(kind) is not None and get_origin(kind) is not Literal):
        shape = dict if inner is not None and container is not tuple else list
        value = _json(text)
        if isinstance(value, shape):
            return value
        wanted, form = ("an object", "{...}") if shape is dict else ("a list", "[...]")
        raise layer.error(path, f"This is not {wanted} in JSON.", f"Write {form}.")
    if kind is bool and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if kind in (int, float) and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return SecretStr(text) if kind is SecretStr else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _put(layer: Layer, path: tuple[str, ...], value: Any) -> None:
    table = layer.values
    for part in path[:-1]:
        below = table.setdefault(part, {})
        if not isinstance(below, dict):
            raise layer.error(path, "The table that this belongs to is not one.", "Correct it or remove this.")
        table = below
    table[path[-1]] = value


def _settled(layer: Layer, model: type[BaseModel], table: Mapping[str, Any], at: Loc, base: Path) -> dict[str, Any]:
    """The table with secrets out of their files and out of sight, and with paths that no longer depend on a folder."""
    result = dict(table)
    for key, value in table.items():
        loc = (*at, key)
        secret = secret_of(model, key)
        if secret is not None:
            if secret in table:
                raise layer.error(loc, f"{layer.name((*at, secret))} is given as well.", "Keep one of the two.")
            if not isinstance(value, str | Path):
                raise layer.error(loc, "This is no path.", "Name the file that holds the secret.")
            result[secret] = _secret_in(layer, loc, _absolute(base, value))
            layer.secret_files.append(_absolute(base, value))
            layer.from_files.add((*at, secret))
            del result[key]
        elif (known := model.model_fields.get(key)) is not None:
            result[key] = _settled_value(layer, known.annotation, value, loc, base)
    return result


def _secret_in(layer: Layer, loc: Loc, path: Path) -> SecretStr:
    # Not even the path is repeated: the secret itself put there by mistake looks like one.
    text, wrong = _text_or_why_not(path, MAX_SECRET_FILE)
    if text is None:
        raise layer.error(
            loc, f"The file that it names {wrong}.", "Name a file that holds the secret and nothing else."
        )
    secret = text.rstrip("\r\n")
    if not secret:
        raise layer.error(loc, "The file that it names is empty.", "Write the secret into it.")
    return SecretStr(secret)


def _settled_value(layer: Layer, annotation: Any, value: Any, loc: Loc, base: Path) -> Any:
    kind = plain(annotation)
    inner, container = model_in(annotation)
    if kind is SecretStr:
        layer.holds_secrets = True
        return SecretStr(value) if isinstance(value, str) else value
    if kind is Path and isinstance(value, str | Path):
        return _absolute(base, value)
    if inner is None:
        return value

    def table(row: Any, *at: int | str) -> Any:
        return _settled(layer, inner, row, (*loc, *at), base) if isinstance(row, Mapping) else row

    if container is None:
        return table(value)
    if isinstance(value, list | tuple):
        return [table(row, index) for index, row in enumerate(value)]
    return {name: table(row, name) for name, row in value.items()} if isinstance(value, Mapping) else value


def _absolute(base: Path, value: str | Path) -> Path:
    try:
        return base / Path(value).expanduser()
    except RuntimeError:  # ~NAME of a user that there is not
        return base / value


def read_text(path: Path, named_by: str, *, what: str, limit: int = 2**20) -> str:
    """The text of a file. Raises ConfigError that names the file and repeats nothing of it."""
    text, wrong = _text_or_why_not(path, limit)
    if text is None:
        raise _unusable(path, named_by, what, wrong)
    return text


def read_bytes(path: Path, named_by: str, *, what: str, limit: int = 2**20) -> bytes:
    """The bytes of a file. Raises ConfigError that names the file."""
    data, wrong = _bytes_or_why_not(path, limit)
    if data is None:
        raise _unusable(path, named_by, what, wrong)
    return data


def _unusable(path: Path, named_by: str, what: str, wrong: str) -> ConfigError:
    return ConfigError(f"The {what} {path} {wrong}.", field=named_by, remedy="Correct the path or the file.")


def _text_or_why_not(path: Path, limit: int) -> tuple[str | None, str]:
    data, wrong = _bytes_or_why_not(path, limit)
    try:
        return (None, wrong) if data is None else (data.decode("utf-8"), "")
    except UnicodeDecodeError:
        return None, "is not UTF-8 text"


def _bytes_or_why_not(path: Path, limit: int) -> tuple[bytes | None, str]:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        return None, f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}"
    return (None, "is too large") if len(data) > limit else (data, "")


# --------------------------------------------------------------------------------------------------------- complaints
# What pydantic finds wrong, as a ConfigError in the words of whoever wrote the setting.


def refused(message: str, remedy: str, *at: int | str) -> PydanticCustomError:
    """A broken rule: what is wrong, what to do, and where, counted from the value that is being validated."""
    return PydanticCustomError(RULE, "{message}", {"message": message, "remedy": remedy, "at": at})


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
