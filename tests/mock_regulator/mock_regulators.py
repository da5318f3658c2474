"""A mock regulator on a clock that stands still, with platforms that remember what they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import OutboundModel, outbound_bytes
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.mock_regulator import Answer, MockRegulator, Platform, Reply, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile, sign, verify
from kz_compliance_sdk.wire.v1 import Message, read_message
from tests.conftest import FrozenClock

BASE = "http://regulator.test"
PROFILE: Profile = "standard-webhooks"


class Inbox:
    """Takes every push, and keeps it with the time at which it came."""

    def __init__(self, clock: FrozenClock) -> None:
        self._clock = clock
        self.got: list[tuple[int, str, list[tuple[str, str]], bytes]] = []

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        self.got.append((self._clock(), url, list(headers), body))
        return Answer(202, b"{}")

    def close(self) -> None:
        """Nothing is open."""

    @property
    def messages(self) -> list[Message]:
        return [read_message(body) for *_, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]

    def signer(self, at: int = -1, generations: int = 2, platform_id: str = "social") -> str:
        """The key that signed a push, by a ring with every generation."""
        when, url, headers, body = self.got[at]
        keyring = KeyRing(
            [
                keys.regulator_key(PROFILE, platform_id=platform_id, generation=number)
                for number in range(1, generations + 1)
            ],
            allow_test_keys=True,
        )
        return verify(keyring, "POST", url, headers, body, when).key_id


def intake_url(platform_id: str) -> str:
    return f"https://{platform_id}.example/kz/notices"


def a_regulator(
    clock: FrozenClock, inbox: Inbox, *platform_ids: str, seed: int = 1, generations: int = 2, **more: Any
) -> MockRegulator:
    """A regulator that knows `social`, or the platforms named, and may rotate to further keys."""
    names = platform_ids or ("social",)
    return MockRegulator(
        [Platform(name, intake_url(name), (keys.platform_key(PROFILE, platform_id=name),)) for name in names],
        signing_key=keys.regulator_signing_key(PROFILE),
        spare_keys=[keys.regulator_signing_key(PROFILE, number) for number in range(2, generations + 1)],
        profile=PROFILE,
        clock=clock,
        seed=seed,
        base_url=BASE,
        sender=inbox,
        sleep=clock.advance,
        **more,
    )


def ask(
    regulator: MockRegulator,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    key: str = "",
    platform_id: str = "social",
) -> Reply:
    """A request as a platform signs it now."""
    signing, now = keys.platform_signing_key(PROFILE, platform_id=platform_id), regulator.now()
    headers = sign(signing, PROFILE, method, BASE + target, body, now, key or "ask", "n")
    own = [("content-type", "application/json"), *([("idempotency-key", key)] if key else [])]
    return regulator.handle(Request(method, target, [*own, *headers], body, "127.0.0.1"))


_PLACES = {
    "Acknowledgement": "acknowledgements",
    "ClarificationRequest": "clarification-requests",
    "Report": "reports",
}


def submit(regulator: MockRegulator, value: OutboundModel, key: str, *, platform_id: str = "social") -> Reply:
    """Send an acknowledgement, a clarification request or a report."""
    place = f"/v1/notices/{value.notice_id}/{_PLACES[type(value).__name__]}"  # type: ignore[attr-defined]
    return ask(regulator, "POST", place, outbound_bytes(value), key=key, platform_id=platform_id)


def answer_finally(regulator: MockRegulator, notice: Notice, key: str = "r-1", sequence: int = 1) -> None:
    """Send a final report, and have it recorded."""
    report = builders.report(notice, key, sequence)
    assert submit(regulator, report, key, platform_id=notice.platform_id).status == 201
