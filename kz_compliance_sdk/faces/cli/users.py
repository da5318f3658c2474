"""Affected users: their appeals, putting off what they are told, and the end of personal data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from kz_compliance_sdk.domain.forms import APPEAL, FOUND
from kz_compliance_sdk.domain.transitions import AppealState
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.cli import screen, views
from kz_compliance_sdk.faces.cli.command import (
    Answer,
    Argument,
    Option,
    Yes,
    appeals,
    asked,
    command,
    retention,
    shows,
    step,
)
from kz_compliance_sdk.faces.cli.handed_in import HandedIn, read_document
from kz_compliance_sdk.faces.cli.session import Acting, Session, new_file
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.appeals import Appeal, Reversal
    from kz_compliance_sdk.domain.user_notices import UserNoticeState

AppealArgument = Annotated[str, Argument(metavar=APPEAL.holds, help=APPEAL.help)]
_DATA = "Personal data"


@shows("DelayUserNotices")
def put_off(_on: Acting, rows: Sequence[UserNoticeState]) -> Answer:
    told = f"{len(rows)} user notices wait until {screen.both(rows[0].due_at)}, and then leave by themselves."
    return Answer(Document(user_notices=[documents.user_notice(row) for row in rows]), told)


@step("export", _DATA)
def export(
    on: Acting,
    out: Annotated[Path, Option("--out", metavar="FILE", help="A file that does not exist yet.")],
    with_staff: Annotated[
        bool, Option("--with-staff", help="Name the people of the office, who stand as person-1 otherwise.")
    ] = False,
) -> Answer:
    """Write all personal data of a case to a file, for a person who asks what is known of them.

    That it was taken out is recorded. Read it before you hand it over: it may speak of others as well.
    """
    with new_file(out) as file:
        taken = on.desk.privacy.export(on.actor, on.case_id, with_staff=with_staff)
        file.write(taken)
    document = Document(case=on.case_id, file=str(out), bytes=len(taken))
    return Answer(document, f"{len(taken)} bytes in {out}. Read them before you hand them over.")


@command(retention, "run")
def run(
    session: Session,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would go. Nothing is written.")] = False,
) -> Answer:
    """Destroy the personal data of every case whose time has come. Meant for a daily timer.

    The settings under `retention` say when that is. It never touches a case that runs, or that a legal hold keeps.
    """
    with session.desk() as desk, screen.counting() as progress:
        found = desk.privacy.retention(dry_run=dry_run, progress=progress)
    names = "at dry_run cases went unmatched kept failed log_emptied"
    went, kept = dict(sorted(found.went.items())), dict(sorted(found.kept.items()))
    return Answer(documents.fields(found, names, went=went, kept=kept), views.retention)


# ------------------------------------------------------------------------------------------------ appeals


@command(appeals, "list")
def list_(
    session: Session,
    state: Annotated[AppealState, Option(help="Those in this state.")] = "open",
    cursor: Annotated[str | None, Option(help="Where the page before ended.")] = None,
    limit: Annotated[int, Option(help="How many, at most.")] = 50,
) -> Answer:
    """List appeals, those first that are due first."""
    with session.desk() as desk:
        page = desk.appeals.list(state, cursor, limit)
    rows = [documents.appeal_row(one) for one in page.appeals]
    return Answer(Document(appeals=rows, next_cursor=page.next_cursor, _state=state), views.appeals)


@command(appeals, "show")
def show(session: Session, appeal: AppealArgument) -> Answer:
    """Show an appeal and what the user wrote."""
    with session.desk() as desk:
        file = desk.appeals.show(appeal)
    return Answer(Document(appeal=Document(documents.appeal_row(file.appeal), text=file.text or None)), views.appeal)


@shows("ReceiveAppeal")
def received(_on: Acting, one: Appeal) -> Answer:
    return _told(one, f"The appeal {one.reference} is to be answered until {screen.both(one.due_at)}.")


@command(appeals, "decide")
def decide(
    session: Session,
    appeal: AppealArgument,
    outcome: Annotated[Literal["uphold", "reverse"], Argument(help="Leave the measure, or lift it.")],
    reasons: Annotated[str, asked(FOUND, "--reasons")],
    reversal: Annotated[
        str | None,
        Option(
            "--file",
            metavar="FILE",
            help='With reverse: {"finding", "refusal_code", "statement": [{"lang", "text"}]}, what the regulator is '
            "told; - for standard input.",
        ),
    ] = None,
    yes: Yes = False,
) -> Answer:
    """Decide an appeal. Never by whoever proposed or approved the decision; the user is told."""
    from kz_compliance_sdk.domain import commands

    with session.desk() as desk:
        actor, words = session.actor(desk.settings), None
        if reversal is not None:
            words = _reversal(reversal)
            rows = [(one.lang, one.text) for one in words.statement]
            screen.show_table(("in", "told to the regulator"), rows, stderr=True)
            session.confirm("Tell the regulator so? It must name no user and no reporter.", yes=yes)
        settled = commands.DecideAppeal(appeal, outcome, reasons, words)
        return _told(desk.take(actor, desk.appeals.case_of(appeal), settled))


def _reversal(file: str) -> Reversal:
    from kz_compliance_sdk.domain.appeals import Reversal
    from kz_compliance_sdk.domain.decision import Finding
    from kz_compliance_sdk.domain.report import RefusalCode, Statement

    class Words(HandedIn):
        finding: Finding
        refusal_code: RefusalCode
        statement: tuple[Statement, ...]

    words = read_document(Words, file, "--file")
    # The question that is asked before it is written is the check of the text.
    return Reversal(words.finding, words.refusal_code, words.statement, text_checked=True)


@command(appeals, "withdraw")
def withdraw(session: Session, appeal: AppealArgument) -> Answer:
    """Record that the user takes an appeal back. Never by whoever proposed or approved the decision."""
    from kz_compliance_sdk.domain import commands

    with session.desk() as desk:
        actor = session.actor(desk.settings)
        return _told(desk.take(actor, desk.appeals.case_of(appeal), commands.WithdrawAppeal(appeal)))


def _told(one: Appeal, text: str = "") -> Answer:
    return Answer(Document(appeal=documents.appeal_row(one)), text or f"The appeal {one.reference} is {one.state}.")
