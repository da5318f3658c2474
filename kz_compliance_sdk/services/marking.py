"""The flags of a notice as a case keeps them: a code, and after a colon the item that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from kz_compliance_sdk.domain.flags import flags
from kz_compliance_sdk.domain.legal_flags import legal_flags
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy

__all__ = ["marks"]


def marks(
    notice: Notice,
    raw: Mapping[str, object],
    now: int,
    policy: Policy,
    *,
    hosts: frozenset[str],
    categories: frozenset[str],
) -> tuple[str, ...]:
    """What a person must see of a notice received at `now` (UTC seconds); `raw` is the notice as it came."""
    found = flags(
        notice,
        raw=raw,
        now=now,
        hosts=hosts,
        known_categories=categories,
        mandated=policy.authority_categories.get(notice.issuing_authority.id),
        known_acts=policy.known_acts or None,
        term_s=policy.term(notice.kind, notice.category).least_hours * 3600,
    )
    of_law = legal_flags(notice, raw=raw, safeguards=policy.safeguards)
    return tuple(f"{flag.code}:{flag.item_id}" if flag.item_id else flag.code for flag in (*found, *of_law))
