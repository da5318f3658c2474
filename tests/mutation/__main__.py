"""Change the code in one place, at random, and see whether the tests that run that place notice.

    python -m tests.mutation --seed 1 --n 500

Each change is put into a fork of a pytest that has collected its tests. The tests that cover the line are run, the
shortest first, until one fails; one that is stopped because it takes too long has failed. What no test notices is
listed with its key, and stays only with a reason in docs/mutants.md. A run that is stopped goes on where it was: what
is known lies in `.mutation`, and holds as long as neither code nor tests change.

The quick part of the tests comes first. With --slow, what survived it is tried again against the slow tests. A change
that only a process started by a test would run is not in it: it is not in the fork.

The exit code is 0 if no more than --bar percent survive and each has a reason, else 1; 2 if nothing could be tried.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.mutation.covering import Tree
from tests.mutation.mutants import Mutant
from tests.mutation.page import PAGE, reasons
from tests.mutation.run import MARKS, Outcome, Run, Wish
from tests.mutation.verdicts import Verdict

HERE = Tree(Path(__file__).resolve().parent.parent.parent, "kz_compliance_sdk")
BAR = 8.0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="chooses the changes (1)")
    parser.add_argument("--n", type=int, default=100, metavar="N", help="how many changes (100)")
    parser.add_argument(
        "--packages",
        nargs="+",
        default=["domain", "services", "wire", "evidence", "transparency"],
        metavar="NAME",
        help="packages or modules of the library: domain, services.take, adapters.sql (all that is pure)",
    )
    parser.add_argument("--key", action="append", default=[], help="only this change, drawn or not; may be repeated")
    parser.add_argument("--slow", action="store_true", help="try what survived the quick tests against the slow ones")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="children at a time (one for each core)")
    parser.add_argument(
        "--patience",
        type=float,
        default=20.0,
        metavar="S",
        help="seconds, on top of ten times its own, for a test (20)",
    )
    parser.add_argument("--bar", type=float, default=BAR, help=f"percent that may survive ({BAR:g})")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and progress on stderr")
    parser.add_argument("--tests", nargs="+", default=[], metavar="PATH", help="only these tests (all)")
    return parser.parse_args(arguments)


def _table(outcome: Outcome) -> str:
    drawn: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for mutant, verdict in outcome.verdicts.items():
        for name in {mutant.module, f"{mutant.module.split('.')[0]} (all)"}:
            drawn[name] += 1
            survived[name] += verdict.survived
    lines = [f"{'':<40} drawn  killed  survived"]
    for name, count in sorted(drawn.items()):
        left = survived[name]
        lines.append(f"{name:<40} {count:>5} {count - left:>7} {left:>9}{left / count:>7.0%}")
    return "\n".join(lines)


def _document(outcome: Outcome, why: Mapping[str, str]) -> str:
    rows = [
        {**asdict(mutant), **asdict(verdict), "survived": verdict.survived, "reason": why.get(mutant.key)}
        for mutant, verdict in outcome.verdicts.items()
    ]
    figures = {"lines": outcome.lines, "covered": outcome.covered, "unfit": outcome.unfit}
    return json.dumps({**figures, "changes": rows}, indent=1, ensure_ascii=False)


def _told(outcome: Outcome, why: Mapping[str, str]) -> str:
    survivors: list[tuple[Mutant, Verdict]] = [pair for pair in outcome.verdicts.items() if pair[1].survived]
    lines = [_table(outcome), ""]
    for mutant, verdict in sorted(survivors, key=lambda pair: (pair[0].path, pair[0].line)):
        lines += [
            f"{mutant.where} {mutant.operator}: {mutant.change}",
            f"    {mutant.text}",
            f"    {mutant.key}, {verdict.ran} tests",
            f"    {why.get(mutant.key, 'NO REASON in ' + PAGE)}",
        ]
    lines += [f"unfit, fails or is skipped without a change: {test}" for test in outcome.unfit]
    share = len(survivors) / max(1, len(outcome.verdicts))
    lines.append(f"{outcome.covered} of {outcome.lines} lines that can be changed are covered by a quick test")
    lines.append(f"{len(survivors)} of {len(outcome.verdicts)} survived, {share:.1%}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, tree: Tree = HERE) -> int:
    """Run it and return the exit code."""
    options = _options(arguments)
    part = "slow" if options.slow else "quick"
    state = tree.root / ".mutation"
    state.mkdir(exist_ok=True)
    wish = Wish(
        options.packages, options.seed, options.n, options.jobs, part, options.patience, options.key, options.tests
    )
    shown = os.fdopen(os.dup(2 if options.json else 1), "w", buffering=1, encoding="utf-8")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(state / "hypothesis")
    run = Run(tree, state, wish, lambda text: print(text, file=shown))
    answer = os.dup(1)
    with (state / "pytest.log").open("w", encoding="utf-8") as log:
        # What pytest and the tests print is of use only if nothing could be collected.
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        print("collecting the tests", file=shown)
        chosen = options.tests or [tree.tests]
        pytest.main(
            ["-q", "-m", MARKS[part], "-p", "no:cacheprovider", "--rootdir", str(tree.root), *chosen], plugins=[run]
        )
        sys.stdout.flush()
    os.dup2(answer, 1)
    if run.outcome is None or not run.outcome.verdicts:
        print(
            f"nothing was tried: {run.fault or 'no change lies in a line that these tests cover'}; see {log.name}",
            file=shown,
        )
        return 2
    why = reasons(tree.root / PAGE)
    print((_document if options.json else _told)(run.outcome, why))
    survivors = [mutant for mutant, verdict in run.outcome.verdicts.items() if verdict.survived]
    over = 100 * len(survivors) > options.bar * len(run.outcome.verdicts)
    return 1 if over or any(mutant.key not in why for mutant in survivors) else 0


if __name__ == "__main__":
    sys.exit(main())
