"""What the values of a policy are made of: checked names, texts and times, and what a broken rule looks like."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_DAY_S = 86_400
_YEAR_S = 366 * _DAY_S

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_]{0,63}\z")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(pattern=r"\Ahttps?://[^\s]{1,500}\z")]
Yes = Annotated[bool, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=_YEAR_S)]
PositiveSeconds = Annotated[int, Field(strict=True, ge=1, le=_YEAR_S)]
Hours = Annotated[int, Field(strict=True, ge=1, le=_YEAR_S // 3600)]
WorkingDays = Annotated[int, Field(strict=True, ge=1, le=366)]
UndoWindow = Annotated[int, Field(strict=True, ge=0, le=3600)]
LeaseTime = Annotated[int, Field(strict=True, ge=30, le=_DAY_S)]


def refused(message: str, remedy: str, key: str = "") -> PydanticCustomError:
    """A broken rule: what is wrong, what to do, and below the value it was found in the key that it is about."""
    return PydanticCustomError("policy_rule", "{message}", {"message": message, "remedy": remedy, "key": key})


class Value(BaseModel):
    """A value out of a policy file: frozen, and an unknown key in it is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
