"""The audit trail: check it, make a checkpoint over all cases, prove that a case is in one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Json, Session, case_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kz_compliance_sdk.evidence.verify_store import AuditVerdict

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    audit = typer.Typer(help="The audit trail.", no_args_is_help=True)
    audit.callback()(_group)
    audit.command("verify")(verify)
    audit.command("checkpoint")(checkpoint)
    audit.command("prove")(prove)
    app.add_typer(audit, name="audit")


def _group() -> None:
    """The audit trail."""


def verify(
    ctx: typer.Context,
    case: Annotated[str | None, typer.Argument(metavar="[CASE]", help="One case; without it, all.")] = None,
    held: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="What was kept elsewhere: checkpoints, or reports that carry one, a JSON document on each line. "
            "- reads standard input.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the audit trail of one case or of all. Exit code 4 if anything was changed, cut, rewritten or put back."""
    session = Session.of(ctx)
    kept = None if held is None else _read(held)
    with session.desk() as desk:
        case_id = None if case is None else case_id_of(desk, case)
        verdict = _watched(lambda progress: desk.verify_audit(case_id, progress, checkpoint=kept))
        erased = desk.privacy.erased() if case_id is None else 0
        erased_at = None if case_id is None or verdict.faults else desk.case(case_id).erased_at
    document = {
        "checked": verdict.checked,
        "intact": verdict.intact,
        "erased": erased if case_id is None else int(erased_at is not None),
        "faults": [{"case": fault.case_id, "seq": fault.seq, "what": fault.what} for fault in verdict.faults],
        "not_provable": list(verdict.not_provable),
    }
    session.answer(document, lambda: _show(verdict, erased, erased_at))
    if verdict.faults:
        raise typer.Exit(FOUND)


def _show(verdict: AuditVerdict, erased: int, erased_at: int | None) -> None:
    if verdict.faults:
        rows = [(one.case_id or "-", str(one.seq), one.what) for one in verdict.faults]
        screen.show_table(("case", "event", "fault"), rows, whole=("case",), lead=("case", "event"))
        faulty = len({fault.case_id for fault in verdict.faults})
        many = "s" * (len(verdict.faults) > 1)
        screen.say(f"{len(verdict.faults)} fault{many} in {faulty} of {verdict.checked} cases.")
    else:
        cases = "case" if verdict.checked == 1 else "cases"
        screen.say(f"{verdict.checked} {cases} checked: every chain is whole.")
        if erased_at is not None:
            screen.say(f"Its personal data was erased on {screen.both(erased_at)}; the digests stay.")
        elif erased:
            screen.say(f"The personal data of {erased} was erased; the digests stay.")
    for what in verdict.not_provable:
        screen.say(f"Not provable: {what}.")


def checkpoint(ctx: typer.Context, as_json: Json = False) -> None:
    """Make a checkpoint over all cases now, hand it to who keeps them, and print it: one line, to be kept elsewhere."""
    session = Session.of(ctx)
    with session.desk() as desk:
        made = desk.proof.checkpoint()
    _write_line(made.line)


def prove(
    ctx: typer.Context,
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="The case to prove; without it, the growth since --since.")
    ] = None,
    since: Annotated[
        int | None, typer.Option("--since", metavar="SIZE", help="The size of an earlier checkpoint.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what proves that the last checkpoint holds a case, or continues an earlier one. RFC 9162, as JSON."""
    session = Session.of(ctx)
    if (case is None) == (since is None):
        raise InvalidInput("it is not clear what to prove.", field="CASE", remedy="Give either a case or --since.")
    with session.desk() as desk:
        if case is not None:
            screen.write_document(desk.proof.prove(case_id_of(desk, case)))
        elif since is not None:
            screen.write_document(desk.proof.prove_growth(since))


def _write_line(line: bytes) -> None:
    sys.stdout.write(line.decode("utf-8") + "\n")


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}.",
            field="--checkpoint",
            remedy="Name the file in which the checkpoints were kept, or - for standard input.",
        ) from None


def _watched(work: Callable[[Callable[[int], None]], Any]) -> Any:
    """Run long work, with a running count for whoever watches."""
    out = screen.console(stderr=True)
    if not out.is_terminal:
        return work(lambda _count: None)
    with out.status("checking ...") as shown:
        return work(lambda count: shown.update(f"checking ... {count} cases") if count % 100 == 0 else None)
