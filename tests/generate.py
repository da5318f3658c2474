"""Files that are made from the code: `python -m tests.generate` writes them, `--check` says which are stale.

A generated file is never edited by hand. To add one, add a line to GENERATED.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kz_compliance_sdk.domain.transitions import TRANSITIONS, Transition

ROOT = Path(__file__).resolve().parent.parent

_STATES_HEAD = """\
<!-- Made from TRANSITIONS by `python -m tests.generate`. Do not edit. -->

# The states of a case

A case moves only along the rows below; every other move is refused and writes nothing. There is no state for
"overdue": it is computed from the deadline, and passing the deadline moves nothing by itself.
"""


def states_page(rows: Iterable[Transition] = TRANSITIONS) -> str:
    """Return the page with the state diagram and the table of every move.

    The diagram leaves out the moves that stay in their state: drawn, they would hide the others. The table has them.
    """
    verbs: dict[tuple[str, str], list[str]] = {}
    moves: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        source = "[*]" if row.source is None else str(row.source)
        target = str(row.target)
        if source != target:
            known = verbs.setdefault((source, target), [])
            if row.verb not in known:
                known.append(row.verb)
        before = "(new)" if row.source is None else f"`{row.source}`"
        after = "(stays)" if source == target else f"`{target}`"
        moves.setdefault((row.verb, after, row.why), []).append(before)
    diagram = [f"    {source} --> {target}: {', '.join(known)}" for (source, target), known in verbs.items()]
    table = [f"| `{verb}` | {', '.join(sources)} | {after} | {why} |" for (verb, after, why), sources in moves.items()]
    return "\n".join(
        [
            _STATES_HEAD,
            "```mermaid",
            "stateDiagram-v2",
            *diagram,
            "```",
            "",
            "## Every move",
            "",
            "| Verb | From | To | When |",
            "|---|---|---|---|",
            *table,
            "",
        ]
    )


GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/concepts/states.md": states_page,
}


def stale(root: Path = ROOT, generated: Mapping[str, Callable[[], str]] = GENERATED) -> list[str]:
    """Return the paths whose content is not what the code makes today, missing ones included."""
    found = []
    for path, make in generated.items():
        file = root / path
        if not file.is_file() or file.read_text(encoding="utf-8") != make():
            found.append(path)
    return found


def write(root: Path = ROOT, generated: Mapping[str, Callable[[], str]] = GENERATED) -> list[str]:
    """Write every stale file and return its path."""
    paths = stale(root, generated)
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(generated[path](), encoding="utf-8")
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Write the generated files, or with `--check` return 1 when one is stale."""
    parser = argparse.ArgumentParser(prog="python -m tests.generate", description="Files made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    options = parser.parse_args(arguments)
    if not options.check:
        for path in write():
            print(f"wrote {path}")
        return 0
    paths = stale()
    for path in paths:
        print(f"{path} is stale: run python -m tests.generate")
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main())
