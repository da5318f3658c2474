"""Three days without the regulator: everything is decided on the first of them, and then it comes back.

`python -m tests.delivery.three_days 2000` prints what came of so many cases.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kz_compliance_sdk.ports import RetryAt, Sent
from tests.driver import DAY, HOUR, Driver


def _down(_message: object) -> Sent:
    return RetryAt("status_503")


def goes_down(office: Driver) -> None:
    """The regulator answers nothing any more."""
    office.regulator.faults = [_down] * 1_000_000


def comes_back(office: Driver) -> None:
    """The regulator does its work again."""
    office.regulator.faults = []


def works(office: Driver) -> None:
    """A round of the worker."""
    office.watch()
    office.deliver(passes=10_000)


def for_hours(office: Driver, hours: float, also: Callable[[], None] = lambda: None, every_s: int = 60) -> None:
    """Let time pass, with a round of the worker every so many seconds; something else happens before each."""
    for _ in range(int(hours * HOUR) // every_s):
        office.wait(every_s)
        also()
        works(office)


@dataclass(frozen=True)
class Came:
    """What came of it: the alerts that were sent until the regulator was back, by audience, and their lines, of which
    each was an alert before; what was told of the outage itself; then the notices of which the regulator holds one
    final report, how late the last of these was, and the messages that it was sent more than once since."""

    alerts: Counter[tuple[str, ...]]
    lines: int
    outages: list[str]
    confirmed: int
    latest_s: int
    sent_twice: int
    open_cases: int


def without_the_regulator(folder: Path, many: int) -> Came:
    """So many cases, one after the other on the first day, with a round of the worker every minute on the
    others."""
    office = Driver(folder, collect_s=HOUR)
    goes_down(office)
    for n in range(1, many + 1):
        office.decide(office.issue(n))
        office.wait(DAY // many)
        works(office)
    for_hours(office, 48)
    alerts, told = Counter(alert.audience for alert in office.pager.sent), list(office.pager.alerts)
    assert office.regulator.books == {}
    comes_back(office)
    tried, back_at = len(office.regulator.sends), office.clock()
    for_hours(office, 1)
    books = [(json.loads(body), at) for kind, body, at in office.regulator.books.values() if kind == "report"]
    final = [(report["notice_id"], at) for report, at in books if report["final"]]
    return Came(
        alerts=alerts,
        lines=len(told),
        outages=[line.reason for line in told if line.case_reference == "regulator"],
        confirmed=sum(times == 1 for times in Counter(notice for notice, _ in final).values()),
        latest_s=max(at for _, at in final) - back_at,
        sent_twice=sum(times > 1 for times in Counter(office.regulator.sends[tried:]).values()),
        open_cases=len(office.cases(limit=1)),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as _folder:
        print(without_the_regulator(Path(_folder), int(sys.argv[1])))
