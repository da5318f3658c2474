"""How a command is declared: its options are a function's arguments, its help is the docstring, its answer is returned.

A command imports what it works with when it runs, so that `--help` and completion stay quick.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass
from string import Formatter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from kz_compliance_sdk.domain.forms import CAME, RECEIVED, SEALED, Field
from kz_compliance_sdk.errors import LeaseLost
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import OK
from kz_compliance_sdk.faces.cli.handed_in import edited, received_at, words_in
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Json, Session, by_option, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.commands.base import Command, Form, OfficeCommand

_BY_NAME = inspect.Parameter.KEYWORD_ONLY
Option, Argument = typer.Option, typer.Argument
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")]
Token = Annotated[
    int | None, Option(metavar="N", help="The token of your lease; without it, that of the lease you hold now.")
]
ContentOption = Annotated[
    str | None,
    Option(
        "--content",
        metavar="MODULE:NAME",
        help="The platform's Content port, or what makes it, as in myplatform.posts:content.",
    ),
]


def at(option: str, text: str = "", form: str = "RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty.") -> Any:
    """What makes an option a time: text for people, UTC seconds for us."""
    told = f"{text} {form}".strip()
    return Option(option, metavar="TIME", help=told, parser=lambda given: received_at(given, option))


class Said(OptionInfo):
    """An option for what a person wrote: a file, standard input, or the editor where it is left out. It is never the
    option's value, which a list of processes and a shell's history would hold."""

    def __init__(self, option: str, text: str, *, is_needed: bool = True) -> None:
        self.option, self.text, self.is_needed = option, text, is_needed
        otherwise = "; without it the editor asks" if is_needed else ""
        super().__init__(
            default=option,  # what stands first in an annotation is the option's name
            metavar="FILE",
            help=f"{text} In a file; - for standard input{otherwise}.",
            parser=lambda file: file and words_in(file, option),
        )

    def written(self, session: Session) -> str:
        """What a person writes in the editor. Raises InvalidInput where nobody is at a terminal."""
        remedy = f"Give {self.option} FILE; - for standard input."
        if not session.can_ask:
            raise wrong(self.option, "nobody said it, and there is no terminal to ask at.", remedy)
        return edited(f"\n# {self.text}\n# Lines that begin with # are left out.\n")


def asked(field: Field, option: str = "", kind: Any = str) -> Any:
    """The option that fills a field."""
    if field.is_time:
        return at(field.option or option, field.help)
    if field.is_sealed:
        return Said(field.option or option, f"{field.help} {SEALED}", is_needed=field.is_needed)
    told = field.help
    holds = field.holds or field.option.lstrip("-").upper() or "|".join(_words(kind)) or {int: "N"}.get(kind, "TEXT")
    return Option(field.option or option, metavar=holds, help=told)


def _words(kind: Any) -> Iterator[str]:
    """The words of a closed list, also of one that may be left out."""
    for one in get_args(kind):
        yield from (one,) if isinstance(one, str) else _words(one)


Came = Annotated[str, asked(CAME)]
Received = Annotated[int, asked(RECEIVED)]
HELP = ["-h", "--help"]
root = typer.Typer()
_F = TypeVar("_F", bound=Callable[..., Any])
_SHOWN: dict[str, Callable[[Acting, Any], Answer]] = {}


def without_values(of: Any) -> None:
    """Let the help show flags as what they are: typer would write each with a value, as in `--json <bool>`."""
    help_option = of.get_help_option(typer.Context(of, help_option_names=HELP))
    for param in (*of.params, help_option):
        if getattr(param, "is_flag", False) or param.name in ("install_completion", "show_completion"):
            param.metavar = ""
    for below in getattr(of, "commands", {}).values():
        without_values(below)


def _group(text: str, kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    return typer.Typer(cls=kind, help=text, no_args_is_help=True)


class _Steps(TyperGroup):
    """A group of steps. Those that take a command are declared once one of them is asked for: reading the classes takes
    longer than the whole help of the program."""

    def list_commands(self, ctx: Any) -> list[str]:
        if not self._is_whole:
            self._declare()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and not self._is_whole:
            self._declare()
        return super().get_command(ctx, cmd_name)

    _is_whole = False

    def _declare(self) -> None:
        from kz_compliance_sdk.domain import commands

        steps = typer.Typer()
        for kind in commands.KINDS:
            if kind.group == self.name and (kind.told or kind.__name__ in _SHOWN):
                _take(steps, kind)
        for of_office in commands.OFFICE:
            if of_office.group == self.name and of_office.told:
                _take_in_office(steps, of_office)
        for name, declared in vars(typer.main.get_group(steps))["commands"].items():
            without_values(declared)
            self.commands[name] = declared
        self._is_whole = True


audit = _group("The ledger, and its checkpoints.")
db = _group("The database: its schema, and the keys in it.")
config = _group("The settings.")
notices = _group("Notices that no system sent.")
cases = _group("The cases: look, decide, answer.", _Steps)
appeals = _group("Appeals of affected users: look, receive, decide.", _Steps)
office = _group("The office: what passes from shift to shift.", _Steps)
retention = _group("How long personal data is kept.")
conformance = _group("Hold an intake or a regulator to the contract.")
mock = _group("Tell a mock regulator that runs what to do.")
evidence = _group("Evidence packs: verify one, and publish the key that verifies yours.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to show: one document, the line or the view that people get of it, and the exit code."""

    document: Document
    view: str | Callable[[Document], None]
    exit: int = OK

    def show(self, session: Session) -> None:
        """Print it, for programs or for people."""
        if session.json:
            screen.write_document(documents.rendered(self.document))
        elif isinstance(self.view, str):
            screen.say(self.view)
        else:
            self.view(self.document)


def command(group: typer.Typer, name: str, panel: str | None = None, *, as_json: bool = True) -> Callable[[_F], _F]:
    """Declare a command: a function of the session and its options that returns an Answer, or None if it gave none."""

    def declared(call: _F) -> _F:
        _register(group, name, panel, call, call, as_json=as_json)
        return call

    return declared


def step(name: str, panel: str, text: str = "") -> Callable[[_F], _F]:
    """Declare a step of a case: a function of who acts on it and of the options that returns the case, or an Answer.

    `text` says what it came to, as `Command.told` does.
    """

    def declared(call: _F) -> _F:
        _register(cases, name, panel, _stepping(call, text), call, case=True)
        return call

    return declared


def shows(command: str) -> Callable[[_F], _F]:
    """Make the command of this class a step whose answer is what the function makes of who acts and of the outcome."""

    def declared(call: _F) -> _F:
        _SHOWN[command] = call
        return call

    return declared


def _take(group: typer.Typer, kind: type[Command[Any]]) -> None:
    """Declare the step of a case that takes this command: the options are its fields, the words of a person last."""
    asks = [inspect.Parameter("yes", _BY_NAME, annotation=Yes, default=False)] if kind.asks else []
    parameters = [*_options_in(kind), *asks]
    show = _SHOWN.get(kind.__name__)

    def call(on: Acting, *, yes: bool = True, token: int | None = None, **given: Any) -> Any:
        if "token" in kind.form():
            given["token"] = token_of(on, token)
        on.session.confirm(kind.asks, yes=yes)
        said = {name: value for name, value in given.items() if value is not None}
        outcome = on.desk.take(on.actor, on.case_id, kind(**said))
        return outcome if show is None else show(on, outcome)

    call.__name__, call.__doc__ = kind.__name__, _about(kind)
    _register(group, kind.name, kind.panel or None, _stepping(call, kind.told), call, parameters, case=True)


def _take_in_office(group: typer.Typer, kind: type[OfficeCommand]) -> None:
    """Declare the command of the command line that takes this command of the office, of no case."""

    def call(session: Session, **given: Any) -> Answer:
        said = {name: value for name, value in given.items() if value is not None}
        with session.desk() as desk:
            actor = session.actor(desk.settings)
            desk.house.take(actor, kind(**said))
            document = Document(recorded=kind.name, by=actor.id, at=desk.store.now())
        return Answer(document, _Telling().format(kind.told, **given))

    call.__name__, call.__doc__ = kind.__name__, _about(kind)
    _register(group, kind.name, kind.panel or None, call, call, _options_in(kind))


def _options_in(kind: type[Form]) -> list[inspect.Parameter]:
    """The options that fill a form: what is needed first, the words of a person last."""
    form = sorted(kind.form().items(), key=lambda one: (one[1][2] is not MISSING, one[1][1].is_sealed))
    return [_option(name, *of) for name, of in form]


def _about(kind: type[Form]) -> str:
    """What a command does. What it raises is for programs."""
    return re.sub(r"\s*\bRaises\b.*?(?=\n\n|\s*$)", "", kind.__doc__ or "", flags=re.DOTALL)


def _option(name: str, kind: Any, field: Field, default: Any) -> inspect.Parameter:
    """The option that fills a field of a command."""
    if name == "token":
        return inspect.Parameter(name, _BY_NAME, annotation=Token, default=None)
    of = get_args(kind)[0]
    how = asked(field, f"--{name.replace('_', '-')}", of)
    if Sequence in (get_origin(of), *map(get_origin, get_args(of))):
        of, default = list[str] | None, None
    needed = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, _BY_NAME, annotation=Annotated[of, how], default=needed)


def _stepping(call: Callable[..., Any], text: str) -> Callable[..., Answer]:
    """What runs a step, and tells what it came to."""

    def run(session: Session, *, case: str, **given: Any) -> Answer:
        with session.acting(case) as on:
            after = call(on, **given)
            if isinstance(after, Answer):
                return after
            # A message that could not be read has no notice id.
            told = _Telling().format(text, case=after, name=after.notice_id or after.id, **given)
            row = documents.listed(after, on.desk.store.now())
            return Answer(Document(case=row), f"{told} State: {after.state}.")

    return run


class _Telling(Formatter):
    """A line for people: `:time` is a time, `:count` how many there are, `:person` who, if anybody."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "time":
            return screen.both(value)
        if format_spec == "person":
            return value or "anybody"
        return str(len(value)) if format_spec == "count" else str(super().format_field(value, format_spec))


def token_of(on: Acting, given: int | None) -> int:
    """The token that was given, or that of the lease which the actor holds. Raises LeaseLost if they hold none."""
    if given is not None:
        return given
    from kz_compliance_sdk.domain.review_policy import held_by

    case = on.desk.case(on.case_id)
    if case.lease_owner != on.actor.id:
        told = f"you do not hold this case: nobody holds it. Run: kz-compliance cases claim {case.id}"
        raise LeaseLost(held_by(case, on.actor) if case.lease_owner else told, reference=case.id)
    return case.lease_token


def _register(
    group: typer.Typer,
    name: str,
    panel: str | None,
    run: Callable[..., Answer | None],
    declared: Callable[..., Any],
    options: Iterable[inspect.Parameter] | None = None,
    *,
    case: bool = False,
    as_json: bool = True,
) -> None:
    def called(ctx: typer.Context, **given: Any) -> None:
        given.pop("as_json", None)  # its callback has told the session
        session = Session.of(ctx)
        with by_option({param.name or "": param.opts[0] for param in ctx.command.params if param.opts}):
            for name, how in said_in.items():
                if given[name] is None:
                    given[name] = how.written(session)
            answer = run(session, **given)
        if answer is None:
            return
        answer.show(session)
        if answer.exit != OK:
            raise typer.Exit(answer.exit)

    options = [_left_out(one) for one in (_options_of(declared) if options is None else options)]
    said_in = {one.name: how for one in options for how in _said(one) if how.is_needed}
    parameters = [
        inspect.Parameter("ctx", _BY_NAME, annotation=typer.Context),
        *([inspect.Parameter("case", _BY_NAME, annotation=CaseArgument)] if case else []),
        *options,
        *([inspect.Parameter("as_json", _BY_NAME, annotation=Json, default=False)] if as_json else []),
    ]
    called.__name__, called.__doc__, called.__annotations__ = declared.__name__, declared.__doc__, {}
    called.__dict__["__signature__"] = inspect.Signature(parameters)
    group.command(name, rich_help_panel=panel)(called)


def _said(option: inspect.Parameter) -> list[Said]:
    return [one for one in get_args(option.annotation)[1:] if isinstance(one, Said)]


def _left_out(option: inspect.Parameter) -> inspect.Parameter:
    """What a person must write may be left out on the command line: the editor asks for it."""
    return option.replace(default=None) if any(one.is_needed for one in _said(option)) else option


def _options_of(declared: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """The options that a function asks for, as typer reads them. The session, or who acts, stands before them and is
    none."""
    options = list(inspect.signature(declared).parameters.values())[1:]
    types = get_type_hints(
        SimpleNamespace(__annotations__={one.name: one.annotation for one in options}),
        declared.__globals__,
        include_extras=True,
    )
    for one in options:
        yield one.replace(kind=_BY_NAME, annotation=types[one.name])
