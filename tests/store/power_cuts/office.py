"""The day that is recorded: `kz-compliance serve`, a worker and people on one store, who end in every way and begin
again: `python -m tests.store.power_cuts.office FOLDER SEED NOTICES`."""

from __future__ import annotations

import pickle
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final, cast

from kz_compliance_sdk.adapters.sql.files import held
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import IssuedMessage, MockRegulator
from kz_compliance_sdk.testing.mock_regulator import Platform as KnownPlatform
from tests.kills.campaign.hosts import FastClock, Host, Plan, Platform, reserved_port
from tests.kills.campaign.run import PEOPLE, SENDERS, SPEED, decide

_PROFILE: Final = "standard-webhooks"
_ROUNDS: Final = 5
_ENDS: Final = ("the desk last", "the hosts killed", "the hosts ended")
_CHECKPOINT_EVERY_S: Final = 0.4


Day = tuple[Plan, tuple[IssuedMessage, ...]]
"""Where a store lies, and what was issued and acknowledged."""


def day_of(folder: Path) -> Day:
    """The day that was played in a folder."""
    with (folder / "day").open("rb") as kept:
        return cast(Day, pickle.load(kept))  # noqa: S301  we wrote it


def play(folder: Path, seed: int, notices: int) -> None:
    """Play it, in an empty folder. Raises TimeoutError if a host does not start."""
    chance = random.Random(seed)
    clock = FastClock.from_now(SPEED)
    with reserved_port() as port:
        known = KnownPlatform(builders.PLATFORM_ID, f"http://127.0.0.1:{port}/notices", (keys.platform_key(_PROFILE),))
        regulator = MockRegulator(
            [known], signing_key=keys.regulator_signing_key(_PROFILE), profile=_PROFILE, clock=clock, seed=seed
        )
        with regulator.running():
            plan = Plan(folder, port, regulator.url, _PROFILE, clock, serve=True)
            plan.write_config()
            Platform.make(plan.platform)
            issued = [regulator.issue(builders.notice(n), in_feed=False) for n in range(1, notices + 1)]
            ends = list(_ENDS) + chance.choices(_ENDS, k=_ROUNDS - len(_ENDS))
            chance.shuffle(ends)
            for number, end in enumerate(ends):
                _round(plan, regulator, issued[number::_ROUNDS], end, chance)
    with (folder / "day").open("wb") as kept:
        pickle.dump((plan, tuple(issued)), kept)


def _round(
    plan: Plan, regulator: MockRegulator, messages: list[IssuedMessage], how: str, chance: random.Random
) -> None:
    hosts = [Host("receiver", plan), Host("worker", plan)]
    desk = ComplianceDesk(plan.settings(), env=plan.env(), create=True)
    for host in hosts:
        host.start()
    for host in hosts:
        host.wait_ready()
    end = threading.Event()

    def send(mine: list[IssuedMessage]) -> None:
        for message in mine:
            assert regulator.push(message).was_taken

    people = [threading.Thread(target=decide, args=(desk, end, number)) for number in range(PEOPLE)]
    senders = [threading.Thread(target=send, args=(messages[number::SENDERS],)) for number in range(SENDERS)]
    for thread in (*people, *senders):
        thread.start()
    while any(thread.is_alive() for thread in senders):
        time.sleep(chance.uniform(0, _CHECKPOINT_EVERY_S))
        _checkpoint(desk, chance)
    end.set()
    for thread in people:
        thread.join()
    if how != "the desk last":
        desk.close()
    # Nobody who may write is killed while another goes on: a commit that no sync had reached would be undone then.
    for host in hosts:
        host.kill(signal.SIGKILL if how == "the hosts killed" else signal.SIGTERM)
    desk.close()


def _checkpoint(desk: ComplianceDesk, chance: random.Random) -> None:
    """As a commit does in a log that has grown long, or as whoever erased does."""
    store = desk.store
    assert isinstance(store, SqliteStore)
    if chance.random() < 0.3:
        store.truncate_log()
        return
    with held(store.path), store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


if __name__ == "__main__":
    play(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
