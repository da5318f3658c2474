"""The drafted questions about what a notice lacks, as data that a lawyer can read and correct."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pydantic import TypeAdapter

from kz_compliance_sdk.domain.policy.basis import Name, Text, Value
from kz_compliance_sdk.domain.policy.reading import load_toml, packaged

__all__ = ["GapText", "gap_texts"]


class GapText(Value):
    """What a gap means, and the question about it in Kazakh, Russian and English. `{item}` stands for an item's id."""

    means: Text
    kk: Text
    ru: Text
    en: Text

    def question(self, lang: str, item_id: str | None) -> str:
        """The question in `lang` (kk, ru or en), about that item."""
        text = {"kk": self.kk, "ru": self.ru, "en": self.en}[lang]
        return text.replace("{item}", item_id or "")


@cache
def gap_texts() -> Mapping[str, GapText]:
    """Every gap by its code. Read once."""
    rows = TypeAdapter(dict[Name, GapText]).validate_python(load_toml(packaged("gaps.toml"), "gaps"))
    return MappingProxyType(rows)
