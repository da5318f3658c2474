"""Appeals that are answered at a moment at which little is left to do."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.testing import builders
from tests.case_makers import measure, proposal, refusal
from tests.scene import LEAD, Host
from tests.walks.rare_scenes import (
    DOWN,
    GONE,
    SECOND_LAWYER,
    SLOW,
    appealed,
    cancel,
    case_of,
    closed,
    enforced,
    one_is_kept,
    platform,
    regulator,
    reverse,
)


def _is_appealed_under_two_orders(host: Host) -> None:
    """Another order holds the objects: the appeals succeed, and nothing is lifted."""
    closed(host, "A", "B", seed=2)
    enforced(host, "A", "B")
    first, second = appealed(host, "1"), appealed(host, "2")
    reverse(host, first)
    assert case_of(host).state is CaseState.LIFTED
    reverse(host, second)


def _is_appealed_when_reported_under_two_orders(host: Host) -> None:
    closed(host, "A", seed=2)
    closed(host, "A")
    reverse(host, appealed(host, "1"))
    assert case_of(host).state is CaseState.LIFTED


def _is_appealed_in_vain(host: Host) -> None:
    """A later decision had lifted it already."""
    notice = closed(host, "A", "B")
    appeal = appealed(host, "1")
    host.take(LEAD, case_of(host).id, commands.Reopen("look again"))
    host.decide(proposal(refusal("1"), measure("2")))
    regulator(host, acknowledgement=DOWN, report=DOWN)
    assert (case_of(host).state, len(notice.items)) == (CaseState.ENFORCED, 2)
    reverse(host, appeal)


def _is_appealed_while_it_falls(host: Host) -> None:
    """The measure beside it falls; and the user of another, which fell while the appeal was open, gives up."""
    notice = enforced(host, "A", "B")
    appeal = appealed(host, "2")
    cancel(host, notice, "1")
    assert case_of(host).state is CaseState.LIFTING
    host.take(SECOND_LAWYER, host.appeals.case_of(appeal), commands.DecideAppeal(appeal, "uphold", "looked at anew"))
    regulator(host)
    late = closed(host, "C", seed=2)
    appeal = appealed(host, "1", 2)
    host.take(LEAD, case_of(host, 2).id, commands.Reopen("look again"))
    host.decide(proposal(refusal("1")))
    host.push(late.model_copy(update={"revision": 2}), "second")
    host.drain()
    host.push(builders.cancellation(late, "withdrawn", revision=2), "cancel-late")
    assert case_of(host, 2).state is CaseState.CANCELLED
    host.take(SYSTEM, host.appeals.case_of(appeal), commands.WithdrawAppeal(appeal))


def _is_kept_while_another_falls(host: Host) -> None:
    """The second of an order that fell in part is lifted because its user was right."""
    one_is_kept(host)
    appeal = appealed(host, "2")
    host.take(
        SECOND_LAWYER,
        host.appeals.case_of(appealed(host, "1")),
        commands.DecideAppeal(appealed(host, "1"), "uphold", "looked at anew"),
    )
    reverse(host, appeal)
    assert case_of(host).state is CaseState.LIFTING


def _is_reversed_quietly(host: Host) -> None:
    """Policy tells the regulator of no reversal: the case stays closed, also when the platform cannot lift it yet."""
    users = SLOW.users.model_copy(update={"report_reversals": False})
    host.world.policy = SLOW.model_copy(update={"users": users})
    quiet = Host(host.world, host.store)
    closed(quiet, "A")
    reverse(quiet, appealed(quiet, "1"))
    platform(quiet, i1=GONE)
    assert case_of(quiet).state is CaseState.CLOSED
    assert "measure_failed" in quiet.history(case_of(quiet).id)


APPEALED: tuple[Callable[[Host], None], ...] = (
    _is_appealed_under_two_orders,
    _is_appealed_when_reported_under_two_orders,
    _is_appealed_in_vain,
    _is_appealed_while_it_falls,
    _is_kept_while_another_falls,
    _is_reversed_quietly,
)
