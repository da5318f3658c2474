"""Deciding cases: claim, propose, approve, and every way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from kz_compliance_sdk.errors import IllegalMove, InvalidInput, LeaseLost
from kz_compliance_sdk.faces.cli import cases, documents, screen
from kz_compliance_sdk.faces.cli.handed_in import proposal_choices, proposal_skeleton, read_document
from kz_compliance_sdk.faces.cli.platform_parts import ContentOption, load_content
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, Yes, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.audit import Actor
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.decision import Decision, Proposal
    from kz_compliance_sdk.services.review import Decided, Lease

__all__ = ["Reasons", "Token", "register", "step", "tell_case", "token_of"]

Token = Annotated[
    int | None,
    typer.Option(metavar="N", help="The token of your lease; without it, that of the lease you hold now."),
]
Digest = Annotated[
    str | None,
    typer.Option(metavar="SHA256", help="The digest that you saw; without it you are shown the proposal and asked."),
]
Reasons = Annotated[str, typer.Option(help="Why. Kept in the audit trail; never leaves the platform.")]

_PANEL = "Decide"


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    command: Callable[..., None]
    for name, command in (
        ("claim", claim),
        ("renew", renew),
        ("release", release),
        ("decide", decide),
        ("approve", approve),
        ("send-back", send_back),
        ("undo", undo),
    ):
        app.command(name, rich_help_panel=_PANEL)(command)


def tell_case(session: Session, desk: ComplianceDesk, case: Case, text: str) -> None:
    """What a step came to: the case as a document, or one line."""
    view = cases.view_of(case, desk.store.now())
    session.answer({"case": documents.case_row(case, view)}, lambda: screen.say(f"{text} State: {case.state}."))


def step(
    ctx: typer.Context, given: str, take: Callable[[ComplianceDesk, Actor, str], Case], text: Callable[[Case], str]
) -> None:
    """Take one step of a case as the person who runs this, and say what it came to. Raises what the step raises."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case = take(desk, actor, case_id_of(desk, given))
        tell_case(session, desk, case, text(case))


def token_of(desk: ComplianceDesk, actor: Actor, case_id: str, given: int | None) -> int:
    if given is not None:
        return given
    case = desk.case(case_id)
    if case.lease_owner != actor.id:
        holder = f"{case.lease_owner} holds it" if case.lease_owner else "nobody holds it"
        raise LeaseLost(
            f"you do not hold this case: {holder}. Run: kz-compliance cases claim {case_id}", reference=case_id
        )
    return case.lease_token


def claim(
    ctx: typer.Context,
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="A named case instead of the most urgent.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Only from this category.")] = None,
    as_json: Json = False,
) -> None:
    """Take the most urgent free case, or the one named, and keep it for the policy's lease time."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        lease = desk.claim(actor, category=category, case_id=None if case is None else case_id_of(desk, case))
        if lease is None:
            session.answer({"lease": None}, lambda: screen.say("No case is free to claim."))
        else:
            _tell_lease(session, desk, lease)


def _warn_of_doubt(session: Session, case: Case) -> None:
    if case.authenticity == "unverified":
        session.tell(
            "Nobody has checked yet that this notice is authentic: no measure can be decided before somebody but its "
            f"typist does: kz-compliance cases authenticate {case.id}"
        )


def _tell_lease(session: Session, desk: ComplianceDesk, lease: Lease) -> None:
    view = cases.view_of(lease.case, desk.store.now())
    document = {
        "case": documents.case_row(lease.case, view),
        "token": lease.token,
        "expires_at": screen.at(lease.expires_at),
    }

    def people() -> None:
        screen.show_fields(
            f"{lease.case.notice_id} is yours",
            [
                ("case", lease.case.id),
                ("until", screen.both(lease.expires_at)),
                ("token", str(lease.token)),
                ("to decide", screen.left(view.decide_left_s)),
                ("next", f"kz-compliance cases show {lease.case.id}"),
            ],
        )

    session.answer({"lease": document}, people)
    _warn_of_doubt(session, lease.case)


def renew(ctx: typer.Context, case: CaseArgument, token: Token = None, as_json: Json = False) -> None:
    """Keep a claimed case for another lease time."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        _tell_lease(session, desk, desk.renew(actor, case_id, token_of(desk, actor, case_id, token)))


def release(ctx: typer.Context, case: CaseArgument, token: Token = None, as_json: Json = False) -> None:
    """Give a claimed case back to the queue."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.release(actor, case_id, token_of(desk, actor, case_id, token)),
        lambda after: f"{after.notice_id} is back in the queue.",
    )


def decide(
    ctx: typer.Context,
    case: CaseArgument,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The proposal as JSON; - for standard input.")
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Print a proposal to fill in, and write nothing.")
    ] = False,
    all_alike: Annotated[
        bool, typer.Option("--all", help="Decide every open item like the one in the file. Off with legal review.")
    ] = False,
    content: ContentOption = None,
    token: Token = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Propose a decision for every open item; it is final at once where policy asks for no second person."""
    from kz_compliance_sdk.domain.decision import Proposal
    from kz_compliance_sdk.domain.notice import languages_of

    session = Session.of(ctx)
    if template == (file is not None):
        raise InvalidInput(
            "either a proposal or a template.", field="--file", remedy="Give --file FILE, or --template to get one."
        )
    with session.desk(content=load_content(content)) as desk:
        case_id = case_id_of(desk, case)
        if template:
            skeleton = proposal_skeleton(desk.case_file(case_id), languages_of(desk.notice(case_id)))
            screen.write_document({**skeleton, "items": skeleton["items"][:1]} if all_alike else skeleton)
            if not session.json:
                screen.show_fields("Fill in every empty field:", proposal_choices(), stderr=True)
            return
        actor = session.actor(desk.settings)
        proposal = read_document(
            Proposal, file or "-", "--file", "decide --template prints the words that are allowed."
        )
        if all_alike:
            proposal = _of_one(desk, case_id, proposal)
        lease = token_of(desk, actor, case_id, token)
        _summary(desk, case_id, proposal)
        session.confirm("Send this proposal?", yes=yes)
        _tell_decided(session, desk, desk.propose(actor, case_id, lease, proposal))


def _of_one(desk: ComplianceDesk, case_id: str, given: Proposal) -> Proposal:
    if len(given.items) != 1:
        raise InvalidInput(
            f"the proposal decides {len(given.items)} items.", field="--all", remedy="Hand in one item, or no --all."
        )
    return desk.care.alike(case_id, given.items[0], legal_check=given.legal_check, text_checked=given.text_checked)


def _summary(desk: ComplianceDesk, case_id: str, proposal: Proposal) -> None:
    named = {item.item_id: cases.what(item) for item in desk.notice(case_id).items}
    rows = []
    for item in proposal.items:
        where = f" in {', '.join(item.scope)} ({item.ground})" if item.is_measure else ""
        rows.append(
            (
                item.item_id,
                named.get(item.item_id, "not in this case"),
                item.finding,
                f"{item.action}{where}",
                item.wording.outcome,
            )
        )
    screen.show_table(
        ("item", "what", "finding", "action", "told to the regulator"), rows, lead=("item", "finding"), stderr=True
    )


def _tell_decided(session: Session, desk: ComplianceDesk, decided: Decided) -> None:
    view = cases.view_of(decided.case, desk.store.now())
    document = {
        "case": documents.case_row(decided.case, view),
        "digest": decided.digest,
        "needs_approval": decided.decision.needs_approval,
        "approved_by": decided.decision.approved_by or None,
        "undo_window_s": desk.policy.undo_window_s,
    }
    final = not decided.decision.needs_approval or bool(decided.decision.approved_by)

    def people() -> None:
        if final:
            window = (
                f"It can be taken back for {desk.policy.undo_window_s} s: kz-compliance cases undo {decided.case.id}"
            )
            screen.say(f"{decided.case.notice_id} is {decided.case.state}. {window}")
        else:
            screen.say(f"{decided.case.notice_id} waits for a second person, who approves the digest {decided.digest}")

    session.answer(document, people)


def _seen(session: Session, desk: ComplianceDesk, case_id: str, digest: str | None, question: str) -> str:
    """The digest that the person vouches for: the one given, or that of the proposal that is shown here and now."""
    if digest is not None:
        return digest
    case = desk.case(case_id)
    file = desk.case_file(case_id)
    decision: Decision | None = file.decisions.get(case.decision_version)
    if decision is None:
        raise IllegalMove("nothing was proposed for this case.", reference=case_id)
    if not session.can_ask:
        raise InvalidInput(
            "there is no terminal to show the proposal at.",
            field="--digest",
            remedy=f"Give the digest that you saw: kz-compliance cases show {case_id}",
        )
    cases.show_decision(decision, file.audit, stderr=True)
    session.confirm(question, yes=False)
    return decision.digest


def approve(
    ctx: typer.Context,
    case: CaseArgument,
    digest: Digest = None,
    content: ContentOption = None,
    as_json: Json = False,
) -> None:
    """Approve exactly the proposal whose digest was seen. Never one's own."""
    session = Session.of(ctx)
    with session.desk(content=load_content(content)) as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        seen = _seen(session, desk, case_id, digest, "Approve exactly this?")
        _tell_decided(session, desk, desk.approve(actor, case_id, seen))


def send_back(
    ctx: typer.Context, case: CaseArgument, reasons: Reasons, digest: Digest = None, as_json: Json = False
) -> None:
    """Send a proposal back to the queue, with reasons."""
    session = Session.of(ctx)
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        seen = _seen(session, desk, case_id, digest, "Send exactly this back?")
        after = desk.send_back(actor, case_id, seen, reasons)
        tell_case(session, desk, after, f"The proposal for {after.notice_id} was sent back.")


def undo(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """Take a decision back inside the undo window, before anything is carried out."""
    step(
        ctx,
        case,
        lambda desk, actor, case_id: desk.undo(actor, case_id),
        lambda after: f"The decision on {after.notice_id} is taken back.",
    )
