"""The end of personal data: what was planted cannot be found in the file any more, and the chain still holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands, proofs
from kz_compliance_sdk.domain.actor import SYSTEM, Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.clock import FiledContest
from kz_compliance_sdk.domain.decision import decisions_of
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.notice import Contact, Item, LegalBasis, LocalName, Notice, Signatory
from kz_compliance_sdk.domain.retention import Holdings, Retention, why_kept
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed, StoreDamaged
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.loading import case_file_of
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.objects import object_of
from tests.scene import HEAD, LEAD, M1, PLATFORM, Host, World, lodged
from tests.unguarded import unguard

DRIVER = choose_driver()
DAY = 86_400
PERIODS = Retention(
    closed_s=365 * DAY,
    in_force_s=1095 * DAY,
    cancelled_s=365 * DAY,
    quarantined_s=180 * DAY,
    unmatched_s=180 * DAY,
    sanctioned_s=1095 * DAY,
)
LEGAL = Actor("legal", frozenset({"legal"}))
TYPIST = Actor("typist", frozenset({"head"}), account="PLANTED-ACCOUNT")
VOUCHER = Actor("voucher", frozenset({"lead"}), account="desk-of-the-voucher")

PLANTED = {
    "handle": "planted_handle_aigerim",
    "slug": "planted-slug-of-the-post",
    "reporter": "Плантова Айгерім Серікқызы",
    "phone": "+77015550199",
    "iin": "870412300455",
    "how": "planted: handed over by her mother",
    "reasons": "planted reasons: the girl of 9B named Dana",
    "overruled": "planted words of the second person",
    "platform": "planted words of the platform's own system",
    "unmatched": "planted words in a message without a notice",
}


class Desk:
    """A host over one file, with its privacy."""

    def __init__(self, path: Path, *, keys: MasterKeys | None = None) -> None:
        self.world = World(path)
        self.open(keys)

    def open(self, keys: MasterKeys | None = None) -> None:
        self.store = SqliteStore(self.world.path, self.world.env(), threaded=False, keys=keys)
        self.host = Host(self.world, self.store)
        self.privacy = Privacy(self.store, PLATFORM, PERIODS, self.store.truncate_log)

    @property
    def bytes(self) -> bytes:
        """All that lies on the disk."""
        path = self.world.path
        return b"".join(
            Path(f"{path}{end}").read_bytes() for end in ("", "-wal", "-shm") if Path(f"{path}{end}").exists()
        )

    def later(self, days: int) -> None:
        self.world.clock.advance(days * DAY)

    def records(self, case: Case) -> proofs.Records:
        return self.store.queries(PLATFORM).records(case.id)

    def erased(self) -> int:
        queries = self.store.queries(PLATFORM)
        return sum(queries.records(case_id).erased for case_id in queries.case_ids())

    def check(self) -> None:
        self.host.check_chains()


def notice(seed: int, **changes: Any) -> Notice:
    item = Item(
        item_id="1",
        url=f"https://social.example/{PLANTED['handle']}/{PLANTED['slug']}",
        account_ref=PLANTED["handle"],
        object_id=f"post:{PLANTED['slug']}:{seed}",
        description=f"{PLANTED['reporter']}, {PLANTED['phone']}, {PLANTED['iin']}",
    )
    return a_notice(seed=seed, items=1, category="election_rules", **changes).model_copy(update={"items": (item,)})


def fill(desk: Desk) -> list[Case]:
    """A pushed case with measure and refusals of the platform, a typed-in one that is refused, a stray message."""
    host = desk.host
    host.push(notice(1), "msg-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    said = proposal(measure("1", reasons=PLANTED["reasons"]))
    decided = host.take(M1, lease.case.id, commands.Propose(lease.token, said))
    host.take(LEAD, lease.case.id, commands.SendBack(decided.digest, PLANTED["overruled"]))
    desk.world.platform.faults.append(lambda _effect: Failed(PLANTED["platform"], permanent=True))
    host.decide(proposal(measure("1")))
    host.drain()
    host.decide(proposal(refusal("1")))
    host.drain()
    typed = notice(2)
    work, _ = host.intake.typed(typed, desk.world.clock(), PLANTED["how"], TYPIST)
    desk.store.submit(PLATFORM, work).result()
    host.take(VOUCHER, host.case(typed.notice_id).id, commands.Authenticate(PLANTED["how"]))
    host.decide(proposal(refusal("1", reasons=PLANTED["reasons"])))
    host.drain()
    for message in desk.store.queries(PLATFORM).records(host.case(typed.notice_id).id).messages:
        if message.state == "waiting":
            proof = Proof("courier", "12-3/45", desk.world.clock(), PLANTED["reporter"])
            host.letters.record(HEAD, message.id, proof)
    reminder = builders.reminder(a_notice(seed=77)).model_copy(update={"text": PLANTED["unmatched"]})
    host.push(reminder, "msg-stray")
    host.drain()
    return list(host.cases())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk.sqlite3")
    yield desk
    desk.store.close()


@pytest.mark.slow
def test_nothing_that_was_planted_lies_in_the_file_in_the_clear(desk: Desk) -> None:
    cases = fill(desk)
    assert {str(case.state) for case in cases} == {"closed"}
    found = [name for name, text in PLANTED.items() if text.encode() in desk.bytes]
    assert found == []
    # The control: the same search finds it once it can be read.
    read = json.dumps(
        [desk.privacy.export(HEAD, case.id, with_staff=True).decode() for case in cases], ensure_ascii=False
    )
    held = " ".join(row.body.decode() for row in lodged(desk.store))
    assert [name for name, text in PLANTED.items() if text not in read + held] == []


@pytest.mark.slow
def test_after_its_end_personal_data_is_gone_and_the_chain_holds(desk: Desk) -> None:
    cases = fill(desk)
    early = desk.privacy.retention()
    assert (early.cases, early.unmatched) == ((), 0)
    desk.later(400)
    would = desk.privacy.retention(dry_run=True)
    assert desk.store.queries(PLATFORM).records(cases[0].id).inbox[0].body
    went = desk.privacy.retention()
    assert (went.cases, went.went, went.unmatched) == (would.cases, would.went, would.unmatched)
    assert set(went.cases) == {case.id for case in cases}
    assert went.unmatched == 1
    assert went.log_emptied
    assert [name for name, text in PLANTED.items() if text.encode() in desk.bytes] == []
    for case in cases:
        left = desk.records(case)
        assert proofs.check(left) == ()
        assert left.case.erased_at == desk.world.clock()
        assert not any(row.body or row.message_id or row.body_sha256 for row in left.inbox)
        assert not any(row.body for row in decisions_of(left.stream, left.chain.opened))
        assert not any(message.body or message.receipt or message.item_id for message in left.messages)
        assert not any(left.words[on.seq, name] for on in left.stream.events for name in _erasable(on))
        assert not any(item.url or item.account_ref or item.object_key or item.object_id for item in left.case.items)
        assert left.stream.events[-1].kind == "erased"
    assert desk.erased() == len(cases)
    again = desk.privacy.retention()
    assert (again.cases, again.unmatched) == ((), 0)
    desk.check()


def _erasable(on: Stamped) -> list[str]:
    return [name for name, part in on.event.parts.items() if part.cls == "erasable"]


def test_the_keys_themselves_are_gone_from_every_page(desk: Desk) -> None:
    cases = fill(desk)
    with desk.store.engine.connect() as connection:
        stored = (
            connection.exec_driver_sql(
                "SELECT wrapped FROM keys JOIN streams ON n = stream WHERE class = 'erasable' AND name LIKE 'case/%'"
            )
            .scalars()
            .all()
        )
    keys = [bytes(one)[1:] for one in stored]
    assert all(key in desk.bytes for key in keys), "the control: they lie there while the cases live"
    desk.later(400)
    assert len(desk.privacy.retention().cases) == len(cases) == len(keys)
    assert [key for key in keys if key in desk.bytes] == []


def test_a_message_that_comes_again_after_the_erasure_gets_its_first_answer(desk: Desk) -> None:
    first = desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    desk.later(400)
    desk.privacy.retention()
    (row,) = desk.store.queries(PLATFORM).records(desk.host.cases()[0].id).inbox
    assert (row.reply, row.status, row.body, row.message_id, row.body_sha256) == (first.body, 202, b"", "", "")


def test_what_comes_after_an_erasure_is_kept_under_a_new_key_and_people_are_told(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    desk.later(400)
    desk.privacy.retention()
    case = desk.host.cases()[0]
    assert desk.host.push(builders.cancellation(notice(1), "withdrawn"), "msg-2").status == 202
    assert desk.host.push(notice(1), "msg-3").status == 200
    flagged = desk.host.cases()[0]
    assert ("erased_case" in flagged.flags, flagged.state) == (True, case.state)
    late = [row for row in desk.store.queries(PLATFORM).records(case.id).inbox if row.message_id]
    assert [(row.message_id, bool(row.body)) for row in late] == [("msg-2", True), ("msg-3", True)]
    with pytest.raises(IllegalMove, match="erased"):
        desk.host.take(LEAD, case.id, commands.Reopen("they ask again"))
    desk.host.drain()
    desk.check()
    assert desk.privacy.retention().cases == (case.id,), "what came late is erased in its turn"
    assert not any(row.body for row in desk.store.queries(PLATFORM).records(case.id).inbox)
    desk.check()


def test_a_new_revision_of_an_erased_notice_is_decided_like_a_new_one(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    desk.later(1200)
    assert desk.privacy.retention().kept == {}
    assert desk.host.push(notice(1, revision=2), "msg-2").status == 202
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    assert (str(desk.host.cases()[0].state), desk.host.cases()[0].erased_at) == ("closed", None)
    desk.check()


def _in_force(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()


def _sanctioned(desk: Desk) -> None:
    _refused(desk)
    desk.host.push(builders.sanction(1, (notice(1).notice_id,)), "msg-s")
    desk.host.drain()


def _refused(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()


def _held(desk: Desk) -> None:
    _refused(desk)
    desk.host.take(LEAD, desk.host.cases()[0].id, commands.Hold("an appeal is open", desk.world.clock() + 500 * DAY))


def _running(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")


KEPT: dict[str, tuple[Callable[[Desk], None], dict[str, int]]] = {
    "a measure in force": (_in_force, {"not_yet": 1}),
    "a sanction names it": (_sanctioned, {"sanction": 1}),
    "a legal hold": (_held, {"legal_hold": 1}),
    "it is running": (_running, {}),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_still_needed_is_kept(name: str, desk: Desk) -> None:
    make, kept = KEPT[name]
    make(desk)
    desk.later(400)
    run = desk.privacy.retention()
    assert (run.cases, dict(run.kept)) == ((), kept)
    assert desk.store.queries(PLATFORM).records(desk.host.cases()[0].id).inbox[0].body


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE parts SET bytes = x'00' WHERE name = 'sanction_id'",
        "UPDATE streams SET name = 'other/x' WHERE name LIKE 'sanction/%'",
    ],
)
def test_a_sanction_that_cannot_be_read_lets_no_case_go(lie: str, desk: Desk) -> None:
    _sanctioned(desk)
    with closing(DRIVER.module.connect(desk.world.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute(lie)
    desk.open()
    desk.later(400)
    run = desk.privacy.retention()
    assert (run.cases, dict(run.kept)) == ((), {"sanction": 1})


def test_a_measure_in_force_is_held_for_others_after_its_case_was_erased(desk: Desk) -> None:
    """Another order on the same object ends: what the erased one holds stays."""
    _in_force(desk)
    key = desk.host.cases()[0].items[0].object_key
    desk.later(1200)
    assert len(desk.privacy.retention().cases) == 1
    (case,) = desk.host.cases()
    assert object_of(desk.store, key).holds == {(case.id, 1): 0}, "and no copy is kept for it"
    assert key.encode() not in desk.bytes


def test_an_appeal_after_the_erasure_hears_of_it_and_of_what_is_left(desk: Desk) -> None:
    _in_force(desk)
    case = desk.host.cases()[0]
    now = desk.world.clock()
    before = desk.host.take(SYSTEM, case.id, commands.ReceiveAppeal("1", "It is satire.", now, "A-1"))
    desk.host.take(SYSTEM, desk.host.appeals.case_of(before.appeal_id), commands.WithdrawAppeal(before.appeal_id))
    desk.host.drain()
    desk.later(1200)
    assert desk.privacy.retention().cases == (case.id,)
    with pytest.raises(IllegalMove, match=r"was erased on 20\d\d-.*ledger and its tally") as refused:
        desk.host.take(SYSTEM, case.id, commands.ReceiveAppeal("1", "It is satire.", desk.world.clock(), "A-2"))
    assert "no measure" not in str(refused.value)
    assert (
        desk.host.take(SYSTEM, case.id, commands.ReceiveAppeal("1", "It is satire.", now, "A-1")).state == "withdrawn"
    )
    desk.check()


def test_an_early_erasure_takes_two_people_and_a_ground(desk: Desk) -> None:
    _refused(desk)
    case = desk.host.cases()[0].id
    words: Any = "she is called Dana"
    wrongly: tuple[tuple[type[Exception], Callable[[], object]], ...] = (
        (NotAllowed, lambda: desk.host.take(M1, case, commands.AskErasure("court"))),
        (InvalidInput, lambda: desk.host.take(LEGAL, case, commands.AskErasure(words))),
        (IllegalMove, lambda: desk.host.take(HEAD, case, commands.Erase())),
    )
    for wrong, call in wrongly:
        with pytest.raises(wrong):
            call()
    desk.host.take(LEGAL, case, commands.AskErasure("subject_request"))
    with pytest.raises(NotAllowed, match="somebody else"):
        desk.host.take(LEGAL, case, commands.Erase())
    assert desk.host.take(HEAD, case, commands.Erase()).erased_at == desk.world.clock()
    assert PLANTED["handle"].encode() not in desk.bytes
    desk.check()
    refused: tuple[Callable[[], object], ...] = (
        lambda: desk.host.take(LEGAL, case, commands.AskErasure("court")),
        lambda: desk.host.take(LEAD, case, commands.Hold("late", desk.world.clock() + DAY)),
        lambda: desk.privacy.export(HEAD, case),
    )
    for again in refused:
        with pytest.raises(IllegalMove, match="erased"):
            again()


def test_a_measure_in_force_or_a_hold_stops_an_early_erasure(desk: Desk) -> None:
    _in_force(desk)
    case = desk.host.cases()[0].id
    with pytest.raises(IllegalMove, match="in force"):
        desk.host.take(LEGAL, case, commands.AskErasure("subject_request"))
    desk.host.take(LEAD, case, commands.Hold("a contest", desk.world.clock() + DAY))
    with pytest.raises(IllegalMove, match="legal hold"):
        desk.host.take(LEGAL, case, commands.AskErasure("subject_request"))
    desk.host.take(HEAD, case, commands.EndHold("the contest was withdrawn"))
    with pytest.raises(IllegalMove, match="no legal hold"):
        desk.host.take(HEAD, case, commands.EndHold("again"))
    desk.check()


def test_a_new_hold_never_ends_the_one_that_stands_earlier(desk: Desk) -> None:
    """That would be an end of the hold by somebody who may not end it, and without saying so."""
    _in_force(desk)
    case, now = desk.host.cases()[0].id, desk.world.clock()
    desk.host.take(LEGAL, case, commands.Hold("the court asked", now + 30 * DAY))
    with pytest.raises(InvalidInput) as refused:
        desk.host.take(LEAD, case, commands.Hold("never mind", now + 1))
    assert refused.value.field == "until"
    assert desk.host.take(LEAD, case, commands.Hold("an appeal", now + 40 * DAY)).held_until == now + 40 * DAY
    desk.later(41)
    assert desk.host.take(LEAD, case, commands.Hold("another contest", desk.world.clock() + 1)).held_until is not None
    desk.check()


@pytest.mark.slow
def test_an_export_holds_it_all_names_no_colleague_and_is_recorded(desk: Desk) -> None:
    for case in fill(desk):
        with pytest.raises(NotAllowed):
            desk.privacy.export(M1, case.id)
        document = desk.privacy.export(LEGAL, case.id).decode()
        json.loads(document)
        assert PLANTED["reporter"] in document
        assert "PLANTED-ACCOUNT" not in document
        assert '"m1"' not in document
        assert (
            "PLANTED-ACCOUNT" in desk.privacy.export(LEGAL, case.id, with_staff=True).decode() or case.source != "typed"
        )
        assert desk.host.history(case.id)[-2:] == ["exported", "exported"]
    desk.check()


# ------------------------------------------------------------------------------------------------- who tampers


def sql(path: Path, *statements: str) -> None:
    with closing(DRIVER.module.connect(path, isolation_level=None)) as raw:
        unguard(raw)
        for statement in statements:
            assert raw.execute(statement).rowcount != 0, statement


TAMPERED = {
    "a body emptied without an event": (
        "UPDATE parts SET bytes = NULL WHERE name = 'message'",
        "its part message was emptied, and no event says so",
    ),
    "a decision emptied without an event": (
        "UPDATE parts SET bytes = NULL WHERE name = 'proposal'",
        "its part proposal was emptied, and no event says so",
    ),
    "a key destroyed without an event": ("UPDATE keys SET wrapped = x''", "does not open"),
    "a key exchanged": ("UPDATE keys SET wrapped = CAST(x'00' || randomblob(32) AS BLOB)", "does not open"),
    "a key cut off": ("UPDATE keys SET wrapped = x'0001'", "does not open"),
    "a key taken away": ("DELETE FROM keys WHERE class = 'erasable'", "does not open"),
    "said to be erased": (
        "UPDATE cases SET erased_at = 1",
        "its row says another erased_at than its chain",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_gone_without_an_event_is_a_fault(name: str, desk: Desk) -> None:
    _refused(desk)
    case = desk.host.cases()[0]
    statement, named = TAMPERED[name]
    sql(desk.world.path, statement)
    try:
        faults = [fault.what for fault in proofs.check(desk.records(case))]
    except StoreDamaged as error:
        faults = [str(error)]
    assert any(named in what for what in faults), faults


def test_what_should_have_been_erased_and_is_there_is_a_fault(desk: Desk, tmp_path: Path) -> None:
    _refused(desk)
    case = desk.host.cases()[0]
    desk.later(400)
    before = tmp_path / "before.sqlite3"
    desk.store.truncate_log()
    shutil.copy(desk.world.path, before)
    desk.privacy.retention()
    sql(
        desk.world.path,
        f"ATTACH '{before}' AS old",
        "UPDATE main.parts SET bytes = (SELECT bytes FROM old.parts AS o WHERE (o.stream, o.seq, o.name) ="
        " (main.parts.stream, main.parts.seq, main.parts.name))",
        "INSERT OR IGNORE INTO main.keys SELECT * FROM old.keys",
    )
    faults = [fault.what for fault in proofs.check(desk.records(case))]
    assert any("the key of what it erased is there" in what for what in faults), faults
    said = "should have been erased, and is there"
    for part in ("message", "proposal"):
        assert any(f"its part {part} {said}" in what for what in faults), faults


def test_a_message_that_goes_with_its_erased_case_is_missed_all_the_same(desk: Desk) -> None:
    _refused(desk)
    case = desk.host.cases()[0]
    desk.later(400)
    desk.privacy.retention()
    assert proofs.check(desk.records(case)) == (), "the control: erased as it should be"
    for edited in ("UPDATE inbox SET case_id = 'another'", "DELETE FROM inbox"):
        sql(desk.world.path, edited)
        said = [fault.what for fault in proofs.check(desk.records(case))]
        assert said == ["its rows in inbox are not those of its chain"]


def test_nothing_is_written_in_the_clear_for_a_case_whose_key_was_taken_away(desk: Desk) -> None:
    """And nothing that was put there in the clear is believed."""
    desk.host.push(notice(1), "msg-1")
    row = desk.store.queries(PLATFORM).records(desk.host.cases()[0].id).inbox[0]
    sql(desk.world.path, "UPDATE keys SET wrapped = x'' WHERE class = 'erasable'")
    with pytest.raises(StoreDamaged, match="does not open"):
        desk.host.decide(proposal(refusal("1")))
    with closing(DRIVER.module.connect(desk.world.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute("UPDATE parts SET bytes = ? WHERE name = 'message'", (row.body,))
    with pytest.raises(StoreDamaged, match="its part message does not open"):
        case_file_of(desk.store.queries(PLATFORM), row.case_id, desk.store.now())


def test_what_still_has_to_leave_bars_an_erasure_whatever_its_row_says(desk: Desk) -> None:
    given = notice(1)
    desk.host.push(given, "msg-1")
    desk.host.push(builders.cancellation(given), "msg-2")
    desk.later(1200)
    assert dict(desk.privacy.retention().kept) == {"under_way": 1}
    sql(desk.world.path, "CREATE TABLE aside AS SELECT * FROM outbox", "DELETE FROM outbox")
    assert dict(desk.privacy.retention().kept) == {"under_way": 1}
    sql(desk.world.path, "INSERT INTO outbox SELECT * FROM aside", "DROP TABLE aside")
    desk.host.drain()
    assert len(desk.privacy.retention().cases) == 1, "the control: all of it has left"


def test_a_page_that_nobody_takes_keeps_no_closed_case(desk: Desk) -> None:
    desk.host.push(notice(1), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    case = desk.host.case(notice(1).notice_id)
    desk.host.take(M1, case.id, commands.RaiseAlarm("they want to know why it was refused"))
    desk.later(1200)
    assert [one.kind for one in desk.records(case).stream.case.owed] == ["page"]
    before = len(desk.world.pager.alerts)
    assert desk.privacy.retention().cases == (case.id,)
    desk.check()
    desk.host.drain()
    assert len(desk.world.pager.alerts) > before, "it still leaves: it holds nothing of anybody"
    desk.check()


@pytest.mark.slow
def test_a_run_that_is_broken_off_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2, 3):
        desk.host.push(notice(seed), f"msg-{seed}")
        desk.host.decide(proposal(refusal("1")))
        desk.host.drain()
    desk.later(400)

    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.privacy.retention(progress=stop)
    assert desk.erased() == 2
    assert len(desk.privacy.retention().cases) == 1
    desk.check()


def test_a_case_that_cannot_be_read_holds_up_no_other(desk: Desk) -> None:
    for seed in (1, 2):
        desk.host.push(notice(seed), f"msg-{seed}")
        desk.host.decide(proposal(refusal("1")))
        desk.host.drain()
    first, second = sorted(desk.store.queries(PLATFORM).case_ids())
    desk.later(400)
    sql(desk.world.path, f"UPDATE events SET at = at + 1 WHERE seq = 1 AND instr(content, '{first}')")  # noqa: S608
    run = desk.privacy.retention()
    assert (run.cases, run.failed) == ((second,), (first,))


def test_a_case_whose_key_was_spoilt_is_erased_all_the_same(desk: Desk) -> None:
    _refused(desk)
    case = desk.host.cases()[0].id
    desk.later(400)
    sql(desk.world.path, "UPDATE keys SET wrapped = x'0001' WHERE class = 'erasable'")
    run = desk.privacy.retention()
    assert (run.cases, run.failed) == ((case,), ())
    desk.check()


def test_ended_is_ended_for_every_class(desk: Desk) -> None:
    """The control of `why_kept`: each period counts for its own class alone."""
    _refused(desk)
    case = desk.host.cases()[0]
    closed = case.closed_at or 0
    assert why_kept(case, Holdings(), PERIODS, None, closed + 365 * DAY - 1) == "not_yet"
    assert why_kept(case, Holdings(), PERIODS, None, closed + 365 * DAY) == ""
    assert why_kept(case, Holdings(under_way=1), PERIODS, None, closed + 365 * DAY) == "under_way"
    contested = case.but(contests=(FiledContest(1, closed, "legal"),))
    assert why_kept(contested, Holdings(), PERIODS, None, closed + 365 * DAY) == "contest"
    unusable = case.but(revision=0)
    assert why_kept(unusable, Holdings(), PERIODS, None, closed + 180 * DAY) == ""


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "percent": lambda text: quote(text).encode(),
}


def _hidden(planted: str, held: bytes) -> list[str]:
    """The encodings in which it lies there."""
    return [name for name, encoded in ENCODINGS.items() if encoded(planted) in held]


AUTHORITYS = {
    "originating_body": "Плантова Үміт туралы өтініш иесі",
    "urgency_reason": "planted urgency of Dana of 9B",
    "signatory": "Плантов С. С.",
    "unit": "planted unit, room of Plantov",
    "contact": "planted-contact@example.kz",
    "name": "Комитет Плантова по Үміт",
    "act": "planted act of Plantov S. S.",
    "article": "planted article about Dana",
}


def test_no_free_words_of_an_authority_outlive_its_case(desk: Desk) -> None:
    """The figures keep that a body asked for the order and codes of the law, and no word of it."""
    given = notice(1, originating_body=AUTHORITYS["originating_body"], urgency_reason=AUTHORITYS["urgency_reason"])
    called = LocalName(ru=AUTHORITYS["name"])
    authority = given.issuing_authority.model_copy(update={"unit": AUTHORITYS["unit"], "name": called})
    law = (LegalBasis(act=AUTHORITYS["act"]), LegalBasis(act="18-VIII", article=AUTHORITYS["article"]))
    signed = Signatory(name=AUTHORITYS["signatory"], position="planted")
    contact = Contact(name="x", email=AUTHORITYS["contact"])
    changes = {"issuing_authority": authority, "signatory": signed, "contact": contact, "legal_basis": law}
    desk.host.push(given.model_copy(update=changes), "msg-1")
    desk.host.decide(proposal(refusal("1")))
    desk.host.drain()
    (case,) = desk.host.cases()
    read = desk.privacy.export(HEAD, case.id, with_staff=True).decode()
    assert [name for name, text in AUTHORITYS.items() if text not in read] == [], "the control: it was there to read"
    desk.later(400)
    assert desk.privacy.retention().cases == (case.id,)
    held = desk.bytes
    assert {name: ways for name, text in {**AUTHORITYS, **PLANTED}.items() if (ways := _hidden(text, held))} == {}
    desk.check()
