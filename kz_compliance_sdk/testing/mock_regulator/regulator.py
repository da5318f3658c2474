"""The mock regulator: books, keys, faults and the way to the platform, behind one object."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.domain.notice import Cancellation, Clarification, Notice, Reminder, Sanction
from kz_compliance_sdk.testing.mock_regulator.app import Interface, Seen
from kz_compliance_sdk.testing.mock_regulator.books import Books, IssuedMessage
from kz_compliance_sdk.testing.mock_regulator.control import PREFIX, Control
from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request
from kz_compliance_sdk.testing.mock_regulator.faults import Fault, FaultPlan, Outage
from kz_compliance_sdk.testing.mock_regulator.push import Forgery, Headers, HttpxSender, Push, Pusher, Sender
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from kz_compliance_sdk.wire.signature import Key, KeyRing, Profile, SigningKey, sign
from kz_compliance_sdk.wire.v1 import MessageData, MessageType, write_message

__all__ = ["MockRegulator", "Platform"]

_SEEN: Final = 100_000


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that the regulator knows: the address of its intake, and the keys that it signs its requests with."""

    platform_id: str
    intake_url: str
    keys: tuple[Key, ...]


class MockRegulator:
    """A regulator with state, in this process. Every method may be called from any thread.

    `signing_key` and `profile` are what it signs with. `clock` gives UTC seconds; with a `seed` its ids are the same in
    every run. `base_url` is the address that platforms know it by; `running` replaces it by the one that it serves on.
    `sender` and `sleep` (seconds) are for pushes.

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
    ) -> None:
        if not platforms:
            raise ValueError("a regulator without a platform has nothing to do")
        self.profile: Profile = profile
        self.platforms = {platform.platform_id: platform for platform in platforms}
        self.faults = FaultPlan()
        self.seen: deque[Seen] = deque(maxlen=_SEEN)
        self.pushes: list[Push] = []
        self._signing_key = signing_key
        self._clock = clock
        # Streams of their own: how many signatures were made must not change the next message's id.
        self._message_id, self._receipt_id, self._nonce = (
            _ids(random.Random(None if seed is None else f"{name} {seed}")) for name in ("message", "receipt", "nonce")
        )
        self._false_material = random.Random(seed).randbytes(32)
        self._lock = threading.RLock()
        self._pusher = Pusher(sender or HttpxSender(), sleep, push_tries)
        self._books = {name: Books(name, self._receipt_id) for name in self.platforms}
        self._interface = Interface(
            self._books,
            intake_urls={platform.platform_id: platform.intake_url for platform in platforms},
            ring=KeyRing((key for platform in platforms for key in platform.keys), allow_test_keys=True),
            signing_key=signing_key,
            profile=profile,
            clock=clock,
            ids=self._nonce,
            faults=self.faults,
            base_url=base_url,
            seen=self.seen.append,
        )
        self._control = Control(self)

    @property
    def url(self) -> str:
        """The address under which it is reached."""
        return self._interface.base_url

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
    ) -> IssuedMessage:
        """Issue a message of any kind. Without `platform_id` it goes to the platform that a notice names, else to the
        first. Raises Refused if it does not fit what was issued, KeyError for a platform unknown."""
        with self._lock:
            named = data.platform_id if isinstance(data, Notice) else platform_id
            platform = self.platforms[named or self.books.platform_id]
            books = self._books[platform.platform_id]
            now = self._clock()
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
            )
            books.enter(message)
            return message

    # The way to the platform.

    def push(self, message: IssuedMessage, *, copies: int = 1) -> Push:
        """Push a message to its platform, `copies` times over; gives the last answer. Waits for the platform."""
        for _ in range(copies):
            push = self.push_body(message.body, message_id=message.id, platform_id=message.platform_id)
        return push

    def push_body(
        self, body: bytes, *, message_id: str | None = None, platform_id: str | None = None, what: str = "message"
    ) -> Push:
        """Push any bytes, rightly signed: what is authentic need not be usable."""
        platform = self.platforms[platform_id or self.books.platform_id]
        name = message_id or f"msg_{self._message_id()}"
        return self._sent(platform, name, body, what, lambda: self._sign(self._signing_key, platform, body, name))

    def push_unreadable(self, message: IssuedMessage) -> Push:
        """Push an authentic message that no reader can use: the message cut off in its middle, under a new id."""
        return self.push_body(
            message.body[: len(message.body) // 2], platform_id=message.platform_id, what="unreadable"
        )

    def push_forged(self, message: IssuedMessage, how: Forgery = "wrong_key") -> Push:
        """Push a message as somebody would who is not the regulator.

        Raises ValueError for `other_target` where the profile covers no address.
        """
        if how == "other_target" and self.profile != "rfc9421":
            raise ValueError("standard-webhooks covers no address: there is nothing to forge")
        platform = self.platforms[message.platform_id]
        body = message.body + b" " if how == "tampered" else message.body

        def signed() -> Headers:
            if how == "unsigned":
                return []
            if how == "wrong_key":
                false = SigningKey(self._signing_key.key_id, self._signing_key.algorithm, self._false_material)
                return self._sign(false, platform, body, message.id)
            target = f"{platform.intake_url}/elsewhere" if how == "other_target" else platform.intake_url
            return self._sign(self._signing_key, platform, message.body, message.id, target)

        return self._sent(platform, message.id, body, f"forged: {how}", signed)

    # What goes wrong.

    def fail(self, fault: Fault) -> int:
        """Arm a fault. The number that comes back is for `faults.remove`."""
        with self._lock:
            return self.faults.add(fault)

    def outage(self, on: bool, outage: Outage = Outage()) -> None:  # noqa: B008 - a frozen value
        """Begin an outage, or end it."""
        with self._lock:
            self.faults.outage = outage if on else None

    def forget_keys(self) -> None:
        """Forget every Idempotency-Key, as a service does that keeps them for a day."""
        with self._lock:
            for books in self._books.values():
                books.forget_keys()

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
            self._interface.base_url = base_url.rstrip("/")

    def server(self) -> Server:
        """A server for it; the caller starts and stops it."""
        return Server(self.handle, lambda request: request.path.startswith(PREFIX))

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
        self._pusher.close()

    def now(self) -> int:
        """The regulator's time, in UTC seconds."""
        return self._clock()

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Hold everything still, to read more than one thing of the books."""
        return self._lock

    def message(self, message_id: str) -> IssuedMessage | None:
        """The message of that id."""
        with self._lock:
            return next((b.messages[message_id] for b in self._books.values() if message_id in b.messages), None)

    def _sent(self, platform: Platform, message_id: str, body: bytes, what: str, signed: Callable[[], Headers]) -> Push:
        # Outside the lock: the platform may ask us something before it answers.
        answers = self._pusher.push(platform.intake_url, signed, body)
        push = Push(platform.platform_id, message_id, self._clock(), what, answers)
        with self._lock:
            self.pushes.append(push)
        return push

    def _sign(
        self, key: SigningKey, platform: Platform, body: bytes, message_id: str, target: str | None = None
    ) -> Headers:
        now = self._clock()
        return sign(key, self.profile, "POST", target or platform.intake_url, body, now, message_id, self._nonce())


def _ids(chance: random.Random) -> Callable[[], str]:
    return lambda: f"{chance.getrandbits(96):024x}"
