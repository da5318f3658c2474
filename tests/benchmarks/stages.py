"""`python -m tests.benchmarks.stages`: where the time of an intake and of a decision goes, part by part.

A part's time is its own: what it calls that is a part itself is told apart. The stopwatches cost a little, so these are
shares, not speeds.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.ports import Future
from tests.benchmarks import apps, deciding, samples

_SQL = "kz_compliance_sdk.adapters.sql"
_STORE = {
    f"{_SQL}.transaction:SqlTransaction.one": "the database: reading",
    f"{_SQL}.transaction:SqlTransaction.all": "the database: reading",
    f"{_SQL}.transaction:SqlTransaction._execute": "the database: writing",
    f"{_SQL}.transaction:SqlTransaction._execute_many": "the database: writing",
    f"{_SQL}.transaction:SqlTransaction.begin": "the database: begin, commit",
    f"{_SQL}.transaction:SqlTransaction.commit": "the database: begin, commit",
    f"{_SQL}.transaction:write_operations": "rows from values",
    f"{_SQL}.keys:PartKeys.seal": "encrypting",
    f"{_SQL}.keys:PartKeys.open": "decrypting",
    f"{_SQL}.lane:_resolve": "waking who waits",
}
_EVENT = "kz_compliance_sdk.adapters.sql.ledger:Appending.append"
_SERVICES = "kz_compliance_sdk.services"
INTAKE = {
    **_STORE,
    f"{_SERVICES}.intake:verify": "the signature",
    f"{_SERVICES}.intake:read_message": "reading the message strictly",
    f"{_SERVICES}.intake:Intake.receive": "the rest before the writer's turn",
    f"{_SERVICES}.admission:Admission._marked": "what a person must be warned of",
    f"{_SERVICES}.admission:Admission.admit": "deciding what it is",
    "kz_compliance_sdk.domain.arrivals:open_case": "the case and its clock",
    _EVENT: "the event: its bytes, hash, MAC and parts",
}
DECISION = {
    **_STORE,
    f"{_SERVICES}.loading:context_of": "what else a decision needs",
    f"{_SERVICES}.loading:notice_of": "the notice, from its stored bytes",
    f"{_SERVICES}.loading:read_message": "the notice, from its stored bytes",
    "kz_compliance_sdk.domain.deciding:check_proposal": "checks of the proposal",
    "kz_compliance_sdk.domain.deciding:check_proposal_texts": "checks of the proposal",
    "kz_compliance_sdk.domain.deciding:check_content": "checks of the proposal",
    "kz_compliance_sdk.domain.deciding:_check_objects": "checks of the proposal",
    "kz_compliance_sdk.domain.deciding:rests_on": "the legal check",
    "kz_compliance_sdk.domain.deciding:propose": "the decision",
    "kz_compliance_sdk.domain.deciding:_decide": "the items' new states",
    "kz_compliance_sdk.domain.deciding:written": "the effects",
    "kz_compliance_sdk.domain.review_policy:claim": "the claim",
    _EVENT: "the events: their bytes, hashes, MACs and parts",
}


class Stopwatches:
    """The seconds that each part took by itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def on(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, timed. One thread at a time is what is measured: callers wait for the writer."""

        @functools.wraps(call)
        def timed(*given: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            started = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                took = time.perf_counter() - started
                self.seconds[part] += took - self._inner.pop()
                self._inner[-1] += took

        return timed


@contextmanager
def timing(parts: dict[str, str]) -> Iterator[Stopwatches]:
    """Stopwatches on these parts. Raises AttributeError for a name that is no longer there."""
    watches, before = Stopwatches(), []
    try:
        for name, part in parts.items():
            module, _, path = name.partition(":")
            *owners, last = path.split(".")
            owner = functools.reduce(getattr, owners, importlib.import_module(module))
            before.append((owner, last, getattr(owner, last)))
            setattr(owner, last, watches.on(part, getattr(owner, last)))
        yield watches
    finally:
        for owner, last, call in reversed(before):
            setattr(owner, last, call)


def intake(folder: Path, count: int, together: int = 64) -> dict[str, float]:
    """The parts of a durable intake, so many in flight."""
    now = int(time.time())
    with (
        ComplianceDesk(apps.settings(9, str(folder / "intake.sqlite3")), create=True) as desk,
        timing(INTAKE) as watches,
    ):
        for start in range(0, count, together):
            begun = []
            for number in range(start, min(count, start + together)):
                head, _, body = samples.request(number, "standard-webhooks", 9, now).partition(b"\r\n\r\n")
                lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
                begun.append(desk.intake.receive("POST", samples.PATH, [(a, b) for a, b in lines], body))
            # The pure part is over before the writer begins: two threads would share the stopwatches.
            waiting: list[Future[Any]] = [desk.store.submit(desk.platform_id, one.work, one.asks) for one in begun]  # type: ignore[union-attr]
            assert {future.result().status for future in waiting} == {202}
    return watches.seconds


def decision(folder: Path, count: int, together: int = 16) -> dict[str, float]:
    """The parts of claiming and deciding, so many together."""
    base = folder / "decide.sqlite3"
    deciding.filled(base, count)
    with timing(DECISION) as watches:
        deciding.decide(base, count, together)
    return watches.seconds


def shares(title: str, seconds: dict[str, float]) -> str:
    """A table of the parts, the largest first."""
    whole = sum(seconds.values())
    largest = sorted(seconds.items(), key=lambda one: -one[1])
    return "\n".join([title, *(f"  {took / whole:6.1%}  {part}" for part, took in largest)])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stages", description=__doc__)
    parser.add_argument("--count", type=int, default=1_920, help="how many notices (1920)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        sys.stdout.write(shares("A durable intake, 64 in flight", intake(Path(name), options.count)) + "\n\n")
        sys.stdout.write(shares("A claim and a decision, 16 together", decision(Path(name), options.count)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
