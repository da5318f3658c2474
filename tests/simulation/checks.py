"""What must be true of a seed in the end, whatever struck it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION
from kz_compliance_sdk.domain.values import instant_text
from tests.scene import PLATFORM, Host, lodged
from tests.simulation.actors import SECRET, Actors
from tests.simulation.world import Simulation


def faults(of: Simulation, actors: Actors) -> Iterator[str]:
    """Every promise that was broken, in words."""
    yield from of.broken
    host = of.on(0)
    # What could not be used when it came is a case of its own until a person has settled it.
    cases = [case for case in host.cases() if not case.quarantine_no]
    by_notice = Counter(case.notice_id for case in cases)
    for notice_id, many in by_notice.items():
        if notice_id not in actors.known.issued:
            yield f"a case of {notice_id}, which nobody issued"
        if many > 1:
            yield f"{many} cases of {notice_id}"
    yield from _lost(host, actors)
    for case in cases:
        yield from _of_case(of, host, actors, case)
    yield from _on_the_platform(of, host)
    yield from _told(of)
    try:
        host.check_chains()
    except AssertionError as error:
        yield f"the audit: {error}"


def _lost(host: Host, actors: Actors) -> Iterator[str]:
    queries = host.store.queries(PLATFORM)
    held = {row.message_id for case in host.cases() for row in queries.records(case.id).inbox}
    held |= {row.message_id for row in lodged(host.store)}
    for message_id in actors.known.answered.keys() - held:
        yield f"{message_id} was acknowledged, and is nowhere to be found"


def _of_case(of: Simulation, host: Host, actors: Actors, case: Case) -> Iterator[str]:
    now, records = of.world.clock(), host.records(case.id)
    answers = actors.known.answered.items()
    due = {
        one["due_at"] for name, one in answers if name.startswith("issued-") and one.get("case_reference") == case.id
    }
    if case.notice_id not in actors.known.restarted and due - {instant_text(case.due_at)}:
        yield f"{case.id}: the due time was {due} and is {instant_text(case.due_at)} now"
    for message in records.messages:
        if message.settled_at is None and message.next_attempt_at <= now:
            yield f"{case.id}: a {message.kind} is still {message.state}"
    if case.lease_owner and (case.lease_expires_at or 0) < now - 600:
        yield f"{case.id}: {case.lease_owner} still holds it"
    if case.watch_at is not None and case.watch_at <= now - 600:
        yield f"{case.id}: a step that was due has not fired"
    steps = Counter(step for on in records.stream.events if on.kind == "escalated" for step in on.event.steps)
    for step, times in steps.items():
        if times > 1 and case.notice_id not in actors.known.restarted | actors.known.fell:
            yield f"{case.id}: {step} fired {times} times"
    if case.state not in (CaseState.CLOSED, CaseState.CANCELLED) and now > case.due_at and not steps:
        yield f"{case.id}: its time is over and nobody was called"
    if case.state is CaseState.CLOSED:
        yield from _reported(of, case)
    acknowledged = [
        json.loads(body)["revision"] for kind, body, _ in of.regulator.books.values() if _is(kind, body, case)
    ]
    # One that came behind a later one is flagged, and speaks for nothing any more.
    if case.revision not in acknowledged or len(set(acknowledged)) < len(acknowledged):
        yield f"{case.id}: revisions {sorted(acknowledged)} are acknowledged of {case.revision}"
    fell = case.notice_id in actors.known.fell - actors.known.restarted
    if fell and f"cancelled-{_number(case)}" in actors.known.answered:
        yield from (
            f"{case.id}: {item.item_id} holds its measure, and its order fell"
            for item in case.items
            if item.status in ("in_force", "kept") and item.measure and item.ground == "local_law"
        )


def _is(kind: str, body: bytes, case: Case) -> bool:
    return kind == "acknowledgement" and json.loads(body)["notice_id"] == case.notice_id


def _number(case: Case) -> str:
    return str(int(case.notice_id.rpartition("-")[2]))


def _reported(of: Simulation, case: Case) -> Iterator[str]:
    """The last report is final, and says of each item what holds."""
    reports = of.regulator.reports(case.notice_id)
    if not reports or not reports[-1]["final"]:
        yield f"{case.id} is closed without a final report"
        return
    if len({one["sequence"] for one in reports}) < len(reports):
        yield f"{case.id}: two reports of one sequence"
    said = {item["item_id"]: item["outcome"] for one in reports for item in one["items"]}
    for item in case.items:
        wanted = {
            "in_force": OUTCOME_OF_ACTION.get(item.measure or "none"),  # type: ignore[call-overload]
            "settled": "refused",
            "lifted": "restored",
        }.get(item.status)
        if wanted is not None and said.get(item.item_id) != wanted:
            yield f"{case.id}: {item.item_id} is {item.status}, and {said.get(item.item_id)} was reported"


def _on_the_platform(of: Simulation, host: Host) -> Iterator[str]:
    """What stands on each object is what some case holds in force."""
    holding = {
        item.object_key
        for case in host.cases()
        for item in case.items
        if item.status in ("in_force", "kept") and item.measure
    }
    standing = {key for key, verb in of.platform.effects.items() if verb != "restore"}
    under_way = {
        item.object_key for case in host.cases() for item in case.items if item.status in ("decided", "lifting")
    }
    for key in standing - holding - under_way:
        yield f"{key}: a measure stands, and no case holds it"
    for key in holding - standing - under_way:
        yield f"{key}: a case holds a measure that does not stand"


def _told(of: Simulation) -> Iterator[str]:
    """No word of a reporter leaves."""
    outside = [body for _, body, _ in of.regulator.books.values()] + [
        repr(one).encode() for one in of.world.pager.alerts
    ]
    if any(SECRET.encode() in body or b"Aigerim" in body for body in outside):
        yield "the reporter's name left"
    if SECRET in "\n".join(of.log):
        yield "the reporter's name is in what was answered"
