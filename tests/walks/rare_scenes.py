"""What the rare ways of a case are made of: a platform and a regulator that answer as they are told, and cases that
have come so far."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.ports import Effect, EffectResult, Failed, Rejected, RetryAt, Sent
from kz_compliance_sdk.testing import builders
from tests.case_makers import measure, proposal
from tests.scene import PLATFORM, Host
from tests.walks.falling_orders import REVERSAL, about

SLOW: Policy = kz_policy().model_copy(update={"undo_window_s": 0, "lease_s": 100_000, "preservation_s": 5_000})
CLERK = Actor("clerk", frozenset({"head"}))
SECOND_LAWYER = Actor("legal2", frozenset({"legal"}))
BUSY = Failed("busy")
GONE = Failed("no such object", permanent=True)
DOWN = RetryAt("503")
REFUSED = Rejected("schema", "a field is wrong")


def platform(host: Host, **answers: EffectResult | None) -> None:
    """From now on the platform answers so for the items `i1`, `i2`, ..., and does what is asked of all others."""
    host.world.clock.advance(1_000)
    answer: Callable[[Effect], EffectResult | None] = lambda effect: answers.get(f"i{effect.item_id}")  # noqa: E731
    host.world.platform.faults = [answer] * 100 if answers else []
    host.drain()


def regulator(host: Host, **answers: Sent | None) -> None:
    """From now on the regulator answers so to these kinds of messages, and takes all others."""
    host.world.clock.advance(1_000)
    answer: Callable[[OutboxMessage], Sent | None] = lambda message: answers.get(message.kind)  # noqa: E731
    host.world.regulator.faults = [answer] * 100 if answers else []
    host.drain()


def notice_about(*objects: str, seed: int = 1) -> Notice:
    return about(*objects, seed=seed).model_copy(update={"category": "election_rules"})


def case_of(host: Host, seed: int = 1) -> Case:
    return host.case(notice_about("A", seed=seed).notice_id)


def closed(host: Host, *objects: str, seed: int = 1, ground: str = "local_law") -> Notice:
    """A case whose measures are in force, and reported."""
    notice = notice_about(*objects, seed=seed)
    host.push(notice, f"first-{seed}")
    decided(host, notice, ground)
    host.drain()
    return notice


def decided(host: Host, notice: Notice, ground: str = "local_law") -> None:
    host.decide(proposal(*(measure(item.item_id, ground=ground) for item in notice.items)))


def cancel(host: Host, notice: Notice, *items: str) -> None:
    host.push(
        builders.cancellation(notice, "withdrawn", items or None), f"cancel-{len(host.history(case_of(host).id))}"
    )


def typed(host: Host) -> Case:
    work, _ = host.intake.typed(notice_about("A"), host.world.clock(), "letter", CLERK)
    host.store.submit(PLATFORM, work).result()
    return case_of(host)


def enforced(host: Host, *objects: str, ground: str = "local_law") -> Notice:
    notice = notice_about(*objects)
    host.push(notice, "first-1")
    decided(host, notice, ground)
    regulator(host, acknowledgement=DOWN, report=DOWN)
    assert case_of(host).state is CaseState.ENFORCED
    return notice


def one_is_kept(host: Host) -> Notice:
    """Its order fell and the platform's own terms keep it; that of the second still stands."""
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    host.decide(proposal(measure("1", ground="terms_of_service"), measure("2")))
    regulator(host, acknowledgement=DOWN, report=DOWN)
    cancel(host, notice, "1")
    assert case_of(host).state is CaseState.LIFTED
    return notice


def appealed(host: Host, item: str, seed: int = 1) -> str:
    case, now = case_of(host, seed), host.world.clock()
    return host.take(
        SYSTEM, case.id, commands.ReceiveAppeal(item, "It is satire.", now, f"appeal-{item}-{seed}")
    ).appeal_id


def reverse(host: Host, appeal: str) -> None:
    host.take(SECOND_LAWYER, host.appeals.case_of(appeal), commands.DecideAppeal(appeal, "reverse", "satire", REVERSAL))
