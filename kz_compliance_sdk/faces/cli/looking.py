"""Before a decision: look at the content, and put a legal check on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces.cli import cases, documents, screen
from kz_compliance_sdk.faces.cli.handed_in import legal_check_choices, legal_check_skeleton, read_document
from kz_compliance_sdk.faces.cli.platform_parts import ContentOption, load_content
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, case_id_of

if TYPE_CHECKING:
    from kz_compliance_sdk.domain.legal_check import LegalCheck
    from kz_compliance_sdk.services.looking import Seen

__all__ = ["register"]

_PANEL = "Decide"


def register(app: typer.Typer) -> None:
    """Add the commands to `cases`."""
    app.command("look", rich_help_panel=_PANEL)(look)
    app.command("check", rich_help_panel=_PANEL)(check)


def look(ctx: typer.Context, case: CaseArgument, content: ContentOption = None, as_json: Json = False) -> None:
    """Look at the content of every open item, and record what was seen: its digest, never its text."""
    session = Session.of(ctx)
    with session.desk(content=load_content(content)) as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        seen = desk.look(actor, case_id)
        document = {"case": case_id, "content": [_document(one) for one in seen]}
        session.answer(document, lambda: _show(seen))


def _document(seen: Seen) -> dict[str, Any]:
    return {
        "item_id": seen.item_id,
        "object_id": seen.object_id or None,
        "content_sha256": seen.digest or None,
        "available": seen.available,
        "fault": seen.fault or None,
        "preview": seen.preview,
        "seen_at": screen.at(seen.at),
    }


def _show(seen: tuple[Seen, ...]) -> None:
    if not seen:
        screen.say("The notice names none of the open items any more: there is nothing to look at.")
    for one in seen:
        if one.fault:
            what = f"nobody could look: {one.fault}. People were alerted; a measure takes a second person"
        else:
            what = "there" if one.available else "gone: perhaps already_unavailable is what there is to say"
        fields = [("content", what), ("object", one.object_id or "unknown")]
        fields += [("digest", one.digest)] if one.digest else []
        fields += [("preview", screen.one_line(one.preview))] if one.preview else []
        screen.show_fields(f"Item {one.item_id}", fields)


def check(
    ctx: typer.Context,
    case: CaseArgument,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", metavar="QUESTION=ANSWER", help="One answer; all are needed.")
    ] = None,
    note: Annotated[str, typer.Option(help="Kept in the audit trail; never leaves the platform.")] = "",
    file: Annotated[str | None, typer.Option(metavar="FILE", help="The answers as JSON; - for standard input.")] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Print the questions to answer, and write nothing.")
    ] = False,
    lang: Annotated[str, typer.Option(help="The language of the questions: kk, ru or en.")] = "en",
    as_json: Json = False,
) -> None:
    """Answer the legal check before anything is proposed. A proposal can then name its version."""
    from kz_compliance_sdk.domain.legal_check import LegalCheck, barring

    session = Session.of(ctx)
    if lang not in ("kk", "ru", "en"):
        raise InvalidInput(f"there are no questions in {lang!r}.", field="--lang", remedy="Use kk, ru or en.")
    if [template, file is not None, answer is not None].count(True) != 1:
        raise InvalidInput(
            "either answers, or a file with them, or a template.",
            field="--answer",
            remedy="Give --answer QUESTION=ANSWER for each question, --file FILE, or --template.",
        )
    if template:
        screen.write_document(legal_check_skeleton())
        if not session.json:
            screen.show_fields("Answer yes, no or unclear:", legal_check_choices(lang), stderr=True)
        return
    given = _given(answer, note) if file is None else read_document(LegalCheck, file, "--file")
    with session.desk() as desk:
        actor = session.actor(desk.settings)
        case_id = case_id_of(desk, case)
        row = desk.record_legal_check(actor, case_id, given)
        after = desk.case(case_id)
        document = {
            "case": documents.case_row(after, cases.view_of(after, desk.store.now())),
            "version": row.version,
            "digest": row.digest,
            "bars": barring(given),
        }
        bars = f" It bars a measure on local law: {', '.join(barring(given))}." if barring(given) else ""
        session.answer(
            document, lambda: screen.say(f"The legal check of {after.notice_id} has version {row.version}.{bars}")
        )


def _given(answers: list[str] | None, note: str) -> LegalCheck:
    from kz_compliance_sdk.domain.legal_check import QUESTIONS, Answer, LegalCheck

    words = get_args(Answer)
    names = [question.name for question in QUESTIONS]
    said: dict[str, str] = {}
    for one in answers or ():
        name, _, word = one.partition("=")
        if name not in names or word not in words:
            raise InvalidInput(
                f"{one!r} answers no question.",
                field="--answer",
                remedy=f"Write QUESTION=ANSWER with one of {', '.join(names)} and one of {', '.join(words)}.",
            )
        if name in said:
            raise InvalidInput(f"{name} is answered twice.", field="--answer", remedy="Answer each question once.")
        said[name] = word
    if left := [name for name in names if name not in said]:
        raise InvalidInput(
            f"{len(left)} of {len(names)} questions are not answered.",
            field="--answer",
            remedy=f"Answer also: {', '.join(left)}.",
        )
    if len(note) > 5000:
        raise InvalidInput("the note is too long.", field="--note", remedy="Use 5000 characters at most.")
    return LegalCheck.model_validate({**said, "note": note})
