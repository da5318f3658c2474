"""A scene for each test over a copy of an empty store, a case's packs, and the program of the documentation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.browser import browser as browser
from tests.docs.blocks import DOCS, blocks
from tests.evidence.scene import (
    FORMS,
    HEAD,
    LEAD,
    Scene,
    public_text,
    scene,
)


@pytest.fixture
def folder(tmp_path: Path, kz_empty_store: Path) -> Path:
    """A folder with an empty store in it."""
    shutil.copyfile(kz_empty_store, tmp_path / "cases.sqlite3")
    return tmp_path


@pytest.fixture
def at(folder: Path) -> Iterator[Scene]:
    with scene(folder) as made:
        yield made


# Runs the program for each pack that it is told of, with nothing of this library in reach.
_DRIVER = """
import contextlib, io, json, runpy, sys
program, key = sys.argv[1:]
for line in sys.stdin:
    came = []
    packs, held = json.loads(line)
    for pack in packs:
        sys.argv = [program, pack, key, *held]
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                runpy.run_path(program, run_name="__main__")
        except SystemExit as stop:
            came.append((stop.code, out.getvalue()))
    assert not any(name.startswith("kz_compliance") for name in sys.modules)
    print(json.dumps(came), flush=True)
"""


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A pack of the same case in each form."""
    with scene(tmp_path_factory.mktemp("case")) as at:
        case_id = at.case()
        at.desk.record_view(LEAD, case_id)
        return {form: at.desk.evidence(HEAD, case_id, full=form == "full", reason="the court asked") for form in FORMS}


@pytest.fixture(scope="module")
def independent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., list[tuple[int, str]]]]:
    """The program of the page, run in a process of its own: exit code and output for each pack."""
    folder = tmp_path_factory.mktemp("program")
    (program,) = (block for block in blocks(DOCS / "guides" / "evidence.md") if block.title)
    (folder / program.title).write_text(program.text, encoding="utf-8")
    command = [sys.executable, "-c", _DRIVER, str(folder / program.title), str(folder / "key.txt")]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=env
    ) as process:
        assert process.stdin
        assert process.stdout
        asks, answers = process.stdin, process.stdout

        def run(*packs: bytes, public: str | None = None, held: bytes | None = None) -> list[tuple[int, str]]:
            (folder / "held.jsonl").write_bytes(held or b"")
            (folder / "key.txt").write_text(public or public_text(), encoding="utf-8")
            paths = [folder / f"{number}.zip" for number in range(len(packs))]
            for path, pack in zip(paths, packs, strict=True):
                path.write_bytes(pack)
            kept = [str(folder / "held.jsonl")] if held else []
            print(json.dumps([[str(path) for path in paths], kept]), file=asks, flush=True)
            came = answers.readline()
            assert came, f"the program ended with {process.wait()}"
            return [(code, said) for code, said in json.loads(came)]

        yield run
