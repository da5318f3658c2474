"""What the random walks came to, each way by itself: after each commit the fold equals the case that was written.

That it does is for `tests/beside_plugin.py` to say, which fails the test of any other fold. What a test asserts is that
it went the way that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.notice import Answer, Notice
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.services.by_letter import ByLetter
from kz_compliance_sdk.testing import builders
from tests.journey.content_detours import CONTENT_DETOURS
from tests.journey.demands import demand
from tests.journey.falling_orders import about
from tests.journey.rare_scenes import DOWN, appealed, case_of, decided, notice_about, regulator, reverse
from tests.journey.scene import LEAD, PLATFORM, Host, World
from tests.unit.case_makers import HOUR, a_notice, measure, proposal, refusal

CLERK = Actor("clerk", frozenset({"head"}))
SAID = (Answer(text=(LocalText(lang="ru", text="Всё."),)),)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def _typed(host: Host, notice: Notice) -> int:
    work, _ = host.intake.typed(notice, host.world.clock(), "letter", CLERK, bytes(32))
    return host.store.submit(PLATFORM, work).result().status


def test_a_letter_in_quarantine_is_of_no_proved_origin(host: Host) -> None:
    notice = a_notice()
    assert _typed(host, notice) == 202
    assert _typed(host, notice.model_copy(update={"reference_number": "another"})) == 409
    assert [(case.state, case.authenticity) for case in host.cases() if case.quarantine_no] == [
        ("quarantined", "unverified")
    ]


def test_an_answer_by_letter_that_only_marks_the_case_waits_no_more(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    case, letters = host.case(notice.notice_id), ByLetter(
        host.store, PLATFORM, host.policy, host.respondent, host.world.env().entropy
    )
    now = host.world.clock()
    letters.enter_answer(CLERK, case.id, in_reply_to="a", answers=SAID, received_at=now, how="letter")
    assert "answer_unverified" in host.case(notice.notice_id).flags
    (letter,) = letters.waiting(case.id)
    letters.vouch(LEAD, case.id, letter.message_id, "called back")
    assert host.history(case.id)[-1] == "flag"
    assert host.case(notice.notice_id).flags[-1] == "clarified"


def test_a_demand_is_told_beside_a_step_that_its_amendment_fires(host: Host) -> None:
    notice = demand(a_notice())
    host.push(notice, "m-1")
    host.world.clock.advance(20 * HOUR)
    host.push(notice.model_copy(update={"revision": 2}), "m-2")
    assert host.history(host.case(notice.notice_id).id)[-2:] == ["amend", "escalate"]
    host.drain()
    assert {"due.before_6h", "user_data_demand"} <= {alert.reason for alert in host.world.pager.alerts[-3:]}


def test_what_is_lifted_later_has_the_time_of_its_case(host: Host) -> None:
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    decided(host, notice)
    regulator(host, acknowledgement=DOWN, report=DOWN)
    due = []
    for item in ("1", "2"):
        reverse(host, appealed(host, item))
        restore = [one for one in host.store.queries(PLATFORM).messages(case_of(host).id) if one.kind == "restore"][-1]
        due.append((case_of(host).lift_due_at, restore.deadline_at))
        regulator(host, acknowledgement=DOWN, report=DOWN)
    assert due[0] == due[1]
    assert due[0][0] == due[0][1]


def test_what_an_answer_names_anew_is_lifted_in_time(host: Host) -> None:
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), refusal("2", "clarification_needed")))
    host.drain()
    items = about("C", "B").items
    host.push(builders.clarification(notice, "ask").model_copy(update={"items": items}), "m-2")
    case = host.case(notice.notice_id)
    assert (case.state, case.item("1").status) == ("queued", "open")  # type: ignore[union-attr]
    (restore,) = [one for one in host.store.queries(PLATFORM).messages(case.id) if one.kind == "restore"]
    assert restore.deadline_at == host.world.clock() + host.policy.lift_term_s


def test_a_flag_stays_with_the_item_that_it_was_raised_for(tmp_path: Path) -> None:
    """An id names another object since: today's flag still tells the id, the fold the number of the item."""
    host = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    CONTENT_DETOURS["queued"](host)
    notice = about("A", "C")
    host.push(notice.model_copy(update={"revision": 2}), "m-2")
    assert "content_changed:2" in host.case(notice.notice_id).flags
    host.check_chains()
    host.store.close()
