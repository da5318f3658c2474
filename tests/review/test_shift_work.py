"""Who has a case in hand, who is to take care of it, and what the next shift must know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import IllegalMove, LeaseLost, NotAllowed
from kz_compliance_sdk.transparency.publication import Transparency, TransparencyPolicy
from kz_compliance_sdk.transparency.report import Period
from tests.case_makers import YES, a_notice, measure, proposal, refusal
from tests.cli_office import Office
from tests.scene import HEAD, LEAD, LEGAL, M1, M2, PLATFORM, Host, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def _came(host: Host, *seeds: int) -> list[str]:
    for seed in seeds:
        host.push(a_notice(seed=seed), f"m-{seed}")
        host.world.clock.advance(60)
    return [case.id for case in host.cases()]


def _named(host: Host, **which: object) -> list[str]:
    return [case.id for case in host.store.queries(PLATFORM).cases(**which).cases]  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- take over


def test_who_is_taken_over_from_holds_nothing_any_more(host: Host) -> None:
    (case,) = _came(host, 1)
    mine = host.taking.claim(M1, case_id=case).result()
    assert mine is not None
    theirs = host.take(LEAD, case, commands.TakeOver("they went home"))
    assert (theirs.case.lease_owner, theirs.token) == (LEAD.id, mine.token + 1)
    with pytest.raises(LeaseLost):
        host.take(M1, case, commands.Renew(mine.token))
    with pytest.raises(LeaseLost):
        host.take(M1, case, commands.Propose(mine.token, proposal(refusal("1"))))
    assert host.take(LEAD, case, commands.Release(theirs.token)).state == "queued", "that frees it for anybody"
    assert host.taking.claim(M2).result() is not None


def test_the_control_a_lease_that_nobody_took_over_is_good(host: Host) -> None:
    (case,) = _came(host, 1)
    mine = host.taking.claim(M1, case_id=case).result()
    assert mine is not None
    assert host.take(M1, case, commands.Renew(mine.token)).token == mine.token


def test_the_office_s_own_figures_name_who_proposed_and_not_who_was_taken_over_from(host: Host) -> None:
    (case,) = _came(host, 1)
    host.taking.claim(M1, case_id=case).result()
    lease = host.take(LEAD, case, commands.TakeOver("they went home"))
    host.take(LEAD, case, commands.Propose(lease.token, proposal(refusal("1"))))
    period = Period(0, host.world.clock() + 1)
    figures = Transparency(host.store, PLATFORM, TransparencyPolicy(1, 0, 0), ()).own(LEAD, period)
    people = {(person, did): many for (*_, person, did), many in figures.counts if person}
    assert people == {(LEAD.id, "proposed"): 1}


@pytest.mark.parametrize("who", [M2, HEAD])
def test_a_colleague_takes_nothing_out_of_anybodys_hand(host: Host, who: Actor) -> None:
    (case,) = _came(host, 1)
    host.taking.claim(M1, case_id=case).result()
    with pytest.raises(NotAllowed):
        host.take(who, case, commands.TakeOver("I am quicker"))
    with pytest.raises(IllegalMove, match=f"{M1.id} holds this case until .*cases take-over {case}"):
        host.taking.claim(who, case_id=case).result()


def test_who_holds_a_case_is_told_so(host: Host) -> None:
    (case,) = _came(host, 1)
    host.taking.claim(M1, case_id=case).result()
    with pytest.raises(IllegalMove, match="you hold this case already, until"):
        host.taking.claim(M1, case_id=case).result()


# ------------------------------------------------------------------------------------------------------- assign


def test_what_is_assigned_is_given_to_nobody_else(host: Host) -> None:
    first, second = _came(host, 1, 2)
    after = host.take(LEAD, first, commands.Assign(M2.id))
    assert after.assigned_to == M2.id
    lease = host.taking.claim(M1).result()
    assert lease is not None
    assert lease.case.id == second, "the more urgent one is somebody's"
    assert host.taking.claim(M1).result() is None
    mine = host.taking.claim(M2).result()
    assert mine is not None
    assert (mine.case.id, mine.case.assigned_to) == (first, M2.id)


def test_the_clock_waits_for_nobody_whoever_names_an_assigned_case_has_it(host: Host) -> None:
    (case,) = _came(host, 1)
    host.take(LEAD, case, commands.Assign(M2.id))
    assert host.taking.claim(M1, case_id=case).result() is not None


def test_it_stays_with_a_person_through_leases_until_it_is_anybodys(host: Host) -> None:
    (case,) = _came(host, 1)
    host.take(LEAD, case, commands.Assign(M2.id))
    host.taking.claim(M2).result()
    host.world.clock.advance(host.policy.lease_s + 1)
    assert host.taking.claim(M1).result() is None, "the lease ran out, and it is still theirs"
    host.take(LEGAL, case, commands.Assign())
    assert host.store.queries(PLATFORM).case(case).assigned_to == ""
    assert host.taking.claim(M1).result() is not None


def test_nobody_need_take_care_of_what_has_ended(host: Host) -> None:
    (case,) = _came(host, 1)
    host.decide(proposal(refusal("1")))
    host.drain()
    with pytest.raises(IllegalMove, match="it has ended"):
        host.take(LEAD, case, commands.Assign(M2.id))


# -------------------------------------------------------------------------------------------------------- lists


def test_the_lists_of_a_person_and_of_what_waits(host: Host) -> None:
    held, given, proposed, asked = _came(host, 1, 2, 3, 4)
    host.taking.claim(M1, case_id=held).result()
    host.take(LEAD, given, commands.Assign(M1.id))
    lease, other = (host.taking.claim(M2, case_id=case).result() for case in (proposed, asked))
    assert lease is not None
    assert other is not None
    host.take(M2, proposed, _propose(lease.token))
    host.take(M2, asked, _ask(other.token))
    assert _named(host, person=M1.id) == [held, given]
    assert _named(host, person="nobody") == []
    assert _named(host, waits_for="second_person") == [proposed]
    assert _named(host, waits_for="authority") == [asked]
    assert _named(host, overdue_at=host.cases()[0].due_at + 1) == [held], "by date"
    assert _named(host, person=M1.id, limit=1) == [held], "a page at a time"


def _propose(token: int) -> commands.Propose:
    unsure = YES.model_copy(update={"clarity": "unclear"})
    return commands.Propose(token, proposal(measure("1"), legal_check=unsure))


def _ask(token: int) -> commands.RequestClarification:
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    return commands.RequestClarification(token, (question,), text_checked=True)


def test_what_waits_for_somebody_to_vouch_waits_for_a_second_person(host: Host) -> None:
    (case,) = _came(host, 1)
    assert _named(host, waits_for="second_person") == []
    host.take(LEAD, case, commands.Suspend("a court", "2", host.world.clock(), "article 1", "a" * 64))
    assert _named(host, waits_for="second_person") == [case]


# -------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_held_case_says_who_has_it_and_how_it_comes_free(office: Office) -> None:
    notice = office.claimed(1)
    case = office.document("cases", "show", notice.notice_id)["case"]
    for step in ("claim", "release"):
        told = office.refused(7 if step == "claim" else 8, "cases", step, notice.notice_id, user="daniyar")
        assert "aigerim holds this case until" in told
        assert f"kz-compliance cases take-over {case}" in told
    office.refused(6, "cases", "take-over", notice.notice_id, "--reasons", office.words("quicker"))
    wanted = ("cases", "take-over", notice.notice_id, "--reasons", office.words("she went home"))
    assert office.document(*wanted, user="daniyar")["lease"]["case"]["lease"]["owner"] == "daniyar"
    assert "daniyar holds this case" in office.refused(8, "cases", "release", notice.notice_id)
    office.ok("cases", "release", notice.notice_id, user="daniyar")
    assert office.document("cases", "claim")["lease"]["case"]["lease"]["owner"] == "aigerim"


@pytest.mark.slow
def test_a_case_is_assigned_to_somebody_who_is_there(office: Office) -> None:
    notice = office.entered()
    told = office.refused(7, "cases", "assign", notice.notice_id, "--to", "dainyar", user="daniyar")
    assert "--to: nobody in the settings has the id 'dainyar'. Name one of them: aigerim, daniyar." in told
    said = office.ok("cases", "assign", notice.notice_id, "--to", "daniyar", user="daniyar")
    assert said == f"{notice.notice_id} is for daniyar. State: queued.\n"
    assert office.ok("cases", "claim") == "No case is free to claim.\n"
    assert office.ok("cases", "list", "--mine") == "No case fits.\n"
    assert "(for daniyar)" in office.ok("cases", "list", "--mine", user="daniyar")
    (row,) = office.document("cases", "list", "--person", "daniyar")["cases"]
    assert row["assigned_to"] == "daniyar"
    said = office.ok("cases", "assign", notice.notice_id, user="daniyar")
    assert said == f"{notice.notice_id} is for anybody. State: queued.\n"
    assert office.document("cases", "list")["cases"][0]["assigned_to"] is None


def test_two_lists_at_once_are_refused(office: Office) -> None:
    office.entered()
    for more in (
        ("--needs-second", "--waits"),
        ("--mine", "--person", "x"),
        ("--overdue", "--due-by", "2026-01-01 10:00"),
    ):
        assert "Give " in office.refused(7, "cases", "list", *more)


@pytest.mark.slow
def test_the_next_shift_is_told_what_is_due_what_is_held_and_what_was_noted(office: Office) -> None:
    office.ok("db", "upgrade")
    assert office.ok("office", "hand-over") == "Nothing is due, nobody holds a case, and nothing waits.\n"
    notice = office.claimed(1)
    office.ok("cases", "note", notice.notice_id, "--text", office.words("the caller rings again at noon"))
    said = office.ok("office", "hand-over", user="daniyar")
    assert "(aigerim)" in said
    assert "the caller rings again at noon" in said
    (row,) = office.document("office", "hand-over")["cases"]
    assert [note["text"] for note in row["notes"]] == ["the caller rings again at noon"]
    assert (row["notes"][0]["by"], row["waits_for"]) == ("aigerim", None)
    seen = office.document("cases", "show", notice.notice_id)["audit"]
    assert ("viewed", "daniyar") in [(one["kind"], one["actor"]) for one in seen], "who reads a note is written down"
