"""The contract as files that others can hold us to: OpenAPI 3.1, JSON Schemas, examples, and the list of problems.

Pure: made from the models and from the table of codes, the same in every run.

    from tests.published.generator import files
    Path("openapi.json").write_text(files()["openapi.json"])
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from tests.published.generator.compatibility import breaking_changes
from tests.published.generator.document import VERSION, intake_document, regulator_document
from tests.published.generator.errors import errors_list, errors_page
from tests.published.generator.samples import examples
from tests.published.generator.schemas import message_schema

__all__ = [
    "VERSION",
    "breaking_changes",
    "errors_list",
    "examples",
    "files",
    "intake_document",
    "message_schema",
    "regulator_document",
]


@cache
def files() -> Mapping[str, str]:
    """The text of every file by its path below the folder of the contract."""
    made = {
        "openapi.json": _text(regulator_document()),
        "intake.openapi.json": _text(intake_document()),
        "errors.json": _text(errors_list()),
        "errors.md": errors_page(),
    }
    for name, values in examples().items():
        made[f"schemas/{name}.json"] = _text(message_schema(name))
        made |= {f"examples/{name}.{kind}.json": _text(value) for kind, value in values.items()}
    return made


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
