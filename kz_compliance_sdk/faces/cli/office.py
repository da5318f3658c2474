"""What else happens to a case: questions, corrections, contests, letters about it, and when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from kz_compliance_sdk.domain.contest import ContestResult
from kz_compliance_sdk.domain.notice import Effect
from kz_compliance_sdk.faces.cli import documents, views
from kz_compliance_sdk.faces.cli.command import (
    Answer,
    How,
    Option,
    Reasons,
    Token,
    Yes,
    at,
    cases,
    command,
    named,
    step,
    token_of,
)
from kz_compliance_sdk.faces.cli.documents import Document
from kz_compliance_sdk.faces.cli.handed_in import read_document
from kz_compliance_sdk.faces.cli.screen import both
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
    return on.desk.request_clarification(on.actor, on.case_id, lease, questions, text_checked=True)


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


@step("recall", _OFFICE, "{name} waits for no answer any more.")
def recall(on: Acting) -> Case:
    """Decide without waiting for the authority's answer any longer."""
    return on.desk.recall(on.actor, on.case_id)


@step("reopen", _OFFICE, "{name} is decided anew.")
def reopen(
    on: Acting,
    reasons: Reasons,
    items: Annotated[
        list[str] | None,
        Option(
            "--item", metavar="ID", help="An item whose order fell, to decide it anew all the same; may be repeated."
        ),
    ] = None,
) -> Case:
    """Supersede the decision of an ended case. Measures stay in force meanwhile."""
    return on.desk.reopen(on.actor, on.case_id, reasons, items=items or ())


@step("authenticate", _OFFICE, "{name} is {case.authenticity}.")
def authenticate(on: Acting, how: How) -> Case:
    """Record how the authenticity of a typed-in notice was checked. Never by its typist."""
    return on.desk.authenticate(on.actor, on.case_id, how)


@step("correct-receipt", _OFFICE, lambda after: f"{after.notice_id} was received {both(after.received_at)}.")
def correct_receipt(on: Acting, received_at: Annotated[int, at("--received-at")], reasons: Reasons) -> Case:
    """Correct the receipt of a typed-in notice, by a second person. The clock follows."""
    return on.desk.correct_receipt(on.actor, on.case_id, received_at, reasons)


@step("settle", _OFFICE, "{name} is settled.")
def settle(on: Acting, reasons: Reasons) -> Case:
    """Close a message in quarantine that was dealt with otherwise."""
    return on.desk.settle_quarantine(on.actor, on.case_id, reasons)


@step("interim", _OFFICE, "The settled items of {name} are being reported.")
def interim(on: Acting) -> Case:
    """Report the settled items of a case now, although others are still under way."""
    return on.desk.report_interim(on.actor, on.case_id)


@step("acknowledge", _OFFICE, "The escalations of {name} are acknowledged.")
def acknowledge(on: Acting) -> Case:
    """Record that you have seen the escalations of a case."""
    return on.desk.acknowledge(on.actor, on.case_id)


# --------------------------------------------------------------------------- contests and suspensions

Number = Annotated[int, Option("--contest", metavar="N", help="Its number in the case: see `cases show`.")]
Suspension = Annotated[int, Option("--suspension", metavar="N", help="Its number in the case.")]
_ENDED = at("--at", "When it ended:")


@step("contest", _CONTEST, lambda after: f"Contest {len(after.contests)} of {after.notice_id} is recorded.")
def contest(
    on: Acting,
    body: Annotated[str, named("--before", "The court or authority before which it is contested.")],
    reference: Annotated[str, named("--number", "The number under which it was filed.")],
    filed_at: Annotated[int, at("--filed-at", "When it was filed:")],
    remedy: Annotated[str, Option(help="What was asked for.")],
) -> Case:
    """Record that the order is contested. It pauses nothing."""
    from kz_compliance_sdk.domain.report import Contest

    # As it was given: the domain says of each field what is wrong with it.
    filed = Contest.model_construct(body=body, reference=reference, filed_at=filed_at)
    return on.desk.contests.record(on.actor, on.case_id, filed, remedy)


@step("contest-ended", _CONTEST, "Contest {number} of {name} was {result}.")
def contest_ended(
    on: Acting,
    number: Number,
    result: Annotated[ContestResult, Option(help="How it ended.")],
    result_at: Annotated[int, _ENDED],
    reasons: Reasons,
) -> Case:
    """Record how a contest ended. What follows from that a person decides."""
    return on.desk.contests.settle(on.actor, on.case_id, number, result, result_at, reasons)


def _suspended(after: Case) -> str:
    return f"Suspension {len(after.suspensions)} of {after.notice_id} waits for a second person."


@step("suspend", _CONTEST, _suspended)
def suspend(
    on: Acting,
    body: Annotated[str, named("--by", "The court or authority that ordered it.")],
    reference: Annotated[str, named("--number", "The number of the order.")],
    legal_basis: Annotated[str, named("--basis", "The provision that it rests on; that an appeal was filed is none.")],
    from_at: Annotated[int, at("--from", "From when:")],
    proof_sha256: Annotated[str, Option("--proof", metavar="SHA256", help="The SHA-256 of the order's document.")],
    until_at: Annotated[int | None, at("--until", "Until when, if the order says it.", form="")] = None,
) -> Case:
    """Record an order that suspends the case's order. It has effect once a second person confirms it."""
    from kz_compliance_sdk.domain.contest import SuspensionOrder

    order = SuspensionOrder(body, reference, from_at, legal_basis, proof_sha256.lower(), until_at)
    return on.desk.contests.suspend(on.actor, on.case_id, order)


@step("confirm-suspension", _CONTEST, "Suspension {number} of {name} has effect.")
def confirm_suspension(on: Acting, number: Suspension, how: How) -> Case:
    """Confirm a suspension that somebody else recorded: the term stands still. What is in force stays."""
    return on.desk.contests.confirm_suspension(on.actor, on.case_id, number, how)


@step("end-suspension", _CONTEST, "Suspension {number} of {name} is over.")
def end_suspension(on: Acting, number: Suspension, ended_at: Annotated[int, _ENDED], reasons: Reasons) -> Case:
    """Record that a suspension ended, or take back one that nobody confirmed. The term runs on with what was left."""
    return on.desk.contests.end_suspension(on.actor, on.case_id, number, ended_at, reasons)


# ------------------------------------------------------------------------------ letters about a case

Letter = Annotated[str, Option("--letter", metavar="ID", help="The letter: see `cases letters`.")]

_WAITS = "The letter about {name} waits for a second person."


@step("cancel-by-letter", _LETTERS, _WAITS)
def cancel_by_letter(
    on: Acting,
    reference: Annotated[str, named("--number", "The letter's own number.")],
    issued_at: Annotated[int, at("--issued-at", "Its date:")],
    received_at: Received,
    how: Came,
    effect: Annotated[
        Effect | None, Option(help="What it says of its effect; leave it out if it says nothing.")
    ] = None,
    item_ids: Annotated[
        list[str] | None, Option("--item", metavar="ID", help="An item that falls; may be repeated. Without it, all.")
    ] = None,
) -> Case:
    """Type in a letter that cancels the order or a part of it. Nothing changes until somebody else vouches for it."""
    return on.desk.by_letter.enter_cancellation(
        on.actor,
        on.case_id,
        effect=effect,
        item_ids=item_ids or None,
        reference=reference,
        issued_at=issued_at,
        received_at=received_at,
        how=how,
    )


@step("answer-by-letter", _LETTERS, _WAITS)
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

    from kz_compliance_sdk.domain.notice import Answer as Reply
    from kz_compliance_sdk.domain.notice import Item

    class Said(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        in_reply_to: str
        answers: tuple[Reply, ...]
        items: tuple[Item, ...] | None = None

    said = read_document(Said, file, "--file")
    return on.desk.by_letter.enter_answer(
        on.actor,
        on.case_id,
        in_reply_to=said.in_reply_to,
        answers=said.answers,
        items=said.items,
        received_at=received_at,
        how=how,
    )


@command(cases, "letters", _LETTERS)
def letters(session: Session, case: CaseArgument) -> Answer:
    """List the letters about a case that wait for a second person."""
    with session.desk() as desk:
        waiting = desk.by_letter.waiting(case_id_of(desk, case))
    names = "letter:message_id type entered_by received_at says"
    rows = [documents.fields(one, names, says=one.says.model_dump(mode="json", exclude_none=True)) for one in waiting]
    return Answer(Document(letters=rows), views.letters)


@step("vouch", _LETTERS, "The letter about {name} has taken effect.")
def vouch(on: Acting, letter: Letter, how: How) -> Case:
    """Record how a letter's authenticity was checked: it then does what it says. Never by its typist."""
    return on.desk.by_letter.vouch(on.actor, on.case_id, letter, how)


@step("dismiss", _LETTERS, "The letter about {name} is dismissed.")
def dismiss(on: Acting, letter: Letter, reasons: Reasons) -> Case:
    """Record that a letter is not what it seemed: it never takes effect."""
    return on.desk.by_letter.dismiss(on.actor, on.case_id, letter, reasons)


@step("undoable", _OFFICE, "Item {item_id} of {name} is gone, and is reported so.")
def undoable(
    on: Acting,
    item_id: Annotated[str, Option("--item", metavar="ID", help="The item whose measure cannot be lifted.")],
    reasons: Reasons,
) -> Case:
    """Record that a measure can never be lifted, after a try failed: its object is gone for good."""
    return on.desk.record_undoable(on.actor, on.case_id, item_id, reasons)


# ---------------------------------------------------------------------------- when something is wrong


@step("alarm", _PRESSURE, "A lead and a lawyer are called to {name}.")
def alarm(
    on: Acting,
    reason: Annotated[str, Option(help="What is wrong. Sealed in the ledger; the page does not say it.")],
) -> Case:
    """Call a lead and a lawyer to a case, in whatever state it is."""
    return on.desk.care.raise_alarm(on.actor, on.case_id, reason)


@step("instruction", _PRESSURE, "The instruction about {name} is recorded.")
def instruction(
    on: Acting,
    given_by: Annotated[str, named("--by", "Who gave it: a name, or the office and rank.")],
    channel: Annotated[str, Option(help="How it came: in person, by phone, in a chat.")],
    said: Annotated[str, Option(help="What was said, as close to the words as you can.")],
    given_at: Annotated[int, at("--at", "When:")],
    unit: Annotated[str, Option(help="The unit for which that person spoke.")] = "",
) -> Case:
    """Record what somebody told the office to do. A measure in this case then takes a second person."""
    from kz_compliance_sdk.domain.duress import Instruction

    told = Instruction(given_by=given_by, unit=unit, channel=channel, given_at=given_at, said=said)
    return on.desk.care.record_instruction(on.actor, on.case_id, told)


@step("hand-over", _PRESSURE, "{name} is handed over, and is not answered from here.")
def hand_over(on: Acting, reasons: Reasons) -> Case:
    """Take a demand for user data out of here, as a lawyer. The case ends, and nothing is reported."""
    return on.desk.care.hand_over(on.actor, on.case_id, reasons)


@step("rule-out-demand", _PRESSURE, "{name} is decided like any other notice, by two persons.")
def rule_out_demand(on: Acting, reasons: Reasons) -> Case:
    """Record, as a lawyer, that what looked like a demand for user data is none."""
    return on.desk.care.rule_out_demand(on.actor, on.case_id, reasons)
