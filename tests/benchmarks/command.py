"""The command line, run in a process of its own over a store, and what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kz_compliance_sdk.faces.cli.session import system_user
from tests.benchmarks import samples

# A child's own peak: what the system tells of it after its end begins with the memory of the process that it came from.
_RUN = """
import atexit, pathlib, re, sys

def told():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

atexit.register(told)
from kz_compliance_sdk.faces.cli import main
main(sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What a command took: seconds, seconds of CPU, and its peak of resident memory in MiB."""

    wall: float
    cpu: float
    peak: float


def used_by(store: Path, *arguments: str) -> Used:
    """What one run of the command line over this store took. A run that fails is none."""
    settings, peak = store.with_suffix(".toml"), store.with_suffix(".peak")
    settings.write_text(
        f'platform_id = "{samples.PLATFORM}"\npublic_url = "http://127.0.0.1:8000"\nallow_test_keys = true\n\n'
        f'[store]\npath = "{store.name}"\n\n[actors.{system_user()}]\nid = "lead"\nroles = ["lead", "legal"]\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-c", _RUN, str(peak), "--config", str(settings), *arguments]
    started = time.perf_counter()
    cpu = cpu_of(command)
    return Used(time.perf_counter() - started, cpu, int(peak.read_text()) / 1024)


def cpu_of(command: Sequence[str]) -> float:
    """Seconds of CPU that a process took. One that fails is none."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"the command ended with {process.returncode}"
    return usage.ru_utime + usage.ru_stime
