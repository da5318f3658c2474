"""What the demonstration shows: what happens now, how each notice stands, and the closing tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.columns import Columns
from rich.console import Group
from rich.live import Live
from rich.text import Text

from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing.agreement import Check

__all__ = ["Screen", "show_checks", "show_rows"]

_STEPS_SHOWN = 6
_WIDE = 120
_PAUSE_S = 0.35
_IDS = ("notice", "came", "receipt")
_STYLES = {"closed": "green", "cancelled": "green", "lifted": "cyan", "enforced": "cyan", "quarantined": "red"}


class Screen:
    """Progress for people: live where somebody watches, a line for each event where nobody does.

    `numbers` gives the number of each notice by its id. With `paced` a watched run pauses at each step.
    """

    def __init__(self, numbers: Mapping[str, int], env: Env, *, stderr: bool, paced: bool) -> None:
        self._numbers, self._env = numbers, env
        self._console = screen.console(stderr=stderr)
        self._began = env.monotonic()
        self._steps: list[Text] = []
        self._states: dict[str, str] = {}
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if self._watched else None
        self._paced = paced and self._watched

    @property
    def _watched(self) -> bool:
        return self._console.is_terminal

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return self._env.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(screen.printable(text)))

    def step(self, text: str) -> None:
        """What happens now."""
        line = Text(f"{self.seconds:5.1f} s  ", style="dim").append(screen.printable(text), style="default")
        if self._live is None:
            self._console.print(line)
            return
        self._steps.append(line)
        self._refresh()
        if self._paced:
            self._env.sleep(_PAUSE_S)

    def states(self, states: Mapping[str, str]) -> None:
        """How each notice stands, by its id."""
        changed = {name: state for name, state in states.items() if self._states.get(name) != state}
        if not changed:
            return
        self._states |= changed
        if self._live is not None:
            self._refresh()
            return
        for state in dict.fromkeys(changed.values()):
            named = " ".join(f"#{self._numbers[name]}" for name, now in changed.items() if now == state)
            self._console.print(Text(f"         {state.replace('_', ' ')}: {named}"))

    def _refresh(self) -> None:
        if self._live is None:
            return
        # A line for each step, and no ids where there is little room: the table must fit below the steps.
        wide = self._console.width >= _WIDE
        notices = [
            Text(f"#{number:<3}{name + '  ' if wide else ''}").append(
                f"{self._states.get(name, '').replace('_', ' '):<16}",
                style=_STYLES.get(self._states.get(name, ""), "yellow"),
            )
            for name, number in self._numbers.items()
        ]
        steps = [Text.assemble(step, no_wrap=True, overflow="ellipsis") for step in self._steps[-_STEPS_SHOWN:]]
        self._live.update(Group(*steps, Text(), Columns(notices)), refresh=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            for line in self._steps:
                self._console.print(line)


def show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each notice: how it came, what became of it, its receipt, and what was left of its clock at the receipt."""
    names = ("#", "notice", "came", "what is special", "outcome", "receipt", "time left")
    cells = [
        (
            str(row["number"]),
            _shortened(row["notice_id"] or "", 15),
            row["came"],
            row["title"],
            ", ".join(f"{item} {outcome}" for item, outcome in row["outcomes"].items()) or row["state"] or "",
            _shortened(row["receipt_id"] or "", 14),
            _left(row["receipt_with_left_s"]),
        )
        for row in rows
    ]
    # On a narrow screen what happened matters more than the ids.
    shown = [place for place, name in enumerate(names) if screen.console().width >= _WIDE or name not in _IDS]
    screen.show_table(
        [names[place] for place in shown],
        [[row[place] for place in shown] for row in cells],
        whole=("#", "notice", "came", "receipt", "time left"),
    )
    if len(shown) < len(names):
        screen.say("Notice ids and receipts: on a wider screen, or with --json.")


def _shortened(text: str, most: int) -> str:
    """An id that nobody types: in full it stands in `--json` and in `cases show`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _left(seconds: int | None) -> str | Text:
    return "" if seconds is None else Text(screen.left(seconds), style=screen.urgency(seconds))


def show_checks(checks: Sequence[Check]) -> None:
    """What was held against what, and every difference by name."""
    out = screen.console()
    for check in checks:
        mark = Text("✓ ", style="green") if check.holds else Text("✗ ", style="bold red")
        out.print(mark.append(check.name, style="default").append(f"  ({check.told})", style="dim"))
        for difference in check.differences:
            out.print(Text(f"    {screen.printable(difference)}", style="red"))
