"""How a command is declared: its options are a function's arguments, its help is the docstring, its answer is returned.

A command imports what it works with when it runs, so that `--help` and completion stay quick.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from kz_compliance_sdk.errors import LeaseLost
from kz_compliance_sdk.faces.cli import documents, screen
from kz_compliance_sdk.faces.cli.documents import Document
from kz_compliance_sdk.faces.cli.exits import OK
from kz_compliance_sdk.faces.cli.handed_in import received_at
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Json, Session, by_option

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.case import Case

Option, Argument = typer.Option, typer.Argument
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")]
Reasons = Annotated[str, Option(help="Why. Sealed in the ledger; never leaves the platform.")]
How = Annotated[str, Option(help="How it was checked, such as: called back on the number in the register.")]
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


def named(option: str, text: str) -> Any:
    """What gives an option another name than the field of the domain that it fills."""
    return Option(option, metavar=option.lstrip("-").upper(), help=text)


root = typer.Typer()
_F = TypeVar("_F", bound=Callable[..., Any])


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True)


audit = _group("The ledger, and its checkpoints.")
db = _group("The database: its schema, and the keys in it.")
config = _group("The settings.")
notices = _group("Notices that no system sent.")
cases = _group("The cases: look, decide, answer.")
appeals = _group("Appeals of affected users: look, receive, decide.")
retention = _group("How long personal data is kept.")
conformance = _group("Hold an intake or a regulator to the contract.")
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


def step(name: str, panel: str, text: str | Callable[[Case], str] = "") -> Callable[[_F], _F]:
    """Declare a step of a case: a function of who acts on it and of the options that returns the case, or an Answer.

    `text` says what it came to, with `{name}` for what people call the case, `{case...}` for what it is then, and the
    options by their names.
    """

    def declared(call: _F) -> _F:
        def run(session: Session, *, case: str, **given: Any) -> Answer:
            with session.acting(case) as on:
                after = call(on, **given)
                if isinstance(after, Answer):
                    return after
                # A message that could not be read has no notice id.
                known_as = after.notice_id or after.id
                told = text(after) if callable(text) else text.format(case=after, name=known_as, **given)
                row = documents.listed(after, on.desk.store.now())
                return Answer(Document(case=row), f"{told} State: {after.state}.")

        _register(cases, name, panel, run, call, case=True)
        return call

    return declared


def token_of(on: Acting, given: int | None) -> int:
    """The token that was given, or that of the lease which the actor holds. Raises LeaseLost if they hold none."""
    if given is not None:
        return given
    case = on.desk.case(on.case_id)
    if case.lease_owner != on.actor.id:
        holder = f"{case.lease_owner} holds it" if case.lease_owner else "nobody holds it"
        raise LeaseLost(
            f"you do not hold this case: {holder}. Run: kz-compliance cases claim {case.id}", reference=case.id
        )
    return case.lease_token


def _register(
    group: typer.Typer,
    name: str,
    panel: str | None,
    run: Callable[..., Answer | None],
    declared: Callable[..., Any],
    *,
    case: bool = False,
    as_json: bool = True,
) -> None:
    def called(ctx: typer.Context, **given: Any) -> None:
        given.pop("as_json", None)  # its callback has told the session
        session = Session.of(ctx)
        with by_option({param.name or "": param.opts[0] for param in ctx.command.params if param.opts}):
            answer = run(session, **given)
        if answer is None:
            return
        answer.show(session)
        if answer.exit != OK:
            raise typer.Exit(answer.exit)

    # typer reads the options from the signature. The session, or who acts, stands before them and is none.
    options = list(inspect.signature(declared).parameters.values())[1:]
    types = get_type_hints(
        SimpleNamespace(__annotations__={one.name: one.annotation for one in options}),
        declared.__globals__,
        include_extras=True,
    )
    by_name = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", by_name, annotation=typer.Context),
        *([inspect.Parameter("case", by_name, annotation=CaseArgument)] if case else []),
        *(one.replace(kind=by_name, annotation=types[one.name]) for one in options),
        *([inspect.Parameter("as_json", by_name, annotation=Json, default=False)] if as_json else []),
    ]
    called.__name__, called.__doc__, called.__annotations__ = declared.__name__, declared.__doc__, {}
    called.__dict__["__signature__"] = inspect.Signature(parameters)
    group.command(name, rich_help_panel=panel)(called)
