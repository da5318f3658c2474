"""What happens to a case while a person has it in hand, in each of the four ways."""

from __future__ import annotations

from collections.abc import Callable

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Notice, UserNotice
from tests.scene import HEAD, LEAD, LEGAL, M2, Host
from tests.walks.rare_scenes import (
    BUSY,
    GONE,
    appealed,
    cancel,
    case_of,
    closed,
    decided,
    notice_about,
    platform,
    typed,
)

_Way = Callable[[Host], None]


def _half_done(host: Host) -> Notice:
    """The first of two measures can never be carried out, and the second takes a while."""
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    decided(host, notice)
    platform(host, i1=GONE, i2=BUSY)
    return notice


def _comes_in_force(way: _Way, host: Host) -> None:
    notice = _half_done(host)
    way(host)
    platform(host)
    cancel(host, notice, "1")
    assert case_of(host).state is CaseState.ENFORCED


def _fails(way: _Way, host: Host) -> None:
    _half_done(host)
    way(host)
    platform(host, i2=GONE)


def _leaves_nothing_to_decide(way: _Way, host: Host) -> None:
    notice = _half_done(host)
    way(host)
    cancel(host, notice, "1")
    assert case_of(host).state is CaseState.DECIDED


def _is_lifted(way: _Way, host: Host) -> None:
    """One of two orders fell, and the other is decided anew."""
    notice = closed(host, "A", "B")
    host.take(LEAD, case_of(host).id, commands.Reopen("look again"))
    cancel(host, notice, "1")
    way(host)
    platform(host, i1=GONE)
    for message in host.records(case_of(host).id).messages:
        if message.state == "parked":
            host.letters.retry(HEAD, message.id)
    platform(host)


def _falls(way: _Way, host: Host) -> None:
    notice = closed(host, "A")
    host.take(LEAD, case_of(host).id, commands.Reopen("look again"))
    way(host)
    cancel(host, notice)
    assert case_of(host).state is CaseState.LIFTING


def _falls_and_stays(way: _Way, host: Host) -> None:
    """The platform's own terms keep it."""
    notice = closed(host, "A", ground="terms_of_service")
    host.take(LEAD, case_of(host).id, commands.Reopen("look again"))
    way(host)
    cancel(host, notice)
    assert case_of(host).state is CaseState.LIFTED


def _falls_again(way: _Way, host: Host) -> None:
    """The authority says once more what it said of another item, and nobody loses what is in hand."""
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    cancel(host, notice, "1")
    way(host)
    before = case_of(host)
    cancel(host, notice, "1")
    after = case_of(host)
    assert (after.state, after.lease_owner, after.items) == (before.state, before.lease_owner, before.items)


def _is_typed(way: _Way, host: Host) -> None:
    case = typed(host)
    way(host)
    host.take(LEAD, case.id, commands.CorrectReceipt(case.received_at, "the stamp says so"))
    host.take(LEAD, case.id, commands.Authenticate("called back"))
    host.push(notice_about("A"), "signed")


def _is_told(way: _Way, host: Host) -> None:
    """The user of a measure that is decided anew: kept in the dark twice, told, and sorry to have appealed."""
    until = host.world.clock() + 9_000
    silence = UserNotice(allowed=False, delay_until=until, legal_basis="Act 1")
    notice = notice_about("A").model_copy(update={"user_notice": silence})
    host.push(notice, "first-1")
    decided(host, notice)
    host.drain()
    case = case_of(host)
    host.push(notice.model_copy(update={"revision": 2}), "second")
    way(host)
    host.take(LEGAL, case.id, commands.DelayUserNotices(until + 500, "Act 2", "an inquiry"))
    host.take(SYSTEM, host.appeals.case_of(appealed(host, "1")), commands.WithdrawAppeal(appealed(host, "1")))
    host.world.clock.advance(10_000)
    host.watch()
    host.drain()
    assert {"user_told", "preservation_ended"} <= set(host.history(case.id))


def look_at(way: _Way, host: Host) -> None:
    host.push(notice_about("A"), "first-1")
    way(host)
    host.looking.look(M2, case_of(host).id)


WHILE_IN_HAND: tuple[Callable[[_Way, Host], None], ...] = (
    _comes_in_force,
    _fails,
    _leaves_nothing_to_decide,
    _is_lifted,
    _falls,
    _falls_and_stays,
    _falls_again,
    _is_typed,
    _is_told,
    look_at,
)
