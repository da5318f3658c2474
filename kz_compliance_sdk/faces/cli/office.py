"""What else happens to a case: questions, corrections, contests, letters about it, and when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from kz_compliance_sdk.faces.cli import documents, views
from kz_compliance_sdk.faces.cli.command import (
    Answer,
    Option,
    Token,
    Yes,
    at,
    cases,
    command,
    step,
    token_of,
)
from kz_compliance_sdk.faces.cli.documents import Document
from kz_compliance_sdk.faces.cli.handed_in import read_document
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Session, case_id_of, wrong

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.report import Question

_OFFICE, _CONTEST, _LETTERS, _PRESSURE = "Office", "Contest and suspension", "Letters about a case", "Under pressure"
Came = Annotated[str, Option("--how", help="On which way it came: letter, e-mail, phone call.")]
Received = Annotated[int, at("--received-at", "When the office received it:")]


@step("clarify", _OFFICE, "The authority is asked about {name}.")
def clarify(
    on: Acting,
    text: Annotated[str | None, Option(help="The question, if it is one.")] = None,
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
            "--text", "either one question, or a file, or the draft.", "Give --text TEXT, --file FILE or --draft."
        )
    questions = on.desk.care.draft(on.case_id) if draft else _questions(text, lang, item, file)
    if not questions:
        raise wrong("--draft", "the notice has no gap.", "Ask with --text or --file.")
    lease = token_of(on, token)
    views.questions(one.model_dump() for one in questions)
    on.session.confirm("Send this to the authority? It must name no user and no reporter.", yes=yes)
    return on.desk.take(on.actor, on.case_id, commands.RequestClarification(lease, questions, text_checked=True))


def _questions(text: str | None, lang: str, item: str | None, file: str | None) -> tuple[Question, ...]:
    from pydantic import BaseModel, ConfigDict, ValidationError

    from kz_compliance_sdk.domain.report import Question, Statement

    class Questions(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
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
    from pydantic import BaseModel, ConfigDict

    from kz_compliance_sdk.domain import commands
    from kz_compliance_sdk.domain.notice import Answer as Reply
    from kz_compliance_sdk.domain.notice import Item

    class Said(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
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
