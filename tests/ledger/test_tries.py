"""What the ledger is told of tries, and what is held by it: none that was told is edited, taken away or added to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.believed import others_than_told, telling, tellings_of
from kz_compliance_sdk.domain.change import LEASE_S, Attempt, OutboxMessage
from kz_compliance_sdk.domain.events.delivery import Tried
from kz_compliance_sdk.domain.fold import Case, Message, Stream
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.evidence.verify_store import verify
from kz_compliance_sdk.ports import Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.driver import HEAD as OFFICE_HEAD
from tests.driver import HOUR, LEGAL, Driver
from tests.ledger.shadow import keyed
from tests.scene import HEAD, M1, PLATFORM, Host, World
from tests.unguarded import unguard
from tests.walks.rare_scenes import case_of

BUSY, LOST = RetryAt("busy"), Unknown("nobody knows")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = issued(tmp_path)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Whose acknowledgement went at the fifth try. Edits are taken back."""
    made = issued(tmp_path_factory.mktemp("tried"))
    acknowledged(made, *[BUSY] * 4)
    yield made
    made.store.close()


def issued(folder: Path) -> Host:
    made = Host(World(folder / "desk.sqlite3"))
    made.push(a_notice(), "m-1")
    return made


def answers(host: Host, *given: Sent) -> None:
    """The regulator answers like this, one try after the other."""
    for answer in given:
        host.world.regulator.faults.append(partial(_answer, answer))
        host.drain()
        host.world.clock.advance(900)


def _answer(answer: Sent, _message: OutboxMessage) -> Sent:
    return answer


def acknowledgement(host: Host) -> OutboxMessage:
    (message,) = host.store.queries(PLATFORM).records(case_of(host).id).messages
    return message


def acknowledged(host: Host, *given: Sent) -> None:
    """The regulator takes it after these answers."""
    answers(host, *given)
    host.drain()
    assert (acknowledgement(host).state, acknowledgement(host).attempts) == ("done", len(given) + 1)


def told(host: Host, message: str = "") -> list[tuple[int, str]]:
    """What was told of tries, of all messages or of one."""
    events = [on.event for on in host.store.queries(PLATFORM).records(case_of(host).id).stream.events]
    tells = [one for one in events if isinstance(one, Tried) and message in ("", one.message)]
    return [(one.count, one.result) for one in tells]


def history(host: Host) -> list[str]:
    return [on.kind for on in host.store.queries(PLATFORM).records(case_of(host).id).stream.events]


def edit(host: Host, sql: str) -> None:
    with closing(choose_driver().module.connect(host.world.path, isolation_level=None)) as raw:
        unguard(raw)
        assert raw.execute(sql).rowcount == 1


def named(host: Host) -> list[str]:
    return [one.what for one in verify(host.store.queries(PLATFORM), PLATFORM, policy=host.policy).faults]


# ------------------------------------------------------------------------------------------------------ what is told


def test_what_the_first_try_settles_tells_of_no_try(host: Host) -> None:
    acknowledged(host)
    assert history(host) == ["opened", "begun", "receipt"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([BUSY], [(1, "retry"), (2, "delivered")]),
        ([BUSY] * 4, [(1, "retry"), (2, "retry"), (4, "retry"), (5, "delivered")]),
        ([BUSY, BUSY, LOST, BUSY], [(1, "retry"), (2, "retry"), (3, "unknown"), (4, "retry"), (5, "delivered")]),
    ],
)
def test_the_first_try_is_told_then_another_result_a_doubling_and_what_settles(
    host: Host, given: list[Sent], expected: list[tuple[int, str]]
) -> None:
    acknowledged(host, *given)
    assert told(host) == expected
    assert history(host)[-2:] == ["tried", "receipt"], "before what settles the message"
    assert named(host) == []


def test_tries_are_told_before_a_refusal_parks_the_message(host: Host) -> None:
    answers(host, Rejected("wait", "later", final=False), Rejected("no", "never"))
    assert told(host) == [(1, "rejected"), (2, "rejected")]
    assert history(host)[2:5] == ["tried", "tried", "rejected"]
    assert named(host) == []


def test_what_was_handed_over_by_hand_is_told_before_its_receipt(host: Host) -> None:
    host.drain()
    host.take(HEAD, case_of(host).id, commands.AnswerByHand())
    host.decide(proposal(measure("1")))
    host.drain()
    left = host.store.queries(PLATFORM).records(case_of(host).id).messages
    (letter,) = [one for one in left if one.state == "waiting"]
    assert told(host) == []
    host.letters.record(M1, letter.id, Proof("courier", "12-3/45", host.world.clock(), "signature of the desk"))
    assert told(host) == [(2, "byhand")]
    assert history(host)[-3:] == ["tried", "receipt", "counted"]
    assert named(host) == []


def test_a_report_that_was_overtaken_is_voided_behind_what_was_tried(host: Host) -> None:
    host.drain()
    host.decide(proposal(measure("1")))
    answers(host, BUSY, BUSY)
    (report,) = [one for one in host.delivery.lease(8) if one.kind == "report"]
    host.push(builders.cancellation(a_notice(), "annulled"), "m-c")
    host.world.regulator.faults.append(partial(_answer, BUSY))
    host.delivery.deliver(report)  # it was on its way when the cancellation came
    assert told(host) == [(1, "retry"), (2, "retry")]
    for _ in range(2):
        host.world.clock.advance(900)
        host.delivery.lease(8)
    assert told(host, report.id) == [(1, "retry"), (2, "retry"), (3, "retry")]
    assert "tried voided" in " ".join(history(host))
    assert named(host) == []


# ------------------------------------------------------------------------------------------ what the rows are held to


_THIRD = "platform_id, case_id, message_id, 3, started_at, ended_at, result, detail FROM attempts WHERE number = 1"
EDITED = {
    "another result": ("UPDATE attempts SET result = 'unknown' WHERE number = 1", "the attempt 1 of"),
    "another result among two": (
        "UPDATE attempts SET result = 'unknown' WHERE number = 3",
        "one of the attempts 3 to 4",
    ),
    "another start": ("UPDATE attempts SET started_at = started_at - 1 WHERE number = 2", "the attempt 2 of"),
    "another end": ("UPDATE attempts SET ended_at = ended_at + 1 WHERE number = 5", "the attempt 5 of"),
    "deleted": ("DELETE FROM attempts WHERE number = 3", "one of the attempts 3 to 4"),
    "moved away": ("UPDATE attempts SET number = 7 WHERE number = 4", "one of the attempts 3 to 4"),
    "another in its place": (f"INSERT OR REPLACE INTO attempts SELECT {_THIRD}", "one of the attempts 3 to 4"),
}


@pytest.mark.parametrize("how", EDITED)
def test_a_try_that_was_told_and_edited_is_named(tried: Host, how: str) -> None:
    sql, which = EDITED[how]
    assert named(tried) == [], "the control: as it was written"
    with closing(choose_driver().module.connect(tried.world.path)) as raw:
        stored = raw.execute("SELECT * FROM attempts").fetchall()
    edit(tried, sql)
    (what,) = [one for one in named(tried) if "is not what the event" in one]
    assert what.startswith(which)
    assert acknowledgement(tried).id in what
    with closing(choose_driver().module.connect(tried.world.path)) as raw, raw:
        raw.execute("DELETE FROM attempts")
        raw.executemany("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", stored)


def test_what_was_tried_since_is_held_by_its_count_alone(host: Host) -> None:
    answers(host, BUSY, BUSY, BUSY)
    assert told(host) == [(1, "retry"), (2, "retry")]
    edit(host, "UPDATE attempts SET result = 'unknown', ended_at = ended_at + 1 WHERE number = 3")
    assert named(host) == []
    edit(host, "DELETE FROM attempts WHERE number = 3")
    assert [one for one in named(host) if one.startswith("the attempt 3 of")]


def test_what_was_said_of_tries_is_erased_and_their_rows_hold_on(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.decide(case, "none")
    office.regulator_is_down()
    office.deliver()
    office.wait(HOUR)
    office.regulator.faults.clear()
    office.deliver()
    assert office.history(case).count("tried") == 4, "of two messages"
    office.ask_erasure(LEGAL, case)
    office.erase(OFFICE_HEAD, case)
    assert [one.detail for one in office.desk.store.queries(office.platform_id).records(case).attempts] == [""] * 4
    assert office.faults() == []


def test_rows_that_cannot_be_read_hold_up_nothing_that_leaves(host: Host) -> None:
    answers(host, BUSY, BUSY, BUSY)
    edit(host, "UPDATE attempts SET ended_at = 'never' WHERE number = 3")
    host.drain()
    assert acknowledgement(host).state == "done"
    assert told(host) == [(1, "retry"), (2, "retry")]
    assert any("attempts" in one for one in named(host))


# -------------------------------------------------------------------------------------- what was given up for lost


def leased(host: Host) -> OutboxMessage:
    """The acknowledgement, in the hands of a process that does not come back before its lease is over."""
    (taken,) = [one for one in host.delivery.lease(8) if one.kind == "acknowledgement"]
    host.world.clock.advance(LEASE_S)
    return taken


def test_a_call_that_comes_back_after_it_was_told_to_be_lost_is_told_anew_with_all_before(host: Host) -> None:
    lost = [leased(host) for _ in range(4)]
    assert told(host) == [(1, "lost"), (2, "lost")], "the fourth is under way, and was not given up yet"
    host.delivery.deliver(lost[0])
    assert told(host)[2:] == [(2, "lost")]
    assert named(host) == []
    host.delivery.deliver(lost[2])
    assert told(host)[3:] == [(3, "delivered")]
    host.delivery.deliver(lost[3])
    assert (told(host)[4:], history(host)[-2:]) == ([(4, "delivered")], ["tried", "receipt"])
    assert named(host) == []
    edit(host, "UPDATE attempts SET ended_at = ended_at + 1 WHERE number = 1")
    assert [one for one in named(host) if one.startswith("one of the attempts 1 to 2 of")]


def test_what_was_edited_is_not_told_anew_as_what_happened(host: Host) -> None:
    first, second = leased(host), leased(host)
    leased(host)
    edit(host, "UPDATE attempts SET ended_at = ended_at + 1 WHERE number = 2")
    host.delivery.deliver(first)
    assert told(host) == [(1, "lost"), (2, "lost")]
    assert [one for one in named(host) if one.startswith("the attempt 2 of")]
    assert second.attempts == 2


# -------------------------------------------------------------------------------------------------------- how many


class _Tries:
    """One message of one case, tried and told, without a store."""

    def __init__(self) -> None:
        owed = Message("m", "report", "regulator", 1, 1, 0, 0, 0, state="begun", tries=1)
        case = Case(PLATFORM, "case/1", messages={"m": owed})
        self.stream, self.rows, self.read = Stream(PLATFORM, "case/1", 1, _case=case), list[Attempt](), 0

    def _behind(self, number: int) -> list[Attempt]:
        self.read += len(self.rows) - number
        return self.rows[number:]

    def make(self, result: str, *, settles: bool = False) -> None:
        number = len(self.rows) + 1
        one = Attempt(PLATFORM, "1", "m", number, 10 * number, 10 * number + 3, result)
        event = telling(self.stream, one, self._behind, keyed, settles=settles)
        self.rows.append(one)
        if event is not None:
            on = Stamped(self.stream.seq + 1, one.ended_at, 0, 0, None, "tried", event, b"")
            self.stream = self.stream.then(1, [on], self.stream.roster)

    def wrong(self) -> list[tuple[int, int, int]]:
        return list(others_than_told(tellings_of(self.stream.events)["m"], self.rows, keyed))


def test_1500_tries_are_told_in_12_events_and_each_row_is_read_once() -> None:
    tries = _Tries()
    for _ in range(1499):
        tries.make("retry")
    tries.make("delivered", settles=True)
    assert [on.event.count for on in tries.stream.events] == [*(1 << n for n in range(11)), 1500]
    assert tries.read < 1500
    assert tries.wrong() == []
    for number in (0, 700, 1400, 1499):
        held = tries.rows[number]
        tries.rows[number] = replace(held, result="other")
        assert len(tries.wrong()) == 1, number + 1
        tries.rows[number] = held
