"""An evidence pack of a large case: from the command to the bytes."""

from __future__ import annotations

import statistics
import time

from tests.benchmarks.rows import Row, Size
from tests.evidence.scene import HEAD, scene

NAMES = ("evidence.pack",)
ITEMS, EVENTS = 50, 200


def run(size: Size) -> list[Row]:
    """The full form, which holds more, of a case with 50 items and 200 events."""
    with size.place() as folder, scene(folder) as at:
        case_id = at.case(items=ITEMS)
        at.looked_at(case_id, until=EVENTS)
        taken, pack = [], b""
        for _ in range(size.pick(3, 9)):
            started = time.perf_counter()
            pack = at.desk.evidence(HEAD, case_id, full=True, reason="the court asked")
            taken.append(time.perf_counter() - started)
    note = f"{ITEMS} items, {EVENTS} events, full form, {len(pack) / 1024:.0f} KiB; recorded, read, written and signed"
    return [Row(NAMES[0], statistics.median(taken), "s", bar=2, sense="most", note=note)]
