"""Appeals of affected users, and putting off what a user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kz_compliance_sdk.faces.cli import documents, screen
from kz_compliance_sdk.faces.cli.handed_in import by_option, read_document, received_at
from kz_compliance_sdk.faces.cli.review import Reasons
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, Yes, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.appeals import Reversal
    from kz_compliance_sdk.domain.change import Appeal

__all__ = ["register", "register_cases"]

AppealArgument = Annotated[str, typer.Argument(metavar="APPEAL", help="The appeal's id.")]
_TIME = "RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty."


def register(app: typer.Typer) -> None:
    """Add the group `appeals` to the root."""
    group = typer.Typer(help="Appeals of affected users: look, receive, decide.", no_args_is_help=True)
    for name, command in (
        ("list", list_),
        ("show", show),
        ("receive", receive),
        ("decide", decide),
        ("withdraw", withdraw),
    ):
        group.command(name)(command)
    app.add_typer(group, name="appeals")


def register_cases(app: typer.Typer) -> None:
    """Add the command to `cases`."""
    app.command("notify-later", rich_help_panel="Office")(notify_later)


def list_(
    ctx: typer.Context,
    state: Annotated[
        Literal["open", "upheld", "reversed", "withdrawn"], typer.Option(help="Those in this state.")
    ] = "open",
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="How many, at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List appeals, those first that are due first."""
    session = Session.of(ctx)
    with session.desk() as desk:
        page = desk.appeals.list(state, cursor, limit)
    rows = [(one.reference, one.case_id, one.item_id, screen.both(one.due_at), one.appeal_id) for one in page.appeals]
    document = {"appeals": [documents.appeal_row(one) for one in page.appeals], "next_cursor": page.next_cursor}

    def people() -> None:
        if not rows:
            screen.say(f"No appeal is {state}.")
            return
        screen.show_table(("number", "case", "item", "answer until", "appeal"), rows, lead=("number", "item"))
        if page.next_cursor is not None:
            screen.say(f"More: --cursor {page.next_cursor}")

    session.answer(document, people)


def show(ctx: typer.Context, appeal: AppealArgument, as_json: Json = False) -> None:
    """Show an appeal and what the user wrote."""
    session = Session.of(ctx)
    with session.desk() as desk:
        file = desk.appeals.show(appeal)
    one = file.appeal

    def people() -> None:
        fields = [
            ("appeal", one.appeal_id),
            ("case", f"{one.case_id}, item {one.item_id}, against decision {one.decision_version}"),
            ("received", screen.both(one.received_at)),
            ("answer until", screen.both(one.due_at)),
            ("first decided by", " and ".join(filter(None, (one.proposed_by, one.approved_by)))),
        ]
        if one.decided_at is not None:
            fields.append(("decided", f"{screen.both(one.decided_at)} by {one.decided_by or 'nobody'}"))
        screen.show_fields(f"Appeal {one.reference}: {one.state}", [*fields, ("text", file.text or "erased")])

    session.answer({"appeal": {**documents.appeal_row(one), "text": file.text or None}}, people)


def receive(
    ctx: typer.Context,
    case: CaseArgument,
    item: Annotated[str, typer.Option(metavar="ID", help="The item it is about.")],
    reference: Annotated[str, typer.Option(help="Your own number of the appeal; the same again changes nothing.")],
    text: Annotated[str, typer.Option(help="What the user wrote. Kept sealed; it never leaves the platform.")],
    at: Annotated[str, typer.Option("--received-at", metavar="TIME", help=_TIME)],
    as_json: Json = False,
) -> None:
    """Record a user's appeal against a measure in force."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        with by_option(
            item_id="--item", reference="--reference", text="--text", received_at="--received-at", time="--received-at"
        ):
            one = desk.appeals.receive(actor, case_id_of(desk, case), item, text, received_at(at), reference)
    _tell(session, one, f"The appeal {one.reference} is to be answered until {screen.both(one.due_at)}.")


def decide(
    ctx: typer.Context,
    appeal: AppealArgument,
    outcome: Annotated[Literal["uphold", "reverse"], typer.Argument(help="Leave the measure, or lift it.")],
    reasons: Reasons,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='With reverse: {"finding", "refusal_code", "statement": [{"lang", "text"}]}, what the regulator is '
            "told; - for standard input.",
        ),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Decide an appeal. Never by whoever proposed or approved the decision; the user is told."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        reversal = None
        if file is not None:
            reversal = _reversal(file)
            rows = [(one.lang, one.text) for one in reversal.statement]
            screen.show_table(("in", "told to the regulator"), rows, stderr=True)
            session.confirm("Tell the regulator so? It must name no user and no reporter.", yes=yes)
        with by_option(reversal="--file"):
            one = desk.appeals.decide(actor, appeal, outcome, reasons, reversal)
    _tell(session, one, f"The appeal {one.reference} is {one.state}.")


def _reversal(file: str) -> Reversal:
    from pydantic import BaseModel, ConfigDict

    from kz_compliance_sdk.domain.appeals import Reversal
    from kz_compliance_sdk.domain.decision import Finding
    from kz_compliance_sdk.domain.report import RefusalCode, Statement

    class Words(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        finding: Finding
        refusal_code: RefusalCode
        statement: tuple[Statement, ...]

    words = read_document(Words, file, "--file")
    # The question that is asked before it is written is the check of the text.
    return Reversal(words.finding, words.refusal_code, words.statement, text_checked=True)


def withdraw(ctx: typer.Context, appeal: AppealArgument, as_json: Json = False) -> None:
    """Record that the user takes an appeal back. Never by whoever proposed or approved the decision."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        one = desk.appeals.withdraw(actor, appeal)
    _tell(session, one, f"The appeal {one.reference} is {one.state}.")


def _tell(session: Session, one: Appeal, text: str) -> None:
    session.answer({"appeal": documents.appeal_row(one)}, lambda: screen.say(text))


def notify_later(
    ctx: typer.Context,
    case: CaseArgument,
    until: Annotated[str, typer.Option(metavar="TIME", help=f"When the user is told after all. {_TIME}")],
    legal_basis: Annotated[str, typer.Option(help="The act and article that forbid telling the user before.")],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Put off what the affected users of a case are told, with a legal basis and an end. It takes the role legal."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        with by_option(until="--until", time="--until", legal_basis="--legal-basis"):
            at = received_at(until)
            rows = desk.user_notices.delay(actor, case_id_of(desk, case), at, legal_basis, reasons)
    document: dict[str, Any] = {"user_notices": [documents.user_notice_row(row) for row in rows]}
    text = f"{len(rows)} user notices wait until {screen.both(at)}, and then leave by themselves."
    session.answer(document, lambda: screen.say(text))
