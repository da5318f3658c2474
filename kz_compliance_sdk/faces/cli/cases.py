"""Looking at cases: the list, and one case on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from kz_compliance_sdk.domain.second_person import asked_for
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.errors import NotFound
from kz_compliance_sdk.faces.cli import documents, screen
from kz_compliance_sdk.faces.cli.case_review import show_gaps, show_review
from kz_compliance_sdk.faces.cli.evidence import record_view
from kz_compliance_sdk.faces.cli.remedy_screen import show_remedies
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, account_of, case_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kz_compliance_sdk.desk import CaseFile
    from kz_compliance_sdk.domain.audit import AuditEvent
    from kz_compliance_sdk.domain.case import Case
    from kz_compliance_sdk.domain.change import UserNoticeState
    from kz_compliance_sdk.domain.clock import ClockView
    from kz_compliance_sdk.domain.completeness import Gap
    from kz_compliance_sdk.domain.decision import Decision
    from kz_compliance_sdk.domain.notice import Item, Notice

__all__ = ["register", "show_decision", "view_of", "what"]

_PANEL = "Look"
_TAIL = 8
_USUAL = frozenset({"deadline_defaulted"})
"""Flags that nearly every case has: `cases show` has them, the list would only be longer for them."""
_STATES = f"Only this state: {', '.join(CaseState)}. Ended cases are shown only when they are asked for."


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    app.command("list", rich_help_panel=_PANEL)(list_)
    app.command("show", rich_help_panel=_PANEL)(show)


def view_of(case: Case, now: int) -> ClockView:
    """The two clocks of a case in a list. An ended case stands still where it ended."""
    from kz_compliance_sdk.domain.clock import clock_view
    from kz_compliance_sdk.domain.running_time import pauses_of

    return clock_view(
        received_at=case.received_at,
        due_at=case.due_at,
        now=now,
        requested_due_at=case.requested_due_at,
        decided_at=case.decided_at or case.closed_at,
        receipt_at=case.closed_at,
        pauses=pauses_of(case),
    )


def list_(
    ctx: typer.Context,
    state: Annotated[CaseState | None, typer.Option(metavar="STATE", help=_STATES)] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    authority: Annotated[str | None, typer.Option(metavar="ID", help="Only notices of this authority.")] = None,
    notice: Annotated[str | None, typer.Option(metavar="ID", help="Only this notice.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past its deadline.")] = False,
    cursor: Annotated[str | None, typer.Option(help="Go on after the page that gave this cursor.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Cases on one page.")] = 50,
    as_json: Json = False,
) -> None:
    """List the cases, most urgent first, with the time left on both clocks."""
    session = Session.of(ctx)
    with session.desk() as desk:
        page = desk.cases(
            state=None if state is None else str(state),
            category=category,
            authority_id=authority,
            notice_id=notice,
            overdue=overdue,
            cursor=cursor,
            limit=limit,
        )
        now = desk.store.now()
    views = [(case, view_of(case, now)) for case in page.cases]
    document = {"cases": [documents.case_row(case, view) for case, view in views], "next_cursor": page.next_cursor}

    def people() -> None:
        if not views:
            filtered = any((state, category, authority, notice, overdue, cursor))
            screen.say("No case fits." if filtered else "No cases are waiting.")
            return
        screen.show_table(
            ("decide", "receipt", "state", "category", "items", "notice", "flags", "case"),
            [_row(case, view) for case, view in views],
            whole=("decide", "receipt", "state", "category", "items", "notice", "case"),
            lead=("notice", "state"),
        )
        if page.next_cursor:
            screen.say(f"There are more: --cursor {page.next_cursor}")

    session.answer(document, people)


def _row(case: Case, view: ClockView) -> tuple[str | Text, ...]:
    ended = case.closed_at is not None
    decided = case.decided_at is not None
    receipt = Text(screen.left(view.receipt_left_s), "dim" if ended else screen.urgency(view.receipt_left_s))
    decide = Text("decided" if decided else screen.left(view.decide_left_s))
    decide.stylize("dim" if decided or ended else screen.urgency(view.decide_left_s))
    owner = f" ({case.lease_owner})" if case.lease_owner else ""
    return (
        decide,
        receipt,
        f"{case.state}{owner}",
        case.category or "unknown",
        f"{len(case.open_items)}/{len(case.items)} open" if case.items else "none",
        case.notice_id or "unreadable",
        " ".join(flag for flag in case.flags if flag not in _USUAL) or "none",
        case.id,
    )


def show(ctx: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """Tell the whole story of one case: clocks, notice, items, decisions, messages, receipts, audit trail."""
    session = Session.of(ctx)
    with session.desk() as desk:
        case_id = case_id_of(desk, case)
        record_view(session, desk, case_id)
        file = desk.case_file(case_id)
        try:
            notice: Notice | None = desk.notice(file.case.id)
        except NotFound:
            notice = None
        gaps = desk.care.gaps(file.case.id) if notice is not None else ()
    document = {**documents.case_document(file, notice), "gaps": [documents.gap_document(gap) for gap in gaps]}
    session.answer(document, lambda: _story(file, notice, gaps))


def _story(file: CaseFile, notice: Notice | None, gaps: tuple[Gap, ...]) -> None:
    case = file.case
    name = case.notice_id or "a message that cannot be used"
    screen.show_fields(f"{name}, revision {case.revision}: {case.state}", _head(case))
    screen.show_fields("Clock", _clock(case, file.clock))
    if notice is None:
        reasons = [str(documents.said(row.reply).get("detail", "")) for row in file.inbox if row.exit == "quarantined"]
        screen.say("In quarantine. " + " ".join(filter(None, reasons)))
    else:
        screen.show_fields("Notice", _notice(notice))
        show_gaps(case, gaps)
        named = {item.item_id: what(item) for item in notice.items}
        screen.show_table(
            ("item", "what", "status", "action", "in force since", "copy kept until"),
            [
                (
                    item.item_id,
                    named.get(item.item_id, "not in this revision"),
                    item.status if item.order_stands else f"{item.status}, order {item.fell}",
                    item.measure or item.action,
                    screen.both(item.effective_at) if item.effective_at else "not in force",
                    screen.both(item.preserve_until or None),
                )
                for item in case.items
            ],
            whole=("item", "status", "action"),
            lead=("item", "status", "action"),
        )
    show_remedies(file)
    show_review(file)
    for decision in file.decisions.values():
        show_decision(decision, file.audit)
    _messages(file)
    if file.user_notices:
        told = [(f"{row.item_id} {row.kind}", f"{row.state}, {_told(row)}") for row in file.user_notices]
        screen.show_fields("What the affected users are told", told)
    if file.escalations:
        steps = [
            (fired.step, f"{screen.both(fired.fired_at)} to {', '.join(fired.audience)}") for fired in file.escalations
        ]
        screen.show_fields("Escalations", steps[-_TAIL:])
    shown = file.audit[-_TAIL:]
    screen.show_fields(
        f"Audit trail, the last {len(shown)} of {len(file.audit)} events",
        [(f"{event.seq} {event.kind}", f"{screen.both(event.at)} by {_who(event)}{_texts(event)}") for event in shown],
    )


def _told(row: UserNoticeState) -> str:
    if row.sent_at is not None:
        return screen.both(row.sent_at)
    basis = f" on the legal basis of the {row.basis}" if row.basis else ""
    return f"{screen.both(row.due_at)}{basis}"


def what(item: Item) -> str:
    """What an item of a notice points at."""
    return " ".join(filter(None, (item.url, item.object_id if not item.url else None, item.account_ref)))


def _texts(event: Any) -> str:
    return "".join(f"; {text.name}: {text.text}" for text in event.sealed if text.text)


def _who(event: AuditEvent) -> str:
    account = account_of(event)
    return event.actor if account in ("", event.actor) else f"{event.actor} (account {account})"


def _head(case: Case) -> list[tuple[str, str | Text]]:
    lease = f"{case.lease_owner} until {screen.both(case.lease_expires_at)}, token {case.lease_token}"
    fields: list[tuple[str, str | Text]] = [
        ("case", case.id),
        ("authority", case.authority_id or "unknown"),
        ("kind", f"{case.kind}, {case.category}"),
        (
            "came",
            f"{case.source}, {case.authenticity}" + (f", entered by {case.entered_by}" if case.entered_by else ""),
        ),
        ("answered by", "letter" if case.channel == "by_hand" else "the regulator's interface"),
        *((("flag", _flag(flag)) for flag in case.flags) if case.flags else [("flags", "none")]),
    ]
    if case.lease_owner:
        fields.append(("claimed by", lease))
    return fields


def _flag(flag: str) -> Text:
    from kz_compliance_sdk.domain.flags import FLAG_MEANINGS

    code, _, item = flag.partition(":")
    meaning = FLAG_MEANINGS.get(code, "See the reasons of its quarantine.")
    where = f" (item {item})" if item else ""
    return Text.assemble((code, "" if code in _USUAL else "yellow"), f"{where}: {meaning}")


def _clock(case: Case, view: ClockView) -> list[tuple[str, str | Text]]:
    decided = case.decided_at is not None or case.closed_at is not None
    fields: list[tuple[str, str | Text]] = [
        ("received", screen.both(view.received_at)),
        ("due", screen.both(view.due_at)),
    ]
    if view.due_at != view.unpaused_due_at:
        fields.append(("without the pause", screen.both(view.unpaused_due_at)))
    if view.paused:
        fields.append(("paused", Text("an order suspends it: the term stands still", "yellow")))
    if view.requested_due_at is not None:
        fields.append(("asked for", f"{screen.both(view.requested_due_at)}; not the statutory time"))
    to_decide = f"{screen.left(view.decide_left_s)}{' when it was decided' if decided else ''}"
    closed = case.closed_at is not None
    to_receipt = f"{screen.left(view.receipt_left_s)}{' when it ended' if closed else ''}"
    fields.append(("to decide", Text(to_decide, "dim" if decided else screen.urgency(view.decide_left_s))))
    fields.append(("to the receipt", Text(to_receipt, "dim" if closed else screen.urgency(view.receipt_left_s))))
    if case.lift_due_at is not None:
        fields.append(("lift until", screen.both(case.lift_due_at)))
    return fields


def _notice(notice: Notice) -> list[tuple[str, str | Text]]:
    authority = notice.issuing_authority
    fields: list[tuple[str, str | Text]] = [
        ("number", notice.reference_number),
        ("from", f"{authority.name.best('ru')} ({authority.id}, {authority.type})"),
        ("issued", screen.both(notice.issued_at)),
        ("asks for", f"{notice.requested_action} in {', '.join(notice.territorial_scope)}"),
        (
            "law",
            "; ".join(" ".join(filter(None, (one.act, one.article, one.reference))) for one in notice.legal_basis),
        ),
    ]
    return [*fields, *((f"reasons ({reason.lang})", reason.text) for reason in notice.statement_of_reasons)]


def show_decision(decision: Decision, events: Sequence[AuditEvent], *, stderr: bool = False) -> None:
    """A decision as the second person must see it: its digest, and every item with finding, action and wording."""
    asked = asked_for(events, decision.version)
    if decision.approved_by:
        standing = f"approved by {decision.approved_by}"
    else:
        standing = "needs approval" if asked["rules"] else "needs no second person"
    screen.show_fields(
        f"Decision {decision.version} by {decision.proposed_by}: {standing}",
        [
            ("digest", decision.digest),
            ("proposed", screen.both(decision.proposed_at)),
            ("asked for by", "; ".join(asked["says"]) or "no rule"),
            ("policy", decision.policy),
            ("legal check", _check(decision)),
        ],
        stderr=stderr,
    )
    screen.show_table(
        ("item", "finding", "action", "where", "told to the regulator", "reasons (internal)"),
        [
            (
                item.item_id,
                item.finding,
                item.action + (f" ({item.ground})" if item.ground else ""),
                ", ".join(item.scope) if item.is_measure else "nowhere",
                item.wording.outcome
                + (f" ({item.wording.refusal_code})" if item.wording.refusal_code else "")
                + "".join(f"; {text.lang}: {text.text}" for text in item.wording.statement_of_reasons),
                item.reasons,
            )
            for item in decision.proposal.items
        ],
        whole=("item", "finding"),
        lead=("item", "finding", "action"),
        stderr=stderr,
    )


def _check(decision: Decision) -> str:
    check, named = decision.proposal.legal_check, decision.legal_check
    if check is None:
        return "not answered: no measure is proposed"
    version = f"version {named.version}" if named is not None else ""
    if isinstance(check, int):
        return f"{version}, recorded before"
    told = ", ".join(f"{name.replace('_', ' ')} {answer}" for name, answer in check.answers.items())
    return "; ".join(filter(None, (version, told, check.note)))


def _messages(file: CaseFile) -> None:
    if not file.messages:
        return
    rows: list[tuple[str | Text, ...]] = []
    for message in file.messages:
        tried = file.attempts.get(message.id, ())
        receipt = documents.said(message.receipt)
        last = f"{tried[-1].result} {tried[-1].detail}".strip() if tried else "not tried yet"
        state = Text(message.state, {"parked": "bold red", "done": "green", "waiting": "yellow"}.get(message.state, ""))
        held = receipt.get("receipt_id") or receipt.get("outgoing_number")
        rows.append(
            (
                message.kind + (f" {message.item_id}" if message.item_id else ""),
                message.endpoint,
                state,
                str(len(tried)),
                last,
                str(held) if held else "none",
                message.id,
            )
        )
    screen.show_table(
        ("message", "to", "state", "attempts", "last attempt", "receipt", "id"),
        rows,
        whole=("message", "to", "state", "receipt", "id"),
        lead=("message", "state"),
    )
