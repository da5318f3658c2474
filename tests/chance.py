"""How many examples a property test draws: all of them in the whole suite, a fifth in the quick part."""

from __future__ import annotations

_QUICK_SHARE = 5
_quick = False


def draw_few() -> None:
    """Let what is collected from here on draw a fifth."""
    global _quick
    _quick = True


def examples(count: int) -> int:
    """So many examples, or in the quick part a fifth of them, but 20 if there are so many."""
    return min(count, max(20, count // _QUICK_SHARE)) if _quick else count
