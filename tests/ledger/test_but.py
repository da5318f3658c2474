"""A value made or copied in one step is the value that the constructor makes."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from kz_compliance_sdk.domain.case import ItemState
from kz_compliance_sdk.domain.change import OutboxMessage


def test_a_value_made_by_its_fields_is_the_one_that_the_constructor_makes() -> None:
    assert ItemState.of(item_id="1", number=1, url="https://a.example/1") == ItemState(
        "1", 1, url="https://a.example/1"
    )
    made = OutboxMessage("m", "social", "case", "report", "regulator", b"{}", 1, 2, 3)
    given = {field.name: getattr(made, field.name) for field in fields(made)}
    assert OutboxMessage.of(**given) == made


def test_a_copy_differs_in_what_was_changed_alone() -> None:
    item = ItemState("1", 1, url="https://a.example/1")
    copy = item.but(status="decided")
    assert asdict(copy) == {**asdict(item), "status": "decided"}
    assert item.status == "open"


def test_a_name_that_is_no_field_or_a_field_that_is_missing_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        ItemState("1", 1).but(colour="red")
    with pytest.raises(TypeError, match="colour"):
        ItemState.of(item_id="1", number=1, colour="red")
    with pytest.raises(TypeError, match="item_id"):
        ItemState.of(status="open")
    with pytest.raises(TypeError, match="colour, item_id"):
        ItemState.of(colour="red")
