"""What people learn after a decision, and windows that outlast the state they began in: taken on purpose, for a walk
meets them too rarely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.testing import builders
from tests.arrivals.demands import TOLD
from tests.case_makers import measure, proposal, refusal
from tests.scene import HEAD, LEGAL, M1, M2, Host, World
from tests.walks.falling_orders import about

NOTICE = about("A", "B").model_copy(update={"category": "illegal_gambling"})


def news_rows(folder: Path) -> Iterator[Host]:
    """A host for each of the ways, with the way behind it."""
    for way in _WAYS:
        host = Host(World(folder / f"news{way.__name__}.sqlite3", policy=kz_policy()))
        way(host)
        host.check_chains()
        yield host


def _case(host: Host) -> Case:
    return host.case(NOTICE.notice_id)


def _decided(host: Host, *items: ItemDecision) -> None:
    host.push(NOTICE, "m-1")
    host.decide(proposal(*items))


def _named_again(host: Host, item: str) -> None:
    named = tuple(one for one in NOTICE.items if one.item_id == item)
    host.push(builders.clarification(NOTICE, "ask").model_copy(update={"items": named}), f"again-{item}")


def _falls(host: Host, item: str) -> None:
    host.push(builders.cancellation(NOTICE, "withdrawn", (item,)), f"falls-{item}")


def _pass_window(host: Host) -> None:
    host.world.clock.advance(host.policy.undo_window_s)
    host.drain()


def _instructed(host: Host, state: CaseState) -> None:
    host.take(HEAD, _case(host).id, TOLD)
    assert _case(host).state is state


def _claimed(host: Host) -> Lease:
    lease = host.taking.claim(M2).result()
    assert lease is not None
    return lease


def once_decided(host: Host) -> None:
    _decided(host, measure("1"), measure("2"))
    _instructed(host, CaseState.IN_APPROVAL)


def while_another_is_lifted(host: Host) -> None:
    _decided(host, measure("1"), measure("2"))
    _pass_window(host)
    _named_again(host, "2")
    host.decide(proposal(measure("2", "label")), M2)
    _falls(host, "1")
    _instructed(host, CaseState.IN_APPROVAL)


def two_had_decided_while_another_is_lifted(host: Host) -> None:
    _decided(host, measure("1"), measure("2"))
    _pass_window(host)
    host.take(HEAD, _case(host).id, TOLD)
    _named_again(host, "2")
    host.decide(proposal(measure("2", "label")), M2)
    _falls(host, "1")
    order = commands.Suspend("a court", "2", host.world.clock(), "article 1", "a" * 64)
    host.take(LEGAL, _case(host).id, order)
    assert _case(host).state is CaseState.QUEUED


def _first_still_waits(host: Host) -> None:
    """The window of the first decision runs, and its second item is to be decided anew."""
    _decided(host, measure("1"), measure("2"))
    _named_again(host, "2")


def after_a_second_decision(host: Host) -> None:
    _first_still_waits(host)
    host.decide(proposal(measure("2", "label")), M2)
    _instructed(host, CaseState.QUEUED)


def beside_what_is_queued(host: Host) -> None:
    _first_still_waits(host)
    _instructed(host, CaseState.QUEUED)


def beside_what_is_claimed(host: Host) -> None:
    _first_still_waits(host)
    _claimed(host)
    _instructed(host, CaseState.CLAIMED)


def beside_what_is_asked(host: Host) -> None:
    _first_still_waits(host)
    lease = _claimed(host)
    asked = Question(text=(Statement(lang="ru", text="Что именно?"),))
    host.take(M2, lease.case.id, commands.RequestClarification(lease.token, (asked,), text_checked=True))
    _instructed(host, CaseState.AWAITING_ANSWER)


def beside_what_waits_for_approval(host: Host) -> None:
    _first_still_waits(host)
    lease = host.taking.claim(HEAD).result()
    assert lease is not None
    host.take(HEAD, lease.case.id, commands.Propose(lease.token, proposal(measure("2", "label"))))
    _instructed(host, CaseState.QUEUED)


def a_refusal_is_taken_back_once_the_other_fell(host: Host) -> None:
    _decided(host, measure("1"), refusal("2"))
    _falls(host, "1")
    assert _case(host).state is CaseState.ENFORCED
    host.take(M1, _case(host).id, commands.Undo())


def a_refusal_is_taken_back_once_the_other_is_lifted(host: Host) -> None:
    _decided(host, measure("1"), refusal("2"))
    _pass_window(host)
    _named_again(host, "2")
    host.decide(proposal(refusal("2")), M2)
    _falls(host, "1")
    host.drain()
    assert _case(host).state is CaseState.LIFTED
    host.take(M2, _case(host).id, commands.Undo())


_WAYS = (
    once_decided,
    while_another_is_lifted,
    two_had_decided_while_another_is_lifted,
    after_a_second_decision,
    beside_what_is_queued,
    beside_what_is_claimed,
    beside_what_is_asked,
    beside_what_waits_for_approval,
    a_refusal_is_taken_back_once_the_other_fell,
    a_refusal_is_taken_back_once_the_other_is_lifted,
)
