"""The groups of the awaited desk: a step of each over a real store, and every step goes where its name says."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import pytest

from kz_compliance_sdk.aio import AsyncComplianceDesk, AsyncGroups, Awaited, Threads, awaited
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk, Groups
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.conformance import published_keys
from kz_compliance_sdk.testing.conformance.inspection import settings_values
from kz_compliance_sdk.transparency.report import Period
from tests.case_makers import a_notice
from tests.conftest import NOON
from tests.test_public_api import groups_of

LEAD = Actor("lead", frozenset({"lead"}))
HEAD = Actor("head", frozenset({"head"}))
Step = Callable[[AsyncComplianceDesk, Case], Awaitable[None]]


async def _appeals(desk: AsyncComplianceDesk, case: Case) -> None:
    assert (await desk.appeals.list()).appeals == ()


async def _care(desk: AsyncComplianceDesk, case: Case) -> None:
    assert await desk.care.gaps(case.id) == desk.blocking.care.gaps(case.id)


async def _house(desk: AsyncComplianceDesk, _case: Case) -> None:
    await desk.house.take(HEAD, commands.HandOn("the line is down until noon"))
    assert [one.text for one in (await desk.house.duty(NOON, NOON + 1)).notes] == ["the line is down until noon"]
    assert await desk.house.registration() is None


async def _privacy(desk: AsyncComplianceDesk, case: Case) -> None:
    await desk.take(HEAD, case.id, commands.Hold("a court asks for it", NOON + 86_400))
    assert (await desk.privacy.retention(dry_run=True)).cases == ()


async def _proof(desk: AsyncComplianceDesk, case: Case) -> None:
    assert await desk.proof.run() is not None
    assert await desk.proof.prove(case.id) == desk.blocking.proof.prove(case.id)


async def _transparency(desk: AsyncComplianceDesk, case: Case) -> None:
    report = await desk.transparency.draft(Period(NOON - 86_400, NOON + 86_400))
    assert [line async for line in desk.transparency.lumen(LEAD, report)] == list(
        desk.blocking.transparency.lumen(LEAD, report)
    )


STEPS: dict[str, Step] = {
    "appeals": _appeals,
    "care": _care,
    "house": _house,
    "privacy": _privacy,
    "proof": _proof,
    "transparency": _transparency,
}


def test_every_group_has_a_step_here() -> None:
    assert STEPS.keys() == groups_of(Groups).keys()


@pytest.mark.parametrize("group", STEPS)
def test_a_step_of_each_group_is_awaited(group: str, tmp_path: Path, env: Env) -> None:
    values = settings_values(published_keys("rfc9421"), store={"path": tmp_path / "x.sqlite3"})

    async def one_step() -> None:
        async with AsyncComplianceDesk(Settings.model_validate(values), env=env, create=True) as desk:
            await STEPS[group](desk, await desk.enter(LEAD, a_notice(), NOON, "a letter"))

    asyncio.run(one_step())


class _Recorder:
    """A blocking desk or group that remembers what it was asked, and on which thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answer = [object()]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._asked, name)

    def _asked(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((name, args, kwargs))
        return iter(self.answer) if name in ("lumen", "each", "each_case") else self.answer


PAIRS = [(ComplianceDesk, AsyncComplianceDesk)] + [
    (blocking, groups_of(AsyncGroups)[name]) for name, blocking in groups_of(Groups).items()
]


@pytest.mark.parametrize(("blocking", "twin"), PAIRS)
def test_every_awaited_step_asks_the_step_of_its_name(blocking: type, twin: type[Awaited[Any]]) -> None:
    """With every argument under its own name, and hands back what it was answered."""
    asked = 0
    for name, step in inspect.getmembers(twin, inspect.isfunction):
        if name.startswith("_") or not (inspect.iscoroutinefunction(step) or inspect.isasyncgenfunction(step)):
            continue
        if step is AsyncComplianceDesk.receive:  # it waits for a commit instead, and has tests of its own
            continue
        recorder, signature = _Recorder(), inspect.signature(getattr(blocking, name))
        group = twin.__new__(twin)
        Awaited.__init__(group, recorder, Threads())
        parameters = list(signature.parameters.values())[1:]
        given = {one.name: object() for one in parameters}
        by_place = [given[one.name] for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
        by_name = {one.name: given[one.name] for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
        answer = asyncio.run(_answer(step(group, *by_place, **by_name)))
        ((called, args, kwargs),) = recorder.calls
        assert called == name
        assert dict(list(signature.bind(None, *args, **kwargs).arguments.items())[1:]) == given
        assert answer == recorder.answer
        asked += 1
    assert asked


async def _answer(step: Any) -> object:
    return [line async for line in step] if inspect.isasyncgen(step) else await step


def test_an_awaited_step_keeps_what_people_and_tools_read_of_it() -> None:
    ours, theirs = ComplianceDesk.claim, AsyncComplianceDesk.claim
    assert (theirs.__name__, theirs.__doc__) == (ours.__name__, ours.__doc__)
    assert inspect.signature(theirs) == inspect.signature(ours)


def test_what_a_host_puts_in_a_steps_place_is_awaited() -> None:
    class Blocking:
        def where(self) -> str:
            return "ours"

    class Hosts(Blocking):
        def where(self) -> str:
            return "the host's"

    class AsyncBlocking(Awaited[Blocking]):
        where = awaited(Blocking.where)

    assert asyncio.run(AsyncBlocking(Hosts(), Threads()).where()) == "the host's"


def test_a_step_runs_on_another_thread() -> None:
    class Blocking:
        def where(self) -> object:
            return current_thread()

    class AsyncBlocking(Awaited[Blocking]):
        where = awaited(Blocking.where)

    assert asyncio.run(AsyncBlocking(Blocking(), Threads()).where()) is not main_thread()
