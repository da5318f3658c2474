"""What came of a bad input, whether that is what the catalogue asks for, and what must hold whatever came of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC
from kz_compliance_sdk.testing.conformance.bad_inputs import BadInput
from tests.arrivals.bad_inputs.office import Answer, Office
from tests.arrivals.bad_inputs.requests import SECRETS, Request

# What belongs to nobody but the sender: it may be in the evidence, never in a log.
_PERSONAL: Final = ("A. Person", "900101300123", "77010000000", "user:pw")
_COUNTED: Final = frozenset({"cursors", "heartbeats"})


@dataclass(frozen=True, slots=True)
class Came:
    """The status, and the code of a problem or the flags of an accepted notice."""

    status: int
    codes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.status} {', '.join(sorted(self.codes)) or 'without a flag'}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One request, what came of it, and the state of the office before and after."""

    request: Request
    authentic: bool
    came: Came
    reply: bytes
    before: Mapping[str, int]
    after: Mapping[str, int]
    rows: Sequence[InboxRow]
    logs: Sequence[logging.LogRecord]
    cpu_s: float


def of_answer(office: Office, answer: Answer) -> Came:
    """What an answer to a push says."""
    if answer.status >= 300:
        return Came(answer.status, frozenset({answer.code}))
    return Came(answer.status, _flags(office))


def of_rows(office: Office, rows: Sequence[InboxRow]) -> Came:
    """What a polled entry came to; without a row it was not authentic."""
    if not rows:
        return Came(401, frozenset({"not_authentic"}))
    (row,) = rows
    if row.status >= 300:
        return Came(row.status, frozenset({str(json.loads(row.reply)["code"])}))
    return Came(row.status, _flags(office))


def _flags(office: Office) -> frozenset[str]:
    return frozenset(flag.partition(":")[0] for case in office.cases() for flag in case.flags)


def as_expected(case: BadInput, came: Came) -> bool:
    """Whether it is what the catalogue asks for."""
    if came.status != case.http:
        return False
    match case.outcome:
        case "accept":
            return not came.codes
        case "accept_flag":
            return case.code in came.codes
    return came.codes == {case.code}


_LEDGER = ("streams", "events", "parts", "keys", "log")


def check_invariants(trial: Trial) -> None:
    """What must hold for every input. Raises AssertionError that says what does not."""
    assert trial.came.status < 500, "nothing that is sent may end in a fault of this side"
    grown = {name for name, count in trial.after.items() if count != trial.before[name]} - _COUNTED
    if trial.authentic:
        bodies = [row.body for row in trial.rows]
        assert bodies == [trial.request.body], "what is authentic is kept, byte for byte"
        assert {"inbox", "events", "cases"} <= grown or trial.rows[0].exit in ("waiting", "noted"), (
            "what is authentic opens a case, in quarantine if need be"
        )
        assert "outbox" in grown, "somebody is answered or paged"
    else:
        assert not trial.rows, "what is not authentic leaves no message"
        # Somebody is paged.
        assert grown <= {"outbox", "leases", *_LEDGER}, f"what is not authentic leaves no row, but {sorted(grown)} grew"
    if trial.came.status == 401 and trial.reply:
        assert trial.reply == NOT_AUTHENTIC.body, "every 401 is the same, byte for byte"
        assert grown == set(), "a 401 leaves no row anywhere"
    assert trial.cpu_s < 0.1, f"{trial.cpu_s:.3f} s of CPU"
    for record in trial.logs:
        _check_record(record, trial.request)


def _check_record(record: logging.LogRecord, request: Request) -> None:
    line = logging.Formatter("%(message)s").format(record)
    assert record.exc_info is None, f"a traceback in the log: {line}"
    assert "Traceback" not in line, line
    assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in line), f"control characters: {line!r}"
    for secret in (*request.secrets, *_PERSONAL, *_keys()):
        assert secret not in line, "a key, a signature or a person in the log"


def _keys() -> Iterable[str]:
    return (secret.hex() for secret in SECRETS.values() if secret)
