"""The items of a case as they are stored: what was decided apart from what names an object, which is encrypted."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic_core import from_json, to_json

from kz_compliance_sdk.domain.case import Case, ItemState

_OBJECT_FIELDS = ("object_key", "url", "object_id", "account_ref")
_ALL_FIELDS = tuple(field.name for field in fields(ItemState))
_ITEM_FIELDS = tuple(name for name in _ALL_FIELDS if name not in _OBJECT_FIELDS)


def item_doc(item: ItemState) -> list[Any]:
    """What is stored of an item in the clear."""
    if not item.decision_version and item.status == "open" and item.order_stands:
        return [item.item_id, item.number]
    return [getattr(item, name) for name in _ITEM_FIELDS]


def objects_doc(case: Case) -> bytes:
    """Which objects of the platform the items are about, item by item; empty while none is known."""
    named = [_object(item) for item in case.items]
    return to_json(named) if any(named) else b""


def _object(item: ItemState) -> tuple[str, ...] | None:
    if not (item.object_key or item.url or item.object_id or item.account_ref):
        return None
    return item.object_key, item.url, item.object_id, item.account_ref


def items_from(docs: list[list[Any]], objects: bytes) -> tuple[ItemState, ...]:
    """The items, from both. Raises ValueError if they do not fit together."""
    named = from_json(objects) if objects else [None] * len(docs)
    return tuple(_item(doc, known) for doc, known in zip(docs, named, strict=True))


def _item(doc: list[Any], known: list[str] | None) -> ItemState:
    if len(doc) == 2:
        said: dict[str, Any] = {"item_id": doc[0], "number": doc[1]}
    else:
        names = _ALL_FIELDS if len(doc) == len(_ALL_FIELDS) else _ITEM_FIELDS  # all: stored before objects were apart
        said = dict(zip(names, doc, strict=True))
        said["scope"] = tuple(said["scope"])
    if known:
        said.update(zip(_OBJECT_FIELDS, known, strict=True))
    return ItemState.of(**said)
