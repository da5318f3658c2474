"""Policy as data: terms, categories, escalation, calendar, each with its legal source. This is not legal advice.

`kz_policy()` is what the package brings; `parse_policy` reads another one; `tighten` lets a platform ask more of
itself than the law does, and never less. `docs/concepts/law-and-policy.md` says what is verified.
"""

from __future__ import annotations

from kz_compliance_sdk.domain.policy.tightening import (
    CategoryFragment,
    PolicyFragment,
    SafeguardsFragment,
    TermFragment,
    is_of_its_version,
    kz_calendar,
    kz_policy,
    of_own_content,
    parse_calendar,
    parse_policy,
    policy_text,
    tighten,
)
from kz_compliance_sdk.domain.policy.values import (
    AUDIENCES,
    KINDS,
    After,
    ApproverDuty,
    Audience,
    Before,
    Calendar,
    Category,
    CategoryPolicy,
    Kind,
    Ladder,
    OnlyIf,
    Policy,
    Repeat,
    Safeguards,
    Source,
    Step,
    Term,
)

__all__ = [
    "AUDIENCES",
    "KINDS",
    "After",
    "ApproverDuty",
    "Audience",
    "Before",
    "Calendar",
    "Category",
    "CategoryFragment",
    "CategoryPolicy",
    "Kind",
    "Ladder",
    "OnlyIf",
    "Policy",
    "PolicyFragment",
    "Repeat",
    "Safeguards",
    "SafeguardsFragment",
    "Source",
    "Step",
    "Term",
    "TermFragment",
    "is_of_its_version",
    "kz_calendar",
    "kz_policy",
    "of_own_content",
    "parse_calendar",
    "parse_policy",
    "policy_text",
    "tighten",
]
