"""Logging through the standard library's logger `kz_compliance_sdk`, with an allow-list instead of trust.

The library never prints and configures nothing: what the host does with the logger is the host's affair.
Only the keys below leave, and of them only numbers and code-like texts. Whatever else was passed, such as a
notice's text, an address or a name, shows as its key and nothing more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

LOGGER_NAME: Final = "kz_compliance_sdk"

ALLOWED_KEYS: Final = frozenset(
    "attempt attempts audience case_id case_reference channel code count cursor due_at elapsed_ms endpoint error "
    "event_id feed item_id key_id kind level link message_id next_attempt_at notice_id platform_id profile reason "
    "reference report_id result retry_at revision root sequence size state status step waiting worker".split()
)

_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Printable ASCII without a space (free text has one) and without @ (a mail address).
_CODE = re.compile(r"[!-?A-~]{1,300}")
# A telephone number, or the number that the state gives to a person or a firm.
_NUMBER = re.compile(r"\+?[0-9]{9,}")


def _redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    name = event.pop("event", "")
    kept: dict[str, Any] = {}
    hidden = []
    for key, value in event.items():
        shown = _shown(value) if key in ALLOWED_KEYS else None
        if shown is None:
            hidden.append(key)
        else:
            kept[key] = shown
    if hidden:
        kept["hidden"] = ",".join(sorted(key for key in hidden if _EVENT.fullmatch(key)))
    kept["event"] = name if isinstance(name, str) and _EVENT.fullmatch(name) else "unnamed_event"
    return kept


def _shown(value: object) -> int | float | str | None:
    if isinstance(value, int | float):
        return value
    if isinstance(value, BaseException):
        return type(value).__name__
    if isinstance(value, tuple | list | frozenset):
        parts = [str(part) for part in value]
        value = ",".join(sorted(parts) if isinstance(value, frozenset) else parts)
    if not isinstance(value, str) or not _CODE.fullmatch(value) or _NUMBER.fullmatch(value):
        return None
    return value


def _rendered(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """One readable line for a plain formatter, and the same as fields of the record for a structured one."""
    name = event.pop("event")
    line = " ".join([name, *(f"{key}={value}" for key, value in event.items())])
    return {"msg": line, "extra": {"kz": {"event": name, **event}}}


def _logger() -> structlog.stdlib.BoundLogger:
    standard = logging.getLogger(LOGGER_NAME)
    standard.addHandler(logging.NullHandler())
    wrapped: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        standard,
        processors=[structlog.stdlib.filter_by_level, _redact, _rendered],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return wrapped


logger = _logger()
"""`logger.info("delivered", message_id=..., status=201)`: an event's name is one word in lower case."""
