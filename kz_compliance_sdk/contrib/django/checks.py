"""What `manage.py check`, and each command of Django, says before a notice would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.urls import Resolver404, resolve

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.contrib.django.office import PARTS, SETTING, load, part
from kz_compliance_sdk.errors import ConfigError

_CALLS = {"enforcer": ("enforce", "restore"), "content": ("resolve",), "messenger": ("tell",), "notifier": ("notify",)}


def check(**_given: Any) -> list[CheckMessage]:
    """The settings, the platform's own parts, the address of the receiver, and the size that Django lets through."""
    try:
        own = load()
        parts = {name: part(name) for name in (*PARTS, "actor")}
    except ConfigError as error:
        return [Error(f"{error.field}: {error.message}", hint=error.remedy, id="kz_compliance.E001")]
    return [*_parts(parts), *_address(own), *_size(own)]


def _parts(parts: dict[str, Any]) -> Iterator[CheckMessage]:
    for name, calls in _CALLS.items():
        missing = [call for call in calls if parts[name] is not None and not callable(getattr(parts[name], call, None))]
        if missing:
            where = f"{SETTING}[{name!r}]"
            yield Error(f"{where} has no {missing[0]}().", hint=f"See {name} in the ports.", id="kz_compliance.E002")
    if parts["enforcer"] is None:
        yield checks.Warning(
            "No enforcer: measures wait until a worker that has one carries them out.",
            hint=f"Name it in {SETTING}['enforcer'].",
            id="kz_compliance.W001",
        )


def _address(own: Settings) -> Iterator[CheckMessage]:
    from kz_compliance_sdk.contrib.django.views import intake

    path = urlsplit(own.intake_url).path
    # A proxy may take the prefix of `public_url` away.
    if not any(_found(one) is intake for one in (path, own.intake_path)):
        yield Error(
            f"The receiver is not at {path}, where the regulator sends to.",
            hint="Include kz_compliance_sdk.contrib.django.urls below the path of public_url, or give "
            "kz_compliance_sdk.contrib.django.views.intake the path of intake_path. No slash stands at its end.",
            id="kz_compliance.E003",
        )


def _found(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None


def _size(own: Settings) -> Iterator[CheckMessage]:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if most is not None and most < own.limits.max_body:
        yield Error(
            f"DATA_UPLOAD_MAX_MEMORY_SIZE is below limits.max_body, {own.limits.max_body:,} bytes.",
            hint="Raise the first, or lower the second.",
            id="kz_compliance.E004",
        )
