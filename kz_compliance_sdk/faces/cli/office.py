"""Questions to the authority, letters about a case, answers that people carry, and notices that no system sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from kz_compliance_sdk.errors import IllegalMove, NotFound
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import (
    Answer,
    Came,
    Option,
    Received,
    Said,
    Token,
    Yes,
    at,
    cases,
    command,
    notices,
    step,
    token_of,
)
from kz_compliance_sdk.faces.cli.handed_in import HandedIn, notice_choices, notice_skeleton, read_document
from kz_compliance_sdk.faces.cli.screen import both, echo, show_template
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Session, case_id_of, new_file, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.change import OutboxMessage
    from kz_compliance_sdk.domain.report import Question

_OFFICE, _LETTERS, _BY_HAND = "Office", "Letters about a case", "Answer by letter"


@step("clarify", _OFFICE, "The authority is asked about {name}.")
def clarify(
    on: Acting,
    text: Annotated[str | None, Said("--text", "The question, if it is one.", is_needed=False)] = None,
    lang: Annotated[str, Option(help="The language of the question: kk, ru or en.")] = "ru",
    item: Annotated[str | None, Option(metavar="ID", help="The item it is about; without it, the notice.")] = None,
    file: Annotated[
        str | None, Option(metavar="FILE", help='Several questions: {"questions": [...]}; - for standard input.')
    ] = None,
    draft: Annotated[bool, Option("--draft", help="Take the drafted question about each gap of the notice.")] = False,
    token: Token = None,
    yes: Yes = False,
) -> Case:
    """Ask the authority what is missing or contradictory. The clock runs on."""
    from kz_compliance_sdk.domain import commands

    if [draft, text is not None, file is not None].count(True) != 1:
        raise wrong(
            "--text", "either one question, or a file, or the draft.", "Give --text FILE, --file FILE or --draft."
        )
    questions = on.desk.care.draft(on.case_id) if draft else _questions(text, lang, item, file)
    if not questions:
        raise wrong("--draft", "the notice has no gap.", "Ask with --text or --file.")
    lease = token_of(on, token)
    views.questions(one.model_dump() for one in questions)
    on.session.confirm("Send this to the authority? It must name no user and no reporter.", yes=yes)
    return on.desk.take(on.actor, on.case_id, commands.RequestClarification(lease, questions, text_checked=True))


def _questions(text: str | None, lang: str, item: str | None, file: str | None) -> tuple[Question, ...]:
    from pydantic import ValidationError

    from kz_compliance_sdk.domain.report import Question, Statement

    class Questions(HandedIn):
        questions: tuple[Question, ...]

    if file is not None:
        return read_document(Questions, file, "--file").questions
    try:
        return (Question(item_id=item, text=(Statement(lang=lang, text=text or ""),)),)
    except ValidationError as error:
        place: Any = error.errors(include_url=False, include_input=False)[0]["loc"]
        option = {"item_id": "--item", "lang": "--lang"}.get(str(place[-1]), "--text")
        raise wrong(option, "this value is not allowed here.", "Correct it.") from None


# ------------------------------------------------------------------------------ letters about a case


@step("answer-by-letter", _LETTERS, "The letter about {name} waits for a second person.")
def answer_by_letter(
    on: Acting,
    file: Annotated[
        str, Option(metavar="FILE", help='What it says: {"in_reply_to", "answers", "items"}; - for standard input.')
    ],
    received_at: Received,
    how: Came,
) -> Case:
    """Type in a letter that answers a question of ours. It changes nothing until somebody else vouches for it."""
    from kz_compliance_sdk.domain import commands
    from kz_compliance_sdk.domain.notice import Answer as Reply
    from kz_compliance_sdk.domain.notice import Item

    class Said(HandedIn):
        in_reply_to: str
        answers: tuple[Reply, ...]
        items: tuple[Item, ...] | None = None

    said = read_document(Said, file, "--file")
    letter = commands.EnterAnswer(said.in_reply_to, said.answers, received_at, how, said.items)
    return on.desk.take(on.actor, on.case_id, letter)


@command(cases, "letters", _LETTERS)
def letters(session: Session, case: CaseArgument) -> Answer:
    """List the letters about a case that wait for a second person."""
    with session.desk() as desk:
        waiting = desk.letters_waiting(case_id_of(desk, case))
    names = "letter:message_id type entered_by received_at says"
    rows = [documents.fields(one, names, says=one.says.model_dump(mode="json", exclude_none=True)) for one in waiting]
    return Answer(Document(letters=rows), views.letters)


# ----------------------------------------------------------------------------------- answers by letter


Message = Annotated[str | None, Option(metavar="ID", help="The message, where the case has more than one that fits.")]


def _message(
    desk: ComplianceDesk, case_id: str, given: str | None, states: tuple[str, ...], endpoint: str
) -> OutboxMessage:
    """The message that a person means. Raises NotFound and InvalidInput."""
    held = desk.case_file(case_id).messages
    if given is not None:
        named = next((message for message in held if message.id == given), None)
        if named is None:
            raise NotFound("this case has no such message: `kz-compliance cases show` lists them.", reference=given)
        return named
    found = [message for message in held if message.state in states and endpoint in ("", message.endpoint)]
    if not found:
        raise NotFound(f"no message of this case is {' or '.join(states)}.", reference=case_id)
    if len(found) > 1:
        listed = ", ".join(f"{message.id} ({message.kind})" for message in found)
        raise wrong("--message", f"{len(found)} messages fit.", f"Name one of: {listed}.")
    return found[0]


def _letter(desk: ComplianceDesk, case_id: str, given: str | None) -> OutboxMessage:
    """The letter that waits, else one that was delivered. Raises NotFound, InvalidInput and IllegalMove."""
    file = desk.case_file(case_id)
    held = [message for message in file.messages if message.endpoint == "by_hand"]
    if given is None and not held and file.case.decided_at is None and file.case.closed_at is None:
        raise IllegalMove(
            f"there is no letter before the case is decided. Decide first: kz-compliance cases decide {case_id}",
            reference=case_id,
        )
    waits = any(message.state == "waiting" for message in held)
    return _message(desk, case_id, given, ("waiting",) if waits else ("waiting", "done"), "by_hand")


@command(cases, "letter", _BY_HAND)
def letter(
    session: Session,
    case: CaseArgument,
    lang: Annotated[str, Option(help="kk or ru.")] = "ru",
    message: Message = None,
    out: Annotated[Path | None, Option(metavar="FILE", help="Write it there; never over another file.")] = None,
) -> Answer:
    """Print the answer letter of a case that is answered by hand, also after it was delivered."""
    with session.desk() as desk:
        case_id = case_id_of(desk, case)
        found = _letter(desk, case_id, message)
        text = desk.letter(found.id, lang, case_id=case_id)
    document = Document(message=found.id, lang=lang, text=text, file=None if out is None else str(out))
    if out is None:
        return Answer(document, lambda shown: echo(shown["text"]))
    with new_file(out) as to:
        to.write(text.encode())
    return Answer(document, f"The letter is in {out}.")


@step("delivered", _BY_HAND, "The letter {outgoing_number} for {name} counts as received.")
def delivered(
    on: Acting,
    channel: Annotated[str, Said("--channel", "How it went: courier, post, the authority's chancellery.")],
    outgoing_number: Annotated[str, Said("--number", "Its outgoing number.")],
    delivered_at: Annotated[int, at("--at", "When:")],
    proof: Annotated[str, Said("--proof", "What proves it: the number on the stamp, a tracking code.")],
    message: Message = None,
) -> Case:
    """Record that the answer letter was delivered: that is its receipt."""
    from kz_compliance_sdk.services.letters import Proof

    found = _message(on.desk, on.case_id, message, ("waiting",), "by_hand")
    return on.desk.record_delivery(on.actor, found.id, Proof(channel, outgoing_number, delivered_at, proof))


@step("retry", _BY_HAND)
def retry(on: Acting, message: Message = None) -> Answer:
    """Try a parked message of a case again, now."""
    again = on.desk.retry(on.actor, _message(on.desk, on.case_id, message, ("parked",), "").id)
    told = f"The {again.kind} {again.id} is {again.state} and tried again now."
    return Answer(Document(message=documents.message(again, ())), told)


# ---------------------------------------------------------------------------- notices that no system sent


@command(notices, "enter")
def enter(
    session: Session,
    file: Annotated[str, Option(metavar="FILE", help="The notice as JSON, in the contract's form; - for stdin.")],
    received_at: Received,
    how: Came,
    yes: Yes = False,
) -> Answer:
    """Type in a notice. Its clock runs from the recorded receipt, unverified until somebody else checks it."""
    from kz_compliance_sdk.domain.notice import Notice

    notice = read_document(Notice, file, "--file", "kz-compliance notices template prints one to fill in.")
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        asked = notice.model_dump(mode="json", exclude_none=True)
        more = {
            "kind": notice.kind,
            "category": notice.category,
            "items": str(len(notice.items)),
            "received": both(received_at),
            "entered by": actor.id,
        }
        title = f"{notice.notice_id}, revision {notice.revision}"
        views.record(title, views.notice(asked), more, stderr=True)
        session.confirm("Start its clock?", yes=yes)
        before = desk.cases(notice_id=notice.notice_id, authority_id=notice.issuing_authority.id).cases
        case = desk.enter(actor, notice, received_at, how)
        recorded = not before or before[0] != case
        document = Document(case=documents.listed(case, desk.store.now()), recorded=recorded)
    if recorded:
        told = f"{case.notice_id} is in the books as {case.id}, due {both(case.due_at)}."
        return Answer(
            document, f"{told} No measure is possible until somebody else authenticates it. State: {case.state}."
        )
    told = f"{case.notice_id} is there already as {case.id}, received {both(case.received_at)}."
    if received_at != case.received_at:
        told += (
            f" The time that you gave, {both(received_at)}, was not recorded. If it is the right one, a second person "
            f"records it: kz-compliance cases correct-receipt {case.id}"
        )
    return Answer(document, told)


@command(notices, "template")
def template(session: Session) -> None:
    """Print a notice to fill in for `notices enter`."""
    settings = session.settings()
    choices = [] if session.json else notice_choices(sorted(settings.policy().categories))
    title = "Fill in every empty field; docs/contract has the others:"
    show_template(notice_skeleton(settings.platform_id), title, choices)
