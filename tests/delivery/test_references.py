"""Ids that follow content: drawn once, never changed. A host of an earlier release must find its own messages again."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from kz_compliance_sdk.domain.values import (
    alert_id,
    appeal_id_of,
    free_reference,
    message_id,
    reference_of,
    stream_of,
)

NOTICE = ("social", "sample-authorised-body", "KZ-2026-0000001")
REFERENCE = "f52ce811-2ec8-8330-89ab-b8d32055b02d"
Golden = tuple[Callable[..., str], tuple[object, ...], str]
GOLDEN: list[Golden] = [
    (reference_of, NOTICE, REFERENCE),
    (reference_of, (*NOTICE, 1), "85cf4141-ea5b-8f2a-9b63-9bcf543f506a"),
    (reference_of, ("social", "sample-authorised-body", f"~{'0' * 64}"), "3cb06b25-26a4-8f50-a533-2ec8c6efa4a4"),
    (message_id, (stream_of(REFERENCE), "report", 1, 1, 0), "9903069b-fc1f-8a7b-8302-85367dceb70f"),
    (message_id, (stream_of(REFERENCE), "enforce", 0, 1, 2), "7557fae4-4eb3-8658-a715-8ecd7457c8c3"),
    (message_id, (stream_of(REFERENCE), "page/amended", 0, 3, 0), "b56739d5-e9b8-87f6-bf27-d7203f65eb23"),
    (appeal_id_of, ("social", "A-1"), "1f485db3-69fe-8daa-bbca-5f0ca2f3c0a0"),
    (alert_id, ("social", "store", "log_lost", 1_795_500_000, ""), "b6f24459-2761-83c1-a6b9-7300780f71fe"),
]


@pytest.mark.parametrize(("made_by", "content", "golden"), GOLDEN)
def test_the_same_content_always_has_the_same_id(
    made_by: Callable[..., str], content: tuple[object, ...], golden: str
) -> None:
    assert made_by(*content) == golden
    parsed = uuid.UUID(golden)
    assert (parsed.version, parsed.variant, str(parsed)) == (8, uuid.RFC_4122, golden)


def test_whatever_differs_gives_another_reference() -> None:
    platform, authority, notice = NOTICE
    names: list[tuple[str, str, str, int]] = [
        (platform, authority, notice, 0),
        ("other", authority, notice, 0),
        (platform, "court", notice, 0),
        (platform, authority, f"{notice}1", 0),
        (platform, authority, notice, 1),
        (platform, f"{authority}{notice}", "", 0),
    ]
    assert len({reference_of(*name) for name in names}) == len(names)


def test_whatever_differs_gives_another_key() -> None:
    names: list[tuple[str, str, int, int, int]] = [
        ("case/1", "report", 1, 1, 0),
        ("case/2", "report", 1, 1, 0),
        ("case/1", "enforce", 1, 1, 0),
        ("case/1", "report", 2, 1, 0),
        ("case/1", "report", 1, 2, 0),
        ("case/1", "report", 1, 1, 1),
        ("case/1", "report", 11, 1, 0),
        ("case/1", "report", 1, 11, 0),
    ]
    assert len({message_id(*name) for name in names}) == len(names)


def test_a_reference_that_is_taken_is_given_to_no_other_case() -> None:
    taken: set[str] = set()
    for ordinal in range(3):
        reference, given = free_reference(*NOTICE, taken.__contains__)
        assert (reference, given) == (reference_of(*NOTICE, ordinal), ordinal)
        taken.add(reference)
