"""What the affected user is told, when, and once: on one clock, with the real delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.domain.decision import Wording
from kz_compliance_sdk.domain.notice import UserNotice as Wish
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.domain.user_notices import Telling, UserNoticeState, packaged_templates
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from kz_compliance_sdk.ports import Failed, RetryAt
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEAD, M2, PLATFORM, Host, World
from tests.store.conftest import tamper

LEGAL = Actor("legal", frozenset({"legal"}))
DAY = 86_400
SAID = Statement(lang="ru", text="Рассмотрено.")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


def removed(host: Host, wish: Wish | None = None, items: int = 1, **overrides: Any) -> str:
    """A notice whose items were all removed; the id of its case."""
    notice = a_notice(items=items, **overrides).model_copy(update={"user_notice": wish})
    host.push(notice, "m-1")
    host.decide(proposal(*(measure(item.item_id) for item in notice.items)))
    host.drain()
    return host.case(notice.notice_id).id


def rows(host: Host, case_id: str) -> list[UserNoticeState]:
    return list(host.case_file(case_id).user_notices)


def said(host: Host) -> list[list[str | None]]:
    """What each report says of the users, item by item."""
    return [[item.get("user_notified") for item in report["items"]] for report in host.world.regulator.reports()]


# ---------------------------------------------------------------------------------------------- at once


def test_the_user_of_each_item_is_told_once_by_whom_by_which_law_and_where_to_appeal(host: Host) -> None:
    case_id = removed(host, items=2)
    told = sorted((notice for notice, _ in host.world.messenger.told.values()), key=lambda one: one.item_id)
    assert [(one.item_id, one.kind, one.outcome) for one in told] == [
        ("1", "measure", "removed"),
        ("2", "measure", "removed"),
    ]
    notice = a_notice(items=2)
    for one in told:
        assert one.reference_number == notice.reference_number
        assert one.authority["ru"] == notice.issuing_authority.name.best("ru")
        for lang, text in one.texts.items():
            assert notice.issuing_authority.name.best(lang) in text, lang
            assert notice.reference_number in text
            assert "https://social.example/appeals" in text
            assert notice.legal_basis[0].act in text
        assert set(one.texts) == {"kk", "ru", "en"}
    assert [row.state for row in rows(host, case_id)] == ["sent", "sent"]
    host.check_chains()


def test_whatever_is_known_of_a_measure_is_told_line_by_line_and_field_by_field(host: Host) -> None:
    notice = a_notice(redress={"body": "a district court"})
    host.push(notice, "m-1")
    wording = Wording(outcome="removed", legal_provision="Article 9", statement_of_reasons=(SAID,))
    host.decide(proposal(measure("1", wording=wording)))
    host.drain()
    ((told, _),) = host.world.messenger.told.values()
    for lang in LANGUAGES:
        text = told.texts[lang]
        assert len(text.splitlines()) == len(packaged_templates().by_lang[lang].lines["measure"]), text
    (item,) = host.case(notice.notice_id).items
    assert (told.url, told.object_id, told.account_ref) == (item.url, item.object_id, item.account_ref)
    assert (told.object_key, told.item_id, told.case_id) == (item.object_key, "1", host.case(notice.notice_id).id)
    assert (told.action, told.scope, told.ground) == ("remove", ("KZ",), "local_law")
    assert (told.legal_provision, told.authority_type) == ("Article 9", notice.issuing_authority.type)
    assert all(one.act in " ".join(told.legal_basis) for one in notice.legal_basis)
    assert told.effective_at == item.effective_at == told.made_at
    assert (told.appeal_url, told.appeal_answer_s) == (host.telling.appeal_url, host.policy.users.appeal_term_s)


def test_nothing_of_a_person_is_told_to_the_user_or_to_the_regulator(host: Host) -> None:
    """Neither who decided nor the internal reasons reach the user, and nothing about the user reaches the regulator."""
    moderator = Actor("moderator-aigerim", frozenset({"moderator"}))
    host.push(a_notice(), "m-1")
    host.decide(proposal(measure("1")), moderator)
    host.drain()
    ((told, _),) = host.world.messenger.told.values()
    handed = json.dumps([getattr(told, name) for name in told.__slots__], default=dict, ensure_ascii=False)
    for private in (moderator.id, "it is what the notice says"):
        assert private not in handed
    outbound = b"".join(body for _, body, _ in host.world.regulator.books.values()).decode()
    for private in (told.id, "https://social.example/appeals", told.texts["ru"][:40]):
        assert private not in outbound
    assert told.reference_number in outbound, "the control: this search finds what is there"
    assert told.reference_number in handed


def test_a_refusal_tells_no_user(host: Host) -> None:
    host.push(a_notice(), "m-1")
    host.decide(proposal(refusal("1")))
    host.drain()
    assert host.world.messenger.told == {}


def test_a_report_says_yes_only_of_a_user_who_was_told(host: Host) -> None:
    """The first report is written with the measure, before anybody was told: it says nothing. The next one says yes."""
    notice = a_notice(items=2)
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    host.push(builders.cancellation(notice, "withdrawn", ["1"]), "m-2")
    host.drain()
    assert said(host) == [[None, None], ["yes", "yes"]]


def test_telling_that_was_lost_on_its_way_is_told_again_under_the_same_id(host: Host) -> None:
    host.world.messenger.faults.append(lambda _notice: RetryAt("busy"))
    case_id = removed(host)
    assert host.world.messenger.told == {}
    host.world.clock.advance(60)
    host.drain()
    assert len(set(host.world.messenger.calls)) == 1
    assert len(host.world.messenger.calls) == 2
    assert [row.state for row in rows(host, case_id)] == ["sent"]


def test_a_user_who_is_gone_is_recorded_shown_and_holds_nothing_up(host: Host) -> None:
    host.world.messenger.faults.append(lambda _notice: Failed("no such user", permanent=True))
    case_id = removed(host)
    host.drain()
    assert host.store.queries(PLATFORM).case(case_id).state is CaseState.CLOSED
    assert [row.state for row in rows(host, case_id)] == ["failed"]
    assert "user_notice_failed" in [alert.reason for alert in host.world.pager.alerts]
    health = host.store.queries(PLATFORM).health(host.world.clock())
    assert (health.parked, health.untold) == (0, 0)
    host.check_chains()


def test_a_messenger_that_breaks_holds_up_no_report(host: Host) -> None:
    def breaks(_notice: object) -> None:
        raise RuntimeError("the platform's mailer failed")

    host.world.messenger.faults += [breaks] * 3
    case_id = removed(host)
    assert host.store.queries(PLATFORM).case(case_id).state is CaseState.CLOSED
    assert [row.state for row in rows(host, case_id)] == ["due"]


@pytest.mark.writes_by_itself
def test_a_notice_that_cannot_be_read_any_more_holds_up_no_report(host: Host) -> None:
    """The control for it: what is told needs the notice, and the report does not."""
    host.push(a_notice(), "m-1")
    host.decide(proposal(measure("1")))
    store = host.store
    assert isinstance(store, SqliteStore)
    under_way = host.delivery.lease(8)
    tamper(store, "DELETE FROM parts WHERE name = 'message'")
    assert all(map(host.delivery.deliver, under_way))
    host.drain()
    case = host.case(a_notice().notice_id)
    assert case.state is CaseState.CLOSED
    assert host.world.messenger.calls == []
    assert "user_notice_stuck" in [alert.reason for alert in host.world.pager.alerts]


def test_a_process_without_a_messenger_leaves_users_to_one_that_has_it(host: Host) -> None:
    ways = host.delivery._ways
    host.delivery._ways = replace(ways, messenger=None)
    case_id = removed(host)
    assert host.store.queries(PLATFORM).case(case_id).state is CaseState.CLOSED
    health = host.store.queries(PLATFORM).health(host.world.clock())
    assert (health.untold, health.undelivered) == (1, 0)
    host.delivery._ways = ways
    host.drain()
    assert [row.state for row in rows(host, case_id)] == ["sent"]


# ------------------------------------------------------------------------------------------------- later


def test_a_delay_with_a_basis_and_an_end_wakes_up_by_itself(host: Host) -> None:
    now = host.world.clock()
    until = now + 3 * DAY
    case_id = removed(host, Wish(allowed=False, delay_until=until, legal_basis="Law on operational inquiries, art. 5"))
    assert [(row.state, row.delay_until, row.basis) for row in rows(host, case_id)] == [("delayed", until, "notice")]
    assert said(host) == [["delayed"]]
    host.world.clock.advance(until - now - 1)
    host.drain()
    assert host.world.messenger.told == {}
    host.world.clock.advance(1)
    host.drain()
    assert host.world.messenger.kinds() == [("1", "measure")]
    assert [(row.state, row.sent_at) for row in rows(host, case_id)] == [("sent", until)]


@pytest.mark.parametrize(
    "wish",
    [
        {"allowed": False},
        {"allowed": False, "legal_basis": "Law, art. 5"},
        {"allowed": False, "delay_until": 2_000_000_000},
        {"allowed": True, "delay_until": 2_000_000_000},
    ],
)
def test_silence_without_a_basis_or_an_end_is_for_a_person_to_ground(host: Host, wish: dict[str, Any]) -> None:
    """Nobody decides: after a day the user is told, and people knew of it from the first second."""
    case_id = removed(host, Wish(**wish))
    assert "user_notice_barred" in [alert.reason for alert in host.world.pager.alerts]
    assert [row.state for row in rows(host, case_id)] == ["due"]
    assert host.world.messenger.told == {}
    host.world.clock.advance(DAY)
    host.drain()
    assert host.world.messenger.kinds() == [("1", "measure")]


def test_an_end_that_nobody_lives_to_see_is_none(host: Host) -> None:
    """A legal basis and the year 2100: people are alerted at once, and the user is told after the policy's longest
    delay, unless a person decides anew."""
    now, longest = host.world.clock(), host.policy.users.longest_delay_s
    wish = Wish(allowed=False, delay_until=4_102_444_800, legal_basis="Law on operational inquiries, art. 5")
    case_id = removed(host, wish)
    assert [alert.reason for alert in host.world.pager.alerts].count("user_notice_barred") == 1
    assert [(row.state, row.delay_until, row.basis) for row in rows(host, case_id)] == [
        ("delayed", now + longest, "notice")
    ]
    host.world.clock.advance(longest - DAY)
    host.take(LEGAL, case_id, commands.DelayUserNotices(now + longest + DAY, "Law, art. 6", "the inquiry goes on"))
    host.world.clock.advance(DAY)
    host.drain()
    assert host.world.messenger.told == {}
    host.world.clock.advance(DAY)
    host.drain()
    assert host.world.messenger.kinds() == [("1", "measure")]
    host.check_chains()


def test_an_end_as_far_as_the_policy_goes_alerts_nobody(host: Host) -> None:
    until = host.world.clock() + host.policy.users.longest_delay_s
    case_id = removed(host, Wish(allowed=False, delay_until=until, legal_basis="Law, art. 5"))
    assert [row.delay_until for row in rows(host, case_id)] == [until]
    assert "user_notice_barred" not in [alert.reason for alert in host.world.pager.alerts]


def test_a_delay_that_is_over_already_delays_nothing(host: Host) -> None:
    removed(host, Wish(allowed=False, delay_until=host.world.clock() - 1, legal_basis="Law, art. 5"))
    assert host.world.messenger.kinds() == [("1", "measure")]


def test_a_person_puts_it_off_with_a_basis_and_it_wakes_up(host: Host) -> None:
    case_id = removed(host, Wish(allowed=False))
    until = host.world.clock() + 10 * DAY
    (row,) = host.take(
        LEGAL, case_id, commands.DelayUserNotices(until, "Criminal Procedure Code, art. 201", "a live inquiry")
    )
    assert (row.state, row.basis) == ("delayed", "person")
    host.world.clock.advance(10 * DAY - 1)
    host.drain()
    assert host.world.messenger.told == {}
    host.world.clock.advance(1)
    host.drain()
    assert host.world.messenger.kinds() == [("1", "measure")]
    (event,) = (e for e in host.records(case_id).stream.events if e.kind == "user_notice_delayed")
    assert event.event.parts.keys() == {"legal_basis", "reasons"}
    assert "inquiry" not in repr(event)
    host.check_chains()


def test_a_delay_needs_the_right_person_a_basis_an_end_and_something_to_delay(host: Host) -> None:
    case_id = removed(host, Wish(allowed=False))
    now = host.world.clock()
    with pytest.raises(NotAllowed):
        host.take(LEAD, case_id, commands.DelayUserNotices(now + DAY, "Law, art. 5", "an inquiry"))
    for until, basis, reasons, field in (
        (now + DAY, " ", "an inquiry", "legal_basis"),
        (now + DAY, "Law, art. 5", "", "reasons"),
        (now, "Law, art. 5", "an inquiry", "until"),
        (now + 43 * DAY, "Law, art. 5", "an inquiry", "until"),
    ):
        with pytest.raises(InvalidInput) as refused:
            host.take(LEGAL, case_id, commands.DelayUserNotices(until, basis, reasons))
        assert refused.value.field == field
    host.take(LEGAL, case_id, commands.DelayUserNotices(now + 42 * DAY, "Law, art. 5", "an inquiry"))
    host.world.clock.advance(42 * DAY)
    host.drain()
    with pytest.raises(IllegalMove):
        host.take(LEGAL, case_id, commands.DelayUserNotices(host.world.clock() + DAY, "Law, art. 5", "an inquiry"))


def test_a_platform_that_tells_nobody_has_written_down_why(host: Host) -> None:
    telling = Telling(host.policy.users, off_because="Law on State Secrets, art. 14")
    host.delivery._outcomes._telling = telling
    case_id = removed(host)
    assert [(row.state, row.basis) for row in rows(host, case_id)] == [("off", "platform")]
    assert said(host) == [["not_allowed"]]
    assert host.world.messenger.calls == []


# ----------------------------------------------------------------------------------- what no longer holds


def test_who_was_not_told_yet_is_told_of_the_end_alone_and_not_before_the_delay_ends(host: Host) -> None:
    now, notice = host.world.clock(), a_notice()
    until = now + DAY
    case_id = removed(host, Wish(allowed=False, delay_until=until, legal_basis="Law, art. 5"))
    host.push(builders.cancellation(notice, "annulled"), "m-2")
    host.drain()
    assert [(row.kind, row.state) for row in rows(host, case_id)] == [("measure", "void"), ("restored", "delayed")]
    assert host.world.messenger.told == {}
    host.world.clock.advance(DAY)
    host.drain()
    assert host.world.messenger.kinds() == [("1", "restored")]


def test_a_later_decision_with_the_same_end_does_not_tell_again_and_another_one_does(host: Host) -> None:
    case_id = removed(host)
    for action, told in (("remove", 1), ("restrict_access", 2)):
        host.take(LEAD, case_id, commands.Reopen("look again"))
        host.decide(proposal(measure("1", action)), M2)  # type: ignore[arg-type]  # both are actions
        host.drain()
        assert len(host.world.messenger.told) == told
    assert [notice.action for notice, _ in host.world.messenger.told.values()] == ["remove", "restrict_access"]


def test_an_unsent_notice_of_a_measure_that_was_changed_is_void(host: Host) -> None:
    until = host.world.clock() + DAY
    case_id = removed(host, Wish(allowed=False, delay_until=until, legal_basis="Law, art. 5"))
    host.take(LEAD, case_id, commands.Reopen("look again"))
    host.decide(proposal(measure("1", "restrict_access")), M2)
    host.drain()
    assert [row.state for row in rows(host, case_id)] == ["void", "delayed"]
    host.world.clock.advance(DAY)
    host.drain()
    assert [notice.action for notice, _ in host.world.messenger.told.values()] == ["restrict_access"]


def test_a_process_that_died_while_it_told_leaves_it_to_the_next(host: Host) -> None:
    host.delivery._ways = replace(host.delivery._ways, messenger=None)
    case_id = removed(host)
    second = Host(host.world, host.store)
    assert [message.kind for message in second.delivery.lease(8)] == ["user_notice"]  # and dies here
    host.world.clock.advance(LEASE_S + 1)
    second.drain()
    assert [row.state for row in rows(host, case_id)] == ["sent"]
    host.check_chains()
