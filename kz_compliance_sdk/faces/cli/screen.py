"""What people and programs see: text and tables for the ones, one JSON document for the others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kz_compliance_sdk.domain.values import instant_text, parse_instant

_WIDE = 200
_LEAST = 12
_VALUES_AT = 19
_HOUR_S = 3600
_COUNTED = 100


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would exit with 1, the code of a fault; the root command answers this with a code of its own.
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console without colour or cropping where nobody watches. It reads nothing as markup on its own."""
    stream = sys.stderr if stderr else sys.stdout
    watched = stream.isatty()
    return _Console(
        file=stream,
        width=None if watched else _WIDE,
        no_color=not watched or bool(os.environ.get("NO_COLOR")),
        force_terminal=watched,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not watched,
    )


def printable(text: str) -> str:
    """Text from outside with its control characters made visible: it must not drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def one_line(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def say(text: str | Text, *, stderr: bool = False) -> None:
    """One line for people. The terminal wraps it, so that a command in it can still be copied."""
    console(stderr=stderr).print(text if isinstance(text, Text) else printable(text), soft_wrap=True)


def echo(text: str) -> None:
    """Text exactly as it is, on stdout: what people copy or hand to another program."""
    sys.stdout.write(text + "\n")


def write_document(document: Any) -> None:
    """The one JSON document of this run, on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def both(time: int | str | None) -> str:
    """A time for people, in UTC seconds or as our documents have it: Asia/Almaty, and UTC beside it."""
    if time is None or time == "":
        return "none"
    from kz_compliance_sdk.domain.clock import local  # with the policy behind it, for which no help need wait

    ts = parse_instant(time) if isinstance(time, str) else time
    return f"{local(ts)} Asia/Almaty ({instant_text(ts)})"


def left(seconds: int) -> str:
    """A time that is left, or by how much it was missed: `23 h 05 min`, `4 min 10 s`, `1 h 02 min late`."""
    size = abs(seconds)
    days, hours = divmod(size // _HOUR_S, 24)
    minutes, rest = size % _HOUR_S // 60, size % 60
    if days >= 2:
        text = f"{days} d {hours:02} h"
    elif size >= _HOUR_S:
        text = f"{size // _HOUR_S} h {minutes:02} min"
    elif minutes:
        text = f"{minutes} min {rest:02} s"
    else:
        text = f"{rest} s"
    return f"{text} late" if seconds < 0 else text


def urgency(seconds: int) -> str:
    """The style of a time that is left."""
    if seconds < 0:
        return "bold red"
    if seconds < 2 * _HOUR_S:
        return "red"
    return "yellow" if seconds < 6 * _HOUR_S else "green"


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    whole: Collection[str] = (),
    lead: Sequence[str] = (),
    stderr: bool = False,
) -> None:
    """A table whose cells fold rather than lose anything, but for the columns `whole`, which people copy or compare.

    Where those leave too little room, each row becomes a paragraph that begins with its `lead` cells.
    """
    out = console(stderr=stderr)
    cells = [[cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row] for row in rows]
    widths = [max(map(_width, [Text(name), *(row[place] for row in cells)])) for place, name in enumerate(columns)]
    needed = [size if name in whole else min(size, _LEAST) for name, size in zip(columns, widths, strict=True)]
    if sum(needed) + 2 * (len(columns) - 1) > out.width:
        for row in cells:
            _show_paragraph(out, columns, row, lead or columns[:1])
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in whole)
    for row in cells:
        table.add_row(*row)
    out.print(table)


def _width(text: Text) -> int:
    return max((line.cell_len for line in text.split()), default=0)


def _longest_word(text: Text) -> int:
    return max((Text(word).cell_len for word in text.plain.split()), default=0)


def _show_paragraph(out: Console, columns: Sequence[str], row: Sequence[Text], lead: Sequence[str]) -> None:
    named = dict(zip(columns, row, strict=True))
    out.print(Text("  ").join(named[name] for name in lead), soft_wrap=True)
    rest = [Text.assemble(f"{name} ", cell) for name, cell in named.items() if name not in lead and cell.plain]
    _print_indented(out, Text("; ").join(rest), "  ")


def _print_indented(out: Console, text: Text, indent: str, first: str | None = None) -> None:
    """Text with every line indented, the first one by `first`; where nobody watches, a paragraph is one line."""
    lead = indent if first is None else first
    width = max(_LEAST, out.width - len(indent))
    # A word that is longer than the screen is left to the terminal, which breaks it only to the eye.
    as_it_is = out.soft_wrap or _longest_word(text) > width
    for line in [text] if as_it_is else text.wrap(out, width, overflow="fold"):
        line.rstrip()
        out.print(Text(lead).append_text(line), soft_wrap=True)
        lead = indent


def show_fields(title: str, fields: Iterable[tuple[str, str | Text]], *, stderr: bool = False) -> None:
    """A heading and what belongs to it, one field a line. A value that fits on no line of its own begins the next."""
    out = console(stderr=stderr)
    out.print(Text(printable(title), style="bold"))
    told = list(fields)
    starts = min(2 * _VALUES_AT, max(_VALUES_AT, *(len(name) + 3 for name, _ in told))) if told else 0
    for name, value in told:
        text = value if isinstance(value, Text) else Text(printable(value))
        indent, first = " " * starts, f"  {name:<{starts - 3}} "
        if not out.soft_wrap and _longest_word(text) > out.width - starts:
            out.print(first.rstrip())
            indent = first = "    "
        _print_indented(out, text, indent, first)


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """What long work tells of itself; shown where somebody watches."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _text: None
        return
    with out.status("looking ...") as shown:
        yield lambda text: shown.update(escape(printable(text)))


@contextmanager
def counting() -> Iterator[Callable[[int], None]]:
    """What long work tells of the cases that it has looked at."""
    with working() as tell:
        yield lambda count: tell(f"looking ... {count:,} cases") if count % _COUNTED == 0 else None


def show_template(document: Any, title: str, choices: Sequence[tuple[str, str]]) -> None:
    """A document to fill in, and beside it, where there are any, the words that its fields may hold."""
    write_document(document)
    if choices:
        show_fields(title, choices, stderr=True)
