"""What people see of a conformance run: progress, what does not hold and why, and what was not looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import Session

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.conformance.checks import Check, Report, Result
    from kz_compliance_sdk.testing.conformance.selftest import Outcome

__all__ = ["list_checks", "progress", "show_keys", "show_report", "show_selftest"]


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar with the name of what is made, for whoever watches the terminal."""
    out = screen.console(stderr=True)
    if not out.is_terminal:
        yield lambda _name: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=total)
        begun = False

        def told(name: str) -> None:
            nonlocal begun
            bar.update(task, description=screen.as_markup(name), advance=1 if begun else 0)
            begun = True

        yield told


def show_report(report: Report) -> None:
    """What does not hold, then the counts, then why checks were skipped."""
    from kz_compliance_sdk.testing.conformance.render import skip_reasons

    broken = report.of("broken")
    if broken:
        screen.console().print(_failures(broken))
    held, skipped = len(report.of("held")), len(report.of("skipped"))
    style = "green" if report.all_hold else "bold red"
    counts = f"{held} hold, {len(broken)} do not, {skipped} skipped"
    seconds = sum(result.seconds for result in report.results)
    screen.say(Text(f"{screen.printable(report.subject)} ({report.profile}): {counts}, in {seconds:.1f} s", style))
    for why, count in skip_reasons(report):
        screen.say(f"skipped {count}: {why}")


def _failures(broken: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_lines=False)
    table.add_column("check", overflow="fold", style="bold red")
    table.add_column("")
    table.add_column("", overflow="fold")
    for result in broken:
        rows = (
            ("sent", result.sends),
            ("came", result.came),
            ("wanted", result.wanted),
            ("remedy", result.remedy),
            ("contract", f"docs/{result.promise.where}: {result.promise.quote}"),
        )
        for number, (name, value) in enumerate(rows):
            shown = Text(screen.printable(value), "yellow" if name == "came" else "")
            table.add_row(result.name if number == 0 else "", Text(name, "dim"), shown, end_section=name == "contract")
    return table


def list_checks(session: Session, checks: Sequence[Check[Any]]) -> None:
    """Every check: its name, what is sent and what must come, and the line of the contract."""
    document = {
        "checks": [
            {
                "name": check.name,
                "sends": check.sends,
                "wants": check.wants,
                "needs": list(check.needs),
                "profiles": list(check.profiles),
                "contract": {"page": f"docs/{check.promise.where}", "quote": check.promise.quote},
            }
            for check in checks
        ]
    }
    session.answer(
        document,
        lambda: screen.show_table(
            ("check", "sends", "wants", "needs"),
            [(check.name, check.sends, check.wants, ", ".join(check.needs)) for check in checks],
        ),
    )


def show_selftest(outcomes: Sequence[Outcome]) -> None:
    """Each control, and the checks that found it."""
    rows: list[tuple[str | Text, ...]] = []
    for outcome in outcomes:
        verdict = Text("right", "green") if outcome.is_right else Text("WRONG", "bold red")
        told = ", ".join(outcome.report.broken) or "nothing"
        if outcome.missed:
            told += f"; missed by {', '.join(outcome.missed)}"
        if outcome.blamed:
            told += f"; blamed by {', '.join(outcome.blamed)}"
        rows.append((outcome.control.name, verdict, outcome.control.what, told))
    screen.show_table(("control", "verdict", "what it does", "found by"), rows)
    right = sum(outcome.is_right for outcome in outcomes)
    screen.say(f"{right} of {len(outcomes)} controls were judged rightly.")


def show_keys(rows: Sequence[Mapping[str, Any]]) -> None:
    """The keys as tables of the settings of this library."""
    for row in rows:
        lines = [f"# {row['role']}: {row['state']}"]
        if row["role"] == "elsewhere":
            lines.append("# Leave it out, or enter it for another platform of the same installation.")
        kind = "public_key" if "public_key" in row else "secret"
        authorities = ", ".join(f'"{name}"' for name in row["authorities"])
        lines += [
            "[[keys]]",
            f'key_id = "{row["key_id"]}"',
            f'algorithm = "{row["algorithm"]}"',
            f'{kind} = "{row[kind]}"',
            f'sender = "{row["sender"]}"',
            f"authorities = [{authorities}]",
            f"not_before = {instant_text(row['not_before'])}",
            f"not_after = {instant_text(row['not_after'])}",
        ]
        if row["revoked_at"] is not None:
            lines.append(f"revoked_at = {instant_text(row['revoked_at'])}")
        comment = "# " if row["role"] == "elsewhere" else ""
        screen.say("\n".join(line if line.startswith("#") else comment + line for line in [*lines, ""]))
