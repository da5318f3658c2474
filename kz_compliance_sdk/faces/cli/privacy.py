"""Personal data: its end, what keeps it longer, and who takes it out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.handed_in import by_option, received_at
from kz_compliance_sdk.faces.cli.review import Reasons, step
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, Yes, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.audit import Actor
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.services.privacy import RetentionRun

__all__ = ["register", "register_cases"]

_PANEL = "Personal data"
_KEPT = {
    "not_yet": "kept: their time has not come",
    "legal_hold": "kept: a legal hold",
    "contest": "kept: a contest of the order is open",
    "sanction": "kept: a sanction names the notice",
    "under_way": "kept: a message, an appeal or a notice to a user is under way",
    "running": "kept: they run again",
}


def register(app: typer.Typer) -> None:
    """Add `retention` to the root."""
    retention = typer.Typer(help="How long personal data is kept.", no_args_is_help=True)
    retention.callback()(_group)
    retention.command("run")(run)
    app.add_typer(retention, name="retention")


def _group() -> None:
    """How long personal data is kept."""


def register_cases(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    for name, command in (
        ("hold", hold),
        ("end-hold", end_hold),
        ("export", export),
        ("ask-erasure", ask_erasure),
        ("erase", erase),
    ):
        app.command(name, rich_help_panel=_PANEL)(command)


def run(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go. Nothing is written.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy the personal data of every case whose time has come. Meant for a daily timer.

    The settings under `retention` say when that is. It never touches a case that runs, or that a legal hold keeps.
    """
    session = Session.of(ctx)
    with session.desk() as desk:
        found = _watched(lambda progress: desk.privacy.retention(dry_run=dry_run, progress=progress))
    session.answer(_document(found), lambda: _tell(found))


def _document(found: RetentionRun) -> dict[str, Any]:
    return {
        "at": screen.at(found.at),
        "dry_run": found.dry_run,
        "cases": list(found.cases),
        "went": dict(sorted(found.went.items())),
        "unmatched": found.unmatched,
        "kept": dict(sorted(found.kept.items())),
        "failed": list(found.failed),
        "log_emptied": found.log_emptied,
    }


def _tell(found: RetentionRun) -> None:
    verb = "would go" if found.dry_run else "gone"
    screen.say(f"The personal data of {len(found.cases)} cases, and {found.unmatched} messages of no case: {verb}.")
    for name, count in sorted(found.went.items()):
        screen.say(f"  {count} {name}")
    for why, count in sorted(found.kept.items()):
        screen.say(f"  {count} {_KEPT[why]}")
    for case_id in found.failed:
        screen.say(f"  {case_id} could not be read: kz-compliance audit verify {case_id}")
    if not found.log_emptied:
        screen.say("  The log beside the file still holds old pages: somebody is reading. The next run empties it.")


def _watched(work: Callable[[Callable[[int], None]], Any]) -> Any:
    out = screen.console(stderr=True)
    if not out.is_terminal:
        return work(lambda _count: None)
    with out.status("looking ...") as shown:
        return work(lambda count: shown.update(f"{count} cases ..."))


def hold(
    ctx: typer.Context,
    case: CaseArgument,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="RFC 3339, or 'YYYY-MM-DD HH:MM' in Almaty.")],
    reasons: Reasons,
    as_json: Json = False,
) -> None:
    """Keep a case whatever the retention says: a contest, an appeal, a court."""

    def keep(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(until="--until", time="--until"):
            return desk.privacy.hold(actor, case_id, reasons, received_at(until))

    step(ctx, case, keep, lambda after: f"{after.notice_id} is kept until {screen.both(after.held_until)}.")


def end_hold(ctx: typer.Context, case: CaseArgument, reasons: Reasons, as_json: Json = False) -> None:
    """End a legal hold before its time."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.privacy.end_hold(actor, case_id, reasons),
        lambda after: f"No legal hold keeps {after.notice_id} any more.",
    )


def ask_erasure(
    ctx: typer.Context,
    case: CaseArgument,
    ground: Annotated[str, typer.Option(help="subject_request, court or unlawful.")],
    as_json: Json = False,
) -> None:
    """Ask to destroy the personal data of an ended case before its time. Somebody else must agree."""

    def ask(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        with by_option(ground="--ground"):
            return desk.privacy.ask_erasure(actor, case_id, ground)

    step(ctx, case, ask, lambda after: f"Somebody else must agree: kz-compliance cases erase {after.id}")


def erase(ctx: typer.Context, case: CaseArgument, yes: Yes = False, as_json: Json = False) -> None:
    """Agree to an erasure that somebody else asked for. It cannot be undone."""
    session = Session.of(ctx)

    def agree(desk: ComplianceDesk, actor: Actor, case_id: str) -> Case:
        session.confirm("Destroy the personal data of this case? Nothing brings it back.", yes=yes)
        return desk.privacy.erase(actor, case_id)

    step(ctx, case, agree, lambda after: f"The personal data of {after.notice_id or after.id} is destroyed.")


def export(
    ctx: typer.Context,
    case: CaseArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A file that does not exist yet.")],
    with_staff: Annotated[
        bool, typer.Option("--with-staff", help="Name the people of the office, who stand as person-1 otherwise.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write all personal data of a case to a file, for a person who asks what is known of them.

    That it was taken out is recorded. Read it before you hand it over: it may speak of others as well.
    """
    session = Session.of(ctx)
    if out.exists():
        raise InvalidInput("there is such a file already.", field="--out", remedy="Name another one.")
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        document = desk.privacy.export(actor, case_id, with_staff=with_staff)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(document)
    session.answer(
        {"case": case_id, "file": str(out), "bytes": len(document)},
        lambda: screen.say(f"{len(document)} bytes in {out}. Read them before you hand them over."),
    )
