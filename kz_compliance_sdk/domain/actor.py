"""Who acts, and when: the two things that every step is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kz_compliance_sdk.errors import InvalidInput, NotAllowed


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an id that the host's authentication vouches for, and that person's roles.

    `account` is the account that the person came in by, where the host knows it. It gives no right; every event that
    the person causes names it, and whoever comes in by the account of the first person is no second one
    (`review_policy.py`). `country` is where the host's
    authentication says that the person is (two letters, such as `DE`; empty: it does not say); policy can ask for an
    approver outside Kazakhstan. Raises InvalidInput for a field of another kind, such as one role that is no set.
    """

    id: str
    roles: frozenset[str] = frozenset()
    account: str = ""
    country: str = ""

    def __post_init__(self) -> None:
        given: Any = self
        if not (isinstance(given.id, str) and isinstance(given.account, str) and isinstance(given.country, str)):
            raise InvalidInput(
                "id, account and country are texts.", field="actor", remedy="Give str(user.pk), or the user's name."
            )
        if not (isinstance(given.roles, frozenset) and all(isinstance(role, str) for role in given.roles)):
            raise InvalidInput(
                "the roles are a frozenset of names.", field="actor.roles", remedy="Give frozenset({'moderator'})."
            )


def check_actor(actor: object) -> None:
    """Raises InvalidInput for what is no Actor, such as a name or the host's own user."""
    if not isinstance(actor, Actor):
        raise InvalidInput(
            f"{type(actor).__name__} is no Actor.",
            field="actor",
            remedy="Give Actor(id, frozenset(roles)), made of who is signed in.",
        )


SYSTEM = Actor("system", frozenset({"system"}))
HEAD: Final = "head"
Role = Literal["moderator", "lead", "legal", "head"]


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may take a step: whoever has one of the roles `names`; with `never_head` nobody who heads the office,
    whatever else they are; with `or_system` the platform's own system as well."""

    names: frozenset[str]
    never_head: bool = False
    or_system: bool = False

    def allows(self, actor: Actor) -> bool:
        """Whether `check` lets the actor take the step."""
        if self.or_system and actor == SYSTEM:
            return True
        return bool(actor.roles & self.names) and not (self.never_head and HEAD in actor.roles)

    def check(self, actor: Actor, step: str) -> None:
        """Raises NotAllowed unless the actor may take this step, with the code `head` for the head where one person
        ends something for good; InvalidInput for what is no Actor."""
        check_actor(actor)
        if self.allows(actor):
            return
        if not actor.roles & self.names:
            allowed = ", ".join(sorted(self.names)) or "nobody"
            raise NotAllowed(f"{actor.id} may not {step}: that takes one of these roles: {allowed}")
        raise NotAllowed(
            "the head of the office can be pressed in person and never decides alone: ask a lead or a lawyer.",
            code="head",
        )


def roles(*names: Role, never_head: bool = False, or_system: bool = False) -> Roles:
    """Whoever has one of these roles."""
    return Roles(frozenset(names), never_head, or_system)


STAFF: Final = roles("moderator", "lead", "legal", "head")
"""Everybody of the office: all the roles that there are."""


def _no_key(*_what: object) -> str:
    raise ValueError("this stamp has no key: a digest without one could be guessed from")


@dataclass(frozen=True, slots=True)
class Stamp:
    """When (UTC seconds) and by whom. `keyed` gives the digest of something under the platform's object key, 32 hex
    digits: the transaction's, which alone has that key."""

    at: int
    actor: Actor
    keyed: Callable[..., str] = field(default=_no_key, repr=False, compare=False)
