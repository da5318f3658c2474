"""The page with every check of the conformance kit, and the schema of the inspection interface."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from kz_compliance_sdk.testing.conformance.checks import PROFILES, Check
from kz_compliance_sdk.testing.conformance.inspection import Cases, Messages
from kz_compliance_sdk.testing.conformance.intake import ELSEWHERE, INTAKE_CHECKS
from kz_compliance_sdk.testing.conformance.regulator import REGULATOR_CHECKS
from kz_compliance_sdk.testing.conformance.selftest import CONTROLS

_HEAD = """\
<!-- Made from the checks by `python -m tests.generate`. Do not edit. -->

# Conformance checks

What [`kz-compliance conformance`](../guides/conformance.md) sends, and what must come. Each check holds the line of the
contract that its last column quotes. A name before a dot stands for all below it: `--only intake.signature`.

**Needs**: `inspection` looks at what was stored, `socket` needs the address of a running server, `key ...` is a key of
the published set, `notice` is one to talk about, `listener` waits for a push. Where it is not there, the check is
skipped, and the report says why.
"""


def checks_page() -> str:
    """Return the page: every check of the intake, of the regulator, and every control."""
    lines = [_HEAD, f"## Intake: {len(INTAKE_CHECKS)} checks", "", *_table(INTAKE_CHECKS)]
    lines += [
        "",
        "Cases of the [catalogue](bad-inputs.md) that are other checks, or that nobody can drive from outside:",
    ]
    lines += ["", "| Case | Where |", "|---|---|"]
    lines += [f"| {name} | {_code(where)} |" for name, where in sorted(ELSEWHERE.items())]
    lines += ["", f"## Regulator: {len(REGULATOR_CHECKS)} checks", "", *_table(REGULATOR_CHECKS)]
    lines += ["", f"## Controls: {len(CONTROLS)}", ""]
    lines += ["`kz-compliance conformance selftest` drives them. Each must be found by exactly these checks:", ""]
    lines += ["| Control | What it does | Found by |", "|---|---|---|"]
    for control in CONTROLS:
        found = ", ".join(f"`{name}`" for name in sorted(control.must_break)) or "nothing"
        lines.append(f"| `{control.name}` | {control.what} | {found} |")
    return "\n".join(lines) + "\n"


def _code(where: str) -> str:
    name, _, rest = where.partition(",")
    return where if where.startswith("not driven") else f"`{name}`" + (f",{rest}" if rest else "")


def _table(checks: Iterable[Check[Any]]) -> list[str]:
    lines = ["| Check | Sends | Must come | Needs | Contract |", "|---|---|---|---|---|"]
    for check in checks:
        needs = [f"`{need}`" for need in check.needs]
        if check.profiles != PROFILES:
            needs.append(f"profile {check.profiles[0]}")
        page = check.promise.page.removeprefix("contract/")
        line = f"[{_cell(check.promise.quote)}]({page}#{check.promise.section})"
        cells = (f"`{check.name}`", _cell(check.sends), _cell(check.wants), ", ".join(needs) or "nothing", line)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_TITLE: Final = "What a sandbox shows of what it stored"


def inspection_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of both answers."""

    class Answer(BaseModel):
        model_config = ConfigDict(title=_TITLE)

        messages: Messages
        cases: Cases

    schema = Answer.model_json_schema(mode="serialization")
    definitions = schema["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": _TITLE,
        "oneOf": [{"$ref": "#/$defs/Messages"}, {"$ref": "#/$defs/Cases"}],
        "$defs": definitions,
    }


def inspection_page() -> str:
    """Return the schema, as the file has it."""
    return json.dumps(inspection_schema(), ensure_ascii=False, indent=2) + "\n"
