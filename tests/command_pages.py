"""The page of the commands, made from their classes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, get_args, get_origin, get_type_hints

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.commands.base import LEASE, Command, Field, OrBySystem
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY

_HEAD = """# Commands

Made from the classes of `kz_compliance_sdk.commands` by `python -m tests.generate`.

What people do to a case is a value. `desk.take(actor, case_id, command)` takes it and returns its outcome, awaited:
`await desk.take(...)`. The fields are given in the order of their rows, or by name. Times are UTC seconds. Most are
commands of the command line too.

```python
from kz_compliance_sdk import Actor, Case, ComplianceDesk, commands


def look_again(desk: ComplianceDesk, lead: Actor, case_id: str) -> Case:
    return desk.take(lead, case_id, commands.Reopen("A court found that it was satire."))
```
"""


def commands_page() -> str:
    """Return the page with every command, its form, and who may take it."""
    kinds = (getattr(commands, name) for name in commands.__all__ if name != "Command")
    return _HEAD + "".join(_about(kind) for kind in kinds)


def _about(kind: type[Command[Any]]) -> str:
    about = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(kind.__doc__ or ""))
    line = f" Command line: `cases {kind.called()}`." if kind.told else ""
    rows = "".join(_row(kind, one) for one in fields(kind))  # type: ignore[arg-type]  # each is a dataclass
    form = f"\n| Field | Type | What it is |\n|---|---|---|\n{rows}" if rows else ""
    return f"\n## {kind.__name__}\n\n{about}\n\nReturns {_outcome(kind)}. {_who(kind)}{line}\n{form}"


def _outcome(kind: type[Command[Any]]) -> str:
    hint = get_type_hints(kind.decide)["return"]
    return _named(get_args(hint)[1]).join("``")


def _who(kind: type[Command[Any]]) -> str:
    if kind.may == LEASE:
        return "Whoever holds the lease may."
    roles = ", ".join(sorted(REVIEW_POLICY.may[kind.may]))
    never = ", never the head" if kind.may in REVIEW_POLICY.never_head else ""
    return f"Roles: {roles}{never}{', or the platform’s own system' * issubclass(kind, OrBySystem)}."


def _row(kind: type[Command[Any]], one: Any) -> str:
    hint = get_type_hints(kind, include_extras=True)[one.name]
    asked = next((said for said in get_args(hint) if isinstance(said, Field)), Field())
    of = get_args(hint)[0] if asked in get_args(hint) else hint
    told = " ".join(_told(asked, one.default is not MISSING))
    return f"| `{one.name}` | {_named(of).join('``').replace('|', chr(92) + '|')} | {told} |\n"


def _told(asked: Field, optional: bool) -> Iterator[str]:
    yield f"{asked.help.rstrip(':.')}." if asked.help else ""
    if asked.is_past:
        yield "Not in the future."
    if optional:
        yield "May be left out."


def _named(kind: Any) -> str:
    if get_origin(kind) is None:
        return getattr(kind, "__name__", str(kind))
    told = str(kind).replace("typing.", "").replace("collections.abc.", "")
    return re.sub(r"kz_compliance_sdk(\.\w+)*\.", "", told).replace("NoneType", "None")
