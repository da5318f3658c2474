"""What the events of what arrives carry, beside what the fold shows: the message, who brought it, what was answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.cancellations import came, flags_told
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.events import arrivals, office
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.notice import Answer
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.ports import SentAs, Tx
from kz_compliance_sdk.services.admission import Response
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, typed, unusable
from tests.case_makers import HOUR, LEGAL, a_notice, arrival, measure, opened, proposal, stamp
from tests.ledger.beside import Beside
from tests.scene import LEAD, M1, PLATFORM, PROFILE, Host, World

VOUCHER = Actor("lead", frozenset({"lead"}), account="the lead's own")
CLERK = Actor("clerk", frozenset({"head"}), account="front desk")
SAID = (Answer(text=(LocalText(lang="ru", text="Всё."),)),)


@dataclass
class Desk:
    """A host, and what it told the ledger, in order."""

    host: Host
    told: list[Happened] = field(default_factory=list)

    def last(self, kind: type) -> Happened:
        return next(one for one in reversed(self.told) if type(one.event) is kind)

    def kinds(self) -> list[str]:
        return [type(one.event).__name__ for one in self.told]

    def came(self, kind: type) -> arrivals.Came:
        found: Any = self.last(kind).event
        assert isinstance(found.came, arrivals.Came)
        return found.came


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(Host(World(tmp_path / "desk.sqlite3")))
    taken = Beside._happened

    def take(self: Beside, shadow: Any, told: Happened) -> None:
        desk.told.append(told)
        taken(self, shadow, told)

    monkeypatch.setattr(Beside, "_happened", take)
    yield desk
    desk.host.store.close()


def _body(desk: Desk, message_id: str) -> bytes:
    host = desk.host

    def work(tx: Tx) -> tuple[Change, bytes | None]:
        (stream, seq), *_ = tx.came(SentAs("sample-regulator", message_id))
        return (), tx.words(stream, [(seq, "message")])[seq, "message"]

    return host.store.submit(PLATFORM, work).result() or b""


def test_what_came_lies_beside_its_event_with_what_proves_it(desk: Desk) -> None:
    desk.host.push(a_notice(), "m-1")
    told, how = desk.last(arrivals.Opened), desk.came(arrivals.Opened)
    assert told.words.keys() == {"message", "proof"}
    assert told.words["message"] == _body(desk, "m-1")
    proof = json.loads(told.words["proof"])
    assert (how.key_id, how.profile, how.signed_at) == (proof["key_id"], PROFILE, proof["signed_at"])
    assert (how.sender, how.source, how.channel, how.status) == ("sample-regulator", "pushed", "regulator", 202)
    assert how.signed_at == desk.host.world.clock()
    assert isinstance(told.event, arrivals.Opened)
    assert told.event.policy == kz_policy().version
    assert told.actor == SYSTEM


def _quarantined(host: Host) -> Response:
    return unusable(host, a_notice())


def _contradicted(host: Host) -> Response:
    host.push(about("A"), "m-1")
    return host.push(about("B"), "m-2")


def _late(host: Host) -> Response:
    host.push(about("A", revision=2), "m-1")
    return host.push(about("A"), "m-2")


def _confirmed(host: Host) -> Response:
    typed(host, about("A"))
    return host.push(about("A"), "m-1")


def _confirmed_otherwise(host: Host) -> Response:
    typed(host, about("A"))
    return host.push(about("B"), "m-1")


@pytest.mark.parametrize(
    ("comes", "kind", "status"),
    [
        (_quarantined, arrivals.Quarantined, 422),
        (_contradicted, arrivals.Quarantined, 409),
        (_late, arrivals.Flagged, 200),
        (_confirmed, arrivals.Confirmed, 200),
        (_confirmed_otherwise, arrivals.Amended, 200),
    ],
)
def test_an_answer_that_no_event_gives_again_lies_beside_it(
    desk: Desk, comes: Callable[[Host], Response], kind: type, status: int
) -> None:
    answer = comes(desk.host)
    told = desk.last(kind)
    assert (answer.status, desk.came(kind).status) == (status, status)
    assert told.words["reply"] == answer.body
    assert [one for one in desk.told if "reply" in one.words] == [told]


def test_the_reason_of_a_quarantine_is_sealed(desk: Desk) -> None:
    unusable(desk.host, a_notice())
    told = desk.last(arrivals.Quarantined)
    assert told.words.keys() == {"message", "id", "proof", "reply", "reason"}
    assert json.loads(told.words["reply"])["detail"] == told.words["reason"].decode()


def _typed(desk: Desk, **changes: Any) -> None:
    work, _ = desk.host.intake.typed(about("A", **changes), desk.host.world.clock(), "by courier", CLERK)
    assert desk.host.store.submit(PLATFORM, work).result().status == 202


def test_who_typed_a_letter_in_has_done_it(desk: Desk) -> None:
    """When, and by whom, the event says; a proof that repeats it would outlive the words on how it came."""
    _typed(desk)
    told = desk.last(arrivals.Opened)
    assert told.actor == CLERK
    assert told.words.keys() == {"message", "how_it_came"}
    assert told.words["how_it_came"] == b"by courier"


def test_an_amendment_by_letter_waits_under_the_bytes_that_take_effect(desk: Desk) -> None:
    desk.host.push(about("A"), "m-1")
    _typed(desk, revision=2, category="of_no_list")
    entered, marked = desk.told[-2:]
    assert isinstance(entered.event, arrivals.LetterEntered)
    assert isinstance(marked.event, arrivals.Flagged)
    assert (entered.event.kind, marked.event.came, bool(marked.event.flags)) == ("amendment", None, True)
    assert (entered.actor, marked.actor) == (CLERK, CLERK)
    assert entered.words.keys() == {"message", "how_it_came"}
    desk.host.take(VOUCHER, desk.host.case(about("A").notice_id).id, commands.Authenticate("called back"))
    amended = desk.last(arrivals.Amended)
    assert (amended.actor, amended.words["how"]) == (VOUCHER, b"called back")
    assert amended.words["message"] == entered.words["message"]
    assert (desk.came(arrivals.Amended).key, desk.came(arrivals.Amended).body) == (
        entered.event.came.key,
        entered.event.came.body,
    )


def test_a_letter_that_is_dismissed_is_named_by_its_bytes(desk: Desk) -> None:
    desk.host.push(about("A"), "m-1")
    host = desk.host
    case, now = host.case(about("A").notice_id), host.world.clock()
    host.take(CLERK, case.id, commands.EnterAnswer(in_reply_to="a", answers=SAID, received_at=now, how="letter"))
    (letter,) = host.letters_waiting(case.id)
    host.take(VOUCHER, case.id, commands.Dismiss(letter.message_id, "a forgery"))
    told = desk.last(arrivals.LetterDismissed)
    assert isinstance(told.event, arrivals.LetterDismissed)
    assert told.event.letter == desk.came(arrivals.LetterEntered).body
    assert told.words == {"reasons": b"a forgery"}


def test_an_answer_names_the_question_that_we_asked(desk: Desk) -> None:
    host, notice = desk.host, a_notice()
    host.push(notice, "m-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    asked = (Question(item_id="1", text=(Statement(lang="ru", text="Что?"),)),)
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, asked, text_checked=True))
    messages = host.records(lease.case.id).messages
    (question,) = [one.id for one in messages if one.kind == "clarification"]
    found = []
    for number, name in enumerate((question, "another")):
        answer = builders.clarification(notice, name).model_copy(update={"items": notice.items})
        host.push(answer, f"answer-{number}")
        event: Any = desk.last(arrivals.Answered).event
        found.append(event.question)
    assert found == [question, "unknown"]


def test_a_message_lies_beside_one_event_alone(desk: Desk) -> None:
    desk.host.push(about("A", "B"), "m-1")
    desk.host.push(builders.cancellation(about("A", "B"), "withdrawn", ("1", "9")), "m-2")
    assert desk.kinds()[-2:] == ["Flagged", "Cancelled"]
    flagged, cancelled = desk.told[-2:]
    assert (flagged.words, cancelled.words["message"]) == ({}, _body(desk, "m-2"))


def test_what_waited_is_told_with_its_own_proof(desk: Desk) -> None:
    desk.host.push(builders.cancellation(about("A"), "withdrawn"), "m-1")
    _typed(desk)
    told = desk.last(arrivals.Cancelled)
    assert (told.words["message"], told.actor) == (_body(desk, "m-1"), SYSTEM)
    assert json.loads(told.words["proof"])["key_id"] == desk.came(arrivals.Cancelled).key_id
    assert desk.came(arrivals.Cancelled).profile == PROFILE


def test_what_an_id_names_now_is_another_item(desk: Desk) -> None:
    desk.host.push(about("A", "B"), "m-1")
    desk.host.decide(proposal(measure("1"), measure("2")))
    desk.host.drain()
    desk.host.push(about("C", revision=2), "m-2")
    event = desk.last(arrivals.Amended).event
    assert isinstance(event, arrivals.Amended)
    assert [(one.number, one.instead_of) for one in event.items] == [(3, 1)]
    assert [(one.item, one.fate, one.version, one.order) for one in event.fallen] == [
        (1, "lifting", 2, True),
        (2, "lifting", 2, True),
    ]


def test_the_machine_sees_that_a_suspension_is_over_before_an_amendment(desk: Desk) -> None:
    host, clock = desk.host, desk.host.world.clock
    host.push(about("A"), "m-1")
    case_id = host.case(about("A").notice_id).id
    order = commands.Suspend("a court", "3-12/2026", clock(), "an article", "a" * 64, clock() + HOUR)
    host.take(LEGAL, case_id, order)
    host.take(LEAD, case_id, commands.ConfirmSuspension(1, "read on the court's own site"))
    clock.advance(2 * HOUR)
    _typed(desk, revision=2)
    host.take(VOUCHER, case_id, commands.Authenticate("called back"))
    amended = desk.last(arrivals.Amended)
    over = desk.told[desk.told.index(amended) - 1]
    assert isinstance(over.event, office.SuspensionWatched)
    assert (over.event.over, over.actor, amended.actor) == (True, SYSTEM, VOUCHER)


@pytest.mark.parametrize(("at", "told"), [(-1, 0), (7, 7)])
def test_a_time_before_all_times_keeps_no_message_out(at: int, told: int) -> None:
    assert came(arrival(signed_at=at), stamp()).signed_at == told


def test_a_flag_speaks_of_the_number_of_its_item() -> None:
    items = opened(a_notice(items=2)).items
    assert flags_told(("late", "url_wildcard:2", "url_wildcard:of no item"), items) == (
        "late",
        "url_wildcard:2",
        "url_wildcard",
    )
