"""The flags of a notice that a lawyer must see: too wide, an official as the offended party, a demand for user data.

All of it is read off what the sender wrote, by words that the policy has as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from kz_compliance_sdk.domain.breadth import is_pattern, is_whole_site
from kz_compliance_sdk.domain.flags import Flag
from kz_compliance_sdk.domain.notice import Clarification, Item, Notice
from kz_compliance_sdk.domain.policy import Safeguards

__all__ = ["USER_DATA_DEMAND", "codes", "flags_of_answer", "legal_flags"]

USER_DATA_DEMAND: Final = "user_data_demand"
_SAYS_NOTHING: Final[tuple[object, ...]] = (None, "", [], {}, False)


def codes(flags: tuple[str, ...]) -> frozenset[str]:
    """The codes of a case's flags, without the items that they are about."""
    return frozenset(flag.partition(":")[0] for flag in flags)


def legal_flags(notice: Notice, *, raw: Mapping[str, object], safeguards: Safeguards) -> tuple[Flag, ...]:
    """The flags of a notice that call for a lawyer. `raw` is the notice as it came, before validation."""
    found = list(_of_items(notice.items))
    if _offends_an_official(notice, raw, safeguards):
        found.append(Flag("official_offended"))
    if _asks_for_user_data(notice, raw, safeguards):
        found.append(Flag("user_data_demand"))
    return tuple(found)


def flags_of_answer(answer: Clarification, *, raw: Mapping[str, object], safeguards: Safeguards) -> tuple[Flag, ...]:
    """The same for an authority's answer, which can name items anew."""
    found = list(_of_items(answer.items or ()))
    if _holds_user_data_fields(raw, safeguards):
        found.append(Flag("user_data_demand"))
    return tuple(found)


def _of_items(items: Iterable[Item]) -> Iterator[Flag]:
    for item in items:
        if is_pattern(f"{item.url} {item.object_id} {item.account_ref}"):
            yield Flag("url_wildcard", item.item_id)
        if item.url is not None and is_whole_site(item.url):
            yield Flag("url_whole_site", item.item_id)


def _offends_an_official(notice: Notice, raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    if notice.category in safeguards.official_categories or _says(raw, safeguards.official_fields):
        return True
    acts = safeguards.official_acts
    return bool(acts) and any(
        basis.act in acts or f"{basis.act}/{basis.article}" in acts for basis in notice.legal_basis
    )


def _asks_for_user_data(notice: Notice, raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    if _holds_user_data_fields(raw, safeguards):
        return True
    if notice.requested_action != "other":
        return False
    texts = [*(reason.text for reason in notice.statement_of_reasons), *(item.description for item in notice.items)]
    said = " ".join(" ".join(filter(None, texts)).lower().split())
    return any(phrase in said for phrase in safeguards.user_data_phrases)


def _holds_user_data_fields(raw: Mapping[str, object], safeguards: Safeguards) -> bool:
    fields, items = safeguards.user_data_fields, raw.get("items")
    return _says(raw, fields) or (
        isinstance(items, list) and any(isinstance(item, Mapping) and _says(item, fields) for item in items)
    )


def _says(value: Mapping[str, object], fields: frozenset[str]) -> bool:
    return not fields.isdisjoint(value) and any(value.get(name) not in _SAYS_NOTHING for name in fields)
