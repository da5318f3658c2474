"""The values of a policy that guard against haste and pressure: who must look, from where, and at what."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from kz_compliance_sdk.domain.policy.basis import Name, PositiveSeconds, Text, Value, Yes, refused

Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]
ClockTime = Annotated[str, StringConstraints(pattern=r"\A(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\z")]
Many = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
FieldName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,63}\z")]


class ApproverDuty(Value):
    """When so many approvers are on duty: on these days of the week (1 is Monday), from `starts` to `ends` in the
    policy's zone. A duty that ends before it starts runs over midnight, and belongs to the day on which it starts."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    starts: ClockTime
    ends: ClockTime
    approvers: Many = 1

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.starts == self.ends:
            raise refused("This duty has no length.", 'Give two times; the whole day is "00:00" to "24:00".', "ends")
        return self


class Safeguards(Value):
    """What a policy asks for beside terms and categories. Times are in seconds (`_s`)."""

    legal_review_flags: Annotated[frozenset[Name], Field(min_length=1)]
    """Flags of a case that call for somebody with the role `legal`, whatever the category."""
    official_types: Annotated[frozenset[Name], Field(min_length=1)]
    """The types of authority that count as an official agency."""
    official_categories: frozenset[Name] = frozenset()
    """Categories in which an official is the offended party."""
    official_acts: frozenset[Text] = frozenset()
    """Provisions that protect officials, as `act` for all its articles or `act/article` for one."""
    official_fields: frozenset[FieldName] = frozenset()
    """Fields of a notice, beyond the contract, by which its sender says that an official is the offended party."""
    user_data_fields: Annotated[frozenset[FieldName], Field(min_length=1)]
    """Fields of a notice or an item, beyond the contract, by which its sender asks for data of a user."""
    user_data_phrases: frozenset[Text] = frozenset()
    """Words, in lower case, by which a notice that asks for the action `other` asks for data of a user."""
    volume_notices: Many
    """More new notices than this from one authority, or under one key, within the window are unusual."""
    volume_window_s: PositiveSeconds
    reasons_least_chars: Many = 1
    """Reasons that are shorter than this in every language say too little."""
    approver_outside_always: Yes = False
    """Whether every measure needs an approver outside the country."""
    approver_outside_categories: frozenset[Name] = frozenset()
    approver_outside_flags: frozenset[Name] = frozenset()
    approver_duty: tuple[ApproverDuty, ...] = ()
    """When approvers are on duty. Empty: nobody has said, and nobody is paged for it."""

    @field_validator("user_data_phrases")
    @classmethod
    def _in_lower_case(cls, phrases: frozenset[str]) -> frozenset[str]:
        return frozenset(phrase.lower() for phrase in phrases)

    def needs_outside(self, category: str, flags: frozenset[str]) -> bool:
        """Whether a measure needs an approver outside the country."""
        return (
            self.approver_outside_always
            or category in self.approver_outside_categories
            or not flags.isdisjoint(self.approver_outside_flags)
        )
