"""Files that are made from the code, and the compiled words.

`python -m tests.generate` writes them, `--check` says which are stale.

A generated file is never edited by hand. To add one, add a line to GENERATED.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from sqlalchemy import Column, Table

from kz_compliance_sdk.adapters.sql import schema
from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.config.layers import dotted, environment_name, model_in, plain
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.transitions import TRANSITIONS, Transition
from kz_compliance_sdk.transparency.figures import FIGURES
from tests.api.pages import api_page
from tests.catalogues import compiled_files, tables
from tests.cli.cli_pages import cli_page, exit_codes_page
from tests.command_pages import command_names, commands_page
from tests.conformance.pages import checks_page, inspection_page
from tests.controls.page import promises_page
from tests.published.generator import files as contract_files
from tests.published.generator.transparency import document_schema
from tests.table.page import roles_page
from tests.telemetry.pages import dashboard, metrics_page

ROOT = Path(__file__).resolve().parent.parent

_STATES_HEAD = """\
<!-- Made from TRANSITIONS by `python -m tests.generate`. Do not edit. -->

# The states of a case

A case moves only along the rows below; every other move is refused and writes nothing. There is no state for
"overdue": it is computed from the deadline, and passing the deadline moves nothing by itself.
"""


def states_page(rows: Iterable[Transition] = TRANSITIONS) -> str:
    """Return the page with the state diagram and the table of every move.

    The diagram leaves out the moves that stay in their state: drawn, they would hide the others. The table has them.
    """
    verbs: dict[tuple[str, str], list[str]] = {}
    moves: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        source = "[*]" if row.source is None else str(row.source)
        target = str(row.target)
        if source != target:
            known = verbs.setdefault((source, target), [])
            if row.verb not in known:
                known.append(row.verb)
        before = "(new)" if row.source is None else f"`{row.source}`"
        after = "(stays)" if source == target else f"`{target}`"
        moves.setdefault((row.verb, after, row.why), []).append(before)
    diagram = [f"    {source} --> {target}: {', '.join(known)}" for (source, target), known in verbs.items()]
    table = [f"| `{verb}` | {', '.join(sources)} | {after} | {why} |" for (verb, after, why), sources in moves.items()]
    return "\n".join(
        [
            _STATES_HEAD,
            "```mermaid",
            "stateDiagram-v2",
            *diagram,
            "```",
            "",
            "## Every move",
            "",
            "| Verb | From | To | When |",
            "|---|---|---|---|",
            *table,
            "",
        ]
    )


_SETTINGS_HEAD = """\
<!-- Made from the settings by `python -m tests.generate`. Do not edit. -->

# Settings

`Settings.load(file, environ, **overrides)` reads them, and nothing is read before it is called. Of two sources the one
that comes first here wins, setting by setting; a list is always taken whole:

1. what the program passes;
2. the environment: `KZ_COMPLIANCE_` and the setting, with two underscores between a table and its key; lists and
   tables are written as JSON, and an empty variable counts as not set;
3. a TOML file: the argument `file`, else the one that `KZ_COMPLIANCE_CONFIG` names. Paths in it start at its folder.

Each **secret** can be read from a file instead: beside `NAME` stands `NAME_file` (in the environment `NAME_FILE`), and
a line end at the end of the file is not part of the secret. Secrets appear in no printout, no log and no error.

Whatever is wrong is a `ConfigError` that names the setting as you wrote it and says what to do; its `more` are the
other settings that are wrong. An unknown key or variable is refused, so that a misspelling cannot pass for a setting.

## An example

```toml
"""

SETTINGS_EXAMPLE = """\
platform_id = "social-example"
public_url = "https://social.example/kz"
hosts = ["social.example"]

[store]
path = "/var/lib/kz-compliance/cases.sqlite3"

[signing_key]
key_id = "social-2026"
secret_file = "secrets/signing.key"

[regulator]
url = "https://regulator.example"

[[keys]]
key_id = "regulator-2026"
public_key = "qTWz8Od57MP/5Bqm97mvEgVF55ldk7XOSgt2Jf0a1TI="
sender = "regulator"
authorities = ["authorised-body"]
not_before = 2026-01-01T00:00:00Z
not_after = 2027-01-31T00:00:00Z

[respondent]
role = "Head of the office"

[actors.aigerim]
id = "aigerim"
roles = ["moderator"]
"""

_TYPES = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}


def settings_page(model: type[BaseModel] = Settings) -> str:
    """Return the page with every setting: where it stands, its variable, what it holds, its default, what it does."""
    own: list[str] = []
    sections: list[str] = []
    for name, field in model.model_fields.items():
        inner, container = model_in(field.annotation)
        if inner is None:
            own.append(_setting((name,), field, model))
            continue
        many = {None: "", tuple: "[]"}.get(container, ".NAME")
        optional = " The whole table may be left out." if field.default is None else ""
        sections += ["", f"## {name}{many}", "", f"{field.description}{optional}"]
        if many:
            sections += ["", f"In the environment all of it is JSON in `{environment_name((name,))}`."]
        sections += ["", *_SETTINGS_TABLE]
        sections += [
            _setting((f"{name}{many}", key), row, inner, alone=not many) for key, row in inner.model_fields.items()
        ]
    head = _SETTINGS_HEAD + SETTINGS_EXAMPLE + "```"
    return "\n".join([head, "", "## At the top", "", *_SETTINGS_TABLE, *own, *sections, ""])


_SETTINGS_TABLE = ("| Setting | Holds | Default | What it does |", "|---|---|---|---|")


def _setting(path: tuple[str, ...], field: FieldInfo, model: type[BaseModel], *, alone: bool = True) -> str:
    kind = plain(field.annotation)
    is_time = "date-time" in str(model.model_json_schema()["properties"][path[-1]])
    variable = f"<br>`{environment_name(path)}`" if alone else ""
    if field.is_required():
        default = "required"
    elif field.default_factory is not None:
        default = "by another setting"
    else:
        default = _default(field.default)
    return f"| `{dotted(path)}`{variable} | {'time' if is_time else _holds(kind)} | {default} | {field.description} |"


def _default(value: Any) -> str:
    if value is None or value in ((), {}, frozenset(), ""):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _holds(kind: Any) -> str:
    if kind is SecretStr:
        return "**secret** text"
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is frozenset:
        return "list of text"
    if get_origin(kind) is tuple:
        fields = get_args(kind)[0].model_fields
        return f"list of tables with {' and '.join(f'`{name}`' for name in fields)}"
    return _TYPES[kind.__name__]


_FLAGS_HEAD = """\
<!-- Made from FLAG_MEANINGS by `python -m tests.generate`. Do not edit. -->

# Flags

What a moderator must see before deciding. A flag never refuses and never decides; those with a mark bring in a second
person, or a [lawyer](../concepts/due-process.md#when-a-lawyer-is-needed), under the packaged policy. Where a flag is
about one item, its id follows after a colon. `kz-compliance cases show` says the meaning beside each flag; `cases list`
leaves out `deadline_defaulted`, which nearly every case has, and `--json` leaves out nothing. A case in quarantine has
the code of its refusal as a flag.

| Flag | What it tells | Second person | Lawyer |
|---|---|---|---|
"""


def flags_page() -> str:
    """Return the page with every flag and what it means."""
    second, lawyer = kz_policy().four_eyes_flags, kz_policy().safeguards.legal_review_flags
    rows = [
        f"| `{code}` | {told} | {'yes' if code in second else ''} | {'yes' if code in lawyer else ''} |"
        for code, told in FLAG_MEANINGS.items()
    ]
    return _FLAGS_HEAD + "\n".join(rows) + "\n"


_FIGURES_HEAD = """\
<!-- Made from the figures by `python -m tests.generate`. Do not edit. -->

# The public figures

What each figure of a [transparency report](../guides/transparency.md) counts. The same definitions stand in
`report.json` and on the page. A value that a figure does not have counted nothing.

| Figure | Unit | Adds up to | What it counts |
|---|---|---|---|
"""


def figures_page() -> str:
    """Return the page with the definition of every figure."""
    # From the source: the catalogue that is installed may be about to be compiled anew.
    rows, defined = [], tables("en", "transparency")["definition"]
    for one in FIGURES:
        total = f"`{one.of}`" if one.of else ""
        several = f"{total}, or more" if one.many and one.of else total
        rows.append(f"| `{one.id}` | {one.unit} | {several} | {defined[one.id]} |")
    return _FIGURES_HEAD + "\n".join(rows) + "\n"


_STORE_HEAD = """\
<!-- Made from the tables by `python -m tests.generate`. Do not edit. -->

# The tables

Every table and column of the schema {head}. [The ledger](../concepts/ledger.md#where-it-lies) is `streams`, `events`,
`parts`, `keys`, `platform_keys`, `log` and `tiles`; all other tables find, send and count what it says, or are a
matter of daily work: [what holds each](../concepts/evidence.md), and [what protects what it can hold of a
person](../concepts/privacy.md#what-is-held-and-what-protects-it). Times are UTC seconds. A column that may be NULL is
marked with `?`; **key** is what names a row. `kz-compliance db sql` prints the statements.

Read as you like, and write nothing: [what is believed of a row](../concepts/ledger.md#what-is-believed-of-a-row).
"""
_KINDS = {
    "ledger": "the ledger itself",
    "rows": "rows, made of the ledger",
    "operations": "daily work",
}
_SQL_TYPES = {int: "number", str: "text", bytes: "bytes", bool: "true or false"}


def store_page(tables: Iterable[Table] = metadata.tables.values()) -> str:
    """Return the page with every table and column, by the names of the tables."""
    told = sorted(tables, key=lambda table: table.name)
    return _STORE_HEAD.format(head=schema.HEAD) + "".join(_stored(table) for table in told)


def _stored(table: Table) -> str:
    columns = "".join(_column(column) for column in table.columns)
    head = "| Column | Type | What it holds |\n|---|---|---|\n"
    return f"\n## {table.name}\n\n{table.comment} Kind: {_KINDS[table.info['kind']]}.\n\n{head}{columns}"


def _column(column: Column[Any]) -> str:
    kind = _SQL_TYPES[column.type.python_type] + "?" * bool(column.nullable)
    return f"| `{column.name}` | {kind}{', **key**' * column.primary_key} | {column.comment} |\n"


def transparency_schema() -> str:
    """Return the JSON Schema of `report.json`."""
    return json.dumps(document_schema(), ensure_ascii=False, indent=2) + "\n"


GENERATED: Mapping[str, Callable[[], str | bytes]] = {
    **compiled_files(),
    **{f"docs/contract/{name}": partial(contract_files().__getitem__, name) for name in contract_files()},
    "docs/concepts/states.md": states_page,
    "docs/contract/conformance-checks.md": checks_page,
    "docs/contract/inspection.schema.json": inspection_page,
    "docs/contract/transparency-report.schema.json": transparency_schema,
    "docs/promises.md": promises_page,
    "docs/reference/api.md": api_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/commands.md": commands_page,
    "kz_compliance_sdk/domain/commands/__init__.py": command_names,
    "docs/reference/figures.md": figures_page,
    "docs/reference/exit-codes.md": exit_codes_page,
    "docs/reference/flags.md": flags_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/roles.md": roles_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/store.md": store_page,
    "kz_compliance_sdk/monitoring/dashboard.json": dashboard,
}


def _bytes(made: str | bytes) -> bytes:
    return made if isinstance(made, bytes) else made.encode()


def stale(root: Path = ROOT, generated: Mapping[str, Callable[[], str | bytes]] = GENERATED) -> list[str]:
    """Return the paths whose content is not what the code makes today, missing ones included."""
    found = []
    for path, make in generated.items():
        file = root / path
        if not file.is_file() or file.read_bytes() != _bytes(make()):
            found.append(path)
    return found


def write(root: Path = ROOT, generated: Mapping[str, Callable[[], str | bytes]] = GENERATED) -> list[str]:
    """Write every stale file and return its path."""
    paths = stale(root, generated)
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(generated[path]()))
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Write the generated files, or with `--check` return 1 when one is stale."""
    parser = argparse.ArgumentParser(prog="python -m tests.generate", description="Files made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    options = parser.parse_args(arguments)
    if not options.check:
        for path in write():
            print(f"wrote {path}")
        return 0
    paths = stale()
    for path in paths:
        print(f"{path} is stale: run python -m tests.generate")
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main())
