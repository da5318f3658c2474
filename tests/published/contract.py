"""The published files as the tests read them, and the reader of this library beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import ENVELOPES, read_message
from tests.docs.blocks import DOCS
from tests.published.generator.schemas import MODELS

CONTRACT = DOCS / "contract"


def _pattern(_validator: Any, pattern: str, instance: object, _schema: Any) -> Iterator[ValidationError]:
    """As ECMA-262 has it, which JSON Schema asks for: `$` is the end, where in Python a line feed may follow it."""
    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), instance):
        yield ValidationError("the text does not match")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # its stubs are


@cache
def validator(name: str) -> Any:
    """The published schema of a message."""
    schema = json.loads((CONTRACT / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return _Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def document(name: str) -> Any:
    """A published document."""
    return json.loads((CONTRACT / name).read_text(encoding="utf-8"))


def is_read(name: str, value: object) -> bool:
    """Whether the reader of this library takes it."""
    body = json.dumps(value, ensure_ascii=False).encode()
    try:
        if name in ENVELOPES:
            read_message(body)
        else:
            read(MODELS[name], body)
    except Unreadable:
        return False
    return True
