"""The conformance kit on the command line, over real sockets: honest and broken sides, documents, exit codes."""

from __future__ import annotations

import json
import os
import socket
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.faces.cli import main
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.conformance.inspection import INTAKE_URL, sandbox_platform
from kz_compliance_sdk.testing.conformance.selftest import ACTS, Site
from kz_compliance_sdk.testing.mock_regulator import MockRegulator, Platform, Reply, Request
from kz_compliance_sdk.testing.mock_regulator.server import Server, running
from tests.cli.test_cli_processes import process, stopped
from tests.cli_office import Office
from tests.waiting import PATIENCE_S, free_port


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KZ_COMPLIANCE_CONFIG", raising=False)


Kit = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kit(capsys: pytest.CaptureFixture[str]) -> Kit:
    """Run `kz-compliance conformance` here: its exit code, and what it said on either stream."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["conformance", *arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return run


@contextmanager
def served(handle: Callable[[Request], Reply]) -> Iterator[str]:
    """Serve a function on the loopback; each request in a thread of its own."""
    with running(Server(handle, lambda _request: True)) as (host, port):
        yield f"http://{host}:{port}"
        # A connection that was opened to see whether somebody is there may still be on its way into the server: who
        # comes after it is answered after it.
        with socket.create_connection((host, port), PATIENCE_S) as last:
            last.sendall(b"no http\r\n\r\n")
            assert last.recv(1)


# --------------------------------------------------------------------------------------------------- without a network


@pytest.mark.slow
def test_the_checks_are_listed_without_sending_anything(kit: Kit) -> None:
    code, out, _ = kit("intake", "--list", "--only", "intake.repeat")
    assert code == 0
    assert len(out.splitlines()) == 6
    assert "intake.repeat.at_once" in out
    code, out, _ = kit("regulator", "--list", "--json", "--only", "regulator.receipt.is_signed")
    (row,) = json.loads(out)["checks"]
    assert (code, row["name"], row["needs"]) == (0, "regulator.receipt.is_signed", ["notice"])
    assert row["contract"]["page"] == "docs/contract/index.md#to-the-regulator"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("intake",), 7, "--url: there is nothing to drive."),
        (("intake", "--url", "notices"), 7, "--url: 'notices' is no address."),
        (("intake", "--url", "http://127.0.0.1:9/", "--inspect", "x"), 7, "--inspect: 'x' is no address."),
        (("intake", "--url", "http://127.0.0.1:9/", "--only", "intake.nothing"), 7, "--only: no check is called"),
        (("intake", "--url", "http://127.0.0.1:9/", "--skip", "intake"), 7, "--only: no check is left."),
        (("intake", "--url", "http://127.0.0.1:9/", "--profile", "x"), 7, "--profile: 'x' is no profile."),
        (
            ("intake", "--url", "http://127.0.0.1:9/", "--keys", "no-such-file"),
            3,
            "--keys: no-such-file cannot",
        ),
        (("regulator", "--url", "http://127.0.0.1:9/", "--listen", "x"), 7, "--listen: 'x' is no port."),
        (("regulator", "--nothing"), 2, "No such option"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_option(
    kit: Kit, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended, out, err = kit(*arguments)
    assert (ended, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_nobody_there_is_said_as_such(kit: Kit) -> None:
    code, _, err = kit("intake", "--url", f"http://127.0.0.1:{free_port()}/notices")
    assert code == 9
    assert "nobody answers there" in err


def test_the_printed_keys_are_settings_that_are_believed(kit: Kit) -> None:
    import tomllib

    from kz_compliance_sdk import Settings

    for profile in ("rfc9421", "standard-webhooks"):
        _, out, _ = kit("keys", "--profile", profile)
        given = {"platform_id": "social", "public_url": "https://social.example", **tomllib.loads(out)}
        assert len(Settings.model_validate(given | {"allow_test_keys": True}).key_ring().keys) == 4
    code, out, _ = kit("keys", "--json")
    assert code == 0
    assert {row["role"] for row in json.loads(out)["keys"]} == {"current", "second", "expired", "revoked", "elsewhere"}


# --------------------------------------------------------------------------------------------------------- over sockets

BROKEN = "intake.conflict.status"


@contextmanager
def platform(fault_name: str | None = None) -> Iterator[str]:
    """A platform on a port: an honest one, or one of the kit's controls."""
    env = Env.system()
    with sandbox_platform("rfc9421", env) as good, sandbox_platform("rfc9421", env) as scratch:
        handle: Callable[[Request], Reply] = good.handle
        if fault_name is not None:
            handle = partial(ACTS[fault_name], Site(good, scratch, env.clock, "rfc9421"))
        with served(handle) as url:
            yield url


def _intake(url: str, *more: str) -> tuple[str, ...]:
    return ("intake", "--url", f"{url}/notices", "--public-url", INTAKE_URL, "--inspect", f"{url}/inspect", *more)


@pytest.mark.slow
def test_a_broken_platform_ends_in_4_with_reason_remedy_and_line(kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    with platform("no_409_on_conflict") as url:
        options = _intake(url, "--only", "intake.conflict", "--only", "intake.accepted", "--junit", str(file))
        code, out, err = kit(*options)
        again, document, _ = kit(*options, "--json")
    assert (code, again, err) == (4, 4, "")
    for part in (BROKEN, "came      200", "wanted    409", "Never overwrite", "index.md#three-exits: 409 when"):
        assert part in out
    report = json.loads(document)
    assert [row["name"] for row in report["checks"] if row["verdict"] == "broken"] == [BROKEN]
    suite = ET.parse(file).getroot()[0]  # noqa: S314  our own document
    assert suite.get("failures") == "1"
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["status"]


@pytest.mark.slow
def test_an_honest_platform_ends_in_0(kit: Kit) -> None:
    """The control of the test above."""
    with platform() as url:
        code, out, _ = kit(*_intake(url, "--only", "intake.conflict", "--only", "intake.accepted"))
    assert code == 0
    assert "8 hold, 0 do not, 0 skipped" in out


@pytest.mark.slow
def test_without_the_interface_the_kit_says_what_it_did_not_look_at(kit: Kit) -> None:
    with platform() as url:
        address = ("intake", "--url", f"{url}/notices", "--public-url", INTAKE_URL)
        code, out, _ = kit(*address, "--only", "intake.accepted")
        nothing, _, err = kit(*address, "--only", "intake.accepted.opens_one_case")
    assert code == 0
    assert "skipped 3: it looks at what was stored: give the inspection interface with --inspect" in out
    assert (nothing, err) == (4, "Every check was skipped, so nothing was shown.\n")


@pytest.mark.slow
def test_a_wrong_address_is_hinted_at_where_the_first_good_notice_falls(kit: Kit) -> None:
    with platform() as url:
        code, _, err = kit("intake", "--url", f"{url}/notices", "--only", "intake.accepted.status")
    assert code == 4
    assert "--public-url" in err


@pytest.mark.slow
def test_a_regulator_is_driven_with_its_pushes(kit: Kit) -> None:
    port = free_port()
    mock = MockRegulator(
        [Platform(builders.PLATFORM_ID, f"http://127.0.0.1:{port}/notices", (keys.platform_key(),))],
        signing_key=keys.regulator_signing_key(),
    )
    with mock.running() as regulator:
        options = ("regulator", "--url", regulator.url, "--intake-url", f"http://127.0.0.1:{port}/notices")
        code, out, _ = kit(*options, "--listen", str(port), "--control")
        assert code == 0, out
        assert "38 hold, 0 do not, 0 skipped" in out
        issued = regulator.issue(builders.notice(7))
        code, out, _ = kit(*options, "--notice-id", str(issued.notice_id), "--json")
    document = json.loads(out)
    assert (code, document["skipped"]) == (0, 4)
    held = regulator.books.notices[str(issued.notice_id)]
    assert len(held.reports()) > 5, "it talked about the notice that was named"


@pytest.mark.slow
def test_a_regulator_that_signs_nothing_ends_in_4(kit: Kit) -> None:
    """The control of the test above."""
    mock = MockRegulator(
        [Platform(builders.PLATFORM_ID, "http://127.0.0.1:8000/notices", (keys.platform_key(),))],
        signing_key=keys.regulator_signing_key(),
    )
    mock.issue(builders.notice(1))
    with served(lambda request: _unsigned(mock.handle(request))) as url:
        mock.reached_at(url)
        code, out, _ = kit("regulator", "--url", url, "--json")
    broken = [row["name"] for row in json.loads(out)["checks"] if row["verdict"] == "broken"]
    assert (code, broken) == (4, ["regulator.receipt.is_signed"])


def _unsigned(reply: Reply) -> Reply:
    kept = tuple(pair for pair in reply.headers if pair[0] not in ("signature", "signature-input"))
    return Reply(reply.status, kept, reply.body)


# ------------------------------------------------------------------------------------------------- the real processes


def _settings(office: Office, port: int, printed: str, *, sandbox: bool = True) -> None:
    lines = ['platform_id = "social"', f'public_url = "http://127.0.0.1:{port}"', 'hosts = ["social.example"]']
    if sandbox:
        lines.append("allow_test_keys = true")
    else:
        lines[1] = 'public_url = "https://social.example"'
    lines += ["[store]", f'path = "{office.store.name}"', "", printed if sandbox else ""]
    office.config.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.slow
def test_our_own_receiver_holds_all_of_it_within_a_minute(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, port = Office(tmp_path, monkeypatch), free_port()
    monkeypatch.delenv("KZ_COMPLIANCE_CONFIG", raising=False)
    _settings(office, port, kit("keys")[1])
    worked_before = _cpu_s()
    with process(office, "serve", "--create", "--port", str(port), "--inspect") as receiver:
        url = f"http://127.0.0.1:{port}"
        code, out, _ = kit("intake", "--url", f"{url}/notices", "--inspect", f"{url}/inspect", "--json")
        stopped(receiver)
    report: dict[str, Any] = json.loads(out)
    assert "checks" in report, f"no report, and the receiver said {receiver.first_line!r}: {out}"
    broken = [(row["name"], row["came"]) for row in report["checks"] if row["verdict"] != "held"]
    assert (code, broken) == (0, [])
    # One check waits until the receiver gives up, all else is work, which beside other programs takes any time.
    waited = max(row["seconds"] for row in report["checks"])
    assert waited + _cpu_s() - worked_before < 60


def _cpu_s() -> float:
    """Seconds of CPU of this process and of those that it started and saw end."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sandbox", "host", "says"),
    [
        (False, "127.0.0.1", "allow_test_keys: the inspection interface"),
        (True, "192.0.2.1", "--inspect: what was stored"),
    ],
)
def test_a_receiver_refuses_to_show_its_store_in_production_and_to_others(
    sandbox: bool, host: str, says: str, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, port = Office(tmp_path, monkeypatch), free_port()
    _settings(office, port, kit("keys")[1], sandbox=sandbox)
    with process(office, "serve", "--create", "--host", host, "--port", str(port), "--inspect") as receiver:
        assert receiver.popen.wait(PATIENCE_S) == 3
        assert says in receiver.first_line


@pytest.mark.slow
def test_the_kit_judges_its_own_controls(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them here; tests/conformance drives all."""
    from kz_compliance_sdk.testing.conformance import selftest

    chosen = ("regulator.honest.rfc9421", "regulator.wrong_digest", "platform.no_409_on_conflict")
    few = tuple(control for control in selftest.CONTROLS if control.name in chosen)
    monkeypatch.setattr(selftest, "CONTROLS", few)
    code, out, _ = kit("selftest")
    assert code == 0
    assert "3 of 3 controls were judged rightly." in out
    monkeypatch.setattr(selftest, "CONTROLS", (_misjudged(few[0]),))
    code, out, _ = kit("selftest", "--json")
    assert (code, json.loads(out)["controls"][0]["missed"]) == (4, ["regulator.feed.page"])


def _misjudged(control: Any) -> Any:
    from dataclasses import replace

    return replace(control, must_break=frozenset({"regulator.feed.page"}))
