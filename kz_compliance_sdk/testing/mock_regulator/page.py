"""The page that shows the books: plain HTML, nothing from elsewhere, every text escaped: it came from outside."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from kz_compliance_sdk.wire.values import instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.agenda import Done, Step
    from kz_compliance_sdk.testing.mock_regulator.books import Books, NoticeRecord
    from kz_compliance_sdk.testing.mock_regulator.faults import Fault
    from kz_compliance_sdk.testing.mock_regulator.push import Push
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

__all__ = ["regulator_page"]

_NEWEST: Final = 200
_STYLE: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;margin:.5rem 0 2rem}caption{text-align:left;font-weight:600;padding:.25rem 0}"
    "th,td{border:1px solid #c8cdd3;padding:.25rem .6rem;text-align:left;vertical-align:top}th{background:#f2f4f6}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181b}th,td{border-color:#454c54}th{background:#22272c}}"
)


def regulator_page(regulator: MockRegulator) -> str:
    """Everything at a glance: time, faults, notices, what is late, sanctions, pushes, what is to come."""
    now, outage = regulator.now(), regulator.faults.outage_at(regulator.now())
    down = "none" if outage is None else f"{outage.how} until {_time(outage.until) if outage.until else 'it is ended'}"
    keys = ", ".join(f"{name} with {regulator.signing.of(name).key_id}" for name in regulator.platforms)
    told = f"It is {_time(now)}. What it writes is dated {regulator.skew_s:+d} s. Outage: {down}. It signs for {keys}."
    parts = [
        f"<p>{html.escape(told)}</p>",
        _table(
            "Faults armed",
            ("number", "kind", "strikes", "times left", "details"),
            (_fault_row(*each) for each in regulator.faults.armed()),
        ),
    ]
    for name in regulator.platforms:
        parts += _of_platform(regulator.books_of(name), now, regulator.pushes)
    parts.append(
        _table("Still to happen", ("at", "what", "about"), (_step_row(step) for step in regulator.agenda()[:_NEWEST]))
    )
    parts.append(
        _table(
            "What happened, newest first",
            ("at", "what", "about", "outcome"),
            (_done_row(done) for done in reversed(regulator.history()[-_NEWEST:])),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mock regulator</title>'
        f"<style>{_STYLE}</style></head><body><h1>Mock regulator</h1>{''.join(parts)}</body></html>"
    )


def _of_platform(books: Books, now: int, pushes: Iterable[Push]) -> list[str]:
    entry = books.registration
    late = [(name, record) for name, record in books.notices.items() if record.is_late(now)]
    own = [push for push in pushes if push.platform_id == books.platform_id]
    return [
        f"<h2>{html.escape(books.platform_id)}</h2>",
        f"<p>Registration: {html.escape(entry.status if entry else 'none')}.</p>",
        _table(
            "Late",
            ("notice", "was due at", "late by", "authority"),
            (_late_row(name, record, now) for name, record in sorted(late, key=lambda each: each[1].due_at or 0)),
        ),
        _table(
            "Notices",
            (
                "notice",
                "revision",
                "due at",
                "messages",
                "acknowledgements",
                "clarification requests",
                "reports",
                "outcomes",
            ),
            (_notice_row(name, record) for name, record in books.notices.items()),
        ),
        _table(
            "Sanctions",
            ("sanction", "level", "for", "effective at"),
            (
                (each.sanction_id, each.level, ", ".join(each.notice_ids), _time(each.effective_at))
                for each in books.sanctions
            ),
        ),
        _table(
            "Pushes, newest first",
            ("message", "what", "at", "answers"),
            ((push.message_id, push.what, _time(push.at), ", ".join(_said(push))) for push in reversed(own[-_NEWEST:])),
        ),
    ]


def _time(at: int) -> str:
    return instant_text(at)


def _late_row(name: str, record: NoticeRecord, now: int) -> tuple[str, ...]:
    due_at = record.due_at or now
    late = now - due_at
    return name, _time(due_at), f"{late // 3600} h {late % 3600 // 60} min", record.notice.issuing_authority.id


def _notice_row(name: str, record: NoticeRecord) -> tuple[str, ...]:
    return (
        name,
        str(record.notice.revision),
        _time(record.due_at) if record.due_at is not None else "",
        ", ".join(message.type for message in record.messages),
        str(len(record.of_kind("acknowledgement"))),
        str(len(record.of_kind("clarification_request"))),
        ", ".join(
            f"{report.sequence}{' final' if report.final else ''}"
            f"{f' (checkpoint {report.checkpoint.size})' if report.checkpoint else ''}"
            for report in record.reports()
        ),
        ", ".join(f"{item_id}: {outcome}" for item_id, outcome in record.outcomes().items()),
    )


def _fault_row(number: int, fault: Fault, left: int | None) -> tuple[str, ...]:
    plain = {each.name: each.default for each in dataclasses.fields(fault) if each.name not in ("kind", "times")}
    told = ", ".join(f"{name} {getattr(fault, name)}" for name, usual in plain.items() if getattr(fault, name) != usual)
    return str(number), fault.kind, fault.on or fault.path or "all", "for ever" if left is None else str(left), told


def _step_row(step: Step) -> tuple[str, ...]:
    data = step.data
    about = getattr(data, "notice_id", None) or getattr(data, "sanction_id", None) or getattr(data, "kind", None)
    return _time(step.at), step.act, str(about if about is not None else data if isinstance(data, int | str) else "")


def _done_row(done: Done) -> tuple[str, ...]:
    return (*_step_row(done.step), done.outcome)


def _said(push: Push) -> list[str]:
    return [str(answer.status) if answer.status is not None else answer.error for answer in push.answers]


def _table(caption: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
