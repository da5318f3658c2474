"""Deciding all items of a case alike: handy for fifty casino links, and off where a lawyer must look at each."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import ItemDecision, Proposal
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.errors import InvalidInput, NotAllowed

__all__ = ["alike", "check_bulk", "is_off"]


def is_off(case: Case, policy: Policy) -> bool:
    """Whether each item of this case must be decided by itself."""
    return policy.needs_legal_review(case.category, codes(case.flags))


def alike(
    case: Case, policy: Policy, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
) -> Proposal:
    """A proposal that decides every open item as `decided` says; its `item_id` is of no account.

    Raises NotAllowed where bulk decisions are off and more than one item is open.
    """
    names = [item.item_id for item in case.items if item.item_id in case.open_items]
    if len(names) > 1 and is_off(case, policy):
        raise NotAllowed(
            f"{len(names)} items of a case with legal review cannot be decided alike: give each its own decision and "
            "its own reasons.",
            code="bulk_off",
            reference=case.id,
        )
    changes: tuple[dict[str, Any], ...] = tuple({"item_id": name} for name in names)
    return Proposal(
        items=tuple(decided.model_copy(update=change) for change in changes),
        legal_check=legal_check,
        text_checked=text_checked,
    )


def check_bulk(case: Case, proposal: Proposal, policy: Policy) -> None:
    """Refuse reasons that were copied from item to item where bulk decisions are off. Raises InvalidInput."""
    if len(proposal.items) < 2 or not is_off(case, policy):
        return
    first: dict[str, str] = {}
    for number, item in enumerate(proposal.items):
        reasons = "".join(filter(str.isalnum, item.reasons.casefold()))
        other = first.setdefault(reasons, item.item_id)
        if other != item.item_id:
            raise InvalidInput(
                f"the items {other!r} and {item.item_id!r} have the same reasons, and this case has legal review.",
                field=f"items[{number}].reasons",
                remedy="Look at each item by itself and write what is true of it alone.",
                code="bulk_off",
            )
