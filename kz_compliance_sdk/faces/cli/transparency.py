"""The public figures of a period, published once and revised; and the office's own, which are never published."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from kz_compliance_sdk.errors import Conflict, StoreError
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Option, command, root
from kz_compliance_sdk.faces.cli.screen import counting
from kz_compliance_sdk.faces.cli.session import Session, at_file, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.transparency.report import Period


FILES = ("figures.csv", "report.json", "report.html", "lumen.jsonl")
OWN_FILES = ("INTERNAL-figures.csv", "INTERNAL-figures.json")
_First = Annotated[str, Option("--from", metavar="DAY", help="The first day, YYYY-MM-DD, in Almaty.")]
_Last = Annotated[str, Option(metavar="DAY", help="The last day, which still belongs to it.")]


@command(root, "transparency")
def transparency(
    session: Session,
    first: _First,
    to: _Last,
    out: Annotated[
        Path | None, Option("--out", metavar="DIR", help=f"Write {', '.join(FILES)} into this folder.")
    ] = None,
    lang: Annotated[Literal["kk", "ru", "en"], Option(help="The language of the page.")] = "ru",
    draft: Annotated[
        bool,
        Option("--draft", help="Publish nothing: any days, also before the embargo is over. Every file says so."),
    ] = False,
    revise: Annotated[
        bool, Option("--revise", help="Publish a revision of what was published, as the records stand now.")
    ] = False,
    with_urls: Annotated[
        bool, Option("--with-urls", help="Name the addresses of items to Lumen. Without it no file has any.")
    ] = False,
) -> Answer:
    """Publish the transparency report of whole months, once: what was demanded, by whom, on what ground, and what came
    of it. For months that were published it gives that report again."""
    from kz_compliance_sdk.transparency.page import page
    from kz_compliance_sdk.transparency.report import document, figures_csv, report_json

    period = _period(first, to)
    if draft and revise:
        raise wrong("--revise", "a draft publishes nothing.", "Leave out one of the two.")
    if with_urls and out is None:
        raise wrong("--out", "there is nowhere to write it.", "Name a folder.")
    written = []
    with session.desk() as desk:
        if out is not None:
            _folder(out, OWN_FILES)
        actor = session.actor(desk.settings)
        with counting() as progress:
            if draft:
                report = desk.transparency.draft(period, progress=progress)
            else:
                report = desk.transparency.publish(actor, period, revise=revise, progress=progress)
        if out is not None:
            made: list[Iterable[bytes]] = [[figures_csv(report)], [report_json(report)], [page(report, lang)]]
            made.append(desk.transparency.lumen(actor, report, with_urls=with_urls))
            for name, parts in zip(FILES, made, strict=True):
                try:
                    written.append(_write(out / name, parts))
                except Conflict as error:
                    session.tell(f"{name} was not written: {error.message}")
            if report.value("demands_told").count is None:
                session.tell(
                    f"{FILES[-1]} is empty: the report hides how many demands it tells, and lines can be counted."
                )
    return Answer(Document(document(report), _written=written), views.transparency)


@command(root, "internal-figures")
def internal_figures(
    session: Session,
    first: _First,
    to: _Last,
    out: Annotated[
        Path | None, Option("--out", metavar="DIR", help=f"Write {' and '.join(OWN_FILES)} into this folder.")
    ] = None,
) -> Answer:
    """Count exactly, by month, authority, category and person. For a lead, a lawyer or the head: never publish it. The
    ledger says who did."""
    from kz_compliance_sdk.transparency.own import own_csv, own_document, own_json

    period, written = _period(first, to), []
    with session.desk() as desk:
        figures = desk.transparency.own(session.actor(desk.settings), period)
        if out is not None:
            _folder(out, FILES)
            made = [[own_csv(figures)], [own_json(figures)]]
            written = [_write(out / name, parts, mode=0o600) for name, parts in zip(OWN_FILES, made, strict=True)]
    return Answer(Document(own_document(figures), _written=written), views.internal_figures)


def _folder(out: Path, never_beside: Iterable[str]) -> None:
    """Somebody publishes what lies in a folder: what is internal never lies beside what is public."""
    with at_file("--out", out, "written", "Name another folder."):
        out.mkdir(parents=True, exist_ok=True)
    there = [name for name in never_beside if (out / name).exists()]
    if there:
        raise wrong("--out", f"{there[0]} lies there, and the two never lie together.", "Name another folder.")


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


def _write(path: Path, parts: Iterable[bytes], mode: int = 0o666) -> Path:
    """Whole or not at all: somebody may be publishing from this folder."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with open(new, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.writelines(parts)
        os.replace(new, path)  # noqa: PTH105
    except Conflict:
        new.unlink(missing_ok=True)
        raise
    except OSError as error:
        new.unlink(missing_ok=True)
        raise StoreError(f"{path} could not be written: {error.strerror}.", code="output") from error
    return path
