"""Personal strings of 60 kinds in six encodings: after retention none is left in the bytes of the store, in logs, in
figures and in packs; and none ever stood in the arguments of a process."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import pwd
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from kz_compliance_sdk.adapters.sql import sqlite
from kz_compliance_sdk.domain.policy import Policy
from tests.blank import put_blank
from tests.cli_office import Office as CliOffice
from tests.cli_office import moments_ago
from tests.privacy.planted import PLANTED, TOLD, Life, encoded, found_in, life, notice
from tests.recorders import Everything

Lived = tuple[Life, Everything]
NEVER_KEPT = {"preview"}
"""What is shown to who decides, and never written down."""
ELSEWHERE = {"unmatched"}
"""What belongs to no case, and is read in none."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with life(tmp_path_factory.mktemp("planted")) as (made, log):
        made.end()
        yield made, log


@pytest.mark.slow
@pytest.mark.parametrize("encoding", encoded("x").keys())
def test_the_search_finds_each_kind_in_each_encoding(encoding: str) -> None:
    """Wherever in other bytes it begins. The control: what is not there is not found."""
    for name, text in PLANTED.items():
        for before in range(4):
            whole = "й" * before + "z" * (before % 2) + text + " and more"
            raw = {
                "utf-8": whole.encode(),
                "utf-16": b"z" * (before % 2) + whole.encode("utf-16"),
                "base64": base64.encodebytes(b"z" * before + text.encode() + b"...").replace(b"\n", b""),
                "percent": quote(whole).encode(),
                "json": json.dumps({"a": whole}).encode(),
                "hex": whole.encode().hex().encode(),
            }[encoding]
            assert f"{name} as {encoding} in it" in found_in({"it": raw}), (name, before)
    assert found_in({"it": b"nobody is named in here"}) == []


def test_there_are_as_many_kinds_as_there_are_doors() -> None:
    assert len(PLANTED) >= 28
    assert len(encoded("x")) == 6
    assert min(map(len, PLANTED.values())) >= 12


@pytest.mark.slow
def test_each_kind_could_be_read_before_its_time(lived: Lived) -> None:
    """The control of the run: what never came in would not be found either."""
    texts = b"".join(lived[0].texts.values()).decode("utf-8", "replace")
    unread = {name for name, text in PLANTED.items() if text not in texts and json.dumps(text)[1:-1] not in texts}
    assert unread == NEVER_KEPT | ELSEWHERE


@pytest.mark.slow
def test_nothing_is_left_after_retention(lived: Lived) -> None:
    places = lived[0].after()
    assert sum(name.startswith("the file") for name in places) >= 2
    assert found_in(places) == []


@pytest.mark.slow
def test_no_ciphertext_and_no_key_of_it_is_left(lived: Lived) -> None:
    """Whoever gets hold of the master key reads nothing out of free pages either."""
    assert len(lived[0].sealed) > 60
    assert left_of(lived[0]) == []


def left_of(made: Life) -> list[str]:
    """The files in which something that was sealed is left."""
    return [name for name, data in made.files.items() if any(one in data for one in made.sealed)]


@pytest.mark.slow
def test_nothing_was_ever_logged(lived: Lived) -> None:
    assert len(lived[1].lines) > 40
    assert found_in({"the log": lived[1].text}) == []


@pytest.mark.slow
def test_a_redacted_pack_holds_what_was_worded_for_the_regulator_alone(lived: Lived) -> None:
    assert sorted({one.split()[0] for one in found_in(lived[0].packs, but=TOLD)}) == []
    assert {one.split()[0] for one in found_in(lived[0].packs)} == TOLD, "the control: reports stand in it"


@pytest.mark.slow
def test_the_control_pages_that_are_not_overwritten_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OVERWRITE_ALL", "PRAGMA secure_delete = OFF")
    with life(tmp_path) as (made, _):
        made.end()
        assert left_of(made) == ["the file cases.sqlite3"]


@pytest.mark.slow
def test_the_control_a_word_in_an_open_field_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A law that stands in the chain as its notice cites it."""
    monkeypatch.setattr(Policy, "cited", lambda _policy, act, _article: act)
    with life(tmp_path) as (made, _):
        made.end()
        found = found_in(made.after())
    assert {one.split()[0] for one in found} == {"act"}
    assert {"the file cases.sqlite3", "the pack"} <= {one.rpartition(" in ")[2].partition(" of ")[0] for one in found}


class Watch:
    """Reads the arguments of every process that there is, for as long as commands run."""

    def __init__(self) -> None:
        self.seen: dict[int, bytes] = {}
        self._over = threading.Event()
        self._reads = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._reads.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._reads.join()

    def _look(self) -> None:
        while not self._over.is_set():
            for one in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    said = (one / "cmdline").read_bytes()
                    before = self.seen.get(int(one.name), b"")
                    self.seen[int(one.name)] = before if said in before else before + said
            time.sleep(0.02)


EDITOR = """
import shutil, sys, time
shutil.copyfile({words!r}, sys.argv[-1])
time.sleep(0.2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no list of processes to read")
def test_no_word_of_anybody_is_an_argument_of_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words come by a file, by standard input and by an editor, into commands that run as processes of their own. The
    control: a word that is an argument is found."""
    me = pwd.getpwuid(os.getuid()).pw_name
    office = CliOffice(tmp_path, monkeypatch)
    put_blank(office.store)
    office.config.write_text(
        office.config.read_text(encoding="utf-8").replace("[actors.aigerim]", f"[actors.{me}]"), encoding="utf-8"
    )
    given = office.write("notice.json", notice(1, int(time.time()) - 60).model_dump(mode="json", exclude_none=True))
    script = tmp_path / "editor.py"
    script.write_text(EDITOR.format(words=office.words(PLANTED["jotting"])), encoding="utf-8")
    base = [sys.executable, "-m", "kz_compliance_sdk", "--config", str(office.config)]

    def run(*arguments: str, stdin: str = "", terminal: bool = False) -> int:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [*base, *arguments],
            stdin=theirs if terminal else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=theirs if terminal else None,
            env={**os.environ, "VISUAL": f"{sys.executable} {script}"},
        )
        try:
            child.communicate(None if terminal else stdin.encode(), timeout=120)
        finally:
            child.kill()
            os.close(ours)
            os.close(theirs)
        assert child.returncode == 0, arguments
        return child.pid

    name = notice(1, 0).notice_id
    with Watch() as watch:
        received = ("--received-at", moments_ago(), "--yes")
        by_file = run("notices", "enter", "--file", given, "--how", office.words(PLANTED["how"]), *received)
        by_input = run("cases", "note", name, "--text", "-", stdin=PLANTED["note"])
        said = run("cases", "alarm", name, "--reason", office.words(PLANTED["alarm"]))
        by_editor = run("cases", "note", name, terminal=True)
        shown = run("cases", "show", name)
    assert all(b"kz_compliance_sdk" in watch.seen[pid] for pid in (by_file, by_input, said, by_editor, shown))
    assert any(b"editor.py" in one for one in watch.seen.values())
    assert PLANTED["jotting"] in office.ok("cases", "show", name, user=me), "the control: it came in"
    assert found_in({f"the arguments of {pid}": one for pid, one in watch.seen.items()}) == []
    with Watch() as watch:
        careless = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)", PLANTED["how"]])
        careless.wait()
    assert f"how as utf-8 in {careless.pid}" in found_in({str(pid): one for pid, one in watch.seen.items()})
