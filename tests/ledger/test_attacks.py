# ruff: noqa: S608  every statement is made of names in this file, and of ids
"""What somebody who owns the file tries, without the ledger's key, while everybody else goes on working: nothing leaves
that no chain owes, nothing that one owes is kept back in silence, and one poisoned row holds up nobody else.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Rejected, Unknown
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.sweep import Swept
from tests.driver import HOUR, LEAD, Driver
from tests.ledger.otherwise import attack
from tests.unguarded import unguard
from tests.variants import variants

pytestmark = pytest.mark.writes_by_itself
_OF_CHAIN = "stream = (SELECT n FROM streams WHERE name = 'case/{case}')"
_LIKE_ANOTHER = (
    "INSERT INTO outbox SELECT n, 'made-up', platform, '', '{kind}', '{endpoint}', CAST('{body}' AS BLOB), 1, NULL,"
    " 'queued', '', 0 FROM streams LIMIT 1; "
    "INSERT INTO leases SELECT n, 'made-up', platform, '', '{endpoint}', 1, 0, 0, 0, NULL, 0, NULL FROM streams LIMIT 1"
)
_OF_KIND = "(SELECT id FROM outbox WHERE kind = '{}')"
_REMOVE = json.dumps(
    {
        "object_key": "object:a",
        "version": 1,
        "action": "remove",
        "scope": ["KZ"],
        "case_id": "",
        "item_id": "1",
        "url": "",
        "object_id": "a",
        "account_ref": "",
    }
)


def acknowledged(folder: Path) -> tuple[Driver, str]:
    """An office with a case whose receipt the regulator knows of."""
    office = Driver(folder)
    case = office.issue()
    office.deliver()
    return office, case


# ---------------------------------------------------------------------------------------- what no chain owes


@pytest.mark.parametrize(("kind", "endpoint"), [("page", "enforcer"), ("enforce", "enforcer"), ("page", "regulator")])
def test_a_row_of_no_case_is_carried_out_by_nobody(tmp_path: Path, kind: str, endpoint: str) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.deliver()
    sent = dict(office.regulator.books)
    attack(office, _LIKE_ANOTHER.format(kind=kind, endpoint=endpoint, body=_REMOVE))
    office.deliver()
    office.deliver()
    assert (office.platform.calls, office.regulator.books) == ([], sent)
    assert office.pages() == ["case_unreadable"]


def test_an_acknowledgement_of_no_case_is_told_to_nobody(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.deliver()
    attack(office, _LIKE_ANOTHER.format(kind="acknowledgement", endpoint="regulator", body='{"forged":1}'))
    office.deliver()
    assert all(b"forged" not in body for _, body, _ in office.regulator.books.values())


OTHERWISE = {
    "to whom": "endpoint = 'regulator'",
    "as what": "kind = 'restore'",
    "in another lane": "lane = 'object:x'",
    "in none": "lane = ''",
    "in another place": "lane_seq = 7",
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_what_would_leave_otherwise_than_was_decided_stays_and_is_told(tmp_path: Path, how: str) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case)
    attack(office, f"UPDATE outbox SET {OTHERWISE[how]} WHERE kind = 'enforce'")
    if how == "to whom":
        attack(office, f"UPDATE leases SET {OTHERWISE[how]} WHERE id IN {_OF_KIND.format('enforce')}")
    sent = dict(office.regulator.books)
    office.deliver()
    office.deliver()
    assert (office.platform.calls, office.regulator.books) == ([], sent)
    assert "case_unreadable" in office.pages()
    assert office.items(case)["1"]["status"] == "decided", "and it is not given up either"


def test_that_it_may_have_arrived_is_not_for_a_row_to_say(tmp_path: Path) -> None:
    office = Driver(tmp_path, can_look=True)
    case = office.issue()
    office.deliver()
    office.decide(case)
    office.content.write("advertisement:1-1", "something else")
    attack(office, f"UPDATE leases SET attempts = 1, expires_at = 1 WHERE id IN {_OF_KIND.format('enforce')}")
    office.deliver()
    assert office.platform.calls == []


_AS_OWED = (
    "INSERT INTO outbox SELECT n, '{3}', platform, substr(name, 6), '{1}', '{2}', x'', 1, NULL, '{0}', '', 0"
    " FROM streams WHERE name LIKE 'case/%'"
)


def of_kind(office: Driver, case: str, kind: str) -> str:
    (one,) = office.messages(case, kind)
    return str(one["message"])


def test_nobody_sends_again_what_a_row_says_was_refused(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    attack(office, _AS_OWED.format("parked", "acknowledgement", "regulator", of_kind(office, case, "acknowledgement")))
    with pytest.raises(StoreDamaged, match="what its chain does not"):
        office.desk.retry(LEAD.actor, of_kind(office, case, "acknowledgement"))


def test_nobody_hands_over_what_is_no_letter(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    attack(office, "UPDATE outbox SET state = 'waiting', endpoint = 'by_hand' WHERE kind = 'report'")
    proof = Proof("post", "1", office.clock(), "a stamp")
    with pytest.raises(StoreDamaged, match="what its chain does not"):
        office.desk.record_delivery(LEAD.actor, of_kind(office, case, "report"), proof)


# -------------------------------------------------------------------------------------- what a chain does owe

KEPT_BACK = {
    "parked": ("outbox", "UPDATE outbox SET state = 'parked'"),
    "waiting": ("outbox", "UPDATE outbox SET state = 'waiting'"),
    "to nobody": ("outbox", "UPDATE outbox SET endpoint = 'nobody'"),
    "without its line": ("leases", "DELETE FROM leases"),
    "never": ("leases", "UPDATE leases SET next_at = NULL"),
    "much later": ("leases", "UPDATE leases SET next_at = 9000000000"),
    "in hand for ever": ("leases", "UPDATE leases SET expires_at = 9000000000, next_at = 9000000000"),
    "in a line to nobody": ("leases", "UPDATE leases SET endpoint = 'nobody'"),
    "behind all others": ("leases", "UPDATE leases SET urgent_at = 9000000000"),
}


@pytest.mark.parametrize("how", KEPT_BACK)
def test_a_report_that_a_row_keeps_back_leaves_within_the_hour(tmp_path: Path, how: str) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    table, sql = KEPT_BACK[how]
    attack(office, f"{sql} WHERE id IN {_OF_KIND.format('report')}")
    named = any(f"in {table}" in fault for fault in office.faults())
    assert named or how in ("much later", "in hand for ever"), "how long one waits, the sweep alone can tell"
    assert office.desk.sweep() == Swept(1, ((case, (table,)),))
    office.deliver()
    assert [report["final"] for report in office.reports()] == [True]
    assert "row_mended" in office.pages()
    assert (office.desk.sweep(), office.faults()) == (Swept(1), [])


BESIDE = {
    "its row is gone": "DELETE FROM outbox WHERE case_id = ''",
    "its line is gone": "DELETE FROM leases WHERE case_id = ''",
    "nothing of it is there": "DELETE FROM outbox WHERE case_id = ''; DELETE FROM leases WHERE case_id = ''",
    "to nobody": "UPDATE outbox SET endpoint = 'nobody' WHERE case_id = ''",
    "in a line to nobody": "UPDATE leases SET endpoint = 'nobody' WHERE case_id = ''",
    "never": "UPDATE leases SET next_at = NULL WHERE case_id = ''",
    "much later": "UPDATE leases SET next_at = 9000000000 WHERE case_id = ''",
}


@pytest.mark.parametrize("how", BESIDE)
def test_an_alert_of_no_case_that_a_row_keeps_back_leaves_within_the_hour(tmp_path: Path, how: str) -> None:
    office = Driver(tmp_path)
    office.announce_sanction([])
    assert (office.desk.sweep(), office.faults()) == (Swept(), []), "the control: it waits to leave"
    attack(office, BESIDE[how])
    assert any("alert/" in fault or "of the page" in fault for fault in office.faults()) or how == "much later"
    assert [name.partition("/")[0] for name in office.desk.sweep().mended] == ["alert"]
    office.deliver()
    told = office.pages()
    assert [reason for reason in told if reason.startswith("sanction.")]
    assert "row_mended" in told
    assert (office.desk.sweep(), office.faults()) == (Swept(), [])


def test_what_was_refused_for_good_says_when_though_its_row_is_made_anew(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    office.regulator.faults.append(lambda _message: Rejected("no_such_notice", "unknown", final=True))
    office.desk.deliver()
    (before,) = office.messages(case, "report")
    assert (before["state"], bool(before["settled_at"])) == ("parked", True)
    attack(office, "DELETE FROM outbox WHERE kind = 'report'; DELETE FROM leases WHERE endpoint = 'regulator'")
    assert office.desk.sweep().mended == (case,)
    assert office.messages(case, "report") == [before]
    assert office.faults() == []


def test_an_alert_of_the_ladder_whose_row_is_gone_is_told(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.wait(22 * HOUR)
    office.watch()
    attack(office, "DELETE FROM outbox WHERE kind = 'page'")
    assert office.desk.sweep().mended == (case,)
    office.deliver()
    assert {alert.case_reference for alert in office.pager.alerts if alert.reason.startswith("due.")} == {case}


def test_a_message_whose_row_is_gone_leaves_and_people_are_told(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    assert office.desk.sweep() == Swept(1), "the control: it waits to leave"
    attack(office, "DELETE FROM outbox WHERE kind = 'report'")
    assert office.desk.sweep() == Swept(1, ((case, ("outbox",)),))
    office.deliver()
    assert (office.standing(case)["state"], office.pages()) == ("closed", ["row_mended"])
    assert office.faults() == []


def test_the_tries_of_a_message_whose_row_is_gone_go_on_behind_the_last_one(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    office.regulator.faults.append(lambda _message: Unknown("reset"))
    office.desk.deliver()
    (tried,) = office.messages(case, "report")
    assert len(tried["attempts"]) == 1, "the control: it was tried"
    attack(office, f"DELETE FROM leases WHERE id IN {_OF_KIND.format('report')}")
    attack(office, "DELETE FROM outbox WHERE kind = 'report'")
    assert office.desk.sweep().mended == (case,)
    office.wait(HOUR)
    office.deliver()
    (sent,) = office.messages(case, "report")
    assert [one["number"] for one in sent["attempts"]] == [1, 2]
    assert office.standing(case)["state"] == "closed"
    assert office.faults() == []


def test_a_message_whose_row_goes_while_it_is_in_hand_is_looked_up_before_it_is_sent_again(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    (taken,) = [one for one in office.desk.delivery.lease(8) if one.kind == "report"]
    attack(office, f"DELETE FROM leases WHERE id IN {_OF_KIND.format('report')}")
    attack(office, "DELETE FROM outbox WHERE kind = 'report'")
    assert office.desk.sweep().mended == (case,)
    assert not [one for one in office.desk.delivery.lease(8) if one.kind == "report"], "somebody may have it in hand"
    office.wait(LEASE_S)
    (again,) = [one for one in office.desk.delivery.lease(8) if one.kind == "report"]
    assert (again.attempts, again.maybe_arrived) == (taken.attempts + 1, True)
    assert again.lease_token != taken.lease_token
    office.desk.delivery.deliver(again)
    assert [one["number"] for one in office.messages(case, "report")[0]["attempts"]] == [1, 2]
    assert office.faults() == []


def test_a_receipt_that_comes_while_the_row_of_its_case_is_gone_is_not_lost(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case, "none")
    (taken,) = [one for one in office.desk.delivery.lease(8) if one.kind == "report"]
    attack(office, f"DELETE FROM cases WHERE id = '{case}'")
    office.desk.delivery.deliver(taken)
    office.desk.sweep()
    office.wait(HOUR)
    office.deliver()
    assert office.standing(case)["state"] == "closed"
    assert "receipt" in office.history(case)
    assert office.faults() == []


HIDDEN = {
    "by another name": ("UPDATE streams SET name = 'x/' || name WHERE name = 'case/{case}'",),
    "with its stream": ("DELETE FROM streams WHERE name = 'case/{case}'",),
    "with all of it": (
        f"DELETE FROM events WHERE {_OF_CHAIN}",
        f"DELETE FROM log WHERE {_OF_CHAIN}",
        "DELETE FROM streams WHERE name = 'case/{case}'",
    ),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_case_whose_stream_and_row_are_hidden_is_told_of_within_the_hour(tmp_path: Path, how: str) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.issue(2)
    office.deliver()
    assert office.desk.sweep() == Swept(2), "the control: untouched"
    for sql in HIDDEN[how]:
        attack(office, sql.format(case=case))
    attack(office, f"DELETE FROM cases WHERE id = '{case}'")
    assert office.desk.sweep() == Swept(1, broken=("log",))
    office.deliver()
    assert [(one.case_reference, one.reason) for one in office.pager.alerts] == [("log", "case_unreadable")]


def test_what_was_sent_long_ago_blocks_nothing_that_comes_after_it(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    office.decide(case)
    office.deliver()
    name = of_kind(office, case, "enforce")
    lane = "SELECT object FROM preserved LIMIT 1"
    attack(office, _AS_OWED.format("queued", "enforce", "enforcer", name))
    attack(office, f"UPDATE outbox SET lane = ({lane}), lane_seq = 1 WHERE id = '{name}'")
    office.cancel(office.notice()["notice_id"])
    office.desk.sweep()
    office.deliver()
    assert [what for what, _, _ in office.platform.calls] == ["enforce", "restore"]


def test_a_breaker_that_was_opened_for_ever_silences_nobody(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.deliver()
    office.wait(25 * HOUR)
    office.watch()
    office.desk.deliver()
    attack(office, "INSERT INTO endpoints SELECT platform_id, 'notifier', 9, 9000000000, 0, '' FROM cases LIMIT 1")
    office.wait(HOUR)
    office.watch()
    office.deliver()
    assert len(office.pages()) > 1


def test_alerts_that_say_nothing_are_not_held_against_the_way_to_people(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    office.issue()
    for n in range(20):
        row = _LIKE_ANOTHER.replace("'made-up'", f"'made-up-{n}'")
        attack(office, row.format(kind="page", endpoint="notifier", body="{}"))
    for _ in range(20):
        office.desk.deliver()
        office.wait(1)
    office.wait(22 * HOUR)
    office.watch()
    office.deliver()
    assert any(reason.startswith("due.") for reason in office.pages())


# ------------------------------------------------------------------------------ one row against everybody else

POISON = {
    "attempts": "UPDATE leases SET attempts = 'x' WHERE case_id = '{case}'",
    "less than no attempts": "UPDATE leases SET attempts = -9 WHERE case_id = '{case}'",
    "a lease without end": "UPDATE leases SET token = 9223372036854775807 WHERE case_id = '{case}'",
    "an alert": "UPDATE outbox SET alert = 'x' WHERE case_id = '{case}'",
    "no text": "UPDATE cases SET due_at = CAST(x'ff' AS TEXT) WHERE id = '{case}'",
    "no text in a message": "UPDATE outbox SET lane = CAST(x'ff' AS TEXT) WHERE case_id = '{case}'",
    "a watch": "UPDATE watches SET watch_at = 'x' WHERE case_id = '{case}'",
    "an id": "UPDATE cases SET id = CAST(id AS BLOB) WHERE id = '{case}'",
    "the log": "INSERT INTO log SELECT platform, n + 100, stream, seq + 1, hash FROM log WHERE "
    f"{_OF_CHAIN} ORDER BY seq DESC LIMIT 1",
    "an endpoint": "INSERT INTO endpoints SELECT platform_id, 'regulator', 'x', 0, 0, '' FROM cases LIMIT 1",
    "who was told": f"UPDATE events SET at = at + 1 WHERE {_OF_CHAIN}",
}


@pytest.mark.parametrize("what", POISON)
def test_one_poisoned_row_holds_up_no_other_case_and_hides_its_own_not(tmp_path: Path, what: str) -> None:
    office = Driver(tmp_path)
    bad = office.issue()
    good = office.issue(2)
    attack(office, POISON[what].format(case=bad))
    if what == "who was told":
        attack(office, f"INSERT INTO cursors VALUES ('{office.platform_id}', 'case_unreadable.{bad}', 'x', 1)")
    office.deliver()
    assert good in {json.loads(body)["case_reference"] for _, body, _ in office.regulator.books.values()}
    office.wait(22 * HOUR)
    office.watch()
    swept = office.desk.sweep()
    office.watch()
    office.deliver()
    told = {alert.case_reference for alert in office.pager.alerts}
    assert good in told
    assert bad in told or bad in swept.mended
    assert office.issue(3), "and notices come in"


def test_nobody_is_kept_from_being_told_of_a_broken_chain(tmp_path: Path) -> None:
    office, case = acknowledged(tmp_path)
    attack(office, f"UPDATE events SET at = at + 1 WHERE {_OF_CHAIN.format(case=case)}")
    attack(office, f"INSERT INTO cursors VALUES ('{office.platform_id}', 'case_unreadable.{case}', '9000000000', 1)")
    office.desk.sweep()
    office.deliver()
    assert office.pages() == ["case_unreadable"]
    office.desk.sweep()
    office.deliver()
    assert office.pages() == ["case_unreadable"], "the control: once an hour"


UNTOLD = {
    "a trigger that swallows": "CREATE TRIGGER swallows BEFORE INSERT ON refusals BEGIN SELECT RAISE(IGNORE); END",
    "a sanction that is hidden": (
        "UPDATE parts SET bytes = x'00' WHERE name = 'sanction_id'"
        " AND stream IN (SELECT n FROM streams WHERE name LIKE 'sanction/%')"
    ),
}


@pytest.mark.parametrize("what", UNTOLD)
def test_people_are_told_of_what_belongs_to_no_case_within_the_hour(tmp_path: Path, what: str) -> None:
    office = Driver(tmp_path)
    office.issue()
    office.announce_sanction([])
    office.deliver()
    assert office.desk.sweep() == Swept(1), "the control: untouched"
    with closing(choose_driver().module.connect(office.path, isolation_level=None)) as raw:
        unguard(raw)
        raw.execute(UNTOLD[what])
    assert office.desk.sweep() == Swept(1, broken=("log",))
    office.deliver()
    assert ("log", "case_unreadable") in {(one.case_reference, one.reason) for one in office.pager.alerts}


STOPS = {
    "a chain of another name": "UPDATE streams SET name = 'x' WHERE name = 'case/{case}'",
    "an alert of another case": "UPDATE outbox SET case_id = 'x' WHERE kind = 'page' AND case_id = '{case}'",
    "an alert of no text": "UPDATE outbox SET case_id = CAST(x'ff' AS TEXT) WHERE kind = 'page' AND case_id = '{case}'",
    "a stream behind all others": "UPDATE streams SET n = 9223372036854775807 WHERE name LIKE 'sanction/%'",
    "a stream that is gone": "DELETE FROM streams WHERE n = (SELECT max(n) FROM streams)",
    "an inbox of no text": "UPDATE inbox SET case_id = CAST(x'ff' AS TEXT)",
    "an attempt of no text": "UPDATE attempts SET case_id = CAST(x'ff' AS TEXT)",
    "a case of no text": "UPDATE cases SET id = CAST(x'ff' AS TEXT) WHERE id = '{case}'",
    "a stream of no text": "UPDATE streams SET name = CAST(x'ff' AS TEXT) WHERE name = 'case/{case}'",
    "a stream of bytes": "UPDATE streams SET name = x'ff' WHERE name = 'case/{case}'",
    "a heartbeat of no text": "UPDATE heartbeats SET part = x'ff' WHERE part = (SELECT part FROM heartbeats)",
}


OTHERWISE_STRANGE = {"an alert of no text", "an inbox of no text", "a stream of no text", "a heartbeat of no text"}
"""What holds bytes where the quick part has such bytes in another column."""


@pytest.mark.parametrize("what", variants({name: name for name in STOPS}, *STOPS.keys() - OTHERWISE_STRANGE))
def test_no_row_stops_the_office_or_its_verification(tmp_path: Path, what: str) -> None:
    office = Driver(tmp_path)
    case = office.issue()
    office.announce_sanction([])
    office.deliver()
    office.wait(22 * HOUR)
    office.watch()
    office.stop()
    attack(office, STOPS[what].format(case=case))
    office.start()
    for _ in range(2):
        office.deliver()
        office.watch()
        office.desk.sweep()
    office.retention()
    office.health()
    office.faults()
    good = office.issue(2)
    office.decide(good, "none")
    office.deliver()
    assert office.standing(good)["state"] == "closed"
