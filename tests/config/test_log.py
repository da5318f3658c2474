"""What may reach a log, and what the host's own configuration of logging sees of it."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kz_compliance_sdk.adapters.notifiers import ALLOWED_KEYS, LOGGER_NAME, logger


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    return caplog


def test_a_line_names_the_event_and_its_allowed_values(lines: pytest.LogCaptureFixture) -> None:
    logger.info("delivered", message_id="m-1", status=201, audience=("lead", "head"))
    (record,) = lines.records
    assert record.getMessage() == "delivered message_id=m-1 status=201 audience=lead,head"
    assert record.__dict__["kz"] == {
        "event": "delivered",
        "message_id": "m-1",
        "status": 201,
        "audience": "lead,head",
    }


@pytest.mark.parametrize(
    "value",
    ["Иванов", "Ivan Ivanov", "ivan@example.kz", "900101300123", "+77011234567", "a\nb", "", {"a": 1}, None, b"raw"],
)
def test_an_allowed_key_lets_no_free_text_and_no_number_of_a_person_through(
    lines: pytest.LogCaptureFixture, value: object
) -> None:
    logger.info("event", reference=value)
    assert lines.records[0].getMessage() == "event hidden=reference"


def test_an_error_shows_as_its_kind_and_never_as_its_text(lines: pytest.LogCaptureFixture) -> None:
    logger.warning("failed", error=ValueError("secret"), exc_info=True)
    assert lines.records[0].getMessage() == "failed error=ValueError hidden=exc_info"
    assert lines.records[0].exc_info is None


def test_an_event_is_one_word(lines: pytest.LogCaptureFixture) -> None:
    logger.info("Removed the post of Ivanov")
    assert lines.records[0].getMessage() == "unnamed_event"


_SECRET = "zq7-canary"


@given(
    st.sampled_from(sorted(ALLOWED_KEYS))
    | st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20).filter(
        lambda key: key not in ("event", "self")
    ),
    st.sampled_from(["", " ", "@", "ж"]),
)
@pytest.mark.slow
def test_a_value_under_a_key_that_is_not_allowed_never_shows(key: str, odd: str) -> None:
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(repr(record.__dict__))

    handler = Keep()
    standard = logging.getLogger(LOGGER_NAME)
    standard.addHandler(handler)
    before = standard.level
    standard.setLevel(logging.INFO)
    try:
        logger.info("event", **{key: _SECRET + odd})
    finally:
        standard.removeHandler(handler)
        standard.setLevel(before)
    assert (_SECRET in seen[0]) == (key in ALLOWED_KEYS and odd == "")


@pytest.mark.slow
def test_without_a_configuration_of_the_host_nothing_is_printed() -> None:
    program = "from kz_compliance_sdk.adapters.notifiers import logger; logger.critical('alert', level=5)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
