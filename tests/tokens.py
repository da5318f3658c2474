"""A driver's desk, and people who come to it with a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kz_compliance_sdk.faces.dashboard.access import add_token
from tests.driver import DAY, Driver


class Tokened:
    """What is served to whoever has one of its tokens."""

    def __init__(self, folder: Path, **of: Any) -> None:
        self.office = Driver(folder, **of)
        self.file = folder / "tokens.toml"
        self.made = 0
        self.token("nobody", "moderator")

    def bytes(self, size: int) -> bytes:
        self.made += 1
        return self.made.to_bytes(size)

    def token(self, actor: str, *roles: str, days: int = 30, **scope: Any) -> str:
        until = self.office.clock() + days * DAY
        return add_token(self.file, actor, roles, until, entropy=self.bytes, **scope)
