"""Scenarios are data: the same seed gives the same steps, and they are written and read without a loss."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from kz_compliance_sdk.domain.notice import Cancellation, Notice
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator import SCENARIOS, Conduct, Fault, Outage, Rotation, Step, plan_of
from kz_compliance_sdk.testing.mock_regulator.agenda import FaultKind, read_step, step_json
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused
from kz_compliance_sdk.wire.v1 import read_message
from tests.conftest import NOON, FrozenClock
from tests.mock_regulator.mock_regulators import Inbox, a_regulator
from tests.variants import variants


def _plan(name: str, seed: int = 1, **more: Any) -> list[Step]:
    return plan_of(name, seed, NOON, ("social",), **more)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_steps_and_another_seed_others(name: str) -> None:
    assert _plan(name, 1) == _plan(name, 1)
    assert _plan(name, 1) != _plan(name, 2)
    ids = [step.message_id for step in _plan(name, 1) if step.message_id]
    assert len(ids) == len(set(ids)) >= SCENARIOS[name].notices


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_lies_within_its_time_and_in_order(name: str) -> None:
    steps = _plan(name)
    times = [step.at for step in steps]
    assert times == sorted(times)
    # A notice of the last hours may be cancelled after the end.
    assert times[0] >= NOON
    assert times[-1] <= NOON + SCENARIOS[name].seconds + 16 * 3_600
    issued = [step for step in steps if step.act == "issue"]
    assert len(issued) == SCENARIOS[name].notices
    assert issued[-1].at <= NOON + SCENARIOS[name].seconds


@pytest.mark.parametrize("name", variants({name: name for name in SCENARIOS}, "bad_day", "key_change"))
def test_every_step_can_be_written_and_read(name: str) -> None:
    for step in _plan(name):
        assert read_step(json.loads(json.dumps(step_json(step)))) == step


def _lived(name: str, seed: int) -> tuple[list[tuple[int, str, list[tuple[str, str]], bytes]], list[bytes], list[Any]]:
    clock = FrozenClock()
    inbox = Inbox(clock)
    regulator = a_regulator(clock, inbox, seed=seed)
    regulator.play(name, seed)
    done = regulator.advance(SCENARIOS[name].seconds)
    return inbox.got, [message.body for message in regulator.books.feed], done


@pytest.mark.parametrize("name", ["bad_day", "key_change"])
def test_a_day_that_is_lived_twice_is_the_same_byte_for_byte(name: str) -> None:
    """Ids, times, order, signatures; and what it says by itself because nobody answered."""
    assert _lived(name, 5) == _lived(name, 5)
    assert _lived(name, 5) != _lived(name, 6)


def test_a_bad_day_and_a_week_know_every_kind_of_fault() -> None:
    for name in ("bad_day", "week"):
        steps = _plan(name)
        kinds = {step.data.kind for step in steps if isinstance(step.data, Fault)}
        assert kinds == set(get_args(FaultKind))
        assert {"outage", "rotate", "skew", "forget_keys", "amend", "cancel"} <= {step.act for step in steps}


def test_what_a_scenario_says_is_what_the_contract_allows() -> None:
    for step in _plan("week", 2):
        if isinstance(step.data, Notice | Cancellation):
            kind = {"issue": "notice.issued", "amend": "notice.amended", "cancel": "notice.cancelled"}[step.act]
            assert read_message(builders.message_bytes(step.data, kind)).data == step.data  # type: ignore[arg-type]


def test_a_pace_compresses_and_a_number_of_notices_replaces() -> None:
    slow, fast = _plan("bad_day"), _plan("bad_day", pace=60)
    assert [step.act for step in slow].count("issue") == [step.act for step in fast].count("issue")
    assert fast[-1].at - NOON <= (slow[-1].at - NOON) / 60 + 1
    assert [step.act for step in _plan("week", notices=3)].count("issue") == 3
    for wrong in ({"notices": -1}, {"notices": 10_000}, {"pace": 0}):
        with pytest.raises(ValueError, match=r"notices|pace"):
            _plan("week", **wrong)
    with pytest.raises(KeyError, match="quiet_day"):
        _plan("nothing")


def test_notices_go_to_every_platform_that_is_known() -> None:
    steps = plan_of("rush", 1, NOON, ("social", "video"))
    sent = {(step.platform_id, step.data.platform_id) for step in steps if isinstance(step.data, Notice)}
    assert sent == {("social", "social"), ("video", "video")}


@pytest.mark.parametrize(
    "step",
    [
        Step(NOON, "sanction", builders.sanction(1), platform_id="social", push=False, in_feed=False),
        Step(NOON, "clarify", builders.clarification(builders.notice(1), "q-1"), message_id="msg-1"),
        Step(NOON, "remind", builders.reminder(builders.notice(1))),
        Step(NOON, "outage", Outage("unreachable", None, NOON + 60)),
        Step(NOON, "rotate", Rotation("a", "b", "c")),
        Step(NOON, "conduct", Conduct(answer_after_s=1, sanctions=((1, "fine"),))),
        Step(NOON, "registration", "suspended"),
        Step(NOON, "recover"),
    ],
    ids=lambda step: step.act,
)
def test_what_no_scenario_holds_is_written_and_read_as_well(step: Step) -> None:
    assert read_step(json.loads(json.dumps(step_json(step)))) == step


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"at": "2026-11-24T07:00:00Z", "act": "odd"}, "act"),
        ({"at": "2026-11-24T07:00:00Z", "act": "skew", "data": 1, "aat": 1}, "aat"),
        ({"at": "2026-11-24T07:00:00Z", "act": "skew", "data": "much"}, "data"),
        ({"at": "2026-11-24T07:00:00Z", "act": "recover", "data": 1}, "data"),
        ({"at": "2026-11-24T07:00:00Z", "act": "issue"}, "data"),
        ({"at": "2026-11-24T07:00:00Z", "act": "issue", "data": {"notice_id": "x"}}, "data.revision"),
        ({"at": "2026-11-24T07:00:00Z", "act": "fail", "data": {"kind": "status", "stauts": 1}}, "data.stauts"),
        ({"at": "2026-11-24T07:00:00Z", "act": "fail", "data": {"kind": "odd"}}, "data.kind"),
        ({"at": "2026-11-24T07:00:00Z", "act": "outage", "data": {"until": 5}}, "data.until"),
        ({"at": "2026-11-24T07:00:00Z", "act": "outage", "data": {"until": "soon"}}, "data.until"),
        ({"at": "2026-11-24T07:00:00Z", "act": "conduct", "data": {"term_s": 0}}, "data"),
    ],
)
def test_a_step_that_is_wrong_names_its_field(value: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        read_step(value)
    assert caught.value.problem.field == field
