"""One run: notices pour in, hosts die, people decide; then peace, and the reckoning."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import LEASE_S
from kz_compliance_sdk.domain.decision import ItemDecision, LegalCheck, Proposal, Wording
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import Fault, IssuedMessage, MockRegulator, Push, Reply, Request
from kz_compliance_sdk.testing.mock_regulator import Platform as KnownPlatform
from kz_compliance_sdk.testing.mock_regulator.agenda import Route
from kz_compliance_sdk.wire.signature import Profile
from tests.kills.campaign.checking import Acknowledged, Evidence, Verdict, check
from tests.kills.campaign.hosts import FastClock, Host, Plan, Platform, Variant, reserved_port
from tests.waiting import PATIENCE_S

SPEED = 30
SENDERS = 3
PEOPLE = 2
QUIET_WITHIN_S = 4 * PATIENCE_S
_QUIET_FOR_S = 0.5
_AIMED_WITHIN_S = 0.012
_ANY_TIME_S = 0.2
_STOPPED_S = (LEASE_S + 20) / SPEED
_MODERATOR = frozenset({"moderator"})
_LAWYER = Actor("lawyer", frozenset({"legal"}))
_YES = LegalCheck(
    authority="yes",
    legal_basis="yes",
    clarity="yes",
    content_matches="yes",
    protected_speech="no",
    proportionate="yes",
    narrowest="yes",
)

T = TypeVar("T")
Target = Literal["receiver", "worker", "both"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What to do: `kills` random points during `notices` notices. `seed` chooses points, targets and faults; how the
    processes interleave is the machine's own."""

    kills: int = 100
    notices: int = 500
    seed: int = 1
    profile: Profile = "standard-webhooks"
    variant: Variant = "as_it_ships"
    targets: tuple[Target, ...] = ("receiver", "worker", "both")
    lost_replies: float = 0.3
    receivers: int = 1
    workers: int = 1
    stops: int = 0
    """How often a worker is stopped for longer than its leases last, and goes on then."""
    serve: bool = False
    """Whether the receivers are the command `kz-compliance serve`."""

    @property
    def with_feed(self) -> bool:
        """Whether a quarter of the notices is in the feed as well, where the worker would find what a receiver lost."""
        return self.variant == "as_it_ships"


@dataclass(slots=True)
class _Scene:
    """Everything that lives through the kills."""

    campaign: Campaign
    plan: Plan
    regulator: _Regulator
    desk: ComplianceDesk
    hosts: list[Host]
    chance: random.Random
    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    sending: threading.Event = field(default_factory=threading.Event)
    armed: int = 0
    end: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class _Regulator(MockRegulator):
    """The mock regulator, which says when somebody has called it."""

    called: threading.Event

    def handle(self, request: Request) -> Reply:
        self.called.set()
        return super().handle(request)


def run(campaign: Campaign, folder: Path) -> Verdict:
    """Do it, in `folder`, which must be empty, and judge it. Raises TimeoutError if a host does not start."""
    return check(fight(campaign, folder))


def fight(campaign: Campaign, folder: Path) -> Evidence:
    """Do it, and leave the judging to `check`."""
    started = time.monotonic()
    with _staged(campaign, folder) as scene:
        messages = _issued(scene)
        senders = [partial(_send, scene, messages[n::SENDERS], campaign.seed * 100 + n) for n in range(SENDERS)]
        people = [partial(decide, scene.desk, scene.end, number) for number in range(PEOPLE)]
        threads = [threading.Thread(target=_guarded, args=(scene, call), daemon=True) for call in (*senders, *people)]
        for thread in threads:
            thread.start()
        struck = _strike_again_and_again(scene)
        under_fire = time.monotonic() - started
        scene.allowed.release(len(messages))
        for thread in threads[:SENDERS]:
            thread.join(QUIET_WITHIN_S)
        _wait_quiet(scene)
        scene.end.set()
        for thread in threads:
            thread.join(QUIET_WITHIN_S)
        # How much of it leaves while hosts are killed is the machine's own: replies are lost to the end.
        with scene.regulator.locked():
            dropped = scene.armed - len(scene.regulator.faults.armed())
        stuck = sum(thread.is_alive() for thread in threads)
        if stuck:
            scene.faults.append(f"{stuck} threads of the script are stuck")
    figures: dict[str, float] = {
        "points": campaign.kills + campaign.stops,
        **struck,
        "notices": campaign.notices,
        "acknowledged": len(scene.acknowledged),
        "replies_dropped": dropped,
        "seconds_under_fire": round(under_fire, 1),
        "seconds": round(time.monotonic() - started, 1),
    }
    return Evidence(
        scene.plan, scene.regulator.books, tuple(messages), tuple(scene.acknowledged), tuple(scene.faults), figures
    )


@contextlib.contextmanager
def _staged(campaign: Campaign, folder: Path) -> Iterator[_Scene]:
    clock = FastClock.from_now(SPEED)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        regulator = _Regulator(
            [
                KnownPlatform(
                    builders.PLATFORM_ID, f"http://127.0.0.1:{port}/notices", (keys.platform_key(campaign.profile),)
                )
            ],
            signing_key=keys.regulator_signing_key(campaign.profile),
            profile=campaign.profile,
            clock=clock,
            seed=campaign.seed,
            # An impatient sender: what it sends again at once meets the receiver in all its states.
            sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            push_tries=5_000,
        )
        regulator.called = threading.Event()
        stack.enter_context(regulator.running())
        plan = Plan(folder, port, regulator.url, campaign.profile, clock, campaign.variant, campaign.serve)
        plan.write_config()
        Platform.make(plan.platform)
        desk = stack.enter_context(ComplianceDesk(plan.settings(), env=plan.env(), create=True))
        hosts = [Host("receiver", plan) for _ in range(campaign.receivers)]
        hosts += [Host("worker", plan) for _ in range(campaign.workers)]
        for host in hosts:
            stack.callback(host.kill)
            host.start()
        scene = _Scene(campaign, plan, regulator, desk, hosts, random.Random(campaign.seed))
        stack.callback(scene.end.set)
        yield scene


def _issued(scene: _Scene) -> list[IssuedMessage]:
    """The notices, and the replies that will be lost. A tenth of the notices is about objects of the one before."""
    campaign, chance = scene.campaign, random.Random(f"notices {scene.campaign.seed}")
    messages: list[IssuedMessage] = []
    before: Notice | None = None
    for number in range(1, campaign.notices + 1):
        notice = builders.notice(number, items=chance.choice((1, 1, 2, 3)))
        if before is not None and number % 10 == 0:
            notice = notice.model_copy(update={"items": before.items})
        messages.append(scene.regulator.issue(notice, in_feed=campaign.with_feed and number % 4 == 0))
        before = notice
    shares: tuple[tuple[Route, float], ...] = (
        ("report", campaign.lost_replies),
        ("acknowledgement", campaign.lost_replies / 2),
    )
    for route, share in shares:
        for place in range(campaign.notices * 3):
            if chance.random() < share:
                scene.regulator.fail(Fault("reset_after", on=route, skip=place))
    scene.armed = len(scene.regulator.faults.armed())
    return messages


def _guarded(scene: _Scene, call: Callable[[], None]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - a thread that ends early must fail the run, whatever ended it
        scene.faults.append(f"the script itself failed: {type(error).__name__}: {error}")


# ------------------------------------------------------------------------------------------------- those outside


def _send(scene: _Scene, messages: list[IssuedMessage], seed: int) -> None:
    """Push each message until it is answered with 2xx, and some of them once more."""
    chance = random.Random(seed)
    for message in messages:
        scene.allowed.acquire()
        scene.sending.set()
        push = scene.regulator.push(message)
        if not push.was_taken:
            scene.faults.append(f"{message.id} was answered with {push.status}: {push.body[:300]!r}")
            continue
        scene.acknowledged.append(Acknowledged(message, push.status or 0, push.body, _was_cut(push)))
        if scene.campaign.variant == "as_it_ships" and chance.random() < 0.2:
            again = scene.regulator.push(message)
            if (again.status, again.body) != (200, push.body):
                scene.faults.append(f"the repeat of {message.id} got {again.status} {again.body!r}, not {push.body!r}")


def _was_cut(push: Push) -> bool:
    return any(answer.status is None and not answer.error.startswith("Connect") for answer in push.answers)


def decide(desk: ComplianceDesk, end: threading.Event, number: int) -> None:
    """Claim, decide, and let the lawyer approve, as the moderator of this number, until the `end`."""
    moderator = Actor(f"moderator-{number}", _MODERATOR)
    while not end.is_set():
        lease = _patiently(partial(desk.claim, moderator))
        if lease is None:
            end.wait(0.02)
            continue
        case_id, token = lease.case.id, lease.token
        proposal = _proposal(desk.notice(case_id))
        decided = _patiently(partial(desk.propose, moderator, case_id, token, proposal))
        if decided.decision.needs_approval:
            _patiently(partial(desk.approve, _LAWYER, case_id, decided.digest))


def _patiently(step: Callable[[], T]) -> T:
    """Do it again for as long as the store is busy: a process that is stopped may hold its lock."""
    until = time.monotonic() + QUIET_WITHIN_S
    while True:
        try:
            return step()
        except StoreError as error:
            if error.code != "storage_busy" or time.monotonic() > until:
                raise


def _proposal(notice: Notice) -> Proposal:
    reasons = tuple(Statement(lang=lang, text="Қаралды. Рассмотрено.") for lang in ("kk", "ru"))
    refused = Wording(outcome="refused", refusal_code="not_illegal", statement_of_reasons=reasons)
    removed = Wording(outcome="removed", statement_of_reasons=reasons)
    items = []
    for place, item in enumerate(notice.items):
        if int(notice.notice_id[-7:]) % 7 == 0 and place == 0:
            decision = ItemDecision(
                item_id=item.item_id,
                finding="not_illegal",
                reasons=f"not {item.item_id}",
                action="none",
                wording=refused,
            )
        else:
            decision = ItemDecision(
                item_id=item.item_id, finding="illegal", reasons=item.item_id, action="remove",
                ground="local_law", wording=removed,
            )  # fmt: skip
        items.append(decision)
    return Proposal(items=tuple(items), legal_check=_YES, text_checked=True)


# ------------------------------------------------------------------------------------------------------ kill -9


def _strike_again_and_again(scene: _Scene) -> dict[str, int]:
    """Kill at `kills` points and stop at `stops`: half of the kills anywhere, the others, and all stops, milliseconds
    after a call has begun."""
    campaign, chance = scene.campaign, scene.chance
    struck = {"receivers_killed": 0, "workers_killed": 0, "workers_stopped": 0}
    points = ["kill"] * campaign.kills + ["stop"] * campaign.stops
    if campaign.stops:
        chance.shuffle(points)
    released = 0
    for point, what in enumerate(points, 1):
        for host in scene.hosts:
            host.wait_ready()
        target = chance.choice(campaign.targets) if what == "kill" else "worker"
        traffic = scene.regulator.called if target == "worker" else scene.sending
        traffic.clear()
        due = campaign.notices * point // (len(points) + 1)
        if due > released:
            scene.allowed.release(due - released)
        released = due
        if what == "stop":
            traffic.wait(_ANY_TIME_S)
            chance.choice([host for host in scene.hosts if host.role == "worker"]).stop(_STOPPED_S)
            struck["workers_stopped"] += 1
            continue
        if chance.random() < 0.5:
            traffic.wait(_ANY_TIME_S)
            time.sleep(chance.uniform(0, _AIMED_WITHIN_S))
        else:
            time.sleep(chance.uniform(0, _ANY_TIME_S))
        dying = _some_of(scene, target)
        for host in dying:
            host.kill()
            struck[f"{host.role}s_killed"] += 1
        time.sleep(chance.uniform(0, 0.03))
        if point % 10 == 0 and campaign.variant == "as_it_ships":
            # As after a day: whoever leans on the regulator's memory of keys alone sends twice now.
            scene.regulator.forget_keys()
        for host in dying:
            host.start()
    for host in scene.hosts:
        host.wait_ready()
        if host.died_by_itself:
            scene.faults.append(f"the {host.role} died by itself {host.died_by_itself} times")
    return struck


def _some_of(scene: _Scene, target: Target) -> list[Host]:
    """Of each kind that is meant one host or more: the others go on meanwhile."""
    some: list[Host] = []
    for role in ("receiver", "worker"):
        if target in (role, "both"):
            alike = [host for host in scene.hosts if host.role == role]
            some += scene.chance.sample(alike, scene.chance.randint(1, len(alike)))
    return some


def _wait_quiet(scene: _Scene) -> None:
    """Until no case is open and nothing waits to be delivered, and that for a moment."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    quiet_since: float | None = None
    while quiet_since is None or time.monotonic() < quiet_since + _QUIET_FOR_S:
        health = scene.desk.health()
        if sum(health.by_state.values()) or health.undelivered or _untold(scene):
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            waiting = f"{health.undelivered} messages undelivered, {_untold(scene)} users untold"
            scene.faults.append(f"not quiet: {dict(health.by_state)}, {waiting}")
            return
        time.sleep(0.05)


def _untold(scene: _Scene) -> int:
    """How many users are still to be told. The desk's health counts only those for whom it is late."""
    waiting = "SELECT count(*) FROM outbox WHERE kind = 'user_notice' AND state = 'queued'"
    with contextlib.closing(choose_driver().module.connect(str(scene.plan.store))) as db:
        return int(db.execute(waiting).fetchone()[0])
