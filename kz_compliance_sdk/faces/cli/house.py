"""The office beside its cases: its entry in the register, who is on duty, and what passes from shift to shift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from kz_compliance_sdk.errors import NotFound, StoreDamaged
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Option, command, office
from kz_compliance_sdk.faces.cli.handed_in import entry_skeleton, read_document
from kz_compliance_sdk.faces.cli.review import record_view
from kz_compliance_sdk.faces.cli.screen import echo, show_template
from kz_compliance_sdk.faces.cli.session import Session, new_file, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
    from kz_compliance_sdk.domain.case import Case

_REGISTER, _SHIFTS = "The register", "Shifts"
_DAY_S = 86_400
_NOTHING = "Nothing was given for the register yet."


@command(office, "register", _REGISTER)
def register(
    session: Session,
    file: Annotated[str | None, Option(metavar="FILE", help="What is given, as JSON; - for standard input.")] = None,
    template: Annotated[bool, Option("--template", help="Print an entry to fill in, and write nothing.")] = False,
) -> Answer | None:
    """Give what the register is to hold of the platform, or what has changed of it. A person hands it in, by letter."""
    if template == (file is not None):
        raise wrong("--file", "either an entry or a template.", "Give --file FILE, or --template to get one.")
    if template or file is None:
        show_template(entry_skeleton(), "Fill in every empty field:", [])
        return None
    from kz_compliance_sdk.domain import commands
    from kz_compliance_sdk.domain.house import Entry

    entry = read_document(Entry, file, "--file", "kz-compliance office register --template prints one to fill in.")
    with session.desk() as desk:
        desk.house.take(session.actor(desk.settings), commands.GiveRegistration(entry))
        return _registration(desk)


@command(office, "registration", _REGISTER)
def registration(session: Session) -> Answer:
    """Show the platform's entry in the register: what was given, when it was handed in, and where it stands."""
    with session.desk() as desk:
        return _registration(desk)


@command(office, "letter", _REGISTER)
def letter(
    session: Session,
    lang: Annotated[str, Option(help="kk or ru.")] = "ru",
    out: Annotated[Path | None, Option(metavar="FILE", help="Write it there; never over another file.")] = None,
) -> Answer:
    """Print the letter by which a person hands the entry in. Its deputies stay in the house."""
    from kz_compliance_sdk import assembly

    with session.desk() as desk:
        found = desk.house.registration()
        if found is None:
            raise NotFound(f"{_NOTHING} kz-compliance office register --template")
        text = assembly.entry_letter(desk.settings, found.entry, lang)
    document = Document(lang=lang, text=text, file=None if out is None else str(out))
    if out is None:
        return Answer(document, lambda shown: echo(shown["text"]))
    with new_file(out) as to:
        to.write(text.encode())
    return Answer(document, f"The letter is in {out}.")


def _registration(desk: ComplianceDesk) -> Answer:
    found = desk.house.registration()
    if found is None:
        return Answer(Document(entry=None), f"{_NOTHING} Begin with: kz-compliance office register --template")
    return Answer(documents.registration(found), views.registration)


@command(office, "duty", _SHIFTS)
def duty(session: Session, days: Annotated[int, Option(min=1, max=366, help="How far to look ahead.")] = 7) -> Answer:
    """Show who is on duty now and next, in the time zone of each, and whom each step of the ladder pages."""
    with session.desk() as desk:
        now = desk.store.now()
        told = desk.house.duty(now, now + days * _DAY_S)
        roles = {one.id: one.roles for one in desk.settings.actors.values()}
        return Answer(documents.duty(told, desk.policy, roles, now), views.duty)


@command(office, "hand-over", _SHIFTS)
def hand_over(
    session: Session,
    hours: Annotated[int, Option(min=1, max=720, help="How long the next shift is.")] = 12,
) -> Answer:
    """List what the next shift must know: what is due in it, what somebody holds, what waits, and the notes."""
    with session.desk() as desk:
        now = desk.store.now()
        due, held = _every(desk, due_by=now + hours * 3600), _every(desk, state="claimed")
        second, authority = _every(desk, waits_for="second_person"), _every(desk, waits_for="authority")
        waits = {**dict.fromkeys(authority, "authority"), **dict.fromkeys(second, "second_person")}
        first = sorted((due | held | second | authority).values(), key=lambda one: (one.urgent_at, one.id))
        found = [(one, _file(desk, one.id), waits.get(one.id)) for one in first]
        notes = [one for one in desk.house.duty(now - 2 * _DAY_S, now).notes if one.at > now - 2 * _DAY_S]
        document = documents.handed_on(found, notes, now)
        for row in document["cases"]:
            if row["notes"]:
                record_view(session, desk, row["case"])
    return Answer(document, views.handed_on)


def _file(desk: ComplianceDesk, case_id: str) -> CaseFile | None:
    """None of a case whose chain is broken: the list says so, and the others of the shift are shown."""
    try:
        return desk.case_file(case_id)
    except StoreDamaged:
        return None


def _every(desk: ComplianceDesk, **which: Any) -> dict[str, Case]:
    """All cases of which this is so, and not a page alone."""
    found: dict[str, Case] = {}
    cursor = None
    while True:
        page = desk.cases(**which, cursor=cursor, limit=500)
        found |= {case.id: case for case in page.cases}
        if (cursor := page.next_cursor) is None:
            return found
