"""Typing in what came as a letter, an e-mail or a phone call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.cases import view_of
from kz_compliance_sdk.faces.cli.documents import case_row
from kz_compliance_sdk.faces.cli.handed_in import by_option, notice_choices, notice_skeleton, read_document, received_at
from kz_compliance_sdk.faces.cli.session import Json, Session, Yes

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.notice import Notice

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `notices` to the root."""
    notices = typer.Typer(help="Notices that no system sent.", no_args_is_help=True)
    notices.callback()(_group)
    notices.command("enter")(enter)
    notices.command("template")(template)
    app.add_typer(notices, name="notices")


def _group() -> None:
    """Notices that no system sent."""


def template(ctx: typer.Context, as_json: Json = False) -> None:
    """Print a notice to fill in for `notices enter`."""
    session = Session.of(ctx)
    settings = session.settings()
    screen.write_document(notice_skeleton(settings.platform_id))
    if not session.json:
        choices = notice_choices(sorted(settings.policy().categories))
        screen.show_fields("Fill in every empty field; docs/contract has the others:", choices, stderr=True)


def _held(desk: ComplianceDesk, notice: Notice) -> Case | None:
    mine = desk.cases(notice_id=notice.notice_id, authority_id=notice.issuing_authority.id).cases
    return mine[0] if mine else None


def _already(case: Case, when: int) -> str:
    text = f"{case.notice_id} is there already as {case.id}, received {screen.both(case.received_at)}."
    if when != case.received_at:
        text += (
            f" The time that you gave, {screen.both(when)}, was not recorded. If it is the right one, a second person "
            f"records it: kz-compliance cases correct-receipt {case.id}"
        )
    return text


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
    notice = read_document(Notice, file, "--file", "kz-compliance notices template prints one to fill in.")
    with by_option(time="--received-at"):
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
        before = _held(desk, notice)
        with by_option(received_at="--received-at", how="--how"):
            case = desk.enter(actor, notice, when, how)
        if before is not None and before.version == case.version:
            view = view_of(case, desk.store.now())
            session.answer({"case": case_row(case, view), "recorded": False}, lambda: screen.say(_already(case, when)))
            return
        text = f"{case.notice_id} is in the books as {case.id}, due {screen.both(case.due_at)}."
        view = view_of(case, desk.store.now())
        text += " No measure is possible until somebody else authenticates it."
        session.answer(
            {"case": case_row(case, view), "recorded": True}, lambda: screen.say(f"{text} State: {case.state}.")
        )
