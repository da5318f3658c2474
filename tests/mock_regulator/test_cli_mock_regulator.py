"""The options of `kz-compliance mock-regulator`, and a scenario that a process of it lives through by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.testing.mock_regulator import SCENARIOS, plan_of
from tests.cli.test_cli_processes import ask, process, stopped
from tests.cli_office import Office
from tests.waiting import comes, free_port


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def test_the_scenarios_are_named_for_people_and_for_programs(office: Office) -> None:
    told = office.ok("mock-regulator", "--list-scenarios")
    assert [line.split()[0] for line in told.splitlines()] == list(SCENARIOS)
    assert all(scenario.told in told for scenario in SCENARIOS.values())
    listed = office.document("mock-regulator", "--list-scenarios")["scenarios"]
    assert [(one["name"], one["seconds"], one["notices"]) for one in listed] == [
        (scenario.name, scenario.seconds, scenario.notices) for scenario in SCENARIOS.values()
    ]


def test_a_scenario_that_does_not_exist_is_refused_with_those_that_do(office: Office) -> None:
    told = office.refused(3, "mock-regulator", "--scenario", "monday")
    assert "--scenario" in told
    assert all(name in told for name in SCENARIOS)


@pytest.mark.slow
def test_a_process_lives_through_a_scenario_by_itself(office: Office) -> None:
    """An hour in some three seconds: nobody calls `tick` or `advance`, and everything is issued at its time."""
    port = free_port()
    options = ("--port", str(port), "--seed", "7", "--scenario", "rush", "--pace", "1200", "--strict")
    # Nobody listens there: what matters here is what was issued.
    with process(office, "mock-regulator", *options, "--intake-url", "http://127.0.0.1:9/notices") as mock:
        assert f"127.0.0.1:{port}" in mock.first_line
        ids = [step.message_id for step in plan_of("rush", 7, 0, ("social",)) if step.act == "issue"]

        def issued() -> list[str]:
            history = ask(port, "GET", "/control/agenda")["history"]
            return [done["message_id"] for done in history if done["act"] == "issue" and done["outcome"] == "done"]

        comes(lambda: len(issued()) >= len(ids))
        assert issued() == ids
        assert len(ask(port, "GET", "/control/books")["platforms"]["social"]["notices"]) == len(ids)
        assert ask(port, "GET", "/control/conduct")["reminders_s"] == [0, 3_600, 21_600]
        assert stopped(mock)[0] == 0
