"""Who acts: the regulator's pushes, people, the machinery of the hosts, an attacker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.keys import regulator_signing_key
from kz_compliance_sdk.wire.signature import SigningKey, sign
from kz_compliance_sdk.wire.v1 import MessageData
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEGAL, M1, M2, PROFILE, signed
from tests.simulation.world import HOUR, MINUTE, Simulation

SECRET = "the reporter is Aigerim, +7 701 000 00 00"
BOTH = Actor("both", frozenset({"moderator", "legal", "lead"}))
PEOPLE = (M1, M2, BOTH)
_OBJECTS = 5
_FORGED = SigningKey("sample-regulator-hmac", "hmac-sha256", b"x" * 32)


@dataclass
class Known:
    """What the actors know, and the library must live up to."""

    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By message: what was answered when it was taken in."""
    issued: dict[str, Notice] = field(default_factory=dict)
    fell: set[str] = field(default_factory=set)
    """Notices that were cancelled whole."""
    restarted: set[str] = field(default_factory=set)
    """Notices of which another revision was issued: it may have begun another term."""
    tokens: dict[str, int] = field(default_factory=dict)
    held: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By case: the last token, and until when it holds at the least."""


class Actors:
    """All who act in one seed, until `ends_at`."""

    def __init__(self, of: Simulation, notices: int, hours: float) -> None:
        self.of, self.known, self.ends_at, self.leased = of, Known(), hours * HOUR, 0
        for number in range(1, notices + 1):
            of.after(of.seconds(0, self.ends_at / 2), "issue", partial(self._issue, number))
        for number in range(len(of.hosts)):
            self._every(MINUTE, 10 * MINUTE, f"work {number}", partial(self._work, number))
        for person in PEOPLE:
            self._every(5 * MINUTE, 50 * MINUTE, f"claim {person.id}", partial(self._claim, person))
        self._every(5 * MINUTE, HOUR, "approve", self._approve)
        self._every(HOUR, 5 * HOUR, "attack", self._attack)
        self._every(4 * HOUR, 9 * HOUR, "outage", self._outage)
        of.cut_power(self.ends_at)

    def _every(self, least: float, most: float, name: str, call: Callable[[], object]) -> None:
        def once() -> object:
            if self.of.now < self.ends_at:
                self.of.after(self.of.seconds(least, most), name, once)
            return call()

        self.of.after(self.of.seconds(0, most), name, once)

    # ----------------------------------------------------------------------------------------------- the regulator

    def _issue(self, number: int) -> str:
        """A notice of one to three items, some of them about objects of other notices; and what follows it."""
        of, chance = self.of, self.of.chance
        category = chance.choice(("illegal_gambling", "illegal_gambling", "election_rules"))
        objects = chance.sample(range(1, _OBJECTS + 1), chance.choice((1, 1, 2, 3)))
        items = [
            {
                "item_id": str(n),
                "url": f"https://social.example/p/{one}",
                "object_id": f"post:{one}",
                "content_type": "post",
                "description": SECRET,
            }
            for n, one in enumerate(objects, 1)
        ]
        said = partial(
            builders.notice,
            number,
            items=items,
            category=category,
            kind="prescription",
            languages=("kk", "ru"),
            expert_group_decision=None,
            issued_at=of.world.clock(),
        )
        notice = said()
        self.known.issued[notice.notice_id] = notice
        self._send(notice, f"issued-{number}")
        if chance.random() < 0.25:
            later = said(revision=2)
            self.known.restarted.add(notice.notice_id)
            of.after(of.seconds(0, 10 * HOUR), "amend", partial(self._send, later, f"amended-{number}"))
        if chance.random() < 0.3:
            of.after(of.seconds(0, 12 * HOUR), "cancel", partial(self._cancel, notice, number))
        if chance.random() < 0.3:
            reminder = builders.reminder(notice)
            of.after(of.seconds(0, 20 * HOUR), "remind", partial(self._send, reminder, f"reminded-{number}"))
        return notice.notice_id

    def _cancel(self, notice: Notice, number: int) -> None:
        self.known.fell.add(notice.notice_id)
        effect = self.of.chance.choice(("withdrawn", "annulled"))
        self._send(builders.cancellation(notice, effect), f"cancelled-{number}")  # type: ignore[arg-type]

    def _send(self, data: MessageData, message_id: str) -> None:
        """Push until it is answered; the network may double, delay or lose it, or its answer."""
        of = self.of
        copies = 2 if of.strikes("double") else 1
        if of.strikes("drop"):
            copies = 0
        for _ in range(copies):
            delay = of.seconds(0, 20 * MINUTE) if of.strikes("late") else of.seconds(0, 3)
            of.after(
                delay, f"arrives {message_id}", partial(self._arrives, *self._signed(data, message_id), message_id)
            )
        of.after(of.seconds(30, 30 * MINUTE), f"repeats {message_id}", partial(self._repeat, data, message_id))

    def _signed(self, data: MessageData, message_id: str) -> tuple[list[tuple[str, str]], bytes]:
        """Its bytes are the same each time, its signature is new."""
        body = builders.message_bytes(data, message_id=message_id, sent_at=0)
        key, now = regulator_signing_key(PROFILE), self.of.world.clock()
        headers = sign(key, PROFILE, "POST", f"{builders.HOST}/notices", body, now, message_id, "nonce")
        return [("content-type", "application/json"), *headers], body

    def _repeat(self, data: MessageData, message_id: str) -> None:
        if message_id not in self.known.answered:
            self._send(data, message_id)

    def _arrives(self, headers: list[tuple[str, str]], body: bytes, message_id: str) -> str:
        response = self.of.on().deliver_push(headers, body)
        # What came late was signed too long ago: it is kept all the same.
        is_stale = response.status == 422 and json.loads(response.body)["code"] == "stale"
        if response.status not in (200, 202, 503) and not is_stale:
            self.of.broken.append(f"{message_id} was answered {response.status}: {response.body!r}")
        if self.of.strikes("cut"):
            return f"{response.status} unheard"
        if response.status in (200, 202):
            answer = json.loads(response.body)
            first = self.known.answered.setdefault(message_id, answer)
            if first != answer:
                self.of.broken.append(f"{message_id} was answered {first}, then {answer}")
        return str(response.status)

    def _outage(self) -> str:
        if not self.of.strikes("outage"):
            return "none"
        self.of.regulator.down_until = self.of.now + self.of.seconds(5 * MINUTE, 6 * HOUR)
        return "begins"

    # ---------------------------------------------------------------------------------------------------- attacker

    def _attack(self) -> str:
        """A forged notice, or a signed one that was changed."""
        of, chance = self.of, self.of.chance
        number = chance.randrange(1_000, 2_000)
        if not of.strikes("forge"):
            return "none"
        notice = a_notice(seed=number, issued_at=of.world.clock())
        if chance.random() < 0.5:
            body = builders.message_bytes(notice, message_id=f"forged-{number}", sent_at=of.world.clock())
            target = f"{builders.HOST}/notices"
            headers = sign(_FORGED, PROFILE, "POST", target, body, of.world.clock(), f"forged-{number}", "nonce")
            headers = [("content-type", "application/json"), *headers]
        else:
            headers, body = signed(of.world, notice, f"forged-{number}")
            place = chance.randrange(len(body))
            body = body[:place] + bytes((body[place] ^ (1 + chance.randrange(255)),)) + body[place + 1 :]
        response = of.on().deliver_push(headers, body)
        if response.status != 401:
            of.broken.append(f"a forged message was answered {response.status}")
        return str(response.status)

    # ------------------------------------------------------------------------------------------------------ people

    def _claim(self, person: Actor) -> str:
        host = self.of.on()
        queries = host.store.queries(builders.PLATFORM_ID)
        free = [case.urgent_at for case in queries.cases(state="queued", limit=200).cases]
        lease = host.taking.claim(person).result()
        if lease is None:
            if free:
                self.of.broken.append(f"nothing was given out, and {len(free)} cases are free")
            return "nothing"
        case = lease.case
        if free and case.urgent_at > min(free):
            self.of.broken.append(f"{case.id} was given out, and another is due sooner")
        if lease.token <= self.known.tokens.get(case.id, 0):
            self.of.broken.append(f"the token {lease.token} of {case.id} was given out before")
        self.known.tokens[case.id] = lease.token
        # A host whose clock is ahead may see it end some seconds sooner.
        self.known.held[case.id] = lease.token, self.of.now + host.policy.lease_s
        away = self.of.seconds(0, HOUR) if self.of.strikes("zombie") else self.of.seconds(MINUTE, 12 * MINUTE)
        decide = partial(self._propose, person, lease)
        self.of.after(away, f"propose {person.id}", decide)
        if self.of.strikes("double_click"):
            self.of.after(away + 0.2, f"propose again {person.id}", decide)
        return case.id

    def _propose(self, person: Actor, lease: Lease) -> str:
        host, chance = self.of.on(), self.of.chance
        case = host.store.queries(builders.PLATFORM_ID).case(lease.case.id)
        chosen = [refusal(name) if chance.random() < 0.35 else measure(name) for name in sorted(case.open_items)]
        if not chosen:
            return "nothing open"
        token, until = self.known.held[case.id]
        decided = host.take(person, case.id, commands.Propose(lease.token, proposal(*chosen)))
        if lease.token != token or self.of.now > until + 10:
            self.of.broken.append(f"{case.id} was decided under a lease that had run out")
        return str(decided.case.state)

    def _approve(self) -> str:
        host, chance = self.of.on(), self.of.chance
        queries = host.store.queries(builders.PLATFORM_ID)
        waiting = queries.cases(state="in_approval", limit=50).cases
        if not waiting:
            return "nothing waits"
        case = chance.choice(waiting)
        decision = max(host.decisions(case.id).items())[1]
        by = chance.choice((LEGAL, BOTH))
        proposer = decision.proposed_by
        try:
            if chance.random() < 0.2:
                host.take(LEGAL, case.id, commands.SendBack(decision.digest, "look again"))
                return "sent back"
            host.take(by, case.id, commands.Approve(decision.digest))
        except ComplianceError:
            return f"{by.id} was refused"
        if by.id == proposer:
            self.of.broken.append(f"{by.id} approved their own proposal about {case.id}")
        return f"{by.id} approved"

    # --------------------------------------------------------------------------------------------------- machinery

    def _work(self, number: int) -> str:
        """One round of a worker: the watch, and what is due leased; each message is carried out in its own time."""
        host = self.of.on(number)
        fired = host.watch().fired
        most = 1 if self.of.strikes("small_batches") else 8
        messages = host.delivery.lease(most)
        for message in messages:
            asleep = self.of.seconds(130, 15 * MINUTE) if self.of.strikes("sleep") else self.of.seconds(0, 20)
            self.of.after(asleep, f"deliver {message.kind}", partial(self._deliver, number, message), number)
        groups = host.delivery.paging.lease(most)
        self.leased += len(messages) + len(groups)
        for pages in groups:
            self.of.after(self.of.seconds(0, 20), "tell", partial(self._tell, number, pages), number)
        return f"{fired} {len(messages)} {len(groups)}"

    def _tell(self, number: int, pages: tuple[OutboxMessage, ...]) -> str:
        return str(self.of.on(number).delivery.paging.tell(pages))

    def _deliver(self, number: int, message: OutboxMessage) -> str:
        return str(self.of.on(number).delivery.deliver(message))

    def settle(self) -> None:
        """No faults any more: the hosts work for two hours, and longer while something is owed that waits its time."""
        self.of.kinds = frozenset()
        self.of.regulator.down_until = 0.0
        self.of.run(self.of.now + HOUR)
        for _ in range(1_000):
            leased = self.leased
            for number in range(len(self.of.hosts)):
                self.of.after(1, f"work {number}", partial(self._work, number))
            self.of.run(self.of.now + 3 * MINUTE)
            if self.leased == leased and not self._owed():
                return

    def _owed(self) -> list[OutboxMessage]:
        host = self.of.on(0)
        queries = host.store.queries(builders.PLATFORM_ID)
        return [
            one
            for case_id in queries.case_ids()
            for one in queries.records(case_id).messages
            if one.settled_at is None and one.next_attempt_at <= self.of.world.clock() + 6 * HOUR
        ]
