"""The mock's books against a model that a reader can check at a glance, in whatever order things happen.

Everything goes through `handle`, signed as a platform signs it. The model is two dictionaries for each platform: what
was recorded under which key, and which keys are still remembered. The controls plant a fault in the books, and the same
machine has to find it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kz_compliance_sdk.domain.notice import Effect, Notice
from kz_compliance_sdk.domain.report import OutboundModel, Outcome, outbound_bytes
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator import Fault, IssuedMessage, Reply
from kz_compliance_sdk.testing.mock_regulator.books import Books, Recorded
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import HeldNotice, read_feed, read_receipt
from tests.conftest import FrozenClock
from tests.mock_regulator.mock_regulators import Inbox, a_regulator, ask, submit

PLATFORMS = ("social", "video")
CASES = ("case A", "case B")


@dataclass
class Known:
    """What the model holds of one platform."""

    receipts: dict[str, bytes] = field(default_factory=dict)
    """By key: the receipt that was given for it, and must be given for ever."""
    sent: dict[str, tuple[str, OutboundModel]] = field(default_factory=dict)
    """By key: the notice and what was recorded."""
    remembered: set[str] = field(default_factory=set)
    """The keys that are not forgotten."""
    numbers: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)
    """By notice and case: the key of each sequence number."""
    feed: list[str] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    sanctions: list[str] = field(default_factory=list)


class BooksMachine(RuleBasedStateMachine):
    """Authorities that say things and platforms that answer, in any order."""

    notices = Bundle("notices")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.inbox = Inbox(self.clock)
        self.regulator = a_regulator(self.clock, self.inbox, *PLATFORMS)
        self.known = {name: Known() for name in PLATFORMS}
        self.count = 0
        self.plant()

    def plant(self) -> None:
        """Where a control puts its fault."""

    # What authorities say.

    def _note(self, message: IssuedMessage) -> None:
        self.known[message.platform_id].feed.append(message.id)

    @rule(target=notices, seed=st.integers(1, 40), platform_id=st.sampled_from(PLATFORMS), items=st.integers(1, 3))
    def issue(self, seed: int, platform_id: str, items: int) -> Any:
        notice = builders.notice(seed, items=items, platform_id=platform_id)
        known = self.known[platform_id]
        if notice.notice_id in known.revisions:
            with pytest.raises(Refused):
                self.regulator.issue(notice)
            return multiple()
        self._note(self.regulator.issue(notice))
        known.revisions[notice.notice_id] = 1
        return notice

    @rule(target=notices, notice=consumes(notices))
    def amend(self, notice: Notice) -> Notice:
        known = self.known[notice.platform_id]
        amended = notice.model_copy(update={"revision": notice.revision + 1})
        self._note(self.regulator.amend(amended))
        known.revisions[notice.notice_id] += 1
        with pytest.raises(Refused):
            self.regulator.amend(amended)
        return amended

    @rule(notice=notices, effect=st.sampled_from(("withdrawn", "annulled", "remedied")), whole=st.booleans())
    def cancel(self, notice: Notice, effect: Effect, whole: bool) -> None:
        items = None if whole else [notice.items[0].item_id]
        self._note(self._announce("notice.cancelled", builders.cancellation(notice, effect, items), notice))

    @rule(notice=notices, level=st.integers(1, 5))
    def remind(self, notice: Notice, level: int) -> None:
        self._note(self._announce("notice.reminded", builders.reminder(notice, level), notice))

    @rule(notice=notices)
    def clarify(self, notice: Notice) -> None:
        self._note(self._announce("notice.clarified", builders.clarification(notice, "q"), notice))

    @rule(notice=notices)
    def sanction(self, notice: Notice) -> None:
        self.count += 1
        sanction = builders.sanction(self.count, [notice.notice_id])
        self._note(self._announce("sanction.announced", sanction, notice))
        self.known[notice.platform_id].sanctions.append(sanction.sanction_id)

    def _announce(self, kind: Any, data: Any, notice: Notice) -> IssuedMessage:
        return self.regulator.announce(kind, data, platform_id=notice.platform_id)

    # What platforms answer.

    def _key(self) -> str:
        self.count += 1
        return f"key-{self.count}"

    def _send(self, notice: Notice, value: OutboundModel, key: str, *, lost: bool = False) -> Any:
        """Send it and hold the answer to the model."""
        known = self.known[notice.platform_id]
        if lost:
            self.regulator.fail(Fault("reset_after"))
        reply = submit(self.regulator, value, key, platform_id=notice.platform_id)
        assert reply.ending == ("reset" if lost else "whole")
        expected = self._expected(known, notice, value, key)
        if expected is None:
            assert reply.status == 201, reply.body
            receipt = read_receipt(reply.body)
            assert receipt.covers(key, outbound_bytes(value))
            assert reply.body not in known.receipts.values()
            known.receipts[key], known.sent[key] = reply.body, (notice.notice_id, value)
            known.remembered.add(key)
            case, number = getattr(value, "case_reference", ""), getattr(value, "sequence", 0)
            if hasattr(value, "report_id"):
                known.numbers.setdefault((notice.notice_id, case), {})[number] = key
            return key
        status, standing = expected
        assert reply.status == status, reply.body
        if standing is not None:
            assert reply.body == known.receipts[standing]
        return multiple()

    def _expected(self, known: Known, notice: Notice, value: OutboundModel, key: str) -> tuple[int, str | None] | None:
        """None if it is to be recorded; else the status, and the key whose receipt is given."""
        if key in known.remembered:
            same = known.sent[key] == (notice.notice_id, value)
            return (201, key) if same else (422, None)
        if key in known.sent:
            return 409, key
        if hasattr(value, "report_id"):
            numbers = known.numbers.get((notice.notice_id, getattr(value, "case_reference", "")), {})
            number = getattr(value, "sequence", 0)
            if numbers and number <= max(numbers):
                return 409, numbers.get(number, numbers[max(numbers)])
        # The same bytes about one notice have one receipt, whatever their key.
        first = next((one for one, sent in known.sent.items() if sent == (notice.notice_id, value)), None)
        return None if first is None else (409, first)

    @rule(target=keys, notice=notices, lost=st.booleans())
    def acknowledge(self, notice: Notice, lost: bool) -> Any:
        return self._send(notice, builders.acknowledgement(notice), self._key(), lost=lost)

    @rule(target=keys, notice=notices)
    def ask_back(self, notice: Notice) -> Any:
        key = self._key()
        return self._send(notice, builders.clarification_request(notice, key), key)

    @rule(
        target=keys,
        notice=notices,
        sequence=st.integers(1, 6),
        case=st.sampled_from(CASES),
        outcome=st.sampled_from(("removed", "refused", "restored")),
        final=st.booleans(),
        lost=st.booleans(),
    )
    def report_once(self, notice: Notice, sequence: int, case: str, outcome: Outcome, final: bool, lost: bool) -> Any:
        return self.report(notice, sequence, case, outcome, final, lost)

    def report(self, notice: Notice, sequence: int, case: str, outcome: Outcome, final: bool, lost: bool) -> Any:
        key = self._key()
        report = builders.report(notice, key, sequence, outcome, case_reference=case, final=final)
        return self._send(notice, report, key, lost=lost)

    @precondition(lambda self: any(known.numbers for known in self.known.values()))
    @rule(target=keys, data=st.data(), step=st.integers(-2, 3), lost=st.booleans())
    def report_beside(self, data: Any, step: int, lost: bool) -> Any:
        """A further report of a case that has one: before, at or after the newest that is held."""
        places = [(name, *place) for name, known in self.known.items() for place in known.numbers]
        name, notice_id, case = data.draw(st.sampled_from(places))
        newest = max(self.known[name].numbers[notice_id, case])
        return self.report(self._notice(name, notice_id), max(1, newest + step), case, "removed", True, lost)

    @rule(key=keys, platform_id=st.sampled_from(PLATFORMS))
    def resend(self, key: str, platform_id: str) -> None:
        known = self.known[platform_id]
        if key in known.sent:
            notice_id, value = known.sent[key]
            self._send(self._notice(platform_id, notice_id), value, key)

    @rule(key=keys, platform_id=st.sampled_from(PLATFORMS))
    def send_other_bytes(self, key: str, platform_id: str) -> None:
        """The same key with another body: refused while it is remembered, and never recorded over the first."""
        known = self.known[platform_id]
        if key in known.sent:
            notice_id, value = known.sent[key]
            other = value.model_copy(update={"case_reference": "another case"})
            self._send(self._notice(platform_id, notice_id), other, key)

    def _notice(self, platform_id: str, notice_id: str) -> Notice:
        return self.regulator.books_of(platform_id).notices[notice_id].notice

    @precondition(lambda self: any(known.remembered for known in self.known.values()))
    @rule()
    def forget_keys(self) -> None:
        self.regulator.forget_keys()
        for known in self.known.values():
            known.remembered.clear()

    @rule(seconds=st.integers(1, 86_400))
    def wait(self, seconds: int) -> None:
        self.regulator.advance(seconds)

    # What is held.

    @rule(key=keys)
    def look_up(self, key: str) -> None:
        """A report is found by the platform that sent it, and by no other."""
        for name, known in self.known.items():
            reply = ask(self.regulator, "GET", f"/v1/reports/{key}", platform_id=name)
            if key in known.sent and hasattr(known.sent[key][1], "report_id"):
                assert (reply.status, reply.body) == (200, known.receipts[key])
            else:
                assert reply.status == 404

    @rule(notice=notices)
    def look_up_the_notice(self, notice: Notice) -> None:
        known = self.known[notice.platform_id]
        path = f"/v1/notices/{notice.notice_id}"
        held = read(HeldNotice, ask(self.regulator, "GET", path, platform_id=notice.platform_id).body)
        receipts = (*held.acknowledgements, *held.clarification_requests, *held.reports)
        mine = [key for key, (notice_id, _) in known.sent.items() if notice_id == notice.notice_id]
        assert sorted(receipt.subject_id for receipt in receipts) == sorted(mine)
        assert held.notice.revision == known.revisions[notice.notice_id]

    @rule(platform_id=st.sampled_from(PLATFORMS), limit=st.integers(1, 7))
    def read_the_feed(self, platform_id: str, limit: int) -> None:
        self.read_feed(platform_id, limit)

    def read_feed(self, platform_id: str, limit: int) -> None:
        """All of it, page by page."""
        found: list[str] = []
        after, more = "", True
        while more:
            reply: Reply = ask(
                self.regulator, "GET", f"/v1/notices?limit={limit}&after={after}", platform_id=platform_id
            )
            page = read_feed(reply.body)
            found += [json.loads(base64.b64decode(entry.body))["id"] for entry in page.data]
            after, more = page.next_cursor or "", page.has_more
        assert found == self.known[platform_id].feed

    def teardown(self) -> None:
        """However it ended, the feeds hold everything."""
        for name in PLATFORMS:
            self.read_feed(name, 100)

    @rule(platform_id=st.sampled_from(PLATFORMS))
    def read_the_sanctions(self, platform_id: str) -> None:
        said = json.loads(
            ask(self.regulator, "GET", f"/v1/platforms/{platform_id}/sanctions", platform_id=platform_id).body
        )
        assert [each["sanction_id"] for each in said["data"]] == self.known[platform_id].sanctions

    @invariant()
    def nothing_is_lost_doubled_or_mixed_up(self) -> None:
        for name, known in self.known.items():
            books = self.regulator.books_of(name)
            assert set(books.recorded) == set(known.sent), "one entry for each message id"
            every = [each for record in books.notices.values() for each in record.recorded]
            assert sorted(each.key for each in every) == sorted(known.sent), "each in the record of one notice"
            for key, (notice_id, value) in known.sent.items():
                recorded = books.recorded[key]
                assert (recorded.notice_id, recorded.body) == (notice_id, outbound_bytes(value))
                assert recorded.receipt.body_sha256 == hashlib.sha256(recorded.body).hexdigest()
            assert set(books.notices) == set(known.revisions)
            for record in books.notices.values():
                sequences: dict[str, list[int]] = {}
                for report in record.reports():
                    sequences.setdefault(report.case_reference, []).append(report.sequence)
                for numbers in sequences.values():
                    assert numbers == sorted(set(numbers)), "the sequences of a case grow"
        receipts = [receipt for known in self.known.values() for receipt in known.receipts.values()]
        assert len(receipts) == len(set(receipts)), "a receipt is given for one message"


QUICK = settings(
    max_examples=12, stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
LONG = settings(QUICK, max_examples=150, stateful_step_count=50)
# Found is found: nobody reads the smallest way to a fault that was planted.
CONTROL = settings(QUICK, max_examples=1_000, stateful_step_count=40, phases=[Phase.generate])


@pytest.mark.slow
def test_the_books_do_what_the_model_does() -> None:
    run_state_machine_as_test(BooksMachine, settings=QUICK)


@pytest.mark.slow
def test_the_books_do_what_the_model_does_for_long() -> None:
    run_state_machine_as_test(BooksMachine, settings=LONG)


class GivesASecondReceipt(BooksMachine):
    """A repeat is recorded again: the key is not looked at."""

    def plant(self) -> None:
        for name in PLATFORMS:
            books = self.regulator.books_of(name)
            first = books.record

            def record(*args: Any, books: Books = books, first: Any = first) -> Recorded:
                books.forget_keys()
                books.recorded.pop(args[2], None)
                return first(*args)  # type: ignore[no-any-return]

            books.record = record  # type: ignore[assignment, method-assign]  # a fault is planted


class LosesEveryThirdReport(BooksMachine):
    """A receipt is given, and the books do not hold it."""

    def plant(self) -> None:
        books, count = self.regulator.books_of("social"), [0]
        first = books.record

        def record(*args: Any) -> Recorded:
            recorded = first(*args)
            count[0] += recorded.kind == "report"
            if recorded.kind == "report" and count[0] % 3 == 0:
                books.notices[recorded.notice_id].recorded.remove(recorded)
            return recorded

        books.record = record  # type: ignore[assignment, method-assign]  # a fault is planted


class MixesTenantsUp(BooksMachine):
    """Both platforms' reports land on one shelf."""

    def plant(self) -> None:
        self.regulator.books_of("video").recorded = self.regulator.books_of("social").recorded


class TakesAnySequence(BooksMachine):
    """An older report is recorded after a newer one."""

    def plant(self) -> None:
        books = self.regulator.books_of("social")
        first = books.record

        def record(*args: Any) -> Recorded:
            for held in books.notices.values():
                held.newest_report.clear()
            return first(*args)

        books.record = record  # type: ignore[assignment, method-assign]  # a fault is planted


class ForgetsWhatAKeyStoodFor(BooksMachine):
    """Once a key is forgotten, other bytes are taken under it."""

    def plant(self) -> None:
        for name in PLATFORMS:
            books = self.regulator.books_of(name)
            first = books.forget_keys

            def forget(books: Books = books, first: Any = first) -> None:
                first()
                books.recorded.clear()

            books.forget_keys = forget  # type: ignore[method-assign]


class SkipsCancellationsInTheFeed(BooksMachine):
    """A cancellation is entered and never given out."""

    def plant(self) -> None:
        books = self.regulator.books_of("social")
        first = books.enter

        def enter(message: IssuedMessage) -> None:
            first(replace(message, sequence=0) if message.type == "notice.cancelled" else message)

        books.enter = enter  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine",
    [
        GivesASecondReceipt,
        LosesEveryThirdReport,
        MixesTenantsUp,
        TakesAnySequence,
        ForgetsWhatAKeyStoodFor,
        SkipsCancellationsInTheFeed,
    ],
)
def test_a_planted_fault_is_found(machine: type[BooksMachine]) -> None:
    """The controls of the two above, with the very same rules."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=CONTROL)
