"""A platform of this library to drive: a desk on a temporary file, with the published keys, reached in process."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.response import refused
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.testing.conformance.inspection import inspect_handler
from kz_compliance_sdk.testing.conformance.keys import KeySet, published_keys, trusted
from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request
from kz_compliance_sdk.wire.signature import Key, Profile

__all__ = ["INTAKE_URL", "SandboxPlatform", "sandbox_platform", "settings_values"]

INTAKE_URL: Final = "https://social.example/notices"
_PATH: Final = "/notices"


def settings_values(
    keys: KeySet, *, platform_id: str = PLATFORM_ID, public_url: str = "https://social.example", **more: Any
) -> dict[str, Any]:
    """Settings of a sandbox that can be driven: it trusts the published keys. `more` adds to them."""
    given: dict[str, Any] = {
        "platform_id": platform_id,
        "public_url": public_url,
        "hosts": ["social.example"],
        "allow_test_keys": True,
        "keys": [key_settings(key) for key in trusted(keys, platform_id)],
    }
    return given | more


def key_settings(key: Key) -> dict[str, Any]:
    """A key as the settings write it."""
    kind = "public_key" if key.algorithm == "ed25519" else "secret"
    row = {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        kind: base64.b64encode(key.material).decode("ascii"),
        "sender": key.sender,
        "authorities": sorted(key.authorities),
        "not_before": key.not_before,
        "not_after": key.not_after,
    }
    return row if key.revoked_at is None else {**row, "revoked_at": key.revoked_at}


class SandboxPlatform:
    """The intake of a desk, and its inspection interface below `/inspect`, as one function."""

    def __init__(self, desk: ComplianceDesk) -> None:
        self.desk = desk
        self._inspect = inspect_handler(desk, anywhere=True)

    def handle(self, request: Request) -> Reply:
        """The reply to one request."""
        if request.path.startswith("/inspect/"):
            return self._inspect(request)
        answer = refused(404, "not_found", "There is nothing here.")
        if request.path == _PATH:
            answer = self.desk.receive(request.method, request.target, request.headers, request.body)
        return Reply(answer.status, answer.headers, answer.body)


@contextlib.contextmanager
def sandbox_platform(profile: Profile = "rfc9421", env: Env | None = None, **more: Any) -> Iterator[SandboxPlatform]:
    """A platform that lives as long as the block. `env` replaces the machine's clock; `more` are further settings."""
    with tempfile.TemporaryDirectory(prefix="kz-compliance-") as folder:
        stored = {"path": Path(folder) / "sandbox.sqlite3"}
        values = settings_values(published_keys(profile), store=stored) | more
        with ComplianceDesk(Settings.model_validate(values), env=env) as desk:
            yield SandboxPlatform(desk)
