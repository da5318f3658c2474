"""Every problem of the contract: the list for programs and the page for people, from the table that refusals use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kz_compliance_sdk.wire.codes import CODES, Code
from kz_compliance_sdk.wire.v1 import PROBLEM_BASE
from tests.published.generator.schemas import BEYOND_SCHEMA

__all__ = ["errors_list", "errors_page"]


def errors_list() -> dict[str, Any]:
    """The list: every code with its problem type, the statuses of each side, its cause and its remedy."""
    return {
        "problem_base": PROBLEM_BASE,
        "codes": [
            {
                "code": name,
                "type": PROBLEM_BASE + name,
                "intake": list(code.intake),
                "regulator": list(code.regulator),
                "mock_only": code.mock_only,
                "cause": code.cause,
                "remedy": code.remedy,
            }
            for name, code in CODES.items()
        ],
    }


def errors_page() -> str:
    """The page."""
    intake = {name: code for name, code in CODES.items() if code.intake}
    regulator = {name: code for name, code in CODES.items() if code.regulator and not code.mock_only}
    kept = {name: code for name, code in intake.items() if set(code.intake) & {409, 422}}
    away = {name: code for name, code in intake.items() if name not in kept and 503 not in code.intake}
    later = {name: code for name, code in intake.items() if 503 in code.intake}
    return "\n".join(
        [
            _HEAD,
            "## The intake refuses and keeps nothing",
            "",
            *_table(away, "intake"),
            "",
            "## The intake keeps it in quarantine",
            "",
            "The message is authentic, so it is stored with its clock running, and a person looks at it. Send a usable",
            "one: it inherits the receipt of the first.",
            "",
            *_table(kept, "intake"),
            "",
            "## The intake asks to try again",
            "",
            *_table(later, "intake"),
            "",
            "## The regulator refuses",
            "",
            "Where another report is recorded in the place of one, the answer is 409 with the receipt of that, and no",
            "problem.",
            "",
            *_table(regulator, "regulator"),
            "",
            "## The mock regulator alone",
            "",
            "From its control interface and its faults on command; no part of the contract.",
            "",
            *_table({name: code for name, code in CODES.items() if code.mock_only}, "regulator"),
            "",
            "## What the schemas cannot say",
            "",
            "Whatever a schema refuses the reader refuses. Patterns are of ECMA-262, as JSON Schema asks: `$` is the",
            "end of the text, while in some languages a line feed may follow it. The reader refuses more, by these",
            "codes:",
            "",
            "| Code | What JSON Schema has no word for |",
            "|---|---|",
            *(f"| `{name}` | {what} |" for name, what in BEYOND_SCHEMA.items()),
            "",
        ]
    )


def _table(codes: dict[str, Code], side: str) -> Iterable[str]:
    yield "| Code | Status | Cause | What to do |"
    yield "|---|---|---|---|"
    for name, code in codes.items():
        statuses = ", ".join(str(status) for status in (code.intake if side == "intake" else code.regulator))
        yield f"| `{name}` | {statuses} | {code.cause} | {code.remedy} |"


_HEAD: Final = f"""\
<!-- Made from the table of codes by `python -m tests.generate`. Do not edit. -->

# Problems

Errors on either side are problems as RFC 9457 writes them, of type `application/problem+json`. `code` is stable and
for programs. `type` is `{PROBLEM_BASE}` with the code: a name, and no address to
fetch. `detail` is for people and never repeats what was sent; `field` is a path into it. The set of codes is open:
treat one that you do not know by its status. [errors.json](errors.json) is this page for programs.
"""
