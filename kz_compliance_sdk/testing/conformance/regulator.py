"""All the checks of a regulator, as a platform meets it: its feed, receipts, idempotency, look-ups and pushes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing.conformance.checks import Broken, Check, Report, chosen, expect, run, silent
from kz_compliance_sdk.testing.conformance.scenes import (
    HOUR,
    KINDS,
    Act,
    Kind,
    RegulatorScene,
    RegulatorTarget,
    exact,
    expect_problem_type,
    written,
)
from kz_compliance_sdk.testing.conformance.transport import Listener, Transport
from kz_compliance_sdk.testing.mock_regulator.exchange import Request
from kz_compliance_sdk.wire.v1 import FeedEntry, read_message

_MOST: Final = 20


def feed_page(scene: RegulatorScene) -> None:
    page = scene.page()
    if page.data and page.next_cursor is None:
        raise Broken("entries without a next_cursor", "a next_cursor after the entries")


def _is_for_the_platform(scene: RegulatorScene, body: bytes, what: str) -> None:
    try:
        message = read_message(body)
    except Unreadable as wrong:
        raise Broken(f"{what}: {wrong}", "a message of the contract") from None
    if message.platform_id != scene.target.platform_id:
        raise Broken(f"{what} is for {message.platform_id!r}", f"messages for {scene.target.platform_id!r}")


def feed_messages(scene: RegulatorScene) -> None:
    for entry in scene.entries(100, _MOST):
        _is_for_the_platform(scene, exact(entry), f"entry {entry.sequence}")


def feed_signed(scene: RegulatorScene) -> None:
    for entry in scene.entries(100, _MOST):
        scene.check_message_signed(entry.header_list(), exact(entry), f"entry {entry.sequence}")


def feed_in_order(scene: RegulatorScene) -> None:
    numbers = [entry.sequence for entry in scene.entries(100, _MOST)]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise Broken(f"sequences {numbers}", "growing sequences")


def _bodies(entries: list[FeedEntry]) -> list[str]:
    return [entry.body for entry in entries]


def feed_skips_nothing(scene: RegulatorScene) -> None:
    whole = _bodies(scene.entries(100, _MOST))[:_MOST]
    single = _bodies(scene.entries(1, len(whole)))
    lost = [number for number, body in enumerate(whole, start=1) if body not in single]
    if lost:
        raise Broken(f"entries {lost} are missing when read one by one", "every entry, whatever the page's size")


def feed_moves_on(scene: RegulatorScene) -> None:
    whole = scene.entries(100, _MOST)[:_MOST]
    single = scene.entries(1, len(whole))
    twice = len(single) - len(set(_bodies(single)))
    if twice:
        raise Broken(f"{twice} entries come again when read one by one", "each entry once")


def feed_cursor_again(scene: RegulatorScene) -> None:
    cursor = scene.page(limit=1).next_cursor
    if cursor is None:
        return
    first, again = (_bodies(list(scene.page(cursor, 1).data)) for _ in range(2))
    if first != again:
        raise Broken("another page under the same cursor", "the same page under the same cursor")


def feed_limit(scene: RegulatorScene) -> None:
    count = len(scene.page(limit=1).data)
    if count > 1:
        raise Broken(f"{count} entries to limit=1", "1 entry at most")


def feed_strange_cursor(scene: RegulatorScene) -> None:
    answer = scene.get("/notices?limit=1&after=conformance-never-given-out")
    if not 400 <= answer.status < 500:
        raise Broken(f"{answer} to a cursor that was never given out", "a problem, 400")


def push_signed(scene: RegulatorScene) -> None:
    for push in scene.pushes():
        scene.check_message_signed(push.request.headers, push.request.body, "a push")


def push_again(scene: RegulatorScene) -> None:
    came = scene.pushes()
    statuses = [push.status for push in came if push.request.body == came[0].request.body]
    if 202 not in statuses:
        raise Broken("not pushed again after a 503 with Retry-After", "the same bytes again")


def push_message(scene: RegulatorScene) -> None:
    for push in scene.pushes():
        _is_for_the_platform(scene, push.request.body, "a push")


def push_in_feed(scene: RegulatorScene) -> None:
    bodies = {push.request.body for push in scene.pushes()}
    held = {exact(entry) for entry in scene.entries(100, 100_000)}
    if not bodies <= held:
        raise Broken("what was pushed is not in the feed, byte for byte", "the same envelope either way")


AT_ONCE: Final = 4
_UNKNOWN: Final = "conformance-no-such-notice"


# ------------------------------------------------------------------------------------------- receipts


def records(kind: Kind) -> Callable[[RegulatorScene], None]:
    def run(scene: RegulatorScene) -> None:
        sent = scene.submit(kind, *scene.submission(kind))
        expect(sent.answer, 201, what=f"to {kind}")
        scene.receipt(sent.answer, kind)

    return run


def receipt_names_message(scene: RegulatorScene) -> None:
    for kind in KINDS:
        sent = scene.recorded(kind)
        receipt = scene.receipt(sent.answer, kind)
        if receipt.subject_id != sent.key:
            raise Broken(f"{kind}: subject_id {receipt.subject_id!r}", f"subject_id {sent.key!r}")


def receipt_names_digest(scene: RegulatorScene) -> None:
    for kind in KINDS:
        sent = scene.recorded(kind)
        receipt = scene.receipt(sent.answer, kind)
        if not receipt.covers(receipt.subject_id, sent.body):
            raise Broken(f"{kind}: body_sha256 {receipt.body_sha256}", "the SHA-256 of the bytes that were sent")


def receipt_signed(scene: RegulatorScene) -> None:
    for kind in KINDS:
        scene.check_signed(scene.recorded(kind).answer, kind)


def same_key_same_receipt(scene: RegulatorScene) -> None:
    for kind in KINDS:
        first = scene.recorded(kind)
        again = scene.submit(kind, first.key, first.body)
        expect(again.answer, 200, 201, what=f"to the same {kind} again")
        one, two = (scene.receipt(each.answer, kind).receipt_id for each in (first, again))
        if one != two:
            raise Broken(f"{kind}: a second receipt, {two!r} after {one!r}", "the same receipt")


def same_key_at_once(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    sent = scene.submit_at_once("reports", key, body, AT_ONCE)
    for one in sent:
        expect(one.answer, 200, 201, what=f"to the same report {AT_ONCE} times at once")
    receipts = {scene.receipt(one.answer, "reports").receipt_id for one in sent}
    if len(receipts) != 1:
        raise Broken(f"{len(receipts)} receipts", "one receipt")


def same_key_other_bytes(scene: RegulatorScene) -> None:
    for kind in KINDS:
        first = scene.recorded(kind)
        other = scene.submit(kind, first.key, first.body.replace(b'"case_reference":"', b'"case_reference":"other ', 1))
        expect(other.answer, 409, 422, what=f"to other {kind} under the same key")


# ------------------------------------------------------------------------------------------- reports


def report_standing(scene: RegulatorScene) -> None:
    case = scene.new_id("case")
    first = scene.recorded("reports", case_reference=case)
    second = scene.submit("reports", *scene.submission("reports", case_reference=case))
    expect(second.answer, 409, what="to another report of the same case and sequence")
    receipt = scene.receipt(second.answer, "409")
    if receipt.subject_id != first.key:
        raise Broken(f"409 with a receipt of {receipt.subject_id!r}", f"the recorded one, {first.key!r}")


def report_next(scene: RegulatorScene) -> None:
    case = scene.new_id("case")
    scene.recorded("reports", case_reference=case)
    scene.recorded("reports", case_reference=case, sequence=3)


def _unknown_item(scene: RegulatorScene) -> Request:
    key, body = scene.submission("reports")
    return scene.posting("reports", key, body.replace(b'"item_id":"', b'"item_id":"no-such-item-'))


# ------------------------------------------------------------------------------------------- look-ups


def look_up_report(scene: RegulatorScene) -> None:
    sent = scene.recorded("reports")
    answer = scene.get(f"/reports/{sent.key}")
    expect(answer, 200, what="to a report that was recorded")
    first, found = scene.receipt(sent.answer, "reports"), scene.receipt(answer, "the look-up")
    if first.receipt_id != found.receipt_id:
        raise Broken(f"another receipt, {found.receipt_id!r}", f"the same, {first.receipt_id!r}")


def look_up_notice(scene: RegulatorScene) -> None:
    sent = {kind: scene.recorded(kind) for kind in KINDS}
    answer = scene.get(f"/notices/{scene.notice().notice_id}")
    expect(answer, 200, what="to a notice that is held")
    held = answer.document()
    for kind, one in sent.items():
        rows = held.get(kind.replace("-", "_"))
        names = {row.get("subject_id") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
        if one.key not in names:
            raise Broken(f"no receipt of {kind}", f"the receipt of {one.key}")


def _about_unknown_notice(scene: RegulatorScene) -> Request:
    key, body = scene.submission("reports")
    wrong = body.replace(scene.notice().notice_id.encode(), _UNKNOWN.encode())
    return scene.posting("reports", key, wrong, notice_id=_UNKNOWN)


# ------------------------------------------------------------------------------------------- who asks


def _post(scene: RegulatorScene, **how: Any) -> Request:
    """A signed report about nothing: it must fall to its signature before anybody reads it."""
    more = [("idempotency-key", scene.new_id("report"))]
    return scene.request("POST", f"/notices/{_UNKNOWN}/reports", b"{}", more=more, **how)


def _bare(request: Request) -> Request:
    kept = ("content-type", "idempotency-key")
    return replace(request, headers=[pair for pair in request.headers if pair[0] in kept])


def unsigned(scene: RegulatorScene) -> None:
    for request in (scene.request("GET", "/notices?limit=1"), _post(scene)):
        expect(scene.send(_bare(request)), 401, what=f"to an unsigned {request.method}")


def wrong_key(scene: RegulatorScene) -> None:
    false = replace(scene.stranger, key_id=scene.target.signing_key.key_id)
    for request in (scene.request("GET", "/notices?limit=1", key=false), _post(scene, key=false)):
        expect(scene.send(request), 401, what=f"to a {request.method} that a stranger signed")


def refused_is_not_recorded(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    scene.send(_bare(scene.posting("reports", key, body)))
    expect(scene.get(f"/reports/{key}"), 404, what="to the look-up of a report that was not signed")


def problems(scene: RegulatorScene) -> None:
    answers = {
        "a notice that was never issued": scene.get(f"/notices/{_UNKNOWN}"),
        "a report that was never sent": scene.get(f"/reports/{scene.new_id('report')}"),
        "an unsigned request": scene.send(_bare(scene.request("GET", "/notices?limit=1"))),
    }
    for what, answer in answers.items():
        expect_problem_type(answer, f"{what}: ")
        problem = answer.document()
        for name in ("type", "title", "code"):
            if not isinstance(problem.get(name), str) or not problem[name]:
                raise Broken(f"{what}: {name} {problem.get(name)!r}", f"a problem with {name}")
        if problem.get("status") != answer.status:
            raise Broken(f"{what}: status {problem.get('status')!r} in the problem", f"status {answer.status}")


_ACTS: Final[Mapping[str, Act[RegulatorScene]]] = {
    "feed.page": feed_page,
    "feed.messages": feed_messages,
    "feed.signatures": feed_signed,
    "feed.oldest_first": feed_in_order,
    "feed.skips_nothing": feed_skips_nothing,
    "feed.moves_on": feed_moves_on,
    "feed.cursor_again": feed_cursor_again,
    "feed.limit": feed_limit,
    "feed.strange_cursor": feed_strange_cursor,
    "acknowledgement.recorded": records("acknowledgements"),
    "clarification_request.recorded": records("clarification-requests"),
    "report.recorded": records("reports"),
    "report.one_for_each_sequence": report_standing,
    "report.sequence_may_have_gaps": report_next,
    "report.unknown_item": _unknown_item,
    "receipt.names_the_message": receipt_names_message,
    "receipt.names_the_digest": receipt_names_digest,
    "receipt.is_signed": receipt_signed,
    "idempotency.same_bytes": same_key_same_receipt,
    "idempotency.at_once": same_key_at_once,
    "idempotency.other_bytes": same_key_other_bytes,
    "idempotency.without_a_key": lambda scene: scene.posting("reports", *scene.submission("reports"), keyed=False),
    "look_up.report": look_up_report,
    "look_up.unknown_report": lambda scene: scene.request("GET", f"/reports/{scene.new_id('report')}"),
    "look_up.notice": look_up_notice,
    "look_up.unknown_notice": lambda scene: scene.request("GET", f"/notices/{_UNKNOWN}"),
    "look_up.report_on_unknown_notice": _about_unknown_notice,
    "signature.unsigned": unsigned,
    "signature.wrong_key": wrong_key,
    "signature.tampered_body": lambda scene: replace(_post(scene), body=b"{ }"),
    "signature.another_address": lambda scene: scene.request("GET", "/notices?limit=1", signed_path="/notices?limit=2"),
    "signature.stale": lambda scene: scene.request("GET", "/notices?limit=1", at=scene.clock() - HOUR),
    "signature.refused_is_not_recorded": refused_is_not_recorded,
    "problem.form": problems,
    "push.signed": push_signed,
    "push.message": push_message,
    "push.again_after_503": push_again,
    "push.is_in_the_feed": push_in_feed,
}

REGULATOR_CHECKS: Final[tuple[Check[RegulatorScene], ...]] = written("regulator", _ACTS)
"""Each has a name of its own."""


def check_regulator(
    transport: Transport,
    target: RegulatorTarget,
    *,
    listener: Listener | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Callable[[str], None] = silent,
) -> Report:
    """Drive a regulator, as `check_intake` does an intake. Without a `listener` no push is checked."""
    scene = RegulatorScene(target, transport, listener=listener)
    checks = chosen(REGULATOR_CHECKS, only=only, skip=skip, profile=target.profile)
    return run(checks, scene, subject=f"regulator {target.url}", progress=progress)
