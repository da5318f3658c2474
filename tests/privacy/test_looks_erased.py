"""What was seen of content, and where a user's notice stood, name no object once the case was erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands, proofs
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.appeals import AppealFile
from kz_compliance_sdk.ports import Told
from kz_compliance_sdk.services.loading import case_file_of
from tests.case_makers import a_notice, measure, proposal
from tests.privacy.test_retention import Desk
from tests.scene import LEGAL, PLATFORM
from tests.store.conftest import raw, tamper

OBJECT = "profile-of-dana-9b"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk.sqlite3")
    made.world.can_look = True
    yield made
    made.store.close()


def removed(desk: Desk) -> str:
    """A measure on content whose object the platform names by a person, in force and reported."""
    notice = a_notice(items=1)
    notice = notice.model_copy(update={"items": (notice.items[0].model_copy(update={"object_id": OBJECT}),)})
    desk.host.push(notice, "m-1")
    desk.host.decide(proposal(measure("1")))
    desk.host.drain()
    case = desk.host.case(notice.notice_id)
    (seen, *_) = case_file_of(desk.store.queries(PLATFORM), case.id, 0).content
    assert seen.object_id == OBJECT
    return case.id


def test_no_object_is_named_in_the_clear_and_none_at_all_after_the_end(desk: Desk) -> None:
    case_id = removed(desk)
    assert OBJECT.encode() not in desk.bytes
    queries = desk.store.queries(PLATFORM)
    assert [(one.item_id, bool(one.lane)) for one in case_file_of(queries, case_id, 0).user_notices] == [("1", True)]
    desk.later(1200)
    assert desk.privacy.retention().cases == (case_id,)
    assert raw(desk.store, "SELECT DISTINCT bytes FROM parts WHERE name = 'objects'") == [(None,)]
    assert [(one.item_id, one.lane) for one in case_file_of(queries, case_id, 0).user_notices] == [("1", "")]
    looks = case_file_of(queries, case_id, 0).content
    assert {(seen.item_id, seen.object_id, seen.digest) for seen in looks} == {("1", "", "")}
    assert OBJECT not in repr(queries.records(case_id).stream.events)
    desk.check()


@pytest.mark.slow
def test_an_open_appeal_bars_the_end_and_one_that_was_decided_keeps_its_times_and_loses_its_words(desk: Desk) -> None:
    case_id, appeals = removed(desk), desk.host.appeals
    one = desk.host.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "It is satire.", desk.world.clock(), "A-1"))
    desk.later(1200)
    desk.host.drain()
    assert desk.privacy.retention().cases == ()
    decided = desk.host.take(
        LEGAL,
        desk.host.appeals.case_of(one.appeal_id),
        commands.DecideAppeal(one.appeal_id, "uphold", "it is what the law says"),
    )
    desk.host.drain()
    assert desk.privacy.retention().cases == (case_id,)
    left = replace(decided, reference="")
    assert appeals.show(one.appeal_id) == AppealFile(left, "")
    assert appeals.list("upheld").appeals == (left,)
    assert (
        desk.host.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "It is satire.", desk.world.clock(), "A-1")) == left
    ), "it came already"
    desk.check()


def test_a_user_who_is_still_to_be_told_bars_the_end_also_where_nothing_waits_to_leave(desk: Desk) -> None:
    desk.world.messenger.faults.append(lambda _notice: Told(1))
    case_id = removed(desk)
    (message,) = [one for one in desk.store.queries(PLATFORM).records(case_id).messages if one.kind == "user_notice"]
    assert (message.state, desk.host.case_file(case_id).user_notices[0].state) == ("parked", "due")
    desk.later(1200)
    assert desk.privacy.retention().cases == ()


def test_another_object_put_in_its_place_is_found(desk: Desk) -> None:
    case_id = removed(desk)
    queries = desk.store.queries(PLATFORM)
    assert proofs.check(queries.records(case_id)) == (), "the control: untouched"
    tamper(desk.store, "UPDATE parts SET bytes = CAST(bytes || ' ' AS BLOB) WHERE name = 'objects'")
    assert [fault for fault in proofs.check(queries.records(case_id)) if "its part objects does not open" in fault.what]
