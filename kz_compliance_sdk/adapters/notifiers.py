"""Ways to alert people: the log, a signed webhook, and several at once; and who keeps checkpoints.

An alert says which case, why, until when and for whom. It has no field for content or names, so neither a
pager's screen nor a chat's history can leak them.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import structlog

from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.domain.messages import FOR_NOW
from kz_compliance_sdk.domain.values import canonical, instant_text
from kz_compliance_sdk.errors import ComplianceError, ConfigError
from kz_compliance_sdk.ports import Alert, Env, Notifier
from kz_compliance_sdk.wire.signature import SigningKey, sign

# ---------------------------------------------------------------------------------------------------------------- log
# Logging through the standard library's logger `kz_compliance_sdk`, with an allow-list instead of trust.
#
# The library never prints and configures nothing: what the host does with the logger is the host's affair. Only the
# keys below leave, and of them only numbers and code-like texts. Whatever else was passed, such as a notice's text, an
# address or a name, shows as its key and nothing more.


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


# ---------------------------------------------------------------------------------------------------------- notifiers


Post = Callable[[str, bytes, Sequence[tuple[str, str]]], int]
"""Posts a body with headers to a URL and gives the status of the answer. Raises ComplianceError."""

NOT_DELIVERED: Final = "alert_not_delivered"


def alert_bytes(alert: Alert) -> bytes:
    """The body of an alert: canonical JSON of exactly its fields, each `due_at` as RFC 3339 text."""
    lines = [{**asdict(line), "due_at": instant_text(line.due_at)} for line in alert.lines]
    return canonical({"audience": list(alert.audience), "level": alert.level, "lines": lines})


class LogNotifier:
    """Writes alerts to the log, as warnings, from the level `critical_from` on as critical. A log wakes nobody."""

    reaches_people = False

    def __init__(self, *, critical_from: int = FOR_NOW) -> None:
        self._critical_from = critical_from

    def notify(self, alert: Alert) -> None:
        """Write each line as one of the log, so that a case is found there. Never fails."""
        for line in alert.lines:
            write = logger.critical if line.level >= self._critical_from else logger.warning
            write(
                "alert",
                case_reference=line.case_reference,
                reason=line.reason,
                due_at=instant_text(line.due_at),
                audience=alert.audience,
                level=line.level,
                link=line.link or "-",
                waiting=line.waiting,
            )


class WebhookNotifier:
    """Posts each alert once, signed after Standard Webhooks; `key` is a shared secret or an Ed25519 key.

    Each post has an id of its own: an alert that is raised again every hour must not look like a repeat.
    """

    def __init__(self, url: str, key: SigningKey, env: Env, post: Post) -> None:
        self._url, self._key, self._env, self._post = url, key, env, post

    def notify(self, alert: Alert) -> None:
        """Deliver, or raise ComplianceError: no answer, or one that is not 2xx."""
        body = alert_bytes(alert)
        now, message_id = self._env.clock(), self._env.ids()
        signature = sign(self._key, "standard-webhooks", "POST", "", body, now, message_id, message_id)
        status = self._post(self._url, body, [("content-type", "application/json"), *signature])
        if not 200 <= status < 300:
            raise ComplianceError(f"the webhook answered {status}", code=NOT_DELIVERED, reference=_about(alert))


class Fanout:
    """Tells all of several notifiers; delivered as soon as one that reaches people was told.

    A notifier whose attribute `reaches_people` is false, such as the log, is told too but settles nothing unless
    there is no other: an alert that only a log has seen is tried again.

    Raises ConfigError if there are none.
    """

    def __init__(self, notifiers: Iterable[Notifier]) -> None:
        self._notifiers = tuple(notifiers)
        if not self._notifiers:
            raise ConfigError("nobody would be alerted.", field="notifier", remedy="Configure the log at least.")
        reaching = [one for one in self._notifiers if getattr(one, "reaches_people", True)]
        self._counting = reaching or list(self._notifiers)

    def notify(self, alert: Alert) -> None:
        """Deliver. Raises ComplianceError, with the last failure as its cause, if nobody that counts was told."""
        delivered, last = False, None
        for notifier in self._notifiers:
            try:
                notifier.notify(alert)
            except Exception as error:  # noqa: BLE001 - a notifier may be anybody's code, and the others must be told
                last = error
                logger.warning(
                    NOT_DELIVERED,
                    case_reference=_about(alert),
                    kind=type(notifier).__name__,
                    error=error,
                    code=getattr(error, "code", "-"),
                )
            else:
                delivered = delivered or any(notifier is one for one in self._counting)
        if not delivered:
            raise ComplianceError("nobody was alerted", code=NOT_DELIVERED, reference=_about(alert)) from last


def _about(alert: Alert) -> str:
    """What stands in its first line."""
    return alert.lines[0].case_reference


NOT_KEPT: Final = "checkpoint_not_kept"


class LogWitness:
    """Writes size and root to the log. It keeps as much as the log does."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write one line. Never fails."""
        logger.info("checkpoint", platform_id=checkpoint.platform_id, size=checkpoint.size, root=checkpoint.root)


class FileWitness:
    """Adds each checkpoint as one line to a file, and waits until it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, checkpoint: Checkpoint) -> None:
        """Raises ComplianceError (`checkpoint_not_kept`)."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write: another process that adds a line must not end up inside this one.
                line = checkpoint.line + b"\n"
                if os.write(descriptor, line) != len(line):
                    raise OSError("the line was cut")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ComplianceError(
                f"the checkpoint could not be added to its file: {error.strerror or error}.", code=NOT_KEPT
            ) from error


class WebhookWitness:
    """Posts each checkpoint, signed after Standard Webhooks."""

    def __init__(self, url: str, key: SigningKey, env: Env, post: Post) -> None:
        self._url, self._key, self._env, self._post = url, key, env, post

    def keep(self, checkpoint: Checkpoint) -> None:
        """Raises ComplianceError: no answer, or one that is not 2xx."""
        now, message_id = self._env.clock(), self._env.ids()
        body = checkpoint.line
        signature = sign(self._key, "standard-webhooks", "POST", "", body, now, message_id, message_id)
        status = self._post(self._url, body, [("content-type", "application/json"), *signature])
        if not 200 <= status < 300:
            raise ComplianceError(f"the webhook answered {status}", code=NOT_KEPT)
