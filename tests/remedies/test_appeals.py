"""Appeals: somebody else decides, a reversal restores once, and the regulator's books hold the corrected report."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands, proofs
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.appeals import Appeal, Reversal
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item, UserNotice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import Conflict, IllegalMove, InvalidInput, NotAllowed, NotFound
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Failed, RetryAt
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.ledger.stored import Batch
from tests.scene import LEAD, M1, M2, PLATFORM, Host, World
from tests.store.conftest import tamper

LEGAL = Actor("legal", frozenset({"legal"}))
BOTH = Actor("m1", frozenset({"moderator", "lead"}))
DAY = 86_400
RU = (Statement(lang="ru", text="Это сатира."),)
SATIRE = Reversal("not_illegal", "protected_speech", RU, text_checked=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


def removed(host: Host, *, name: str = "m-1", items: int = 1, seed: int = 1, **overrides: Any) -> str:
    """A notice whose items were all removed and reported; the id of its closed case."""
    notice = a_notice(seed=seed, items=items, **overrides)
    host.push(notice, name)
    host.decide(proposal(*(measure(item.item_id) for item in notice.items)))
    host.drain()
    case = host.case(notice.notice_id)
    assert case.state is CaseState.CLOSED
    return case.id


def appealed(host: Host, case_id: str, item: str = "1", reference: str = "A-1") -> Appeal:
    return host.take(SYSTEM, case_id, commands.ReceiveAppeal(item, "It is satire.", host.world.clock(), reference))


def restores(host: Host) -> int:
    return sum(what == "restore" for what, _, _ in host.world.platform.calls)


def outcomes(host: Host, notice_id: str | None = None) -> list[tuple[int, list[str]]]:
    return [(r["sequence"], [i["outcome"] for i in r["items"]]) for r in host.world.regulator.reports(notice_id)]


# --------------------------------------------------------------------------------------------- receiving


def test_an_appeal_is_recorded_once_with_its_own_clock_and_its_text_sealed(host: Host) -> None:
    case_id = removed(host)
    one = appealed(host, case_id)
    assert (one.state, one.due_at) == ("open", host.world.clock() + 14 * DAY)
    assert appealed(host, case_id) == one
    assert host.appeals.list().appeals == (one,)
    assert host.appeals.show(one.appeal_id).text == "It is satire."
    events = [e for e in host.records(case_id).stream.events if e.kind == "appealed"]
    assert len(events) == 1
    assert "satire" not in repr(events[0])
    host.check_chains()


@pytest.mark.parametrize("reference", ["", "Ivan Petrov", "\udcff", "7" * 129])
def test_a_reference_that_is_no_plain_number_is_refused(host: Host, reference: str) -> None:
    case_id = removed(host)
    with pytest.raises(InvalidInput) as refused:
        appealed(host, case_id, reference=reference)
    assert refused.value.field == "reference"


@pytest.mark.slow
def test_a_reference_of_another_appeal_is_refused(host: Host) -> None:
    case_id = removed(host, items=2)
    appealed(host, case_id)
    with pytest.raises(Conflict):
        appealed(host, case_id, item="2")


@pytest.mark.slow
def test_of_two_cases_that_claim_one_reference_in_one_batch_the_first_has_it(host: Host) -> None:
    cases = [removed(host, name=f"m-{seed}", seed=seed) for seed in (1, 2)]
    works: list[Any] = []

    def later(_store: SqliteStore, _platform: str, work: Any, _asks: Asks = ASKS_NOTHING) -> Mock:
        works.append(work)
        return Mock()

    with patch.object(SqliteStore, "submit", later):
        for case_id in cases:
            appealed(host, case_id)
    threaded = host.world.open_store(threaded=True)
    first, second = Batch(threaded).run(*works)
    threaded.close()
    assert host.appeals.list().appeals == (first.result(),)
    with pytest.raises(Conflict, match="something else"):
        second.result()
    host.check_chains()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": " "}, "text"),
        ({"reference": "Aigerim S."}, "reference"),
        ({"item_id": "7"}, "item_id"),
        ({"received_at": 1}, "received_at"),
        ({"received_at": 2_000_000_000}, "received_at"),
    ],
)
def test_what_is_wrong_with_an_appeal_is_named(host: Host, given: dict[str, Any], field: str) -> None:
    case_id = removed(host)
    whole = {"item_id": "1", "text": "It is satire.", "received_at": host.world.clock(), "reference": "A-1"}
    with pytest.raises(InvalidInput) as refused:
        host.take(SYSTEM, case_id, commands.ReceiveAppeal(**{**whole, **given}))
    assert refused.value.field == field
    host.take(SYSTEM, case_id, commands.ReceiveAppeal(**whole))  # type: ignore[arg-type]


def test_nobody_appeals_against_what_is_not_in_force(host: Host) -> None:
    host.push(a_notice(), "m-1")
    case = host.case(a_notice().notice_id)
    with pytest.raises(IllegalMove):
        appealed(host, case.id)
    with pytest.raises(NotFound):
        appealed(host, "no-such-case")


def test_people_are_told_when_it_nears_and_when_it_is_past_and_never_of_one_that_is_decided(host: Host) -> None:
    case_id = removed(host, items=2)
    open_one, decided = appealed(host, case_id), appealed(host, case_id, "2", "A-2")
    host.take(
        LEGAL,
        host.appeals.case_of(decided.appeal_id),
        commands.DecideAppeal(decided.appeal_id, "uphold", "it is what the law says"),
    )
    for after, reasons in ((12 * DAY - 1, []), (1, ["appeal_near"]), (2 * DAY, ["appeal_near", "appeal_overdue"])):
        host.world.clock.advance(after)
        host.drain()
        told = [a for a in host.world.pager.alerts if a.reason in ("appeal_near", "appeal_overdue")]
        assert [a.reason for a in told] == reasons
        assert {a.due_at for a in told} <= {open_one.due_at}, "what is due is the appeal, and not the notice"
    assert open_one.state == "open"


# ---------------------------------------------------------------------------------------------- deciding


def test_the_first_decider_never_decides_the_appeal_and_somebody_else_does(host: Host) -> None:
    notice = a_notice(category="election_rules")
    host.push(notice, "m-1")
    first_lawyer = Actor("lead", frozenset({"lead", "legal"}))
    host.decide(proposal(measure("1")), M1, first_lawyer)
    host.drain()
    one = appealed(host, host.case(notice.notice_id).id)
    for first in (LEAD, first_lawyer, BOTH):
        for outcome, wording in (("uphold", None), ("reverse", SATIRE)):
            with pytest.raises(NotAllowed) as refused:
                host.take(
                    first,
                    host.appeals.case_of(one.appeal_id),
                    commands.DecideAppeal(one.appeal_id, outcome, "I was right", wording),  # type: ignore[arg-type]
                )
            assert refused.value.code == "four_eyes"
    with pytest.raises(NotAllowed):
        host.take(
            M2,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "uphold", "a moderator may not"),
        )
    assert (
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "looked at anew")
        ).state
        == "upheld"
    )


def test_upholding_tells_the_user_and_changes_nothing_else(host: Host) -> None:
    case_id = removed(host)
    one = appealed(host, case_id)
    before = outcomes(host)
    decided = host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"),
    )
    host.drain()
    assert (decided.state, decided.decided_by) == ("upheld", "legal")
    assert host.world.messenger.kinds() == [("1", "measure"), ("1", "appeal_decided")]
    assert outcomes(host) == before
    assert restores(host) == 0
    with pytest.raises(IllegalMove):
        host.take(LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "again"))


@pytest.mark.slow
def test_a_reversal_restores_once_and_the_books_hold_the_corrected_report(host: Host) -> None:
    case_id = removed(host, items=2)
    one = appealed(host, case_id)
    host.world.platform.faults.append(lambda _effect: Failed("busy"))
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    assert host.store.queries(PLATFORM).case(case_id).state is CaseState.LIFTING
    host.drain()
    host.world.clock.advance(60)
    host.drain()
    case = host.store.queries(PLATFORM).case(case_id)
    assert (case.state, case.decision_version) == (CaseState.CLOSED, 2)
    assert [item.status for item in case.items] == ["lifted", "in_force"]
    assert sorted(host.world.platform.effects.values()) == ["remove", "restore"]
    assert outcomes(host) == [(1, ["removed", "removed"]), (2, ["restored", "removed"])]
    (item, _) = host.world.regulator.reports()[-1]["items"]
    assert item["statement_of_reasons"] == [{"lang": "ru", "text": "Это сатира."}]
    assert item["user_notified"] == "yes"
    told = [(notice.kind, notice.outcome) for notice, _ in host.world.messenger.told.values() if notice.item_id == "1"]
    assert told == [("measure", "removed"), ("appeal_decided", "reversed"), ("restored", "restored")]
    assert not host.world.platform.refused_versions
    host.check_chains()


@pytest.mark.parametrize(
    ("wording", "field"),
    [
        (None, "reversal"),
        (Reversal("not_illegal", "protected_speech", RU), "text_checked"),
        (Reversal("not_illegal", "protected_speech", (), True), "items[0].wording.statement_of_reasons"),
    ],
)
def test_a_reversal_needs_its_words(host: Host, wording: Reversal | None, field: str) -> None:
    one = appealed(host, removed(host))
    with pytest.raises(InvalidInput) as refused:
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", wording),
        )
    assert refused.value.field == field
    assert host.appeals.show(one.appeal_id).appeal.state == "open"


@pytest.mark.slow
def test_what_another_order_holds_stays_and_is_said_to_stay(host: Host) -> None:
    items = (Item(item_id="1", object_id="post:1"),)
    ids = []
    for seed in (1, 2):
        notice = a_notice(seed=seed).model_copy(update={"items": items})
        host.push(notice, f"m-{seed}")
        host.decide(proposal(measure("1")))
        host.drain()
        ids.append(host.case(notice.notice_id).id)
    one = appealed(host, ids[0])
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    host.drain()
    case = host.store.queries(PLATFORM).case(ids[0])
    assert (case.state, case.items[0].status, case.items[0].measure) == (CaseState.CLOSED, "kept", "")
    assert restores(host) == 0
    assert outcomes(host, a_notice(seed=1).notice_id) == [(1, ["removed"]), (2, ["refused"])]
    # The other order's user appeals too: nothing holds the object now, and it comes back.
    host.take(
        LEGAL,
        host.appeals.case_of(appealed(host, ids[1], reference="A-2").appeal_id),
        commands.DecideAppeal(appealed(host, ids[1], reference="A-2").appeal_id, "reverse", "satire", SATIRE),
    )
    host.drain()
    assert restores(host) == 1
    host.check_chains()


@pytest.mark.slow
def test_a_policy_that_reports_no_reversal_lifts_all_the_same(tmp_path: Path) -> None:
    base = kz_policy()
    users = base.users.model_copy(update={"report_reversals": False})
    policy = base.model_copy(update={"undo_window_s": 0, "users": users})
    host = Host(World(tmp_path / "desk.sqlite3", policy=policy))
    case_id = removed(host)
    one = appealed(host, case_id)
    host.world.platform.faults += [lambda _effect: Failed("busy")] * 5
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    for _ in range(8):
        host.drain()
        host.world.clock.advance(600)
    case = host.store.queries(PLATFORM).case(case_id)
    assert (case.state, case.items[0].status) == (CaseState.CLOSED, "lifted")
    assert restores(host) == 6
    assert outcomes(host) == [(1, ["removed"])]
    assert ("1", "restored") in host.world.messenger.kinds()
    host.check_chains()


# ------------------------------------------------------------------------------------------- meanwhile


def test_an_order_that_falls_meanwhile_leaves_nothing_to_uphold(host: Host) -> None:
    notice = a_notice()
    one = appealed(host, removed(host))
    host.push(builders.cancellation(notice, "annulled"), "m-2")
    host.drain()
    with pytest.raises(IllegalMove):
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "it stays")
        )
    assert (
        host.take(
            LEGAL,
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "reverse", "it fell", SATIRE),
        ).state
        == "reversed"
    )
    host.drain()
    assert restores(host) == 1
    assert outcomes(host) == [(1, ["removed"]), (2, ["restored"])]
    host.check_chains()


@pytest.mark.slow
def test_while_the_item_is_decided_anew_the_appeal_waits(host: Host) -> None:
    case_id = removed(host)
    one = appealed(host, case_id)
    host.push(a_notice(revision=2), "m-2")
    for outcome, wording in (("uphold", None), ("reverse", SATIRE)):
        with pytest.raises(IllegalMove):
            host.take(
                LEGAL,
                host.appeals.case_of(one.appeal_id),
                commands.DecideAppeal(one.appeal_id, outcome, "now", wording),  # type: ignore[arg-type]
            )
    host.decide(proposal(measure("1")), M2)
    host.drain()
    with pytest.raises(NotAllowed):
        host.take(
            Actor("m2", frozenset({"lead"})),
            host.appeals.case_of(one.appeal_id),
            commands.DecideAppeal(one.appeal_id, "uphold", "mine"),
        )
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    host.drain()
    assert outcomes(host)[-1] == (3, ["restored"])


@pytest.mark.slow
def test_a_reversal_while_the_report_is_on_its_way_is_the_one_that_counts(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    host.decide(proposal(measure("1")))
    host.world.regulator.faults += [lambda _message: RetryAt("503")] * 2  # the acknowledgement and the report wait
    host.delivery.drain_once()
    host.delivery.drain_once()
    case = host.case(notice.notice_id)
    assert case.state is CaseState.ENFORCED
    one = appealed(host, case.id)
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "reverse", "it is satire", SATIRE),
    )
    for _ in range(3):
        host.world.clock.advance(60)
        host.drain()
    assert outcomes(host) == [(2, ["restored"])]
    assert host.case(notice.notice_id).state is CaseState.CLOSED
    host.check_chains()


def test_who_must_not_know_yet_gets_no_answer_that_says_it(host: Host) -> None:
    """A user who appeals without having been told is answered when the legal delay of the notice ends."""
    until = host.world.clock() + DAY
    wish = UserNotice(allowed=False, delay_until=until, legal_basis="Law, art. 5")
    one = appealed(host, removed(host, user_notice=wish))
    host.take(
        LEGAL,
        host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"),
    )
    host.drain()
    assert host.world.messenger.told == {}
    host.world.clock.advance(DAY)
    host.drain()
    assert sorted(host.world.messenger.kinds()) == [("1", "appeal_decided"), ("1", "measure")]


def test_a_notice_to_a_user_that_somebody_changed_is_found(host: Host) -> None:
    case_id = removed(host)
    host.check_chains()
    assert isinstance(host.store, SqliteStore)
    tamper(host.store, _OTHER_WORDS)
    faults = proofs.check(host.records(case_id))
    assert [fault for fault in faults if "its part body does not open" in fault.what], faults


_OTHER_WORDS = (
    "UPDATE parts SET bytes = zeroblob(90)"
    " WHERE name = 'body' AND seq IN (SELECT seq FROM events WHERE kind = 'user_notice_owed')"
)


def test_an_appeal_of_another_case_or_of_none_is_not_found(host: Host) -> None:
    case_id = removed(host)
    one = appealed(host, case_id)
    host.push(a_notice(seed=2), "m-of-another")
    other = host.case(a_notice(seed=2).notice_id).id
    for case, appeal in ((other, one.appeal_id), (case_id, "no-such-appeal")):
        for command in (commands.DecideAppeal(appeal, "uphold", "looked at anew"), commands.WithdrawAppeal(appeal)):
            with pytest.raises(NotFound):
                host.take(LEGAL, case, command)
