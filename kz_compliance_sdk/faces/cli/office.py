"""What else happens to a case: questions, corrections, contests, letters about it, and when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from kz_compliance_sdk.domain.contest import ContestResult
from kz_compliance_sdk.domain.notice import Effect
from kz_compliance_sdk.faces.cli import documents, views
from kz_compliance_sdk.faces.cli.command import (
    TIME_FORM,
    Answer,
    How,
    Option,
    Reasons,
    Token,
    Yes,
    cases,
    command,
    step,
    stepped,
    token_of,
)
from kz_compliance_sdk.faces.cli.documents import Document
from kz_compliance_sdk.faces.cli.handed_in import read_document, received_at
from kz_compliance_sdk.faces.cli.screen import both
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Session, case_id_of, wrong

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.report import Question

_OFFICE, _CONTEST, _LETTERS, _PRESSURE = "Office", "Contest and suspension", "Letters about a case", "Under pressure"
Came = Annotated[str, Option("--how", help="On which way it came: letter, e-mail, phone call.")]
Received = Annotated[str, Option("--received-at", metavar="TIME", help=f"When the office received it: {TIME_FORM}")]


@command(cases, "clarify", _OFFICE)
def clarify(
    session: Session,
    case: CaseArgument,
    text: Annotated[str | None, Option(help="The question, if it is one.")] = None,
    lang: Annotated[str, Option(help="The language of the question: kk, ru or en.")] = "ru",
    item: Annotated[str | None, Option(metavar="ID", help="The item it is about; without it, the notice.")] = None,
    file: Annotated[
        str | None, Option(metavar="FILE", help='Several questions: {"questions": [...]}; - for standard input.')
    ] = None,
    draft: Annotated[bool, Option("--draft", help="Take the drafted question about each gap of the notice.")] = False,
    token: Token = None,
    yes: Yes = False,
) -> Answer:
    """Ask the authority what is missing or contradictory. The clock runs on."""
    if [draft, text is not None, file is not None].count(True) != 1:
        raise wrong(
            "--text", "either one question, or a file, or the draft.", "Give --text TEXT, --file FILE or --draft."
        )
    given = None if draft else _questions(text, lang, item, file)
    with session.acting(case) as on:
        questions = on.desk.care.draft(on.case_id) if given is None else given
        if not questions:
            raise wrong("--draft", "the notice has no gap.", "Ask with --text or --file.")
        lease = token_of(on, token)
        views.questions(one.model_dump() for one in questions)
        session.confirm("Send this to the authority? It must name no user and no reporter.", yes=yes)
        after = on.desk.request_clarification(on.actor, on.case_id, lease, questions, text_checked=True)
        return stepped(after, on.desk, f"The authority is asked about {after.notice_id}.")


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
    item: Annotated[
        list[str] | None,
        Option(metavar="ID", help="An item whose order fell, to decide it anew all the same; may be repeated."),
    ] = None,
) -> Case:
    """Supersede the decision of an ended case. Measures stay in force meanwhile."""
    return on.desk.reopen(on.actor, on.case_id, reasons, items=item or ())


@step("authenticate", _OFFICE, "{name} is {case.authenticity}.")
def authenticate(on: Acting, how: How) -> Case:
    """Record how the authenticity of a typed-in notice was checked. Never by its typist."""
    return on.desk.authenticate(on.actor, on.case_id, how)


def _received(after: Case) -> str:
    return f"{after.notice_id} was received {both(after.received_at)}."


@step("correct-receipt", _OFFICE, _received, received_at="--received-at")
def correct_receipt(
    on: Acting, at: Annotated[str, Option("--received-at", metavar="TIME", help=TIME_FORM)], reasons: Reasons
) -> Case:
    """Correct the receipt of a typed-in notice, by a second person. The clock follows."""
    return on.desk.correct_receipt(on.actor, on.case_id, received_at(at, "--received-at"), reasons)


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
Ended = Annotated[str, Option("--at", metavar="TIME", help=f"When it ended: {TIME_FORM}")]

_CONTESTED = {
    "contest.body": "--before",
    "contest.reference": "--number",
    "contest.filed_at": "--filed-at",
    "remedy": "--remedy",
    "number": "--contest",
    "result_at": "--at",
    "reasons": "--reasons",
}
_SUSPENDED = {
    "body": "--by",
    "reference": "--number",
    "legal_basis": "--basis",
    "from_at": "--from",
    "until_at": "--until",
    "proof_sha256": "--proof",
    "number": "--suspension",
    "how": "--how",
    "ended_at": "--at",
    "reasons": "--reasons",
}


@step(
    "contest", _CONTEST, lambda after: f"Contest {len(after.contests)} of {after.notice_id} is recorded.", **_CONTESTED
)
def contest(
    on: Acting,
    before: Annotated[str, Option(help="The court or authority before which it is contested.")],
    number: Annotated[str, Option(help="The number under which it was filed.")],
    filed_at: Annotated[str, Option("--filed-at", metavar="TIME", help=f"When it was filed: {TIME_FORM}")],
    remedy: Annotated[str, Option(help="What was asked for.")],
) -> Case:
    """Record that the order is contested. It pauses nothing."""
    from kz_compliance_sdk.domain.report import Contest

    # As it was given: the domain says of each field what is wrong with it.
    filed = Contest.model_construct(body=before, reference=number, filed_at=received_at(filed_at, "--filed-at"))
    return on.desk.contests.record(on.actor, on.case_id, filed, remedy)


@step("contest-ended", _CONTEST, "Contest {number} of {name} was {result}.", **_CONTESTED)
def contest_ended(
    on: Acting,
    number: Number,
    result: Annotated[ContestResult, Option(help="How it ended.")],
    at: Ended,
    reasons: Reasons,
) -> Case:
    """Record how a contest ended. What follows from that a person decides."""
    return on.desk.contests.settle(on.actor, on.case_id, number, result, received_at(at, "--at"), reasons)


def _suspended(after: Case) -> str:
    return f"Suspension {len(after.suspensions)} of {after.notice_id} waits for a second person."


@step("suspend", _CONTEST, _suspended, **_SUSPENDED)
def suspend(
    on: Acting,
    by: Annotated[str, Option(help="The court or authority that ordered it.")],
    number: Annotated[str, Option(help="The number of the order.")],
    basis: Annotated[str, Option(help="The provision that it rests on; that an appeal was filed is none.")],
    begins: Annotated[str, Option("--from", metavar="TIME", help=f"From when: {TIME_FORM}")],
    proof: Annotated[str, Option(metavar="SHA256", help="The SHA-256 of the order's document.")],
    until: Annotated[str | None, Option(metavar="TIME", help="Until when, if the order says it.")] = None,
) -> Case:
    """Record an order that suspends the case's order. It has effect once a second person confirms it."""
    from kz_compliance_sdk.domain.contest import SuspensionOrder

    from_at = received_at(begins, "--from")
    until_at = None if until is None else received_at(until, "--until")
    order = SuspensionOrder(by, number, from_at, basis, proof.lower(), until_at)
    return on.desk.contests.suspend(on.actor, on.case_id, order)


@step("confirm-suspension", _CONTEST, "Suspension {number} of {name} has effect.", **_SUSPENDED)
def confirm_suspension(on: Acting, number: Suspension, how: How) -> Case:
    """Confirm a suspension that somebody else recorded: the term stands still. What is in force stays."""
    return on.desk.contests.confirm_suspension(on.actor, on.case_id, number, how)


@step("end-suspension", _CONTEST, "Suspension {number} of {name} is over.", **_SUSPENDED)
def end_suspension(on: Acting, number: Suspension, at: Ended, reasons: Reasons) -> Case:
    """Record that a suspension ended, or take back one that nobody confirmed. The term runs on with what was left."""
    return on.desk.contests.end_suspension(on.actor, on.case_id, number, received_at(at, "--at"), reasons)


# ------------------------------------------------------------------------------ letters about a case

Letter = Annotated[str, Option("--letter", metavar="ID", help="The letter: see `cases letters`.")]

_WAITS = "The letter about {name} waits for a second person."
_OPTIONS = {
    "reference": "--number",
    "item_ids": "--item",
    "how": "--how",
    "issued_at": "--issued-at",
    "received_at": "--received-at",
}


@step("cancel-by-letter", _LETTERS, _WAITS, **_OPTIONS)
def cancel_by_letter(
    on: Acting,
    number: Annotated[str, Option(help="The letter's own number.")],
    issued_at: Annotated[str, Option("--issued-at", metavar="TIME", help=f"Its date: {TIME_FORM}")],
    received: Received,
    how: Came,
    effect: Annotated[
        Effect | None, Option(help="What it says of its effect; leave it out if it says nothing.")
    ] = None,
    item: Annotated[
        list[str] | None, Option(metavar="ID", help="An item that falls; may be repeated. Without it, all.")
    ] = None,
) -> Case:
    """Type in a letter that cancels the order or a part of it. Nothing changes until somebody else vouches for it."""
    return on.desk.by_letter.enter_cancellation(
        on.actor,
        on.case_id,
        effect=effect,
        item_ids=item or None,
        reference=number,
        issued_at=received_at(issued_at, "--issued-at"),
        received_at=received_at(received, "--received-at"),
        how=how,
    )


@command(cases, "answer-by-letter", _LETTERS)
def answer_by_letter(
    session: Session,
    case: CaseArgument,
    file: Annotated[
        str, Option(metavar="FILE", help='What it says: {"in_reply_to", "answers", "items"}; - for standard input.')
    ],
    received: Received,
    how: Came,
) -> Answer:
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
    with session.acting(case, _OPTIONS) as (desk, actor, case_id):
        after = desk.by_letter.enter_answer(
            actor,
            case_id,
            in_reply_to=said.in_reply_to,
            answers=said.answers,
            items=said.items,
            received_at=received_at(received, "--received-at"),
            how=how,
        )
        return stepped(after, desk, _WAITS.format(name=after.notice_id))


@command(cases, "letters", _LETTERS)
def letters(session: Session, case: CaseArgument) -> Answer:
    """List the letters about a case that wait for a second person."""
    with session.desk() as desk:
        waiting = desk.by_letter.waiting(case_id_of(desk, case))
    names = "letter:message_id type entered_by received_at says"
    rows = [documents.fields(one, names, says=one.says.model_dump(mode="json", exclude_none=True)) for one in waiting]
    return Answer(Document(letters=rows), views.letters)


@step("vouch", _LETTERS, "The letter about {name} has taken effect.", how="--how", reference="--number")
def vouch(on: Acting, letter: Letter, how: How) -> Case:
    """Record how a letter's authenticity was checked: it then does what it says. Never by its typist."""
    return on.desk.by_letter.vouch(on.actor, on.case_id, letter, how)


@step("dismiss", _LETTERS, "The letter about {name} is dismissed.")
def dismiss(on: Acting, letter: Letter, reasons: Reasons) -> Case:
    """Record that a letter is not what it seemed: it never takes effect."""
    return on.desk.by_letter.dismiss(on.actor, on.case_id, letter, reasons)


@step("undoable", _OFFICE, "Item {item} of {name} is gone, and is reported so.", item_id="--item", reasons="--reasons")
def undoable(
    on: Acting,
    item: Annotated[str, Option(metavar="ID", help="The item whose measure cannot be lifted.")],
    reasons: Reasons,
) -> Case:
    """Record that a measure can never be lifted, after a try failed: its object is gone for good."""
    return on.desk.record_undoable(on.actor, on.case_id, item, reasons)


# ---------------------------------------------------------------------------- when something is wrong


@step("alarm", _PRESSURE, "A lead and a lawyer are called to {name}.")
def alarm(
    on: Acting,
    reason: Annotated[str, Option(help="What is wrong. Sealed in the ledger; the page does not say it.")],
) -> Case:
    """Call a lead and a lawyer to a case, in whatever state it is."""
    return on.desk.care.raise_alarm(on.actor, on.case_id, reason)


@step(
    "instruction",
    _PRESSURE,
    "The instruction about {name} is recorded.",
    given_at="--at",
    given_by="--by",
    channel="--channel",
    said="--said",
)
def instruction(
    on: Acting,
    by: Annotated[str, Option(help="Who gave it: a name, or the office and rank.")],
    channel: Annotated[str, Option(help="How it came: in person, by phone, in a chat.")],
    said: Annotated[str, Option(help="What was said, as close to the words as you can.")],
    at: Annotated[str, Option("--at", metavar="TIME", help="When: " + TIME_FORM)],
    unit: Annotated[str, Option(help="The unit for which that person spoke.")] = "",
) -> Case:
    """Record what somebody told the office to do. A measure in this case then takes a second person."""
    from kz_compliance_sdk.domain.duress import Instruction

    given_at = received_at(at, "--at")
    told = Instruction(given_by=by, unit=unit, channel=channel, given_at=given_at, said=said)
    return on.desk.care.record_instruction(on.actor, on.case_id, told)


@step("hand-over", _PRESSURE, "{name} is handed over, and is not answered from here.")
def hand_over(on: Acting, reasons: Reasons) -> Case:
    """Take a demand for user data out of here, as a lawyer. The case ends, and nothing is reported."""
    return on.desk.care.hand_over(on.actor, on.case_id, reasons)


@step("rule-out-demand", _PRESSURE, "{name} is decided like any other notice, by two persons.")
def rule_out_demand(on: Acting, reasons: Reasons) -> Case:
    """Record, as a lawyer, that what looked like a demand for user data is none."""
    return on.desk.care.rule_out_demand(on.actor, on.case_id, reasons)
