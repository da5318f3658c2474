"""What every value of a policy is made of: the model that refuses unknown keys, legal sources, and lengths of time."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

DAY_S = 86_400
YEAR_S = 366 * DAY_S

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_]{0,63}\z")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(pattern=r"\Ahttps?://[^\s]{1,500}\z")]
Yes = Annotated[bool, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=YEAR_S)]
PositiveSeconds = Annotated[int, Field(strict=True, ge=1, le=YEAR_S)]
Hours = Annotated[int, Field(strict=True, ge=1, le=YEAR_S // 3600)]
WorkingDays = Annotated[int, Field(strict=True, ge=1, le=366)]
UndoWindow = Annotated[int, Field(strict=True, ge=0, le=3600)]


def refused(message: str, remedy: str, key: str = "") -> PydanticCustomError:
    """A broken rule: what is wrong, what to do, and below the value it was found in the key that it is about."""
    return PydanticCustomError("policy_rule", "{message}", {"message": message, "remedy": remedy, "key": key})


def _as_code(version: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.+:-]{1,80}", version) is None:
        raise refused("This is no code, and decisions name it.", "Use 1 to 80 letters, digits and _ . + : - alone.")
    return version


Version = Annotated[str, Field(strict=True), AfterValidator(_as_code)]
"""What tells a policy from others. What is added to it, such as "+own", still fits where 100 characters do."""


class Value(BaseModel):
    """A value out of a policy file: frozen, and an unknown key in it is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Source(Value):
    """Where a rule comes from, and whether anybody has read it there.

    A verified source says who read it, when and where; an unverified one is never shown to a user as fact.
    """

    act: Text
    article: str = ""
    url: Url | None = None
    verified: Yes = False
    verified_by: Text | None = None
    verified_on: date | None = None
    note: str = ""

    @model_validator(mode="after")
    def _says_who_when_and_where(self) -> Self:
        if self.verified:
            for key in ("article", "url", "verified_by", "verified_on", "note"):
                if not getattr(self, key):
                    raise refused("A verified source needs this key.", "Add it, or say verified = false.", key)
        elif self.verified_by is not None or self.verified_on is not None:
            raise refused("An unverified source says who verified it.", "Remove verified_by and verified_on.")
        return self
