"""What the shape of the house comes to, in figures: `python -m tests.house`. None may grow.

A figure that a change makes smaller is lowered in `MOST` with it.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, get_args
from unittest import mock

from kz_compliance_sdk.adapters.sql.tables import metadata
from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction
from kz_compliance_sdk.domain import arrivals
from kz_compliance_sdk.domain.change import Happened, Operation, Write
from kz_compliance_sdk.ports import store as ports
from tests.case_makers import a_notice
from tests.scene import Host, World, signed
from tests.test_architecture import PACKAGE, circles, dotted

MOST: Final = {
    "hand-offs from a pushed notice to its case": 8,
    "files opened from there to the commit": 30,
    "circles of imports": 0,
    "methods of the store's ports": 35,
    "kinds of writes": 0,
    "tables": 21,
    "tables of rows": 6,
}


def port_methods() -> int:
    """How many methods the ports of the store have, an inherited one once."""
    tree = ast.parse(Path(ports.__file__).read_text(encoding="utf-8"))
    protocols = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
    ]
    return sum(isinstance(one, ast.FunctionDef) for node in protocols for one in node.body)


def kinds_of_writes() -> set[str]:
    """What a change can hold beside events and facts of daily work, and the facts that the store tells from others of
    their kind: by `type(...)`, `isinstance` or `match`."""
    facts, told = {one.__name__ for one in Operation.__subclasses__()}, set[str]()
    for file in (PACKAGE / "adapters").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare | ast.MatchClass) or (
                isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
            ):
                told |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return {one.__name__ for one in get_args(Write)} - {Happened.__name__, Operation.__name__} | facts & told


def circles_of_imports() -> int:
    return len(circles({dotted(file): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}))


def way_of_a_notice(folder: Path) -> tuple[list[str], set[str]]:
    """The functions of the package that wait for each other when the case of a pushed notice is opened, the first one
    first; and the files of which anything runs from the message to its commit. On one thread, so that none is hidden.
    """
    host = Host(World(folder / "desk.sqlite3"))
    host.push(a_notice(seed=1), "m-1")
    request = signed(host.world, a_notice(seed=2), "m-2")
    way: list[str] = []
    files: set[str] = set()
    opens, commit = arrivals.open_case, SqlTransaction.commit

    def called(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            files.add(frame.f_code.co_filename)

    def opening(*given: Any, **named: Any) -> Any:
        way.extend([*reversed([*_waiting(sys._getframe(1))]), "arrivals.open_case"])
        return opens(*given, **named)

    def committed(self: Any) -> None:
        sys.setprofile(None)
        commit(self)

    with mock.patch.object(arrivals, "open_case", opening), mock.patch.object(SqlTransaction, "commit", committed):
        sys.setprofile(called)
        try:
            host.deliver_push(*request)
        finally:
            sys.setprofile(None)
    host.store.close()
    return way, files


def _waiting(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(str(PACKAGE)):
            yield f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}"
        frame = frame.f_back


def figures() -> dict[str, int]:
    """Each figure of `MOST` as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        way, files = way_of_a_notice(Path(folder))
    kinds = [table.info["kind"] for table in metadata.tables.values()]
    found = (
        len(way),
        len(files),
        circles_of_imports(),
        port_methods(),
        len(kinds_of_writes()),
        len(kinds),
        kinds.count("rows"),
    )
    return dict(zip(MOST, found, strict=True))


def grown(found: dict[str, int], most: dict[str, int]) -> list[str]:
    return [f"{name}: {found[name]}, and it was {most[name]}" for name in most if found[name] > most[name]]


def main() -> int:
    """Print the figures. The exit code is 1 if one has grown."""
    found = figures()
    for name, count in found.items():
        print(f"  {count:>4}  {name}")
    worse = grown(found, MOST)
    for one in worse:
        print(f"the house has grown by {one}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
