"""The mock regulator: books, keys, faults and the way to the platform, behind one object."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.mock_regulator.agenda import (
    MESSAGES,
    PASSIVE,
    Act,
    Chase,
    Conduct,
    Done,
    Fault,
    FaultPlan,
    Outage,
    Step,
    plan_of,
)
from kz_compliance_sdk.testing.mock_regulator.books import (
    Alteration,
    Books,
    Interface,
    IssuedMessage,
    Recorded,
    Seen,
    SigningKeys,
)
from kz_compliance_sdk.testing.mock_regulator.control import PREFIX, Control
from kz_compliance_sdk.testing.mock_regulator.exchange import (
    JSON,
    WAITS_MS,
    Answer,
    Forgery,
    Headers,
    HttpxSender,
    Push,
    Refused,
    RegistrationStatus,
    Reply,
    Request,
    Sender,
)
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from kz_compliance_sdk.wire.signature import Key, KeyRing, Profile, SigningKey, sign
from kz_compliance_sdk.wire.v1 import MessageData, MessageType, write_message
from kz_compliance_sdk.wire.values import (
    Cancellation,
    Clarification,
    ClarificationRequest,
    Notice,
    Reminder,
    Sanction,
)

_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that the regulator knows: the address of its intake, and the keys that it signs its requests with."""

    platform_id: str
    intake_url: str
    keys: tuple[Key, ...]


class MockRegulator:
    """A regulator with state, in this process. Every method may be called from any thread.

    `signing_key` and `profile` are what it signs with; `rotate` goes on to one of `spare_keys`. `clock` gives UTC
    seconds; with a `seed` its ids are the same in every run. `base_url` is the address that platforms know it by;
    `running` replaces it by the one that it serves on. `sender` and `sleep` (seconds) are for pushes. `conduct` is what
    it does by itself; without it, nothing. `spawn` starts the agenda's pushes: by default one after the other, so that
    the same seed gives the same order.

    What is to happen later is on its agenda, and happens when `tick` finds its time come, or when `advance` moves a
    clock that stands still.

    Raises ConfigError for keys that prove nothing; published test keys are welcome here.
    """

    def __init__(
        self,
        platforms: Sequence[Platform],
        *,
        signing_key: SigningKey,
        profile: Profile = "rfc9421",
        clock: Callable[[], int] = lambda: int(time.time()),
        seed: int | None = None,
        base_url: str = "http://regulator.test",
        sender: Sender | None = None,
        sleep: Callable[[float], None] = time.sleep,
        push_tries: int = 5,
        spare_keys: Sequence[SigningKey] = (),
        conduct: Conduct = PASSIVE,
        spawn: Callable[[Callable[[], object]], object] = lambda call: call(),
    ) -> None:
        if not platforms:
            raise ValueError("a regulator without a platform has nothing to do")
        self.profile: Profile = profile
        self.url = base_url
        self.platforms = {platform.platform_id: platform for platform in platforms}
        self.ring = self._ring()
        self.signing = SigningKeys(signing_key, spare_keys)
        self.faults = FaultPlan()
        self.conduct = conduct
        self.skew_s = 0
        self.spawn = spawn
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.pushes: list[Push] = []
        self._clock = clock
        self._sender, self._sleep, self._push_tries = sender or HttpxSender(), sleep, push_tries
        # Streams of their own: how many signatures were made must not change the next message's id.
        self._message_id, receipt_id, self.nonce = (
            _ids(random.Random(None if seed is None else f"{name} {seed}")) for name in ("message", "receipt", "nonce")
        )
        self._false_material = random.Random(seed).randbytes(32)
        self._lock = threading.RLock()
        self._agenda: list[Step] = []
        self._history: deque[Done] = deque(maxlen=_REMEMBERED)
        self._held: dict[str, list[Step]] = {}
        self._books = {name: Books(name, receipt_id) for name in self.platforms}
        self._interface, self._control = Interface(self), Control(self)

    @property
    def books(self) -> Books:
        """The books about the only platform, or the first."""
        return next(iter(self._books.values()))

    def books_of(self, platform_id: str) -> Books:
        """Raises KeyError."""
        return self._books[platform_id]

    # What an authority says.

    def issue(self, notice: Notice, *, in_feed: bool = True) -> IssuedMessage:
        """Issue a notice. Raises Refused if this revision of it was already issued, KeyError for a platform unknown."""
        return self.announce("notice.issued", notice, in_feed=in_feed)

    def amend(self, notice: Notice, *, in_feed: bool = True) -> IssuedMessage:
        """Issue a further revision. Raises as `issue`."""
        return self.announce("notice.amended", notice, in_feed=in_feed)

    def clarify(self, answer: Clarification, *, in_feed: bool = True) -> IssuedMessage:
        """Answer a clarification request. Raises Refused for a notice unknown."""
        return self.announce("notice.clarified", answer, in_feed=in_feed)

    def cancel(self, cancellation: Cancellation, *, in_feed: bool = True) -> IssuedMessage:
        """Withdraw a notice or items of it. Raises Refused for a notice unknown."""
        return self.announce("notice.cancelled", cancellation, in_feed=in_feed)

    def remind(self, reminder: Reminder, *, in_feed: bool = True) -> IssuedMessage:
        """Ask again. Raises Refused for a notice unknown."""
        return self.announce("notice.reminded", reminder, in_feed=in_feed)

    def announce_sanction(self, sanction: Sanction, *, in_feed: bool = True) -> IssuedMessage:
        """Announce a sanction."""
        return self.announce("sanction.announced", sanction, in_feed=in_feed)

    def announce(
        self,
        kind: MessageType,
        data: MessageData,
        *,
        in_feed: bool = True,
        platform_id: str | None = None,
        message_id: str | None = None,
        at: int | None = None,
    ) -> IssuedMessage:
        """Issue a message of any kind. Without `platform_id` it goes to the platform that a notice names, else to the
        first. `at` (UTC seconds) is when, if not now. Raises Refused if it does not fit what was issued, KeyError for a
        platform unknown."""
        with self._lock:
            named = data.platform_id if isinstance(data, Notice) else platform_id
            platform = self.platforms[named or self.books.platform_id]
            books = self._books[platform.platform_id]
            moment = self._clock() if at is None else at
            now = moment + self.skew_s
            name = message_id or f"msg_{self._message_id()}"
            message = IssuedMessage(
                platform_id=platform.platform_id,
                sequence=len(books.feed) + 1 if in_feed else 0,
                id=name,
                type=kind,
                notice_id=None if isinstance(data, Sanction) else data.notice_id,
                issued_at=now,
                body=write_message(kind, data, message_id=name, sent_at=now, platform_id=platform.platform_id),
                data=data,
                authority_id=_authority_of(books, data),
            )
            books.enter(message)
            if isinstance(data, Notice):
                record = books.notices[data.notice_id]
                record.due_at = self.conduct.due_at(data, moment)
                self._plan_chase(platform.platform_id, data, record.due_at, 0)
            return message

    # The way to the platform.

    def push(self, message: IssuedMessage, *, copies: int = 1) -> Push:
        """Push a message to its platform, `copies` times over; gives the last answer. Waits for the platform.

        A fault may hold it back, lose it or send it twice.
        """
        with self._lock:
            struck = {fault.kind: fault for fault in self.faults.of_push()}
            for kind in ("push_lost", "push_delayed", "push_reordered"):
                if kind in struck:
                    if kind != "push_lost":
                        self._hold(message, struck[kind])
                    return self._note(Push(message.platform_id, message.id, self._clock(), kind, ()))
        push = self.push_as_it_is(message, copies=copies * (2 if "push_duplicated" in struck else 1))
        for each in self._overtaken(message.platform_id):
            self.push_as_it_is(each)
        return push

    def _hold(self, message: IssuedMessage, fault: Fault) -> None:
        """Send a message later: at a time, and if it is to be overtaken, as soon as it was."""
        step = Step(self.now() + fault.delay_s, "push", message.id, message.platform_id)
        self.plan(step)
        if fault.kind == "push_reordered":
            self._held.setdefault(message.platform_id, []).append(step)

    def _overtaken(self, platform_id: str) -> list[IssuedMessage]:
        """The messages that have been overtaken by now, and are to be sent."""
        with self._lock:
            held = [step for step in self._held.pop(platform_id, []) if step in self._agenda]
            self._agenda = [step for step in self._agenda if step not in held]
            return [message for step in held if (message := self.message(str(step.data))) is not None]

    def push_as_it_is(self, message: IssuedMessage, *, copies: int = 1) -> Push:
        """As `push`, and no fault strikes it."""
        for _ in range(copies):
            push = self._sent(message.platform_id, message.id, message.body, authority_id=message.authority_id)
        return push

    def push_body(
        self, body: bytes, *, message_id: str | None = None, platform_id: str | None = None, what: str = "message"
    ) -> Push:
        """Push any bytes, rightly signed: what is authentic need not be usable."""
        name = message_id or f"msg_{self._message_id()}"
        return self._sent(platform_id or self.books.platform_id, name, body, what)

    def push_unreadable(self, message: IssuedMessage) -> Push:
        """Push an authentic message that no reader can use: the message cut off in its middle, under a new id."""
        half = message.body[: len(message.body) // 2]
        return self.push_body(half, platform_id=message.platform_id, what="unreadable")

    def push_forged(self, message: IssuedMessage, how: Forgery = "wrong_key") -> Push:
        """Push a message as somebody would who is not the regulator.

        Raises ValueError for `other_target` where the profile covers no address.
        """
        if how == "other_target" and self.profile != "rfc9421":
            raise ValueError("standard-webhooks covers no address: there is nothing to forge")
        return self._sent(
            message.platform_id, message.id, message.body, f"forged: {how}", authority_id=message.authority_id, how=how
        )

    def signature(
        self,
        platform_id: str,
        message_id: str,
        body: bytes,
        *,
        authority_id: str | None = None,
        how: Forgery | None = None,
        before_s: int = 0,
    ) -> Headers:
        """The headers that sign a push, `before_s` seconds ago; or with `how`, as somebody would sign it who is not the
        regulator."""
        if how == "unsigned":
            return []
        key = self.signing.of(platform_id, authority_id)
        if how == "wrong_key":
            key = SigningKey(key.key_id, key.algorithm, self._false_material)
        target = self.platforms[platform_id].intake_url + ("/elsewhere" if how == "other_target" else "")
        with self._lock:
            nonce, at = self.nonce(), self.dated() - before_s
        return sign(key, self.profile, "POST", target, body, at, message_id, nonce)

    # What goes wrong.

    def fail(self, fault: Fault) -> int:
        """Arm a fault. The number that comes back is for `faults.remove`."""
        with self._lock:
            return self.faults.add(fault)

    def clear_faults(self) -> None:
        """Disarm every fault, and end an outage."""
        with self._lock:
            self.faults.clear()

    def outage(self, on: bool, outage: Outage = Outage()) -> None:  # noqa: B008 - a frozen value
        """Begin an outage, or end it."""
        with self._lock:
            self.faults.outage = outage if on else None

    def forget_keys(self) -> None:
        """Forget every Idempotency-Key, as a service does that keeps them for a day."""
        with self._lock:
            for books in self._books.values():
                books.forget_keys()

    def skew(self, seconds: int) -> None:
        """Date everything that it writes so many seconds late, or early if negative: `sent_at`, signatures, receipts.
        What it receives is judged by the right time all the same."""
        with self._lock:
            self.skew_s = seconds

    def rotate(
        self, key_id: str | None = None, *, platform_id: str | None = None, authority_id: str | None = None
    ) -> SigningKey:
        """Sign with another key from now on: for everything, one platform, or one authority. Without `key_id` it is the
        next of the spare ones. What was announced before is signed anew when it is sent again. Raises KeyError."""
        with self._lock:
            return self.signing.rotate(key_id, platform_id=platform_id, authority_id=authority_id)

    def trust(self, platform_id: str, keys: Sequence[Key]) -> None:
        """Believe other keys of a platform from now on. Raises KeyError, and ConfigError for keys of no use."""
        with self._lock:
            known = self.platforms[platform_id]
            self.platforms[platform_id] = replace(known, keys=tuple(keys))
            try:
                self.ring = self._ring()
            except ConfigError:
                self.platforms[platform_id] = known
                raise

    def set_registration(self, status: RegistrationStatus, platform_id: str | None = None) -> None:
        """Change the state of a platform's entry in the register. Raises Refused if it has none, KeyError."""
        with self._lock:
            self._books[platform_id or self.books.platform_id].set_registration(status)

    def alter(self, how: Alteration, name: str, platform_id: str | None = None) -> None:
        """Keep other books than those that were written, on purpose: about the notice, the sanction or what was
        recorded under the key of this `name`. Raises Refused where there is none, KeyError."""
        with self._lock:
            self._books[platform_id or self.books.platform_id].alter(how, name)

    # What happens later.

    def behave(self, conduct: Conduct) -> None:
        """Follow another conduct from now on; what is owed is looked at again by its rules."""
        with self._lock:
            self.conduct = conduct
            self._agenda = [step for step in self._agenda if step.act != "chase"]
            now = self.now()
            for name, books in self._books.items():
                for record in books.notices.values():
                    if record.is_owed and record.due_at is not None:
                        ahead = [no for no, (after, _) in enumerate(conduct.steps()) if record.due_at + after > now]
                        if ahead:
                            self._plan_chase(name, record.notice, record.due_at, ahead[0])

    def recorded(self, books: Books, recorded: Recorded) -> None:
        """Plan the answer to a question that came in."""
        value, after = recorded.value, self.conduct.answer_after_s
        if isinstance(value, ClarificationRequest) and after is not None:
            answer = builders.clarification(books.notices[value.notice_id].notice, value.request_id)
            self.plan(Step(self.now() + after, "clarify", answer, books.platform_id))

    def registered(self, books: Books) -> None:
        """Hold a new registration back for as long as the conduct says."""
        after = self.conduct.register_after_s
        if after:
            books.set_registration("pending")
            self.plan(Step(self.now() + after, "registration", "registered", books.platform_id))

    def plan(self, *steps: Step) -> None:
        """Put steps on the agenda. Of two at the same second, the one that was planned first comes first."""
        with self._lock:
            for step in steps:
                insort(self._agenda, step, key=lambda each: each.at)

    def play(
        self, scenario: str, seed: int = 1, *, start: int | None = None, notices: int | None = None, pace: int = 1
    ) -> list[Step]:
        """Put a scenario on the agenda, beginning at `start` (UTC seconds; by default now): its steps, the same for the
        same seed. `notices` replaces how many it has; with a `pace` of 60 an hour takes a minute. Raises as
        `plan_of`."""
        begin = self._clock() if start is None else start
        steps = plan_of(scenario, seed, begin, tuple(self.platforms), notices, pace)
        self.plan(*steps)
        return steps

    def day(self, seed: int = 1, *, start: int | None = None) -> list[Step]:
        """Play the scenario `bad_day`: 24 hours in which everything goes wrong once."""
        return self.play("bad_day", seed, start=start)

    def agenda(self) -> list[Step]:
        """What is still to happen, in order."""
        with self._lock:
            return list(self._agenda)

    def history(self) -> list[Done]:
        """The steps that were taken, oldest first, with what came of each."""
        with self._lock:
            return list(self._history)

    def next_at(self) -> int | None:
        """When the next step is due, in UTC seconds; None if nothing is planned."""
        with self._lock:
            return self._agenda[0].at if self._agenda else None

    def tick(self) -> list[Done]:
        """Take every step whose time has come, in order; it may wait for platforms. Somebody has to call this:
        `advance`, `serve`, or the test itself."""
        taken: list[Done] = []
        while True:
            with self._lock:
                if not self._agenda or self._agenda[0].at > self._clock():
                    return taken
                step = self._agenda.pop(0)
            outcome = self._outcome(step)  # it takes its time
            done = Done(step, self.now(), outcome)
            self._history.append(done)
            taken.append(done)

    def advance(self, seconds: int) -> list[Done]:
        """Let so many seconds pass on a clock that stands still, and take each step when its time comes.

        Raises TypeError if the clock has no method `advance`, ValueError for a negative number.
        """
        let_pass = getattr(self._clock, "advance", None)
        if not callable(let_pass):
            raise TypeError("time travel needs a clock with a method advance(seconds), and this one runs by itself")
        if seconds < 0:
            raise ValueError("time does not run backwards")
        end = self._clock() + seconds
        taken = self.tick()
        while (at := self.next_at()) is not None and at <= end:
            let_pass(max(0, at - self._clock()))
            taken += self.tick()
        let_pass(max(0, end - self._clock()))
        return taken

    def _outcome(self, step: Step) -> str:
        """Take a step, outside the lock: it may wait for platforms. What is refused is told, and raises nothing."""
        try:
            return self._take(step)
        except Refused as refused:
            return refused.problem.code or "refused"
        except KeyError as missing:
            return f"unknown: {missing.args[0]}"
        except ValueError as wrong:
            # A step that Python made need not have gone through `read_step`.
            return f"invalid: {type(wrong).__name__}"

    def _take(self, step: Step) -> str:
        # What a step carries follows from its act: `read_step` holds what comes from outside to it.
        data = step.data
        if step.act == "chase":
            return self._chase(step, data)
        if step.act == "push":
            message = self.message(data)
            if message is None:
                return "message_unknown"
            self.spawn(lambda: self.push_as_it_is(message))
            return "done"
        acts: Mapping[Act, Callable[[], object]] = {
            "fail": lambda: self.fail(data),
            "disarm": self.clear_faults,
            "outage": lambda: self.outage(True, data),
            "recover": lambda: self.outage(False),
            "forget_keys": self.forget_keys,
            "skew": lambda: self.skew(data),
            "rotate": lambda: self.rotate(**asdict(data)),
            "registration": lambda: self.set_registration(data, step.platform_id),
            "conduct": lambda: self.behave(data),
        }
        acts.get(step.act, lambda: self._say(step))()
        return "done"

    def _say(self, step: Step) -> None:
        message = self.announce(
            MESSAGES[step.act],
            step.data,
            in_feed=step.in_feed,
            platform_id=step.platform_id,
            message_id=step.message_id,
            at=step.at,
        )
        if step.push:
            self.spawn(lambda: self.push(message))

    def _chase(self, step: Step, chase: Chase) -> str:
        with self._lock:
            record = self._books[step.platform_id or self.books.platform_id].notices.get(chase.notice_id)
            steps = self.conduct.steps()
            if record is None or record.notice.revision != chase.revision or chase.number >= len(steps):
                return "superseded"
            if not record.is_owed:
                return "not_owed"
            notice, due_at, (_, level) = record.notice, record.due_at or step.at, steps[chase.number]
            self._plan_chase(notice.platform_id, notice, due_at, chase.number + 1)
        if isinstance(level, int):
            self._say(Step(step.at, "remind", builders.reminder(notice, level), notice.platform_id))
            return f"reminder {level}"
        sanction = Sanction(
            sanction_id=f"S-{notice.notice_id}-{chase.revision}-{level}",
            level=level,
            notice_ids=(notice.notice_id,),
            effective_at=step.at,
            reference_number=f"S/{notice.reference_number}"[:200],
        )
        self._say(Step(step.at, "sanction", sanction, notice.platform_id))
        return f"sanction {level}"

    def _plan_chase(self, platform_id: str, notice: Notice, due_at: int, number: int) -> None:
        steps = self.conduct.steps()
        if number < len(steps):
            chase = Chase(notice.notice_id, notice.revision, number)
            self.plan(Step(due_at + steps[number][0], "chase", chase, platform_id))

    # How it is reached.

    def handle(self, request: Request) -> Reply:
        """The reply to one request, whichever mount it came through."""
        if request.path == "/" or request.path.startswith(PREFIX):
            return self._control.handle(request)
        with self._lock:
            return self._interface.handle(request)

    def reached_at(self, base_url: str) -> None:
        """Say under which address platforms reach it: request signatures cover it."""
        with self._lock:
            self.url = base_url.rstrip("/")

    def server(self) -> Server:
        """A server for it; the caller starts and stops it."""
        return Server(self.handle, lambda request: request.path.startswith(PREFIX), self._slow_accept)

    def _slow_accept(self) -> int:
        with self._lock:
            return self.faults.of_connection()

    @contextlib.contextmanager
    def running(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[MockRegulator]:
        """Serve on a socket, in a thread, for as long as the block runs; `url` is then the address."""
        with running(self.server(), host, port) as (address, at):
            self.reached_at(f"http://{address}:{at}")
            try:
                yield self
            finally:
                self.close()

    def close(self) -> None:
        """Close the connections to the platforms."""
        self._sender.close()

    def now(self) -> int:
        """The right time, in UTC seconds."""
        return self._clock()

    def dated(self) -> int:
        """The time that it writes, in UTC seconds: the right one but for `skew_s`."""
        return self._clock() + self.skew_s

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Hold everything still, to read more than one thing of the books."""
        return self._lock

    def message(self, message_id: str) -> IssuedMessage | None:
        """The message of that id."""
        with self._lock:
            return next((b.messages[message_id] for b in self._books.values() if message_id in b.messages), None)

    def _sent(
        self,
        platform_id: str,
        message_id: str,
        body: bytes,
        what: str = "message",
        *,
        authority_id: str | None = None,
        how: Forgery | None = None,
    ) -> Push:
        """Try until the platform has answered for good, each time signed afresh: a retry must not look like a replay.
        Outside the lock: the platform may ask us something before it answers."""
        url, sent = self.platforms[platform_id].intake_url, body + b" " if how == "tampered" else body
        answers: list[Answer] = []
        for attempt in range(self._push_tries):
            if attempt:
                self._sleep(WAITS_MS[min(attempt, len(WAITS_MS)) - 1] / 1000)
            signed = self.signature(platform_id, message_id, body, authority_id=authority_id, how=how)
            answers.append(self._sender(url, [JSON, *signed], sent))
            if answers[-1].is_final:
                break
        return self._note(Push(platform_id, message_id, self._clock(), what, tuple(answers)))

    def _note(self, push: Push) -> Push:
        with self._lock:
            self.pushes.append(push)
        return push

    def _ring(self) -> KeyRing:
        keys = (key for platform in self.platforms.values() for key in platform.keys)
        return KeyRing(keys, allow_test_keys=True)


def _authority_of(books: Books, data: MessageData) -> str | None:
    if isinstance(data, Sanction):
        return None
    record = books.notices.get(data.notice_id)
    notice = data if isinstance(data, Notice) else record.notice if record is not None else None
    return notice.issuing_authority.id if notice is not None else None


def _ids(chance: random.Random) -> Callable[[], str]:
    return lambda: f"{chance.getrandbits(96):024x}"
