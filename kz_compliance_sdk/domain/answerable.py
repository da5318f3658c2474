"""What is never answered here: a demand for data of a user is no removal notice, and goes to a lawyer."""

from __future__ import annotations

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.errors import NotAllowed

__all__ = ["check_answerable", "check_claimer"]


def check_answerable(case: Case) -> None:
    """Refuse whatever would answer a demand for user data. Raises NotAllowed."""
    if USER_DATA_DEMAND in case.flags:
        raise NotAllowed(
            "this asks for data of a user and is never answered through this library: a lawyer hands it over, or "
            "records that it is no such demand.",
            code="user_data_demand",
            reference=case.id,
        )


def check_claimer(case: Case, actor: Actor) -> None:
    """Only a lawyer takes a demand for user data into hand. Raises NotAllowed."""
    if "legal" not in actor.roles:
        check_answerable(case)
