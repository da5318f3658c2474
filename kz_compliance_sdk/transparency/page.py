"""A transparency report as one page: no script, nothing to fetch, every chart beside its table, fit for print."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, Literal

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.transparency.figures import Figure
from kz_compliance_sdk.transparency.report import PublishedFigure, TransparencyReport, Value

__all__ = ["LANGUAGES", "Language", "definition", "page", "texts"]

Language = Literal["kk", "ru", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("kk", "ru", "en")

_BAR, _GAP, _NAMES, _WIDE = 22, 8, 260, 720
_MOST_BARS = 25
_STYLE = """\
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60rem; margin: 0 auto;
  padding: 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { border-bottom: 1px solid #888; padding: .3rem .5rem; text-align: left; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.one { font-size: 2rem; font-weight: 600; margin: .25rem 0; }
.draft { border: 3px solid #a00000; color: #a00000; padding: .5rem 1rem; font-weight: 700; }
svg { width: 100%; height: auto; } svg text { font-size: 13px; fill: #1a1a1a; } svg rect { fill: #1f5f99; }
a { color: #0b4f8a; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  section { break-inside: avoid-page; } svg rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


@cache
def texts(lang: Language) -> Mapping[str, Mapping[str, str]]:
    """The words of the page in one language: those of the `page`, the titles of each `figure` and, but in English, its
    `definition`, and the name of each `value`."""
    folder = files("kz_compliance_sdk.transparency")
    return tomllib.loads(folder.joinpath(f"text_{lang}.toml").read_text(encoding="utf-8"))


def definition(figure: Figure, lang: Language) -> str:
    """What a figure counts, in one language. The English words stand with the figures."""
    return figure.definition if lang == "en" else texts(lang)["definition"][figure.id]


def page(report: TransparencyReport, lang: Language) -> bytes:
    """The page in one language, as UTF-8: the same for the same report."""
    said = texts(lang)["page"]
    sections = [_figure(report, one, lang) for one in report.figures]
    period = f"{local(report.period.start)[:10]} – {local(report.period.end - 1)[:10]} ({said['timezone']})"
    withheld = report.value("demands_not_told", "withheld").shown != "0"
    empty = report.value("demands").shown == "0"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(said['title'])}: {escape(report.platform_id)}, {escape(period)}</title>",
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(said['title'])}</h1>",
        f'<p class="draft" role="note">{escape(said["draft"])}</p>' if report.draft else "",
        f"<p>{escape(said['platform'])}: {escape(report.platform_id)}<br>",
        f"{escape(said['period'])}: {escape(period)}<br>",
        f"{escape(said['made'])} {escape(local(report.as_of))} ({escape(said['timezone'])})</p>",
        f"<p>{escape(said['hidden'].format(threshold=report.threshold))}</p>",
        f"<p>{escape(said['withheld'].format(day=local(report.withheld_until)[:10]))}</p>" if withheld else "",
        f"<p><strong>{escape(said['empty'])}</strong></p>" if empty else "",
        _contents(report, lang),
        *sections,
        _times(report, lang),
        "</main>",
        f"<footer><p>{escape(said['unreviewed'])}</p></footer>" if said["unreviewed"] else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part).encode()


def _contents(report: TransparencyReport, lang: Language) -> str:
    said = texts(lang)
    links = "".join(
        f'<li><a href="#{one.figure.id}">{escape(said["figure"][one.figure.id])}</a></li>' for one in report.figures
    )
    heading = escape(said["page"]["contents"])
    return f'<nav aria-label="{heading}"><h2>{heading}</h2><ul>{links}</ul></nav>'


def _figure(report: TransparencyReport, one: PublishedFigure, lang: Language) -> str:
    said = texts(lang)
    name, words = one.figure.id, said["page"]
    title = escape(said["figure"][name])
    if name in report.unrecorded:
        body = f"<p>{escape(words['unrecorded'])}</p>"
    elif name in report.left_out:
        body = f"<p>{escape(words['left_out'])}</p>"
    elif len(one.values) == 1 and not one.values[0].value:
        body = f'<p class="one">{escape(one.values[0].shown)}</p>'
    elif not one.values:
        body = f"<p>{escape(words['nothing'])}</p>"
    else:
        rows = [(_name(value, report, lang), value) for value in one.values]
        body = _chart(name, title, rows, words) + _table(title, rows, words)
    return f'<section id="{name}">\n<h2>{title}</h2>\n<p>{escape(definition(one.figure, lang))}</p>\n{body}\n</section>'


def _name(value: Value, report: TransparencyReport, lang: Language) -> str:
    parts = value.value.split(" / ")
    label = value.label or report.names.get(parts[0], {})
    found = [label.get(lang) or label.get("ru") or label.get("en") or _word(parts[0], lang)]
    return " / ".join([*found, *(_word(part, lang) for part in parts[1:])]) or texts(lang)["page"]["total"]


def _word(value: str, lang: Language) -> str:
    return texts(lang)["value"].get(value, value)


def _table(title: str, rows: list[tuple[str, Value]], words: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="n">{escape(value.shown)}</td></tr>' for name, value in rows
    )
    head = (
        f'<tr><th scope="col">{escape(words["value"])}</th><th scope="col" class="n">{escape(words["count"])}</th></tr>'
    )
    return f"<table><caption>{title}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"


def _chart(name: str, title: str, rows: list[tuple[str, Value]], words: Mapping[str, str]) -> str:
    """Bars for the largest values. A hidden count has no bar, whose length would tell it."""
    largest = sorted(rows, key=lambda row: -(row[1].count or 0))[:_MOST_BARS]
    most = max((value.count or 0 for _, value in largest), default=0)
    if not most:
        return ""
    height = len(largest) * (_BAR + _GAP)
    bars = []
    for number, (label, value) in enumerate(largest):
        y = number * (_BAR + _GAP)
        width = round((value.count or 0) / most * (_WIDE - _NAMES - 90), 1)
        short = label if len(label) <= 36 else f"{label[:35]}…"
        bars.append(f'<text x="{_NAMES - 8}" y="{y + 16}" text-anchor="end">{escape(short)}</text>')
        if value.count:
            bars.append(f'<rect x="{_NAMES}" y="{y}" width="{width}" height="{_BAR}"/>')
        bars.append(f'<text x="{_NAMES + width + 6}" y="{y + 16}">{escape(value.shown)}</text>')
    told = "; ".join(f"{label}: {value.shown}" for label, value in largest)
    return (
        f'<svg viewBox="0 0 {_WIDE} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(words["chart"])}: {title}</title><desc id="{name}-d">{escape(told)}</desc>'
        f"{''.join(bars)}</svg>"
    )


def _times(report: TransparencyReport, lang: Language) -> str:
    words = texts(lang)["page"]
    if not report.times:
        return ""
    body = "".join(
        f'<tr><td>{escape(words[f"until_{t.of}"])}</td><th scope="row">{escape(words[f"by_{t.by}"])}'
        f"{': ' + escape(_name(Value(t.value, 0, ''), report, lang)) if t.value else ''}</th>"
        f'<td class="n">{_span(t.median_s, words)}</td><td class="n">{_span(t.p95_s, words)}</td></tr>'
        for t in report.times
    )
    heads = [("until", ""), ("for", ""), ("median", ' class="n"'), ("p95", ' class="n"')]
    head = "".join(f'<th scope="col"{kind}>{escape(words[name])}</th>' for name, kind in heads)
    title = escape(words["times"])
    table = f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<section id="times">\n<h2>{title}</h2>\n{table}\n</section>'


def _span(seconds: int, words: Mapping[str, str]) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} {escape(words['hours'])} {minutes:02} {escape(words['minutes'])}"
