"""The rules of the house that import-linter cannot see, each with planted snippets that must be caught.

What a file may do follows from the layer it lies in. There is no list of exceptions.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kz_compliance_sdk"

# Importing these is enough: nothing in them is pure.
IMPURE_MODULES = frozenset(
    "asyncio concurrent ctypes fcntl glob http.client mmap multiprocessing os pathlib queue random sched secrets "
    "select selectors shutil signal socket socketserver sqlite3 ssl subprocess sys tempfile threading time "
    "urllib.request".split()
)
# These modules are pure but for a few names.
IMPURE_NAMES = frozenset(
    "datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow "
    "importlib.import_module io.open uuid.getnode uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8".split()
)
IMPURE_BUILTINS = frozenset("__import__ breakpoint eval exec input open print".split())
DOMAIN_MAY_IMPORT = frozenset("annotated_types msgspec pydantic pydantic_core typing_extensions tzdata".split())

# Adapters speak to the world, but clock, ids, randomness, waiting and pools come from Env. A thread that lives as long
# as its adapter, as the writer's does, is the adapter's own.
FROM_ENV = frozenset(
    "asyncio.sleep concurrent.futures.ThreadPoolExecutor datetime.date.today datetime.datetime.now "
    "datetime.datetime.today datetime.datetime.utcnow os.urandom random secrets threading.Timer time "
    "uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8".split()
)
HTTP_CLIENTS = frozenset("aiohttp http.client httpx httpx2 requests urllib.request urllib3".split())

# What reads the core, and what the core must never need.
WINGS = ("evidence", "transparency")
WING_MODULES = frozenset(f"kz_compliance_sdk.{wing}" for wing in WINGS)

LONG, CEILING = 700, 1_000
LONG_REASON = re.compile(r"# Over 700 lines because \w.{10,}")


@cache
def _covers(banned: frozenset[str], dotted: str) -> bool:
    """Whether `dotted` is one of the banned names or lies inside one."""
    parts = dotted.split(".")
    return any(".".join(parts[:length]) in banned for length in range(1, len(parts) + 1))


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also those in others. An import is one, so that no expression need be looked into for it."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += nested(node)


def nested(node: ast.AST) -> Iterator[ast.AST]:
    """The statements right below, and what only holds statements: the parts of a `try` and of a `match`."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        found = getattr(node, name, ())
        yield from found if isinstance(found, list) else ()


@cache
def names_used(source: str) -> tuple[tuple[int, str], ...]:
    """Return (line, dotted name) for every import and every name reached through one, under its real name."""
    return tuple(_names_used(parsed(source)))


def _names_used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    alias: dict[str, str] = {}
    for node in statements(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                alias[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                alias[name.asname or name.name] = f"{node.module}.{name.name}"
                yield node.lineno, f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        chain: list[str] = []
        base: ast.AST = node
        while isinstance(base, ast.Attribute):
            chain.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            yield getattr(node, "lineno", 0), ".".join([alias.get(base.id, f"builtins.{base.id}"), *chain])


def impure(source: str) -> list[str]:
    """Return what a pure layer (domain, wire, services, the wings) must not touch."""
    found = []
    for line, name in names_used(source):
        key_made_here = name.endswith("PrivateKey.generate")
        builtin = name.removeprefix("builtins.")
        if (
            _covers(IMPURE_MODULES, name)
            or _covers(IMPURE_NAMES, name)
            or key_made_here
            or (builtin != name and builtin in IMPURE_BUILTINS)
        ):
            found.append(f"line {line}: {name}")
    return found


def foreign_to_domain(source: str) -> list[str]:
    """Return the imports that the domain must not have: everything but the standard library, msgspec and
    pydantic's family."""
    allowed = sys.stdlib_module_names | DOMAIN_MAY_IMPORT | {"kz_compliance_sdk"}
    return [name for name in imported(source) if name.split(".")[0] not in allowed]


@cache
def imported(source: str) -> list[str]:
    """Return the dotted names of every import statement, wherever in the file it stands."""
    names = []
    for node in statements(parsed(source)):
        if isinstance(node, ast.Import):
            names += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{name.name}" for name in node.names]
    return names


def taken_without_env(source: str) -> list[str]:
    """Return what an adapter must take from Env and does not."""
    return [f"line {line}: {name}" for line, name in names_used(source) if _covers(FROM_ENV, name)]


def wings_imported(source: str) -> list[str]:
    """Return the imports of what lies in a wing."""
    return [name for name in imported(source) if _covers(WING_MODULES, name)]


UNESCAPED = re.compile(r"\|\s*safe\b|autoescape\s*=\s*False|\{%-?\s*autoescape\b|\bMarkup\b|\bhtml\.escape\b")


def unescaped(source: str) -> list[str]:
    """Return what would put text into a page without the templates' own escaping."""
    return UNESCAPED.findall(source)


def http_client(source: str) -> list[str]:
    """Return the HTTP clients that are imported. Parsing takes long, and most files name none."""
    if not any(client.rpartition(".")[2] in source for client in HTTP_CLIENTS):
        return []
    return [name for name in imported(source) if _covers(HTTP_CLIENTS, name)]


def too_long(source: str, ceiling: int | None = CEILING) -> str | None:
    """Return why this file is too long, or None."""
    lines = source.count("\n")
    if ceiling is not None and lines > ceiling:
        return f"{lines} lines, and {ceiling} is the ceiling"
    if lines > LONG:
        comments = (
            token.string
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        )
        if not LONG_REASON.match(next(comments, "")):
            return f"{lines} lines, and its first comment is not '# Over {LONG} lines because ...'"
    return None


def _files(*parts: str) -> list[Path]:
    return sorted(file for part in parts for file in (PACKAGE / part).rglob("*.py"))


def _hold(files: Iterable[Path], check: Callable[[str], list[str]]) -> None:
    found = [f"{file.relative_to(ROOT)}: {what}" for file in files for what in check(file.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_pure_layers_touch_neither_clock_nor_chance_nor_the_machine() -> None:
    files = _files("domain", "wire", "services", *WINGS)
    assert len(files) > 5
    _hold(files, impure)


def test_the_core_never_imports_a_wing() -> None:
    """The layers of import-linter hold this too; here it stands by itself, and for imports inside functions as well."""
    files = _files("domain", "wire", "ports", "config", "services", "adapters")
    assert len(files) > 100
    _hold(files, wings_imported)


def test_a_wing_never_imports_the_other() -> None:
    for wing, other in (WINGS, WINGS[::-1]):
        files = _files(wing)
        assert len(files) > 5
        _hold(files, lambda source, other=other: [one for one in wings_imported(source) if one.split(".")[1] == other])  # type: ignore[misc]


def test_the_domain_imports_only_the_standard_library_msgspec_and_pydantic() -> None:
    _hold(_files("domain"), foreign_to_domain)


def test_adapters_take_clock_ids_chance_and_waiting_from_env() -> None:
    _hold(_files("adapters"), taken_without_env)


def test_one_file_speaks_http_as_a_client() -> None:
    may = {PACKAGE / "adapters" / "http_client.py", *_files("testing")}
    _hold([file for file in PACKAGE.rglob("*.py") if file not in may], http_client)


def test_templates_escape_whatever_is_put_into_a_page() -> None:
    templates = list(PACKAGE.rglob("*.html"))
    assert len(templates) > 3
    _hold([*templates, *PACKAGE.rglob("*.py")], unescaped)


FRAMEWORKS = frozenset("celery django fastapi flask".split())


def frameworks(source: str) -> list[str]:
    """Return the imports of what a platform runs on. Parsing takes long, and most files name none."""
    if not any(framework in source.lower() for framework in FRAMEWORKS):
        return []
    return [name for name in imported(source) if _covers(FRAMEWORKS, name)]


def test_frameworks_are_imported_by_their_adapters_alone() -> None:
    """Each by its own: who installs one needs no other."""
    adapters = _files("contrib")
    assert len(adapters) > 10
    _hold([file for file in PACKAGE.rglob("*.py") if file not in adapters], frameworks)
    for file in adapters:
        own = file.relative_to(PACKAGE / "contrib").parts[0].removesuffix(".py")
        assert {name.split(".")[0] for name in frameworks(file.read_text(encoding="utf-8"))} <= {own}, file


@pytest.mark.parametrize("planted", ["from django.db import models", "def f():\n    import flask"])
def test_a_planted_framework_is_caught(planted: str) -> None:
    assert frameworks(planted)


WRITERS = frozenset("builtins.print rich.console.Console rich.print sys.stdout.write typer.echo typer.secho".split())


def writes(source: str) -> list[str]:
    """Return what a module writes to the terminal by itself."""
    return [f"line {line}: {name}" for line, name in names_used(source) if _covers(WRITERS, name)]


def test_one_module_of_the_command_line_writes() -> None:
    files = [file for file in _files("faces/cli") if file.name != "screen.py"]
    assert len(files) > 10
    _hold(files, writes)


@pytest.mark.parametrize(
    "planted",
    ["print('x')", "import sys\nsys.stdout.write('x')", "import typer\ntyper.echo('x')", "from rich import print"],
)
def test_a_planted_writer_is_caught(planted: str) -> None:
    assert writes(planted)


def test_files_are_short_or_say_why_not() -> None:
    found = []
    for folder, ceiling in ((PACKAGE, CEILING), (ROOT / "tests", None)):
        for file in sorted(folder.rglob("*.py")):
            verdict = too_long(file.read_text(encoding="utf-8"), ceiling)
            if verdict:
                found.append(f"{file.relative_to(ROOT)}: {verdict}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "planted",
    [
        "import time",
        "from time import sleep",
        "import random as r",
        "def f():\n    import secrets",
        "import os\nos.urandom(8)",
        "from os import urandom",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid7 as new",
        "import socket",
        "import threading",
        "from concurrent.futures import ThreadPoolExecutor",
        "import datetime as d\nd.datetime.now(d.UTC)",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import date\nday = date.today",
        "open('x')",
        "from pathlib import Path",
        "print('x')",
        "import importlib\nimportlib.import_module('time')",
        "__import__('time')",
        "from m.ed25519 import Ed25519PrivateKey\nEd25519PrivateKey.generate()",
    ],
)
def test_a_planted_impurity_is_caught(planted: str) -> None:
    assert impure(planted)


@pytest.mark.parametrize(
    "pure",
    [
        "from uuid import UUID, uuid5\nuuid5(UUID(int=0), 'x')",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "def decide(store):\n    return store.now()",
        "def f(time):\n    return time.x",
        "from importlib.resources import files\nfiles('x').joinpath('y').read_text()",
        "def f(reader):\n    reader.open('x')",
    ],
)
def test_what_is_pure_is_let_through(pure: str) -> None:
    assert impure(pure) == []


@pytest.mark.parametrize("planted", ["import structlog", "from sqlalchemy import select", "def f():\n    import httpx"])
def test_a_planted_foreign_import_in_the_domain_is_caught(planted: str) -> None:
    assert foreign_to_domain(planted)


@pytest.mark.parametrize(
    "planted",
    [
        "import time\ntime.time()",
        "from random import random",
        "from concurrent.futures import ThreadPoolExecutor as Pool",
        "from uuid import uuid4",
    ],
)
def test_a_planted_clock_in_an_adapter_is_caught(planted: str) -> None:
    assert taken_without_env(planted)


@pytest.mark.parametrize(
    "planted",
    [
        "from kz_compliance_sdk.evidence.taking import packed",
        "from kz_compliance_sdk import transparency",
        "def f():\n    import kz_compliance_sdk.transparency.page",
    ],
)
def test_a_planted_import_of_a_wing_is_caught(planted: str) -> None:
    assert wings_imported(planted)


def test_what_is_named_like_a_wing_is_let_through() -> None:
    assert wings_imported("from kz_compliance_sdk.domain.evidence import grown") == []


def test_a_lock_and_a_thread_of_its_own_in_an_adapter_are_let_through() -> None:
    assert taken_without_env("import threading\nthreading.Lock()\nthreading.Thread(target=run)") == []


@pytest.mark.parametrize(
    "planted", ["import httpx", "from httpx import Client", "import urllib.request", "import http.client"]
)
def test_a_planted_http_client_is_caught(planted: str) -> None:
    assert http_client(planted)


@pytest.mark.parametrize(
    "planted",
    [
        "<p>{{ text | safe }}</p>",
        "<p>{{ text|safe }}</p>",
        "{% autoescape false %}",
        "Environment(autoescape=False)",
        "from markupsafe import Markup",
        "import html\nhtml.escape(text)",
    ],
)
def test_a_planted_text_that_is_not_escaped_by_its_template_is_caught(planted: str) -> None:
    assert unescaped(planted)


def test_a_planted_long_file_is_caught() -> None:
    long = "x = 1\n" * (LONG + 1)
    assert too_long(long)
    assert too_long("# Because.\n" + long)
    assert too_long("# Over 700 lines because the table is one thought.\n" + long) is None
    assert too_long("# Over 700 lines because the table is one thought.\n" + "x = 1\n" * CEILING)
    assert too_long("# Over 700 lines because the table is one thought.\n" + "x = 1\n" * CEILING, None) is None


SHARED_WITH_THE_MOCK = {"wire", "errors", "testing"}


def beyond_the_wire(source: str) -> list[str]:
    """Return what a module takes from the package beyond what the mock regulator may share with what it checks."""
    names = re.findall(r"^\s*from kz_compliance_sdk\.([a-z_0-9.]+) import", source, re.MULTILINE)
    return [name for name in names if not {name, name.split(".")[0]} & SHARED_WITH_THE_MOCK]


def test_the_mock_regulator_shares_the_wire_alone() -> None:
    _hold(_files("testing/mock_regulator"), beyond_the_wire)


def test_a_mock_that_leans_on_what_it_checks_is_seen() -> None:
    assert beyond_the_wire("from kz_compliance_sdk.services.intake import Intake\n") == ["services.intake"]
    assert beyond_the_wire("from kz_compliance_sdk.domain.notice import Notice\n") == ["domain.notice"]
    assert beyond_the_wire("from kz_compliance_sdk.wire.values import Notice\n") == []


@cache
def imported_at_run_time(source: str) -> frozenset[str]:
    """Return what a module imports when it runs, in a function too: all but what stands under `if TYPE_CHECKING`."""
    names: set[str] = set()
    waiting: list[ast.AST] = [parsed(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{name.name}" for name in node.names}
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        waiting += node.orelse if isinstance(node, ast.If) and typing_only else nested(node)
    return frozenset(names)


def circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Return the circles of imports among these modules, no module in two of them. `sources` is by dotted name."""
    graph = {
        module: {name if name in sources else name.rpartition(".")[0] for name in imported_at_run_time(source)}
        & sources.keys() - {module}
        for module, source in sources.items()
    }
    found = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1][1:]
            found.append(circle)
            graph = {module: needs - {*circle} for module, needs in graph.items() if module not in circle}
        else:
            return found


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {dotted(file): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}
    assert not circles(sources)


def test_planted_circles_are_found_and_counted() -> None:
    planted = {
        "p": "from p.a import x",
        "p.a": "def f():\n    from p import b",
        "p.b": "import p.c",
        "p.c": "from p.a import x",
        "p.d": "from p.e import x",
        "p.e": "from p.d import x",
    }
    assert sorted(sorted(circle) for circle in circles(planted)) == [["p.a", "p.b", "p.c"], ["p.d", "p.e"]]
    assert circles({**planted, "p.a": "if TYPE_CHECKING:\n    from p import b", "p.d": ""}) == []
