"""Who acts, and when: the two things that every step is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an id that the host's authentication vouches for, and that person's roles.

    `account` is the account that the person came in by, where the host knows it. It gives no right; every event that
    the person causes names it, and whoever comes in by the account of the first person is no second one
    (`review_policy.py`). `country` is where the host's
    authentication says that the person is (two letters, such as `DE`; empty: it does not say); policy can ask for an
    approver outside Kazakhstan.
    """

    id: str
    roles: frozenset[str] = frozenset()
    account: str = ""
    country: str = ""


SYSTEM = Actor("system", frozenset({"system"}))


def _no_key(*_what: object) -> str:
    raise ValueError("this stamp has no key: a digest without one could be guessed from")


@dataclass(frozen=True, slots=True)
class Stamp:
    """When (UTC seconds) and by whom. `keyed` gives the digest of something under the platform's object key, 32 hex
    digits: the transaction's, which alone has that key."""

    at: int
    actor: Actor
    keyed: Callable[..., str] = field(default=_no_key, repr=False, compare=False)
