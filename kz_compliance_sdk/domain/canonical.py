"""The one way to the bytes that are hashed, signed, stored or sent.

Two values that are equal give the same bytes on every machine and in every release, or nothing that
was hashed before could be checked later. That is why there are no floats here: their text is a
matter of the implementation, and no quantity of this domain needs one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""What has canonical bytes. There is no float in it, and a type checker sees to that."""

_FORM: Final[Mapping[str, Any]] = MappingProxyType(
    {"ensure_ascii": False, "allow_nan": False, "sort_keys": True, "separators": (",", ":")}
)
_encode = json.JSONEncoder(**_FORM).encode
_encode_typed = json.JSONEncoder(**_FORM, check_circular=False).encode


def canonical(value: object) -> bytes:
    """JSON in UTF-8 with sorted keys and no spaces.

    `value` is made of dicts with text keys, lists or tuples, text, ints, bools and None.

    Raises TypeError for anything else, a float above all, and ValueError for text that is not Unicode
    (a lone surrogate) or for a value that contains itself.
    """
    text = _encode(value)
    _refuse_the_rest(value)
    return text.encode("utf-8")


def encoded(value: Json) -> bytes:
    """The same bytes as `canonical`, for a value that a type checker has seen: nothing is checked again."""
    return _encode_typed(value).encode("utf-8")


def digest(domain: str, data: bytes) -> str:
    """The SHA-256 of `data`, in hex, separated by `domain` (for example "kz-compliance/report/v1").

    The domain keeps a digest of one kind of thing from ever being taken for that of another. It must
    hold no line break, which is what ends it.

    Raises ValueError for a domain with a line break.
    """
    if "\n" in domain:
        raise ValueError("a digest's domain must be one line")
    return hashlib.sha256(domain.encode("utf-8") + b"\n" + data).hexdigest()


def _refuse_the_rest(value: object) -> None:
    # Runs after the encoder, which has by then refused cycles, so that the walk must end.
    queue: list[object] = [value]
    for item in queue:
        if item is None or isinstance(item, str | int):
            continue
        if isinstance(item, dict):
            for key in item:
                if not isinstance(key, str):
                    raise TypeError(f"a key of canonical JSON must be text, not {type(key).__name__}")
            queue.extend(item.values())
        elif isinstance(item, list | tuple):
            queue.extend(item)
        else:
            raise TypeError(f"{type(item).__name__} has no place in canonical JSON")
