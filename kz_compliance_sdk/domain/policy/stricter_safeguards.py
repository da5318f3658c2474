"""What a platform adds to a policy's safeguards: more flags, more words that are looked for, fewer that pass."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.policy.basis import Name, PositiveSeconds, Text, Value, Yes
from kz_compliance_sdk.domain.policy.directions import among, at_least, at_most, looser, only_on, within
from kz_compliance_sdk.domain.policy.safeguards import ApproverDuty, FieldName, Many, Safeguards

__all__ = ["SafeguardsFragment", "stricter"]

_MORE = (
    "legal_review_flags",
    "official_categories",
    "official_acts",
    "official_fields",
    "user_data_fields",
    "user_data_phrases",
    "approver_outside_categories",
    "approver_outside_flags",
)


class SafeguardsFragment(Value):
    """What is left out stays as it is; of a list, only what is new is written."""

    legal_review_flags: frozenset[Name] = frozenset()
    official_types: frozenset[Name] | None = None
    official_categories: frozenset[Name] = frozenset()
    official_acts: frozenset[Text] = frozenset()
    official_fields: frozenset[FieldName] = frozenset()
    user_data_fields: frozenset[FieldName] = frozenset()
    user_data_phrases: frozenset[Text] = frozenset()
    volume_notices: Many | None = None
    volume_window_s: PositiveSeconds | None = None
    reasons_least_chars: Many | None = None
    approver_outside_always: Yes | None = None
    approver_outside_categories: frozenset[Name] = frozenset()
    approver_outside_flags: frozenset[Name] = frozenset()
    approver_duty: tuple[ApproverDuty, ...] = ()


def stricter(base: Safeguards, asked: SafeguardsFragment, categories: Collection[str]) -> Safeguards:
    """`base` with what a platform adds; `categories` are the policy's. Raises ConfigError that names the key for
    anything looser, and for a flag or a category that there is not."""
    changes: dict[str, Any] = {name: getattr(base, name) | getattr(asked, name) for name in _MORE}
    key = "safeguards"
    for name in ("legal_review_flags", "approver_outside_flags"):
        among(f"{key}.{name}", getattr(asked, name), FLAG_MEANINGS)
    for name in ("official_categories", "approver_outside_categories"):
        among(f"{key}.{name}", getattr(asked, name), categories)
    if base.approver_duty and asked.approver_duty not in ((), base.approver_duty):
        raise looser(f"{key}.approver_duty", "it has a roster of its own", "Remove this one, or change the policy's.")
    changes |= {
        "official_types": within(f"{key}.official_types", base.official_types, asked.official_types),
        "volume_notices": at_most(f"{key}.volume_notices", base.volume_notices, asked.volume_notices),
        "volume_window_s": at_least(f"{key}.volume_window_s", base.volume_window_s, asked.volume_window_s),
        "reasons_least_chars": at_least(
            f"{key}.reasons_least_chars", base.reasons_least_chars, asked.reasons_least_chars
        ),
        "approver_outside_always": only_on(
            f"{key}.approver_outside_always", base.approver_outside_always, asked.approver_outside_always
        ),
        "approver_duty": asked.approver_duty or base.approver_duty,
    }
    return Safeguards(**changes)
