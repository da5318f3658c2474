"""The flags of a notice as a case keeps them: a code, and after a colon the item that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.flags import Flag, flags
from kz_compliance_sdk.domain.legal_flags import flags_of_answer, legal_flags
from kz_compliance_sdk.domain.notice import Clarification, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.wire.v1 import Message

__all__ = ["marked_answer", "marks"]


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
    return _written((*found, *of_law))


def marked_answer(arrival: Arrival, message: Message, policy: Policy) -> Arrival:
    """The arrival of an authority's answer, with what a lawyer must see in it; any other message as it is."""
    if not isinstance(message.data, Clarification):
        return arrival
    found = flags_of_answer(message.data, raw=message.raw, safeguards=policy.safeguards)
    return arrival.but(flags=(*arrival.flags, *_written(found))) if found else arrival


def _written(found: Iterable[Flag]) -> tuple[str, ...]:
    return tuple(f"{flag.code}:{flag.item_id}" if flag.item_id else flag.code for flag in found)
