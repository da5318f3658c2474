"""The catalogue of bad, hostile and odd inputs: each case with its recipe and what must come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

__all__ = ["AUTHENTIC", "BASE", "CASES", "DOCUMENT", "BadInput"]

DOCUMENT: Final[Mapping[str, Any]] = json.loads(
    files("kz_compliance_sdk.testing.conformance").joinpath("bad_inputs.json").read_text(encoding="utf-8")
)
BASE: Final[Mapping[str, Any]] = DOCUMENT["base"]

AUTHENTIC: Final = frozenset({"accept", "accept_flag", "quarantine", "conflict", "duplicate"})
"""The outcomes of what is authentic: it must never be without a row."""

OUR_CODES: Final[Mapping[str, str]] = {"auth": "not_authentic"}
"""Codes that have another name here. The rest are the same word for word."""


@dataclass(frozen=True, slots=True)
class BadInput:
    """One case. `http` is None where the end state counts and not a status."""

    id: str
    name: str
    layer: str
    recipe: tuple[Mapping[str, Any], ...]
    outcome: str
    http: int | None
    code: str

    @property
    def is_live(self) -> bool:
        """Whether it needs a socket, a sequence or a store that fails, and so has a test of its own."""
        return any(step["op"] in ("live", "steps") or "storage" in step or "tzdata" in step for step in self.recipe)

    @property
    def slug(self) -> str:
        """The name as part of a check's name."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @property
    def is_authentic(self) -> bool:
        return self.outcome in AUTHENTIC


def _case(row: Mapping[str, Any]) -> BadInput:
    expected = row["expected"]
    http = expected["http"]
    return BadInput(
        row["id"],
        row["name"],
        row["layer"],
        tuple(row["recipe"]),
        expected["outcome"],
        http if isinstance(http, int) else None,
        OUR_CODES.get(expected["code"], expected["code"]),
    )


CASES: Final[Mapping[str, BadInput]] = {row["id"]: _case(row) for row in DOCUMENT["cases"]}
