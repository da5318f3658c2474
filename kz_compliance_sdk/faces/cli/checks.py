"""Looking after the whole: audit trail, health, sanctions, and the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Json, Session, case_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["register"]

_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    audit = typer.Typer(help="The audit trail.", no_args_is_help=True)
    audit.callback()(_group)
    audit.command("verify")(verify)
    app.add_typer(audit, name="audit")
    app.command("doctor")(doctor)
    app.command("health")(health)
    app.command("sanctions")(sanctions)


def _group() -> None:
    """The audit trail."""


def verify(
    ctx: typer.Context,
    case: Annotated[str | None, typer.Argument(metavar="[CASE]", help="One case; without it, all.")] = None,
    as_json: Json = False,
) -> None:
    """Check the hash chain of one case or of all. Exit code 4 if anything was changed, cut or rewritten."""
    session = Session.of(ctx)
    with session.desk() as desk:
        case_id = None if case is None else case_id_of(desk, case)
        verdict = _watched(lambda progress: desk.verify_audit(case_id, progress))
        checked, faults = verdict.checked, verdict.faults
    document = {
        "checked": checked,
        "intact": not faults,
        "faults": [{"case": fault.case_id, "seq": fault.seq, "what": fault.what} for fault in faults],
    }

    def people() -> None:
        if faults:
            rows = [(one.case_id, str(one.seq), one.what) for one in faults]
            screen.show_table(("case", "event", "fault"), rows, whole=("case",), lead=("case", "event"))
            faulty = len({fault.case_id for fault in faults})
            screen.say(f"{len(faults)} fault{'s' * (len(faults) > 1)} in {faulty} of {checked} cases.")
        else:
            cases = "case" if checked == 1 else "cases"
            screen.say(f"{checked} {cases} checked: every chain is whole.")

    session.answer(document, people)
    if faults:
        raise typer.Exit(FOUND)


def _watched(work: Callable[[Callable[[int], None]], Any]) -> Any:
    """Run long work, with a running count for whoever watches."""
    out = screen.console(stderr=True)
    if not out.is_terminal:
        return work(lambda _count: None)
    with out.status("checking ...") as shown:
        return work(lambda count: shown.update(f"checking ... {count} cases") if count % 100 == 0 else None)


def _both(text: str | None) -> str:
    from kz_compliance_sdk.domain.values import parse_instant

    return "" if text is None else screen.both(parse_instant(text))


def health(ctx: typer.Context, as_json: Json = False) -> None:
    """Say whether the machinery runs: counts, times, endpoints. Exit code 4 if something needs attention."""
    session = Session.of(ctx)
    with session.desk() as desk:
        document = desk.health_document()

    def people() -> None:
        attention = document["attention"]
        style = _STYLE["warn" if attention else "ok"]
        fields: list[tuple[str, str | Text]] = [
            ("status", Text(f"{document['status']} {' '.join(attention)}".strip(), style)),
            ("watcher", _both(document["watcher_last_ran"]) or "has never run"),
            ("overdue", str(document["overdue"])),
            ("earliest due", _both(document["oldest_due_at"]) or "none"),
            ("undelivered", str(document["undelivered"])),
            ("parked", str(document["parked"])),
        ]
        fields += [(f"{state} cases", str(count)) for state, count in document["open_cases"].items()]
        for name, endpoint in document["endpoints"].items():
            closed = f"left alone until {_both(endpoint['open_until'])}" if endpoint["open_until"] else "in use"
            fields.append((name, f"{closed}, {endpoint['failures']} failures in a row"))
        screen.show_fields("Health", fields)

    session.answer(document, people)
    if document["attention"]:
        raise typer.Exit(FOUND)


def sanctions(ctx: typer.Context, as_json: Json = False) -> None:
    """List every sanction that an authority announced, oldest first."""
    session = Session.of(ctx)
    with session.desk() as desk:
        found = desk.sanctions()
    document = {
        "sanctions": [
            {
                "sanction_id": one.sanction_id,
                "level": one.level,
                "notice_ids": list(one.notice_ids),
                "effective_at": screen.at(one.effective_at),
                "reference_number": one.reference_number,
                "received_at": screen.at(one.received_at),
            }
            for one in found
        ]
    }

    def people() -> None:
        if not found:
            screen.say("No sanction was announced.")
            return
        screen.show_table(
            ("sanction", "level", "effective", "number", "notices"),
            [
                (
                    one.sanction_id,
                    one.level,
                    screen.both(one.effective_at),
                    one.reference_number,
                    " ".join(one.notice_ids),
                )
                for one in found
            ],
        )

    session.answer(document, people)


def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Examine this installation: each check with its remedy. Exit code 4 if one fails; a warning changes nothing."""
    from kz_compliance_sdk.faces.cli.doctor import examine

    session = Session.of(ctx)
    checks = examine(session)
    worst = next((word for word in ("fail", "warn") if any(check.status == word for check in checks)), "ok")
    document = {
        "status": worst,
        "checks": [
            {
                "name": check.name,
                "status": check.status,
                "summary": check.summary,
                "remedy": check.remedy or None,
                "details": list(check.details),
            }
            for check in checks
        ],
    }

    def people() -> None:
        for check in checks:
            line = Text(f"{check.status:<5}", _STYLE[check.status])
            line.append(f" {check.name:<16} {screen.printable(check.summary)}", "")
            screen.say(line)
            if check.remedy:
                screen.say(Text(f"{'':<23}{screen.printable(check.remedy)}", "dim"))
            for detail in check.details:
                screen.say(f"{'':<23}- {detail}")

    session.answer(document, people)
    if worst == "fail":
        raise typer.Exit(FOUND)
