"""What falls, fails or is refused while something else of its case moves: moments that are over at once."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.ports import Sent
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from tests.case_makers import measure, proposal, refusal
from tests.scene import HEAD, LEAD, LEGAL, PLATFORM, Host
from tests.walks.rare_scenes import (
    BUSY,
    CLERK,
    DOWN,
    GONE,
    REFUSED,
    SLOW,
    cancel,
    case_of,
    closed,
    decided,
    enforced,
    notice_about,
    one_is_kept,
    platform,
    regulator,
    typed,
)


def _is_lifted_by_parts(host: Host) -> None:
    """While one measure is lifted, the second comes into force, then the third."""
    notice = notice_about("A", "B", "C")
    host.push(notice, "first-1")
    decided(host, notice)
    platform(host, i2=BUSY, i3=BUSY)
    cancel(host, notice, "1")
    platform(host, i1=BUSY, i3=BUSY)
    platform(host, i3=BUSY)
    host.take(LEAD, case_of(host).id, commands.ReportInterim())
    platform(host)
    assert case_of(host).state is CaseState.CLOSED


def _fails_beside_a_lift(host: Host) -> None:
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    decided(host, notice)
    platform(host, i2=BUSY)
    cancel(host, notice, "1")
    platform(host, i1=BUSY, i2=GONE)
    assert case_of(host).state is CaseState.QUEUED


def _waits_behind_another(host: Host, *, ground: str = "local_law") -> Notice:
    """The second measure waits behind that of another case on its object; the first is in force."""
    other = notice_about("B", seed=2)
    host.push(other, "first-2")
    decided(host, other)
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    host.decide(proposal(measure("1", ground=ground), measure("2")))
    host.world.platform.faults = [lambda effect: BUSY if effect.object_key.endswith("B") else None] * 100
    host.drain()
    assert case_of(host).state is CaseState.DECIDED
    return notice


def _is_not_taken_up(host: Host) -> None:
    cancel(host, _waits_behind_another(host, ground="terms_of_service"))
    assert case_of(host).state is CaseState.LIFTED


def _stands_beside_what_falls(host: Host) -> None:
    cancel(host, _waits_behind_another(host), "2")
    assert case_of(host).state is CaseState.ENFORCED


def _falls_when_reported(host: Host) -> None:
    cancel(host, enforced(host, "A"))
    assert case_of(host).state is CaseState.LIFTING


def _falls_for_terms_when_reported(host: Host) -> None:
    cancel(host, enforced(host, "A", ground="terms_of_service"))
    assert case_of(host).state is CaseState.LIFTED


def _falls_one_by_one(host: Host) -> None:
    cancel(host, one_is_kept(host), "2")
    assert case_of(host).state is CaseState.LIFTING


def _says_on_the_way(host: Host, answer: Sent | None) -> None:
    notice = enforced(host, "A")
    regulator(host, acknowledgement=answer, report=DOWN)
    host.push(notice.model_copy(update={"revision": 2}), "second")
    decided(host, notice)
    regulator(host, acknowledgement=DOWN, report=DOWN)
    cancel(host, notice.model_copy(update={"revision": 2}))
    host.world.platform.faults = [lambda _effect: BUSY] * 100
    regulator(host, acknowledgement=answer, report=DOWN)
    assert case_of(host).state is CaseState.LIFTING


def _is_refused_on_the_way(host: Host) -> None:
    _says_on_the_way(host, REFUSED)


def _arrives_on_the_way(host: Host) -> None:
    _says_on_the_way(host, None)


def _is_refused_at_the_end(host: Host) -> None:
    """The receipt of the notice is refused when its measure is lifted, and another when its case is closed."""
    notice = enforced(host, "A", ground="terms_of_service")
    cancel(host, notice)
    regulator(host, acknowledgement=REFUSED, report=DOWN)
    assert case_of(host).state is CaseState.LIFTED
    host.push(notice_about("C", seed=2), "first-2")
    host.decide(proposal(refusal("1")))
    regulator(host, acknowledgement=DOWN)
    assert case_of(host, 2).state is CaseState.CLOSED
    regulator(host, acknowledgement=REFUSED)


def _is_typed_and_ends(host: Host) -> None:
    """What came as a letter comes signed at last, again and again from a fresh one."""
    for number, state in enumerate((CaseState.ENFORCED, CaseState.LIFTING, CaseState.LIFTED, CaseState.CLOSED), 1):
        notice = notice_about(f"T{number}", seed=number)
        work, _ = host.intake.typed(notice, host.world.clock(), "letter", CLERK)
        host.store.submit(PLATFORM, work).result()
        case = case_of(host, number)
        host.take(LEAD, case.id, commands.Authenticate("called back"))
        if state is CaseState.CLOSED:
            host.take(LEGAL, case.id, commands.RaiseAlarm("is it right?"))
            host.push(builders.cancellation(notice, "withdrawn"), f"cancel-{number}")
            state = CaseState.CANCELLED
        else:
            ground = "terms_of_service" if state is CaseState.LIFTED else "local_law"
            decided(host, notice, ground)
            host.drain()
        if state in (CaseState.LIFTING, CaseState.LIFTED):
            host.push(builders.cancellation(notice, "withdrawn"), f"cancel-{number}")
        assert case_of(host, number).state is state
        host.push(notice, f"signed-{number}")
        assert "confirmed" in host.history(case.id)


def _is_typed_and_answered(host: Host) -> None:
    """The signed form comes when the answer is in the hands of the authority."""
    case = typed(host)
    host.decide(proposal(refusal("1")))
    host.drain()
    for message in host.records(case.id).messages:
        if message.state == "waiting":
            proof = Proof("courier", "12-3/45", host.world.clock(), "signature of the desk")
            host.letters.record(HEAD, message.id, proof)
    assert case_of(host).state is CaseState.CLOSED
    host.push(notice_about("A"), "signed")
    assert "confirmed" in host.history(case.id)


def _are_erased(host: Host) -> None:
    host.push(notice_about("A"), "first-1")
    host.decide(proposal(refusal("1")))
    host.push(notice_about("B", seed=2), "first-2")
    host.push(builders.cancellation(notice_about("B", seed=2), "withdrawn"), "cancel-2")
    host.drain()
    for case in host.cases():
        host.take(LEGAL, case.id, commands.AskErasure("subject_request"))
        host.take(HEAD, case.id, commands.Erase())


def _is_kept_for_nothing_while_another_is_lifted(host: Host) -> None:
    notice = closed(host, "A", "B")
    host.world.platform.faults = [lambda _effect: BUSY] * 100
    cancel(host, notice, "1")
    host.world.clock.advance(10_000)
    host.watch()
    assert host.history(case_of(host).id)[-1] == "preservation_ended"


def _is_typed_and_decided(host: Host) -> None:
    case = typed(host)
    host.take(LEAD, case.id, commands.Authenticate("called back"))
    decided(host, notice_about("A"))
    host.push(notice_about("A"), "signed")
    assert (case_of(host).state, host.history(case.id)[-1]) == (CaseState.DECIDED, "confirmed")


def _is_refused_for_its_refusals(host: Host) -> None:
    host.push(notice_about("A"), "first-1")
    host.decide(proposal(refusal("1")))
    regulator(host, report=REFUSED)
    assert case_of(host).state is CaseState.QUEUED


def _is_taken_back_beside_a_lift(host: Host) -> None:
    """Inside the window of the second measure the order of the first falls."""
    host.world.policy = SLOW.model_copy(update={"undo_window_s": 60})
    slow = Host(host.world, host.store)
    notice = notice_about("A", "B")
    slow.push(notice, "first-1")
    decided(slow, notice)
    slow.world.clock.advance(60)
    slow.drain()
    slow.push(notice.model_copy(update={"revision": 2}), "second")
    decided(slow, notice)
    slow.push(builders.cancellation(notice, "withdrawn", ("1",), revision=2), "cancel")
    assert case_of(slow).state is CaseState.LIFTING
    slow.take(LEAD, case_of(slow).id, commands.Undo())
    assert [item.status for item in case_of(slow).items] == ["lifting", "open"]


FALLS: tuple[Callable[[Host], None], ...] = (
    _is_lifted_by_parts,
    _fails_beside_a_lift,
    _is_not_taken_up,
    _stands_beside_what_falls,
    _falls_when_reported,
    _falls_for_terms_when_reported,
    _falls_one_by_one,
    _is_refused_on_the_way,
    _arrives_on_the_way,
    _is_refused_at_the_end,
    _is_typed_and_ends,
    _is_typed_and_answered,
    _are_erased,
    _is_kept_for_nothing_while_another_is_lifted,
    _is_typed_and_decided,
    _is_refused_for_its_refusals,
    _is_taken_back_beside_a_lift,
)
