"""The pytest plugin, as a project meets it that has this package installed: how it is found, and each fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.testing import pytest_plugin
from kz_compliance_sdk.testing.broken import BROKEN, names
from kz_compliance_sdk.testing.pytest_plugin import PROFILES
from tests.plugin.plugin_project import passes, project, run_pytest

FIXTURES = {name for name in vars(pytest_plugin) if name.startswith("kz_")}


# Finding it.


def test_the_entry_point_names_the_plugin() -> None:
    assert project()["entry-points"]["pytest11"] == {"kz_compliance": pytest_plugin.__name__}


@pytest.mark.slow
def test_every_fixture_is_documented(run: pytest.Pytester) -> None:
    """`pytest --fixtures` shows a first line for each; --help shows the options, --markers the marker."""
    shown = run.runpytest("--fixtures", "-q").stdout.str()
    ours = shown[shown.index("fixtures defined from kz_compliance_sdk") :]
    assert "no docstring available" not in ours
    assert {line.split()[0] for line in ours.splitlines() if line.startswith("kz_")} == FIXTURES
    run.runpytest("--help").stdout.fnmatch_lines(["*--kz-seed=N*", "*--kz-profile={rfc9421,standard-webhooks}*"])
    run.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.kz(profile=*"])


HEAVY = ("alembic", "cryptography", "httpx", "pydantic", "respx", "sqlalchemy", "structlog", "kz_compliance_sdk.ports")
_LOADED = """
import sys
def test_one():
    assert not {{name for name in {heavy!r} if name in sys.modules}}
    assert "kz_compliance_sdk.testing.pytest_plugin" in sys.modules
"""


@pytest.mark.slow
def test_a_project_that_does_not_use_it_pays_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(_LOADED.format(heavy=HEAVY))
    done = run_pytest(tmp_path, "-q", "-p", "kz_compliance")
    assert done.returncode == 0, done.stdout
    assert "kz-compliance" not in done.stdout


@pytest.mark.slow
def test_a_project_that_uses_it_is_seen_to_pay(tmp_path: Path) -> None:
    """The control of the test above."""
    source = _LOADED.format(heavy=HEAVY).replace("test_one()", "test_one(kz_desk)")
    (tmp_path / "test_something.py").write_text(source)
    done = run_pytest(tmp_path, "-q", "-p", "kz_compliance")
    assert done.returncode == 1
    assert "sqlalchemy" in done.stdout


# The fixtures.


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_a_notice_goes_all_the_way_without_a_network(run: pytest.Pytester, profile: str) -> None:
    passes(
        run,
        """
        import socket

        def test_the_way(
            monkeypatch, kz_regulator, kz_desk, kz_office, kz_enforcer, kz_outbox, kz_notice, kz_alerts, kz_asked
        ):
            def forbidden(*_):
                raise AssertionError("a socket was opened")

            monkeypatch.setattr(socket, "socket", forbidden)
            order = kz_notice(2, items=2)
            assert order.send().status == 202
            assert order.send().status == 200
            assert kz_office.decide("remove").case.state == "decided"
            assert kz_outbox.settle() > 0
            record = kz_regulator.books.notices[order.notice.notice_id]
            assert record.outcomes() == {"1": "removed", "2": "removed"}
            assert len(kz_enforcer.standing) == 2
            assert [m.kind for m in kz_outbox if m.state != "done"] == []
            (report,) = kz_outbox.bodies("report")
            assert report["final"] and len(kz_outbox.attempts("report")) == 1
            assert len(kz_outbox) == len(list(kz_outbox)) == 6
            assert kz_alerts == []
            assert kz_desk.settings.profile == kz_regulator.profile == kz_asked.profile
            assert {seen.status for seen in kz_regulator.seen} == {201}
        """,
        f"--kz-profile={profile}",
    )


@pytest.mark.slow
def test_each_way_to_break_a_notice_is_answered_as_the_contract_says(run: pytest.Pytester) -> None:
    """The table of recipes is not believed: the desk's own answers are compared with it, in both profiles."""
    source = """
        def test_it(kz_desk, kz_notice, kz_broken_notice, kz_regulator):
            good = kz_notice()
            assert good.expected == 202
            assert kz_broken_notice.send().status == kz_broken_notice.expected != 202
            assert good.send().status == 202
            assert kz_desk.health().by_state.get("queued") == 1
    """
    for profile in PROFILES:
        passes(run, source, f"--kz-profile={profile}", tests=len(names(profile)))
    assert set(names("standard-webhooks")) == set(BROKEN) - {"other_target"}


@pytest.mark.slow
def test_notices_are_the_same_for_a_seed_and_others_for_each_call(run: pytest.Pytester) -> None:
    source = """
        def test_it(kz_notice, kz_regulator):
            first, second, alone = kz_notice(), kz_notice(), kz_notice.value()
            names = [first.notice.notice_id, second.notice.notice_id, alone.notice_id]
            assert len(set(names)) == 3
            assert set(kz_regulator.books.notices) == set(names[:2])
            chosen = kz_notice(500, items=3, category="fraud")
            assert (len(chosen.notice.items), chosen.notice.category) == (3, "fraud")
            assert chosen.target == "/kz/notices" and chosen.url == "https://platform.test/kz/notices"
            assert dict(chosen.headers)["content-type"] == "application/json"
            print("drawn:", *names, first.message.id)
    """
    drawn = []
    for seed in ("7", "7", "8"):
        result = passes(run, source, f"--kz-seed={seed}", "-s")
        drawn.append(next(line for line in result.outlines if "drawn:" in line))
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.slow
def test_pushes_can_go_through_a_test_client_or_to_a_function(run: pytest.Pytester) -> None:
    passes(
        run,
        """
        import pytest
        from fastapi.testclient import TestClient
        from kz_compliance_sdk import AsyncComplianceDesk, Response, asgi_app

        def test_nobody_is_there(kz_regulator, kz_notice):
            with pytest.raises(LookupError, match="kz_pushes.to"):
                kz_regulator.push(kz_notice().message)

        def test_through_an_app(kz_settings, kz_env, kz_http_regulator, kz_pushes, kz_regulator, kz_notice):
            desk = AsyncComplianceDesk(kz_settings, regulator=kz_http_regulator, env=kz_env)
            with TestClient(asgi_app(desk)) as client, desk.blocking:
                kz_pushes.through(client)
                push = kz_regulator.push(kz_notice().message, copies=2)
                assert push.status == 200
                assert [each.status for each in kz_regulator.pushes] == [202, 200]
                assert kz_notice.broken("tampered").send().status == 401

        def test_to_a_function(kz_pushes, kz_regulator, kz_notice):
            got = []
            def receive(method, target, headers, body):
                got.append((method, target, dict(headers), body))
                return Response(503 if len(got) == 1 else 202, (), b"{}")
            kz_pushes.to(receive)
            order = kz_notice()
            assert kz_regulator.push(order.message).was_taken
            assert [each[:2] for each in got] == [("POST", "/kz/notices")] * 2
            assert got[0][3] == order.body
            assert got[0][2]["signature-input"] != got[1][2]["signature-input"]
        """,
        tests=3,
    )


@pytest.mark.slow
def test_fixtures_can_be_overridden_with_a_platforms_own(run: pytest.Pytester) -> None:
    run.makeconftest(
        """
        import pytest
        from kz_compliance_sdk import Failed, InForce

        class Mine:
            asked = []
            def enforce(self, effect):
                self.asked.append(effect.action)
                return InForce(1)
            def restore(self, effect):
                return Failed("no")

        @pytest.fixture
        def kz_enforcer():
            return Mine()

        @pytest.fixture
        def kz_intake_url():
            return "https://photos.example/regulator"
        """
    )
    passes(
        run,
        """
        def test_it(kz_desk, kz_office, kz_outbox, kz_notice, kz_enforcer, kz_settings):
            assert kz_settings.intake_url == kz_notice().url == "https://photos.example/regulator"
            assert kz_notice().send().status == 202
            kz_office.decide("remove")
            kz_outbox.deliver_due()
            assert kz_enforcer.asked == ["remove"]
        """,
    )


def test_the_recorder_obeys_the_port_and_fails_on_command(run: pytest.Pytester) -> None:
    passes(
        run,
        """
        from dataclasses import replace
        from kz_compliance_sdk import Effect, Failed, InForce, Pending

        def test_it(kz_enforcer, kz_clock):
            effect = Effect("post:1", 2, "remove", ("KZ",), "case", "1", "", "", "")
            kz_enforcer.answer_next(Failed("disk"), Pending(5))
            assert kz_enforcer.enforce(effect) == Failed("disk")
            assert kz_enforcer.enforce(effect) == Pending(5)
            assert kz_enforcer.standing == {}
            began = kz_clock()
            assert kz_enforcer.enforce(effect) == InForce(began)
            kz_clock.advance(60)
            assert kz_enforcer.enforce(effect) == InForce(began)
            assert kz_enforcer.restore(replace(effect, version=1)).permanent
            assert kz_enforcer.standing == {"post:1": "remove"}
            assert kz_enforcer.restore(replace(effect, version=3)) == InForce(began + 60)
            assert kz_enforcer.standing == {}
            assert [call.changed for call in kz_enforcer.calls] == [False, False, True, False, False, True]
            assert [call.verb for call in kz_enforcer.calls][-2:] == ["restore", "restore"]
        """,
    )


@pytest.mark.slow
def test_the_server_is_reached_over_a_socket_by_a_desk_and_breaks_connections(run: pytest.Pytester) -> None:
    """By the frozen clock and by the machine's."""
    passes(
        run,
        """
        import time
        import httpx
        import pytest
        from kz_compliance_sdk import ComplianceDesk
        from kz_compliance_sdk.testing import builders
        from kz_compliance_sdk.testing.mock_regulator import Fault

        @pytest.mark.parametrize("kind", [
            pytest.param("frozen", marks=pytest.mark.kz(clock="frozen")),
            pytest.param("system", marks=pytest.mark.kz(clock="system")),
        ])
        def test_it(kind, kz_server_settings, kz_regulator_server, kz_enforcer, kz_env, kz_clock, kz_notice):
            assert (abs(kz_clock() - time.time()) < 5) is (kind == "system")
            assert kz_regulator_server.url.startswith("http://127.0.0.1:")
            kz_regulator_server.issue(kz_notice.value())
            with ComplianceDesk(kz_server_settings, enforcer=kz_enforcer, env=kz_env) as desk:
                assert desk.poll().admitted == 1
                kz_regulator_server.fail(Fault("reset_after", on="acknowledgement"))
                desk.deliver()
                assert len(kz_regulator_server.books.recorded) == 1
            kz_regulator_server.fail(Fault("reset_before"))
            with pytest.raises(httpx.ReadError):
                httpx.get(kz_regulator_server.url + "/v1/notices")
        """,
        tests=2,
    )


# Time.


@pytest.mark.slow
def test_time_travels_until_everything_is_delivered_or_says_what_is_left(run: pytest.Pytester) -> None:
    passes(
        run,
        """
        import pytest
        from kz_compliance_sdk.testing.mock_regulator import Outage
        from kz_compliance_sdk.testing.outbox import NotSettled

        def test_it(kz_regulator, kz_desk, kz_office, kz_outbox, kz_notice, kz_clock):
            began = kz_clock()
            kz_notice().send()
            kz_office.decide("remove")
            kz_regulator.outage(True, Outage("unavailable", until=began + 6 * 3600))
            with pytest.raises(NotSettled, match="after 600 s .* report of case .* tries, last: retry status_503"):
                kz_outbox.settle(within_s=600)
            assert began < kz_clock() <= began + 700
            assert {m.kind for m in kz_outbox if m.state == "queued"} == {"acknowledgement", "report"}
            kz_outbox.settle(within_s=8 * 3600)
            assert began + 6 * 3600 <= kz_clock() < began + 8 * 3600
            assert [m.state for m in kz_outbox if m.state != "done"] == []
            assert len(kz_regulator.books.recorded) == 2
        """,
    )


@pytest.mark.slow
def test_a_clock_that_runs_out_alerts_people(run: pytest.Pytester) -> None:
    passes(
        run,
        """
        def test_it(kz_desk, kz_notice, kz_clock, kz_outbox, kz_alerts):
            kz_notice().send()
            kz_clock.advance(25 * 3600)
            kz_desk.watch()
            kz_outbox.deliver_due()
            (alert,) = kz_alerts
            assert [line.due_at < kz_clock() for line in alert.lines] == [True]
        """,
    )


@pytest.mark.slow
def test_the_regulator_lives_by_the_same_clock(run: pytest.Pytester) -> None:
    """What it does by itself about a notice that nobody answers reaches the desk."""
    passes(
        run,
        """
        from kz_compliance_sdk.testing.mock_regulator import STRICT

        def test_it(kz_regulator, kz_desk, kz_notice, kz_clock):
            kz_regulator.behave(STRICT)
            assert kz_notice().send().status == 202
            began = kz_clock()
            assert kz_regulator.advance(3 * 86_400)
            assert kz_clock() == began + 3 * 86_400
            assert {push.status for push in kz_regulator.pushes} == {202}
            assert kz_desk.sanctions()
        """,
    )
