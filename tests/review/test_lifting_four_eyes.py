"""A platform that asks for a second person before a measure in force is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.commands.review import Decided
from kz_compliance_sdk.domain.decision import ItemDecision
from kz_compliance_sdk.domain.policy import kz_policy, tighten
from kz_compliance_sdk.errors import NotAllowed
from tests.arrivals.test_second_messages import effects
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.remedies.test_appeals import SATIRE, appealed, removed
from tests.scene import LEAD, LEGAL, M1, M2, Host, World

NOTICE = a_notice()


def host_that(tmp_path: Path, fragment: str) -> Host:
    policy = tighten(kz_policy(), fragment).model_copy(update={"undo_window_s": 0})
    return Host(World(tmp_path / "desk.sqlite3", policy=policy))


def decided_anew(host: Host, item: ItemDecision) -> Decided:
    """The measure on the only item is looked at again, and decided by one person as far as policy lets them."""
    removed(host)
    host.take(LEAD, host.case(NOTICE.notice_id).id, commands.Reopen("look again"))
    lease = host.taking.claim(M1).result()
    assert lease is not None
    return host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(item)))


@pytest.mark.parametrize(
    ("fragment", "item", "waits"),
    [
        ("", refusal("1"), False),
        ("four_eyes_lifting = true", refusal("1"), True),
        ("four_eyes_lifting = true", measure("1", "label"), False),
    ],
    ids=["as it comes", "taken back", "another measure"],
)
def test_who_takes_a_measure_back_needs_a_second_person_where_policy_says_so(
    tmp_path: Path, fragment: str, item: ItemDecision, waits: bool
) -> None:
    host = host_that(tmp_path, fragment)
    decided = decided_anew(host, item)
    assert (decided.case.state is CaseState.IN_APPROVAL) is waits
    host.drain()
    assert ("restore" in effects(host).values()) is (not waits and not item.is_measure)


def test_the_second_person_is_somebody_else(tmp_path: Path) -> None:
    host = host_that(tmp_path, "four_eyes_lifting = true")
    decided = decided_anew(host, refusal("1"))
    with pytest.raises(NotAllowed):
        host.take(M1, decided.case.id, commands.Approve(decided.digest))
    host.take(LEAD, decided.case.id, commands.Approve(decided.digest))
    host.drain()
    assert list(effects(host).values()) == ["restore"]


def test_what_takes_nothing_back_is_decided_as_before(tmp_path: Path) -> None:
    host = host_that(tmp_path, "four_eyes_lifting = true")
    host.push(NOTICE, "m-1")
    lease = host.taking.claim(M2).result()
    assert lease is not None
    assert host.take(M2, lease.case.id, commands.Propose(lease.token, proposal(refusal("1")))).case.state is (
        CaseState.DECIDED
    )


def test_an_appeal_has_its_second_person_already(tmp_path: Path) -> None:
    host = host_that(tmp_path, "four_eyes_lifting = true")
    one = appealed(host, removed(host))
    assert (
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
        ).state
        == "reversed"
    )
