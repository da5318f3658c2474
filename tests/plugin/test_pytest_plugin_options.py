"""The options and the marker of the pytest plugin: what they do, and what a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.plugin_project import passes, run_pytest


@pytest.mark.slow
def test_a_run_that_is_not_the_usual_says_how_to_repeat_it(run: pytest.Pytester) -> None:
    """In the header; and where something failed once more at the end, since a quiet run has no header."""
    run.makepyfile("def test_it(kz_asked): assert kz_asked.seed == 1, f'seed {kz_asked.seed}'")
    assert "kz-compliance:" not in run.runpytest().stdout.str()
    header, *_, summary = (
        line for line in run.runpytest("--kz-seed=random").outlines if line.startswith("kz-compliance: --kz-seed=")
    )
    seed = header.removeprefix("kz-compliance: --kz-seed=").split()[0]
    assert summary == f"kz-compliance: --kz-seed={seed} --kz-profile=rfc9421 repeats this run"
    quiet = run.runpytest("-q", f"--kz-seed={seed}").stdout
    quiet.fnmatch_lines([f"*seed {seed}*", summary])


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--kz-seed=later", "*--kz-seed: invalid number of 1 to 9 digits, or 'random' value: 'later'*"),
        ("--kz-seed=0", "*--kz-seed: invalid number*"),
        ("--kz-profile=pgp", "*--kz-profile: invalid choice: 'pgp'*"),
    ],
)
def test_a_wrong_option_is_named(run: pytest.Pytester, option: str, told: str) -> None:
    result = run.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])


@pytest.mark.slow
def test_the_marker_sets_a_test_up_and_the_nearest_has_the_last_word(run: pytest.Pytester) -> None:
    passes(
        run,
        """
        import pytest
        from kz_compliance_sdk.testing.mock_regulator import Fault

        pytestmark = pytest.mark.kz(seed=40, profile="standard-webhooks")

        class TestIt:
            pytestmark = pytest.mark.kz(seed=41)

            @pytest.mark.kz(seed=42, faults=["reset_after", {"kind": "status", "on": "report"}, Fault("unsigned")])
            def test_near(self, kz_regulator, kz_notice):
                assert kz_regulator.profile == "standard-webhooks"
                assert kz_notice().notice.notice_id.endswith("42")
                kinds = [(fault.kind, fault.on) for _, fault, _ in kz_regulator.faults.armed()]
                assert kinds == [("reset_after", None), ("status", "report"), ("unsigned", None)]

            def test_far(self, kz_notice, kz_regulator):
                assert kz_notice().notice.notice_id.endswith("41")
                assert kz_regulator.faults.armed() == []

        @pytest.mark.kz(settings={"undo_window_s": 90, "limits": {"max_body": 2048}})
        def test_settings(kz_desk, kz_office, kz_outbox, kz_enforcer, kz_notice, kz_clock):
            assert kz_desk.settings.limits.max_body == 2048
            assert kz_notice(items=20).send().status == 413
            assert kz_notice(1).send().status == 202
            kz_office.decide("remove")
            kz_outbox.deliver_due()
            assert kz_enforcer.calls == []
            kz_clock.advance(90)
            kz_outbox.deliver_due()
            assert len(kz_enforcer.calls) == 1
        """,
        tests=3,
    )


WRONG = {
    "'reset'": "it takes keywords alone; write faults=[...].",
    "fault=1": "it has no 'fault'; use: profile, seed, clock, faults, settings.",
    "profile='pgp'": "profile 'pgp' is none; use: rfc9421, standard-webhooks.",
    "clock='sun'": "clock 'sun' is none; use: frozen, system.",
    "seed='x'": "seed 'x' is no number from 1; give one, such as seed=7.",
    "faults='unsigned'": "faults is no list; write faults=[...], also for one.",
    "faults=['burp']": "faults[0]: kind: Input should be 'status'",
    "faults=['unsigned', {'kid': 1}]": "faults[1]: a fault has no field 'kid'; use: kind,",
    "settings={'undo_windows': 1}": "settings: undo_windows: ",
    "settings={'store': {'path': 1}}": "settings: store.path: ",
    "settings=1": "settings is no dict; write settings={...}, with tables as dicts inside.",
}


@pytest.mark.slow
def test_a_wrong_marker_is_told_what_to_write(run: pytest.Pytester) -> None:
    """In one line, without a traceback."""
    tests = [f"@pytest.mark.kz({marker})\ndef test_{n}(kz_notice, kz_settings): pass" for n, marker in enumerate(WRONG)]
    run.makepyfile("\n".join(["import pytest", *tests]))
    result = run.runpytest()
    result.assert_outcomes(errors=len(WRONG))
    shown = result.stdout.str()
    assert [told for told in WRONG.values() if f"\nthe marker kz: {told}" not in shown.replace("E   ", "")] == []
    assert "Traceback" not in shown
    assert "pytest_plugin.py" not in shown


@pytest.mark.slow
def test_the_workers_of_xdist_share_a_random_seed(tmp_path: Path) -> None:
    """Each worker would else draw one of its own, and the header would name none of them."""
    source = "import pytest\n@pytest.mark.parametrize('n', range(8))\ndef test_it(n, kz_asked, record_property):\n"
    source += "    record_property('seed', kz_asked.seed)\n"
    (tmp_path / "test_seed.py").write_text(source)
    done = run_pytest(
        tmp_path, "-p", "xdist", "-p", "kz_compliance", "-n", "2", "--kz-seed=random", "--junitxml=out.xml"
    )
    assert done.returncode == 0, done.stdout
    seeds = set(re.findall(r'<property name="seed" value="([0-9]+)"', (tmp_path / "out.xml").read_text()))
    assert len(seeds) == 1
    assert f"--kz-seed={seeds.pop()}" in done.stdout
