"""The transparency report: the public figures of a period, as files or as one document."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kz_compliance_sdk.errors import InvalidInput, StoreError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.handed_in import by_option
from kz_compliance_sdk.faces.cli.session import Json, Session

if TYPE_CHECKING:
    from kz_compliance_sdk.transparency.publication import Workload
    from kz_compliance_sdk.transparency.report import Period, TransparencyReport

__all__ = ["register"]

FILES = ("figures.csv", "report.json", "report.html", "lumen.jsonl")
_STAFF = "staff-internal.csv"


def register(app: typer.Typer) -> None:
    """Add `transparency` to the root."""
    app.command("transparency")(transparency)


def _day(text: str, option: str) -> datetime:
    from kz_compliance_sdk.domain.clock import almaty

    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=almaty())
    except ValueError:
        raise InvalidInput("this is no day.", field=option, remedy="Write YYYY-MM-DD, a day in Almaty.") from None


def _period(first: str, last: str) -> Period:
    from kz_compliance_sdk.transparency.report import Period

    start, end = _day(first, "--from"), _day(last, "--to")
    try:
        until = end + timedelta(days=1)
        with by_option(to="--to"):
            return Period(int(start.timestamp()), int(until.timestamp()))
    except OverflowError:
        raise InvalidInput("this day is too late.", field="--to", remedy="Give an earlier day.") from None


def transparency(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day, YYYY-MM-DD, in Almaty.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last day, which still belongs to it.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help=f"Write {', '.join(FILES)} into this folder.")
    ] = None,
    lang: Annotated[Literal["kk", "ru", "en"], typer.Option(help="The language of the page.")] = "ru",
    draft: Annotated[
        bool, typer.Option("--draft", help="Before the embargo is over; every file is marked as a draft.")
    ] = False,
    with_urls: Annotated[
        bool, typer.Option("--with-urls", help="Name the addresses of items to Lumen. Without it no file has any.")
    ] = False,
    staff: Annotated[
        bool, typer.Option("--staff", help=f"Also {_STAFF}: who decided how much, under pseudonyms. Never publish it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the transparency report of a period: what was demanded, by whom, on what ground, and what came of it."""
    session = Session.of(ctx)
    period = _period(first, last)
    if (with_urls or staff) and out is None:
        raise InvalidInput("there is nowhere to write it.", field="--out", remedy="Name a folder.")
    with session.desk() as desk:
        workloads = desk.transparency.workloads(period) if staff else []
        with _counted() as progress, by_option(to="--to"):
            report = desk.transparency.report(period, draft=draft, progress=progress)
        written: list[Path] = []
        if out is not None:
            lines = desk.transparency.lumen(report, with_urls=with_urls)
            written = _write(out, report, lang, lines)
            if staff:
                written.append(_write_file(out / _STAFF, [_workloads_csv(workloads)]))
    from kz_compliance_sdk.transparency.forms import document

    session.answer(document(report), lambda: _show(report, written))


def _write(
    out: Path, report: TransparencyReport, lang: Literal["kk", "ru", "en"], lines: Iterator[bytes]
) -> list[Path]:
    from kz_compliance_sdk.transparency.forms import figures_csv, report_json
    from kz_compliance_sdk.transparency.page import page

    contents: tuple[Iterable[bytes], ...] = ([figures_csv(report)], [report_json(report)], [page(report, lang)], lines)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"the folder cannot be made: {error.strerror}.", field="--out", remedy="Name another one."
        ) from error
    return [_write_file(out / name, content) for name, content in zip(FILES, contents, strict=True)]


def _write_file(path: Path, parts: Iterable[bytes]) -> Path:
    """Whole or not at all: somebody may be publishing from this folder."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.writelines(parts)
        os.replace(new, path)  # noqa: PTH105
    except OSError as error:
        new.unlink(missing_ok=True)
        raise StoreError(f"{path} could not be written: {error.strerror}.", code="output") from error
    return path


def _workloads_csv(workloads: list[Workload]) -> bytes:
    rows = ["pseudonym,proposed,approved", *(f"{w.pseudonym},{w.proposed},{w.approved}" for w in workloads)]
    return "".join(f"{row}\r\n" for row in rows).encode()


@contextmanager
def _counted() -> Iterator[Callable[[int], None] | None]:
    """How far it is, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    with screen.console(stderr=True).status("Counting ...") as status:
        yield lambda number: status.update(f"Counting ... {number:,} cases")


def _show(report: TransparencyReport, written: list[Path]) -> None:
    title = "Transparency report" + (" (draft, not for publication)" if report.draft else "")
    if report.value("demands").shown == "0":
        screen.say(f"{title}: no demand was received in this period.")
    else:
        rows = [
            (one.figure.id, value.value, value.shown)
            for one in report.figures
            for value in one.values
            if " / " not in value.value
        ]
        screen.show_table(("figure", "value", "count"), rows, whole=("figure", "count"))
        screen.say(
            f"<{report.threshold}: fewer than {report.threshold}; *: hidden, since a small count followed from it."
        )
    for path in written:
        screen.say(f"Wrote {path}")
