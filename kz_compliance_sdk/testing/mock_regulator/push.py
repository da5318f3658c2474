"""The way to the platform: what goes to its intake address, and what it answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import httpx

Headers = list[tuple[str, str]]
Forgery = Literal["unsigned", "wrong_key", "tampered", "other_target"]
"""How a forged push departs from a good one: no signature, a key nobody trusts, a body that was changed after signing,
a signature that was made for another address (which only rfc9421 covers)."""

_AGAIN: Final = frozenset({408, 425, 429})
WAITS_MS: Final = (100, 200, 500, 1_000, 2_000)
"""How long to wait after each try that was not answered for good; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform said to one try. `status` None: nothing came back, and `error` says why."""

    status: int | None
    body: bytes = b""
    error: str = ""

    @property
    def is_final(self) -> bool:
        """Whether trying the same again is no use: it was taken, or refused for what it is."""
        return self.status is not None and self.status < 500 and self.status not in _AGAIN


@dataclass(frozen=True, slots=True)
class Push:
    """One message on its way to the platform, with the answer to every try. `at` is UTC seconds.

    It has no answers where a fault held it back or lost it; `what` then says which.
    """

    platform_id: str
    message_id: str
    at: int
    what: str
    answers: tuple[Answer, ...]

    @property
    def status(self) -> int | None:
        """The last answer's status."""
        return self.answers[-1].status if self.answers else None

    @property
    def body(self) -> bytes:
        """The last answer's body."""
        return self.answers[-1].body if self.answers else b""

    @property
    def was_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender(Protocol):
    """Sends one request and says what came back; never raises for what the network does."""

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer: ...

    def close(self) -> None: ...


class HttpxSender:
    """Sends with httpx, over connections that stay open. The environment's proxies are left alone."""

    def __init__(self, timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        with self._lock:
            client = self._client = self._client or httpx.Client(timeout=self._timeout_s, trust_env=False)
        try:
            response = client.post(url, headers=list(headers), content=body)
        except httpx.TransportError as failed:
            return Answer(None, error=f"{type(failed).__name__}: {failed}")
        return Answer(response.status_code, response.content)

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
