"""A case of which a word of its authority cannot be read any more: what is owed goes on, and nothing is taken for
another thing than it is."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.believed import Reading
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.events.arrivals import Answered, Opened
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEAD, LEGAL, M1, Host
from tests.store.conftest import tamper

pytestmark = pytest.mark.writes_by_itself


def about(*names: str, revision: int = 1) -> Notice:
    """A notice whose items of these ids are about an object each."""
    items = tuple(Item(item_id=name, object_id=f"post-{name}") for name in names)
    return a_notice().model_copy(update={"items": items, "revision": revision})


def lose(host: Host, kind: str = "opened", part: str = "message") -> None:
    """This part of an event of the kind cannot be read any more."""
    assert isinstance(host.store, SqliteStore)
    spoilt = (
        "UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE name = ? AND (stream, seq) IN "
        "(SELECT stream, seq FROM events WHERE kind = ?)"
    )
    tamper(host.store, spoilt, part, kind)


def calls(host: Host) -> list[tuple[str, str]]:
    return [(what, key.removeprefix("object:post-")) for what, key, _ in host.world.platform.calls]


def called(host: Host) -> dict[int, str]:
    (case,) = host.cases()
    return {item.number: item.item_id for item in case.items}


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_amendment_that_says_the_same_lifts_nothing(host: Host, is_lost: bool) -> None:
    host.push(about("1", "2"), "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    if is_lost:
        lose(host)
    assert host.push(about("1", "2", revision=2), "m-2").status == 202
    host.drain()
    assert calls(host) == [("enforce", "1"), ("enforce", "2")]
    assert called(host) == {1: "1", 2: "2"}
    assert host.cases()[0].open_items == {"1", "2"}


@pytest.mark.parametrize("is_lost", [True, False])
def test_what_a_later_message_names_is_called_as_it_says(host: Host, is_lost: bool) -> None:
    """The first numbers of a case are ids that an authority gives as well: none may be taken for the other."""
    host.push(about("1"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(about("1", "3", "2", revision=2), "m-2")
    if is_lost:
        lose(host)
    assert called(host) == {1: "1", 2: "3", 3: "2"}
    host.decide(proposal(refusal("1"), refusal("3"), refusal("2")))
    host.drain()
    (case,) = host.cases()
    assert calls(host) == [("enforce", "1"), ("restore", "1")]
    assert {item.number: item.object_id for item in case.items} == {1: "post-1", 2: "post-3", 3: "post-2"}


def test_an_item_that_nobody_can_name_is_called_as_no_authority_can_call_one(host: Host) -> None:
    host.push(about("2", "1"), "m-1")
    lose(host)
    assert called(host) == {1: "~1", 2: "~2"}
    host.push(builders.cancellation(about("2", "1"), "withdrawn", ("2",)), "m-2")
    (case,) = host.cases()
    assert "cancels_unknown_item" in case.flags, "people look: the machine takes neither for it"
    assert [item.status for item in case.items] == ["open", "open"]
    lease = host.taking.claim(M1).result()
    assert lease is not None
    with pytest.raises(StoreDamaged):
        host.take(M1, case.id, commands.Propose(lease.token, proposal(refusal("~1"), refusal("~2"))))


def test_the_notice_sent_again_in_a_new_revision_is_decided_like_any_other(host: Host) -> None:
    host.push(about("2", "1"), "m-1")
    lose(host)
    host.push(about("2", "1", revision=2), "m-2")
    (case,) = host.cases()
    assert {item.item_id: item.status for item in case.items if item.status == "open"} == {"2": "open", "1": "open"}
    host.decide(proposal(refusal("2"), refusal("1")))
    host.drain()
    (case,) = host.cases()
    assert case.state is CaseState.CLOSED
    told = [item["item_id"] for item in host.world.regulator.reports()[-1]["items"]]
    assert sorted(told) == ["1", "2"]


def lifted(host: Host, *lost: tuple[str, str]) -> Case:
    """The case of a measure whose order is annulled after these parts were lost."""
    host.push(about("1"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    for kind, part in lost:
        lose(host, kind, part)
    host.push(builders.cancellation(about("1"), "annulled"), "m-2")
    host.drain()
    return host.cases()[0]


def test_what_its_user_was_told_names_the_object_of_a_lift(host: Host) -> None:
    case = lifted(host, ("opened", "message"))
    assert calls(host) == [("enforce", "1"), ("restore", "1")]
    assert case.state is CaseState.CLOSED


@pytest.mark.slow
def test_a_lift_whose_object_nobody_can_name_is_asked_of_nobody_and_claimed_by_nobody(host: Host) -> None:
    case = lifted(host, ("opened", "message"), ("user_notice_owed", "body"))
    assert calls(host) == [("enforce", "1")]
    assert (case.state, case.items[0].status) == (CaseState.LIFTING, "lifting")
    assert "restore_stuck" in [alert.reason for alert in host.world.pager.alerts]
    host.take(LEGAL, case.id, commands.RecordUndoable("1", "lifted by hand: nobody can tell the machine what"))
    host.drain()
    assert [item["outcome"] for item in host.world.regulator.reports()[-1]["items"]] == ["cannot_comply"]


def test_a_word_that_is_lost_later_takes_nothing_from_the_message_on_which_the_case_rests(host: Host) -> None:
    host.push(about("1"), "m-1")
    (before,) = host.cases()
    order = commands.Suspend("a court", "2-9", host.world.clock(), "article 1", "ab" * 32)
    host.take(LEAD, before.id, order)
    lose(host, "suspended", "proof_sha256")
    (after,) = host.cases()
    assert after.message == before.message
    assert after.message[1] == "m-1"


@pytest.mark.parametrize("is_lost", [True, False])
def test_what_an_answer_calls_another_object_is_not_named_any_more_also_if_nobody_can_read_the_answer(
    host: Host, is_lost: bool
) -> None:
    host.push(about("1"), "m-1")
    host.decide(proposal(measure("1")))
    elsewhere = (Item(item_id="1", object_id="post-elsewhere"),)
    host.push(builders.clarification(about("1"), "ask").model_copy(update={"items": elsewhere}), "m-2")
    records = host.records(host.cases()[0].id)
    reading = Reading(records.stream.reference)
    for on in records.stream.events:
        if isinstance(on.event, Answered) and is_lost:
            reading.lose(on.event)
        elif isinstance(on.event, Opened | Answered):
            reading.read(on.event, {"message": records.words[on.seq, "message"] or b""})
    assert {n: one.object_id for n, one in reading.named.items()} == ({} if is_lost else {2: "post-elsewhere"})
