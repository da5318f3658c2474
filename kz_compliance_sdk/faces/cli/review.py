"""From the queue to the decision: look at cases, claim one, check, propose, approve, and every way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, get_args

from kz_compliance_sdk.domain.forms import BACK, SEALED
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed, StoreError
from kz_compliance_sdk.faces import documents
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import (
    Answer,
    Argument,
    ContentOption,
    Option,
    Said,
    Token,
    Yes,
    asked,
    at,
    cases,
    command,
    shows,
    step,
    token_of,
)
from kz_compliance_sdk.faces.cli.handed_in import (
    filled_in,
    legal_check_choices,
    legal_check_skeleton,
    proposal_choices,
    proposal_skeleton,
    read_document,
)
from kz_compliance_sdk.faces.cli.screen import show_template
from kz_compliance_sdk.faces.cli.session import Acting, CaseArgument, Session, case_id_of, load, system_user, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.commands.review import Decided, Lease
    from kz_compliance_sdk.domain.decision import LegalCheck, Proposal

Digest = Annotated[
    str | None,
    Option(metavar="SHA256", help="The digest that you saw; without it you are shown the proposal and asked."),
]
_LOOK, _DECIDE, _OFFICE = "Look", "Decide", "Office"
_ITEM: Final = re.compile(r"^items\[\d+\]")
_STATES = f"Only this state: {', '.join(CaseState)}. Ended cases are shown only when they are asked for."


@command(cases, "list", _LOOK)
def list_(
    session: Session,
    state: Annotated[CaseState | None, Option(metavar="STATE", help=_STATES)] = None,
    category: Annotated[str | None, Option(help="Only this category.")] = None,
    authority: Annotated[str | None, Option(metavar="ID", help="Only notices of this authority.")] = None,
    notice: Annotated[str | None, Option(metavar="ID", help="Only this notice.")] = None,
    overdue: Annotated[bool, Option("--overdue", help="Only what is past its deadline.")] = False,
    due_by: Annotated[int | None, at("--due-by", "Only what is due before that:")] = None,
    mine: Annotated[bool, Option("--mine", help="Only what you hold, or is assigned to you.")] = False,
    person: Annotated[
        str | None, Option(metavar="ID", help="Only what this person holds, or is assigned to them.")
    ] = None,
    needs_second: Annotated[
        bool, Option("--needs-second", help="Only what waits for somebody else to approve it, or to vouch for it.")
    ] = False,
    waits: Annotated[
        bool, Option("--waits", help="Only what waits for the authority's answer, or for its receipt.")
    ] = False,
    cursor: Annotated[str | None, Option(help="Go on after the page that gave this cursor.")] = None,
    limit: Annotated[int, Option(min=1, max=500, help="Cases on one page.")] = 50,
) -> Answer:
    """List the cases, most urgent first, with the time left on both clocks."""
    if overdue and due_by is not None:
        raise wrong("--due-by", "what is overdue has a date already.", "Give --overdue or --due-by.")
    if needs_second and waits:
        raise wrong("--waits", "nothing waits for both.", "Give --needs-second or --waits.")
    if mine and person is not None:
        raise wrong("--person", "--mine says already whose they are.", "Give --mine or --person.")
    with session.desk() as desk:
        if mine:
            person = session.actor(desk.settings).id
        page = desk.cases(
            state=None if state is None else str(state),
            category=category,
            authority_id=authority,
            notice_id=notice,
            overdue=overdue,
            due_by=due_by,
            person=person,
            waits_for="second_person" if needs_second else "authority" if waits else None,
            cursor=cursor,
            limit=limit,
        )
        rows = [documents.listed(case, desk.store.now()) for case in page.cases]
    filtered = any((state, category, authority, notice, overdue, due_by, person, needs_second, waits, cursor))
    return Answer(Document(cases=rows, next_cursor=page.next_cursor, _filtered=filtered), views.cases)


@command(cases, "show", _LOOK)
def show(session: Session, case: CaseArgument) -> Answer:
    """Tell the whole story of one case: clocks, notice, items, decisions, messages, receipts, events."""
    from kz_compliance_sdk.faces import steps

    with session.desk() as desk:
        case_id = case_id_of(desk, case)
        record_view(session, desk, case_id)
        return Answer(steps.file_of(desk, case_id), views.case)


def record_view(session: Session, desk: ComplianceDesk, case_id: str) -> None:
    """Record who looks at a case. An account that is nobody in the settings may read, and is recorded as an account.

    A store that takes no writes, or a system that names no account, keeps nobody from reading: it is said instead.
    """
    from kz_compliance_sdk.domain.actor import Actor

    try:
        user = system_user()
        actor = desk.settings.actor_of(user)
        known = Actor(f"account:{user}", account=user) if actor is None else Actor(actor.id, actor.roles, user)
        desk.record_view(known, case_id)
    except (StoreError, NotAllowed) as error:
        session.tell(f"That you looked at this case could not be recorded: {error}")


@command(cases, "claim", _DECIDE)
def claim(
    session: Session,
    case: Annotated[str | None, Argument(metavar="[CASE]", help="A named case instead of the most urgent.")] = None,
    category: Annotated[str | None, Option(help="Only from this category.")] = None,
) -> Answer | None:
    """Take the most urgent free case, or the one named, and keep it for the policy's lease time."""
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        lease = desk.claim(actor, category=category, case_id=None if case is None else case_id_of(desk, case))
        return _leased(session, desk, lease)


@shows("Renew")
@shows("TakeOver")
def renewed(on: Acting, lease: Lease) -> Answer:
    return _leased(on.session, on.desk, lease)


def _leased(session: Session, desk: ComplianceDesk, lease: Lease | None) -> Answer:
    if lease is not None and lease.case.authenticity == "unverified":
        session.tell(
            "Nobody has checked yet that this notice is authentic: no measure can be decided before somebody but its "
            f"typist does: kz-compliance cases authenticate {lease.case.id}"
        )
    return Answer(Document(lease=None) if lease is None else documents.lease(lease, desk.store.now()), views.lease)


@step("assign", _OFFICE, "{name} is for {case.assigned_to:person}.")
def assign(
    on: Acting, to: Annotated[str, Option(metavar="ID", help="Who; without it, it is anybody's again.")] = ""
) -> Case:
    """Say who is to take care of a case: nobody else is given it as the most urgent free one."""
    from kz_compliance_sdk.domain import commands

    known = sorted({one.id for one in on.desk.settings.actors.values()})
    if to and to not in known:
        raise wrong("--to", f"nobody in the settings has the id {to!r}.", f"Name one of them: {', '.join(known)}.")
    return on.desk.take(on.actor, on.case_id, commands.Assign(to))


@command(cases, "decide", _DECIDE)
def decide(
    session: Session,
    case: CaseArgument,
    file: Annotated[str | None, Option(metavar="FILE", help="The proposal as JSON; - for standard input.")] = None,
    template: Annotated[bool, Option("--template", help="Print a proposal to fill in, and write nothing.")] = False,
    way: Annotated[
        str | None,
        Option("--as", metavar="refuse|ACTION", help="With --template: fill it in so."),
    ] = None,
    all_alike: Annotated[
        bool, Option("--all", help="Decide every open item like the one in the file; a measure not with legal review.")
    ] = False,
    content: ContentOption = None,
    token: Token = None,
    yes: Yes = False,
) -> Answer | None:
    """Propose a decision for every open item; it is final at once where policy asks for no second person."""
    from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, Proposal
    from kz_compliance_sdk.domain.notice import languages_of

    ways = ("refuse", *OUTCOME_OF_ACTION)
    if way is not None and (way not in ways or not template):
        raise wrong("--as", "it is no way to fill in a template.", f"With --template, use one of: {', '.join(ways)}.")
    if template == (file is not None):
        raise wrong("--file", "either a proposal or a template.", "Give --file FILE, or --template to get one.")
    with session.desk(content=load("--content", content)) as desk:
        case_id = case_id_of(desk, case)
        if template:
            skeleton = proposal_skeleton(desk.case_file(case_id), languages_of(desk.notice(case_id)))
            if all_alike:
                skeleton["items"] = skeleton["items"][:1]
            if way is not None:
                skeleton = filled_in(skeleton, way, desk.settings.wordings().of(desk.case(case_id).category, way))
            show_template(skeleton, "Fill in every empty field:", [] if session.json else proposal_choices())
            return None
        actor = session.actor(desk.settings)
        proposal = read_document(
            Proposal, file or "-", "--file", "decide --template prints the words that are allowed."
        )
        if all_alike:
            proposal = _of_one(desk, case_id, proposal)
        lease = token_of(Acting(desk, actor, case_id, session), token)
        named = {item.item_id: views.what(item.model_dump()) for item in desk.notice(case_id).items}
        views.proposal(proposal.model_dump()["items"], named, desk.case(case_id).flags)
        session.confirm("Send this proposal?", yes=yes)
        try:
            return _decided(desk, desk.propose(actor, case_id, lease, proposal))
        except InvalidInput as error:
            raise _told_once(error) if all_alike else error from None


def _told_once(error: InvalidInput) -> InvalidInput:
    """The mistakes of the one item that was handed in, and not of each that is decided like it."""
    found: dict[tuple[str, str], InvalidInput] = {}
    for one in (error, *error.more):
        if isinstance(one, InvalidInput):
            found.setdefault((_ITEM.sub("", one.field), one.message), one)
    return InvalidInput.together(*found.values())


def _of_one(desk: ComplianceDesk, case_id: str, given: Proposal) -> Proposal:
    if len(given.items) != 1:
        raise wrong("--all", f"the proposal decides {len(given.items)} items.", "Hand in one item, or no --all.")
    return desk.care.alike(case_id, given.items[0], legal_check=given.legal_check, text_checked=given.text_checked)


def _decided(desk: ComplianceDesk, made: Decided) -> Answer:
    return Answer(documents.decided(made, desk.case_file(made.case.id), desk.policy.undo_window_s), views.decided)


def _seen(on: Acting, digest: str | None, question: str) -> str:
    """The digest that the person vouches for: the one given, or that of the proposal that is shown here and now."""
    if digest is not None:
        return digest
    file = on.desk.case_file(on.case_id)
    decision = file.decisions.get(file.case.decision_version)
    if decision is None:
        raise IllegalMove("nothing was proposed for this case.", reference=on.case_id)
    if not on.session.can_ask:
        raise wrong(
            "--digest",
            "there is no terminal to show the proposal at.",
            f"Give the digest that you saw: kz-compliance cases show {on.case_id}",
        )
    views.decision(documents.decision(decision, file), stderr=True)
    on.session.confirm(question, yes=False)
    return decision.digest


@command(cases, "approve", _DECIDE)
def approve(session: Session, case: CaseArgument, digest: Digest = None, content: ContentOption = None) -> Answer:
    """Approve exactly the proposal whose digest was seen. Never one's own."""
    with session.acting(case, content=load("--content", content)) as on:
        seen = _seen(on, digest, "Approve exactly this?")
        return _decided(on.desk, on.desk.approve(on.actor, on.case_id, seen))


@step("send-back", _DECIDE, "The proposal for {name} was sent back.")
def send_back(on: Acting, reasons: Annotated[str, asked(BACK, "--reasons")], digest: Digest = None) -> Case:
    """Send a proposal back to the queue, with reasons."""
    return on.desk.send_back(on.actor, on.case_id, _seen(on, digest, "Send exactly this back?"), reasons)


# ------------------------------------------------------------------------------------- before a decision


@command(cases, "look", _DECIDE)
def look(session: Session, case: CaseArgument, content: ContentOption = None) -> Answer:
    """Look at the content of every open item, and record what was seen: its digest, never its text."""
    with session.acting(case, content=load("--content", content)) as (desk, actor, case_id, _):
        names = "item_id object_id? content_sha256:digest? available fault? preview seen_at:at"
        seen = [documents.fields(one, names) for one in desk.look(actor, case_id)]
    return Answer(Document(case=case_id, content=seen), views.content)


@command(cases, "check", _DECIDE)
def check(
    session: Session,
    case: CaseArgument,
    answer: Annotated[
        list[str] | None, Option("--answer", metavar="QUESTION=ANSWER", help="One answer; all are needed.")
    ] = None,
    note: Annotated[str, Said("--note", f"What stands behind the answers. {SEALED}", is_needed=False)] = "",
    file: Annotated[str | None, Option(metavar="FILE", help="The answers as JSON; - for standard input.")] = None,
    template: Annotated[bool, Option("--template", help="Print the questions to answer, and write nothing.")] = False,
    lang: Annotated[str, Option(help="The language of the questions: kk, ru or en.")] = "en",
) -> Answer | None:
    """Answer the legal check before anything is proposed. A proposal can then name its version."""
    from kz_compliance_sdk.domain import commands
    from kz_compliance_sdk.domain.decision import QUESTIONS, LegalCheck, barring

    if lang not in QUESTIONS[0].text:
        raise wrong("--lang", f"there are no questions in {lang!r}.", "Use kk, ru or en.")
    if [template, file is not None, answer is not None].count(True) != 1:
        raise wrong(
            "--answer",
            "either answers, or a file with them, or a template.",
            "Give --answer QUESTION=ANSWER for each question, --file FILE, or --template.",
        )
    if template:
        choices = [] if session.json else legal_check_choices(lang)
        show_template(legal_check_skeleton(), "Answer yes, no or unclear:", choices)
        return None
    given = _given(answer or [], note) if file is None else read_document(LegalCheck, file, "--file")
    with session.acting(case) as (desk, actor, case_id, _):
        row = desk.take(actor, case_id, commands.RecordLegalCheck(given))
        after, bars = desk.case(case_id), barring(given)
        recorded = documents.fields(row, "version digest bars", bars=bars)
        document = Document(case=documents.listed(after, desk.store.now()), **recorded)
    barred = f" It bars a measure on local law: {', '.join(bars)}." if bars else ""
    return Answer(document, f"The legal check of {after.notice_id} has version {row.version}.{barred}")


def _given(answers: list[str], note: str) -> LegalCheck:
    from pydantic import ValidationError

    from kz_compliance_sdk.domain.decision import QUESTIONS, LegalCheck
    from kz_compliance_sdk.domain.decision import Answer as Word

    words, names = get_args(Word), [question.name for question in QUESTIONS]
    said: dict[str, str] = {}
    for one in answers:
        name, _, word = one.partition("=")
        if name not in names or word not in words:
            allowed = f"one of {', '.join(names)} and one of {', '.join(words)}"
            raise wrong("--answer", f"{one!r} answers no question.", f"Write QUESTION=ANSWER with {allowed}.")
        if name in said:
            raise wrong("--answer", f"{name} is answered twice.", "Answer each question once.")
        said[name] = word
    if left := [name for name in names if name not in said]:
        missing = f"{len(left)} of {len(names)} questions are not answered."
        raise wrong("--answer", missing, f"Answer also: {', '.join(left)}.")
    try:
        return LegalCheck.model_validate({**said, "note": note})
    except ValidationError:
        raise wrong("--note", "the note is too long.", "Use 5000 characters at most.") from None
