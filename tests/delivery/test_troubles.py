"""How the log tells of trouble that lasts."""

from __future__ import annotations

import logging

import pytest

from kz_compliance_sdk.adapters.troubles import REMIND_S, Troubles, cause_of
from kz_compliance_sdk.errors import RegulatorError, StoreError

NAME = "kz_compliance_sdk.test_troubles"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def troubles(clock: Clock, caplog: pytest.LogCaptureFixture) -> Troubles:
    caplog.set_level(logging.INFO, NAME)
    return Troubles(logging.getLogger(NAME), clock)


def test_a_trouble_is_told_when_it_begins_when_it_lasts_and_when_it_is_over(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(REMIND_S + 10):
        clock.now = float(second)
        troubles.met("poll", "connect_error")
    clock.now = 400.0
    troubles.over("poll")
    troubles.over("poll")
    assert caplog.messages == [
        "poll fails and is tried again: connect_error",
        "poll still fails, 301 times in 300 s: connect_error",
        "poll works again, after 310 failures in 400 s",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]


def test_another_cause_is_told_at_once_and_parts_do_not_share_theirs(
    troubles: Troubles, caplog: pytest.LogCaptureFixture
) -> None:
    troubles.met("watch", "storage_full: the disk is full.")
    troubles.met("poll", "storage_full: the disk is full.")
    troubles.met("watch", "storage_busy", level=logging.ERROR)
    assert [(record.levelname, record.__dict__["code"]) for record in caplog.records] == [
        ("WARNING", "storage_full"),
        ("WARNING", "storage_full"),
        ("ERROR", "storage_busy"),
    ]


def test_a_cause_is_a_code_and_of_the_store_also_its_words() -> None:
    assert cause_of(StoreError("the disk\nis full.", code="storage_full")) == "storage_full: the disk is full."
    assert cause_of(RegulatorError("a name", maybe_sent=False, code="connect_error")) == "connect_error"
    assert cause_of(ValueError("a name")) == "ValueError"
