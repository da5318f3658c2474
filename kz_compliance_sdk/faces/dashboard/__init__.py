"""What the office works with over HTTP: the JSON API, with the permissions of whoever asks."""

from __future__ import annotations

from kz_compliance_sdk.faces.dashboard.access import Person, SignIn, Tokens
from kz_compliance_sdk.faces.dashboard.api import api_app

__all__ = ["Person", "SignIn", "Tokens", "api_app"]
