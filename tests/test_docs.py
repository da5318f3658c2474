"""The documentation's build checks links; these tests check what the build does not, and where the code sends its
readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "kz_compliance_sdk"
NAMED_PAGE = re.compile(r"^ +- .*: (\S+\.md)$", re.MULTILINE)


def unreachable(config: str, pages: set[str]) -> tuple[set[str], set[str]]:
    """Return the pages that the navigation does not name, and the names in it that have no page."""
    named = set(NAMED_PAGE.findall(config))
    return pages - named, named - pages


def test_every_page_is_in_the_navigation_and_every_entry_has_its_page() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert unreachable((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), pages) == (set(), set())


def test_a_page_left_out_and_an_entry_without_a_page_are_seen() -> None:
    config = "nav:\n  - Home: index.md\n  - More:\n      - Gone: more/gone.md\n"
    assert unreachable(config, {"index.md", "lost.md"}) == ({"lost.md"}, {"more/gone.md"})


def lost(text: str, modules: dict[str, set[str]], pages: set[str]) -> set[str]:
    """Return the modules, the names in modules (`module.name`) and the pages that a text of the package names and that
    are not there. `modules` says what each defines."""
    files = set(re.findall(r"\b(\w+)\.py\b", text)) - modules.keys()
    named = {(module, name) for module, name in re.findall(r"`(\w+)\.([a-z_]+)`", text) if module in modules}
    gone = {f"{module}.{name}" for module, name in named if name != "py" and name not in modules[module]}
    return {f"{name}.py" for name in files} | gone | set(re.findall(r"[\w-]+\.md\b", text)) - pages


@pytest.mark.slow
def test_the_code_sends_its_readers_nowhere_that_is_gone() -> None:
    """From the domain to the wings: what is above them speaks of settings and of files like that too."""
    layers = ("domain", "wire", "ports", "services", "adapters", "evidence", "transparency")
    sources = {file: file.read_text(encoding="utf-8") for name in layers for file in (PACKAGE / name).rglob("*.py")}
    modules: dict[str, set[str]] = {}
    for file, source in sources.items():
        modules.setdefault(file.stem, set()).update(re.findall(r"\w+", source))
    pages = {page.name for page in (*DOCS.rglob("*.md"), ROOT / "README.md")}
    wrong = {str(file.relative_to(ROOT)): lost(text, modules, pages) for file, text in sources.items()}
    assert {file: names for file, names in wrong.items() if names} == {}


def test_a_name_that_is_gone_is_seen() -> None:
    text = "See `steps.py`, `case.moved`, `case.gone`, `elsewhere.name` and docs/law.md."
    assert lost(text, {"case": {"moved"}}, {"index.md"}) == {"steps.py", "case.gone", "law.md"}
