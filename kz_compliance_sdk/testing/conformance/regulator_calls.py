"""What is promised of a regulator's answers: receipts, reports, look-ups, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from kz_compliance_sdk.testing.conformance.checks import Broken
from kz_compliance_sdk.testing.conformance.regulator_scene import KINDS, Kind, RegulatorScene
from kz_compliance_sdk.testing.conformance.transport import Answer, Request

AT_ONCE: Final = 4
_UNKNOWN: Final = "conformance-no-such-notice"


def _expect(answer: Answer, *statuses: int, what: str) -> None:
    if answer.status not in statuses:
        raise Broken(f"{answer} {what}", f"{' or '.join(map(str, statuses))} {what}")


# ------------------------------------------------------------------------------------------- receipts


def records(kind: Kind) -> Callable[[RegulatorScene], None]:
    def run(scene: RegulatorScene) -> None:
        sent = scene.submit(kind, *scene.submission(kind))
        _expect(sent.answer, 201, what=f"to {kind}")
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
        _expect(again.answer, 200, 201, what=f"to the same {kind} again")
        one, two = (scene.receipt(each.answer, kind).receipt_id for each in (first, again))
        if one != two:
            raise Broken(f"{kind}: a second receipt, {two!r} after {one!r}", "the same receipt")


def same_key_at_once(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    sent = scene.submit_at_once("reports", key, body, AT_ONCE)
    for one in sent:
        _expect(one.answer, 200, 201, what=f"to the same report {AT_ONCE} times at once")
    receipts = {scene.receipt(one.answer, "reports").receipt_id for one in sent}
    if len(receipts) != 1:
        raise Broken(f"{len(receipts)} receipts", "one receipt")


def same_key_other_bytes(scene: RegulatorScene) -> None:
    for kind in KINDS:
        first = scene.recorded(kind)
        other = scene.submit(kind, first.key, first.body.replace(b'"case_reference":"', b'"case_reference":"other ', 1))
        _expect(other.answer, 409, 422, what=f"to other {kind} under the same key")


def without_key(scene: RegulatorScene) -> None:
    sent = scene.submit("reports", *scene.submission("reports"), keyed=False)
    _expect(sent.answer, 400, 422, what="to a report without an Idempotency-Key")


# ------------------------------------------------------------------------------------------- reports


def report_standing(scene: RegulatorScene) -> None:
    case = scene.new_id("case")
    first = scene.recorded("reports", case_reference=case)
    second = scene.submit("reports", *scene.submission("reports", case_reference=case))
    _expect(second.answer, 409, what="to another report of the same case and sequence")
    receipt = scene.receipt(second.answer, "409")
    if receipt.subject_id != first.key:
        raise Broken(f"409 with a receipt of {receipt.subject_id!r}", f"the recorded one, {first.key!r}")


def report_next(scene: RegulatorScene) -> None:
    case = scene.new_id("case")
    scene.recorded("reports", case_reference=case)
    scene.recorded("reports", case_reference=case, sequence=3)


def report_unknown_item(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    wrong = body.replace(b'"item_id":"', b'"item_id":"no-such-item-')
    _expect(scene.submit("reports", key, wrong).answer, 422, what="to a report about an item that the notice has not")


# ------------------------------------------------------------------------------------------- look-ups


def look_up_report(scene: RegulatorScene) -> None:
    sent = scene.recorded("reports")
    answer = scene.get(f"/reports/{sent.key}")
    _expect(answer, 200, what="to a report that was recorded")
    first, found = scene.receipt(sent.answer, "reports"), scene.receipt(answer, "the look-up")
    if first.receipt_id != found.receipt_id:
        raise Broken(f"another receipt, {found.receipt_id!r}", f"the same, {first.receipt_id!r}")


def look_up_unknown(scene: RegulatorScene) -> None:
    _expect(scene.get(f"/reports/{scene.new_id('report')}"), 404, what="to a report that was never sent")


def look_up_notice(scene: RegulatorScene) -> None:
    sent = {kind: scene.recorded(kind) for kind in KINDS}
    answer = scene.get(f"/notices/{scene.notice().notice_id}")
    _expect(answer, 200, what="to a notice that is held")
    held = answer.document()
    for kind, one in sent.items():
        rows = held.get(kind.replace("-", "_"))
        names = {row.get("subject_id") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
        if one.key not in names:
            raise Broken(f"no receipt of {kind}", f"the receipt of {one.key}")


def unknown_notice(scene: RegulatorScene) -> None:
    _expect(scene.get(f"/notices/{_UNKNOWN}"), 404, what="to a notice that was never issued")


def answer_to_unknown_notice(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    wrong = body.replace(scene.notice().notice_id.encode(), _UNKNOWN.encode())
    sent = scene.submit("reports", key, wrong, notice_id=_UNKNOWN)
    _expect(sent.answer, 404, what="to a report about a notice that was never issued")


# ------------------------------------------------------------------------------------------- who asks


def _post(scene: RegulatorScene, **how: Any) -> Request:
    """A signed report about nothing: it must fall to its signature before anybody reads it."""
    more = [("idempotency-key", scene.new_id("report"))]
    return scene.request("POST", f"/notices/{_UNKNOWN}/reports", b"{}", more=more, **how)


def _bare(request: Request) -> Request:
    return replace(
        request, headers=[pair for pair in request.headers if pair[0] in ("content-type", "idempotency-key")]
    )


def unsigned(scene: RegulatorScene) -> None:
    for request in (scene.request("GET", "/notices?limit=1"), _post(scene)):
        _expect(scene.send(_bare(request)), 401, what=f"to an unsigned {request.method}")


def wrong_key(scene: RegulatorScene) -> None:
    false = replace(scene.stranger, key_id=scene.target.signing_key.key_id)
    for request in (scene.request("GET", "/notices?limit=1", key=false), _post(scene, key=false)):
        _expect(scene.send(request), 401, what=f"to a {request.method} that a stranger signed")


def tampered(scene: RegulatorScene) -> None:
    request = _post(scene)
    _expect(scene.send(replace(request, body=b"{ }")), 401, what="to a body that was changed after it was signed")


def other_address(scene: RegulatorScene) -> None:
    request = scene.request("GET", "/notices?limit=1", signed_path="/notices?limit=2")
    _expect(scene.send(request), 401, what="to a request that was signed for another address")


def stale(scene: RegulatorScene) -> None:
    request = scene.request("GET", "/notices?limit=1", at=scene.clock() - 3_600)
    _expect(scene.send(request), 401, what="to a request that was signed an hour ago")


def refused_is_not_recorded(scene: RegulatorScene) -> None:
    key, body = scene.submission("reports")
    path = f"/notices/{quote(scene.notice().notice_id, safe='')}/reports"
    scene.send(_bare(scene.request("POST", path, body, more=[("idempotency-key", key)])))
    _expect(scene.get(f"/reports/{key}"), 404, what="to the look-up of a report that was not signed")


def problems(scene: RegulatorScene) -> None:
    answers = {
        "a notice that was never issued": scene.get(f"/notices/{_UNKNOWN}"),
        "a report that was never sent": scene.get(f"/reports/{scene.new_id('report')}"),
        "an unsigned request": scene.send(_bare(scene.request("GET", "/notices?limit=1"))),
    }
    for what, answer in answers.items():
        media_type = (answer.header("content-type") or "none").partition(";")[0].strip()
        if media_type != "application/problem+json":
            raise Broken(f"{what}: content-type {media_type}", "application/problem+json")
        problem = answer.document()
        for name in ("type", "title", "code"):
            if not isinstance(problem.get(name), str) or not problem[name]:
                raise Broken(f"{what}: {name} {problem.get(name)!r}", f"a problem with {name}")
        if problem.get("status") != answer.status:
            raise Broken(f"{what}: status {problem.get('status')!r} in the problem", f"status {answer.status}")
