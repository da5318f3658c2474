"""What the pages say is true of the code: commands, settings, links, numbers, roles; and their examples run."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient
from typer.main import get_command

from kz_compliance_sdk import Settings
from kz_compliance_sdk.adapters.sql import schema
from kz_compliance_sdk.adapters.sql.store import MOST_WAITING
from kz_compliance_sdk.adapters.troubles import REMIND_S
from kz_compliance_sdk.config.sections import LimitSettings
from kz_compliance_sdk.domain import change, clock, commands
from kz_compliance_sdk.domain.change import LEASE_S, PARK_AFTER_REFUSED_S, next_attempt_at
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.domain.decision import Action
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.report import Report
from kz_compliance_sdk.domain.review_policy import VIEW_AGAIN_AFTER_S
from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.faces.cli import demo_stage, demo_stories, doctor
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.services import intake, outcomes
from kz_compliance_sdk.services.health import SILENT_AFTER_S
from kz_compliance_sdk.testing import agreement, keys
from kz_compliance_sdk.testing.conformance.bad_inputs import CASES
from kz_compliance_sdk.wire import strict_json
from kz_compliance_sdk.wire.signature import WINDOW_S, KeyRing, Profile, keyring, verify
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import ENVELOPES, read_message, read_problem, read_receipt
from tests.docs.blocks import DOCS, ROOT, Block, blocks
from tests.docs.site import INTAKE_PATH, settings_file, signed_notice
from tests.kills.campaign.run import SPEED, Campaign
from tests.review.races.pairs import PAIRS
from tests.table.steps import STEPS, Step

README = ROOT / "README.md"
GENERATED = {
    "states.md", "settings.md", "cli.md", "exit-codes.md", "figures.md", "flags.md", "bad-inputs.md",
    "conformance-checks.md", "errors.md",
}  # fmt: skip
PAGES = [README, *sorted(path for path in DOCS.rglob("*.md") if path.name not in GENERATED)]
PYTHON = [(page, block) for page in PAGES for block in blocks(page) if block.language == "python"]


def _name(given: object) -> str:
    return str(given.relative_to(ROOT)) if isinstance(given, Path) else f"line-{getattr(given, 'line', given)}"


def _text(page: str) -> str:
    """A page with its lines joined, as a reader sees it."""
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=_name)
def test_every_name_that_an_example_imports_exists(page: Path, block: Block) -> None:
    """Examples compile, and what they import from this library is there."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kz_compliance_sdk"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name), f"{page.name}: {node.module} has no {alias.name}"


def test_the_examples_of_law_and_policy_run_in_their_order() -> None:
    """Its blocks share their names, as a reader would type them, and hold their own assertions."""
    names: dict[str, Any] = {}
    found = [block for block in blocks(DOCS / "concepts" / "law-and-policy.md") if block.language == "python"]
    assert found
    for block in found:
        exec(compile(block.text, f"law-and-policy.md:{block.line}", "exec"), names)  # noqa: S102  our own page


def test_the_readme_begins_with_the_two_commands_that_a_script_takes_from_it() -> None:
    """The first two `sh` blocks hold one command line each: the demonstration, and the tests."""
    demo, tests = [block.text.strip() for block in blocks(README) if block.language == "sh"][:2]
    assert "\n" not in demo + tests
    assert demo.startswith("python3 -c 'import sys; ")
    assert "python3 -m venv " in demo
    assert demo.endswith("kz-compliance demo")
    assert tests.startswith("python3 -m venv ")
    assert tests.endswith("tests.gate --tests")


@pytest.mark.parametrize(("version", "says"), [((2, 7), "needs Python 3.11"), ((3, 10, 13), "needs Python 3.11")])
def test_the_first_command_of_the_readme_names_the_python_that_it_needs(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], says: str
) -> None:
    """An old one gets no traceback of pip, and one that will do goes on. It is written as each of them reads it."""
    command = next(block.text for block in blocks(README) if block.language == "sh").partition(" && ")[0]
    check = shlex.split(command)[2]
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as ended:
        exec(compile(check, "README.md", "exec"), {})  # noqa: S102  our own page
    assert ended.value.code == says


@pytest.mark.slow
def test_the_first_integration_of_the_readme_takes_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, with nothing but the platform's own enforcer: a signed push becomes a case."""
    (block,) = (block for block in blocks(README) if block.language == "python")
    platform = ModuleType("my_platform")
    vars(platform)["enforcer"] = type("Enforcer", (), {"enforce": None, "restore": None})()
    monkeypatch.setitem(sys.modules, "my_platform", platform)
    monkeypatch.setenv("KZ_COMPLIANCE_CONFIG", str(settings_file(tmp_path)))
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block.text, "README.md", "exec"), names)  # noqa: S102  our own page
    headers, body = signed_notice()
    with TestClient(names["create_app"]()) as client:
        assert client.post(INTAKE_PATH, content=body, headers=headers).status_code == 202
        assert client.get(f"{INTAKE_PATH}/health").json()["open_cases"] == {"queued": 1}


def test_the_links_of_the_readme_lead_to_files() -> None:
    """The build of the documentation does not see the README."""
    targets = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).is_file()] == []


def _commands(command: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if hasattr(command, "list_commands"):
        command.list_commands(None)
    below: dict[str, Any] = getattr(command, "commands", {})
    return {path}.union(*(_commands(one, (*path, name)) for name, one in below.items()))


def unknown_commands(text: str, known: set[tuple[str, ...]]) -> list[str]:
    """Commands of `kz-compliance` in code that the command line does not have."""
    unknown = []
    for words in re.findall(r"(?:^|[`/ ])kz-compliance((?: [a-z][a-z-]*)+)", text, re.MULTILINE):
        path = tuple(words.split())
        group = any(one[:1] == path[:1] and len(one) > 1 for one in known)
        if path[: 2 if group else 1] not in known:
            unknown.append(words.strip())
    return unknown


@pytest.fixture(scope="module")
def known() -> set[tuple[str, ...]]:
    return _commands(get_command(app)) | {("demo",)}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_names_exists(page: Path, known: set[tuple[str, ...]]) -> None:
    """In code spans and in console blocks; the demonstration is registered when its files are there."""
    source = page.read_text(encoding="utf-8")
    code = "\n".join([*re.findall(r"`(kz-compliance [^`\n]+)`", source), *(block.text for block in blocks(page))])
    assert unknown_commands(code, known) == []


def test_a_command_that_does_not_exist_is_seen() -> None:
    """The control of the check above."""
    known = {(), ("serve",), ("cases",), ("cases", "list")}
    assert unknown_commands("kz-compliance cases list\nkz-compliance serve --port 1", known) == []
    assert unknown_commands("kz-compliance cases burn X\n.venv/bin/kz-compliance servee", known) == [
        "cases burn",
        "servee",
    ]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    """`table.key` in a code span, where the table is one of the settings'."""
    tables = {
        name: getattr(field.annotation, "model_fields", {})
        for name, field in Settings.model_fields.items()
        if hasattr(field.annotation, "model_fields")
    }
    assert {"store", "limits", "regulator"} <= set(tables)
    spans = re.findall(r"`([a-z_]+)\.([a-z_]+)`", page.read_text(encoding="utf-8"))
    wrong = [f"{table}.{key}" for table, key in spans if table in tables and key not in tables[table]]
    assert wrong == []


@pytest.mark.parametrize(
    ("page", "says", "value", "is_so"),
    [
        ("concepts/review.md", "15 minutes in the packaged policy", kz_policy().lease_s, 15 * 60),
        ("concepts/overview.md", "60 seconds in the packaged policy", kz_policy().undo_window_s, 60),
        ("concepts/clock.md", "more than five minutes old", SILENT_AFTER_S, 300),
        ("operations.md", "its lease, two minutes, has run out", LEASE_S, 120),
        ("operations.md", "At most 8,192 writes", MOST_WAITING, 8192),
        ("operations.md", "`store.cache_mib` (12 MiB)", Settings.model_fields["store"].default.cache_mib, 12),
        ("operations.md", "`store.max_waiting`", Settings.model_fields["store"].default.max_waiting, 8192),
        ("operations.md", "at most 262,144 bytes", LimitSettings().max_body, 262_144),
        ("contract/index.md", "The window is 300 seconds either way", WINDOW_S, 300),
        ("concepts/delivery.md", "after the first attempt is 4 seconds", next_attempt_at(0, 1, None, 0.0), 4),
        ("concepts/delivery.md", "never longer than 15 minutes", next_attempt_at(0, 60, None, 0.0), 15 * 60),
        ("concepts/delivery.md", "an eighth of the time that is left", next_attempt_at(0, 60, 800, 0.0), 100),
        ("concepts/delivery.md", "(but 5 seconds at least)", next_attempt_at(0, 60, 24, 0.0), 5),
        ("concepts/delivery.md", "it is 3 minutes at most", next_attempt_at(0, 60, -1, 0.0), 180),
        ("concepts/delivery.md", "for a whole hour for a reason", PARK_AFTER_REFUSED_S, 3600),
        ("concepts/delivery.md", "after five attempts people are alerted", outcomes.PAGE_AFTER_ATTEMPTS, 5),
        ("concepts/delivery.md", "After five failures in a row", change.OPENS_AFTER, 5),
        ("guides/custom-regulator.md", "is parked after an hour of refusals", PARK_AFTER_REFUSED_S, 3600),
        ("operations.md", "every five minutes", REMIND_S, 300),
        ("operations.md", "expire within 30 days", doctor.KEY_WARNING_S, 30 * 86_400),
        ("operations.md", "Up to 256 MiB", doctor.MOST_SCANNED, 256 * 2**20),
        (
            "security.md",
            "at most 32 levels and 5,000 values",
            (strict_json.MAX_DEPTH, strict_json.MAX_NODES),
            (32, 5000),
        ),
        ("security.md", "128, and 32,768 bytes together", (intake.MAX_HEADERS, intake.MAX_HEAD), (128, 32_768)),
        ("security.md", "| 32, of them 4 with Ed25519 |", keyring.MAX_SIGNATURES, 32),
        ("security.md", "of them 4 with Ed25519", keyring.MAX_ED25519_SIGNATURES, 4),
        ("changelog.md", "The schema is 0023", schema.HEAD, "0023"),
        ("reliability.md", "catalogue of 199", len(CASES), 199),
        ("reliability.md", "27 pairs of steps", len(PAIRS), 27),
        ("concepts/clock.md", "asks every seven days", clock.LOOK_S, 7 * 86_400),
        ("reliability.md", "pushes 500 notices", Campaign().notices, 500),
        ("reliability.md", "at 100 random points", Campaign().kills, 100),
        ("reliability.md", "Three in ten of the answers to reports", Campaign().lost_replies, 0.3),
        ("reliability.md", "thirty times as fast", SPEED, 30),
        ("demo.md", "undo window is 2 seconds", demo_stage.UNDO_S, 2),
        ("demo.md", "1 to 9,999", demo_stories.MAX_SEED, 9_999),
        ("guides/evidence.md", "One view stands for all of that person's for 15 minutes", VIEW_AGAIN_AFTER_S, 15 * 60),
    ],
)
def test_a_number_on_a_page_is_the_number_in_the_code(page: str, says: str, value: object, is_so: object) -> None:
    """The page says it, and it is so."""
    assert says in _text(page)
    assert value == is_so


def test_the_table_of_roles_is_that_of_the_commands() -> None:
    """Every row of the table, from which the page is made, gives the roles that the command lets take the step, and no
    command is left out."""
    told = {_COMMAND.get(step.name, step.name): (step.may, step.never_head) for step in STEPS if step.may is not None}
    may = {kind.step.replace(" ", "_"): kind.may for kind in commands.KINDS if kind.may is not LEASE}
    assert {name: told.get(name) for name in may} == {name: (of.names, of.never_head) for name, of in may.items()}
    assert told.keys() - may.keys() == _OF_METHODS


def test_an_event_is_as_lawful_as_the_steps_that_tell_it() -> None:
    """Nothing was released yet: what an event lets bring it about is what the commands let, no more and no less."""
    told: dict[str, list[Step]] = {}
    for step in STEPS:
        for event in step.events:
            told.setdefault(event, []).append(step)
    for name, steps in told.items():
        may = KINDS[name].may
        if may.names:
            assert may.names == frozenset().union(*(step.may or () for step in steps)), name
            assert may.never_head == all(step.never_head for step in steps), name


_COMMAND = {
    "check_law": "record_legal_check",
    "refuse": "propose",
    "approve_unseen": "approve",
    "send_back_unseen": "send_back",
    "reopen_item": "reopen",
    "ask": "request_clarification",
    "alarm": "raise_alarm",
    "contest": "record_contest",
    "delay_user_notice": "delay_user_notices",
    "appeal": "receive_appeal",
    "uphold": "decide_appeal",
    "reverse": "decide_appeal",
}
_OF_METHODS = {"claim", "look", "enter", "record_delivery", "retry", "export", "evidence", "evidence_full"}
"""The steps that no command takes: the table alone says who may, and the walk through it holds the code to that."""


def test_the_notice_of_the_contract_is_one() -> None:
    """The example on the page is read as the wire reads it, and the table names every type of message."""
    message = read_message(_contract_json("").encode())
    assert isinstance(message.data, Notice)
    page = (DOCS / "contract" / "index.md").read_text(encoding="utf-8")
    assert [kind for kind in ENVELOPES if f"| `{kind}` |" not in page] == []


def _contract_json(title: str) -> str:
    (block,) = (b for b in blocks(DOCS / "contract" / "index.md") if (b.language, b.title) == ("json", title))
    return block.text


def test_the_answers_of_the_contract_are_read_as_the_wire_reads_them() -> None:
    """The report holds no field that the model forbids, the receipt speaks of it, and a problem names its code."""
    report = read(Report, _contract_json("report.json").encode())
    assert read_receipt(_contract_json("receipt.json").encode()).subject_id == report.report_id
    problem = read_problem(_contract_json("problem.json").encode())
    assert problem is not None
    assert (problem.code, problem.status) == ("schema_missing", 422)


@pytest.mark.parametrize("profile", ["rfc9421", "standard-webhooks"])
def test_the_signed_examples_of_the_contract_are_authentic(profile: Profile) -> None:
    """Each request verifies with the published test key; the control is one with another letter in its body."""
    (block,) = (b for b in blocks(DOCS / "contract" / "index.md") if (b.language, b.title) == ("http", profile))
    head, _, body = re.sub(r"\\\n *", "", block.text).partition("\n\n")
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in head.splitlines()[1:])]
    ring, content = KeyRing([keys.regulator_key(profile)], allow_test_keys=True), body.strip().encode()
    url, at = f"https://social.example{INTAKE_PATH}", 1_795_503_600
    assert verify(ring, "POST", url, headers, content, at).profile == profile
    assert read_message(content).id == "msg_02"
    with pytest.raises(NotAuthentic):
        verify(ring, "POST", url, headers, content.replace(b"0000001", b"0000002"), at)


def test_the_guide_names_every_action_that_an_enforcer_is_asked_for() -> None:
    """And no other: an effect is made from a decision's action alone."""
    (told,) = re.findall(r"- `effect\.action` is (.+?), and `effect\.scope`", _text("guides/fastapi.md"))
    assert set(re.findall(r"`([a-z_]+)`", told)) == set(get_args(Action)) - {"none"}


def test_the_table_of_the_demonstration_is_its_stories() -> None:
    """Number, title and way of every story, in their order; every option and every check that the page names exists."""
    page = (DOCS / "demo.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\d+) \| (.+?) \| (pushed|polled|both|typed in) \|$", page, re.MULTILINE)
    real = [(str(n), story.title, story.way) for n, story in enumerate(demo_stories.stories(1, 1_795_503_600), 1)]
    assert told == real
    command = get_command(app).commands["demo"]  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"^\| `(--[a-z]+)", page, re.MULTILINE)) == options - {"--help"}
    demo = Path(demo_stories.__file__).parent.glob("demo*.*")
    code = "".join(path.read_text(encoding="utf-8") for path in demo)
    code += Path(agreement.__file__).read_text(encoding="utf-8")
    shelves = {f"{shelf.replace('_', ' ')} agree" for shelf in agreement._SHELVES.values()}
    checks = re.findall(r"^\| ([a-z][^|]+?) \|", page[page.index("| Check |") : page.index("## Exit")], re.MULTILINE)
    assert len(checks) == 21
    assert [check for check in checks if check not in shelves and f'"{check}"' not in code] == []
