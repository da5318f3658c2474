"""The page of promises: which test shows each, and what is broken to see that the test can fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.controls import CONTROLS, SLOW, Control

_HEAD = """\
<!-- Made from tests/controls by `python -m tests.generate`. Do not edit. -->

# Promises

Promises of [Reliability](reliability.md) and of the concepts, the test that shows each, and its control: what is broken
on purpose, so that this test must fail. `tests/test_controls.py` breaks them one at a time, as part of every quick run:

```console
$ python -m pytest tests/test_controls.py -m "not slow"
```
"""

_SLOW_HEAD = """
## In the slow part

What only real processes or minutes can show. The tests break the promise themselves, and look whether it is found.

| Promise | Made in | Broken | Test |
|---|---|---|---|
"""


def promises_page() -> str:
    """Return the page that lists promise, control and test, by the page that makes the promise."""
    pages = dict.fromkeys(control.page for control in CONTROLS)
    slow = [f"| {one.promise} | [{one.page}]({one.page}) | {one.broken} | `{one.test}` |" for one in SLOW]
    return _HEAD + "".join(map(_section, pages)) + _SLOW_HEAD + "\n".join(slow) + "\n"


def _section(page: str) -> str:
    rows = "\n".join(_rows(control for control in CONTROLS if control.page == page))
    title = page.removesuffix(".md").rpartition("/")[2].replace("-", " ").capitalize()
    return f"\n## {title}\n\nMade in [{page}]({page}).\n\n| Promise | Broken | Test |\n|---|---|---|\n{rows}\n"


def _rows(controls: Iterable[Control]) -> Iterator[str]:
    for control in controls:
        yield f"| {control.promise} | {control.name} | `{control.test}` |"
