"""A copy of a value differs in what was changed alone."""

from __future__ import annotations

import pytest
from msgspec.structs import asdict

from kz_compliance_sdk.domain.case import ItemState
from kz_compliance_sdk.domain.fold import Item


def test_a_copy_differs_in_what_was_changed_alone() -> None:
    item = ItemState("1", 1, url="https://a.example/1")
    copy = item.but(status="decided")
    assert asdict(copy) == {**asdict(item), "status": "decided"}
    assert item.status == "open"


def test_items_are_equal_by_what_is_told_of_them_and_not_by_the_fold_that_they_read() -> None:
    item, held = ItemState("1", 1), ItemState("1", 1, held=Item(1, "object/1"))
    assert item == held
    assert not item != held  # noqa: SIM202  another method of the value
    assert item != item.but(status="decided")


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        ItemState("1", 1).but(colour="red")
