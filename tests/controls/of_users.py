"""The affected user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kz_compliance_sdk.domain.user_notices import Plan
from tests.controls.ways import OF_USERS, USERS, Control, gives, heads_like_others, instead, roles_unchecked


def _patient(facts: Any) -> Any:
    """The same facts under a policy that lets a user wait for ever."""
    users = facts.policy.users.model_copy(update={"longest_delay_s": 10**9})
    return replace(facts, policy=facts.policy.model_copy(update={"users": users}))


CONTROLS: tuple[Control, ...] = (
    Control(
        "users are not told",
        "whoever is met by a measure is told of it, at once, and by name of the authority",
        OF_USERS,
        gives("domain.user_notices.of_measure", what=()),
        f"{USERS}test_the_user_is_told_at_once_and_by_name_of_the_authority",
    ),
    Control(
        "whatever the authority wrote",
        "a part of a notice to a user that holds somebody's identity is left out, and people are alerted",
        OF_USERS,
        gives("domain.proposal_checks._Named.found_in"),
        f"{USERS}test_what_an_authority_wrote_about_a_person_is_left_out",
    ),
    Control(
        "silence for the asking",
        "without a basis or an end for the silence the user is told after a day",
        OF_USERS,
        instead("domain.user_notices.plan", made=lambda _real: lambda _notice, _telling, now: Plan("off", now)),
        f"{USERS}test_a_silence_without_a_basis_ends_after_a_day",
    ),
    Control(
        "a delay without an end",
        "a delay ends at most 42 days ahead",
        OF_USERS,
        instead(
            "domain.commands.office.DelayUserNotices.decide",
            made=lambda real: lambda command, case, facts, stamp: real(command, case, _patient(facts), stamp),
        ),
        f"{USERS}test_a_delay_has_an_end_and_a_lawyer",
    ),
    Control(
        "anybody delays",
        "a person's delay takes the role `legal`",
        OF_USERS,
        roles_unchecked("delay user notices"),
        f"{USERS}test_a_delay_has_an_end_and_a_lawyer",
    ),
    Control(
        "the head ends an appeal",
        "the head of the office ends no appeal",
        OF_USERS,
        instead("domain.actor.Roles.check", made=heads_like_others),
        f"{USERS}test_the_head_ends_no_appeal",
    ),
)
