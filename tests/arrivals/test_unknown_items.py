"""A cancellation that names what the notice does not have: a person asks what is meant, and nobody loses the case."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects
from tests.case_makers import measure, proposal
from tests.scene import M1, PLATFORM, Host


def test_a_cancellation_of_nothing_in_the_notice_leaves_the_case_with_its_holder(host: Host) -> None:
    host.push(about("A", "B"), "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.push(builders.cancellation(about("A", "B"), "withdrawn", ("7", "8")), "m-2")
    host.drain()
    case = host.case(about("A").notice_id)
    assert (case.state, case.lease_owner, case.lease_token) == (CaseState.CLAIMED, M1.id, lease.token)
    assert "cancels_unknown_item" in case.flags
    assert "cancelled_withdrawn" not in case.flags, "nothing was taken back, and the figures must not say so"
    assert "flag.cancels_unknown_item" in {alert.reason for alert in host.world.pager.alerts}
    host.take(M1, case.id, commands.Renew(lease.token))
    host.check_chains()


@pytest.mark.slow
def test_what_it_names_beside_that_falls_all_the_same(host: Host) -> None:
    host.push(about("A", "B"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(about("A", "B"), "withdrawn", ("1", "7")), "m-2")
    host.drain()
    case = host.case(about("A").notice_id)
    assert {"cancels_unknown_item", "cancelled_withdrawn"} <= set(case.flags)
    assert effects(host) == {"A": "restore", "B": "remove"}
    assert case.state is CaseState.CLOSED
    host.check_chains()


def test_one_that_came_before_its_notice_is_flagged_with_it(host: Host) -> None:
    host.push(builders.cancellation(about("A"), "withdrawn", ("7",)), "m-0")
    host.push(about("A"), "m-1")
    case = host.case(about("A").notice_id)
    assert (case.state, case.open_items) == (CaseState.QUEUED, frozenset({"1"}))
    assert "cancels_unknown_item" in host.store.queries(PLATFORM).case(case.id).flags
