"""Each of a list, page by page; and no state that there is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kz_compliance_sdk import AsyncComplianceDesk, ComplianceDesk, Env, Settings
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.ports import AppealPage
from kz_compliance_sdk.services.looking import Appeals
from kz_compliance_sdk.testing.signed import NoticeFactory


@pytest.mark.slow
def test_each_case_comes_once_over_all_pages(
    kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_settings: Settings, kz_env: Env
) -> None:
    """Blocking and awaited; 101 cases are three pages. A filter holds on each of them."""
    for number in range(1, 102):
        category = "drugs" if number % 2 else "fraud"
        assert kz_notice(category=category).send().status == 202
    every = [case.id for case in kz_desk.each_case()]
    assert len(every) == len(set(every)) == 101
    assert len(kz_desk.cases().cases) < 51
    drugs: dict[str, Any] = {"state": "queued", "category": "drugs"}
    assert len([*kz_desk.each_case(**drugs)]) == 51
    assert [*kz_desk.each_case(state="closed")] == []

    async def awaited(**which: Any) -> list[str]:
        async with AsyncComplianceDesk(kz_settings, env=kz_env) as desk:
            return [case.id async for case in desk.each_case(**which)]

    assert asyncio.run(awaited()) == every
    assert len(asyncio.run(awaited(**drugs))) == 51


def test_each_appeal_comes_once_over_all_pages(
    monkeypatch: pytest.MonkeyPatch, kz_settings: Settings, kz_env: Env
) -> None:
    pages: dict[tuple[str, str | None], Any] = {
        ("upheld", None): AppealPage((1, 2), "b"),  # type: ignore[arg-type]
        ("upheld", "b"): AppealPage((3,), "c"),  # type: ignore[arg-type]
        ("upheld", "c"): AppealPage((), None),
    }

    def listed(_self: Appeals, state: str = "open", cursor: str | None = None) -> AppealPage:
        found: AppealPage = pages[state, cursor]
        return found

    monkeypatch.setattr(Appeals, "list", listed)

    async def awaited() -> list[Any]:
        async with AsyncComplianceDesk(kz_settings, env=kz_env) as desk:
            blocking: list[Any] = [*desk.blocking.appeals.each("upheld")]
            assert blocking == [1, 2, 3]
            return [appeal async for appeal in desk.appeals.each("upheld")]

    assert asyncio.run(awaited()) == [1, 2, 3]


@pytest.mark.parametrize("state", ["quued", "", "CLOSED"])
def test_a_state_that_there_is_not_is_no_empty_list(kz_desk: ComplianceDesk, state: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        kz_desk.cases(state=state)
    assert wrong.value.field == "state"
    assert "queued" in wrong.value.remedy
