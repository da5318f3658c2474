"""An office and a regulator whose books are alike, until somebody alters the regulator's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.ports import Alert
from kz_compliance_sdk.services.reconcile import Code, Difference
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.mock_regulator import MockRegulator
from kz_compliance_sdk.testing.mock_regulator.books import Alteration
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.wiring import http_client, http_regulator, mock_regulator, sandbox_settings

INTAKE: Final = "https://platform.test/kz/notices"


@dataclass
class Scene:
    """The desk, its regulator, and what people were told."""

    desk: ComplianceDesk
    regulator: MockRegulator
    clock: FrozenClock
    told: list[Alert]
    outbox: CapturedOutbox

    def issue(self, seed: int, *, decide: bool = True, amended: bool = False) -> str:
        """A notice that is read from the feed, acknowledged, and as a rule decided and reported; its id."""
        said: dict[str, Any] = {"category": "illegal_gambling", "expert_group_decision": None}
        notice = builders.notice(seed, **said)
        self.regulator.issue(notice)
        if amended:
            self.regulator.amend(builders.notice(seed, revision=2, **said))
        self.read()
        if decide:
            Office(self.desk).decide(case_id=self.case(notice.notice_id))
        return notice.notice_id

    def read(self) -> None:
        """Read the feed to its end."""
        while self.desk.poll().has_more:
            pass

    def settle(self) -> None:
        """Send whatever is due."""
        self.outbox.settle()

    def case(self, notice_id: str) -> str:
        return self.desk.cases(notice_id=notice_id).cases[0].id

    def differences(self) -> set[tuple[Code, str, str]]:
        """What is found: the code, the notice, and what it is about."""
        return {(one.code, one.notice_id, one.about) for one in self.found()}

    def found(self) -> tuple[Difference, ...]:
        return self.desk.reconcile().differences

    def key(self, notice_id: str, kind: str = "report") -> str:
        """The key under which the regulator recorded something of a notice."""
        return next(one.key for one in self.regulator.books.notices[notice_id].recorded if one.kind == kind)


@contextmanager
def scene(path: Path, clock: FrozenClock | None = None, regulator: MockRegulator | None = None) -> Iterator[Scene]:
    """Over a store at `path`."""
    clock = clock or FrozenClock()
    regulator = regulator or mock_regulator(clock, profile="standard-webhooks", seed=1, intake_url=INTAKE)
    settings = sandbox_settings(path, profile="standard-webhooks", intake_url=INTAKE)
    env = frozen_env(clock, random.Random(str(path)).randrange(10**9))
    with (
        http_client(regulator, clock) as client,
        ComplianceDesk(
            settings,
            enforcer=RecordingEnforcer(clock),
            regulator=http_regulator(settings, env, client),
            env=env,
            create=True,
        ) as desk,
    ):
        told: list[Alert] = []
        desk.on_alert(told.append)
        yield Scene(desk, regulator, clock, told, CapturedOutbox(desk, clock))


Altered = tuple[Code, str, str]


def alter(of: Scene, how: Alteration, notice_id: str, chance: random.Random) -> Altered:
    """Alter what the regulator holds of a notice, or of a sanction; gives the one difference that this makes."""
    books, regulator = of.regulator.books, of.regulator
    record = books.notices[notice_id]
    if how == "forget_notice":
        regulator.alter(how, notice_id)
        return "notice_not_there", notice_id, ""
    if how == "next_revision":
        regulator.alter(how, notice_id)
        return "revision_not_here", notice_id, str(record.notice.revision)
    if how == "earlier_revision":
        newest = record.notice.revision
        regulator.alter(how, notice_id)
        return "revision_not_there", notice_id, str(newest)
    if how == "invent_record":
        regulator.alter(how, notice_id)
        return "not_sent_by_us", notice_id, record.recorded[-1].key
    if how in ("forget_sanction", "invent_sanction"):
        name = f"X-{notice_id}"
        if how == "forget_sanction":
            name = chance.choice([one.sanction_id for one in books.sanctions if not one.sanction_id.startswith("X-")])
        regulator.alter(how, name)
        return ("sanction_not_there" if how == "forget_sanction" else "sanction_not_here"), "", name
    key = chance.choice(record.recorded).key
    regulator.alter(how, key)
    return ("not_recorded_there" if how == "forget_record" else "recorded_otherwise"), notice_id, key


OF_A_NOTICE: Final[tuple[Alteration, ...]] = (
    "forget_notice",
    "next_revision",
    "earlier_revision",
    "forget_record",
    "invent_record",
    "other_bytes",
    "other_receipt",
)
OF_ALL: Final[tuple[Alteration, ...]] = (*OF_A_NOTICE, "forget_sanction", "invent_sanction")


def campaign(
    folder: Path, notices: int, altered: int, seed: int, tell: Callable[[str], object] = print
) -> tuple[set[Altered], set[Altered]]:
    """Alter the books of so many notices in so many ways; gives what should be found, and what was."""
    chance = random.Random(seed)
    with scene(folder / "desk.sqlite3") as of:
        ids = []
        for n in range(1, notices + 1):
            ids.append(of.issue(n, decide=n % 5 != 0, amended=n % 3 == 0))
            if n % 200 == 0:
                of.settle()
                tell(f"{n} of {notices} notices are answered")
        for n in range(altered):
            of.regulator.announce_sanction(builders.sanction(n + 1))
        of.read()
        of.settle()
        assert of.differences() == set(), "before anything was altered"
        wanted: set[Altered] = set()
        for notice_id in chance.sample(ids, altered):
            ways = [
                how
                for how in OF_ALL
                if how != "earlier_revision" or of.regulator.books.notices[notice_id].notice.revision > 1
            ]
            wanted.add(alter(of, chance.choice(ways), notice_id, chance))
        tell("the books are altered")
        return wanted, of.differences()
