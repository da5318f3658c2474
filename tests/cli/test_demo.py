"""The demonstration as a user runs it, and controls: whatever does not agree must be found and named."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from kz_compliance_sdk.faces.cli import demo_stage, screen
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.faces.cli.demo_stage import Stage
from kz_compliance_sdk.faces.cli.demo_stories import MAX_SEED, stories
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import agreement
from kz_compliance_sdk.testing.agreement import Check, Sent
from kz_compliance_sdk.testing.mock_regulator import ControlClient
from tests.waiting import PATIENCE_S, heed_interrupts

COMMAND = (sys.executable, "-m", "kz_compliance_sdk")
NOW = 1_795_000_000


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=cwd, timeout=4 * PATIENCE_S)


def processes_of(kept: Path) -> list[str]:
    """The processes whose command line names the directory of a run."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if bytes(kept) in line.read_bytes():
                found.append(line.parent.name)
    return found


# ------------------------------------------------------------------------------------------------- the whole run


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["rfc9421", "standard-webhooks"])
def test_it_shows_the_main_job_and_the_books_agree(tmp_path: Path, profile: str) -> None:
    kept = tmp_path / "kept"
    ended = run("demo", "--json", "--fast", "--profile", profile, "--keep", str(kept), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["agrees"] is True
    rows = {row["story"]: row for row in document["notices"]}
    assert len(rows) >= 20
    assert {row["came"] for row in rows.values()} == {"pushed", "polled", "both", "typed in"}
    # What the issue of this demonstration asks to be seen.
    assert len(rows["partial"]["outcomes"]) == 3
    assert rows["letter"]["receipt_id"].startswith("post ")
    assert rows["withdrawn"]["outcomes"] == rows["annulled"]["outcomes"] == {"1": "restored"}
    assert rows["remedied_account"]["outcomes"] == {"1": "restored"}
    assert rows["remedied_post"]["outcomes"] == {"1": "removed"}
    assert rows["forgery"]["case"] is None
    for row in rows.values():
        assert row["state"] in ("closed", "cancelled", None)
        if row["outcomes"]:
            assert row["receipt_id"]
            assert row["receipt_with_left_s"] > 0
    assert all(check["holds"] and not check["differences"] for check in document["checks"])
    assert "queued" in ended.stderr, "progress goes to stderr"
    assert not processes_of(kept), "no process outlives the run"
    again = run("demo", "--keep", str(kept), cwd=tmp_path)
    assert again.returncode == 7
    assert "not empty" in again.stderr


@pytest.mark.slow
def test_books_that_do_not_agree_end_with_4_and_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a regulator that lost one report and holds another outcome than was decided."""
    honest, lost = ControlClient.books, []

    def dishonest(self: ControlClient, platform_id: str) -> dict[str, Any]:
        books = honest(self, platform_id)
        reported = [notice for notice in books["notices"].values() if notice["reports"]]
        if len(reported) > 25:  # at the end, when the books are held against each other
            lost.append(reported[0]["reports"].pop()["idempotency_key"])
            reported[1]["outcomes"]["1"] = "cannot_comply"
        return books

    monkeypatch.setattr(ControlClient, "books", dishonest)
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["demo", "--fast", "--json"])
    assert ended.exit_code == 4
    document = json.loads(ended.stdout)
    assert document["agrees"] is False
    found = {check["name"]: check["differences"] for check in document["checks"] if not check["holds"]}
    assert set(found) == {"reports agree", "the regulator holds what was decided"}
    assert any(lost[-1] in difference for difference in found["reports agree"])
    assert any("holds cannot_comply" in difference for difference in found["the regulator holds what was decided"])


@pytest.mark.slow
def test_serve_goes_on_until_it_is_ended_and_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = [*COMMAND, "demo", "--serve", "--fast", "--keep", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            while "Everything keeps running" not in running.stderr.readline():
                assert running.poll() is None
            commands = [running.stderr.readline().strip() for _ in range(13)]
            url, token = commands[0].split()[3], commands[1].split()[1]
            with httpx.Client(base_url=url) as person:
                sent = {"sign_in_token": token, "sign_in_to": "/"}
                page = person.post(
                    "/sign-in", data=sent, headers={"sec-fetch-site": "same-origin"}, follow_redirects=True
                )
            for state in ("queued", "claimed", "in_approval", "awaiting_answer", "quarantined"):
                assert f'class="tag {state}"' in page.text, state
            (listing,) = (line for line in commands if line.endswith("cases list"))
            listed = subprocess.run(shlex.split(listing), capture_output=True, text=True, cwd=tmp_path.parent)
            assert listed.returncode == 0, "the command runs as it is printed"
            settings = tomllib.loads((kept / "kz-compliance.toml").read_text(encoding="utf-8"))
            assert httpx.get(f"{settings['public_url']}/notices/health").json()["status"] == "ok"
            assert "KZ-2026" in httpx.get(settings["regulator"]["url"]).text
            assert len(processes_of(kept)) == 5
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=PATIENCE_S)
        finally:
            running.kill()
    assert running.returncode == 0
    assert not processes_of(kept)


# --------------------------------------------------------------------------------------- the stories and the books


@pytest.mark.slow
def test_an_interrupted_run_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = [*COMMAND, "demo", "--fast", "--keep", str(kept)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as running:
        assert running.stdout is not None
        while "queued" not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=PATIENCE_S)
        assert (running.returncode, said) == (130, "Interrupted.\n")
    assert not processes_of(kept)


def test_an_interrupt_ends_a_run_where_it_looks_and_never_in_the_midst_of_a_call(tmp_path: Path) -> None:
    """Raised wherever it comes, it could leave a lock taken, for which the end would wait for ever."""
    before = [signal.signal(one, signal.default_int_handler) for one in (signal.SIGINT, signal.SIGTERM)]
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            with Stage(tmp_path, Env.system(), stderr=True, paced=False) as stage:
                signal.raise_signal(number)
                for look in (stage.check, lambda: stage.step("on"), lambda: stage.await_("it", lambda: False)):
                    with pytest.raises(KeyboardInterrupt):
                        look()
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(number)
            assert signal.getsignal(number) is signal.default_int_handler
    finally:
        for one, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(one, handler)


def test_a_shell_that_lets_no_interrupt_through_is_obeyed(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stage(tmp_path, Env.system(), stderr=True, paced=False) as stage:
            signal.raise_signal(signal.SIGINT)
            stage.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_closing_table_is_short_and_whole_on_a_narrow_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "number": 7, "notice_id": "KZ-2026-0000007", "came": "pushed", "title": "three items, three outcomes",
        "outcomes": {"1": "removed"}, "state": "closed", "receipt_id": "rcp-1", "receipt_with_left_s": 86_000,
    }  # fmt: skip
    monkeypatch.setattr(screen, "console", lambda *, stderr=False: Console(file=sys.stdout, width=80))
    demo_stage.show_rows([row] * 30)
    told = capsys.readouterr().out
    assert told.count("\n") == 32
    assert "KZ-2026" not in told
    assert "--json" in told
    monkeypatch.setattr(screen, "console", lambda *, stderr=False: Console(file=sys.stdout, width=140))
    demo_stage.show_rows([row] * 30)
    assert "KZ-2026-0000007" in capsys.readouterr().out


def test_stories_of_a_seed_are_the_same_and_those_of_two_seeds_share_no_notice() -> None:
    one, again, other, last = (stories(seed, NOW) for seed in (1, 1, 2, MAX_SEED))
    assert one == again
    ids = [{story.notice.notice_id for story in told} for told in (one, other, last)]
    assert [len(each) for each in ids] == [len(one)] * 3
    assert not ids[0] & ids[1]


def books(**notice: Any) -> dict[str, Any]:
    shelves: dict[str, Any] = {"acknowledgements": [], "clarification_requests": [], "reports": [], "outcomes": {}}
    return {"notices": {"N-1": {**shelves, **notice}}}


def recorded(key: str = "m-1", digest: str = "d", receipt: str = "r-1", **body: Any) -> dict[str, Any]:
    return {"idempotency_key": key, "body_sha256": digest, "receipt": {"receipt_id": receipt}, "body": body}


SENT = Sent("m-1", "report", "N-1", "d", "r-1")
FINAL = recorded(final=True)


@pytest.mark.parametrize(
    ("check", "named"),
    [
        pytest.param(agreement.receipts("report", [SENT], books()), "in our books and not", id="lost there"),
        pytest.param(agreement.receipts("report", [], books(reports=[FINAL])), "and not in ours", id="invented there"),
        pytest.param(agreement.receipts("report", [SENT], books(reports=[FINAL] * 2)), "2 times", id="doubled"),
        pytest.param(
            agreement.receipts("report", [SENT], books(reports=[recorded(digest="e")])), "SHA-256", id="other bytes"
        ),
        pytest.param(
            agreement.receipts("report", [SENT], books(reports=[recorded(receipt="r-2")])), "receipt", id="receipt"
        ),
        pytest.param(agreement.acknowledgements({"N-1": [1]}, books()), "is not acknowledged", id="silence"),
        pytest.param(
            agreement.acknowledgements({}, books(acknowledgements=[recorded(revision=1)])), "never reached", id="air"
        ),
        pytest.param(
            agreement.acknowledgements({"N-1": [1]}, books(acknowledgements=[recorded(revision=1)] * 2)),
            "2 times",
            id="acknowledged twice",
        ),
        pytest.param(
            agreement.outcomes({"N-1": {"1": "removed"}}, books(reports=[FINAL], outcomes={"1": "refused"})),
            "removed was decided",
            id="other outcome",
        ),
        pytest.param(
            agreement.outcomes(
                {"N-1": {"1": "removed"}}, books(reports=[recorded(final=False)], outcomes={"1": "removed"})
            ),
            "not final",
            id="interim only",
        ),
        pytest.param(agreement.outcomes({"N-2": {"1": "removed"}}, books()), "nothing", id="unknown notice"),
        pytest.param(agreement.effects({"a": "remove"}, {"a": ""}, []), "was decided", id="not carried out"),
        pytest.param(agreement.effects({}, {"a": "remove"}, []), "untouched", id="nobody decided"),
        pytest.param(agreement.effects({}, {}, [("a", 1), ("a", 1)]), "2 times", id="carried out twice"),
        pytest.param(agreement.effects({}, {}, [("a", 2), ("a", 1)]), "after version 2", id="out of order"),
        pytest.param(agreement.outbox([("m-1", "report", "parked")]), "parked", id="left over"),
    ],
)
def test_every_difference_is_found_and_named(check: Check, named: str) -> None:
    assert not check.holds
    assert any(named in difference for difference in check.differences), check.differences


def test_books_that_agree_have_no_difference() -> None:
    held = books(reports=[FINAL], acknowledgements=[recorded("m-2", revision=1)], outcomes={"1": "removed"})
    for check in (
        agreement.receipts("report", [SENT], held),
        agreement.receipts("acknowledgement", [Sent("m-2", "acknowledgement", "N-1", "d", "r-1")], held),
        agreement.acknowledgements({"N-1": [1]}, held),
        agreement.outcomes({"N-1": {"1": "removed"}}, held),
        agreement.effects({"a": "remove"}, {"a": "remove"}, [("a", 1), ("a", 2)]),
        agreement.outbox([("m-1", "report", "done"), ("m-2", "page", "void")]),
    ):
        assert check.holds, check.differences
