"""From the notice to its end where somebody must be careful, and how short the way is where nobody need be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.config.sections import AddresseeSettings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.policy import kz_policy, tighten
from kz_compliance_sdk.errors import NotAllowed, NotFound
from kz_compliance_sdk.testing import builders
from tests.arrivals.demands import demand
from tests.case_makers import a_notice, measure, proposal
from tests.scene import HEAD, LEAD, LEGAL, M1, PLATFORM, Host, World


def pages(host: Host) -> list[tuple[str, tuple[str, ...]]]:
    host.drain()
    return [(alert.reason, alert.audience) for alert in host.world.pager.alerts]


# ------------------------------------------------------------------------------------------ user data


def test_a_demand_for_user_data_is_acknowledged_paged_handed_over_and_never_answered(host: Host) -> None:
    notice = demand(a_notice())
    assert host.push(notice, "m-1").status == 202
    assert pages(host) == [("user_data_demand", ("legal", "lead"))]
    assert host.taking.claim(M1).result() is None, "it is nobody's but a lawyer's"
    case = host.case(notice.notice_id)
    assert "user_data_demand" in case.flags
    lease = host.taking.claim(LEGAL).result()
    assert lease is not None
    with pytest.raises(NotAllowed):
        host.take(LEGAL, case.id, commands.Propose(lease.token, proposal(measure("1"))))
    ended = host.take(LEGAL, case.id, commands.ReferDemand("filed under 12"))
    assert ended.state is CaseState.CLOSED
    host.drain()
    told = [kind for kind, _, _ in host.world.regulator.books.values()]
    assert told == ["acknowledgement"], "that it arrived, and nothing else"
    assert host.world.regulator.reports() == []
    host.check_chains()


def test_a_demand_that_falls_after_it_was_handed_over_changes_nothing(host: Host) -> None:
    notice = demand(a_notice(items=2))
    host.push(notice, "m-1")
    host.take(LEGAL, host.case(notice.notice_id).id, commands.ReferDemand("filed under 12"))
    for number, items in enumerate((("1",), None), 2):
        assert host.push(builders.cancellation(notice, "withdrawn", items), f"m-{number}").status == 202
        assert host.case(notice.notice_id).state is CaseState.CLOSED
    host.drain()
    assert host.world.regulator.reports() == []
    host.check_chains()


def test_demands_at_the_head_of_the_queue_are_in_nobodys_way(host: Host) -> None:
    for n in range(1, 8):
        host.push(demand(a_notice(seed=n)), f"m-{n}")
        host.world.clock.advance(1)
    host.world.clock.advance(60)
    host.push(a_notice(seed=9), "m-9")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    assert lease.case.notice_id == a_notice(seed=9).notice_id
    assert host.taking.claim(M1).result() is None
    lawyers = host.taking.claim(LEGAL).result()
    assert lawyers is not None
    assert lawyers.case.notice_id == a_notice(seed=1).notice_id, "a lawyer gets the most urgent of all"
    with pytest.raises(NotAllowed):
        host.taking.claim(M1, case_id=host.case(a_notice(seed=2).notice_id).id).result()


def test_a_demand_that_is_none_is_decided_by_two(host: Host) -> None:
    notice = demand(a_notice())
    host.push(notice, "m-1")
    host.take(LEGAL, host.case(notice.notice_id).id, commands.RuleOutDemand("it names no user"))
    decided = host.decide(proposal(measure("1")))
    assert decided.decision.needs_approval
    assert decided.case.state is CaseState.DECIDED


@pytest.mark.parametrize("first", [True, False])
def test_an_answer_that_names_a_pattern_takes_a_lawyer_whenever_it_comes(host: Host, first: bool) -> None:
    notice = a_notice()
    answer = builders.clarification(notice, "ask").model_copy(
        update={"items": (Item(item_id="1", url="https://social.example/u/*/posts"),)}
    )
    if first:
        host.push(answer, "m-2")
    host.push(notice, "m-1")
    if not first:
        host.push(answer, "m-2")
    assert "url_wildcard:1" in host.case(notice.notice_id).flags
    lease = host.taking.claim(M1).result()
    assert lease is not None
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    with pytest.raises(NotAllowed) as error:
        host.take(LEAD, lease.case.id, commands.Approve(decided.digest))
    assert error.value.code == "legal_review"


# ------------------------------------------------------------------------------ what an order lacks

LACKS: dict[str, dict[str, Any]] = {
    "expert_group_missing": {"category": "cyberbullying_of_child"},
    "reasons_missing": {"statement_of_reasons": [{"lang": "ru", "text": "Нарушение."}]},
    "law_not_cited": {"legal_basis": [{"act": "18-VIII"}]},
    "addressee_missing": {"addressee": None},
    "kind_not_entitled": {"kind": "court_order"},
    "authority_not_official": {
        "issuing_authority": {**builders.AUTHORITIES["sample-authorised-body"], "type": "other"}
    },
}


@pytest.mark.parametrize("code", LACKS)
def test_an_order_that_lacks_what_is_essential_takes_a_lawyer_and_a_second_person(host: Host, code: str) -> None:
    notice = a_notice(**LACKS[code])
    host.push(notice, "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    assert lease.case.flags.count(code) == 1, "whoever claims it sees it"
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.case.state is CaseState.IN_APPROVAL
    assert code in decided.decision.rules
    with pytest.raises(NotAllowed) as error:
        host.take(LEAD, lease.case.id, commands.Approve(decided.digest))
    assert error.value.code == "legal_review"
    host.take(LEGAL, lease.case.id, commands.Approve(decided.digest))
    host.check_chains()


def test_a_whole_order_is_decided_by_one(host: Host) -> None:
    notice = a_notice(
        category="cyberbullying_of_child", expert_group_decision={"number": "1", "decided_on": "2026-11-20"}
    )
    host.push(notice, "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.case.state is CaseState.DECIDED


# ------------------------------------------------------------------------------ pressure, and who is there


def test_what_was_said_in_the_room_is_in_the_file_and_brings_in_others(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    case = host.case(notice.notice_id)
    lease = host.taking.claim(HEAD).result()
    assert lease is not None
    now = host.world.clock()
    host.take(
        HEAD,
        case.id,
        commands.RecordInstruction(
            given_by="a colonel", unit="", channel="in person", given_at=now, said="before noon"
        ),
    )
    host.take(HEAD, case.id, commands.RaiseAlarm("they will not leave"))
    assert ("alarm", ("lead", "legal")) in pages(host)
    assert ("instruction_recorded", ("lead", "legal")) in pages(host)
    decided = host.take(HEAD, case.id, commands.Propose(lease.token, proposal(measure("1"))))
    assert decided.case.state is CaseState.IN_APPROVAL
    with pytest.raises(NotAllowed):
        host.take(HEAD, case.id, commands.Approve(decided.digest))
    assert host.take(LEAD, case.id, commands.Approve(decided.digest)).case.state is CaseState.DECIDED
    said = set(host.words(case.id).values())
    assert {b"a colonel", b"before noon", b"they will not leave"} <= said
    host.check_chains()


def test_at_night_a_notice_that_takes_two_calls_an_approver_with_the_opening_itself(tmp_path: Path) -> None:
    policy = tighten(
        kz_policy(), '[[safeguards.approver_duty]]\ndays = [1, 2, 3, 4, 5]\nstarts = "00:00"\nends = "00:01"'
    )
    host = Host(World(tmp_path / "night.sqlite3", policy=policy))
    host.push(a_notice(seed=1), "m-1")
    host.push(a_notice(seed=2, category="election_rules"), "m-2")
    queries = host.store.queries(PLATFORM)
    paged = {
        case.notice_id: [json.loads(m.body)["reason"] for m in queries.records(case.id).messages if m.kind == "page"]
        for case in host.cases()
    }
    assert paged == {a_notice(seed=1).notice_id: [], a_notice(seed=2).notice_id: ["no_approver_on_duty"]}
    host.store.close()


def test_unusually_many_notices_of_one_authority_take_a_lawyer(tmp_path: Path) -> None:
    policy = tighten(kz_policy(), "[safeguards]\nvolume_notices = 3")
    host = Host(World(tmp_path / "many.sqlite3", policy=policy))
    for n in range(1, 6):
        host.push(a_notice(seed=n), f"m-{n}")
        host.push(a_notice(seed=n), f"again-{n}")  # a repeat is no new notice
    unusual = [case.notice_id for case in host.cases() if "volume_unusual" in case.flags]
    assert unusual == [a_notice(seed=n).notice_id for n in (4, 5)]
    host.world.clock.advance(7200)
    host.push(a_notice(seed=6), "m-6")
    assert "volume_unusual" not in host.case(a_notice(seed=6).notice_id).flags
    host.store.close()


# --------------------------------------------------------------------------------------- the desk, and its gaps


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ComplianceDesk]:
    settings = Settings(
        platform_id=builders.PLATFORM_ID,
        public_url="http://127.0.0.1:8000",
        addressee=AddresseeSettings(name="ТОО «Образец»", bin="000000000009"),
    )
    world = World(tmp_path / "desk.sqlite3")
    with ComplianceDesk(settings, store=SqliteStore(world.path, world.env(), threaded=False)) as opened:
        yield opened


def entered(desk: ComplianceDesk, notice: Notice) -> str:
    case = desk.enter(HEAD, notice, desk.store.now(), "letter")
    desk.take(LEAD, case.id, commands.Authenticate("called back"))
    return case.id


def test_gaps_are_shown_and_asked_about_in_the_words_of_the_draft(desk: ComplianceDesk) -> None:
    other = {"legal_representative": "ТОО «Образец»", "bin": "000000000008"}
    case_id = entered(desk, a_notice(legal_basis=[{"act": "18-VIII"}], addressee=other))
    assert [gap.code for gap in desk.care.gaps(case_id)] == ["law_not_cited", "addressee_other"]
    lease = desk.claim(M1, case_id=case_id)
    assert lease is not None
    assert {"law_not_cited", "addressee_other"} <= set(lease.case.flags), "the same that whoever claims it sees"
    drafted = desk.care.draft(case_id)
    assert {said.lang for said in drafted[0].text} == {"kk", "ru"}
    asked = desk.take(M1, case_id, commands.RequestClarification(lease.token, drafted, text_checked=True))
    assert asked.state is CaseState.AWAITING_ANSWER
    (letter,) = [m for m in desk.case_file(case_id).messages if m.kind == "clarification"]
    assert len(json.loads(letter.body)["questions"]) == 2


def test_what_is_in_quarantine_or_unknown_has_no_gaps(desk: ComplianceDesk) -> None:
    with pytest.raises(NotFound):
        desk.care.gaps("no-such-case")


class Counted:
    """A desk that counts which calls are made of it."""

    def __init__(self, desk: ComplianceDesk) -> None:
        self._desk, self.calls = desk, [""][:0]

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._desk, name)


def test_the_shortest_lawful_way_from_claim_to_decided_is_three_calls(desk: ComplianceDesk) -> None:
    case_id = entered(desk, a_notice(items=3))
    counted = Counted(desk)
    lease = counted.claim(M1)
    notice = counted.notice(lease.case.id)
    chosen = proposal(*(measure(item.item_id) for item in notice.items))
    decided = counted.propose(M1, lease.case.id, lease.token, chosen)
    assert decided.case.state is CaseState.DECIDED
    assert counted.calls == ["claim", "notice", "propose"]
    assert desk.case(case_id).state is CaseState.DECIDED


def test_where_two_decide_each_has_three_calls(desk: ComplianceDesk) -> None:
    entered(desk, a_notice(category="election_rules"))
    counted = Counted(desk)
    lease = counted.claim(M1)
    notice = counted.notice(lease.case.id)
    proposed = counted.propose(M1, lease.case.id, lease.token, proposal(measure(notice.items[0].item_id)))
    assert proposed.case.state is CaseState.IN_APPROVAL
    second = Counted(desk)
    file = second.case_file(lease.case.id)
    decided = second.approve(LEGAL, lease.case.id, file.decisions[file.case.decision_version].digest)
    assert decided.case.state is CaseState.DECIDED
    assert (counted.calls, second.calls) == (["claim", "notice", "propose"], ["case_file", "approve"])
