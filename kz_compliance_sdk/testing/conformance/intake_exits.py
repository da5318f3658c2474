"""What an intake takes, what it repeats, and what it holds and cannot act on: late, unusable or early."""

from __future__ import annotations

from typing import Any, Final

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.testing.conformance import promises
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, Check, expect
from kz_compliance_sdk.testing.conformance.promises import Promise
from kz_compliance_sdk.testing.conformance.scenes import HOUR, IntakeScene, expect_problem, instant_of

_AT_ONCE: Final = 8
_AROUND_S: Final = 600


def _accepted_status(scene: IntakeScene) -> None:
    expect(scene.send(scene.signed(scene.message())), 202)


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
    kept = scene.kept(serialised(message))
    if kept.exit != "accepted":
        raise Broken(f"exit {kept.exit}", "exit accepted")
    reference = answer.document().get("case_reference")
    if kept.case_reference != reference:
        raise Broken(f"held for {kept.case_reference!r}, and {reference!r} was answered", "the case that was answered")


def _accepted_opens_one_case(scene: IntakeScene) -> None:
    message = scene.message()
    scene.take(message)
    _has_cases(scene, message, 1)


def _has_cases(scene: IntakeScene, message: dict[str, Any], count: int) -> None:
    cases = [case for case in scene.inspector.cases(message["data"]["notice_id"]) if not case.quarantined]
    if len(cases) != count:
        raise Broken(f"{len(cases)} cases", f"{count} case" + "s" * (count != 1))


def _repeat(scene: IntakeScene) -> None:
    message = scene.message()
    first, again = scene.take(message), scene.send(scene.signed(message))
    expect(again, 200, what="to the same message again")
    _same_answer(first.document(), again.document())


def _same_answer(first: dict[str, Any], again: dict[str, Any]) -> None:
    if first != again:
        changed = sorted(name for name in first.keys() | again.keys() if first.get(name) != again.get(name))
        raise Broken(f"another answer: {', '.join(changed) or 'no JSON'}", "the first answer again")


def _repeat_opens_no_case(scene: IntakeScene) -> None:
    message = scene.message()
    scene.take(message)
    scene.take(message)
    _has_cases(scene, message, 1)


def _repeat_at_once(scene: IntakeScene) -> None:
    message = scene.message()
    answers = scene.send_at_once([scene.signed(message) for _ in range(_AT_ONCE)])
    statuses = sorted(answer.status for answer in answers)
    if set(statuses) - {200, 202}:
        raise Broken(f"statuses {statuses}", f"200 or 202 to each of {_AT_ONCE}")
    references = {str(answer.document().get("case_reference")) for answer in answers}
    if len(references) != 1:
        raise Broken(f"{len(references)} case references", "one case reference for all of them")


def _late_repeat(scene: IntakeScene) -> None:
    message = scene.message()
    first = scene.take(message)
    again = scene.send(scene.signed(message, at=scene.clock() - HOUR))
    expect(again, 200, what="to a message that is known, under a stale signature")
    _same_answer(first.document(), again.document())


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
    if scene.kept(serialised(message)).exit != "accepted":
        raise Broken("the first is no longer accepted", "the first stands")
    kept = scene.kept(serialised(other))
    if kept.exit != "quarantined":
        raise Broken(f"the second: exit {kept.exit}", "the second in quarantine")


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
        expect(scene.send(scene.signed(message)), 200, 202, what=f"to {kind}")


def _every_type_is_kept(scene: IntakeScene) -> None:
    for kind, message in _types(scene):
        scene.send(scene.signed(message))
        if scene.kept(serialised(message)).exit == "quarantined":
            raise Broken(f"{kind} is in quarantine", "exit accepted, waiting or noted")


def exit_check(
    name: str, promise: Promise, sends: str, wants: str, remedy: str, run: Any, *needs: str
) -> Check[IntakeScene]:
    """A check of an exit. `needs` is what the target must give for it."""
    return Check(f"intake.{name}", promise, sends, wants, remedy, run, needs)


STORE_FIRST: Final = "Write the exact bytes, and commit, before you answer."
_SAME_KEY: Final = "Look the message up by sender, id and digest before you open a case, under a unique key."

TAKEN: Final[tuple[Check[IntakeScene], ...]] = (
    exit_check(
        "accepted.status", promises.ACCEPTED, "a good notice, for the first time", "202",
        "Answer 202, and 200 only to a repeat.", _accepted_status,
    ),
    exit_check(
        "accepted.body", promises.ACCEPTED, "a good notice", "case_reference, received_at, due_at",
        "Answer with the three fields; times are RFC 3339 with an offset.", _accepted_body,
    ),
    exit_check(
        "accepted.is_stored_before_the_reply", promises.DURABLE, "a good notice, then a look at what is held",
        "the exact bytes, for the case that was answered", STORE_FIRST, _accepted_is_stored, "inspection",
    ),
    exit_check(
        "accepted.opens_one_case", promises.OPENS, "a good notice, then a look at its cases", "1 case",
        "Open one case for each notice.", _accepted_opens_one_case, "inspection",
    ),
    exit_check(
        "accepted.every_type", promises.ENVELOPE, "a message of each type of the contract", "202",
        "Take every type that the contract names.", _every_type,
    ),
    exit_check(
        "accepted.every_type_is_stored", promises.DURABLE, "a message of each type, then a look at what is held",
        "the exact bytes of each", STORE_FIRST, _every_type_is_kept, "inspection",
    ),
    exit_check(
        "repeat.first_answer_again", promises.REPEAT, "the same message twice", "200 with the first answer",
        "Store the answer with the message, and give it again.", _repeat,
    ),
    exit_check(
        "repeat.opens_no_second_case", promises.REPEATED, "the same message twice, then a look at its cases", "1 case",
        _SAME_KEY, _repeat_opens_no_case, "inspection",
    ),
    exit_check(
        "repeat.at_once", promises.REPEAT, f"the same message {_AT_ONCE} times at once", "one case reference for all",
        _SAME_KEY, _repeat_at_once,
    ),
    exit_check(
        "repeat.under_a_stale_signature", promises.REPEAT, "a known message, signed an hour ago",
        "200 with the first answer", "Look the message up before you judge its time.", _late_repeat,
    ),
    exit_check(
        "repeat.message_id_with_another_notice", promises.REPEATED, "another notice under a message id that is known",
        "202", "A repeat is the same id and the same bytes: compare both.", _message_id_reused,
    ),
    exit_check(
        "conflict.status", promises.CONFLICT, "the same notice and revision with another item", "409",
        "Never overwrite a revision: answer 409.", _conflict,
    ),
    exit_check(
        "conflict.keeps_both", promises.CONFLICT, "the same notice and revision with another item, then a look",
        "the first accepted, the second in quarantine", "Keep both: the first as it is, the second in quarantine.",
        _conflict_keeps_both, "inspection",
    ),
)  # fmt: skip


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
