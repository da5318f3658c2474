"""One simulated week, from its seed to its verdict."""

from __future__ import annotations

import base64
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import httpx

from kz_compliance_sdk.adapters.http_regulator import HttpRegulator
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import LEASE_S, OutboxMessage
from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.ports import Delivered, FeedPage, RetryAt, Sent, Unknown
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.mock_regulator import PASSIVE, SCENARIOS, MockRegulator, Platform, plan_of
from kz_compliance_sdk.wire.signature import Key, KeyRing, Profile
from tests.conftest import NOON
from tests.fake_pager import FakePager
from tests.kills.week.network import ToPlatform, to_regulator
from tests.kills.week.office import Office
from tests.kills.week.platform import FAULTS
from tests.scene import FakePlatform

URL = "https://regulator.test"
_QUIET_AFTER_S = 24 * 3_600
REVOKED_BEFORE_S = 24 * 3_600
# Two days and a half on which nobody comes: deadlines pass, and the regulator reminds and punishes.
_AWAY_S = (4 * 86_400, 13 * 43_200)
_FALLS_ASLEEP = 0.05

Variant = Literal["as_it_ships", "never_looks_up", "believes_any_receipt", "fresh_ids", "loses_a_report"]
"""The five that are wrong on purpose: a desk that takes an unknown outcome for a failure, one that takes any answer for
a receipt, one that gives each attempt an id of its own, a regulator whose books lose a report, and a store that lets a
worker write after its lease."""


@dataclass(frozen=True, slots=True)
class Week:
    """What chooses a run. `pass_s` is how many seconds lie between two looks of the worker and the people, about."""

    seed: int = 1
    notices: int = 150
    scenario: str = "week"
    profile: Profile = "standard-webhooks"
    pass_s: int = 600
    lossy: float = 0.08
    hosts: int = 1
    """Desks on one store. Beyond the first each may fall asleep with messages in hand, until their leases are over."""
    variant: Variant = "as_it_ships"


@dataclass(slots=True)
class Call:
    """One call of the desk to its client, and what came of it. `name` is `send`, `look_up`, or `late` for what a worker
    sends that slept through its lease: it cannot know of any attempt since."""

    name: str
    message_id: str
    result: Delivered | Sent | None


@dataclass(slots=True)
class Watched:
    """The real client, with a note of each call; and, in a variant, with what is wrong about it."""

    inner: HttpRegulator
    variant: Variant
    calls: list[Call] = field(default_factory=list)
    slept: bool = False
    name: str = "regulator"
    _tries: Counter[str] = field(default_factory=Counter)

    def send(self, message: OutboxMessage) -> Sent:
        sent = message
        if self.variant == "fresh_ids" and message.kind == "acknowledgement":
            self._tries[message.id] += 1
            sent = message.but(id=f"{message.id}-{self._tries[message.id]}")
        result = self.inner.send(sent)
        self.calls.append(Call("late" if self.slept else "send", message.id, result))
        if isinstance(result, Unknown):
            if self.variant == "never_looks_up":
                return RetryAt(result.reason)
            if self.variant == "believes_any_receipt" and result.reason.startswith("receipt"):
                return Delivered("believed", message.created_at, b'{"receipt_id":"believed"}')
        return result

    def look_up(self, message: OutboxMessage) -> Delivered | RetryAt | None:
        found = self.inner.look_up(message)
        self.calls.append(Call("look_up", message.id, found))
        return found

    def fetch(self, after: str, limit: int) -> FeedPage:
        return self.inner.fetch(after, limit)

    def close(self) -> None:
        self.inner.close()


@dataclass(slots=True)
class Evidence:
    """What a week leaves behind."""

    week: Week
    desk: ComplianceDesk
    regulator: MockRegulator
    platform: FakePlatform
    client: Watched
    forged: list[str]
    unreadable: int
    quiet: bool
    figures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every breach, in words, and the figures that show what the week went through."""

    faults: tuple[str, ...]
    figures: Mapping[str, int]


def live(week: Week, folder: Path) -> Iterator[Evidence]:
    """Live through the week; the evidence is open until the caller goes on."""
    chance = random.Random(f"week {week.seed}")
    clock = FrozenClock(NOON)
    to_platform = ToPlatform(random.Random(chance.random()), week.lossy)
    settings = _settings(week, folder)
    regulator = MockRegulator(
        [Platform(builders.PLATFORM_ID, settings.intake_url, (keys.platform_key(week.profile),))],
        signing_key=keys.regulator_signing_key(week.profile),
        spare_keys=[keys.regulator_signing_key(week.profile, 2)],
        profile=week.profile,
        clock=clock,
        seed=week.seed,
        base_url=URL,
        sender=to_platform,
        sleep=clock.advance,
    )
    env = frozen_env(clock, chance.getrandbits(32))
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(httpx.Client(transport=to_regulator(regulator, clock)))
        client = Watched(
            HttpRegulator(
                URL,
                platform_id=builders.PLATFORM_ID,
                ring=KeyRing(trusted(week), allow_test_keys=True),
                signing_key=keys.platform_signing_key(week.profile),
                profile=week.profile,
                env=env,
                client=http,
            ),
            week.variant,
        )
        platform = FakePlatform(clock)
        desks = []
        for _ in range(week.hosts):
            store = SqliteStore(settings.store.path, env, threaded=False)
            parts: dict[str, Any] = {"enforcer": platform, "notifier": FakePager(), "regulator": client}
            desks.append(stack.enter_context(ComplianceDesk(settings, store=store, env=env, **parts)))
        life = _Life(week, regulator, desks, clock, platform, client, to_platform, chance)
        to_platform.receive = lambda *request: life.some_desk().receive(*request)
        yield life.run()


@dataclass(slots=True)
class _Life:
    week: Week
    regulator: MockRegulator
    desks: list[ComplianceDesk]
    clock: FrozenClock
    platform: FakePlatform
    client: Watched
    to_platform: ToPlatform
    chance: random.Random
    failed_polls: int = 0
    forged: list[str] = field(default_factory=list)
    unreadable: int = 0
    asleep: list[tuple[int, ComplianceDesk, list[OutboxMessage]]] = field(default_factory=list)
    woke_late: int = 0

    @property
    def desk(self) -> ComplianceDesk:
        """The people's."""
        return self.desks[0]

    def some_desk(self) -> ComplianceDesk:
        return self.chance.choice(self.desks) if len(self.desks) > 1 else self.desk

    def run(self) -> Evidence:
        office = Office(self.desk, random.Random(self.chance.random()))
        steps = self.regulator.play(self.week.scenario, self.week.seed, notices=self.week.notices)
        end = max(NOON + SCENARIOS[self.week.scenario].seconds, *(step.at for step in steps))
        lost = False
        while self.clock() < end:
            self.regulator.advance(self.chance.randint(1, 2 * self.week.pass_s))
            self._disturb()
            acts: list[Callable[[], object]] = [self._poll, self._watch, self._deliver]
            if not _AWAY_S[0] <= self.clock() - NOON < _AWAY_S[1]:
                acts.append(office.work)
            self.chance.shuffle(acts)
            for act in acts:
                act()
            lost = lost or (self.week.variant == "loses_a_report" and self._lose_a_report())
        quiet = self._calm_down(office)
        return Evidence(
            self.week,
            self.desk,
            self.regulator,
            self.platform,
            self.client,
            self.forged,
            self.unreadable,
            quiet,
            self._figures(office),
        )

    def _disturb(self) -> None:
        """What an attacker sends, what nobody can read, and a platform that fails now and then."""
        dice = self.chance.random()
        messages = self.regulator.books.feed
        if messages and dice < 0.02:
            message = self.chance.choice(messages)
            push = self.regulator.push_forged(message, self.chance.choice(("unsigned", "wrong_key", "tampered")))
            self.forged += [f"a forgery of {message.id} was answered {push.status}"] if push.status == 202 else []
        elif messages and dice < 0.025:
            self.unreadable += self.regulator.push_unreadable(self.chance.choice(messages)).status == 422
        elif dice < 0.06:
            self.platform.faults.append(self.chance.choice(FAULTS)(self.clock))

    def _poll(self) -> None:
        try:
            while self.some_desk().poll(limit=20).has_more:
                pass
        except RegulatorError:
            self.failed_polls += 1

    def _watch(self) -> None:
        self.some_desk().watch()

    def _deliver(self) -> None:
        self._sleep()
        for _ in range(50):
            if not self.some_desk().deliver().leased:
                break
        self._wake()

    def _sleep(self) -> None:
        """Now and then a worker takes what is due and is stopped before its first call."""
        for desk in self.desks[1:]:
            if self.chance.random() < _FALLS_ASLEEP:
                self.asleep.append((self.clock() + LEASE_S, desk, desk.delivery.lease(desk.delivery.in_flight)))

    def _wake(self) -> None:
        """Once somebody else has had the time to do it, it goes on and knows nothing of that."""
        late = [one for one in self.asleep if one[0] < self.clock()]
        self.asleep = [one for one in self.asleep if one not in late]
        self.client.slept = True
        for _, desk, held in late:
            self.woke_late += sum(not desk.delivery.deliver(message) for message in held)
        self.client.slept = False

    def _lose_a_report(self) -> bool:
        """A report of a case that is closed: nobody will send it again."""
        for file in self.desk.cases(state="closed").cases:
            reports = self.regulator.books.notices[file.notice_id].of_kind("report")
            if reports:
                self.regulator.books.notices[file.notice_id].recorded.remove(reports[-1])
                self.regulator.books.recorded.pop(reports[-1].key)
                return True
        return False

    def _calm_down(self, office: Office) -> bool:
        """Nothing goes wrong any more, and everybody does what is left. Whether it ends within a day."""
        self.regulator.clear_faults()
        self.regulator.skew(0)
        self.platform.faults.clear()
        self.regulator.behave(PASSIVE)
        # The answers to questions, and pushes that were held back, are still to come.
        end = self.clock() + _QUIET_AFTER_S
        while self.clock() < end:
            self._poll()
            office.finish()
            self._watch()
            self._deliver()
            if self._is_quiet():
                return True
            self.regulator.advance(300)
        return False

    def _is_quiet(self) -> bool:
        if self.regulator.agenda() or self.asleep:
            return False
        queries = self.desk.store.queries(self.desk.platform_id)
        if queries.health(self.clock()).undelivered:
            return False
        states = {self.desk.case(case_id).state for case_id in queries.case_ids()}
        return states <= {"closed", "cancelled"}

    def _pushes_under_a_revoked_key(self) -> int:
        """How many genuine pushes were refused because of the key: what they said came by the feed, signed anew."""
        revoked = next((key.revoked_at for key in trusted(self.week) if key.revoked_at is not None), None)
        if revoked is None:
            return 0
        refused = [push for push in self.regulator.pushes if push.status == 401 and push.message_id]
        return sum(revoked <= push.at < revoked + REVOKED_BEFORE_S for push in refused)

    def _figures(self, office: Office) -> dict[str, int]:
        seen = Counter(f"{each.method} {each.status}" for each in self.regulator.seen)
        sends = Counter(type(call.result).__name__ for call in self.client.calls if call.name == "send")
        return {
            "notices": len(self.regulator.books.notices),
            "messages_issued": len(self.regulator.books.messages),
            "pushes": len(self.regulator.pushes),
            "requests": sum(seen.values()),
            **{f"struck_{kind}": count for kind, count in sorted(self.regulator.faults.struck.items())},
            **{f"lost_{what}": count for what, count in sorted(self.to_platform.lost.items())},
            "pushes_under_a_revoked_key": self._pushes_under_a_revoked_key(),
            "polls_failed": self.failed_polls,
            "unreadable_pushes": self.unreadable,
            **{f"send_{result.lower()}": count for result, count in sorted(sends.items())},
            **({"woke_late": self.woke_late} if self.week.hosts > 1 else {}),
            "look_ups": sum(call.name == "look_up" for call in self.client.calls),
            "sanctions": len(self.regulator.books.sanctions),
            **{f"people_{what.replace(' ', '_')}": count for what, count in sorted(office.did.items())},
            "hours": (self.clock() - NOON) // 3_600,
        }


def trusted(week: Week) -> list[Key]:
    """The keys that the platform holds: the regulator's, and its next. The first was stolen: it is revoked a day before
    the regulator, which hears of it late, signs with the second."""
    first, second = (keys.regulator_key(week.profile, generation=number) for number in (1, 2))
    plan = plan_of(week.scenario, week.seed, NOON, [builders.PLATFORM_ID], week.notices)
    rotated = next((step.at for step in plan if step.act == "rotate"), None)
    return [replace(first, revoked_at=None if rotated is None else rotated - REVOKED_BEFORE_S), second]


def _settings(week: Week, folder: Path) -> Settings:
    own = keys.platform_signing_key(week.profile)
    return Settings.model_validate(
        {
            "platform_id": builders.PLATFORM_ID,
            "public_url": f"{builders.HOST}/kz",
            "hosts": [builders.HOST.removeprefix("https://")],
            "allow_test_keys": True,
            "profile": week.profile,
            "keys": [
                {
                    "key_id": key.key_id,
                    "algorithm": key.algorithm,
                    "public_key" if key.algorithm == "ed25519" else "secret": _text(key.material),
                    "sender": key.sender,
                    "authorities": sorted(key.authorities),
                    "not_before": key.not_before,
                    "not_after": key.not_after,
                    "revoked_at": key.revoked_at,
                }
                for key in trusted(week)
            ],
            "signing_key": {"key_id": own.key_id, "algorithm": own.algorithm, "secret": _text(own.material)},
            "regulator": {"url": URL},
            "store": {"path": folder / "desk.sqlite3"},
        }
    )


def _text(material: bytes) -> str:
    return base64.b64encode(material).decode("ascii")
