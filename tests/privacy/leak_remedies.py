"""What the run of `test_leaks` says of remedies, pressure and users, and what is published of it afterwards.

Everything here is words of people: what was said in a room, before a court, by a user. Some of it the office must read,
and the platform is given what its user is told; nothing of it belongs into what leaves or is published.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.ports import Failed, TellResult, Told, UserNotice
from kz_compliance_sdk.transparency.page import page
from kz_compliance_sdk.transparency.report import Period, figures_csv, report_json
from tests.case_makers import YES

PLANTED = {
    "alarm": "planted cry for help of Marat",
    "giver": "planted colonel Seitov",
    "unit": "planted unit number nine",
    "channel": "planted visit at night",
    "said": "planted order to hurry",
    "court": "planted court of Almaty",
    "docket": "planted-docket-77",
    "remedy": "planted prayer to the court",
    "result": "planted ruling of judge Omarova",
    "law": "planted law that keeps silence",
    "silence": "planted reason to say nothing",
    "gone": "planted words of the messenger",
    "appealed": "planted words of the user Dana",
    "upheld": "planted reasons that it stays",
    "reversed": "planted reasons that it goes",
    "note": "planted note beside the answers",
    "jotting": "planted jotting about the caller Dauren",
    "courier": "planted courier of the letter",
    "forgery": "planted proof of a forgery",
}
_LEAD = Actor("second-lead", frozenset({"lead", "legal"}), account="second-account")
_LAWYER = Actor("lawyer", frozenset({"legal"}))
_HEAD = Actor("head", frozenset({"head"}), account="head-account")
_DAY = 86_400


def live(desk: ComplianceDesk, now: Callable[[], int], go_on: Callable[[], None], cases: list[str], last: str) -> int:
    """Every remedy on the first two of these ended cases, and a note on `last`, which is queued. `go_on` lets the
    worker work. Gives the number of notices that the messenger was handed."""
    first, second, *_ = cases
    desk.take(_HEAD, first, commands.RaiseAlarm(PLANTED["alarm"]))
    told = commands.RecordInstruction(
        given_by=PLANTED["giver"],
        unit=PLANTED["unit"],
        channel=PLANTED["channel"],
        given_at=now(),
        said=PLANTED["said"],
    )
    desk.take(_HEAD, first, told)
    filed = commands.RecordContest(PLANTED["court"], PLANTED["docket"], now(), PLANTED["remedy"])
    desk.take(_LEAD, first, filed)
    desk.take(_LEAD, first, commands.SettleContest(1, "rejected", now(), PLANTED["result"]))
    order = commands.Suspend(PLANTED["court"], PLANTED["docket"], now(), PLANTED["law"], "a" * 64)
    desk.take(_HEAD, first, order)
    desk.take(_LEAD, first, commands.ConfirmSuspension(1, PLANTED["result"]))
    desk.take(_LEAD, first, commands.EndSuspension(1, now(), PLANTED["result"]))
    desk.take(_HEAD, last, commands.Note(PLANTED["jotting"]))
    desk.take(_LAWYER, last, commands.RecordLegalCheck(YES.model_copy(update={"note": PLANTED["note"]})))
    desk.take(
        _HEAD,
        first,
        commands.EnterCancellation(
            effect="annulled",
            item_ids=None,
            reference="21-4/9",
            issued_at=now(),
            received_at=now(),
            how=PLANTED["courier"],
        ),
    )
    for letter in desk.letters_waiting(first):
        desk.take(_LEAD, first, commands.Dismiss(letter.message_id, PLANTED["forgery"]))
    desk.take(_LAWYER, first, commands.DelayUserNotices(now() + 300, PLANTED["law"], PLANTED["silence"]))
    handed: list[UserNotice] = []

    def tell(notice: UserNotice) -> TellResult:
        handed.append(notice)
        if len(handed) == 1:
            raise RuntimeError(f"{PLANTED['gone']} {notice.account_ref}")
        if len(handed) == 2:
            return Failed(f"{PLANTED['gone']} {notice.url}", permanent=True)
        return Told(now())

    desk.on_tell_user(tell)
    go_on()
    words = Reversal("not_illegal", "protected_speech", (Statement(lang="ru", text="Это сатира."),), text_checked=True)
    for case_id, reference, outcome, why, reversal in (
        (first, "T-1", "uphold", "upheld", None),
        (second, "T-2", "reverse", "reversed", words),
    ):
        made = desk.take(SYSTEM, case_id, commands.ReceiveAppeal("1", PLANTED["appealed"], now(), reference))
        desk.take(
            _LEAD,
            desk.appeals.case_of(made.appeal_id),
            commands.DecideAppeal(made.appeal_id, outcome, PLANTED[why], reversal),  # type: ignore[arg-type]
        )
    go_on()
    return len(handed)


def published(desk: ComplianceDesk, now: int) -> Iterator[tuple[str, bytes]]:
    """What others are given: the redacted pack of each case, the report of the period, checkpoints and their proofs."""
    yield "the checkpoint", desk.proof.checkpoint().line
    for case_id in desk.store.queries(desk.platform_id).case_ids():
        for lang in ("kk", "ru", "en"):
            with zipfile.ZipFile(io.BytesIO(desk.evidence(_LAWYER, case_id, lang=lang))) as pack:
                yield from ((f"a redacted pack, {name}", pack.read(name)) for name in pack.namelist())
        yield "a proof", json.dumps(desk.proof.prove(case_id)).encode()
    report = desk.transparency.draft(Period(now - 30 * _DAY, now + 1))
    yield "the figures as CSV", figures_csv(report)
    yield "the figures as JSON", report_json(report)
    for language in ("kk", "ru", "en"):
        yield f"the page of the figures, {language}", page(report, language)
    yield "the lines for Lumen", b"".join(desk.transparency.lumen(_LEAD, report))


def refusals(desk: ComplianceDesk, now: int, case_id: str) -> Iterator[str]:
    """Errors about calls whose arguments hold what was planted."""
    filed = commands.RecordContest(PLANTED["court"], PLANTED["docket"], now + _DAY, PLANTED["remedy"])
    told = commands.RecordInstruction(
        given_by=PLANTED["giver"],
        unit=PLANTED["unit"],
        channel=PLANTED["channel"],
        given_at=now + _DAY,
        said=PLANTED["said"],
    )
    calls: tuple[Callable[[], object], ...] = (
        lambda: desk.take(_LEAD, case_id, filed),
        lambda: desk.take(_HEAD, case_id, told),
        lambda: desk.take(_LAWYER, case_id, commands.ReferDemand(PLANTED["said"])),
        lambda: desk.take(_LAWYER, case_id, commands.DelayUserNotices(now - 1, PLANTED["law"], PLANTED["silence"])),
        lambda: desk.take(SYSTEM, case_id, commands.ReceiveAppeal("7", PLANTED["appealed"], now, "T-9")),
        lambda: desk.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "words", now, PLANTED["appealed"])),
    )
    for call in calls:
        try:
            call()
        except ComplianceError as error:
            yield f"{error} {error!r} {error.__dict__}"
