"""Typing in what came as a letter, an e-mail or a phone call."""

from __future__ import annotations

from typing import Annotated

import typer

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.handed_in import read_document, received_at
from kz_compliance_sdk.faces.cli.review import tell_case
from kz_compliance_sdk.faces.cli.session import Json, Session, Yes

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `notices` to the root."""
    notices = typer.Typer(help="Notices that no system sent.", no_args_is_help=True)
    notices.callback()(_group)
    notices.command("enter")(enter)
    app.add_typer(notices, name="notices")


def _group() -> None:
    """Notices that no system sent."""


def enter(
    ctx: typer.Context,
    file: Annotated[str, typer.Option(metavar="FILE", help="The notice as JSON, in the contract's form; - for stdin.")],
    at: Annotated[
        str,
        typer.Option(
            "--received-at", metavar="TIME", help="The office's stamp: RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty."
        ),
    ],
    how: Annotated[str, typer.Option(help="On which way it came: letter, e-mail, phone call.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Type in a notice. Its clock runs from the recorded receipt, unverified until somebody else checks it."""
    from kz_compliance_sdk.domain.notice import Notice

    session = Session.of(ctx)
    notice = read_document(Notice, file, "--file")
    when = received_at(at)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        screen.show_fields(
            f"{notice.notice_id}, revision {notice.revision}",
            [
                ("from", f"{notice.issuing_authority.name.best('ru')} ({notice.issuing_authority.id})"),
                ("number", notice.reference_number),
                ("kind", f"{notice.kind}, {notice.category}"),
                ("items", str(len(notice.items))),
                ("received", screen.both(when)),
                ("entered by", actor.id),
            ],
            stderr=True,
        )
        session.confirm("Start its clock?", yes=yes)
        case = desk.enter(actor, notice, when, how)
        text = f"{case.notice_id} is in the books as {case.id}, due {screen.both(case.due_at)}."
        tell_case(session, desk, case, f"{text} No measure is possible until somebody else authenticates it.")
