"""Who is signed in to the pages: a cookie of random bytes, of which the server keeps the digest alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import cookie_parser

from kz_compliance_sdk.faces.dashboard.access import Person, Tokens, digest_of

IDLE_S: Final = 3_600
"""After how many seconds without a request of a person a session ends. That the board looks for news is none."""
LIFE_S: Final = 43_200
"""After how many seconds a session ends in any case: a shift."""
MOST_TRIES: Final = 10
TRIES_S: Final = 900
"""So many tokens that nobody has are looked at from one address in so many seconds."""
_MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Session:
    token: str
    """The digest of the token that it began with."""
    began_at: int
    seen_at: int


class Sessions:
    """The people who signed in to the pages with one of `tokens`. It ends with its token, with time, or with `end`.

    They are kept in this process: who is signed in when it stops signs in again. `clock` tells UTC seconds, `entropy`
    gives random bytes. `is_secure`: people come by HTTPS.
    """

    def __init__(
        self, tokens: Tokens, clock: Callable[[], int], entropy: Callable[[int], bytes], *, is_secure: bool
    ) -> None:
        self._tokens, self._clock, self._entropy = tokens, clock, entropy
        self._held: dict[str, _Session] = {}
        self._tries: dict[str, deque[int]] = {}
        self.is_secure = is_secure
        self.cookie: Final = "__Host-office" if is_secure else "office"

    def __call__(self, headers: Mapping[str, str]) -> Person | None:
        name = digest_of(self._value(headers))
        held, now = self._held.get(name), self._clock()
        if held is None:
            return None
        person = self._tokens.person(held.token)
        if person is None or now - held.began_at >= LIFE_S or now - held.seen_at >= IDLE_S:
            del self._held[name]
            return None
        if "hx-request" not in headers:
            held.seen_at = now
        return person

    def begin(self, token: str, address: str) -> str | None:
        """The value of a new cookie for whoever has this token; None for one that nobody has, or while too many of
        those came from the `address`."""
        now = self._clock()
        tries = self._tries.setdefault(address, deque(maxlen=MOST_TRIES))
        if len(tries) == MOST_TRIES and now - tries[0] < TRIES_S:
            return None
        if self._tokens.person(digest_of(token)) is None:
            tries.append(now)
            if len(self._tries) > _MOST_ADDRESSES:
                self._tries = {one: held for one, held in self._tries.items() if held and now - held[-1] < TRIES_S}
            return None
        self._held = {name: one for name, one in self._held.items() if now - one.began_at < LIFE_S}
        value = self._entropy(32).hex()
        self._held[digest_of(value)] = _Session(digest_of(token), now, now)
        return value

    def end(self, headers: Mapping[str, str]) -> None:
        """Forget the session that these headers speak of."""
        self._held.pop(digest_of(self._value(headers)), None)

    def _value(self, headers: Mapping[str, str]) -> str:
        return cookie_parser(headers.get("cookie", "")).get(self.cookie, "")


def is_own(headers: Mapping[str, str], origin: str) -> bool:
    """Whether a page of this `origin` sent a request, as the browser says: nobody else's page may have people change
    anything."""
    site = headers.get("sec-fetch-site")
    return headers.get("origin") == origin if site is None else site == "same-origin"
