"""The quickstart's files and commands, run in the order of the page, end in a closed case and a whole ledger."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kz_compliance_sdk import Settings
from tests.docs.blocks import DOCS, ROOT, blocks, write_files
from tests.waiting import PATIENCE_S, comes, free_port

PAGE = DOCS / "quickstart.md"


class Reader:
    """Somebody who types what the page says, in a folder of their own; only the ports differ."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"8000": str(free_port()), "8800": str(free_port())}
        for path in write_files(PAGE, folder).values():
            path.write_text(self._ported(path.read_text(encoding="utf-8")), encoding="utf-8")
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KZ_COMPLIANCE_")},
            "PYTHONPATH": str(ROOT),
        }
        self.answers: dict[str, str] = {}

    def _ported(self, text: str) -> str:
        for written, free in self.ports.items():
            text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{free}")
        return text

    def _argv(self, command: str) -> list[str]:
        words = shlex.split(self._ported(command))
        if words[0].endswith("/kz-compliance"):
            words[:1] = [sys.executable, "-m", "kz_compliance_sdk"]
            port = {"mock-regulator": "8800", "serve": "8000"}.get(words[3])
            words += ["--port", self.ports[port]] if port else []
        elif words[0].endswith("/python"):
            words[0] = sys.executable
        return words

    def types(self, command: str) -> None:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.environ[name] = value
            return
        done = subprocess.run(
            self._argv(command),
            cwd=self.folder,
            env=self.environ,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self.answers[command] = done.stdout

    @contextmanager
    def terminal(self, command: str, log: Path) -> Iterator[None]:
        """A process that is there until the end; it is ready when it says so."""
        with log.open("wb") as written:
            process = subprocess.Popen(
                self._argv(command), cwd=self.folder, env=self.environ, stdout=written, stderr=written
            )
        try:
            comes(lambda: log.read_bytes() or process.poll() is not None)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)

    def waits_for(self, state: str) -> None:
        command = f".venv/bin/kz-compliance cases list --notice KZ-2026-0000001 --state {state} --json"

        def found() -> list[object]:
            self.types(command)
            cases: list[object] = json.loads(self.answers[command])["cases"]
            return cases

        comes(found)


@pytest.mark.slow
def test_the_quickstart_leads_to_a_closed_case(tmp_path: Path) -> None:
    """Every command of the page succeeds; after the decision the case is closed, and the enforcer was called once."""
    reader = Reader(tmp_path)
    install, *steps = [block for block in blocks(PAGE) if block.language == "console"]
    assert "pip install" in install.text
    worker_log = tmp_path / "worker.log"
    with ExitStack() as terminals:
        for block in steps:
            commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
            assert commands, f"line {block.line}: no command"
            if block.title.startswith("terminal"):
                log = worker_log if "worker" in commands[0] else tmp_path / f"{block.title}.log"
                terminals.enter_context(reader.terminal(commands[0], log))
                continue
            if any("audit verify" in command for command in commands):
                reader.waits_for("closed")
            for command in commands:
                reader.types(command)
        assert worker_log.read_text(encoding="utf-8").count("hidden: ") == 1
        _try_four_eyes(reader)


def _try_four_eyes(reader: Reader) -> None:
    """What the page says about a notice that takes two people."""
    reader.types(".venv/bin/kz-compliance mock issue 13")
    reader.types(".venv/bin/kz-compliance cases claim KZ-2026-0000013")
    decide = ".venv/bin/kz-compliance cases decide KZ-2026-0000013 --file proposal.json --yes"
    reader.types(decide)
    assert "waits for a second person" in reader.answers[decide]
    reader.types(".venv/bin/python approve.py")
    assert json.loads(reader.answers[".venv/bin/python approve.py"])["approved_by"] == ""
    show = ".venv/bin/kz-compliance cases show KZ-2026-0000013 --json"
    reader.types(show)
    assert json.loads(reader.answers[show])["decisions"][0]["approved_by"] == "a-lawyer"


def test_a_key_of_ones_own_is_one_that_the_settings_take(tmp_path: Path) -> None:
    """What the page's script prints passes for a signing key and for a trusted key."""
    script = write_files(PAGE, tmp_path)["make_key.py"]
    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    secret, public = (line.partition("= ")[2] for line in done.stdout.splitlines())
    settings = Settings.load(
        environ={},
        platform_id="social",
        public_url="https://social.example",
        signing_key={"key_id": "ours", "secret": secret},
        keys=[
            {
                "key_id": "theirs",
                "public_key": public,
                "sender": "regulator",
                "authorities": ["authorised-body"],
                "not_before": 0,
                "not_after": 4_102_444_800,
            }
        ],
    )
    signing = settings.signing()
    assert signing is not None
    assert [key.material for key in settings.key_ring().keys] == [signing.verification_material()]
