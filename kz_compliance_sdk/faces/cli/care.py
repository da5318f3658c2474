"""When something is wrong: call for help, record an instruction, and what becomes of a demand for user data."""

from __future__ import annotations

from typing import Annotated

import typer

from kz_compliance_sdk.faces.cli.handed_in import by_option, received_at
from kz_compliance_sdk.faces.cli.review import Reasons, step
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json

__all__ = ["register"]

_PANEL = "Under pressure"


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    for name, command in (
        ("alarm", alarm),
        ("instruction", instruction),
        ("hand-over", hand_over),
        ("rule-out-demand", rule_out_demand),
    ):
        app.command(name, rich_help_panel=_PANEL)(command)


def alarm(
    ctx: typer.Context,
    case: CaseArgument,
    reason: Annotated[str, typer.Option(help="What is wrong. Sealed in the audit trail; the page does not say it.")],
    as_json: Json = False,
) -> None:
    """Call a lead and a lawyer to a case, in whatever state it is."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.care.raise_alarm(actor, case_id, reason),
        lambda after: f"A lead and a lawyer are called to {after.notice_id or after.id}.",
    )


def instruction(
    ctx: typer.Context,
    case: CaseArgument,
    by: Annotated[str, typer.Option(help="Who gave it: a name, or the office and rank.")],
    channel: Annotated[str, typer.Option(help="How it came: in person, by phone, in a chat.")],
    said: Annotated[str, typer.Option(help="What was said, as close to the words as you can.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When: RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty.")],
    unit: Annotated[str, typer.Option(help="The unit for which that person spoke.")] = "",
    as_json: Json = False,
) -> None:
    """Record what somebody told the office to do. A measure in this case then takes a second person."""
    from kz_compliance_sdk.domain.duress import Instruction

    with by_option(time="--at", given_at="--at", given_by="--by", channel="--channel", said="--said"):
        recorded = Instruction(given_by=by, unit=unit, channel=channel, given_at=received_at(at), said=said)
        step(
            ctx,
            case,
            lambda desk, actor, case_id: desk.care.record_instruction(actor, case_id, recorded),
            lambda after: f"The instruction about {after.notice_id or after.id} is recorded.",
        )


def hand_over(ctx: typer.Context, case: CaseArgument, reasons: Reasons, as_json: Json = False) -> None:
    """Take a demand for user data out of here, as a lawyer. The case ends, and nothing is reported."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.care.hand_over(actor, case_id, reasons),
        lambda after: f"{after.notice_id} is handed over, and is not answered from here.",
    )


def rule_out_demand(ctx: typer.Context, case: CaseArgument, reasons: Reasons, as_json: Json = False) -> None:
    """Record, as a lawyer, that what looked like a demand for user data is none."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.care.rule_out_demand(actor, case_id, reasons),
        lambda after: f"{after.notice_id} is decided like any other notice, by two persons.",
    )
