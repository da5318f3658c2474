"""Whether a new contract still serves whoever was built against an old one.

Either end may be the older one, so each message is looked at in both directions: what an old sender writes must be
taken, and what a new sender writes must be understood by an old reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["breaking_changes"]

_Part = Mapping[str, Any]

_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_TELL: Final = frozenset({"description", "title", "summary", "example", "examples", "x-codes", "x-open", "$comment"})
_WALKED: Final = frozenset({"$ref", "type", "enum", "const", "properties", "required", "additionalProperties", "items"})
_LISTS: Final = ("allOf", "anyOf", "oneOf")


def breaking_changes(old: _Part, new: _Part) -> list[str]:
    """Every change from `old` to `new`, two OpenAPI documents, that breaks somebody; each names its place.

    Empty if the first number of `info.version` differs: another version stands beside the old one and breaks nobody.
    """
    if old["info"]["version"].split(".")[0] != new["info"]["version"].split(".")[0]:
        return []
    return sorted(set(_Comparison(old, new).run()))


class _Comparison:
    def __init__(self, old: _Part, new: _Part) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def run(self) -> Iterator[str]:
        for part in ("paths", "webhooks"):
            before, after = self._old.get(part, {}), self._new.get(part, {})
            for name, item in before.items():
                for method in _METHODS:
                    if method not in item:
                        continue
                    where = f"{part} {method.upper()} {name}"
                    if method not in after.get(name, {}):
                        yield f"{where}: removed"
                    else:
                        yield from self._operation(where, item[method], after[name][method])
        # Nobody has to call a new path. A new push reaches platforms that do not know it.
        for name in self._new.get("webhooks", {}):
            if name not in self._old.get("webhooks", {}):
                yield f"webhooks {name}: new type of message, which an old platform refuses"

    def _operation(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        yield from self._parameters(where, old, new)
        yield from self._security(where, old, new)
        before, after = self._both(old.get("requestBody", {}), new.get("requestBody", {}))
        if not before.get("required", False) and after.get("required", False):
            yield f"{where}: a body is required now"
        yield from self._content(f"{where} request", before, after)
        for status, response in old.get("responses", {}).items():
            at = f"{where} {status}"
            if status not in new.get("responses", {}):
                yield f"{at}: status removed"
                continue
            was, now = self._both(response, new["responses"][status])
            yield from self._content(at, was, now)
            for header, described in was.get("headers", {}).items():
                if header not in now.get("headers", {}):
                    yield f"{at}: header {header} removed"
                    continue
                first, second = self._both(described, now["headers"][header])
                if first.get("required", False) and not second.get("required", False):
                    yield f"{at}: header {header} is no longer promised"
                yield from self._schema(f"{at} header {header}", first["schema"], second["schema"])

    def _parameters(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        before = {(p["in"], p["name"]): p for p in (self._in(self._old, each) for each in old.get("parameters", ()))}
        after = {(p["in"], p["name"]): p for p in (self._in(self._new, each) for each in new.get("parameters", ()))}
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: parameter {key[1]} removed"
                continue
            if not parameter.get("required", False) and after[key].get("required", False):
                yield f"{where}: parameter {key[1]} is required now"
            yield from self._schema(f"{where} parameter {key[1]}", parameter["schema"], after[key]["schema"])
        for key, parameter in after.items():
            if key not in before and parameter.get("required", False):
                yield f"{where}: new required parameter {key[1]}"

    def _security(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        allowed = [sorted(each) for each in new.get("security", self._new.get("security", ()))]
        for each in old.get("security", self._old.get("security", ())):
            if sorted(each) not in allowed:
                yield f"{where}: {' and '.join(sorted(each))} is no longer taken as proof"

    def _content(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{where}: {media_type} removed"
            else:
                yield from self._schema(where, content["schema"], new["content"][media_type]["schema"])

    # Two schemas.

    def _schema(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "$ref" in old and "$ref" in new:
            if pair in self._seen:
                return
            self._seen.add(pair)
        if "$ref" in old:
            where = old["$ref"].rpartition("/")[2]
        old, new = self._both(old, new)
        yield from _words(where, old, new)
        yield from self._members(where, old, new)
        for name in ("items", "additionalProperties"):
            inside, within = old.get(name), new.get(name)
            if isinstance(inside, dict) and isinstance(within, dict):
                yield from self._schema(f"{where}[]", inside, within)
            elif isinstance(inside, dict) or isinstance(within, dict):
                yield f"{where}: {name} changed"
        for name in _LISTS:
            before, after = old.get(name, []), new.get(name, [])
            if len(before) != len(after):
                yield f"{where}: {name} has {len(after)} alternatives instead of {len(before)}"
            for was, now in zip(before, after, strict=False):
                yield from self._schema(where, was, now)
        for name in sorted((old.keys() | new.keys()) - _TELL - _WALKED - set(_LISTS)):
            if _bare(old.get(name)) != _bare(new.get(name)):
                yield f"{where}: {name} is {new.get(name)!r} instead of {old.get(name)!r}"

    def _members(self, where: str, old: _Part, new: _Part) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        closed = old.get("additionalProperties") is False
        for name, schema in before.items():
            if name not in after:
                yield f"{where}.{name}: property removed"
            else:
                yield from self._schema(f"{where}.{name}", schema, after[name])
        for name in after:
            if name not in before and closed:
                yield f"{where}.{name}: new property, which an old reader of this closed object refuses"
        was, now = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(now - was):
            yield f"{where}.{name}: required now"
        for name in sorted(was - now):
            yield f"{where}.{name}: no longer promised"
        if closed != (new.get("additionalProperties") is False):
            yield f"{where}: unknown properties are {'refused' if not closed else 'taken'} now"

    def _both(self, old: _Part, new: _Part) -> tuple[_Part, _Part]:
        return self._in(self._old, old), self._in(self._new, new)

    def _in(self, document: _Part, part: _Part) -> _Part:
        while "$ref" in part:
            found: Any = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = {**found, **{key: value for key, value in part.items() if key != "$ref"}}
        return part


def _words(where: str, old: _Part, new: _Part) -> Iterator[str]:
    """The values that are taken: fewer break an old sender, more break an old reader who was not told to expect it."""
    before, after = _values(old), _values(new)
    if before is None and after is None:
        was, now = _types(old), _types(new)
    elif before is None or after is None:
        yield f"{where}: {'a closed set now' if before is None else 'no closed set any more'}"
        was, now = _types(old), _types(new)
    else:
        was, now = before, after
    for value in sorted(was - now):
        yield f"{where}: {value} is no longer taken"
    if not old.get("x-open", False):
        for value in sorted(now - was):
            yield f"{where}: {value} is new to an old reader"


def _values(schema: _Part) -> set[str] | None:
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(value) for value in schema["enum"]} if "enum" in schema else None


def _types(schema: _Part) -> set[str]:
    given = schema.get("type", ())
    return {given} if isinstance(given, str) else set(given)


def _bare(value: Any) -> Any:
    """A keyword's value without what is only told to people."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key not in _TELL}
    return [_bare(each) for each in value] if isinstance(value, list) else value
