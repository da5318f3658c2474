"""The public figures of a random office are what its stored bytes say; a case counts once, and outlives its bodies."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from kz_compliance_sdk.adapters.sql import queries as figures_of
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.decision import ItemDecision, Wording
from kz_compliance_sdk.domain.notice import UserNotice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.services.sweep import Sweep
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.transparency import publication
from kz_compliance_sdk.transparency.publication import Transparency, TransparencyPolicy
from kz_compliance_sdk.transparency.report import Period
from tests.case_makers import measure, proposal, refusal
from tests.figures.transparency_office import WORDS, Figures, RandomOffice, recounted
from tests.remedies.test_appeals import DAY, appealed, removed
from tests.scene import LEAD, LEGAL, M1, PLATFORM, Host, World
from tests.store.conftest import tamper
from tests.unguarded import unguard

CATEGORIES = frozenset(kz_policy().categories)
POLICY = TransparencyPolicy(threshold=3, embargo_days=0, withheld_days=365)


def counted(office: RandomOffice) -> tuple[Figures, int]:
    now = office.world.clock()
    figures = Transparency(office.store, PLATFORM, POLICY, CATEGORIES)
    counting = figures._counted(Period(office.start - 3600, now + 1), now)
    found: Figures = {name: +values for name, values in counting.counts.items() if +values}
    for name, place in (("~decision", 0), ("~receipt", 1)):
        found[name] = Counter(str(seconds) for times in counting.times.values() for seconds in times[place])
    return found, now


@pytest.mark.parametrize(
    ("seed", "demands"),
    [(1, 12), pytest.param(2, 150, marks=pytest.mark.slow), pytest.param(3, 150, marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_every_figure_is_what_the_stored_bytes_say(tmp_path: Path, seed: int, demands: int) -> None:
    office = RandomOffice(tmp_path, seed)
    office.live(demands)

    found, now = counted(office)
    wanted = recounted(office.world.path, now, CATEGORIES, office.store.queries(PLATFORM))

    assert {name: dict(found.get(name, {})) for name in wanted} == {
        name: dict(values) for name, values in wanted.items()
    }
    assert found.keys() == wanted.keys()


@pytest.mark.slow
def test_progress_is_told_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = RandomOffice(tmp_path, 1)
    for _ in range(5):
        notice = office.notice()
        office.push(notice)
        office.push(builders.cancellation(notice, "withdrawn"))
    monkeypatch.setattr(publication, "_TOLD_EVERY", 2)
    told: list[int] = []
    now = office.world.clock()
    figures = Transparency(office.store, PLATFORM, POLICY, CATEGORIES)
    figures.draft(Period(now - 1, now + 1), progress=told.append)
    assert told == [2, 4]


def test_each_sanction_of_the_period_is_counted_by_its_level(tmp_path: Path) -> None:
    office = RandomOffice(tmp_path, 1)
    for number, level in enumerate(("warning", "fine", "warning"), start=1):
        office.push(builders.sanction(number, level=level))
    found, now = counted(office)
    assert found["sanctions"] == {"warning": 2, "fine": 1}
    later = Transparency(office.store, PLATFORM, POLICY, CATEGORIES)._counted(Period(now + 1, now + 2), now)
    assert later.counts["sanctions"].total() == 0


@pytest.mark.slow
def test_a_superseding_decision_is_counted_once_and_in_its_period(tmp_path: Path) -> None:
    """The corrected answer takes the place of the first; when it came and how long it took stay."""
    office = RandomOffice(tmp_path, 1)
    notice = office.notice().model_copy(update={"user_notice": None})
    office.push(notice)
    case_id = office.case(notice).id

    def decide(item: ItemDecision) -> None:
        lease = office.host.taking.claim(M1, case_id=case_id).result()
        assert lease is not None
        items = [
            item.model_copy(update={"item_id": one.item_id, "reasons": f"Weighed by itself: {one.item_id}."})
            for one in notice.items
        ]
        decided = office.host.take(M1, case_id, commands.Propose(lease.token, proposal(*items)))
        if decided.decision.needs_approval:
            office.host.take(LEGAL, case_id, commands.Approve(decided.digest))
        office.world.clock.advance(60)
        office.host.drain()

    decide(measure("1", wording=Wording(outcome="removed", statement_of_reasons=WORDS)))
    before, _ = counted(office)
    office.world.clock.advance(40 * 86_400)
    office.host.take(LEAD, case_id, commands.Reopen("it was lawful"))
    while_reopened, _ = counted(office)
    decide(refusal("1", wording=Wording(outcome="refused", refusal_code="not_illegal", statement_of_reasons=WORDS)))
    after, _ = counted(office)

    assert before["demands_by_result"] == while_reopened["demands_by_result"] == Counter(complied_fully=1)
    assert after["demands_by_result"] == Counter(reversed=1)
    assert after["demands_by_correction"] == Counter(corrected=1)
    assert after["demands"] == after["demands_told"] == Counter({"": 1})
    assert after["~decision"] == before["~decision"]
    assert after["demands_by_receipt_time"] == Counter(in_time=1)


@pytest.mark.parametrize(("basis", "progress"), [("Law, art. 5", "open_or_withheld"), (None, "told"), ("  ", "told")])
def test_only_a_bar_that_names_its_rule_keeps_a_demand_out_of_the_figures(
    tmp_path: Path, basis: str | None, progress: str
) -> None:
    office = RandomOffice(tmp_path, 1)
    wish = UserNotice(allowed=False, delay_until=office.world.clock() + 10**9, legal_basis=basis)
    notice = office.notice().model_copy(update={"user_notice": wish})
    office.push(notice)
    office.host.decide(proposal(*(refusal(item.item_id) for item in notice.items)))
    office.host.drain()
    found, _ = counted(office)
    told = found.get("demands_told", Counter()).total()
    held = found.get("demands_by_progress", Counter())["open_or_withheld"]
    assert (told, held) == ((1, 0) if progress == "told" else (0, 1))


@pytest.mark.slow
def test_the_figures_outlive_the_bodies(tmp_path: Path) -> None:
    """Everything that could name anybody is erased; the figures stay what they were."""
    office = RandomOffice(tmp_path, 7)
    office.live(8)
    before, _ = counted(office)
    with closing(choose_driver().module.connect(office.world.path)) as db, db:
        unguard(db)
        db.execute("UPDATE parts SET bytes = x'00' WHERE stream IN (SELECT n FROM streams WHERE name LIKE 'case/%')")
    after, _ = counted(office)
    assert after == before
    assert before["demands_told"][""] > 0


@pytest.mark.slow
def test_a_tally_names_nobody_and_no_place(tmp_path: Path) -> None:
    office = RandomOffice(tmp_path, 8)
    office.live(8)
    with closing(choose_driver().module.connect(office.world.path)) as db:
        facts = "".join(row[0] for row in db.execute("SELECT facts FROM tallies"))
    queries = office.store.queries(PLATFORM)
    urls = [item.url for case_id in queries.case_ids() for item in queries.case(case_id).items]
    assert any("social.example" in url for url in urls), "the control"
    for word in ("social.example", "user-", "post:", "Үлгі", "Канцелярия", "m1", "lead", "Рассмотрено"):
        assert word not in facts


@pytest.mark.slow
def test_figures_whose_rows_are_gone_come_back_whole_from_the_chains(tmp_path: Path) -> None:
    """Also of a corrected case: when it was first answered stays."""
    office = RandomOffice(tmp_path, 9)
    office.live(8)
    before, _ = counted(office)
    with closing(choose_driver().module.connect(office.world.path)) as db, db:
        assert db.execute("DELETE FROM tallies").rowcount > 1
    assert counted(office)[0] != before, "the control"
    Sweep(office.store, PLATFORM, office.host.policy, office.host.respondent, office.world.clock).all()
    assert counted(office)[0] == before


def test_notices_to_users_and_appeals_are_counted_by_their_own_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    first = removed(host)
    told_at = host.world.clock()
    host.world.clock.advance(DAY)
    appealed(host, first)
    until = told_at + 9 * DAY
    removed(host, name="m-2", seed=2, user_notice=UserNotice(allowed=False, delay_until=until, legal_basis="art. 5"))
    figures = partial(publication.told_users, host.store.queries(PLATFORM))
    assert figures(told_at, told_at + 1) == {"user_notices": {"sent": 1}, "appeals": {}}
    assert figures(told_at + DAY, told_at + DAY + 1) == {"user_notices": {}, "appeals": {"open": 1}}
    assert figures(told_at + 1, until) == {"user_notices": {}, "appeals": {"open": 1}}
    assert figures(told_at + 1, until + 1) == {"user_notices": {"delayed": 1}, "appeals": {"open": 1}}
    with patch.object(figures_of, "_STEP", 1):
        whole = figures(told_at, until + 1)
    assert whole == {"user_notices": {"sent": 1, "delayed": 1}, "appeals": {"open": 1}}, "each once, whatever the page"
    assert publication.told_users(host.store.queries("another"), 0, until + 1) == {"user_notices": {}, "appeals": {}}
    assert isinstance(host.store, SqliteStore)
    tamper(
        host.store,
        "UPDATE events SET at = at + 1 WHERE stream = (SELECT n FROM streams WHERE name = ?)",
        f"case/{first}",
    )
    assert figures(0, until + 1) == {"user_notices": {"delayed": 1}, "appeals": {}}
    assert f"case/{first} is left out" in caplog.text
