"""Contests, suspensions, letters about a case that runs, and a restore that can never be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.handed_in import by_option, read_document, received_at
from kz_compliance_sdk.faces.cli.review import Reasons, step
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.audit import Actor
    from kz_compliance_sdk.domain.case import Case

__all__ = ["register"]

_CONTEST = "Contest and suspension"
_LETTERS = "Letters about a case"
_TIME = "RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty."
_OPTIONS = {
    "contest.body": "--before", "contest.reference": "--number", "contest.filed_at": "--filed-at", "remedy": "--remedy",
    "result_at": "--at", "body": "--by", "reference": "--number", "legal_basis": "--basis", "from_at": "--from",
    "until_at": "--until", "proof_sha256": "--proof", "ended_at": "--at", "item_ids": "--item", "how": "--how",
    "issued_at": "--issued-at", "received_at": "--received-at", "item_id": "--item", "reasons": "--reasons",
}  # fmt: skip
Number = Annotated[int, typer.Option("--contest", metavar="N", help="Its number in the case: see `cases show`.")]
Suspension = Annotated[int, typer.Option("--suspension", metavar="N", help="Its number in the case.")]
How = Annotated[str, typer.Option(help="How it was checked, such as: called back on the number in the register.")]
Came = Annotated[str, typer.Option("--how", help="On which way it came: letter, e-mail, phone call.")]
Received = Annotated[str, typer.Option("--received-at", metavar="TIME", help=f"When the office received it: {_TIME}")]
Letter = Annotated[str, typer.Option("--letter", metavar="ID", help="The letter: see `cases letters`.")]
Result = Literal["withdrawn", "rejected", "granted", "partly"]
Effect = Literal["withdrawn", "annulled", "remedied"]


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    command: Callable[..., None]
    for name, command in (
        ("contest", contest),
        ("contest-ended", contest_ended),
        ("suspend", suspend),
        ("confirm-suspension", confirm_suspension),
        ("end-suspension", end_suspension),
    ):
        app.command(name, rich_help_panel=_CONTEST)(command)
    for name, command in (
        ("cancel-by-letter", cancel_by_letter),
        ("answer-by-letter", answer_by_letter),
        ("letters", letters),
        ("vouch", vouch),
        ("dismiss", dismiss),
    ):
        app.command(name, rich_help_panel=_LETTERS)(command)
    app.command("undoable", rich_help_panel="Office")(undoable)


def contest(
    ctx: typer.Context,
    case: CaseArgument,
    before: Annotated[str, typer.Option(help="The court or authority before which it is contested.")],
    number: Annotated[str, typer.Option(help="The number under which it was filed.")],
    filed_at: Annotated[str, typer.Option("--filed-at", metavar="TIME", help=f"When it was filed: {_TIME}")],
    remedy: Annotated[str, typer.Option(help="What was asked for.")],
    as_json: Json = False,
) -> None:
    """Record that the order is contested. It pauses nothing."""
    from kz_compliance_sdk.domain.report import Contest

    def record(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, time="--filed-at"):
            filed = Contest.model_construct(body=before, reference=number, filed_at=received_at(filed_at))
            return desk.contests.record(actor, case_id, filed, remedy)

    step(ctx, case, record, lambda after: f"Contest {len(after.contests)} of {after.notice_id} is recorded.")


def contest_ended(
    ctx: typer.Context,
    case: CaseArgument,
    number: Number,
    result: Annotated[Result, typer.Option(help="How it ended.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"When it ended: {_TIME}")],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Record how a contest ended. What follows from that a person decides."""

    def record(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, number="--contest", time="--at"):
            return desk.contests.settle(actor, case_id, number, result, received_at(at), reasons)

    step(ctx, case, record, lambda after: f"Contest {number} of {after.notice_id} was {result}.")


def suspend(
    ctx: typer.Context,
    case: CaseArgument,
    by: Annotated[str, typer.Option(help="The court or authority that ordered it.")],
    number: Annotated[str, typer.Option(help="The number of the order.")],
    basis: Annotated[str, typer.Option(help="The provision that it rests on; that an appeal was filed is none.")],
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help=f"From when: {_TIME}")],
    proof: Annotated[str, typer.Option(metavar="SHA256", help="The SHA-256 of the order's document.")],
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Until when, if the order says it.")] = None,
    as_json: Json = False,
) -> None:
    """Record an order that suspends the case's order. It has effect once a second person confirms it."""
    from kz_compliance_sdk.domain.contest import SuspensionOrder

    def record(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, time="--from"):
            from_at = received_at(begins)
        with by_option(**_OPTIONS, time="--until"):
            until_at = None if until is None else received_at(until)
            order = SuspensionOrder(by, number, from_at, basis, proof.lower(), until_at)
            return desk.contests.suspend(actor, case_id, order)

    step(
        ctx,
        case,
        record,
        lambda after: f"Suspension {len(after.suspensions)} of {after.notice_id} waits for a second person.",
    )


def confirm_suspension(
    ctx: typer.Context, case: CaseArgument, number: Suspension, how: How, as_json: Json = False
) -> None:
    """Confirm a suspension that somebody else recorded: the term stands still. What is in force stays."""

    def confirm(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, number="--suspension"):
            return desk.contests.confirm_suspension(actor, case_id, number, how)

    step(ctx, case, confirm, lambda after: f"Suspension {number} of {after.notice_id} has effect.")


def end_suspension(
    ctx: typer.Context,
    case: CaseArgument,
    number: Suspension,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"When it ended: {_TIME}")],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Record that a suspension ended, or take back one that nobody confirmed. The term runs on with what was left."""

    def end(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, number="--suspension", time="--at"):
            return desk.contests.end_suspension(actor, case_id, number, received_at(at), reasons)

    step(ctx, case, end, lambda after: f"Suspension {number} of {after.notice_id} is over.")


def cancel_by_letter(
    ctx: typer.Context,
    case: CaseArgument,
    number: Annotated[str, typer.Option(help="The letter's own number.")],
    issued_at: Annotated[str, typer.Option("--issued-at", metavar="TIME", help=f"Its date: {_TIME}")],
    received: Received,
    how: Came,
    effect: Annotated[
        Effect | None, typer.Option(help="What it says of its effect; leave it out if it says nothing.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="An item that falls; may be repeated. Without it, all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Type in a letter that cancels the order or a part of it. Nothing changes until somebody else vouches for it."""

    def enter(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, time="--issued-at"):
            issued = received_at(issued_at)
        with by_option(**_OPTIONS, time="--received-at"):
            return desk.by_letter.enter_cancellation(
                actor,
                case_id,
                effect=effect,
                item_ids=item or None,
                reference=number,
                issued_at=issued,
                received_at=received_at(received),
                how=how,
            )

    step(ctx, case, enter, lambda after: f"The letter about {after.notice_id} waits for a second person.")


def answer_by_letter(
    ctx: typer.Context,
    case: CaseArgument,
    file: Annotated[
        str,
        typer.Option(metavar="FILE", help='What it says: {"in_reply_to", "answers", "items"}; - for standard input.'),
    ],
    received: Received,
    how: Came,
    as_json: Json = False,
) -> None:
    """Type in a letter that answers a question of ours. It changes nothing until somebody else vouches for it."""
    from pydantic import BaseModel, ConfigDict

    from kz_compliance_sdk.domain.notice import Answer, Item

    class Said(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        in_reply_to: str
        answers: tuple[Answer, ...]
        items: tuple[Item, ...] | None = None

    said = read_document(Said, file, "--file")

    def enter(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS, time="--received-at"):
            return desk.by_letter.enter_answer(
                actor,
                case_id,
                in_reply_to=said.in_reply_to,
                answers=said.answers,
                items=said.items,
                received_at=received_at(received),
                how=how,
            )

    step(ctx, case, enter, lambda after: f"The letter about {after.notice_id} waits for a second person.")


def letters(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """List the letters about a case that wait for a second person."""
    session = Session.of(ctx)
    with session.desk() as desk:
        waiting = desk.by_letter.waiting(case_id_of(desk, case))
    document: dict[str, Any] = {
        "letters": [
            {
                "letter": one.message_id,
                "type": one.type,
                "entered_by": one.entered_by,
                "received_at": screen.at(one.received_at),
                "says": one.says.model_dump(mode="json", exclude_none=True),
            }
            for one in waiting
        ]
    }

    def people() -> None:
        if not waiting:
            screen.say("No letter waits.")
            return
        screen.show_table(
            ("letter", "type", "received", "entered by", "says"),
            [
                (
                    one.message_id,
                    one.type,
                    screen.both(one.received_at),
                    one.entered_by,
                    one.says.model_dump_json(exclude_none=True),
                )
                for one in waiting
            ],
            whole=("letter", "type"),
            lead=("letter", "type"),
        )

    session.answer(document, people)


def vouch(ctx: typer.Context, case: CaseArgument, letter: Letter, how: How, as_json: Json = False) -> None:
    """Record how a letter's authenticity was checked: it then does what it says. Never by its typist."""

    def take(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS):
            return desk.by_letter.vouch(actor, case_id, letter, how)

    step(ctx, case, take, lambda after: f"The letter about {after.notice_id} has taken effect.")


def dismiss(ctx: typer.Context, case: CaseArgument, letter: Letter, reasons: Reasons, as_json: Json = False) -> None:
    """Record that a letter is not what it seemed: it never takes effect."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.by_letter.dismiss(actor, case_id, letter, reasons),
        lambda after: f"The letter about {after.notice_id} is dismissed.",
    )


def undoable(
    ctx: typer.Context,
    case: CaseArgument,
    item: Annotated[str, typer.Option(metavar="ID", help="The item whose measure cannot be lifted.")],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Record that a measure can never be lifted, after a try failed: its object is gone for good."""

    def record(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(**_OPTIONS):
            return desk.record_undoable(actor, case_id, item, reasons)

    step(ctx, case, record, lambda after: f"Item {item} of {after.notice_id} is gone, and is reported so.")
