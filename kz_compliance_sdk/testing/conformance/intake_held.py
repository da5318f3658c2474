"""What an intake holds and cannot act on: what is late, unusable or early, and what another may not say."""

from __future__ import annotations

from typing import Any, Final

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.testing.conformance import promises
from kz_compliance_sdk.testing.conformance.checks import Broken, Check
from kz_compliance_sdk.testing.conformance.intake_scene import HOUR, IntakeScene, expect, expect_problem, instant_of
from kz_compliance_sdk.testing.conformance.intake_taken import STORE_FIRST, exit_check
from kz_compliance_sdk.testing.conformance.recipes import serialised

__all__ = ["HELD"]


def _stale(scene: IntakeScene) -> None:
    message = scene.message()
    expect_problem(scene.send(scene.signed(message, at=scene.clock() - HOUR)), 422, _code(scene, "stale"))


def _early_clock(scene: IntakeScene) -> None:
    message = scene.message()
    expect_problem(scene.send(scene.signed(message, at=scene.clock() + HOUR)), 422, _code(scene, "stale"))


def _within_window(scene: IntakeScene) -> None:
    for shift in (-240, 240):
        expect(scene.send(scene.signed(scene.message(), at=scene.clock() + shift)), 200, 202, what=f"at {shift} s")


def _expired_key(scene: IntakeScene) -> None:
    answer = scene.send(scene.signed(scene.message(), key="expired"))
    expect_problem(answer, 422, _code(scene, "key_expired"))


def _late_is_kept(scene: IntakeScene) -> None:
    message = scene.message()
    scene.send(scene.signed(message, at=scene.clock() - HOUR))
    _in_quarantine(scene, serialised(message))


def _unusable(scene: IntakeScene) -> dict[str, Any]:
    message = scene.message()
    del message["data"]["legal_basis"]
    return message


def _in_quarantine(scene: IntakeScene, body: bytes) -> None:
    kept = scene.kept(body)
    if kept.exit != "quarantined":
        raise Broken(f"exit {kept.exit}", "exit quarantined")


def _quarantine_is_kept(scene: IntakeScene) -> None:
    unreadable = b"conformance: no JSON, " + scene.new_id().encode()
    for body in (serialised(_unusable(scene)), unreadable):
        scene.send(scene.signed(body))
        _in_quarantine(scene, body)


def _problem_form(scene: IntakeScene) -> None:
    answer = scene.send(scene.signed(_unusable(scene)))
    problem = expect_problem(answer, 422)
    media_type = (answer.header("content-type") or "none").partition(";")[0].strip()
    if media_type != "application/problem+json":
        raise Broken(f"content-type {media_type}", "content-type application/problem+json")
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


def _authorities_apart(scene: IntakeScene) -> None:
    one = scene.message()
    authority = {"id": scene.target.keys.second_authority, "name": {"en": "Another authority"}}
    two = scene.message(one["data"]["notice_id"], issuing_authority=authority)
    references = {
        str(answer.document().get("case_reference"))
        for answer in (scene.take(one), scene.send(scene.signed(two, key="second")))
        if answer.status in (200, 202)
    }
    if len(references) != 2:
        raise Broken(f"{len(references)} case", "a case for the notice of each authority")


def _other_platform(scene: IntakeScene) -> None:
    message = scene.message()
    message["platform_id"] = message["data"]["platform_id"] = "conformance-another-platform"
    expect_problem(scene.send(scene.signed(message)), 422, _code(scene, "platform_mismatch"))


def _other_authority(scene: IntakeScene) -> None:
    authority = {"id": scene.target.keys.second_authority, "name": {"en": "Another authority"}}
    answer = scene.send(scene.signed(scene.message(issuing_authority=authority)))
    expect_problem(answer, 422, _code(scene, "authority_key_mismatch"))


def _code(scene: IntakeScene, code: str) -> str | None:
    return code if scene.target.exact_codes else None


_THIRD_EXIT: Final = "Keep what is authentic, whatever it says: answer 422, store the bytes, start the clock."

HELD: Final[tuple[Check[IntakeScene], ...]] = (
    exit_check(
        "late.stale_and_never_seen", promises.LATE, "a good notice, signed an hour ago", "422 stale", _THIRD_EXIT,
        _stale,
    ),
    exit_check(
        "late.signed_in_the_future", promises.WINDOW, "a good notice, signed an hour from now", "422 stale",
        _THIRD_EXIT, _early_clock,
    ),
    exit_check(
        "late.inside_the_window", promises.WINDOW, "good notices, signed 240 s ago and 240 s from now", "202",
        "Take what was signed within 300 seconds of your clock; check that clock.", _within_window,
    ),
    exit_check(
        "late.key_expired", promises.LATE, "a good notice, signed with a key that has expired", "422 key_expired",
        _THIRD_EXIT, _expired_key, "key expired",
    ),
    exit_check(
        "late.is_kept", promises.LATE, "a good notice, signed an hour ago, then a look at what is held",
        "the exact bytes, in quarantine", _THIRD_EXIT, _late_is_kept, "inspection",
    ),
    exit_check(
        "quarantine.is_kept", promises.QUARANTINED, "an authentic message that cannot be used, and one that is no JSON",
        "the exact bytes of both, in quarantine", _THIRD_EXIT, _quarantine_is_kept, "inspection",
    ),
    exit_check(
        "quarantine.problem", promises.PROBLEM, "an authentic message without its legal basis",
        "application/problem+json with type, title, status, detail, code", "Answer as RFC 9457 writes it.",
        _problem_form,
    ),
    exit_check(
        "quarantine.field", promises.UNUSABLE, "an authentic message without its legal basis",
        "field 'data.legal_basis'", "Name the path of the field that is wrong.", _problem_names_the_field,
    ),
    exit_check(
        "quarantine.receipt_is_inherited", promises.INHERITED, "an unusable notice, then a usable one of the same id",
        "received_at of the first", "Start the clock at the first receipt of the notice.", _inherits,
    ),
    exit_check(
        "early.accepted", promises.EARLY, "a cancellation of a notice that has not come",
        "202 with case_reference null", "Store it and answer 202; apply it when the notice comes.", _early,
    ),
    exit_check(
        "early.is_kept", promises.EARLY, "a cancellation of a notice that has not come, then a look",
        "the exact bytes", STORE_FIRST, _early_is_kept, "inspection",
    ),
    exit_check(
        "early.notice_then_comes", promises.EARLY, "a cancellation, then its notice", "202",
        "Take the notice, and apply what waited for it.", _early_then_notice,
    ),
    exit_check(
        "scope.authorities_are_apart", promises.PINNED, "one notice id from two authorities, each with its key",
        "two cases", "Keep a notice under its authority and its id.", _authorities_apart, "key second",
    ),
    exit_check(
        "scope.authority_of_another_key", promises.PINNED, "a notice of an authority that the key may not speak for",
        "422 authority_key_mismatch", "Pin each key to its authorities.", _other_authority,
    ),
    exit_check(
        "scope.platform_of_another_key", promises.PINNED, "a message that names another platform than its key",
        "422 platform_mismatch", "Take the platform from the key, and compare the envelope with it.", _other_platform,
    ),
)  # fmt: skip
