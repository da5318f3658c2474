"""The transparency report: the public figures of a period, as files or as one document."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Option, command, root
from kz_compliance_sdk.faces.cli.documents import Document
from kz_compliance_sdk.faces.cli.screen import counting
from kz_compliance_sdk.faces.cli.session import Session, at_file, wrong

if TYPE_CHECKING:
    from kz_compliance_sdk.transparency.publication import Workload
    from kz_compliance_sdk.transparency.report import Period


FILES = ("figures.csv", "report.json", "report.html", "lumen.jsonl")
_STAFF = "staff-internal.csv"


@command(root, "transparency")
def transparency(
    session: Session,
    first: Annotated[str, Option("--from", metavar="DAY", help="The first day, YYYY-MM-DD, in Almaty.")],
    to: Annotated[str, Option(metavar="DAY", help="The last day, which still belongs to it.")],
    out: Annotated[
        Path | None, Option("--out", metavar="DIR", help=f"Write {', '.join(FILES)} into this folder.")
    ] = None,
    lang: Annotated[Literal["kk", "ru", "en"], Option(help="The language of the page.")] = "ru",
    draft: Annotated[
        bool, Option("--draft", help="Before the embargo is over; every file is marked as a draft.")
    ] = False,
    with_urls: Annotated[
        bool, Option("--with-urls", help="Name the addresses of items to Lumen. Without it no file has any.")
    ] = False,
    staff: Annotated[
        bool, Option("--staff", help=f"Also {_STAFF}: who decided how much, under pseudonyms. Never publish it.")
    ] = False,
) -> Answer:
    """Make the transparency report of a period: what was demanded, by whom, on what ground, and what came of it."""
    from kz_compliance_sdk.transparency.page import page
    from kz_compliance_sdk.transparency.report import document, figures_csv, report_json

    period = _period(first, to)
    if (with_urls or staff) and out is None:
        raise wrong("--out", "there is nowhere to write it.", "Name a folder.")
    written = []
    with session.desk() as desk:
        workloads = desk.transparency.workloads(period) if staff else []
        with counting() as progress:
            report = desk.transparency.report(period, draft=draft, progress=progress)
        if out is not None:
            with at_file("--out", out, "written", "Name another folder."):
                out.mkdir(parents=True, exist_ok=True)
            lines = desk.transparency.lumen(report, with_urls=with_urls)
            made: list[Iterable[bytes]] = [[figures_csv(report)], [report_json(report)], [page(report, lang)], lines]
            named = [*zip(FILES, made, strict=True), *([(_STAFF, [_workloads_csv(workloads)])] if staff else [])]
            written = [_write(out / name, parts) for name, parts in named]
    return Answer(Document(document(report), _written=written), views.transparency)


def _period(first: str, last: str) -> Period:
    from kz_compliance_sdk.transparency.report import Period

    start, end = _day(first, "--from"), _day(last, "--to")
    try:
        until = end + timedelta(days=1)
    except OverflowError:
        raise wrong("--to", "this day is too late.", "Give an earlier day.") from None
    return Period(int(start.timestamp()), int(until.timestamp()))


def _day(text: str, option: str) -> datetime:
    from kz_compliance_sdk.domain.clock import almaty

    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=almaty())
    except ValueError:
        raise wrong(option, "this is no day.", "Write YYYY-MM-DD, a day in Almaty.") from None


def _write(path: Path, parts: Iterable[bytes]) -> Path:
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
