"""The desk of this process, and who acts at it, as the setting KZ_COMPLIANCE says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils.module_loading import import_string

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.contrib import Once
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.errors import ConfigError

SETTING: Final = "KZ_COMPLIANCE"
PARTS: Final = ("enforcer", "content", "messenger", "notifier")
KNOWN: Final = (*PARTS, "actor", "settings")


def given() -> Mapping[str, Any]:
    """The setting, which may be missing. Raises ConfigError for a key that it does not have."""
    found: Mapping[str, Any] = getattr(settings, SETTING, {})
    for name in found:
        if name not in KNOWN:
            raise ConfigError("There is no such key.", field=f"{SETTING}[{name!r}]", remedy=f"Use: {', '.join(KNOWN)}.")
    return found


def load() -> Settings:
    """The settings: those in KZ_COMPLIANCE["settings"], a `file` among them, before the environment and the file that
    KZ_COMPLIANCE_CONFIG names. Raises ConfigError."""
    return Settings.load(**given().get("settings", {}))


def part(name: str) -> Any:
    """What a dotted name in KZ_COMPLIANCE stands for; a class is called. None without one. Raises ConfigError."""
    path = given().get(name)
    if path is None:
        return None
    try:
        found = import_string(path)
    except (ImportError, AttributeError, TypeError):
        raise ConfigError(
            "This cannot be imported.", field=f"{SETTING}[{name!r}]", remedy="Give 'module.name' of it."
        ) from None
    return found() if isinstance(found, type) else found


@Once
def desk() -> ComplianceDesk:
    """Opened on first use, so after the server has forked. Raises ConfigError, StoreUnusable."""
    opened = ComplianceDesk(load(), **{name: part(name) for name in PARTS})
    opened.call_within(_own_connections)
    return opened


@contextmanager
def _own_connections() -> Iterator[None]:
    """Threads of the worker live for long, and no request ends in them: what Django does at both ends of one."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def actor_of(request: HttpRequest) -> Actor:
    """Who is signed in: the user's name, and those of their groups that are called after a role."""
    groups: Any = getattr(request.user, "groups", None)  # a user model of the platform's own may have none
    names = () if groups is None else groups.filter(name__in=STAFF.names).values_list("name", flat=True)
    return Actor(request.user.get_username(), frozenset(names))


def acting(request: HttpRequest) -> Actor:
    """Who is signed in, by `actor` in KZ_COMPLIANCE or by `actor_of`."""
    found: Callable[[HttpRequest], Actor] | None = part("actor")
    return (found or actor_of)(request)
