"""The guides for testing and for CI: what they show runs, in the example project with the commands of its workflow."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kz_compliance_sdk.testing import pytest_plugin
from kz_compliance_sdk.testing.broken import BROKEN
from kz_compliance_sdk.testing.pytest_plugin import PROFILES
from tests.docs.blocks import DOCS, ROOT, blocks, write_files
from tests.plugin.plugin_project import environment, project, run_pytest
from tests.waiting import PATIENCE_S

GUIDE, CI = DOCS / "guides" / "testing.md", DOCS / "guides" / "ci.md"
EXAMPLE = ROOT / "examples" / "platform"
WORKFLOWS = (".github/workflows/contract.yml", ".gitlab-ci.yml")

NO_NETWORK = '''
"""Loaded with -p: a connection, or a question for an address, fails the test."""
import socket
import pytest

@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("this test uses a network")
    for name in ("connect", "connect_ex", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files of the guide, and a plugin that forbids the network."""
    write_files(GUIDE, tmp_path)
    (tmp_path / "no_network.py").write_text(NO_NETWORK, encoding="utf-8")
    return tmp_path


def _passed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.findall(r"(\d+) passed", done.stdout)[-1])


def _run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_pytest(place, "-p", "kz_compliance", "-W", "error", *arguments)


# The guide.


def test_the_first_test_has_at_most_ten_lines_and_needs_no_other_file() -> None:
    (first,) = (block for block in blocks(GUIDE) if block.title == "test_first.py")
    lines = [line for line in first.text.splitlines() if line.strip()]
    assert 0 < len(lines) <= 10
    assert "import" not in first.text
    assert first.text.count("assert ") >= 2


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["the plugin's desk", "the application of the page"])
def test_the_guide_passes_without_a_network(place: Path, whose: str) -> None:
    """Every file but the one that is about sockets; with the plugin's desk, no file stands beside the tests."""
    if whose == "the plugin's desk":
        (place / "conftest.py").unlink()
    files = sorted(path.name for path in place.glob("test_*.py") if path.name != "test_socket.py")
    assert len(files) >= 5
    assert _passed(_run(place, "-p", "no_network", *files)) > len(BROKEN)


@pytest.mark.slow
def test_what_needs_a_network_passes_with_one_and_is_seen_without(place: Path) -> None:
    """The second half is the control of the two tests above."""
    assert _passed(_run(place, "test_socket.py")) == 1
    refused = _run(place, "-p", "no_network", "test_socket.py")
    assert refused.returncode == 1
    assert "this test uses a network" in refused.stdout


def test_the_guide_names_every_fixture_and_every_way_to_break_a_notice() -> None:
    page = GUIDE.read_text(encoding="utf-8")
    fixtures = {name for name in vars(pytest_plugin) if name.startswith("kz_")}
    assert [name for name in sorted(fixtures) if f"`{name}`" not in page] == []
    rows = {
        status: set(re.findall(r"`([a-z0-9_]+)`", row))
        for row in re.findall(r"^\| 4.*$", page, re.MULTILINE)
        for status in re.findall(r"4\d\d", row.split("|")[1])
    }
    named = {name: recipe.status for name, recipe in BROKEN.items() if name in rows.get(str(recipe.status), set())}
    assert named == {name: recipe.status for name, recipe in BROKEN.items()}


# The files for CI.


def _commands(name: str) -> list[str]:
    """The command lines of a workflow."""
    workflow: dict[str, Any] = yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))
    if name == ".gitlab-ci.yml":
        return [str(line) for line in workflow["contract"]["script"]]
    return [step["run"] for step in workflow["jobs"]["contract"]["steps"] if "run" in step]


def _matrix(name: str) -> list[str]:
    workflow: dict[str, Any] = yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))
    if name == ".gitlab-ci.yml":
        (row,) = workflow["contract"]["parallel"]["matrix"]
        return [str(profile) for profile in row["PROFILE"]]
    return [str(profile) for profile in workflow["jobs"]["contract"]["strategy"]["matrix"]["profile"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_what_the_page_shows_and_is_shaped_as_its_service_wants_it(name: str) -> None:
    text = (EXAMPLE / name).read_text(encoding="utf-8")
    (shown,) = (block for block in blocks(CI) if block.title == name)
    assert shown.text == text
    workflow = yaml.safe_load(text)
    assert _matrix(name) == list(PROFILES)
    if name == ".gitlab-ci.yml":
        assert set(workflow) == {"contract"}
        assert workflow["contract"]["artifacts"]["reports"]["junit"] in _commands(name)[-1]
        return
    # YAML 1.1 reads the key `on` as true, and GitHub does not.
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    job = workflow["jobs"]["contract"]
    assert set(job) == {"runs-on", "timeout-minutes", "strategy", "steps"}
    for step in job["steps"]:
        assert ("uses" in step) is not ("run" in step)
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_a_workflow_installs_exists(name: str) -> None:
    """The extra of the example, in it this library by name, and of it the extra `testing`."""
    install, _ = _commands(name)
    assert shlex.split(install) == ["python", "-m", "pip", "install", "-e", ".[test]"]
    example = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = example["optional-dependencies"]["test"]
    assert f"{project()['name']}[testing]" in wanted
    assert any(requirement.startswith("pytest>=") for requirement in wanted)
    assert {"testing", "web"} <= set(project()["optional-dependencies"])
    (shown,) = (block for block in blocks(CI) if block.title == "pyproject.toml")
    assert set(tomllib.loads(shown.text)["project"]["optional-dependencies"]["test"]) <= set(wanted)


# The example project.


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The example in a folder of its own."""
    folder = tmp_path / "platform"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return folder


def _as_in_ci(folder: Path, name: str, profile: str) -> subprocess.CompletedProcess[str]:
    _, test = _commands(name)
    line = test.replace("${{ matrix.profile }}", profile).replace("$PROFILE", profile)
    assert "--kz-seed=random" in line
    line = line.replace("--kz-seed=random", "--kz-seed=20261126")  # here a run is the same each time
    assert "$" not in line
    words = shlex.split(line)
    assert words[0] == "python"
    return subprocess.run(
        [sys.executable, *words[1:]],
        cwd=folder,
        env=environment(folder.parent),
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "profile"), list(zip(WORKFLOWS, PROFILES, strict=True)))
def test_the_example_passes_with_the_command_of_its_workflow(copy: Path, name: str, profile: str) -> None:
    done = _as_in_ci(copy, name, profile)
    assert _passed(done) > 20
    assert f"--kz-profile={profile}" in done.stdout
    assert (copy / "contract.xml").read_text(encoding="utf-8").startswith("<?xml")


HAPPY = "test_a_photo_is_hidden_in_kazakhstan_alone_once_a_person_has_decided"
CANCELLED = "test_a_cancelled_order_brings_the_photo_back"
MISTAKES = {
    "hides everywhere": ("content.py", "frozenset(effect.scope)", 'frozenset("*")', {HAPPY}),
    "never restores": ("content.py", "self._apply(effect, frozenset())", "InForce(self._clock())", {CANCELLED}),
    "is mounted elsewhere": ("app.py", 'app.mount("/kz"', 'app.mount("/legal"', {HAPPY, CANCELLED}),
}
"""What is wrong: the file, the right words and the wrong ones, and the tests that must fail."""


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_example_finds_a_planted_mistake(copy: Path, mistake: str) -> None:
    """The control: tests that pass on a platform with these mistakes would prove nothing."""
    file, right, wrong, found_by = MISTAKES[mistake]
    path = copy / "photos" / file
    source = path.read_text(encoding="utf-8")
    assert source.count(right) == 1
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    done = run_pytest(copy, "-p", "kz_compliance", "-rf", "-k", f"{HAPPY} or {CANCELLED}")
    assert done.returncode == 1
    assert found_by <= set(re.findall(r"^FAILED tests/\w+\.py::(\w+)", done.stdout, re.MULTILINE))


@pytest.fixture(autouse=True)
def _no_left_overs() -> Iterator[None]:
    """A test works on copies: the example that is in the repository stays as it is."""
    before = {path: path.stat().st_mtime_ns for path in EXAMPLE.rglob("*.py")}
    yield
    assert {path: path.stat().st_mtime_ns for path in EXAMPLE.rglob("*.py")} == before
