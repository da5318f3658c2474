"""The host that takes one side of a race: it does one act, and says what came of it in plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.ports import Store
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.conftest import FrozenClock
from tests.scene import Host, World

ROLES = {
    "m1": ("moderator",),
    "m2": ("moderator",),
    "lead": ("lead", "legal"),
    "legal": ("legal",),
    "duo": ("moderator", "lead", "legal"),
    "": ("moderator",),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One side of a pair: what, by whom, on which case, when (UTC seconds), and what it needs to know."""

    what: str
    by: str
    case_id: str
    at: int
    seed: int = 0
    category: str = ""
    token: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Came:
    """What an act came to: done or refused with a code, the digest it speaks of, and the platform's calls it made."""

    act: str
    by: str
    done: bool
    code: str = ""
    digest: str = ""
    calls: tuple[tuple[str, str, int], ...] = ()


class SetClock(FrozenClock):
    """A clock that stands where an act needs it."""

    def set(self, now: int) -> None:
        self._now = float(now)


def policy() -> Policy:
    """Leases of five minutes, and no undo window: an effect is due at once, so that undoing it is a race."""
    return kz_policy().model_copy(update={"undo_window_s": 0, "lease_s": 300})


def notice_of(seed: int, category: str, revision: int = 1) -> Notice:
    return a_notice(seed=seed, category=category, revision=revision)


def proposed(what: str) -> Proposal:
    return proposal(measure("1")) if what.endswith("measure") else proposal(refusal("1"))


@dataclass
class Side:
    """A desk of its own over the shared file."""

    path: Path
    seed: int
    store: Store | None = None
    url: str = ""
    host: Host = field(init=False)

    def __post_init__(self) -> None:
        self.clock = SetClock()
        world = World(self.path, seed=self.seed, clock=self.clock, policy=policy(), url=self.url)
        self.host = Host(world, store=self.store or world.open_store(threaded=True))
        self.world = world

    def take(self, act: Act) -> Came:
        """Do it. Whatever the library refuses is an answer; anything else is a fault of the test."""
        try:
            digest = _ACTS[act.what](self, act) or ""
        except ComplianceError as error:
            return Came(act.what, act.by, False, error.code)
        if act.what == "attempt":
            return Came(act.what, act.by, True, calls=tuple(tuple(call) for call in json.loads(digest)))
        return Came(act.what, act.by, True, digest=digest)


def _actor(act: Act) -> Actor:
    return Actor(act.by, frozenset(ROLES[act.by]))


def _claim(side: Side, act: Act) -> str | None:
    side.host.taking.claim(_actor(act), case_id=act.case_id).result(30)
    return None


def _propose(side: Side, act: Act) -> str | None:
    chosen = proposed(act.what)
    return side.host.taking.take(_actor(act), act.case_id, commands.Propose(act.token, chosen)).result(30).digest


def _approve(side: Side, act: Act) -> str | None:
    return side.host.taking.take(_actor(act), act.case_id, commands.Approve(act.digest)).result(30).digest


def _approve_what_is_there(side: Side, act: Act) -> str | None:
    """Approve whatever is proposed, as soon as it is."""
    last: ComplianceError | None = None
    for _ in range(20):
        decisions = side.host.decisions(act.case_id)
        if decisions:
            digest = decisions[max(decisions)].digest
            try:
                return side.host.taking.take(_actor(act), act.case_id, commands.Approve(digest)).result(30).digest
            except ComplianceError as error:
                last = error
    raise last or ComplianceError("nothing was proposed")


def _push_again(side: Side, act: Act) -> str | None:
    """An authority's message about the case: a cancellation or an amendment."""
    notice = notice_of(act.seed, act.category)
    said: Any = builders.cancellation(notice, "annulled")
    if act.what == "amend":
        said = notice_of(act.seed, act.category, revision=2)
    answer = side.host.push(said, f"msg-{act.seed}-{act.what}")
    if answer.status not in (200, 202):
        raise ComplianceError(f"refused with {answer.status}")
    return None


def _attempt(side: Side, act: Act) -> str | None:
    mine = [message for message in side.host.delivery.lease(8) if message.case_id == act.case_id]
    for message in mine:
        side.host.delivery.deliver(message)
    return json.dumps([[message.kind, message.lane, message.lane_seq] for message in mine])


def _suspend(side: Side, act: Act) -> str | None:
    side.host.take(_actor(act), act.case_id, commands.Suspend("a court", "1", act.at, "art. 1", "a" * 64))
    return None


_ACTS: dict[str, Callable[[Side, Act], str | None]] = {
    "claim": _claim,
    "propose_measure": _propose,
    "propose_refusal": _propose,
    "renew": lambda side, act: _done(side.host.taking.take(_actor(act), act.case_id, commands.Renew(act.token))),
    "release": lambda side, act: _done(side.host.taking.take(_actor(act), act.case_id, commands.Release(act.token))),
    # Whoever looks for a case of another kind frees the leases that ran out, and watches nothing else.
    "expire": lambda side, act: _done(side.host.taking.claim(_actor(act), category="fraud")),
    "approve": _approve,
    "approve_what_is_there": _approve_what_is_there,
    "send_back": lambda side, act: _done(
        side.host.taking.take(_actor(act), act.case_id, commands.SendBack(act.digest, "not like this"))
    ),
    "undo": lambda side, act: _done(side.host.taking.take(_actor(act), act.case_id, commands.Undo())),
    "attempt": _attempt,
    "cancel": _push_again,
    "amend": _push_again,
    "suspend": _suspend,
    "confirm": lambda side, act: _nothing(
        side.host.take(_actor(act), act.case_id, commands.ConfirmSuspension(1, "seen on the court's site"))
    ),
    "end": lambda side, act: _nothing(
        side.host.take(_actor(act), act.case_id, commands.EndSuspension(1, act.at, "lifted"))
    ),
}


def _done(future: Any) -> None:
    future.result(30)


def _nothing(_value: object) -> None:
    return None
