"""Settings that are wrong: one error, which names what was written as it was written, and the remedy."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.wire.signature.keyring import TEST_ED25519_PRIVATE
from tests.config.test_config import HMAC, PRIVATE, PUBLIC, SHARED, TEST_KEY, TRUSTED, load, refusal, toml

REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"PLATFORM_ID": ""}, "platform_id", "Set KZ_COMPLIANCE_PLATFORM_ID, or platform_id in the settings file."),
    ({"PLATFORM_ID": "a b"}, "KZ_COMPLIANCE_PLATFORM_ID", "Correct"),
    ({"STORE_PATH": "x"}, "KZ_COMPLIANCE_STORE_PATH", "Did you mean KZ_COMPLIANCE_STORE__PATH?"),
    ({"REGULATR__URL": "x"}, "KZ_COMPLIANCE_REGULATR__URL", "Did you mean KZ_COMPLIANCE_REGULATOR__URL?"),
    ({"platform_id": "x"}, "KZ_COMPLIANCE_platform_id", "Did you mean KZ_COMPLIANCE_PLATFORM_ID?"),
    (
        {"SIGNING_KEY__SECRETFILE": "x"},
        "KZ_COMPLIANCE_SIGNING_KEY__SECRETFILE",
        "KZ_COMPLIANCE_SIGNING_KEY__SECRET_FILE?",
    ),
    ({"ZZZ": "x"}, "KZ_COMPLIANCE_ZZZ", "Remove it."),
    ({"PLATFORM_ID__X": "x"}, "KZ_COMPLIANCE_PLATFORM_ID__X", "no such setting"),
    ({"PROFILE__X": "x"}, "KZ_COMPLIANCE_PROFILE__X", "no such setting"),
    ({"KEYS__0__SECRET": "x"}, "KZ_COMPLIANCE_KEYS__0__SECRET", "as JSON, in KZ_COMPLIANCE_KEYS."),
    ({"KEYS": "{"}, "KZ_COMPLIANCE_KEYS", "Write [...]."),
    ({"KEYS": "[" * 100_000}, "KZ_COMPLIANCE_KEYS", "Write [...]."),
    ({"STORE": "[]"}, "KZ_COMPLIANCE_STORE", "Write {...}."),
    ({"STORE": '{"pth": "x"}'}, "KZ_COMPLIANCE_STORE.pth", "Did you mean KZ_COMPLIANCE_STORE.path?"),
    ({"KEYS": json.dumps([{**TRUSTED, "sendr": "x"}])}, "KZ_COMPLIANCE_KEYS[0].sendr", "KZ_COMPLIANCE_KEYS[0].sender?"),
    ({"KEYS": "[{}]"}, "KZ_COMPLIANCE_KEYS[0].key_id", "\nKZ_COMPLIANCE_KEYS[0].not_after: "),
    ({"KEYS": json.dumps([TRUSTED, TRUSTED])}, "KZ_COMPLIANCE_KEYS[1]", "own id"),
    ({"KEYS": json.dumps([TRUSTED, {**TRUSTED, "key_id": "b"}])}, "KZ_COMPLIANCE_KEYS[1]", "key for each sender"),
    ({"KEYS": json.dumps([{**TRUSTED, "public_key": TEST_KEY}])}, "KZ_COMPLIANCE_KEYS[0]", "published test key"),
    ({"KEYS": json.dumps([{**TRUSTED, "public_key": None}])}, "KZ_COMPLIANCE_KEYS[0].public_key", "Add it."),
    ({"KEYS": json.dumps([{**TRUSTED, "secret": HMAC}])}, "KZ_COMPLIANCE_KEYS[0].secret", "Remove it"),
    ({"KEYS": json.dumps([{**SHARED, "public_key": PUBLIC}])}, "KZ_COMPLIANCE_KEYS[0].public_key", "Remove it"),
    ({"KEYS": json.dumps([{**TRUSTED, "public_key": "%"}])}, "KZ_COMPLIANCE_KEYS[0].public_key", "base64"),
    ({"KEYS": json.dumps([{**TRUSTED, "public_key": "AAAA"}])}, "KZ_COMPLIANCE_KEYS[0]", "32 bytes"),
    ({"KEYS": json.dumps([{**SHARED, "secret": "c2hvcnQ="}])}, "KZ_COMPLIANCE_KEYS[0]", "24 bytes"),
    ({"KEYS": json.dumps([{**TRUSTED, "authorities": []}])}, "KZ_COMPLIANCE_KEYS[0].authorities", "at least 1"),
    ({"KEYS": json.dumps([{**TRUSTED, "not_after": "2027"}])}, "KZ_COMPLIANCE_KEYS[0].not_after", "its offset"),
    ({"KEYS": json.dumps([{**TRUSTED, "not_after": 5}])}, "KZ_COMPLIANCE_KEYS[0]", "not_before before not_after"),
    ({"SIGNING_KEY__KEY_ID": "k"}, "KZ_COMPLIANCE_SIGNING_KEY__SECRET", "Set KZ_COMPLIANCE_SIGNING_KEY__SECRET"),
    ({"SIGNING_KEY__KEY_ID": "k", "SIGNING_KEY__SECRET": HMAC}, "KZ_COMPLIANCE_SIGNING_KEY__SECRET", "32 bytes"),
    (
        {"SIGNING_KEY__KEY_ID": "k", "SIGNING_KEY__ALGORITHM": "hmac-sha256", "SIGNING_KEY__SECRET": HMAC},
        "KZ_COMPLIANCE_SIGNING_KEY__ALGORITHM",
        "profile standard-webhooks",
    ),
    (
        {"SIGNING_KEY__KEY_ID": "k", "SIGNING_KEY__SECRET": base64.b64encode(TEST_ED25519_PRIVATE).decode()},
        "KZ_COMPLIANCE_SIGNING_KEY__SECRET",
        "published test key",
    ),
    ({"PROFILE": "rfc9420"}, "KZ_COMPLIANCE_PROFILE", "'rfc9421' or 'standard-webhooks'"),
    ({"REGULATOR__CHANNEL": "regulator"}, "KZ_COMPLIANCE_REGULATOR__URL", "by_hand"),
    ({"REGULATOR__URL": "http://reg.example"}, "KZ_COMPLIANCE_REGULATOR__URL", "https"),
    ({"REGULATOR__URL": "reg.example"}, "KZ_COMPLIANCE_REGULATOR__URL", "https://host.example/path"),
    ({"REGULATOR__URL": "https://u:p@reg.example"}, "KZ_COMPLIANCE_REGULATOR__URL", "credentials"),
    ({"REGULATOR__URL": "https://reg.example"}, "signing_key", "Add a key of this platform"),
    (
        {"REGULATOR__URL": "https://reg.example", "SIGNING_KEY": json.dumps({"key_id": "k", "secret": PRIVATE})},
        "keys",
        "Add the regulator's key.",
    ),
    ({"REGULATOR__TOTAL_S": "soon"}, "KZ_COMPLIANCE_REGULATOR__TOTAL_S", "valid integer"),
    ({"REGULATOR__TOTAL_S": "1.5"}, "KZ_COMPLIANCE_REGULATOR__TOTAL_S", "integer"),
    ({"REGULATOR__ATTEMPTS": "0"}, "KZ_COMPLIANCE_REGULATOR__ATTEMPTS", "greater than or equal to 1"),
    ({"WORKER__IDLE_S": "nan"}, "KZ_COMPLIANCE_WORKER__IDLE_S", "number"),
    ({"ALLOW_TEST_KEYS": "maybe"}, "KZ_COMPLIANCE_ALLOW_TEST_KEYS", "boolean"),
    ({"PUBLIC_URL": "http://social.example"}, "KZ_COMPLIANCE_PUBLIC_URL", "Use https."),
    ({"PUBLIC_URL": "https://social.example/?a"}, "KZ_COMPLIANCE_PUBLIC_URL", "query"),
    ({"PUBLIC_URL": "https://[social/"}, "KZ_COMPLIANCE_PUBLIC_URL", "no address of the web"),
    ({"INTAKE_PATH": "notices"}, "KZ_COMPLIANCE_INTAKE_PATH", "Begin it with /"),
    ({"INTAKE_PATH": "/kz/notices"}, "KZ_COMPLIANCE_INTAKE_PATH", "below public_url alone"),
    ({"RESPONDENT__NAME": "A\n"}, "KZ_COMPLIANCE_RESPONDENT__NAME", "pattern"),
    ({"HOSTS": '["https://social.example"]'}, "KZ_COMPLIANCE_HOSTS[0]", "alone"),
    ({"HOSTS": '["social.example/x"]'}, "KZ_COMPLIANCE_HOSTS[0]", "alone"),
    ({"ACTORS": '{"root": {"id": "system"}}'}, "KZ_COMPLIANCE_ACTORS.root.id", "id of the machine"),
    ({"ACTORS": '{"root": {"id": "a", "roles": ["emperor"]}}'}, "KZ_COMPLIANCE_ACTORS.root.roles", "head, lead, legal"),
    ({"ACTORS": '{"root": {"id": "a", "roles": ["modrator"]}}'}, "KZ_COMPLIANCE_ACTORS.root.roles", "mean moderator?"),
    ({"ACTORS": '{"root": {"id": "a", "roles": ["system"]}}'}, "KZ_COMPLIANCE_ACTORS.root.roles", "Remove it."),
    ({"ACTORS": '{"root": {}}'}, "KZ_COMPLIANCE_ACTORS.root.id", "Add it."),
    ({"NOTIFIER__WEBHOOK_URL": "https://h.example/x"}, "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_SECRET", "32 random bytes"),
    ({"NOTIFIER__WEBHOOK_SECRET": "c2hvcnQ="}, "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_SECRET", "24 bytes"),
    (
        {"NOTIFIER__WEBHOOK_URL": "http://h.example/x", "NOTIFIER__WEBHOOK_SECRET": HMAC},
        "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_URL",
        "Use https.",
    ),
    ({"NOTIFIER__WEBHOOK_URL": "ftp://h.example"}, "KZ_COMPLIANCE_NOTIFIER__WEBHOOK_URL", "no address of the web"),
    ({"POLICY_FILE": "/nowhere/own.toml"}, "KZ_COMPLIANCE_POLICY_FILE", "No such file"),
    ({"CALENDAR_FILE": "/"}, "KZ_COMPLIANCE_CALENDAR_FILE", "directory"),
    ({"CONFIG": "/nowhere/kz.toml"}, "KZ_COMPLIANCE_CONFIG", "No such file"),
    ({"CONFIG": "~nobody-of-that-name/kz.toml"}, "KZ_COMPLIANCE_CONFIG", "No such file"),
]


@pytest.mark.parametrize(("environ", "field", "words"), REFUSED, ids=[f"{n}-{row[1]}" for n, row in enumerate(REFUSED)])
def test_a_wrong_variable_is_named_with_its_remedy(environ: dict[str, str], field: str, words: str) -> None:
    error = refusal(environ)
    assert error.field == field
    assert words in str(error)
    assert re.search(r"\.|\?|\)$", error.remedy)


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("[regulator]\ntotal_s = '30'\n", "regulator.total_s", "valid integer"),
        # Two calls must fit into the time for which a delivery is leased.
        ("[regulator]\ntotal_s = 51\n", "regulator.total_s", "less than or equal to 50"),
        ("[regulator]\nattempts = true\n", "regulator.attempts", "valid integer"),
        ("[regulatr]\ntotal_s = 30\n", "regulatr", "Did you mean regulator?"),
        ("[signing_key]\nsecrt_file = 'x'\n", "signing_key.secrt_file", "Did you mean signing_key.secret_file?"),
        ("store = 5\n", "store", "dictionary"),
        ("keys = 5\n", "keys", "tuple"),
        ("keys = [5]\n", "keys[0]", "dictionary"),
        ("[signing_key]\nkey_id = 'k'\nsecret = 5\n", "signing_key.secret", "string"),
        ("[signing_key]\nsecret_file = 5\n", "signing_key.secret_file", "no path"),
        ("[[keys]]\nnot_before = 2026-01-01T00:00:00\n", "keys[0].not_before", "no offset"),
        ("[[keys]]\nnot_before = 2026-01-01\n", "keys[0].not_before", "no offset"),
        ("a = \n", "file", "line 1, column"),
        ("a = [", "file", "not TOML"),
    ],
)
def test_a_wrong_line_of_the_file_is_named_with_its_place(tmp_path: Path, text: str, field: str, words: str) -> None:
    file = toml(tmp_path, text)
    error = refusal(file=file)
    assert error.field == field
    assert words in str(error)
    assert str(file) in str(error)


def test_a_wrong_argument_is_named() -> None:
    assert refusal(regulator={"attempts": 99}).field == "regulator.attempts"
    assert refusal(regulater={}).remedy == "Did you mean regulator?"


def test_of_two_sources_the_one_that_holds_the_wrong_value_is_named(tmp_path: Path) -> None:
    file = toml(tmp_path, "[regulator]\nattempts = 0\n")
    assert refusal({"REGULATOR__TOTAL_S": "5"}, file).field == "regulator.attempts"
    assert load({"REGULATOR__ATTEMPTS": "5"}, file).regulator.attempts == 5


def test_a_misspelling_is_named_before_the_gap_that_it_leaves() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load(environ={}, platfrom_id="social", public_url="https://social.example")
    assert caught.value.field == "platfrom_id"
    assert caught.value.remedy == "Did you mean platform_id?"
    assert [error.field for error in caught.value.more] == ["platform_id"]


def test_what_only_follows_from_another_error_is_not_said() -> None:
    """The channel's default follows from the address: nobody wrote it, and nobody can correct it."""
    error = refusal({"REGULATOR__URL": "ftp://x"})
    assert (error.field, error.more) == ("KZ_COMPLIANCE_REGULATOR__URL", ())


def test_everything_that_is_wrong_is_said_at_once_one_to_a_line() -> None:
    error = refusal({"STORE__CACHE_MIB": "0", "REGULATOR__ATTEMPTS": "99", "PROFILE": "x"})
    assert [line.partition(":")[0] for line in str(error).splitlines()] == [
        "KZ_COMPLIANCE_PROFILE",
        "KZ_COMPLIANCE_STORE__CACHE_MIB",
        "KZ_COMPLIANCE_REGULATOR__ATTEMPTS",
    ]
    assert [one.field for one in error.more] == ["KZ_COMPLIANCE_STORE__CACHE_MIB", "KZ_COMPLIANCE_REGULATOR__ATTEMPTS"]
