"""The reference pages of the command line, made from the commands themselves and from the table of exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from kz_compliance_sdk.faces.cli import exits
from kz_compliance_sdk.faces.cli.app import PROGRAM, app

__all__ = ["cli_page", "exit_codes_page"]

_HEAD = f"""\
<!-- Made from the commands by `python -m tests.generate`. Do not edit. -->

# Command line

`{PROGRAM}`, or `python -m kz_compliance_sdk`. It comes with `pip install 'kz-compliance-sdk[cli]'`; `serve` needs the
extra `web` as well, and `mock-regulator` the extra `testing`.

- **Settings** come from `--config FILE`, which stands before the command, and from the environment: see
  [Settings](settings.md).
- **`--json`** makes a command print exactly one JSON document on standard output. Text for people goes to standard
  error then. Times in it are RFC 3339 in UTC, and a field whose name ends in `_s` is in seconds. Fields may be added;
  none changes or goes. An error is a document too: `{{"error": {{"code", "message", "more", "field", "remedy",
  "reference", "retryable", "exit_code"}}}}`, where `more` are the other settings that are wrong. Only a wrong command
  line has none.
- **Who acts** is the account of the operating system that runs the command, as the table `actors` of the settings maps
  it to a person. Neither an option nor a variable names a person, and `actors` in the environment is refused: only the
  settings file has the table. Whoever can write that file, or can write the database and brings a file of their own,
  can still be anybody: give the file to another account, and see [Security](../security.md#who-may-act). Each audit
  event names the account beside the person, and one account is never two pairs of eyes. An account that is not in the
  table can only read.
- **Cases** are named by their reference, or by the notice id where only one case has it.
- **Errors** are one line on standard error: `error: what is wrong, and what to do`. The [exit codes](exit-codes.md)
  tell them apart.
- **Colour** is only for a terminal, and not where `NO_COLOR` is set.
- **Completion**: `{PROGRAM} --install-completion`.

People's times are those of Asia/Almaty with UTC beside them; `config show` writes times as the settings file does.
"""


_DOCUMENTS = """
## The documents

| Command | Document |
|---|---|
| `audit verify` | `checked`, `intact`, `faults[]`: `case`, `seq`, `what`; `not_provable[]` |
| `cases list` | `cases[]`: rows as below; `next_cursor` for `--cursor`, null on the last page |
| `cases show` | a row as below; `item_states`, `notice`, `received`, `decisions`, `messages`, `escalations`, `audit` |
| `cases show`, of a decision | `second_person`: `policy`, `category`, `rules[]`, `says[]`, `volume`, `volume_limit` |
| `cases show`, of remedies | `contests[]`, `suspensions[]`, with the texts that are sealed with them |
| `cases claim`, `cases renew` | `lease`: null, or `case` (a row), `token`, `expires_at` |
| `cases decide`, `cases approve` | `case` (a row), `digest`, `needs_approval`, `approved_by`, `undo_window_s` |
| `cases decide --template` | a proposal to fill in, with or without `--json` |
| `cases letter` | `message`, `lang`, `text`, `file` |
| `cases letters` | `letters[]`: `letter`, `type`, `entered_by`, `received_at`, `says` |
| `cases evidence` | `file`, `size`, `form`, `lang`, `signed_by`: the id of the key, or null |
| `evidence key` | `key_id`, `alg`, `public_key` |
| `evidence verify` | `intact`, `signature` and `sender` (`good`, `bad`, `none`, `unchecked`), `platform_id`, \
`case_id`, `form`, `made_at`, `audit_head`, `audit_length`; `problems[]`: `code`, `where`, `what` |
| `cases retry` | `message`: as in `cases show` |
| `notices template` | a notice to fill in, with or without `--json` |
| `notices enter` | `case` (a row); `recorded`: false if it was there already |
| every other step of `cases` | `case` (a row) |
| `conformance intake`, `conformance regulator` | `subject`, `profile`, `all_hold`, `held`, `broken`, `skipped`; \
`checks[]`: `name`, `verdict`, `sends`, `wanted`, `came`, `remedy`, `why`, `contract`, `seconds` |
| the same with `--list` | `checks[]`: `name`, `sends`, `wants`, `needs[]`, `profiles[]`, `contract` |
| `conformance keys` | `profile`; `keys[]`: the fields of a key of the settings, `role`, `state`, `platform_id` |
| `conformance selftest` | `all_right`; `controls[]`: `name`, `what`, `is_right`, `caught_by`, `missed`, `blamed` |
| `config show` | every setting, with `***` for each secret |
| `db status` | `path`, `exists`, `revision`, `head`, `pending[]` |
| `db upgrade` | `path`, `from`, `revision`, `upgraded` |
| `doctor` | `status`; `checks[]`: `name`, `status` (`ok`, `warn`, `fail`), `summary`, `remedy`, `details` |
| `health` | the document of the health route |
| `sanctions` | `sanctions[]`: `sanction_id`, `level`, `notice_ids`, `effective_at`, `reference_number`, `received_at` |
| `worker --once` | `polled`, `fired`, `delivered`, `to_be_retried`: counts; `poll_error`: null, or `code`, `message` |

A **row** is a case: `case` (its reference), `notice_id`, `revision`, `authority_id`, `reference_number`, `state`,
`kind`, `category`, `source`, `authenticity`, `channel`, `level`, `flags[]`, `items` and `open_items` (counts),
`lease` (null, or `owner`, `token`, `expires_at`), `clock` and `closed_at`. Its **clock**: `received_at`, `due_at`,
`requested_due_at`, `decide_left_s`, `receipt_left_s`, `late`, `paused`, `unpaused_due_at`.
"""


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in group.list_commands(None):
        command = group.commands[name]
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        elif not command.hidden:
            yield (*path, name), command


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _usage(path: tuple[str, ...], command: Any) -> str:
    words = [*path]
    for param in command.params:
        if param.param_type_name == "argument":
            words.append((param.metavar or param.name.upper()).strip("[]"))
            if not param.required:
                words[-1] = f"[{words[-1]}]"
        elif param.required:
            words.append(f"{param.opts[0]} {_value(param)}")
    return " ".join([*words, "[OPTIONS]"])


def _value(param: Any) -> str:
    if param.metavar:
        return str(param.metavar)
    choices = getattr(param, "choices", None)
    return "|".join(map(str, choices)) if choices else str(param.name or "").upper()


def _option(param: Any) -> str:
    flag = getattr(param, "is_flag", False)
    named = ", ".join(f"`{name}`" if flag else f"`{name} {_value(param)}`" for name in param.opts)
    required = "required" if param.required else ""
    default = param.default
    if not required and default not in (None, False, "") and not callable(default):
        required = f"`{default}`"
    return f"| {_one_line(named)} | {required} | {_one_line(param.help)} |"


def cli_page() -> str:
    """Return the page with every command: what it does, its usage, its options."""
    root = typer.main.get_command(app)
    lines = [_HEAD, "## Before the command", "", "| Option | Default | What it does |", "|---|---|---|"]
    lines += [_option(param) for param in root.params if not getattr(param, "hidden", False)]
    for path, command in _commands(root, (PROGRAM,)):
        lines += ["", f"## {' '.join(path[1:])}", "", _one_line(command.help), ""]
        lines += ["```text", _usage(path, command), "```"]
        options = [param for param in command.params if param.param_type_name == "option"]
        shown = [_option(param) for param in options if "--help" not in param.opts]
        if shown:
            lines += ["", "| Option | Default | What it does |", "|---|---|---|", *shown]
    return "\n".join([*lines, _DOCUMENTS])


EXITS = {
    exits.OK: ("done", "nothing"),
    exits.UNEXPECTED: ("a fault of this program", "run it again with `--debug` before the command, and report it"),
    exits.USAGE: ("the command line is wrong", "read the `--help` of the command"),
    3: (
        "the configuration or the installation is wrong, or the store cannot be trusted as it is",
        "do what the message says",
    ),
    exits.FOUND: (
        (
            "a check found something: `audit verify`, `conformance`, `db rebuild`, `db rewrap`, `demo`, `doctor`, "
            "`evidence verify`, `health`"
        ),
        "read what it found",
    ),
    5: ("there is no such case or message", "check the reference"),
    6: ("this person may not do this", "somebody else must, or `actors` must say who you are"),
    7: (
        "refused: what was given is wrong, or the case is in another state; nothing was written",
        "do what the message says",
    ),
    8: (
        "somebody was faster: the lease ran out or the case has changed; nothing was written",
        "read the case again",
    ),
    9: (
        "the store or the regulator's system does not answer now, or there is no room to write",
        "do what the message says, or try again; nothing is lost",
    ),
    exits.NOT_PROVABLE: (
        "`evidence verify` found nothing wrong and cannot prove it: the verdict is `not_provable`",
        "give the platform's key and a checkpoint from elsewhere",
    ),
    exits.INTERRUPTED: ("interrupted", "nothing"),
    exits.NO_READER: ("whoever read the answer went away before its end, such as `head`", "nothing"),
}
"""Each exit code: what it says, and what to do."""


def exit_codes_page() -> str:
    """Return the page with the exit codes and the errors that end in each."""
    rows = []
    for code, (meaning, remedy) in EXITS.items():
        kinds = ", ".join(f"`{kind.__name__}`" for kind, ends in exits.CODE_OF.items() if ends == code) or "none"
        rows.append(f"| {code} | {meaning} | {remedy} | {kinds} |")
    return "\n".join(
        [
            "<!-- Made from EXITS by `python -m tests.generate`. Do not edit. -->",
            "",
            "# Exit codes",
            "",
            "What a command of `kz-compliance` exits with. An error that is not in the last column ends as the class",
            "above it does; see [Errors](errors.md).",
            "",
            "| Code | What it says | What to do | Errors |",
            "|---|---|---|---|",
            *rows,
            "",
            "A question at a terminal that is answered with no is no error: nothing was written, and the code is 0.",
            "",
        ]
    )
