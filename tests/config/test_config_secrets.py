"""Secrets reach the settings from every source, and appear nowhere that a person or a log could read them."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.config.layers import MAX_SECRET_FILE, environment_name, leaves
from kz_compliance_sdk.errors import ConfigError
from tests.chance import examples
from tests.config.test_config import BASE, HMAC, PRIVATE, PUBLIC, SHARED, TRUSTED, load, refusal, toml

DRAWN = settings(max_examples=examples(60))


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(PRIVATE + "\r\n")
    return path


def test_a_secret_comes_from_a_file_in_the_environment(secret_file: Path) -> None:
    found = load({"SIGNING_KEY__KEY_ID": "k", "SIGNING_KEY__SECRET_FILE": str(secret_file)}).signing()
    assert found is not None
    assert found.material == base64.b64decode(PRIVATE)


def test_a_secret_comes_from_a_file_inside_a_list_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "hmac").write_text(HMAC)
    shared = {
        **{name: value for name, value in SHARED.items() if name != "secret"},
        "secret_file": str(tmp_path / "hmac"),
    }
    ring = load({"KEYS": json.dumps([TRUSTED, shared])}).key_ring()
    assert ring.hmac_keys[0].material == base64.b64decode(HMAC)


def test_a_secret_comes_from_a_file_beside_the_settings(secret_file: Path, tmp_path: Path) -> None:
    file = toml(tmp_path, f'[signing_key]\nkey_id = "k"\nsecret_file = "{secret_file.name}"\n')
    assert load(file=file).signing() is not None
    assert load(signing_key={"key_id": "k", "secret_file": secret_file}).signing() is not None


def test_a_file_in_the_environment_wins_over_a_secret_in_the_settings_file(secret_file: Path, tmp_path: Path) -> None:
    other = base64.b64encode(bytes(32)).decode()
    file = toml(tmp_path, f'[signing_key]\nkey_id = "k"\nsecret = "{other}"\n')
    found = load({"SIGNING_KEY__SECRET_FILE": str(secret_file)}, file).signing()
    assert found is not None
    assert found.material == base64.b64decode(PRIVATE)


def test_a_secret_and_its_file_in_one_source_are_refused(secret_file: Path) -> None:
    error = refusal({"SIGNING_KEY__SECRET": PRIVATE, "SIGNING_KEY__SECRET_FILE": str(secret_file)})
    assert error.field == "KZ_COMPLIANCE_SIGNING_KEY__SECRET_FILE"
    assert "KZ_COMPLIANCE_SIGNING_KEY__SECRET is given as well." in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"\n", "empty"), (b"\xff\xfe", "UTF-8"), (b"A" * (MAX_SECRET_FILE + 1), "too large")],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "s").write_bytes(content)
    error = refusal({"SIGNING_KEY__SECRET_FILE": str(tmp_path / "s")})
    assert error.field == "KZ_COMPLIANCE_SIGNING_KEY__SECRET_FILE"
    assert words in str(error)


def test_a_bad_secret_from_a_file_is_named_by_the_setting_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("c2hvcnQ=")
    error = refusal({"SIGNING_KEY__KEY_ID": "k", "SIGNING_KEY__SECRET_FILE": str(tmp_path / "s")})
    assert error.field == "KZ_COMPLIANCE_SIGNING_KEY__SECRET_FILE"
    file = toml(tmp_path, '[signing_key]\nkey_id = "k"\nsecret_file = "s"\n')
    assert refusal(file=file).field == "signing_key.secret_file"


# ------------------------------------------------------------------------------------------- appearances


def appearances(act: Callable[[], Settings]) -> str:
    """All that a person, a log or a crash report could be shown of these settings, or of why they were refused."""
    try:
        made = act()
    except ConfigError as error:
        shown = [str(error), repr(error), *traceback.format_exception(error), repr(vars(error))]
        seen: BaseException | None = error
        while seen is not None:
            shown += [str(seen), repr(seen), repr(getattr(seen, "errors", list)())]
            seen = seen.__cause__ or seen.__context__
        return "\n".join(shown)
    keys = [*made.key_ring().keys, made.signing()]
    dumps = [made.redacted(), made.model_dump(), made.model_dump(mode="json")]
    return "\n".join([str(made), repr(made), made.model_dump_json(), *map(str, keys), *map(str, dumps)])


def raw(least: int, most: int) -> st.SearchStrategy[bytes]:
    # The first byte keeps the text from being one that stands in the settings anyway.
    return st.binary(min_size=least, max_size=most).map(lambda tail: b"\xfb" + tail)


@DRAWN
@given(own=raw(31, 31), shared=raw(24, 60), alerts=raw(24, 60), path=raw(12, 30))
def test_good_secrets_are_used_and_never_shown(own: bytes, shared: bytes, alerts: bytes, path: bytes) -> None:
    texts = [base64.b64encode(one).decode() for one in (own, shared, alerts)]
    token = path.hex()
    environ = {
        **BASE,
        "KZ_COMPLIANCE_SIGNING_KEY__KEY_ID": "k",
        "KZ_COMPLIANCE_SIGNING_KEY__SECRET": texts[0],
        "KZ_COMPLIANCE_KEYS": json.dumps([TRUSTED, {**SHARED, "secret": texts[1]}]),
        "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_SECRET": texts[2],
        "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_URL": f"https://hooks.example/{token}",
    }
    made = Settings.load(environ=environ)
    signing = made.signing()
    assert signing is not None
    assert signing.material == own
    shown = appearances(lambda: made)
    assert all(text not in shown for text in (*texts, token))
    assert shown.count("***") >= 4


@DRAWN
@given(secret=raw(12, 40).map(lambda value: base64.b64encode(value).decode()), data=st.data())
def test_a_secret_in_any_wrong_place_of_the_environment_is_never_repeated(secret: str, data: st.DataObject) -> None:
    """People paste secrets into the wrong variable: what is refused is not shown either, wherever it stands."""
    paths = [leaf.path for leaf in leaves(Settings) if leaf.path not in SHOWN]
    secrets = [(*leaf.path[:-1], f"{leaf.path[-1]}_file") for leaf in leaves(Settings) if leaf.is_secret]
    path = data.draw(st.sampled_from([*paths, *secrets]))
    environ = {**BASE, environment_name(path): secret}
    assert secret not in appearances(lambda: Settings.load(environ=environ))


# Plain text that anybody may choose: whatever stands there is meant to be read.
SHOWN = {
    ("addressee", "name"),
    ("platform_id",),
    ("store", "path"),
    ("store", "mark"),
    ("wording_file",),
    ("policy_file",),
    ("calendar_file",),
    ("checkpoints", "file"),
    ("respondent", "role"),
    ("respondent", "name"),
    ("signing_key", "key_id"),
    ("letterhead", "name"),
    ("letterhead", "address"),
    *(("user_notice", f"{lang}_file") for lang in ("kk", "ru", "en")),
}


@settings(DRAWN, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=raw(12, 40).map(lambda value: base64.b64encode(value).decode()),
    line=st.sampled_from(
        [
            "[signing_key]\nsecret = {0}\n",
            '[signing_key]\nsecret = "{0}\n',
            '[signing_key]\nsecret = "{0}"\nsecret = "{0}"\n',
            '[signing_key]\nsecret = ["{0}"]\n',
            '["{0}"]\n["{0}"]\n',
            '[signing_key]\nkey_id = "k"\nalgorithm = "{0}"\nsecret = "{0}"\n',
            '[signing_key]\nsecret_file = "{0}"\n',
            'signing_key = "{0}"\n',
            'profile = "{0}"\n',
            'public_url = "https://u:{0}@social.example"\n',
            '[regulator]\nurl = "https://u:{0}@reg.example"\n',
            '[[keys]]\nsecret = "{0}"\npublic_key = "{0}"\n',
            'keys = ["{0}"]\n',
            '[worker]\nidle_s = "{0}"\n',
        ]
    ),
)
def test_a_secret_in_a_broken_file_is_never_repeated(tmp_path: Path, secret: str, line: str) -> None:
    file = toml(tmp_path, line.format(secret))
    assert secret not in appearances(lambda: Settings.load(file, {"KZ_COMPLIANCE_PLATFORM_ID": "p"}))


def test_a_planted_leak_is_seen() -> None:
    """The control of the tests above: what `appearances` gathers does hold values that are not secret."""

    def leak() -> Settings:
        raise ConfigError(f"{HMAC} is wrong.", field="", remedy="")

    def hidden() -> Settings:
        try:
            return leak()
        except ConfigError:
            raise ConfigError("Wrong.", field="", remedy="") from None

    assert HMAC in appearances(leak)
    assert HMAC in appearances(hidden)
    assert PUBLIC in appearances(lambda: load(keys=[TRUSTED]))


def test_redacted_settings_are_json_that_reads_like_the_settings(tmp_path: Path) -> None:
    shown: dict[str, Any] = load(
        keys=[SHARED],
        store={"path": tmp_path / "cases.db"},
        hosts=["b.example", "a.example"],
        actors={"root": {"id": "a"}},
    ).redacted()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["keys"][0]["secret"] == "***"
    assert shown["keys"][0]["not_before"] == "2026-01-01T00:00:00Z"
    assert shown["store"]["path"] == str(tmp_path / "cases.db")
    assert shown["hosts"] == ["a.example", "b.example"]
    assert shown["actors"] == {"root": {"id": "a", "roles": [], "country": ""}}
    assert shown["signing_key"] is None
