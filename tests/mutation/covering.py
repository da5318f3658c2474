"""Which test runs which line of the package, measured once and kept until a file that could change it is another."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from tests.mutation.children import ChildFailed, Watch, in_children
from tests.mutation.swap import caches

_TOOL = "mutation"
_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Test:
    """A test that passed: how long it took, and its lines as one number for each file, a bit for each line."""

    __test__ = False
    seconds: float
    lines: Mapping[str, int]


@dataclass(slots=True)
class Covering:
    """The tests that passed, by id, and the ids of those that did not: they can tell nothing about a change."""

    passed: dict[str, Test] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)

    def lines(self) -> dict[str, int]:
        """Return the lines that some test runs."""
        found: dict[str, int] = {}
        for test in self.passed.values():
            for path, bits in test.lines.items():
                found[path] = found.get(path, 0) | bits
        return found

    def of(self, path: str, line: int) -> list[str]:
        """Return the tests that run the line, the shortest first."""
        ids = [name for name, test in self.passed.items() if test.lines.get(path, 0) >> line & 1]
        return sorted(ids, key=lambda name: (self.passed[name].seconds, name))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tree:
    """Where the code and its tests lie."""

    root: Path
    package: str
    tests: str = "tests"

    @property
    def code(self) -> Path:
        return self.root / self.package

    def digest(self, *, helpers_only: bool = False) -> str:
        """Return a digest of the code, of what lies beside its tests, and of the tests unless they are left out."""
        tests = self.root / self.tests
        beside = [path for path in _files(tests) if tests / _TOOL not in path.parents]
        if helpers_only:
            beside = [path for path in beside if not path.name.startswith("test_")]
        return _digest(*(path.read_bytes() for path in [*_files(self.code), *beside]))

    def digests(self, files: Iterable[str]) -> dict[str, str]:
        """Return for each file of tests a digest of it and of whatever else it may rest on."""
        shared = self.digest(helpers_only=True)
        return {name: _digest(shared.encode(), (self.root / name).read_bytes()) for name in files}


class _Fixtures:
    """While a fixture that several tests share is set up, what runs belongs to each of them."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._test = ""

    def begin(self, test: str) -> None:
        self._test = test
        self._coverage.switch_context(test)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        self._coverage.switch_context(shared_by(fixturedef))
        try:
            return (yield)
        finally:
            self._coverage.switch_context(self._test)


def shared_by(fixture: pytest.FixtureDef[Any]) -> str:
    return f"fixture {fixture.baseid}::{fixture.argname}"


def _contexts(item: pytest.Item) -> list[str]:
    shared = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
    return [item.nodeid, *(shared_by(each[-1]) for each in shared if each[-1].scope != "function")]


def _measure(tree: Tree, items: Sequence[pytest.Item], tell: Callable[[int], None]) -> Mapping[str, Any]:
    """Run the tests, in this process, and return what each came to."""
    coverage = Coverage(data_file=None, config_file=False, source=[str(tree.code)], messages=False)
    coverage.set_option("run:disable_warnings", ["no-data-collected"])
    watch, fixtures = Watch(), _Fixtures(coverage)
    for plugin in (watch, fixtures):
        items[0].config.pluginmanager.register(plugin)
    remembering = caches(tree.package, tree.tests)
    ended: dict[str, float | None] = {}
    coverage.start()
    for number, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
        tell(number)
        for wrapper in remembering:
            wrapper.cache_clear()
        fixtures.begin(item.nodeid)
        watch.run(item, following)
        ended[item.nodeid] = None if watch.failed or watch.skipped else watch.seconds
    coverage.stop()
    data = coverage.get_data()
    masks: dict[str, dict[str, int]] = {}
    for path in data.measured_files():
        name = Path(path).relative_to(tree.root).as_posix()
        for line, contexts in data.contexts_by_lineno(path).items():
            for context in contexts:
                files = masks.setdefault(context, {})
                files[name] = files.get(name, 0) | 1 << line
    lines = {item.nodeid: _together(masks.get(context, {}) for context in _contexts(item)) for item in items}
    return {
        "ended": ended,
        "lines": {name: {path: f"{bits:x}" for path, bits in of.items()} for name, of in lines.items()},
    }


def _together(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for files in many:
        for path, bits in files.items():
            found[path] = found.get(path, 0) | bits
    return found


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


class Kept:
    """What was measured, in a file: for each file of tests its digest and its tests, and the lines by their number.

    Many tests run the same lines of a file, so each set of lines is written once.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"lines": [], "files": {}}
        self._lines: list[list[str]] = held["lines"]
        self._numbers = {(path, bits): number for number, (path, bits) in enumerate(self._lines)}
        self._files: dict[str, dict[str, Any]] = held["files"]

    def stale(self, digests: Mapping[str, str]) -> set[str]:
        return {name for name, digest in digests.items() if self._files.get(name, {}).get("digest") != digest}

    def add(self, name: str, digest: str, measured: Mapping[str, Any], ids: Iterable[str]) -> None:
        tests = {}
        for test in ids:
            pairs = measured["lines"][test].items()
            tests[test] = [measured["ended"][test], [self._number(path, bits) for path, bits in pairs]]
        self._files[name] = {"digest": digest, "tests": tests}

    def _number(self, path: str, bits: str) -> int:
        number = self._numbers.setdefault((path, bits), len(self._lines))
        if number == len(self._lines):
            self._lines.append([path, bits])
        return number

    def write(self) -> None:
        """Write what is known, without files that are gone and lines that no test runs any more."""
        self._files = {name: of for name, of in self._files.items() if (self._root / name).exists()}
        tests = [test for of in self._files.values() for test in of["tests"].values()]
        used = sorted({number for _, numbers in tests for number in numbers})
        renumbered = {old: new for new, old in enumerate(used)}
        for test in tests:
            test[1] = [renumbered[number] for number in test[1]]
        self._lines = [self._lines[number] for number in used]
        self._numbers = {(path, bits): number for number, (path, bits) in enumerate(self._lines)}
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps({"lines": self._lines, "files": self._files}), encoding="utf-8")
        whole.replace(self._path)

    def covering(self, ids: Collection[str] | None = None) -> Covering:
        """Return what is known of these tests, or of all."""
        lines = [(path, int(bits, 16)) for path, bits in self._lines]
        covering = Covering()
        for test, (seconds, numbers) in (pair for of in self._files.values() for pair in of["tests"].items()):
            if ids is not None and test not in ids:
                continue
            if seconds is None:
                covering.unfit.append(test)
            else:
                covering.passed[test] = Test(seconds, dict(lines[number] for number in numbers))
        return covering


def covering(
    tree: Tree, items: Sequence[pytest.Item], kept: Path, *, jobs: int, room: Path, say: Callable[[str], None]
) -> Covering:
    """Return which test runs which line; measure what is not known yet, a few files of tests in each child."""
    store = Kept(kept, tree.root)
    of_file = {name: list(group) for name, group in groupby(sorted(items, key=_file_of), key=_file_of)}
    digests = tree.digests(of_file)
    stale = sorted(store.stale(digests))
    if stale:
        count = sum(len(of_file[name]) for name in stale)
        say(f"measuring what {count} tests in {len(stale)} files run: about {max(1, count // 15 // jobs // 60)} min")
    tasks = deque((name, _LIMIT_S) for name in stale)
    children = in_children(tasks, lambda name, tell: _measure(tree, of_file[name], tell), jobs=jobs, room=room)
    for done, ended in enumerate(children, 1):
        name = ended.task
        ids = [item.nodeid for item in of_file[name]]
        measured = ended.result
        if measured is None:
            raise ChildFailed(f"{name}: the run without a change did not come to its end, at {ids[ended.at]}")
        store.add(name, digests[name], measured, ids)
        say(f"[{done}/{len(stale)}] {name}: {len(ids)} tests, {ended.seconds:.0f} s")
        if done % 20 == 0:
            store.write()
    if stale:
        store.write()
    return store.covering({item.nodeid for item in items})
