"""The three ways through the code on the page of that name, gone by an office: what it names is called in its order."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from types import FrameType
from typing import Any

import pytest

from tests.docs.blocks import DOCS
from tests.driver import Driver
from tests.test_architecture import PACKAGE

DAY = 24 * 3600
PAGE = (DOCS / "down-the-code.md").read_text(encoding="utf-8")
COMMON = "What every step has in common"


def named(title: str) -> list[str]:
    """The functions that a section names, in their order."""
    rows = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0].splitlines()
    return [name for row in rows if row.startswith("| ") for name in re.findall(r"`([\w.]+)`", row.split("|")[2])]


def called(run: Callable[[], object]) -> list[str]:
    """The functions of the package that are called meanwhile, in their order."""
    found: list[str] = []
    root = f"{PACKAGE}/"

    def note(frame: FrameType, event: str, _arg: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            module = code.co_filename.removeprefix(root).removesuffix(".py").removesuffix("/__init__")
            found.append(f"{module.replace('/', '.')}.{code.co_qualname}")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return found


def out_of_order(names: list[str], trace: list[str]) -> list[str]:
    """The names of which no call follows those of all before them. What a web server calls is not in a trace."""
    wrong, at = list[str](), 0
    for name in names:
        if name.startswith("faces."):
            continue
        try:
            at = trace.index(name, at) + 1
        except ValueError:
            wrong.append(name)
    return wrong


def a_notice(office: Driver) -> None:
    office.decide(office.issue())
    office.deliver()


def a_cancellation(office: Driver) -> None:
    office.cancel(office.notice()["notice_id"], "annulled")
    office.deliver()


def an_erasure(office: Driver) -> None:
    office.retention()


@pytest.mark.slow
def test_each_way_goes_as_the_page_says(tmp_path: Path) -> None:
    office = Driver(tmp_path)
    notice = called(lambda: a_notice(office))
    assert out_of_order(named("A notice"), notice) == []
    assert out_of_order(named(COMMON), notice) == []
    assert out_of_order(named("A cancellation"), called(lambda: a_cancellation(office))) == []
    early = office.notice(2)["notice_id"]
    office.cancel(early, "withdrawn")
    office.issue(2)
    office.deliver()
    office.wait(400 * DAY)
    assert out_of_order(named("An erasure"), called(lambda: an_erasure(office))) == []
    office.stop()


def test_a_name_that_is_not_called_or_too_early_is_seen() -> None:
    assert out_of_order(["a.one", "a.two", "a.three"], ["a.two", "a.one", "a.three"]) == ["a.two"]
    assert out_of_order(["a.gone", "a.one"], ["a.one"]) == ["a.gone"]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:domain|faces|services)\.[\w.]+)`", PAGE))))
def test_whatever_the_page_names_is_there(name: str) -> None:
    assert resolve_name(f"kz_compliance_sdk.{name}") is not None
