"""The page that shows the books: plain HTML, nothing from elsewhere, every text escaped: it came from outside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from kz_compliance_sdk.wire.values import instant_text

if TYPE_CHECKING:
    from jinja2 import Template

    from kz_compliance_sdk.testing.mock_regulator.agenda import Done, Step
    from kz_compliance_sdk.testing.mock_regulator.books import Books, NoticeRecord
    from kz_compliance_sdk.testing.mock_regulator.faults import Fault
    from kz_compliance_sdk.testing.mock_regulator.push import Push
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

_NEWEST: Final = 200


@cache
def _page() -> Template:
    # Most runs never look at the page, and loading Jinja2 takes some 50 ms.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("kz_compliance_sdk.testing.mock_regulator", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")


def regulator_page(regulator: MockRegulator) -> str:
    """Everything at a glance: time, faults, notices, what is late, sanctions, pushes, what is to come."""
    now, outage = regulator.now(), regulator.faults.outage_at(regulator.now())
    down = "none" if outage is None else f"{outage.how} until {_time(outage.until) if outage.until else 'it is ended'}"
    keys = ", ".join(f"{name} with {regulator.signing.of(name).key_id}" for name in regulator.platforms)
    return _page().render(
        told=f"It is {_time(now)}. What it writes is dated {regulator.skew_s:+d} s. Outage: {down}. "
        f"It signs for {keys}.",
        faults=[_fault_row(*each) for each in regulator.faults.armed()],
        platforms=[_of_platform(regulator.books_of(name), now, regulator.pushes) for name in regulator.platforms],
        to_come=[_step_row(step) for step in regulator.agenda()[:_NEWEST]],
        happened=[_done_row(done) for done in reversed(regulator.history()[-_NEWEST:])],
    )


def _of_platform(books: Books, now: int, pushes: Iterable[Push]) -> Mapping[str, Any]:
    entry = books.registration
    late = [(name, record) for name, record in books.notices.items() if record.is_late(now)]
    own = [push for push in pushes if push.platform_id == books.platform_id]
    return {
        "name": books.platform_id,
        "registration": entry.status if entry else "none",
        "late": [_late_row(name, record, now) for name, record in sorted(late, key=lambda each: each[1].due_at or 0)],
        "notices": [_notice_row(name, record) for name, record in books.notices.items()],
        "sanctions": [
            (each.sanction_id, each.level, ", ".join(each.notice_ids), _time(each.effective_at))
            for each in books.sanctions
        ],
        "pushes": [
            (push.message_id, push.what, _time(push.at), ", ".join(_said(push))) for push in reversed(own[-_NEWEST:])
        ],
    }


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
