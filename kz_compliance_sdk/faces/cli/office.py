"""The rest of the office's steps: ask, wait no longer, supersede, vouch for, correct, settle, acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.handed_in import by_option, read_document, received_at
from kz_compliance_sdk.faces.cli.review import Reasons, Token, step, tell_case, token_of
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, Yes, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.audit import Actor
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.report import Question

__all__ = ["register"]

_PANEL = "Office"


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    for name, command in (
        ("clarify", clarify),
        ("recall", recall),
        ("reopen", reopen),
        ("authenticate", authenticate),
        ("correct-receipt", correct_receipt),
        ("settle", settle),
        ("interim", interim),
        ("acknowledge", acknowledge),
    ):
        app.command(name, rich_help_panel=_PANEL)(command)


def clarify(
    ctx: typer.Context,
    case: CaseArgument,
    text: Annotated[str | None, typer.Option(help="The question, if it is one.")] = None,
    lang: Annotated[str, typer.Option(help="The language of the question: kk, ru or en.")] = "ru",
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="The item it is about; without it, the notice.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help='Several questions: {"questions": [...]}; - for standard input.')
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Take the drafted question about each gap of the notice.")
    ] = False,
    token: Token = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Ask the authority what is missing or contradictory. The clock runs on."""
    session = Session.of(ctx)
    given = None if draft and text is None and file is None else _questions(text, lang, item, file, draft=draft)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        questions = desk.care.draft(case_id) if given is None else given
        if not questions:
            raise InvalidInput("the notice has no gap.", field="--draft", remedy="Ask with --text or --file.")
        lease = token_of(desk, actor, case_id, token)
        rows = [(one.item_id or "the notice", said.lang, said.text) for one in questions for said in one.text]
        screen.show_table(("about", "in", "question"), rows, stderr=True)
        session.confirm("Send this to the authority? It must name no user and no reporter.", yes=yes)
        after = desk.request_clarification(actor, case_id, lease, questions, text_checked=True)
        tell_case(session, desk, after, f"The authority is asked about {after.notice_id}.")


def _questions(
    text: str | None, lang: str, item: str | None, file: str | None, *, draft: bool = False
) -> tuple[Question, ...]:
    from pydantic import BaseModel, ConfigDict, ValidationError

    from kz_compliance_sdk.domain.report import Question, Statement

    class Questions(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        questions: tuple[Question, ...]

    if (text is None) == (file is None) or draft:
        raise InvalidInput(
            "either one question, or a file, or the draft.",
            field="--text",
            remedy="Give --text TEXT, --file FILE or --draft.",
        )
    if file is not None:
        return read_document(Questions, file, "--file").questions
    try:
        return (Question(item_id=item, text=(Statement(lang=lang, text=text or ""),)),)
    except ValidationError as wrong:
        place: Any = wrong.errors(include_url=False, include_input=False)[0]["loc"]
        option = {"item_id": "--item", "lang": "--lang"}.get(str(place[-1]), "--text")
        raise InvalidInput("this value is not allowed here.", field=option, remedy="Correct it.") from None


def recall(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """Decide without waiting for the authority's answer any longer."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.recall(actor, case_id),
        lambda after: f"{after.notice_id} waits for no answer any more.",
    )


def reopen(
    ctx: typer.Context,
    case: CaseArgument,
    reasons: Reasons,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An item whose order fell, to decide it anew all the same; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Supersede the decision of an ended case. Measures stay in force meanwhile."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.reopen(actor, case_id, reasons, items=item or ()),
        lambda after: f"{after.notice_id} is decided anew.",
    )


def authenticate(
    ctx: typer.Context,
    case: CaseArgument,
    how: Annotated[str, typer.Option(help="How it was checked, such as: called back on the number in the register.")],
    as_json: Json = False,
) -> None:
    """Record how the authenticity of a typed-in notice was checked. Never by its typist."""

    def vouch(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        return desk.authenticate(actor, case_id, how)

    step(
        ctx,
        case,
        vouch,
        lambda after: f"{after.notice_id} is {after.authenticity}.",
    )


def correct_receipt(
    ctx: typer.Context,
    case: CaseArgument,
    at: Annotated[
        str, typer.Option("--received-at", metavar="TIME", help="RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty.")
    ],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Correct the receipt of a typed-in notice, by a second person. The clock follows."""

    def correct(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(received_at="--received-at", time="--received-at"):
            return desk.correct_receipt(actor, case_id, received_at(at), reasons)

    step(
        ctx,
        case,
        correct,
        lambda after: f"{after.notice_id} was received {screen.both(after.received_at)}.",
    )


def settle(ctx: typer.Context, case: CaseArgument, reasons: Reasons, as_json: Json = False) -> None:
    """Close a message in quarantine that was dealt with otherwise."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.settle_quarantine(actor, case_id, reasons),
        lambda after: f"{after.notice_id or after.id} is settled.",
    )


def interim(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """Report the settled items of a case now, although others are still under way."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.report_interim(actor, case_id),
        lambda after: f"The settled items of {after.notice_id or after.id} are being reported.",
    )


def acknowledge(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """Record that you have seen the escalations of a case."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.acknowledge(actor, case_id),
        lambda after: f"The escalations of {after.notice_id or after.id} are acknowledged.",
    )
