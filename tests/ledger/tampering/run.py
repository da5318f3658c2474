"""The campaign: tamper, verify, see that it was found and named, put everything back."""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from kz_compliance_sdk.adapters.sql import files
from kz_compliance_sdk.domain.holding import names_of
from kz_compliance_sdk.domain.proofs import Fault
from tests.ledger.tampering.scenery import DRIVER, LEDGER, Scenery, build
from tests.ledger.tampering.tamper import Tamperer
from tests.scene import PLATFORM
from tests.unguarded import unguard


@dataclass
class Outcome:
    """What a campaign came to."""

    done: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    not_provable: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: Outcome) -> None:
        self.done += other.done
        self.missed += other.missed
        self.unnamed += other.unnamed
        self.not_provable += other.not_provable
        self.seconds = max(self.seconds, other.seconds)


def campaign(folder: Path, count: int, seed: int, *, outside: bool = True, only: str = "") -> Outcome:
    """`count` tamperings with one store. Without `outside` nothing that was kept elsewhere is given."""
    scenery = build(folder)
    assert scenery.verify().faults == (), "the store was not whole to begin with"
    (later,) = scenery.verify().not_provable
    assert "was taken away again" in later
    outcome, started = Outcome(), time.monotonic()
    # What puts the database back makes it smaller again, and who watches its files would refuse to read or write it.
    unwatched = mock.patch.object(files, "wrong_of", return_value=None)
    with unwatched, closing(DRIVER.module.connect(scenery.world.path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        unguard(raw)
        put_back, restore = _images(scenery, raw)
        tamperer = Tamperer(
            raw, random.Random(seed), scenery.backups, restore, lambda: _make_anew(scenery), _by_object(scenery), LEDGER
        )
        while sum(outcome.done.values()) < count:
            what, names = tamperer.one(only)
            verdict = scenery.verify(outside=outside)
            number = sum(outcome.done.values())
            outcome.done[what] += 1
            if not verdict.faults:
                outcome.missed.append(f"{number} {what}: {sorted(names)}: {tamperer.told}")
            elif not any(name in _told(fault) for fault in verdict.faults for name in names):
                said = "; ".join(_told(fault) for fault in verdict.faults)
                outcome.unnamed.append(f"{number} {what}: {sorted(names)}, and the report says: {said}")
            outcome.not_provable.update(verdict.not_provable)
            put_back()
        assert scenery.verify().faults == (), "it was not put back"
    scenery.host.store.close()
    outcome.seconds = time.monotonic() - started
    return outcome


def several(count: int, seed: int, processes: int) -> Outcome:
    """The campaign in several processes, each with a store and a seed of its own."""
    shares = [count // processes + (number < count % processes) for number in range(processes)]
    whole = Outcome()
    with ProcessPoolExecutor(processes) as pool:
        for part in pool.map(_share, shares, range(seed, seed + processes)):
            whole.add(part)
    return whole


def _share(count: int, seed: int) -> Outcome:
    logging.disable(logging.CRITICAL)  # whoever makes a checkpoint of what was tampered with is told so, each time
    with tempfile.TemporaryDirectory() as folder:
        return campaign(Path(folder), count, seed)


def _make_anew(scenery: Scenery) -> None:
    scenery.proof().checkpoint()


def _by_object(scenery: Scenery) -> Callable[[str], frozenset[str]]:
    queries = scenery.host.store.queries(PLATFORM)
    names = {case_id: set(names_of(queries.records(case_id).stream.case)) for case_id in queries.case_ids()}
    return lambda name: frozenset(
        case_id for case_id, of_case in names.items() if (name in of_case if name else of_case)
    )


def _images(scenery: Scenery, raw: Any) -> tuple[Callable[[], None], Callable[[bytes], None]]:
    """What puts the store back as it was, and what puts a backup in its place."""
    pristine = DRIVER.module.connect(":memory:")
    raw.backup(pristine)

    def restore(data: bytes) -> None:
        path = scenery.world.path.with_name("backup.sqlite3")
        path.write_bytes(data)
        with closing(DRIVER.module.connect(path)) as backup:
            backup.backup(raw)
        unguard(raw)

    return (lambda: pristine.backup(raw)), restore


def _told(fault: Fault) -> str:
    return f"{fault.case_id} {fault.what}: {fault.seq}"
