"""An appeal that the user takes back ends like a decided one, so who could not decide it cannot say so."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.errors import IllegalMove, NotAllowed
from tests.remedies.test_appeals import appealed, removed
from tests.scene import HEAD, LEGAL, M1, M2, Host

HEAD_TOO = Actor("head", frozenset({"head", "lead"}))


def test_an_appeal_taken_back_is_decided_by_nobody(host: Host) -> None:
    one = appealed(host, removed(host))
    assert (
        host.take(SYSTEM, host.appeals.case_of(one.appeal_id), commands.WithdrawAppeal(one.appeal_id)).state
        == "withdrawn"
    )
    with pytest.raises(IllegalMove):
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "too late")
        )
    host.drain()
    assert host.world.messenger.kinds() == [("1", "measure")]
    assert host.appeals.list("withdrawn").appeals[0].appeal_id == one.appeal_id


@pytest.mark.parametrize(("who", "code"), [(M1, "four_eyes"), (HEAD_TOO, "head"), (HEAD, "not_allowed")])
def test_who_could_not_decide_an_appeal_cannot_say_that_it_was_taken_back(host: Host, who: Actor, code: str) -> None:
    one = appealed(host, removed(host))
    with pytest.raises(NotAllowed) as refused:
        host.take(who, host.appeals.case_of(one.appeal_id), commands.WithdrawAppeal(one.appeal_id))
    assert refused.value.code == code
    assert (
        host.take(M2, host.appeals.case_of(one.appeal_id), commands.WithdrawAppeal(one.appeal_id)).state == "withdrawn"
    )
