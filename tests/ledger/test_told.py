"""What the random walks came to, each way by itself: after each commit the fold equals the case that was written.

That it does is for `tests/beside_plugin.py` to say, which fails the test of any other fold. What a test asserts is that
it went the way that it is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.notice import Answer, Item, Notice
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.testing import builders
from tests.arrivals.demands import demand
from tests.arrivals.test_second_messages import pushed_at
from tests.case_makers import HOUR, a_notice, measure, proposal, refusal
from tests.scene import LEAD, LEGAL, M1, PLATFORM, Host, World
from tests.walks.content_detours import CONTENT_DETOURS
from tests.walks.falling_orders import about
from tests.walks.rare_scenes import DOWN, appealed, case_of, closed, decided, notice_about, regulator, reverse

CLERK = Actor("clerk", frozenset({"head"}))
SAID = (Answer(text=(LocalText(lang="ru", text="Всё."),)),)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3"))
    yield made
    made.check_chains()
    made.store.close()


def _typed(host: Host, notice: Notice) -> int:
    work, _ = host.intake.typed(notice, host.world.clock(), "letter", CLERK)
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
    case = host.case(notice.notice_id)
    now = host.world.clock()
    host.take(CLERK, case.id, commands.EnterAnswer(in_reply_to="a", answers=SAID, received_at=now, how="letter"))
    assert "answer_unverified" in host.case(notice.notice_id).flags
    (letter,) = host.letters_waiting(case.id)
    host.take(LEAD, case.id, commands.Vouch(letter.message_id, "called back"))
    assert host.history(case.id)[-1] == "flagged"
    assert host.case(notice.notice_id).flags[-1] == "clarified"


def test_a_demand_is_told_beside_a_step_that_its_amendment_fires(host: Host) -> None:
    notice = demand(a_notice())
    host.push(notice, "m-1")
    host.world.clock.advance(20 * HOUR)
    host.push(notice.model_copy(update={"revision": 2}), "m-2")
    assert host.history(host.case(notice.notice_id).id)[-2:] == ["amended", "escalated"]
    host.drain()
    assert {"due.before_6h", "user_data_demand"} <= {alert.reason for alert in host.world.pager.alerts[-3:]}


@pytest.mark.slow
def test_what_is_lifted_later_has_the_time_of_its_case(host: Host) -> None:
    notice = notice_about("A", "B")
    host.push(notice, "first-1")
    decided(host, notice)
    regulator(host, acknowledgement=DOWN, report=DOWN)
    due = []
    for item in ("1", "2"):
        reverse(host, appealed(host, item))
        restore = [one for one in host.records(case_of(host).id).messages if one.kind == "restore"][-1]
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
    (restore,) = [one for one in host.records(case.id).messages if one.kind == "restore"]
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


def test_who_vouches_for_an_amendment_has_not_typed_it_in(host: Host) -> None:
    notice = a_notice()
    host.push(notice, "m-1")
    assert _typed(host, notice.model_copy(update={"revision": 2})) == 202
    case = host.case(notice.notice_id)
    assert (case.revision, case.entered_by) == (1, "")
    host.take(LEAD, case.id, commands.Authenticate("called back"))
    case = host.case(notice.notice_id)
    assert (case.revision, case.entered_by, case.authenticity) == (2, "clerk", "verified")


def test_an_answer_calls_a_lawyer_only_for_what_it_says_itself(host: Host) -> None:
    notice = demand(a_notice(items=2))
    host.push(notice, "m-1")
    too_wide = (Item(item_id="1", object_id="post:*"),)
    for number, items in enumerate((None, notice.items, too_wide, too_wide)):
        host.push(builders.clarification(notice, "ask").model_copy(update={"items": items}), f"clarified-{number}")
    history = host.history(host.case(notice.notice_id).id)
    assert history == ["opened", "flagged", "answered", "answered", "answered"]
    host.drain()
    assert [alert.reason for alert in host.world.pager.alerts].count("user_data_demand") == 3


def test_an_answer_with_a_mark_that_only_marks_the_case_calls_a_lawyer_too(host: Host) -> None:
    notice = demand(a_notice())
    host.push(notice, "m-1")
    host.take(LEGAL, host.case(notice.notice_id).id, commands.RuleOutDemand("it names no user"))
    host.decide(proposal(measure("1")))
    now = host.world.clock()
    said = json.loads(builders.message_bytes(builders.clarification(notice, "ask"), message_id="m-2", sent_at=now))
    said["data"]["user_data"] = "of whoever wrote it"
    assert pushed_at(host, json.dumps(said).encode(), "m-2", now).status == 202
    assert host.history(host.case(notice.notice_id).id)[-1] == "flagged"
    host.drain()
    assert [alert.reason for alert in host.world.pager.alerts].count("user_data_demand") == 2


def test_people_are_told_of_another_object_that_cannot_be_seen(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    for revision, name in enumerate("AAB", 1):
        notice = about(name).model_copy(update={"revision": revision})
        host.push(notice, f"m-{revision}")
        host.world.content.fail_next(RuntimeError("the storage is down"))
        host.looking.look(M1, host.case(notice.notice_id).id)
    host.drain()
    assert [alert.reason for alert in host.world.pager.alerts].count("content_unresolved") == 2
    host.check_chains()
    host.store.close()


@pytest.mark.slow
def test_what_was_kept_falls_without_being_lifted_while_another_holds_it(host: Host) -> None:
    notice = closed(host, "A")
    closed(host, "A", seed=2)
    measures = []
    for effect in ("remedied", "withdrawn"):
        host.push(builders.cancellation(notice, effect), f"m-{effect}")
        measures.append([(item.status, item.measure) for item in case_of(host).items])
    assert measures == [[("kept", "remove")], [("kept", "")]]
