"""The root of the command line, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from kz_compliance_sdk.errors import ComplianceError, ConfigError, InvalidInput, StoreError
from kz_compliance_sdk.faces.cli import command, exits, screen
from kz_compliance_sdk.faces.cli.exits import INTERRUPTED, NO_READER, UNEXPECTED, USAGE, exit_code
from kz_compliance_sdk.faces.cli.session import Session
from kz_compliance_sdk.faces.documents import fields

PROGRAM = "kz-compliance"
_EPILOG = "Exit codes and the settings: docs/reference. Not legal advice."


class _Root(TyperGroup):
    """Says what went wrong in one line."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        command.without_values(self)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            result = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.Abort:
            screen.say("error: stopped; nothing more was done.", stderr=True)
            raise SystemExit(UNEXPECTED) from None
        except typer.TyperException as wrong:
            # Only the command line itself ends here: what a command raises is answered in `invoke`.
            _usage(wrong)
        except OSError as error:
            raise SystemExit(_unwritten(error)) from None
        except SystemExit as stop:
            # So end click and rich when nobody reads the help.
            if isinstance(stop.__context__, BrokenPipeError):
                raise SystemExit(_unwritten(stop.__context__)) from None
            raise
        if result == INTERRUPTED:
            screen.say("Interrupted.", stderr=True)
        if not standalone_mode:
            return result
        raise SystemExit(result if isinstance(result, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:  # noqa: BLE001  a person sees a line, and the traceback only on demand
            if exits.is_of_output(error):
                # Here already: click would answer a broken pipe with the code of a fault.
                raise SystemExit(_unwritten(error)) from None
            session = Session.of(ctx)
            if session.debug:
                traceback.print_exception(error)
            said = error if isinstance(error, ComplianceError) else exits.known(error) or _unexpected(error)
            _explain(session, said)
            raise typer.Exit(exit_code(said)) from None


def _usage(wrong: typer.TyperException) -> NoReturn:
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    # A group alone shows its help and has no message.
    message = screen.one_line(wrong.format_message()) or "Missing command."
    stop = "" if message.endswith((".", "?")) else "."
    screen.say(f"error: {message}{stop} See: {path} --help", stderr=True)
    raise SystemExit(USAGE)


def _unwritten(error: Exception) -> int:
    """The exit code for an answer that could not be written, after a line about it if that can be."""
    exits.let_go_of_output()
    if isinstance(error, BrokenPipeError):
        return NO_READER
    with contextlib.suppress(OSError):
        screen.say(f"error: the answer could not be written: {getattr(error, 'strerror', error)}.", stderr=True)
    return exit_code(StoreError(""))


def _unexpected(error: Exception) -> ComplianceError:
    told = f"unexpected: {type(error).__name__}. Run it again with --debug first, and report it."
    return ComplianceError(told, code="unexpected")


def _explain(session: Session, error: ComplianceError) -> None:
    first, *more = str(error).splitlines() if isinstance(error, ConfigError | InvalidInput) else [str(error)]
    screen.say(f"error: {screen.one_line(first)}", stderr=True)
    for line in more:
        screen.say(f"   and: {screen.one_line(line)}", stderr=True)
    if session.json:
        told = fields(error, "code message reference retryable")
        told |= {"field": getattr(error, "field", None), "remedy": getattr(error, "remedy", None), "more": more}
        screen.write_document({"error": {**told, "exit_code": exit_code(error)}})


app = typer.Typer(
    name=PROGRAM,
    cls=_Root,
    help="Answer a regulator's content-removal notices inside their legal term.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": command.HELP},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        screen.say(f"{PROGRAM} {version('kz-compliance-sdk')}")
        raise typer.Exit(0)


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="The TOML file with the settings.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the option of the same name of each command.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Put the session where every command finds it."""
    ctx.obj = Session(config=config, json=as_json, debug=debug)


# In this order the help lists the commands, whatever imports what.
_SUBJECTS = "machinery setup review office house evidence users transparency conformance demo"
for _subject in _SUBJECTS.split():
    import_module(f"kz_compliance_sdk.faces.cli.{_subject}")
app.registered_commands += command.root.registered_commands
for _group in (
    "audit",
    "db",
    "config",
    "notices",
    "cases",
    "appeals",
    "office",
    "retention",
    "conformance",
    "evidence",
    "mock",
):
    app.add_typer(getattr(command, _group), name=_group)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    # Not app(): that would put a hook for tracebacks into the process.
    typer.main.get_command(app).main(args=list(sys.argv[1:] if arguments is None else arguments), prog_name=PROGRAM)
    raise SystemExit(0)
