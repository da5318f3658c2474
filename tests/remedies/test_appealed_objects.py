"""Which object an appeal is about: the one that the measure was on, whatever the item's id has come to name since."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.appeals import Appeal, Reversal
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import Conflict, IllegalMove, InvalidInput
from kz_compliance_sdk.testing import builders
from tests.arrivals.test_second_messages import about, effects
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEAD, LEGAL, Host, World

RU = (Statement(lang="ru", text="Это сатира."),)
SATIRE = Reversal("not_illegal", "protected_speech", RU, text_checked=True)
NOTICE = a_notice().notice_id
OWN_TERMS = measure("1", ground="terms_of_service")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World(tmp_path / "desk.sqlite3"))


def decided(host: Host, *items: object) -> None:
    host.decide(proposal(*(items or (measure("1"),))))  # type: ignore[arg-type]
    host.drain()


def appealed(host: Host, item: str = "1", reference: str = "A-1") -> Appeal:
    return host.take(
        SYSTEM, host.case(NOTICE).id, commands.ReceiveAppeal(item, "It is satire.", host.world.clock(), reference)
    )


def reverse(host: Host, appeal: Appeal) -> None:
    host.take(
        LEGAL,
        host.appeals.case_of(appeal.appeal_id),
        commands.DecideAppeal(appeal.appeal_id, "reverse", "it is satire", SATIRE),
    )
    host.drain()


def restored(host: Host) -> list[str]:
    return [key.removeprefix("object:post:") for what, key, _ in host.world.platform.calls if what == "restore"]


@pytest.mark.slow
def test_what_took_the_place_of_the_appealed_object_stays_when_the_appeal_succeeds(host: Host) -> None:
    host.push(about("A"), "m-1")
    decided(host)
    one = appealed(host)
    host.push(about("B", revision=2), "m-2")
    decided(host)
    assert effects(host) == {"A": "restore", "B": "remove"}
    with pytest.raises(IllegalMove, match="lifted meanwhile"):
        host.take(
            LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "uphold", "it stays")
        )
    reverse(host, one)
    assert effects(host) == {"A": "restore", "B": "remove"}
    assert restored(host) == ["A"]
    host.check_chains()


@pytest.mark.slow
@pytest.mark.parametrize(("item", "lifted", "stays"), [("", "A", "B"), ("1", "B", "A")])
def test_of_two_objects_that_one_id_named_the_appealed_one_is_lifted(
    host: Host, item: str, lifted: str, stays: str
) -> None:
    """The platform's own terms keep the first, and the order about the second stands."""
    host.push(about("A"), "m-1")
    decided(host, OWN_TERMS)
    early = appealed(host)
    host.push(about("B", revision=2), "m-2")
    decided(host)
    one = appealed(host, item, "A-2") if item else early
    reverse(host, one)
    assert effects(host) == {lifted: "restore", stays: "remove"}
    told = [notice for notice, _ in host.world.messenger.told.values() if notice.kind == "appeal_decided"]
    assert [notice.object_id for notice in told] == [f"post:{lifted}"]
    # And the user of the other is heard as well.
    name = next(one.item_id for one in host.case(NOTICE).items if one.measure)
    reverse(host, early if item else appealed(host, name, "A-3"))
    assert effects(host) == {"A": "restore", "B": "restore"}
    host.check_chains()


@pytest.mark.slow
def test_the_answer_to_an_appeal_is_about_its_object_also_when_nothing_is_left_of_it(host: Host) -> None:
    """It was lifted, named again, and gave way to another object before anybody decided about it."""
    host.push(about("A"), "m-1")
    decided(host)
    one = appealed(host)
    host.push(builders.cancellation(about("A"), "withdrawn"), "m-2")
    host.drain()
    host.push(about("A", revision=2), "m-3")
    host.push(about("B", revision=3), "m-4")
    decided(host)
    reverse(host, one)
    assert effects(host) == {"A": "restore", "B": "remove"}
    (told,) = (notice for notice, _ in host.world.messenger.told.values() if notice.kind == "appeal_decided")
    assert told.object_id == "post:A"
    assert host.case(NOTICE).state is CaseState.CLOSED
    host.check_chains()


def test_an_appeal_that_is_handed_in_again_is_the_same_whatever_its_item_is_called_by_then(host: Host) -> None:
    host.push(about("A"), "m-1")
    decided(host, OWN_TERMS)
    one = appealed(host)
    host.push(about("B", revision=2), "m-2")
    decided(host)
    renamed = next(item.item_id for item in host.case(NOTICE).items if item.was)
    assert appealed(host) == one
    assert appealed(host, renamed) == one
    other = appealed(host, renamed, "A-2")
    assert appealed(host, renamed, "A-2") == other
    host.push(about("B", "C", revision=3), "m-3")
    with pytest.raises(Conflict):
        appealed(host, "2")


@pytest.mark.slow
def test_a_measure_that_was_taken_anew_on_the_same_object_is_what_the_appeal_lifts(host: Host) -> None:
    """The id named another object meanwhile, and nothing was done to that one."""
    host.push(about("A"), "m-1")
    decided(host)
    one = appealed(host)
    host.push(about("B", revision=2), "m-2")
    decided(host, refusal("1"))
    host.push(about("A", revision=3), "m-3")
    decided(host)
    reverse(host, one)
    assert effects(host) == {"A": "restore"}
    assert restored(host) == ["A", "A"]
    host.check_chains()


def test_an_appeal_that_came_before_a_later_measure_is_recorded_with_its_true_time(host: Host) -> None:
    host.push(about("A"), "m-1")
    before = host.world.clock() - 1
    decided(host)
    host.world.clock.advance(60)
    came = host.world.clock()
    host.world.clock.advance(60)
    host.take(LEAD, host.case(NOTICE).id, commands.Reopen("look again"))
    decided(host, measure("1", "label"))
    case_id = host.case(NOTICE).id
    one = host.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "It is satire.", came, "A-1"))
    assert one.received_at == came
    with pytest.raises(InvalidInput):
        host.take(SYSTEM, case_id, commands.ReceiveAppeal("1", "It is satire.", before, "A-2"))


@pytest.mark.slow
def test_a_later_decision_of_the_same_item_is_no_other_object(host: Host) -> None:
    host.push(about("A").model_copy(update={"items": (Item(item_id="1", object_id="post:A"),)}), "m-1")
    decided(host)
    one = appealed(host)
    host.take(LEAD, host.case(NOTICE).id, commands.Reopen("look again"))
    decided(host, measure("1", "label"))
    reverse(host, one)
    assert effects(host) == {"A": "restore"}
