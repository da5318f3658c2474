"""What the health route and the doctor say: whether each part of the machinery still runs."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.ports import Health

SILENT_AFTER_S = 300
"""How long a part may be silent before it is called so, in seconds."""


def health_document(health: Health, now: int) -> dict[str, Any]:
    """A document for monitoring: counts, times and names of parts; no case, no content, nobody's name.

    `status` is `attention` when the watcher is silent, a case is overdue, a message is parked, or the store
    itself has a fault.
    """
    last = {beat.part: beat.at for beat in health.heartbeats}
    watched_at = last.get("watcher")
    silent = watched_at is None or now - watched_at > SILENT_AFTER_S
    attention = [
        reason
        for reason, holds in (
            (health.fault, bool(health.fault)),
            ("watcher_silent", silent),
            ("overdue_cases", health.overdue > 0),
            ("parked_messages", health.parked > 0),
            ("endpoint_down", any(endpoint.open_until > now for endpoint in health.endpoints)),
        )
        if holds
    ]
    return {
        "status": "attention" if attention else "ok",
        "attention": attention,
        "now": instant_text(now),
        "watcher_last_ran": instant_text(watched_at) if watched_at is not None else None,
        "parts": {part: instant_text(at) for part, at in sorted(last.items())},
        "open_cases": dict(sorted(health.by_state.items())),
        "overdue": health.overdue,
        "oldest_due_at": instant_text(health.oldest_due_at) if health.oldest_due_at is not None else None,
        "undelivered": health.undelivered,
        "parked": health.parked,
        "endpoints": {
            endpoint.endpoint: {
                "failures": endpoint.failures,
                "open_until": instant_text(endpoint.open_until) if endpoint.open_until > now else None,
            }
            for endpoint in health.endpoints
        },
    }
