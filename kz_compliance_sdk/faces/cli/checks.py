"""Looking after the whole: health, sanctions, and the doctor."""

from __future__ import annotations

import typer
from rich.text import Text

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Json, Session

__all__ = ["register"]

_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("doctor")(doctor)
    app.command("health")(health)
    app.command("sanctions")(sanctions)


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
            ("users not told", str(document["users_not_told"])),
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
