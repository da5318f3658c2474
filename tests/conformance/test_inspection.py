"""The inspection interface, the keys of the kit, and that neither has a place in production."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing.conformance import (
    HandlerTransport,
    Inspector,
    IntakeScene,
    IntakeTarget,
    inspect_handler,
    own_keys,
    published_keys,
    trusted,
)
from kz_compliance_sdk.testing.conformance.bad_inputs import serialised
from kz_compliance_sdk.testing.conformance.checks import PROFILES, Broken
from kz_compliance_sdk.testing.conformance.inspection import (
    INTAKE_URL,
    Cases,
    Messages,
    SandboxPlatform,
    sandbox_platform,
)
from kz_compliance_sdk.testing.conformance.keys import ROLES, described, stranger
from kz_compliance_sdk.testing.mock_regulator import Reply, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile
from kz_compliance_sdk.wire.strict_json import read

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def platform() -> Any:
    with sandbox_platform() as made:
        yield made


def _asked(platform: SandboxPlatform, target: str, *, method: str = "GET", peer: str = HERE) -> Reply:
    return inspect_handler(platform.desk)(Request(method, f"/inspect/{target}", (), b"", peer))


def test_what_was_received_is_shown_by_digest_and_by_notice(platform: SandboxPlatform) -> None:
    transport = HandlerTransport(platform.handle)
    scene = IntakeScene(IntakeTarget(INTAKE_URL), transport)
    message = scene.message()
    reference = scene.take(message).document()["case_reference"]
    body = serialised(message)
    reply = _asked(platform, f"messages?body_sha256={hashlib.sha256(body).hexdigest()}")
    (shown,) = read(Messages, reply.body).messages
    assert (shown.exit, shown.case_reference) == ("accepted", reference)
    (case,) = read(Cases, _asked(platform, f"cases?notice_id={message['data']['notice_id']}").body).cases
    assert (case.case_reference, case.quarantined) == (reference, False)
    assert case.due_at > case.received_at
    others = platform.desk.store.queries("another-platform")
    assert others.cases(body_sha256=shown.body_sha256).cases == (), "one platform sees nothing of another"


def test_a_message_of_no_bytes_is_held_as_well(platform: SandboxPlatform) -> None:
    scene = IntakeScene(IntakeTarget(INTAKE_URL), HandlerTransport(platform.handle))
    assert scene.send(scene.signed(b"")).status == 422
    reply = _asked(platform, f"messages?body_sha256={hashlib.sha256(b'').hexdigest()}")
    assert [one.exit for one in read(Messages, reply.body).messages] == ["quarantined"]


def test_what_is_not_there_is_an_empty_list(platform: SandboxPlatform) -> None:
    assert json.loads(_asked(platform, f"messages?body_sha256={'0' * 64}").body) == {"messages": []}
    assert json.loads(_asked(platform, "cases?notice_id=none").body) == {"cases": []}


@pytest.mark.parametrize(
    ("target", "method", "peer", "status"),
    [
        ("cases?notice_id=x", "GET", "192.0.2.1", 403),
        ("cases?notice_id=x", "GET", "", 403),
        ("cases?notice_id=x", "POST", HERE, 405),
        ("cases", "GET", HERE, 400),
        ("messages?notice_id=x", "GET", HERE, 400),
        ("nothing", "GET", HERE, 404),
        ("cases?notice_id=x", "GET", "::1", 200),
    ],
)
def test_it_answers_this_machine_alone_and_nothing_else(
    platform: SandboxPlatform, target: str, method: str, peer: str, status: int
) -> None:
    assert _asked(platform, target, method=method, peer=peer).status == status


def test_it_is_refused_where_no_sandbox_is_marked(tmp_path: Path) -> None:
    values = {"platform_id": "social", "public_url": "https://social.example", "store": {"path": tmp_path / "x"}}
    with ComplianceDesk(Settings.model_validate(values), create=True) as desk, pytest.raises(ConfigError) as refused:
        inspect_handler(desk)
    assert refused.value.field == "allow_test_keys"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages":[{}]}', b'{"messages":[{"body_sha256":"x"}]}'])
def test_an_interface_that_answers_something_else_is_no_fault_of_the_kit(body: bytes) -> None:
    inspector = Inspector(HandlerTransport(lambda _request: Reply(200, (), body)))
    with pytest.raises(Broken, match="the inspection interface"):
        inspector.messages(b"x")


# --------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize("profile", PROFILES)
def test_no_published_key_can_be_trusted_in_production(profile: Profile) -> None:
    found = trusted(published_keys(profile), elsewhere="another")
    assert len(found) == len(ROLES)
    KeyRing(found, allow_test_keys=True)
    for key in found:
        with pytest.raises(ConfigError, match="published test key"):
            KeyRing([key])


@pytest.mark.parametrize("profile", PROFILES)
def test_the_stranger_is_in_no_list(profile: Profile) -> None:
    listed = {key.material for key in trusted(published_keys(profile), elsewhere="another")}
    assert stranger(profile).verification_material() not in listed


def test_what_is_printed_of_a_curve_key_is_its_public_half() -> None:
    keys = published_keys("rfc9421")
    for row in described(keys):
        assert base64.b64decode(row["public_key"]) == keys.keys[row["role"]].verification_material()
        assert "secret" not in row


GOOD = {"key_id": "k", "algorithm": "ed25519", "secret": base64.b64encode(bytes(range(32))).decode()}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "--keys"),
        ({"authority": "a"}, "--keys: current"),
        ({"current": GOOD}, "--keys: authority"),
        ({"current": {**GOOD, "algorithm": "rsa"}, "authority": "a"}, "--keys: current.algorithm"),
        ({"current": {**GOOD, "algorithm": "hmac-sha256"}, "authority": "a"}, "--keys: current.algorithm"),
        ({"current": {**GOOD, "secret": 1}, "authority": "a"}, "--keys: current.secret"),
        ({"current": {**GOOD, "secret": "!"}, "authority": "a"}, "--keys: current.secret"),
        ({"current": GOOD, "second": "x", "authority": "a"}, "--keys: second.key_id"),
        ({"current": GOOD, "authority": "a", "second_authority": 1}, "--keys: second_authority"),
    ],
)
def test_a_file_of_keys_that_is_wrong_names_the_field(document: Any, field: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        own_keys(file, "rfc9421")
    assert refused.value.field == field
    assert GOOD["secret"] not in str(refused.value)


def test_a_file_with_one_key_skips_what_needs_the_others(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"current": GOOD, "authority": "mine"}), encoding="utf-8")
    keys = own_keys(file, "rfc9421")
    scene = IntakeScene(IntakeTarget(INTAKE_URL, keys=keys), HandlerTransport(lambda _request: Reply(401)))
    assert scene.missing("key current") is None
    assert scene.missing("key revoked") == "it needs the key revoked: kz-compliance conformance keys"
    assert scene.message()["data"]["issuing_authority"]["id"] == "mine"
