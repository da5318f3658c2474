"""Alter a regulator's books and look whether each difference is named: `python -m tests.books --notices 10000`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.books.scene import campaign


def main() -> int:
    """The exit code: 1 if a difference was not named, or one that is none was."""
    reader = argparse.ArgumentParser(prog="python -m tests.books", description=__doc__)
    reader.add_argument("--notices", type=int, default=10_000)
    reader.add_argument("--altered", type=int, default=200)
    reader.add_argument("--seed", type=int, default=1)
    given, began = reader.parse_args(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        wanted, found = campaign(
            Path(folder), given.notices, given.altered, given.seed, lambda text: print(text, file=sys.stderr)
        )
    for what, some in (("not named", wanted - found), ("named, and none", found - wanted)):
        for one in sorted(some):
            print(f"{what}: {one}")
    said = (
        f"{given.notices} notices, {len(wanted)} alterations, {len(wanted & found)} named, {len(found - wanted)} false"
    )
    print(f"{said}, {time.monotonic() - began:.0f} s")
    return 0 if wanted == found else 1


if __name__ == "__main__":
    sys.exit(main())
