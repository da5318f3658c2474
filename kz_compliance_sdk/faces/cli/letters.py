"""Answers that people carry: the letter, the record of its delivery, and a parked message tried again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotFound
from kz_compliance_sdk.faces.cli import documents, screen
from kz_compliance_sdk.faces.cli.handed_in import by_option, received_at
from kz_compliance_sdk.faces.cli.review import tell_case
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, Yes, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.outbox import OutboxMessage

__all__ = ["register"]

Message = Annotated[
    str | None, typer.Option(metavar="ID", help="The message, where the case has more than one that fits.")
]

_OPTIONS = {
    "delivered_at": "--at",
    "time": "--at",
    "outgoing_number": "--number",
    "channel": "--channel",
    "proof": "--proof",
}
_PANEL = "Answer by letter"


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    for name, command in (("by-hand", by_hand), ("letter", letter), ("delivered", delivered), ("retry", retry)):
        app.command(name, rich_help_panel=_PANEL)(command)


def _message(
    desk: ComplianceDesk, case_id: str, given: str | None, states: tuple[str, ...], endpoint: str
) -> OutboxMessage:
    """The message that a person means. Raises NotFound and InvalidInput."""
    held = desk.case_file(case_id).messages
    if given is not None:
        named = [message for message in held if message.id == given]
        if not named:
            raise NotFound("this case has no such message: `kz-compliance cases show` lists them.", reference=given)
        return named[0]
    found = [m for m in held if m.state in states and endpoint in ("", m.endpoint)]
    if not found:
        raise NotFound(f"no message of this case is {' or '.join(states)}.", reference=case_id)
    if len(found) > 1:
        listed = ", ".join(f"{message.id} ({message.kind})" for message in found)
        raise InvalidInput(f"{len(found)} messages fit.", field="--message", remedy=f"Name one of: {listed}.")
    return found[0]


def _letter(desk: ComplianceDesk, case_id: str, given: str | None) -> OutboxMessage:
    """The letter that waits, else one that was delivered. Raises NotFound, InvalidInput and IllegalMove."""
    held = [message for message in desk.case_file(case_id).messages if message.endpoint == "by_hand"]
    case = desk.case(case_id)
    if given is None and not held and case.decided_at is None and case.closed_at is None:
        raise IllegalMove(
            f"there is no letter before the case is decided. Decide first: kz-compliance cases decide {case_id}",
            reference=case_id,
        )
    waits = any(message.state == "waiting" for message in held)
    return _message(desk, case_id, given, ("waiting",) if waits else ("waiting", "done"), "by_hand")


def by_hand(ctx: typer.Context, case: CaseArgument, yes: Yes = False, as_json: Json = False) -> None:
    """Answer a case by letter from now on: the way out when the regulator's system is down and the clock is not.

    There is no way back to the interface.
    """
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        session.confirm("Answer it by letter for good? There is no way back to the regulator's interface.", yes=yes)
        after = desk.answer_by_hand(actor, case_id)
        tell_case(session, desk, after, f"{after.notice_id} is answered by letter.")


def letter(
    ctx: typer.Context,
    case: CaseArgument,
    lang: Annotated[str, typer.Option(help="kk or ru.")] = "ru",
    message: Message = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; never over another file.")] = None,
    as_json: Json = False,
) -> None:
    """Print the answer letter of a case that is answered by hand, also after it was delivered."""
    session = Session.of(ctx)
    with session.desk() as desk:
        case_id = case_id_of(desk, case)
        found = _letter(desk, case_id, message)
        text = desk.letter(found.id, lang, case_id=case_id)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise InvalidInput(
                f"{out} cannot be written: {error.strerror}.",
                field="--out",
                remedy="Name a new file in a folder of yours.",
            ) from None
    document = {"message": found.id, "lang": lang, "text": text, "file": None if out is None else str(out)}
    session.answer(document, lambda: typer.echo(text) if out is None else screen.say(f"The letter is in {out}."))


def delivered(
    ctx: typer.Context,
    case: CaseArgument,
    channel: Annotated[str, typer.Option(help="How it went: courier, post, the authority's chancellery.")],
    number: Annotated[str, typer.Option(help="Its outgoing number.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When: RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty.")],
    proof: Annotated[str, typer.Option(help="What proves it: the number on the stamp, a tracking code.")],
    message: Message = None,
    as_json: Json = False,
) -> None:
    """Record that the answer letter was delivered: that is its receipt."""
    from kz_compliance_sdk.services.letters import Proof

    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        found = _message(desk, case_id_of(desk, case), message, ("waiting",), "by_hand")
        with by_option(**_OPTIONS):
            after = desk.record_delivery(actor, found.id, Proof(channel, number, received_at(at), proof))
        tell_case(session, desk, after, f"The letter {number} for {after.notice_id} counts as received.")


def retry(ctx: typer.Context, case: CaseArgument, message: Message = None, as_json: Json = False) -> None:
    """Try a parked message of a case again, now."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        found = _message(desk, case_id_of(desk, case), message, ("parked",), "")
        again = desk.retry(actor, found.id)
    session.answer(
        {"message": documents.message_document(again, ())},
        lambda: screen.say(f"The {again.kind} {again.id} is {again.state} and tried again now."),
    )
