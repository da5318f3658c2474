"""The page of the commands and the names that their package hands on, made from their classes."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.commands.base import LEASE, Command, Form
from kz_compliance_sdk.domain.forms import SEALED, Field

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


_PACKAGE = Path(commands.__file__).parent
_NAMES = '''"""The commands: what people do to a case, each a value that the desk takes.

Made from the classes by `python -m tests.generate`. Do not edit.
"""

from __future__ import annotations

from typing import Any, Final

{imports}

KINDS: Final[tuple[type[Command[Any]], ...]] = (
{kinds}
)
"""Every command on a case, in the order in which they are written down."""

OFFICE: Final[tuple[type[OfficeCommand], ...]] = (
{office}
)
"""Every command of the office beside its cases."""

__all__ = [
{names}
]
'''


def commands_page() -> str:
    """Return the page with every command, its form, and who may take it."""
    every = sorted((*commands.KINDS, *commands.OFFICE), key=lambda kind: kind.__name__)
    return _HEAD + "".join(_about(kind) for kind in every)


def command_names(sources: Mapping[str, str] | None = None) -> str:
    """Return the module of the package that hands the commands on, from the sources of the others by their names."""
    if sources is None:
        sources = {file.stem: file.read_text(encoding="utf-8") for file in sorted(_PACKAGE.glob("[!_]*.py"))}
    found = {name: list(_commands_in(text)) for name, text in sources.items()}
    kinds = [kind for kinds in found.values() for kind, on_case in kinds if on_case]
    office = [kind for kinds in found.values() for kind, on_case in kinds if not on_case]
    first = "from kz_compliance_sdk.domain.commands."
    imports = [
        f"{first}{name} import (\n{_lines(sorted(kind for kind, _ in kinds))}\n)"
        if name != "base"
        else f"{first}base import Command, OfficeCommand"
        for name, kinds in sorted(found.items())
        if kinds or name == "base"
    ]
    named = ["KINDS", "OFFICE", *sorted(["Command", "OfficeCommand", *kinds, *office])]
    names = "\n".join(f'    "{name}",' for name in named)
    return _NAMES.format(imports="\n".join(imports), kinds=_lines(kinds), office=_lines(office), names=names)


def _commands_in(text: str) -> Iterator[tuple[str, bool]]:
    """The commands of a source, and whether each is taken on a case."""
    for one in ast.parse(text).body:
        if isinstance(one, ast.ClassDef):
            bases = [ast.unparse(base) for base in one.bases]
            on_case = any(base.startswith("Command[") for base in bases)
            if on_case or "OfficeCommand" in bases:
                yield one.name, on_case


def _lines(names: list[str]) -> str:
    return "\n".join(f"    {name}," for name in names)


def _about(kind: type[Form]) -> str:
    about = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(kind.__doc__ or ""))
    line = f"Command line: `{kind.group} {kind.name}`."
    rows = "".join(_row(kind, one) for one in fields(kind))  # type: ignore[arg-type]  # each is a dataclass
    form = f"\n| Field | Type | What it is |\n|---|---|---|\n{rows}" if rows else ""
    returns = (
        f"Returns {_outcome(kind)}." if issubclass(kind, Command) else "Of no case: `desk.house.take(actor, ...)`."
    )
    return f"\n## {kind.__name__}\n\n{about}\n\n{returns} {_who(kind)} {line}\n{form}"


def _outcome(kind: type[Command[Any]]) -> str:
    hint = get_type_hints(kind.decide)["return"]
    return _named(get_args(hint)[1]).join("``")


def _who(kind: type[Form]) -> str:
    if kind.may is LEASE:
        return "Whoever holds the lease may."
    roles = ", ".join(sorted(kind.may.names))
    never = ", never the head" if kind.may.never_head else ""
    return f"Roles: {roles}{never}{', or the platform’s own system' * kind.may.or_system}."


def _row(kind: type[Form], one: Any) -> str:
    hint = get_type_hints(kind, include_extras=True)[one.name]
    asked = next((said for said in get_args(hint) if isinstance(said, Field)), Field())
    of = get_args(hint)[0] if asked in get_args(hint) else hint
    told = " ".join(part for part in _told(asked, one.default is not MISSING) if part)
    return f"| `{one.name}` | {_named(of).join('``').replace('|', chr(92) + '|')} | {told} |\n"


def _told(asked: Field, optional: bool) -> Iterator[str]:
    yield asked.help
    if asked.is_past:
        yield "Not in the future."
    if asked.is_sealed:
        yield SEALED
    if optional:
        yield "May be left out."


def _named(kind: Any) -> str:
    if get_origin(kind) is None:
        return getattr(kind, "__name__", str(kind))
    told = str(kind).replace("typing.", "").replace("collections.abc.", "")
    return re.sub(r"kz_compliance_sdk(\.\w+)*\.", "", told).replace("NoneType", "None")
