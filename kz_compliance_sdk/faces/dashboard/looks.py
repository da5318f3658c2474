"""How one person sees the pages: the words of their language, times, and the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_args

from kz_compliance_sdk.domain.clock import almaty
from kz_compliance_sdk.domain.decision import Answer
from kz_compliance_sdk.domain.proposal_checks import says
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.domain.words import LANGUAGES, Words, words
from kz_compliance_sdk.faces.dashboard.forms import Control

_HOUR_S: Final = 3_600
TABLES: Final = (
    "choice",
    "value",
    "action",
    "outcome",
    "refusal_code",
    "finding",
    "ground",
    "answer",
    "authority_type",
)
"""Where the word for what stands in a list of choices is looked for."""
_ANSWERS: Final = [*get_args(Answer)]


@dataclass(frozen=True, slots=True)
class Time:
    """A time as the pages show it: Almaty's, UTC's, and as a machine reads it."""

    local: str
    utc: str
    text: str


class Looks:
    """The words of a person's language, and what is told in numbers."""

    def __init__(self, lang: str) -> None:
        self.say: Words = words(lang, "office", "evidence", "cases", "transparency")

    def when(self, at: int) -> Time:
        """A time, from UTC seconds."""
        here, there = datetime.fromtimestamp(at, almaty()), datetime.fromtimestamp(at, UTC)
        return Time(f"{here:%Y-%m-%d %H:%M}", f"{there:%H:%M}", instant_text(at))

    def left(self, seconds: int) -> str:
        """A time that is left, or by how much it was missed."""
        size = abs(seconds)
        name, values = "minutes", {"minutes": size // 60}
        if size >= 48 * _HOUR_S:
            name, values = "days", {"days": size // (24 * _HOUR_S), "hours": size // _HOUR_S % 24}
        elif size >= _HOUR_S:
            name, values = "hours", {"hours": size // _HOUR_S, "minutes": size // 60 % 60}
        told = self.say("left", name, **values)
        return self.say("left", "late", time=told) if seconds < 0 else told

    def urgency(self, seconds: int) -> str:
        """How near an end is: the name of a style."""
        if seconds < 0:
            return "late"
        return "soon" if seconds < 2 * _HOUR_S else "near" if seconds < 6 * _HOUR_S else "far"

    def flag(self, flag: str) -> str:
        """A flag in words, with the item that it is about."""
        code, _, item = flag.partition(":")
        return self.say("flag", code) + (f" ({item})" if item else "")

    def label(self, control: Control) -> str:
        """What a field of a form is called; a question of the legal check is asked."""
        return self.say("question" if control.choices == _ANSWERS else "field", control.word)

    def rules(self, asked: Mapping[str, Any]) -> list[str]:
        """Why a decision takes a second person."""
        return says({**asked, "category": self.say("category", asked["category"])}, self.say)

    def choice(self, word: str, value: str) -> str:
        """What may stand in a field, in words where there are some."""
        return next((said for one in (word, *TABLES) if (said := self.say(one, value)) != value), value)


@cache
def looks_of(lang: str) -> Looks:
    """The looks in one of LANGUAGES."""
    return Looks(lang)


def language_of(headers: Mapping[str, str], chosen: str) -> str:
    """The language that a person chose, else the first that their browser asks for and there is."""
    asked = (one.strip()[:2] for one in headers.get("accept-language", "").lower().split(","))
    return next((one for one in (chosen, *asked) if one in LANGUAGES), LANGUAGES[0])
