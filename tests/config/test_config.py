"""Settings: where they come from, which source wins, and what is said of a wrong one."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kz_compliance_sdk.config import Settings, StoreSettings
from kz_compliance_sdk.config.layers import environment, environment_name, leaves
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.wire.signature import Profile
from kz_compliance_sdk.wire.signature.keyring import (
    TEST_ED25519_PUBLIC,
    TEST_HMAC_SECRET,
    Key,
    SigningKey,
)
from tests.generate import SETTINGS_EXAMPLE

PRIVATE = base64.b64encode(bytes(range(32))).decode()
HMAC = base64.b64encode(b"a shared secret that is long enough").decode()
PUBLIC = base64.b64encode(SigningKey("k", "ed25519", bytes(range(1, 33))).verification_material()).decode()
TEST_KEY = base64.b64encode(TEST_ED25519_PUBLIC).decode()
BASE = {"KZ_COMPLIANCE_PLATFORM_ID": "social", "KZ_COMPLIANCE_PUBLIC_URL": "https://social.example/kz"}
TRUSTED = {
    "key_id": "reg-1",
    "public_key": PUBLIC,
    "sender": "regulator",
    "authorities": ["moci"],
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": 1_800_000_000,
}
SHARED = {**TRUSTED, "key_id": "reg-2", "algorithm": "hmac-sha256", "public_key": None, "secret": HMAC}


def load(environ: Mapping[str, str] | None = None, file: Path | None = None, **overrides: Any) -> Settings:
    """Settings of a platform that is named and reachable, and of what a test adds under names without the prefix."""
    return Settings.load(file, {**BASE, **{f"KZ_COMPLIANCE_{k}": v for k, v in (environ or {}).items()}}, **overrides)


def toml(folder: Path, text: str) -> Path:
    path = folder / "kz.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(environ: Mapping[str, str] | None = None, file: Path | None = None, **overrides: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(environ, file, **overrides)
    return caught.value


# ---------------------------------------------------------------------------------------------- sources


def test_each_source_is_read() -> None:
    assert load({"LIMITS__MAX_BODY": "2048"}).limits.max_body == 2048
    assert load(limits={"max_body": 4096}).limits.max_body == 4096


def test_arguments_win_over_the_environment_and_that_over_the_file_setting_by_setting(tmp_path: Path) -> None:
    file = toml(tmp_path, "[worker]\nidle_s = 2.0\nwatch_interval_s = 20\nheartbeat_s = 20\n")
    settings = load({"WORKER__WATCH_INTERVAL_S": "30", "WORKER__HEARTBEAT_S": "31"}, file, worker={"heartbeat_s": 40})
    assert (settings.worker.idle_s, settings.worker.watch_interval_s, settings.worker.heartbeat_s) == (2.0, 30, 40)


def test_the_file_may_be_named_by_the_environment_and_an_argument_is_stronger(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    named = toml(tmp_path / "other", 'intake_path = "/named"\n')
    given = toml(tmp_path, 'intake_path = "/given"\n')
    assert load({"CONFIG": str(named)}).intake_path == "/named"
    assert load({"CONFIG": str(named)}, given).intake_path == "/given"


def test_load_reads_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("KZ_COMPLIANCE_"):
            monkeypatch.delenv(name)
    for name, value in BASE.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().platform_id == "social"


def test_the_class_itself_reads_nothing_but_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_INTAKE_PATH", "/from-env")
    monkeypatch.setenv("INTAKE_PATH", "/from-env")
    assert Settings(platform_id="p", public_url="https://social.example").intake_path == "/notices"


def test_every_setting_has_one_variable_that_fills_its_place() -> None:
    for leaf in leaves(Settings):
        lists = {("hosts",), ("keys",), ("privacy", "earlier_keys"), ("privacy", "earlier_ledger_keys")}
        text = "[]" if leaf.path in lists else "{}" if leaf.path == ("actors",) else "7"
        value: Any = environment(Settings, {environment_name(leaf.path): text}).values
        for part in leaf.path:
            value = value[part]
        assert value is not None
    assert len({environment_name(leaf.path) for leaf in leaves(Settings)}) == len(list(leaves(Settings)))


def test_a_table_given_as_json_is_refined_by_the_variables_below_it() -> None:
    settings = load({"STORE": '{"cache_mib": 64, "max_waiting": 9}', "STORE__MAX_WAITING": "10"})
    assert (settings.store.cache_mib, settings.store.max_waiting) == (64, 10)


def test_lists_and_mappings_come_from_the_environment_as_json() -> None:
    settings = load(
        {
            "HOSTS": '["Social.Example", "мәзір.қаз"]',
            "KEYS": json.dumps([TRUSTED]),
            "ACTORS": '{"root": {"id": "aigerim", "roles": ["lead"]}}',
        }
    )
    assert settings.hosts == {"social.example", "мәзір.қаз".encode("idna").decode()}
    assert settings.keys[0].key_id == "reg-1"
    assert settings.actor_of("root") == Actor("aigerim", frozenset({"lead"}))
    assert settings.actor_of("nobody") is None


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"INTAKE_PATH": "", "UNKNOWN": ""}).intake_path == "/notices"


@pytest.mark.parametrize("word", ["1", "true", "Yes", "ON"])
def test_a_switch_is_turned_by_words(word: str) -> None:
    assert load({"ALLOW_TEST_KEYS": word}).allow_test_keys is True
    assert load({"STORE__UPGRADE_ON_START": "off"}).store.upgrade_on_start is False


@pytest.mark.parametrize(
    "name",
    ["TEST_POSTGRES", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"],
)
def test_what_tests_and_kubernetes_set_is_no_setting(name: str) -> None:
    assert load({name: "tcp://10.0.0.1:80"}).platform_id == "social"


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf, work = tmp_path / "conf", tmp_path / "work"
    conf.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    (conf / "own.toml").write_text("lease_s = 600\n")
    file = toml(conf, 'policy_file = "own.toml"\n[store]\npath = "cases.db"\n')
    settings = load(file=Path("../conf/kz.toml"))
    assert settings.store.path.resolve() == conf / "cases.db"
    assert settings.policy().lease_s == 600
    assert load({"STORE__PATH": "cases.db"}, file).store.path == work / "cases.db"
    assert load(file=file, store={"path": Path("cases.db")}).store.path == work / "cases.db"


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "signing.key").write_text(PRIVATE + "\n")
    settings = Settings.load(toml(tmp_path, SETTINGS_EXAMPLE), {})
    assert settings.signing() == SigningKey("social-2026", "ed25519", bytes(range(32)))
    assert settings.regulator.channel == "regulator"
    assert settings.regulator.polls
    assert settings.intake_url == "https://social.example/kz/notices"


# ----------------------------------------------------------------------------------------- what they give


def test_without_a_regulators_address_answers_leave_by_hand() -> None:
    settings = load()
    assert settings.regulator.channel == "by_hand"
    assert not settings.regulator.polls


def test_times_of_a_key_may_be_text_numbers_or_toml(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        f'[[keys]]\nkey_id = "k"\npublic_key = "{PUBLIC}"\nsender = "s"\nauthorities = ["a"]\n'
        'not_before = 2026-01-01T05:00:00.9+05:00\nnot_after = "2026-01-01T00:00:10Z"\nrevoked_at = 1767225605\n',
    )
    assert load(file=file).key_ring().keys == (
        Key(
            key_id="k",
            algorithm="ed25519",
            material=base64.b64decode(PUBLIC),
            sender="s",
            authorities=frozenset({"a"}),
            platform_id="social",
            not_before=1_767_225_600,
            not_after=1_767_225_610,
            revoked_at=1_767_225_605,
        ),
    )


def test_the_key_ring_holds_each_kind_of_key() -> None:
    ring = load(keys=[TRUSTED, SHARED]).key_ring()
    assert [key.key_id for key in ring.ed25519_keys] == ["reg-1"]
    assert [key.material for key in ring.hmac_keys] == [base64.b64decode(HMAC)]


def test_without_a_key_of_its_own_a_platform_signs_nothing() -> None:
    assert load().signing() is None
    assert load().notifier.webhook() is None


def test_alerts_have_an_address_and_a_key_or_neither() -> None:
    hook = load(notifier={"webhook_url": "https://h.example/x?y", "webhook_secret": f"whsec_{HMAC}"}).notifier.webhook()
    assert hook == ("https://h.example/x?y", SigningKey("alerts", "hmac-sha256", base64.b64decode(HMAC)))
    assert load(notifier={"webhook_secret": HMAC}).notifier.webhook() is None


@pytest.mark.parametrize("prefix", ["", "/kz", "/notices", "/a/notices"])
def test_the_target_of_the_intake_path_is_the_intake_url(prefix: str) -> None:
    settings = load(public_url=f"https://social.example{prefix}", intake_path="/in")
    assert settings.intake_target("/in") == settings.intake_target(f"{prefix}/in") == settings.intake_url


@pytest.mark.parametrize(
    ("public_url", "raw_target", "signed"),
    [
        ("https://social.example", "/notices", "https://social.example/notices"),
        ("https://social.example/kz/", "/kz/notices?a=%2F", "https://social.example/kz/notices?a=%2F"),
        ("https://social.example/kz", "/notices", "https://social.example/kz/notices"),
        ("https://social.example/kz", "/kzz/notices", "https://social.example/kz/kzz/notices"),
        ("https://social.example/kz", "/kz", "https://social.example/kz"),
        ("https://social.example:8443/a/b", "/a/b?x", "https://social.example:8443/a/b?x"),
        ("https://social.example/kz", "https://evil.example/kz", "https://social.example/https://evil.example/kz"),
        ("https://social.example/kz", "", "https://social.example/"),
    ],
)
def test_the_signed_target_has_the_configured_origin_whatever_is_asked_for(
    public_url: str, raw_target: str, signed: str
) -> None:
    assert load(public_url=public_url).intake_target(raw_target) == signed


def test_settings_are_frozen_at_every_level() -> None:
    settings = load(keys=[TRUSTED], actors={"root": {"id": "a"}})
    with pytest.raises(ValidationError):
        settings.platform_id = "other"
    with pytest.raises(ValidationError):
        settings.store.cache_mib = 1
    with pytest.raises(TypeError):
        settings.actors["mallory"] = settings.actors["root"]  # type: ignore[index]
    assert isinstance(settings.keys, tuple)


def test_a_table_may_be_passed_as_a_value() -> None:
    assert load({"STORE__CACHE_MIB": "32"}, store=StoreSettings(max_waiting=5)).store == StoreSettings(max_waiting=5)


# ----------------------------------------------------------------------------------------------- policy


def test_the_policy_is_the_packaged_one_and_made_once() -> None:
    settings = load()
    assert settings.policy() == kz_policy()
    assert settings.policy() is settings.policy()


def test_a_changed_copy_does_not_keep_the_policy_of_its_original() -> None:
    assert load().model_copy(update={"undo_window_s": 90}).policy().undo_window_s == 90


def test_a_longer_undo_window_and_a_calendar_of_its_own_are_taken(tmp_path: Path) -> None:
    (tmp_path / "days.toml").write_text("holidays = [2026-02-03]\n")
    policy = load(undo_window_s=120, calendar_file=tmp_path / "days.toml").policy()
    assert policy.undo_window_s == 120
    assert [str(day) for day in policy.calendar.holidays] == ["2026-02-03"]


def test_a_shorter_undo_window_is_for_sandboxes() -> None:
    assert load(undo_window_s=1, allow_test_keys=True).policy().undo_window_s == 1
    assert load(undo_window_s=1, allow_test_keys=True).policy().version.startswith(f"{kz_policy().version}+sandbox.")
    assert refusal({"UNDO_WINDOW_S": "1"}).field == "KZ_COMPLIANCE_UNDO_WINDOW_S"


def test_what_is_wrong_inside_a_policy_file_names_the_file_and_its_key(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("undo_window_s = 5\n")
    error = refusal({"POLICY_FILE": str(own), "UNDO_WINDOW_S": "70"})
    assert error.field == f"{own}: undo_window_s"
    assert "looser" in str(error)


# ---------------------------------------------------------------------------------------------- sandbox


def test_a_sandbox_accepts_plain_http_and_published_keys() -> None:
    shared = {**SHARED, "secret": base64.b64encode(TEST_HMAC_SECRET).decode()}
    settings = load(
        {"PUBLIC_URL": "http://platform:8000"}, allow_test_keys=True, keys=[{**TRUSTED, "public_key": TEST_KEY}, shared]
    )
    assert len(settings.key_ring().keys) == 2


@pytest.mark.parametrize("profile", ["rfc9421", "standard-webhooks"])
def test_a_sandbox_without_keys_speaks_to_the_mock(profile: Profile) -> None:
    """Both sides of what the mock regulator holds, whatever the platform is called."""
    settings = load(allow_test_keys=True, profile=profile, regulator={"url": "http://127.0.0.1:8800"})
    assert settings.key_ring().keys == (keys.regulator_key(profile, platform_id="social"),)
    assert settings.signing() == keys.platform_signing_key(profile, platform_id="social")
    assert keys.regulator_key().authorities == builders.AUTHORITIES.keys()


def test_nobody_but_a_sandbox_takes_published_keys_and_none_in_place_of_its_own() -> None:
    """The control: the flag, a regulator's address, and no keys, all three."""
    url = {"url": "http://127.0.0.1:8800"}
    with pytest.raises(ConfigError, match="Messages to the regulator are signed"):
        load(regulator=url)
    assert load(allow_test_keys=True).keys == ()
    own = load(allow_test_keys=True, regulator=url, keys=[TRUSTED], signing_key={"key_id": "me", "secret": PRIVATE})
    assert [key.key_id for key in own.keys] == ["reg-1"]
    assert own.signing_key is not None
    assert own.signing_key.key_id == "me"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_plain_http_is_accepted_where_it_stays_on_this_machine(host: str) -> None:
    assert load({"PUBLIC_URL": f"http://{host}:8000"}).intake_url == f"http://{host}:8000/notices"
