"""What an intake takes, what it repeats, and what it holds and cannot act on: late, unusable or early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, expect
from kz_compliance_sdk.testing.conformance.scenes import (
    GOOD,
    HOUR,
    Act,
    IntakeScene,
    expect_problem,
    expect_problem_type,
    instant_of,
)
from kz_compliance_sdk.testing.mock_regulator.exchange import Request

_AT_ONCE: Final = 8
_AROUND_S: Final = 600


def _accepted_body(scene: IntakeScene) -> None:
    document = scene.take(scene.message()).document()
    if not isinstance(document.get("case_reference"), str) or not document["case_reference"]:
        raise Broken(f"case_reference: {document.get('case_reference')!r}", "a case_reference that is text")
    received, due = instant_of(document, "received_at"), instant_of(document, "due_at")
    if due <= received:
        raise Broken(f"received_at {instant_text(received)}, due_at {instant_text(due)}", "due_at after received_at")
    if abs(received - scene.clock()) > _AROUND_S:
        raise Broken(
            f"received_at {instant_text(received)}", f"the time of the receipt, about {instant_text(scene.clock())}"
        )


def _accepted_is_stored(scene: IntakeScene) -> None:
    message = scene.message()
    answer = scene.take(message)
    kept = scene.kept(serialised(message), "accepted")
    reference = answer.document().get("case_reference")
    if kept.case_reference != reference:
        raise Broken(f"held for {kept.case_reference!r}, and {reference!r} was answered", "the case that was answered")


def _opens_one_case(scene: IntakeScene, times: int = 1) -> None:
    message = scene.message()
    for _ in range(times):
        scene.take(message)
    cases = [case for case in scene.inside.cases(message["data"]["notice_id"]) if not case.quarantined]
    if len(cases) != 1:
        raise Broken(f"{len(cases)} cases", "1 case")


def _repeat(scene: IntakeScene, signed_before_s: int = 0) -> None:
    """A message comes again, signed so many seconds ago."""
    message = scene.message()
    first = scene.take(message).document()
    answer = scene.send(scene.signed(message, at=scene.clock() - signed_before_s))
    expect(answer, 200, what="to the same message again")
    again = answer.document()
    if first != again:
        changed = sorted(name for name in first.keys() | again.keys() if first.get(name) != again.get(name))
        raise Broken(f"another answer: {', '.join(changed) or 'no JSON'}", "the first answer again")


def _repeat_at_once(scene: IntakeScene) -> None:
    message = scene.message()
    answers = scene.send_at_once([scene.signed(message) for _ in range(_AT_ONCE)])
    statuses = sorted(answer.status for answer in answers)
    if set(statuses) - {200, 202}:
        raise Broken(f"statuses {statuses}", f"200 or 202 to each of {_AT_ONCE}")
    references = {str(answer.document().get("case_reference")) for answer in answers}
    if len(references) != 1:
        raise Broken(f"{len(references)} case references", "one case reference for all of them")


def _conflicting(scene: IntakeScene) -> tuple[dict[str, Any], dict[str, Any]]:
    message = scene.message()
    item = {"item_id": "1", "url": f"https://{scene.target.host}/p/2002", "content_type": "post"}
    other = scene.message(message["data"]["notice_id"], items=[item])
    return message, other


def _conflict(scene: IntakeScene) -> None:
    message, other = _conflicting(scene)
    scene.take(message)
    expect_problem(scene.send(scene.signed(other)), 409)


def _conflict_keeps_both(scene: IntakeScene) -> None:
    message, other = _conflicting(scene)
    scene.take(message)
    scene.send(scene.signed(other))
    scene.kept(serialised(message), "accepted")
    scene.kept(serialised(other), "quarantined")


def _message_id_reused(scene: IntakeScene) -> None:
    one = scene.message()
    two = scene.message(message_id=one["id"])
    scene.take(one)
    expect(scene.send(scene.signed(two)), 202, what="to another notice under a message id that is known")


def _types(scene: IntakeScene) -> list[tuple[str, dict[str, Any]]]:
    notice = scene.message()
    name = notice["data"]["notice_id"]
    amended = scene.message(name, revision=2, reference_number="45/1-2")
    answers = [{"item_id": "1", "text": [{"lang": "ru", "text": "Речь идёт о записи целиком."}]}]
    return [
        ("notice.issued", notice),
        ("notice.amended", {**amended, "type": "notice.amended"}),
        ("notice.reminded", scene.about("notice.reminded", name, escalation_level=1, text="Ждём ответа.")),
        ("notice.clarified", scene.about("notice.clarified", name, in_reply_to=scene.new_id("ask"), answers=answers)),
        ("notice.cancelled", scene.cancelled(name)),
        (
            "sanction.announced",
            scene.about(
                "sanction.announced",
                None,
                sanction_id=scene.new_id("sanction"),
                level="warning",
                notice_ids=[name],
                effective_at=instant_text(scene.clock() + HOUR),
                reference_number="S/1",
            ),
        ),
    ]


def _every_type(scene: IntakeScene) -> None:
    for kind, message in _types(scene):
        expect(scene.send(scene.signed(message)), *GOOD, what=f"to {kind}")


def _every_type_is_kept(scene: IntakeScene) -> None:
    for kind, message in _types(scene):
        scene.send(scene.signed(message))
        if scene.kept(serialised(message)).exit == "quarantined":
            raise Broken(f"{kind} is in quarantine", "exit accepted, waiting or noted")


def _within_window(scene: IntakeScene) -> None:
    for shift in (-240, 240):
        expect(scene.send(scene.signed(scene.message(), at=scene.clock() + shift)), *GOOD, what=f"at {shift} s")


def _late_is_kept(scene: IntakeScene) -> None:
    message = scene.message()
    scene.send(scene.signed(message, at=scene.clock() - HOUR))
    scene.kept(serialised(message), "quarantined")


def _unusable(scene: IntakeScene) -> dict[str, Any]:
    message = scene.message()
    del message["data"]["legal_basis"]
    return message


def _quarantine_is_kept(scene: IntakeScene) -> None:
    unreadable = b"conformance: no JSON, " + scene.new_id().encode()
    for body in (serialised(_unusable(scene)), unreadable):
        scene.send(scene.signed(body))
        scene.kept(body, "quarantined")


def _problem_form(scene: IntakeScene) -> None:
    answer = scene.send(scene.signed(_unusable(scene)))
    problem = expect_problem(answer, 422)
    expect_problem_type(answer)
    for name, kind in (("type", str), ("title", str), ("detail", str), ("status", int)):
        if not isinstance(problem.get(name), kind):
            raise Broken(f"{name}: {problem.get(name)!r}", f"{name} as {'text' if kind is str else 'a number'}")
    if problem["status"] != answer.status:
        raise Broken(f"status {problem['status']} in the problem", "the status of the answer")


def _problem_names_the_field(scene: IntakeScene) -> None:
    problem = expect_problem(scene.send(scene.signed(_unusable(scene))), 422)
    if problem.get("field") != "data.legal_basis":
        raise Broken(f"field {problem.get('field')!r}", "field 'data.legal_basis'")


def _inherits(scene: IntakeScene) -> None:
    unusable = _unusable(scene)
    before = scene.clock()
    expect(scene.send(scene.signed(unusable)), 422)
    at_most = scene.clock() + 1
    scene.sleep(at_most - before + 2)
    good = scene.message(unusable["data"]["notice_id"])
    received = instant_of(scene.take(good).document(), "received_at")
    if received > at_most:
        raise Broken(f"received_at {instant_text(received)}", f"the receipt of the first, {instant_text(before)}")


def _early(scene: IntakeScene) -> None:
    answer = scene.send(scene.signed(scene.cancelled(scene.new_id("notice"))))
    expect(answer, 202, what="to a message about a notice that has not come")
    if answer.document().get("case_reference", "") is not None:
        raise Broken(f"case_reference {answer.document().get('case_reference')!r}", "case_reference null")


def _early_is_kept(scene: IntakeScene) -> None:
    message = scene.cancelled(scene.new_id("notice"))
    scene.send(scene.signed(message))
    scene.kept(serialised(message))


def _early_then_notice(scene: IntakeScene) -> None:
    notice = scene.message()
    scene.send(scene.signed(scene.cancelled(notice["data"]["notice_id"])))
    expect(scene.send(scene.signed(notice)), 202, what="to the notice that then comes")


def _of_second_authority(scene: IntakeScene, notice_id: str | None = None) -> dict[str, Any]:
    authority = {"id": scene.target.keys.second_authority, "name": {"en": "Another authority"}}
    return scene.message(notice_id, issuing_authority=authority)


def _authorities_apart(scene: IntakeScene) -> None:
    one = scene.message()
    two = _of_second_authority(scene, one["data"]["notice_id"])
    answers = (scene.take(one), scene.send(scene.signed(two, key="second")))
    references = {str(answer.document().get("case_reference")) for answer in answers if answer.status in GOOD}
    if len(references) != 2:
        raise Broken(f"{len(references)} case", "a case for the notice of each authority")


def _other_platform(scene: IntakeScene) -> Request:
    message = scene.message()
    message["platform_id"] = message["data"]["platform_id"] = "conformance-another-platform"
    return scene.signed(message)


EXITS: Final[Mapping[str, Act[IntakeScene]]] = {
    "accepted.status": lambda scene: scene.signed(scene.message()),
    "accepted.body": _accepted_body,
    "accepted.is_stored_before_the_reply": _accepted_is_stored,
    "accepted.opens_one_case": _opens_one_case,
    "accepted.every_type": _every_type,
    "accepted.every_type_is_stored": _every_type_is_kept,
    "repeat.first_answer_again": _repeat,
    "repeat.opens_no_second_case": lambda scene: _opens_one_case(scene, 2),
    "repeat.at_once": _repeat_at_once,
    "repeat.under_a_stale_signature": lambda scene: _repeat(scene, HOUR),
    "repeat.message_id_with_another_notice": _message_id_reused,
    "conflict.status": _conflict,
    "conflict.keeps_both": _conflict_keeps_both,
    "late.stale_and_never_seen": lambda scene: scene.signed(scene.message(), at=scene.clock() - HOUR),
    "late.signed_in_the_future": lambda scene: scene.signed(scene.message(), at=scene.clock() + HOUR),
    "late.inside_the_window": _within_window,
    "late.key_expired": lambda scene: scene.signed(scene.message(), key="expired"),
    "late.is_kept": _late_is_kept,
    "quarantine.is_kept": _quarantine_is_kept,
    "quarantine.problem": _problem_form,
    "quarantine.field": _problem_names_the_field,
    "quarantine.receipt_is_inherited": _inherits,
    "early.accepted": _early,
    "early.is_kept": _early_is_kept,
    "early.notice_then_comes": _early_then_notice,
    "scope.authorities_are_apart": _authorities_apart,
    "scope.authority_of_another_key": lambda scene: scene.signed(_of_second_authority(scene)),
    "scope.platform_of_another_key": _other_platform,
}
